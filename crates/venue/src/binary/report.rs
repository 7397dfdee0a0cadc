//! What happened, told to whom it concerns: answers from durable events.
//!
//! | event | answer | to |
//! |---|---|---|
//! | an order was taken | `accepted`; `replaced` if it takes another's place | its session |
//! | denied | `rejected`, once for a request | who asked |
//! | a trade | `executed`, for each side | its session |
//! | ended: by somebody; by its own terms | `cancelled`; `expired` | its session |
//! | amended | `amended` | its session |
//! | rests, waits, is triggered | `rested`, `waiting`, `triggered` | its session |
//! | a self-trade was prevented | `prevented`, for each side | its session |
//! | a trade was undone or corrected | `trade_changed` | whose trade it was |
//! | a list was taken, a mass cancel is done, a countdown is set, an order's status | their own | who asked |
//!
//! A request about an order that another session of the account entered is answered with the same record
//! to who asked: the order's session is told too, without the request's number.

use tiercel_types::event::{
    Denied, ListAccepted, OrderAccepted, OrderAmended, OrderEnded, OrderRested, OrderStatus,
    OrderTriggered, OrderWaiting, SelfTradePrevented, Trade,
};
use tiercel_types::instrument::InstrumentSpec;
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, EndReason, Event, EventHeader, InstrumentId, Money, OrderId,
    Qty, Side, Timestamp, TradeId,
};
use tiercel_wire::binary as wire;
use tiercel_wire::binary::{Body, BodyRecord, Flag, Kind};

use super::desk::{Asked, answer_id, field_of};
use super::lines::LineId;
use super::orders::{Owned, OwnedOrders, TradeOwners};
use crate::models::Models;
use crate::reporting;

/// Where answers go.
pub trait Answers {
    /// Whose an order is that an account entered through one of its sessions.
    fn line_of(&self, account: AccountId, session: u32) -> Option<LineId>;

    /// A record, to one session.
    fn tell<B: BodyRecord>(&mut self, line: LineId, instrument: InstrumentId, flags: u8, body: &B);

    /// A record and those that belong to it.
    fn tell_group(&mut self, line: LineId, instrument: InstrumentId, flags: u8, bodies: &[Body]);
}

/// What has to be known to tell events, beside the events.
#[derive(Debug, Default)]
pub struct Reports {
    /// The sessions' live orders.
    pub orders: OwnedOrders,
    trades: TradeOwners,
    /// By instrument: base and quote, in which fees are paid.
    assets: Vec<(AssetId, AssetId)>,
    /// The order that the present command's new one takes the place of.
    replaced: Option<OrderId>,
    /// A market order by amount of the present command: it does not outlive it.
    by_amount: Option<OrderId>,
    /// The request that was refused last: one refusal is enough.
    refused: Option<Asked>,
}

/// What an event is told with.
#[derive(Clone, Copy)]
struct Told<'e> {
    header: &'e EventHeader,
    asked: Option<Asked>,
}

impl Told<'_> {
    const fn time(&self) -> Timestamp {
        Timestamp(self.header.time_ns)
    }

    /// The request's number, if it was this session's and one of those.
    fn request(&self, line: LineId, is_one: impl Fn(Kind) -> bool) -> u64 {
        match self.asked {
            Some(asked) if asked.line == line && is_one(asked.kind) => asked.number,
            _ => 0,
        }
    }

    /// Who asked for this, if the order is not that session's own.
    fn other(&self, owner: Option<Owned>, is_one: impl Fn(Kind) -> bool) -> Option<Asked> {
        self.asked.filter(|asked| {
            is_one(asked.kind) && owner.is_none_or(|owner| owner.line != asked.line)
        })
    }
}

/// A record and an extension that it may have.
fn tell_with<B: BodyRecord + Into<Body>>(
    answers: &mut impl Answers,
    (line, instrument, flags): (LineId, InstrumentId, u8),
    body: B,
    extension: Option<Body>,
) {
    match extension {
        None => answers.tell(line, instrument, flags, &body),
        Some(extension) => answers.tell_group(line, instrument, flags, &[body.into(), extension]),
    }
}

