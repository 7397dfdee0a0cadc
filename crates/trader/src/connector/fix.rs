//! Orders over FIX 4.4 (`docs/fix.md`): D, E, F, G and H leave; execution reports and refusals come.
//!
//! ```text
//!   request --> D, E, F, G, H --> Session --> bytes
//!                                 |
//!   Numbers (a mapped file) ------+        Answers --> Core
//!                                 |           ^
//!   bytes --> frame, Decoder --> Session -----+
//! ```
//!
//! What comes twice drops out by its sequence number, and what was not heard comes again: numbers go on from run to
//! run. What was sent on a connection before is never sent again: the venue is told that there is nothing of those
//! numbers, and what became of the orders is asked for.
//!
//! An order keeps the name that it was entered by; a cancel or a replace is named by it too, with the number of its
//! message behind a dash. A replace that was taken gives the order its own name: `names.rs` follows which it has.

mod answers;
mod names;
mod numbers;

use std::path::Path;

use thiserror::Error;
use tiercel_execution::venue::{
    AdvancedTerms, Gathered, OrderName, OrderTerms, VenueId, VenueRequest,
};
use tiercel_net::tls::Channel;
use tiercel_types::order::ListKind;
use tiercel_types::{
    ClientOrderId, OrderId, OrderKind, Price, Qty, SelfTradePrevention, Timestamp, Trigger,
};
use tiercel_wire::fix::session::{Role, Session, SessionConfig, Store as _};
use tiercel_wire::fix::tag::{self, Tag};
use tiercel_wire::fix::{Decoder, Encoder, Frame, Message, code, frame, value};

use crate::clerk::{Errand, Listed};
use crate::core::Core;
use crate::websocket::Handover;
use answers::{Answers, Memory, What};
pub use numbers::Numbers;

/// Of two orders of its own, the one that comes ends.
const EXPIRE_TAKER: u8 = code::self_trade_prevention(SelfTradePrevention::ExpireTaker);
/// `BidType` (394): nobody is asked for bids.
const NO_BIDDING: u8 = b'3';
/// `ContingencyType` (1385).
const ONE_CANCELS: u8 = b'1';
const ONE_TRIGGERS: u8 = b'2';
/// What an acceptor says to a number that is too low, before the number that it waits for.
const EXPECTING: &[u8] = b"expecting ";
/// Characters of a name with a number behind a dash.
const NAME_BYTES: usize = 36;

/// Why a connection is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FixFault {
    /// The venue does not let it log on.
    #[error("no logon: {0}")]
    Refused(String),
    /// TLS failed.
    #[error("TLS: {0}")]
    Tls(String),
}

/// Who logs on.
#[derive(Clone, Debug)]
pub struct FixLogin {
    /// `SenderCompID` (49).
    pub comp_id: Box<str>,
    /// `TargetCompID` (56).
    pub venue_comp_id: Box<str>,
    /// `Username` (553): the key's id.
    pub key: Box<str>,
    /// `Password` (554): its secret.
    pub secret: Box<[u8]>,
    /// `HeartBtInt` (108), in seconds.
    pub heartbeat_s: u32,
}

/// One session of orders.
pub struct FixOrders {
    venue: VenueId,
    session: Session,
    store: Numbers,
    decoder: Decoder,
    memory: Memory,
    channel: Channel,
    /// Bytes to send, over TLS.
    sealed: Vec<u8>,
    gathered: Gathered,
    /// There is no session before: what the venue numbered until now is not asked for.
    from_now: bool,
    /// The connection has logged on.
    was_on: bool,
}

impl FixOrders {
    /// A session that has no connection, of the instruments that are listed. It begins with the answer of the number
    /// `next_answer`; without one, where its numbers stand; where they begin, with answers that are new.
    pub fn new(
        venue: VenueId,
        login: &FixLogin,
        listed: Vec<Listed>,
        mut numbers: Numbers,
        next_answer: Option<u64>,
    ) -> Self {
        let role = Role::Initiator { heartbeat_interval_s: login.heartbeat_s };
        let mut config =
            SessionConfig::new(login.comp_id.as_bytes(), login.venue_comp_id.as_bytes(), role);
        config.logon_fields = vec![
            (tag::USERNAME, login.key.as_bytes().into()),
            (tag::PASSWORD, login.secret.clone()),
        ];
        // Of journal and file the lower one: what comes twice drops out. The journal's may be of numbers before a reset.
        if let Some(next) = next_answer
            && (numbers.is_new() || next < numbers.next_incoming())
        {
            numbers.set_next_incoming(next);
        }
        Self {
            venue,
            session: Session::new(config),
            from_now: next_answer.is_none() && numbers.is_new(),
            store: numbers,
            decoder: Decoder::default(),
            memory: Memory::new(listed),
            channel: Channel::Plain,
            sealed: Vec::new(),
            gathered: Gathered::default(),
            was_on: false,
        }
    }

