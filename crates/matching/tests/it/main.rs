//! The engine against the reference model, against itself, against damage, against what was
//! recorded, and against the allocator.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests fail by panicking")]
#![allow(clippy::large_types_passed_by_value, reason = "a profile is handed over once a run")]

mod allocation;
mod allocations;
mod auction;
mod buffer;
mod cascade;
mod determinism;
mod edges;
mod fuzz;
mod ladder;
mod pegs;
mod recorded;
mod runs;
mod scale;
mod session;
mod side_by_side;
mod snapshot;
mod soak;
mod subject;
mod told;
mod uncross;
mod views;

use tiercel_testkit::counting_allocator::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;
