//! FIX over sockets: sessions, refusals, and what clients lose by their own doing.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tiercel_types::Timestamp;
use tiercel_venue::binance::rate_limit::RateLimits;
use tiercel_venue::fix::Identity;
use tiercel_venue::open_orders::{OpenOrderLimits, OpenOrderRules};
use tiercel_venue::serve::{ServeOptions, Tls};
use tiercel_wire::fix::session::{MemoryStore, Store};

use super::fix_client::{
    FixClient, administered_venue, limited_venue, on_each_thread, secure_venue, time_text, venue,
    venue_by,
};
use super::http::now_ms;
use super::metrics::scrape;
use super::place::Place;
use super::revoked::revoke;
use super::shifted::Shift;
use super::slow::narrow;
use super::tls::{Authority, files, over};

on_each_thread!(
    an_order_is_taken_filled_in_parts_replaced_and_cancelled,
    what_cannot_be_is_refused_with_its_reason,
    only_the_session_whose_password_it_is_logs_on_and_once_at_a_time,
    orders_beyond_an_accounts_limits_are_rejected,
    who_may_no_longer_is_logged_out_and_not_let_in_again,
    a_session_that_begins_anew_is_told_nothing_while_it_is_away_and_keeps_no_subscription,
    what_happened_while_a_client_was_away_is_sent_when_it_asks,
    noise_and_logons_without_end_hurt_nobody_else,
    sessions_go_over_tls_and_nothing_else_where_the_venue_has_it,
    a_silent_connection_gives_its_session_to_the_next_once_it_counts_as_gone,
    a_venue_that_stops_says_goodbye,
    a_client_that_does_not_read_is_cut_off_and_gets_what_it_missed,
);

fn an_order_is_taken_filled_in_parts_replaced_and_cancelled() {
    let (venue, address) = venue(|_| {});
    let mut one = FixClient::new(address, "ONE", &venue.one).logged_on();
    let mut two = FixClient::new(address, "TWO", &venue.two).logged_on();
    one.limit("a", 1, "2", "59000");
    let taken = one.next();
    assert_eq!(
        taken.say(&[35, 150, 39, 11, 55, 54, 38, 40, 44, 59]),
        "8 0 0 a BTCUSDT 1 2 2 59000 1"
    );
    assert_eq!(taken.say(&[1, 14, 151, 6, 5001]), "1 0 2 0 2");
    let order_id = taken.get(37).to_owned();

    two.limit("b", 2, "0.5", "59000");
    assert_eq!(two.report(&[]), "0 0 b  0 0.5");
    assert_eq!(two.report(&[31, 32, 851, 12, 479]), "F 2 b  0.5 0 59000 0.5 2 29.5 USDT");
    assert_eq!(one.report(&[31, 32, 6, 851]), "F 1 a  0.5 1.5 59000 0.5 59000 1");

    one.replace("c", "a", 1, "1.5", "59100");
    let replaced = one.next();
    assert_eq!(replaced.say(&[150, 39, 11, 41, 38, 44, 14, 151]), "5 1 c a 1.5 59100 0.5 1");
    assert_eq!(replaced.get(37), order_id);
    one.cancel("d", "c", 1);
    assert_eq!(one.report(&[38]), "4 4 d c 0.5 0 1.5");
    one.send("5", "");
    assert_eq!(one.next().get(35), "5");
    assert_eq!(one.try_next(), None);
    assert!(one.store.next_incoming() > 5);
}

