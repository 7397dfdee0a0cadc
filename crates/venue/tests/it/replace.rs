//! Cancel-replace and amendments over HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use tiercel_venue::binance::rate_limit::RateLimits;
use tiercel_venue::serve::ServeOptions;

use super::http::{Answer, Client, Venue, now_ms};

const STOP: &str = "cancelReplaceMode=STOP_ON_FAILURE";
const ALLOW: &str = "cancelReplaceMode=ALLOW_FAILURE";
const BUY: &str = "side=BUY&type=LIMIT&timeInForce=GTC&price=50000&quantity=1";
/// Would take what is offered at 60,000.
const TAKES: &str = "side=BUY&type=LIMIT_MAKER&price=60000&quantity=1";

impl Client {
    fn replace(&self, query: &str) -> Answer {
        self.signed("POST", "order/cancelReplace", &format!("symbol=BTCUSDT&{query}"))
    }

    fn amend(&self, query: &str) -> Answer {
        self.signed("PUT", "order/amend/keepPriority", &format!("symbol=BTCUSDT&{query}"))
    }

    fn open(&self) -> Vec<Value> {
        self.signed("GET", "openOrders", "symbol=BTCUSDT").good().as_array().unwrap().clone()
    }
}

/// What each of the two came to, and the two answers.
fn parts(answer: &Value) -> (&str, &str, &Value, &Value) {
    let data = answer.get("data").unwrap_or(answer);
    let word = |name: &str| data[name].as_str().unwrap();
    let (cancel, new) = (word("cancelResult"), word("newOrderResult"));
    (cancel, new, &data["cancelResponse"], &data["newOrderResponse"])
}

#[test]
fn an_order_is_replaced_in_either_mode_by_one_of_any_side_and_type() {
    let venue = Venue::start();
    for mode in [STOP, ALLOW] {
        let old = venue.one.limit("BUY", "49000", "1").good();
        let new = "side=SELL&type=STOP_LOSS&quantity=1&stopPrice=40000&newOrderRespType=RESULT";
        let query = format!(
            "{mode}&cancelOrderId={}&cancelNewClientOrderId=gone&{new}&newClientOrderId=new",
            old["orderId"]
        );
        let answer = venue.one.replace(&query);
        assert!(answer.header("x-mbx-order-count-1d").is_some());
        let answer = answer.good();
        let (cancel, new, cancelled, placed) = parts(&answer);
        assert_eq!((cancel, new), ("SUCCESS", "SUCCESS"), "{mode}");
        assert_eq!(
            (&cancelled["status"], &cancelled["clientOrderId"], &cancelled["orderId"]),
            (&json!("CANCELED"), &json!("gone"), &old["orderId"])
        );
        assert_eq!((&placed["status"], &placed["clientOrderId"]), (&json!("NEW"), &json!("new")));
        let open = venue.one.open();
        assert_eq!((open.len(), &open[0]["orderId"]), (1, &placed["orderId"]));
        venue.one.signed("DELETE", "openOrders", "symbol=BTCUSDT").good();
    }
}

