//! orderbook-rs: a book for many threads at once, here driven by one.
//!
//! Fills of immediate orders that end unfilled, and of moves, reach its trade listener alone, so
//! all fills are taken there.

use std::sync::{Arc, Mutex, PoisonError};

use orderbook_rs::{Id, OrderBook, Side, StubClock, TimeInForce, TradeResult};
use pricelevel::{Hash32, OrderUpdate, Price};
use tiercel_cli::bench::driver::{Adapter, ReportKind, Reports};
use tiercel_sim::flow::{Load, Op};

use super::{report, trade};

/// A fill: maker, price, quantity.
type Fill = (u64, i64, u64);

pub struct OrderbookRs {
    book: OrderBook<()>,
    fills: Arc<Mutex<Vec<Fill>>>,
    sequence: u64,
}

impl Adapter for OrderbookRs {
    const NAME: &'static str = "orderbook-rs";
    const STRICT: bool = false;
    type Command = Op;

    fn new(_: &Load) -> Self {
        // Its own stand-in clock: reading the system's would cost it 20 ns an order.
        let mut book = OrderBook::with_clock("BTC/USDT", Arc::new(StubClock::new()));
        let fills: Arc<Mutex<Vec<Fill>>> = Arc::default();
        let sink = Arc::clone(&fills);
        book.set_trade_listener(Arc::new(move |result: &TradeResult| {
            let mut fills = sink.lock().unwrap_or_else(PoisonError::into_inner);
            for fill in result.match_result.trades().as_vec() {
                let maker = fill.maker_order_id().as_u64().unwrap_or(0);
                fills.push((maker, fill.price().as_u128() as i64, fill.quantity().as_u64()));
            }
        }));
        Self { book, fills, sequence: 0 }
    }

    fn encode(&mut self, op: &Op) -> Op {
        *op
    }

    #[inline(always)]
    fn apply(&mut self, op: &Op, reports: &mut Reports) {
        self.sequence += 1;
        let sequence = self.sequence;
        let kind = match *op {
            Op::New { id, account, side, price_ticks, qty, ioc } => {
                let side = match side {
                    tiercel_types::Side::Buy => Side::Buy,
                    tiercel_types::Side::Sell => Side::Sell,
                };
                let life = if ioc { TimeInForce::Ioc } else { TimeInForce::Gtc };
                let (id, price) = (Id::from_u64(id), price_ticks as u128);
                // With its owner: it keeps a list of orders for each, and searches it.
                let mut owner = [0; 32];
                owner[..4].copy_from_slice(&account.to_le_bytes());
                let owner = Hash32::new(owner);
                let taken =
                    self.book.add_limit_order_with_user(id, price, qty, side, life, owner, None);
                // An immediate order that is not filled in full comes back as an error.
                if taken.is_err() {
                    reports.push(report(ReportKind::Ended, sequence, op));
                }
                ReportKind::Accepted
            }
            Op::Cancel { id, .. } => match self.book.cancel_order(Id::from_u64(id)) {
                Ok(Some(_)) => ReportKind::Ended,
                Ok(None) | Err(_) => ReportKind::Refused,
            },
            Op::Move { id, price_ticks, .. } => {
                let new_price = Price::new(price_ticks as u128);
                let update = OrderUpdate::UpdatePrice { order_id: Id::from_u64(id), new_price };
                match self.book.update_order(update) {
                    Ok(Some(_)) => ReportKind::Moved,
                    Ok(None) | Err(_) => ReportKind::Refused,
                }
            }
        };
        reports.push(report(kind, sequence, op));
        let mut fills = self.fills.lock().unwrap_or_else(PoisonError::into_inner);
        for (maker, price, qty) in fills.drain(..) {
            reports.push(trade(sequence, op, maker, price, qty));
        }
    }
}
