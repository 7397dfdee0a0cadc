//! Captures: what is recorded can be read, file by file, and played again.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use tiercel_book::l2::Synchroniser;
use tiercel_execution::venue::VenueId;
use tiercel_strategy::Idle;
use tiercel_testkit::data;
use tiercel_trader::core::Core;
use tiercel_trader::feed::capture::{CaptureKind, Speed};
use tiercel_trader::feed::{BinanceFeed, CaptureFeed};
use tiercel_trader::record::{RecordFiles, RecordsTap, TextsTap};
use tiercel_trader::{Market, MarketBook, MarketState};
use tiercel_types::{Price, Qty, Symbol, Timestamp};
use tiercel_wire::binance::capture::CaptureReader;
use tiercel_wire::binance::{Decoder, Message};

use super::binance::{BTCUSDT, START, core_of, diff, feed as texts, frame, handover, snapshot};
use super::bus::folder;
use super::place::{self, Venue, wanted};

const HOUR_NS: u64 = 3_600_000_000_000;
const PATIENCE: Duration = Duration::from_secs(20);

/// The files of a folder, in their order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn made(name: &str) -> PathBuf {
    let folder = folder(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn book(core: &Core) -> (u64, u64) {
    let market: &Market = core.market(BTCUSDT).unwrap();
    let book = market.book.levels().unwrap();
    (book.update_id(), book.checksum(usize::MAX))
}

fn trade(id: u64) -> Vec<u8> {
    frame(&format!(
        "{{\"stream\":\"btcusdt@trade\",\"data\":{{\"e\":\"trade\",\"E\":1,\"s\":\"BTCUSDT\",\"t\":{id},\
         \"p\":\"60000.00\",\"q\":\"0.5\",\"T\":1,\"m\":true,\"M\":true}}}}"
    ))
}

/// A core whose texts are recorded in a folder of that name, and two lines of the same.
fn two_lines(name: &str) -> (PathBuf, Core, [BinanceFeed; 2]) {
    let folder = made(name);
    let mut core = core_of(Box::new(Idle));
    let symbol = Symbol::new(b"BTCUSDT").unwrap();
    let tap = TextsTap::new(folder.clone(), "desk".to_owned(), [Some(symbol)], HOUR_NS);
    core.set_tap(Box::new(tap.unwrap()));
    core.tick(START);
    let mut lines = [texts(), texts()];
    for line in &mut lines {
        line.connected(START, handover(), &mut core).unwrap();
    }
    (folder, core, lines)
}

#[test]
fn each_file_of_texts_begins_with_the_book_and_has_each_message_once() {
    let (folder, mut core, mut lines) = two_lines("record-texts");
    let mut hear = |core: &mut Core, now: Timestamp, bytes: &[u8]| {
        for line in &mut lines {
            assert_eq!(line.received(now, bytes, core), Ok(bytes.len()));
        }
        core.tick(now);
    };
    hear(&mut core, START, &diff(101, 102, "60000.00", "1.0"));
    snapshot(100, START, &mut core);
    core.tick(START);
    hear(&mut core, START, &diff(103, 103, "60000.50", "2.0"));
    hear(&mut core, START, &trade(7));
    let first = book(&core);
    let later = Timestamp(START.0 + HOUR_NS);
    core.tick(later);
    hear(&mut core, later, &diff(104, 105, "60000.50", "0"));
    hear(&mut core, later, &trade(8));
    core.end_tap(later);
    assert_eq!(core.tap_fault(), None);
    let files = files(&folder);
    assert_eq!(files.len(), 2, "{files:?}");
    for (file, (book, trade)) in files.iter().zip([(first, 7), (book(&core), 8)]) {
        let mut reader = CaptureReader::new(Decoder::default());
        let (mut read, mut trades) = (Synchroniser::default(), Vec::new());
        for line in fs::read_to_string(file).unwrap().lines() {
            match reader.read(line.as_bytes()).unwrap().decoded.message {
                Message::Depth(update) => drop(read.on_diff(&update.diff).unwrap()),
                Message::Snapshot(snapshot) => drop(read.on_snapshot(&snapshot).unwrap()),
                Message::Trade(trade) => trades.push(trade.trade.trade_id.0),
                _ => {}
            }
        }
        let read = read.book().unwrap();
        assert_eq!((read.update_id(), read.checksum(usize::MAX)), book);
        assert_eq!(trades, [trade]);
        let mut played = core_of(Box::new(Idle));
        let told = play(CaptureKind::Texts, file, &mut played);
        assert_eq!(told, [Ok(()), Err("the capture is over".to_owned())]);
        assert_eq!((self::book(&played), played.counts().trades), (book, 1));
    }
}

#[test]
fn behind_a_gap_each_message_of_two_connections_is_recorded_once_still() {
    let (folder, mut core, mut lines) = two_lines("record-gap");
    snapshot(100, START, &mut core);
    let mut hear = |core: &mut Core, line: usize, bytes: &[u8]| {
        assert_eq!(lines[line].received(START, bytes, core), Ok(bytes.len()));
    };
    hear(&mut core, 0, &trade(100));
    hear(&mut core, 0, &diff(110, 111, "60000.00", "1.0"));
    hear(&mut core, 1, &trade(100));
    hear(&mut core, 1, &diff(110, 111, "60000.00", "1.0"));
    // With the last connection the count ends; the next venue may have another.
    for line in &mut lines {
        line.closed(START, &mut core);
    }
    lines[0].connected(START, handover(), &mut core).unwrap();
    assert!(lines[0].received(START, &trade(7), &mut core).is_ok());
    core.end_tap(START);
    assert_eq!(core.tap_fault(), None);
    let [file] = &files(&folder)[..] else { panic!("more than one file") };
    let mut reader = CaptureReader::new(Decoder::default());
    let (mut trades, mut diffs) = (Vec::new(), 0);
    for line in fs::read_to_string(file).unwrap().lines() {
        match reader.read(line.as_bytes()).unwrap().decoded.message {
            Message::Depth(_) => diffs += 1,
            Message::Trade(trade) => trades.push(trade.trade.trade_id.0),
            _ => {}
        }
    }
    assert_eq!((trades, diffs), (vec![100, 7], 1));
}

/// Plays a file to its end, as fast as it goes.
fn play(kind: CaptureKind, path: &Path, core: &mut Core) -> Vec<Result<(), String>> {
    let venue = VenueId(0);
    let mut feed = CaptureFeed::new(venue, wanted(), kind, path, Speed::Full).unwrap();
    let (mut told, end) = (Vec::new(), Instant::now() + PATIENCE);
    while feed.is_up() {
        assert!(Instant::now() < end, "never over");
        feed.tick(|what| told.push(what));
        feed.poll(START, core, 1_000);
    }
    feed.tick(|what| told.push(what));
    assert_eq!(core.market(BTCUSDT).unwrap().state(), MarketState::Stale);
    told
}

#[test]
fn each_file_of_records_can_be_played_by_itself() {
    let folder = made("record-records");
    let mut core = place::core(Box::new(Idle), u64::MAX);
    let stem = "desk".to_owned();
    let sink = RecordFiles::new(START, folder.clone(), stem, HOUR_NS).unwrap();
    let symbol = Symbol::new(b"BTCUSDT").unwrap();
    let terms = (symbol, Price::from_units(1_000_000), Qty::from_units(1_000));
    core.set_tap(Box::new(RecordsTap::new(START, sink, [Some(terms)], u64::MAX)));
    let (mut venue, mut feed) = (Venue::new(), place::feed());
    feed.connected(Timestamp(1));
    let mut hear = |core: &mut Core, now: Timestamp, bytes: &[u8]| {
        assert_eq!(feed.received(now, bytes, core), Ok(bytes.len()));
        core.tick(now);
    };
    let mut bytes = Vec::new();
    venue.snapshot(&mut bytes);
    hear(&mut core, START, &bytes);
    bytes.clear();
    venue.bid(1_000, 1_001, &mut bytes);
    hear(&mut core, START, &bytes);
    let first = book(&core);
    let later = Timestamp(START.0 + HOUR_NS);
    core.tick(later);
    bytes.clear();
    venue.bid(1_001, 1_002, &mut bytes);
    hear(&mut core, later, &bytes);
    core.end_tap(later);
    let files = files(&folder);
    assert_eq!(files.len(), 2, "{files:?}");
    for (file, wanted) in files.iter().zip([first, book(&core)]) {
        let mut played = place::core(Box::new(Idle), u64::MAX);
        let told = play(CaptureKind::Records, file, &mut played);
        assert_eq!(told, [Ok(()), Err("the capture is over".to_owned())]);
        assert_eq!(book(&played), wanted);
    }
}

#[test]
fn events_are_played_at_their_time_divided_by_the_speed() {
    let folder = made("record-speed");
    let text = |at: u64, id: u64| {
        let bytes = trade(id);
        let begin = bytes.iter().position(|byte| *byte == b'{').unwrap();
        let text = String::from_utf8(bytes[begin..].to_vec()).unwrap();
        format!("{} {text}\n", 7_000_000_000 + at * 1_000_000)
    };
    let lines: String = [(0, 1), (10, 2), (20, 3)].map(|(at, id)| text(at, id)).concat();
    let path = folder.join("packed.jsonl.gz");
    let mut packed = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::fast());
    packed.write_all(lines.as_bytes()).unwrap();
    packed.finish().unwrap();
    for (speed, times_ms) in [(Speed::Times(1.0), [0, 10, 20]), (Speed::Times(2.0), [0, 5, 10])] {
        let mut core = core_of(Box::new(Idle));
        let kind = CaptureKind::Texts;
        let mut feed = CaptureFeed::new(VenueId(0), wanted(), kind, &path, speed).unwrap();
        let end = Instant::now() + PATIENCE;
        while feed.poll(START, &mut core, 100) == 0 {
            assert!(Instant::now() < end, "never read");
        }
        for (played, at) in times_ms.into_iter().enumerate() {
            let at_ns = START.0 + at * 1_000_000;
            feed.poll(Timestamp(at_ns.saturating_sub(1)), &mut core, 100);
            assert_eq!(core.counts().trades, (played as u64).max(1), "before {at} ms");
            feed.poll(Timestamp(at_ns), &mut core, 100);
            assert_eq!(core.counts().trades, played as u64 + 1, "at {at} ms");
        }
    }
}

