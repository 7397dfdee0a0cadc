//! Orders over the venue's own protocol, by what the venue answers, or does not.

use std::path::Path;

use tiercel_execution::oms::{Anomaly, VenueTerms};
use tiercel_execution::venue::VenueId;
use tiercel_trader::core::Core;
use tiercel_trader::journal;
use tiercel_trader::lines::LineEvent;
use tiercel_types::{DenialReason, Money, Qty, Timestamp};
use tiercel_wire::binary::{LoginRefusal, RejectSource};

use super::journal::Folder;
use super::place::{Follower, OURS, Place, Venue, core_of_run, lines_of};

const LONG_NS: u64 = u64::MAX;
/// Of each order of the strategy.
const QTY: Qty = Qty::from_units(1_000_000);
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

/// A run of a trader at a venue, from what the run before has left in the folder.
fn run(folder: &Path, venue: Venue) -> Place {
    let venues = [("desk".to_owned(), VenueTerms { amends: true, validity_ns: 0 })];
    let named = [("desk".to_owned(), "BTCUSDT".to_owned())];
    let now = Timestamp(1_800_000_000_000_000_000);
    let (left, journal) = journal::open(folder, now, &venues, &named).unwrap();
    let mut core = core_of_run(Box::new(Follower::default()), LONG_NS, journal.second());
    for (instrument, position) in left.recovery.positions() {
        core.oms_mut().set_position(instrument, *position);
    }
    for (_, adopted) in left.recovery.orders() {
        core.adopt(now, adopted).unwrap();
    }
    core.set_journal(journal);
    let next_answer = Some(left.next_answers[0]).filter(|next| *next > 0);
    let mut place = Place::of(lines_of(core, next_answer), venue);
    place.lines.core.begin();
    place.lines.core.tick(Timestamp(1));
    place.carry();
    place
}

/// What is owned, in units of a quantity.
fn owned(core: &Core) -> i128 {
    core.oms().position(OURS).unwrap().owned().units() / Money::from_qty(Qty::from_units(1)).units()
}

fn anomalies(core: &mut Core) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    core.take_anomalies(|anomaly| anomalies.push(anomaly));
    anomalies
}

#[test]
fn a_first_run_that_was_killed_before_it_heard_anything_loses_no_fill() {
    let folder = Folder::new("binary-first");
    let mut place = run(&folder.0, Venue::new());
    place.feed_up();
    place.tell_one_way(Venue::snapshot);
    place.venue.fill(QTY);
    let Place { mut venue, lines, .. } = place;
    drop(lines);
    venue.hang_up();
    let mut place = run(&folder.0, venue);
    assert_eq!(anomalies(&mut place.lines.core), []);
    assert_eq!((owned(&place.lines.core), live(&place.lines.core)), (1_000_000, (0, 0)));
}

#[test]
fn answers_that_the_venue_no_longer_has_are_told_as_unheard_and_their_fills_as_missing() {
    let mut place = Place::new(LONG_NS);
    let mut now = place.lines.core.timing.now_ns();
    let next = place.venue.numbers();
    place.hang_up();
    // Half of it trades while nobody is there.
    place.venue.fill(Qty::from_units(QTY.units() / 2));
    place.venue.forget(next.0, next.1 + 1);
    place.dial_orders();
    let unheard = Anomaly::Unheard { venue: VenueId(0), expected: next.1, next: next.1 + 1 };
    assert_eq!(anomalies(&mut place.lines.core), [unheard]);
    let oms = place.lines.core.oms();
    assert_eq!((oms.live_orders(), oms.unknown_orders()), (1, 1));
    // The feed, too, says nothing: what it wants is not asked about here.
    place.venue.refuses_cancels = true;
    pass(&mut place, &mut now, 4_900);
    let missing = anomalies(&mut place.lines.core);
    let half = Qty::from_units(QTY.units() / 2);
    assert!(
        matches!(missing[..], [Anomaly::FillsMissing { qty, .. }] if qty == half),
        "{missing:?}"
    );
    assert_eq!(place.lines.core.oms().unknown_orders(), 1);
}

#[test]
fn a_venue_that_has_lost_its_numbers_is_followed_and_what_is_open_there_is_asked_for() {
    let folder = Folder::new("binary-lost");
    let mut place = run(&folder.0, Venue::new());
    place.feed_again();
    assert_eq!(place.venue.open.len(), 1);
    // Another order, and a cancel of the first: both are done, and neither is answered.
    place.tell_one_way(|venue, out| venue.bid(1_000, 1_004, out));
    assert_eq!(place.venue.open.len(), 1);
    place.hang_up();
    place.venue.forget(1, 1);
    place.events();
    place.dial_orders();
    let why = "the login is refused: sequence, the venue has fewer answers than were heard: it goes \
               on with new ones, and what is open is asked for";
    assert_eq!(place.events(), [LineEvent::Up(1), LineEvent::Down(1, why.to_owned())]);
    assert_eq!(anomalies(&mut place.lines.core), []);
    place.venue.hang_up();
    place.dial_orders();
    assert!(place.venue.is_logged_on());
    // The first is not there, which is told; the second works on.
    let told = anomalies(&mut place.lines.core);
    let unheard = Anomaly::Unheard { venue: VenueId(0), expected: 2, next: 1 };
    assert!(matches!(told[..], [first, Anomaly::Forgotten { .. }] if first == unheard), "{told:?}");
    let oms = place.lines.core.oms();
    assert_eq!((oms.live_orders(), oms.unknown_orders()), (1, 0));
    // The next run goes on there, too.
    let Place { mut venue, lines, .. } = place;
    drop(lines);
    venue.hang_up();
    let mut place = run(&folder.0, venue);
    assert_eq!(anomalies(&mut place.lines.core), []);
    assert!(place.venue.is_logged_on() && place.venue.open.is_empty());
}

#[test]
fn a_login_that_is_refused_says_why_and_asks_for_the_same_answers_again() {
    let mut place = Place::new(LONG_NS);
    place.hang_up();
    place.events();
    place.venue.fill(QTY);
    place.venue.refuses_logins = Some(LoginRefusal::Credentials);
    place.dial_orders();
    let why = "the login is refused: credentials".to_owned();
    assert_eq!(place.events(), [LineEvent::Up(1), LineEvent::Down(1, why)]);
    place.venue.hang_up();
    place.venue.refuses_logins = None;
    place.dial_orders();
    assert_eq!((owned(&place.lines.core), live(&place.lines.core)), (1_000_000, (0, 0)));
}

#[test]
fn requests_that_the_venue_has_answered_are_not_lost_although_it_has_forgotten_them() {
    let mut place = Place::new(LONG_NS);
    place.hang_up();
    place.venue.forget(1, place.venue.numbers().1);
    place.dial_orders();
    assert_eq!((live(&place.lines.core), place.venue.open.len()), ((1, 0), 1));
    assert_eq!((place.lines.core.oms().unknown_orders(), place.venue.questions), (0, 1));
}
