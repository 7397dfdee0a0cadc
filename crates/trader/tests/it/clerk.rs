//! What a venue is asked over HTTP, and what is made of its answers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tiercel_execution::order::{Found, Input, Progress};
use tiercel_execution::position::Fee;
use tiercel_execution::venue::{OrderName, OrderTerms, VenueReport};
use tiercel_trader::budget::Budget;
use tiercel_trader::clerk::{Clerk, Desk, Errand, Finding};
use tiercel_trader::key::SecretKey;
use tiercel_trader::rest::Rest;
use tiercel_types::{
    ClientOrderId, Money, OrderId, OrderKind, Qty, Side, TimeInForce, Timestamp, TradeId,
};
use tiercel_wire::binance::order::Requests;

use crate::it::binance::{BTCUSDT, listed};

const PATIENCE: Duration = Duration::from_secs(20);
const HOUR_NS: i64 = 3_600_000_000_000;

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}

/// What the venue says to a request.
fn says(verb: &str, path: &str) -> (u16, String) {
    let trade = |id: u32, qty: &str, asset: &str| {
        format!(
            "{{\"symbol\":\"BTCUSDT\",\"id\":{id},\"orderId\":77,\"orderListId\":-1,\"price\":\"60000.00\",\
             \"qty\":\"{qty}\",\"quoteQty\":\"1\",\"commission\":\"0.1\",\"commissionAsset\":\"{asset}\",\
             \"time\":1,\"isBuyer\":true,\"isMaker\":true,\"isBestMatch\":true}}"
        )
    };
    let route = path.split('?').next().unwrap();
    match route {
        "/api/v3/time" => (200, format!("{{\"serverTime\":{}}}", now_ms() + 3_600_000)),
        "/api/v3/depth" => (
            200,
            "{\"lastUpdateId\":9,\"bids\":[[\"60000.00\",\"1\"]],\"asks\":[[\"60001.00\",\"2\"]]}".to_owned(),
        ),
        "/api/v3/order" if verb == "POST" && path.contains("newClientOrderId=much") => {
            (429, "{\"code\":-1015,\"msg\":\"Too many new orders.\"}".to_owned())
        }
        "/api/v3/order" if verb == "POST" => (
            200,
            "{\"symbol\":\"BTCUSDT\",\"orderId\":78,\"orderListId\":-1,\"clientOrderId\":\"new\",\
             \"transactTime\":1}"
                .to_owned(),
        ),
        "/api/v3/order" if verb == "DELETE" => {
            (400, "{\"code\":-2011,\"msg\":\"Unknown order sent.\"}".to_owned())
        }
        "/api/v3/order" if path.contains("origClientOrderId=gone") => {
            (400, "{\"code\":-2013,\"msg\":\"Order does not exist.\"}".to_owned())
        }
        "/api/v3/order" => (
            200,
            "{\"symbol\":\"BTCUSDT\",\"orderId\":77,\"orderListId\":-1,\"clientOrderId\":\"there\",\
             \"price\":\"60000.00\",\"origQty\":\"1.0\",\"executedQty\":\"0.5\",\
             \"cummulativeQuoteQty\":\"30000\",\"status\":\"CANCELED\",\"timeInForce\":\"GTC\",\
             \"type\":\"LIMIT\",\"side\":\"BUY\",\"time\":1,\"updateTime\":1,\"isWorking\":true}"
                .to_owned(),
        ),
        // The newest first, and one that the status does not have yet.
        "/api/v3/myTrades" => (
            200,
            format!(
                "[{},{},{}]",
                trade(7, "0.2", "BTC"),
                trade(6, "0.3", "BNB"),
                trade(5, "0.2", "USDT")
            ),
        ),
        _ => (404, "{\"code\":-1020,\"msg\":\"no\"}".to_owned()),
    }
}

fn serve(mut stream: TcpStream) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while stream.read(&mut byte).is_ok_and(|count| count == 1) {
        head.push(byte[0]);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8(std::mem::take(&mut head)).unwrap();
        let mut words = text.split(' ');
        let (verb, path) = (words.next().unwrap(), words.next().unwrap());
        assert!(!path.contains("timestamp=") || path.contains("&signature="), "{path}");
        let (status, body) = says(verb, path);
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).unwrap();
    }
}

fn clerk() -> Clerk {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.accept().map(|(stream, _)| serve(stream)));
    let requests = Requests::new("key", Some(1_000), SecretKey::of_file("secret").unwrap());
    let rest = Rest::new(&address, "key", None).unwrap();
    let (listed, budget) = (vec![listed()], Budget::default());
    Clerk::new(Desk { rest, requests, listed, budget, valid_ns: 5_000_000_000 }).unwrap()
}

