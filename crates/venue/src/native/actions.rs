//! What changes something: orders and lists entered, changed, cancelled.
//!
//! Each becomes the commands of one submission, and is answered from their events. A request that
//! enters something under a client's name can be sent again: if what it asks for is there, that is the
//! answer.

use serde::Deserialize;
use tiercel_types::bracket::{Bracket, Exit, Loss, Profit};
use tiercel_types::command::{
    AmendOrder, CancelOrder, CountdownCancel, MassCancel, NewOrderList, OrderTerms, ReplaceOrder,
};
use tiercel_types::event::Denied;
use tiercel_types::order::{AmendQtyMeaning, ListKind, PendingRule, SideScope};
use tiercel_types::{
    AccountId, ClientOrderId, Command, DenialReason, Event, EventHeader, InstrumentId,
    InstrumentSpec, ListId, OrderId, Price, Qty,
};
use utoipa::{IntoParams, ToSchema};

use super::call::{Call, Events, Name, OrderName, Submit, Work};
use super::order::{
    ConditionalRequest, Draft, LegRequest, PlaceRequest, ReplaceRequest, instrument, name,
};
use super::problem::{Code, Problem};
use super::scalar::{
    AmendQtyMeaningText, ClientOrderIdText, OrderIdText, PendingRuleText, PriceText, QtyText,
    SideScopeText, SymbolText, TimeText,
};
use super::table::{NoBody, NoQuery};
use super::view::{Amended, Cancelled, Countdown, Fill, List, Order, Placed, PlacedList, Replaced};
use crate::models::{Models, Orders};

/// What a request to do something becomes.
pub type Doing<A> = Result<Work<A>, Problem>;

/// `POST orders`.
///
/// # Errors
/// A [`Problem`], as of all that follow.
pub fn place(call: &Call<'_>, _: &NoQuery, request: &PlaceRequest) -> Doing<Placed> {
    let spec = instrument(call.models, request.symbol, "/symbol")?;
    let draft = request.draft(spec.instrument, call.account);
    enter(call, draft, vec![draft.command()], vec![""])
}

/// `POST orders/conditional`.
///
/// # Errors
/// See [`place`].
pub fn conditional(call: &Call<'_>, _: &NoQuery, request: &ConditionalRequest) -> Doing<Placed> {
    let spec = instrument(call.models, request.symbol, "/symbol")?;
    let draft = request.draft(spec.instrument, call.account).conditional("")?;
    let condition = request.condition.stage(call.models, call.account, "/condition")?;
    enter(call, draft, vec![condition, draft.command()], vec!["", ""])
}

/// Enters one order by the last of the commands. `parts`: where in the body each command's fields
/// stand.
fn enter(
    call: &Call<'_>,
    draft: Draft,
    commands: Vec<Command>,
    parts: Vec<&'static str>,
) -> Doing<Placed> {
    if let Some(answer) = entered_before(call.models, &draft)? {
        return Ok(Work::Done(answer));
    }
    let name = draft.order.client_order_id;
    let tell = move |models: &Models, events: &Events| match denied(events) {
        // The first of two that were sent together took the name.
        Some((_, Denied { reason: DenialReason::DuplicateClientOrderId, .. })) => {
            entered_before(models, &draft)?.ok_or_else(|| name_taken(""))
        }
        Some((part, denied)) => Err(refused(denied, &parts, part)),
        None => placed(models, events, draft.order.account),
    };
    Ok(Work::Submit(Submit {
        commands,
        orders: 1,
        name: (!name.is_empty()).then_some(Name::Order(name)),
        tell: Box::new(tell),
    }))
}

fn name_taken(field: &str) -> Problem {
    let reason = DenialReason::DuplicateClientOrderId;
    let mut problem = Problem::denied(reason, field);
    problem.detail = "another order of the account has this client order id".into();
    problem
}

/// The order that a request was to enter, if it is there under its name.
///
/// # Errors
/// When another is.
fn entered_before(models: &Models, draft: &Draft) -> Result<Option<Placed>, Problem> {
    let (account, name) = (draft.order.account, draft.order.client_order_id);
    if name.is_empty() {
        return Ok(None);
    }
    let Some(order) = models.orders().by_client_id(account, &name) else { return Ok(None) };
    if !draft.asked_for(order) {
        return Err(name_taken(""));
    }
    let of_order = |fill: &Fill| fill.order_id.0 == order.order_id;
    let fills = models.trades().of(order.instrument);
    let fills = fills.flat_map(|trade| Fill::of(models, trade, account)).filter(of_order);
    let fills = fills.collect();
    Ok(Some(Placed { order: Order::of(models, order), fills, repeated: true }))
}

