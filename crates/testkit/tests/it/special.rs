//! Special orders, by hand from `docs/special-orders.md`.

use tiercel_types::command::{NewAdvancedOrder, NewOrder, OrderTerms, SetMatchingRules};
use tiercel_types::order::SideScope;
use tiercel_types::{
    AccountId, InstrumentId, InstrumentState, OrderKind, Peg, Price, Qty, SelfTradePrevention,
    Side, TimeInForce, Trigger,
};

use crate::it::desk::{BTC, BTCUSD, Desk, USD, limit, price, qty, stop};

fn hidden() -> OrderTerms {
    OrderTerms { hidden: 1, ..OrderTerms::NONE }
}

fn all_or_none() -> OrderTerms {
    OrderTerms { all_or_none: 1, ..OrderTerms::NONE }
}

fn minimum(least: &str) -> OrderTerms {
    OrderTerms { min_qty: qty(least), ..OrderTerms::NONE }
}

fn pegged(peg: Peg, offset: &str) -> OrderTerms {
    OrderTerms { peg, peg_offset: price(offset), ..OrderTerms::NONE }
}

fn market_to_limit(account: u32, side: Side, quantity: &str) -> NewOrder {
    NewOrder { kind: OrderKind::MarketToLimit, ..limit(account, side, quantity, "0") }
}

/// Events without what a trade says of level and fees.
fn plain(events: Vec<String>) -> Vec<String> {
    let cut = |event: String| match event.split_once(", level") {
        Some((before, _)) => before.to_owned(),
        None => event,
    };
    events.into_iter().map(cut).collect()
}

#[test]
fn what_is_displayed_at_a_price_trades_before_what_is_hidden_there() {
    let mut desk = Desk::new();
    let sell = |at| limit(1, Side::Sell, "5", at);
    assert_eq!(desk.advanced(sell("101"), hidden()), ["accepted 1 rests"]);
    desk.sell(2, "5", "101");
    assert_eq!(desk.advanced(sell("100"), hidden()), ["accepted 3 rests"]);
    assert_eq!(desk.queue(Side::Sell, "101"), "2:5+0");
    assert_eq!(desk.queue(Side::Sell, "100"), "");
    assert_eq!(
        desk.buy(3, "12", "101"),
        [
            "accepted 4",
            "trade 1 of 5 at 100, 4 takes 3, open 7/0, level 0, fees 0/0",
            "trade 2 of 5 at 101, 4 takes 2, open 2/0, level 0, fees 0/0",
            "trade 3 of 2 at 101, 4 takes 1, open 0/3, level 0, fees 0/0",
        ]
    );
    assert_eq!(desk.query(1, 1), ["status 1 3 of 5 shows 0"]);
}

#[test]
fn two_hidden_orders_meet_on_entry_at_the_price_of_the_one_that_rested() {
    let mut desk = Desk::new();
    desk.advanced(limit(1, Side::Sell, "5", "100"), hidden());
    assert_eq!(
        plain(desk.advanced(limit(2, Side::Buy, "8", "103"), hidden())),
        ["accepted 2", "trade 1 of 5 at 100, 2 takes 1, open 3/0", "rested 2 3 shows 0 at 103"]
    );
    assert_eq!(desk.balance(2, USD), "99191 + 309");
    // A post-only order would trade with it, whether it sees it or not.
    let post_only = desk.order(3, Side::Sell, "102", "1", |order| order.kind = OrderKind::PostOnly);
    assert_eq!(post_only, ["denied WOULD_MATCH"]);
}

#[test]
fn a_hidden_order_is_amended_as_any_other_and_shows_nothing() {
    let mut desk = Desk::new();
    desk.advanced(limit(1, Side::Sell, "5", "100"), hidden());
    desk.advanced(limit(2, Side::Sell, "5", "100"), hidden());
    assert_eq!(desk.amend(1, 1, |a| a.qty = qty("3")), ["amended 1 3 at 100 in place rests"]);
    assert_eq!(plain(desk.buy(3, "1", "100"))[1], "trade 1 of 1 at 100, 3 takes 1, open 0/2");
    assert_eq!(desk.amend(1, 1, |a| a.qty = qty("9")), ["amended 1 8 at 100 rests"]);
    assert_eq!(plain(desk.buy(3, "1", "100"))[1], "trade 2 of 1 at 100, 4 takes 2, open 0/4");
    desk.buy(3, "3", "98");
    assert_eq!(
        plain(desk.amend(1, 1, |a| a.price = price("98"))),
        [
            "amended 1 8 at 98",
            "trade 3 of 3 at 98, 1 takes 5, open 5/0",
            "rested 1 5 shows 0 at 98"
        ]
    );
}

