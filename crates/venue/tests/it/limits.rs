//! What one client may take, over real sockets: others go on.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tiercel_venue::binance::rate_limit::RateLimits;
use tiercel_venue::serve::ServeOptions;

use super::http::{Client, Venue, exchange};

const PING: &[u8] = b"GET /api/v3/ping HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
/// Longer than anything here may take on a loaded machine.
const LONG: Duration = Duration::from_secs(20);

/// Reads until the venue ends the connection; what came.
#[track_caller]
fn ended(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut text = Vec::new();
    match stream.read_to_end(&mut text) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("still open after {LONG:?}"),
        // The end or a reset.
        _ => String::from_utf8_lossy(&text).into_owned(),
    }
}

fn quick() -> ServeOptions {
    let soon = Duration::from_millis(300);
    ServeOptions {
        header_timeout: soon,
        request_timeout: soon,
        send_timeout: soon,
        ..ServeOptions::default()
    }
}

#[test]
fn connections_that_do_not_come_to_the_point_are_ended() {
    let venue = Venue::with(quick());
    // Nothing at all; a head that never ends; a head that comes byte by byte.
    let mut silent = venue.one.connect();
    let mut half = venue.one.connect();
    half.write_all(b"GET /api/v3/ping HT").unwrap();
    let mut slow = venue.one.connect();
    let from = Instant::now();
    let mut sent = 0;
    for byte in b"GET /api/v3/ping HTTP/1.1\r\nx: ".iter().chain([b'a'; 4_000].iter()) {
        if slow.write_all(&[*byte]).is_err() {
            break;
        }
        sent += 1;
        std::thread::sleep(Duration::from_millis(20));
        assert!(from.elapsed() < LONG, "a slow head is taken for ever");
    }
    assert!(sent < 2_000);
    for stream in [&mut silent, &mut half, &mut slow] {
        assert!(!ended(stream).contains("200 OK"));
    }
    // An idle connection, after an answer.
    let mut idle = venue.one.connect();
    idle.write_all(b"GET /api/v3/ping HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    assert!(ended(&mut idle).contains("200 OK"));
    // A body that never comes: an answer, and the end.
    let mut body = venue.one.connect();
    body.write_all(b"POST /api/v3/order HTTP/1.1\r\nhost: a\r\ncontent-length: 99\r\n\r\nx=")
        .unwrap();
    let answer = ended(&mut body);
    assert!(answer.starts_with("HTTP/1.1 504") || answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(exchange(venue.one.connect(), PING).contains("200 OK"));
}

#[test]
fn a_client_that_takes_no_answers_is_cut_off() {
    let options = quick();
    let limits = RateLimits { weight_1m: 1_000_000_000, ..options.limits };
    let venue = Venue::with(ServeOptions { limits, ..options });
    let mut deaf = venue.one.connect();
    deaf.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let ask = b"GET /api/v3/exchangeInfo HTTP/1.1\r\nhost: a\r\n\r\n".repeat(64);
    let from = Instant::now();
    loop {
        match deaf.write_all(&ask) {
            Ok(()) => {}
            // Both directions are full: the venue waits for this client.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            // It was cut off.
            Err(_) => break,
        }
        assert!(from.elapsed() < LONG, "still served");
    }
    assert!(exchange(venue.one.connect(), PING).contains("200 OK"));
}

#[test]
fn an_address_has_so_many_connections_and_no_more() {
    let options = ServeOptions { connections_per_address: 3, ..ServeOptions::default() };
    let venue = Venue::with(options);
    let mut open: Vec<_> = (0..3)
        .map(|_| {
            let mut stream = venue.one.connect();
            stream.write_all(b"GET /api/v3/ping HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
            let mut first = [0; 12];
            stream.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 200");
            stream
        })
        .collect();
    assert_eq!(ended(&mut venue.one.connect()), "", "the fourth is closed unheard");
    drop(open.pop());
    let from = Instant::now();
    while !exchange(venue.one.connect(), PING).contains("200 OK") {
        assert!(from.elapsed() < LONG, "its place is not free again");
        std::thread::sleep(Duration::from_millis(5));
    }
    let metrics = Client::stranger(&venue).raw("GET", "/metrics", "");
    let text = metrics.body.as_str().unwrap();
    let refused = "connections_refused_total{door=\"public\"} ";
    let count: f64 =
        text.lines().find_map(|line| line.strip_prefix(refused)).unwrap().parse().unwrap();
    assert!(count >= 1.0, "{count}");
}

#[test]
fn who_asks_on_after_it_was_told_to_wait_is_banned() {
    let limits = RateLimits { weight_1m: 5, refusals_1m: 2, ..RateLimits::default() };
    let venue = Venue::with(ServeOptions { limits, ..ServeOptions::default() });
    let mut codes = Vec::new();
    let banned = loop {
        let answer = venue.one.public("ping");
        codes.push(answer.status);
        if answer.status == 418 {
            break answer;
        }
        assert!(codes.len() < 40, "{codes:?}");
    };
    assert!(codes.ends_with(&[200, 429, 429, 418]) || codes.contains(&200), "{codes:?}");
    assert!(banned.refused(418, -1003).starts_with("Way too much request weight used; IP banned"));
    let wait: u64 = banned.header("retry-after").unwrap().parse().unwrap();
    assert!((100..=120).contains(&wait), "{wait}");
    // Nothing gets through, not even what is signed.
    venue.one.limit("BUY", "50000", "1").refused(418, -1003);
}

#[test]
fn pages_of_other_origins_ask_only_where_they_are_named() {
    let with = |venue: &Venue, method: &str, origin: &str| {
        let request = format!(
            "{method} /api/v3/ping HTTP/1.1\r\nhost: a\r\norigin: {origin}\r\n\
             access-control-request-method: POST\r\nconnection: close\r\n\r\n"
        );
        exchange(venue.one.connect(), request.as_bytes()).to_lowercase()
    };
    let (desk, other) = ("https://desk.example", "https://other.example");
    let closed = Venue::start();
    assert!(!with(&closed, "GET", desk).contains("access-control"));
    drop(closed);
    let cors_origins = vec![desk.to_owned()];
    let venue = Venue::with(ServeOptions { cors_origins, ..ServeOptions::default() });
    let answer = with(&venue, "GET", desk);
    assert!(answer.contains("access-control-allow-origin: https://desk.example\r\n"), "{answer}");
    assert!(answer.contains("vary: origin\r\n") && answer.starts_with("http/1.1 200"));
    let first = with(&venue, "OPTIONS", desk);
    assert!(first.starts_with("http/1.1 204") && first.contains("x-mbx-apikey"), "{first}");
    for method in ["GET", "OPTIONS"] {
        let answer = with(&venue, method, other);
        assert!(!answer.contains("access-control-allow"), "{answer}");
    }
}
