//! How long random tests go on: shortly in `make test`, for a time that can be chosen in `make soak`.

use std::env;
use std::time::{Duration, Instant};

/// Set by `make soak`: tests run long, all kill points and all seeds.
const SOAK: &str = "TIERCEL_SOAK";
/// For so many seconds a random test goes on in a soak.
const SECONDS: &str = "TIERCEL_SOAK_SECONDS";
const SECONDS_DEFAULT: u64 = 60;
/// A test that goes on tells how far it is so often.
const TELL: Duration = Duration::from_secs(10);

/// Whether this is a soak.
pub fn is_soak() -> bool {
    env::var_os(SOAK).is_some()
}

/// The rounds of the random test `name`, from 0: `quick` of them. In a soak at least so many, and as
/// many as its time allows; what is drawn in a round is the same in both.
///
/// # Panics
/// When `TIERCEL_SOAK_SECONDS` is no number.
pub fn rounds(name: &'static str, quick: u64) -> Rounds {
    let seconds = || {
        let text = env::var(SECONDS).ok();
        text.map_or(SECONDS_DEFAULT, |text| {
            text.parse().expect("the time of a soak is no whole number of seconds")
        })
    };
    let begin = Instant::now();
    let until = is_soak().then(|| begin + Duration::from_secs(seconds()));
    Rounds { name, quick, next: 0, until, tell: begin + TELL }
}

/// See [`rounds`].
#[derive(Debug)]
pub struct Rounds {
    name: &'static str,
    quick: u64,
    next: u64,
    until: Option<Instant>,
    tell: Instant,
}

impl Iterator for Rounds {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if let Some(until) = self.until {
            let now = Instant::now();
            let is_over = self.next >= self.quick && now >= until;
            if is_over || now >= self.tell {
                self.tell = now + TELL;
                eprintln!("{}: {} rounds", self.name, self.next);
            }
            if is_over {
                return None;
            }
        } else if self.next >= self.quick {
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }
}
