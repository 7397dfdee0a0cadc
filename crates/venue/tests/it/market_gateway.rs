//! Market data over sockets: early and late readers, new instruments, restarts, and those who misbehave.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tiercel_testkit::random::Random;
use tiercel_types::command::{AddInstrument, SetInstrumentState};
use tiercel_types::market::Level;
use tiercel_types::{InstrumentId, InstrumentSpec, InstrumentState, Price, Qty, Side};
use tiercel_venue::market::MarketOptions;
use tiercel_venue::models::Models;
use tiercel_wire::market::{Body, Heartbeat, Kind, RECORD_SIZE, Refusal, Refused, record};

use super::feed_client::FeedVenue;
use super::market_client::{Levels, MarketClient, subscribe};
use super::place::{BASE, MARKET, Place, QUOTE, call_for_auction, limit};

type MarketVenue = FeedVenue<std::net::SocketAddr>;

fn book(models: &Models, instrument: InstrumentId) -> (u64, Levels) {
    let book = models.book(instrument).unwrap();
    let level = |(price, qty)| Level { price, qty };
    (book.update_id(), [book.bids().map(level).collect(), book.asks().map(level).collect()])
}

/// Trades, and keeps the book after each command.
fn trade(venue: &mut MarketVenue, count: u32, books: &mut BTreeMap<u64, Levels>) -> u64 {
    for number in 0..count {
        match number % 16 {
            7 => venue.ask(limit(1, Side::Buy, 1_015, 9, "").into()),
            15 => venue.ask(limit(2, Side::Sell, 985, 9, "").into()),
            _ => venue.trade(1),
        }
        let (update_id, levels) = book(&venue.models, MARKET);
        books.insert(update_id, levels);
    }
    *books.last_key_value().unwrap().0
}

/// Whether each book that a client saw was the venue's.
fn agree(client: &MarketClient, books: &BTreeMap<u64, Levels>) {
    assert!(client.seen.len() > 10, "{} books", client.seen.len());
    for (update_id, levels) in &client.seen {
        assert_eq!(Some(levels), books.get(update_id), "after update {update_id}");
    }
}

fn second() -> AddInstrument {
    let (tick, lot) = (Price::from_units(100), Qty::from_units(1_000));
    let mut spec = InstrumentSpec::new(InstrumentId(2), BASE, QUOTE, tick, lot);
    spec.symbol = "ETHUSDT".parse().unwrap();
    AddInstrument { spec }
}

#[test]
fn readers_that_come_early_and_late_see_the_venues_books() {
    let place = Place::new("market-readers");
    let mut venue = MarketVenue::with_market(place.path(), MarketOptions::default());
    let mut books = BTreeMap::from([book(&venue.models, MARKET)]);
    let mut early = MarketClient::connect(venue.addresses, "");
    trade(&mut venue, 300, &mut books);
    let mut late = MarketClient::connect(venue.addresses, "BTCUSDT");
    let mut numbered = subscribe("");
    numbered[4] = 1;
    let mut by_number = MarketClient::raw(venue.addresses, &numbered);
    trade(&mut venue, 100, &mut books);
    // One that comes while everybody listens.
    venue.ask(second().into());
    let mut order = limit(1, Side::Buy, 900, 7, "other");
    order.instrument = InstrumentId(2);
    venue.ask(order.into());
    let last = trade(&mut venue, 100, &mut books);
    for client in [&mut early, &mut late, &mut by_number] {
        client.until_update(last);
        agree(client, &books);
        assert_eq!(client.heard.names[&MARKET].as_str(), "BTCUSDT");
    }
    assert!(early.seen.len() > 250, "{} books", early.seen.len());
    early.until(|client| {
        client.heard.books.get(&InstrumentId(2)).is_some_and(|it| it.update_id > 0)
    });
    let (update_id, levels) = book(&venue.models, InstrumentId(2));
    let other = &early.heard.books[&InstrumentId(2)];
    assert_eq!((other.update_id, other.levels()), (update_id, levels));
    assert_eq!(early.heard.names[&InstrumentId(2)].as_str(), "ETHUSDT");
    assert!(!late.heard.books.contains_key(&InstrumentId(2)));
    let trades = venue.models.trades().of(MARKET).count() as u64;
    assert_eq!(early.heard.count(Kind::Trade), trades);
    assert!(trades > 5, "{trades}");
    venue.stop();
    early.until(|client| client.is_closed);
}

#[test]
fn states_and_heartbeats_are_told() {
    let place = Place::new("market-states");
    let heartbeat = Duration::from_millis(20);
    let options = MarketOptions { heartbeat, ..MarketOptions::default() };
    let mut venue = MarketVenue::with_market(place.path(), options);
    let mut client = MarketClient::connect(venue.addresses, "");
    client.until(|client| client.heard.count(Kind::Heartbeat) > 3);
    assert_eq!((client.heard.count(Kind::Status), client.heard.told.len()), (1, 0));
    venue.ask(call_for_auction().into());
    venue.ask(limit(1, Side::Sell, 1_000, 10, "").into());
    venue.ask(limit(2, Side::Buy, 1_000, 7, "").into());
    let state = InstrumentState::Open;
    venue.ask(SetInstrumentState { instrument: MARKET, state, reserved: [0; 3] }.into());
    let is_open = |body: &Body| matches!(body, Body::Status(it) if it.state == state);
    client.until(|client| client.heard.told.iter().any(|(_, body)| is_open(body)));
    let kinds: Vec<Kind> = client.heard.told.iter().map(|(_, body)| body.kind()).collect();
    assert_eq!(kinds.first(), Some(&Kind::Status));
    assert!(kinds.contains(&Kind::Indication) && kinds.contains(&Kind::Trade), "{kinds:?}");
    let (update_id, levels) = book(&venue.models, MARKET);
    client.until_update(update_id);
    assert_eq!(client.seen[&update_id], levels);
    venue.stop();
}