/// The first denial, and which command of the submission was denied.
fn denied(events: &Events) -> Option<(usize, &Denied)> {
    let (first, _) = events.first()?;
    events.iter().find_map(|(header, event)| match event {
        Event::Denied(denied) => {
            let part = usize::try_from(header.sequence - first.sequence).unwrap_or(usize::MAX);
            Some((part, denied))
        }
        _ => None,
    })
}

/// A denial of one of the commands, whose fields stand where `parts` says. That of a whole list names
/// the order in it.
fn refused(denied: &Denied, parts: &[&str], part: usize) -> Problem {
    let place = match denied.leg {
        0 => parts.get(part).copied().unwrap_or_default(),
        leg => legs(parts).nth(usize::from(leg) - 1).unwrap_or_default(),
    };
    Problem::denied(denied.reason, place)
}

/// Where the orders of a list stand, each once: a condition stands where its order does.
fn legs<'p>(parts: &'p [&'p str]) -> impl Iterator<Item = &'p str> {
    let mut last = "";
    parts.iter().copied().filter(move |place| std::mem::replace(&mut last, *place) != *place)
}

/// Folds the events of a submission alone: its orders as they stand at its end.
fn fold(events: &Events) -> Orders {
    let mut orders = Orders::new(usize::MAX);
    for (header, event) in events {
        orders.apply(header, event);
    }
    orders
}

/// The orders that the submission entered, in their order.
fn accepted(events: &Events) -> impl Iterator<Item = OrderId> {
    events.iter().filter_map(|(_, event)| match event {
        Event::OrderAccepted(order) => Some(order.order_id),
        _ => None,
    })
}

/// What an order has traded.
fn fills(models: &Models, events: &Events, order_id: OrderId) -> Vec<Fill> {
    let fill = |(header, event): &(EventHeader, Event)| match event {
        Event::Trade(trade) => Fill::of_event(models, header, trade, order_id),
        _ => None,
    };
    events.iter().filter_map(fill).collect()
}

fn placed(models: &Models, events: &Events, account: AccountId) -> Result<Placed, Problem> {
    let order_id = accepted(events).next().ok_or_else(Problem::internal)?;
    let orders = fold(events);
    let order = orders.get(account, order_id).ok_or_else(Problem::internal)?;
    let fills = fills(models, events, order_id);
    Ok(Placed { order: Order::of(models, order), fills, repeated: false })
}

/// `POST orders/oco`, `orders/oto`, `orders/otoco`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRequest {
    /// What all its orders trade.
    pub symbol: SymbolText,
    /// The client's own name for the list. A request that is sent again with the same name is answered
    /// with the list that is there.
    pub list_client_order_id: Option<ClientOrderIdText>,
    /// When pending orders are entered: `full_fill` unless said. An OCO has none.
    pub pending_rule: Option<PendingRuleText>,
    /// Its orders: of an OCO the two; else the working order, then what is entered once it is filled.
    #[schema(min_items = 2, max_items = 3)]
    pub orders: Vec<LegRequest>,
}

/// `POST orders/oco`.
///
/// # Errors
/// See [`place`].
pub fn oco(call: &Call<'_>, _: &NoQuery, request: &ListRequest) -> Doing<PlacedList> {
    list(call, request, ListKind::Oco)
}

/// `POST orders/oto`.
///
/// # Errors
/// See [`place`].
pub fn oto(call: &Call<'_>, _: &NoQuery, request: &ListRequest) -> Doing<PlacedList> {
    list(call, request, ListKind::Oto)
}

/// `POST orders/otoco`.
///
/// # Errors
/// See [`place`].
pub fn otoco(call: &Call<'_>, _: &NoQuery, request: &ListRequest) -> Doing<PlacedList> {
    list(call, request, ListKind::Otoco)
}

/// Where the orders of a list stand in its request.
const LEG_PLACES: [&str; 3] = ["/orders/0", "/orders/1", "/orders/2"];

