//! The floor: what a book costs that does nothing but match.
//!
//! A flat ladder over all prices there can be, a three-level bitmap of the occupied ones, orders
//! in a table indexed by their ids with links in both directions. No checks, no accounts, no
//! kinds of orders, no growth, no ids that a client may choose: no product could be built like
//! this. It shows how near to the machine an engine with all of those is.

use tiercel_cli::bench::driver::{Adapter, ReportKind, Reports};
use tiercel_sim::flow::{Load, Op};
use tiercel_types::Side;

use super::{report, trade};

/// Ticks of the ladder, from zero: three levels of 64-bit words reach 262,144.
const TICKS: usize = 131_072;
/// No order.
const NONE: u32 = 0;

#[derive(Clone, Copy, Default)]
struct Order {
    tick: u32,
    open: u32,
    previous: u32,
    next: u32,
    side: u32,
}

#[derive(Clone, Copy, Default)]
struct Level {
    head: u32,
    tail: u32,
}

/// Which ticks of a side are occupied.
struct Bitmap {
    low: Box<[u64]>,
    middle: Box<[u64]>,
    top: u64,
}

impl Bitmap {
    fn new() -> Self {
        Self { low: vec![0; TICKS / 64].into(), middle: vec![0; TICKS / 4_096].into(), top: 0 }
    }

    #[inline(always)]
    fn set(&mut self, tick: usize) {
        self.low[tick / 64] |= 1 << (tick % 64);
        self.middle[tick / 4_096] |= 1 << (tick / 64 % 64);
        self.top |= 1 << (tick / 4_096);
    }

    #[inline(always)]
    fn clear(&mut self, tick: usize) {
        self.low[tick / 64] &= !(1 << (tick % 64));
        if self.low[tick / 64] == 0 {
            self.middle[tick / 4_096] &= !(1 << (tick / 64 % 64));
            if self.middle[tick / 4_096] == 0 {
                self.top &= !(1 << (tick / 4_096));
            }
        }
    }

    #[inline(always)]
    fn first(&self) -> Option<usize> {
        if self.top == 0 {
            return None;
        }
        let high = self.top.trailing_zeros() as usize;
        let middle = high * 64 + self.middle[high].trailing_zeros() as usize;
        Some(middle * 64 + self.low[middle].trailing_zeros() as usize)
    }

    #[inline(always)]
    fn last(&self) -> Option<usize> {
        if self.top == 0 {
            return None;
        }
        let high = 63 - self.top.leading_zeros() as usize;
        let middle = high * 64 + 63 - self.middle[high].leading_zeros() as usize;
        Some(middle * 64 + 63 - self.low[middle].leading_zeros() as usize)
    }
}

pub struct Probe {
    orders: Vec<Order>,
    levels: [Box<[Level]>; 2],
    occupied: [Bitmap; 2],
    sequence: u64,
}

impl Probe {
    #[inline(always)]
    fn rest(&mut self, id: u32, order: Order) {
        let (side, tick) = (order.side as usize, order.tick as usize);
        let level = &mut self.levels[side][tick];
        let tail = core::mem::replace(&mut level.tail, id);
        if tail == NONE {
            level.head = id;
            self.occupied[side].set(tick);
        } else {
            self.orders[tail as usize].next = id;
        }
        self.orders[id as usize] = Order { previous: tail, next: NONE, ..order };
    }

    #[inline(always)]
    fn unlink(&mut self, id: u32) {
        let Order { tick, previous, next, side, .. } = self.orders[id as usize];
        let (side, tick) = (side as usize, tick as usize);
        let level = &mut self.levels[side][tick];
        if previous == NONE {
            level.head = next;
        } else {
            self.orders[previous as usize].next = next;
        }
        if next == NONE {
            level.tail = previous;
        } else {
            self.orders[next as usize].previous = previous;
        }
        if level.head == NONE {
            self.occupied[side].clear(tick);
        }
    }

    /// Matches an order; returns what it has left.
    #[inline(always)]
    fn take(&mut self, order: Order, op: &Op, reports: &mut Reports) -> u32 {
        let Order { tick, side, mut open, .. } = order;
        while open > 0 {
            let (best, crosses) = if side == 0 {
                let best = self.occupied[1].first();
                (best, best.is_some_and(|best| best <= tick as usize))
            } else {
                let best = self.occupied[0].last();
                (best, best.is_some_and(|best| best >= tick as usize))
            };
            let (Some(best), true) = (best, crosses) else { break };
            let maker = self.levels[1 - side as usize][best].head;
            let qty = open.min(self.orders[maker as usize].open);
            self.orders[maker as usize].open -= qty;
            open -= qty;
            reports.push(trade(self.sequence, op, u64::from(maker), best as i64, u64::from(qty)));
            if self.orders[maker as usize].open == 0 {
                self.unlink(maker);
            }
        }
        open
    }
}

impl Adapter for Probe {
    const NAME: &'static str = "probe";
    const STRICT: bool = true;
    type Command = Op;

    fn new(load: &Load) -> Self {
        Self {
            orders: vec![Order::default(); load.new_orders() + 1],
            levels: [0, 1].map(|_| vec![Level::default(); TICKS].into()),
            occupied: [Bitmap::new(), Bitmap::new()],
            sequence: 0,
        }
    }

    fn encode(&mut self, op: &Op) -> Op {
        *op
    }

    #[inline(always)]
    fn apply(&mut self, op: &Op, reports: &mut Reports) {
        self.sequence += 1;
        match *op {
            Op::New { id, side, price_ticks, qty, ioc, .. } => {
                let (tick, open) = (price_ticks as u32, qty as u32);
                let order =
                    Order { tick, open, side: u32::from(side == Side::Sell), ..Order::default() };
                reports.push(report(ReportKind::Accepted, self.sequence, op));
                let open = self.take(order, op, reports);
                if open > 0 {
                    if ioc {
                        reports.push(report(ReportKind::Ended, self.sequence, op));
                    } else {
                        self.rest(id as u32, Order { open, ..order });
                    }
                }
            }
            Op::Cancel { id, .. } => {
                self.unlink(id as u32);
                reports.push(report(ReportKind::Ended, self.sequence, op));
            }
            Op::Move { id, price_ticks, qty, .. } => {
                self.unlink(id as u32);
                let (tick, open) = (price_ticks as u32, qty as u32);
                let order = Order { tick, open, ..self.orders[id as usize] };
                reports.push(report(ReportKind::Moved, self.sequence, op));
                let open = self.take(order, op, reports);
                if open > 0 {
                    self.rest(id as u32, Order { open, ..order });
                }
            }
        }
    }
}
