//! The same steps of a session, as each protocol's clients say them, to a venue that speaks it.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tiercel_journal::{Durability, FileStorage, IoOptions};
use tiercel_telemetry::Registry;
use tiercel_types::{OrderId, OrderKind, Price, Qty, Side, TimeInForce};
use tiercel_venue::accounts::{Key, Keys};
use tiercel_venue::binance::signature::Verifier;
use tiercel_venue::binary::{BinaryOptions, Lines};
use tiercel_venue::demo;
use tiercel_venue::fix::{FixOptions, Identity};
use tiercel_venue::ouch::{OuchIdentity, OuchOptions, User};
use tiercel_venue::ouch_door::OuchSessions;
use tiercel_venue::pipeline::PipelineOptions;
use tiercel_venue::run::{RunOptions, Running, start_with};
use tiercel_venue::serve::{Binary, Fix, ServeOptions, Server};
use tiercel_venue::stage::StagePlan;
use tiercel_venue::store::{self, Opened, StoreOptions};
use tiercel_wire::itch::Text;
use tiercel_wire::ouch::{self, Inbound, ModifyOrder, OptionTag, OptionValue, OuchSide};

use super::binary_peer::{Peer, Secret};
use super::binary_sockets::{Dial, OWN};
use super::binary_speech::Speech;
use super::feed_client::now;
use super::fix_client::{FixClient, many_orders, time_text};
use super::http::{Answer as Response, Client, now_ms};
use super::ouch_client::{OuchClient, order as ouch_order, replacement};
use super::place::{Place, SMALL_PIPELINE, store_options};
use super::same_events::{Answer, Called, Entry, Known, Step, What, Wrong, account, command};

/// How a session is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    NativeRest,
    BinanceRest,
    Fix,
    Records,
    FlatBuffers,
    Ouch,
}

impl Protocol {
    pub(super) const ALL: [Self; 6] = [
        Self::NativeRest,
        Self::BinanceRest,
        Self::Fix,
        Self::Records,
        Self::FlatBuffers,
        Self::Ouch,
    ];

    /// Whether its gateway refuses a step by itself: the engine never hears of it.
    pub(super) fn refuses(self, step: &Step) -> bool {
        let is_entry = matches!(step.what, What::Enter(_));
        match step.wrong {
            // An interface that knows all orders names what is wrong with one that has ended.
            Some(Wrong::Gone) => self == Self::NativeRest,
            // Binance's filters are looked at in front of the engine.
            Some(Wrong::Funds) | None => false,
            Some(_) => self == Self::BinanceRest && is_entry,
        }
    }
}

const USERS: [&str; 2] = ["ONE", "TWO"];
const SECRETS: [&str; 2] = ["the-secret-of-one", "the-other-secret"];

/// A venue that was just made, and the two accounts' clients.
pub(super) struct Market {
    place: Place,
    running: Running<FileStorage>,
    shell: JoinHandle<()>,
    clients: [Box<dyn Speaker>; 2],
}

/// A client that says steps.
trait Speaker {
    fn say(&mut self, step: &Step) -> Answer;
}

/// The names that an account's orders have now.
#[derive(Default)]
struct Names(HashMap<usize, usize>);

impl Names {
    fn of(&self, order: &Known) -> String {
        format!("n{}", self.number(order))
    }

    fn number(&self, order: &Known) -> usize {
        self.0.get(&order.step).copied().unwrap_or(order.step)
    }

    /// A change that was taken gives the order the step's name.
    fn note(&mut self, step: &Step, answer: Answer) -> Answer {
        if let (What::Replace { order, .. } | What::Reduce { order, .. }, Answer::Taken) =
            (&step.what, answer)
        {
            self.0.insert(order.step, step.number);
        }
        answer
    }
}

