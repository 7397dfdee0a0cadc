//! The memory that is shared with the kernel: frames, the ring of those that are free, the ring of
//! those that were filled.

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use rustix::net::xdp::{
    XDP_PGOFF_RX_RING, XDP_UMEM_PGOFF_FILL_RING, XdpDesc, XdpRingFlags, XdpRingOffset,
};

/// Pages that are ours until dropped.
struct Pages {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: it owns its pages alone; what the kernel does with them is the same on every thread.
unsafe impl Send for Pages {}

impl Pages {
    fn new(start: *mut core::ffi::c_void, len: usize) -> io::Result<Self> {
        NonNull::new(start.cast())
            .map(|start| Self { start, len })
            .ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    fn at<T>(&self, offset: u64) -> NonNull<T> {
        let offset = offset as usize;
        assert!(offset + size_of::<T>() <= self.len, "the kernel's offsets are within its ring");
        // SAFETY: within the pages, by the check.
        unsafe { self.start.add(offset) }.cast()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: they were mapped with this length, and nobody uses them any more.
        let _unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// The memory of all frames.
pub(super) struct Frames(Pages);

impl Frames {
    pub(super) fn new(count: u32, size: u32) -> io::Result<Self> {
        let len = count as usize * size as usize;
        let (access, flags) =
            (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::POPULATE);
        // SAFETY: new memory, where the kernel likes.
        let start = unsafe { mmap_anonymous(std::ptr::null_mut(), len, access, flags)? };
        Pages::new(start, len).map(Self)
    }

    pub(super) fn address(&self) -> u64 {
        self.0.start.as_ptr() as u64
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len
    }

    /// What the kernel wrote. Only of a descriptor that was received and not [taken](Receive::taken).
    #[inline]
    pub(super) fn bytes(&self, offset: u64, length: u32) -> &[u8] {
        let (offset, length) = (offset as usize, length as usize);
        if offset.checked_add(length).is_none_or(|end| end > self.0.len) {
            return &[];
        }
        // SAFETY: within the pages; the frame was handed to us, and the kernel does not write there
        // until it is given back, which wants the rings exclusively.
        unsafe { std::slice::from_raw_parts(self.0.start.as_ptr().add(offset), length) }
    }
}

/// A ring of `size` elements: a producer's and a consumer's number, and the elements.
struct Ring<T> {
    pages: Pages,
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: NonNull<AtomicU32>,
    elements: NonNull<T>,
    mask: u32,
}

// SAFETY: as its pages.
unsafe impl<T> Send for Ring<T> {}

impl<T> Ring<T> {
    fn map(
        socket: BorrowedFd<'_>,
        offsets: &XdpRingOffset,
        size: u32,
        page: u64,
    ) -> io::Result<Self> {
        let len = offsets.desc as usize + size as usize * size_of::<T>();
        let (access, flags) =
            (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED | MapFlags::POPULATE);
        // SAFETY: new memory, where the kernel likes.
        let start = unsafe { mmap(std::ptr::null_mut(), len, access, flags, socket, page)? };
        let pages = Pages::new(start, len)?;
        // Kernels before 5.4 have no flags: then nobody asks to be woken.
        let flags = offsets.flags.ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
        Ok(Self {
            producer: pages.at(offsets.producer),
            consumer: pages.at(offsets.consumer),
            flags: pages.at(flags),
            elements: pages.at(offsets.desc),
            pages,
            mask: size - 1,
        })
    }

    /// How many elements were produced, and how many consumed.
    const fn numbers(&self) -> (&AtomicU32, &AtomicU32) {
        // SAFETY: both lie in the pages, for as long as this does; the kernel changes them atomically.
        unsafe { (self.producer.as_ref(), self.consumer.as_ref()) }
    }

    const fn element(&self, number: u32) -> NonNull<T> {
        debug_assert!(self.pages.len > self.mask as usize);
        // SAFETY: `mask + 1` elements are mapped.
        unsafe { self.elements.add((number & self.mask) as usize) }
    }
}

/// Frames that the kernel may fill.
pub(super) struct Fill {
    ring: Ring<u64>,
    given: u32,
}

impl Fill {
    pub(super) fn map(
        socket: BorrowedFd<'_>,
        offsets: &XdpRingOffset,
        size: u32,
    ) -> io::Result<Self> {
        Ok(Self { ring: Ring::map(socket, offsets, size, XDP_UMEM_PGOFF_FILL_RING)?, given: 0 })
    }

    /// Gives a frame, which the kernel gets with [`publish`](Self::publish). Never more than there are,
    /// so that there is always room.
    #[inline]
    pub(super) fn give(&mut self, frame: u64) {
        // SAFETY: the slot is free: the ring has one for each frame, and this one was not in it.
        unsafe { self.ring.element(self.given).write(frame) };
        self.given = self.given.wrapping_add(1);
    }

    #[inline]
    pub(super) fn publish(&self) {
        // Release: the kernel sees the slots that it is told of.
        self.ring.numbers().0.store(self.given, Ordering::Release);
    }

    /// Whether the driver looks at the ring only when it is woken.
    #[inline]
    pub(super) fn wants_waking(&self) -> bool {
        // SAFETY: it lies in the pages; the kernel changes it atomically.
        let flags = unsafe { self.ring.flags.as_ref() }.load(Ordering::Relaxed);
        flags & XdpRingFlags::XDP_RING_NEED_WAKEUP.bits() != 0
    }
}

/// Frames that the kernel has filled.
pub(super) struct Receive {
    ring: Ring<XdpDesc>,
    taken: u32,
}

impl Receive {
    pub(super) fn map(
        socket: BorrowedFd<'_>,
        offsets: &XdpRingOffset,
        size: u32,
    ) -> io::Result<Self> {
        Ok(Self { ring: Ring::map(socket, offsets, size, XDP_PGOFF_RX_RING)?, taken: 0 })
    }

    /// How many there are.
    #[inline]
    pub(super) fn ready(&self) -> u32 {
        // Acquire, with the kernel's release: descriptors and frames are written.
        self.ring.numbers().0.load(Ordering::Acquire).wrapping_sub(self.taken)
    }

    /// Where the `at`-th of them lies, and its length; `at` is below [`ready`](Self::ready).
    #[inline]
    pub(super) fn descriptor(&self, at: u32) -> (u64, u32) {
        // SAFETY: the kernel has written it, and does not again until it is taken.
        let descriptor = unsafe { self.ring.element(self.taken.wrapping_add(at)).as_ref() };
        (descriptor.addr, descriptor.len)
    }

    /// The first `count` of them were taken, their frames given back.
    #[inline]
    pub(super) fn taken(&mut self, count: u32) {
        self.taken = self.taken.wrapping_add(count);
        // Release: the kernel uses the slots only after they were read.
        self.ring.numbers().1.store(self.taken, Ordering::Release);
    }
}
