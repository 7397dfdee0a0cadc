//! Market data as records of 64 bytes, little-endian: over a stream, and in shared memory.
//!
//! ```text
//!   stream, queue --> [u8; 64] --> decode() --> Header, Body --+--> Depth::sides --> book
//!                                                              +--> Trade, Status, ...
//!   changed levels --> depth_records() --> encode() --> [u8; 64]
//! ```
//!
//! A record is a header of 16 bytes and a body of 48, as in [`binary`](crate::binary), whose fields and
//! table it shares. The table in [`table`] is the only definition; structures, checks, listings and the
//! tables of `docs/market-data.md` are made from it.
//!
//! An update is all that one command of the venue, or one message of another, changed in one book: one or more
//! [`Depth`] records, the last of them marked [`LAST`]. A book is whole between updates only. A snapshot
//! is an update that begins with an empty book ([`BEGIN`]), so that it is applied as any other.
//!
//! Budget: 3 ns to decode a record, 3 ns to encode one. Must not happen here: allocation, panics on any
//! input.

mod refusal;
pub mod table;

use thiserror::Error;
use tiercel_types::market::{BestBidOffer, DepthDiff, Level, MarketTrade};
use tiercel_types::{InstrumentId, Side, Timestamp};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub use crate::binary::{BODY_SIZE, FieldInfo, FieldValue, HEADER_SIZE, RECORD_SIZE, TradeChange};
pub use refusal::{Interruption, Refusal};
pub use table::*;

/// The version that this build speaks, and the only one.
pub const VERSION: u16 = 1;
/// What a subscription says first.
pub const PROTOCOL: &[u8; 8] = b"TIERCELM";
/// Levels of a [`Depth`].
pub const LEVELS_MAX: usize = 2;

/// The last record of an update: the book is whole.
pub const LAST: u8 = 1;
/// The record is part of a snapshot.
pub const SNAPSHOT: u8 = 2;
/// The book is emptied before this record's levels are set.
pub const BEGIN: u8 = 4;
/// The trade is of an auction: nobody took.
pub const AUCTION: u8 = 8;
/// Every flag there is.
const FLAGS: u8 = LAST | SNAPSHOT | BEGIN | AUCTION;

/// What a record begins with.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Header {
    /// Which record: a code of [`Kind`].
    pub kind: u8,
    /// [`LAST`] and its kin.
    pub flags: u8,
    /// How many levels are set, of a [`Depth`]; else zero.
    pub levels: u8,
    /// Bit `i` is set: level `i` is an ask. Bids stand before asks.
    pub sides: u8,
    /// Which instrument; zero: all, or none.
    pub instrument: InstrumentId,
    /// The number of the record: its sender counts from 1, on each connection, without a gap.
    pub sequence: u64,
}

const _: () = assert!(size_of::<Header>() == HEADER_SIZE);

impl Header {
    /// A header without flags, levels and number.
    #[inline]
    pub const fn new(kind: Kind, instrument: InstrumentId) -> Self {
        Self { kind: kind as u8, flags: 0, levels: 0, sides: 0, instrument, sequence: 0 }
    }

    /// Whether the book is whole once the record is applied.
    #[inline]
    pub const fn is_last(&self) -> bool {
        self.flags & LAST != 0
    }

    /// Whether the record is part of a snapshot.
    #[inline]
    pub const fn is_snapshot(&self) -> bool {
        self.flags & SNAPSHOT != 0
    }

    /// Whether the book is emptied before the record is applied.
    #[inline]
    pub const fn begins(&self) -> bool {
        self.flags & BEGIN != 0
    }

    /// How many of the levels are bids: those before the asks.
    #[inline]
    pub const fn bids(&self) -> usize {
        (self.levels as usize).saturating_sub(self.sides.count_ones() as usize)
    }