impl Reports {
    /// What the models know of instruments, live orders and trades.
    pub fn new(models: &Models, line_of: impl Fn(AccountId, u32) -> Option<LineId>) -> Self {
        let mut reports = Self::default();
        for spec in models.instruments().iter() {
            reports.know(spec);
        }
        let line = |account, order_id| {
            let order = models.orders().get(account, order_id)?;
            line_of(account, order.session).map(|line| (line, order.sequence))
        };
        for account in models.accounts().iter().map(|view| view.account) {
            for order in models.orders().live(account) {
                if let Some((line, entered_by)) = line(account, order.order_id) {
                    let by_amount = order.is_by_amount();
                    reports.orders.add(order.order_id, Owned { line, by_amount, entered_by });
                }
            }
        }
        for spec in models.instruments().iter() {
            for trade in models.trades().of(spec.instrument) {
                let taker = line(trade.taker_account, trade.taker_order_id).map(|(line, _)| line);
                let maker = line(trade.maker_account, trade.maker_order_id).map(|(line, _)| line);
                reports.note(spec.instrument, trade.trade_id, [taker, maker]);
            }
        }
        reports
    }

    fn know(&mut self, spec: &InstrumentSpec) {
        let at = spec.instrument.0 as usize;
        if at >= self.assets.len() {
            self.assets.resize(at + 1, (AssetId(0), AssetId(0)));
        }
        self.assets[at] = (spec.asset_given(Side::Sell), spec.asset_given(Side::Buy));
    }

    /// Tells an event. `asked` is the request of this gateway's that made it happen.
    #[inline]
    pub fn deliver(
        &mut self,
        header: &EventHeader,
        event: &Event,
        asked: Option<Asked>,
        answers: &mut impl Answers,
    ) {
        let told = Told { header, asked };
        match event {
            Event::OrderAccepted(event) => self.accepted(told, event, answers),
            Event::OrderEnded(event) => self.ended(told, event, answers),
            Event::OrderAmended(event) => self.amended(told, event, answers),
            Event::Trade(event) => self.traded(told, event, answers),
            Event::OrderRested(event) => self.rested(told, event, answers),
            Event::Denied(event) => self.denied(told, event, answers),
            other => self.rarer(told, other, answers),
        }
        if header.is_last() {
            self.replaced = None;
            if let Some(order_id) = self.by_amount.take() {
                self.orders.remove(order_id);
            }
        }
    }

    #[inline]
    fn accepted(&mut self, told: Told<'_>, event: &OrderAccepted, answers: &mut impl Answers) {
        let Told { header, asked } = told;
        // Nearly always who asked.
        if event.session == 0 {
            return;
        }
        let Some(line) = answers.line_of(header.account, event.session) else { return };
        let order_id = event.order_id;
        let by_amount = !event.quote_qty.is_zero();
        if by_amount {
            self.by_amount = Some(order_id);
        }
        self.orders.add(order_id, Owned { line, by_amount, entered_by: header.sequence });
        let flags = if event.resting == 1 { wire::RESTING } else { 0 };
        let (client_id, long) = answer_id(&event.client_order_id);
        let place = (line, header.instrument, flags);
        let long = long.map(Body::from);
        let time = told.time();
        let request = asked.filter(|asked| asked.line == line).map_or(0, |asked| asked.number);
        let replaces = asked.is_some_and(|asked| asked.kind == Kind::ReplaceOrder);
        if let Some(target_order_id) = self.replaced.take().filter(|_| replaces) {
            let body = wire::Replaced { client_id, order_id, target_order_id, time, request };
            tell_with(answers, place, body, long);
            return;
        }
        let OrderAccepted { side, kind, time_in_force, .. } = *event;
        let body = wire::Accepted {
            client_id,
            order_id,
            time,
            request,
            side,
            kind,
            time_in_force,
            reserved: [0; 5],
        };
        tell_with(answers, place, body, long);
    }

