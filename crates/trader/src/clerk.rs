//! Who asks a venue over HTTP, on a thread that may wait: for snapshots of books, for what became of orders, for the
//! venue's clock; and who enters and cancels orders there, where they go that way.
//!
//! ```text
//!   Lines --Errand--> Clerk's thread --HTTP--> venue
//!   Lines <--Finding-- Clerk's thread <--------+
//! ```
//!
//! Weights are counted before they are used; what would be too much waits for the next minute.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tiercel_execution::order::{Found, Input, Progress};
use tiercel_execution::position::Fee;
use tiercel_execution::venue::{AdvancedTerms, Gathered, OrderName, OrderTerms, VenueReport};
use tiercel_types::market::Level;
use tiercel_types::{ClientOrderId, InstrumentId, Money, OrderId, Price, Qty, Timestamp};
use tiercel_wire::binance::answer::{OrderState, OwnTrade, Refusal};
use tiercel_wire::binance::order::{
    CancelOrder, CancelReplace, CancelReplaceMode, MyTrades, Request, Requests, Verb,
};
use tiercel_wire::binance::{Decoder, Message, OrderStatus, TimeUnit};

use crate::budget::Budget;
use crate::connector::binance::outcome::{self, Entry};
use crate::connector::binance::{new_order, new_orders, wire_name};
use crate::key::SecretKey;
use crate::rest::{Answer, Rest, RestError};

/// Levels of each side that a snapshot has.
const SNAPSHOT_LEVELS: u32 = 1_000;
/// What such a snapshot weighs.
const SNAPSHOT_WEIGHT: u32 = 50;
/// How often the venue's clock is asked for.
const CLOCK_EVERY: Duration = Duration::from_mins(1);
/// How soon it is asked again while it is not known.
const CLOCK_AGAIN: Duration = Duration::from_secs(1);
/// Questions of one measurement: the quickest answer counts.
const CLOCK_SAMPLES: usize = 3;
/// Trades of an order in one answer, at most.
const TRADES_MAX: u32 = 1_000;
/// What is to be asked, at most: what comes beyond is dropped, and asked for again by who needs it.
const ERRANDS_MAX: usize = 1_024;
/// Of an order that is not there.
const NO_SUCH_ORDER: i32 = -2013;

/// What is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// The book of an instrument.
    Snapshot(InstrumentId),
    /// What became of an order.
    Query {
        /// Which.
        name: OrderName,
        /// How much is known to have traded.
        executed_qty: Qty,
        /// The question's number.
        question: u64,
    },
    /// To end an order: before everything else, and as soon as it may be.
    Cancel(OrderName),
    /// To enter an order, in another's stead if there is one. It is not done later: where it may not be, it is refused.
    Place {
        /// When it was wanted: what is older than a request is good for is refused.
        at: Timestamp,
        /// The order.
        terms: OrderTerms,
        /// What is to end.
        replaced: Option<OrderName>,
    },
    /// To enter orders together, or one that waits: as of [`Place`](Self::Place).
    PlaceTogether {
        /// When it was wanted.
        at: Timestamp,
        /// The orders.
        orders: Gathered,
    },
}

/// What was found.
#[derive(Clone, Debug)]
pub enum Finding {
    /// The book of an instrument.
    Snapshot {
        /// Which.
        instrument: InstrumentId,
        /// The last update that it holds.
        last_update_id: u64,
        /// Bids, best first.
        bids: Vec<Level>,
        /// Asks, best first.
        asks: Vec<Level>,
    },
    /// Something about an order.
    Report(VenueReport),
    /// Something about an order that was not asked of the venue after all.
    Unsent(VenueReport),
    /// By how much the venue's clock is ahead of ours, in nanoseconds.
    ClockOffset(i64),
    /// The venue has refused something that was not wrong.
    Failed,
    /// Something did not go well, for people.
    Trouble(String),
}

/// What has to be known of an instrument to ask for it, and to read of it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The trader's number.
    pub instrument: InstrumentId,
    /// The venue's name.
    pub symbol: Box<str>,
    /// With how many places prices and quantities are written.
    pub digits: tiercel_wire::binance::order::Digits,
    /// What is traded.
    pub base_asset: Box<str>,
    /// What is paid with.
    pub quote_asset: Box<str>,
}

