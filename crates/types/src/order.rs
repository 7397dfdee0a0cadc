//! What an order says of itself.

use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// Defines a one-byte enum that is a checked record field, with its stable text.
macro_rules! code {
    (
        $(#[$doc:meta])* $name:ident {
            $($(#[$vdoc:meta])* $variant:ident = $value:literal => $text:literal),+ $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            TryFromBytes, IntoBytes, Immutable, KnownLayout,
        )]
        #[repr(u8)]
        pub enum $name {
            $($(#[$vdoc])* $variant = $value),+
        }

        impl $name {
            /// Every value, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable text: what files and messages show.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            /// The value whose stable text this is.
            pub fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use code;

code! {
    /// Which side of the market.
    Side {
        /// Bids.
        Buy = 0 => "buy",
        /// Asks.
        Sell = 1 => "sell",
    }
}

impl Side {
    /// The other side.
    #[inline]
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// 0 for buy, 1 for sell: an index into per-side pairs.
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }
}

code! {
    /// How an order meets the book.
    OrderKind {
        /// Trades at its price or better; the rest waits at its price.
        Limit = 0 => "limit",
        /// Trades at the best prices there are, up to its protection price; never rests.
        Market = 1 => "market",
        /// A limit order that is denied if it would trade on entry.
        PostOnly = 2 => "post_only",
        /// A limit order whose limit is the best displayed price that it meets on entry.
        MarketToLimit = 3 => "market_to_limit",
    }
}

code! {
    /// How long an order lives.
    TimeInForce {
        /// Good till cancelled.
        Gtc = 0 => "gtc",
        /// Good for the day: expires when its instrument closes.
        Day = 1 => "day",
        /// Immediate or cancel: what does not trade at once ends.
        Ioc = 2 => "ioc",
        /// Fill or kill: trades in full at once, or not at all.
        Fok = 3 => "fok",
        /// Good till date: expires at its expire time.
        Gtd = 4 => "gtd",
        /// For the next opening auction alone: what does not trade in it ends with it.
        AtOpen = 5 => "at_open",
        /// For the next closing auction alone; it also ends when its instrument closes.
        AtClose = 6 => "at_close",
        /// For the next auction, whichever it is.
        AtAuction = 7 => "at_auction",
    }
}

impl TimeInForce {
    /// Whether such an order takes part in an auction alone.
    #[inline]
    pub const fn is_for_auction(self) -> bool {
        self as u8 >= Self::AtOpen as u8
    }
}

code! {
    /// What happens instead of a trade between orders of one account or one trade group.
    ///
    /// The taker's mode decides, except that [`Transfer`](Self::Transfer) needs both orders to
    /// ask for it. Names and meaning follow Binance's self-trade prevention FAQ.
    SelfTradePrevention {
        /// They trade.
        None = 0 => "none",
        /// The taker's remainder ends.
        ExpireTaker = 1 => "expire_taker",
        /// The maker ends; the taker goes on.
        ExpireMaker = 2 => "expire_maker",
        /// Both end.
        ExpireBoth = 3 => "expire_both",
        /// Both lose the smaller of the two quantities; what is left of the larger goes on.
        Decrement = 4 => "decrement",
        /// As decrement; between two accounts of one group the quantity changes hands, free of
        /// fees and without a trade.
        Transfer = 5 => "transfer",
    }
}

code! {
    /// Why an order's unfilled quantity ended.
    EndReason {
        /// Cancelled by its owner.
        Cancelled = 0 => "cancelled",
        /// Cancelled by a mass cancel.
        MassCancelled = 1 => "mass_cancelled",
        /// Replaced by another order.
        Replaced = 2 => "replaced",
        /// Immediate-or-cancel remainder.
        ImmediateOrCancel = 3 => "immediate_or_cancel",
        /// Fill-or-kill that could not be filled in full.
        FillOrKill = 4 => "fill_or_kill",
        /// A market order met no more liquidity within its protection price.
        NoLiquidity = 5 => "no_liquidity",
        /// A market order by quote amount whose rest buys less than one lot.
        QuoteSpent = 6 => "quote_spent",
        /// Its expire time came.
        Expired = 7 => "expired",
        /// The day ended.
        DayEnded = 8 => "day_ended",
        /// Self-trade prevention.
        SelfTrade = 9 => "self_trade",
        /// An amendment to no more than what was filled already.
        AmendedToFilled = 10 => "amended_to_filled",
        /// It waited, and could not be entered when its time came; the event says why.
        Rejected = 11 => "rejected",
        /// Another order of its list was filled, triggered or ended.
        ListEnded = 12 => "list_ended",
        /// Less than its minimum quantity could trade at once.
        MinimumQty = 13 => "minimum_qty",
        /// The auction that it was for is over.
        AuctionEnded = 16 => "auction_ended",
        /// The account's kill switch, or the venue's, was set.
        KillSwitch = 20 => "kill_switch",
        /// Its session was disconnected.
        Disconnected = 21 => "disconnected",
        /// What it would have traded with lay beyond a price band.
        PriceBand = 22 => "price_band",
        /// Its account's countdown ran out.
        Countdown = 23 => "countdown",
    }
}

code! {
    /// What the quantity of an amendment means.
    AmendQtyMeaning {
        /// The order's total quantity, fills included (as FIX `OrderQty`).
        Total = 0 => "total",
        /// The quantity left open.
        Open = 1 => "open",
    }
}

code! {
    /// Which sides a mass cancel takes.
    SideScope {
        /// Bids and asks.
        Both = 0 => "both",
        /// Bids alone.
        Buy = 1 => "buy",
        /// Asks alone.
        Sell = 2 => "sell",
    }
}

impl SideScope {
    /// Whether the scope takes `side`.
    pub const fn takes(self, side: Side) -> bool {
        matches!((self, side), (Self::Both, _) | (Self::Buy, Side::Buy) | (Self::Sell, Side::Sell))
    }
}

code! {
    /// What an order waits for before it is entered.
    Trigger {
        /// Nothing.
        None = 0 => "none",
        /// A trade against it: at its trigger price or above for a buy, at or below for a sell.
        Stop = 1 => "stop",
        /// A trade in its favour: at its trigger price or below for a buy, at or above for a
        /// sell (market if touched).
        TakeProfit = 2 => "take_profit",
        /// A trade that far behind the best trade since it began to track.
        TrailingStop = 3 => "trailing_stop",
        /// A condition of its own, which is true.
        Condition = 4 => "condition",
    }
}

code! {
    /// What the price of a pegged order follows: the best displayed prices.
    Peg {
        /// Nothing: its price is its limit.
        None = 0 => "none",
        /// The best price of its own side.
        Primary = 1 => "primary",
        /// The middle between the best bid and the best ask.
        Midpoint = 2 => "midpoint",
        /// The best price of the other side.
        Market = 3 => "market",
    }
}

code! {
    /// Where an order that is not in the book stands.
    WaitState {
        /// It waits for its trigger.
        Waiting = 0 => "waiting",
        /// It waits for the working order of its list.
        Pending = 1 => "pending",
        /// It was triggered and waits for its instrument to open.
        Held = 2 => "held",
        /// It waits for its auction.
        Auction = 3 => "auction",
    }
}

code! {
    /// How the orders of a list hang together.
    ListKind {
        /// One cancels the other: two orders of one side.
        Oco = 0 => "oco",
        /// One triggers the other: a working order, then one that is entered when it is filled.
        Oto = 1 => "oto",
        /// One triggers a pair of which one cancels the other: entry, and two exits.
        Otoco = 2 => "otoco",
    }
}

impl ListKind {
    /// How many orders such a list has.
    pub const fn orders(self) -> usize {
        match self {
            Self::Oco | Self::Oto => 2,
            Self::Otoco => 3,
        }
    }
}

code! {
    /// When the pending orders of a list are entered.
    PendingRule {
        /// When the working order is filled in full.
        FullFill = 0 => "full_fill",
        /// With its first fill, for what is filled; they grow with each further fill.
        EachFill = 1 => "each_fill",
    }
}

code! {
    /// What a leaf of a condition looks at.
    ConditionField {
        /// The last trade's price.
        Last = 0 => "last",
        /// The best bid.
        Bid = 1 => "bid",
        /// The best ask.
        Ask = 2 => "ask",
        /// The middle between them.
        Mid = 3 => "mid",
        /// What was traded in the last 24 hours, in the base asset.
        Volume24h = 4 => "volume_24h",
    }
}

code! {
    /// How a leaf of a condition compares.
    Comparison {
        /// Above.
        Above = 0 => ">",
        /// At or above.
        AtLeast = 1 => ">=",
        /// Below.
        Below = 2 => "<",
        /// At or below.
        AtMost = 3 => "<=",
        /// Exactly.
        Equal = 4 => "=",
    }
}
