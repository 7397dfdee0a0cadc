//! What a session's requests become: commands, or answers at once.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use tiercel_types::command::{AmendOrder, CancelOrder, MassCancel};
use tiercel_types::event::{Denied, MassCancelDone};
use tiercel_types::order::{AmendQtyMeaning, SideScope};
use tiercel_types::{
    AccountId, ClientOrderId, Command, InstrumentId, OrderId, Side, Symbol, Timestamp,
};
use tiercel_wire::fix::code::{exec, status};
use tiercel_wire::fix::session::BusinessReject;
use tiercel_wire::fix::{Message, code, tag, value};

use super::Outgoing;
use super::lists::ListDraft;
use super::market::Feed;
use super::order::{self, Draft, check_account};
use super::refusal::Refused;
use super::report::{CancelReject, Report};
use super::reports::lives;
use super::words;
use crate::events::{Events, first};
use crate::models::{Models, OrderView};

/// Names that a session has used, of which it is known that they were: the newest.
const NAMES_MAX: usize = 16_384;

/// What a request is looked at with.
#[derive(Clone, Debug)]
pub struct Moment {
    /// When it came.
    pub now: Timestamp,
    /// An `ExecID` that nothing else has.
    pub id: String,
}

/// What a request becomes.
pub enum Next {
    /// Messages at once; perhaps none.
    Say(Vec<Outgoing>),
    /// Commands of one submission, and what is known of the request when they are done.
    Submit {
        /// The commands.
        commands: Vec<Command>,
        /// How many orders they enter.
        orders: u32,
        /// The request.
        asked: Asked,
    },
}

/// A request whose commands are on their way.
#[derive(Clone, Debug)]
pub enum Asked {
    /// A new order.
    Order(Box<Draft>),
    /// A cancel.
    Cancel(Change),
    /// A replace.
    Replace(Change),
    /// A mass cancel.
    Mass(Mass),
    /// A list.
    List(Box<ListDraft>),
}

/// A request about an order.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// Its own name.
    pub name: ClientOrderId,
    /// The order's name, as the client knows it.
    pub former_name: ClientOrderId,
    /// The order, if it is known already.
    order_id: OrderId,
}

/// A cancel or a replace that is on its way.
#[derive(Clone, Copy, Debug)]
struct Pending {
    change: Change,
    is_replace: bool,
}

/// A mass cancel.
#[derive(Clone, Copy, Debug)]
pub struct Mass {
    name: ClientOrderId,
    kind: u8,
    symbol: Symbol,
    side: Option<Side>,
}

/// The names that a session has used, and whether they are orders'.
#[derive(Debug, Default)]
struct Names {
    order: VecDeque<ClientOrderId>,
    /// True: of an order that was taken, or may be.
    taken: HashMap<ClientOrderId, bool>,
}

impl Names {
    fn note(&mut self, name: ClientOrderId, taken: bool) {
        if self.taken.insert(name, taken).is_none() {
            self.order.push_back(name);
        }
        if self.order.len() > NAMES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.taken.remove(&oldest);
        }
    }
}

/// One session's requests: the picture is at the top of this file.
#[derive(Debug)]
pub struct Desk {
    account: AccountId,
    may_trade: bool,
    names: Names,
    /// Orders on their way in.
    entering: Vec<Draft>,
    /// Cancels and replaces on their way, in the order in which they came.
    changing: Vec<Pending>,
    /// What it is told of markets.
    pub feed: Feed,
}

impl Desk {
    /// Of an account's session.
    pub fn new(account: AccountId) -> Self {
        Self {
            account,
            may_trade: false,
            names: Names::default(),
            entering: Vec::new(),
            changing: Vec::new(),
            feed: Feed::default(),
        }
    }

    /// Whose it is.
    pub const fn account(&self) -> AccountId {
        self.account
    }

    /// It has logged on, with a key that may trade or may not.
    pub fn begin(&mut self, account: AccountId, may_trade: bool) {
        (self.account, self.may_trade) = (account, may_trade);
    }

