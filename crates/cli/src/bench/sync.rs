//! Rings and disruptor between two cores.
//!
//! ```text
//!   latency      this core --ring--> second core --ring--> this core    half a round trip
//!   throughput   second core pushes one by one --ring--> this core pops
//!   batch        second core writes runs of 64 --ring--> this core reads them where they lie
//!   disruptor    second core publishes 1 or 32 --ring--> this core polls one consumer, or two
//! ```
//!
//! Everybody spins, and everybody's ring has [`CAPACITY`] slots. What is received goes into a
//! checksum that all subjects of a case must agree on.

use std::hint::{black_box, spin_loop};

use tiercel_sync::disruptor;
use tiercel_sync::spsc::{batch, message};
use tiercel_sync::wait::BusySpin;

use super::bracket::{LATENCY_UNIT, Probe, on_two_cores};
use super::clock::{self, Clock};
use super::contest::{Case, CaseSpec, Input, Round, Subject, Timing};
use super::{BenchError, Options};

/// Slots of every ring.
pub const CAPACITY: usize = 1024;
/// Items of a run in the batch case.
pub const BATCH: usize = 64;
/// A message that fills a cache line together with its sequence.
pub type Line = [u64; 7];

/// The cases of `tiercel bench sync` on rings and the disruptor.
pub const CASES: &[CaseSpec] = &[
    spec("spsc_latency_8", latency::<u64>),
    spec("spsc_latency_56", latency::<Line>),
    spec("spsc_throughput_64", throughput),
    spec("spsc_batch_64", batches),
    spec("disruptor_1", |options| published(options, 1, Consumers::One)),
    spec("disruptor_1_two", |options| published(options, 1, Consumers::Two)),
    spec("disruptor_32", |options| published(options, 32, Consumers::One)),
    spec("disruptor_32_two", |options| published(options, 32, Consumers::Two)),
];

const fn spec(name: &'static str, build: fn(&Options) -> Result<Case, BenchError>) -> CaseSpec {
    CaseSpec { bench: "sync", name, build }
}

/// What is sent.
pub trait Message: Copy + Send + 'static {
    /// The message of this number.
    fn of(number: u64) -> Self;
    /// Something of all of it.
    fn sum(&self) -> u64;
}

impl Message for u64 {
    #[inline(always)]
    fn of(number: u64) -> Self {
        number
    }

    #[inline(always)]
    fn sum(&self) -> u64 {
        *self
    }
}

impl Message for Line {
    #[inline(always)]
    fn of(number: u64) -> Self {
        [number, 1, 2, 3, 4, 5, number]
    }

    #[inline(always)]
    fn sum(&self) -> u64 {
        self[0].wrapping_add(self[6].rotate_left(7))
    }
}

/// Round trips of a latency round, and messages of a throughput round, for the chosen operations.
const fn round_trips(options: &Options) -> u64 {
    (options.operations / 20) as u64 + 1
}

const fn messages(options: &Options) -> u64 {
    options.operations as u64 * 2 + 1
}

/// A subject from a function that runs one round: it is given the second core and returns the
/// round.
struct Between<F> {
    name: &'static str,
    round: F,
}

impl<F: FnMut(&Clock) -> Result<Round, BenchError>> Subject for Between<F> {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        match timing {
            Timing::Mean => (self.round)(clock),
            // What crosses in 60 ns is timed in batches alone.
            Timing::Each => Ok(Round::default()),
        }
    }
}

/// A latency subject: `make` gives the two ends of a channel, both of which spin.
///
/// # Errors
/// [`BenchError::NotAvailable`] where there is one core alone.
pub fn latency_subject<M, S, R>(
    name: &'static str,
    options: &Options,
    make: impl Fn() -> (S, R) + 'static,
) -> Result<Box<dyn Subject>, BenchError>
where
    M: Message,
    S: FnMut(M) + Send,
    R: FnMut() -> M + Send,
{
    let (second_cpu, trips) = (options.second_cpu()?, round_trips(options));
    let round = move |clock: &Clock| {
        let ((mut there, mut arrived), (mut back, mut returned)) = (make(), make());
        let warm_up = trips / 10;
        let (ticks, checksum) = on_two_cores(
            second_cpu,
            || {
                let (mut from, mut checksum) = (0, 0_u64);
                for number in 0..warm_up + trips {
                    if number == warm_up {
                        from = clock::start();
                    }
                    there(M::of(number));
                    checksum = checksum.rotate_left(1) ^ returned().sum();
                }
                (clock::stop() - from, checksum)
            },
            move || (0..warm_up + trips).for_each(|_| back(arrived())),
        )?;
        let value = clock.between_ns(ticks) / (2 * trips) as f64;
        Ok(Round { value, operations: trips, checksum, times_ns: Vec::new() })
    };
    Ok(Box::new(Between { name, round }))
}

