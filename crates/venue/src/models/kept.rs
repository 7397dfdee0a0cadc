//! The orders that are kept: where they are, and in which order they live and ended.
//!
//! ```text
//!   id --> place --> entry (the order, its neighbours among its account's live ones, by id)
//!                      ^
//!   account --> first live, last live; places of those that ended, oldest first
//! ```
//!
//! Each event finds its orders here, so that this is tables and links, and nothing is sorted: ids rise, so
//! that a new order stands behind the others. Whoever asks for orders by id, ended and live, waits for
//! their being put in order.

use std::collections::{HashMap, VecDeque};

use tiercel_types::{AccountId, ClientOrderId, OrderId};

use super::orders::OrderView;
use crate::hashing::Counted;

/// An order that is not kept any more.
pub(super) struct Forgotten {
    pub(super) account: AccountId,
    pub(super) order_id: OrderId,
    pub(super) client_order_id: ClientOrderId,
}

/// No entry.
const NONE: u32 = u32::MAX;

/// An order, and who stands beside it among its account's live ones.
#[derive(Clone, Debug)]
struct Entry {
    view: OrderView,
    before: u32,
    behind: u32,
}

/// An account's orders.
#[derive(Clone, Debug)]
struct OfAccount {
    first: u32,
    last: u32,
    /// Oldest first.
    ended: VecDeque<u32>,
}

impl Default for OfAccount {
    fn default() -> Self {
        Self { first: NONE, last: NONE, ended: VecDeque::new() }
    }
}

impl OfAccount {
    /// Makes two live ones neighbours; where there is none, the other is the first, or the last.
    fn join(&mut self, entries: &mut [Entry], before: u32, behind: u32) {
        match entries.get_mut(before as usize) {
            Some(entry) => entry.behind = behind,
            None => self.first = behind,
        }
        match entries.get_mut(behind as usize) {
            Some(entry) => entry.before = before,
            None => self.last = before,
        }
    }
}

/// All live orders, and of each account the newest that ended.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    entries: Vec<Entry>,
    free: Vec<u32>,
    places: HashMap<OrderId, u32, Counted>,
    accounts: HashMap<AccountId, OfAccount, Counted>,
    limit: usize,
}

impl Kept {
    /// Keeps `limit` ended orders of each account.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            places: HashMap::default(),
            accounts: HashMap::default(),
            limit,
        }
    }

    #[inline]
    fn at(&self, place: u32) -> &OrderView {
        &self.entries[place as usize].view
    }

    #[inline]
    fn place(&self, account: AccountId, order_id: OrderId) -> Option<u32> {
        let place = *self.places.get(&order_id)?;
        (self.at(place).account == account).then_some(place)
    }

    /// An order of an account.
    #[inline]
    pub(super) fn get(&self, account: AccountId, order_id: OrderId) -> Option<&OrderView> {
        self.place(account, order_id).map(|place| self.at(place))
    }

    /// An account's live orders, by id.
    pub(super) fn live(&self, account: AccountId) -> impl Iterator<Item = &OrderView> {
        let first = self.accounts.get(&account).map_or(NONE, |of| of.first);
        let mut next = first;
        std::iter::from_fn(move || {
            let entry = self.entries.get(next as usize)?;
            next = entry.behind;
            Some(&entry.view)
        })
    }

    /// An account's orders that ended, in the order in which they did.
    fn ended(&self, account: AccountId) -> impl Iterator<Item = &OrderView> {
        let places = self.accounts.get(&account).map(|of| &of.ended);
        places.into_iter().flatten().map(|place| self.at(*place))
    }

    /// All of an account's orders from `order_id` on, by id.
    pub(super) fn of(
        &self,
        account: AccountId,
        order_id: OrderId,
    ) -> impl DoubleEndedIterator<Item = &OrderView> {
        let all = self.ended(account).chain(self.live(account));
        let mut all: Vec<&OrderView> = all.filter(|order| order.order_id >= order_id).collect();
        all.sort_unstable_by_key(|order| order.order_id);
        all.into_iter()
    }

    /// All orders: [inserted](Self::insert) in this order they are kept as they are. Those that ended in
    /// the order in which they did, then those that live, each by account.
    pub(super) fn all(&self) -> impl Iterator<Item = &OrderView> {
        let mut accounts: Vec<AccountId> = self.accounts.keys().copied().collect();
        accounts.sort_unstable();
        let again = accounts.clone();
        let ended = accounts.into_iter().flat_map(|account| self.ended(account));
        ended.chain(again.into_iter().flat_map(|account| self.live(account)))
    }

    /// Keeps an order. Returns the one that is forgotten for it, if it has ended.
    pub(super) fn insert(&mut self, view: OrderView) -> Option<Forgotten> {
        let entry = Entry { view, before: NONE, behind: NONE };
        let place = if let Some(place) = self.free.pop() {
            self.entries[place as usize] = entry;
            place
        } else {
            self.entries.push(entry);
            self.entries.len() as u32 - 1
        };
        self.places.insert(view.order_id, place);
        if view.stage.is_live() {
            self.link(place, view.account, view.order_id);
            return None;
        }
        self.keep_ended(view.account, place)
    }

    /// Puts an entry among its account's live ones.
    fn link(&mut self, place: u32, account: AccountId, order_id: OrderId) {
        let Self { entries, accounts, .. } = self;
        let of = accounts.entry(account).or_default();
        let (mut before, mut behind) = (of.last, NONE);
        while let Some(entry) = entries.get(before as usize)
            && entry.view.order_id > order_id
        {
            (before, behind) = (entry.before, before);
        }
        of.join(entries, before, place);
        of.join(entries, place, behind);
    }

    /// Changes an order. If it has ended with that, returns the one that is forgotten for it.
    #[inline]
    pub(super) fn change(
        &mut self,
        account: AccountId,
        order_id: OrderId,
        change: impl FnOnce(&mut OrderView),
    ) -> Option<Forgotten> {
        let place = self.place(account, order_id)?;
        let view = &mut self.entries[place as usize].view;
        let was_live = view.stage.is_live();
        change(view);
        if !was_live || view.stage.is_live() {
            return None;
        }
        self.unlink(place, account);
        self.keep_ended(account, place)
    }

    fn unlink(&mut self, place: u32, account: AccountId) {
        let Self { entries, accounts, .. } = self;
        let Some(of) = accounts.get_mut(&account) else { return };
        let Entry { before, behind, .. } = entries[place as usize];
        of.join(entries, before, behind);
    }

    /// The order ended: the oldest that ended, beyond so many, is forgotten.
    fn keep_ended(&mut self, account: AccountId, place: u32) -> Option<Forgotten> {
        let of = self.accounts.entry(account).or_default();
        of.ended.push_back(place);
        if of.ended.len() <= self.limit {
            return None;
        }
        let oldest = of.ended.pop_front()?;
        let OrderView { order_id, client_order_id, .. } = *self.at(oldest);
        self.places.remove(&order_id);
        self.free.push(oldest);
        Some(Forgotten { account, order_id, client_order_id })
    }
}

/// The same orders in the same order, wherever their entries are.
impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.limit == other.limit && self.all().eq(other.all())
    }
}

impl Eq for Kept {}
