//! Paper: what a run decides depends on what came in and when, not on when the loop turned; and what it owns is what its
//! fills add up to.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use flate2::read::GzDecoder;
use tiercel_execution::venue::VenueId;
use tiercel_sim::rng::Rng;
use tiercel_strategy::{
    Actions, BookTick, OrderUpdate, OrderUpdateKind, StateError, Strategy, TimerTick, TradeTick,
};
use tiercel_telemetry::Registry;
use tiercel_testkit::data;
use tiercel_trader::config::TraderConfig;
use tiercel_trader::core::Core;
use tiercel_trader::feed::{BinanceFeed, StreamOptions, take_snapshot};
use tiercel_trader::hot::{Control, Ended};
use tiercel_trader::instruments::Instrument;
use tiercel_trader::paper::PaperView;
use tiercel_trader::recording::{Head, Input, Recorder};
use tiercel_trader::setup::{self, Replay};
use tiercel_trader::{lines::Lines, replay};
use tiercel_types::{Money, Price, Qty, Side, Timestamp};
use tiercel_wire::binance::{Decoder, Message};

use super::binance::{BTCUSDT, frame, handover, terms};

const DESK: VenueId = VenueId(0);
const PPM: i128 = 1_000_000;

/// One fill, as a strategy is told of it.
type Fill = (Side, Price, Qty);

/// A strategy whose fills are written down.
struct Watched {
    strategy: Box<dyn Strategy>,
    fills: Arc<Mutex<Vec<Fill>>>,
}

impl Strategy for Watched {
    fn name(&self) -> &'static str {
        "watched"
    }

    fn on_book(&mut self, tick: &BookTick, actions: &mut Actions) {
        self.strategy.on_book(tick, actions);
    }

    fn on_trade(&mut self, tick: &TradeTick, actions: &mut Actions) {
        self.strategy.on_trade(tick, actions);
    }

    fn on_order(&mut self, update: &OrderUpdate, actions: &mut Actions) {
        if update.kind == OrderUpdateKind::Filled {
            let fill = (update.side, update.fill_price, update.fill_qty);
            self.fills.lock().unwrap().push(fill);
        }
        self.strategy.on_order(update, actions);
    }

    fn on_timer(&mut self, tick: &TimerTick, actions: &mut Actions) {
        self.strategy.on_timer(tick, actions);
    }

    fn save(&self, state: &mut Vec<u8>) {
        self.strategy.save(state);
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), StateError> {
        self.strategy.restore(state)
    }
}

fn config(strategy: &str) -> TraderConfig {
    let text = format!(
        "[strategy]\n{strategy}\n\
         [[venue]]\nname = \"desk\"\nkind = \"binance\"\nrest = \"\"\nmarket = \"ws://127.0.0.1:1\"\nmarket_connections = 1\n\
         [[instrument]]\nvenue = \"desk\"\nsymbol = \"BTCUSDT\"\nqty_max = \"1\"\nnotional_max = \"100000\"\n\
         position_max = \"5\"\ntouch_collar_bps = 500\ntrade_collar_bps = 500\n\
         [paper]\norder_latency_us = 700\nreport_latency_us = 400\njitter_us = 300\nseed = 5\n"
    );
    text.parse().unwrap()
}

fn head(start: u64) -> Head {
    let (base_asset, quote_asset) = ("BTC".to_owned(), "USDT".to_owned());
    let instrument = Instrument { terms: terms(), base_asset, quote_asset };
    Head {
        start: Timestamp(start),
        second: start / 1_000_000_000,
        instruments: vec![("desk".to_owned(), "BTCUSDT".parse().unwrap(), instrument)],
        lines: vec!["desk market data A".to_owned()],
    }
}

fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("tiercel-paper-{}-{name}", std::process::id()));
    drop(std::fs::remove_file(&path));
    path
}

/// A trader of a recording, and the fills that its strategy will be told of.
fn made(config: &TraderConfig, path: &Path) -> (Replay, Arc<Mutex<Vec<Fill>>>) {
    let fills = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&fills);
    let strategy = |terms: &[tiercel_strategy::Terms]| {
        let strategy = setup::strategy_of(config)(terms)?;
        Ok(Box::new(Watched { strategy, fills: told }) as Box<dyn Strategy>)
    };
    (setup::replay(config, path, strategy, &Registry::new()).unwrap(), fills)
}

/// The messages of the recorded session, with their times.
fn messages(path: &Path) -> Vec<(u64, String)> {
    let lines = BufReader::new(GzDecoder::new(std::fs::File::open(path).unwrap())).lines();
    let message = |line: String| {
        let (time, text) = line.split_once(' ').unwrap();
        (time.parse().unwrap(), text.to_owned())
    };
    lines.map(|line| message(line.unwrap())).collect()
}

