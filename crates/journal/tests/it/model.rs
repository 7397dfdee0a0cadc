//! Random lives of a journal, beside a naive model: the list of what was appended.

use proptest::prelude::*;
use tiercel_journal::{AppendError, Durability, EventLog, Journal, Options};
use tiercel_testkit::event_log::{append_next, read_all};
use tiercel_testkit::random::Random;
use tiercel_testkit::simulated_disk::{SimulatedDisk, SimulatedFolder};
use tiercel_testkit::soak;

use crate::it::place::SMALL;

#[derive(Clone, Debug)]
enum Action {
    Append(u64, bool),
    Poll,
    Wait,
    Close,
    Drop,
    PowerLoss(u64),
    Epoch,
    Snapshot,
    Remove(u64),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        10 => (1_u64..80, any::<bool>()).prop_map(|(count, disk)| Action::Append(count, disk)),
        5 => Just(Action::Poll),
        3 => Just(Action::Wait),
        1 => Just(Action::Close),
        1 => Just(Action::Drop),
        1 => any::<u64>().prop_map(Action::PowerLoss),
        1 => Just(Action::Epoch),
        1 => Just(Action::Snapshot),
        1 => (0_u64..100).prop_map(Action::Remove),
    ]
}

/// What has to be there: everything up to `durable`; at most everything up to `last`.
struct Model {
    first: u64,
    durable: u64,
    last: u64,
    snapshot: u64,
}

fn check(journal: &Journal<SimulatedDisk>, model: &mut Model) {
    let last = journal.position().sequence;
    assert!((model.durable..=model.last).contains(&last), "{last}");
    assert_eq!(journal.durable_sequence(), last);
    let read = read_all(&mut journal.read(0).expect("readable"));
    assert_eq!(read, (model.first..=last).collect::<Vec<u64>>());
    let (snapshot, _) = journal.newest_snapshot().expect("readable");
    assert_eq!(snapshot.map_or(0, |snapshot| snapshot.sequence()), model.snapshot);
    (model.durable, model.last) = (last, last);
}

fn reopened(
    folder: &SimulatedFolder,
    seed: u64,
    options: Options,
    model: &mut Model,
) -> Journal<SimulatedDisk> {
    let journal = Journal::open(SimulatedDisk::new(folder, seed), options).expect("it opens");
    check(&journal, model);
    journal
}

fn live(actions: &[Action], seed: u64, block_size: u32) {
    let options = Options { block_size, segment_size: 32 << 10, ..SMALL };
    let mut folder = SimulatedFolder::default();
    let mut model = Model { first: 1, durable: 0, last: 0, snapshot: 0 };
    let mut journal = reopened(&folder, seed, options, &mut model);
    for action in actions {
        match *action {
            Action::Append(count, disk) => {
                let level = if disk { Durability::Disk } else { Durability::Memory };
                match append_next(&mut journal, count, level) {
                    Ok(last) => model.last = last,
                    Err(error) => assert_eq!(error, AppendError::Full),
                }
            }
            Action::Poll => drop(journal.poll().expect("the disk works")),
            Action::Wait => journal.wait_durable(u64::MAX).expect("the disk works"),
            Action::Close => {
                assert_eq!(journal.close(), Ok(model.last));
                model.durable = model.last;
                journal = reopened(&folder, seed, options, &mut model);
                assert_eq!(journal.recovery().torn, None, "a closed journal has no torn tail");
            }
            Action::Drop => {
                drop(journal);
                journal = reopened(&folder, seed, options, &mut model);
            }
            Action::PowerLoss(seed) => {
                drop(journal);
                folder = folder.after_power_loss(&mut Random::new(seed));
                journal = reopened(&folder, seed, options, &mut model);
            }
            Action::Epoch => {
                let epoch = journal.position().epoch + 1;
                match journal.begin_epoch(epoch) {
                    Ok(()) => model.durable = model.last,
                    Err(error) => panic!("{error}"),
                }
            }
            Action::Snapshot => {
                let sequence = journal.durable_sequence();
                if sequence > 0 {
                    journal.put_snapshot(sequence, b"state").expect("published");
                    model.snapshot = sequence;
                }
            }
            Action::Remove(percent) => {
                let before = journal.durable_sequence() * percent / 100;
                journal.remove_before(before).expect("removable");
                let first = journal.first_sequence();
                assert!((model.first..=before.max(model.first)).contains(&first));
                model.first = first;
            }
        }
        model.durable = model.durable.max(journal.durable_sequence());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if soak::is_soak() { 5_000 } else { 150 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_journal_does_what_a_list_does(
        actions in prop::collection::vec(action(), 1..80),
        seed: u64,
        block in 9_u32..12,
    ) {
        live(&actions, seed, 1 << block);
    }
}
