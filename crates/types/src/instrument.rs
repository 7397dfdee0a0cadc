//! Instruments: what trades, in which steps, within which bounds.

use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::order::code;
use crate::{AssetId, InstrumentId, Price, Qty, Symbol};

code! {
    /// Whether an instrument takes orders and matches them.
    InstrumentState {
        /// Orders that would rest are taken; what would trade is denied; nothing matches.
        PreOpen = 0 => "pre_open",
        /// Continuous trading.
        Open = 1 => "open",
        /// Cancels only.
        Halted = 2 => "halted",
        /// Cancels only; entering this state ends the day: DAY orders expire.
        Closed = 3 => "closed",
        /// Orders are collected for an auction; nothing matches, and the book may be crossed.
        Call = 4 => "call",
        /// Cancels only; it began by itself, after a limit state, and ends by itself with a call.
        Paused = 5 => "paused",
    }
}

impl InstrumentState {
    /// Whether orders may be entered and amended.
    #[inline]
    pub const fn takes_orders(self) -> bool {
        !matches!(self, Self::Halted | Self::Closed | Self::Paused)
    }
}

/// Parts per million in one whole: the unit of fees and bands.
pub const PPM: u32 = 1_000_000;

/// An instrument's fixed terms. Zero in an optional field means "no such limit".
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct InstrumentSpec {
    /// Which instrument.
    pub instrument: InstrumentId,
    /// What is bought and sold.
    pub base: AssetId,
    /// What it is paid with.
    pub quote: AssetId,
    /// Limit prices may lie this far from the reference price, in ppm; 0 = anywhere.
    pub band_ppm: u32,
    /// Prices are multiples of this.
    pub tick: Price,
    /// Quantities are multiples of this.
    pub lot: Qty,
    /// Lowest limit price; 0 = one tick.
    pub min_price: Price,
    /// Highest limit price; 0 = no limit.
    pub max_price: Price,
    /// Smallest order; 0 = one lot.
    pub min_qty: Qty,
    /// Largest order; 0 = no limit.
    pub max_qty: Qty,
    /// Smallest value of an order in the quote asset, in units of 10^-8; 0 = no limit.
    pub min_notional: Qty,
    /// Largest value of an order in the quote asset, in units of 10^-8; 0 = no limit.
    pub max_notional: Qty,
    /// The price that bands refer to until the first trade; 0 = none.
    pub reference_price: Price,
    /// Maker's fee in ppm of what it receives; negative is a rebate.
    pub maker_fee_ppm: i32,
    /// Taker's fee in ppm of what it receives.
    pub taker_fee_ppm: i32,
    /// A market order without a protection price gets one this far from the best opposite price,
    /// in ppm; 0 = it may take any price.
    pub market_protection_ppm: u32,
    /// Most slices an iceberg order may show, one after the other; 0 = no limit.
    pub max_iceberg_parts: u32,
    /// Its name.
    pub symbol: Symbol,
    /// Its state when it is added.
    pub state: InstrumentState,
    /// One: what was traded in the last 24 hours is counted, for conditions to look at.
    pub tracks_volume: u8,
    /// Zero.
    pub reserved: [u8; 6],
}

impl InstrumentSpec {
    /// A spec with the given ids and steps, open, without limits or fees.
    pub fn new(
        instrument: InstrumentId,
        base: AssetId,
        quote: AssetId,
        tick: Price,
        lot: Qty,
    ) -> Self {
        Self {
            instrument,
            base,
            quote,
            band_ppm: 0,
            tick,
            lot,
            min_price: Price::ZERO,
            max_price: Price::ZERO,
            min_qty: Qty::ZERO,
            max_qty: Qty::ZERO,
            min_notional: Qty::ZERO,
            max_notional: Qty::ZERO,
            reference_price: Price::ZERO,
            maker_fee_ppm: 0,
            taker_fee_ppm: 0,
            market_protection_ppm: 0,
            max_iceberg_parts: 0,
            symbol: Symbol::EMPTY,
            state: InstrumentState::Open,
            tracks_volume: 0,
            reserved: [0; 6],
        }
    }
}

impl InstrumentSpec {
    /// The asset that an order of `side` gives: quote if it buys, base if it sells.
    #[inline]
    pub const fn asset_given(&self, side: crate::Side) -> AssetId {
        match side {
            crate::Side::Buy => self.quote,
            crate::Side::Sell => self.base,
        }
    }
}
