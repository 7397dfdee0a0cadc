//! What questions are answered: orders, trades, books, tickers, balances, told as the interface
//! tells them.

use serde::Serialize;
use serde_json::{Value, json};
use tiercel_types::order::Trigger;
use tiercel_types::{
    AccountId, AssetCode, InstrumentSpec, Money, OrderId, OrderKind, Price, Qty, Side,
};

use super::answer::{Decimal, NANOS_PER_MILLI, NO_LIST, OrderSummary, write};
use super::error::ApiError;
use super::list_view;
use super::stream::best;
use super::words::{self, OrderStatus, OrderType};
use crate::models::{Book, Models, OrderStage, OrderView, Orders, TradeView};

/// Where an order stands.
pub fn order_status(orders: &Orders, order: &OrderView) -> OrderStatus {
    let some_filled = !order.executed_qty.is_zero();
    match order.stage {
        OrderStage::Pending => OrderStatus::PendingNew,
        OrderStage::Filled => OrderStatus::Filled,
        OrderStage::Ended => OrderStatus::of_end(list_view::end_reason(orders, order), some_filled),
        _ if some_filled => OrderStatus::PartiallyFilled,
        _ => OrderStatus::New,
    }
}

/// The price that its client gave: of a market order none, whatever protects it.
pub(super) fn price_given(order: &OrderView) -> Price {
    if order.kind == OrderKind::Market { Price::ZERO } else { order.price }
}

/// What answers about an order have in common.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderFields<'a> {
    symbol: &'a str,
    order_id: u64,
    order_list_id: i64,
    client_order_id: &'a str,
    #[serde(flatten)]
    summary: OrderSummary,
    stop_price: Decimal<Price>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trailing_delta: Option<u32>,
    iceberg_qty: Decimal<Qty>,
    self_trade_prevention_mode: &'static str,
}

impl<'a> OrderFields<'a> {
    fn of(orders: &Orders, order: &'a OrderView, spec: &'a InstrumentSpec) -> Self {
        let trails = order.trigger == Trigger::TrailingStop;
        Self {
            symbol: spec.symbol.as_str(),
            order_id: order.order_id.0,
            order_list_id: list_view::number(order.list_id),
            client_order_id: order.client_order_id.as_str(),
            summary: OrderSummary {
                price: Decimal(price_given(order)),
                orig_qty: Decimal(if order.is_by_amount() {
                    order.executed_qty
                } else {
                    order.qty
                }),
                executed_qty: Decimal(order.executed_qty),
                orig_quote_order_qty: Decimal(order.quote_qty),
                cummulative_quote_qty: Decimal(order.executed_quote),
                status: order_status(orders, order).as_str(),
                time_in_force: words::time_in_force(order.time_in_force),
                order_type: OrderType::of(order.kind, order.trigger).as_str(),
                side: words::side(order.side),
            },
            stop_price: Decimal(if trails { order.activation_price } else { order.trigger_price }),
            trailing_delta: Some(order.trailing_bps).filter(|bps| *bps > 0),
            iceberg_qty: Decimal(order.display_qty),
            self_trade_prevention_mode: words::self_trade_prevention(order.self_trade_prevention),
        }
    }
}

/// An order, as `GET order` and lists of orders show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderAnswer<'a> {
    #[serde(flatten)]
    fields: OrderFields<'a>,
    time: u64,
    update_time: u64,
    is_working: bool,
    working_time: i64,
}

/// An order that was cancelled.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CancelledAnswer<'a> {
    /// The name by which the order was entered.
    orig_client_order_id: &'a str,
    transact_time: u64,
    #[serde(flatten)]
    fields: OrderFields<'a>,
}

fn order_answer<'a>(
    orders: &Orders,
    order: &'a OrderView,
    spec: &'a InstrumentSpec,
) -> OrderAnswer<'a> {
    let working = (order.working_since.0 != 0)
        .then(|| i64::try_from(order.working_since.0 / NANOS_PER_MILLI).unwrap_or(i64::MAX));
    OrderAnswer {
        fields: OrderFields::of(orders, order, spec),
        time: order.created.0 / NANOS_PER_MILLI,
        update_time: order.updated.0 / NANOS_PER_MILLI,
        is_working: working.is_some(),
        working_time: working.unwrap_or(-1),
    }
}

