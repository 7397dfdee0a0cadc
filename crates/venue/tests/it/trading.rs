//! Two accounts trade over HTTP, and everything that can be asked agrees.

use serde_json::json;

use super::http::Venue;

#[test]
fn the_public_endpoints_answer_as_documented() {
    let venue = Venue::start();
    assert_eq!(venue.one.public("ping").good(), json!({}));
    let time = venue.one.public("time").good()["serverTime"].as_u64().unwrap();
    assert!(time.abs_diff(super::http::now_ms()) < 10_000);
    let info = venue.one.public("exchangeInfo").good();
    let symbols = info["symbols"].as_array().unwrap();
    assert_eq!(symbols.len(), 2);
    assert_eq!(symbols[0]["symbol"], "BTCUSDT");
    assert_eq!(symbols[0]["status"], "TRADING");
    assert_eq!(symbols[0]["baseAsset"], "BTC");
    let one = venue.one.public("exchangeInfo?symbol=ETHUSDT").good();
    assert_eq!(one["symbols"][0]["symbol"], "ETHUSDT");
    let two = venue.one.public("exchangeInfo?symbols=%5B%22ETHUSDT%22,%22BTCUSDT%22%5D").good();
    assert_eq!(two["symbols"].as_array().unwrap().len(), 2);
    assert_eq!(venue.one.public("exchangeInfo?symbol=NOPE").refused(400, -1121), "Invalid symbol.");
    let empty = json!({ "lastUpdateId": 0, "bids": [], "asks": [] });
    assert_eq!(venue.one.public("depth?symbol=BTCUSDT").good(), empty);
    assert_eq!(venue.one.public("trades?symbol=BTCUSDT").good(), json!([]));
    let ticker = venue.one.public("ticker/bookTicker?symbol=BTCUSDT").good();
    assert_eq!(ticker["bidPrice"], "0.00000000");
    assert_eq!(venue.one.public("ticker/price").good().as_array().unwrap().len(), 2);
}

#[test]
fn an_order_rests_is_partly_filled_and_cancelled() {
    let venue = Venue::start();
    let placed = venue.one.order(
        "side=BUY&type=LIMIT&timeInForce=GTC&price=59000&quantity=2&newClientOrderId=mine-1",
    );
    assert_eq!(placed.header("x-mbx-order-count-10s"), Some("1"));
    assert_eq!(placed.header("x-mbx-order-count-1d"), Some("1"));
    let placed = placed.good();
    assert_eq!(placed["status"], "NEW");
    assert_eq!(placed["clientOrderId"], "mine-1");
    assert_eq!(placed["origQty"], "2.00000000");
    assert_eq!(placed["fills"], json!([]));
    let depth = venue.two.public("depth?symbol=BTCUSDT&limit=5").good();
    assert_eq!(depth["bids"], json!([["59000.00000000", "2.00000000"]]));

    let sold = venue.two.limit("SELL", "59000", "0.5").good();
    assert_eq!(sold["status"], "FILLED");
    assert_eq!(sold["executedQty"], "0.50000000");
    assert_eq!(sold["cummulativeQuoteQty"], "29500.00000000");
    let fill = &sold["fills"][0];
    assert_eq!(fill["price"], "59000.00000000");
    assert_eq!(fill["commissionAsset"], "USDT");
    assert_eq!(fill["commission"], "29.50000000");
    assert_eq!(fill["tradeId"], 1);

    let order_id = placed["orderId"].as_u64().unwrap();
    let by_id = format!("symbol=BTCUSDT&orderId={order_id}");
    let asked = venue.one.signed("GET", "order", &by_id).good();
    assert_eq!(asked["status"], "PARTIALLY_FILLED");
    assert_eq!(asked["executedQty"], "0.50000000");
    let open = venue.one.signed("GET", "openOrders", "symbol=BTCUSDT").good();
    assert_eq!(open, json!([asked]));
    let own = venue.one.signed("GET", "myTrades", "symbol=BTCUSDT").good();
    assert_eq!(own[0]["isMaker"], true);
    assert_eq!(own[0]["isBuyer"], true);
    assert_eq!(own[0]["commission"], "0.00050000");
    assert_eq!(own[0]["commissionAsset"], "BTC");
    assert_eq!(own[0]["orderId"], order_id);
    let public = venue.two.public("trades?symbol=BTCUSDT").good();
    assert_eq!(public[0]["isBuyerMaker"], true);
    assert_eq!(public[0]["quoteQty"], "29500.00000000");

    let cancelled =
        venue.one.signed("DELETE", "order", "symbol=BTCUSDT&origClientOrderId=mine-1").good();
    assert_eq!(cancelled["status"], "CANCELED");
    assert_eq!(cancelled["origClientOrderId"], "mine-1");
    assert_eq!(cancelled["executedQty"], "0.50000000");
    assert_ne!(cancelled["clientOrderId"], "mine-1");
    let again = venue.one.signed("DELETE", "order", &by_id);
    assert_eq!(again.refused(400, -2011), "Unknown order sent.");
    let all = venue.one.signed("GET", "allOrders", "symbol=BTCUSDT").good();
    assert_eq!(all[0]["status"], "CANCELED");

    let account = venue.one.signed("GET", "account", "omitZeroBalances=true").good();
    let usdt = account["balances"].as_array().unwrap().iter().find(|held| held["asset"] == "USDT");
    assert_eq!(usdt.unwrap()["free"], "9970500.00000000");
    assert_eq!(usdt.unwrap()["locked"], "0.00000000");
}

