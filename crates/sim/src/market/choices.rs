//! What traders choose: which way, and by what kind of order.

use tiercel_types::command::NewOrder;
use tiercel_types::decimal::ONE;
use tiercel_types::{AccountId, OrderKind, Price, Qty, SelfTradePrevention, Side, TimeInForce};

use super::MAKERS;
use super::listing::Listing;
use crate::rng::Rng;

/// An account's self-trade prevention: every mode occurs.
pub(super) const fn prevention(account: AccountId) -> SelfTradePrevention {
    match account.0 % 6 {
        0 => SelfTradePrevention::None,
        1 => SelfTradePrevention::ExpireTaker,
        2 => SelfTradePrevention::ExpireMaker,
        3 => SelfTradePrevention::ExpireBoth,
        4 => SelfTradePrevention::Decrement,
        _ => SelfTradePrevention::Transfer,
    }
}

/// Which way a trader goes: the first ones follow the last move, the others guess.
pub(super) fn direction(rng: &mut Rng, account: AccountId, last_move: i64) -> Side {
    let follows = account.0 <= MAKERS + 4;
    let guess = if rng.coin() { Side::Buy } else { Side::Sell };
    match last_move.signum() {
        1 if follows && rng.below(3) == 0 => Side::Buy,
        -1 if follows && rng.below(3) == 0 => Side::Sell,
        _ => guess,
    }
}

/// An order that takes at once.
pub(super) fn take(rng: &mut Rng, listing: &Listing, account: AccountId, side: Side) -> NewOrder {
    let (instrument, qty) = (listing.instrument(), listing.qty(rng, 6));
    let mut order = NewOrder::limit(instrument, account, side, Price::ZERO, qty);
    order.self_trade_prevention = prevention(account);
    order.time_in_force = TimeInForce::Ioc;
    match rng.below(10) {
        0..4 => order.kind = OrderKind::Market,
        4..6 => {
            order.kind = OrderKind::Market;
            order.qty = Qty::ZERO;
            // 10 to 2,010 whole units of what is paid with.
            order.quote_qty = Qty::from_units((10 + rng.below(2_000)) * ONE);
        }
        6..9 => order.price = listing.beyond(1 + rng.below(8) as i64, side),
        _ => {
            order.time_in_force = TimeInForce::Fok;
            order.price = listing.beyond(4, side);
        }
    }
    order
}
