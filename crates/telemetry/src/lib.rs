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
//!
//! The cells are no algorithm that a model would have to prove: each word has one writer, who needs
//! no more than to store what it loaded plus one, and no word says anything about another. A reader
//! sees values that were there, in their order, which is what a single atomic word always gives. The
//! last value of a handle that was dropped comes with the release and acquire of its `Arc`. A stress
//! test reads beside writers: counts never go back, and in the end nothing is missing.
#![forbid(unsafe_code)]

mod buckets;
pub mod counter;
mod exposition;
pub mod histogram;
pub mod log;
pub mod recorder;
pub mod registry;
pub mod report;
pub mod usage;

pub use counter::{Counter, Gauge};
pub use histogram::{Distribution, Histogram};
pub use log::{Log, LogFormat, LogOptions};
pub use recorder::{Recorder, Scope, Stage};
pub use registry::{Registry, RegistryError};
pub use report::{Report, ReportRow};
