//! Market data over a bus: what a recorder has, readers have, whenever they join.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tiercel_bus::{Options, Retention};
use tiercel_execution::venue::VenueId;
use tiercel_strategy::Idle;
use tiercel_testkit::counting_allocator::{allocations, alone, assert_counts_every_thread};
use tiercel_trader::MarketState;
use tiercel_trader::core::Core;
use tiercel_trader::feed::stream::RecordStream;
use tiercel_trader::feed::{BinanceFeed, BinaryFeed, BusFeed};
use tiercel_trader::record::{BusSink, RecordsTap};
use tiercel_trader::source::Source;
use tiercel_types::{InstrumentId, Price, Qty, Symbol, Timestamp};
use tiercel_wire::market;

use super::binance::{START, core_of, diff, feed as texts, frame, handover, snapshot};
use super::place::{self, OURS, Place, Venue, core, feed, wanted};

const SECOND_NS: u64 = 1_000_000_000;
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder that is not there.
pub(crate) fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("trader-{name}"));
    drop(std::fs::remove_dir_all(&path));
    path
}

/// Books of a venue's feed, carried on over a bus.
pub(crate) struct Recorder {
    core: Core,
    feed: BinaryFeed,
    path: PathBuf,
    now: u64,
}

impl Recorder {
    /// Over a bus whose files have so many bytes. Books are told again after a second.
    pub(crate) fn new(path: PathBuf, cycle_bytes: u64) -> Self {
        Self::repeating(path, cycle_bytes, SECOND_NS)
    }

    /// And books after so long.
    pub(crate) fn repeating(path: PathBuf, cycle_bytes: u64, interval_ns: u64) -> Self {
        let retention = Retention { cycles: 2, bytes: 0 };
        let options = Options { cycle_bytes, retention, ..Options::default() };
        let sink = BusSink::open(&path, &options).unwrap();
        let mut core = core(Box::new(Idle), u64::MAX);
        let symbol = Symbol::new(b"BTCUSDT").unwrap();
        let terms = (symbol, Price::from_units(1_000_000), Qty::from_units(1_000));
        let now = Timestamp(SECOND_NS);
        core.set_tap(Box::new(RecordsTap::new(now, sink, [Some(terms)], interval_ns)));
        let mut feed = feed();
        feed.connected(Timestamp(1));
        Self { core, feed, path, now: SECOND_NS }
    }

    /// A reader that begins now.
    pub(crate) fn reader(&self) -> BusFeed {
        BusFeed::new(VenueId(0), wanted(), self.path.clone(), 10 * SECOND_NS).unwrap()
    }

    /// Its feed has told this.
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        let now = Timestamp(self.now);
        let taken = self.feed.received(now, bytes, &mut self.core);
        assert_eq!(taken, Ok(bytes.len()));
        self.core.tick(now);
    }

    fn pass(&mut self, nanoseconds: u64) {
        self.now += nanoseconds;
        self.core.tick(Timestamp(self.now));
    }

    fn lose(&mut self) {
        self.feed.closed(Timestamp(self.now), &mut self.core);
        self.feed.connected(Timestamp(1));
    }
}

/// A reader, and its books.
struct Reader {
    core: Core,
    feed: BusFeed,
    told: Vec<Result<(), String>>,
}

impl Reader {
    fn new(recorder: &Recorder) -> Self {
        Self { core: core(Box::new(Idle), u64::MAX), feed: recorder.reader(), told: Vec::new() }
    }

    fn turn(&mut self, recorder: &Recorder) {
        let now = Timestamp(recorder.now);
        let Self { core, feed, told } = self;
        while feed.poll(now, core, 100) > 0 {}
        feed.tick(now, core, |what| told.push(what));
    }

    /// Until it hears.
    fn join(&mut self, recorder: &mut Recorder) {
        let end = Instant::now() + PATIENCE;
        while !self.feed.is_up() {
            assert!(Instant::now() < end, "never there: {:?}", self.told);
            std::thread::sleep(Duration::from_millis(1));
            // A heartbeat, and soon no book.
            recorder.pass(100_000_000);
            self.turn(recorder);
        }
    }

    fn state(&self) -> MarketState {
        self.core.market(OURS).unwrap().state()
    }
}

