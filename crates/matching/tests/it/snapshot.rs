//! Snapshots that are damaged, foreign or of the other build are refused, and nothing panics.

use tiercel_matching::{Accounts, BareEngine, EngineConfig, FullEngine, SnapshotError};
use tiercel_testkit::commands::Profile;
use tiercel_testkit::random::Random;
use tiercel_types::EventBuffer;
use xxhash_rust::xxh3::xxh3_64;

use crate::runs::{draw, rounds};
use crate::subject::Holding;

fn snapshot() -> Vec<u8> {
    let mut engine = FullEngine::new(EngineConfig::default());
    let mut buffer = EventBuffer::with_capacity(64);
    for (sequence, step) in (1..).zip(draw::<Accounts>(Profile::CALM, 5, 3_000)) {
        engine.apply_all(sequence, step.time, &step.command, &mut buffer, |_, _| ());
    }
    assert!(engine.live_orders() > 10, "there is something to restore");
    let mut bytes = Vec::new();
    engine.snapshot(&mut bytes);
    bytes
}

/// Into the smallest of engines: most of the time would go into their windows.
fn restore(bytes: &[u8]) -> Result<FullEngine, SnapshotError> {
    FullEngine::restore(bytes, Holding::TIGHT.config())
}

#[test]
fn what_is_no_whole_snapshot_is_refused_by_kind() {
    let good = snapshot();
    assert!(restore(&good).is_ok());
    assert_eq!(restore(b"").err(), Some(SnapshotError::Foreign));
    assert_eq!(restore(b"PK\x03\x04 something else").err(), Some(SnapshotError::Foreign));
    assert_eq!(restore(&good[..good.len() - 1]).err(), Some(SnapshotError::Checksum));
    assert_eq!(restore(&good[..9]).err(), Some(SnapshotError::Checksum));
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    assert_eq!(restore(&flipped).err(), Some(SnapshotError::Checksum));
    let mut newer = good.clone();
    newer[8] = 9;
    assert!(matches!(restore(&newer), Err(SnapshotError::Version { layout: 9, .. })));
    let bare = BareEngine::restore(&good, EngineConfig::default());
    assert_eq!(bare.err(), Some(SnapshotError::Build));
}

/// Damage under a checksum that holds: whoever wrote it, nothing panics, and what is taken can be
/// written again.
#[test]
fn contradictions_under_a_good_checksum_never_panic() {
    let good = snapshot();
    let mut random = Random::new(4);
    let (rounds, mut refused) = (rounds(2_000), 0);
    for _ in 0..rounds {
        let mut bytes = good[..good.len() - 8].to_vec();
        for _ in 0..=random.below(3) {
            let at = 12 + random.below(bytes.len() as u64 - 12) as usize;
            bytes[at] ^= 1 << random.below(8);
        }
        bytes.extend(xxh3_64(&bytes).to_le_bytes());
        match restore(&bytes) {
            Ok(engine) => engine.snapshot(&mut Vec::new()),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > rounds / 20, "damage is noticed");
}
