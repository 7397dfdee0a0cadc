//! OUCH as a gateway of the venue: its accounts' limits, what is counted, TLS, connections that are half
//! open; and what other interfaces do to its orders.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tiercel_types::command::{BustTrade, CorrectTrade, NewOrder, SetInstrumentState};
use tiercel_types::{
    AccountId, InstrumentId, InstrumentState, Price, Qty, SelfTradePrevention, Side, TradeId,
};
use tiercel_venue::binance::rate_limit::RateLimits;
use tiercel_venue::open_orders::{OpenOrderLimits, OpenOrderRules};
use tiercel_venue::serve::{Shares, Tls};
use tiercel_wire::itch::Text;
use tiercel_wire::ouch::{AccountQuery, Inbound, MassCancel, OuchSide};
use tiercel_wire::soup::{self, Client, Kind};

use super::feed_client::now;
use super::ouch_client::{OuchClient, OuchVenue, SECRETS, replacement};
use super::place::{Place, no_shares, shares};
use super::slow::narrow;
use super::tls::{Authority, files, over};

#[test]
fn orders_beyond_an_accounts_limits_are_rejected_and_everything_is_counted() {
    let place = Place::new("ouch-limits");
    let limits = OpenOrderLimits { orders: Some(2), ..OpenOrderLimits::default() };
    let venue = OuchVenue::with(place.path(), |keys| {
        let rates = RateLimits { orders_10s: 1_000, orders_1d: 4, ..RateLimits::default() };
        let open_orders = OpenOrderRules::from([("BTCUSDT".parse().unwrap(), limits)]);
        Shares { open_orders, ..shares(keys, rates) }
    });
    let mut wrong = OuchClient::begin(venue.address, "ONE", "guess", 1);
    wrong.until(|client| client.is_closed);
    let mut one = OuchClient::log_on(venue.address, 0, 1);
    assert_eq!(one.next(), "SystemEvent S");
    let mut enter = |number: u32| {
        one.enter(number, OuchSide::Buy, 1, 90_000);
        one.next()
    };
    assert_eq!(enter(1), "OrderAccepted 1 B 1 9.0000 5 n1");
    assert_eq!(enter(2), "OrderAccepted 2 B 1 9.0000 5 n2");
    assert_eq!(enter(3), "Rejected 3 262 n3", "two are open");
    one.cancel(1, 0);
    assert_eq!(one.next(), "OrderCancelled 1 1 U");
    one.enter(4, OuchSide::Buy, 1, 90_000);
    assert_eq!(one.next(), "OrderAccepted 4 B 1 9.0000 5 n4");
    // Another order of the account does not count against another's.
    let mut two = OuchClient::log_on(venue.address, 1, 1);
    assert_eq!(two.next(), "SystemEvent S");
    for number in 1..=2 {
        two.enter(number, OuchSide::Buy, 1, 90_000);
        assert_eq!(two.next(), format!("OrderAccepted {number} B 1 9.0000 5 n{number}"));
    }
    for (cancelled, entered, told) in
        [(2, 5, "OrderAccepted 5 B 1 9.0000 5 n5"), (4, 6, "Rejected 6 263 n6")]
    {
        one.cancel(cancelled, 0);
        assert_eq!(one.next(), format!("OrderCancelled {cancelled} 1 U"));
        one.enter(entered, OuchSide::Buy, 1, 90_000);
        assert_eq!(one.next(), told);
    }
    // A replacement is no new order.
    one.send(Inbound::ReplaceOrder(&replacement(5, 7, 1, 91_000)));
    assert_eq!(one.next(), "OrderReplaced 5 7 B 1 9.1000 5 n7");
    venue.until_metrics(&[
        "ouch_sessions 2",
        "ouch_requests_total 12",
        "ouch_requests_refused_total 2",
        "ouch_requests_busy_total 0",
        "ouch_answers_total 10",
        "ouch_logins_refused_total 1",
        "ouch_slow_consumers_cut_off_total 0",
        "connections{door=\"ouch\"} 2",
    ]);
    venue.stop();
}

#[test]
fn orders_go_over_tls_and_who_speaks_none_is_turned_away() {
    let (place, authority) = (Place::new("ouch-tls"), Authority::new());
    let tls = Tls::load(&files(&place, &authority, None)).unwrap();
    let venue = OuchVenue::with(place.path(), |keys| Shares { tls: Some(tls), ..no_shares(keys) });
    let mut plain = OuchClient::begin(venue.address, "ONE", SECRETS[0], 1);
    plain.until(|client| client.is_closed);
    let begin = |password: &str| {
        let wrap = |stream| Box::new(over(stream, &authority, None)) as _;
        OuchClient::over(venue.address, ("ONE", password), 1, wrap)
    };
    let mut wrong = begin("guess");
    wrong.until(|client| client.is_closed);
    assert_eq!(wrong.told.rejected, Some(b'A'));
    let mut one = begin(SECRETS[0]);
    assert_eq!(one.next(), "SystemEvent S");
    // More than a record holds.
    for number in 1..=400 {
        one.enter(number, OuchSide::Buy, 1, 90_000);
    }
    for number in 1..=400 {
        assert_eq!(one.next(), format!("OrderAccepted {number} B 1 9.0000 5 n{number}"));
    }
    venue.stop();
    one.until(|client| client.is_closed);
}

