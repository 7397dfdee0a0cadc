//! One instrument's book: two ladders, its terms in ticks and lots, its counters.

use core::hint::select_unpredictable;

use tiercel_types::{InstrumentSpec, InstrumentState, Money, Price, Qty, Side};

use crate::allocation::Rules;
use crate::auction::Auction;
use crate::ladder::{Ladder, Level};
use crate::orders::{NONE, Orders, TOP};
use crate::protections::bands::Guard;
use crate::steps::Step;
use crate::unseen::Unseen;
use crate::volume::Volume;
use crate::waiting::NOBODY;
use crate::waiting::watch::Watch;

/// An instrument's book and state.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub(crate) ladders: [Ladder; 2],
    pub(crate) tick: Step,
    pub(crate) lot: Step,
    /// Open lots per side, hidden ones included.
    pub(crate) open_lots: [u64; 2],
    /// Price of the last trade.
    pub(crate) last_price: Option<Price>,
    /// Trades so far.
    pub(crate) trades: u64,
    /// Book updates so far.
    pub(crate) updates: u64,
    pub(crate) state: InstrumentState,
    /// What it has that most books have not: the bits below.
    flags: u8,
    /// What waits for this book's prices, once anything has.
    pub(crate) watch: Option<Box<Watch>>,
    /// Its unseen orders, once it has had any.
    pub(crate) unseen: Option<Box<Unseen>>,
    /// What was traded lately, if that is counted.
    pub(crate) volume: Option<Box<Volume>>,
    /// What it has of auctions, once it has anything.
    pub(crate) auction: Option<Box<Auction>>,
    /// What guards its prices, once anything has.
    pub(crate) guard: Option<Box<Guard>>,
    /// Price of the last auction that had one.
    pub(crate) auction_price: Option<Price>,
    pub(crate) bounds: Bounds,
    pub(crate) spec: InstrumentSpec,
    pub(crate) rules: Rules,
}

/// Trades are noted: the watch asks for their prices, or their volume is counted.
pub(crate) const NOTED: u8 = 1;
/// A level is shared out otherwise than first come, first served.
pub(crate) const ALLOTS: u8 = 2;
/// It counts who bettered the market.
pub(crate) const RANKS_TOP: u8 = 4;
/// Takers trade within bands.
pub(crate) const GUARDED: u8 = 8;
/// Limit prices lie within a band.
pub(crate) const BANDED: u8 = 16;
/// Unseen orders rest in it.
pub(crate) const UNSEEN: u8 = 64;

/// What the terms bound, as the checks compare it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) price_min: Price,
    pub(crate) price_max: Price,
    pub(crate) qty_min: Qty,
    pub(crate) qty_max: Qty,
    /// Whether values are bounded at all.
    pub(crate) values: bool,
    pub(crate) value_min: i128,
    pub(crate) value_max: i128,
    /// Most open lots on a side, so that their quantity stays countable.
    pub(crate) side_lots_max: u64,
}

impl Bounds {
    fn new(spec: &InstrumentSpec) -> Self {
        let limit = |qty: Qty| if qty.is_zero() { Qty::MAX } else { qty };
        let value_max = match spec.max_notional {
            Qty::ZERO => i128::MAX,
            most => Money::from_qty(most).units(),
        };
        Self {
            price_min: if spec.min_price.is_zero() { spec.tick } else { spec.min_price },
            price_max: if spec.max_price.is_zero() { Price::MAX } else { spec.max_price },
            qty_min: spec.min_qty,
            qty_max: limit(spec.max_qty),
            values: !spec.min_notional.is_zero() || !spec.max_notional.is_zero(),
            value_min: match spec.min_notional {
                Qty::ZERO => i128::MIN,
                least => Money::from_qty(least).units(),
            },
            value_max,
            side_lots_max: u64::MAX / spec.lot.units(),
        }
    }
}

