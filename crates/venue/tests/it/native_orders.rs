//! Every kind of order that the engine knows, over the native interface.

use serde_json::{Value, json};
use tiercel_types::InstrumentId;
use tiercel_types::auction::AuctionKind;
use tiercel_types::command::{SetInstrumentState, StartCall};
use tiercel_types::{InstrumentState, Timestamp};
use tiercel_venue::serve::ServeOptions;

use super::http::{Venue, now_ms};
use super::native_client::with;

/// An order for one bitcoin.
fn order(side: &str, kind: &str, more: &Value) -> Value {
    with(&json!({ "symbol": "BTCUSDT", "side": side, "kind": kind, "qty": "1" }), more)
}

fn limit(side: &str, price: &str) -> Value {
    order(side, "limit", &json!({ "price": price }))
}

fn id(order: &Value) -> String {
    order["order_id"].as_str().unwrap().to_owned()
}

#[test]
fn orders_of_every_kind_are_taken_and_told() {
    let venue = Venue::start();
    let (one, two) = (&venue.one, &venue.two);
    let place = |order: Value| one.v1_order(&order).good()["order"].clone();
    two.v1_order(&limit("sell", "60000")).good();
    two.v1_order(&limit("sell", "60001")).good();

    let market = one.v1_order(&order("buy", "market", &json!({ "qty": "0.5" }))).good();
    assert_eq!(market["order"]["status"], "filled");
    assert_eq!(market["fills"][0]["price"], "60000");
    assert_eq!(market["fills"][0]["fee"], "0.0005");
    assert_eq!(
        (&market["fills"][0]["fee_asset"], &market["repeated"]),
        (&json!("BTC"), &json!(false))
    );
    let mut by_amount = order("buy", "market", &json!({ "quote_qty": "6000" }));
    by_amount.as_object_mut().unwrap().remove("qty");
    let by_amount = place(by_amount);
    assert_eq!(
        (&by_amount["executed_qty"], &by_amount["quote_qty"]),
        (&json!("0.1"), &json!("6000"))
    );
    let taken = place(order("buy", "market_to_limit", &json!({ "time_in_force": "gtc" })));
    assert_eq!((&taken["price"], &taken["status"]), (&json!("60000"), &json!("open")));
    assert_eq!(taken["executed_qty"], "0.4");
}

#[test]
fn special_orders_and_lives_of_every_length_are_taken_and_told() {
    let venue = Venue::start();
    let (one, two) = (&venue.one, &venue.two);
    let place = |order: Value| one.v1_order(&order).good()["order"].clone();
    two.v1_order(&limit("sell", "60001")).good();
    one.v1_order(&limit("buy", "59999")).good();
    let post_only = order("sell", "post_only", &json!({ "price": "59999" }));
    one.v1_order(&post_only).problem(422, "WOULD_MATCH");
    let iceberg = place(with(&limit("buy", "50000"), &json!({ "display_qty": "0.2" })));
    assert_eq!(iceberg["display_qty"], "0.2");
    assert_eq!(place(with(&limit("buy", "50000"), &json!({ "hidden": true })))["hidden"], true);
    let pegged = json!({ "peg": "primary", "peg_offset": "0.01" });
    assert_eq!(place(with(&limit("buy", "50001"), &pegged))["peg"], "primary");
    let all_or_none = place(with(&limit("buy", "50000"), &json!({ "all_or_none": true })));
    assert_eq!(all_or_none["all_or_none"], true);
    let minimum = with(&limit("buy", "50000"), &json!({ "min_qty": "0.5" }));
    let minimum = place(minimum);
    assert_eq!(
        (&minimum["status"], &minimum["end_reason"]),
        (&json!("ended"), &json!("minimum_qty"))
    );
    for time_in_force in ["ioc", "fok"] {
        let ended = place(with(&limit("buy", "50000"), &json!({ "time_in_force": time_in_force })));
        assert_eq!(ended["status"], "ended", "{time_in_force}");
    }
    assert_eq!(
        place(with(&limit("buy", "50000"), &json!({ "time_in_force": "day" })))["status"],
        "open"
    );
    let until = ((now_ms() + 60_000) * 1_000_000).to_string();
    let dated = json!({ "time_in_force": "gtd", "expire_time": until });
    assert_eq!(place(with(&limit("buy", "50000"), &dated))["expire_time"], until.as_str());
    for time_in_force in ["at_open", "at_close", "at_auction"] {
        let waits = json!({ "time_in_force": time_in_force });
        assert_eq!(place(with(&limit("buy", "50000"), &waits))["status"], "auction");
    }
    let imbalance = json!({ "time_in_force": "at_close", "imbalance_only": true });
    assert_eq!(place(with(&limit("buy", "50000"), &imbalance))["status"], "auction");
}

