//! FIX over TLS: our initiator against the venue, and what a client's end of TLS may do to others.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tiercel_net::fix::{Backoff, Initiator, Responder};
use tiercel_net::tls::ClientTls;
use tiercel_types::Timestamp;
use tiercel_venue::serve::Tls;
use tiercel_wire::fix::session::{
    Application, BusinessReject, MemoryStore, Role, SessionConfig, Store,
};
use tiercel_wire::fix::{Message, tag};

use super::fix_client::{FixClient, on_each_thread, secure_venue, time_text};
use super::http::now_ms;
use super::place::Place;
use super::tls::{Authority, files, over, private};

on_each_thread!(
    our_initiator_trades_over_tls_and_comes_back,
    bytes_behind_the_goodbye_of_tls_stop_nobody,
);

const PATIENCE: Duration = Duration::from_secs(20);

fn now() -> Timestamp {
    Timestamp(now_ms() * 1_000_000)
}

/// Reports, as status and name; and how often it was logged on.
#[derive(Default)]
struct Reports(Vec<String>, usize);

impl Application for Reports {
    fn on_logon(&mut self) {
        self.1 += 1;
    }

    fn on_message(&mut self, message: &Message<'_>) -> Result<(), BusinessReject> {
        let text = |tag| String::from_utf8_lossy(message.get(tag).unwrap_or_default()).into_owned();
        self.0.push(format!("{} {}", text(tag::ORD_STATUS), text(tag::CL_ORD_ID)));
        Ok(())
    }
}

impl<S> Responder<S> for Reports {}

fn initiator_with(
    address: SocketAddr,
    (name, password): (&str, &str),
    tls: ClientTls,
    store: MemoryStore,
) -> Initiator<MemoryStore> {
    let role = Role::Initiator { heartbeat_interval_s: 30 };
    let mut config = SessionConfig::new(b"ONE", b"TIERCEL", role);
    config.logon_fields =
        vec![(tag::USERNAME, name.as_bytes().into()), (tag::PASSWORD, password.as_bytes().into())];
    let backoff = Backoff { shortest: Duration::from_millis(5), longest: Duration::from_millis(9) };
    Initiator::new(address, config, store, backoff).with_tls(Some(tls))
}

fn initiator(address: SocketAddr, whom: (&str, &str), tls: ClientTls) -> Initiator<MemoryStore> {
    initiator_with(address, whom, tls, MemoryStore::new(now()))
}

type Desk = Initiator<MemoryStore>;

#[track_caller]
fn until(desk: &mut Desk, reports: &mut Reports, done: impl Fn(&Desk, &Reports) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done(desk, reports) {
        if !desk.poll(now(), reports) {
            desk.wait(Duration::from_millis(2)).unwrap();
        }
        assert!(Instant::now() < end, "{:?}: {:?}", reports.0, desk.take_failure());
    }
}

fn order(desk: &mut Desk, name: &str) {
    desk.outbox(now()).send(b"D", |encoder| {
        encoder.text(tag::CL_ORD_ID, name.as_bytes());
        encoder.constant(b"38=0.001\x0140=2\x0144=50000\x0154=1\x0155=BTCUSDT\x0159=1\x01");
        encoder.text(tag::TRANSACT_TIME, time_text(now_ms()).as_bytes());
    });
}

