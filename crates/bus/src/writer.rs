//! Appending.
//!
//! ```text
//!   claim -> fill in place -> commit        append = all three, for a record that is made already
//!     |                          |
//!     | does not fit             | one store; then a look at the bell, if readers may sleep
//!     v
//!   next cycle: made, named, then the end mark in the old one
//! ```
//!
//! On the way of a record: no system call but to wake a sleeper, no allocation, no lock, no fence.

use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::bus::{Access, Bus, Cycle, REACH_FIRST};
use crate::error::{AppendError, BusError};
use crate::file::LINE;
use crate::header::{HEADER_SIZE, Header};
use crate::index::Index;
use crate::lock::{SHARED_WRITERS_MAX, SlotLock};
use crate::options::Waiting;
use crate::place::{Blank, Place};
use crate::protocol::{self, Claim, Cursor, Memory};
use crate::spare::{Preparer, Spare};
use crate::wake::Order;

mod mode {
    /// How many write: [`One`](super::One) or [`Shared`](super::Shared). Not for others to
    /// implement.
    pub trait Mode: Sealed {
        /// Whether others may write at the same time.
        const SHARED: bool;
    }

    pub trait Sealed {}
}

pub use mode::Mode;

/// The only writer.
#[derive(Debug)]
pub enum One {}

/// One of several writers.
#[derive(Debug)]
pub enum Shared {}

impl mode::Sealed for One {}
impl mode::Sealed for Shared {}

impl Mode for One {
    const SHARED: bool = false;
}

impl Mode for Shared {
    const SHARED: bool = true;
}

/// A writer of a bus: [`Writer<One>`] or [`Writer<Shared>`].
///
/// It holds its place until it is dropped or its process ends, however that ends.
#[derive(Debug)]
pub struct Writer<M: Mode> {
    cycle: Cycle,
    /// Where the next record goes; among several writers, at or before that.
    cursor: Cursor,
    /// The longest payload that the cycle's reach covers.
    covered: usize,
    /// The length of a claim that was neither committed nor given up.
    open: Option<usize>,
    order: Order,
    length_max: usize,
    bus: Bus,
    lock: SlotLock,
    spare: Arc<Spare>,
    mode: PhantomData<M>,
}

impl<M: Mode> Writer<M> {
    pub(crate) fn open(bus: Bus) -> Result<Self, BusError> {
        match (bus.is_shared(), M::SHARED) {
            (true, false) => return Err(BusError::Mode("several writers")),
            (false, true) => return Err(BusError::Mode("one writer")),
            _ if !bus.can_be_written() => return Err(BusError::Mode("a directory of cycles")),
            _ => {}
        }
        let lock = take_slot::<M>(&bus)?;
        bus.place().clear_blanks(&maker(&lock))?;
        let (cycle, cursor) = bus.open_tail(Access::Write)?;
        let order = match bus.options().waiting {
            Waiting::Spin => Order::None,
            Waiting::Sleep => Order::register(),
        };
        let mut writer = Self {
            covered: 0,
            cycle,
            cursor,
            open: None,
            order,
            length_max: bus.length_max(),
            bus,
            lock,
            spare: Arc::default(),
            mode: PhantomData,
        };
        if M::SHARED {
            writer.repair()?;
        } else {
            writer.clear_beyond_tail();
        }
        Ok(writer)
    }

    /// Appends a record as it lies in memory, and returns its index. `kind` is the writer's own
    /// mark, for readers to tell records apart.
    ///
    /// # Errors
    /// [`AppendError`]; nothing was appended then.
    #[inline]
    pub fn append<T>(&mut self, kind: u8, record: &T) -> Result<Index, AppendError>
    where
        T: IntoBytes + Immutable + ?Sized,
    {
        let bytes = record.as_bytes();
        self.reserve(bytes.len())?;
        self.payload(bytes.len()).copy_from_slice(bytes);
        Ok(self.publish(bytes.len(), kind))
    }

