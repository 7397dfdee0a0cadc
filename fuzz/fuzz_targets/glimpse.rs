//! Any bytes as a message of a snapshot.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercel_testkit::fuzz_wire;

fuzz_target!(|bytes: &[u8]| fuzz_wire::glimpse(bytes));
