//! Every event comes to every consumer, whole, once, in order, after those before it; nobody sleeps for
//! ever; nothing that was published is lost at the end.

use loom::thread;
use tiercel_sync::disruptor::{self, Consumer, Multi, Single};
use tiercel_sync::wait::{BusySpin, SpinPark, Wait};

use crate::{check, check_within};

/// Reads all there is and returns it, as a thread of its own would.
fn drain_single<W: Wait>(mut consumer: Consumer<u64, Single, W>) -> Vec<u64> {
    let mut seen = Vec::new();
    while consumer.consume(|event, _, _| seen.push(*event)).is_ok() {}
    seen
}

fn drain_multi<W: Wait>(mut consumer: Consumer<u64, Multi, W>) -> Vec<u64> {
    let mut seen = Vec::new();
    while consumer.consume(|event, _, _| seen.push(*event)).is_ok() {}
    seen
}

#[test]
fn one_producer_fills_a_ring_of_two_for_one_consumer() {
    check(|| {
        let (graph, [consumer]) = disruptor::single_with(2, || 0, BusySpin).consumers();
        let mut producer = graph.build();
        let reader = thread::spawn(move || drain_single(consumer));
        producer.publish(|event| *event = 10).unwrap();
        producer.publish_batch(2, |event, sequence| *event = 10 + sequence).unwrap();
        drop(producer);
        assert_eq!(reader.join().unwrap(), [10, 11, 12]);
    });
}

/// One slot, everybody sleeps: the producer for room, the consumer for events.
#[test]
fn one_producer_and_one_consumer_sleep_for_each_other() {
    check(|| {
        let wait = SpinPark::new(0, 0);
        let (graph, [consumer]) = disruptor::single_with(1, || 0, wait).consumers();
        let mut producer = graph.build();
        let reader = thread::spawn(move || drain_single(consumer));
        for number in 0..2 {
            producer.publish(|event| *event = number).unwrap();
        }
        drop(producer);
        assert_eq!(reader.join().unwrap(), [0, 1]);
    });
}

/// The second stage reads only what the first has done.
#[test]
fn a_consumer_follows_another() {
    check(|| {
        let (mut graph, [first]) = disruptor::single_with(2, || 0, BusySpin).consumers();
        let [second] = graph.after(&[&first]);
        let mut producer = graph.build();
        let stage = thread::spawn(move || drain_single(first));
        for number in 1..3 {
            producer.publish(|event| *event = number).unwrap();
        }
        drop(producer);
        assert_eq!(drain_single(second), [1, 2]);
        assert_eq!(stage.join().unwrap(), [1, 2]);
    });
}

/// The producer and the first stage are one thread: the second stage has the event by way of the first
/// stage's mark alone.
#[test]
fn a_consumer_sees_an_event_by_the_one_before_it() {
    check(|| {
        let (mut graph, [first]) = disruptor::single_with(2, || 0, BusySpin).consumers();
        let [second] = graph.after(&[&first]);
        let mut producer = graph.build();
        let stage = thread::spawn(move || {
            producer.publish(|event| *event = 7).unwrap();
            drop(producer);
            drain_single(first)
        });
        assert_eq!(drain_single(second), [7]);
        assert_eq!(stage.join().unwrap(), [7]);
    });
}

/// Two first stages end one after the other: the one that ends later has seen all there was.
#[test]
fn the_end_of_one_consumer_hides_nothing_from_another() {
    check(|| {
        let (graph, [first, second]) = disruptor::single_with(2, || 0, BusySpin).consumers();
        let mut producer = graph.build();
        let stage = thread::spawn(move || drain_single(first));
        producer.publish(|event| *event = 7).unwrap();
        drop(producer);
        assert_eq!(drain_single(second), [7]);
        assert_eq!(stage.join().unwrap(), [7]);
    });
}

/// The first stages end one after the other: that one is gone must not hide what the other has yet to
/// do.
#[test]
fn a_consumer_after_two_gets_what_both_have_done() {
    check(|| {
        let (mut graph, [first, second]) = disruptor::single_with(2, || 0, BusySpin).consumers();
        let [last] = graph.after(&[&first, &second]);
        let mut producer = graph.build();
        let stage = thread::spawn(move || drain_single(first));
        producer.publish(|event| *event = 7).unwrap();
        drop(producer);
        assert_eq!(drain_single(second), [7]);
        assert_eq!(drain_single(last), [7]);
        assert_eq!(stage.join().unwrap(), [7]);
    });
}

#[test]
fn two_producers_claim_and_publish_one_each() {
    check(|| {
        let (graph, [consumer]) = disruptor::multi_with(2, || 0, BusySpin).consumers();
        let producer = graph.build();
        let writers = [producer.clone(), producer].map(|mut producer| {
            thread::spawn(move || producer.publish(|event| *event += 1).unwrap())
        });
        assert_eq!(drain_multi(consumer), [1, 1]);
        let mut sequences = writers.map(|writer| writer.join().unwrap());
        sequences.sort_unstable();
        assert_eq!(sequences, [0, 1]);
    });
}

/// One slot, two producers: the slot of the first event is written again by the other one.
#[test]
fn two_producers_share_one_slot_sleeping() {
    // Three threads: within three preemptions it would take a minute.
    check_within(2, || {
        let wait = SpinPark::new(0, 0);
        let (graph, [consumer]) = disruptor::multi_with(1, || 0, wait).consumers();
        let producer = graph.build();
        let mut another = producer.clone();
        let mut producer = producer;
        let writer = thread::spawn(move || another.publish(|event| *event += 1).unwrap());
        let reader = thread::spawn(move || drain_multi(consumer));
        producer.publish(|event| *event += 1).unwrap();
        drop(producer);
        writer.join().unwrap();
        assert_eq!(reader.join().unwrap(), [1, 2]);
    });
}

/// A consumer that goes away tells a producer that sleeps for room.
#[test]
fn a_sleeping_producer_learns_that_a_consumer_went() {
    check(|| {
        let wait = SpinPark::new(0, 0);
        let (graph, [consumer]) = disruptor::single_with(1, || 0_u64, wait).consumers();
        let mut producer = graph.build();
        let writer = thread::spawn(move || while producer.publish(|event| *event += 1).is_ok() {});
        drop(consumer);
        writer.join().unwrap();
    });
}