    /// Claims `length` bytes to be filled in place. They are zero. Nobody sees them before
    /// [`Slot::commit`]; dropping the slot gives them up.
    ///
    /// # Errors
    /// [`AppendError`]; nothing was claimed then.
    #[inline]
    pub fn claim(&mut self, kind: u8, length: usize) -> Result<Slot<'_, M, [u8]>, AppendError> {
        self.reserve(length)?;
        self.open = Some(length);
        let payload: *mut [u8] = self.payload(length);
        // SAFETY: it lies in the mapping, which the slot's borrow of the writer keeps as it is,
        // and nobody else touches it before it is published.
        Ok(Slot { payload: unsafe { &mut *payload }, length, kind, writer: self })
    }

    /// Claims a record to be filled in place. It is all zeros, which is a valid `T`.
    ///
    /// # Errors
    /// [`AppendError`]; nothing was claimed then.
    #[inline]
    pub fn claim_as<T>(&mut self, kind: u8) -> Result<Slot<'_, M, T>, AppendError>
    where
        T: FromBytes + IntoBytes + KnownLayout,
    {
        const { assert!(align_of::<T>() <= HEADER_SIZE, "records are aligned to eight bytes") };
        let length = size_of::<T>();
        self.reserve(length)?;
        self.open = Some(length);
        let payload = self.payload(length).as_mut_ptr().cast::<T>();
        // SAFETY: as above; the position is a multiple of eight and so aligned for T, and any
        // bytes are a valid T.
        Ok(Slot { payload: unsafe { &mut *payload }, length, kind, writer: self })
    }

    /// The cycle that is being written, and the sequence number of the next record: exact for the
    /// only writer; among several, others may be ahead.
    pub const fn next_index(&self) -> Index {
        Index::new(self.cycle.page.cycle, self.cursor.sequence)
    }

    /// Makes the next cycle ahead of need, from another thread. `None` for a bus of one file.
    pub fn preparer(&self) -> Option<Preparer> {
        Preparer::new(self.bus.clone(), maker(&self.lock), Arc::clone(&self.spare))
    }

    /// Ends this cycle and begins the next. Among several writers: unless another one just did.
    ///
    /// # Errors
    /// [`AppendError::Full`] for a bus of one file; the system's refusals.
    pub fn roll(&mut self) -> Result<(), AppendError> {
        self.give_up();
        let Place::Directory(directory) = self.bus.place() else { return Err(AppendError::Full) };
        let current = self.cycle.page.cycle;
        let bytes = self.bus.options().cycle_bytes;
        let make = || Blank::make(directory, &maker(&self.lock), bytes, self.bus.prefaults());
        let blank = self.spare.take().map_or_else(make, Ok).map_err(AppendError::Roll)?;
        let next = self.next_cycle(current, blank).map_err(AppendError::Roll)?;
        self.end_cycle()?;
        self.order.ring(self.cycle.mapping.bell());
        if let Some(next) = next {
            return self.enter(next);
        }
        // A cycle that came back from the dead: ended, so that nobody waits in it. See below.
        self.rejoin()
    }

    /// Begins the next cycle if this one was begun longer ago than the bus's span. Call it now
    /// and then: appending looks at no clock.
    ///
    /// # Errors
    /// As [`Writer::roll`].
    pub fn roll_if_due(&mut self) -> Result<bool, AppendError> {
        let span = self.bus.options().cycle_span;
        let born = Duration::from_nanos(self.cycle.page.created_ns);
        let age = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if span.is_zero() || age.saturating_sub(born) < span {
            return Ok(false);
        }
        self.roll().map(|()| true)
    }

    /// The bus.
    pub const fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Where the payload of the record at the cursor goes: reserved, and not published.
    #[inline]
    fn payload(&mut self, length: usize) -> &mut [u8] {
        // SAFETY: reserved for this writer, which is borrowed as long as the result lives.
        unsafe { self.cycle.mapping.bytes_mut(self.cursor.position + HEADER_SIZE, length) }
    }

    /// Sees to it that `length` bytes at the cursor are this writer's.
    #[inline]
    fn reserve(&mut self, length: usize) -> Result<(), AppendError> {
        if M::SHARED {
            return self.reserve_shared(length);
        }
        let fits = length <= self.covered && self.cycle.geometry.fits(self.cursor.position, length);
        if fits && self.open.is_none() { Ok(()) } else { self.reserve_slowly(length) }
    }

    #[cold]
    fn reserve_slowly(&mut self, length: usize) -> Result<(), AppendError> {
        self.check_length(length)?;
        self.give_up();
        if !self.cycle.geometry.fits(self.cursor.position, length) {
            self.roll()?;
        }
        self.cover(length);
        Ok(())
    }

    fn check_length(&self, length: usize) -> Result<(), AppendError> {
        let max = self.length_max;
        if length > max { Err(AppendError::TooLong { length, max }) } else { Ok(()) }
    }

    #[inline]
    fn reserve_shared(&mut self, length: usize) -> Result<(), AppendError> {
        self.check_length(length)?;
        if self.open.is_some() {
            self.give_up();
        }
        loop {
            let Cycle { mapping, geometry, .. } = &self.cycle;
            let slot = self.lock.slot();
            match protocol::claim(mapping, geometry, &mut self.cursor, length, slot) {
                Claim::Won => return Ok(()),
                Claim::Full => self.next_shared()?,
                Claim::Damaged => return Err(self.damaged()),
            }
        }
    }

    /// Goes on to the next cycle, which may be there already.
    #[cold]
    fn next_shared(&mut self) -> Result<(), AppendError> {
        let seen = protocol::look(&self.cycle.mapping, &self.cycle.geometry, self.cursor);
        if seen != Header::End {
            return self.roll();
        }
        let next = self.cycle.page.cycle + 1;
        match self.bus.open_cycle(next, Access::Write).map_err(AppendError::Roll)? {
            Some(cycle) => self.enter(cycle),
            // So far behind that it was removed already.
            None => self.rejoin(),
        }
    }

    /// Goes to wherever the others write.
    fn rejoin(&mut self) -> Result<(), AppendError> {
        let (cycle, cursor) = self.bus.open_tail(Access::Write).map_err(AppendError::Roll)?;
        self.enter(cycle)?;
        self.cursor = cursor;
        Ok(())
    }

    /// Names the next cycle, or opens the one that another writer named.
    ///
    /// `None` when this writer stood still for so long, before it saw the end of its cycle, that
    /// the next one came, went and was removed: then it has just made it again, which it undoes.
    fn next_cycle(&self, current: u32, blank: Blank) -> Result<Option<Cycle>, BusError> {
        let page = self.bus.page_of(current + 1);
        let path = self.bus.place().cycle_path(page.cycle);
        if let Some(mapping) = blank.publish(&page, REACH_FIRST, &path)? {
            let cycle = Bus::made_cycle(page, mapping);
            let newest = self.bus.cycles()?.last().copied().unwrap_or(page.cycle);
            let mut start = Cursor::start(&cycle.geometry);
            let unused = protocol::look(&cycle.mapping, &cycle.geometry, start) == Header::Empty;
            if M::SHARED && newest > page.cycle && unused {
                protocol::end(&cycle.mapping, &cycle.geometry, &mut start);
                crate::place::remove(&path)?;
                return Ok(None);
            }
            return Ok(Some(cycle));
        }
        self.bus.open_cycle(page.cycle, Access::Write)
    }

    /// Puts the end mark into the cycle; the next one is there.
    fn end_cycle(&mut self) -> Result<(), AppendError> {
        let Cycle { mapping, geometry, .. } = &self.cycle;
        if protocol::end(mapping, geometry, &mut self.cursor) {
            return Ok(());
        }
        Err(self.damaged())
    }

    fn enter(&mut self, next: Cycle) -> Result<(), AppendError> {
        let newest = next.page.cycle;
        self.cursor = Cursor::start(&next.geometry);
        let left = core::mem::replace(&mut self.cycle, next);
        self.covered = 0;
        self.cover(0);
        self.spare.leave(&self.bus, left, newest).map_err(AppendError::Roll)
    }

    /// Says how far the only writer may write beyond the tail, before it does.
    fn cover(&mut self, length: usize) {
        if M::SHARED {
            return;
        }
        let reach = self.cycle.mapping.reach();
        let geometry = &self.cycle.geometry;
        let needed = (geometry.total(length) + geometry.align) as u64;
        if needed > reach.load(Ordering::Relaxed) {
            reach.store(needed, Ordering::Relaxed);
            // What is written from now on comes after it, even for whoever finds the file of a
            // dead process.
            fence(Ordering::SeqCst);
        }
        let said = reach.load(Ordering::Relaxed) as usize;
        self.covered = self.length_max.min(said.saturating_sub(geometry.align));
    }

    /// Gives up a claim that was not committed. Beyond the tail there are zeros again, or padding
    /// takes its place among several writers.
    fn give_up(&mut self) {
        let Some(length) = self.open.take() else { return };
        if M::SHARED {
            let Cycle { mapping, geometry, .. } = &self.cycle;
            protocol::abandon(mapping, self.cursor, length);
            self.cursor = self.cursor.after(geometry, length);
            self.order.ring(self.cycle.mapping.bell());
        } else {
            self.payload(length).fill(0);
        }
    }

    /// Makes what a dead writer left beyond the tail zero again.
    fn clear_beyond_tail(&mut self) {
        let Cycle { mapping, geometry, .. } = &self.cycle;
        let end = geometry.last + geometry.align;
        let reach = mapping.reach().load(Ordering::Relaxed).max(REACH_FIRST) as usize;
        let until = end.min(self.cursor.position.saturating_add(reach));
        for offset in (self.cursor.position..until).step_by(HEADER_SIZE) {
            let word = mapping.word(offset);
            if word.load(Ordering::Relaxed) != 0 {
                word.store(0, Ordering::Relaxed);
            }
        }
        self.cover(0);
    }

    /// Makes the record at the cursor visible and goes on to the next place.
    #[inline]
    fn publish(&mut self, length: usize, kind: u8) -> Index {
        let Cycle { mapping, geometry, page, .. } = &self.cycle;
        let index = Index::new(page.cycle, self.cursor.sequence);
        protocol::publish(mapping, self.cursor, length, kind);
        self.cursor = self.cursor.after(geometry, length);
        // The next record's place: no farther, see BENCHMARKS.md.
        mapping.prefetch_write(self.cursor.position);
        if HEADER_SIZE + length > LINE {
            mapping.prefetch_write(self.cursor.position + LINE);
        }
        if self.order != Order::None {
            self.order.ring(mapping.bell());
        }
        index
    }

    #[cold]
    fn damaged(&self) -> AppendError {
        AppendError::Damaged(self.bus.damaged(&self.cycle, self.cursor))
    }
}

