//! Orders and a venue with a faulty connection between them, in virtual time: after every step the truth is the
//! venue's, and in the end both have the same.
//!
//! ```text
//!   Driver <--> Oms --> requests --(delayed, lost)--> Venue: engine, accounts, others
//!               ^ journal  <-----(delayed, lost, twice, out of order)--- answers, stream
//! ```
//!
//! Two kinds of venue. A session keeps the order of everything, tells again what was not received, and amends. The
//! other is as Binance: requests travel each for itself and may arrive as late as they are valid, answers may be
//! lost, the stream has gaps, nothing is amended. Connections end, are half open, the venue is killed and loses
//! what it has not acknowledged, the trader is killed and goes on from its journal.

mod driver;
mod link;
mod venue;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use tiercel_execution::breaker::BreakerOptions;
use tiercel_execution::oms::{Anomaly, Oms, OmsOptions, Outputs, Place, RunId, VenueTerms};
use tiercel_execution::order::Found;
use tiercel_execution::recovery::Recovery;
use tiercel_execution::risk::{Gate, GlobalLimits, Limits};
use tiercel_execution::venue::{Gathered, VenueId, VenueReport, VenueRequest};
use tiercel_testkit::random::Random;
use tiercel_testkit::soak;
use tiercel_types::{ClientOrderId, InstrumentId, Money, Qty, Side, Timestamp};

use driver::Driver;
use link::{Event, Link};
use venue::{INSTRUMENTS, Venue};

const VENUE: VenueId = VenueId(0);
const MS: u64 = 1_000_000;
/// The beginning of time: that of the market.
const START: u64 = 1_767_571_200_000_000_000;
const OPTIONS: OmsOptions = OmsOptions {
    orders_max: 24,
    answer_timeout_ns: 120 * MS,
    ask_interval_ns: 60 * MS,
    breaker: BREAKER,
};
/// Soon open and soon closed, so that both happen in each run.
const BREAKER: BreakerOptions = BreakerOptions {
    failures_max: 4,
    window_ns: 500 * MS,
    wait_first_ns: 20 * MS,
    wait_max_ns: 200 * MS,
};
/// How long the faults go on.
const FAULTS: u64 = 4_000 * MS;
/// Behind the last fault, when everything has to be known: connections that are half open are noticed, the venue is
/// there, requests are void, and a question is asked and answered.
const SETTLED: u64 = 2_500 * MS;

/// Which kind of venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Session,
    Requests,
}

impl Kind {
    const fn terms(self) -> VenueTerms {
        match self {
            Self::Session => VenueTerms { amends: true, validity_ns: 0 },
            Self::Requests => VenueTerms { amends: false, validity_ns: 250 * MS },
        }
    }
}

/// What is kept of a run: written before a request leaves, and before a report does anything.
enum Record {
    Sent(Timestamp, u64, VenueRequest),
    Heard(VenueReport),
}

/// The trader, while it lives.
struct Trader {
    oms: Oms,
    driver: Driver,
}

struct World {
    kind: Kind,
    random: Random,
    now: u64,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    next_event: u64,
    venue: Venue,
    link: Link,
    gathered: Gathered,
    /// Lists that were sent, by the name of their last order.
    together: BTreeMap<ClientOrderId, Gathered>,
    trader: Option<Trader>,
    out: Outputs,
    journal: Vec<Record>,
    runs: u64,
    is_faulty: bool,
    /// Something of the journal was lost that entered an order: not everything can be known any more.
    is_lossy: bool,
    /// A change of an order was lost: until it is asked for, what it could be is not counted.
    is_behind: bool,
    anomalies: Vec<Anomaly>,
    counts: BTreeMap<&'static str, u64>,
    trace: u64,
}

fn limits(instrument: u32) -> Limits {
    // The usual order is some 200 of the quote asset, and this is seven times it.
    let position_max = [0, 2_400_000, 48_000_000][instrument as usize];
    Limits {
        restricted: false,
        qty_max: Qty::from_units(position_max / 2),
        notional_max: Money::from_qty(Qty::from_units(100_000_000_000)),
        touch_collar_bps: 100,
        trade_collar_bps: 500,
        reference_age_max_ns: 1_000 * MS,
        position_max: Qty::from_units(position_max),
        open_orders_max: 6,
    }
}

fn gate() -> Gate {
    let whole = |amount: u64| Money::from_qty(Qty::from_units(amount * 100_000_000));
    let global = GlobalLimits {
        rate_max: 100_000,
        rate_window_ns: 1_000 * MS,
        duplicate_window_ns: 0,
        open_orders_max: 10,
        credit: whole(3_500),
        loss_reducing: whole(1_000_000),
        loss_halting: whole(1_000_000),
        drawdown_reducing: whole(1_000_000),
        drawdown_halting: whole(1_000_000),
    };
    let mut gate = Gate::new(global, INSTRUMENTS as usize + 1);
    for number in 1..=INSTRUMENTS {
        gate.set_limits(InstrumentId(number), limits(number));
    }
    gate
}

