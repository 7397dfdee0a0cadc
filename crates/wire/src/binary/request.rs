//! From requests to the engine's commands, and from commands to requests.

use tiercel_types::command::{self, CONDITION_LEAVES_MAX, Command, ConditionLeaf, StageCondition};
use tiercel_types::order::Trigger;
use tiercel_types::{AccountId, ClientOrderId, InstrumentId, OrderId, Qty};
use zerocopy::FromBytes;

use super::field::{ClientId, Flag, IdRole, Opaque};
use super::records::{
    AmendOrder, Body, CancelOrder, Condition, CountdownCancel, Kind, LongId, MassCancel,
    MoreLeaves, NewOrder, NewOrderList, OrderTerms, OrderTrigger, QueryOrder, ReplaceOrder, Target,
};
use super::{Fault, Group, Header};

/// Whose request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The account.
    pub account: AccountId,
    /// Which of its sessions: its orders carry it. Zero: they are not cancelled with it.
    pub session: u32,
}

/// Hands over the commands that a request asks for, in order: they go adjacent into the log.
///
/// # Errors
/// [`Fault`]: the request is refused as a whole, and what was handed over before is void.
#[inline]
pub fn commands(
    group: &Group<'_>,
    origin: Origin,
    mut take: impl FnMut(Command),
) -> Result<(), Fault> {
    let (header, body) = group.decode()?;
    match body {
        Body::NewOrder(body) => {
            let order = plain_order(&header, &body, origin);
            if header.extensions == 0 {
                take(order.into());
                return Ok(());
            }
            let mut rest = Rest::of(group);
            let parts = Parts::read(order, Kind::NewOrder, &mut rest)?;
            rest.finish()?;
            parts.enter(take);
        }
        Body::CancelOrder(body) => {
            let own = Ids::of(group, Kind::CancelOrder, body.client_id)?.own;
            let CancelOrder { order_id, .. } = body;
            let account = origin.account;
            take(command::CancelOrder { order_id, account, client_order_id: own }.into());
        }
        Body::QueryOrder(body) => {
            let own = Ids::of(group, Kind::QueryOrder, body.client_id)?.own;
            let QueryOrder { order_id, .. } = body;
            let account = origin.account;
            take(command::QueryOrder { order_id, account, client_order_id: own }.into());
        }
        Body::AmendOrder(body) => {
            let ids = Ids::of(group, Kind::AmendOrder, body.client_id)?;
            take(amendment(&body, &ids, origin).into());
        }
        Body::ReplaceOrder(body) => take(replacement(group, &header, &body, origin)?.into()),
        Body::MassCancel(MassCancel { sides, .. }) => {
            alone(group)?;
            let (account, instrument) = (origin.account, header.instrument);
            take(command::MassCancel { account, instrument, sides, reserved: [0; 7] }.into());
        }
        Body::CountdownCancel(CountdownCancel { after_ns, .. }) => {
            alone(group)?;
            let (account, instrument) = (origin.account, header.instrument);
            take(command::CountdownCancel { account, instrument, after_ns }.into());
        }
        Body::NewOrderList(body) => list(group, &header, &body, origin, take)?,
        other => return Err(Fault::Misplaced { kind: other.kind() }),
    }
    Ok(())
}

/// Refuses a record that has extensions and cannot.
fn alone(group: &Group<'_>) -> Result<(), Fault> {
    Rest::of(group).finish()
}

/// The engine's form of a client id of 16 characters.
#[inline(always)]
fn whole_id(id: &ClientId) -> ClientOrderId {
    let mut bytes = [0; ClientOrderId::LIMIT];
    bytes[..16].copy_from_slice(id.padded());
    ClientOrderId::read_from_bytes(&bytes).unwrap_or_default()
}

#[inline(always)]
fn plain_order(header: &Header, body: &NewOrder, origin: Origin) -> command::NewOrder {
    let NewOrder { price, qty, display_qty, side, kind, time_in_force, .. } = *body;
    let by_quote = body.by_quote == Flag::Yes;
    command::NewOrder {
        price,
        qty: if by_quote { Qty::ZERO } else { qty },
        quote_qty: if by_quote { qty } else { Qty::ZERO },
        display_qty,
        instrument: header.instrument,
        account: origin.account,
        client_order_id: whole_id(&body.client_id),
        side,
        kind,
        time_in_force,
        self_trade_prevention: body.self_trade_prevention,
        session: origin.session,
        ..command::NewOrder::NOTHING
    }
}

