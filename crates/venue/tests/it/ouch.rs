//! OUCH over sockets: the life of orders, numbers, disconnects, restarts, and those who misbehave.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use tiercel_testkit::random::Random;
use tiercel_wire::itch::Text;
use tiercel_wire::ouch::{self, *};

use super::feed_client::now;
use super::ouch_client::{OuchClient, OuchVenue, SECRETS, order, replacement};
use super::place::Place;

#[test]
fn orders_are_taken_filled_replaced_modified_and_cancelled() {
    let place = Place::new("ouch-life");
    let venue = OuchVenue::start(place.path());
    let mut one = OuchClient::log_on(venue.address, 0, 1);
    let mut two = OuchClient::log_on(venue.address, 1, 1);
    assert_eq!((one.next(), two.next()), ("SystemEvent S".into(), "SystemEvent S".into()));
    one.enter(5, OuchSide::Buy, 20, 100_000);
    assert_eq!(one.next(), "OrderAccepted 5 B 20 10.0000 5 n5");
    // Two sides of a trade; the taker's rest has a place in the book.
    two.enter(1, OuchSide::SellShort, 26, 99_900);
    assert_eq!(two.next(), "OrderAccepted 1 S 26 9.9900 5 n1");
    assert_eq!(two.next(), "OrderExecuted 1 20 10.0000 R");
    assert_eq!(one.next(), "OrderExecuted 5 20 10.0000 A");
    assert_eq!(two.next(), "OrderPriorityUpdate 1 9.9900");
    // A replacement goes on under another number; what was filled counts.
    two.send(Inbound::ReplaceOrder(&replacement(1, 2, 28, 101_000)));
    assert_eq!(two.next(), "OrderReplaced 1 2 S 8 10.1000 5 n2");
    let modify = |number: u32, shares: u32| ModifyOrder {
        user_ref_num: number.into(),
        side: OuchSide::Sell.into(),
        quantity: shares.into(),
    };
    two.send(Inbound::ModifyOrder(&modify(2, 7)));
    assert_eq!(two.next(), "OrderModified 2 S 7");
    two.cancel(2, 3);
    assert_eq!(two.next(), "OrderCancelled 2 4 U");
    // No growth in place, no more than there is, nothing of what is gone: nothing is said.
    two.send(Inbound::ModifyOrder(&modify(2, 9)));
    two.cancel(2, 3);
    two.cancel(1, 0);
    two.cancel(2, 0);
    assert_eq!(two.next(), "OrderCancelled 2 3 U");
    // At once or never; at any price.
    let immediate = EnterOrder {
        time_in_force: TimeInForce::Immediate.into(),
        ..order(3, OuchSide::Buy, 4, 100_000)
    };
    two.send(Inbound::EnterOrder(&immediate));
    assert_eq!(two.next(), "OrderAccepted 3 B 4 10.0000 3 n3");
    assert_eq!(two.next(), "OrderCancelled 3 4 I");
    one.enter(6, OuchSide::Sell, 4, 102_000);
    assert_eq!(one.next(), "OrderAccepted 6 S 4 10.2000 5 n6");
    two.enter(4, OuchSide::Buy, 3, MARKET_PRICE);
    assert_eq!(two.next(), "OrderAccepted 4 B 3 214748.3647 3 n4");
    assert_eq!(two.next(), "OrderExecuted 4 3 10.2000 R");
    assert_eq!(one.next(), "OrderExecuted 6 3 10.2000 A");
    venue.stop();
}

