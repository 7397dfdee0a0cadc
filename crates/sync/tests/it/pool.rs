//! An object has one holder at a time, whoever gives it back where.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use proptest::prelude::*;
use tiercel_sync::pool::{Pool, Pooled};
use tiercel_sync::spsc;

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

/// Pseudo-random numbers (xorshift): the same bursts in every run.
fn burst(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    1 + *state % 32
}

/// A venue's load on its pool: two gateways take messages in bursts of 1 to 32 and send them on; the
/// engine, on another thread, gives them back, but for those that it keeps. A gateway has two bursts
/// under way at most: it waits for the answers to the one before the last.
fn hit_rate(capacity: usize, keeps_one_in: Option<u64>) -> Option<f64> {
    const BURSTS: u64 = 5_000;
    let pool = Pool::new(capacity, || [0_u64; 32]);
    let answered = [AtomicU64::new(0), AtomicU64::new(0)];
    let taken = AtomicU64::new(0);
    std::thread::scope(|threads| {
        let inboxes = [(); 2].map(|()| spsc::message::ring(64));
        let mut outboxes = Vec::new();
        for (gateway, (mut outbox, inbox)) in inboxes.into_iter().enumerate() {
            outboxes.push(inbox);
            let (pool, answered, taken) = (&pool, &answered[gateway], &taken);
            threads.spawn(move || {
                let mut random = 0x9e37_79b9_7f4a_7c15 + gateway as u64;
                let (mut sent, mut before) = (0, 0);
                for _ in 0..BURSTS {
                    while answered.load(Ordering::Acquire) < before {
                        std::thread::yield_now();
                    }
                    before = sent;
                    for _ in 0..burst(&mut random) {
                        sent += 1;
                        let mut message = pool.acquire_or_else(|| [0; 32]);
                        message[0] = sent;
                        message[31] = sent;
                        assert!(outbox.push(message).is_ok(), "the engine is gone");
                    }
                }
                taken.fetch_add(sent, Ordering::Relaxed);
            });
        }
        let answered = &answered;
        threads.spawn(move || {
            let mut seen = 0;
            let mut open = [true; 2];
            while open != [false; 2] {
                for gateway in 0..2 {
                    match outboxes[gateway].try_pop() {
                        Ok(message) => {
                            let number = answered[gateway].load(Ordering::Relaxed) + 1;
                            assert_eq!((message[0], message[31]), (number, number), "shared");
                            seen += 1;
                            if keeps_one_in.is_some_and(|count| seen % count == 0) {
                                std::mem::forget(message);
                            } else {
                                drop(message);
                            }
                            answered[gateway].store(number, Ordering::Release);
                        }
                        Err(spsc::PopError::Empty) => std::thread::yield_now(),
                        Err(spsc::PopError::Closed) => open[gateway] = false,
                    }
                }
            }
        });
    });
    let counts = pool.counts();
    assert_eq!(counts.hits + counts.misses, taken.into_inner());
    counts.hit_rate()
}

/// At most 128 are under way, 66 when the engine is slow: 96 are seldom too few.
#[test]
fn under_a_venues_load_more_than_95_in_100_are_hits() {
    let rate = hit_rate(96, None);
    assert!(rate.is_some_and(|rate| rate > 0.95), "{rate:?}");
}

/// The control: the rate notices an engine that keeps one of a hundred.
#[test]
fn a_pool_that_leaks_is_seen_in_its_hit_rate() {
    let rate = hit_rate(96, Some(100));
    assert!(rate.is_some_and(|rate| rate < 0.5), "{rate:?}");
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