fn list(call: &Call<'_>, request: &ListRequest, kind: ListKind) -> Doing<PlacedList> {
    let spec = instrument(call.models, request.symbol, "/symbol")?;
    if request.orders.len() != kind.orders() {
        let detail = format!("such a list has {} orders", kind.orders());
        return Err(Problem::new(Code::InvalidField, detail).of_field("/orders"));
    }
    let (mut commands, mut parts) = (Vec::new(), Vec::new());
    for (leg, place) in request.orders.iter().zip(LEG_PLACES) {
        let mut draft = leg.draft(spec.instrument, call.account);
        if let Some(condition) = &leg.condition {
            draft = draft.conditional(place)?;
            let at = format!("{place}/condition");
            commands.push(condition.stage(call.models, call.account, &at)?);
            parts.push(place);
        }
        commands.push(draft.leg());
        parts.push(place);
    }
    let name = name(request.list_client_order_id);
    commands.push(
        NewOrderList {
            instrument: spec.instrument,
            account: call.account,
            list_client_order_id: name,
            kind,
            pending_rule: request.pending_rule.map_or(PendingRule::FullFill, |rule| rule.0),
            reserved: [0; 2],
        }
        .into(),
    );
    enter_list(call, &spec, (kind, name), commands, parts)
}

/// Enters a list by the last of the commands; those before hand its orders in.
fn enter_list(
    call: &Call<'_>,
    spec: &InstrumentSpec,
    (kind, name): (ListKind, ClientOrderId),
    commands: Vec<Command>,
    parts: Vec<&'static str>,
) -> Doing<PlacedList> {
    let account = call.account;
    if let Some(answer) = listed_before(call, spec.instrument, kind, name)? {
        return Ok(Work::Done(answer));
    }
    let tell = move |models: &Models, events: &Events| {
        if let Some((part, denied)) = denied(events) {
            return Err(refused(denied, &parts, part));
        }
        let list_id = events.iter().find_map(|(_, event)| match event {
            Event::ListAccepted(list) => Some(list.list_id),
            _ => None,
        });
        let orders = fold(events);
        let list = list_id.and_then(|list_id| orders.list(account, list_id));
        let list = list.ok_or_else(Problem::internal)?;
        let fills = accepted(events).flat_map(|id| fills(models, events, id)).collect();
        let list = List::of(models, list, |id| orders.get(account, id));
        Ok(PlacedList { list, fills, repeated: false })
    };
    Ok(Work::Submit(Submit {
        orders: kind.orders() as u32,
        commands,
        name: (!name.is_empty()).then_some(Name::List(name)),
        tell: Box::new(tell),
    }))
}

/// The list that is there under a name.
fn listed_before(
    call: &Call<'_>,
    instrument: InstrumentId,
    kind: ListKind,
    name: ClientOrderId,
) -> Result<Option<PlacedList>, Problem> {
    let (models, account) = (call.models, call.account);
    let named = |list: &&crate::models::ListView| list.list_client_order_id == name;
    let known = models.orders().lists(account).rev().find(named).filter(|_| !name.is_empty());
    let Some(list) = known else { return Ok(None) };
    if (list.instrument, list.kind) != (instrument, kind) {
        let detail = "another list of the account has this name";
        let mut problem = Problem::denied(DenialReason::DuplicateClientOrderId, "");
        problem.detail = detail.into();
        return Err(problem.of_field("/list_client_order_id"));
    }
    let fills = models.trades().of(instrument).flat_map(|trade| Fill::of(models, trade, account));
    let fills = fills.filter(|fill| list.order_ids.contains(&fill.order_id.0)).collect();
    let list = List::of(models, list, |id| models.orders().get(account, id));
    Ok(Some(PlacedList { list, fills, repeated: true }))
}

/// `POST orders/bracket`: an entry and its two exits, which cannot contradict each other: side and
/// quantity of the exits follow from the entry.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BracketRequest {
    /// What it trades.
    pub symbol: SymbolText,
    /// The client's own name for the list, as in other lists.
    pub list_client_order_id: Option<ClientOrderIdText>,
    /// `full_fill`: the exits are entered once the entry is filled in full. `each_fill`: with its
    /// first fill, and they grow with each further one. The former unless said.
    pub pending_rule: Option<PendingRuleText>,
    /// The order that enters the position; it waits for nothing.
    pub entry: ReplaceRequest,
    /// The exit in profit: a limit order at `price`; or once `trigger_price` trades a market order, or
    /// with both a limit order.
    pub take_profit: TakeProfitRequest,
    /// The exit at a loss: once `trigger_price` trades a market order, with `price` a limit order; or
    /// a market order that trails the best trade.
    pub stop_loss: StopLossRequest,
}