fn checksum(core: &Core) -> (u64, u64) {
    let book = core.market(OURS).unwrap().book.levels().unwrap();
    (book.update_id(), book.checksum(usize::MAX))
}

/// A record that is not the last of its update.
fn half(record: &[u8]) -> Vec<u8> {
    let mut record = record.to_vec();
    record[1] &= !market::LAST;
    record
}

/// Files of a bus.
fn cycles(path: &std::path::Path) -> usize {
    let paths = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|kind| kind == "cycle")).count()
}

fn bytes(tell: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    tell(&mut bytes);
    bytes
}

#[test]
fn a_reader_has_the_book_whenever_it_joins_and_follows_it() {
    let mut venue = Venue::new();
    let mut recorder = Recorder::new(folder("bus-joins"), 1 << 20);
    let mut early = Reader::new(&recorder);
    early.join(&mut recorder);
    assert_eq!(early.state(), MarketState::Stale);
    recorder.hear(&bytes(|out| venue.snapshot(out)));
    early.turn(&recorder);
    assert_eq!(
        (early.state(), checksum(&early.core)),
        (MarketState::Live, checksum(&recorder.core))
    );
    // What comes before the next whole book is not for who has none.
    let mut late = Reader::new(&recorder);
    late.join(&mut recorder);
    let was = late.state();
    recorder.hear(&bytes(|out| venue.bid(1_000, 1_001, out)));
    late.turn(&recorder);
    assert_eq!(late.state(), was);
    recorder.pass(SECOND_NS);
    for reader in [&mut early, &mut late] {
        reader.turn(&recorder);
        assert_eq!(reader.state(), MarketState::Live);
        assert_eq!(checksum(&reader.core), checksum(&recorder.core));
    }
    // The book that was told again changed nothing for who had it.
    assert_eq!(early.core.counts().books, 2);
    let mut learned = Vec::new();
    early.feed.records().take_learned(|ours, theirs| learned.push((ours, theirs)));
    assert_eq!(learned, [(OURS, super::place::THEIRS)]);
    assert_eq!((early.told, late.told), (vec![Ok(())], vec![Ok(())]));
}

#[test]
fn what_the_recorder_has_lost_is_of_the_past_until_its_book_is_whole() {
    let mut venue = Venue::new();
    let mut recorder = Recorder::new(folder("bus-loses"), 1 << 20);
    let mut reader = Reader::new(&recorder);
    reader.join(&mut recorder);
    recorder.hear(&bytes(|out| venue.snapshot(out)));
    reader.turn(&recorder);
    // Half of an update, and then the connection ends.
    let update = bytes(|out| {
        venue.bid(1_000, 1_001, out);
        venue.bid(1_001, 1_002, out);
    });
    let mut late = Reader::new(&recorder);
    late.join(&mut recorder);
    let was = late.state();
    recorder.hear(&update[..64]);
    recorder.hear(&half(&update[64..]));
    // Nobody is told of half a book.
    recorder.pass(SECOND_NS);
    late.turn(&recorder);
    assert_eq!(late.state(), was);
    recorder.lose();
    reader.turn(&recorder);
    assert_eq!(reader.state(), MarketState::Stale);
    recorder.pass(SECOND_NS);
    reader.turn(&recorder);
    assert_eq!(reader.state(), MarketState::Stale);
    let mut venue = Venue::new();
    recorder.hear(&bytes(|out| venue.snapshot(out)));
    reader.turn(&recorder);
    assert_eq!(reader.state(), MarketState::Live);
    assert_eq!(checksum(&reader.core), checksum(&recorder.core));
}

