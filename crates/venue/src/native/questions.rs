//! What is asked: orders, trades, balances, markets, signals, auctions.

#![expect(clippy::missing_errors_doc, reason = "all refuse alike, with a `Problem`: see `Asking`")]

use std::ops::RangeInclusive;

use tiercel_types::{InstrumentId, ListId, OrderId, Timestamp, TradeId};

use super::call::{Call, Work};
use super::market::{
    AuctionAnswer, CandleAnswer, Imbalance, Instrument, Instruments, MicroPrice, OrderBook,
    PublicTrade, TickerAnswer, VpinAnswer,
};
use super::problem::{Code, Problem};
use super::scalar::{
    AssetText, IntervalText, MoneyText, OrderIdText, OrderScope, OrderScopeText, SymbolText,
    TimeText,
};
use super::table::{NoBody, NoQuery};
use super::view::{Fill, List, Order, asset};

/// What a question becomes: its answer, or a refusal.
pub type Asking<A> = Result<Work<A>, Problem>;

/// The most orders, trades or candles of an answer.
const LIMIT_MAX: u16 = 1_000;
/// How many it has unless it is said.
const LIMIT_DEFAULT: u16 = 500;
/// The most levels of a book.
const DEPTH_MAX: u16 = 5_000;
/// How many levels it has unless it is said.
const DEPTH_DEFAULT: u16 = 100;

/// The largest id of a trade that may be asked for: what readers of JSON take for a whole number.
const TRADE_ID_MAX: u64 = i64::MAX as u64;

fn bounded(
    given: Option<u16>,
    range: RangeInclusive<u16>,
    default: u16,
    field: &'static str,
) -> Result<u16, Problem> {
    let value = given.unwrap_or(default);
    if range.contains(&value) {
        return Ok(value);
    }
    let detail = format!("{} to {} is expected", range.start(), range.end());
    Err(Problem::new(Code::InvalidField, detail).of_field(field))
}

fn limit(given: Option<u16>) -> Result<usize, Problem> {
    bounded(given, 1..=LIMIT_MAX, LIMIT_DEFAULT, "limit").map(usize::from)
}

/// From which trade on. Ids are counted from one: none comes near the largest number.
fn from_trade(given: Option<u64>) -> Result<TradeId, Problem> {
    let trade_id = given.unwrap_or(0);
    if trade_id <= TRADE_ID_MAX {
        return Ok(TradeId(trade_id));
    }
    let detail = format!("at most {TRADE_ID_MAX} is expected");
    Err(Problem::new(Code::InvalidField, detail).of_field("from_trade_id"))
}

/// The newest so many, or from a place on the oldest, in their order.
fn page<T>(all: impl DoubleEndedIterator<Item = T>, from: bool, limit: usize) -> Vec<T> {
    if from {
        return all.take(limit).collect();
    }
    let mut newest: Vec<T> = all.rev().take(limit).collect();
    newest.reverse();
    newest
}

answer! {
    /// The venue's time.
    Time {
        /// By its clock.
        time_ns: TimeText,
        /// The last command that answers know of.
        sequence: u64,
    }
}

/// `GET time`.
pub fn time(call: &Call<'_>, _: &NoQuery, _: &NoBody) -> Asking<Time> {
    let sequence = call.models.checkpoint().sequence;
    Ok(Work::Done(Time { time_ns: TimeText(call.now), sequence }))
}

/// `GET instruments`.
pub fn instruments(call: &Call<'_>, _: &NoQuery, _: &NoBody) -> Asking<Instruments> {
    let all = call.models.instruments().iter();
    let instruments = all.map(|spec| Instrument::of(call.models, spec)).collect();
    Ok(Work::Done(Instruments { instruments }))
}

/// `GET instruments/{symbol}`.
pub fn instrument(call: &Call<'_>, _: &NoQuery, _: &NoBody) -> Asking<Instrument> {
    Ok(Work::Done(Instrument::of(call.models, &call.instrument()?)))
}

