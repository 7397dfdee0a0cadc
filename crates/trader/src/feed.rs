//! Where market data come from: bytes of one connection, applied to the core's books.

mod binance;
mod binary;

pub use binance::{BinanceFault, BinanceFeed, StreamOptions, path, take_snapshot};
pub use binary::{BinaryFeed, FeedFault};