#[test]
fn pegs_follow_the_best_displayed_prices_and_stand_still_while_an_order_trades() {
    let mut desk = Desk::new();
    desk.buy(2, "1", "100");
    desk.sell(3, "1", "110");
    let buy = |at| limit(1, Side::Buy, "2", at);
    assert_eq!(desk.advanced(buy("120"), pegged(Peg::Primary, "1")), ["accepted 3 rests"]);
    assert_eq!(desk.balance(1, USD), "99760 + 240");
    // The best bid is gone after the first trade, and the peg is where it was.
    assert_eq!(
        plain(desk.sell(4, "2", "99")),
        [
            "accepted 4",
            "trade 1 of 1 at 100, 4 takes 1, open 1/0",
            "trade 2 of 1 at 99, 4 takes 3, open 0/1"
        ]
    );
    // Nothing to follow: it meets nobody, until there is.
    assert_eq!(desk.sell(4, "1", "50"), ["accepted 5 rests"]);
    desk.cancel(4, 5);
    desk.buy(2, "1", "60");
    assert_eq!(
        plain(desk.sell(4, "2", "59")),
        [
            "accepted 7",
            "trade 3 of 1 at 60, 7 takes 6, open 1/0",
            "trade 4 of 1 at 59, 7 takes 3, open 0/0"
        ]
    );
}

#[test]
fn a_peg_stands_at_its_limit_if_that_is_more_passive() {
    let mut desk = Desk::new();
    desk.buy(2, "1", "100");
    desk.sell(3, "1", "110");
    desk.advanced(limit(1, Side::Buy, "2", "97"), pegged(Peg::Primary, "0"));
    desk.advanced(limit(1, Side::Sell, "2", "0"), pegged(Peg::Market, "3"));
    assert_eq!(plain(desk.buy(2, "1", "103"))[1], "trade 1 of 1 at 103, 5 takes 4, open 0/1");
    desk.cancel(2, 1);
    desk.cancel(1, 4);
    desk.buy(2, "1", "98");
    let taken = plain(desk.sell(5, "2", "97"));
    assert_eq!(taken[2], "trade 3 of 1 at 97, 7 takes 3, open 0/1");
}

#[test]
fn midpoints_are_rounded_passively_and_cross_when_they_meet() {
    let mut desk = Desk::new();
    desk.buy(2, "9", "100");
    desk.sell(3, "9", "105");
    desk.advanced(limit(1, Side::Buy, "2", "120"), pegged(Peg::Midpoint, "0"));
    // At 102 and 103.
    let sell = desk.advanced(limit(4, Side::Sell, "3", "0"), pegged(Peg::Midpoint, "0"));
    assert_eq!(sell, ["accepted 4 rests"]);
    // A better bid: both stand at 103, the later takes the earlier, and neither loses its place.
    assert_eq!(
        plain(desk.buy(2, "1", "101")),
        ["accepted 5 rests", "trade 1 of 2 at 103, 4 takes 3, open 1/0"]
    );
    assert_eq!(desk.balance(1, USD), "99794 + 0");
    assert_eq!(desk.query(4, 4), ["status 4 1 of 3 shows 0"]);
}