fn what_cannot_be_is_refused_with_its_reason() {
    let (venue, address) = venue(|_| {});
    let mut one = FixClient::new(address, "ONE", &venue.one).logged_on();
    let time = time_text(now_ms());
    for (order, expected) in [
        ("11=r1|55=NOPE|54=1|38=1|40=2|44=1|", "8 8 1"),
        ("11=r2|55=BTCUSDT|54=5|38=1|40=2|44=1|", "8 8 11"),
        ("11=r3|55=BTCUSDT|54=1|38=1|40=2|", "8 8 11"),
        ("11=r4|55=BTCUSDT|54=1|38=1|40=2|44=59000.001|", "8 8 99"),
        ("11=r5|1=2|55=BTCUSDT|54=1|38=1|40=2|44=59000|", "8 8 15"),
        ("11=r6|55=BTCUSDT|54=1|38=0.000001|40=2|44=59000|", "8 8 13"),
        ("11=r7|55=BTCUSDT|54=1|38=1000|40=2|44=59000|", "8 8 3"),
        ("11=r8|55=BTCUSDT|54=1|38=1|40=2|44=59000|59=6|", "8 8 11"),
        ("11=a-name-of-more-than-thirty-six-letters|55=BTCUSDT|54=1|38=1|40=2|44=59000|", "8 8 99"),
    ] {
        one.send("D", &format!("{order}60={time}|"));
        let told = one.next();
        assert_eq!(told.say(&[150, 39, 103]), expected, "{order} {told:?}");
        assert!(!told.get(58).is_empty() && told.get(37) == "NONE", "{told:?}");
    }
    // A name that an order has, or had.
    one.limit("mine", 1, "1", "59000");
    assert_eq!(one.report(&[]), "0 0 mine  0 1");
    one.limit("mine", 1, "1", "59000");
    assert_eq!(one.report(&[103]), "8 8 mine  0 0 6");
    one.replace("renamed", "mine", 1, "1", "59001");
    assert_eq!(one.report(&[]), "5 0 renamed mine 0 1");
    one.limit("mine", 1, "1", "59000");
    assert_eq!(one.report(&[103]), "8 8 mine  0 0 6");
    // A possible resend of what came is passed over; of what did not come is taken.
    for (name, told) in [("mine", false), ("fresh", true)] {
        let number = one.store.next_outgoing();
        let order = format!("11={name}|55=BTCUSDT|54=1|38=1|40=2|44=58000|59=1|60={time}|");
        let bytes = one.message("D", number, "97=Y|", &order);
        one.store.sent(Some(&bytes));
        one.raw(&bytes);
        if told {
            assert_eq!(one.report(&[]), "0 0 fresh  0 1");
        }
    }
    one.cancel("x1", "nobody", 1);
    assert_eq!(one.next().say(&[35, 39, 41, 11, 37, 434, 102]), "9 8 nobody x1 NONE 1 1");
    one.cancel("x2", "renamed", 2);
    assert_eq!(one.next().say(&[35, 39, 434, 102]), "9 0 1 1");
    one.cancel("renamed", "fresh", 1);
    assert_eq!(one.next().say(&[35, 39, 434, 102]), "9 0 1 6");
    one.cancel("x3", "renamed", 1);
    assert_eq!(one.report(&[]), "4 4 x3 renamed 0 0");
    one.cancel("x4", "renamed", 1);
    assert_eq!(one.next().say(&[35, 39, 434, 102]), "9 4 1 0");
    one.replace("x5", "renamed", 1, "2", "59000");
    assert_eq!(one.next().say(&[35, 39, 434, 102]), "9 4 2 0");
    // A type that nobody here takes.
    one.send("AF", "584=s|585=7|");
    assert_eq!(one.next().say(&[35, 372, 380]), "j AF 3");
}

fn only_the_session_whose_password_it_is_logs_on_and_once_at_a_time() {
    let (venue, address) = venue(|_| {});
    let mut wrong = FixClient::new(address, "ONE", &venue.one).with_password("guess");
    let told = wrong.log_on("");
    assert_eq!(told.get(35), "5");
    assert!(told.get(58).contains("Password"), "{told:?}");
    assert_eq!(wrong.try_next(), None);
    // The other account's key does not open this session.
    let mut other = FixClient::new(address, "ONE", &venue.two);
    assert_eq!(other.log_on("").get(35), "5");
    let mut stranger = FixClient::new(address, "NOBODY", &venue.one);
    stranger.connect();
    stranger.send("A", "98=0|108=30|");
    assert_eq!(stranger.try_next(), None);
    let mut one = FixClient::new(address, "ONE", &venue.one).logged_on();
    assert_eq!(one.store.next_incoming(), 2, "what was refused has no number");
    let mut again = FixClient::new(address, "ONE", &venue.one);
    again.connect();
    again.send("A", "98=0|108=30|");
    assert_eq!(again.try_next(), None);
    one.limit("a", 1, "1", "59000");
    assert_eq!(one.report(&[]), "0 0 a  0 1");
}

