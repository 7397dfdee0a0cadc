//! What is derived of trades, over HTTP: candles, aggregates, averages, tickers.

use serde_json::{Value, json};

use super::http::{Venue, now_ms};

/// Sells 1 at 60,000, 1 at 60,000 and 2 at 61,000, and has one order take 3 of it; then 1 more.
fn market() -> Venue {
    let venue = Venue::start();
    venue.one.limit("SELL", "60000", "1").good();
    venue.one.limit("SELL", "60000", "1").good();
    venue.one.limit("SELL", "61000", "2").good();
    venue.two.limit("BUY", "61000", "3").good();
    venue.two.limit("BUY", "61000", "0.5").good();
    venue
}

/// Waits, if need be, so that the minute does not change amid a test.
fn amid_a_minute() {
    while now_ms() % 60_000 > 50_000 {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

fn texts(row: &Value, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| row[name].as_str().unwrap().to_owned()).collect()
}

#[test]
fn candles_of_each_interval_are_told_and_those_of_bad_ones_refused() {
    amid_a_minute();
    let venue = market();
    let klines = |query: &str| venue.one.public(&format!("klines?symbol=BTCUSDT&{query}"));
    for interval in [
        "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M",
    ] {
        let rows = klines(&format!("interval={interval}")).good();
        let row = rows.as_array().unwrap().last().unwrap().as_array().unwrap();
        assert_eq!(row.len(), 12);
        let prices: Vec<_> = row[1..5].iter().map(|price| price.as_str().unwrap()).collect();
        let (low, high) = ("60000.00000000", "61000.00000000");
        assert_eq!(prices, [low, high, low, high], "{interval}");
        assert_eq!(
            (&row[5], &row[7], &row[8]),
            (&json!("3.50000000"), &json!("211500.00000000"), &json!(4))
        );
        assert_eq!((&row[9], &row[10]), (&row[5], &row[7]), "buyers took all of it");
        let (open, close) = (row[0].as_u64().unwrap(), row[6].as_u64().unwrap());
        assert!(open <= now_ms() && now_ms() <= close && (close + 1 - open) % 60_000 == 0);
    }
    let seconds = klines("interval=1s").good();
    let traded: u64 = seconds.as_array().unwrap().iter().map(|row| row[8].as_u64().unwrap()).sum();
    assert_eq!(traded, 4);
    let ui = venue.one.public("uiKlines?symbol=BTCUSDT&interval=1d").good();
    assert_eq!(ui, klines("interval=1d").good());
    let zoned = klines("interval=1d&timeZone=05:45").good();
    let open = zoned.as_array().unwrap().last().unwrap()[0].as_u64().unwrap();
    assert_eq!((open + (5 * 60 + 45) * 60_000) % 86_400_000, 0);
    assert_eq!(klines("interval=1m&endTime=1").good(), json!([]));
    // Both bounds are of a candle's first moment, and it is within them.
    let first = klines("interval=1d").good()[0][0].as_u64().unwrap();
    let native = |from: u64, to: u64| {
        let query = format!("interval=1d&from_ns={from}000000&to_ns={to}000000");
        let told = venue.one.v1_public(&format!("candles/BTCUSDT?{query}")).good();
        told["candles"].as_array().unwrap().len()
    };
    for (from, to, count) in
        [(first, first, 1), (first - 1, first - 1, 0), (first + 1, first + 1, 0)]
    {
        let rows = klines(&format!("interval=1d&startTime={from}&endTime={to}")).good();
        assert_eq!((rows.as_array().unwrap().len(), native(from, to)), (count, count), "{from}");
    }
    assert_eq!(klines("interval=1m&startTime=0&limit=1").good().as_array().unwrap().len(), 1);

    let none = venue.one.public("klines?symbol=ETHUSDT&interval=1m").good();
    assert_eq!(none, json!([]), "nothing traded yet");
    assert_eq!(klines("interval=7m").refused(400, -1120), "Invalid interval.");
    klines("").refused(400, -1102);
    let zone = klines("interval=1m&timeZone=15:00");
    assert_eq!(zone.refused(400, -1130), "Data sent for parameter 'timeZone' is not valid.");
    klines("interval=1m&colour=red").refused(400, -1104);
}

#[test]
fn trades_of_one_order_at_one_price_are_told_as_one() {
    let venue = market();
    let all = venue.one.public("aggTrades?symbol=BTCUSDT").good();
    let rows = all.as_array().unwrap();
    let short = |row: &Value| (row["f"].as_u64().unwrap(), row["l"].as_u64().unwrap());
    assert_eq!(rows.iter().map(short).collect::<Vec<_>>(), [(1, 2), (3, 3), (4, 4)]);
    assert_eq!(texts(&rows[0], &["p", "q"]), ["60000.00000000", "2.00000000"]);
    assert_eq!((&rows[0]["m"], &rows[0]["M"]), (&json!(false), &json!(true)));
    assert_eq!(rows[0]["a"], 2);
    let of = |query: &str| {
        let rows = venue.one.public(&format!("aggTrades?symbol=BTCUSDT&{query}")).good();
        rows.as_array().unwrap().iter().map(short).collect::<Vec<_>>()
    };
    assert_eq!(of("limit=1"), [(4, 4)]);
    // From within one: all of it.
    assert_eq!(of("fromId=2&limit=1"), [(1, 2)]);
    assert_eq!(of("fromId=3"), [(3, 3), (4, 4)]);
    assert_eq!(of("startTime=1&limit=2"), [(1, 2), (3, 3)]);
    assert_eq!(of("endTime=1"), []);
    let both = venue.one.public("aggTrades?symbol=BTCUSDT&fromId=1&startTime=1");
    assert_eq!(both.refused(400, -1128), "Combination of optional parameters invalid.");

    let old = venue.one.public("historicalTrades?symbol=BTCUSDT&fromId=2&limit=2").good();
    let ids: Vec<_> = old.as_array().unwrap().iter().map(|row| row["id"].as_u64()).collect();
    assert_eq!(ids, [Some(2), Some(3)]);
    let newest = venue.one.public("historicalTrades?symbol=BTCUSDT&limit=1").good();
    assert_eq!(newest[0]["id"], 4);
}

#[test]
fn tickers_say_what_traded_in_their_window() {
    amid_a_minute();
    let venue = market();
    let full = venue.one.public("ticker/24hr?symbol=BTCUSDT").good();
    assert_eq!(
        texts(&full, &["openPrice", "highPrice", "lowPrice", "lastPrice", "prevClosePrice"]),
        ["60000.00000000", "61000.00000000", "60000.00000000", "61000.00000000", "0.00000000"]
    );
    assert_eq!(
        texts(&full, &["priceChange", "priceChangePercent", "weightedAvgPrice"]),
        ["1000.00000000", "1.666", "60428.57142857"]
    );
    assert_eq!(
        texts(&full, &["volume", "quoteVolume", "lastQty", "askPrice", "askQty", "bidPrice"]),
        [
            "3.50000000",
            "211500.00000000",
            "0.50000000",
            "61000.00000000",
            "0.50000000",
            "0.00000000"
        ]
    );
    assert_eq!(
        (&full["firstId"], &full["lastId"], &full["count"]),
        (&json!(1), &json!(4), &json!(4))
    );
    let mini = venue.one.public("ticker/24hr?symbol=BTCUSDT&type=MINI").good();
    assert_eq!(mini.as_object().unwrap().len(), 12);
    assert_eq!(texts(&mini, &["symbol", "volume"]), ["BTCUSDT", "3.50000000"]);
    let all = venue.one.public("ticker/24hr");
    assert_eq!(
        all.header("x-mbx-used-weight-1m"),
        Some("89"),
        "five orders, twice two, and eighty"
    );
    let all = all.good();
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!((&all[1]["symbol"], &all[1]["firstId"]), (&json!("ETHUSDT"), &json!(-1)));
    assert_eq!(texts(&all[1], &["lastPrice", "priceChangePercent"]), ["0.00000000", "0.000"]);
    let listed = venue.one.public("ticker/24hr?symbols=%5B%22BTCUSDT%22%5D").good();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let kind = venue.one.public("ticker/24hr?symbol=BTCUSDT&type=SOME");
    assert_eq!(kind.refused(400, -1139), "Invalid ticker type.");

    for path in
        ["ticker?symbol=BTCUSDT&windowSize=5m", "ticker/tradingDay?symbol=BTCUSDT&timeZone=8"]
    {
        let told = venue.one.public(path).good();
        assert_eq!(told.as_object().unwrap().len(), 15, "{path}");
        assert_eq!(texts(&told, &["volume", "priceChange"]), ["3.50000000", "1000.00000000"]);
        let (open, close) =
            (told["openTime"].as_u64().unwrap(), told["closeTime"].as_u64().unwrap());
        assert!(open % 60_000 == 0 && open <= now_ms() && close >= open);
    }
    let window = venue.one.public("ticker?symbol=BTCUSDT&windowSize=1d2h");
    assert_eq!(window.refused(400, -1130), "Data sent for parameter 'windowSize' is not valid.");
    let unnamed = venue.one.public("ticker");
    assert_eq!(
        unnamed.refused(400, -1102),
        "Param 'symbol' or 'symbols' must be sent, but both were empty/null!"
    );

    let average = venue.one.public("avgPrice?symbol=BTCUSDT").good();
    assert_eq!((&average["mins"], &average["price"]), (&json!(5), &json!("60428.57142857")));
    assert!(average["closeTime"].as_u64().unwrap().abs_diff(now_ms()) < 60_000);
    let none = venue.one.public("avgPrice?symbol=ETHUSDT").good();
    assert_eq!(none["price"], "0.00000000");
}

#[test]
fn an_account_asks_for_its_rates_and_counts() {
    let venue = Venue::start();
    venue.one.limit("BUY", "50000", "1").good();
    let rates = venue.one.signed("GET", "account/commission", "symbol=BTCUSDT").good();
    assert_eq!(rates["standardCommission"]["maker"], "0.00100000");
    assert_eq!(rates["taxCommission"]["taker"], "0.00000000");
    assert_eq!(rates["discount"]["enabledForAccount"], false);
    let fees = venue.one.signed("GET", "/sapi/v1/asset/tradeFee", "").good();
    assert_eq!(fees.as_array().unwrap().len(), 2);
    let fees = venue.one.signed("GET", "/sapi/v1/asset/tradeFee", "symbol=ETHUSDT").good();
    let fee = json!({
        "symbol": "ETHUSDT", "makerCommission": "0.00100000", "takerCommission": "0.00100000",
    });
    assert_eq!(fees, json!([fee]));
    venue.one.signed("GET", "/sapi/v1/asset/tradeFee", "symbol=DOGEUSDT").refused(400, -1121);
    venue.one.raw("GET", "/sapi/v1/asset/tradeFee", "").refused(400, -1102);
    venue.one.signed("GET", "/sapi/v1/asset/assetDetail", "").refused(404, -1020);
    let counts = venue.one.signed("GET", "rateLimit/order", "").good();
    assert_eq!(counts.as_array().unwrap().len(), 2);
    assert_eq!(
        (&counts[1]["interval"], &counts[1]["count"], &counts[1]["limit"]),
        (&json!("DAY"), &json!(1), &json!(200_000))
    );
    let none = venue.one.signed("GET", "myAllocations", "symbol=BTCUSDT").good();
    assert_eq!(none, json!([]));
    let order = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&computeCommissionRates=true";
    let test = venue.one.signed("POST", "order/test", order).good();
    assert_eq!(test["standardCommissionForOrder"]["taker"], "0.00100000");
}
