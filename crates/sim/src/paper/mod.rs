//! A paper venue: the matching engine, seeded by a live book, that our orders trade in.
//!
//! ```text
//!   live feed:  book, best, trade --> what of the market waits at each price --+
//!                                                                              +--> engine --> who is filled
//!   ours:       submit --order latency--> arrive ------------------------------+      |
//!               reports <--report latency---------------------------------------------+
//! ```
//!
//! What a live book says is the market's alone: it knows nothing of us. At each price our orders and the market's wait in
//! one queue. The market's part becomes what the live book says whenever that says something new of the price: more
//! joins behind us; less, where no trade explains it, was cancelled, ahead of us and behind us as [`QueueModel`] says.
//! A trade is an order of the market that takes at its price, from the front of the queue, us included. A decrease is often told
//! before the trade that it comes from: such a trade, within [`PaperOptions::trade_lag_ns`], takes only what the decrease
//! has not taken yet.
//!
//! Assumptions, and when they mislead:
//! - We change nothing: nobody reacts to our orders. What we took is there again with the next change of its price.
//!   For quantities that are small beside the book's.
//! - An order that is where the live book comes to, is filled at its own price by as much as the live book shows there, as
//!   if those had come after us.
//! - Times are those of receipt: the way of market data is not taken off. An order's latency is that of both ways.
//! - Nobody is asked for funds: an account may owe any amount. What may be owned is the gate's business.
//! - An order that waits for a trade waits for the market's, and for ours. What it then meets is the paper book as it is:
//!   what others' stops do to the price is in the live book a moment later.
//! - There is the continuous market alone: no auction, no halt, no price band.
//!
//! Architecture Invariant: pure. The same calls with the same times give the same reports; nothing here reads a clock or
//! uses floating point. Latency varies by the generator that is passed in.

mod events;
mod fees;
mod level;
mod lists;
mod live;
mod orders;
mod side;

use std::collections::VecDeque;

use tiercel_book::l2::L2Book;
use tiercel_execution::order::{Found, Input};
use tiercel_execution::venue::{Gathered, OrderName, OrderTerms, VenueReport, VenueRequest};
use tiercel_matching::{BareEngine, EngineConfig};
use tiercel_strategy::Terms;
use tiercel_types::command::{AddInstrument, AmendOrder, CancelOrder, Command, NewOrder};
use tiercel_types::event::EventHeader;
use tiercel_types::order::AmendQtyMeaning;
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, Event, EventBuffer, InstrumentId, InstrumentSpec, Money,
    OrderId, OrderKind, Price, Qty, SelfTradePrevention, Side, Symbol, Timestamp,
};

use crate::rng::Rng;
pub use fees::{FeeAsset, Fees};
use level::Entry;
use orders::{Orders, Own};
use side::PaperSide;

/// Our account.
const OURS: AccountId = AccountId(1);
/// The account of everybody else.
const MARKET: AccountId = AccountId(2);
/// Levels of each side, from the best on, that the paper book has of the live one; and those where we are.
pub const DEPTH: usize = 32;
/// Levels that there is room for from the start.
const LEVELS: usize = 2 * DEPTH;
/// The least way of a request or a report: nothing is answered in the moment in which it is asked.
const LATENCY_MIN_NS: u64 = 1;

/// Who has cancelled, when less waits at a price and no trade explains it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueModel {
    /// Who was ahead of us and who was behind us, each by their share.
    #[default]
    Proportional,
    /// Who was behind us, as far as they go: as late as we can be filled.
    Behind,
    /// Who was ahead of us, as far as they go: as soon.
    Ahead,
}

/// How long requests and reports are on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// From the decision to the venue: with the way of the market data that it followed from.
    pub order_ns: u64,
    /// From the venue to the trader.
    pub report_ns: u64,
    /// Of each way, so much more at most, evenly drawn. None overtakes the one before.
    pub jitter_ns: u64,
}

/// How a paper venue fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaperOptions {
    /// Ways.
    pub latency: Latency,
    /// What fills cost.
    pub fees: Fees,
    /// Who cancels.
    pub queue: QueueModel,
    /// How long behind a decrease the trade may be told that it comes from.
    pub trade_lag_ns: u64,
}

impl Default for PaperOptions {
    /// No latency but the least, no fees, proportional cancels, and 10 ms for trades. In a recorded session of Binance
    /// four in five of the trades that could be matched with a decrease of the best price (a third of all) came behind
    /// it, and half of those matched within 0.63 ms.
    fn default() -> Self {
        Self {
            latency: Latency::default(),
            fees: Fees::default(),
            queue: QueueModel::default(),
            trade_lag_ns: 10_000_000,
        }
    }
}

/// What the paper venue tells, when, and of which instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaperReport {
    /// When it is there.
    pub due: Timestamp,
    /// The instrument, as the trader numbers it.
    pub instrument: InstrumentId,
    /// The report.
    pub report: VenueReport,
}

