//! The same random session, said in each protocol to a venue of its own, makes the same events: those of
//! an engine that is handed the commands which it comes to.
//!
//! A step is said once the one before is answered, so that there is one order of things. What cannot be
//! the same is left out of the comparison: times, the command's sequence (some gateways refuse by
//! themselves what others let the engine deny), the number of a connection, and what protocols make of
//! a client's names: an order is called by the step that entered it.

use std::collections::BTreeMap;
use std::mem::discriminant;

use tiercel_matching::FullEngine;
use tiercel_testkit::random::Random;
use tiercel_testkit::soak;
use tiercel_types::command::{AmendOrder, CancelOrder, NewOrder};
use tiercel_types::order::AmendQtyMeaning;
use tiercel_types::{
    AccountId, ClientOrderId, Command, Event, EventBuffer, EventHeader, InstrumentId, OrderId,
    OrderKind, Price, Qty, SelfTradePrevention, Side, TimeInForce, Timestamp,
};
use tiercel_venue::demo;
use tiercel_venue::models::{ModelLimits, Models};

use super::place::{SMALL_ENGINE, replay};
use super::same_clients::{Market, Protocol};

/// Steps of a session.
const STEPS: usize = 60;
/// Orders of an account that live, at most.
const LIVE: usize = 12;
const SYMBOL: InstrumentId = InstrumentId(1);
/// Units of the tick, of the lot, and of the price that sessions trade round.
const TICK: i64 = 1_000_000;
const LOT: u64 = 1_000;
const MIDDLE: i64 = 60_000 * 100_000_000;
const WHOLE: u64 = 100_000_000;

/// What is wrong with a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wrong {
    /// A price between two ticks.
    Tick,
    /// A price above the highest.
    Price,
    /// More than the largest quantity.
    Quantity,
    /// A quantity between two lots.
    Lot,
    /// Too little value.
    Value,
    /// More than the account has.
    Funds,
    /// An order that has ended.
    Gone,
}

/// What an order says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) side: Side,
    pub(super) kind: OrderKind,
    pub(super) lives: TimeInForce,
    pub(super) price: Price,
    pub(super) qty: Qty,
}

/// An order that a step is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// The step that entered it.
    pub(super) step: usize,
    pub(super) order_id: OrderId,
    pub(super) side: Side,
    pub(super) kind: OrderKind,
    pub(super) price: Price,
}

/// What a step asks.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Enter(Entry),
    /// It gets another price or more quantity, and the last place of its level.
    Replace {
        order: Known,
        price: Price,
        total: Qty,
    },
    /// It gets less quantity, in its place: so much stays open, `total` with what was filled.
    Reduce {
        order: Known,
        open: Qty,
        total: Qty,
    },
    Cancel(Known),
}

/// A step of a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) number: usize,
    /// Which of the two accounts.
    pub(super) who: usize,
    pub(super) what: What,
    pub(super) wrong: Option<Wrong>,
}

/// What a client was told of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Taken,
    Refused,
    /// The protocol has no words for it, or answers it with silence.
    Unsaid,
}

type Events = Vec<(EventHeader, Event)>;

/// The engine that judges, and the session that it is asked for.
struct Judge {
    engine: FullEngine,
    models: Models,
    buffer: EventBuffer,
    sequence: u64,
    random: Random,
    /// Orders that have ended.
    gone: [Vec<Known>; 2],
    with_fok: bool,
    steps: Vec<(Step, Events)>,
}

impl Judge {
    fn new(seed: u64, with_fok: bool) -> Self {
        let mut judge = Self {
            engine: FullEngine::new(SMALL_ENGINE),
            models: Models::new(ModelLimits::default()),
            buffer: EventBuffer::with_capacity(64),
            sequence: 0,
            random: Random::new(seed),
            gone: [Vec::new(), Vec::new()],
            with_fok,
            steps: Vec::new(),
        };
        for command in demo::commands() {
            judge.apply(&command);
        }
        for number in 0..STEPS {
            judge.step(number);
        }
        judge
    }

