//! What a venue is asked over HTTP, and what is made of its answers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tiercel_execution::oms::RunId;
use tiercel_execution::order::{Found, Input, Progress};
use tiercel_execution::position::Fee;
use tiercel_execution::venue::{OrderName, OrderTerms, VenueReport};
use tiercel_trader::budget::Budget;
use tiercel_trader::clerk::{Balance, Clerk, Desk, Errand, Finding, Listed, ListedOrder};
use tiercel_trader::key::SecretKey;
use tiercel_trader::rest::Rest;
use tiercel_types::{
    ClientOrderId, InstrumentId, Money, OrderId, OrderKind, Qty, Side, TimeInForce, Timestamp,
    TradeId,
};
use tiercel_wire::binance::answer::{Interval, LimitKind};
use tiercel_wire::binance::order::Requests;

use crate::it::binance::{BTCUSDT, listed};

const PATIENCE: Duration = Duration::from_secs(20);
const HOUR_NS: i64 = 3_600_000_000_000;

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}

/// An order, as the venue shows it.
fn shown(id: u32, name: &str, [qty, executed]: [&str; 2], status: &str) -> String {
    format!(
        "{{\"symbol\":\"BTCUSDT\",\"orderId\":{id},\"orderListId\":-1,\"clientOrderId\":\"{name}\",\
         \"price\":\"60000.00\",\"origQty\":\"{qty}\",\"executedQty\":\"{executed}\",\
         \"cummulativeQuoteQty\":\"30000\",\"status\":\"{status}\",\"timeInForce\":\"GTC\",\
         \"type\":\"LIMIT\",\"side\":\"BUY\",\"time\":1,\"updateTime\":1,\"isWorking\":true}}"
    )
}

/// A trade of the account, as the venue shows it.
fn trade_of(order: u32, id: u32, qty: &str, asset: &str) -> String {
    format!(
        "{{\"symbol\":\"BTCUSDT\",\"id\":{id},\"orderId\":{order},\"orderListId\":-1,\"price\":\"60000.00\",\
             \"qty\":\"{qty}\",\"quoteQty\":\"1\",\"commission\":\"0.1\",\"commissionAsset\":\"{asset}\",\
             \"time\":1,\"isBuyer\":true,\"isMaker\":true,\"isBestMatch\":true}}"
    )
}

/// What the venue lists, if that is asked for.
fn lists(path: &str) -> Option<String> {
    let (route, asks) = path.split_once('?').unwrap_or((path, ""));
    let is_asked = |what: &str| asks.contains(what);
    match route {
        "/api/v3/openOrders" => {
            let own = shown(79, "T000000000000079", ["1.0", "0.1"], "PARTIALLY_FILLED");
            let others = shown(80, "somebody", ["1.0", "0.2"], "PARTIALLY_FILLED");
            Some(format!("[{own},{others}]"))
        }
        "/api/v3/account" => Some(
            "{\"canTrade\":true,\"updateTime\":1,\"balances\":[\
             {\"asset\":\"BTC\",\"free\":\"1.5\",\"locked\":\"0.25\"}]}"
                .to_owned(),
        ),
        // As many as fit into an answer, all of one order, and what is behind them.
        "/api/v3/myTrades" if is_asked("fromId=2&") => {
            let of_order = |id| trade_of(78, id, "0.00002", "BTC");
            Some(format!("[{}]", (2..1_002).map(of_order).collect::<Vec<_>>().join(",")))
        }
        "/api/v3/myTrades" if is_asked("fromId=1002&") => {
            let [one, other] = [(77, 1_002, "0.5"), (76, 1_003, "1")]
                .map(|(order, id, qty)| trade_of(order, id, qty, "USDT"));
            Some(format!("[{one},{other}]"))
        }
        "/api/v3/myTrades" if is_asked("fromId=") => Some("[]".to_owned()),
        "/api/v3/myTrades" if is_asked("orderId=79") => {
            Some(format!("[{}]", trade_of(79, 1, "0.1", "USDT")))
        }
        "/api/v3/myTrades" if is_asked("limit=1&") => {
            Some(format!("[{}]", trade_of(80, 1_003, "0.2", "USDT")))
        }
        "/api/v3/order" if is_asked("orderId=78") => {
            Some(shown(78, "T000000000000078", ["0.02", "0.02"], "FILLED"))
        }
        _ => None,
    }
}

