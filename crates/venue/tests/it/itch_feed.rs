//! The feed rebuilds the engine's own book, order by order, whatever happens in the market.

use std::collections::BTreeMap;

use tiercel_book::l3::{AnomalyKind, BookSet, Capacity};
use tiercel_matching::{DisplayedOrder, EngineConfig, FullEngine};
use tiercel_testkit::commands::{Generator, Profile};
use tiercel_testkit::model::Mode;
use tiercel_types::auction::AuctionKind;
use tiercel_types::command::{AddInstrument, NewOrder, SetInstrumentState, UpdateInstrument};
use tiercel_types::{
    Command, Event, EventBuffer, EventHeader, InstrumentId, InstrumentSpec, InstrumentState,
    OrderId, Price, Qty, Side, Timestamp,
};
use tiercel_venue::itch::{Day, Feed, Sink, Units, match_number};
use tiercel_wire::itch::{Kind, Message};

use crate::it::itch_archive::scaled;
use crate::it::place::{MARKET, SMALL_ENGINE, call_for_auction, limit, setup};

/// What a message tells beside the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Trade(u64),
    Broken(u64),
    Cross(u8),
    /// To which side.
    Imbalance(u8),
    State([u8; 4]),
}

/// An outside reader: books from messages alone.
pub(crate) struct Reader {
    books: BookSet,
    /// Which order a number was told for: what the venue keeps for itself, to compare by.
    names: BTreeMap<u64, OrderId>,
    /// How often each message came.
    counts: BTreeMap<Kind, u64>,
    days: Vec<Day>,
    digest: u64,
    /// Crosses of the day, by instrument.
    crosses: BTreeMap<u16, u64>,
    /// What the last event was told as.
    said: Vec<Said>,
}

impl Reader {
    pub(crate) fn new() -> Self {
        let capacity = Capacity { instruments: 4, orders: 1_024, levels: 64 };
        Self {
            books: BookSet::new(capacity),
            names: BTreeMap::new(),
            counts: BTreeMap::new(),
            days: Vec::new(),
            digest: 0,
            crosses: BTreeMap::new(),
            said: Vec::new(),
        }
    }

    /// A side of a book, best level first, each level in queue order.
    pub(crate) fn side(&self, locate: u16, units: &Units, side: Side) -> Vec<DisplayedOrder> {
        let Some(book) = self.books.book(locate) else { return Vec::new() };
        let levels = book.levels(side).iter().rev();
        let orders = levels.flat_map(|level| self.books.queue(locate, side, level.price()));
        let order = |order: &tiercel_book::l3::Order| DisplayedOrder {
            order_id: self.names[&order.reference()],
            price: Units::price_of(order.price().into()).unwrap(),
            qty: units.qty_of(order.qty()),
        };
        orders.map(order).collect()
    }

    fn check(&self, engine: &FullEngine) -> Result<(), String> {
        for spec in engine.instruments() {
            let Ok(units) = Units::of(spec) else { continue };
            for side in [Side::Buy, Side::Sell] {
                let own = engine.displayed_orders(spec.instrument, side);
                let own: Vec<DisplayedOrder> = own.filter(|order| !order.qty.is_zero()).collect();
                let told = self.side(units.locate(), &units, side);
                if own != told {
                    let symbol = spec.symbol;
                    return Err(format!("{symbol} {side}\nengine {own:?}\nfeed {told:?}"));
                }
            }
        }
        Ok(())
    }

    fn hear(&mut self, message: &Message<'_>) {
        let said = match message {
            Message::OrderExecuted(executed) => Said::Trade(executed.match_number.get()),
            Message::Trade(trade) => Said::Trade(trade.match_number.get()),
            Message::BrokenTrade(broken) => Said::Broken(broken.match_number.get()),
            Message::NetOrderImbalanceIndicator(told) => {
                Said::Imbalance(told.imbalance_direction.0)
            }
            Message::StockTradingAction(action) => Said::State(*action.reason.padded()),
            Message::CrossTrade(cross) => {
                let count = self.crosses.entry(cross.head.stock_locate.get()).or_default();
                *count += 1;
                assert_eq!(cross.match_number.get() & ((1 << 47) - 1), *count, "of its day");
                Said::Cross(cross.cross_type.0)
            }
            _ => return,
        };
        self.said.push(said);
    }

