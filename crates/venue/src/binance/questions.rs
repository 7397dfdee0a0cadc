//! Questions: which parameters each takes, and its answer from the read models.

use tiercel_types::{AccountId, AssetCode, InstrumentSpec, OrderId, Symbol, TradeId};

use super::error::ApiError;
use super::exchange_info::{self, SymbolInfo};
use super::list_view;
use super::order::OrderName;
use super::order_list::ListName;
use super::page::{Page, limit};
use super::params::{Params, well_formed_symbol};
use super::rate_limit::RateLimits;
use super::view::{self, OwnSide};
use crate::models::{ListView, Models, OrderView};
use crate::open_orders::OpenOrderRules;

/// The most levels of a book.
const DEPTH_MAX: usize = 5_000;
/// Levels of a book where none are asked for.
const DEPTH_DEFAULT: usize = 100;

/// A symbol's terms.
///
/// # Errors
/// -1121 if there is no such symbol.
fn by_name<'m>(models: &'m Models, name: &str) -> Result<&'m InstrumentSpec, ApiError> {
    let symbol: Symbol = name.parse().map_err(|_| ApiError::symbol())?;
    models.instruments().by_symbol(&symbol).ok_or_else(ApiError::symbol)
}

/// The terms of the symbol that a request names.
///
/// # Errors
/// -1102, -1100 and -1121.
pub fn instrument(models: &Models, params: &Params<'_>) -> Result<InstrumentSpec, ApiError> {
    by_name(models, params.symbol()?).copied()
}

/// The codes of what an instrument trades.
///
/// # Errors
/// [`ApiError::internal`] if an asset is not known, which the engine does not let happen.
pub fn assets(models: &Models, spec: &InstrumentSpec) -> Result<(AssetCode, AssetCode), ApiError> {
    let code = |asset| models.instruments().asset(asset).ok_or_else(ApiError::internal);
    Ok((code(spec.base)?, code(spec.quote)?))
}

/// The order that a request names, if the models know it.
///
/// # Errors
/// -2039 if it is not called as the request says.
pub fn find(
    models: &Models,
    account: AccountId,
    name: OrderName,
) -> Result<Option<&OrderView>, ApiError> {
    let orders = models.orders();
    match name {
        OrderName::Id(order_id) => Ok(orders.get(account, order_id)),
        OrderName::Client(id) => Ok(orders.by_client_id(account, &id)),
        OrderName::Both(order_id, id) => match orders.get(account, order_id) {
            Some(order) if order.client_order_id != id => Err(ApiError::other_name()),
            found => Ok(found),
        },
    }
}

/// The weight of `depth`, by its levels. A limit that is wrong is refused later.
pub fn depth_weight(params: &Params<'_>) -> u32 {
    match limit(params, DEPTH_DEFAULT, DEPTH_MAX) {
        Ok(..=100) | Err(_) => 5,
        Ok(..=500) => 25,
        Ok(..=1_000) => 50,
        Ok(_) => 250,
    }
}

/// The weight of a ticker, of one symbol or of all.
pub fn ticker_weight(params: &Params<'_>) -> u32 {
    if params.has("symbol") { 2 } else { 4 }
}

/// How many symbols a request names; `None`: all.
fn named(params: &Params<'_>) -> Option<usize> {
    let listed = params.text("symbols").ok().flatten().map(|list| list.split(',').count());
    if params.has("symbol") { Some(1) } else { listed }
}

/// The weight of `ticker/24hr`, by its symbols.
pub fn day_ticker_weight(params: &Params<'_>) -> u32 {
    match named(params) {
        Some(..=20) => 2,
        Some(..=100) => 40,
        _ => 80,
    }
}

/// The weight of a ticker of a window: 4 for each symbol, at most 200.
pub fn window_ticker_weight(params: &Params<'_>) -> u32 {
    4 * u32::try_from(named(params).unwrap_or(1)).unwrap_or(50).min(50)
}

/// The weight of `myTrades`, of one order or of all.
pub fn my_trades_weight(params: &Params<'_>) -> u32 {
    if params.has("orderId") { 5 } else { 20 }
}

/// The weight of `openOrders`, of one symbol or of all.
pub fn open_orders_weight(params: &Params<'_>) -> u32 {
    if params.has("symbol") { 6 } else { 80 }
}

