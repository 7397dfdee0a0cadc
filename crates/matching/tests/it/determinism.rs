//! The same commands give the same event bytes and the same digest, however the engine is held,
//! and in whichever process.

use tiercel_matching::{Accounts, Bare, Ledger};
use tiercel_testkit::commands::Profile;
use tiercel_testkit::counting_allocator::run_again;
use tiercel_testkit::model::Mode;
use tiercel_testkit::random::Random;

use crate::runs::{draw, is_soak, number, run};
use crate::subject::Holding;

fn check<L: Ledger>(profile: Profile, seed: u64, commands: usize) {
    let steps = draw::<L>(profile, seed, commands);
    let plain = run::<L>(&steps, Holding::PLAIN);
    assert_eq!(run::<L>(&steps, Holding::TIGHT), plain);
    assert_eq!(run::<L>(&steps, Holding::RESTORED), plain);
    let other = Holding { hash_seed: u64::MAX, orders: 100_000, ..Holding::PLAIN };
    assert_eq!(run::<L>(&steps, other), plain);
    let mut random = Random::new(seed);
    for _ in 0..if is_soak() { 200 } else { 2 } {
        let holding = Holding {
            hash_seed: random.next_u64(),
            orders: random.below(1_000) as usize,
            window_ticks: 64 << random.below(10),
            buffer: random.below(200) as usize,
            restore_every: 50 + random.below(1_000),
        };
        assert_eq!(run::<L>(&steps, holding), plain, "{holding:?}");
    }
    let shorter = run::<L>(&steps[..steps.len() - 1], Holding::PLAIN);
    assert_ne!(shorter.state, plain.state, "the digest tells states apart");
}

#[test]
fn capacities_seeds_buffers_and_restarts_do_not_show() {
    let commands = number("TIERCEL_COMMANDS", 20_000).min(20_000) as usize;
    for profile in [Profile::CROSSING, Profile::ICEBERG_HEAVY, Profile::ADMIN_HEAVY] {
        check::<Accounts>(profile, 9, commands);
    }
    check::<Bare>(Profile::WIDE_PRICES, 9, commands);
}

/// Says to a process how it is to hold its engine.
const HOLDING: &str = "TIERCEL_TEST_HOLDING";

/// Started again by itself, once for each way of holding an engine. The other processes draw the
/// commands themselves: the generator is part of what must be the same everywhere.
#[test]
fn processes_agree() {
    let digest = |profile: Profile, holding: Holding| match profile.mode {
        Mode::Full => run::<Accounts>(&draw::<Accounts>(profile, 4, 5_000), holding),
        Mode::Bare => run::<Bare>(&draw::<Bare>(profile, 4, 5_000), holding),
    };
    let all = |holding| -> Vec<String> {
        let lines = Profile::ALL
            .map(|profile| format!("digests of {}: {}", profile.name, digest(profile, holding)));
        lines.to_vec()
    };
    let holdings = [Holding::PLAIN, Holding::TIGHT, Holding::RESTORED];
    if let Ok(which) = std::env::var(HOLDING) {
        return println!("{}", all(holdings[which.parse::<usize>().unwrap()]).join("\n"));
    }
    let expected = all(Holding::PLAIN);
    for which in ["0", "1", "2"] {
        let (passed, text) = run_again("determinism::processes_agree", &[(HOLDING, which)]);
        assert!(passed, "{text}");
        for line in &expected {
            assert!(text.contains(line), "holding {which}, expected {line}:\n{text}");
        }
    }
}
