//! Memory that a device can read from directly.

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// The alignment of every [`Buffer`]: what direct I/O asks for at most.
pub const BUFFER_ALIGN: usize = 4096;

#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(4096))]
struct Page([u8; BUFFER_ALIGN]);

/// Bytes at an aligned address that never moves while it lives.
pub struct Buffer(Box<[Page]>);

impl Buffer {
    /// Zeroed memory for `size` bytes, rounded up to whole pages.
    pub fn new(size: usize) -> Self {
        Self(vec![Page::new_zeroed(); size.div_ceil(BUFFER_ALIGN).max(1)].into_boxed_slice())
    }

    /// Its bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Its bytes, to write to.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_mut_bytes()
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} bytes)", self.bytes().len())
    }
}
