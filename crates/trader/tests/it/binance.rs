//! The Binance interface's market data, by what a venue says, without sockets.

use std::sync::{Arc, Mutex};

use tiercel_execution::oms::{Oms, OmsOptions, Place, RunId, VenueTerms};
use tiercel_execution::venue::VenueId;
use tiercel_host::Clock;
use tiercel_net::tls::Channel;
use tiercel_strategy::{
    Action, Actions, BookTick, OrderUpdate, OrderUpdateKind, StateError, Strategy, Terms,
    TimerTick, TradeTick,
};
use tiercel_telemetry::Registry;
use tiercel_trader::clerk::{Errand, Listed};
use tiercel_trader::connector::binance::digits;
use tiercel_trader::core::Core;
use tiercel_trader::feed::{BinanceFeed, StreamOptions, path, snapshot_answered, take_snapshot};
use tiercel_trader::timing::Timing;
use tiercel_trader::websocket::{Handover, LinkFault};
use tiercel_trader::{Market, MarketBook, MarketState};
use tiercel_types::market::{DepthSnapshot, Level};
use tiercel_types::{InstrumentId, Money, Price, Qty, Symbol, Timestamp};
use tiercel_wire::websocket::{self, Assembler, Limits, Message, Opcode, Role};

use super::limits::gate;

pub(super) const DESK: VenueId = VenueId(0);
pub(super) const BTCUSDT: InstrumentId = InstrumentId(0);
pub(super) const SECOND_NS: u64 = 1_000_000_000;
pub(super) const START: Timestamp = Timestamp(1_800_000_000 * SECOND_NS);
pub(super) const OPTIONS: StreamOptions =
    StreamOptions { silence_max_ns: 30 * SECOND_NS, lifetime_ns: 100 * SECOND_NS };

/// What the strategy was told, and what it is to do at the next book.
#[derive(Default)]
pub(super) struct Script {
    ticks: Vec<(u64, String, bool)>,
    pub(super) orders: Vec<(u64, OrderUpdateKind)>,
    pub(super) wanted: Vec<Action>,
}

struct Scripted(Arc<Mutex<Script>>);

impl Strategy for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn on_book(&mut self, tick: &BookTick, actions: &mut Actions) {
        let mut script = self.0.lock().unwrap();
        let stale = tick.flags != 0;
        script.ticks.push((tick.update_id, tick.bid().price.to_string(), stale));
        for action in script.wanted.drain(..) {
            actions.push(action).unwrap();
        }
    }

    fn on_trade(&mut self, _: &TradeTick, _: &mut Actions) {}

    fn on_order(&mut self, update: &OrderUpdate, _: &mut Actions) {
        self.0.lock().unwrap().orders.push((update.tag, update.kind));
    }

    fn on_timer(&mut self, _: &TimerTick, _: &mut Actions) {}

    fn save(&self, _: &mut Vec<u8>) {}

    fn restore(&mut self, _: &[u8]) -> Result<(), StateError> {
        Ok(())
    }
}

pub(super) fn core() -> (Core, Arc<Mutex<Script>>) {
    let script = Arc::new(Mutex::new(Script::default()));
    let core = core_of(Box::new(Scripted(Arc::clone(&script))));
    (core, script)
}

pub(super) fn terms() -> Terms {
    Terms {
        instrument: BTCUSDT,
        tick: Price::from_units(1_000_000),
        lot: Qty::from_units(1_000),
        qty_min: Qty::from_units(1_000),
        notional_min: Money::ZERO,
    }
}

/// The same, as who asks for it names it.
pub(super) fn listed() -> Listed {
    let terms = terms();
    Listed {
        instrument: BTCUSDT,
        symbol: "BTCUSDT".into(),
        digits: digits(terms.tick, terms.lot),
        base_asset: "BTC".into(),
        quote_asset: "USDT".into(),
    }
}

/// A core of a strategy that acts, with limits that no test meets.
pub(super) fn core_of(strategy: Box<dyn Strategy>) -> Core {
    core_at(strategy, VenueTerms { amends: false, validity_ns: SECOND_NS })
}

/// The same, at a venue that does things so.
pub(super) fn core_at(strategy: Box<dyn Strategy>, venue: VenueTerms) -> Core {
    let mut core = core_before(strategy, venue);
    core.begin();
    core.tick(START);
    core
}

/// The same, whose strategy nobody wants to act yet.
pub(super) fn core_before(strategy: Box<dyn Strategy>, venue: VenueTerms) -> Core {
    let options = OmsOptions::default();
    let oms = Oms::new(options, gate(1), RunId::of(1, 0), &[venue], &[Place { venue: DESK }]);
    let market = Market::with_book(terms(), MarketBook::numbered());
    let timing = Timing::new(&Registry::new(), Clock::new()).unwrap();
    let silence_max_ns = 1_000 * SECOND_NS;
    Core::new(strategy, oms, vec![market], options.orders_max, silence_max_ns, timing)
}

