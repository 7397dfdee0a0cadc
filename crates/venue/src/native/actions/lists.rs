//! Lists of orders entered as one: pairs, chains and brackets.

use tiercel_types::bracket::{Bracket, Exit, Loss, Profit};
use tiercel_types::command::NewOrderList;
use tiercel_types::event::{Denied, ListAccepted};
use tiercel_types::order::{ListKind, PendingRule};
use tiercel_types::{ClientOrderId, Command, InstrumentId};

use super::enter::fold;
use super::{Doing, accepted, denied, fills, name_taken};
use crate::events::{Events, first};
use crate::models::{ListView, Models};
use crate::native::call::{Call, Name, Submit, Work};
use crate::native::order::{LegRequest, ReplaceRequest, instrument, name};
use crate::native::problem::{Code, Problem};
use crate::native::scalar::{ClientOrderIdText, PendingRuleText, PriceText, SymbolText};
use crate::native::table::NoQuery;
use crate::native::view::{Fill, List, PlacedList};

body! {
    /// `POST orders/oco`, `orders/oto`, `orders/otoco`.
    ListRequest {
        /// What all its orders trade.
        symbol: SymbolText,
        /// The client's own name for the list. A request that is sent again with the same name is
        /// answered with the list that is there.
        list_client_order_id: Option<ClientOrderIdText>,
        /// When pending orders are entered: `full_fill` unless said. An OCO has none.
        pending_rule: Option<PendingRuleText>,
        /// Its orders: of an OCO the two; else the working order, then what is entered once it is
        /// filled.
        #[schema(min_items = 2, max_items = 3)]
        orders: Vec<LegRequest>,
    }
}

/// `POST orders/oco`.
pub fn oco(call: &Call<'_>, _: &NoQuery, request: &ListRequest) -> Doing<PlacedList> {
    list(call, request, ListKind::Oco)
}

/// `POST orders/oto`.
pub fn oto(call: &Call<'_>, _: &NoQuery, request: &ListRequest) -> Doing<PlacedList> {
    list(call, request, ListKind::Oto)
}

/// `POST orders/otoco`.
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
    let (mut commands, mut places) = (Vec::new(), Vec::new());
    for (leg, place) in request.orders.iter().zip(LEG_PLACES) {
        let mut draft = leg.draft(spec.instrument, call.account);
        if let Some(condition) = &leg.condition {
            draft = draft.conditional(place)?;
            let at = format!("{place}/condition");
            commands.push(condition.stage(call.models, call.account, &at)?);
            places.push(place);
        }
        commands.push(draft.leg());
        places.push(place);
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
    enter(call, spec.instrument, (kind, name), commands, places)
}

/// Enters a list by the last of the commands; those before hand its orders in. `places`: where in the
/// body the fields of each of them stand.
fn enter(
    call: &Call<'_>,
    instrument: InstrumentId,
    (kind, name): (ListKind, ClientOrderId),
    commands: Vec<Command>,
    places: Vec<&'static str>,
) -> Doing<PlacedList> {
    let account = call.account;
    if let Some(answer) = entered_before(call, instrument, kind, name)? {
        return Ok(Work::Done(answer));
    }
    let tell = move |models: &Models, events: &Events| {
        if let Some((part, denied)) = denied(events) {
            return Err(refused(denied, &places, part));
        }
        let orders = fold(events);
        let list =
            first::<ListAccepted>(events).and_then(|list| orders.list(account, list.list_id));
        let list = list.ok_or_else(Problem::internal)?;
        let fills = accepted(events).flat_map(|id| fills(models, events, id)).collect();
        let list = List::of(models, list, |id| orders.get(account, id));
        Ok(PlacedList { list, fills, repeated: false })
    };
    Ok(Submit::entering(commands, kind.orders() as u32, Name::of_list(name), tell))
}

/// A denial of one of the commands, whose fields stand where `places` says. That of a whole list names
/// the order in it.
fn refused(denied: &Denied, places: &[&str], part: usize) -> Problem {
    let place = match denied.leg {
        0 => places.get(part).copied().unwrap_or_default(),
        leg => legs(places).nth(usize::from(leg) - 1).unwrap_or_default(),
    };
    Problem::denied(denied.reason, place)
}

