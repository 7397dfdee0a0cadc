//! Orders that wait, and lists: what leaves, what counts, what the strategy is told.

use proptest::prelude::*;
use tiercel_execution::oms::{AdvancedOrder, Anomaly, NewOrder};
use tiercel_execution::order::{Found, Input, Progress};
use tiercel_execution::recovery::Recovery;
use tiercel_execution::risk::{Denial, Limits};
use tiercel_execution::venue::{AdvancedTerms, Gathered, VenueReport, VenueRequest};
use tiercel_types::order::ListKind;
use tiercel_types::{InstrumentId, Money, OrderKind, Price, Qty, Side, TimeInForce};

use super::desk::{BTC, Desk, ETH, PRICE, QTY, REST, SESSION, id, limits, oms, qty};

fn at(ticks: i64) -> Price {
    Price::from_units(PRICE.units() + ticks)
}

fn order(tag: u64, instrument: InstrumentId, side: Side, ticks: i64) -> AdvancedOrder {
    let order = NewOrder {
        tag,
        instrument,
        side,
        kind: OrderKind::PostOnly,
        time_in_force: TimeInForce::Gtc,
        price: at(ticks),
        qty: QTY,
    };
    AdvancedOrder { order, trigger_price: Price::ZERO }
}

fn stop(tag: u64, instrument: InstrumentId, side: Side, ticks: i64) -> AdvancedOrder {
    let AdvancedOrder { order, .. } = order(tag, instrument, side, ticks);
    let beyond = if side == Side::Buy { -2 } else { 2 };
    let order = NewOrder { kind: OrderKind::Limit, ..order };
    AdvancedOrder { order, trigger_price: at(ticks + beyond) }
}

/// Exits of something that was bought.
fn exits(instrument: InstrumentId) -> [AdvancedOrder; 2] {
    [order(1, instrument, Side::Sell, 500), stop(2, instrument, Side::Sell, -500)]
}

fn bracket(instrument: InstrumentId) -> [AdvancedOrder; 3] {
    let [profit, loss] = exits(instrument);
    [order(3, instrument, Side::Buy, 0), profit, loss]
}

impl Desk {
    fn list(&mut self, kind: ListKind, orders: &[AdvancedOrder]) -> &mut Self {
        self.oms.submit_list(self.now(), kind, orders, &mut self.out);
        self
    }

    fn oco(&mut self) -> &mut Self {
        let entered = self.entered.len();
        self.list(ListKind::Oco, &exits(BTC)).says("new@oco:0:300 new@oco:1:300");
        self.accept(entered).says("1:accepted:300/300");
        self.accept(entered + 1).says("2:accepted:300/300")
    }

    /// The worst that is counted, long and short.
    fn worst(&self, instrument: InstrumentId) -> (i128, i128) {
        let unit = Money::from_qty(qty(1)).units();
        let (long, short) = self.oms.gate().worst_position(instrument).unwrap();
        (long.units() / unit, short.units() / unit)
    }

    fn expired(&mut self, which: usize, executed: u64) -> &mut Self {
        self.hear(which, Input::Expired(Progress::Executed(qty(executed))))
    }
}

#[test]
fn of_a_pair_one_counts_and_it_is_the_one_that_trades() {
    for (first, other) in [(0, 1), (1, 0)] {
        let mut desk = Desk::new();
        desk.oco();
        assert_eq!((desk.worst(BTC), desk.oms.gate().open_orders()), ((0, -300), 2));
        // What is worth more counts: the limit.
        let used = Money::of(at(500), QTY);
        assert_eq!(desk.oms.gate().used_credit(), used);
        desk.fill(first, 100, 100).says(&format!("{}:filled(100):200/300", first + 1));
        assert_eq!(desk.worst(BTC), (-100, -300), "the other cannot trade any more");
        desk.expired(other, 0).says(&format!("{}:expired:0/300", other + 1));
        desk.fill(first, 200, 300).says(&format!("{}:filled(200):0/300", first + 1));
        assert_eq!(desk.worst(BTC), (-300, -300));
        assert_eq!((desk.oms.live_orders(), desk.oms.gate().open_orders()), (0, 0));
    }
}

