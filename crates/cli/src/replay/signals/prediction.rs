//! How signals go with the mid's next move.
//!
//! ```text
//!   every 0.1 s: signals and mid --> ring --> 0.1 s, 1 s and 10 s later: the mid's move
//!                                                 |
//!                                 correlation, and share of moves whose direction was right
//! ```
//!
//! Samples by the clock do not count bursts of events for more than their time. Those of the longer
//! horizons overlap: there are fewer independent ones than samples.

use std::collections::VecDeque;

use super::kind::Kind;

/// Between two samples.
pub(super) const STEP_NS: u64 = 100_000_000;
/// The horizons, in steps.
pub(super) const HORIZONS: [usize; 3] = [1, 10, 100];
/// A silence of so many steps is a gap, and what was before it says nothing of what comes after.
const SILENCE_STEPS: u64 = 600;

const PREDICTORS: usize = Kind::PREDICTORS.len();

/// What was known at a moment; values that were not are not numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) mid: f64,
    pub(super) predictors: [f64; PREDICTORS],
    pub(super) state: Option<usize>,
}

/// Pairs of a prediction and what came.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pairs {
    count: f64,
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
    /// Pairs in which neither is zero, and those of them with the same sign.
    decided: f64,
    right: f64,
}

impl Pairs {
    fn add(&mut self, x: f64, y: f64) {
        let (up, down) = (f64::from(y > 0.0), f64::from(y < 0.0));
        self.add_many(x, &Moves { count: 1.0, sum: y, squares: y * y, up, down });
    }

    /// Adds pairs that share their prediction.
    fn add_many(&mut self, x: f64, moves: &Moves) {
        self.count += moves.count;
        self.x += x * moves.count;
        self.y += moves.sum;
        self.xx += x * x * moves.count;
        self.yy += moves.squares;
        self.xy += x * moves.sum;
        if x != 0.0 {
            self.decided += moves.up + moves.down;
            self.right += if x > 0.0 { moves.up } else { moves.down };
        }
    }

    pub(super) const fn count(&self) -> u64 {
        self.count as u64
    }

    /// Pearson's correlation; none where either never changes.
    pub(super) fn correlation(&self) -> Option<f64> {
        let spread = |sum: f64, squares: f64| squares - sum * sum / self.count;
        let both = spread(self.x, self.xx) * spread(self.y, self.yy);
        let value = (self.xy - self.x * self.y / self.count) / both.sqrt();
        (self.count > 2.0 && both > 0.0).then_some(value)
    }

    /// The share of moves that went where the signal pointed.
    pub(super) fn right(&self) -> Option<f64> {
        (self.decided > 0.0).then(|| self.right / self.decided)
    }
}

/// The mid's moves behind one state of the micro-price.
#[derive(Clone, Copy, Debug, Default)]
struct Moves {
    count: f64,
    sum: f64,
    squares: f64,
    up: f64,
    down: f64,
}

/// One horizon's pairs.
#[derive(Clone, Debug, Default)]
pub(super) struct Horizon {
    /// By predictor.
    pub(super) pairs: [Pairs; PREDICTORS],
    /// By the micro-price's state: what it predicts may be known only at the end.
    moves: Vec<Moves>,
}

impl Horizon {
    /// The pairs of a micro-price with these adjustments by state.
    pub(super) fn micro_price(&self, adjustments: &[f64]) -> Pairs {
        let mut pairs = Pairs::default();
        for (moves, &adjustment) in self.moves.iter().zip(adjustments) {
            pairs.add_many(adjustment, moves);
        }
        pairs
    }
}

/// Samples, and what came of them.
#[derive(Debug, Default)]
pub(super) struct Prediction {
    /// The newest samples, the last one last.
    samples: VecDeque<Sample>,
    /// When the next one is due.
    next_ns: Option<u64>,
    pub(super) horizons: [Horizon; HORIZONS.len()],
}

