//! The machine that a program runs on: its names, its cycle counter, its cores, its pages.

pub mod affinity;
pub mod checkup;
pub mod cycles;
pub mod huge_pages;
pub mod machine;

pub use affinity::{allowed_cpus, pin_current_thread};
pub use cycles::{CycleClock, cycles};
pub use huge_pages::HugePages;
pub use machine::{Machine, machine};