/// The symbols that a request names, by `symbol` or a JSON list in `symbols`; all if by neither.
pub(super) fn symbols<'m>(
    models: &'m Models,
    params: &Params<'_>,
) -> Result<Vec<&'m InstrumentSpec>, ApiError> {
    let (one, several) = (params.text("symbol")?, params.text("symbols")?);
    match (one, several) {
        (Some(_), Some(_)) => Err(ApiError::combination()),
        (Some(name), None) => {
            well_formed_symbol(name)?;
            Ok(vec![by_name(models, name)?])
        }
        (None, Some(list)) => {
            let names: Vec<String> = serde_json::from_str(list).map_err(|_| {
                ApiError::new(-1135, "JSON sent for parameter 'symbols' is not valid")
            })?;
            names.iter().map(|name| by_name(models, name)).collect()
        }
        (None, None) => Ok(models.instruments().iter().collect()),
    }
}

/// `GET exchangeInfo`.
///
/// # Errors
/// For symbols that are not there, and parameters that are not known.
pub fn exchange_info(
    models: &Models,
    params: &Params<'_>,
    (limits, open_orders): (&RateLimits, &OpenOrderRules),
    now_ms: u64,
) -> Result<String, ApiError> {
    let specs = symbols(models, params)?;
    // Everything here is spot, and shown with its permissions.
    params.boolean("showPermissionSets")?;
    params.finish()?;
    let mut infos = Vec::with_capacity(specs.len());
    for spec in specs {
        let (base, quote) = assets(models, spec)?;
        let open_orders = open_orders.get(&spec.symbol).copied().unwrap_or_default();
        infos.push(SymbolInfo { spec, state: spec.state, base, quote, open_orders });
    }
    Ok(exchange_info::exchange_info(now_ms, limits, infos.into_iter()).to_string())
}

/// `GET depth`.
///
/// # Errors
/// For parameters that are wrong.
pub fn depth(models: &Models, params: &Params<'_>) -> Result<String, ApiError> {
    let spec = instrument(models, params)?;
    let limit = limit(params, DEPTH_DEFAULT, DEPTH_MAX)?;
    params.finish()?;
    let book = models.book(spec.instrument).ok_or_else(ApiError::symbol)?;
    view::depth(book, limit)
}

/// One value of the symbol that was named, or a list of all.
pub(super) fn answer_one_or_all(
    models: &Models,
    params: &Params<'_>,
    value: impl Fn(&InstrumentSpec) -> Result<serde_json::Value, ApiError>,
) -> Result<String, ApiError> {
    let one = params.has("symbol");
    let specs = symbols(models, params)?;
    params.finish()?;
    let mut values = specs.into_iter().map(value).collect::<Result<Vec<_>, _>>()?;
    match values.pop() {
        Some(only) if one => Ok(only.to_string()),
        last => {
            values.extend(last);
            Ok(serde_json::Value::Array(values).to_string())
        }
    }
}

/// `GET ticker/bookTicker`.
///
/// # Errors
/// For parameters that are wrong.
pub fn book_ticker(models: &Models, params: &Params<'_>) -> Result<String, ApiError> {
    answer_one_or_all(models, params, |spec| {
        let book = models.book(spec.instrument).ok_or_else(ApiError::symbol)?;
        Ok(view::book_ticker(spec, book))
    })
}

/// `GET ticker/price`.
///
/// # Errors
/// For parameters that are wrong.
pub fn price_ticker(models: &Models, params: &Params<'_>) -> Result<String, ApiError> {
    answer_one_or_all(models, params, |spec| {
        let last = models.trades().of(spec.instrument).next_back().map(|trade| trade.price);
        Ok(view::price_ticker(spec, last))
    })
}

/// `GET order`.
///
/// # Errors
/// -2013 if the account has no such order of that symbol.
pub fn order(models: &Models, params: &Params<'_>, account: AccountId) -> Result<String, ApiError> {
    let spec = instrument(models, params)?;
    let name = OrderName::read(params)?;
    params.finish()?;
    let found = find(models, account, name)?.filter(|order| order.instrument == spec.instrument);
    view::order(models, found.ok_or_else(ApiError::no_such_order)?, &spec)
}

