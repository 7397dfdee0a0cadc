//! What holds for every request that a client can send. Shared with the fuzz target.

use tiercel_types::record::RECORD_SIZE_MAX;
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, Command, InstrumentId, InstrumentSpec, Price, Qty, Timestamp,
};
use tiercel_venue::binance::order::{OrderName, PlaceOrder};
use tiercel_venue::binance::order_list::{PlaceList, Placing};
use tiercel_venue::binance::rate_limit::RateLimits;
use tiercel_venue::binance::signature::{Deadline, Verifier, check_signature};
use tiercel_venue::binance::{ApiError, Params, klines, questions, tickers, trades};
use tiercel_venue::models::{ModelLimits, Models};
use tiercel_venue::open_orders::OpenOrderRules;

/// A spec with a tick of a cent and a lot of a thousandth.
pub(crate) fn spec() -> InstrumentSpec {
    let (tick, lot) = (Price::from_units(1_000_000), Qty::from_units(100_000));
    InstrumentSpec::new(InstrumentId(1), AssetId(1), AssetId(2), tick, lot)
}

/// Reads `bytes` as every kind of request, the query up to the first line break, the body behind it.
///
/// # Panics
/// If an order that is taken is no command that a log holds, or a refusal has no documented form,
/// or anything below panics.
pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (query, body) = text.split_once('\n').unwrap_or((&text, ""));
    let params = || match Params::parse(query, body) {
        Ok(params) => Some(params),
        Err(error) => {
            well_formed(&error);
            None
        }
    };
    let Some(first) = params() else { return };
    let key = Verifier::Hmac(b"key".to_vec());
    let signed = check_signature(&key, query, body, &first);
    let in_time = Deadline::read(&first).and_then(|deadline| deadline.check(1_700_000_000_000));
    for refused in [signed.err(), in_time.err(), OrderName::read(&first).err()] {
        refused.iter().for_each(well_formed);
    }
    let name: ClientOrderId = "generated".parse().unwrap_or_default();
    match params().map(|params| PlaceOrder::read(&params, &spec(), AccountId(1), name)) {
        Some(Ok(order)) => {
            let command = order.command();
            let mut record = [0; RECORD_SIZE_MAX];
            let size = command.encode(1, Timestamp(1), &mut record).unwrap_or(0);
            let read = Command::decode(&record[..size]).map(|(_, command)| command);
            assert_eq!(read, Ok(command));
            assert!(!order.order.client_order_id.is_empty());
        }
        Some(Err(error)) => well_formed(&error),
        None => {}
    }
    check_lists(query, body);
    let models = Models::new(ModelLimits::default());
    let (account, limits) = (AccountId(1), (&RateLimits::default(), &OpenOrderRules::new()));
    let answers = [
        params().map(|params| questions::exchange_info(&models, &params, limits, 0)),
        params().map(|params| questions::depth(&models, &params)),
        params().map(|params| trades::trades(&models, &params)),
        params().map(|params| questions::book_ticker(&models, &params)),
        params().map(|params| questions::order(&models, &params, account)),
        params().map(|params| questions::open_orders(&models, &params, account)),
        params().map(|params| questions::all_orders(&models, &params, account)),
        params().map(|params| questions::my_trades(&models, &params, account)),
        params().map(|params| questions::account(&models, &params, account, true, 0)),
        params().map(|params| questions::order_list(&models, &params, account)),
        params().map(|params| questions::all_order_lists(&models, &params, account)),
        params().map(|params| klines::klines(&models, &params, Timestamp(1))),
        params().map(|params| trades::aggregate_trades(&models, &params)),
        params().map(|params| tickers::day_tickers(&models, &params, Timestamp(1))),
        params().map(|params| tickers::window_tickers(&models, &params, Timestamp(1))),
        params().map(|params| tickers::trading_day_tickers(&models, &params, Timestamp(1))),
    ];
    for answer in answers.into_iter().flatten() {
        match answer {
            Ok(json) => assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok()),
            Err(error) => well_formed(&error),
        }
    }
}

/// Reads a request as each kind of list: a stage for each of its orders, and the list behind them.
fn check_lists(query: &str, body: &str) {
    let spec = spec();
    for read in
        [PlaceList::read_oco, PlaceList::read_old_oco, PlaceList::read_oto, PlaceList::read_otoco]
    {
        let Ok(params) = Params::parse(query, body) else { return };
        let mut count = 0;
        let mut generate = || {
            count += 1;
            format!("generated-{count}").parse().unwrap_or_default()
        };
        let account = AccountId(1);
        match read(&params, &mut Placing { spec: &spec, account, generate: &mut generate }) {
            Ok(list) => assert_eq!(list.commands().len(), list.kind.orders() + 1),
            Err(error) => well_formed(&error),
        }
    }
}

/// A refusal is the client's own fault, and its body is JSON whatever it quotes.
fn well_formed(error: &ApiError) {
    assert!((400..500).contains(&error.status), "{error}");
    let json: Result<serde_json::Value, _> = serde_json::from_str(&error.to_json());
    assert!(json.is_ok_and(|json| json["code"] == error.code), "{error}");
}
