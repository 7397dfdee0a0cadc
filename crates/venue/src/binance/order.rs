//! Orders as requests: which parameters each type takes, and the command that it becomes.

use tiercel_types::command::{CancelOrder, MassCancel, NewAdvancedOrder, NewOrder, OrderTerms};
use tiercel_types::order::{SideScope, Trigger};
use tiercel_types::{
    AccountId, ClientOrderId, Command, InstrumentSpec, OrderId, OrderKind, Price, Qty,
    SelfTradePrevention, TimeInForce,
};

use super::error::ApiError;
use super::params::Params;
use super::words::{
    OrderType, ResponseType, parse_self_trade_prevention, parse_side, parse_time_in_force,
};

/// What prevents self-trades where an order does not say; `exchangeInfo` tells clients.
pub const SELF_TRADE_PREVENTION_DEFAULT: SelfTradePrevention = SelfTradePrevention::ExpireMaker;

/// The lowest `strategyType` that belongs to clients.
const STRATEGY_TYPE_MIN: u64 = 1_000_000;

/// A new order, checked as far as it can be without the book and the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceOrder {
    /// The order; when it waits, as it is entered once it is triggered.
    pub order: NewOrder,
    /// What it waits for, if it does.
    pub terms: Option<OrderTerms>,
    /// Its type.
    pub order_type: OrderType,
    /// How much its answer says.
    pub response: ResponseType,
}

impl PlaceOrder {
    /// What goes to the engine.
    pub fn command(&self) -> Command {
        match self.terms {
            Some(terms) => NewAdvancedOrder { order: self.order, terms }.into(),
            None => self.order.into(),
        }
    }

    /// Reads the parameters of `POST order`. An order without `newClientOrderId` gets
    /// `generated`, which is unique among the account's orders.
    ///
    /// # Errors
    /// [`ApiError`] names the first parameter that is wrong, missing or does not go with the
    /// order's type, or the filter that the order breaks.
    pub fn read(
        params: &Params<'_>,
        spec: &InstrumentSpec,
        account: AccountId,
        generated: ClientOrderId,
    ) -> Result<Self, ApiError> {
        let side = parse_side(params.mandatory("side")?)?;
        let order_type = OrderType::from_text(params.mandatory("type")?)
            .ok_or_else(|| ApiError::new(-1116, "Invalid orderType."))?;
        let client_order_id = params.client_order_id("newClientOrderId")?.unwrap_or(generated);
        let self_trade_prevention = match params.text("selfTradePreventionMode")? {
            Some(text) => parse_self_trade_prevention(text)?,
            None => SELF_TRADE_PREVENTION_DEFAULT,
        };
        let fields = Fields::read(params)?;
        let response = read_response(params, order_type)?;
        read_strategy(params)?;
        params.finish()?;
        fields.check_for(order_type)?;
        check_filters(spec, order_type, &fields)?;
        let order = NewOrder {
            price: fields.price.unwrap_or_default(),
            qty: fields.qty.unwrap_or_default(),
            quote_qty: fields.quote_qty.unwrap_or_default(),
            display_qty: fields.iceberg_qty.unwrap_or_default(),
            client_order_id,
            kind: match order_type {
                OrderType::LimitMaker => OrderKind::PostOnly,
                other if other.has_price() => OrderKind::Limit,
                _ => OrderKind::Market,
            },
            time_in_force: fields.time_in_force(order_type),
            self_trade_prevention,
            ..NewOrder::limit(spec.instrument, account, side, Price::ZERO, Qty::ZERO)
        };
        Ok(Self { order, terms: fields.terms(order_type), order_type, response })
    }
}

/// The parameters that say how an order trades.
struct Fields {
    time_in_force: Option<TimeInForce>,
    qty: Option<Qty>,
    quote_qty: Option<Qty>,
    price: Option<Price>,
    stop_price: Option<Price>,
    trailing_bps: Option<u32>,
    iceberg_qty: Option<Qty>,
}

