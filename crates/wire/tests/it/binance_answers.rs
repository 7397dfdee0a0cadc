//! What a trading connection is told, against `serde_json`: samples of each kind, written in other
//! words, damaged, and what is refused.

use tiercel_testkit::binance_answers::{SAMPLES, decode, decode_whole, rewritten};
use tiercel_testkit::binance_messages::damage;
use tiercel_testkit::random::Random;
use tiercel_types::{Money, Timestamp};
use tiercel_wire::binance::answer::{
    Body, Cancelled, Incoming, Interval, LimitKind, Part, Refusal,
};
use tiercel_wire::binance::user_data::{Event, ExecutionReport};
use tiercel_wire::binance::{ExecutionType, OrderStatus, TimeUnit};

/// The first sample that contains the text.
fn sample(part: &str) -> &'static str {
    SAMPLES.iter().find(|(_, text)| text.contains(part)).unwrap().1
}

fn incoming(text: &str) -> Incoming<'_> {
    Incoming::decode(text.as_bytes(), TimeUnit::Millisecond)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The result of an answer.
fn body(text: &str) -> Body<'_> {
    let Incoming::Answer(answer) = incoming(text) else { panic!("an event") };
    answer.outcome.unwrap()
}

fn refusal(text: &str) -> Refusal<'_> {
    let Incoming::Answer(answer) = incoming(text) else { panic!("an event") };
    answer.outcome.unwrap_err()
}

fn report(text: &str) -> ExecutionReport<'_> {
    match incoming(text) {
        Incoming::UserData(told) => match told.event {
            Event::Execution(report) => report,
            other => panic!("{other:?}"),
        },
        Incoming::Answer(answer) => panic!("{answer:?}"),
    }
}

#[test]
fn every_kind_of_message_is_read_however_it_is_written() {
    for (method, text) in SAMPLES {
        decode_whole(method, text.as_bytes());
        for seed in 0..200 {
            let text = rewritten(&mut Random::new(seed), text);
            decode_whole(method, text.as_bytes());
        }
    }
}

#[test]
fn damaged_messages_never_pass_as_something_else() {
    for (number, (_, text)) in SAMPLES.iter().enumerate() {
        for seed in 0..1_500 {
            let mut random = Random::new(seed << 8 | number as u64);
            let mut bytes = if random.one_in(3) {
                rewritten(&mut random, text).into_bytes()
            } else {
                text.as_bytes().to_vec()
            };
            damage(&mut random, &mut bytes);
            decode(&bytes);
        }
        for end in 0..text.len() {
            decode(&text.as_bytes()[..end]);
            let cut = Incoming::decode(&text.as_bytes()[..end], TimeUnit::Millisecond);
            assert!(cut.is_err(), "cut to {end} bytes: accepted");
        }
    }
}

#[test]
fn an_order_s_answer_has_its_fills() {
    let text = sample("tradeId");
    let placed = body(text).placed().unwrap();
    assert_eq!(placed.status, Some(OrderStatus::Filled));
    // More than a quantity holds.
    let quote: i128 = 9_999_999_999_999_999_999_999_900_000_000;
    assert_eq!(placed.executed_quote.unwrap().units(), quote);
    let fills: Vec<_> = placed.fills.unwrap().map(Result::unwrap).collect();
    assert_eq!(fills.len(), 2);
    assert_eq!((fills[1].qty.units(), fills[1].trade_id.unwrap().0), (500_000_000, 57));
    assert!(fills[1].commission_asset.is("USDT"));
    let ack = body(sample("6gCr")).placed().unwrap();
    assert!(ack.status.is_none() && ack.fills.is_none() && ack.list_id.is_none());
}

#[test]
fn limits_are_told_with_what_is_used() {
    let Incoming::Answer(answer) = incoming(sample("6gCr")) else { panic!("an event") };
    let limits: Vec<_> = answer.limits.unwrap().map(Result::unwrap).collect();
    assert_eq!((limits[1].kind, limits[1].interval), (LimitKind::Orders, Interval::Day));
    assert_eq!(
        (limits[2].kind, limits[2].limit, limits[2].count),
        (LimitKind::RequestWeight, 6_000, 321)
    );
}

