//! What a strategy knows from one run to the next.

use std::sync::{Arc, Mutex};

use tiercel_execution::oms::VenueTerms;
use tiercel_execution::order::{Input, Progress};
use tiercel_execution::position::{Fee, Fill, Position};
use tiercel_execution::risk::Denial;
use tiercel_execution::venue::{VenueId, VenueReport, VenueRequest};
use tiercel_strategy::{
    Action, Actions, BookTick, OrderUpdate, OrderUpdateKind, PositionUpdate, StateError, Strategy,
    TimerTick, TradeTick,
};
use tiercel_trader::core::Core;
use tiercel_trader::feed::take_snapshot;
use tiercel_types::market::{DepthSnapshot, Level};
use tiercel_types::{ClientOrderId, Money, OrderId, Qty, Side, Timestamp};

use super::binance::{BTCUSDT, START, core_before, core_of};

const SECOND_NS: u64 = 1_000_000_000;
const ORDER: OrderId = OrderId(5);

/// Writes down what it is told; wants an order for each book, and another whenever one has ended.
struct Remembers(Arc<Mutex<Vec<u8>>>);

fn order(tag: u64) -> Action {
    let price = "59999.50".parse().unwrap();
    Action::post_only(tag, BTCUSDT, Side::Buy, price, Qty::from_units(100_000_000))
}

impl Strategy for Remembers {
    fn name(&self) -> &'static str {
        "remembers"
    }

    fn on_book(&mut self, tick: &BookTick, actions: &mut Actions) {
        self.0.lock().unwrap().push(if tick.is_live() { b'b' } else { b's' });
        if tick.is_live() {
            actions.push(order(1)).unwrap();
        }
    }

    fn on_trade(&mut self, _: &TradeTick, _: &mut Actions) {}

    fn on_order(&mut self, update: &OrderUpdate, actions: &mut Actions) {
        let kind = match update.kind {
            OrderUpdateKind::Cancelled => b'c',
            OrderUpdateKind::Denied if update.reason == Denial::Ending.code() => b'd',
            _ => b'o',
        };
        self.0.lock().unwrap().push(kind);
        if kind == b'c' {
            actions.push(order(2)).unwrap();
            actions.push(Action::timer(3, Timestamp(START.0 + 5 * SECOND_NS))).unwrap();
        }
    }

    fn on_position(&mut self, update: &PositionUpdate, _: &mut Actions) {
        self.0.lock().unwrap().push(if update.position == 0 { b'0' } else { b'p' });
    }

    fn on_timer(&mut self, _: &TimerTick, _: &mut Actions) {
        self.0.lock().unwrap().push(b't');
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.lock().unwrap());
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), StateError> {
        if state.is_empty() {
            return Err(StateError::Length { expected: 1, found: 0 });
        }
        *self.0.lock().unwrap() = state.to_vec();
        Ok(())
    }
}

fn core() -> (Core, Arc<Mutex<Vec<u8>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut core = core_of(Box::new(Remembers(Arc::clone(&told))));
    core.venue_up(START, VenueId(0));
    (core, told)
}

fn requests(core: &mut Core) -> Vec<VenueRequest> {
    let mut requests = Vec::new();
    core.take_requests(START, |_, request| requests.push(*request));
    requests
}

fn report(core: &mut Core, order: ClientOrderId, input: Input) {
    core.report(START, VenueId(0), &VenueReport::new(order, ORDER, input));
}

fn shows_a_book(core: &mut Core) {
    core.market_mut(BTCUSDT).unwrap().numbered_mut().unwrap().feed_up();
    let level = |price: &str| Level { price: price.parse().unwrap(), qty: Qty::from_units(1_000) };
    let (bids, asks) = ([level("59999.5")], [level("60000.5")]);
    let snapshot = DepthSnapshot { last_update_id: 1, bids: &bids, asks: &asks };
    take_snapshot(START, BTCUSDT, &snapshot, core);
}

#[test]
fn a_strategy_begins_with_what_is_owned_once_that_has_a_value_and_without_the_books_it_knew() {
    for (is_restored, expected) in [(false, "pb"), (true, "xspb")] {
        let told = Arc::new(Mutex::new(Vec::new()));
        let venue = VenueTerms { amends: false, validity_ns: 0 };
        let mut core = core_before(Box::new(Remembers(Arc::clone(&told))), venue);
        if is_restored {
            let mut state = vec![0; 64];
            state.push(b'x');
            core.restore_strategy(&state).unwrap();
        }
        let mut position = Position::default();
        let (price, qty) = ("60000".parse().unwrap(), Qty::from_units(100));
        let fee = Fee::Quote(Money::ZERO);
        position.fill(&Fill { side: Side::Buy, price, qty, fee }).unwrap();
        core.oms_mut().set_position(BTCUSDT, position);
        core.venue_up(START, VenueId(0));
        core.begin();
        core.tick(START);
        assert!(!core.acts(), "nobody knows what is lost");
        shows_a_book(&mut core);
        core.tick(START);
        assert!(core.acts());
        assert_eq!(String::from_utf8_lossy(&told.lock().unwrap()), expected);
    }
}

#[test]
fn a_strategy_hears_of_its_last_orders_and_goes_on_in_the_next_run() {
    let (mut core, told) = core();
    shows_a_book(&mut core);
    let [VenueRequest::New(terms)] = requests(&mut core)[..] else { panic!("not one order") };
    report(&mut core, terms.client_order_id, Input::Accepted(ORDER));

    core.end(START);
    let [VenueRequest::Cancel(_)] = requests(&mut core)[..] else { panic!("not one cancel") };
    let nothing = Progress::Executed(Qty::ZERO);
    report(&mut core, terms.client_order_id, Input::Cancelled(nothing));
    // It heard of that, and that what it wanted then was denied.
    assert!(told.lock().unwrap().ends_with(b"cd"));
    assert!(requests(&mut core).is_empty() && core.oms().live_orders() == 0);
    let mut state = Vec::new();
    core.save_strategy(&mut state);

    let (mut next, knows) = self::core();
    for cut in 0..=state.len() - told.lock().unwrap().len() {
        assert!(next.restore_strategy(&state[..cut]).is_err(), "{cut} bytes");
    }
    next.restore_strategy(&state).unwrap();
    assert_eq!(*knows.lock().unwrap(), *told.lock().unwrap());
    // It wakes up when it wanted to.
    next.tick(Timestamp(START.0 + 4 * SECOND_NS));
    assert_ne!(knows.lock().unwrap().last(), Some(&b't'));
    next.tick(Timestamp(START.0 + 6 * SECOND_NS));
    assert_eq!(knows.lock().unwrap().last(), Some(&b't'));
}
