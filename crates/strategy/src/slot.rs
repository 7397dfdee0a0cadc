//! A place for one order at a time, and what is known of it.
//!
//! ```text
//!   empty --submit--> New --> Working --replace--> Replacing --> Working
//!     ^                |         |                     |
//!     |                +---------+------cancel---------+--> Cancelling --> Working (not cancelled)
//!     +------- open_qty is zero: filled, cancelled, expired, denied, rejected -------+
//! ```
//!
//! In every phase the order may become unknown: it goes on counting as open, and nothing is asked of it until
//! an answer says how it stands. A request that fails holds the next one back: the first time for the back-off,
//! then for twice that, up to 64 times. What was accepted, replaced or filled begins anew.

use tiercel_types::{InstrumentId, Price, Qty, Side, Timestamp};

use crate::state::Reader;
use crate::{Action, Actions, OrderUpdate, OrderUpdateKind, StateError};

/// Tags say by their low bits which place they belong to.
pub(crate) const SLOTS: u64 = 8;

/// The most that a back-off is doubled.
const DOUBLINGS_MAX: u32 = 6;

/// What was asked last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// To enter it; nothing was heard.
    New = 0,
    /// Nothing that is not answered.
    Working = 1,
    /// To change it.
    Replacing = 2,
    /// To cancel it.
    Cancelling = 3,
}

/// The order in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Live {
    pub(crate) tag: u64,
    pub(crate) side: Side,
    pub(crate) price: Price,
    /// All of it, what has traded included.
    qty: Qty,
    pub(crate) open_qty: Qty,
    pub(crate) phase: Phase,
    /// No answer came to what was asked last.
    pub(crate) is_unknown: bool,
    /// The price that was asked for last: it may have it already.
    pub(crate) asked_price: Price,
}

impl Live {
    const fn new(tag: u64, side: Side, price: Price, qty: Qty) -> Self {
        Self {
            tag,
            side,
            price,
            qty,
            open_qty: qty,
            phase: Phase::New,
            is_unknown: false,
            asked_price: price,
        }
    }

    /// Stands as it is told.
    const fn stands(&mut self, update: &OrderUpdate, phase: Phase) {
        self.is(update);
        (self.phase, self.is_unknown, self.asked_price) = (phase, false, update.price);
    }

    const fn is(&mut self, update: &OrderUpdate) {
        (self.price, self.qty, self.open_qty) = (update.price, update.qty, update.open_qty);
    }
}

/// How a limit order is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It may trade at once, and rests.
    Limit,
    /// It may only rest.
    PostOnly,
    /// It may only trade at once.
    Take,
}

/// Whose an update was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Of no order of this place.
    Foreign,
    /// Of the order that is in it, or was.
    Own,
    /// Of one that is open although another is here: it has to be cancelled.
    Stray,
}

/// A place for one order at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderSlot {
    instrument: InstrumentId,
    /// Which of the strategy's places it is.
    index: u64,
    backoff_ns: u64,
    /// Orders entered: what makes tags.
    counter: u64,
    /// Requests that failed, one after the other.
    failures: u32,
    /// Nothing is entered or changed before.
    held_until: Timestamp,
    /// Nothing is cancelled before.
    cancel_held_until: Timestamp,
    live: Option<Live>,
}

impl OrderSlot {
    /// An empty place, numbered below [`SLOTS`].
    pub(crate) const fn new(instrument: InstrumentId, index: u64, backoff_ns: u64) -> Self {
        debug_assert!(index < SLOTS);
        Self {
            instrument,
            index,
            backoff_ns,
            counter: 0,
            failures: 0,
            held_until: Timestamp(0),
            cancel_held_until: Timestamp(0),
            live: None,
        }
    }

    /// The order that counts as open.
    #[inline]
    pub(crate) const fn live(&self) -> Option<&Live> {
        self.live.as_ref()
    }

    /// Whether nothing may be entered or changed now.
    #[inline]
    pub(crate) const fn is_held(&self, now: Timestamp) -> bool {
        now.0 < self.held_until.0
    }

    /// Until when something is held back; the past where nothing is.
    pub(crate) fn wakes_at(&self, now: Timestamp) -> Timestamp {
        let times = [self.held_until, self.cancel_held_until];
        let first = times.into_iter().filter(|&time| time > now).min();
        first.unwrap_or(Timestamp(0))
    }

    /// Enters an order into the empty place.
    pub(crate) fn submit(
        &mut self,
        manner: Manner,
        side: Side,
        price: Price,
        qty: Qty,
        actions: &mut Actions,
    ) {
        debug_assert!(self.live.is_none());
        let counter = (self.counter + 1) % (u64::MAX / SLOTS);
        let tag = counter * SLOTS + self.index;
        let action = match manner {
            Manner::Limit => Action::limit(tag, self.instrument, side, price, qty),
            Manner::PostOnly => Action::post_only(tag, self.instrument, side, price, qty),
            Manner::Take => Action::take(tag, self.instrument, side, price, qty),
        };
        if actions.push(action).is_ok() {
            self.counter = counter;
            self.live = Some(Live::new(tag, side, price, qty));
        }
    }

    /// Gives the order, which is working, another price and so much that may still trade.
    pub(crate) fn replace(&mut self, price: Price, open_qty: Qty, actions: &mut Actions) {
        let Some(live) = &mut self.live else { return };
        let executed = live.qty.units().saturating_sub(live.open_qty.units());
        let qty = Qty::from_units(executed.saturating_add(open_qty.units()));
        if actions.push(Action::replace(live.tag, self.instrument, price, qty)).is_ok() {
            (live.phase, live.asked_price) = (Phase::Replacing, price);
        }
    }

