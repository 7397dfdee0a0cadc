//! Order lists, by hand from `docs/waiting.md`. The market trades at 100 at first; lists are of
//! account 1.

use tiercel_types::command::{NewOrder, NewOrderList, OrderTerms, StageLeg};
use tiercel_types::order::{ListKind, PendingRule};
use tiercel_types::{InstrumentId, OrderKind, SelfTradePrevention, Side, TimeInForce, Timestamp};

use crate::it::desk::{BTC, Desk, USD, limit, market, new_list, qty, stop, take_profit};

/// An order of a list, with its terms.
type Leg = (NewOrder, OrderTerms);

const PLAIN: OrderTerms = OrderTerms::NONE;
const FULL_FILL: PendingRule = PendingRule::FullFill;
const EACH_FILL: PendingRule = PendingRule::EachFill;

fn desk_at_100() -> Desk {
    let mut desk = Desk::new();
    desk.print("100"); // 1, 2
    desk
}

/// A pair that sells 5: at 110, or at any price once 90 trades. Orders 3 and 4.
fn oco(desk: &mut Desk) -> Vec<String> {
    let legs =
        [(limit(1, Side::Sell, "5", "110"), PLAIN), (market(1, Side::Sell, "5"), stop("90"))];
    desk.list(ListKind::Oco, FULL_FILL, &legs)
}

/// An entry that buys 5 at 95, with a pair of exits. Orders 3, 4 and 5.
fn bracket(desk: &mut Desk, rule: PendingRule) -> Vec<String> {
    let legs = [
        (limit(1, Side::Buy, "5", "95"), PLAIN),
        (limit(1, Side::Sell, "5", "110"), PLAIN),
        (market(1, Side::Sell, "5"), stop("90")),
    ];
    desk.list(ListKind::Otoco, rule, &legs)
}

/// The events up to the first comma.
fn heads(events: &[String]) -> Vec<&str> {
    events.iter().map(|event| event.split(',').next().unwrap()).collect()
}

#[test]
fn a_pair_reserves_the_larger_of_its_two() {
    let mut desk = desk_at_100();
    assert_eq!(
        oco(&mut desk),
        ["list 1", "accepted 3", "accepted 4", "waiting 4", "rested 3 5 shows 5 at 110"]
    );
    assert_eq!(desk.balance(1, BTC), "995 + 5");
    assert_eq!(
        desk.cancel(1, 3),
        ["ended 3 cancelled left 5", "ended 4 list_ended left 5", "list 1 ended"]
    );
    assert_eq!(desk.balance(1, BTC), "1000 + 0");
}

#[test]
fn a_fill_of_one_ends_the_other_also_in_part_and_before_a_next_slice_shows() {
    let mut desk = desk_at_100();
    let legs = [
        (market(1, Side::Sell, "5"), stop("90")),
        (NewOrder { display_qty: qty("1"), ..limit(1, Side::Sell, "5", "110") }, PLAIN),
    ];
    desk.list(ListKind::Oco, FULL_FILL, &legs); // 3, 4
    let events = desk.buy(2, "1", "110");
    assert_eq!(
        heads(&events),
        [
            "accepted 5",
            "trade 2 of 1 at 110",
            "ended 3 list_ended left 5",
            "replenished 4 shows 1 hides 3",
        ]
    );
    assert_eq!(desk.balance(1, BTC), "995 + 4");
    let events = desk.buy(2, "4", "110");
    assert_eq!(events.last().unwrap(), "list 1 ended");
}

#[test]
fn a_trigger_of_one_ends_the_other_first() {
    let mut desk = desk_at_100();
    oco(&mut desk);
    desk.buy(2, "9", "80"); // 5
    let fired = desk.print("90");
    assert_eq!(
        heads(&fired),
        [
            "ended 3 list_ended left 5",
            "triggered 4 5 by stop",
            "trade 3 of 5 at 80",
            "list 1 ended"
        ]
    );
    assert_eq!(desk.balance(1, BTC), "995 + 0");
}

