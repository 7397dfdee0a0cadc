//! The book of one instrument.

use tiercel_types::Side;

use super::ladder::{Ladder, Level};

/// What was traded on an instrument, as the feed reported it. Quantities and prices are in the
/// feed's units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tape {
    /// Executions of displayed orders.
    pub executions: u64,
    /// Their quantity, but for those that do not count in the volume.
    pub executed_qty: u64,
    /// The quantity of executions that do not count in the volume.
    pub unprinted_qty: u64,
    /// Trades with orders that were not displayed.
    pub trades: u64,
    /// Their quantity.
    pub traded_qty: u64,
    /// Crosses.
    pub crosses: u64,
    /// Their quantity.
    pub crossed_qty: u64,
    /// Trades that were declared void. Their quantity is not known here.
    pub broken: u64,
    /// The price of the last execution, trade or cross that counts and traded anything; 0 before.
    pub last_price: u32,
}

impl Tape {
    #[inline]
    pub(super) const fn execute(&mut self, qty: u32, price: u32, printable: bool) {
        self.executions += 1;
        if printable {
            self.executed_qty = self.executed_qty.saturating_add(qty as u64);
            self.last_price = price;
        } else {
            self.unprinted_qty = self.unprinted_qty.saturating_add(qty as u64);
        }
    }

    #[inline]
    pub(super) const fn trade(&mut self, qty: u32, price: u32) {
        self.trades += 1;
        self.traded_qty = self.traded_qty.saturating_add(qty as u64);
        self.last_price = price;
    }

    #[inline]
    pub(super) const fn cross(&mut self, qty: u64, price: u32) {
        self.crosses += 1;
        self.crossed_qty = self.crossed_qty.saturating_add(qty);
        if qty > 0 {
            self.last_price = price;
        }
    }
}

/// The bids and asks of one instrument, and what was traded on it.
#[derive(Debug)]
pub struct Book {
    ladders: [Ladder; 2],
    tape: Tape,
    locate: u16,
}

impl Book {
    pub(super) fn new(locate: u16, levels: usize) -> Self {
        Self {
            ladders: [Ladder::new(Side::Buy, levels), Ladder::new(Side::Sell, levels)],
            tape: Tape::default(),
            locate,
        }
    }

    /// The instrument.
    #[inline]
    pub const fn locate(&self) -> u16 {
        self.locate
    }

    /// The best level of a side, in constant time.
    #[inline]
    pub fn best(&self, side: Side) -> Option<&Level> {
        self.levels(side).last()
    }

    /// All levels of a side, the worst first and the best last.
    #[inline]
    pub fn levels(&self, side: Side) -> &[Level] {
        self.ladders[side.index()].levels()
    }

    /// The best `depth` levels of a side, or as many as there are: the worst of them first, the
    /// best last.
    #[inline]
    pub fn top(&self, side: Side, depth: usize) -> &[Level] {
        let levels = self.levels(side);
        &levels[levels.len().saturating_sub(depth)..]
    }

    /// The level at a price.
    #[inline]
    pub fn level(&self, side: Side, price: u32) -> Option<&Level> {
        let ladder = &self.ladders[side.index()];
        ladder.levels().get(ladder.position(price)?)
    }

    /// Whether no order rests.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ladders.iter().all(|ladder| ladder.levels().is_empty())
    }

    /// What was traded.
    #[inline]
    pub const fn tape(&self) -> &Tape {
        &self.tape
    }

    #[inline]
    pub(super) const fn tape_mut(&mut self) -> &mut Tape {
        &mut self.tape
    }

    #[inline]
    pub(super) fn ladder(&self, side: Side) -> &Ladder {
        &self.ladders[side.index()]
    }

    #[inline]
    pub(super) fn ladder_mut(&mut self, side: Side) -> &mut Ladder {
        &mut self.ladders[side.index()]
    }
}
