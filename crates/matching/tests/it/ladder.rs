//! Prices far from where most orders wait: the engine keeps them elsewhere, and nobody may notice.

use tiercel_testkit::model::Mode;
use tiercel_types::Side;
use tiercel_types::command::NewOrder;
use tiercel_types::order::TimeInForce;

use crate::session::{FREE, Session, check_held, limit, qty};
use crate::subject::Holding;

const HOLDING: Holding = Holding { window_ticks: 256, ..Holding::PLAIN };

/// A wall of so many levels that the window does not leave it for a few better prices.
fn wall(mode: Mode, side: Side) -> Session {
    let mut session = Session::new(mode);
    for level in 0..100 {
        let ticks = if side == Side::Sell { 5_000 + level } else { 5_000 - level };
        session.limit(FREE, 1, side, ticks, 2);
    }
    session
}

/// The price so many ticks better than the wall.
fn better(side: Side, ticks: i64) -> i64 {
    if side == Side::Sell { 5_000 - ticks } else { 5_000 + ticks }
}

fn for_each(test: impl Fn(Mode, Side) -> Session) {
    for mode in [Mode::Full, Mode::Bare] {
        for side in [Side::Sell, Side::Buy] {
            check_held(HOLDING, mode, &test(mode, side).steps);
        }
    }
}

#[test]
fn a_wall_does_not_hide_better_prices_far_from_it() {
    for_each(|mode, side| {
        let mut session = wall(mode, side);
        let far: Vec<_> = [900, 800, 700, 600]
            .map(|ticks| session.limit(FREE, 1, side, better(side, ticks), 3))
            .to_vec();
        session.cancel(1, far[0]);
        // Takes the second best, a part of the third, and all down to the wall's first levels.
        let taker = limit(FREE, 5, side.opposite(), better(side, -2), 4);
        let ioc = NewOrder { time_in_force: TimeInForce::Ioc, ..taker };
        session.order(ioc);
        session.cancel(1, far[2]);
        session.order(NewOrder { qty: qty(8), ..ioc });
        session
    });
}

#[test]
fn the_window_follows_where_trading_goes() {
    for_each(|mode, side| {
        let mut session = wall(mode, side);
        // Each round earns it some of the move; then it is where the better prices are, and the
        // wall is far.
        for round in 0..150 {
            let order = session.limit(FREE, 1, side, better(side, 900 - round % 7), 1);
            if round % 3 != 0 {
                session.cancel(1, order);
            }
        }
        for ticks in [899, 640, 500, 0, -99] {
            session.limit(FREE, 5, side.opposite(), better(side, ticks), 30);
            session.limit(FREE, 1, side, better(side, ticks + 1), 4);
        }
        session
    });
}
