//! Any bytes as what the counterparty of a FIX session sends, on both of its sides.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercel_testkit::fuzz_fix;

fuzz_target!(|bytes: &[u8]| fuzz_fix::session(bytes));
