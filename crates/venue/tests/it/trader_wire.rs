//! A trader's own codecs against the venue: frames, requests and answers over a bare socket.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use tiercel_testkit::binance_answers::decode_whole;
use tiercel_types::{ClientOrderId, OrderId, Price, Qty, Side, Timestamp};
use tiercel_wire::binance::answer::{Answer, Body, Cancelled, Incoming, Part, Refusal};
use tiercel_wire::binance::order::{
    AmendOrder, CancelOrder, CancelReplace, CancelReplaceMode, Digits, MyTrades, NewOrder,
    OrderName, Request, Requests, Signer, Terms,
};
use tiercel_wire::binance::user_data::Event;
use tiercel_wire::binance::{ExecutionType, OrderStatus, ResponseType, TimeInForce, TimeUnit};
use tiercel_wire::websocket::put_text_with;
use tiercel_wire::websocket::{
    Assembler, CloseCode, Limits, Message, Opcode, Role, put, put_close,
};

use super::http::{Client, Venue, now_ms};

const MASK: Option<[u8; 4]> = Some([0x5A, 0x01, 0xFF, 0x80]);

fn now() -> Timestamp {
    Timestamp(now_ms() * 1_000_000)
}

fn signer(client: &Client) -> impl Signer {
    |payload: &[u8], signature: &mut Vec<u8>| {
        let payload = str::from_utf8(payload).unwrap();
        signature.extend_from_slice(client.plain_signature(payload).as_bytes());
    }
}

/// A connection, on which nothing is left out of what is told.
struct Trader<S> {
    stream: TcpStream,
    assembler: Assembler,
    inbox: Vec<u8>,
    at: usize,
    requests: Requests<S>,
    last_id: u64,
    told: Vec<(OrderId, ExecutionType, OrderStatus)>,
}

impl<S: Signer> Trader<S> {
    fn open(client: &Client, signer: S) -> Self {
        let stream = client.connect();
        let url = format!("ws://{}/ws-api/v3", stream.peer_addr().unwrap());
        let (socket, _) = tungstenite::client(url, stream).unwrap();
        let limits =
            Limits { role: Role::Client, frame_bytes_max: 1 << 20, message_bytes_max: 1 << 20 };
        Self {
            // The venue says nothing before it is asked.
            stream: socket.into_inner(),
            assembler: Assembler::new(limits),
            inbox: Vec::new(),
            at: 0,
            requests: Requests::new(client.api_key(), Some(5_000), signer),
            last_id: 0,
            told: Vec::new(),
        }
    }

    /// The next text.
    fn text(&mut self) -> Vec<u8> {
        loop {
            let step = self.assembler.next(&mut self.inbox[self.at..]).unwrap();
            self.at += step.taken;
            match step.message {
                Some(Message::Text(text)) => return text.to_vec(),
                Some(Message::Ping(payload)) => {
                    let mut out = Vec::new();
                    assert!(put(&mut out, Opcode::Pong, payload, MASK));
                    self.stream.write_all(&out).unwrap();
                }
                Some(other) => panic!("{other:?}"),
                None => {
                    self.inbox.drain(..self.at);
                    self.at = 0;
                    let mut bytes = [0; 4_096];
                    let count = self.stream.read(&mut bytes).unwrap();
                    assert!(count > 0, "the venue has closed");
                    self.inbox.extend_from_slice(&bytes[..count]);
                }
            }
        }
    }

