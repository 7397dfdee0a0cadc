//! Queues by price that are not the book: what waits for a price, first come first in each level.

use crate::ladder::{Ladder, Level};
use crate::orders::{NONE, Orders};

use super::conditions::Conditions;

/// Whoever keeps the links of the queued.
pub(crate) trait Links {
    /// The next and the previous in its level; of [`NONE`] anything.
    fn links(&mut self, node: u32) -> (&mut u32, &mut u32);
}

impl Links for Orders {
    fn links(&mut self, node: u32) -> (&mut u32, &mut u32) {
        let order = self.get_mut(node);
        (&mut order.next, &mut order.previous)
    }
}

impl Links for Conditions {
    fn links(&mut self, node: u32) -> (&mut u32, &mut u32) {
        self.links_of(node)
    }
}

/// Puts a node at the end of the level at `price`.
pub(crate) fn append(ladder: &mut Ladder, links: &mut impl Links, node: u32, price: i64) {
    let level = ladder.enter(ladder.key(price));
    level.orders += 1;
    let last = core::mem::replace(&mut level.tail, node);
    if last == NONE {
        level.head = node;
    } else {
        *links.links(last).0 = node;
    }
    let (next, previous) = links.links(node);
    (*next, *previous) = (NONE, last);
}

/// Takes a node out of the level at `price`.
pub(crate) fn detach(ladder: &mut Ladder, links: &mut impl Links, node: u32, price: i64) {
    let (&mut next, &mut previous) = links.links(node);
    let key = ladder.key(price);
    let level = ladder.level_mut(key);
    level.orders -= 1;
    if previous == NONE {
        level.head = next;
    } else {
        *links.links(previous).0 = next;
    }
    if next == NONE {
        level.tail = previous;
    } else {
        *links.links(next).1 = previous;
    }
    if level.orders == 0 {
        *level = Level::EMPTY;
        ladder.remove(key);
    }
}

/// The first node of the best level, if `price` reaches it, and that level's price.
pub(crate) fn first_reached(ladder: &Ladder, price: i64) -> Option<(u32, i64)> {
    let key = ladder.reachable(ladder.key(price))?;
    Some((ladder.level(key)?.head, ladder.key(key)))
}