query! {
    /// `GET orderbook/{symbol}`.
    DepthQuery {
        /// How many levels of each side; 100 unless said.
        #[param(minimum = 1, maximum = 5000)]
        depth: Option<u16>,
    }
}

/// `GET orderbook/{symbol}`.
pub fn order_book(call: &Call<'_>, query: &DepthQuery, _: &NoBody) -> Asking<OrderBook> {
    let spec = call.instrument()?;
    let depth = bounded(query.depth, 1..=DEPTH_MAX, DEPTH_DEFAULT, "depth")?;
    // Every instrument has a book.
    let book = call.models.book(spec.instrument).ok_or_else(Problem::internal)?;
    Ok(Work::Done(OrderBook::of(call.models, &spec, book, usize::from(depth))))
}

/// `GET orderbook/{symbol}/microprice`.
pub fn micro_price(call: &Call<'_>, _: &NoQuery, _: &NoBody) -> Asking<MicroPrice> {
    Ok(Work::Done(MicroPrice::of(call.models, &call.instrument()?)))
}

query! {
    /// `GET orderbook/{symbol}/imbalance`.
    LevelsQuery {
        /// How many levels of each side; 1 unless said.
        #[param(minimum = 1, maximum = 5000)]
        levels: Option<u16>,
    }
}

/// `GET orderbook/{symbol}/imbalance`.
pub fn imbalance(call: &Call<'_>, query: &LevelsQuery, _: &NoBody) -> Asking<Imbalance> {
    let spec = call.instrument()?;
    let levels = bounded(query.levels, 1..=DEPTH_MAX, 1, "levels")?;
    Ok(Work::Done(Imbalance::of(call.models, &spec, levels)))
}

/// `GET vpin/{symbol}`.
pub fn vpin(call: &Call<'_>, _: &NoQuery, _: &NoBody) -> Asking<VpinAnswer> {
    Ok(Work::Done(VpinAnswer::of(call.models, call.signals, &call.instrument()?)))
}

query! {
    /// `GET trades/{symbol}`.
    TradesQuery {
        /// From this trade on; left out: the newest.
        from_trade_id: Option<u64>,
        /// How many; 500 unless said.
        #[param(minimum = 1, maximum = 1000)]
        limit: Option<u16>,
    }
}

answer! {
    /// Trades, oldest first.
    Trades {
        /// They.
        trades: Vec<PublicTrade>,
    }
}

/// `GET trades/{symbol}`.
pub fn trades(call: &Call<'_>, query: &TradesQuery, _: &NoBody) -> Asking<Trades> {
    let spec = call.instrument()?;
    let limit = limit(query.limit)?;
    let from = from_trade(query.from_trade_id)?;
    let all = call.models.trades().from(spec.instrument, from);
    let page = page(all, query.from_trade_id.is_some(), limit);
    Ok(Work::Done(Trades { trades: page.into_iter().map(PublicTrade::of).collect() }))
}

query! {
    /// `GET candles/{symbol}`.
    CandlesQuery {
        /// How long each is.
        interval: IntervalText,
        /// Those that begin then or later; left out: the newest.
        from_ns: Option<TimeText>,
        /// Those that begin then or before; left out: now.
        to_ns: Option<TimeText>,
        /// How many; 500 unless said.
        #[param(minimum = 1, maximum = 1000)]
        limit: Option<u16>,
    }
}

answer! {
    /// Candles, oldest first. Intervals without a trade have none.
    Candles {
        /// They.
        candles: Vec<CandleAnswer>,
    }
}

/// `GET candles/{symbol}`.
pub fn candles(call: &Call<'_>, query: &CandlesQuery, _: &NoBody) -> Asking<Candles> {
    let spec = call.instrument()?;
    let limit = limit(query.limit)?;
    let from = query.from_ns.map_or(Timestamp(0), |time| time.0);
    let to = query.to_ns.map_or(Timestamp(u64::MAX), |time| time.0);
    let interval = query.interval.0.interval();
    let all = call.models.candles().get(spec.instrument, interval, from, to);
    let page = page(all.iter(), query.from_ns.is_some(), limit);
    Ok(Work::Done(Candles { candles: page.into_iter().map(CandleAnswer::of).collect() }))
}

