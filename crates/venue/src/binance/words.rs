//! The words of the Binance interface, and what they are here. Those that a client reads too are wire's.

use tiercel_types::{InstrumentState, SelfTradePrevention, Side, TimeInForce};
pub use tiercel_wire::binance::{
    ExecutionType, OrderStatus, OrderType, ResponseType, self_trade_prevention, side,
};

use super::error::ApiError;

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

/// Reads a mode of self-trade prevention.
///
/// # Errors
/// -1130 for any other word.
pub fn parse_self_trade_prevention(text: &str) -> Result<SelfTradePrevention, ApiError> {
    let known = SelfTradePrevention::ALL.iter().find(|mode| self_trade_prevention(**mode) == text);
    known.copied().ok_or_else(|| ApiError::invalid("selfTradePreventionMode"))
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
