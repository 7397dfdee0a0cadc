//! Trades of accounts with themselves, or within a group, that were prevented.

use std::collections::BTreeMap;

use tiercel_types::event::SelfTradePrevented;
use tiercel_types::{
    AccountId, EventHeader, InstrumentId, OrderId, Price, Qty, SelfTradePrevention, Timestamp,
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::image::{self, ImageError, ImageReader};
use super::newest::Newest;

/// A trade that was prevented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct PreventedView {
    /// Its id, counted per instrument from one.
    pub match_id: u64,
    /// When.
    pub time: Timestamp,
    /// The order that came.
    pub taker_order_id: OrderId,
    /// The order that rested.
    pub maker_order_id: OrderId,
    /// The maker's price.
    pub price: Price,
    /// What was taken off the maker: what would have traded, if both were made smaller; all that it
    /// had open, if it ended; else zero.
    pub maker_prevented_qty: Qty,
    /// What would have traded.
    pub qty: Qty,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// Whose order came.
    pub taker_account: AccountId,
    /// Whose order rested.
    pub maker_account: AccountId,
    /// The group of the taker's account; zero: none.
    pub trade_group: u32,
    /// What was done.
    pub action: SelfTradePrevention,
    /// Zero.
    pub reserved: [u8; 7],
}

/// A count of an image.
#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Counted {
    last: u64,
    instrument: InstrumentId,
    reserved: u32,
}

/// One side of an image's record.
#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct OfAccount {
    view: PreventedView,
    account: AccountId,
    reserved: u32,
}

/// The newest of each account, on either side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prevented {
    newest: Newest<PreventedView>,
    /// The last id of each instrument.
    last: BTreeMap<InstrumentId, u64>,
}

impl Prevented {
    pub(super) const fn new(limit: usize) -> Self {
        Self { newest: Newest::new(limit), last: BTreeMap::new() }
    }

    /// One more. `maker_open_qty`: what the maker had open.
    pub(super) fn add(
        &mut self,
        header: &EventHeader,
        event: &SelfTradePrevented,
        trade_group: u32,
        maker_open_qty: Qty,
    ) {
        let last = self.last.entry(header.instrument).or_default();
        *last += 1;
        let view = PreventedView {
            match_id: *last,
            time: Timestamp(header.time_ns),
            taker_order_id: event.taker_order_id,
            maker_order_id: event.maker_order_id,
            price: event.price,
            maker_prevented_qty: match event.action {
                SelfTradePrevention::Decrement | SelfTradePrevention::Transfer => event.qty,
                SelfTradePrevention::ExpireMaker | SelfTradePrevention::ExpireBoth => {
                    maker_open_qty
                }
                SelfTradePrevention::ExpireTaker | SelfTradePrevention::None => Qty::ZERO,
            },
            qty: event.qty,
            instrument: header.instrument,
            taker_account: header.account,
            maker_account: event.maker_account,
            trade_group,
            action: event.action,
            reserved: [0; 7],
        };
        self.newest.push(header.account, view);
        if event.maker_account != header.account {
            self.newest.push(event.maker_account, view);
        }
    }

    /// Those of an account that are kept, oldest first.
    pub fn of(&self, account: AccountId) -> impl DoubleEndedIterator<Item = &PreventedView> {
        self.newest.of(account)
    }

    /// The id that an instrument's last one has; zero: there was none.
    pub fn last_id(&self, instrument: InstrumentId) -> u64 {
        self.last.get(&instrument).copied().unwrap_or(0)
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        let last = self.last.iter();
        let last: Vec<Counted> = last
            .map(|(instrument, last)| Counted { last: *last, instrument: *instrument, reserved: 0 })
            .collect();
        image::put(out, last.iter());
        let all = self.newest.all();
        let all: Vec<OfAccount> =
            all.map(|(account, view)| OfAccount { view: *view, account, reserved: 0 }).collect();
        image::put(out, all.iter());
    }

    pub(super) fn load(reader: &mut ImageReader<'_>, limit: usize) -> Result<Self, ImageError> {
        let mut loaded = Self::new(limit);
        reader.take("counts of prevented trades", |counted: Counted| {
            loaded.last.insert(counted.instrument, counted.last);
        })?;
        reader.take("prevented trades", |one: OfAccount| {
            loaded.newest.push(one.account, one.view);
        })?;
        Ok(loaded)
    }
}
