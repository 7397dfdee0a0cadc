//! The compact hash of live ids: from a key's hash to an order's handle.

use crate::masked::Masked;

/// Handles by hash: open addressing with linear probing, half full at most (a third as made).
///
/// An entry is eight bytes, 32 bits of hash and 32 of handle; keys live in the orders themselves.
/// Removal shifts what follows back, so there are no tombstones and no slow decay. It is never
/// iterated but to grow: nothing that happens depends on the seed or the capacity.
#[derive(Clone, Debug)]
pub(crate) struct HandleTable {
    /// Zero: empty; else hash in the upper half, handle (never zero) in the lower. The home of a
    /// hash is its low bits.
    entries: Masked<u64>,
    len: usize,
}

/// What a search came to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Probe {
    /// The handle, and where its entry lies.
    Found {
        /// Where.
        at: usize,
        /// Which.
        handle: u32,
    },
    /// It is not there.
    Vacant,
}

#[inline(always)]
fn entry_of(hash: u32, handle: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(handle)
}

#[inline(always)]
fn hash_of(entry: u64) -> u32 {
    (entry >> 32) as u32
}

#[inline(always)]
fn handle_of(entry: u64) -> u32 {
    entry as u32
}

impl HandleTable {
    /// A table with room for `capacity` handles before it grows.
    pub(crate) fn new(capacity: usize) -> Self {
        let size = (capacity.max(8) * 3).next_power_of_two().min(1 << 32);
        Self { entries: Masked::new(size, 0), len: 0 }
    }

    /// Where the search for `hash` starts: for prefetching.
    #[inline(always)]
    pub(crate) fn home(&self, hash: u32) -> &u64 {
        self.entries.get(hash as usize)
    }

    /// The handle at the home of `hash`, if it has that hash: right nearly always, and only good
    /// for prefetching.
    #[inline(always)]
    pub(crate) fn first_with(&self, hash: u32) -> Option<u32> {
        let entry = *self.home(hash);
        (hash_of(entry) == hash && entry != 0).then(|| handle_of(entry))
    }

    /// The handle at the home of `hash`, whatever its hash, or zero: only good for prefetching.
    #[inline(always)]
    pub(crate) fn guess(&self, hash: u32) -> u32 {
        handle_of(*self.home(hash))
    }

    /// Searches the handle with this hash that `is_it` recognises.
    #[inline(always)]
    pub(crate) fn probe(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Probe {
        let mut at = hash as usize;
        loop {
            let entry = *self.entries.get(at);
            if hash_of(entry) == hash && entry != 0 && is_it(handle_of(entry)) {
                return Probe::Found { at, handle: handle_of(entry) };
            }
            if entry == 0 {
                return Probe::Vacant;
            }
            at += 1;
        }
    }

    /// The handle with this hash that `is_it` recognises.
    #[inline(always)]
    pub(crate) fn find(&self, hash: u32, is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        match self.probe(hash, is_it) {
            Probe::Found { handle, .. } => Some(handle),
            Probe::Vacant => None,
        }
    }

    /// Adds a handle.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u32, handle: u32) {
        if self.len * 2 >= self.entries.len() {
            self.grow();
        }
        self.len += 1;
        self.place(entry_of(hash, handle));
    }

    #[inline(always)]
    fn place(&mut self, entry: u64) {
        let mut at = hash_of(entry) as usize;
        while *self.entries.get(at) != 0 {
            at += 1;
        }
        *self.entries.get_mut(at) = entry;
    }

    #[cold]
    fn grow(&mut self) {
        let doubled = Masked::new(self.entries.len() * 2, 0);
        let old = core::mem::replace(&mut self.entries, doubled);
        for &entry in old.iter().filter(|&&entry| entry != 0) {
            self.place(entry);
        }
    }

    /// Removes a handle that is there.
    #[inline(always)]
    pub(crate) fn remove(&mut self, hash: u32, handle: u32) {
        let wanted = entry_of(hash, handle);
        let mut at = hash as usize;
        loop {
            let entry = *self.entries.get(at);
            if entry == wanted {
                return self.remove_at(at);
            }
            debug_assert!(entry != 0, "the handle is in the table");
            if entry == 0 {
                return;
            }
            at += 1;
        }
    }

    /// Removes the entry at a place where a search has found it.
    #[inline(always)]
    pub(crate) fn remove_at(&mut self, mut hole: usize) {
        self.len -= 1;
        let mut at = hole;
        loop {
            at += 1;
            let entry = *self.entries.get(at);
            if entry == 0 {
                break;
            }
            // An entry may fill the hole unless its home lies behind the hole.
            let (home, distance) = (hash_of(entry) as usize, at.wrapping_sub(hole));
            if self.entries.slot(at.wrapping_sub(home)) >= distance {
                *self.entries.get_mut(hole) = entry;
                hole = at;
            }
        }
        *self.entries.get_mut(hole) = 0;
    }
}

/// A 32-bit hash of a number under a seed: a 128-bit multiplication folded.
#[inline(always)]
pub(crate) fn hash_word(word: u64, seed: u64) -> u32 {
    let product = u128::from(word ^ seed) * 0x9E37_79B9_7F4A_7C15;
    let folded = (product as u64) ^ ((product >> 64) as u64);
    (folded >> 32) as u32 ^ folded as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn behaves_as_a_map_through_growth_and_collisions() {
        let mut table = HandleTable::new(1);
        let mut keys: Vec<u64> = Vec::new();
        let mut map = HashMap::new();
        let mut state = 3_u64;
        // Few distinct hashes, so that probes run long and wrap.
        let hash_of = |key: u64| hash_word(key % 300, 5) | 0xFF;
        for handle in 1..20_000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            keys.push(state);
            table.insert(hash_of(state), handle);
            map.insert(state, handle);
            if state >> 60 > 3 {
                let gone = keys[(state >> 20) as usize % keys.len()];
                if let Some(handle) = map.remove(&gone) {
                    table.remove(hash_of(gone), handle);
                }
            }
            let asked = keys[(state >> 30) as usize % keys.len()];
            let found = table.find(hash_of(asked), |handle| keys[handle as usize - 1] == asked);
            assert_eq!(found, map.get(&asked).copied());
        }
        assert_eq!(table.len, map.len());
    }
}
