//! Orders over the venue's own protocol, by what the venue answers, or does not.

use tiercel_trader::core::Core;
use tiercel_types::{DenialReason, Timestamp};
use tiercel_wire::binary::RejectSource;

use super::place::Place;

const LONG_NS: u64 = u64::MAX;
const MILLISECOND_NS: u64 = 1_000_000;

/// So many milliseconds pass.
fn pass(place: &mut Place, now: &mut u64, milliseconds: u64) {
    for _ in 0..milliseconds {
        *now += MILLISECOND_NS;
        place.lines.tick(Timestamp(*now));
        place.carry();
    }
}

fn live(core: &Core) -> (usize, u64) {
    (core.oms().live_orders(), core.counts().anomalies)
}

#[test]
fn an_order_whose_cancel_and_question_the_venue_was_too_busy_for_is_asked_for_again() {
    let mut place = Place::new(LONG_NS);
    let mut now = place.lines.core.timing.now_ns();
    place.venue.is_busy = true;
    place.lines.core.end(Timestamp(now));
    place.carry();
    // Neither was taken: it rests there, and that is how it counts.
    assert_eq!((live(&place.lines.core), place.venue.open.len()), ((1, 0), 1));
    let asked = place.venue.questions;
    assert_eq!(asked, 1);
    pass(&mut place, &mut now, 600);
    assert_eq!((live(&place.lines.core), place.venue.questions), ((1, 0), asked + 1));
    place.venue.is_busy = false;
    pass(&mut place, &mut now, 2_000);
    assert_eq!((live(&place.lines.core), place.venue.open.len()), ((0, 0), 0));
}

#[test]
fn a_question_that_is_refused_says_of_the_order_only_that_it_is_not_live() {
    // A fault of a record has the number that the engine has for an order that is not live.
    let gone = DenialReason::UnknownOrder as u16;
    let others = [
        (RejectSource::Gateway, gone),
        (RejectSource::Engine, DenialReason::UnknownInstrument as u16),
    ];
    for refusal in others {
        let mut place = Place::new(LONG_NS);
        let mut now = place.lines.core.timing.now_ns();
        place.venue.refuses_questions = Some(refusal);
        place.venue.refuses_cancels = true;
        place.lines.core.end(Timestamp(now));
        place.carry();
        assert_eq!((live(&place.lines.core), place.venue.questions), ((1, 0), 1), "{refusal:?}");
        pass(&mut place, &mut now, 600);
        assert_eq!((live(&place.lines.core), place.venue.questions), ((1, 0), 2), "{refusal:?}");
    }
    let mut place = Place::new(LONG_NS);
    let now = place.lines.core.timing.now_ns();
    place.venue.refuses_questions = Some((RejectSource::Engine, gone));
    place.venue.refuses_cancels = true;
    place.lines.core.end(Timestamp(now));
    place.carry();
    // Forgotten, and told so.
    assert_eq!(live(&place.lines.core), (0, 1));
}
