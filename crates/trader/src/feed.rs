//! Where market data come from: bytes of one connection, applied to the core's books.

mod binance;
mod binary;
mod bus;
pub mod capture;
pub mod itch;
pub mod records;
pub mod stream;

pub use binance::{BinanceFault, BinanceFeed, path, snapshot_answered, take_snapshot};
pub use binary::BinaryFeed;
pub use bus::BusFeed;
pub use capture::CaptureFeed;
pub use itch::ItchFeed;
pub use records::FeedFault;

pub use crate::websocket::StreamOptions;