#[test]
fn a_crossing_of_one_owner_ends_as_its_prevention_says() {
    for (mode, expected) in [
        (
            SelfTradePrevention::ExpireBoth,
            vec!["ended 3 self_trade left 2", "ended 4 self_trade left 3"],
        ),
        (SelfTradePrevention::ExpireTaker, vec!["ended 4 self_trade left 3"]),
        (SelfTradePrevention::ExpireMaker, vec!["ended 3 self_trade left 2"]),
        (SelfTradePrevention::Decrement, vec!["ended 3 self_trade left 0"]),
    ] {
        let mut desk = Desk::new();
        desk.buy(2, "9", "100");
        desk.sell(3, "9", "105");
        desk.advanced(limit(1, Side::Buy, "2", "120"), pegged(Peg::Midpoint, "0"));
        let sell = NewOrder { self_trade_prevention: mode, ..limit(1, Side::Sell, "3", "0") };
        desk.advanced(sell, pegged(Peg::Midpoint, "0"));
        let events = desk.buy(2, "1", "101");
        assert!(events[1].starts_with("prevented 2 of 4 meets 3"), "{events:?}");
        assert_eq!(events[2..], expected);
    }
}

#[test]
fn all_or_none_is_passed_over_until_it_can_trade_in_full() {
    let mut desk = Desk::new();
    assert_eq!(
        desk.advanced(limit(1, Side::Sell, "5", "100"), all_or_none()),
        ["accepted 1 rests"]
    );
    assert_eq!(desk.buy(2, "3", "100"), ["accepted 2 rests"]);
    assert_eq!(
        plain(desk.buy(3, "2", "101")),
        [
            "accepted 3 rests",
            "trade 1 of 2 at 101, 1 takes 3, open 3/0",
            "trade 2 of 3 at 100, 1 takes 2, open 0/0"
        ]
    );
    // As a taker it trades at once, or rests.
    desk.sell(2, "4", "100");
    assert_eq!(desk.advanced(limit(1, Side::Buy, "5", "100"), all_or_none()), ["accepted 5 rests"]);
    let filled = plain(desk.advanced(limit(3, Side::Buy, "4", "100"), all_or_none()));
    assert_eq!(filled, ["accepted 6", "trade 3 of 4 at 100, 6 takes 4, open 0/0"]);
    assert_eq!(desk.amend(1, 5, |a| a.qty = qty("4")), ["denied ORDER_IS_UNSEEN"]);
}

#[test]
fn an_order_that_grows_meets_what_is_all_or_none_and_was_too_large_for_it() {
    let mut desk = Desk::new();
    desk.advanced(limit(1, Side::Sell, "5", "100"), all_or_none());
    let rests = desk.order(2, Side::Buy, "100", "3", |order| order.kind = OrderKind::PostOnly);
    assert_eq!(rests, ["accepted 2 rests"]);
    assert_eq!(desk.amend(2, 2, |a| a.qty = qty("7")), ["denied WOULD_MATCH"]);
    desk.cancel(2, 2);
    desk.buy(2, "3", "100");
    assert_eq!(
        plain(desk.amend(2, 3, |a| a.qty = qty("7"))),
        [
            "amended 3 7 at 100",
            "trade 1 of 5 at 100, 3 takes 1, open 2/0",
            "rested 3 2 shows 2 at 100"
        ]
    );
}

#[test]
fn of_a_group_of_all_or_none_orders_only_the_first_is_looked_at() {
    let mut desk = Desk::new();
    // The first of the group stops before an order of its own account.
    let own = NewOrder {
        self_trade_prevention: SelfTradePrevention::ExpireTaker,
        ..limit(1, Side::Sell, "2", "100")
    };
    desk.advanced(own, all_or_none());
    desk.advanced(limit(2, Side::Sell, "2", "100"), all_or_none());
    assert_eq!(desk.buy(1, "1", "100"), ["accepted 3 rests"]);
    assert_eq!(desk.buy(3, "1", "100"), ["accepted 4 rests"]);
    assert_eq!(desk.cancel(1, 1)[0], "ended 1 cancelled left 2");
    assert_eq!(desk.model.live_orders(), 0);
}

#[test]
fn a_minimum_quantity_is_traded_on_entry_or_the_order_ends() {
    let mut desk = Desk::new();
    desk.sell(1, "3", "100");
    let buy = || limit(2, Side::Buy, "5", "100");
    assert_eq!(desk.advanced(buy(), minimum("4")), ["accepted 2", "ended 2 minimum_qty left 5"]);
    assert_eq!(
        plain(desk.advanced(buy(), minimum("3"))),
        ["accepted 3", "trade 1 of 3 at 100, 3 takes 1, open 2/0", "rested 3 2 shows 2 at 100"]
    );
    // One that waits keeps it until it is triggered.
    let waits = OrderTerms { min_qty: qty("4"), ..stop("105") };
    desk.advanced(limit(1, Side::Buy, "5", "110"), waits);
    assert_eq!(desk.print("106"), ["triggered 4 5 by stop", "ended 4 minimum_qty left 5"]);
}

