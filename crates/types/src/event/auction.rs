//! What happens in auctions.

use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::auction::AuctionKind;
use crate::command::SetAuctionRules;
use crate::order::Side;
use crate::{Price, Qty};

/// What the auction would do if the call ended now. Without a price all else is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AuctionIndication {
    /// The price.
    pub price: Price,
    /// How much would trade at it.
    pub executed_qty: Qty,
    /// How much would trade at it and finds no other side.
    pub surplus_qty: Qty,
    /// Whose that is; of none: buyers'.
    pub surplus_side: Side,
    /// One: there is a price.
    pub has_price: u8,
    /// For which auction orders are collected.
    pub auction: AuctionKind,
    /// Zero.
    pub reserved: [u8; 5],
}

/// A call ended, and what could trade has traded. Without a price nothing has, and all else is
/// zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AuctionEnded {
    /// The price of all its trades.
    pub price: Price,
    /// How much traded.
    pub executed_qty: Qty,
    /// How much would have traded at the price and found no other side.
    pub surplus_qty: Qty,
    /// Whose that is; of none: buyers'.
    pub surplus_side: Side,
    /// One: there is a price.
    pub has_price: u8,
    /// Which auction it was.
    pub auction: AuctionKind,
    /// Zero.
    pub reserved: [u8; 5],
}

/// How an instrument's auctions find their price was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AuctionRulesSet {
    /// The rules, as they were set.
    pub rules: SetAuctionRules,
}

/// What a level displays after an auction has traded with it. (The auction's trades say nothing of
/// levels.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct LevelChanged {
    /// Its price.
    pub price: Price,
    /// Its displayed quantity now; zero: there is no such level any more.
    pub level_qty: Qty,
    /// The book update.
    pub update_id: u64,
    /// Its side.
    pub side: Side,
    /// Zero.
    pub reserved: [u8; 7],
}
