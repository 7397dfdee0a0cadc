//! An auction of 1,000,000 orders: how long the command takes that uncrosses them.
//!
//! ```text
//!   StartCall --> 1,000,000 orders, untimed --> SetInstrumentState(open), all resumes, events read
//! ```
//!
//! Each order is on either side alike; its limit is drawn from a bell (the mean of four draws) round
//! a middle that lies a little below the common one for buyers and above it for sellers; one in
//! twenty is for this auction alone, half of these without a limit. They come in no order of price,
//! so an order's neighbours in its level lie anywhere in memory.

use tiercel_matching::{BareEngine, EngineConfig};
use tiercel_types::auction::AuctionKind;
use tiercel_types::command::{
    AddInstrument, Command, NewOrder, SetAuctionRules, SetInstrumentState, StartCall,
};
use tiercel_types::{
    AccountId, AssetId, EventBuffer, EventRef, InstrumentId, InstrumentSpec, InstrumentState,
    OrderId, OrderKind, Price, Qty, Side, TimeInForce, Timestamp,
};

use super::clock::{self, Clock};
use super::contest::{Case, CaseSpec, Input, Round, Subject, Timing};
use super::{BenchError, Options};

const ORDERS: u64 = 1_000_000;
const INSTRUMENT: InstrumentId = InstrumentId(1);
const TICK_UNITS: i64 = 1_000_000;
const LOT_UNITS: u64 = 100_000;
const CENTRE_TICKS: i64 = 1_000_000;
/// How far a limit lies from its side's middle, at most.
const REACH_TICKS: u64 = 4_000;
/// How far the sides' middles lie from the common one.
const APART_TICKS: i64 = 250;

/// The cases of auctions.
pub const CASES: &[CaseSpec] =
    &[CaseSpec { bench: "matching", name: "auction_million", build: |options| Ok(case(options)) }];

fn case(options: &Options) -> Case {
    Case {
        unit: "ms",
        input: Input::None,
        subjects: vec![Box::new(Auction { seed: options.seed })],
    }
}

/// One engine whose only auction is timed.
struct Auction {
    seed: u64,
}

/// Numbers that look random: xorshift64*.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) * bound) >> 32
    }

    /// From the bell: the mean of four draws, less their expected value.
    fn bell(&mut self) -> i64 {
        let sum: u64 = (0..4).map(|_| self.below(2 * REACH_TICKS + 1)).sum();
        (sum / 4).cast_signed() - REACH_TICKS.cast_signed()
    }

    fn order(&mut self, number: u64) -> Command {
        let (side, apart) = match self.below(2) {
            0 => (Side::Buy, -APART_TICKS),
            _ => (Side::Sell, APART_TICKS),
        };
        let tick = CENTRE_TICKS + apart + self.bell();
        let (price, lots) = (Price::from_units(tick * TICK_UNITS), 1 + self.below(100));
        let account = AccountId(1 + self.below(1_000) as u32);
        let qty = Qty::from_units(lots * LOT_UNITS);
        let order = NewOrder::limit(INSTRUMENT, account, side, price, qty);
        let order = NewOrder { order_id: OrderId(number), ..order };
        let time_in_force = TimeInForce::AtAuction;
        match self.below(40) {
            0 => NewOrder { time_in_force, ..order }.into(),
            1 => NewOrder { time_in_force, kind: OrderKind::Market, price: Price::ZERO, ..order }
                .into(),
            _ => order.into(),
        }
    }
}

/// What an auction told.
#[derive(Default)]
struct Told {
    trades: u64,
    lots: u64,
    ended: Option<(u64, u64)>,
}

impl Told {
    #[inline(always)]
    fn note(&mut self, event: EventRef<'_>) {
        match event {
            EventRef::Trade(trade) => {
                self.trades += 1;
                self.lots += trade.qty.units();
            }
            EventRef::AuctionEnded(ended) => {
                self.ended = Some((ended.executed_qty.units(), ended.surplus_qty.units()));
            }
            _ => {}
        }
    }
}

impl Subject for Auction {
    fn name(&self) -> String {
        "tiercel".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        if timing == Timing::Each {
            return Ok(Round::default());
        }
        let config = EngineConfig { orders: ORDERS as usize, ..EngineConfig::default() };
        let mut engine = BareEngine::new(config);
        let mut events = EventBuffer::with_capacity(256);
        let mut sequence = 0;
        let mut run = |command: &Command, told: &mut Told| {
            sequence += 1;
            let time = Timestamp(sequence);
            engine.apply_each(sequence, time, command, &mut events, |_, event| told.note(event));
        };
        let (tick, lot) = (Price::from_units(TICK_UNITS), Qty::from_units(LOT_UNITS));
        let mut spec = InstrumentSpec::new(INSTRUMENT, AssetId(1), AssetId(2), tick, lot);
        spec.symbol = tiercel_types::Symbol::new(b"BTCUSDT").unwrap_or_default();
        spec.reference_price = Price::from_units(CENTRE_TICKS * TICK_UNITS);
        // One indication is enough here: what is measured is the auction.
        let rules = SetAuctionRules {
            indication_interval_ns: u64::MAX,
            ..SetAuctionRules::xetra(INSTRUMENT)
        };
        let start = StartCall {
            instrument: INSTRUMENT,
            auction: AuctionKind::Opening,
            then: InstrumentState::Open,
            reserved: [0; 2],
            ends_at: Timestamp(0),
        };
        let mut told = Told::default();
        for command in [AddInstrument { spec }.into(), rules.into(), start.into()] {
            run(&command, &mut told);
        }
        let mut draws = Draws(self.seed | 1);
        for number in 1..=ORDERS {
            let command = draws.order(number);
            run(&command, &mut told);
        }
        let end = SetInstrumentState {
            instrument: INSTRUMENT,
            state: InstrumentState::Open,
            reserved: [0; 3],
        };
        let from = clock::start();
        run(&end.into(), &mut told);
        let spent_ns = clock.between_ns(clock::stop() - from);
        let fits = told.ended.is_some_and(|(executed, _)| executed == told.lots);
        if !fits || told.trades < ORDERS / 10 {
            let what =
                format!("{} trades of {} units, ended {:?}", told.trades, told.lots, told.ended);
            return Err(BenchError::Wrong { subject: self.name(), what });
        }
        Ok(Round { value: spent_ns / 1e6, operations: told.trades, ..Round::default() })
    }
}
