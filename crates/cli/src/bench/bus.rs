//! The bus between two processes.
//!
//! ```text
//!   bench --[ bus in memory ]--> partner      latency: and back, on another bus
//! ```
//!
//! In `latency_64` and `throughput_64` a record has 64 bytes, one cache line: 8 of header, 56 of
//! payload. In the cases `_payload_64` the payload has 64 bytes, so that a record takes two lines.
//! Peers send the same payload, and need no header of the same kind. Each round has fresh
//! buses of one cycle, with all pages taken, as a preparer leaves them; a roll is not measured.
//!
//! The append cases are of a writer alone, whom nobody reads: what it costs to let readers sleep, with
//! and without a fence of its own, or others write.

use std::os::fd::AsRawFd;
use std::sync::atomic::{Ordering, fence};

use tiercel_bus::{
    Bus, FIRST_PAGE, Mode, One, Options as BusOptions, Reader, Start, Waiting, Writer, Writers,
};

use super::bracket::Probe;
use super::clock::{self, Clock};
use super::contest::{Case, CaseSpec, Input, Round, Subject, Timing};
use super::pair::{self, Ends, Pair, Transport, Work, wrong};
use super::{BenchError, Options};

/// The bench's name.
const BENCH: &str = "bus";
/// Bytes that a message takes in the bus at most: two cache lines.
const STRIDE: u64 = 128;
/// Words of a payload that fills a cache line with its header.
pub const LINE_WORDS: usize = 7;
/// Words of 64 bytes of payload.
pub const PAYLOAD_WORDS: usize = 8;
/// Round trips of a round.
pub const ROUND_TRIPS: u64 = 20_000;
/// Messages of a round.
pub const MESSAGES: u64 = 500_000;
/// Messages of a round of a writer alone.
const MESSAGES_ALONE: u64 = 100_000;

/// The cases.
pub const CASES: &[CaseSpec] = &[
    CaseSpec { bench: BENCH, name: "latency_64", build: latency::<LINE_WORDS> },
    CaseSpec { bench: BENCH, name: "latency_payload_64", build: latency::<PAYLOAD_WORDS> },
    CaseSpec { bench: BENCH, name: "throughput_64", build: throughput::<LINE_WORDS> },
    CaseSpec { bench: BENCH, name: "throughput_payload_64", build: throughput::<PAYLOAD_WORDS> },
    CaseSpec {
        bench: BENCH,
        name: "append_64",
        build: |_| Ok(append(Writers::One, Waiting::Spin, false)),
    },
    CaseSpec {
        bench: BENCH,
        name: "append_64_sleep",
        build: |_| Ok(append(Writers::One, Waiting::Sleep, false)),
    },
    CaseSpec {
        bench: BENCH,
        name: "append_64_fenced",
        build: |_| Ok(append(Writers::One, Waiting::Sleep, true)),
    },
    CaseSpec {
        bench: BENCH,
        name: "append_64_shared",
        build: |_| Ok(append(Writers::Shared, Waiting::Spin, false)),
    },
];

fn latency<const WORDS: usize>(options: &Options) -> Result<Case, BenchError> {
    case::<WORDS>("ns", Work::Latency, ROUND_TRIPS, options)
}

fn throughput<const WORDS: usize>(options: &Options) -> Result<Case, BenchError> {
    case::<WORDS>("msg/s", Work::Throughput, MESSAGES, options)
}

fn case<const WORDS: usize>(
    unit: &'static str,
    work: Work,
    messages: u64,
    options: &Options,
) -> Result<Case, BenchError> {
    let ours = Pair::start(Tiercel::<WORDS>, work, messages, options.second_cpu()?)?;
    let probe = Probe::new(options)?;
    Ok(Case { unit, input: Input::None, subjects: vec![Box::new(ours), Box::new(probe)] })
}

fn append(writers: Writers, waiting: Waiting, is_fenced: bool) -> Case {
    let ours = Appends { writers, waiting, is_fenced };
    Case { unit: "ns/op", input: Input::None, subjects: vec![Box::new(ours)] }
}

/// Options for a bus of one cycle that holds so many messages.
fn holding(messages: u64) -> BusOptions {
    let page = FIRST_PAGE as u64;
    let cycle_bytes = (messages * STRIDE).next_multiple_of(page) + 2 * page;
    BusOptions { cycle_bytes, ..BusOptions::default() }
}

/// A writer that nobody reads.
struct Appends {
    writers: Writers,
    waiting: Waiting,
    /// A full fence with each record, as where the system has no `membarrier`.
    is_fenced: bool,
}

