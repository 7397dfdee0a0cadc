//! Integration tests of the books.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod it {
    mod allocations;
    mod fuzz;
    mod l2;
    mod l2_allocation;
    mod l2_capture;
    mod l3;
    mod l3_allocation;
}
