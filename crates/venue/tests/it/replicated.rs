//! A log with a replica: nothing is told before both have it, whatever the replica does.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tiercel_journal::{AppendError, Entry, EventLog, IoOptions, LogFailure, MemoryLog, Position};
use tiercel_matching::FullEngine;
use tiercel_types::Timestamp;
use tiercel_venue::pipeline::{
    Busy, Core, CoreError, Health, LogReplica, ReplicaError, Replicated, Submission, pipeline,
};
use tiercel_venue::run::{RunOptions, start_replicated};
use tiercel_venue::store;

use crate::it::place::{Flow, Place, SMALL_ENGINE, SMALL_PIPELINE, setup, store_options};

/// The other machine: a log in memory, behind a network with a delay.
#[derive(Clone, Default)]
struct Far(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// What is there: sequence, kind and body.
    kept: Mutex<Vec<(u64, u8, Vec<u8>)>>,
    /// How many polls an acknowledgement takes.
    delay: AtomicU64,
    /// The network is gone.
    cut: AtomicBool,
}

impl Far {
    fn last(&self) -> u64 {
        self.0.kept.lock().unwrap().last().map_or(0, |(sequence, ..)| *sequence)
    }

    fn connect(&self) -> Near {
        Near { far: self.clone(), acknowledged: self.last(), under_way: VecDeque::new(), polls: 0 }
    }
}

/// This end of it. It gives up after [`DEADLINE`] polls without an acknowledgement.
struct Near {
    far: Far,
    acknowledged: u64,
    /// Sequences, and the poll at which their acknowledgement comes.
    under_way: VecDeque<(u64, u64)>,
    polls: u64,
}

const ROOM: usize = 64;
const DEADLINE: u64 = 10_000;

fn lost() -> LogFailure {
    LogFailure {
        what: "replication",
        file: "far".to_owned(),
        offset: 0,
        length: 0,
        code: None,
        reason: "no acknowledgement came in time".to_owned(),
    }
}

impl LogReplica for Near {
    fn room(&self) -> usize {
        ROOM - self.under_way.len()
    }

