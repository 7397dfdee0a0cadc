//! Requests of a Binance client: JSON that `serde_json` reads, parameters sorted, payloads as they
//! are signed.

use serde_json::Value;
use tiercel_testkit::data;
use tiercel_testkit::random::Random;
use tiercel_types::{
    ClientOrderId, OrderId, Price, Qty, SelfTradePrevention, Side, Timestamp, TradeId,
};
use tiercel_wire::binance::order::{
    AmendOrder, CancelOrder, CancelReplace, CancelReplaceMode, Digits, ListOrder, ListOrders,
    MyTrades, NewOrder, NewOrderList, OrderName, Pair, Request, Requests, Single, Terms, Verb,
};
use tiercel_wire::binance::{ResponseType, TimeInForce};
use tiercel_wire::websocket;

const TIME: Timestamp = Timestamp(1_645_423_376_532_999_999);
const DIGITS: Digits = Digits { price: 2, qty: 8 };

/// Requests of one key.
type Writer = Requests<fn(&[u8], &mut Vec<u8>)>;

/// Shows what it was given, in a form that needs encoding in a query.
fn sign(payload: &[u8], signature: &mut Vec<u8>) {
    signature.extend_from_slice(b"<");
    signature.extend_from_slice(payload);
    signature.extend_from_slice(b">+/=");
}

fn order<'a>() -> NewOrder<'a> {
    NewOrder {
        symbol: "BTCUSDT",
        digits: DIGITS,
        side: Side::Sell,
        terms: Terms::Limit {
            price: Price::from_units(5_200_000_000_000),
            time_in_force: TimeInForce::Gtc,
        },
        qty: Qty::from_units(1_000_000),
        client_order_id: ClientOrderId::EMPTY,
        response: ResponseType::Ack,
        self_trade_prevention: None,
    }
}

fn put(requests: &mut Writer, request: &Request<'_>) -> String {
    let mut out = b"before".to_vec();
    requests.put(&mut out, u64::MAX, TIME, request);
    String::from_utf8(out.split_off(6)).unwrap()
}

fn put_query(requests: &mut Writer, request: &Request<'_>) -> String {
    let mut out = b"before".to_vec();
    requests.put_query(&mut out, TIME, request);
    String::from_utf8(out.split_off(6)).unwrap()
}

fn requests() -> Writer {
    Requests::new("key", Some(100), sign)
}

#[test]
fn an_order_is_written_as_documented() {
    let mut requests = requests();
    requests.set_logged_on(true);
    let mut order = order();
    order.client_order_id = "a-1".parse().unwrap();
    order.self_trade_prevention = Some(SelfTradePrevention::ExpireBoth);
    assert_eq!(
        put(&mut requests, &Request::Place(order)),
        r#"{"id":18446744073709551615,"method":"order.place","params":{"newClientOrderId":"a-1","newOrderRespType":"ACK","price":"52000.00","quantity":"0.01000000","recvWindow":100,"selfTradePreventionMode":"EXPIRE_BOTH","side":"SELL","symbol":"BTCUSDT","timeInForce":"GTC","timestamp":1645423376532,"type":"LIMIT"}}"#
    );
    assert_eq!(
        put(&mut requests, &Request::Time),
        r#"{"id":18446744073709551615,"method":"time","params":{}}"#
    );
    assert_eq!(
        put(&mut requests, &Request::Subscribe),
        r#"{"id":18446744073709551615,"method":"userDataStream.subscribe","params":{}}"#
    );
}

