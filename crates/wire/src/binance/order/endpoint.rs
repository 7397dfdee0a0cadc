//! Where requests go, and what they weigh.

use tiercel_types::order::ListKind;

use super::request::Request;

/// What an HTTP request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Asks.
    Get,
    /// Makes.
    Post,
    /// Changes.
    Put,
    /// Ends.
    Delete,
}

impl Verb {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its method of the `WebSocket` interface.
    pub method: &'static str,
    /// Its verb and path of REST; none for what is asked of a connection itself.
    pub rest: Option<(Verb, &'static str)>,
    /// What it takes of the address's request weight.
    pub weight: u32,
    /// Whether it has a time and is signed, but on a connection that is logged on.
    pub is_stamped: bool,
    /// Whether it is signed there too.
    pub is_always_signed: bool,
}

/// What is asked of a connection.
const fn of_connection(method: &'static str, is_always_signed: bool) -> Endpoint {
    Endpoint { method, rest: None, weight: 2, is_stamped: is_always_signed, is_always_signed }
}

/// What is asked of an account.
const fn of_account(method: &'static str, verb: Verb, path: &'static str, weight: u32) -> Endpoint {
    let rest = Some((verb, path));
    Endpoint { method, rest, weight, is_stamped: true, is_always_signed: false }
}

impl Request<'_> {
    /// Where it goes, and what it weighs.
    #[inline]
    pub const fn endpoint(&self) -> Endpoint {
        const ORDER: &str = "/api/v3/order";
        const OPEN_ORDERS: &str = "/api/v3/openOrders";
        match self {
            Self::LogOn => of_connection("session.logon", true),
            Self::Subscribe => of_connection("userDataStream.subscribe", false),
            Self::SubscribeSigned => of_connection("userDataStream.subscribe.signature", true),
            Self::Place(_) => of_account("order.place", Verb::Post, ORDER, 1),
            Self::PlaceList(list) => {
                let (method, path) = match list.kind() {
                    ListKind::Oco => ("orderList.place.oco", "/api/v3/orderList/oco"),
                    ListKind::Oto => ("orderList.place.oto", "/api/v3/orderList/oto"),
                    ListKind::Otoco => ("orderList.place.otoco", "/api/v3/orderList/otoco"),
                };
                of_account(method, Verb::Post, path, 1)
            }
            Self::Cancel(_) => of_account("order.cancel", Verb::Delete, ORDER, 1),
            Self::CancelReplace(_) => {
                of_account("order.cancelReplace", Verb::Post, "/api/v3/order/cancelReplace", 1)
            }
            Self::Amend(_) => of_account(
                "order.amend.keepPriority",
                Verb::Put,
                "/api/v3/order/amend/keepPriority",
                4,
            ),
            Self::OrderStatus { .. } => of_account("order.status", Verb::Get, ORDER, 4),
            Self::OpenOrders { symbol } => {
                let weight = if symbol.is_some() { 6 } else { 80 };
                of_account("openOrders.status", Verb::Get, OPEN_ORDERS, weight)
            }
            Self::CancelAll { .. } => {
                of_account("openOrders.cancelAll", Verb::Delete, OPEN_ORDERS, 1)
            }
            Self::MyTrades(trades) => {
                let weight = if trades.order_id.is_some() { 5 } else { 20 };
                of_account("myTrades", Verb::Get, "/api/v3/myTrades", weight)
            }
            Self::Account { .. } => of_account("account.status", Verb::Get, "/api/v3/account", 20),
            Self::Time => Endpoint {
                method: "time",
                rest: Some((Verb::Get, "/api/v3/time")),
                weight: 1,
                is_stamped: false,
                is_always_signed: false,
            },
        }
    }
}
