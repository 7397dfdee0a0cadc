//! Any bytes as one ITCH message, and as a stream of frames.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercel_testkit::fuzz_itch;

fuzz_target!(|bytes: &[u8]| {
    fuzz_itch::decode_one(bytes);
    fuzz_itch::frames(bytes);
});
