//! Orders over the Binance interface, by what a venue says, without sockets.

use std::sync::{Arc, Mutex};

use tiercel_execution::breaker::BreakerState;
use tiercel_execution::oms::RunId;
use tiercel_execution::order::{Found, Input};
use tiercel_execution::venue::VenueReport;
use tiercel_strategy::{Action, OrderUpdateKind};
use tiercel_trader::budget::Budget;
use tiercel_trader::clerk::Errand;
use tiercel_trader::connector::BinanceOrders;
use tiercel_trader::connector::binance::OrdersFault;
use tiercel_trader::core::Core;
use tiercel_trader::key::SecretKey;
use tiercel_types::{ClientOrderId, Money, OrderId, Qty, Side, Timestamp};
use tiercel_wire::binance::answer::{Interval, LimitKind};
use tiercel_wire::binance::order::Requests;
use tiercel_wire::websocket::{self, Opcode};

use super::binance::{
    BTCUSDT, DESK, OPTIONS, SECOND_NS, START, Script, core, frame, handover, listed, sent, snapshot,
};

const ONE: u64 = 100_000_000;
const HALF_OPEN: BreakerState = BreakerState::HalfOpen { permit: true };

/// A connection of orders, with a book to trade on.
struct Desk {
    orders: BinanceOrders,
    core: Core,
    script: Arc<Mutex<Script>>,
    now: Timestamp,
}

impl Desk {
    fn new(secret: &str, limits: &[(LimitKind, Interval, u64, u64)]) -> Self {
        let (mut core, script) = core();
        core.market_mut(BTCUSDT).unwrap().numbered_mut().unwrap().feed_up();
        snapshot(100, START, &mut core);
        let secret = SecretKey::of_file(secret).unwrap();
        let logs_on = secret.logs_on();
        let orders = BinanceOrders::new(
            DESK,
            Requests::new("key", Some(1_000), secret),
            logs_on,
            vec![listed()],
            Budget::new(limits.iter().copied()),
            OPTIONS,
        );
        Self { orders, core, script, now: START }
    }

    /// One on which requests can be sent.
    fn up(limits: &[(LimitKind, Interval, u64, u64)]) -> Self {
        let mut desk = Self::new("secret", limits);
        desk.orders.set_clock_offset(0);
        desk.orders.connected(START, handover(), &mut desk.core).unwrap();
        assert_eq!(sent(desk.orders.output()).len(), 1);
        desk.hear("{\"id\":1,\"status\":200,\"result\":{\"subscriptionId\":0}}").unwrap();
        assert!(desk.orders.is_up());
        desk
    }

    fn hear(&mut self, text: &str) -> Result<(), OrdersFault> {
        self.orders.received(self.now, &frame(text), &mut self.core).map(|_| ())
    }

    /// Has the strategy do something, and returns what was sent because of it.
    fn want(&mut self, action: Action) -> Vec<String> {
        self.script.lock().unwrap().wanted.push(action);
        self.core.book_changed(self.now, BTCUSDT);
        self.requests()
    }

    fn requests(&mut self) -> Vec<String> {
        let Self { orders, core, now, .. } = self;
        core.take_requests(*now, |_, request| orders.request(*now, request));
        orders.take_unsent(*now, core);
        sent(orders.output())
    }

    /// What the strategy was told of orders since it was asked last.
    fn updates(&self) -> Vec<(u64, OrderUpdateKind)> {
        std::mem::take(&mut self.script.lock().unwrap().orders)
    }

    /// The name of the newest order that lives.
    fn name(&self) -> String {
        let live = self.core.oms().live().last().unwrap().1;
        live.client_order_id.as_str().to_owned()
    }
}

fn quote(tag: u64) -> Action {
    let (price, qty) = ("59999.50".parse().unwrap(), Qty::from_units(ONE));
    Action::post_only(tag, BTCUSDT, Side::Buy, price, qty)
}

fn execution(name: &str, what: &str, status: &str, fill: &str) -> String {
    format!(
        "{{\"subscriptionId\":0,\"event\":{{\"e\":\"executionReport\",\"E\":1,\"s\":\"BTCUSDT\",\"c\":\"{name}\",\
         \"S\":\"BUY\",\"o\":\"LIMIT_MAKER\",\"f\":\"GTC\",\"q\":\"1.00000000\",\"p\":\"59999.50000000\",\
         \"P\":\"0.00000000\",\"F\":\"0.00000000\",\"g\":-1,\"C\":\"\",\"x\":\"{what}\",\"X\":\"{status}\",\
         \"r\":\"NONE\",\"i\":77,{fill},\"T\":1,\"I\":9,\"w\":true,\"m\":true,\"M\":true,\"O\":1,\"Z\":\"0.0\",\
         \"Y\":\"0.0\",\"Q\":\"0.0\",\"W\":1,\"V\":\"EXPIRE_TAKER\"}}}}"
    )
}

