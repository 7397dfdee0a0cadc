//! Where market data come from: bytes of one connection, applied to the core's books.

mod binary;

pub use binary::{BinaryFeed, FeedFault};
