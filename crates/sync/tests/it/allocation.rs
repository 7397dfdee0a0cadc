//! After it is made, nothing allocates.

use tiercel_sync::pool::Pool;
use tiercel_sync::spsc::{batch, message};
use tiercel_sync::wait::SpinPark;
use tiercel_sync::{disruptor, seqlock, snapshot};
use tiercel_testkit::counting_allocator::{
    CountingAllocator, allocations, alone, assert_counts_every_thread,
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// A book of twenty levels a side, on the heap: as the state of a read model may be.
#[derive(Clone)]
struct Depth {
    levels: Vec<(i64, u64)>,
}

impl Depth {
    fn new() -> Self {
        Self { levels: Vec::with_capacity(40) }
    }

    fn update(&mut self, number: u64) {
        self.levels.clear();
        self.levels.extend((0..40).map(|level| (level, number)));
    }
}

#[test]
fn a_snapshot_is_published_and_read_without_an_allocation() {
    alone("allocation::a_snapshot_is_published_and_read_without_an_allocation", || {
        assert_counts_every_thread();
        let (mut publisher, mut reader) = snapshot::cell(Depth::new(), 2);
        let mut another = reader.try_clone().unwrap();
        let mut run = |numbers: core::ops::Range<u64>| {
            for number in numbers {
                publisher.publish(|depth| depth.update(number));
                assert_eq!(reader.read().levels[39].1, number);
                // One that looks now and then holds another slot meanwhile.
                if number % 7 == 0 {
                    assert_eq!(another.read().levels[0].1, number);
                }
            }
        };
        // A clone of an empty list has no room yet: each slot makes it once.
        run(0..100);
        let counted = allocations(|| run(100..10_000));
        assert_eq!(counted, 0);
        // The control: a publisher that makes its state anew is noticed each time.
        let counted = allocations(|| {
            for number in 0..100 {
                publisher.publish(|depth| {
                    *depth = Depth::new();
                    depth.update(number);
                });
            }
        });
        assert_eq!(counted, 100);
    });
}

#[test]
fn nothing_that_threads_share_allocates_in_use() {
    alone("allocation::nothing_that_threads_share_allocates_in_use", || {
        let (mut producer, mut consumer) = message::ring_with(8, SpinPark::default());
        let (mut batches, mut taken) = batch::ring_with(8, SpinPark::default());
        let (graph, [mut events]) = disruptor::multi(8, || 0_u64).consumers();
        let mut publisher = graph.build();
        let (mut writer, reader) = seqlock::record([0_u64; 8]);
        let pool = Pool::new(8, || 0_u64);
        let counted = allocations(|| {
            for number in 0..1_000_u64 {
                producer.push(number).unwrap();
                assert_eq!(consumer.pop(), Ok(number));
                assert_eq!(batches.push_slice(&[number; 5]), Ok(5));
                assert_eq!(taken.drain(5, |item| assert_eq!(item, number)), Ok(5));
                publisher.publish(|event| *event = number).unwrap();
                assert_eq!(events.consume(|event, _, _| assert_eq!(*event, number)), Ok(1));
                writer.write(&[number; 8]);
                assert_eq!(reader.read(), [number; 8]);
                *pool.acquire().unwrap() = number;
            }
        });
        assert_eq!(counted, 0);
    });
}
