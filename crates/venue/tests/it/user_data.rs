//! What an account's owner is told: the engine's events, in their order, and nobody else's.

use std::time::Duration;

use serde_json::{Value, json};
use tiercel_types::command::{Deposit, Withdraw};
use tiercel_types::{AccountId, AssetId, Money, Qty};
use tiercel_venue::serve::ServeOptions;

use super::http::Venue;
use super::ws::Ws;

fn held(balances: &Value, asset: &str) -> (String, String) {
    let of = balances.as_array().unwrap().iter().find(|held| held["a"] == asset).unwrap();
    (of["f"].as_str().unwrap().to_owned(), of["l"].as_str().unwrap().to_owned())
}

#[test]
fn an_order_is_reported_from_its_entry_to_its_end() {
    let venue = Venue::start();
    let (mut one, mut two) = (Ws::told(&venue.one), Ws::told(&venue.two));
    let placed = one.good(
        "order.place",
        &json!({ "symbol": "BTCUSDT", "side": "SELL",
        "type": "LIMIT", "timeInForce": "GTC", "price": "60000", "quantity": "1.5",
        "newClientOrderId": "mine" }),
    );
    let new = one.report("NEW", "NEW");
    assert_eq!(
        (&new["s"], &new["c"], &new["S"]),
        (&json!("BTCUSDT"), &json!("mine"), &json!("SELL"))
    );
    assert_eq!(
        (&new["o"], &new["f"], &new["q"]),
        (&json!("LIMIT"), &json!("GTC"), &json!("1.50000000"))
    );
    assert_eq!(
        (&new["p"], &new["C"], &new["r"]),
        (&json!("60000.00000000"), &json!(""), &json!("NONE"))
    );
    assert_eq!((&new["i"], &new["g"], &new["t"]), (&placed["orderId"], &json!(-1), &json!(-1)));
    assert_eq!((&new["w"], &new["m"], &new["N"]), (&json!(true), &json!(false), &Value::Null));
    assert_eq!(
        (&new["T"], &new["W"], &new["V"]),
        (&placed["transactTime"], &placed["workingTime"], &json!("EXPIRE_MAKER"))
    );
    assert_eq!(held(&one.position(), "BTC").1, "1.50000000");
    let taken = venue.two.limit("BUY", "60000", "0.5").good();
    let maker = one.report("TRADE", "PARTIALLY_FILLED");
    assert_eq!(
        (&maker["l"], &maker["z"], &maker["L"]),
        (&json!("0.50000000"), &json!("0.50000000"), &json!("60000.00000000"))
    );
    assert_eq!(
        (&maker["m"], &maker["Y"], &maker["Z"]),
        (&json!(true), &json!("30000.00000000"), &json!("30000.00000000"))
    );
    assert_eq!((&maker["N"], &maker["t"]), (&json!("USDT"), &taken["fills"][0]["tradeId"]));
    assert_eq!(held(&one.position(), "BTC").1, "1.00000000");
    two.report("NEW", "NEW");
    let taker = two.report("TRADE", "FILLED");
    assert_eq!(
        (&taker["m"], &taker["N"], &taker["w"]),
        (&json!(false), &json!("BTC"), &json!(false))
    );
    assert_eq!(taker["n"], taken["fills"][0]["commission"]);
    assert_eq!((&taker["t"], &taker["T"]), (&maker["t"], &maker["T"]));
    one.good("order.cancel", &json!({ "symbol": "BTCUSDT", "origClientOrderId": "mine" }));
    let cancelled = one.report("CANCELED", "CANCELED");
    assert_eq!((&cancelled["C"], &cancelled["z"]), (&json!("mine"), &json!("0.50000000")));
    assert_eq!(held(&one.position(), "BTC").1, "0.00000000");
    two.position();
    assert_eq!(two.until_now(), Vec::<Value>::new(), "of the other's cancel nothing");
}

/// An order of BTCUSDT with all its other parameters in `more`.
fn order(side: &str, kind: &str, more: &Value) -> Value {
    let mut order = json!({ "symbol": "BTCUSDT", "side": side, "type": kind });
    order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    order
}

