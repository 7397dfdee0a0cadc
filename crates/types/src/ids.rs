//! Identifiers.

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Defines an integer newtype that is a byte-copyable record field.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash,
            FromBytes, IntoBytes, Immutable, KnownLayout,
        )]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

id! {
    /// An order's public id, unique for ever: shard in the top 16 bits, counter in the rest.
    ///
    /// Zero means "none": the engine assigns one, or the order is named by its client order id.
    OrderId(u64)
}
id! {
    /// An order list's id: shard in the top 16 bits, a counter of its own in the rest. Zero: none.
    ListId(u64)
}
id! {
    /// A trade's id, counted per instrument from 1.
    TradeId(u64)
}
id! {
    /// An instrument, numbered by the operator, below [`InstrumentId::LIMIT`].
    InstrumentId(u32)
}
id! {
    /// An account, numbered by the operator, below [`AccountId::LIMIT`]. Account 0 is the venue's
    /// own: it receives the fees.
    AccountId(u32)
}
id! {
    /// An asset, numbered by the operator, below [`AssetId::LIMIT`].
    AssetId(u32)
}
id! {
    /// Nanoseconds since the Unix epoch.
    Timestamp(u64)
}

impl OrderId {
    /// No order id given.
    pub const NONE: Self = Self(0);

    /// The id that `shard` gives to its `counter`-th order. The counter is below 2^48.
    #[inline]
    pub const fn new(shard: u16, counter: u64) -> Self {
        Self(((shard as u64) << 48) | counter)
    }

    /// True when no id is given.
    #[inline]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl InstrumentId {
    /// In a mass cancel: every instrument.
    pub const ALL: Self = Self(u32::MAX);
    /// Instruments are numbered below this: they index tables.
    pub const LIMIT: u32 = 65_536;
}

impl AccountId {
    /// The venue's own account.
    pub const VENUE: Self = Self(0);
    /// In a mass cancel: every account. In a funds movement: outside the venue.
    pub const ALL: Self = Self(u32::MAX);
    /// Accounts are numbered below this: they index tables.
    pub const LIMIT: u32 = 1 << 24;
}

impl AssetId {
    /// Assets are numbered below this: they index tables.
    pub const LIMIT: u32 = 4_096;
}
