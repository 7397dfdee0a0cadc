//! The reference model against results computed by hand from `docs/matching.md`.

use tiercel_testkit::model::{Mode, Model};
use tiercel_types::command::{
    AddInstrument, BustTrade, CancelOrder, CorrectTrade, Deposit, NewOrder, ReplaceOrder,
    SetInstrumentState,
};
use tiercel_types::order::AmendQtyMeaning;
use tiercel_types::{
    AccountId, ClientOrderId, InstrumentSpec, InstrumentState, Money, OrderId, OrderKind, Qty,
    SelfTradePrevention, Side, TimeInForce, Timestamp, TradeId,
};

use crate::it::desk::{BTC, BTCUSD, Desk, USD, price, qty};

#[test]
fn better_prices_trade_first_then_older_orders_and_a_partial_fill_keeps_its_place() {
    let mut desk = Desk::new();
    desk.sell(1, "5", "101"); // 1
    desk.sell(2, "5", "100"); // 2
    desk.sell(3, "5", "100"); // 3
    assert_eq!(
        desk.buy(4, "2", "101"),
        ["accepted 4", "trade 1 of 2 at 100, 4 takes 2, open 0/3, level 8, fees 0/0"]
    );
    assert_eq!(desk.queue(Side::Sell, "100"), "2:3+0 3:5+0");
    assert_eq!(
        desk.buy(4, "12", "101"),
        [
            "accepted 5",
            "trade 2 of 3 at 100, 5 takes 2, open 9/0, level 5, fees 0/0",
            "trade 3 of 5 at 100, 5 takes 3, open 4/0, level 0, fees 0/0",
            "trade 4 of 4 at 101, 5 takes 1, open 0/1, level 1, fees 0/0",
        ]
    );
    // 4 bought 10 at 100 and 4 at 101: 1,404.
    assert_eq!(desk.balance(4, USD), "98596 + 0");
    assert_eq!(desk.balance(4, BTC), "1014 + 0");
    assert_eq!(desk.balance(1, BTC), "995 + 1");
}

#[test]
fn what_a_limit_order_reserved_above_the_trade_price_becomes_free() {
    let mut desk = Desk::new();
    desk.sell(1, "3", "90"); // 1
    assert_eq!(
        desk.buy(2, "5", "100"),
        [
            "accepted 2",
            "trade 1 of 3 at 90, 2 takes 1, open 2/0, level 0, fees 0/0",
            "rested 2 2 shows 2 at 100"
        ]
    );
    // 270 paid, 200 reserved for what rests.
    assert_eq!(desk.balance(2, USD), "99530 + 200");
    let cancel = CancelOrder {
        order_id: OrderId(2),
        account: AccountId(2),
        client_order_id: ClientOrderId::EMPTY,
    };
    assert_eq!(desk.run(cancel), ["ended 2 cancelled left 2"]);
    assert_eq!(desk.balance(2, USD), "99730 + 0");
}

#[test]
fn the_next_slice_of_an_iceberg_queues_behind_everybody_at_its_price() {
    let mut desk = Desk::new();
    desk.iceberg(1, Side::Sell, "10", "3", "100"); // 1
    desk.sell(2, "4", "100"); // 2
    assert_eq!(desk.queue(Side::Sell, "100"), "1:3+7 2:4+0");
    assert_eq!(
        desk.buy(3, "5", "100"),
        [
            "accepted 3",
            "trade 1 of 3 at 100, 3 takes 1, open 2/7, level 4, fees 0/0",
            "replenished 1 shows 3 hides 4",
            "trade 2 of 2 at 100, 3 takes 2, open 0/2, level 5, fees 0/0",
        ]
    );
    assert_eq!(desk.queue(Side::Sell, "100"), "2:2+0 1:3+4");
    // The rest of the level, hidden part included: 2, 3, 3, 1.
    assert_eq!(
        desk.buy(3, "9", "100"),
        [
            "accepted 4",
            "trade 3 of 2 at 100, 4 takes 2, open 7/0, level 3, fees 0/0",
            "trade 4 of 3 at 100, 4 takes 1, open 4/4, level 0, fees 0/0",
            "replenished 1 shows 3 hides 1",
            "trade 5 of 3 at 100, 4 takes 1, open 1/1, level 0, fees 0/0",
            "replenished 1 shows 1 hides 0",
            "trade 6 of 1 at 100, 4 takes 1, open 0/0, level 0, fees 0/0",
        ]
    );
    assert_eq!(desk.model.live_orders(), 0);
}

