//! Sessions whose every number lies at the edge of what is allowed or affordable; then each field
//! of each command one step off, and at the ends of its type. Engine, model and auditor have to
//! agree on all of them, on both sides of every edge.

use tiercel_testkit::fuzz_commands::is_affordable;
use tiercel_testkit::model::Mode;
use tiercel_types::command::{
    AccountState, AddAsset, AddInstrument, AdvanceTime, BustTrade, CancelOrder, CorrectTrade,
    MassCancel, NewOrder, QueryOrder, ReplaceOrder, Transfer, UpdateInstrument, Withdraw,
};
use tiercel_types::order::{
    AmendQtyMeaning, OrderKind, SelfTradePrevention, Side, SideScope, TimeInForce,
};
use tiercel_types::record::{COMMAND_HEADER_SIZE, RECORD_SIZE_MAX};
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, Command, InstrumentId, InstrumentSpec, InstrumentState,
    Money, OrderId, Price, Qty, Timestamp, TradeId,
};

use crate::session::{
    BASE, BOUND, FREE, LOT, QUOTE, Session, TICK, bound, check, limit, price, qty, value,
};

/// Orders that just pass each check of a new order.
fn entering(mode: Mode) -> Vec<Session> {
    let new = || Session::new(mode);
    let mut bounds = new();
    bounds.limit(BOUND, 1, Side::Buy, 950, 2); // band, lowest value, smallest quantity
    bounds.limit(BOUND, 1, Side::Sell, 1_050, 47); // band on the other side, largest value
    bounds.limit(BOUND, 1, Side::Sell, 1_000, 50); // largest quantity
    let mut forms = new();
    // As many parts as there may be; next to the best; as many orders as there may be.
    forms.order(NewOrder { display_qty: qty(2), ..limit(BOUND, 2, Side::Buy, 999, 10) });
    forms.order(NewOrder { kind: OrderKind::PostOnly, ..limit(BOUND, 5, Side::Sell, 1_000, 9) });
    forms.limit(BOUND, 3, Side::Buy, 960, 2);
    forms.limit(BOUND, 3, Side::Buy, 960, 2);
    let mut funds = new();
    funds.deposit(4, QUOTE, Money::of(price(970), qty(5)));
    funds.limit(BOUND, 4, Side::Buy, 970, 5);
    funds.deposit(4, BASE, Money::from_qty(qty(5)));
    let sell = funds.limit(BOUND, 4, Side::Sell, 1_040, 5);
    funds.cancel(4, sell);
    let mut expiring = new();
    let gtd = TimeInForce::Gtd;
    let order = NewOrder { time_in_force: gtd, ..limit(BOUND, 5, Side::Buy, 955, 3) };
    expiring.order(NewOrder { expire_time: Timestamp(expiring.time + 1), ..order });
    expiring.order(NewOrder { expire_time: Timestamp(expiring.time + 5), ..order });
    expiring.time += 1;
    expiring.run(AdvanceTime::default());
    expiring.time += 4;
    expiring.limit(BOUND, 5, Side::Sell, 955, 3);
    // All that can trade at once; then what an IOC leaves.
    let mut at_once = new();
    let fok = TimeInForce::Fok;
    at_once.order(NewOrder { display_qty: qty(2), ..limit(BOUND, 2, Side::Buy, 999, 6) });
    at_once.limit(BOUND, 1, Side::Buy, 998, 4);
    at_once.order(NewOrder { time_in_force: fok, ..limit(BOUND, 5, Side::Sell, 998, 10) });
    at_once.limit(BOUND, 1, Side::Sell, 1_000, 4);
    let ioc = TimeInForce::Ioc;
    at_once.order(NewOrder { time_in_force: ioc, ..limit(BOUND, 2, Side::Buy, 1_000, 6) });
    let mut named = new();
    let client_order_id: ClientOrderId = "same".parse().unwrap();
    let terms = NewOrder { client_order_id, ..limit(FREE, 1, Side::Buy, 10, 1) };
    let first = named.order(terms);
    named.order(terms);
    named.cancel(1, first);
    named.order(terms);
    named.run(CancelOrder { order_id: OrderId::NONE, account: AccountId(1), client_order_id });
    let mut day = new();
    let terms = NewOrder { time_in_force: TimeInForce::Day, ..limit(BOUND, 1, Side::Buy, 950, 3) };
    day.order(terms);
    day.set_state(BOUND, InstrumentState::PreOpen);
    day.order(terms);
    day.limit(BOUND, 1, Side::Sell, 951, 3);
    day.set_state(BOUND, InstrumentState::Closed);
    day.set_state(BOUND, InstrumentState::Open);
    vec![bounds, forms, funds, expiring, at_once, named, day]
}

