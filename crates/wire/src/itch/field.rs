//! The types of fields: big-endian integers, padded texts, prices and codes.

use core::fmt;
use core::marker::PhantomData;

use tiercel_types::{Price, Side};
use zerocopy::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What a field holds, for listings and comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// A whole number.
    Number(u64),
    /// A price: an integer with this many decimals.
    Price {
        /// The integer on the wire.
        raw: u64,
        /// Its decimals: 4 or 8.
        decimals: u8,
    },
    /// A text with its padding.
    Text(&'a [u8]),
    /// A one-byte code.
    Code(u8),
}

impl fmt::Display for FieldValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Number(number) => number.fmt(f),
            Self::Price { raw, decimals } => {
                let one = 10_u64.pow(u32::from(decimals));
                write!(f, "{}.{:0width$}", raw / one, raw % one, width = usize::from(decimals))
            }
            Self::Text(text) => text.trim_ascii_end().escape_ascii().fmt(f),
            Self::Code(code) => code.escape_ascii().fmt(f),
        }
    }
}

/// A type that a field can have, here and in OUCH.
pub(crate) trait Field {
    /// Whether decoding accepts what the field holds.
    #[inline(always)]
    fn is_valid(&self) -> bool {
        true
    }
    /// The field as a listing shows it.
    fn show(&self) -> FieldValue<'_>;
}

/// A type that a field of ITCH can have.
pub(crate) trait Counted: Field {
    /// The field as the checksum counts it.
    fn bits(&self) -> u64;
}

macro_rules! integer_fields {
    ($($type:ty),+) => {
        $(impl Field for $type {
            fn show(&self) -> FieldValue<'_> {
                FieldValue::Number(self.bits())
            }
        }

        impl Counted for $type {
            #[inline(always)]
            fn bits(&self) -> u64 {
                u64::from(self.get())
            }
        })+
    };
}
integer_fields!(U16, U32, U64, Time);

/// Nanoseconds since midnight in six bytes.
#[derive(
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Time {
    high: U16,
    low: U32,
}

impl Time {
    /// The largest time: 2^48 - 1 ns, over three days.
    pub const NS_MAX: u64 = (1 << 48) - 1;

    /// The time; `None` above [`Self::NS_MAX`].
    pub const fn new(ns: u64) -> Option<Self> {
        if ns > Self::NS_MAX {
            return None;
        }
        Some(Self { high: U16::new((ns >> 32) as u16), low: U32::new(ns as u32) })
    }

    /// Nanoseconds since midnight.
    #[inline(always)]
    pub const fn get(self) -> u64 {
        ((self.high.get() as u64) << 32) | self.low.get() as u64
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Time({} ns)", self.get())
    }
}

/// A text, left-justified and padded with spaces on the right.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(transparent)]
pub struct Text<const N: usize>([u8; N]);

impl<const N: usize> Text<N> {
    /// The text, padded; `None` when it is longer than the field.
    pub fn new(text: &[u8]) -> Option<Self> {
        let mut bytes = [b' '; N];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self(bytes))
    }

    /// Padding alone: no text.
    pub const fn padding() -> Self {
        Self([b' '; N])
    }

    /// All bytes, padding included.
    #[inline]
    pub const fn padded(&self) -> &[u8; N] {
        &self.0
    }

    /// The bytes without the padding.
    pub fn trimmed(&self) -> &[u8] {
        self.0.trim_ascii_end()
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl<const N: usize> Field for Text<N> {
    fn show(&self) -> FieldValue<'_> {
        FieldValue::Text(&self.0)
    }
}

macro_rules! text_fields {
    ($($size:literal as $integer:ty),+) => {
        $(impl Counted for Text<$size> {
            #[inline(always)]
            fn bits(&self) -> u64 {
                u64::from(<$integer>::from_be_bytes(self.0))
            }
        })+
    };
}
text_fields!(2 as u16, 4 as u32, 8 as u64);

macro_rules! price_fields {
    ($($(#[$doc:meta])* $name:ident($wire:ty, $raw:ty), $decimals:literal;)+) => {
        $($(#[$doc])*
        #[derive(
            Clone, Copy, Default, PartialEq, Eq, Hash,
            FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
        )]
        #[repr(transparent)]
        pub struct $name($wire);

        impl $name {
            /// The price of this integer.
            pub const fn new(raw: $raw) -> Self {
                Self(<$wire>::new(raw))
            }

            /// The integer on the wire.
            #[inline(always)]
            pub const fn get(self) -> $raw {
                self.0.get()
            }
        }

        impl Field for $name {
            fn show(&self) -> FieldValue<'_> {
                FieldValue::Price { raw: self.bits(), decimals: $decimals }
            }
        }

        impl Counted for $name {
            #[inline(always)]
            fn bits(&self) -> u64 {
                u64::from(self.get())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.show().fmt(f)
            }
        })+
    };
}
pub(crate) use price_fields;

price_fields! {
    /// A price with four decimals.
    Price4(U32, u32), 4;
    /// A price with eight decimals.
    Price8(U64, u64), 8;
}

impl Price4 {
    /// The price in units of 10^-8.
    #[inline]
    pub const fn price(self) -> Price {
        Price::from_units(self.get() as i64 * 10_000)
    }
}

/// A descriptive code that passes unchecked: Nasdaq adds values without a new protocol version.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(transparent)]
pub struct Code(pub u8);

impl Field for Code {
    fn show(&self) -> FieldValue<'_> {
        FieldValue::Code(self.0)
    }
}

impl Counted for Code {
    #[inline(always)]
    fn bits(&self) -> u64 {
        u64::from(self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.escape_ascii())
    }
}