    /// The names of the flags that are set.
    pub fn flag_names(&self) -> impl Iterator<Item = &'static str> {
        const NAMES: [(u8, &str); 4] =
            [(LAST, "LAST"), (SNAPSHOT, "SNAPSHOT"), (BEGIN, "BEGIN"), (AUCTION, "AUCTION")];
        let flags = self.flags;
        NAMES.into_iter().filter(move |(flag, _)| flags & flag != 0).map(|(_, name)| name)
    }

    /// Shows what else is set of it, with its name.
    pub fn show(&self, mut take: impl FnMut(&'static str, u64)) {
        for (name, value) in [
            ("levels", self.levels.into()),
            ("sides", self.sides.into()),
            ("instrument", self.instrument.0.into()),
            ("sequence", self.sequence),
        ] {
            if value != 0 {
                take(name, value);
            }
        }
    }

    /// The header of a record, unchecked, and the bytes of its body.
    #[inline(always)]
    fn split(record: &[u8; RECORD_SIZE]) -> (Self, &[u8; BODY_SIZE]) {
        let (header, body) = record.split_at(HEADER_SIZE);
        let mut bytes = [0; HEADER_SIZE];
        bytes.copy_from_slice(header);
        let header: Self = zerocopy::transmute!(bytes);
        // Always whole: the sizes are constants.
        (header, body.first_chunk().unwrap_or(&[0; BODY_SIZE]))
    }

    /// It has no flag that there is not, and levels only where they belong: two at most, bids before asks.
    #[inline(always)]
    const fn is_well_formed(&self) -> bool {
        // Bit `4 * levels + sides`.
        const SHAPES: u16 = 1 << 0 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 10 | 1 << 11;
        const { assert!(LEVELS_MAX == 2) };
        let has_more = self.flags & !FLAGS != 0 || (self.levels | self.sides) > 3;
        let shape = (self.levels & 3) * 4 + (self.sides & 3);
        !has_more && SHAPES >> shape & 1 == 1 && (shape == 0 || self.kind == Kind::Depth as u8)
    }
}

/// Why a record is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// No record has this code.
    #[error("unknown record kind {kind:#04x}")]
    UnknownKind {
        /// The first byte.
        kind: u8,
    },
    /// The header has unknown flags, or levels and sides that its record cannot have.
    #[error("{} with flags, levels or sides that it cannot have", kind.as_str())]
    Header {
        /// Of which record.
        kind: Kind,
    },
    /// A field holds what it cannot.
    #[error("{} with a value that its field at byte {field} cannot have", kind.as_str())]
    Field {
        /// Of which record.
        kind: Kind,
        /// Where the field begins in the record.
        field: u8,
    },
}

impl Fault {
    /// The stable number.
    pub const fn code(self) -> u8 {
        match self {
            Self::UnknownKind { .. } => 1,
            Self::Header { .. } => 2,
            Self::Field { .. } => 3,
        }
    }

    /// The code of the record at fault.
    pub const fn record_kind(self) -> u8 {
        match self {
            Self::UnknownKind { kind } => kind,
            Self::Header { kind } | Self::Field { kind, .. } => kind as u8,
        }
    }

    /// Where the field at fault begins in its record; zero: no one field.
    pub const fn field(self) -> u8 {
        match self {
            Self::Field { field, .. } => field,
            _ => 0,
        }
    }

    /// The name of the field at fault.
    pub fn field_name(self) -> Option<&'static str> {
        let Self::Field { kind, field } = self else { return None };
        let found = kind.fields().iter().find(|info| info.offset == field);
        found.map(|info| info.name)
    }
}

/// Reads a record: its header, and its body, every field of both checked.
///
/// # Errors
/// [`Fault`] names what is wrong.
// Inlined, so that the consumer's own match on the kind merges with this one.
#[inline(always)]
pub fn decode(record: &[u8; RECORD_SIZE]) -> Result<(Header, Body), Fault> {
    let (header, body) = table::decode(record)?;
    if let Body::Depth(depth) = &body {
        depth.check(&header)?;
    }
    Ok((header, body))
}

/// Writes a record.
#[inline(always)]
pub fn encode<B: BodyRecord>(header: &Header, body: &B, out: &mut [u8; RECORD_SIZE]) {
    out[..HEADER_SIZE].copy_from_slice(header.as_bytes());
    out[HEADER_SIZE..].copy_from_slice(body.as_bytes());
}

