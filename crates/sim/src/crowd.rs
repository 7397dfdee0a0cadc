//! Participants who trade as any strategy does: through a gate, over whatever connector there is.
//!
//! ```text
//!   timer --> fair value walks --> Maker: a ladder that follows it, some of it always stale
//!                              --> Taker: orders that take what is best, more of them after a move
//! ```
//!
//! They make a market for others to be tried on. Prices walk at random and are pulled back to where they began: they
//! are no forecast of anything, and who earns on them has earned nothing.

use tiercel_strategy::{
    Action, Actions, BookTick, OrderUpdate, StateError, Strategy, Terms, TimerTick, TradeTick,
};
use tiercel_types::{Price, Qty, Side, Timestamp};

use crate::rng::Rng;

/// Levels that a maker quotes on each side.
const LEVELS: u64 = 10;
/// Between two of a maker's looks at its ladder.
const LOOK_NS: u64 = 10_000_000;
/// Orders of the ladder that it looks at each time.
const TURN: u64 = 4;
/// The mean time between two orders of a taker.
const TAKE_NS: u64 = 60_000_000;
/// The one timer.
const TIMER: u64 = 0;

/// Makes prices: quotes a ladder of orders round a fair value that walks.
pub struct Maker {
    terms: Terms,
    rng: Rng,
    /// Where it began, and where it is, in ticks.
    start: i64,
    fair: i64,
    /// Half of the space between the best bid and the best ask, in ticks.
    half_spread: i64,
    qty: Qty,
    /// By place in the ladder: which round of orders it is in, and whether one is open.
    rounds: [u64; 2 * LEVELS as usize],
    open: [bool; 2 * LEVELS as usize],
    next: u64,
    is_set: bool,
}

impl Maker {
    /// A maker round `price`, with orders of some `qty`.
    pub const fn new(terms: Terms, seed: u64, price: Price, half_spread: i64, qty: Qty) -> Self {
        let start = price.units() / terms.tick.units();
        Self {
            terms,
            rng: Rng::new(seed),
            start,
            fair: start,
            half_spread,
            qty,
            rounds: [0; 2 * LEVELS as usize],
            open: [false; 2 * LEVELS as usize],
            next: 0,
            is_set: false,
        }
    }

    /// The side of a place, and its price now.
    fn place(&mut self, at: usize) -> (Side, Price) {
        let level = (at as u64 / 2) as i64;
        let away = self.half_spread + 2 * level + self.rng.below(3) as i64;
        let (side, ticks) = if at.is_multiple_of(2) {
            (Side::Buy, self.fair - away)
        } else {
            (Side::Sell, self.fair + away)
        };
        (side, Price::from_units(ticks.max(1) * self.terms.tick.units()))
    }

    fn walk(&mut self) {
        let pull = (self.start - self.fair) / 4_000;
        let step = self.rng.below(5) as i64 - 2;
        self.fair += step + pull;
    }

    /// Looks at some orders of the ladder, and moves them.
    fn turn(&mut self, actions: &mut Actions) {
        for _ in 0..TURN {
            let at = (self.next % (2 * LEVELS)) as usize;
            self.next += 1;
            let tag = |round: u64| round * 2 * LEVELS + at as u64;
            if self.open[at] {
                let cancel = Action::cancel(tag(self.rounds[at]), self.terms.instrument);
                // A ladder's turn fits.
                let _fits = actions.push(cancel);
                continue;
            }
            let (side, price) = self.place(at);
            self.rounds[at] += 1;
            let lots = 1 + self.rng.below(4);
            let qty = Qty::from_units(self.qty.units() * lots);
            let order =
                Action::post_only(tag(self.rounds[at]), self.terms.instrument, side, price, qty);
            self.open[at] = actions.push(order).is_ok();
        }
    }
}

impl Strategy for Maker {
    fn name(&self) -> &'static str {
        "crowd_maker"
    }

    fn on_book(&mut self, tick: &BookTick, actions: &mut Actions) {
        if !self.is_set {
            self.is_set = actions.push(Action::timer(TIMER, tick.time)).is_ok();
        }
    }

    fn on_trade(&mut self, _: &TradeTick, _: &mut Actions) {}

    fn on_order(&mut self, update: &OrderUpdate, _: &mut Actions) {
        let at = (update.tag % (2 * LEVELS)) as usize;
        if update.tag / (2 * LEVELS) == self.rounds[at] {
            self.open[at] = !update.open_qty.is_zero();
        }
    }

    fn on_timer(&mut self, timer: &TimerTick, actions: &mut Actions) {
        self.walk();
        self.turn(actions);
        let next = Action::timer(TIMER, Timestamp(timer.time.0 + LOOK_NS));
        // Behind a turn there is room.
        let _fits = actions.push(next);
    }

    fn save(&self, _: &mut Vec<u8>) {}

    fn restore(&mut self, state: &[u8]) -> Result<(), StateError> {
        empty(state)
    }
}

/// Takes what is best, now and then.
pub struct Taker {
    terms: Terms,
    rng: Rng,
    qty: Qty,
    best: [Price; 2],
    next_tag: u64,
    is_set: bool,
}

impl Taker {
    /// A taker of some `qty` at a time.
    pub const fn new(terms: Terms, seed: u64, qty: Qty) -> Self {
        Self { terms, rng: Rng::new(seed), qty, best: [Price::ZERO; 2], next_tag: 1, is_set: false }
    }
}

impl Strategy for Taker {
    fn name(&self) -> &'static str {
        "crowd_taker"
    }

    fn on_book(&mut self, tick: &BookTick, actions: &mut Actions) {
        self.best =
            if tick.is_live() { [tick.bid().price, tick.ask().price] } else { [Price::ZERO; 2] };
        if !self.is_set {
            self.is_set = actions.push(Action::timer(TIMER, tick.time)).is_ok();
        }
    }

    fn on_trade(&mut self, _: &TradeTick, _: &mut Actions) {}

    fn on_order(&mut self, _: &OrderUpdate, _: &mut Actions) {}

    fn on_timer(&mut self, timer: &TimerTick, actions: &mut Actions) {
        let side = if self.rng.coin() { Side::Buy } else { Side::Sell };
        let best = self.best[side.opposite().index()];
        if !best.is_zero() {
            let through = self.rng.below(8) as i64 * self.terms.tick.units();
            let units = match side {
                Side::Buy => best.units() + through,
                Side::Sell => best.units() - through,
            };
            let qty = Qty::from_units(self.qty.units() * (1 + self.rng.below(6)));
            let price = Price::from_units(units.max(self.terms.tick.units()));
            let order = Action::take(self.next_tag, self.terms.instrument, side, price, qty);
            self.next_tag += 1;
            // One order and a timer fit.
            let _fits = actions.push(order);
        }
        let wait_ns = self.rng.below(2 * TAKE_NS);
        let _fits = actions.push(Action::timer(TIMER, Timestamp(timer.time.0 + wait_ns)));
    }

    fn save(&self, _: &mut Vec<u8>) {}

    fn restore(&mut self, state: &[u8]) -> Result<(), StateError> {
        empty(state)
    }
}

/// A crowd begins anew.
fn empty(state: &[u8]) -> Result<(), StateError> {
    if state.is_empty() {
        return Ok(());
    }
    Err(StateError::Length { expected: 0, found: state.len() })
}
