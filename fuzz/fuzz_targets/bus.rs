//! Any bytes as a bus file, and as its records.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercel_testkit::fuzz_bus;

fuzz_target!(|bytes: &[u8]| {
    fuzz_bus::first_page(bytes);
    fuzz_bus::records(bytes);
});
