//! The interface's own words.

use tiercel_types::order::Trigger;
use tiercel_types::{EndReason, OrderKind, SelfTradePrevention, Side};

/// Defines an enum of an interface's own words.
#[macro_export]
macro_rules! words {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$word_doc:meta])* $word:ident => $text:literal),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$word_doc])* $word),+
        }

        impl $name {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$word),+];

            /// Its stable text.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => $text),+
                }
            }

            /// The word of that text.
            pub fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$word),)+
                    _ => None,
                }
            }
        }
    };
}
pub(super) use crate::words;

words! {
    /// What an order is.
    OrderType {
        /// Trades at its price or better; the rest waits.
        Limit => "LIMIT",
        /// Trades at the best prices there are.
        Market => "MARKET",
        /// A limit order that only makes.
        LimitMaker => "LIMIT_MAKER",
        /// A market order once the market went against it.
        StopLoss => "STOP_LOSS",
        /// A limit order once the market went against it.
        StopLossLimit => "STOP_LOSS_LIMIT",
        /// A market order once the market went its way.
        TakeProfit => "TAKE_PROFIT",
        /// A limit order once the market went its way.
        TakeProfitLimit => "TAKE_PROFIT_LIMIT",
    }
}

impl OrderType {
    /// The nearest word for an order that came in by any gateway. A market-to-limit order shows
    /// as a limit order, one that waits for a condition of its own as a stop order.
    pub const fn of(kind: OrderKind, trigger: Trigger) -> Self {
        let market = matches!(kind, OrderKind::Market);
        match trigger {
            Trigger::None => match kind {
                OrderKind::Limit | OrderKind::MarketToLimit => Self::Limit,
                OrderKind::Market => Self::Market,
                OrderKind::PostOnly => Self::LimitMaker,
            },
            Trigger::TakeProfit if market => Self::TakeProfit,
            Trigger::TakeProfit => Self::TakeProfitLimit,
            Trigger::Stop | Trigger::TrailingStop | Trigger::Condition if market => Self::StopLoss,
            Trigger::Stop | Trigger::TrailingStop | Trigger::Condition => Self::StopLossLimit,
        }
    }

    /// Whether it has a limit price and may rest.
    pub const fn has_price(self) -> bool {
        !matches!(self, Self::Market | Self::StopLoss | Self::TakeProfit)
    }

    /// Whether it waits for a price.
    pub const fn waits(self) -> bool {
        matches!(
            self,
            Self::StopLoss | Self::StopLossLimit | Self::TakeProfit | Self::TakeProfitLimit
        )
    }
}

words! {
    /// How long an order lives.
    TimeInForce {
        /// Good till cancelled.
        Gtc => "GTC",
        /// Immediate or cancel.
        Ioc => "IOC",
        /// Fill or kill.
        Fok => "FOK",
    }
}

impl TimeInForce {
    /// The word for it, if there is one.
    pub const fn of(time_in_force: tiercel_types::TimeInForce) -> Option<Self> {
        Some(match time_in_force {
            tiercel_types::TimeInForce::Gtc => Self::Gtc,
            tiercel_types::TimeInForce::Ioc => Self::Ioc,
            tiercel_types::TimeInForce::Fok => Self::Fok,
            _ => return None,
        })
    }
}

words! {
    /// Where an order stands.
    OrderStatus {
        /// Taken, nothing filled.
        New => "NEW",
        /// It waits for the working order of its list.
        PendingNew => "PENDING_NEW",
        /// Some of it is filled, and it lives.
        PartiallyFilled => "PARTIALLY_FILLED",
        /// All of it is filled.
        Filled => "FILLED",
        /// Ended by its owner, or on its owner's behalf.
        Canceled => "CANCELED",
        /// Documented, and not used.
        PendingCancel => "PENDING_CANCEL",
        /// Not taken.
        Rejected => "REJECTED",
        /// Ended by its own rules or the venue's.
        Expired => "EXPIRED",
        /// Ended by self-trade prevention.
        ExpiredInMatch => "EXPIRED_IN_MATCH",
    }
}

impl OrderStatus {
    /// Where an order stands that ended for `reason` with some of it filled, or nothing.
    pub const fn of_end(reason: EndReason, some_filled: bool) -> Self {
        match reason {
            EndReason::Cancelled
            | EndReason::MassCancelled
            | EndReason::Replaced
            | EndReason::KillSwitch
            | EndReason::Disconnected
            | EndReason::Countdown => Self::Canceled,
            EndReason::QuoteSpent | EndReason::AmendedToFilled if some_filled => Self::Filled,
            EndReason::SelfTrade => Self::ExpiredInMatch,
            EndReason::Rejected => Self::Rejected,
            EndReason::QuoteSpent
            | EndReason::AmendedToFilled
            | EndReason::ImmediateOrCancel
            | EndReason::FillOrKill
            | EndReason::NoLiquidity
            | EndReason::Expired
            | EndReason::DayEnded
            | EndReason::ListEnded
            | EndReason::MinimumQty
            | EndReason::AuctionEnded
            | EndReason::PriceBand => Self::Expired,
        }
    }

    /// Whether the order can still trade.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::New | Self::PendingNew | Self::PartiallyFilled | Self::PendingCancel)
    }
}

words! {
    /// What happened to an order.
    ExecutionType {
        /// It was taken, or entered after it had waited.
        New => "NEW",
        /// It was cancelled.
        Canceled => "CANCELED",
        /// It was amended.
        Replaced => "REPLACED",
        /// It was not taken.
        Rejected => "REJECTED",
        /// Some or all of it was filled.
        Trade => "TRADE",
        /// It ended by its own rules or the venue's.
        Expired => "EXPIRED",
        /// A trade of its owner with itself was prevented.
        TradePrevention => "TRADE_PREVENTION",
    }
}

words! {
    /// How much the answer to an order says.
    ResponseType {
        /// Its ids.
        Ack => "ACK",
        /// Its state too.
        Result => "RESULT",
        /// Its fills too.
        Full => "FULL",
    }
}

/// The word for a side.
pub const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

/// The word for a mode of self-trade prevention.
pub const fn self_trade_prevention(mode: SelfTradePrevention) -> &'static str {
    match mode {
        SelfTradePrevention::None => "NONE",
        SelfTradePrevention::ExpireTaker => "EXPIRE_TAKER",
        SelfTradePrevention::ExpireMaker => "EXPIRE_MAKER",
        SelfTradePrevention::ExpireBoth => "EXPIRE_BOTH",
        SelfTradePrevention::Decrement => "DECREMENT",
        SelfTradePrevention::Transfer => "TRANSFER",
    }
}
