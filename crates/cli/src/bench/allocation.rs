//! A level of 1,000 orders that is shared out, beside one that is filled first come, first served.
//!
//! ```text
//!   pro rata:  level of 1,000 orders <-- IOC for an eighth of it  (1,000 fills, every order stays)
//!   plain:     level of 1,000 orders <-- IOC for all of it        (1,000 fills, every order goes)
//! ```
//!
//! Both are nanoseconds for a fill, events read. What remains is cancelled, untimed.

use tiercel_matching::{BareEngine, EngineConfig};
use tiercel_types::command::{AddInstrument, Command, MassCancel, NewOrder, SetMatchingRules};
use tiercel_types::order::SideScope;
use tiercel_types::{
    AccountId, AssetId, EventBuffer, EventRef, InstrumentId, InstrumentSpec, OrderId, Price, Qty,
    Side, TimeInForce, Timestamp,
};

use super::clock::{self, Clock};
use super::contest::{Case, CaseSpec, Input, Round, Subject, Timing};
use super::{BenchError, Options};

const ORDERS: u64 = 1_000;
/// Takers of a level that is shared out.
const TAKERS: u64 = 8;
const INSTRUMENT: InstrumentId = InstrumentId(1);
const PRICE: Price = Price::from_units(6_100_000_000_000);
const LOT: u64 = 100_000;

/// The cases of sharing out.
pub const CASES: &[CaseSpec] =
    &[CaseSpec { bench: "matching", name: "pro_rata_1000", build: |options| Ok(case(options)) }];

fn case(options: &Options) -> Case {
    let levels = (options.operations as u64 / (ORDERS * TAKERS)).max(4);
    Case {
        unit: "ns/fill",
        input: Input::None,
        subjects: vec![
            Box::new(Level { name: "tiercel", shared: true, levels }),
            Box::new(Level { name: "plain_fill", shared: false, levels: levels * TAKERS }),
        ],
    }
}

/// An engine whose only level is built, filled and cleared again and again.
struct Level {
    name: &'static str,
    shared: bool,
    levels: u64,
}

/// An engine and what its commands need.
struct Venue {
    engine: BareEngine,
    events: EventBuffer,
    sequence: u64,
    orders: u64,
}

impl Venue {
    /// Runs a command and counts its trades.
    #[inline(always)]
    fn run(&mut self, command: &Command) -> u64 {
        self.sequence += 1;
        let mut trades = 0;
        let time = Timestamp(self.sequence);
        self.engine.apply_each(self.sequence, time, command, &mut self.events, |_, event| {
            if let EventRef::Trade(trade) = event {
                trades += u64::from(std::hint::black_box(trade.qty.units()) != 0);
            }
        });
        trades
    }

    fn order(&mut self, side: Side, lots: u64, time_in_force: TimeInForce) -> Command {
        self.orders += 1;
        let (account, qty) = (AccountId(1 + side as u32), Qty::from_units(lots * LOT));
        let order = NewOrder::limit(INSTRUMENT, account, side, PRICE, qty);
        NewOrder { order_id: OrderId(self.orders), time_in_force, ..order }.into()
    }
}

impl Subject for Level {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        if timing == Timing::Each {
            return Ok(Round::default());
        }
        let mut venue = Venue {
            engine: BareEngine::new(EngineConfig { orders: 2_048, ..EngineConfig::default() }),
            events: EventBuffer::with_capacity(64),
            sequence: 0,
            orders: 0,
        };
        let (tick, lot) = (Price::from_units(1_000_000), Qty::from_units(LOT));
        let mut spec = InstrumentSpec::new(INSTRUMENT, AssetId(1), AssetId(2), tick, lot);
        spec.symbol = tiercel_types::Symbol::new(b"BTCUSDT").unwrap_or_default();
        venue.run(&AddInstrument { spec }.into());
        if self.shared {
            venue.run(&SetMatchingRules::pro_rata(INSTRUMENT, Qty::ZERO).into());
        }
        let mut spent_ns = 0.0;
        let mut fills = 0;
        for _ in 0..self.levels {
            let mut lots = 0;
            for order in 0..ORDERS {
                let size = 10_000 + order * 37 % 1_009;
                lots += size;
                let command = venue.order(Side::Sell, size, TimeInForce::Gtc);
                venue.run(&command);
            }
            let (takers, taken) =
                if self.shared { (TAKERS, lots / (TAKERS + 1)) } else { (1, lots) };
            for _ in 0..takers {
                let command = venue.order(Side::Buy, taken, TimeInForce::Ioc);
                let from = clock::start();
                let trades = venue.run(&command);
                spent_ns += clock.between_ns(clock::stop() - from);
                if trades != ORDERS {
                    let what = format!("{trades} fills instead of {ORDERS}");
                    return Err(BenchError::Wrong { subject: self.name(), what });
                }
                fills += trades;
            }
            let clear = MassCancel {
                account: AccountId::ALL,
                instrument: INSTRUMENT,
                sides: SideScope::Both,
                reserved: [0; 7],
            };
            venue.run(&clear.into());
        }
        Ok(Round { value: spent_ns / fills as f64, operations: fills, ..Round::default() })
    }
}
