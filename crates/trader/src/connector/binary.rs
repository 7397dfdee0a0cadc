//! Orders over the venue's own protocol (`docs/binary.md`).
//!
//! The session's numbers say of every request whether the venue has it, and every answer that was missed comes
//! again: a request that was lost with its connection is told as never taken, and none is sent twice.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;
use tiercel_execution::order::{Found, Input, Progress};
use tiercel_execution::position::Fee;
use tiercel_execution::venue::{
    AdvancedTerms, Gathered, LIST_ORDERS_MAX, OrderName, OrderTerms, VenueId, VenueReport,
    VenueRequest,
};
use tiercel_types::order::{AmendQtyMeaning, PendingRule, SelfTradePrevention, Trigger};
use tiercel_types::{ClientOrderId, DenialReason, InstrumentId, OrderId, Price, Qty, Timestamp};
use tiercel_wire::binary::session::{Application, Credentials, Role, Session, Signature};
use tiercel_wire::binary::{
    AmendOrder, Body, CancelOrder, Executed, Fault, Flag, Group, LoginAccepted, LoginRefusal,
    LogoutReason, NewOrder, NewOrderList, OrderStatus, OrderTrigger, QueryOrder, RejectSource,
    SignatureScheme, Text,
};
use tiercel_wire::store::{MemoryStore, Store};

use super::asked_lists::AskedLists;
use crate::core::Core;

/// Requests whose answers are awaited, at most: a power of two.
const ASKED: usize = 4_096;
/// Records that the session keeps to send again: those of a login.
const KEPT: usize = 64;

/// What a request asked, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    New,
    Cancel,
    Amend,
    /// With the question's number.
    Query(u64),
    /// Orders that were entered together.
    List,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    number: u64,
    what: What,
    order: ClientOrderId,
}

/// What is known of how the venue numbers its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    /// Nothing: nobody was logged on before. It begins with answers that are new.
    New,
    /// The number of the next.
    Known,
    /// The venue has lost those that it had. It goes on with answers that are new, and what it says of requests is not
    /// true of those that were answered.
    Lost,
}

/// Why a connection ended, as far as it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BinaryFault {
    /// The venue does not let it log on.
    #[error("the login is refused: {}{}", .0, consequence(*.0))]
    Refused(LoginRefusal),
    /// Either side ended the session.
    #[error("the session has ended: {0}")]
    Ended(LogoutReason),
}

/// What is done about a refusal.
const fn consequence(refusal: LoginRefusal) -> &'static str {
    match refusal {
        LoginRefusal::Sequence => {
            ", the venue has fewer answers than were heard: it goes on with new ones, and what is open is asked for"
        }
        _ => "",
    }
}

/// Who logs on.
#[derive(Clone, Debug)]
pub struct Login {
    /// The key's id.
    pub key: Box<str>,
    /// What it signs with.
    pub secret: Box<[u8]>,
    /// How often either side says something.
    pub heartbeat_ms: u32,
    /// Whether the venue cancels what is open when the connection ends.
    pub cancel_on_disconnect: bool,
}

/// One session of orders.
pub struct BinaryOrders {
    venue: VenueId,
    session: Session,
    store: MemoryStore,
    secret: Box<[u8]>,
    /// By the trader's number, the venue's; zero: not traded there.
    instruments: Vec<InstrumentId>,
    asked: Box<[Option<Asked>]>,
    lists: AskedLists,
    gathered: Gathered,
    refused: Option<LoginRefusal>,
    numbers: Numbers,
}