    /// Asks, and hands the answer over; events before it are looked at, and reports kept.
    fn ask<T>(&mut self, request: &Request<'_>, read: impl FnOnce(&Answer<'_>) -> T) -> T {
        self.last_id += 1;
        let (id, requests) = (self.last_id, &mut self.requests);
        let mut out = Vec::new();
        put_text_with(&mut out, MASK, |out| requests.put(out, id, now(), request));
        self.stream.write_all(&out).unwrap();
        loop {
            let text = self.text();
            let answer = match incoming(&text) {
                Incoming::Answer(answer) => answer,
                Incoming::UserData(told) => {
                    decode_whole("", &text);
                    assert_eq!(told.subscription_id, Some(0));
                    if let Event::Execution(report) = told.event {
                        self.told.push((report.order_id, report.execution_type, report.status));
                    }
                    continue;
                }
            };
            decode_whole(request.endpoint().method, &text);
            assert_eq!(answer.id, Some(id));
            assert!(answer.limits.unwrap().count() > 0);
            return read(&answer);
        }
    }

    fn good<T>(&mut self, request: &Request<'_>, read: impl FnOnce(&Body<'_>) -> T) -> T {
        self.ask(request, |answer| match &answer.outcome {
            Ok(body) => read(body),
            Err(refusal) => panic!("{refusal:?}"),
        })
    }

    fn refused<T>(&mut self, request: &Request<'_>, read: impl FnOnce(&Refusal<'_>) -> T) -> T {
        self.ask(request, |answer| match &answer.outcome {
            Ok(body) => panic!("{body:?}"),
            Err(refusal) => read(refusal),
        })
    }

    /// What it was told of an order.
    fn told_of(&self, id: OrderId) -> Vec<(ExecutionType, OrderStatus)> {
        let of_it = self.told.iter().filter(|(order, ..)| *order == id);
        of_it.map(|(_, kind, status)| (*kind, *status)).collect()
    }
}

fn incoming(text: &[u8]) -> Incoming<'_> {
    Incoming::decode(text, TimeUnit::Millisecond).unwrap()
}

fn order(side: Side, price: i64, qty: u64, name: &str) -> NewOrder<'static> {
    NewOrder {
        symbol: "BTCUSDT",
        digits: Digits { price: 2, qty: 5 },
        side,
        terms: Terms::Limit {
            price: Price::from_units(price * 100_000_000),
            time_in_force: TimeInForce::Gtc,
        },
        qty: Qty::from_units(qty * 1_000_000),
        client_order_id: name.parse().unwrap(),
        response: ResponseType::Full,
        self_trade_prevention: None,
    }
}

fn named(name: &str) -> OrderName {
    OrderName::Client(name.parse().unwrap())
}

const SYMBOL: &str = "BTCUSDT";