fn orders_beyond_an_accounts_limits_are_rejected() {
    let limits = RateLimits { orders_10s: 1_000, orders_1d: 4, ..RateLimits::default() };
    let open = OpenOrderLimits { orders: Some(2), ..OpenOrderLimits::default() };
    let open_orders = OpenOrderRules::from([("BTCUSDT".parse().unwrap(), open)]);
    let options = ServeOptions { limits, open_orders, ..ServeOptions::default() };
    let (venue, address) = limited_venue(options);
    let mut one = FixClient::new(address, "ONE", &venue.one).logged_on();
    let mut two = FixClient::new(address, "TWO", &venue.two).logged_on();
    for name in ["a", "b"] {
        one.limit(name, 1, "1", "59000");
        assert_eq!(one.report(&[]), format!("0 0 {name}  0 1"));
    }
    one.limit("c", 1, "1", "59000");
    assert_eq!(one.report(&[103, 58]), "8 8 c  0 0 3 MAX_NUM_ORDERS", "two are open");
    // Those of another account do not count.
    two.limit("a", 1, "1", "59000");
    assert_eq!(two.report(&[]), "0 0 a  0 1");
    // What was refused was not placed: these are the third and the fourth.
    for (cancelled, entered) in [("a", "d"), ("b", "e")] {
        let name = format!("x{cancelled}");
        one.cancel(&name, cancelled, 1);
        assert_eq!(one.report(&[]), format!("4 4 {name} {cancelled} 0 0"));
        one.limit(entered, 1, "1", "59000");
        assert_eq!(one.report(&[]), format!("0 0 {entered}  0 1"));
    }
    one.cancel("xd", "d", 1);
    assert_eq!(one.report(&[]), "4 4 xd d 0 0");
    one.limit("f", 1, "1", "59000");
    let text = "the account has placed as many unfilled orders as it may";
    assert_eq!(one.report(&[103, 58]), format!("8 8 f  0 0 3 {text}"));
    // A replace is no new order.
    one.replace("g", "e", 1, "1", "59001");
    assert_eq!(one.report(&[]), "5 0 g e 0 1");
}

fn who_may_no_longer_is_logged_out_and_not_let_in_again() {
    let (venue, address, office) = administered_venue();
    let mut one = FixClient::new(address, "ONE", &venue.one).logged_on();
    let mut two = FixClient::new(address, "TWO", &venue.two).logged_on();
    revoke(&office, &venue.one);
    assert_eq!(one.next().say(&[35, 58]), "5 the key was taken back");
    one.send("5", "");
    assert_eq!(one.try_next(), None);
    assert_eq!(one.log_on("").get(35), "5");
    assert_eq!(one.try_next(), None);
    two.limit("a", 1, "1", "59000");
    assert_eq!(two.report(&[]), "0 0 a  0 1");
}

