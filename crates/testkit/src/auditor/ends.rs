//! How orders end, and why they may.

use tiercel_types::event::OrderEnded;
use tiercel_types::{EndReason, EventHeader, OrderKind, Qty, TimeInForce};

use super::orders::{Order, Stand};
use super::{Auditor, Verdict, ensure, same};

impl Auditor {
    pub(super) fn order_ended(&mut self, header: &EventHeader, ended: &OrderEnded) -> Verdict {
        let id = ended.order_id;
        let order = self.own_order(header, id)?;
        same("the price", ended.price.units(), order.price)?;
        same("the side", ended.side, order.side)?;
        ensure!(self.quantity_fits(&order, ended.unfilled_qty), "what is unfilled is wrong");
        if matches!(
            ended.reason,
            EndReason::ImmediateOrCancel
                | EndReason::FillOrKill
                | EndReason::NoLiquidity
                | EndReason::QuoteSpent
                | EndReason::PriceBand
        ) {
            self.begins_to_enter(id)?;
        }
        let (rested, displayed) = (self.orders[&id].rests(), self.orders[&id].stand == Stand::Book);
        same("whether it rested", ended.was_resting == 1, rested)?;
        let rejected = ended.reason == EndReason::Rejected;
        same("whether a denial is given", ended.denial != 0, rejected)?;
        self.check_reason(header, &self.orders[&id].clone(), ended)?;
        self.update(id, |auditor| {
            auditor.orders.remove(&id);
        })?;
        self.ending.remove(&id);
        self.entering.take_if(|entering| *entering == id);
        self.replenishing.take_if(|shows| *shows == id);
        let in_part = order.all_or_none && order.filled > 0;
        ensure!(!in_part, "order {id} is all or none, and was filled in part");
        if displayed {
            let book = self.book_mut(header.instrument)?;
            book.leave(id, order.side, order.price);
            book.take_update(ended.update_id)?;
            self.check_level(header, &order, ended.level_qty)?;
        } else {
            same("level and update", (ended.level_qty, ended.update_id), (Qty::ZERO, 0))?;
        }
        self.list_order_ended(id, &order, ended)
    }

    /// Whether the order can end so, now.
    fn check_reason(&mut self, header: &EventHeader, order: &Order, ended: &OrderEnded) -> Verdict {
        let must_end = self.ending.contains(&ended.order_id);
        same(
            "whether it ends by self-trade prevention",
            ended.reason == EndReason::SelfTrade,
            must_end,
        )?;
        let book = self.book(header)?;
        let crosses = book.crosses(order.side, order.limit);
        let entering = order.stand == Stand::Entering;
        let by_amount = order.amount_left.is_some();
        let in_book_alone = order.rests() && order.list.is_none();
        let fits = match ended.reason {
            EndReason::SelfTrade => true,
            EndReason::MinimumQty => entering && order.filled == 0,
            EndReason::Cancelled => !entering,
            EndReason::Replaced => in_book_alone,
            EndReason::MassCancelled
            | EndReason::KillSwitch
            | EndReason::Countdown
            | EndReason::Disconnected => {
                self.mass_cancelled += 1;
                !entering
            }
            EndReason::AmendedToFilled => in_book_alone && order.filled > 0,
            EndReason::Expired => {
                let due = order.expire_time <= header.time_ns;
                !entering && order.time_in_force == TimeInForce::Gtd && due
            }
            EndReason::DayEnded => {
                let today = matches!(order.time_in_force, TimeInForce::Day | TimeInForce::AtClose);
                !entering && today
            }
            EndReason::ImmediateOrCancel => {
                let immediate = order.time_in_force == TimeInForce::Ioc;
                entering && immediate && order.kind != OrderKind::Market && !crosses
            }
            EndReason::FillOrKill => {
                entering && order.time_in_force == TimeInForce::Fok && order.filled == 0
            }
            EndReason::NoLiquidity => entering && order.kind == OrderKind::Market && !crosses,
            EndReason::QuoteSpent => {
                let best = book.best(order.side.opposite()).unwrap_or(0);
                let spent = crosses && order.wants(best, book.spec.lot) == 0;
                entering && by_amount && (spent || self.may_meet_unseen(order))
            }
            EndReason::Rejected => {
                let waited = matches!(order.stand, Stand::Waiting | Stand::Held);
                !entering && (waited || order.list.is_some()) && !order.rests()
            }
            EndReason::ListEnded => !entering && order.list.is_some(),
            EndReason::AuctionEnded => self.ends_with_auction(order),
            EndReason::PriceBand => entering && self.ends_at_band(order),
        };
        ensure!(fits, "the order cannot end as {}", ended.reason);
        Ok(())
    }
}
