//! After warm-up the engine allocates nothing, on any thread, in either build.

use tiercel_matching::{Accounts, Bare, Engine, Ledger, Progress};
use tiercel_testkit::commands::{Profile, Step, Weights};
use tiercel_testkit::counting_allocator::{allocations, alone, assert_counts_every_thread};
use tiercel_testkit::coverage::Coverage;
use tiercel_testkit::model::Mode;
use tiercel_types::command::{MassCancel, NewAdvancedOrder, NewOrder, OrderTerms};
use tiercel_types::order::{SideScope, TimeInForce};
use tiercel_types::{AccountId, EventBuffer, InstrumentState, Side, command, event};

use crate::runs::{draw, draw_changing};
use crate::session::{FREE, Session, limit};
use crate::subject::Holding;

/// What comes by the million: orders in all their forms, cancels, amendments, replacements, mass
/// cancels, queries, expiries. New assets, instruments and accounts make room when they come, and
/// so do the first 65,536 movements of funds.
const fn hot(profile: Profile) -> Profile {
    let weights = Weights { list: 0, update: 0, state: 4, account: 0, funds: 0, ..profile.weights };
    Profile { weights, market: 150, iceberg: 200, self_trade_prevention: 400, ..profile }
}

/// The same market at its busiest: more orders live, more of them far away or wrong. Tables and
/// lists grow with the most they ever held, so this is what warms an engine up.
const fn busiest(profile: Profile) -> Profile {
    let weights = Weights {
        advanced: 4 * profile.weights.advanced,
        order_list: 4 * profile.weights.order_list,
        special: 2 * profile.weights.special,
        auction_order: 2 * profile.weights.auction_order,
        ..profile.weights
    };
    Profile { weights, live_orders: 4 * profile.live_orders, invalid: 200, ..profile }
}

const WARM_UP: usize = 150_000;
const MEASURED: usize = 100_000;

/// What the plain market does, whatever else comes.
const PLAIN: [command::Kind; 8] = [
    command::Kind::NewOrder,
    command::Kind::CancelOrder,
    command::Kind::ReplaceOrder,
    command::Kind::AmendOrder,
    command::Kind::MassCancel,
    command::Kind::QueryOrder,
    command::Kind::SetInstrumentState,
    command::Kind::AdvanceTime,
];

/// Of what is rare there may be more at once than ever before, even after the warm-up: then a list
/// grows: up to 14 were seen. What allocates each time does so a hundred times in as many commands as
/// are measured.
const GROWTHS_MAX: u64 = 25;

/// Warms an engine up, then counts what it allocates, while all these commands come and all these
/// events are told.
fn check<L: Ledger>(
    profile: Profile,
    growths_max: u64,
    commands: &[command::Kind],
    told: &[event::Kind],
) {
    let parts = [(busiest(hot(profile)), WARM_UP), (hot(profile), MEASURED)];
    let steps = draw_changing::<L>(&parts, 22);
    let mut engine = Engine::<L>::new(Holding::PLAIN.config());
    let mut buffer = EventBuffer::with_capacity(64);
    let mut coverage = Coverage::default();
    let (warm_up, measured) = steps.split_at(WARM_UP);
    for (sequence, step) in (1..).zip(warm_up) {
        engine.apply_all(sequence, step.time, &step.command, &mut buffer, |_, _| ());
    }
    let mut events = Told::default();
    let counted = allocations(|| {
        for (sequence, step) in (1 + warm_up.len() as u64..).zip(measured) {
            run(&mut engine, sequence, step, &mut buffer, &mut events);
        }
    });
    assert!(
        counted <= growths_max,
        "{}: {counted} allocations; TIERCEL_BACKTRACE=1 says where",
        profile.name
    );
    assert!(events.count > measured.len() as u64);
    for step in measured {
        coverage.command(&step.command);
    }
    let comes = |kind| coverage.commands.contains_key(kind);
    assert!(PLAIN.iter().chain(commands).all(comes), "{}: {coverage}", profile.name);
    let missing = told.iter().find(|&&kind| events.kinds & bit(kind) == 0);
    assert_eq!(missing, None, "{}", profile.name);
}

/// What was told, counted without allocating.
#[derive(Default)]
struct Told {
    count: u64,
    kinds: u64,
}

const fn bit(kind: event::Kind) -> u64 {
    1 << kind as u16
}

fn run<L: Ledger>(
    engine: &mut Engine<L>,
    sequence: u64,
    step: &Step,
    buffer: &mut EventBuffer,
    told: &mut Told,
) {
    let mut progress = engine.apply(sequence, step.time, &step.command, buffer);
    loop {
        for (header, _) in buffer.refs() {
            told.count += 1;
            told.kinds |= 1 << header.kind;
        }
        buffer.clear();
        if progress == Progress::Done {
            return;
        }
        progress = engine.resume(buffer);
    }
}

