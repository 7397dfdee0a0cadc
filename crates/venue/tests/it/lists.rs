//! Order lists over HTTP: what is told of them from their placing to their end.

use serde_json::{Value, json};

use super::http::{Answer, Client, Venue};

/// A last price of 60,000, and orders around it that others can be met by.
fn market() -> Venue {
    let venue = Venue::start();
    venue.two.limit("SELL", "60000", "1").good();
    venue.one.limit("BUY", "60000", "1").good();
    venue
}

impl Client {
    fn list(&self, kind: &str, query: &str) -> Answer {
        self.signed("POST", kind, &format!("symbol=BTCUSDT&{query}"))
    }

    fn oco(&self, query: &str) -> Answer {
        self.list("orderList/oco", query)
    }

    fn order_of(&self, order: &Value) -> Value {
        let query = format!("symbol=BTCUSDT&orderId={}", order["orderId"]);
        self.signed("GET", "order", &query).good()
    }

    fn list_of(&self, list: &Value) -> Value {
        self.signed("GET", "orderList", &format!("orderListId={}", list["orderListId"])).good()
    }

    /// Where each order of a list stands.
    fn statuses(&self, list: &Value) -> Vec<String> {
        let orders = list["orders"].as_array().unwrap();
        orders
            .iter()
            .map(|order| self.order_of(order)["status"].as_str().unwrap().to_owned())
            .collect()
    }

    fn held(&self, asset: &str) -> (String, String) {
        let account = self.signed("GET", "account", "").good();
        let held = account["balances"].as_array().unwrap();
        let held = held.iter().find(|held| held["asset"] == asset).unwrap();
        let text = |name: &str| held[name].as_str().unwrap().to_owned();
        (text("free"), text("locked"))
    }
}

/// Takes profit at 61,000, stops the loss at 59,000.
const SELL_PAIR: &str = "side=SELL&quantity=0.5&aboveType=LIMIT_MAKER&abovePrice=61000\
    &belowType=STOP_LOSS_LIMIT&belowPrice=58900&belowStopPrice=59000&belowTimeInForce=GTC";

/// Buys at 59,500, then the pair above.
const BRACKET: &str = "workingType=LIMIT&workingSide=BUY&workingPrice=59500&workingQuantity=0.5\
    &workingTimeInForce=GTC&pendingSide=SELL&pendingQuantity=0.5\
    &pendingAboveType=LIMIT_MAKER&pendingAbovePrice=61000\
    &pendingBelowType=STOP_LOSS&pendingBelowStopPrice=59000";

/// Buys at 59,500, then sells at 61,000.
const FLIP: &str = "workingType=LIMIT&workingSide=BUY&workingPrice=59500&workingQuantity=0.5\
    &workingTimeInForce=GTC&pendingType=LIMIT&pendingSide=SELL&pendingQuantity=0.5\
    &pendingPrice=61000&pendingTimeInForce=GTC";