impl Fields {
    fn read(params: &Params<'_>) -> Result<Self, ApiError> {
        let trailing_bps = match params.integer("trailingDelta")? {
            Some(bps) => {
                Some(u32::try_from(bps).map_err(|_| ApiError::overflowed("trailingDelta"))?)
            }
            None => None,
        };
        Ok(Self {
            time_in_force: params.text("timeInForce")?.map(parse_time_in_force).transpose()?,
            qty: params.qty("quantity")?,
            quote_qty: params.qty("quoteOrderQty")?,
            price: params.price("price")?,
            stop_price: params.price("stopPrice")?,
            trailing_bps,
            iceberg_qty: params.qty("icebergQty")?,
        })
    }

    /// Whether these parameters and no others make an order of this type.
    fn check_for(&self, order_type: OrderType) -> Result<(), ApiError> {
        self.check_mandatory(order_type)?;
        let refuse = |given: bool, name: &str| {
            if given { Err(ApiError::not_required(name)) } else { Ok(()) }
        };
        let takes_time_in_force = order_type.has_price() && order_type != OrderType::LimitMaker;
        if !takes_time_in_force && self.time_in_force.is_some() {
            return Err(ApiError::new(-1114, "TimeInForce parameter sent when not required."));
        }
        refuse(!order_type.has_price() && self.price.is_some(), "price")?;
        refuse(order_type != OrderType::Market && self.quote_qty.is_some(), "quoteOrderQty")?;
        refuse(!order_type.waits() && self.stop_price.is_some(), "stopPrice")?;
        refuse(!order_type.waits() && self.trailing_bps.is_some(), "trailingDelta")?;
        if let Some(display) = self.iceberg_qty.filter(|display| !display.is_zero()) {
            refuse(!order_type.has_price(), "icebergQty")?;
            let stays = self.time_in_force(order_type) == TimeInForce::Gtc;
            refuse(!stays, "icebergQty")?;
            if self.qty.is_some_and(|qty| display > qty) {
                return Err(ApiError::new(-1013, "IcebergQty exceeds QTY."));
            }
        }
        let trails = self.trailing_bps.is_some();
        if trails && matches!(order_type, OrderType::TakeProfit | OrderType::TakeProfitLimit) {
            return Err(ApiError::new(-1014, "Unsupported order combination."));
        }
        Ok(())
    }

    fn check_mandatory(&self, order_type: OrderType) -> Result<(), ApiError> {
        if order_type == OrderType::Market {
            return match (self.qty, self.quote_qty) {
                (None, None) => Err(ApiError::either("quantity", "quoteOrderQty")),
                (Some(_), Some(_)) => {
                    Err(ApiError::new(-1128, "Combination of optional parameters invalid."))
                }
                _ => Ok(()),
            };
        }
        let needs = |given: bool, name: &str| {
            if given { Ok(()) } else { Err(ApiError::mandatory(name)) }
        };
        let takes_time_in_force = order_type.has_price() && order_type != OrderType::LimitMaker;
        needs(!takes_time_in_force || self.time_in_force.is_some(), "timeInForce")?;
        needs(self.qty.is_some(), "quantity")?;
        needs(!order_type.has_price() || self.price.is_some(), "price")?;
        if order_type.waits() && self.stop_price.is_none() && self.trailing_bps.is_none() {
            return Err(ApiError::either("stopPrice", "trailingDelta"));
        }
        Ok(())
    }

    /// What the engine is told: market orders trade at once or end.
    fn time_in_force(&self, order_type: OrderType) -> TimeInForce {
        match (order_type, self.time_in_force) {
            (OrderType::Market, _) => TimeInForce::Ioc,
            (_, given) => given.unwrap_or(TimeInForce::Gtc),
        }
    }

    /// What it waits for. A stop price beside a trailing delta is where it begins to track.
    fn terms(&self, order_type: OrderType) -> Option<OrderTerms> {
        let stop_price = self.stop_price.unwrap_or_default();
        let trigger = match order_type {
            _ if !order_type.waits() => return None,
            OrderType::TakeProfit | OrderType::TakeProfitLimit => Trigger::TakeProfit,
            _ => Trigger::Stop,
        };
        Some(match self.trailing_bps {
            Some(trailing_bps) => OrderTerms {
                trigger: Trigger::TrailingStop,
                trailing_bps,
                activation_price: stop_price,
                ..OrderTerms::NONE
            },
            None => OrderTerms { trigger, trigger_price: stop_price, ..OrderTerms::NONE },
        })
    }
}