#[test]
fn when_one_ends_the_other_counts_until_its_own_end_is_heard() {
    for (first, other) in [(0, 1), (1, 0)] {
        let mut desk = Desk::new();
        desk.oco().expired(first, 0).says(&format!("{}:expired:0/300", first + 1));
        assert_eq!(desk.worst(BTC), (0, -300), "it may have ended because the other trades");
        desk.fill(other, 300, 300).says(&format!("{}:filled(300):0/300", other + 1));
        assert_eq!(desk.worst(BTC), (-300, -300));
        assert_eq!(desk.oms.gate().open_orders(), 0);
    }
}

#[test]
fn a_bracket_counts_with_its_exits_from_the_beginning() {
    let mut desk = Desk::new();
    desk.list(ListKind::Otoco, &bracket(BTC));
    desk.says("new@otoco:0:300 new@otoco:1:300 new@otoco:2:300");
    assert_eq!((desk.worst(BTC), desk.oms.gate().open_orders()), ((300, -300), 3));
    for which in 0..3 {
        let tag = [3, 1, 2][which];
        desk.accept(which).says(&format!("{tag}:accepted:300/300"));
    }
    desk.fill(0, 300, 300).says("3:filled(300):0/300");
    assert_eq!(desk.worst(BTC), (300, 0));
    desk.fill(2, 300, 300).says("2:filled(300):0/300").expired(1, 0).says("1:expired:0/300");
    desk.is_over(0);
}

#[test]
fn the_end_of_a_list_is_told_of_each_order_once() {
    let mut desk = Desk::new();
    desk.oco().cancel(1).says("cancel").cancelled(0, 0).says("1:cancelled:0/300");
    desk.expired(1, 0).says("2:expired:0/300").expired(1, 0).says("").is_over(0);
    // Both are to end: what the second is refused for is known by then.
    desk.oco().cancel(1).cancel(2).says("cancel cancel");
    desk.cancelled(2, 0).says("1:cancelled:0/300").expired(3, 0).says("2:expired:0/300");
    desk.hear(3, Input::CancelRejected).says("").is_over(0);
}

#[test]
fn all_of_a_list_leaves_or_nothing_and_each_order_is_told_why() {
    let mut desk = Desk::new();
    let small = Limits { position_max: qty(299), ..limits() };
    desk.oms.gate_mut().set_limits(BTC, small);
    let before = desk.oms.gate().clone();
    desk.list(ListKind::Oto, &[order(1, BTC, Side::Buy, 0), order(2, BTC, Side::Sell, 9)]);
    desk.says("1:denied(Position):0/300 2:denied(Position):0/300").is_over(0);
    // The first may leave, the second may not.
    desk.oms.gate_mut().set_limits(BTC, Limits { position_max: qty(400), ..limits() });
    let more = |order: AdvancedOrder| AdvancedOrder {
        order: NewOrder { qty: qty(401), ..order.order },
        ..order
    };
    let pending = more(order(2, BTC, Side::Sell, 9));
    desk.list(ListKind::Oto, &[order(1, BTC, Side::Buy, 0), pending]);
    desk.says("1:denied(Position):0/300 2:denied(Position):0/401").is_over(0);
    assert_eq!(desk.oms.gate().worst_position(BTC), before.worst_position(BTC));
    // Neither tags nor names nor room are gone.
    desk.oms.gate_mut().set_limits(BTC, limits());
    desk.submit(8, BTC).submit(9, BTC).says("new:300 new:300");
    desk.list(ListKind::Otoco, &bracket(BTC));
    desk.says("3:denied(Room):0/300 1:denied(Room):0/300 2:denied(Room):0/300");
    desk.list(ListKind::Oco, &exits(BTC)).says("new@oco:0:300 new@oco:1:300");
    // One tag for two of them, or one that is in use.
    let mut desk = Desk::new();
    desk.oco().list(ListKind::Oco, &exits(BTC));
    desk.says("1:denied(Tag):300/300 2:denied(Tag):300/300");
    let [one, other] =
        exits(BTC).map(|it| AdvancedOrder { order: NewOrder { tag: 7, ..it.order }, ..it });
    desk.list(ListKind::Oco, &[one, other]).says("7:denied(Tag):0/300 7:denied(Tag):0/300");
}

