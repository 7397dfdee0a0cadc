//! Commands drawn once and run many times.

use core::fmt;

use tiercel_matching::{Engine, Ledger, Progress};
use tiercel_testkit::commands::{Generator, Profile, Step};
use tiercel_types::EventBuffer;
use xxhash_rust::xxh3::Xxh3;

use crate::subject::Holding;

/// A number of the environment, so that a run can be longer or shorter.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a whole number"))
}

/// `make soak` runs everything long.
pub(crate) fn is_soak() -> bool {
    number("TIERCEL_SOAK", 0) != 0
}

/// How often a test tries something at random.
pub(crate) fn rounds(default: u64) -> u64 {
    number("TIERCEL_FUZZ_ROUNDS", if is_soak() { 100 * default } else { default })
}

/// Commands that a generator draws while it watches an engine run them.
pub(crate) fn draw<L: Ledger>(profile: Profile, seed: u64, commands: usize) -> Vec<Step> {
    draw_changing::<L>(&[(profile, commands)], seed)
}

/// Commands of a market that changes its kind after so many of each.
pub(crate) fn draw_changing<L: Ledger>(parts: &[(Profile, usize)], seed: u64) -> Vec<Step> {
    let mut generator = Generator::new(parts[0].0, seed);
    let mut engine = Engine::<L>::new(Holding::PLAIN.config());
    let mut buffer = EventBuffer::with_capacity(64);
    let mut steps = Vec::new();
    for &(profile, commands) in parts {
        generator.change_profile(profile);
        for _ in 0..commands {
            let Step { time, command } = generator.next_step();
            steps.push(Step { time, command });
            engine.apply_all(steps.len() as u64, time, &command, &mut buffer, |header, event| {
                generator.observe(&header, &event);
            });
        }
    }
    steps
}

/// What a run leaves behind: digests of all event bytes, and of the state at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digests {
    pub(crate) events: u128,
    pub(crate) state: u128,
}

impl fmt::Display for Digests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x} {:032x}", self.events, self.state)
    }
}

/// Runs commands on a new engine, held in this way.
pub(crate) fn run<L: Ledger>(steps: &[Step], holding: Holding) -> Digests {
    let mut engine = Engine::<L>::new(holding.config());
    let mut buffer = EventBuffer::with_capacity(holding.buffer);
    let mut events = Xxh3::new();
    for (sequence, step) in (1_u64..).zip(steps) {
        if holding.restore_every != 0 && sequence.is_multiple_of(holding.restore_every) {
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
    Digests { events: events.digest128(), state: engine.digest() }
}
