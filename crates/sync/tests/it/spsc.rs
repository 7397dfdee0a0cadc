//! Rings against a `VecDeque`, and their edges.

use std::collections::VecDeque;
use std::sync::Arc;

use proptest::prelude::*;
use tiercel_sync::spsc::{Closed, PopError, PushError, batch, message};
use tiercel_sync::wait::BusySpin;

#[derive(Clone, Debug)]
enum Step {
    Push,
    PushRun(usize),
    Pop,
    PopRun(usize),
    PopInPlace,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Push),
        1 => (0..12_usize).prop_map(Step::PushRun),
        3 => Just(Step::Pop),
        1 => (1..12_usize).prop_map(Step::PopRun),
        1 => Just(Step::PopInPlace),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn a_message_ring_is_a_queue_with_a_bound(steps in steps(), capacity in 1..9_usize) {
        let (mut producer, mut consumer) = message::ring_with(capacity, BusySpin);
        let bound = capacity.next_power_of_two();
        let mut model = VecDeque::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Push | Step::PushRun(_) => {
                    let expected = if model.len() == bound {
                        Err(PushError::Full(Box::new(number)))
                    } else {
                        model.push_back(Box::new(number));
                        Ok(())
                    };
                    prop_assert_eq!(producer.try_push(Box::new(number)), expected);
                }
                Step::Pop | Step::PopRun(_) => {
                    let expected = model.pop_front().ok_or(PopError::Empty);
                    prop_assert_eq!(consumer.try_pop(), expected);
                }
                Step::PopInPlace => {
                    let expected = model.pop_front().ok_or(PopError::Empty);
                    prop_assert_eq!(consumer.try_pop_with(|item| item.clone()), expected);
                }
            }
        }
        drop(producer);
        let rest: Vec<_> = std::iter::from_fn(|| consumer.try_pop().ok()).collect();
        prop_assert_eq!(rest, Vec::from(model));
        prop_assert_eq!(consumer.try_pop(), Err(PopError::Closed));
    }

    #[test]
    fn a_batch_ring_is_a_queue_with_a_bound(steps in steps(), capacity in 1..9_usize) {
        let (mut producer, mut consumer) = batch::ring_with(capacity, BusySpin);
        let bound = capacity.next_power_of_two();
        let mut model: VecDeque<usize> = VecDeque::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Push => {
                    let expected =
                        if model.len() == bound { Err(PushError::Full(number)) } else { Ok(()) };
                    if expected.is_ok() {
                        model.push_back(number);
                    }
                    prop_assert_eq!(producer.try_push(number), expected);
                }
                Step::PushRun(count) => {
                    let run: Vec<usize> = (number..).take(count).collect();
                    let fits = count.min(bound - model.len());
                    model.extend(&run[..fits]);
                    prop_assert_eq!(producer.push_slice(&run), Ok(fits));
                }
                Step::Pop => {
                    let expected = model.pop_front().ok_or(PopError::Empty);
                    prop_assert_eq!(consumer.try_pop(), expected);
                }
                Step::PopRun(max) => {
                    let mut run = vec![0; max];
                    let expected: Vec<usize> = model.drain(..max.min(model.len())).collect();
                    match consumer.pop_slice(&mut run) {
                        Ok(count) => prop_assert_eq!(&run[..count], expected),
                        Err(error) => {
                            prop_assert_eq!(error, PopError::Empty);
                            prop_assert!(expected.is_empty());
                        }
                    }
                }
                Step::PopInPlace => match consumer.try_chunk(bound) {
                    Ok(chunk) => {
                        prop_assert!(model.iter().take(chunk.len()).eq(chunk.iter()));
                        // All but one stay.
                        chunk.release(1);
                        model.pop_front();
                    }
                    Err(error) => {
                        prop_assert_eq!(error, PopError::Empty);
                        prop_assert!(model.is_empty());
                    }
                },
            }
        }
        drop(producer);
        let rest: Vec<_> = std::iter::from_fn(|| consumer.try_pop().ok()).collect();
        prop_assert_eq!(rest, Vec::from(model));
        prop_assert_eq!(consumer.try_pop(), Err(PopError::Closed));
    }
}

#[test]
fn items_left_in_a_ring_are_dropped_once() {
    let item = Arc::new(());
    let (mut producer, mut consumer) = message::ring_with(8, BusySpin);
    let (mut batches, mut taken) = batch::ring_with(8, BusySpin);
    for _ in 0..6 {
        producer.try_push(Arc::clone(&item)).unwrap();
        batches.try_push(Arc::clone(&item)).unwrap();
    }
    drop((consumer.try_pop(), consumer.try_pop(), taken.try_pop()));
    taken.try_chunk(2).unwrap().release_all();
    assert_eq!(Arc::strong_count(&item), 1 + 4 + 3);
    drop((producer, consumer, batches, taken));
    assert_eq!(Arc::strong_count(&item), 1);
}

#[test]
fn a_panic_while_taking_neither_loses_nor_doubles_what_was_not_taken() {
    let item = Arc::new(());
    let (mut producer, mut consumer) = batch::ring_with(8, BusySpin);
    producer.try_chunk(4).unwrap().fill((0..4).map(|_| Arc::clone(&item)));
    let mut seen = 0;
    let taking = std::panic::AssertUnwindSafe(|| {
        consumer.drain(4, |_| {
            seen += 1;
            assert!(seen < 2, "on purpose");
        })
    });
    assert!(std::panic::catch_unwind(taking).is_err());
    assert_eq!(Arc::strong_count(&item), 1 + 2);
    assert_eq!(consumer.drain(4, drop), Ok(2));
    assert_eq!(Arc::strong_count(&item), 1);
}

#[test]
fn a_reserved_slot_that_is_not_written_sends_nothing() {
    let (mut producer, mut consumer) = message::ring_with(1, BusySpin);
    drop(producer.try_reserve().unwrap());
    assert_eq!(consumer.try_pop(), Err(PopError::Empty));
    producer.try_reserve().unwrap().write(5);
    assert!(matches!(producer.try_reserve(), Err(PushError::Full(()))));
    assert_eq!(consumer.pop(), Ok(5));
}

#[test]
fn a_producer_learns_that_the_consumer_went() {
    let (mut producer, consumer) = message::ring::<u8>(4);
    producer.push(1).unwrap();
    drop(consumer);
    assert!(producer.is_closed());
    assert_eq!(producer.try_push(2), Err(PushError::Closed(2)));
    assert_eq!(producer.push(3), Err(Closed(3)));
    let (mut producer, consumer) = batch::ring::<u8>(4);
    drop(consumer);
    assert_eq!(producer.push_slice(&[1]), Err(Closed(())));
    assert_eq!(producer.push(3), Err(Closed(3)));
}
