//! An order of one's own, from the request until it has ended.
//!
//! ```text
//!               +--> Rejected, NotTaken
//!               |
//!   PendingNew -+--> Working --> PendingCancel, PendingReplace --> Working
//!        |              |               |
//!        |              +---------------+--> Filled, Cancelled, Expired
//!        |                              |
//!        +----- no answer --------------+--> Unknown --> asked for --> one of the above
//! ```
//!
//! What may come, comes in any order that a venue and a broken connection can make of it: a fill before the
//! order is acknowledged, fills while it is being cancelled, a fill that is told twice. An answer that does
//! not come is no refusal: the order is [`Unknown`](State::Unknown), and what it has become is asked for. It stays
//! so until it is answered or has ended: what comes late meanwhile may be older than what was not heard. What
//! cannot be is refused by [`Illegal`], and changes nothing.

use thiserror::Error;
use tiercel_types::{ClientOrderId, InstrumentId, Money, OrderId, Price, Qty, Side, TradeId};

/// What was asked of the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// The order itself.
    New,
    /// To cancel it.
    Cancel,
    /// To change its price and quantity.
    Replace,
    /// Nothing: it was in the book, and what came of it since could not be heard.
    Nothing,
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was sent, and nothing was heard.
    PendingNew,
    /// It is in the book.
    Working,
    /// It is in the book, and its cancel is on its way.
    PendingCancel,
    /// It is in the book, and a change is on its way.
    PendingReplace,
    /// What was asked of the venue was not answered: it has to be found out.
    Unknown(Request),
    /// It has traded in full.
    Filled,
    /// It was cancelled, perhaps after it had traded in part.
    Cancelled,
    /// It ended by its own terms, perhaps after it had traded in part.
    Expired,
    /// The venue refused it.
    Rejected,
    /// The venue has never had it.
    NotTaken,
}

impl State {
    /// Whether nothing more can come of it.
    pub const fn has_ended(self) -> bool {
        matches!(
            self,
            Self::Filled | Self::Cancelled | Self::Expired | Self::Rejected | Self::NotTaken
        )
    }

    /// A stable name, for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PendingNew => "pending_new",
            Self::Working => "working",
            Self::PendingCancel => "pending_cancel",
            Self::PendingReplace => "pending_replace",
            Self::Unknown(Request::New) => "unknown_new",
            Self::Unknown(Request::Cancel) => "unknown_cancel",
            Self::Unknown(Request::Replace) => "unknown_replace",
            Self::Unknown(Request::Nothing) => "unknown",
            Self::Filled => "filled",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::NotTaken => "not_taken",
        }
    }
}

/// What the venue says of an order when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is in the book.
    Working,
    /// It is not any more.
    Cancelled,
    /// As before, by its own terms.
    Expired,
    /// It was refused.
    Rejected,
    /// It has traded in full.
    Filled,
    /// The venue knows of no such order. Only who is sure that nothing is on its way any more may say so: of
    /// a connection that is closed on both sides.
    Nothing,
}

/// How far an order has come, as a venue tells it: by that it shows whether a fill before was not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So much of it has traded in all.
    Executed(Qty),
    /// So much of it is left, of a quantity that is known.
    Open(Qty),
}

/// What happens to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A request to cancel it leaves.
    CancelSent,
    /// A request to change it leaves.
    ReplaceSent,
    /// The last request was not answered in time, or its connection is gone.
    NoAnswer,
    /// The venue has taken it.
    Accepted(OrderId),
    /// The venue has refused it.
    Rejected,
    /// A part of it has traded.
    Filled {
        /// The trade.
        trade_id: TradeId,
        /// At which price.
        price: Price,
        /// How much.
        qty: Qty,
        /// Where the order stands with it.
        after: Progress,
    },
    /// It is cancelled, whoever asked for it: so much had traded, or was left.
    Cancelled(Progress),
    /// It has ended by its own terms.
    Expired(Progress),
    /// The cancel was refused.
    CancelRejected,
    /// It is changed.
    Replaced {
        /// Its new price.
        price: Price,
        /// What is open of it now.
        open_qty: Qty,
    },
    /// The change was refused.
    ReplaceRejected,
    /// What the venue says of it when it is asked.
    Status {
        /// Where it stands.
        found: Found,
        /// How much of it has traded.
        executed_qty: Qty,
        /// Its price.
        price: Price,
        /// Its quantity.
        qty: Qty,
    },
}

impl Input {
    /// A stable name, for logs and errors.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CancelSent => "cancel_sent",
            Self::ReplaceSent => "replace_sent",
            Self::NoAnswer => "no_answer",
            Self::Accepted(_) => "accepted",
            Self::Rejected => "rejected",
            Self::Filled { .. } => "filled",
            Self::Cancelled(_) => "cancelled",
            Self::Expired(_) => "expired",
            Self::CancelRejected => "cancel_rejected",
            Self::Replaced { .. } => "replaced",
            Self::ReplaceRejected => "replace_rejected",
            Self::Status { .. } => "status",
        }
    }
}

