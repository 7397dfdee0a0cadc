//! Benches between two cores, each round bracketed by a probe of how far the cores are apart.
//!
//! ```text
//!   round:  probe   ours   peer A   peer B   ...   probe
//!             |                                      |
//!             +---- differ by less than 10%? --------+---- no: the round does not count
//!                              |
//!          ratios of this round; the figure is the median over 31 such rounds
//! ```
//!
//! A hypervisor moves virtual cores about, and what crosses between them then takes another time,
//! five times as long now and then. A ratio within a round whose two probes agree is of one state of
//! the machine. The probe is a cache line that two threads hand to and fro: nothing that crosses
//! between cores is faster.

use std::hint::spin_loop;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tiercel_sync::layout::Apart;

use super::clock::{self, Clock};
use super::contest::{Case, CaseSpec, Round, Subject, Timing, median};
use super::row::Row;
use super::{BenchError, Options};

/// How much the two probes of a round that counts may differ.
pub const AGREEMENT: f64 = 0.10;
/// At most so many rounds are run for each that is to count.
pub const ROUNDS_RUN_MAX: usize = 4;
/// The unit of latencies. The probe's ratio is shown beside figures of this unit alone.
pub const LATENCY_UNIT: &str = "ns";
/// The probe's name among the peers.
pub const PROBE: &str = "probe";

/// Runs `first` here and `second` on core `second_cpu`, once both are in place, and returns what
/// `first` found.
///
/// # Errors
/// The system's refusal of the second core or of the thread.
///
/// # Panics
/// When `second` panics.
pub fn on_two_cores<R>(
    second_cpu: usize,
    first: impl FnOnce() -> R,
    second: impl FnOnce() + Send,
) -> Result<R, BenchError> {
    let placed = OnceLock::new();
    std::thread::scope(|threads| {
        std::thread::Builder::new().spawn_scoped(threads, || {
            let pinned = placed.get_or_init(|| tiercel_host::pin_current_thread(second_cpu));
            if pinned.is_ok() {
                second();
            }
        })?;
        loop {
            match placed.get() {
                None => spin_loop(),
                Some(Ok(())) => return Ok(first()),
                Some(Err(error)) => return Err(io::Error::from(error.kind()).into()),
            }
        }
    })
}

/// Hands one cache line to and fro.
pub struct Probe {
    second_cpu: usize,
    round_trips: u64,
}

impl Probe {
    /// A probe between this thread's core and the second one.
    ///
    /// # Errors
    /// [`BenchError::NotAvailable`] where there is one core alone.
    pub fn new(options: &Options) -> Result<Self, BenchError> {
        Ok(Self { second_cpu: options.second_cpu()?, round_trips: 20_000 })
    }
}

impl Subject for Probe {
    fn name(&self) -> String {
        PROBE.to_owned()
    }

    fn is_probe(&self) -> bool {
        true
    }

    fn round(&mut self, _: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let line = Apart::new(AtomicU64::new(0));
        let warm_up = self.round_trips / 10;
        let last = 2 * (self.round_trips + warm_up);
        // Even numbers are ours to raise, odd ones theirs.
        let hand_over = |from: u64, to: u64| {
            for number in (from..to).step_by(2) {
                while line.load(Ordering::Acquire) != number {
                    spin_loop();
                }
                line.store(number + 1, Ordering::Release);
            }
        };
        let ticks = on_two_cores(
            self.second_cpu,
            || {
                hand_over(0, 2 * warm_up);
                let from = clock::start();
                hand_over(2 * warm_up, last);
                while line.load(Ordering::Acquire) != last {
                    spin_loop();
                }
                clock::stop() - from
            },
            || hand_over(1, last),
        )?;
        let value = clock.between_ns(ticks) / (2 * self.round_trips) as f64;
        Ok(Round { value, operations: self.round_trips, ..Round::default() })
    }
}

/// Whether two probes saw the machine in one state.
fn agree(before: f64, after: f64) -> bool {
    (before - after).abs() < AGREEMENT * before.min(after)
}