    /// What a message becomes.
    ///
    /// # Errors
    /// [`BusinessReject`] of a type that is not taken, or not from this key.
    pub fn hear(
        &mut self,
        models: &Models,
        message: &Message<'_>,
        moment: &Moment,
    ) -> Result<Next, BusinessReject> {
        let message_type = message.message_type();
        let trades = matches!(message_type, b"D" | b"F" | b"G" | b"q" | b"E");
        if trades && !self.may_trade {
            let text = "the session's key may not trade".to_owned();
            return Err(BusinessReject { reason: 6, text });
        }
        if trades && message.get(tag::POSS_RESEND) == Some(b"Y") && self.has_seen(models, message) {
            return Ok(Next::Say(Vec::new()));
        }
        Ok(match message_type {
            b"D" => self.new_order(models, message, moment),
            b"F" => self.cancel(models, message, moment),
            b"G" => self.replace(models, message, moment),
            b"H" => self.order_status(models, message, moment),
            b"q" => self.mass_cancel(models, message, moment),
            b"E" => self.new_list(models, message, moment),
            b"V" => Next::Say(self.feed.request(models, message)),
            b"e" => Next::Say(self.feed.status_request(models, message)?),
            _ => return Err(BusinessReject::unsupported()),
        })
    }

    /// Whether the request's name came before.
    fn has_seen(&self, models: &Models, message: &Message<'_>) -> bool {
        let tag = if message.message_type() == b"E" { tag::LIST_ID } else { tag::CL_ORD_ID };
        let Ok(name) = order::name(message, tag) else { return false };
        self.names.taken.contains_key(&name) || self.is_taken(models, &name)
    }

    /// Whether an order has, or had, that name.
    fn is_taken(&self, models: &Models, name: &ClientOrderId) -> bool {
        self.names.taken.get(name) == Some(&true)
            || models.orders().by_client_id(self.account, name).is_some()
    }

    fn new_order(&mut self, models: &Models, message: &Message<'_>, moment: &Moment) -> Next {
        let mut draft = Draft::nothing(ClientOrderId::EMPTY, self.account);
        if let Err(refused) = self.read_order(models, message, &mut draft) {
            if refused != Refused::duplicate() {
                self.names.note(draft.order.client_order_id, false);
            }
            return Next::Say(vec![rejected(&draft, refused, moment)]);
        }
        self.names.note(draft.order.client_order_id, true);
        self.entering.push(draft);
        let commands = vec![draft.command()];
        Next::Submit { commands, orders: 1, asked: Asked::Order(Box::new(draft)) }
    }

    pub(super) fn read_order(
        &self,
        models: &Models,
        message: &Message<'_>,
        draft: &mut Draft,
    ) -> Result<(), Refused> {
        draft.order.client_order_id = order::name(message, tag::CL_ORD_ID)?;
        let read = draft.read(models, message);
        if self.is_taken(models, &draft.order.client_order_id) {
            return Err(Refused::duplicate());
        }
        read
    }

    fn cancel(&mut self, models: &Models, message: &Message<'_>, moment: &Moment) -> Next {
        match self.read_change(models, message, |_| Ok(())) {
            Ok(change) => {
                let Change { name, former_name, .. } = change;
                let account = self.account;
                self.begin_change(&change, false);
                self.names.note(name, false);
                let command =
                    CancelOrder { order_id: OrderId::NONE, account, client_order_id: former_name };
                let asked = Asked::Cancel(change);
                Next::Submit { commands: vec![command.into()], orders: 0, asked }
            }
            Err((change, refused)) => {
                let told = self.cancel_reject(models, &change, false, refused, moment.now);
                Next::Say(vec![told])
            }
        }
    }

    fn replace(&mut self, models: &Models, message: &Message<'_>, moment: &Moment) -> Next {
        let mut amend = None;
        let read = self.read_change(models, message, |known| {
            if let Some(order) = known {
                check_unchanged(order, message)?;
            }
            let price = order::price(message, tag::PRICE)?;
            amend = Some((price, order::qty(message, tag::ORDER_QTY)?));
            Ok(())
        });
        match (read, amend) {
            (Ok(change), Some((price, qty))) => {
                let command = AmendOrder {
                    order_id: OrderId::NONE,
                    price,
                    qty,
                    account: self.account,
                    client_order_id: change.former_name,
                    new_client_order_id: change.name,
                    qty_meaning: AmendQtyMeaning::Total,
                    lose_priority: 0,
                    reserved: [0; 2],
                };
                self.begin_change(&change, true);
                self.names.note(change.name, true);
                let asked = Asked::Replace(change);
                Next::Submit { commands: vec![command.into()], orders: 0, asked }
            }
            (Ok(_), None) => Next::Say(Vec::new()),
            (Err((change, refused)), _) => {
                let told = self.cancel_reject(models, &change, true, refused, moment.now);
                Next::Say(vec![told])
            }
        }
    }