#[test]
fn what_trades_at_once_or_ends_is_reported_with_its_reason() {
    let venue = Venue::start();
    let mut one = Ws::told(&venue.one);
    venue.two.limit("SELL", "60000", "0.5").good();
    let limit = |time_in_force: &str| json!({ "timeInForce": time_in_force, "price": "60000", "quantity": "0.75" });
    one.good("order.place", &order("BUY", "LIMIT", &limit("IOC")));
    one.report("NEW", "NEW");
    one.report("TRADE", "PARTIALLY_FILLED");
    assert_eq!(one.report("EXPIRED", "EXPIRED")["eR"], "UNFILLED_IOC_QUANTITY_EXPIRED");
    one.good("order.place", &order("BUY", "LIMIT", &limit("FOK")));
    one.report("NEW", "NEW");
    assert_eq!(one.report("EXPIRED", "EXPIRED")["eR"], "UNFILLED_FOK_ORDER_EXPIRED");
    // By amount: the last fill fills it.
    venue.two.limit("SELL", "60000", "0.5").good();
    venue.two.limit("SELL", "60001", "0.5").good();
    one.good("order.place", &order("BUY", "MARKET", &json!({ "quoteOrderQty": "45000" })));
    let new = one.report("NEW", "NEW");
    assert_eq!((&new["Q"], &new["p"]), (&json!("45000.00000000"), &json!("0.00000000")));
    one.report("TRADE", "PARTIALLY_FILLED");
    one.report("TRADE", "FILLED");
    // Everything at once.
    one.limit("BUY", "50000", "0.25");
    one.limit("BUY", "50001", "0.25");
    one.report("NEW", "NEW");
    one.report("NEW", "NEW");
    one.good("openOrders.cancelAll", &json!({ "symbol": "BTCUSDT" }));
    one.report("CANCELED", "CANCELED");
    one.report("CANCELED", "CANCELED");
}

#[test]
fn a_prevented_trade_is_reported_with_what_it_would_have_been() {
    let venue = Venue::start();
    let mut one = Ws::told(&venue.one);
    let maker = one.limit("SELL", "61000", "0.5");
    one.report("NEW", "NEW");
    let taker = one.limit("BUY", "61000", "0.25");
    one.report("NEW", "NEW");
    let prevented = one.report("TRADE_PREVENTION", "EXPIRED_IN_MATCH");
    assert_eq!((&prevented["i"], &prevented["U"]), (&maker["orderId"], &taker["orderId"]));
    assert_eq!(
        (&prevented["pl"], &prevented["pL"]),
        (&json!("0.25000000"), &json!("61000.00000000"))
    );
    assert_eq!((&prevented["A"], &prevented["B"]), (&json!("0.50000000"), &json!("0.50000000")));
    // Both shrink: the smaller one ends, the other lives on.
    let shrinks = json!({ "timeInForce": "GTC", "price": "61000", "quantity": "0.1",
        "selfTradePreventionMode": "DECREMENT" });
    let smaller = one.good("order.place", &order("SELL", "LIMIT", &shrinks));
    one.report("NEW", "NEW");
    let lives = one.report("TRADE_PREVENTION", "NEW");
    assert_eq!((&lives["i"], &lives["A"]), (&taker["orderId"], &json!("0.10000000")));
    let ends = one.report("TRADE_PREVENTION", "EXPIRED_IN_MATCH");
    assert_eq!((&ends["i"], &ends["A"]), (&smaller["orderId"], &json!("0.10000000")));
    assert_eq!(ends["U"], taker["orderId"]);
}

#[test]
fn a_stop_is_reported_when_it_waits_and_when_it_is_entered() {
    let venue = Venue::start();
    let mut one = Ws::told(&venue.one);
    venue.two.limit("SELL", "60000", "0.5").good();
    one.limit("BUY", "60000", "0.5");
    one.report("NEW", "NEW");
    one.report("TRADE", "FILLED");
    let terms = json!({ "timeInForce": "GTC", "price": "60500", "stopPrice": "60400",
        "quantity": "0.25" });
    let stop = one.good("order.place", &order("BUY", "STOP_LOSS_LIMIT", &terms));
    let waits = one.report("NEW", "NEW");
    assert_eq!((&waits["w"], &waits["P"]), (&json!(false), &json!("60400.00000000")));
    assert!(waits.get("W").is_none());
    venue.two.limit("SELL", "60400", "1").good();
    one.limit("BUY", "60400", "0.5");
    one.report("NEW", "NEW");
    one.report("TRADE", "FILLED");
    let entered = one.report("NEW", "NEW");
    assert_eq!((&entered["i"], &entered["w"]), (&stop["orderId"], &json!(true)));
    assert!(entered["W"].as_u64().is_some());
    assert_eq!(one.report("TRADE", "FILLED")["i"], stop["orderId"]);
}