/// The exit of a bracket in profit.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeProfitRequest {
    /// The limit.
    pub price: Option<PriceText>,
    /// The trade price that triggers it.
    pub trigger_price: Option<PriceText>,
    /// The client's own name for it.
    pub client_order_id: Option<ClientOrderIdText>,
}

/// The exit of a bracket at a loss.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopLossRequest {
    /// The trade price that triggers it.
    pub trigger_price: Option<PriceText>,
    /// The limit, once it is triggered.
    pub price: Option<PriceText>,
    /// How far behind the best trade, as a difference of prices.
    pub trailing_amount: Option<PriceText>,
    /// How far behind the best trade, in basis points.
    #[schema(minimum = 0, maximum = 4_294_967_295_u64)]
    pub trailing_bps: Option<u32>,
    /// The client's own name for it.
    pub client_order_id: Option<ClientOrderIdText>,
}

impl TakeProfitRequest {
    fn exit(&self) -> Result<Exit<Profit>, Problem> {
        let exit = match (self.price, self.trigger_price) {
            (Some(price), None) => Exit::<Profit>::limit(price.0),
            (None, Some(trigger)) => Exit::touched_market(trigger.0),
            (Some(price), Some(trigger)) => Exit::touched_limit(trigger.0, price.0),
            (None, None) => {
                let detail = "it has a price, a trigger price, or both";
                return Err(Problem::new(Code::MissingField, detail).of_field("/take_profit/price"));
            }
        };
        Ok(exit.named(name(self.client_order_id)))
    }
}

impl StopLossRequest {
    fn exit(&self) -> Result<Exit<Loss>, Problem> {
        let refuse = |detail| {
            let problem = Problem::new(Code::InvalidField, detail);
            Err(problem.of_field("/stop_loss/trigger_price"))
        };
        let exit = match (self.trigger_price, self.price, self.trailing_amount, self.trailing_bps) {
            (Some(trigger), None, None, None) => Exit::<Loss>::stop_market(trigger.0),
            (Some(trigger), Some(price), None, None) => Exit::stop_limit(trigger.0, price.0),
            (None, None, Some(amount), None) => Exit::trailing_amount(amount.0),
            (None, None, None, Some(bps)) => Exit::trailing_bps(bps),
            _ => {
                return refuse(
                    "it has a trigger price, with or without a price, or a trailing amount, or \
                     trailing basis points",
                );
            }
        };
        Ok(exit.named(name(self.client_order_id)))
    }
}

/// `POST orders/bracket`.
///
/// # Errors
/// See [`place`].
pub fn bracket(call: &Call<'_>, _: &NoQuery, request: &BracketRequest) -> Doing<PlacedList> {
    let spec = instrument(call.models, request.symbol, "/symbol")?;
    let entry = plain(request.entry.draft(spec.instrument, call.account), "/entry")?;
    let name = name(request.list_client_order_id);
    let commands = Bracket::entry(entry.order)
        .take_profit(request.take_profit.exit()?)
        .stop_loss(request.stop_loss.exit()?)
        .exits(request.pending_rule.map_or(PendingRule::FullFill, |rule| rule.0))
        .named(name)
        .commands();
    let parts = vec!["/entry", "/take_profit", "/stop_loss"];
    enter_list(call, &spec, (ListKind::Otoco, name), commands.to_vec(), parts)
}

/// An order that says nothing beyond what every order does.
fn plain(draft: Draft, place: &str) -> Result<Draft, Problem> {
    if draft.terms == OrderTerms::NONE {
        return Ok(draft);
    }
    let detail = "no trigger, peg, minimum or other term goes with this order";
    Err(Problem::new(Code::InvalidField, detail).of_field(place))
}