#[test]
fn market_to_limit_takes_the_best_displayed_price_and_rests_there() {
    let mut desk = Desk::new();
    let denied = desk.run(market_to_limit(3, Side::Buy, "3"));
    assert_eq!(denied, ["denied NO_LIQUIDITY"]);
    desk.sell(1, "1", "100");
    desk.sell(1, "1", "101");
    desk.advanced(limit(2, Side::Sell, "1", "99"), hidden());
    let priced = NewOrder { price: price("100"), ..market_to_limit(3, Side::Buy, "3") };
    assert_eq!(desk.run(priced), ["denied PRICE_NOT_ALLOWED"]);
    assert_eq!(
        plain(desk.run(market_to_limit(3, Side::Buy, "3"))),
        [
            "accepted 4",
            "trade 1 of 1 at 99, 4 takes 3, open 2/0",
            "trade 2 of 1 at 100, 4 takes 1, open 1/0",
            "rested 4 1 shows 1 at 100"
        ]
    );
}

#[test]
fn no_more_groups_rest_on_a_side_than_can_be_looked_after() {
    let mut desk = Desk::with(|spec| spec.lot = qty("0.01"));
    for at in 0..1_024 {
        let order = limit(1, Side::Sell, "0.01", &format!("{}", 1_000 + at));
        assert!(desk.advanced(order, all_or_none())[0].starts_with("accepted"));
    }
    let full = ["denied UNSEEN_GROUPS_FULL"];
    assert_eq!(desk.advanced(limit(2, Side::Sell, "0.02", "1000"), all_or_none()), full);
    assert_eq!(desk.advanced(limit(2, Side::Sell, "1", "0"), pegged(Peg::Primary, "0")), full);
    // One more of a group, one on the other side, one without group.
    for (order, terms) in [
        (limit(2, Side::Sell, "0.01", "1500"), all_or_none()),
        (limit(2, Side::Buy, "0.01", "10"), all_or_none()),
        (limit(2, Side::Sell, "0.01", "1500"), hidden()),
    ] {
        assert!(desk.advanced(order, terms)[0].ends_with("rests"), "{terms:?}");
    }
}

#[test]
fn everybodys_orders_end_displayed_ones_first_then_unseen_ones_as_they_came() {
    let mut desk = Desk::new();
    desk.advanced(limit(1, Side::Sell, "1", "120"), hidden());
    desk.advanced(limit(1, Side::Buy, "1", "90"), all_or_none());
    desk.sell(2, "1", "119");
    desk.buy(2, "1", "89");
    let mass = tiercel_types::command::MassCancel {
        account: AccountId::ALL,
        instrument: InstrumentId::ALL,
        sides: SideScope::Both,
        reserved: [0; 7],
    };
    let ended: Vec<String> = desk.run(mass).iter().map(|event| event[..7].to_owned()).collect();
    assert_eq!(ended[..4], ["ended 4", "ended 3", "ended 1", "ended 2"]);
    assert_eq!(desk.balance(1, BTC), "1000 + 0");
}

