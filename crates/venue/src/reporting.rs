//! What the reports of every interface are made of: orders that were just taken, sides of trades.

use tiercel_types::event::Trade;
use tiercel_types::{
    AccountId, AssetCode, EndReason, Event, EventHeader, Money, OrderId, Price, Qty, TradeId,
};

use crate::models::{Models, OrderView};

/// A fill, as the one who has it sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportedFill {
    /// Which trade.
    pub trade_id: TradeId,
    /// At what price.
    pub price: Price,
    /// How much.
    pub qty: Qty,
    /// The fee; below zero: a rebate.
    pub fee: Money,
    /// In what the fee is paid.
    pub fee_asset: AssetCode,
    /// Whether the order rested.
    pub is_maker: bool,
}

/// The order that an event is about to change, as it is before `models` fold it.
pub(crate) fn order_before(
    models: &Models,
    header: &EventHeader,
    event: &Event,
) -> Option<OrderView> {
    let order_id = match event {
        Event::OrderAmended(amended) => amended.order_id,
        Event::OrderWaiting(waiting) => waiting.order_id,
        Event::OrderEnded(ended) => ended.order_id,
        _ => return None,
    };
    models.orders().get(header.account, order_id).copied()
}

/// Whether an order that ended so ended by its own terms, and not because somebody ended it.
pub(crate) const fn ended_by_terms(reason: EndReason) -> bool {
    match reason {
        EndReason::QuoteSpent
        | EndReason::ImmediateOrCancel
        | EndReason::FillOrKill
        | EndReason::NoLiquidity
        | EndReason::Expired
        | EndReason::DayEnded
        | EndReason::MinimumQty
        | EndReason::AuctionEnded
        | EndReason::PriceBand => true,
        EndReason::Cancelled
        | EndReason::MassCancelled
        | EndReason::Replaced
        | EndReason::KillSwitch
        | EndReason::Disconnected
        | EndReason::Countdown
        | EndReason::SelfTrade
        | EndReason::ListEnded
        | EndReason::AmendedToFilled
        | EndReason::Rejected => false,
    }
}

/// One side of a trade.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TradeSide {
    pub(crate) account: AccountId,
    pub(crate) order_id: OrderId,
    fee: Money,
    is_maker: bool,
}

/// Both sides of a trade, the taker's first.
pub(crate) const fn sides(header: &EventHeader, trade: &Trade) -> [TradeSide; 2] {
    [
        TradeSide {
            account: header.account,
            order_id: trade.taker_order_id,
            fee: trade.taker_fee,
            is_maker: false,
        },
        TradeSide {
            account: trade.maker_account,
            order_id: trade.maker_order_id,
            fee: trade.maker_fee,
            is_maker: true,
        },
    ]
}

impl TradeSide {
    /// What the trade is to `order`, which is this side's. `None` of an asset that nobody knows.
    pub(crate) fn fill(
        &self,
        models: &Models,
        trade: &Trade,
        order: &OrderView,
    ) -> Option<ReportedFill> {
        let Trade { trade_id, price, qty, .. } = *trade;
        let fee_asset = received(models, order)?;
        Some(ReportedFill {
            trade_id,
            price,
            qty,
            fee: self.fee,
            fee_asset,
            is_maker: self.is_maker,
        })
    }
}

/// The asset that an order gets, which its fees are paid in.
pub(crate) fn received(models: &Models, order: &OrderView) -> Option<AssetCode> {
    let spec = models.instruments().get(order.instrument)?;
    models.instruments().asset(spec.asset_given(order.side.opposite()))
}

/// Orders that were taken and not told yet: what follows says whether they wait.
#[derive(Debug, Default)]
pub(crate) struct JustTaken(Vec<(EventHeader, OrderView)>);

impl JustTaken {
    /// An order was taken.
    pub(crate) fn push(&mut self, header: EventHeader, order: OrderView) {
        self.0.push((header, order));
    }

    /// Whether an order is among them.
    pub(crate) fn holds(&self, order_id: OrderId) -> bool {
        self.0.iter().any(|(_, order)| order.order_id == order_id)
    }

    /// Whether the event says more of them, so that they are told later.
    pub(crate) fn completes(
        &mut self,
        models: &Models,
        header: &EventHeader,
        event: &Event,
    ) -> bool {
        let order_id = match event {
            Event::ListAccepted(_) | Event::OrderAccepted(_) => return true,
            Event::OrderWaiting(waiting) => waiting.order_id,
            Event::OrderRested(rested) => rested.order_id,
            Event::OrderTriggered(triggered) => triggered.order_id,
            _ => return false,
        };
        let known = models.orders().get(header.account, order_id);
        let taken = self.0.iter_mut().find(|(_, order)| order.order_id == order_id);
        let (Some((_, taken)), Some(known)) = (taken, known) else { return false };
        *taken = *known;
        true
    }

    /// Takes them out, to be told now.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (EventHeader, OrderView)> {
        self.0.drain(..)
    }
}
