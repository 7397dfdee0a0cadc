//! What happened to orders, row by row: amendments and prevented trades, over both transports.

use serde_json::{Value, json};

use super::http::{Client, Venue};
use super::ws::Ws;

impl Client {
    fn rows(&self, path: &str, query: &str) -> Vec<Value> {
        let rows = self.signed("GET", path, &format!("symbol=BTCUSDT&{query}")).good();
        rows.as_array().unwrap().clone()
    }
}

#[test]
fn prevented_trades_are_told_by_id_and_by_order() {
    let venue = Venue::start();
    let mut one = Ws::told(&venue.one);
    let maker = one.limit("SELL", "61000", "0.5");
    let taker = one.limit("BUY", "61000", "0.25");
    one.report("NEW", "NEW");
    one.report("NEW", "NEW");
    let report = one.report("TRADE_PREVENTION", "EXPIRED_IN_MATCH");
    let smaller = one.good(
        "order.place",
        &json!({ "symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC",
            "price": "61000", "quantity": "0.1", "selfTradePreventionMode": "DECREMENT" }),
    );
    let of_taker = venue.one.rows("myPreventedMatches", &format!("orderId={}", taker["orderId"]));
    assert_eq!(of_taker.len(), 2);
    let (first, second) = (&of_taker[0], &of_taker[1]);
    // The order that rests expires, with all that it had.
    assert_eq!(
        first,
        &json!({
            "symbol": "BTCUSDT", "preventedMatchId": 1, "takerOrderId": taker["orderId"],
            "makerSymbol": "BTCUSDT", "makerOrderId": maker["orderId"], "tradeGroupId": -1,
            "selfTradePreventionMode": "EXPIRE_MAKER", "price": "61000.00000000",
            "makerPreventedQuantity": "0.50000000", "transactTime": first["transactTime"],
        })
    );
    assert_eq!(
        (&report["v"], &report["u"], &report["T"]),
        (&json!(1), &json!(-1), &first["transactTime"])
    );
    // Both shrink by what would have traded.
    assert_eq!(
        (&second["preventedMatchId"], &second["takerOrderId"], &second["makerOrderId"]),
        (&json!(2), &smaller["orderId"], &taker["orderId"])
    );
    assert_eq!(second["makerPreventedQuantity"], "0.10000000");
    let from = format!("orderId={}&fromPreventedMatchId=2", taker["orderId"]);
    assert_eq!(venue.one.rows("myPreventedMatches", &from), of_taker[1..]);
    let limited = format!("orderId={}&fromPreventedMatchId=1&limit=1", taker["orderId"]);
    assert_eq!(venue.one.rows("myPreventedMatches", &limited), of_taker[..1]);
    assert_eq!(venue.one.rows("myPreventedMatches", "preventedMatchId=2"), of_taker[1..]);
    assert_eq!(venue.two.rows("myPreventedMatches", "preventedMatchId=2"), [] as [Value; 0]);
    let asked = json!({ "symbol": "BTCUSDT", "preventedMatchId": 1 });
    assert_eq!(one.signed("myPreventedMatches", &asked)["result"], json!([first]));
    for query in ["", "&preventedMatchId=1&orderId=1", "&preventedMatchId=1&fromPreventedMatchId=1"]
    {
        let query = format!("symbol=BTCUSDT{query}");
        venue.one.signed("GET", "myPreventedMatches", &query).refused(400, -1128);
    }
}

#[test]
fn amendments_of_an_order_are_told_in_their_order() {
    let venue = Venue::start();
    let mut told = Ws::told(&venue.one);
    let order = venue.one.limit("BUY", "50000", "1.5").good();
    let id = order["orderId"].as_u64().unwrap();
    let amend = |query: &str| {
        let query = format!("symbol=BTCUSDT&orderId={id}&{query}");
        venue.one.signed("PUT", "order/amend/keepPriority", &query).good()
    };
    let first = amend("newQty=1&newClientOrderId=smaller");
    let second = amend("newQty=0.4&newClientOrderId=smallest");
    let rows = venue.one.rows("order/amendments", &format!("orderId={id}"));
    told.report("NEW", "NEW");
    let reported = [(); 2].map(|()| told.report("REPLACED", "NEW")["I"].clone());
    assert_eq!(reported, [first["executionId"].clone(), second["executionId"].clone()]);
    assert_eq!(
        rows[0],
        json!({
            "symbol": "BTCUSDT", "orderId": id, "executionId": first["executionId"],
            "origClientOrderId": order["clientOrderId"], "newClientOrderId": "smaller",
            "origQty": "1.50000000", "newQty": "1.00000000", "time": first["transactTime"],
        })
    );
    assert_eq!(
        (&rows[1]["executionId"], &rows[1]["origClientOrderId"], &rows[1]["newClientOrderId"]),
        (&second["executionId"], &json!("smaller"), &json!("smallest"))
    );
    assert_eq!((rows.len(), &rows[1]["newQty"]), (2, &json!("0.40000000")));
    let from = format!("orderId={id}&fromExecutionId={}", second["executionId"]);
    assert_eq!(venue.one.rows("order/amendments", &from), rows[1..]);
    assert_eq!(venue.one.rows("order/amendments", &format!("orderId={id}&limit=1")), rows[..1]);
    assert_eq!(venue.two.rows("order/amendments", &format!("orderId={id}")), [] as [Value; 0]);
    // An order that has ended keeps them; one that was never amended has none.
    venue.one.signed("DELETE", "openOrders", "symbol=BTCUSDT").good();
    let mut ws = Ws::open(&venue.one);
    let asked = json!({ "symbol": "BTCUSDT", "orderId": id });
    assert_eq!(ws.signed("order.amendments", &asked)["result"], Value::from(rows));
    let other = venue.one.limit("BUY", "50000", "1").good();
    let query = format!("orderId={}", other["orderId"]);
    assert_eq!(venue.one.rows("order/amendments", &query), [] as [Value; 0]);
    venue.one.signed("GET", "order/amendments", "symbol=BTCUSDT").refused(400, -1102);
}