impl Book {
    pub(crate) fn new(spec: InstrumentSpec, window_ticks: usize) -> Self {
        let mut book = Self {
            ladders: [Ladder::new(Side::Buy, window_ticks), Ladder::new(Side::Sell, window_ticks)],
            tick: Step::new(spec.tick.units().cast_unsigned()),
            lot: Step::new(spec.lot.units()),
            open_lots: [0; 2],
            last_price: None,
            trades: 0,
            updates: 0,
            state: spec.state,
            flags: if spec.band_ppm == 0 { 0 } else { BANDED },
            watch: None,
            unseen: None,
            volume: None,
            auction: None,
            guard: None,
            auction_price: None,
            bounds: Bounds::new(&spec),
            spec,
            rules: Rules::fifo(spec.instrument),
        };
        book.count_volume();
        book
    }

    /// Takes new terms. Tick and lot may differ only while nothing rests.
    pub(crate) fn set_terms(&mut self, spec: InstrumentSpec) {
        self.tick = Step::new(spec.tick.units().cast_unsigned());
        self.lot = Step::new(spec.lot.units());
        self.bounds = Bounds::new(&spec);
        self.spec = InstrumentSpec { state: self.state, ..spec };
        self.rules = Rules::new(self.rules.set, self.lot);
        let limited = self.guard.as_ref().is_some_and(|guard| guard.set.limit_ppm != 0);
        self.mark(BANDED, limited || self.spec.band_ppm != 0);
        self.count_volume();
    }

    /// Counts what is traded if the terms say so; else what was counted is forgotten.
    fn count_volume(&mut self) {
        if self.spec.tracks_volume == 0 {
            self.volume = None;
        } else {
            self.volume.get_or_insert_with(|| Box::new(Volume::new()));
        }
        self.mark_noted();
    }

    /// Whether it has one of these marks.
    #[inline(always)]
    pub(crate) fn has(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }

    /// Sets a mark, or takes it away.
    pub(crate) fn mark(&mut self, flag: u8, on: bool) {
        self.flags = self.flags & !flag | if on { flag } else { 0 };
    }

    #[inline(always)]
    pub(crate) fn ladder(&self, side: Side) -> &Ladder {
        &self.ladders[side.index()]
    }

