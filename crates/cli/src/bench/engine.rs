//! Our engine behind the driver, bare and full.

use tiercel_matching::{BareEngine, Engine, EngineConfig, FullEngine, Ledger};
use tiercel_sim::flow::{ACCOUNTS, CENTRAL_PRICE_TICKS, Load, Op};
use tiercel_types::command::{
    AccountState, AddAsset, AddInstrument, AmendOrder, CancelOrder, Command, Deposit, NewOrder,
    SetAccount,
};
use tiercel_types::order::AmendQtyMeaning;
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, Event, EventBuffer, EventRef, InstrumentId, InstrumentSpec,
    Money, OrderId, Price, Qty, SelfTradePrevention, Side, TimeInForce, Timestamp,
};

use super::driver::{Adapter, Report, ReportKind, Reports};

/// A tick of 0.01 and a lot of 0.001: steps as instruments have them.
const TICK_UNITS: i64 = 1_000_000;
const LOT_UNITS: u64 = 100_000;
/// Time between commands.
const STEP_NS: u64 = 1_000;
const INSTRUMENT: InstrumentId = InstrumentId(1);
const BASE: AssetId = AssetId(1);
const QUOTE: AssetId = AssetId(2);

/// Our engine in one of its builds, and what the driver needs beside it.
pub struct Driver<L: Ledger> {
    engine: Engine<L>,
    events: EventBuffer,
    sequence: u64,
    time_ns: u64,
    self_trade_prevention: SelfTradePrevention,
    /// Orders are named by client order ids.
    client_ids: bool,
}

impl<L: Ledger> Driver<L> {
    fn with_instrument(load: &Load, terms: impl FnOnce(&mut InstrumentSpec)) -> Self {
        let config = EngineConfig { orders: load.live_orders_max, ..EngineConfig::default() };
        let mut driver = Self {
            engine: Engine::new(config),
            events: EventBuffer::with_capacity(64),
            sequence: 0,
            time_ns: 0,
            self_trade_prevention: SelfTradePrevention::None,
            client_ids: false,
        };
        for (asset, code) in [(BASE, &b"BTC"[..]), (QUOTE, b"USDT")] {
            if let Ok(code) = tiercel_types::AssetCode::new(code) {
                driver.set_up(AddAsset { asset, code }.into());
            }
        }
        let (tick, lot) = (Price::from_units(TICK_UNITS), Qty::from_units(LOT_UNITS));
        let mut spec = InstrumentSpec::new(INSTRUMENT, BASE, QUOTE, tick, lot);
        if let Ok(symbol) = tiercel_types::Symbol::new(b"BTCUSDT") {
            spec.symbol = symbol;
        }
        terms(&mut spec);
        driver.set_up(AddInstrument { spec }.into());
        driver
    }

    /// Runs a command that only prepares.
    ///
    /// # Panics
    /// When it is denied: then the bench itself is wrong.
    fn set_up(&mut self, command: Command) {
        self.sequence += 1;
        let (sequence, time) = (self.sequence, Timestamp(self.time_ns));
        self.engine.apply_all(sequence, time, &command, &mut self.events, |_, event| {
            assert!(!matches!(event, Event::Denied(_)), "{command:?} gave {event:?}");
        });
    }

    fn client_id(&self, id: u64) -> ClientOrderId {
        if self.client_ids {
            ClientOrderId::new(format!("bench-order-{id:012}").as_bytes()).unwrap_or_default()
        } else {
            ClientOrderId::EMPTY
        }
    }

    /// The engine's name for an order that is to be found: by order id, or by client order id.
    fn order_id(&self, id: u64) -> OrderId {
        if self.client_ids { OrderId::NONE } else { OrderId(id) }
    }

    fn command(&self, op: &Op) -> Command {
        match *op {
            Op::New { id, account, side, price_ticks, qty, ioc } => {
                let (price, qty) = (price_of(price_ticks), qty_of(qty));
                let mut order = NewOrder::limit(INSTRUMENT, AccountId(account), side, price, qty);
                if !L::ENABLED {
                    order.order_id = OrderId(id);
                }
                if ioc {
                    order.time_in_force = TimeInForce::Ioc;
                }
                order.self_trade_prevention = self.self_trade_prevention;
                order.client_order_id = self.client_id(id);
                order.into()
            }
            Op::Cancel { id, account } => CancelOrder {
                order_id: self.order_id(id),
                account: AccountId(account),
                client_order_id: self.client_id(id),
            }
            .into(),
            Op::Move { id, account, price_ticks, qty } => AmendOrder {
                order_id: self.order_id(id),
                price: price_of(price_ticks),
                qty: qty_of(qty),
                account: AccountId(account),
                client_order_id: self.client_id(id),
                new_client_order_id: ClientOrderId::EMPTY,
                qty_meaning: AmendQtyMeaning::Open,
                lose_priority: 1,
                reserved: [0; 2],
            }
            .into(),
        }
    }

    #[inline(always)]
    fn run(&mut self, command: &Command, reports: &mut Reports) {
        self.sequence += 1;
        self.time_ns += STEP_NS;
        let (sequence, time) = (self.sequence, Timestamp(self.time_ns));
        self.engine.apply_each(sequence, time, command, &mut self.events, |header, event| {
            if let Some(report) = report_of(header.sequence, event) {
                reports.push_scaled(report, || (report.price / TICK_UNITS, report.qty / LOT_UNITS));
            }
        });
    }
}