#[test]
fn waiting_orders_are_told_and_all_are_cancelled_at_once() {
    let venue = Venue::start();
    let (one, two) = (&venue.one, &venue.two);
    let place = |order: Value| one.v1_order(&order).good()["order"].clone();
    two.v1_order(&limit("sell", "60000")).good();
    one.v1_order(&order("buy", "market", &json!({ "qty": "0.5" }))).good();
    for mode in ["none", "expire_taker", "expire_maker", "expire_both", "decrement", "transfer"] {
        let told = place(with(&limit("buy", "50000"), &json!({ "self_trade_prevention": mode })));
        assert_eq!(told["self_trade_prevention"], mode);
    }
    for (trigger, price) in [("stop", "70000"), ("take_profit", "40000")] {
        let waits = json!({ "trigger": trigger, "trigger_price": price });
        let waiting = place(order("buy", "market", &waits));
        assert_eq!((&waiting["status"], &waiting["trigger"]), (&json!("waiting"), &json!(trigger)));
    }
    let trails = json!({ "trigger": "trailing_stop", "trailing_bps": 100 });
    assert_eq!(place(order("sell", "market", &trails))["trailing_bps"], 100);
    let trails = json!({ "trigger": "trailing_stop", "trailing_amount": "50",
        "activation_price": "65000" });
    let trailing = place(order("sell", "market", &trails));
    assert_eq!(
        (&trailing["trailing_amount"], &trailing["activation_price"]),
        (&json!("50"), &json!("65000"))
    );
    let open = one.v1_get("orders/open").good()["orders"].as_array().unwrap().len();
    let cancelled = one.v1("DELETE", "orders?symbol=BTCUSDT&side=buy", &Value::Null).good();
    assert_eq!(cancelled["count"], open as u64 - 2);
    one.v1("DELETE", "orders", &Value::Null).good();
    assert_eq!(one.v1_get("orders/open").good()["orders"], json!([]));
    let ended = one.v1_get("orders?scope=ended&limit=1000").good();
    assert!(ended["orders"].as_array().unwrap().len() > open);
}

#[test]
fn a_request_that_is_sent_again_finds_the_order_that_is_there() {
    let venue = Venue::start();
    let (one, two) = (&venue.one, &venue.two);
    let named = with(&limit("buy", "50000"), &json!({ "client_order_id": "a" }));
    let first = one.v1_order(&named).good();
    let again = one.v1_order(&named).good();
    assert_eq!((&again["order"], &again["repeated"]), (&first["order"], &json!(true)));
    let other = with(&named, &json!({ "price": "50001" }));
    assert_eq!(
        one.v1_order(&other).problem(409, "DUPLICATE_CLIENT_ORDER_ID"),
        Some("/client_order_id")
    );
    // Also when it has ended: what was filled is not bought twice.
    two.v1_order(&limit("sell", "50000")).good();
    let again = one.v1_order(&named).good();
    assert_eq!((&again["order"]["status"], &again["repeated"]), (&json!("filled"), &json!(true)));
    assert_eq!(again["fills"].as_array().unwrap().len(), 1);
    assert_eq!(one.v1_get("orders").good()["orders"].as_array().unwrap().len(), 1);
    // Another account's names are its own.
    assert_eq!(two.v1_order(&named).good()["repeated"], false);

    let list = json!({ "symbol": "BTCUSDT", "list_client_order_id": "l", "orders": [
        { "side": "sell", "kind": "limit", "price": "70000", "qty": "1" },
        { "side": "sell", "kind": "market", "qty": "1", "trigger": "stop",
          "trigger_price": "40000" },
    ] });
    let first = one.v1("POST", "orders/oco", &list).good();
    let again = one.v1("POST", "orders/oco", &list).good();
    assert_eq!((&again["list"], &again["repeated"]), (&first["list"], &json!(true)));
    one.v1("POST", "orders/oto", &list).problem(409, "DUPLICATE_CLIENT_ORDER_ID");
}

