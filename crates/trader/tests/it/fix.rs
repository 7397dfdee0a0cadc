//! Orders over FIX, by what a venue says, without sockets.

use std::path::PathBuf;

use tiercel_execution::oms::{NewOrder, Outputs, VenueTerms};
use tiercel_execution::order::State;
use tiercel_execution::venue::VenueId;
use tiercel_strategy::Idle;
use tiercel_testkit::counting_allocator::{allocations, alone, assert_counts_every_thread};
use tiercel_trader::clerk::Errand;
use tiercel_trader::connector::FixOrders;
use tiercel_trader::connector::fix::{FixFault, FixLogin, Numbers};
use tiercel_trader::core::Core;
use tiercel_types::{Money, OrderId, OrderKind, Price, Qty, Side, TimeInForce, Timestamp};
use tiercel_wire::fix::session::{
    Application, BusinessReject, MemoryStore, Role, Session, SessionConfig, Store as _,
};
use tiercel_wire::fix::{Decoder, Frame, Message, frame};

use super::binance::{BTCUSDT, START, core_at, handover, listed};

const DESK: VenueId = VenueId(0);
const ONE: u64 = 100_000_000;
/// The report of an order that was refused, but for its name.
const REFUSED: &str = "17=r|37=NONE|38=2|40=2|44=100|54=1|55=BTCUSDT|6=0|14=0|39=8|150=8|151=0|\
                       103=3|58=no funds|";

/// What the trader said: `D 11=T... 38=1 ...`, header and times left out.
#[derive(Default)]
struct Heard {
    lines: Vec<String>,
    /// Nothing is written down.
    is_deaf: bool,
    /// What is not taken, with the words of its refusal.
    refuses: Option<BusinessReject>,
}

