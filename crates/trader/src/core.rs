//! Books, strategy, gate and orders: what is decided, without sockets.
//!
//! ```text
//!   feed: book(i) changed --> Core::book_changed --+
//!   feed: a trade         --> Core::traded       --+--> strategy --> actions --> Oms --> requests --> connectors
//!   connector: a report   --> Core::report       --+        ^                     |
//!   the clock             --> Core::tick         --+        +------- updates -----+
//! ```
//!
//! Architecture Invariant: the same calls with the same times give the same requests.

mod numbers;
mod run;
mod start;

use serde::{Deserialize, Serialize};
use tiercel_execution::oms::{AdvancedOrder, Anomaly, NewOrder, Oms, Outputs, Update, UpdateKind};
use tiercel_execution::risk::{Denial, Mode};
use tiercel_execution::venue::{LIST_ORDERS_MAX, VenueId, VenueReport, VenueRequest};
use tiercel_strategy::{
    Action, ActionKind, Actions, BookTick, OrderUpdate, OrderUpdateKind, Strategy, TimerTick,
    TradeTick,
};
use tiercel_types::market::{BestBidOffer, MarketTrade};
use tiercel_types::order::ListKind;
use tiercel_types::{InstrumentId, Price, Qty, Timestamp};

pub use start::{Difference, Differs, Held, Remainder, Start};

use crate::journal::{GateState, Journal};
use crate::market::{Market, MarketState};
use crate::paper::Paper;
use crate::reason::ModeReason;
use crate::routes::Routes;
use crate::tap::{Tap, Tapped};
use crate::timing::{Stage, Timing};

/// Rounds of what a strategy wants and what it is told at once of that, for one event. What it wants beyond is
/// not done, and counted.
const ROUNDS: usize = 8;

/// What has been counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Updates of books that the strategy was told of.
    pub books: u64,
    /// Trades that it was told of.
    pub trades: u64,
    /// Orders, changes and cancels that left.
    pub requests: u64,
    /// Fills.
    pub fills: u64,
    /// Orders that the gate denied.
    pub denied: u64,
    /// Actions that were not done, because an event set off too many.
    pub dropped_actions: u64,
    /// Things that should not have happened.
    pub anomalies: u64,
}

/// Everything that decides. See the [module's page](self).
pub struct Core {
    strategy: Box<dyn Strategy>,
    oms: Oms,
    markets: Vec<Market>,
    /// Instruments that the strategy sees as one.
    routes: Routes,
    actions: Actions,
    out: Outputs,
    timers: [u64; Action::TIMERS as usize],
    counts: Counts,
    /// The newest anomalies, until somebody takes them.
    anomalies: Vec<Anomaly>,
    /// Whether the strategy may act: not before everything is known, and not any more at the end.
    acts: bool,
    /// What it knows is what the run before knew at its end.
    is_restored: bool,
    /// Somebody wants it to act.
    wanted: bool,
    /// Somebody wants it to end: nothing stays open.
    ends: bool,
    /// What is sent and heard is written there.
    journal: Option<Journal>,
    /// Whether that failed: nothing but cancels leaves then.
    has_journal_failed: bool,
    /// What venues are asked before the strategy begins.
    start: Option<Box<Start>>,
    /// What they said and was not known, until somebody takes it.
    differences: Vec<Differs>,
    /// What is written of the gate, and since when.
    written: (GateState, Timestamp),
    /// Why the gate lets through what it does.
    mode_reason: ModeReason,
    /// Orders go there, if there is one.
    pub(crate) paper: Option<Box<Paper>>,
    /// The number that its venue gave to what is reported; zero: none. The connector sets it before.
    pub answer: u64,
    /// How long a market may be silent.
    silence_max_ns: u64,
    /// Who is told of all that feeds take.
    tap: Option<Box<dyn Tap>>,
    /// Follows the tick that is under way.
    pub timing: Timing,
}

/// Anomalies that are kept until they are taken; beyond, they are counted alone.
const ANOMALIES_KEPT: usize = 64;

impl Core {
    /// A core whose strategy does not act yet. Markets are numbered by their place.
    pub fn new(
        strategy: Box<dyn Strategy>,
        oms: Oms,
        markets: Vec<Market>,
        orders_max: u16,
        silence_max_ns: u64,
        timing: Timing,
    ) -> Self {
        Self {
            strategy,
            oms,
            markets,
            routes: Routes::default(),
            actions: Actions::default(),
            out: Outputs::new(orders_max),
            timers: [0; Action::TIMERS as usize],
            counts: Counts::default(),
            anomalies: Vec::with_capacity(ANOMALIES_KEPT),
            acts: false,
            is_restored: false,
            wanted: false,
            ends: false,
            journal: None,
            has_journal_failed: false,
            start: None,
            differences: Vec::new(),
            written: (GateState::default(), Timestamp(0)),
            mode_reason: ModeReason::Free,
            paper: None,
            answer: 0,
            silence_max_ns,
            tap: None,
            timing,
        }
    }

