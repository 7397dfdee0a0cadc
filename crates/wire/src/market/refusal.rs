//! Why the venue does not tell what was asked for, and why something is missing.

use core::fmt;

use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::binary::field::{Field, FieldValue, codes};

codes! {
    /// Why a subscription is refused.
    Refusal {
        /// What came was no record; the connection ends.
        Malformed = 1 => "malformed",
        /// Another protocol, or a version that the venue does not speak; the connection ends.
        Version = 2 => "version",
        /// There is no such instrument.
        UnknownInstrument = 3 => "unknown_instrument",
        /// Only the venue sends such records; the connection ends.
        Misplaced = 4 => "misplaced",
    }
    /// Why something is missing.
    Interruption {
        /// The reader took too little: it was not told of a while.
        TooSlow = 1 => "too_slow",
        /// The source of the data does not answer, or is left.
        SourceLost = 2 => "source_lost",
        /// The source left something out.
        Gap = 3 => "gap",
    }
}
