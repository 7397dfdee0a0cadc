//! What happened to orders, told to their owners: `ExecutionReport` by event.
//!
//! | event | `ExecType` (150) |
//! |---|---|
//! | an order was taken | 0 New, once it is known what it waits for |
//! | a trade | F Trade, for each side |
//! | a trade undone, corrected | H Trade Cancel, G Trade Correct, for each side |
//! | an order that waited is entered | D Restated |
//! | amended by a replace of this session's; by another interface | 5 Replaced; D Restated |
//! | ended: cancelled by whomever; by its own terms; when it could not be entered | 4; C; 8 |
//! | self-trade prevention took something off it | D Restated |
//!
//! All of them are of durable events, in their order. A request that is on its way shows in
//! `OrdStatus` (39) of what happens meanwhile: pending cancel before pending replace before the rest.

use tiercel_types::event::{OrderEnded, SelfTradePrevented, Trade};
use tiercel_types::{
    AccountId, ClientOrderId, EndReason, Event, EventHeader, OrderId, SelfTradePrevention,
    Timestamp, TradeId,
};
use tiercel_wire::fix::code::{exec, status};

use super::desk::Asked;
use super::refusal::Refused;
use super::report::{MARKET_OPTION, PARTIAL_DECLINE, Report, exec_id, side_letter, trade_exec_id};
use super::words;
use crate::models::{Models, OrderStage, OrderView, TradeView};
use crate::reporting::{self, JustTaken, ReportedFill};

/// A report, whose it is, and of which order.
pub type Told = (AccountId, OrderId, Report);

/// What has to be kept between the events of a command.
#[derive(Debug, Default)]
pub struct Reports {
    /// The order that the present event is about, as it was.
    was: Option<OrderView>,
    taken: JustTaken,
    /// A fill of an order by amount: what follows says whether it was the last.
    held: Option<Told>,
}

impl Reports {
    /// To be called before `models` fold the event.
    pub fn before(&mut self, models: &Models, header: &EventHeader, event: &Event) {
        self.was = reporting::order_before(models, header, event);
    }

    /// To be called when `models` have folded the event: adds to `told` what those accounts are told
    /// of it that are `wanted`. `asked` is the request of this gateway's that made it happen.
    pub fn after(
        &mut self,
        models: &Models,
        (header, event): (&EventHeader, &Event),
        asked: Option<&Asked>,
        wanted: impl Fn(AccountId) -> bool,
        told: &mut Vec<Told>,
    ) {
        if self.tell_held(event, told) {
            return;
        }
        if !self.taken.completes(models, header, event) {
            self.tell_taken(models, told);
        }
        let from = told.len();
        let mut put = |order: &OrderView, report: Report| {
            told.push((order.account, order.order_id, report));
        };
        let mine = wanted(header.account);
        let known = |order_id| models.orders().get(header.account, order_id);
        match event {
            Event::Trade(trade) => traded(models, header, trade, &wanted, &mut put),
            Event::SelfTradePrevented(event) => {
                prevented(models, header, event, &wanted, &mut put);
            }
            Event::TradeBusted(busted) => {
                let what = (busted.trade_id, exec::TRADE_CANCEL);
                revised(models, header, what, &wanted, &mut put);
            }
            Event::TradeCorrected(corrected) => {
                let what = (corrected.trade_id, exec::TRADE_CORRECT);
                revised(models, header, what, &wanted, &mut put);
            }
            _ if !mine => {}
            Event::OrderAccepted(accepted) => {
                if let Some(order) = known(accepted.order_id) {
                    self.taken.push(*header, *order);
                }
            }
            Event::OrderTriggered(triggered) => {
                if let Some(order) = known(triggered.order_id)
                    && !self.taken.holds(triggered.order_id)
                {
                    put(order, restated(models, header, order, MARKET_OPTION));
                }
            }
            Event::OrderAmended(amended) => {
                let former = self.was.map(|was| was.client_order_id);
                if let Some(order) = known(amended.order_id) {
                    put(order, self::amended(models, header, order, former, asked));
                }
            }
            Event::OrderEnded(event) => {
                if let Some(order) = known(event.order_id) {
                    put(order, ended(models, header, order, event, asked));
                }
            }
            _ => {}
        }
        self.was = None;
        if header.is_last() {
            self.tell_taken(models, told);
        } else if let Event::Trade(trade) = event {
            let is_by_amount = |(_, order_id, report): &Told| {
                *order_id == trade.taker_order_id && !report.quote_qty.is_zero()
            };
            let found = told[from..].iter().position(is_by_amount);
            self.held = found.map(|at| told.remove(from + at));
        }
    }

    /// Tells the fill that was held; true if the event is the end of its order, which spent its
    /// amount: the fill was the last, and there is nothing else to tell.
    fn tell_held(&mut self, event: &Event, told: &mut Vec<Told>) -> bool {
        let Some(mut held) = self.held.take() else { return false };
        let ends = matches!(event, Event::OrderEnded(ended)
            if ended.reason == EndReason::QuoteSpent && ended.order_id == held.1);
        if ends {
            held.2.status = status::FILLED;
        }
        told.push(held);
        ends
    }

    fn tell_taken(&mut self, models: &Models, told: &mut Vec<Told>) {
        for (header, order) in self.taken.drain() {
            let report = report(models, &header, &order, exec::NEW);
            told.push((order.account, order.order_id, report));
        }
    }
}

fn report(models: &Models, header: &EventHeader, order: &OrderView, exec_type: u8) -> Report {
    Report::of(models, order, (exec_type, exec_id(header)), Timestamp(header.time_ns))
}