    fn apply(&mut self, command: &Command) -> Events {
        self.sequence += 1;
        let Self { engine, models, buffer, sequence, .. } = self;
        let (mut events, time) = (Vec::new(), Timestamp(*sequence));
        engine.apply_all(*sequence, time, command, buffer, |header, event| {
            models.apply(&header, &event);
            events.push((header, event));
        });
        events
    }

    fn step(&mut self, number: usize) {
        let who = self.random.below(2) as usize;
        let before = self.live(who);
        let (what, wrong) = match self.random.below(10) {
            0..=5 => self.entry(before.len()),
            _ if before.is_empty() => self.entry(0),
            6 => (What::Cancel(before[self.random.below(before.len() as u64) as usize]), None),
            7 => self.change(who, &before),
            8 => self.reduction(who, &before),
            _ => match self.gone[who].last() {
                Some(order) => (What::Cancel(*order), Some(Wrong::Gone)),
                None => (What::Cancel(before[0]), None),
            },
        };
        let step = Step { number, who, what, wrong };
        let before = [self.live(0), self.live(1)];
        let events = self.apply(&command(&step, by_id));
        for (who, before) in before.into_iter().enumerate() {
            let now = self.live(who);
            let ended = |order: &Known| now.iter().all(|live| live.order_id != order.order_id);
            self.gone[who].extend(before.into_iter().filter(ended));
        }
        let is_denied = matches!(events[..], [(_, Event::Denied(_))]);
        assert!(wrong.is_none() || is_denied, "{step:?}: {events:?}");
        self.steps.push((step, events));
    }

    fn live(&self, who: usize) -> Vec<Known> {
        let known = |order: &tiercel_venue::models::OrderView| Known {
            step: order.client_order_id.as_str()[1..].parse().unwrap(),
            order_id: order.order_id,
            side: order.side,
            kind: order.kind,
            price: order.price,
        };
        self.models.orders().live(account(who)).map(known).collect()
    }

    /// An order: near the others, so that some trade and some rest; now and then one that is wrong.
    fn entry(&mut self, live: usize) -> (What, Option<Wrong>) {
        let random = &mut self.random;
        let side = if random.one_in(2) { Side::Buy } else { Side::Sell };
        let away = random.below(12) as i64 - 3;
        let price = Price::from_units(match side {
            Side::Buy => MIDDLE - away * TICK,
            Side::Sell => MIDDLE + away * TICK,
        });
        let qty = Qty::from_units((20 + random.below(400)) * LOT);
        let plain = (OrderKind::Limit, TimeInForce::Gtc);
        let (kind, lives) = match random.below(8) {
            0 => (OrderKind::Market, TimeInForce::Ioc),
            1 => (OrderKind::PostOnly, TimeInForce::Gtc),
            2 => (OrderKind::Limit, TimeInForce::Ioc),
            3 if self.with_fok => (OrderKind::Limit, TimeInForce::Fok),
            _ if live >= LIVE => (OrderKind::Limit, TimeInForce::Ioc),
            _ => plain,
        };
        let price = if kind == OrderKind::Market { Price::ZERO } else { price };
        let mut entry = Entry { side, kind, lives, price, qty };
        if (kind, lives) != plain || !random.one_in(5) {
            return (What::Enter(entry), None);
        }
        let wrongs = [Wrong::Tick, Wrong::Price, Wrong::Quantity, Wrong::Lot, Wrong::Value];
        let wrong = match random.below(6) {
            5 => Wrong::Funds,
            at => wrongs[at as usize],
        };
        match wrong {
            Wrong::Tick => entry.price = Price::from_units(price.units() + TICK / 10),
            Wrong::Price => entry.price = Price::from_units(400_001 * WHOLE as i64),
            Wrong::Quantity => entry.qty = Qty::from_units(9_001 * WHOLE),
            Wrong::Lot => entry.qty = Qty::from_units(qty.units() + LOT / 2),
            Wrong::Value => entry.qty = Qty::from_units(LOT),
            Wrong::Funds | Wrong::Gone => {
                entry.side = Side::Sell;
                (entry.price, entry.qty) =
                    (Price::from_units(MIDDLE + 90 * TICK), Qty::from_units(120 * WHOLE));
            }
        }
        (What::Enter(entry), Some(wrong))
    }

