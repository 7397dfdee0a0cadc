//! What was sent and heard, in a file that outlives the process: how the next run knows what this one has open.
//!
//! ```text
//!   Core: a request --> sent() --+--> bus in the folder of the run --> (killed) --> open(): Recovery --> next run
//!         a report  --> heard() -+      begins with what was left by the run before
//! ```
//!
//! A record is in shared memory before its request is handed to a connector, and before anything is done because of
//! a report: it survives the process, however that ends. It does not survive the machine: then the venue's
//! answer to what is asked is all there is.
//!
//! Each run has a folder of its own, which counts once it says that it has begun: a run that is killed while it
//! writes what was left to it leaves the folder before in force.

mod records;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use tiercel_bus::{AppendError, Bus, BusError, One, Options, ReadError, Record, Start, Writer};
use tiercel_execution::oms::{Adopted, VenueTerms};
use tiercel_execution::position::TooLarge;
use tiercel_execution::recovery::Recovery;
use tiercel_execution::risk::{Day, Mode};
use tiercel_execution::venue::{VenueId, VenueReport, VenueRequest};
use tiercel_types::{InstrumentId, Timestamp, TradeId};
use zerocopy::IntoBytes as _;

use crate::core::Remainder;
use crate::reason::ModeReason;
use records::{
    AdoptedRecord, GateRecord, HeardRecord, Kind, NameRecord, PositionRecord, RemainderRecord,
    SentRecord,
};

/// What every run's folder begins with.
const PREFIX: &str = "journal-";
/// Folders that stay: that of the run, and the one before.
const KEPT: usize = 2;
/// Bytes of a file of the journal.
const FILE_BYTES: u64 = 16 << 20;
const SECOND_NS: u64 = 1_000_000_000;
/// The file that keeps others out.
const LOCK: &str = "lock";
/// Orders that have ended are remembered while a journal is read, so many: something may have been told of them still.
const ENDED_KEPT: usize = 4_096;
/// After so many records those beyond are forgotten.
const FORGOTTEN_EVERY: u64 = 65_536;

/// Why there is no journal.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The system's refusal.
    #[error("{path}: {error}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The queue's refusal.
    #[error("{path}: {error}")]
    Bus {
        /// Where.
        path: PathBuf,
        /// Why.
        error: BusError,
    },
    /// It cannot be read.
    #[error("{path}: {error}")]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        error: ReadError,
    },
    /// It cannot be written.
    #[error("{path}: {error}")]
    Append {
        /// Where.
        path: PathBuf,
        /// Why.
        error: AppendError,
    },
    /// A record that is none.
    #[error("{path}: record {number} is damaged")]
    Damaged {
        /// Where.
        path: PathBuf,
        /// Which, from 1.
        number: u64,
    },
    /// It is of another configuration.
    #[error("{path}: {what} {number} was {was}, and is {is} in the configuration")]
    Other {
        /// Where.
        path: PathBuf,
        /// An instrument or a venue.
        what: &'static str,
        /// Which, from zero.
        number: u32,
        /// What the journal says.
        was: String,
        /// What the configuration says.
        is: String,
    },
    /// Another trader has it.
    #[error("{path}: another trader runs from this folder")]
    Locked {
        /// The file that is locked.
        path: PathBuf,
    },
    /// A position beyond all bounds.
    #[error("{path}: {error}")]
    TooLarge {
        /// Where.
        path: PathBuf,
        /// Why.
        error: TooLarge,
    },
}

/// What the gate lets through, why, and from which results losses count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GateState {
    /// What may be done.
    pub mode: Mode,
    /// What set that.
    pub reason: ModeReason,
    /// What losses count from; `None`: from the next result.
    pub day: Option<Day>,
}

/// What a run before has left.
#[derive(Debug)]
pub struct Left {
    /// Its orders and positions.
    pub recovery: Recovery,
    /// By venue, the number of the first answer that was not heard; zero: none was.
    pub next_answers: Vec<u64>,
    /// The second that the run before is named by; zero: there was none.
    pub second: u64,
    /// How the gate stood.
    pub gate: GateState,
    /// What accounts had beyond what this trader's trades made of it.
    pub remainders: Vec<Remainder>,
}

impl Left {
    fn nothing(venues: &[(String, VenueTerms)]) -> Self {
        let terms: Vec<VenueTerms> = venues.iter().map(|(_, terms)| *terms).collect();
        Self {
            recovery: Recovery::new(&terms),
            next_answers: vec![0; venues.len()],
            second: 0,
            gate: GateState::default(),
            remainders: Vec::new(),
        }
    }
}