#[test]
fn what_hangs_together_as_no_venue_has_it_is_denied() {
    let [profit, loss] = exits(BTC);
    let entry = order(3, BTC, Side::Buy, 0);
    let with = |order: AdvancedOrder, change: fn(&mut AdvancedOrder)| {
        let mut changed = order;
        change(&mut changed);
        changed
    };
    let waiting_entry = with(entry, |it| {
        it.order.kind = OrderKind::Limit;
        it.trigger_price = at(1);
    });
    let cases: &[(ListKind, &[AdvancedOrder])] = &[
        (ListKind::Oco, &[profit]),
        (ListKind::Oco, &[profit, profit]),
        (ListKind::Oco, &[loss, loss]),
        (ListKind::Oco, &[profit, with(loss, |it| it.order.side = Side::Buy)]),
        (ListKind::Oco, &[profit, with(loss, |it| it.order.qty = qty(299))]),
        (ListKind::Oco, &[profit, with(loss, |it| it.trigger_price = at(500))]),
        (ListKind::Oco, &[profit, with(loss, |it| it.order.instrument = ETH)]),
        (ListKind::Oco, &[profit, with(loss, |it| it.order.kind = OrderKind::PostOnly)]),
        (ListKind::Oco, &[with(profit, |it| it.order.kind = OrderKind::Limit), loss]),
        (ListKind::Oco, &[entry, profit, loss]),
        (ListKind::Oto, &[waiting_entry, profit]),
        (ListKind::Oto, &[entry, with(profit, |it| it.order.kind = OrderKind::Market)]),
        (ListKind::Otoco, &[entry, profit]),
        (ListKind::Otoco, &[waiting_entry, profit, loss]),
        (ListKind::Otoco, &[with(entry, |it| it.order.side = Side::Sell), profit, loss]),
    ];
    let mut desk = Desk::new();
    for (kind, orders) in cases {
        desk.list(*kind, orders);
        let is_denied = |update: &tiercel_execution::oms::Update| {
            update.kind == tiercel_execution::oms::UpdateKind::Denied(Denial::Terms)
        };
        assert!(desk.out.requests.is_empty() && desk.out.updates.iter().all(is_denied));
        assert_eq!(desk.out.updates.len(), orders.len());
        desk.out.clear();
    }
    desk.oms.submit_waiting(desk.now(), &entry, &mut desk.out);
    desk.says("3:denied(Terms):0/300").is_over(0);
}

#[test]
fn what_waits_is_held_against_its_trigger_and_crosses_nothing() {
    let mut desk = Desk::new();
    // Far from the touch, and near its trigger.
    let far = PRICE.units() / 2;
    let low = stop(1, BTC, Side::Sell, -far);
    desk.oms.submit_waiting(desk.now(), &low, &mut desk.out);
    desk.says("new:300");
    let beyond = PRICE.units() / 5;
    let loose = AdvancedOrder { trigger_price: at(-far + beyond), ..low };
    let loose = AdvancedOrder { order: NewOrder { tag: 2, ..loose.order }, ..loose };
    desk.oms.submit_waiting(desk.now(), &loose, &mut desk.out);
    desk.says("2:denied(TouchCollar):0/300");
    // A bid above it would meet it, were it in the book.
    desk.submit(3, BTC).says("new:300");
    // An exit of an entry far below the touch is held against the entry.
    let entry = order(4, BTC, Side::Buy, -far);
    let exit = order(5, BTC, Side::Sell, -far + 10);
    desk.list(ListKind::Oto, &[entry, exit]).says("new@oto:0:300 new@oto:1:300");
}

#[test]
fn an_order_of_a_list_or_one_that_waits_is_not_changed() {
    let mut desk = Desk::new();
    desk.oco().replace(1, 5, 300).says("1:denied(NotChanged):300/300");
    desk.oms.submit_waiting(desk.now(), &stop(3, ETH, Side::Buy, 7), &mut desk.out);
    desk.says("new:300").accept(2).says("3:accepted:300/300");
    desk.replace(3, 5, 300).says("3:denied(NotChanged):300/300");
}