/// Market orders, by quantity and by amount, with and without bounds, against a few levels.
fn markets(mode: Mode) -> Vec<Session> {
    let market = |account, side, lots| NewOrder {
        kind: OrderKind::Market,
        time_in_force: TimeInForce::Ioc,
        price: Price::ZERO,
        ..limit(FREE, account, side, 1, lots)
    };
    let by_amount =
        |side, ticks, lots| NewOrder { quote_qty: value(ticks, lots), ..market(2, side, 0) };
    let session_of = |orders: &[NewOrder]| {
        let mut session = Session::new(mode);
        session.ladders(1);
        session.setup = session.steps.len();
        for order in orders {
            session.order(*order);
        }
        session
    };
    let by_qty = session_of(&[
        market(5, Side::Buy, 8), // ends within the iceberg
        NewOrder { price: price(998), ..market(5, Side::Sell, 7) },
        NewOrder { time_in_force: TimeInForce::Fok, ..market(5, Side::Buy, 10) },
    ]);
    let one_level_each = session_of(&[
        by_amount(Side::Buy, 1_001, 6),
        by_amount(Side::Sell, 999, 6),
        by_amount(Side::Buy, 1_002, 4),
    ]);
    let mut poor = session_of(&[]);
    poor.deposit(4, QUOTE, Money::of(price(1_001), qty(2)));
    poor.order(market(4, Side::Buy, 2));
    poor.deposit(4, QUOTE, Money::of(price(1_001), qty(1)));
    poor.order(NewOrder { quote_qty: value(1_001, 1), ..market(4, Side::Buy, 0) });
    poor.order(market(4, Side::Sell, 2));
    poor.order(NewOrder { quote_qty: value(999, 1), ..market(4, Side::Sell, 0) });
    // Protection by the terms: 2% of the best price.
    let mut protected = Session::new(mode);
    for ticks in [1_000, 1_020, 1_021] {
        protected.limit(BOUND, 1, Side::Sell, ticks, 5);
    }
    protected.order(NewOrder { instrument: BOUND, ..market(5, Side::Buy, 40) });
    for ticks in [1_000, 980, 979] {
        protected.limit(BOUND, 1, Side::Buy, ticks, 5);
    }
    protected.order(NewOrder { instrument: BOUND, ..market(5, Side::Sell, 40) });
    vec![by_qty, one_level_each, poor, protected]
}

