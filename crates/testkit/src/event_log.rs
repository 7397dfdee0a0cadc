//! What every event log has to do: one suite, for each backend.

#![allow(clippy::missing_panics_doc, reason = "a test's helper fails by panicking")]

use tiercel_journal::{AppendError, Durability, Entry, EventLog, LogCursor, Position, ReadError};
use tiercel_types::Timestamp;

/// An entry of the suite: its body says which it is.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    time_ns: u64,
    kind: u8,
    body: [u8; 40],
    size: usize,
}

impl Sample {
    /// The sample that stands at `sequence`, at the time that follows from it.
    pub fn at(sequence: u64) -> Self {
        let mut body = [0; 40];
        for (at, byte) in body.iter_mut().enumerate() {
            *byte = (sequence as u8).wrapping_mul(31).wrapping_add(at as u8);
        }
        body[..8].copy_from_slice(&sequence.to_le_bytes());
        let size = 8 + (sequence % 5) as usize * 8;
        Self { time_ns: sequence / 3 * 100, kind: 1 + (sequence % 17) as u8, body, size }
    }

    /// It as an entry.
    pub fn entry(&self) -> Entry<'_> {
        let body = &self.body[..self.size];
        Entry { time: Timestamp(self.time_ns), kind: self.kind, version: 1, body }
    }
}

/// Appends the samples of the next `count` sequences as one batch.
///
/// # Errors
/// The log's.
pub fn append_next<L: EventLog>(
    log: &mut L,
    count: u64,
    durability: Durability,
) -> Result<u64, AppendError> {
    let after = log.position();
    let samples: Vec<Sample> = (1..=count).map(|n| Sample::at(after.sequence + n)).collect();
    let entries: Vec<Entry<'_>> = samples.iter().map(Sample::entry).collect();
    log.append(after, &entries, durability)
}

/// Reads a cursor to its end: each entry has to be the sample of its sequence. Returns the
/// sequences.
pub fn read_all(cursor: &mut impl LogCursor) -> Vec<u64> {
    let mut sequences = Vec::new();
    while let Some(record) = cursor.next_record().expect("the log cannot be read") {
        let header = record.header;
        let sample = Sample::at(header.sequence);
        let entry = sample.entry();
        assert_eq!(
            (header.time_ns, header.kind, header.version, record.body),
            (entry.time.0, entry.kind, entry.version, entry.body),
            "sequence {}",
            header.sequence
        );
        sequences.push(header.sequence);
    }
    assert!(cursor.next_record().expect("the end is no failure").is_none(), "the end is final");
    sequences
}

fn sequences<L: EventLog>(log: &L, from: u64) -> Vec<u64> {
    read_all(&mut log.read(from).expect("the log cannot be read"))
}

/// The whole suite. `make` gives a new, empty log each time.
pub fn conforms<L: EventLog>(mut make: impl FnMut() -> L) {
    an_empty_log(&mut make());
    what_is_durable_reads_back(&mut make());
    a_batch_is_kept_whole_or_refused(&mut make());
    levels_acknowledge(&mut make());
    a_deposed_leader_is_fenced_off(&mut make());
    times_find_entries(&mut make());
    snapshots_are_kept_by_count(&mut make());
    removing_keeps_what_is_asked_for(&mut make());
}

fn an_empty_log<L: EventLog>(log: &mut L) {
    assert_eq!((log.position().sequence, log.first_sequence(), log.last_time_ns()), (0, 1, 0));
    assert_eq!((log.durable_sequence(), log.acknowledged_sequence()), (0, 0));
    assert_eq!(log.pending_bytes(), 0);
    assert_eq!(sequences(log, 1), Vec::<u64>::new());
    log.wait_durable(10).expect("nothing to wait for");
    assert!(log.newest_snapshot().expect("the log cannot be read").0.is_none());
    assert_eq!(log.append(log.position(), &[], Durability::Disk), Ok(0), "an empty batch");
}

fn what_is_durable_reads_back<L: EventLog>(log: &mut L) {
    for round in 0..200 {
        let last = append_next(log, 1 + round % 7, Durability::Disk)
            .expect("the log refused what it has room for");
        assert_eq!(log.position().sequence, last);
        assert!(log.pending_bytes() > 0, "it is not on the disk before it is asked to go on");
        if round % 3 == 0 {
            log.poll().expect("the log failed while nothing was wrong");
        }
        if round % 17 == 0 {
            log.wait_durable(last).expect("the log failed while nothing was wrong");
            assert_eq!((log.durable_sequence(), log.pending_bytes()), (last, 0));
        }
    }
    let last = log.position().sequence;
    log.wait_durable(last).expect("the log failed while nothing was wrong");
    assert_eq!(log.last_time_ns(), last / 3 * 100);
    for from in [0, 1, 2, last / 2, last, last + 1, last + 100] {
        let expected: Vec<u64> = (from.max(1)..=last).collect();
        assert_eq!(sequences(log, from), expected, "from {from}");
    }
}

fn a_batch_is_kept_whole_or_refused<L: EventLog>(log: &mut L) {
    append_next(log, 6, Durability::Disk).expect("the log refused what it has room for");
    let at = log.position();
    let sample = Sample::at(7);
    let good = sample.entry();
    let refused = [
        (Position { sequence: 5, ..at }, good),
        (Position { sequence: 7, ..at }, good),
        (at, Entry { time: Timestamp(good.time.0 - 1), ..good }),
        (at, Entry { kind: 0, ..good }),
        (at, Entry { body: &[0; 7], ..good }),
        (at, Entry { body: &[0; 240], ..good }),
    ];
    for (after, bad) in refused {
        let error = log.append(after, &[good, bad], Durability::Disk).expect_err("a bad batch");
        match error {
            AppendError::Sequence { found: 6, expected } => assert_eq!(expected, after.sequence),
            AppendError::Time { found_ns, previous_ns } => assert!(found_ns < previous_ns),
            AppendError::Entry { index } => assert_eq!(index, 1),
            other => panic!("{other}"),
        }
        assert_eq!(log.position(), at, "a refused batch changes nothing");
    }
    log.append(at, &[good], Durability::Disk).expect("a good one");
    log.wait_durable(7).expect("the log failed while nothing was wrong");
    assert_eq!(sequences(log, 1), [1, 2, 3, 4, 5, 6, 7]);
}