const NO_FILL: &str = "\"l\":\"0.0\",\"z\":\"0.0\",\"L\":\"0.0\",\"n\":\"0\",\"N\":null,\"t\":-1";

fn ack(id: u64, name: &str) -> String {
    format!(
        "{{\"id\":{id},\"status\":200,\"result\":{{\"symbol\":\"BTCUSDT\",\"orderId\":77,\"orderListId\":-1,\
         \"clientOrderId\":\"{name}\",\"transactTime\":1}}}}"
    )
}

fn refusal(id: u64, status: u16, code: i32) -> String {
    format!("{{\"id\":{id},\"status\":{status},\"error\":{{\"code\":{code},\"msg\":\"no\"}}}}")
}

#[test]
fn nothing_is_signed_before_the_venue_s_clock_is_known() {
    let mut desk = Desk::new("secret", &[]);
    desk.orders.connected(START, handover(), &mut desk.core).unwrap();
    assert_eq!(sent(desk.orders.output()), [""; 0]);
    desk.orders.set_clock_offset(-2 * SECOND_NS.cast_signed());
    desk.orders.tick(START).unwrap();
    let texts = sent(desk.orders.output());
    let [text] = texts.as_slice() else { panic!("{texts:?}") };
    assert!(text.contains("\"method\":\"userDataStream.subscribe.signature\""), "{text}");
    assert!(text.contains("\"timestamp\":1799999998000") && text.contains("\"signature\":\""));
    assert!(!desk.orders.is_up());
    let told = desk.hear(&refusal(1, 400, -1022)).unwrap_err().to_string();
    assert_eq!(told, "the subscription is refused with -1022: no");
}

#[test]
fn a_key_that_can_log_on_does_and_signs_nothing_more() {
    let pem = "-----BEGIN PRIVATE KEY-----\n\
               MC4CAQAwBQYDK2VwBCIEIAUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUF\n\
               -----END PRIVATE KEY-----\n";
    let mut desk = Desk::new(pem, &[]);
    desk.orders.set_clock_offset(0);
    desk.orders.connected(START, handover(), &mut desk.core).unwrap();
    assert!(sent(desk.orders.output())[0].contains("session.logon"));
    desk.hear("{\"id\":1,\"status\":200,\"result\":{\"apiKey\":\"key\"}}").unwrap();
    let subscribe = sent(desk.orders.output());
    assert_eq!(subscribe, ["{\"id\":2,\"method\":\"userDataStream.subscribe\",\"params\":{}}"]);
    desk.hear("{\"id\":2,\"status\":200,\"result\":{\"subscriptionId\":0}}").unwrap();
    let place = desk.want(quote(1));
    assert!(place[0].contains("order.place") && !place[0].contains("signature"), "{place:?}");
}

#[test]
fn an_order_and_its_fills_count_once_however_often_they_are_told() {
    let mut desk = Desk::up(&[]);
    let place = desk.want(quote(1)).remove(0);
    let name = desk.name();
    for part in [
        "\"method\":\"order.place\"",
        "\"type\":\"LIMIT_MAKER\"",
        "\"price\":\"59999.50\"",
        "\"quantity\":\"1.00000\"",
        &format!("\"newClientOrderId\":\"{name}\""),
    ] {
        assert!(place.contains(part), "{part} in {place}");
    }
    let fill =
        "\"l\":\"0.4\",\"z\":\"0.4\",\"L\":\"59999.5\",\"n\":\"0.0004\",\"N\":\"BTC\",\"t\":5";
    desk.hear(&execution(&name, "NEW", "NEW", NO_FILL)).unwrap();
    desk.hear(&ack(2, &name)).unwrap();
    for _ in 0..2 {
        desk.hear(&execution(&name, "TRADE", "PARTIALLY_FILLED", fill)).unwrap();
    }
    let kinds = [(1, OrderUpdateKind::Accepted), (1, OrderUpdateKind::Filled)];
    assert_eq!(desk.updates(), kinds);
    let owned = desk.core.oms().position(BTCUSDT).unwrap().owned();
    assert_eq!(owned, Money::from_qty("0.3996".parse().unwrap()));
    assert_eq!(desk.core.counts().anomalies, 0);
}

