//! Sessions as a test writes them: a small venue, its traders, and their commands one by one.

use tiercel_matching::{Accounts, Bare, Ledger};
use tiercel_testkit::commands::Step;
use tiercel_testkit::harness::{SHARD, print_steps, replay};
use tiercel_testkit::model::Mode;
use tiercel_types::auction::AuctionKind;
use tiercel_types::command::{
    AccountState, AddAsset, AddInstrument, AmendOrder, CancelOrder, Deposit, NewOrder, SetAccount,
    SetInstrumentState, StartCall,
};
use tiercel_types::order::{AmendQtyMeaning, Side};
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, Command, Event, InstrumentId, InstrumentSpec,
    InstrumentState, Money, OrderId, Price, Qty, Timestamp,
};

use crate::subject::{EngineSubject, Holding};

pub(crate) const TICK: i64 = 1_000_000;
pub(crate) const LOT: u64 = 10_000;
pub(crate) const BASE: AssetId = AssetId(1);
pub(crate) const QUOTE: AssetId = AssetId(2);
/// Every bound is set, and met exactly.
pub(crate) const BOUND: InstrumentId = InstrumentId(1);
/// No bound is set.
pub(crate) const FREE: InstrumentId = InstrumentId(2);

pub(crate) fn price(ticks: i64) -> Price {
    Price::from_units(ticks * TICK)
}

pub(crate) fn qty(lots: u64) -> Qty {
    Qty::from_units(lots * LOT)
}

/// The value of an order, as the bounds of an instrument count it.
pub(crate) fn value(ticks: i64, lots: u64) -> Qty {
    let money = Money::of(price(ticks), qty(lots)).units();
    Qty::from_units((money / 100_000_000) as u64)
}

/// The terms of [`BOUND`].
pub(crate) fn bound() -> InstrumentSpec {
    InstrumentSpec {
        band_ppm: 50_000,
        reference_price: price(1_000),
        min_price: price(940),
        max_price: price(1_060),
        min_qty: qty(2),
        max_qty: qty(50),
        min_notional: value(950, 2),
        max_notional: value(1_000, 50),
        maker_fee_ppm: 333,
        taker_fee_ppm: 777,
        market_protection_ppm: 20_000,
        max_iceberg_parts: 5,
        symbol: "BOUND".parse().unwrap(),
        ..InstrumentSpec::new(BOUND, BASE, QUOTE, price(1), qty(1))
    }
}

/// A session as it grows. Orders are named by their number, from 1.
pub(crate) struct Session {
    pub(crate) mode: Mode,
    pub(crate) steps: Vec<Step>,
    /// Steps that set up the venue.
    pub(crate) setup: usize,
    pub(crate) time: u64,
    orders: u64,
    fundings: u64,
}

impl Session {
    pub(crate) fn new(mode: Mode) -> Self {
        let mut session =
            Self { mode, steps: Vec::new(), setup: 0, time: 1_000, orders: 0, fundings: 0 };
        for asset in [BASE, QUOTE] {
            let code = format!("A{asset}").parse().unwrap();
            session.run(AddAsset { asset, code });
        }
        session.run(AddInstrument { spec: bound() });
        let free = InstrumentSpec {
            maker_fee_ppm: -100,
            taker_fee_ppm: 500,
            max_iceberg_parts: 64,
            symbol: "FREE".parse().unwrap(),
            ..InstrumentSpec::new(FREE, BASE, QUOTE, price(1), qty(1))
        };
        session.run(AddInstrument { spec: free });
        if mode == Mode::Full {
            // 1 and 2 are a group; 3 may have two orders; 4 has what it is given.
            for (account, trade_group, max_open_orders) in
                [(1, 7, 0), (2, 7, 0), (3, 0, 2), (4, 0, 0), (5, 0, 0)]
            {
                session.set_account(account, trade_group, max_open_orders, AccountState::Active);
                if account != 4 {
                    session.deposit(account, BASE, Money::from_qty(qty(1_000_000)));
                    session.deposit(account, QUOTE, Money::from_qty(qty(1_000_000_000)));
                }
            }
        }
        session.setup = session.steps.len();
        session
    }

    pub(crate) fn run(&mut self, command: impl Into<Command>) {
        self.steps.push(Step { time: Timestamp(self.time), command: command.into() });
    }

    pub(crate) fn name(&self, order: u64) -> OrderId {
        match self.mode {
            Mode::Full => OrderId::new(SHARD, order),
            Mode::Bare => OrderId(order),
        }
    }

    pub(crate) fn order(&mut self, terms: NewOrder) -> u64 {
        let terms = self.numbered(terms);
        self.run(terms);
        self.orders
    }

