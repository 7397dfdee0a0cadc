//! One side of an aggregated book: sorted blocks of levels under a sorted directory.
//!
//! ```text
//!   directory (worst level of each block, sorted):   60000   61200   61650   61790
//!                                                      |       |       |       |
//!   blocks of at most 64 levels, worst to best:      [....]  [......] [...]  [.....]  <- touch
//! ```
//!
//! A change searches the directory by halves and one block by quarters, without a branch to foresee, and moves
//! at most one block's levels: what it costs does not grow with the depth of the book. Of a real
//! feed half of the changes are more than 64 levels away from the touch, and four in five add or
//! remove a level; in one sorted array each of them moved some two hundred levels.
//!
//! Two neighbours always hold more than [`MERGE`] levels together, which bounds the number of blocks.

use core::mem;

use thiserror::Error;
use tiercel_types::Price;
use tiercel_types::market::Level;

/// The most levels in a block.
const BLOCK: usize = 64;
/// Neighbours with no more levels than this together become one.
const MERGE: usize = 32;

const _: () = assert!(BLOCK == 64, "a block is searched in three steps, of 16, 4 and 1");
const _: () = assert!(MERGE <= BLOCK / 2, "two neighbours fit one block");

/// Bids (`BIDS`, best is highest) or asks (best is lowest): one side of an aggregated book.
#[derive(Clone, Debug)]
pub struct Ladder<const BIDS: bool> {
    /// The rank of each block's worst level, in rising order. It may lie below it after the worst
    /// was removed: it only has to part the blocks.
    worst: Vec<i64>,
    /// Which block it is: an index into `blocks`.
    ids: Vec<u32>,
    blocks: Vec<Block>,
    /// Blocks that are not in use.
    free: Vec<u32>,
    count: usize,
    limit: usize,
}

/// Some neighbouring levels, worst first.
#[derive(Clone, Debug)]
struct Block {
    len: usize,
    levels: [Level; BLOCK],
}

/// The ladder holds as many levels as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the side holds as many levels as it may")]
pub struct Full;

impl Block {
    const EMPTY: Self = Self {
        len: 0,
        levels: [Level { price: Price::ZERO, qty: tiercel_types::Qty::ZERO }; BLOCK],
    };

    #[inline]
    fn levels(&self) -> &[Level] {
        &self.levels[..self.len]
    }

    /// How many levels have a lower rank, of levels in rising order: by quarters, so that each of the three steps
    /// compares several at once, and none waits for a branch.
    #[inline]
    fn lower<const BIDS: bool>(&self, rank: i64) -> usize {
        let is_lower = |at: usize| {
            let below = Ladder::<BIDS>::rank(self.levels[at % BLOCK].price) < rank;
            usize::from(below) & usize::from(at < self.len)
        };
        let mut at = 0;
        for step in [BLOCK / 4, BLOCK / 16] {
            let passed =
                is_lower(at + step - 1) + is_lower(at + 2 * step - 1) + is_lower(at + 3 * step - 1);
            at += passed * step;
        }
        at + is_lower(at) + is_lower(at + 1) + is_lower(at + 2) + is_lower(at + 3)
    }

    #[inline]
    fn insert(&mut self, at: usize, level: Level) {
        self.levels.copy_within(at..self.len, at + 1);
        self.levels[at] = level;
        self.len += 1;
    }

    #[inline]
    fn remove(&mut self, at: usize) {
        self.levels.copy_within(at + 1..self.len, at);
        self.len -= 1;
    }
}

/// A ladder that grows with its levels, without a limit.
impl<const BIDS: bool> Default for Ladder<BIDS> {
    fn default() -> Self {
        Self {
            worst: Vec::new(),
            ids: Vec::new(),
            blocks: Vec::new(),
            free: Vec::new(),
            count: 0,
            limit: usize::MAX,
        }
    }
}

/// Two ladders are equal that hold the same levels.
impl<const BIDS: bool> PartialEq for Ladder<BIDS> {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.iter().eq(other.iter())
    }
}

impl<const BIDS: bool> Eq for Ladder<BIDS> {}

impl<const BIDS: bool> Ladder<BIDS> {
    /// An empty side for at most `limit` levels: allocated now, and never later.
    pub fn new(limit: usize) -> Self {
        // Neighbours hold more than MERGE together, so 2 / MERGE blocks a level are enough; two
        // more for a split and an odd one.
        let blocks = 2 * limit / MERGE + 3;
        Self {
            worst: Vec::with_capacity(blocks),
            ids: Vec::with_capacity(blocks),
            blocks: vec![Block::EMPTY; blocks],
            free: (0..blocks as u32).rev().collect(),
            count: 0,
            limit,
        }
    }

    /// Higher is better.
    #[inline]
    pub(super) const fn rank(price: Price) -> i64 {
        // Complement, unlike negation, is defined for every value.
        if BIDS { price.units() } else { !price.units() }
    }

    #[inline]
    fn block(&self, place: usize) -> &Block {
        &self.blocks[self.ids[place] as usize]
    }

    #[inline]
    fn block_mut(&mut self, place: usize) -> &mut Block {
        &mut self.blocks[self.ids[place] as usize]
    }

    /// The best level.
    #[inline]
    pub fn best(&self) -> Option<Level> {
        let &id = self.ids.last()?;
        self.blocks[id as usize].levels().last().copied()
    }

