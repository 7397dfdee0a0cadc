//! Books made of market data's records are the engine's after every command, whatever happens in the
//! market and however slowly somebody reads.

use std::collections::BTreeMap;
use std::time::Duration;

use tiercel_matching::FullEngine;
use tiercel_net::ConnectionId;
use tiercel_testkit::commands::{Generator, Profile};
use tiercel_testkit::model::Mode;
use tiercel_testkit::random::Random;
use tiercel_types::{Command, Event, EventBuffer, EventHeader, InstrumentId, Side, Timestamp};
use tiercel_venue::market::{MarketOptions, Public, Reader};
use tiercel_venue::models::{ModelLimits, Models};
use tiercel_wire::market::{Body, Kind, RECORD_SIZE, TradeChange};

use super::market_client::{Heard, Levels, add_up, subscribe};
use super::place::SMALL_ENGINE;

/// So small that a reader soon has too much.
const OPTIONS: MarketOptions = MarketOptions {
    connections_max: 9,
    waiting_bytes_max: 40 * RECORD_SIZE,
    output_bytes: 8 * RECORD_SIZE,
    send_timeout: Duration::from_secs(10),
    heartbeat: Duration::from_secs(1),
};

/// One who reads, and how much of what there is at once.
struct Client {
    reader: Reader,
    options: MarketOptions,
    output: Vec<u8>,
    heard: Heard,
    /// Of ten times.
    reads: u64,
    interruptions: u64,
}

impl Client {
    fn new(reads: u64, options: MarketOptions) -> Self {
        let reader = Reader::new(ConnectionId::default(), options, Timestamp(0));
        let (output, heard) = (Vec::new(), Heard::default());
        Self { reader, options, output, heard, reads, interruptions: 0 }
    }

    /// A turn, and then some reading: `books` are those after each update.
    fn turn(&mut self, public: &Public, books: &Books, random: &mut Random) {
        let sent = self.reader.fill(public, Timestamp(0), &mut self.output);
        self.interruptions += u64::from(sent.was_interrupted);
        assert!(self.output.len() <= self.options.output_bytes);
        if random.below(10) < self.reads {
            self.read(books);
        }
    }

    fn read(&mut self, books: &Books) {
        for record in self.output.as_chunks::<RECORD_SIZE>().0 {
            if let Some(instrument) = self.heard.take(record) {
                let book = &self.heard.books[&instrument];
                let expected = books.get(&(instrument, book.update_id));
                assert_eq!(Some(&book.levels()), expected, "{instrument} {}", book.update_id);
            }
        }
        self.output.clear();
    }
}

/// Each book after each of its updates that ended a command.
type Books = BTreeMap<(InstrumentId, u64), Levels>;

/// An engine, what is public of it, and those who read that.
struct Beside {
    engine: FullEngine,
    events: EventBuffer,
    models: Models,
    public: Public,
    books: Books,
    told: Vec<(InstrumentId, Event)>,
    clients: Vec<Client>,
    random: Random,
    sequence: u64,
}

impl Beside {
    fn new(seed: u64) -> Self {
        let models = Models::new(ModelLimits::default());
        Self {
            engine: FullEngine::new(SMALL_ENGINE),
            events: EventBuffer::with_capacity(16),
            public: Public::new(&models),
            models,
            books: Books::new(),
            told: Vec::new(),
            clients: Vec::new(),
            random: Random::new(seed),
            sequence: 0,
        }
    }

    fn join(&mut self, reads: u64, options: MarketOptions) {
        let mut client = Client::new(reads, options);
        assert!(client.reader.asked(&subscribe(""), &self.public));
        self.clients.push(client);
    }

    fn apply(
        &mut self,
        time: Timestamp,
        command: &Command,
        mut see: impl FnMut(&EventHeader, &Event),
    ) {
        self.sequence += 1;
        let mut events = Vec::new();
        self.engine.apply_all(self.sequence, time, command, &mut self.events, |header, event| {
            see(&header, &event);
            events.push((header, event));
        });
        for (header, event) in &events {
            self.models.apply(header, event);
        }
        let there: Vec<InstrumentId> =
            self.models.instruments().iter().map(|spec| spec.instrument).collect();
        for instrument in there {
            self.note(instrument);
        }
        for (header, event) in events {
            self.public.apply(&header, &event);
            self.told.push((header.instrument, event));
            // A turn may end within a command, or have several.
            if self.random.one_in(3) {
                self.turn();
            }
        }
    }

    /// Keeps the engine's own book.
    fn note(&mut self, instrument: InstrumentId) {
        let levels = [Side::Buy, Side::Sell].map(|side| {
            let orders = self.engine.displayed_orders(instrument, side);
            add_up(orders.map(|order| (order.price, order.qty)), side)
        });
        let update_id = self.models.book(instrument).unwrap().update_id();
        let before = self.books.insert((instrument, update_id), levels.clone());
        assert!(before.is_none_or(|before| before == levels), "an update for each change");
    }