#[test]
fn a_market_order_by_quote_amount_takes_whole_lots() {
    let mut desk = Desk::new();
    desk.sell(1, "2", "100"); // 1
    desk.sell(1, "9", "110"); // 2
    let spend = |order: &mut NewOrder| {
        order.kind = OrderKind::Market;
        order.time_in_force = TimeInForce::Ioc;
        order.quote_qty = qty("435");
    };
    // 2 at 100, then floor(235 / 110) = 2 at 110; 15 are not spent.
    assert_eq!(
        desk.order(3, Side::Buy, "0", "0", spend),
        [
            "accepted 3",
            "trade 1 of 2 at 100, 3 takes 1, open 0/0, level 0, fees 0/0",
            "trade 2 of 2 at 110, 3 takes 2, open 0/7, level 7, fees 0/0",
            "ended 3 quote_spent left 0",
        ]
    );
    assert_eq!(desk.balance(3, USD), "99580 + 0");
    let more = |order: &mut NewOrder| {
        spend(order);
        order.quote_qty = qty("5000");
    };
    assert_eq!(desk.order(3, Side::Buy, "0", "0", more)[2], "ended 4 no_liquidity left 0");
    assert_eq!(desk.order(3, Side::Buy, "0", "0", more), ["denied NO_LIQUIDITY"]);
}

#[test]
fn a_market_order_stops_at_its_protection_price() {
    let mut desk = Desk::with(|spec| spec.market_protection_ppm = 25_000);
    desk.sell(1, "1", "100"); // 1
    desk.sell(1, "1", "102"); // 2
    desk.sell(1, "1", "103"); // 3
    // 2.5 % above 100 is 102.5, rounded to 102.
    assert_eq!(
        desk.order(3, Side::Buy, "0", "5", |order| {
            order.kind = OrderKind::Market;
            order.time_in_force = TimeInForce::Ioc;
        }),
        [
            "accepted 4",
            "trade 1 of 1 at 100, 4 takes 1, open 4/0, level 0, fees 0/0",
            "trade 2 of 1 at 102, 4 takes 2, open 3/0, level 0, fees 0/0",
            "ended 4 no_liquidity left 3",
        ]
    );
    for at in ["100", "98", "97"] {
        desk.buy(1, "1", at); // 5, 6, 7
    }
    // 2.5 % below 100 is 97.5, rounded to 98.
    assert_eq!(
        desk.order(3, Side::Sell, "0", "5", |order| {
            order.kind = OrderKind::Market;
            order.time_in_force = TimeInForce::Ioc;
        })[1..],
        [
            "trade 3 of 1 at 100, 8 takes 5, open 4/0, level 0, fees 0/0",
            "trade 4 of 1 at 98, 8 takes 6, open 3/0, level 0, fees 0/0",
            "ended 8 no_liquidity left 3",
        ]
    );
}

#[test]
fn a_market_order_needs_free_what_it_would_take() {
    let mut desk = Desk::new();
    let market = |order: &mut NewOrder| {
        order.kind = OrderKind::Market;
        order.time_in_force = TimeInForce::Ioc;
    };
    desk.sell(1, "500", "100"); // 1
    desk.sell(4, "400", "110"); // 2
    desk.sell(1, "100", "150"); // 3
    // 2 has 100,000: 500 at 100 and 400 at 110 are 94,000, and 40 at 150 are 6,000.
    assert_eq!(desk.order(2, Side::Buy, "0", "941", market), ["denied INSUFFICIENT_FUNDS"]);
    // Of the same group as 4, account 5 passes over order 2: 500 at 100, 100 at 150.
    assert_eq!(
        desk.order(5, Side::Buy, "0", "941", |order| {
            market(order);
            order.self_trade_prevention = SelfTradePrevention::ExpireMaker;
        })
        .len(),
        6
    );
    assert_eq!(desk.balance(5, USD), "35000 + 0");
    desk.buy(1, "900", "50"); // 5
    // To raise 45,000 at 50, 900 are needed: 2 has 1,000. To raise more it would sell no more.
    let raise = |amount: &'static str| {
        move |order: &mut NewOrder| {
            market(order);
            order.quote_qty = qty(amount);
        }
    };
    let sold = desk.order(2, Side::Sell, "0", "0", raise("10000"));
    assert_eq!(sold[1], "trade 3 of 200 at 50, 6 takes 5, open 0/700, level 700, fees 0/0");
    assert_eq!(sold[2], "ended 6 quote_spent left 0");
    desk.order(3, Side::Sell, "50", "500", |_| {}); // 7: 200 at 50 are left
    desk.sell(2, "750", "60"); // 8: 50 stay free
    assert_eq!(desk.order(2, Side::Sell, "0", "0", raise("2550")), ["denied INSUFFICIENT_FUNDS"]);
    assert_eq!(desk.order(2, Side::Sell, "0", "0", raise("2549")).len(), 3);
}