fn price_of(ticks: i64) -> Price {
    Price::from_units(ticks * TICK_UNITS)
}

fn qty_of(lots: u64) -> Qty {
    Qty::from_units(lots * LOT_UNITS)
}

/// The report of an event. What rests after trading, or what self-trade prevention met, shows in
/// none: the others do not tell it either.
#[inline(always)]
fn report_of(sequence: u64, event: EventRef<'_>) -> Option<Report> {
    let (kind, side, order_id, maker, price, qty) = match event {
        EventRef::OrderAccepted(it) => {
            (ReportKind::Accepted, it.side, it.order_id, OrderId::NONE, it.price, it.qty)
        }
        EventRef::Trade(it) => {
            let (taker, maker) = (it.taker_order_id, it.maker_order_id);
            (ReportKind::Trade, it.taker_side, taker, maker, it.price, it.qty)
        }
        EventRef::OrderEnded(it) => {
            (ReportKind::Ended, it.side, it.order_id, OrderId::NONE, it.price, it.unfilled_qty)
        }
        EventRef::OrderAmended(it) => {
            (ReportKind::Moved, it.side, it.order_id, OrderId::NONE, it.price, it.open_qty)
        }
        EventRef::Denied(it) => {
            (ReportKind::Refused, Side::Buy, it.order_id, OrderId::NONE, Price::ZERO, Qty::ZERO)
        }
        _ => return None,
    };
    Some(Report {
        kind,
        side,
        order_id: order_id.0,
        maker_order_id: maker.0,
        price: price.units(),
        qty: qty.units(),
        sequence,
    })
}

/// The book alone.
pub struct Bare(Driver<tiercel_matching::Bare>);

impl Bare {
    /// The engine.
    pub const fn engine(&self) -> &BareEngine {
        &self.0.engine
    }
}

impl Adapter for Bare {
    const NAME: &'static str = "tiercel";
    const STRICT: bool = true;
    type Command = Command;

    fn new(load: &Load) -> Self {
        Self(Driver::with_instrument(load, |_| {}))
    }

    fn encode(&mut self, op: &Op) -> Command {
        self.0.command(op)
    }

    #[inline(always)]
    fn prefetch<'c>(&self, ahead: impl Fn(usize) -> Option<&'c Command>) {
        self.0.engine.prefetch(ahead);
    }

    #[inline(always)]
    fn apply(&mut self, command: &Command, reports: &mut Reports) {
        self.0.run(command, reports);
    }
}

/// The full engine: funded accounts, fees, a filter of each kind, self-trade prevention. With
/// `CLIENT_IDS` every order carries a client order id, and is cancelled and moved by it.
pub struct Full<const CLIENT_IDS: bool>(Driver<tiercel_matching::Accounts>);

impl<const CLIENT_IDS: bool> Full<CLIENT_IDS> {
    /// The engine.
    pub const fn engine(&self) -> &FullEngine {
        &self.0.engine
    }
}

impl<const CLIENT_IDS: bool> Adapter for Full<CLIENT_IDS> {
    const NAME: &'static str = "tiercel-full";
    const STRICT: bool = true;
    type Command = Command;

    fn new(load: &Load) -> Self {
        /// More of each asset than the load can use up: ten million.
        const FUNDS: i128 = 10_000_000 * tiercel_types::money::MONEY_ONE;
        let mut driver = Driver::with_instrument(load, |spec| {
            spec.maker_fee_ppm = 200;
            spec.taker_fee_ppm = 500;
            spec.band_ppm = 500_000;
            spec.reference_price = price_of(CENTRAL_PRICE_TICKS);
            spec.min_price = price_of(1_000);
            spec.max_price = price_of(1_000_000);
            spec.min_qty = qty_of(1);
            spec.max_qty = qty_of(1_000_000);
            spec.min_notional = Qty::from_units(10_000_000);
            spec.max_notional = Qty::from_units(100_000_000_000_000);
        });
        driver.self_trade_prevention = SelfTradePrevention::ExpireTaker;
        driver.client_ids = CLIENT_IDS;
        let mut funding_id = 0;
        for account in (1..=ACCOUNTS).map(|account| AccountId(account as u32)) {
            let terms = SetAccount {
                account,
                trade_group: 0,
                max_open_orders: 10_000,
                state: AccountState::Active,
                reserved: [0; 3],
            };
            driver.set_up(terms.into());
            for asset in [BASE, QUOTE] {
                funding_id += 1;
                let amount = Money::from_units(FUNDS);
                driver.set_up(Deposit { funding_id, account, asset, amount }.into());
            }
        }
        Self(driver)
    }

    fn encode(&mut self, op: &Op) -> Command {
        self.0.command(op)
    }

    #[inline(always)]
    fn prefetch<'c>(&self, ahead: impl Fn(usize) -> Option<&'c Command>) {
        self.0.engine.prefetch(ahead);
    }

    #[inline(always)]
    fn apply(&mut self, command: &Command, reports: &mut Reports) {
        self.0.run(command, reports);
    }
}
