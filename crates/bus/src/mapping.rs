//! A cycle's file in memory. All access to it goes through here.

use core::ptr::{self, NonNull};
use core::slice;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};

use crate::file::{BELL, FIRST_PAGE, REACH, SETTLED};
use crate::protocol::Memory;

/// A shared mapping of a whole file.
///
/// What keeps it sound: words are only ever touched as atomics. Payload is written by whoever
/// claimed it, before its word is published, and never after; it is read only behind a published
/// word. That is a promise of every program that has the file open for writing: see docs/bus.md
/// for what a foreign one can do.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    size: usize,
    writable: bool,
}

// SAFETY: the mapping belongs to no thread, and shared access is by atomics, or to payload that
// does not change, or by the one writer that claimed it: see the type.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `size` bytes of `file`, which has that many.
    pub(crate) fn new(file: &File, size: usize, writable: bool) -> io::Result<Self> {
        let mut protection = ProtFlags::READ;
        if writable {
            protection |= ProtFlags::WRITE;
        }
        // SAFETY: a new mapping at an address of the kernel's choice touches no other.
        let base = unsafe { mmap(ptr::null_mut(), size, protection, MapFlags::SHARED, file, 0)? };
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { base, size, writable })
    }

    /// Takes all pages now. Refusal costs time later, nothing else.
    pub(crate) fn prefault(&self) {
        let advice =
            if self.writable { Advice::LinuxPopulateWrite } else { Advice::LinuxPopulateRead };
        // SAFETY: the range is this mapping, and populating changes no contents.
        let _ = unsafe { madvise(self.base.as_ptr().cast(), self.size, advice) };
    }

    /// The bell of the cycle.
    pub(crate) fn bell(&self) -> &AtomicU32 {
        assert!(self.size >= FIRST_PAGE);
        // SAFETY: inside the first page, aligned, and only ever touched as an atomic.
        unsafe { AtomicU32::from_ptr(self.base.as_ptr().add(BELL).cast()) }
    }

    /// The word that says how far claims reach.
    pub(crate) fn reach(&self) -> &AtomicU64 {
        self.word(REACH)
    }

    /// The word that says, by a one, that no claim is left in this cycle or before it.
    pub(crate) fn settled(&self) -> &AtomicU64 {
        self.word(SETTLED)
    }

    /// Bytes that do not change any more.
    ///
    /// # Panics
    /// When they are not inside the mapping.
    ///
    /// # Safety
    /// They are the payload of a published record, or belong to the fixed part of the first page.
    #[inline]
    pub(crate) unsafe fn bytes(&self, position: usize, length: usize) -> &[u8] {
        assert!(position <= self.size && length <= self.size - position);
        // SAFETY: inside the mapping, and unchanging by the caller's promise.
        unsafe { slice::from_raw_parts(self.base.as_ptr().add(position), length) }
    }

    /// Bytes for the caller to write.
    ///
    /// # Panics
    /// When they are not inside the mapping, or it cannot be written.
    ///
    /// # Safety
    /// The caller alone reads and writes them, as long as the result lives.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "exclusive by the protocol, not by the borrow")]
    pub(crate) unsafe fn bytes_mut(&self, position: usize, length: usize) -> &mut [u8] {
        assert!(self.writable && position <= self.size && length <= self.size - position);
        // SAFETY: inside the mapping, and exclusive by the caller's promise.
        unsafe { slice::from_raw_parts_mut(self.base.as_ptr().add(position), length) }
    }

    /// Asks for the line at `position` to be written soon. Beyond the end it asks for nothing.
    #[inline]
    pub(crate) fn prefetch_write(&self, position: usize) {
        #[cfg(target_arch = "x86_64")]
        {
            use core::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
            let line = self.base.as_ptr().wrapping_add(position);
            // SAFETY: a prefetch touches nothing, and faults nowhere.
            unsafe { _mm_prefetch::<_MM_HINT_ET0>(line.cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = position;
    }
}

impl Memory for Mapping {
    #[inline]
    fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset < self.size && offset.is_multiple_of(8));
        // SAFETY: inside the mapping, whose size is a multiple of eight, aligned since the base is
        // a page, and only ever touched as an atomic.
        unsafe { AtomicU64::from_ptr(self.base.as_ptr().add(offset).cast()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly the range that was mapped, and nothing borrows from it any more.
        let unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.size) };
        debug_assert!(unmapped.is_ok(), "a range that was mapped unmaps");
    }
}
