//! The journal against real files, a simulated disk, and a naive model.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod it {
    mod allocation;
    mod conformance;
    mod damage;
    mod faults;
    mod files;
    mod kill;
    mod model;
    mod place;
}
