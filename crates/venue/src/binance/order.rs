//! Orders as requests: which parameters each type takes, and the command that it becomes.

use tiercel_types::command::{
    CancelOrder, MassCancel, NewAdvancedOrder, NewOrder, OrderTerms, StageLeg,
};
use tiercel_types::order::{SideScope, Trigger};
use tiercel_types::{
    AccountId, ClientOrderId, Command, InstrumentSpec, OrderId, OrderKind, Price, Qty,
    SelfTradePrevention, Side, TimeInForce,
};

use super::error::ApiError;
use super::filters;
use super::params::Params;
use super::words::{
    OrderStatus, OrderType, ResponseType, parse_self_trade_prevention, parse_side,
    parse_time_in_force,
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

    /// What goes to the engine of an order of a list, ahead of the list itself.
    pub fn leg(&self) -> Command {
        StageLeg { order: self.order, terms: self.terms.unwrap_or(OrderTerms::NONE) }.into()
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
        let draft = Draft::read(params, &PLAIN)?;
        let self_trade_prevention = read_self_trade_prevention(params)?;
        let fields = Fields::read(params, &PLAIN)?;
        let response = read_response(params)?.unwrap_or(match draft.order_type {
            OrderType::Market | OrderType::Limit => ResponseType::Full,
            _ => ResponseType::Ack,
        });
        params.finish()?;
        let owner = Owner { spec, account, self_trade_prevention, response };
        draft.order(&fields, &owner, generated)
    }
}

/// What the parameters of one order of a request are called.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) order_type: &'static str,
    pub(super) side: &'static str,
    pub(super) qty: &'static str,
    /// Only where there may be market orders by amount.
    pub(super) quote_qty: Option<&'static str>,
    pub(super) price: &'static str,
    pub(super) stop_price: &'static str,
    pub(super) trailing_delta: &'static str,
    pub(super) time_in_force: &'static str,
    pub(super) iceberg_qty: &'static str,
    pub(super) client_order_id: &'static str,
    pub(super) strategy_id: &'static str,
    pub(super) strategy_type: &'static str,
}

/// Those of an order that is alone.
const PLAIN: Names = Names {
    order_type: "type",
    side: "side",
    qty: "quantity",
    quote_qty: Some("quoteOrderQty"),
    price: "price",
    stop_price: "stopPrice",
    trailing_delta: "trailingDelta",
    time_in_force: "timeInForce",
    iceberg_qty: "icebergQty",
    client_order_id: "newClientOrderId",
    strategy_id: "strategyId",
    strategy_type: "strategyType",
};

/// What all orders of a request have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner<'s> {
    pub(super) spec: &'s InstrumentSpec,
    pub(super) account: AccountId,
    pub(super) self_trade_prevention: SelfTradePrevention,
    pub(super) response: ResponseType,
}

/// What an order is, before it is said how it trades.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) names: &'static Names,
    pub(super) side: Side,
    pub(super) order_type: OrderType,
    pub(super) client_order_id: Option<ClientOrderId>,
}

impl Draft {
    pub(super) fn read(params: &Params<'_>, names: &'static Names) -> Result<Self, ApiError> {
        let side = parse_side(params.mandatory(names.side)?)?;
        let order_type = OrderType::from_text(params.mandatory(names.order_type)?)
            .ok_or_else(|| ApiError::new(-1116, "Invalid orderType."))?;
        Self::of(params, names, side, order_type)
    }

    /// Of a type and side that other parameters have said.
    pub(super) fn of(
        params: &Params<'_>,
        names: &'static Names,
        side: Side,
        order_type: OrderType,
    ) -> Result<Self, ApiError> {
        let client_order_id = params.client_order_id(names.client_order_id)?;
        read_strategy(params, names)?;
        Ok(Self { names, side, order_type, client_order_id })
    }

