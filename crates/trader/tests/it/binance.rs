//! The Binance interface's market data and orders, by what a venue says, without sockets.

use std::sync::{Arc, Mutex};

use tiercel_execution::oms::{Oms, OmsOptions, Place, RunId, VenueTerms};
use tiercel_execution::risk::{Gate, GlobalLimits, Limits as RiskLimits};
use tiercel_execution::venue::VenueId;
use tiercel_host::Clock;
use tiercel_net::tls::Channel;
use tiercel_strategy::{
    Action, Actions, BookTick, OrderUpdate, OrderUpdateKind, StateError, Strategy, Terms,
    TimerTick, TradeTick,
};
use tiercel_telemetry::Registry;
use tiercel_trader::budget::Budget;
use tiercel_trader::clerk::{Errand, Listed};
use tiercel_trader::connector::BinanceOrders;
use tiercel_trader::connector::binance::{OrdersFault, digits};
use tiercel_trader::core::Core;
use tiercel_trader::feed::{BinanceFault, BinanceFeed, StreamOptions, path, take_snapshot};
use tiercel_trader::key::SecretKey;
use tiercel_trader::timing::Timing;
use tiercel_trader::websocket::Handover;
use tiercel_trader::{Market, MarketBook, MarketState};
use tiercel_types::market::{DepthSnapshot, Level};
use tiercel_types::{InstrumentId, Money, Price, Qty, Side, Symbol, Timestamp};
use tiercel_wire::binance::answer::{Interval, LimitKind};
use tiercel_wire::binance::order::Requests;
use tiercel_wire::websocket::{self, Assembler, Limits, Message, Opcode, Role};

const DESK: VenueId = VenueId(0);
pub(super) const BTCUSDT: InstrumentId = InstrumentId(0);
const SECOND_NS: u64 = 1_000_000_000;
pub(super) const START: Timestamp = Timestamp(1_800_000_000 * SECOND_NS);
const OPTIONS: StreamOptions =
    StreamOptions { silence_max_ns: 30 * SECOND_NS, lifetime_ns: 100 * SECOND_NS };
const ONE: u64 = 100_000_000;