fn our_initiator_trades_over_tls_and_comes_back() {
    let (place, authority, clients) =
        (Place::new("fix-initiator"), Authority::new(), Authority::new());
    let tls = Tls::load(&files(&place, &authority, Some(&clients))).unwrap();
    let (venue, address) = secure_venue(tls);
    let whom = (&*venue.one.api_key, venue.one.secret());
    let authorities = private(&place, "authority.pem", &authority.pem());
    let own = clients.sign();
    let certificate = private(&place, "desk.pem", &own.certificate);
    let known = ClientTls::new(&authorities, "localhost", Some((&certificate, &own.key))).unwrap();
    let mut desk = initiator(address, whom, known);
    let mut reports = Reports::default();
    until(&mut desk, &mut reports, |desk, _| desk.is_logged_on());
    // More than TLS keeps at once, in one turn.
    let names: Vec<String> = (0..500).map(|number| format!("n{number}")).collect();
    for name in &names {
        order(&mut desk, name);
    }
    until(&mut desk, &mut reports, |_, reports| reports.0.len() == names.len());
    let expected: Vec<String> = names.iter().map(|name| format!("0 {name}")).collect();
    assert_eq!(reports.0, expected);
    // What is sent to nobody is asked for when it is back.
    desk.drop_connection(now(), &mut reports);
    order(&mut desk, "away");
    until(&mut desk, &mut reports, |_, reports| reports.0.len() == names.len() + 1);
    assert_eq!(reports.0.last().unwrap(), "0 away");
    desk.log_out(now(), "");
    until(&mut desk, &mut reports, |desk, _| desk.is_over());
    // One that leaves while it connects says goodbye as soon as it can.
    let known = ClientTls::new(&authorities, "localhost", Some((&certificate, &own.key))).unwrap();
    let mut hasty = initiator_with(address, whom, known, desk.into_store());
    let before = reports.1;
    while !hasty.is_connected() {
        hasty.poll(now(), &mut reports);
    }
    hasty.log_out(now(), "");
    until(&mut hasty, &mut reports, |desk, _| desk.is_over());
    assert_eq!(reports.1, before + 1);

    // A venue of another authority, or of another name, or one that does not know us: told why, and no
    // number is used.
    let other = private(&place, "other.pem", &Authority::new().pem());
    for (tls, why) in [
        (
            ClientTls::new(&other, "localhost", Some((&certificate, &own.key))),
            "invalid peer certificate",
        ),
        (ClientTls::new(&authorities, "else", Some((&certificate, &own.key))), "valid for name"),
    ] {
        let mut desk = initiator(address, whom, tls.unwrap());
        let end = Instant::now() + PATIENCE;
        let failure = loop {
            desk.poll(now(), &mut reports);
            if let Some(failure) = desk.take_failure() {
                break failure.to_string();
            }
            assert!(Instant::now() < end, "no {why}");
        };
        assert!(failure.contains(why), "{failure}");
        assert_eq!(desk.store().next_outgoing(), 1);
    }
    let mut unknown =
        initiator(address, whom, ClientTls::new(&authorities, "localhost", None).unwrap());
    let end = Instant::now() + PATIENCE;
    loop {
        unknown.poll(now(), &mut reports);
        assert!(!unknown.is_logged_on() && Instant::now() < end);
        if let Some(failure) = unknown.take_failure() {
            assert!(failure.to_string().contains("CertificateRequired"), "{failure}");
            break;
        }
    }
}

#[test]
fn a_handshake_that_is_not_answered_ends_without_a_number() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Place::new("fix-silent");
    let authorities = private(&place, "authority.pem", &Authority::new().pem());
    let tls = ClientTls::new(&authorities, "localhost", None).unwrap();
    let mut desk = initiator(silent.local_addr().unwrap(), ("key", ""), tls);
    let mut reports = Reports::default();
    let start = now();
    let end = Instant::now() + PATIENCE;
    // Connected, and its first bytes are out.
    silent.set_nonblocking(true).unwrap();
    let _peer = loop {
        desk.poll(start, &mut reports);
        if let Ok(peer) = silent.accept() {
            break peer;
        }
        assert!(Instant::now() < end);
    };
    desk.poll(start, &mut reports);
    desk.poll(Timestamp(start.0 + 9_000_000_000), &mut reports);
    assert!(desk.take_failure().is_none());
    desk.poll(Timestamp(start.0 + 11_000_000_000), &mut reports);
    assert_eq!(desk.take_failure().unwrap().kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(desk.store().next_outgoing(), 1);
    // Who leaves while it waits is gone behind the same bound.
    desk.log_out(start, "");
    assert!(desk.is_over());
}

fn bytes_behind_the_goodbye_of_tls_stop_nobody() {
    let (place, authority) = (Place::new("fix-goodbye"), Rc::new(Authority::new()));
    let tls = Tls::load(&files(&place, &authority, None)).unwrap();
    let (venue, address) = secure_venue(tls);
    let mut rude = over(std::net::TcpStream::connect(address).unwrap(), &authority, None);
    rude.write_all(b"8=FIX").unwrap();
    rude.conn.send_close_notify();
    rude.flush().unwrap();
    for _ in 0..2 {
        // The venue may have closed it.
        let _ended = rude.sock.write_all(&vec![0x17; 100_000]);
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut one = FixClient::new(address, "ONE", &venue.one)
        .over(move |stream| Box::new(over(stream, &authority, None)))
        .logged_on();
    one.limit("a", 1, "1", "59000");
    assert_eq!(one.report(&[]), "0 0 a  0 1");
}
