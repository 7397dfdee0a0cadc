//! Random orders on a live venue: what was answered, what was told and what the log says agree.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tiercel_journal::{EventLog, LogCursor, MemoryLog};
use tiercel_matching::{EngineConfig, FullEngine};
use tiercel_testkit::random::Random;
use tiercel_testkit::soak;
use tiercel_types::event::Trade;
use tiercel_types::{
    AccountId, Event, EventBuffer, EventHeader, InstrumentId, OrderId, Price, Side, Timestamp,
};
use tiercel_venue::binance::rate_limit::RateLimits;
use tiercel_venue::models::{ModelLimits, Models, OrderView};
use tiercel_venue::serve::ServeOptions;

use super::admin::Office;
use super::http::{Client, Venue, now_ms};
use super::reports::{FIELDS, Judge};
use super::sides::Sides;
use super::streams::Listener;
use super::ws::Ws;

const MARKET: InstrumentId = InstrumentId(1);
/// Orders and cancels of a run.
const STEPS: usize = 150;

/// What the log says.
struct Replay {
    trades: Vec<(EventHeader, Trade)>,
    judge: Judge,
    /// What each account has of each asset after each command.
    balances: BTreeMap<(u64, AccountId), BTreeMap<String, (Value, Value)>>,
    models: Models,
    digest: u128,
}

/// The accounts of the demo market.
const ACCOUNTS: [AccountId; 2] = [AccountId(1), AccountId(2)];

fn replay(log: &MemoryLog) -> Replay {
    let mut engine = FullEngine::new(EngineConfig::default());
    let mut events = EventBuffer::with_capacity(16);
    let (mut trades, mut models) = (Vec::new(), Models::new(ModelLimits::default()));
    let (mut judge, mut balances) = (Judge::default(), BTreeMap::new());
    let mut cursor = log.read(1).unwrap();
    while let Some(record) = cursor.next_record().unwrap() {
        let (sequence, time) = (record.header.sequence, Timestamp(record.header.time_ns));
        let command = record.command().unwrap();
        engine.apply_all(sequence, time, &command, &mut events, |header, event| {
            if let Event::Trade(trade) = &event {
                trades.push((header, *trade));
            }
            judge.apply(&header, &event);
            models.apply(&header, &event);
        });
        for account in ACCOUNTS {
            balances.insert((sequence, account), held(&models, account));
        }
    }
    Replay { trades, judge, balances, models, digest: engine.digest() }
}

/// What an account has, as it is told: free, and reserved.
fn held(models: &Models, account: AccountId) -> BTreeMap<String, (Value, Value)> {
    let code = |asset| models.instruments().asset(asset).unwrap().to_string();
    let balances = models.balances(account);
    balances.iter().map(|one| (code(one.asset), (text(one.free), text(one.reserved)))).collect()
}

/// A random order, or a cancel of one of those that were taken.
fn step(random: &mut Random, client: &Client, taken: &mut Vec<u64>) -> Option<Value> {
    if !taken.is_empty() && random.one_in(4) {
        let order_id = taken.swap_remove(random.below(taken.len() as u64) as usize);
        if random.one_in(2) {
            change(random, client, order_id, taken);
            return None;
        }
        // It may have ended meanwhile: then the venue says so.
        let answer =
            client.signed("DELETE", "order", &format!("symbol=BTCUSDT&orderId={order_id}"));
        assert!(answer.status == 200 || answer.body["code"] == -2011, "{answer:?}");
        return None;
    }
    let side = if random.one_in(2) { "BUY" } else { "SELL" };
    let price = 60_000 + random.below(21) - 10;
    let qty = format!("0.{:03}", 1 + random.below(50));
    let kind = match random.below(10) {
        0 => "type=MARKET".to_owned(),
        1 => format!("type=LIMIT&timeInForce=IOC&price={price}"),
        2 => format!("type=LIMIT&timeInForce=FOK&price={price}"),
        3 => format!("type=LIMIT_MAKER&price={price}"),
        _ => format!("type=LIMIT&timeInForce=GTC&price={price}"),
    };
    let mode = ["NONE", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "DECREMENT"];
    let mode = mode[random.below(5) as usize];
    let query = format!(
        "side={side}&{kind}&quantity={qty}&newOrderRespType=FULL&selfTradePreventionMode={mode}"
    );
    let answer = client.order(&query);
    // What meets nothing, or what would take where it may not, is refused by its code.
    if answer.status == 400 && answer.body["code"] == -2010 {
        return None;
    }
    let placed = answer.good();
    taken.push(placed["orderId"].as_u64().unwrap());
    Some(placed)
}

