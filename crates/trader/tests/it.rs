//! The trader, piece by piece.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod it {
    mod alerts;
    mod binance;
    mod binance_orders;
    mod binary_orders;
    mod bus;
    mod capture;
    mod clerk;
    mod feeds;
    mod fix;
    mod itch;
    mod journal;
    mod limits;
    mod lines;
    mod paper;
    mod place;
    mod record;
    mod routes;
    mod saved;
    mod serve;
    mod start;
    mod state;
    mod syscalls;
}