#[test]
fn fees_round_up_rebates_lose_the_fraction_and_the_venue_gets_the_rest() {
    let mut desk = Desk::with(|spec| {
        spec.lot = Qty::from_units(1);
        (spec.taker_fee_ppm, spec.maker_fee_ppm) = (2_000, -1_000);
    });
    desk.sell(1, "0.00123457", "7"); // 1
    // The maker receives 0.00864199 USD: a rebate of 0.00000864199. The taker receives
    // 0.00123457 BTC: a fee of 0.00000246914.
    assert_eq!(
        desk.buy(2, "0.00123457", "7")[1],
        "trade 1 of 0.00123457 at 7, 2 takes 1, open 0/0, level 0, fees 0.00000247/-0.00000864"
    );
    assert_eq!(desk.balance(1, USD), "100000.00865063 + 0");
    assert_eq!(desk.balance(2, BTC), "1000.0012321 + 0");
    assert_eq!(desk.balance(0, USD), "-0.00000864 + 0");
    assert_eq!(desk.balance(0, BTC), "0.00000247 + 0");
    // The smallest fee is one unit, and takes all that is received.
    desk.sell(1, "0.00000001", "7"); // 3
    assert!(desk.buy(2, "0.00000001", "7")[1].ends_with("fees 0.00000001/0"));
}

#[test]
fn a_denied_replacement_keeps_its_place_and_a_replacement_goes_to_the_back() {
    let mut desk = Desk::new();
    desk.buy(1, "600", "100"); // 1: reserves 60,000 of 100,000
    desk.buy(2, "1", "100"); // 2
    let replace = |quantity: &str| ReplaceOrder {
        target_order_id: OrderId(1),
        target_client_order_id: ClientOrderId::EMPTY,
        reserved: [0; 4],
        order: NewOrder::limit(BTCUSD, AccountId(1), Side::Buy, price("100"), qty(quantity)),
    };
    assert_eq!(desk.run(replace("1001")), ["denied INSUFFICIENT_FUNDS"]);
    assert_eq!(desk.queue(Side::Buy, "100"), "1:600+0 2:1+0");
    assert_eq!(desk.balance(1, USD), "40000 + 60000");
    // What the target had reserved counts as free.
    assert_eq!(desk.run(replace("1000")), ["ended 1 replaced left 600", "accepted 3 rests"]);
    assert_eq!(desk.queue(Side::Buy, "100"), "2:1+0 3:1000+0");
    assert_eq!(desk.balance(1, USD), "0 + 100000");
}

#[test]
fn an_amendment_keeps_priority_when_the_open_quantity_shrinks_and_loses_it_otherwise() {
    let mut desk = Desk::new();
    desk.iceberg(1, Side::Sell, "10", "4", "100"); // 1
    desk.sell(2, "5", "100"); // 2
    desk.sell(3, "5", "100"); // 3
    // The hidden 6 go first, then what is visible.
    assert_eq!(
        desk.amend(1, 1, |amend| amend.qty = qty("3")),
        ["amended 1 3 at 100 in place rests"]
    );
    assert_eq!(desk.queue(Side::Sell, "100"), "1:3+0 2:5+0 3:5+0");
    assert_eq!(desk.amend(2, 2, |amend| amend.qty = qty("6")), ["amended 2 6 at 100 rests"]);
    assert_eq!(desk.queue(Side::Sell, "100"), "1:3+0 3:5+0 2:6+0");
    assert_eq!(desk.amend(3, 3, |amend| amend.lose_priority = 1), ["amended 3 5 at 100 rests"]);
    assert_eq!(desk.queue(Side::Sell, "100"), "1:3+0 2:6+0 3:5+0");
    assert_eq!(desk.amend(3, 3, |_| {}), ["denied NOTHING_TO_AMEND"]);
    // Back in its level, the iceberg shows at most its slice.
    assert_eq!(desk.amend(1, 1, |amend| amend.qty = qty("9")), ["amended 1 9 at 100 rests"]);
    assert_eq!(desk.queue(Side::Sell, "100"), "2:6+0 3:5+0 1:4+5");
}