impl BinaryOrders {
    /// A session that has no connection. `instruments` are the venue's numbers, by the trader's. It begins with
    /// the answer of the number `next_answer`; without one, with those that are new.
    pub fn new(
        venue: VenueId,
        login: &Login,
        instruments: Vec<InstrumentId>,
        next_answer: Option<u64>,
    ) -> Self {
        let credentials = Credentials {
            key: login.key.as_bytes().into(),
            scheme: SignatureScheme::HmacSha256,
            heartbeat_ms: login.heartbeat_ms,
            cancel_on_disconnect: login.cancel_on_disconnect,
            resend_requests: false,
            from_now: next_answer.is_none(),
        };
        let mut store = MemoryStore::with_room(Timestamp(0), KEPT, KEPT << 10);
        if let Some(number) = next_answer {
            store.set_next_incoming(number);
        }
        Self {
            venue,
            session: Session::new(Role::Initiator(credentials)),
            store,
            secret: login.secret.clone(),
            instruments,
            asked: vec![None; ASKED].into_boxed_slice(),
            lists: AskedLists::new(),
            gathered: Gathered::default(),
            refused: None,
            numbers: if next_answer.is_some() { Numbers::Known } else { Numbers::New },
        }
    }

    /// The venue's number of an instrument.
    pub fn set_instrument(&mut self, instrument: InstrumentId, number: InstrumentId) {
        let at = instrument.0 as usize;
        if self.instruments.len() <= at {
            self.instruments.resize(at + 1, InstrumentId(0));
        }
        self.instruments[at] = number;
    }

    /// Which venue it is.
    pub const fn venue(&self) -> VenueId {
        self.venue
    }

    /// Whether requests can be sent.
    pub fn is_up(&self) -> bool {
        self.session.is_logged_on()
    }

    /// Why the connection that there is, or was last, is of no use any more; `None`: nobody said so.
    pub fn fault(&self) -> Option<BinaryFault> {
        let ended = self.session.goodbye().map(BinaryFault::Ended);
        self.refused.map(BinaryFault::Refused).or(ended)
    }

    /// Bytes to send. The caller takes them away.
    #[inline]
    pub const fn output(&mut self) -> &mut Vec<u8> {
        self.session.output()
    }

    /// Whether the connection is to be ended, once the output is sent.
    pub const fn wants_close(&self) -> bool {
        self.session.wants_close()
    }

    /// There is a connection. `nonce` is drawn at random for it.
    pub fn connected(&mut self, now: Timestamp, nonce: [u8; 32]) {
        self.refused = None;
        self.session.connected(now, nonce);
    }

    /// The connection is gone.
    pub fn closed(&mut self, now: Timestamp, core: &mut Core) {
        let (session, mut desk) = self.parts(now, core);
        session.0.closed(&mut desk);
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Timestamp) {
        self.session.tick(now, &mut self.store);
    }

    /// Says goodbye.
    pub fn log_out(&mut self, now: Timestamp) {
        self.session.log_out(now, LogoutReason::Asked);
    }

    /// Bytes have come: takes what is whole of them, and returns how many bytes that was.
    pub fn received(&mut self, now: Timestamp, bytes: &[u8], core: &mut Core) -> usize {
        let ((session, store), mut desk) = self.parts(now, core);
        let taken = session.received(now, bytes, store, &mut desk);
        if self.numbers != Numbers::Known {
            self.find_numbers();
        }
        taken
    }

    /// They are known once it is logged on; until then it asks for answers that are new.
    #[cold]
    fn find_numbers(&mut self) {
        if self.session.is_logged_on() {
            self.numbers = Numbers::Known;
        }
        self.session.set_from_now(self.numbers != Numbers::Known);
    }

    /// The number of the next answer: all before it were taken.
    pub fn next_answer(&self) -> u64 {
        self.store.next_incoming()
    }

