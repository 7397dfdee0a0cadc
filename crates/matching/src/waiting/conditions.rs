//! Conditions: trees over the fields of instruments, found by what changes.
//!
//! A tree that is false has leaves whose falsehood alone keeps it so: of an AND one false child is
//! enough, of an OR each. Only those leaves are watched, each in a queue by the value at which it
//! becomes true. When one does, the tree is looked at, and if it is still false other leaves are
//! watched. So a value that moves costs only what it reaches, however many conditions wait (the
//! watched literals of satisfiability solvers: Moskewicz and others 2001, section 2).

use tiercel_types::command::{
    CONDITION_AND, CONDITION_END, CONDITION_LEAVES_MAX, CONDITION_OR, ConditionLeaf, StageCondition,
};
use tiercel_types::order::{Comparison, ConditionField};
use tiercel_types::{AccountId, DenialReason, Price, Side, Timestamp};

use crate::book::Book;
use crate::engine::Engine;
use crate::ledger::Ledger;
use crate::orders::NONE;
use crate::volume::minute_of;

use super::NOBODY;
use super::levels::{append, detach};

/// The value of a leaf's field that a mid price has: bid and ask added up, so that halves count.
const MID_FACTOR: i64 = 2;

/// A live order's condition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Condition {
    pub(crate) tree: StageCondition,
    /// Whose; of a free slot the next free one.
    pub(crate) waiter: u32,
    /// By leaf: 1 while it waits for its field to rise, 2 to fall, else 0.
    watched: [u8; CONDITION_LEAVES_MAX],
    /// By leaf: the next and the previous watched leaf of the same value.
    links: [(u32, u32); CONDITION_LEAVES_MAX],
}

const RISING: u8 = 1;
const FALLING: u8 = 2;

/// All conditions: a slab. A watched leaf's number is its condition's times eight, plus its own.
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    slots: Vec<Condition>,
    free: u32,
}

impl Default for Conditions {
    fn default() -> Self {
        let nothing = StageCondition {
            leaves: [ConditionLeaf::NONE; CONDITION_LEAVES_MAX],
            program: [CONDITION_END; 2 * CONDITION_LEAVES_MAX],
            account: AccountId(0),
            reserved: [0; 4],
        };
        Self { slots: vec![Condition::new(nothing, NOBODY)], free: NOBODY }
    }
}

impl Condition {
    const fn new(tree: StageCondition, waiter: u32) -> Self {
        Self {
            tree,
            waiter,
            watched: [0; CONDITION_LEAVES_MAX],
            links: [(NONE, NONE); CONDITION_LEAVES_MAX],
        }
    }
}

impl Conditions {
    pub(crate) fn insert(&mut self, tree: StageCondition, waiter: u32) -> u32 {
        let condition = Condition::new(tree, waiter);
        if self.free == NOBODY {
            self.slots.push(condition);
            return (self.slots.len() - 1) as u32;
        }
        let index = self.free;
        self.free = self.slots[index as usize].waiter;
        self.slots[index as usize] = condition;
        index
    }

    pub(crate) fn remove(&mut self, index: u32) {
        self.slots[index as usize].waiter = self.free;
        self.free = index;
    }

    pub(crate) fn get(&self, index: u32) -> &Condition {
        &self.slots[index as usize]
    }

    pub(crate) fn links_of(&mut self, node: u32) -> (&mut u32, &mut u32) {
        let leaf = node as usize % CONDITION_LEAVES_MAX;
        let (next, previous) = &mut self.slots[node as usize / CONDITION_LEAVES_MAX].links[leaf];
        (next, previous)
    }

    /// The condition that a watched leaf belongs to.
    pub(crate) fn owner(&self, node: u32) -> &Condition {
        &self.slots[node as usize / CONDITION_LEAVES_MAX]
    }
}

/// The range of a leaf that is never true.
const NEVER: (i64, i64) = (1, 0);

/// The values of a field for which a leaf is true: from the first to the second; none if the
/// first is larger.
fn range(leaf: &ConditionLeaf) -> (i64, i64) {
    let factor = if leaf.field == ConditionField::Mid { MID_FACTOR } else { 1 };
    let value = leaf.value.saturating_mul(factor);
    match leaf.comparison {
        Comparison::Above => value.checked_add(1).map_or(NEVER, |first| (first, i64::MAX)),
        Comparison::AtLeast => (value, i64::MAX),
        Comparison::Below => value.checked_sub(1).map_or(NEVER, |last| (i64::MIN, last)),
        Comparison::AtMost => (i64::MIN, value),
        Comparison::Equal => (value, value),
    }
}