#[test]
fn numbers_only_grow_and_refusals_have_reasons() {
    let place = Place::new("ouch-numbers");
    let venue = OuchVenue::start(place.path());
    let mut one = OuchClient::log_on(venue.address, 0, 1);
    assert_eq!(one.next(), "SystemEvent S");
    assert_eq!(one.ask_next(), "AccountQueryResponse 1");
    one.enter(7, OuchSide::Buy, 1, 90_000);
    assert_eq!(one.next(), "OrderAccepted 7 B 1 9.0000 5 n7");
    // The same again, and lower ones, are not heard.
    for stale in [7, 6, 1] {
        one.enter(stale, OuchSide::Buy, 1, 90_000);
    }
    assert_eq!(one.ask_next(), "AccountQueryResponse 8");
    let base = order(8, OuchSide::Buy, 1, 90_000);
    for (wrong, reason) in [
        (EnterOrder { symbol: Text::new(b"NOPE").unwrap(), ..base }, 3),
        (EnterOrder { quantity: 0.into(), ..base }, 7),
        (EnterOrder { price: ouch::Price::new(0), ..base }, 8),
        (EnterOrder { time_in_force: TimeInForce::AfterHours.into(), ..base }, 0x101),
        (EnterOrder { time_in_force: TimeInForce::TillTime.into(), ..base }, 0x101),
        (EnterOrder { cross_type: CrossType::Retail.into(), ..base }, 0x101),
        (EnterOrder { cl_ord_id: Text::new(b"\x01").unwrap(), ..base }, 0x102),
        // What the engine denies has its number: beyond the highest price, and too large.
        (EnterOrder { price: ouch::Price::new(4_294_967_296), ..base }, 0x200),
    ] {
        let number = one.told.messages.len() as u32 + 100;
        let wrong = EnterOrder { user_ref_num: number.into(), ..wrong };
        one.send(Inbound::EnterOrder(&wrong));
        let told = one.next();
        let mut fields = told.split(' ');
        assert_eq!((fields.next(), fields.next()), (Some("Rejected"), Some(&*number.to_string())));
        let found: u16 = fields.next().unwrap().parse().unwrap();
        assert!(found == reason || (reason == 0x200 && found > 0x200), "{told}");
    }
    let number = 900;
    one.send(Inbound::ReplaceOrder(&replacement(99, number, 1, 90_000)));
    assert_eq!(one.next(), "Rejected 900 259 n900");
    // A firm that is another's; one's own.
    let mass = |number: u32, firm: &[u8]| MassCancel {
        user_ref_num: number.into(),
        firm: Text::new(firm).unwrap(),
        symbol: Text::padding(),
    };
    one.send(Inbound::MassCancel(&mass(901, b"TWO")));
    assert_eq!(one.next(), "Rejected 901 19 ");
    one.send(Inbound::MassCancel(&mass(902, b"ONE")));
    assert_eq!(one.next(), "OrderCancelled 7 1 U");
    assert_eq!(one.next(), "MassCancelResponse 902 ONE");
    // No more orders until they are wanted again.
    let off = DisableOrderEntry { user_ref_num: 903.into(), firm: Text::padding() };
    one.send(Inbound::DisableOrderEntry(&off));
    assert_eq!(one.next(), "DisableOrderEntryResponse 903 ");
    one.enter(904, OuchSide::Buy, 1, 90_000);
    assert!(one.next().starts_with("Rejected 904 "));
    let on = EnableOrderEntry { user_ref_num: 905.into(), firm: Text::padding() };
    one.send(Inbound::EnableOrderEntry(&on));
    assert_eq!(one.next(), "EnableOrderEntryResponse 905 ");
    one.enter(906, OuchSide::Buy, 1, 90_000);
    assert_eq!(one.next(), "OrderAccepted 906 B 1 9.0000 5 n906");
    venue.stop();
}

#[test]
fn what_a_session_entered_ends_with_its_connection_if_it_wants() {
    let place = Place::new("ouch-parted");
    let venue = OuchVenue::start(place.path());
    let mut one = OuchClient::log_on(venue.address, 0, 1);
    let mut two = OuchClient::log_on(venue.address, 1, 1);
    for client in [&mut one, &mut two] {
        assert_eq!(client.next(), "SystemEvent S");
        client.enter(1, OuchSide::Buy, 2, 90_000);
        assert_eq!(client.next(), "OrderAccepted 1 B 2 9.0000 5 n1");
    }
    drop((one, two));
    let again = |session| OuchClient::log_on_when_free(venue.address, session, 3);
    assert_eq!(again(1).next(), "OrderCancelled 1 2 D");
    let mut one = again(0);
    one.cancel(1, 0);
    assert_eq!(one.next(), "OrderCancelled 1 2 U");
    venue.stop();
}

