//! The levels of both sides of a message at once, eight beside each other.
//!
//! ```text
//!   text --> find_ends: a copy of it, and where each level ends
//!        --> gather:    words of each level, a column for each of its parts
//!        --> numbers:   eight levels at once, checked in full
//! ```
//!
//! [`super::fast`] reads one level behind the other: each waits for how long the one before was. Here nothing waits, and
//! what is the same for all levels is done for eight of them by the same instructions. That pays for itself with vectors
//! of 32 bytes and more ([`PAYS`]), and from some levels on; what it does not expect it leaves to the other path.

use tiercel_types::decimal::ONE;
use tiercel_types::market::Level;
use tiercel_types::{Price, Qty};

use super::buffer::LevelBuffer;
use super::digits;
use crate::piece::places;

/// Whether processors of this build have vectors that are wide enough.
pub(super) const PAYS: bool = cfg!(target_feature = "avx2");

/// Bytes of both sides, at least: what is shorter is read level by level as fast.
const TEXT_MIN: usize = 256;
/// Bytes of both sides, at most, a power of two.
const TEXT_MAX: usize = 8 << 10;
/// Levels of a side, at most.
const LEVELS: usize = 64;
/// Levels that are read together.
const LANES: usize = 8;
/// Bytes that are looked at together.
const BLOCK: usize = 64;
/// Brackets of a block, but for what is behind the last level: one has 27 bytes and more, and a list may end between two.
const BLOCK_ENDS: usize = 4;
/// Brackets of both sides, with one for each of the lists, what is behind them, and the place before the first.
const ENDS: usize = 2 * LEVELS + 2 + 2 * BLOCK_ENDS;
/// From a level's first byte on, the bytes that may be looked at: its own, and as many as lengths that are none lead to.
const WINDOW: usize = 96;

/// Behind a price: `","`.
const BETWEEN: u64 = u32::from_le_bytes(*b"\",\"\0") as u64;
/// Behind a quantity: `"],["`, in the high bytes.
const NEXT: u64 = u64::from_le_bytes(*b"\0\0\0\"],[\"");
/// Behind the last one: `"]]`, in the high bytes.
const LAST: u64 = u64::from_le_bytes(*b"\0\0\0\0\0\"]]");
/// So many messages behind one that is not as usual are read one by one: an instrument's are often alike.
const WAITS: u32 = 31;
/// From the end of a level to the next one's price: `],["`.
const TO_NEXT: usize = 4;

/// What is kept between messages, so that it need not be cleared.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    text: [u8; TEXT_MAX + WINDOW],
    /// Where the text has brackets that close. Before the first one of a side stands where its first price would follow
    /// one.
    ends: [u32; ENDS],
    columns: Columns,
    /// How many messages are read one by one before it is tried again.
    waits: u32,
}

/// Words of levels: eight characters each.
#[derive(Clone, Debug)]
struct Columns {
    /// The first of the price.
    price: [u64; LEVELS],
    /// The price's places.
    price_places: [u64; LEVELS],
    /// Behind the price.
    between: [u64; LEVELS],
    /// Of the quantity, up to its point.
    qty: [u64; LEVELS],
    /// The quantity's places.
    qty_places: [u64; LEVELS],
}

impl Blocks {
    pub(super) const fn new() -> Self {
        let column = [0; LEVELS];
        Self {
            text: [0; TEXT_MAX + WINDOW],
            ends: [0; ENDS],
            columns: Columns {
                price: column,
                price_places: column,
                between: column,
                qty: column,
                qty_places: column,
            },
            waits: 0,
        }
    }

    /// Whether it is to be tried with the next message.
    #[inline(always)]
    pub(super) const fn is_to_be_tried(&mut self) -> bool {
        let is_it = self.waits == 0;
        self.waits = self.waits.saturating_sub(1);
        is_it
    }

