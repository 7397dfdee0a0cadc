//! Why orders do not leave.

use thiserror::Error;

/// Why an order does not leave. The numbers are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
#[repr(u16)]
pub enum Denial {
    /// The gate is halted: by its switch, or by a loss.
    #[error("trading is halted")]
    Halted = 1,
    /// The gate lets positions be reduced alone, and this would not.
    #[error("positions may only be reduced")]
    Reducing = 2,
    /// No limits are set for the instrument.
    #[error("the instrument has no limits")]
    UnknownInstrument = 3,
    /// The instrument may not be traded.
    #[error("the instrument is restricted")]
    Restricted = 4,
    /// Quantity zero, or more than one order may have.
    #[error("the quantity is beyond its limit")]
    Qty = 5,
    /// Price times quantity is more than one order may have.
    #[error("the notional is beyond its limit")]
    Notional = 6,
    /// There is no price to hold the order's against, or none that is young enough.
    #[error("there is no price to compare with")]
    NoReference = 7,
    /// Too far through the best price of the other side.
    #[error("the price is too far from the touch")]
    TouchCollar = 8,
    /// Too far from the last trade.
    #[error("the price is too far from the last trade")]
    TradeCollar = 9,
    /// More messages than may leave in the time.
    #[error("too many messages")]
    Rate = 10,
    /// The same order left a moment ago.
    #[error("the same order left a moment ago")]
    Duplicate = 11,
    /// As many orders are open as may be.
    #[error("too many orders are open")]
    OpenOrders = 12,
    /// It would trade with an order of one's own.
    #[error("it would trade with an order of one's own")]
    SelfCross = 13,
    /// The position would be too large if all that is open traded.
    #[error("the position could become too large")]
    Position = 14,
    /// What is owned and open would be worth more than there is credit for.
    #[error("there is no credit for it")]
    Credit = 15,
    /// What became of an order of the instrument is not known, and is being asked for.
    #[error("an order of the instrument has an unknown outcome")]
    Unreconciled = 16,
    /// An open order has the same tag, or none has it.
    #[error("the tag names another order, or none")]
    Tag = 17,
    /// There is no room for another order.
    #[error("there is no room for another order")]
    Room = 18,
    /// The venue cannot be reached.
    #[error("the venue cannot be reached")]
    VenueDown = 19,
    /// The venue's breaker is open, or its one order is on its way.
    #[error("the venue fails too often")]
    Breaker = 20,
    /// Of a route: no venue is there for it, or takes an order of its size.
    #[error("no venue takes it")]
    NoVenue = 21,
    /// Of a route: its parts are at several venues, and are not changed.
    #[error("its parts are at several venues")]
    Split = 22,
    /// An order that waits, or belongs to a list, is not changed.
    #[error("an order that waits, or belongs to a list, is not changed")]
    NotChanged = 23,
    /// What it waits for, or how the orders of its list hang together, is nothing that a venue has.
    #[error("what it waits for, or its list, is not possible")]
    Terms = 24,
    /// The run ends: what is open is cancelled, and nothing new leaves.
    #[error("the run ends")]
    Ending = 25,
}

impl Denial {
    /// Every denial, by number.
    pub const ALL: &[Self] = &[
        Self::Halted,
        Self::Reducing,
        Self::UnknownInstrument,
        Self::Restricted,
        Self::Qty,
        Self::Notional,
        Self::NoReference,
        Self::TouchCollar,
        Self::TradeCollar,
        Self::Rate,
        Self::Duplicate,
        Self::OpenOrders,
        Self::SelfCross,
        Self::Position,
        Self::Credit,
        Self::Unreconciled,
        Self::Tag,
        Self::Room,
        Self::VenueDown,
        Self::Breaker,
        Self::NoVenue,
        Self::Split,
        Self::NotChanged,
        Self::Terms,
        Self::Ending,
    ];

    /// Its number.
    pub const fn code(self) -> u16 {
        self as u16
    }
}
