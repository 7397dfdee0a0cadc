//! Any bytes as a segment of the journal.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercel_testkit::fuzz_segment;

fuzz_target!(|bytes: &[u8]| {
    fuzz_segment::segment(bytes);
    fuzz_segment::frames(bytes);
});
