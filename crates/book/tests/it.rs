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
    mod signal;
    mod signal_allocation;
    mod signal_extremes;
    mod signal_history;
    mod signal_micro_price;
    mod signal_state;
}