    fn parts<'a>(
        &'a mut self,
        now: Timestamp,
        core: &'a mut Core,
    ) -> ((&'a mut Session, &'a mut MemoryStore), Desk<'a>) {
        let Self { venue, session, store, secret, asked, lists, refused, numbers, .. } = self;
        (
            (session, store),
            Desk { now, venue: *venue, secret, asked, lists, refused, numbers, core },
        )
    }

    /// Writes a request. One that cannot be sent is answered by silence: its outcome is asked for.
    #[inline]
    pub fn request(&mut self, now: Timestamp, request: &VenueRequest) {
        match request {
            VenueRequest::New(terms) => self.enter(now, terms),
            VenueRequest::NewAdvanced(terms) => self.enter_advanced(now, terms),
            VenueRequest::Cancel(name) => {
                let body = CancelOrder {
                    client_id: client_id(name),
                    order_id: name.order_id,
                    reserved: [0; 24],
                };
                self.send(now, What::Cancel, name.client_order_id, name.instrument, &body);
            }
            VenueRequest::Amend { name, price, qty, .. } => self.amend(now, name, *price, *qty),
            VenueRequest::Query { name, question, .. } => {
                let body = QueryOrder {
                    client_id: client_id(name),
                    order_id: name.order_id,
                    reserved: [0; 24],
                };
                self.send(
                    now,
                    What::Query(*question),
                    name.client_order_id,
                    name.instrument,
                    &body,
                );
            }
            // Orders are amended here: nobody asks for this.
            VenueRequest::CancelReplace { .. } => {}
        }
    }

    #[inline]
    fn enter(&mut self, now: Timestamp, terms: &OrderTerms) {
        let body = new_order(terms);
        self.send(now, What::New, terms.client_order_id, terms.instrument, &body);
    }

    /// An order that waits leaves; of a list all at once, when the last is there.
    #[cold]
    fn enter_advanced(&mut self, now: Timestamp, terms: &AdvancedTerms) {
        let Self { session, store, instruments, asked, lists, gathered, .. } = self;
        let Some(orders) = gathered.take(terms) else { return };
        let list = terms.list.map(|list| {
            let pending_rule = PendingRule::FullFill;
            let client_id = Text::EMPTY;
            NewOrderList { client_id, kind: list.kind, pending_rule, reserved: [0; 30] }.into()
        });
        let mut bodies = [const { None }; 1 + 2 * LIST_ORDERS_MAX];
        let records =
            orders.iter().flat_map(|leg| [Some(new_order(&leg.order).into()), trigger(leg)]);
        for (place, body) in bodies.iter_mut().zip([list].into_iter().chain(records)) {
            *place = body;
        }
        let number = instruments.get(terms.order.instrument.0 as usize).copied();
        let number = number.unwrap_or(InstrumentId(0));
        let bodies = bodies.iter().flatten();
        let sequence = session.send_group(now, store, number, 0, bodies);
        let order = terms.order.client_order_id;
        let what = if terms.list.is_some() { What::List } else { What::New };
        asked[sequence as usize % ASKED] = Some(Asked { number: sequence, what, order });
        lists.put(sequence, orders);
    }

    fn amend(&mut self, now: Timestamp, name: &OrderName, price: Price, qty: Qty) {
        let body = AmendOrder {
            client_id: client_id(name),
            order_id: name.order_id,
            price,
            qty,
            qty_meaning: AmendQtyMeaning::Total,
            lose_priority: Flag::No,
            reserved: [0; 6],
        };
        self.send(now, What::Amend, name.client_order_id, name.instrument, &body);
    }

    #[inline]
    fn send<B: tiercel_wire::binary::BodyRecord>(
        &mut self,
        now: Timestamp,
        what: What,
        order: ClientOrderId,
        instrument: InstrumentId,
        body: &B,
    ) {
        let number = self.instruments.get(instrument.0 as usize);
        let number = number.copied().unwrap_or(InstrumentId(0));
        let sequence = self.session.send(now, &mut self.store, number, 0, body);
        self.asked[sequence as usize % ASKED] = Some(Asked { number: sequence, what, order });
    }
}

/// An order as it is entered.
#[inline]
fn new_order(terms: &OrderTerms) -> NewOrder {
    NewOrder {
        client_id: Text::part(terms.client_order_id.as_bytes()),
        price: terms.price,
        qty: terms.qty,
        display_qty: Qty::ZERO,
        side: terms.side,
        kind: terms.kind,
        time_in_force: terms.time_in_force,
        self_trade_prevention: SelfTradePrevention::ExpireTaker,
        by_quote: Flag::No,
        reserved: [0; 3],
    }
}

/// What an order waits for.
fn trigger(terms: &AdvancedTerms) -> Option<Body> {
    let trigger = OrderTrigger {
        trigger_price: terms.trigger_price,
        trailing_amount: Price::ZERO,
        activation_price: Price::ZERO,
        trailing_bps: 0,
        trigger: Trigger::Stop,
        reserved: [0; 19],
    };
    (!terms.trigger_price.is_zero()).then(|| trigger.into())
}

