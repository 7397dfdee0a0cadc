//! Who asks a venue over HTTP, on a thread that may wait: for snapshots of books, for what became of orders, for the
//! venue's clock; and who enters and cancels orders there, where they go that way.
//!
//! ```text
//!   Lines --Errand--> Clerk's thread --HTTP--> venue
//!   Lines <--Finding-- Clerk's thread <--------+
//! ```
//!
//! Weights are counted before they are used; what would be too much waits for the next minute. Cancels are before
//! everything else, and are not held up by what waits.

mod findings;
mod listing;
mod waiting;

use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tiercel_execution::oms::RunId;
use tiercel_execution::order::Found;
use tiercel_execution::position::Fee;
use tiercel_execution::venue::{AdvancedTerms, Gathered, OrderName, OrderTerms, VenueReport};
use tiercel_types::market::Level;
use tiercel_types::{ClientOrderId, InstrumentId, Money, Price, Qty, Timestamp, TradeId};
use tiercel_wire::binance::answer::{OrderState, Refusal};
use tiercel_wire::binance::order::{
    CancelOrder, CancelReplace, CancelReplaceMode, MyTrades, Request, Requests, Verb,
};
use tiercel_wire::binance::{Decoder, Message, TimeUnit};

use crate::budget::{Budget, Purpose};
use crate::connector::binance::outcome::{self, Entry, TooMuch};
use crate::connector::binance::{cancel_name, new_order, new_orders, wire_name};
use crate::key::SecretKey;
use crate::rest::{Answer, Rest, RestError};
use findings::{
    Traded, entered, entries, entry, fills, found, not_answered, refused, status, unsent,
    unsent_together,
};
pub use listing::{Balance, ListedOrder, Listing};
use waiting::{ERRANDS_MAX, Open, Waiting};

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
/// Of an order that is not there.
const NO_SUCH_ORDER: i32 = -2013;

/// What is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// The book of an instrument. It is answered once: by it, or by [`NoSnapshot`](Finding::NoSnapshot).
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
    /// What is open of an instrument, and what of it has traded behind a trade. It is answered once: by a
    /// [listing](Finding::Listing), or by [`NotListed`](Finding::NotListed).
    List {
        /// Of what.
        instrument: InstrumentId,
        /// The newest trade that is known. Without one none is looked at.
        after: Option<TradeId>,
        /// Whose orders matter.
        run: RunId,
        /// Who asks what for.
        round: u32,
    },
    /// What the account has: answered as by [`List`](Self::List).
    Balances {
        /// Who asks what for.
        round: u32,
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
    /// The book of an instrument was asked for and does not come.
    NoSnapshot(InstrumentId),
    /// Something about an order.
    Report(VenueReport),
    /// Something about an order that was not asked of the venue after all.
    Unsent(VenueReport),
    /// What is open of an instrument, and has traded.
    Listing(u32, Box<Listing>),
    /// What the account has.
    Balances(u32, Vec<Balance>),
    /// What is open, or what the account has, was asked for and does not come.
    NotListed(u32),
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
    /// At the bound nothing more is taken: who asks is told, or asks again.
    cancels: SyncSender<OrderName>,
    errands: SyncSender<Errand>,
    told: Sender<Finding>,
    findings: Receiver<Finding>,
    thread: Option<JoinHandle<()>>,
}

impl Clerk {
    /// One who begins with the venue's clock.
    ///
    /// # Errors
    /// The system's, where no thread can be had.
    pub fn new(desk: Desk) -> io::Result<Self> {
        let (cancels, asked_cancels) = sync_channel(ERRANDS_MAX);
        let (errands, asked_errands) = sync_channel(ERRANDS_MAX);
        let (told, findings) = channel();
        let work = Work {
            desk,
            asked: Asked { cancels: asked_cancels, errands: asked_errands },
            told: told.clone(),
            decoder: Decoder::default(),
            waiting: Waiting::default(),
            cancels_at: Timestamp(0),
            questions_at: Timestamp(0),
            offset_ns: None,
            query: Vec::new(),
        };
        let thread = std::thread::Builder::new().name("clerk".to_owned());
        let thread = thread.spawn(move || {
            let Gone = work.run();
        })?;
        Ok(Self { cancels, errands, told, findings, thread: Some(thread) })
    }

