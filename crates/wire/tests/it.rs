//! Integration tests of the codecs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod it {
    mod allocations;
    mod binance;
    mod binance_answers;
    mod binance_order;
    mod binary;
    mod binary_session;
    mod fix_definitions;
    mod fix_session;
    mod flat;
    mod flat_schema;
    mod fuzz_seeds;
    mod itch;
    mod itch_peer;
    mod link;
    mod market;
    mod mold;
    mod ouch;
    mod soup;
    mod websocket;
}
