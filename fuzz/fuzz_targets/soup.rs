//! Any bytes as a stream of SoupBinTCP, at both of its sides.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercel_testkit::fuzz_wire;

fuzz_target!(|bytes: &[u8]| fuzz_wire::soup(bytes));