/// Amendments and replacements, each at the edge of what passes.
fn changing(mode: Mode) -> Vec<Session> {
    let new = || Session::new(mode);
    let mut moves = new();
    let bid = moves.limit(BOUND, 1, Side::Buy, 960, 40);
    moves.limit(BOUND, 5, Side::Sell, 1_000, 10);
    moves.amend(1, bid, |amend| amend.price = price(999)); // moves alone, next to the best
    moves.amend(1, bid, |amend| amend.price = price(950)); // to the band
    moves.amend(1, bid, |amend| amend.price = price(1_000)); // trades
    let mut sizes = new();
    let bid = sizes.limit(BOUND, 1, Side::Buy, 960, 40);
    sizes.amend(1, bid, |amend| amend.qty = qty(50)); // grows to the largest
    sizes.amend(1, bid, |amend| amend.qty = qty(2)); // shrinks to the smallest
    sizes.amend(1, bid, |amend| amend.lose_priority = 1);
    sizes.amend(1, bid, |amend| amend.new_client_order_id = "new".parse().unwrap());
    let mut filled = new();
    let bid = filled.limit(BOUND, 1, Side::Buy, 1_000, 20);
    filled.limit(BOUND, 5, Side::Sell, 1_000, 10);
    let total = AmendQtyMeaning::Total;
    filled.amend(1, bid, |amend| (amend.qty, amend.qty_meaning) = (qty(11), total));
    filled.amend(1, bid, |amend| (amend.qty, amend.qty_meaning) = (qty(10), total));
    let mut slices = new();
    let terms = NewOrder { display_qty: qty(2), ..limit(BOUND, 2, Side::Sell, 1_010, 8) };
    let iceberg = slices.order(terms);
    slices.amend(2, iceberg, |amend| amend.qty = qty(10)); // as many parts as there may be
    slices.amend(2, iceberg, |amend| amend.qty = qty(3)); // off the hidden part
    slices.amend(2, iceberg, |amend| amend.price = price(1_009));
    let kind = OrderKind::PostOnly;
    let post_only = slices.order(NewOrder { kind, ..limit(BOUND, 5, Side::Buy, 1_000, 4) });
    slices.amend(5, post_only, |amend| amend.price = price(1_008));
    vec![moves, sizes, filled, slices, poor_changes(mode), replacing(mode)]
}

/// Who has just enough moves up, grows, and does both.
fn poor_changes(mode: Mode) -> Session {
    let mut s = Session::new(mode);
    s.deposit(4, QUOTE, Money::of(price(970), qty(5)));
    let poor = s.limit(BOUND, 4, Side::Buy, 960, 5);
    s.amend(4, poor, |amend| amend.price = price(970));
    s.amend(4, poor, |amend| amend.price = price(960));
    s.deposit(4, QUOTE, Money::from_units(value_of(960, 1) - value_of(10, 5)));
    s.amend(4, poor, |amend| amend.qty = qty(6));
    s.deposit(4, QUOTE, Money::from_units(value_of(964, 7) - value_of(960, 6)));
    s.amend(4, poor, |amend| (amend.price, amend.qty) = (price(964), qty(7)));
    let terms = s.numbered(limit(BOUND, 4, Side::Buy, 964, 7));
    s.run(replacement(s.name(poor), terms));
    s.deposit(4, BASE, Money::from_qty(qty(6)));
    let sell = s.limit(BOUND, 4, Side::Sell, 1_000, 5);
    s.amend(4, sell, |amend| amend.qty = qty(6));
    s
}

/// What the target held is free again, and it counts among its owner's two orders no more.
fn replacing(mode: Mode) -> Session {
    let mut s = Session::new(mode);
    let first = s.limit(BOUND, 3, Side::Buy, 955, 2);
    s.limit(BOUND, 3, Side::Buy, 956, 2);
    let terms = s.numbered(limit(BOUND, 3, Side::Buy, 957, 2));
    s.run(replacement(s.name(first), terms));
    s.run(QueryOrder {
        order_id: s.name(2),
        account: AccountId(3),
        client_order_id: ClientOrderId::EMPTY,
    });
    s.run(MassCancel { instrument: BOUND, sides: SideScope::Buy, ..ALL });
    s
}

const ALL: MassCancel = MassCancel {
    account: AccountId::ALL,
    instrument: InstrumentId::ALL,
    sides: SideScope::Both,
    reserved: [0; 7],
};

fn value_of(ticks: i64, lots: u64) -> i128 {
    Money::of(price(ticks), qty(lots)).units()
}

fn replacement(target_order_id: OrderId, order: NewOrder) -> ReplaceOrder {
    ReplaceOrder {
        target_order_id,
        target_client_order_id: ClientOrderId::EMPTY,
        reserved: [0; 4],
        order,
    }
}

