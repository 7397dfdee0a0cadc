//! Where orders go: requests to bytes of one connection, and bytes to reports.

mod asked_lists;
pub mod binance;
pub mod binary;
pub mod fix;

pub use binance::BinanceOrders;
pub use binary::BinaryOrders;
pub use fix::FixOrders;