#[test]
fn an_amendment_into_the_market_trades_as_a_taker() {
    let mut desk = Desk::new();
    desk.buy(1, "4", "99"); // 1
    desk.sell(2, "6", "101"); // 2
    assert_eq!(
        desk.amend(2, 2, |amend| amend.price = price("99")),
        [
            "amended 2 6 at 99",
            "trade 1 of 4 at 99, 2 takes 1, open 2/0, level 0, fees 0/0",
            "rested 2 2 shows 2 at 99",
        ]
    );
    // A total of at most what was filled ends the order.
    assert_eq!(
        desk.amend(2, 2, |amend| amend.qty = qty("4")),
        ["ended 2 amended_to_filled left 2"]
    );
    desk.sell(2, "6", "101"); // 3
    assert_eq!(
        desk.amend(2, 3, |amend| {
            amend.qty = qty("2");
            amend.qty_meaning = AmendQtyMeaning::Open;
        }),
        ["amended 3 2 at 101 in place rests"]
    );
    assert_eq!(desk.balance(2, BTC), "994 + 2");
}

#[test]
fn a_bust_reverses_a_trade_and_may_leave_a_debt() {
    let mut desk = Desk::with(|spec| spec.taker_fee_ppm = 10_000);
    desk.sell(1, "500", "100"); // 1
    desk.buy(2, "500", "100"); // 2: the fee is 5 BTC
    assert_eq!(desk.balance(2, BTC), "1495 + 0");
    // 1 spends what it received.
    desk.sell(3, "1000", "150"); // 3
    desk.buy(1, "1000", "150"); // 4
    assert_eq!(desk.balance(1, USD), "0 + 0");
    let bust = BustTrade { trade_id: TradeId(1), instrument: BTCUSD, reserved: 0 };
    assert_eq!(desk.run(bust), ["trade_busted"]);
    assert_eq!(desk.balance(1, USD), "-50000 + 0");
    assert_eq!(desk.balance(2, USD), "100000 + 0");
    assert_eq!(desk.balance(2, BTC), "1000 + 0");
    assert_eq!(desk.balance(0, BTC), "10 + 0");
    assert_eq!(desk.run(bust), ["denied TRADE_BUSTED"]);
}

#[test]
fn a_correction_books_the_trade_again_at_the_rates_of_its_time() {
    let mut desk = Desk::with(|spec| spec.taker_fee_ppm = 10_000);
    desk.buy(1, "10", "100"); // 1
    desk.sell(2, "10", "100"); // 2: receives 1,000 less 10
    assert_eq!(desk.balance(2, USD), "100990 + 0");
    let correct = |at: &str, quantity: &str| CorrectTrade {
        trade_id: TradeId(1),
        price: price(at),
        qty: qty(quantity),
        instrument: BTCUSD,
        reserved: 0,
    };
    assert_eq!(desk.run(correct("90", "11")), ["denied CORRECTION_INVALID"]);
    assert_eq!(desk.run(correct("90", "8")), ["trade_corrected"]);
    // 720 less 7.2, for 8.
    assert_eq!(desk.balance(2, USD), "100712.8 + 0");
    assert_eq!(desk.balance(2, BTC), "992 + 0");
    assert_eq!(desk.balance(1, USD), "99280 + 0");
    // A second correction may go up to what was traded.
    assert_eq!(desk.run(correct("100", "10")), ["trade_corrected"]);
    assert_eq!(desk.balance(2, USD), "100990 + 0");
}

#[test]
fn the_65_536_largest_funding_ids_are_remembered() {
    let mut desk = Desk::new();
    let mut deposit = |funding_id| {
        let (account, asset, amount) = (AccountId(1), USD, Money::from_units(1));
        desk.run(Deposit { funding_id, account, asset, amount }).remove(0)
    };
    // Ten ids from 11 to 52 are remembered; 65,526 more fill the memory.
    for id in 0..65_526 {
        assert!(deposit(1_000 + id).starts_with("funds"));
    }
    assert!(deposit(11).starts_with("funding_repeated"));
    assert!(deposit(9_999_999).starts_with("funds"));
    // 11 was the smallest, and is forgotten; so everything up to it is too old.
    assert_eq!(deposit(11), "denied FUNDING_ID_TOO_OLD");
    assert_eq!(deposit(10), "denied FUNDING_ID_TOO_OLD");
    // An id above it that was not done may be done; now 12 is the smallest, and forgotten.
    assert!(deposit(13).starts_with("funds"));
    assert!(deposit(13).starts_with("funding_repeated"));
    assert_eq!(deposit(12), "denied FUNDING_ID_TOO_OLD");
}