#[test]
fn another_writer_and_records_that_were_missed_begin_the_books_anew() {
    let mut venue = Venue::new();
    let path = folder("bus-anew");
    let mut recorder = Recorder::new(path.clone(), 8_192);
    let mut reader = Reader::new(&recorder);
    reader.join(&mut recorder);
    recorder.hear(&bytes(|out| venue.snapshot(out)));
    reader.turn(&recorder);
    assert_eq!(reader.state(), MarketState::Live);
    // Killed: it says nothing. The next one counts from 1.
    drop(recorder);
    let mut recorder = Recorder::new(path.clone(), 8_192);
    reader.turn(&recorder);
    assert_eq!(reader.state(), MarketState::Stale);
    let mut venue = Venue::new();
    recorder.hear(&bytes(|out| venue.snapshot(out)));
    reader.turn(&recorder);
    assert_eq!(reader.state(), MarketState::Live);
    // More than two files of 8 KiB have room for: what the reader was due to read is gone.
    for number in 0..200 {
        recorder.hear(&bytes(|out| venue.bid(1_000 + number % 7, 1_000 + (number + 1) % 7, out)));
    }
    let end = Instant::now() + PATIENCE;
    while cycles(&path) > 2 {
        assert!(Instant::now() < end, "old files stay");
        std::thread::sleep(Duration::from_millis(1));
    }
    reader.turn(&recorder);
    assert_eq!((reader.state(), reader.feed.is_up()), (MarketState::Stale, false));
    let why = reader.told.last().cloned().unwrap().unwrap_err();
    assert!(why.contains("lost"), "{why}");
    reader.join(&mut recorder);
    recorder.pass(SECOND_NS);
    reader.turn(&recorder);
    assert_eq!(reader.state(), MarketState::Live);
    assert_eq!(checksum(&reader.core), checksum(&recorder.core));
}

#[test]
fn a_record_that_is_missing_makes_the_book_of_a_stream_stale_until_it_is_told_whole() {
    let (mut venue, mut core) = (Venue::new(), core(Box::new(Idle), u64::MAX));
    let mut stream = RecordStream::new(wanted());
    let mut take = |bytes: Vec<u8>| {
        let (records, _) = bytes.as_chunks();
        for record in records {
            stream.take(Timestamp(SECOND_NS), record, &mut core).unwrap();
        }
        core.market(OURS).unwrap().state()
    };
    assert_eq!(take(bytes(|out| venue.snapshot(out))), MarketState::Live);
    assert_eq!(take(bytes(|out| venue.bid(1_000, 1_001, out))), MarketState::Live);
    let _missing = bytes(|out| venue.bid(1_001, 1_002, out));
    assert_eq!(take(bytes(|out| venue.bid(1_002, 1_003, out))), MarketState::Stale);
    assert_eq!(take(bytes(|out| venue.snapshot(out))), MarketState::Live);
}

#[test]
fn what_is_interrupted_elsewhere_stops_nobody() {
    let (mut venue, mut core) = (Venue::new(), core(Box::new(Idle), u64::MAX));
    let mut stream = RecordStream::new(wanted());
    let told = bytes(|out| venue.snapshot(out));
    let (records, _) = told.as_chunks();
    let mut next = 0;
    for record in records {
        stream.take(Timestamp(SECOND_NS), record, &mut core).unwrap();
        next = market::decode(record).unwrap().0.sequence + 1;
    }
    // Of an instrument that is not followed, and then of all.
    for (number, state) in [(99, MarketState::Live), (0, MarketState::Stale)] {
        let reason = market::Interruption::SourceLost;
        let body = market::Interrupted { time: Timestamp(SECOND_NS), reason, reserved: [0; 39] };
        let record = market::record(InstrumentId(number), next, 0, &body);
        next += 1;
        stream.take(Timestamp(SECOND_NS), &record, &mut core).unwrap();
        assert_eq!(core.market(OURS).unwrap().state(), state, "of instrument {number}");
    }
}

/// Texts on their way to a reader of a bus.
struct Relayed {
    writer: Core,
    feed: BinanceFeed,
    reader: BusFeed,
    core: Core,
    now: Timestamp,
}

impl Relayed {
    fn new() -> Self {
        let path = folder("bus-texts");
        let options = Options { cycle_bytes: 1 << 20, ..Options::default() };
        let sink = BusSink::open(&path, &options).unwrap();
        let mut writer = core_of(Box::new(Idle));
        let symbol = Symbol::new(b"BTCUSDT").unwrap();
        let terms = (symbol, Price::from_units(1_000_000), Qty::from_units(1_000));
        writer.set_tap(Box::new(RecordsTap::new(START, sink, [Some(terms)], 0)));
        let mut feed = texts();
        feed.connected(START, handover(), &mut writer).unwrap();
        let reader = BusFeed::new(VenueId(0), wanted(), path, u64::MAX).unwrap();
        Self { writer, feed, reader, core: core(Box::new(Idle), u64::MAX), now: START }
    }

