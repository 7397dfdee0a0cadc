//! Reading: each reader has a position of its own, and no writer knows of it.
//!
//! ```text
//!   poll: load the word; is it the record I wait for? -> its bytes, in place
//!                          no -> nothing yet, padding, end of the cycle, damage
//! ```
//!
//! On the way of a record: one atomic load, one comparison, one check of its bounds. Nothing is
//! written, so any number of readers cost the writer nothing but the lines they take.

use core::hint::spin_loop;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use zerocopy::{FromBytes, Immutable, KnownLayout, TryFromBytes};

use crate::bus::{Access, Bus, Cycle};
use crate::error::{BusError, ReadError};
use crate::header::{self, HEADER_SIZE, Header};
use crate::index::Index;
use crate::lock;
use crate::options::Waiting;
use crate::protocol::{self, Cursor, Memory};
use crate::wake;

/// Where a reader begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With the oldest record that is there.
    #[default]
    Oldest,
    /// With the next record that is written.
    End,
    /// With this record, or the next after it that was not aborted.
    Index(Index),
}

/// A record, in place: its bytes stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its payload. It begins at a multiple of eight.
    pub bytes: &'a [u8],
    /// Where it is.
    pub index: Index,
    /// The writer's mark.
    pub kind: u8,
}

impl<'a> Record<'a> {
    /// The payload as a `T` in place; `None` when it has another length, or `T` asks for more
    /// than eight bytes of alignment.
    #[inline]
    pub fn get<T: FromBytes + KnownLayout + Immutable>(&self) -> Option<&'a T> {
        T::ref_from_bytes(self.bytes).ok()
    }

    /// As [`Record::get`], for a `T` that not all bytes make; `None` also for bytes that do not.
    #[inline]
    pub fn try_get<T: TryFromBytes + KnownLayout + Immutable>(&self) -> Option<&'a T> {
        T::try_ref_from_bytes(self.bytes).ok()
    }
}

/// A record that its writer has not finished, and that a reader stands before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// Which record.
    pub index: Index,
    /// The slot of its writer.
    pub slot: u32,
    /// Whether a living writer holds that slot. If not, the next writer turns the record into
    /// padding.
    pub writer_alive: bool,
}

/// A reader of a bus. From [`Bus::reader`].
#[derive(Debug)]
pub struct Reader {
    cycle: Cycle,
    cursor: Cursor,
    bus: Bus,
}

/// How often a waiting reader looks before it sleeps.
const SPINS: u32 = 2_000;

impl Reader {
    pub(crate) fn open(bus: Bus, start: Start) -> Result<Self, ReadError> {
        let access = access(&bus);
        let (cycle, cursor) = match start {
            Start::Oldest => {
                let cycle = oldest_from(&bus, 0)?;
                let cursor = Cursor::start(&cycle.geometry);
                (cycle, cursor)
            }
            Start::End => bus.open_tail(access).map_err(ReadError::Cycle)?,
            Start::Index(index) => seek(&bus, index)?,
        };
        Ok(Self { cycle, cursor, bus })
    }

    /// The next record, if there is one.
    ///
    /// # Errors
    /// [`ReadError::Lost`] when the next cycle was removed before this reader came to it; the
    /// reader then goes on with the oldest that is there. Damage, and the system's refusals.
    #[inline]
    pub fn poll(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        let word = self.word();
        if header::is_record(word, self.cursor.sequence) {
            let length = header::length(word);
            if self.cycle.geometry.fits(self.cursor.position, length) {
                return Ok(Some(self.take(length, header::kind(word))));
            }
        }
        // What a reader that spins sees most.
        if word == 0 {
            return Ok(None);
        }
        self.poll_slowly()
    }

    /// The word at the cursor is neither empty nor a record.
    #[cold]
    fn poll_slowly(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        match self.advance()? {
            Some((length, kind)) => Ok(Some(self.take(length, kind))),
            None => Ok(None),
        }
    }

    #[inline]
    fn word(&self) -> u64 {
        // Acquire: pairs with the writer's release, so that the payload is seen with its word.
        self.cycle.mapping.word(self.cursor.position).load(Ordering::Acquire)
    }

