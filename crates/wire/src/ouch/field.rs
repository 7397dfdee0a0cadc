//! The types of fields: big-endian integers, padded texts, prices and codes.

use core::fmt;

use zerocopy::big_endian::{I32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::itch::FieldValue;
pub(super) use crate::itch::field::Field;
use crate::itch::field::{Counted, KnownCode, codes, price_fields};

impl Field for u8 {
    fn show(&self) -> FieldValue<'_> {
        FieldValue::Number(u64::from(*self))
    }
}

price_fields! {
    /// A price with four decimals; [`MARKET_PRICE`](super::MARKET_PRICE) is that of a market order.
    Price(U64, u64), 4;
}

/// A difference of prices with four decimals, which may be negative.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(transparent)]
pub struct SignedPrice(I32);

impl SignedPrice {
    /// The difference of this integer.
    pub const fn new(raw: i32) -> Self {
        Self(I32::new(raw))
    }

    /// The integer on the wire.
    pub const fn get(self) -> i32 {
        self.0.get()
    }
}

codes! {
    /// The side of an order.
    OuchSide {
        /// A bid.
        Buy = b'B',
        /// An ask.
        Sell = b'S',
        /// A short sale.
        SellShort = b'T',
        /// A short sale that is exempt from the restriction.
        SellShortExempt = b'E',
    }
    /// How long an order lives.
    TimeInForce {
        /// For the market hours.
        Day = b'0',
        /// Immediate or cancel.
        Immediate = b'3',
        /// For the extended hours.
        Extended = b'5',
        /// Until its expire time.
        TillTime = b'6',
        /// For the hours after the close.
        AfterHours = b'E',
    }
    /// Who sees an order.
    Display {
        /// Everybody.
        Visible = b'Y',
        /// Nobody.
        Hidden = b'N',
        /// Everybody, and whose it is.
        Attributable = b'A',
        /// As the market's rules allow (outbound alone).
        Conformant = b'Z',
    }
    /// For whom a firm trades.
    Capacity {
        /// For a customer.
        Agency = b'A',
        /// For itself.
        Principal = b'P',
        /// For itself, behind a customer's order.
        RisklessPrincipal = b'R',
        /// Otherwise.
        Other = b'O',
    }
    /// Whether an order is one of an intermarket sweep.
    Intermarket {
        /// It is.
        Eligible = b'Y',
        /// It is not.
        NotEligible = b'N',
    }
    /// For which cross an order is.
    CrossType {
        /// For none.
        Continuous = b'N',
        /// The opening.
        Opening = b'O',
        /// The closing.
        Closing = b'C',
        /// That after a halt, or of an instrument new to the market.
        Halt = b'H',
        /// A supplemental order.
        Supplemental = b'S',
        /// A retail order.
        Retail = b'R',
        /// Extended life.
        ExtendedLife = b'E',
        /// After the close.
        AfterHoursClose = b'A',
    }
    /// Whether an order that was taken lives.
    OrderState {
        /// It does.
        Live = b'L',
        /// It was taken and ended at once.
        Dead = b'D',
    }
    /// Where the day stands.
    EventCode {
        /// Orders can be entered.
        StartOfDay = b'S',
        /// No more can.
        EndOfDay = b'E',
    }
}