impl World {
    fn new(kind: Kind, seed: u64) -> Self {
        let mut venue = Venue::new(seed, kind == Kind::Session);
        // A book before anybody looks.
        for step in 0..400 {
            venue.step(Timestamp(START - 400 + step));
        }
        let mut world = Self {
            kind,
            random: Random::new(seed),
            now: START,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next_event: 0,
            venue,
            link: Link::default(),
            gathered: Gathered::default(),
            together: BTreeMap::new(),
            trader: None,
            out: Outputs::new(OPTIONS.orders_max),
            journal: Vec::new(),
            runs: 0,
            is_faulty: true,
            is_lossy: false,
            is_behind: false,
            anomalies: Vec::new(),
            counts: BTreeMap::new(),
            trace: 0,
        };
        world.start(0);
        for event in [Event::Market, Event::Drive, Event::Tick, Event::Connect] {
            world.at(START, event);
        }
        world.at(START + 100 * MS, Event::Fault);
        world
    }

    fn at(&mut self, time: u64, event: Event) {
        self.next_event += 1;
        self.queue.push(Reverse((time, self.next_event)));
        self.events.insert(self.next_event, event);
    }

    fn after(&mut self, ns: u64, event: Event) {
        self.at(self.now + ns, event);
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// A new run, from the journal without its last records.
    fn start(&mut self, lost: usize) {
        let kept = self.journal.len() - lost.min(self.journal.len());
        for record in self.journal.drain(kept..) {
            let request =
                if let Record::Sent(_, _, request) = &record { Some(request) } else { None };
            self.is_lossy |= request.is_some_and(|request| request.entered().is_some());
            self.is_behind |= matches!(request, Some(VenueRequest::Amend { .. }));
            if let Record::Heard(_) = record
                && self.kind == Kind::Session
            {
                self.link.received -= 1;
            }
        }
        let mut recovery = Recovery::new(&[self.kind.terms()]);
        for record in &self.journal {
            match record {
                Record::Sent(at, tag, request) => recovery.sent(*at, VENUE, *tag, request),
                Record::Heard(report) => recovery.heard(VENUE, report).unwrap(),
            }
        }
        self.runs += 1;
        let run = RunId::of(1_000 + self.runs, 0);
        let places = vec![Place { venue: VENUE }; INSTRUMENTS as usize + 1];
        let mut oms = Oms::new(OPTIONS, gate(), run, &[self.kind.terms()], &places);
        let mut driver = Driver::default();
        for (instrument, position) in recovery.positions() {
            oms.set_position(instrument, *position);
        }
        for (_, adopted) in recovery.ended() {
            oms.adopt(Timestamp(self.now), adopted, &mut self.out).unwrap();
        }
        for (_, adopted) in recovery.orders() {
            oms.adopt(Timestamp(self.now), adopted, &mut self.out).unwrap();
            driver.adopt(adopted.tag, adopted.order.open_qty());
        }
        assert!(self.out.is_empty());
        self.trader = Some(Trader { oms, driver });
        // The venue is asked for its open orders.
        self.list();
        self.check();
    }

    /// Does what the trader wants done.
    fn act(&mut self) {
        let requests: Vec<_> = self.out.requests.drain(..).collect();
        for (venue, request) in requests {
            assert_eq!(venue, VENUE);
            let Some(trader) = &self.trader else { break };
            let tag = request
                .entered()
                .map_or(0, |terms| trader.oms.tag(&terms.client_order_id).unwrap());
            self.journal.push(Record::Sent(Timestamp(self.now), tag, request));
            self.send(request);
        }
        let Some(trader) = &mut self.trader else { return };
        for update in self.out.updates.drain(..) {
            trader.driver.told(&update);
        }
        self.anomalies.append(&mut self.out.anomalies);
    }

    /// What the venue lists as open is taken over, if it is not known: of a journal whose end was lost.
    fn list(&mut self) {
        let Some(trader) = self.trader.as_mut().filter(|_| self.is_lossy) else { return };
        let now = Timestamp(self.now);
        for kept in self.venue.live() {
            if trader.oms.order(&kept.terms.order.client_order_id).is_none() {
                let adopted = kept.listed();
                trader.driver.adopt(adopted.tag, adopted.order.open_qty());
                trader.oms.adopt(now, &adopted, &mut self.out).unwrap();
            }
        }
        self.act();
    }

    /// The trader has heard something.
    fn hear(&mut self, report: &VenueReport) {
        let Some(trader) = &mut self.trader else { return };
        self.journal.push(Record::Heard(*report));
        trader.oms.report(Timestamp(self.now), VENUE, report, &mut self.out);
        let is_stray = |anomaly: &Anomaly| matches!(anomaly, Anomaly::Stray { .. });
        let is_stray = self.out.anomalies.iter().any(is_stray);
        self.act();
        if is_stray {
            self.list();
        }
    }

    /// Lets one event happen; false: there is none before `end`.
    fn step(&mut self, end: u64) -> bool {
        let Some(Reverse((time, number))) = self.queue.peek().copied() else { return false };
        if time > end {
            return false;
        }
        self.queue.pop();
        let event = self.events.remove(&number).unwrap();
        self.now = time;
        self.trace =
            (self.trace ^ time ^ number).rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.happen(event);
        self.check();
        true
    }

    fn drive(&mut self) {
        let next = 2 * MS + self.random.below(4 * MS);
        self.after(next, Event::Drive);
        if !self.is_faulty {
            return;
        }
        let Self { trader: Some(trader), random, venue, out, .. } = self else { return };
        trader.driver.act(Timestamp(self.now), random, venue, &mut trader.oms, out);
        self.act();
    }

    fn tick(&mut self) {
        self.after(5 * MS, Event::Tick);
        let Some(trader) = &mut self.trader else { return };
        trader.oms.tick(Timestamp(self.now), &mut self.out);
        self.act();
    }

    /// What has to be so at every moment.
    fn check(&self) {
        let Some(trader) = &self.trader else { return };
        let oms = &trader.oms;
        assert_eq!(oms.audit(), Ok(()));
        let unknown = oms.live().filter(|(_, order)| order.state().name().starts_with("unknown"));
        assert_eq!(oms.unknown_orders() as usize, unknown.count());
        for kept in self.venue.live() {
            let name = &kept.terms.order.client_order_id;
            let is_live = oms.live().any(|(_, order)| order.client_order_id == *name);
            assert!(is_live || self.is_lossy, "{} is lost", name.as_str());
        }
        if self.is_lossy {
            return;
        }
        for number in 1..=INSTRUMENTS {
            let instrument = InstrumentId(number);
            let owned = self.venue.owned[number as usize].base;
            let open = |side| -> i128 {
                let of = |kept: &&venue::Kept| {
                    kept.terms.order.instrument == instrument && kept.terms.order.side == side
                };
                // Of a pair one trades: both are of one quantity, and one that has traded is alone.
                let mut pairs = BTreeSet::new();
                let open = self.venue.live().filter(of);
                let open = open.filter(|kept| kept.pair.is_none_or(|pair| pairs.insert(pair)));
                let open = open.map(|kept| kept.qty.units() - kept.executed);
                open.map(|qty| Money::from_qty(Qty::from_units(qty)).units()).sum()
            };
            let most = Money::from_qty(limits(number).position_max).units();
            let (long, short) = (owned + open(Side::Buy), owned - open(Side::Sell));
            assert!(long <= most && -short <= most, "{long} {short} beyond {most}");
            let (counted_long, counted_short) = oms.gate().worst_position(instrument).unwrap();
            let is_counted = long <= counted_long.units() && counted_short.units() <= short;
            assert!(is_counted || self.is_behind, "instrument {number} counts too little");
        }
    }

    /// What has to be so once everything was asked for and answered.
    fn check_settled(&self) {
        let Some(trader) = &self.trader else { panic!("the trader is not there") };
        let oms = &trader.oms;
        assert!(oms.is_up(VENUE));
        for (_, order) in oms.live() {
            let kept = self.venue.orders.get(&order.client_order_id);
            assert_eq!(order.state().name(), "working", "{order:?}, and the venue has {kept:?}");
        }
        assert_eq!(oms.unknown_orders(), 0);
        let mut live: BTreeMap<_, _> =
            oms.live().map(|(_, order)| (order.client_order_id, *order)).collect();
        for kept in self.venue.live() {
            let name = kept.terms.order.client_order_id;
            let Some(order) = live.remove(&name) else { panic!("{} is lost", name.as_str()) };
            assert_eq!(order.order_id(), kept.order_id);
            assert_eq!((order.price(), order.qty()), (kept.price, kept.qty));
            assert_eq!(order.executed_qty(), Qty::from_units(kept.executed));
        }
        assert!(live.is_empty(), "the venue does not have {live:?}");
        let mut open = BTreeMap::new();
        for (tag, order) in oms.live() {
            *open.entry(tag).or_insert(0) += order.open_qty().units();
        }
        let believed = trader.driver.open().iter().map(|(tag, qty)| (*tag, qty.units()));
        assert_eq!(believed.collect::<BTreeMap<_, _>>(), open);
        if self.is_lossy {
            return;
        }
        assert_eq!(self.anomalies, []);
        let (quote, bases) = self.venue.funds();
        let mut cash = 0;
        for number in 1..=INSTRUMENTS {
            let position = oms.position(InstrumentId(number)).unwrap();
            let owned = self.venue.owned[number as usize];
            assert_eq!(position.owned().units(), owned.base);
            assert_eq!(position.owned().units(), bases[number as usize - 1]);
            assert_eq!(position.volume(), (owned.bought, owned.sold));
            assert_eq!(position.fees().units(), owned.fees);
            cash += position.net().unwrap().units() - position.cost().units();
        }
        assert_eq!(cash, quote);
    }

    /// All of it: faults, silence, the end.
    fn run(mut self) -> Outcome {
        while self.step(START + FAULTS) {}
        self.is_faulty = false;
        self.heal();
        while self.step(START + FAULTS + SETTLED) {}
        self.check_settled();
        self.now = START + FAULTS + SETTLED;
        if let Some(trader) = &mut self.trader {
            trader.oms.cancel_all(Timestamp(self.now), InstrumentId::ALL, &mut self.out);
        }
        self.act();
        while self.step(START + FAULTS + SETTLED + 200 * MS) {}
        self.check_settled();
        let Some(trader) = self.trader else { panic!("the trader is not there") };
        let gate = trader.oms.gate();
        assert_eq!((trader.oms.live_orders(), self.venue.live().count()), (0, 0));
        assert_eq!(gate.open_orders(), 0);
        let owned: i128 = (1..=INSTRUMENTS)
            .map(|number| trader.oms.position(InstrumentId(number)).unwrap().cost().units().abs())
            .sum();
        assert_eq!(gate.used_credit().units(), owned);
        for (name, count) in &trader.driver.told {
            *self.counts.entry(name).or_default() += count;
        }
        let ended = |stands| self.venue.orders.values().filter(|it| it.stands == stands).count();
        *self.counts.entry("orders").or_default() += self.venue.orders.len() as u64;
        *self.counts.entry("orders filled").or_default() += ended(Found::Filled) as u64;
        let is_advanced =
            |it: &&venue::Kept| it.pair.is_some() || !it.terms.trigger_price.is_zero();
        let filled = |it: &&venue::Kept| it.executed > 0;
        for (what, count) in [
            ("of a pair or waiting", self.venue.orders.values().filter(is_advanced).count()),
            (
                "those that traded",
                self.venue.orders.values().filter(is_advanced).filter(filled).count(),
            ),
            ("refused when their time came", ended(Found::Rejected)),
        ] {
            *self.counts.entry(what).or_default() += count as u64;
        }
        Outcome { trace: self.trace, counts: self.counts }
    }
}

/// Of one seed.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    trace: u64,
    counts: BTreeMap<&'static str, u64>,
}

