//! A strategy's state as bytes: words of eight, the lowest byte first.

use core::slice::ChunksExact;

use tiercel_book::signal::SignalStateError;
use tiercel_types::{Price, Qty, Side, Timestamp};

use crate::{StateError, Strategy};

impl From<SignalStateError> for StateError {
    fn from(error: SignalStateError) -> Self {
        Self::Field { field: error.field }
    }
}

/// The first word of a state: whose it is, and in which version of its layout.
pub(crate) const fn header(name: &str, version: u64) -> u64 {
    // FNV-1a (Fowler, Noll, Vo), 64 bits.
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ version;
    let (bytes, mut at) = (name.as_bytes(), 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

/// Where the words of a state go.
pub(crate) fn writer(out: &mut Vec<u8>, header: u64) -> impl FnMut(u64) + '_ {
    out.extend_from_slice(&header.to_le_bytes());
    |word| out.extend_from_slice(&word.to_le_bytes())
}

/// The words of a state, one after the other.
pub(crate) struct Reader<'a> {
    words: ChunksExact<'a, u8>,
}

impl<'a> Reader<'a> {
    /// The words of a state of `strategy`, behind the header.
    pub(crate) fn new(
        strategy: &impl Strategy,
        header: u64,
        state: &'a [u8],
    ) -> Result<Self, StateError> {
        let mut now = Vec::new();
        strategy.save(&mut now);
        if state.len() != now.len() {
            return Err(StateError::Length { expected: now.len(), found: state.len() });
        }
        let mut reader = Self { words: state.chunks_exact(8) };
        reader.word("header", |&word| word == header)?;
        Ok(reader)
    }

    /// The next word, which has to hold.
    pub(crate) fn word(
        &mut self,
        field: &'static str,
        holds: impl FnOnce(&u64) -> bool,
    ) -> Result<u64, StateError> {
        self.next().filter(holds).ok_or(StateError::Field { field })
    }

    /// A word of which all values are possible.
    pub(crate) fn any(&mut self, field: &'static str) -> Result<u64, StateError> {
        self.word(field, |_| true)
    }

    pub(crate) fn flag(&mut self, field: &'static str) -> Result<bool, StateError> {
        Ok(self.word(field, |&word| word <= 1)? == 1)
    }

    pub(crate) fn integer(&mut self, field: &'static str) -> Result<i64, StateError> {
        Ok(self.any(field)?.cast_signed())
    }

    pub(crate) fn price(&mut self, field: &'static str) -> Result<Price, StateError> {
        Ok(Price::from_units(self.integer(field)?))
    }

    pub(crate) fn qty(&mut self, field: &'static str) -> Result<Qty, StateError> {
        Ok(Qty::from_units(self.any(field)?))
    }

    pub(crate) fn time(&mut self, field: &'static str) -> Result<Timestamp, StateError> {
        Ok(Timestamp(self.any(field)?))
    }

    pub(crate) fn side(&mut self, field: &'static str) -> Result<Side, StateError> {
        Ok(if self.flag(field)? { Side::Sell } else { Side::Buy })
    }
}

impl Iterator for Reader<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let word = self.words.next()?;
        Some(word.iter().rev().fold(0, |word, &byte| (word << 8) | u64::from(byte)))
    }
}