#[test]
fn readers_go_on_through_a_restart_with_a_snapshot() {
    let place = Place::new("market-restart");
    let mut books = BTreeMap::new();
    for round in 0..3 {
        let mut venue = MarketVenue::with_market(place.path(), MarketOptions::default());
        let (begins_at, levels) = book(&venue.models, MARKET);
        let mut client = MarketClient::connect(venue.addresses, "");
        client.until_update(begins_at);
        if round > 0 {
            // What was, is.
            assert_eq!(books.last_key_value(), Some((&begins_at, &levels)));
        }
        books.insert(begins_at, levels);
        let last = trade(&mut venue, 60, &mut books);
        client.until_update(last);
        agree(&client, &books);
        venue.stop();
        client.until(|client| client.is_closed);
    }
}

/// What a client is refused that sends this.
fn refusal(venue: &MarketVenue, bytes: &[u8], closes: bool) -> Refused {
    let mut client = MarketClient::raw(venue.addresses, bytes);
    client.until(|client| !client.heard.refused.is_empty() && client.is_closed == closes);
    client.heard.refused[0]
}

#[test]
fn what_is_not_understood_is_refused_and_says_why() {
    let place = Place::new("market-refused");
    let mut venue = MarketVenue::with_market(place.path(), MarketOptions::default());
    let good = subscribe("BTCUSDT");
    let changed = |at: usize, byte: u8| {
        let mut record = good;
        record[at] = byte;
        record
    };
    let reasons = |refused: Refused| (refused.reason, refused.record_kind, refused.field);
    let refused = |bytes: &[u8]| reasons(refusal(&venue, bytes, true));
    assert_eq!(refused(&changed(16, b'X')), (Refusal::Version, 1, 0));
    assert_eq!(refused(&changed(40, 2)), (Refusal::Version, 1, 0));
    assert_eq!(refused(&changed(63, 2)), (Refusal::Malformed, 1, 42));
    assert_eq!(refused(&[0xEE; RECORD_SIZE]), (Refusal::Malformed, 0xEE, 0));
    assert_eq!(refused(&changed(0, Kind::Depth as u8)).0, Refusal::Malformed);
    let beat = Heartbeat { time: tiercel_types::Timestamp(1), reserved: [0; 48 - 8] };
    let beat = record(InstrumentId(0), 1, 0, &beat);
    let interrupted = [&beat[..], &{
        let mut record = beat;
        (record[0], record[24]) = (Kind::Interrupted as u8, 1);
        record
    }]
    .concat();
    assert_eq!(refused(&interrupted), (Refusal::Misplaced, 4, 0));
    // Who asks for what is not there may ask for something else, and may send it in pieces.
    let mut client = MarketClient::connect(venue.addresses, "NOWHERE");
    let mut by_number = subscribe("");
    by_number[4] = 77;
    client.send(&by_number);
    client.until(|client| client.heard.refused.len() == 2);
    for refused in &client.heard.refused {
        assert_eq!(reasons(*refused), (Refusal::UnknownInstrument, 1, 0));
    }
    for byte in beat.iter().chain(&good) {
        client.send(&[*byte]);
    }
    client.until(|client| client.heard.snapshots == 1);
    // Who asks again is told again, and goes on.
    client.send(&good);
    client.until(|client| client.heard.snapshots == 2);
    let last = trade(&mut venue, 20, &mut BTreeMap::new());
    client.until_update(last);
    venue.stop();
}

#[test]
fn who_sends_noise_or_does_not_read_hurts_nobody_else() {
    let place = Place::new("market-noise");
    let options = MarketOptions {
        connections_max: 24,
        send_timeout: Duration::from_millis(300),
        output_bytes: 4_096,
        waiting_bytes_max: 65_536,
        ..MarketOptions::default()
    };
    let mut venue = MarketVenue::with_market(place.path(), options);
    let mut books = BTreeMap::from([book(&venue.models, MARKET)]);
    let mut good = MarketClient::connect(venue.addresses, "");
    trade(&mut venue, 100, &mut books);
    good.until(|client| !client.heard.books.is_empty());
    let mut random = Random::new(77);
    let mut noise =
        |size: usize| -> Vec<u8> { (0..size).map(|_| random.below(256) as u8).collect() };
    let mut streams = Vec::new();
    for size in [0, 1, 2, 63, 64, 65, 200, 5_000] {
        let mut stream = TcpStream::connect(venue.addresses).unwrap();
        drop(stream.write_all(&noise(size)));
        streams.push(stream);
    }
    // One that asks again and again, and reads nothing of it, until it is cut off.
    let mut greedy = TcpStream::connect(venue.addresses).unwrap();
    greedy.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let asks = subscribe("").repeat(64);
    let end = Instant::now() + Duration::from_secs(20);
    while greedy.write_all(&asks).is_ok() {
        assert!(Instant::now() < end, "it is never cut off");
    }
    // More connections than there may be.
    for _ in 0..40 {
        streams.extend(TcpStream::connect(venue.addresses).ok());
    }
    let last = trade(&mut venue, 200, &mut books);
    good.until_update(last);
    agree(&good, &books);
    drop(streams);
    venue.stop();
}