impl Application for Heard {
    fn on_message(&mut self, message: &Message<'_>) -> Result<(), BusinessReject> {
        if let Some(reject) = self.refuses.clone() {
            return Err(reject);
        }
        if self.is_deaf {
            return Ok(());
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let fields = message
            .iter()
            .skip(1)
            .filter(|(tag, _)| ![34, 43, 49, 52, 56, 60, 122].contains(&tag.0));
        let fields: Vec<String> =
            fields.map(|(tag, value)| format!("{tag}={}", text(value))).collect();
        self.lines.push(format!("{} {}", text(message.message_type()), fields.join(" ")));
        Ok(())
    }
}

/// A trader's session and its venue's, and the file of the one's numbers.
struct Place {
    core: Core,
    orders: FixOrders,
    venue: Session,
    store: MemoryStore,
    decoder: Decoder,
    heard: Heard,
    path: PathBuf,
    now: Timestamp,
    fault: Option<FixFault>,
    unread: Vec<u8>,
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

fn orders(path: &std::path::Path, next_answer: Option<u64>) -> FixOrders {
    let login = FixLogin {
        comp_id: "DESK".into(),
        venue_comp_id: "TIERCEL".into(),
        key: "key-1".into(),
        secret: b"secret"[..].into(),
        heartbeat_s: 30,
    };
    let numbers = Numbers::open(path, START).unwrap();
    FixOrders::new(DESK, &login, vec![listed()], numbers, next_answer)
}

fn core() -> Core {
    let mut core = core_at(Box::new(Idle), VenueTerms { amends: true, validity_ns: 0 });
    let (bid, ask) = (Price::from_units(9_990_000_000), Price::from_units(10_010_000_000));
    core.oms_mut().gate_mut().touch(START, BTCUSDT, bid, ask);
    core
}

impl Place {
    /// Both sides, before there is a connection.
    fn new(name: &str) -> Self {
        let file = format!("tiercel-fix-orders-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(file);
        drop(std::fs::remove_file(&path));
        Self {
            core: core(),
            orders: orders(&path, None),
            venue: Session::new(SessionConfig::new(b"TIERCEL", b"DESK", Role::Acceptor)),
            store: MemoryStore::new(START),
            decoder: Decoder::default(),
            heard: Heard::default(),
            path,
            now: START,
            fault: None,
            unread: Vec::with_capacity(1 << 16),
        }
    }

    fn up(name: &str) -> Self {
        let mut place = Self::new(name);
        place.connect();
        assert!(place.orders.is_up());
        place
    }

    fn connect(&mut self) {
        self.venue.connected(self.now, &mut self.store);
        self.orders.connected(self.now, handover(), &mut self.core).unwrap();
        self.carry();
    }

    /// The connection ends; what was not carried is lost.
    fn disconnect(&mut self) {
        self.venue.closed(self.now, &mut self.store, &mut self.heard);
        self.venue.output().clear();
        self.orders.closed(self.now, &mut self.core);
    }

    /// Carries bytes both ways until there are none, and what the core asks.
    fn carry(&mut self) {
        loop {
            let Self { core, orders, now, .. } = self;
            core.take_requests(*now, |_, request| orders.request(*now, request));
            let mut bytes = std::mem::take(&mut self.unread);
            bytes.clear();
            bytes.append(self.orders.output());
            let is_quiet = bytes.is_empty();
            let mut at = 0;
            while let Frame::Whole { length, body } = frame(&bytes[at..]) {
                let message = self.decoder.index(&bytes[at..at + length], body).unwrap();
                self.venue.received(self.now, &message, &mut self.store, &mut self.heard);
                at += length;
            }
            bytes.clear();
            bytes.append(self.venue.output());
            let is_over = is_quiet && bytes.is_empty();
            if self.fault.is_none() && !bytes.is_empty() {
                match self.orders.received(self.now, &bytes, &mut self.core) {
                    Ok(taken) => assert_eq!(taken, bytes.len()),
                    Err(fault) => self.fault = Some(fault),
                }
            }
            self.unread = bytes;
            if is_over {
                return;
            }
        }
    }

    /// The trader wants something of its orders.
    fn wants(&mut self, want: impl FnOnce(&mut Core, &mut Outputs)) {
        let mut out = Outputs::new(8);
        want(&mut self.core, &mut out);
        for (_, request) in &out.requests {
            self.orders.request(self.now, request);
        }
        self.carry();
    }

    fn submit(&mut self, tag: u64) {
        let now = self.now;
        self.wants(|core, out| core.oms_mut().submit(now, &order(tag), out));
    }

    fn replace(&mut self, tag: u64, price: i64, qty: u64) {
        let (now, price) = (self.now, Price::from_units(price * ONE as i64));
        let qty = Qty::from_units(qty * ONE);
        self.wants(|core, out| core.oms_mut().replace(now, tag, price, qty, out));
    }

    fn cancel(&mut self, tag: u64) {
        let now = self.now;
        self.wants(|core, out| core.oms_mut().cancel(now, tag, out));
    }

    /// The venue says something; bars end fields.
    fn says(&mut self, message_type: &[u8], fields: &str) {
        let fields = fields.replace('|', "\x01");
        self.venue.send(self.now, &mut self.store, message_type, |encoder| {
            encoder.constant(fields.as_bytes());
        });
        self.carry();
    }

    /// A report of an order of two at 100.
    fn reports(&mut self, fields: &str) {
        self.says(b"8", &format!("17=x|37=7|38=2|40=2|44=100|54=1|55=BTCUSDT|6=0|{fields}"));
    }

    fn took(&mut self, tag: u64) -> String {
        self.submit(tag);
        let name = self.name(tag);
        self.reports(&format!("11={name}|14=0|39=0|150=0|151=2|"));
        assert_eq!(self.state(tag), Some(State::Working));
        name
    }

    fn name(&self, tag: u64) -> String {
        let mut live = self.core.oms().live();
        live.find(|(of, _)| *of == tag).unwrap().1.client_order_id.as_str().to_owned()
    }

    fn state(&self, tag: u64) -> Option<State> {
        self.core.oms().live().find(|(of, _)| *of == tag).map(|(_, order)| order.state())
    }

    /// What the venue heard since it was asked last.
    fn heard(&mut self) -> Vec<String> {
        std::mem::take(&mut self.heard.lines)
    }

    fn owned(&self) -> Money {
        self.core.oms().position(BTCUSDT).unwrap().owned()
    }
}

/// Buys two at 100.
const fn order(tag: u64) -> NewOrder {
    NewOrder {
        tag,
        instrument: BTCUSDT,
        side: Side::Buy,
        kind: OrderKind::Limit,
        time_in_force: TimeInForce::Gtc,
        price: Price::from_units(100 * ONE as i64),
        qty: Qty::from_units(2 * ONE),
    }
}

fn qty(text: &str) -> Money {
    Money::from_qty(text.parse().unwrap())
}

#[test]
fn an_order_is_filled_replaced_and_cancelled_by_the_names_that_it_has() {
    let mut place = Place::up("life");
    let name = place.took(1);
    let entered = format!("D 11={name} 38=2 40=2 44=100 54=1 55=BTCUSDT 59=1 5001=1");
    assert_eq!(place.heard(), [entered]);
    let fill = "31=100|32=0.5|12=0.0005|13=3|479=BTC|527=9|851=1";
    place.reports(&format!("11={name}|14=0.5|39=1|150=F|151=1.5|{fill}|"));
    assert_eq!(place.owned(), qty("0.4995"));

    place.replace(1, 101, 3);
    let replace = format!("G 11={name}-3 37=7 38=3 40=2 41={name} 44=101 54=1 55=BTCUSDT");
    assert_eq!(place.heard(), [replace]);
    // A fill crosses it.
    let fill = "31=100|32=0.5|12=0.0005|13=3|479=BTC|527=10|851=1";
    place.reports(&format!("11={name}|14=1|39=E|150=F|151=1|{fill}|"));
    place.says(b"8", &format!("17=y|37=7|38=3|40=2|44=101|54=1|55=BTCUSDT|6=0|11={name}-3|41={name}|14=1|39=1|150=5|151=2|"));
    assert_eq!(place.state(1), Some(State::Working));

    place.cancel(1);
    assert_eq!(place.heard(), [format!("F 11={name}-4 37=7 41={name}-3 54=1 55=BTCUSDT")]);
    // A fill crosses that too.
    place.reports(&format!(
        "11={name}-3|14=1.5|39=6|150=F|151=1.5|31=101|32=0.5|12=0|13=3|479=BTC|527=11|851=1|"
    ));
    place.reports(&format!("11={name}-4|41={name}-3|14=1.5|39=4|150=4|151=0|"));
    assert_eq!((place.state(1), place.owned()), (None, qty("1.499")));
    assert_eq!(place.core.counts().anomalies, 0);
}

#[test]
fn a_cancel_behind_a_replace_that_was_refused_is_sent_again_by_the_name_that_there_is() {
    let mut place = Place::up("chain");
    let name = place.took(1);
    place.replace(1, 101, 3);
    place.cancel(1);
    let heard = place.heard();
    assert_eq!(heard[2], format!("F 11={name}-4 37=7 41={name}-3 54=1 55=BTCUSDT"));
    place.says(b"9", &format!("37=7|11={name}-3|41={name}|39=0|102=99|434=2|"));
    place.says(b"9", &format!("37=7|11={name}-4|41={name}-3|39=0|102=1|434=1|"));
    assert_eq!(place.heard(), [format!("F 11={name}-5 37=7 41={name} 54=1 55=BTCUSDT")]);
    // One that is refused with the right name is refused.
    place.says(b"9", &format!("37=7|11={name}-5|41={name}|39=0|102=1|434=1|"));
    let asked = place.heard();
    assert_eq!(asked, [format!("H 11={name} 37=7 54=1 55=BTCUSDT")]);
}

#[test]
fn what_was_lost_with_its_connection_is_never_sent_and_is_asked_for() {
    let mut place = Place::up("lost");
    let lost = place.took(1);
    place.heard();
    // It leaves, and the connection is gone before it is there.
    let now = place.now;
    let mut out = Outputs::new(8);
    place.core.oms_mut().submit(now, &order(2), &mut out);
    let name = place.name(2);
    for (_, request) in &out.requests {
        place.orders.request(now, request);
    }
    place.orders.output().clear();
    place.disconnect();
    assert!(matches!(place.state(1), Some(State::Unknown(_))));
    // A report that nobody hears.
    let fields = "17=z|37=7|38=2|40=2|44=100|54=1|55=BTCUSDT|6=0|14=2|39=2|150=F|151=0|31=100|32=2|12=0|13=3|479=BTC|527=12|851=1";
    let fields = format!("{fields}|11={lost}|").replace('|', "\x01");
    place.venue.send(now, &mut place.store, b"8", |encoder| encoder.constant(fields.as_bytes()));
    place.connect();
    // It came again.
    assert_eq!((place.state(1), place.owned()), (None, qty("2")));
    assert!(!place.heard().iter().any(|line| line.starts_with('D')));
    place.now = Timestamp(place.now.0 + 600_000_000);
    let now = place.now;
    place.core.tick(now);
    place.carry();
    assert!(place.heard().contains(&format!("H 11={name} 54=1 55=BTCUSDT")));
    place.says(
        b"8",
        &format!(
            "17=q|37=NONE|38=0|40=2|54=1|55=BTCUSDT|6=0|11={name}|14=0|39=8|150=I|151=0|103=5|"
        ),
    );
    assert_eq!((place.state(2), place.core.counts().anomalies), (None, 0));
}

#[test]
fn a_status_whose_fills_are_missing_is_left_to_who_asks_over_http() {
    let mut place = Place::up("status");
    let name = place.took(1);
    place.heard();
    place.now = Timestamp(place.now.0 + 1);
    let now = place.now;
    place.core.venue_up(now, DESK);
    place.carry();
    // What is on its way says nothing.
    place.reports(&format!("11={name}|14=0|39=6|150=I|151=2|"));
    assert!(matches!(place.state(1), Some(State::Unknown(_))));
    place.core.venue_up(now, DESK);
    place.carry();
    place.reports(&format!("11={name}|14=1|39=1|150=I|151=1|"));
    let errands = std::mem::take(place.orders.errands());
    let [Errand::Query { name: asked, executed_qty, question }] = errands[..] else {
        panic!("{errands:?}")
    };
    assert_eq!((asked.client_order_id.as_str(), executed_qty, question), (&*name, Qty::ZERO, 2));
    // By the number that it keeps.
    assert_eq!(asked.order_id, OrderId(7));
    assert!(matches!(place.state(1), Some(State::Unknown(_))));
    place.core.venue_up(now, DESK);
    place.carry();
    place.reports(&format!("11={name}-9|14=0|39=0|150=I|151=2|"));
    assert_eq!(place.state(1), Some(State::Working));
    // The status told its name of a run before.
    place.heard();
    place.cancel(1);
    assert!(place.heard()[0].contains(&format!("41={name}-9 ")));
}

#[test]
fn messages_that_are_refused_whole_are_told_as_what_they_asked() {
    let mut place = Place::up("refused");
    place.submit(1);
    place.says(b"3", "45=2|58=no|371=44|372=D|373=5|");
    assert_eq!(place.state(1), None);
    place.heard.refuses = Some(BusinessReject { reason: 6, text: "may not".to_owned() });
    place.submit(2);
    assert_eq!(place.state(2), None);
    place.heard.refuses = None;
    let name = place.took(3);
    place.says(b"8", &format!("{REFUSED}11=other|"));
    assert_eq!(place.name(3), name);
    place.submit(4);
    let refused = place.name(4);
    place.says(b"8", &format!("{REFUSED}11={refused}|"));
    assert_eq!((place.state(4), place.core.counts().anomalies), (None, 0));
}

#[test]
fn numbers_go_on_after_a_restart_and_follow_the_venue_where_they_are_lost() {
    let mut place = Place::up("numbers");
    place.took(1);
    place.disconnect();
    let (next, outgoing) = (place.orders.next_answer(), place.store.next_incoming());
    assert_eq!((next, outgoing), (3, 3));
    // The process ends, and another goes on.
    let path = place.path.clone();
    place.orders = orders(&std::env::temp_dir().join("tiercel-fix-orders-nobody"), None);
    place.orders = orders(&path, Some(next));
    place.connect();
    assert!(place.orders.is_up() && place.fault.is_none());
    // The order is asked for.
    assert_eq!((place.store.next_incoming(), place.orders.next_answer()), (5, 4));

    // The file is gone: the venue says which number it waits for.
    place.disconnect();
    place.orders = orders(&std::env::temp_dir().join("tiercel-fix-orders-nobody"), None);
    std::fs::remove_file(&path).unwrap();
    place.orders = orders(&path, None);
    place.connect();
    let text = "MsgSeqNum too low, expecting 5 but received 1".to_owned();
    assert_eq!(place.fault.take(), Some(FixFault::Refused(text)));
    place.disconnect();
    place.connect();
    assert!(place.orders.is_up() && place.fault.is_none());
    // What was numbered before is not asked for.
    assert_eq!(place.orders.next_answer(), place.store.next_outgoing());
    drop(std::fs::remove_file(std::env::temp_dir().join("tiercel-fix-orders-nobody")));
}

#[test]
fn a_venue_that_numbers_its_messages_anew_is_followed() {
    let mut place = Place::up("anew");
    place.took(1);
    place.disconnect();
    let next = place.orders.next_answer();
    assert!(next > 2);
    // It has lost its store.
    place.store = MemoryStore::new(START);
    place.venue = Session::new(SessionConfig::new(b"TIERCEL", b"DESK", Role::Acceptor));
    place.connect();
    assert!(place.orders.is_up() && place.fault.is_none());
    assert_eq!(place.orders.next_answer(), place.store.next_outgoing());
    // The next run is not led astray by the journal of before.
    place.disconnect();
    let path = place.path.clone();
    let nobody = std::env::temp_dir().join("tiercel-fix-orders-anew-nobody");
    place.orders = orders(&nobody, None);
    place.orders = orders(&path, Some(next + 100));
    place.connect();
    assert!(place.orders.is_up() && place.fault.is_none());
    drop(std::fs::remove_file(nobody));
}

#[test]
fn a_venue_that_says_nothing_any_more_is_left() {
    let mut place = Place::up("silent");
    let since = place.now.0;
    // 2.4 intervals of 30 seconds; what is asked meanwhile is not carried.
    place.orders.tick(Timestamp(since + 71_999_999_999));
    assert!(!place.orders.wants_close());
    place.orders.tick(Timestamp(since + 72_000_000_000));
    assert!(place.orders.wants_close());
}

#[test]
fn between_a_request_and_its_bytes_and_a_report_and_its_order_nothing_is_allocated() {
    alone(
        "it::fix::between_a_request_and_its_bytes_and_a_report_and_its_order_nothing_is_allocated",
        || {
            assert_counts_every_thread();
            let mut place = Place::up("allocations");
            place.heard.is_deaf = true;
            let mut out = Outputs::new(8);
            let mut bytes = Vec::with_capacity(1 << 16);
            let mut total = 0;
            for number in 0..3_000_u64 {
                place.now = Timestamp(place.now.0 + 2_000_000);
                let now = place.now;
                let (core, orders) = (&mut place.core, &mut place.orders);
                let ours = allocations(|| {
                    out.clear();
                    // By turns, so that no position grows.
                    let side = if number % 2 == 0 { Side::Buy } else { Side::Sell };
                    let order = NewOrder { side, ..order(number + 1) };
                    core.oms_mut().submit(now, &order, &mut out);
                    for (_, request) in &out.requests {
                        orders.request(now, request);
                    }
                });
                bytes.clear();
                bytes.append(orders.output());
                let name = place.name(number + 1);
                let mut says = |fields: String| {
                    let fields = fields.replace('|', "\x01");
                    place.venue.send(now, &mut place.store, b"8", |encoder| {
                        encoder.constant(fields.as_bytes());
                    });
                };
                let terms = "17=x|38=2|40=2|44=100|54=1|55=BTCUSDT|6=0";
                let id = number + 10;
                says(format!("{terms}|37={id}|11={name}|14=0|39=0|150=0|151=2|"));
                says(format!(
                    "{terms}|37={id}|11={name}|14=2|39=2|150=F|151=0|31=100|32=2|12=0.002|13=3|479=BTC|527={id}|851=1|"
                ));
                bytes.clear();
                bytes.append(place.venue.output());
                let (core, orders, bytes) = (&mut place.core, &mut place.orders, &bytes);
                let theirs = allocations(|| {
                    assert_eq!(orders.received(now, bytes, core), Ok(bytes.len()));
                });
                if number >= 100 {
                    total += ours + theirs;
                }
            }
            assert_eq!((total, place.core.oms().live_orders()), (0, 0));
        },
    );
}
