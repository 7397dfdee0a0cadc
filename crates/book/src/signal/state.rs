//! A signal's state as words, to keep and to take up again.
//!
//! What follows from the rest (sums, ends of intervals) is not kept: it is made anew, so that what is
//! restored cannot contradict itself.

use thiserror::Error;

/// Words that are no state of the signal, or of one with other parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the signal's {field} has a value that it cannot have")]
pub struct SignalStateError {
    /// Which part.
    pub field: &'static str,
}

/// The next word, which has to be there and to hold.
pub(super) fn word(
    words: &mut impl Iterator<Item = u64>,
    field: &'static str,
    holds: impl FnOnce(&u64) -> bool,
) -> Result<u64, SignalStateError> {
    words.next().filter(holds).ok_or(SignalStateError { field })
}

/// A word that is one or zero.
pub(super) fn flag(
    words: &mut impl Iterator<Item = u64>,
    field: &'static str,
) -> Result<bool, SignalStateError> {
    word(words, field, |&flag| flag <= 1).map(|flag| flag == 1)
}