/// Amends an order in its place, or replaces it by another.
fn change(random: &mut Random, client: &Client, order_id: u64, taken: &mut Vec<u64>) {
    let qty = format!("0.{:03}", 1 + random.below(20));
    if random.one_in(2) {
        let query = format!("symbol=BTCUSDT&orderId={order_id}&newQty={qty}");
        let answer = client.signed("PUT", "order/amend/keepPriority", &query);
        let code = &answer.body["code"];
        assert!(answer.status == 200 || *code == -2038 || *code == -2013, "{answer:?}");
        return;
    }
    let price = 60_000 + random.below(21) - 10;
    let query = format!(
        "symbol=BTCUSDT&cancelReplaceMode=STOP_ON_FAILURE&cancelOrderId={order_id}&side=BUY\
         &type=LIMIT&timeInForce=GTC&price={price}&quantity={qty}"
    );
    let answer = client.signed("POST", "order/cancelReplace", &query);
    if answer.status == 200 {
        taken.push(answer.body["newOrderResponse"]["orderId"].as_u64().unwrap());
    } else {
        assert!(answer.body["code"] == -2021 || answer.body["code"] == -2022, "{answer:?}");
    }
}

/// What is rarer: a stop, an order that is good for a moment, one by amount, everything off.
fn rarer(random: &mut Random, client: &Client, account: AccountId, office: &Office) {
    let (side, word) = if random.one_in(2) { ("BUY", "buy") } else { ("SELL", "sell") };
    let order = match random.below(4) {
        0 => {
            let stop = 60_000 + random.below(21) - 10;
            format!(
                "side={side}&type=STOP_LOSS_LIMIT&timeInForce=GTC&quantity=0.02&stopPrice={stop}\
                 &price=60000"
            )
        }
        1 => format!("side={side}&type=MARKET&quoteOrderQty={}", 500 + random.below(2_000)),
        2 => {
            let until = (now_ms() + 30) * 1_000_000;
            let price = if side == "BUY" { "59985" } else { "60015" };
            let order = json!({ "symbol": "BTCUSDT", "side": word, "kind": "limit",
                "price": price, "qty": "0.01", "time_in_force": "gtd",
                "expire_time": until.to_string() });
            let answer = client.v1_order(&order);
            // On a loaded machine its time may be over before it is there.
            assert!(answer.status == 200 || answer.status == 422, "{answer:?}");
            return;
        }
        _ => {
            for on in [true, false] {
                let path = format!("accounts/{}/kill-switch", account.0);
                office.ask("POST", &path, &json!({ "on": on })).good();
            }
            return;
        }
    };
    let answer = client.order(&order);
    assert!(answer.status == 200 || answer.body["code"] == -2010, "{answer:?}");
}

fn text(value: impl std::fmt::Display) -> Value {
    Value::String(format!("{value:.8}"))
}

/// The fills of an answer to an order are its trades by its command: those that it took, and those
/// that it made when the command had triggered another order.
fn check_answer(placed: &Value, replay: &Replay) {
    let order_id = OrderId(placed["orderId"].as_u64().unwrap());
    let sequence = replay.judge.accepted(order_id);
    let known: Vec<Value> = replay
        .trades
        .iter()
        .filter(|(header, _)| header.sequence == sequence)
        .filter_map(|(_, trade)| {
            let is_maker = trade.maker_order_id == order_id;
            (is_maker || trade.taker_order_id == order_id).then_some((trade, is_maker))
        })
        .map(|(trade, is_maker)| {
            let buys = (trade.taker_side == Side::Buy) != is_maker;
            let asset = if buys { "BTC" } else { "USDT" };
            json!([trade.trade_id.0, text(trade.price), text(trade.qty), asset])
        })
        .collect();
    let fields = ["tradeId", "price", "qty", "commissionAsset"];
    let told = placed["fills"].as_array().unwrap().iter();
    let told: Vec<Value> =
        told.map(|fill| Value::from_iter(fields.map(|name| fill[name].clone()))).collect();
    assert_eq!(told, known, "{placed}");
}

