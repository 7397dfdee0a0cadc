//! Order lists as requests: OCO, OTO and OTOCO, and the commands that they become.
//!
//! A list is one submission: each of its orders is staged, and the list itself comes behind them.

use tiercel_types::command::NewOrderList;
use tiercel_types::order::{ListKind, PendingRule};
use tiercel_types::{
    AccountId, ClientOrderId, Command, InstrumentSpec, ListId, Price, Side, TimeInForce,
};

use super::error::ApiError;
use super::order::{
    Draft, Fields, Names, OrderName, Owner, PlaceOrder, read_response, read_self_trade_prevention,
    read_trailing,
};
use super::params::Params;
use super::words::{OrderType, ResponseType, parse_side, parse_time_in_force};
use crate::models::{ListView, Models, Orders};

/// A new list, checked as far as it can be without the book and the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceList {
    /// How its orders hang together.
    pub kind: ListKind,
    /// The client's name for it.
    pub list_client_order_id: ClientOrderId,
    /// Its orders: the working order first, and of a pair the stop loss first.
    pub orders: Vec<PlaceOrder>,
}

/// For whom a list is read, and names for what has none.
pub struct Placing<'a> {
    /// What it trades.
    pub spec: &'a InstrumentSpec,
    /// Whose it is.
    pub account: AccountId,
    /// A name that no order and no list of the account has.
    pub generate: &'a mut dyn FnMut() -> ClientOrderId,
}

/// The names of the parameters that begin with the name of their order.
macro_rules! names {
    ($prefix:literal, $side:literal, $qty:literal) => {
        Names {
            order_type: concat!($prefix, "Type"),
            side: $side,
            qty: $qty,
            quote_qty: None,
            price: concat!($prefix, "Price"),
            stop_price: concat!($prefix, "StopPrice"),
            trailing_delta: concat!($prefix, "TrailingDelta"),
            time_in_force: concat!($prefix, "TimeInForce"),
            iceberg_qty: concat!($prefix, "IcebergQty"),
            client_order_id: concat!($prefix, "ClientOrderId"),
            strategy_id: concat!($prefix, "StrategyId"),
            strategy_type: concat!($prefix, "StrategyType"),
        }
    };
}

const ABOVE: Names = names!("above", "side", "quantity");
const BELOW: Names = names!("below", "side", "quantity");
const WORKING: Names = names!("working", "workingSide", "workingQuantity");
const PENDING: Names = names!("pending", "pendingSide", "pendingQuantity");
const PENDING_ABOVE: Names = names!("pendingAbove", "pendingSide", "pendingQuantity");
const PENDING_BELOW: Names = names!("pendingBelow", "pendingSide", "pendingQuantity");
/// Those of the older form of an OCO, whose types are not said.
const OLD_LIMIT: Names =
    Names { price: "price", iceberg_qty: "limitIcebergQty", ..names!("limit", "side", "quantity") };
const OLD_STOP: Names = Names {
    price: "stopLimitPrice",
    stop_price: "stopPrice",
    trailing_delta: "trailingDelta",
    time_in_force: "stopLimitTimeInForce",
    iceberg_qty: "stopIcebergQty",
    ..names!("stop", "side", "quantity")
};

/// An order of a list with its parameters, not yet checked.
struct Leg {
    draft: Draft,
    fields: Fields,
}

impl Leg {
    fn read(params: &Params<'_>, names: &'static Names) -> Result<Self, ApiError> {
        let draft = Draft::read(params, names)?;
        Ok(Self { draft, fields: Fields::read(params, names)? })
    }

    /// Where its price stands against the last trade's in a pair: the trigger of what waits, the
    /// limit of the others. A stop that trails from the next trade on has none.
    fn level(&self) -> Option<Price> {
        match self.draft.order_type {
            OrderType::LimitMaker | OrderType::TakeProfitLimit => self.fields.price,
            _ => self.fields.stop_price,
        }
    }

    fn is_stop_loss(&self) -> bool {
        matches!(self.draft.order_type, OrderType::StopLoss | OrderType::StopLossLimit)
    }
}

impl PlaceList {
    /// Reads `POST orderList/oco`.
    ///
    /// # Errors
    /// As [`PlaceOrder::read`]; -1158 to -1168 and -1196 to -1199 for types that are no pair, -2010
    /// for prices that are none.
    pub fn read_oco(params: &Params<'_>, placing: &mut Placing<'_>) -> Result<Self, ApiError> {
        let pair = [Leg::read(params, &ABOVE)?, Leg::read(params, &BELOW)?];
        Self::finish(params, placing, ListKind::Oco, None, pair.into())
    }