/// `GET openOrders`.
///
/// # Errors
/// For parameters that are wrong.
pub fn open_orders(
    models: &Models,
    params: &Params<'_>,
    account: AccountId,
) -> Result<String, ApiError> {
    let only = match params.text("symbol")? {
        Some(name) => {
            well_formed_symbol(name)?;
            Some(by_name(models, name)?.instrument)
        }
        None => None,
    };
    params.finish()?;
    let live = models.orders().live(account);
    view::orders(models, live.filter(|order| only.is_none_or(|one| order.instrument == one)))
}

/// `GET allOrders`: live ones, and those that ended and are remembered. With `orderId` or a start
/// the oldest from there on, else the newest.
///
/// # Errors
/// For parameters that are wrong.
pub fn all_orders(
    models: &Models,
    params: &Params<'_>,
    account: AccountId,
) -> Result<String, ApiError> {
    let spec = instrument(models, params)?;
    let page = Page::read(params, "orderId")?;
    params.finish()?;
    let wanted =
        |order: &&OrderView| order.instrument == spec.instrument && page.span.holds(order.created);
    let orders = models.orders().of(account, OrderId(page.from.unwrap_or(0)));
    view::orders(models, page.of(orders.filter(wanted)).into_iter())
}

/// `GET orderList`.
///
/// # Errors
/// -2013 if the account has no such list.
pub fn order_list(
    models: &Models,
    params: &Params<'_>,
    account: AccountId,
) -> Result<String, ApiError> {
    let name = ListName::read(params, "origClientOrderId")?;
    params.finish()?;
    let list = name.find(models.orders(), account).ok_or_else(ApiError::no_such_list)?;
    list_view::list(models, list)
}

/// `GET openOrderList`.
///
/// # Errors
/// For parameters that are wrong.
pub fn open_order_lists(
    models: &Models,
    params: &Params<'_>,
    account: AccountId,
) -> Result<String, ApiError> {
    params.finish()?;
    list_view::lists(models, models.orders().lists(account).filter(|list| list.ended.0 == 0))
}

/// `GET allOrderList`: live ones, and those that ended and are remembered. With `fromId` or a start
/// the oldest from there on, else the newest.
///
/// # Errors
/// For parameters that are wrong.
pub fn all_order_lists(
    models: &Models,
    params: &Params<'_>,
    account: AccountId,
) -> Result<String, ApiError> {
    let page = Page::read(params, "fromId")?;
    params.finish()?;
    page.check_either()?;
    let first = page.from.unwrap_or(0);
    let wanted = |list: &&ListView| list.list_id.0 >= first && page.span.holds(list.created);
    let lists = models.orders().lists(account).filter(wanted);
    list_view::lists(models, page.of(lists).into_iter())
}

/// `GET myTrades`: those of the venue's newest trades that are the account's. With `fromId` or a
/// start the oldest from there on, else the newest. A trade of the account with itself has two rows.
///
/// # Errors
/// For parameters that are wrong.
pub fn my_trades(
    models: &Models,
    params: &Params<'_>,
    account: AccountId,
) -> Result<String, ApiError> {
    let spec = instrument(models, params)?;
    let codes = assets(models, &spec)?;
    let order_id = params.integer("orderId")?.map(OrderId);
    let page = Page::read(params, "fromId")?;
    params.finish()?;
    page.check_either()?;
    let sides = models
        .trades()
        .from(spec.instrument, TradeId(page.from.unwrap_or(0)))
        .filter(|trade| page.span.holds(trade.time))
        .flat_map(|trade| OwnSide::of(trade, account))
        .filter(|side| order_id.is_none_or(|one| side.order_id == one));
    view::own_trades(models.orders(), &spec, codes, &page.of(sides))
}

/// `GET account`.
///
/// # Errors
/// For parameters that are wrong.
pub fn account(
    models: &Models,
    params: &Params<'_>,
    account: AccountId,
    can_trade: bool,
    now_ms: u64,
) -> Result<String, ApiError> {
    let omit_zero = params.boolean("omitZeroBalances")?.unwrap_or(false);
    params.finish()?;
    Ok(view::account(models, account, can_trade, omit_zero, now_ms).to_string())
}

/// `GET myAllocations`: there are none without smart order routing.
///
/// # Errors
/// For parameters that are wrong.
pub fn allocations(models: &Models, params: &Params<'_>) -> Result<String, ApiError> {
    instrument(models, params)?;
    Page::read(params, "fromAllocationId")?;
    params.integer("orderId")?;
    params.finish()?;
    Ok("[]".to_owned())
}