    /// Reads `[["price","quantity"],...]` for both sides, `between` them; gives what follows. None if anything is not as
    /// it usually is: then sides have any levels.
    #[inline(never)]
    pub(super) fn sides<'m, const N: usize>(
        &mut self,
        text: &'m [u8],
        between: &[u8; N],
        bids: &mut LevelBuffer,
        asks: &mut LevelBuffer,
    ) -> Option<&'m [u8]> {
        if !(TEXT_MIN..TEXT_MAX).contains(&text.len()) {
            return None;
        }
        // Unless all of it is as usual.
        self.waits = WAITS;
        self.find_ends(text)?;
        let (mut place, mut next_end) = (0, 1);
        self.side(text, &mut place, &mut next_end, bids)?;
        if text.get(place..)?.first_chunk::<N>()? != between {
            return None;
        }
        place += N;
        self.side(text, &mut place, &mut next_end, asks)?;
        self.waits = 0;
        // Each byte before that place was looked at, wherever levels were said to end; what is behind the text is of
        // messages before.
        text.get(place..)
    }

    /// Copies the text, and finds where it has brackets that close. None if there are too many.
    #[inline(always)]
    fn find_ends(&mut self, text: &[u8]) -> Option<()> {
        let Self { text: copy, ends, .. } = self;
        let mut count = 1;
        let mut push_ends = |start: u32, mut bits: u64| {
            let found = bits.count_ones() as usize;
            // Without a branch that depends on how many there are: what is behind the last is written over.
            for end in ends.get_mut(count..)?.first_chunk_mut::<BLOCK_ENDS>()? {
                *end = start.wrapping_add(bits.trailing_zeros());
                bits &= bits.wrapping_sub(1);
            }
            count += found;
            Some(())
        };
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        let mut start = 0;
        for (block, copy) in blocks.iter().zip(copy.as_chunks_mut::<BLOCK>().0) {
            *copy = *block;
            push_ends(start, places(b']', block))?;
            start += BLOCK as u32;
        }
        if !rest.is_empty() {
            // The last ones, of which the first were there already.
            let (block, start) = (text.last_chunk::<BLOCK>()?, text.len() - BLOCK);
            *copy.get_mut(start..)?.first_chunk_mut::<BLOCK>()? = *block;
            let before = BLOCK - rest.len();
            push_ends(start as u32, places(b']', block) >> before << before)?;
        }
        Some(())
    }

    /// Reads the levels of a side at `place`, whose ends are at `next_end` and behind it.
    // Once for both sides: between two messages so much else is done that its code has to be fetched again.
    #[inline(never)]
    fn side(
        &mut self,
        text: &[u8],
        place: &mut usize,
        next_end: &mut usize,
        side: &mut LevelBuffer,
    ) -> Option<()> {
        if text.get(*place..)?.starts_with(b"[]") {
            side.clear();
            (*place, *next_end) = (*place + 2, *next_end + 1);
            return Some(());
        }
        let first = *place + b"[[\"".len();
        if text.get(*place..first)? != b"[[\"" {
            return None;
        }
        // All prices of a side have as many digits before the point as its first one, or they are read one by one.
        let start = text.get(first..)?.first_chunk::<8>()?;
        let price_digits = digits::count(digits::values(u64::from_le_bytes(*start))) & 7;
        if price_digits == 0 {
            return None;
        }
        let before = next_end.checked_sub(1)?;
        *self.ends.get_mut(before)? = (first as u32).wrapping_sub(TO_NEXT as u32);
        let ends = self.ends.get(before..)?;
        let count = self.columns.gather(&self.text, ends, price_digits)?;
        let last = usize::try_from(*ends.get(count)?).ok()?;
        self.columns.numbers(ends, price_digits, count, side)?;
        (*place, *next_end) = (last + b"]]".len(), *next_end + count + 1);
        Some(())
    }
}

