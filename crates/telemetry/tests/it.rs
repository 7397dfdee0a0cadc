//! Integration tests of telemetry.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod it {
    mod allocation;
    mod collection;
    mod exposition;
    mod log;
}