/// Takers that meet their own side under each mode, by quantity, by amount and all or nothing.
fn meeting_oneself(mode: Mode) -> Vec<Session> {
    let mut sessions = Vec::new();
    for prevention in SelfTradePrevention::ALL {
        for taker in [1, 2, 5] {
            let mut s = Session::new(mode);
            let asking = |terms| NewOrder { self_trade_prevention: *prevention, ..terms };
            s.order(asking(limit(FREE, 5, Side::Sell, 1_000, 2)));
            let sliced = NewOrder { display_qty: qty(2), ..limit(FREE, 1, Side::Sell, 1_000, 5) };
            s.order(asking(sliced));
            s.order(asking(limit(FREE, 5, Side::Sell, 1_001, 3)));
            s.setup = s.steps.len();
            let fok = TimeInForce::Fok;
            let buy = limit(FREE, taker, Side::Buy, 1_001, 4);
            s.order(asking(NewOrder { time_in_force: fok, ..buy }));
            s.order(asking(NewOrder { qty: qty(3), ..buy }));
            let market = NewOrder {
                kind: OrderKind::Market,
                time_in_force: TimeInForce::Ioc,
                price: Price::ZERO,
                qty: Qty::ZERO,
                quote_qty: value(1_001, 3),
                ..buy
            };
            s.order(asking(market));
            sessions.push(s);
        }
    }
    sessions
}

/// What the operator does: terms, states, accounts, funds, trades undone.
fn operating(mode: Mode) -> Vec<Session> {
    let bound = bound();
    let mut terms = Session::new(mode);
    // Each pair of bounds as close as it may be, fees at their ends.
    let tight = InstrumentSpec {
        min_price: price(1_000),
        max_price: price(1_000),
        min_qty: qty(5),
        max_qty: qty(5),
        min_notional: value(1_000, 5),
        max_notional: value(1_000, 5),
        maker_fee_ppm: -500_000,
        taker_fee_ppm: 500_000,
        ..bound
    };
    terms.run(UpdateInstrument { spec: tight });
    terms.limit(BOUND, 1, Side::Sell, 1_000, 5);
    terms.limit(BOUND, 5, Side::Buy, 1_000, 5);
    let fees = InstrumentSpec { maker_fee_ppm: 500_000, taker_fee_ppm: 0, ..tight };
    terms.run(UpdateInstrument { spec: fees });
    let coarse = InstrumentSpec { tick: price(2), lot: qty(2), ..bound };
    terms.run(UpdateInstrument { spec: coarse });
    let mut listing = Session::new(mode);
    let (instrument, symbol) = (InstrumentId(3), "THIRD".parse().unwrap());
    listing.run(AddInstrument { spec: InstrumentSpec { instrument, symbol, ..bound } });
    let below_zero = InstrumentSpec {
        min_price: price(-10),
        symbol: "BELOW".parse().unwrap(),
        ..InstrumentSpec::new(InstrumentId(4), BASE, QUOTE, price(1), qty(1))
    };
    listing.run(AddInstrument { spec: InstrumentSpec { max_iceberg_parts: 5, ..below_zero } });
    listing.limit(InstrumentId(4), 1, Side::Buy, -10, 1);
    listing.set_state(InstrumentId(3), InstrumentState::Halted);
    listing.run(AddAsset { asset: AssetId(3), code: "A3".parse().unwrap() });
    listing.run(UpdateInstrument { spec: coarse });
    vec![terms, listing, undoing(mode), moving_funds(mode)]
}