/// What can be refused by name before the engine sees it: zero is no price and no quantity.
fn check_filters(
    spec: &InstrumentSpec,
    order_type: OrderType,
    fields: &Fields,
) -> Result<(), ApiError> {
    let zero_price =
        |price: Option<Price>| price.is_some_and(Price::is_zero) && spec.min_price.units() >= 0;
    if zero_price(fields.price) || zero_price(fields.stop_price) {
        return Err(ApiError::filter("PRICE_FILTER"));
    }
    if fields.qty.is_some_and(Qty::is_zero) || fields.quote_qty.is_some_and(Qty::is_zero) {
        let filter = if order_type == OrderType::Market && fields.quote_qty.is_some() {
            "NOTIONAL"
        } else {
            "LOT_SIZE"
        };
        return Err(ApiError::filter(filter));
    }
    if fields.trailing_bps.is_some_and(|bps| !(1..=TRAILING_BPS_MAX).contains(&bps)) {
        return Err(ApiError::filter("TRAILING_DELTA"));
    }
    Ok(())
}

/// The furthest that a trailing stop may be behind, in basis points.
pub const TRAILING_BPS_MAX: u32 = 9_999;

fn read_response(params: &Params<'_>, order_type: OrderType) -> Result<ResponseType, ApiError> {
    match params.text("newOrderRespType")? {
        Some(text) => {
            ResponseType::from_text(text).ok_or_else(|| ApiError::invalid("newOrderRespType"))
        }
        None if matches!(order_type, OrderType::Market | OrderType::Limit) => {
            Ok(ResponseType::Full)
        }
        None => Ok(ResponseType::Ack),
    }
}

/// Reads the two parameters by which clients tell their strategies apart. They are checked and not
/// kept: nothing here answers them.
fn read_strategy(params: &Params<'_>) -> Result<(), ApiError> {
    params.integer("strategyId")?;
    match params.integer("strategyType")? {
        Some(kind) if kind < STRATEGY_TYPE_MIN => {
            Err(ApiError::new(-1134, "`strategyType` was less than 1000000."))
        }
        _ => Ok(()),
    }
}

/// Which order a request names: by its id, or by its client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderName {
    /// By the venue's id.
    Id(OrderId),
    /// By the client's.
    Client(ClientOrderId),
}

impl OrderName {
    /// Reads `orderId` or `origClientOrderId`; the first wins if both are there.
    ///
    /// # Errors
    /// -1102 if neither is.
    pub fn read(params: &Params<'_>) -> Result<Self, ApiError> {
        let id = params.integer("orderId")?.filter(|id| *id > 0);
        let client = params.client_order_id("origClientOrderId")?;
        match (id, client) {
            (Some(id), _) => Ok(Self::Id(OrderId(id))),
            (None, Some(client)) => Ok(Self::Client(client)),
            (None, None) => Err(ApiError::either("origClientOrderId", "orderId")),
        }
    }

    /// Its two forms, as commands have them.
    pub fn parts(self) -> (OrderId, ClientOrderId) {
        match self {
            Self::Id(id) => (id, ClientOrderId::EMPTY),
            Self::Client(client) => (OrderId::NONE, client),
        }
    }

    /// The command that cancels it.
    pub fn cancel(self, account: AccountId) -> Command {
        let (order_id, client_order_id) = self.parts();
        CancelOrder { order_id, account, client_order_id }.into()
    }
}

/// The command that cancels all orders of an account on a symbol.
pub fn cancel_all(account: AccountId, spec: &InstrumentSpec) -> Command {
    MassCancel { account, instrument: spec.instrument, sides: SideScope::Both, reserved: [0; 7] }
        .into()
}
