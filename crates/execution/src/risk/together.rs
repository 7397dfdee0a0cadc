//! Orders that leave together, or not at all: those of a list.

use tiercel_types::{Money, Price, Qty, Timestamp};

use super::{ANY, Denial, Gate, Intent, Limits, check_size, check_through};

/// One of the orders that leave together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Together {
    /// The order.
    pub intent: Intent,
    /// What its price is held against in place of the touch and the last trade: the price of the trade, or of the order,
    /// that it waits for.
    pub reference: Option<Price>,
    /// Another of them trades, or this one, never both: that one counts.
    pub is_covered: bool,
}

impl Together {
    /// As it counts.
    const fn counted(&self) -> Intent {
        if self.is_covered { Intent { qty: Qty::ZERO, ..self.intent } } else { self.intent }
    }
}

impl Gate {
    /// Whether orders of one instrument may leave together. If they may, they count as open from now on: one that is
    /// covered as an order of which nothing is open.
    ///
    /// # Errors
    /// [`Denial`] of the first that may not: nothing has changed.
    #[cold]
    pub fn admit_together(&mut self, now: Timestamp, orders: &[Together]) -> Result<(), Denial> {
        let used_until = self.rate.used_until;
        for (at, order) in orders.iter().enumerate() {
            if let Err(denial) = self.admit_one(now, order) {
                for before in orders.iter().take(at).map(Together::counted) {
                    self.ended(&before, before.qty);
                }
                self.rate.used_until = used_until;
                return Err(denial);
            }
        }
        let window_ns = self.limits.duplicate_window_ns;
        if window_ns > 0 {
            for order in orders {
                self.recent.push(&order.intent, now.0.saturating_add(window_ns));
            }
        }
        Ok(())
    }

    /// As [`admit`](Self::admit), but that it is not remembered yet.
    fn admit_one(&mut self, now: Timestamp, order: &Together) -> Result<(), Denial> {
        let Together { intent, reference, .. } = order;
        let counted = order.counted();
        let known = self.known.get(intent.instrument.0 as usize);
        let known = known.ok_or(Denial::UnknownInstrument)?;
        let own = known.limits.as_ref().ok_or(Denial::UnknownInstrument)?;
        known.check_mode(self.mode, self.is_closed, &counted)?;
        let value = Money::of(intent.price, intent.qty).units();
        match reference {
            Some(reference) => check_waiting(own, intent, value, *reference)?,
            None => known.check_alone(own, now, intent, value)?,
        }
        let used_until = self.rate.next(now).ok_or(Denial::Rate)?;
        if self.recent.has(now, intent) {
            return Err(Denial::Duplicate);
        }
        known.check_beside_own(own, intent, Money::from_qty(counted.qty).units())?;
        if self.open_orders >= self.limits.open_orders_max {
            return Err(Denial::OpenOrders);
        }
        let more = Money::of(counted.price, counted.qty).units();
        let next_used = self.used.checked_add(more).ok_or(Denial::Credit)?;
        if next_used > self.limits.credit.units() && !known.reduces(&counted) {
            return Err(Denial::Credit);
        }
        self.rate.used_until = used_until;
        self.count(&counted);
        Ok(())
    }
}

/// What an order is that waits: it is entered when its reference has traded.
fn check_waiting(
    limits: &Limits,
    intent: &Intent,
    value: i128,
    reference: Price,
) -> Result<(), Denial> {
    check_size(limits, intent, value)?;
    if reference.units() <= 0 {
        return Err(Denial::Terms);
    }
    if limits.touch_collar_bps == ANY {
        return Ok(());
    }
    check_through(limits, intent, reference)
}