impl Appends {
    fn time<M: Mode>(&self, writer: &mut Writer<M>, clock: &Clock) -> Result<Round, BenchError> {
        let is_fenced = self.is_fenced;
        let (warm_up, messages) = (MESSAGES_ALONE / 10, MESSAGES_ALONE);
        let mut append = |from, to| {
            (from..to).try_for_each(|number| {
                let message = [number; PAYLOAD_WORDS];
                if is_fenced {
                    fence(Ordering::SeqCst);
                }
                writer.append(0, &message).map_err(failed).map(drop)
            })
        };
        append(0, warm_up)?;
        let from = clock::start();
        append(warm_up, warm_up + messages)?;
        let value = clock.between_ns(clock::stop() - from) / messages as f64;
        Ok(Round { value, operations: messages, ..Round::default() })
    }
}

impl Subject for Appends {
    fn name(&self) -> String {
        NAME.to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        if timing == Timing::Each {
            // Shorter than the counter's steps.
            return Ok(Round::default());
        }
        let Self { writers, waiting, .. } = *self;
        let options = BusOptions { writers, waiting, ..holding(2 * MESSAGES_ALONE) };
        let bus = Bus::in_memory(&options).map_err(failed)?;
        match writers {
            Writers::One => self.time(&mut bus.writer().map_err(failed)?, clock),
            Writers::Shared => self.time(&mut bus.shared_writer().map_err(failed)?, clock),
        }
    }
}

/// Is the partner in a case of this bench, for a process that was started as that.
///
/// # Errors
/// [`BenchError::Wrong`] for a role that is none.
pub fn serve(role: &str) -> Result<(), BenchError> {
    match role {
        Tiercel::<LINE_WORDS>::ROLE => pair::serve(Tiercel::<LINE_WORDS>),
        Tiercel::<PAYLOAD_WORDS>::ROLE => pair::serve(Tiercel::<PAYLOAD_WORDS>),
        _ => Err(wrong(role, &"no such partner")),
    }
}

/// Our bus as a transport of messages of so many words.
#[derive(Clone, Copy, Debug)]
pub struct Tiercel<const WORDS: usize>;

const NAME: &str = "tiercel";

/// A bus each way.
pub struct BusEnds<const WORDS: usize> {
    writer: Writer<One>,
    reader: Reader,
}

impl<const WORDS: usize> Ends for BusEnds<WORDS> {
    #[inline]
    fn send(&mut self, number: u64) -> Result<(), BenchError> {
        // In place, as the peers have it.
        let mut message = self.writer.claim_as::<[u64; WORDS]>(0).map_err(failed)?;
        *message = [number; WORDS];
        message.commit();
        Ok(())
    }

    #[inline]
    fn receive(&mut self) -> Result<Option<u64>, BenchError> {
        let Some(record) = self.reader.poll().map_err(failed)? else { return Ok(None) };
        let message =
            record.get::<[u64; WORDS]>().ok_or_else(|| failed("a message of another length"))?;
        Ok(Some(message.iter().fold(0, |sum, word| sum.wrapping_add(*word))))
    }
}

impl<const WORDS: usize> Transport for Tiercel<WORDS> {
    type Ends = BusEnds<WORDS>;

    const NAME: &'static str = NAME;

    const ROLE: &'static str = if WORDS == LINE_WORDS { "tiercel-56" } else { "tiercel-64" };

    fn open(&mut self, messages: u64) -> Result<(Self::Ends, String), BenchError> {
        let options = holding(messages);
        let make = || Bus::in_memory(&options).map_err(failed);
        let (there, back) = (make()?, make()?);
        // The partner opens our descriptors by their names, which gives it locks of its own.
        let name = |bus: &Bus| match bus.as_fd() {
            Some(descriptor) => {
                Ok(format!("/proc/{}/fd/{}", std::process::id(), descriptor.as_raw_fd()))
            }
            None => Err(failed("a bus in memory without a descriptor")),
        };
        let words = format!("{},{}", name(&there)?, name(&back)?);
        let writer = there.writer().map_err(failed)?;
        let reader = back.reader(Start::Oldest).map_err(failed)?;
        Ok((BusEnds { writer, reader }, words))
    }

    fn join(&mut self, words: &str) -> Result<Self::Ends, BenchError> {
        let (there, back) = words.split_once(',').ok_or_else(|| failed("two names are needed"))?;
        let open = |path: &str| Bus::open(path).map_err(failed);
        let reader = open(there)?.reader(Start::Oldest).map_err(failed)?;
        let writer = open(back)?.writer().map_err(failed)?;
        Ok(BusEnds { writer, reader })
    }
}

#[cold]
fn failed(what: impl std::fmt::Display) -> BenchError {
    wrong(NAME, &what)
}