fn next(clerk: &Clerk) -> Finding {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(finding) = clerk.take() {
            return finding;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("nothing was found");
}

fn report(clerk: &Clerk) -> VenueReport {
    match next(clerk) {
        Finding::Report(report) => report,
        other => panic!("{other:?}"),
    }
}

/// Of what the venue was not asked.
fn unsent(clerk: &Clerk) -> VenueReport {
    match next(clerk) {
        Finding::Unsent(report) => report,
        other => panic!("{other:?}"),
    }
}

fn qty(text: &str) -> Qty {
    text.parse().unwrap()
}

#[test]
fn an_order_is_asked_for_with_its_trades_in_their_order_and_its_status_behind_them() {
    let clerk = clerk();
    let Finding::ClockOffset(offset_ns) = next(&clerk) else { panic!("no clock") };
    assert!((offset_ns - HOUR_NS).abs() < 20_000_000_000, "{offset_ns}");

    clerk.ask(Errand::Snapshot(BTCUSDT));
    let Finding::Snapshot { last_update_id, bids, asks, .. } = next(&clerk) else {
        panic!("no snapshot")
    };
    assert_eq!((last_update_id, bids.len(), asks[0].qty), (9, 1, qty("2")));

    let name = |text: &[u8]| OrderName {
        client_order_id: ClientOrderId::new(text).unwrap(),
        order_id: OrderId::NONE,
        instrument: BTCUSDT,
        side: Side::Buy,
    };
    let ask = |text, question| {
        clerk.ask(Errand::Query { name: name(text), executed_qty: Qty::ZERO, question });
    };
    ask(b"there", 4);
    let amount = Money::from_qty(qty("0.1"));
    for (id, filled, after, fee) in
        [(5, "0.2", "0.2", Fee::Quote(amount)), (6, "0.3", "0.5", Fee::Other(amount))]
    {
        let report = report(&clerk);
        let input = Input::Filled {
            trade_id: TradeId(id),
            price: "60000".parse().unwrap(),
            qty: qty(filled),
            after: Progress::Executed(qty(after)),
        };
        assert_eq!((report.input, report.fee, report.order_id), (input, fee, OrderId(77)));
    }
    let told = report(&clerk);
    let Input::Status { found, executed_qty, .. } = told.input else { panic!("{told:?}") };
    assert_eq!((found, executed_qty, told.question), (Found::Cancelled, qty("0.5"), 4));

    ask(b"gone", 5);
    let told = report(&clerk);
    let Input::Status { found, .. } = told.input else { panic!("{told:?}") };
    assert_eq!((found, told.question), (Found::Nothing, 5));
}

#[test]
fn orders_and_cancels_go_over_http_and_what_is_too_old_is_refused_here() {
    let clerk = clerk();
    assert!(matches!(next(&clerk), Finding::ClockOffset(_)));
    let terms = |text: &[u8]| OrderTerms {
        client_order_id: ClientOrderId::new(text).unwrap(),
        instrument: BTCUSDT,
        side: Side::Buy,
        kind: OrderKind::Limit,
        time_in_force: TimeInForce::Gtc,
        price: "60000".parse().unwrap(),
        qty: qty("0.5"),
    };
    let now = Timestamp(now_ms() as u64 * 1_000_000);
    let place = |at, text| clerk.ask(Errand::Place { at, terms: terms(text), replaced: None });
    let told = |name: &[u8], order_id, input| {
        VenueReport::new(ClientOrderId::new(name).unwrap(), OrderId(order_id), input)
    };
    place(now, b"new");
    assert_eq!(report(&clerk), told(b"new", 78, Input::Accepted(OrderId(78))));
    // Told to wait, an order is not entered later.
    place(Timestamp(now.0 - 6_000_000_000), b"old");
    assert_eq!(unsent(&clerk), told(b"old", 0, Input::Rejected));
    let name = OrderName {
        client_order_id: ClientOrderId::new(b"gone").unwrap(),
        order_id: OrderId::NONE,
        instrument: BTCUSDT,
        side: Side::Buy,
    };
    clerk.ask(Errand::Cancel(name));
    assert_eq!(report(&clerk), told(b"gone", 0, Input::CancelRejected));
    place(now, b"much");
    assert!(matches!(next(&clerk), Finding::Failed));
    assert_eq!(unsent(&clerk), told(b"much", 0, Input::Rejected));
}
