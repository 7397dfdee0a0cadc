//! Any bytes as a Binance message: both paths of the decoder agree, and what they take is what
//! `serde_json` reads.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercel_testkit::fuzz_binance;

fuzz_target!(|bytes: &[u8]| fuzz_binance::decode(bytes));