#[test]
fn a_decrement_counts_as_a_trade_of_a_pair() {
    let mut desk = desk_at_100();
    oco(&mut desk);
    let events = desk.order(1, Side::Buy, "110", "2", |order| {
        order.self_trade_prevention = SelfTradePrevention::Decrement;
    });
    assert_eq!(
        heads(&events),
        [
            "accepted 5",
            "prevented 2 of 5 meets 3: decrement",
            "ended 4 list_ended left 5",
            "ended 5 self_trade left 0",
        ]
    );
}

#[test]
fn exits_are_entered_when_the_entry_is_filled_in_full() {
    let mut desk = desk_at_100();
    assert_eq!(
        bracket(&mut desk, FULL_FILL),
        [
            "list 1",
            "accepted 3",
            "accepted 4",
            "accepted 5",
            "pending 4",
            "pending 5",
            "rested 3 5 shows 5 at 95"
        ]
    );
    assert_eq!(
        (desk.balance(1, BTC), desk.balance(1, USD)),
        ("1000 + 0".into(), "99525 + 475".into())
    );
    assert_eq!(desk.sell(2, "2", "95").len(), 2);
    let events = desk.sell(2, "3", "95");
    assert_eq!(
        heads(&events),
        [
            "accepted 7",
            "trade 3 of 3 at 95",
            "waiting 5",
            "triggered 4 5 by none",
            "rested 4 5 shows 5 at 110"
        ]
    );
    assert_eq!(desk.balance(1, BTC), "1000 + 5");
}

#[test]
fn when_the_entry_ends_unfilled_its_exits_end() {
    let mut desk = desk_at_100();
    bracket(&mut desk, FULL_FILL);
    desk.sell(2, "2", "95");
    assert_eq!(
        desk.cancel(1, 3),
        [
            "ended 3 cancelled left 3",
            "ended 4 list_ended left 5",
            "ended 5 list_ended left 5",
            "list 1 ended"
        ]
    );
    let mut desk = desk_at_100();
    bracket(&mut desk, FULL_FILL);
    assert_eq!(
        desk.cancel(1, 5),
        [
            "ended 5 cancelled left 5",
            "ended 4 list_ended left 5",
            "ended 3 list_ended left 5",
            "list 1 ended"
        ]
    );
}

#[test]
fn exits_grow_with_each_fill_and_one_that_trades_ends_the_entry() {
    let mut desk = desk_at_100();
    bracket(&mut desk, EACH_FILL);
    let events = desk.sell(2, "2", "95");
    assert_eq!(
        heads(&events)[2..],
        ["waiting 5", "triggered 4 2 by none", "rested 4 2 shows 2 at 110"]
    );
    desk.sell(3, "1", "110"); // 7, behind 4
    let events = desk.sell(2, "1", "95");
    assert_eq!(heads(&events)[2..], ["amended 4 3 at 110 rests", "waiting 5"]);
    assert_eq!(desk.queue(Side::Sell, "110"), "7:1+0 4:3+0");
    assert_eq!(desk.query(1, 5)[0], "status 5 3 of 3 shows 0");
    assert_eq!(desk.balance(1, BTC), "1000 + 3");
    let events = desk.buy(3, "2", "110");
    assert_eq!(
        heads(&events)[2..],
        ["trade 5 of 1 at 110", "ended 5 list_ended left 3", "ended 3 list_ended left 2"]
    );
    assert_eq!(desk.balance(1, BTC), "1000 + 2");
}

#[test]
fn what_an_immediate_entry_filled_is_protected_though_its_rest_ended() {
    let mut desk = desk_at_100();
    desk.sell(2, "2", "95"); // 3
    let legs = [
        (NewOrder { time_in_force: TimeInForce::Ioc, ..limit(1, Side::Buy, "5", "95") }, PLAIN),
        (limit(1, Side::Sell, "5", "110"), PLAIN),
    ];
    let events = desk.list(ListKind::Oto, EACH_FILL, &legs); // 4, 5
    assert_eq!(
        heads(&events),
        [
            "list 1",
            "accepted 4",
            "accepted 5",
            "pending 5",
            "trade 2 of 2 at 95",
            "ended 4 immediate_or_cancel left 3",
            "triggered 5 2 by none",
            "rested 5 2 shows 2 at 110"
        ]
    );
    let legs = [
        (NewOrder { time_in_force: TimeInForce::Ioc, ..limit(1, Side::Buy, "5", "95") }, PLAIN),
        (limit(1, Side::Sell, "5", "110"), PLAIN),
    ];
    let events = desk.list(ListKind::Oto, FULL_FILL, &legs); // 6, 7
    assert_eq!(
        heads(&events)[4..],
        ["ended 6 immediate_or_cancel left 5", "ended 7 list_ended left 5", "list 2 ended"]
    );
}

