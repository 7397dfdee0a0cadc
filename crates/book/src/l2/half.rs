//! One side of a book: what lies near the touch by its place, the rest in sorted blocks.
//!
//! ```text
//!   worse                                                       better
//!   [ far: a Ladder ............ ][ window: 32,768 steps of the price ]
//!                                        half ^  best between  ^ an eighth less than all
//! ```
//!
//! The window follows the best level: when that leaves its upper half, the window moves, and the levels that it leaves
//! go to the ladder, or come from there. Prices between two steps lie in the ladder wherever they are. Without a step
//! everything does.

use tiercel_types::market::Level;
use tiercel_types::{Price, Qty};

use super::ladder::{Full, Ladder};
use super::window::Window;

/// One side of a book: bids (`BIDS`, best is highest) or asks.
#[derive(Clone, Debug)]
pub(super) struct HalfBook<const BIDS: bool> {
    window: Window<BIDS>,
    /// All that does not lie in the window.
    far: Ladder<BIDS>,
    /// The rank of the best of those; none: the lowest there is.
    far_best: i64,
    /// The rank of the best price that would lie in the window.
    window_best: i64,
    count: usize,
    limit: usize,
}

/// Higher is better.
#[inline]
const fn rank<const BIDS: bool>(price: Price) -> i64 {
    Ladder::<BIDS>::rank(price)
}

impl<const BIDS: bool> HalfBook<BIDS> {
    /// An empty side of at most `limit` levels, of prices of this step (zero: not known): allocated now, and never
    /// later.
    pub(super) fn new(limit: usize, step: Price) -> Self {
        let window = Window::new(step);
        let window_best = rank::<BIDS>(window.best_possible());
        Self {
            window,
            // One more may come before it is found to be too many.
            far: Ladder::new(limit.saturating_add(1)),
            far_best: i64::MIN,
            window_best,
            count: 0,
            limit,
        }
    }

    pub(super) fn clear(&mut self) {
        self.window.clear();
        self.far.clear();
        (self.far_best, self.count) = (i64::MIN, 0);
    }

    /// How many levels there are.
    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Sets levels in their order; quantity zero removes one, or does nothing where there is none.
    ///
    /// # Errors
    /// [`Full`]: the side has to be loaded anew.
    #[inline]
    pub(super) fn set_all(&mut self, levels: impl Iterator<Item = Level>) -> Result<(), Full> {
        let Self { window, far, far_best, count, limit, .. } = self;
        let total = core::cell::Cell::new(*count);
        let counted = |more: isize| {
            total.set(total.get().wrapping_add_signed(more));
            if total.get() > *limit { Err(Full) } else { Ok(()) }
        };
        let elsewhere = |level| {
            let before = far.len();
            set_far(far, far_best, level)?;
            counted(far.len().wrapping_sub(before).cast_signed())
        };
        let done = window.set_all(levels, counted, elsewhere);
        *count = total.get();
        done
    }

    /// The change is whole: the window goes where the best level is.
    ///
    /// # Errors
    /// [`Full`]: the side has to be loaded anew.
    #[inline]
    pub(super) fn settle(&mut self) -> Result<(), Full> {
        let best = self.window.best_word();
        match best {
            Some(word) if self.far_best <= self.window_best => match self.window.wanted(word) {
                None => Ok(()),
                Some(low_word) => self.slide(low_word),
            },
            _ => self.slide_to_far(),
        }
    }

    /// The best level lies elsewhere, if there is one.
    #[cold]
    fn slide_to_far(&mut self) -> Result<(), Full> {
        let Some(best) = self.far.best() else { return Ok(()) };
        match self.window.wanted(self.window.word_of(best.price)) {
            None => Ok(()),
            Some(low_word) => self.slide(low_word),
        }
    }

