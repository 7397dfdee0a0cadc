//! Items arrive whole, in order, once; what is left is dropped once; both ends learn of the end.

use loom::thread;
use tiercel_sync::atomic::{Arc, AtomicUsize, Ordering};
use tiercel_sync::spsc::{Closed, PopError, PushError, batch, message};
use tiercel_sync::wait::{BusySpin, SpinPark};

use crate::check;

const ITEMS: u64 = 3;

/// A value on the heap: loom follows it, and notices one that is lost or dropped twice.
type Item = Arc<u64>;

fn item(number: u64) -> Item {
    Arc::new(number)
}

/// So many items go through one by one, in order, and the end comes after the last.
fn one_by_one(
    count: u64,
    mut push: impl FnMut(Item) + 'static,
    mut pop: impl FnMut() -> Result<Item, Closed>,
) {
    let sender = thread::spawn(move || (0..count).for_each(|number| push(item(number))));
    for number in 0..count {
        assert_eq!(*pop().unwrap(), number);
    }
    assert!(pop().is_err());
    sender.join().unwrap();
}

#[test]
fn messages_cross_a_ring_of_two_spinning() {
    check(|| {
        let (mut producer, mut consumer) = message::ring_with(2, BusySpin);
        one_by_one(ITEMS, move |item| producer.push(item).unwrap(), || consumer.pop());
    });
}

/// One slot: each side sleeps for the other again and again.
#[test]
fn messages_cross_a_ring_of_one_sleeping() {
    check(|| {
        let (mut producer, mut consumer) = message::ring_with(1, SpinPark::new(0, 0));
        one_by_one(2, move |item| producer.push(item).unwrap(), || consumer.pop());
    });
}

#[test]
fn batches_cross_a_ring_of_two_spinning() {
    check(|| {
        let (mut producer, mut consumer) = batch::ring_with(2, BusySpin);
        let sender = thread::spawn(move || {
            let mut items = (0..ITEMS).map(item).peekable();
            while items.peek().is_some() {
                producer.chunk(2).unwrap().fill(&mut items);
            }
        });
        let mut next = 0;
        loop {
            match consumer.drain(2, |value: Item| {
                assert_eq!(*value, next);
                next += 1;
            }) {
                Ok(_) => {}
                Err(PopError::Empty) => thread::yield_now(),
                Err(PopError::Closed) => break,
            }
        }
        assert_eq!(next, ITEMS);
        sender.join().unwrap();
    });
}

/// What is written in place is whole when it is read in place, and is not written again before it is
/// released.
#[test]
fn chunks_are_written_and_read_in_place() {
    check(|| {
        let (mut producer, mut consumer) = batch::ring_with(2, BusySpin);
        let sender = thread::spawn(move || {
            let mut sent = 0;
            while sent < ITEMS {
                let mut chunk = producer.chunk((ITEMS - sent) as usize).unwrap();
                let count = chunk.len();
                for at in 0..count {
                    chunk.write(at, item(sent + at as u64));
                }
                // SAFETY: all of it was just written.
                unsafe { chunk.commit(count) };
                sent += count as u64;
            }
        });
        let mut next = 0;
        while let Ok(chunk) = consumer.chunk(2) {
            let count = chunk.len();
            for at in 0..count {
                chunk.with(at, |value| assert_eq!(**value, next + at as u64));
            }
            // One at a time: what stays is there again the next time.
            chunk.release(1);
            next += 1;
        }
        assert_eq!(next, ITEMS);
        sender.join().unwrap();
    });
}

#[test]
fn batches_cross_a_ring_of_one_sleeping() {
    check(|| {
        let (mut producer, mut consumer) = batch::ring_with(1, SpinPark::new(0, 0));
        one_by_one(2, move |item| producer.push(item).unwrap(), || consumer.pop());
    });
}

/// The consumer goes while the producer sends: each item is dropped once, here or there.
#[test]
fn what_is_left_when_the_consumer_goes_is_dropped_once() {
    check(|| {
        let dropped = Arc::new(AtomicUsize::new(0));
        struct Counted(Arc<AtomicUsize>);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (mut producer, mut consumer) = message::ring_with(2, BusySpin);
        let sender = thread::spawn({
            let dropped = Arc::clone(&dropped);
            move || {
                let mut made = 0;
                for _ in 0..2 {
                    made += 1;
                    match producer.try_push(Counted(Arc::clone(&dropped))) {
                        Ok(()) | Err(PushError::Closed(_)) => {}
                        Err(PushError::Full(_)) => panic!("two fit"),
                    }
                }
                made
            }
        });
        drop(consumer.try_pop());
        drop(consumer);
        let made = sender.join().unwrap();
        assert_eq!(dropped.load(Ordering::Relaxed), made);
    });
}

/// A producer that sleeps because the ring is full learns that the consumer went.
#[test]
fn a_sleeping_producer_learns_of_the_end() {
    check(|| {
        let (mut producer, consumer) = message::ring_with(1, SpinPark::new(0, 0));
        let sender = thread::spawn(move || while producer.push(0_u64).is_ok() {});
        drop(consumer);
        sender.join().unwrap();
    });
}
