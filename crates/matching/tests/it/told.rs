//! What an auction would do is told with the command that changes it, whichever command that is.

use tiercel_testkit::model::Mode;
use tiercel_types::auction::{Pressure, TieBreak};
use tiercel_types::command::{NewOrder, SetAuctionRules, UpdateInstrument};
use tiercel_types::{Command, Event, InstrumentSpec, OrderKind, Price, Side, TimeInForce};

use crate::session::{BASE, FREE, QUOTE, Session, check, events_of, limit, price, qty};

/// A call in which one lot would trade anywhere from 990 to 1,010: at 1,000, as long as that is the
/// reference.
fn a_call() -> Session {
    let mut session = Session::new(Mode::Bare);
    session.run(UpdateInstrument { spec: terms() });
    session.call(0);
    session.limit(FREE, 1, Side::Buy, 1_010, 1);
    session.limit(FREE, 1, Side::Sell, 990, 1);
    assert_eq!(told(&session), Some(price(1_000)));
    session
}

fn terms() -> InstrumentSpec {
    InstrumentSpec {
        reference_price: price(1_000),
        symbol: "FREE".parse().unwrap(),
        ..InstrumentSpec::new(FREE, BASE, QUOTE, price(1), qty(1))
    }
}

/// The price of the indication that the last command led to.
fn told(session: &Session) -> Option<Price> {
    check(session.mode, &session.steps);
    events_of(session).iter().find_map(|event| match event {
        Event::AuctionIndication(indication) => Some(indication.price),
        _ => None,
    })
}

/// Runs a command that changes no order; the indication that comes with it.
fn after(command: impl Into<Command>) -> Option<Price> {
    let mut session = a_call();
    session.run(command);
    told(&session)
}

#[test]
fn rules_that_move_the_price_are_followed_by_an_indication() {
    // The reference is nobody's limit: of two equally near the higher.
    let rules = SetAuctionRules { tie_break: TieBreak::Nearest, ..SetAuctionRules::xetra(FREE) };
    assert_eq!(after(rules), Some(price(1_010)));
    assert_eq!(after(SetAuctionRules::xetra(FREE)), None, "nothing has changed");
}

#[test]
fn terms_that_move_the_price_are_followed_by_an_indication() {
    // The reference of the call lies below the lowest price now.
    let spec = InstrumentSpec { min_price: price(1_005), ..terms() };
    assert_eq!(after(UpdateInstrument { spec }), Some(price(1_005)));
    assert_eq!(after(UpdateInstrument { spec: terms() }), None, "nothing has changed");
}

/// One lot without a limit meets three lots far beyond the bound, at three prices; one more lies far
/// on the other side of the bounds. At both bounds one lot trades and two are left, so that the
/// reference is the price.
#[test]
fn all_that_lies_beyond_a_bound_counts_at_the_bound() {
    for (side, sign) in [(Side::Buy, 1), (Side::Sell, -1)] {
        let mut session = Session::new(Mode::Bare);
        session.run(UpdateInstrument { spec: terms() });
        let bounded = SetAuctionRules {
            pressure: Pressure::Ignored,
            bound: price(10),
            ..SetAuctionRules::xetra(FREE)
        };
        session.run(bounded);
        session.call(0);
        for ticks in [30, 20, 15, -100] {
            session.limit(FREE, 1, side, 1_000 + sign * ticks, 1);
        }
        session.order(NewOrder {
            kind: OrderKind::Market,
            time_in_force: TimeInForce::AtAuction,
            ..limit(FREE, 2, side.opposite(), 0, 1)
        });
        check(session.mode, &session.steps);
        let said = events_of(&session).iter().find_map(|event| match event {
            Event::AuctionIndication(said) => {
                Some((said.price, said.executed_qty, said.surplus_qty))
            }
            _ => None,
        });
        assert_eq!(said, Some((price(1_000), qty(1), qty(2))), "{side}");
    }
}