#[test]
fn answers_are_there_after_a_restart_and_numbers_go_on() {
    let place = Place::new("ouch-restart");
    let mut before = Vec::new();
    for round in 0..3_u32 {
        let venue = OuchVenue::start(place.path());
        let mut one = OuchClient::log_on(venue.address, 0, 1);
        let told = one.words(before.len());
        assert_eq!(told[..before.len()], before, "round {round}");
        one.read = before.len();
        if round == 0 {
            assert_eq!(one.next(), "SystemEvent S");
        }
        let next = round * 100 + 1;
        assert_eq!(
            one.ask_next(),
            format!("AccountQueryResponse {}", next.saturating_sub(50).max(1))
        );
        for number in next..next + 50 {
            one.enter(number, OuchSide::Buy, 1, 90_000 + u64::from(number));
            assert!(one.next().starts_with(&format!("OrderAccepted {number} ")));
        }
        // An order of before is known by its number.
        if round > 0 {
            one.cancel(1 + (round - 1) * 100, 0);
            assert_eq!(one.next(), format!("OrderCancelled {} 1 U", 1 + (round - 1) * 100));
        }
        before = one.words(0);
        venue.stop();
        one.until(|client| client.is_closed);
    }
}

#[test]
fn only_who_knows_the_password_logs_on_and_noise_hurts_nobody_else() {
    let place = Place::new("ouch-noise");
    let venue = OuchVenue::start(place.path());
    for (user, password) in
        [("ONE", "guess"), ("ONE", ""), ("NOBODY", SECRETS[0]), ("ONE", SECRETS[1])]
    {
        let mut wrong = OuchClient::begin(venue.address, user, password, 1);
        wrong.until(|client| client.is_closed);
        assert_eq!(wrong.told.rejected, Some(b'A'), "{user} {password}");
    }
    let mut one = OuchClient::log_on(venue.address, 0, 1);
    assert_eq!(one.next(), "SystemEvent S");
    let mut again = OuchClient::begin(venue.address, "ONE", SECRETS[0], 1);
    again.until(|client| client.is_closed);
    assert_eq!(again.told.rejected, Some(b'S'));
    let mut random = Random::new(5);
    let mut noise =
        |size: usize| -> Vec<u8> { (0..size).map(|_| random.below(256) as u8).collect() };
    let mut streams = Vec::new();
    for size in [0, 1, 2, 3, 49, 70, 5_000] {
        let mut stream = TcpStream::connect(venue.address).unwrap();
        drop(stream.write_all(&noise(size)));
        streams.push(stream);
    }
    for _ in 0..40 {
        streams.extend(TcpStream::connect(venue.address).ok());
    }
    // Messages that are none, from one who is logged on; then ten thousand orders at once.
    let mut two = OuchClient::log_on_when_there_is_room(venue.address, &mut streams);
    for size in 0..80 {
        assert!(two.client.send(now(), &noise(size)));
    }
    for number in 0..10_000 {
        let mut bytes = [0; 64];
        let order = order(1_000_000_000 + number, OuchSide::Buy, 1, 80_000);
        let size = Inbound::EnterOrder(&order).encode(&[], &mut bytes).unwrap();
        assert!(two.client.send(now(), &bytes[..size]));
    }
    two.turn();
    // While the flood fills the venue's ring, a request may be told that the venue is busy: it is tried
    // again under the next number.
    let (mut taken, mut number) = (0, 0);
    while taken < 20 {
        number += 1;
        assert!(number < 20_000, "the flood does not end");
        one.enter(number, OuchSide::Sell, 1, 110_000);
        let told = one.next();
        if told.starts_with(&format!("OrderAccepted {number} ")) {
            taken += 1;
        } else {
            assert!(told.starts_with(&format!("Rejected {number} 261")), "{told}");
        }
        two.turn();
    }
    drop((two, streams));
    venue.stop();
}

impl OuchClient {
    /// The second session, once some of the connections that fill the place are gone.
    fn log_on_when_there_is_room(address: SocketAddr, streams: &mut Vec<TcpStream>) -> Self {
        streams.clear();
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            let mut client = Self::begin(address, "TWO", SECRETS[1], 1);
            while !client.told.is_on && !client.is_closed {
                assert!(Instant::now() < end);
                client.turn();
            }
            if client.told.is_on {
                return client;
            }
        }
    }
}
