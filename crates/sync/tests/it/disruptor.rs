//! The disruptor's rules, on one thread.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tiercel_sync::disruptor::{self, Closed, PublishError};
use tiercel_sync::wait::BusySpin;

#[allow(clippy::trivially_copy_pass_by_ref, reason = "what a consumer calls")]
fn nothing(_: &u64, _: u64, _: bool) {}

#[test]
fn a_producer_stays_behind_the_slowest_leaf() {
    let ring = disruptor::single_with(4, || 0_u64, BusySpin);
    let (mut graph, [mut first, mut metrics]) = ring.consumers();
    let [mut second] = graph.after(&[&first]);
    let mut producer = graph.build();
    for number in 0..4 {
        assert_eq!(producer.try_publish(|event| *event = number), Ok(number));
    }
    assert_eq!(producer.try_publish(|_| unreachable!()), Err(PublishError::Full));
    // The second stage sees nothing before the first has done it.
    assert_eq!(second.poll(nothing), Ok(0));
    assert_eq!(first.poll_max(3, nothing), Ok(3));
    assert_eq!(second.poll_max(1, nothing), Ok(1));
    assert_eq!(producer.try_publish(|_| unreachable!()), Err(PublishError::Full));
    assert_eq!(metrics.poll_max(2, nothing), Ok(2));
    // The slowest leaf is the second stage, with one done.
    assert_eq!(producer.try_publish_batch(2, |_, _| unreachable!()), Err(PublishError::Full));
    assert_eq!(producer.try_publish(|event| *event = 4), Ok(4));
    assert_eq!(producer.try_publish(|_| unreachable!()), Err(PublishError::Full));
}

#[test]
fn batches_end_where_they_end() {
    let (graph, [mut consumer]) = disruptor::multi_with(8, || 0_u64, BusySpin).consumers();
    let mut producer = graph.build();
    producer.try_publish_batch(3, |event, sequence| *event = sequence).unwrap();
    let mut seen = Vec::new();
    let batch = consumer.poll(|event, sequence, end| seen.push((*event, sequence, end)));
    assert_eq!(batch, Ok(3));
    assert_eq!(seen, [(0, 0, false), (1, 1, false), (2, 2, true)]);
}

#[test]
fn what_was_published_is_consumed_before_the_end_is_told() {
    let (mut graph, [mut first]) = disruptor::single_with(4, || 0_u64, BusySpin).consumers();
    let [mut second] = graph.after(&[&first]);
    let mut producer = graph.build();
    producer.publish(|_| {}).unwrap();
    drop(producer);
    assert_eq!(second.poll(nothing), Ok(0));
    assert_eq!(first.consume(nothing), Ok(1));
    assert_eq!(first.consume(nothing), Err(Closed(())));
    assert_eq!(second.consume(nothing), Ok(1));
    assert_eq!(second.consume(nothing), Err(Closed(())));
}

#[test]
fn a_consumer_that_goes_early_closes_the_ring() {
    let (mut graph, [mut first]) = disruptor::single_with(4, || 0_u64, BusySpin).consumers();
    let [mut second] = graph.after(&[&first]);
    let mut producer = graph.build();
    producer.publish_batch(3, |_, _| {}).unwrap();
    assert_eq!(first.poll_max(2, nothing), Ok(2));
    drop(first);
    assert_eq!(producer.publish(|_| unreachable!()), Err(Closed(())));
    assert_eq!(producer.try_publish(|_| unreachable!()), Err(PublishError::Closed));
    // What the first has done, and no more.
    assert_eq!(second.consume(nothing), Ok(2));
    assert_eq!(second.consume(nothing), Err(Closed(())));
}

#[test]
fn a_batch_whose_handler_panics_comes_again() {
    let (graph, [mut consumer]) = disruptor::single_with(4, || 0_u64, BusySpin).consumers();
    let mut producer = graph.build();
    producer.publish_batch(2, |_, _| {}).unwrap();
    let handling = AssertUnwindSafe(|| consumer.poll(|_, sequence, _| assert_eq!(sequence, 0)));
    assert!(catch_unwind(handling).is_err());
    assert_eq!(consumer.poll(nothing), Ok(2));
}

#[test]
fn a_single_producer_that_panics_while_it_writes_publishes_nothing() {
    let (graph, [mut consumer]) = disruptor::single_with(4, || 0_u64, BusySpin).consumers();
    let mut producer = graph.build();
    let writing = AssertUnwindSafe(|| producer.publish(|_| panic!("on purpose")));
    assert!(catch_unwind(writing).is_err());
    assert_eq!(consumer.poll(nothing), Ok(0));
    assert_eq!(producer.publish(|event| *event = 1), Ok(0));
    assert_eq!(consumer.poll(|event, _, _| assert_eq!(*event, 1)), Ok(1));
}

#[test]
fn one_of_many_producers_that_panics_while_it_writes_closes_the_ring() {
    let (graph, [mut consumer]) = disruptor::multi_with(4, || 0_u64, BusySpin).consumers();
    let mut producer = graph.build();
    let mut other = producer.clone();
    producer.publish(|_| {}).unwrap();
    let writing = AssertUnwindSafe(|| producer.publish(|_| panic!("on purpose")));
    assert!(catch_unwind(writing).is_err());
    assert_eq!(other.publish(|_| unreachable!()), Err(Closed(())));
    assert_eq!(consumer.consume(nothing), Ok(1));
    assert_eq!(consumer.consume(nothing), Err(Closed(())));
}

#[test]
#[should_panic(expected = "a consumer of another ring")]
fn a_graph_does_not_follow_another_rings_consumer() {
    let (_, [stranger]) = disruptor::single_with(4, || 0_u64, BusySpin).consumers();
    let (mut graph, [_first]) = disruptor::single_with(4, || 0_u64, BusySpin).consumers();
    let [_second] = graph.after(&[&stranger]);
}

#[test]
#[should_panic(expected = "5 events do not fit in a ring of 4")]
fn a_batch_longer_than_the_ring_is_a_mistake() {
    let (graph, [_consumer]) = disruptor::single_with(4, || 0_u64, BusySpin).consumers();
    let mut producer = graph.build();
    let _ = producer.try_publish_batch(5, |_, _| {});
}
