//! Requests, and their parameters in the order of their names.

use tiercel_types::{ClientOrderId, OrderId, Price, Qty, SelfTradePrevention, Side, TradeId};

use super::super::words::{self, OrderType, ResponseType, TimeInForce};
use super::list::NewOrderList;
use super::params::{self, Params, Stamp};

words::words! {
    /// What becomes of the new order if the old one cannot be cancelled.
    CancelReplaceMode {
        /// It is not entered.
        StopOnFailure => "STOP_ON_FAILURE",
        /// It is entered all the same.
        AllowFailure => "ALLOW_FAILURE",
    }
}

/// How many places an instrument's numbers have, at most eight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits {
    /// Of prices.
    pub price: u32,
    /// Of quantities.
    pub qty: u32,
}

/// Which order is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderName {
    /// By the venue's id.
    Id(OrderId),
    /// By the name that its client gave it.
    Client(ClientOrderId),
}

/// How a new order trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// At its price or better.
    Limit {
        /// The price.
        price: Price,
        /// What becomes of what does not trade at once.
        time_in_force: TimeInForce,
    },
    /// At its price, as a maker or not at all.
    LimitMaker {
        /// The price.
        price: Price,
    },
    /// At its price or better, once a trade went as far against it as the stop price: a buy waits for one at or above
    /// it, a sell for one at or below it.
    StopLimit {
        /// The price that it waits for.
        stop_price: Price,
        /// Its price.
        price: Price,
        /// What becomes of what does not trade at once then.
        time_in_force: TimeInForce,
    },
    /// At the best prices there are.
    Market,
}

/// A price as it is written: spot prices are not negative, and the venue refuses zero.
pub(super) fn price_units(price: Price) -> u64 {
    price.units().max(0).unsigned_abs()
}

/// What terms say, one by one.
pub(super) struct Said {
    pub(super) order_type: OrderType,
    pub(super) price: Option<Price>,
    pub(super) stop_price: Option<Price>,
    pub(super) time_in_force: Option<TimeInForce>,
}

impl Terms {
    #[inline]
    pub(super) const fn said(&self) -> Said {
        match *self {
            Self::Limit { price, time_in_force } => Said {
                price: Some(price),
                time_in_force: Some(time_in_force),
                ..Said::of(OrderType::Limit)
            },
            Self::LimitMaker { price } => {
                Said { price: Some(price), ..Said::of(OrderType::LimitMaker) }
            }
            Self::StopLimit { stop_price, price, time_in_force } => Said {
                order_type: OrderType::StopLossLimit,
                price: Some(price),
                stop_price: Some(stop_price),
                time_in_force: Some(time_in_force),
            },
            Self::Market => Said::of(OrderType::Market),
        }
    }
}

impl Said {
    const fn of(order_type: OrderType) -> Self {
        Self { order_type, price: None, stop_price: None, time_in_force: None }
    }
}

/// `order.place`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder<'a> {
    /// What is traded.
    pub symbol: &'a str,
    /// With how many places it is written.
    pub digits: Digits,
    /// Bought or sold.
    pub side: Side,
    /// At which price, how long.
    pub terms: Terms,
    /// How much, in the base asset.
    pub qty: Qty,
    /// Its name; the venue gives it one where it is empty.
    pub client_order_id: ClientOrderId,
    /// How much its answer says.
    pub response: ResponseType,
    /// What happens when it meets an order of the same owner; the instrument's default if none.
    pub self_trade_prevention: Option<SelfTradePrevention>,
}

/// `order.cancel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelOrder<'a> {
    /// What the order trades.
    pub symbol: &'a str,
    /// Which order.
    pub order: OrderName,
    /// The name of this request; the venue gives it one where it is empty.
    pub client_order_id: ClientOrderId,
}

/// `order.cancelReplace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelReplace<'a> {
    /// The order to cancel, which trades what the new one does.
    pub cancel: OrderName,
    /// What becomes of the new one if that fails.
    pub mode: CancelReplaceMode,
    /// The new one.
    pub order: NewOrder<'a>,
}

/// `order.amend.keepPriority`: makes an order smaller, which keeps its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmendOrder<'a> {
    /// What the order trades.
    pub symbol: &'a str,
    /// With how many places it is written.
    pub digits: Digits,
    /// Which order.
    pub order: OrderName,
    /// Its whole quantity from then on.
    pub new_qty: Qty,
    /// Its name from then on; the venue gives it one where it is empty.
    pub new_client_order_id: ClientOrderId,
}

