//! nanobook: it names orders itself, and a modified order gets a new name.

use nanobook::{Exchange, OrderId, Price, Side, TimeInForce, Trade};
use tiercel_cli::bench::driver::{Adapter, ReportKind, Reports};
use tiercel_sim::flow::{Load, Op};

use super::{report, trade};

/// Its history of ended orders and of trades is dropped once in so many commands, outside the
/// timed stretch: else it grows for ever.
const CLEAN_UP_EVERY: u64 = 65_536;

pub struct Nanobook {
    exchange: Exchange,
    encoded: u64,
    sequence: u64,
    /// Its id for each of ours.
    ids: Vec<OrderId>,
}

impl Adapter for Nanobook {
    const NAME: &'static str = "nanobook";
    const STRICT: bool = false;
    type Command = Op;

    fn new(load: &Load) -> Self {
        Self {
            exchange: Exchange::new(),
            encoded: 0,
            sequence: 0,
            ids: vec![OrderId(0); load.new_orders() + 1],
        }
    }

    fn encode(&mut self, op: &Op) -> Op {
        self.encoded += 1;
        if self.encoded.is_multiple_of(CLEAN_UP_EVERY) {
            self.exchange.clear_order_history();
            self.exchange.clear_trades();
        }
        *op
    }

    #[inline(always)]
    fn apply(&mut self, op: &Op, reports: &mut Reports) {
        self.sequence += 1;
        let sequence = self.sequence;
        let mut tell = |trades: &[Trade]| {
            for fill in trades {
                let (maker, price) = (fill.passive_order_id.0, fill.price.0);
                reports.push(trade(sequence, op, maker, price, fill.quantity));
            }
        };
        match *op {
            Op::New { id, side, price_ticks, qty, ioc, .. } => {
                let side = match side {
                    tiercel_types::Side::Buy => Side::Buy,
                    tiercel_types::Side::Sell => Side::Sell,
                };
                let life = if ioc { TimeInForce::IOC } else { TimeInForce::GTC };
                let result = self.exchange.submit_limit(side, Price(price_ticks), qty, life);
                self.ids[id as usize] = result.order_id;
                tell(&result.trades);
                reports.push(report(ReportKind::Accepted, sequence, op));
                if result.cancelled_quantity > 0 {
                    reports.push(report(ReportKind::Ended, sequence, op));
                }
            }
            Op::Cancel { id, .. } => {
                let result = self.exchange.cancel(self.ids[id as usize]);
                let kind = if result.success { ReportKind::Ended } else { ReportKind::Refused };
                reports.push(report(kind, sequence, op));
            }
            Op::Move { id, price_ticks, qty, .. } => {
                let known = self.ids[id as usize];
                let result = self.exchange.modify(known, Price(price_ticks), qty);
                tell(&result.trades);
                if let Some(renamed) = result.new_order_id {
                    self.ids[id as usize] = renamed;
                    reports.push(report(ReportKind::Moved, sequence, op));
                } else {
                    reports.push(report(ReportKind::Refused, sequence, op));
                }
            }
        }
    }
}
