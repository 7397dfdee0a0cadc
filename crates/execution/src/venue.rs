//! What passes between orders and the connector of a venue, whatever it speaks.

use tiercel_types::{
    ClientOrderId, InstrumentId, OrderId, OrderKind, Price, Qty, Side, TimeInForce, TradeId,
};

use crate::order::Input;
use crate::position::Fee;

/// A venue that is traded at, as the trader numbers them from zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VenueId(pub u8);

impl VenueId {
    /// As an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// All that a venue has to know of a new order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderTerms {
    /// One's own name for it.
    pub client_order_id: ClientOrderId,
    /// What it trades.
    pub instrument: InstrumentId,
    /// Whether it buys or sells.
    pub side: Side,
    /// How it meets the book.
    pub kind: OrderKind,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Its limit.
    pub price: Price,
    /// How much.
    pub qty: Qty,
}

/// How an order is named to its venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderName {
    /// One's own name for it.
    pub client_order_id: ClientOrderId,
    /// The venue's number, once it was told.
    pub order_id: OrderId,
    /// What it trades.
    pub instrument: InstrumentId,
    /// Whether it buys or sells.
    pub side: Side,
}

/// What a connector is to ask of its venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VenueRequest {
    /// Enter an order.
    New(OrderTerms),
    /// End an order.
    Cancel(OrderName),
    /// Change an order, which keeps its name.
    Amend {
        /// Which.
        name: OrderName,
        /// Its new price.
        price: Price,
        /// Its new quantity, what has traded included.
        qty: Qty,
        /// The same, without what is known to have traded.
        open_qty: Qty,
    },
    /// End an order, and enter another if that was done. Both are reported of, each by its own name.
    CancelReplace {
        /// Which is to end.
        name: OrderName,
        /// Which is to begin.
        terms: OrderTerms,
    },
    /// Tell what became of an order: first the fills that are missing, in their order, then
    /// [`Input::Status`] with the question's number.
    Query {
        /// Which.
        name: OrderName,
        /// How much is known to have traded.
        executed_qty: Qty,
        /// The last trade that is known; zero: none.
        last_trade: TradeId,
        /// The question's number, above zero: [`VenueReport::question`] of the status that answers it.
        question: u64,
    },
}

impl VenueRequest {
    /// The instrument that it is about.
    pub const fn instrument(&self) -> InstrumentId {
        match self {
            Self::New(terms) | Self::CancelReplace { terms, .. } => terms.instrument,
            Self::Cancel(name) | Self::Amend { name, .. } | Self::Query { name, .. } => {
                name.instrument
            }
        }
    }
}

/// What a connector has heard of an order.
///
/// What a venue tells of one order comes in the order in which it happened, but that answers to requests and what
/// is told unasked may overtake each other where the venue does not [amend](crate::oms::VenueTerms::amends).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VenueReport {
    /// One's own name for it; empty: the venue named it by its number alone.
    pub client_order_id: ClientOrderId,
    /// The venue's number; none: it was not told.
    pub order_id: OrderId,
    /// What has happened.
    pub input: Input,
    /// What a fill cost.
    pub fee: Fee,
    /// Of a status: the question that it answers, so that none counts that is older than what was asked or lost
    /// since. Zero: nobody was asked, and the connector is certain, as of a request that it knows the venue never
    /// had ([`Found::Nothing`](crate::order::Found::Nothing)). Any other status without a question does not count.
    pub question: u64,
}

impl VenueReport {
    /// Something that costs nothing.
    pub const fn new(client_order_id: ClientOrderId, order_id: OrderId, input: Input) -> Self {
        Self { client_order_id, order_id, input, fee: Fee::NONE, question: 0 }
    }

    /// The answer to a question: an [`Input::Status`].
    pub const fn answer(
        client_order_id: ClientOrderId,
        order_id: OrderId,
        question: u64,
        input: Input,
    ) -> Self {
        Self { question, ..Self::new(client_order_id, order_id, input) }
    }
}
