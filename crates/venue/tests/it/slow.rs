//! A client that stops reading is cut off and told so; others hear on.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tiercel_venue::binance::rate_limit::RateLimits;
use tiercel_venue::serve::ServeOptions;
use tokio::net::TcpSocket;

use super::http::Venue;
use super::metrics::scrape;
use super::ws::Ws;

/// Orders that are under way together.
const BATCH: usize = 100;

/// A connection whose client takes little that it does not read.
pub(crate) fn narrow(address: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        socket.connect(address).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

fn cut_off(venue: &Venue) -> f64 {
    scrape(venue)["slow_consumers_cut_off_total{interface=\"binance\"}"]
}

/// Orders that are taken and expire at once: of each the account is told three times.
fn trade(ws: &mut Ws<'_>, name: &str) {
    let order = json!({ "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "IOC",
        "price": "50000", "quantity": "0.01", "newClientOrderId": name,
        "newOrderRespType": "ACK" });
    for _ in 0..BATCH {
        let order = ws.sign(&order);
        ws.send("order.place", &order);
    }
    for _ in 0..BATCH {
        let answer = ws.answer();
        assert_eq!(answer["status"], 200, "{answer}");
    }
}

/// All that a connection is told, until `over`; then how it ended, if it did.
fn heard(ws: &mut Ws<'_>, over: impl Fn(&Value) -> bool) -> (Vec<Value>, Option<u16>) {
    let mut all = Vec::new();
    loop {
        match ws.read() {
            Ok(message) => all.push(message["event"].clone()),
            Err(code) => return (all, code),
        }
        if all.last().is_some_and(&over) {
            return (all, None);
        }
    }
}

#[test]
fn who_stops_reading_its_own_orders_is_cut_off_and_told_so_and_others_hear_all() {
    let limits = RateLimits {
        weight_1m: 1_000_000,
        orders_10s: 1_000_000,
        orders_1d: 1_000_000,
        ..RateLimits::default()
    };
    let venue = Venue::with(ServeOptions { limits, ..ServeOptions::default() });
    let mut slow = Ws::over(&venue.one, narrow(venue.one.address), "/ws-api/v3").and_told();
    let mut reader = Ws::told(&venue.one);
    let (told_slow, told_reader) = std::thread::scope(|scope| {
        let is_last = |event: &Value| event["c"] == "last" && event["x"] == "EXPIRED";
        let reader = scope.spawn(move || heard(&mut reader, is_last));
        let mut orders = Ws::open(&venue.one);
        let from = Instant::now();
        while cut_off(&venue) < 1.0 {
            assert!(from.elapsed() < Duration::from_secs(30), "it is told on for ever");
            trade(&mut orders, "more");
        }
        // It reads again: what waited for it, and that it is over.
        let told_slow = heard(&mut slow, |_| false);
        let last = json!({ "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT",
            "timeInForce": "IOC", "price": "50000", "quantity": "0.01",
            "newClientOrderId": "last" });
        assert_eq!(orders.signed("order.place", &last)["status"], 200);
        (told_slow, reader.join().unwrap())
    });
    let ((slow, code), (all, _)) = (told_slow, told_reader);
    assert_eq!(code, Some(1008), "after {} messages", slow.len());
    assert!(slow.len() > 1_024 && slow.len() < all.len(), "{} of {}", slow.len(), all.len());
    assert!(slow[..] == all[..slow.len()], "what it was told has no gap");
    assert!((cut_off(&venue) - 1.0).abs() < 1e-9, "nobody else");
    // It comes back, and is told as before.
    let mut again = Ws::told(&venue.one);
    again.limit("BUY", "50000", "0.01");
    again.report("NEW", "NEW");
}