#[test]
fn exits_that_cannot_be_funded_end_with_what_is_left_of_the_entry() {
    let mut desk = desk_at_100();
    // Account 1 has 1,000 BTC: bought 2, it cannot sell 1,003.
    let legs = [
        (limit(1, Side::Buy, "2", "95"), PLAIN),
        (limit(1, Side::Sell, "900", "110"), PLAIN),
        (market(1, Side::Sell, "1003"), stop("90")),
    ];
    desk.list(ListKind::Otoco, FULL_FILL, &legs);
    let events = desk.sell(2, "2", "95");
    assert_eq!(
        heads(&events)[2..],
        [
            "ended 4 rejected left 900: INSUFFICIENT_FUNDS",
            "ended 5 rejected left 1003: INSUFFICIENT_FUNDS",
            "list 1 ended"
        ]
    );
}

#[test]
fn an_exit_that_is_met_when_it_is_entered_is_triggered_at_once() {
    let mut desk = desk_at_100();
    let legs = [
        (limit(1, Side::Buy, "5", "95"), PLAIN),
        (limit(1, Side::Sell, "5", "110"), PLAIN),
        (limit(1, Side::Sell, "5", "80"), stop("96")),
    ];
    desk.list(ListKind::Otoco, FULL_FILL, &legs);
    let events = desk.sell(2, "5", "95");
    assert_eq!(
        heads(&events)[2..],
        ["ended 4 list_ended left 5", "triggered 5 5 by stop", "rested 5 5 shows 5 at 80"]
    );
}

#[test]
fn an_exit_that_cannot_be_entered_takes_the_others_along() {
    let mut desk = desk_at_100();
    let post_only = NewOrder { kind: OrderKind::PostOnly, ..limit(1, Side::Sell, "5", "97") };
    let legs = [
        (limit(1, Side::Buy, "5", "95"), PLAIN),
        (market(1, Side::Sell, "5"), stop("90")),
        (post_only, PLAIN),
    ];
    desk.list(ListKind::Otoco, EACH_FILL, &legs); // 3, 4, 5
    desk.sell(2, "1", "95"); // 6: 5 rests with 1
    desk.cancel(1, 5);
    assert_eq!(desk.model.live_orders(), 0);
    desk.list(ListKind::Otoco, EACH_FILL, &legs); // 7, 8, 9
    desk.sell(2, "1", "94"); // 10 takes 7
    let mut desk = desk_at_100();
    desk.list(ListKind::Otoco, EACH_FILL, &legs); // 3, 4, 5
    desk.buy(3, "1", "95"); // 6, behind 3
    desk.buy(3, "1", "90"); // 7
    desk.cancel(1, 4);
    assert_eq!(desk.model.live_orders(), 2, "the list is gone");
}

#[test]
fn ends_by_time_take_the_list_along_and_mass_cancels_count_it() {
    let mut desk = desk_at_100();
    let gtd = |order: NewOrder| NewOrder {
        time_in_force: TimeInForce::Gtd,
        expire_time: Timestamp(9),
        ..order
    };
    let legs = [
        (gtd(limit(1, Side::Sell, "5", "110")), PLAIN),
        (gtd(market(1, Side::Sell, "5")), stop("90")),
    ];
    desk.list(ListKind::Oco, FULL_FILL, &legs);
    desk.time = 9;
    assert_eq!(
        desk.query(1, 3),
        [
            "ended 3 expired left 5",
            "ended 4 list_ended left 5",
            "list 1 ended",
            "denied UNKNOWN_ORDER"
        ]
    );
}