/// A byte without a meaning. Kept as it came, so that encoding restores it; the checksum counts
/// it as 0.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(transparent)]
pub struct Reserved(pub u8);

impl Default for Reserved {
    fn default() -> Self {
        Self(b' ')
    }
}

impl Field for Reserved {
    fn show(&self) -> FieldValue<'_> {
        FieldValue::Code(self.0)
    }
}

impl Counted for Reserved {
    #[inline(always)]
    fn bits(&self) -> u64 {
        0
    }
}

impl fmt::Debug for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Code(self.0).fmt(f)
    }
}

/// A code whose values are all known, as its byte.
pub trait KnownCode: Copy {
    /// Whether the byte is one of the values.
    fn knows(byte: u8) -> bool;
    /// The value of the byte; the first value for a byte that is none.
    fn from_known(byte: u8) -> Self;
    /// The byte of the value.
    fn byte(self) -> u8;
}

/// A field that holds one of the values of `E`: decoding refuses a message with any other.
// A byte and not the enum itself, whose own check would branch on each value; see `knows`.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(transparent)]
pub struct Coded<E> {
    byte: u8,
    code: PhantomData<E>,
}

impl<E: KnownCode> Coded<E> {
    /// The field with this value.
    pub fn new(value: E) -> Self {
        Self { byte: value.byte(), code: PhantomData }
    }

    /// The value.
    #[inline(always)]
    pub fn get(self) -> E {
        E::from_known(self.byte)
    }
}

impl<E: KnownCode> From<E> for Coded<E> {
    fn from(value: E) -> Self {
        Self::new(value)
    }
}

impl<E: KnownCode> Field for Coded<E> {
    #[inline(always)]
    fn is_valid(&self) -> bool {
        E::knows(self.byte)
    }

    fn show(&self) -> FieldValue<'_> {
        FieldValue::Code(self.byte)
    }
}

impl<E: KnownCode> Counted for Coded<E> {
    #[inline(always)]
    fn bits(&self) -> u64 {
        u64::from(self.byte)
    }
}

impl<E> fmt::Debug for Coded<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Code(self.byte).fmt(f)
    }
}

/// Defines a one-byte code whose values are all known.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident {
        $(#[$firstdoc:meta])* $first:ident = $firstbyte:literal,
        $($(#[$vdoc:meta])* $variant:ident = $byte:literal),+ $(,)?
    })+) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name {
            $(#[$firstdoc])* $first = $firstbyte,
            $($(#[$vdoc])* $variant = $byte),+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[Self::$first, $(Self::$variant),+];
        }

        impl KnownCode for $name {
            #[inline(always)]
            fn knows(byte: u8) -> bool {
                // A table and not comparisons, which the compiler makes a branch for each value:
                // the side of an order is as hard to predict as a coin.
                const KNOWN: [bool; 256] = {
                    let mut known = [false; 256];
                    known[$firstbyte as usize] = true;
                    $(known[$byte as usize] = true;)+
                    known
                };
                KNOWN[byte as usize]
            }

            #[inline(always)]
            fn from_known(byte: u8) -> Self {
                match byte {
                    $($byte => Self::$variant,)+
                    _ => Self::$first,
                }
            }

            #[inline(always)]
            fn byte(self) -> u8 {
                self as u8
            }
        })+
    };
}
pub(crate) use codes;

codes! {
    /// The side of an order.
    BuySell {
        /// A bid.
        Buy = b'B',
        /// An ask.
        Sell = b'S',
    }
    /// Whether an execution counts in the volume.
    Printable {
        /// It counts.
        Yes = b'Y',
        /// It does not: a cross will report it in bulk.
        No = b'N',
    }
    /// Where the day stands.
    EventCode {
        /// The first message of the day.
        StartOfMessages = b'O',
        /// Orders can be entered.
        StartOfSystemHours = b'S',
        /// The market opens.
        StartOfMarketHours = b'Q',
        /// The market closes.
        EndOfMarketHours = b'M',
        /// No more orders can be entered.
        EndOfSystemHours = b'E',
        /// The last message of the day.
        EndOfMessages = b'C',
    }
    /// Whether an instrument trades.
    TradingState {
        /// Halted on all US markets.
        Halted = b'H',
        /// Paused on all US markets.
        Paused = b'P',
        /// Quotes only.
        QuotationOnly = b'Q',
        /// Trading.
        Trading = b'T',
    }
    /// Whether short sales are restricted (Regulation SHO, rule 201).
    ShortSaleAction {
        /// No restriction.
        None = b'0',
        /// Restricted since a fall in price today.
        Intraday = b'1',
        /// Restriction of the day before remains.
        Remains = b'2',
    }
    /// Whether an operational halt of one market begins or ends.
    HaltAction {
        /// Halted.
        Halted = b'H',
        /// Trading again.
        Resumed = b'T',
    }
    /// Which decline level of the market-wide circuit breaker was breached.
    BreachedLevel {
        /// Level 1.
        One = b'1',
        /// Level 2.
        Two = b'2',
        /// Level 3.
        Three = b'3',
    }
    /// Whether a release of quotations is still to come.
    ReleaseQualifier {
        /// Expected at the time given.
        Anticipated = b'A',
        /// Cancelled or postponed.
        Cancelled = b'C',
    }
}

impl BuySell {
    /// The side in our own words.
    #[inline(always)]
    pub const fn side(self) -> Side {
        match self {
            Self::Buy => Side::Buy,
            Self::Sell => Side::Sell,
        }
    }
}

impl From<Side> for BuySell {
    fn from(side: Side) -> Self {
        match side {
            Side::Buy => Self::Buy,
            Side::Sell => Self::Sell,
        }
    }
}
