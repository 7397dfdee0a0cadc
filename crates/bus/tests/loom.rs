//! The protocol and the bell under loom: every order of loads and stores that the memory model
//! allows, with bounded preemptions. What runs is the shipped code; the mapping of a cycle's file is
//! a boxed slice of words.
//!
//! `RUSTFLAGS="--cfg tiercel_loom" cargo test -p tiercel-bus --release --test loom`; without the
//! flag there is nothing in here.

#![cfg(tiercel_loom)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use loom::thread;
use tiercel_bus::bell;
use tiercel_bus::header::Header;
use tiercel_bus::protocol::{self, Claim, Cursor, Geometry, Memory};
use tiercel_sync::atomic::{Arc, AtomicU32, AtomicU64, Ordering};
use tiercel_sync::futex::{self, Scope};

/// Words as a cycle: records of one word of payload, from word zero on.
const GEOMETRY: Geometry = Geometry { first: 0, last: 4 * 8, align: 8, slots: 64 };
const LENGTH: usize = 8;

struct Words(Box<[AtomicU64]>);

impl Memory for Words {
    fn word(&self, offset: usize) -> &AtomicU64 {
        &self.0[offset / 8]
    }
}

fn words() -> Arc<Words> {
    Arc::new(Words((0..6).map(|_| AtomicU64::new(0)).collect()))
}

/// The payload at `cursor`. Relaxed, as plain memory is: only the protocol may order it.
fn payload(memory: &Words, cursor: Cursor) -> &AtomicU64 {
    memory.word(cursor.position + 8)
}

/// Runs `model` with every order of at most so many preemptions.
fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Reads what there is, `looks` times at most, and returns the payloads.
fn read(memory: &Words, cursor: &mut Cursor, looks: usize) -> Vec<u64> {
    let mut seen = Vec::new();
    for _ in 0..looks {
        match protocol::look(memory, &GEOMETRY, *cursor) {
            Header::Record { length, .. } => {
                seen.push(payload(memory, *cursor).load(Ordering::Relaxed));
                *cursor = cursor.after(&GEOMETRY, length);
            }
            Header::Padding { length } => *cursor = cursor.after(&GEOMETRY, length),
            Header::Empty | Header::Pending { .. } => thread::yield_now(),
            Header::End => break,
            Header::Foreign => panic!("a reader meets a word that no writer puts there"),
        }
    }
    seen
}

#[test]
fn a_record_of_the_only_writer_is_seen_whole_or_not_at_all() {
    check(3, || {
        let memory = words();
        let writer = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || {
                let mut cursor = Cursor::start(&GEOMETRY);
                for value in [11, 12] {
                    payload(&memory, cursor).store(value, Ordering::Relaxed);
                    protocol::publish(&*memory, cursor, LENGTH, 0);
                    cursor = cursor.after(&GEOMETRY, LENGTH);
                }
            })
        };
        let mut cursor = Cursor::start(&GEOMETRY);
        let seen = read(&memory, &mut cursor, 3);
        assert!(seen.is_empty() || seen == [11] || seen == [11, 12], "{seen:?}");
        writer.join().unwrap();
        let rest = read(&memory, &mut cursor, 2);
        assert_eq!([seen, rest].concat(), [11, 12]);
    });
}

/// Claims, fills and publishes one record, or gives it up.
fn write_one(memory: &Words, slot: u32, value: Option<u64>) -> Claim {
    let mut cursor = Cursor::start(&GEOMETRY);
    let claim = protocol::claim(memory, &GEOMETRY, &mut cursor, LENGTH, slot);
    if claim == Claim::Won {
        match value {
            Some(value) => {
                payload(memory, cursor).store(value, Ordering::Relaxed);
                protocol::publish(memory, cursor, LENGTH, 0);
            }
            None => protocol::abandon(memory, cursor, LENGTH),
        }
    }
    claim
}

