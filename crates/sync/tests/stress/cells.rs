//! Shared state: no half record, no half book, no object with two holders.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tiercel_sync::pool::{Pool, Pooled};
use tiercel_sync::{seqlock, snapshot, spsc};

use crate::{Item, join};

pub(crate) const ALL: &[(&str, fn())] = &[
    ("sequence lock", sequence_lock),
    ("snapshot", snapshots),
    ("snapshot, readers that come and go", guests),
    ("pool, taken here and given back there", pool_across),
    ("pool, taken and given back by all", pool_among),
];

const WRITES: u64 = 20_000;

/// A book of two lines.
type Book = [Item; 2];

fn sequence_lock() {
    let (mut writer, reader) = seqlock::record(Item::of(0).0);
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        let readers = [reader.clone(), reader.clone()].map(|reader| {
            threads.spawn(|| {
                let reader = reader;
                let mut last = 0;
                // Relaxed here and below, so that it orders nothing that the lock itself should.
                while !done.load(Ordering::Relaxed) {
                    let number = Item(reader.read()).number();
                    assert!(number >= last, "back in time");
                    last = number;
                }
            })
        });
        for number in 1..=WRITES {
            writer.write(&Item::of(number).0);
        }
        done.store(true, Ordering::Relaxed);
        join(readers);
    });
    assert_eq!(Item(reader.read()).number(), WRITES);
}

fn snapshots() {
    let (mut publisher, first) = snapshot::cell([Item::of(0); 2], 2);
    let second = first.try_clone().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        let readers = [first, second].map(|mut reader| {
            let done = &done;
            threads.spawn(move || {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    last = whole(reader.read(), last);
                }
            })
        });
        for number in 1..=WRITES {
            publisher.publish(|book| book.fill(Item::of(number)));
        }
        done.store(true, Ordering::Relaxed);
        join(readers);
    });
    assert_eq!(whole(publisher.read(), WRITES), WRITES);
}

fn guests() {
    let (mut publisher, reader) = snapshot::cell([Item::of(0); 2], 4);
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        let readers = [reader.try_clone().unwrap(), reader].map(|mut reader| {
            let done = &done;
            threads.spawn(move || {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let mut guest = reader.try_clone().unwrap();
                    last = whole(guest.read(), last);
                    last = whole(reader.read(), last);
                }
            })
        });
        for number in 1..=WRITES {
            publisher.publish(|book| book.fill(Item::of(number)));
        }
        done.store(true, Ordering::Relaxed);
        join(readers);
    });
}

fn whole(book: &Book, last: u64) -> u64 {
    let number = book[0].number();
    assert_eq!(book[1].number(), number, "a book of two publications");
    assert!(number >= last, "back in time");
    number
}

fn pool_across() {
    let pool = Pool::new(8, || Item::of(0));
    let (producer, mut consumer) = spsc::message::ring::<Pooled<'_, Item>>(8);
    thread::scope(|threads| {
        let taking = threads.spawn(|| {
            // It goes when this thread goes.
            let mut producer = producer;
            for number in 0..WRITES {
                let mut item = loop {
                    match pool.acquire() {
                        Some(item) => break item,
                        None => thread::yield_now(),
                    }
                };
                *item = Item::of(number);
                producer.push(item).unwrap();
            }
        });
        for number in 0..WRITES {
            assert_eq!(consumer.pop().unwrap().number(), number);
        }
        join([taking]);
    });
    drop(consumer);
    assert_eq!(pool.counts().hits, WRITES);
    let all: Vec<_> = (0..9).map_while(|_| pool.acquire()).collect();
    assert_eq!(all.len(), 8, "lost, or twice there");
}

fn pool_among() {
    let pool = Pool::new(3, || Item::of(0));
    thread::scope(|threads| {
        join([0, 1, 2, 3].map(|thread| {
            let pool = &pool;
            threads.spawn(move || {
                for number in 0..WRITES {
                    let (Some(mut one), two) = (pool.acquire(), pool.acquire()) else { continue };
                    let mine = number * 4 + thread;
                    *one = Item::of(mine);
                    drop(two);
                    assert_eq!(one.number(), mine, "two hold it");
                }
            })
        }));
    });
    let all: Vec<_> = (0..4).map_while(|_| pool.acquire()).collect();
    assert_eq!(all.len(), 3, "lost, or twice there");
}
