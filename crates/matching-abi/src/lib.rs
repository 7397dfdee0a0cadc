//! The matching engine behind the C interface of a public matching-engine benchmark
//! (`flash1-dev/matching-engine-benchmark`), as a dynamic library.
//!
//! ```text
//!  harness --engine_on_*--> command --> BareEngine --> events --> reports --push--> transport
//! ```
//!
//! Architecture Invariant: a thin adapter. Nothing is matched here and there is no second book:
//! the queries answer from the engine's own.
//!
//! The contract knows one engine per process and no calls at the same time: neither from two
//! threads, nor from within `push`. Before `engine_init` and after `engine_shutdown` messages are
//! ignored and the book is empty.

pub mod abi;
mod adapter;

use core::cell::UnsafeCell;
use core::ffi::c_void;

use tiercel_types::Side;

use crate::abi::{Cancel, Message, Modify, NewOrder, Transport};
use crate::adapter::Adapter;

/// The process's engine.
struct Slot(UnsafeCell<Option<Adapter>>);

// SAFETY: the contract of every exported function: no two calls at the same time. A harness that
// calls from one thread after another orders those calls itself.
unsafe impl Sync for Slot {}

static ENGINE: Slot = Slot(UnsafeCell::new(None));

/// The engine, if there is one.
///
/// # Safety
/// No other call of this library runs.
#[inline]
#[allow(clippy::mut_from_ref, reason = "the contract rules out two calls at once")]
unsafe fn engine() -> Option<&'static mut Adapter> {
    // SAFETY: the caller's promise; no reference outlives the exported function that took it.
    unsafe { (*ENGINE.0.get()).as_mut() }
}

/// Starts with an empty book. A null `transport` starts nothing.
///
/// # Safety
/// `transport` is null or points to a transport whose `push` may be called with `handle` until
/// `engine_shutdown`; no other call of this library runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_init(seed: u64, transport: *const Transport, handle: *mut c_void) {
    // SAFETY: the caller's promises.
    unsafe {
        *ENGINE.0.get() = transport.as_ref().map(|transport| Adapter::new(seed, transport, handle));
    }
}

/// Ends the engine and its book.
///
/// # Safety
/// No other call of this library runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_shutdown() {
    // SAFETY: the caller's promise.
    unsafe {
        *ENGINE.0.get() = None;
    }
}

/// Returns once every message so far is matched and reported: at once, since each is before its
/// own call returns.
#[unsafe(no_mangle)]
pub extern "C" fn engine_flush() {}

/// Matches a new order.
///
/// # Safety
/// `order` points to a message; no other call of this library runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_on_new_order(order: *const NewOrder) {
    // SAFETY: the caller's promises.
    if let (Some(engine), Some(order)) = unsafe { (engine(), order.as_ref()) } {
        engine.new_order(order);
    }
}

/// Cancels an order.
///
/// # Safety
/// `cancel` points to a message; no other call of this library runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_on_cancel(cancel: *const Cancel) {
    // SAFETY: the caller's promises.
    if let (Some(engine), Some(cancel)) = unsafe { (engine(), cancel.as_ref()) } {
        engine.cancel(cancel);
    }
}

/// Modifies an order.
///
/// # Safety
/// `modify` points to a message; no other call of this library runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_on_modify(modify: *const Modify) {
    // SAFETY: the caller's promises.
    if let (Some(engine), Some(modify)) = unsafe { (engine(), modify.as_ref()) } {
        engine.modify(modify);
    }
}

/// Takes a run of messages, each matched and reported before the next is looked at. A message of
/// an unknown type is passed over.
///
/// # Safety
/// `messages` points to `count` messages, or `count` is zero; no other call of this library runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_on_batch(messages: *const Message, count: u32) {
    if messages.is_null() || count == 0 {
        return;
    }
    // SAFETY: the caller's promises.
    let (engine, messages) =
        unsafe { (engine(), core::slice::from_raw_parts(messages, count as usize)) };
    let Some(engine) = engine else { return };
    for message in messages {
        // SAFETY: the type says which message it is, and any bytes are one.
        unsafe {
            match message.kind {
                0 => engine.new_order(&message.body.new_order),
                1 => engine.cancel(&message.body.cancel),
                2 => engine.modify(&message.body.modify),
                _ => {}
            }
        }
    }
}

/// The best bid in ticks; `i64::MIN` if there is none.
///
/// # Safety
/// No other call of this library runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_query_best_bid() -> i64 {
    // SAFETY: the caller's promise.
    unsafe { engine() }.and_then(|engine| engine.best(Side::Buy)).unwrap_or(i64::MIN)
}

/// The best ask in ticks; `i64::MAX` if there is none.
///
/// # Safety
/// No other call of this library runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_query_best_ask() -> i64 {
    // SAFETY: the caller's promise.
    unsafe { engine() }.and_then(|engine| engine.best(Side::Sell)).unwrap_or(i64::MAX)
}

/// What rests at a price on a side (0 buy, 1 sell).
///
/// # Safety
/// No other call of this library runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_query_depth_at(price_ticks: i64, side: u8) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { engine() }.map_or(0, |engine| engine.depth_at(price_ticks, side))
}