/// The record of a body that has no levels.
#[inline(always)]
pub fn record<B: BodyRecord>(
    instrument: InstrumentId,
    sequence: u64,
    flags: u8,
    body: &B,
) -> [u8; RECORD_SIZE] {
    let mut out = [0; RECORD_SIZE];
    encode(&Header { flags, sequence, ..Header::new(B::KIND, instrument) }, body, &mut out);
    out
}

/// Gives a record that was encoded another number.
#[inline(always)]
pub fn renumber(record: &mut [u8; RECORD_SIZE], sequence: u64) {
    record[8..HEADER_SIZE].copy_from_slice(&sequence.to_le_bytes());
}

/// What the records of an update have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update {
    /// Whose book.
    pub instrument: InstrumentId,
    /// When it changed.
    pub time: Timestamp,
    /// The book's update id once the whole update is applied.
    pub update_id: u64,
    /// Whether it is a snapshot.
    pub is_snapshot: bool,
}

/// Hands over the records of an update, in order and without numbers: two levels each, the last marked. No levels
/// are one record: that of an empty snapshot.
#[inline]
pub fn depth_records(
    update: &Update,
    levels: impl IntoIterator<Item = (Side, Level)>,
    mut take: impl FnMut(Header, Depth),
) {
    let Update { instrument, time, update_id, is_snapshot } = *update;
    let mut flags = if is_snapshot { SNAPSHOT | BEGIN } else { 0 };
    let mut levels = levels.into_iter().fuse();
    let mut next = levels.next();
    loop {
        let (first, second) = (next.take(), levels.next());
        next = second.and_then(|_| levels.next());
        // Two sides have nothing to do with each other: bids go first.
        let is_turned = matches!((first, second), (Some((Side::Sell, _)), Some((Side::Buy, _))));
        let pair = if is_turned { [second, first] } else { [first, second] };
        let mut header = Header { flags, ..Header::new(Kind::Depth, instrument) };
        let mut depth = Depth { time, update_id, levels: [Level::default(); LEVELS_MAX] };
        for (at, (side, level)) in pair.into_iter().flatten().enumerate() {
            depth.levels[at] = level;
            header.sides |= (side as u8) << at;
            header.levels += 1;
        }
        if next.is_none() {
            header.flags |= LAST;
        }
        take(header, depth);
        if next.is_none() {
            return;
        }
        flags &= !BEGIN;
    }
}

impl Body {
    /// Writes the record of any body.
    pub fn encode(&self, header: &Header, out: &mut [u8; RECORD_SIZE]) {
        out[..HEADER_SIZE].copy_from_slice(header.as_bytes());
        out[HEADER_SIZE..].copy_from_slice(self.as_bytes());
    }
}

impl Depth {
    /// The levels that are set: bids, then asks. Quantities are absolute: zero removes the level.
    #[inline]
    pub fn sides(&self, header: &Header) -> (&[Level], &[Level]) {
        let set = usize::from(header.levels).min(LEVELS_MAX);
        self.levels[..set].split_at(header.bids().min(set))
    }

    /// The same as a change of a book whose next update is `first_update_id`.
    #[inline]
    pub fn diff(&self, header: &Header, first_update_id: u64) -> DepthDiff<'_> {
        let (bids, asks) = self.sides(header);
        DepthDiff { first_update_id, last_update_id: self.update_id, bids, asks }
    }

    /// Levels that are not set are zero, so that they may get a meaning.
    #[inline(always)]
    fn check(&self, header: &Header) -> Result<(), Fault> {
        let none = Level::default();
        let set = usize::from(header.levels);
        let is_bad = |at: usize| at >= set && self.levels[at] != none;
        if is_bad(0) || is_bad(1) {
            let field = (HEADER_SIZE + core::mem::offset_of!(Self, levels)) as u8;
            return Err(Fault::Field { kind: Kind::Depth, field });
        }
        Ok(())
    }
}

impl From<&Trade> for MarketTrade {
    #[inline]
    fn from(trade: &Trade) -> Self {
        let Trade { time, trade_id, price, qty, aggressor, .. } = *trade;
        Self { trade_id, price, qty, time, aggressor }
    }
}

impl From<&Best> for BestBidOffer {
    #[inline]
    fn from(best: &Best) -> Self {
        let Best { update_id, bid, ask, .. } = *best;
        Self { update_id, bid, ask }
    }
}