/// Tells the seed of a world that fails.
struct Tell(Kind, u64);

impl Drop for Tell {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:?}, seed {}", self.0, self.1);
        }
    }
}

fn world(kind: Kind, seed: u64) -> Outcome {
    let _tell = Tell(kind, seed);
    World::new(kind, seed).run()
}

/// Which seed alone is run, if one is chosen.
const SEED: &str = "TIERCEL_CHAOS_SEED";

fn many(kind: Kind, name: &'static str) {
    if let Ok(seed) = std::env::var(SEED) {
        eprintln!("{:#?}", world(kind, seed.parse().unwrap()));
        return;
    }
    let quick = if soak::is_soak() { 1_000 } else { 50 };
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    for seed in soak::rounds(name, quick) {
        for (what, count) in world(kind, seed).counts {
            *counts.entry(what).or_default() += count;
        }
    }
    eprintln!("{name}: {counts:?}");
    let kinds = ["accepted", "rejected", "filled", "cancelled", "expired", "denied", "replaced"];
    let doubts = ["replace_rejected", "unknown", "found"];
    let faults = ["cut", "half open", "venue killed", "trader killed", "told again"];
    let lists = ["lists", "of a pair or waiting", "those that traded"];
    for what in kinds.into_iter().chain(doubts).chain(faults).chain(lists) {
        assert!(counts.get(what).is_some_and(|count| *count > 5), "{what} has not come");
    }
}

#[test]
fn orders_over_a_session_end_in_the_truth_whatever_happens_to_it() {
    many(Kind::Session, "chaos of a session");
}

#[test]
fn orders_by_single_requests_end_in_the_truth_whatever_happens_to_them() {
    many(Kind::Requests, "chaos of requests");
}

#[test]
fn a_seed_gives_one_run() {
    for kind in [Kind::Session, Kind::Requests] {
        let first = world(kind, 77);
        assert_eq!(first, world(kind, 77));
        assert_ne!(first.trace, world(kind, 78).trace);
    }
}
