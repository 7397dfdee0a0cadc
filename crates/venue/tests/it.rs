//! The venue's core against the engine alone, real files, a disk that fails, and kills.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod it {
    mod allocation;
    mod faults;
    mod kill;
    mod models;
    mod pipeline;
    mod place;
    mod store;
    mod threads;
}
