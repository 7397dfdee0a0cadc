//! The engine against the reference model, against itself, and against damage.

mod determinism;
mod side_by_side;
mod snapshot;
mod subject;
