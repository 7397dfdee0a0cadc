//! Tiercel's own protocol: records of 64 bytes, little-endian, over a stream.
//!
//! ```text
//!   stream --> frame() --> Group<'_>: a record and those that extend it --> decode() --> Body
//!                                            |                                |
//!                                            |   order_commands() <-----------+--> types::Command
//!   Session (both roles): login, numbers, heartbeats, resends, goodbyes
//! ```
//!
//! A record is a header of 16 bytes and a body of 48, laid out as the machine has them: decoding
//! copies two vectors and checks codes, texts and reserved bytes. What few orders have stands in
//! extension records behind the order. The table in [`records`] is the only definition; structures,
//! checks, listings and the tables of `docs/binary.md` are made from it.
//!
//! Budget: 3 ns to encode a new order, 3 ns to decode one. Must not happen here: allocation per
//! message, panics on any input.

pub mod field;
pub mod records;
pub mod request;
pub mod session;

pub use field::{
    ClientId, FieldValue, Flag, IdRole, LoginRefusal, LogoutReason, Opaque, RejectSource,
    SignatureScheme, Text, TradeChange,
};
pub use records::*;
pub use request::{Origin, Request, commands};

use thiserror::Error;
use tiercel_types::InstrumentId;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes of every record.
pub const RECORD_SIZE: usize = 64;
/// Bytes of a record's header.
pub const HEADER_SIZE: usize = 16;
/// Bytes of a record's body.
pub const BODY_SIZE: usize = RECORD_SIZE - HEADER_SIZE;
/// Records that may follow one and belong to it: a list of three orders, each with all that an order
/// can say, needs 24.
pub const EXTENSIONS_MAX: usize = 31;
/// Bytes of the longest group.
pub const GROUP_SIZE_MAX: usize = (1 + EXTENSIONS_MAX) * RECORD_SIZE;
/// The version that this build speaks, and the only one.
pub const VERSION: u16 = 1;
/// What a client says first.
pub const PROTOCOL: &[u8; 8] = b"TIERCELB";

#[cfg(not(target_endian = "little"))]
compile_error!("records are little-endian in memory; this target is not");

/// The record was sent before, and is sent again.
pub const RESENT: u8 = 1;
/// The order rests in the book as it is: nothing more follows.
pub const RESTING: u8 = 2;
/// An execution: the order rested.
pub const MAKER: u8 = 4;
/// An execution: it was in an auction.
pub const AUCTION: u8 = 8;
/// An amendment: the order kept its place in the queue.
pub const PRIORITY_KEPT: u8 = 16;
/// Every flag there is.
const FLAGS: u8 = RESENT | RESTING | MAKER | AUCTION | PRIORITY_KEPT;

/// What a record begins with.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Header {
    /// Which record: a code of [`Kind`].
    pub kind: u8,
    /// How many of the records behind it belong to it.
    pub extensions: u8,
    /// [`RESENT`] and its kin.
    pub flags: u8,
    /// Zero.
    pub reserved: u8,
    /// Which instrument; zero: none.
    pub instrument: InstrumentId,
    /// The number of the record and its extensions: each side counts its own from 1. Records of the
    /// session itself have none of their own; see them.
    pub sequence: u64,
}

const _: () = assert!(size_of::<Header>() == HEADER_SIZE);

impl Header {
    /// A header without flags, extensions and number.
    #[inline]
    pub const fn new(kind: Kind, instrument: InstrumentId) -> Self {
        Self { kind: kind as u8, extensions: 0, flags: 0, reserved: 0, instrument, sequence: 0 }
    }

    /// The header of a record, unchecked, and the bytes of its body.
    #[inline(always)]
    pub(crate) fn split(record: &[u8; RECORD_SIZE]) -> (Self, &[u8; BODY_SIZE]) {
        let (header, body) = record.split_at(HEADER_SIZE);
        let mut bytes = [0; HEADER_SIZE];
        bytes.copy_from_slice(header);
        let header: Self = zerocopy::transmute!(bytes);
        // Always whole: the sizes are constants.
        (header, body.first_chunk().unwrap_or(&[0; BODY_SIZE]))
    }