#[test]
fn a_retry_whose_first_is_still_on_its_way_is_told_so() {
    let venue = Venue::start();
    let named = with(&limit("buy", "50000"), &json!({ "client_order_id": "a" }));
    venue.halt(true);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| venue.one.v1_order(&named));
        std::thread::sleep(std::time::Duration::from_millis(300));
        let second = venue.one.v1_order(&named);
        second.problem(409, "REQUEST_IN_PROGRESS");
        assert_eq!(second.header("retry-after"), Some("1"));
        venue.halt(false);
        assert_eq!(first.join().unwrap().good()["repeated"], false);
    });
    assert_eq!(venue.one.v1_order(&named).good()["repeated"], true);
}

#[test]
fn orders_are_amended_replaced_and_cancelled_by_id_and_by_name() {
    let venue = Venue::start();
    let one = &venue.one;
    let named = with(&limit("buy", "50000"), &json!({ "client_order_id": "a/1 b" }));
    let placed = one.v1_order(&named).good();
    let by_id = format!("orders/BTCUSDT/{}", id(&placed["order"]));
    let by_name = "orders/BTCUSDT/client:a%2F1%20b";
    assert_eq!(one.v1_get(by_name).good(), placed["order"]);
    let amend = json!({ "qty": "0.5", "client_order_id": "b" });
    let amended = one.v1("PATCH", by_name, &amend).good();
    assert_eq!(
        (&amended["order"]["qty"], &amended["order"]["client_order_id"]),
        (&json!("0.5"), &json!("b"))
    );
    one.v1("PATCH", &by_id, &json!({})).problem(422, "NOTHING_TO_AMEND");
    let off = one.v1("PATCH", &by_id, &json!({ "price": "50000.001" }));
    assert_eq!(off.problem(422, "PRICE_NOT_ON_TICK"), Some("/price"));
    let new = json!({ "side": "buy", "kind": "limit", "price": "50100", "qty": "1",
        "client_order_id": "c" });
    let replaced = one.v1("POST", &format!("{by_id}/replace"), &new).good();
    assert_eq!(replaced["replaced"], placed["order"]["order_id"]);
    assert_eq!(replaced["order"]["price"], "50100");
    let again = one.v1("POST", &format!("{by_id}/replace"), &new).good();
    assert_eq!((&again["order"], &again["repeated"]), (&replaced["order"], &json!(true)));
    let more = with(&new, &json!({ "peg": "primary", "client_order_id": "d" }));
    one.v1("POST", "orders/BTCUSDT/client:c/replace", &more).problem(400, "INVALID_FIELD");
    let cancelled = one.v1("DELETE", "orders/BTCUSDT/client:c", &Value::Null).good();
    assert_eq!(
        (&cancelled["status"], &cancelled["end_reason"]),
        (&json!("ended"), &json!("cancelled"))
    );
    for (method, path) in [("DELETE", by_id.clone()), ("POST", format!("{by_id}/cancel"))] {
        one.v1(method, &path, &Value::Null).problem(409, "ORDER_NOT_LIVE");
    }
    one.v1("PATCH", &by_id, &json!({ "qty": "2" })).problem(409, "ORDER_NOT_LIVE");
    one.v1("DELETE", "orders/BTCUSDT/99", &Value::Null).problem(404, "UNKNOWN_ORDER");
    let placed = one.v1_order(&limit("buy", "50000")).good();
    let by_id = format!("orders/BTCUSDT/{}/cancel", id(&placed["order"]));
    assert_eq!(one.v1("POST", &by_id, &json!({})).good()["status"], "ended");
    // Ids and names are the account's, of whichever instrument.
    let named = with(&limit("buy", "50000"), &json!({ "client_order_id": "e" }));
    let placed = [limit("buy", "50000"), named].map(|order| one.v1_order(&order).good());
    let by_id = format!("orders/{}/cancel", id(&placed[0]["order"]));
    venue.two.v1("POST", &by_id, &Value::Null).problem(404, "UNKNOWN_ORDER");
    for (method, path) in [("POST", by_id.as_str()), ("DELETE", "orders/client:e/cancel")] {
        assert_eq!(one.v1(method, path, &Value::Null).good()["status"], "ended");
        one.v1(method, path, &Value::Null).problem(409, "ORDER_NOT_LIVE");
    }
    one.v1("DELETE", "orders/99/cancel", &Value::Null).problem(404, "UNKNOWN_ORDER");
    one.v1("DELETE", "orders/BTCUSDT/cancel", &Value::Null).problem(400, "INVALID_FIELD");
    let later = one.v1("POST", "orders/countdown", &json!({ "after_ms": 60000 })).good();
    assert!(later["at_ns"].as_str().unwrap().parse::<u64>().unwrap() > now_ms() * 1_000_000);
    assert_eq!(one.v1("POST", "orders/countdown", &json!({ "after_ms": 0 })).good(), json!({}));
}

