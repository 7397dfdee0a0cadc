//! The feed over sockets: lossy datagrams, replays, late joiners, restarts, and those who misbehave.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use tiercel_net::Datagrams;
use tiercel_testkit::random::Random;
use tiercel_venue::feed::FeedOptions;

use super::feed_client::{FeedVenue, MoldClient, SoupClient, books, free, login};
use super::place::Place;

/// The messages of the newest session, as its file has them.
fn told(folder: &Path) -> Vec<u8> {
    let files = fs::read_dir(folder.join("itch")).unwrap().map(|entry| entry.unwrap().path());
    let newest = files.filter(|path| path.extension().is_some_and(|end| end == "itch")).max();
    fs::read(newest.unwrap()).unwrap()
}

fn with_datagrams(target: SocketAddr) -> FeedOptions {
    FeedOptions { targets: vec![target], requests: Some(free()), ..FeedOptions::default() }
}

#[test]
fn lost_and_late_datagrams_are_asked_for_until_all_is_there() {
    let place = Place::new("feed-mold");
    let data = Datagrams::bind(free(), 4 << 20).unwrap();
    let options = FeedOptions { mtu: 300, ..with_datagrams(data.local_addr().unwrap()) };
    let mut venue = FeedVenue::start(place.path(), options);
    let mut client = MoldClient::new(data, venue.addresses.requests.unwrap(), 50, 3);
    for _ in 0..150 {
        venue.trade(10);
        client.turn();
    }
    let snapshot = SoupClient::snapshot(venue.addresses.soup);
    let next = snapshot.goes_on.unwrap();
    client.until(next);
    venue.stop();
    let told = told(place.path());
    assert!(next > 1_000 && client.lost > 20 && client.asked > 20, "{next} {}", client.lost);
    assert!(client.heard.bytes == told);
    // The whole day and the snapshot are the same books, in every queue.
    let (day, late) = (books(&[&told]), books(&[&snapshot.bytes]));
    assert!(day.live_orders() > 20);
    assert_eq!(day.digest(), late.digest());
}

#[test]
fn several_receivers_of_a_group_hear_the_same() {
    let place = Place::new("feed-group");
    let port = Datagrams::bind(free(), 1 << 16).unwrap().local_addr().unwrap().port();
    let (group, loopback) = (Ipv4Addr::new(239, 255, 21, 1), Ipv4Addr::LOCALHOST);
    let join = || {
        let socket = Datagrams::bind((group, port).into(), 4 << 20).unwrap();
        socket.join(group, loopback).unwrap();
        socket
    };
    let sockets = [join(), join()];
    let mut venue = FeedVenue::start(place.path(), with_datagrams((group, port).into()));
    let requests = venue.addresses.requests.unwrap();
    let mut seed = 0;
    let mut clients = sockets.map(|socket| {
        seed += 1;
        MoldClient::new(socket, requests, 10, seed)
    });
    venue.trade(300);
    let next = SoupClient::snapshot(venue.addresses.soup).goes_on.unwrap();
    for client in &mut clients {
        client.until(next);
    }
    venue.stop();
    let told = told(place.path());
    assert!(clients.iter().all(|client| client.heard.bytes == told));
}

#[test]
fn a_session_is_replayed_from_any_message_and_goes_on() {
    let place = Place::new("feed-soup");
    let mut venue = FeedVenue::start(place.path(), FeedOptions::default());
    let mut first = SoupClient::connect(venue.addresses.soup, 1);
    venue.trade(400);
    let next = SoupClient::snapshot(venue.addresses.soup).goes_on.unwrap();
    first.until(|client| client.next() >= next);
    let mut from_the_middle = SoupClient::connect(venue.addresses.soup, next / 2);
    let mut from_now = SoupClient::connect(venue.addresses.soup, 0);
    from_now.until(|client| client.heard.session.is_some());
    venue.trade(200);
    let next = SoupClient::snapshot(venue.addresses.soup).goes_on.unwrap();
    for client in [&mut first, &mut from_the_middle, &mut from_now] {
        client.until(|client| client.next() >= next);
    }
    let mut unknown = SoupClient::raw(venue.addresses.soup, &login("2001010101", 1));
    unknown.until(|client| client.is_closed);
    assert_eq!(unknown.heard.rejected, Some(b'S'));
    venue.stop();
    first.until(|client| client.is_closed);
    let told = told(place.path());
    assert!(first.heard.bytes == told && first.heard.first == 1);
    for client in [&from_the_middle, &from_now] {
        assert!(client.heard.first > 100 && told.ends_with(&client.heard.bytes));
        assert_eq!(client.heard.first + client.heard.messages, next);
    }
}

