//! Self-trade prevention in the reference model, against results computed by hand.

use tiercel_types::{SelfTradePrevention, Side, TimeInForce};

use crate::it::desk::{BTC, Desk, USD};

/// Account 4 has 5 offered at 100, account 1 offers 5 behind it; 4 or its group's 5 buys 8.
fn self_trade(
    mode: SelfTradePrevention,
    maker: SelfTradePrevention,
    taker: u32,
) -> (Desk, Vec<String>) {
    let mut desk = Desk::new();
    desk.order(4, Side::Sell, "100", "5", |order| order.self_trade_prevention = maker); // 1
    desk.sell(1, "5", "100"); // 2
    let events =
        desk.order(taker, Side::Buy, "100", "8", |order| order.self_trade_prevention = mode);
    (desk, events)
}

#[test]
fn without_prevention_an_account_trades_with_itself() {
    let (desk, events) = self_trade(SelfTradePrevention::None, SelfTradePrevention::None, 4);
    assert_eq!(events[1], "trade 1 of 5 at 100, 3 takes 1, open 3/0, level 5, fees 0/0");
    // It sold 5 to itself, and bought 3 more for 300.
    assert_eq!(desk.balance(4, BTC), "1003 + 0");
    assert_eq!(desk.balance(4, USD), "99700 + 0");
}

#[test]
fn expire_taker_ends_the_order_that_comes() {
    let (desk, events) = self_trade(SelfTradePrevention::ExpireTaker, SelfTradePrevention::None, 5);
    assert_eq!(
        events,
        [
            "accepted 3",
            "prevented 5 of 3 meets 1: expire_taker, open 8/5",
            "ended 3 self_trade left 8"
        ]
    );
    assert_eq!(desk.queue(Side::Sell, "100"), "1:5+0 2:5+0");
    assert_eq!(desk.balance(5, USD), "100000 + 0");
}

#[test]
fn expire_maker_ends_the_order_that_rests_and_trades_on() {
    let (desk, events) = self_trade(SelfTradePrevention::ExpireMaker, SelfTradePrevention::None, 5);
    assert_eq!(
        events,
        [
            "accepted 3",
            "prevented 5 of 3 meets 1: expire_maker, open 8/5",
            "ended 1 self_trade left 5",
            "trade 1 of 5 at 100, 3 takes 2, open 3/0, level 0, fees 0/0",
            "rested 3 3 shows 3 at 100",
        ]
    );
    assert_eq!(desk.balance(4, BTC), "1000 + 0");
}

#[test]
fn expire_both_ends_the_maker_then_the_taker() {
    let (desk, events) = self_trade(SelfTradePrevention::ExpireBoth, SelfTradePrevention::None, 4);
    assert_eq!(
        events,
        [
            "accepted 3",
            "prevented 5 of 3 meets 1: expire_both, open 8/5",
            "ended 1 self_trade left 5",
            "ended 3 self_trade left 8"
        ]
    );
    assert_eq!(desk.queue(Side::Sell, "100"), "2:5+0");
    assert_eq!(desk.balance(4, USD), "100000 + 0");
    assert_eq!(desk.balance(4, BTC), "1000 + 0");
}

#[test]
fn decrement_takes_the_smaller_quantity_off_both() {
    let (desk, events) = self_trade(SelfTradePrevention::Decrement, SelfTradePrevention::None, 5);
    assert_eq!(
        events,
        [
            "accepted 3",
            "prevented 5 of 3 meets 1: decrement, open 3/0",
            "ended 1 self_trade left 0",
            "trade 1 of 3 at 100, 3 takes 2, open 0/2, level 2, fees 0/0",
        ]
    );
    assert_eq!(desk.balance(5, USD), "99700 + 0");
    assert_eq!(desk.balance(4, BTC), "1000 + 0");
}

#[test]
fn decrement_shows_an_icebergs_next_slice_and_ends_a_used_up_taker() {
    let mut desk = Desk::new();
    desk.iceberg(4, Side::Sell, "6", "4", "100"); // 1
    let events = desk.order(4, Side::Buy, "100", "5", |order| {
        order.self_trade_prevention = SelfTradePrevention::Decrement;
    });
    assert_eq!(
        events,
        [
            "accepted 2",
            "prevented 4 of 2 meets 1: decrement, open 1/2",
            "replenished 1 shows 2 hides 0",
            "prevented 1 of 2 meets 1: decrement, open 0/1",
            "ended 2 self_trade left 0",
        ]
    );
    assert_eq!(desk.balance(4, BTC), "999 + 1");
}

#[test]
fn transfer_moves_funds_within_the_group_and_is_no_trade() {
    let (desk, events) =
        self_trade(SelfTradePrevention::Transfer, SelfTradePrevention::Transfer, 5);
    assert_eq!(
        events[1..],
        [
            "prevented 5 of 3 meets 1: transfer, open 3/0",
            "ended 1 self_trade left 0",
            "trade 1 of 3 at 100, 3 takes 2, open 0/2, level 2, fees 0/0",
        ]
    );
    assert_eq!(desk.balance(4, USD), "100500 + 0");
    assert_eq!(desk.balance(4, BTC), "995 + 0");
    assert_eq!(desk.balance(5, USD), "99200 + 0");
    assert_eq!(desk.balance(5, BTC), "1008 + 0");
}

#[test]
fn transfer_decrements_unless_both_orders_ask_and_the_accounts_differ() {
    for (maker, taker) in [(SelfTradePrevention::Decrement, 5), (SelfTradePrevention::Transfer, 4)]
    {
        let (desk, events) = self_trade(SelfTradePrevention::Transfer, maker, taker);
        assert_eq!(events[1], "prevented 5 of 3 meets 1: decrement, open 3/0");
        assert_eq!(desk.balance(1, USD), "100300 + 0");
    }
}

#[test]
fn fill_or_kill_counts_nothing_behind_an_own_order_in_the_way() {
    let mut desk = Desk::new();
    desk.sell(1, "2", "99"); // 1
    desk.iceberg(2, Side::Sell, "9", "3", "100"); // 2
    desk.sell(4, "4", "100"); // 3
    desk.sell(1, "5", "100"); // 4
    let mut fok = |quantity: &str, mode: SelfTradePrevention| {
        let events = desk.order(4, Side::Buy, "100", quantity, |order| {
            order.time_in_force = TimeInForce::Fok;
            order.self_trade_prevention = mode;
        });
        events.last().unwrap().clone()
    };
    // In reach without meeting order 3: 2 at 99, and the visible 3 of order 2.
    for mode in [
        SelfTradePrevention::ExpireTaker,
        SelfTradePrevention::ExpireBoth,
        SelfTradePrevention::Decrement,
        SelfTradePrevention::Transfer,
    ] {
        assert!(fok("6", mode).ends_with("fill_or_kill left 6"), "{mode}");
    }
    // Passing over order 3: 2 + 9 + 5.
    assert!(fok("17", SelfTradePrevention::ExpireMaker).ends_with("fill_or_kill left 17"));
    assert_eq!(fok("5", SelfTradePrevention::ExpireTaker), "replenished 2 shows 3 hides 3");
    assert_eq!(desk.queue(Side::Sell, "100"), "3:4+0 4:5+0 2:3+3");
    let all = desk.order(4, Side::Buy, "100", "11", |order| {
        order.time_in_force = TimeInForce::Fok;
        order.self_trade_prevention = SelfTradePrevention::ExpireMaker;
    });
    assert_eq!(all[1], "prevented 4 of 11 meets 3: expire_maker, open 11/4");
    assert_eq!(desk.model.live_orders(), 0);
}