    /// The record at the cursor, which is there and fits, and goes behind it.
    #[inline]
    fn take(&mut self, length: usize, kind: u8) -> Record<'_> {
        let index = Index::new(self.cycle.page.cycle, self.cursor.sequence);
        let from = self.cursor.position + HEADER_SIZE;
        self.cursor = self.cursor.after(&self.cycle.geometry, length);
        // SAFETY: its word was published, so the payload does not change any more.
        let bytes = unsafe { self.cycle.mapping.bytes(from, length) };
        Record { bytes, index, kind }
    }

    /// Passes over padding and ends of cycles; the length and kind of the record then at the
    /// cursor, if there is one.
    fn advance(&mut self) -> Result<Option<(usize, u8)>, ReadError> {
        loop {
            match protocol::look(&self.cycle.mapping, &self.cycle.geometry, self.cursor) {
                Header::Record { length, kind } => return Ok(Some((length, kind))),
                Header::Empty | Header::Pending { .. } => return Ok(None),
                Header::Padding { length } => {
                    self.cursor = self.cursor.after(&self.cycle.geometry, length);
                }
                Header::End => {
                    if !self.next_cycle()? {
                        return Ok(None);
                    }
                }
                Header::Foreign => {
                    return Err(ReadError::Damaged(self.bus.damaged(&self.cycle, self.cursor)));
                }
            }
        }
    }

    /// Enters the cycle after the one that has ended; false for a bus of one file.
    #[cold]
    fn next_cycle(&mut self) -> Result<bool, ReadError> {
        if !self.bus.place().rolls() {
            return Ok(false);
        }
        let next = self.cycle.page.cycle + 1;
        let found = self.bus.open_cycle(next, access(&self.bus)).map_err(ReadError::Cycle)?;
        let (cycle, lost) = match found {
            Some(cycle) => (cycle, false),
            None => (oldest_from(&self.bus, next)?, true),
        };
        self.cursor = Cursor::start(&cycle.geometry);
        self.cycle = cycle;
        if lost {
            return Err(ReadError::Lost { from: Index::new(next, 0), to: self.next_index() });
        }
        Ok(true)
    }

    /// The index of the next record: what to keep for [`Start::Index`], to go on from here after
    /// a restart.
    pub const fn next_index(&self) -> Index {
        Index::new(self.cycle.page.cycle, self.cursor.sequence)
    }

    /// Whether there is anything for [`Reader::poll`] to look at: a record, padding, the end of
    /// the cycle, damage.
    fn is_ready(&self) -> bool {
        match protocol::look(&self.cycle.mapping, &self.cycle.geometry, self.cursor) {
            Header::Empty | Header::Pending { .. } => false,
            Header::End => self.bus.place().rolls(),
            _ => true,
        }
    }

    /// Waits until there is something to poll, at most for `limit`; false when the time was up.
    ///
    /// It looks some thousand times first. Then it sleeps, where the bus was made for that
    /// ([`Waiting::Sleep`]) and its file may be written; else it yields the core.
    pub fn wait(&self, limit: Duration) -> bool {
        for _ in 0..SPINS {
            if self.is_ready() {
                return true;
            }
            spin_loop();
        }
        let begin = Instant::now();
        loop {
            if self.is_ready() {
                return true;
            }
            let left = limit.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return false;
            }
            match (&self.cycle.bell, self.bus.options().waiting) {
                (Some(bell), _) => wake::sleep(bell.bell(), left, || self.is_ready()),
                (None, Waiting::Sleep) => wake::nap(left),
                (None, Waiting::Spin) => std::thread::yield_now(),
            }
        }
    }

    /// Whether this reader stands before a record that its writer has claimed and not finished:
    /// for a moment that is nothing special; for longer it asks for a repair
    /// ([`Writer::repair_dead_claims`](crate::Writer::repair_dead_claims)).
    ///
    /// # Errors
    /// The system's refusal to look at the writers' locks.
    pub fn stalled(&self) -> Result<Option<Stall>, BusError> {
        let seen = protocol::look(&self.cycle.mapping, &self.cycle.geometry, self.cursor);
        let Header::Pending { slot, .. } = seen else { return Ok(None) };
        let file = self.bus.place().open_lock_file(false)?;
        let writer_alive =
            lock::is_taken(&file, slot).map_err(BusError::system("look at", self.bus.path()))?;
        Ok(Some(Stall { index: self.next_index(), slot, writer_alive }))
    }

    /// The bus.
    pub const fn bus(&self) -> &Bus {
        &self.bus
    }
}

fn access(bus: &Bus) -> Access {
    match bus.options().waiting {
        Waiting::Spin => Access::Read,
        Waiting::Sleep => Access::ReadAndSleep,
    }
}

/// Opens the oldest cycle that is there, from `least` on.
fn oldest_from(bus: &Bus, least: u32) -> Result<Cycle, ReadError> {
    loop {
        let cycles = bus.cycles().map_err(ReadError::Cycle)?;
        let Some(&oldest) = cycles.iter().find(|&&cycle| cycle >= least) else {
            return Err(ReadError::Cycle(BusError::Missing(bus.path().to_owned())));
        };
        // It may be removed between the listing and the opening: then there are younger ones.
        if let Some(cycle) = bus.open_cycle(oldest, access(bus)).map_err(ReadError::Cycle)? {
            return Ok(cycle);
        }
        if !bus.place().rolls() {
            return Err(ReadError::Cycle(BusError::Missing(bus.path().to_owned())));
        }
    }
}

/// Opens the cycle of `index` and walks to it.
fn seek(bus: &Bus, index: Index) -> Result<(Cycle, Cursor), ReadError> {
    let opened = bus.open_cycle(index.cycle(), access(bus));
    let Some(cycle) = opened.map_err(ReadError::Cycle)? else {
        return Err(not_there(bus, index));
    };
    let mut cursor = Cursor::start(&cycle.geometry);
    while cursor.sequence < index.sequence() {
        match protocol::look(&cycle.mapping, &cycle.geometry, cursor) {
            Header::Record { length, .. }
            | Header::Padding { length }
            | Header::Pending { length, .. } => cursor = cursor.after(&cycle.geometry, length),
            Header::Empty | Header::End => {
                let tail = Index::new(index.cycle(), cursor.sequence);
                return Err(ReadError::Beyond { index, tail });
            }
            Header::Foreign => return Err(ReadError::Damaged(bus.damaged(&cycle, cursor))),
        }
    }
    Ok((cycle, cursor))
}

/// Why the cycle of `index` is not there: removed, or not yet begun.
fn not_there(bus: &Bus, index: Index) -> ReadError {
    let cycles = match bus.cycles() {
        Ok(cycles) => cycles,
        Err(error) => return ReadError::Cycle(error),
    };
    if let Some(&later) = cycles.iter().find(|&&cycle| cycle > index.cycle()) {
        return ReadError::Lost { from: index, to: Index::new(later, 0) };
    }
    match bus.open_tail(Access::Read) {
        Ok((cycle, cursor)) => {
            ReadError::Beyond { index, tail: Index::new(cycle.page.cycle, cursor.sequence) }
        }
        Err(error) => ReadError::Cycle(error),
    }
}
