//! `ExecutionReport` (8) and `OrderCancelReject` (9).

use std::borrow::Cow;

use tiercel_types::{
    AccountId, ClientOrderId, EventHeader, ListId, Money, OrderId, OrderKind, Peg, Price, Qty,
    SelfTradePrevention, Side, Symbol, TimeInForce, Timestamp, TradeId, Trigger,
};
use tiercel_wire::fix::code::{exec, status};
use tiercel_wire::fix::{Encoder, code, tag};

use super::Outgoing;
use super::order::Draft;
use super::refusal::Refused;
use super::words;
use crate::models::{Models, OrderStage, OrderView};
use crate::reporting::ReportedFill;

/// What stands in `OrderID` of an order that there is not.
const NO_ORDER: &[u8] = b"NONE";
/// `ExecRestatementReason`: by the market's own rules.
pub(super) const MARKET_OPTION: u64 = 8;
/// `ExecRestatementReason`: a part of the quantity is declined.
pub(super) const PARTIAL_DECLINE: u64 = 5;

/// An `ExecutionReport`, field by field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// `ExecID` (17).
    pub exec_id: Cow<'static, str>,
    /// `ExecRefID` (19): the trade's report that this one undoes or corrects.
    pub exec_ref_id: Option<Cow<'static, str>>,
    /// `ExecType` (150).
    pub exec_type: u8,
    /// `OrdStatus` (39).
    pub status: u8,
    /// `ClOrdID` (11).
    pub name: ClientOrderId,
    /// `OrigClOrdID` (41), where the request had a name of its own.
    pub former_name: Option<ClientOrderId>,
    /// The fill, of a trade.
    pub fill: Option<ReportedFill>,
    /// `OrdRejReason` (103) and `Text` (58).
    pub refused: Option<Refused>,
    /// `ExecRestatementReason` (378).
    pub restated: Option<u64>,
    /// `ListID` (66), of an order of a list.
    pub list_name: Option<ClientOrderId>,
    /// `TransactTime` (60).
    pub time: Timestamp,
    pub(super) order_id: OrderId,
    pub(super) account: AccountId,
    pub(super) symbol: Symbol,
    pub(super) side: Side,
    pub(super) kind: OrderKind,
    pub(super) trigger: Trigger,
    pub(super) time_in_force: TimeInForce,
    pub(super) self_trade_prevention: SelfTradePrevention,
    pub(super) peg: Peg,
    pub(super) all_or_none: bool,
    pub(super) hidden: bool,
    pub(super) price: Price,
    pub(super) trigger_price: Price,
    pub(super) order_qty: Qty,
    pub(super) quote_qty: Qty,
    pub(super) display_qty: Qty,
    pub(super) leaves_qty: Qty,
    pub(super) executed_qty: Qty,
    pub(super) executed_quote: Money,
    pub(super) expire_time: Timestamp,
    pub(super) list_id: ListId,
}

/// The id of one side's report of a trade.
pub(super) fn trade_exec_id(symbol: Symbol, trade_id: TradeId, side: Side) -> Cow<'static, str> {
    format!("{symbol}-{trade_id}-{}", side_letter(side)).into()
}

pub(super) const fn side_letter(side: Side) -> char {
    match side {
        Side::Buy => 'B',
        Side::Sell => 'S',
    }
}

/// The id of what happened by an event.
pub(super) fn exec_id(header: &EventHeader) -> Cow<'static, str> {
    format!("{}-{}", header.sequence, header.index).into()
}