    pub(crate) fn numbered(&mut self, mut terms: NewOrder) -> NewOrder {
        self.orders += 1;
        if self.mode == Mode::Bare {
            terms.order_id = OrderId(self.orders);
        }
        terms
    }

    pub(crate) fn limit(
        &mut self,
        at: InstrumentId,
        account: u32,
        side: Side,
        ticks: i64,
        lots: u64,
    ) -> u64 {
        self.order(NewOrder::limit(at, AccountId(account), side, price(ticks), qty(lots)))
    }

    pub(crate) fn amend(&mut self, account: u32, order: u64, change: impl FnOnce(&mut AmendOrder)) {
        let mut amend = AmendOrder {
            order_id: self.name(order),
            price: Price::ZERO,
            qty: Qty::ZERO,
            account: AccountId(account),
            client_order_id: ClientOrderId::EMPTY,
            new_client_order_id: ClientOrderId::EMPTY,
            qty_meaning: AmendQtyMeaning::Open,
            lose_priority: 0,
            reserved: [0; 2],
        };
        change(&mut amend);
        self.run(amend);
    }

    pub(crate) fn cancel(&mut self, account: u32, order: u64) {
        let (order_id, account) = (self.name(order), AccountId(account));
        self.run(CancelOrder { order_id, account, client_order_id: ClientOrderId::EMPTY });
    }

    pub(crate) fn set_account(
        &mut self,
        account: u32,
        group: u32,
        max_open_orders: u32,
        state: AccountState,
    ) {
        let account = AccountId(account);
        let reserved = [0; 3];
        self.run(SetAccount { account, trade_group: group, max_open_orders, state, reserved });
    }

    pub(crate) fn deposit(&mut self, account: u32, asset: AssetId, amount: Money) {
        self.fundings += 1;
        let (funding_id, account) = (self.fundings, AccountId(account));
        if self.mode == Mode::Full {
            self.run(Deposit { funding_id, account, asset, amount });
        }
    }

    pub(crate) fn set_state(&mut self, instrument: InstrumentId, state: InstrumentState) {
        self.run(SetInstrumentState { instrument, state, reserved: [0; 3] });
    }

    /// A call in the free instrument, after which it is open.
    pub(crate) fn call(&mut self, ends_at_ns: u64) {
        self.run(call(ends_at_ns));
    }

    /// Levels on both sides of the free instrument: 3 sells above 1,000, 3 buys below, the second
    /// of each an iceberg.
    pub(crate) fn ladders(&mut self, account: u32) {
        for level in 1..=3 {
            for (side, ticks) in [(Side::Sell, 1_000 + level), (Side::Buy, 1_000 - level)] {
                let account = AccountId(account);
                let mut terms = NewOrder::limit(FREE, account, side, price(ticks), qty(6));
                terms.display_qty = if level == 2 { qty(2) } else { Qty::ZERO };
                self.order(terms);
            }
        }
    }
}

pub(crate) fn limit(at: InstrumentId, account: u32, side: Side, ticks: i64, lots: u64) -> NewOrder {
    NewOrder::limit(at, AccountId(account), side, price(ticks), qty(lots))
}

/// Starts a call in the free instrument, after which it is open.
pub(crate) fn call(ends_at_ns: u64) -> StartCall {
    StartCall {
        instrument: FREE,
        auction: AuctionKind::Intraday,
        then: InstrumentState::Open,
        reserved: [0; 2],
        ends_at: Timestamp(ends_at_ns),
    }
}

/// Runs commands on an engine, the model and the auditor, which have to agree.
pub(crate) fn check(mode: Mode, steps: &[Step]) {
    check_held(Holding::TIGHT, mode, steps);
}

/// The same with an engine that is held otherwise.
pub(crate) fn check_held(holding: Holding, mode: Mode, steps: &[Step]) {
    let result = match mode {
        Mode::Full => replay(&mut EngineSubject::<Accounts>::new(holding), mode, steps),
        Mode::Bare => replay(&mut EngineSubject::<Bare>::new(holding), mode, steps),
    };
    if let Err((count, difference)) = result {
        panic!("command {count}: {difference}\n{}", print_steps(&steps[..count]));
    }
}

/// Runs commands on a new engine and returns the events of the last one.
fn last_events<L: Ledger>(steps: &[Step]) -> Vec<Event> {
    let mut subject = EngineSubject::<L>::new(Holding::TIGHT);
    let mut last = Vec::new();
    for (sequence, step) in (1..).zip(steps) {
        let events = subject.events(sequence, step.time, &step.command);
        last = events.into_iter().map(|(_, event)| event).collect();
    }
    last
}

/// The events of a session's last command.
pub(crate) fn events_of(session: &Session) -> Vec<Event> {
    match session.mode {
        Mode::Full => last_events::<Accounts>(&session.steps),
        Mode::Bare => last_events::<Bare>(&session.steps),
    }
}