#[test]
fn an_unknown_outcome_is_no_refusal_and_a_refused_cancel_is_asked_about() {
    let mut desk = Desk::up(&[]);
    desk.want(quote(1));
    desk.hear(&refusal(2, 504, -1007)).unwrap();
    assert_eq!(desk.updates(), []);
    let name = desk.name();
    desk.hear(&execution(&name, "NEW", "NEW", NO_FILL)).unwrap();
    desk.want(quote(2));
    desk.hear(&refusal(3, 400, -2010)).unwrap();
    let kinds = [(1, OrderUpdateKind::Accepted), (2, OrderUpdateKind::Rejected)];
    assert_eq!(desk.updates(), kinds);
    let cancel = desk.want(Action::cancel(1, BTCUSDT)).remove(0);
    assert!(cancel.contains("order.cancel") && cancel.contains("\"orderId\":77"), "{cancel}");
    // At some venues it is what the order is called then: it begins with the order's name.
    let called = cancel.split("\"newClientOrderId\":\"").nth(1).unwrap().split('"').next().unwrap();
    let own = RunId::of(1, 0).own(&ClientOrderId::new(called.as_bytes()).unwrap());
    assert!(called.ends_with("-c") && own.is_some(), "{called}");
    desk.hear(&refusal(4, 400, -2011)).unwrap();
    assert_eq!(desk.requests(), [""; 0]);
    let [Errand::Query { name: asked, question, .. }] = desk.orders.errands()[..] else {
        panic!("nothing is asked");
    };
    assert_eq!((asked.client_order_id.as_str(), question > 0), (name.as_str(), true));
}

#[test]
fn a_replacement_whose_cancel_fails_is_rejected_and_the_order_stays() {
    let mut desk = Desk::up(&[]);
    desk.want(quote(1));
    let name = desk.name();
    desk.hear(&ack(2, &name)).unwrap();
    let (price, qty) = ("59999.70".parse().unwrap(), Qty::from_units(ONE));
    let replace = desk.want(Action::replace(1, BTCUSDT, price, qty)).remove(0);
    assert!(replace.contains("order.cancelReplace") && replace.contains("STOP_ON_FAILURE"));
    desk.updates();
    desk.hear(
        "{\"id\":3,\"status\":400,\"error\":{\"code\":-2022,\"msg\":\"no\",\"data\":{\
         \"cancelResult\":\"FAILURE\",\"newOrderResult\":\"NOT_ATTEMPTED\",\
         \"cancelResponse\":{\"code\":-2011,\"msg\":\"Unknown order sent.\"},\"newOrderResponse\":null}}}",
    )
    .unwrap();
    // What became of the old one is asked for; it counts as open until that is known.
    assert!(desk.updates().contains(&(1, OrderUpdateKind::ReplaceRejected)));
    assert_eq!(desk.core.oms().live_orders(), 1);
    assert_eq!(desk.name(), name);
    assert_eq!(desk.requests(), [""; 0]);
    let [Errand::Query { name: asked, .. }] = desk.orders.errands()[..] else {
        panic!("nothing is asked");
    };
    assert_eq!(asked.client_order_id.as_str(), name);
}

#[test]
fn what_would_be_too_much_is_refused_here_and_not_by_the_venue() {
    let limits = [(LimitKind::Orders, Interval::Second, 10, 1)];
    let mut desk = Desk::up(&limits);
    assert_eq!(desk.want(quote(1)).len(), 1);
    assert_eq!(desk.want(quote(2)), [""; 0]);
    assert_eq!(desk.updates(), [(2, OrderUpdateKind::Rejected)]);
    // Cancels are no orders.
    let name = desk.name();
    desk.hear(&ack(2, &name)).unwrap();
    assert_eq!(desk.want(Action::cancel(1, BTCUSDT)).len(), 1);
}

#[test]
fn what_was_refused_here_says_nothing_of_the_venue() {
    let mut desk = Desk::up(&[(LimitKind::Orders, Interval::Second, 10, 1)]);
    let breaker = |desk: &Desk| desk.core.oms().breaker(desk.now, DESK).unwrap();
    assert_eq!(desk.want(quote(1)).len(), 1);
    while desk.core.oms().breaker(desk.now, DESK) != Some(HALF_OPEN) {
        desk.core.venue_failed(desk.now, DESK);
        desk.now.0 += SECOND_NS;
    }
    // One may leave, and is too much for the budget.
    desk.updates();
    assert_eq!(desk.want(quote(2)), [""; 0]);
    assert_eq!(desk.updates(), [(2, OrderUpdateKind::Rejected)]);
    assert_eq!(breaker(&desk), HALF_OPEN);
    // The first was not answered in ten seconds, and not in the next ten.
    desk.now.0 += 20 * SECOND_NS;
    assert_eq!(desk.want(quote(3)).len(), 1);
    assert_eq!(breaker(&desk), BreakerState::HalfOpen { permit: false });
    let name = desk.name();
    desk.hear(&ack(3, &name)).unwrap();
    assert_eq!(breaker(&desk), BreakerState::Closed { failures: 0 });
}