/// The same as a paper run records it.
fn record(messages: &[(u64, String)], path: &Path) {
    let (first, last) = (messages[0].0, messages[messages.len() - 1].0);
    let mut recorder = Recorder::create(path, &head(first)).unwrap();
    let mut decoder = Decoder::default();
    recorder.write(Timestamp(first), 0, &Input::Up).unwrap();
    recorder.write(Timestamp(first), 0, &Input::Control(Control::Begin)).unwrap();
    for (time, text) in messages {
        let message = decoder.decode(text.as_bytes()).unwrap().message;
        let input = match &message {
            Message::Snapshot(snapshot) => Input::Snapshot(BTCUSDT, snapshot),
            _ => Input::Text(text.as_bytes()),
        };
        recorder.write(Timestamp(*time), 0, &input).unwrap();
    }
    recorder.write(Timestamp(last), 0, &Input::Control(Control::Stop)).unwrap();
    recorder.write(Timestamp(last + 1_000_000_000), 0, &Input::End).unwrap();
    recorder.finish().unwrap();
}

/// The session as it comes over a connection, with a loop that turns at odd times and bytes that come in parts.
fn live(messages: &[(u64, String)], core: &mut Core) {
    let (first, last) = (messages[0].0, messages[messages.len() - 1].0);
    let options = StreamOptions { silence_max_ns: u64::MAX, lifetime_ns: u64::MAX };
    let wanted = vec![("BTCUSDT".parse().unwrap(), BTCUSDT)];
    let mut feed = BinanceFeed::new(DESK, wanted, options);
    let (mut decoder, mut rng) = (Decoder::default(), Rng::new(11));
    let now = core.arrives(Timestamp(first), &Input::Up);
    feed.connected(now, handover(), core).unwrap();
    core.control(Timestamp(first), Control::Begin);
    let mut before = first;
    for (time, text) in messages {
        for _ in 0..rng.below(3) {
            core.pass(Timestamp(before + rng.below(time - before + 1)));
        }
        let message = decoder.decode(text.as_bytes()).unwrap().message;
        if let Message::Snapshot(snapshot) = message {
            let now = core.arrives(Timestamp(*time), &Input::Snapshot(BTCUSDT, &snapshot));
            take_snapshot(now, BTCUSDT, &snapshot, core);
        } else {
            let bytes = frame(text);
            let part = rng.below(bytes.len() as u64) as usize;
            assert_eq!(feed.received(Timestamp(before), &bytes[..part], core), Ok(0));
            feed.received(Timestamp(*time), &bytes, core).unwrap();
            if rng.coin() {
                core.submit_on_paper();
            }
        }
        before = *time;
    }
    core.control(Timestamp(last), Control::Stop);
    core.finish(Timestamp(last + 1_000_000_000)).unwrap();
}

fn view(lines: &Lines) -> PaperView {
    lines.core.paper().unwrap().view()
}

/// What fills add up to, with a fee of a thousandth of what is received: what is owned, and the quote asset.
fn audited(fills: &[Fill]) -> (i128, i128) {
    let step = Money::from_qty(Qty::from_units(1)).units();
    let fee = |received: i128| (received * 1_000 + PPM * step - 1) / (PPM * step) * step;
    fills.iter().fold((0, 0), |(owned, cash), (side, price, qty)| {
        let (amount, worth) = (Money::from_qty(*qty).units(), Money::of(*price, *qty).units());
        match side {
            Side::Buy => (owned + amount - fee(amount), cash - worth),
            Side::Sell => (owned - amount, cash + worth - fee(worth)),
        }
    })
}

fn check_sums(lines: &Lines, fills: &[Fill]) {
    let position = lines.core.oms().position(BTCUSDT).unwrap();
    let is = (position.owned().units(), position.cash().unwrap().units());
    assert_eq!(is, audited(fills));
    assert_eq!(lines.core.counts().fills, fills.len() as u64);
    assert_eq!((lines.core.counts().anomalies, lines.core.oms().live_orders()), (0, 0));
}

const MAKER: &str = "name = \"market_maker\"\nqty = \"0.01\"\ninventory_max = \"0.2\"\nspread_max_ticks = 100000\ngamma = 0.000001";

#[test]
fn a_recorded_session_on_paper_decides_the_same_live_and_replayed() {
    let Some(capture) = data::path("binance/spot_btcusdt_20240808.jsonl.gz") else { return };
    let (messages, config, path) = (messages(&capture), config(MAKER), path("session"));
    record(&messages, &path);
    let (mut one, fills) = made(&config, &path);
    live(&messages, &mut one.lines.core);
    let fills = fills.lock().unwrap().clone();
    let seen = view(&one.lines);
    assert!(fills.len() > 20 && seen.requests > 500 && seen.refused == 0, "{seen:?} {fills:?}");
    check_sums(&one.lines, &fills);
    for _ in 0..2 {
        let (mut again, told) = made(&config, &path);
        let ended = replay::run(&mut again.lines, &mut again.recording).unwrap();
        assert_eq!(ended.1, Ended::Clean);
        assert_eq!(view(&again.lines), seen);
        assert_eq!(*told.lock().unwrap(), fills);
    }
    // Another latency is another run.
    let mut slower = config;
    slower.paper.as_mut().unwrap().order_latency_us = 800;
    let (mut other, _) = made(&slower, &path);
    replay::run(&mut other.lines, &mut other.recording).unwrap();
    assert_ne!(view(&other.lines).digest, seen.digest);
    std::fs::remove_file(&path).unwrap();
}

