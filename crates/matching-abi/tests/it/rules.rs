//! Each rule of the contract, one scenario or more.

use crate::harness::{
    BUY, Cancel, Harness, Message, Modify, NewOrder, Report, SELL, library_path, load, new_order,
    take_turn,
};

fn order_ack(side: u8, id: u64, price: i64, quantity: u32) -> Report {
    Report::OrderAck { side, id, price, quantity }
}

fn modify_ack(side: u8, id: u64, price: i64, quantity: u32) -> Report {
    Report::ModifyAck { side, id, price, quantity }
}

fn cancel_ack(side: u8, id: u64, price: i64) -> Report {
    Report::CancelAck { side, id, price }
}

fn trade(price: i64, quantity: u32, maker: u64, taker: u64) -> Report {
    Report::Trade { price, quantity, maker, taker }
}

#[test]
fn every_symbol_of_the_contract_is_exported() {
    let _turn = take_turn();
    let library = load();
    for name in [
        "engine_init",
        "engine_shutdown",
        "engine_flush",
        "engine_on_new_order",
        "engine_on_cancel",
        "engine_on_modify",
        "engine_on_batch",
        "engine_query_best_bid",
        "engine_query_best_ask",
        "engine_query_depth_at",
    ] {
        let found = unsafe { library.get::<unsafe extern "C" fn()>(name.as_bytes()) };
        assert!(found.is_ok(), "{name} in {}", library_path().display());
    }
}

#[test]
fn a_passive_order_is_acknowledged_and_rests() {
    let mut harness = Harness::new();
    assert_eq!((harness.best_bid(), harness.best_ask()), (i64::MIN, i64::MAX));
    assert_eq!(harness.order(1, BUY, 100, 5), [order_ack(BUY, 1, 100, 5)]);
    assert_eq!(harness.order(2, SELL, 103, 7), [order_ack(SELL, 2, 103, 7)]);
    assert_eq!(harness.order(3, BUY, 100, 6), [order_ack(BUY, 3, 100, 6)]);
    assert_eq!((harness.best_bid(), harness.best_ask()), (100, 103));
    assert_eq!((harness.depth(BUY, 100), harness.depth(SELL, 103)), (11, 7));
    assert_eq!((harness.depth(SELL, 100), harness.depth(BUY, 101)), (0, 0));
    assert_eq!(harness.depth(2, 100), 0, "there is no third side");
}

#[test]
fn fills_go_best_price_first_then_oldest_first_at_the_makers_price() {
    let mut harness = Harness::new();
    harness.order(1, SELL, 102, 3);
    harness.order(2, SELL, 101, 4);
    harness.order(3, SELL, 101, 5);
    harness.order(4, SELL, 104, 9);
    let reports = harness.order(5, BUY, 102, 14);
    let fills = [trade(101, 4, 2, 5), trade(101, 5, 3, 5), trade(102, 3, 1, 5)];
    assert_eq!(reports[0], order_ack(BUY, 5, 102, 14));
    assert_eq!(reports[1..], fills);
    // It stopped at its own price and the rest of it rests.
    assert_eq!((harness.best_bid(), harness.best_ask()), (102, 104));
    assert_eq!(harness.depth(BUY, 102), 2);
    // The same on the other side.
    harness.order(6, BUY, 99, 1);
    let reports = harness.order(7, SELL, 99, 3);
    assert_eq!(reports[1..], [trade(102, 2, 5, 7), trade(99, 1, 6, 7)]);
    assert_eq!((harness.best_bid(), harness.best_ask()), (i64::MIN, 104));
}

#[test]
fn a_partly_filled_maker_keeps_its_place() {
    let mut harness = Harness::new();
    harness.order(1, SELL, 100, 10);
    harness.order(2, SELL, 100, 10);
    harness.order(3, BUY, 100, 4);
    let reports = harness.order(4, BUY, 100, 8);
    assert_eq!(reports[1..], [trade(100, 6, 1, 4), trade(100, 2, 2, 4)]);
    assert_eq!(harness.depth(SELL, 100), 8);
}