#[test]
fn a_capture_that_is_damaged_ends_and_says_where() {
    let folder = made("record-damaged");
    let path = folder.join("damaged.jsonl");
    fs::write(&path, "7 {\"e\":\"trade\"\n").unwrap();
    let mut core = core_of(Box::new(Idle));
    let kind = CaptureKind::Texts;
    let mut feed = CaptureFeed::new(VenueId(0), wanted(), kind, &path, Speed::Full).unwrap();
    let end = Instant::now() + PATIENCE;
    while feed.is_up() {
        assert!(Instant::now() < end, "never over");
        feed.poll(START, &mut core, 100);
    }
    let mut told = Vec::new();
    feed.tick(|what| told.push(what));
    assert!(told[0].as_ref().unwrap_err().contains("cannot be read"), "{told:?}");
    let missing = folder.join("missing");
    let missing = CaptureFeed::new(VenueId(0), wanted(), kind, &missing, Speed::Full);
    assert!(missing.is_err_and(|error| error.to_string().contains("missing")));
}

#[test]
fn the_recorded_session_of_binance_is_played_to_the_book_that_it_has() {
    let Some(path) = data::path("binance/spot_btcusdt_20240808.jsonl.gz") else { return };
    let mut core = core_of(Box::new(Idle));
    play(CaptureKind::Texts, &path, &mut core);
    let counts = *core.counts();
    assert!(counts.books > 1_000 && counts.trades > 1_000, "{counts:?}");
    let MarketBook::Numbered(numbered) = &core.market(BTCUSDT).unwrap().book else { panic!() };
    assert_eq!(numbered.synchroniser.counts().gaps, 0);
    assert!(book(&core).0 > 50_093_239_218);
}
