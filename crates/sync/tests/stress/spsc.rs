//! Rings: every item arrives whole and in order, with each way to wait, in rings of few slots and many.

use std::thread;

use tiercel_sync::spsc::{PopError, batch, message};
use tiercel_sync::wait::{AnyWait, SpinPark, WaitKind};

use crate::Item;

pub(crate) const ALL: &[(&str, fn())] = &[
    ("messages", messages),
    ("batches", batches),
    ("sleeping messages", sleeping_messages),
    ("items on the heap", items_on_the_heap),
];

const ITEMS: u64 = 20_000;

fn messages() {
    for (kind, capacity) in
        WaitKind::ALL.into_iter().flat_map(|kind| [1, 4, 256].map(|n| (kind, n)))
    {
        // Two that spin on one core would take turns of a time slice each.
        let items = if kind == WaitKind::BusySpin { ITEMS / 10 } else { ITEMS };
        let (mut producer, mut consumer) = message::ring_with(capacity, AnyWait::from(kind));
        thread::scope(|threads| {
            let sender =
                threads.spawn(move || (0..items).for_each(|n| producer.push(Item::of(n)).unwrap()));
            for number in 0..items {
                assert_eq!(consumer.pop().unwrap().number(), number);
            }
            assert!(consumer.pop().is_err());
            sender.join().unwrap();
        });
    }
}

fn batches() {
    for capacity in [1, 8, 256] {
        let (mut producer, mut consumer) = batch::ring::<Item>(capacity);
        thread::scope(|threads| {
            let sender = threads.spawn(move || {
                let mut next = 0;
                while next < ITEMS {
                    let size = (next % 13 + 1).min(ITEMS - next) as usize;
                    let chunk = producer.chunk(size).unwrap();
                    next += chunk.fill((next..).map(Item::of)) as u64;
                }
            });
            let mut next = 0;
            while let Ok(chunk) = consumer.chunk(7) {
                for item in &*chunk {
                    assert_eq!(item.number(), next);
                    next += 1;
                }
                chunk.release_all();
            }
            assert_eq!(next, ITEMS);
            sender.join().unwrap();
        });
    }
}

/// No spinning at all: every wait that finds nothing sleeps.
fn sleeping_messages() {
    let (mut producer, mut consumer) = message::ring_with(2, SpinPark::new(0, 0));
    thread::scope(|threads| {
        let sender =
            threads.spawn(move || (0..ITEMS).for_each(|n| producer.push(Item::of(n)).unwrap()));
        for number in 0..ITEMS {
            assert_eq!(consumer.pop().unwrap().number(), number);
        }
        sender.join().unwrap();
    });
}

fn items_on_the_heap() {
    let (mut producer, mut consumer) = message::ring::<Box<Item>>(64);
    thread::scope(|threads| {
        let sender = threads.spawn(move || {
            for number in 0..ITEMS {
                producer.push(Box::new(Item::of(number))).unwrap();
            }
        });
        let mut next = 0;
        loop {
            match consumer.try_pop_with(|item| item.number()) {
                Ok(number) => {
                    assert_eq!(number, next);
                    next += 1;
                }
                Err(PopError::Empty) => thread::yield_now(),
                Err(PopError::Closed) => break,
            }
        }
        assert_eq!(next, ITEMS);
        sender.join().unwrap();
    });
}
