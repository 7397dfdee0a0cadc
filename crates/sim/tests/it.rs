//! Simulated venues, from outside.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod it {
    mod paper;
    mod paper_lists;
    mod paper_queue;
}
