//! Orders over the Binance interface: requests and user data on one WebSocket (`docs/trading.md`).
//!
//! ```text
//!   connected --> [Ed25519: session.logon -->] userDataStream.subscribe --> up
//!   requests  --> order.place, .cancel, .cancelReplace --> answers -----+--> reports
//!                                       executionReport ---------------+
//!   questions --> clerk (REST) ----------------------------------------+
//! ```
//!
//! What is told twice, by an answer and by an event, counts once. A request whose outcome the venue does not know, or
//! whose connection ends before its answer, is answered by silence: its outcome is asked for.

mod cancels;
mod hearing;
pub(crate) mod outcome;
mod wording;

use core::hint::black_box;

use thiserror::Error;
use tiercel_execution::order::Input;
use tiercel_execution::venue::{
    AdvancedTerms, Gathered, OrderName, OrderTerms, VenueId, VenueReport, VenueRequest,
};
use tiercel_types::{ClientOrderId, InstrumentId, OrderId, Timestamp};
use tiercel_wire::binance::DecodeError;
use tiercel_wire::binance::order::{
    CancelOrder, CancelReplace, CancelReplaceMode, Request, Requests,
};

use super::asked_lists::AskedLists;
use crate::budget::{Budget, Purpose};
use crate::clerk::{Errand, Listed};
use crate::core::Core;
use crate::key::SecretKey;
use crate::websocket::{Handover, Link, LinkFault, StreamOptions};
use cancels::Cancels;
use hearing::{Came, Hearing};
use outcome::Entry;
pub(crate) use wording::{cancel_name, new_order, new_orders, wire_name};
pub use wording::{digits, digits_of};

/// Requests whose answers are awaited, at most: a power of two.
const ASKED: usize = 4_096;
/// So many requests ahead the place of one is fetched.
const AHEAD: usize = 2;
/// Questions that wait for the clerk, at most; who asks more asks again.
const ERRANDS: usize = 1_024;
/// What a request weighs that enters an order or a list, cancels one, or does both.
const WEIGHT: u32 = 1;
/// How long it may take until requests can be sent, once the venue was asked for what comes before them: as long as an
/// answer over HTTP may.
const LOG_ON_MAX_NS: u64 = 10_000_000_000;

/// Why a connection ends: another begins.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OrdersFault {
    /// The connection's.
    #[error("{0}")]
    Link(#[from] LinkFault),
    /// A message that cannot be read.
    #[error("a message that cannot be read: {0}")]
    Decode(#[from] DecodeError),
    /// The venue does not let it log on, or tell it of its orders.
    #[error("{what} is refused with {code}: {message}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// The interface's number of the refusal.
        code: i32,
        /// In words.
        message: String,
    },
    /// The venue has not answered what comes before requests.
    #[error("not logged on within {} s", .0 / 1_000_000_000)]
    NotLoggedOn(u64),
    /// The venue tells nothing more of orders.
    #[error("the stream of user data has ended")]
    StreamEnded,
}

/// What a request asked, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    LogOn,
    Subscribe,
    Entry(Entry),
    /// Orders that were entered together.
    Together,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    id: u64,
    what: What,
    /// How many orders it enters.
    orders: u64,
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// There is none.
    Down,
    /// It is there; the venue's clock is not known yet.
    Connected,
    /// It was asked for, what comes before requests.
    LoggingOn {
        /// When that began.
        since: Timestamp,
    },
    /// Requests can be sent, and everything is told.
    Up,
}

/// One connection of orders.
pub struct BinanceOrders {
    venue: VenueId,
    requests: Requests<SecretKey>,
    logs_on: bool,
    listed: Vec<Listed>,
    budget: Budget,
    link: Link,
    stage: Stage,
    asked: Box<[Option<Asked>]>,
    lists: AskedLists,
    gathered: Gathered,
    next_id: u64,
    /// By how much the venue's clock is ahead.
    clock_offset_ns: Option<i64>,
    errands: Vec<Errand>,
    /// What was not sent, and is told as refused.
    unsent: Vec<VenueReport>,
    /// Those that leave as soon as they may.
    cancels: Cancels,
    /// Orders and cancels are left to the clerk.
    over_rest: bool,
}

