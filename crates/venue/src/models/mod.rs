//! Read models: what may be asked of the venue, folded from its events.
//!
//! ```text
//!   durable events --> Models::apply --> instruments, depth, trades, orders, balances, candles,
//!                            |           auctions, amendments, prevented trades
//!                            |
//!                            +--> checkpoint: the last command that is wholly in them
//! ```
//!
//! One thread owns them, folds them and asks them: the serving thread, beside its connections. The
//! follower keeps a second copy, which its snapshots hold, so that after a restart they are what they
//! were.
//!
//! Architecture Invariant: models see nothing but events. The same events give equal models, and
//! equal bytes of them.

mod accounts;
mod amendments;
mod auctions;
mod balances;
mod candles;
mod depth;
mod image;
mod instruments;
mod kept;
mod lists;
mod newest;
mod orders;
mod prevented;
mod trades;

pub use accounts::{AccountView, Accounts, PhaseView};
pub use amendments::{AmendmentView, Amendments};
pub use auctions::{AuctionPrice, AuctionView, Auctions};
pub use balances::BalanceView;
pub use candles::{Candle, Candles, Interval, Ticker};
pub use depth::{Book, Depth, DepthChanges, LevelChange, level_changes};
pub use image::ImageError;
pub use instruments::{AssetView, Instruments};
pub use lists::ListView;
pub use orders::{OrderStage, OrderView, Orders};
pub use prevented::{Prevented, PreventedView};
pub use trades::{TradeView, Trades};

use std::collections::BTreeMap;

use balances::Totals;
use image::ImageReader;
use tiercel_matching::TRADE_HISTORY;
use tiercel_types::event::{
    EventBody, OrderAmended, SelfTradePrevented, TradeBusted, TradeCorrected,
};
use tiercel_types::{
    AccountId, AssetId, Event, EventHeader, InstrumentId, Money, Qty, SelfTradePrevention,
    Timestamp,
};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// How far read models look back. What is older is forgotten, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelLimits {
    /// Of each account: orders that ended, lists that ended, amendments, prevented trades.
    pub ended_orders: usize,
}

impl Default for ModelLimits {
    fn default() -> Self {
        Self { ended_orders: 1_000 }
    }
}

/// Which command is wholly in the models.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Checkpoint {
    /// Its sequence.
    pub sequence: u64,
    /// Its time.
    pub time: Timestamp,
}

/// All read models. See the [module's page](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Models {
    checkpoint: Checkpoint,
    instruments: Instruments,
    accounts: Accounts,
    depth: Depth,
    trades: Trades,
    orders: Orders,
    totals: Totals,
    candles: Candles,
    auctions: Auctions,
    amendments: Amendments,
    prevented: Prevented,
    limits: ModelLimits,
}

impl Models {
    /// Models of a venue where nothing has happened yet.
    pub fn new(limits: ModelLimits) -> Self {
        Self {
            checkpoint: Checkpoint::default(),
            instruments: Instruments::default(),
            accounts: Accounts::default(),
            depth: Depth::default(),
            trades: Trades::new(TRADE_HISTORY),
            orders: Orders::new(limits.ended_orders),
            totals: Totals::default(),
            candles: Candles::default(),
            auctions: Auctions::default(),
            amendments: Amendments::new(limits.ended_orders),
            prevented: Prevented::new(limits.ended_orders),
            limits,
        }
    }

    /// Folds the next event in.
    pub fn apply(&mut self, header: &EventHeader, event: &Event) {
        self.apply_told(header, event, |_, _| {});
    }

    /// As [`apply`](Self::apply); at the end of a command, each of its changes of a level goes to
    /// `told`: what a depth stream sends.
    pub fn apply_told(
        &mut self,
        header: &EventHeader,
        event: &Event,
        told: impl FnMut(InstrumentId, &LevelChange),
    ) {
        self.instruments.apply(header, event);
        self.accounts.apply(header, event);
        self.fold_orders(header, event);
        self.auctions.apply(header, event);
        self.settle(header, event);
        self.depth.apply(header, event, told);
        if header.is_last() {
            self.checkpoint =
                Checkpoint { sequence: header.sequence, time: Timestamp(header.time_ns) };
        }
    }