    /// Another price, or more.
    fn change(&mut self, who: usize, live: &[Known]) -> (What, Option<Wrong>) {
        let order = live[self.random.below(live.len() as u64) as usize];
        let view = self.models.orders().get(account(who), order.order_id).unwrap();
        let (price, total) = (view.price, view.qty);
        let more = Qty::from_units(total.units() + LOT * (1 + self.random.below(50)));
        let moved = (1 + self.random.below(3) as i64) * TICK;
        let moved = if self.random.one_in(2) { moved } else { -moved };
        let (price, total, wrong) = match self.random.below(4) {
            0 => (price, more, None),
            1 => (Price::from_units(price.units() + TICK / 10), total, Some(Wrong::Tick)),
            // A post-only order that would trade is denied: that is not what is wrong here.
            _ if order.kind == OrderKind::PostOnly => (price, more, None),
            _ => (Price::from_units(price.units() + moved), total, None),
        };
        (What::Replace { order, price, total }, wrong)
    }

    /// Less, in its place.
    fn reduction(&mut self, who: usize, live: &[Known]) -> (What, Option<Wrong>) {
        let order = live[self.random.below(live.len() as u64) as usize];
        let view = self.models.orders().get(account(who), order.order_id).unwrap();
        let lots = view.open_qty.units() / LOT;
        if lots < 10 {
            return (What::Cancel(order), None);
        }
        let open = Qty::from_units((lots - 1 - self.random.below(lots / 3)) * LOT);
        let filled = view.qty.units() - view.open_qty.units();
        let total = Qty::from_units(filled + open.units());
        (What::Reduce { order, open, total }, None)
    }
}

pub(super) const fn account(who: usize) -> AccountId {
    AccountId(who as u32 + 1)
}

/// How a command calls the order that it is about, and the name that the order has from then on.
pub(super) struct Called {
    pub(super) id: OrderId,
    pub(super) name: ClientOrderId,
    pub(super) new_name: ClientOrderId,
}

/// What a step comes to, where orders are called so.
pub(super) fn command(step: &Step, called: impl Fn(&Known) -> Called) -> Command {
    let account = account(step.who);
    let amend = |order: &Known, price: Price, qty: Qty, qty_meaning| {
        let Called { id: order_id, name: client_order_id, new_name } = called(order);
        AmendOrder {
            order_id,
            price,
            qty,
            account,
            client_order_id,
            new_client_order_id: new_name,
            qty_meaning,
            lose_priority: 0,
            reserved: [0; 2],
        }
    };
    match &step.what {
        What::Enter(Entry { side, kind, lives, price, qty }) => NewOrder {
            kind: *kind,
            time_in_force: *lives,
            self_trade_prevention: SelfTradePrevention::ExpireMaker,
            client_order_id: format!("n{}", step.number).parse().unwrap(),
            ..NewOrder::limit(SYMBOL, account, *side, *price, *qty)
        }
        .into(),
        What::Replace { order, price, total } => {
            amend(order, *price, *total, AmendQtyMeaning::Total).into()
        }
        What::Reduce { order, open, .. } => {
            amend(order, Price::ZERO, *open, AmendQtyMeaning::Open).into()
        }
        What::Cancel(order) => {
            let Called { id: order_id, name: client_order_id, .. } = called(order);
            CancelOrder { order_id, account, client_order_id }.into()
        }
    }
}

/// By its id.
fn by_id(order: &Known) -> Called {
    Called { id: order.order_id, name: ClientOrderId::EMPTY, new_name: ClientOrderId::EMPTY }
}

/// Steps, and the orders that their names are of.
fn names(steps: &[(Step, Events)]) -> BTreeMap<usize, usize> {
    let of = |step: &Step| match step.what {
        What::Enter(_) => step.number,
        What::Replace { order, .. } | What::Reduce { order, .. } | What::Cancel(order) => {
            order.step
        }
    };
    steps.iter().map(|(step, _)| (step.number, of(step))).collect()
}