impl Market {
    pub(super) fn open(protocol: Protocol) -> Self {
        let place = Place::new("same-events");
        let stores = store_options(None);
        let opened = store::open(place.path(), IoOptions::default(), &stores).unwrap();
        let keys = Keys::default();
        for (who, user) in USERS.iter().enumerate() {
            let verifier = Verifier::Hmac(SECRETS[who].as_bytes().to_vec());
            keys.add(user, Key::new(account(who), verifier, true, true)).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let rest = listener.local_addr().unwrap();
        let limits = many_orders().limits;
        let limits =
            tiercel_venue::binance::rate_limit::RateLimits { weight_1m: 1_000_000, ..limits };
        let options = ServeOptions { limits, ..ServeOptions::default() };
        let server = Server::new(listener, options, keys.clone(), Registry::new());
        let (plan, address) = gateway(protocol, (&place, &opened, &stores), &keys, &server);
        let pipeline = PipelineOptions { durability: Durability::Memory, ..SMALL_PIPELINE };
        let (running, mut models, mut handles) =
            start_with(opened, &pipeline, RunOptions::default(), 1, plan.into_iter().collect())
                .unwrap();
        let mut handle = handles.remove(0);
        demo::open(&mut handle, &mut models).unwrap();
        let shell = std::thread::spawn(move || server.run(handle, models).unwrap());
        let clients = [0, 1].map(|who| client(protocol, who, rest, address));
        Self { place, running, shell, clients }
    }

    /// Says a step, and waits for its answer.
    pub(super) fn say(&mut self, step: &Step) -> Answer {
        self.clients[step.who].say(step)
    }

    /// Stops the venue; its folder.
    pub(super) fn close(self) -> Place {
        let Self { place, running, shell, clients } = self;
        // The venue waits a while for goodbyes of who is there.
        drop(clients);
        running.stop().unwrap();
        shell.join().unwrap();
        place
    }
}

/// The stage that speaks it, if it is not REST's, and where.
fn gateway(
    protocol: Protocol,
    (place, opened, stores): (&Place, &Opened<FileStorage>, &StoreOptions),
    keys: &Keys,
    server: &Server,
) -> (Option<StagePlan>, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let plan = match protocol {
        Protocol::NativeRest | Protocol::BinanceRest => return (None, address),
        Protocol::Fix => {
            let sessions = USERS.map(|user| Identity::new(user, user)).into();
            let options = FixOptions { sessions, ..FixOptions::default() };
            Fix::new(options).unwrap().plan(listener, OWN, server.shares())
        }
        Protocol::Records | Protocol::FlatBuffers => {
            let options = BinaryOptions::new(place.path().join("binary"));
            let lines = Lines::open(options, now()).unwrap();
            Binary { listener, lines, shares: server.shares() }.plan(OWN)
        }
        Protocol::Ouch => {
            let identity = |user: &str| OuchIdentity {
                user: User::new(user.as_bytes()).unwrap(),
                api_key: user.to_owned(),
                cancel_on_disconnect: false,
            };
            let sessions = USERS.map(identity).into();
            let options = OuchOptions { sessions, ..OuchOptions::default() };
            let sessions =
                OuchSessions::open(options, keys.clone(), opened, stores, now()).unwrap();
            sessions.plan(listener, OWN, server.shares())
        }
    };
    (Some(plan), address)
}

fn client(protocol: Protocol, who: usize, rest: SocketAddr, at: SocketAddr) -> Box<dyn Speaker> {
    let (user, secret) = (USERS[who], SECRETS[who]);
    let names = Names::default();
    let http = Client::at(rest, &json!({ "api_key": user, "secret": secret }));
    match protocol {
        Protocol::NativeRest => Box::new(NativeRest { http, names }),
        Protocol::BinanceRest => Box::new(BinanceRest { http, names }),
        Protocol::Fix => {
            Box::new(FixSpeaker { client: FixClient::new(at, user, &http).logged_on(), names })
        }
        Protocol::Records | Protocol::FlatBuffers => {
            let speech = match protocol {
                Protocol::Records => Speech::Records,
                _ => Speech::FlatBuffers,
            };
            let peer = Peer::new(user, Secret::Hmac(secret.as_bytes().to_vec()), false);
            let dial = Dial::of(peer).speaking(speech).logged_on(at);
            Box::new(BinarySpeaker { dial, names })
        }
        Protocol::Ouch => {
            let mut client = OuchClient::begin(at, user, secret, 1);
            client.until(|client| client.told.is_on);
            Box::new(OuchSpeaker { client, names })
        }
    }
}

fn side_text(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

fn lives_text(lives: TimeInForce) -> &'static str {
    match lives {
        TimeInForce::Ioc => "ioc",
        TimeInForce::Fok => "fok",
        _ => "gtc",
    }
}

/// What a request over HTTP was told.
fn told(response: &Response) -> Answer {
    match response.status {
        200 => Answer::Taken,
        400 | 404 | 409 | 422 => Answer::Refused,
        _ => panic!("{response:?}"),
    }
}

/// `/api/v1`.
struct NativeRest {
    http: Client,
    names: Names,
}

/// `PATCH orders/{symbol}/{order_id}`.
fn patch(http: &Client, path: &str, qty: Qty, price: Option<Price>, name: usize) -> Response {
    let mut body = json!({ "qty": qty.to_string(), "client_order_id": format!("n{name}") });
    if let Some(price) = price {
        body["price"] = Value::from(price.to_string());
    }
    http.v1("PATCH", path, &body)
}

impl Speaker for NativeRest {
    fn say(&mut self, step: &Step) -> Answer {
        let Self { http, names } = self;
        let path = |order: &Known| format!("orders/BTCUSDT/client:{}", names.of(order));
        let response = match &step.what {
            What::Enter(Entry { side, kind, lives, price, qty }) => {
                let mut order = json!({
                    "symbol": "BTCUSDT", "side": side_text(*side), "qty": qty.to_string(),
                    "client_order_id": format!("n{}", step.number),
                    "time_in_force": lives_text(*lives),
                    "kind": match kind {
                        OrderKind::Market => "market",
                        OrderKind::PostOnly => "post_only",
                        _ => "limit",
                    },
                });
                if *kind != OrderKind::Market {
                    order["price"] = Value::from(price.to_string());
                }
                http.v1_order(&order)
            }
            What::Replace { order, price, total } => {
                patch(http, &path(order), *total, Some(*price), step.number)
            }
            What::Reduce { order, total, .. } => {
                patch(http, &path(order), *total, None, step.number)
            }
            What::Cancel(order) => http.v1("DELETE", &path(order), &Value::Null),
        };
        names.note(step, told(&response))
    }
}

/// `/api/v3`; what it has no request for goes by `/api/v1`.
struct BinanceRest {
    http: Client,
    names: Names,
}

impl Speaker for BinanceRest {
    fn say(&mut self, step: &Step) -> Answer {
        let Self { http, names } = self;
        let response = match &step.what {
            What::Enter(Entry { side, kind, lives, price, qty }) => {
                let lives = lives_text(*lives).to_uppercase();
                let kind = match kind {
                    OrderKind::Market => "type=MARKET".to_owned(),
                    OrderKind::PostOnly => format!("type=LIMIT_MAKER&price={price}"),
                    _ => format!("type=LIMIT&timeInForce={lives}&price={price}"),
                };
                let side = side_text(*side).to_uppercase();
                let name = step.number;
                http.order(&format!("side={side}&{kind}&quantity={qty}&newClientOrderId=n{name}"))
            }
            What::Replace { order, price, total } => {
                let path = format!("orders/BTCUSDT/client:{}", names.of(order));
                patch(http, &path, *total, Some(*price), step.number)
            }
            What::Reduce { order, total, .. } => {
                let query = format!(
                    "symbol=BTCUSDT&origClientOrderId={}&newQty={total}&newClientOrderId=n{}",
                    names.of(order),
                    step.number
                );
                http.signed("PUT", "order/amend/keepPriority", &query)
            }
            What::Cancel(order) => {
                let query = format!("symbol=BTCUSDT&origClientOrderId={}", names.of(order));
                http.signed("DELETE", "order", &query)
            }
        };
        names.note(step, told(&response))
    }
}

struct FixSpeaker {
    client: FixClient,
    names: Names,
}

impl Speaker for FixSpeaker {
    fn say(&mut self, step: &Step) -> Answer {
        let Self { client, names } = self;
        let name = format!("n{}", step.number);
        let time = time_text(now_ms());
        let side = |side: Side| if side == Side::Buy { 1 } else { 2 };
        match &step.what {
            What::Enter(entry) => {
                let lives = match entry.lives {
                    TimeInForce::Ioc => 3,
                    TimeInForce::Fok => 4,
                    _ => 1,
                };
                let kind = match entry.kind {
                    OrderKind::Market => "40=1|".to_owned(),
                    OrderKind::PostOnly => format!("18=6|40=2|44={}|", entry.price),
                    _ => format!("40=2|44={}|", entry.price),
                };
                let (side, qty) = (side(entry.side), entry.qty);
                let order = format!("55=BTCUSDT|54={side}|60={time}|38={qty}|{kind}59={lives}|");
                client.send("D", &format!("11={name}|{order}"));
            }
            What::Replace { order, total, .. } | What::Reduce { order, total, .. } => {
                let price = match &step.what {
                    What::Replace { price, .. } => *price,
                    _ => order.price,
                };
                client.replace(
                    &name,
                    &names.of(order),
                    side(order.side),
                    &total.to_string(),
                    &price.to_string(),
                );
            }
            What::Cancel(order) => client.cancel(&name, &names.of(order), side(order.side)),
        }
        loop {
            let told = client.next();
            if told.get(11) != name {
                continue;
            }
            let answer = match (told.get(35), told.get(150)) {
                ("8", "8") | ("9", _) => Answer::Refused,
                ("8", _) => Answer::Taken,
                _ => panic!("{told:?}"),
            };
            return names.note(step, answer);
        }
    }
}

struct BinarySpeaker {
    dial: Dial,
    names: Names,
}

impl Speaker for BinarySpeaker {
    fn say(&mut self, step: &Step) -> Answer {
        // By the names that the client gave.
        let command = command(step, |order| Called {
            id: OrderId::NONE,
            name: self.names.of(order).parse().unwrap(),
            new_name: format!("n{}", step.number).parse().unwrap(),
        });
        let number = self.dial.peer.ask(now(), &command);
        let is_it = |heard: &super::binary_peer::Heard| heard.number_of("request") == number;
        self.dial.until(|peer| peer.ear.heard.iter().any(is_it));
        let heard = self.dial.peer.news();
        let answer = match heard.iter().find(|heard| is_it(heard)).unwrap().body.kind().as_str() {
            "rejected" => Answer::Refused,
            "busy" => panic!("busy"),
            _ => Answer::Taken,
        };
        self.names.note(step, answer)
    }
}

/// Steps by their `UserRefNum`: one more than the step's number.
struct OuchSpeaker {
    client: OuchClient,
    names: Names,
}

impl OuchSpeaker {
    fn number(&self, order: &Known) -> u32 {
        self.names.number(order) as u32 + 1
    }