    /// What the reader was told of in all, books and trades, after this was heard.
    fn hear(&mut self, bytes: &[u8]) -> (u64, u64) {
        let Self { writer, feed, reader, core, now } = self;
        assert_eq!(feed.received(*now, bytes, writer), Ok(bytes.len()));
        writer.tick(*now);
        while reader.poll(*now, core, 100) > 0 {}
        reader.tick(*now, core, |_| {});
        (core.counts().books, core.counts().trades)
    }
}

#[test]
fn best_prices_of_texts_stay_while_they_are_newer_than_the_book() {
    let mut relayed = Relayed::new();
    let end = Instant::now() + PATIENCE;
    while !relayed.reader.is_up() {
        assert!(Instant::now() < end, "never there");
        relayed.now.0 += SECOND_NS;
        relayed.hear(b"");
    }
    assert_eq!(relayed.hear(&diff(101, 102, "60000.00", "1.0")), (0, 0));
    snapshot(100, relayed.now, &mut relayed.writer);
    assert_eq!(relayed.hear(b""), (1, 0));
    let best = "{\"stream\":\"btcusdt@bookTicker\",\"data\":{\"u\":105,\"s\":\"BTCUSDT\",\
                \"b\":\"60000.50\",\"B\":\"1.0\",\"a\":\"60001.00\",\"A\":\"1.0\"}}";
    assert_eq!(relayed.hear(&frame(best)), (2, 0));
    // The book follows later.
    assert_eq!(relayed.hear(&diff(103, 104, "59998.00", "2.0")), (2, 0));
    assert_eq!(relayed.hear(&diff(105, 105, "60000.50", "1.0")), (3, 0));
    assert_eq!(checksum(&relayed.core), checksum(&relayed.writer));
}

#[test]
fn a_bus_that_is_not_there_or_is_silent_is_told_once_and_looked_for_again() {
    let path = folder("bus-silent");
    let wanted = wanted();
    let mut feed = BusFeed::new(VenueId(0), wanted, path.clone(), 10 * SECOND_NS).unwrap();
    let (mut core, mut told) = (core(Box::new(Idle), u64::MAX), Vec::new());
    let (mut now, end) = (SECOND_NS, Instant::now() + PATIENCE);
    let mut turn = |told: &mut Vec<_>, now: u64| {
        std::thread::sleep(Duration::from_millis(1));
        feed.poll(Timestamp(now), &mut core, 100);
        feed.tick(Timestamp(now), &mut core, |what| told.push(what));
        feed.is_up()
    };
    for _ in 0..50 {
        now += SECOND_NS / 10;
        assert!(!turn(&mut told, now));
    }
    assert_eq!(told.len(), 1, "{told:?}");
    let mut recorder = Recorder::new(path, 1 << 20);
    recorder.now = now;
    while !turn(&mut told, recorder.now) {
        assert!(Instant::now() < end, "never there");
        recorder.pass(SECOND_NS / 10);
    }
    assert!(!turn(&mut told, recorder.now + 11 * SECOND_NS));
    assert_eq!(told[1..], [Ok(()), Err("nothing was written for 10 s".to_owned())]);
}

#[test]
fn what_wakes_nobody_is_looked_at_soon() {
    let soon = place::lines(u64::MAX);
    assert_eq!(soon.nap(), None, "sockets wake it");
    let recorder = Recorder::new(folder("bus-nap"), 1 << 20);
    let soon = soon.with_sources(vec![Source::Bus(Box::new(recorder.reader()))]);
    assert!(soon.nap() <= Some(Duration::from_micros(50)) && soon.nap().is_some());
}

#[test]
fn between_a_record_of_a_bus_and_the_order_nothing_is_allocated() {
    alone("it::bus::between_a_record_of_a_bus_and_the_order_nothing_is_allocated", || {
        assert_counts_every_thread();
        let recorder = Recorder::repeating(folder("bus-allocates"), 8 << 20, 0);
        let mut place = Place::over_bus(recorder);
        let mut ticks = |count: i64| {
            for number in 0..count {
                place.bid(1_000 + number % 7, 1_000 + (number + 1) % 7);
            }
        };
        ticks(700);
        assert_eq!(allocations(|| ticks(7_000)), 0);
        assert_eq!(place.venue.open[0].1.price, Price::from_units(999 * 1_000_000));
    });
}
