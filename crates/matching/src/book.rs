//! One instrument's book: two ladders, its terms in ticks and lots, its counters.

use tiercel_types::{InstrumentSpec, InstrumentState, Price, Qty, Side};

use crate::ladder::{Ladder, Levels};
use crate::orders::{NONE, Orders};
use crate::steps::Step;

/// An instrument's book and state.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub(crate) ladders: [Ladder; 2],
    pub(crate) levels: Levels,
    pub(crate) tick: Step,
    pub(crate) lot: Step,
    /// Open lots per side, hidden ones included.
    pub(crate) open_lots: [u64; 2],
    /// Price of the last trade in units; zero: none yet (a trade at zero counts through `traded`).
    pub(crate) last_price: Option<Price>,
    /// Trades so far.
    pub(crate) trades: u64,
    /// Book updates so far.
    pub(crate) updates: u64,
    pub(crate) state: InstrumentState,
    pub(crate) spec: InstrumentSpec,
}

impl Book {
    pub(crate) fn new(spec: InstrumentSpec, window_ticks: usize) -> Self {
        Self {
            ladders: [Ladder::new(Side::Buy, window_ticks), Ladder::new(Side::Sell, window_ticks)],
            levels: Levels::new(),
            tick: Step::new(spec.tick.units().cast_unsigned()),
            lot: Step::new(spec.lot.units()),
            open_lots: [0; 2],
            last_price: None,
            trades: 0,
            updates: 0,
            state: spec.state,
            spec,
        }
    }

    /// Takes new terms. Tick and lot may differ only while nothing rests.
    pub(crate) fn set_terms(&mut self, spec: InstrumentSpec) {
        self.tick = Step::new(spec.tick.units().cast_unsigned());
        self.lot = Step::new(spec.lot.units());
        self.spec = InstrumentSpec { state: self.state, ..spec };
    }

    #[inline(always)]
    pub(crate) fn ladder(&self, side: Side) -> &Ladder {
        &self.ladders[side.index()]
    }

    /// True while no order rests.
    pub(crate) fn is_empty(&self) -> bool {
        self.ladders.iter().all(|ladder| ladder.best == NONE)
    }

    #[inline(always)]
    pub(crate) fn price(&self, tick: i64) -> Price {
        Price::from_units(self.tick.times_signed(tick))
    }

    #[inline(always)]
    pub(crate) fn qty(&self, lots: u64) -> Qty {
        Qty::from_units(self.lot.times(lots))
    }

    /// Whether an order of `side` limited to `tick` meets the best opposite level.
    #[inline(always)]
    pub(crate) fn crosses(&self, side: Side, tick: i64) -> bool {
        let opposite = self.ladder(side.opposite());
        opposite.best != NONE && opposite.best_key <= opposite.key(tick)
    }

    #[inline(always)]
    pub(crate) fn next_update(&mut self) -> u64 {
        self.updates += 1;
        self.updates
    }

    /// Appends an order to the back of its level; returns the level's displayed lots.
    #[inline(always)]
    pub(crate) fn link(&mut self, orders: &mut Orders, handle: u32, tick: i64) -> u64 {
        let order = *orders.get(handle);
        let side = order.side.index();
        let level_handle = self.ladders[side].level_at(tick, &mut self.levels);
        let level = self.levels.get_mut(level_handle);
        level.displayed += order.displayed;
        level.hidden += order.hidden;
        let tail = level.tail;
        level.tail = handle;
        if tail == NONE {
            level.head = handle;
        } else {
            orders.get_mut(tail).next = handle;
        }
        let slot = orders.get_mut(handle);
        slot.level = level_handle;
        slot.previous = tail;
        slot.next = NONE;
        self.open_lots[side] += order.open();
        level.displayed
    }

    /// Takes an order out of its level, and the level out of the book if it was the last;
    /// returns the level's displayed lots.
    #[inline(always)]
    pub(crate) fn unlink(&mut self, orders: &mut Orders, handle: u32) -> u64 {
        let order = *orders.get(handle);
        let side = order.side.index();
        let level = self.levels.get_mut(order.level);
        level.displayed -= order.displayed;
        level.hidden -= order.hidden;
        let displayed = level.displayed;
        self.open_lots[side] -= order.open();
        if order.previous == NONE {
            level.head = order.next;
        } else {
            orders.get_mut(order.previous).next = order.next;
        }
        if order.next == NONE {
            level.tail = order.previous;
        } else {
            orders.get_mut(order.next).previous = order.previous;
        }
        if order.previous == NONE && order.next == NONE {
            self.ladders[side].remove(order.level, &mut self.levels);
        }
        displayed
    }

    /// Sends the head of a level to its back with a new visible slice; returns the level's
    /// displayed lots.
    pub(crate) fn replenish(&mut self, orders: &mut Orders, handle: u32) -> u64 {
        let order = orders.get_mut(handle);
        let slice = order.slice.min(order.hidden);
        order.displayed = slice;
        order.hidden -= slice;
        let (level_handle, next) = (order.level, order.next);
        let level = self.levels.get_mut(level_handle);
        level.displayed += slice;
        level.hidden -= slice;
        if next != NONE {
            let tail = level.tail;
            level.head = next;
            level.tail = handle;
            orders.get_mut(next).previous = NONE;
            orders.get_mut(tail).next = handle;
            let order = orders.get_mut(handle);
            order.previous = tail;
            order.next = NONE;
        }
        level.displayed
    }
}