    /// Orders, and what is kept of what they were before.
    fn fold_orders(&mut self, header: &EventHeader, event: &Event) {
        if let Some(prevented) = SelfTradePrevented::of(event) {
            self.add_prevented(header, prevented);
        }
        let amended = OrderAmended::of(event);
        let known = amended.and_then(|amended| self.orders.get(header.account, amended.order_id));
        let before = known.map(|order| (order.qty, order.client_order_id));
        self.orders.apply(header, event);
        let behind = amended.and_then(|amended| self.orders.get(header.account, amended.order_id));
        if let (Some(before), Some(behind)) = (before, behind) {
            self.amendments.add(header, before, behind);
        }
    }

    fn add_prevented(&mut self, header: &EventHeader, event: &SelfTradePrevented) {
        let group = self.accounts.get(header.account).map_or(0, |view| view.trade_group);
        let maker = self.orders.get(event.maker_account, event.maker_order_id);
        let maker_open_qty = maker.map_or(Qty::ZERO, |order| order.open_qty);
        self.prevented.add(header, event, group, maker_open_qty);
    }

    fn settle(&mut self, header: &EventHeader, event: &Event) {
        let spec = self.instruments.get(header.instrument);
        match (event, spec) {
            (Event::FundsMoved(moved), _) => self.totals.moved(header.account, moved),
            (Event::Trade(trade), Some(spec)) => {
                self.trades.add(header, trade);
                self.candles.add(header, trade);
                if let Some(view) = self.trades.get_mut(header.instrument, trade.trade_id) {
                    self.totals.settle(spec, view, 1);
                }
            }
            (Event::SelfTradePrevented(event), Some(spec))
                if event.action == SelfTradePrevention::Transfer =>
            {
                self.totals.transferred(spec, header.account, event);
            }
            (Event::TradeBusted(busted), Some(_)) => self.busted(header, busted),
            (Event::TradeCorrected(corrected), Some(_)) => self.corrected(header, corrected),
            _ => {}
        }
    }

    fn busted(&mut self, header: &EventHeader, busted: &TradeBusted) {
        let Self { instruments, trades, totals, .. } = self;
        let trade = trades.get_mut(header.instrument, busted.trade_id);
        if let (Some(spec), Some(trade)) = (instruments.get(header.instrument), trade) {
            totals.settle(spec, trade, -1);
            trade.busted = 1;
        }
    }

    fn corrected(&mut self, header: &EventHeader, corrected: &TradeCorrected) {
        let Self { instruments, trades, totals, .. } = self;
        let trade = trades.get_mut(header.instrument, corrected.trade_id);
        if let (Some(spec), Some(trade)) = (instruments.get(header.instrument), trade) {
            totals.settle(spec, trade, -1);
            (trade.price, trade.qty) = (corrected.price, corrected.qty);
            (trade.taker_fee, trade.maker_fee) = (corrected.taker_fee, corrected.maker_fee);
            totals.settle(spec, trade, 1);
        }
    }

    /// The last command that is wholly in them.
    pub const fn checkpoint(&self) -> Checkpoint {
        self.checkpoint
    }

    /// What trades here.
    pub const fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    /// Accounts as the operator set them.
    pub const fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// An instrument's displayed book, at the end of a command.
    pub fn book(&self, instrument: InstrumentId) -> Option<&Book> {
        self.depth.book(instrument)
    }

    /// The books of all instruments.
    pub(crate) const fn depth(&self) -> &Depth {
        &self.depth
    }

    /// The last trades.
    pub const fn trades(&self) -> &Trades {
        &self.trades
    }

