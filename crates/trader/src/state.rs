//! What a trader shows of itself, now and then, to whoever looks: a snapshot that readers do not block.

use serde::{Deserialize, Serialize};
use tiercel_execution::breaker::BreakerState;
use tiercel_execution::oms::Oms;
use tiercel_execution::order::State;
use tiercel_execution::risk::Mode;
use tiercel_strategy::{BookTick, LEVELS};
use tiercel_types::market::Level;
use tiercel_types::{ClientOrderId, InstrumentId, Money, Price, Qty, Side, Timestamp};

use crate::core::{Core, Counts};
use crate::lines::Lines;
use crate::market::{Market, MarketState};
use crate::paper::{Paper, PaperView};
use crate::reason::ModeReason;

/// Orders that are shown, at most.
pub const ORDERS_SHOWN: usize = 64;

/// One market, and what is owned of it.
#[derive(Clone, Copy, Debug)]
pub struct MarketView {
    /// Which.
    pub instrument: InstrumentId,
    /// Whether its book is what the venue has.
    pub is_live: bool,
    /// The best bids, best first.
    pub bids: [Level; LEVELS],
    /// The best asks, best first.
    pub asks: [Level; LEVELS],
    /// The last trade's price.
    pub last_price: Price,
    /// What is owned, in units of 10^-16; negative: short.
    pub owned: Money,
    /// What was paid for each whole, on average.
    pub average_price: Option<Money>,
    /// The profit of what was closed, before fees.
    pub realised: Money,
    /// The profit if it were closed at the middle of the book; none where a side of that is empty.
    pub unrealised: Option<Money>,
    /// What came in of the quote asset, less what went out, fees included.
    pub cash: Money,
    /// Fees in the quote asset.
    pub fees: Money,
    /// All that was bought.
    pub bought: Money,
    /// All that was sold.
    pub sold: Money,
}

/// One order that may still trade.
#[derive(Clone, Copy, Debug)]
pub struct OrderView {
    /// Its name.
    pub client_order_id: ClientOrderId,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// Whether it buys or sells.
    pub side: Side,
    /// Its price.
    pub price: Price,
    /// Its quantity.
    pub qty: Qty,
    /// What has traded.
    pub executed_qty: Qty,
    /// Where it stands.
    pub state: &'static str,
    /// Whether what became of it, or of a request for it, is not known.
    pub is_unknown: bool,
}

/// A trader at one moment.
#[derive(Clone, Debug, Default)]
pub struct TraderState {
    /// When, in nanoseconds since 1970.
    pub time_ns: u64,
    /// Whether the strategy acts.
    pub acts: bool,
    /// What the gate lets through.
    pub mode: Mode,
    /// Why it does.
    pub mode_reason: ModeReason,
    /// Whether the journal could not be written.
    pub has_journal_failed: bool,
    /// What was counted.
    pub counts: Counts,
    /// The result of all instruments; none beyond 128 bits.
    pub result: Option<Money>,
    /// What is owned, at cost, and all that is open.
    pub used_credit: Money,
    /// Orders whose outcome is not known.
    pub unknown_orders: u32,
    /// How many orders may still trade.
    pub open_orders: usize,
    /// Which lines have a connection that works, by their number.
    pub lines: Vec<bool>,
    /// Where the breakers of venues stand, by their number.
    pub breakers: Vec<BreakerState>,
    /// All markets, by their number.
    pub markets: Vec<MarketView>,
    /// The orders that may still trade, as far as there is room to show them.
    pub orders: Vec<OrderView>,
    /// Of a paper run alone.
    pub paper: Option<PaperView>,
}

impl TraderState {
    /// One with room for all that is shown: it is filled without allocating.
    pub fn with_room(lines: usize, markets: usize) -> Self {
        Self {
            lines: Vec::with_capacity(lines),
            // No venue is without a line.
            breakers: Vec::with_capacity(lines),
            markets: Vec::with_capacity(markets),
            orders: Vec::with_capacity(ORDERS_SHOWN),
            ..Self::default()
        }
    }

    /// Becomes what the trader is now.
    pub fn fill(&mut self, time_ns: u64, lines: &Lines) {
        let core = &lines.core;
        let oms = core.oms();
        (self.time_ns, self.acts, self.mode) = (time_ns, core.acts(), oms.gate().mode());
        (self.mode_reason, self.has_journal_failed) =
            (core.mode_reason(), core.has_journal_failed());
        (self.counts, self.result) = (*core.counts(), oms.result());
        (self.used_credit, self.unknown_orders) = (oms.gate().used_credit(), oms.unknown_orders());
        self.open_orders = oms.live_orders();
        self.lines.clear();
        self.lines.extend(lines.lines().map(|(line, is_connected)| is_connected && line.is_up()));
        self.lines.extend(lines.sources());
        self.breakers.clear();
        self.breakers.extend(oms.breakers(Timestamp(time_ns)));
        self.markets.clear();
        self.markets.extend(core.markets().iter().map(|market| view(core, market)));
        self.fill_orders(oms);
        self.paper = core.paper().map(Paper::view);
    }