/// `myTrades`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MyTrades<'a> {
    /// Of what.
    pub symbol: &'a str,
    /// Of which order alone.
    pub order_id: Option<OrderId>,
    /// From which trade on; the newest if none.
    pub from_id: Option<TradeId>,
    /// How many at most: 500 if none, 1,000 at most.
    pub limit: Option<u32>,
}

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// `session.logon`, for Ed25519 keys alone.
    LogOn,
    /// `userDataStream.subscribe`, of the session's account.
    Subscribe,
    /// `userDataStream.subscribe.signature`, of the key's account, for any key.
    SubscribeSigned,
    /// `order.place`.
    Place(NewOrder<'a>),
    /// `orderList.place.oco`, `.oto` or `.otoco`.
    PlaceList(NewOrderList<'a>),
    /// `order.cancel`.
    Cancel(CancelOrder<'a>),
    /// `order.cancelReplace`.
    CancelReplace(CancelReplace<'a>),
    /// `order.amend.keepPriority`.
    Amend(AmendOrder<'a>),
    /// `order.status`.
    OrderStatus {
        /// What the order trades.
        symbol: &'a str,
        /// Which order.
        order: OrderName,
    },
    /// `openOrders.status`.
    OpenOrders {
        /// Of what; of everything, at many times the weight, if none.
        symbol: Option<&'a str>,
    },
    /// `openOrders.cancelAll`.
    CancelAll {
        /// Of what.
        symbol: &'a str,
    },
    /// `myTrades`.
    MyTrades(MyTrades<'a>),
    /// `account.status`.
    Account {
        /// Whether assets of which there is nothing are left out.
        omit_zero_balances: bool,
    },
    /// `time`.
    Time,
}

impl Request<'_> {
    /// Writes all parameters, sorted by name: but for the key, which is the first of all, times stand
    /// where their names do.
    #[inline]
    pub(super) fn write(&self, stamp: &Stamp<'_>, params: &mut impl Params) {
        // All names but those of orders above are behind the key's.
        if let Self::PlaceList(list) = self {
            return list.write(stamp, params);
        }
        stamp.api_key(params);
        match self {
            Self::LogOn | Self::SubscribeSigned => {
                stamp.recv_window(params);
                stamp.timestamp(params);
            }
            Self::PlaceList(_) | Self::Subscribe | Self::Time => {}
            Self::Place(order) => order.write(stamp, params),
            Self::Cancel(cancel) => {
                name(params::NEW_CLIENT_ORDER_ID, &cancel.client_order_id, params);
                cancel.order.write(params);
                of_symbol(Some(cancel.symbol), stamp, params);
            }
            Self::CancelReplace(replace) => {
                match replace.cancel {
                    OrderName::Id(id) => params.number(params::CANCEL_ORDER_ID, id.0),
                    OrderName::Client(id) => {
                        params.text(params::CANCEL_ORIG_CLIENT_ORDER_ID, id.as_bytes());
                    }
                }
                params.word(params::CANCEL_REPLACE_MODE, replace.mode.as_str());
                replace.order.write(stamp, params);
            }
            Self::Amend(amend) => {
                name(params::NEW_CLIENT_ORDER_ID, &amend.new_client_order_id, params);
                params.decimal(params::NEW_QTY, amend.new_qty.units(), amend.digits.qty);
                amend.order.write(params);
                of_symbol(Some(amend.symbol), stamp, params);
            }
            Self::OrderStatus { symbol, order } => {
                order.write(params);
                of_symbol(Some(symbol), stamp, params);
            }
            Self::OpenOrders { symbol } => of_symbol(*symbol, stamp, params),
            Self::CancelAll { symbol } => of_symbol(Some(symbol), stamp, params),
            Self::MyTrades(trades) => {
                let number = |name, number: Option<u64>, params: &mut _| {
                    if let Some(number) = number {
                        Params::number(params, name, number);
                    }
                };
                number(params::FROM_ID, trades.from_id.map(|id| id.0), params);
                number(params::LIMIT, trades.limit.map(u64::from), params);
                number(params::ORDER_ID, trades.order_id.map(|id| id.0), params);
                of_symbol(Some(trades.symbol), stamp, params);
            }
            Self::Account { omit_zero_balances } => {
                if *omit_zero_balances {
                    params.word(params::OMIT_ZERO_BALANCES, "true");
                }
                of_symbol(None, stamp, params);
            }
        }
    }
}

impl NewOrder<'_> {
    #[inline]
    fn write(&self, stamp: &Stamp<'_>, params: &mut impl Params) {
        let Said { order_type, price, stop_price, time_in_force } = self.terms.said();
        name(params::NEW_CLIENT_ORDER_ID, &self.client_order_id, params);
        params.word(params::NEW_ORDER_RESP_TYPE, self.response.as_str());
        if let Some(price) = price {
            params.decimal(params::PRICE, price_units(price), self.digits.price);
        }
        params.decimal(params::QUANTITY, self.qty.units(), self.digits.qty);
        stamp.recv_window(params);
        if let Some(mode) = self.self_trade_prevention {
            let word = words::self_trade_prevention(mode);
            params.word(params::SELF_TRADE_PREVENTION_MODE, word);
        }
        params.word(params::SIDE, words::side(self.side));
        if let Some(price) = stop_price {
            params.decimal(params::STOP_PRICE, price_units(price), self.digits.price);
        }
        params.text(params::SYMBOL, self.symbol.as_bytes());
        if let Some(time_in_force) = time_in_force {
            params.word(params::TIME_IN_FORCE, time_in_force.as_str());
        }
        stamp.timestamp(params);
        params.word(params::TYPE, order_type.as_str());
    }
}

impl OrderName {
    #[inline]
    fn write(&self, params: &mut impl Params) {
        match self {
            Self::Id(id) => params.number(params::ORDER_ID, id.0),
            Self::Client(id) => params.text(params::ORIG_CLIENT_ORDER_ID, id.as_bytes()),
        }
    }
}

/// The name of an order or a request, if it has one.
#[inline]
pub(super) fn name(parameter: params::Name, name: &ClientOrderId, params: &mut impl Params) {
    if !name.is_empty() {
        params.text(parameter, name.as_bytes());
    }
}

/// What most requests end with.
#[inline]
fn of_symbol(symbol: Option<&str>, stamp: &Stamp<'_>, params: &mut impl Params) {
    stamp.recv_window(params);
    if let Some(symbol) = symbol {
        params.text(params::SYMBOL, symbol.as_bytes());
    }
    stamp.timestamp(params);
}
