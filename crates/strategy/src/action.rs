//! What a strategy wants done.

use thiserror::Error;
use tiercel_types::order::ListKind;
use tiercel_types::{InstrumentId, OrderKind, Price, Qty, Side, TimeInForce, Timestamp};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// Actions that one event may set off, at most.
pub const ACTIONS_MAX: usize = 32;

/// What an [`Action`] does.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, TryFromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(u8)]
pub enum ActionKind {
    /// Enters an order.
    Submit = 0,
    /// Cancels the order of the tag.
    Cancel = 1,
    /// Gives the order of the tag another price and quantity. The quantity is all of the order's, what has
    /// traded included.
    Replace = 2,
    /// Cancels every order of the instrument; [`InstrumentId::ALL`]: of all of them.
    CancelAll = 3,
    /// Wants to be told when the time in `price` has come. A timer that was set before is set anew; a time of
    /// zero unsets it.
    SetTimer = 4,
    /// Enters the orders of a list: the [`Submit`](Self::Submit)s right behind it, as many as the kind of list in
    /// `tag` has. All of them leave, or none does.
    SubmitList = 5,
}

/// Orders that hang together, all of one instrument. Each is an [`ActionKind::Submit`] with a tag of its own.
///
/// A pair is a stop ([`Action::stop_limit`]) and a post-only order, of the same side and quantity, one on each side of
/// the market: what trades, or is triggered, ends the other. What an order of a list becomes is told as of any other;
/// cancelling one ends all that have not traded yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderList {
    /// One cancels the other: a pair.
    Oco([Action; 2]),
    /// One triggers the other: what is pending is entered when the working order has traded in full.
    Oto {
        /// Entered at once: a limit or post-only order.
        working: Action,
        /// Entered then.
        pending: Action,
    },
    /// One triggers a pair, of the other side: an entry and its two exits.
    Otoco {
        /// As of [`Oto`](Self::Oto).
        working: Action,
        /// Entered when the working order has traded in full.
        exits: [Action; 2],
    },
}

impl OrderList {
    /// Which kind it is.
    pub const fn kind(&self) -> ListKind {
        match self {
            Self::Oco(_) => ListKind::Oco,
            Self::Oto { .. } => ListKind::Oto,
            Self::Otoco { .. } => ListKind::Otoco,
        }
    }

    /// Its orders, the working one first.
    pub fn orders(&self) -> impl Iterator<Item = &Action> {
        let (working, others): (Option<&Action>, &[Action]) = match self {
            Self::Oco(pair) => (None, pair),
            Self::Oto { working, pending } => (Some(working), std::slice::from_ref(pending)),
            Self::Otoco { working, exits } => (Some(working), exits),
        };
        working.into_iter().chain(others)
    }
}

/// Something that a strategy wants done: 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Action {
    /// The strategy's own number of the order: of those that are open no two have the same. Of a timer, which; of a
    /// list, the number of its kind ([`ListKind`]).
    pub tag: u64,
    /// The limit price; of a timer, the time.
    pub price: i64,
    /// How much.
    pub qty: Qty,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// What to do.
    pub kind: ActionKind,
    /// Whether the order buys or sells.
    pub side: Side,
    /// How it meets the book: [`OrderKind::Limit`] or [`OrderKind::PostOnly`].
    pub order_kind: OrderKind,
    /// How long it lives: [`TimeInForce::Gtc`], [`TimeInForce::Ioc`] or [`TimeInForce::Fok`].
    pub time_in_force: TimeInForce,
    /// Of an order that waits, the price of the trade that enters it: a buy waits for one at or above it, a sell for
    /// one at or below it. Zero: it does not wait.
    pub trigger_price: i64,
}

const _: () = assert!(size_of::<Action>() == 40);

impl Action {
    const NOTHING: Self = Self {
        tag: 0,
        price: 0,
        qty: Qty::ZERO,
        instrument: InstrumentId::ALL,
        kind: ActionKind::CancelAll,
        side: Side::Buy,
        order_kind: OrderKind::Limit,
        time_in_force: TimeInForce::Gtc,
        trigger_price: 0,
    };

    /// A limit order that may rest.
    pub const fn limit(
        tag: u64,
        instrument: InstrumentId,
        side: Side,
        price: Price,
        qty: Qty,
    ) -> Self {
        Self {
            tag,
            price: price.units(),
            qty,
            instrument,
            kind: ActionKind::Submit,
            side,
            ..Self::NOTHING
        }
    }

    /// The same, but refused by the venue if it would trade at once.
    pub const fn post_only(
        tag: u64,
        instrument: InstrumentId,
        side: Side,
        price: Price,
        qty: Qty,
    ) -> Self {
        let order_kind = OrderKind::PostOnly;
        Self { order_kind, ..Self::limit(tag, instrument, side, price, qty) }
    }

    /// A limit order of which what does not trade at once ends.
    pub const fn take(
        tag: u64,
        instrument: InstrumentId,
        side: Side,
        price: Price,
        qty: Qty,
    ) -> Self {
        let time_in_force = TimeInForce::Ioc;
        Self { time_in_force, ..Self::limit(tag, instrument, side, price, qty) }
    }

    /// A limit order that is entered when a trade reaches the trigger price: at or above it one that buys, at or below
    /// it one that sells.
    pub const fn stop_limit(
        tag: u64,
        instrument: InstrumentId,
        side: Side,
        (trigger_price, price): (Price, Price),
        qty: Qty,
    ) -> Self {
        let trigger_price = trigger_price.units();
        Self { trigger_price, ..Self::limit(tag, instrument, side, price, qty) }
    }