/// What came of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The order moved on, or something was added to it.
    Done,
    /// It was known already: a fill that is told again, an answer that came too late to matter.
    Known,
    /// The venue has traded so much more than was told: the fills have to be asked for, and the order's
    /// status again after them.
    FillsMissing(Qty),
    /// It has traded although it had ended: that counts, and somebody was wrong before.
    AfterEnd,
}

/// What cannot happen to an order where it stands. It is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Illegal {
    /// No such input belongs to the state.
    #[error("{} of an order that is {}", .input, .state.name())]
    Transition {
        /// Where it stands.
        state: State,
        /// [`Input::name`].
        input: &'static str,
    },
    /// More has traded than it asked for.
    #[error("a fill of {qty} where {open_qty} is open")]
    Overfilled {
        /// How much was told.
        qty: Qty,
        /// How much is open.
        open_qty: Qty,
    },
    /// The venue says that less has traded than it told before.
    #[error("{told} has traded, and now it is {now}")]
    Undone {
        /// What was told.
        told: Qty,
        /// What is said now.
        now: Qty,
    },
}

/// An order of one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnOrder {
    /// One's own name for it.
    pub client_order_id: ClientOrderId,
    /// What it trades.
    pub instrument: InstrumentId,
    /// Whether it buys or sells.
    pub side: Side,
    order_id: OrderId,
    price: Price,
    qty: Qty,
    executed_qty: Qty,
    executed_quote: Money,
    last_trade: TradeId,
    state: State,
    is_advanced: bool,
}

/// All of an order but what it is called and what it trades: for who writes it down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderParts {
    /// The venue's number of it.
    pub order_id: OrderId,
    /// Its price.
    pub price: Price,
    /// Its quantity, what has traded included.
    pub qty: Qty,
    /// What has traded.
    pub executed_qty: Qty,
    /// What was paid or received for that.
    pub executed_quote: Money,
    /// The last trade that was told.
    pub last_trade: TradeId,
    /// Where it stands.
    pub state: State,
    /// [`OwnOrder::is_advanced`].
    pub is_advanced: bool,
}

impl OwnOrder {
    /// An order as it was written down.
    pub const fn of_parts(
        client_order_id: ClientOrderId,
        instrument: InstrumentId,
        side: Side,
        parts: &OrderParts,
    ) -> Self {
        let OrderParts { order_id, price, qty, executed_qty, .. } = *parts;
        let OrderParts { executed_quote, last_trade, state, is_advanced, .. } = *parts;
        Self {
            client_order_id,
            instrument,
            side,
            order_id,
            price,
            qty,
            executed_qty,
            executed_quote,
            last_trade,
            state,
            is_advanced,
        }
    }

    /// What there is to write down.
    pub const fn parts(&self) -> OrderParts {
        OrderParts {
            order_id: self.order_id,
            price: self.price,
            qty: self.qty,
            executed_qty: self.executed_qty,
            executed_quote: self.executed_quote,
            last_trade: self.last_trade,
            state: self.state,
            is_advanced: self.is_advanced,
        }
    }

    /// An order that leaves now.
    pub const fn new(
        client_order_id: ClientOrderId,
        instrument: InstrumentId,
        side: Side,
        price: Price,
        qty: Qty,
    ) -> Self {
        Self {
            client_order_id,
            instrument,
            side,
            order_id: OrderId::NONE,
            price,
            qty,
            executed_qty: Qty::ZERO,
            executed_quote: Money::ZERO,
            last_trade: TradeId(0),
            state: State::PendingNew,
            is_advanced: false,
        }
    }

    /// The same, which waits for a trade or belongs to a list.
    #[must_use]
    pub const fn advanced(self) -> Self {
        Self { is_advanced: true, ..self }
    }

    /// Whether it waits for a trade, or belongs to a list. The venue may refuse such an order when its time comes, although
    /// it had it before; and it is not changed.
    pub const fn is_advanced(&self) -> bool {
        self.is_advanced
    }

    /// Where it stands.
    pub const fn state(&self) -> State {
        self.state
    }

    /// The venue's number of it, once it was told.
    pub const fn order_id(&self) -> OrderId {
        self.order_id
    }

    /// Its price, as the venue has it.
    pub const fn price(&self) -> Price {
        self.price
    }

    /// Its quantity, what has traded included.
    pub const fn qty(&self) -> Qty {
        self.qty
    }

    /// What has traded.
    pub const fn executed_qty(&self) -> Qty {
        self.executed_qty
    }