impl Listed {
    /// A fee of so much of an asset.
    pub fn fee(&self, asset: Option<&str>, amount: Money) -> Fee {
        match asset {
            Some(asset) if *asset == *self.quote_asset => Fee::Quote(amount),
            Some(asset) if *asset == *self.base_asset => Fee::Base(amount),
            None if amount == Money::ZERO => Fee::NONE,
            _ => Fee::Other(amount),
        }
    }
}

/// What a clerk works with.
pub struct Desk {
    /// The venue.
    pub rest: Rest,
    /// What requests are signed with.
    pub requests: Requests<SecretKey>,
    /// What it lists.
    pub listed: Vec<Listed>,
    /// What it allows.
    pub budget: Budget,
    /// How long a request is good for.
    pub valid_ns: u64,
}

/// Somebody who asks.
pub struct Clerk {
    errands: Sender<Errand>,
    findings: Receiver<Finding>,
    thread: Option<JoinHandle<()>>,
}

impl Clerk {
    /// One who begins with the venue's clock.
    ///
    /// # Errors
    /// The system's, where no thread can be had.
    pub fn new(desk: Desk) -> io::Result<Self> {
        let (errands, asked) = channel();
        let (told, findings) = channel();
        let thread = std::thread::Builder::new().name("clerk".to_owned()).spawn(move || {
            Work {
                desk,
                told,
                decoder: Decoder::default(),
                waiting: VecDeque::new(),
                offset_ns: None,
                query: Vec::new(),
            }
            .run(&asked);
        })?;
        Ok(Self { errands, findings, thread: Some(thread) })
    }

    /// Something is to be asked.
    pub fn ask(&self, errand: Errand) {
        // Without its thread nothing is asked: the program is at its end.
        let _gone = self.errands.send(errand);
    }

    /// What was found since it was asked last.
    pub fn take(&self) -> Option<Finding> {
        self.findings.try_recv().ok()
    }
}

impl Drop for Clerk {
    fn drop(&mut self) {
        // It ends when nobody can ask anything any more.
        self.errands = channel().0;
        if let Some(thread) = self.thread.take() {
            // It does not panic.
            let _ended = thread.join();
        }
    }
}

/// Nobody wants to hear any more.
struct Gone;