/// An instrument: its two sides, buyers first.
#[derive(Clone, Debug)]
struct PaperMarket {
    terms: Terms,
    sides: [PaperSide; 2],
    /// Of the last trade; zero: none was told.
    last: Price,
}

impl PaperMarket {
    /// A quantity in whole lots.
    const fn lots(&self, qty: Qty) -> u64 {
        let lot = self.terms.lot.units();
        qty.units() / lot * lot
    }

    /// Whether there are such prices.
    const fn has_price(&self, price: Price) -> bool {
        price.units() > 0 && price.units() % self.terms.tick.units() == 0
    }

    /// Whether the venue takes an order of that price and quantity.
    fn takes(&self, kind: OrderKind, price: Price, qty: Qty) -> bool {
        let Terms { lot, qty_min, notional_min, .. } = self.terms;
        let is_whole = qty.units().is_multiple_of(lot.units()) && qty >= qty_min.max(lot);
        // A market order has no price to be worth something at.
        is_whole
            && (kind == OrderKind::Market
                || self.has_price(price) && Money::of(price, qty) >= notional_min)
    }
}

/// The paper venue. See the [module's page](self).
pub struct PaperVenue {
    options: PaperOptions,
    rng: Rng,
    engine: BareEngine,
    buffer: EventBuffer,
    sequence: u64,
    next_order: u64,
    markets: Vec<PaperMarket>,
    own: Orders,
    arrivals: VecDeque<(Timestamp, VenueRequest)>,
    reports: VecDeque<PaperReport>,
    now: Timestamp,
    /// Whether the command that ran last was denied.
    was_denied: bool,
    /// The price of the last trade in a paper book.
    traded: Option<Price>,
    gathered: Gathered,
    /// What the engine did not take of the market.
    refused: u64,
    // What one call needs, kept.
    events: Vec<(EventHeader, Event)>,
    taken: Vec<(OrderId, u64)>,
    wanted: Vec<(Side, Price, u64)>,
    lifted: Vec<(Price, u64)>,
}

impl PaperVenue {
    /// A venue of these instruments, numbered by their place, with empty books. `rng` draws the jitter. There is room for
    /// `orders` of ours at once before anything is allocated.
    ///
    /// # Panics
    /// When a tick or a lot is zero.
    pub fn new(options: PaperOptions, terms: &[Terms], orders: usize, rng: Rng) -> Self {
        let market = |terms: &Terms| {
            assert!(terms.tick.units() > 0 && !terms.lot.is_zero(), "steps above zero");
            PaperMarket {
                terms: *terms,
                sides: [Side::Buy, Side::Sell].map(|side| PaperSide::new(side, LEVELS)),
                last: Price::ZERO,
            }
        };
        let config =
            EngineConfig { orders: LEVELS * 4 * terms.len() + orders, ..EngineConfig::default() };
        let mut venue = Self {
            options,
            rng,
            engine: BareEngine::new(config),
            buffer: EventBuffer::with_capacity(64),
            sequence: 0,
            next_order: 1,
            markets: terms.iter().map(market).collect(),
            own: Orders::new(orders),
            arrivals: VecDeque::with_capacity(orders),
            reports: VecDeque::with_capacity(4 * orders),
            now: Timestamp(0),
            was_denied: false,
            traded: None,
            gathered: Gathered::default(),
            refused: 0,
            events: Vec::with_capacity(64),
            taken: Vec::with_capacity(64),
            wanted: Vec::with_capacity(LEVELS),
            lifted: Vec::with_capacity(LEVELS),
        };
        for at in 0..venue.markets.len() {
            let Terms { tick, lot, .. } = venue.markets[at].terms;
            for (instrument, symbol) in
                [(number(at), symbol('P', at)), (venue.prints(at), symbol('Q', at))]
            {
                let mut spec = InstrumentSpec::new(instrument, AssetId(1), AssetId(2), tick, lot);
                spec.symbol = symbol;
                venue.run(at, AddInstrument { spec }.into());
                assert!(!venue.was_denied, "an instrument with steps and a name of its own");
            }
        }
        venue
    }

    /// Our orders that are in the book, or on their way into it.
    pub fn live_orders(&self) -> usize {
        self.own.live().len()
    }

    /// What of the market is ahead of one of our orders at its price; `None`: it does not wait in the book.
    pub fn ahead(&self, name: &ClientOrderId) -> Option<Qty> {
        let own = self.own.live().iter().find(|own| own.terms.client_order_id == *name)?;
        let market = self.markets.get(own.terms.instrument.0 as usize)?;
        let level = market.sides[own.terms.side.index()].find(own.price)?;
        level.ahead_of(own.order_id).map(Qty::from_units)
    }