    #[inline]
    fn ended(&mut self, told: Told<'_>, event: &OrderEnded, answers: &mut impl Answers) {
        let owner = self.orders.remove(event.order_id);
        let instrument = told.header.instrument;
        if reporting::ended_by_terms(event.reason) {
            let Some(Owned { line, entered_by, .. }) = owner else { return };
            let on_entry = entered_by == told.header.sequence;
            let request = if on_entry { told.request(line, |_| true) } else { 0 };
            let body = wire::Expired {
                order_id: event.order_id,
                unfilled_qty: event.unfilled_qty,
                time: told.time(),
                request,
                reason: event.reason,
                side: event.side,
                reserved: [0; 14],
            };
            answers.tell(line, instrument, 0, &body);
            return;
        }
        let asks = |kind| match event.reason {
            EndReason::Cancelled => kind == Kind::CancelOrder,
            EndReason::MassCancelled => kind == Kind::MassCancel,
            EndReason::AmendedToFilled => kind == Kind::AmendOrder,
            EndReason::Replaced => kind == Kind::ReplaceOrder,
            _ => false,
        };
        let mut tell = |line, request| {
            let body = wire::Cancelled {
                order_id: event.order_id,
                unfilled_qty: event.unfilled_qty,
                time: told.time(),
                request,
                reason: event.reason,
                side: event.side,
                denial: event.denial,
                reserved: [0; 12],
            };
            answers.tell(line, instrument, 0, &body);
        };
        let is_replaced = event.reason == EndReason::Replaced;
        if is_replaced {
            self.replaced = Some(event.order_id);
        }
        if let Some(Owned { line, .. }) = owner {
            let request = told.request(line, asks);
            // Who replaced it is told with the new order.
            if !(is_replaced && request != 0) {
                tell(line, request);
            }
        }
        // Others' orders that a mass cancel takes are counted to who asked, and not named.
        let names_one = |kind| asks(kind) && kind != Kind::MassCancel && kind != Kind::ReplaceOrder;
        if let Some(asked) = told.other(owner, names_one) {
            tell(asked.line, asked.number);
        }
    }

    fn amended(&mut self, told: Told<'_>, event: &OrderAmended, answers: &mut impl Answers) {
        let owner = self.orders.get(event.order_id);
        let mut flags = if event.resting == 1 { wire::RESTING } else { 0 };
        if event.priority_kept == 1 {
            flags |= wire::PRIORITY_KEPT;
        }
        let asks = |kind| kind == Kind::AmendOrder;
        let mut tell = |line, request| {
            let body = wire::Amended {
                order_id: event.order_id,
                price: event.price,
                open_qty: event.open_qty,
                time: told.time(),
                request,
                side: event.side,
                reserved: [0; 7],
            };
            answers.tell(line, told.header.instrument, flags, &body);
        };
        if let Some(Owned { line, .. }) = owner {
            tell(line, told.request(line, asks));
        }
        if let Some(asked) = told.other(owner, asks) {
            tell(asked.line, asked.number);
        }
    }

    #[inline]
    fn traded(&mut self, told: Told<'_>, event: &Trade, answers: &mut impl Answers) {
        let instrument = told.header.instrument;
        let (base, quote) = self.assets.get(instrument.0 as usize).copied().unwrap_or_default();
        let received = |side| if side == Side::Buy { base } else { quote };
        let auction = if event.auction == 1 { wire::AUCTION } else { 0 };
        // In an auction nobody rested before the other.
        let maker = if event.auction == 1 { wire::AUCTION } else { wire::MAKER };
        let sides = [
            Fill {
                order_id: event.taker_order_id,
                open_qty: event.taker_open_qty,
                flags: auction,
                fee: event.taker_fee,
                asset: received(event.taker_side),
            },
            Fill {
                order_id: event.maker_order_id,
                open_qty: event.maker_open_qty,
                flags: maker,
                fee: event.maker_fee,
                asset: received(event.taker_side.opposite()),
            },
        ];
        let lines = sides.map(|fill| self.filled(told, event, fill, answers));
        self.note(instrument, event.trade_id, lines);
    }