/// Where the orders of a list stand, each once: a condition stands where its order does.
fn legs<'p>(places: &'p [&'p str]) -> impl Iterator<Item = &'p str> {
    let mut last = "";
    places.iter().copied().filter(move |place| std::mem::replace(&mut last, *place) != *place)
}

/// The list that is there under a name.
///
/// # Errors
/// When it is another than the one that is asked for.
fn entered_before(
    call: &Call<'_>,
    instrument: InstrumentId,
    kind: ListKind,
    name: ClientOrderId,
) -> Result<Option<PlacedList>, Problem> {
    let (models, account) = (call.models, call.account);
    let named = |list: &&ListView| list.list_client_order_id == name;
    let known = models.orders().lists(account).rev().find(named).filter(|_| !name.is_empty());
    let Some(list) = known else { return Ok(None) };
    if (list.instrument, list.kind) != (instrument, kind) {
        let detail = "another list of the account has this name";
        return Err(name_taken("/list_client_order_id", detail));
    }
    let fills = Fill::known(models, instrument, account, &list.order_ids);
    let list = List::of(models, list, |id| models.orders().get(account, id));
    Ok(Some(PlacedList { list, fills, repeated: true }))
}

body! {
    /// `POST orders/bracket`: an entry and its two exits, which cannot contradict each other: side
    /// and quantity of the exits follow from the entry.
    BracketRequest {
        /// What it trades.
        symbol: SymbolText,
        /// The client's own name for the list, as in other lists.
        list_client_order_id: Option<ClientOrderIdText>,
        /// `full_fill`: the exits are entered once the entry is filled in full. `each_fill`: with its
        /// first fill, and they grow with each further one. The former unless said.
        pending_rule: Option<PendingRuleText>,
        /// The order that enters the position; it waits for nothing.
        entry: ReplaceRequest,
        /// The exit in profit: a limit order at `price`; or once `trigger_price` trades a market
        /// order, or with both a limit order.
        take_profit: TakeProfitRequest,
        /// The exit at a loss: once `trigger_price` trades a market order, with `price` a limit
        /// order; or a market order that trails the best trade.
        stop_loss: StopLossRequest,
    }
}

body! {
    /// The exit of a bracket in profit.
    TakeProfitRequest {
        /// The limit.
        price: Option<PriceText>,
        /// The trade price that triggers it.
        trigger_price: Option<PriceText>,
        /// The client's own name for it.
        client_order_id: Option<ClientOrderIdText>,
    }
}

body! {
    /// The exit of a bracket at a loss.
    StopLossRequest {
        /// The trade price that triggers it.
        trigger_price: Option<PriceText>,
        /// The limit, once it is triggered.
        price: Option<PriceText>,
        /// How far behind the best trade, as a difference of prices.
        trailing_amount: Option<PriceText>,
        /// How far behind the best trade, in basis points.
        #[schema(minimum = 0, maximum = 4_294_967_295_u64)]
        trailing_bps: Option<u32>,
        /// The client's own name for it.
        client_order_id: Option<ClientOrderIdText>,
    }
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
        let exit = match (self.trigger_price, self.price, self.trailing_amount, self.trailing_bps) {
            (Some(trigger), None, None, None) => Exit::<Loss>::stop_market(trigger.0),
            (Some(trigger), Some(price), None, None) => Exit::stop_limit(trigger.0, price.0),
            (None, None, Some(amount), None) => Exit::trailing_amount(amount.0),
            (None, None, None, Some(bps)) => Exit::trailing_bps(bps),
            _ => {
                let detail = "it has a trigger price, with or without a price, or a trailing amount, \
                              or trailing basis points";
                let problem = Problem::new(Code::InvalidField, detail);
                return Err(problem.of_field("/stop_loss/trigger_price"));
            }
        };
        Ok(exit.named(name(self.client_order_id)))
    }
}

/// `POST orders/bracket`.
pub fn bracket(call: &Call<'_>, _: &NoQuery, request: &BracketRequest) -> Doing<PlacedList> {
    let spec = instrument(call.models, request.symbol, "/symbol")?;
    let entry = request.entry.draft(spec.instrument, call.account).plain("/entry")?;
    let name = name(request.list_client_order_id);
    let commands = Bracket::entry(entry.order)
        .take_profit(request.take_profit.exit()?)
        .stop_loss(request.stop_loss.exit()?)
        .exits(request.pending_rule.map_or(PendingRule::FullFill, |rule| rule.0))
        .named(name)
        .commands();
    let places = vec!["/entry", "/take_profit", "/stop_loss"];
    enter(call, spec.instrument, (ListKind::Otoco, name), commands.to_vec(), places)
}
