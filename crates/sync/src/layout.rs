//! Cache lines, and what must not share one.

use core::ops::{Deref, DerefMut};

/// What one core takes from another at a time: 64 bytes on `x86_64`, and on the usual `aarch64`.
/// A message that fits in one line with its sequence crosses in one transfer.
pub const LINE_BYTES: usize = 64;

/// How far apart words must be that different threads write: two lines. Intel's prefetchers fetch
/// lines in pairs, and some `aarch64` cores have lines of 128 bytes; on processors without either
/// the second line costs memory alone.
pub const APART_BYTES: usize = 128;

/// A value on lines of its own, so that writing to its neighbours does not take it from a reader.
///
/// ```
/// use tiercel_sync::layout::{APART_BYTES, Apart};
///
/// let counters = [Apart::new(0_u64), Apart::new(0_u64)];
/// let distance = &raw const counters[1] as usize - &raw const counters[0] as usize;
/// assert_eq!(distance, APART_BYTES);
/// assert_eq!(*counters[0], 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(128))]
pub struct Apart<T> {
    value: T,
}

const _: () = {
    assert!(align_of::<Apart<u8>>() == APART_BYTES && size_of::<Apart<u8>>() == APART_BYTES);
    assert!(APART_BYTES.is_multiple_of(LINE_BYTES));
};

impl<T> Apart<T> {
    /// Puts `value` on lines of its own.
    pub const fn new(value: T) -> Self {
        Self { value }
    }

    /// Takes it off again.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for Apart<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Apart<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// Asks for the line that `place` begins on, to be written soon: its owner gives it up before the
/// write waits for it. A hint: it changes nothing, and costs about a nanosecond less than it saves
/// where another core had the line. Does nothing on processors without such an instruction.
#[inline(always)]
pub fn prefetch_write<T>(place: &T) {
    #[cfg(all(target_arch = "x86_64", not(tiercel_loom)))]
    // SAFETY: PREFETCHW takes any address, changes no register, no flag and no value; processors that
    // do not know it take it for a no-op (64-bit Windows has long relied on that).
    unsafe {
        core::arch::asm!(
            "prefetchw byte ptr [{place}]",
            place = in(reg) core::ptr::from_ref(place),
            options(nostack, preserves_flags, readonly),
        );
    }
    #[cfg(not(all(target_arch = "x86_64", not(tiercel_loom))))]
    let _ = place;
}

/// `value`, of which the compiler forgets whatever it knows: an address that is made of it waits for
/// the load that `value` came from, also where a comparison has just shown what it is. Does nothing
/// to processors but those that it is written for.
#[inline(always)]
pub(crate) fn as_read(value: u64) -> u64 {
    #[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(tiercel_loom)))]
    {
        let same: u64;
        // SAFETY: no instruction.
        unsafe {
            core::arch::asm!(
                "/* {value} */",
                value = inlateout(reg) value => same,
                options(nomem, nostack, preserves_flags),
            );
        }
        same
    }
    #[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(tiercel_loom))))]
    value
}
