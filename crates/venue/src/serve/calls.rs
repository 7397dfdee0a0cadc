//! The calls of the Binance interface: one table, for requests over HTTP and over the `WebSocket`
//! interface alike.
//!
//! ```text
//!   binance (HTTP)  --+                        +--> Work::Done: from the read models
//!                     +--> Calling --> begin --+
//!   ws_api          --+    (table)             +--> Work::Wait: the engine answers, then `Tell`
//! ```
//!
//! A transport finds the call, counts its weight, reads the parameters and who signed them; what
//! the call is and what it answers stands here once.

mod lists;
mod orders;
mod replace;
mod user_stream;

use std::sync::Arc;

use axum::http::Method;
use serde_json::json;
use tiercel_types::{AccountId, Command, Timestamp};

use crate::accounts::Key;
use crate::binance::answer::NANOS_PER_MILLI;
use crate::binance::order_list::PlaceList;
use crate::binance::rate_limit::{OrderCount, order_counts};
use crate::binance::{
    ApiError, Params, average_price, fees, history, klines, questions, tickers, trades,
};

use super::ServeOptions;
use super::gateway::{Events, Gateway, Shared, Ticket};

/// Which call, and what it needs.
pub(super) struct Calling {
    /// Method and path over HTTP: behind `/api/v3/`, or whole with the slash that it begins with.
    pub(super) http: (Method, &'static str),
    /// Its name over the `WebSocket` interface; empty: it is not there.
    pub(super) name: &'static str,
    pub(super) access: Access,
    /// The documented weight.
    pub(super) weight: fn(&Params<'_>) -> u32,
    /// Looks at the request, up to its submission, without waiting for anything.
    pub(super) begin: fn(&mut Call<'_>) -> Result<Work, ApiError>,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Public,
    /// The owner of a key that may read; nothing is signed.
    Key,
    /// The owner of a key that may read.
    Read,
    /// The owner of a key that may trade.
    Trade,
}

impl Access {
    /// Whether the owner of the key may.
    ///
    /// # Errors
    /// -2015 if not.
    pub(super) fn check(self, key: &Key) -> Result<(), ApiError> {
        let may = match self {
            Self::Public => true,
            Self::Key | Self::Read => key.may_read,
            Self::Trade => key.may_trade,
        };
        if may { Ok(()) } else { Err(ApiError::key_rejected()) }
    }
}

/// What is left to do after a request was looked at.
pub(super) enum Work {
    /// Nothing: this is the answer.
    Done(String),
    /// The engine answers: what it did is then told, or more is asked of it.
    Wait(Ticket, Tell),
}

/// Tells what the engine did, from the events of the submission.
pub(super) type Tell = Box<dyn FnOnce(&mut Gateway, &Events) -> Result<Work, ApiError> + Send>;

/// A request that is being looked at.
pub(super) struct Call<'c> {
    pub(super) shared: &'c Shared,
    pub(super) gateway: &'c mut Gateway,
    pub(super) params: &'c Params<'c>,
    /// Whose request it is; the venue's own for those that anybody may make.
    pub(super) account: AccountId,
    /// The key that asks; `None`: anybody.
    pub(super) key: Option<&'c Arc<Key>>,
    pub(super) now_ms: u64,
    /// Set by calls that place orders.
    pub(super) order_count: Option<OrderCount>,
}

const fn one(_: &Params<'_>) -> u32 {
    1
}

macro_rules! calls {
    ($($method:ident $path:literal, $name:literal, $access:ident, $weight:expr, $begin:expr;)+) => {
        /// All that there are. Weights are the documented ones.
        pub(super) static CALLS: &[Calling] = &[$(Calling {
            http: (Method::$method, $path),
            name: $name,
            access: Access::$access,
            weight: $weight,
            begin: $begin,
        }),+];
    };
}

calls! {
    GET "ping", "ping", Public, one,
        |call| call.ask(|call| call.params.finish().map(|()| "{}".to_owned()));
    GET "time", "time", Public, one, |call| call.ask(|call| {
        call.params.finish().map(|()| json!({ "serverTime": call.now_ms }).to_string())
    });
    GET "exchangeInfo", "exchangeInfo", Public, |_| 20, |call| call.ask(|call| {
        let ServeOptions { limits, open_orders, .. } = &call.shared.options;
        let models = &call.gateway.models;
        questions::exchange_info(models, call.params, (limits, open_orders), call.now_ms)
    });
    GET "depth", "depth", Public, questions::depth_weight, |call| call.ask(|call| {
        let spec = questions::instrument(&call.gateway.models, call.params)?;
        call.gateway.align_depth(spec.instrument);
        questions::depth(&call.gateway.models, call.params)
    });
    GET "trades", "trades.recent", Public, |_| 25,
        |call| call.ask(|call| trades::trades(&call.gateway.models, call.params));
    GET "ticker/bookTicker", "ticker.book", Public, questions::ticker_weight,
        |call| call.ask(|call| questions::book_ticker(&call.gateway.models, call.params));
    GET "ticker/price", "ticker.price", Public, questions::ticker_weight,
        |call| call.ask(|call| questions::price_ticker(&call.gateway.models, call.params));
    GET "historicalTrades", "trades.historical", Public, |_| 25,
        |call| call.ask(|call| trades::historical_trades(&call.gateway.models, call.params));
    GET "aggTrades", "trades.aggregate", Public, |_| 4,
        |call| call.ask(|call| trades::aggregate_trades(&call.gateway.models, call.params));
    GET "klines", "klines", Public, |_| 2, |call| call.ask(|call| {
        klines::klines(&call.gateway.models, call.params, call.now())
    });
    GET "uiKlines", "uiKlines", Public, |_| 2, |call| call.ask(|call| {
        klines::klines(&call.gateway.models, call.params, call.now())
    });
    GET "avgPrice", "avgPrice", Public, |_| 2, |call| call.ask(|call| {
        average_price::average_price(&call.gateway.models, call.params, call.now())
    });
    GET "ticker/24hr", "ticker.24hr", Public, questions::day_ticker_weight, |call| call.ask(|call| {
        tickers::day_tickers(&call.gateway.models, call.params, call.now())
    });
    GET "ticker/tradingDay", "ticker.tradingDay", Public, questions::window_ticker_weight,
        |call| call.ask(|call| {
            tickers::trading_day_tickers(&call.gateway.models, call.params, call.now())
        });
    GET "ticker", "ticker", Public, questions::window_ticker_weight, |call| call.ask(|call| {
        tickers::window_tickers(&call.gateway.models, call.params, call.now())
    });
    POST "order", "order.place", Trade, one, |call| call.place();
    POST "order/test", "order.test", Trade,
        |params| if params.has("computeCommissionRates") { 20 } else { 1 }, |call| call.test();
    DELETE "order", "order.cancel", Trade, one, |call| call.cancel();
    DELETE "openOrders", "openOrders.cancelAll", Trade, one, |call| call.cancel_open_orders();
    POST "order/cancelReplace", "order.cancelReplace", Trade, one, |call| call.cancel_replace();
    PUT "order/amend/keepPriority", "order.amend.keepPriority", Trade, |_| 4, |call| call.amend();
    POST "orderList/oco", "orderList.place.oco", Trade, one,
        |call| call.place_list(PlaceList::read_oco);
    POST "order/oco", "orderList.place", Trade, one,
        |call| call.place_list(PlaceList::read_old_oco);
    POST "orderList/oto", "orderList.place.oto", Trade, one,
        |call| call.place_list(PlaceList::read_oto);
    POST "orderList/otoco", "orderList.place.otoco", Trade, one,
        |call| call.place_list(PlaceList::read_otoco);
    DELETE "orderList", "orderList.cancel", Trade, one, |call| call.cancel_list();
    GET "orderList", "orderList.status", Read, |_| 4, |call| call.ask(|call| {
        questions::order_list(&call.gateway.models, call.params, call.account)
    });
    GET "openOrderList", "openOrderLists.status", Read, |_| 6, |call| call.ask(|call| {
        questions::open_order_lists(&call.gateway.models, call.params, call.account)
    });
    GET "allOrderList", "allOrderLists", Read, |_| 20, |call| call.ask(|call| {
        questions::all_order_lists(&call.gateway.models, call.params, call.account)
    });
    GET "order", "order.status", Read, |_| 4, |call| call.ask(|call| {
        questions::order(&call.gateway.models, call.params, call.account)
    });
    GET "openOrders", "openOrders.status", Read, questions::open_orders_weight,
        |call| call.ask(|call| {
            questions::open_orders(&call.gateway.models, call.params, call.account)
        });
    GET "allOrders", "allOrders", Read, |_| 20, |call| call.ask(|call| {
        questions::all_orders(&call.gateway.models, call.params, call.account)
    });
    GET "myTrades", "myTrades", Read, questions::my_trades_weight, |call| call.ask(|call| {
        questions::my_trades(&call.gateway.models, call.params, call.account)
    });
    GET "myPreventedMatches", "myPreventedMatches", Read, history::prevented_weight,
        |call| call.ask(|call| {
            history::prevented_matches(&call.gateway.models, call.params, call.account)
        });
    GET "order/amendments", "order.amendments", Read, |_| 4, |call| call.ask(|call| {
        history::amendments(&call.gateway.models, call.params, call.account)
    });
    GET "account/commission", "account.commission", Read, |_| 20, |call| call.ask(|call| {
        fees::commission(&call.gateway.models, call.params)
    });
    GET "/sapi/v1/asset/tradeFee", "", Read, one,
        |call| call.ask(|call| fees::trade_fees(&call.gateway.models, call.params));
    GET "rateLimit/order", "account.rateLimits.orders", Read, |_| 40, |call| call.ask(|call| {
        call.params.finish()?;
        let count = call.gateway.orders.count(call.account, call.now_ms);
        Ok(order_counts(&call.shared.options.limits, count).to_string())
    });
    GET "myAllocations", "myAllocations", Read, |_| 20,
        |call| call.ask(|call| questions::allocations(&call.gateway.models, call.params));
    GET "account", "account.status", Read, |_| 20, |call| call.ask(|call| {
        let (account, may_trade) = (call.account, call.key.is_some_and(|key| key.may_trade));
        questions::account(&call.gateway.models, call.params, account, may_trade, call.now_ms)
    });
    POST "userDataStream", "userDataStream.start", Key, |_| 2, |call| call.open_listen_key();
    PUT "userDataStream", "userDataStream.ping", Key, |_| 2, |call| call.keep_listen_key();
    DELETE "userDataStream", "userDataStream.stop", Key, |_| 2, |call| call.close_listen_key();
}

impl<'c> Call<'c> {
    /// A request of the owner of `key`, or of anybody.
    pub(super) fn new(
        shared: &'c Shared,
        gateway: &'c mut Gateway,
        params: &'c Params<'c>,
        key: Option<&'c Arc<Key>>,
        now_ms: u64,
    ) -> Self {
        Self {
            shared,
            gateway,
            params,
            account: key.map_or(AccountId::VENUE, |key| key.account),
            key,
            now_ms,
            order_count: None,
        }
    }

    /// The time of the request.
    const fn now(&self) -> Timestamp {
        Timestamp(self.now_ms.saturating_mul(NANOS_PER_MILLI))
    }

    /// Answers a question from the read models, once all parameters were read.
    fn ask(
        &mut self,
        question: impl FnOnce(&mut Self) -> Result<String, ApiError>,
    ) -> Result<Work, ApiError> {
        question(self).map(Work::Done)
    }

    /// Hands commands in for the account; `tell` makes the answer of their durable events.
    fn submit(
        &mut self,
        commands: &[Command],
        tell: impl FnOnce(&mut Gateway, &Events) -> Result<String, ApiError> + Send + 'static,
    ) -> Result<Work, ApiError> {
        let ticket = self.gateway.submit(self.account, commands)?;
        let tell =
            move |gateway: &mut Gateway, events: &Events| tell(gateway, events).map(Work::Done);
        Ok(Work::Wait(ticket, Box::new(tell)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_is_there_twice() {
        for (at, call) in CALLS.iter().enumerate() {
            let twin = CALLS[..at].iter().find(|other| other.http == call.http);
            assert!(twin.is_none(), "{:?}", call.http);
            let twin = CALLS[..at].iter().find(|other| other.name == call.name);
            assert!(call.name.is_empty() || twin.is_none(), "{}", call.name);
        }
    }
}
