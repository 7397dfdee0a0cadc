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

use thiserror::Error;
use tiercel_execution::order::{Input, Progress};
use tiercel_execution::venue::{OrderTerms, VenueId, VenueReport, VenueRequest};
use tiercel_types::order::{OrderKind, SelfTradePrevention};
use tiercel_types::{ClientOrderId, InstrumentId, OrderId, Qty, Timestamp};
use tiercel_wire::binance::answer::{
    Answer, Body, Cancelled, Incoming, Part, PlacedOrder, Refusal,
};
use tiercel_wire::binance::order::{
    CancelOrder, CancelReplace, CancelReplaceMode, NewOrder, OrderName as WireName, Request,
    Requests, Terms,
};
use tiercel_wire::binance::user_data::{Event, ExecutionReport};
use tiercel_wire::binance::{DecodeError, ExecutionType, ResponseType, TimeInForce, TimeUnit};

use crate::budget::Budget;
use crate::clerk::{Errand, Listed};
use crate::core::Core;
use crate::feed::StreamOptions;
use crate::key::SecretKey;
use crate::websocket::{Handover, Link, LinkFault};

/// Requests whose answers are awaited, at most: a power of two.
const ASKED: usize = 4_096;
/// Questions that wait for the clerk, at most; who asks more asks again.
const ERRANDS: usize = 1_024;
/// Refusals of requests whose outcome nobody knows: what went wrong inside the venue, or took too long there.
const UNKNOWN_OUTCOMES: [i32; 4] = [-1000, -1001, -1006, -1007];
/// Refusals because there was too much, or the venue goes away: nothing is wrong with the request.
const TOO_MUCH: [i32; 4] = [-1003, OVERLOADED, -1015, -1016];
/// A refusal of a request that was not taken, whatever its status says.
const OVERLOADED: i32 = -1008;

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
    /// The venue tells nothing more of orders.
    #[error("the stream of user data has ended")]
    StreamEnded,
    /// Nothing was heard.
    #[error("nothing was heard for {} s", .0 / 1_000_000_000)]
    Silent(u64),
    /// It is as old as it may become.
    #[error("replaced after {} s", .0 / 1_000_000_000)]
    Old(u64),
}

/// What a request asked, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    LogOn,
    Subscribe,
    New,
    Cancel,
    /// With the name of the order that is to end.
    CancelReplace(ClientOrderId),
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    id: u64,
    what: What,
    order: ClientOrderId,
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// There is none.
    Down,
    /// It is there; the venue's clock is not known yet.
    Connected,
    /// It was asked for, what comes before requests.
    LoggingOn,
    /// Requests can be sent, and everything is told.
    Up,
}