    /// What a cancel or a replace says of itself and of its order.
    fn read_change(
        &self,
        models: &Models,
        message: &Message<'_>,
        check: impl FnOnce(Option<&OrderView>) -> Result<(), Refused>,
    ) -> Result<Change, (Change, Refused)> {
        let nothing = ClientOrderId::EMPTY;
        let mut change = Change { name: nothing, former_name: nothing, order_id: OrderId::NONE };
        let read = || {
            change.former_name = order::name(message, tag::ORIG_CL_ORD_ID)?;
            change.name = order::name(message, tag::CL_ORD_ID)?;
            check_account(self.account, message)?;
            if self.is_taken(models, &change.name) {
                return Err(Refused::duplicate());
            }
            let known = models.orders().by_client_id(self.account, &change.former_name);
            if let Some(known) = known {
                change.order_id = known.order_id;
                let spec = order::instrument(models, message)?;
                let named = message.get(tag::ORDER_ID).and_then(value::unsigned);
                let side = message.get(tag::SIDE).and_then(code::parse_side);
                let is_it = spec.instrument == known.instrument
                    && side == Some(known.side)
                    && named.is_none_or(|id| id == known.order_id.0);
                if !is_it {
                    return Err(Refused::unknown_order());
                }
            }
            check(known)
        };
        match read() {
            Ok(()) => Ok(change),
            Err(refused) => Err((change, refused)),
        }
    }

    fn begin_change(&mut self, change: &Change, is_replace: bool) {
        self.changing.push(Pending { change: *change, is_replace });
    }

    fn order_status(&self, models: &Models, message: &Message<'_>, moment: &Moment) -> Next {
        let Moment { now, id } = moment.clone();
        let name = order::name(message, tag::CL_ORD_ID).unwrap_or_default();
        let by_id = message.get(tag::ORDER_ID).and_then(value::unsigned).map(OrderId);
        let order = match by_id {
            Some(id) => models.orders().get(self.account, id),
            None => models.orders().by_client_id(self.account, &name),
        };
        let entering = self.entering.iter().find(|draft| draft.order.client_order_id == name);
        let report = match (order, entering) {
            (Some(order), _) => {
                let mut report = Report::of(models, order, (exec::ORDER_STATUS, id.into()), now);
                self.overlay(&mut report, order.order_id, None);
                report
            }
            (None, Some(draft)) => {
                let types = (exec::ORDER_STATUS, status::PENDING_NEW);
                let mut report = Report::of_draft(draft, types, id.into(), now);
                self.overlay(&mut report, OrderId::NONE, None);
                report
            }
            (None, None) => {
                let mut draft = Draft::nothing(name, self.account);
                draft.symbol = order::symbol(message);
                let side = message.get(tag::SIDE).and_then(code::parse_side);
                draft.order.side = side.unwrap_or(Side::Buy);
                let types = (exec::ORDER_STATUS, status::REJECTED);
                let refused = Some(Refused::unknown_order());
                Report { refused, ..Report::of_draft(&draft, types, id.into(), now) }
            }
        };
        Next::Say(vec![report.outgoing()])
    }

    fn mass_cancel(&mut self, models: &Models, message: &Message<'_>, moment: &Moment) -> Next {
        let name = order::name(message, tag::CL_ORD_ID).unwrap_or_default();
        let side = message.get(tag::SIDE).and_then(code::parse_side);
        let kind = message.get(tag::MASS_CANCEL_REQUEST_TYPE).and_then(value::character);
        let kind = kind.unwrap_or(b'7');
        let mass = Mass { name, kind, symbol: order::symbol(message), side };
        let spec = order::instrument(models, message);
        let instrument = match (kind, spec) {
            (b'1', Ok(spec)) => spec.instrument,
            (b'1', Err(_)) => {
                return Next::Say(vec![mass.report(
                    None,
                    Some((1, "unknown Symbol (55)".into())),
                    moment,
                )]);
            }
            (b'7', _) => InstrumentId::ALL,
            _ => {
                let refused = Some((0, "MassCancelRequestType (530) is 1 or 7".into()));
                return Next::Say(vec![mass.report(None, refused, moment)]);
            }
        };
        let sides = match side {
            None => SideScope::Both,
            Some(Side::Buy) => SideScope::Buy,
            Some(Side::Sell) => SideScope::Sell,
        };
        let account = self.account;
        let command = MassCancel { account, instrument, sides, reserved: [0; 7] };
        self.names.note(name, false);
        Next::Submit { commands: vec![command.into()], orders: 0, asked: Asked::Mass(mass) }
    }