#[test]
fn the_last_65_536_trades_can_be_undone() {
    let mut desk = Desk::with(|spec| spec.lot = Qty::from_units(1));
    for _ in 0..=65_536 {
        desk.sell(1, "0.00000001", "1");
        desk.buy(2, "0.00000001", "1");
    }
    let bust = |id| BustTrade { trade_id: TradeId(id), instrument: BTCUSD, reserved: 0 };
    assert_eq!(desk.run(bust(1)), ["denied UNKNOWN_TRADE"]);
    assert_eq!(desk.run(bust(2)), ["trade_busted"]);
}

#[test]
fn where_prices_may_be_negative_zero_is_a_price_and_amendments_always_mean_theirs() {
    let mut desk = Desk { model: Model::new(0, Mode::Bare), sequence: 0, time: 0 };
    let mut spec = InstrumentSpec::new(BTCUSD, BTC, USD, price("5"), qty("1"));
    spec.symbol = "POWER".parse().unwrap();
    (spec.min_price, spec.max_price) = (price("-100"), price("100"));
    desk.run(AddInstrument { spec });
    let mut order = |id, side, at: &str, quantity: &str| {
        desk.order(1, side, at, quantity, |order| order.order_id = OrderId(id))
    };
    assert_eq!(order(0, Side::Buy, "0", "4"), ["denied ORDER_ID_NOT_ALLOWED"]);
    assert_eq!(order(8, Side::Buy, "0", "4"), ["accepted 8 rests"]);
    assert_eq!(order(8, Side::Buy, "0", "4"), ["denied DUPLICATE_ORDER_ID"]);
    assert_eq!(order(9, Side::Buy, "-7", "4"), ["denied PRICE_NOT_ON_TICK"]);
    assert_eq!(order(9, Side::Buy, "-105", "4"), ["denied PRICE_TOO_LOW"]);
    assert_eq!(order(9, Side::Buy, "-5", "4"), ["accepted 9 rests"]);
    assert_eq!(
        order(10, Side::Sell, "-5", "6"),
        [
            "accepted 10",
            "trade 1 of 4 at 0, 10 takes 8, open 2/0, level 0, fees 0/0",
            "trade 2 of 2 at -5, 10 takes 9, open 0/2, level 2, fees 0/0",
        ]
    );
    // The price is meant: zero. Of a total of 5, 2 are filled.
    assert_eq!(desk.amend(1, 9, |amend| amend.qty = qty("5")), ["amended 9 3 at 0 rests"]);
    let deposit =
        Deposit { funding_id: 1, account: AccountId(1), asset: USD, amount: Money::from_units(1) };
    assert_eq!(desk.run(deposit), ["denied NO_ACCOUNTS"]);
}

#[test]
fn good_till_date_orders_expire_before_the_next_command_by_time_then_id() {
    let mut desk = Desk::new();
    for expire_ns in [20, 10, 20] {
        desk.order(1, Side::Buy, "99", "1", |order| {
            order.time_in_force = TimeInForce::Gtd;
            order.expire_time = Timestamp(expire_ns);
        });
    }
    desk.time = 20;
    assert_eq!(
        desk.sell(2, "1", "99"),
        [
            "ended 2 expired left 1",
            "ended 1 expired left 1",
            "ended 3 expired left 1",
            "accepted 4 rests"
        ]
    );
}

#[test]
fn closing_ends_the_days_orders_and_before_the_open_nothing_trades() {
    let mut desk = Desk::new();
    for (side, at) in [(Side::Sell, "102"), (Side::Buy, "98"), (Side::Buy, "99")] {
        desk.order(1, side, at, "1", |order| order.time_in_force = TimeInForce::Day);
    }
    desk.sell(2, "1", "100"); // 4
    let state = |state| SetInstrumentState { instrument: BTCUSD, state, reserved: [0; 3] };
    assert_eq!(
        desk.run(state(InstrumentState::Closed)),
        [
            "ended 3 day_ended left 1",
            "ended 2 day_ended left 1",
            "ended 1 day_ended left 1",
            "instrument_state_changed"
        ]
    );
    assert_eq!(desk.buy(1, "1", "99"), ["denied NOT_TRADING"]);
    desk.run(state(InstrumentState::PreOpen));
    assert_eq!(desk.buy(1, "1", "100"), ["denied WOULD_MATCH"]);
    assert_eq!(desk.buy(1, "1", "99"), ["accepted 5 rests"]);
}
