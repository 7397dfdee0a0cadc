//! Feeds of several instruments: what is wrong with one does not touch the others.

use std::fs;
use std::time::{Duration, Instant};

use tiercel_bus::Options;
use tiercel_execution::venue::VenueId;
use tiercel_strategy::Idle;
use tiercel_trader::MarketState;
use tiercel_trader::core::Core;
use tiercel_trader::feed::capture::{CaptureKind, Speed};
use tiercel_trader::feed::stream::RecordStream;
use tiercel_trader::feed::{BinaryFeed, BusFeed, CaptureFeed};
use tiercel_trader::record::{BusSink, RecordsTap};
use tiercel_types::market::Level;
use tiercel_types::{InstrumentId, Price, Qty, Side, Symbol, Timestamp};
use tiercel_wire::market::{self, Best, BodyRecord, Header, Heartbeat, Instrument, Update};

use super::bus::folder;
use super::place::core_of;

const TICK: i64 = 1_000_000;
const NOW: Timestamp = Timestamp(1_000_000_000);
const VENUE: VenueId = VenueId(0);
const PATIENCE: Duration = Duration::from_secs(20);
/// The trader's numbers, and the venue's.
const OURS: [InstrumentId; 2] = [InstrumentId(0), InstrumentId(1)];
const THEIRS: [InstrumentId; 2] = [InstrumentId(7), InstrumentId(8)];
const LIVE: MarketState = MarketState::Live;
const STALE: MarketState = MarketState::Stale;

fn symbols() -> [Symbol; 2] {
    [&b"BTCUSDT"[..], b"ETHUSDT"].map(|name| Symbol::new(name).unwrap())
}

fn wanted() -> Vec<(Symbol, InstrumentId)> {
    symbols().into_iter().zip(OURS).collect()
}

fn core(silence_max_ns: u64) -> Core {
    core_of(2, Box::new(Idle), silence_max_ns)
}

fn states(core: &Core) -> [MarketState; 2] {
    OURS.map(|instrument| core.market(instrument).unwrap().state())
}

fn level(ticks: i64, qty: u64) -> Level {
    Level { price: Price::from_units(ticks * TICK), qty: Qty::from_units(qty) }
}

/// A bid at so many ticks, of so much.
fn bid(ticks: i64, qty: u64) -> (Side, Level) {
    (Side::Buy, level(ticks, qty))
}

/// A venue of two instruments that tells its records to whoever asks.
#[derive(Default)]
struct Teller {
    sequence: u64,
    update_id: u64,
}

impl Teller {
    fn body<B: BodyRecord>(&mut self, of: usize, body: &B) -> Vec<u8> {
        self.sequence += 1;
        market::record(THEIRS[of], self.sequence, 0, body).to_vec()
    }

    fn update(&mut self, of: usize, is_snapshot: bool, levels: &[(Side, Level)]) -> Vec<u8> {
        self.update_id += 1;
        let (instrument, update_id) = (THEIRS[of], self.update_id);
        let update = Update { instrument, time: NOW, update_id, is_snapshot };
        let mut bytes = Vec::new();
        market::depth_records(&update, levels.iter().copied(), |header: Header, depth| {
            self.sequence += 1;
            let mut record = [0; market::RECORD_SIZE];
            market::encode(&Header { sequence: self.sequence, ..header }, &depth, &mut record);
            bytes.extend_from_slice(&record);
        });
        bytes
    }

    fn changes(&mut self, of: usize, levels: &[(Side, Level)]) -> Vec<u8> {
        self.update(of, false, levels)
    }