    /// The strategy sees these instruments as one. To be told before it acts.
    pub fn set_routes(&mut self, routes: Routes) {
        self.routes = routes;
    }

    /// What is sent and heard is written to `journal` from now on.
    pub fn set_journal(&mut self, journal: Journal) {
        self.journal = Some(journal);
    }

    /// All that feeds take is told to `tap` from now on.
    pub fn set_tap(&mut self, tap: Box<dyn Tap>) {
        self.tap = Some(tap);
    }

    /// A feed took something.
    #[inline(always)]
    pub fn tap(&mut self, now: Timestamp, instrument: InstrumentId, what: &Tapped<'_>) {
        if let Some(tap) = &mut self.tap {
            tap.take(now, instrument, what);
        }
    }

    /// Feeds take nothing any more.
    pub fn end_tap(&mut self, now: Timestamp) {
        if let Some(tap) = &mut self.tap {
            tap.end(now);
        }
    }

    /// Why nothing is carried on any more of what feeds take, if so.
    pub fn tap_fault(&mut self) -> Option<String> {
        self.tap.as_mut()?.fault()
    }

    /// Whether the journal could not be written. Nothing but cancels leaves then.
    pub const fn has_journal_failed(&self) -> bool {
        self.has_journal_failed
    }

    /// Why the gate lets through what it does.
    pub const fn mode_reason(&self) -> ModeReason {
        self.mode_reason
    }

    /// Whether the strategy acts.
    pub const fn acts(&self) -> bool {
        self.acts
    }

    /// Orders and positions.
    pub const fn oms(&self) -> &Oms {
        &self.oms
    }

    /// The same, to change them.
    pub const fn oms_mut(&mut self) -> &mut Oms {
        &mut self.oms
    }

    /// The strategy.
    pub fn strategy_mut(&mut self) -> &mut dyn Strategy {
        &mut *self.strategy
    }

    /// What has been counted.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// A market.
    #[inline]
    pub fn market(&self, instrument: InstrumentId) -> Option<&Market> {
        self.markets.get(instrument.0 as usize)
    }

    /// The same, to change its book.
    #[inline]
    pub fn market_mut(&mut self, instrument: InstrumentId) -> Option<&mut Market> {
        self.markets.get_mut(instrument.0 as usize)
    }

    /// All markets.
    pub fn markets(&self) -> &[Market] {
        &self.markets
    }

    /// What should not have happened, since it was asked last.
    pub fn take_anomalies(&mut self, mut take: impl FnMut(Anomaly)) {
        self.anomalies.drain(..).for_each(&mut take);
    }

    /// Hands over what is to be asked of venues.
    #[inline]
    pub fn take_requests(&mut self, now: Timestamp, mut take: impl FnMut(VenueId, &VenueRequest)) {
        let Self { out, oms, journal, counts, has_journal_failed, .. } = self;
        counts.requests += out.requests.len() as u64;
        for (venue, request) in &out.requests {
            if let Some(journal) = journal {
                let tag = request.entered().and_then(|terms| oms.tag(&terms.client_order_id));
                let tag = tag.unwrap_or_default();
                if journal.sent(now, *venue, tag, request).is_err() {
                    *has_journal_failed = true;
                    // What the next run would not know of does not leave: its silence is asked about.
                    if matches!(
                        request,
                        VenueRequest::New(_)
                            | VenueRequest::NewAdvanced(_)
                            | VenueRequest::Amend { .. }
                            | VenueRequest::CancelReplace { .. }
                    ) {
                        continue;
                    }
                }
            }
            take(*venue, request);
        }
        out.requests.clear();
    }

    /// Whether there is something to ask of venues.
    #[inline]
    pub fn has_requests(&self) -> bool {
        !self.out.requests.is_empty()
    }

    /// A book is whole after an update.
    #[inline]
    pub fn book_changed(&mut self, now: Timestamp, instrument: InstrumentId) {
        let Some(market) = self.markets.get_mut(instrument.0 as usize) else { return };
        market.set_state(MarketState::Live);
        market.heard_at = now;
        if let Some(paper) = &mut self.paper {
            paper.book(now, market);
        }
        let tick = market.tick(now);
        self.ticked(now, &tick);
    }