    fn filled(
        &mut self,
        told: Told<'_>,
        event: &Trade,
        fill: Fill,
        answers: &mut impl Answers,
    ) -> Option<LineId> {
        let Fill { order_id, open_qty, flags, fee, asset } = fill;
        let Owned { line, by_amount, .. } = self.orders.get(order_id)?;
        if by_amount {
            self.by_amount = Some(order_id);
        } else if open_qty.is_zero() {
            self.orders.remove(order_id);
        }
        let body = wire::Executed {
            order_id,
            trade_id: event.trade_id,
            price: event.price,
            qty: event.qty,
            open_qty,
            time: told.time(),
        };
        let fee =
            (fee != Money::ZERO).then(|| Body::from(wire::Fee { fee, asset, reserved: [0; 28] }));
        tell_with(answers, (line, told.header.instrument, flags), body, fee);
        Some(line)
    }

    fn note(&mut self, instrument: InstrumentId, trade: TradeId, lines: [Option<LineId>; 2]) {
        if lines != [None; 2] {
            self.trades.add(instrument, trade, lines);
        }
    }

    fn rested(&mut self, told: Told<'_>, event: &OrderRested, answers: &mut impl Answers) {
        let Some(Owned { line, .. }) = self.orders.get(event.order_id) else { return };
        let OrderRested { order_id, price, open_qty, displayed_qty, side, .. } = *event;
        let time = told.time();
        let body =
            wire::Rested { order_id, price, open_qty, displayed_qty, time, side, reserved: [0; 7] };
        answers.tell(line, told.header.instrument, 0, &body);
    }

    fn denied(&mut self, told: Told<'_>, event: &Denied, answers: &mut impl Answers) {
        let Some(asked) = told.asked else { return };
        if self.refused.replace(asked) == Some(asked) {
            return;
        }
        let (record_kind, field) = field_of(asked.kind, event);
        let (client_id, long) = answer_id(&event.client_order_id);
        let body = wire::Rejected {
            client_id,
            order_id: event.order_id,
            time: told.time(),
            request: asked.number,
            reason: event.reason as u16,
            source: wire::RejectSource::Engine,
            record_kind,
            field,
            leg: event.leg,
            reserved: [0; 2],
        };
        let place = (asked.line, told.header.instrument, 0);
        tell_with(answers, place, body, long.map(Body::from));
    }

    /// What is not on the way of a plain order.
    #[inline(never)]
    fn rarer(&mut self, told: Told<'_>, event: &Event, answers: &mut impl Answers) {
        let instrument = told.header.instrument;
        let time = told.time();
        let asks = |wanted: Kind| told.asked.filter(|asked| asked.kind == wanted);
        match event {
            Event::OrderWaiting(event) => self.waiting(told, event, answers),
            Event::OrderTriggered(event) => self.triggered(told, event, answers),
            Event::SelfTradePrevented(event) => self.prevented(told, event, answers),
            Event::TradeBusted(event) => {
                let terms = (event.price, event.qty, wire::TradeChange::Busted);
                self.trade_changed(told, event.trade_id, terms, answers);
            }
            Event::TradeCorrected(event) => {
                let terms = (event.price, event.qty, wire::TradeChange::Corrected);
                self.trade_changed(told, event.trade_id, terms, answers);
            }
            Event::ListAccepted(event) => {
                if let Some(asked) = asks(Kind::NewOrderList) {
                    let body = list_accepted(event, time, asked.number);
                    answers.tell(asked.line, instrument, 0, &body);
                }
            }
            Event::OrderStatus(event) => {
                if let Some(asked) = asks(Kind::QueryOrder) {
                    status(told, event, asked, answers);
                }
            }
            Event::MassCancelDone(event) => {
                if let Some(asked) = asks(Kind::MassCancel) {
                    let (orders, request) = (event.orders, asked.number);
                    let body = wire::MassCancelDone { orders, time, request, reserved: [0; 24] };
                    answers.tell(asked.line, instrument, 0, &body);
                }
            }
            Event::CountdownSet(event) => {
                if let Some(asked) = asks(Kind::CountdownCancel) {
                    let (ends_at, request) = (event.at, asked.number);
                    let body = wire::CountdownSet { ends_at, time, request, reserved: [0; 24] };
                    answers.tell(asked.line, instrument, 0, &body);
                }
            }
            Event::InstrumentAdded(event) => self.know(&event.spec),
            Event::InstrumentUpdated(event) => self.know(&event.spec),
            _ => {}
        }
    }

