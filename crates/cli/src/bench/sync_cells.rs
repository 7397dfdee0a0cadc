//! What threads share without handing it over: sequence lock, snapshot cell, pool, price searches.
//!
//! ```text
//!   seqlock_read, seqlock_write   a record of 64 bytes, nobody else at it
//!   snapshot_read                 second core publishes a book a million times a second,
//!                                 this core copies the newest out, again and again
//!   snapshot_publish              a book is copied in and shown, to a reader that does not look
//!   pool_pair                     an object of 256 bytes is taken, written to and given back
//!   best_price_*, price_check_*   a slice of prices, in the widest way beside the narrower ones
//! ```

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tiercel_sync::pool::Pool;
use tiercel_sync::simd::{Best, PriceCheck, Width};
use tiercel_sync::{seqlock, snapshot};
use zerocopy::{Immutable, IntoBytes};

use super::bracket::on_two_cores;
use super::clock::{self, Clock};
use super::contest::{Case, CaseSpec, Figure, Input, Repeated, Round, Subject, Timing};
use super::{BenchError, Options};

/// The cases of `tiercel bench sync` on shared state.
pub const CASES: &[CaseSpec] = &[
    spec("seqlock_read", |options| Ok(seqlock_read(options))),
    spec("seqlock_write", |options| Ok(seqlock_write(options))),
    spec("snapshot_read", snapshot_read),
    spec("snapshot_publish", |options| Ok(snapshot_publish(options))),
    spec("pool_pair", |options| Ok(pool_pair(options))),
    spec("best_price_20", |options| Ok(best_price(options, 20))),
    spec("best_price_256", |options| Ok(best_price(options, 256))),
    spec("price_check_20", |options| price_check(options, 20)),
    spec("price_check_256", |options| price_check(options, 256)),
];

const fn spec(name: &'static str, build: fn(&Options) -> Result<Case, BenchError>) -> CaseSpec {
    CaseSpec { bench: "sync", name, build }
}

/// Operations of one timed call, so that the call itself costs nothing.
const BLOCK: usize = 100;
/// How far apart two publications are.
const PUBLISH_EVERY_NS: u64 = 1_000;
/// How often a round is tried whose publisher lost its core.
const ATTEMPTS: usize = 20;

/// The record of the sequence lock's cases.
pub type Record = [u64; 8];
/// The object of the pool's case.
pub type Message = [u64; 32];

/// A level of the book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoBytes, Immutable)]
#[repr(C)]
pub struct Level {
    /// Its price.
    pub price: i64,
    /// What rests there.
    pub quantity: u64,
    /// In how many orders.
    pub orders: u64,
}

/// A book of twenty levels a side: 960 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoBytes, Immutable)]
#[repr(C)]
pub struct Depth {
    /// Both sides.
    pub sides: [[Level; 20]; 2],
}

impl Depth {
    /// The book after so many updates: every field says the number.
    pub fn of(number: u64) -> Self {
        let level = Level { price: number as i64, quantity: number, orders: number };
        Self { sides: [[level; 20]; 2] }
    }

    /// The number, if every field says the same.
    pub fn number(&self) -> Option<u64> {
        let number = self.sides[0][0].quantity;
        (*self == Self::of(number)).then_some(number)
    }
}

/// A subject that does `operation` again and again, told in nanoseconds each. It returns what all
/// subjects of the case must agree on.
pub fn repeated(
    name: &'static str,
    options: &Options,
    mut operation: impl FnMut() -> u64 + 'static,
) -> Box<dyn Subject> {
    let work = move || {
        let mut last = 0;
        for _ in 0..BLOCK {
            last = operation();
        }
        Ok(last)
    };
    Box::new(Repeated {
        name,
        figure: Figure::NsPerItem,
        items_per_call: BLOCK as u64,
        calls: options.operations.div_ceil(BLOCK) * 4,
        work,
    })
}

fn case(subjects: Vec<Box<dyn Subject>>) -> Case {
    Case { unit: "ns/op", input: Input::None, subjects }
}

fn seqlock_read(options: &Options) -> Case {
    let (writer, reader) = seqlock::record::<Record>([1, 2, 3, 4, 5, 6, 7, 8]);
    let read = move || {
        // It must lie in memory, all of it.
        let record = reader.read();
        black_box(&record)[7]
    };
    drop(writer);
    case(vec![repeated("ours", options, read)])
}

fn seqlock_write(options: &Options) -> Case {
    let (mut writer, reader) = seqlock::record::<Record>([0; 8]);
    let write = move || {
        writer.write(black_box(&[1, 2, 3, 4, 5, 6, 7, 8]));
        8
    };
    let subject = repeated("ours", options, write);
    drop(reader);
    case(vec![subject])
}

/// A subject that reads under a publisher: `make` gives what publishes and what copies the newest
/// out.
///
/// # Errors
/// [`BenchError::NotAvailable`] where there is one core alone.
pub fn reading<P, R>(
    name: &'static str,
    options: &Options,
    make: impl Fn() -> (P, R) + 'static,
) -> Result<Box<dyn Subject>, BenchError>
where
    P: FnMut(&Depth) + Send,
    R: FnMut() -> Depth,
{
    let (second_cpu, reads) = (options.second_cpu()?, options.operations);
    Ok(Box::new(Reading { name, make, second_cpu, reads }))
}

struct Reading<M> {
    name: &'static str,
    make: M,
    second_cpu: usize,
    reads: usize,
}