/// Trades that are corrected twice, then busted; with fees.
fn undoing(mode: Mode) -> Session {
    let mut s = Session::new(mode);
    for (maker, taker) in [(Side::Sell, Side::Buy), (Side::Buy, Side::Sell)] {
        s.limit(BOUND, 1, maker, 1_000, 5);
        s.limit(BOUND, 5, taker, 1_000, 5);
    }
    s.setup = s.steps.len();
    let (trade_id, instrument) = (TradeId(1), BOUND);
    s.run(CorrectTrade { trade_id, price: price(998), qty: qty(4), instrument, reserved: 0 });
    s.run(CorrectTrade { trade_id, price: price(1), qty: qty(5), instrument, reserved: 0 });
    s.run(BustTrade { trade_id, instrument, reserved: 0 });
    s.run(BustTrade { trade_id: TradeId(2), instrument, reserved: 0 });
    s
}

fn moving_funds(mode: Mode) -> Session {
    let mut s = Session::new(mode);
    s.deposit(4, BASE, Money::from_units((1 << 100) - 1));
    s.deposit(4, QUOTE, Money::from_units(100));
    let (account, asset) = (AccountId(4), QUOTE);
    let amount = Money::from_units(60);
    s.run(Withdraw { funding_id: 100, account, asset, amount });
    let (to, amount) = (AccountId(5), Money::from_units(40));
    s.run(Transfer { funding_id: 101, from: account, to, asset, reserved: 0, amount });
    s.run(Withdraw { funding_id: 100, account, asset, amount });
    s.set_account(5, 7, 1, AccountState::Blocked);
    s.limit(FREE, 5, Side::Buy, 1, 1);
    s.set_account(5, 7, 1, AccountState::Active);
    s.limit(FREE, 5, Side::Buy, 1, 1);
    s.run(MassCancel { account: AccountId(5), ..ALL });
    s
}

/// Each word and each byte of the command, changed; what is no command is left out.
fn variations(command: &Command) -> Vec<Command> {
    let mut record = [0; RECORD_SIZE_MAX];
    let size = command.encode(1, Timestamp(1), &mut record).unwrap();
    let mut variations = Vec::new();
    let mut add = |at: usize, bytes: &[u8]| {
        let mut changed = record;
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        if let Ok((_, changed)) = Command::decode(&changed[..size])
            && changed != *command
            && is_affordable(&changed)
        {
            variations.push(changed);
        }
    };
    for at in (COMMAND_HEADER_SIZE..size).step_by(8) {
        let word = u64::from_le_bytes(record[at..at + 8].try_into().unwrap());
        for step in [1, LOT, TICK as u64] {
            add(at, &word.wrapping_add(step).to_le_bytes());
            add(at, &word.wrapping_sub(step).to_le_bytes());
        }
        for edge in [0, i64::MAX as u64, u64::MAX - u64::MAX % LOT] {
            add(at, &edge.to_le_bytes());
        }
        // Two fields of four bytes, or eight of one, where the word is no number.
        let upper = (word >> 32) as u32;
        for step in [1, u32::MAX] {
            add(at + 4, &upper.wrapping_add(step).to_le_bytes());
        }
    }
    // Flags stand at the end.
    for (at, byte) in record.iter().enumerate().take(size).skip(size - 16) {
        add(at, &[byte ^ 1]);
        add(at, &[byte ^ 2]);
    }
    variations
}

/// Runs each session as it is, and with each of its commands off by a little.
fn check_all(make: fn(Mode) -> Vec<Session>) {
    for mode in [Mode::Full, Mode::Bare] {
        for session in make(mode) {
            let mut steps = session.steps;
            check(mode, &steps);
            for at in session.setup..steps.len() {
                let command = steps[at].command;
                for varied in variations(&command) {
                    steps[at].command = varied;
                    check(mode, &steps);
                }
                steps[at].command = command;
            }
        }
    }
}

#[test]
fn new_orders_one_step_off() {
    check_all(entering);
}

#[test]
fn market_orders_one_step_off() {
    check_all(markets);
}

#[test]
fn amendments_and_replacements_one_step_off() {
    check_all(changing);
}

#[test]
fn self_trades_one_step_off() {
    check_all(meeting_oneself);
}

#[test]
fn operators_commands_one_step_off() {
    check_all(operating);
}