impl Prediction {
    /// Lets time pass until an event, with what was known before it.
    pub(super) fn advance(&mut self, time_ns: u64, known: &Sample) {
        let Some(mut next_ns) = self.next_ns else {
            self.next_ns = Some(time_ns.saturating_add(STEP_NS));
            return;
        };
        if time_ns.saturating_sub(next_ns) / STEP_NS > SILENCE_STEPS {
            self.samples.clear();
            next_ns = time_ns;
        }
        while next_ns <= time_ns {
            self.sample(*known);
            let Some(next) = next_ns.checked_add(STEP_NS) else { break };
            next_ns = next;
        }
        self.next_ns = Some(next_ns);
    }

    fn sample(&mut self, now: Sample) {
        let oldest = HORIZONS[HORIZONS.len() - 1];
        if self.samples.len() > oldest {
            self.samples.pop_front();
        }
        self.samples.push_back(now);
        let last = self.samples.len() - 1;
        for (steps, horizon) in HORIZONS.into_iter().zip(&mut self.horizons) {
            let Some(then) = last.checked_sub(steps).map(|place| self.samples[place]) else {
                continue;
            };
            let moved = now.mid - then.mid;
            if moved.is_nan() {
                continue;
            }
            for (pairs, predictor) in horizon.pairs.iter_mut().zip(then.predictors) {
                if !predictor.is_nan() {
                    pairs.add(predictor, moved);
                }
            }
            if let Some(state) = then.state {
                horizon.moves.resize(horizon.moves.len().max(state + 1), Moves::default());
                let moves = &mut horizon.moves[state];
                moves.count += 1.0;
                moves.sum += moved;
                moves.squares += moved * moved;
                moves.up += f64::from(moved > 0.0);
                moves.down += f64::from(moved < 0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(mid: f64, predictor: f64) -> Sample {
        Sample {
            mid,
            predictors: [predictor; PREDICTORS],
            state: Some(usize::from(predictor > 0.0)),
        }
    }

    #[test]
    fn a_signal_that_knows_the_next_move_correlates_wholly() {
        let mut prediction = Prediction::default();
        // Up, up, down, and again; the signal says so one step ahead.
        let mids: Vec<f64> = (0..400).map(|step| f64::from(step / 3 + step % 3)).collect();
        for (step, pair) in mids.windows(2).enumerate() {
            let known = sample(pair[0], pair[1] - pair[0]);
            prediction.advance(step as u64 * STEP_NS, &known);
        }
        let [next, ..] = &prediction.horizons;
        let near = |value: Option<f64>, wanted: f64| (value.unwrap() - wanted).abs() < 1e-6;
        assert!(near(next.pairs[0].correlation(), 1.0) && near(next.pairs[0].right(), 1.0));
        assert!(next.pairs[0].count() > 390);
        // By state: up after 1, down after 0.
        let micro = next.micro_price(&[-1.0, 1.0]);
        assert!(near(micro.correlation(), 1.0) && near(micro.right(), 1.0));
        assert!(near(next.micro_price(&[1.0, -1.0]).right(), 0.0));
    }

    #[test]
    fn no_move_is_counted_across_a_gap_or_a_missing_mid() {
        let mut prediction = Prediction::default();
        prediction.advance(0, &sample(1.0, 1.0));
        prediction.advance(STEP_NS, &sample(1.0, 1.0));
        prediction.advance(STEP_NS * 10_000, &sample(2.0, 1.0));
        assert_eq!(prediction.horizons[0].pairs[0].count(), 0);
        prediction.advance(STEP_NS * 10_001, &sample(f64::NAN, 1.0));
        prediction.advance(STEP_NS * 10_002, &sample(2.0, 1.0));
        assert_eq!(prediction.horizons[0].pairs[0].count(), 0);
        assert_eq!(prediction.horizons[0].pairs[0].correlation(), None);
        prediction.advance(u64::MAX, &sample(2.0, 1.0));
    }
}