impl Writer<Shared> {
    /// Turns the claims of writers that died into padding, and returns how many. A new writer does so when it opens; a living one may do so when readers stall
    /// ([`Reader::stalled`](crate::Reader::stalled)).
    ///
    /// # Errors
    /// The system's refusals, and damage.
    pub fn repair_dead_claims(&mut self) -> Result<u64, BusError> {
        self.repair()
    }
}

impl<M: Mode> Writer<M> {
    fn repair(&self) -> Result<u64, BusError> {
        let bus = self.bus.clone().with_prefault(false);
        let cycles = bus.cycles()?;
        // Back to where nothing is left, so that it costs no more when the bus is long.
        let mut first = cycles.len();
        while first > 0 {
            let cycle = bus.open_cycle(cycles[first - 1], Access::Write)?;
            if cycle.is_some_and(|it| it.mapping.settled().load(Ordering::Relaxed) == 1) {
                break;
            }
            first -= 1;
        }
        let mut repaired = 0;
        let mut is_settled = true;
        for &number in &cycles[first..] {
            let Some(cycle) = bus.open_cycle(number, Access::Write)? else { continue };
            let (mended, is_done) = self.repair_cycle(&cycle)?;
            repaired += mended;
            is_settled &= is_done;
            if is_settled {
                // True for ever, and no more than that: it comes with no other word.
                cycle.mapping.settled().store(1, Ordering::Relaxed);
            }
        }
        Ok(repaired)
    }