/// What the venue says to a request.
fn says(verb: &str, path: &str) -> (u16, String) {
    if let Some(listed) = lists(path).filter(|_| verb == "GET") {
        return (200, listed);
    }
    let trade = |id, qty: &str, asset: &str| trade_of(77, id, qty, asset);
    let route = path.split('?').next().unwrap();
    match route {
        "/api/v3/time" => (200, format!("{{\"serverTime\":{}}}", now_ms() + 3_600_000)),
        "/api/v3/depth" if path.contains("symbol=GONE") => {
            (400, "{\"code\":-1121,\"msg\":\"Invalid symbol.\"}".to_owned())
        }
        "/api/v3/depth" => (
            200,
            "{\"lastUpdateId\":9,\"bids\":[[\"60000.00\",\"1\"]],\"asks\":[[\"60001.00\",\"2\"]]}"
                .to_owned(),
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
        "/api/v3/order"
            if path.contains("origClientOrderId=gone") || path.contains("orderId=76") =>
        {
            (400, "{\"code\":-2013,\"msg\":\"Order does not exist.\"}".to_owned())
        }
        "/api/v3/order" => (200, shown(77, "there", ["1.0", "0.5"], "CANCELED")),
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

/// Answers what is asked. Before it does, `before` hears what that is.
fn serve(mut stream: TcpStream, mut before: impl FnMut(&str)) {
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
        before(&format!("{verb} {}", path.split('?').next().unwrap()));
        let (status, body) = says(verb, path);
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn clerk() -> Clerk {
    clerk_of(Budget::default(), |_| {})
}

fn clerk_of(budget: Budget, before: impl FnMut(&str) + Send + 'static) -> Clerk {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.accept().map(|(stream, _)| serve(stream, before)));
    let requests = Requests::new("key", Some(1_000), SecretKey::of_file("secret").unwrap());
    let rest = Rest::new(&address, "key", None).unwrap();
    let gone = Listed { instrument: InstrumentId(1), symbol: "GONE".into(), ..listed() };
    let listed = vec![listed(), gone];
    Clerk::new(Desk { rest, requests, listed, budget, valid_ns: 5_000_000_000 }).unwrap()
}

/// One whose venue holds the first question for an order until it is told to go on, and is slow. It has asked that
/// question.
fn held() -> (Clerk, Receiver<String>, Sender<()>) {
    let (tell, seen) = channel();
    let (release, released) = channel::<()>();
    let mut is_held = true;
    let clerk = clerk_of(Budget::default(), move |what| {
        if what.ends_with("/time") {
            return;
        }
        let _over = tell.send(what.to_owned());
        if std::mem::take(&mut is_held) {
            let _over = released.recv_timeout(PATIENCE);
        }
        std::thread::sleep(Duration::from_millis(20));
    });
    assert!(matches!(next(&clerk), Finding::ClockOffset(_)));
    clerk.ask(query("gone"));
    assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), "GET /api/v3/order");
    (clerk, seen, release)
}

fn name(text: &str) -> OrderName {
    OrderName {
        client_order_id: ClientOrderId::new(text.as_bytes()).unwrap(),
        order_id: OrderId::NONE,
        instrument: BTCUSDT,
        side: Side::Buy,
    }
}

fn query(text: &str) -> Errand {
    Errand::Query { name: name(text), executed_qty: Qty::ZERO, question: 1 }
}

fn place(at: Timestamp, text: &str) -> Errand {
    let terms = OrderTerms {
        client_order_id: ClientOrderId::new(text.as_bytes()).unwrap(),
        instrument: BTCUSDT,
        side: Side::Buy,
        kind: OrderKind::Limit,
        time_in_force: TimeInForce::Gtc,
        price: "60000".parse().unwrap(),
        qty: qty("0.5"),
    };
    Errand::Place { at, terms, replaced: None }
}

fn now() -> Timestamp {
    Timestamp(now_ms() as u64 * 1_000_000)
}

fn told(name: &str, order_id: u64, input: Input) -> VenueReport {
    VenueReport::new(ClientOrderId::new(name.as_bytes()).unwrap(), OrderId(order_id), input)
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

    let ask = |text, question| {
        clerk.ask(Errand::Query { name: name(text), executed_qty: Qty::ZERO, question });
    };
    ask("there", 4);
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

    ask("gone", 5);
    let told = report(&clerk);
    let Input::Status { found, .. } = told.input else { panic!("{told:?}") };
    assert_eq!((found, told.question), (Found::Nothing, 5));
}

#[test]
fn orders_and_cancels_go_over_http_and_what_is_too_old_is_refused_here() {
    let clerk = clerk();
    assert!(matches!(next(&clerk), Finding::ClockOffset(_)));
    clerk.ask(place(now(), "new"));
    assert_eq!(report(&clerk), told("new", 78, Input::Accepted(OrderId(78))));
    // Told to wait, an order is not entered later.
    clerk.ask(place(Timestamp(now().0 - 6_000_000_000), "old"));
    assert_eq!(unsent(&clerk), told("old", 0, Input::Rejected));
    clerk.ask(Errand::Cancel(name("gone")));
    assert_eq!(report(&clerk), told("gone", 0, Input::CancelRejected));
    clerk.ask(place(now(), "much"));
    assert!(matches!(next(&clerk), Finding::Failed));
    assert_eq!(report(&clerk), told("much", 0, Input::Rejected));
    // There were too many orders: cancels are none.
    let asked = Instant::now();
    clerk.ask(Errand::Cancel(name("gone")));
    assert_eq!(report(&clerk), told("gone", 0, Input::CancelRejected));
    assert!(asked.elapsed() < Duration::from_millis(900), "{:?}", asked.elapsed());
}

#[test]
fn a_cancel_is_the_next_thing_asked_and_takes_out_the_order_that_waits() {
    let (clerk, seen, release) = held();
    for number in 0..50 {
        clerk.ask(query(&format!("gone{number}")));
    }
    clerk.ask(place(now(), "waits"));
    clerk.ask(Errand::Cancel(name("waits")));
    clerk.ask(Errand::Cancel(name("open")));
    release.send(()).unwrap();
    assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), "DELETE /api/v3/order");
    let mut findings = Vec::new();
    while !findings.contains(&told("open", 0, Input::CancelRejected)) {
        match next(&clerk) {
            Finding::Report(report) => findings.push(report),
            Finding::Unsent(report) => {
                assert_eq!(report, told("waits", 0, Input::Rejected));
                findings.push(report);
            }
            _ => {}
        }
    }
    assert!(findings.contains(&told("waits", 0, Input::Rejected)));
    assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), "GET /api/v3/order");
}