    fn offer(&mut self, last: Position, entries: &[Entry<'_>]) -> Result<(), LogFailure> {
        let first = last.sequence + 1 - entries.len() as u64;
        for (sequence, entry) in (first..).zip(entries) {
            if !self.far.0.cut.load(Ordering::Relaxed) {
                let mut kept = self.far.0.kept.lock().unwrap();
                kept.push((sequence, entry.kind, entry.body.to_vec()));
            }
            let due = self.polls + self.far.0.delay.load(Ordering::Relaxed);
            self.under_way.push_back((sequence, due));
        }
        Ok(())
    }

    fn poll(&mut self) -> Result<usize, LogFailure> {
        self.polls += 1;
        let cut = self.far.0.cut.load(Ordering::Relaxed);
        let mut done = 0;
        while let Some(&(sequence, due)) = self.under_way.front() {
            if cut || due > self.polls {
                break;
            }
            self.under_way.pop_front();
            self.acknowledged = sequence;
            done += 1;
        }
        let overdue = self.under_way.front().is_some_and(|(_, due)| due + DEADLINE < self.polls);
        if overdue { Err(lost()) } else { Ok(done) }
    }

    fn acknowledged_sequence(&self) -> u64 {
        self.acknowledged
    }

    fn wait(&mut self, _longest: Duration) {
        std::thread::yield_now();
    }

    fn begin_epoch(&mut self, _epoch: u64) -> Result<(), AppendError> {
        Ok(())
    }
}

type FarCore = Core<Replicated<MemoryLog, Near>>;

fn core(far: &Far) -> (FarCore, tiercel_venue::pipeline::Handle) {
    let log = Replicated::open(MemoryLog::default(), far.connect()).unwrap();
    let engine = FullEngine::new(SMALL_ENGINE);
    let (core, mut handles) = pipeline(&SMALL_PIPELINE, log, engine, 1);
    (core, handles.remove(0))
}

#[test]
fn nothing_is_told_before_the_replica_has_it() {
    let far = Far::default();
    far.0.delay.store(7, Ordering::Relaxed);
    let (mut core, mut handle) = core(&far);
    let commands = setup();
    for command in &commands {
        handle.submit(Submission { token: 1, commands: &[*command] }).unwrap();
    }
    let (mut told, mut waited) = (0, 0);
    for turn in 1..200 {
        core.poll(Timestamp(turn)).unwrap();
        let acknowledged = core.log().replica().acknowledged_sequence();
        handle
            .poll(usize::MAX, |delivery| {
                assert!(delivery.header.sequence <= acknowledged, "told too early");
                told = delivery.header.sequence;
            })
            .unwrap();
        waited += u32::from(core.log().position().sequence > told);
    }
    assert_eq!((told, far.last()), (commands.len() as u64, commands.len() as u64));
    assert!(waited > 2, "the replica was awaited");
    // What is there is what the log has.
    let mut cursor = core.log().read(1).unwrap();
    let kept = far.0.kept.lock().unwrap();
    for (sequence, kind, body) in kept.iter() {
        use tiercel_journal::LogCursor;
        let record = cursor.next_record().unwrap().unwrap();
        assert_eq!((record.header.sequence, record.header.kind), (*sequence, *kind));
        assert_eq!(record.body, body);
    }
}

#[test]
fn a_replica_that_is_cut_off_stops_the_venue_and_tells_nothing_more() {
    let far = Far::default();
    let (mut core, mut handle) = core(&far);
    let mut told = 0;
    let mut look = |handle: &mut tiercel_venue::pipeline::Handle| {
        let _closed = handle.poll(usize::MAX, |delivery| told = delivery.header.sequence);
        told
    };
    for command in setup() {
        handle.submit(Submission { token: 1, commands: &[command] }).unwrap();
        core.poll(Timestamp(1)).unwrap();
        core.poll(Timestamp(1)).unwrap();
        look(&mut handle);
    }
    let before = look(&mut handle);
    assert_eq!(before, setup().len() as u64);
    far.0.cut.store(true, Ordering::Relaxed);
    handle.submit(Submission { token: 2, commands: &setup()[..1] }).unwrap();
    let failure = (0..2 * DEADLINE).find_map(|_| core.poll(Timestamp(2)).err());
    assert_eq!(failure, Some(CoreError::Log(lost())));
    assert_eq!(look(&mut handle), before, "it was never told");
    assert_eq!(handle.status().health(), Health::Failed);
    let refused = handle.submit(Submission { token: 3, commands: &setup()[..1] });
    assert_eq!(refused, Err(Busy::Stopped));
}

#[test]
fn a_full_replica_makes_the_core_wait_and_clients_hear_it() {
    let far = Far::default();
    far.0.delay.store(50, Ordering::Relaxed);
    let (mut core, mut handle) = core(&far);
    let commands = setup();
    let mut busy = 0;
    for turn in 0..2_000_u64 {
        let command = commands[turn as usize % commands.len()];
        if turn < 1_000 {
            let handed = handle.submit(Submission { token: turn, commands: &[command] });
            busy += u32::from(handed == Err(Busy::Full));
        }
        if turn % 300 == 299 {
            core.poll(Timestamp(turn)).unwrap();
        }
        let _none = handle.poll(usize::MAX, |_| {}).unwrap();
    }
    while core.log().position().sequence > core.log().durable_sequence() {
        core.poll(Timestamp(9_999)).unwrap();
        let _none = handle.poll(usize::MAX, |_| {}).unwrap();
    }
    assert!(busy > 0, "the ring filled");
    assert_eq!(far.last(), core.log().position().sequence);
}

#[test]
fn a_start_hands_over_what_the_replica_lacks_and_refuses_one_that_is_ahead() {
    let place = Place::new("replicated");
    let far = Far::default();
    let options = store_options(Some(500));
    let mut last = 0;
    for round in 0..3 {
        let opened = store::open(place.path(), IoOptions::default(), &options).unwrap();
        assert_eq!(opened.engine.sequence(), last);
        let (running, models, mut handles) =
            start_replicated(opened, far.connect(), &SMALL_PIPELINE, RunOptions::default(), 1)
                .unwrap();
        assert_eq!(far.last(), last, "it has caught up");
        let mut handle = handles.remove(0);
        let mut flow = Flow::new(round, &models);
        let first = if round == 0 { setup() } else { Vec::new() };
        let mut first = first.into_iter();
        let (mut sent, mut answered, from) = (0, 0, Instant::now());
        while answered < 700 {
            if sent < 700 {
                let command = first.next().unwrap_or_else(|| flow.next_command());
                sent += usize::from(
                    handle.submit(Submission { token: 1, commands: &[command] }).is_ok(),
                );
            }
            handle
                .poll(usize::MAX, |delivery| {
                    flow.observe(delivery);
                    answered += usize::from(delivery.is_end_of_submission());
                })
                .unwrap();
            assert!(from.elapsed() < Duration::from_mins(1));
        }
        running.status().stop();
        while handle.poll(usize::MAX, |_| {}).is_ok() {
            handle.deliveries.wait(Duration::from_millis(20));
        }
        last = running.wait().unwrap().sequence;
        assert_eq!(far.last(), last);
        // The other machine loses its end: what it lacks comes with the next start.
        let mut kept = far.0.kept.lock().unwrap();
        let left = kept.len() - 200;
        kept.truncate(left);
        drop(kept);
        if round < 2 {
            // `far.last()` above is that of a start which has handed it over.
            let opened = store::open(place.path(), IoOptions::default(), &options).unwrap();
            let joined = Replicated::open(opened.journal, far.connect()).unwrap();
            assert_eq!(joined.replica().acknowledged_sequence(), last);
        }
    }
    let opened = store::open(place.path(), IoOptions::default(), &options).unwrap();
    far.0.kept.lock().unwrap().push((last + 1, 1, Vec::new()));
    let refused = Replicated::open(opened.journal, far.connect());
    assert!(matches!(refused, Err(ReplicaError::Ahead { replica, local })
        if replica == last + 1 && local == last));
}