    /// Which venue it is.
    pub const fn venue(&self) -> VenueId {
        self.venue
    }

    /// Whether requests can be sent.
    pub fn is_up(&self) -> bool {
        self.session.is_logged_on()
    }

    /// Bytes to send. The caller takes them away.
    #[inline]
    pub fn output(&mut self) -> &mut Vec<u8> {
        let output = self.session.output();
        if let Channel::Plain = self.channel {
            return output;
        }
        if !output.is_empty() {
            self.channel.seal(output, false, &mut self.sealed);
            output.clear();
        }
        &mut self.sealed
    }

    /// What a clerk is to be asked. The caller takes it away.
    pub const fn errands(&mut self) -> &mut Vec<Errand> {
        &mut self.memory.errands
    }

    /// Whether the connection is to be ended, once the output is sent.
    pub const fn wants_close(&self) -> bool {
        self.session.wants_close() || self.channel.has_failed()
    }

    /// There is a connection.
    ///
    /// # Errors
    /// [`FixFault`], of what came with it.
    pub fn connected(
        &mut self,
        now: Timestamp,
        handover: Handover,
        core: &mut Core,
    ) -> Result<(), FixFault> {
        self.channel = handover.channel;
        self.sealed.clear();
        self.was_on = false;
        self.store.begin();
        self.memory.names.forget_pending();
        self.memory.forget_questions();
        self.session.connected(now, &mut self.store);
        self.received(now, &handover.early, core).map(|_| ())
    }

    /// The connection is gone.
    pub fn closed(&mut self, now: Timestamp, core: &mut Core) {
        let Self { venue, session, store, memory, was_on, .. } = self;
        let mut answers = Answers { now, venue: *venue, memory, was_on, was_heard: false, core };
        session.closed(now, store, &mut answers);
        session.output().clear();
        self.sealed.clear();
        self.channel = Channel::Plain;
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Timestamp) {
        self.session.tick(now, &mut self.store);
    }

    /// Says goodbye.
    pub fn log_out(&mut self, now: Timestamp) {
        self.session.log_out(now, &mut self.store, "");
    }

    /// The number of the next answer: all before it were taken.
    pub fn next_answer(&self) -> u64 {
        self.store.next_incoming()
    }

    /// Bytes have come: takes what is whole of them, and returns how many bytes are done with.
    ///
    /// # Errors
    /// [`FixFault`]: the connection is to be ended.
    pub fn received(
        &mut self,
        now: Timestamp,
        bytes: &[u8],
        core: &mut Core,
    ) -> Result<usize, FixFault> {
        let opened = self.channel.open(bytes, &mut self.sealed);
        match opened.map_err(|error| FixFault::Tls(error.to_string()))? {
            None => self.messages(now, bytes, core),
            Some(mut plain) => {
                let taken = self.messages(now, &plain, core)?;
                plain.drain(..taken);
                self.channel.keep(plain);
                Ok(bytes.len())
            }
        }
    }

    fn messages(
        &mut self,
        now: Timestamp,
        bytes: &[u8],
        core: &mut Core,
    ) -> Result<usize, FixFault> {
        let mut at = 0;
        while !self.session.wants_close() {
            match frame(&bytes[at..]) {
                Frame::Partial => break,
                // The next message exposes the gap.
                Frame::Garbled { skip, .. } => at += skip,
                Frame::Whole { length, body } => {
                    self.take(now, &bytes[at..at + length], body, core)?;
                    at += length;
                }
            }
        }
        // Cancels that named an order by a name that it did not get.
        while let Some(name) = self.memory.again.pop() {
            self.cancel(now, &name);
        }
        Ok(at)
    }

    fn take(
        &mut self,
        now: Timestamp,
        bytes: &[u8],
        body: usize,
        core: &mut Core,
    ) -> Result<(), FixFault> {
        let Self { venue, session, store, decoder, memory, from_now, was_on, .. } = self;
        let Ok(message) = decoder.index(bytes, body) else { return Ok(()) };
        let number = message.get(tag::MSG_SEQ_NUM).and_then(value::unsigned).unwrap_or(0);
        match message.message_type() {
            // New numbers of the venue: what is open is asked for at the logon.
            b"A" if number > 0 && (*from_now || (!*was_on && number < store.next_incoming())) => {
                store.set_next_incoming(number);
            }
            b"5" if !*was_on => return Err(refused(&message, store)),
            _ => {}
        }
        let is_next = number == store.next_incoming();
        let mut answers = Answers { now, venue: *venue, memory, was_on, was_heard: false, core };
        session.received(now, &message, store, &mut answers);
        if is_next && message.message_type() == b"3" {
            // The session itself makes nothing of it.
            answers.not_done(number, &message);
        }
        if is_next
            && !answers.was_heard
            && session.is_logged_on()
            && matches!(message.message_type(), b"8" | b"9" | b"j")
        {
            // The session refused it, and it is not told again: what is open is asked for.
            answers.core.venue_up(now, *venue);
        }
        *from_now &= !*was_on;
        Ok(())
    }