    /// Checks what an event was told as, if it was.
    fn check_said(&mut self, header: &EventHeader, event: &Event) {
        let said = std::mem::take(&mut self.said);
        let number = |trade_id| match_number(header.instrument, trade_id);
        let expected: &[Said] = match event {
            Event::Trade(trade) => &[Said::Trade(number(trade.trade_id))],
            Event::TradeBusted(busted) => &[Said::Broken(number(busted.trade_id))],
            Event::TradeCorrected(told) => {
                let number = number(told.trade_id);
                &[Said::Broken(number), Said::Trade(number)]
            }
            Event::AuctionEnded(ended) => &[Said::Cross(match ended.auction {
                AuctionKind::Opening => b'O',
                AuctionKind::Closing => b'C',
                AuctionKind::Volatility => b'H',
                _ => b'I',
            })],
            Event::AuctionIndication(told) => {
                &[Said::Imbalance(match (told.has_price, told.surplus_side) {
                    (0, _) => b'O',
                    _ if told.surplus_qty.is_zero() => b'N',
                    (_, Side::Buy) => b'B',
                    (_, Side::Sell) => b'S',
                })]
            }
            Event::InstrumentStateChanged(changed) => &[Said::State(match changed.new {
                InstrumentState::Open => *b"    ",
                InstrumentState::PreOpen => *b"PREO",
                InstrumentState::Call => *b"CALL",
                InstrumentState::Halted => *b"HALT",
                InstrumentState::Closed => *b"CLOS",
                InstrumentState::Paused => *b"PAUS",
            })],
            _ => return,
        };
        // A day that begins tells states first.
        let said = &said[said.len().saturating_sub(expected.len())..];
        assert!(said.is_empty() || said == expected, "{event:?}: {said:?}");
    }

    fn count(&self, kind: Kind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or(0)
    }
}

impl Sink for Reader {
    fn begin(&mut self, day: Day) {
        assert!(self.days.last().is_none_or(|last| *last < day));
        self.days.push(day);
        let Self { counts, days, digest, .. } = std::mem::replace(self, Self::new());
        (self.counts, self.days, self.digest) = (counts, days, digest);
    }

    fn message(&mut self, bytes: &[u8], order: OrderId) {
        let message = Message::decode(bytes).unwrap();
        *self.counts.entry(message.kind()).or_default() += 1;
        self.hear(&message);
        self.digest = (self.digest ^ message.digest()).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let reference = match message {
            Message::AddOrder(added) => Some(added.order_reference_number.get()),
            Message::OrderReplace(new) => Some(new.new_order_reference_number.get()),
            Message::StockTradingAction(action) if action.reason.padded() == b"GONE" => {
                // If it joins again, its orders have the numbers that they had.
                let of = |reference: u64| reference >> 48 == u64::from(action.head.stock_locate);
                self.names.retain(|reference, _| !of(*reference));
                None
            }
            _ => None,
        };
        assert_eq!(reference.is_some(), !order.is_none());
        if let Some(reference) = reference {
            assert_eq!(self.names.insert(reference, order), None, "a number is told once");
        }
        if let Some(operation) = message.operation()
            && let Err(anomaly) = self.books.apply(&operation)
        {
            // In a call orders may cross.
            let known = matches!(anomaly.kind(), AnomalyKind::Crossed | AnomalyKind::Locked);
            assert!(known, "{anomaly}");
        }
    }
}

/// Terms that fit the feed, where their steps do.
fn bounded(mut spec: InstrumentSpec) -> InstrumentSpec {
    if spec.max_price.is_zero() {
        spec.max_price = Price::from_units(400_000 * 100_000_000);
    }
    if spec.max_qty.is_zero() {
        spec.max_qty = Qty::from_units(10_000 * 100_000_000);
    }
    spec
}

pub(crate) fn with_bounds(command: Command) -> Command {
    match command {
        Command::AddInstrument(add) => AddInstrument { spec: bounded(add.spec) }.into(),
        Command::UpdateInstrument(update) => UpdateInstrument { spec: bounded(update.spec) }.into(),
        other => other,
    }
}

/// An engine, the feed of its events, and a reader.
struct Beside {
    engine: FullEngine,
    events: EventBuffer,
    feed: Feed,
    reader: Reader,
    sequence: u64,
}

impl Beside {
    fn new() -> Self {
        Self {
            engine: FullEngine::new(EngineConfig { window_ticks: 8_192, ..SMALL_ENGINE }),
            events: EventBuffer::with_capacity(16),
            feed: Feed::default(),
            reader: Reader::new(),
            sequence: 0,
        }
    }

    fn apply(
        &mut self,
        time: Timestamp,
        command: &Command,
        mut see: impl FnMut(&EventHeader, &Event),
    ) {
        self.sequence += 1;
        let Self { engine, events, feed, reader, sequence } = self;
        engine.apply_all(*sequence, time, command, events, |header, event| {
            feed.apply(&header, &event, reader);
            reader.check_said(&header, &event);
            see(&header, &event);
        });
    }
}

/// Runs a session; the reader of it.
fn run(profile: &Profile, seed: u64, steps: u32) -> Reader {
    let mut generator = Generator::new(*profile, seed);
    let mut beside = Beside::new();
    for number in 0..steps {
        let step = generator.next_step();
        let command = with_bounds(step.command);
        beside.apply(step.time, &command, |header, event| generator.observe(header, event));
        if let Err(differ) = beside.reader.check(&beside.engine) {
            let differ: String = differ.chars().take(4_000).collect();
            panic!("{} {seed}, step {number}, {}: {differ}", profile.name, command.kind());
        }
    }
    beside.reader
}