    /// How many levels there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All levels, best first.
    pub fn iter(&self) -> impl Iterator<Item = &Level> {
        (0..self.ids.len()).rev().flat_map(|place| self.block(place).levels().iter().rev())
    }

    pub(super) fn clear(&mut self) {
        self.free.extend(self.ids.drain(..).rev());
        self.worst.clear();
        self.count = 0;
    }

    pub(super) fn get(&self, price: Price) -> Option<Level> {
        let (place, at) = self.position(Self::rank(price))?;
        self.block(place).levels().get(at).copied().filter(|level| level.price == price)
    }

    /// The block of the directory, and the place in it, where a level of this rank is or belongs;
    /// none in an empty ladder.
    #[inline]
    fn position(&self, rank: i64) -> Option<(usize, usize)> {
        let last = self.ids.len().checked_sub(1)?;
        let place = if rank >= self.worst[last] {
            last
        } else {
            self.worst[..last].partition_point(|&worst| worst <= rank).saturating_sub(1)
        };
        Some((place, self.block(place).lower::<BIDS>(rank)))
    }

    /// Sets a level; quantity zero removes it, or does nothing where there is none.
    ///
    /// # Errors
    /// [`Full`], of a ladder that was made with a limit: the level is not there.
    #[inline]
    pub fn set(&mut self, level: Level) -> Result<(), Full> {
        let rank = Self::rank(level.price);
        let Some((place, at)) = self.position(rank) else {
            return self.set_first(level);
        };
        let block = self.block_mut(place);
        if at < block.len && block.levels[at].price == level.price {
            if level.qty.is_zero() {
                block.remove(at);
                let few = block.len < MERGE;
                self.count -= 1;
                if few {
                    self.rebalance(place);
                }
            } else {
                block.levels[at].qty = level.qty;
            }
        } else if !level.qty.is_zero() {
            if self.count == self.limit {
                return Err(Full);
            }
            let (place, at) =
                if self.block(place).len < BLOCK { (place, at) } else { self.split(place, at) };
            self.block_mut(place).insert(at, level);
            // Only the first block can take a level below its own worst.
            self.worst[place] = self.worst[place].min(rank);
            self.count += 1;
        }
        Ok(())
    }

    /// Sets a level of an empty ladder.
    #[cold]
    fn set_first(&mut self, level: Level) -> Result<(), Full> {
        if level.qty.is_zero() {
            return Ok(());
        }
        if self.limit == 0 {
            return Err(Full);
        }
        self.add_block(0, Self::rank(level.price));
        self.block_mut(0).insert(0, level);
        self.count = 1;
        Ok(())
    }

    /// Takes an empty block into the directory.
    fn add_block(&mut self, place: usize, worst: i64) {
        let id = self.free.pop().unwrap_or_else(|| self.more());
        self.blocks[id as usize].len = 0;
        self.ids.insert(place, id);
        self.worst.insert(place, worst);
    }

    /// A block more than there were. The rule of neighbours bounds them by what [`new`](Self::new) has made:
    /// only a ladder without a limit comes here.
    #[cold]
    fn more(&mut self) -> u32 {
        debug_assert_eq!(self.limit, usize::MAX, "there are blocks for `limit` levels");
        self.blocks.push(Block::EMPTY);
        self.blocks.len() as u32 - 1
    }

    /// Gives a block back.
    fn drop_block(&mut self, place: usize) {
        self.worst.remove(place);
        self.free.push(self.ids.remove(place));
    }

    /// Moves the better half of a full block to a new one; gives where `at` of the old one is now.
    #[cold]
    #[inline(never)]
    fn split(&mut self, place: usize, at: usize) -> (usize, usize) {
        const HALF: usize = BLOCK / 2;
        let mut better = [Level::default(); HALF];
        let block = self.block_mut(place);
        better.copy_from_slice(&block.levels[HALF..]);
        block.len = HALF;
        self.add_block(place + 1, Self::rank(better[0].price));
        let block = self.block_mut(place + 1);
        block.levels[..HALF].copy_from_slice(&better);
        block.len = HALF;
        if at <= HALF { (place, at) } else { (place + 1, at - HALF) }
    }

    /// After a removal: joins a block that has become small with a neighbour.
    #[inline(never)]
    fn rebalance(&mut self, place: usize) {
        let len = self.block(place).len;
        let last = self.ids.len() - 1;
        if place < last && len + self.block(place + 1).len <= MERGE {
            self.raise(place);
        } else if place > 0 && len + self.block(place - 1).len <= MERGE {
            self.raise(place - 1);
        } else if len == 0 {
            self.drop_block(place);
        }
    }

    /// Moves all levels of a block to the next better one, which has room for them.
    fn raise(&mut self, place: usize) {
        let mut moved = [Level::default(); BLOCK];
        let block = self.block_mut(place);
        let taken = mem::take(&mut block.len);
        moved[..taken].copy_from_slice(&block.levels[..taken]);
        let next = self.block_mut(place + 1);
        next.levels.copy_within(..next.len, taken);
        next.levels[..taken].copy_from_slice(&moved[..taken]);
        next.len += taken;
        if taken > 0 {
            self.worst[place + 1] = Self::rank(moved[0].price);
        }
        self.drop_block(place);
    }
}
