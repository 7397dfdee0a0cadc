//! Any bytes as a `WebSocket` stream, at a client and at a server: the same messages however it is
//! split.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tiercel_testkit::fuzz_websocket;

fuzz_target!(|bytes: &[u8]| fuzz_websocket::stream(bytes));