    /// Reads `POST order/oco`, the older form: a limit order that only makes, and a stop loss.
    ///
    /// # Errors
    /// As [`PlaceList::read_oco`].
    pub fn read_old_oco(params: &Params<'_>, placing: &mut Placing<'_>) -> Result<Self, ApiError> {
        let side = parse_side(params.mandatory("side")?)?;
        let qty = params.qty("quantity")?;
        let limit = Leg {
            draft: Draft::of(params, &OLD_LIMIT, side, OrderType::LimitMaker)?,
            fields: Fields {
                qty,
                price: params.price(OLD_LIMIT.price)?,
                iceberg_qty: params.qty(OLD_LIMIT.iceberg_qty)?,
                ..Fields::default()
            },
        };
        let price = params.price(OLD_STOP.price)?;
        let stop_type =
            if price.is_some() { OrderType::StopLossLimit } else { OrderType::StopLoss };
        let stop = Leg {
            draft: Draft::of(params, &OLD_STOP, side, stop_type)?,
            fields: Fields {
                qty,
                price,
                stop_price: params.price(OLD_STOP.stop_price)?,
                trailing_bps: read_trailing(params, OLD_STOP.trailing_delta)?,
                time_in_force: params
                    .text(OLD_STOP.time_in_force)?
                    .map(parse_time_in_force)
                    .transpose()?,
                iceberg_qty: params.qty(OLD_STOP.iceberg_qty)?,
                ..Fields::default()
            },
        };
        let pair = match side {
            Side::Sell => vec![limit, stop],
            Side::Buy => vec![stop, limit],
        };
        Self::finish(params, placing, ListKind::Oco, None, pair)
    }

    /// Reads `POST orderList/oto`.
    ///
    /// # Errors
    /// As [`PlaceOrder::read`]; -1014 for a working order that is no limit order.
    pub fn read_oto(params: &Params<'_>, placing: &mut Placing<'_>) -> Result<Self, ApiError> {
        let working = Leg::read(params, &WORKING)?;
        let pending = vec![Leg::read(params, &PENDING)?];
        Self::finish(params, placing, ListKind::Oto, Some(working), pending)
    }

    /// Reads `POST orderList/otoco`.
    ///
    /// # Errors
    /// As [`PlaceList::read_oto`] and [`PlaceList::read_oco`].
    pub fn read_otoco(params: &Params<'_>, placing: &mut Placing<'_>) -> Result<Self, ApiError> {
        let working = Leg::read(params, &WORKING)?;
        let pair = vec![Leg::read(params, &PENDING_ABOVE)?, Leg::read(params, &PENDING_BELOW)?];
        Self::finish(params, placing, ListKind::Otoco, Some(working), pair)
    }

    /// Reads what lists have in common, and checks all of it. `others`: the pending order, or the
    /// order above and the order below.
    fn finish(
        params: &Params<'_>,
        placing: &mut Placing<'_>,
        kind: ListKind,
        working: Option<Leg>,
        mut others: Vec<Leg>,
    ) -> Result<Self, ApiError> {
        let list_client_order_id = params.client_order_id("listClientOrderId")?;
        let self_trade_prevention = read_self_trade_prevention(params)?;
        let response = read_response(params)?.unwrap_or(ResponseType::Result);
        params.finish()?;
        if let Some(working) = &working
            && !matches!(working.draft.order_type, OrderType::Limit | OrderType::LimitMaker)
        {
            return Err(ApiError::new(-1014, "Unsupported order combination."));
        }
        if let [above, below] = &others[..] {
            check_pair(above, below)?;
            if below.is_stop_loss() {
                others.swap(0, 1);
            }
        }
        let Placing { spec, account, generate } = placing;
        let owner = Owner { spec, account: *account, self_trade_prevention, response };
        let order = |leg: Leg| leg.draft.order(&leg.fields, &owner, generate());
        let orders: Vec<_> =
            working.into_iter().chain(others).map(order).collect::<Result<_, _>>()?;
        let names = || orders.iter().map(|order| order.order.client_order_id);
        if names().enumerate().any(|(at, name)| names().skip(at + 1).any(|other| other == name)) {
            return Err(ApiError::rejected("Duplicate order sent."));
        }
        let list_client_order_id = list_client_order_id.unwrap_or_else(generate);
        Ok(Self { kind, list_client_order_id, orders })
    }

    /// Looks at what the engine does not: whether another live list has this name, and whether the
    /// limit order of an OCO lies on its side of the last trade.
    ///
    /// # Errors
    /// -2010.
    pub fn check(&self, models: &Models) -> Result<(), ApiError> {
        let Some(PlaceOrder { order, .. }) = self.orders.first() else { return Ok(()) };
        let mut live = models.orders().lists(order.account).filter(|list| list.ended.0 == 0);
        if live.any(|list| list.list_client_order_id == self.list_client_order_id) {
            return Err(ApiError::rejected("Duplicate order sent."));
        }
        let last = models.trades().of(order.instrument).next_back();
        match last.filter(|_| self.kind == ListKind::Oco) {
            Some(trade) => self.check_limits(trade.price),
            None => Ok(()),
        }
    }