/// A short session that was made up: a book that moves, and trades.
fn made_up() -> Vec<(u64, String)> {
    let start = 1_800_000_000_000_000_000;
    let mut rng = Rng::new(3);
    let mut messages = vec![(
        start + 1,
        "{\"lastUpdateId\":10,\"bids\":[[\"59990.00\",\"2\"]],\"asks\":[[\"60010.00\",\"2\"]]}"
            .to_owned(),
    )];
    let (mut time, mut trade) = (start + 10, 1);
    for update in 11..3_000_u64 {
        time += 500_000 + rng.below(40_000_000);
        let middle = 60_000 + (rng.below(7) as i64 - 3);
        let mut text = format!(
            "{{\"stream\":\"btcusdt@depth@100ms\",\"data\":{{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"BTCUSDT\",\
             \"U\":{update},\"u\":{update},\"b\":["
        );
        for at in 59_990..60_010 {
            let qty = if at < middle { rng.below(4) } else { 0 };
            write!(text, "[\"{at}.00\",\"0.{qty}\"],").unwrap();
        }
        text.push_str("[\"59980.00\",\"5\"]],\"a\":[");
        for at in 59_991..60_020 {
            let qty = if at > middle { rng.below(4) } else { 0 };
            write!(text, "[\"{at}.00\",\"0.{qty}\"],").unwrap();
        }
        text.push_str("[\"60030.00\",\"5\"]]}}");
        messages.push((time, text));
        time += rng.below(2_000_000);
        let (price, is_maker) = (middle + rng.below(5) as i64 - 2, rng.coin());
        messages.push((
            time,
            format!(
                "{{\"stream\":\"btcusdt@trade\",\"data\":{{\"e\":\"trade\",\"E\":1,\"s\":\"BTCUSDT\",\"t\":{trade},\
                 \"p\":\"{price}.00\",\"q\":\"0.2\",\"T\":1,\"m\":{is_maker},\"M\":true}}}}"
            ),
        ));
        trade += 1;
    }
    messages
}

#[test]
fn a_session_that_was_made_up_decides_the_same_live_and_replayed_also_when_it_was_killed() {
    let (messages, config, path) = (made_up(), config(MAKER), path("made-up"));
    record(&messages, &path);
    let (mut one, fills) = made(&config, &path);
    live(&messages, &mut one.lines.core);
    let fills = fills.lock().unwrap().clone();
    assert!(fills.len() > 20, "{fills:?} {:?}", view(&one.lines));
    check_sums(&one.lines, &fills);
    let (mut again, told) = made(&config, &path);
    replay::run(&mut again.lines, &mut again.recording).unwrap();
    assert_eq!(view(&again.lines), view(&one.lines));
    assert_eq!(*told.lock().unwrap(), fills);
    // Of a run that was killed there is no end: everything is cancelled at its last input.
    let text = std::fs::read_to_string(&path).unwrap();
    let cut: String = text.lines().take(2_000).flat_map(|line| [line, "\n"]).collect();
    std::fs::File::create(&path).unwrap().write_all(cut.as_bytes()).unwrap();
    let (mut killed, _) = made(&config, &path);
    let ended = replay::run(&mut killed.lines, &mut killed.recording).unwrap();
    assert_eq!(ended.1, Ended::Clean);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_recording_of_another_configuration_is_refused() {
    let (config, path) = (config(MAKER), path("other"));
    let mut head = head(5);
    head.lines.push("desk market data B".to_owned());
    Recorder::create(&path, &head).unwrap().finish().unwrap();
    let refused = setup::replay(&config, &path, setup::strategy_of(&config), &Registry::new());
    let told = refused.err().unwrap().to_string();
    assert!(told.contains("lines is") && told.contains("market data B"), "{told}");
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn five_levels_are_no_book_to_wait_in_and_nobody_is_asked_first() {
    let mut config = config(MAKER);
    let table = "a = \"127.0.0.1:1\"\nrequests = \"127.0.0.1:1\"";
    config.venues[0].itch = Some(toml::from_str(table).unwrap());
    // Of an address that is none nothing can be learned.
    assert_eq!(config.venues[0].rest, "");
    let made = setup::trader(&config, setup::strategy_of(&config), &Registry::new());
    let told = made.err().unwrap().to_string();
    assert_eq!(told, "venue desk: itch: not on paper: the five best levels are no book to wait in");
}
