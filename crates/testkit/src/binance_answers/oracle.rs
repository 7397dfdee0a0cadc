//! The judge: each field of what was decoded against the same message read by `serde_json`.

use serde_json::Value;
use tiercel_types::{ClientOrderId, Money, Price, Qty, Timestamp};
use tiercel_wire::binance::answer::{
    Body, Cancelled, CancelledOrder, OrderState, Part, PlacedOrder, Refusal,
};
use tiercel_wire::binance::user_data::{Event, ExecutionReport};
use tiercel_wire::binance::{DecodeError, OrderType, Text, TimeInForce};

use crate::binance_oracle::{time, units};

/// Checks what decodes of a list; what does not ends it.
pub(super) fn check_list<T>(
    elements: impl Iterator<Item = Result<T, DecodeError>>,
    value: &Value,
    check: impl Fn(&T, &Value),
) {
    let mut count = 0;
    for element in elements {
        let Ok(element) = element else { return };
        check(&element, &value[count]);
        count += 1;
    }
    assert_eq!(count, value.as_array().map_or(0, Vec::len), "elements are left out");
}

/// Reads a result as each of what it may be; returns how it is not that.
pub(super) fn check_body(body: &Body<'_>, value: &Value) -> Vec<DecodeError> {
    let mut errors = Vec::new();
    let mut note = |error: Option<DecodeError>| errors.extend(error);
    note(body.placed().map(|order| check_placed(&order, value)).err());
    note(body.cancelled().map(|order| check_cancelled(&order, value)).err());
    note(body.all_cancelled().map(|all| check_list(all, value, check_cancelled)).err());
    note(body.order().map(|order| check_order(&order, value)).err());
    note(body.open_orders().map(|orders| check_list(orders, value, check_order)).err());
    note(
        body.cancel_replaced().map(|parts| check_parts(parts.cancel, parts.new_order, value)).err(),
    );
    note(body.server_time().map(|told| assert_eq!(told, time(&value["serverTime"]))).err());
    let subscription = body.subscription_id();
    note(subscription.map(|id| assert_eq!(value["subscriptionId"], id)).err());
    let amended = body.amended().map(|order| {
        let value = &value["amendedOrder"];
        check_text(order.symbol, &value["symbol"]);
        assert_eq!(value["orderId"], order.order_id.0);
        check_names(&order.orig_client_order_id, &value["origClientOrderId"]);
        check_names(&order.client_order_id, &value["clientOrderId"]);
        check_price(order.price, &value["price"]);
        check_qty(order.qty, &value["qty"]);
        check_qty(order.executed_qty, &value["executedQty"]);
        check_money(order.executed_quote, &value["cumulativeQuoteQty"]);
        assert_eq!(value["status"], order.status.as_str());
        assert_eq!(value["side"], order.side.as_str().to_uppercase());
    });
    note(amended.err());
    let trades = body.trades().map(|trades| {
        check_list(trades, value, |trade, value| {
            check_text(trade.symbol, &value["symbol"]);
            check_id(trade.trade_id.map(|id| id.0), &value["id"]);
            assert_eq!(value["orderId"], trade.order_id.0);
            check_price(trade.price, &value["price"]);
            check_qty(trade.qty, &value["qty"]);
            check_money(trade.quote_qty, &value["quoteQty"]);
            check_money(trade.commission, &value["commission"]);
            check_text(trade.commission_asset, &value["commissionAsset"]);
            assert_eq!(trade.time, time(&value["time"]));
            assert_eq!(
                (&value["isBuyer"], &value["isMaker"]),
                (&trade.is_buyer.into(), &trade.is_maker.into())
            );
        });
    });
    note(trades.err());
    let account = body.account().map(|account| {
        assert_eq!(value["canTrade"], account.can_trade);
        assert_eq!(account.update_time, time(&value["updateTime"]));
        check_list(account.balances, &value["balances"], |balance, value| {
            check_text(balance.asset, &value["asset"]);
            check_money(balance.free, &value["free"]);
            check_money(balance.locked, &value["locked"]);
        });
    });
    note(account.err());
    errors
}

