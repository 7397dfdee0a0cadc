//! After warm-up, decoding and book building allocate nothing.

use std::hint::black_box;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use tiercel_book::l3::{BookSet, Capacity};
use tiercel_sim::itch_flow::{ItchFlow, ItchFlowConfig};
use tiercel_wire::itch::{Checksum, FrameReader, Frames};

use super::allocations::{allocations, alone};

#[test]
fn decoding_and_building_books_allocate_nothing_after_warm_up() {
    alone("it::l3_allocation::decoding_and_building_books_allocate_nothing_after_warm_up", || {
        let live_orders = 20_000;
        let config = ItchFlowConfig { instruments: 20, live_orders, messages: 200_000, seed: 8 };
        let bytes = ItchFlow::bytes(&config);
        let mut books =
            BookSet::new(Capacity { instruments: 20, orders: 2 * live_orders, levels: 1_000 });
        for locate in 1..=20 {
            books.open(locate);
        }
        let mut checksum = Checksum::default();
        let whole = allocations(|| {
            for message in Frames::new(&bytes) {
                let message = message.unwrap();
                checksum.add(&message);
                if let Some(operation) = message.operation() {
                    books.apply(&operation).unwrap();
                }
            }
        });
        assert!(books.live_orders() > live_orders / 2 && checksum != Checksum::default());
        let mut bad = 0;
        // The day once more: nearly everything now contradicts the books.
        let chunked = allocations(|| {
            let mut reader = FrameReader::default();
            for chunk in bytes.chunks(1_400) {
                reader.feed(chunk, |message| {
                    if let Some(operation) = message.unwrap().operation() {
                        bad += u64::from(books.apply(&operation).is_err());
                    }
                });
            }
        });
        assert!(bad > 10_000);
        assert_eq!((whole, chunked), (0, 0));
    });
}

#[test]
fn an_allocation_on_any_thread_is_counted() {
    alone("it::l3_allocation::an_allocation_on_any_thread_is_counted", || {
        assert_eq!(allocations(|| ()), 0);
        assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1);
        let phase = AtomicU8::new(0);
        let wait = |until| {
            while phase.load(Ordering::SeqCst) < until {
                thread::yield_now();
            }
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                phase.store(1, Ordering::SeqCst);
                wait(2);
                drop(black_box(Box::new(1)));
                phase.store(3, Ordering::SeqCst);
            });
            wait(1);
            let counted = allocations(|| {
                phase.store(2, Ordering::SeqCst);
                wait(3);
            });
            assert_eq!(counted, 1);
        });
    });
}