    /// Writes a request. One that cannot be sent is answered by silence: its outcome is asked for.
    #[inline]
    pub fn request(&mut self, now: Timestamp, request: &VenueRequest) {
        if !self.is_up() {
            return;
        }
        match request {
            VenueRequest::New(terms) => self.enter(now, terms),
            VenueRequest::NewAdvanced(terms) => self.enter_advanced(now, terms),
            VenueRequest::Cancel(name) => self.cancel(now, name),
            VenueRequest::Amend { name, price, qty, .. } => self.replace(now, name, *price, *qty),
            VenueRequest::Query { name, executed_qty, question, .. } => {
                let what = What::Query { question: *question, executed_qty: *executed_qty };
                self.ask(now, name, what);
            }
            // Orders are amended here: nobody asks for this.
            VenueRequest::CancelReplace { .. } => {}
        }
    }

    #[inline]
    fn enter(&mut self, now: Timestamp, terms: &OrderTerms) {
        self.send(now, b"D", What::New, &named(terms), |encoder, symbol| {
            write_order(encoder, symbol, now, terms, Price::ZERO);
        });
    }

    /// An order that waits leaves; of a list all at once, when the last is there.
    #[cold]
    fn enter_advanced(&mut self, now: Timestamp, terms: &AdvancedTerms) {
        let mut gathered = std::mem::take(&mut self.gathered);
        if let Some(orders) = gathered.take(terms) {
            match terms.list {
                Some(list) => self.enter_list(now, list.kind, orders),
                None => self.send(now, b"D", What::New, &named(&terms.order), |encoder, symbol| {
                    write_order(encoder, symbol, now, &terms.order, terms.trigger_price);
                }),
            }
        }
        self.gathered = gathered;
    }

    fn enter_list(&mut self, now: Timestamp, kind: ListKind, orders: &[AdvancedTerms]) {
        let Some(first) = orders.first() else { return };
        let number = self.store.next_outgoing();
        self.memory.lists.put(number, orders);
        self.send(now, b"E", What::List, &named(&first.order), |encoder, symbol| {
            // It is called as its first order is.
            encoder.text(tag::LIST_ID, first.order.client_order_id.as_bytes());
            encoder.character(tag::BID_TYPE, NO_BIDDING);
            encoder.unsigned(tag::TOT_NO_ORDERS, orders.len() as u64);
            let contingency = if kind == ListKind::Oco { ONE_CANCELS } else { ONE_TRIGGERS };
            encoder.character(tag::CONTINGENCY_TYPE, contingency);
            encoder.unsigned(tag::NO_ORDERS, orders.len() as u64);
            for (terms, at) in orders.iter().zip(1..) {
                encoder.text(tag::CL_ORD_ID, terms.order.client_order_id.as_bytes());
                encoder.unsigned(tag::LIST_SEQ_NO, at);
                write_terms(encoder, symbol, now, &terms.order, terms.trigger_price);
            }
        });
    }

    fn cancel(&mut self, now: Timestamp, name: &OrderName) {
        let number = self.store.next_outgoing();
        let former = self.memory.names.newest(&name.client_order_id);
        self.send(now, b"F", What::Cancel, name, |encoder, symbol| {
            write_name(encoder, tag::CL_ORD_ID, &name.client_order_id, number);
            write_order_id(encoder, name.order_id);
            write_name(encoder, tag::ORIG_CL_ORD_ID, &name.client_order_id, former);
            encoder.character(tag::SIDE, code::side(name.side));
            encoder.text(tag::SYMBOL, symbol);
            encoder.time(tag::TRANSACT_TIME, now);
        });
    }

    fn replace(&mut self, now: Timestamp, name: &OrderName, price: Price, qty: Qty) {
        let number = self.store.next_outgoing();
        let former = self.memory.names.newest(&name.client_order_id);
        self.memory.names.replacing(&name.client_order_id, number);
        self.send(now, b"G", What::Replace, name, |encoder, symbol| {
            write_name(encoder, tag::CL_ORD_ID, &name.client_order_id, number);
            write_order_id(encoder, name.order_id);
            encoder.qty(tag::ORDER_QTY, qty);
            encoder.character(tag::ORD_TYPE, code::order_type(OrderKind::Limit, Trigger::None));
            write_name(encoder, tag::ORIG_CL_ORD_ID, &name.client_order_id, former);
            encoder.price(tag::PRICE, price);
            encoder.character(tag::SIDE, code::side(name.side));
            encoder.text(tag::SYMBOL, symbol);
            encoder.time(tag::TRANSACT_TIME, now);
        });
    }