/// The payload of the interface's own document, but for the type of the answer, which we always say.
#[test]
fn a_bracket_is_written_as_documented() {
    let mut requests = requests();
    requests.set_logged_on(true);
    let (price, time_in_force) =
        (|whole: i64| Price::from_units(whole * 100_000_000), TimeInForce::Gtc);
    let named = |terms, name: &str| ListOrder { terms, client_order_id: name.parse().unwrap() };
    let stop = Terms::StopLimit { stop_price: price(49_000), price: price(48_990), time_in_force };
    let NewOrder { symbol, digits, qty, response, .. } = order();
    let working = named(Terms::Limit { price: price(50_000), time_in_force }, "in");
    let above = named(Terms::LimitMaker { price: price(52_000) }, "up");
    let list = NewOrderList {
        symbol,
        digits,
        orders: ListOrders::Otoco {
            working: Single { side: Side::Buy, qty, order: working },
            pending: Pair { side: Side::Sell, qty, above, below: named(stop, "down") },
        },
        response,
        self_trade_prevention: None,
    };
    assert_eq!(
        put(&mut requests, &Request::PlaceList(list)),
        r#"{"id":18446744073709551615,"method":"orderList.place.otoco","params":{"newOrderRespType":"ACK","pendingAboveClientOrderId":"up","pendingAbovePrice":"52000.00","pendingAboveType":"LIMIT_MAKER","pendingBelowClientOrderId":"down","pendingBelowPrice":"48990.00","pendingBelowStopPrice":"49000.00","pendingBelowTimeInForce":"GTC","pendingBelowType":"STOP_LOSS_LIMIT","pendingQuantity":"0.01000000","pendingSide":"SELL","recvWindow":100,"symbol":"BTCUSDT","timestamp":1645423376532,"workingClientOrderId":"in","workingPrice":"50000.00","workingQuantity":"0.01000000","workingSide":"BUY","workingTimeInForce":"GTC","workingType":"LIMIT"}}"#
    );
}

#[test]
fn the_documented_payload_is_what_is_signed() {
    const KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
    let payload = |symbol, price, qty, side, window| {
        let terms =
            Terms::Limit { price: Price::from_units(price), time_in_force: TimeInForce::Gtc };
        let digits = Digits { price: if price > 100_000_000 { 2 } else { 8 }, qty: 8 };
        let order = NewOrder { symbol, digits, side, terms, qty: Qty::from_units(qty), ..order() };
        let mut signed = Vec::new();
        let keep = |payload: &[u8], _: &mut Vec<u8>| signed = payload.to_vec();
        Requests::new(KEY, Some(window), keep).put(
            &mut Vec::new(),
            1,
            TIME,
            &Request::Place(order),
        );
        let signed = String::from_utf8(signed).unwrap();
        assert!(signed.contains("newOrderRespType=ACK&"), "{signed}");
        signed.replace("newOrderRespType=ACK&", "")
    };
    let ascii = payload("BTCUSDT", 5_200_000_000_000, 1_000_000, Side::Sell, 100);
    assert_eq!(
        ascii,
        format!(
            "apiKey={KEY}&price=52000.00&quantity=0.01000000&recvWindow=100&side=SELL&symbol=BTCUSDT&timeInForce=GTC&timestamp=1645423376532&type=LIMIT"
        )
    );
    let wide = payload("１２３４５６", 10_000_000, 100_000_000, Side::Buy, 5_000);
    let Some(path) = data::path("vectors/binance_signatures.json") else { return };
    let vectors: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let documented: Vec<_> = vectors
        .iter()
        .filter(|vector| vector["id"].as_str().unwrap().starts_with("ws_hmac"))
        .map(|vector| vector["payload"].as_str().unwrap())
        .collect();
    assert_eq!(documented, [ascii, wide]);
}

fn terms(random: &mut Random, price: Price) -> Terms {
    let time_in_force = *random.pick(TimeInForce::ALL);
    match random.below(4) {
        0 => Terms::Limit { price, time_in_force },
        1 => Terms::LimitMaker { price },
        2 => Terms::StopLimit { stop_price: price, price, time_in_force },
        _ => Terms::Market,
    }
}

/// Any list of orders like one.
fn list<'a>(random: &mut Random, like: &NewOrder<'a>) -> NewOrderList<'a> {
    let NewOrder { symbol, digits, side, qty, client_order_id, .. } = *like;
    let order = |random: &mut Random| {
        let price = Price::from_units(random.below(1 << 40) as i64);
        ListOrder { terms: terms(random, price), client_order_id }
    };
    let single = |random: &mut Random| Single { side, qty, order: order(random) };
    let pair = |random: &mut Random| Pair { side, qty, above: order(random), below: order(random) };
    let orders = match random.below(3) {
        0 => ListOrders::Oco(pair(random)),
        1 => ListOrders::Oto { working: single(random), pending: single(random) },
        _ => ListOrders::Otoco { working: single(random), pending: pair(random) },
    };
    let self_trade_prevention = like.self_trade_prevention;
    NewOrderList { symbol, digits, orders, response: like.response, self_trade_prevention }
}