#[test]
fn the_parts_of_a_cancel_replace_are_told_apart() {
    let parts = refusal(sample("-2021")).cancel_replaced().unwrap().unwrap();
    let Part::Done(Cancelled::Order(cancelled)) = parts.cancel else { panic!("{parts:?}") };
    assert_eq!(cancelled.order_id.0, 125_690_984_230);
    let Part::Failed(refused) = parts.new_order else { panic!("{parts:?}") };
    assert_eq!(refused.code, -2010);
    let parts = refusal(sample("-2022")).cancel_replaced().unwrap().unwrap();
    assert!(matches!(parts.cancel, Part::Failed(refused) if refused.code == -2011));
    assert!(matches!(parts.new_order, Part::NotAttempted));
    let banned = refusal(sample("-1003"));
    assert_eq!(banned.retry_after(), Some(Timestamp(1_659_146_460_000_000_000)));
    assert_eq!(banned.message.to_string(), "Way too much \"weight\"; banned.");
    assert!(banned.cancel_replaced().unwrap().is_none());
}

#[test]
fn a_cancel_of_a_list_s_order_tells_the_list() {
    let all: Vec<_> = body(sample("orderReports")).all_cancelled().unwrap().collect();
    assert!(matches!(all[0], Ok(Cancelled::Order(_))));
    let Ok(Cancelled::List(list)) = all[1] else { panic!("{all:?}") };
    assert_eq!(list.list_id.unwrap().0, 19_431);
    assert_eq!(list.orders.count(), 1);
}

#[test]
fn a_report_tells_a_fill() {
    let told = report(sample("TRADE_PREVENTION"));
    assert_eq!(told.execution_type, ExecutionType::TradePrevention);
    assert_eq!((told.status, told.status.is_live()), (OrderStatus::ExpiredInMatch, false));
    assert!(told.order_type.is_none(), "a type that is not known");
    assert_eq!((told.trade_id.unwrap().0, told.list_id.unwrap().0), (77, 17));
    assert_eq!(told.commission, Money::from_units(4_000_000_000_000));
    assert!(told.commission_asset.unwrap().is("BNB"));
    let new = report(sample("\"x\":\"NEW\""));
    assert!(new.trade_id.is_none() && new.commission_asset.is_none() && new.list_id.is_none());
    assert!(new.orig_client_order_id.is_empty());
}

#[test]
fn times_can_be_microseconds() {
    let text = sample("serverTime\":1656").replace("1656400526260", "1656400526260123");
    let told = Incoming::decode(text.as_bytes(), TimeUnit::Microsecond).unwrap();
    let Incoming::Answer(answer) = told else { panic!("{told:?}") };
    let time = answer.outcome.unwrap().server_time().unwrap();
    assert_eq!(time, Timestamp(1_656_400_526_260_123_000));
}

