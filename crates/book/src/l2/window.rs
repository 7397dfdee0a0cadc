//! The levels near the touch by their place: for each step of the price a quantity, and a bit that says whether it
//! counts.
//!
//! ```text
//!   rank (steps of the price; of asks its complement, so that higher is better)
//!        low                                    low + STEPS
//!   ------|--[ 64 steps | 64 steps | ... | 64 steps ]--|-------->
//!            words: a bit a step      ^ the best is in this word, or below
//!            qtys:  a quantity a step
//! ```
//!
//! To set a level is to store it: no search, nothing moves, and no branch depends on whether it was there. A rank has
//! its place modulo [`STEPS`], so that the window [moves](Window::move_to) without moving what stays in it.

use core::mem;

use tiercel_types::market::Level;
use tiercel_types::{Price, Qty};

/// Steps of the price that a window spans: a power of two. Of a day of BTCUSDT they hold 94 of 100 changes. Memory where
/// nothing lies is not touched.
pub(super) const STEPS: usize = 65536;
/// Steps of a word.
const WORD: usize = 64;
/// Words of a window.
pub(super) const WORDS: u64 = (STEPS / WORD) as u64;

const _: () = assert!(STEPS.is_power_of_two() && STEPS > 16 * WORD);

/// How many steps a price is, without a division.
///
/// `step = odd << shift`, and `inverse * odd = 1` modulo 2^64. A price of a whole number of steps, turned right by
/// `shift` and multiplied by the inverse, is that number. Any other price gives a number that is none of a price: if
/// it were `n` with `n * step` in 63 bits, then `n * odd` would be the turned price, and the price `n * step`.
#[derive(Clone, Copy, Debug)]
struct Steps {
    step: i64,
    shift: u32,
    inverse: u64,
}

impl Steps {
    const fn new(step: i64) -> Self {
        let shift = step.trailing_zeros();
        let odd = step.cast_unsigned() >> shift;
        // Newton: right in the lowest three bits, then in twice as many each time.
        let mut inverse = odd;
        let mut bits = 3;
        while bits < u64::BITS {
            inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
            bits *= 2;
        }
        Self { step, shift, inverse }
    }

    #[inline]
    const fn count(self, price: Price) -> u64 {
        price.units().cast_unsigned().rotate_right(self.shift).wrapping_mul(self.inverse)
    }
}

/// What lies near the touch of one side.
#[derive(Clone, Debug)]
pub(super) struct Window<const BIDS: bool> {
    steps: Steps,
    /// [`STEPS`]; zero: there is no window.
    span: u64,
    /// The words that it may span: of prices that there are.
    first_word: u64,
    last_word: u64,
    /// The lowest rank in it: a multiple of 64.
    low: u64,
    /// No word above it has a level.
    top_word: u64,
    qtys: Box<[u64; STEPS]>,
    words: Box<[u64; WORDS as usize]>,
}

/// Zeros, on the heap from the beginning.
#[expect(clippy::unnecessary_box_returns, reason = "half a megabyte is not to lie on the stack")]
fn zeros<const COUNT: usize>() -> Box<[u64; COUNT]> {
    // A vector of `COUNT` is an array of `COUNT`.
    vec![0; COUNT].into_boxed_slice().try_into().unwrap_or_else(|_| Box::new([0; COUNT]))
}

impl<const BIDS: bool> Window<BIDS> {
    /// An empty one of prices of this step; zero, or so wide that prices end before the window does: none.
    pub(super) fn new(step: Price) -> Self {
        let step = step.units().max(0);
        let most = i64::MAX.cast_unsigned() / step.cast_unsigned().max(1);
        let words = most / WORD as u64;
        let is_none = step == 0 || words < WORDS;
        let (first_word, last_word) = if is_none {
            (0, WORDS - 1)
        } else if BIDS {
            (0, words - 1)
        } else {
            (!(words - 1) & (u64::MAX >> 6), u64::MAX >> 6)
        };
        Self {
            steps: Steps::new(step.max(1)),
            span: if is_none { 0 } else { STEPS as u64 },
            first_word,
            last_word,
            low: first_word * WORD as u64,
            top_word: first_word,
            qtys: zeros(),
            words: zeros(),
        }
    }

    /// Removes all levels.
    pub(super) fn clear(&mut self) {
        self.words.fill(0);
        self.top_word = self.low_word();
    }

    /// Whether there is a window at all.
    pub(super) const fn is_there(&self) -> bool {
        self.span != 0
    }

    #[inline]
    const fn low_word(&self) -> u64 {
        self.low / WORD as u64
    }

    #[inline]
    const fn place_of_word(word: u64) -> usize {
        (word % WORDS) as usize
    }

    #[inline]
    const fn price(&self, rank: u64) -> Price {
        let count = if BIDS { rank } else { !rank };
        // A rank of the window is that of a price.
        Price::from_units(count.cast_signed().wrapping_mul(self.steps.step))
    }

    /// The rank of a price, if it lies in the window.
    #[inline]
    fn rank(&self, price: Price) -> Option<u64> {
        let count = self.steps.count(price);
        let rank = if BIDS { count } else { !count };
        (rank.wrapping_sub(self.low) < self.span).then_some(rank)
    }

    /// The best price that would lie in it.
    pub(super) const fn best_possible(&self) -> Price {
        self.price(self.low.wrapping_add(STEPS as u64 - 1))
    }

    /// The worst.
    pub(super) const fn worst_possible(&self) -> Price {
        self.price(self.low)
    }

