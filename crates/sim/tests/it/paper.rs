//! The paper venue: what is filled, when it is told, and what it costs.

use proptest::prelude::*;
use tiercel_book::l2::L2Book;
use tiercel_execution::order::{Found, Input, Progress};
use tiercel_execution::position::Fee;
use tiercel_execution::venue::{OrderName, OrderTerms, VenueReport, VenueRequest};
use tiercel_sim::paper::{Fees, Latency, PaperOptions, PaperVenue};
use tiercel_sim::rng::Rng;
use tiercel_strategy::Terms;
use tiercel_testkit::counting_allocator::{
    CountingAllocator, allocations, alone, assert_counts_every_thread,
};
use tiercel_types::market::{BestBidOffer, Level};
use tiercel_types::{
    ClientOrderId, InstrumentId, Money, OrderId, OrderKind, Price, Qty, Side, TimeInForce,
    Timestamp,
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

pub(crate) const FIRST: InstrumentId = InstrumentId(0);
pub(crate) const TICK: i64 = 1_000_000;
pub(crate) const LOT: u64 = 1_000;

pub(crate) fn terms() -> Terms {
    Terms {
        instrument: FIRST,
        tick: Price::from_units(TICK),
        lot: Qty::from_units(LOT),
        qty_min: Qty::from_units(LOT),
        notional_min: Money::ZERO,
    }
}

/// A level in ticks and lots.
pub(crate) const fn level(ticks: i64, lots: u64) -> Level {
    Level { price: Price::from_units(ticks * TICK), qty: Qty::from_units(lots * LOT) }
}

fn name(number: u64) -> ClientOrderId {
    format!("order-{number}").parse().unwrap()
}

/// A paper venue, the live book, and the time.
pub(crate) struct Desk {
    pub(crate) paper: PaperVenue,
    pub(crate) live: L2Book,
    pub(crate) now: u64,
    update_id: u64,
}

impl Desk {
    pub(crate) fn new(options: PaperOptions) -> Self {
        Self {
            paper: PaperVenue::new(options, &[terms()], 64, Rng::new(7)),
            live: L2Book::new(1_024),
            now: 1_000,
            update_id: 0,
        }
    }

    /// The live book changes.
    pub(crate) fn change(&mut self, bids: &[Level], asks: &[Level]) {
        self.update_id += 1;
        self.live.change(bids, asks).unwrap();
        self.live.finish(self.update_id).unwrap();
        self.paper.book(Timestamp(self.now), FIRST, &self.live);
    }

    pub(crate) fn trade(&mut self, ticks: i64, lots: u64, aggressor: Side) {
        let Level { price, qty } = level(ticks, lots);
        self.paper.trade(Timestamp(self.now), FIRST, price, qty, aggressor);
    }

    pub(crate) fn send(&mut self, request: VenueRequest) {
        self.paper.submit(Timestamp(self.now), &request);
    }

    /// Time passes: what is told meanwhile, and when.
    pub(crate) fn pass(&mut self, ns: u64) -> Vec<(u64, VenueReport)> {
        let end = self.now + ns;
        let mut told = Vec::new();
        while let Some(due) = self.paper.next_due().filter(|due| due.0 <= end) {
            self.paper.advance(due, |_| Some(&self.live));
            while let Some(report) = self.paper.take_report(due) {
                told.push((report.due.0, report.report));
            }
        }
        self.paper.advance(Timestamp(end), |_| Some(&self.live));
        self.now = end;
        told
    }

    /// The same, of which only fills are shown: whose, and how many lots at how many ticks.
    pub(crate) fn fills(&mut self, ns: u64) -> Vec<(String, u64, i64)> {
        let told = self.pass(ns).into_iter();
        told.filter_map(|(_, report)| match report.input {
            Input::Filled { price, qty, .. } => {
                let name = report.client_order_id.as_str().to_owned();
                Some((name, qty.units() / LOT, price.units() / TICK))
            }
            _ => None,
        })
        .collect()
    }
}

pub(crate) fn order(number: u64, side: Side, ticks: i64, lots: u64) -> OrderTerms {
    let Level { price, qty } = level(ticks, lots);
    OrderTerms {
        client_order_id: name(number),
        instrument: FIRST,
        side,
        kind: OrderKind::Limit,
        time_in_force: TimeInForce::Gtc,
        price,
        qty,
    }
}

pub(crate) fn named(number: u64) -> OrderName {
    OrderName {
        client_order_id: name(number),
        order_id: OrderId::NONE,
        instrument: FIRST,
        side: Side::Buy,
    }
}

fn filled(number: u64, lots: u64, ticks: i64) -> (String, u64, i64) {
    (name(number).as_str().to_owned(), lots, ticks)
}

fn desk() -> Desk {
    let mut desk = Desk::new(PaperOptions::default());
    desk.change(&[level(1_000, 50), level(999, 80)], &[level(1_010, 40), level(1_011, 60)]);
    desk
}

#[test]
fn who_waits_is_filled_when_all_that_was_ahead_has_traded() {
    let mut desk = desk();
    desk.send(VenueRequest::New(order(1, Side::Buy, 1_000, 20)));
    desk.pass(10);
    assert_eq!(desk.paper.ahead(&name(1)), Some(level(0, 50).qty));
    desk.change(&[level(1_000, 70)], &[]);
    desk.trade(1_000, 45, Side::Sell);
    assert_eq!(desk.fills(10), []);
    assert_eq!(desk.paper.ahead(&name(1)), Some(level(0, 5).qty));
    // The book tells the same decrease: nothing moves.
    desk.change(&[level(1_000, 25)], &[]);
    assert_eq!(desk.paper.ahead(&name(1)), Some(level(0, 5).qty));
    desk.trade(1_000, 12, Side::Sell);
    assert_eq!(desk.fills(10), [filled(1, 7, 1_000)]);
    // Who buys at that price meets nobody.
    desk.trade(1_000, 12, Side::Buy);
    assert_eq!(desk.fills(10), []);
    // A trade at a worse price was ours first.
    desk.trade(999, 100, Side::Sell);
    assert_eq!(desk.fills(10), [filled(1, 13, 1_000)]);
    assert!(desk.paper.agrees() && desk.paper.refused() == 0);
}

#[test]
fn a_trade_at_a_worse_price_is_ours_before_what_the_book_still_shows() {
    let mut desk = desk();
    desk.send(VenueRequest::New(order(1, Side::Buy, 1_000, 20)));
    desk.pass(10);
    desk.trade(999, 15, Side::Sell);
    assert_eq!(desk.fills(10), [filled(1, 15, 1_000)]);
    assert_eq!(desk.paper.ahead(&name(1)), Some(Qty::ZERO));
    let here = level(1_000, 50);
    assert_eq!(desk.paper.market_qty(FIRST, Side::Buy, here.price), here.qty);
    assert!(desk.paper.agrees());
}

#[test]
fn a_decrease_that_comes_before_its_trade_counts_once() {
    let mut desk = desk();
    desk.send(VenueRequest::New(order(1, Side::Buy, 1_000, 20)));
    desk.pass(10);
    desk.change(&[level(1_000, 100)], &[]);
    // Forty are gone, by their shares: twenty of those ahead.
    desk.change(&[level(1_000, 60)], &[]);
    assert_eq!(desk.paper.ahead(&name(1)), Some(level(0, 30).qty));
    // They were traded: forty from the front.
    desk.trade(1_000, 40, Side::Sell);
    assert_eq!(desk.paper.ahead(&name(1)), Some(level(0, 10).qty));
    assert_eq!(desk.paper.market_qty(FIRST, Side::Buy, level(1_000, 0).price).units(), 60 * LOT);
    assert_eq!(desk.fills(10), []);
    desk.trade(1_000, 15, Side::Sell);
    assert_eq!(desk.fills(10), [filled(1, 5, 1_000)]);
    // All of the price at once: who waited there had a part of it.
    desk.change(&[level(1_000, 0)], &[]);
    desk.trade(1_000, 45, Side::Sell);
    assert_eq!(desk.fills(10), [filled(1, 15, 1_000)]);
    assert!(desk.paper.agrees());
}

#[test]
fn a_book_that_comes_to_us_fills_us_at_our_price_by_what_it_shows() {
    let mut desk = desk();
    desk.send(VenueRequest::New(order(1, Side::Buy, 1_005, 30)));
    desk.send(VenueRequest::New(order(2, Side::Sell, 1_008, 30)));
    assert_eq!(desk.fills(10), []);
    desk.change(&[], &[level(1_004, 12)]);
    assert_eq!(desk.fills(10), [filled(1, 12, 1_005)]);
    // Best prices alone do the same.
    let bid = level(1_008, 35);
    desk.change(&[level(1_000, 0)], &[level(1_004, 0), level(1_010, 0)]);
    let best = BestBidOffer { update_id: 9, bid, ask: level(1_011, 60) };
    desk.paper.best(Timestamp(desk.now), FIRST, &best);
    assert_eq!(desk.fills(10), [filled(2, 30, 1_008)]);
    assert_eq!(desk.paper.market_qty(FIRST, Side::Buy, bid.price).units(), 5 * LOT);
    assert!(desk.paper.agrees());
}

#[test]
fn what_we_take_is_there_again_with_the_next_change_of_its_price() {
    let mut desk = desk();
    let take = |number| {
        let terms = order(number, Side::Buy, 1_011, 70);
        VenueRequest::New(OrderTerms { time_in_force: TimeInForce::Ioc, ..terms })
    };
    desk.send(take(1));
    assert_eq!(desk.fills(10), [filled(1, 40, 1_010), filled(1, 30, 1_011)]);
    desk.change(&[], &[level(1_012, 5)]);
    desk.send(take(2));
    assert_eq!(desk.fills(10), [filled(2, 30, 1_011)]);
    desk.change(&[], &[level(1_010, 39)]);
    desk.send(take(3));
    assert_eq!(desk.fills(10), [filled(3, 39, 1_010)]);
}

#[test]
fn an_order_far_from_the_touch_waits_behind_what_is_there() {
    let mut desk = desk();
    let many: Vec<Level> = (0..100).map(|number| level(998 - number, 10)).collect();
    desk.change(&many, &[]);
    desk.send(VenueRequest::New(order(1, Side::Buy, 920, 5)));
    desk.pass(10);
    assert_eq!(desk.paper.ahead(&name(1)), Some(level(0, 10).qty));
    desk.change(&[level(920, 4)], &[]);
    assert_eq!(desk.paper.ahead(&name(1)), Some(level(0, 4).qty));
    assert!(desk.paper.agrees());
}

fn executed(lots: u64) -> Progress {
    Progress::Executed(Qty::from_units(lots * LOT))
}

#[test]
fn each_request_is_answered_in_its_time_and_with_its_costs() {
    let latency = Latency { order_ns: 300, report_ns: 200, jitter_ns: 0 };
    let fees = Fees { maker_ppm: 100, taker_ppm: 1_000, ..Fees::default() };
    let mut desk = Desk::new(PaperOptions { latency, fees, ..PaperOptions::default() });
    desk.change(&[level(1_000, 50)], &[level(1_010, 40)]);
    desk.send(VenueRequest::New(order(1, Side::Buy, 1_010, 100)));
    assert_eq!(desk.pass(499), []);
    let told = desk.pass(1);
    assert!(told.iter().all(|(at, _)| *at == 1_500), "{told:?}");
    let (id, trade) = match (told[0].1.input, told[1].1.input) {
        (Input::Accepted(id), Input::Filled { trade_id, after, .. }) if after == executed(40) => {
            (id, trade_id)
        }
        other => panic!("{other:?}"),
    };
    assert!(trade.0 > 0 && told.len() == 2);
    // A thousandth of 40 lots of 10^-5 each, in what was bought.
    assert_eq!(told[1].1.fee, Fee::Base(Money::from_units(40 * 1_000 * 100_000_000 / 1_000)));
    let inputs = |desk: &mut Desk, request| {
        desk.send(request);
        desk.pass(1_000).into_iter().map(|(_, report)| report.input).collect::<Vec<_>>()
    };
    let byname = OrderName { order_id: id, ..named(1) };
    let Level { price, qty } = level(1_002, 90);
    let amend = VenueRequest::Amend { name: byname, price, qty, open_qty: level(0, 50).qty };
    let replaced = Input::Replaced { price, open_qty: level(0, 50).qty };
    assert_eq!(inputs(&mut desk, amend), [replaced]);
    assert_eq!(inputs(&mut desk, amend), [Input::ReplaceRejected]);
    let query = |number| VenueRequest::Query {
        name: named(number),
        executed_qty: Qty::ZERO,
        last_trade: tiercel_types::TradeId(0),
        question: 3,
    };
    let stands = |found| Input::Status { found, executed_qty: level(0, 40).qty, price, qty };
    assert_eq!(inputs(&mut desk, query(1)), [stands(Found::Working)]);
    let swap = VenueRequest::CancelReplace { name: byname, terms: order(2, Side::Buy, 1_001, 7) };
    let swapped = inputs(&mut desk, swap);
    assert_eq!(swapped[0], Input::Cancelled(executed(40)));
    assert!(matches!(swapped[1], Input::Accepted(_)) && swapped.len() == 2);
    assert_eq!(inputs(&mut desk, query(1)), [stands(Found::Cancelled)]);
    assert_eq!(inputs(&mut desk, swap), [Input::CancelRejected, Input::Rejected]);
    assert_eq!(inputs(&mut desk, VenueRequest::Cancel(named(1))), [Input::CancelRejected]);
    let ended = inputs(&mut desk, VenueRequest::Cancel(named(2)));
    assert_eq!(ended, [Input::Cancelled(executed(0))]);
    assert!(matches!(
        inputs(&mut desk, query(9))[..],
        [Input::Status { found: Found::Nothing, .. }]
    ));
    // What a venue refuses, and what ends by its own terms.
    let odd = OrderTerms { qty: Qty::from_units(LOT + 1), ..order(3, Side::Buy, 1_000, 1) };
    assert_eq!(inputs(&mut desk, VenueRequest::New(odd)), [Input::Rejected]);
    let crossing = OrderTerms { kind: OrderKind::PostOnly, ..order(4, Side::Sell, 1_000, 1) };
    assert_eq!(inputs(&mut desk, VenueRequest::New(crossing)), [Input::Rejected]);
    let ioc = OrderTerms { time_in_force: TimeInForce::Ioc, ..order(5, Side::Sell, 1_001, 1) };
    let ended = inputs(&mut desk, VenueRequest::New(ioc));
    assert_eq!(ended[1..], [Input::Expired(executed(0))]);
    assert_eq!(desk.paper.live_orders(), 0);
}

#[test]
fn no_request_and_no_report_overtakes_another_however_they_vary() {
    let latency = Latency { order_ns: 100, report_ns: 50, jitter_ns: 400 };
    let mut desk = Desk::new(PaperOptions { latency, ..PaperOptions::default() });
    desk.change(&[level(1_000, 50)], &[level(1_010, 40)]);
    for number in 0..200 {
        desk.send(VenueRequest::New(order(number, Side::Buy, 900, 1)));
        desk.now += 10;
    }
    let told = desk.pass(10_000);
    let numbers: Vec<_> = told.iter().map(|(_, report)| report.client_order_id).collect();
    assert_eq!(numbers, (0..200).map(name).collect::<Vec<_>>());
    assert!(told.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    let ways = told.iter().zip(0..).map(|((at, _), number)| at - (1_000 + 10 * number));
    let (least, most) =
        ways.fold((u64::MAX, 0), |(least, most), way| (least.min(way), most.max(way)));
    assert!(least >= 150 && most <= 950 && most > least + 100, "{least} {most}");
}

#[test]
fn quotes_that_follow_a_moving_book_allocate_nothing() {
    alone("it::paper::quotes_that_follow_a_moving_book_allocate_nothing", || {
        assert_counts_every_thread();
        let mut desk = Desk::new(PaperOptions::default());
        let requests: Vec<_> = (0..64)
            .map(|number| VenueRequest::New(order(number, Side::Buy, 999 + number as i64 % 3, 5)))
            .collect();
        let mut turns = |count: u64| {
            for turn in 0..count {
                let (at, lots) = (1_000 + (turn % 5) as i64, 20 + turn % 7);
                desk.change(&[level(at, lots), level(at - 5, 0)], &[level(at + 9, lots)]);
                desk.send(requests[turn as usize % 64]);
                desk.trade(at, 6, Side::Sell);
                desk.now += 10;
                desk.paper.advance(Timestamp(desk.now), |_| Some(&desk.live));
                while desk.paper.take_report(Timestamp(desk.now)).is_some() {}
                let request = VenueRequest::Cancel(OrderName {
                    order_id: OrderId::NONE,
                    client_order_id: match &requests[turn as usize % 64] {
                        VenueRequest::New(terms) => terms.client_order_id,
                        _ => ClientOrderId::EMPTY,
                    },
                    instrument: FIRST,
                    side: Side::Buy,
                });
                desk.send(request);
                desk.change(&[], &[level(at + 9, 0)]);
            }
        };
        turns(4_000);
        assert_eq!(allocations(|| turns(4_000)), 0);
    });
}

#[derive(Clone, Debug)]
enum Step {
    Bid(i64, u64),
    Ask(i64, u64),
    Best(i64, u64, i64, u64),
    Trade(i64, u64, bool),
    New(bool, i64, u64),
    Cancel(u64),
    Amend(u64, i64, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..40_i64, 0..30_u64).prop_map(|(at, qty)| Step::Bid(at, qty)),
        (0..40_i64, 0..30_u64).prop_map(|(at, qty)| Step::Ask(at, qty)),
        (0..40_i64, 0..9_u64, 0..40_i64, 0..9_u64).prop_map(|(a, b, c, d)| Step::Best(a, b, c, d)),
        (0..40_i64, 1..30_u64, any::<bool>())
            .prop_map(|(at, qty, buys)| Step::Trade(at, qty, buys)),
        (any::<bool>(), 0..40_i64, 1..20_u64).prop_map(|(buys, at, qty)| Step::New(buys, at, qty)),
        (0..20_u64).prop_map(Step::Cancel),
        (0..20_u64, 0..40_i64, 1..30_u64).prop_map(|(which, at, qty)| Step::Amend(which, at, qty)),
    ]
}

const fn side(buys: bool) -> Side {
    if buys { Side::Buy } else { Side::Sell }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    /// Bids and asks are told as they come: prices that would cross in the live book are taken out of it first.
    #[test]
    fn whatever_comes_queues_are_the_engines_and_fills_are_explained(steps in prop::collection::vec(step(), 1..120)) {
        let mut desk = Desk::new(PaperOptions::default());
        let mut number = 0;
        for step in &steps {
            let mut may_fill = false;
            match *step {
                Step::Bid(at, qty) => {
                    let gone: Vec<Level> = (0..=at).map(|other| level(1_000 + other, 0)).collect();
                    desk.change(&[level(1_000 + at, qty)], if qty > 0 { &gone } else { &[] });
                    may_fill = true;
                }
                Step::Ask(at, qty) => {
                    let gone: Vec<Level> = (at..40).map(|other| level(1_000 + other, 0)).collect();
                    desk.change(if qty > 0 { &gone } else { &[] }, &[level(1_000 + at, qty)]);
                    may_fill = true;
                }
                Step::Best(bid, bids, ask, asks) if bid < ask => {
                    let (bid, ask) = (level(1_000 + bid, bids), level(1_000 + ask, asks));
                    desk.paper.best(Timestamp(desk.now), FIRST, &BestBidOffer { update_id: 0, bid, ask });
                    may_fill = true;
                }
                Step::Best(..) => {}
                Step::Trade(at, qty, buys) => {
                    desk.trade(1_000 + at, qty, side(buys));
                    let filled: u64 = desk.fills(10).iter().map(|(_, lots, _)| lots).sum();
                    prop_assert!(filled <= qty);
                }
                Step::New(buys, at, qty) => {
                    number += 1;
                    desk.send(VenueRequest::New(order(number, side(buys), 1_000 + at, qty)));
                    may_fill = true;
                }
                Step::Cancel(which) => desk.send(VenueRequest::Cancel(named(which))),
                Step::Amend(which, at, qty) => {
                    let Level { price, qty } = level(1_000 + at, qty);
                    desk.send(VenueRequest::Amend { name: named(which), price, qty, open_qty: qty });
                    may_fill = true;
                }
            }
            let filled = desk.fills(10);
            prop_assert!(may_fill || filled.is_empty());
            prop_assert!(desk.paper.agrees(), "{step:?}");
            prop_assert_eq!(desk.paper.refused(), 0);
        }
    }
}