    /// Something is to be asked. Where there is too much already, an order or a cancel is [told](Self::take) as not
    /// sent, and nothing is asked.
    pub fn ask(&self, errand: Errand) {
        let is_asked = match errand {
            Errand::Cancel(name) => self.cancels.try_send(name).is_ok(),
            errand => self.errands.try_send(errand).is_ok(),
        };
        if !is_asked {
            for finding in refused(&errand) {
                // It comes out at the other end, which is here.
                let _there = self.told.send(finding);
            }
        }
        self.wake();
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// What was found since it was asked last.
    pub fn take(&self) -> Option<Finding> {
        self.findings.try_recv().ok()
    }
}

impl Drop for Clerk {
    fn drop(&mut self) {
        // It ends when nobody can ask anything any more, and leaves what waits.
        (self.cancels, self.errands) = (sync_channel(0).0, sync_channel(0).0);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // It does not panic.
            let _ended = thread.join();
        }
    }
}

/// Nobody wants to hear any more.
struct Gone;

/// What became of a request that enters orders.
enum Entered {
    /// This was answered.
    Answered(Answer),
    /// It would have been too much, and has not left.
    TooMuch,
    /// It is not done: the venue wants to be left alone.
    LeftAlone,
}

/// What is to be asked, as it comes.
struct Asked {
    cancels: Receiver<OrderName>,
    errands: Receiver<Errand>,
}

struct Work {
    desk: Desk,
    asked: Asked,
    told: Sender<Finding>,
    decoder: Decoder,
    waiting: Waiting,
    /// No cancel leaves before.
    cancels_at: Timestamp,
    /// Nothing that only asks leaves before.
    questions_at: Timestamp,
    offset_ns: Option<i64>,
    query: Vec<u8>,
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

impl Work {
    /// Asks until nobody wants to hear any more.
    fn run(mut self) -> Gone {
        let mut clock_due = now();
        loop {
            if let Err(gone) = self.take_over() {
                return gone;
            }
            let time = now();
            let open =
                Open { cancels: time >= self.cancels_at, questions: time >= self.questions_at };
            let is_urgent = open.cancels && self.waiting.has_cancels() && self.offset_ns.is_some();
            if time >= clock_due && !is_urgent {
                let again = if self.clock() { CLOCK_EVERY } else { CLOCK_AGAIN };
                clock_due = after(now(), again);
            } else if let Some(errand) = self.waiting.take(open) {
                if let Err(gone) = self.go(errand) {
                    return gone;
                }
            } else {
                std::thread::park_timeout(self.idle(time, clock_due));
            }
        }
    }

    /// Takes over what is to be asked. Cancels are looked for first and put last: what was asked for before them is
    /// there by then.
    fn take_over(&mut self) -> Result<(), Gone> {
        let cancels: Vec<OrderName> = self.asked.cancels.try_iter().take(ERRANDS_MAX).collect();
        for _ in 0..ERRANDS_MAX {
            match self.asked.errands.try_recv() {
                Ok(errand) => self.put(errand)?,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Err(Gone),
            }
        }
        cancels.into_iter().try_for_each(|name| self.put(Errand::Cancel(name)))
    }

    /// Between the questions of a long errand: cancels and orders, which do not wait for it.
    fn do_what_is_urgent(&mut self) -> Result<(), RestError> {
        // It is told to nobody: the errand is over.
        let over = |Gone| RestError::NotThere;
        self.take_over().map_err(over)?;
        loop {
            let open = Open { cancels: now() >= self.cancels_at, questions: false };
            let Some(errand) = self.waiting.take(open) else { return Ok(()) };
            self.go(errand).map_err(over)?;
        }
    }

    fn put(&mut self, errand: Errand) -> Result<(), Gone> {
        self.waiting.put(errand).map_or(Ok(()), |left| self.tell(refused(&left)))
    }

    fn tell(&self, findings: Vec<Finding>) -> Result<(), Gone> {
        findings.into_iter().try_for_each(|finding| self.told.send(finding).map_err(|_| Gone))
    }

