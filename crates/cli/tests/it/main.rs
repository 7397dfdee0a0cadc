//! The built binary, driven as a person or a script drives it.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod bus;
mod command;
mod decode;
mod demo;
mod doctor;
mod fix_echo;
mod journal;
mod match_errors;
mod match_golden;
mod record;
mod replay;
mod replay_signals;
mod trade;
mod trade_alerts;
mod trade_binance;
mod trade_chaos;
mod trade_control;
mod trade_fix;
mod trade_itch;
mod trade_lists;
mod trade_paper;
mod trade_route;
mod trade_start;
mod trade_tls;
// The machines that the check-up is tested on.
#[path = "../../../host/tests/it/trees.rs"]
mod trees;
mod usage;
mod venue;
mod venue_feed;
mod venue_fix;
mod venue_kill;
mod venue_load;
mod venue_ouch;
mod venue_process;