#[test]
fn a_trader_s_codecs_speak_with_the_venue() {
    let venue = Venue::start();
    let mut maker = Trader::open(&venue.trader, signer(&venue.trader));
    let time = maker.good(&Request::Time, |body| body.server_time().unwrap());
    assert!(time.0.abs_diff(now().0) < 60_000_000_000);
    maker.good(&Request::LogOn, |body| body.server_time().unwrap());
    maker.requests.set_logged_on(true);
    assert_eq!(maker.good(&Request::Subscribe, |body| body.subscription_id().unwrap()), 0);
    let mut taker = Trader::open(&venue.two, signer(&venue.two));
    taker.good(&Request::SubscribeSigned, |body| body.subscription_id().unwrap());

    // Rests, is made smaller, and traded with.
    let place = Request::Place(order(Side::Sell, 60_000, 150, "first"));
    let id = maker.good(&place, |body| {
        let placed = body.placed().unwrap();
        assert_eq!((placed.status, placed.fills.unwrap().count()), (Some(OrderStatus::New), 0));
        assert!(placed.symbol.is(SYMBOL) && placed.working_time.is_some());
        placed.order_id
    });
    let amend = AmendOrder {
        symbol: SYMBOL,
        digits: Digits { price: 2, qty: 5 },
        order: OrderName::Id(id),
        new_qty: Qty::from_units(100_000_000),
        new_client_order_id: "second".parse().unwrap(),
    };
    maker.good(&Request::Amend(amend), |body| {
        let amended = body.amended().unwrap();
        assert_eq!((amended.order_id, amended.qty), (id, amend.new_qty));
        assert_eq!(amended.client_order_id, amend.new_client_order_id);
    });
    let take = NewOrder { terms: Terms::Market, ..order(Side::Buy, 0, 40, "take") };
    let traded = taker.good(&Request::Place(take), |body| {
        let placed = body.placed().unwrap();
        assert_eq!(placed.status, Some(OrderStatus::Filled));
        let mut fills = placed.fills.unwrap();
        let fill = fills.next().unwrap().unwrap();
        assert_eq!(fill.qty, take.qty);
        assert!(fill.commission_asset.is("BTC") && fills.next().is_none());
        (fill.trade_id.unwrap(), fill.price)
    });
    assert_state(&mut maker, id);
    check_trades(&mut maker, id, traded);
    replace(&mut maker);

    // What is left is cancelled: one by name, others at once.
    let cancel = CancelOrder {
        symbol: SYMBOL,
        order: named("second"),
        client_order_id: ClientOrderId::EMPTY,
    };
    maker.good(&Request::Cancel(cancel), |body| match body.cancelled().unwrap() {
        Cancelled::Order(order) => {
            assert_eq!((order.order_id, order.status), (id, OrderStatus::Canceled));
        }
        Cancelled::List(list) => panic!("{list:?}"),
    });
    maker.refused(&Request::Cancel(cancel), |refusal| assert_eq!(refusal.code, -2011));
    maker.good(&Request::CancelAll { symbol: SYMBOL }, |body| {
        assert!(body.all_cancelled().unwrap().count() >= 1);
    });
    maker.good(&Request::OpenOrders { symbol: None }, |body| {
        assert_eq!(body.open_orders().unwrap().count(), 0);
    });
    assert_eq!(
        maker.told_of(id),
        [
            (ExecutionType::New, OrderStatus::New),
            (ExecutionType::Replaced, OrderStatus::New),
            (ExecutionType::Trade, OrderStatus::PartiallyFilled),
            (ExecutionType::Canceled, OrderStatus::Canceled),
        ]
    );
    goodbye(maker);
}

fn assert_state(maker: &mut Trader<impl Signer>, id: OrderId) {
    let check = |state: tiercel_wire::binance::answer::OrderState<'_>| {
        assert_eq!((state.order_id, state.status), (id, OrderStatus::PartiallyFilled));
        assert_eq!(state.executed_qty, Qty::from_units(40_000_000));
        assert!(state.is_working);
    };
    let order = OrderName::Id(id);
    maker
        .good(&Request::OrderStatus { symbol: SYMBOL, order }, |body| check(body.order().unwrap()));
    maker.good(&Request::OpenOrders { symbol: Some(SYMBOL) }, |body| {
        let open: Vec<_> = body.open_orders().unwrap().map(Result::unwrap).collect();
        assert_eq!(open.len(), 1);
        check(open[0]);
    });
}

fn check_trades(
    maker: &mut Trader<impl Signer>,
    id: OrderId,
    (trade_id, price): (tiercel_types::TradeId, Price),
) {
    let asked =
        MyTrades { symbol: SYMBOL, order_id: None, from_id: Some(trade_id), limit: Some(1) };
    maker.good(&Request::MyTrades(asked), |body| {
        let trade = body.trades().unwrap().next().unwrap().unwrap();
        assert_eq!((trade.trade_id, trade.order_id, trade.price), (Some(trade_id), id, price));
        assert!(trade.is_maker && !trade.is_buyer);
    });
    maker.good(&Request::Account { omit_zero_balances: true }, |body| {
        let account = body.account().unwrap();
        let held: Vec<_> = account.balances.map(Result::unwrap).collect();
        let bitcoin = held.iter().find(|balance| balance.asset.is("BTC")).unwrap();
        assert_eq!(bitcoin.locked.units(), 6_000_000_000_000_000, "what is left of the order");
        assert!(account.can_trade);
    });
}