#[test]
fn what_an_order_reserves_shows_as_locked() {
    let venue = Venue::start();
    venue.one.limit("BUY", "50000", "1").good();
    let account = venue.reader.signed("GET", "account", "").good();
    let usdt = account["balances"].as_array().unwrap().iter().find(|held| held["asset"] == "USDT");
    assert_eq!(usdt.unwrap()["locked"], "50000.00000000");
    assert_eq!(usdt.unwrap()["free"], "9950000.00000000");
    assert_eq!(account["canTrade"], false, "of a key that may only read");
}

#[test]
fn forms_and_queries_are_the_same_and_signed_as_they_are_sent() {
    let venue = Venue::start();
    let order = "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=61000";
    assert_eq!(venue.one.form("POST", "order", order).good()["status"], "NEW");
    assert_eq!(venue.one.signed("POST", "order", order).good()["status"], "NEW");
    let open = venue.one.signed("GET", "openOrders", "").good();
    assert_eq!(open.as_array().unwrap().len(), 2);
    let cancelled = venue.one.form("DELETE", "openOrders", "symbol=BTCUSDT").good();
    assert_eq!(cancelled.as_array().unwrap().len(), 2);
    let none = venue.one.form("DELETE", "openOrders", "symbol=BTCUSDT");
    assert_eq!(none.refused(400, -2011), "Unknown order sent.");
    let test = venue.one.form("POST", "order/test", order).good();
    assert_eq!(test, json!({}));
    assert_eq!(venue.one.signed("GET", "openOrders", "").good(), json!([]));
}

