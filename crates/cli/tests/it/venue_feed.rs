//! `tiercel venue` is killed under load, again and again: those who record its feed have every message,
//! once, and the books that they make are the venue's.

use std::fs;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tiercel_book::l3::{BookSet, Capacity};
use tiercel_testkit::random::Random;
use tiercel_types::{Price, Qty, Side};
use tiercel_wire::itch::Frames;

use crate::command::{argument, tiercel};
use crate::venue_kill::market;
use crate::venue_process::{Key, Venue, ask, look};

/// A recorder that is ended with the test.
struct Recorder {
    child: Child,
    file: PathBuf,
}

impl Recorder {
    fn start(file: PathBuf, arguments: &[&str]) -> Self {
        let mut command = tiercel();
        command.args(["feed", "itch", "--output", argument(&file)]).args(arguments);
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

#[test]
fn recorders_have_every_message_of_a_venue_that_is_killed() {
    let (store, config, keys) = market("venue-feed", "");
    // That start was without a feed that anybody heard: its files are of before.
    drop(fs::remove_dir_all(store.join("itch")));
    let free_tcp = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it");
    let free_udp = |_| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.local_addr().expect("it").to_string()
    };
    let (soup, [data, requests]) = (free_tcp.to_string(), [0, 1].map(free_udp));
    let record =
        |name: &str, arguments: &[&str]| Recorder::start(store.with_extension(name), arguments);
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
        let mut stream = venue.connect();
        let (status, depth) =
            look(&mut stream, "depth?symbol=BTCUSDT&limit=5000").expect("an answer");
        assert_eq!(status, 200, "{depth}");
        for (side, name) in [(Side::Buy, "bids"), (Side::Sell, "asks")] {
            let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
            let told: Vec<(Price, Qty)> = depth[name]
                .as_array()
                .expect("levels")
                .iter()
                .map(|level| {
                    let part = |at: usize| text(&level[at]);
                    let price = part(0).parse().expect("a price");
                    (price, part(1).parse().expect("a quantity"))
                })
                .collect();
            assert_eq!(levels(&heard[0], side), told, "{name}");
        }
        assert!(heard[0].len() > 5_000);
    }
    drop(recorders);
    drop(fs::remove_dir_all(&store));
}