#[test]
fn a_cancel_that_may_not_leave_waits_and_leaves_first_of_all() {
    let mut desk = Desk::up(&[(LimitKind::RequestWeight, Interval::Minute, 1, 2)]);
    desk.want(quote(1));
    let name = desk.name();
    desk.hear(&ack(2, &name)).unwrap();
    // The last of the weight, and the venue wants to be left alone.
    assert_eq!(desk.want(Action::cancel(1, BTCUSDT)).len(), 1);
    desk.updates();
    desk.hear(&refusal(3, 429, -1003)).unwrap();
    assert_eq!(desk.updates(), [], "it is not refused");
    desk.orders.tick(desk.now).unwrap();
    assert_eq!(sent(desk.orders.output()), [""; 0]);
    desk.now = Timestamp(desk.now.0 + 60 * SECOND_NS);
    // Nothing leaves before it.
    assert_eq!(desk.want(quote(2)), [""; 0]);
    assert!(desk.updates().contains(&(2, OrderUpdateKind::Rejected)));
    desk.hear("{\"id\":99,\"status\":200,\"result\":{}}").unwrap();
    desk.orders.tick(desk.now).unwrap();
    let left = sent(desk.orders.output());
    assert!(left.len() == 1 && left[0].contains("order.cancel"), "{left:?}");
    assert!(left[0].contains("\"orderId\":77"), "{left:?}");
}

/// The same answer, with what the account has used of its orders in ten seconds.
fn with_count(answer: &str, limit: u64, count: u64) -> String {
    let rest = answer.strip_suffix('}').unwrap();
    format!(
        "{rest},\"rateLimits\":[{{\"rateLimitType\":\"ORDERS\",\"interval\":\"SECOND\",\"intervalNum\":10,\
         \"limit\":{limit},\"count\":{count}}}]}}"
    )
}

#[test]
fn after_too_many_orders_no_order_leaves_for_a_while_and_cancels_do() {
    let mut desk = Desk::up(&[
        (LimitKind::Orders, Interval::Second, 10, 100),
        (LimitKind::Orders, Interval::Day, 1, 200_000),
    ]);
    desk.want(quote(1));
    let name = desk.name();
    desk.hear(&ack(2, &name)).unwrap();
    desk.want(quote(2));
    desk.updates();
    // Until the end of the day.
    let until_ms = START.0 / 1_000_000 + 57_600_000;
    desk.hear(&format!(
        "{{\"id\":3,\"status\":429,\"error\":{{\"code\":-1015,\"msg\":\"no\",\
         \"data\":{{\"serverTime\":1,\"retryAfter\":{until_ms}}}}}}}"
    ))
    .unwrap();
    assert_eq!(desk.updates(), [(2, OrderUpdateKind::Rejected)]);
    let cancel = desk.want(Action::cancel(1, BTCUSDT));
    assert!(cancel.len() == 1 && cancel[0].contains("order.cancel"), "{cancel:?}");
    desk.now.0 += 57_599 * SECOND_NS;
    assert_eq!(desk.want(quote(3)), [""; 0]);
    desk.now.0 += SECOND_NS;
    assert_eq!(desk.want(quote(4)).len(), 1);
}

#[test]
fn orders_that_are_not_answered_yet_count_beside_what_the_venue_has_counted() {
    let mut desk = Desk::up(&[(LimitKind::Orders, Interval::Second, 10, 2)]);
    assert_eq!(desk.want(quote(1)).len(), 1);
    let name = desk.name();
    assert_eq!(desk.want(quote(2)).len(), 1);
    desk.hear(&with_count(&ack(2, &name), 2, 1)).unwrap();
    desk.updates();
    assert_eq!(desk.want(quote(3)), [""; 0]);
    assert_eq!(desk.updates(), [(3, OrderUpdateKind::Rejected)]);
    // The other is answered, and one has filled meanwhile.
    let name = desk.name();
    desk.hear(&with_count(&ack(3, &name), 2, 1)).unwrap();
    assert_eq!(desk.want(quote(4)).len(), 1);
}