#[test]
fn what_there_is_no_room_for_is_told_and_the_end_leaves_what_waits() {
    let (clerk, seen, release) = held();
    let at = now();
    for number in 0..1_024 {
        clerk.ask(place(at, &format!("fits{number}")));
        clerk.ask(Errand::Cancel(name(&format!("open{number}"))));
    }
    assert!(clerk.take().is_none());
    clerk.ask(place(at, "more"));
    assert_eq!(unsent(&clerk), told("more", 0, Input::Rejected));
    clerk.ask(Errand::Cancel(name("more")));
    assert_eq!(unsent(&clerk), told("more", 0, Input::CancelRejected));
    release.send(()).unwrap();
    drop(clerk);
    assert!(seen.iter().count() < 500);
}

#[test]
fn a_snapshot_that_does_not_come_is_told() {
    let clerk = clerk();
    assert!(matches!(next(&clerk), Finding::ClockOffset(_)));
    clerk.ask(Errand::Snapshot(InstrumentId(1)));
    assert!(matches!(next(&clerk), Finding::Trouble(_)));
    assert!(matches!(next(&clerk), Finding::NoSnapshot(InstrumentId(1))));
    // Of one that is not listed.
    clerk.ask(Errand::Snapshot(InstrumentId(9)));
    assert!(matches!(next(&clerk), Finding::NoSnapshot(InstrumentId(9))));
}