    /// How long there is nothing to do, unless something comes.
    fn idle(&self, time: Timestamp, clock_due: Timestamp) -> Duration {
        let mut wake = clock_due;
        if self.waiting.has_cancels() {
            wake = wake.min(self.cancels_at);
        }
        if self.waiting.has_others() {
            wake = wake.min(self.questions_at);
        }
        Duration::from_nanos(wake.0.saturating_sub(time.0))
    }

    /// Does one, or puts it back where it cannot be done yet.
    fn go(&mut self, errand: Errand) -> Result<(), Gone> {
        let done = match errand {
            Errand::Snapshot(instrument) => self.snapshot(instrument),
            Errand::Query { name, executed_qty, question } => {
                self.order(&name, executed_qty, question)
            }
            Errand::List { instrument, after, run, round } => {
                self.list(instrument, after, run).map(|found| vec![Finding::Listing(round, found)])
            }
            Errand::Balances { round } => {
                self.balances().map(|found| vec![Finding::Balances(round, found)])
            }
            Errand::Cancel(name) => self.cancel(&name),
            Errand::Place { at, terms, replaced } => self.place(at, &terms, replaced.as_ref()),
            Errand::PlaceTogether { at, orders } => self.place_together(at, orders.orders()),
        };
        match done {
            Ok(findings) => self.tell(findings),
            Err(RestError::Wait(until)) => {
                let is_cancel = matches!(errand, Errand::Cancel(_));
                *(if is_cancel { &mut self.cancels_at } else { &mut self.questions_at }) = until;
                self.waiting.put_back(errand);
                Ok(())
            }
            // Who needs it asks again.
            Err(error) => {
                let mut findings = vec![Finding::Trouble(error.to_string())];
                findings.append(&mut not_answered(&errand));
                self.tell(findings)
            }
        }
    }

    /// Measures the venue's clock. Whether it answered.
    fn clock(&mut self) -> bool {
        let mut best: Option<(u64, i64)> = None;
        for _ in 0..CLOCK_SAMPLES {
            let sent = now();
            let Ok(answer) = self.get(&Request::Time, Purpose::Question) else { break };
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

    fn get(&mut self, request: &Request<'_>, purpose: Purpose) -> Result<Answer, RestError> {
        let time = self.take(request.endpoint().weight, purpose)?;
        self.ask(request, time)
    }

    /// Takes a weight, or says when to come again. The time at which it was.
    fn take(&mut self, weight: u32, purpose: Purpose) -> Result<Timestamp, RestError> {
        let time = now();
        let budget = &mut self.desk.budget;
        let is_taken = budget.take(time, weight, purpose);
        if is_taken { Ok(time) } else { Err(RestError::Wait(budget.again_at(time))) }
    }

    /// Enters so many orders, within the budget.
    fn enter(
        &mut self,
        request: &Request<'_>,
        (at, orders): (Timestamp, usize),
    ) -> Result<Entered, RestError> {
        let orders = orders as u64;
        let weight = request.endpoint().weight;
        if !self.desk.budget.take(now(), weight, Purpose::Orders(orders)) {
            return Ok(Entered::TooMuch);
        }
        let answer = self.ask(request, at);
        self.desk.budget.answered(now(), orders);
        match answer {
            Ok(answer) => Ok(Entered::Answered(answer)),
            Err(RestError::Wait(_)) => Ok(Entered::LeftAlone),
            Err(error) => Err(error),
        }
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
            client_order_id: cancel_name(&name.client_order_id),
        });
        let answer = self.get(&request, Purpose::Cancel)?;
        entered(&Entry::Cancel(*name), &answer)
    }

    /// Enters an order. What may not be asked now is refused.
    fn place(
        &mut self,
        at: Timestamp,
        terms: &OrderTerms,
        replaced: Option<&OrderName>,
    ) -> Result<Vec<Finding>, RestError> {
        let entry = entry(terms, replaced);
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
        match self.enter(&request, (at, 1))? {
            Entered::Answered(answer) => entered(&entry, &answer),
            Entered::TooMuch => Ok(unsent(&entry)),
            Entered::LeftAlone => Ok(left_alone(unsent(&entry))),
        }
    }