fn amendment(body: &AmendOrder, ids: &Ids, origin: Origin) -> command::AmendOrder {
    command::AmendOrder {
        order_id: body.order_id,
        price: body.price,
        qty: body.qty,
        account: origin.account,
        client_order_id: ids.own,
        new_client_order_id: ids.new,
        qty_meaning: body.qty_meaning,
        lose_priority: body.lose_priority as u8,
        reserved: [0; 2],
    }
}

fn replacement(
    group: &Group<'_>,
    header: &Header,
    body: &ReplaceOrder,
    origin: Origin,
) -> Result<command::ReplaceOrder, Fault> {
    let as_new = NewOrder {
        client_id: body.client_id,
        price: body.price,
        qty: body.qty,
        display_qty: body.display_qty,
        side: body.side,
        kind: body.kind,
        time_in_force: body.time_in_force,
        self_trade_prevention: body.self_trade_prevention,
        by_quote: body.by_quote,
        reserved: [0; 3],
    };
    let mut rest = Rest::of(group);
    let order = plain_order(header, &as_new, origin);
    let parts = Parts::read(order, Kind::ReplaceOrder, &mut rest)?;
    rest.finish()?;
    let missing = Fault::Missing { kind: Kind::ReplaceOrder, missing: Kind::Target };
    let (target_order_id, target_client_order_id) = parts.target.ok_or(missing)?;
    Ok(command::ReplaceOrder {
        target_order_id,
        target_client_order_id,
        reserved: [0; 4],
        order: parts.order,
    })
}

fn list(
    group: &Group<'_>,
    header: &Header,
    body: &NewOrderList,
    origin: Origin,
    mut take: impl FnMut(Command),
) -> Result<(), Fault> {
    let mut rest = Rest::of(group);
    let kind = Kind::NewOrderList;
    let long = rest.take_if(|body| matches!(body, Body::LongId(_)))?;
    let list_client_order_id = match long {
        Some(Body::LongId(LongId { text, .. })) => text,
        _ => whole_id(&body.client_id),
    };
    for _ in 0..body.kind.orders() {
        let missing = Fault::Missing { kind, missing: Kind::NewOrder };
        let leg = rest.take_if(|body| matches!(body, Body::NewOrder(_)))?;
        let Some(Body::NewOrder(leg)) = leg else { return Err(missing) };
        let parts = Parts::read(plain_order(header, &leg, origin), Kind::NewOrder, &mut rest)?;
        if let Some(condition) = parts.condition {
            take(condition.into());
        }
        take(command::StageLeg { order: parts.order, terms: parts.terms }.into());
    }
    rest.finish()?;
    take(
        command::NewOrderList {
            instrument: header.instrument,
            account: origin.account,
            list_client_order_id,
            kind: body.kind,
            pending_rule: body.pending_rule,
            reserved: [0; 2],
        }
        .into(),
    );
    Ok(())
}

/// The extensions of a group that are not read yet.
struct Rest<'a> {
    records: &'a [[u8; super::RECORD_SIZE]],
}

impl<'a> Rest<'a> {
    fn of(group: &Group<'a>) -> Self {
        Self { records: group.bytes().as_chunks().0.get(1..).unwrap_or_default() }
    }

    /// The next one, if it is one that is wanted.
    fn take_if(&mut self, wanted: impl Fn(&Body) -> bool) -> Result<Option<Body>, Fault> {
        let Some((first, behind)) = self.records.split_first() else { return Ok(None) };
        let (_, body) = super::decode(first)?;
        if !wanted(&body) {
            return Ok(None);
        }
        self.records = behind;
        Ok(Some(body))
    }

    /// Nothing may be left.
    fn finish(&mut self) -> Result<(), Fault> {
        match self.take_if(|_| true)? {
            None => Ok(()),
            Some(body) => Err(Fault::Misplaced { kind: body.kind() }),
        }
    }
}

/// The client ids of a request that names an order.
struct Ids {
    own: ClientOrderId,
    new: ClientOrderId,
}

