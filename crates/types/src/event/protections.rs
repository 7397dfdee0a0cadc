//! What stopped trading, and what changed about when it does.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::Price;
use crate::auction::AuctionKind;
use crate::command::{ScheduleAction, SetProtections};
use crate::ids::Timestamp;
use crate::instrument::InstrumentState;
use crate::order::{Side, code};

/// A kill switch was set. The ends of the orders came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct KillSwitchSet {
    /// How many orders ended.
    pub orders: u64,
    /// One: it is on; zero: off.
    pub on: u8,
    /// Zero.
    pub reserved: [u8; 7],
}

/// A countdown was armed, renewed or disarmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CountdownSet {
    /// When it runs out; zero: it is not armed.
    pub at: Timestamp,
}

/// A phase was scheduled, or taken off the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct PhaseScheduled {
    /// When.
    pub at: Timestamp,
    /// How many phases of the instrument are scheduled now.
    pub scheduled: u32,
    /// The state to enter then.
    pub state: InstrumentState,
    /// Whether it was added or taken off.
    pub action: ScheduleAction,
    /// If that state is a call: for which auction; else none.
    pub auction: AuctionKind,
    /// Zero.
    pub reserved: u8,
}

/// An instrument's price bands were set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ProtectionsSet {
    /// Which.
    pub protections: SetProtections,
}

code! {
    /// Why trading stops for a call, or a call goes on.
    InterruptionCause {
        /// An order would have traded too far from the last trade.
        Dynamic = 0 => "dynamic",
        /// An order would have traded too far from the last auction.
        Static = 1 => "static",
        /// A pause is over.
        Pause = 2 => "pause",
        /// The call's price was still too far from the last trade: the call goes on, once.
        Extension = 3 => "extension",
    }
}

/// Trading stops for a call, or the call of an interruption goes on. The header's account is the
/// owner of the order that would have traded, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct InterruptionStarted {
    /// The price that would have been traded at, or of the extended call; zero: none.
    pub price: Price,
    /// What it was too far from; zero: nothing.
    pub reference: Price,
    /// When the call is over.
    pub until: Timestamp,
    /// Why.
    pub cause: InterruptionCause,
    /// Zero.
    pub reserved: [u8; 7],
}

/// The limit bands changed: there are no trades beyond them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BandsChanged {
    /// What they lie round.
    pub reference: Price,
    /// No trade is below.
    pub lower: Price,
    /// No trade is above.
    pub upper: Price,
}

/// The best bid reached the upper limit band, or the best ask the lower one; or neither stands
/// there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct LimitStateChanged {
    /// Entered: the best price that reached its band; else zero.
    pub price: Price,
    /// Entered: when the instrument pauses; else zero.
    pub until: Timestamp,
    /// One: the limit state was entered; zero: it was left.
    pub entered: u8,
    /// Which side's best price.
    pub side: Side,
    /// Zero.
    pub reserved: [u8; 6],
}
