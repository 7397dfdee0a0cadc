//! What a decoder keeps between messages: room for levels and for unescaped texts.

use tiercel_types::market::Level;

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

    #[inline]
    pub(super) fn levels(&self) -> &[Level] {
        &self.slots[..self.len]
    }
}

/// All of a decoder's buffers.
#[derive(Clone, Debug)]
pub(super) struct Buffers {
    pub(super) bids: LevelBuffer,
    pub(super) asks: LevelBuffer,
    pub(super) stream: [u8; TEXT_LIMIT],
    pub(super) symbol: [u8; TEXT_LIMIT],
}
