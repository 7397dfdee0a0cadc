//! An order of a session, as it is told.

use tiercel_types::{InstrumentId, OrderKind, Price, Qty, Side, TimeInForce};
use tiercel_wire::ouch::{self, CrossType, Display, MARKET_PRICE, OuchSide};

use super::answer;
use super::desk::SessionNumber;
use super::name::Name;
use crate::itch::Units;

/// An order of a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    pub(super) name: Name,
    pub(super) session: SessionNumber,
    pub(super) units: Units,
    pub(super) instrument: InstrumentId,
    pub(super) side: Side,
    pub(super) price: Price,
    pub(super) kind: OrderKind,
    pub(super) lives: TimeInForce,
    pub(super) is_hidden: bool,
    /// Shares that are open.
    pub(super) open: u32,
    /// Shares that traded, or that self-trade prevention took: its quantity counts them.
    pub(super) gone: u32,
    /// The fewest that a request on its way leaves open: the next that takes some has to leave fewer.
    pub(super) leaves: u32,
}

impl Own {
    pub(super) const fn told_side(&self) -> OuchSide {
        match self.side {
            Side::Buy => OuchSide::Buy,
            Side::Sell => OuchSide::Sell,
        }
    }

    pub(super) fn told_price(&self) -> u64 {
        match self.kind {
            OrderKind::Market => MARKET_PRICE,
            _ => answer::told(self.price),
        }
    }

    pub(super) const fn told_lives(&self) -> ouch::TimeInForce {
        match self.lives {
            TimeInForce::Ioc | TimeInForce::Fok => ouch::TimeInForce::Immediate,
            TimeInForce::Gtc => ouch::TimeInForce::Extended,
            TimeInForce::Gtd => ouch::TimeInForce::TillTime,
            _ => ouch::TimeInForce::Day,
        }
    }

    pub(super) const fn told_cross(&self) -> CrossType {
        match self.lives {
            TimeInForce::AtOpen => CrossType::Opening,
            TimeInForce::AtClose => CrossType::Closing,
            TimeInForce::AtAuction => CrossType::Halt,
            _ => CrossType::Continuous,
        }
    }

    pub(super) const fn told_display(&self) -> Display {
        answer::display(self.is_hidden)
    }

    pub(super) fn lose(&mut self, shares: u32) {
        self.open = self.open.saturating_sub(shares);
        self.gone = self.gone.saturating_add(shares);
    }

    /// Whether leaving so many takes some.
    pub(super) fn takes_some(&self, left: u32) -> bool {
        left < self.open.min(self.leaves)
    }

    /// The whole order, if so many shares are left of what is open as far as it is known: what fills
    /// meanwhile is not opened again.
    pub(super) const fn whole(&self, left: u32) -> Qty {
        self.units.qty_of(self.gone.saturating_add(left))
    }
}
