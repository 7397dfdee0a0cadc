//! Other people's rings and disruptor, each through the part of its face that is fastest.

use std::hint::spin_loop;
use std::num::NonZeroUsize;
use std::sync::mpsc;

use disruptor::{BusySpin, Polling, Producer as _};
use gil::read_guard::BatchReader as _;
use ringbuf::traits::{Consumer as _, Observer as _, Producer as _, Split as _};
use tiercel_cli::bench::contest::{Case, CaseSpec, Subject};
use tiercel_cli::bench::sync::{
    BATCH, Both, CAPACITY, Line, Message, latency_subject, throughput_subject,
};
use tiercel_cli::bench::{BenchError, Options};

type Subjects = Result<Vec<Box<dyn Subject>>, BenchError>;

/// Adds the peers of a case on rings or the disruptor.
pub fn add(spec: &CaseSpec, case: &mut Case, options: &Options) {
    let peers = match spec.name {
        "spsc_latency_8" => latency::<u64>(options),
        "spsc_latency_56" => latency::<Line>(options),
        "spsc_throughput_64" => throughput(options),
        "spsc_batch_64" => batches(options),
        "disruptor_1" => published(options, 1).map(one),
        "disruptor_1_two" => published_to_two(options, 1).map(one),
        "disruptor_32" => published(options, 32).map(one),
        "disruptor_32_two" => published_to_two(options, 32).map(one),
        _ => return,
    };
    match peers {
        Ok(peers) => case.subjects.extend(peers),
        // Ours was made with the same options: the case is refused as a whole.
        Err(error) => eprintln!("{}: no peers: {error}", spec.name),
    }
}

fn one(subject: Box<dyn Subject>) -> Vec<Box<dyn Subject>> {
    vec![subject]
}

const CAPACITY_NONZERO: NonZeroUsize = NonZeroUsize::new(CAPACITY).unwrap();

/// Looks until there is something.
#[inline(always)]
fn spin<T>(mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(value) = look() {
            return value;
        }
        spin_loop();
    }
}

fn latency<M: Message>(options: &Options) -> Subjects {
    Ok(vec![
        latency_subject("rtrb", options, || {
            let (mut producer, mut consumer) = rtrb::RingBuffer::<M>::new(CAPACITY);
            let send = move |message| spin(|| producer.push(message).ok());
            (send, move || spin(|| consumer.pop().ok()))
        })?,
        latency_subject("gil", options, || {
            let (mut sender, mut receiver) = gil::spsc::channel::<M>(CAPACITY_NONZERO);
            let send = move |message| spin(|| sender.try_send(message).ok());
            (send, move || spin(|| receiver.try_recv()))
        })?,
        latency_subject("ringbuf", options, || {
            let (mut producer, mut consumer) = ringbuf::HeapRb::<M>::new(CAPACITY).split();
            let send = move |message| spin(|| producer.try_push(message).ok());
            (send, move || spin(|| consumer.try_pop()))
        })?,
        latency_subject("crossbeam-channel", options, || {
            let (sender, receiver) = crossbeam_channel::bounded::<M>(CAPACITY);
            let send = move |message| spin(|| sender.try_send(message).ok());
            (send, move || spin(|| receiver.try_recv().ok()))
        })?,
        latency_subject("std mpsc", options, || {
            let (sender, receiver) = mpsc::sync_channel::<M>(CAPACITY);
            let send = move |message| spin(|| sender.try_send(message).ok());
            (send, move || spin(|| receiver.try_recv().ok()))
        })?,
    ])
}

/// A sender and a receiver of single messages, as [`throughput_subject`] wants them.
fn single(
    mut push: impl FnMut(Line) -> bool + Send,
    mut pop: impl FnMut() -> Option<Line>,
) -> (impl FnMut(u64, u64) -> u64 + Send, impl FnMut(&mut u64) -> u64) {
    let send = move |number, _| u64::from(push(Line::of(number)));
    let receive = move |sum: &mut u64| match pop() {
        Some(message) => {
            *sum = sum.wrapping_add(message.sum());
            1
        }
        None => 0,
    };
    (send, receive)
}

fn throughput(options: &Options) -> Subjects {
    Ok(vec![
        throughput_subject("rtrb", options, || {
            let (mut producer, mut consumer) = rtrb::RingBuffer::new(CAPACITY);
            single(move |message| producer.push(message).is_ok(), move || consumer.pop().ok())
        })?,
        throughput_subject("gil", options, || {
            let (mut sender, mut receiver) = gil::spsc::channel(CAPACITY_NONZERO);
            single(move |message| sender.try_send(message).is_ok(), move || receiver.try_recv())
        })?,
        throughput_subject("ringbuf", options, || {
            let (mut producer, mut consumer) = ringbuf::HeapRb::new(CAPACITY).split();
            single(move |message| producer.try_push(message).is_ok(), move || consumer.try_pop())
        })?,
        throughput_subject("crossbeam-channel", options, || {
            let (sender, receiver) = crossbeam_channel::bounded(CAPACITY);
            single(
                move |message| sender.try_send(message).is_ok(),
                move || receiver.try_recv().ok(),
            )
        })?,
        throughput_subject("std mpsc", options, || {
            let (sender, receiver) = mpsc::sync_channel(CAPACITY);
            single(
                move |message| sender.try_send(message).is_ok(),
                move || receiver.try_recv().ok(),
            )
        })?,
        throughput_subject("disruptor", options, || {
            let builder = disruptor::build_single_producer(CAPACITY, || Line::of(0), BusySpin);
            let (mut poller, builder) = builder.new_event_poller();
            let mut producer = builder.build();
            let send = move |number, _| {
                u64::from(producer.try_publish(|event| *event = Line::of(number)).is_ok())
            };
            let receive = move |sum: &mut u64| match poller.poll() {
                Ok(mut events) => (&mut events).fold(0, |count, event| {
                    *sum = sum.wrapping_add(event.sum());
                    count + 1
                }),
                Err(Polling::NoEvents | Polling::Shutdown) => 0,
            };
            (send, receive)
        })?,
    ])
}