#[test]
fn a_late_joiner_begins_with_a_snapshot() {
    let place = Place::new("feed-late");
    let mut venue = FeedVenue::start(place.path(), FeedOptions::default());
    venue.trade(500);
    let snapshot = SoupClient::snapshot(venue.addresses.soup);
    let next = snapshot.goes_on.unwrap();
    venue.trade(300);
    let mut client = SoupClient::connect(venue.addresses.soup, next);
    let later = SoupClient::snapshot(venue.addresses.soup);
    let end = later.goes_on.unwrap();
    client.until(|client| client.next() >= end);
    assert_eq!(snapshot.session, client.heard.session);
    assert!(snapshot.messages < next / 2 && end > next + 300);
    let joined = books(&[&snapshot.bytes, &client.heard.bytes]);
    let later = books(&[&later.bytes]);
    venue.stop();
    let day = books(&[&told(place.path())]);
    assert!(day.live_orders() > 20);
    assert_eq!(joined.digest(), day.digest());
    assert_eq!(later.digest(), day.digest());
}

#[test]
fn clients_go_on_through_a_restart() {
    let place = Place::new("feed-restart");
    let data = Datagrams::bind(free(), 4 << 20).unwrap();
    let target = data.local_addr().unwrap();
    let mut venue = FeedVenue::start(place.path(), with_datagrams(target));
    let mut mold = MoldClient::new(data, venue.addresses.requests.unwrap(), 20, 9);
    let mut soup = SoupClient::connect(venue.addresses.soup, 1);
    soup.until(|client| client.heard.session.is_some());
    let (mut bytes, mut next) = (Vec::new(), 0);
    for round in 0..3 {
        venue.trade(100);
        mold.turn();
        if round == 2 {
            next = SoupClient::snapshot(venue.addresses.soup).goes_on.unwrap();
            break;
        }
        venue.stop();
        soup.until(|client| client.is_closed);
        bytes.append(&mut soup.heard.bytes);
        let session = soup.heard.session;
        venue = FeedVenue::start(place.path(), with_datagrams(target));
        mold.ask_at(venue.addresses.requests.unwrap());
        soup = soup.again(venue.addresses.soup);
        soup.until(|client| client.heard.session.is_some());
        assert_eq!(soup.heard.session, session);
    }
    soup.until(|client| client.next() >= next);
    mold.until(next);
    venue.stop();
    bytes.append(&mut soup.heard.bytes);
    let told = told(place.path());
    assert!(bytes == told && mold.heard.bytes == told);
}

#[test]
fn who_sends_noise_floods_or_does_not_read_hurts_nobody_else() {
    let place = Place::new("feed-noise");
    let options = FeedOptions {
        requests: Some(free()),
        connections_max: 24,
        send_timeout: Duration::from_millis(300),
        ..FeedOptions::default()
    };
    let mut venue = FeedVenue::start(place.path(), options);
    let address = venue.addresses.soup;
    let mut good = SoupClient::connect(address, 1);
    good.until(|client| client.heard.session.is_some());
    let mut random = Random::new(77);
    let mut noise =
        |size: usize| -> Vec<u8> { (0..size).map(|_| random.below(256) as u8).collect() };
    // Datagrams that are no requests, and requests for what is not there.
    let mut stranger = Datagrams::bind(free(), 1 << 20).unwrap();
    let requests = venue.addresses.requests.unwrap();
    for size in 0..200 {
        stranger.send(&noise(size % 40), requests);
    }
    for _ in 0..2_000 {
        stranger.send(&noise(20), requests);
    }
    let mut streams = Vec::new();
    for size in [0, 1, 2, 3, 48, 49, 200, 5_000] {
        let mut stream = TcpStream::connect(address).unwrap();
        drop(stream.write_all(&noise(size)));
        streams.push(stream);
    }
    // A login in pieces is one; behind one comes noise; a login without an end is none.
    let packet = login("", 1);
    let mut pieces = TcpStream::connect(address).unwrap();
    for byte in &packet {
        pieces.write_all(&[*byte]).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut first = [0; 3];
    pieces.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    pieces.read_exact(&mut first).unwrap();
    assert_eq!(first, [0, 31, b'A']);
    let mut behind = TcpStream::connect(address).unwrap();
    behind.write_all(&packet).unwrap();
    drop(behind.write_all(&noise(1_000)));
    // One that asks for everything again and again, and reads nothing of it.
    let mut greedy: Vec<TcpStream> = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(&packet).unwrap();
        greedy.push(stream);
    }
    // More connections than there may be.
    for _ in 0..40 {
        streams.extend(TcpStream::connect(address).ok());
    }
    venue.trade(600);
    drop(streams);
    std::thread::sleep(Duration::from_millis(50));
    let next = SoupClient::snapshot(address).goes_on.unwrap();
    good.until(|client| client.next() >= next);
    drop((greedy, behind, pieces));
    venue.stop();
    assert!(good.heard.bytes == told(place.path()));
}