    fn turn(&mut self) {
        let Self { public, books, clients, random, .. } = self;
        for client in clients {
            client.turn(public, books, random);
        }
        public.clear();
    }
}

/// What an event is told as, beside the book.
fn is_told_as(event: &Event, body: &Body) -> bool {
    match (event, body) {
        (Event::Trade(trade), Body::Trade(told)) => {
            (trade.trade_id, trade.price, trade.qty, trade.taker_side)
                == (told.trade_id, told.price, told.qty, told.aggressor)
        }
        (Event::TradeBusted(busted), Body::TradeChanged(told)) => {
            (busted.trade_id, TradeChange::Busted) == (told.trade_id, told.change)
        }
        (Event::TradeCorrected(now), Body::TradeChanged(told)) => {
            (now.trade_id, now.price, now.qty, TradeChange::Corrected)
                == (told.trade_id, told.price, told.qty, told.change)
        }
        (Event::InstrumentStateChanged(changed), Body::Status(told)) => {
            (changed.new, changed.auction, changed.ends_at)
                == (told.state, told.auction, told.ends_at)
        }
        (Event::AuctionIndication(indication), Body::Indication(told)) => {
            (indication.executed_qty, indication.surplus_qty, indication.auction)
                == (told.qty, told.surplus_qty, told.auction)
        }
        _ => false,
    }
}

/// Whether it is told beside the book.
const fn is_public(event: &Event) -> bool {
    matches!(
        event,
        Event::Trade(_)
            | Event::TradeBusted(_)
            | Event::TradeCorrected(_)
            | Event::InstrumentStateChanged(_)
            | Event::AuctionIndication(_)
    )
}

/// Runs a session with readers that come early and late, quick and slow ones; what they heard.
fn run(profile: &Profile, seed: u64, steps: u32) -> Vec<Client> {
    let mut generator = Generator::new(*profile, seed);
    let mut beside = Beside::new(seed);
    // The first never has too much, and hears all.
    beside.join(10, MarketOptions { output_bytes: 1 << 24, ..OPTIONS });
    for number in 0..steps {
        if number % (steps / 5) == steps / 10 {
            beside.join([1, 3, 1, 5, 2][(5 * number / steps) as usize], OPTIONS);
        }
        let step = generator.next_step();
        beside.apply(step.time, &step.command, |header, event| generator.observe(header, event));
    }
    // Everybody reads on until nothing comes.
    let Beside { mut public, books, mut clients, told, mut random, models, .. } = beside;
    for client in &mut clients {
        client.reads = 10;
    }
    for _ in 0..books.len() {
        for client in &mut clients {
            client.turn(&public, &books, &mut random);
        }
        public.clear();
    }
    for (at, client) in clients.iter().enumerate() {
        for spec in models.instruments().iter() {
            let book = &client.heard.books[&spec.instrument];
            let expected = models.book(spec.instrument).unwrap().update_id();
            assert_eq!(book.update_id, expected, "{} {seed}, reader {at}", profile.name);
            assert_eq!(client.heard.names[&spec.instrument], spec.symbol);
        }
    }
    let first = &clients[0].heard;
    assert_eq!(first.count(Kind::Interrupted), 0);
    let told = told.iter().filter(|(_, event)| is_public(event));
    let mut heard = first.told.iter();
    for (instrument, event) in told {
        let next = heard.next();
        let is_it = next.is_some_and(|(of, body)| of == instrument && is_told_as(event, body));
        assert!(is_it, "{event:?} is told as {next:?}");
    }
    assert_eq!(heard.next(), None);
    clients
}

#[test]
fn every_book_is_the_engines_after_every_command_however_slowly_it_is_read() {
    let mut all: BTreeMap<Kind, u64> = BTreeMap::new();
    let (mut interruptions, mut snapshots) = (0, 0);
    for profile in Profile::ALL.iter().filter(|profile| profile.mode == Mode::Full) {
        let clients = run(profile, 11, 500);
        for client in &clients {
            interruptions += client.interruptions;
            snapshots += client.heard.snapshots;
            assert_eq!(client.heard.count(Kind::Interrupted), client.interruptions);
            for (kind, count) in &client.heard.counts {
                *all.entry(*kind).or_default() += count;
            }
        }
    }
    assert!(interruptions > 20 && snapshots > 200, "{interruptions} {snapshots}");
    for kind in [
        Kind::Interrupted,
        Kind::Instrument,
        Kind::Status,
        Kind::Depth,
        Kind::Trade,
        Kind::TradeChanged,
        Kind::Indication,
    ] {
        assert!(all.get(&kind).is_some_and(|count| *count > 10), "{kind:?} in {all:?}");
    }
}