fn levels_acknowledge<L: EventLog>(log: &mut L) {
    let last =
        append_next(log, 2, Durability::Memory).expect("the log refused what it has room for");
    assert_eq!(log.acknowledged_sequence(), last, "memory is at once");
    assert_eq!(log.durable_sequence(), 0, "and not yet on the disk");
    let first_two = log.pending_bytes();
    assert!(first_two > 0, "the disk lacks what memory has");
    assert_eq!(sequences(log, 1), Vec::<u64>::new(), "reading shows what is durable");
    let last = append_next(log, 1, Durability::Disk).expect("the log refused what it has room for");
    assert!(log.acknowledged_sequence() < last, "the disk takes its time");
    assert!(log.pending_bytes() > first_two, "more is on its way");
    append_next(log, 1, Durability::Memory).expect("the log refused what it has room for");
    assert!(log.acknowledged_sequence() < last, "acknowledgements keep their order");
    log.wait_durable(last).expect("the log failed while nothing was wrong");
    assert!(log.acknowledged_sequence() >= last);
    log.flush().expect("the log failed while nothing was wrong");
    log.wait_durable(last + 1).expect("the log failed while nothing was wrong");
    assert_eq!((log.acknowledged_sequence(), log.pending_bytes()), (last + 1, 0));
    assert_eq!(sequences(log, 1), [1, 2, 3, 4]);
}

fn a_deposed_leader_is_fenced_off<L: EventLog>(log: &mut L) {
    append_next(log, 3, Durability::Disk).expect("the log refused what it has room for");
    let old = log.position();
    log.begin_epoch(old.epoch + 5).expect("a later epoch");
    assert_eq!(log.position(), Position { epoch: old.epoch + 5, sequence: 3 });
    assert_eq!(log.durable_sequence(), 3, "what came before is settled");
    let sample = Sample::at(4);
    let deposed = log.append(old, &[sample.entry()], Durability::Disk);
    assert_eq!(deposed, Err(AppendError::Epoch { found: old.epoch + 5, expected: old.epoch }));
    for epoch in [old.epoch, old.epoch + 5] {
        assert!(matches!(log.begin_epoch(epoch), Err(AppendError::Epoch { .. })));
    }
    append_next(log, 3, Durability::Disk).expect("the new leader");
    log.wait_durable(6).expect("the log failed while nothing was wrong");
    assert_eq!(sequences(log, 1), [1, 2, 3, 4, 5, 6]);
    assert_eq!(sequences(log, 4), [4, 5, 6]);
}

fn times_find_entries<L: EventLog>(log: &mut L) {
    for _ in 0..50 {
        append_next(log, 4, Durability::Disk).expect("the log refused what it has room for");
        log.wait_durable(u64::MAX).expect("the log failed while nothing was wrong");
    }
    for (time_ns, first) in [(0, 1), (1, 3), (100, 3), (101, 6), (6_600, 198), (6_601, 201)] {
        let mut cursor = log.read_from_time(Timestamp(time_ns)).expect("the log cannot be read");
        assert_eq!(read_all(&mut cursor), (first..=200).collect::<Vec<u64>>(), "{time_ns}");
    }
}

fn snapshots_are_kept_by_count<L: EventLog>(log: &mut L) {
    append_next(log, 9, Durability::Disk).expect("the log refused what it has room for");
    assert!(log.put_snapshot(9, b"too early").is_err(), "of what is not durable yet");
    log.wait_durable(9).expect("the log failed while nothing was wrong");
    for sequence in [2, 4, 6, 8] {
        log.put_snapshot(sequence, format!("state {sequence}").as_bytes())
            .expect("a snapshot cannot be published");
        let (newest, report) = log.newest_snapshot().expect("the log cannot be read");
        let newest = newest.expect("there is one");
        assert_eq!(newest.sequence(), sequence);
        assert_eq!(newest.state(), format!("state {sequence}").as_bytes());
        assert!(report.passed_over.is_empty());
    }
    log.put_snapshot(9, b"").expect("an empty state is a state");
    assert_eq!(log.newest_snapshot().expect("the log cannot be read").0.expect("one").state(), b"");
}

fn removing_keeps_what_is_asked_for<L: EventLog>(log: &mut L) {
    for _ in 0..40 {
        append_next(log, 10, Durability::Disk).expect("the log refused what it has room for");
        log.wait_durable(u64::MAX).expect("the log failed while nothing was wrong");
    }
    log.remove_before(150).expect("old records cannot be removed");
    let first = log.first_sequence();
    assert!((1..=150).contains(&first), "{first}");
    assert_eq!(sequences(log, 150), (150..=400).collect::<Vec<u64>>());
    assert_eq!(sequences(log, first), (first..=400).collect::<Vec<u64>>());
    if first > 1 {
        assert!(matches!(
            log.read(first - 1),
            Err(ReadError::Removed { asked, first: found }) if asked + 1 == first && found == first
        ));
    }
    append_next(log, 1, Durability::Disk).expect("it goes on");
    log.wait_durable(401).expect("the log failed while nothing was wrong");
    assert_eq!(sequences(log, 401), [401]);
}
