//! What shows only where there is much of it: ids whose hashes are the same, the most that an
//! account may hold, and what is remembered of funds and trades.

use tiercel_matching::{Accounts, Bare, Engine, FUNDING_HISTORY, Ledger, TRADE_HISTORY};
use tiercel_testkit::fuzz_commands;
use tiercel_testkit::harness::SHARD;
use tiercel_testkit::model::Mode;
use tiercel_testkit::random::Random;
use tiercel_types::command::{BustTrade, CancelOrder, Deposit, NewOrder, QueryOrder};
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, Command, DenialReason, Event, EventBuffer, InstrumentId,
    Money, OrderId, Price, Qty, Side, Timestamp, TradeId,
};

use crate::subject::Holding;

/// An entry of the engine's tables keeps 32 bits of a hash. Of so many live ids some share all of
/// them: by chance seven pairs, whatever the hash.
const ORDERS: u64 = 250_000;
const ACCOUNT: AccountId = AccountId(1);

/// A small venue, and what is asked of it.
struct Venue<L: Ledger> {
    engine: Engine<L>,
    buffer: EventBuffer,
}

impl<L: Ledger> Venue<L> {
    fn new(mode: Mode) -> Self {
        let engine = Engine::new(Holding::PLAIN.config());
        let mut venue = Self { engine, buffer: EventBuffer::with_capacity(64) };
        for step in fuzz_commands::steps(mode, &[]) {
            venue.run(step.command);
        }
        venue
    }

    fn run(&mut self, command: impl Into<Command>) -> Event {
        let command = command.into();
        let events = self.run_all(command);
        assert_eq!(events.len(), 1, "{command:?}: {events:?}");
        events[0]
    }

    fn run_all(&mut self, command: impl Into<Command>) -> Vec<Event> {
        let (sequence, time) = (self.engine.sequence() + 1, Timestamp(1_000));
        let mut events = Vec::new();
        self.engine.apply_all(sequence, time, &command.into(), &mut self.buffer, |_, event| {
            events.push(event);
        });
        events
    }

    fn bid(&mut self, order_id: OrderId, client_order_id: ClientOrderId) -> Event {
        let (price, qty) = (Price::from_units(1_000_000), Qty::from_units(10_000));
        let bid = NewOrder::limit(InstrumentId(1), ACCOUNT, Side::Buy, price, qty);
        self.run(NewOrder { order_id, client_order_id, ..bid })
    }

    /// Asks for each order by its name, then cancels each; answers have to be of that order.
    fn all_are_found(&mut self, names: &[(OrderId, ClientOrderId)], ids: &[OrderId]) {
        for (&(order_id, client_order_id), &id) in names.iter().zip(ids) {
            let found = self.run(QueryOrder { order_id, account: ACCOUNT, client_order_id });
            assert!(matches!(found, Event::OrderStatus(status) if status.order_id == id));
        }
        for (&(order_id, client_order_id), &id) in names.iter().zip(ids) {
            let gone = self.run(CancelOrder { order_id, account: ACCOUNT, client_order_id });
            assert!(matches!(gone, Event::OrderEnded(ended) if ended.order_id == id));
        }
        assert_eq!(self.engine.live_orders(), 0);
    }
}

#[test]
fn client_order_ids_of_one_hash_are_told_apart() {
    let mut venue = Venue::<Accounts>::new(Mode::Full);
    let (mut names, mut ids) = (Vec::new(), Vec::new());
    for number in 1..=ORDERS {
        let client_order_id = format!("order {number}").parse().unwrap();
        names.push((OrderId::NONE, client_order_id));
        ids.push(OrderId::new(SHARD, number));
        let taken = venue.bid(OrderId::NONE, client_order_id);
        assert!(matches!(taken, Event::OrderAccepted(_)), "{taken:?}");
    }
    venue.all_are_found(&names, &ids);
}

