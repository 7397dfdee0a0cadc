//! Auctions: how their price is found, and when orders are collected for one.

use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::Price;
use crate::auction::{AuctionKind, AuctionReference, Pressure, TieBreak};
use crate::ids::{InstrumentId, Timestamp};
use crate::instrument::InstrumentState;

/// Sets how an instrument's auctions find their price, and how often they tell of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SetAuctionRules {
    /// Which instrument.
    pub instrument: InstrumentId,
    /// One: of prices at which equally much executes, those with the smallest surplus.
    pub minimum_surplus: u8,
    /// What a surplus that is all on one side does.
    pub pressure: Pressure,
    /// What the reference price decides.
    pub tie_break: TieBreak,
    /// Which price that is.
    pub reference: AuctionReference,
    /// The price lies no further from the reference than the larger of this difference of prices
    /// and `bound_ppm`; both zero: anywhere.
    pub bound: Price,
    /// The same, in ppm of the reference.
    pub bound_ppm: u32,
    /// Zero.
    pub reserved: [u8; 4],
    /// The price is told at most this often, in nanoseconds; zero: whenever it changes.
    pub indication_interval_ns: u64,
}

impl SetAuctionRules {
    /// How every instrument starts: as Xetra finds its price, round the last trade, without
    /// bounds, told whenever it changes.
    pub const fn xetra(instrument: InstrumentId) -> Self {
        Self {
            instrument,
            minimum_surplus: 1,
            pressure: Pressure::Side,
            tie_break: TieBreak::Clamp,
            reference: AuctionReference::Last,
            bound: Price::ZERO,
            bound_ppm: 0,
            reserved: [0; 4],
            indication_interval_ns: 0,
        }
    }
}

/// Starts a call: orders are collected for an auction, and nothing matches until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct StartCall {
    /// Which instrument.
    pub instrument: InstrumentId,
    /// For which auction.
    pub auction: AuctionKind,
    /// The state that follows when it ends by itself: open or closed.
    pub then: InstrumentState,
    /// Zero.
    pub reserved: [u8; 2],
    /// When it ends by itself; zero: when it is told to.
    pub ends_at: Timestamp,
}
