//! The test tools tested: the reference model by hand-computed scenarios, the generator by what it
//! reaches, the auditor and the harness by what they find.

#![allow(clippy::large_types_passed_by_value, reason = "a profile is handed over once a run")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::large_types_passed_by_value, reason = "a market is handed over once a test")]

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
