//! Integration tests of the strategies.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod it {
    mod allocations;
    mod arbitrage;
    mod golden_cross;
    mod market_maker;
    mod mean_reversion;
    mod quotes;
    mod registry;
    mod support;
    mod wild;
}
