//! Where orders go: requests to bytes of one connection, and bytes to reports.

pub mod binary;

pub use binary::BinaryOrders;
