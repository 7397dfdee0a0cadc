//! An object has one holder at a time, whoever gives it back where.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use proptest::prelude::*;
use tiercel_sync::pool::{Pool, Pooled};

#[test]
fn objects_are_taken_here_and_given_back_there() {
    const MESSAGES: u64 = 100_000;
    let pool = Pool::new(64, || [0_u64; 4]);
    let sum = AtomicU64::new(0);
    std::thread::scope(|threads| {
        let (sender, receiver) = mpsc::sync_channel::<Pooled<'_, [u64; 4]>>(32);
        for first in [0, MESSAGES] {
            let (sender, pool) = (sender.clone(), &pool);
            threads.spawn(move || {
                for number in first..first + MESSAGES {
                    let mut message = loop {
                        if let Some(message) = pool.acquire() {
                            break message;
                        }
                        std::thread::yield_now();
                    };
                    // Whoever else holds it would see the words change between.
                    *message = [number; 4];
                    sender.send(message).unwrap();
                }
            });
        }
        drop(sender);
        threads.spawn(|| {
            for message in receiver {
                assert!(message.iter().all(|&word| word == message[0]), "shared: {message:?}");
                sum.fetch_add(message[0], Ordering::Relaxed);
            }
        });
    });
    let numbers = 2 * MESSAGES;
    assert_eq!(sum.into_inner(), numbers * (numbers - 1) / 2);
    assert_eq!(pool.counts().hits, numbers);
    let all: Vec<_> = (0..64).map_while(|_| pool.acquire()).collect();
    assert_eq!(all.len(), 64, "some were lost");
    let places: HashSet<_> = all.iter().map(|held| &raw const **held as usize).collect();
    assert_eq!(places.len(), 64, "some are there twice");
}

#[test]
fn threads_that_take_and_give_at_once_never_share() {
    let pool = Pool::new(3, || 0_u64);
    std::thread::scope(|threads| {
        for thread in 1..=4_u64 {
            let pool = &pool;
            threads.spawn(move || {
                for _ in 0..100_000 {
                    let (Some(mut one), two) = (pool.acquire(), pool.acquire()) else { continue };
                    *one = thread;
                    drop(two);
                    assert_eq!(*one, thread, "shared");
                }
            });
        }
    });
    assert_eq!((0..4).map_while(|_| pool.acquire().map(std::mem::forget)).count(), 3);
    let counts = pool.counts();
    assert_eq!(counts.hits + counts.misses, 4 * 200_000 + 4);
}

#[test]
fn an_empty_pool_refuses_and_counts() {
    let pool = Pool::new(0, || ());
    assert_eq!(pool.counts().hit_rate(), None);
    assert!(pool.acquire().is_none());
    assert_eq!((pool.counts().hit_rate(), pool.capacity()), (Some(0.0), 0));
}

proptest! {
    /// Against a stack of free objects: the last that came back goes first.
    #[test]
    fn it_is_a_stack_that_counts(steps in prop::collection::vec((any::<bool>(), 0_usize..8), 0..300)) {
        let mut number = 0;
        let pool = Pool::new(5, || { number += 1; number });
        let mut free: Vec<i32> = (1..=5).rev().collect();
        let mut held: Vec<Pooled<'_, i32>> = Vec::new();
        let (mut hits, mut misses) = (0, 0);
        for (take, at) in steps {
            if take {
                let object = pool.acquire();
                prop_assert_eq!(object.as_ref().map(|object| **object), free.pop());
                if object.is_some() { hits += 1 } else { misses += 1 }
                held.extend(object);
            } else if !held.is_empty() {
                free.push(*held.swap_remove(at % held.len()));
            }
            prop_assert_eq!((pool.counts().hits, pool.counts().misses), (hits, misses));
        }
    }
}
