//! The atomics, cells and threads that this crate's types are made of: core's, or loom's when the
//! crate is built with `--cfg tiercel_loom`. So it is the shipped types that the models run.
//!
//! (Plain `--cfg loom` would change tokio as well, in every crate of the build.)

#[cfg(not(tiercel_loom))]
pub use core::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};
#[cfg(not(tiercel_loom))]
pub use std::{sync::Arc, thread::yield_now};

#[cfg(tiercel_loom)]
pub use loom::{
    cell::UnsafeCell,
    hint::spin_loop,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
    },
    thread::yield_now,
};

/// [`core::cell::UnsafeCell`] with loom's face: access is by closure, so that loom knows when it
/// begins and ends.
#[cfg(not(tiercel_loom))]
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct UnsafeCell<T> {
    inner: core::cell::UnsafeCell<T>,
}

#[cfg(not(tiercel_loom))]
impl<T> UnsafeCell<T> {
    /// A cell that holds `value`.
    #[inline]
    pub const fn new(value: T) -> Self {
        Self { inner: core::cell::UnsafeCell::new(value) }
    }

    /// Reads through a pointer that `read` must not keep. Whoever follows it answers for it that
    /// nobody writes meanwhile.
    #[inline(always)]
    pub fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.inner.get().cast_const())
    }

    /// Writes through a pointer that `write` must not keep. Whoever follows it answers for it that
    /// nobody else reads or writes meanwhile.
    #[inline(always)]
    pub fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.inner.get())
    }
}