impl BinanceOrders {
    /// One that has no connection. `listed` are the instruments of the venue.
    pub fn new(
        venue: VenueId,
        requests: Requests<SecretKey>,
        logs_on: bool,
        listed: Vec<Listed>,
        budget: Budget,
        options: StreamOptions,
    ) -> Self {
        Self {
            venue,
            requests,
            logs_on,
            listed,
            budget,
            link: Link::new(options),
            stage: Stage::Down,
            asked: vec![None; ASKED].into_boxed_slice(),
            lists: AskedLists::new(),
            gathered: Gathered::default(),
            next_id: 1,
            clock_offset_ns: None,
            errands: Vec::with_capacity(ERRANDS),
            unsent: Vec::with_capacity(ERRANDS),
            cancels: Cancels::new(),
            over_rest: false,
        }
    }

    /// The same, whose orders and cancels go over HTTP: what becomes of them is told here.
    #[must_use]
    pub fn over_rest(self) -> Self {
        Self { over_rest: true, ..self }
    }

    /// Which venue it is.
    pub const fn venue(&self) -> VenueId {
        self.venue
    }

    /// Whether requests can be sent.
    pub fn is_up(&self) -> bool {
        self.stage == Stage::Up
    }

    /// What the clerk is to be asked. The caller takes it away.
    pub const fn errands(&mut self) -> &mut Vec<Errand> {
        &mut self.errands
    }

    /// By how much the venue's clock is ahead of the trader's.
    pub const fn set_clock_offset(&mut self, offset_ns: i64) {
        self.clock_offset_ns = Some(offset_ns);
    }

    /// Bytes to send. The caller takes them away.
    #[inline]
    pub fn output(&mut self) -> &mut Vec<u8> {
        self.link.output()
    }

    /// There is a connection.
    ///
    /// # Errors
    /// [`OrdersFault`], of what came with it.
    pub fn connected(
        &mut self,
        now: Timestamp,
        handover: Handover,
        core: &mut Core,
    ) -> Result<(), OrdersFault> {
        self.link.connected(now, handover);
        self.stage = Stage::Connected;
        self.requests.set_logged_on(false);
        self.log_on(now);
        self.received(now, &[], core).map(|_| ())
    }

    /// Asks for what comes before requests, once the venue's clock is known.
    fn log_on(&mut self, now: Timestamp) {
        if self.stage != Stage::Connected || self.clock_offset_ns.is_none() {
            return;
        }
        self.stage = Stage::LoggingOn { since: now };
        if self.logs_on {
            self.send(now, What::LogOn, &Request::LogOn);
        } else {
            self.send(now, What::Subscribe, &Request::SubscribeSigned);
        }
    }

    /// The connection is gone.
    pub fn closed(&mut self, now: Timestamp, core: &mut Core) {
        self.link.closed();
        self.stage = Stage::Down;
        self.asked.fill(None);
        self.budget.lost(self.theirs(now));
        while let Some(name) = self.cancels.take() {
            self.cancel(now, &name);
        }
        core.venue_down(now, self.venue);
    }

    /// Says goodbye.
    pub fn log_out(&mut self) {
        self.link.close();
    }

    /// Time has passed.
    ///
    /// # Errors
    /// [`OrdersFault`]: the connection is to be ended.
    pub fn tick(&mut self, now: Timestamp) -> Result<(), OrdersFault> {
        if !self.link.is_open() {
            return Ok(());
        }
        self.log_on(now);
        self.link.check(now)?;
        if let Stage::LoggingOn { since } = self.stage
            && now.0.saturating_sub(since.0) > LOG_ON_MAX_NS
        {
            return Err(OrdersFault::NotLoggedOn(LOG_ON_MAX_NS));
        }
        while let Some(name) = self.cancels.first()
            && self.send_cancel(now, &name)
        {
            self.cancels.take();
        }
        Ok(())
    }

    /// Writes a request. One that cannot be sent is refused by [`take_unsent`](Self::take_unsent).
    #[inline]
    pub fn request(&mut self, now: Timestamp, request: &VenueRequest) {
        match request {
            VenueRequest::New(terms) => self.enter(now, terms, None),
            VenueRequest::NewAdvanced(terms) => self.enter_advanced(now, terms),
            VenueRequest::CancelReplace { name, terms } => self.enter(now, terms, Some(name)),
            VenueRequest::Cancel(name) => self.cancel(now, name),
            VenueRequest::Query { name, executed_qty, question, .. } => {
                let (name, executed_qty, question) = (*name, *executed_qty, *question);
                // One too many is asked again.
                self.errand(Errand::Query { name, executed_qty, question });
            }
            // Orders are cancelled and entered anew here: nobody asks for this.
            VenueRequest::Amend { .. } => {}
        }
    }