/// What is written.
pub struct Journal {
    writer: Writer<One>,
    path: PathBuf,
    second: u64,
    /// The folder is nobody else's while this is open.
    _lock: File,
}

/// Opens the journal of a folder: what was left, and one for this run. `venues` are by number, as are `instruments`:
/// venue and symbol of each.
///
/// # Errors
/// [`JournalError`]: nothing of what was there has changed.
pub fn open(
    store: &Path,
    now: Timestamp,
    venues: &[(String, VenueTerms)],
    instruments: &[(String, String)],
) -> Result<(Left, Journal), JournalError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| JournalError::Io { path, error }
    };
    fs::create_dir_all(store).map_err(at(store))?;
    let lock = lock(&store.join(LOCK))?;
    let mut runs = runs(store).map_err(at(store))?;
    let mut left = Left::nothing(venues);
    for (_, path) in runs.iter().rev() {
        if let Some(found) = read(path, venues, instruments)? {
            left = found;
            break;
        }
    }
    let number = runs.last().map_or(1, |(number, _)| number + 1);
    let path = store.join(format!("{PREFIX}{number:08}"));
    let journal = Journal::begin((&path, lock), now, &left, venues, instruments)?;
    runs.push((number, path));
    for (_, old) in runs.iter().rev().skip(KEPT) {
        fs::remove_dir_all(old).map_err(at(old))?;
    }
    Ok((left, journal))
}

/// Has a folder for itself, until the file is closed.
fn lock(path: &Path) -> Result<File, JournalError> {
    let failed = |error| JournalError::Io { path: path.to_owned(), error };
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// The folders of runs, oldest first.
fn runs(store: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut runs = Vec::new();
    for entry in fs::read_dir(store)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(number) = name.strip_prefix(PREFIX).and_then(|digits| digits.parse().ok()) {
            runs.push((number, path));
        }
    }
    runs.sort();
    Ok(runs)
}

/// What a run's folder says; `None`: it had not begun.
fn read(
    path: &Path,
    venues: &[(String, VenueTerms)],
    instruments: &[(String, String)],
) -> Result<Option<Left>, JournalError> {
    let mut left = Left::nothing(venues);
    let bus = match Bus::open(path) {
        Ok(bus) => bus,
        // One that was killed before there was anything in it.
        Err(BusError::Missing(_)) => return Ok(None),
        Err(error) => return Err(JournalError::Bus { path: path.to_owned(), error }),
    };
    let failed = |error| JournalError::Read { path: path.to_owned(), error };
    let mut reader = bus.reader(Start::Oldest).map_err(failed)?;
    let (mut has_begun, mut number) = (false, 0);
    while let Some(record) = reader.poll().map_err(failed)? {
        number += 1;
        if number % FORGOTTEN_EVERY == 0 {
            left.recovery.forget_ended(ENDED_KEPT);
        }
        has_begun |= take(&mut left, (path, number), &record, venues, instruments)?;
    }
    Ok(has_begun.then_some(left))
}