/// Any request.
fn any<'a>(random: &mut Random, symbol: &'a str) -> Request<'a> {
    const NAMES: [&str; 5] =
        ["", "a", "web_0f\"\\ x", "~._-:/&=%+", "0123456789012345678901234567890123ab"];
    let client_order_id: ClientOrderId = random.pick(&NAMES).parse().unwrap();
    let name = if random.one_in(2) {
        OrderName::Id(OrderId(random.next_u64()))
    } else {
        OrderName::Client(client_order_id)
    };
    let shift = random.below(60);
    let qty = Qty::from_units(random.next_u64() >> shift);
    let price = Price::from_units((random.next_u64() >> (1 + shift)) as i64);
    let digits = Digits { price: random.below(9) as u32, qty: random.below(9) as u32 };
    let order = NewOrder {
        symbol,
        digits,
        side: *random.pick(Side::ALL),
        terms: terms(random, price),
        qty,
        client_order_id,
        response: *random.pick(ResponseType::ALL),
        self_trade_prevention: random.one_in(2).then(|| *random.pick(SelfTradePrevention::ALL)),
    };
    match random.below(14) {
        12 | 13 => Request::PlaceList(list(random, &order)),
        0 => Request::LogOn,
        1 => Request::SubscribeSigned,
        2 | 3 => Request::Place(order),
        4 => Request::Cancel(CancelOrder { symbol, order: name, client_order_id }),
        5 => {
            let mode = *random.pick(CancelReplaceMode::ALL);
            Request::CancelReplace(CancelReplace { cancel: name, mode, order })
        }
        6 => Request::Amend(AmendOrder {
            symbol,
            digits,
            order: name,
            new_qty: qty,
            new_client_order_id: client_order_id,
        }),
        7 => Request::OrderStatus { symbol, order: name },
        8 => Request::OpenOrders { symbol: random.one_in(2).then_some(symbol) },
        9 => Request::CancelAll { symbol },
        10 => Request::MyTrades(MyTrades {
            symbol,
            order_id: random.one_in(2).then(|| OrderId(random.next_u64())),
            from_id: random.one_in(2).then(|| TradeId(random.next_u64())),
            limit: random.one_in(2).then_some(1_000),
        }),
        _ => Request::Account { omit_zero_balances: random.one_in(2) },
    }
}

/// The same request of an order with other values, of one of these symbols.
fn with_other_values<'a>(
    random: &mut Random,
    request: &Request<'a>,
    symbols: &[&'a str],
) -> Request<'a> {
    const NAMES: [&str; 4] = ["b", "web_1\"", "012345678901234567890123456789012345", "4"];
    let (mut values, shift, symbol) = (*request, random.below(64), *random.pick(symbols));
    let mut number = || random.next_u64() >> shift;
    let (id, qty, at) = (number(), number(), number());
    let price = Price::from_units((number() >> 1) as i64);
    let digits = Digits { price: (at % 9) as u32, qty: (id % 9) as u32 };
    let name: ClientOrderId = NAMES[(at % 4) as usize].parse().unwrap();
    let order = match &mut values {
        Request::Place(order) => order,
        Request::CancelReplace(replace) => {
            replace.cancel = match replace.cancel {
                OrderName::Id(_) => OrderName::Id(OrderId(id)),
                OrderName::Client(_) => OrderName::Client(name),
            };
            &mut replace.order
        }
        _ => return values,
    };
    (order.symbol, order.qty, order.digits) = (symbol, Qty::from_units(qty), digits);
    if !order.client_order_id.is_empty() {
        order.client_order_id = name;
    }
    match &mut order.terms {
        Terms::StopLimit { stop_price, price: limit, .. } => {
            (*stop_price, *limit) = (Price::from_units((qty >> 1) as i64), price);
        }
        Terms::Limit { price: limit, .. } | Terms::LimitMaker { price: limit } => *limit = price,
        Terms::Market => {}
    }
    values
}