/// Events without what cannot be the same.
fn plain(events: &Events, names: &BTreeMap<usize, usize>) -> Events {
    let called = |id: &ClientOrderId| {
        // Of OUCH: `USER/0000002AP/n7`.
        let own = id.as_str().rsplit('/').next().unwrap();
        let step = own.strip_prefix('n').and_then(|step| step.parse().ok());
        let of: &usize = step.and_then(|step: usize| names.get(&step)).expect("a client's name");
        format!("n{of}").parse().unwrap()
    };
    let plain = |(header, event): &(EventHeader, Event)| {
        let mut event = *event;
        match &mut event {
            Event::OrderAccepted(taken) => {
                taken.client_order_id = called(&taken.client_order_id);
                taken.session = 0;
            }
            Event::OrderAmended(amended) => {
                amended.client_order_id = called(&amended.client_order_id);
            }
            // Of what is not an order's entry: named by its id, or its name, as protocols do.
            Event::Denied(denied) => {
                (denied.order_id, denied.client_order_id) = (OrderId::NONE, ClientOrderId::EMPTY);
            }
            _ => {}
        }
        (EventHeader { time_ns: 0, sequence: 0, ..*header }, event)
    };
    events.iter().map(plain).collect()
}

/// Says a session in a protocol; all that is compared.
fn check(judge: &Judge, protocol: Protocol, kinds: &mut BTreeMap<String, usize>) {
    let mut market = Market::open(protocol);
    let (mut expected, mut answers) = (Vec::new(), Vec::new());
    let names = names(&judge.steps);
    for (step, events) in &judge.steps {
        let answer = market.say(step);
        answers.push(answer);
        if answer != Answer::Unsaid && !protocol.refuses(step) {
            expected.push((step, plain(events, &names)));
        }
    }
    let folder = market.close();
    let mut engine = FullEngine::new(SMALL_ENGINE);
    let mut buffer = EventBuffer::with_capacity(64);
    let mut logged: Vec<Events> = Vec::new();
    replay(folder.path(), |sequence, time, command| {
        let mut events = Events::new();
        engine.apply_all(sequence, time, &command, &mut buffer, |header, event| {
            events.push((header, event));
        });
        logged.push(events);
    });
    let logged = logged.split_off(demo::commands().len());
    for ((step, expected), events) in expected.iter().zip(&logged) {
        assert_eq!(plain(events, &names), *expected, "{protocol:?}, {step:?}");
        for (_, event) in events {
            let name = format!("{event:?}").split('(').next().unwrap().to_owned();
            *kinds.entry(name).or_default() += 1;
        }
    }
    assert_eq!(logged.len(), expected.len(), "{protocol:?}");
    for ((step, events), answer) in judge.steps.iter().zip(answers) {
        let is_denied = matches!(events[..], [(_, Event::Denied(_))]);
        assert_eq!(answer != Answer::Taken, is_denied, "{protocol:?}, {step:?}: {answer:?}");
    }
}

/// Sessions of these seeds, in each of the protocols.
fn run(name: &'static str, protocols: &[Protocol], with_fok: bool) {
    let (mut kinds, mut wrongs, mut said) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for seed in soak::rounds(name, 3) {
        let judge = Judge::new(seed, with_fok);
        for (step, _) in &judge.steps {
            if let Some(wrong) = step.wrong {
                *wrongs.entry(wrong).or_insert(0) += 1;
            }
            *said.entry(format!("{:?}", discriminant(&step.what))).or_insert(0) += 1;
        }
        for protocol in protocols {
            check(&judge, *protocol, &mut kinds);
        }
    }
    eprintln!("{kinds:?} {wrongs:?}");
    for kind in ["OrderAccepted", "Trade", "OrderRested", "OrderAmended", "OrderEnded", "Denied"] {
        assert!(kinds.contains_key(kind), "no {kind} in {kinds:?}");
    }
    assert_eq!((said.len(), wrongs.len()), (4, 7), "{said:?} {wrongs:?}");
}

#[test]
fn a_session_makes_the_same_events_in_every_protocol() {
    run("the same session in every protocol", &Protocol::ALL, false);
}

#[test]
fn a_session_with_fill_or_kill_makes_the_same_events_where_there_is_such_a_thing() {
    let protocols: Vec<Protocol> =
        Protocol::ALL.into_iter().filter(|protocol| *protocol != Protocol::Ouch).collect();
    run("the same session with fill or kill", &protocols, true);
}