#[test]
fn an_oco_is_told_as_documented_and_its_limit_order_cancels_the_stop() {
    let venue = market();
    let before = venue.one.held("BTC");
    let placed =
        venue.one.oco(&format!("{SELL_PAIR}&listClientOrderId=pair&aboveClientOrderId=up"));
    assert_eq!(placed.header("x-mbx-order-count-10s"), Some("2"), "after one that was filled");
    let placed = placed.good();
    assert_eq!(
        (&placed["contingencyType"], &placed["listStatusType"], &placed["listOrderStatus"]),
        (&json!("OCO"), &json!("EXEC_STARTED"), &json!("EXECUTING"))
    );
    assert_eq!(
        (&placed["listClientOrderId"], &placed["symbol"]),
        (&json!("pair"), &json!("BTCUSDT"))
    );
    let reports = placed["orderReports"].as_array().unwrap();
    assert_eq!((reports.len(), placed["orders"].as_array().unwrap().len()), (2, 2));
    let (stop, limit) = (&reports[0], &reports[1]);
    assert_eq!((&stop["type"], &limit["type"]), (&json!("STOP_LOSS_LIMIT"), &json!("LIMIT_MAKER")));
    assert_eq!((&stop["status"], &stop["workingTime"]), (&json!("NEW"), &json!(-1)));
    assert_eq!(
        (&stop["stopPrice"], &stop["price"]),
        (&json!("59000.00000000"), &json!("58900.00000000"))
    );
    assert_eq!((&limit["clientOrderId"], &limit["origQty"]), (&json!("up"), &json!("0.50000000")));
    assert_eq!(limit["workingTime"], placed["transactionTime"]);
    for report in reports {
        assert_eq!(report["orderListId"], placed["orderListId"]);
        assert_eq!(venue.one.order_of(report)["orderListId"], placed["orderListId"]);
    }
    // What is reserved is reserved once.
    let (_, locked) = venue.one.held("BTC");
    assert_eq!((before.1.as_str(), locked.as_str()), ("0.00000000", "0.50000000"));
    assert_eq!(venue.one.list_of(&placed)["orders"], placed["orders"]);
    let open = venue.one.signed("GET", "openOrderList", "").good();
    assert_eq!(open, json!([venue.one.list_of(&placed)]));

    // A part of the limit order ends the stop; the rest of it stays.
    venue.two.limit("BUY", "61000", "0.2").good();
    assert_eq!(venue.one.statuses(&placed), ["EXPIRED", "PARTIALLY_FILLED"]);
    assert_eq!(venue.one.list_of(&placed)["listOrderStatus"], "EXECUTING");
    let trades = venue.one.signed("GET", "myTrades", "symbol=BTCUSDT").good();
    let of_list = trades.as_array().unwrap().last().unwrap();
    assert_eq!(of_list["orderListId"], placed["orderListId"]);
    venue.two.limit("BUY", "61000", "0.3").good();
    assert_eq!(venue.one.statuses(&placed), ["EXPIRED", "FILLED"]);
    let done = venue.one.signed("GET", "orderList", "origClientOrderId=pair").good();
    assert_eq!(
        (&done["listStatusType"], &done["listOrderStatus"]),
        (&json!("ALL_DONE"), &json!("ALL_DONE"))
    );
    assert_eq!(venue.one.signed("GET", "openOrderList", "").good(), json!([]));
    let all = venue.one.signed("GET", "allOrderList", "").good();
    assert_eq!(all, json!([done]));
}

#[test]
fn a_stop_that_is_triggered_ends_the_limit_order() {
    let venue = market();
    let placed = venue.one.oco(SELL_PAIR).good();
    venue.two.limit("BUY", "59000", "0.1").good();
    venue.two.limit("BUY", "58900", "0.5").good();
    venue.one.limit("SELL", "59000", "0.1").good();
    assert_eq!(venue.one.statuses(&placed), ["FILLED", "EXPIRED"]);
    assert_eq!(venue.one.list_of(&placed)["listOrderStatus"], "ALL_DONE");
    assert_eq!(venue.one.held("BTC").1, "0.00000000");
}

#[test]
fn cancelling_a_list_or_one_of_its_orders_cancels_all_of_it() {
    let venue = market();
    let listed = |answer: &Value, cancel: &str| {
        assert_eq!(answer["listOrderStatus"], "ALL_DONE");
        let reports = answer["orderReports"].as_array().unwrap();
        for report in reports {
            assert_eq!(report["status"], "CANCELED", "{answer}");
            assert_eq!(report["clientOrderId"], cancel);
            assert_ne!(report["origClientOrderId"], cancel);
        }
        reports.len()
    };
    let placed = venue.one.oco(SELL_PAIR).good();
    let query = format!("symbol=BTCUSDT&orderListId={}&newClientOrderId=c1", placed["orderListId"]);
    let cancelled = venue.one.signed("DELETE", "orderList", &query).good();
    assert_eq!(listed(&cancelled, "c1"), 2);
    assert_eq!(cancelled["orders"], placed["orders"]);
    assert_eq!(venue.one.statuses(&placed), ["CANCELED", "CANCELED"]);
    let again = venue.one.signed("DELETE", "orderList", &query);
    assert_eq!(again.refused(400, -2011), "Unknown order sent.");

    let placed = venue.one.oco(&format!("{SELL_PAIR}&belowClientOrderId=down")).good();
    let query = "symbol=BTCUSDT&origClientOrderId=down&newClientOrderId=c2";
    let cancelled = venue.one.signed("DELETE", "order", query).good();
    assert_eq!(listed(&cancelled, "c2"), 2);
    assert_eq!(venue.one.statuses(&placed), ["CANCELED", "CANCELED"]);

    let bracket =
        venue.one.list("orderList/otoco", &format!("{BRACKET}&listClientOrderId=b")).good();
    venue.one.limit("BUY", "50000", "1").good();
    let cancelled = venue.one.form("DELETE", "openOrders", "symbol=BTCUSDT").good();
    let cancelled = cancelled.as_array().unwrap();
    assert_eq!(cancelled.len(), 2, "a list and an order");
    assert_eq!(cancelled[0]["orderReports"].as_array().unwrap().len(), 3);
    assert_eq!(
        (&cancelled[0]["listClientOrderId"], &cancelled[1]["status"]),
        (&json!("b"), &json!("CANCELED"))
    );
    assert_eq!(venue.one.statuses(&bracket), ["CANCELED", "CANCELED", "CANCELED"]);
    assert_eq!(venue.one.held("USDT").1, "0.00000000");

    // By its client's name; another account has no such list.
    let named = venue.one.list("orderList/oto", &format!("{FLIP}&listClientOrderId=f")).good();
    let query = "symbol=BTCUSDT&listClientOrderId=f";
    venue.two.signed("DELETE", "orderList", query).refused(400, -2011);
    let other = "symbol=ETHUSDT&listClientOrderId=f";
    venue.one.signed("DELETE", "orderList", other).refused(400, -2011);
    venue.one.signed("DELETE", "orderList", query).good();
    assert_eq!(venue.one.statuses(&named), ["CANCELED", "CANCELED"]);
}

