//! Instruments of two venues that a strategy sees as one.

use std::sync::{Arc, Mutex};

use tiercel_execution::breaker::BreakerOptions;
use tiercel_execution::oms::{Oms, OmsOptions, Place, RunId, VenueTerms};
use tiercel_execution::order::{Input, Progress};
use tiercel_execution::risk::Denial;
use tiercel_execution::venue::{VenueId, VenueReport, VenueRequest};
use tiercel_host::Clock;
use tiercel_strategy::{
    Action, Actions, BookTick, OrderUpdate, OrderUpdateKind, PositionUpdate, StateError, Strategy,
    Terms, TimerTick, TradeTick,
};
use tiercel_telemetry::Registry;
use tiercel_trader::Market;
use tiercel_trader::core::Core;
use tiercel_trader::routes::{Member, Routes};
use tiercel_trader::timing::Timing;
use tiercel_types::market::{BestBidOffer, Level, MarketTrade};
use tiercel_types::{
    InstrumentId, Money, OrderId, OrderKind, Price, Qty, Side, TimeInForce, Timestamp, TradeId,
};

use super::limits::gate;

const ONE: InstrumentId = InstrumentId(0);
const OTHER: InstrumentId = InstrumentId(1);
const NOW: Timestamp = Timestamp(1_000_000_000);
const COIN: u64 = 100_000_000;

/// Price and quantity of bid and ask, in coins.
type Touch = [(i64, u64); 2];
/// The tag, what has happened, what is open, what was filled, what is owned.
type Update = (u64, OrderUpdateKind, u64, u64, i64);

#[derive(Default)]
struct Seen {
    books: Vec<(u32, Touch, bool)>,
    trades: Vec<u32>,
    orders: Vec<Update>,
    reasons: Vec<u16>,
    positions: Vec<i64>,
    wanted: Vec<Action>,
}

struct Scripted(Arc<Mutex<Seen>>);

const fn coins(level: Level) -> (i64, u64) {
    (level.price.units() / COIN as i64, level.qty.units() / COIN)
}

impl Strategy for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn on_book(&mut self, tick: &BookTick, actions: &mut Actions) {
        let mut seen = self.0.lock().unwrap();
        let touch = [coins(tick.bid()), coins(tick.ask())];
        seen.books.push((tick.instrument.0, touch, tick.is_live()));
        for action in seen.wanted.drain(..) {
            actions.push(action).unwrap();
        }
    }

    fn on_trade(&mut self, tick: &TradeTick, _: &mut Actions) {
        self.0.lock().unwrap().trades.push(tick.instrument.0);
    }

    fn on_order(&mut self, update: &OrderUpdate, _: &mut Actions) {
        let mut seen = self.0.lock().unwrap();
        assert_eq!(update.instrument, ONE);
        let (open, filled) = (update.open_qty.units() / COIN, update.fill_qty.units() / COIN);
        let position = update.position / COIN as i64;
        seen.orders.push((update.tag, update.kind, open, filled, position));
        seen.reasons.push(update.reason);
    }

    fn on_position(&mut self, update: &PositionUpdate, _: &mut Actions) {
        self.0.lock().unwrap().positions.push(update.position);
    }

    fn on_timer(&mut self, _: &TimerTick, _: &mut Actions) {}

    fn save(&self, _: &mut Vec<u8>) {}

    fn restore(&mut self, _: &[u8]) -> Result<(), StateError> {
        Ok(())
    }
}

fn terms(instrument: InstrumentId, tick: i64) -> Terms {
    Terms {
        instrument,
        tick: Price::from_units(tick),
        lot: Qty::from_units(COIN),
        qty_min: Qty::from_units(COIN),
        notional_min: Money::ZERO,
    }
}

/// A core at two venues, one instrument each, of which the second is dearer to take.
struct Desk {
    core: Core,
    seen: Arc<Mutex<Seen>>,
    /// What was sent: venue, name, quantity in coins.
    sent: Vec<(u8, String, u64)>,
    cancels: Vec<u8>,
    next_update: u64,
}

impl Desk {
    fn new() -> Self {
        let venue = VenueTerms { amends: true, validity_ns: 0 };
        let options = OmsOptions {
            breaker: BreakerOptions { failures_max: 1, ..BreakerOptions::DEFAULT },
            ..OmsOptions::default()
        };
        let places = [Place { venue: VenueId(0) }, Place { venue: VenueId(1) }];
        let oms = Oms::new(options, gate(2), RunId::of(1, 0), &[venue, venue], &places);
        let all = [terms(ONE, 1), terms(OTHER, 2)];
        let member = |at: usize| Member {
            terms: all[at],
            venue: VenueId(at as u8),
            fee: [0, 1_000_000][at],
            latency_ns: 1,
            qty_max: Qty::from_units(100 * COIN),
        };
        let routes = Routes::new(vec![vec![member(0), member(1)]], options.orders_max);
        assert_eq!(routes.terms(&all[0]), terms(ONE, 2));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut core = Core::new(
            Box::new(Scripted(Arc::clone(&seen))),
            oms,
            all.iter().map(|terms| Market::new(*terms)).collect(),
            options.orders_max,
            u64::MAX,
            Timing::new(&Registry::new(), Clock::new()).unwrap(),
        );
        core.set_routes(routes);
        core.begin();
        core.tick(NOW);
        core.venue_up(NOW, VenueId(0));
        core.venue_up(NOW, VenueId(1));
        let (sent, cancels) = (Vec::new(), Vec::new());
        Self { core, seen, sent, cancels, next_update: 1 }
    }