    /// Cancels the order, unless that is on its way, held back, or how it stands is not known.
    pub(crate) fn cancel(&mut self, now: Timestamp, actions: &mut Actions) {
        let is_held = now < self.cancel_held_until;
        let Some(live) = &mut self.live else { return };
        if live.is_unknown || live.phase == Phase::Cancelling || is_held {
            return;
        }
        if actions.push(Action::cancel(live.tag, self.instrument)).is_ok() {
            live.phase = Phase::Cancelling;
        }
    }

    /// Takes in what has happened to an order.
    pub(crate) fn observe(&mut self, update: &OrderUpdate) -> Seen {
        if update.instrument != self.instrument || update.tag % SLOTS != self.index {
            return Seen::Foreign;
        }
        match &self.live {
            Some(live) if live.tag == update.tag => self.own(update),
            _ => return self.stray(update),
        }
        Seen::Own
    }

    /// One of an order that is not here: it was entered after the state was saved that is gone on from. Of one
    /// that has ended here only what was found out counts; all else comes too late.
    fn stray(&mut self, update: &OrderUpdate) -> Seen {
        let counter = update.tag / SLOTS;
        let is_newer = counter > self.counter;
        self.counter = self.counter.max(counter);
        let is_open = !update.open_qty.is_zero() || update.kind == OrderUpdateKind::Unknown;
        if !is_open || !(is_newer || update.kind == OrderUpdateKind::Found) {
            return Seen::Own;
        }
        if self.live.is_none() {
            let mut live = Live::new(update.tag, update.side, update.price, update.qty);
            live.stands(update, Phase::Working);
            live.is_unknown = update.kind == OrderUpdateKind::Unknown;
            self.live = Some(live);
            return Seen::Own;
        }
        // Once for each, not again for how that is answered.
        match update.kind {
            OrderUpdateKind::Accepted | OrderUpdateKind::Found => Seen::Stray,
            _ => Seen::Own,
        }
    }

    fn own(&mut self, update: &OrderUpdate) {
        use OrderUpdateKind as Kind;
        let Some(live) = &mut self.live else { return };
        if update.kind == Kind::Unknown {
            live.is_unknown = true;
            return;
        }
        if update.open_qty.is_zero() {
            let was_asked = live.phase == Phase::Cancelling && update.kind == Kind::Cancelled;
            self.live = None;
            match update.kind {
                Kind::Filled | Kind::Replaced => self.failures = 0,
                _ if was_asked => {}
                _ => self.fail(update.time),
            }
            return;
        }
        match (update.kind, live.phase) {
            (Kind::Accepted | Kind::Filled, Phase::New)
            | (Kind::Replaced, Phase::Replacing)
            | (Kind::Found, _) => live.stands(update, Phase::Working),
            (Kind::ReplaceRejected | Kind::Denied | Kind::Rejected, Phase::Replacing) => {
                // A refusal may name what was asked for: price and quantity are what they were.
                let (price, qty) = (live.price, live.qty);
                live.stands(&OrderUpdate { price, qty, ..*update }, Phase::Working);
                return self.fail(update.time);
            }
            (Kind::CancelRejected, Phase::Cancelling) => {
                live.stands(update, Phase::Working);
                let until = update.time.0.saturating_add(self.backoff_ns);
                self.cancel_held_until = Timestamp(until);
                return;
            }
            // Answers to what was overtaken: the last request's is still to come.
            _ => live.is(update),
        }
        if matches!(update.kind, Kind::Accepted | Kind::Filled | Kind::Replaced) {
            self.failures = 0;
        }
    }

    /// Holds back what would come next.
    fn fail(&mut self, now: Timestamp) {
        let hold_ns = self.backoff_ns.saturating_mul(1 << self.failures.min(DOUBLINGS_MAX));
        self.failures = self.failures.saturating_add(1);
        self.held_until = Timestamp(now.0.saturating_add(hold_ns));
    }

    pub(crate) fn save(&self, out: &mut impl FnMut(u64)) {
        out(self.counter);
        out(u64::from(self.failures));
        out(self.held_until.0);
        out(self.cancel_held_until.0);
        out(u64::from(self.live.is_some()));
        let nothing = Live::new(0, Side::Buy, Price::ZERO, Qty::ZERO);
        let live = self.live.as_ref().unwrap_or(&nothing);
        out(live.tag);
        out(live.side as u64);
        out(live.price.units().cast_unsigned());
        out(live.qty.units());
        out(live.open_qty.units());
        out(live.phase as u64);
        out(u64::from(live.is_unknown));
        out(live.asked_price.units().cast_unsigned());
    }

    pub(crate) fn restore(&mut self, words: &mut Reader<'_>) -> Result<(), StateError> {
        self.counter = words.word("order counter", |&counter| counter <= u64::MAX / SLOTS)?;
        let failures = words.any("failures")?;
        let too_many = |_| StateError::Field { field: "failures" };
        self.failures = u32::try_from(failures).map_err(too_many)?;
        self.held_until = words.time("hold")?;
        self.cancel_held_until = words.time("hold of cancels")?;
        let is_there = words.flag("order")?;
        let index = self.index;
        let tag = words.word("order's tag", |&tag| !is_there || tag % SLOTS == index)?;
        let live = Live {
            tag,
            side: words.side("order's side")?,
            price: words.price("order's price")?,
            qty: words.qty("order's quantity")?,
            open_qty: words.qty("order's open quantity")?,
            phase: match words.word("order's phase", |&phase| phase <= 3)? {
                0 => Phase::New,
                1 => Phase::Working,
                2 => Phase::Replacing,
                _ => Phase::Cancelling,
            },
            is_unknown: words.flag("order's being unknown")?,
            asked_price: words.price("order's asked price")?,
        };
        self.live = is_there.then_some(live);
        Ok(())
    }
}