impl Ids {
    /// Those of a request whose only extensions are long ids.
    #[inline]
    fn of(group: &Group<'_>, kind: Kind, own: ClientId) -> Result<Self, Fault> {
        let mut ids = Self { own: whole_id(&own), new: ClientOrderId::EMPTY };
        if group.bytes().len() == super::RECORD_SIZE {
            return Ok(ids);
        }
        let mut rest = Rest::of(group);
        while let Some(Body::LongId(LongId { text, role, .. })) =
            rest.take_if(|body| matches!(body, Body::LongId(_)))?
        {
            match role {
                IdRole::Own if ids.own.is_empty() => ids.own = text,
                IdRole::New if kind == Kind::AmendOrder && ids.new.is_empty() => ids.new = text,
                _ => return Err(Fault::Misplaced { kind: Kind::LongId }),
            }
        }
        rest.finish()?;
        Ok(ids)
    }
}

/// An order with all that it says.
struct Parts {
    order: command::NewOrder,
    terms: command::OrderTerms,
    condition: Option<StageCondition>,
    target: Option<(OrderId, ClientOrderId)>,
    leaves: usize,
    has_terms: bool,
}

impl Parts {
    /// Reads the extensions of an order, up to the first record that is none of them.
    fn read(order: command::NewOrder, kind: Kind, rest: &mut Rest<'_>) -> Result<Self, Fault> {
        let terms = command::OrderTerms::NONE;
        let mut parts =
            Self { order, terms, condition: None, target: None, leaves: 0, has_terms: false };
        let belongs = |body: &Body| {
            matches!(
                body,
                Body::OrderTerms(_)
                    | Body::OrderTrigger(_)
                    | Body::Condition(_)
                    | Body::MoreLeaves(_)
                    | Body::LongId(_)
                    | Body::Target(_)
            )
        };
        while let Some(body) = rest.take_if(belongs)? {
            // Each at most once, and none where it means nothing.
            if !parts.take(&body, kind) {
                return Err(Fault::Misplaced { kind: body.kind() });
            }
        }
        let waits_for_condition = parts.terms.trigger == Trigger::Condition;
        if waits_for_condition != parts.condition.is_some() {
            let (kind, missing) = match parts.condition {
                Some(_) => (Kind::Condition, Kind::OrderTrigger),
                None => (Kind::OrderTrigger, Kind::Condition),
            };
            return Err(Fault::Missing { kind, missing });
        }
        Ok(parts)
    }

    /// Takes an extension; false if it does not belong there.
    fn take(&mut self, body: &Body, kind: Kind) -> bool {
        let is_new = kind == Kind::NewOrder;
        match body {
            Body::OrderTerms(terms) => {
                // A replacement is a plain order: its time is all that it can say.
                let is_plain = *terms == OrderTerms { expire_time: terms.expire_time, ..NO_TERMS };
                let fits = !self.has_terms && (is_new || is_plain);
                self.has_terms = true;
                self.order.expire_time = terms.expire_time;
                self.terms.min_qty = terms.min_qty;
                self.terms.peg_offset = terms.peg_offset;
                self.terms.peg = terms.peg;
                self.terms.all_or_none = terms.all_or_none as u8;
                self.terms.hidden = terms.hidden as u8;
                self.terms.imbalance_only = terms.imbalance_only as u8;
                fits
            }
            Body::OrderTrigger(trigger) => {
                let fits = is_new && self.terms.trigger == Trigger::None;
                self.terms.trigger_price = trigger.trigger_price;
                self.terms.trailing_amount = trigger.trailing_amount;
                self.terms.activation_price = trigger.activation_price;
                self.terms.trailing_bps = trigger.trailing_bps;
                self.terms.trigger = trigger.trigger;
                fits
            }
            Body::Condition(condition) => {
                let fits = is_new && self.condition.is_none();
                let mut leaves = [ConditionLeaf::NONE; CONDITION_LEAVES_MAX];
                [leaves[0], leaves[1]] = [condition.leaf_1, condition.leaf_2];
                self.leaves = 2;
                self.condition = Some(StageCondition {
                    leaves,
                    program: condition.program.0,
                    account: self.order.account,
                    reserved: [0; 4],
                });
                fits
            }
            Body::MoreLeaves(more) => {
                let next = self.leaves..self.leaves + 3;
                self.leaves += 3;
                let places = self.condition.as_mut().and_then(|all| all.leaves.get_mut(next));
                let Some(places) = places else { return false };
                places.copy_from_slice(&[more.leaf_1, more.leaf_2, more.leaf_3]);
                true
            }
            Body::LongId(LongId { text, role: IdRole::Own, .. }) => {
                let fits = self.order.client_order_id.is_empty();
                self.order.client_order_id = *text;
                fits
            }
            Body::LongId(LongId { text, role: IdRole::Target, .. }) => match &mut self.target {
                Some((_, id)) if id.is_empty() => {
                    *id = *text;
                    true
                }
                _ => false,
            },
            Body::Target(target) => {
                let fits = !is_new && self.target.is_none();
                self.target = Some((target.order_id, whole_id(&target.client_id)));
                fits
            }
            _ => false,
        }
    }

