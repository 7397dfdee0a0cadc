//! The same commands give the same event bytes and the same digest, however the engine is held.

use tiercel_matching::{Accounts, Engine, EngineConfig, Progress};
use tiercel_testkit::commands::{Generator, Profile, Step};
use tiercel_testkit::harness::SHARD;
use tiercel_types::EventBuffer;
use xxhash_rust::xxh3::Xxh3;

use crate::subject::Holding;

/// Commands that a generator draws while it watches an engine run them.
pub fn record(profile: Profile, seed: u64, commands: usize) -> Vec<Step> {
    let mut generator = Generator::new(profile, seed);
    let mut engine = Engine::<Accounts>::new(EngineConfig { shard: SHARD, ..Default::default() });
    let mut buffer = EventBuffer::with_capacity(64);
    let mut steps = Vec::new();
    for sequence in 1..=commands as u64 {
        let step = generator.next_step();
        steps.push(step);
        engine.apply_all(sequence, step.time, &step.command, &mut buffer, |header, event| {
            generator.observe(&header, &event);
        });
    }
    steps
}

/// The digest of all event bytes, and of the state at the end.
fn run(steps: &[Step], holding: Holding) -> (u128, u128) {
    let mut engine = Engine::<Accounts>::new(holding.config());
    let mut buffer = EventBuffer::with_capacity(holding.buffer);
    let mut events = Xxh3::new();
    for (sequence, step) in (1..).zip(steps) {
        if holding.restore_every != 0 && sequence % holding.restore_every == 0 {
            let mut bytes = Vec::new();
            engine.snapshot(&mut bytes);
            engine = Engine::restore(&bytes, holding.config()).expect("a snapshot restores");
        }
        let mut progress = engine.apply(sequence, step.time, &step.command, &mut buffer);
        loop {
            events.update(buffer.as_bytes());
            buffer.clear();
            if progress == Progress::Done {
                break;
            }
            progress = engine.resume(&mut buffer);
        }
    }
    (events.digest128(), engine.digest())
}

#[test]
fn capacities_seeds_buffers_and_restarts_do_not_show() {
    for profile in [Profile::CROSSING, Profile::ICEBERG_HEAVY, Profile::ADMIN_HEAVY] {
        let steps = record(profile, 9, 20_000);
        let plain = run(&steps, Holding::PLAIN);
        assert_eq!(run(&steps, Holding::TIGHT), plain);
        assert_eq!(run(&steps, Holding::RESTORED), plain);
        let other = Holding { hash_seed: u64::MAX, orders: 100_000, ..Holding::PLAIN };
        assert_eq!(run(&steps, other), plain);
        let shorter = run(&steps[..steps.len() - 1], Holding::PLAIN);
        assert_ne!(shorter.1, plain.1, "the digest tells states apart");
    }
}
