//! Ticks in, orders out, over both connections of a venue.

use tiercel_testkit::counting_allocator::{
    CountingAllocator, allocations, alone, assert_counts_every_thread,
};
use tiercel_trader::MarketState;
use tiercel_trader::lines::LineEvent;
use tiercel_types::{Price, Timestamp};

use super::place::{OURS, Place};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const LONG_NS: u64 = u64::MAX;
const TICK: i64 = 1_000_000;
const SECOND_NS: u64 = 1_000_000_000;

/// The prices of the orders that the venue has, in ticks.
fn open(place: &Place) -> Vec<i64> {
    place.venue.open.iter().map(|(_, order)| order.price.units() / TICK).collect()
}

fn state(place: &Place) -> MarketState {
    place.lines.core.market(OURS).unwrap().state()
}

#[test]
fn an_order_follows_each_tick_and_the_one_before_is_cancelled() {
    let mut place = Place::new(LONG_NS);
    assert_eq!(open(&place), [999]);
    place.bid(1_000, 1_004);
    assert_eq!(open(&place), [1_003]);
    place.bid(1_004, 1_002);
    assert_eq!(open(&place), [1_001]);
    let counts = place.lines.core.counts();
    assert_eq!((counts.books, counts.anomalies, counts.denied), (3, 0, 0));
    assert_eq!(place.lines.core.oms().live_orders(), 1);
}

#[test]
fn a_record_that_is_missing_ends_the_feed_and_what_is_open_is_cancelled_until_it_is_back() {
    let mut place = Place::new(LONG_NS);
    assert_eq!(place.events(), [LineEvent::Up(1), LineEvent::Up(0)]);
    place.lose();
    place.bid(1_000, 1_004);
    let why = "record 4 where 3 was due".to_owned();
    assert_eq!(place.events(), [LineEvent::Down(0, why)]);
    place.carry();
    assert_eq!((open(&place), state(&place)), (vec![], MarketState::Stale));
    place.feed_again();
    assert_eq!((open(&place), state(&place)), (vec![999], MarketState::Live));
}

#[test]
fn a_market_that_is_silent_is_not_quoted() {
    let mut place = Place::new(1_000_000_000);
    let heard_at = place.lines.core.market(OURS).unwrap().heard_at;
    place.lines.tick(Timestamp(heard_at.0 + 1_000_000_000));
    place.carry();
    assert_eq!((open(&place), state(&place)), (vec![999], MarketState::Live));
    place.lines.tick(Timestamp(heard_at.0 + 1_000_000_001));
    place.carry();
    assert_eq!((open(&place), state(&place)), (vec![], MarketState::Stale));
    place.bid(1_000, 1_001);
    assert_eq!((open(&place), state(&place)), (vec![1_000], MarketState::Live));
}

#[test]
fn a_feed_that_nothing_comes_of_is_ended_although_its_connection_stands() {
    let mut place = Place::new(LONG_NS);
    place.events();
    let heard_at = place.lines.core.market(OURS).unwrap().heard_at.0;
    let tick = |place: &mut Place, now: u64| {
        place.lines.tick(Timestamp(now));
        place.carry();
        // What is cancelled because of that.
        place.carry();
        place.events()
    };
    assert_eq!(tick(&mut place, heard_at + 5 * SECOND_NS), []);
    assert_eq!((open(&place), state(&place)), (vec![999], MarketState::Live));
    let why = "nothing was heard for 5 s".to_owned();
    assert_eq!(tick(&mut place, heard_at + 5 * SECOND_NS + 1), [LineEvent::Down(0, why)]);
    assert_eq!((open(&place), state(&place)), (vec![], MarketState::Stale));
    place.feed_again();
    assert_eq!((open(&place), state(&place)), (vec![999], MarketState::Live));
    // The time counts from the new connection.
    let now = place.lines.core.timing.now_ns();
    assert_eq!(place.events(), [LineEvent::Up(0)]);
    assert_eq!(tick(&mut place, now + 4 * SECOND_NS), []);
}

