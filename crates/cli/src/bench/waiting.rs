//! Orders that wait: what a million of them cost a trade that triggers none, and what triggering
//! one costs.

use std::time::Instant;

use tiercel_matching::{BareEngine, EngineConfig};
use tiercel_types::command::{
    AddInstrument, CONDITION_END, CONDITION_LEAVES_MAX, Command, ConditionLeaf, NewAdvancedOrder,
    NewOrder, OrderTerms, StageCondition,
};
use tiercel_types::order::{Comparison, ConditionField, Trigger};
use tiercel_types::{
    AccountId, AssetId, EventBuffer, EventRef, InstrumentId, InstrumentSpec, OrderId, Price, Qty,
    Side, TimeInForce, Timestamp,
};

use super::BenchError;
use super::clock::{self, Clock};
use super::contest::{Case, CaseSpec, Input, Round, Subject, Timing};

/// The cases of `tiercel bench matching` about orders that wait.
pub const CASES: &[CaseSpec] = &[
    CaseSpec {
        bench: "matching",
        name: "waiting_million",
        build: |options| {
            let trades = options.operations / 2;
            Ok(Case {
                unit: "ns/trade",
                input: Input::None,
                subjects: vec![
                    Box::new(Trades::new(Others::Waiting, "waiting", trades)),
                    Box::new(Trades::new(Others::None, "none_waiting", trades)),
                    Box::new(Trades::new(Others::Resting, "resting", trades)),
                ],
            })
        },
    },
    CaseSpec {
        bench: "matching",
        name: "trigger",
        build: |_| {
            Ok(Case { unit: "ns/order", input: Input::None, subjects: vec![Box::new(Cascade)] })
        },
    },
];

/// Orders that wait: half of them stops, half conditions.
const WAITING: u64 = 1_000_000;
/// Stops that one trade triggers.
const CASCADE: u64 = 100_000;

const INSTRUMENT: InstrumentId = InstrumentId(1);
const ACCOUNT: AccountId = AccountId(1);
const TICK_UNITS: i64 = 1_000_000;
const LOT_UNITS: u64 = 100_000;
const CENTRE_TICKS: i64 = 1_000_000;
/// Commands that are made, and timed, at a time.
const CHUNK: usize = 128;
/// Nearest trigger to where trades are.
const DISTANCE_TICKS: i64 = 64;
/// Trades happen within so many ticks.
const RANGE_TICKS: i64 = 32;

/// A bare engine with one instrument.
struct Market {
    engine: BareEngine,
    events: EventBuffer,
    sequence: u64,
    orders: u64,
}

impl Market {
    fn new() -> Self {
        let config = EngineConfig { orders: WAITING as usize, ..EngineConfig::default() };
        let (tick, lot) = (Price::from_units(TICK_UNITS), Qty::from_units(LOT_UNITS));
        let mut spec = InstrumentSpec::new(INSTRUMENT, AssetId(1), AssetId(2), tick, lot);
        spec.symbol = tiercel_types::Symbol::new(b"BTCUSDT").unwrap_or_default();
        let mut market = Self {
            engine: BareEngine::new(config),
            events: EventBuffer::with_capacity(64),
            sequence: 0,
            orders: 0,
        };
        market.run(&AddInstrument { spec }.into(), |_| {});
        market
    }

