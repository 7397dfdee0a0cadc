//! The test tools tested: the reference model by hand-computed scenarios, the generator by what it
//! reaches, the auditor and the harness by what they find.

#![allow(
    clippy::large_types_passed_by_value,
    reason = "a profile, a market: handed over once a test"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod it {
    mod audit;
    mod conditions;
    mod desk;
    mod generator;
    mod harness;
    mod lists;
    mod scenarios;
    mod self_trade;
    mod special;
    mod waiting;
}