    /// The last trade that was told; zero: none.
    pub const fn last_trade(&self) -> TradeId {
        self.last_trade
    }

    /// What was paid or received for that.
    pub const fn executed_quote(&self) -> Money {
        self.executed_quote
    }

    /// What may still trade, for all that is known: zero once it has ended.
    pub const fn open_qty(&self) -> Qty {
        if self.state.has_ended() { Qty::ZERO } else { self.rest() }
    }

    /// Whether the venue is known to have had it.
    pub const fn is_known_to_venue(&self) -> bool {
        !self.order_id.is_none() || !self.executed_qty.is_zero()
    }

    const fn may_be_refused_late(&self) -> bool {
        self.is_advanced && self.executed_qty.is_zero()
    }

    const fn rest(&self) -> Qty {
        Qty::from_units(self.qty.units().saturating_sub(self.executed_qty.units()))
    }

    /// Takes an input in.
    ///
    /// # Errors
    /// [`Illegal`].
    pub fn apply(&mut self, input: &Input) -> Result<Change, Illegal> {
        use Input as I;
        use State as S;
        let next = match (self.state, *input) {
            (_, I::Filled { trade_id, price, qty, after }) => {
                return self.fill(trade_id, price, qty, after);
            }
            (_, I::Status { found, executed_qty, price, qty }) => {
                return self.found(found, executed_qty, price, qty);
            }
            (_, I::CancelRejected | I::ReplaceRejected) => match self.refused(input) {
                Some(next) => next,
                // What it was refused for is the end of the order, which is known; or the order's answer came first.
                None => return Ok(Change::Known),
            },
            _ if self.is_known(input) => {
                if let I::Accepted(order_id) = *input {
                    self.number(order_id);
                }
                return Ok(Change::Known);
            }
            // Cancels leave whatever is known of the order.
            (S::PendingNew | S::Working | S::PendingReplace, I::CancelSent) => S::PendingCancel,
            (S::Unknown(_), I::CancelSent) | (S::PendingCancel, I::NoAnswer) => {
                S::Unknown(Request::Cancel)
            }
            (S::Working, I::ReplaceSent) => S::PendingReplace,
            (S::PendingNew, I::NoAnswer) => S::Unknown(Request::New),
            (S::Working, I::NoAnswer) => S::Unknown(Request::Nothing),
            (S::PendingReplace, I::NoAnswer) => S::Unknown(Request::Replace),
            (state, I::Accepted(order_id)) if self.order_id.is_none() && !state.has_ended() => {
                self.order_id = order_id;
                match state {
                    S::PendingNew => S::Working,
                    S::Unknown(Request::New) => S::Unknown(Request::Nothing),
                    other => other,
                }
            }
            (S::PendingNew | S::PendingCancel | S::Unknown(_), I::Rejected)
                if !self.is_known_to_venue() =>
            {
                S::Rejected
            }
            // When its time came it could not be entered.
            (S::Working | S::PendingCancel | S::Unknown(_), I::Rejected)
                if self.may_be_refused_late() =>
            {
                S::Rejected
            }
            (
                S::PendingReplace | S::PendingCancel | S::Unknown(_),
                I::Replaced { price, open_qty },
            ) => self.replace(price, open_qty),
            (state, I::Cancelled(after) | I::Expired(after)) if !state.has_ended() => {
                if let Some(missing) = self.missing(after)? {
                    return Ok(Change::FillsMissing(missing));
                }
                if matches!(input, I::Cancelled(_)) { S::Cancelled } else { S::Expired }
            }
            (state, _) => return Err(Illegal::Transition { state, input: input.name() }),
        };
        self.state = next;
        Ok(Change::Done)
    }

    /// Whether an input says nothing new: it is told twice, over two ways, or behind what the order became at once.
    fn is_known(&self, input: &Input) -> bool {
        use State as S;
        let ends = matches!(self.state, S::Filled | S::Cancelled | S::Expired);
        match *input {
            Input::Accepted(order_id) => {
                self.order_id == order_id || (ends && self.order_id.is_none())
            }
            Input::Cancelled(after) | Input::Expired(after) => {
                ends && self.executed_at(after) == self.executed_qty.units()
            }
            Input::Rejected => matches!(self.state, S::Rejected | S::NotTaken),
            Input::Replaced { price, open_qty } => {
                let is_so = (price, open_qty) == (self.price, self.rest());
                ends || (self.state == S::Working && is_so)
            }
            _ => false,
        }
    }