    /// The head of a list. [`Actions::push_list`] puts its orders behind it.
    const fn list(kind: ListKind, instrument: InstrumentId) -> Self {
        let tag = kind as u64;
        Self { tag, instrument, kind: ActionKind::SubmitList, ..Self::NOTHING }
    }

    /// Of the head of a list, which kind that is; `None`: there is no such kind.
    pub fn list_kind(&self) -> Option<ListKind> {
        ListKind::ALL.iter().copied().find(|kind| *kind as u64 == self.tag)
    }

    /// Ends an order.
    pub const fn cancel(tag: u64, instrument: InstrumentId) -> Self {
        Self { tag, instrument, kind: ActionKind::Cancel, ..Self::NOTHING }
    }

    /// Changes an order.
    pub const fn replace(tag: u64, instrument: InstrumentId, price: Price, qty: Qty) -> Self {
        let kind = ActionKind::Replace;
        Self { tag, price: price.units(), qty, instrument, kind, ..Self::NOTHING }
    }

    /// Ends all orders of an instrument, or of [all](InstrumentId::ALL).
    pub const fn cancel_all(instrument: InstrumentId) -> Self {
        Self { instrument, ..Self::NOTHING }
    }

    /// Sets a timer, numbered below [`TIMERS`](Self::TIMERS).
    pub const fn timer(timer: u64, at: Timestamp) -> Self {
        let kind = ActionKind::SetTimer;
        Self { tag: timer, price: at.0 as i64, kind, ..Self::NOTHING }
    }

    /// How many timers there are.
    pub const TIMERS: u64 = 8;

    /// The limit price.
    #[inline]
    pub const fn price(&self) -> Price {
        Price::from_units(self.price)
    }

    /// What an order waits for; zero: nothing.
    #[inline]
    pub const fn trigger_price(&self) -> Price {
        Price::from_units(self.trigger_price)
    }

    /// A timer's time.
    #[inline]
    pub const fn at(&self) -> Timestamp {
        Timestamp(self.price as u64)
    }
}

/// There is no room for another action. Those before it stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("more than {ACTIONS_MAX} actions by one event")]
pub struct Full;

/// What one event sets off, in order.
#[derive(Clone, Debug)]
pub struct Actions {
    slots: [Action; ACTIONS_MAX],
    len: usize,
}

impl Default for Actions {
    fn default() -> Self {
        Self { slots: [Action::NOTHING; ACTIONS_MAX], len: 0 }
    }
}

impl Actions {
    /// Adds an action behind those that there are.
    ///
    /// # Errors
    /// [`Full`].
    #[inline]
    pub fn push(&mut self, action: Action) -> Result<(), Full> {
        let slot = self.slots.get_mut(self.len).ok_or(Full)?;
        *slot = action;
        self.len += 1;
        Ok(())
    }

    /// Adds a list behind the actions that there are, whole or not at all.
    ///
    /// # Errors
    /// [`Full`]: nothing was added.
    pub fn push_list(&mut self, list: &OrderList) -> Result<(), Full> {
        let kind = list.kind();
        if self.room() <= kind.orders() {
            return Err(Full);
        }
        let instrument = list.orders().next().map_or(InstrumentId::ALL, |first| first.instrument);
        self.push(Action::list(kind, instrument))?;
        list.orders().try_for_each(|order| self.push(*order))
    }

    /// What was added.
    #[inline]
    pub fn as_slice(&self) -> &[Action] {
        self.slots.get(..self.len).unwrap_or_default()
    }

    /// Room for how many more.
    #[inline]
    pub const fn room(&self) -> usize {
        ACTIONS_MAX - self.len
    }

    /// Forgets what was added.
    #[inline]
    pub const fn clear(&mut self) {
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_added_behind_its_head_whole_or_not_at_all() {
        let (on, price, qty) = (InstrumentId(3), Price::from_units(9), Qty::from_units(1));
        let order = |tag| Action::limit(tag, on, Side::Buy, price, qty);
        let stop = |tag| Action::stop_limit(tag, on, Side::Sell, (price, price), qty);
        let lists = [
            (OrderList::Oco([order(1), stop(2)]), vec![1, 2]),
            (OrderList::Oto { working: order(7), pending: stop(2) }, vec![7, 2]),
            (OrderList::Otoco { working: order(9), exits: [stop(5), order(4)] }, vec![9, 5, 4]),
        ];
        for (list, tags) in lists {
            let mut actions = Actions::default();
            let room = tags.len();
            while actions.room() > room {
                actions.push(order(0)).unwrap();
            }
            let before = actions.as_slice().to_vec();
            assert_eq!(actions.push_list(&list), Err(Full));
            assert_eq!(actions.as_slice(), before);
            actions.clear();
            assert_eq!(actions.push_list(&list), Ok(()));
            let (head, orders) = actions.as_slice().split_first().unwrap();
            assert_eq!((head.kind, head.instrument), (ActionKind::SubmitList, on));
            assert_eq!(head.list_kind(), Some(list.kind()));
            assert_eq!(orders.iter().map(|it| it.tag).collect::<Vec<_>>(), tags);
        }
        assert_eq!(Action { tag: 3, ..Action::NOTHING }.list_kind(), None);
    }
}
