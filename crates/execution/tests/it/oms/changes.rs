//! Orders that get another price and quantity.

use super::*;

#[test]
fn a_venue_that_amends_changes_the_order_and_both_count_until_it_answers() {
    let mut desk = Desk::new();
    desk.submit(1, BTC).says("new:300").accept(0).says("1:accepted:300/300");
    desk.fill(0, 100, 100).says("1:filled(100):200/300");
    desk.replace(1, -5, 500).says("amend:400/500");
    assert_eq!(desk.oms.gate().open_orders(), 2);
    let price = Price::from_units(PRICE.units() - 5);
    desk.hear(0, Input::Replaced { price, open_qty: qty(400) }).says("1:replaced:400/500");
    assert_eq!(desk.oms.gate().open_orders(), 1);
    // One that is refused leaves the order as it was, and makes it be asked for.
    desk.replace(1, 0, 300).says("amend:200/300");
    desk.hear(0, Input::ReplaceRejected)
        .says("ask:100 1:replacerejected:400/500 1:unknown:400/500");
    desk.answer_with(0, 0, Found::Working, 100, price, qty(500)).says("1:found:400/500");
    // To no more than has traded: it has ended.
    desk.replace(1, 0, 100).says("1:denied(Qty):400/100");
    desk.cancel(1).cancelled(0, 100).says("cancel 1:cancelled:0/500").is_over(100);
}

#[test]
fn a_venue_that_does_not_amend_gets_another_order_under_the_same_tag() {
    let mut desk = Desk::new();
    desk.submit(1, ETH).says("new:300").accept(0).says("1:accepted:300/300");
    desk.fill(0, 100, 100).says("1:filled(100):200/300");
    desk.replace(1, -5, 500).says("cancel-replace:400");
    assert_eq!(desk.entered[1].kind, OrderKind::PostOnly, "as the one before it");
    // What trades until then is the tag's.
    desk.fill(0, 50, 150).says("1:filled(50):550/300");
    desk.cancelled(0, 150).says("");
    desk.accept(1).says("1:replaced:400/550");
    desk.fill(1, 400, 400).says("1:filled(400):0/550").is_over(550);
}

#[test]
fn a_replacement_has_to_be_within_the_limits_beside_what_it_replaces() {
    let mut desk = Desk::new();
    for (instrument, tag) in [(BTC, 1), (ETH, 2)] {
        let limits = Limits { position_max: qty(500), ..limits() };
        desk.oms.gate_mut().set_limits(instrument, limits);
        desk.submit(tag, instrument).says("new:300").accept(tag as usize - 1);
        desk.says(&format!("{tag}:accepted:300/300"));
    }
    // A change leaves what trades meanwhile in the quantity; another order does not.
    desk.replace(1, -5, 300).says("amend:300/300");
    desk.replace(2, -5, 300).says("2:denied(Position):300/300");
    desk.replace(2, -5, 200).says("cancel-replace:200");
    desk.fill(1, 299, 299).says("2:filled(299):201/300").cancelled(1, 299).says("");
    desk.accept(2).says("2:replaced:200/499");
}

#[test]
fn a_replacement_may_be_there_before_the_order_that_it_replaces_is_heard_to_be_gone() {
    let mut desk = Desk::new();
    desk.submit(1, ETH).says("new:300").accept(0).says("1:accepted:300/300");
    desk.replace(1, -5, 300).says("cancel-replace:300");
    desk.accept(1).says("1:replaced:600/300").fill(1, 300, 300).says("1:filled(300):300/300");
    desk.cancelled(0, 0).says("1:cancelled:0/300").is_over(300);
    // While it is open, what is told then is what is open now.
    let mut desk = Desk::new();
    desk.submit(1, ETH).says("new:300").accept(0).says("1:accepted:300/300");
    desk.replace(1, -5, 200).says("cancel-replace:200").accept(1).says("1:replaced:500/200");
    desk.cancelled(0, 0).says("1:replaced:200/200");
    desk.cancel(1).cancelled(1, 0).says("cancel 1:cancelled:0/200").is_over(0);
    // What is changed then is the new one.
    let mut desk = Desk::new();
    desk.submit(1, ETH).says("new:300").accept(0).says("1:accepted:300/300");
    desk.replace(1, -5, 200).says("cancel-replace:200").accept(1).says("1:replaced:500/200");
    desk.replace(1, -9, 100).says("cancel-replace:100").accept(2).says("1:replaced:600/100");
    desk.cancelled(1, 0).says("1:replaced:400/100").fill(0, 300, 300);
    desk.says("1:filled(300):100/300").fill(2, 100, 100).says("1:filled(100):0/400").is_over(400);
}

#[test]
fn when_neither_is_done_the_order_is_what_it_was() {
    for cancel_first in [true, false] {
        let mut desk = Desk::new();
        desk.submit(1, ETH).says("new:300").accept(0).says("1:accepted:300/300");
        desk.replace(1, -5, 300).says("cancel-replace:300");
        if cancel_first {
            desk.hear(0, Input::CancelRejected).says("ask:0 1:unknown:600/300");
            desk.hear(1, Input::Rejected).says("1:replacerejected:300/300");
        } else {
            desk.hear(1, Input::Rejected).says("1:replacerejected:300/300");
            desk.hear(0, Input::CancelRejected)
                .says("ask:0 1:cancelrejected:300/300 1:unknown:300/300");
        }
        desk.answer(0, 0, Found::Working, 0).says("1:found:300/300");
        desk.cancel(1).cancelled(0, 0).says("cancel 1:cancelled:0/300").is_over(0);
    }
}

#[test]
fn when_the_new_order_alone_is_refused_the_tag_has_ended() {
    let mut desk = Desk::new();
    desk.submit(1, ETH).says("new:300").accept(0).says("1:accepted:300/300");
    desk.replace(1, -5, 300).says("cancel-replace:300");
    desk.cancelled(0, 0).says("").hear(1, Input::Rejected).says("1:rejected:0/300").is_over(0);
}
