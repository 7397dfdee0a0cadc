//! An auction of 1,000,000 orders: how long the command takes that uncrosses them, and what one more
//! order costs during the call when what the auction would do is told after each.
//!
//! ```text
//!   StartCall --> 1,000,000 orders --> 200 orders, an indication after each   (auction_indication)
//!                                  --> SetInstrumentState(open), all resumes  (auction_million)
//! ```
//!
//! Each order is on either side alike; its limit is drawn from a bell (the mean of four draws) round
//! a middle that lies a little below the common one for buyers and above it for sellers; one in
//! twenty is for this auction alone, half of these without a limit. They come in no order of price,
//! so an order's neighbours in its level lie anywhere in memory. Each round has other draws.

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
pub const CASES: &[CaseSpec] = &[
    CaseSpec {
        bench: "matching",
        name: "auction_million",
        build: |options| Ok(case(options, Timed::Uncross, "ms")),
    },
    CaseSpec {
        bench: "matching",
        name: "auction_indication",
        build: |options| Ok(case(options, Timed::Indications, "us/order")),
    },
];

fn case(options: &Options, timed: Timed, unit: &'static str) -> Case {
    let auction = Auction { seed: options.seed, timed };
    Case { unit, input: Input::None, subjects: vec![Box::new(auction)] }
}

/// What is timed of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Timed {
    /// The command that ends it.
    Uncross,
    /// More orders, each followed by an indication.
    Indications,
}

/// An engine in whose only call something is timed.
struct Auction {
    /// Of the next round.
    seed: u64,
    timed: Timed,
}

/// Orders that are followed by an indication.
const INDICATED: u64 = 200;

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
    indications: u64,
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
            EventRef::AuctionIndication(_) => self.indications += 1,
            EventRef::AuctionEnded(ended) => {
                self.ended = Some((ended.executed_qty.units(), ended.surplus_qty.units()));
            }
            _ => {}
        }
    }
}

/// An engine that collects orders for an auction.
struct Call {
    engine: BareEngine,
    events: EventBuffer,
    sequence: u64,
    draws: Draws,
    told: Told,
}

impl Call {
    /// With all its orders.
    fn collect(seed: u64) -> Self {
        let config = EngineConfig { orders: ORDERS as usize, ..EngineConfig::default() };
        let mut call = Self {
            engine: BareEngine::new(config),
            events: EventBuffer::with_capacity(256),
            sequence: 0,
            draws: Draws(seed | 1 << 32),
            told: Told::default(),
        };
        let (tick, lot) = (Price::from_units(TICK_UNITS), Qty::from_units(LOT_UNITS));
        let mut spec = InstrumentSpec::new(INSTRUMENT, AssetId(1), AssetId(2), tick, lot);
        spec.symbol = tiercel_types::Symbol::new(b"BTCUSDT").unwrap_or_default();
        spec.reference_price = Price::from_units(CENTRE_TICKS * TICK_UNITS);
        let start = StartCall {
            instrument: INSTRUMENT,
            auction: AuctionKind::Opening,
            then: InstrumentState::Open,
            reserved: [0; 2],
            ends_at: Timestamp(0),
        };
        for command in [AddInstrument { spec }.into(), start.into()] {
            call.run(&command);
        }
        call.indicate_every(u64::MAX);
        for number in 1..=ORDERS {
            call.enter(number);
        }
        call
    }

    #[inline(always)]
    fn run(&mut self, command: &Command) {
        self.sequence += 1;
        let (time, told) = (Timestamp(self.sequence), &mut self.told);
        self.engine.apply_each(self.sequence, time, command, &mut self.events, |_, event| {
            told.note(event);
        });
    }

    fn indicate_every(&mut self, indication_interval_ns: u64) {
        let rules =
            SetAuctionRules { indication_interval_ns, ..SetAuctionRules::xetra(INSTRUMENT) };
        self.run(&rules.into());
    }

    fn enter(&mut self, number: u64) {
        let command = self.draws.order(number);
        self.run(&command);
    }

    /// More orders, each of which moves what the auction would do, or may.
    fn indicate(&mut self) -> Result<(), String> {
        let before = self.told.indications;
        for number in ORDERS + 1..=ORDERS + INDICATED {
            self.enter(number);
        }
        let indications = self.told.indications - before;
        let enough = indications >= INDICATED / 4;
        if enough { Ok(()) } else { Err(format!("{indications} indications")) }
    }

    fn uncross(&mut self) -> Result<(), String> {
        let state = InstrumentState::Open;
        let end = SetInstrumentState { instrument: INSTRUMENT, state, reserved: [0; 3] };
        self.run(&end.into());
        let Told { trades, lots, ended, .. } = self.told;
        let fits = ended.is_some_and(|(executed, _)| executed == lots);
        if fits && trades >= ORDERS / 10 {
            Ok(())
        } else {
            Err(format!("{trades} trades of {lots} units, ended {ended:?}"))
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
        let mut call = Call::collect(self.seed);
        self.seed += 1;
        if self.timed == Timed::Indications {
            call.indicate_every(0);
        }
        let from = clock::start();
        let done = match self.timed {
            Timed::Uncross => call.uncross(),
            Timed::Indications => call.indicate(),
        };
        let spent_ns = clock.between_ns(clock::stop() - from);
        done.map_err(|what| BenchError::Wrong { subject: self.name(), what })?;
        let (value, operations) = match self.timed {
            Timed::Uncross => (spent_ns / 1e6, call.told.trades),
            Timed::Indications => (spent_ns / INDICATED as f64 / 1e3, INDICATED),
        };
        Ok(Round { value, operations, ..Round::default() })
    }
}