#[test]
fn a_pending_order_is_entered_when_its_working_order_is_filled_and_not_before() {
    let venue = market();
    let placed = venue.one.list("orderList/oto", FLIP).good();
    assert_eq!(placed["contingencyType"], "OTO");
    let pending = &placed["orderReports"][1];
    assert_eq!((&pending["status"], &pending["workingTime"]), (&json!("PENDING_NEW"), &json!(-1)));
    assert_eq!(venue.one.held("USDT").1, "29750.00000000", "the working order's alone");
    venue.two.limit("SELL", "59500", "0.2").good();
    assert_eq!(venue.one.statuses(&placed), ["PARTIALLY_FILLED", "PENDING_NEW"]);
    let shown = venue.one.order_of(pending);
    assert_eq!((&shown["isWorking"], &shown["workingTime"]), (&json!(false), &json!(-1)));
    venue.two.limit("SELL", "59500", "0.3").good();
    assert_eq!(venue.one.statuses(&placed), ["FILLED", "NEW"]);
    assert_eq!(venue.one.order_of(pending)["isWorking"], true);
    let depth = venue.one.public("depth?symbol=BTCUSDT").good();
    assert_eq!(depth["asks"], json!([["61000.00000000", "0.50000000"]]));
    venue.two.limit("BUY", "61000", "0.5").good();
    assert_eq!(venue.one.list_of(&placed)["listOrderStatus"], "ALL_DONE");

    // Filled at once: the answer tells the pending order as pending, a question where it is.
    venue.two.limit("SELL", "59500", "0.5").good();
    let placed = venue.one.list("orderList/oto", FLIP).good();
    let statuses = |at: usize| placed["orderReports"][at]["status"].clone();
    assert_eq!((statuses(0), statuses(1)), (json!("FILLED"), json!("PENDING_NEW")));
    assert_eq!(venue.one.statuses(&placed), ["FILLED", "NEW"]);

    // A working order that ends unfilled takes it along.
    let ioc = FLIP.replace("workingTimeInForce=GTC", "workingTimeInForce=IOC");
    let placed = venue.one.list("orderList/oto", &ioc).good();
    let statuses = |at: usize| placed["orderReports"][at]["status"].clone();
    assert_eq!((statuses(0), statuses(1)), (json!("EXPIRED"), json!("EXPIRED")));
    assert_eq!(placed["listOrderStatus"], "ALL_DONE");
}