#[test]
fn a_question_that_has_to_wait_does_not_hold_up_a_cancel() {
    let (tell, seen) = channel();
    let weight = (LimitKind::RequestWeight, Interval::Minute, 1, 20);
    let clerk = clerk_of(Budget::new([weight]), move |what| {
        let _over = tell.send(what.to_owned());
    });
    assert!(matches!(next(&clerk), Finding::ClockOffset(_)));
    clerk.ask(Errand::Snapshot(BTCUSDT));
    std::thread::sleep(Duration::from_millis(20));
    clerk.ask(Errand::Cancel(name("gone")));
    let asked = Instant::now();
    assert_eq!(report(&clerk), told("gone", 0, Input::CancelRejected));
    // It waits for the next minute otherwise.
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    let seen: Vec<String> = seen.try_iter().filter(|what| !what.ends_with("/time")).collect();
    assert_eq!(seen, ["DELETE /api/v3/order"]);
}

#[test]
fn what_is_open_and_has_traded_behind_a_trade_is_listed_with_the_fills_of_its_own_orders() {
    let clerk = clerk();
    assert!(matches!(next(&clerk), Finding::ClockOffset(_)));
    let list = |after| {
        let (instrument, run) = (BTCUSDT, RunId::of(7, 0));
        clerk.ask(Errand::List { instrument, after, run, round: 3 });
        let Finding::Listing(3, listing) = next(&clerk) else { panic!("no listing") };
        assert_eq!((listing.instrument, listing.is_cut), (BTCUSDT, false));
        listing
    };
    let listing = list(Some(TradeId(1)));
    assert_eq!((listing.last_trade, listing.is_anew), (Some(TradeId(1_003)), false));
    let orders = listing.orders.iter().map(|order| {
        let ListedOrder { terms, order_id, is_open, reports, .. } = order;
        (terms.client_order_id.as_str(), order_id.0, *is_open, reports.len())
    });
    let expected = [
        ("T000000000000079", 79, true, 1),
        ("somebody", 80, true, 0),
        // The venue knows no more of it.
        ("", 76, false, 0),
        ("there", 77, false, 2),
        ("T000000000000078", 78, false, 1_000),
    ];
    assert_eq!(orders.collect::<Vec<_>>(), expected);
    let filled = listing.orders.last().unwrap();
    let Input::Filled { trade_id, after, .. } = filled.reports[999].input else { panic!() };
    assert_eq!((trade_id, after), (TradeId(1_001), Progress::Executed(qty("0.02"))));
    // Without a trade that is known none is looked at, and the newest is told.
    let listing = list(None);
    assert_eq!((listing.last_trade, listing.orders.len()), (Some(TradeId(1_003)), 2));
    // Numbers that begin anew.
    let listing = list(Some(TradeId(1_003)));
    assert_eq!((listing.last_trade, listing.is_anew), (Some(TradeId(1_003)), false));
    let listing = list(Some(TradeId(5_000)));
    assert_eq!((listing.last_trade, listing.is_anew), (Some(TradeId(1_003)), true));

    clerk.ask(Errand::Balances { round: 4 });
    let Finding::Balances(4, balances) = next(&clerk) else { panic!("no balances") };
    let total = Money::from_qty(qty("1.75"));
    assert_eq!(balances, [Balance { asset: "BTC".into(), total }]);
    // Of one that is not listed.
    let (instrument, run) = (InstrumentId(9), RunId::of(7, 0));
    clerk.ask(Errand::List { instrument, after: None, run, round: 5 });
    assert!(matches!(next(&clerk), Finding::Trouble(_)));
    assert!(matches!(next(&clerk), Finding::NotListed(5)));
}
