//! The records of the interface: C layout, little-endian, sizes fixed by the contract.

use core::ffi::c_void;

/// A new order.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct NewOrder {
    /// The caller's id; free again when the order is gone.
    pub order_id: u64,
    /// The message's number.
    pub sequence_number: u64,
    /// Limit price.
    pub price_ticks: i64,
    /// Quantity.
    pub quantity: u32,
    /// 0 buy, 1 sell.
    pub side: u8,
    /// Not zero: immediate-or-cancel.
    pub ioc: u8,
    /// Of no meaning.
    pub reserved: [u8; 2],
}

/// A cancel.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Cancel {
    /// Which order.
    pub order_id: u64,
    /// The message's number.
    pub sequence_number: u64,
}

/// A modify: cancel, and enter anew at the back of the queue.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Modify {
    /// Which order.
    pub order_id: u64,
    /// The message's number.
    pub sequence_number: u64,
    /// New limit price.
    pub new_price_ticks: i64,
    /// New quantity.
    pub new_quantity: u32,
    /// The order's side; it cannot be changed, and is not looked at.
    pub side: u8,
    /// Of no meaning.
    pub reserved: [u8; 3],
}

/// What a [`Message`] holds.
#[derive(Clone, Copy)]
#[repr(C)]
pub union MessageBody {
    /// Of type 0.
    pub new_order: NewOrder,
    /// Of type 1.
    pub cancel: Cancel,
    /// Of type 2.
    pub modify: Modify,
}

/// One message of a batch.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Message {
    /// 0 new order, 1 cancel, 2 modify.
    pub kind: u8,
    /// Of no meaning.
    pub reserved: [u8; 7],
    /// The message.
    pub body: MessageBody,
}

/// What a report says, as its type byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ReportKind {
    /// A new order was taken.
    OrderAck = 0,
    /// A fill.
    Trade = 1,
    /// An order, or the rest of an immediate one, was cancelled.
    CancelAck = 2,
    /// An order was modified.
    ModifyAck = 3,
    /// The order to cancel does not rest.
    CancelReject = 4,
    /// The order to modify does not rest.
    ModifyReject = 5,
}

/// A report.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Report {
    /// What it says.
    pub kind: ReportKind,
    /// The order's side.
    pub side: u8,
    /// Zero.
    pub reserved: [u8; 6],
    /// The number of the message that caused it.
    pub sequence_number: u64,
    /// The order it concerns; of a trade, the taker.
    pub order_id: u64,
    /// The order's price; of a trade, the maker's.
    pub price_ticks: i64,
    /// Quantity.
    pub quantity: u32,
    /// Zero.
    pub reserved_too: u32,
    /// Trades: the order that rested.
    pub maker_order_id: u64,
    /// Trades: the order that came.
    pub taker_order_id: u64,
    /// Zero.
    pub reserved_last: u64,
}

/// The queue that carries reports to whoever reads them.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Transport {
    /// Makes a queue for at least so many reports.
    pub create: unsafe extern "C" fn(capacity: u32) -> *mut c_void,
    /// Takes a report; zero: it is full.
    pub push: unsafe extern "C" fn(handle: *mut c_void, report: *const Report) -> i32,
    /// Gives up to `max` reports to the reader; returns how many.
    pub drain: unsafe extern "C" fn(handle: *mut c_void, out: *mut Report, max: u32) -> u32,
    /// Shows the reader what was pushed so far.
    pub flush: unsafe extern "C" fn(handle: *mut c_void),
    /// Ends a queue.
    pub destroy: unsafe extern "C" fn(handle: *mut c_void),
}

const _: () = assert!(size_of::<NewOrder>() == 32);
const _: () = assert!(size_of::<Cancel>() == 16);
const _: () = assert!(size_of::<Modify>() == 32);
const _: () = assert!(size_of::<Message>() == 40);
const _: () = assert!(size_of::<Report>() == 64);
const _: () = assert!(size_of::<Transport>() == 40);