#[test]
fn subscriptions_are_of_one_account_each_and_end_with_a_word() {
    let venue = Venue::start();
    let mut ws = Ws::open(&venue.trader);
    let none = ws.ask("userDataStream.unsubscribe", &json!({ "subscriptionId": 0 }));
    assert_eq!(none["error"]["code"], -2036);
    ws.good("session.logon", &json!({}));
    assert_eq!(
        ws.ask("userDataStream.subscribe", &json!({}))["result"],
        json!({ "subscriptionId": 0 })
    );
    let again = ws.ask("userDataStream.subscribe", &json!({}));
    assert_eq!(again["error"]["code"], -2035, "{again}");
    let mut other = Ws::open(&venue.two);
    let params = other.sign(&json!({}));
    let second = ws.ask("userDataStream.subscribe.signature", &params);
    assert_eq!(second["result"], json!({ "subscriptionId": 1 }));
    let list = ws.ask("session.subscriptions", &json!({}));
    assert_eq!(list["result"], json!([{ "subscriptionId": 0 }, { "subscriptionId": 1 }]));
    venue.two.limit("BUY", "50000", "1").good();
    let told = ws.wrapped();
    assert_eq!(
        (&told["subscriptionId"], &told["event"]["e"]),
        (&json!(1), &json!("executionReport"))
    );
    ws.position();
    // A session's own subscription ends with it, the other goes on.
    assert_eq!(ws.ask("session.logout", &json!({}))["result"]["userDataStream"], true);
    let end = ws.wrapped();
    assert_eq!(
        (&end["subscriptionId"], &end["event"]["e"]),
        (&json!(0), &json!("eventStreamTerminated"))
    );
    venue.one.limit("BUY", "50000", "1").good();
    venue.two.limit("BUY", "50000", "1").good();
    assert_eq!(ws.wrapped()["subscriptionId"], 1);
    ws.position();
    assert_eq!(
        ws.ask("userDataStream.unsubscribe", &json!({ "subscriptionId": 1 }))["result"],
        json!({})
    );
    assert_eq!(ws.event()["e"], "eventStreamTerminated");
    venue.two.limit("BUY", "50000", "1").good();
    assert_eq!(ws.until_now(), Vec::<Value>::new());
    // Another's key cannot be used without its signature.
    let forged = json!({ "apiKey": venue.two.api_key(), "timestamp": super::http::now_ms(), "signature": "00" });
    assert_eq!(ws.ask("userDataStream.subscribe.signature", &forged)["error"]["code"], -1022);
    assert_eq!(other.until_now(), Vec::<Value>::new(), "who has not subscribed is told nothing");
}