fn a_session_that_begins_anew_is_told_nothing_while_it_is_away_and_keeps_no_subscription() {
    let (venue, address) = venue(|options| options.sessions[0].reset_on_logon = true);
    let mut one = FixClient::new(address, "ONE", &venue.one).logged_on();
    let mut two = FixClient::new(address, "TWO", &venue.two).logged_on();
    one.limit("a", 1, "2", "59000");
    assert_eq!(one.report(&[]), "0 0 a  0 2");
    one.send("V", "262=book|263=1|264=0|265=1|267=2|269=0|269=1|146=1|55=BTCUSDT|");
    assert_eq!(one.next().say(&[35, 262, 268]), "W book 1");
    one.drop_connection();
    let until = |name: &str, value: f64| {
        let from = Instant::now();
        while (scrape(&venue)[name] - value).abs() > 1e-9 {
            assert!(from.elapsed() < Duration::from_secs(20), "{name} is not {value}");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    until("fix_sessions", 1.0);
    // Two logons, two answers so far; then the other's own.
    let sent = scrape(&venue)["fix_messages_sent_total"];
    two.limit("b", 2, "0.5", "59000");
    assert_eq!(two.report(&[]), "0 0 b  0 0.5");
    assert_eq!(two.report(&[]), "F 2 b  0.5 0");
    until("fix_messages_sent_total", sent + 2.0);
    one.store = MemoryStore::new(Timestamp(0));
    assert_eq!(one.log_on("141=Y|").say(&[35, 34, 141]), "A 1 Y");
    two.limit("c", 2, "1", "60000");
    assert_eq!(two.report(&[]), "0 0 c  0 1");
    one.limit("d", 1, "1", "58000");
    assert_eq!(one.report(&[34]), "0 0 d  0 1 2", "it asks for books anew if it wants them");
}

fn what_happened_while_a_client_was_away_is_sent_when_it_asks() {
    let (venue, address) = venue(|_| {});
    let mut one = FixClient::new(address, "ONE", &venue.one).logged_on();
    let mut two = FixClient::new(address, "TWO", &venue.two).logged_on();
    one.limit("a", 1, "2", "59000");
    assert_eq!(one.report(&[]), "0 0 a  0 2");
    one.drop_connection();
    two.limit("b", 2, "0.5", "59000");
    two.report(&[]);
    two.report(&[]);
    // The numbers say that something is missing: the logon's is higher than the next that was expected.
    let mut answer = one.log_on("");
    for _ in 0..50 {
        if answer.get(35) == "A" {
            break;
        }
        // The venue had not seen yet that the connection is gone.
        std::thread::sleep(Duration::from_millis(20));
        answer = one.log_on("");
    }
    let from = one.store.next_incoming();
    assert!(answer.get(34).parse::<u64>().unwrap() > from, "{answer:?}");
    one.send("2", &format!("7={from}|16=0|"));
    let told = one.next();
    assert_eq!(told.say(&[35, 43, 150, 39, 11, 14, 151]), "8 Y F 1 a 0.5 1.5");
}

fn noise_and_logons_without_end_hurt_nobody_else() {
    let (venue, address) = venue(|options| options.logon_timeout = Duration::from_millis(300));
    let mut one = FixClient::new(address, "ONE", &venue.one).logged_on();
    let mut noise = TcpStream::connect(address).unwrap();
    for _ in 0..64 {
        drop(noise.write_all(&[b'8'; 4_096]));
    }
    let silent = TcpStream::connect(address).unwrap();
    for _ in 0..200 {
        let mut wrong = FixClient::new(address, "TWO", &venue.one).with_password("guess");
        assert_eq!(wrong.log_on("").get(35), "5");
    }
    one.limit("a", 1, "1", "59000");
    assert_eq!(one.report(&[]), "0 0 a  0 1");
    let mut rest = Vec::new();
    silent.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let ended = (&silent).read_to_end(&mut rest);
    assert!(ended.is_ok() && rest.is_empty(), "a silent connection is ended");
    // One that is logged on, and then sends what is no message.
    let mut two = FixClient::new(address, "TWO", &venue.two).logged_on();
    two.raw(&[0xff; 10_000]);
    two.raw(b"8=FIX.4.4\x019=99999999\x01");
    two.limit("b", 2, "0.5", "60000");
    assert_eq!(two.report(&[]), "0 0 b  0 0.5");
}

fn sessions_go_over_tls_and_nothing_else_where_the_venue_has_it() {
    let (place, authority) = (Place::new("fix-tls"), Rc::new(Authority::new()));
    let tls = Tls::load(&files(&place, &authority, None)).unwrap();
    let (venue, address) = secure_venue(tls);
    let trusted = Rc::clone(&authority);
    let mut one = FixClient::new(address, "ONE", &venue.one)
        .over(move |stream| Box::new(over(stream, &trusted, None)))
        .logged_on();
    one.limit("a", 1, "1", "59000");
    assert_eq!(one.report(&[]), "0 0 a  0 1");
    // Many records at once.
    for number in 0..200 {
        one.limit(&format!("m{number}"), 1, "0.01", "58000");
    }
    for number in 0..200 {
        assert_eq!(one.report(&[]), format!("0 0 m{number}  0 0.01"));
    }
    let logon = FixClient::new(address, "TWO", &venue.two).message("A", 1, "", "98=0|108=30|");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&logon).unwrap();
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("35="), "{}", answer.escape_ascii());
    // One that breaks off in the midst of its handshake.
    TcpStream::connect(address).unwrap().write_all(b"\x16\x03\x01\x02\x00\x01").unwrap();
    one.cancel("b", "a", 1);
    assert_eq!(one.report(&[]), "4 4 b a 0 0");
}