    /// Sends a message and its options; the words that the message about `number` begins with that
    /// answers it.
    fn ask(&mut self, message: Inbound<'_>, options: &[OptionValue<'_>], number: u32) -> String {
        let before = self.client.told.messages.len();
        let mut bytes = [0; 128];
        let size = message.encode(options, &mut bytes).unwrap();
        assert!(self.client.client.send(now(), &bytes[..size]));
        // Fills of this and other orders come too; of an order that was replaced its former number
        // comes first.
        let is_it = |message: &[u8]| {
            let number_at =
                |at: usize| message[at..].first_chunk().copied().map(u32::from_be_bytes);
            match message[0] {
                b'A' | b'J' | b'C' | b'M' | b'I' => number_at(9) == Some(number),
                b'U' => number_at(13) == Some(number),
                _ => false,
            }
        };
        let find = |client: &OuchClient| {
            client.told.messages[before..].iter().find(|message| is_it(message)).cloned()
        };
        self.client.until(|client| find(client).is_some());
        super::ouch_client::words(&find(&self.client).unwrap())
    }
}

/// The quantity in shares: a share is a lot here.
fn shares(qty: Qty) -> u32 {
    u32::try_from(qty.units() / 1_000).unwrap()
}

/// The price with four decimals.
fn four(price: Price) -> u64 {
    price.units() as u64 / 10_000
}

