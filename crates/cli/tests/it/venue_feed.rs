//! `tiercel venue` is killed under load, again and again: those who record its feed have every message,
//! once, and the books that they make are the venue's.

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tiercel_book::l3::{BookSet, Capacity};
use tiercel_testkit::random::Random;
use tiercel_types::{Price, Qty, Side};
use tiercel_wire::itch::Frames;
use tiercel_wire::market::{self, Body, RECORD_SIZE};

use crate::command::{argument, tiercel};
use crate::trade::free_port;
use crate::venue_kill::market;
use crate::venue_process::{Key, Venue, ask, look};

/// A recorder that is ended with the test.
struct Recorder {
    child: Child,
    file: PathBuf,
}

impl Recorder {
    fn start(kind: &str, file: PathBuf, arguments: &[&str]) -> Self {
        let mut command = tiercel();
        command.args(["feed", kind, "--output", argument(&file)]).args(arguments);
        let child = command.stderr(Stdio::null()).spawn().expect("the binary runs");
        Self { child, file }
    }

    fn recorded(&self) -> Vec<u8> {
        fs::read(&self.file).unwrap_or_default()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Orders until the venue is gone, or so many.
fn trade(mut stream: TcpStream, key: &Key, seed: u64) {
    let mut random = Random::new(seed);
    for _ in 0..60 {
        let side = if random.one_in(2) { "BUY" } else { "SELL" };
        let (price, quantity) = (60_000 + random.below(5), 1 + random.below(9));
        let order = format!(
            "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&price={price}\
             &quantity=0.00{quantity}"
        );
        if ask(&mut stream, key, "POST", "order", &order).is_err() {
            return;
        }
    }
}

/// The messages of the only session, as the venue keeps them.
fn told(store: &Path) -> Vec<u8> {
    let files = fs::read_dir(store.join("itch"))
        .expect("its folder")
        .map(|file| file.expect("a file").path());
    let of_messages = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "itch");
    fs::read(files.filter(of_messages).max().expect("a session")).expect("its file")
}

/// A side of the only book, by level.
fn levels(bytes: &[u8], side: Side) -> Vec<(Price, Qty)> {
    let mut books = BookSet::new(Capacity { instruments: 2, orders: 1_024, levels: 64 });
    for message in Frames::new(bytes) {
        if let Some(operation) = message.expect("a message").operation() {
            books.apply(&operation).expect("no contradiction");
        }
    }
    let book = books.book(1).expect("a book");
    let level = |level: &tiercel_book::l3::Level| {
        // Four decimals, and lots of a hundred-thousandth.
        let price = Price::from_units(i64::from(level.price()) * 10_000);
        (price, Qty::from_units(level.qty() * 1_000))
    };
    book.levels(side).iter().rev().map(level).collect()
}

/// Both sides of the only book, by level, as REST shows them.
fn depth(venue: &Venue) -> [Vec<(Price, Qty)>; 2] {
    let mut stream = venue.connect();
    let (status, depth) = look(&mut stream, "depth?symbol=BTCUSDT&limit=5000").expect("an answer");
    assert_eq!(status, 200, "{depth}");
    ["bids", "asks"].map(|name| {
        let level = |level: &serde_json::Value| {
            let part = |at: usize| level[at].as_str().expect("a text");
            let price = part(0).parse().expect("a price");
            (price, part(1).parse().expect("a quantity"))
        };
        depth[name].as_array().expect("levels").iter().map(level).collect()
    })
}

#[test]
fn recorders_have_every_message_of_a_venue_that_is_killed() {
    let (store, config, keys) = market("venue-feed", "");
    // That start was without a feed that anybody heard: its files are of before.
    drop(fs::remove_dir_all(store.join("itch")));
    let free_tcp = format!("127.0.0.1:{}", free_port());
    let free_udp = |_| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.local_addr().expect("it").to_string()
    };
    let (soup, [data, requests]) = (free_tcp, [0, 1].map(free_udp));
    let record = |name: &str, arguments: &[&str]| {
        Recorder::start("itch", store.with_extension(name), arguments)
    };
    let recorders = [
        record("soup", &["--soup", &soup]),
        record("mold", &["--mold", &data, "--requests", &requests]),
    ];
    let arguments = ["--itch", &soup, "--itch-mold", &data, "--itch-requests", &requests];
    for seed in 1..=4 {
        let mut venue = Venue::start(&store, &config, &arguments, 0);
        let streams = [venue.connect(), venue.connect()];
        std::thread::scope(|scope| {
            for (stream, account) in streams.into_iter().zip(0_usize..) {
                let key = &keys[account];
                scope.spawn(move || trade(stream, key, seed * 10 + account as u64));
            }
            // The last one is not killed before it was heard.
            if seed < 4 {
                std::thread::sleep(Duration::from_millis(10 + 20 * seed));
                venue.kill();
            }
        });
        if seed < 4 {
            continue;
        }
        let end = Instant::now() + Duration::from_secs(30);
        let mut heard = Vec::new();
        while heard.iter().any(|bytes: &Vec<u8>| *bytes != told(&store)) || heard.is_empty() {
            let lengths: Vec<usize> = heard.iter().map(Vec::len).collect();
            assert!(Instant::now() < end, "{lengths:?} of {}", told(&store).len());
            std::thread::sleep(Duration::from_millis(50));
            heard = recorders.iter().map(Recorder::recorded).collect();
        }
        for (side, shown) in [Side::Buy, Side::Sell].into_iter().zip(depth(&venue)) {
            assert_eq!(levels(&heard[0], side), shown, "{side}");
        }
        assert!(heard[0].len() > 5_000);
    }
    drop(recorders);
    drop(fs::remove_dir_all(&store));
}