/// A throughput subject. `make` gives the two ends: the first is called with the number of the next
/// message and how many are left, and returns how many it sent; the second is called with how many
/// have come and the checksum, and returns how many it took. Both may return zero.
///
/// # Errors
/// [`BenchError::NotAvailable`] where there is one core alone.
pub fn throughput_subject<S, R>(
    name: &'static str,
    options: &Options,
    make: impl Fn() -> (S, R) + 'static,
) -> Result<Box<dyn Subject>, BenchError>
where
    S: FnMut(u64, u64) -> u64 + Send,
    R: FnMut(&mut u64) -> u64,
{
    let (second_cpu, count) = (options.second_cpu()?, messages(options));
    let round = move |clock: &Clock| {
        let (mut send, mut receive) = make();
        let (ticks, received, checksum) = on_two_cores(
            second_cpu,
            || {
                let (mut from, mut received, mut checksum) = (0, 0, 0_u64);
                while received < count {
                    let taken = receive(&mut checksum);
                    if taken == 0 {
                        spin_loop();
                    } else if received == 0 {
                        from = clock::start();
                    }
                    received += taken;
                }
                (clock::stop() - from, received, checksum)
            },
            move || {
                let mut sent = 0;
                while sent < count {
                    let now = send(sent, count - sent);
                    if now == 0 {
                        spin_loop();
                    }
                    sent += now;
                }
            },
        )?;
        let value = received as f64 * 1e9 / clock.between_ns(ticks);
        Ok(Round {
            value,
            operations: received,
            checksum: black_box(checksum),
            times_ns: Vec::new(),
        })
    };
    Ok(Box::new(Between { name, round }))
}

fn latency<M: Message>(options: &Options) -> Result<Case, BenchError> {
    let ours = latency_subject("ours", options, || {
        let (mut producer, mut consumer) = message::ring_with::<M, _>(CAPACITY, BusySpin);
        let send = move |message| {
            // The other end goes last.
            let _ = producer.push(message);
        };
        let receive = move || loop {
            if let Ok(message) = consumer.try_pop() {
                return message;
            }
            spin_loop();
        };
        (send, receive)
    })?;
    case(options, LATENCY_UNIT, ours)
}

fn throughput(options: &Options) -> Result<Case, BenchError> {
    let ours = throughput_subject("ours", options, || {
        let (mut producer, mut consumer) = message::ring_with(CAPACITY, BusySpin);
        let send = move |number, _| u64::from(producer.try_push(Line::of(number)).is_ok());
        let receive = move |sum: &mut u64| match consumer.try_pop() {
            Ok(message) => {
                *sum = sum.wrapping_add(message.sum());
                1
            }
            Err(_) => 0,
        };
        (send, receive)
    })?;
    case(options, "msg/s", ours)
}

fn batches(options: &Options) -> Result<Case, BenchError> {
    let ours = throughput_subject("ours", options, || {
        let (mut producer, mut consumer) = batch::ring_with(CAPACITY, BusySpin);
        let send = move |number, left| match producer.try_chunk(BATCH.min(left as usize)) {
            Ok(chunk) => chunk.fill((number..).map(Line::of)) as u64,
            Err(_) => 0,
        };
        let receive = move |sum: &mut u64| match consumer.try_chunk(BATCH) {
            Ok(chunk) => {
                let count = chunk.len();
                *sum = chunk.iter().fold(*sum, |sum, message| sum.wrapping_add(message.sum()));
                chunk.release_all();
                count as u64
            }
            Err(_) => 0,
        };
        (send, receive)
    })?;
    case(options, "msg/s", ours)
}

