//! Integration tests of the machine's crate: check-ups of made-up machines, and their tuning.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod it {
    mod checkup;
    mod trees;
    mod tune;
}
