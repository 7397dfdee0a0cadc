//! How an instrument's orders are matched.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::Qty;
use crate::ids::{AccountId, InstrumentId};
use crate::order::code;

code! {
    /// How the orders at one price share what a taker takes there.
    Allocation {
        /// First come, first served.
        Fifo = 0 => "fifo",
        /// By their size, after those that come first by the other rules.
        ProRata = 1 => "pro_rata",
    }
}

/// Most market makers that an instrument's rules name.
pub const MARKET_MAKERS_MAX: usize = 4;

/// An account whose orders are given a share before others.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct MarketMaker {
    /// Whose orders.
    pub account: AccountId,
    /// Their share of what a taker takes at a level, in ppm.
    pub share_ppm: u32,
}

/// Sets how an instrument's orders at one price are filled.
///
/// ```
/// use tiercel_types::command::{MarketMaker, SetMatchingRules};
/// use tiercel_types::{AccountId, InstrumentId, Qty};
///
/// // Top order first, then a quarter for account 7, 40% of the rest first come, first served, and
/// // what is left by size, no share below two lots.
/// let lots = |count: u64| Qty::from_units(count * 100_000_000);
/// let rules = SetMatchingRules::pro_rata(InstrumentId(1), lots(2))
///     .with_top(lots(1), Qty::ZERO)
///     .with_market_makers([MarketMaker { account: AccountId(7), share_ppm: 250_000 }])
///     .with_fifo_part(400_000);
/// assert_eq!(rules.top, 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SetMatchingRules {
    /// Which instrument.
    pub instrument: InstrumentId,
    /// How orders at one price share.
    pub allocation: Allocation,
    /// One: the order that bettered the market comes first.
    pub top: u8,
    /// Zero.
    pub reserved: [u8; 2],
    /// How much is given in queue order before the rest is shared pro rata, in ppm.
    pub fifo_ppm: u32,
    /// Zero.
    pub reserved_too: [u8; 4],
    /// A pro-rata share below this is none; zero: none is too small.
    pub minimum_allocation: Qty,
    /// What an order has to display to become the top order; zero: any may.
    pub top_min_qty: Qty,
    /// The most that the top order is given before others, each time; zero: no limit.
    pub top_max_qty: Qty,
    /// Who is given a share before others; all zero: nobody.
    pub market_makers: [MarketMaker; MARKET_MAKERS_MAX],
}

impl SetMatchingRules {
    /// First come, first served: how every instrument starts.
    pub fn fifo(instrument: InstrumentId) -> Self {
        Self {
            instrument,
            allocation: Allocation::Fifo,
            top: 0,
            reserved: [0; 2],
            fifo_ppm: 0,
            reserved_too: [0; 4],
            minimum_allocation: Qty::ZERO,
            top_min_qty: Qty::ZERO,
            top_max_qty: Qty::ZERO,
            market_makers: [MarketMaker::default(); MARKET_MAKERS_MAX],
        }
    }

    /// Pro rata; shares below `minimum_allocation` are none, and what is left goes in queue order.
    pub fn pro_rata(instrument: InstrumentId, minimum_allocation: Qty) -> Self {
        Self { allocation: Allocation::ProRata, minimum_allocation, ..Self::fifo(instrument) }
    }

    /// The same, with the order that bettered the market first; a zero bound is none.
    #[must_use]
    pub fn with_top(self, min_qty: Qty, max_qty: Qty) -> Self {
        Self { top: 1, top_min_qty: min_qty, top_max_qty: max_qty, ..self }
    }

    /// The same, with so much of the rest in queue order before it is shared pro rata.
    #[must_use]
    pub fn with_fifo_part(self, fifo_ppm: u32) -> Self {
        Self { fifo_ppm, ..self }
    }

    /// The same, with shares for the orders of these accounts.
    #[must_use]
    pub fn with_market_makers<const N: usize>(mut self, makers: [MarketMaker; N]) -> Self {
        const { assert!(N <= MARKET_MAKERS_MAX, "at most four market makers") };
        self.market_makers = [MarketMaker::default(); MARKET_MAKERS_MAX];
        self.market_makers[..N].copy_from_slice(&makers);
        self
    }
}
