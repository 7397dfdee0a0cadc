//! Orders that wait, by hand from `docs/waiting.md`. The market trades at 100 at first.

use tiercel_types::command::{NewAdvancedOrder, NewOrder, OrderTerms};
use tiercel_types::order::SideScope;
use tiercel_types::{
    AccountId, InstrumentId, InstrumentState, OrderKind, Price, Side, TimeInForce, Timestamp,
    Trigger,
};

use crate::it::desk::{BTC, Desk, USD, limit, market, price, qty, stop, take_profit, trailing};

/// A desk whose last trade was at 100: orders 1 and 2 are gone.
fn desk_at_100() -> Desk {
    let mut desk = Desk::new();
    desk.print("100");
    desk
}

#[test]
fn a_stop_waits_reserves_and_is_entered_by_a_trade_at_its_price() {
    let mut desk = desk_at_100();
    assert_eq!(
        desk.advanced(limit(1, Side::Buy, "3", "106"), stop("105")),
        ["accepted 3", "waiting 3"]
    );
    assert_eq!(desk.balance(1, USD), "99682 + 318");
    assert_eq!(desk.query(1, 3), ["status 3 3 of 3 shows 0", "waiting 3"]);
    assert_eq!(desk.print("104"), Vec::<String>::new());
    assert_eq!(desk.print("105"), ["triggered 3 3 by stop", "rested 3 3 shows 3 at 106"]);
    assert_eq!(desk.balance(1, USD), "99682 + 318");
}

#[test]
fn each_trigger_has_its_direction() {
    for (side, terms, before, fires_at) in [
        (Side::Buy, stop("103"), "102", "103"),
        (Side::Sell, stop("97"), "98", "96"),
        (Side::Buy, take_profit("97"), "98", "97"),
        (Side::Sell, take_profit("103"), "102", "104"),
    ] {
        let mut desk = desk_at_100();
        let at = if side == Side::Buy { "90" } else { "110" };
        assert_eq!(desk.advanced(limit(1, side, "1", at), terms), ["accepted 3", "waiting 3"]);
        assert_eq!(desk.print(before), Vec::<String>::new(), "{terms:?}");
        let fired = desk.print(fires_at);
        assert!(fired[0].starts_with("triggered 3"), "{terms:?}");
    }
}

#[test]
fn a_stop_that_the_last_trade_meets_is_denied_and_waits_where_there_is_none() {
    let mut desk = Desk::new();
    let order = limit(1, Side::Buy, "1", "90");
    assert_eq!(desk.advanced(order, stop("95"))[1], "waiting 1");
    desk.cancel(1, 1);
    desk.print("100");
    assert_eq!(desk.advanced(order, stop("100")), ["denied WOULD_TRIGGER"]);
    assert_eq!(desk.advanced(order, take_profit("100")), ["denied WOULD_TRIGGER"]);
    assert_eq!(desk.advanced(order, stop("101"))[1], "waiting 4");
}

#[test]
fn upward_triggers_go_first_by_price_then_downward_ones_then_age_and_prints_count_by_first_and_last()
 {
    let mut desk = desk_at_100();
    let buy = |at: &str| limit(1, Side::Buy, "1", at);
    desk.advanced(buy("50"), stop("104")); // 3
    desk.advanced(buy("51"), stop("102")); // 4
    desk.advanced(buy("52"), stop("104")); // 5
    desk.advanced(limit(1, Side::Sell, "1", "200"), take_profit("103")); // 6
    for at in ["101", "103", "104"] {
        desk.sell(2, "1", at); // 7, 8, 9
    }
    // Prints 101, 103, 104: the middle one does not count, but the last meets all.
    let events = desk.buy(3, "3", "104");
    let triggered: Vec<&String> = events.iter().filter(|e| e.starts_with("triggered")).collect();
    assert_eq!(
        triggered,
        [
            "triggered 4 1 by stop",
            "triggered 6 1 by take_profit",
            "triggered 3 1 by stop",
            "triggered 5 1 by stop"
        ]
    );
    // Downwards: the highest first.
    desk.advanced(limit(1, Side::Sell, "1", "300"), stop("90")); // 11
    desk.advanced(limit(1, Side::Sell, "1", "300"), stop("95")); // 12
    let fired = desk.print("80");
    assert_eq!(fired[0], "triggered 12 1 by stop");
    assert_eq!(fired[2], "triggered 11 1 by stop");
}