#[test]
fn what_an_immediate_order_does_not_fill_is_cancelled() {
    let mut harness = Harness::new();
    assert_eq!(harness.ioc(1, BUY, 100, 5), [order_ack(BUY, 1, 100, 5), cancel_ack(BUY, 1, 100)]);
    assert_eq!(harness.best_bid(), i64::MIN);
    harness.order(2, SELL, 100, 3);
    let reports = harness.ioc(3, BUY, 101, 5);
    let expected = [order_ack(BUY, 3, 101, 5), trade(100, 3, 2, 3), cancel_ack(BUY, 3, 101)];
    assert_eq!(reports, expected);
    // Filled in full, there is nothing to cancel.
    harness.order(4, BUY, 100, 3);
    let reports = harness.ioc(5, SELL, 100, 3);
    assert_eq!(reports, [order_ack(SELL, 5, 100, 3), trade(100, 3, 4, 5)]);
    // It stops at its own price too.
    harness.order(6, SELL, 105, 3);
    let reports = harness.ioc(7, BUY, 104, 1);
    assert_eq!(reports, [order_ack(BUY, 7, 104, 1), cancel_ack(BUY, 7, 104)]);
    assert_eq!(harness.cancel(7), [Report::CancelReject { id: 7 }]);
}

#[test]
fn a_cancel_tells_side_and_price_and_a_second_one_is_rejected() {
    let mut harness = Harness::new();
    harness.order(1, SELL, 101, 5);
    harness.order(2, SELL, 101, 6);
    assert_eq!(harness.cancel(1), [cancel_ack(SELL, 1, 101)]);
    assert_eq!(harness.depth(SELL, 101), 6);
    assert_eq!(harness.cancel(1), [Report::CancelReject { id: 1 }]);
    assert_eq!(harness.cancel(99), [Report::CancelReject { id: 99 }]);
    assert_eq!(harness.cancel(u64::MAX), [Report::CancelReject { id: u64::MAX }]);
    harness.order(3, BUY, 101, 6);
    assert_eq!(harness.cancel(2), [Report::CancelReject { id: 2 }], "it was filled");
    assert_eq!(harness.best_ask(), i64::MAX);
}

#[test]
fn a_modify_takes_the_new_terms_and_the_last_place() {
    let mut harness = Harness::new();
    harness.order(1, BUY, 100, 5);
    harness.order(2, BUY, 100, 5);
    // Same price, same quantity, fewer, more: the place is lost each time.
    assert_eq!(harness.modify(1, BUY, 100, 5), [modify_ack(BUY, 1, 100, 5)]);
    assert_eq!(harness.modify(2, BUY, 100, 3), [modify_ack(BUY, 2, 100, 3)]);
    assert_eq!(harness.depth(BUY, 100), 8);
    let reports = harness.ioc(3, SELL, 100, 6);
    assert_eq!(reports[1..], [trade(100, 5, 1, 3), trade(100, 1, 2, 3)]);
    // The quantity of a modify is what is open after it, whatever was filled before.
    assert_eq!(harness.modify(2, BUY, 98, 9), [modify_ack(BUY, 2, 98, 9)]);
    assert_eq!((harness.best_bid(), harness.depth(BUY, 98)), (98, 9));
    assert_eq!(harness.depth(BUY, 100), 0);
    assert_eq!(harness.modify(1, BUY, 98, 9), [Report::ModifyReject { id: 1 }], "it is filled");
    assert_eq!(harness.modify(77, SELL, 98, 9), [Report::ModifyReject { id: 77 }]);
    harness.cancel(2);
    assert_eq!(harness.modify(2, BUY, 98, 9), [Report::ModifyReject { id: 2 }]);
}

#[test]
fn a_crossing_modify_trades_and_is_acknowledged_once_at_the_end() {
    let mut harness = Harness::new();
    harness.order(1, BUY, 90, 5);
    harness.order(2, SELL, 100, 2);
    harness.order(3, SELL, 101, 2);
    let reports = harness.modify(1, BUY, 101, 10);
    let fills = [trade(100, 2, 2, 1), trade(101, 2, 3, 1)];
    assert_eq!(reports[..2], fills);
    assert_eq!(reports[2..], [modify_ack(BUY, 1, 101, 10)]);
    assert_eq!((harness.best_bid(), harness.depth(BUY, 101)), (101, 6));
    // Filled in full by the modify, it is gone.
    harness.order(4, SELL, 200, 4);
    let reports = harness.modify(4, SELL, 101, 4);
    assert_eq!(reports, [trade(101, 4, 1, 4), modify_ack(SELL, 4, 101, 4)]);
    assert_eq!(harness.modify(4, SELL, 101, 4), [Report::ModifyReject { id: 4 }]);
    assert_eq!(harness.cancel(1), [cancel_ack(BUY, 1, 101)]);
}