    /// Enters orders together, or one that waits. What may not be asked now is refused.
    fn place_together(
        &mut self,
        at: Timestamp,
        orders: &[AdvancedTerms],
    ) -> Result<Vec<Finding>, RestError> {
        let Some(first) = orders.first() else { return Ok(Vec::new()) };
        let listed = find(&self.desk.listed, first.order.instrument).cloned();
        let is_old = now().0.saturating_sub(at.0) >= self.desk.valid_ns;
        let request = listed.as_ref().and_then(|listed| new_orders(listed, orders));
        let Some(request) = request.filter(|_| !is_old) else { return Ok(unsent_together(orders)) };
        let answer = match self.enter(&request, (at, orders.len()))? {
            Entered::Answered(answer) => answer,
            Entered::TooMuch => return Ok(unsent_together(orders)),
            Entered::LeftAlone => return Ok(left_alone(unsent_together(orders))),
        };
        let mut findings = Vec::new();
        if answer.status == 200 && first.list.is_some() {
            outcome::entered(&answer.body()?, &mut |order, order_id, input| {
                findings.push(Finding::Report(VenueReport::new(order, order_id, input)));
            })?;
            return Ok(findings);
        }
        for entry in entries(orders) {
            // That it failed is said once.
            findings.retain(|finding| !matches!(finding, Finding::Failed));
            findings.append(&mut entered(&entry, &answer)?);
        }
        Ok(findings)
    }

    fn send(&mut self, verb: Verb, path: &str) -> Result<Answer, RestError> {
        let query = String::from_utf8_lossy(&self.query);
        let answer = self.desk.rest.send(verb, path, &query)?;
        if let Some(used) = answer.used_weight {
            self.desk.budget.told_weight(now(), used);
        }
        let Some(wait) = answer.retry_after else { return Ok(answer) };
        let until = after(now(), wait);
        let refusal = Refusal::decode(&answer.text, TimeUnit::Millisecond);
        let too_much = refusal.map(|refusal| outcome::too_much(answer.status, &refusal));
        if too_much == Ok(TooMuch::Orders) {
            self.desk.budget.orders_are_used_up(now(), Some(until));
            return Ok(answer);
        }
        self.desk.budget.pause(until);
        Err(RestError::Wait(until))
    }

    fn snapshot(&mut self, instrument: InstrumentId) -> Result<Vec<Finding>, RestError> {
        let Some(listed) = find(&self.desk.listed, instrument) else {
            return Ok(vec![Finding::NoSnapshot(instrument)]);
        };
        let symbol = listed.symbol.clone();
        self.take(SNAPSHOT_WEIGHT, Purpose::Question)?;
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
        let answer = self.get(&request, Purpose::Question)?;
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
            let reports = self.fills(&listed, name.client_order_id, &order)?;
            findings.extend(reports.into_iter().map(Finding::Report));
        }
        findings.push(Finding::Report(VenueReport::answer(
            name.client_order_id,
            order.order_id,
            question,
            found(&order),
        )));
        Ok(findings)
    }

    /// What of an order has traded.
    fn fills(
        &mut self,
        listed: &Listed,
        name: ClientOrderId,
        order: &OrderState<'_>,
    ) -> Result<Vec<VenueReport>, RestError> {
        let request = Request::MyTrades(MyTrades {
            symbol: &listed.symbol,
            order_id: Some(order.order_id),
            from_id: None,
            limit: Some(TRADES_MAX),
        });
        let answer = self.get(&request, Purpose::Question)?.done()?;
        let mut trades = Vec::new();
        for trade in answer.body()?.trades()? {
            trades.push(Traded::of(listed, &trade?)?);
        }
        Ok(fills(name, order, trades))
    }
}

fn find(listed: &[Listed], instrument: InstrumentId) -> Option<&Listed> {
    listed.iter().find(|listed| listed.instrument == instrument)
}

/// The venue failed, and these orders were not entered.
fn left_alone(unsent: Vec<Finding>) -> Vec<Finding> {
    [Finding::Failed].into_iter().chain(unsent).collect()
}

fn after(time: Timestamp, wait: Duration) -> Timestamp {
    let wait_ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
    Timestamp(time.0.saturating_add(wait_ns))
}