#[test]
fn lists_hang_together_and_their_mistakes_are_told_by_leg() {
    let venue = Venue::start();
    let (one, two) = (&venue.one, &venue.two);
    let leg = |side: &str, price: &str| {
        json!({ "side": side, "kind": "limit", "price": price,
        "qty": "1" })
    };
    let list = |orders: Value| json!({ "symbol": "BTCUSDT", "orders": orders });
    let placed = one
        .v1("POST", "orders/oto", &list(json!([leg("buy", "50000"), leg("sell", "51000")])))
        .good();
    let statuses = |list: &Value| -> Vec<String> {
        let orders = list["orders"].as_array().unwrap();
        orders.iter().map(|order| order["status"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(statuses(&placed["list"]), ["open", "pending"]);
    two.v1_order(&limit("sell", "50000")).good();
    let list_id = placed["list"]["list_id"].as_str().unwrap();
    let now = one.v1_get(&format!("lists/{list_id}")).good();
    assert_eq!(statuses(&now), ["filled", "open"]);
    assert_eq!(one.v1_get("lists").good()["lists"][0], now);
    let cancelled = one.v1("DELETE", &format!("lists/{list_id}"), &Value::Null).good();
    assert_eq!(cancelled["count"], 1);
    let over = one.v1("DELETE", &format!("lists/{list_id}"), &Value::Null);
    assert_eq!(over.problem(409, "ORDER_NOT_LIVE"), Some("list_id"));
    // A fill in the command that places the list is told.
    two.v1_order(&limit("sell", "50000")).good();
    let filled = one
        .v1(
            "POST",
            "orders/otoco",
            &list(json!([leg("buy", "50000"), leg("sell", "52000"), leg("sell", "53000")])),
        )
        .good();
    assert_eq!(filled["fills"][0]["price"], "50000");
    assert_eq!(statuses(&filled["list"]), ["filled", "open", "open"]);

    let wrong = list(json!([leg("sell", "70000"), leg("sell", "80000.001")]));
    assert_eq!(
        one.v1("POST", "orders/oco", &wrong).problem(422, "PRICE_NOT_ON_TICK"),
        Some("/orders/1/price")
    );
    let sides = list(json!([leg("sell", "70000"), leg("buy", "40000")]));
    assert!(one.v1("POST", "orders/oco", &sides).problem(422, "LEG_MISMATCH").is_none());
    let few = list(json!([leg("sell", "70000")]));
    assert_eq!(one.v1("POST", "orders/oco", &few).problem(400, "INVALID_FIELD"), Some("/orders"));
    let unknown = list(json!([leg("sell", "70000"), with(&leg("sell", "1"), &json!({ "x": 1 }))]));
    assert_eq!(
        one.v1("POST", "orders/oco", &unknown).problem(400, "UNKNOWN_FIELD"),
        Some("/orders/1/x")
    );
}

#[test]
fn a_bracket_follows_its_entry_and_needs_both_exits() {
    let venue = Venue::start();
    let (one, two) = (&venue.one, &venue.two);
    let bracket = json!({
        "symbol": "BTCUSDT",
        "pending_rule": "each_fill",
        "entry": { "side": "buy", "kind": "limit", "price": "50000", "qty": "1" },
        "take_profit": { "price": "55000", "client_order_id": "profit" },
        "stop_loss": { "trigger_price": "45000", "client_order_id": "loss" },
    });
    let placed = one.v1("POST", "orders/bracket", &bracket).good();
    assert_eq!(placed["list"]["kind"], "otoco");
    let part = with(&limit("sell", "50000"), &json!({ "qty": "0.4" }));
    two.v1_order(&part).good();
    let exit = |name: &str| one.v1_get(&format!("orders/BTCUSDT/client:{name}")).good();
    assert_eq!(
        (&exit("profit")["open_qty"], &exit("loss")["open_qty"]),
        (&json!("0.4"), &json!("0.4"))
    );
    assert_eq!(
        (&exit("profit")["status"], &exit("loss")["status"]),
        (&json!("open"), &json!("waiting"))
    );
    two.v1_order(&order("buy", "limit", &json!({ "price": "55000", "qty": "0.4" }))).good();
    assert_eq!(exit("loss")["end_reason"], "list_ended");
    for (more, code, field) in [
        (json!({ "stop_loss": {} }), "INVALID_FIELD", "/stop_loss/trigger_price"),
        (
            json!({ "stop_loss": { "trailing_bps": 5, "price": "1" } }),
            "INVALID_FIELD",
            "/stop_loss/trigger_price",
        ),
        (json!({ "take_profit": {} }), "MISSING_FIELD", "/take_profit/price"),
    ] {
        let answer = one.v1("POST", "orders/bracket", &with(&bracket, &more));
        assert_eq!(answer.problem(400, code), Some(field));
    }
    let off = with(&bracket, &json!({ "take_profit": { "price": "55000.001" } }));
    let answer = one.v1("POST", "orders/bracket", &off);
    assert_eq!(answer.problem(422, "PRICE_NOT_ON_TICK"), Some("/take_profit/price"));
    let off = with(&bracket, &json!({ "stop_loss": { "trailing_bps": 10000 } }));
    let answer = one.v1("POST", "orders/bracket", &off);
    assert_eq!(answer.problem(422, "TRAILING_INVALID"), Some("/stop_loss/trailing_amount"));
}

#[test]
fn conditions_wait_until_their_tree_is_true() {
    let venue = Venue::start();
    let (one, two) = (&venue.one, &venue.two);
    let compare = |field: &str, comparison: &str, value: &str| json!({ "symbol": "BTCUSDT", "field": field, "comparison": comparison, "value": value });
    let tree = json!({ "all": [
        { "any": [compare("last", ">=", "60000"), compare("bid", ">", "70000")] },
        compare("volume_24h", ">=", "1"),
        { "symbol": "ETHUSDT", "field": "ask", "comparison": "<=", "value": "3000" },
    ] });
    let eth = json!({ "symbol": "ETHUSDT", "side": "sell", "kind": "limit", "price": "3000",
        "qty": "1" });
    two.v1_order(&eth).good();
    let conditional = with(
        &limit("buy", "50000"),
        &json!({ "condition": tree,
        "client_order_id": "c" }),
    );
    let placed = one.v1("POST", "orders/conditional", &conditional).good();
    assert_eq!(
        (&placed["order"]["status"], &placed["order"]["trigger"]),
        (&json!("waiting"), &json!("condition"))
    );
    assert_eq!(one.v1("POST", "orders/conditional", &conditional).good()["repeated"], true);
    two.v1_order(&limit("sell", "60000")).good();
    one.v1_order(&limit("buy", "60000")).good();
    assert_eq!(one.v1_get("orders/BTCUSDT/client:c").good()["status"], "open");
    let refused = |condition: Value, status, code, field: &str| {
        let body = with(&limit("buy", "50000"), &json!({ "condition": condition }));
        let answer = one.v1("POST", "orders/conditional", &body);
        assert_eq!(answer.problem(status, code), Some(field), "{condition}");
    };
    let leaf = compare("last", ">", "1");
    refused(json!({ "all": [] }), 400, "INVALID_FIELD", "/condition/all");
    refused(json!({ "all": vec![leaf.clone(); 9] }), 400, "INVALID_FIELD", "/condition/all/8");
    refused(json!({ "all": [leaf], "field": "last" }), 400, "INVALID_FIELD", "/condition");
    refused(
        json!({ "any": [compare("price", ">", "1")] }),
        400,
        "INVALID_FIELD",
        "/condition/any/0/field",
    );
    refused(json!({ "any": [{ "symbol": "X" }] }), 400, "MISSING_FIELD", "/condition/any/0/field");
    refused(
        with(&compare("last", ">", "1"), &json!({ "symbol": "X" })),
        404,
        "UNKNOWN_INSTRUMENT",
        "/condition/symbol",
    );
    refused(compare("last", ">", "-1"), 422, "CONDITION_INVALID", "/condition");
    let stop = with(&conditional, &json!({ "trigger": "stop", "client_order_id": "d" }));
    let answer = one.v1("POST", "orders/conditional", &stop);
    assert_eq!(answer.problem(400, "INVALID_FIELD"), Some("/trigger"));
    // Three legs, each with a condition: seven commands of one submission.
    let leg = |side: &str, price: &str| {
        json!({ "side": side, "kind": "limit", "price": price,
        "qty": "1", "condition": compare("last", ">", "65000") })
    };
    let list = json!({ "symbol": "BTCUSDT", "orders": [leg("buy", "50000"), leg("sell", "52000"),
        leg("sell", "53000")] });
    let placed = one.v1("POST", "orders/otoco", &list).good();
    assert_eq!(placed["list"]["orders"][0]["status"], "waiting");
    let mut wrong = list;
    wrong["orders"][2]["condition"]["value"] = json!("-1");
    let answer = one.v1("POST", "orders/otoco", &wrong);
    assert_eq!(answer.problem(422, "CONDITION_INVALID"), Some("/orders/2/condition"));
}

#[test]
fn an_auction_is_told_from_its_call_to_its_uncross() {
    let venue = Venue::with_operator(ServeOptions::default());
    let (one, two) = (&venue.one, &venue.two);
    let instrument = InstrumentId(1);
    let auction = || one.v1_public("auction/BTCUSDT").good();
    venue.operate(StartCall {
        instrument,
        auction: AuctionKind::Opening,
        then: InstrumentState::Open,
        reserved: [0; 2],
        ends_at: Timestamp(0),
    });
    let begun = auction();
    assert_eq!((&begun["state"], &begun["call"]["auction"]), (&json!("call"), &json!("opening")));
    assert!(begun["call"].get("indication").is_none() && begun.get("last").is_none());
    one.v1_order(&with(&limit("buy", "60100"), &json!({ "qty": "3" }))).good();
    two.v1_order(&limit("sell", "60000")).good();
    let call = auction()["call"].clone();
    assert_eq!(call["indication"]["executed_qty"], "1");
    assert_eq!(call["indication"]["price"], "60100");
    let surplus = (&call["indication"]["surplus_qty"], &call["indication"]["surplus_side"]);
    assert_eq!(surplus, (&json!("2"), &json!("buy")));
    one.v1_order(&with(&limit("buy", "60000"), &json!({ "time_in_force": "ioc" })))
        .problem(422, "IMMEDIATE_IN_CALL");
    // The book is crossed: it has no micro-price.
    assert!(one.v1_public("orderbook/BTCUSDT/microprice").good().get("microprice").is_none());
    venue.operate(SetInstrumentState {
        instrument,
        state: InstrumentState::Open,
        reserved: [0; 3],
    });
    let mut over = auction();
    let from = std::time::Instant::now();
    while over["state"] != "open" && from.elapsed().as_secs() < 5 {
        over = auction();
    }
    assert!(over.get("call").is_none());
    assert_eq!(
        (&over["last"]["price"], &over["last"]["executed_qty"]),
        (&json!("60100"), &json!("1"))
    );
    let trade = &one.v1_public("trades/BTCUSDT").good()["trades"][0];
    assert_eq!((&trade["auction"], trade.get("taker_side")), (&json!(true), None));
    let fills = one.v1_get("account/trades?symbol=BTCUSDT").good();
    assert_eq!(fills["fills"][0]["side"], "buy");
}
