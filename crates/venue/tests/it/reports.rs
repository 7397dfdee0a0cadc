//! What an account's execution reports have to be, made from the engine's events alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tiercel_types::event::{OrderAccepted, OrderEnded, SelfTradePrevented, Trade};
use tiercel_types::{
    AccountId, ClientOrderId, EndReason, Event, EventHeader, Money, OrderId, Price, Qty,
    SelfTradePrevention, Side,
};

/// The fields that are compared, in their order: which event, what, where the order stands; the order;
/// what is filled of it; the fill.
pub(super) const FIELDS: [&str; 17] =
    ["I", "x", "X", "i", "S", "c", "C", "q", "z", "Z", "l", "L", "n", "N", "t", "m", "T"];

/// An order as the events make it.
#[derive(Clone)]
struct Order {
    account: AccountId,
    side: Side,
    name: ClientOrderId,
    qty: Qty,
    executed: Qty,
    executed_quote: i128,
    prevented: Qty,
    by_amount: bool,
    /// The command that it was accepted by: what else that says of it is told with its acceptance.
    accepted: u64,
}

/// A fill, as one of its sides sees it.
struct Fill<'t> {
    trade: &'t Trade,
    fee: Money,
    is_maker: bool,
}

/// What the accounts have to be told, in the order of the events.
#[derive(Default)]
pub(super) struct Judge {
    orders: BTreeMap<OrderId, Order>,
    told: BTreeMap<AccountId, Vec<Value>>,
}

fn text(value: impl std::fmt::Display) -> String {
    format!("{value:.8}")
}

fn sum(one: Qty, other: Qty) -> Qty {
    Qty::from_units(one.units() + other.units())
}

/// Execution type and status of an end.
fn end(reason: EndReason, filled: bool) -> (&'static str, &'static str) {
    match reason {
        EndReason::Cancelled
        | EndReason::MassCancelled
        | EndReason::Replaced
        | EndReason::KillSwitch => ("CANCELED", "CANCELED"),
        EndReason::SelfTrade => ("TRADE_PREVENTION", "EXPIRED_IN_MATCH"),
        EndReason::Rejected => ("REJECTED", "REJECTED"),
        EndReason::QuoteSpent if filled => ("EXPIRED", "FILLED"),
        EndReason::AmendedToFilled if filled => ("REPLACED", "FILLED"),
        EndReason::Expired
        | EndReason::ImmediateOrCancel
        | EndReason::FillOrKill
        | EndReason::NoLiquidity
        | EndReason::QuoteSpent => ("EXPIRED", "EXPIRED"),
        other => panic!("{other:?} is not of this session"),
    }
}

impl Judge {
    /// What an account has to be told.
    pub(super) fn of(&self, account: AccountId) -> &[Value] {
        self.told.get(&account).map_or(&[], Vec::as_slice)
    }

    /// The sequence of the command that entered an order.
    pub(super) fn accepted(&self, order_id: OrderId) -> u64 {
        self.orders[&order_id].accepted
    }

    pub(super) fn apply(&mut self, header: &EventHeader, event: &Event) {
        match event {
            Event::OrderAccepted(accepted) => self.enter(header, accepted),
            Event::OrderTriggered(triggered)
                if self.orders[&triggered.order_id].accepted != header.sequence =>
            {
                self.report(header, triggered.order_id, "NEW", None, None);
            }
            Event::Trade(trade) => self.traded(header, trade),
            Event::OrderAmended(amended) => {
                let order = self.orders.get_mut(&amended.order_id).unwrap();
                let former = std::mem::replace(&mut order.name, amended.client_order_id);
                order.qty = sum(sum(order.executed, order.prevented), amended.open_qty);
                self.report(header, amended.order_id, "REPLACED", Some(former), None);
            }
            Event::SelfTradePrevented(prevented) => self.prevented(header, prevented),
            Event::OrderEnded(ended) => self.ended(header, ended),
            _ => {}
        }
    }

    fn enter(&mut self, header: &EventHeader, accepted: &OrderAccepted) {
        let order = Order {
            account: header.account,
            side: accepted.side,
            name: accepted.client_order_id,
            qty: accepted.qty,
            executed: Qty::ZERO,
            executed_quote: 0,
            prevented: Qty::ZERO,
            by_amount: !accepted.quote_qty.is_zero(),
            accepted: header.sequence,
        };
        self.orders.insert(accepted.order_id, order);
        self.report(header, accepted.order_id, "NEW", None, None);
    }

