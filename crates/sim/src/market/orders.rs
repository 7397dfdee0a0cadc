//! The participants' own orders: a fixed set of slots, each with at most one live order.

use tiercel_types::{AccountId, ClientOrderId, OrderId, Price, Qty, Side};

use super::{LEVELS, MAKERS, RESTING_PER_TRADER, TRADERS, side_of};
use crate::rng::Rng;

/// One place for an order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Whose orders these are.
    pub(super) account: AccountId,
    /// On which side.
    pub(super) side: Side,
    /// Of a maker: which step of its ladder, from the touch.
    pub(super) level: u32,
    /// The live order; none when there is none.
    pub(super) order_id: OrderId,
    /// Its price.
    pub(super) price: Price,
    /// What it has open.
    pub(super) open_qty: Qty,
}

impl Slot {
    pub(super) const fn is_empty(&self) -> bool {
        self.order_id.is_none()
    }
}

/// All slots: for each instrument the makers' ladders, then the traders' orders.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    live: Live,
}

/// The slot of each live order that has one. Ids ascend, so that new orders come last; the places
/// of orders that are gone are reused once all are taken.
#[derive(Clone, Debug)]
struct Live {
    entries: Vec<(OrderId, u32)>,
}

/// The slot of an order that is gone.
const GONE: u32 = u32::MAX;

impl Live {
    /// For `slots` orders; twice as many places, so that clearing up is rare.
    fn new(slots: usize) -> Self {
        Self { entries: Vec::with_capacity(2 * slots + 2) }
    }

    fn insert(&mut self, id: OrderId, slot: u32) {
        if self.entries.len() == self.entries.capacity() {
            self.entries.retain(|&(_, slot)| slot != GONE);
        }
        self.entries.push((id, slot));
    }

    fn place(&self, id: OrderId) -> Option<usize> {
        let at = self.entries.binary_search_by_key(&id, |&(id, _)| id).ok()?;
        (self.entries[at].1 != GONE).then_some(at)
    }

    fn get(&self, id: OrderId) -> Option<u32> {
        self.place(id).map(|at| self.entries[at].1)
    }

    fn remove(&mut self, id: OrderId) -> Option<u32> {
        self.place(id).map(|at| core::mem::replace(&mut self.entries[at].1, GONE))
    }
}

const QUOTES: u32 = MAKERS * LEVELS * 2;
const RESTING: u32 = TRADERS * RESTING_PER_TRADER;
const PER_INSTRUMENT: u32 = QUOTES + RESTING;

impl Slots {
    pub(super) fn new(instruments: u32) -> Self {
        let one = (0..PER_INSTRUMENT).map(|at| {
            let (account, level) = if at < QUOTES {
                (1 + at / (LEVELS * 2), at % (LEVELS * 2) / 2)
            } else {
                (1 + MAKERS + (at - QUOTES) / RESTING_PER_TRADER, 0)
            };
            Slot {
                account: AccountId(account),
                side: side_of(at),
                level,
                order_id: OrderId::NONE,
                price: Price::ZERO,
                open_qty: Qty::ZERO,
            }
        });
        let one: Vec<_> = one.collect();
        let slots = one.repeat(instruments as usize);
        Self { live: Live::new(slots.len()), slots }
    }

    pub(super) fn get(&self, index: u32) -> Slot {
        self.slots[index as usize]
    }

    /// An order was accepted; it rests if `price` is not zero.
    pub(super) fn accepted(&mut self, name: ClientOrderId, id: OrderId, price: Price, qty: Qty) {
        let Some(index) = slot_index(name).filter(|&index| (index as usize) < self.slots.len())
        else {
            return;
        };
        self.live.insert(id, index);
        let slot = &mut self.slots[index as usize];
        (slot.order_id, slot.price, slot.open_qty) = (id, price, qty);
    }

    /// An order rests, or was amended.
    pub(super) fn rested(&mut self, id: OrderId, price: Price, open_qty: Qty) {
        if let Some(index) = self.live.get(id) {
            let slot = &mut self.slots[index as usize];
            (slot.price, slot.open_qty) = (price, open_qty);
        }
    }

    /// An order traded and has this much open.
    pub(super) fn filled(&mut self, id: OrderId, open_qty: Qty) {
        if open_qty.is_zero() { self.gone(id) } else { self.left(id, open_qty) }
    }

    /// An order has this much open. If nothing, an event of its end follows.
    pub(super) fn left(&mut self, id: OrderId, open_qty: Qty) {
        if let Some(index) = self.live.get(id) {
            self.slots[index as usize].open_qty = open_qty;
        }
    }

    /// An order is no more.
    pub(super) fn gone(&mut self, id: OrderId) {
        if let Some(index) = self.live.remove(id) {
            let slot = &mut self.slots[index as usize];
            // Of a replacement, the new order has the slot already or gets it next.
            if slot.order_id == id {
                slot.order_id = OrderId::NONE;
            }
        }
    }
}

/// Any of the makers' slots of an instrument.
pub(super) const fn random_quote(rng: &mut Rng, instrument_index: usize) -> u32 {
    instrument_index as u32 * PER_INSTRUMENT + rng.below(QUOTES as u64) as u32
}

/// Any of the traders' slots of an instrument.
pub(super) const fn random_resting(rng: &mut Rng, instrument_index: usize) -> u32 {
    instrument_index as u32 * PER_INSTRUMENT + QUOTES + rng.below(RESTING as u64) as u32
}

/// The client order id of a slot's orders: one live order, one name.
pub(super) fn client_order_id(index: u32) -> ClientOrderId {
    let mut digits = [b'0'; 10];
    let mut rest = index;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    // Ten digits always are a client order id.
    ClientOrderId::new(&digits).unwrap_or(ClientOrderId::EMPTY)
}

fn slot_index(name: ClientOrderId) -> Option<u32> {
    name.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_orders_that_are_gone_are_used_again() {
        let mut live = Live::new(4);
        let places = live.entries.capacity();
        for counter in 1..1_000 {
            live.insert(OrderId(counter), (counter % 4) as u32);
            if counter > 3 {
                assert_eq!(live.remove(OrderId(counter - 3)), Some(((counter - 3) % 4) as u32));
                assert_eq!(live.remove(OrderId(counter - 3)), None);
            }
            assert_eq!(live.get(OrderId(counter)), Some((counter % 4) as u32));
        }
        assert_eq!(live.entries.capacity(), places, "it grew");
    }

    #[test]
    fn names_tell_their_slots() {
        let slots = Slots::new(2);
        for index in 0..slots.slots.len() as u32 {
            assert_eq!(slot_index(client_order_id(index)), Some(index));
        }
        assert_eq!(slot_index(ClientOrderId::EMPTY), None);
        let seconds = slots.get(PER_INSTRUMENT);
        assert_eq!((seconds.account, seconds.side), (AccountId(1), Side::Buy));
    }
}