/// What a client's own trades are: those of the log that it had a part in.
fn check_own_trades(client: &Client, account: AccountId, replay: &Replay) {
    let told = client.signed("GET", "myTrades", "symbol=BTCUSDT&limit=1000").good();
    let known: Vec<_> = replay
        .trades
        .iter()
        .flat_map(|(header, trade)| {
            // Of a trade with itself an account has both sides.
            let of_maker = (trade.maker_account == account).then_some((trade.maker_order_id, true));
            let of_taker = (header.account == account).then_some((trade.taker_order_id, false));
            [of_taker, of_maker].into_iter().flatten().map(move |side| (header, trade, side))
        })
        .collect();
    let told = told.as_array().unwrap();
    assert_eq!(told.len(), known.len());
    for (told, (header, trade, (order_id, is_maker))) in told.iter().zip(known) {
        let is_buyer = (trade.taker_side == Side::Buy) != is_maker;
        let fee = if is_maker { trade.maker_fee } else { trade.taker_fee };
        let told_fee: f64 = told["commission"].as_str().unwrap().parse().unwrap();
        assert!((told_fee - fee.units() as f64 / 1e16).abs() < 2e-8, "{told} {fee:?}");
        let expected = json!([
            trade.trade_id.0,
            order_id.0,
            text(trade.price),
            text(trade.qty),
            is_maker,
            is_buyer,
            header.time_ns / 1_000_000,
        ]);
        let fields = ["id", "orderId", "price", "qty", "isMaker", "isBuyer", "time"];
        assert_eq!(Value::from_iter(fields.map(|name| told[name].clone())), expected);
    }
}

/// What a client's orders are: those of the log, all of them, and no one else's.
fn check_orders(client: &Client, account: AccountId, replay: &Replay) {
    let told = client.signed("GET", "allOrders", "symbol=BTCUSDT&limit=1000").good();
    let told = told.as_array().unwrap();
    assert!(told.windows(2).all(|two| two[0]["orderId"].as_u64() < two[1]["orderId"].as_u64()));
    for order in told {
        let order_id = OrderId(order["orderId"].as_u64().unwrap());
        let known: &OrderView = replay.models.orders().get(account, order_id).unwrap();
        // Of an order by amount only what was bought or sold is known.
        let qty = if known.is_by_amount() { known.executed_qty } else { known.qty };
        let price = if order["type"] == "MARKET" { Price::ZERO } else { known.price };
        assert_eq!(
            (&order["origQty"], &order["executedQty"], &order["price"]),
            (&text(qty), &text(known.executed_qty), &text(price)),
            "{order}"
        );
        let is_open = matches!(order["status"].as_str(), Some("NEW" | "PARTIALLY_FILLED"));
        assert_eq!(is_open, known.stage.is_live(), "{order}");
        assert_eq!(order["updateTime"], known.updated.0 / 1_000_000, "{order}");
    }
    let open = client.signed("GET", "openOrders", "symbol=BTCUSDT").good();
    assert_eq!(open.as_array().unwrap().len(), replay.models.orders().live(account).count());
}

/// What the account has is what the log makes of it.
fn check_balances(client: &Client, account: AccountId, replay: &Replay) {
    let told = client.signed("GET", "account", "").good();
    let told: BTreeMap<&str, (&Value, &Value)> = told["balances"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["asset"].as_str().unwrap(), (&one["free"], &one["locked"])))
        .collect();
    for known in replay.models.balances(account) {
        let code = replay.models.instruments().asset(known.asset).unwrap().to_string();
        let (free, locked) = told[code.as_str()];
        // Balances are told to eight places, cut off.
        let cut = |money: i128| format!("{:.8}", money as f64 / 1e16);
        let near = |told: &Value, units: i128| {
            let told: f64 = told.as_str().unwrap().parse().unwrap();
            (told - cut(units).parse::<f64>().unwrap()).abs() < 2e-8
        };
        assert!(near(locked, known.reserved.units()), "{code}: {locked} and {known:?}");
        assert!(near(free, known.free.units()), "{code}: {free}, {known:?}");
    }
}

