//! A hundred thousand stop orders that one trade sets off: with a small stack and a small buffer,
//! in memory that is there before.

use std::thread;

use tiercel_matching::{Bare, Engine, EngineConfig};
use tiercel_testkit::counting_allocator::{allocations, alone, live_bytes};
use tiercel_types::command::{AddInstrument, NewAdvancedOrder, NewOrder, OrderTerms};
use tiercel_types::event::BUFFER_RECORDS_MIN;
use tiercel_types::{
    AccountId, AssetId, Command, Event, EventBuffer, InstrumentId, InstrumentSpec, OrderId, Price,
    Qty, Side, TimeInForce, Timestamp, Trigger,
};

const STOPS: u64 = 100_000;
/// Enough for any command, and for no recursion of a hundred thousand.
const STACK_BYTES: usize = 256 * 1024;
const INSTRUMENT: InstrumentId = InstrumentId(1);
const FIRST_PRICE: i64 = 1_000_000;

struct Market {
    engine: Engine<Bare>,
    buffer: EventBuffer,
    sequence: u64,
    orders: u64,
}

/// What a command set off.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    triggered: u64,
    trades: u64,
    rested: u64,
}

impl Market {
    fn new() -> Self {
        let steps = (Price::from_units(1), Qty::from_units(1));
        let spec = InstrumentSpec::new(INSTRUMENT, AssetId(1), AssetId(2), steps.0, steps.1);
        let spec = InstrumentSpec { symbol: "ABCUSD".parse().unwrap(), ..spec };
        let mut market = Self {
            engine: Engine::new(EngineConfig::default()),
            buffer: EventBuffer::with_capacity(BUFFER_RECORDS_MIN),
            sequence: 0,
            orders: 0,
        };
        market.run(&AddInstrument { spec }.into());
        market
    }

    fn run(&mut self, command: &Command) -> Counts {
        self.sequence += 1;
        let mut counts = Counts::default();
        let count = |_, event| match event {
            Event::OrderTriggered(_) => counts.triggered += 1,
            Event::Trade(_) => counts.trades += 1,
            Event::OrderRested(_) => counts.rested += 1,
            _ => {}
        };
        let time = Timestamp(self.sequence);
        self.engine.apply_all(self.sequence, time, command, &mut self.buffer, count);
        counts
    }

    fn order(&mut self, side: Side, price: i64) -> NewOrder {
        self.orders += 1;
        let (price, qty) = (Price::from_units(price), Qty::from_units(1));
        let order = NewOrder::limit(INSTRUMENT, AccountId(1), side, price, qty);
        NewOrder { order_id: OrderId(self.orders), ..order }
    }

    fn rest(&mut self, side: Side, price: i64) {
        let order = self.order(side, price);
        self.run(&order.into());
    }

    fn sell_stop(&mut self, trigger_price: i64, price: i64) {
        let order = self.order(Side::Sell, price);
        let trigger_price = Price::from_units(trigger_price);
        let terms = OrderTerms { trigger: Trigger::Stop, trigger_price, ..OrderTerms::NONE };
        self.run(&NewAdvancedOrder { order, terms }.into());
    }

    /// A sell that takes the best bid.
    fn take(&mut self) -> Counts {
        let order = self.order(Side::Sell, 1);
        self.run(&NewOrder { time_in_force: TimeInForce::Ioc, ..order }.into())
    }
}

fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(test);
    thread.expect("a thread").join().expect("it neither fails nor overflows its stack");
}

#[test]
fn each_stop_sets_off_the_next() {
    alone("cascade::each_stop_sets_off_the_next", || {
        on_a_small_stack(|| {
            let mut market = Market::new();
            for number in 0..=STOPS as i64 {
                market.rest(Side::Buy, FIRST_PRICE - number);
            }
            for number in 0..STOPS as i64 {
                market.sell_stop(FIRST_PRICE - number, 1);
            }
            let mut counts = Counts::default();
            let allocated = allocations(|| counts = market.take());
            let expected = Counts { triggered: STOPS, trades: STOPS + 1, rested: 0 };
            assert_eq!(counts, expected);
            // The queue never holds more than one.
            assert!(allocated <= 4, "{allocated} allocations");
        });
    });
}

#[test]
fn one_print_sets_off_all() {
    alone("cascade::one_print_sets_off_all", || {
        on_a_small_stack(|| {
            let mut market = Market::new();
            market.rest(Side::Buy, FIRST_PRICE);
            for number in 0..STOPS as i64 {
                market.sell_stop(FIRST_PRICE + number % 1_000, FIRST_PRICE + number);
            }
            let before = live_bytes();
            let counts = market.take();
            assert_eq!(counts, Counts { triggered: STOPS, trades: 1, rested: STOPS });
            // The queue of what comes next, and levels that are new to the book.
            let grown = live_bytes().saturating_sub(before) / STOPS as usize;
            assert!(grown <= 256, "{grown} bytes a stop");
        });
    });
}