    /// The best prices are these, and no more is known.
    #[inline]
    pub fn best_changed(&mut self, now: Timestamp, instrument: InstrumentId, best: &BestBidOffer) {
        let Some(market) = self.markets.get_mut(instrument.0 as usize) else { return };
        market.set_state(MarketState::Live);
        market.heard_at = now;
        if let Some(paper) = &mut self.paper {
            paper.best(now, instrument, best);
        }
        let tick = market.tick_of(now, best);
        self.ticked(now, &tick);
    }

    #[inline]
    fn ticked(&mut self, now: Timestamp, tick: &BookTick) {
        let (bid, ask) = (tick.bid().price, tick.ask().price);
        self.oms.gate_mut().touch(now, tick.instrument, bid, ask);
        if !bid.is_zero() && !ask.is_zero() {
            let mid = bid.units() + (ask.units() - bid.units()) / 2;
            self.oms.mark(tick.instrument, Price::from_units(mid));
        }
        let all;
        let tick = if self.routes.is_empty() {
            tick
        } else {
            all = self.routes.book(tick);
            &all
        };
        self.timing.mark(Stage::Book);
        self.counts.books += 1;
        if self.acts {
            self.strategy.on_book(tick, &mut self.actions);
            self.act_on_tick(now);
        }
    }

    /// Somebody has traded.
    #[inline]
    pub fn traded(&mut self, now: Timestamp, instrument: InstrumentId, trade: &MarketTrade) {
        let Some(market) = self.markets.get_mut(instrument.0 as usize) else { return };
        market.last_price = trade.price;
        market.heard_at = now;
        if let Some(paper) = &mut self.paper {
            paper.trade(now, instrument, trade);
        }
        self.oms.gate_mut().traded(instrument, trade.price);
        self.timing.mark(Stage::Book);
        self.counts.trades += 1;
        if self.acts {
            let MarketTrade { trade_id, price, qty, aggressor, .. } = *trade;
            let reserved = [0; 3];
            let instrument = self.routes.first(instrument);
            let tick =
                TradeTick { time: now, trade_id, price, qty, instrument, aggressor, reserved };
            self.strategy.on_trade(&tick, &mut self.actions);
            self.act_on_tick(now);
        }
    }

    /// What is known of a market is of the past. Its orders are cancelled, and the strategy is told.
    pub fn stale(&mut self, now: Timestamp, instrument: InstrumentId) {
        let Some(market) = self.markets.get_mut(instrument.0 as usize) else { return };
        let was_stale = market.state() == MarketState::Stale;
        market.set_state(MarketState::Stale);
        if was_stale {
            return;
        }
        let tick = self.routes.book(&market.tick(now));
        self.tap(now, instrument, &Tapped::Stale);
        // No price to compare with: nothing leaves.
        self.oms.gate_mut().touch(now, instrument, Price::ZERO, Price::ZERO);
        self.oms.cancel_all(now, instrument, &mut self.out);
        if self.acts {
            self.strategy.on_book(&tick, &mut self.actions);
        }
        self.act(now);
    }

    /// A feed is there: nothing may have changed. A market that was only silent is live again.
    pub fn heard(&mut self, now: Timestamp, instrument: InstrumentId) {
        if let Some(market) = self.markets.get_mut(instrument.0 as usize) {
            market.heard_at = now;
            if market.is_only_silent() {
                self.book_changed(now, instrument);
            }
        }
    }

    /// A venue has said something of an order.
    #[inline]
    pub fn report(&mut self, now: Timestamp, venue: VenueId, report: &VenueReport) {
        self.hear(venue, report);
        self.oms.report(now, venue, report, &mut self.out);
        self.act(now);
    }

    #[inline]
    fn hear(&mut self, venue: VenueId, report: &VenueReport) {
        if let Some(journal) = &mut self.journal {
            self.has_journal_failed |= journal.heard(venue, self.answer, report).is_err();
        }
    }

    /// Something was not asked of a venue after all, and is told as refused.
    #[cold]
    pub fn unsent(&mut self, now: Timestamp, venue: VenueId, report: &VenueReport) {
        self.answer = 0;
        self.hear(venue, report);
        self.oms.unsent(now, venue, report, &mut self.out);
        self.act(now);
    }

    /// A venue takes requests.
    pub fn venue_up(&mut self, now: Timestamp, venue: VenueId) {
        self.oms.venue_up(now, venue, &mut self.out);
        self.act(now);
    }