pub(super) fn handover() -> Handover {
    Handover { channel: Channel::Plain, early: Vec::new(), nonce: [3; 32] }
}

pub(super) fn frame(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    websocket::put(&mut bytes, Opcode::Text, text.as_bytes(), None);
    bytes
}

/// The texts that a client has sent.
pub(super) fn sent(output: &mut Vec<u8>) -> Vec<String> {
    let limits = Limits { role: Role::Server, frame_bytes_max: 65_536, message_bytes_max: 65_536 };
    let mut assembler = Assembler::new(limits);
    let (mut bytes, mut texts) = (std::mem::take(output), Vec::new());
    let mut at = 0;
    while let Ok(step) = assembler.next(&mut bytes[at..]) {
        at += step.taken;
        match step.message {
            Some(Message::Text(text)) => texts.push(String::from_utf8(text.to_vec()).unwrap()),
            Some(_) => {}
            None => break,
        }
    }
    assert_eq!(at, bytes.len());
    texts
}

pub(super) fn feed() -> BinanceFeed {
    let symbol = Symbol::new(b"BTCUSDT").unwrap();
    BinanceFeed::new(DESK, vec![(symbol, BTCUSDT)], OPTIONS)
}

pub(super) fn diff(first: u64, last: u64, bid: &str, qty: &str) -> Vec<u8> {
    frame(&format!(
        "{{\"stream\":\"btcusdt@depth@100ms\",\"data\":{{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"BTCUSDT\",\
         \"U\":{first},\"u\":{last},\"b\":[[\"{bid}\",\"{qty}\"]],\"a\":[]}}}}"
    ))
}

fn level(price: &str, qty: &str) -> Level {
    Level { price: price.parse().unwrap(), qty: qty.parse().unwrap() }
}

pub(super) fn snapshot(last_update_id: u64, now: Timestamp, core: &mut Core) {
    let (bids, asks) = ([level("59999.00", "1")], [level("60001.00", "1")]);
    let snapshot = DepthSnapshot { last_update_id, bids: &bids, asks: &asks };
    take_snapshot(now, BTCUSDT, &snapshot, core);
}

/// The same, as what was asked for.
fn answer(last_update_id: u64, now: Timestamp, core: &mut Core) {
    assert!(snapshot_answered(BTCUSDT, core));
    snapshot(last_update_id, now, core);
}

/// Feeds, and what they may be told.
struct Feeds {
    lines: [BinanceFeed; 2],
    core: Core,
    script: Arc<Mutex<Script>>,
}

impl Feeds {
    fn new() -> Self {
        let (core, script) = core();
        Self { lines: [feed(), feed()], core, script }
    }

    fn connect(&mut self, line: usize) {
        self.lines[line].connected(START, handover(), &mut self.core).unwrap();
    }

    fn hear(&mut self, line: usize, bytes: &[u8]) {
        let taken = self.lines[line].received(START, bytes, &mut self.core).unwrap();
        assert_eq!(taken, bytes.len());
    }

    /// What the strategy was told since it was asked last.
    fn ticks(&self) -> Vec<(u64, String, bool)> {
        std::mem::take(&mut self.script.lock().unwrap().ticks)
    }

    fn errands(&mut self, line: usize, now: Timestamp) -> Vec<Errand> {
        self.lines[line].tick(now, &mut self.core).unwrap();
        std::mem::take(self.lines[line].errands())
    }

    fn state(&self) -> MarketState {
        self.core.market(BTCUSDT).unwrap().state()
    }
}

fn told(update_id: u64, bid: &str, stale: bool) -> (u64, String, bool) {
    (update_id, bid.parse::<Price>().unwrap().to_string(), stale)
}