/// The only book of recorded market data, by level; and how many snapshots it had.
fn folded(bytes: &[u8]) -> ([Vec<(Price, Qty)>; 2], u32) {
    let (mut bids, mut asks, mut snapshots) = (BTreeMap::new(), BTreeMap::new(), 0);
    for record in bytes.as_chunks::<RECORD_SIZE>().0 {
        let (header, body) = market::decode(record).expect("a record");
        let Body::Depth(depth) = body else { continue };
        if header.begins() {
            snapshots += 1;
            bids.clear();
            asks.clear();
        }
        let (changed_bids, changed_asks) = depth.sides(&header);
        for (levels, side) in [(changed_bids, &mut bids), (changed_asks, &mut asks)] {
            for level in levels {
                side.insert(level.price, level.qty);
                side.retain(|_, qty: &mut Qty| !qty.is_zero());
            }
        }
    }
    ([bids.into_iter().rev().collect(), asks.into_iter().collect()], snapshots)
}

#[test]
fn a_book_of_recorded_market_data_is_the_venues_after_kills() {
    let (store, config, keys) = market("venue-market", "");
    let address = format!("127.0.0.1:{}", free_port());
    let record = |name: &str, symbol: &str| {
        let arguments = ["--address", &address, "--symbol", symbol];
        Recorder::start("market", store.with_extension(name), &arguments)
    };
    let mut recorder = record("records", "BTCUSDT");
    let mut refused = record("none", "NOWHERE");
    for seed in 1..=3 {
        let mut venue = Venue::start(&store, &config, &["--market", &address], 0);
        let before = fs::metadata(&recorder.file).map_or(0, |file| file.len());
        let end = Instant::now() + Duration::from_secs(30);
        // The recorder is back before it is killed again.
        while fs::metadata(&recorder.file).map_or(0, |file| file.len()) == before {
            assert!(Instant::now() < end, "it is not back");
            std::thread::sleep(Duration::from_millis(20));
        }
        trade(venue.connect(), &keys[0], seed);
        if seed < 3 {
            venue.kill();
            continue;
        }
        let shown = depth(&venue);
        while folded(&recorder.recorded()) != (shown.clone(), 3) {
            assert!(Instant::now() < end, "{shown:?} is not {:?}", folded(&recorder.recorded()));
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(!shown[0].is_empty() && !shown[1].is_empty());
    }
    let left = refused.child.wait().expect("it ends");
    assert_eq!(left.code(), Some(1), "an instrument that there is not");
    assert!(recorder.child.try_wait().expect("it can be asked").is_none());
    drop(recorder);
    for name in ["records", "none"] {
        drop(fs::remove_file(store.with_extension(name)));
    }
    drop(fs::remove_dir_all(&store));
}