/// Takes a record in. Whether it says that the run has begun.
fn take(
    left: &mut Left,
    (path, number): (&Path, u64),
    record: &Record<'_>,
    venues: &[(String, VenueTerms)],
    instruments: &[(String, String)],
) -> Result<bool, JournalError> {
    let damaged = || JournalError::Damaged { path: path.to_owned(), number };
    match Kind::from_code(record.kind).ok_or_else(damaged)? {
        Kind::Instrument => {
            let record = record.get::<NameRecord>().ok_or_else(damaged)?;
            let name = |(venue, symbol): &(String, String)| format!("{venue} {symbol}");
            check(path, "instrument", record, instruments, name)?;
        }
        Kind::Venue => {
            let record = record.get::<NameRecord>().ok_or_else(damaged)?;
            check(path, "venue", record, venues, |(name, _)| name.clone())?;
        }
        Kind::Gate => {
            let record = record.get::<GateRecord>().ok_or_else(damaged)?;
            left.gate = record.read().ok_or_else(damaged)?;
        }
        Kind::Position => {
            let record = record.get::<PositionRecord>().ok_or_else(damaged)?;
            let (instrument, position) = record.read();
            left.recovery.set_position(instrument, position);
        }
        Kind::Adopted => {
            let record = record.get::<AdoptedRecord>().ok_or_else(damaged)?;
            let (venue, at, adopted) = record.read().ok_or_else(damaged)?;
            left.recovery.adopt(venue, at, &adopted);
        }
        Kind::Begun => {
            left.second = record.get::<[u64; 1]>().ok_or_else(damaged)?[0];
            return Ok(true);
        }
        Kind::Sent => {
            let record = record.get::<SentRecord>().ok_or_else(damaged)?;
            let (at, venue, tag, request) = record.read().ok_or_else(damaged)?;
            left.recovery.sent(at, venue, tag, &request);
        }
        Kind::Heard => {
            let record = record.get::<HeardRecord>().ok_or_else(damaged)?;
            let (venue, answer, report) = record.read().ok_or_else(damaged)?;
            let too_large = |error| JournalError::TooLarge { path: path.to_owned(), error };
            left.recovery.heard(venue, &report).map_err(too_large)?;
            if let Some(next) = left.next_answers.get_mut(venue.index()) {
                *next = (*next).max(answer.saturating_add(u64::from(answer > 0)));
            }
        }
        Kind::LastTrade => {
            let [instrument, trade] = *record.get::<[u64; 2]>().ok_or_else(damaged)?;
            let instrument = u32::try_from(instrument).map_err(|_| damaged())?;
            left.recovery.set_last_trade(InstrumentId(instrument), TradeId(trade));
            // Behind the beginning it is the venue that says so.
            if left.second > 0 {
                left.recovery.follow_trades();
            }
        }
        Kind::Remainder => {
            let record = record.get::<RemainderRecord>().ok_or_else(damaged)?;
            let remainder = record.read().ok_or_else(damaged)?;
            let is_other =
                |it: &Remainder| (it.venue, &it.asset) != (remainder.venue, &remainder.asset);
            left.remainders.retain(is_other);
            left.remainders.push(remainder);
        }
        Kind::Answer => {
            let record = record.get::<[u64; 2]>().ok_or_else(damaged)?;
            // A lower one, where the venue has lost what it had.
            if let Some(next) = left.next_answers.get_mut(record[0] as usize) {
                *next = record[1];
            }
        }
    }
    Ok(false)
}

/// Whether a number means what it meant.
fn check<T>(
    path: &Path,
    what: &'static str,
    record: &NameRecord,
    all: &[T],
    name: impl Fn(&T) -> String,
) -> Result<(), JournalError> {
    let (number, was) = record.read();
    let is = all.get(number as usize).map_or_else(|| "not there".to_owned(), name);
    if was == is {
        return Ok(());
    }
    Err(JournalError::Other { path: path.to_owned(), what, number, was, is })
}

impl Journal {
    fn begin(
        (path, lock): (&Path, File),
        now: Timestamp,
        left: &Left,
        venues: &[(String, VenueTerms)],
        instruments: &[(String, String)],
    ) -> Result<Self, JournalError> {
        let failed = |error| JournalError::Bus { path: path.to_owned(), error };
        let options = Options { cycle_bytes: FILE_BYTES, ..Options::default() };
        let bus = Bus::create(path, &options).map_err(failed)?;
        let writer = bus.writer().map_err(failed)?;
        // No two runs have one name, however soon one follows the other.
        let second = (now.0 / SECOND_NS).max(left.second + 1);
        let mut journal = Self { writer, path: path.to_owned(), second, _lock: lock };
        for ((name, _), number) in venues.iter().zip(0..) {
            journal.append(Kind::Venue, &NameRecord::new(number, name))?;
        }
        for ((venue, symbol), number) in instruments.iter().zip(0..) {
            let name = format!("{venue} {symbol}");
            journal.append(Kind::Instrument, &NameRecord::new(number, &name))?;
        }
        for (instrument, position) in left.recovery.positions() {
            journal.append(Kind::Position, &PositionRecord::new(instrument, position))?;
        }
        for (venue, adopted) in left.recovery.orders() {
            journal.append(Kind::Adopted, &AdoptedRecord::new(venue, now, adopted))?;
        }
        // Those that a venue may list again: it is asked for what is behind the last trade.
        for (venue, adopted) in left.recovery.ended().filter(has_traded) {
            let instrument = adopted.order.instrument;
            let mut last = left.recovery.last_trades();
            let last = last.find(|(of, _)| *of == instrument).map(|(_, trade)| trade);
            let is_behind = last.is_some_and(|last| adopted.order.parts().last_trade <= last);
            if !left.recovery.follows_trades() || !is_behind {
                journal.append(Kind::Adopted, &AdoptedRecord::new(venue, now, adopted))?;
            }
        }
        for (instrument, trade) in left.recovery.last_trades() {
            journal.last_trade(instrument, trade)?;
        }
        for remainder in &left.remainders {
            journal.remainder(remainder)?;
        }
        for (venue, next) in left.next_answers.iter().enumerate() {
            journal.append(Kind::Answer, &[venue as u64, *next])?;
        }
        journal.gate(&left.gate)?;
        journal.append(Kind::Begun, &[journal.second])?;
        Ok(journal)
    }