#[test]
fn of_a_connection_that_is_gone_no_order_is_on_its_way() {
    let mut desk = Desk::up(&[(LimitKind::Orders, Interval::Second, 10, 1)]);
    assert_eq!(desk.want(quote(1)).len(), 1);
    desk.orders.closed(desk.now, &mut desk.core);
    desk.orders.connected(desk.now, handover(), &mut desk.core).unwrap();
    sent(desk.orders.output());
    desk.hear("{\"id\":3,\"status\":200,\"result\":{\"subscriptionId\":0}}").unwrap();
    desk.requests();
    for errand in std::mem::take(desk.orders.errands()) {
        let Errand::Query { name, question, .. } = errand else { panic!("{errand:?}") };
        let (price, qty) = ("59999.50".parse().unwrap(), Qty::from_units(ONE));
        let input = Input::Status { found: Found::Cancelled, executed_qty: Qty::ZERO, price, qty };
        let report = VenueReport::answer(name.client_order_id, OrderId(77), question, input);
        desk.core.report(desk.now, DESK, &report);
    }
    assert_eq!(desk.core.oms().live_orders(), 0);
    assert_eq!(desk.want(quote(2)), [""; 0], "it may have been counted");
    desk.now.0 += 10 * SECOND_NS;
    assert_eq!(desk.want(quote(3)).len(), 1);
}

#[test]
fn a_venue_that_does_not_log_the_trader_on_is_left_however_often_it_pings() {
    let mut desk = Desk::new("secret", &[]);
    desk.orders.set_clock_offset(0);
    desk.orders.connected(START, handover(), &mut desk.core).unwrap();
    let mut ping = Vec::new();
    websocket::put(&mut ping, Opcode::Ping, b"", None);
    for second in 0..=10 {
        desk.now = Timestamp(START.0 + second * SECOND_NS);
        desk.orders.received(desk.now, &ping, &mut desk.core).unwrap();
        assert_eq!(desk.orders.tick(desk.now), Ok(()), "{second}");
    }
    desk.now.0 += SECOND_NS;
    assert_eq!(desk.orders.tick(desk.now), Err(OrdersFault::NotLoggedOn(10 * SECOND_NS)));
}

#[test]
fn without_the_connection_cancels_are_left_to_the_clerk_and_over_http_orders_are_too() {
    let mut desk = Desk::up(&[(LimitKind::RequestWeight, Interval::Minute, 1, 1)]);
    desk.want(quote(1));
    let name = desk.name();
    desk.hear(&ack(2, &name)).unwrap();
    assert_eq!(desk.want(Action::cancel(1, BTCUSDT)), [""; 0]);
    desk.orders.closed(desk.now, &mut desk.core);
    let errands = std::mem::take(desk.orders.errands());
    let [Errand::Cancel(waited)] = errands[..] else { panic!("{errands:?}") };
    assert_eq!(waited.client_order_id.as_str(), name);
    desk.now = Timestamp(desk.now.0 + 2 * SECOND_NS);
    desk.want(Action::cancel(1, BTCUSDT));
    let errands = std::mem::take(desk.orders.errands());
    assert!(matches!(errands[..], [Errand::Cancel(_)]), "{errands:?}");

    let mut desk = Desk::up(&[]);
    desk.orders = desk.orders.over_rest();
    assert_eq!(desk.want(quote(1)), [""; 0]);
    let errands = std::mem::take(desk.orders.errands());
    let [Errand::Place { at, terms, replaced: None }] = errands[..] else { panic!("{errands:?}") };
    assert_eq!((at, terms.client_order_id.as_str()), (desk.now, &*desk.name()));
    assert_eq!(desk.want(Action::cancel(1, BTCUSDT)), [""; 0]);
    assert!(matches!(desk.orders.errands()[..], [Errand::Cancel(_)]));
}

#[test]
fn without_its_stream_of_user_data_a_connection_ends() {
    let mut desk = Desk::up(&[]);
    desk.want(quote(1));
    let ended = "{\"subscriptionId\":0,\"event\":{\"e\":\"eventStreamTerminated\",\"E\":1}}";
    assert_eq!(desk.hear(ended), Err(OrdersFault::StreamEnded));
    desk.orders.closed(START, &mut desk.core);
    assert_eq!(desk.updates(), [(1, OrderUpdateKind::Unknown)]);
    assert!(!desk.orders.is_up());
}
