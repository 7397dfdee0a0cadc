//! No account reads or touches another's orders; what comes again is taken once.

use std::io::Write;
use std::time::{Duration, Instant};

use super::http::Venue;

#[test]
fn another_accounts_order_is_as_if_it_were_not_there() {
    let venue = Venue::start();
    let placed = venue
        .one
        .order("side=BUY&type=LIMIT&timeInForce=GTC&price=50000&quantity=1&newClientOrderId=mine")
        .good();
    let order_id = placed["orderId"].as_u64().unwrap();
    for name in [format!("orderId={order_id}"), "origClientOrderId=mine".to_owned()] {
        let query = format!("symbol=BTCUSDT&{name}");
        venue.two.signed("GET", "order", &query).refused(400, -2013);
        venue.two.signed("DELETE", "order", &query).refused(400, -2011);
    }
    let replace = format!(
        "symbol=BTCUSDT&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId={order_id}\
         &side=BUY&type=LIMIT&timeInForce=GTC&price=50001&quantity=1"
    );
    let refused = venue.two.signed("POST", "order/cancelReplace", &replace);
    assert_eq!(refused.status, 400, "{refused:?}");
    let amend = format!("symbol=BTCUSDT&orderId={order_id}&newQty=0.5");
    let refused = venue.two.signed("PUT", "order/amend/keepPriority", &amend);
    assert_eq!(refused.status, 400, "{refused:?}");
    venue.two.signed("DELETE", "openOrders", "symbol=BTCUSDT").refused(400, -2011);
    for list in ["openOrders", "allOrders", "myTrades"] {
        let told = venue.two.signed("GET", list, "symbol=BTCUSDT").good();
        assert_eq!(told, serde_json::json!([]), "{list}");
    }
    // A request cannot say whose it is.
    let query = format!("symbol=BTCUSDT&orderId={order_id}&accountId=1");
    venue.two.signed("GET", "order", &query).refused(400, -1104);
    // A name belongs to its account.
    let same = "side=BUY&type=LIMIT&timeInForce=GTC&price=50000&quantity=2&newClientOrderId=mine";
    assert_ne!(venue.two.order(same).good()["orderId"], order_id);
    let asked = venue.one.signed("GET", "order", "symbol=BTCUSDT&origClientOrderId=mine").good();
    assert_eq!((&asked["orderId"], &asked["status"]), (&order_id.into(), &"NEW".into()));
    assert_eq!(asked["origQty"], "1.00000000");
}

#[test]
fn a_retry_after_a_lost_acknowledgement_enters_no_second_order() {
    let venue = Venue::start();
    let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=50000&quantity=1\
                 &newClientOrderId=once";
    // The answer has nobody to go to: the client is gone when it comes.
    venue.halt(true);
    let mut stream = venue.one.connect();
    stream.write_all(venue.one.request("POST", "order", order).as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    drop(stream);
    venue.halt(false);
    let name = "symbol=BTCUSDT&origClientOrderId=once";
    let from = Instant::now();
    while venue.one.signed("GET", "order", name).status != 200 {
        assert!(from.elapsed() < Duration::from_secs(20), "it was not taken");
        std::thread::sleep(Duration::from_millis(10));
    }
    let refused = venue.one.signed("POST", "order", order);
    assert_eq!(refused.refused(400, -2010), "Duplicate order sent.");
    let open = venue.one.signed("GET", "openOrders", "symbol=BTCUSDT").good();
    assert_eq!(open.as_array().unwrap().len(), 1, "{open}");
    let found = venue.one.signed("GET", "order", name).good();
    assert_eq!(found["orderId"], open[0]["orderId"]);
}
