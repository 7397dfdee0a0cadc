//! The types of fields: numbers, ids, texts and codes, little-endian as they lie in memory.

use core::fmt;

use tiercel_types::auction::AuctionKind;
use tiercel_types::command::ConditionLeaf;
use tiercel_types::market::Level;
use tiercel_types::order::{
    AmendQtyMeaning, ConditionField, EndReason, ListKind, OrderKind, Peg, PendingRule,
    SelfTradePrevention, Side, SideScope, TimeInForce, Trigger, WaitState,
};
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, InstrumentId, InstrumentState, ListId, Money, OrderId,
    Price, Qty, Symbol, Timestamp, TradeId,
};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::piece::{HIGH, ONES};

/// What a field holds, as a listing shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// A whole number.
    Number(u64),
    /// A price.
    Price(Price),
    /// A quantity.
    Qty(Qty),
    /// An amount of an asset.
    Money(Money),
    /// A comparison.
    Leaf(ConditionLeaf),
    /// Levels of a book; those at the end that are zero are none.
    Levels(&'a [Level]),
    /// The stable text of a code.
    Word(&'static str),
    /// A text without its padding.
    Text(&'a [u8]),
    /// Bytes of no meaning here, in hexadecimal.
    Bytes(&'a [u8]),
}

impl fmt::Display for FieldValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Price(price) => price.fmt(f),
            Self::Qty(qty) => qty.fmt(f),
            Self::Money(money) => money.fmt(f),
            Self::Leaf(leaf) => {
                write!(f, "{}.{}{}", leaf.instrument, leaf.field, leaf.comparison)?;
                match leaf.field {
                    ConditionField::Volume24h => Qty::from_units(leaf.value as u64).fmt(f),
                    _ => Price::from_units(leaf.value).fmt(f),
                }
            }
            Self::Levels(levels) => {
                let set = levels.iter().rposition(|level| *level != Level::default());
                for (at, level) in levels[..set.map_or(0, |last| last + 1)].iter().enumerate() {
                    let comma = if at == 0 { "" } else { "," };
                    write!(f, "{comma}{}@{}", level.qty, level.price)?;
                }
                Ok(())
            }
            Self::Word(word) => f.write_str(word),
            Self::Text(text) => text.escape_ascii().fmt(f),
            Self::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

/// A type that a field can have. A code's bytes are checked by its own type; what more there is to
/// check, `is_well_formed` does.
pub(crate) trait Field: TryFromBytes {
    /// Whether the value is one that the protocol allows.
    #[inline(always)]
    fn is_well_formed(&self) -> bool {
        true
    }

    /// What a listing shows; `None` of what is not to be looked at.
    fn show(&self) -> Option<FieldValue<'_>>;
}

macro_rules! number_fields {
    ($($type:ty => $value:expr),+ $(,)?) => {
        $(impl Field for $type {
            fn show(&self) -> Option<FieldValue<'_>> {
                let number: fn(&$type) -> u64 = $value;
                Some(FieldValue::Number(number(self)))
            }
        })+
    };
}
number_fields! {
    u8 => |number| u64::from(*number),
    u16 => |number| u64::from(*number),
    u32 => |number| u64::from(*number),
    u64 => |number| *number,
    OrderId => |id| id.0,
    ListId => |id| id.0,
    TradeId => |id| id.0,
    AccountId => |id| u64::from(id.0),
    AssetId => |id| u64::from(id.0),
    InstrumentId => |id| u64::from(id.0),
    Timestamp => |time| time.0,
}

macro_rules! word_fields {
    ($($type:ty),+ $(,)?) => {
        $(impl Field for $type {
            fn show(&self) -> Option<FieldValue<'_>> {
                Some(FieldValue::Word(self.as_str()))
            }
        })+
    };
}
word_fields!(
    AmendQtyMeaning,
    AuctionKind,
    EndReason,
    InstrumentState,
    ListKind,
    OrderKind,
    Peg,
    PendingRule,
    SelfTradePrevention,
    Side,
    SideScope,
    TimeInForce,
    Trigger,
    WaitState,
);

macro_rules! value_fields {
    ($($type:ident),+ $(,)?) => {
        $(impl Field for $type {
            fn show(&self) -> Option<FieldValue<'_>> {
                Some(FieldValue::$type(*self))
            }
        })+
    };
}
value_fields!(Price, Qty, Money);