    /// Both books, whole: bids of 1000, asks of 1010, and what else is told of the first.
    fn begin(&mut self, more: &[(Side, Level)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (of, symbol) in symbols().into_iter().enumerate() {
            let (tick, lot) = (Price::from_units(TICK), Qty::from_units(1_000));
            bytes.extend(self.body(of, &Instrument { symbol, tick, lot, reserved: [0; 16] }));
            let mut levels = vec![bid(1_000, 5), (Side::Sell, level(1_010, 5))];
            levels.extend(more.iter().filter(|_| of == 0));
            bytes.extend(self.update(of, true, &levels));
        }
        bytes
    }

    fn heartbeat(&mut self) -> Vec<u8> {
        self.body(0, &Heartbeat { time: NOW, reserved: [0; 40] })
    }
}

/// A call for an auction in the first instrument's book: what is told, and where both stand behind it.
fn call(teller: &mut Teller) -> Vec<(Vec<u8>, [MarketState; 2])> {
    vec![
        (teller.begin(&[]), [LIVE, LIVE]),
        // Buyers and sellers meet, and more of them.
        (teller.changes(0, &[bid(1_010, 5)]), [STALE, LIVE]),
        (teller.changes(0, &[bid(1_011, 5)]), [STALE, LIVE]),
        (teller.changes(1, &[bid(1_001, 5)]), [STALE, LIVE]),
        (teller.changes(0, &[bid(1_010, 0)]), [STALE, LIVE]),
        // They have traded.
        (teller.changes(0, &[bid(1_011, 0), bid(1_002, 7)]), [LIVE, LIVE]),
        (teller.changes(1, &[bid(1_002, 5)]), [LIVE, LIVE]),
    ]
}

fn best_bid(core: &Core, of: usize) -> Option<Level> {
    core.market(OURS[of]).unwrap().book.levels().unwrap().best_bid()
}

#[test]
fn a_book_that_is_crossed_is_stale_alone_until_it_is_not() {
    let (mut core, mut feed) = (core(u64::MAX), BinaryFeed::new(VENUE, wanted()));
    feed.connected(NOW);
    let mut teller = Teller::default();
    for (bytes, expected) in call(&mut teller) {
        assert_eq!(feed.received(NOW, &bytes, &mut core), Ok(bytes.len()));
        assert_eq!(states(&core), expected);
    }
    assert_eq!(best_bid(&core, 0), Some(level(1_002, 7)));
    // Who subscribes during a call has a snapshot that is crossed. Best prices beside it are no book.
    feed.closed(NOW, &mut core);
    feed.connected(NOW);
    let mut teller = Teller { sequence: 0, ..teller };
    let bytes = teller.begin(&[bid(1_010, 5)]);
    assert_eq!(feed.received(NOW, &bytes, &mut core), Ok(bytes.len()));
    assert_eq!(states(&core), [STALE, LIVE]);
    let best = Best { time: NOW, update_id: 90, bid: level(1_000, 1), ask: level(1_001, 1) };
    let bytes = teller.body(0, &best);
    assert_eq!(feed.received(NOW, &bytes, &mut core), Ok(bytes.len()));
    assert_eq!(states(&core), [STALE, LIVE]);
    let bytes = teller.changes(0, &[bid(1_010, 0)]);
    assert_eq!(feed.received(NOW, &bytes, &mut core), Ok(bytes.len()));
    assert_eq!(states(&core), [LIVE, LIVE]);
}

#[test]
fn a_quiet_instrument_beside_a_busy_one_is_not_silent() {
    const SECOND_NS: u64 = 1_000_000_000;
    let (mut core, mut feed) = (core(5 * SECOND_NS), BinaryFeed::new(VENUE, wanted()));
    feed.connected(NOW);
    let mut teller = Teller::default();
    feed.received(NOW, &teller.begin(&[]), &mut core).unwrap();
    // No heartbeat comes where there are changes.
    for second in 1..20 {
        let now = Timestamp(NOW.0 + second * SECOND_NS);
        feed.received(now, &teller.changes(0, &[bid(1_001, second)]), &mut core).unwrap();
        core.tick(now);
        assert_eq!(states(&core), [LIVE, LIVE], "after {second} s");
    }
    core.tick(Timestamp(NOW.0 + 25 * SECOND_NS));
    assert_eq!(states(&core), [STALE, STALE]);
}

#[test]
fn over_a_bus_a_book_that_is_crossed_is_stale_alone_until_it_is_not() {
    let path = folder("feeds-crossed");
    let sink = BusSink::open(&path, &Options { cycle_bytes: 1 << 20, ..Options::default() });
    let mut recorder = core(u64::MAX);
    let steps = (Price::from_units(TICK), Qty::from_units(1_000));
    let told = symbols().map(|symbol| Some((symbol, steps.0, steps.1)));
    recorder.set_tap(Box::new(RecordsTap::new(NOW, sink.unwrap(), told, u64::MAX)));
    let mut feed = BinaryFeed::new(VENUE, wanted());
    feed.connected(NOW);
    let (mut core, mut told) = (core(u64::MAX), Vec::new());
    let mut reader = BusFeed::new(VENUE, wanted(), path, u64::MAX).unwrap();
    let (mut now, end) = (NOW, Instant::now() + PATIENCE);
    while !reader.is_up() {
        assert!(Instant::now() < end, "never there");
        std::thread::sleep(Duration::from_millis(1));
        now.0 += 100_000_000;
        recorder.tick(now);
        reader.poll(now, &mut core, 100);
        reader.tick(now, &mut core, |what| told.push(what));
    }
    for (bytes, expected) in call(&mut Teller::default()) {
        assert_eq!(feed.received(now, &bytes, &mut recorder), Ok(bytes.len()));
        recorder.tick(now);
        while reader.poll(now, &mut core, 100) > 0 {}
        reader.tick(now, &mut core, |what| told.push(what));
        assert_eq!((states(&recorder), states(&core)), (expected, expected));
    }
    assert_eq!(best_bid(&core, 0), best_bid(&recorder, 0));
    assert_eq!(told, [Ok(())]);
}

#[test]
fn a_capture_goes_on_behind_a_book_that_is_crossed() {
    let folder = folder("feeds-capture");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("call.market");
    let records: Vec<u8> =
        call(&mut Teller::default()).into_iter().flat_map(|(bytes, _)| bytes).collect();
    fs::write(&path, &records).unwrap();
    let (mut core, mut stream) = (core(u64::MAX), RecordStream::new(wanted()));
    for record in records.as_chunks().0 {
        assert_eq!(stream.take(NOW, record, &mut core), Ok(()));
    }
    assert_eq!((states(&core), best_bid(&core, 0)), ([LIVE, LIVE], Some(level(1_002, 7))));
    let mut core = self::core(u64::MAX);
    let kind = CaptureKind::Records;
    let mut feed = CaptureFeed::new(VENUE, wanted(), kind, &path, Speed::Full).unwrap();
    let (mut told, end) = (Vec::new(), Instant::now() + PATIENCE);
    while feed.is_up() {
        assert!(Instant::now() < end, "never over");
        feed.tick(|what| told.push(what));
        feed.poll(NOW, &mut core, 100);
    }
    feed.tick(|what| told.push(what));
    assert_eq!(told, [Ok(()), Err("the capture is over".to_owned())]);
    assert_eq!(core.counts().books, 5);
}

#[test]
fn half_of_an_update_is_not_live_because_something_is_heard() {
    let second_ns = 1_000_000_000;
    let (mut core, mut feed) = (core(second_ns), BinaryFeed::new(VENUE, wanted()));
    feed.connected(NOW);
    let mut teller = Teller::default();
    let mut hear = |core: &mut Core, bytes: &[u8]| {
        assert_eq!(feed.received(NOW, bytes, core), Ok(bytes.len()));
    };
    hear(&mut core, &teller.begin(&[]));
    let update = teller.changes(0, &[bid(1_000, 0), bid(999, 1), bid(998, 1)]);
    let (first, rest) = update.split_at(market::RECORD_SIZE);
    hear(&mut core, first);
    core.tick(Timestamp(NOW.0 + second_ns + 1));
    assert_eq!(states(&core), [STALE, STALE]);
    // A recorder beats in between, where it is told in parts.
    let beat = Teller { sequence: teller.sequence - 1, ..Teller::default() }.heartbeat();
    hear(&mut core, &beat);
    assert_eq!(states(&core), [STALE, LIVE]);
    let mut rest: [u8; market::RECORD_SIZE] = rest.try_into().unwrap();
    market::renumber(&mut rest, teller.sequence + 1);
    hear(&mut core, &rest);
    assert_eq!(states(&core), [LIVE, LIVE]);
}