answer! {
    /// The tickers of all instruments.
    Tickers {
        /// By number.
        tickers: Vec<TickerAnswer>,
    }
}

/// `GET ticker`.
pub fn tickers(call: &Call<'_>, _: &NoQuery, _: &NoBody) -> Asking<Tickers> {
    let all = call.models.instruments().iter();
    let tickers = all.map(|spec| TickerAnswer::of(call.models, spec, call.now)).collect();
    Ok(Work::Done(Tickers { tickers }))
}

/// `GET ticker/{symbol}`.
pub fn ticker(call: &Call<'_>, _: &NoQuery, _: &NoBody) -> Asking<TickerAnswer> {
    Ok(Work::Done(TickerAnswer::of(call.models, &call.instrument()?, call.now)))
}

/// `GET auction/{symbol}`.
pub fn auction(call: &Call<'_>, _: &NoQuery, _: &NoBody) -> Asking<AuctionAnswer> {
    Ok(Work::Done(AuctionAnswer::of(call.models, &call.instrument()?)))
}

answer! {
    /// What an account has of an asset.
    Balance {
        /// Of which.
        asset: AssetText,
        /// What it may use. Of an account whose trades were undone it may be below zero.
        free: MoneyText,
        /// What its orders keep.
        reserved: MoneyText,
    }
}

answer! {
    /// The account of the key that signed.
    Account {
        /// Its number.
        account: u32,
        /// Whether this key may trade.
        may_trade: bool,
        /// The last command that is in it.
        sequence: u64,
        /// What it has, by asset.
        balances: Vec<Balance>,
    }
}

/// `GET account`.
pub fn account(call: &Call<'_>, _: &NoQuery, _: &NoBody) -> Asking<Account> {
    let balances = call.models.balances(call.account).into_iter().map(|balance| Balance {
        asset: asset(call.models, balance.asset),
        free: MoneyText(balance.free),
        reserved: MoneyText(balance.reserved),
    });
    Ok(Work::Done(Account {
        account: call.account.0,
        may_trade: call.may_trade,
        sequence: call.models.checkpoint().sequence,
        balances: balances.collect(),
    }))
}

query! {
    /// `GET account/trades`.
    FillsQuery {
        /// Of this instrument.
        symbol: SymbolText,
        /// Of this order alone.
        order_id: Option<OrderIdText>,
        /// From this trade on; left out: the newest.
        from_trade_id: Option<u64>,
        /// How many trades; 500 unless said. Of a trade with oneself both sides are told.
        #[param(minimum = 1, maximum = 1000)]
        limit: Option<u16>,
    }
}

answer! {
    /// Own trades, oldest first, as far as the venue remembers them.
    Fills {
        /// They.
        fills: Vec<Fill>,
    }
}

/// `GET account/trades`.
pub fn fills(call: &Call<'_>, query: &FillsQuery, _: &NoBody) -> Asking<Fills> {
    let spec = super::order::instrument(call.models, query.symbol, "symbol")?;
    let limit = limit(query.limit)?;
    let from = from_trade(query.from_trade_id)?;
    let order_id = query.order_id.map(|order_id| order_id.0);
    let own = call.models.trades().from(spec.instrument, from).filter(|trade| {
        let of_order = |id| trade.taker_order_id == id || trade.maker_order_id == id;
        trade.is_of(call.account) && order_id.is_none_or(of_order)
    });
    let page = page(own, query.from_trade_id.is_some(), limit);
    let fills = page.into_iter().flat_map(|trade| Fill::of(call.models, trade, call.account));
    let wanted = fills.filter(|fill| order_id.is_none_or(|id| fill.order_id.0 == id));
    Ok(Work::Done(Fills { fills: wanted.collect() }))
}

