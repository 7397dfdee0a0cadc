//! A key that is taken back: whatever was opened with it ends at once, and is told so.

use serde_json::{Value, json};
use tiercel_venue::serve::ServeOptions;

use super::admin::Office;
use super::http::{Client, Venue};
use super::native_stream::{Listener, closed};
use super::ws::Ws;

fn administered() -> (Venue, Office) {
    let (change, office) = Office::open();
    (Venue::custom(ServeOptions::default(), change), office)
}

pub(super) fn revoke(office: &Office, client: &Client) {
    office.ask("DELETE", &format!("keys/{}", client.api_key()), &Value::Null).good();
}

fn order(side: &str) -> Value {
    json!({ "symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC",
        "price": "50000", "quantity": "0.01" })
}

#[test]
fn a_subscription_hears_that_it_ends_and_those_of_other_keys_go_on() {
    let (venue, office) = administered();
    let mut told = Ws::told(&venue.one);
    let mut other = Ws::told(&venue.trader);
    revoke(&office, &venue.one);
    let end = told.wrapped();
    assert_eq!(
        (&end["subscriptionId"], &end["event"]["e"]),
        (&json!(0), &json!("eventStreamTerminated"))
    );
    assert_eq!(told.ask("session.subscriptions", &json!({}))["result"], json!([]));
    assert_eq!(
        told.signed("userDataStream.subscribe.signature", &json!({}))["error"]["code"],
        -2015
    );
    // The account trades on with its other key; the connection is told nothing of it.
    other.limit("BUY", "50000", "0.01");
    other.report("NEW", "NEW");
    assert!(told.until_now().is_empty());
    assert_eq!(told.signed("order.place", &order("BUY"))["error"]["code"], -2015);
}

#[test]
fn a_session_is_refused_and_its_subscription_ends() {
    let (venue, office) = administered();
    let mut ws = Ws::open(&venue.trader);
    ws.good("session.logon", &json!({}));
    assert_eq!(ws.ask("userDataStream.subscribe", &json!({}))["status"], 200);
    revoke(&office, &venue.trader);
    assert_eq!(ws.event()["e"], "eventStreamTerminated");
    let timed = |params: Value| {
        let mut params = params;
        params["timestamp"] = json!(super::http::now_ms());
        params
    };
    for (method, params) in [
        ("order.place", timed(order("BUY"))),
        ("account.status", timed(json!({}))),
        ("userDataStream.start", json!({})),
        ("userDataStream.subscribe", json!({})),
        ("order.place", timed(order("SELL"))),
    ] {
        let answer = ws.ask(method, &params);
        assert_eq!(
            (&answer["status"], &answer["error"]["code"]),
            (&json!(401), &json!(-2015)),
            "{answer}"
        );
    }
    let status = ws.ask("session.status", &json!({}))["result"].clone();
    assert_eq!((&status["apiKey"], &status["userDataStream"]), (&Value::Null, &json!(false)));
    assert_eq!(ws.signed("session.logon", &json!({}))["error"]["code"], -2015);
    assert_eq!(
        venue.one.public("depth?symbol=BTCUSDT").good()["bids"],
        json!([]),
        "nothing was done"
    );
}

#[test]
fn a_listen_key_that_its_holder_knows_is_over() {
    let (venue, office) = administered();
    let open = |client: &Client| {
        let given = client.raw("POST", "/api/v3/userDataStream", "").good();
        given["listenKey"].as_str().unwrap().to_owned()
    };
    let (key, own) = (open(&venue.one), open(&venue.two));
    assert_eq!(open(&venue.trader), key, "the account's, whichever key asks");
    let mut raw = Ws::at(&venue.one, &format!("/ws/{key}"));
    let mut combined = Ws::at(&venue.one, &format!("/stream?streams={key}/btcusdt@trade"));
    let mut others = Ws::at(&venue.two, &format!("/ws/{own}"));
    for ws in [&mut raw, &mut combined, &mut others] {
        ws.raw(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#);
    }
    revoke(&office, &venue.one);
    let end = raw.answer();
    assert_eq!((&end["e"], &end["listenKey"]), (&json!("listenKeyExpired"), &json!(key)));
    let end = combined.answer();
    assert_eq!((&end["stream"], &end["data"]["e"]), (&json!(key), &json!("listenKeyExpired")));
    let mut late = Ws::at(&venue.one, &format!("/ws/{key}"));
    assert_eq!(late.raw(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#)["result"], json!([]));
    assert_ne!(open(&venue.trader), key, "the account has another one, with a key that is good");
    venue.two.limit("BUY", "50000", "0.01").good();
    assert_eq!(others.answer()["e"], "executionReport", "of another account nothing changes");
}

#[test]
fn a_native_stream_is_closed_and_those_of_nobody_and_of_other_keys_go_on() {
    let (venue, office) = administered();
    let orders = json!([{ "channel": "orders" }]);
    let mut one = Listener::signed(&venue.one, venue.one.api_key()).ok().unwrap();
    let mut two = Listener::signed(&venue.two, venue.two.api_key()).ok().unwrap();
    for listener in [&mut one, &mut two] {
        listener.subscribe(&orders);
        assert_eq!(listener.next()["event"], "snapshot");
    }
    revoke(&office, &venue.one);
    assert_eq!(closed(&mut one), Some(1008));
    assert_eq!(Listener::signed(&venue.one, venue.one.api_key()).err(), Some(401));
    venue.two.limit("BUY", "50000", "0.01").good();
    assert_eq!(two.next()["event"], "order_accepted");
}