#[test]
fn a_session_of_orders_that_nothing_comes_of_is_ended_and_says_so() {
    let mut place = Place::new(LONG_NS);
    let now = place.lines.core.timing.now_ns();
    place.events();
    // The venue says nothing: what leaves is not carried there. Three intervals of a minute.
    place.lines.tick(Timestamp(now + 179 * SECOND_NS));
    place.lines.flush(&mut place.wires);
    let is_orders = |event: &LineEvent| matches!(event, LineEvent::Down(1, _));
    assert!(!place.events().iter().any(is_orders));
    place.lines.tick(Timestamp(now + 180 * SECOND_NS));
    place.lines.flush(&mut place.wires);
    let why = "the session has ended: silence".to_owned();
    assert_eq!(place.events(), [LineEvent::Down(1, why)]);
}

#[test]
fn a_market_that_was_only_silent_is_quoted_with_the_next_heartbeat() {
    let mut place = Place::new(1_000_000_000);
    let silence = |place: &mut Place| {
        let heard_at = place.lines.core.market(OURS).unwrap().heard_at;
        place.lines.tick(Timestamp(heard_at.0 + 1_000_000_001));
        place.carry();
        assert_eq!((open(place), state(place)), (vec![], MarketState::Stale));
    };
    silence(&mut place);
    place.heartbeat();
    assert_eq!((open(&place), state(&place)), (vec![999], MarketState::Live));
    // Where something was missing besides, before or behind, it is not.
    silence(&mut place);
    place.interrupt();
    place.heartbeat();
    assert_eq!((open(&place), state(&place)), (vec![], MarketState::Stale));
    place.bid(1_000, 1_001);
    place.interrupt();
    silence(&mut place);
    place.heartbeat();
    assert_eq!((open(&place), state(&place)), (vec![], MarketState::Stale));
}

#[test]
fn whoever_halts_it_cancels_all_and_only_somebody_lets_it_go_on() {
    let mut place = Place::new(LONG_NS);
    let now = Timestamp(place.lines.core.timing.now_ns());
    place.lines.core.halt(now);
    place.carry();
    assert!(place.venue.open.is_empty());
    place.bid(1_000, 1_001);
    assert!(place.venue.open.is_empty());
    assert_eq!(place.lines.core.counts().denied, 1);
    place.lines.core.enable();
    place.bid(1_001, 1_002);
    assert_eq!(open(&place), [1_001]);
    place.lines.core.end(now);
    place.carry();
    place.bid(1_002, 1_003);
    assert_eq!((open(&place), place.lines.core.acts()), (vec![], false));
}

#[test]
fn what_must_not_be_open_is_cancelled_until_it_is_not() {
    let mut place = Place::new(LONG_NS);
    let now = place.lines.core.timing.now_ns();
    place.venue.refuses_cancels = true;
    place.lines.core.end(Timestamp(now));
    place.carry();
    assert_eq!(open(&place), [999]);
    let pass = |place: &mut Place, milliseconds: std::ops::RangeInclusive<u64>| {
        for millisecond in milliseconds {
            place.lines.tick(Timestamp(now + millisecond * 1_000_000));
            place.carry();
        }
        place.lines.core.counts().requests
    };
    // It is asked what became of the order, which is open, and that is cancelled once more, not as fast as it is refused.
    let before = pass(&mut place, 0..=0);
    let after = pass(&mut place, 1..=400);
    assert!(after <= before + 2, "{} requests", after - before);
    place.venue.refuses_cancels = false;
    pass(&mut place, 401..=3_000);
    assert!(place.venue.open.is_empty());
    assert_eq!(place.lines.core.oms().live_orders(), 0);
}

#[test]
fn between_a_tick_and_its_order_nothing_is_allocated() {
    alone("it::lines::between_a_tick_and_its_order_nothing_is_allocated", || {
        assert_counts_every_thread();
        let mut place = Place::new(LONG_NS);
        let mut ticks = |count: i64| {
            for number in 0..count {
                let (before, now) = (number % 7, (number + 1) % 7);
                place.bid(1_000 + before, 1_000 + now);
            }
        };
        ticks(700);
        assert_eq!(allocations(|| ticks(7_000)), 0);
        assert_eq!(place.venue.open[0].1.price, Price::from_units(999 * TICK));
    });
}