    /// True while no order rests or waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.ladders.iter().all(Ladder::is_empty)
            && self.first_aside() == NOBODY
            && self.first_unseen() == NOBODY
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
        opposite.reaches(opposite.key(tick))
    }

    #[inline(always)]
    pub(crate) fn next_update(&mut self) -> u64 {
        self.updates += 1;
        self.updates
    }

    /// The level of an order that rests.
    #[inline(always)]
    pub(crate) fn level_mut(&mut self, side: Side, tick: i64) -> &mut Level {
        let ladder = &mut self.ladders[side.index()];
        ladder.level_mut(ladder.key(tick))
    }

    /// Appends an order to the back of its level; returns the level's displayed lots.
    ///
    /// Its side, tick and lots are handed in, not read back: they were written just before, and
    /// a wide load of narrow stores would stall.
    #[inline(always)]
    pub(crate) fn link(
        &mut self,
        orders: &mut Orders,
        handle: u32,
        (side, tick): (Side, i64),
        (displayed, hidden): (u64, u64),
    ) -> u64 {
        self.open_lots[side.index()] += displayed + hidden;
        let ladder = &mut self.ladders[side.index()];
        let level = ladder.enter(ladder.key(tick));
        level.displayed += displayed;
        level.hidden += hidden;
        level.orders += 1;
        let tail = level.tail;
        level.tail = handle;
        level.head = select_unpredictable(tail == NONE, handle, level.head);
        let level_lots = level.displayed;
        orders.get_mut(tail).next = handle;
        let order = orders.get_mut(handle);
        order.previous = tail;
        order.next = NONE;
        level_lots
    }

    /// Takes an order out of its level, and the level out of the book if it was the last;
    /// returns the level's displayed lots.
    #[inline(always)]
    pub(crate) fn unlink(&mut self, orders: &mut Orders, handle: u32) -> u64 {
        let order = orders.get(handle);
        let (previous, next) = (order.previous, order.next);
        self.open_lots[order.side.index()] -= order.open();
        let ladder = &mut self.ladders[order.side.index()];
        let key = ladder.key(order.tick);
        let level = ladder.level_mut(key);
        level.displayed -= order.displayed;
        level.hidden -= order.hidden;
        level.orders -= 1;
        level.head = select_unpredictable(previous == NONE, next, level.head);
        level.tail = select_unpredictable(next == NONE, previous, level.tail);
        let (level_lots, left) = (level.displayed, level.orders);
        orders.get_mut(previous).next = next;
        orders.get_mut(next).previous = previous;
        if left == 0 {
            ladder.remove(key);
        }
        level_lots
    }

    /// Takes the head of a level, which has nothing open, out of it, and the level out of the book
    /// if it was the last.
    #[inline(always)]
    pub(crate) fn unlink_head(
        &mut self,
        orders: &mut Orders,
        handle: u32,
        (side, key): (Side, i64),
    ) {
        let next = orders.get(handle).next;
        orders.get_mut(next).previous = NONE;
        let ladder = &mut self.ladders[side.index()];
        let level = ladder.level_mut(key);
        level.orders -= 1;
        level.head = next;
        if next == NONE {
            level.tail = NONE;
            ladder.remove(key);
        }
    }

    /// Leaves an order so many lots, in its place: hidden ones go first.
    pub(crate) fn shrink_hidden_first(&mut self, orders: &mut Orders, handle: u32, left: u64) {
        let order = orders.get_mut(handle);
        let displayed = order.displayed.min(left);
        let hidden = left - displayed;
        self.open_lots[order.side.index()] -= order.open() - left;
        let level = self.level_mut(order.side, order.tick);
        level.displayed -= order.displayed - displayed;
        level.hidden -= order.hidden - hidden;
        (order.displayed, order.hidden) = (displayed, hidden);
    }

    /// Moves an order, hidden nothing, to the back of the level at another tick of its side;
    /// returns the displayed lots of the level that it left and of that it joined.
    #[inline(always)]
    pub(crate) fn relocate(&mut self, orders: &mut Orders, handle: u32, tick: i64) -> (u64, u64) {
        let order = orders.get_mut(handle);
        let (previous, next, lots) = (order.previous, order.next, order.displayed);
        let ladder = &mut self.ladders[order.side.index()];
        let (old_key, key) = (ladder.key(order.tick), ladder.key(tick));
        order.tick = tick;
        order.next = NONE;
        let left = ladder.level_mut(old_key);
        left.displayed -= lots;
        left.orders -= 1;
        left.head = select_unpredictable(previous == NONE, next, left.head);
        left.tail = select_unpredictable(next == NONE, previous, left.tail);
        let (left_lots, left_orders) = (left.displayed, left.orders);
        orders.get_mut(previous).next = next;
        orders.get_mut(next).previous = previous;
        if left_orders == 0 {
            ladder.remove(old_key);
        }
        let joined = ladder.enter(key);
        joined.displayed += lots;
        joined.orders += 1;
        let tail = joined.tail;
        joined.tail = handle;
        joined.head = select_unpredictable(tail == NONE, handle, joined.head);
        let joined_lots = joined.displayed;
        orders.get_mut(tail).next = handle;
        orders.get_mut(handle).previous = tail;
        (left_lots, joined_lots)
    }

    /// Sends an order that displays nothing to the back of its level with a new visible slice;
    /// returns the level's displayed lots.
    pub(crate) fn replenish(&mut self, orders: &mut Orders, handle: u32) -> u64 {
        let slice = orders.slice(handle).min(orders.get(handle).hidden);
        let order = orders.get_mut(handle);
        order.displayed = slice;
        order.hidden -= slice;
        order.rare &= !TOP;
        let (side, tick) = (order.side, order.tick);
        let (previous, next) = (order.previous, order.next);
        let level = self.level_mut(side, tick);
        level.displayed += slice;
        level.hidden -= slice;
        let level_lots = level.displayed;
        if next != NONE {
            let tail = level.tail;
            level.head = if previous == NONE { next } else { level.head };
            level.tail = handle;
            orders.get_mut(previous).next = next;
            orders.get_mut(next).previous = previous;
            orders.get_mut(tail).next = handle;
            let order = orders.get_mut(handle);
            order.previous = tail;
            order.next = NONE;
        }
        level_lots
    }
}