#[test]
fn each_type_of_order_is_taken() {
    let venue = Venue::start();
    venue.two.limit("SELL", "60000", "3").good();
    let bought = venue.one.order("side=BUY&type=MARKET&quantity=1").good();
    assert_eq!(bought["status"], "FILLED");
    assert_eq!(bought["price"], "0.00000000");
    let by_amount = venue.one.order("side=BUY&type=MARKET&quoteOrderQty=6000").good();
    assert_eq!(by_amount["status"], "FILLED");
    assert_eq!(by_amount["executedQty"], "0.10000000");
    assert_eq!(by_amount["origQuoteOrderQty"], "6000.00000000");
    let maker = venue.one.order("side=BUY&type=LIMIT_MAKER&price=59000&quantity=1").good();
    assert!(maker.get("status").is_none(), "ACK alone");
    let takes = venue.one.order("side=BUY&type=LIMIT_MAKER&price=60000&quantity=1");
    assert_eq!(takes.refused(400, -2010), "Order would immediately match and take.");
    let ioc = venue.one.order("side=BUY&type=LIMIT&timeInForce=IOC&price=59999&quantity=1").good();
    assert_eq!(ioc["status"], "EXPIRED");
    let fok = venue.one.order("side=BUY&type=LIMIT&timeInForce=FOK&price=60000&quantity=9").good();
    assert_eq!(
        (fok["status"].as_str(), fok["executedQty"].as_str()),
        (Some("EXPIRED"), Some("0.00000000"))
    );
    let stop = "side=SELL&type=STOP_LOSS_LIMIT&timeInForce=GTC&price=57000&quantity=1\
                &newOrderRespType=RESULT";
    let stop = venue.one.order(&format!("{stop}&stopPrice=58000")).good();
    assert_eq!(
        (stop["status"].as_str(), stop["stopPrice"].as_str()),
        (Some("NEW"), Some("58000.00000000"))
    );
    let asked = format!("symbol=BTCUSDT&orderId={}", stop["orderId"]);
    let asked = venue.one.signed("GET", "order", &asked).good();
    assert_eq!((&asked["type"], &asked["isWorking"]), (&json!("STOP_LOSS_LIMIT"), &json!(false)));
    let at_once = venue.one.order("side=SELL&type=STOP_LOSS&quantity=1&stopPrice=60000");
    assert_eq!(at_once.refused(400, -2010), "Order would trigger immediately.");
    venue.one.order("side=SELL&type=STOP_LOSS&quantity=1&trailingDelta=100").good();
    venue.one.order("side=SELL&type=TAKE_PROFIT&quantity=1&stopPrice=70000").good();
    let iceberg = "side=SELL&type=LIMIT&timeInForce=GTC&price=65000&quantity=10&icebergQty=1";
    assert_eq!(venue.one.order(iceberg).good()["icebergQty"], "1.00000000");
    let depth = venue.one.public("depth?symbol=BTCUSDT").good();
    assert_eq!(depth["asks"][1], json!(["65000.00000000", "1.00000000"]));
}

#[test]
fn ed25519_keys_sign_and_a_key_that_may_read_cannot_trade() {
    let venue = Venue::start();
    venue.one.limit("BUY", "50000", "1").good();
    let open = venue.reader.signed("GET", "openOrders", "").good();
    assert_eq!(open.as_array().unwrap().len(), 1);
    venue.reader.limit("BUY", "50000", "1").refused(401, -2015);
    venue.reader.signed("DELETE", "openOrders", "symbol=BTCUSDT").refused(401, -2015);
    assert_eq!(venue.one.signed("GET", "openOrders", "").good().as_array().unwrap().len(), 1);
}

#[test]
fn nobody_sees_or_touches_anothers_orders() {
    let venue = Venue::start();
    let order = "side=BUY&type=LIMIT&timeInForce=GTC&price=59000&quantity=1&newClientOrderId=x";
    let placed = venue.one.order(order).good();
    for name in [format!("orderId={}", placed["orderId"]), "origClientOrderId=x".to_owned()] {
        let query = format!("symbol=BTCUSDT&{name}");
        venue.two.signed("GET", "order", &query).refused(400, -2013);
        venue.two.signed("DELETE", "order", &query).refused(400, -2011);
        // Nor by its own owner under another symbol's name.
        let other = format!("symbol=ETHUSDT&{name}");
        venue.one.signed("GET", "order", &other).refused(400, -2013);
        venue.one.signed("DELETE", "order", &other).refused(400, -2011);
    }
    venue.two.signed("DELETE", "openOrders", "symbol=BTCUSDT").refused(400, -2011);
    assert_eq!(venue.two.signed("GET", "openOrders", "").good(), json!([]));
    assert_eq!(venue.two.signed("GET", "allOrders", "symbol=BTCUSDT").good(), json!([]));
    let still = format!("symbol=BTCUSDT&orderId={}", placed["orderId"]);
    assert_eq!(venue.one.signed("GET", "order", &still).good()["status"], "NEW");
    // The same name for an order of another account is another name.
    venue.two.order(order).good();
    assert_eq!(venue.one.order(order).refused(400, -2010), "Duplicate order sent.");
}

