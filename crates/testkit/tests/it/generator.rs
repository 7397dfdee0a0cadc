//! The generator reaches everything that the engine can say.

use tiercel_testkit::commands::{Generator, Profile};
use tiercel_testkit::coverage::Coverage;
use tiercel_testkit::model::{Mode, Model};

fn run(profile: Profile, seed: u64, commands: u64) -> Coverage {
    let mut generator = Generator::new(profile, seed);
    let mut model = Model::new(3, profile.mode);
    let mut coverage = Coverage::default();
    for sequence in 1..=commands {
        let step = generator.next_step();
        coverage.command(&step.command);
        for (header, event) in model.apply(sequence, step.time, &step.command) {
            coverage.event(&event);
            generator.observe(&header, &event);
        }
    }
    coverage
}

#[test]
fn every_event_denial_end_and_prevention_is_reached() {
    for mode in [Mode::Full, Mode::Bare] {
        let mut all = Coverage::default();
        let profiles = Profile::ALL.into_iter();
        for profile in profiles.filter(|profile| profile.mode == mode) {
            // Funding ids are forgotten after 65,536 movements.
            let commands = match profile.name {
                "funding_heavy" => 150_000,
                "bare_special" | "wide_special" => 90_000,
                _ => 30_000,
            };
            let started = std::time::Instant::now();
            let coverage = run(profile, 1, commands);
            println!("{} ({commands} commands, {:?})\n{coverage}", profile.name, started.elapsed());
            all.add(&coverage);
        }
        assert_eq!(all.missing(mode), Vec::<String>::new(), "{mode:?}");
    }
}

#[test]
fn a_seed_gives_the_same_commands_again() {
    for profile in Profile::ALL {
        let counts = |seed| run(profile, seed, 3_000).to_string();
        assert_eq!(counts(5), counts(5), "{}", profile.name);
        assert_ne!(counts(5), counts(6), "{}", profile.name);
    }
}