const fn ouch_side(side: Side) -> OuchSide {
    match side {
        Side::Buy => OuchSide::Buy,
        Side::Sell => OuchSide::Sell,
    }
}

impl Speaker for OuchSpeaker {
    fn say(&mut self, step: &Step) -> Answer {
        // What is not a lot cannot be said; who is gone is passed over.
        if matches!(step.wrong, Some(Wrong::Lot | Wrong::Gone)) {
            return Answer::Unsaid;
        }
        let number = step.number as u32 + 1;
        let name = Text::new(format!("n{}", step.number).as_bytes()).unwrap();
        let said = match &step.what {
            What::Enter(entry) => {
                let price = match entry.kind {
                    OrderKind::Market => ouch::MARKET_PRICE,
                    _ => four(entry.price),
                };
                let mut order = ouch_order(number, ouch_side(entry.side), shares(entry.qty), price);
                order.cl_ord_id = name;
                if entry.lives == TimeInForce::Ioc {
                    order.time_in_force = ouch::TimeInForce::Immediate.into();
                }
                let post_only = [OptionValue { number: OptionTag::PostOnly as u8, value: b"P" }];
                let given = usize::from(entry.kind == OrderKind::PostOnly);
                self.ask(Inbound::EnterOrder(&order), &post_only[..given], number)
            }
            What::Replace { order, price, total } => {
                let mut message =
                    replacement(self.number(order), number, shares(*total), four(*price));
                message.cl_ord_id = name;
                self.ask(Inbound::ReplaceOrder(&message), &[], number)
            }
            What::Reduce { order, open, .. } => {
                let message = ModifyOrder {
                    user_ref_num: self.number(order).into(),
                    side: ouch_side(order.side).into(),
                    quantity: shares(*open).into(),
                };
                // It keeps its number and its name.
                let said = self.ask(Inbound::ModifyOrder(&message), &[], self.number(order));
                assert!(said.starts_with("OrderModified "), "{said}");
                return Answer::Taken;
            }
            What::Cancel(order) => {
                let number = self.number(order);
                let message = ouch::CancelOrder { user_ref_num: number.into(), quantity: 0.into() };
                self.ask(Inbound::CancelOrder(&message), &[], number)
            }
        };
        let answer = if said.starts_with("Rejected ") { Answer::Refused } else { Answer::Taken };
        self.names.note(step, answer)
    }
}
