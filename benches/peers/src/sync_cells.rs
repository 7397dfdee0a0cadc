//! Other people's shared state: the `seqlock` crate, arc-swap's cache, a bounded queue as a pool.

use std::hint::black_box;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};
use crossbeam_queue::ArrayQueue;
use seqlock::SeqLock;
use tiercel_cli::bench::Options;
use tiercel_cli::bench::contest::{Case, CaseSpec};
use tiercel_cli::bench::sync_cells::{Depth, Message, Record, reading, repeated};

/// Adds what does the case's work.
pub fn add(spec: &CaseSpec, case: &mut Case, options: &Options) {
    match spec.name {
        "seqlock_read" => {
            let lock = SeqLock::<Record>::new([1, 2, 3, 4, 5, 6, 7, 8]);
            let read = move || {
                let record = lock.read();
                black_box(&record)[7]
            };
            case.subjects.push(repeated("seqlock", options, read));
        }
        "seqlock_write" => {
            let lock = SeqLock::<Record>::new([0; 8]);
            let write = move || {
                *lock.lock_write() = *black_box(&[1, 2, 3, 4, 5, 6, 7, 8]);
                8
            };
            case.subjects.push(repeated("seqlock", options, write));
        }
        "snapshot_read" => {
            let cached = reading("arc-swap cache", options, || {
                let shown = Arc::new(ArcSwap::from_pointee(Depth::default()));
                let mut cache = Cache::new(Arc::clone(&shown));
                let publish = move |depth: &Depth| shown.store(Arc::new(*depth));
                (publish, move || **cache.load())
            });
            match cached {
                Ok(cached) => case.subjects.push(cached),
                Err(error) => eprintln!("{}: no arc-swap: {error}", spec.name),
            }
        }
        "snapshot_publish" => {
            let shown = ArcSwap::from_pointee(Depth::default());
            let book = Depth::of(7);
            let publish = move || {
                shown.store(Arc::new(*black_box(&book)));
                7
            };
            case.subjects.push(repeated("arc-swap", options, publish));
        }
        "pool_pair" => {
            let pool: ArrayQueue<Box<Message>> = ArrayQueue::new(1_024);
            for _ in 0..1_024 {
                // It has room for all of them.
                let _ = pool.push(Box::new([0; 32]));
            }
            let pair = move || {
                pool.pop().map_or(0, |mut message| {
                    message[0] = 1;
                    let seen = black_box(&*message)[0];
                    let _ = pool.push(message);
                    seen
                })
            };
            case.subjects.push(repeated("crossbeam ArrayQueue", options, pair));
        }
        _ => {}
    }
}