    fn waiting(&self, told: Told<'_>, event: &OrderWaiting, answers: &mut impl Answers) {
        let Some(Owned { line, .. }) = self.orders.get(event.order_id) else { return };
        let OrderWaiting { order_id, list_id, trigger_price, trigger, state, side, .. } = *event;
        let body = wire::Waiting {
            order_id,
            list_id,
            trigger_price,
            time: told.time(),
            trigger,
            state,
            side,
            reserved: [0; 13],
        };
        answers.tell(line, told.header.instrument, 0, &body);
    }

    fn triggered(&mut self, told: Told<'_>, event: &OrderTriggered, answers: &mut impl Answers) {
        let Some(Owned { line, by_amount, .. }) = self.orders.get(event.order_id) else { return };
        if by_amount {
            self.by_amount = Some(event.order_id);
        }
        let OrderTriggered { order_id, list_id, price, qty, trigger, side, .. } = *event;
        let time = told.time();
        let body = wire::Triggered {
            order_id,
            list_id,
            price,
            qty,
            time,
            trigger,
            side,
            reserved: [0; 6],
        };
        answers.tell(line, told.header.instrument, 0, &body);
    }

    fn prevented(&self, told: Told<'_>, event: &SelfTradePrevented, answers: &mut impl Answers) {
        let (taker, maker) = (event.taker_order_id, event.maker_order_id);
        let sides = [
            (taker, maker, event.taker_open_qty, event.taker_side),
            (maker, taker, event.maker_open_qty, event.taker_side.opposite()),
        ];
        for (order_id, other_order_id, open_qty, side) in sides {
            let Some(Owned { line, .. }) = self.orders.get(order_id) else { continue };
            let body = wire::Prevented {
                order_id,
                other_order_id,
                qty: event.qty,
                open_qty,
                time: told.time(),
                action: event.action,
                side,
                reserved: [0; 6],
            };
            answers.tell(line, told.header.instrument, 0, &body);
        }
    }

    fn trade_changed(
        &self,
        told: Told<'_>,
        trade_id: TradeId,
        (price, qty, change): (tiercel_types::Price, Qty, wire::TradeChange),
        answers: &mut impl Answers,
    ) {
        let (instrument, time) = (told.header.instrument, told.time());
        for line in self.trades.of(instrument, trade_id) {
            let body = wire::TradeChanged { trade_id, price, qty, time, change, reserved: [0; 15] };
            answers.tell(line, instrument, 0, &body);
        }
    }
}

/// One side of a trade.
#[derive(Clone, Copy)]
struct Fill {
    order_id: OrderId,
    open_qty: Qty,
    flags: u8,
    fee: Money,
    asset: AssetId,
}

const fn list_accepted(event: &ListAccepted, time: Timestamp, request: u64) -> wire::ListAccepted {
    let [order_id_1, order_id_2, order_id_3] = event.order_ids;
    let list_id = event.list_id;
    wire::ListAccepted { list_id, order_id_1, order_id_2, order_id_3, time, request }
}

fn status(told: Told<'_>, event: &OrderStatus, asked: Asked, answers: &mut impl Answers) {
    let id: &ClientOrderId = &event.client_order_id;
    let (client_id, long) = answer_id(id);
    let flag = |set: u8| if set == 0 { Flag::No } else { Flag::Yes };
    let OrderStatus { order_id, price, qty, open_qty, .. } = *event;
    let status = wire::OrderStatus { client_id, order_id, price, qty, open_qty };
    let terms = wire::StatusTerms {
        request: asked.number,
        time: told.time(),
        displayed_qty: event.displayed_qty,
        display_qty: event.display_qty,
        expire_time: event.expire_time,
        side: event.side,
        kind: event.kind,
        time_in_force: event.time_in_force,
        self_trade_prevention: event.self_trade_prevention,
        peg: event.peg,
        all_or_none: flag(event.all_or_none),
        hidden: flag(event.hidden),
        reserved: [0; 1],
    };
    let instrument = told.header.instrument;
    match long {
        None => {
            answers.tell_group(asked.line, instrument, 0, &[status.into(), terms.into()]);
        }
        Some(long) => {
            let bodies = [status.into(), terms.into(), long.into()];
            answers.tell_group(asked.line, instrument, 0, &bodies);
        }
    }
}