query! {
    /// `GET orders/open`.
    OpenOrdersQuery {
        /// Of this instrument alone.
        symbol: Option<SymbolText>,
    }
}

answer! {
    /// Orders, by id.
    OrdersAnswer {
        /// They.
        orders: Vec<Order>,
    }
}

fn is_of(instrument: Option<InstrumentId>) -> impl Fn(&&crate::models::OrderView) -> bool {
    move |order| instrument.is_none_or(|instrument| order.instrument == instrument)
}

/// `GET orders/open`.
pub fn open_orders(call: &Call<'_>, query: &OpenOrdersQuery, _: &NoBody) -> Asking<OrdersAnswer> {
    let spec = call.of_symbol(query.symbol, "symbol")?;
    let live = call.models.orders().live(call.account);
    let live = live.filter(is_of(spec.map(|spec| spec.instrument)));
    let orders = live.map(|order| Order::of(call.models, order)).collect();
    Ok(Work::Done(OrdersAnswer { orders }))
}

query! {
    /// `GET orders`.
    OrdersQuery {
        /// Of this instrument alone.
        symbol: Option<SymbolText>,
        /// Which of them; all unless said.
        scope: Option<OrderScopeText>,
        /// From this order on; left out: the newest.
        from_order_id: Option<OrderIdText>,
        /// How many; 500 unless said.
        #[param(minimum = 1, maximum = 1000)]
        limit: Option<u16>,
    }
}

/// `GET orders`: those that live, and those that ended as far as the venue remembers them.
pub fn orders(call: &Call<'_>, query: &OrdersQuery, _: &NoBody) -> Asking<OrdersAnswer> {
    let spec = call.of_symbol(query.symbol, "symbol")?;
    let limit = limit(query.limit)?;
    let from = query.from_order_id.map_or(OrderId::NONE, |order_id| order_id.0);
    let scope = query.scope.map_or(OrderScope::All, |scope| scope.0);
    let all = call.models.orders().of(call.account, from);
    let all = all
        .filter(is_of(spec.map(|spec| spec.instrument)))
        .filter(|order| scope.takes(order.stage.is_live()));
    let page = page(all, query.from_order_id.is_some(), limit);
    let orders = page.into_iter().map(|order| Order::of(call.models, order)).collect();
    Ok(Work::Done(OrdersAnswer { orders }))
}

/// `GET orders/{symbol}/{order_id}`.
pub fn order(call: &Call<'_>, _: &NoQuery, _: &NoBody) -> Asking<Order> {
    let spec = call.instrument()?;
    let order = call.order_name()?.find(call.models, call.account);
    let order = order.filter(|order| order.instrument == spec.instrument);
    order.map(|order| Work::Done(Order::of(call.models, order))).ok_or_else(Problem::unknown_order)
}

answer! {
    /// Lists, by id.
    Lists {
        /// They.
        lists: Vec<List>,
    }
}

/// `GET lists`.
pub fn lists(call: &Call<'_>, query: &OpenOrdersQuery, _: &NoBody) -> Asking<Lists> {
    let spec = call.of_symbol(query.symbol, "symbol")?;
    let orders = call.models.orders();
    let all = orders.lists(call.account);
    let all = all.filter(|list| spec.is_none_or(|spec| spec.instrument == list.instrument));
    let list = |list| List::of(call.models, list, |id| orders.get(call.account, id));
    Ok(Work::Done(Lists { lists: all.map(list).collect() }))
}

/// `GET lists/{list_id}`.
pub fn list(call: &Call<'_>, _: &NoQuery, _: &NoBody) -> Asking<List> {
    let list_id = ListId(call.number(0, "list_id")?);
    let orders = call.models.orders();
    let list = orders.list(call.account, list_id).ok_or_else(Problem::unknown_list)?;
    Ok(Work::Done(List::of(call.models, list, |id| orders.get(call.account, id))))
}
