//! What auctions say of themselves.

use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::order::code;

code! {
    /// Which auction orders are collected for.
    AuctionKind {
        /// None: there is no call.
        None = 0 => "none",
        /// That which opens the day.
        Opening = 1 => "opening",
        /// That which closes it.
        Closing = 2 => "closing",
        /// One within the day.
        Intraday = 3 => "intraday",
        /// One that interrupts trading because the price moved far.
        Volatility = 4 => "volatility",
    }
}

code! {
    /// What a surplus that is all on one side does to an auction's price.
    Pressure {
        /// Nothing.
        Ignored = 0 => "ignored",
        /// Buyers left everywhere: the highest price; sellers left everywhere: the lowest.
        Side = 1 => "side",
        /// The same; and if it changes sides, the prices next to the change.
        Narrow = 2 => "narrow",
    }
}

code! {
    /// What the reference price decides of an auction's price.
    TieBreak {
        /// It is the price, clamped into the range that is left.
        Clamp = 0 => "clamp",
        /// The limit nearest to it is the price; of two the higher.
        Nearest = 1 => "nearest",
    }
}

code! {
    /// Which price an auction refers to, as it is when the call begins.
    AuctionReference {
        /// The last trade's; before the first trade that of the terms.
        Last = 0 => "last",
        /// That of the terms.
        Terms = 1 => "terms",
        /// The middle between best bid and best ask; if a side is empty, or they cross, as
        /// [`Last`](Self::Last).
        Midpoint = 2 => "midpoint",
    }
}
