//! Requests of the Binance interface: any bytes are read or refused.
#![no_main]

#[path = "../../crates/venue/tests/it/request_check.rs"]
mod request_check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| request_check::check(bytes));
