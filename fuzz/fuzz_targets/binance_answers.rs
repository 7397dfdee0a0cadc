//! Any bytes as an answer or an event of a Binance trading connection: what is taken is what
//! `serde_json` reads.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercel_testkit::binance_answers;

fuzz_target!(|bytes: &[u8]| binance_answers::decode(bytes));