/// One order.
///
/// # Errors
/// [`ApiError::internal`] if it cannot be written.
pub fn order(
    models: &Models,
    order: &OrderView,
    spec: &InstrumentSpec,
) -> Result<String, ApiError> {
    write(&order_answer(models.orders(), order, spec))
}

/// Orders, in the order given. Those of instruments that are not known are left out: there are
/// none.
///
/// # Errors
/// [`ApiError::internal`] if they cannot be written.
pub fn orders<'a>(
    models: &Models,
    orders: impl Iterator<Item = &'a OrderView>,
) -> Result<String, ApiError> {
    let known: Vec<_> = orders
        .filter_map(|order| Some((order, *models.instruments().get(order.instrument)?)))
        .collect();
    let answer = |(order, spec)| order_answer(models.orders(), order, spec);
    write(&known.iter().map(|(order, spec)| answer((order, spec))).collect::<Vec<_>>())
}

/// An order as it ended, under the name of the request to cancel.
pub(super) fn cancelled_answer<'a>(
    models: &Models,
    order: &'a OrderView,
    spec: &'a InstrumentSpec,
    cancel_id: &'a str,
) -> CancelledAnswer<'a> {
    let fields = OrderFields::of(models.orders(), order, spec);
    CancelledAnswer {
        orig_client_order_id: order.client_order_id.as_str(),
        transact_time: order.updated.0 / NANOS_PER_MILLI,
        fields: OrderFields { client_order_id: cancel_id, ..fields },
    }
}

/// One level: price and quantity.
type LevelAnswer = (Decimal<Price>, Decimal<Qty>);

fn levels(levels: impl Iterator<Item = (Price, Qty)>, limit: usize) -> Vec<LevelAnswer> {
    levels.take(limit).map(|(price, qty)| (Decimal(price), Decimal(qty))).collect()
}

/// A book of a stream or a question, as far as `limit` levels.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DepthAnswer {
    last_update_id: u64,
    bids: Vec<LevelAnswer>,
    asks: Vec<LevelAnswer>,
}

/// The displayed book.
///
/// # Errors
/// [`ApiError::internal`] if it cannot be written.
pub fn depth(book: &Book, limit: usize) -> Result<String, ApiError> {
    write(&DepthAnswer {
        last_update_id: book.update_id(),
        bids: levels(book.bids(), limit),
        asks: levels(book.asks(), limit),
    })
}

/// A trade as everybody sees it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TradeAnswer {
    id: u64,
    price: Decimal<Price>,
    qty: Decimal<Qty>,
    quote_qty: Decimal<Money>,
    time: u64,
    is_buyer_maker: bool,
    is_best_match: bool,
}

/// The newest `limit` trades of an instrument, oldest first.
///
/// # Errors
/// [`ApiError::internal`] if they cannot be written.
pub fn trades<'a>(
    trades: impl DoubleEndedIterator<Item = &'a TradeView>,
    limit: usize,
) -> Result<String, ApiError> {
    let answer = |trade: &TradeView| TradeAnswer {
        id: trade.trade_id.0,
        price: Decimal(trade.price),
        qty: Decimal(trade.qty),
        quote_qty: Decimal(Money::of(trade.price, trade.qty)),
        time: trade.time.0 / NANOS_PER_MILLI,
        is_buyer_maker: trade.taker_side == Side::Sell,
        is_best_match: true,
    };
    let mut newest: Vec<_> = trades.rev().take(limit).map(answer).collect();
    newest.reverse();
    write(&newest)
}

/// A trade as one of its two sides sees it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OwnTradeAnswer<'a> {
    symbol: &'a str,
    id: u64,
    order_id: u64,
    order_list_id: i64,
    price: Decimal<Price>,
    qty: Decimal<Qty>,
    quote_qty: Decimal<Money>,
    commission: Decimal<Money>,
    commission_asset: &'a str,
    time: u64,
    is_buyer: bool,
    is_maker: bool,
    is_best_match: bool,
}

/// One side of a trade.
pub(super) struct OwnSide<'t> {
    trade: &'t TradeView,
    account: AccountId,
    /// The order on this side.
    pub(super) order_id: OrderId,
    fee: Money,
    is_buyer: bool,
    is_maker: bool,
}