/// The eight characters from `at` on.
#[inline(always)]
fn word(window: &[u8; WINDOW], at: usize) -> u64 {
    window[at..].first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

impl Columns {
    /// Puts levels into columns, up to the last of a side. `ends` begins with the place before the first one. How many
    /// there are.
    #[inline(always)]
    fn gather(
        &mut self,
        text: &[u8; TEXT_MAX + WINDOW],
        ends: &[u32],
        price_digits: usize,
    ) -> Option<usize> {
        let Self { price, price_places, between, qty, qty_places } = self;
        let prices = price.iter_mut().zip(price_places).zip(between);
        let columns = prices.zip(qty.iter_mut().zip(qty_places));
        let (before, ends) = ends.split_first()?;
        let mut start = before.wrapping_add(TO_NEXT as u32) as usize;
        for (count, (end, columns)) in (1..).zip(ends.iter().zip(columns)) {
            let (((price, price_places), between), (qty, qty_places)) = columns;
            let end = *end as usize;
            // Masked so that no load can be outside: that lengths are right is looked at later.
            let window = text[start & (TEXT_MAX - 1)..].first_chunk::<WINDOW>()?;
            let at = end.wrapping_sub(start + 17) & 63;
            *price = word(window, 0);
            *price_places = word(window, price_digits + 1);
            *between = word(window, price_digits + 9);
            *qty = word(window, at);
            *qty_places = word(window, at + 8);
            let next = word(window, at + 16);
            start = end + TO_NEXT;
            if next << 24 != NEXT {
                return (next << 40 == LAST).then_some(count);
            }
        }
        None
    }

    /// The numbers of `count` levels. None if one of them is none.
    #[inline(always)]
    fn numbers(
        &self,
        ends: &[u32],
        price_digits: usize,
        count: usize,
        side: &mut LevelBuffer,
    ) -> Option<()> {
        let shape = Shape::new(price_digits);
        let mut wrong = [0; LANES];
        for first in (0..count).step_by(LANES) {
            let (not_numbers, levels) = self.row(first, ends, &shape)?;
            for (lane, (wrong, not_a_number)) in (first..).zip(wrong.iter_mut().zip(not_numbers)) {
                *wrong |= if lane < count { not_a_number } else { 0 };
            }
            *side.room(first)? = levels;
        }
        side.set_len(count);
        (wrong == [0; LANES]).then_some(())
    }

    /// Eight levels from the `first` on, and what is wrong with each: nothing if it is zero.
    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "one lane of several columns, which are vectors")]
    fn row(
        &self,
        first: usize,
        ends: &[u32],
        shape: &Shape,
    ) -> Option<([u64; LANES], [Level; LANES])> {
        let ends = ends.get(first..)?.first_chunk::<{ LANES + 1 }>()?;
        let column = |column: &[u64; LEVELS]| column.get(first..)?.first_chunk::<LANES>().copied();
        let price = column(&self.price)?;
        let price_places = column(&self.price_places)?;
        let between = column(&self.between)?;
        let qty = column(&self.qty)?;
        let qty_places = column(&self.qty_places)?;
        let mut wrong = [0; LANES];
        let mut levels = [Level::default(); LANES];
        for lane in 0..LANES {
            let length = u64::from(ends[lane + 1].wrapping_sub(ends[lane]));
            let qty_digits = length.wrapping_sub(shape.beside_qty);

            let price = digits::values(price[lane]);
            let price_whole = price << shape.price_shift;
            let price_places = digits::values(price_places[lane]);
            let price_point = (price >> shape.price_point) & 0xff;

            let qty = digits::values(qty[lane]);
            let qty_point = qty >> 56;
            // Of the seven characters before the point so many are the quantity's: the others are shifted out and back.
            let others = 64_u64.wrapping_sub(qty_digits << 3) & 63;
            let qty_start = (qty << 8) >> others;
            let qty_whole = qty_start << others;
            let qty_places = digits::values(qty_places[lane]);

            let not_digits = digits::not_digits(price_whole)
                | digits::not_digits(price_places)
                | digits::not_digits(qty_whole)
                | digits::not_digits(qty_places);
            // The high bit: a zero before other digits.
            let price_zero = (price & 0xff).wrapping_sub(1) & shape.many_price_digits;
            let qty_zero = (qty_start & 0xff).wrapping_sub(1) & 1_u64.wrapping_sub(qty_digits);
            wrong[lane] = not_digits
                | price_zero
                | (qty_zero & HIGH_BIT)
                | (price_point ^ POINT)
                | (qty_point ^ POINT)
                | ((between[lane] & 0xff_ffff) ^ BETWEEN)
                | (qty_digits & !7);
            let price = decimal(price_whole, price_places);
            levels[lane] = Level {
                price: Price::from_units(price.cast_signed()),
                qty: Qty::from_units(decimal(qty_whole, qty_places)),
            };
        }
        Some((wrong, levels))
    }
}

/// The highest bit of a word.
const HIGH_BIT: u64 = 1 << 63;
/// A decimal point, as [`digits::values`] shows it.
const POINT: u64 = (b'.' ^ b'0') as u64;

/// The number of eight digits before its point and eight behind it, in units of 10^-8.
#[inline(always)]
const fn decimal(whole: u64, places: u64) -> u64 {
    digits::eight(whole).wrapping_mul(ONE).wrapping_add(digits::eight(places))
}

/// What follows from how many digits prices have before the point.
struct Shape {
    /// By how much a price's first word is shifted, so that its digits are at the end.
    price_shift: u64,
    /// Where in that word the point is.
    price_point: u64,
    /// The highest bit, if there are several digits.
    many_price_digits: u64,
    /// From end to end, what is not the quantity's whole part.
    beside_qty: u64,
}

impl Shape {
    const fn new(price_digits: usize) -> Self {
        let digits = price_digits as u64;
        Self {
            price_shift: 64 - 8 * digits,
            price_point: 8 * digits,
            many_price_digits: if digits > 1 { HIGH_BIT } else { 0 },
            beside_qty: digits + 26,
        }
    }
}
