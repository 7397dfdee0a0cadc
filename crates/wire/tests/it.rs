//! Integration tests of the codecs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod it {
    mod binance;
    mod fix_definitions;
    mod fix_session;
    mod itch;
    mod itch_peer;
}