/// What a new writer writes is written piece by piece: it knows no form yet.
#[test]
fn a_request_is_written_the_same_whatever_was_written_before_it() {
    const SYMBOLS: [&str; 5] = [
        "BTCUSDT",
        "BTCUSDC",
        "币安人生USDT",
        "a\"\\\u{1}\n",
        "a symbol longer than any that there is, so that none has it",
    ];
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let window_ms = *random.pick(&[None, Some(100), Some(60_000)]);
        let writer = || Writer::new("key", window_ms, sign);
        let (mut requests, mut is_logged_on) = (writer(), false);
        let symbols = [*random.pick(&SYMBOLS), *random.pick(&SYMBOLS)];
        // More than there may be forms, in one seed of two; all else may be anything, at any time.
        let kinds = if seed % 2 == 0 { 4 } else { 60 };
        let known: Vec<_> = (0..kinds).map(|_| any(&mut random, symbols[0])).collect();
        for _ in 0..200 {
            let request = if random.one_in(8) {
                let symbol = *random.pick(&symbols);
                any(&mut random, symbol)
            } else {
                let like = *random.pick(&known);
                // Now and then all that it says was said before.
                if random.one_in(3) {
                    like
                } else {
                    with_other_values(&mut random, &like, &symbols)
                }
            };
            if random.one_in(30) {
                is_logged_on = !is_logged_on;
                requests.set_logged_on(is_logged_on);
            }
            let (id, time) = (random.next_u64() >> random.below(64), random.next_u64());
            let time = Timestamp(time >> random.below(40));
            let mut first = writer();
            first.set_logged_on(is_logged_on);
            let [mut out, mut expected] = [b"before".to_vec(), b"before".to_vec()];
            first.put(&mut expected, id, time, &request);
            if random.one_in(2) {
                requests.put(&mut out, id, time, &request);
            } else {
                let key = (random.next_u64() as u32).to_le_bytes();
                requests.put_masked(&mut out, key, id, time, &request);
                websocket::mask(&mut out[b"before".len()..], key);
            }
            let [out, expected] = [&out, &expected].map(|text| String::from_utf8_lossy(text));
            assert_eq!(out, expected, "seed {seed}: {request:?}");
        }
    }
}

/// Orders of one kind behind each other, as a trader's are: what one says has mostly as many characters as what the one
/// before said, and is often the same.
#[test]
fn an_order_like_the_one_before_says_what_it_is_to_say() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let writer = || {
            let mut writer = Writer::new("key", Some(5_000), sign);
            writer.set_logged_on(true);
            writer
        };
        let mut requests = writer();
        let (start, is_replaced) = (random.next_u64() >> random.below(64), random.one_in(2));
        let least = 10_u64.pow(6 + random.below(13) as u32);
        let usual = [*random.pick(&[2, 0, 8]), *random.pick(&[5, 0, 8])];
        let name = "a-name-of-an-order-that-is-long";
        let name_len = 1 + random.below(name.len() as u64 - 8) as usize;
        for at in 0..100 {
            let number = start.wrapping_add(at);
            let name: ClientOrderId = match random.below(30) {
                0 => "a\"b".parse().unwrap(),
                // As long as one that needs an escape, without it.
                1 | 2 => "abc".parse().unwrap(),
                _ => format!("{}{:08}", &name[..name_len], number % 100_000_000).parse().unwrap(),
            };
            let near = |random: &mut Random| least - least / 50 + random.below(least / 20);
            let digits = Digits {
                price: if random.one_in(10) { random.below(9) as u32 } else { usual[0] },
                qty: if random.one_in(10) { random.below(9) as u32 } else { usual[1] },
            };
            let order = NewOrder {
                digits,
                terms: Terms::LimitMaker { price: Price::from_units(near(&mut random) as i64) },
                qty: Qty::from_units(if random.one_in(4) { near(&mut random) } else { least }),
                client_order_id: name,
                ..order()
            };
            let request = if is_replaced {
                let (cancel, mode) = (OrderName::Id(OrderId(number)), CancelReplaceMode::ALL[0]);
                Request::CancelReplace(CancelReplace { cancel, mode, order })
            } else {
                Request::Place(order)
            };
            let time = Timestamp((1_799_999_999_950 + at) * 1_000_000);
            let key = (random.next_u64() as u32).to_le_bytes();
            let [mut out, mut expected] = [Vec::new(), Vec::new()];
            requests.put_masked(&mut out, key, number, time, &request);
            websocket::mask(&mut out, key);
            writer().put(&mut expected, number, time, &request);
            let [out, expected] = [&out, &expected].map(|text| String::from_utf8_lossy(text));
            assert_eq!(out, expected, "seed {seed}: {request:?}");
        }
    }
}