    /// The order, if its parameters go together and break no filter that can be looked at here.
    pub(super) fn order(
        &self,
        fields: &Fields,
        owner: &Owner<'_>,
        generated: ClientOrderId,
    ) -> Result<PlaceOrder, ApiError> {
        let Self { names, side, order_type, client_order_id } = *self;
        fields.check_for(order_type, names)?;
        let spec = owner.spec;
        let order = NewOrder {
            price: fields.price.unwrap_or_default(),
            qty: fields.qty.unwrap_or_default(),
            quote_qty: fields.quote_qty.unwrap_or_default(),
            display_qty: fields.iceberg_qty.unwrap_or_default(),
            client_order_id: client_order_id.unwrap_or(generated),
            kind: match order_type {
                OrderType::LimitMaker => OrderKind::PostOnly,
                other if other.has_price() => OrderKind::Limit,
                _ => OrderKind::Market,
            },
            time_in_force: fields.time_in_force(order_type),
            self_trade_prevention: owner.self_trade_prevention,
            ..NewOrder::limit(spec.instrument, owner.account, side, Price::ZERO, Qty::ZERO)
        };
        let terms = fields.terms(order_type);
        if fields.stop_price.is_some_and(Price::is_zero) {
            return Err(ApiError::filter("PRICE_FILTER"));
        }
        filters::check(spec, &order, terms.as_ref())?;
        Ok(PlaceOrder { order, terms, order_type, response: owner.response })
    }
}

/// The parameters that say how an order trades.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fields {
    pub(super) time_in_force: Option<TimeInForce>,
    pub(super) qty: Option<Qty>,
    pub(super) quote_qty: Option<Qty>,
    pub(super) price: Option<Price>,
    pub(super) stop_price: Option<Price>,
    pub(super) trailing_bps: Option<u32>,
    pub(super) iceberg_qty: Option<Qty>,
}

impl Fields {
    pub(super) fn read(params: &Params<'_>, names: &Names) -> Result<Self, ApiError> {
        let time_in_force = params.text(names.time_in_force)?;
        Ok(Self {
            time_in_force: time_in_force.map(parse_time_in_force).transpose()?,
            qty: params.qty(names.qty)?,
            quote_qty: match names.quote_qty {
                Some(name) => params.qty(name)?,
                None => None,
            },
            price: params.price(names.price)?,
            stop_price: params.price(names.stop_price)?,
            trailing_bps: read_trailing(params, names.trailing_delta)?,
            iceberg_qty: params.qty(names.iceberg_qty)?,
        })
    }

