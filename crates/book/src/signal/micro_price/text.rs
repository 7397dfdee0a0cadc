//! A micro-price as text, to keep and to read.
//!
//! ```text
//! tiercel-micro-price 1
//! tick 0.01
//! imbalance_buckets 3
//! spread_buckets 1
//! steps 1200
//! moves 77
//! rounds 8
//! state 0 0 seen 400 adjustment -210000.5
//! state 0 1 seen 401 adjustment 0
//! state 0 2 seen 400 adjustment 210000.5
//! end
//! ```
//!
//! A state's line has its bucket of spread, its bucket of imbalance, how often it was seen, and the
//! adjustment in units of 10^-8. Numbers are written so that they read back to the last bit. A file
//! that is cut lacks its end; one whose adjustments are not opposite in mirrored states was damaged
//! or made up.

use core::fmt::Write;
use core::str::{FromStr, Lines};

use thiserror::Error;
use tiercel_types::Price;

use super::{Evidence, Grid, MicroPrice, ParameterError};

const MAGIC: &str = "tiercel-micro-price";
const VERSION: u32 = 1;

/// A text that is no micro-price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {fault}")]
pub struct ModelError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: ModelFault,
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ModelFault {
    /// It does not begin as a micro-price does.
    #[error("this is no micro-price")]
    Foreign,
    /// It was written by a later version.
    #[error("version {0} is not known; 1 is")]
    Version(u32),
    /// A line is not the one that belongs here.
    #[error("expected `{0}`")]
    Expected(&'static str),
    /// A number is not one, or not in its range.
    #[error("not a number for `{0}`")]
    Number(&'static str),
    /// The grid cannot be.
    #[error(transparent)]
    Grid(#[from] ParameterError),
    /// An adjustment is not the opposite of its mirrored state's.
    #[error("the adjustment is not the opposite of its mirrored state's")]
    NotMirrored,
    /// Something follows the end.
    #[error("something follows the end")]
    Trailing,
}

impl ModelFault {
    /// A stable code for logs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::Version(_) => "version",
            Self::Expected(_) => "expected",
            Self::Number(_) => "number",
            Self::Grid(_) => "grid",
            Self::NotMirrored => "not_mirrored",
            Self::Trailing => "trailing",
        }
    }
}

impl MicroPrice {
    /// The model as text, with everything that [`from_text`](Self::from_text) needs.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // A string takes everything.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> core::fmt::Result {
        let Self { grid, adjustments, evidence } = self;
        writeln!(text, "{MAGIC} {VERSION}")?;
        writeln!(text, "tick {}", grid.tick())?;
        writeln!(text, "imbalance_buckets {}", grid.imbalance_buckets)?;
        writeln!(text, "spread_buckets {}", grid.spread_buckets)?;
        writeln!(text, "steps {}", evidence.steps)?;
        writeln!(text, "moves {}", evidence.moves)?;
        writeln!(text, "rounds {}", evidence.rounds)?;
        let buckets = usize::from(grid.imbalance_buckets);
        for (state, (adjustment, seen)) in adjustments.iter().zip(&evidence.seen).enumerate() {
            let (spread, imbalance) = (state / buckets, state % buckets);
            writeln!(text, "state {spread} {imbalance} seen {seen} adjustment {adjustment}")?;
        }
        writeln!(text, "end")
    }

    /// Reads a model that was written as text.
    ///
    /// # Errors
    /// [`ModelError`] with the line at fault.
    pub fn from_text(text: &str) -> Result<Self, ModelError> {
        let mut reader = Reader { lines: text.lines(), line: 0 };
        reader.read().map_err(|fault| ModelError { line: reader.line, fault })
    }
}

struct Reader<'a> {
    lines: Lines<'a>,
    line: usize,
}

impl<'a> Reader<'a> {
    fn read(&mut self) -> Result<MicroPrice, ModelFault> {
        let head = self.next().strip_prefix(MAGIC).ok_or(ModelFault::Foreign)?;
        let version = head.trim().parse().map_err(|_| ModelFault::Foreign)?;
        if version != VERSION {
            return Err(ModelFault::Version(version));
        }
        let tick: Price = self.field("tick")?;
        let imbalance_buckets = self.field("imbalance_buckets")?;
        let grid = Grid::new(tick, imbalance_buckets, self.field("spread_buckets")?)?;
        let (steps, moves) = (self.field("steps")?, self.field("moves")?);
        let rounds = self.field("rounds")?;
        let mut adjustments: Vec<f64> = Vec::with_capacity(grid.states());
        let mut seen = Vec::with_capacity(grid.states());
        for state in 0..grid.states() {
            let (times, adjustment) = self.state(state, &grid)?;
            let mirrored = grid.mirrored(state);
            let opposite = match adjustments.get(mirrored) {
                Some(&other) => other + adjustment == 0.0,
                None => mirrored != state || adjustment == 0.0,
            };
            if !opposite {
                return Err(ModelFault::NotMirrored);
            }
            seen.push(times);
            adjustments.push(adjustment);
        }
        if self.next() != "end" {
            return Err(ModelFault::Expected("end"));
        }
        if !self.next().is_empty() || self.lines.next().is_some() {
            return Err(ModelFault::Trailing);
        }
        let evidence = Evidence { seen: seen.into(), steps, moves, rounds };
        Ok(MicroPrice { grid, adjustments: adjustments.into(), evidence })
    }

    /// The next line; empty at the end.
    fn next(&mut self) -> &'a str {
        self.line += 1;
        self.lines.next().unwrap_or_default()
    }

    /// A line of a name and a number.
    fn field<T: FromStr>(&mut self, name: &'static str) -> Result<T, ModelFault> {
        let mut words = self.next().split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some(word), Some(number), None) if word == name => {
                number.parse().map_err(|_| ModelFault::Number(name))
            }
            _ => Err(ModelFault::Expected(name)),
        }
    }

    /// The line of a state: how often it was seen, and its adjustment.
    fn state(&mut self, state: usize, grid: &Grid) -> Result<(u64, f64), ModelFault> {
        let buckets = usize::from(grid.imbalance_buckets);
        let mut words = self.next().split(' ');
        let mut word = || words.next().unwrap_or_default();
        let place = (word(), word().parse(), word().parse());
        if place != ("state", Ok(state / buckets), Ok(state % buckets)) {
            return Err(ModelFault::Expected("state, with its two buckets in order"));
        }
        let (seen_name, seen) = (word(), word().parse());
        let (adjustment_name, adjustment) = (word(), word().parse());
        if (seen_name, adjustment_name, words.next()) != ("seen", "adjustment", None) {
            return Err(ModelFault::Expected("seen and adjustment"));
        }
        let adjustment: f64 = adjustment.map_err(|_| ModelFault::Number("adjustment"))?;
        if !adjustment.is_finite() {
            return Err(ModelFault::Number("adjustment"));
        }
        Ok((seen.map_err(|_| ModelFault::Number("seen"))?, adjustment))
    }
}
