//! Buffers that the kernel takes itself when bytes come: a ring that it shares.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

/// What the kernel wants the ring aligned to.
const PAGE: usize = 4096;
/// The group that all receives take from: there is one.
pub(crate) const GROUP: u16 = 0;

/// A ring of free buffers, and the buffers. It has to outlive the `io_uring` that it is registered
/// with: its owner drops it last.
pub(crate) struct Buffers {
    entries: NonNull<BufRingEntry>,
    layout: Layout,
    memory: Box<[u8]>,
    count: u16,
    size: usize,
    tail: u16,
}

// SAFETY: it owns its memory alone; what the kernel does with it is the same on every thread.
unsafe impl Send for Buffers {}

impl Buffers {
    /// So many buffers (a power of two, 32,768 at most) of `size` bytes, all of them free.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn register(submitter: &Submitter<'_>, count: u16, size: usize) -> io::Result<Self> {
        let layout = Layout::array::<BufRingEntry>(usize::from(count))
            .and_then(|layout| layout.align_to(PAGE))
            .map_err(io::Error::other)?;
        if count == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: the layout is not empty. Zeros are entries.
        let Some(entries) = NonNull::new(unsafe { alloc_zeroed(layout) }.cast()) else {
            handle_alloc_error(layout)
        };
        let memory = vec![0; usize::from(count) * size].into();
        let mut buffers = Self { entries, layout, memory, count, size, tail: 0 };
        // SAFETY: the entries are there, and stay until the ring is gone: the owner of both drops this
        // one last.
        unsafe {
            submitter.register_buf_ring_with_flags(entries.as_ptr() as u64, count, GROUP, 0)?;
        }
        for number in 0..count {
            buffers.give(number);
        }
        buffers.publish();
        Ok(buffers)
    }

    /// The bytes that the kernel wrote into a buffer that it took.
    #[inline]
    pub(crate) fn bytes(&self, number: u16, length: usize) -> &[u8] {
        let start = usize::from(number) * self.size;
        self.memory.get(start..start + length.min(self.size)).unwrap_or_default()
    }

    /// A buffer that the kernel took is free again, once this is [published](Self::publish).
    #[inline]
    pub(crate) fn give(&mut self, number: u16) {
        if number >= self.count {
            return;
        }
        let at = usize::from(self.tail & (self.count - 1));
        let address = self.memory[usize::from(number) * self.size..].as_ptr() as u64;
        // SAFETY: `at` is below the count of entries. The kernel reads those below the tail alone, and
        // this one is behind it.
        let entry = unsafe { &mut *self.entries.as_ptr().add(at) };
        entry.set_addr(address);
        entry.set_len(self.size as u32);
        entry.set_bid(number);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Shows the kernel what is free.
    #[inline]
    pub(crate) fn publish(&mut self) {
        // SAFETY: the pointer is that of the first entry, whose reserved bytes are the ring's tail.
        let tail = unsafe { BufRingEntry::tail(self.entries.as_ptr()) }.cast_mut();
        // SAFETY: the tail is aligned, alive as long as `self`, and from here on only ever accessed
        // atomically, by us and the kernel.
        let tail = unsafe { AtomicU16::from_ptr(tail) };
        tail.store(self.tail, Ordering::Release);
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // SAFETY: allocated with this very layout, and nobody uses it any more.
        unsafe { dealloc(self.entries.as_ptr().cast(), self.layout) };
    }
}