    /// Turns the claims of the dead in `cycle` into padding. How many; and whether it has ended and
    /// no claim is left, so that none will ever be there again.
    fn repair_cycle(&self, cycle: &Cycle) -> Result<(u64, bool), BusError> {
        let mut claims = Vec::new();
        let mut cursor = Cursor::start(&cycle.geometry);
        let seen = protocol::walk(&cycle.mapping, &cycle.geometry, &mut cursor, |at, header| {
            if let Header::Pending { length, slot } = header {
                claims.push((at, length, slot));
            }
        });
        let mut repaired = 0;
        for &(at, length, slot) in &claims {
            let mend = || protocol::repair(&cycle.mapping, at, length, slot);
            let mended = self
                .lock
                .with_slot(slot, mend)
                .map_err(BusError::system("lock", self.bus.path()))?;
            repaired += u64::from(mended == Some(true));
        }
        if repaired > 0 {
            self.order.ring(cycle.mapping.bell());
        }
        if seen == Header::Foreign {
            return Err(self.bus.damaged(cycle, cursor));
        }
        Ok((repaired, seen == Header::End && repaired == claims.len() as u64))
    }
}

impl<M: Mode> Drop for Writer<M> {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// What this writer's blanks are called.
fn maker(lock: &SlotLock) -> String {
    format!("next-{}", lock.slot())
}

fn take_slot<M: Mode>(bus: &Bus) -> Result<SlotLock, BusError> {
    let slots = if M::SHARED { SHARED_WRITERS_MAX } else { 1 };
    let mut file = bus.place().open_lock_file(true)?;
    for slot in 0..slots {
        let taken = SlotLock::take(file, slot).map_err(BusError::system("lock", bus.path()))?;
        match taken {
            Ok(lock) => return Ok(lock),
            Err(same) => file = same,
        }
    }
    Err(if M::SHARED { BusError::WritersPresent(slots) } else { BusError::WriterPresent })
}

/// A claimed place, to be filled and committed. Dropped, it is given up.
#[derive(Debug)]
pub struct Slot<'a, M: Mode, T: ?Sized> {
    payload: &'a mut T,
    length: usize,
    kind: u8,
    writer: &'a mut Writer<M>,
}

impl<M: Mode, T: ?Sized> Slot<'_, M, T> {
    /// Makes the record visible, as it is now, and returns its index.
    #[inline]
    pub fn commit(self) -> Index {
        let slot = ManuallyDrop::new(self);
        // SAFETY: the slot is not dropped, so the writer is taken out of it once.
        let writer = unsafe { core::ptr::read(&raw const slot.writer) };
        writer.open = None;
        writer.publish(slot.length, slot.kind)
    }
}

impl<M: Mode, T: ?Sized> Deref for Slot<'_, M, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.payload
    }
}

impl<M: Mode, T: ?Sized> DerefMut for Slot<'_, M, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.payload
    }
}

impl<M: Mode, T: ?Sized> Drop for Slot<'_, M, T> {
    fn drop(&mut self) {
        self.writer.give_up();
    }
}
