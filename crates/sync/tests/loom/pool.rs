//! An object has one holder, sees what the last one left, and is never lost.

use loom::sync::Arc;
use loom::thread;
use tiercel_sync::pool::Pool;

use super::check;

#[test]
fn an_object_has_one_holder_at_a_time() {
    check(|| {
        let pool = Arc::new(Pool::new(1, || 0_u64));
        let other = Arc::clone(&pool);
        let taking = thread::spawn(move || {
            let taken = other.acquire().map(|mut object| *object += 1);
            u64::from(taken.is_some())
        });
        let here = pool.acquire().map(|mut object| *object += 1);
        let taken = taking.join().unwrap() + u64::from(here.is_some());
        assert!(taken >= 1, "both were refused");
        assert_eq!(*pool.acquire().expect("lost"), taken);
        assert_eq!((pool.counts().hits, pool.counts().misses), (taken + 1, 2 - taken));
    });
}

/// One thread reads head and next; the other takes both objects and gives back the first: the head
/// names the same slot, and its next is another.
#[test]
fn a_head_that_came_back_is_another_head() {
    check(|| {
        let pool = Arc::new(Pool::new(2, || 0_u64));
        let other = Arc::clone(&pool);
        let taking = thread::spawn(move || {
            let one = other.acquire();
            if let Some(mut object) = one {
                *object += 1;
                let mut two = other.acquire();
                if let Some(second) = &mut two {
                    **second += 1;
                }
                drop(object);
                return usize::from(two.is_some());
            }
            0
        });
        let held = [pool.acquire(), pool.acquire()];
        for object in held.into_iter().flatten() {
            assert!(*object <= 2);
        }
        taking.join().unwrap();
        let all = [pool.acquire(), pool.acquire(), pool.acquire()];
        assert_eq!(all.iter().flatten().count(), 2, "lost, or twice there");
    });
}