#[test]
fn what_cannot_be_entered_when_its_time_comes_is_refused_though_the_venue_had_it() {
    for is_asked in [false, true] {
        let mut desk = Desk::new();
        desk.oms.submit_waiting(desk.now(), &stop(1, BTC, Side::Buy, 9), &mut desk.out);
        desk.says("new:300").accept(0).says("1:accepted:300/300");
        if is_asked {
            desk.oms.venue_up(desk.now(), SESSION, &mut desk.out);
            desk.says("ask:0 1:unknown:300/300");
            desk.answer(0, 0, Found::Rejected, 0).says("1:found:0/300");
        } else {
            desk.hear(0, Input::Rejected).says("1:rejected:0/300");
        }
        desk.hear(0, Input::Rejected).says("").is_over(0);
    }
    // Of one that was in the book from the beginning it cannot be.
    let mut desk = Desk::new();
    desk.submit(1, BTC).says("new:300").accept(0).says("1:accepted:300/300");
    desk.hear(0, Input::Rejected).says("ask:0 1:unknown:300/300 !Illegal");
}

#[test]
fn a_list_that_is_not_answered_is_asked_for_order_by_order() {
    let mut desk = Desk::new();
    desk.list(ListKind::Oco, &exits(ETH)).says("new@oco:0:300 new@oco:1:300");
    desk.oms.venue_down(desk.now(), REST, &mut desk.out);
    desk.says("1:unknown:300/300 2:unknown:300/300");
    assert_eq!(desk.worst(ETH), (0, -300));
    desk.pass(super::VALIDITY).says("");
    desk.oms.venue_up(desk.now(), REST, &mut desk.out);
    desk.says("ask:0 ask:0");
    desk.answer(0, 0, Found::Nothing, 0).says("1:found:0/300");
    assert_eq!(desk.worst(ETH), (0, -300), "of the other nothing is known");
    desk.answer(1, 1, Found::Nothing, 0).says("2:found:0/300").is_over(0);
}

#[test]
fn the_next_run_takes_over_each_order_of_a_list_for_itself() {
    let mut desk = Desk::new();
    desk.list(ListKind::Otoco, &bracket(BTC));
    let mut recovery = Recovery::new(&[super::VenueTerms { amends: true, validity_ns: 0 }]);
    for (at, (venue, request)) in desk.out.requests.iter().enumerate() {
        recovery.sent(desk.now(), *venue, [3, 1, 2][at], request);
        let name = request.entered().unwrap().client_order_id;
        let report = VenueReport::new(name, id(at), Input::Accepted(id(at)));
        recovery.heard(SESSION, &report).unwrap();
        if at == 2 {
            // The stop could not be entered when its time came.
            let late = VenueReport::new(name, id(at), Input::Rejected);
            recovery.heard(SESSION, &late).unwrap();
        }
    }
    let live: Vec<_> = recovery.orders().map(|(_, adopted)| *adopted).collect();
    assert_eq!(live.iter().map(|adopted| adopted.tag).collect::<Vec<_>>(), [3, 1]);
    let mut next = Desk::of(oms());
    for adopted in &live {
        next.oms.adopt(next.now(), adopted, &mut next.out).unwrap();
    }
    next.says("ask:0 ask:0 3:unknown:300/300 1:unknown:300/300");
    assert_eq!(next.worst(BTC), (300, -300));
    next.replace(3, 5, 300).says("3:denied(NotChanged):300/300");
}

/// The orders of a list, as they are requested.
fn requested(kind: ListKind, orders: &[AdvancedOrder]) -> Vec<AdvancedTerms> {
    let mut desk = Desk::new();
    desk.list(kind, orders).list(kind, &orders.iter().map(renumbered).collect::<Vec<_>>());
    let terms = desk.out.requests.iter().map(|(_, request)| match request {
        VenueRequest::NewAdvanced(terms) => *terms,
        other => panic!("{other:?}"),
    });
    terms.collect()
}

fn renumbered(order: &AdvancedOrder) -> AdvancedOrder {
    let tag = order.order.tag + 100;
    AdvancedOrder { order: NewOrder { tag, ..order.order }, ..*order }
}

