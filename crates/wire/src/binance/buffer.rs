//! What a decoder keeps between messages: room for levels and for unescaped texts.

use tiercel_types::market::Level;

use super::blocks::Blocks;

/// The most bytes of a stream's name or a symbol that came with escapes. Without escapes a text
/// is borrowed from the message and has no bound.
pub(super) const TEXT_LIMIT: usize = 64;

/// The levels of one side of one message.
#[derive(Clone, Debug)]
pub(super) struct LevelBuffer {
    slots: Box<[Level]>,
    len: usize,
}

impl LevelBuffer {
    pub(super) fn new(limit: usize) -> Self {
        Self { slots: vec![Level::default(); limit].into_boxed_slice(), len: 0 }
    }

    pub(super) const fn clear(&mut self) {
        self.len = 0;
    }

    pub(super) const fn limit(&self) -> usize {
        self.slots.len()
    }

    /// Appends a level; false when the buffer is full.
    #[inline]
    pub(super) fn push(&mut self, level: Level) -> bool {
        let slot = self.slots.get_mut(self.len);
        let fits = slot.is_some();
        if let Some(slot) = slot {
            *slot = level;
            self.len += 1;
        }
        fits
    }

    /// Starts over, for one pass that keeps its place out of the buffer until it ends.
    #[inline(always)]
    pub(super) fn writer(&mut self) -> LevelWriter<'_> {
        let limit = self.slots.len();
        LevelWriter { slots: self.slots.iter_mut(), len: &mut self.len, limit }
    }

    /// Room for some levels from that place on, if there is any; they count once [`Self::set_len`] says so.
    #[inline(always)]
    pub(super) fn room<const N: usize>(&mut self, place: usize) -> Option<&mut [Level; N]> {
        self.slots.get_mut(place..)?.first_chunk_mut()
    }

    /// So many levels are there.
    #[inline(always)]
    pub(super) const fn set_len(&mut self, len: usize) {
        self.len = len;
    }

    #[inline]
    pub(super) fn levels(&self) -> &[Level] {
        &self.slots[..self.len]
    }
}

/// Fills a [`LevelBuffer`]; what it wrote counts once it is finished.
pub(super) struct LevelWriter<'a> {
    slots: core::slice::IterMut<'a, Level>,
    len: &'a mut usize,
    limit: usize,
}

impl LevelWriter<'_> {
    /// Appends a level; none when the buffer is full.
    #[inline(always)]
    pub(super) fn push(&mut self, level: Level) -> Option<()> {
        *self.slots.next()? = level;
        Some(())
    }

    #[inline(always)]
    pub(super) fn finish(self) {
        *self.len = self.limit - self.slots.len();
    }
}

/// All of a decoder's buffers.
#[derive(Clone, Debug)]
pub(super) struct Buffers {
    pub(super) bids: LevelBuffer,
    pub(super) asks: LevelBuffer,
    pub(super) blocks: Box<Blocks>,
    pub(super) stream: [u8; TEXT_LIMIT],
    pub(super) symbol: [u8; TEXT_LIMIT],
}
