//! Integration tests of orders and positions.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod it {
    mod breaker;
    mod chaos;
    mod oms;
    mod order;
    mod risk;
    mod router;
}
