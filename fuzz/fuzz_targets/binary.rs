//! Any bytes as records of the binary protocol, and as what comes in its sessions.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercel_testkit::fuzz_wire;

fuzz_target!(|bytes: &[u8]| fuzz_wire::binary(bytes));
