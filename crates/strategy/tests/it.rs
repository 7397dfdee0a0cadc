//! Integration tests of the strategies.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod it {
    mod allocations;
    mod market_maker;
    mod registry;
    mod support;
    mod wild;
}
