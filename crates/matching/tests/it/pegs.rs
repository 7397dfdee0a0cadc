//! Pegged orders at the ends of the range of prices.

use tiercel_testkit::model::Mode;
use tiercel_types::command::{AddInstrument, NewAdvancedOrder, NewOrder, OrderTerms};
use tiercel_types::order::{Peg, TimeInForce};
use tiercel_types::{AccountId, Event, InstrumentId, InstrumentSpec, Price, Qty, Side};

use crate::session::{BASE, QUOTE, Session, check, events_of};

const WIDE: InstrumentId = InstrumentId(3);

/// An instrument of this tick, without a highest price, and the highest price that it has.
fn wide(tick: i64) -> (Session, Price) {
    let mut session = Session::new(Mode::Bare);
    let (tick, lot) = (Price::from_units(tick), Qty::from_units(1));
    let symbol = "WIDE".parse().unwrap();
    let spec = InstrumentSpec { symbol, ..InstrumentSpec::new(WIDE, BASE, QUOTE, tick, lot) };
    session.run(AddInstrument { spec });
    (session, Price::from_units(i64::MAX / tick.units() * tick.units()))
}

fn order(side: Side, price: Price, lots: u64) -> NewOrder {
    NewOrder::limit(WIDE, AccountId(1), side, price, Qty::from_units(lots))
}

fn advanced(session: &mut Session, order: NewOrder, terms: OrderTerms) {
    let order = session.numbered(order);
    session.run(NewAdvancedOrder { order, terms });
}

/// The last command's trades: price and quantity.
fn last_trades(session: &Session) -> Vec<(Price, u64)> {
    let events = events_of(session);
    let trades = events.iter().filter_map(|event| match event {
        Event::Trade(trade) => Some((trade.price, trade.qty.units())),
        _ => None,
    });
    trades.collect()
}

/// The best ask is the highest price there is: an order that is pegged to it stands there too, and
/// sells to a bid that was too large for the ask alone; with an offset it stands nowhere.
#[test]
fn a_peg_stands_at_the_highest_price_and_not_beyond() {
    for tick in [1, 7, 1_000_000_007] {
        for (offset, sells) in [(0, true), (tick, false)] {
            let (mut session, highest) = wide(tick);
            let whole = OrderTerms { all_or_none: 1, ..OrderTerms::NONE };
            advanced(&mut session, order(Side::Buy, highest, 100), whole);
            session.order(order(Side::Sell, highest, 50));
            let peg_offset = Price::from_units(offset);
            let peg = OrderTerms { peg: Peg::Primary, peg_offset, ..OrderTerms::NONE };
            advanced(&mut session, order(Side::Sell, Price::ZERO, 150), peg);
            let expected = if sells { vec![(highest, 100)] } else { Vec::new() };
            assert_eq!(last_trades(&session), expected, "tick {tick}, offset {offset}");
            // The displayed ask first, then what is left of the peg.
            let time_in_force = TimeInForce::Ioc;
            session.order(NewOrder { time_in_force, ..order(Side::Buy, highest, 120) });
            let expected =
                if sells { vec![(highest, 50), (highest, 50)] } else { vec![(highest, 50)] };
            assert_eq!(last_trades(&session), expected, "tick {tick}, offset {offset}");
            check(Mode::Bare, &session.steps);
        }
    }
}

/// The best bid is the highest price there is, and there is no ask: a peg to the ask stands nowhere,
/// and sells to nobody.
#[test]
fn a_peg_that_stands_nowhere_meets_nobody() {
    for tick in [1, 1_000_000_007] {
        let (mut session, highest) = wide(tick);
        session.order(order(Side::Buy, highest, 100));
        let peg = OrderTerms { peg: Peg::Primary, ..OrderTerms::NONE };
        advanced(&mut session, order(Side::Sell, Price::ZERO, 150), peg);
        assert_eq!(last_trades(&session), [], "tick {tick}");
        check(Mode::Bare, &session.steps);
    }
}