impl Book {
    /// The value of a field at this time, if it has one.
    pub(crate) fn field(&self, field: ConditionField, now: Timestamp) -> Option<i64> {
        let best = |side: Side| {
            let ladder = self.ladder(side);
            Some(self.price(ladder.key(ladder.best_key()?)).units())
        };
        match field {
            ConditionField::Last => self.last_price.map(Price::units),
            ConditionField::Bid => best(Side::Buy),
            ConditionField::Ask => best(Side::Sell),
            ConditionField::Mid => Some(best(Side::Buy)?.saturating_add(best(Side::Sell)?)),
            ConditionField::Volume24h => {
                let volume = self.volume.as_ref()?.at(minute_of(now));
                Some(i64::try_from(volume).unwrap_or(i64::MAX))
            }
        }
    }
}

/// Whether the program is a postfix tree that uses each of the leaves before it once.
pub(crate) fn is_tree(condition: &StageCondition) -> bool {
    let (mut depth, mut seen) = (0_usize, 0_u16);
    let end = condition.program.iter().position(|&code| code == CONDITION_END);
    let end = end.unwrap_or(condition.program.len());
    for &code in &condition.program[..end] {
        match code {
            CONDITION_AND | CONDITION_OR if depth >= 2 => depth -= 1,
            leaf if (1..=CONDITION_LEAVES_MAX).contains(&usize::from(leaf)) => {
                if seen & 1 << leaf != 0 {
                    return false;
                }
                seen |= 1 << leaf;
                depth += 1;
            }
            _ => return false,
        }
    }
    let leaves = seen.count_ones() as usize;
    // Leaves 1 to n: bits 1 to n.
    depth == 1
        && u32::from(seen) == (2 << leaves) - 2
        && condition.program[end..].iter().all(|&code| code == CONDITION_END)
        && condition.leaves[leaves..].iter().all(|leaf| *leaf == ConditionLeaf::NONE)
}

impl<L: Ledger> Engine<L> {
    pub(crate) fn check_condition(&self, condition: &StageCondition) -> Result<(), DenialReason> {
        let used = condition.leaves.iter().filter(|leaf| **leaf != ConditionLeaf::NONE);
        if condition.reserved != [0; 4] || used.clone().any(|leaf| leaf.reserved != [0; 2]) {
            return Err(DenialReason::ReservedFieldSet);
        }
        let leaves = condition
            .program
            .iter()
            .filter(|&&code| (1..=CONDITION_LEAVES_MAX).contains(&usize::from(code)));
        let leaves = &condition.leaves[..leaves.count().min(CONDITION_LEAVES_MAX)];
        let sound = |leaf: &ConditionLeaf| {
            let bounded = leaf.field != ConditionField::Mid || leaf.value.unsigned_abs() < 1 << 62;
            let signed = !L::ENABLED && leaf.field != ConditionField::Volume24h;
            bounded && (signed || leaf.value >= 0)
        };
        if !is_tree(condition) || !leaves.iter().all(sound) {
            return Err(DenialReason::ConditionInvalid);
        }
        if leaves.iter().any(|leaf| self.book_of(leaf.instrument).is_err()) {
            return Err(DenialReason::ConditionInstrument);
        }
        Ok(())
    }

    /// Whether every volume that a condition looks at is counted.
    pub(crate) fn counts_volumes(&self, condition: &StageCondition) -> bool {
        let by_volume = |leaf: &&ConditionLeaf| leaf.field == ConditionField::Volume24h;
        condition.leaves.iter().filter(by_volume).all(|leaf| {
            self.book_of(leaf.instrument).is_ok_and(|index| self.book(index).volume.is_some())
        })
    }

    fn leaf_value(&self, leaf: &ConditionLeaf) -> Option<i64> {
        let index = self.book_of(leaf.instrument).ok()?;
        self.book(index).field(leaf.field, self.time)
    }

    fn leaf_is_true(&self, leaf: &ConditionLeaf) -> bool {
        let (first, last) = range(leaf);
        self.leaf_value(leaf).is_some_and(|value| (first..=last).contains(&value))
    }