    /// What is left of the order when its cancel or change is refused; `None`: nothing depends on that.
    const fn refused(&self, input: &Input) -> Option<State> {
        use State as S;
        let is_cancel = matches!(input, Input::CancelRejected);
        Some(match self.state {
            // The cancel was there before the order's own answer.
            S::PendingCancel if is_cancel && !self.is_known_to_venue() => S::PendingNew,
            S::Unknown(Request::Cancel) if is_cancel && !self.is_known_to_venue() => {
                S::Unknown(Request::New)
            }
            S::PendingCancel if is_cancel => S::Working,
            S::Unknown(Request::Cancel) if is_cancel => S::Unknown(Request::Nothing),
            S::PendingReplace if !is_cancel => S::Working,
            S::Unknown(Request::Replace) if !is_cancel => S::Unknown(Request::Nothing),
            // The cancel left behind the change.
            S::PendingCancel | S::Unknown(_) if !is_cancel => self.state,
            _ => return None,
        })
    }

    /// Takes a new price and quantity; where it stands then.
    const fn replace(&mut self, price: Price, open_qty: Qty) -> State {
        self.price = price;
        self.qty = Qty::from_units(self.executed_qty.units().saturating_add(open_qty.units()));
        match self.state {
            _ if open_qty.is_zero() => State::Cancelled,
            State::PendingReplace => State::Working,
            State::Unknown(Request::Replace) => State::Unknown(Request::Nothing),
            other => other,
        }
    }

    /// The venue's number of it is known from elsewhere than from its acceptance.
    pub(crate) const fn number(&mut self, order_id: OrderId) {
        if self.order_id.is_none() {
            self.order_id = order_id;
        }
    }

    /// What has traded in all where it stands so.
    const fn executed_at(&self, at: Progress) -> u64 {
        match at {
            Progress::Executed(qty) => qty.units(),
            Progress::Open(qty) => self.qty.units().saturating_sub(qty.units()),
        }
    }

    /// How much has traded that was not told, if anything.
    fn missing(&self, at: Progress) -> Result<Option<Qty>, Illegal> {
        let now = self.executed_at(at);
        match now.checked_sub(self.executed_qty.units()) {
            None => Err(Illegal::Undone { told: self.executed_qty, now: Qty::from_units(now) }),
            Some(0) => Ok(None),
            Some(missing) => Ok(Some(Qty::from_units(missing))),
        }
    }

    fn fill(
        &mut self,
        trade_id: TradeId,
        price: Price,
        qty: Qty,
        after: Progress,
    ) -> Result<Change, Illegal> {
        let executed = self.executed_at(after);
        let told = self.executed_qty.units();
        if executed <= told {
            return Ok(Change::Known);
        }
        let open_qty = self.rest();
        let overfilled = Err(Illegal::Overfilled { qty, open_qty });
        if qty > open_qty || executed > self.qty.units() || qty.is_zero() {
            return overfilled;
        }
        let Some(before) = executed.checked_sub(qty.units()) else { return overfilled };
        if before > told {
            return Ok(Change::FillsMissing(Qty::from_units(executed - told)));
        }
        if before < told {
            return Err(Illegal::Undone { told: self.executed_qty, now: Qty::from_units(before) });
        }
        self.last_trade = trade_id;
        self.executed_qty = Qty::from_units(executed);
        let value = self.executed_quote.units() + Money::of(price, qty).units();
        self.executed_quote = Money::from_units(value);
        self.state = match self.state {
            state if state.has_ended() => return Ok(Change::AfterEnd),
            _ if self.rest().is_zero() => State::Filled,
            State::PendingNew => State::Working,
            State::Unknown(Request::New) => State::Unknown(Request::Nothing),
            state => state,
        };
        Ok(Change::Done)
    }

    /// Makes it what the venue says, if all that has traded is known.
    fn found(
        &mut self,
        found: Found,
        executed_qty: Qty,
        price: Price,
        qty: Qty,
    ) -> Result<Change, Illegal> {
        if let Some(missing) = self.missing(Progress::Executed(executed_qty))? {
            return Ok(Change::FillsMissing(missing));
        }
        let next = match found {
            Found::Working => State::Working,
            Found::Cancelled => State::Cancelled,
            Found::Expired => State::Expired,
            Found::Filled => State::Filled,
            Found::Rejected => State::Rejected,
            Found::Nothing => State::NotTaken,
        };
        if next == self.state {
            return Ok(Change::Known);
        }
        // Of what was not asked for nothing is on its way: an answer that comes first is the newer one.
        let is_asked = matches!(self.state, State::Unknown(_));
        let is_refused_late = next == State::Rejected && self.may_be_refused_late();
        let cannot_be = self.is_known_to_venue()
            && !is_refused_late
            && matches!(next, State::Rejected | State::NotTaken);
        if !is_asked || cannot_be || (next == State::Filled && executed_qty != qty) {
            return Err(Illegal::Transition { state: self.state, input: "status" });
        }
        if found != Found::Nothing {
            (self.price, self.qty) = (price, qty);
        }
        self.state = next;
        Ok(Change::Done)
    }
}
