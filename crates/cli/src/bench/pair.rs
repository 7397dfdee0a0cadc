//! What is measured between two processes, for any way of sending a message.
//!
//! ```text
//!   latency:     here --message--> partner      the mean of many round trips, halved, as the probe's
//!                     <--message--
//!   throughput:  here --message, message, ...--> partner --sum--> here
//! ```
//!
//! Every word of every message is read where it is received, and goes into the checksum.

use std::hint::spin_loop;
use std::io;
use std::time::Duration;

use super::BenchError;
use super::clock::{self, Clock};
use super::contest::{Round, Subject, Timing};
use super::partner::{self, Partner};

/// How long a partner has to end by itself.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Both directions, as one of the two processes holds them.
pub trait Ends {
    /// Sends the message that says `number` in all its words.
    ///
    /// # Errors
    /// [`BenchError::Wrong`].
    fn send(&mut self, number: u64) -> Result<(), BenchError>;

    /// Receives a message, if there is one: the sum of its words, read in place.
    ///
    /// # Errors
    /// [`BenchError::Wrong`].
    fn receive(&mut self) -> Result<Option<u64>, BenchError>;
}

/// A way of sending between processes.
pub trait Transport {
    /// What each process holds.
    type Ends: Ends;

    /// Its name.
    const NAME: &'static str;

    /// Its partner's role.
    const ROLE: &'static str;

    /// Makes both directions for `messages` each, and says what the partner needs to know.
    ///
    /// # Errors
    /// [`BenchError::Wrong`].
    fn open(&mut self, messages: u64) -> Result<(Self::Ends, String), BenchError>;

    /// The partner's ends of what [`Transport::open`] made.
    ///
    /// # Errors
    /// [`BenchError::Wrong`].
    fn join(&mut self, words: &str) -> Result<Self::Ends, BenchError>;
}

/// What is asked of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// The mean time of one way, in nanoseconds.
    Latency,
    /// Messages a second.
    Throughput,
}

/// A transport and a partner, as a subject.
pub struct Pair<T> {
    transport: T,
    partner: Partner,
    work: Work,
    /// Messages of a round.
    messages: u64,
}

impl<T: Transport> Pair<T> {
    /// Starts the partner on core `cpu`.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn start(transport: T, work: Work, messages: u64, cpu: usize) -> Result<Self, BenchError> {
        Ok(Self { transport, partner: Partner::start(T::ROLE, cpu)?, work, messages })
    }

    fn latency(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let (warm_up, messages) = (self.messages / 10, self.messages);
        let (mut ends, words) = self.transport.open(warm_up + messages)?;
        self.partner.ask(&format!("latency {words} {}", warm_up + messages))?;
        let mut round = Round { operations: messages, ..Round::default() };
        for number in 0..warm_up {
            there_and_back(&mut ends, number)?;
        }
        if timing == Timing::Each {
            for number in warm_up..warm_up + messages {
                let from = clock::start();
                round.checksum = round.checksum.wrapping_add(there_and_back(&mut ends, number)?);
                round.times_ns.push((clock.between_ns(clock::stop() - from) / 2.0) as f32);
            }
        } else {
            let from = clock::start();
            for number in warm_up..warm_up + messages {
                round.checksum = round.checksum.wrapping_add(there_and_back(&mut ends, number)?);
            }
            round.value = clock.between_ns(clock::stop() - from) / (2 * messages) as f64;
        }
        self.partner.answer()?;
        Ok(round)
    }

    fn throughput(&mut self, clock: &Clock) -> Result<Round, BenchError> {
        let (mut ends, words) = self.transport.open(self.messages)?;
        self.partner.ask(&format!("throughput {words} {}", self.messages))?;
        let from = clock::start();
        for number in 0..self.messages {
            ends.send(number)?;
        }
        let checksum = self.partner.answer()?;
        let spent_ns = clock.between_ns(clock::stop() - from);
        let value = self.messages as f64 * 1e9 / spent_ns;
        Ok(Round { value, operations: self.messages, times_ns: Vec::new(), checksum })
    }
}

impl<T: Transport> Subject for Pair<T> {
    fn name(&self) -> String {
        T::NAME.to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        match (self.work, timing) {
            (Work::Latency, timing) => self.latency(timing, clock),
            (Work::Throughput, Timing::Mean) => self.throughput(clock),
            // A stream has no single times.
            (Work::Throughput, Timing::Each) => Ok(Round::default()),
        }
    }
}

/// Is the partner of a [`Pair`], until that ends.
///
/// # Errors
/// [`BenchError`] of the transport.
pub fn serve<T: Transport>(mut transport: T) -> Result<(), BenchError> {
    partner::serve(|task, ready| {
        let &[work, words, messages] = task else { return Err(malformed::<T>()) };
        let messages: u64 = messages.parse().map_err(|_| malformed::<T>())?;
        let mut ends = transport.join(words)?;
        ready()?;
        let mut sum = 0_u64;
        for number in 0..messages {
            sum = sum.wrapping_add(wait(&mut ends)?);
            if work == "latency" {
                ends.send(number)?;
            }
        }
        Ok(sum)
    })
}

fn malformed<T: Transport>() -> BenchError {
    wrong(T::NAME, &"its partner does not understand the task")
}

/// What went wrong with `subject`.
pub fn wrong(subject: &str, what: &dyn std::fmt::Display) -> BenchError {
    BenchError::Wrong { subject: subject.to_owned(), what: what.to_string() }
}

#[inline]
fn there_and_back<E: Ends>(ends: &mut E, number: u64) -> Result<u64, BenchError> {
    ends.send(number)?;
    wait(ends)
}

#[inline]
fn wait<E: Ends>(ends: &mut E) -> Result<u64, BenchError> {
    // Some seconds at most, without a look at the clock.
    for _ in 0..1_u64 << 28 {
        if let Some(sum) = ends.receive()? {
            return Ok(sum);
        }
        spin_loop();
    }
    Err(io::Error::from(io::ErrorKind::TimedOut).into())
}
