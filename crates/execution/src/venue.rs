//! What passes between orders and the connector of a venue, whatever it speaks.

use tiercel_types::order::ListKind;
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

/// Where an order stands in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListPlace {
    /// Which list of the run it is, from 1.
    pub number: u32,
    /// How its orders hang together.
    pub kind: ListKind,
    /// Its place, from zero; the working order of an OTO and OTOCO is first.
    pub at: u8,
}

impl ListPlace {
    /// Whether it is entered only when the working order has traded.
    pub const fn is_pending(self) -> bool {
        !matches!(self.kind, ListKind::Oco) && self.at > 0
    }

    /// Whether it is one of two of which at most one trades.
    pub const fn is_of_pair(self) -> bool {
        match self.kind {
            ListKind::Oco => true,
            ListKind::Oto => false,
            ListKind::Otoco => self.at > 0,
        }
    }
}

/// All that a venue has to know of an order that waits for a trade, or belongs to a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdvancedTerms {
    /// The order; when it waits, as it is entered then.
    pub order: OrderTerms,
    /// A buy waits for a trade at or above it, a sell for one at or below it. Zero: for none.
    pub trigger_price: Price,
    /// Of a list, which place it has.
    pub list: Option<ListPlace>,
}

/// Orders of a list, at most.
pub const LIST_ORDERS_MAX: usize = 3;

impl AdvancedTerms {
    const NOTHING: Self = Self {
        order: OrderTerms {
            client_order_id: ClientOrderId::EMPTY,
            instrument: InstrumentId::ALL,
            side: Side::Buy,
            kind: OrderKind::Limit,
            time_in_force: TimeInForce::Gtc,
            price: Price::ZERO,
            qty: Qty::ZERO,
        },
        trigger_price: Price::ZERO,
        list: None,
    };
}

/// Puts lists together again: their orders come as requests of their own, one right behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gathered {
    orders: [AdvancedTerms; LIST_ORDERS_MAX],
    len: usize,
}

impl Default for Gathered {
    fn default() -> Self {
        Self { orders: [AdvancedTerms::NOTHING; LIST_ORDERS_MAX], len: 0 }
    }
}

impl Gathered {
    /// What came last, and belongs together.
    pub fn orders(&self) -> &[AdvancedTerms] {
        self.orders.get(..self.len).unwrap_or_default()
    }

    /// Takes the next order. What is to be entered at once now: it alone, or the whole list, if it was the last of one.
    /// Of a list of which one did not come none is entered.
    pub fn take(&mut self, terms: &AdvancedTerms) -> Option<&[AdvancedTerms]> {
        let (at, count) = terms.list.map_or((0, 1), |list| (list.at, list.kind.orders()));
        let at = usize::from(at);
        let is_next = at == 0
            || match (self.orders().first().and_then(|first| first.list), terms.list) {
                (Some(first), Some(list)) => first.number == list.number && at == self.len,
                _ => false,
            };
        self.len = at;
        let Some(place) = self.orders.get_mut(at).filter(|_| is_next) else {
            self.len = 0;
            return None;
        };
        *place = *terms;
        self.len = at + 1;
        (self.len == count).then(|| self.orders())
    }
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
    /// Enter an order that waits for a trade, or one of a list: the others of the list are right before and behind it,
    /// and all are entered at once, or none ([`Gathered`]).
    NewAdvanced(AdvancedTerms),
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
    /// The order that it enters.
    pub const fn entered(&self) -> Option<&OrderTerms> {
        match self {
            Self::New(terms) | Self::CancelReplace { terms, .. } => Some(terms),
            Self::NewAdvanced(terms) => Some(&terms.order),
            Self::Cancel(_) | Self::Amend { .. } | Self::Query { .. } => None,
        }
    }

    /// The instrument that it is about.
    pub const fn instrument(&self) -> InstrumentId {
        match self {
            Self::New(terms) | Self::CancelReplace { terms, .. } => terms.instrument,
            Self::NewAdvanced(terms) => terms.order.instrument,
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

// An order alone costs what it did: lists are larger than nothing that there was.
const _: () = assert!(size_of::<AdvancedTerms>() <= size_of::<(OrderName, OrderTerms)>());
