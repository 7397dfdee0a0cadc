//! Any bytes as a stream of FIX messages, and as a dictionary.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercel_testkit::fuzz_fix;

fuzz_target!(|bytes: &[u8]| {
    fuzz_fix::stream(bytes);
    fuzz_fix::dictionary(bytes);
});