#[test]
fn what_fails_of_the_two_is_told_with_its_code() {
    let venue = Venue::start();
    venue.two.limit("SELL", "60000", "1").good();
    // Not cancelled: the new order is not tried, or it is.
    let answer = venue.one.replace(&format!("{STOP}&cancelOrderId=77&{BUY}"));
    assert_eq!(answer.refused(400, -2022), "Order cancel-replace failed.");
    let unknown = json!({ "code": -2011, "msg": "Unknown order sent." });
    assert_eq!(parts(&answer.body), ("FAILURE", "NOT_ATTEMPTED", &unknown, &Value::Null));
    assert_eq!(venue.one.open().len(), 0);
    let answer = venue.one.replace(&format!("{ALLOW}&cancelOrigClientOrderId=no&{BUY}"));
    assert_eq!(answer.refused(409, -2021), "Order cancel-replace partially failed.");
    let (cancel, new, cancelled, placed) = parts(&answer.body);
    assert_eq!((cancel, new, cancelled), ("FAILURE", "SUCCESS", &unknown));
    let old = placed["orderId"].clone();
    assert_eq!(venue.one.open()[0]["orderId"], old);
    // Cancelled, and the new order is refused.
    let takes = json!({ "code": -2010, "msg": "Order would immediately match and take." });
    for mode in [STOP, ALLOW] {
        let old = venue.one.limit("BUY", "49000", "1").good();
        let answer = venue.one.replace(&format!("{mode}&cancelOrderId={}&{TAKES}", old["orderId"]));
        answer.refused(409, -2021);
        let (cancel, new, cancelled, refused) = parts(&answer.body);
        assert_eq!((cancel, new, refused), ("SUCCESS", "FAILURE", &takes), "{mode}");
        assert_eq!(
            (&cancelled["status"], &cancelled["orderId"]),
            (&json!("CANCELED"), &old["orderId"])
        );
    }
    // Neither.
    let answer = venue.one.replace(&format!("{ALLOW}&cancelOrderId=77&{TAKES}"));
    answer.refused(400, -2022);
    assert_eq!(parts(&answer.body), ("FAILURE", "FAILURE", &unknown, &takes));
    // A filter or a parameter that is wrong leaves the order where it is.
    let bad = BUY.replace("price=50000", "price=50000.001");
    let answer = venue.one.replace(&format!("{STOP}&cancelOrderId={old}&{bad}"));
    assert_eq!(answer.refused(400, -1013), "Filter failure: PRICE_FILTER");
    let answer = venue.one.replace(&format!(
        "{STOP}&cancelOrderId={old}&cancelRestrictions=ONLY_PARTIALLY_FILLED&{BUY}"
    ));
    answer.refused(400, -2022);
    assert_eq!(parts(&answer.body).2["msg"], "Order was not canceled due to cancel restrictions.");
    venue
        .one
        .replace(&format!("cancelReplaceMode=MAYBE&cancelOrderId={old}&{BUY}"))
        .refused(400, -1130);
    venue.one.replace(&format!("cancelOrderId={old}&{BUY}")).refused(400, -1102);
    let unnamed = venue.one.replace(&format!("{STOP}&{BUY}"));
    assert_eq!(
        unnamed.refused(400, -1102),
        "Param 'cancelOrigClientOrderId' or 'cancelOrderId' must be sent, but both were empty/null!"
    );
    let other =
        venue.one.replace(&format!("{STOP}&cancelOrderId={old}&cancelOrigClientOrderId=no&{BUY}"));
    assert_eq!(parts(&other.body).2["code"], -2039);
    assert_eq!(venue.one.open().len(), 1);
    assert_eq!(venue.one.open()[0]["orderId"], old);
}

#[test]
fn an_order_of_a_list_is_replaced_with_its_list() {
    let venue = Venue::start();
    let pair = "symbol=BTCUSDT&side=SELL&quantity=1&aboveType=LIMIT_MAKER&abovePrice=61000\
                &aboveClientOrderId=up&belowType=STOP_LOSS&belowStopPrice=50000";
    venue.one.signed("POST", "orderList/oco", pair).good();
    let answer = venue.one.replace(&format!("{STOP}&cancelOrigClientOrderId=up&{BUY}")).good();
    let (_, _, cancelled, _) = parts(&answer);
    assert_eq!(cancelled["orderReports"].as_array().unwrap().len(), 2);
    assert_eq!(venue.one.open().len(), 1);
}

#[test]
fn beyond_the_limit_of_unfilled_orders_nothing_is_done_or_only_the_cancel() {
    let limits = RateLimits { orders_10s: 100, orders_1d: 1, ..RateLimits::default() };
    let venue = Venue::with(ServeOptions { limits, ..ServeOptions::default() });
    // A day that changes amid the test would start the count anew.
    while now_ms() % 86_400_000 > 86_390_000 {
        std::thread::sleep(Duration::from_millis(100));
    }
    let old = venue.one.limit("BUY", "49000", "1").good();
    let nothing = venue.one.replace(&format!("{STOP}&cancelOrderId={}&{BUY}", old["orderId"]));
    let limit = "Too many new orders; current limit is 1 orders per 1 DAY.";
    assert_eq!(nothing.refused(429, -1015), limit);
    assert_eq!(venue.one.open().len(), 1);
    let only = format!("{STOP}&orderRateLimitExceededMode=CANCEL_ONLY&{BUY}");
    let failed = venue.one.replace(&format!("{only}&cancelOrderId=77"));
    failed.refused(429, -2022);
    assert_eq!(parts(&failed.body).1, "NOT_ATTEMPTED");
    let answer = venue.one.replace(&format!("{only}&cancelOrderId={}", old["orderId"]));
    answer.refused(429, -2021);
    assert!(answer.header("retry-after").is_some());
    let (cancel, new, _, refused) = parts(&answer.body);
    assert_eq!((cancel, new), ("SUCCESS", "FAILURE"));
    assert_eq!(*refused, json!({ "code": -1015, "msg": limit }));
    assert_eq!(venue.one.open().len(), 0);
}