fn a_silent_connection_gives_its_session_to_the_next_once_it_counts_as_gone() {
    let shift = Shift::default();
    let (venue, address) = venue_by(&shift);
    let mut one = FixClient::new(address, "ONE", &venue.one).logged_on();
    one.limit("a", 1, "1", "59000");
    assert_eq!(one.report(&[]), "0 0 a  0 1");
    // It is asked whether it is there.
    shift.let_pass(40);
    assert_eq!(one.next().get(35), "1");
    // It is gone without a word: no end comes either.
    let silent = one.abandon();
    one.connect();
    let (name, secret) = (venue.one.api_key().to_owned(), venue.one.secret().to_owned());
    one.send("A", &format!("98=0|108=30|553={name}|554={secret}|"));
    assert_eq!(one.try_next(), None, "one connection at a time");
    shift.let_pass(40);
    let begin = Instant::now();
    loop {
        one.connect();
        one.send("A", &format!("98=0|108=30|553={name}|554={secret}|"));
        if let Some(told) = one.try_next() {
            assert_eq!(told.get(35), "A", "{told:?}");
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "it is not free");
    }
    drop(silent);
}

fn a_venue_that_stops_says_goodbye() {
    let (venue, address) = venue(|_| {});
    let mut one = FixClient::new(address, "ONE", &venue.one).logged_on();
    let mut deaf = FixClient::new(address, "TWO", &venue.two).logged_on();
    one.limit("a", 1, "1", "59000");
    assert_eq!(one.report(&[]), "0 0 a  0 1");
    venue.stop();
    let goodbye = one.next();
    assert_eq!(goodbye.say(&[35, 34, 58]), "5 3 the venue stops");
    one.send("5", "");
    assert_eq!(one.try_next(), None);
    // One that does not answer does not hold it up.
    let from = Instant::now();
    drop(venue);
    assert!(from.elapsed() < Duration::from_secs(8), "{:?}", from.elapsed());
    assert_eq!(deaf.next().get(35), "5");
    assert_eq!(deaf.try_next(), None);
}

/// Who watches an account and does not read is cut off; what it missed is sent again, each report once
/// and in order, as it was told to another who read.
fn a_client_that_does_not_read_is_cut_off_and_gets_what_it_missed() {
    let (venue, address) = venue(|options| {
        options.unsent_bytes_max = 1 << 18;
        let watcher = Identity::new("WATCHER", &options.sessions[0].api_key);
        options.sessions.push(watcher);
    });
    let mut slow = FixClient::new(address, "WATCHER", &venue.one);
    slow.connect_by(narrow(address));
    assert_eq!(slow.ask_to_log_on("").get(35), "A");
    let mut one = FixClient::new(address, "ONE", &venue.one).logged_on();
    let mut told = Vec::new();
    let (from, mut number) = (Instant::now(), 0);
    while scrape(&venue)["fix_slow_consumers_cut_off_total"] < 1.0 {
        assert!(from.elapsed() < Duration::from_secs(40), "it is told on for ever");
        for _ in 0..100 {
            number += 1;
            let time = time_text(now_ms());
            let order = format!("11=n{number}|55=BTCUSDT|54=1|38=0.01|40=2|44=50000|59=3|");
            one.send("D", &format!("{order}60={time}|"));
        }
        told.extend((0..200).map(|_| one.next().say(&[17, 150, 39, 11])));
    }
    let mut missed = BTreeMap::new();
    let answer = slow.log_on("");
    let last: u64 = answer.get(34).parse().unwrap();
    // Those that it read before were two: its logon, and nothing else.
    let first = slow.store.next_incoming();
    assert_eq!(first, 2);
    while slow.store.next_incoming() < last {
        let from = slow.store.next_incoming();
        slow.send("2", &format!("7={from}|16={}|", (from + 249).min(last - 1)));
        while slow.store.next_incoming() < (from + 250).min(last) {
            let report = slow.next();
            assert_eq!(report.say(&[35, 43]), "8 Y", "{report:?}");
            let number: u64 = report.get(34).parse().unwrap();
            let is_new = missed.insert(number, report.say(&[17, 150, 39, 11])).is_none();
            assert!(is_new, "{report:?} came twice");
        }
    }
    let missed: Vec<_> = missed.into_values().collect();
    assert!(missed.len() > 1_000, "{}", missed.len());
    assert!(missed == told, "{} of {}", missed.len(), told.len());
}