    #[cold]
    #[inline(never)]
    fn slide(&mut self, low_word: u64) -> Result<(), Full> {
        let Self { window, far, far_best, .. } = self;
        window.move_to(low_word, |level| far.set(level))?;
        self.window_best = rank::<BIDS>(window.best_possible());
        // Those that lie in it now are among the best there. What lies between two steps stays.
        let mut at = 0;
        loop {
            let Some(level) = far.iter().nth(at).copied() else { break };
            let nothing = Level { qty: Qty::ZERO, ..level };
            let mut is_in = true;
            let set = window.set_all(
                [level].into_iter(),
                |_| Ok(()),
                |_| {
                    is_in = false;
                    Ok(())
                },
            );
            set?;
            if is_in {
                far.set(nothing)?;
            } else if rank::<BIDS>(level.price) < rank::<BIDS>(window.worst_possible()) {
                break;
            } else {
                at += 1;
            }
        }
        *far_best = far.best().map_or(i64::MIN, |level| rank::<BIDS>(level.price));
        Ok(())
    }

    /// The best level.
    #[inline]
    pub(super) fn best(&self) -> Option<Level> {
        let near = self.window.iter().next();
        match near {
            Some(level) if rank::<BIDS>(level.price) >= self.far_best => near,
            _ => self.far.best().or(near),
        }
    }

    /// The best levels, best first, as many as there is room for. How many they are.
    #[inline]
    pub(super) fn top(&self, into: &mut [Level]) -> usize {
        let mut count = 0;
        let mut worst = i64::MAX;
        for (place, level) in into.iter_mut().zip(self.window.iter()) {
            *place = level;
            worst = rank::<BIDS>(level.price);
            count += 1;
        }
        if self.far_best > worst || count < into.len() && !self.far.is_empty() {
            return self.top_of_both(into);
        }
        count
    }

    #[cold]
    fn top_of_both(&self, into: &mut [Level]) -> usize {
        let mut count = 0;
        for (place, level) in into.iter_mut().zip(self.iter()) {
            *place = level;
            count += 1;
        }
        count
    }

    /// All levels, best first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Level> {
        let mut near = self.window.iter().peekable();
        let mut far = self.far.iter().copied().peekable();
        core::iter::from_fn(move || match (near.peek(), far.peek()) {
            (Some(one), Some(other)) if rank::<BIDS>(one.price) < rank::<BIDS>(other.price) => {
                far.next()
            }
            (Some(_), _) => near.next(),
            (None, _) => far.next(),
        })
    }

    /// What lies at a price; zero: nothing.
    pub(super) fn qty_at(&self, price: Price) -> Qty {
        let near = self.window.get(price);
        near.unwrap_or_else(|| self.far.get(price).map_or(Qty::ZERO, |level| level.qty))
    }

    /// Replaces all by `levels`, best first. Levels without quantity are left out.
    ///
    /// Gives the price at fault when they are not in strict order.
    pub(super) fn load(&mut self, levels: &[Level]) -> Result<Result<(), Full>, Price> {
        self.clear();
        for pair in levels.windows(2) {
            if rank::<BIDS>(pair[0].price) <= rank::<BIDS>(pair[1].price) {
                return Err(pair[1].price);
            }
        }
        let count = levels.iter().filter(|level| !level.qty.is_zero()).count();
        if count > self.limit {
            return Ok(Err(Full));
        }
        let best = levels.iter().find(|level| !level.qty.is_zero());
        if let Some(best) = best
            && let Some(low_word) = self.window.wanted(self.window.word_of(best.price))
        {
            // It is empty: nothing leaves it.
            let moved = self.window.move_to(low_word, |_| Ok(()));
            if moved.is_err() {
                return Ok(moved);
            }
            self.window_best = rank::<BIDS>(self.window.best_possible());
        }
        // From the worst on, each is the last of its block.
        Ok(self.set_all(levels.iter().rev().copied()))
    }
}

#[cold]
#[inline(never)]
fn set_far<const BIDS: bool>(
    far: &mut Ladder<BIDS>,
    far_best: &mut i64,
    level: Level,
) -> Result<(), Full> {
    far.set(level)?;
    *far_best = far.best().map_or(i64::MIN, |level| rank::<BIDS>(level.price));
    Ok(())
}