#[test]
fn an_amended_order_keeps_its_id_and_its_place() {
    let venue = Venue::start();
    let first = venue.one.limit("BUY", "50000", "2").good();
    let second = venue.two.limit("BUY", "50000", "1").good();
    let query = format!("orderId={}&newQty=1.5&newClientOrderId=smaller", first["orderId"]);
    let amended = venue.one.amend(&query).good();
    let order = &amended["amendedOrder"];
    assert!(amended["executionId"].as_u64().unwrap() > 0);
    assert_eq!((&order["orderId"], &order["qty"]), (&first["orderId"], &json!("1.50000000")));
    assert_eq!(
        (&order["origClientOrderId"], &order["clientOrderId"]),
        (&first["clientOrderId"], &json!("smaller"))
    );
    assert_eq!((&order["status"], &order["executedQty"]), (&json!("NEW"), &json!("0.00000000")));
    let depth = venue.one.public("depth?symbol=BTCUSDT").good();
    assert_eq!(depth["bids"], json!([["50000.00000000", "2.50000000"]]));
    venue.two.limit("SELL", "50000", "1").good();
    let status = |client: &Client, order: &Value| {
        let query = format!("symbol=BTCUSDT&orderId={}", order["orderId"]);
        client.signed("GET", "order", &query).good()["status"].clone()
    };
    assert_eq!(status(&venue.one, &first), "PARTIALLY_FILLED");
    assert_eq!(status(&venue.two, &second), "NEW");
    // To what is filled already: nothing is left of it.
    let amended = venue.one.amend("origClientOrderId=smaller&newQty=1").good();
    assert_eq!(amended["amendedOrder"]["status"], "FILLED");
    assert_eq!(status(&venue.one, &first), "FILLED");
}

#[test]
fn amendments_that_are_wrong_are_refused_by_code_and_message() {
    let venue = Venue::start();
    let order = venue.one.limit("BUY", "50000", "2").good();
    let order = format!("orderId={}", order["orderId"]);
    venue.one.order(&format!("{BUY}&newClientOrderId=other")).good();
    for (query, code, message) in [
        (format!("{order}&newQty=3"), -2038, "Order amend (quantity increase) is not supported."),
        (
            format!("{order}&newQty=2"),
            -2038,
            "The requested action would change no state; rejecting",
        ),
        (format!("{order}&newQty=1&newClientOrderId=other"), -2038, "Duplicate order sent."),
        ("orderId=77&newQty=1".to_owned(), -2038, "Unknown order sent."),
        (format!("{order}&newQty=1.000001"), -1013, "Filter failure: LOT_SIZE"),
        (format!("{order}&newQty=0.00001"), -1013, "Filter failure: NOTIONAL"),
        (format!("{order}&newQty=0"), -1013, "Filter failure: LOT_SIZE"),
        (
            order.clone(),
            -1102,
            "Mandatory parameter 'newQty' was not sent, was empty/null, or malformed.",
        ),
        (
            format!("{order}&origClientOrderId=other&newQty=1"),
            -2039,
            "Client order ID is not correct for this order ID.",
        ),
    ] {
        assert_eq!(venue.one.amend(&query).refused(400, code), message, "{query}");
    }
    venue.two.amend(&format!("{order}&newQty=1")).refused(400, -2038);
    let stop = venue.one.order("side=SELL&type=STOP_LOSS&quantity=1&stopPrice=40000").good();
    let waits = venue.one.amend(&format!("orderId={}&newQty=0.5", stop["orderId"]));
    assert_eq!(waits.refused(400, -2038), "ORDER_WAITS");
}