/// `POST orders/{symbol}/{order_id}/replace`.
///
/// # Errors
/// See [`place`].
pub fn replace(call: &Call<'_>, _: &NoQuery, request: &ReplaceRequest) -> Doing<Replaced> {
    let spec = call.instrument()?;
    let draft = plain(request.draft(spec.instrument, call.account), "")?;
    if let Some(Placed { order, fills, .. }) = entered_before(call.models, &draft)? {
        return Ok(Work::Done(Replaced { order, fills, repeated: true, replaced: None }));
    }
    let (_, target) = call.target()?;
    let command = ReplaceOrder {
        target_order_id: target.order_id,
        target_client_order_id: target.client_order_id,
        reserved: [0; 4],
        order: draft.order,
    };
    let account = call.account;
    let tell = move |models: &Models, events: &Events| {
        if let Some((_, denied)) = denied(events) {
            return Err(of_target(models, account, target, denied));
        }
        let Placed { order, fills, .. } = placed(models, events, account)?;
        let replaced = events.iter().find_map(|(_, event)| match event {
            Event::OrderEnded(ended) => Some(OrderIdText(ended.order_id)),
            _ => None,
        });
        Ok(Replaced { order, fills, repeated: false, replaced })
    };
    let name = draft.order.client_order_id;
    Ok(Work::Submit(Submit {
        commands: vec![command.into()],
        orders: 1,
        name: (!name.is_empty()).then_some(Name::Order(name)),
        tell: Box::new(tell),
    }))
}

/// A denial of what was to be done with an order: one that the venue knows has ended.
fn of_target(models: &Models, account: AccountId, target: OrderName, denied: &Denied) -> Problem {
    if denied.reason != DenialReason::UnknownOrder {
        return Problem::denied(denied.reason, "");
    }
    let orders = models.orders();
    let known = if target.order_id.is_none() {
        orders.by_client_id(account, &target.client_order_id)
    } else {
        orders.get(account, target.order_id)
    };
    match known {
        Some(_) => Problem::new(Code::OrderNotLive, "the order has ended").of_field("order_id"),
        None => Problem::unknown_order(),
    }
}

/// `PATCH orders/{symbol}/{order_id}`. What is left out stays as it is.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AmendRequest {
    /// The new limit.
    pub price: Option<PriceText>,
    /// The new quantity.
    pub qty: Option<QtyText>,
    /// What `qty` counts: all of the order, fills included (`total`, unless said), or what is open.
    pub qty_meaning: Option<AmendQtyMeaningText>,
    /// The new client order id.
    pub client_order_id: Option<ClientOrderIdText>,
    /// It goes to the back of its level, whatever changes.
    pub lose_priority: Option<bool>,
}

/// `PATCH orders/{symbol}/{order_id}`.
///
/// # Errors
/// See [`place`].
pub fn amend(call: &Call<'_>, _: &NoQuery, request: &AmendRequest) -> Doing<Amended> {
    let (_, target) = call.target()?;
    let command = AmendOrder {
        order_id: target.order_id,
        price: request.price.map_or(Price::ZERO, |price| price.0),
        qty: request.qty.map_or(Qty::ZERO, |qty| qty.0),
        account: call.account,
        client_order_id: target.client_order_id,
        new_client_order_id: name(request.client_order_id),
        qty_meaning: request.qty_meaning.map_or(AmendQtyMeaning::Total, |meaning| meaning.0),
        lose_priority: u8::from(request.lose_priority.unwrap_or(false)),
        reserved: [0; 2],
    };
    let account = call.account;
    Ok(Submit::of(vec![command.into()], move |models, events| {
        if let Some((_, denied)) = denied(events) {
            return Err(of_target(models, account, target, denied));
        }
        let amended = events.iter().find_map(|(_, event)| match event {
            Event::OrderAmended(amended) => Some(amended.order_id),
            // An amendment to no more than what was filled ends it.
            Event::OrderEnded(ended) => Some(ended.order_id),
            _ => None,
        });
        let order_id = amended.ok_or_else(Problem::internal)?;
        let order = models.orders().get(account, order_id).ok_or_else(Problem::internal)?;
        let fills = fills(models, events, order_id);
        Ok(Amended { order: Order::of(models, order), fills })
    }))
}

/// `POST orders/{symbol}/{order_id}/cancel`, `DELETE orders/{symbol}/{order_id}`.
///
/// # Errors
/// See [`place`].
pub fn cancel(call: &Call<'_>, _: &NoQuery, _: &NoBody) -> Doing<Order> {
    let (_, target) = call.target()?;
    let account = call.account;
    let OrderName { order_id, client_order_id } = target;
    let command = CancelOrder { order_id, account, client_order_id };
    Ok(Submit::of(vec![command.into()], move |models, events| {
        if let Some((_, denied)) = denied(events) {
            return Err(of_target(models, account, target, denied));
        }
        let ended = ended(events).next().ok_or_else(Problem::internal)?;
        let order = models.orders().get(account, ended).ok_or_else(Problem::internal)?;
        Ok(Order::of(models, order))
    }))
}

