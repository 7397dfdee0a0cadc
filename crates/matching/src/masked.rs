//! Tables indexed by the low bits of a number: the one place that indexes without a check.

/// A boxed slice whose length is a power of two. An index is taken modulo the length, so that
/// every index is good and none has to be checked.
#[derive(Clone, Debug)]
pub(crate) struct Masked<T>(Box<[T]>);

impl<T: Copy> Masked<T> {
    /// `length` copies of `item`.
    ///
    /// # Panics
    /// When `length` is no power of two.
    pub(crate) fn new(length: usize, item: T) -> Self {
        assert!(length.is_power_of_two(), "an index is masked with the length");
        Self(vec![item; length].into())
    }

    /// Makes it twice as long, the new half filled with `item`.
    pub(crate) fn double(&mut self, item: T) {
        let mut items = core::mem::take(&mut self.0).into_vec();
        items.resize(items.len() * 2, item);
        self.0 = items.into();
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Where an index lies.
    #[inline(always)]
    pub(crate) fn slot(&self, index: usize) -> usize {
        index & (self.0.len() - 1)
    }

    #[inline(always)]
    pub(crate) fn get(&self, index: usize) -> &T {
        // SAFETY: the length is a power of two (`new` asserts it, nothing changes it), so the
        // index masked with the length less one is below the length.
        unsafe { self.0.get_unchecked(self.slot(index)) }
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, index: usize) -> &mut T {
        let slot = self.slot(index);
        // SAFETY: as in `get`.
        unsafe { self.0.get_unchecked_mut(slot) }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}
