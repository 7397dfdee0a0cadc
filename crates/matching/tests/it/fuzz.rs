//! Short runs of the fuzz bodies, from fixed seeds; `fuzz/fuzz_targets/commands.rs` runs them long.

use tiercel_matching::{Accounts, Bare};
use tiercel_testkit::coverage::Coverage;
use tiercel_testkit::fuzz_commands;
use tiercel_testkit::harness::{SHARD, Subject};
use tiercel_testkit::model::{Mode, Model};
use tiercel_testkit::random::Random;
use tiercel_types::command;

use crate::recorded::logs;
use crate::runs::rounds;
use crate::subject::{EngineSubject, Holding};

fn random_bytes(random: &mut Random, size: u64) -> Vec<u8> {
    (0..size).map(|_| random.next_u64() as u8).collect()
}

#[test]
fn any_bytes_are_a_session_on_which_engine_and_model_agree() {
    let mut random = Random::new(11);
    for round in 0..rounds(400) {
        let size = random.below(3_000);
        let bytes = random_bytes(&mut random, size);
        let holding = if round.is_multiple_of(2) { Holding::TIGHT } else { Holding::PLAIN };
        fuzz_commands::session(|| EngineSubject::<Accounts>::new(holding), Mode::Full, &bytes);
        fuzz_commands::session(|| EngineSubject::<Bare>::new(holding), Mode::Bare, &bytes);
    }
}

/// A decoder whose sessions are all denied would prove nothing.
#[test]
fn sessions_of_random_bytes_reach_far() {
    let mut random = Random::new(12);
    let mut coverage = Coverage::default();
    for _ in 0..1_000 {
        let bytes = random_bytes(&mut random, 3_000);
        let mut model = Model::new(SHARD, Mode::Full);
        for (sequence, step) in (1..).zip(fuzz_commands::steps(Mode::Full, &bytes)) {
            coverage.command(&step.command);
            for (_, event) in Subject::apply(&mut model, sequence, step.time, &step.command) {
                coverage.event(&event);
            }
        }
    }
    assert_eq!(coverage.commands.len(), command::Kind::ALL.len(), "\n{coverage}");
    // A session is too short to make an engine forget a funding id.
    let missing = coverage.missing(Mode::Full);
    assert_eq!(missing, ["denial FUNDING_ID_TOO_OLD"], "\n{coverage}");
}

/// Flips, cuts and grafts a few bytes.
fn damage(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() as u64) as usize;
        match random.below(4) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = *random.pick(&[0, 1, 0x7f, 0x80, 0xff]),
            2 => bytes.truncate(at.max(1)),
            _ => {
                let from = random.below(bytes.len() as u64) as usize;
                let piece = bytes[from..bytes.len().min(from + 32)].to_vec();
                let end = bytes.len().min(at + piece.len());
                bytes[at..end].copy_from_slice(&piece[..end - at]);
            }
        }
    }
}

#[test]
fn damaged_logs_and_records_never_panic() {
    let mut random = Random::new(13);
    let logs = logs();
    for _ in 0..rounds(4_000) {
        let log = random.pick(&logs);
        // A stretch from the front keeps most damage near what is read.
        let size = 64 + random.below(1_000) as usize;
        let mut bytes = log[..size.min(log.len())].to_vec();
        damage(&mut random, &mut bytes);
        fuzz_commands::log(&bytes);
        for at in (0..bytes.len()).step_by(8) {
            fuzz_commands::record(&bytes[at..]);
        }
        let size = random.below(300);
        let noise = random_bytes(&mut random, size);
        fuzz_commands::record(&noise);
        fuzz_commands::log(&noise);
    }
}
