//! matchcore: ids are the sequence numbers of the commands that entered the orders.
//!
//! It diverges where an order crosses more than one level: its matching of a limit order passes
//! no limit on (`match_order(.., None, ..)`), so such an order goes on at any price.

use matchcore::{
    AmendCmd, AmendPatch, CancelCmd, Command, CommandKind, CommandMeta, CommandOutcome,
    CommandReport, LimitOrder, LimitOrderPatch, NewOrder, OrderBook, OrderFlags, OrderId,
    OrderKind, OrderOutcome, Price, Quantity, QuantityPolicy, SequenceNumber, Side, SubmitCmd,
    TimeInForce, Timestamp,
};
use tiercel_cli::bench::driver::{Adapter, ReportKind, Reports};
use tiercel_sim::flow::{Load, Op};

use super::{report, trade};

pub struct Matchcore {
    book: OrderBook,
    encoded: u64,
    /// Its id for each of ours.
    ids: Vec<OrderId>,
}

impl Adapter for Matchcore {
    const NAME: &'static str = "matchcore";
    const STRICT: bool = false;
    type Command = (Command, Op);

    fn new(load: &Load) -> Self {
        Self {
            book: OrderBook::new("BTC/USDT"),
            encoded: 0,
            ids: vec![OrderId(u64::MAX); load.new_orders() + 1],
        }
    }

    fn encode(&mut self, op: &Op) -> Self::Command {
        let sequence_number = SequenceNumber(self.encoded);
        let meta = CommandMeta { sequence_number, timestamp: Timestamp(self.encoded) };
        self.encoded += 1;
        let kind = match *op {
            Op::New { id, side, price_ticks, qty, ioc, .. } => {
                self.ids[id as usize] = OrderId::from(sequence_number);
                let side = match side {
                    tiercel_types::Side::Buy => Side::Buy,
                    tiercel_types::Side::Sell => Side::Sell,
                };
                let life = if ioc { TimeInForce::Ioc } else { TimeInForce::Gtc };
                CommandKind::Submit(SubmitCmd {
                    order: NewOrder::Limit(LimitOrder::new(
                        Price(price_ticks as u64),
                        QuantityPolicy::Standard { quantity: Quantity(qty) },
                        OrderFlags::new(side, false, life),
                    )),
                })
            }
            Op::Cancel { id, .. } => CommandKind::Cancel(CancelCmd {
                order_id: self.ids[id as usize],
                order_kind: OrderKind::Limit,
            }),
            // The quantity stays, so it is left out: the cheapest form of the command.
            Op::Move { id, price_ticks, .. } => CommandKind::Amend(AmendCmd {
                order_id: self.ids[id as usize],
                patch: AmendPatch::Limit(
                    LimitOrderPatch::new().with_price(Price(price_ticks as u64)),
                ),
            }),
        };
        (Command { meta, kind }, *op)
    }

    #[inline(always)]
    fn apply(&mut self, (command, op): &Self::Command, reports: &mut Reports) {
        let sequence = command.meta.sequence_number.0;
        let outcome = self.book.execute(command);
        let mut tell = |kind, effects: &OrderOutcome| {
            reports.push(report(kind, sequence, op));
            for fill in effects.match_result().iter().flat_map(|result| result.trades()) {
                let (maker, price) = (fill.maker_order_id().0, fill.price().0 as i64);
                reports.push(trade(sequence, op, maker, price, fill.quantity().0));
            }
            if effects.cancel_reason().is_some() {
                reports.push(report(ReportKind::Ended, sequence, op));
            }
        };
        match &outcome {
            CommandOutcome::Applied(CommandReport::Submit(effects)) => {
                tell(ReportKind::Accepted, effects.target_order());
            }
            CommandOutcome::Applied(CommandReport::Amend(effects)) => {
                tell(ReportKind::Moved, effects.target_order());
            }
            CommandOutcome::Applied(CommandReport::Cancel) => {
                reports.push(report(ReportKind::Ended, sequence, op));
            }
            CommandOutcome::Rejected(_) => {
                reports.push(report(ReportKind::Refused, sequence, op));
            }
        }
    }
}
