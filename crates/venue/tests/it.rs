//! The venue's core against the engine alone, real files, a disk that fails, and kills; and the
//! venue as its clients meet it, over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod it {
    mod admin;
    mod admin_requests;
    mod agree;
    mod allocation;
    mod apart;
    mod bad_input;
    mod binary_desk;
    mod binary_killed;
    mod binary_lines;
    mod binary_peer;
    mod binary_sockets;
    mod binary_speech;
    mod faults;
    mod feed;
    mod feed_client;
    mod feed_days;
    mod fix;
    mod fix_client;
    mod fix_orders;
    mod fix_states;
    mod fix_tls;
    mod history;
    mod http;
    mod interface_check;
    mod itch_archive;
    mod itch_feed;
    mod kill;
    mod limits;
    mod lists;
    mod market;
    mod market_client;
    mod market_feed;
    mod market_gateway;
    mod market_streams;
    mod metrics;
    mod models;
    mod native;
    mod native_client;
    mod native_orders;
    mod native_stream;
    mod open_orders;
    mod ouch;
    mod ouch_client;
    mod ouch_gateway;
    mod ouch_numbers;
    mod pipeline;
    mod place;
    mod raw_ws;
    mod refusals;
    mod replace;
    mod replicated;
    mod reports;
    mod request_check;
    mod requests;
    mod revoked;
    mod same_clients;
    mod same_events;
    mod separation;
    mod shifted;
    mod sides;
    mod signatures;
    mod slow;
    mod stages;
    mod store;
    mod streams;
    mod threads;
    mod tls;
    mod trading;
    mod user_data;
    mod ws;
    mod ws_api;
}