pub(super) fn check_refusal(refusal: &Refusal<'_>, value: &Value) -> Option<DecodeError> {
    assert_eq!(value["code"], refusal.code);
    check_text(refusal.message, &value["msg"]);
    let retry_after = refusal.retry_after();
    assert!(retry_after.is_none_or(|told| told == time(&value["data"]["retryAfter"])));
    match refusal.cancel_replaced() {
        Ok(None) => None,
        Ok(Some(parts)) => {
            check_parts(parts.cancel, parts.new_order, &value["data"]);
            None
        }
        Err(error) => Some(error),
    }
}

fn check_parts(
    cancel: Part<'_, Cancelled<'_>>,
    new_order: Part<'_, PlacedOrder<'_>>,
    value: &Value,
) {
    fn check<T>(part: Part<'_, T>, word: &Value, value: &Value, done: impl Fn(&T, &Value)) {
        match part {
            Part::Done(answer) => {
                assert_eq!(word, "SUCCESS");
                done(&answer, value);
            }
            Part::Failed(refusal) => {
                assert_eq!(word, "FAILURE");
                check_refusal(&refusal, value);
            }
            Part::NotAttempted => assert_eq!(word, "NOT_ATTEMPTED"),
        }
    }
    check(cancel, &value["cancelResult"], &value["cancelResponse"], check_cancelled);
    check(new_order, &value["newOrderResult"], &value["newOrderResponse"], check_placed);
}

fn check_placed(order: &PlacedOrder<'_>, value: &Value) {
    check_text(order.symbol, &value["symbol"]);
    assert_eq!(value["orderId"], order.order_id.0);
    check_id(order.list_id.map(|id| id.0), &value["orderListId"]);
    check_names(&order.client_order_id, &value["clientOrderId"]);
    assert_eq!(order.transact_time, time(&value["transactTime"]));
    check_if(order.price, &value["price"], check_price);
    check_if(order.orig_qty, &value["origQty"], check_qty);
    check_if(order.executed_qty, &value["executedQty"], check_qty);
    check_if(order.executed_quote, &value["cummulativeQuoteQty"], check_money);
    check_if(order.status, &value["status"], |status, value| assert_eq!(value, status.as_str()));
    check_if(order.side, &value["side"], |side, value| {
        assert_eq!(value, &side.as_str().to_uppercase());
    });
    check_known(order.time_in_force.map(TimeInForce::as_str), &value["timeInForce"]);
    check_known(order.order_type.map(OrderType::as_str), &value["type"]);
    check_stp(order.self_trade_prevention, &value["selfTradePreventionMode"]);
    check_working(order.working_time, &value["workingTime"]);
    if let Some(fills) = order.fills {
        check_list(fills, &value["fills"], |fill, value| {
            check_price(fill.price, &value["price"]);
            check_qty(fill.qty, &value["qty"]);
            check_money(fill.commission, &value["commission"]);
            check_text(fill.commission_asset, &value["commissionAsset"]);
            check_id(fill.trade_id.map(|id| id.0), &value["tradeId"]);
        });
    }
}

fn check_order(order: &OrderState<'_>, value: &Value) {
    check_text(order.symbol, &value["symbol"]);
    assert_eq!(value["orderId"], order.order_id.0);
    check_id(order.list_id.map(|id| id.0), &value["orderListId"]);
    check_names(&order.client_order_id, &value["clientOrderId"]);
    check_price(order.price, &value["price"]);
    check_qty(order.orig_qty, &value["origQty"]);
    check_qty(order.executed_qty, &value["executedQty"]);
    check_money(order.executed_quote, &value["cummulativeQuoteQty"]);
    assert_eq!(value["status"], order.status.as_str());
    assert_eq!(value["side"], order.side.as_str().to_uppercase());
    check_known(order.time_in_force.map(TimeInForce::as_str), &value["timeInForce"]);
    check_known(order.order_type.map(OrderType::as_str), &value["type"]);
    assert_eq!(order.time, time(&value["time"]));
    assert_eq!(order.update_time, time(&value["updateTime"]));
    assert_eq!(value["isWorking"], order.is_working);
    check_if(order.stop_price, &value["stopPrice"], check_price);
    check_stp(order.self_trade_prevention, &value["selfTradePreventionMode"]);
    check_working(order.working_time, &value["workingTime"]);
}