#[test]
fn the_feed_rebuilds_the_book_order_by_order_in_every_market() {
    let mut all: BTreeMap<Kind, u64> = BTreeMap::new();
    for profile in Profile::ALL.iter().filter(|profile| profile.mode == Mode::Full) {
        let reader = run(profile, 11, 1_000);
        for (kind, count) in &reader.counts {
            *all.entry(*kind).or_default() += count;
        }
    }
    for kind in [
        Kind::SystemEvent,
        Kind::StockDirectory,
        Kind::StockTradingAction,
        Kind::AddOrder,
        Kind::OrderExecuted,
        Kind::OrderExecutedWithPrice,
        Kind::OrderCancel,
        Kind::OrderDelete,
        Kind::OrderReplace,
        Kind::Trade,
        Kind::CrossTrade,
        Kind::BrokenTrade,
        Kind::NetOrderImbalanceIndicator,
    ] {
        assert!(all.get(&kind).is_some_and(|count| *count > 10), "{kind:?} in {all:?}");
    }
}

#[test]
fn the_same_log_gives_the_same_messages() {
    let of = |seed| run(&Profile::AUCTIONS, seed, 600).digest;
    assert_eq!(of(3), of(3));
    assert_ne!(of(3), of(4));
}

#[test]
fn a_new_day_begins_with_a_picture_of_all_that_rests() {
    let mut crosses = 0;
    for profile in [Profile::ICEBERG_HEAVY, Profile::AUCTIONS] {
        let mut generator = Generator::new(profile, 5);
        let mut beside = Beside::new();
        let day_ns = 86_400_000_000_000;
        for day in 0..4_u64 {
            for _ in 0..700 {
                let step = generator.next_step();
                let time = Timestamp(step.time.0 + day * day_ns);
                let command = with_bounds(step.command);
                beside.apply(time, &command, |header, event| generator.observe(header, event));
                beside.reader.check(&beside.engine).unwrap();
            }
        }
        let Beside { reader, .. } = beside;
        assert_eq!(reader.days.len(), 4);
        // Six a day, but for the last, which has not ended.
        assert_eq!(reader.count(Kind::SystemEvent), 3 * 6 + 3);
        crosses += reader.count(Kind::CrossTrade);
    }
    assert!(crosses > 3, "{crosses} crosses");
}

#[test]
fn a_cross_takes_what_is_hidden_of_an_order_before_what_is_shown() {
    let mut beside = Beside::new();
    let told = |beside: &mut Beside, command: Command| {
        beside.apply(Timestamp(1), &scaled(command), |_, _| {});
        beside.reader.check(&beside.engine).unwrap();
    };
    for command in setup() {
        told(&mut beside, command);
    }
    told(&mut beside, call_for_auction().into());
    let display_qty = Qty::from_units(4 * 1_000);
    told(&mut beside, NewOrder { display_qty, ..limit(1, Side::Sell, 1_000, 10, "") }.into());
    told(&mut beside, limit(2, Side::Buy, 1_000, 7, "").into());
    let state = InstrumentState::Open;
    told(&mut beside, SetInstrumentState { instrument: MARKET, state, reserved: [0; 3] }.into());
    // Three are left, of the four that were shown.
    let left: Vec<_> = beside.engine.displayed_orders(MARKET, Side::Sell).collect();
    assert_eq!(left.iter().map(|order| order.qty.units()).collect::<Vec<_>>(), [3_000]);
    assert_eq!(beside.reader.count(Kind::OrderExecutedWithPrice), 2);
    assert_eq!(beside.reader.count(Kind::CrossTrade), 1);
}

#[test]
fn an_instrument_leaves_the_feed_and_joins_it_with_its_terms() {
    let mut generator = Generator::new(Profile::CALM, 9);
    let mut beside = Beside::new();
    let market = InstrumentId(0);
    // BTCUSD is number 0 and never told of; ETHUSD is 5.
    let eth = InstrumentId(5);
    for number in 0..3_000_u64 {
        let step = generator.next_step();
        let mut commands = vec![with_bounds(step.command)];
        if number % 300 == 299 {
            let mut spec = *beside.engine.spec(eth).unwrap();
            let on = spec.max_price.is_zero();
            spec.max_price = if on { Price::from_units(400_000 << 26) } else { Price::ZERO };
            commands.push(UpdateInstrument { spec }.into());
        }
        for command in commands {
            beside.apply(step.time, &command, |header, event| generator.observe(header, event));
        }
        beside.reader.check(&beside.engine).unwrap();
        let left_out = beside.feed.left_out().any(|(spec, _)| spec.instrument == eth);
        if left_out {
            assert!(beside.reader.books.book(5).is_none_or(tiercel_book::l3::Book::is_empty));
        }
    }
    assert!(beside.engine.spec(market).is_some() && beside.reader.books.book(0).is_none());
    assert!(beside.reader.count(Kind::StockTradingAction) > 5);
}
