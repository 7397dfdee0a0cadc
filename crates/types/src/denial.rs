//! Why a command is denied: stable codes, each naming the field at fault.

use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// Defines the denial reasons with code, text, field and meaning.
macro_rules! denials {
    ($($(#[$doc:meta])+ $name:ident = $code:literal, $text:literal, $field:literal;)+) => {
        /// Why a command was denied.
        ///
        /// Numbers and texts are stable: they are never reused or renamed.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            TryFromBytes, IntoBytes, Immutable, KnownLayout,
        )]
        #[repr(u16)]
        pub enum DenialReason {
            $($(#[$doc])+ $name = $code),+
        }

        impl DenialReason {
            /// Every reason, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable text code, such as `PRICE_NOT_ON_TICK`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }

            /// The command's field at fault; empty when none is.
            pub const fn field(self) -> &'static str {
                match self {
                    $(Self::$name => $field),+
                }
            }
        }
    };
}

denials! {
    /// No such instrument.
    UnknownInstrument = 1, "UNKNOWN_INSTRUMENT", "instrument";
    /// No such account.
    UnknownAccount = 2, "UNKNOWN_ACCOUNT", "account";
    /// No such asset.
    UnknownAsset = 3, "UNKNOWN_ASSET", "asset";
    /// No such live order of this account.
    UnknownOrder = 4, "UNKNOWN_ORDER", "order_id";
    /// No such trade, or one too old to be changed.
    UnknownTrade = 5, "UNKNOWN_TRADE", "trade_id";
    /// The account may only cancel and query.
    AccountBlocked = 6, "ACCOUNT_BLOCKED", "account";
    /// The instrument takes no orders now.
    NotTrading = 7, "NOT_TRADING", "instrument";
    /// The order id may not be given here, or has to be.
    OrderIdNotAllowed = 8, "ORDER_ID_NOT_ALLOWED", "order_id";
    /// A live order has this order id.
    DuplicateOrderId = 9, "DUPLICATE_ORDER_ID", "order_id";
    /// A live order of the account has this client order id.
    DuplicateClientOrderId = 10, "DUPLICATE_CLIENT_ORDER_ID", "client_order_id";
    /// A limit order needs a price; no price is negative.
    PriceRequired = 11, "PRICE_REQUIRED", "price";
    /// Not a multiple of the tick.
    PriceNotOnTick = 12, "PRICE_NOT_ON_TICK", "price";
    /// Below the instrument's lowest price.
    PriceTooLow = 13, "PRICE_TOO_LOW", "price";
    /// Above the instrument's highest price.
    PriceTooHigh = 14, "PRICE_TOO_HIGH", "price";
    /// Too far from the reference price.
    PriceOutOfBand = 15, "PRICE_OUT_OF_BAND", "price";
    /// No quantity given.
    QtyRequired = 16, "QTY_REQUIRED", "qty";
    /// Not a multiple of the lot.
    QtyNotOnLot = 17, "QTY_NOT_ON_LOT", "qty";
    /// Below the smallest order.
    QtyTooSmall = 18, "QTY_TOO_SMALL", "qty";
    /// Above the largest order.
    QtyTooLarge = 19, "QTY_TOO_LARGE", "qty";
    /// Worth less than the smallest order.
    NotionalTooSmall = 20, "NOTIONAL_TOO_SMALL", "qty";
    /// Worth more than the largest order.
    NotionalTooLarge = 21, "NOTIONAL_TOO_LARGE", "qty";
    /// A quote amount goes with market orders alone, and instead of a quantity.
    QuoteQtyNotAllowed = 22, "QUOTE_QTY_NOT_ALLOWED", "quote_qty";
    /// An iceberg rests: it is a limit or post-only order that is neither IOC nor FOK.
    DisplayQtyNotAllowed = 23, "DISPLAY_QTY_NOT_ALLOWED", "display_qty";
    /// The visible slice is no multiple of the lot, or exceeds the quantity.
    DisplayQtyInvalid = 24, "DISPLAY_QTY_INVALID", "display_qty";
    /// The iceberg would show too many slices.
    TooManyIcebergParts = 25, "TOO_MANY_ICEBERG_PARTS", "display_qty";
    /// This kind of order cannot live so long, or so short.
    TimeInForceNotAllowed = 26, "TIME_IN_FORCE_NOT_ALLOWED", "time_in_force";
    /// Good-till-date needs an expire time in the future; others none.
    ExpireTimeInvalid = 27, "EXPIRE_TIME_INVALID", "expire_time";
    /// A post-only order, or any order before the open, would trade.
    WouldMatch = 28, "WOULD_MATCH", "price";
    /// Market orders wait for the open.
    MarketNotOpen = 29, "MARKET_NOT_OPEN", "kind";
    /// Nothing to trade with: the opposite side is empty (within the protection price).
    NoLiquidity = 30, "NO_LIQUIDITY", "kind";
    /// The account has not enough free funds.
    InsufficientFunds = 31, "INSUFFICIENT_FUNDS", "account";
    /// The account has as many live orders as it may.
    TooManyOpenOrders = 32, "TOO_MANY_OPEN_ORDERS", "account";
    /// An amendment that changes nothing.
    NothingToAmend = 33, "NOTHING_TO_AMEND", "qty";
    /// The replacement is for another instrument or account than its target.
    ReplacementMismatch = 34, "REPLACEMENT_MISMATCH", "order";
    /// An asset, account or instrument number beyond its limit.
    IdOutOfRange = 35, "ID_OUT_OF_RANGE", "id";
    /// The asset exists.
    DuplicateAsset = 36, "DUPLICATE_ASSET", "asset";
    /// The instrument exists.
    DuplicateInstrument = 37, "DUPLICATE_INSTRUMENT", "instrument";
    /// The symbol or code is empty, or another has it.
    SymbolInvalid = 38, "SYMBOL_INVALID", "symbol";
    /// The terms contradict each other or lie outside what the engine can count.
    TermsInvalid = 39, "TERMS_INVALID", "spec";
    /// Assets never change, tick and lot only while no order rests.
    TermsFixed = 40, "TERMS_FIXED", "spec";
    /// The instrument is in that state.
    StateUnchanged = 41, "STATE_UNCHANGED", "state";
    /// Amounts are above zero and below 2^100 units.
    AmountInvalid = 42, "AMOUNT_INVALID", "amount";
    /// Older than the funding ids that are remembered: it may have been done.
    FundingIdTooOld = 43, "FUNDING_ID_TOO_OLD", "funding_id";
    /// Zero is no funding id.
    FundingIdInvalid = 44, "FUNDING_ID_INVALID", "funding_id";
    /// The trade was busted.
    TradeBusted = 45, "TRADE_BUSTED", "trade_id";
    /// The corrected quantity is more than what was traded.
    CorrectionInvalid = 46, "CORRECTION_INVALID", "qty";
    /// This engine keeps no accounts.
    NoAccounts = 47, "NO_ACCOUNTS", "account";
    /// A transfer goes from one account to another.
    TransferToSelf = 48, "TRANSFER_TO_SELF", "to";
    /// Order ids are used up (2^48 for a shard).
    OrderIdsExhausted = 49, "ORDER_IDS_EXHAUSTED", "order_id";
    /// A reserved field is not zero.
    ReservedFieldSet = 50, "RESERVED_FIELD_SET", "reserved";
    /// A term that does not go with this kind of order.
    TermNotAllowed = 51, "TERM_NOT_ALLOWED", "terms";
    /// A trigger or activation price that is missing, no multiple of the tick, or out of bounds.
    TriggerPriceInvalid = 52, "TRIGGER_PRICE_INVALID", "trigger_price";
    /// The last trade meets the trigger already.
    WouldTrigger = 53, "WOULD_TRIGGER", "trigger_price";
    /// A trailing stop needs either an amount in ticks or 1 to 9,999 basis points.
    TrailingInvalid = 54, "TRAILING_INVALID", "trailing_amount";
    /// The condition is no tree of at most 8 leaves, or a leaf compares what cannot be.
    ConditionInvalid = 55, "CONDITION_INVALID", "condition";
    /// A condition on an instrument that is not of this engine.
    ConditionInstrument = 56, "CONDITION_INSTRUMENT", "condition";
    /// The condition was not staged right before.
    ConditionMissing = 57, "CONDITION_MISSING", "terms";
    /// The list's orders were not staged right before, or not as many as it has.
    LegsMissing = 58, "LEGS_MISSING", "legs";
    /// The list's orders do not go together: another account, instrument or side.
    LegMismatch = 59, "LEG_MISMATCH", "legs";
    /// An order of a list can only be cancelled.
    OrderInList = 60, "ORDER_IN_LIST", "order_id";
    /// An order that waits can only be cancelled.
    OrderWaits = 61, "ORDER_WAITS", "order_id";
    /// No more than three orders are staged.
    TooManyLegs = 62, "TOO_MANY_LEGS", "legs";
    /// The instrument does not count its 24 h volume.
    VolumeNotTracked = 63, "VOLUME_NOT_TRACKED", "condition";
    /// A term that does not go with this allocation.
    AllocationTermNotAllowed = 70, "ALLOCATION_TERM_NOT_ALLOWED", "allocation";
    /// A quantity that is no multiple of the lot, or a minimum above its maximum.
    AllocationQtyInvalid = 71, "ALLOCATION_QTY_INVALID", "top_min_qty";
    /// More than the whole is given away.
    AllocationShareInvalid = 72, "ALLOCATION_SHARE_INVALID", "fifo_ppm";
    /// A market maker without a share, a share without an account, or one that is named twice.
    MarketMakerInvalid = 73, "MARKET_MAKER_INVALID", "market_makers";
    /// Terms that do not go together: more than one of pegged, all-or-none and hidden, a minimum
    /// quantity with one of the first two, an offset without a peg.
    TermsDoNotCombine = 80, "TERMS_DO_NOT_COMBINE", "terms";
    /// No order of a list is pegged, all-or-none, hidden, market-to-limit or of a minimum quantity.
    SpecialOrderInList = 81, "SPECIAL_ORDER_IN_LIST", "terms";
    /// No order that is pegged, all-or-none or market-to-limit waits for a trigger.
    SpecialOrderWaits = 82, "SPECIAL_ORDER_WAITS", "trigger";
    /// Pegged, all-or-none and hidden orders need levels that are filled first come, first served.
    AllocationNotFifo = 83, "ALLOCATION_NOT_FIFO", "terms";
    /// Unseen orders rest: their levels are filled first come, first served.
    SpecialOrdersRest = 84, "SPECIAL_ORDERS_REST", "allocation";
    /// Pegged and all-or-none orders and minimum quantities need an open instrument.
    NotContinuous = 85, "NOT_CONTINUOUS", "instrument";
    /// A hidden order is a limit order that may rest, and no iceberg.
    HiddenNotAllowed = 86, "HIDDEN_NOT_ALLOWED", "hidden";
    /// A pegged order is a limit order that may rest, no iceberg, and its instrument has no
    /// negative prices.
    PegNotAllowed = 87, "PEG_NOT_ALLOWED", "peg";
    /// Negative, no multiple of the tick, or of a market peg below one tick.
    PegOffsetInvalid = 88, "PEG_OFFSET_INVALID", "peg_offset";
    /// What a pegged buy reserves is bounded by its limit: it needs one.
    PegLimitRequired = 89, "PEG_LIMIT_REQUIRED", "price";
    /// As many different unseen orders rest on the side as can be looked after.
    UnseenGroupsFull = 90, "UNSEEN_GROUPS_FULL", "terms";
    /// An all-or-none order is a limit order that may rest, and no iceberg.
    AllOrNoneNotAllowed = 91, "ALL_OR_NONE_NOT_ALLOWED", "all_or_none";
    /// A minimum goes with a quantity, and neither with post-only nor with fill-or-kill.
    MinQtyNotAllowed = 92, "MIN_QTY_NOT_ALLOWED", "min_qty";
    /// No multiple of the lot, or more than the order's quantity.
    MinQtyInvalid = 93, "MIN_QTY_INVALID", "min_qty";
    /// The book gives this kind of order its price.
    PriceNotAllowed = 94, "PRICE_NOT_ALLOWED", "price";
    /// A pegged or all-or-none order cannot be amended.
    OrderIsUnseen = 95, "ORDER_IS_UNSEEN", "order_id";
    /// A bound round the reference price is negative, or no multiple of the tick.
    AuctionBoundInvalid = 100, "AUCTION_BOUND_INVALID", "bound";
    /// Nothing trades at once while orders are collected for an auction.
    ImmediateInCall = 101, "IMMEDIATE_IN_CALL", "time_in_force";
    /// A market order that buys in an auction needs a price up to which its funds are reserved.
    ProtectionRequired = 102, "PROTECTION_REQUIRED", "price";
    /// In an auction orders are by quantity alone.
    QuoteQtyInAuction = 103, "QUOTE_QTY_IN_AUCTION", "quote_qty";
    /// A call has to say for which auction it is.
    AuctionKindRequired = 104, "AUCTION_KIND_REQUIRED", "auction";
    /// A call ends in the future.
    CallEndInvalid = 105, "CALL_END_INVALID", "ends_at";
    /// A call that ends by itself leads to open or closed.
    CallThenInvalid = 106, "CALL_THEN_INVALID", "then";
    /// More would trade beyond the bounds of the auction's price than within them.
    AuctionOutOfBounds = 107, "AUCTION_OUT_OF_BOUNDS", "state";
    /// The book is crossed: only an auction leads to such a state.
    BookCrossed = 108, "BOOK_CROSSED", "state";
    /// Only limit orders for an auction are for its imbalance alone.
    ImbalanceOnlyNotAllowed = 109, "IMBALANCE_ONLY_NOT_ALLOWED", "imbalance_only";
    /// The account's kill switch is on, or the venue's: only cancels and queries.
    KillSwitchOn = 120, "KILL_SWITCH_ON", "account";
    /// Zero is no session.
    SessionRequired = 121, "SESSION_REQUIRED", "session";
    /// As many countdowns are armed as there may be.
    TooManyCountdowns = 122, "TOO_MANY_COUNTDOWNS", "account";
    /// A state that cannot be asked for.
    StateNotAllowed = 123, "STATE_NOT_ALLOWED", "state";
    /// A phase is scheduled in the future, one at a time.
    ScheduleTimeInvalid = 124, "SCHEDULE_TIME_INVALID", "at";
    /// As many phases of the instrument are scheduled as there may be.
    TooManyPhases = 125, "TOO_MANY_PHASES", "at";
    /// No such phase is scheduled.
    PhaseNotScheduled = 126, "PHASE_NOT_SCHEDULED", "at";
    /// Bands and durations that do not go together, or that the instrument cannot have.
    ProtectionInvalid = 127, "PROTECTION_INVALID", "protections";
    /// Beyond the instrument's limit bands.
    PriceBeyondLimit = 128, "PRICE_BEYOND_LIMIT", "price";
}

impl core::fmt::Display for DenialReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_texts_are_unique() {
        let mut texts: Vec<_> = DenialReason::ALL.iter().map(|reason| reason.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), DenialReason::ALL.len());
    }
}