fn check_cancelled(cancelled: &Cancelled<'_>, value: &Value) {
    match cancelled {
        Cancelled::Order(order) => check_cancelled_order(order, value),
        Cancelled::List(list) => {
            check_text(list.symbol, &value["symbol"]);
            check_id(list.list_id.map(|id| id.0), &value["orderListId"]);
            check_list(list.orders, &value["orderReports"], check_cancelled_order);
        }
    }
}

fn check_cancelled_order(order: &CancelledOrder<'_>, value: &Value) {
    check_text(order.symbol, &value["symbol"]);
    check_names(&order.orig_client_order_id, &value["origClientOrderId"]);
    check_names(&order.client_order_id, &value["clientOrderId"]);
    assert_eq!(value["orderId"], order.order_id.0);
    check_id(order.list_id.map(|id| id.0), &value["orderListId"]);
    check_price(order.price, &value["price"]);
    check_qty(order.orig_qty, &value["origQty"]);
    check_qty(order.executed_qty, &value["executedQty"]);
    check_money(order.executed_quote, &value["cummulativeQuoteQty"]);
    assert_eq!(value["status"], order.status.as_str());
    assert_eq!(value["side"], order.side.as_str().to_uppercase());
    check_if(order.transact_time, &value["transactTime"], check_time);
    check_known(order.time_in_force.map(TimeInForce::as_str), &value["timeInForce"]);
    check_known(order.order_type.map(OrderType::as_str), &value["type"]);
}

pub(super) fn check_event(event: &Event<'_>, value: &Value) {
    let name = match event {
        Event::Execution(report) => {
            check_report(report, value);
            "executionReport"
        }
        Event::Position(position) => {
            check_time(position.event_time, &value["E"]);
            check_time(position.update_time, &value["u"]);
            check_list(position.balances, &value["B"], |balance, value| {
                check_text(balance.asset, &value["a"]);
                check_money(balance.free, &value["f"]);
                check_money(balance.locked, &value["l"]);
            });
            "outboundAccountPosition"
        }
        Event::BalanceUpdate(update) => {
            check_time(update.event_time, &value["E"]);
            check_time(update.clear_time, &value["T"]);
            check_text(update.asset, &value["a"]);
            let text = value["d"].as_str().expect("an amount is a text");
            let magnitude = Value::from(text.strip_prefix('-').unwrap_or(text));
            let units = units(&magnitude) as i128 * 100_000_000;
            assert_eq!(update.delta.units(), if text.starts_with('-') { -units } else { units });
            "balanceUpdate"
        }
        Event::ListStatus(list) => {
            check_time(list.event_time, &value["E"]);
            check_time(list.transaction_time, &value["T"]);
            check_id(list.list_id.map(|id| id.0), &value["g"]);
            check_names(&list.list_client_order_id, &value["C"]);
            for (text, key) in [
                (list.symbol, "s"),
                (list.contingency, "c"),
                (list.status, "l"),
                (list.order_status, "L"),
                (list.reject_reason, "r"),
            ] {
                check_text(text, &value[key]);
            }
            check_list(list.orders, &value["O"], |order, value| {
                check_text(order.symbol, &value["s"]);
                assert_eq!(value["i"], order.order_id.0);
                check_names(&order.client_order_id, &value["c"]);
            });
            "listStatus"
        }
        Event::StreamTerminated => "eventStreamTerminated",
        Event::ServerShutdown => "serverShutdown",
        Event::Unknown(name) => return check_text(*name, &value["e"]),
    };
    assert_eq!(value["e"], name);
}

