//! The words of the Binance interface, and what they are here.

use tiercel_types::order::Trigger;
use tiercel_types::{
    EndReason, InstrumentState, OrderKind, SelfTradePrevention, Side, TimeInForce,
};

use super::error::ApiError;
use crate::words::words;

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
        /// It waited, and could not be entered when its time came.
        Rejected => "REJECTED",
        /// Ended by its own rules or the venue's.
        Expired => "EXPIRED",
        /// Ended by self-trade prevention.
        ExpiredInMatch => "EXPIRED_IN_MATCH",
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
        /// It waited, and could not be entered when its time came.
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
    /// How much an order's answer says.
    ResponseType {
        /// Its ids.
        Ack => "ACK",
        /// Its state too.
        Result => "RESULT",
        /// Its fills too.
        Full => "FULL",
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
}

/// `BUY` or `SELL`.
pub const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

/// Reads a side.
///
/// # Errors
/// -1117 for any other word.
pub fn parse_side(text: &str) -> Result<Side, ApiError> {
    match text {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        _ => Err(ApiError::new(-1117, "Invalid side.")),
    }
}

/// The nearest of the three words that the interface has: what lives longer than its entry is GTC.
pub const fn time_in_force(time_in_force: TimeInForce) -> &'static str {
    match time_in_force {
        TimeInForce::Ioc => "IOC",
        TimeInForce::Fok => "FOK",
        TimeInForce::Gtc
        | TimeInForce::Day
        | TimeInForce::Gtd
        | TimeInForce::AtOpen
        | TimeInForce::AtClose
        | TimeInForce::AtAuction => "GTC",
    }
}

/// Reads a time in force.
///
/// # Errors
/// -1115 for any other word.
pub fn parse_time_in_force(text: &str) -> Result<TimeInForce, ApiError> {
    match text {
        "GTC" => Ok(TimeInForce::Gtc),
        "IOC" => Ok(TimeInForce::Ioc),
        "FOK" => Ok(TimeInForce::Fok),
        _ => Err(ApiError::new(-1115, "Invalid timeInForce.")),
    }
}

/// The modes of self-trade prevention, in the order in which `exchangeInfo` lists them.
pub const SELF_TRADE_PREVENTION: [(SelfTradePrevention, &str); 6] = [
    (SelfTradePrevention::None, "NONE"),
    (SelfTradePrevention::ExpireTaker, "EXPIRE_TAKER"),
    (SelfTradePrevention::ExpireMaker, "EXPIRE_MAKER"),
    (SelfTradePrevention::ExpireBoth, "EXPIRE_BOTH"),
    (SelfTradePrevention::Decrement, "DECREMENT"),
    (SelfTradePrevention::Transfer, "TRANSFER"),
];

/// The word of a mode of self-trade prevention.
pub fn self_trade_prevention(mode: SelfTradePrevention) -> &'static str {
    let known = SELF_TRADE_PREVENTION.iter().find(|(known, _)| *known == mode);
    known.map_or("NONE", |(_, text)| text)
}

/// Reads a mode of self-trade prevention.
///
/// # Errors
/// -1130 for any other word.
pub fn parse_self_trade_prevention(text: &str) -> Result<SelfTradePrevention, ApiError> {
    let known = SELF_TRADE_PREVENTION.iter().find(|(_, known)| *known == text);
    known.map(|(mode, _)| *mode).ok_or_else(|| ApiError::invalid("selfTradePreventionMode"))
}

/// The status of a symbol.
pub const fn symbol_status(state: InstrumentState) -> &'static str {
    match state {
        InstrumentState::PreOpen => "PRE_TRADING",
        InstrumentState::Open => "TRADING",
        InstrumentState::Halted => "HALT",
        InstrumentState::Closed => "END_OF_DAY",
        InstrumentState::Call => "AUCTION_MATCH",
        InstrumentState::Paused => "BREAK",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for &kind in OrderType::ALL {
            assert_eq!(OrderType::from_text(kind.as_str()), Some(kind));
        }
        for &mode in SelfTradePrevention::ALL {
            assert_eq!(parse_self_trade_prevention(self_trade_prevention(mode)), Ok(mode));
        }
        for &one in Side::ALL {
            assert_eq!(parse_side(side(one)), Ok(one));
        }
        assert_eq!(parse_time_in_force("DAY").unwrap_err().code, -1115);
        assert_eq!(OrderType::from_text("limit"), None);
    }
}
