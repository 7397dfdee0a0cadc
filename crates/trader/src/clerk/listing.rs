//! What a venue lists of an account: its open orders, what has traded of late, what it has.

use tiercel_execution::oms::RunId;
use tiercel_execution::order::{Input, Progress};
use tiercel_execution::venue::{OrderTerms, VenueReport};
use tiercel_types::{
    ClientOrderId, InstrumentId, Money, OrderId, OrderKind, Price, Qty, Side, TimeInForce, TradeId,
};
use tiercel_wire::binance::answer::OrderState;
use tiercel_wire::binance::order::{MyTrades, OrderName, Request};
use tiercel_wire::binance::{OrderStatus, OrderType};

use super::findings::{Traded, fills, traded_qty};
use super::{Listed, NO_SUCH_ORDER, TRADES_MAX, Work, find};
use crate::budget::Purpose;
use crate::rest::RestError;

/// Answers of so many trades that are looked at.
const PAGES_MAX: usize = 5;
/// Orders that have ended and are asked for because of a trade, at most.
const ENDED_MAX: usize = 128;

/// What is open of an instrument, and what of it has traded behind a trade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Of what.
    pub instrument: InstrumentId,
    /// Orders that are open, and those that have ended and have traded of late.
    pub orders: Vec<ListedOrder>,
    /// The account's newest trade.
    pub last_trade: Option<TradeId>,
    /// There were more trades than are looked at.
    pub is_cut: bool,
    /// The account's trades are numbered anew, below the one that was known: none was looked at.
    pub is_anew: bool,
}

/// An order that a venue lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedOrder {
    /// As it was entered, as far as the venue tells.
    pub terms: OrderTerms,
    /// Whether it waits for a trade, or belongs to a list.
    pub is_advanced: bool,
    /// The venue's number.
    pub order_id: OrderId,
    /// Whether it may still trade.
    pub is_open: bool,
    /// What has traded of it, and how it ended if it has.
    pub reports: Vec<VenueReport>,
}

/// Trades of the account.
struct Scan {
    trades: Vec<Traded>,
    last_trade: Option<TradeId>,
    is_cut: bool,
    is_anew: bool,
}

/// What an account has of an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The asset.
    pub asset: Box<str>,
    /// All of it, what orders hold included.
    pub total: Money,
}

/// An order of which the venue knows no more than that it has traded.
const fn forgotten(instrument: InstrumentId, order_id: OrderId) -> ListedOrder {
    let terms = OrderTerms {
        client_order_id: ClientOrderId::EMPTY,
        instrument,
        side: Side::Buy,
        kind: OrderKind::Limit,
        time_in_force: TimeInForce::Gtc,
        price: Price::ZERO,
        qty: Qty::ZERO,
    };
    ListedOrder { terms, is_advanced: false, order_id, is_open: false, reports: Vec::new() }
}

impl Work {
    /// What is open of an instrument, and what of it has traded since.
    pub(super) fn list(
        &mut self,
        instrument: InstrumentId,
        after: Option<TradeId>,
        run: RunId,
    ) -> Result<Box<Listing>, RestError> {
        let listed = find(&self.desk.listed, instrument).cloned().ok_or(RestError::NotThere)?;
        // Before the trades: what trades between the two questions is in both.
        let request = Request::OpenOrders { symbol: Some(&listed.symbol) };
        let answer = self.get(&request, Purpose::Question)?.done()?;
        let open = answer.body()?.open_orders()?.collect::<Result<Vec<_>, _>>()?;
        let Scan { trades, last_trade, mut is_cut, is_anew } = self.traded(&listed, after)?;
        let mut orders = Vec::new();
        for order in &open {
            self.do_what_is_urgent()?;
            orders.push(self.listed_order((&listed, run), order, &trades)?);
        }
        let mut ended: Vec<OrderId> = trades.iter().map(|trade| trade.order_id).collect();
        ended.sort_unstable();
        ended.dedup();
        ended.retain(|id| open.iter().all(|order| order.order_id != *id));
        is_cut |= ended.len() > ENDED_MAX;
        for order_id in ended.into_iter().take(ENDED_MAX) {
            self.do_what_is_urgent()?;
            let order = OrderName::Id(order_id);
            let request = Request::OrderStatus { symbol: &listed.symbol, order };
            let answer = self.get(&request, Purpose::Question)?;
            if answer.refusal()? == Some(NO_SUCH_ORDER) {
                orders.push(forgotten(instrument, order_id));
                continue;
            }
            let answer = answer.done()?;
            let order = answer.body()?.order()?;
            orders.push(self.listed_order((&listed, run), &order, &trades)?);
        }
        Ok(Box::new(Listing { instrument, orders, last_trade, is_cut, is_anew }))
    }

