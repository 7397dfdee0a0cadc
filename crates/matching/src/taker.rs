//! The order that is trading.

use tiercel_types::{
    AccountId, Money, OrderId, OrderKind, Price, SelfTradePrevention, Side, TimeInForce,
};

use crate::book::Book;
use crate::protections::bands::Reach;

/// An order that is trading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taker {
    pub(crate) id: OrderId,
    /// Lots it has open; of an order by quote amount none.
    pub(crate) open: u64,
    /// Lots filled and open.
    pub(crate) total: u64,
    /// Iceberg: lots of a slice; else zero.
    pub(crate) slice: u64,
    /// Its limit; zero if it has none.
    pub(crate) tick: i64,
    /// Its limit as a key of the opposite ladder.
    pub(crate) limit_key: i64,
    /// Its limit or protection price; zero if it has none.
    pub(crate) price: Price,
    /// By quote amount: what is left of it.
    pub(crate) amount: Option<Money>,
    pub(crate) book: u32,
    /// An amended order's slot, which it keeps; [`NONE`](crate::orders::NONE) for a new order.
    pub(crate) handle: u32,
    /// Its waiter, if it belongs to a list; else [`NOBODY`](crate::waiting::NOBODY).
    pub(crate) waiter: u32,
    pub(crate) account: AccountId,
    pub(crate) side: Side,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) self_trade_prevention: SelfTradePrevention,
    pub(crate) kind: OrderKind,
    /// At which levels it may trade, if its book has bands.
    pub(crate) reach: Reach,
}

/// What each trade of a taker tells of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aggressor {
    pub(crate) id: OrderId,
    pub(crate) account: AccountId,
    pub(crate) book: u32,
    pub(crate) side: Side,
    pub(crate) self_trade_prevention: SelfTradePrevention,
    /// At which price its funds are reserved; a market order has none reserved.
    pub(crate) limit: Option<Price>,
    /// See [`Taker::waiter`].
    pub(crate) waiter: u32,
}

impl Taker {
    pub(crate) fn aggressor(&self) -> Aggressor {
        Aggressor {
            id: self.id,
            account: self.account,
            book: self.book,
            side: self.side,
            self_trade_prevention: self.self_trade_prevention,
            limit: (!self.is_market()).then_some(self.price),
            waiter: self.waiter,
        }
    }

    pub(crate) fn is_market(&self) -> bool {
        self.kind == OrderKind::Market
    }

    /// Lots it wants at `price`.
    #[inline(always)]
    pub(crate) fn wants(&self, book: &Book, price: Price) -> u64 {
        match self.amount {
            None => self.open,
            Some(amount) => affordable(book, amount, price),
        }
    }

    /// Takes what was traded or prevented off what it wants.
    #[inline(always)]
    pub(crate) fn reduce(&mut self, lots: u64, cost: impl FnOnce() -> Money) {
        match &mut self.amount {
            None => self.open -= lots,
            Some(amount) => *amount = Money::from_units(amount.units() - cost().units()),
        }
    }

    /// Whether it has nothing left to want. By amount, only its next price tells.
    #[inline(always)]
    pub(crate) fn is_filled(&self) -> bool {
        self.open == 0 && self.amount.is_none()
    }
}

/// Lots that `amount` pays for at `price`.
fn affordable(book: &Book, amount: Money, price: Price) -> u64 {
    let lot_cost = Money::of(price, book.qty(1)).units();
    u64::try_from(amount.units() / lot_cost).unwrap_or(u64::MAX)
}
