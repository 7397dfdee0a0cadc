//! From quotes to a micro-price: counts of what follows what.

use thiserror::Error;

use super::chain::{Chain, NoLimit};
use super::{Evidence, Grid, MicroPrice, Quote};

/// Why no micro-price can be estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EstimateError {
    /// The mid was never seen to move.
    #[error("the mid never moved")]
    NoMoves,
    /// The expected moves do not die out: each move turns the imbalance to the other side, or leaves
    /// it where it was, for ever. There is too little data, or it is no market.
    #[error("the expected moves do not die out")]
    NoLimit,
}

/// Counts which state follows which, to estimate a [`MicroPrice`].
///
/// Each quote that it is given is a step of the chain. To look at every change of the top of the
/// book, give each; to look at a clock's ticks, give what is there then. A step costs constant work.
/// Estimating is offline: it allocates, and solves linear equations of as many unknowns as there are
/// states.
///
/// The chain is symmetrised: each step counts once as it was and once with bid and ask exchanged,
/// so that what is estimated does not take the sample's own trend for a rule.
#[derive(Clone, Debug)]
pub struct MicroPriceEstimator {
    grid: Grid,
    last: Option<(usize, i128)>,
    seen: Box<[u64]>,
    /// Steps without a move of the mid, by state and next state.
    stays: Box<[u64]>,
    /// Steps with one, likewise.
    moves: Box<[u64]>,
    /// The sum of the moves of the doubled mid, by state.
    moved: Box<[f64]>,
    steps: u64,
    moves_total: u64,
}

impl MicroPriceEstimator {
    /// Nothing seen yet.
    pub fn new(grid: Grid) -> Self {
        let states = grid.states();
        let counts = |of: usize| vec![0; of].into_boxed_slice();
        Self {
            grid,
            last: None,
            seen: counts(states),
            stays: counts(states * states),
            moves: counts(states * states),
            moved: vec![0.0; states].into_boxed_slice(),
            steps: 0,
            moves_total: 0,
        }
    }

    /// How quotes are sorted into states.
    pub const fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Takes the next quote.
    #[inline]
    pub fn on_quote(&mut self, quote: &Quote) {
        let state = self.grid.state(quote);
        let mid = quote.mid_doubled();
        self.seen[state] += 1;
        if let Some((last, last_mid)) = self.last.replace((state, mid)) {
            let step = last * self.grid.states() + state;
            self.steps += 1;
            if mid == last_mid {
                self.stays[step] += 1;
            } else {
                self.moves[step] += 1;
                self.moved[last] += (mid - last_mid) as f64;
                self.moves_total += 1;
            }
        }
    }

    /// Forgets the last quote, so that none is taken to have led to the next one: after a gap in
    /// the data, or while the book is not a quote.
    pub const fn restart(&mut self) {
        self.last = None;
    }

    /// The micro-price that what was seen until now speaks for.
    ///
    /// # Errors
    /// [`EstimateError`] when there is too little to tell.
    pub fn estimate(&self) -> Result<MicroPrice, EstimateError> {
        if self.moves_total == 0 {
            return Err(EstimateError::NoMoves);
        }
        let states = self.grid.states();
        let mut chain = Chain::new(states);
        for from in 0..states {
            let mirrored = self.grid.mirrored(from);
            // The mid's moves are half those of its double, and a mirrored move goes the other way.
            chain.add_moved(from, self.moved[from] / 2.0);
            chain.add_moved(mirrored, -self.moved[from] / 2.0);
            for to in 0..states {
                let step = from * states + to;
                let counts = (self.stays[step] as f64, self.moves[step] as f64);
                chain.add_steps(from, to, counts);
                chain.add_steps(mirrored, self.grid.mirrored(to), counts);
            }
        }
        // What is too small to matter is far below a tick.
        let tolerance = self.grid.tick as f64 * 1e-9;
        let limit = chain.limit(tolerance).map_err(|NoLimit| EstimateError::NoLimit)?;
        // Opposite by symmetry; this makes it so to the last bit.
        let opposite = |state: usize| {
            let mirrored = self.grid.mirrored(state);
            (limit.sums[state] - limit.sums[mirrored]) / 2.0
        };
        Ok(MicroPrice {
            grid: self.grid,
            adjustments: (0..states).map(opposite).collect(),
            evidence: Evidence {
                seen: self.seen.clone(),
                steps: self.steps,
                moves: self.moves_total,
                rounds: limit.rounds,
            },
        })
    }
}
