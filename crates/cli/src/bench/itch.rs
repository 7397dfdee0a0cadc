//! ITCH 5.0: decoding, and building every book of a day.
//!
//! ```text
//!   tiercel_sim::itch_flow --> framed bytes in memory --> Frames --> Checksum         itch_decode
//!                                                           +--> BookSet   with prefetching   itch_build
//!                                                           +--> BookSet   without            itch_build_single
//! ```
//!
//! The flow is a synthetic day: 100 instruments, 300,000 live orders. Decoding reads every field
//! of every message into a checksum whose definition peers share. Building starts from full books
//! and counts decoding, translation and all messages of the day, order or not.

use std::sync::Arc;

use tiercel_book::l3::{Anomaly, BookSet, Capacity, ORDER_AHEAD, TABLE_AHEAD};
use tiercel_sim::itch_flow::{ItchFlow, ItchFlowConfig};
use tiercel_types::market::OrderOperation;
use tiercel_wire::itch::{Checksum, Frames, Keys};

use super::clock::{self, Clock};
use super::contest::{
    Case, CaseSpec, Figure, Input, Repeated, Round, Subject, TIMED_EVERY, Timing,
};
use super::{BenchError, Options};

/// Instruments of the day.
const INSTRUMENTS: u16 = 100;

/// Live orders in all books: more than the second-level cache holds.
const LIVE_ORDERS: usize = 300_000;

/// The case of `tiercel bench wire` that reads ITCH.
pub const DECODE_CASES: &[CaseSpec] =
    &[CaseSpec { bench: "wire", name: "itch_decode", build: itch_decode }];

/// The cases of `tiercel bench book` that build books by order.
pub const BUILD_CASES: &[CaseSpec] = &[
    CaseSpec { bench: "book", name: "itch_build", build: |options| Ok(itch_build(options, true)) },
    CaseSpec {
        bench: "book",
        name: "itch_build_single",
        build: |options| Ok(itch_build(options, false)),
    },
];

/// The messages that open the day, and those of the day.
fn flow(options: &Options) -> (Vec<u8>, Vec<u8>) {
    let messages = options.operations;
    let mut flow = ItchFlow::new(&ItchFlowConfig {
        instruments: INSTRUMENTS,
        live_orders: LIVE_ORDERS,
        messages,
        seed: options.seed,
    });
    let (mut open, mut day) = (Vec::new(), Vec::new());
    flow.open(&mut open);
    flow.trade(messages, &mut day);
    (open, day)
}

fn wrong(error: &dyn std::fmt::Display) -> BenchError {
    BenchError::Wrong { subject: "ours".to_owned(), what: error.to_string() }
}

/// Every field of every message into the checksum; peers compute the same from `input`.
///
/// # Errors
/// None but the type's.
pub fn itch_decode(options: &Options) -> Result<Case, BenchError> {
    let bytes: Arc<[u8]> = flow(options).1.into();
    let input = Input::Bytes(Arc::clone(&bytes));
    let messages = options.operations as u64;
    let work = move || {
        let mut checksum = Checksum::default();
        for message in Frames::new(&bytes) {
            checksum.add(&message.map_err(|error| wrong(&error))?);
        }
        Ok(checksum.value())
    };
    let ours = Repeated {
        name: "ours",
        figure: Figure::ItemsPerSecond,
        items_per_call: messages,
        calls: 3,
        work,
    };
    Ok(Case { unit: "msg/s", input, subjects: vec![Box::new(ours)] })
}

/// Bytes to books: with hints of what comes, or each message as if it came alone.
pub fn itch_build(options: &Options, ahead: bool) -> Case {
    let (open, day) = flow(options);
    let input = Input::Bytes(day.as_slice().into());
    let build = Build { open, day, messages: options.operations as u64, ahead };
    Case { unit: "msg/s", input, subjects: vec![Box::new(build)] }
}

struct Build {
    open: Vec<u8>,
    day: Vec<u8>,
    messages: u64,
    ahead: bool,
}

impl Subject for Build {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let mut books = BookSet::new(Capacity {
            instruments: usize::from(INSTRUMENTS),
            orders: LIVE_ORDERS + LIVE_ORDERS / 8,
            levels: 1_024,
        });
        run_ahead(&mut books, &self.open)?;
        let mut round = Round { operations: self.messages, ..Round::default() };
        match timing {
            Timing::Mean => {
                let from = clock::start();
                if self.ahead {
                    run_ahead(&mut books, &self.day)?;
                } else {
                    run_single(&mut books, &self.day)?;
                }
                let spent_ns = clock.between_ns(clock::stop() - from);
                round.value = self.messages as f64 * 1e9 / spent_ns;
            }
            // An operation that others are prepared beside has no time of its own.
            Timing::Each if self.ahead => {}
            Timing::Each => {
                let mut frames = Frames::new(&self.day);
                for at in 0.. {
                    let from = clock::start();
                    let Some(operation) = next_operation(&mut frames)? else { break };
                    operation.map_or(Ok(()), |operation| books.apply(&operation)).map_err(met)?;
                    let stop = clock::stop();
                    if usize::is_multiple_of(at, TIMED_EVERY) {
                        round.times_ns.push(clock.between_ns(stop - from) as f32);
                    }
                }
            }
        }
        round.checksum = books.digest();
        Ok(round)
    }
}

fn met(anomaly: Anomaly) -> BenchError {
    wrong(&anomaly)
}

/// The next message, and what it does to a book if it does anything; `None` at the end.
#[inline(always)]
#[allow(clippy::option_option, reason = "no message, and a message that does nothing")]
fn next_operation(frames: &mut Frames<'_>) -> Result<Option<Option<OrderOperation>>, BenchError> {
    match frames.next() {
        None => Ok(None),
        Some(Ok(message)) => Ok(Some(message.operation())),
        Some(Err(error)) => Err(wrong(&error)),
    }
}

#[inline(never)]
fn run_single(books: &mut BookSet, bytes: &[u8]) -> Result<(), BenchError> {
    for message in Frames::new(bytes) {
        if let Some(operation) = message.map_err(|error| wrong(&error))?.operation() {
            books.apply(&operation).map_err(met)?;
        }
    }
    Ok(())
}

#[inline(never)]
fn run_ahead(books: &mut BookSet, bytes: &[u8]) -> Result<(), BenchError> {
    let (mut far, mut near) = (Keys::new(bytes), Keys::new(bytes));
    for key in far.by_ref().take(TABLE_AHEAD) {
        books.prefetch_table(key);
    }
    for key in near.by_ref().take(ORDER_AHEAD) {
        books.prefetch_order(key);
    }
    for message in Frames::new(bytes) {
        if let Some(key) = far.next() {
            books.prefetch_table(key);
        }
        if let Some(key) = near.next() {
            books.prefetch_order(key);
        }
        if let Some(operation) = message.map_err(|error| wrong(&error))?.operation() {
            books.apply(&operation).map_err(met)?;
        }
    }
    Ok(())
}