fn ended(events: &Events) -> impl Iterator<Item = OrderId> {
    events.iter().filter_map(|(_, event)| match event {
        Event::OrderEnded(ended) => Some(ended.order_id),
        _ => None,
    })
}

/// `DELETE orders`.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CancelAllQuery {
    /// Of this instrument alone.
    pub symbol: Option<SymbolText>,
    /// Of this side alone.
    pub side: Option<SideScopeText>,
}

/// `DELETE orders`.
///
/// # Errors
/// See [`place`].
pub fn cancel_all(call: &Call<'_>, query: &CancelAllQuery, _: &NoBody) -> Doing<Cancelled> {
    let spec = call.of_symbol(query.symbol)?;
    let command = MassCancel {
        account: call.account,
        instrument: spec.map_or(InstrumentId::ALL, |spec| spec.instrument),
        sides: query.side.map_or(SideScope::Both, |sides| sides.0),
        reserved: [0; 7],
    };
    Ok(Submit::of(vec![command.into()], |_, events| match denied(events) {
        Some((_, denied)) => Err(Problem::denied(denied.reason, "")),
        None => Ok(cancelled(events)),
    }))
}

fn cancelled(events: &Events) -> Cancelled {
    let order_ids: Vec<OrderIdText> = ended(events).map(OrderIdText).collect();
    Cancelled { count: order_ids.len() as u64, order_ids }
}

/// `DELETE lists/{list_id}`: all its orders that live.
///
/// # Errors
/// See [`place`].
pub fn cancel_list(call: &Call<'_>, _: &NoQuery, _: &NoBody) -> Doing<Cancelled> {
    let list_id = ListId(call.number(0, "list_id")?);
    let (orders, account) = (call.models.orders(), call.account);
    let list = orders.list(account, list_id).ok_or_else(unknown_list)?;
    let live = |id: &&OrderId| orders.get(account, **id).is_some_and(|order| order.stage.is_live());
    let cancel = |id: &OrderId| {
        CancelOrder { order_id: *id, account, client_order_id: ClientOrderId::EMPTY }.into()
    };
    let commands: Vec<Command> = list.order_ids.iter().filter(live).map(cancel).collect();
    let over = || Problem::new(Code::OrderNotLive, "the list is over").of_field("list_id");
    if commands.is_empty() {
        return Err(over());
    }
    Ok(Submit::of(commands, move |_, events| {
        // The first that ends takes the others with it: that these are unknown then is no fault.
        let cancelled = cancelled(events);
        if cancelled.count == 0 { Err(over()) } else { Ok(cancelled) }
    }))
}

pub(super) fn unknown_list() -> Problem {
    Problem::new(Code::UnknownList, "no such list of this account").of_field("list_id")
}

/// `POST orders/countdown`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountdownRequest {
    /// Orders of this instrument alone; left out: of all.
    pub symbol: Option<SymbolText>,
    /// In how many milliseconds the orders are cancelled, unless this is sent again before; zero: not
    /// any more.
    #[schema(minimum = 0, maximum = 4_294_967_295_u64)]
    pub after_ms: u32,
}

/// `POST orders/countdown`.
///
/// # Errors
/// See [`place`].
pub fn countdown(call: &Call<'_>, _: &NoQuery, request: &CountdownRequest) -> Doing<Countdown> {
    let spec =
        request.symbol.map(|symbol| instrument(call.models, symbol, "/symbol")).transpose()?;
    let command = CountdownCancel {
        account: call.account,
        instrument: spec.map_or(InstrumentId::ALL, |spec| spec.instrument),
        after_ns: u64::from(request.after_ms) * 1_000_000,
    };
    Ok(Submit::of(vec![command.into()], |_, events| {
        if let Some((_, denied)) = denied(events) {
            return Err(Problem::denied(denied.reason, ""));
        }
        let at = events.iter().find_map(|(_, event)| match event {
            Event::CountdownSet(set) => Some(set.at),
            _ => None,
        });
        let at = at.ok_or_else(Problem::internal)?;
        Ok(Countdown { at_ns: (at.0 != 0).then_some(TimeText(at)) })
    }))
}