/// One order in another's stead, with each of the three outcomes.
fn replace(maker: &mut Trader<impl Signer>) {
    let replace = |cancel: &str, mode, name: &str, price| {
        let order = order(Side::Buy, price, 1, name);
        Request::CancelReplace(CancelReplace { cancel: named(cancel), mode, order })
    };
    maker.good(&Request::Place(order(Side::Buy, 50_000, 1, "old")), |body| {
        body.placed().unwrap().order_id
    });
    maker.good(&replace("old", CancelReplaceMode::StopOnFailure, "new", 50_001), |body| {
        let both = body.cancel_replaced().unwrap();
        assert!(matches!(both.cancel, Part::Done(Cancelled::Order(_))));
        assert!(
            matches!(both.new_order, Part::Done(placed) if placed.client_order_id.as_str() == "new")
        );
    });
    maker.refused(&replace("old", CancelReplaceMode::StopOnFailure, "newer", 50_002), |refusal| {
        let both = refusal.cancel_replaced().unwrap().unwrap();
        assert_eq!(refusal.code, -2022);
        assert!(matches!(both.cancel, Part::Failed(refused) if refused.code == -2011));
        assert!(matches!(both.new_order, Part::NotAttempted));
    });
    maker.refused(&replace("old", CancelReplaceMode::AllowFailure, "newest", 50_003), |refusal| {
        let both = refusal.cancel_replaced().unwrap().unwrap();
        assert_eq!(refusal.code, -2021);
        assert!(matches!(both.new_order, Part::Done(_)));
    });
}

/// Says goodbye, and is answered in kind.
fn goodbye(mut trader: Trader<impl Signer>) {
    let mut out = Vec::new();
    put_close(&mut out, CloseCode::NORMAL, "done", MASK);
    trader.stream.write_all(&out).unwrap();
    let mut rest = trader.inbox.split_off(trader.at);
    trader.stream.read_to_end(&mut rest).unwrap();
    let mut at = 0;
    while let Ok(step) = trader.assembler.next(&mut rest[at..])
        && step.message.is_some()
    {
        at += step.taken;
    }
    assert!(trader.assembler.is_closed());
}

#[test]
fn the_same_requests_are_taken_over_rest() {
    let venue = Venue::start();
    let mut requests = Requests::new(venue.one.api_key(), None, signer(&venue.one));
    let mut ask = |request: &Request<'_>| {
        let mut query = Vec::new();
        requests.put_query(&mut query, now(), request);
        let (verb, path) = request.endpoint().rest.unwrap();
        let target = format!("{path}?{}", String::from_utf8(query).unwrap());
        let answer = venue.one.raw(verb.as_str(), &target, "");
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body.to_string()
    };
    let body = |text: &str| -> String {
        // In the form of an answer, so that the same judge reads it.
        format!("{{\"id\":1,\"status\":200,\"result\":{text}}}")
    };
    let replace = CancelReplace {
        cancel: named("rest_1"),
        mode: CancelReplaceMode::AllowFailure,
        order: order(Side::Sell, 61_000, 20, "rest-2"),
    };
    let cancel = CancelOrder {
        symbol: SYMBOL,
        order: named("rest-2"),
        client_order_id: "c".parse().unwrap(),
    };
    let trades = MyTrades { symbol: SYMBOL, order_id: None, from_id: None, limit: None };
    for request in [
        Request::Time,
        Request::Place(order(Side::Sell, 60_000, 10, "rest_1")),
        Request::OrderStatus { symbol: SYMBOL, order: named("rest_1") },
        Request::CancelReplace(replace),
        Request::OpenOrders { symbol: Some(SYMBOL) },
        Request::Cancel(cancel),
        Request::Place(order(Side::Sell, 62_000, 10, "rest-3")),
        Request::CancelAll { symbol: SYMBOL },
        Request::MyTrades(trades),
        Request::Account { omit_zero_balances: false },
    ] {
        let text = ask(&request);
        assert!(Body::decode(text.as_bytes(), TimeUnit::Millisecond).is_ok());
        decode_whole(request.endpoint().method, body(&text).as_bytes());
    }
}
