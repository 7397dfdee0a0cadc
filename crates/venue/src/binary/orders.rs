//! Whose the live orders are, and the newest trades.

use std::collections::HashMap;

use tiercel_types::{InstrumentId, OrderId, TradeId};

use super::lines::LineId;
use crate::hashing::Counted;

/// Orders there is room for from the start. More of them allocate.
const ORDERS: usize = 65_536;
/// Trades that are remembered.
const TRADES: usize = 65_536;

/// An order of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owned {
    /// Whose.
    pub line: LineId,
    /// Whether it is a market order by quote amount: what it has left is not told.
    pub by_amount: bool,
    /// The command that entered it.
    pub entered_by: u64,
}

/// The sessions' live orders.
#[derive(Debug)]
pub struct OwnedOrders(HashMap<OrderId, Owned, Counted>);

impl Default for OwnedOrders {
    fn default() -> Self {
        Self(HashMap::with_capacity_and_hasher(ORDERS, Counted::default()))
    }
}

impl OwnedOrders {
    /// An order is a session's.
    #[inline]
    pub fn add(&mut self, order_id: OrderId, owned: Owned) {
        self.0.insert(order_id, owned);
    }

    /// Whose it is, if it is a session's.
    #[inline]
    pub fn get(&self, order_id: OrderId) -> Option<Owned> {
        self.0.get(&order_id).copied()
    }

    /// It lives no more.
    #[inline]
    pub fn remove(&mut self, order_id: OrderId) -> Option<Owned> {
        self.0.remove(&order_id)
    }

    /// How many live.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none lives.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A trade, and whose orders it was of.
type OwnedTrade = (InstrumentId, TradeId, [Option<LineId>; 2]);

/// Whose the newest trades were, as far back as the engine can change them.
#[derive(Debug)]
pub struct TradeOwners {
    newest: Box<[OwnedTrade]>,
    next: usize,
}

impl Default for TradeOwners {
    fn default() -> Self {
        let none = (InstrumentId(0), TradeId(0), [None; 2]);
        Self { newest: vec![none; TRADES].into(), next: 0 }
    }
}

impl TradeOwners {
    /// A trade of two orders, one of them a session's at least.
    #[inline]
    pub fn add(&mut self, instrument: InstrumentId, trade: TradeId, lines: [Option<LineId>; 2]) {
        self.newest[self.next] = (instrument, trade, lines);
        self.next = (self.next + 1) % TRADES;
    }

    /// Whose it was, each session once.
    pub fn of(&self, instrument: InstrumentId, trade: TradeId) -> impl Iterator<Item = LineId> {
        let found = self.newest.iter().find(|(of, id, _)| (*of, *id) == (instrument, trade));
        let [one, other] = found.map_or([None; 2], |(_, _, lines)| *lines);
        one.into_iter().chain(other.filter(|other| Some(*other) != one))
    }
}
