//! Connections over loopback, through each reactor.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod it {
    mod reactors;
}