    /// A venue has refused something that was not wrong: it has too much to do, or wants to be left alone.
    #[cold]
    pub fn venue_failed(&mut self, now: Timestamp, venue: VenueId) {
        self.oms.venue_failed(now, venue);
    }

    /// A venue cannot be reached.
    pub fn venue_down(&mut self, now: Timestamp, venue: VenueId) {
        self.oms.venue_down(now, venue, &mut self.out);
        self.act(now);
    }

    /// Time has passed: timers, overdue answers, silent markets, the day's result.
    pub fn tick(&mut self, now: Timestamp) {
        self.oms.tick(now, &mut self.out);
        if self.wanted && !self.acts {
            self.begin_when_clear(now);
        }
        if self.has_journal_failed && self.oms.gate().mode() != Mode::Halted {
            self.halt_because(now, ModeReason::Journal);
        }
        if let Some(result) = self.oms.result() {
            let before = self.oms.gate().mode();
            let mode = self.oms.gate_mut().result(now, result);
            if mode != before {
                self.mode_reason = ModeReason::Loss;
            }
            if mode == Mode::Halted && before != Mode::Halted {
                self.oms.cancel_all(now, InstrumentId::ALL, &mut self.out);
            }
        }
        self.write_gate(now);
        self.cancel_unwanted(now);
        for at in 0..self.markets.len() {
            let market = &self.markets[at];
            let silence_ns = now.0.saturating_sub(market.heard_at.0);
            if market.state() == MarketState::Live && silence_ns > self.silence_max_ns {
                self.stale(now, InstrumentId(at as u32));
                self.markets[at].set_silent();
            }
        }
        for timer in 0..self.timers.len() {
            let at = self.timers[timer];
            if at != 0 && at <= now.0 && self.acts {
                self.timers[timer] = 0;
                let tick = TimerTick { time: now, timer: timer as u64 };
                self.strategy.on_timer(&tick, &mut self.actions);
                self.act(now);
            }
        }
        self.act(now);
        if let Some(tap) = &mut self.tap {
            tap.tick(now, &self.markets);
        }
    }

    /// Cancels what must not be open, however it came to be: a cancel may have been refused, and an order found to be
    /// open that nothing was known of. One whose cancel is on its way is left alone.
    fn cancel_unwanted(&mut self, now: Timestamp) {
        let Self { oms, markets, out, .. } = self;
        if self.ends || oms.gate().mode() == Mode::Halted {
            oms.cancel_what_is_left(now, InstrumentId::ALL, out);
            return;
        }
        for market in markets.iter().filter(|market| market.state() == MarketState::Stale) {
            oms.cancel_what_is_left(now, market.instrument(), out);
        }
    }

    /// Does what the strategy wants, and tells it what comes of that at once.
    #[inline]
    fn act(&mut self, now: Timestamp) {
        for _ in 0..ROUNDS {
            if self.actions.as_slice().is_empty() && self.out.is_quiet() {
                break;
            }
            self.round(now);
        }
        self.counts.dropped_actions += self.actions.as_slice().len() as u64;
        self.actions.clear();
    }

    /// Does what the strategy wants because of a tick.
    #[inline]
    fn act_on_tick(&mut self, now: Timestamp) {
        self.timing.mark(Stage::Strategy);
        if self.actions.as_slice().is_empty() {
            return;
        }
        self.act(now);
        if self.has_requests() {
            self.timing.mark(Stage::Risk);
            self.timing.trades();
        }
    }

    fn round(&mut self, now: Timestamp) {
        let Self { strategy, oms, routes, actions, out, timers, counts, anomalies, start, .. } =
            self;
        let mut wanted = actions.as_slice().iter();
        while let Some(action) = wanted.next() {
            match action.kind {
                // It may wake up later, in the next run.
                ActionKind::SetTimer => {
                    if let Some(timer) = timers.get_mut(action.tag as usize) {
                        *timer = action.at().0;
                    }
                }
                ActionKind::Submit if action.trigger_price != 0 => {
                    routes.submit_advanced(now, None, &[advanced(action)], oms, out);
                }
                ActionKind::SubmitList => {
                    let (list, behind) = list_orders(action, wanted.as_slice());
                    wanted = behind.iter();
                    submit_list(now, action, list, routes, (oms, out));
                }
                ActionKind::Submit => routes.submit(now, &order(action), oms, out),
                ActionKind::Cancel => routes.cancel(now, action.tag, oms, out),
                ActionKind::Replace => {
                    let change = (action.tag, action.price(), action.qty);
                    routes.replace(now, change, oms, out);
                }
                ActionKind::CancelAll => routes.cancel_all(now, action.instrument, oms, out),
            }
        }
        actions.clear();
        for update in &out.updates {
            match update.kind {
                UpdateKind::Filled { .. } => counts.fills += 1,
                UpdateKind::Denied(_) => counts.denied += 1,
                _ => {}
            }
            for update in routes.told(update).iter().flatten() {
                if self.acts || self.ends {
                    strategy.on_order(&told(now, (oms, routes), update), actions);
                }
            }
        }
        out.updates.clear();
        for anomaly in out.anomalies.drain(..) {
            // What venues list tells of it.
            if let (Anomaly::Stray { order }, Some(start)) = (&anomaly, &mut *start) {
                start.is_heard_of(*order, now);
                continue;
            }
            counts.anomalies += 1;
            if anomalies.len() < ANOMALIES_KEPT {
                anomalies.push(anomaly);
            }
        }
    }
}