#[test]
fn what_is_answered_is_what_the_books_say() {
    let venue = Venue::start();
    let mut sold = 0_u64;
    for step in 0..40_u64 {
        let price = (60_000 + step % 7).to_string();
        venue.one.limit("SELL", &price, "0.1").good();
        let taken = venue.two.limit("BUY", &(60_000 + step % 5).to_string(), "0.15").good();
        let fills = taken["fills"].as_array().unwrap();
        let cents = |text: &serde_json::Value| {
            text.as_str().unwrap().replace('.', "").parse::<u64>().unwrap()
        };
        let of_fills: u64 = fills.iter().map(|fill| cents(&fill["qty"])).sum();
        assert_eq!(of_fills, cents(&taken["executedQty"]));
        sold += of_fills;
    }
    let own = venue.two.signed("GET", "myTrades", "symbol=BTCUSDT&limit=1000").good();
    let others = venue.one.signed("GET", "myTrades", "symbol=BTCUSDT&limit=1000").good();
    let public = venue.one.public("trades?symbol=BTCUSDT&limit=1000").good();
    let qty = |rows: &serde_json::Value| -> u64 {
        let qty = |row: &serde_json::Value| {
            row["qty"].as_str().unwrap().replace('.', "").parse::<u64>().unwrap()
        };
        rows.as_array().unwrap().iter().map(qty).sum()
    };
    assert!(sold > 0);
    assert!(qty(&own) >= sold, "fills as a maker come on top");
    assert_eq!((qty(&own), qty(&public)), (qty(&others), qty(&own)));
}

#[test]
fn a_full_page_of_own_trades_keeps_the_newest_side_of_a_trade_with_oneself() {
    let venue = Venue::start();
    let place = |side: &str| {
        let order = venue.one.order(&format!(
            "side={side}&type=LIMIT&timeInForce=GTC&price=60000&quantity=0.1\
             &selfTradePreventionMode=NONE"
        ));
        order.good()["orderId"].as_u64().unwrap()
    };
    let mut orders = Vec::new();
    for _ in 0..2 {
        let (maker, taker) = (place("SELL"), place("BUY"));
        orders.extend([taker, maker]);
    }
    let rows = |query: &str| -> Vec<u64> {
        let rows = venue.one.signed("GET", "myTrades", &format!("symbol=BTCUSDT{query}")).good();
        rows.as_array().unwrap().iter().map(|row| row["orderId"].as_u64().unwrap()).collect()
    };
    assert_eq!(rows(""), orders);
    assert_eq!(rows("&limit=3"), orders[1..]);
    assert_eq!(rows("&limit=1"), orders[3..]);
    assert_eq!(rows("&limit=3&fromId=1"), orders[..3]);
    assert_eq!(rows("&limit=3&startTime=0"), orders[..3]);
    assert_eq!(rows(&format!("&limit=1&orderId={}", orders[0])), orders[..1]);
    // The native interface counts trades, so that no page ends within one.
    let fills = venue.one.v1_get("account/trades?symbol=BTCUSDT&limit=1").good();
    let roles: Vec<_> =
        fills["fills"].as_array().unwrap().iter().map(|fill| &fill["role"]).collect();
    assert_eq!(roles, ["taker", "maker"]);
}