    /// A cancel leaves now, or as soon as it may; without this connection, or over HTTP, the clerk has it.
    fn cancel(&mut self, now: Timestamp, name: &OrderName) {
        let is_kept = if self.stage != Stage::Up || self.over_rest {
            self.errand(Errand::Cancel(*name))
        } else if self.cancels.is_empty() && self.send_cancel(now, name) {
            true
        } else {
            self.cancels.put(name)
        };
        if !is_kept {
            self.refuse(name.client_order_id, Input::CancelRejected);
        }
    }

    /// Whether a cancel has left, or cannot: nothing of its instrument is traded here.
    fn send_cancel(&mut self, now: Timestamp, name: &OrderName) -> bool {
        let is_it = |listed: &Listed| listed.instrument == name.instrument;
        if self.stage != Stage::Up {
            return false;
        }
        let Some(at) = self.listed.iter().position(is_it) else { return true };
        if !self.budget.take(self.theirs(now), WEIGHT, Purpose::Cancel) {
            return false;
        }
        let symbol = self.listed[at].symbol.clone();
        let cancel = CancelOrder {
            symbol: &symbol,
            order: wire_name(name.client_order_id, name.order_id),
            client_order_id: cancel_name(&name.client_order_id),
        };
        self.send(now, What::Entry(Entry::Cancel(*name)), &Request::Cancel(cancel));
        true
    }

    /// Leaves something to the clerk. False: there is too much already.
    fn errand(&mut self, errand: Errand) -> bool {
        if self.errands.len() == ERRANDS {
            return false;
        }
        self.errands.push(errand);
        true
    }

    /// Where the instrument stands in the list, if orders of it leave at all: cancels that wait are first.
    #[inline]
    fn place(&self, instrument: InstrumentId) -> Option<usize> {
        if self.stage != Stage::Up || !self.cancels.is_empty() {
            return None;
        }
        self.listed.iter().position(|listed| listed.instrument == instrument)
    }

    /// An order that waits leaves; of a list all at once, when the last is there.
    #[cold]
    fn enter_advanced(&mut self, now: Timestamp, terms: &AdvancedTerms) {
        let mut gathered = self.gathered;
        if let Some(orders) = gathered.take(terms)
            && !self.send_together(now, orders)
        {
            for terms in orders {
                self.refuse(terms.order.client_order_id, Input::Rejected);
            }
        }
        self.gathered = gathered;
    }

    /// Whether orders have left that are entered together.
    fn send_together(&mut self, now: Timestamp, orders: &[AdvancedTerms]) -> bool {
        let Some(first) = orders.first() else { return true };
        if self.over_rest {
            let mut together = Gathered::default();
            for terms in orders {
                together.take(terms);
            }
            let errand = Errand::PlaceTogether { at: now, orders: together };
            return self.stage == Stage::Up && self.errand(errand);
        }
        let Some(at) = self.place(first.order.instrument) else { return false };
        let theirs = self.theirs(now);
        let Self { listed, requests, link, asked, lists, next_id, budget, .. } = self;
        let Some(request) = new_orders(&listed[at], orders) else { return false };
        let count = orders.len() as u64;
        if !budget.take(theirs, WEIGHT, Purpose::Orders(count)) {
            return false;
        }
        let what = if first.list.is_some() {
            What::Together
        } else {
            What::Entry(Entry::New(first.order.client_order_id))
        };
        lists.put(*next_id, orders);
        let dropped = put(link, requests, asked, next_id, theirs, (what, count), &request);
        budget.answered(theirs, dropped);
        true
    }

    #[inline]
    fn enter(&mut self, now: Timestamp, terms: &OrderTerms, replaced: Option<&OrderName>) {
        if !self.send_order(now, terms, replaced) {
            if let Some(replaced) = replaced {
                self.refuse(replaced.client_order_id, Input::CancelRejected);
            }
            self.refuse(terms.client_order_id, Input::Rejected);
        }
    }