fn restated(models: &Models, header: &EventHeader, order: &OrderView, reason: u64) -> Report {
    Report { restated: Some(reason), ..report(models, header, order, exec::RESTATED) }
}

/// Both sides of a trade. Each of them has an id that tells the trade and the side.
fn traded(
    models: &Models,
    header: &EventHeader,
    trade: &Trade,
    wanted: &impl Fn(AccountId) -> bool,
    put: &mut impl FnMut(&OrderView, Report),
) {
    let Some(spec) = models.instruments().get(header.instrument) else { return };
    for trade_side in reporting::sides(header, trade).iter().filter(|side| wanted(side.account)) {
        let order = models.orders().get(trade_side.account, trade_side.order_id);
        let Some(order) = order else { continue };
        let Some(fill) = trade_side.fill(models, trade, order) else { continue };
        let id = trade_exec_id(spec.symbol, trade.trade_id, order.side);
        let time = Timestamp(header.time_ns);
        let report = Report::of(models, order, (exec::TRADE, id), time);
        put(order, Report { fill: Some(fill), ..report });
    }
}

/// Both sides of a trade that was undone or corrected: the trade as it stands now. Their orders stay
/// what they were: only money moved.
fn revised(
    models: &Models,
    header: &EventHeader,
    (trade_id, exec_type): (TradeId, u8),
    wanted: &impl Fn(AccountId) -> bool,
    put: &mut impl FnMut(&OrderView, Report),
) {
    let Some(spec) = models.instruments().get(header.instrument) else { return };
    let Some(trade) = models.trades().get(header.instrument, trade_id) else { return };
    let sides = [
        (trade.taker_account, trade.taker_order_id, trade.taker_fee, false),
        (trade.maker_account, trade.maker_order_id, trade.maker_fee, true),
    ];
    for (account, order_id, fee, is_maker) in sides {
        let order = models.orders().get(account, order_id).filter(|_| wanted(account));
        let Some(order) = order else { continue };
        let Some(fee_asset) = reporting::received(models, order) else { continue };
        let TradeView { price, qty, .. } = *trade;
        let fill = ReportedFill { trade_id, price, qty, fee, fee_asset, is_maker };
        let mut report = report(models, header, order, exec_type);
        report.exec_id.to_mut().push(side_letter(order.side));
        let exec_ref_id = Some(trade_exec_id(spec.symbol, trade_id, order.side));
        put(order, Report { fill: Some(fill), exec_ref_id, ..report });
    }
}

fn prevented(
    models: &Models,
    header: &EventHeader,
    event: &SelfTradePrevented,
    wanted: &impl Fn(AccountId) -> bool,
    put: &mut impl FnMut(&OrderView, Report),
) {
    if !matches!(event.action, SelfTradePrevention::Decrement | SelfTradePrevention::Transfer) {
        return;
    }
    let sides = [
        (header.account, event.taker_order_id, event.taker_open_qty, "t"),
        (event.maker_account, event.maker_order_id, event.maker_open_qty, "m"),
    ];
    for (account, order_id, open_qty, side) in sides {
        // One that ends is told with its end.
        if open_qty.is_zero() || !wanted(account) {
            continue;
        }
        if let Some(order) = models.orders().get(account, order_id) {
            let mut report = restated(models, header, order, PARTIAL_DECLINE);
            report.exec_id.to_mut().push_str(side);
            put(order, report);
        }
    }
}

/// An order that was changed: by a replace of this gateway's, or by something else.
fn amended(
    models: &Models,
    header: &EventHeader,
    order: &OrderView,
    former: Option<ClientOrderId>,
    asked: Option<&Asked>,
) -> Report {
    if !matches!(asked, Some(Asked::Replace(_))) {
        return restated(models, header, order, MARKET_OPTION);
    }
    let report = report(models, header, order, exec::REPLACED);
    // What it trades in its new place is told behind this.
    let executed = !order.executed_qty.is_zero();
    let status = if executed { status::PARTIALLY_FILLED } else { status::NEW };
    Report { former_name: former, status, ..report }
}

fn ended(
    models: &Models,
    header: &EventHeader,
    order: &OrderView,
    event: &OrderEnded,
    asked: Option<&Asked>,
) -> Report {
    let ended = |exec_type| report(models, header, order, exec_type);
    let named = |report: Report, name, former| Report { name, former_name: Some(former), ..report };
    match (event.reason, asked) {
        (EndReason::Cancelled, Some(Asked::Cancel(request))) => {
            named(ended(exec::CANCELED), request.name, order.client_order_id)
        }
        (EndReason::AmendedToFilled, Some(Asked::Replace(request))) => {
            named(ended(exec::REPLACED), request.name, order.client_order_id)
        }
        (EndReason::AmendedToFilled, _) => restated(models, header, order, MARKET_OPTION),
        (EndReason::Rejected, _) => {
            let reasons = tiercel_types::DenialReason::ALL.iter();
            let denial = reasons.copied().find(|reason| *reason as u16 == order.denial);
            let refused = denial.map(Refused::denied);
            Report { refused, ..ended(exec::REJECTED) }
        }
        (reason, _) => {
            let canceled = words::end_status(reason, false) == status::CANCELED;
            let exec_type = if canceled { exec::CANCELED } else { exec::EXPIRED };
            let mut report = ended(exec_type);
            if reason != EndReason::Cancelled {
                report.refused = Some(Refused::other(reason.as_str()));
            }
            report
        }
    }
}

/// Whether an order still can be the object of a request.
pub(super) const fn lives(order: &OrderView) -> bool {
    !matches!(order.stage, OrderStage::Filled | OrderStage::Ended)
}