impl Field for Level {
    fn show(&self) -> Option<FieldValue<'_>> {
        Some(FieldValue::Levels(core::slice::from_ref(self)))
    }
}

impl<const N: usize> Field for [Level; N] {
    fn show(&self) -> Option<FieldValue<'_>> {
        Some(FieldValue::Levels(self))
    }
}

impl Field for ConditionLeaf {
    #[inline]
    fn is_well_formed(&self) -> bool {
        self.reserved == [0; 2]
    }

    fn show(&self) -> Option<FieldValue<'_>> {
        (*self != Self::NONE).then_some(FieldValue::Leaf(*self))
    }
}

/// Reserved bytes: zero, so that they may get a meaning.
impl<const N: usize> Field for [u8; N] {
    #[inline(always)]
    fn is_well_formed(&self) -> bool {
        *self == [0; N]
    }

    fn show(&self) -> Option<FieldValue<'_>> {
        None
    }
}

/// Bytes that mean something elsewhere: a nonce, a part of a signature.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct Opaque<const N: usize>(pub [u8; N]);

impl<const N: usize> fmt::Debug for Opaque<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opaque({})", FieldValue::Bytes(&self.0))
    }
}

impl<const N: usize> Field for Opaque<N> {
    fn show(&self) -> Option<FieldValue<'_>> {
        Some(FieldValue::Bytes(&self.0))
    }
}

/// A text of printable ASCII, padded with zeros.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct Text<const N: usize>([u8; N]);

/// A client's own name for an order, of at most 16 characters. A longer one stands in an extension,
/// [`LongId`](super::LongId).
pub type ClientId = Text<16>;

impl<const N: usize> Text<N> {
    /// No text.
    pub const EMPTY: Self = Self([0; N]);

    /// The text; `None` when it is longer than the field, or not printable ASCII.
    #[inline]
    pub fn new(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; N];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        text.iter().all(|byte| (b' '..=b'~').contains(byte)).then_some(Self(bytes))
    }

    /// The first characters of a text that may be too long; nothing if they are not printable.
    pub fn part(text: &[u8]) -> Self {
        Self::new(&text[..text.len().min(N)]).unwrap_or(Self::EMPTY)
    }

    /// The text without its padding.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(N);
        &self.0[..end]
    }

    /// All bytes of the field.
    #[inline]
    pub const fn padded(&self) -> &[u8; N] {
        &self.0
    }

    /// Whether there is no text.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.0[0] == 0
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

impl<const N: usize> Field for Text<N> {
    /// Eight bytes at a time, and one branch for all: this is asked of every client id.
    #[inline(always)]
    fn is_well_formed(&self) -> bool {
        let (words, rest) = self.0.as_chunks::<8>();
        debug_assert!(rest.is_empty(), "the texts of this protocol are whole words");
        // The highest bit of each byte is set where something is wrong. No sum carries into the next
        // byte: where one could, a byte of 0x80 or more is wrong already.
        let (mut wrong, mut before) = (0, HIGH);
        for word in words.iter().map(|word| u64::from_le_bytes(*word)) {
            let used = word.wrapping_add(0x7F * ONES);
            let printable = word.wrapping_add(0x60 * ONES);
            let delete = word.wrapping_add(ONES);
            // What stands behind a zero.
            let behind = used & !((used << 8) | (before >> 56));
            wrong |= word | (used ^ printable) | delete | behind;
            before = used;
        }
        wrong & HIGH == 0
    }

    fn show(&self) -> Option<FieldValue<'_>> {
        Some(FieldValue::Text(self.as_bytes()))
    }
}

/// Texts of the engine's own.
macro_rules! text_fields {
    ($($type:ty),+ $(,)?) => {
        $(impl Field for $type {
            #[inline]
            fn is_well_formed(&self) -> bool {
                Self::is_well_formed(self)
            }

            fn show(&self) -> Option<FieldValue<'_>> {
                Some(FieldValue::Text(self.as_bytes()))
            }
        })+
    };
}
text_fields!(ClientOrderId, Symbol);