/// One connection of orders.
pub struct BinanceOrders {
    venue: VenueId,
    requests: Requests<SecretKey>,
    logs_on: bool,
    listed: Vec<Listed>,
    options: StreamOptions,
    budget: Budget,
    link: Link,
    stage: Stage,
    asked: Box<[Option<Asked>]>,
    next_id: u64,
    /// By how much the venue's clock is ahead.
    clock_offset_ns: Option<i64>,
    connected_at: Timestamp,
    heard_at: Timestamp,
    errands: Vec<Errand>,
    /// What was not sent, and is told as refused.
    unsent: Vec<VenueReport>,
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
            options,
            budget,
            link: Link::new(),
            stage: Stage::Down,
            asked: vec![None; ASKED].into_boxed_slice(),
            next_id: 1,
            clock_offset_ns: None,
            connected_at: Timestamp(0),
            heard_at: Timestamp(0),
            errands: Vec::with_capacity(ERRANDS),
            unsent: Vec::with_capacity(ERRANDS),
        }
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
        (self.connected_at, self.heard_at) = (now, now);
        self.link.connected(handover);
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
        self.stage = Stage::LoggingOn;
        if self.logs_on {
            self.send(now, What::LogOn, ClientOrderId::EMPTY, &Request::LogOn);
        } else {
            self.send(now, What::Subscribe, ClientOrderId::EMPTY, &Request::SubscribeSigned);
        }
    }

    /// The connection is gone.
    pub fn closed(&mut self, now: Timestamp, core: &mut Core) {
        self.link.closed();
        self.stage = Stage::Down;
        self.asked.fill(None);
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
        let StreamOptions { silence_max_ns, lifetime_ns } = self.options;
        if now.0.saturating_sub(self.heard_at.0) > silence_max_ns {
            return Err(OrdersFault::Silent(silence_max_ns));
        }
        if now.0.saturating_sub(self.connected_at.0) > lifetime_ns {
            return Err(OrdersFault::Old(lifetime_ns));
        }
        Ok(())
    }

    /// Writes a request. One that cannot be sent is refused by [`take_unsent`](Self::take_unsent).
    #[inline]
    pub fn request(&mut self, now: Timestamp, request: &VenueRequest) {
        match request {
            VenueRequest::New(terms) => self.enter(now, terms, None),
            VenueRequest::CancelReplace { name, terms } => self.enter(now, terms, Some(name)),
            VenueRequest::Cancel(name) => {
                let order = name.client_order_id;
                let Some(at) = self.place(now, name.instrument, false) else {
                    return self.refuse(order, Input::CancelRejected);
                };
                let symbol = self.listed[at].symbol.clone();
                let cancel = CancelOrder {
                    symbol: &symbol,
                    order: wire_name(order, name.order_id),
                    client_order_id: ClientOrderId::EMPTY,
                };
                self.send(now, What::Cancel, order, &Request::Cancel(cancel));
            }
            VenueRequest::Query { name, executed_qty, question, .. } => {
                if self.errands.len() < ERRANDS {
                    let (name, executed_qty, question) = (*name, *executed_qty, *question);
                    self.errands.push(Errand::Query { name, executed_qty, question });
                }
            }
            // Orders are cancelled and entered anew here: nobody asks for this.
            VenueRequest::Amend { .. } => {}
        }
    }

    /// Where the instrument stands in the list, if a request of it may leave.
    #[inline]
    fn place(&mut self, now: Timestamp, instrument: InstrumentId, is_order: bool) -> Option<usize> {
        if self.stage != Stage::Up {
            return None;
        }
        let at = self.listed.iter().position(|listed| listed.instrument == instrument)?;
        // Placing, cancelling and both together weigh 1.
        self.budget.take(self.theirs(now), 1, is_order).then_some(at)
    }

    #[inline]
    fn enter(
        &mut self,
        now: Timestamp,
        terms: &OrderTerms,
        replaced: Option<&tiercel_execution::venue::OrderName>,
    ) {
        let order = terms.client_order_id;
        let place = wire_terms(terms)
            .and_then(|wire| Some((wire, self.place(now, terms.instrument, true)?)));
        let Some((wire, at)) = place else {
            if let Some(replaced) = replaced {
                self.refuse(replaced.client_order_id, Input::CancelRejected);
            }
            return self.refuse(order, Input::Rejected);
        };
        let Self { listed, requests, link, asked, next_id, clock_offset_ns, .. } = self;
        let listed = &listed[at];
        let new = NewOrder {
            symbol: &listed.symbol,
            digits: listed.digits,
            side: terms.side,
            terms: wire,
            qty: terms.qty,
            client_order_id: order,
            response: ResponseType::Ack,
            self_trade_prevention: Some(SelfTradePrevention::ExpireTaker),
        };
        let (what, request) = match replaced {
            None => (What::New, Request::Place(new)),
            Some(name) => {
                let replace = CancelReplace {
                    cancel: wire_name(name.client_order_id, name.order_id),
                    mode: CancelReplaceMode::StopOnFailure,
                    order: new,
                };
                (What::CancelReplace(name.client_order_id), Request::CancelReplace(replace))
            }
        };
        let theirs = ahead(now, *clock_offset_ns);
        put(link, requests, asked, next_id, theirs, Asked { id: 0, what, order }, &request);
    }

    #[inline]
    fn send(&mut self, now: Timestamp, what: What, order: ClientOrderId, request: &Request<'_>) {
        let Self { requests, link, asked, next_id, clock_offset_ns, .. } = self;
        let theirs = ahead(now, *clock_offset_ns);
        put(link, requests, asked, next_id, theirs, Asked { id: 0, what, order }, request);
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
        core.answer = 0;
        for report in self.unsent.drain(..) {
            core.report(now, self.venue, &report);
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
        self.heard_at = now;
        // Answers have no numbers here.
        core.answer = 0;
        let theirs = self.theirs(now);
        let Self { link, asked, budget, listed, venue, .. } = self;
        let mut came = Came { log_on: false, subscription: false };
        let mut hearing =
            Hearing { now, theirs, venue: *venue, asked, budget, listed, core, came: &mut came };
        let taken = link.received(bytes, |text| hearing.take(text))?;
        if came.log_on {
            self.requests.set_logged_on(true);
            self.send(now, What::Subscribe, ClientOrderId::EMPTY, &Request::Subscribe);
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

#[inline]
fn put(
    link: &mut Link,
    requests: &mut Requests<SecretKey>,
    asked: &mut [Option<Asked>],
    next_id: &mut u64,
    theirs: Timestamp,
    what: Asked,
    request: &Request<'_>,
) {
    let id = *next_id;
    *next_id += 1;
    asked[id as usize % ASKED] = Some(Asked { id, ..what });
    link.send(|out| requests.put(out, id, theirs, request));
}

/// By the venue's number where it is known: that is never used again.
pub(crate) const fn wire_name(order: ClientOrderId, order_id: OrderId) -> WireName {
    if order_id.is_none() { WireName::Client(order) } else { WireName::Id(order_id) }
}

/// An order's terms, if the interface has such.
fn wire_terms(terms: &OrderTerms) -> Option<Terms> {
    let price = terms.price;
    match terms.kind {
        OrderKind::Limit => {
            let time_in_force = TimeInForce::of(terms.time_in_force)?;
            Some(Terms::Limit { price, time_in_force })
        }
        OrderKind::PostOnly => Some(Terms::LimitMaker { price }),
        OrderKind::Market => Some(Terms::Market),
        OrderKind::MarketToLimit => None,
    }
}

/// Whether nobody knows what became of a request.
fn is_unknown(status: u16, refusal: &Refusal<'_>) -> bool {
    refusal.code != OVERLOADED && (status >= 500 || UNKNOWN_OUTCOMES.contains(&refusal.code))
}

/// What came that the connection itself waits for.
struct Came {
    log_on: bool,
    subscription: bool,
}

/// What stands behind the connection while messages are taken.
struct Hearing<'a> {
    now: Timestamp,
    /// The venue's time.
    theirs: Timestamp,
    venue: VenueId,
    asked: &'a mut [Option<Asked>],
    budget: &'a mut Budget,
    listed: &'a [Listed],
    core: &'a mut Core,
    came: &'a mut Came,
}

impl Hearing<'_> {
    fn tell(&mut self, order: ClientOrderId, order_id: OrderId, input: Input) {
        let report = VenueReport::new(order, order_id, input);
        self.core.report(self.now, self.venue, &report);
    }

    fn take(&mut self, text: &[u8]) -> Result<(), OrdersFault> {
        match Incoming::decode(text, TimeUnit::Millisecond)? {
            Incoming::Answer(answer) => self.answered(&answer),
            Incoming::UserData(data) => match data.event {
                Event::Execution(report) => {
                    self.executed(&report);
                    Ok(())
                }
                Event::StreamTerminated | Event::ServerShutdown => Err(OrdersFault::StreamEnded),
                Event::Position(_)
                | Event::BalanceUpdate(_)
                | Event::ListStatus(_)
                | Event::Unknown(_) => Ok(()),
            },
        }
    }

    fn answered(&mut self, answer: &Answer<'_>) -> Result<(), OrdersFault> {
        if let Some(limits) = answer.limits {
            for limit in limits {
                self.budget.told(self.theirs, &limit?);
            }
        }
        if let Err(refusal) = &answer.outcome
            && matches!(answer.status, 418 | 429)
            && let Some(until) = refusal.retry_after()
        {
            self.budget.pause(until);
        }
        let Some(id) = answer.id else { return Ok(()) };
        let place = &mut self.asked[id as usize % ASKED];
        let Some(asked) = place.take_if(|asked| asked.id == id) else { return Ok(()) };
        match &answer.outcome {
            Ok(body) => self.done(&asked, body),
            Err(refusal) => self.refused(&asked, answer.status, refusal),
        }
    }

    fn done(&mut self, asked: &Asked, body: &Body<'_>) -> Result<(), OrdersFault> {
        match asked.what {
            What::LogOn => self.came.log_on = true,
            What::Subscribe => self.came.subscription = true,
            What::New => self.placed(asked.order, &body.placed()?),
            What::Cancel => self.cancelled(asked.order, &body.cancelled()?),
            What::CancelReplace(replaced) => {
                let parts = body.cancel_replaced()?;
                self.parts(asked, replaced, 200, &parts.cancel, &parts.new_order);
            }
        }
        Ok(())
    }

    fn placed(&mut self, order: ClientOrderId, placed: &PlacedOrder<'_>) {
        self.tell(order, placed.order_id, Input::Accepted(placed.order_id));
    }

    fn cancelled(&mut self, order: ClientOrderId, cancelled: &Cancelled<'_>) {
        // The trader enters no lists.
        if let Cancelled::Order(ended) = cancelled {
            let executed = Progress::Executed(ended.executed_qty);
            self.tell(order, ended.order_id, Input::Cancelled(executed));
        }
    }

    /// What became of both: the one that was to end first.
    fn parts(
        &mut self,
        asked: &Asked,
        replaced: ClientOrderId,
        status: u16,
        cancel: &Part<'_, Cancelled<'_>>,
        new_order: &Part<'_, PlacedOrder<'_>>,
    ) {
        // The status is that of both: of one part its code tells.
        let is_unknown = |refusal| is_unknown(if status >= 500 { status } else { 400 }, refusal);
        match cancel {
            Part::Done(cancelled) => self.cancelled(replaced, cancelled),
            Part::Failed(refusal) if is_unknown(refusal) => {}
            Part::Failed(_) | Part::NotAttempted => {
                self.tell(replaced, OrderId::NONE, Input::CancelRejected);
            }
        }
        match new_order {
            Part::Done(placed) => self.placed(asked.order, placed),
            Part::Failed(refusal) if is_unknown(refusal) => {}
            Part::Failed(_) | Part::NotAttempted => {
                self.tell(asked.order, OrderId::NONE, Input::Rejected);
            }
        }
    }

    fn refused(
        &mut self,
        asked: &Asked,
        status: u16,
        refusal: &Refusal<'_>,
    ) -> Result<(), OrdersFault> {
        if matches!(status, 418 | 429 | 500..) || TOO_MUCH.contains(&refusal.code) {
            self.core.venue_failed(self.now, self.venue);
        }
        let fault = |what| OrdersFault::Refused {
            what,
            code: refusal.code,
            message: refusal.message.to_string(),
        };
        match asked.what {
            What::LogOn => return Err(fault("the logon")),
            What::Subscribe => return Err(fault("the subscription")),
            What::New if !is_unknown(status, refusal) => {
                self.tell(asked.order, OrderId::NONE, Input::Rejected);
            }
            What::Cancel if !is_unknown(status, refusal) => {
                self.tell(asked.order, OrderId::NONE, Input::CancelRejected);
            }
            What::CancelReplace(replaced) => match refusal.cancel_replaced()? {
                Some(parts) => self.parts(asked, replaced, status, &parts.cancel, &parts.new_order),
                None if is_unknown(status, refusal) => {}
                None => {
                    self.tell(replaced, OrderId::NONE, Input::CancelRejected);
                    self.tell(asked.order, OrderId::NONE, Input::Rejected);
                }
            },
            What::New | What::Cancel => {}
        }
        Ok(())
    }

    fn executed(&mut self, report: &ExecutionReport<'_>) {
        // A cancelled order has its own name where others have none.
        let original = report.orig_client_order_id;
        let order = if original.is_empty() { report.client_order_id } else { original };
        let executed = Progress::Executed(report.executed_qty);
        let input = match report.execution_type {
            ExecutionType::New => Input::Accepted(report.order_id),
            ExecutionType::Canceled => Input::Cancelled(executed),
            ExecutionType::Rejected => Input::Rejected,
            ExecutionType::Expired => Input::Expired(executed),
            ExecutionType::TradePrevention if !report.status.is_live() => Input::Expired(executed),
            ExecutionType::Trade => return self.filled(order, report),
            // Nothing of this was asked for.
            ExecutionType::TradePrevention | ExecutionType::Replaced => return,
        };
        self.tell(order, report.order_id, input);
    }

    fn filled(&mut self, order: ClientOrderId, report: &ExecutionReport<'_>) {
        let Some(trade_id) = report.trade_id else { return };
        let input = Input::Filled {
            trade_id,
            price: report.last_price,
            qty: report.last_qty,
            after: Progress::Executed(report.executed_qty),
        };
        let asset = report.commission_asset.and_then(|asset| asset.as_str());
        let listed = self.listed.iter().find(|listed| report.symbol.is(&listed.symbol));
        let fee = listed.map(|listed| listed.fee(asset, report.commission));
        let told = VenueReport::new(order, report.order_id, input);
        let told = VenueReport { fee: fee.unwrap_or(told.fee), ..told };
        self.core.report(self.now, self.venue, &told);
    }
}

/// How many places numbers have that are whole multiples of so many units of 10^-8.
pub const fn digits_of(units: u64) -> u32 {
    let (mut digits, mut step) = (8, units);
    while digits > 0 && step.is_multiple_of(10) && step != 0 {
        (digits, step) = (digits - 1, step / 10);
    }
    digits
}

/// The least that can be bought shows with how many places quantities are written.
pub const fn digits(tick: tiercel_types::Price, lot: Qty) -> tiercel_wire::binance::order::Digits {
    tiercel_wire::binance::order::Digits {
        price: digits_of(tick.units().unsigned_abs()),
        qty: digits_of(lot.units()),
    }
}
