//! Any bytes as records of market data.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercel_testkit::fuzz_wire;

fuzz_target!(|bytes: &[u8]| fuzz_wire::market(bytes));