#[test]
fn an_id_is_free_again_after_a_cancel_and_after_a_fill() {
    let mut harness = Harness::new();
    harness.order(1, BUY, 100, 5);
    harness.cancel(1);
    assert_eq!(harness.order(1, SELL, 105, 6), [order_ack(SELL, 1, 105, 6)]);
    harness.order(2, BUY, 105, 6);
    assert_eq!(harness.order(1, BUY, 99, 1), [order_ack(BUY, 1, 99, 1)]);
    assert_eq!(harness.order(2, BUY, 98, 1), [order_ack(BUY, 2, 98, 1)]);
    harness.ioc(3, BUY, 97, 1);
    assert_eq!(harness.order(3, BUY, 97, 1), [order_ack(BUY, 3, 97, 1)]);
    // One that is in use is not taken: there is no report for that, and the book stays.
    assert_eq!(harness.order(3, BUY, 99, 9), []);
    assert_eq!((harness.depth(BUY, 97), harness.depth(BUY, 99)), (1, 1));
}

#[test]
fn ids_may_be_any_number_of_64_bits_but_the_last() {
    let mut harness = Harness::new();
    for id in [0, 1, u64::from(u32::MAX), 1 << 32, u64::MAX - 1] {
        assert_eq!(harness.order(id, SELL, 100, 1), [order_ack(SELL, id, 100, 1)]);
    }
    let reports = harness.ioc(5, BUY, 100, 2);
    assert_eq!(reports[1..], [trade(100, 1, 0, 5), trade(100, 1, 1, 5)]);
    let last = u64::MAX - 1;
    assert_eq!(harness.modify(last, SELL, 101, 1), [modify_ack(SELL, last, 101, 1)]);
    assert_eq!(harness.cancel(last), [cancel_ack(SELL, last, 101)]);
    assert_eq!(harness.cancel(0), [Report::CancelReject { id: 0 }]);
    // That one is not taken.
    assert_eq!(harness.order(u64::MAX, SELL, 100, 1), []);
    assert_eq!(harness.modify(u64::MAX, SELL, 1, 1), [Report::ModifyReject { id: u64::MAX }]);
    assert_eq!(harness.depth(SELL, 100), 2);
}

#[test]
fn prices_reach_both_ends_of_their_domain() {
    const LOW: i64 = i64::MIN + 1;
    const HIGH: i64 = i64::MAX - 1;
    let mut harness = Harness::new();
    harness.order(1, BUY, LOW, 1);
    assert_eq!((harness.best_bid(), harness.depth(BUY, LOW)), (LOW, 1));
    harness.order(2, SELL, HIGH, 1);
    assert_eq!((harness.best_ask(), harness.depth(SELL, HIGH)), (HIGH, 1));
    // Zero and negative prices are prices, the touch may jump across the whole domain and back.
    for (id, price) in [(3, -5), (4, 0), (5, 1 << 40), (6, -(1 << 40)), (7, HIGH - 1)] {
        assert_eq!(harness.order(id, BUY, price, 2), [order_ack(BUY, id, price, 2)]);
        assert_eq!(harness.depth(BUY, price), 2);
    }
    assert_eq!(harness.best_bid(), HIGH - 1);
    assert_eq!(harness.modify(1, BUY, -4, 3), [modify_ack(BUY, 1, -4, 3)]);
    let reports = harness.order(8, SELL, LOW, 20);
    let fills = [
        trade(HIGH - 1, 2, 7, 8),
        trade(1 << 40, 2, 5, 8),
        trade(0, 2, 4, 8),
        trade(-4, 3, 1, 8),
        trade(-5, 2, 3, 8),
        trade(-(1 << 40), 2, 6, 8),
    ];
    assert_eq!(reports[1..], fills);
    assert_eq!((harness.best_bid(), harness.best_ask()), (i64::MIN, LOW));
    assert_eq!(harness.depth(SELL, LOW), 7);
    let reports = harness.modify(2, SELL, LOW + 1, 4);
    assert_eq!(reports, [modify_ack(SELL, 2, LOW + 1, 4)]);
    let reports = harness.ioc(9, BUY, i64::MAX, 12);
    let fills = [trade(LOW, 7, 8, 9), trade(LOW + 1, 4, 2, 9)];
    assert_eq!(reports[1..3], fills);
    assert_eq!(reports[3], cancel_ack(BUY, 9, i64::MAX));
    for price in [i64::MIN, i64::MAX, LOW, 0] {
        assert_eq!((harness.depth(BUY, price), harness.depth(SELL, price)), (0, 0));
    }
}

#[test]
fn quantities_reach_32_bits_and_their_sum_more() {
    let mut harness = Harness::new();
    for id in 1..=3 {
        harness.order(id, SELL, 100, u32::MAX);
    }
    assert_eq!(harness.depth(SELL, 100), 3 * u64::from(u32::MAX));
    let reports = harness.order(4, BUY, 100, u32::MAX);
    assert_eq!(reports[1..], [trade(100, u32::MAX, 1, 4)]);
}

