//! One behaviour of the order management each, by hand: what is asked of the venue, what the strategy is told, what
//! the gate counts.

mod changes;
mod desk;
mod lists;

use proptest::prelude::*;
use tiercel_execution::breaker::{BreakerOptions, BreakerState};
use tiercel_execution::oms::{Adopted, Anomaly, Outputs, RunId, VenueTerms};
use tiercel_execution::order::{Found, Input, OwnOrder, Progress};
use tiercel_execution::position::{Fee, Position};
use tiercel_execution::recovery::Recovery;
use tiercel_execution::risk::{Denial, Limits};
use tiercel_execution::venue::{OrderName, OrderTerms, VenueReport, VenueRequest};
use tiercel_testkit::counting_allocator::{CountingAllocator, allocations, alone};
use tiercel_types::{
    ClientOrderId, InstrumentId, Money, OrderId, OrderKind, Price, Qty, Side, TimeInForce,
    Timestamp, TradeId,
};

use desk::{
    BTC, Desk, ETH, PRICE, QTY, REST, SECOND, SESSION, VALIDITY, id, limits, oms, oms_at, oms_of,
    oms_with, qty,
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn an_order_is_entered_accepted_and_filled_in_parts() {
    let mut desk = Desk::new();
    desk.submit(1, BTC).says("new:300").accept(0).says("1:accepted:300/300");
    desk.fill(0, 100, 100).says("1:filled(100):200/300");
    desk.fill(0, 200, 300).says("1:filled(200):0/300");
    desk.is_over(300);
    // Its tag is free.
    desk.submit(1, BTC).says("new:300");
}

#[test]
fn an_order_is_cancelled_once() {
    let mut desk = Desk::new();
    desk.submit(1, BTC).says("new:300").accept(0).says("1:accepted:300/300");
    desk.cancel(1).says("cancel").cancel(1).says("");
    desk.cancelled(0, 0).says("1:cancelled:0/300").is_over(0);
    desk.cancel(1).says("");
}

#[test]
fn what_was_found_to_be_open_can_be_cancelled_again_at_once() {
    let mut desk = Desk::new();
    desk.submit(1, BTC).says("new:300").accept(0).says("1:accepted:300/300");
    desk.cancel(1).says("cancel");
    desk.oms.venue_up(desk.now(), SESSION, &mut desk.out);
    desk.says("ask:0 1:unknown:300/300").answer(0, 0, Found::Working, 0).says("1:found:300/300");
    desk.cancel(1).says("cancel").cancelled(0, 0).says("1:cancelled:0/300").is_over(0);
}

#[test]
fn a_cancel_that_crosses_a_fill_leaves_what_has_traded() {
    let mut desk = Desk::new();
    desk.submit(1, BTC)
        .says("new:300")
        .accept(0)
        .says("1:accepted:300/300")
        .cancel(1)
        .says("cancel");
    desk.fill(0, 100, 100).says("1:filled(100):200/300");
    desk.cancelled(0, 100).says("1:cancelled:0/300").is_over(100);
    // All of it has traded: that the cancel is refused says nothing new.
    desk.submit(1, BTC)
        .says("new:300")
        .accept(1)
        .says("1:accepted:300/300")
        .cancel(1)
        .says("cancel");
    desk.fill(1, 300, 300).says("1:filled(300):0/300");
    desk.hear(1, Input::CancelRejected).says("").is_over(400);
}

#[test]
fn what_is_told_twice_and_over_two_ways_counts_once() {
    let mut desk = Desk::new();
    desk.submit(1, ETH).says("new:300");
    // The answer and the stream, one behind the other.
    for _ in 0..2 {
        desk.accept(0).fill(0, 100, 100);
    }
    desk.says("1:accepted:300/300 1:filled(100):200/300");
    desk.cancel(1).cancelled(0, 100).cancelled(0, 100);
    desk.hear(0, Input::Expired(Progress::Executed(qty(100))));
    desk.says("cancel 1:cancelled:0/300").is_over(100);
    // By the venue's number alone.
    let report = VenueReport::new(ClientOrderId::EMPTY, id(0), Input::CancelRejected);
    desk.report(&report).says("");
}

#[test]
fn a_fill_behind_one_that_was_not_heard_is_asked_for() {
    let mut desk = Desk::new();
    desk.submit(1, ETH).says("new:300").accept(0).says("1:accepted:300/300");
    desk.fill(0, 50, 150).says("ask:0 1:unknown:300/300");
    desk.fill(0, 100, 100).fill(0, 50, 150);
    desk.says("1:filled(100):200/300 1:filled(50):150/300");
    desk.answer(0, 0, Found::Cancelled, 150).says("1:found:0/300").is_over(150);
}

#[test]
fn fills_that_never_come_are_told_once_and_again_only_behind_others() {
    let mut desk = Desk::new();
    desk.submit(1, ETH).says("new:300").accept(0).says("1:accepted:300/300");
    desk.fill(0, 50, 150).says("ask:0 1:unknown:300/300");
    for question in 0..20 {
        let told = if question == 7 { "!FillsMissing " } else { "" };
        desk.answer(0, question, Found::Working, 150).pass(SECOND / 2);
        desk.says(format!("ask:0 {told}").trim_end());
    }
    desk.fill(0, 100, 100).says("1:filled(100):200/300");
    for question in 20..28 {
        let told = if question == 27 { "!FillsMissing " } else { "" };
        desk.answer(0, question, Found::Working, 150).pass(SECOND / 2);
        desk.says(format!("ask:100 {told}").trim_end());
    }
    desk.fill(0, 50, 150).says("1:filled(50):150/300");
    desk.answer(0, 28, Found::Working, 150).says("1:found:150/300");
}

#[test]
fn an_order_without_an_answer_is_unknown_and_asked_for_until_it_is_found() {
    let mut desk = Desk::new();
    desk.submit(1, ETH).says("new:300").pass(SECOND - 1).says("");
    assert_eq!(desk.oms.next_due(), Some(Timestamp(SECOND)));
    desk.pass(1).says("ask:0 1:unknown:300/300");
    // Nothing else of the instrument leaves; of others it does, and cancels do.
    desk.submit(2, ETH).says("2:denied(Unreconciled):0/300");
    desk.submit(3, BTC).says("new:300");
    desk.pass(SECOND / 2).says("ask:0");
    desk.cancel(1).says("cancel").cancel(1).says("");
    // A late answer to the order itself says nothing of what came since.
    desk.accept(0).says("1:accepted:300/300").submit(2, ETH).says("2:denied(Unreconciled):0/300");
    desk.answer(0, 1, Found::Working, 0).says("1:found:300/300");
    desk.submit(2, ETH).says("new:300");
}

#[test]
fn an_order_that_is_found_ended_brings_its_fills_first() {
    let mut desk = Desk::new();
    desk.submit(1, ETH).says("new:300").pass(SECOND).says("ask:0 1:unknown:300/300");
    // The status before the fills: it is asked again in its time, not at once.
    desk.answer(0, 0, Found::Cancelled, 100).says("").pass(SECOND / 2).says("ask:0");
    desk.fill(0, 100, 100).answer(0, 1, Found::Cancelled, 100);
    desk.says("1:filled(100):200/300 1:found:0/300").is_over(100);
}

#[test]
fn an_order_is_certain_not_to_be_there_only_by_a_question_behind_its_validity() {
    let mut desk = Desk::new();
    desk.submit(1, ETH).says("new:300").pass(SECOND).says("ask:0 1:unknown:300/300");
    desk.answer(0, 0, Found::Nothing, 0).says("");
    desk.pass(VALIDITY - SECOND - 1).says("ask:0");
    // Asked while it may still have come, answered when it may not.
    desk.now += SECOND / 4;
    desk.answer(0, 1, Found::Nothing, 0).says("");
    desk.pass(SECOND / 2).says("ask:0").answer(0, 2, Found::Nothing, 0).says("1:found:0/300");
    desk.is_over(0);
    // Over a session it is certain at once.
    desk.submit(1, BTC).says("new:300").pass(SECOND).says("ask:0 1:unknown:300/300");
    desk.answer(1, 3, Found::Nothing, 0).says("1:found:0/300").is_over(0);
}

#[test]
fn an_answer_to_what_was_asked_before_something_was_lost_does_not_count() {
    let mut desk = Desk::new();
    desk.submit(1, ETH).says("new:300").pass(SECOND).says("ask:0 1:unknown:300/300");
    // Something was not heard: what was asked before may be older than it.
    desk.oms.venue_up(desk.now(), REST, &mut desk.out);
    desk.says("ask:0").answer(0, 0, Found::Working, 0).says("");
    desk.answer(0, 1, Found::Cancelled, 0).says("1:found:0/300").is_over(0);
}

#[test]
fn a_change_that_may_still_come_keeps_the_order_unknown() {
    let mut desk = Desk::new();
    desk.submit(1, BTC).says("new:300").accept(0).says("1:accepted:300/300");
    desk.replace(1, -5, 500).says("amend:500/500").pass(SECOND).says("ask:0 1:unknown:300/300");
    // Nobody was asked.
    let (price, executed_qty) = (PRICE, Qty::ZERO);
    desk.hear(0, Input::Status { found: Found::Working, executed_qty, price, qty: QTY }).says("");
    desk.answer(0, 0, Found::Working, 0).says("1:found:300/300");
    assert_eq!(desk.oms.gate().open_orders(), 1);
    // Where it may be taken late, that is certain only when it may not any more.
    let slow = VenueTerms { amends: true, validity_ns: VALIDITY };
    let mut desk = Desk::of(oms_at(RunId::of(1, 0), 4, &[slow; 2]));
    desk.submit(1, BTC).says("new:300").accept(0).says("1:accepted:300/300");
    desk.replace(1, -5, 500).says("amend:500/500").pass(SECOND).says("ask:0 1:unknown:300/300");
    desk.answer(0, 0, Found::Working, 0).says("").pass(VALIDITY).says("ask:0");
    assert_eq!(desk.oms.gate().open_orders(), 2);
    desk.answer(0, 1, Found::Working, 0).says("1:found:300/300");
    assert_eq!(desk.oms.gate().open_orders(), 1);
}

#[test]
fn a_lost_connection_makes_everything_there_unknown_until_it_is_back() {
    let mut desk = Desk::new();
    desk.submit(1, BTC).says("new:300").accept(0).says("1:accepted:300/300");
    desk.submit(2, ETH).says("new:300").accept(1).says("2:accepted:300/300");
    desk.oms.venue_down(desk.now(), SESSION, &mut desk.out);
    desk.says("1:unknown:300/300").pass(9 * SECOND).says("");
    desk.submit(3, BTC).says("3:denied(VenueDown):0/300");
    desk.cancel(1).says("cancel");
    desk.oms.venue_up(desk.now(), SESSION, &mut desk.out);
    desk.says("ask:0").fill(0, 300, 300).says("1:filled(300):0/300");
    desk.cancel(2).cancelled(1, 0).says("cancel 2:cancelled:0/300").is_over(300);
}

#[test]
fn a_cancel_without_an_answer_is_asked_for_and_may_be_sent_again() {
    let mut desk = Desk::new();
    desk.submit(1, ETH).says("new:300").accept(0).says("1:accepted:300/300");
    desk.cancel(1).says("cancel").pass(SECOND).says("ask:0 1:unknown:300/300");
    desk.cancel(1).says("cancel").answer(0, 0, Found::Working, 0).says("1:found:300/300");
    desk.pass(SECOND).says("").cancel(1).says("cancel");
    desk.hear(0, Input::CancelRejected).says("ask:0 1:cancelrejected:300/300 1:unknown:300/300");
    desk.answer(0, 1, Found::Expired, 0).says("1:found:0/300").is_over(0);
}

#[test]
fn who_cancels_what_is_left_does_so_once_an_interval_where_it_is_refused() {
    let mut desk = Desk::new();
    desk.submit(1, ETH).says("new:300").accept(0).says("1:accepted:300/300");
    desk.cancel_what_is_left().says("cancel").cancel_what_is_left().says("");
    desk.hear(0, Input::CancelRejected).says("ask:0 1:cancelrejected:300/300 1:unknown:300/300");
    desk.cancel_what_is_left().says("");
    // Also where it is found to be open; who wants it cancelled has it cancelled.
    desk.answer(0, 0, Found::Working, 0).says("1:found:300/300");
    desk.cancel_what_is_left().says("").cancel(1).says("cancel");
    desk.hear(0, Input::CancelRejected).says("ask:0 1:cancelrejected:300/300 1:unknown:300/300");
    desk.now += SECOND / 2 - 1;
    desk.cancel_what_is_left().says("");
    desk.now += 1;
    desk.cancel_what_is_left().says("cancel").cancel_what_is_left().says("");
}

#[test]
fn a_venue_that_has_forgotten_an_order_is_an_anomaly_and_ends_it() {
    let mut desk = Desk::new();
    desk.submit(1, ETH).says("new:300").accept(0).says("1:accepted:300/300");
    desk.oms.venue_down(desk.now(), REST, &mut desk.out);
    desk.now += VALIDITY;
    desk.oms.venue_up(desk.now(), REST, &mut desk.out);
    desk.says("ask:0 1:unknown:300/300").answer(0, 0, Found::Nothing, 0);
    desk.says("1:cancelled:0/300 !Forgotten").is_over(0);
    // It had not: what has traded is owned.
    desk.fill(0, 100, 100).says("1:filled(100):0/300 !AfterEnd").fill(0, 100, 100).says("");
    desk.is_over(100);
}

#[test]
fn what_cannot_be_is_an_anomaly_and_is_asked_for() {
    let mut desk = Desk::new();
    desk.submit(1, ETH).says("new:300").accept(0).says("1:accepted:300/300");
    desk.hear(0, Input::Rejected).says("ask:0 1:unknown:300/300 !Illegal");
    desk.answer(0, 0, Found::Working, 0).says("1:found:300/300");
    desk.fill(0, 400, 400).says("ask:0 1:unknown:300/300 !Illegal");
    // An answer that cannot be is asked for again in its time, not at once.
    desk.answer(0, 1, Found::Rejected, 0).says("!Illegal").pass(SECOND / 2).says("ask:0");
    desk.answer(0, 2, Found::Working, 0).says("1:found:300/300");
}

#[test]
fn an_order_of_this_trader_that_it_does_not_know_is_a_stray() {
    let mut desk = Desk::new();
    let accepted = Input::Accepted(OrderId(5));
    let report =
        |name: &[u8]| VenueReport::new(ClientOrderId::new(name).unwrap(), OrderId(5), accepted);
    desk.report(&report(b"T000001000000001")).says("!Stray");
    desk.report(&report(b"somebody-else-s")).says("");
    let refused = Input::CancelRejected;
    let name = ClientOrderId::new(b"T000000000000001").unwrap();
    desk.report(&VenueReport::new(name, OrderId::NONE, refused)).says("");
    desk.report(&report(b"")).says("");
    // Ended long ago, and its place was needed: it is known that it was.
    desk.submit(1, BTC).says("new:300");
    desk.hear(0, Input::Rejected).says("1:rejected:0/300");
    for number in 1..9 {
        desk.submit(1, BTC).says("new:300");
        desk.hear(number, Input::Rejected).says("1:rejected:0/300");
    }
    desk.hear(0, Input::Rejected).says("");
    // Of the first order's number but for a character that is no digit.
    desk.report(&report(b"T00000100000000 ")).report(&report(b"T000001000000000")).says("");
    // Another trader's.
    desk.report(&report(b"T000001100000001")).says("");
}

#[test]
fn an_order_of_a_run_before_counts_and_is_asked_for() {
    let mut first = Desk::new();
    first.submit(7, BTC).says("new:300").accept(0).says("7:accepted:300/300");
    first.replace(7, -5, 500).says("amend:500/500");
    let (terms, mut recovery) =
        (first.entered[0], Recovery::new(&[VenueTerms { amends: true, validity_ns: 0 }]));
    recovery.sent(Timestamp(0), SESSION, 7, &VenueRequest::New(terms));
    let told = |input| VenueReport::new(terms.client_order_id, id(0), input);
    recovery.heard(SESSION, &told(Input::Accepted(id(0)))).unwrap();
    let fill = |executed: u64| Input::Filled {
        trade_id: TradeId(executed),
        price: PRICE,
        qty: qty(100),
        after: Progress::Open(qty(300 - executed)),
    };
    for _ in 0..2 {
        recovery.heard(SESSION, &told(fill(100))).unwrap();
    }
    let name = first.oms.live().map(|(_, order)| order.client_order_id).next().unwrap();
    let side = Side::Buy;
    let name = OrderName { client_order_id: name, order_id: id(0), instrument: BTC, side };
    let (price, qty, open_qty) = (Price::from_units(PRICE.units() - 5), qty(500), qty(500));
    recovery.sent(Timestamp(0), SESSION, 7, &VenueRequest::Amend { name, price, qty, open_qty });
    let mut oms = oms_of(RunId::of(2, 0), 4);
    let mut out = Outputs::new(4);
    for (instrument, position) in recovery.positions() {
        oms.set_position(instrument, *position);
    }
    for (_, adopted) in recovery.orders() {
        oms.adopt(Timestamp(0), adopted, &mut out).unwrap();
        oms.adopt(Timestamp(0), adopted, &mut out).unwrap();
    }
    assert_eq!(oms.audit(), Ok(()));
    // What is owned, what is left, and what it would be changed to.
    let worst = oms.gate().worst_position(BTC).unwrap().0;
    assert_eq!(worst, Money::from_qty(Qty::from_units(100 + 200 + 400)));
    let mut desk = Desk::of(oms);
    desk.entered.push(terms);
    desk.says("ask:100 7:unknown:200/300").submit(1, BTC).says("1:denied(Unreconciled):0/300");
    desk.report(&told(fill(200))).says("7:filled(100):100/300");
    desk.answer(0, 0, Found::Cancelled, 200).says("7:found:0/300").is_over(200);
}

#[test]
fn what_is_told_late_of_an_order_of_a_run_before_that_has_ended_is_no_stray() {
    let mut first = Desk::new();
    let mut recovery = Recovery::new(&[VenueTerms { amends: true, validity_ns: 0 }]);
    for which in 0..65 {
        first.submit(1, BTC).says("new:300");
        let terms = first.entered[which];
        recovery.sent(Timestamp(0), SESSION, 1, &VenueRequest::New(terms));
        first.accept(which).cancelled(which, 0).says("1:accepted:300/300 1:cancelled:0/300");
        let (name, end) = (terms.client_order_id, Input::Cancelled(Progress::Open(QTY)));
        recovery.heard(SESSION, &VenueReport::new(name, id(which), end)).unwrap();
    }
    let mut desk = Desk::of(oms_of(RunId::of(2, 0), 4));
    for (_, ended) in recovery.ended() {
        desk.oms.adopt(Timestamp(0), ended, &mut desk.out).unwrap();
    }
    desk.entered.clone_from(&first.entered);
    // A session tells again what was on its way when the run ended. Of four places 64 names are remembered.
    for which in [1, 64] {
        desk.accept(which).cancelled(which, 0).says("");
    }
    desk.accept(0).says("!Stray");
    desk.is_over(0);
}

#[test]
fn an_order_that_the_venue_lists_is_taken_over_while_it_is_up() {
    let mut desk = Desk::new();
    desk.submit(1, BTC).says("new:300");
    let mut other = desk.entered[0];
    other.client_order_id = ClientOrderId::new(b"by-hand").unwrap();
    let order = OwnOrder::new(other.client_order_id, BTC, Side::Buy, PRICE, QTY);
    let (kind, time_in_force) = (OrderKind::Limit, TimeInForce::Gtc);
    let adopted = Adopted { tag: 9, order, kind, time_in_force, change: None };
    desk.oms.adopt(desk.now(), &adopted, &mut desk.out).unwrap();
    desk.says("ask:0 9:unknown:300/300");
    desk.entered.push(other);
    desk.answer(1, 0, Found::Working, 0).says("9:found:300/300");
    let name = ClientOrderId::new(b"elsewhere").unwrap();
    let elsewhere = OwnOrder::new(name, InstrumentId(9), Side::Buy, PRICE, QTY);
    let elsewhere = Adopted { order: elsewhere, ..adopted };
    let refused = desk.oms.adopt(desk.now(), &elsewhere, &mut desk.out);
    assert_eq!(refused, Err(Denial::UnknownInstrument));
}

#[test]
fn what_does_not_leave_says_why() {
    let mut desk = Desk::new();
    desk.submit(1, BTC).says("new:300").submit(1, BTC).says("1:denied(Tag):300/300");
    desk.submit(2, InstrumentId(9)).says("2:denied(UnknownInstrument):0/300");
    // It is not in the book yet.
    desk.replace(1, -5, 100).says("1:denied(Tag):300/100");
    desk.replace(5, -5, 100).says("");
    for tag in 2..5 {
        desk.submit(tag, BTC).says("new:300");
    }
    desk.submit(5, BTC).says("5:denied(Room):0/300");
    desk.oms.gate_mut().halt();
    desk.hear(0, Input::Rejected).says("1:rejected:0/300");
    desk.submit(5, BTC).says("5:denied(Halted):0/300");
    desk.oms.cancel_all(desk.now(), ETH, &mut desk.out);
    desk.says("");
    desk.oms.cancel_all(desk.now(), InstrumentId::ALL, &mut desk.out);
    desk.says("cancel cancel cancel");
}

#[test]
fn fees_and_marks_make_the_result() {
    let mut desk = Desk::new();
    desk.submit(1, BTC).says("new:300");
    let fill = Input::Filled {
        trade_id: TradeId(1),
        price: PRICE,
        qty: QTY,
        after: Progress::Executed(QTY),
    };
    let name = desk.entered[0].client_order_id;
    let fee = Fee::Quote(Money::from_units(50));
    desk.report(&VenueReport { fee, ..VenueReport::new(name, id(0), fill) });
    desk.says("1:filled(300):0/300").is_over(300);
    assert_eq!(desk.oms.result(), None, "nobody knows what it is worth");
    desk.oms.mark(BTC, PRICE);
    assert_eq!(desk.oms.result(), Some(Money::from_units(-50)));
    desk.oms.mark(BTC, Price::from_units(PRICE.units() + 2));
    assert_eq!(desk.oms.result(), Some(Money::from_units(600 - 50)));
}

#[test]
fn names_are_never_given_twice_and_their_numbers_last() {
    let mut desk = Desk::new();
    let mut names = std::collections::BTreeSet::new();
    for number in 0..100 {
        desk.submit(1, BTC);
        // One stays open for a while, so that places are taken out of turn.
        if number % 7 == 0 {
            desk.submit(2 + number, BTC);
        }
        let VenueRequest::New(terms) = desk.out.requests[0].1 else { panic!("no order") };
        for (_, request) in std::mem::take(&mut desk.out.requests) {
            if let VenueRequest::New(terms) = request {
                assert!(names.insert(terms.client_order_id));
                desk.entered.push(terms);
            }
        }
        desk.out.clear();
        let rejected = VenueReport::new(terms.client_order_id, OrderId::NONE, Input::Rejected);
        desk.report(&rejected).out.clear();
        if number % 7 == 3 {
            let open: Vec<_> = desk.oms.live().map(|(_, order)| order.client_order_id).collect();
            for name in open {
                let rejected = VenueReport::new(name, OrderId::NONE, Input::Rejected);
                desk.report(&rejected).out.clear();
            }
        }
    }
    assert!(names.len() > 110);
    // Four places, so many numbers: no faster than orders.
    let last = names.iter().next_back().unwrap();
    assert!(last.as_str() < "T000001000000400", "{}", last.as_str());
}

/// Everything that a warm Oms does.
fn day(desk: &mut Desk, names: &mut [ClientOrderId; 2]) {
    desk.out.clear();
    desk.submit(1, BTC).submit(2, ETH);
    for (place, (_, request)) in desk.out.requests.iter().enumerate() {
        if let VenueRequest::New(terms) = request {
            names[place] = terms.client_order_id;
        }
    }
    for (place, venue) in [SESSION, REST].into_iter().enumerate() {
        let name = names[place];
        let order_id = OrderId(desk.now + 1 + place as u64);
        let report = |desk: &mut Desk, input| {
            let report = VenueReport::new(name, order_id, input);
            desk.oms.report(desk.now(), venue, &report, &mut desk.out);
        };
        report(desk, Input::Accepted(order_id));
        let fill = Input::Filled {
            trade_id: TradeId(1),
            price: PRICE,
            qty: qty(100),
            after: Progress::Executed(qty(100)),
        };
        report(desk, fill);
        desk.replace(1 + place as u64, -5, 400);
        desk.pass(2 * SECOND);
        desk.oms.venue_down(desk.now(), venue, &mut desk.out);
        desk.oms.venue_up(desk.now(), venue, &mut desk.out);
        desk.cancel(1 + place as u64).out.clear();
    }
    desk.oms.cancel_all(desk.now(), InstrumentId::ALL, &mut desk.out);
    // All that is there has ended.
    let first = |desk: &Desk| desk.oms.live().map(|(_, order)| *order).next();
    while let Some(order) = first(desk) {
        let executed = Progress::Executed(order.executed_qty());
        let report =
            VenueReport::new(order.client_order_id, order.order_id(), Input::Cancelled(executed));
        let venue = if order.instrument == BTC { SESSION } else { REST };
        desk.oms.report(desk.now(), venue, &report, &mut desk.out);
    }
    desk.pass(SECOND);
}

#[test]
fn a_warm_oms_allocates_nothing() {
    alone("it::oms::a_warm_oms_allocates_nothing", || {
        let mut oms = oms();
        oms.set_position(BTC, Position::default());
        let mut desk = Desk::of(oms);
        let mut names = [ClientOrderId::EMPTY; 2];
        let owned = |desk: &Desk| desk.oms.position(ETH).unwrap().owned();
        let count = allocations(|| {
            for _ in 0..20 {
                day(&mut desk, &mut names);
            }
        });
        assert_eq!(count, 0);
        assert_eq!(owned(&desk), Money::from_qty(qty(2_000)));
        assert_eq!(desk.out.anomalies, [] as [Anomaly; 0]);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_gate_counts_what_is_open_and_owned_after_any_sequence(
        steps in prop::collection::vec((0..14_u8, 0..6_usize, 0..400_u64), 0..120),
    ) {
        let mut desk = Desk::of(oms_of(RunId::of(1, 0), 12));
        let mut entered: Vec<OrderTerms> = Vec::new();
        for (what, which, units) in steps {
            let tag = 1 + units % 6;
            let place = entered.len().saturating_sub(1 + which);
            match what {
                0..3 => { desk.submit(tag, if which % 2 == 0 { BTC } else { ETH }); }
                3 => { desk.cancel(tag); }
                4 => { desk.replace(tag, which as i64 - 3, units); }
                5 => { desk.pass(units * SECOND / 200); }
                6 => {
                    let venue = if which % 2 == 0 { SESSION } else { REST };
                    if units % 2 == 0 {
                        desk.oms.venue_down(desk.now(), venue, &mut desk.out);
                    } else {
                        desk.oms.venue_up(desk.now(), venue, &mut desk.out);
                    }
                }
                _ if entered.is_empty() => {}
                _ => {
                    let terms = entered[place];
                    let after = Progress::Executed(qty(units));
                    let input = match what {
                        7..9 => Input::Accepted(id(place)),
                        9..11 => Input::Filled {
                            trade_id: TradeId(units),
                            price: PRICE,
                            qty: qty(units.min(40)),
                            after: Progress::Executed(qty(units)),
                        },
                        11 => [Input::Cancelled(after), Input::Expired(after)][which % 2],
                        12 => [Input::Rejected, Input::CancelRejected, Input::ReplaceRejected,
                            Input::Replaced { price: PRICE, open_qty: qty(units) }][which % 4],
                        _ => {
                            let found = [Found::Working, Found::Cancelled, Found::Nothing][which % 3];
                            let executed_qty = qty(units % 50);
                            let (price, qty) = (terms.price, qty(units));
                            Input::Status { found, executed_qty, price, qty }
                        }
                    };
                    let question = u64::MAX;
                    let report = VenueReport::answer(terms.client_order_id, id(place), question, input);
                    let venue = if terms.instrument == BTC { SESSION } else { REST };
                    desk.oms.report(desk.now(), venue, &report, &mut desk.out);
                }
            }
            for (_, request) in &desk.out.requests {
                if let VenueRequest::New(terms) | VenueRequest::CancelReplace { terms, .. } = request {
                    entered.push(*terms);
                }
            }
            desk.out.clear();
            prop_assert_eq!(desk.oms.audit(), Ok(()));
        }
        // Everything ends, and nothing counts any more.
        let open: Vec<_> = desk.oms.live().map(|(_, order)| *order).collect();
        for order in open {
            let end = Input::Cancelled(Progress::Executed(order.executed_qty()));
            let report = VenueReport::new(order.client_order_id, order.order_id(), end);
            let venue = if order.instrument == BTC { SESSION } else { REST };
            desk.oms.report(desk.now(), venue, &report, &mut desk.out);
        }
        prop_assert_eq!(desk.oms.audit(), Ok(()));
        prop_assert_eq!(desk.oms.gate().open_orders(), 0);
        prop_assert_eq!(desk.oms.live_orders(), 0);
    }
}

/// Two failures in ten seconds open a breaker, for two seconds at first.
fn breaking() -> Desk {
    let options = BreakerOptions {
        failures_max: 2,
        window_ns: 10 * SECOND,
        wait_first_ns: 2 * SECOND,
        wait_max_ns: 3 * SECOND,
    };
    let session = VenueTerms { amends: true, validity_ns: 0 };
    let rest = VenueTerms { amends: false, validity_ns: VALIDITY };
    Desk::of(oms_with(RunId::of(1, 0), 8, &[session, rest], options))
}

#[test]
fn a_venue_that_fails_gets_cancels_alone_and_then_one_order_that_decides() {
    let mut desk = breaking();
    for tag in [1, 2] {
        desk.submit(tag, BTC).says("new:300").accept(tag as usize - 1);
        desk.says(&format!("{tag}:accepted:300/300"));
    }
    for _ in 0..2 {
        desk.oms.venue_failed(desk.now(), SESSION);
    }
    desk.submit(3, BTC).says("3:denied(Breaker):0/300");
    desk.replace(1, -5, 300).says("1:denied(Breaker):300/300");
    desk.cancel(1).says("cancel").cancelled(0, 0).says("1:cancelled:0/300");
    // The other venue is its own.
    desk.submit(4, ETH).says("new:300").accept(2).says("4:accepted:300/300");
    desk.pass(2 * SECOND - 1).submit(3, BTC).says("3:denied(Breaker):0/300");
    desk.pass(1).submit(3, BTC).says("new:300");
    desk.submit(5, BTC).says("5:denied(Breaker):0/300");
    desk.replace(2, -5, 300).says("2:denied(Breaker):300/300");
    // An order that is denied for another reason takes no permit, and one that is refused for what it is was answered.
    desk.hear(3, Input::Rejected).says("3:rejected:0/300");
    desk.replace(2, -5, 300).says("amend:300/300");
    desk.submit(5, BTC).says("new:300");
}

#[test]
fn answers_that_do_not_come_and_connections_that_end_are_failures() {
    let mut desk = breaking();
    desk.submit(1, BTC).says("new:300").pass(SECOND).says("ask:0 1:unknown:300/300");
    let closed = |failures| Some(BreakerState::Closed { failures });
    assert_eq!(desk.oms.breaker(desk.now(), SESSION), closed(1));
    // That it is asked for again is none more.
    desk.pass(SECOND).says("ask:0");
    assert_eq!(desk.oms.breaker(desk.now(), SESSION), closed(1));
    let now = desk.now();
    desk.oms.venue_down(now, SESSION, &mut desk.out);
    let until = Timestamp(now.0 + 2 * SECOND);
    assert_eq!(desk.oms.breaker(now, SESSION), Some(BreakerState::Open { until }));
    assert_eq!(desk.oms.breaker(now, REST), closed(0));
    desk.says("");
    // Half open, its one order is not answered: longer, but not longer than the bound.
    desk.oms.venue_up(now, SESSION, &mut desk.out);
    desk.says("ask:0").answer(0, 2, Found::Nothing, 0).says("1:found:0/300");
    desk.pass(2 * SECOND).submit(2, BTC).says("new:300").pass(SECOND);
    desk.says("ask:0 2:unknown:300/300");
    let until = Timestamp(desk.now + 3 * SECOND);
    assert_eq!(desk.oms.breaker(desk.now(), SESSION), Some(BreakerState::Open { until }));
    assert_eq!(desk.oms.breaker(until, SESSION), Some(BreakerState::HalfOpen { permit: true }));
}
