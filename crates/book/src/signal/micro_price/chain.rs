//! The Markov chain of a micro-price, and the limit of its expected moves.
//!
//! ```text
//!   Q(x, y)  share of steps from x to y without a move of the mid
//!   T(x, y)  share of steps from x to y with one
//!   r(x)     the mid's mean move in a step from x
//!
//!   g_1     = (I - Q)^-1 r          the expected next move
//!   g_(i+1) = (I - Q)^-1 T g_i      the expected one after i more
//! ```
//!
//! States from which no path leads to a move have no next move: their part is left at zero, and
//! steps into them count as the end. What is left of I - Q then has an inverse.

/// The expected moves do not die out.
pub(super) struct NoLimit;

/// The sum of all terms.
pub(super) struct Limit {
    pub(super) sums: Vec<f64>,
    /// How many terms it has.
    pub(super) rounds: u32,
}

/// The most terms. Where the next move's direction says nothing of the one after, one or two do;
/// real data need some ten.
const ROUNDS_MAX: u32 = 1_000;

/// Counts of steps, square, row by row.
pub(super) struct Chain {
    states: usize,
    stays: Vec<f64>,
    moves: Vec<f64>,
    moved: Vec<f64>,
}

impl Chain {
    pub(super) fn new(states: usize) -> Self {
        let square = vec![0.0; states * states];
        Self { states, stays: square.clone(), moves: square, moved: vec![0.0; states] }
    }

    /// Adds to the sum of the mid's moves in steps from a state.
    pub(super) fn add_moved(&mut self, from: usize, by: f64) {
        self.moved[from] += by;
    }

    /// Adds steps without and with a move.
    pub(super) fn add_steps(&mut self, from: usize, to: usize, (stays, moves): (f64, f64)) {
        self.stays[from * self.states + to] += stays;
        self.moves[from * self.states + to] += moves;
    }

    /// Adds up the terms, until one is nowhere above `tolerance`.
    pub(super) fn limit(mut self, tolerance: f64) -> Result<Limit, NoLimit> {
        let live = self.live();
        self.normalise(&live);
        let factors = Factors::new(self.stays, self.states);
        let mut term = factors.solve(self.moved);
        let mut sums = term.clone();
        for rounds in 1..=ROUNDS_MAX {
            if term.iter().all(|part| part.abs() <= tolerance) {
                return Ok(Limit { sums, rounds });
            }
            let after = self.moves.chunks_exact(self.states);
            let expected = after.map(|row| row.iter().zip(&term).map(|(t, g)| t * g).sum());
            term = factors.solve(expected.collect());
            for (sum, part) in sums.iter_mut().zip(&term) {
                *sum += part;
            }
        }
        Err(NoLimit)
    }

    /// Which states have a path to a move.
    fn live(&self) -> Vec<bool> {
        let moves = self.moves.chunks_exact(self.states);
        let mut live: Vec<bool> = moves.map(|row| row.iter().any(|&count| count > 0.0)).collect();
        let mut open: Vec<usize> = (0..self.states).filter(|&state| live[state]).collect();
        while let Some(to) = open.pop() {
            let rows = self.stays.chunks_exact(self.states);
            for (from, (row, live)) in rows.zip(&mut live).enumerate() {
                if !*live && row[to] > 0.0 {
                    *live = true;
                    open.push(from);
                }
            }
        }
        live
    }

    /// Turns counts into shares, and `stays` into I - Q, with nothing to or from what is not live.
    fn normalise(&mut self, live: &[bool]) {
        let states = self.states;
        for from in 0..states {
            let stays = &mut self.stays[from * states..(from + 1) * states];
            let moves = &mut self.moves[from * states..(from + 1) * states];
            let all: f64 = stays.iter().chain(moves.iter()).sum();
            if live[from] {
                self.moved[from] /= all;
                for (count, &to) in stays.iter_mut().zip(live) {
                    *count = if to { -*count / all } else { 0.0 };
                }
                for count in moves {
                    *count /= all;
                }
            } else {
                stays.fill(0.0);
                moves.fill(0.0);
                self.moved[from] = 0.0;
            }
            stays[from] += 1.0;
        }
    }
}

/// I - Q as the product of a lower and an upper triangle, in one square.
///
/// It is an M-matrix (what is off the diagonal is not above zero, and no row's sum is below it), so
/// the diagonal never vanishes and rows need not be exchanged.
struct Factors {
    states: usize,
    square: Vec<f64>,
}

impl Factors {
    fn new(mut square: Vec<f64>, states: usize) -> Self {
        for pivot in 0..states {
            let (above, below) = square.split_at_mut((pivot + 1) * states);
            let pivot_row = &above[pivot * states..];
            for row in below.chunks_exact_mut(states) {
                if row[pivot] != 0.0 {
                    let factor = row[pivot] / pivot_row[pivot];
                    row[pivot] = factor;
                    for (cell, &over) in row[pivot + 1..].iter_mut().zip(&pivot_row[pivot + 1..]) {
                        *cell -= factor * over;
                    }
                }
            }
        }
        Self { states, square }
    }

    /// Solves (I - Q) x = `right`.
    fn solve(&self, right: Vec<f64>) -> Vec<f64> {
        let mut x = right;
        let row = |at: usize| &self.square[at * self.states..(at + 1) * self.states];
        let dot = |row: &[f64], x: &[f64]| -> f64 { row.iter().zip(x).map(|(a, b)| a * b).sum() };
        for at in 0..self.states {
            x[at] -= dot(&row(at)[..at], &x[..at]);
        }
        for at in (0..self.states).rev() {
            x[at] = (x[at] - dot(&row(at)[at + 1..], &x[at + 1..])) / row(at)[at];
        }
        x
    }
}