#[test]
fn an_order_for_nothing_is_taken_and_over() {
    let mut harness = Harness::new();
    harness.order(1, SELL, 100, 5);
    assert_eq!(harness.order(2, BUY, 100, 0), [order_ack(BUY, 2, 100, 0)]);
    assert_eq!(harness.cancel(2), [Report::CancelReject { id: 2 }]);
    // Modified to nothing, an order is gone.
    assert_eq!(harness.modify(1, SELL, 101, 0), [modify_ack(SELL, 1, 101, 0)]);
    assert_eq!(harness.modify(1, SELL, 101, 0), [Report::ModifyReject { id: 1 }]);
    assert_eq!(harness.best_ask(), i64::MAX);
}

#[test]
fn a_side_that_does_not_exist_is_not_taken() {
    let mut harness = Harness::new();
    assert_eq!(harness.order(1, 2, 100, 5), []);
    assert_eq!((harness.best_bid(), harness.best_ask()), (i64::MIN, i64::MAX));
    // The side of a modify is the order's, whatever the message says.
    harness.order(2, BUY, 100, 5);
    assert_eq!(harness.modify(2, SELL, 101, 5), [modify_ack(BUY, 2, 101, 5)]);
}

#[test]
fn a_sweep_longer_than_any_buffer_reports_every_fill() {
    const MAKERS: u64 = 5_000;
    let mut harness = Harness::new();
    for id in 0..MAKERS {
        harness.order(id, SELL, 100 + (id / 10) as i64, 1);
    }
    let reports = harness.order(MAKERS, BUY, 10_000, MAKERS as u32 + 1);
    assert_eq!(reports.len(), MAKERS as usize + 1);
    for (id, report) in (0..MAKERS).zip(&reports[1..]) {
        assert_eq!(*report, trade(100 + (id / 10) as i64, 1, id, MAKERS));
    }
    // And as a modify: the acknowledgement is still the last.
    for id in 0..MAKERS {
        harness.order(id, SELL, 20_000, 1);
    }
    let reports = harness.modify(MAKERS, BUY, 20_000, MAKERS as u32);
    assert_eq!(reports.len(), MAKERS as usize + 1);
    assert_eq!(reports.last(), Some(&modify_ack(BUY, MAKERS, 20_000, MAKERS as u32)));
}

#[test]
fn a_batch_is_its_messages_one_by_one() {
    let reserved = [0; 3];
    let messages = [
        Message::New(new_order(1, 1, SELL, 100, 5)),
        Message::New(NewOrder { ioc: 1, ..new_order(2, 2, BUY, 100, 3) }),
        Message::Cancel(Cancel { order_id: 1, sequence: 3 }),
        Message::Cancel(Cancel { order_id: 1, sequence: 4 }),
        Message::New(new_order(3, 5, BUY, 90, 1)),
        Message::New(new_order(4, 6, SELL, 95, 1)),
        Message::Modify(Modify {
            order_id: 3,
            sequence: 7,
            price: 95,
            quantity: 2,
            side: BUY,
            reserved,
        }),
        Message::Modify(Modify {
            order_id: 9,
            sequence: 8,
            price: 1,
            quantity: 1,
            side: BUY,
            reserved,
        }),
    ];
    let singly = {
        let harness = Harness::new();
        for message in &messages {
            harness.send(message);
        }
        harness.numbered_reports()
    };
    let harness = Harness::new();
    harness.send_batch(&[]);
    harness.send_batch(&messages);
    assert_eq!(harness.numbered_reports(), singly);
    assert_eq!(singly.len(), 10);
    assert_eq!((harness.best_bid(), harness.depth(BUY, 95)), (95, 1));
}

#[test]
fn an_engine_starts_empty_each_time_and_says_nothing_when_it_is_shut_down() {
    let mut harness = Harness::new();
    for _ in 0..3 {
        assert_eq!(harness.order(1, BUY, 100, 5), [order_ack(BUY, 1, 100, 5)]);
        harness.shutdown();
        assert_eq!(harness.order(2, BUY, 100, 5), []);
        assert_eq!(harness.cancel(1), []);
        assert_eq!((harness.best_bid(), harness.depth(BUY, 100)), (i64::MIN, 0));
        harness.shutdown();
        harness.init();
        assert_eq!((harness.best_bid(), harness.best_ask()), (i64::MIN, i64::MAX));
    }
    // Started again without a shutdown, it is empty as well.
    harness.order(1, BUY, 100, 5);
    harness.init();
    assert_eq!(harness.cancel(1), [Report::CancelReject { id: 1 }]);
}