#[test]
fn only_orders_of_one_list_may_stand_between() {
    let mut desk = desk_at_100();
    let leg = StageLeg { order: limit(1, Side::Sell, "5", "110"), terms: PLAIN };
    let list = new_list(ListKind::Oco, FULL_FILL);
    assert_eq!(desk.run(list), ["denied LEGS_MISSING"]);
    assert_eq!(desk.run(leg), ["staged 1"]);
    assert_eq!(desk.run(list), ["denied LEGS_MISSING"], "one is missing");
    desk.run(leg);
    desk.query(1, 77);
    desk.run(leg);
    assert_eq!(desk.run(list), ["denied LEGS_MISSING"], "a query came between");
    for count in 1..=3 {
        assert_eq!(desk.run(leg), [format!("staged {count}")]);
    }
    assert_eq!(desk.run(leg), ["denied TOO_MANY_LEGS"]);
    assert_eq!(desk.run(leg), ["staged 1"], "a denied one forgets them all");
}

#[test]
fn orders_that_do_not_go_together_are_denied() {
    let sell = |at: &str| (limit(1, Side::Sell, "5", at), PLAIN);
    let stop_leg = (market(1, Side::Sell, "5"), stop("90"));
    let buy = (limit(1, Side::Buy, "5", "95"), PLAIN);
    let named = |leg: Leg| (NewOrder { client_order_id: "a".parse().unwrap(), ..leg.0 }, leg.1);
    let by_amount = (NewOrder { quote_qty: qty("9"), ..market(1, Side::Sell, "0") }, stop("90"));
    let immediate = (market(1, Side::Sell, "5"), PLAIN);
    let (oco, oto, otoco) = (ListKind::Oco, ListKind::Oto, ListKind::Otoco);
    let cases: [(ListKind, PendingRule, &[Leg], &str); 10] = [
        (oco, EACH_FILL, &[sell("110"), stop_leg], "RESERVED_FIELD_SET"),
        (oco, FULL_FILL, &[sell("110"), buy], "LEG_MISMATCH"),
        (oco, FULL_FILL, &[sell("110"), immediate], "LEG_MISMATCH"),
        (oco, FULL_FILL, &[named(sell("110")), named(stop_leg)], "LEG_MISMATCH"),
        (otoco, FULL_FILL, &[sell("110"), sell("120"), stop_leg], "LEG_MISMATCH"),
        (oto, EACH_FILL, &[buy, by_amount], "LEG_MISMATCH"),
        (oto, FULL_FILL, &[(limit(2, Side::Buy, "5", "95"), PLAIN), stop_leg], "LEG_MISMATCH"),
        (oto, FULL_FILL, &[buy, sell("110.5")], "PRICE_NOT_ON_TICK of order 2"),
        (
            oco,
            FULL_FILL,
            &[sell("110"), (stop_leg.0, take_profit("99"))],
            "WOULD_TRIGGER of order 2",
        ),
        (
            oco,
            FULL_FILL,
            &[sell("110"), (limit(1, Side::Sell, "1001", "9"), stop("90"))],
            "INSUFFICIENT_FUNDS",
        ),
    ];
    for (kind, rule, legs, reason) in cases {
        let mut desk = desk_at_100();
        assert_eq!(desk.list(kind, rule, legs), [format!("denied {reason}")]);
    }
    let mut desk = desk_at_100();
    for (order, terms) in [sell("110"), stop_leg] {
        desk.run(StageLeg { order, terms });
    }
    let elsewhere = NewOrderList { instrument: InstrumentId(99), ..new_list(oco, FULL_FILL) };
    assert_eq!(desk.run(elsewhere), ["denied LEG_MISMATCH"]);
}

#[test]
fn an_order_of_a_list_can_only_be_cancelled() {
    let mut desk = desk_at_100();
    oco(&mut desk);
    assert_eq!(desk.amend(1, 3, |amend| amend.qty = qty("2")), ["denied ORDER_IN_LIST"]);
    assert_eq!(desk.amend(1, 4, |amend| amend.qty = qty("2")), ["denied ORDER_IN_LIST"]);
}
