//! What is measured of a running program, and how it is told.
//!
//! ```text
//!   hot threads                         |  anyone, now and then
//!   Counter, Recorder, Stage: cells     |  Registry::text    Prometheus' text format
//!   that one thread writes and the  ----+--Registry::report  a table, JSON
//!   registry reads                      |
//! ```
//!
//! On the left nothing is allocated, locked or waited for: counting and recording are some loads
//! and stores of the thread's own memory. On the right a [`Registry`] adds up what all threads
//! have. [`log`] is for everything that is said in words.
#![forbid(unsafe_code)]

mod buckets;
pub mod counter;
mod exposition;
pub mod histogram;
pub mod log;
pub mod recorder;
pub mod registry;
pub mod report;

pub use counter::{Counter, Gauge};
pub use histogram::{Distribution, Histogram};
pub use log::{Log, LogFormat, LogOptions};
pub use recorder::{Recorder, Scope, Stage};
pub use registry::{Registry, RegistryError};
pub use report::{Report, ReportRow};