    /// What of the market waits at a price.
    pub fn market_qty(&self, instrument: InstrumentId, side: Side, price: Price) -> Qty {
        let market = self.markets.get(instrument.0 as usize);
        let level = market.and_then(|market| market.sides[side.index()].find(price));
        level.map_or(Qty::ZERO, |level| Qty::from_units(level.market_qty()))
    }

    /// How often the engine did not take what the live book said: prices off the tick. Nothing of them is in the paper book.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Whether what is kept of the queues is what the engine has. Not for the hot path.
    pub fn agrees(&self) -> bool {
        self.markets.iter().enumerate().all(|(at, market)| {
            [Side::Buy, Side::Sell].into_iter().all(|side| {
                let engine = self.engine.displayed_orders(number(at), side);
                let engine = engine.map(|order| (order.order_id, order.price, order.qty.units()));
                let kept = market.sides[side.index()].levels().iter().rev().flat_map(|level| {
                    level.queue.iter().map(|entry| (entry.order_id, level.price, entry.qty))
                });
                engine.eq(kept)
            })
        })
    }

    /// A request leaves the trader.
    pub fn submit(&mut self, now: Timestamp, request: &VenueRequest) {
        let last = self.arrivals.back().map_or(0, |(due, _)| due.0);
        let due = self.later(now, self.options.latency.order_ns, last);
        self.arrivals.push_back((due, *request));
    }

    /// When something is done next, or told.
    pub fn next_due(&self) -> Option<Timestamp> {
        let arrival = self.arrivals.front().map(|(due, _)| *due);
        arrival.into_iter().chain(self.reports.front().map(|report| report.due)).min()
    }