#[test]
fn of_two_lines_what_came_first_counts_and_the_other_drops_out() {
    let mut feeds = Feeds::new();
    feeds.connect(0);
    feeds.connect(1);
    assert_eq!(feeds.errands(0, START), [Errand::Snapshot(BTCUSDT)]);
    assert_eq!(feeds.errands(1, START), [], "it was asked for once");
    feeds.hear(0, &diff(101, 102, "60000.00", "1.0"));
    assert_eq!((feeds.ticks(), feeds.state()), (vec![], MarketState::Stale));
    snapshot(100, START, &mut feeds.core);
    assert_eq!(feeds.ticks(), [told(102, "60000", false)]);
    feeds.hear(1, &diff(101, 102, "60000.00", "1.0"));
    feeds.hear(1, &diff(103, 103, "60000.00", "0"));
    feeds.hear(0, &diff(103, 103, "60000.00", "0"));
    assert_eq!(feeds.ticks(), [told(103, "59999", false)]);
    let trade = |id: u64| {
        frame(&format!(
            "{{\"stream\":\"btcusdt@trade\",\"data\":{{\"e\":\"trade\",\"E\":1,\"s\":\"BTCUSDT\",\"t\":{id},\
             \"p\":\"60000.00\",\"q\":\"0.5\",\"T\":1,\"m\":true,\"M\":true}}}}"
        ))
    };
    for (line, id) in [(0, 7), (1, 7), (1, 8), (0, 8)] {
        feeds.hear(line, &trade(id));
    }
    assert_eq!(feeds.core.counts().trades, 2);
    // One line is enough.
    feeds.lines[0].closed(START, &mut feeds.core);
    assert_eq!(feeds.state(), MarketState::Live);
    feeds.lines[1].closed(START, &mut feeds.core);
    assert_eq!(feeds.state(), MarketState::Stale);
}

#[test]
fn best_prices_count_while_they_are_newer_than_the_book() {
    let mut feeds = Feeds::new();
    feeds.connect(0);
    let best = |update_id: u64, bid: &str| {
        frame(&format!(
            "{{\"stream\":\"btcusdt@bookTicker\",\"data\":{{\"u\":{update_id},\"s\":\"BTCUSDT\",\
             \"b\":\"{bid}\",\"B\":\"1.0\",\"a\":\"60001.00\",\"A\":\"1.0\"}}}}"
        ))
    };
    feeds.hear(0, &best(99, "59990.00"));
    assert_eq!(feeds.ticks(), [], "before the book");
    snapshot(100, START, &mut feeds.core);
    assert_eq!(feeds.ticks(), [told(100, "59999", false)]);
    for (update_id, bid) in [(100, "59991.00"), (105, "60000.00"), (105, "60000.00")] {
        feeds.hear(0, &best(update_id, bid));
    }
    assert_eq!(feeds.ticks(), [told(105, "60000", false)]);
    // The book follows later, and is told of when it is as new.
    feeds.hear(0, &diff(101, 104, "59998.00", "2.0"));
    assert_eq!(feeds.ticks(), []);
    feeds.hear(0, &diff(105, 105, "60000.00", "1.0"));
    assert_eq!(feeds.ticks(), [told(105, "60000", false)]);
}

#[test]
fn a_gap_makes_the_market_stale_until_a_new_snapshot() {
    let mut feeds = Feeds::new();
    feeds.connect(0);
    assert_eq!(feeds.errands(0, START).len(), 1);
    answer(100, START, &mut feeds.core);
    feeds.hear(0, &diff(110, 111, "60000.00", "1.0"));
    assert_eq!(feeds.ticks().last().map(|tick| tick.2), Some(true));
    assert_eq!(feeds.errands(0, START), []);
    let soon = Timestamp(START.0 + SECOND_NS / 5);
    assert_eq!(feeds.errands(0, soon), [Errand::Snapshot(BTCUSDT)]);
    answer(105, soon, &mut feeds.core);
    assert_eq!(feeds.state(), MarketState::Stale, "older than what was kept");
    let later = Timestamp(soon.0 + SECOND_NS / 5 * 2);
    assert_eq!(feeds.errands(0, Timestamp(later.0 - 1)), []);
    assert_eq!(feeds.errands(0, later), [Errand::Snapshot(BTCUSDT)]);
    snapshot(110, later, &mut feeds.core);
    assert_eq!(feeds.ticks(), [told(111, "60000", false)]);
}

#[test]
fn a_snapshot_that_stays_crossed_is_not_asked_for_again_and_again() {
    let mut feeds = Feeds::new();
    feeds.connect(0);
    let (bids, asks) = ([level("60001.00", "1")], [level("60001.00", "1")]);
    let mut asked_ms = Vec::new();
    for milliseconds in (0..=10_000).step_by(50) {
        let now = Timestamp(START.0 + milliseconds * 1_000_000);
        for _ in feeds.errands(0, now) {
            asked_ms.push(milliseconds);
            assert!(snapshot_answered(BTCUSDT, &mut feeds.core));
            let last_update_id = milliseconds + 1;
            let snapshot = DepthSnapshot { last_update_id, bids: &bids, asks: &asks };
            take_snapshot(now, BTCUSDT, &snapshot, &mut feeds.core);
        }
    }
    assert_eq!(asked_ms, [0, 200, 600, 1_400, 3_000, 6_200]);
    // Once the book is followed again, the next one is asked for as soon as the first.
    let at = |milliseconds: u64| Timestamp(START.0 + milliseconds * 1_000_000);
    assert_eq!(feeds.errands(0, at(12_600)).len(), 1);
    answer(20_000, at(12_600), &mut feeds.core);
    feeds.hear(0, &diff(20_001, 20_001, "60000.00", "1.0"));
    assert_eq!(feeds.state(), MarketState::Live);
    feeds.hear(0, &diff(20_010, 20_011, "60000.00", "1.0"));
    assert_eq!(feeds.errands(0, at(12_800)).len(), 1);
    answer(20_000, at(12_800), &mut feeds.core);
    assert_eq!(feeds.errands(0, at(13_200)).len(), 1);
}

