//! What stops trading, and when it begins: kill switch, disconnects, schedules, price bands. The
//! rules are in `docs/protections.md`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::auction::AuctionKind;
use crate::ids::{AccountId, InstrumentId, Timestamp};
use crate::instrument::InstrumentState;
use crate::order::code;

/// Sets a kill switch. On: every live order in its scope ends, and none is taken until it is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SetKillSwitch {
    /// Whose; [`AccountId::ALL`]: the whole venue's.
    pub account: AccountId,
    /// One: on; zero: off.
    pub on: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

/// Cancels every live order that an account entered through one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CancelOnDisconnect {
    /// Whose orders.
    pub account: AccountId,
    /// Which of its sessions, as [`NewOrder::session`](super::NewOrder::session); not zero.
    pub session: u32,
}

/// Cancels an account's orders in some time from now, unless it is renewed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CountdownCancel {
    /// Whose orders.
    pub account: AccountId,
    /// In which instrument; [`InstrumentId::ALL`]: in each.
    pub instrument: InstrumentId,
    /// How long from now, in nanoseconds; zero: not any more.
    pub after_ns: u64,
}

code! {
    /// What becomes of an entry in a schedule.
    ScheduleAction {
        /// It is added.
        Add = 0 => "add",
        /// It is taken off.
        Remove = 1 => "remove",
    }
}

/// Sets when an instrument moves to another state by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SchedulePhase {
    /// When.
    pub at: Timestamp,
    /// Which instrument.
    pub instrument: InstrumentId,
    /// The state to enter.
    pub state: InstrumentState,
    /// Whether it is added or taken off.
    pub action: ScheduleAction,
    /// If that state is a call: for which auction; else none.
    pub auction: AuctionKind,
    /// Zero.
    pub reserved: u8,
}

/// Sets within which bands an instrument trades continuously. All zero: anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SetProtections {
    /// Which instrument.
    pub instrument: InstrumentId,
    /// How far from the last trade an order trades before a call interrupts, in ppm; zero: no
    /// such band.
    pub dynamic_ppm: u32,
    /// The same, from the last auction.
    pub static_ppm: u32,
    /// How far from the mean of recent trades there are trades at all, in ppm; zero: anywhere.
    pub limit_ppm: u32,
    /// How long the call of an interruption lasts, in nanoseconds.
    pub call_ns: u64,
    /// Limit bands: over how long the mean is taken, in nanoseconds.
    pub window_ns: u64,
    /// Limit bands: how long the market may stand at one before the instrument pauses, in
    /// nanoseconds.
    pub limit_state_ns: u64,
    /// Limit bands: how long it pauses, in nanoseconds.
    pub pause_ns: u64,
}

impl SetProtections {
    /// No bands: how every instrument starts.
    pub const fn none(instrument: InstrumentId) -> Self {
        Self {
            instrument,
            dynamic_ppm: 0,
            static_ppm: 0,
            limit_ppm: 0,
            call_ns: 0,
            window_ns: 0,
            limit_state_ns: 0,
            pause_ns: 0,
        }
    }
}