    /// Whether these parameters and no others make an order of this type.
    fn check_for(&self, order_type: OrderType, names: &Names) -> Result<(), ApiError> {
        self.check_mandatory(order_type, names)?;
        let refuse = |given: bool, name: &str| {
            if given { Err(ApiError::not_required(name)) } else { Ok(()) }
        };
        let takes_time_in_force = order_type.has_price() && order_type != OrderType::LimitMaker;
        if !takes_time_in_force && self.time_in_force.is_some() {
            return Err(ApiError::new(-1114, "TimeInForce parameter sent when not required."));
        }
        refuse(!order_type.has_price() && self.price.is_some(), names.price)?;
        if let (Some(name), Some(_)) = (names.quote_qty, self.quote_qty) {
            refuse(order_type != OrderType::Market, name)?;
        }
        refuse(!order_type.waits() && self.stop_price.is_some(), names.stop_price)?;
        refuse(!order_type.waits() && self.trailing_bps.is_some(), names.trailing_delta)?;
        if let Some(display) = self.iceberg_qty.filter(|display| !display.is_zero()) {
            refuse(!order_type.has_price(), names.iceberg_qty)?;
            let stays = self.time_in_force(order_type) == TimeInForce::Gtc;
            refuse(!stays, names.iceberg_qty)?;
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

    fn check_mandatory(&self, order_type: OrderType, names: &Names) -> Result<(), ApiError> {
        let needs = |given: bool, name: &str| {
            if given { Ok(()) } else { Err(ApiError::mandatory(name)) }
        };
        if order_type == OrderType::Market {
            let Some(quote_qty) = names.quote_qty else {
                return needs(self.qty.is_some(), names.qty);
            };
            return match (self.qty, self.quote_qty) {
                (None, None) => Err(ApiError::either(names.qty, quote_qty)),
                (Some(_), Some(_)) => Err(ApiError::combination()),
                _ => Ok(()),
            };
        }
        let takes_time_in_force = order_type.has_price() && order_type != OrderType::LimitMaker;
        needs(!takes_time_in_force || self.time_in_force.is_some(), names.time_in_force)?;
        needs(self.qty.is_some(), names.qty)?;
        needs(!order_type.has_price() || self.price.is_some(), names.price)?;
        if order_type.waits() && self.stop_price.is_none() && self.trailing_bps.is_none() {
            return Err(ApiError::either(names.stop_price, names.trailing_delta));
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

/// How far behind a trailing stop is, in basis points.
pub(super) fn read_trailing(params: &Params<'_>, name: &str) -> Result<Option<u32>, ApiError> {
    let bps = params.integer(name)?;
    bps.map(|bps| u32::try_from(bps).map_err(|_| ApiError::overflowed(name))).transpose()
}

/// What prevents self-trades of the request's orders.
pub(super) fn read_self_trade_prevention(
    params: &Params<'_>,
) -> Result<SelfTradePrevention, ApiError> {
    match params.text("selfTradePreventionMode")? {
        Some(text) => parse_self_trade_prevention(text),
        None => Ok(SELF_TRADE_PREVENTION_DEFAULT),
    }
}

/// How much the answer is to say, if the request says it.
pub(super) fn read_response(params: &Params<'_>) -> Result<Option<ResponseType>, ApiError> {
    let Some(text) = params.text("newOrderRespType")? else { return Ok(None) };
    let response = ResponseType::from_text(text);
    response.map(Some).ok_or_else(|| ApiError::invalid("newOrderRespType"))
}

/// Reads the two parameters by which clients tell their strategies apart. They are checked and not
/// kept: nothing here answers them.
fn read_strategy(params: &Params<'_>, names: &Names) -> Result<(), ApiError> {
    params.integer(names.strategy_id)?;
    match params.integer(names.strategy_type)? {
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
    /// By both, which have to be the same order's.
    Both(OrderId, ClientOrderId),
}

impl OrderName {
    /// Reads `orderId` or `origClientOrderId`, or both.
    ///
    /// # Errors
    /// -1102 if neither is there.
    pub fn read(params: &Params<'_>) -> Result<Self, ApiError> {
        Self::read_named(params, "orderId", "origClientOrderId")
    }

    /// Reads it from parameters of other names.
    ///
    /// # Errors
    /// As [`OrderName::read`].
    pub fn read_named(params: &Params<'_>, id: &str, client: &str) -> Result<Self, ApiError> {
        let number = params.integer(id)?.filter(|id| *id > 0);
        let name = params.client_order_id(client)?;
        match (number, name) {
            (Some(number), Some(name)) => Ok(Self::Both(OrderId(number), name)),
            (Some(number), None) => Ok(Self::Id(OrderId(number))),
            (None, Some(name)) => Ok(Self::Client(name)),
            (None, None) => Err(ApiError::either(client, id)),
        }
    }

    /// Its two forms, as commands have them: the first wins there.
    pub fn parts(self) -> (OrderId, ClientOrderId) {
        match self {
            Self::Id(id) | Self::Both(id, _) => (id, ClientOrderId::EMPTY),
            Self::Client(client) => (OrderId::NONE, client),
        }
    }

    /// The command that cancels it.
    pub fn cancel(self, account: AccountId) -> Command {
        let (order_id, client_order_id) = self.parts();
        CancelOrder { order_id, account, client_order_id }.into()
    }
}

/// In which state alone an order is to be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelRestriction {
    /// Nothing of it is filled.
    OnlyNew,
    /// Some of it is filled.
    OnlyPartiallyFilled,
}

impl CancelRestriction {
    /// Reads `cancelRestrictions`, if it is there.
    ///
    /// # Errors
    /// -1145 for any other word.
    pub fn read(params: &Params<'_>) -> Result<Option<Self>, ApiError> {
        match params.text("cancelRestrictions")? {
            None => Ok(None),
            Some("ONLY_NEW") => Ok(Some(Self::OnlyNew)),
            Some("ONLY_PARTIALLY_FILLED") => Ok(Some(Self::OnlyPartiallyFilled)),
            Some(_) => Err(ApiError::new(
                -1145,
                "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`.",
            )),
        }
    }

    /// Whether an order in this state may be cancelled.
    ///
    /// # Errors
    /// -2011 if not.
    pub fn check(self, status: OrderStatus) -> Result<(), ApiError> {
        let wanted = match self {
            Self::OnlyNew => OrderStatus::New,
            Self::OnlyPartiallyFilled => OrderStatus::PartiallyFilled,
        };
        if status == wanted {
            return Ok(());
        }
        Err(ApiError::new(-2011, "Order was not canceled due to cancel restrictions."))
    }
}

/// The command that cancels all orders of an account on a symbol.
pub fn cancel_all(account: AccountId, spec: &InstrumentSpec) -> Command {
    MassCancel { account, instrument: spec.instrument, sides: SideScope::Both, reserved: [0; 7] }
        .into()
}