impl Report {
    /// Of an order as it stands.
    pub fn of(
        models: &Models,
        order: &OrderView,
        (exec_type, exec_id): (u8, Cow<'static, str>),
        time: Timestamp,
    ) -> Self {
        let symbol = models.instruments().get(order.instrument).map(|spec| spec.symbol);
        let list = models.orders().list(order.account, order.list_id);
        let live = order.stage.is_live();
        let leaves_qty = if live { order.open_qty } else { Qty::ZERO };
        let given = order.qty.units().saturating_sub(order.prevented_qty.units());
        // Of an order by amount the quantity is what it has come to.
        let order_qty =
            if order.is_by_amount() { order.executed_qty } else { Qty::from_units(given) };
        // Amended to no more than was filled: the fills are its quantity.
        let amended_away =
            order.stage == OrderStage::Ended && words::order_status(order) == status::FILLED;
        Self {
            exec_id,
            exec_ref_id: None,
            exec_type,
            status: words::order_status(order),
            name: order.client_order_id,
            former_name: None,
            fill: None,
            refused: None,
            restated: None,
            list_name: list.map(|list| list.list_client_order_id),
            time,
            order_id: order.order_id,
            account: order.account,
            symbol: symbol.unwrap_or_default(),
            side: order.side,
            kind: order.kind,
            trigger: order.trigger,
            time_in_force: order.time_in_force,
            self_trade_prevention: order.self_trade_prevention,
            peg: order.peg,
            all_or_none: order.all_or_none == 1,
            hidden: order.hidden == 1,
            price: order.price,
            trigger_price: order.trigger_price,
            order_qty: if amended_away { order.executed_qty } else { order_qty },
            quote_qty: order.quote_qty,
            display_qty: order.display_qty,
            leaves_qty,
            executed_qty: order.executed_qty,
            executed_quote: order.executed_quote,
            expire_time: order.expire_time,
            list_id: order.list_id,
        }
    }

    /// Of an order that was not taken, or is on its way.
    pub(super) fn of_draft(
        draft: &Draft,
        (exec_type, status): (u8, u8),
        exec_id: Cow<'static, str>,
        time: Timestamp,
    ) -> Self {
        let Draft { symbol, order, terms } = draft;
        Self {
            exec_id,
            exec_ref_id: None,
            exec_type,
            status,
            name: order.client_order_id,
            former_name: None,
            fill: None,
            refused: None,
            restated: None,
            list_name: None,
            time,
            order_id: OrderId::NONE,
            account: order.account,
            symbol: *symbol,
            side: order.side,
            kind: order.kind,
            trigger: terms.trigger,
            time_in_force: order.time_in_force,
            self_trade_prevention: order.self_trade_prevention,
            peg: terms.peg,
            all_or_none: terms.all_or_none == 1,
            hidden: terms.hidden == 1,
            price: order.price,
            trigger_price: terms.trigger_price,
            order_qty: order.qty,
            quote_qty: order.quote_qty,
            display_qty: order.display_qty,
            leaves_qty: if status == status::REJECTED { Qty::ZERO } else { order.qty },
            executed_qty: Qty::ZERO,
            executed_quote: Money::ZERO,
            expire_time: order.expire_time,
            list_id: ListId(0),
        }
    }

    /// Of an order that was not taken.
    pub(super) fn rejected(
        draft: &Draft,
        refused: Refused,
        exec_id: Cow<'static, str>,
        time: Timestamp,
    ) -> Self {
        let types = (exec::REJECTED, status::REJECTED);
        Self { refused: Some(refused), ..Self::of_draft(draft, types, exec_id, time) }
    }

    /// The message.
    pub fn outgoing(self) -> Outgoing {
        Outgoing::new(b"8", move |encoder| self.write(encoder))
    }

    /// Its fields, in the order of their tags.
    fn write(&self, encoder: &mut Encoder) {
        encoder.unsigned(tag::ACCOUNT, self.account.0.into());
        encoder.price(tag::AVG_PX, self.average());
        encoder.text(tag::CL_ORD_ID, name(&self.name));
        if let Some(fill) = &self.fill {
            encoder.text(tag::COMMISSION, fill.fee.to_string().as_bytes());
            encoder.character(tag::COMM_TYPE, b'3');
        }
        encoder.qty(tag::CUM_QTY, self.executed_qty);
        encoder.text(tag::EXEC_ID, self.exec_id.as_bytes());
        self.write_instructions(encoder);
        if let Some(id) = &self.exec_ref_id {
            encoder.text(tag::EXEC_REF_ID, id.as_bytes());
        }
        if let Some(fill) = &self.fill {
            encoder.price(tag::LAST_PX, fill.price);
            encoder.qty(tag::LAST_QTY, fill.qty);
        }
        write_order_id(encoder, self.order_id);
        encoder.qty(tag::ORDER_QTY, self.order_qty);
        encoder.character(tag::ORD_STATUS, self.status);
        encoder.character(tag::ORD_TYPE, self.order_type());
        if let Some(former) = &self.former_name {
            encoder.text(tag::ORIG_CL_ORD_ID, name(former));
        }
        if !self.price.is_zero() {
            encoder.price(tag::PRICE, self.price);
        }
        encoder.character(tag::SIDE, code::side(self.side));
        encoder.text(tag::SYMBOL, symbol(&self.symbol));
        if let Some(refused) = &self.refused {
            encoder.text(tag::TEXT, refused.text.as_bytes());
        }
        encoder.character(tag::TIME_IN_FORCE, code::time_in_force(self.time_in_force));
        write_time(encoder, tag::TRANSACT_TIME, self.time);
        self.write_list(encoder);
        if !self.trigger_price.is_zero() {
            encoder.price(tag::STOP_PX, self.trigger_price);
        }
        if let Some(refused) = self.refused.as_ref().filter(|_| self.is_refusal()) {
            encoder.unsigned(tag::ORD_REJ_REASON, refused.order_reason);
        }
        self.write_rest(encoder);
    }

    fn write_rest(&self, encoder: &mut Encoder) {
        if self.hidden || !self.display_qty.is_zero() {
            encoder.qty(tag::MAX_FLOOR, self.display_qty);
        }
        if self.expire_time.0 > 0 {
            write_time(encoder, tag::EXPIRE_TIME, self.expire_time);
        }
        encoder.character(tag::EXEC_TYPE, self.exec_type);
        encoder.qty(tag::LEAVES_QTY, self.leaves_qty);
        if !self.quote_qty.is_zero() {
            encoder.qty(tag::CASH_ORDER_QTY, self.quote_qty);
        }
        if let Some(reason) = self.restated {
            encoder.unsigned(tag::EXEC_RESTATEMENT_REASON, reason);
        }
        if let Some(fill) = &self.fill {
            encoder.text(tag::COMM_CURRENCY, fill.fee_asset.as_bytes());
            encoder.unsigned(tag::SECONDARY_EXEC_ID, fill.trade_id.0);
            encoder.unsigned(tag::LAST_LIQUIDITY_IND, if fill.is_maker { 1 } else { 2 });
        }
        let mode = code::self_trade_prevention(self.self_trade_prevention);
        encoder.character(tag::SELF_TRADE_PREVENTION, mode);
    }

    fn is_refusal(&self) -> bool {
        self.status == status::REJECTED
    }

    const fn order_type(&self) -> u8 {
        match self.peg {
            Peg::None => code::order_type(self.kind, self.trigger),
            _ => b'P',
        }
    }

    fn write_instructions(&self, encoder: &mut Encoder) {
        let peg: &[u8] = match self.peg {
            Peg::None => b"",
            Peg::Primary => b"R",
            Peg::Midpoint => b"M",
            Peg::Market => b"P",
        };
        let post_only: &[u8] = if self.kind == OrderKind::PostOnly { b"6" } else { b"" };
        let whole: &[u8] = if self.all_or_none { b"G" } else { b"" };
        let given: Vec<&[u8]> =
            [peg, post_only, whole].into_iter().filter(|one| !one.is_empty()).collect();
        if !given.is_empty() {
            encoder.text(tag::EXEC_INST, &given.join(&b' '));
        }
    }

    fn write_list(&self, encoder: &mut Encoder) {
        match &self.list_name {
            Some(list) if !list.is_empty() => encoder.text(tag::LIST_ID, list.as_bytes()),
            _ if self.list_id.0 > 0 => encoder.unsigned(tag::LIST_ID, self.list_id.0),
            _ => {}
        }
    }

    /// What it traded at on average, cut to eight places.
    fn average(&self) -> Price {
        let qty = i128::from(self.executed_qty.units());
        let average = self.executed_quote.units().checked_div(qty).unwrap_or(0);
        Price::from_units(i64::try_from(average).unwrap_or(0))
    }
}

/// A name that has to be there: an order of another interface may have none.
fn name(name: &ClientOrderId) -> &[u8] {
    if name.is_empty() { NO_ORDER } else { name.as_bytes() }
}

/// A symbol that has to be there.
fn symbol(symbol: &Symbol) -> &[u8] {
    if symbol.is_empty() { b"[N/A]" } else { symbol.as_bytes() }
}

pub(super) fn write_order_id(encoder: &mut Encoder, order_id: OrderId) {
    if order_id.is_none() {
        encoder.text(tag::ORDER_ID, NO_ORDER);
    } else {
        encoder.unsigned(tag::ORDER_ID, order_id.0);
    }
}

pub(super) fn write_time(encoder: &mut Encoder, tag: tag::Tag, time: Timestamp) {
    encoder.time(tag, time);
}

/// An `OrderCancelReject`: of a cancel, or of a replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CancelReject {
    pub(super) order_id: OrderId,
    /// The request's own name, and the one that it named.
    pub(super) name: ClientOrderId,
    pub(super) former_name: ClientOrderId,
    /// Where the order stands; rejected if there is none.
    pub(super) status: u8,
    pub(super) is_replace: bool,
    pub(super) refused: Refused,
    pub(super) account: AccountId,
    pub(super) time: Timestamp,
}

impl CancelReject {
    pub(super) fn outgoing(self) -> Outgoing {
        Outgoing::new(b"9", move |encoder| {
            encoder.unsigned(tag::ACCOUNT, self.account.0.into());
            encoder.text(tag::CL_ORD_ID, name(&self.name));
            write_order_id(encoder, self.order_id);
            encoder.character(tag::ORD_STATUS, self.status);
            encoder.text(tag::ORIG_CL_ORD_ID, name(&self.former_name));
            encoder.text(tag::TEXT, self.refused.text.as_bytes());
            write_time(encoder, tag::TRANSACT_TIME, self.time);
            encoder.unsigned(tag::CXL_REJ_REASON, self.refused.cancel_reason);
            encoder.character(tag::CXL_REJ_RESPONSE_TO, if self.is_replace { b'2' } else { b'1' });
        })
    }
}