/// Waits until what is good for a moment is over.
fn wait_for_expiries(client: &Client) {
    let from = std::time::Instant::now();
    let is_dated = |order: &Value| order["time_in_force"] == "gtd";
    while client.v1_get("orders/open").good()["orders"].as_array().unwrap().iter().any(is_dated) {
        assert!(from.elapsed() < std::time::Duration::from_secs(20), "nothing expires");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// The reports of an account are those that the engine's events make, all of them, in their order;
/// its balances are what it had after the command of the last report.
fn check_reports(told: &[Value], account: AccountId, replay: &Replay) {
    let reports: Vec<_> = told.iter().filter(|event| event["e"] == "executionReport").collect();
    for (report, expected) in reports.iter().zip(replay.judge.of(account)) {
        let known = Value::from_iter(FIELDS.map(|name| report[name].clone()));
        assert_eq!(known, *expected, "{report}");
    }
    assert_eq!(reports.len(), replay.judge.of(account).len());
    let mut sequence = 0;
    for event in told {
        if event["e"] == "executionReport" {
            let next = event["I"].as_u64().unwrap() >> 20;
            assert!(next >= sequence, "{event}");
            sequence = next;
            continue;
        }
        assert_eq!(event["e"], "outboundAccountPosition", "{event}");
        let known = &replay.balances[&(sequence, account)];
        for told in event["B"].as_array().unwrap() {
            let (free, locked) = &known[told["a"].as_str().unwrap()];
            assert_eq!((&told["f"], &told["l"]), (free, locked), "after {sequence}: {event}");
        }
    }
}

fn run(seed: u64) -> BTreeMap<String, usize> {
    let limits = RateLimits { orders_10s: 1_000_000, ..RateLimits::default() };
    let limits = RateLimits { weight_1m: 1_000_000, ..limits };
    let (change, office) = Office::open();
    let venue = Venue::custom(ServeOptions { limits, ..ServeOptions::default() }, change);
    let mut users = [Ws::told(&venue.one), Ws::told(&venue.two)];
    let mut trades = Listener::open(&venue, "/ws/btcusdt@trade");
    let mut diffs = Listener::open(&venue, "/ws/btcusdt@depth@100ms");
    let mut random = Random::new(seed);
    let mut taken = [Vec::new(), Vec::new()];
    let mut placed = Vec::new();
    for _ in 0..STEPS {
        let who = random.below(2) as usize;
        let client = [&venue.one, &venue.two][who];
        if random.one_in(8) {
            rarer(&mut random, client, ACCOUNTS[who], &office);
        }
        placed.extend(step(&mut random, client, &mut taken[who]));
    }
    for client in [&venue.one, &venue.two] {
        wait_for_expiries(client);
    }
    let depth = venue.one.public("depth?symbol=BTCUSDT&limit=5000").good();
    let (log, digest) = venue.log();
    let replay = replay(&log);
    assert_eq!(replay.digest, digest);

    for placed in &placed {
        check_answer(placed, &replay);
    }
    for (header, trade) in &replay.trades {
        let told = trades.next();
        assert_eq!(
            (&told["t"], &told["p"], &told["q"]),
            (&json!(trade.trade_id.0), &text(trade.price), &text(trade.qty))
        );
        let by_seller = trade.taker_side == Side::Sell;
        assert_eq!(
            (&told["m"], &told["T"]),
            (&json!(by_seller), &json!(header.time_ns / 1_000_000))
        );
    }
    let mut kinds = BTreeMap::new();
    for (user, account) in users.iter_mut().zip(ACCOUNTS) {
        let told = user.until_now();
        check_reports(&told, account, &replay);
        for report in told.iter().filter(|event| event["e"] == "executionReport") {
            let words = ["x", "X"].map(|name| report[name].as_str().unwrap());
            *kinds.entry(words.join(" ")).or_default() += 1;
        }
    }
    for (client, account) in [&venue.one, &venue.two].into_iter().zip(ACCOUNTS) {
        check_own_trades(client, account, &replay);
        check_orders(client, account, &replay);
        check_balances(client, account, &replay);
    }
    let book = replay.models.book(MARKET).unwrap();
    let levels = |side: &mut dyn Iterator<Item = _>| -> Value {
        side.map(|(price, qty): (tiercel_types::Price, tiercel_types::Qty)| {
            json!([text(price), text(qty)])
        })
        .collect()
    };
    let known = json!({
        "lastUpdateId": book.update_id(),
        "bids": levels(&mut book.bids()), "asks": levels(&mut book.asks()),
    });
    assert_eq!(depth, known);
    check_diffs(&mut diffs, &depth);
    assert!(replay.trades.len() > 10, "{} trades", replay.trades.len());
    kinds
}

/// The diffs from an empty book on lead to the last one, without a gap.
fn check_diffs(diffs: &mut Listener, depth: &Value) {
    let mut sides = Sides::default();
    let mut at = 0;
    while at < depth["lastUpdateId"].as_u64().unwrap() {
        let diff = diffs.next();
        assert_eq!(diff["U"], at + 1, "a gap");
        sides.set(&diff["b"], &diff["a"]);
        at = diff["u"].as_u64().unwrap();
    }
    assert_eq!(sides, Sides::of(&depth["bids"], &depth["asks"]));
}

#[test]
fn answers_market_data_and_the_logs_replay_agree_always() {
    let mut kinds = BTreeMap::new();
    for seed in 0..if soak::is_soak() { 200 } else { 3 } {
        eprintln!("seed {seed}");
        for (kind, count) in run(seed) {
            *kinds.entry(kind).or_insert(0) += count;
        }
    }
    eprintln!("{kinds:?}");
    for kind in [
        "NEW NEW",
        "TRADE PARTIALLY_FILLED",
        "TRADE FILLED",
        "CANCELED CANCELED",
        "EXPIRED EXPIRED",
        "REPLACED NEW",
        "TRADE_PREVENTION NEW",
        "TRADE_PREVENTION EXPIRED_IN_MATCH",
    ] {
        assert!(kinds.contains_key(kind), "no {kind} in {kinds:?}");
    }
}
