//! Requests of the `WebSocket` interfaces, of the native interface and of administration: any bytes are
//! read or refused.

#![no_main]

#[path = "../../crates/venue/tests/it/interface_check.rs"]
mod interface_check;

use std::sync::LazyLock;

use tiercel_venue::models::Models;
use tiercel_venue::native::Signals;

static MARKET: LazyLock<(Models, Signals)> = LazyLock::new(|| {
    let models = interface_check::models();
    let signals = Signals::new(&models);
    (models, signals)
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| interface_check::check(bytes, &MARKET.0, &MARKET.1));