/// What each row of the table denies.
#[test]
fn terms_that_cannot_be_are_denied() {
    let plain = limit(1, Side::Buy, "5", "100");
    let ioc = NewOrder { time_in_force: TimeInForce::Ioc, ..plain };
    let fok = NewOrder { time_in_force: TimeInForce::Fok, ..plain };
    let iceberg = NewOrder { display_qty: qty("1"), ..plain };
    let no_limit = NewOrder { price: Price::ZERO, ..plain };
    let peg = pegged(Peg::Primary, "0");
    let offset = |units| OrderTerms { peg_offset: Price::from_units(units), ..peg };
    let both = OrderTerms { hidden: 1, ..peg };
    let waits = |terms: OrderTerms| OrderTerms {
        trigger: Trigger::Stop,
        trigger_price: price("105"),
        ..terms
    };
    let cases: [(NewOrder, OrderTerms, &str); 21] = [
        (plain, OrderTerms { hidden: 2, ..OrderTerms::NONE }, "RESERVED_FIELD_SET"),
        (plain, OrderTerms { imbalance_only: 1, ..OrderTerms::NONE }, "IMBALANCE_ONLY_NOT_ALLOWED"),
        (plain, OrderTerms { reserved_too: [0, 0, 0, 1], ..hidden() }, "RESERVED_FIELD_SET"),
        (plain, OrderTerms { trigger_price: price("1"), ..hidden() }, "TERM_NOT_ALLOWED"),
        (plain, both, "TERMS_DO_NOT_COMBINE"),
        (plain, OrderTerms { peg_offset: price("1"), ..hidden() }, "TERMS_DO_NOT_COMBINE"),
        (plain, OrderTerms { min_qty: qty("1"), ..all_or_none() }, "TERMS_DO_NOT_COMBINE"),
        (plain, waits(all_or_none()), "SPECIAL_ORDER_WAITS"),
        (market_to_limit(1, Side::Buy, "5"), stop("105"), "SPECIAL_ORDER_WAITS"),
        (ioc, peg, "PEG_NOT_ALLOWED"),
        (iceberg, all_or_none(), "ALL_OR_NONE_NOT_ALLOWED"),
        (ioc, hidden(), "HIDDEN_NOT_ALLOWED"),
        (fok, minimum("1"), "MIN_QTY_NOT_ALLOWED"),
        (NewOrder { instrument: InstrumentId(8), ..plain }, peg, "UNKNOWN_INSTRUMENT"),
        (plain, offset(-100_000_000), "PEG_OFFSET_INVALID"),
        (plain, offset(1), "PEG_OFFSET_INVALID"),
        (plain, pegged(Peg::Market, "0"), "PEG_OFFSET_INVALID"),
        (no_limit, peg, "PEG_LIMIT_REQUIRED"),
        (plain, minimum("6"), "MIN_QTY_INVALID"),
        (plain, OrderTerms { min_qty: Qty::from_units(1), ..OrderTerms::NONE }, "MIN_QTY_INVALID"),
        (no_limit, all_or_none(), "PRICE_REQUIRED"),
    ];
    let mut desk = Desk::new();
    for (order, terms, reason) in cases {
        let events = desk.run(NewAdvancedOrder { order, terms });
        assert_eq!(events, [format!("denied {reason}")], "{order:?} {terms:?}");
    }
}

#[test]
fn what_needs_a_queue_or_an_open_market_is_denied_where_there_is_none() {
    let mut desk = Desk::new();
    let order = limit(1, Side::Buy, "5", "100");
    desk.advanced(order, hidden());
    let pro_rata = SetMatchingRules::pro_rata(BTCUSD, Qty::ZERO);
    assert_eq!(desk.run(pro_rata), ["denied SPECIAL_ORDERS_REST"]);
    desk.cancel(1, 1);
    assert_eq!(desk.run(pro_rata), ["matching_rules_set"]);
    assert_eq!(desk.advanced(order, hidden()), ["denied ALLOCATION_NOT_FIFO"]);
    // One that waits is looked at again when its turn comes.
    desk.run(SetMatchingRules::fifo(BTCUSD));
    desk.advanced(order, OrderTerms { hidden: 1, ..stop("105") });
    desk.run(pro_rata);
    assert_eq!(desk.print("106"), ["ended 2 rejected left 5: ALLOCATION_NOT_FIFO"]);
    desk.run(SetMatchingRules::fifo(BTCUSD));
    desk.state(InstrumentState::PreOpen);
    assert_eq!(desk.advanced(order, all_or_none()), ["denied NOT_CONTINUOUS"]);
    assert_eq!(desk.advanced(order, hidden()), ["accepted 5 rests"]);
    // Hidden as it is, nothing rests against it before the open.
    assert_eq!(desk.sell(2, "1", "99"), ["denied WOULD_MATCH"]);
}