#[test]
fn rest_has_the_same_bodies() {
    let order = br#" {"symbol":"BTCUSDT","orderId":28,"orderListId":-1,"clientOrderId":"6gCr","transactTime":5} "#;
    let placed = Body::decode(order, TimeUnit::Millisecond).unwrap().placed().unwrap();
    assert_eq!(placed.transact_time, Timestamp(5_000_000));
    let refused =
        Refusal::decode(br#"{"code":-1121,"msg":"Invalid symbol."}"#, TimeUnit::Millisecond);
    assert_eq!(refused.unwrap().code, -1121);
    for bad in ["", "<html>", "{}", r#"{"code":1}"#, r#"{"code":1,"msg":"x"} y"#] {
        assert!(Refusal::decode(bad.as_bytes(), TimeUnit::Millisecond).is_err(), "{bad:?}");
    }
}

/// Replaces the first `from` of a sample by `to`, and tells how it is refused.
#[track_caller]
fn check(part: &str, from: &str, to: &str, field: &str, code: &str) {
    let text = sample(part);
    assert!(text.contains(from), "{from} is not in the sample");
    let damaged = text.replacen(from, to, 1);
    decode(damaged.as_bytes());
    let error = Incoming::decode(damaged.as_bytes(), TimeUnit::Millisecond).expect_err(&damaged);
    assert_eq!((error.field, error.kind.code()), (field, code), "{error} in {damaged}");
}

#[test]
fn malformed_messages_are_refused_with_the_field_named() {
    const FILL: &str = "TRADE_PREVENTION";
    check(FILL, r#""i":4293153,"#, "", "i", "missing_field");
    check(FILL, r#""i":4293153,"#, r#""i":4293153,"i":1,"#, "i", "duplicate_field");
    check(FILL, r#""E":1"#, r#""e":"balanceUpdate","E":1"#, "e", "duplicate_field");
    check(FILL, "EXPIRED_IN_MATCH", "FORGOTTEN", "X", "unknown_word");
    check(FILL, "\"TRADE_PREVENTION\"", "\"SOMETHING\"", "x", "unknown_word");
    check(FILL, "\"SELL\"", "\"sell\"", "S", "unknown_word");
    check(FILL, r#""t":77"#, r#""t":-2"#, "t", "integer_range");
    check(FILL, r#""t":77"#, r#""t":-"#, "t", "mistyped_field");
    check(FILL, r#""p":"0.10264410""#, r#""p":"-0.10264410""#, "p", "decimal");
    check(FILL, r#""n":"0.00040000""#, r#""n":"0.000400001""#, "n", "decimal");
    check(FILL, r#""n":"0.00040000""#, r#""n":"-1""#, "n", "decimal");
    check(FILL, r#""m":true"#, r#""m":1"#, "m", "mistyped_field");
    check(FILL, r#""C":"old""#, &format!(r#""C":"{}""#, "x".repeat(37)), "C", "name");
    check(FILL, r#""C":"old""#, r#""C":"ü""#, "C", "name");
    check(FILL, r#""T":1499405658657"#, r#""T":18446744073710"#, "T", "integer_range");
    check(FILL, r#""w":false"#, r#""w":fals"#, "w", "syntax");
    check("balanceUpdate", "-100.00000000", "--100.00000000", "d", "decimal");
    check("balanceUpdate", "-100.00000000", &format!("{}", i128::MAX), "d", "decimal");
    check("6gCr", r#""id":1"#, r#""id":"1""#, "id", "mistyped_field");
    check("6gCr", r#""id":1"#, r#""id":-1"#, "id", "mistyped_field");
    check("6gCr", r#""status":200,"#, "", "status", "missing_field");
    check("6gCr", r#""status":200"#, r#""status":70000"#, "status", "integer_range");
    check("6gCr", r#""result""#, r#""outcome""#, "result", "missing_field");
    check("6gCr", r#""result""#, r#""error":{"code":1,"msg":""},"result""#, "$", "unknown_message");
    check("-2022", r#""code":-2022"#, r#""code":-2147483649"#, "code", "integer_range");
    check("-2022", r#""msg":"Order cancel-replace failed.","#, "", "msg", "missing_field");
    for text in ["", "{}", "[]", "null", "5", r#"{"event":5}"#, r#"{"event":{}}"#, r#"{"e":5}"#] {
        decode(text.as_bytes());
        assert!(Incoming::decode(text.as_bytes(), TimeUnit::Millisecond).is_err(), "{text:?}");
    }
    assert!(Incoming::decode(b"{\"e\":\"\xff\"}", TimeUnit::Millisecond).is_err());
}

#[test]
fn an_element_that_is_refused_is_the_last() {
    let text = sample("1650422482").replacen("\"isBuyer\":false", "\"isBuyer\":0", 1);
    let mut trades = body(&text).trades().unwrap();
    let error = trades.next().unwrap().unwrap_err();
    assert_eq!((error.field, error.kind.code()), ("isBuyer", "mistyped_field"));
    assert_eq!(error.offset, text.find("\"isBuyer\":0").unwrap() + 10);
    assert!(trades.next().is_none());
}
