//! Connections over loopback, through each reactor; datagrams past the network stack.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod it {
    mod reactors;
    #[cfg(feature = "xdp")]
    mod xdp;
}