/// The name of an order that the venue has not numbered yet.
fn client_id(name: &OrderName) -> Text<16> {
    if name.order_id.is_none() { Text::part(name.client_order_id.as_bytes()) } else { Text::EMPTY }
}

/// What stands behind the session while bytes are taken.
struct Desk<'a> {
    now: Timestamp,
    venue: VenueId,
    secret: &'a [u8],
    asked: &'a mut [Option<Asked>],
    lists: &'a AskedLists,
    refused: &'a mut Option<LoginRefusal>,
    numbers: &'a mut Numbers,
    core: &'a mut Core,
}

impl Desk<'_> {
    fn tell(&mut self, order: ClientOrderId, order_id: OrderId, input: Input) {
        let report = VenueReport::new(order, order_id, input);
        self.core.report(self.now, self.venue, &report);
    }

    fn answer(&mut self, order: ClientOrderId, order_id: OrderId, question: u64, input: Input) {
        let report = VenueReport::answer(order, order_id, question, input);
        self.core.report(self.now, self.venue, &report);
    }

    /// The question about an order that is answered: they are answered in their order.
    fn answered(&mut self, order: &ClientOrderId) -> Option<u64> {
        let of_order =
            |asked: &&Asked| asked.order == *order && matches!(asked.what, What::Query(_));
        let asked =
            *self.asked.iter().flatten().filter(of_order).min_by_key(|asked| asked.number)?;
        self.done(asked.number);
        if let What::Query(question) = asked.what { Some(question) } else { None }
    }

    /// A request has its answer.
    #[inline]
    fn done(&mut self, number: u64) {
        let asked = &mut self.asked[number as usize % ASKED];
        if asked.is_some_and(|asked| asked.number == number) {
            *asked = None;
        }
    }

    fn asked(&self, number: u64) -> Option<Asked> {
        self.asked[number as usize % ASKED].filter(|asked| asked.number == number)
    }

    /// A request was not done: of a question, `is_gone` says whether it is because no such order is live.
    fn not_done(&mut self, request: u64, order_id: OrderId, is_gone: bool) {
        let Some(asked) = self.asked(request) else { return };
        let input = match asked.what {
            What::New => Input::Rejected,
            What::List => {
                for order in self.lists.orders(request) {
                    self.tell(order, OrderId::NONE, Input::Rejected);
                }
                return;
            }
            What::Cancel => Input::CancelRejected,
            What::Amend => Input::ReplaceRejected,
            What::Query(question) => {
                self.done(request);
                if is_gone {
                    // What became of it was told before.
                    self.answer(asked.order, order_id, question, NOTHING);
                }
                // Else nothing is known: it is asked again when its time has come.
                return;
            }
        };
        self.tell(asked.order, order_id, input);
    }

    fn executed(&mut self, executed: &Executed, group: &Group<'_>) -> Result<(), Fault> {
        let mut fee = Fee::NONE;
        for extension in group.extensions() {
            if let Body::Fee(charged) = extension? {
                fee = Fee::Received(charged.fee);
            }
        }
        let Executed { order_id, trade_id, price, qty, open_qty, .. } = *executed;
        let input = Input::Filled { trade_id, price, qty, after: Progress::Open(open_qty) };
        let report = VenueReport { fee, ..VenueReport::new(ClientOrderId::EMPTY, order_id, input) };
        self.core.report(self.now, self.venue, &report);
        Ok(())
    }
}

/// What is told of an order that is not live.
const NOTHING: Input = Input::Status {
    found: Found::Nothing,
    executed_qty: Qty::ZERO,
    price: Price::ZERO,
    qty: Qty::ZERO,
};

fn name_of(text: &Text<16>) -> ClientOrderId {
    // What a record holds is printable, or it would have been refused.
    ClientOrderId::new(text.as_bytes()).unwrap_or_default()
}