    fn fill_orders(&mut self, oms: &Oms) {
        self.orders.clear();
        self.orders.extend(oms.live().take(ORDERS_SHOWN).map(|(_, order)| OrderView {
            client_order_id: order.client_order_id,
            instrument: order.instrument,
            side: order.side,
            price: order.price(),
            qty: order.qty(),
            executed_qty: order.executed_qty(),
            state: order.state().name(),
            is_unknown: matches!(order.state(), State::Unknown(_)),
        }));
    }
}

fn view(core: &Core, market: &Market) -> MarketView {
    let tick = market.tick(market.heard_at);
    let position = core.oms().position(market.instrument()).copied().unwrap_or_default();
    let (bought, sold) = position.volume();
    let amount = |units: u128| Money::from_units(i128::try_from(units).unwrap_or(i128::MAX));
    MarketView {
        instrument: market.instrument(),
        is_live: market.state() == MarketState::Live,
        bids: tick.bids,
        asks: tick.asks,
        last_price: market.last_price,
        owned: position.owned(),
        average_price: position.average_price(),
        realised: position.realised(),
        unrealised: middle(&tick).and_then(|price| position.unrealised(price)),
        cash: position.cash().unwrap_or_default(),
        fees: position.fees(),
        bought: amount(bought),
        sold: amount(sold),
    }
}

/// Between the best prices, if both sides have one.
fn middle(tick: &BookTick) -> Option<Price> {
    let (bid, ask) = (tick.bid(), tick.ask());
    let has_both = !bid.qty.is_zero() && !ask.qty.is_zero();
    has_both.then(|| Price::from_units(i64::midpoint(bid.price.units(), ask.price.units())))
}

/// A price level as text.
pub type LevelText = (String, String);

/// One market, as it is told in JSON. Amounts are decimals in texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketTold {
    /// The venue.
    pub venue: String,
    /// The venue's name for the instrument.
    pub symbol: String,
    /// Whether its book is what the venue has.
    pub is_live: bool,
    /// The best bids: price and quantity, best first.
    pub bids: Vec<LevelText>,
    /// The best asks, best first.
    pub asks: Vec<LevelText>,
    /// The last trade's price.
    pub last_price: String,
    /// What is owned; negative: short.
    pub position: String,
    /// What was paid for each whole, on average; none of no position.
    pub average_price: Option<String>,
    /// The profit of what was closed, before fees.
    pub realised: String,
    /// The profit if it were closed at the middle of the book; none where a side of that is empty.
    pub unrealised: Option<String>,
    /// What came in of the quote asset, less what went out, fees included: to the last unit.
    pub cash: String,
    /// Fees in the quote asset.
    pub fees: String,
    /// All that was bought.
    pub bought: String,
    /// All that was sold.
    pub sold: String,
}

/// One order, as it is told in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTold {
    /// Its name.
    pub client_order_id: String,
    /// The venue's name for its instrument.
    pub symbol: String,
    /// `buy` or `sell`.
    pub side: String,
    /// Its price.
    pub price: String,
    /// Its quantity.
    pub qty: String,
    /// What has traded.
    pub executed_qty: String,
    /// Where it stands.
    pub state: String,
}

/// Times of a stage, in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyTold {
    /// The stage.
    pub stage: String,
    /// How many were measured.
    pub count: u64,
    /// Half of them are not above this.
    pub p50: u64,
    /// 90 of 100.
    pub p90: u64,
    /// 99 of 100.
    pub p99: u64,
    /// 999 of 1000.
    pub p999: u64,
    /// The longest.
    pub max: u64,
}

/// A paper run, as it is told in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperTold {
    /// SHA-256 of all requests and reports so far with their times, in hex: that of a replay is the same.
    pub digest: String,
    /// Requests so far.
    pub requests: u64,
    /// Reports so far.
    pub reports: u64,
    /// What the paper book could not take of the live one.
    pub refused: u64,
}

/// A trader, as it is told in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What it does.
    pub strategy: String,
    /// When, in nanoseconds since 1970.
    pub time_ns: u64,
    /// Whether the strategy acts.
    pub acts: bool,
    /// `active`, `reducing` or `halted`.
    pub mode: String,
    /// The result of all instruments.
    pub result: Option<String>,
    /// What is owned, at cost, and all that is open.
    pub used_credit: String,
    /// What is paid with.
    pub quote_asset: String,
    /// How many orders may still trade.
    pub open_orders: usize,
    /// How many of them have an outcome that is not known.
    pub unknown_orders: u32,
    /// What has been counted.
    pub counts: Counts,
    /// Connections, and whether they work.
    pub lines: Vec<(String, bool)>,
    /// Venues, and whether their breakers are `closed`, `open` or `half_open`.
    #[serde(default)]
    pub breakers: Vec<(String, String)>,
    /// All markets.
    pub markets: Vec<MarketTold>,
    /// The orders that may still trade.
    pub orders: Vec<OrderTold>,
    /// Times by stage.
    pub latency: Vec<LatencyTold>,
    /// Of a paper run alone: orders went to no venue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<PaperTold>,
}
