//! Levels far from the touch: an ordered map in an arena.
//!
//! A crit-bit tree (binary PATRICIA trie): no balancing, at most 64 steps whatever the keys, and
//! no allocation once its arenas have grown.

use crate::ladder::Level;

const LEAF: u32 = 1 << 31;
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Branch {
    /// Children for bit 0 and bit 1: a branch, or a leaf with the [`LEAF`] mark.
    children: [u32; 2],
    /// Which bit decides, 63 being the highest.
    bit: u32,
}

#[derive(Clone, Copy, Debug)]
struct Leaf {
    key: i64,
    level: Level,
}

/// Levels by key, smallest first.
#[derive(Clone, Debug)]
pub(crate) struct FarLevels {
    branches: Vec<Branch>,
    leaves: Vec<Leaf>,
    free_branches: Vec<u32>,
    free_leaves: Vec<u32>,
    root: u32,
    len: usize,
}

/// Keys as unsigned numbers of the same order.
#[inline]
fn ordered(key: i64) -> u64 {
    key.cast_unsigned() ^ (1 << 63)
}

#[inline]
fn side_of(key: u64, bit: u32) -> usize {
    (key >> bit & 1) as usize
}

impl FarLevels {
    pub(crate) fn new() -> Self {
        Self {
            branches: Vec::new(),
            leaves: Vec::new(),
            free_branches: Vec::new(),
            free_leaves: Vec::new(),
            root: NONE,
            len: 0,
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn key_of(&self, leaf: u32) -> i64 {
        self.leaves[(leaf & !LEAF) as usize].key
    }

    /// The leaf that shares the longest prefix with `key` along the branches.
    fn closest(&self, key: u64) -> u32 {
        let mut node = self.root;
        while node & LEAF == 0 {
            let branch = &self.branches[node as usize];
            node = branch.children[side_of(key, branch.bit)];
        }
        node
    }

    fn find(&self, key: i64) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        let leaf = self.closest(ordered(key));
        (self.key_of(leaf) == key).then_some((leaf & !LEAF) as usize)
    }

    pub(crate) fn get(&self, key: i64) -> Option<&Level> {
        self.find(key).map(|leaf| &self.leaves[leaf].level)
    }

    pub(crate) fn get_mut(&mut self, key: i64) -> Option<&mut Level> {
        self.find(key).map(|leaf| &mut self.leaves[leaf].level)
    }

    /// Adds a level whose key is not there yet.
    pub(crate) fn insert(&mut self, key: i64, level: Level) {
        let leaf = Leaf { key, level };
        let new_leaf = LEAF
            | if let Some(free) = self.free_leaves.pop() {
                self.leaves[free as usize] = leaf;
                free
            } else {
                self.leaves.push(leaf);
                // Every leaf that exists can be freed without growing the list.
                self.free_leaves.reserve(self.leaves.len());
                self.leaves.len() as u32 - 1
            };
        self.len += 1;
        if self.len == 1 {
            self.root = new_leaf;
            return;
        }
        let bits = ordered(key);
        let differing = bits ^ ordered(self.key_of(self.closest(bits)));
        debug_assert!(differing != 0, "the key is there already");
        let bit = differing.ilog2();
        let mut parent = NONE;
        let mut node = self.root;
        while node & LEAF == 0 && self.branches[node as usize].bit > bit {
            parent = node;
            let branch = &self.branches[node as usize];
            node = branch.children[side_of(bits, branch.bit)];
        }
        let mut children = [node, new_leaf];
        if side_of(bits, bit) == 0 {
            children.swap(0, 1);
        }
        let branch = Branch { children, bit };
        let index = if let Some(free) = self.free_branches.pop() {
            self.branches[free as usize] = branch;
            free
        } else {
            self.branches.push(branch);
            self.free_branches.reserve(self.branches.len());
            self.branches.len() as u32 - 1
        };
        self.set_child(parent, bits, index);
    }

    /// Points `parent` (or the root), on the side of `bits`, to `child`.
    fn set_child(&mut self, parent: u32, bits: u64, child: u32) {
        if parent == NONE {
            self.root = child;
        } else {
            let branch = &mut self.branches[parent as usize];
            branch.children[side_of(bits, branch.bit)] = child;
        }
    }

    /// Removes a level, if the key is there.
    pub(crate) fn remove(&mut self, key: i64) -> Option<Level> {
        let level = *self.get(key)?;
        let bits = ordered(key);
        let (mut grandparent, mut parent, mut node) = (NONE, NONE, self.root);
        while node & LEAF == 0 {
            grandparent = parent;
            parent = node;
            let branch = &self.branches[node as usize];
            node = branch.children[side_of(bits, branch.bit)];
        }
        self.free_leaves.push(node & !LEAF);
        self.len -= 1;
        if parent == NONE {
            self.root = NONE;
            return Some(level);
        }
        let branch = self.branches[parent as usize];
        let sibling = branch.children[1 - side_of(bits, branch.bit)];
        self.set_child(grandparent, bits, sibling);
        self.free_branches.push(parent);
        Some(level)
    }

    /// The smallest key at or above `from`.
    pub(crate) fn first_from(&self, from: i64) -> Option<i64> {
        if self.is_empty() {
            return None;
        }
        let bits = ordered(from);
        let differing = bits ^ ordered(self.key_of(self.closest(bits)));
        if differing == 0 {
            return Some(from);
        }
        let bit = differing.ilog2();
        // Above `bit` the path of `from` is shared by a whole subtree. If `from` has a zero at
        // `bit`, all of that subtree is larger; else all of it is smaller and the successor is
        // the next subtree to the right.
        let mut node = self.root;
        let mut right = NONE;
        while node & LEAF == 0 && self.branches[node as usize].bit > bit {
            let branch = &self.branches[node as usize];
            let side = side_of(bits, branch.bit);
            if side == 0 {
                right = branch.children[1];
            }
            node = branch.children[side];
        }
        let start = if side_of(bits, bit) == 0 { node } else { right };
        (start != NONE).then(|| self.smallest(start))
    }

    fn smallest(&self, mut node: u32) -> i64 {
        while node & LEAF == 0 {
            node = self.branches[node as usize].children[0];
        }
        self.key_of(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn behaves_as_a_sorted_map() {
        let mut far = FarLevels::new();
        let mut map = BTreeMap::new();
        let mut state = 7_u64;
        for round in 0..60_000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            let spread = [8, 40, 63][(state >> 20) as usize % 3];
            let mut key = (state.cast_signed()) >> (63 - spread);
            if state.is_multiple_of(97) {
                key = [i64::MIN, i64::MAX, 0, -1][(state >> 40) as usize % 4];
            }
            if (state >> 50).is_multiple_of(2) {
                let level = Level { orders: round, ..Level::EMPTY };
                if map.insert(key, level).is_some() {
                    far.remove(key);
                }
                far.insert(key, level);
            } else {
                let key = map.range(key..).next().map_or(key, |(&key, _)| key);
                assert_eq!(far.remove(key), map.remove(&key));
            }
            assert_eq!(far.get(key), map.get(&key));
            let expected = map.range(key..).next().map(|(&key, _)| key);
            assert_eq!(far.first_from(key), expected);
            let probe = (state.rotate_left(17)).cast_signed() >> (63 - spread);
            let expected = map.range(probe..).next().map(|(&key, _)| key);
            assert_eq!(far.first_from(probe), expected);
            assert_eq!(far.is_empty(), map.is_empty());
        }
    }
}