impl<M, P, R> Subject for Reading<M>
where
    M: Fn() -> (P, R),
    P: FnMut(&Depth) + Send,
    R: FnMut() -> Depth,
{
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        if timing == Timing::Each {
            // Reads are shorter than the counter's steps.
            return Ok(Round::default());
        }
        for _ in 0..ATTEMPTS {
            let (spent_ns, published) = self.attempt(clock)?;
            if published as f64 >= 0.9 * spent_ns / PUBLISH_EVERY_NS as f64 {
                let value = spent_ns / self.reads as f64;
                return Ok(Round { value, operations: self.reads as u64, ..Round::default() });
            }
        }
        Err(self.wrong("its publisher does not keep up"))
    }
}

impl<M, P, R> Reading<M>
where
    M: Fn() -> (P, R),
    P: FnMut(&Depth) + Send,
    R: FnMut() -> Depth,
{
    fn wrong(&self, what: &str) -> BenchError {
        BenchError::Wrong { subject: self.name.to_owned(), what: what.to_owned() }
    }

    /// How long the reads took, in nanoseconds, and how many publications came meanwhile.
    fn attempt(&self, clock: &Clock) -> Result<(f64, u64), BenchError> {
        let (mut publish, mut read) = (self.make)();
        let done = AtomicBool::new(false);
        let mut run = |reads: usize| {
            let from = clock::start();
            for _ in 0..reads {
                black_box(&read());
            }
            let spent_ns = clock.between_ns(clock::stop() - from);
            (read().number(), spent_ns)
        };
        let (before, after, spent_ns) = on_two_cores(
            self.second_cpu,
            || {
                let (before, _) = run(self.reads / 10);
                let (after, spent_ns) = run(self.reads);
                done.store(true, Ordering::Release);
                (before, after, spent_ns)
            },
            || {
                let begin = Instant::now();
                let mut number = 0;
                while !done.load(Ordering::Acquire) {
                    if begin.elapsed().as_nanos() < u128::from(number * PUBLISH_EVERY_NS) {
                        spin_loop();
                        continue;
                    }
                    number += 1;
                    publish(&Depth::of(number));
                }
            },
        )?;
        match (before, after) {
            (Some(before), Some(after)) => Ok((spent_ns, after - before)),
            _ => Err(self.wrong("a book of two publications")),
        }
    }
}

fn snapshot_read(options: &Options) -> Result<Case, BenchError> {
    let ours = reading("ours", options, || {
        let (mut publisher, mut reader) = snapshot::cell(Depth::default(), 1);
        let publish = move |depth: &Depth| publisher.publish(|shown| *shown = *depth);
        (publish, move || *reader.read())
    })?;
    // The other design of the same: the whole book in one sequence lock.
    let lock = reading("one seqlock", options, || {
        let (mut writer, reader) = seqlock::record(Depth::default());
        (move |depth: &Depth| writer.write(depth), move || reader.read())
    })?;
    Ok(case(vec![ours, lock]))
}

fn snapshot_publish(options: &Options) -> Case {
    let (mut publisher, reader) = snapshot::cell(Depth::default(), 4);
    let book = Depth::of(7);
    let publish = move || {
        // It is there to be waited for, if anybody did.
        let _ = black_box(&reader);
        publisher.publish(|shown| *shown = *black_box(&book));
        7
    };
    case(vec![repeated("ours", options, publish)])
}

fn pool_pair(options: &Options) -> Case {
    let pool: Pool<Message> = Pool::new(1_024, || [0; 32]);
    let ours = move || {
        pool.acquire().map_or(0, |mut message| {
            message[0] = 1;
            black_box(&*message)[0]
        })
    };
    let heap = || {
        let mut message: Box<Message> = Box::new([0; 32]);
        message[0] = 1;
        black_box(&*message)[0]
    };
    case(vec![repeated("ours", options, ours), repeated("heap", options, heap)])
}

/// The ways that this machine has, ours (the widest) first, with names.
fn widths() -> Vec<(&'static str, Width)> {
    let name = |width| match width {
        _ if width == Width::widest() => "ours",
        Width::Scalar => "scalar",
        Width::Avx2 => "avx2",
        Width::Avx512 => "avx512",
    };
    let there = Width::ALL.into_iter().rev().filter(|width| width.is_available());
    there.map(|width| (name(width), width)).collect()
}

/// Prices of a made-up book side, best in the middle, so that no way finds it early or late.
fn prices(count: usize) -> Vec<i64> {
    let middle = count / 2;
    (0..count).map(|at| 1_000_000 - 25 * at.abs_diff(middle) as i64).collect()
}

fn best_price(options: &Options, count: usize) -> Case {
    let subject = |(name, width): (&'static str, Width)| {
        let (prices, quantities) = (prices(count), vec![1_u64; count]);
        let search = move || {
            let best = width.highest_live(black_box(&prices), black_box(&quantities));
            best.map_or(0, |Best { index, .. }| index as u64)
        };
        repeated(name, options, search)
    };
    case(widths().into_iter().map(subject).collect())
}

fn price_check(options: &Options, count: usize) -> Result<Case, BenchError> {
    // A tick of 25, and a band that a third of them are outside of.
    let low = 1_000_000 - 25 * (count as i64 / 3);
    let check = PriceCheck::new(low, 1_000_000, 25).map_err(|error| BenchError::Wrong {
        subject: "ours".to_owned(),
        what: error.to_string(),
    })?;
    let subject = |(name, width): (&'static str, Width)| {
        let (prices, mut mask) = (prices(count), vec![0; count.div_ceil(64)]);
        let run = move || {
            let passed = check.mask_in(width, black_box(&prices), black_box(&mut mask));
            passed as u64
        };
        repeated(name, options, run)
    };
    Ok(case(widths().into_iter().map(subject).collect()))
}