#[test]
fn a_cascade_runs_in_rounds() {
    let mut desk = desk_at_100();
    desk.buy(2, "1", "98"); // 3
    desk.buy(2, "1", "96"); // 4
    desk.buy(2, "5", "90"); // 5
    desk.advanced(market(1, Side::Sell, "1"), stop("99")); // 6
    desk.advanced(market(1, Side::Sell, "1"), stop("98")); // 7
    desk.advanced(market(1, Side::Sell, "1"), stop("96")); // 8
    desk.sell(2, "1", "99"); // 9
    let events = desk.buy(3, "1", "99"); // 10 trades at 99: 6 takes 98, then 7 takes 96, then 8.
    let short: Vec<&str> = events.iter().map(|e| e.split(',').next().unwrap()).collect();
    assert_eq!(
        short,
        [
            "accepted 10",
            "trade 2 of 1 at 99",
            "triggered 6 1 by stop",
            "trade 3 of 1 at 98",
            "triggered 7 1 by stop",
            "trade 4 of 1 at 96",
            "triggered 8 1 by stop",
            "trade 5 of 1 at 90",
        ]
    );
}

#[test]
fn a_trailing_stop_follows_the_best_trade() {
    let mut desk = desk_at_100();
    assert_eq!(
        desk.advanced(limit(1, Side::Sell, "1", "50"), trailing("5")),
        ["accepted 3", "waiting 3 best 0"]
    );
    desk.print("100");
    assert_eq!(desk.query(1, 3)[1], "waiting 3 best 100");
    desk.print("110");
    assert_eq!(desk.print("106"), Vec::<String>::new());
    assert_eq!(desk.query(1, 3)[1], "waiting 3 best 110");
    assert_eq!(desk.print("105")[0], "triggered 3 1 by trailing_stop");
}

#[test]
fn a_trailing_stop_by_basis_points_is_inclusive_and_starts_at_its_activation() {
    let mut desk = desk_at_100();
    let terms = OrderTerms {
        trigger: Trigger::TrailingStop,
        trailing_bps: 1_000,
        activation_price: price("90"),
        ..OrderTerms::NONE
    };
    desk.advanced(limit(1, Side::Buy, "1", "60"), terms); // 3
    desk.print("95");
    assert_eq!(desk.query(1, 3)[1], "waiting 3 best 0");
    desk.print("90");
    assert_eq!(desk.query(1, 3)[1], "waiting 3 best 90");
    desk.print("80");
    assert_eq!(desk.print("87"), Vec::<String>::new());
    assert_eq!(desk.print("88")[0], "triggered 3 1 by trailing_stop");
    // The last trade meets the activation price: it tracks from the next print on.
    desk.advanced(limit(1, Side::Buy, "1", "60"), terms); // last at 88
    desk.print("99");
    assert_eq!(desk.query(1, 14)[1], "waiting 14 best 99");
}

#[test]
fn a_market_order_that_was_triggered_is_immediate_or_cancel_and_reserves_while_it_waits() {
    let mut desk = desk_at_100();
    desk.advanced(market(1, Side::Sell, "5"), stop("95")); // 3
    assert_eq!(desk.balance(1, BTC), "995 + 5");
    let by_amount = NewOrder { quote_qty: qty("700"), ..market(1, Side::Buy, "0") };
    desk.advanced(by_amount, stop("200")); // 4
    assert_eq!(desk.balance(1, USD), "99300 + 700");
    desk.advanced(market(1, Side::Buy, "7"), stop("200")); // 5
    assert_eq!(desk.balance(1, USD), "99300 + 700");
    desk.buy(2, "2", "80"); // 6
    assert_eq!(
        desk.print("95"),
        [
            "triggered 3 5 by stop",
            "trade 3 of 2 at 80, 3 takes 6, open 3/0, level 0, fees 0/0",
            "ended 3 no_liquidity left 3"
        ]
    );
    assert_eq!(desk.balance(1, BTC), "998 + 0");
    assert_eq!(desk.cancel(1, 4), ["ended 4 cancelled left 0"]);
    assert_eq!(desk.cancel(1, 5), ["ended 5 cancelled left 7"]);
    assert_eq!(desk.balance(1, USD), "100160 + 0");
}