    fn enter(self, mut take: impl FnMut(Command)) {
        if let Some(condition) = self.condition {
            take(condition.into());
        }
        if self.terms == command::OrderTerms::NONE {
            take(self.order.into());
        } else {
            take(command::NewAdvancedOrder { order: self.order, terms: self.terms }.into());
        }
    }
}

const NO_TERMS: OrderTerms = OrderTerms {
    expire_time: tiercel_types::Timestamp(0),
    min_qty: Qty::ZERO,
    peg_offset: tiercel_types::Price::ZERO,
    peg: tiercel_types::Peg::None,
    all_or_none: Flag::No,
    hidden: Flag::No,
    imbalance_only: Flag::No,
    reserved: [0; 20],
};

/// The records of a request, at most: those of an order with all that it can say.
const REQUEST_RECORDS_MAX: usize = 8;

/// A request on its way out: a record and those that belong to it, without their number.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Of which instrument.
    pub instrument: InstrumentId,
    bodies: [Option<Body>; REQUEST_RECORDS_MAX],
}

impl Request {
    /// What to send so that the other side comes to this command; `None` of a command that is not
    /// one record's, or no client's.
    pub fn of(command: &Command) -> Option<Self> {
        let mut request = Self { instrument: InstrumentId(0), bodies: [None; REQUEST_RECORDS_MAX] };
        match command {
            Command::NewOrder(order) => {
                request.order(order, &command::OrderTerms::NONE, false);
            }
            Command::NewAdvancedOrder(new) if new.terms.trigger != Trigger::Condition => {
                request.order(&new.order, &new.terms, false);
            }
            Command::ReplaceOrder(replace) => {
                request.order(&replace.order, &command::OrderTerms::NONE, true);
                let (client_id, long) = split_id(&replace.target_client_order_id, IdRole::Target);
                let order_id = replace.target_order_id;
                request.push(Body::Target(Target { client_id, order_id, reserved: [0; 24] }));
                request.push_id(long);
            }
            Command::CancelOrder(cancel) => {
                let (client_id, long) = split_id(&cancel.client_order_id, IdRole::Own);
                let order_id = cancel.order_id;
                request.push(CancelOrder { client_id, order_id, reserved: [0; 24] }.into());
                request.push_id(long);
            }
            Command::QueryOrder(query) => {
                let (client_id, long) = split_id(&query.client_order_id, IdRole::Own);
                let order_id = query.order_id;
                request.push(QueryOrder { client_id, order_id, reserved: [0; 24] }.into());
                request.push_id(long);
            }
            Command::AmendOrder(amend) => request.amendment(amend),
            Command::MassCancel(cancel) => {
                request.instrument = cancel.instrument;
                request.push(MassCancel { sides: cancel.sides, reserved: [0; 47] }.into());
            }
            Command::CountdownCancel(countdown) => {
                request.instrument = countdown.instrument;
                let after_ns = countdown.after_ns;
                request.push(CountdownCancel { after_ns, reserved: [0; 40] }.into());
            }
            _ => return None,
        }
        Some(request)
    }