#[test]
fn a_silent_connection_gives_its_session_to_the_next_once_it_counts_as_gone() {
    let place = Place::new("ouch-half-open");
    let venue = OuchVenue::start(place.path());
    let mut first = OuchClient::log_on(venue.address, 1, 1);
    assert_eq!(first.next(), "SystemEvent S");
    first.enter(1, OuchSide::Buy, 2, 90_000);
    assert_eq!(first.next(), "OrderAccepted 1 B 2 9.0000 5 n1");
    // Its machine is gone without a word: nothing comes, and no end either.
    let mut second = OuchClient::begin(venue.address, "TWO", SECRETS[1], 3);
    second.until(|client| client.is_closed);
    assert_eq!(second.told.rejected, Some(b'S'));
    venue.let_pass(16);
    let mut second = OuchClient::log_on_when_free(venue.address, 1, 3);
    assert_eq!(second.next(), "OrderCancelled 1 2 D", "as it asked for");
    second.enter(2, OuchSide::Buy, 2, 90_000);
    assert_eq!(second.next(), "OrderAccepted 2 B 2 9.0000 5 n2");
    first.until(|client| client.is_closed);
    venue.stop();
}

#[test]
fn trades_that_are_undone_and_what_self_trade_prevention_takes_are_told() {
    let place = Place::new("ouch-undone");
    let venue = OuchVenue::start(place.path());
    let mut one = OuchClient::log_on(venue.address, 0, 1);
    let mut two = OuchClient::log_on(venue.address, 1, 1);
    assert_eq!((one.next(), two.next()), ("SystemEvent S".into(), "SystemEvent S".into()));
    one.enter(1, OuchSide::Buy, 20, 100_000);
    assert_eq!(one.next(), "OrderAccepted 1 B 20 10.0000 5 n1");
    for (number, shares) in [(1, 3), (2, 4)] {
        two.enter(number, OuchSide::Sell, shares, 100_000);
        assert_eq!(two.next(), format!("OrderAccepted {number} S {shares} 10.0000 5 n{number}"));
        assert_eq!(two.next(), format!("OrderExecuted {number} {shares} 10.0000 R"));
        assert_eq!(one.next(), format!("OrderExecuted 1 {shares} 10.0000 A"));
    }
    // A correction has no message of its own; a bust is told to both.
    let market = InstrumentId(1);
    let price = Price::from_units(99_000 * 10_000);
    let (instrument, qty) = (market, Qty::from_units(3 * 1_000));
    venue.operate(CorrectTrade { trade_id: TradeId(1), price, qty, instrument, reserved: 0 });
    venue.operate(BustTrade { trade_id: TradeId(2), instrument, reserved: 0 });
    assert_eq!(one.next(), "BrokenTrade 1 S n1");
    assert_eq!(two.next(), "BrokenTrade 2 S n2");
    // Another interface's order of the same account: both lose what they would have traded.
    let other = NewOrder {
        self_trade_prevention: SelfTradePrevention::Decrement,
        ..NewOrder::limit(
            market,
            AccountId(1),
            Side::Sell,
            Price::from_units(100_000 * 10_000),
            Qty::from_units(5 * 1_000),
        )
    };
    venue.operate(other);
    assert_eq!(one.next(), "AiqCancelled 1 5 Q 5 10.0000 A D");
    // Its own: what rests goes, as on every other interface.
    one.enter(2, OuchSide::Sell, 1, 100_000);
    assert_eq!(one.next(), "OrderAccepted 2 S 1 10.0000 5 n2");
    assert_eq!(one.next(), "OrderCancelled 1 8 Q");
    let mass =
        MassCancel { user_ref_num: 3.into(), firm: Text::padding(), symbol: Text::padding() };
    assert_eq!(one.next(), "OrderPriorityUpdate 2 10.0000");
    one.send(Inbound::MassCancel(&mass));
    assert_eq!(one.next(), "OrderCancelled 2 1 U");
    assert_eq!(one.next(), "MassCancelResponse 3 ");
    venue.stop();
}

#[test]
fn who_may_no_longer_is_cut_off_and_not_let_in_again() {
    let place = Place::new("ouch-revoked");
    let mut keys = None;
    let venue = OuchVenue::with(place.path(), |known| {
        keys = Some(known.clone());
        no_shares(known)
    });
    let mut one = OuchClient::log_on(venue.address, 0, 1);
    let mut two = OuchClient::log_on(venue.address, 1, 1);
    assert_eq!((one.next(), two.next()), ("SystemEvent S".into(), "SystemEvent S".into()));
    assert!(keys.unwrap().revoke("ONE").unwrap());
    one.until(|client| client.is_closed);
    let mut again = OuchClient::begin(venue.address, "ONE", SECRETS[0], 1);
    again.until(|client| client.is_closed);
    assert_eq!((again.told.rejected, again.told.is_on), (Some(b'A'), false));
    two.enter(1, OuchSide::Buy, 2, 90_000);
    assert_eq!(two.next(), "OrderAccepted 1 B 2 9.0000 5 n1");
    venue.stop();
}

