//! Recording: market data of venues, carried on to other processes and to files.
//!
//! ```text
//!   venues --feeds--> Core, whose strategy does nothing --Tap--+--> RecordsTap --> bus
//!                                                              +--> RecordsTap, TextsTap --> files
//! ```

mod bus;
mod config;
mod file_records;
mod files;
mod records;
mod setup;
mod texts;

pub use bus::BusSink;
pub use config::{RecordConfig, RecordTable, RecordVenueTable, TEMPLATE};
pub use file_records::RecordFiles;
pub use records::{RecordSink, RecordsTap};
pub use setup::{Outputs, RecordError, Recorder, recorder};
pub use texts::TextsTap;
