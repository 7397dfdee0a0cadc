//! The machine that a program runs on: its names, its cycle counter, its cores.

pub mod affinity;
pub mod cycles;
pub mod machine;

pub use affinity::{allowed_cpus, pin_current_thread};
pub use cycles::{CycleClock, cycles};
pub use machine::{Machine, machine};
