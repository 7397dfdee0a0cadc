//! Orders that are displayed, and the numbers they are told by.

use std::collections::HashMap;

use tiercel_types::{InstrumentId, OrderId, Price, Qty, Side, TradeId};

/// The low bits of a number, below those of the instrument.
const LOW: u64 = (1 << 48) - 1;
/// Marks the number of a cross, among those of trades.
const CROSS: u64 = 1 << 47;

/// The number by which an order is told: that of its instrument, and of the book update that put it
/// where it is. Unique for ever, higher the later an order joined its queue; and an order that joins
/// another queue, or the back of its own, has another one.
pub const fn reference(instrument: InstrumentId, update_id: u64) -> u64 {
    (instrument.0 as u64) << 48 | (update_id & LOW)
}

/// The number by which a trade is told: that of its instrument, and its own.
pub const fn match_number(instrument: InstrumentId, trade: TradeId) -> u64 {
    (instrument.0 as u64) << 48 | (trade.0 & (CROSS - 1))
}

/// The number of an instrument's so many-th cross of a day.
pub(super) const fn cross_number(instrument: InstrumentId, cross: u64) -> u64 {
    (instrument.0 as u64) << 48 | CROSS | (cross & (CROSS - 1))
}

/// An order that is displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its number.
    pub reference: u64,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// On which side.
    pub side: Side,
    /// At which price.
    pub price: Price,
    /// What of it is visible.
    pub qty: Qty,
}

/// All of them, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Orders(HashMap<OrderId, Shown>);

impl Orders {
    pub(super) fn insert(&mut self, id: OrderId, shown: Shown) {
        self.0.insert(id, shown);
    }

    pub(super) fn get(&self, id: OrderId) -> Option<&Shown> {
        self.0.get(&id)
    }

    pub(super) fn remove(&mut self, id: OrderId) -> Option<Shown> {
        self.0.remove(&id)
    }

    /// Takes so much off an order, which is gone with all of it: what it was, and what is left. `None`
    /// if it is not displayed, or nothing is taken.
    pub(super) fn reduce(&mut self, id: OrderId, qty: Qty) -> Option<(Shown, Qty)> {
        let shown = self.0.get_mut(&id)?;
        let before = *shown;
        let lost = qty.units().min(before.qty.units());
        if lost == 0 {
            return None;
        }
        shown.qty = Qty::from_units(before.qty.units() - lost);
        let left = shown.qty;
        if left.is_zero() {
            self.0.remove(&id);
        }
        Some((Shown { qty: Qty::from_units(lost), ..before }, left))
    }

    /// Those of an instrument, or all, in the order of their numbers: by instrument, and in a queue
    /// who came first.
    pub(super) fn sorted(&self, of: Option<InstrumentId>) -> Vec<(OrderId, Shown)> {
        let mut orders: Vec<(OrderId, Shown)> = self
            .0
            .iter()
            .filter(|(_, shown)| of.is_none_or(|instrument| shown.instrument == instrument))
            .map(|(id, shown)| (*id, *shown))
            .collect();
        orders.sort_unstable_by_key(|(_, shown)| shown.reference);
        orders
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
