//! Any bytes as snapshots and diffs: the aggregated book holds what sorted maps hold, and a
//! synchroniser shows no book with a gap.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercel_testkit::fuzz_l2::{self, Reached};

fuzz_target!(|bytes: &[u8]| {
    let mut reached = Reached::default();
    fuzz_l2::book(bytes, &mut reached);
    fuzz_l2::synchroniser(bytes, &mut reached);
});