/// What the strategy was told, and what it is to do at the next book.
#[derive(Default)]
struct Script {
    ticks: Vec<(u64, String, bool)>,
    orders: Vec<(u64, OrderUpdateKind)>,
    wanted: Vec<Action>,
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

fn core() -> (Core, Arc<Mutex<Script>>) {
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

/// A core of a strategy that acts, with limits that no test meets.
pub(super) fn core_of(strategy: Box<dyn Strategy>) -> Core {
    core_at(strategy, VenueTerms { amends: false, validity_ns: SECOND_NS })
}

/// The same, at a venue that does things so.
pub(super) fn core_at(strategy: Box<dyn Strategy>, venue: VenueTerms) -> Core {
    let most = Money::from_units(i128::MAX >> 1);
    let mut gate = Gate::new(
        GlobalLimits {
            rate_max: 1_000,
            rate_window_ns: SECOND_NS,
            duplicate_window_ns: 0,
            open_orders_max: 64,
            credit: most,
            loss_reducing: most,
            loss_halting: most,
            drawdown_reducing: most,
            drawdown_halting: most,
        },
        1,
    );
    gate.set_limits(
        BTCUSDT,
        RiskLimits {
            restricted: false,
            qty_max: Qty::from_units(10 * ONE),
            notional_max: most,
            touch_collar_bps: 500,
            trade_collar_bps: 500,
            reference_age_max_ns: 1_000 * SECOND_NS,
            position_max: Qty::from_units(100 * ONE),
            open_orders_max: 64,
        },
    );
    let options = OmsOptions::default();
    let oms = Oms::new(options, gate, RunId::of(1, 0), &[venue], &[Place { venue: DESK }]);
    let market = Market::with_book(terms(), MarketBook::numbered());
    let timing = Timing::new(&Registry::new(), Clock::new()).unwrap();
    let silence_max_ns = 1_000 * SECOND_NS;
    let mut core =
        Core::new(strategy, oms, vec![market], options.orders_max, silence_max_ns, timing);
    core.begin();
    core.tick(START);
    core
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
fn sent(output: &mut Vec<u8>) -> Vec<String> {
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
    snapshot(100, START, &mut feeds.core);
    feeds.hear(0, &diff(110, 111, "60000.00", "1.0"));
    assert_eq!(feeds.ticks().last().map(|tick| tick.2), Some(true));
    assert_eq!(feeds.errands(0, START), []);
    let soon = Timestamp(START.0 + SECOND_NS / 5);
    assert_eq!(feeds.errands(0, soon), [Errand::Snapshot(BTCUSDT)]);
    snapshot(105, soon, &mut feeds.core);
    assert_eq!(feeds.state(), MarketState::Stale, "older than what was kept");
    let later = Timestamp(soon.0 + SECOND_NS / 5);
    assert_eq!(feeds.errands(0, later), [Errand::Snapshot(BTCUSDT)]);
    snapshot(110, later, &mut feeds.core);
    assert_eq!(feeds.ticks(), [told(111, "60000", false)]);
}

#[test]
fn a_line_that_is_silent_or_old_ends() {
    let mut feeds = Feeds::new();
    feeds.connect(0);
    let at = |seconds: u64| Timestamp(START.0 + seconds * SECOND_NS);
    assert_eq!(feeds.lines[0].tick(at(30), &mut feeds.core), Ok(()));
    let silent = feeds.lines[0].tick(at(31), &mut feeds.core).unwrap_err();
    assert_eq!(silent, BinanceFault::Silent(30 * SECOND_NS));
    feeds.lines[0].received(at(99), b"\x89\x00", &mut feeds.core).unwrap();
    assert_eq!(feeds.lines[0].tick(at(100), &mut feeds.core), Ok(()));
    let old = feeds.lines[0].tick(at(101), &mut feeds.core).unwrap_err();
    assert_eq!(old, BinanceFault::Old(100 * SECOND_NS));
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

/// A connection of orders, with a book to trade on.
struct Desk {
    orders: BinanceOrders,
    core: Core,
    script: Arc<Mutex<Script>>,
    now: Timestamp,
}

impl Desk {
    fn new(secret: &str, limits: &[(LimitKind, Interval, u64, u64)]) -> Self {
        let (mut core, script) = core();
        core.market_mut(BTCUSDT).unwrap().numbered_mut().unwrap().feed_up();
        snapshot(100, START, &mut core);
        let secret = SecretKey::of_file(secret).unwrap();
        let listed = Listed {
            instrument: BTCUSDT,
            symbol: "BTCUSDT".into(),
            digits: digits(Price::from_units(1_000_000), Qty::from_units(1_000)),
            base_asset: "BTC".into(),
            quote_asset: "USDT".into(),
        };
        let logs_on = secret.logs_on();
        let orders = BinanceOrders::new(
            DESK,
            Requests::new("key", Some(1_000), secret),
            logs_on,
            vec![listed],
            Budget::new(limits.iter().copied()),
            OPTIONS,
        );
        Self { orders, core, script, now: START }
    }

    /// One on which requests can be sent.
    fn up(limits: &[(LimitKind, Interval, u64, u64)]) -> Self {
        let mut desk = Self::new("secret", limits);
        desk.orders.set_clock_offset(0);
        desk.orders.connected(START, handover(), &mut desk.core).unwrap();
        assert_eq!(sent(desk.orders.output()).len(), 1);
        desk.hear("{\"id\":1,\"status\":200,\"result\":{\"subscriptionId\":0}}").unwrap();
        assert!(desk.orders.is_up());
        desk
    }

    fn hear(&mut self, text: &str) -> Result<(), OrdersFault> {
        self.orders.received(self.now, &frame(text), &mut self.core).map(|_| ())
    }

    /// Has the strategy do something, and returns what was sent because of it.
    fn want(&mut self, action: Action) -> Vec<String> {
        self.script.lock().unwrap().wanted.push(action);
        self.core.book_changed(self.now, BTCUSDT);
        self.requests()
    }

    fn requests(&mut self) -> Vec<String> {
        let Self { orders, core, now, .. } = self;
        core.take_requests(*now, |_, request| orders.request(*now, request));
        orders.take_unsent(*now, core);
        sent(orders.output())
    }

    /// What the strategy was told of orders since it was asked last.
    fn updates(&self) -> Vec<(u64, OrderUpdateKind)> {
        std::mem::take(&mut self.script.lock().unwrap().orders)
    }

    /// The name of the newest order that lives.
    fn name(&self) -> String {
        let live = self.core.oms().live().last().unwrap().1;
        live.client_order_id.as_str().to_owned()
    }
}

fn quote(tag: u64) -> Action {
    let (price, qty) = ("59999.50".parse().unwrap(), Qty::from_units(ONE));
    Action::post_only(tag, BTCUSDT, Side::Buy, price, qty)
}

fn execution(name: &str, what: &str, status: &str, fill: &str) -> String {
    format!(
        "{{\"subscriptionId\":0,\"event\":{{\"e\":\"executionReport\",\"E\":1,\"s\":\"BTCUSDT\",\"c\":\"{name}\",\
         \"S\":\"BUY\",\"o\":\"LIMIT_MAKER\",\"f\":\"GTC\",\"q\":\"1.00000000\",\"p\":\"59999.50000000\",\
         \"P\":\"0.00000000\",\"F\":\"0.00000000\",\"g\":-1,\"C\":\"\",\"x\":\"{what}\",\"X\":\"{status}\",\
         \"r\":\"NONE\",\"i\":77,{fill},\"T\":1,\"I\":9,\"w\":true,\"m\":true,\"M\":true,\"O\":1,\"Z\":\"0.0\",\
         \"Y\":\"0.0\",\"Q\":\"0.0\",\"W\":1,\"V\":\"EXPIRE_TAKER\"}}}}"
    )
}

const NO_FILL: &str = "\"l\":\"0.0\",\"z\":\"0.0\",\"L\":\"0.0\",\"n\":\"0\",\"N\":null,\"t\":-1";

fn ack(id: u64, name: &str) -> String {
    format!(
        "{{\"id\":{id},\"status\":200,\"result\":{{\"symbol\":\"BTCUSDT\",\"orderId\":77,\"orderListId\":-1,\
         \"clientOrderId\":\"{name}\",\"transactTime\":1}}}}"
    )
}

fn refusal(id: u64, status: u16, code: i32) -> String {
    format!("{{\"id\":{id},\"status\":{status},\"error\":{{\"code\":{code},\"msg\":\"no\"}}}}")
}

#[test]
fn nothing_is_signed_before_the_venue_s_clock_is_known() {
    let mut desk = Desk::new("secret", &[]);
    desk.orders.connected(START, handover(), &mut desk.core).unwrap();
    assert_eq!(sent(desk.orders.output()), [""; 0]);
    desk.orders.set_clock_offset(-2 * SECOND_NS.cast_signed());
    desk.orders.tick(START).unwrap();
    let texts = sent(desk.orders.output());
    let [text] = texts.as_slice() else { panic!("{texts:?}") };
    assert!(text.contains("\"method\":\"userDataStream.subscribe.signature\""), "{text}");
    assert!(text.contains("\"timestamp\":1799999998000") && text.contains("\"signature\":\""));
    assert!(!desk.orders.is_up());
    let told = desk.hear(&refusal(1, 400, -1022)).unwrap_err().to_string();
    assert_eq!(told, "the subscription is refused with -1022: no");
}

#[test]
fn a_key_that_can_log_on_does_and_signs_nothing_more() {
    let pem = "-----BEGIN PRIVATE KEY-----\n\
               MC4CAQAwBQYDK2VwBCIEIAUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUF\n\
               -----END PRIVATE KEY-----\n";
    let mut desk = Desk::new(pem, &[]);
    desk.orders.set_clock_offset(0);
    desk.orders.connected(START, handover(), &mut desk.core).unwrap();
    assert!(sent(desk.orders.output())[0].contains("session.logon"));
    desk.hear("{\"id\":1,\"status\":200,\"result\":{\"apiKey\":\"key\"}}").unwrap();
    let subscribe = sent(desk.orders.output());
    assert_eq!(subscribe, ["{\"id\":2,\"method\":\"userDataStream.subscribe\",\"params\":{}}"]);
    desk.hear("{\"id\":2,\"status\":200,\"result\":{\"subscriptionId\":0}}").unwrap();
    let place = desk.want(quote(1));
    assert!(place[0].contains("order.place") && !place[0].contains("signature"), "{place:?}");
}

#[test]
fn an_order_and_its_fills_count_once_however_often_they_are_told() {
    let mut desk = Desk::up(&[]);
    let place = desk.want(quote(1)).remove(0);
    let name = desk.name();
    for part in [
        "\"method\":\"order.place\"",
        "\"type\":\"LIMIT_MAKER\"",
        "\"price\":\"59999.50\"",
        "\"quantity\":\"1.00000\"",
        &format!("\"newClientOrderId\":\"{name}\""),
    ] {
        assert!(place.contains(part), "{part} in {place}");
    }
    let fill =
        "\"l\":\"0.4\",\"z\":\"0.4\",\"L\":\"59999.5\",\"n\":\"0.0004\",\"N\":\"BTC\",\"t\":5";
    desk.hear(&execution(&name, "NEW", "NEW", NO_FILL)).unwrap();
    desk.hear(&ack(2, &name)).unwrap();
    for _ in 0..2 {
        desk.hear(&execution(&name, "TRADE", "PARTIALLY_FILLED", fill)).unwrap();
    }
    let kinds = [(1, OrderUpdateKind::Accepted), (1, OrderUpdateKind::Filled)];
    assert_eq!(desk.updates(), kinds);
    let owned = desk.core.oms().position(BTCUSDT).unwrap().owned();
    assert_eq!(owned, Money::from_qty("0.3996".parse().unwrap()));
    assert_eq!(desk.core.counts().anomalies, 0);
}

#[test]
fn an_unknown_outcome_is_no_refusal_and_a_refused_cancel_is_asked_about() {
    let mut desk = Desk::up(&[]);
    desk.want(quote(1));
    desk.hear(&refusal(2, 504, -1007)).unwrap();
    assert_eq!(desk.updates(), []);
    let name = desk.name();
    desk.hear(&execution(&name, "NEW", "NEW", NO_FILL)).unwrap();
    desk.want(quote(2));
    desk.hear(&refusal(3, 400, -2010)).unwrap();
    let kinds = [(1, OrderUpdateKind::Accepted), (2, OrderUpdateKind::Rejected)];
    assert_eq!(desk.updates(), kinds);
    let cancel = desk.want(Action::cancel(1, BTCUSDT)).remove(0);
    assert!(cancel.contains("order.cancel") && cancel.contains("\"orderId\":77"), "{cancel}");
    desk.hear(&refusal(4, 400, -2011)).unwrap();
    assert_eq!(desk.requests(), [""; 0]);
    let [Errand::Query { name: asked, question, .. }] = desk.orders.errands()[..] else {
        panic!("nothing is asked");
    };
    assert_eq!((asked.client_order_id.as_str(), question > 0), (name.as_str(), true));
}

#[test]
fn a_replacement_whose_cancel_fails_is_rejected_and_the_order_stays() {
    let mut desk = Desk::up(&[]);
    desk.want(quote(1));
    let name = desk.name();
    desk.hear(&ack(2, &name)).unwrap();
    let (price, qty) = ("59999.70".parse().unwrap(), Qty::from_units(ONE));
    let replace = desk.want(Action::replace(1, BTCUSDT, price, qty)).remove(0);
    assert!(replace.contains("order.cancelReplace") && replace.contains("STOP_ON_FAILURE"));
    desk.updates();
    desk.hear(
        "{\"id\":3,\"status\":400,\"error\":{\"code\":-2022,\"msg\":\"no\",\"data\":{\
         \"cancelResult\":\"FAILURE\",\"newOrderResult\":\"NOT_ATTEMPTED\",\
         \"cancelResponse\":{\"code\":-2011,\"msg\":\"Unknown order sent.\"},\"newOrderResponse\":null}}}",
    )
    .unwrap();
    // What became of the old one is asked for; it counts as open until that is known.
    assert!(desk.updates().contains(&(1, OrderUpdateKind::ReplaceRejected)));
    assert_eq!(desk.core.oms().live_orders(), 1);
    assert_eq!(desk.name(), name);
    assert_eq!(desk.requests(), [""; 0]);
    let [Errand::Query { name: asked, .. }] = desk.orders.errands()[..] else {
        panic!("nothing is asked");
    };
    assert_eq!(asked.client_order_id.as_str(), name);
}

#[test]
fn what_would_be_too_much_is_refused_here_and_not_by_the_venue() {
    let limits = [(LimitKind::Orders, Interval::Second, 10, 1)];
    let mut desk = Desk::up(&limits);
    assert_eq!(desk.want(quote(1)).len(), 1);
    assert_eq!(desk.want(quote(2)), [""; 0]);
    assert_eq!(desk.updates(), [(2, OrderUpdateKind::Rejected)]);
    // Cancels are no orders.
    let name = desk.name();
    desk.hear(&ack(2, &name)).unwrap();
    assert_eq!(desk.want(Action::cancel(1, BTCUSDT)).len(), 1);
}

#[test]
fn a_cancel_that_may_not_leave_waits_and_leaves_first_of_all() {
    let mut desk = Desk::up(&[(LimitKind::RequestWeight, Interval::Minute, 1, 2)]);
    desk.want(quote(1));
    let name = desk.name();
    desk.hear(&ack(2, &name)).unwrap();
    // The last of the weight, and the venue wants to be left alone.
    assert_eq!(desk.want(Action::cancel(1, BTCUSDT)).len(), 1);
    desk.updates();
    desk.hear(&refusal(3, 429, -1003)).unwrap();
    assert_eq!(desk.updates(), [], "it is not refused");
    desk.orders.tick(desk.now).unwrap();
    assert_eq!(sent(desk.orders.output()), [""; 0]);
    desk.now = Timestamp(desk.now.0 + 60 * SECOND_NS);
    // Nothing leaves before it.
    assert_eq!(desk.want(quote(2)), [""; 0]);
    assert!(desk.updates().contains(&(2, OrderUpdateKind::Rejected)));
    desk.hear("{\"id\":99,\"status\":200,\"result\":{}}").unwrap();
    desk.orders.tick(desk.now).unwrap();
    let left = sent(desk.orders.output());
    assert!(left.len() == 1 && left[0].contains("order.cancel"), "{left:?}");
    assert!(left[0].contains("\"orderId\":77"), "{left:?}");
}

#[test]
fn without_the_connection_cancels_are_left_to_the_clerk_and_over_http_orders_are_too() {
    let mut desk = Desk::up(&[(LimitKind::RequestWeight, Interval::Minute, 1, 1)]);
    desk.want(quote(1));
    let name = desk.name();
    desk.hear(&ack(2, &name)).unwrap();
    assert_eq!(desk.want(Action::cancel(1, BTCUSDT)), [""; 0]);
    desk.orders.closed(desk.now, &mut desk.core);
    let errands = std::mem::take(desk.orders.errands());
    let [Errand::Cancel(waited)] = errands[..] else { panic!("{errands:?}") };
    assert_eq!(waited.client_order_id.as_str(), name);
    desk.now = Timestamp(desk.now.0 + 2 * SECOND_NS);
    desk.want(Action::cancel(1, BTCUSDT));
    let errands = std::mem::take(desk.orders.errands());
    assert!(matches!(errands[..], [Errand::Cancel(_)]), "{errands:?}");

    let mut desk = Desk::up(&[]);
    desk.orders = desk.orders.over_rest();
    assert_eq!(desk.want(quote(1)), [""; 0]);
    let errands = std::mem::take(desk.orders.errands());
    let [Errand::Place { at, terms, replaced: None }] = errands[..] else { panic!("{errands:?}") };
    assert_eq!((at, terms.client_order_id.as_str()), (desk.now, &*desk.name()));
    assert_eq!(desk.want(Action::cancel(1, BTCUSDT)), [""; 0]);
    assert!(matches!(desk.orders.errands()[..], [Errand::Cancel(_)]));
}

#[test]
fn without_its_stream_of_user_data_a_connection_ends() {
    let mut desk = Desk::up(&[]);
    desk.want(quote(1));
    let ended = "{\"subscriptionId\":0,\"event\":{\"e\":\"eventStreamTerminated\",\"E\":1}}";
    assert_eq!(desk.hear(ended), Err(OrdersFault::StreamEnded));
    desk.orders.closed(START, &mut desk.core);
    assert_eq!(desk.updates(), [(1, OrderUpdateKind::Unknown)]);
    assert!(!desk.orders.is_up());
}
