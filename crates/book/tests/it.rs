//! Integration tests of the books.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod it {
    mod l2;
    mod l2_capture;
    mod allocations;
    mod l3;
    mod l3_allocation;
}