    /// Asked of all of them at once: none has a bit that it cannot have.
    #[inline(always)]
    pub(crate) const fn is_well_formed(&self) -> bool {
        const NEVER: u32 = u32::from_le_bytes([0, !(EXTENSIONS_MAX as u8), !FLAGS, u8::MAX]);
        const { assert!((EXTENSIONS_MAX + 1).is_power_of_two()) };
        let all = [self.kind, self.extensions, self.flags, self.reserved];
        u32::from_le_bytes(all) & NEVER == 0
    }
}

/// What a kind of record is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The session itself: it has no number, and is never sent again.
    Session,
    /// What a client asks.
    Request,
    /// What the venue answers.
    Answer,
    /// More of the record before.
    Extension,
}

/// Why a record, or a group of them, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// No record has this code.
    #[error("unknown record kind {kind:#04x}")]
    UnknownKind {
        /// The first byte.
        kind: u8,
    },
    /// The header has unknown flags, too many extensions, or a reserved byte that is set.
    #[error("{} with flags, extensions or a reserved byte that no header has", kind.as_str())]
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
    /// A record that does not belong there.
    #[error("{} does not belong there", kind.as_str())]
    Misplaced {
        /// Which record.
        kind: Kind,
    },
    /// A record without the extension that it needs.
    #[error("{} without the {} that belongs to it", kind.as_str(), missing.as_str())]
    Missing {
        /// Which record.
        kind: Kind,
        /// Which extension.
        missing: Kind,
    },
}

impl Fault {
    /// The stable number: what [`Rejected::reason`] has.
    pub const fn code(self) -> u16 {
        match self {
            Self::UnknownKind { .. } => 1,
            Self::Header { .. } => 2,
            Self::Field { .. } => 3,
            Self::Misplaced { .. } => 4,
            Self::Missing { .. } => 5,
        }
    }

    /// The code of the record at fault.
    pub const fn record_kind(self) -> u8 {
        match self {
            Self::UnknownKind { kind } => kind,
            Self::Header { kind }
            | Self::Field { kind, .. }
            | Self::Misplaced { kind }
            | Self::Missing { kind, .. } => kind as u8,
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

/// Writes a record.
#[inline(always)]
pub fn encode<B: BodyRecord>(header: &Header, body: &B, out: &mut [u8; RECORD_SIZE]) {
    out[..HEADER_SIZE].copy_from_slice(header.as_bytes());
    out[HEADER_SIZE..].copy_from_slice(body.as_bytes());
}

/// The record of a body, with a header of its own.
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

/// A record and those that belong to it, where they lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    records: &'a [[u8; RECORD_SIZE]],
}

impl<'a> Group<'a> {
    /// The group that these bytes begin with; `None` while it is not whole.
    ///
    /// # Errors
    /// [`Fault`]: no record has so many that belong to it. Where the next begins is not known.
    #[inline]
    pub fn front(bytes: &'a [u8]) -> Result<Option<Self>, Fault> {
        let (records, _) = bytes.as_chunks::<RECORD_SIZE>();
        let Some(first) = records.first() else { return Ok(None) };
        let extensions = usize::from(first[1]);
        if extensions > EXTENSIONS_MAX {
            let kind = first[0];
            return Err(Kind::from_code(kind)
                .map_or(Fault::UnknownKind { kind }, |kind| Fault::Header { kind }));
        }
        Ok(records.get(..=extensions).map(|records| Self { records }))
    }

    /// Its bytes.
    #[inline]
    pub const fn bytes(&self) -> &'a [u8] {
        self.records.as_flattened()
    }

    /// The header of its first record, unchecked.
    #[inline]
    pub fn header(&self) -> Header {
        Header::split(self.first()).0
    }

    /// Its first record.
    #[inline]
    pub const fn first(&self) -> &'a [u8; RECORD_SIZE] {
        match self.records {
            [first, ..] => first,
            // No group is made without one.
            [] => &[0; RECORD_SIZE],
        }
    }

    /// The record itself, and its header.
    ///
    /// # Errors
    /// [`Fault`] of that record alone.
    #[inline(always)]
    pub fn decode(&self) -> Result<(Header, Body), Fault> {
        decode(self.first())
    }

    /// The records that belong to it, in order.
    #[inline]
    pub fn extensions(&self) -> impl Iterator<Item = Result<Body, Fault>> + use<'a> {
        let records = self.records.get(1..).unwrap_or_default();
        records.iter().map(|record| decode(record).map(|(_, body)| body))
    }
}