impl<'t> OwnSide<'t> {
    /// The account's sides of a trade, the taker's first: two if it traded with itself.
    pub(super) fn of(
        trade: &'t TradeView,
        account: AccountId,
    ) -> impl DoubleEndedIterator<Item = Self> {
        let taker_buys = trade.taker_side == Side::Buy;
        let taker = Self {
            trade,
            account: trade.taker_account,
            order_id: trade.taker_order_id,
            fee: trade.taker_fee,
            is_buyer: taker_buys,
            is_maker: false,
        };
        let maker = Self {
            trade,
            account: trade.maker_account,
            order_id: trade.maker_order_id,
            fee: trade.maker_fee,
            is_buyer: !taker_buys,
            is_maker: true,
        };
        [taker, maker].into_iter().filter(move |side| side.account == account)
    }

    fn answer<'a>(
        &self,
        orders: &Orders,
        spec: &'a InstrumentSpec,
        (base, quote): &'a (AssetCode, AssetCode),
    ) -> OwnTradeAnswer<'a> {
        let Self { trade, account, order_id, fee, is_buyer, is_maker } = *self;
        OwnTradeAnswer {
            symbol: spec.symbol.as_str(),
            id: trade.trade_id.0,
            order_id: order_id.0,
            order_list_id: orders
                .get(account, order_id)
                .map_or(NO_LIST, |order| list_view::number(order.list_id)),
            price: Decimal(trade.price),
            qty: Decimal(trade.qty),
            quote_qty: Decimal(Money::of(trade.price, trade.qty)),
            commission: Decimal(fee),
            commission_asset: if is_buyer { base.as_str() } else { quote.as_str() },
            time: trade.time.0 / NANOS_PER_MILLI,
            is_buyer,
            is_maker,
            is_best_match: true,
        }
    }
}

/// Own trades, in the order given.
///
/// # Errors
/// [`ApiError::internal`] if they cannot be written.
pub(super) fn own_trades(
    orders: &Orders,
    spec: &InstrumentSpec,
    codes: (AssetCode, AssetCode),
    sides: &[OwnSide<'_>],
) -> Result<String, ApiError> {
    write(&sides.iter().map(|side| side.answer(orders, spec, &codes)).collect::<Vec<_>>())
}

/// What an account has. `can_trade` is the permission of the key that asks.
pub fn account(
    models: &Models,
    account: AccountId,
    can_trade: bool,
    omit_zero: bool,
    now_ms: u64,
) -> Value {
    let balances: Vec<Value> = models
        .balances(account)
        .into_iter()
        .filter(|held| !omit_zero || held.free != Money::ZERO || held.reserved != Money::ZERO)
        .filter_map(|held| {
            let asset = models.instruments().asset(held.asset)?;
            Some(json!({
                "asset": asset.as_str(),
                "free": format!("{:.8}", held.free),
                "locked": format!("{:.8}", held.reserved),
            }))
        })
        .collect();
    json!({
        // The fees of each symbol are its own: `myTrades` shows what was paid.
        "makerCommission": 0,
        "takerCommission": 0,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "canTrade": can_trade,
        "canWithdraw": false,
        "canDeposit": false,
        "brokered": false,
        "requireSelfTradePrevention": false,
        "preventSor": false,
        "updateTime": now_ms,
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": account.0,
    })
}

/// The best bid and ask of a symbol; a side that is empty shows zeros.
pub fn book_ticker(spec: &InstrumentSpec, book: &Book) -> Value {
    let (bid, ask) = best(book);
    json!({
        "symbol": spec.symbol.as_str(),
        "bidPrice": format!("{:.8}", bid.0),
        "bidQty": format!("{:.8}", bid.1),
        "askPrice": format!("{:.8}", ask.0),
        "askQty": format!("{:.8}", ask.1),
    })
}

/// The last price of a symbol; zero before the first trade.
pub fn price_ticker(spec: &InstrumentSpec, last: Option<Price>) -> Value {
    json!({
        "symbol": spec.symbol.as_str(),
        "price": format!("{:.8}", last.unwrap_or_default()),
    })
}