    /// The best prices of a member, in coins: bid, and what is asked.
    fn best(&mut self, instrument: InstrumentId, bid: (i64, u64), ask: (i64, u64)) -> &mut Self {
        let level = |(price, qty): (i64, u64)| Level {
            price: Price::from_units(price * COIN as i64),
            qty: Qty::from_units(qty * COIN),
        };
        let best = BestBidOffer { update_id: self.next_update, bid: level(bid), ask: level(ask) };
        self.next_update += 1;
        self.core.best_changed(NOW, instrument, &best);
        self.collect()
    }

    /// What the strategy wants at the next book, which comes at once.
    fn wants(&mut self, action: Action) -> &mut Self {
        self.seen.lock().unwrap().wanted.push(action);
        self.best(OTHER, (98, 5), (101, 5))
    }

    fn collect(&mut self) -> &mut Self {
        let Self { core, sent, cancels, .. } = self;
        core.take_requests(NOW, |venue, request| match request {
            VenueRequest::New(terms) => {
                let name = terms.client_order_id.as_str().to_owned();
                sent.push((venue.0, name, terms.qty.units() / COIN));
            }
            VenueRequest::Cancel(_) => cancels.push(venue.0),
            _ => {}
        });
        self
    }

    fn hears(&mut self, which: usize, input: Input) -> &mut Self {
        let (venue, name, _) = &self.sent[which];
        let name = name.as_bytes();
        let name = tiercel_types::ClientOrderId::new(name).unwrap();
        let order_id = OrderId(which as u64 + 1);
        let report = VenueReport::new(name, order_id, input);
        self.core.report(NOW, VenueId(*venue), &report);
        self.collect()
    }

    fn fills(&mut self, which: usize, qty: u64, executed: u64) -> &mut Self {
        let input = Input::Filled {
            trade_id: TradeId(which as u64 * 100 + executed),
            price: Price::from_units(100 * COIN as i64),
            qty: Qty::from_units(qty * COIN),
            after: Progress::Executed(Qty::from_units(executed * COIN)),
        };
        self.hears(which, input)
    }

    fn orders(&self) -> Vec<Update> {
        std::mem::take(&mut self.seen.lock().unwrap().orders)
    }

    fn sizes(&self) -> Vec<(u8, u64)> {
        self.sent.iter().map(|(venue, _, qty)| (*venue, *qty)).collect()
    }
}

fn buy(tag: u64, qty: u64, price: i64) -> Action {
    let (price, qty) = (Price::from_units(price * COIN as i64), Qty::from_units(qty * COIN));
    Action::limit(tag, ONE, Side::Buy, price, qty)
}

fn accepted(which: u64) -> Input {
    Input::Accepted(OrderId(which + 1))
}

#[test]
fn the_strategy_sees_one_book_one_market_and_one_position() {
    let mut place = Desk::new();
    place.best(ONE, (99, 5), (100, 5)).best(OTHER, (98, 4), (100, 3));
    let trade = MarketTrade { price: Price::from_units(100 * COIN as i64), ..trade() };
    place.core.traded(NOW, OTHER, &trade);
    place.core.stale(NOW, ONE);
    place.core.stale(NOW, OTHER);
    let seen = place.seen.lock().unwrap();
    let books = [
        (0, [(99, 5), (100, 5)], true),
        (0, [(99, 5), (100, 8)], true),
        (0, [(98, 4), (100, 3)], true),
        (0, [(0, 0), (0, 0)], false),
    ];
    assert_eq!((&seen.books[..], &seen.trades[..]), (&books[..], &[0][..]));
}

fn trade() -> MarketTrade {
    MarketTrade {
        trade_id: TradeId(1),
        price: Price::ZERO,
        qty: Qty::from_units(COIN),
        aggressor: Side::Buy,
        time: NOW,
    }
}