fn batches(options: &Options) -> Subjects {
    let sum_of = |sum: u64, messages: &[Line]| {
        messages.iter().fold(sum, |sum, message| sum.wrapping_add(message.sum()))
    };
    Ok(vec![
        throughput_subject("rtrb", options, move || {
            let (mut producer, mut consumer) = rtrb::RingBuffer::<Line>::new(CAPACITY);
            let send = move |number: u64, left: u64| {
                let count = producer.slots().min(BATCH).min(left as usize);
                match producer.write_chunk_uninit(count) {
                    Ok(chunk) => chunk.fill_from_iter((number..).map(Line::of)) as u64,
                    Err(_) => 0,
                }
            };
            let receive = move |sum: &mut u64| {
                let count = consumer.slots().min(BATCH);
                let Ok(chunk) = consumer.read_chunk(count) else { return 0 };
                let (first, second) = chunk.as_slices();
                *sum = sum_of(sum_of(*sum, first), second);
                chunk.commit_all();
                count as u64
            };
            (send, receive)
        })?,
        throughput_subject("gil", options, move || {
            let (mut sender, mut receiver) = gil::spsc::channel::<Line>(CAPACITY_NONZERO);
            let send = move |number: u64, left: u64| {
                let slots = sender.write_buffer();
                let count = slots.len().min(BATCH).min(left as usize);
                for (number, slot) in (number..).zip(&mut slots[..count]) {
                    slot.write(Line::of(number));
                }
                // SAFETY: the first `count` slots were just written.
                unsafe { sender.commit(count) };
                count as u64
            };
            let receive = move |sum: &mut u64| {
                let messages = receiver.read_buffer();
                let count = messages.len().min(BATCH);
                *sum = sum_of(*sum, &messages[..count]);
                // SAFETY: so many were there.
                unsafe { receiver.advance(count) };
                count as u64
            };
            (send, receive)
        })?,
        throughput_subject("ringbuf", options, move || {
            let (mut producer, mut consumer) = ringbuf::HeapRb::<Line>::new(CAPACITY).split();
            let send = move |number: u64, left: u64| {
                let count = producer.vacant_len().min(BATCH).min(left as usize);
                producer.push_iter((number..).map(Line::of).take(count)) as u64
            };
            let receive = move |sum: &mut u64| {
                let (first, _) = consumer.as_slices();
                let count = first.len().min(BATCH);
                *sum = sum_of(*sum, &first[..count]);
                consumer.skip(count) as u64
            };
            (send, receive)
        })?,
    ])
}

/// Publishes `run` events at once.
fn publisher(
    mut producer: impl disruptor::Producer<u64> + Send,
    run: u64,
) -> impl FnMut(u64, u64) -> u64 + Send {
    move |number, left| {
        let count = run.min(left);
        let published = if count == 1 {
            producer.try_publish(|event| *event = number).is_ok()
        } else {
            producer
                .try_batch_publish(count as usize, |events| {
                    events.zip(number..).for_each(|(event, number)| *event = number);
                })
                .is_ok()
        };
        if published { count } else { 0 }
    }
}

fn published(options: &Options, run: u64) -> Result<Box<dyn Subject>, BenchError> {
    throughput_subject("disruptor", options, move || {
        let builder = disruptor::build_single_producer(CAPACITY, || 0_u64, BusySpin);
        let (mut poller, builder) = builder.new_event_poller();
        let receive = move |sum: &mut u64| poll(&mut poller, sum);
        (publisher(builder.build(), run), receive)
    })
}

fn published_to_two(options: &Options, run: u64) -> Result<Box<dyn Subject>, BenchError> {
    throughput_subject("disruptor", options, move || {
        let builder = disruptor::build_single_producer(CAPACITY, || 0_u64, BusySpin);
        let (mut first, builder) = builder.new_event_poller();
        let (mut second, builder) = builder.new_event_poller();
        let mut both = Both::default();
        let receive = move |sum: &mut u64| {
            let done = poll(&mut first, sum);
            both.add(done, poll(&mut second, sum))
        };
        (publisher(builder.build(), run), receive)
    })
}

#[inline(always)]
fn poll(
    poller: &mut disruptor::EventPoller<u64, disruptor::SingleProducerBarrier>,
    sum: &mut u64,
) -> u64 {
    match poller.poll() {
        Ok(mut events) => (&mut events).fold(0, |count, event| {
            *sum = sum.wrapping_add(*event);
            count + 1
        }),
        Err(Polling::NoEvents | Polling::Shutdown) => 0,
    }
}