#[test]
fn a_bracket_opens_its_pair_and_the_exit_that_trades_cancels_the_other() {
    let venue = market();
    let placed = venue.one.list("orderList/otoco", BRACKET);
    assert_eq!(placed.header("x-mbx-order-count-10s"), Some("3"));
    let placed = placed.good();
    assert_eq!(placed["contingencyType"], "OTO");
    let types: Vec<_> =
        placed["orderReports"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
    assert_eq!(types, ["LIMIT", "STOP_LOSS", "LIMIT_MAKER"]);
    assert_eq!(venue.one.statuses(&placed), ["NEW", "PENDING_NEW", "PENDING_NEW"]);
    venue.two.limit("SELL", "59500", "0.5").good();
    assert_eq!(venue.one.statuses(&placed), ["FILLED", "NEW", "NEW"]);
    venue.two.limit("BUY", "61000", "0.1").good();
    assert_eq!(venue.one.statuses(&placed), ["FILLED", "EXPIRED", "PARTIALLY_FILLED"]);
    // The exit that is left is cancelled: what was filled is not told as cancelled.
    let query = format!("symbol=BTCUSDT&orderListId={}", placed["orderListId"]);
    let cancelled = venue.one.signed("DELETE", "orderList", &query).good();
    let reports = cancelled["orderReports"].as_array().unwrap();
    assert_eq!((reports.len(), &reports[0]["executedQty"]), (1, &json!("0.10000000")));
    assert_eq!(cancelled["orders"].as_array().unwrap().len(), 3);
    assert_eq!(venue.one.statuses(&placed), ["FILLED", "EXPIRED", "CANCELED"]);
}

#[test]
fn the_older_form_of_an_oco_is_the_same_list() {
    let venue = market();
    let old = "side=BUY&quantity=0.5&price=58000&stopPrice=62000&stopClientOrderId=s\
               &limitClientOrderId=l&limitIcebergQty=0.1";
    let placed = venue.one.list("order/oco", old).good();
    let (stop, limit) = (&placed["orderReports"][0], &placed["orderReports"][1]);
    assert_eq!((&stop["type"], &stop["clientOrderId"]), (&json!("STOP_LOSS"), &json!("s")));
    assert_eq!((&limit["type"], &limit["clientOrderId"]), (&json!("LIMIT_MAKER"), &json!("l")));
    assert_eq!(limit["icebergQty"], "0.10000000");
    let limited = "side=SELL&quantity=0.5&price=61000&stopPrice=59000&stopLimitPrice=58900";
    let needs = venue.one.list("order/oco", limited).refused(400, -1102).to_owned();
    assert!(needs.contains("'stopLimitTimeInForce'"), "{needs}");
    let placed = venue.one.list("order/oco", &format!("{limited}&stopLimitTimeInForce=FOK")).good();
    assert_eq!(placed["orderReports"][0]["timeInForce"], "FOK");
}

const RELATION: &str = "The relationship of the prices for the orders is not correct.";

#[test]
fn orders_that_are_no_pair_are_refused_by_code_and_message() {
    let venue = market();
    let oco = |side: &str, above: &str, below: &str| {
        let leg = |name: &str, what: &str| {
            let order = if what == "LIMIT_MAKER" { "Price" } else { "StopPrice" };
            format!("{name}Type={what}&{name}{order}=61000")
        };
        let (above, below) = (leg("above", above), leg("below", below));
        venue.one.oco(&format!("side={side}&quantity=0.1&{above}&{below}"))
    };
    let (limit, stop, profit) = ("LIMIT_MAKER", "STOP_LOSS", "TAKE_PROFIT");
    for (side, above, below, code, message) in [
        ("SELL", "LIMIT", stop, -1158, "Order type not supported in OCO."),
        ("SELL", limit, limit, -1168, "At least one OCO order must be contingent."),
        ("BUY", limit, stop, -1165, "A limit order in a buy OCO must be below."),
        ("SELL", stop, limit, -1166, "A limit order in a sell OCO must be above."),
        ("BUY", stop, stop, -1196, "A stop loss order in a buy OCO must be above."),
        ("SELL", stop, stop, -1197, "A stop loss order in a sell OCO must be below."),
        ("BUY", profit, profit, -1198, "A take profit order in a buy OCO must be below."),
        ("SELL", profit, profit, -1199, "A take profit order in a sell OCO must be above."),
        ("SELL", profit, stop, -2010, RELATION),
    ] {
        assert_eq!(oco(side, above, below).refused(400, code), message, "{side} {above} {below}");
    }
    let iceberg = format!("{}&belowIcebergQty=0.1", SELL_PAIR.replace("GTC", "IOC"));
    assert_eq!(
        venue.one.oco(&iceberg).refused(400, -1160),
        "Parameter 'belowIcebergQty' is not supported if `aboveTimeInForce`/`belowTimeInForce` is \
         not GTC."
    );
    let same_side = BRACKET.replace("pendingSide=SELL", "pendingSide=BUY");
    let bracket = venue.one.list("orderList/otoco", &same_side);
    assert_eq!(bracket.refused(400, -1165), "A limit order in a buy OCO must be below.");
}

#[test]
fn a_pair_that_is_wrong_is_refused_by_code_and_message() {
    let venue = market();
    let with = |old: &str, new: &str| SELL_PAIR.replace(old, new);
    let more = |more: &str| format!("{SELL_PAIR}&{more}");
    for (query, code, message) in [
        (with("61000", "58000"), -2010, RELATION),
        // Against the last trade: the limit order here, the stop by the engine.
        (with("61000", "60000"), -2010, RELATION),
        (with("StopPrice=59000", "StopPrice=60000"), -2010, RELATION),
        (more("aboveClientOrderId=x&belowClientOrderId=x"), -2010, "Duplicate order sent."),
        (
            with("quantity=0.5", "quantity=120"),
            -2010,
            "Account has insufficient balance for requested action.",
        ),
        (with("quantity=0.5", "quantity=0.000001"), -1013, "Filter failure: LOT_SIZE"),
        (with("58900", "58900.001"), -1013, "Filter failure: PRICE_FILTER"),
        (
            with("&abovePrice=61000", ""),
            -1102,
            "Mandatory parameter 'abovePrice' was not sent, was empty/null, or malformed.",
        ),
        (
            with("&belowStopPrice=59000", ""),
            -1102,
            "Param 'belowStopPrice' or 'belowTrailingDelta' must be sent, but both were \
             empty/null!",
        ),
        (
            with("&aboveType=LIMIT_MAKER", ""),
            -1102,
            "Mandatory parameter 'aboveType' was not sent, was empty/null, or malformed.",
        ),
        (more("aboveStrategyType=5"), -1134, "`strategyType` was less than 1000000."),
        (
            more("colour=red"),
            -1104,
            "Not all sent parameters were read; read '11' parameter(s) but was sent '12'.",
        ),
    ] {
        assert_eq!(venue.one.oco(&query).refused(400, code), message, "{query}");
    }
    assert_eq!(venue.one.signed("GET", "allOrderList", "").good(), json!([]));
}

#[test]
fn lists_that_are_wrong_are_refused_by_code_and_message() {
    let venue = market();
    let oto = |query: &str| venue.one.list("orderList/oto", query);
    let stop = FLIP.replace("workingType=LIMIT", "workingType=STOP_LOSS_LIMIT&workingStopPrice=1");
    assert_eq!(oto(&stop).refused(400, -1014), "Unsupported order combination.");
    let sold = FLIP.replace("pendingType=LIMIT", "pendingType=MARKET");
    let sold = sold.replace("&pendingPrice=61000&pendingTimeInForce=GTC", "");
    oto(&format!("{sold}&quoteOrderQty=5")).refused(400, -1104);
    let placed = oto(&sold).good();
    assert_eq!(placed["orderReports"][1]["type"], "MARKET");
    oto(&format!("{FLIP}&listClientOrderId=twice")).good();
    let twice = oto(&format!("{FLIP}&listClientOrderId=twice"));
    assert_eq!(twice.refused(400, -2010), "Duplicate order sent.");
    let none = venue.one.signed("GET", "orderList", "orderListId=77");
    assert_eq!(none.refused(400, -2013), "Order list does not exist.");
    let unnamed = venue.one.signed("GET", "orderList", "");
    assert_eq!(
        unnamed.refused(400, -1102),
        "Param 'orderListId' or 'origClientOrderId' must be sent, but both were empty/null!"
    );
    let both = venue.one.signed("GET", "allOrderList", "fromId=1&startTime=1");
    assert_eq!(both.refused(400, -1128), "Combination of optional parameters invalid.");
    venue.reader.oco(SELL_PAIR).refused(401, -2015);
}

#[test]
fn an_order_is_cancelled_only_in_the_state_that_its_client_names() {
    let venue = market();
    let placed = venue.one.limit("BUY", "59000", "1").good();
    let cancel = |only: &str| {
        let query =
            format!("symbol=BTCUSDT&orderId={}&cancelRestrictions={only}", placed["orderId"]);
        venue.one.signed("DELETE", "order", &query)
    };
    assert_eq!(
        cancel("ONLY").refused(400, -1145),
        "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`."
    );
    let restricted = "Order was not canceled due to cancel restrictions.";
    assert_eq!(cancel("ONLY_PARTIALLY_FILLED").refused(400, -2011), restricted);
    venue.two.limit("SELL", "59000", "0.1").good();
    assert_eq!(cancel("ONLY_NEW").refused(400, -2011), restricted);
    assert_eq!(cancel("ONLY_PARTIALLY_FILLED").good()["status"], "CANCELED");
    assert_eq!(cancel("ONLY_NEW").refused(400, -2011), "Unknown order sent.");
}