#[test]
fn what_cannot_be_entered_when_its_time_comes_is_rejected() {
    let mut desk = desk_at_100();
    desk.advanced(market(1, Side::Sell, "1"), stop("95")); // 3: nobody buys
    let post_only = NewOrder { kind: OrderKind::PostOnly, ..limit(1, Side::Sell, "1", "60") };
    desk.advanced(post_only, stop("80")); // 4: it would match
    assert_eq!(desk.print("95"), ["ended 3 rejected left 1: NO_LIQUIDITY"]);
    desk.buy(2, "1", "70");
    assert_eq!(desk.print("80"), ["ended 4 rejected left 1: WOULD_MATCH"]);
    // A market buy by quantity reserves nothing: when its time comes, funds may be gone.
    let mut desk = desk_at_100();
    desk.advanced(market(1, Side::Buy, "4"), stop("105")); // 3
    desk.buy(1, "999", "100"); // 4
    desk.sell(2, "9", "110"); // 5
    let fired = desk.print("105");
    assert!(fired.is_empty() || fired[0].contains("rejected"), "{fired:?}");
}

#[test]
fn an_order_triggered_while_its_instrument_is_not_open_is_held_until_it_opens() {
    let mut desk = desk_at_100();
    desk.buy(2, "5", "90"); // 3
    let condition = crate::it::conditions::bid_at_most("80");
    desk.run(condition);
    let order = limit(1, Side::Sell, "1", "50");
    let terms = OrderTerms { trigger: Trigger::Condition, ..OrderTerms::NONE };
    assert_eq!(desk.advanced(order, terms), ["accepted 4", "waiting 4"]);
    desk.buy(2, "1", "70"); // 5
    desk.state(InstrumentState::Halted);
    assert_eq!(desk.cancel(2, 3), ["ended 3 cancelled left 5", "held 4"]);
    assert_eq!(desk.query(1, 4)[1], "held 4");
    let opened = desk.state(InstrumentState::Open);
    assert_eq!(opened[..2], ["instrument_state_changed", "triggered 4 1 by condition"]);
    assert!(opened[2].starts_with("trade 2 of 1 at 70"), "{opened:?}");
}

#[test]
fn waiting_orders_are_taken_before_the_open_and_not_while_halted() {
    let mut desk = Desk::with(|spec| spec.state = InstrumentState::PreOpen);
    assert_eq!(desk.advanced(market(1, Side::Sell, "1"), stop("95"))[1], "waiting 1");
    let fok = NewOrder { time_in_force: TimeInForce::Fok, ..limit(1, Side::Sell, "1", "95") };
    assert_eq!(desk.advanced(fok, stop("95"))[1], "waiting 2");
    desk.state(InstrumentState::Halted);
    assert_eq!(desk.advanced(fok, stop("95")), ["denied NOT_TRADING"]);
}

