//! The table: every record, its code, its name and its fields.

use core::mem::offset_of;

use tiercel_types::auction::AuctionKind;
use tiercel_types::market::Level;
use tiercel_types::{InstrumentState, Price, Qty, Side, Symbol, Timestamp, TradeId};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::{BODY_SIZE, Fault, HEADER_SIZE, Header, RECORD_SIZE};
use super::{Interruption, Refusal};
use crate::binary::field::{Field, FieldValue, Text, TradeChange};
use crate::binary::records::{FieldInfo, records};

/// A record's body: 48 bytes behind the header.
pub trait BodyRecord: TryFromBytes + IntoBytes + Immutable + KnownLayout + Copy + Sealed {
    /// Which record it is.
    const KIND: Kind;
}

/// The kinds are those of [`Body`].
pub trait Sealed {}

records! {
    /// A client wants to be told of an instrument: the header's, or that of the symbol; without either,
    /// of all, also of those to come. Its number is not looked at.
    0x01 Subscribe "subscribe" {
        /// The protocol's name: `TIERCELM`.
        protocol: Text<8>,
        /// The instrument's name; empty: the header says which.
        symbol: Symbol,
        /// The version that the client speaks.
        version: u16,
        /// Zero.
        reserved: [u8; 22],
    }
    /// What came from the client is refused. The header has the instrument that it named.
    0x02 Refused "refused" {
        /// Why.
        reason: Refusal,
        /// The first byte of what came.
        record_kind: u8,
        /// Where the field at fault begins in its record; zero: no one field.
        field: u8,
        /// Zero.
        reserved: [u8; 45],
    }
    /// Nothing happened for a while.
    0x03 Heartbeat "heartbeat" {
        /// When.
        time: Timestamp,
        /// Zero.
        reserved: [u8; 40],
    }
    /// Something is missing: the book of the instrument (zero: all books) is not to be trusted until its next
    /// snapshot begins, and trades were left out.
    0x04 Interrupted "interrupted" {
        /// When.
        time: Timestamp,
        /// Why.
        reason: Interruption,
        /// Zero.
        reserved: [u8; 39],
    }

    /// An instrument's name and steps: what is told first of it, and again when they change.
    0x10 Instrument "instrument" {
        /// Its name.
        symbol: Symbol,
        /// Prices are multiples of this.
        tick: Price,
        /// Quantities are multiples of this.
        lot: Qty,
        /// Zero.
        reserved: [u8; 16],
    }
    /// Whether an instrument is traded: told behind its name, and when it changes.
    0x11 Status "status" {
        /// Since when; in a snapshot: as of when.
        time: Timestamp,
        /// When it ends by itself; zero: when somebody ends it. In a snapshot zero.
        ends_at: Timestamp,
        /// Whether it takes orders and matches them.
        state: InstrumentState,
        /// In a call: for which auction. In a snapshot none.
        auction: AuctionKind,
        /// Zero.
        reserved: [u8; 30],
    }
    /// Levels of a book that changed, all of one update.
    0x12 Depth "depth" {
        /// When.
        time: Timestamp,
        /// The book's update id once the whole update is applied.
        update_id: u64,
        /// As many as the header's `levels` says, the others zero: price, and all that is displayed at it; a
        /// quantity of zero removes the level.
        levels: [Level; 2],
    }
    /// The best bid and the best ask, of a source that tells no more.
    0x13 Best "best" {
        /// When.
        time: Timestamp,
        /// The update as of which this holds.
        update_id: u64,
        /// The highest bid; zero: there is none.
        bid: Level,
        /// The lowest ask; zero: there is none.
        ask: Level,
    }
    /// A trade.
    0x14 Trade "trade" {
        /// When.
        time: Timestamp,
        /// Its id, counted per instrument.
        trade_id: TradeId,
        /// At what price.
        price: Price,
        /// How much.
        qty: Qty,
        /// The side of the order that came second and took; in an auction the buyer's.
        aggressor: Side,
        /// Zero.
        reserved: [u8; 15],
    }
    /// A trade that was told is no more, or has other terms.
    0x15 TradeChanged "trade_changed" {
        /// When.
        time: Timestamp,
        /// Which trade.
        trade_id: TradeId,
        /// Its price from now on; of one that is no more, the one that it had.
        price: Price,
        /// Its quantity, likewise.
        qty: Qty,
        /// What happened.
        change: TradeChange,
        /// Zero.
        reserved: [u8; 15],
    }
    /// What an auction would do if its call ended now.
    0x16 Indication "indication" {
        /// When.
        time: Timestamp,
        /// Its price; zero: there is none.
        price: Price,
        /// How much would trade.
        qty: Qty,
        /// How much would find no other side at that price.
        surplus_qty: Qty,
        /// Whose that is; of none: buyers'.
        surplus_side: Side,
        /// Which auction.
        auction: AuctionKind,
        /// Zero.
        reserved: [u8; 14],
    }
}