/// Defines a one-byte code with its stable texts.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident {
        $($(#[$vdoc:meta])* $variant:ident = $value:literal => $text:literal),+ $(,)?
    })+) => {
        $($(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, TryFromBytes, IntoBytes, Immutable,
            KnownLayout,
        )]
        #[repr(u8)]
        pub enum $name {
            $($(#[$vdoc])* $variant = $value),+
        }

        impl $name {
            /// Every value, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable text.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Field for $name {
            fn show(&self) -> Option<FieldValue<'_>> {
                Some(FieldValue::Word(self.as_str()))
            }
        })+
    };
}

codes! {
    /// Yes or no.
    Flag {
        /// No.
        No = 0 => "no",
        /// Yes.
        Yes = 1 => "yes",
    }
    /// How a login is signed.
    SignatureScheme {
        /// HMAC-SHA256 with the key's secret: 32 bytes.
        HmacSha256 = 1 => "hmac_sha256",
        /// Ed25519 with the key's private key: 64 bytes.
        Ed25519 = 2 => "ed25519",
    }
    /// Why a login is refused.
    LoginRefusal {
        /// No version that both sides speak.
        Version = 1 => "version",
        /// No such key, or one that may not trade, or the signature is wrong: no one is told which.
        Credentials = 2 => "credentials",
        /// The session has a connection.
        LoggedOn = 3 => "logged_on",
        /// A record was asked for that was never sent: what the two sides remember does not agree.
        Sequence = 4 => "sequence",
        /// As many sessions are logged on as there may be.
        TooMany = 5 => "too_many",
        /// The venue takes no logins now.
        Closed = 6 => "closed",
        /// Something else came than what belongs to a login.
        Malformed = 7 => "malformed",
        /// It came too late.
        Timeout = 8 => "timeout",
    }
    /// Why a session ends.
    LogoutReason {
        /// Somebody wanted it to.
        Asked = 0 => "asked",
        /// A number came that was used before.
        SequenceTooLow = 1 => "sequence_too_low",
        /// What came was no record, or none that belongs there.
        Malformed = 2 => "malformed",
        /// Nothing came for too long.
        Silence = 3 => "silence",
        /// The venue stops.
        Stopping = 4 => "stopping",
        /// Its key was revoked.
        Revoked = 5 => "revoked",
        /// It did not read what was sent to it.
        TooSlow = 6 => "too_slow",
        /// Another connection took the session over.
        TakenOver = 7 => "taken_over",
    }
    /// Who refused a request.
    RejectSource {
        /// The engine: the reason is a denial of its.
        Engine = 0 => "engine",
        /// The gateway: the reason is a [`Fault`](super::Fault)'s code.
        Gateway = 1 => "gateway",
    }
    /// Which of a request's client ids a long one stands for.
    IdRole {
        /// The order's own.
        Own = 0 => "own",
        /// That of the order which is cancelled, replaced or amended.
        Target = 1 => "target",
        /// The one that an amended order has from now on.
        New = 2 => "new",
    }
    /// What happened to a trade afterwards.
    TradeChange {
        /// It is undone.
        Busted = 0 => "busted",
        /// It has other terms.
        Corrected = 1 => "corrected",
    }
}

pub(crate) use codes;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_printable_and_then_zeros() {
        let judged = |bytes: [u8; 16]| ClientId::read_from_bytes(&bytes).unwrap().is_well_formed();
        for length in 0..=16 {
            for (at, byte) in [(0, b'~'), (length, 0), (15, b'x')] {
                let mut bytes = [0; 16];
                bytes[..length].fill(b' ');
                if let Some(place) = bytes.get_mut(at.min(15)) {
                    *place = byte;
                }
                let expected = {
                    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(16);
                    bytes[end..].iter().all(|byte| *byte == 0)
                };
                assert_eq!(judged(bytes), expected, "{bytes:?}");
            }
        }
        for byte in 0..=u8::MAX {
            for at in [0, 7, 8, 15] {
                let mut bytes = *b"abcdefghijklmnop";
                bytes[at] = byte;
                let is_printable = (b' '..=b'~').contains(&byte);
                assert_eq!(judged(bytes), is_printable || (byte == 0 && at == 15), "{byte} {at}");
            }
        }
    }
}
