//! Lists of orders, with the parameters of each under its own names.

use tiercel_types::order::ListKind;
use tiercel_types::{ClientOrderId, Qty, SelfTradePrevention, Side};

use super::super::words::{self, ResponseType};
use super::params::{self, LegNames, Params, Stamp};
use super::request::{Digits, Said, Terms, name, price_units};

/// An order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListOrder {
    /// At which price, how long, what it waits for.
    pub terms: Terms,
    /// Its name; the venue gives it one where it is empty.
    pub client_order_id: ClientOrderId,
}

/// Two orders of one side and quantity, of which one cancels the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Bought or sold.
    pub side: Side,
    /// How much.
    pub qty: Qty,
    /// The one that stands above the last price.
    pub above: ListOrder,
    /// The one that stands below it.
    pub below: ListOrder,
}

/// An order that is alone at its place in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Single {
    /// Bought or sold.
    pub side: Side,
    /// How much.
    pub qty: Qty,
    /// The rest.
    pub order: ListOrder,
}

/// How the orders of a list hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOrders {
    /// One cancels the other.
    Oco(Pair),
    /// One is entered when the other has traded in full.
    Oto {
        /// The one that is entered at once.
        working: Single,
        /// The one that is entered then.
        pending: Single,
    },
    /// A pair is entered when the other has traded in full.
    Otoco {
        /// The one that is entered at once.
        working: Single,
        /// The pair that is entered then.
        pending: Pair,
    },
}

/// `orderList.place.oco`, `.oto` or `.otoco`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrderList<'a> {
    /// What is traded.
    pub symbol: &'a str,
    /// With how many places it is written.
    pub digits: Digits,
    /// The orders.
    pub orders: ListOrders,
    /// How much its answer says.
    pub response: ResponseType,
    /// What happens when one meets an order of the same owner; the instrument's default if none.
    pub self_trade_prevention: Option<SelfTradePrevention>,
}

impl NewOrderList<'_> {
    /// Which kind of list it is.
    pub const fn kind(&self) -> ListKind {
        match self.orders {
            ListOrders::Oco(_) => ListKind::Oco,
            ListOrders::Oto { .. } => ListKind::Oto,
            ListOrders::Otoco { .. } => ListKind::Otoco,
        }
    }

    /// Writes all parameters, sorted by name.
    pub(super) fn write(&self, stamp: &Stamp<'_>, params: &mut impl Params) {
        if let ListOrders::Oco(pair) = &self.orders {
            self.order(&pair.above, &params::ABOVE, None, params);
        }
        stamp.api_key(params);
        if let ListOrders::Oco(pair) = &self.orders {
            self.order(&pair.below, &params::BELOW, None, params);
        }
        params.word(params::NEW_ORDER_RESP_TYPE, self.response.as_str());
        match &self.orders {
            ListOrders::Oco(pair) => self.qty(&params::ABOVE, pair.qty, params),
            ListOrders::Oto { pending, .. } => self.single(pending, &params::PENDING, params),
            ListOrders::Otoco { pending, .. } => {
                self.order(&pending.above, &params::PENDING_ABOVE, None, params);
                self.order(&pending.below, &params::PENDING_BELOW, None, params);
                self.qty(&params::PENDING_ABOVE, pending.qty, params);
                params.word(params::PENDING_ABOVE.side, words::side(pending.side));
            }
        }
        stamp.recv_window(params);
        if let Some(mode) = self.self_trade_prevention {
            let word = words::self_trade_prevention(mode);
            params.word(params::SELF_TRADE_PREVENTION_MODE, word);
        }
        if let ListOrders::Oco(pair) = &self.orders {
            params.word(params::ABOVE.side, words::side(pair.side));
        }
        params.text(params::SYMBOL, self.symbol.as_bytes());
        stamp.timestamp(params);
        if let ListOrders::Oto { working, .. } | ListOrders::Otoco { working, .. } = &self.orders {
            self.single(working, &params::WORKING, params);
        }
    }

    fn qty(&self, names: &LegNames, qty: Qty, params: &mut impl Params) {
        params.decimal(names.qty, qty.units(), self.digits.qty);
    }

    fn single(&self, single: &Single, names: &LegNames, params: &mut impl Params) {
        self.order(&single.order, names, Some((single.side, single.qty)), params);
    }

    /// The parameters of one order; with side and quantity, where they are its own.
    fn order(
        &self,
        order: &ListOrder,
        names: &LegNames,
        own: Option<(Side, Qty)>,
        params: &mut impl Params,
    ) {
        let Said { order_type, price, stop_price, time_in_force } = order.terms.said();
        name(names.client_order_id, &order.client_order_id, params);
        if let Some(price) = price {
            params.decimal(names.price, price_units(price), self.digits.price);
        }
        if let Some((side, qty)) = own {
            self.qty(names, qty, params);
            params.word(names.side, words::side(side));
        }
        if let Some(price) = stop_price {
            params.decimal(names.stop_price, price_units(price), self.digits.price);
        }
        if let Some(time_in_force) = time_in_force {
            params.word(names.time_in_force, time_in_force.as_str());
        }
        params.word(names.order_type, order_type.as_str());
    }
}
