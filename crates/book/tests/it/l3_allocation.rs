//! After warm-up, decoding and book building allocate nothing.

use tiercel_book::l3::{BookSet, Capacity};
use tiercel_sim::itch_flow::{ItchFlow, ItchFlowConfig};
use tiercel_testkit::counting_allocator::{allocations, alone, assert_counts_every_thread};
use tiercel_wire::itch::{Checksum, FrameReader, Frames};

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
        assert_counts_every_thread();
    });
}
