//! Disruptors: every event comes to every consumer, whole, in order, after those before it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tiercel_sync::disruptor;
use tiercel_sync::wait::{AnyWait, SpinPark, WaitKind};

use crate::{Item, join};

pub(crate) const ALL: &[(&str, fn())] = &[
    ("one producer, a graph", one_producer_and_a_graph),
    ("one producer in batches", one_producer_in_batches),
    ("three producers", three_producers),
    ("three sleeping producers", three_sleeping_producers),
];

const EVENTS: u64 = 20_000;

/// `engine` follows `journal` and `risk`, and must never be ahead of either.
fn one_producer_and_a_graph() {
    for kind in [WaitKind::SpinYield, WaitKind::SpinPark] {
        let ring = disruptor::single_with(16, Item::default, AnyWait::from(kind));
        let (mut graph, [mut journal, mut risk]) = ring.consumers();
        let [mut engine] = graph.after(&[&journal, &risk]);
        let mut producer = graph.build();
        let done = [AtomicU64::new(0), AtomicU64::new(0)];
        thread::scope(|threads| {
            let stages =
                [(&mut journal, &done[0]), (&mut risk, &done[1])].map(|(consumer, done)| {
                    threads.spawn(move || {
                        let mark = |item: &Item, sequence, _| {
                            assert_eq!(item.number(), sequence);
                            done.store(sequence + 1, Ordering::Relaxed);
                        };
                        while consumer.consume(mark).is_ok() {}
                    })
                });
            let engine = threads.spawn(|| {
                let mut next = 0;
                let mut follow = |item: &Item, sequence, _| {
                    assert_eq!((item.number(), sequence), (next, next));
                    assert!(done.iter().all(|done| done.load(Ordering::Relaxed) > sequence));
                    next += 1;
                };
                while engine.consume(&mut follow).is_ok() {}
                next
            });
            for number in 0..EVENTS {
                assert_eq!(producer.publish(|event| *event = Item::of(number)), Ok(number));
            }
            drop(producer);
            assert_eq!(engine.join().unwrap(), EVENTS);
            join(stages);
        });
    }
}

fn one_producer_in_batches() {
    let (graph, [mut consumer]) = disruptor::single(64, Item::default).consumers();
    let mut producer = graph.build();
    thread::scope(|threads| {
        let writer = threads.spawn(move || {
            let mut next = 0;
            while next < EVENTS {
                let count = (next % 31 + 1).min(EVENTS - next);
                let write = |event: &mut Item, sequence| *event = Item::of(sequence);
                assert_eq!(producer.publish_batch(count as usize, write), Ok(next));
                next += count;
            }
        });
        let mut next = 0;
        let mut read = |item: &Item, sequence, _| {
            assert_eq!((item.number(), sequence), (next, next));
            next += 1;
        };
        while consumer.consume(&mut read).is_ok() {}
        assert_eq!(next, EVENTS);
        join([writer]);
    });
}

fn three_producers() {
    producers(32, AnyWait::default());
}

/// No spinning at all, two slots: everybody sleeps all the time.
fn three_sleeping_producers() {
    producers(2, AnyWait::SpinPark(SpinPark::new(0, 0)));
}

/// Each producer's events keep their order, and none is missing.
fn producers(capacity: usize, wait: AnyWait) {
    const PRODUCERS: usize = 3;
    const EACH: u64 = EVENTS / 4;
    let (graph, [mut first, mut second]) =
        disruptor::multi_with(capacity, Item::default, wait).consumers();
    let producer = graph.build();
    thread::scope(|threads| {
        let writers = [0, 1, 2].map(|number: u64| {
            let mut producer = producer.clone();
            threads.spawn(move || {
                let mut sent = 0;
                while sent < EACH {
                    let count = (sent % 2 + 1).min(EACH - sent);
                    let mut write = |event: &mut Item, _| {
                        *event = Item::of(number << 32 | sent);
                        sent += 1;
                    };
                    producer.publish_batch(count as usize, &mut write).unwrap();
                }
            })
        });
        drop(producer);
        let readers = [&mut first, &mut second].map(|consumer| {
            threads.spawn(move || {
                let mut next = [0; PRODUCERS];
                let mut read = |item: &Item, _, _| {
                    let number = item.number();
                    let next = &mut next[(number >> 32) as usize];
                    assert_eq!(number & 0xffff_ffff, *next);
                    *next += 1;
                };
                while consumer.consume(&mut read).is_ok() {}
                assert_eq!(next, [EACH; PRODUCERS]);
            })
        });
        join(writers);
        join(readers);
    });
}
