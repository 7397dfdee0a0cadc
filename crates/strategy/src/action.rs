//! What a strategy wants done.

use thiserror::Error;
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
}

/// Something that a strategy wants done: 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Action {
    /// The strategy's own number of the order: of those that are open no two have the same. Of a timer, which.
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
    /// Zero.
    pub reserved: u64,
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
        reserved: 0,
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