    /// The same behind a condition that its order waits for.
    pub fn of_conditional(condition: &StageCondition, new: &command::NewAdvancedOrder) -> Self {
        let mut request = Self { instrument: InstrumentId(0), bodies: [None; REQUEST_RECORDS_MAX] };
        request.order(&new.order, &new.terms, false);
        let program = Opaque(condition.program);
        let ([leaf_1, leaf_2], more) =
            ([condition.leaves[0], condition.leaves[1]], condition.leaves[2..].as_chunks::<3>().0);
        request.push(Condition { program, leaf_1, leaf_2 }.into());
        for &[leaf_1, leaf_2, leaf_3] in more {
            if leaf_1 != ConditionLeaf::NONE {
                request.push(MoreLeaves { leaf_1, leaf_2, leaf_3 }.into());
            }
        }
        request
    }

    /// Its records, the main one first.
    pub fn bodies(&self) -> impl Iterator<Item = &Body> {
        self.bodies.iter().flatten()
    }

    fn push(&mut self, body: Body) {
        if let Some(place) = self.bodies.iter_mut().find(|place| place.is_none()) {
            *place = Some(body);
        }
    }

    fn push_id(&mut self, long: Option<LongId>) {
        if let Some(long) = long {
            self.push(long.into());
        }
    }

    fn amendment(&mut self, amend: &command::AmendOrder) {
        let (client_id, long) = split_id(&amend.client_order_id, IdRole::Own);
        self.push(Body::AmendOrder(AmendOrder {
            client_id,
            order_id: amend.order_id,
            price: amend.price,
            qty: amend.qty,
            qty_meaning: amend.qty_meaning,
            lose_priority: if amend.lose_priority == 0 { Flag::No } else { Flag::Yes },
            reserved: [0; 6],
        }));
        self.push_id(long);
        if !amend.new_client_order_id.is_empty() {
            let text = amend.new_client_order_id;
            self.push(LongId { text, role: IdRole::New, reserved: [0; 11] }.into());
        }
    }

    fn order(&mut self, order: &command::NewOrder, terms: &command::OrderTerms, replaces: bool) {
        let (client_id, long) = split_id(&order.client_order_id, IdRole::Own);
        let by_quote = order.quote_qty != Qty::ZERO;
        let new = NewOrder {
            client_id,
            price: order.price,
            qty: if by_quote { order.quote_qty } else { order.qty },
            display_qty: order.display_qty,
            side: order.side,
            kind: order.kind,
            time_in_force: order.time_in_force,
            self_trade_prevention: order.self_trade_prevention,
            by_quote: if by_quote { Flag::Yes } else { Flag::No },
            reserved: [0; 3],
        };
        self.instrument = order.instrument;
        self.push(if replaces { as_replacement(&new).into() } else { new.into() });
        self.push_id(long);
        let flag = |set: u8| if set == 0 { Flag::No } else { Flag::Yes };
        let more = OrderTerms {
            expire_time: order.expire_time,
            min_qty: terms.min_qty,
            peg_offset: terms.peg_offset,
            peg: terms.peg,
            all_or_none: flag(terms.all_or_none),
            hidden: flag(terms.hidden),
            imbalance_only: flag(terms.imbalance_only),
            reserved: [0; 20],
        };
        if more != NO_TERMS {
            self.push(more.into());
        }
        if terms.trigger != Trigger::None {
            self.push(Body::OrderTrigger(OrderTrigger {
                trigger_price: terms.trigger_price,
                trailing_amount: terms.trailing_amount,
                activation_price: terms.activation_price,
                trailing_bps: terms.trailing_bps,
                trigger: terms.trigger,
                reserved: [0; 19],
            }));
        }
    }
}

const fn as_replacement(new: &NewOrder) -> ReplaceOrder {
    ReplaceOrder {
        client_id: new.client_id,
        price: new.price,
        qty: new.qty,
        display_qty: new.display_qty,
        side: new.side,
        kind: new.kind,
        time_in_force: new.time_in_force,
        self_trade_prevention: new.self_trade_prevention,
        by_quote: new.by_quote,
        reserved: [0; 3],
    }
}

/// A client id of at most 16 characters; or none, and the record that has it.
fn split_id(id: &ClientOrderId, role: IdRole) -> (ClientId, Option<LongId>) {
    match ClientId::new(id.as_bytes()) {
        Some(id) => (id, None),
        None => (ClientId::EMPTY, Some(LongId { text: *id, role, reserved: [0; 11] })),
    }
}