const fn order(action: &Action) -> NewOrder {
    NewOrder {
        tag: action.tag,
        instrument: action.instrument,
        side: action.side,
        kind: action.order_kind,
        time_in_force: action.time_in_force,
        price: action.price(),
        qty: action.qty,
    }
}

const fn advanced(action: &Action) -> AdvancedOrder {
    AdvancedOrder { order: order(action), trigger_price: action.trigger_price() }
}

/// The orders behind the head of a list, and what is behind those. Without a kind, or where not as many orders follow, all
/// that could be meant are taken: none of them is entered alone.
fn list_orders<'a>(head: &Action, behind: &'a [Action]) -> (&'a [Action], &'a [Action]) {
    let most = head.list_kind().map_or(LIST_ORDERS_MAX, ListKind::orders);
    let orders = behind.iter().take(most);
    behind.split_at(orders.take_while(|action| action.kind == ActionKind::Submit).count())
}

/// Enters a list, or tells of each of its orders why not.
#[cold]
fn submit_list(
    now: Timestamp,
    head: &Action,
    list: &[Action],
    routes: &Routes,
    (oms, out): (&mut Oms, &mut Outputs),
) {
    let mut orders = [advanced(head); LIST_ORDERS_MAX];
    for (place, action) in orders.iter_mut().zip(list) {
        *place = advanced(action);
    }
    let orders = orders.get(..list.len()).unwrap_or_default();
    match head.list_kind() {
        Some(kind) => routes.submit_advanced(now, Some(kind), orders, oms, out),
        None => oms.deny(orders, Denial::Terms, out),
    }
}

/// An update as a strategy is told of it.
fn told(now: Timestamp, (oms, routes): (&Oms, &Routes), update: &Update) -> OrderUpdate {
    let (mut fill_price, mut fill_qty, mut reason) = (Price::ZERO, Qty::ZERO, 0);
    let kind = match update.kind {
        UpdateKind::Denied(denial) => {
            reason = denial.code();
            OrderUpdateKind::Denied
        }
        UpdateKind::Filled { price, qty } => {
            (fill_price, fill_qty) = (price, qty);
            OrderUpdateKind::Filled
        }
        UpdateKind::Accepted => OrderUpdateKind::Accepted,
        UpdateKind::Rejected => OrderUpdateKind::Rejected,
        UpdateKind::Cancelled => OrderUpdateKind::Cancelled,
        UpdateKind::Expired => OrderUpdateKind::Expired,
        UpdateKind::Replaced => OrderUpdateKind::Replaced,
        UpdateKind::CancelRejected => OrderUpdateKind::CancelRejected,
        UpdateKind::ReplaceRejected => OrderUpdateKind::ReplaceRejected,
        UpdateKind::Unknown => OrderUpdateKind::Unknown,
        UpdateKind::Found => OrderUpdateKind::Found,
    };
    OrderUpdate {
        time: now,
        tag: update.tag,
        instrument: update.instrument,
        kind,
        side: update.side,
        reason,
        price: update.price,
        qty: update.qty,
        open_qty: update.open_qty,
        fill_price,
        fill_qty,
        position: owned(oms, routes, update.instrument),
        reserved: 0,
    }
}

/// What is owned of what the strategy calls an instrument, in units of a quantity, towards zero.
fn owned(oms: &Oms, routes: &Routes, instrument: InstrumentId) -> i64 {
    const UNIT: i128 = tiercel_types::Money::from_qty(Qty::from_units(1)).units();
    let positions = routes.members(instrument).filter_map(|member| oms.position(member));
    let owned = positions.map(|position| position.owned().units()).sum::<i128>() / UNIT;
    i64::try_from(owned).unwrap_or(if owned < 0 { i64::MIN } else { i64::MAX })
}