    /// Orders and lists.
    pub const fn orders(&self) -> &Orders {
        &self.orders
    }

    /// Candles and the ticker.
    pub const fn candles(&self) -> &Candles {
        &self.candles
    }

    /// Calls and auctions.
    pub const fn auctions(&self) -> &Auctions {
        &self.auctions
    }

    /// Amendments of orders.
    pub const fn amendments(&self) -> &Amendments {
        &self.amendments
    }

    /// Trades that self-trade prevention prevented.
    pub const fn prevented_trades(&self) -> &Prevented {
        &self.prevented
    }

    /// The candles of an interval, by clocks that are `zone_ns` ahead of UTC, oldest first. Seconds
    /// are put together from the trades that are kept.
    pub fn candles_of(
        &self,
        instrument: InstrumentId,
        interval: Interval,
        zone_ns: i64,
    ) -> Vec<Candle> {
        match interval {
            Interval::Second => candles::seconds(self.trades.of(instrument)),
            _ => self.candles.get_in(instrument, interval, zone_ns),
        }
    }

    /// What traded in the last 24 hours, by the venue's time.
    pub fn ticker(&self, instrument: InstrumentId, now: Timestamp) -> Ticker {
        self.candles.ticker(instrument, now.max(self.checkpoint.time), candles::DAY_NS)
    }

    /// What traded in another window that ends now.
    pub fn window(&self, instrument: InstrumentId, now: Timestamp, length_ns: u64) -> Ticker {
        self.candles.ticker(instrument, now.max(self.checkpoint.time), length_ns)
    }

    /// What the account has, by asset. Takes time with its live orders.
    pub fn balances(&self, account: AccountId) -> Vec<BalanceView> {
        let mut reserved: BTreeMap<AssetId, i128> = BTreeMap::new();
        for (instrument, side, amount) in self.orders.reservations(account) {
            if let Some(spec) = self.instruments.get(instrument) {
                *reserved.entry(spec.asset_given(side)).or_default() += amount.units();
            }
        }
        let balance = |(asset, total): (AssetId, Money)| {
            let reserved = reserved.get(&asset).copied().unwrap_or(0);
            BalanceView {
                asset,
                free: Money::from_units(total.units() - reserved),
                reserved: Money::from_units(reserved),
            }
        };
        self.totals.of(account).map(balance).collect()
    }

    /// Appends all of them to `out`, at the end of a command.
    pub fn save(&self, out: &mut Vec<u8>) {
        image::begin(out);
        image::put(out, [self.checkpoint].iter());
        self.instruments.save(out);
        self.accounts.save(out);
        self.depth.save(out);
        self.trades.save(out);
        self.orders.save(out);
        self.totals.save(out);
        self.candles.save(out);
        self.auctions.save(out);
        self.amendments.save(out);
        self.prevented.save(out);
    }

    /// The models that were [saved](Self::save).
    ///
    /// # Errors
    /// [`ImageError`].
    pub fn load(bytes: &[u8], limits: ModelLimits) -> Result<Self, ImageError> {
        let mut reader = ImageReader::new(bytes)?;
        let mut checkpoint = Checkpoint::default();
        reader.take("checkpoint", |found| checkpoint = found)?;
        let loaded = Self {
            checkpoint,
            instruments: Instruments::load(&mut reader)?,
            accounts: Accounts::load(&mut reader)?,
            depth: Depth::load(&mut reader)?,
            trades: Trades::load(&mut reader, TRADE_HISTORY)?,
            orders: Orders::load(&mut reader, limits.ended_orders)?,
            totals: Totals::load(&mut reader)?,
            candles: Candles::load(&mut reader)?,
            auctions: Auctions::load(&mut reader)?,
            amendments: Amendments::load(&mut reader, limits.ended_orders)?,
            prevented: Prevented::load(&mut reader, limits.ended_orders)?,
            limits,
        };
        reader.end()?;
        Ok(loaded)
    }
}
