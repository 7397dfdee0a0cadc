//! Calls and auctions: what is being collected for, what it would do now, and what the last one did.

use std::collections::BTreeMap;

use tiercel_types::auction::AuctionKind;
use tiercel_types::event::InstrumentStateChanged;
use tiercel_types::{
    Event, EventHeader, InstrumentId, InstrumentState, Price, Qty, Side, Timestamp,
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::image::{self, ImageError, ImageReader};

/// What an auction would do, or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AuctionPrice {
    /// When it was said; zero: nothing was.
    pub time: Timestamp,
    /// Its price.
    pub price: Price,
    /// How much trades at it.
    pub executed_qty: Qty,
    /// How much finds no other side.
    pub surplus_qty: Qty,
    /// Whose that is.
    pub surplus_side: Side,
    /// One: there is a price; else all but `time` and `auction` says nothing.
    pub has_price: u8,
    /// Which auction.
    pub auction: AuctionKind,
    /// Zero.
    pub reserved: [u8; 5],
}

impl AuctionPrice {
    const NONE: Self = Self {
        time: Timestamp(0),
        price: Price::ZERO,
        executed_qty: Qty::ZERO,
        surplus_qty: Qty::ZERO,
        surplus_side: Side::Buy,
        has_price: 0,
        auction: AuctionKind::None,
        reserved: [0; 5],
    };
}

/// What an indication or the end of an auction says: both have the same fields.
macro_rules! price_of {
    ($header:expr, $said:expr) => {
        AuctionPrice {
            time: Timestamp($header.time_ns),
            price: $said.price,
            executed_qty: $said.executed_qty,
            surplus_qty: $said.surplus_qty,
            surplus_side: $said.surplus_side,
            has_price: $said.has_price,
            auction: $said.auction,
            reserved: [0; 5],
        }
    };
}

/// The call of an instrument, and its last auction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AuctionView {
    /// Since when there is a call; zero: there is none.
    pub started: Timestamp,
    /// When it ends by itself; zero: when it is told to.
    pub ends_at: Timestamp,
    /// What the auction would do now; until the first change there is no price.
    pub indication: AuctionPrice,
    /// What the last auction did.
    pub last: AuctionPrice,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// What orders are collected for.
    pub auction: AuctionKind,
    /// In a call that ends by itself: the state that follows.
    pub then: InstrumentState,
    /// Zero.
    pub reserved: [u8; 2],
}

impl AuctionView {
    const fn new(instrument: InstrumentId) -> Self {
        Self {
            started: Timestamp(0),
            ends_at: Timestamp(0),
            indication: AuctionPrice::NONE,
            last: AuctionPrice::NONE,
            instrument,
            auction: AuctionKind::None,
            then: InstrumentState::PreOpen,
            reserved: [0; 2],
        }
    }

    fn state_changed(&mut self, header: &EventHeader, changed: &InstrumentStateChanged) {
        let goes_on = changed.old == changed.new;
        *self =
            Self { last: self.last, ..if goes_on { *self } else { Self::new(self.instrument) } };
        if changed.new == InstrumentState::Call {
            if !goes_on {
                self.started = Timestamp(header.time_ns);
            }
            self.ends_at = changed.ends_at;
            self.auction = changed.auction;
            self.then = changed.then;
        }
    }
}

/// The auctions of all instruments that ever had a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auctions {
    of: BTreeMap<InstrumentId, AuctionView>,
}

impl Auctions {
    pub(super) fn apply(&mut self, header: &EventHeader, event: &Event) {
        match event {
            Event::InstrumentStateChanged(changed)
                if [changed.old, changed.new].contains(&InstrumentState::Call) =>
            {
                self.view(header).state_changed(header, changed);
            }
            Event::AuctionIndication(said) => {
                self.view(header).indication = price_of!(header, said);
            }
            Event::AuctionEnded(ended) => {
                self.view(header).last = price_of!(header, ended);
            }
            _ => {}
        }
    }

    fn view(&mut self, header: &EventHeader) -> &mut AuctionView {
        let new = AuctionView::new(header.instrument);
        self.of.entry(header.instrument).or_insert(new)
    }

    /// An instrument's call and last auction. One that never had a call is in none.
    pub fn get(&self, instrument: InstrumentId) -> AuctionView {
        self.of.get(&instrument).copied().unwrap_or(AuctionView::new(instrument))
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        image::put(out, self.of.values());
    }

    pub(super) fn load(reader: &mut ImageReader<'_>) -> Result<Self, ImageError> {
        let mut loaded = Self::default();
        reader.take("auctions", |view: AuctionView| {
            loaded.of.insert(view.instrument, view);
        })?;
        Ok(loaded)
    }
}