    fn ask(&mut self, now: Timestamp, name: &OrderName, what: What) {
        let newest = self.memory.names.newest(&name.client_order_id);
        self.send(now, b"H", what, name, |encoder, symbol| {
            write_name(encoder, tag::CL_ORD_ID, &name.client_order_id, newest);
            write_order_id(encoder, name.order_id);
            encoder.character(tag::SIDE, code::side(name.side));
            encoder.text(tag::SYMBOL, symbol);
        });
    }

    /// Sends a message about an order of an instrument that the venue lists.
    #[inline]
    fn send(
        &mut self,
        now: Timestamp,
        message_type: &[u8],
        what: What,
        name: &OrderName,
        body: impl FnOnce(&mut Encoder, &[u8]),
    ) {
        let Self { session, store, memory, .. } = self;
        let number = store.next_outgoing();
        let Some(listed) = memory.listed(name.instrument) else { return };
        session.send(now, store, message_type, |encoder| body(encoder, listed.symbol.as_bytes()));
        memory.asks(number, what, *name);
    }
}

/// The numbers of a session in a file of a folder.
///
/// # Errors
/// As [`Numbers::open`].
pub fn numbers(store: &Path, venue: &str, now: Timestamp) -> std::io::Result<Numbers> {
    Numbers::open(&store.join(format!("fix-{venue}")), now)
}

/// The venue says goodbye instead of logging on. If it is for a number that is too low, it says which it waits for: the
/// next logon has that.
#[cold]
fn refused(message: &Message<'_>, store: &mut Numbers) -> FixFault {
    let text = message.get(tag::TEXT).unwrap_or_default();
    let at = text.windows(EXPECTING.len()).position(|part| part == EXPECTING);
    if let Some(at) = at {
        let digits = &text[at + EXPECTING.len()..];
        let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
        if let Some(expected) = value::unsigned(&digits[..end])
            && expected > store.next_outgoing()
        {
            store.set_next_outgoing(expected);
        }
    }
    FixFault::Refused(String::from_utf8_lossy(text).into_owned())
}

/// How a new order is named.
const fn named(terms: &OrderTerms) -> OrderName {
    OrderName {
        client_order_id: terms.client_order_id,
        order_id: OrderId::NONE,
        instrument: terms.instrument,
        side: terms.side,
    }
}

#[inline]
fn write_order(
    encoder: &mut Encoder,
    symbol: &[u8],
    now: Timestamp,
    terms: &OrderTerms,
    trigger_price: Price,
) {
    encoder.text(tag::CL_ORD_ID, terms.client_order_id.as_bytes());
    write_terms(encoder, symbol, now, terms, trigger_price);
}

/// What a new order says, but for its name. With a trigger price of zero it does not wait.
#[inline]
fn write_terms(
    encoder: &mut Encoder,
    symbol: &[u8],
    now: Timestamp,
    terms: &OrderTerms,
    trigger_price: Price,
) {
    if terms.kind == OrderKind::PostOnly {
        encoder.character(tag::EXEC_INST, b'6');
    }
    encoder.qty(tag::ORDER_QTY, terms.qty);
    let waits = !trigger_price.is_zero();
    let trigger = if waits { Trigger::Stop } else { Trigger::None };
    encoder.character(tag::ORD_TYPE, code::order_type(terms.kind, trigger));
    if !terms.price.is_zero() {
        encoder.price(tag::PRICE, terms.price);
    }
    encoder.character(tag::SIDE, code::side(terms.side));
    encoder.text(tag::SYMBOL, symbol);
    encoder.character(tag::TIME_IN_FORCE, code::time_in_force(terms.time_in_force));
    encoder.time(tag::TRANSACT_TIME, now);
    if waits {
        encoder.price(tag::STOP_PX, trigger_price);
    }
    encoder.character(tag::SELF_TRADE_PREVENTION, EXPIRE_TAKER);
}

/// A name, and the number of a request behind it; zero: none.
#[inline]
fn write_name(encoder: &mut Encoder, tag: Tag, order: &ClientOrderId, number: u64) {
    if number == 0 {
        return encoder.text(tag, order.as_bytes());
    }
    let mut text = [0; NAME_BYTES];
    encoder.text(tag, names::with_number(&mut text, order, number));
}

#[inline]
fn write_order_id(encoder: &mut Encoder, order_id: OrderId) {
    if !order_id.is_none() {
        encoder.unsigned(tag::ORDER_ID, order_id.0);
    }
}