    /// Looks at a tree: `None` if it is true, else the leaves (bits) that keep it false.
    pub(crate) fn blocking_leaves(&self, tree: &StageCondition) -> Option<u8> {
        // A tree of 8 leaves is at most 8 results deep. True: nothing blocks.
        let (mut results, mut depth) = ([0_u8; CONDITION_LEAVES_MAX + 1], 0);
        for &code in tree.program.iter().take_while(|&&code| code != CONDITION_END) {
            match code {
                CONDITION_AND | CONDITION_OR => {
                    depth -= 1;
                    let (left, right) = (results[depth - 1], results[depth]);
                    results[depth - 1] = match (code, left, right) {
                        // One false child keeps an AND false: the first that is.
                        (CONDITION_AND, 0, right) => right,
                        (CONDITION_AND, left, _) => left,
                        (_, 0, _) | (_, _, 0) => 0,
                        (_, left, right) => left | right,
                    };
                }
                leaf => {
                    let at = usize::from(leaf) - 1;
                    results[depth] = if self.leaf_is_true(&tree.leaves[at]) { 0 } else { 1 << at };
                    depth += 1;
                }
            }
        }
        (results[0] != 0).then_some(results[0])
    }

    /// Watches the leaves that keep a condition false; if it is true, it is doubtful at once.
    pub(crate) fn watch_condition(&mut self, index: u32) {
        let tree = self.waiting.conditions.get(index).tree;
        let Some(blocking) = self.blocking_leaves(&tree) else {
            let waiter = self.waiting.conditions.get(index).waiter;
            self.waiting.doubtful.push(waiter);
            return;
        };
        for (at, leaf) in tree.leaves.iter().enumerate() {
            if blocking & 1 << at != 0 {
                self.watch_leaf(index, at, leaf);
            }
        }
    }

    fn watch_leaf(&mut self, index: u32, at: usize, leaf: &ConditionLeaf) {
        let (first, last) = range(leaf);
        if first > last {
            return; // It is never true.
        }
        let rises = match self.leaf_value(leaf) {
            Some(value) => value < first,
            None => first != i64::MIN,
        };
        let Ok(book) = self.book_of(leaf.instrument) else { return };
        let (direction, side, price) =
            if rises { (RISING, Side::Sell, first) } else { (FALLING, Side::Buy, last) };
        let watch = self.watch_mut(book);
        watch.lookers += 1;
        let node = index * CONDITION_LEAVES_MAX as u32 + at as u32;
        let ladder =
            &mut self.books[book as usize].watch_mut().fields[leaf.field as usize][side.index()];
        append(ladder, &mut self.waiting.conditions, node, price);
        self.waiting.conditions.slots[index as usize].watched[at] = direction;
        self.disquiet(book);
    }

    /// Watches none of a condition's leaves any more.
    pub(crate) fn unwatch_condition(&mut self, index: u32) {
        for at in 0..CONDITION_LEAVES_MAX {
            self.unwatch_leaf(index, at);
        }
    }

    fn unwatch_leaf(&mut self, index: u32, at: usize) {
        let condition = &mut self.waiting.conditions.slots[index as usize];
        let leaf = condition.tree.leaves[at];
        let (first, last) = range(&leaf);
        let (side, price) = match core::mem::take(&mut condition.watched[at]) {
            RISING => (Side::Sell, first),
            FALLING => (Side::Buy, last),
            _ => return,
        };
        let Ok(book) = self.book_of(leaf.instrument) else { return };
        let node = index * CONDITION_LEAVES_MAX as u32 + at as u32;
        let watch = self.books[book as usize].watch_mut();
        watch.lookers -= 1;
        let ladder = &mut watch.fields[leaf.field as usize][side.index()];
        detach(ladder, &mut self.waiting.conditions, node, price);
        self.note_book(book);
    }

    /// Conditions with a leaf that a field of this book has made true become doubtful.
    pub(crate) fn look_at_fields(&mut self, book: u32) {
        if self.book(book).watch().is_none_or(|watch| watch.lookers == 0) {
            return;
        }
        for &field in ConditionField::ALL {
            let Some(value) = self.book(book).field(field, self.time) else { continue };
            for side in [Side::Buy, Side::Sell] {
                while let Some(node) = self.reached_leaf(book, field, side, value) {
                    let waiter = self.waiting.conditions.owner(node).waiter;
                    let index = node / CONDITION_LEAVES_MAX as u32;
                    self.unwatch_leaf(index, node as usize % CONDITION_LEAVES_MAX);
                    self.waiting.doubtful.push(waiter);
                }
            }
        }
    }

    fn reached_leaf(
        &self,
        book: u32,
        field: ConditionField,
        side: Side,
        value: i64,
    ) -> Option<u32> {
        let ladder = &self.book(book).watch()?.fields[field as usize][side.index()];
        super::levels::first_reached(ladder, value).map(|(node, _)| node)
    }

    /// Whether a condition is true now.
    pub(crate) fn condition_is_true(&self, index: u32) -> bool {
        self.blocking_leaves(&self.waiting.conditions.get(index).tree).is_none()
    }
}
