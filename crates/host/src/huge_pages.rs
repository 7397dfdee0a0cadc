//! An allocator that asks for 2 MiB pages where they pay: for large tables.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};
use std::alloc::System;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// The size of a transparent huge page, on x86-64 as on 64-bit Arm.
pub(crate) const HUGE_PAGE: usize = 2 << 20;

/// Allocations from this size on are mapped for themselves.
const LARGE: usize = 2 * HUGE_PAGE;

/// Another allocator, the system's if not said otherwise, but for large allocations, which are
/// mapped for themselves, aligned to huge pages, and marked for them (`MADV_HUGEPAGE`): with random
/// access to tables of many megabytes a 4 KiB page costs a page walk nearly each time.
///
/// Where the system gives no huge pages (`/sys/kernel/mm/transparent_hugepage/enabled` is
/// `never`) it behaves as any allocator.
///
/// ```
/// use std::alloc::System;
/// use tiercel_host::HugePages;
///
/// #[global_allocator]
/// static ALLOCATOR: HugePages = HugePages(System);
///
/// let table = vec![0_u64; 1 << 20];
/// assert_eq!(table.iter().sum::<u64>(), 0);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct HugePages<A = System>(
    /// What serves small allocations.
    pub A,
);

/// Whether an allocation is mapped for itself.
const fn is_large(layout: &Layout) -> bool {
    layout.size() >= LARGE && layout.align() <= HUGE_PAGE
}

/// What an allocation of `size` bytes takes: whole huge pages.
pub(crate) const fn mapped_size(size: usize) -> Option<usize> {
    size.checked_next_multiple_of(HUGE_PAGE)
}

/// Maps `size` zeroed bytes (a multiple of a huge page) at an address that is one too.
pub(crate) fn map(size: usize) -> Option<NonNull<u8>> {
    let around = size.checked_add(HUGE_PAGE)?;
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no other.
    let start = unsafe {
        mmap_anonymous(ptr::null_mut(), around, ProtFlags::READ | ProtFlags::WRITE, flags)
    };
    let start = start.ok()?.cast::<u8>();
    let head = start.align_offset(HUGE_PAGE);
    let aligned = start.wrapping_add(head);
    // SAFETY: head and tail lie in the mapping just made, beside the part that is kept, and
    // nobody knows of them. Advice changes no contents. That a hint or trimming fails costs
    // memory or speed, not correctness.
    unsafe {
        if head > 0 {
            let _ = munmap(start.cast(), head);
        }
        if head < HUGE_PAGE {
            let _ = munmap(aligned.wrapping_add(size).cast(), HUGE_PAGE - head);
        }
        let _ = madvise(aligned.cast(), size, Advice::LinuxHugepage);
    }
    NonNull::new(aligned)
}

// SAFETY: small layouts go to the inner allocator and come back to it with the same layout. A large one is
// mapped by `map`: at least its size, aligned to a huge page, which is at least its alignment,
// disjoint from everything, until `dealloc` unmaps exactly that. Which of the two it is depends on
// the layout alone, and a layout comes back as it was given.
unsafe impl<A: GlobalAlloc> GlobalAlloc for HugePages<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !is_large(&layout) {
            // SAFETY: the caller's promise.
            return unsafe { self.0.alloc(layout) };
        }
        mapped_size(layout.size()).and_then(map).map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_large(&layout) {
            // New mappings are zero. SAFETY: the caller's promise.
            return unsafe { self.alloc(layout) };
        }
        // SAFETY: the caller's promise.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises a size that makes a layout with this alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        if !is_large(&layout) && !is_large(&new_layout) {
            // SAFETY: the caller's promise; the memory is the inner allocator's and stays so.
            return unsafe { self.0.realloc(memory, layout, new_size) };
        }
        // SAFETY: the caller's promise; the two allocations are disjoint and both as long as what
        // is copied.
        unsafe {
            let moved = self.alloc(new_layout);
            if !moved.is_null() {
                ptr::copy_nonoverlapping(memory, moved, layout.size().min(new_size));
                self.dealloc(memory, layout);
            }
            moved
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if !is_large(&layout) {
            // SAFETY: the caller's promise; small layouts were allocated by it.
            return unsafe { self.0.dealloc(memory, layout) };
        }
        if let Some(size) = mapped_size(layout.size()) {
            // SAFETY: `alloc` mapped exactly this range for this layout.
            let unmapped = unsafe { munmap(memory.cast(), size) };
            debug_assert!(unmapped.is_ok(), "a range that was mapped unmaps");
        }
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn large_and_small_allocations_are_zeroed_aligned_and_given_back() {
        for size in [1, 4096, LARGE - 1, LARGE, LARGE + 1, 5 * HUGE_PAGE] {
            for align in [1, 64, 4096, HUGE_PAGE] {
                let layout = Layout::from_size_align(size, align).unwrap();
                // SAFETY: the layout is not of size zero, and the memory is given back with it.
                unsafe {
                    let memory = HugePages(System).alloc_zeroed(layout);
                    assert!(!memory.is_null() && (memory as usize).is_multiple_of(align));
                    assert_eq!((*memory, *memory.add(size - 1)), (0, 0));
                    memory.write_bytes(7, size);
                    HugePages(System).dealloc(memory, layout);
                }
            }
        }
    }

    /// The system's allocator; counts what was asked of it.
    #[derive(Default)]
    struct Counted(AtomicUsize);

    // SAFETY: everything is the system's.
    unsafe impl GlobalAlloc for Counted {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            self.0.fetch_add(1, Ordering::Relaxed);
            // SAFETY: the caller's promise.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
            // SAFETY: the caller's promise.
            unsafe { System.dealloc(memory, layout) }
        }
    }

    #[test]
    fn the_inner_allocator_serves_the_small_and_only_those() {
        let pages = HugePages(Counted::default());
        for (size, asked) in [(LARGE - 1, 1), (LARGE, 1), (8, 2)] {
            let layout = Layout::from_size_align(size, 8).unwrap();
            // SAFETY: the size is above zero, and the memory is given back with its layout.
            unsafe { pages.dealloc(pages.alloc(layout), layout) };
            assert_eq!(pages.0.0.load(Ordering::Relaxed), asked, "{size} bytes");
        }
    }

    #[test]
    fn a_vector_that_grows_keeps_its_contents() {
        let mut layout = Layout::from_size_align(LARGE / 2, 8).unwrap();
        // SAFETY: sizes are above zero, and each layout is the one the memory was given with.
        unsafe {
            let mut memory = HugePages(System).alloc(layout);
            memory.write_bytes(9, layout.size());
            for _ in 0..3 {
                let size = layout.size() * 2;
                memory = HugePages(System).realloc(memory, layout, size);
                layout = Layout::from_size_align(size, 8).unwrap();
                assert_eq!((*memory, *memory.add(LARGE / 2 - 1)), (9, 9));
            }
            HugePages(System).dealloc(memory, layout);
        }
    }
}
