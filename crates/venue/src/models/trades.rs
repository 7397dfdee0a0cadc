//! The last trades of each instrument, with both sides: what the market sees, and what the two see.

use std::collections::{BTreeMap, VecDeque};

use tiercel_types::event::Trade;
use tiercel_types::{
    AccountId, EventHeader, InstrumentId, Money, OrderId, Price, Qty, Side, Timestamp, TradeId,
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::image::{self, ImageError, ImageReader};

/// A trade. Busts and corrections show here; they change no candle, ticker or order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TradeView {
    /// Its id, counted per instrument.
    pub trade_id: TradeId,
    /// When.
    pub time: Timestamp,
    /// At which price, as last corrected.
    pub price: Price,
    /// How much, as last corrected.
    pub qty: Qty,
    /// The order that came; of an auction, the buyer's.
    pub taker_order_id: OrderId,
    /// The order that rested; of an auction, the seller's.
    pub maker_order_id: OrderId,
    /// The taker's fee, in what it received.
    pub taker_fee: Money,
    /// The maker's fee, in what it received.
    pub maker_fee: Money,
    /// What traded.
    pub instrument: InstrumentId,
    /// Whose order came.
    pub taker_account: AccountId,
    /// Whose order rested.
    pub maker_account: AccountId,
    /// The taker's side.
    pub taker_side: Side,
    /// One: it is a trade of an auction.
    pub auction: u8,
    /// One: it was undone.
    pub busted: u8,
    /// Zero.
    pub reserved: u8,
}

impl TradeView {
    pub(crate) fn of(header: &EventHeader, trade: &Trade) -> Self {
        Self {
            trade_id: trade.trade_id,
            time: Timestamp(header.time_ns),
            price: trade.price,
            qty: trade.qty,
            taker_order_id: trade.taker_order_id,
            maker_order_id: trade.maker_order_id,
            taker_fee: trade.taker_fee,
            maker_fee: trade.maker_fee,
            instrument: header.instrument,
            taker_account: header.account,
            maker_account: trade.maker_account,
            taker_side: trade.taker_side,
            auction: trade.auction,
            busted: 0,
            reserved: 0,
        }
    }

    /// Whether the account is one of the two.
    pub fn is_of(&self, account: AccountId) -> bool {
        self.taker_account == account || self.maker_account == account
    }
}

/// Where a trade is among an instrument's, whose ids have no gaps.
fn place(trades: &VecDeque<TradeView>, trade_id: TradeId) -> Option<usize> {
    let first = trades.front()?.trade_id.0;
    usize::try_from(trade_id.0.checked_sub(first)?).ok()
}

/// The newest trades of all instruments together: as many as the engine remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trades {
    /// By instrument, oldest first, ids without gaps.
    of: BTreeMap<InstrumentId, VecDeque<TradeView>>,
    /// All of them, oldest first.
    order: VecDeque<InstrumentId>,
    limit: usize,
}

impl Trades {
    pub(super) fn new(limit: usize) -> Self {
        Self { of: BTreeMap::new(), order: VecDeque::new(), limit }
    }

    pub(super) fn add(&mut self, header: &EventHeader, trade: &Trade) {
        self.insert(TradeView::of(header, trade));
    }

    fn insert(&mut self, view: TradeView) {
        self.of.entry(view.instrument).or_default().push_back(view);
        self.order.push_back(view.instrument);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
            && let Some(trades) = self.of.get_mut(&oldest)
        {
            trades.pop_front();
            if trades.is_empty() {
                self.of.remove(&oldest);
            }
        }
    }

    pub(super) fn get_mut(
        &mut self,
        instrument: InstrumentId,
        trade_id: TradeId,
    ) -> Option<&mut TradeView> {
        let trades = self.of.get_mut(&instrument)?;
        trades.get_mut(place(trades, trade_id)?)
    }

    /// A trade that is kept.
    pub fn get(&self, instrument: InstrumentId, trade_id: TradeId) -> Option<&TradeView> {
        let trades = self.of.get(&instrument)?;
        trades.get(place(trades, trade_id)?)
    }

    /// The trades of an instrument that are kept, oldest first.
    pub fn of(&self, instrument: InstrumentId) -> impl DoubleEndedIterator<Item = &TradeView> {
        self.of.get(&instrument).into_iter().flatten()
    }

    /// The trades from a time on, oldest first.
    pub fn since(
        &self,
        instrument: InstrumentId,
        time: Timestamp,
    ) -> impl DoubleEndedIterator<Item = &TradeView> {
        self.behind(instrument, move |trade| trade.time < time)
    }

    /// The trades from `trade_id` on, oldest first.
    pub fn from(
        &self,
        instrument: InstrumentId,
        trade_id: TradeId,
    ) -> impl DoubleEndedIterator<Item = &TradeView> {
        self.behind(instrument, move |trade| trade.trade_id < trade_id)
    }

    /// The trades behind the last that is `before`: what that asks of rises with trades.
    fn behind(
        &self,
        instrument: InstrumentId,
        before: impl Fn(&TradeView) -> bool,
    ) -> impl DoubleEndedIterator<Item = &TradeView> {
        self.of.get(&instrument).into_iter().flat_map(move |trades| {
            let at = trades.partition_point(&before);
            trades.range(at..)
        })
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        // In the order in which they came, so that they are forgotten in that order.
        let mut at: BTreeMap<InstrumentId, usize> = BTreeMap::new();
        let all: Vec<&TradeView> = self
            .order
            .iter()
            .filter_map(|instrument| {
                let next = at.entry(*instrument).or_default();
                *next += 1;
                self.of.get(instrument)?.get(*next - 1)
            })
            .collect();
        image::put(out, all.into_iter());
    }

    pub(super) fn load(reader: &mut ImageReader<'_>, limit: usize) -> Result<Self, ImageError> {
        let mut loaded = Self::new(limit);
        reader.take("trades", |view| loaded.insert(view))?;
        Ok(loaded)
    }
}