/// How many consumers follow the producer; both are polled on one thread, since there are two cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumers {
    /// One.
    One,
    /// Two, independent of each other.
    Two,
}

/// What two consumers on one thread have both done, of which not all was told yet.
#[derive(Debug, Default)]
pub struct Both {
    first: u64,
    second: u64,
    told: u64,
}

impl Both {
    /// Adds what each did, and returns by how much the slower one is further than was told before.
    pub fn add(&mut self, first: u64, second: u64) -> u64 {
        self.first += first;
        self.second += second;
        let done = self.first.min(self.second);
        let new = done - self.told;
        self.told = done;
        new
    }
}

/// A disruptor case: `run` events are published at once.
fn published(options: &Options, run: u64, consumers: Consumers) -> Result<Case, BenchError> {
    let ours = match consumers {
        Consumers::One => throughput_subject("ours", options, move || {
            let events = disruptor::single_with(CAPACITY, || 0_u64, BusySpin);
            let (graph, [mut consumer]) = events.consumers();
            let receive = move |sum: &mut u64| {
                let add = |event: &u64, _, _| *sum = sum.wrapping_add(*event);
                consumer.consume(add).unwrap_or(0) as u64
            };
            let mut producer = graph.build();
            let send = move |number, left| publish(&mut producer, run, number, left);
            (send, receive)
        }),
        Consumers::Two => throughput_subject("ours", options, move || {
            let events = disruptor::single_with(CAPACITY, || 0_u64, BusySpin);
            let (graph, [mut first, mut second]) = events.consumers();
            let mut both = Both::default();
            let receive = move |sum: &mut u64| {
                let mut add = |event: &u64, _, _| *sum = sum.wrapping_add(*event);
                let done = first.consume(&mut add).unwrap_or(0) as u64;
                both.add(done, second.consume(&mut add).unwrap_or(0) as u64)
            };
            let mut producer = graph.build();
            let send = move |number, left| publish(&mut producer, run, number, left);
            (send, receive)
        }),
    }?;
    case(options, "events/s", ours)
}

/// Publishes `run` events at once. Inlined: a closure shared by two subjects was called for each event
/// instead, which the peer's, of two types, never was.
#[inline(always)]
fn publish(
    producer: &mut disruptor::SingleProducer<u64, BusySpin>,
    run: u64,
    number: u64,
    left: u64,
) -> u64 {
    let count = run.min(left);
    let published = if count == 1 {
        producer.try_publish(|event| *event = number)
    } else {
        producer.try_publish_batch(count as usize, |event, sequence| *event = sequence)
    };
    if published.is_ok() { count } else { 0 }
}

fn case(options: &Options, unit: &'static str, ours: Box<dyn Subject>) -> Result<Case, BenchError> {
    Ok(Case { unit, input: Input::None, subjects: vec![ours, Box::new(Probe::new(options)?)] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_receives_what_was_sent() {
        let cpus = tiercel_host::allowed_cpus().unwrap();
        let [first, .., second] = cpus[..] else { return };
        let options = Options { operations: 2_000, second_cpu: Some(second), ..Options::default() };
        let clock = Clock::calibrate();
        let pinned = std::thread::spawn(move || {
            tiercel_host::pin_current_thread(first).unwrap();
            CASES
                .iter()
                .map(|spec| {
                    let mut case = (spec.build)(&options).unwrap();
                    let round = case.subjects[0].round(Timing::Mean, &clock).unwrap();
                    assert!(round.value > 0.0 && round.operations > 0, "{}", spec.name);
                    round.checksum
                })
                .collect::<Vec<_>>()
        });
        let sums = pinned.join().unwrap();
        let count = messages(&Options { operations: 2_000, ..Options::default() });
        let numbers = (0..count).sum::<u64>();
        let lines = (0..count).map(|n| Line::of(n).sum()).fold(0, u64::wrapping_add);
        assert_eq!(sums[2..], [lines, lines, numbers, 2 * numbers, numbers, 2 * numbers]);
    }

    #[test]
    fn what_two_did_is_what_the_slower_did() {
        let mut both = Both::default();
        assert_eq!([both.add(3, 1), both.add(0, 1), both.add(0, 4), both.add(3, 0)], [1, 1, 1, 3]);
    }
}