#[test]
fn order_ids_of_one_hash_are_told_apart() {
    let mut venue = Venue::<Bare>::new(Mode::Bare);
    let (mut names, mut ids) = (Vec::new(), Vec::new());
    let mut random = Random::new(6);
    for _ in 0..ORDERS {
        let id = OrderId(random.next_u64());
        names.push((id, ClientOrderId::EMPTY));
        ids.push(id);
        let taken = venue.bid(id, ClientOrderId::EMPTY);
        assert!(matches!(taken, Event::OrderAccepted(_)), "{taken:?}");
    }
    venue.all_are_found(&names, &ids);
}

/// A deposit is below 2^100 units of money, so it takes a million of them to reach the bound.
#[test]
fn an_account_holds_two_to_the_120_units_and_no_more() {
    let mut venue = Venue::<Accounts>::new(Mode::Full);
    let asset = AssetId(1);
    let (held, _) = venue.engine.balance(ACCOUNT, asset).unwrap();
    let mut funding_id = 1_000;
    let mut deposit = |amount: i128| {
        funding_id += 1;
        let amount = Money::from_units(amount);
        venue.run(Deposit { funding_id, account: ACCOUNT, asset, amount })
    };
    let (most, mut free) = ((1 << 100) - 1, held.units());
    while free + most <= 1 << 120 {
        assert!(matches!(deposit(most), Event::FundsMoved(_)));
        free += most;
    }
    let left = (1 << 120) - free;
    let reason = DenialReason::AmountInvalid;
    assert!(matches!(deposit(left + 1), Event::Denied(denied) if denied.reason == reason));
    assert!(matches!(deposit(left), Event::FundsMoved(moved) if moved.free.units() == 1 << 120));
}

#[test]
fn as_many_funding_ids_are_remembered_as_is_said() {
    let mut venue = Venue::<Accounts>::new(Mode::Full);
    let deposit = |funding_id| {
        let amount = Money::from_units(1);
        Deposit { funding_id, account: ACCOUNT, asset: AssetId(1), amount }
    };
    // The venue's own deposits have smaller ids: the first are forgotten one by one.
    let first = 1_000;
    for funding_id in (first..).take(FUNDING_HISTORY) {
        assert!(matches!(venue.run(deposit(funding_id)), Event::FundsMoved(_)));
    }
    assert!(matches!(venue.run(deposit(first)), Event::FundingRepeated(_)));
    assert!(matches!(venue.run(deposit(u64::MAX)), Event::FundsMoved(_)));
    let reason = DenialReason::FundingIdTooOld;
    assert!(matches!(venue.run(deposit(first)), Event::Denied(denied) if denied.reason == reason));
    assert!(matches!(venue.run(deposit(first + 1)), Event::FundingRepeated(_)));
}

#[test]
fn as_many_trades_can_be_undone_as_is_said() {
    let mut venue = Venue::<Accounts>::new(Mode::Full);
    let (instrument, price) = (InstrumentId(1), Price::from_units(1_000_000));
    let lot = Qty::from_units(10_000);
    let bust = |number| BustTrade { trade_id: TradeId(number), instrument, reserved: 0 };
    let trade = |venue: &mut Venue<Accounts>, lots: u64| {
        let qty = Qty::from_units(lot.units() * lots);
        let bid = NewOrder::limit(instrument, ACCOUNT, Side::Buy, price, qty);
        assert!(matches!(venue.run(bid), Event::OrderAccepted(_)));
        for _ in 0..lots {
            let offer = NewOrder::limit(instrument, AccountId(3), Side::Sell, price, lot);
            let events = venue.run_all(offer);
            assert!(events.iter().any(|event| matches!(event, Event::Trade(_))), "{events:?}");
        }
    };
    trade(&mut venue, TRADE_HISTORY as u64);
    assert!(matches!(venue.run(bust(1)), Event::TradeBusted(_)));
    trade(&mut venue, 2);
    let reason = DenialReason::UnknownTrade;
    assert!(matches!(venue.run(bust(2)), Event::Denied(denied) if denied.reason == reason));
    assert!(matches!(venue.run(bust(3)), Event::TradeBusted(_)));
}
