//! Any bytes as a record, as a log, and as a session on the engine beside the reference model and
//! the auditor, with accounts and without.

#![no_main]

#[path = "../../crates/matching/tests/it/subject.rs"]
#[allow(dead_code, reason = "shared with the engine's tests, which use more of it")]
mod subject;

use libfuzzer_sys::fuzz_target;
use subject::{EngineSubject, Holding};
use tiercel_matching::{Accounts, Bare};
use tiercel_testkit::fuzz_commands;
use tiercel_testkit::model::Mode;

fuzz_target!(|bytes: &[u8]| {
    fuzz_commands::record(bytes);
    fuzz_commands::log(bytes);
    let holding = Holding::TIGHT;
    fuzz_commands::session(|| EngineSubject::<Accounts>::new(holding), Mode::Full, bytes);
    fuzz_commands::session(|| EngineSubject::<Bare>::new(holding), Mode::Bare, bytes);
});