    #[inline]
    fn run(&mut self, command: &Command, mut sink: impl FnMut(EventRef<'_>)) {
        self.sequence += 1;
        let time = Timestamp(self.sequence);
        self.engine.apply_each(self.sequence, time, command, &mut self.events, |_, event| {
            sink(event);
        });
    }

    fn order(&mut self, side: Side, ticks: i64) -> NewOrder {
        self.orders += 1;
        let (price, qty) = (Price::from_units(ticks * TICK_UNITS), Qty::from_units(LOT_UNITS));
        let mut order = NewOrder::limit(INSTRUMENT, ACCOUNT, side, price, qty);
        order.order_id = OrderId(self.orders);
        order
    }

    fn stop(&mut self, side: Side, trigger_ticks: i64, ticks: i64) {
        let order = self.order(side, ticks);
        let trigger_price = Price::from_units(trigger_ticks * TICK_UNITS);
        let terms = OrderTerms { trigger_price, trigger: Trigger::Stop, ..OrderTerms::NONE };
        self.run(&NewAdvancedOrder { order, terms }.into(), |_| {});
    }

    fn conditional(&mut self, field: ConditionField, comparison: Comparison, ticks: i64) {
        let mut leaves = [ConditionLeaf::NONE; CONDITION_LEAVES_MAX];
        let value = ticks * TICK_UNITS;
        leaves[0] =
            ConditionLeaf { value, instrument: INSTRUMENT, field, comparison, reserved: [0; 2] };
        let mut program = [CONDITION_END; 2 * CONDITION_LEAVES_MAX];
        program[0] = 1;
        self.run(
            &StageCondition { leaves, program, account: ACCOUNT, reserved: [0; 4] }.into(),
            |_| {},
        );
        let order = self.order(Side::Buy, CENTRE_TICKS);
        let terms = OrderTerms { trigger: Trigger::Condition, ..OrderTerms::NONE };
        self.run(&NewAdvancedOrder { order, terms }.into(), |_| {});
    }

    /// An order that waits, some way from where trades are.
    fn waiting(&mut self, number: u64) {
        let away = DISTANCE_TICKS + (number / 4 % 50_000) as i64;
        let of = |fields: [ConditionField; 2]| fields[number as usize / 4 % 2];
        match number % 4 {
            0 => self.stop(Side::Buy, CENTRE_TICKS + away, CENTRE_TICKS),
            1 => self.stop(Side::Sell, CENTRE_TICKS - away, CENTRE_TICKS),
            2 => self.conditional(
                of([ConditionField::Last, ConditionField::Ask]),
                Comparison::AtLeast,
                CENTRE_TICKS + away,
            ),
            _ => self.conditional(
                of([ConditionField::Last, ConditionField::Mid]),
                Comparison::Below,
                CENTRE_TICKS - away,
            ),
        }
    }

    /// A plain order as far away.
    fn resting(&mut self, number: u64) {
        let away = DISTANCE_TICKS + (number / 4 % 50_000) as i64;
        let order = match number % 2 {
            0 => self.order(Side::Sell, CENTRE_TICKS + away),
            _ => self.order(Side::Buy, CENTRE_TICKS - away),
        };
        self.run(&order.into(), |_| {});
    }

    /// The two orders of a trade at a price: one rests, the other takes it.
    fn pair(&mut self, ticks: i64) -> [Command; 2] {
        let rests = self.order(Side::Sell, ticks);
        let takes = self.order(Side::Buy, ticks);
        [rests.into(), NewOrder { time_in_force: TimeInForce::Ioc, ..takes }.into()]
    }

    /// A trade at a price. Returns its events.
    fn trade(&mut self, ticks: i64) -> usize {
        let mut events = 0;
        for command in self.pair(ticks) {
            self.run(&command, |_| events += 1);
        }
        events
    }

    /// Runs commands, the next of which are in sight as in a venue's ring. Returns their events.
    #[inline(never)]
    fn run_all(&mut self, commands: &[Command]) -> usize {
        let mut events = 0;
        for (at, command) in commands.iter().enumerate() {
            self.engine.prefetch(|distance| commands.get(at + distance));
            self.run(command, |_| events += 1);
        }
        events
    }
}

/// What lives beside the orders that trade.
#[derive(Clone, Copy)]
enum Others {
    None,
    /// A million orders wait for prices that do not come.
    Waiting,
    /// A million plain orders rest out of reach: what live orders cost whatever they are.
    Resting,
}

/// Trades while others live.
struct Trades {
    market: Market,
    name: &'static str,
    count: usize,
}

impl Trades {
    fn new(others: Others, name: &'static str, trades: usize) -> Self {
        let mut market = Market::new();
        market.trade(CENTRE_TICKS);
        for number in 0..WAITING {
            match others {
                Others::None => {}
                Others::Waiting => market.waiting(number),
                Others::Resting => market.resting(number),
            }
        }
        Self { market, name, count: trades }
    }
}

impl Subject for Trades {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        if timing == Timing::Each {
            return Ok(Round::default());
        }
        let price =
            |number: usize| CENTRE_TICKS + (number as i64 * 7) % RANGE_TICKS - RANGE_TICKS / 2;
        let numbers: Vec<usize> = (0..self.count).collect();
        let mut commands = Vec::with_capacity(CHUNK);
        let (mut events, mut spent_ns) = (0, 0.0);
        for chunk in numbers.chunks(CHUNK / 2) {
            commands.clear();
            commands.extend(chunk.iter().flat_map(|&number| self.market.pair(price(number))));
            let from = clock::start();
            events += self.market.run_all(&commands);
            spent_ns += clock.between_ns(clock::stop() - from);
        }
        if events != 3 * self.count {
            let what = format!("{events} events of {} trades", self.count);
            return Err(BenchError::Wrong { subject: self.name.to_owned(), what });
        }
        Ok(Round {
            value: spent_ns / self.count as f64,
            operations: self.count as u64,
            times_ns: Vec::new(),
            checksum: events as u64,
        })
    }
}

/// One trade that triggers many stops, each of which then rests.
struct Cascade;

impl Subject for Cascade {
    fn name(&self) -> String {
        "cascade".to_owned()
    }

    fn round(&mut self, timing: Timing, _: &Clock) -> Result<Round, BenchError> {
        if timing == Timing::Each {
            return Ok(Round::default());
        }
        let mut market = Market::new();
        market.trade(CENTRE_TICKS);
        for number in 0..CASCADE {
            let away = 1 + (number % 1_000) as i64;
            market.stop(Side::Sell, CENTRE_TICKS - away, CENTRE_TICKS + away);
        }
        let begin = Instant::now();
        let events = market.trade(CENTRE_TICKS - 2_000);
        let elapsed = begin.elapsed();
        if events as u64 != 3 + 2 * CASCADE {
            let what = format!("{events} events");
            return Err(BenchError::Wrong { subject: self.name(), what });
        }
        Ok(Round {
            value: elapsed.as_nanos() as f64 / CASCADE as f64,
            operations: CASCADE,
            times_ns: Vec::new(),
            checksum: events as u64,
        })
    }
}