#[test]
fn nothing_is_allocated_after_warm_up() {
    alone("allocations::nothing_is_allocated_after_warm_up", || {
        for profile in
            [Profile::CALM, Profile::CROSSING, Profile::ICEBERG_HEAVY, Profile::STP_HEAVY]
        {
            check::<Accounts>(profile, 0, &[], &[]);
        }
        for profile in [Profile::BARE, Profile::WIDE_PRICES] {
            check::<Bare>(profile, 0, &[], &[]);
        }
    });
}

/// Stops, conditions, lists and brackets; orders that nobody sees; calls, auctions and bands.
#[test]
fn nothing_is_allocated_after_warm_up_whatever_is_on() {
    use command::Kind as Command;
    use event::Kind as Event;
    alone("allocations::nothing_is_allocated_after_warm_up_whatever_is_on", || {
        let waiting = [Command::NewAdvancedOrder, Command::StageCondition];
        let triggered = [Event::OrderWaiting, Event::OrderTriggered];
        check::<Accounts>(Profile::WAITING, 0, &waiting, &triggered);
        check::<Bare>(Profile::BARE_WAITING, 0, &waiting, &triggered);
        check::<Accounts>(
            Profile::LISTS,
            GROWTHS_MAX,
            &[Command::NewOrderList],
            &[Event::ListEnded],
        );
        check::<Accounts>(Profile::SPECIAL, GROWTHS_MAX, &[Command::NewAdvancedOrder], &triggered);
        let calls = [Command::StartCall, Command::SetAuctionRules];
        let auctions = [Event::AuctionIndication, Event::AuctionEnded, Event::LevelChanged];
        check::<Accounts>(Profile::AUCTION_LISTS, GROWTHS_MAX, &calls, &auctions);
        check::<Accounts>(
            Profile::BANDS,
            GROWTHS_MAX,
            &[Command::SetProtections],
            &[Event::ProtectionsSet],
        );
        let switches = [Command::SetKillSwitch, Command::SchedulePhase, Command::CountdownCancel];
        check::<Bare>(Profile::BARE_SESSIONS, GROWTHS_MAX, &[Command::StartCall], &auctions);
        check::<Accounts>(Profile::SESSIONS, GROWTHS_MAX, &switches, &auctions);
    });
}

/// A call: displayed orders, hidden ones and such for the auction, its end, and nothing left.
fn a_call() -> Vec<Step> {
    let mut session = Session::new(Mode::Bare);
    session.steps.clear();
    session.call(0);
    for at in 0..400_i64 {
        let side = if at % 2 == 0 { Side::Buy } else { Side::Sell };
        let order = session.numbered(limit(FREE, 1, side, 1_000 + at * 37 % 11, 3));
        match at % 5 {
            0 => session.run(NewOrder { time_in_force: TimeInForce::AtAuction, ..order }),
            1 | 2 => session.run(order),
            _ => {
                let terms = OrderTerms { hidden: 1, ..OrderTerms::NONE };
                session.run(NewAdvancedOrder { order, terms });
            }
        }
    }
    session.set_state(FREE, InstrumentState::Open);
    session.run(MassCancel {
        account: AccountId::ALL,
        instrument: FREE,
        sides: SideScope::Both,
        reserved: [0; 7],
    });
    session.steps
}

#[test]
fn auctions_allocate_nothing_once_their_buffers_have_grown() {
    alone("allocations::auctions_allocate_nothing_once_their_buffers_have_grown", || {
        let (venue, steps) = (Session::new(Mode::Bare).steps, a_call());
        let mut engine = Engine::<Bare>::new(Holding::TIGHT.config());
        let mut buffer = EventBuffer::with_capacity(0);
        let mut sequence = 0;
        let mut told = Told::default();
        let mut run_all = |steps: &[Step]| {
            for step in steps {
                sequence += 1;
                run(&mut engine, sequence, step, &mut buffer, &mut told);
            }
        };
        for warm_up in [&venue, &steps, &steps, &steps] {
            run_all(warm_up);
        }
        let counted = allocations(|| run_all(&steps));
        assert_eq!(counted, 0, "TIERCEL_BACKTRACE=1 says where");
        assert!(told.count > 4 * steps.len() as u64 + 4 * 100, "orders have traded");
    });
}

/// The control: an engine that is told of a new order for the first time does allocate here, and
/// so does any thread.
#[test]
fn an_allocation_on_any_thread_is_counted() {
    alone("allocations::an_allocation_on_any_thread_is_counted", || {
        assert_counts_every_thread();
        let steps = draw::<Accounts>(Profile::CALM, 5, 500);
        let mut engine = Engine::<Accounts>::new(Holding::TIGHT.config());
        let mut buffer = EventBuffer::with_capacity(64);
        let cold = allocations(|| {
            for (sequence, step) in (1..).zip(&steps) {
                run(&mut engine, sequence, step, &mut buffer, &mut Told::default());
            }
        });
        assert!(cold > 10, "an engine without warm-up has to allocate");
    });
}