    /// The second that the run is named by.
    pub const fn second(&self) -> u64 {
        self.second
    }

    fn append<T: zerocopy::IntoBytes + zerocopy::Immutable>(
        &mut self,
        kind: Kind,
        record: &T,
    ) -> Result<(), JournalError> {
        let appended = self.writer.append(kind as u8, record);
        appended.map(drop).map_err(|error| JournalError::Append { path: self.path.clone(), error })
    }

    /// How the gate stands from now on.
    ///
    /// # Errors
    /// [`JournalError::Append`].
    pub fn gate(&mut self, state: &GateState) -> Result<(), JournalError> {
        self.append(Kind::Gate, &GateRecord::new(state))
    }

    /// A request is about to leave, of the order of a tag.
    ///
    /// # Errors
    /// [`JournalError::Append`]: it must not leave, unless it is a cancel.
    #[inline]
    pub fn sent(
        &mut self,
        now: Timestamp,
        venue: VenueId,
        tag: u64,
        request: &VenueRequest,
    ) -> Result<(), JournalError> {
        self.append(Kind::Sent, &SentRecord::new(now, venue, tag, request))
    }

    /// A report was heard; `answer` is the number that its venue gave it, zero if it gives none.
    ///
    /// # Errors
    /// [`JournalError::Append`].
    #[inline]
    pub fn heard(
        &mut self,
        venue: VenueId,
        answer: u64,
        report: &VenueReport,
    ) -> Result<(), JournalError> {
        self.append(Kind::Heard, &HeardRecord::new(venue, answer, report))
    }

    /// An order of a run before was taken over, of which what is read here did not tell.
    ///
    /// # Errors
    /// [`JournalError::Append`].
    pub fn adopted(
        &mut self,
        now: Timestamp,
        venue: VenueId,
        adopted: &Adopted,
    ) -> Result<(), JournalError> {
        self.append(Kind::Adopted, &AdoptedRecord::new(venue, now, adopted))
    }

    /// The newest trade of an instrument that its venue tells of: all before are known.
    ///
    /// # Errors
    /// [`JournalError::Append`].
    pub fn last_trade(
        &mut self,
        instrument: InstrumentId,
        trade: TradeId,
    ) -> Result<(), JournalError> {
        self.append(Kind::LastTrade, &[u64::from(instrument.0), trade.0])
    }

    /// What an account has beyond what this trader's trades made of it.
    ///
    /// # Errors
    /// [`JournalError::Append`].
    pub fn remainder(&mut self, remainder: &Remainder) -> Result<(), JournalError> {
        self.append(Kind::Remainder, &RemainderRecord::new(remainder))
    }

    /// The next answer of a venue has this number.
    ///
    /// # Errors
    /// [`JournalError::Append`].
    pub fn answers_from(&mut self, venue: VenueId, number: u64) -> Result<(), JournalError> {
        self.append(Kind::Answer, &[u64::from(venue.0), number])
    }
}

/// Whether something of an order has traded.
pub(crate) fn has_traded((_, adopted): &(VenueId, &Adopted)) -> bool {
    !adopted.order.executed_qty().is_zero()
}

/// The bytes that a journal has of a request, but for the tag.
pub(crate) fn sent_bytes(
    now: Timestamp,
    venue: VenueId,
    request: &VenueRequest,
    take: impl FnOnce(&[u8]),
) {
    take(SentRecord::new(now, venue, 0, request).as_bytes());
}

/// The bytes that a journal has of a report.
pub(crate) fn heard_bytes(venue: VenueId, report: &VenueReport, take: impl FnOnce(&[u8])) {
    take(HeardRecord::new(venue, 0, report).as_bytes());
}