    /// What has traded behind a trade.
    fn traded(&mut self, listed: &Listed, after: Option<TradeId>) -> Result<Scan, RestError> {
        let mut scan = Scan { trades: Vec::new(), last_trade: None, is_cut: false, is_anew: false };
        let Some(after) = after else {
            // Where none is known the newest alone is looked at: the next start begins there.
            scan.last_trade = self.newest_trade(listed)?;
            return Ok(scan);
        };
        let mut last = after;
        for _ in 0..PAGES_MAX {
            self.do_what_is_urgent()?;
            let from_id = TradeId(last.0.saturating_add(1));
            let trades = self.trades(listed, Some(from_id), TRADES_MAX)?;
            last = trades.iter().map(|trade| trade.trade_id).fold(last, TradeId::max);
            scan.is_cut = trades.len() >= TRADES_MAX as usize;
            scan.trades.extend(trades);
            if !scan.is_cut {
                break;
            }
        }
        if scan.trades.is_empty() {
            // A venue may remember none of them any more.
            let newest = self.newest_trade(listed)?.unwrap_or(last);
            scan.is_anew = newest < last;
            last = newest;
        }
        scan.last_trade = Some(last);
        Ok(scan)
    }

    fn newest_trade(&mut self, listed: &Listed) -> Result<Option<TradeId>, RestError> {
        let trades = self.trades(listed, None, 1)?;
        Ok(trades.iter().map(|trade| trade.trade_id).max())
    }

    fn trades(
        &mut self,
        listed: &Listed,
        from_id: Option<TradeId>,
        limit: u32,
    ) -> Result<Vec<Traded>, RestError> {
        let request = Request::MyTrades(MyTrades {
            symbol: &listed.symbol,
            order_id: None,
            from_id,
            limit: Some(limit),
        });
        let answer = self.get(&request, Purpose::Question)?.done()?;
        answer.body()?.trades()?.map(|trade| Traded::of(listed, &trade?)).collect()
    }

    /// An order, with what has traded of it: asked for, if need be, only of the trader's own.
    fn listed_order(
        &mut self,
        (listed, run): (&Listed, RunId),
        order: &OrderState<'_>,
        trades: &[Traded],
    ) -> Result<ListedOrder, RestError> {
        let name = order.client_order_id;
        let of_order = |trade: &&Traded| trade.order_id == order.order_id;
        let known: Vec<Traded> = trades.iter().filter(of_order).copied().collect();
        // One of another name may be the trader's all the same: it is known by its number then.
        let mut reports = if traded_qty(&known) == order.executed_qty {
            fills(name, order, known)
        } else if run.own(&name).is_some() {
            self.fills(listed, name, order)?
        } else {
            Vec::new()
        };
        let executed = Progress::Executed(order.executed_qty);
        let end = match order.status {
            OrderStatus::Canceled => Some(Input::Cancelled(executed)),
            OrderStatus::Expired | OrderStatus::ExpiredInMatch => Some(Input::Expired(executed)),
            OrderStatus::Rejected => Some(Input::Rejected),
            // Its trades end it.
            OrderStatus::Filled
            | OrderStatus::New
            | OrderStatus::PendingNew
            | OrderStatus::PartiallyFilled
            | OrderStatus::PendingCancel => None,
        };
        let is_open = end.is_none() && order.status != OrderStatus::Filled;
        reports.extend(end.map(|end| VenueReport::new(name, order.order_id, end)));
        let terms = OrderTerms {
            client_order_id: name,
            instrument: listed.instrument,
            side: order.side,
            kind: match order.order_type {
                Some(OrderType::Market) => OrderKind::Market,
                Some(OrderType::LimitMaker) => OrderKind::PostOnly,
                _ => OrderKind::Limit,
            },
            // It is not changed, and nothing comes in its stead.
            time_in_force: TimeInForce::Gtc,
            price: order.price,
            qty: order.orig_qty,
        };
        let waits = order.stop_price.is_some_and(|price| !price.is_zero());
        let is_advanced = waits || order.list_id.is_some();
        Ok(ListedOrder { terms, is_advanced, order_id: order.order_id, is_open, reports })
    }

    /// What the account has.
    pub(super) fn balances(&mut self) -> Result<Vec<Balance>, RestError> {
        let request = Request::Account { omit_zero_balances: true };
        let answer = self.get(&request, Purpose::Question)?.done()?;
        let mut balances = Vec::new();
        for balance in answer.body()?.account()?.balances {
            let balance = balance?;
            let total = balance.free.units().checked_add(balance.locked.units());
            balances.push(Balance {
                asset: balance.asset.as_str().unwrap_or_default().into(),
                total: total.map(Money::from_units).ok_or(RestError::NotThere)?,
            });
        }
        Ok(balances)
    }
}
