//! The Binance Spot interface without its sockets: what a request says, what it is answered.
//!
//! ```text
//!   query + body -> params -> signature, timestamp -> request -> commands ..> engine
//!   JSON <- answer <- events, orders <...............................................
//! ```
//!
//! Architecture Invariant: nothing here reads a clock, opens a socket or draws a random number;
//! times, generated ids and what the venue knows are passed in. A request that a client can make
//! gets either its typed form or an [`ApiError`] with the documented code and message; nothing
//! panics. Source of codes, messages and fields: the public documents of the Binance Spot API,
//! as of July 2026.

pub mod amend;
pub mod answer;
pub mod average_price;
pub mod cancel_replace;
pub mod cancelled;
pub mod denial;
pub mod error;
pub mod exchange_info;
pub mod execution_report;
pub mod fees;
pub mod filters;
pub mod history;
pub mod klines;
pub mod list_view;
pub mod listen_keys;
pub mod order;
pub mod order_list;
mod page;
pub mod params;
pub mod questions;
pub mod rate_limit;
pub mod signature;
pub mod statistics;
pub mod stream;
pub mod tickers;
pub mod trades;
pub mod user_data;
pub mod view;
pub mod words;
pub mod ws_request;

pub use error::ApiError;
pub use params::Params;
