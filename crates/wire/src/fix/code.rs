//! The characters by which orders and what became of them are named.
//!
//! Source: FIX 4.4 with errata 20030618, volume 6 (the fields' values); those of tags above 5000 are our venue's own
//! (`docs/fix.md`).

use tiercel_types::{OrderKind, SelfTradePrevention, Side, TimeInForce, Trigger};

/// `OrdStatus` (39).
pub mod status {
    /// Nothing has traded.
    pub const NEW: u8 = b'0';
    /// Some has.
    pub const PARTIALLY_FILLED: u8 = b'1';
    /// All has.
    pub const FILLED: u8 = b'2';
    /// Somebody ended it.
    pub const CANCELED: u8 = b'4';
    /// A cancel is on its way.
    pub const PENDING_CANCEL: u8 = b'6';
    /// It was never taken.
    pub const REJECTED: u8 = b'8';
    /// It is on its way.
    pub const PENDING_NEW: u8 = b'A';
    /// Its own terms ended it.
    pub const EXPIRED: u8 = b'C';
    /// A replace is on its way.
    pub const PENDING_REPLACE: u8 = b'E';
}

/// `ExecType` (150): what a report tells.
pub mod exec {
    /// The order was taken.
    pub const NEW: u8 = b'0';
    /// Somebody ended it.
    pub const CANCELED: u8 = b'4';
    /// It was replaced.
    pub const REPLACED: u8 = b'5';
    /// It was not taken.
    pub const REJECTED: u8 = b'8';
    /// Its own terms ended it.
    pub const EXPIRED: u8 = b'C';
    /// The venue changed it.
    pub const RESTATED: u8 = b'D';
    /// It traded.
    pub const TRADE: u8 = b'F';
    /// A trade was corrected.
    pub const TRADE_CORRECT: u8 = b'G';
    /// A trade was undone.
    pub const TRADE_CANCEL: u8 = b'H';
    /// Nothing happened: the answer to a question.
    pub const ORDER_STATUS: u8 = b'I';
}

/// `Side` (54).
pub const fn side(side: Side) -> u8 {
    match side {
        Side::Buy => b'1',
        Side::Sell => b'2',
    }
}

/// The side that `Side` (54) names; `None`: none that a spot venue has.
pub const fn parse_side(text: &[u8]) -> Option<Side> {
    match text {
        b"1" => Some(Side::Buy),
        b"2" => Some(Side::Sell),
        _ => None,
    }
}

/// `OrdType` (40). That of a post-only order is a limit's: `ExecInst` (18) tells the rest.
pub const fn order_type(kind: OrderKind, trigger: Trigger) -> u8 {
    let market = matches!(kind, OrderKind::Market);
    match (trigger, kind) {
        (Trigger::None, OrderKind::Market) => b'1',
        (Trigger::None, OrderKind::MarketToLimit) => b'K',
        (Trigger::None, _) => b'2',
        (Trigger::TakeProfit, _) if market => b'J',
        (_, _) if market => b'3',
        (_, _) => b'4',
    }
}

/// `TimeInForce` (59). Any auction stands as that of the open.
pub const fn time_in_force(time_in_force: TimeInForce) -> u8 {
    match time_in_force {
        TimeInForce::Day => b'0',
        TimeInForce::Gtc => b'1',
        TimeInForce::AtOpen | TimeInForce::AtAuction => b'2',
        TimeInForce::Ioc => b'3',
        TimeInForce::Fok => b'4',
        TimeInForce::Gtd => b'6',
        TimeInForce::AtClose => b'7',
    }
}

/// What `TimeInForce` (59) names; `None`: what there is not.
pub const fn parse_time_in_force(text: &[u8]) -> Option<TimeInForce> {
    Some(match text {
        b"0" => TimeInForce::Day,
        b"1" => TimeInForce::Gtc,
        b"2" => TimeInForce::AtOpen,
        b"3" => TimeInForce::Ioc,
        b"4" => TimeInForce::Fok,
        b"6" => TimeInForce::Gtd,
        b"7" => TimeInForce::AtClose,
        _ => return None,
    })
}

/// `SelfTradePrevention` (5001): 0 none, 1 expire taker, 2 expire maker, 3 expire both, 4 decrement, 5 transfer.
pub const fn self_trade_prevention(mode: SelfTradePrevention) -> u8 {
    b'0' + mode as u8
}

/// What `SelfTradePrevention` (5001) names; `None`: what there is not.
pub fn parse_self_trade_prevention(text: &[u8]) -> Option<SelfTradePrevention> {
    let [byte] = text else { return None };
    let all = SelfTradePrevention::ALL.iter();
    all.copied().find(|mode| self_trade_prevention(*mode) == *byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for one in [Side::Buy, Side::Sell] {
            assert_eq!(parse_side(&[side(one)]), Some(one));
        }
        for &one in SelfTradePrevention::ALL {
            assert_eq!(parse_self_trade_prevention(&[self_trade_prevention(one)]), Some(one));
        }
        for one in (b'0'..=b'9').filter_map(|byte| parse_time_in_force(&[byte])) {
            assert_eq!(parse_time_in_force(&[time_in_force(one)]), Some(one));
        }
        assert_eq!(
            parse_time_in_force(&[time_in_force(TimeInForce::AtAuction)]),
            Some(TimeInForce::AtOpen)
        );
        assert_eq!((parse_side(b"5"), parse_time_in_force(b"5")), (None, None));
        assert_eq!(parse_self_trade_prevention(b"6"), None);
    }
}