#[test]
fn a_list_is_entered_when_its_last_order_is_there_and_never_in_part() {
    let two = [order(3, BTC, Side::Buy, 0), order(1, BTC, Side::Sell, 500)];
    let all = requested(ListKind::Oto, &two);
    let [a, b, c, d] = &all[..] else { panic!("{all:?}") };
    let mut gathered = Gathered::default();
    let mut take = |terms: &AdvancedTerms| gathered.take(terms).map(<[_]>::to_vec);
    assert_eq!((take(a), take(b)), (None, Some(vec![*a, *b])));
    // The second of the first list is missing, then the first of the second.
    assert_eq!((take(a), take(c), take(d)), (None, None, Some(vec![*c, *d])));
    assert_eq!((take(d), take(a), take(d)), (None, None, None));
    assert_eq!(take(b), None, "it was given up");
    let alone = AdvancedTerms { list: None, ..*a };
    assert_eq!((take(a), take(&alone), take(b)), (None, Some(vec![alone]), None));
}

/// What happens to a pair at its venue: one trades, in parts, and ends, perhaps before it has traded in full; the other
/// ends. Or both end.
#[derive(Clone, Debug)]
struct Fate {
    which: usize,
    parts: Vec<u64>,
    is_cancelled: bool,
    /// Which of the two is heard of next.
    order: Vec<bool>,
}

fn fates() -> impl Strategy<Value = Fate> {
    let parts = prop::collection::vec(1..100_u64, 0..4);
    let order = prop::collection::vec(any::<bool>(), 12);
    (0..2_usize, parts, any::<bool>(), order).prop_map(|(which, parts, is_cancelled, order)| Fate {
        which,
        parts,
        is_cancelled,
        order,
    })
}

/// Everything that the venue tells of the two, of each in its order.
fn told(fate: &Fate, desk: &Desk) -> [Vec<Input>; 2] {
    let mut told = [vec![Input::Accepted(id(0))], vec![Input::Accepted(id(1))]];
    let mut executed = 0;
    for part in &fate.parts {
        executed += part;
        told[fate.which].push(Input::Filled {
            trade_id: tiercel_types::TradeId(executed),
            price: desk.entered[fate.which].price,
            qty: qty(*part),
            after: Progress::Executed(qty(executed)),
        });
    }
    if executed < QTY.units() {
        let end = Progress::Executed(qty(executed));
        told[fate.which].push(if fate.is_cancelled {
            Input::Cancelled(end)
        } else {
            Input::Expired(end)
        });
    }
    told[1 - fate.which].push(Input::Expired(Progress::Executed(Qty::ZERO)));
    told
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_heard_first_the_worst_case_holds_and_is_within_what_was_admitted(fate in fates()) {
        let mut desk = Desk::new();
        desk.list(ListKind::Oco, &exits(BTC)).says("new@oco:0:300 new@oco:1:300");
        let traded = fate.parts.iter().sum::<u64>().min(300);
        prop_assume!(fate.parts.iter().sum::<u64>() <= 300);
        let mut left = told(&fate, &desk).map(Vec::into_iter);
        let mut order = fate.order.iter().cycle();
        for _ in 0..16 {
            let (_, short) = desk.worst(BTC);
            prop_assert!(-short >= i128::from(traded), "{short} is not all that may come");
            prop_assert!(-short <= 300, "{short} is more than was admitted");
            let which = usize::from(*order.next().unwrap());
            let (which, input) = match left[which].next() {
                Some(input) => (which, input),
                None => match left[1 - which].next() {
                    Some(input) => (1 - which, input),
                    None => break,
                },
            };
            desk.hear(which, input);
            let anomalies: &[Anomaly] = &desk.out.anomalies;
            prop_assert_eq!(anomalies, &[]);
            desk.out.clear();
            prop_assert_eq!(desk.oms.audit(), Ok(()));
        }
        prop_assert_eq!((desk.oms.live_orders(), desk.oms.gate().open_orders()), (0, 0));
        prop_assert_eq!(desk.worst(BTC).1, -i128::from(traded));
    }
}