struct Work {
    desk: Desk,
    told: Sender<Finding>,
    decoder: Decoder,
    waiting: VecDeque<Errand>,
    offset_ns: Option<i64>,
    query: Vec<u8>,
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

impl Work {
    fn run(mut self, asked: &Receiver<Errand>) {
        let (mut clock_due, mut not_before) = (now(), Timestamp(0));
        loop {
            let time = now();
            if time >= clock_due {
                let again = if self.clock() { CLOCK_EVERY } else { CLOCK_AGAIN };
                clock_due = after(now(), again);
            }
            if time >= not_before
                && let Some(errand) = self.waiting.pop_front()
            {
                match self.go(errand) {
                    Ok(None) => {}
                    Ok(Some(until)) => {
                        self.waiting.push_front(errand);
                        not_before = until;
                    }
                    Err(Gone) => return,
                }
            }
            let wake = if self.waiting.is_empty() { clock_due } else { clock_due.min(not_before) };
            let wait = Duration::from_nanos(wake.0.saturating_sub(now().0));
            match asked.recv_timeout(wait) {
                Ok(Errand::Cancel(name)) => self.put_first(Errand::Cancel(name)),
                Ok(errand) if self.waiting.len() < ERRANDS_MAX => self.waiting.push_back(errand),
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Cancels are before everything else, and in their order. They are no more than there are orders.
    fn put_first(&mut self, cancel: Errand) {
        let is_cancel = |errand: &&Errand| matches!(errand, Errand::Cancel(_));
        let behind = self.waiting.iter().take_while(is_cancel).count();
        if behind < ERRANDS_MAX && !self.waiting.contains(&cancel) {
            self.waiting.insert(behind, cancel);
        }
    }

    /// Does one. With a time: it cannot be done before.
    fn go(&mut self, errand: Errand) -> Result<Option<Timestamp>, Gone> {
        let done = match errand {
            Errand::Snapshot(instrument) => self.snapshot(instrument),
            Errand::Query { name, executed_qty, question } => {
                self.order(&name, executed_qty, question)
            }
            Errand::Cancel(name) => self.cancel(&name),
            Errand::Place { at, terms, replaced } => self.place(at, &terms, replaced.as_ref()),
            Errand::PlaceTogether { at, orders } => self.place_together(at, orders.orders()),
        };
        match done {
            Ok(findings) => {
                for finding in findings {
                    self.told.send(finding).map_err(|_| Gone)?;
                }
                Ok(None)
            }
            Err(RestError::Wait(until)) => Ok(Some(until)),
            // Who needs it asks again.
            Err(error) => {
                self.told.send(Finding::Trouble(error.to_string())).map_err(|_| Gone)?;
                Ok(None)
            }
        }
    }

    /// Measures the venue's clock. Whether it answered.
    fn clock(&mut self) -> bool {
        let mut best: Option<(u64, i64)> = None;
        for _ in 0..CLOCK_SAMPLES {
            let sent = now();
            let Ok(answer) = self.get(&Request::Time) else { break };
            let came = now();
            let Ok(theirs) = answer.body().and_then(|body| Ok(body.server_time()?)) else { break };
            let took_ns = came.0.saturating_sub(sent.0);
            let ours = sent.0 + took_ns / 2;
            let offset = i64::try_from(i128::from(theirs.0) - i128::from(ours)).unwrap_or(0);
            if best.is_none_or(|(least, _)| took_ns < least) {
                best = Some((took_ns, offset));
            }
        }
        if let Some((_, offset)) = best {
            self.offset_ns = Some(offset);
            // Nobody hears it when the program is at its end, which is found out with the next errand.
            let _gone = self.told.send(Finding::ClockOffset(offset));
        }
        best.is_some()
    }

    fn get(&mut self, request: &Request<'_>) -> Result<Answer, RestError> {
        let time = now();
        if !self.desk.budget.take(time, request.endpoint().weight, false) {
            return Err(RestError::Wait(self.desk.budget.next_window(time)));
        }
        self.ask(request, time)
    }

    /// Asks, within the budget, with the time at which it was wanted.
    fn ask(&mut self, request: &Request<'_>, at: Timestamp) -> Result<Answer, RestError> {
        let (verb, path) = request.endpoint().rest.ok_or(RestError::NotThere)?;
        self.query.clear();
        let theirs = Timestamp(at.0.saturating_add_signed(self.offset_ns.unwrap_or(0)));
        self.desk.requests.put_query(&mut self.query, theirs, request);
        self.send(verb, path)
    }

    /// Ends an order.
    fn cancel(&mut self, name: &OrderName) -> Result<Vec<Finding>, RestError> {
        let Some(listed) = find(&self.desk.listed, name.instrument).cloned() else {
            return Ok(Vec::new());
        };
        let request = Request::Cancel(CancelOrder {
            symbol: &listed.symbol,
            order: wire_name(name.client_order_id, name.order_id),
            client_order_id: ClientOrderId::EMPTY,
        });
        let answer = self.get(&request)?;
        entered(&Entry::Cancel(*name), &answer)
    }

    /// Enters an order. What may not be asked now is refused.
    fn place(
        &mut self,
        at: Timestamp,
        terms: &OrderTerms,
        replaced: Option<&OrderName>,
    ) -> Result<Vec<Finding>, RestError> {
        let order = terms.client_order_id;
        let entry = replaced.map_or(Entry::New(order), |name| Entry::CancelReplace {
            replaced: name.client_order_id,
            order,
        });
        let listed = find(&self.desk.listed, terms.instrument).cloned();
        let is_old = now().0.saturating_sub(at.0) >= self.desk.valid_ns;
        let new = listed.as_ref().and_then(|listed| new_order(listed, terms));
        let Some(new) = new.filter(|_| !is_old) else { return Ok(unsent(&entry)) };
        let request = match replaced {
            None => Request::Place(new),
            Some(name) => Request::CancelReplace(CancelReplace {
                cancel: wire_name(name.client_order_id, name.order_id),
                mode: CancelReplaceMode::StopOnFailure,
                order: new,
            }),
        };
        if !self.desk.budget.take(now(), request.endpoint().weight, true) {
            return Ok(unsent(&entry));
        }
        match self.ask(&request, at) {
            Ok(answer) => entered(&entry, &answer),
            // It is not done, and the venue wants to be left alone.
            Err(RestError::Wait(_)) => {
                Ok([Finding::Failed].into_iter().chain(unsent(&entry)).collect())
            }
            Err(error) => Err(error),
        }
    }

    /// Enters orders together, or one that waits. What may not be asked now is refused.
    fn place_together(
        &mut self,
        at: Timestamp,
        orders: &[AdvancedTerms],
    ) -> Result<Vec<Finding>, RestError> {
        let Some(first) = orders.first() else { return Ok(Vec::new()) };
        let entries = orders.iter().map(|terms| Entry::New(terms.order.client_order_id));
        let unsent = || entries.clone().flat_map(|entry| unsent(&entry)).collect::<Vec<_>>();
        let listed = find(&self.desk.listed, first.order.instrument).cloned();
        let is_old = now().0.saturating_sub(at.0) >= self.desk.valid_ns;
        let request = listed.as_ref().and_then(|listed| new_orders(listed, orders));
        let Some(request) = request.filter(|_| !is_old) else { return Ok(unsent()) };
        let weight = request.endpoint().weight;
        if !self.desk.budget.take_orders(now(), weight, orders.len() as u64) {
            return Ok(unsent());
        }
        match self.ask(&request, at) {
            Ok(answer) if answer.status == 200 && first.list.is_some() => {
                let mut findings = Vec::new();
                outcome::entered(&answer.body()?, &mut |order, order_id, input| {
                    findings.push(Finding::Report(VenueReport::new(order, order_id, input)));
                })?;
                Ok(findings)
            }
            Ok(answer) => {
                let mut findings = Vec::new();
                for entry in entries {
                    // That it failed is said once.
                    findings.retain(|finding| !matches!(finding, Finding::Failed));
                    findings.append(&mut entered(&entry, &answer)?);
                }
                Ok(findings)
            }
            // It is not done, and the venue wants to be left alone.
            Err(RestError::Wait(_)) => Ok([Finding::Failed].into_iter().chain(unsent()).collect()),
            Err(error) => Err(error),
        }
    }

    fn send(&mut self, verb: Verb, path: &str) -> Result<Answer, RestError> {
        let query = String::from_utf8_lossy(&self.query);
        let answer = self.desk.rest.send(verb, path, &query)?;
        if let Some(used) = answer.used_weight {
            self.desk.budget.told_weight(now(), used);
        }
        if let Some(wait) = answer.retry_after {
            let until = after(now(), wait);
            self.desk.budget.pause(until);
            return Err(RestError::Wait(until));
        }
        Ok(answer)
    }

    fn snapshot(&mut self, instrument: InstrumentId) -> Result<Vec<Finding>, RestError> {
        let Some(listed) = find(&self.desk.listed, instrument) else { return Ok(Vec::new()) };
        let symbol = listed.symbol.clone();
        let time = now();
        if !self.desk.budget.take(time, SNAPSHOT_WEIGHT, false) {
            return Err(RestError::Wait(self.desk.budget.next_window(time)));
        }
        self.query.clear();
        self.query.extend_from_slice(format!("symbol={symbol}&limit={SNAPSHOT_LEVELS}").as_bytes());
        let answer = self.send(Verb::Get, "/api/v3/depth")?.done()?;
        match self.decoder.decode(&answer.text)?.message {
            Message::Snapshot(snapshot) => Ok(vec![Finding::Snapshot {
                instrument,
                last_update_id: snapshot.last_update_id,
                bids: snapshot.bids.to_vec(),
                asks: snapshot.asks.to_vec(),
            }]),
            _ => Err(RestError::NotThere),
        }
    }

    /// Asks for an order, and for its trades if they are not all known.
    fn order(
        &mut self,
        name: &OrderName,
        executed_qty: Qty,
        question: u64,
    ) -> Result<Vec<Finding>, RestError> {
        let Some(listed) = find(&self.desk.listed, name.instrument).cloned() else {
            return Ok(Vec::new());
        };
        // By the venue's number where it is known: over FIX an order may have another name by now.
        let wire = wire_name(name.client_order_id, name.order_id);
        let request = Request::OrderStatus { symbol: &listed.symbol, order: wire };
        let answer = self.get(&request)?;
        let order = match answer.refusal()? {
            Some(NO_SUCH_ORDER) => {
                let report = VenueReport::answer(
                    name.client_order_id,
                    name.order_id,
                    question,
                    status(Found::Nothing, Qty::ZERO, Price::ZERO, Qty::ZERO),
                );
                return Ok(vec![Finding::Report(report)]);
            }
            Some(_) => return Err(answer.done().err().unwrap_or(RestError::NotThere)),
            None => answer.body()?.order()?,
        };
        let mut findings = Vec::new();
        if order.executed_qty > executed_qty {
            let request = Request::MyTrades(MyTrades {
                symbol: &listed.symbol,
                order_id: Some(order.order_id),
                from_id: None,
                limit: Some(TRADES_MAX),
            });
            let answer = self.get(&request)?.done()?;
            let trades = answer.body()?.trades()?;
            let trades = trades.collect::<Result<Vec<_>, _>>()?;
            findings = fills(&listed, name.client_order_id, &order, trades)?;
        }
        findings.push(Finding::Report(VenueReport::answer(
            name.client_order_id,
            order.order_id,
            question,
            found(&order),
        )));
        Ok(findings)
    }
}

/// What an answer says of the orders that it is about.
fn entered(entry: &Entry, answer: &Answer) -> Result<Vec<Finding>, RestError> {
    let (mut failed, mut findings) = (None, Vec::new());
    let mut tell = |order, order_id, input| {
        findings.push(Finding::Report(VenueReport::new(order, order_id, input)));
    };
    if answer.status == 200 {
        outcome::done(entry, &answer.body()?, &mut tell)?;
    } else {
        let refusal = Refusal::decode(&answer.text, TimeUnit::Millisecond)?;
        outcome::refused(entry, answer.status, &refusal, &mut tell)?;
        failed = outcome::is_failure(answer.status, &refusal).then_some(Finding::Failed);
    }
    // That it failed comes first: what is told behind it says nothing good of the venue.
    Ok(failed.into_iter().chain(findings).collect())
}

/// What is told of what was not asked.
fn unsent(entry: &Entry) -> Vec<Finding> {
    let mut findings = Vec::new();
    outcome::not_done(entry, &mut |order, order_id, input| {
        findings.push(Finding::Unsent(VenueReport::new(order, order_id, input)));
    });
    findings
}

const fn status(found: Found, executed_qty: Qty, price: Price, qty: Qty) -> Input {
    Input::Status { found, executed_qty, price, qty }
}

/// Where an order stands.
fn found(order: &OrderState<'_>) -> Input {
    let found = match order.status {
        OrderStatus::New
        | OrderStatus::PendingNew
        | OrderStatus::PartiallyFilled
        | OrderStatus::PendingCancel => Found::Working,
        OrderStatus::Filled => Found::Filled,
        OrderStatus::Canceled => Found::Cancelled,
        OrderStatus::Rejected => Found::Rejected,
        OrderStatus::Expired | OrderStatus::ExpiredInMatch => Found::Expired,
    };
    status(found, order.executed_qty, order.price, order.orig_qty)
}

/// An order's trades as fills, in their order, each with how far the order had come.
fn fills(
    listed: &Listed,
    order: ClientOrderId,
    state: &OrderState<'_>,
    mut trades: Vec<OwnTrade<'_>>,
) -> Result<Vec<Finding>, RestError> {
    trades.sort_by_key(|trade| trade.trade_id);
    let mut executed = 0_u64;
    let mut findings = Vec::with_capacity(trades.len() + 1);
    for trade in trades {
        executed = executed.saturating_add(trade.qty.units());
        // What came after the status was taken is told with the next one.
        if executed > state.executed_qty.units() {
            break;
        }
        let input = Input::Filled {
            trade_id: trade.trade_id.ok_or(RestError::NotThere)?,
            price: trade.price,
            qty: trade.qty,
            after: Progress::Executed(Qty::from_units(executed)),
        };
        let fee = listed.fee(trade.commission_asset.as_str(), trade.commission);
        let report = VenueReport::new(order, OrderId(trade.order_id.0), input);
        findings.push(Finding::Report(VenueReport { fee, ..report }));
    }
    Ok(findings)
}

fn find(listed: &[Listed], instrument: InstrumentId) -> Option<&Listed> {
    listed.iter().find(|listed| listed.instrument == instrument)
}

fn after(time: Timestamp, wait: Duration) -> Timestamp {
    let wait_ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
    Timestamp(time.0.saturating_add(wait_ns))
}
