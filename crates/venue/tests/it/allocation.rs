//! The hot path allocates nothing after warm-up.

use tiercel_journal::{EventLog, IoOptions, Options};
use tiercel_testkit::counting_allocator::{
    CountingAllocator, allocations, alone, assert_counts_every_thread,
};
use tiercel_types::{Command, Event, Timestamp};
use tiercel_venue::pipeline::{Core, Delivery, Handle, Submission, pipeline};
use tiercel_venue::store::{self, Opened, StoreOptions};

use crate::it::place::{Flow, Place, SMALL_PIPELINE, setup, store_options};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Hands commands in until they are told, many under way at a time; how many events there were.
fn go<L: EventLog>(core: &mut Core<L>, handle: &mut Handle, commands: &[Command]) -> u64 {
    let (mut events, mut ended, mut next) = (0, 0, 0);
    while ended < commands.len() {
        while let Some(command) = commands.get(next)
            && handle.submit(Submission { token: 0, commands: &[*command] }).is_ok()
        {
            next += 1;
        }
        core.poll(Timestamp(next as u64)).unwrap();
        if core.waits_for_log() {
            core.idle(Timestamp(next as u64), std::time::Duration::ZERO).unwrap();
        }
        let tell = |delivery: &Delivery| {
            events += 1;
            ended += usize::from(delivery.is_end_of_submission());
        };
        handle.poll(usize::MAX, tell).unwrap();
    }
    events
}

#[test]
fn submitting_matching_logging_and_reading_allocate_nothing_after_warm_up() {
    alone(
        "it::allocation::submitting_matching_logging_and_reading_allocate_nothing_after_warm_up",
        || {
            assert_counts_every_thread();
            let place = Place::new("allocation");
            let journal = Options { segment_size: 64 << 20, ..Options::default() };
            let options = StoreOptions { journal, ..store_options(None) };
            let opened = store::open(place.path(), IoOptions::default(), &options).unwrap();
            let Opened { journal, engine, models, .. } = opened;
            let (mut core, mut handles) = pipeline(&SMALL_PIPELINE, journal, engine, 1);
            let handle = &mut handles[0];
            // The same commands again and again: a book that fills and empties.
            let mut flow = Flow::new(1, &models);
            let orders: Vec<Command> = (0..300).map(|_| flow.next_command()).collect();
            let sweep = Command::from(tiercel_types::command::MassCancel {
                account: tiercel_types::AccountId::ALL,
                instrument: tiercel_types::InstrumentId::ALL,
                sides: tiercel_types::order::SideScope::Both,
                reserved: [0; 7],
            });
            go(&mut core, handle, &setup());
            let round: Vec<Command> = orders.into_iter().chain([sweep]).collect();
            for _ in 0..20 {
                go(&mut core, handle, &round);
            }
            let mut events = 0;
            let counted = allocations(|| {
                for _ in 0..100 {
                    events += go(&mut core, handle, &round);
                }
            });
            assert_eq!(counted, 0, "{events} events");
            assert!(events > 30_000);
            let mut last = None;
            handle.submit(Submission { token: 0, commands: &[sweep] }).unwrap();
            while last.is_none() {
                core.poll(Timestamp(9)).unwrap();
                handle.poll(9, |delivery| last = Some(delivery.event)).unwrap();
            }
            assert!(matches!(last, Some(Event::MassCancelDone(_))), "it was work");
        },
    );
}