fn check_report(report: &ExecutionReport<'_>, value: &Value) {
    for (told, key) in [(report.event_time, "E"), (report.transaction_time, "T")] {
        check_time(told, &value[key]);
    }
    for (told, key) in [(report.created, "O"), (report.working_time, "W")] {
        check_if(told, &value[key], check_time);
    }
    for (text, key) in [(report.symbol, "s"), (report.reject_reason, "r")] {
        check_text(text, &value[key]);
    }
    for (text, key) in [(report.commission_asset, "N"), (report.expiry_reason, "eR")] {
        check_if(text, &value[key], check_text);
    }
    check_names(&report.client_order_id, &value["c"]);
    check_names(&report.orig_client_order_id, &value["C"]);
    assert_eq!(value["S"], report.side.as_str().to_uppercase());
    check_known(report.order_type.map(OrderType::as_str), &value["o"]);
    check_known(report.time_in_force.map(TimeInForce::as_str), &value["f"]);
    assert_eq!(value["x"], report.execution_type.as_str());
    assert_eq!(value["X"], report.status.as_str());
    for (qty, key) in [(report.qty, "q"), (report.last_qty, "l"), (report.executed_qty, "z")] {
        check_qty(qty, &value[key]);
    }
    for (qty, key) in [(report.prevented_qty, "A"), (report.last_prevented_qty, "B")] {
        check_if(qty, &value[key], check_qty);
    }
    for (price, key) in [(report.price, "p"), (report.last_price, "L")] {
        check_price(price, &value[key]);
    }
    check_if(report.stop_price, &value["P"], check_price);
    for (money, key) in [(report.commission, "n"), (report.executed_quote, "Z")] {
        check_money(money, &value[key]);
    }
    for (money, key) in [(report.last_quote, "Y"), (report.quote_order_qty, "Q")] {
        check_if(money, &value[key], check_money);
    }
    assert_eq!(value["i"], report.order_id.0);
    check_id(report.trade_id.map(|id| id.0), &value["t"]);
    if !value["g"].is_null() {
        check_id(report.list_id.map(|id| id.0), &value["g"]);
    }
    assert_eq!((&value["w"], &value["m"]), (&report.is_working.into(), &report.is_maker.into()));
    for (id, key) in [(report.execution_id, "I"), (report.prevented_match_id, "v")] {
        assert_eq!(value[key].as_u64(), id, "{key}");
    }
    check_stp(report.self_trade_prevention, &value["V"]);
}

fn check_if<T>(decoded: Option<T>, value: &Value, check: impl Fn(T, &Value)) {
    match decoded {
        Some(decoded) => check(decoded, value),
        None => assert!(value.is_null(), "{value} was left out"),
    }
}

fn check_text(text: Text<'_>, value: &Value) {
    let expected = value.as_str().expect("a text");
    assert!(text.is(expected) && !text.is(&format!("{expected}x")), "{text:?} is not {expected}");
    assert_eq!(text.to_string(), expected);
    assert_eq!(text.symbol(), expected.parse().ok());
    assert_eq!(text.asset(), expected.parse().ok());
    assert!(text.as_str().is_none_or(|text| text == expected));
}

fn check_names(name: &ClientOrderId, value: &Value) {
    assert_eq!(value, name.as_str());
}

fn check_time(told: Timestamp, value: &Value) {
    assert_eq!(told, time(value));
}

/// A number, or -1 for none.
fn check_id(id: Option<u64>, value: &Value) {
    match id {
        Some(id) => assert_eq!(value, id),
        None => assert_eq!(value, -1),
    }
}

fn check_working(told: Option<Timestamp>, value: &Value) {
    match told {
        Some(told) => check_time(told, value),
        None => assert!(value.is_null() || value == -1, "{value}"),
    }
}

/// A word, or one that is not known.
fn check_known(word: Option<&str>, value: &Value) {
    assert!(word.is_none_or(|word| value == word), "{value} is not {word:?}");
}

fn check_stp(mode: Option<tiercel_types::SelfTradePrevention>, value: &Value) {
    check_known(mode.map(|mode| mode.as_str().to_uppercase()).as_deref(), value);
}

fn check_price(price: Price, value: &Value) {
    assert_eq!(i128::from(price.units()), units(value) as i128);
}

fn check_qty(qty: Qty, value: &Value) {
    assert_eq!(u128::from(qty.units()), units(value));
}

fn check_money(money: Money, value: &Value) {
    assert_eq!(money.units(), units(value) as i128 * 100_000_000);
}
