//! Signals of each instrument, folded from what is durable: `docs/signals.md` defines them.
//!
//! Micro-price and imbalances follow from the book alone. VPIN is folded from trades: a bucket is half
//! of what the first [`CALIBRATION_TRADES`] trades came to. After a start they are those that the read
//! models still have, so that a restart of a young market changes nothing.

use std::collections::BTreeMap;

use tiercel_book::signal::{
    PREDICTED_MOVE_LAMBDA, Quote, Toxicity, ToxicityThresholds, Vpin, depth_imbalance,
};
use tiercel_types::event::Trade;
use tiercel_types::market::Level;
use tiercel_types::{InstrumentId, Qty, Side};

use crate::models::{Book, Models};

/// Trades by which the size of a bucket is found.
pub const CALIBRATION_TRADES: u32 = 200;
/// The buckets that count.
pub const BUCKETS: u32 = 50;

/// The flow of one instrument's trades.
#[derive(Clone, Debug, Default)]
struct Flow {
    /// Trades before there is a bucket size, and what they came to.
    trades: u32,
    volume: u64,
    vpin: Option<(Qty, Vpin)>,
}

/// What VPIN says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Toxic {
    /// V; none before it is found.
    pub bucket_qty: Option<Qty>,
    /// How many buckets were filled.
    pub buckets_filled: u64,
    /// VPIN; none before [`BUCKETS`] were.
    pub vpin: Option<f64>,
    /// Its level, by thresholds that quarter the range.
    pub toxicity: Option<&'static str>,
}

/// What the best prices say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quoted {
    /// They.
    pub quote: Quote,
    /// By how much the price is expected to move, in units of 10^-8.
    pub predicted_move: f64,
}

/// The signals of all instruments.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    flows: BTreeMap<InstrumentId, Flow>,
}

impl Signals {
    /// Those of the trades that are kept.
    pub fn new(models: &Models) -> Self {
        let mut signals = Self::default();
        for spec in models.instruments().iter() {
            for trade in models.trades().of(spec.instrument) {
                if trade.auction == 0 {
                    signals.flow(spec.instrument, trade.taker_side, trade.qty);
                }
            }
        }
        signals
    }

    /// A trade. In an auction nobody took: it says nothing of who is in a hurry.
    pub fn traded(&mut self, instrument: InstrumentId, trade: &Trade) {
        if trade.auction == 0 {
            self.flow(instrument, trade.taker_side, trade.qty);
        }
    }

    fn flow(&mut self, instrument: InstrumentId, side: Side, qty: Qty) {
        let flow = self.flows.entry(instrument).or_default();
        if let Some((_, vpin)) = &mut flow.vpin {
            vpin.on_trade(side, qty);
            return;
        }
        flow.trades += 1;
        flow.volume = flow.volume.saturating_add(qty.units());
        if flow.trades == CALIBRATION_TRADES {
            let bucket_qty = Qty::from_units((flow.volume / 2).max(1));
            // A bucket holds something, and there are some: it can be made.
            flow.vpin = Vpin::new(bucket_qty, BUCKETS).ok().map(|vpin| (bucket_qty, vpin));
        }
    }

    /// How toxic the flow is.
    pub fn toxic(&self, instrument: InstrumentId) -> Toxic {
        let vpin = self.flows.get(&instrument).and_then(|flow| flow.vpin.as_ref());
        let level = |vpin: &Vpin| vpin.toxicity(&ToxicityThresholds::default());
        Toxic {
            bucket_qty: vpin.map(|(bucket_qty, _)| *bucket_qty),
            buckets_filled: vpin.map_or(0, |(_, vpin)| vpin.buckets_closed()),
            vpin: vpin.and_then(|(_, vpin)| vpin.value()),
            toxicity: vpin.and_then(|(_, vpin)| level(vpin)).map(Toxicity::as_str),
        }
    }
}

/// What the best prices say; none while a side is empty, or they cross, as in a call.
pub fn quoted(book: &Book) -> Option<Quoted> {
    let level = |(price, qty)| Level { price, qty };
    let (bid, ask) = (book.bids().next().map(level)?, book.asks().next().map(level)?);
    let quote = Quote::new(bid, ask).ok()?;
    Some(Quoted { quote, predicted_move: quote.predicted_move(PREDICTED_MOVE_LAMBDA) })
}

/// The imbalance of the best levels; none of an empty book.
pub fn imbalance(book: &Book, levels: usize) -> Option<f64> {
    let bids = book.bids().map(|(_, qty)| qty);
    depth_imbalance(bids, book.asks().map(|(_, qty)| qty), levels)
}