    /// Lets requests arrive that are due, in their order. `book` is the live one of an instrument, if it is known: an order
    /// that goes far from the touch waits behind what is there.
    pub fn advance<'a>(
        &mut self,
        now: Timestamp,
        book: impl Fn(InstrumentId) -> Option<&'a L2Book>,
    ) {
        while let Some((due, request)) = self.arrivals.front().copied() {
            if due > now {
                break;
            }
            self.arrivals.pop_front();
            let instrument = request.instrument();
            self.arrive(due, &request, book(instrument));
        }
        self.now = self.now.max(now);
    }

    /// The next report that is there by now.
    pub fn take_report(&mut self, now: Timestamp) -> Option<PaperReport> {
        if self.reports.front()?.due > now {
            return None;
        }
        self.reports.pop_front()
    }

    /// When what leaves now is there, behind what left before.
    const fn later(&mut self, now: Timestamp, latency_ns: u64, last: u64) -> Timestamp {
        let jitter_ns = match self.options.latency.jitter_ns {
            0 => 0,
            most => self.rng.below(most.saturating_add(1)),
        };
        let way_ns = latency_ns.saturating_add(jitter_ns);
        let way_ns = if way_ns < LATENCY_MIN_NS { LATENCY_MIN_NS } else { way_ns };
        let due = now.0.saturating_add(way_ns);
        Timestamp(if due < last { last } else { due })
    }

    fn tell(&mut self, instrument: InstrumentId, report: VenueReport) {
        let last = self.reports.back().map_or(0, |report| report.due.0);
        let due = self.later(self.now, self.options.latency.report_ns, last);
        self.reports.push_back(PaperReport { due, instrument, report });
    }

    fn refuse(&mut self, instrument: InstrumentId, name: ClientOrderId, input: Input) {
        self.tell(instrument, VenueReport::new(name, OrderId::NONE, input));
    }

    fn arrive(&mut self, now: Timestamp, request: &VenueRequest, book: Option<&L2Book>) {
        self.now = self.now.max(now);
        let instrument = request.instrument();
        self.traded = None;
        match request {
            VenueRequest::New(terms) => self.enter(terms, book),
            VenueRequest::NewAdvanced(terms) => self.enter_advanced(terms, book),
            VenueRequest::Cancel(name) => {
                self.cancel(name);
            }
            VenueRequest::CancelReplace { name, terms } => {
                if self.cancel(name) {
                    self.enter(terms, book);
                } else {
                    self.refuse(instrument, terms.client_order_id, Input::Rejected);
                }
            }
            VenueRequest::Amend { name, price, qty, .. } => self.amend(name, *price, *qty, book),
            VenueRequest::Query { name, question, .. } => {
                let report = self.status(name, *question);
                self.tell(instrument, report);
            }
        }
        if let Some(price) = self.traded.take() {
            self.print(instrument.0 as usize, price);
        }
    }

    fn enter(&mut self, terms: &OrderTerms, book: Option<&L2Book>) {
        let OrderTerms { client_order_id, instrument, side, kind, price, qty, .. } = *terms;
        let at = instrument.0 as usize;
        let is_fit = self.markets.get(at).is_some_and(|market| market.takes(kind, price, qty));
        if !is_fit || self.own.is_live(&client_order_id) {
            return self.refuse(instrument, client_order_id, Input::Rejected);
        }
        self.seed(at, side, price, book);
        let order_id = self.new_id();
        let mut order = NewOrder::limit(number(at), OURS, side, price, qty);
        order.order_id = order_id;
        order.kind = kind;
        order.time_in_force = terms.time_in_force;
        order.self_trade_prevention = SelfTradePrevention::ExpireTaker;
        let (terms, qty, stands) = (*terms, qty.units(), Found::Working);
        let trigger_price = Price::ZERO;
        self.own.enter(Own { terms, order_id, price, qty, executed: 0, stands, trigger_price });
        self.run(at, order.into());
        if self.was_denied {
            self.own.refuse(order_id);
            self.refuse(instrument, client_order_id, Input::Rejected);
        }
        self.tidy(at);
    }

    /// Whether it was done.
    fn cancel(&mut self, name: &OrderName) -> bool {
        let Some(own) = self.own.named(name) else {
            self.refuse(name.instrument, name.client_order_id, Input::CancelRejected);
            return false;
        };
        let (order_id, at) = (own.order_id, own.terms.instrument.0 as usize);
        let client_order_id = ClientOrderId::EMPTY;
        self.run(at, CancelOrder { order_id, account: OURS, client_order_id }.into());
        self.tidy(at);
        true
    }

    fn amend(&mut self, name: &OrderName, price: Price, qty: Qty, book: Option<&L2Book>) {
        let refused = |venue: &mut Self| {
            venue.refuse(name.instrument, name.client_order_id, Input::ReplaceRejected);
        };
        let Some(own) = self.own.named(name) else { return refused(self) };
        let Own { order_id, terms, .. } = *own;
        let at = terms.instrument.0 as usize;
        if !self.markets[at].takes(terms.kind, price, qty) {
            return refused(self);
        }
        self.seed(at, terms.side, price, book);
        let command = AmendOrder {
            order_id,
            price,
            qty,
            account: OURS,
            client_order_id: ClientOrderId::EMPTY,
            new_client_order_id: ClientOrderId::EMPTY,
            qty_meaning: AmendQtyMeaning::Total,
            lose_priority: 0,
            reserved: [0; 2],
        };
        self.run(at, command.into());
        if self.was_denied {
            refused(self);
        }
        self.tidy(at);
    }

    /// Where an order stands.
    fn status(&self, name: &OrderName, question: u64) -> VenueReport {
        let client_order_id = name.client_order_id;
        let Some(own) = self.own.known(name) else {
            let (price, qty, executed_qty) = (Price::ZERO, Qty::ZERO, Qty::ZERO);
            let input = Input::Status { found: Found::Nothing, executed_qty, price, qty };
            return VenueReport::answer(client_order_id, OrderId::NONE, question, input);
        };
        let input = Input::Status {
            found: own.stands,
            executed_qty: Qty::from_units(own.executed),
            price: own.price,
            qty: Qty::from_units(own.qty),
        };
        VenueReport::answer(client_order_id, own.order_id, question, input)
    }

    const fn new_id(&mut self) -> OrderId {
        let order_id = OrderId(self.next_order);
        self.next_order += 1;
        order_id
    }

    /// Lets the engine do something, and follows what comes of it.
    fn run(&mut self, at: usize, command: Command) {
        self.sequence += 1;
        let prints = self.prints(at);
        let Self { engine, buffer, events, .. } = self;
        events.clear();
        engine.apply_all(self.sequence, self.now, &command, buffer, |header, event| {
            if header.instrument != prints {
                events.push((header, event));
            }
        });
        self.was_denied = false;
        let events = std::mem::take(&mut self.events);
        for (header, event) in &events {
            self.on_event(at, header.account, event);
        }
        self.events = events;
    }

    fn tidy(&mut self, at: usize) {
        for side in &mut self.markets[at].sides {
            side.tidy();
        }
    }
}

/// The engine's number of an instrument.
const fn number(at: usize) -> InstrumentId {
    InstrumentId(at as u32 + 1)
}

/// A name that no other instrument has.
fn symbol(letter: char, at: usize) -> Symbol {
    // Five digits and a letter are a symbol.
    format!("{letter}{at}").parse().unwrap_or(Symbol::EMPTY)
}

/// An order of the market that waits.
fn market_order(at: usize, order_id: OrderId, side: Side, price: Price, qty: u64) -> NewOrder {
    let mut order = NewOrder::limit(number(at), MARKET, side, price, Qty::from_units(qty));
    order.order_id = order_id;
    order
}

const fn entry(order_id: OrderId, qty: Qty, account: AccountId) -> Entry {
    Entry { order_id, qty: qty.units(), is_own: account.0 == OURS.0 }
}
