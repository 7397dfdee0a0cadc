//! How many orders an account may have open on an instrument: the same on both interfaces.

use serde_json::{Value, json};
use tiercel_venue::open_orders::{OpenOrderLimits, OpenOrderRules};
use tiercel_venue::serve::ServeOptions;

use super::http::Venue;
use super::ws::Ws;

fn venue(limits: OpenOrderLimits) -> Venue {
    let open_orders = OpenOrderRules::from([("BTCUSDT".parse().unwrap(), limits)]);
    Venue::with(ServeOptions { open_orders, ..ServeOptions::default() })
}

fn failure(answer: &super::http::Answer) -> String {
    answer.refused(400, -1013).strip_prefix("Filter failure: ").unwrap().to_owned()
}

const STOP: &str = "symbol=BTCUSDT&side=SELL&type=STOP_LOSS&quantity=1&stopPrice=40000";
const ICEBERG: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=50000&quantity=1\
    &icebergQty=0.1";

#[test]
fn one_order_too_many_is_refused_by_the_name_of_its_filter_until_another_ends() {
    let limits = OpenOrderLimits { orders: Some(3), algo_orders: Some(1), iceberg_orders: Some(1) };
    let venue = venue(limits);
    let one = &venue.one;
    let info = one.public("exchangeInfo").good();
    let filters = |symbol: usize| info["symbols"][symbol]["filters"].as_array().unwrap().clone();
    for filter in [
        json!({ "filterType": "MAX_NUM_ORDERS", "maxNumOrders": 3 }),
        json!({ "filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 1 }),
        json!({ "filterType": "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 1 }),
    ] {
        assert!(filters(0).contains(&filter), "{filter}");
        assert!(!filters(1).contains(&filter), "{filter}");
    }
    one.signed("POST", "order", STOP).good();
    assert_eq!(failure(&one.signed("POST", "order", STOP)), "MAX_NUM_ALGO_ORDERS");
    one.signed("POST", "order", ICEBERG).good();
    assert_eq!(failure(&one.signed("POST", "order", ICEBERG)), "MAX_NUM_ICEBERG_ORDERS");
    let last = one.limit("BUY", "50000", "1").good();
    assert_eq!(failure(&one.limit("BUY", "50000", "1")), "MAX_NUM_ORDERS");
    let test = one.signed("POST", "order/test", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1");
    assert_eq!(failure(&test), "MAX_NUM_ORDERS");
    // An order that takes another's place counts beside it.
    let replace = format!(
        "symbol=BTCUSDT&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId={}&side=BUY&type=LIMIT\
         &timeInForce=GTC&price=50001&quantity=1",
        last["orderId"]
    );
    assert_eq!(failure(&one.signed("POST", "order/cancelReplace", &replace)), "MAX_NUM_ORDERS");
    // The other interface knows them too; other accounts and instruments have their own.
    let native = json!({ "symbol": "BTCUSDT", "side": "buy", "kind": "limit", "price": "50000",
        "qty": "1" });
    assert_eq!(one.v1_order(&native).problem(422, "TOO_MANY_OPEN_ORDERS"), None);
    venue.two.limit("BUY", "50000", "1").good();
    one.signed(
        "POST",
        "order",
        "symbol=ETHUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=2000&quantity=1",
    )
    .good();
    one.signed("DELETE", "order", &format!("symbol=BTCUSDT&orderId={}", last["orderId"])).good();
    one.v1_order(&native).good();
}

#[test]
fn the_orders_of_a_list_count_each() {
    let venue = venue(OpenOrderLimits { orders: Some(2), ..OpenOrderLimits::default() });
    let one = &venue.one;
    let rest = one.limit("BUY", "50000", "1").good();
    let oco = "symbol=BTCUSDT&side=SELL&quantity=1&aboveType=LIMIT_MAKER&abovePrice=70000\
        &belowType=STOP_LOSS&belowStopPrice=40000";
    let placed = || one.signed("POST", "orderList/oco", oco);
    assert_eq!(failure(&placed()), "MAX_NUM_ORDERS");
    one.signed("DELETE", "order", &format!("symbol=BTCUSDT&orderId={}", rest["orderId"])).good();
    placed().good();
}

#[test]
fn orders_that_are_on_their_way_count() {
    let venue = venue(OpenOrderLimits { orders: Some(5), ..OpenOrderLimits::default() });
    let mut ws = Ws::open(&venue.one);
    let order = json!({ "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
        "price": "50000", "quantity": "1" });
    let orders: Vec<Value> = (0..20).map(|_| ws.sign(&order)).collect();
    for order in &orders {
        ws.send("order.place", order);
    }
    let statuses: Vec<Value> = orders.iter().map(|_| ws.answer()["status"].clone()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 5, "{statuses:?}");
    assert_eq!(venue.one.signed("GET", "openOrders", "symbol=BTCUSDT").good()[5], Value::Null);
}