#[test]
fn waiting_orders_expire_end_with_the_day_and_are_mass_cancelled_behind_the_book() {
    let mut desk = desk_at_100();
    let gtd = NewOrder {
        time_in_force: TimeInForce::Gtd,
        expire_time: Timestamp(5),
        ..limit(1, Side::Sell, "1", "95")
    };
    desk.advanced(gtd, stop("95")); // 3
    let day = NewOrder { time_in_force: TimeInForce::Day, ..market(1, Side::Sell, "1") };
    desk.advanced(day, stop("95")); // 4
    desk.advanced(limit(1, Side::Sell, "1", "95"), stop("95")); // 5
    desk.buy(2, "1", "50"); // 6
    desk.time = 5;
    assert_eq!(desk.query(1, 3), ["ended 3 expired left 1", "denied UNKNOWN_ORDER"]);
    let mass = tiercel_types::command::MassCancel {
        account: AccountId::ALL,
        instrument: InstrumentId::ALL,
        sides: SideScope::Both,
        reserved: [0; 7],
    };
    let mut other = Desk { model: desk.model.clone(), ..desk };
    assert_eq!(
        other.state(InstrumentState::Closed),
        ["ended 4 day_ended left 1", "instrument_state_changed"]
    );
    assert_eq!(
        other.run(mass),
        ["ended 6 mass_cancelled left 1", "ended 5 mass_cancelled left 1", "mass_cancel_done"]
    );
}

#[test]
fn an_order_that_waits_can_only_be_cancelled() {
    let mut desk = desk_at_100();
    desk.advanced(limit(1, Side::Sell, "1", "95"), stop("95")); // 3
    assert_eq!(desk.amend(1, 3, |amend| amend.qty = qty("2")), ["denied ORDER_WAITS"]);
    let replace = tiercel_types::command::ReplaceOrder {
        target_order_id: tiercel_types::OrderId(3),
        target_client_order_id: tiercel_types::ClientOrderId::EMPTY,
        reserved: [0; 4],
        order: limit(1, Side::Sell, "1", "99"),
    };
    assert_eq!(desk.run(replace), ["denied ORDER_WAITS"]);
    assert_eq!(desk.cancel(1, 3), ["ended 3 cancelled left 1"]);
}

#[test]
fn terms_that_are_all_zero_are_a_plain_order_and_wrong_ones_are_denied() {
    let mut desk = desk_at_100();
    let order = limit(1, Side::Buy, "1", "90");
    assert_eq!(desk.advanced(order, OrderTerms::NONE), ["accepted 3 rests"]);
    let cases = [
        (OrderTerms { reserved: [0, 1, 0], ..OrderTerms::NONE }, "RESERVED_FIELD_SET"),
        (OrderTerms { trailing_bps: 1, ..OrderTerms::NONE }, "TERM_NOT_ALLOWED"),
        (OrderTerms { trigger_price: price("1"), ..trailing("1") }, "TERM_NOT_ALLOWED"),
        (OrderTerms { activation_price: price("1"), ..stop("105") }, "TERM_NOT_ALLOWED"),
        (OrderTerms { trigger: Trigger::Condition, ..OrderTerms::NONE }, "CONDITION_MISSING"),
        (OrderTerms { trigger_price: Price::ZERO, ..stop("105") }, "TRIGGER_PRICE_INVALID"),
        (OrderTerms { activation_price: price("1.5"), ..trailing("1") }, "TRIGGER_PRICE_INVALID"),
        (trailing("0"), "TRAILING_INVALID"),
        (trailing("0.5"), "TRAILING_INVALID"),
        (OrderTerms { trailing_bps: 1, ..trailing("1") }, "TRAILING_INVALID"),
        (OrderTerms { trailing_bps: 10_000, ..trailing("0") }, "TRAILING_INVALID"),
    ];
    for (terms, reason) in cases {
        assert_eq!(desk.advanced(order, terms), [format!("denied {reason}")], "{terms:?}");
    }
    let fok = NewOrder {
        time_in_force: TimeInForce::Fok,
        quote_qty: qty("100"),
        ..market(1, Side::Buy, "0")
    };
    let denied = desk.run(NewAdvancedOrder { order: fok, terms: stop("105") });
    assert_eq!(denied, ["denied TIME_IN_FORCE_NOT_ALLOWED"]);
    let dear = limit(1, Side::Buy, "999", "999");
    assert_eq!(desk.advanced(dear, stop("105")), ["denied INSUFFICIENT_FUNDS"]);
}