    fn check_limits(&self, last: Price) -> Result<(), ApiError> {
        let limits = self.orders.iter().filter(|order| {
            matches!(order.order_type, OrderType::LimitMaker | OrderType::TakeProfitLimit)
        });
        for PlaceOrder { order, .. } in limits {
            let beyond = match order.side {
                Side::Sell => order.price > last,
                Side::Buy => order.price < last,
            };
            if !beyond {
                return Err(ApiError::price_relationship());
            }
        }
        Ok(())
    }

    /// What goes to the engine, as one submission.
    pub fn commands(&self) -> Vec<Command> {
        let mut commands: Vec<_> = self.orders.iter().map(PlaceOrder::leg).collect();
        if let Some(PlaceOrder { order, .. }) = self.orders.first() {
            let list = NewOrderList {
                instrument: order.instrument,
                account: order.account,
                list_client_order_id: self.list_client_order_id,
                kind: self.kind,
                pending_rule: PendingRule::FullFill,
                reserved: [0; 2],
            };
            commands.push(list.into());
        }
        commands
    }
}

/// Whether two orders are a pair of which one cancels the other: a stop loss on the side where the
/// market hurts, a limit or take-profit order on the other.
fn check_pair(above: &Leg, below: &Leg) -> Result<(), ApiError> {
    use OrderType::{LimitMaker, StopLoss, StopLossLimit, TakeProfit, TakeProfitLimit};
    let refuse = |code, message| Err(ApiError::new(code, message));
    for leg in [above, below] {
        if matches!(leg.draft.order_type, OrderType::Limit | OrderType::Market) {
            return refuse(-1158, "Order type not supported in OCO.");
        }
        let stays = leg.fields.time_in_force.is_none_or(|given| given == TimeInForce::Gtc);
        if leg.fields.iceberg_qty.is_some() && !stays {
            let name = leg.draft.names.iceberg_qty;
            return Err(ApiError::new(
                -1160,
                format!(
                    "Parameter '{name}' is not supported if `aboveTimeInForce`/`belowTimeInForce` \
                     is not GTC."
                ),
            ));
        }
    }
    let (high, low) = (above.draft.order_type, below.draft.order_type);
    if (high, low) == (LimitMaker, LimitMaker) {
        return refuse(-1168, "At least one OCO order must be contingent.");
    }
    match (above.draft.side, high, low) {
        (Side::Buy, LimitMaker, _) => refuse(-1165, "A limit order in a buy OCO must be below."),
        (Side::Sell, _, LimitMaker) => refuse(-1166, "A limit order in a sell OCO must be above."),
        (Side::Buy, _, StopLoss | StopLossLimit) => {
            refuse(-1196, "A stop loss order in a buy OCO must be above.")
        }
        (Side::Sell, StopLoss | StopLossLimit, _) => {
            refuse(-1197, "A stop loss order in a sell OCO must be below.")
        }
        (Side::Buy, TakeProfit | TakeProfitLimit, _) => {
            refuse(-1198, "A take profit order in a buy OCO must be below.")
        }
        (Side::Sell, _, TakeProfit | TakeProfitLimit) => {
            refuse(-1199, "A take profit order in a sell OCO must be above.")
        }
        _ => match (above.level(), below.level()) {
            (Some(high), Some(low)) if high <= low => Err(ApiError::price_relationship()),
            _ => Ok(()),
        },
    }
}

/// Which list a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListName {
    list_id: Option<ListId>,
    client: Option<ClientOrderId>,
}

impl ListName {
    /// Reads `orderListId`, or the client's name for the list in the parameter `client`. Of both,
    /// both have to be the list's.
    ///
    /// # Errors
    /// -1102 if neither is there.
    pub fn read(params: &Params<'_>, client: &str) -> Result<Self, ApiError> {
        let list_id = params.integer("orderListId")?.map(ListId);
        let name = params.client_order_id(client)?;
        if list_id.is_none() && name.is_none() {
            return Err(ApiError::either("orderListId", client));
        }
        Ok(Self { list_id, client: name })
    }

    /// The account's list of that name; of a client's name the newest.
    pub fn find(self, orders: &Orders, account: AccountId) -> Option<&ListView> {
        let called =
            |list: &&ListView| self.client.is_none_or(|client| list.list_client_order_id == client);
        match self.list_id {
            Some(list_id) => orders.list(account, list_id).filter(called),
            None => orders.lists(account).rev().find(called),
        }
    }
}

/// The commands that end a list: one for each order that lives, since a first one may have been
/// filled by then. The first that finds its order ends all of them.
pub fn cancel_list(orders: &Orders, list: &ListView) -> Vec<Command> {
    let live = list.order_ids[..list.kind.orders()].iter().filter(|order_id| {
        orders.get(list.account, **order_id).is_some_and(|order| order.stage.is_live())
    });
    live.map(|order_id| OrderName::Id(*order_id).cancel(list.account)).collect()
}