#[test]
fn reports_agree_with_the_trade_stream_and_the_balances() {
    let venue = Venue::start();
    let (mut one, mut two) = (Ws::told(&venue.one), Ws::told(&venue.two));
    let mut trades = Ws::at(&venue.one, "/ws/btcusdt@trade");
    trades.raw(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#);
    let mut random = 7_u64;
    let mut next = |below: u64| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for _ in 0..150 {
        let client = if next(2) == 0 { &venue.one } else { &venue.two };
        let side = if next(2) == 0 { "BUY" } else { "SELL" };
        match next(8) {
            0 => drop(client.signed("DELETE", "openOrders", "symbol=BTCUSDT")),
            1 => {
                let qty = 1 + next(9);
                client.order(&format!("side={side}&type=MARKET&quantity=0.0{qty}"));
            }
            2 => drop(
                client.order(&format!("side={side}&type=MARKET&quoteOrderQty={}", 500 + next(900))),
            ),
            _ => {
                let (price, qty) = (50_000 + next(20), format!("0.0{}", 1 + next(9)));
                client.limit(side, &price.to_string(), &qty).good();
            }
        }
    }
    let told: Vec<Vec<Value>> = [&mut one, &mut two].map(Ws::until_now).into();
    // Each trade is in the stream once, and with each of its sides, in the same order.
    let mut stream = Vec::new();
    let last = venue.one.public("trades?symbol=BTCUSDT&limit=1").good()[0]["id"].clone();
    while stream.last().is_none_or(|trade: &Value| trade["t"] != last) {
        stream.push(trades.answer());
    }
    assert!(stream.len() > 20, "it is about trades");
    let fills = |events: &[Value], maker: bool| -> Vec<Value> {
        let of = |event: &&Value| event["x"] == "TRADE" && event["m"] == maker;
        events.iter().filter(of).cloned().collect()
    };
    for maker in [false, true] {
        let mut sides: Vec<Value> = told.iter().flat_map(|events| fills(events, maker)).collect();
        for events in &told {
            assert!(fills(events, maker).is_sorted_by_key(|fill| fill["t"].as_u64()));
        }
        sides.sort_by_key(|fill| fill["t"].as_u64());
        assert_eq!(sides.len(), stream.len());
        for (fill, trade) in sides.iter().zip(&stream) {
            for (ours, theirs) in [("t", "t"), ("L", "p"), ("l", "q"), ("T", "T")] {
                assert_eq!(fill[ours], trade[theirs], "{fill} {trade}");
            }
            let buys = fill["S"] == "BUY";
            assert_eq!(trade["m"] == true, buys == maker, "the buyer made, or did not");
        }
    }
    for (client, events) in [&venue.one, &venue.two].into_iter().zip(&told) {
        // Reports come in the engine's order, and balances are what the account has.
        let reports = events.iter().filter(|event| event["e"] == "executionReport");
        assert!(reports.map(|report| report["I"].as_u64()).is_sorted());
        let last = events.iter().rfind(|event| event["e"] == "outboundAccountPosition").unwrap();
        let account = client.signed("GET", "account", "").good();
        for held in last["B"].as_array().unwrap() {
            let balances = account["balances"].as_array().unwrap();
            let known = balances.iter().find(|known| known["asset"] == held["a"]).unwrap();
            assert_eq!((&held["f"], &held["l"]), (&known["free"], &known["locked"]));
        }
    }
}

#[test]
fn a_listen_key_opens_the_stream_of_its_account() {
    let venue = Venue::start();
    let key = venue.one.raw("POST", "/api/v3/userDataStream", "").good()["listenKey"].clone();
    let key = key.as_str().unwrap();
    let again = venue.one.raw("POST", "/api/v3/userDataStream", "").good();
    assert_eq!(again["listenKey"], key);
    let mut raw = Ws::at(&venue.one, &format!("/ws/{key}"));
    let mut combined = Ws::at(&venue.one, "/stream");
    let subscribe = json!({ "method": "SUBSCRIBE", "params": [key], "id": 1 }).to_string();
    assert_eq!(combined.raw(&subscribe), json!({ "result": null, "id": 1 }));
    raw.raw(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#);
    venue.two.limit("BUY", "40000", "1").good();
    venue.one.limit("BUY", "50000", "1").good();
    let told = raw.answer();
    assert_eq!(
        (&told["e"], &told["x"], &told["p"]),
        (&json!("executionReport"), &json!("NEW"), &json!("50000.00000000"))
    );
    assert_eq!(combined.answer(), json!({ "stream": key, "data": told }));
    let form = format!("/api/v3/userDataStream?listenKey={key}");
    venue.two.raw("PUT", &form, "").refused(400, -1125);
    venue.two.raw("DELETE", &form, "").refused(400, -1125);
    venue.one.raw("PUT", &form, "").good();
    venue.one.raw("DELETE", &form, "").good();
    venue.one.raw("PUT", &form, "").refused(400, -1125);
    assert_eq!(raw.answer()["e"], "outboundAccountPosition");
    assert_eq!(raw.answer()["e"], "listenKeyExpired");
    venue.one.limit("BUY", "50001", "1").good();
    std::thread::sleep(Duration::from_millis(1_100));
    let nothing = raw.raw(r#"{"method":"LIST_SUBSCRIPTIONS","id":2}"#);
    assert_eq!(nothing["id"], 2, "and nothing was told");
}

/// All reports and list statuses until now, in short.
fn in_short(ws: &mut Ws<'_>) -> Vec<String> {
    let word = |event: &Value, name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let short = |event: Value| match event["e"].as_str().unwrap() {
        "executionReport" => {
            Some(format!("{} {} {}", word(&event, "c"), word(&event, "x"), word(&event, "X")))
        }
        "listStatus" => Some(format!("{} {}", word(&event, "C"), word(&event, "l"))),
        _ => None,
    };
    ws.until_now().into_iter().filter_map(short).collect()
}

#[test]
fn lists_are_reported_order_by_order_and_as_a_whole() {
    let venue = Venue::start();
    venue.two.limit("SELL", "60000", "1").good();
    venue.one.limit("BUY", "60000", "1").good();
    let mut one = Ws::told(&venue.one);
    let oco = |name: &str, above: &str| {
        json!({ "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.5",
        "aboveType": "LIMIT_MAKER", "abovePrice": above, "aboveClientOrderId": format!("{name}-up"),
        "belowType": "STOP_LOSS", "belowStopPrice": "59000", "belowClientOrderId": format!("{name}-down"),
        "listClientOrderId": name })
    };
    let placed = one.good("orderList.place.oco", &oco("a", "61000"));
    assert_eq!(in_short(&mut one), ["a-down NEW NEW", "a-up NEW NEW", "a EXEC_STARTED"]);
    venue.two.limit("BUY", "61000", "0.2").good();
    assert_eq!(in_short(&mut one), ["a-up TRADE PARTIALLY_FILLED", "a-down EXPIRED EXPIRED"]);
    venue.two.limit("BUY", "61000", "0.3").good();
    assert_eq!(in_short(&mut one), ["a-up TRADE FILLED", "a ALL_DONE"]);
    let told = one.good("orderList.status", &json!({ "orderListId": placed["orderListId"] }));
    assert_eq!(told["listOrderStatus"], "ALL_DONE");
    // A list is cancelled as a whole.
    let placed = one.good("orderList.place.oco", &oco("b", "63000"));
    in_short(&mut one);
    one.good(
        "orderList.cancel",
        &json!({ "symbol": "BTCUSDT", "orderListId": placed["orderListId"] }),
    );
    let mut cancelled = in_short(&mut one);
    assert_eq!(cancelled.pop().unwrap(), "b ALL_DONE");
    cancelled.sort();
    assert_eq!(cancelled, ["b-down CANCELED CANCELED", "b-up CANCELED CANCELED"]);
    // A pending order is entered when its working order is filled.
    one.good(
        "orderList.place.oto",
        &json!({ "symbol": "BTCUSDT", "workingType": "LIMIT",
        "workingSide": "BUY", "workingPrice": "59500", "workingQuantity": "0.5",
        "workingTimeInForce": "GTC", "workingClientOrderId": "c-in", "pendingType": "LIMIT",
        "pendingSide": "SELL", "pendingQuantity": "0.5", "pendingPrice": "61000",
        "pendingTimeInForce": "GTC", "pendingClientOrderId": "c-out", "listClientOrderId": "c" }),
    );
    assert_eq!(in_short(&mut one), ["c-in NEW NEW", "c-out NEW PENDING_NEW", "c EXEC_STARTED"]);
    venue.two.limit("SELL", "59500", "0.5").good();
    assert_eq!(in_short(&mut one), ["c-in TRADE FILLED", "c-out NEW NEW"]);
    venue.two.limit("BUY", "61000", "0.5").good();
    assert_eq!(in_short(&mut one), ["c-out TRADE FILLED", "c ALL_DONE"]);
}

#[test]
fn what_the_operator_does_to_an_account_is_told_to_its_owner() {
    let venue = Venue::with_operator(ServeOptions::default());
    let (mut one, mut two) = (Ws::told(&venue.one), Ws::told(&venue.two));
    let (account, asset) = (AccountId(1), AssetId(1));
    let amount = Money::from_qty(Qty::from_units(150_000_000));
    venue.operate(Deposit { funding_id: 900, account, asset, amount });
    let update = one.event();
    assert_eq!((&update["e"], &update["d"]), (&json!("balanceUpdate"), &json!("1.50000000")));
    let name = update["a"].as_str().unwrap();
    let after = held(&one.position(), name);
    let known = venue.one.signed("GET", "account", "").good();
    let known = known["balances"].as_array().unwrap().iter().find(|held| held["asset"] == name);
    assert_eq!(known.unwrap()["free"], after.0);
    venue.operate(Withdraw { funding_id: 901, account, asset, amount });
    assert_eq!(one.event()["d"], "-1.50000000");
    one.position();
    assert_eq!(two.until_now(), Vec::<Value>::new());
}