#[test]
fn two_writers_never_get_the_same_place_and_readers_see_whole_records() {
    check(3, || {
        let memory = words();
        let writer = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || assert_eq!(write_one(&memory, 1, Some(21)), Claim::Won))
        };
        let reader = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || {
                let mut cursor = Cursor::start(&GEOMETRY);
                for value in read(&memory, &mut cursor, 2) {
                    assert!(value == 21 || value == 22, "{value}");
                }
            })
        };
        assert_eq!(write_one(&memory, 0, Some(22)), Claim::Won);
        writer.join().unwrap();
        reader.join().unwrap();
        let mut all = read(&memory, &mut Cursor::start(&GEOMETRY), 2);
        all.sort_unstable();
        assert_eq!(all, [21, 22]);
    });
}

#[test]
fn a_cycle_ends_once_and_no_record_comes_behind_the_end() {
    check(3, || {
        let memory = words();
        let writer = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || write_one(&memory, 1, Some(31)))
        };
        let mut cursor = Cursor::start(&GEOMETRY);
        assert!(protocol::end(&*memory, &GEOMETRY, &mut cursor));
        let claim = writer.join().unwrap();
        let mut tail = Cursor::start(&GEOMETRY);
        let mut records = 0;
        let end = protocol::walk(&*memory, &GEOMETRY, &mut tail, |_, _| records += 1);
        assert_eq!((end, tail), (Header::End, cursor));
        // Before the end, or refused because of it.
        assert_eq!(records, usize::from(claim == Claim::Won));
    });
}

#[test]
fn a_repair_and_a_reader_agree_on_a_dead_claim() {
    check(3, || {
        let memory = words();
        // The writer in slot 5 claimed the first place and died.
        let mut dead = Cursor::start(&GEOMETRY);
        assert_eq!(protocol::claim(&*memory, &GEOMETRY, &mut dead, LENGTH, 5), Claim::Won);
        let repairs: Vec<_> = (0..2)
            .map(|_| {
                let memory = Arc::clone(&memory);
                thread::spawn(move || protocol::repair(&*memory, dead, LENGTH, 5))
            })
            .collect();
        assert_eq!(write_one(&memory, 1, Some(41)), Claim::Won);
        let mended = repairs.into_iter().map(|t| t.join().unwrap());
        assert_eq!(mended.filter(|&mended| mended).count(), 1);
        assert_eq!(read(&memory, &mut Cursor::start(&GEOMETRY), 2), [41]);
    });
}

/// One sleeper and a writer: the model is a deadlock, and fails, if the wake-up is lost.
fn sleep_for_one(memory: &Words, word: &AtomicU32) -> u64 {
    let mut cursor = Cursor::start(&GEOMETRY);
    let ready = |cursor| !matches!(protocol::look(memory, &GEOMETRY, cursor), Header::Empty);
    loop {
        if let [value] = read(memory, &mut cursor, 1)[..] {
            return value;
        }
        let expected = bell::announce(word, bell::full_fence);
        if !ready(cursor) {
            futex::wait(word, expected, None, Scope::Shared);
        }
    }
}

#[test]
fn no_wake_up_is_lost() {
    for sleepers in [1, 2] {
        check(if sleepers == 1 { 3 } else { 2 }, move || {
            let (memory, word) = (words(), Arc::new(AtomicU32::new(0)));
            let threads: Vec<_> = (0..sleepers)
                .map(|_| {
                    let (memory, word) = (Arc::clone(&memory), Arc::clone(&word));
                    thread::spawn(move || assert_eq!(sleep_for_one(&memory, &word), 51))
                })
                .collect();
            let cursor = Cursor::start(&GEOMETRY);
            payload(&memory, cursor).store(51, Ordering::Relaxed);
            protocol::publish(&*memory, cursor, LENGTH, 0);
            if bell::ring(&word, bell::full_fence) {
                futex::wake(&word, u32::MAX, Scope::Shared);
            }
            for thread in threads {
                thread.join().unwrap();
            }
        });
    }
}