#[test]
fn a_connection_that_does_not_log_on_is_ended() {
    let place = Place::new("ouch-fresh");
    let venue = OuchVenue::start(place.path());
    let mut silent = TcpStream::connect(venue.address).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    venue.until_metrics(&["connections{door=\"ouch\"} 1"]);
    venue.let_pass(11);
    let mut answer = Vec::new();
    assert_eq!(silent.read_to_end(&mut answer).unwrap(), 0, "{answer:?}");
    venue.until_metrics(&["connections{door=\"ouch\"} 0"]);
    venue.stop();
}

#[test]
fn a_client_that_does_not_read_is_cut_off_and_gets_what_it_missed() {
    let place = Place::new("ouch-slow");
    let venue = OuchVenue::served(place.path(), no_shares, |options| {
        options.send_timeout = Duration::from_millis(200);
    });
    let mut two = OuchClient::log_on(venue.address, 1, 1);
    assert_eq!(two.next(), "SystemEvent S");
    let mut slow = narrow(venue.address);
    slow.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut client = Client::new(b"ONE", SECRETS[0].as_bytes(), 1);
    client.connected(now());
    slow.write_all(client.output()).unwrap();
    // It asks, and asks; what it is answered is more than sockets hold.
    let mut message = [0; 64];
    let size = Inbound::AccountQuery(&AccountQuery {}).encode(&[], &mut message).unwrap();
    let mut questions = Vec::new();
    for _ in 0..500 {
        soup::put(&mut questions, Kind::Unsequenced, &message[..size]);
    }
    let from = Instant::now();
    while slow.write_all(&questions).is_ok() {
        assert!(from.elapsed() < Duration::from_secs(20), "it is told on for ever");
        std::thread::sleep(Duration::from_millis(1));
    }
    two.enter(1, OuchSide::Buy, 2, 90_000);
    assert_eq!(two.next(), "OrderAccepted 1 B 2 9.0000 5 n1");
    venue.until_metrics(&["ouch_sessions 1", "ouch_slow_consumers_cut_off_total 1"]);
    let mut one = OuchClient::log_on_when_free(venue.address, 0, 1);
    assert_eq!(one.next(), "SystemEvent S");
    // All that it was answered is there, from the first message on.
    let told = one.words(5_000);
    assert!(told[1..].iter().all(|told| told.starts_with("AccountQueryResponse ")), "{told:?}");
    venue.stop();
}

#[test]
fn a_replacement_goes_to_the_end_of_its_queue() {
    let place = Place::new("ouch-queue");
    let venue = OuchVenue::start(place.path());
    let mut one = OuchClient::log_on(venue.address, 0, 1);
    let mut two = OuchClient::log_on(venue.address, 1, 1);
    for client in [&mut one, &mut two] {
        assert_eq!(client.next(), "SystemEvent S");
        client.enter(1, OuchSide::Buy, 5, 100_000);
        assert_eq!(client.next(), "OrderAccepted 1 B 5 10.0000 5 n1");
    }
    // At the same price, and for less.
    one.send(Inbound::ReplaceOrder(&replacement(1, 2, 3, 100_000)));
    assert_eq!(one.next(), "OrderReplaced 1 2 B 3 10.0000 5 n2");
    let sell = |shares: u64| {
        let (price, qty) = (100_000 * 10_000, shares * 1_000);
        let (price, qty) = (Price::from_units(price), Qty::from_units(qty));
        venue.operate(NewOrder::limit(InstrumentId(1), AccountId(3), Side::Sell, price, qty));
    };
    sell(5);
    assert_eq!(two.next(), "OrderExecuted 1 5 10.0000 A");
    sell(3);
    assert_eq!(one.next(), "OrderExecuted 2 3 10.0000 A");
    venue.stop();
}

#[test]
fn a_cancel_that_the_engine_denies_is_rejected() {
    let place = Place::new("ouch-denied");
    let venue = OuchVenue::start(place.path());
    let mut one = OuchClient::log_on(venue.address, 0, 1);
    assert_eq!(one.next(), "SystemEvent S");
    one.enter(1, OuchSide::Buy, 5, 90_000);
    assert_eq!(one.next(), "OrderAccepted 1 B 5 9.0000 5 n1");
    let (instrument, state) = (InstrumentId(1), InstrumentState::Halted);
    venue.operate(SetInstrumentState { instrument, state, reserved: [0; 3] });
    // While nothing trades an order does not change; it goes.
    one.cancel(1, 2);
    assert_eq!(one.next(), "CancelReject 1");
    one.cancel(1, 0);
    assert_eq!(one.next(), "OrderCancelled 1 5 U");
    venue.stop();
}