#[test]
fn an_order_goes_to_both_and_is_told_as_one() {
    use OrderUpdateKind as K;
    let mut place = Desk::new();
    place.best(ONE, (99, 5), (100, 5)).best(OTHER, (98, 4), (101, 5));
    place.wants(buy(7, 12, 102));
    // Five at each, and the rest where the fee is least.
    assert_eq!(place.sizes(), [(0, 7), (1, 5)]);
    place.hears(0, accepted(0)).hears(1, accepted(1));
    place.fills(0, 5, 5).fills(1, 5, 5);
    let told = [(7, K::Accepted, 12, 0, 0), (7, K::Filled, 7, 5, 5), (7, K::Filled, 2, 5, 10)];
    assert_eq!(place.orders(), told);
    // It is not changed now, and cancelled where something is open.
    let price = Price::from_units(103 * COIN as i64);
    place.wants(Action::replace(7, ONE, price, Qty::from_units(12 * COIN)));
    assert_eq!(place.orders(), [(7, K::Denied, 2, 0, 10)]);
    assert_eq!(place.seen.lock().unwrap().reasons.last(), Some(&Denial::Split.code()));
    place.wants(Action::cancel(7, ONE));
    assert_eq!(place.cancels, [0]);
    place.hears(0, Input::Cancelled(Progress::Executed(Qty::from_units(5 * COIN))));
    assert_eq!(place.orders(), [(7, K::Cancelled, 0, 0, 10)]);
    // The tag is free.
    place.wants(buy(7, 5, 100));
    assert_eq!(place.sizes()[2..], [(0, 5)]);
    assert_eq!(place.core.counts().anomalies, 0);
}

#[test]
fn a_cancel_goes_to_every_part_and_the_end_is_that_of_the_last() {
    use OrderUpdateKind as K;
    let mut place = Desk::new();
    place.best(ONE, (99, 5), (100, 5)).best(OTHER, (98, 4), (101, 5));
    place.wants(buy(1, 10, 101));
    place.hears(1, accepted(1)).hears(0, Input::Rejected);
    assert_eq!(place.orders(), [(1, K::Accepted, 10, 0, 0)]);
    place.wants(Action::cancel_all(ONE));
    assert_eq!(place.cancels, [1]);
    place.hears(1, Input::Cancelled(Progress::Executed(Qty::ZERO)));
    assert_eq!(place.orders(), [(1, K::Cancelled, 0, 0, 0)]);
    place.wants(buy(2, 10, 101));
    place.hears(2, Input::Rejected).hears(3, Input::Rejected);
    assert_eq!(place.orders(), [(2, K::Rejected, 0, 0, 0)]);
}

#[test]
fn an_order_is_known_again_when_its_last_unknown_part_is_however_that_is_told() {
    use OrderUpdateKind as K;
    for is_filled in [false, true] {
        let mut place = Desk::new();
        place.best(ONE, (99, 5), (100, 5)).best(OTHER, (98, 4), (101, 5));
        place.wants(buy(1, 10, 101));
        place.hears(0, accepted(0)).hears(1, accepted(1));
        assert_eq!(place.orders(), [(1, K::Accepted, 10, 0, 0)]);
        place.core.venue_down(NOW, VenueId(0));
        place.core.venue_up(NOW, VenueId(0));
        assert_eq!(place.orders(), [(1, K::Unknown, 10, 0, 0)]);
        // What was not heard is heard before the answer to the question.
        if is_filled {
            place.fills(0, 5, 5);
            assert_eq!(place.orders(), [(1, K::Filled, 5, 5, 5), (1, K::Found, 5, 0, 5)]);
        } else {
            place.hears(0, Input::Cancelled(Progress::Executed(Qty::ZERO)));
            assert_eq!(place.orders(), [(1, K::Found, 5, 0, 0)]);
        }
    }
}

#[test]
fn a_venue_that_is_not_there_is_left_out_and_without_any_the_order_is_denied() {
    use OrderUpdateKind as K;
    let mut place = Desk::new();
    place.best(ONE, (99, 5), (100, 5)).best(OTHER, (98, 4), (101, 5));
    // Its breaker opens with the first failure.
    place.core.venue_failed(NOW, VenueId(0));
    place.wants(buy(1, 4, 101));
    assert_eq!(place.sizes(), [(1, 4)]);
    place.core.venue_failed(NOW, VenueId(1));
    place.wants(buy(2, 4, 101));
    assert_eq!((place.sizes().len(), place.orders()), (1, vec![(2, K::Denied, 0, 0, 0)]));
    assert_eq!(place.seen.lock().unwrap().reasons.last(), Some(&Denial::NoVenue.code()));

    let mut place = Desk::new();
    // Of the first nothing is known.
    place.best(OTHER, (98, 4), (101, 5));
    place.wants(Action { time_in_force: TimeInForce::Ioc, ..buy(1, 9, 101) });
    assert_eq!(place.sizes(), [(1, 5)]);
    place.best(ONE, (99, 5), (100, 5));
    place.wants(Action { order_kind: OrderKind::PostOnly, ..buy(2, 3, 95) });
    assert_eq!(place.sizes()[1..], [(0, 3)]);
    place.core.venue_down(NOW, VenueId(0));
    place.wants(buy(3, 3, 95));
    assert_eq!(place.sizes()[2..], [(1, 3)]);
}