    fn new_list(&mut self, models: &Models, message: &Message<'_>, moment: &Moment) -> Next {
        let (mut list, read) = ListDraft::read(self, models, message);
        self.names.note(list.name, read.is_ok());
        if let Err(refused) = read {
            list.refused = Some(refused);
            return Next::Say(list.rejected(moment));
        }
        for draft in &list.orders {
            self.names.note(draft.order.client_order_id, true);
            self.entering.push(*draft);
        }
        let (commands, orders) = (list.commands(), list.orders.len() as u32);
        Next::Submit { commands, orders, asked: Asked::List(Box::new(list)) }
    }

    /// Marks a report of an order that a request of this session is on its way for, but for the
    /// request that made what it tells happen.
    pub fn overlay(&self, report: &mut Report, order_id: OrderId, own: Option<&Asked>) {
        let own = own.and_then(Asked::change).map(|change| change.name);
        let mut pending = self
            .changing
            .iter()
            .enumerate()
            .filter(|(at, pending)| {
                Some(pending.change.name) != own && self.is_about(*at, order_id, &report.name)
            })
            .map(|(_, pending)| pending.is_replace)
            .peekable();
        let is_pending = pending.peek().is_some();
        if pending.any(|is_replace| !is_replace) {
            report.status = status::PENDING_CANCEL;
        } else if is_pending {
            report.status = status::PENDING_REPLACE;
        }
    }

    /// Whether a request on its way is about that order, which has that name now. It may have named
    /// the order before the order had an id, or by the name that another replace on its way gives it.
    fn is_about(&self, at: usize, order_id: OrderId, name: &ClientOrderId) -> bool {
        let mut former = None;
        for Pending { change, .. } in self.changing[..=at].iter().rev() {
            if former.is_some_and(|former| former != change.name) {
                continue;
            }
            if !change.order_id.is_none() {
                return change.order_id == order_id;
            }
            if change.former_name == *name {
                return true;
            }
            former = Some(change.former_name);
        }
        false
    }

    /// A request is over: what its client is told of it beside the reports of what happened.
    pub fn done(
        &mut self,
        models: &Models,
        asked: &Asked,
        events: &Events,
        moment: &Moment,
    ) -> Vec<Outgoing> {
        if let Some(denied) = first::<Denied>(events) {
            return self.refuse(models, asked, Refused::denied(denied.reason), moment);
        }
        self.settle(asked);
        match asked {
            Asked::Mass(mass) => {
                let done = first::<MassCancelDone>(events);
                vec![mass.report(done.map(|done| done.orders), None, moment)]
            }
            Asked::List(list) => list.taken(models, self.account, moment),
            _ => Vec::new(),
        }
    }

    /// A request was not taken, or was denied: what its client is told.
    pub fn refuse(
        &mut self,
        models: &Models,
        asked: &Asked,
        refused: Refused,
        moment: &Moment,
    ) -> Vec<Outgoing> {
        self.settle(asked);
        match asked {
            Asked::Order(draft) => {
                self.names.note(draft.order.client_order_id, false);
                vec![rejected(draft, refused, moment)]
            }
            Asked::Cancel(change) => {
                vec![self.cancel_reject(models, change, false, refused, moment.now)]
            }
            Asked::Replace(change) => {
                self.names.note(change.name, false);
                vec![self.cancel_reject(models, change, true, refused, moment.now)]
            }
            Asked::Mass(mass) => {
                vec![mass.report(None, Some((99, refused.text)), moment)]
            }
            Asked::List(list) => {
                for draft in &list.orders {
                    self.names.note(draft.order.client_order_id, false);
                }
                let mut list = list.clone();
                list.refused = Some(refused);
                list.rejected(moment)
            }
        }
    }