impl Application for Desk<'_> {
    fn sign(&mut self, transcript: &[u8]) -> Signature {
        let mut signature = [0; 64];
        // Keys of any length are fine for HMAC: an error cannot come.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret) {
            mac.update(transcript);
            signature[..32].copy_from_slice(&mac.finalize().into_bytes());
        }
        signature
    }

    fn on_logon(&mut self, accepted: &LoginAccepted) {
        self.core.answers_from(self.venue, accepted.next_outgoing);
        self.core.venue_up(self.now, self.venue);
    }

    fn on_refused(&mut self, reason: LoginRefusal) {
        *self.refused = Some(reason);
        if reason == LoginRefusal::Sequence {
            *self.numbers = Numbers::Lost;
        }
    }

    fn on_gap(&mut self, from: u64, next: u64) {
        match self.numbers {
            // It begins here.
            Numbers::New => {}
            // What is open is asked for since the logon.
            Numbers::Lost => self.core.unheard(self.now, self.venue, from, next),
            Numbers::Known => {
                self.core.unheard(self.now, self.venue, from, next);
                self.core.answers_from(self.venue, next);
                self.core.venue_up(self.now, self.venue);
            }
        }
    }

    fn on_lost(&mut self, from: u64, next: u64) {
        self.core.answer = 0;
        if *self.numbers == Numbers::Lost {
            // It may have taken them, and has forgotten that it did: what became of them is asked for.
            self.asked.fill(None);
            return;
        }
        for number in from.max(next.saturating_sub(ASKED as u64))..next {
            let Some(asked) = self.asked(number) else { continue };
            match asked.what {
                What::New => self.tell(asked.order, OrderId::NONE, NOTHING),
                What::List => {
                    for order in self.lists.orders(number) {
                        self.tell(order, OrderId::NONE, NOTHING);
                    }
                }
                What::Cancel => self.tell(asked.order, OrderId::NONE, Input::CancelRejected),
                What::Amend => self.tell(asked.order, OrderId::NONE, Input::ReplaceRejected),
                What::Query(_) => self.done(number),
            }
        }
    }

    fn on_message(&mut self, group: &Group<'_>) -> Result<(), Fault> {
        let (header, body) = group.decode()?;
        self.core.answer = header.sequence;
        let none = ClientOrderId::EMPTY;
        match body {
            Body::Accepted(accepted) => {
                // It is not lost, whatever the venue knows of it later.
                self.done(accepted.request);
                let order = name_of(&accepted.client_id);
                self.tell(order, accepted.order_id, Input::Accepted(accepted.order_id));
            }
            Body::Executed(executed) => self.executed(&executed, group)?,
            Body::Rejected(rejected) => {
                let is_gone = rejected.source == RejectSource::Engine
                    && rejected.reason == DenialReason::UnknownOrder as u16;
                self.not_done(rejected.request, rejected.order_id, is_gone);
            }
            Body::Busy(busy) => {
                self.core.venue_failed(self.now, self.venue);
                self.not_done(busy.request, OrderId::NONE, false);
            }
            Body::Amended(amended) => {
                let (price, open_qty) = (amended.price, amended.open_qty);
                self.tell(none, amended.order_id, Input::Replaced { price, open_qty });
            }
            Body::Cancelled(cancelled) => {
                let input = Input::Cancelled(Progress::Open(cancelled.unfilled_qty));
                self.tell(none, cancelled.order_id, input);
            }
            Body::Expired(expired) => {
                let input = Input::Expired(Progress::Open(expired.unfilled_qty));
                self.tell(none, expired.order_id, input);
            }
            Body::OrderStatus(status) => {
                let OrderStatus { client_id, order_id, price, qty, open_qty } = status;
                let executed = qty.units().saturating_sub(open_qty.units());
                let executed_qty = Qty::from_units(executed);
                let input = Input::Status { found: Found::Working, executed_qty, price, qty };
                let order = name_of(&client_id);
                if let Some(question) = self.answered(&order) {
                    self.answer(order, order_id, question, input);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn on_logout(&mut self, _: bool) {
        self.core.venue_down(self.now, self.venue);
    }
}