impl Case {
    /// As [`Case::run`], for a case with a probe among its subjects.
    ///
    /// # Errors
    /// The first subject's [`BenchError`] that comes; [`BenchError::Unsteady`] when too few rounds
    /// had two probes that agree.
    pub(super) fn run_bracketed(
        mut self,
        probe: usize,
        spec: &CaseSpec,
        options: &Options,
        clock: &Clock,
        machine: &str,
    ) -> Result<Row, BenchError> {
        let mut rounds: Vec<Vec<f64>> = Vec::new();
        let wanted = options.bracketed_rounds.max(1);
        let mut operations = 0;
        for _ in 0..wanted * ROUNDS_RUN_MAX {
            let before = self.subjects[probe].round(Timing::Mean, clock)?.value;
            let mut values = Vec::with_capacity(self.subjects.len());
            let mut checksum = None;
            for (at, subject) in self.subjects.iter_mut().enumerate() {
                let round = if at == probe {
                    Round { value: before, ..Round::default() }
                } else {
                    let round = subject.round(Timing::Mean, clock)?;
                    if *checksum.get_or_insert(round.checksum) != round.checksum {
                        let what = "it received something else than ours".to_owned();
                        return Err(BenchError::Wrong { subject: subject.name(), what });
                    }
                    round
                };
                operations += if at == 0 { round.operations } else { 0 };
                values.push(round.value);
            }
            let after = self.subjects[probe].round(Timing::Mean, clock)?.value;
            values[probe] = f64::midpoint(before, after);
            if agree(before, after) {
                rounds.push(values);
            }
            if rounds.len() == wanted {
                break;
            }
        }
        if rounds.len() < wanted {
            return Err(BenchError::Unsteady { counted: rounds.len(), wanted });
        }
        let of = |at: usize| median(&mut rounds.iter().map(|round| round[at]).collect::<Vec<_>>());
        let mut row = Row::new(spec, self.unit, of(0), operations, machine);
        for (at, subject) in self.subjects.iter().enumerate().skip(1) {
            if at == probe && self.unit != LATENCY_UNIT {
                continue;
            }
            let mut ratios: Vec<f64> = rounds.iter().map(|round| round[0] / round[at]).collect();
            row.ratio.insert(subject.name(), median(&mut ratios));
            row.peers.insert(subject.name(), of(at));
        }
        row.set_percentiles(&mut self.subjects[0].round(Timing::Each, clock)?.times_ns);
        row.round_figures();
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::contest::Input;

    /// Gives its values in turn.
    struct Script(&'static str, Vec<f64>, usize);

    impl Subject for Script {
        fn name(&self) -> String {
            self.0.to_owned()
        }

        fn is_probe(&self) -> bool {
            self.0 == PROBE
        }

        fn round(&mut self, _: Timing, _: &Clock) -> Result<Round, BenchError> {
            let value = self.1[self.2 % self.1.len()];
            self.2 += 1;
            Ok(Round { value, operations: 1, ..Round::default() })
        }
    }

    fn run(probes: Vec<f64>, rounds: usize) -> Result<Row, BenchError> {
        let case = Case {
            unit: LATENCY_UNIT,
            input: Input::None,
            subjects: vec![
                // The second round is far off, and must not count.
                Box::new(Script("ours", vec![60.0, 600.0, 66.0], 0)),
                Box::new(Script(PROBE, probes, 0)),
                Box::new(Script("peer", vec![120.0, 60.0, 132.0], 0)),
            ],
        };
        let build = |_: &Options| Err(BenchError::NotAvailable("made by hand"));
        let spec = CaseSpec { bench: "b", name: "c", build };
        let options = Options { bracketed_rounds: rounds, ..Options::default() };
        case.run(&spec, &options, &Clock::calibrate(), "here")
    }

    #[test]
    fn a_round_whose_probes_differ_does_not_count() {
        let row = run(vec![60.0, 60.0, 60.0, 80.0, 66.0, 66.0], 2).unwrap();
        assert_eq!((row.ratio["probe"], row.ratio["peer"]), (1.0, 0.5));
        assert_eq!((row.value, row.peers["probe"]), (63.0, 63.0));
    }

    #[test]
    fn a_machine_that_never_stands_still_gives_no_figure() {
        let refused = run(vec![50.0, 100.0], 2);
        assert!(matches!(refused, Err(BenchError::Unsteady { counted: 0, wanted: 2 })));
    }

    #[test]
    fn probes_that_differ_by_a_tenth_disagree() {
        assert!(agree(100.0, 109.0) && agree(109.0, 100.0));
        assert!(!agree(100.0, 110.0) && !agree(110.0, 100.0));
    }
}
