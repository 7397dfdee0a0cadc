//! The protocol on the words of one cycle: who may store what where, and in which order.
//!
//! ```text
//!   one writer:       payload ---------------> word = record      (release)
//!   several writers:  0 -> PENDING (one CAS) -> payload -> word = record (release)
//!   a reader:         word (acquire) -> payload, which never changes any more
//! ```
//!
//! Everything beyond the last word is zero, but for what a writer is filling in. So the tail is
//! the first empty word, and nothing but the words says where it is.
//!
//! Several writers claim by compare-and-swap on the word at the tail, not by an addition to a
//! shared counter: a claim then always carries its length, in place. One that died leaves
//! nothing that others cannot step over, and no counter that ran ahead of the words; and there is
//! no second line that all writers fight for.

use tiercel_sync::atomic::{AtomicU64, Ordering};

use crate::header::{self, HEADER_SIZE, Header};

/// The memory of a cycle as words. Shipped: the mapping of its file; in models: a boxed slice.
pub trait Memory {
    /// The word at byte `offset`, a multiple of eight inside the memory.
    fn word(&self, offset: usize) -> &AtomicU64;
}

/// How records lie in a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Where the first record's word is.
    pub first: usize,
    /// Where the last word of the cycle may be: only its end mark goes there.
    pub last: usize,
    /// What every record's place is a multiple of: 8 or 64.
    pub align: usize,
    /// How many slots writers can hold: a claim names one of them. None where one writes alone.
    pub slots: u32,
}

impl Geometry {
    /// Bytes that a record of `length` takes, word included.
    #[inline]
    pub const fn total(&self, length: usize) -> usize {
        (HEADER_SIZE + length + self.align - 1) & !(self.align - 1)
    }

    /// Whether a record of `length` can stand at `position`.
    #[inline]
    pub const fn fits(&self, position: usize, length: usize) -> bool {
        // Lengths and positions are below 2^34: no overflow.
        position + self.total(length) <= self.last
    }

    /// The longest payload that a cycle can hold.
    pub const fn length_max(&self) -> usize {
        let room = self.last - self.first - HEADER_SIZE;
        if room < header::LENGTH_MAX { room } else { header::LENGTH_MAX }
    }
}

/// A place in a cycle: the next word's, and the sequence number it has to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Byte offset of the word; never beyond [`Geometry::last`].
    pub position: usize,
    /// The sequence number.
    pub sequence: u32,
}

impl Cursor {
    /// At the first record.
    pub const fn start(geometry: &Geometry) -> Self {
        Self { position: geometry.first, sequence: 0 }
    }

    /// Behind a record of `length`, which fits here.
    #[inline]
    #[must_use]
    pub const fn after(self, geometry: &Geometry, length: usize) -> Self {
        Self { position: self.position + geometry.total(length), sequence: self.sequence + 1 }
    }
}

/// What stands at `cursor`. A length that does not fit there is [`Header::Foreign`], so whoever
/// gets a length may use it; and so is a claim of a slot that no writer can hold, which nobody would
/// ever finish or repair.
#[inline]
pub fn look<M: Memory>(memory: &M, geometry: &Geometry, cursor: Cursor) -> Header {
    // Acquire: pairs with `publish`, so that the payload is seen with its word.
    let word = memory.word(cursor.position).load(Ordering::Acquire);
    match Header::decode(word, cursor.sequence) {
        Header::Record { length, .. }
        | Header::Padding { length }
        | Header::Pending { length, .. }
            if !geometry.fits(cursor.position, length) =>
        {
            Header::Foreign
        }
        Header::Pending { slot, .. } if slot >= geometry.slots => Header::Foreign,
        seen => seen,
    }
}

/// Makes the record at `cursor` visible. Its payload is written, and only the caller may write
/// there: as the only writer, or by its claim.
#[inline]
pub fn publish<M: Memory>(memory: &M, cursor: Cursor, length: usize, kind: u8) {
    let word = header::record(cursor.sequence, length, kind);
    // Release: all stores to the payload come before it, for whoever acquires the word.
    memory.word(cursor.position).store(word, Ordering::Release);
}

/// Gives up the claim at `cursor`: readers pass over it.
pub fn abandon<M: Memory>(memory: &M, cursor: Cursor, length: usize) {
    let word = header::padding(cursor.sequence, length);
    memory.word(cursor.position).store(word, Ordering::Release);
}

/// What came of a try to claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The place is the caller's to fill.
    Won,
    /// It does not fit any more, or the cycle has ended: the next cycle has to be taken.
    Full,
    /// There is a word that no writer put there.
    Damaged,
}

/// Claims the next free place for `length` bytes for the writer that holds `slot`, among several
/// writers. Moves `cursor` there from any place before it.
pub fn claim<M: Memory>(
    memory: &M,
    geometry: &Geometry,
    cursor: &mut Cursor,
    length: usize,
    slot: u32,
) -> Claim {
    loop {
        match look(memory, geometry, *cursor) {
            Header::Empty if geometry.fits(cursor.position, length) => {
                let word = header::pending(slot, length);
                // Nothing is handed over by a claim: the payload goes with `publish`.
                let won = memory.word(cursor.position).compare_exchange(
                    0,
                    word,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
                if won.is_ok() {
                    return Claim::Won;
                }
            }
            Header::Empty | Header::End => return Claim::Full,
            Header::Record { length, .. }
            | Header::Padding { length }
            | Header::Pending { length, .. } => *cursor = cursor.after(geometry, length),
            Header::Foreign => return Claim::Damaged,
        }
    }
}

/// Ends the cycle, among several writers: moves `cursor` to the end mark, its own or another's.
/// The next cycle is there already. False when the cycle is damaged.
pub fn end<M: Memory>(memory: &M, geometry: &Geometry, cursor: &mut Cursor) -> bool {
    loop {
        match look(memory, geometry, *cursor) {
            Header::End => return true,
            Header::Empty => {
                // Release: who sees the end finds the next cycle. A lost race is looked at again.
                let _ = memory.word(cursor.position).compare_exchange(
                    0,
                    header::end(cursor.sequence),
                    Ordering::Release,
                    Ordering::Relaxed,
                );
            }
            Header::Record { length, .. }
            | Header::Padding { length }
            | Header::Pending { length, .. } => *cursor = cursor.after(geometry, length),
            Header::Foreign => return false,
        }
    }
}

/// Turns the claim of a dead writer at `cursor` into padding. False when it is none any more.
///
/// The caller holds the dead writer's slot, so that no one else can finish or take it.
pub fn repair<M: Memory>(memory: &M, cursor: Cursor, length: usize, slot: u32) -> bool {
    let (claim, padding) =
        (header::pending(slot, length), header::padding(cursor.sequence, length));
    memory
        .word(cursor.position)
        .compare_exchange(claim, padding, Ordering::Release, Ordering::Relaxed)
        .is_ok()
}

/// Walks from `cursor` to the tail: the first empty word, the end mark, or damage, which is
/// returned. `visit` sees everything before it.
pub fn walk<M: Memory>(
    memory: &M,
    geometry: &Geometry,
    cursor: &mut Cursor,
    mut visit: impl FnMut(Cursor, Header),
) -> Header {
    loop {
        let seen = look(memory, geometry, *cursor);
        match seen {
            Header::Record { length, .. }
            | Header::Padding { length }
            | Header::Pending { length, .. } => {
                visit(*cursor, seen);
                *cursor = cursor.after(geometry, length);
            }
            Header::Empty | Header::End | Header::Foreign => return seen,
        }
    }
}