#[test]
fn while_a_snapshot_is_waited_for_no_second_one_is_asked_for() {
    let mut feeds = Feeds::new();
    feeds.connect(0);
    let at = |seconds: u64| Timestamp(START.0 + seconds * SECOND_NS);
    assert_eq!(feeds.errands(0, START), [Errand::Snapshot(BTCUSDT)]);
    for seconds in 1..20 {
        assert_eq!(feeds.errands(0, at(seconds)), [], "after {seconds} s");
    }
    // It does not come.
    assert!(snapshot_answered(BTCUSDT, &mut feeds.core));
    assert_eq!(feeds.errands(0, at(20)), [Errand::Snapshot(BTCUSDT)]);
    // All lines are gone: what comes now may be older than what nobody told, and is of no use.
    feeds.lines[0].closed(at(21), &mut feeds.core);
    feeds.connect(0);
    assert_eq!(feeds.errands(0, at(21)), []);
    assert!(!snapshot_answered(BTCUSDT, &mut feeds.core));
    assert_eq!(feeds.errands(0, at(21)), [Errand::Snapshot(BTCUSDT)]);
    answer(100, at(21), &mut feeds.core);
    assert_eq!(feeds.state(), MarketState::Live);
    assert_eq!(feeds.errands(0, at(29)), []);
}

#[test]
fn a_book_that_was_only_silent_is_live_with_whatever_is_heard_of_it() {
    let mut feeds = Feeds::new();
    feeds.connect(0);
    snapshot(100, START, &mut feeds.core);
    feeds.hear(0, &diff(101, 101, "60000.00", "1.0"));
    let is_stale = |feeds: &mut Feeds| {
        feeds.core.tick(Timestamp(START.0 + 1_001 * SECOND_NS));
        assert_eq!(feeds.state(), MarketState::Stale);
        feeds.ticks();
    };
    is_stale(&mut feeds);
    // The other line is late.
    feeds.hear(0, &diff(101, 101, "60000.00", "1.0"));
    assert_eq!(feeds.ticks(), [told(101, "60000", false)]);
    is_stale(&mut feeds);
    feeds.hear(0, &diff(110, 111, "60000.00", "1.0"));
    feeds.hear(0, &diff(110, 111, "60000.00", "1.0"));
    assert_eq!((feeds.ticks(), feeds.state()), (vec![], MarketState::Stale), "and now a gap");
}

#[test]
fn a_line_that_is_silent_or_old_ends() {
    let mut feeds = Feeds::new();
    feeds.connect(0);
    let at = |seconds: u64| Timestamp(START.0 + seconds * SECOND_NS);
    assert_eq!(feeds.lines[0].tick(at(30), &mut feeds.core), Ok(()));
    let silent = feeds.lines[0].tick(at(31), &mut feeds.core).unwrap_err();
    assert_eq!(silent, LinkFault::Silent(30 * SECOND_NS).into());
    feeds.lines[0].received(at(99), b"\x89\x00", &mut feeds.core).unwrap();
    assert_eq!(feeds.lines[0].tick(at(100), &mut feeds.core), Ok(()));
    let old = feeds.lines[0].tick(at(101), &mut feeds.core).unwrap_err();
    assert_eq!(old, LinkFault::Old(100 * SECOND_NS).into());
}

#[test]
fn what_cannot_be_read_ends_a_line_and_what_is_not_known_does_not() {
    let mut feeds = Feeds::new();
    feeds.connect(0);
    feeds.hear(0, &frame("{\"result\":null,\"id\":1}"));
    feeds.hear(0, &frame("{\"stream\":\"x\",\"data\":{\"e\":\"serverShutdown\",\"E\":1}}"));
    let broken = frame("{\"stream\":\"btcusdt@trade\",\"data\":{\"e\":\"trade\",");
    assert!(feeds.lines[0].received(START, &broken, &mut feeds.core).is_err());
    let symbol = |text: &[u8]| Symbol::new(text).unwrap();
    assert_eq!(
        path([symbol(b"BTCUSDT"), symbol(b"ETHUSDT")]),
        "/stream?streams=btcusdt@depth@100ms/btcusdt@trade/btcusdt@bookTicker\
         /ethusdt@depth@100ms/ethusdt@trade/ethusdt@bookTicker"
    );
}