    fn traded(&mut self, header: &EventHeader, trade: &Trade) {
        for (order_id, fee, is_maker) in [
            (trade.taker_order_id, trade.taker_fee, false),
            (trade.maker_order_id, trade.maker_fee, true),
        ] {
            let order = self.orders.get_mut(&order_id).unwrap();
            order.executed = sum(order.executed, trade.qty);
            order.executed_quote += Money::of(trade.price, trade.qty).units();
            let fill = Fill { trade, fee, is_maker };
            self.report(header, order_id, "TRADE", None, Some(&fill));
        }
    }

    /// Of two orders that shrink each that lives on is told; one that ends is told with its end.
    fn prevented(&mut self, header: &EventHeader, event: &SelfTradePrevented) {
        if event.action != SelfTradePrevention::Decrement {
            return;
        }
        for (order_id, open) in [
            (event.taker_order_id, event.taker_open_qty),
            (event.maker_order_id, event.maker_open_qty),
        ] {
            let order = self.orders.get_mut(&order_id).unwrap();
            order.prevented = sum(order.prevented, event.qty);
            if !open.is_zero() {
                self.report(header, order_id, "TRADE_PREVENTION", None, None);
            }
        }
    }

    fn ended(&mut self, header: &EventHeader, ended: &OrderEnded) {
        let order = &self.orders[&ended.order_id];
        let told = self.told.get_mut(&order.account).unwrap();
        let last = told.last_mut().unwrap();
        let of_last = last[0].as_u64().unwrap();
        // What was spent with the fill just before: that fill is told as the last.
        if ended.reason == EndReason::QuoteSpent
            && last[1] == "TRADE"
            && last[3] == ended.order_id.0
            && of_last + 1 == execution_id(header)
        {
            last[2] = json!("FILLED");
            return;
        }
        let (kind, status) = end(ended.reason, !order.executed.is_zero());
        let former = Some(order.name).filter(|_| kind == "CANCELED");
        self.report(header, ended.order_id, kind, former, None);
        let order = &self.orders[&ended.order_id];
        self.told.get_mut(&order.account).unwrap().last_mut().unwrap()[2] = json!(status);
    }

    fn report(
        &mut self,
        header: &EventHeader,
        order_id: OrderId,
        kind: &str,
        former: Option<ClientOrderId>,
        fill: Option<&Fill<'_>>,
    ) {
        let order = &self.orders[&order_id];
        // What is left of it, if nothing ended it.
        let open = order.qty.units().wrapping_sub(order.executed.units());
        let status = if !order.by_amount && open == order.prevented.units() && kind == "TRADE" {
            "FILLED"
        } else if order.executed.is_zero() {
            "NEW"
        } else {
            "PARTIALLY_FILLED"
        };
        let side = if order.side == Side::Buy { "BUY" } else { "SELL" };
        let qty = if order.by_amount { order.executed } else { order.qty };
        let trade = fill.map(|fill| fill.trade);
        let received = if order.side == Side::Buy { "BTC" } else { "USDT" };
        let report = json!([
            execution_id(header),
            kind,
            status,
            order_id.0,
            side,
            order.name.as_str(),
            former.as_ref().map_or("", ClientOrderId::as_str),
            text(qty),
            text(order.executed),
            text(Money::from_units(order.executed_quote)),
            text(trade.map_or(Qty::ZERO, |trade| trade.qty)),
            text(trade.map_or(Price::ZERO, |trade| trade.price)),
            text(fill.map_or(Money::ZERO, |fill| fill.fee)),
            fill.map(|_| received),
            trade.map_or(json!(-1), |trade| json!(trade.trade_id.0)),
            fill.is_some_and(|fill| fill.is_maker),
            header.time_ns / 1_000_000,
        ]);
        self.told.entry(order.account).or_default().push(report);
    }
}

/// An event's place: the command's sequence, and the place in it.
fn execution_id(header: &EventHeader) -> u64 {
    header.sequence << 20 | u64::from(header.index)
}
