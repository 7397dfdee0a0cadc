//! Many at once on `tiercel venue`: subscribers, traders, and one who does not read.
//!
//! ```text
//!   traders, each on a connection of its own --orders--> venue --trades--> subscribers, each reads all
//!                                                          |
//!                                                          +--> one who reads nothing
//! ```
//!
//! A tenth of it in `make test`: all of it, 1,000 subscribers and 100 traders, in `make soak`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tiercel_testkit::soak;

use crate::command::file;
use crate::venue_process::{NO_LIMITS, Venue, ask};

/// What the venue may take of memory, whatever clients do.
const MEMORY_KB_MAX: u64 = 1 << 20;
/// What it may take more than before the load: queues, buffers of sockets, orders.
const GROWTH_KB_MAX: u64 = 256 << 10;

/// A stream of trades: behind the answer to its request come frames.
fn subscribe(venue: &Venue) -> TcpStream {
    let mut stream = venue.connect();
    stream
        .write_all(
            b"GET /ws/btcusdt@trade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
              Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .expect("it reads");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("it answers");
        head.extend(byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    stream
}

/// The trade ids that a subscriber is told, `count` of them.
fn trade_ids(stream: &mut TcpStream, count: u64) -> Vec<u64> {
    let mut ids = Vec::new();
    while (ids.len() as u64) < count {
        let mut head = [0; 2];
        stream.read_exact(&mut head).expect("a frame");
        let length = match head[1] {
            126 => {
                let mut long = [0; 2];
                stream.read_exact(&mut long).expect("its length");
                usize::from(u16::from_be_bytes(long))
            }
            short => usize::from(short),
        };
        let mut text = vec![0; length];
        stream.read_exact(&mut text).expect("its text");
        // Pings are passed over.
        if head[0] == 0x81 {
            let trade: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
            ids.push(trade["t"].as_u64().expect("a trade's id"));
        }
    }
    ids
}

/// An order that meets the other side's at one price.
fn order(side: &str) -> String {
    format!(
        "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&price=60000&quantity=0.001\
         &newOrderRespType=ACK"
    )
}

#[test]
fn many_subscribers_and_traders_fit_and_one_who_does_not_read_harms_nobody() {
    // In the long version five times as many trades as a subscriber's queue holds: who reads is never
    // cut off.
    let (subscribers, traders, orders) =
        if soak::is_soak() { (1_000, 100, 100) } else { (100, 10, 30) };
    let config = format!("{NO_LIMITS}[http]\nconnections_max = 4096\n");
    let config = file("venue-load.toml", config.as_bytes());
    let store = config.with_extension("store");
    drop(std::fs::remove_dir_all(&store));
    let venue = Venue::start(&store, &config, &["--dev", "--memory"], 2);
    let before_kb = venue.memory_kb();
    let deaf = subscribe(&venue);
    let readers: Vec<TcpStream> = (0..subscribers).map(|_| subscribe(&venue)).collect();
    // Half of the traders sell, half buy: every second order trades, at one price.
    let trades = traders * orders / 2;
    let (told, mut latencies): (Vec<Vec<u64>>, Vec<Duration>) = std::thread::scope(|scope| {
        let trade = |trader| {
            let (venue, at) = (&venue, (trader % 2) as usize);
            scope.spawn(move || -> Vec<Duration> {
                let mut stream = venue.connect();
                let place = |_| {
                    let (key, order) = (&venue.keys[at], order(["SELL", "BUY"][at]));
                    let from = Instant::now();
                    let answer = ask(&mut stream, key, "POST", "order", &order);
                    let (status, body) = answer.expect("an answer");
                    assert_eq!(status, 200, "{body}");
                    from.elapsed()
                };
                (0..orders).map(place).collect()
            })
        };
        let trading: Vec<_> = (0..traders).map(trade).collect();
        let reading: Vec<_> = readers
            .into_iter()
            .map(|mut stream| scope.spawn(move || trade_ids(&mut stream, trades)))
            .collect();
        let told = reading.into_iter().map(|thread| thread.join().expect("no panic")).collect();
        let latencies = trading.into_iter().flat_map(|thread| thread.join().expect("no panic"));
        (told, latencies.collect())
    });
    let expected: Vec<u64> = (1..=trades).collect();
    for ids in &told {
        assert_eq!(ids, &expected, "all trades, in their order");
    }
    let after_kb = venue.memory_kb();
    latencies.sort_unstable();
    let [half, most] = [2, 100].map(|part| latencies[latencies.len() - latencies.len() / part - 1]);
    eprintln!(
        "{subscribers} subscribers, {traders} traders, {trades} trades: {before_kb} KiB before, \
         {after_kb} KiB after; an order is answered in {half:?} (p50), {most:?} (p99)"
    );
    assert!(after_kb < MEMORY_KB_MAX && after_kb < before_kb + GROWTH_KB_MAX);
    drop(deaf);
    drop(venue);
    drop(std::fs::remove_dir_all(&store));
}
