//! All requests that there are: what finds, reads and documents each.

use std::any::TypeId;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::schema::Schema;
use utoipa::{IntoParams, ToSchema};

use super::call::{Call, Work};
use super::json::{read_body, read_query};
use super::openapi;
use super::problem::{Code, Problem};
use super::{actions, questions};
use crate::percent::decode;

/// A request without a query.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct NoQuery {}

/// A request without a body.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoBody {}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// The owner of a key that may read.
    Read,
    /// The owner of a key that may trade.
    Trade,
}

/// Looks at a request: at its query and its body.
pub type Begin = fn(&Call<'_>, &str, &[u8]) -> Result<Work<String>, Problem>;

/// A request that was found, and what stands in the places of its path.
pub type Found = (&'static Endpoint, Vec<String>);

/// A path or a method that there is not, and the methods that the path has.
pub type NotFound = (Problem, Vec<&'static str>);

/// A request that there is.
pub struct Endpoint {
    /// GET, POST, PATCH or DELETE.
    pub method: &'static str,
    /// Its path, with places in braces.
    pub path: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Who may ask.
    pub access: Access,
    /// What it costs of an address's request weight.
    pub weight: u32,
    /// Looks at a request: its query and its body.
    pub begin: Begin,
    /// Documents it.
    pub(super) document: fn(&Self, &mut Schemas) -> Operation,
}

/// Schemas by name, some more than once.
pub(super) type Schemas = Vec<(String, RefOr<Schema>)>;

/// What a request is made of, for its documentation.
pub(super) struct Shape {
    /// The parameters of its query.
    pub(super) query: Vec<Parameter>,
    /// The name of its body's schema, if it has a body.
    pub(super) body: Option<String>,
    /// The name of its answer's schema.
    pub(super) answer: String,
}

impl Shape {
    fn of<Q: IntoParams, B: ToSchema + 'static, A: ToSchema>(schemas: &mut Schemas) -> Self {
        let has_body = TypeId::of::<B>() != TypeId::of::<NoBody>();
        if has_body {
            schemas.push((B::name().into_owned(), B::schema()));
            B::schemas(schemas);
        }
        schemas.push((A::name().into_owned(), A::schema()));
        A::schemas(schemas);
        Self {
            query: Q::into_params(|| None),
            body: has_body.then(|| B::name().into_owned()),
            answer: A::name().into_owned(),
        }
    }
}

/// Reads a request into its types, and has it looked at.
fn begin<Q, B, A>(
    call: &Call<'_>,
    (query, body): (&str, &[u8]),
    look: impl FnOnce(&Call<'_>, &Q, &B) -> Result<Work<A>, Problem>,
) -> Result<Work<String>, Problem>
where
    Q: DeserializeOwned,
    B: DeserializeOwned,
    A: serde::Serialize + 'static,
{
    look(call, &read_query(query)?, &read_body(body)?)?.as_json()
}

macro_rules! endpoints {
    ($(#[doc = $summary:literal] $method:ident $path:literal $access:ident $weight:literal,
        $query:ty, $body:ty => $answer:ty = $module:ident::$look:ident as $name:literal;)+) => {
        /// All requests that there are.
        pub static ENDPOINTS: &[Endpoint] = &[$(Endpoint {
            method: stringify!($method),
            path: concat!("/api/v1/", $path),
            name: $name,
            summary: $summary.trim_ascii(),
            access: Access::$access,
            weight: $weight,
            begin: |call, query, body| {
                begin::<$query, $body, $answer>(call, (query, body), $module::$look)
            },
            document: |endpoint, schemas| {
                openapi::operation(endpoint, Shape::of::<$query, $body, $answer>(schemas))
            },
        }),+];
    };
}

use super::actions::{AmendRequest, BracketRequest, CancelAllQuery, CountdownRequest, ListRequest};
use super::market::{
    AuctionAnswer, Imbalance, Instrument, Instruments, MicroPrice, OrderBook, TickerAnswer,
    VpinAnswer,
};
use super::order::{ConditionalRequest, PlaceRequest, ReplaceRequest};
use super::questions::{
    Account, Candles, CandlesQuery, DepthQuery, Fills, FillsQuery, LevelsQuery, Lists,
    OpenOrdersQuery, OrdersAnswer, OrdersQuery, Tickers, Time, Trades, TradesQuery,
};
use super::view::{Amended, Cancelled, Countdown, List, Order, Placed, PlacedList, Replaced};

endpoints! {
    /// The venue's time
    GET "time" Public 1, NoQuery, NoBody => Time = questions::time as "time";
    /// All instruments
    GET "instruments" Public 1, NoQuery, NoBody => Instruments
        = questions::instruments as "instruments";
    /// An instrument
    GET "instruments/{symbol}" Public 1, NoQuery, NoBody => Instrument
        = questions::instrument as "instrument";
    /// The displayed book
    GET "orderbook/{symbol}" Public 5, DepthQuery, NoBody => OrderBook
        = questions::order_book as "orderbook";
    /// The micro-price, and what else the best prices say
    GET "orderbook/{symbol}/microprice" Public 1, NoQuery, NoBody => MicroPrice
        = questions::micro_price as "microprice";
    /// The imbalance of the best levels
    GET "orderbook/{symbol}/imbalance" Public 1, LevelsQuery, NoBody => Imbalance
        = questions::imbalance as "imbalance";
    /// How toxic the flow is
    GET "vpin/{symbol}" Public 1, NoQuery, NoBody => VpinAnswer = questions::vpin as "vpin";
    /// Public trades
    GET "trades/{symbol}" Public 5, TradesQuery, NoBody => Trades = questions::trades as "trades";
    /// Candles
    GET "candles/{symbol}" Public 5, CandlesQuery, NoBody => Candles
        = questions::candles as "candles";
    /// The last 24 hours of all instruments
    GET "ticker" Public 5, NoQuery, NoBody => Tickers = questions::tickers as "tickers";
    /// The last 24 hours of an instrument
    GET "ticker/{symbol}" Public 1, NoQuery, NoBody => TickerAnswer
        = questions::ticker as "ticker";
    /// The phase of an instrument, its call and its last auction
    GET "auction/{symbol}" Public 1, NoQuery, NoBody => AuctionAnswer
        = questions::auction as "auction";
    /// The balances of the account
    GET "account" Read 5, NoQuery, NoBody => Account = questions::account as "account";
    /// The account's trades
    GET "account/trades" Read 5, FillsQuery, NoBody => Fills = questions::fills as "fills";
    /// Orders that live, and those that ended
    GET "orders" Read 5, OrdersQuery, NoBody => OrdersAnswer = questions::orders as "orders";
    /// Orders that live
    GET "orders/open" Read 5, OpenOrdersQuery, NoBody => OrdersAnswer
        = questions::open_orders as "open_orders";
    /// An order
    GET "orders/{symbol}/{order_id}" Read 1, NoQuery, NoBody => Order
        = questions::order as "order";
    /// Lists that live, and those that ended
    GET "lists" Read 5, OpenOrdersQuery, NoBody => Lists = questions::lists as "lists";
    /// A list
    GET "lists/{list_id}" Read 1, NoQuery, NoBody => List = questions::list as "list";
    /// Enter an order
    POST "orders" Trade 1, NoQuery, PlaceRequest => Placed = actions::place as "place";
    /// Enter an order that waits for a condition
    POST "orders/conditional" Trade 1, NoQuery, ConditionalRequest => Placed
        = actions::conditional as "place_conditional";
    /// Enter two orders of which one cancels the other
    POST "orders/oco" Trade 1, NoQuery, ListRequest => PlacedList = actions::oco as "place_oco";
    /// Enter an order, and one that follows once it is filled
    POST "orders/oto" Trade 1, NoQuery, ListRequest => PlacedList = actions::oto as "place_oto";
    /// Enter an order, and two exits of which one cancels the other
    POST "orders/otoco" Trade 1, NoQuery, ListRequest => PlacedList
        = actions::otoco as "place_otoco";
    /// Enter an order with its take profit and its stop loss
    POST "orders/bracket" Trade 1, NoQuery, BracketRequest => PlacedList
        = actions::bracket as "place_bracket";
    /// Cancel all orders in some time from now, unless this is sent again
    POST "orders/countdown" Trade 1, NoQuery, CountdownRequest => Countdown
        = actions::countdown as "countdown";
    /// Cancel an order, of whichever instrument
    POST "orders/{order_id}/cancel" Trade 1, NoQuery, NoBody => Order
        = actions::cancel_by_id as "cancel_by_id_by_post";
    /// Cancel an order, of whichever instrument
    DELETE "orders/{order_id}/cancel" Trade 1, NoQuery, NoBody => Order
        = actions::cancel_by_id as "cancel_by_id";
    /// Cancel an order
    POST "orders/{symbol}/{order_id}/cancel" Trade 1, NoQuery, NoBody => Order
        = actions::cancel as "cancel_by_post";
    /// Cancel an order
    DELETE "orders/{symbol}/{order_id}" Trade 1, NoQuery, NoBody => Order
        = actions::cancel as "cancel";
    /// Change an order
    PATCH "orders/{symbol}/{order_id}" Trade 1, NoQuery, AmendRequest => Amended
        = actions::amend as "amend";
    /// Cancel an order and enter another, both or neither
    POST "orders/{symbol}/{order_id}/replace" Trade 1, NoQuery, ReplaceRequest => Replaced
        = actions::replace as "replace";
    /// Cancel many orders
    DELETE "orders" Trade 1, CancelAllQuery, NoBody => Cancelled
        = actions::cancel_all as "cancel_all";
    /// Cancel the orders of a list
    DELETE "lists/{list_id}" Trade 1, NoQuery, NoBody => Cancelled
        = actions::cancel_list as "cancel_list";
}

/// What stands in the places of `template`; `None` if `path` is another.
fn places(template: &str, path: &str) -> Option<Vec<String>> {
    let mut places = Vec::new();
    let mut segments = path.split('/');
    for expected in template.split('/') {
        let segment = segments.next()?;
        if expected.starts_with('{') {
            let place = decode(segment, false).filter(|place| !place.is_empty())?;
            places.push(place.into_owned());
        } else if segment != expected {
            return None;
        }
    }
    segments.next().is_none().then_some(places)
}

/// The request of that method and path, and what stands in the places of the path.
///
/// # Errors
/// No such path; or no such method, and those that the path has.
pub fn find(method: &str, path: &str) -> Result<Found, NotFound> {
    let of = |endpoint: &'static Endpoint| Some((endpoint, places(endpoint.path, path)?));
    let mut found: Vec<_> = ENDPOINTS.iter().filter_map(of).collect();
    // Of `orders/{symbol}/{order_id}` and `orders/{order_id}/cancel` it is the one that says more.
    let fewest = found.iter().map(|(_, places)| places.len()).min();
    found.retain(|(_, places)| Some(places.len()) == fewest);
    let allowed: Vec<_> = found.iter().map(|(endpoint, _)| endpoint.method).collect();
    if let Some(found) = found.into_iter().find(|(endpoint, _)| endpoint.method == method) {
        return Ok(found);
    }
    let problem = if allowed.is_empty() {
        Problem::new(Code::UnknownPath, "no such path: see /docs")
    } else {
        Problem::new(Code::MethodNotAllowed, "the path does not have this method")
    };
    Err((problem, allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_by_their_fixed_parts_and_their_places_are_decoded() {
        let found = |method, path| {
            let (endpoint, places) = find(method, path).map_err(|(problem, _)| problem).unwrap();
            (endpoint.name, places)
        };
        assert_eq!(found("GET", "/api/v1/orders/open"), ("open_orders", vec![]));
        let of = |name, places: &[&str]| (name, places.iter().map(ToString::to_string).collect());
        assert_eq!(
            found("GET", "/api/v1/orders/A%2FB/client:x"),
            of("order", &["A/B", "client:x"])
        );
        assert_eq!(found("POST", "/api/v1/orders/A/7/cancel"), of("cancel_by_post", &["A", "7"]));
        assert_eq!(found("DELETE", "/api/v1/orders/7/cancel"), of("cancel_by_id", &["7"]));
        let (_, allowed) = find("PATCH", "/api/v1/orders/7/cancel").err().unwrap();
        assert_eq!(allowed, ["POST", "DELETE"], "an order of the symbol 7 is not meant");
        for path in ["/api/v1/", "/api/v1/orders/", "/api/v1/nothing", "/api/v1/orders//7", "/"] {
            assert_eq!(find("GET", path).err().unwrap().0.code, "UNKNOWN_PATH", "{path}");
        }
        let (problem, allowed) = find("PUT", "/api/v1/orders").err().unwrap();
        assert_eq!((problem.status, allowed), (405, vec!["GET", "POST", "DELETE"]));
    }

    #[test]
    fn names_are_unique_and_every_path_is_of_one_request_alone() {
        let mut names: Vec<&str> = ENDPOINTS.iter().map(|endpoint| endpoint.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ENDPOINTS.len());
        for endpoint in ENDPOINTS {
            let path = endpoint.path.replace(['{', '}'], "x");
            assert_eq!(find(endpoint.method, &path).ok().unwrap().0.name, endpoint.name);
        }
    }
}