/// Takes a query string apart, its values decoded.
fn pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            assert!(byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte), "{text}");
            bytes.push(if byte == b'%' {
                let hex: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&hex, 16).unwrap()
            } else {
                byte
            });
        }
        String::from_utf8(bytes).unwrap()
    };
    let pair =
        |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), decode(value)));
    query.split('&').map(|text| pair(text).unwrap()).collect()
}

#[test]
fn parameters_are_sorted_and_what_is_signed_is_what_is_sent() {
    let mut requests = requests();
    for seed in 0..5_000 {
        let mut random = Random::new(seed);
        let symbol = *random.pick(&["BTCUSDT", "币安人生USDT", "a\"\\\u{1}\n"]);
        let request = any(&mut random, symbol);
        let endpoint = request.endpoint();
        let text = put(&mut requests, &request);
        let json: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(json["id"], u64::MAX);
        assert_eq!(json["method"], endpoint.method);
        // The order of members as they stand, which a map does not keep.
        let params = json["params"].as_object().unwrap();
        let mut sent: Vec<(String, String)> = params
            .iter()
            .filter(|(name, _)| *name != "signature")
            .map(|(name, value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                (name.clone(), value)
            })
            .collect();
        sent.sort();
        let joined: Vec<_> = sent.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(params["signature"], format!("<{}>+/=", joined.join("&")), "{text}");
        let places: Vec<_> =
            sent.iter().map(|(name, _)| text.find(&format!("\"{name}\":")).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
        // The same over REST, without the key.
        let Some((_, path)) = endpoint.rest else { continue };
        assert!(path.starts_with("/api/v3/"));
        let query = put_query(&mut requests, &request);
        let (unsigned, signature) = query.split_once("&signature=").unwrap();
        assert_eq!(pairs(&format!("s={signature}"))[0].1, format!("<{unsigned}>+/="));
        sent.retain(|(name, _)| name != "apiKey");
        assert_eq!(pairs(unsigned), sent);
    }
}

#[test]
fn on_a_connection_that_is_logged_on_only_what_opens_it_is_signed() {
    let mut requests = requests();
    requests.set_logged_on(true);
    let signed = |request: &Request<'_>, requests: &mut _| {
        let text = put(requests, request);
        (text.contains("signature"), text.contains("apiKey"), text.contains("timestamp"))
    };
    assert_eq!(signed(&Request::Place(order()), &mut requests), (false, false, true));
    assert_eq!(signed(&Request::LogOn, &mut requests), (true, true, true));
    assert_eq!(signed(&Request::SubscribeSigned, &mut requests), (true, true, true));
    assert_eq!(signed(&Request::Subscribe, &mut requests), (false, false, false));
    assert!(put_query(&mut requests, &Request::Place(order())).contains("&signature="));
    assert_eq!(put_query(&mut requests, &Request::Time), "");
    requests.set_logged_on(false);
    assert_eq!(signed(&Request::Place(order()), &mut requests), (true, true, true));
}

#[test]
fn requests_go_where_the_documents_have_them() {
    let open = |symbol| Request::OpenOrders { symbol }.endpoint();
    assert_eq!(open(Some("BTCUSDT")).rest, Some((Verb::Get, "/api/v3/openOrders")));
    assert_eq!((open(Some("BTCUSDT")).weight, open(None).weight), (6, 80));
    let place = Request::Place(order()).endpoint();
    assert_eq!((place.rest, place.weight), (Some((Verb::Post, "/api/v3/order")), 1));
    let all = Request::CancelAll { symbol: "BTCUSDT" }.endpoint();
    assert_eq!(all.rest.map(|(verb, _)| verb.as_str()), Some("DELETE"));
    assert_eq!(Request::LogOn.endpoint().rest, None);
}