    /// Whether an order has left.
    #[inline]
    fn send_order(
        &mut self,
        now: Timestamp,
        terms: &OrderTerms,
        replaced: Option<&OrderName>,
    ) -> bool {
        if self.over_rest {
            let errand = Errand::Place { at: now, terms: *terms, replaced: replaced.copied() };
            return self.stage == Stage::Up && self.errand(errand);
        }
        let Some(at) = self.place(terms.instrument) else { return false };
        let theirs = self.theirs(now);
        let Self { listed, requests, link, asked, next_id, budget, .. } = self;
        let Some(new) = new_order(&listed[at], terms) else { return false };
        if !budget.take(theirs, WEIGHT, Purpose::Orders(1)) {
            return false;
        }
        let order = terms.client_order_id;
        let (entry, request) = match replaced {
            None => (Entry::New(order), Request::Place(new)),
            Some(name) => {
                let replace = CancelReplace {
                    cancel: wire_name(name.client_order_id, name.order_id),
                    mode: CancelReplaceMode::StopOnFailure,
                    order: new,
                };
                let replaced = name.client_order_id;
                (Entry::CancelReplace { replaced, order }, Request::CancelReplace(replace))
            }
        };
        let what = What::Entry(entry);
        let dropped = put(link, requests, asked, next_id, theirs, (what, 1), &request);
        budget.answered(theirs, dropped);
        true
    }

    #[inline]
    fn send(&mut self, now: Timestamp, what: What, request: &Request<'_>) {
        let theirs = self.theirs(now);
        let Self { requests, link, asked, next_id, budget, .. } = self;
        let dropped = put(link, requests, asked, next_id, theirs, (what, 0), request);
        budget.answered(theirs, dropped);
    }

    #[cold]
    fn refuse(&mut self, order: ClientOrderId, input: Input) {
        self.unsent.push(VenueReport::new(order, OrderId::NONE, input));
    }

    /// Tells what was not sent.
    #[inline]
    pub fn take_unsent(&mut self, now: Timestamp, core: &mut Core) {
        if self.unsent.is_empty() {
            return;
        }
        for report in self.unsent.drain(..) {
            core.unsent(now, self.venue, &report);
        }
    }

    const fn theirs(&self, now: Timestamp) -> Timestamp {
        ahead(now, self.clock_offset_ns)
    }

    /// Bytes have come: takes all messages that are whole, and returns how many bytes they were.
    ///
    /// # Errors
    /// [`OrdersFault`]: the connection is to be ended.
    pub fn received(
        &mut self,
        now: Timestamp,
        bytes: &[u8],
        core: &mut Core,
    ) -> Result<usize, OrdersFault> {
        // Answers have no numbers here.
        core.answer = 0;
        let theirs = self.theirs(now);
        let Self { link, asked, lists, cancels, budget, listed, venue, .. } = self;
        let mut came = Came { log_on: false, subscription: false };
        let venue = *venue;
        let came_now = &mut came;
        let mut hearing = Hearing {
            now,
            theirs,
            venue,
            asked,
            lists,
            cancels,
            budget,
            listed,
            core,
            came: came_now,
        };
        let taken = link.received(now, bytes, |text| hearing.take(text))?;
        if came.log_on {
            self.requests.set_logged_on(true);
            self.send(now, What::Subscribe, &Request::Subscribe);
        }
        if came.subscription {
            self.stage = Stage::Up;
            core.venue_up(now, self.venue);
        }
        Ok(taken)
    }
}

/// The venue's time.
const fn ahead(now: Timestamp, offset_ns: Option<i64>) -> Timestamp {
    match offset_ns {
        Some(offset_ns) => Timestamp(now.0.saturating_add_signed(offset_ns)),
        None => now,
    }
}

/// Writes a request, and remembers what it asks and how many orders it enters. How many orders entered the one whose
/// answer is not awaited any more because of it.
#[inline]
fn put(
    link: &mut Link,
    requests: &mut Requests<SecretKey>,
    asked: &mut [Option<Asked>],
    next_id: &mut u64,
    theirs: Timestamp,
    (what, orders): (What, u64),
    request: &Request<'_>,
) -> u64 {
    let id = *next_id;
    *next_id += 1;
    let dropped = asked[id as usize % ASKED].replace(Asked { id, what, orders });
    link.send(|out, mask| requests.put_masked(out, mask, id, theirs, request));
    // So that it is near when its turn comes: it was used long ago.
    black_box(asked[(id as usize + AHEAD) % ASKED].as_ref().map(|asked| asked.orders));
    dropped.map_or(0, |asked| asked.orders)
}