    /// Sets levels in their order. Those that lie elsewhere, and how many levels there are more, are for `elsewhere`
    /// and `counted` to deal with.
    ///
    /// # Errors
    /// What the two give: the levels from there on are not set.
    #[inline]
    pub(super) fn set_all<E>(
        &mut self,
        levels: impl Iterator<Item = Level>,
        mut counted: impl FnMut(isize) -> Result<(), E>,
        mut elsewhere: impl FnMut(Level) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut top_word = self.top_word;
        // The word of the level before stays in a register: neighbours are in the same one, and a load of what was just
        // written waits.
        let mut at = Self::place_of_word(top_word);
        let mut bits = self.words[at];
        let mut result = Ok(());
        for level in levels {
            result = if let Some(rank) = self.rank(level.price) {
                let (word, bit) = (rank / WORD as u64, rank % WORD as u64);
                let place = Self::place_of_word(word);
                if place != at {
                    self.words[at] = bits;
                    (at, bits) = (place, self.words[place]);
                }
                let is_there = u64::from(!level.qty.is_zero());
                self.qtys[rank as usize % STEPS] = level.qty.units();
                let was_there = bits >> bit & 1;
                bits = bits & !(1 << bit) | is_there << bit;
                top_word = top_word.max(if is_there == 0 { 0 } else { word });
                counted(is_there as isize - was_there as isize)
            } else {
                elsewhere(level)
            };
            if result.is_err() {
                break;
            }
        }
        self.words[at] = bits;
        self.top_word = top_word;
        result
    }

    /// What lies at a price of the window; zero: nothing. None: it lies elsewhere.
    pub(super) fn get(&self, price: Price) -> Option<Qty> {
        let rank = self.rank(price)?;
        let bits = self.words[Self::place_of_word(rank / WORD as u64)];
        let is_there = bits >> (rank % WORD as u64) & 1 != 0;
        let units = if is_there { self.qtys[rank as usize % STEPS] } else { 0 };
        Some(Qty::from_units(units))
    }

    /// All levels, the best first.
    #[inline]
    pub(super) fn iter(&self) -> Levels<'_, BIDS> {
        let word = self.top_word;
        Levels { window: self, word, bits: self.words[Self::place_of_word(word)] }
    }

    /// The word of the best level; none in an empty window.
    #[inline]
    pub(super) fn best_word(&mut self) -> Option<u64> {
        let low = self.low_word();
        while self.words[Self::place_of_word(self.top_word)] == 0 {
            if self.top_word == low {
                return None;
            }
            self.top_word -= 1;
        }
        Some(self.top_word)
    }

    /// The word of a price, also of one between two steps or elsewhere.
    pub(super) fn word_of(&self, price: Price) -> u64 {
        let count = (price.units().max(0) / self.steps.step).cast_unsigned();
        (if BIDS { count } else { !count }) / WORD as u64
    }

    /// The word that it would begin with so that `word`, where the best is, has enough of it on both sides; none: it
    /// is where it should be.
    ///
    /// An eighth of it is for better prices, where the market rises above it. Where it falls into the lower half, the
    /// window follows by an eighth more.
    #[inline]
    pub(super) fn wanted(&self, word: u64) -> Option<u64> {
        let low = self.low_word();
        if word.wrapping_sub(low) < WORDS && word - low >= WORDS / 2 || !self.is_there() {
            return None;
        }
        let wanted = if word > low && word - low >= WORDS {
            word - (WORDS - 1 - WORDS / 8)
        } else {
            word.saturating_sub(WORDS / 2 + WORDS / 8)
        };
        let wanted = wanted.clamp(self.first_word, self.last_word - (WORDS - 1));
        (wanted != low).then_some(wanted)
    }

    /// Lets it begin with another word. Levels that do not lie in it any more are handed to `leaves`.
    ///
    /// # Errors
    /// What that gives: the window has to be [cleared](Self::clear).
    pub(super) fn move_to<E>(
        &mut self,
        low_word: u64,
        mut leaves: impl FnMut(Level) -> Result<(), E>,
    ) -> Result<(), E> {
        let old = self.low_word();
        for word in old..old + WORDS {
            if word >= low_word && word - low_word < WORDS {
                continue;
            }
            let mut bits = mem::take(&mut self.words[Self::place_of_word(word)]);
            while bits != 0 {
                let rank = word * WORD as u64 + u64::from(bits.trailing_zeros());
                bits &= bits - 1;
                let qty = Qty::from_units(self.qtys[rank as usize % STEPS]);
                leaves(Level { price: self.price(rank), qty })?;
            }
        }
        self.low = low_word * WORD as u64;
        self.top_word = self.top_word.clamp(low_word, low_word + (WORDS - 1));
        Ok(())
    }
}

/// The levels of a window, the best first.
#[derive(Clone, Debug)]
pub(super) struct Levels<'a, const BIDS: bool> {
    window: &'a Window<BIDS>,
    word: u64,
    bits: u64,
}

impl<const BIDS: bool> Iterator for Levels<'_, BIDS> {
    type Item = Level;

    #[inline]
    fn next(&mut self) -> Option<Level> {
        while self.bits == 0 {
            if self.word == self.window.low_word() {
                return None;
            }
            self.word -= 1;
            self.bits = self.window.words[Window::<BIDS>::place_of_word(self.word)];
        }
        let bit = self.bits.ilog2();
        self.bits ^= 1 << bit;
        let rank = self.word * WORD as u64 + u64::from(bit);
        let qty = Qty::from_units(self.window.qtys[rank as usize % STEPS]);
        Some(Level { price: self.window.price(rank), qty })
    }
}