    /// A request is on its way no more.
    fn settle(&mut self, asked: &Asked) {
        let mut entered = |name: ClientOrderId| {
            self.entering.retain(|draft| draft.order.client_order_id != name);
        };
        match asked {
            Asked::Order(draft) => entered(draft.order.client_order_id),
            Asked::List(list) => {
                list.orders.iter().for_each(|draft| entered(draft.order.client_order_id));
            }
            Asked::Cancel(change) | Asked::Replace(change) => {
                self.changing.retain(|pending| pending.change.name != change.name);
            }
            Asked::Mass(_) => {}
        }
    }

    fn cancel_reject(
        &self,
        models: &Models,
        change: &Change,
        is_replace: bool,
        refused: Refused,
        now: Timestamp,
    ) -> Outgoing {
        let orders = models.orders();
        let order = orders
            .by_client_id(self.account, &change.former_name)
            .or_else(|| orders.get(self.account, change.order_id));
        let ended = order.is_some_and(|order| !lives(order));
        let unknown = refused.cancel_reason == Refused::unknown_order().cancel_reason;
        let refused = if unknown && ended { Refused::too_late() } else { refused };
        CancelReject {
            order_id: order.map_or(OrderId::NONE, |order| order.order_id),
            name: change.name,
            former_name: change.former_name,
            status: order.map_or(status::REJECTED, words::order_status),
            is_replace,
            refused,
            account: self.account,
            time: now,
        }
        .outgoing()
    }
}

impl Asked {
    fn change(&self) -> Option<&Change> {
        match self {
            Self::Cancel(change) | Self::Replace(change) => Some(change),
            _ => None,
        }
    }
}

fn rejected(draft: &Draft, refused: Refused, moment: &Moment) -> Outgoing {
    Report::rejected(draft, refused, moment.id.clone().into(), moment.now).outgoing()
}

/// A replace changes price and quantity, and nothing else.
///
/// # Errors
/// The field that is another than the order's.
fn check_unchanged(order: &OrderView, message: &Message<'_>) -> Result<(), Refused> {
    let given = |tag| message.get(tag);
    let is = |tag, byte: u8| given(tag).is_none_or(|text| text == [byte]);
    let shown = order::qty(message, tag::MAX_FLOOR)?;
    let stop = order::price(message, tag::STOP_PX)?;
    let fixed = [
        (is(tag::ORD_TYPE, code::order_type(order.kind, order.trigger)), "OrdType (40)"),
        (is(tag::TIME_IN_FORCE, code::time_in_force(order.time_in_force)), "TimeInForce (59)"),
        (given(tag::MAX_FLOOR).is_none() || shown == order.display_qty, "MaxFloor (111)"),
        (given(tag::STOP_PX).is_none() || stop == order.trigger_price, "StopPx (99)"),
        (given(tag::CASH_ORDER_QTY).is_none(), "CashOrderQty (152)"),
    ];
    match fixed.iter().find(|(same, _)| !same) {
        None => Ok(()),
        Some((_, field)) => {
            let text = format!("a replace changes price and quantity alone, not {field}");
            Err(Refused { cancel_reason: 2, ..Refused::other(text) })
        }
    }
}

impl Mass {
    /// `OrderMassCancelReport`: how many orders ended, or why none did.
    fn report(
        self,
        orders: Option<u64>,
        refused: Option<(u64, Cow<'static, str>)>,
        moment: &Moment,
    ) -> Outgoing {
        let moment = moment.clone();
        Outgoing::new(b"r", move |encoder| {
            let Self { name, kind, symbol, side } = self;
            encoder.text(tag::CL_ORD_ID, name.as_bytes());
            encoder.text(tag::ORDER_ID, moment.id.as_bytes());
            if let Some(side) = side {
                encoder.character(tag::SIDE, code::side(side));
            }
            if !symbol.is_empty() {
                encoder.text(tag::SYMBOL, symbol.as_bytes());
            }
            if let Some((_, text)) = &refused {
                encoder.text(tag::TEXT, text.as_bytes());
            }
            super::report::write_time(encoder, tag::TRANSACT_TIME, moment.now);
            encoder.character(tag::MASS_CANCEL_REQUEST_TYPE, kind);
            let response = if refused.is_some() { b'0' } else { kind };
            encoder.character(tag::MASS_CANCEL_RESPONSE, response);
            if let Some((reason, _)) = refused {
                encoder.unsigned(tag::MASS_CANCEL_REJECT_REASON, reason);
            }
            if let Some(orders) = orders {
                encoder.unsigned(tag::TOTAL_AFFECTED_ORDERS, orders);
            }
        })
    }
}
