//! The reference model of the matching engine: slow, plain, and written from `docs/matching.md`,
//! `docs/waiting.md`, `docs/special-orders.md`, `docs/allocation.md`, `docs/auctions.md` and
//! `docs/protections.md` alone. Property tests hold the engine to it, event for event.
//!
//! It keeps orders in a map by id, levels in maps of price to a queue of ids, and finds everything
//! else by looking at all of them. A rule is a few lines here, in the order of the page; where a
//! rule says "as if the order were gone", the model takes the order out, looks, and puts it back.
//! What is reserved is never counted along: it is worked out from the order, or from both orders of
//! a pair, before and after each change.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a judge of tests: a broken assumption must stop the test at once"
)]

mod allocation;
mod amend;
mod auction;
mod auction_orders;
mod bands;
mod calls;
mod compare;
mod conditions;
mod due;
mod entry;
mod ledger;
mod lists;
mod operator;
mod orders;
mod pending;
mod phases;
mod protections;
mod special;
mod steps;
mod telling;
mod trading;
mod unseen;
mod waiting;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tiercel_types::command::{
    AccountState, NewOrder, OrderTerms, SetAuctionRules, SetMatchingRules, SetProtections,
    StageCondition,
};
use tiercel_types::event::{EventBody, FLAG_LAST, TimeAdvanced};
use tiercel_types::{
    AccountId, AssetCode, AssetId, ClientOrderId, Command, DenialReason, Event, EventHeader,
    InstrumentId, InstrumentSpec, ListId, Money, OrderId, OrderKind, Price, Qty,
    SelfTradePrevention, Side, TimeInForce, Timestamp, Trigger,
};

pub use compare::same_events;

/// Which of the two builds of the engine is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// With accounts and funds.
    Full,
    /// The book alone.
    Bare,
}

/// The events of one command.
pub type Events = Vec<(EventHeader, Event)>;

/// What a check yields: nothing, or why the command is denied.
type Checked<T = ()> = Result<T, DenialReason>;

/// The engine remembers so many trades for busts and corrections.
const TRADES_REMEMBERED: usize = 65_536;
/// The engine remembers so many funding ids.
const FUNDING_IDS_REMEMBERED: usize = 65_536;
/// Orders, corrections and movements of funds are worth less than this, in units of money.
const AMOUNT_LIMIT: i128 = 1 << 100;
/// A deposit or transfer may not lift free funds above this, in units of money.
const FREE_LIMIT: i128 = 1 << 120;

/// Where a live order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It waits for its list, or is just looked at: it reserves nothing.
    Pending,
    /// It waits for its trigger.
    Waiting,
    /// It was triggered; its turn comes.
    Triggered,
    /// Its turn came while its instrument was not open.
    Held,
    /// It waits for its auction.
    Auction,
    /// It is being entered.
    Entering,
    /// It rests in its level.
    Book,
    /// It rests, and nothing of it is displayed.
    Unseen,
}

#[derive(Clone, Debug)]
struct Order {
    id: OrderId,
    /// As it was asked for.
    asked: NewOrder,
    terms: OrderTerms,
    condition: Option<StageCondition>,
    list: Option<ListId>,
    place: Place,
    /// Since when it is live outside the book, and waits for its trigger: counts of
    /// [`Model::waits`].
    outside_since: Option<u64>,
    waiting_since: Option<u64>,
    held_since: Option<u64>,
    /// When it joined the unseen orders: counts of [`Model::joins`].
    joined: u64,
    /// Trailing stop: it tracks with the next print, whichever it is.
    activated: bool,
    /// Trailing stop: the best print since it tracks.
    best: Option<i64>,
    instrument: InstrumentId,
    account: AccountId,
    client_order_id: ClientOrderId,
    side: Side,
    kind: OrderKind,
    time_in_force: TimeInForce,
    self_trade_prevention: SelfTradePrevention,
    /// Limit or protection price; of a market order without one: zero.
    price: i64,
    filled: u64,
    /// Unfilled, hidden part included.
    open: u64,
    /// The visible part of `open`; zero while the order is not in the book.
    displayed: u64,
    /// The iceberg's slice; zero: all is visible.
    display_qty: u64,
    expire_time: u64,
    /// Whether it is the top order of its side.
    top: bool,
}

impl Order {
    /// Whether it has a trigger of its own.
    fn waits(&self) -> bool {
        self.terms.trigger != Trigger::None
    }

    /// As it would be entered now.
    fn as_new(&self) -> NewOrder {
        NewOrder { order_id: self.id, qty: Qty::from_units(self.open), ..self.asked }
    }

    fn hidden(&self) -> u64 {
        self.open - self.displayed
    }

    /// What is visible when the order joins the back of a level.
    fn next_slice(&self) -> u64 {
        if self.display_qty == 0 { self.open } else { self.open.min(self.display_qty) }
    }
}

/// The levels of one side: price to queue, first come first.
type Levels = BTreeMap<i64, VecDeque<OrderId>>;

#[derive(Clone, Debug)]
struct Instrument {
    /// The terms; `spec.state` is the state now.
    spec: InstrumentSpec,
    last_price: Option<i64>,
    trades: u64,
    /// When how much was traded, since that is counted.
    traded: Vec<(u64, u64)>,
    update_id: u64,
    /// Bids, asks.
    levels: [Levels; 2],
    rules: SetMatchingRules,
    auction_rules: SetAuctionRules,
    /// The call that goes on; none: its state is another.
    call: Option<auction::Call>,
    /// The price of the last auction.
    auction_price: Option<i64>,
    protections: SetProtections,
    limits: bands::LimitBands,
    limit_state: Option<bands::LimitState>,
    paused_until: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    trade_group: u32,
    max_open_orders: u32,
    state: AccountState,
}

#[derive(Clone, Copy, Debug, Default)]
struct Balance {
    free: i128,
    reserved: i128,
}

/// The reference model.
#[derive(Clone, Debug)]
pub struct Model {
    mode: Mode,
    shard: u16,
    sequence: u64,
    now: u64,
    events: Events,
    orders_accepted: u64,
    assets: BTreeMap<AssetId, AssetCode>,
    instruments: BTreeMap<InstrumentId, Instrument>,
    accounts: BTreeMap<AccountId, Account>,
    balances: BTreeMap<(AccountId, AssetId), Balance>,
    /// Every live order, in the book, waiting, or just being entered.
    orders: BTreeMap<OrderId, Order>,
    /// Every list of which an order lives.
    lists: BTreeMap<ListId, lists::List>,
    lists_accepted: u64,
    staged: lists::Staging,
    /// Which order of a list is at fault, from 1.
    denied_leg: u8,
    /// Counts what began to wait.
    waits: u64,
    /// Counts what joined the unseen orders.
    joins: u64,
    /// The best displayed prices when the step began: what pegs follow.
    quotes: BTreeMap<InstrumentId, unseen::Quote>,
    /// The first and the last print of the step, and where.
    prints: Option<(InstrumentId, i64, i64)>,
    /// What was triggered and whose turn comes.
    triggered: VecDeque<steps::Turn>,
    /// Whose kill switch is on; all accounts: the venue's.
    killed: BTreeSet<AccountId>,
    countdowns: Vec<protections::Countdown>,
    phases: Vec<phases::Phase>,
    trades: VecDeque<ledger::TradeRecord>,
    funding_ids: BTreeSet<u64>,
    funding_id_forgotten: u64,
}

impl Model {
    /// An empty venue. In full mode the venue's own account exists from the start.
    pub fn new(shard: u16, mode: Mode) -> Self {
        Self {
            mode,
            shard,
            sequence: 0,
            now: 0,
            events: Events::new(),
            orders_accepted: 0,
            assets: BTreeMap::new(),
            instruments: BTreeMap::new(),
            accounts: BTreeMap::new(),
            balances: BTreeMap::new(),
            orders: BTreeMap::new(),
            lists: BTreeMap::new(),
            lists_accepted: 0,
            staged: lists::Staging::default(),
            denied_leg: 0,
            waits: 0,
            joins: 0,
            quotes: BTreeMap::new(),
            prints: None,
            triggered: VecDeque::new(),
            killed: BTreeSet::new(),
            countdowns: Vec::new(),
            phases: Vec::new(),
            trades: VecDeque::new(),
            funding_ids: BTreeSet::new(),
            funding_id_forgotten: 0,
        }
    }

    /// Runs a command and returns its events. The headers' `length` is left zero: how events are
    /// encoded is no matter of the model's.
    pub fn apply(&mut self, sequence: u64, time: Timestamp, command: &Command) -> Events {
        self.sequence = sequence;
        self.now = self.now.max(time.0);
        self.denied_leg = 0;
        // Only a command of the same list leaves standing what was staged before it.
        let staged = std::mem::take(&mut self.staged);
        self.run_due();
        self.begin_step();
        let outcome = self.check_venue_switch(command).and_then(|()| self.run(command, staged));
        if let Err(reason) = outcome {
            self.deny(command, reason);
        }
        self.run_triggered();
        self.tell_indications();
        self.look_at_limits();
        let mut events = std::mem::take(&mut self.events);
        events.last_mut().expect("a command has run and said nothing").0.flags = FLAG_LAST;
        events
    }

    fn run(&mut self, command: &Command, staged: lists::Staging) -> Checked {
        match command {
            Command::NewOrder(new) => self.new_order(new),
            Command::NewAdvancedOrder(new) => self.new_advanced_order(new, &staged),
            Command::StageCondition(stage) => self.stage_condition(stage, staged),
            Command::StageLeg(stage) => self.stage_leg(stage, staged),
            Command::NewOrderList(new) => self.new_order_list(new, staged),
            Command::CancelOrder(cancel) => self.cancel_order(cancel),
            Command::ReplaceOrder(replace) => self.replace_order(replace),
            Command::AmendOrder(amend) => self.amend_order(amend),
            Command::MassCancel(mass) => self.mass_cancel(mass),
            Command::QueryOrder(query) => self.query_order(query),
            Command::BustTrade(bust) => self.bust_trade(bust),
            Command::CorrectTrade(correct) => self.correct_trade(correct),
            Command::AddAsset(add) => self.add_asset(add),
            Command::AddInstrument(add) => self.add_instrument(&add.spec),
            Command::UpdateInstrument(update) => self.update_instrument(&update.spec),
            Command::SetInstrumentState(set) => self.set_instrument_state(*set),
            Command::SetMatchingRules(set) => self.set_matching_rules(set),
            Command::SetAuctionRules(set) => self.set_auction_rules(set),
            Command::StartCall(start) => self.start_call(start),
            Command::SetKillSwitch(set) => self.set_kill_switch(*set),
            Command::CancelOnDisconnect(cancel) => self.cancel_on_disconnect(*cancel),
            Command::CountdownCancel(set) => self.countdown_cancel(set),
            Command::SchedulePhase(schedule) => self.schedule_phase(schedule),
            Command::SetProtections(set) => self.set_protections(set),
            Command::SetAccount(set) => self.set_account(set),
            Command::Deposit(deposit) => self.deposit(deposit),
            Command::Withdraw(withdraw) => self.withdraw(withdraw),
            Command::Transfer(transfer) => self.transfer(transfer),
            Command::AdvanceTime(_) => {
                self.emit(InstrumentId(0), AccountId(0), TimeAdvanced::default());
                Ok(())
            }
        }
    }

    fn emit<T: EventBody + Into<Event>>(
        &mut self,
        instrument: InstrumentId,
        account: AccountId,
        event: T,
    ) {
        let header = EventHeader {
            length: 0,
            kind: T::KIND as u8,
            flags: 0,
            index: self.events.len() as u32,
            sequence: self.sequence,
            time_ns: self.now,
            instrument,
            account,
        };
        self.events.push((header, event.into()));
    }
}

/// What `qty` is worth at `price`, in units of money. Any price times any quantity fits.
fn value(price: i64, qty: u64) -> i128 {
    i128::from(price) * i128::from(qty)
}

/// A quantity (10^-8) in units of money (10^-16).
fn money_of_qty(qty: u64) -> i128 {
    i128::from(qty) * 100_000_000
}

/// Whether such orders go to the book. A market order never does, however long it waits.
fn may_rest(kind: OrderKind, time_in_force: TimeInForce) -> bool {
    kind != OrderKind::Market
        && matches!(time_in_force, TimeInForce::Gtc | TimeInForce::Day | TimeInForce::Gtd)
}

/// Whether an order of `side` with this limit takes an opposite `price`.
fn within(side: Side, limit: Option<i64>, price: i64) -> bool {
    match (side, limit) {
        (_, None) => true,
        (Side::Buy, Some(limit)) => price <= limit,
        (Side::Sell, Some(limit)) => price >= limit,
    }
}

/// The book.
impl Model {
    /// An instrument that was checked to exist.
    fn instrument(&self, instrument: InstrumentId) -> &Instrument {
        &self.instruments[&instrument]
    }

    fn instrument_mut(&mut self, instrument: InstrumentId) -> &mut Instrument {
        let found = self.instruments.get_mut(&instrument);
        found.unwrap_or_else(|| panic!("instrument {instrument} was checked, and does not exist"))
    }

    /// An order that lives.
    fn order_mut(&mut self, id: OrderId) -> &mut Order {
        let found = self.orders.get_mut(&id);
        found.unwrap_or_else(|| panic!("order {id} is to be changed, and does not live"))
    }

    fn levels(&self, instrument: InstrumentId, side: Side) -> &Levels {
        &self.instrument(instrument).levels[side.index()]
    }

    fn prices_best_first(&self, instrument: InstrumentId, side: Side) -> Vec<i64> {
        let prices = self.levels(instrument, side).keys().copied();
        match side {
            Side::Buy => prices.rev().collect(),
            Side::Sell => prices.collect(),
        }
    }

    fn best_price(&self, instrument: InstrumentId, side: Side) -> Option<i64> {
        let levels = self.levels(instrument, side);
        match side {
            Side::Buy => levels.last_key_value().map(|(price, _)| *price),
            Side::Sell => levels.first_key_value().map(|(price, _)| *price),
        }
    }

    /// The orders of a side, best level first, each level in queue order.
    fn orders_best_first(&self, instrument: InstrumentId, side: Side) -> Vec<&Order> {
        let levels = self.levels(instrument, side);
        self.prices_best_first(instrument, side)
            .iter()
            .flat_map(|price| levels[price].iter().map(|id| &self.orders[id]))
            .collect()
    }

    /// The displayed quantity of a level; zero where there is none.
    fn level_qty(&self, instrument: InstrumentId, side: Side, price: i64) -> Qty {
        let queue = self.levels(instrument, side).get(&price);
        Qty::from_units(queue.into_iter().flatten().map(|id| self.orders[id].displayed).sum())
    }

    /// Counts one book update.
    fn next_update(&mut self, instrument: InstrumentId) -> u64 {
        let instrument = self.instrument_mut(instrument);
        instrument.update_id += 1;
        instrument.update_id
    }

    /// An order comes to rest, at the back of its level.
    fn join_level(&mut self, id: OrderId) {
        self.queue_up(id);
        self.rank_top(id);
    }

    /// Puts an order at the back of its level.
    fn queue_up(&mut self, id: OrderId) {
        let order = self.order_mut(id);
        order.displayed = order.next_slice();
        order.place = Place::Book;
        let (instrument, side, price) = (order.instrument, order.side, order.price);
        let levels = &mut self.instrument_mut(instrument).levels[side.index()];
        levels.entry(price).or_default().push_back(id);
    }

    /// Takes an order out of its level; returns the place it had in the queue.
    fn leave_level(&mut self, id: OrderId) -> usize {
        let (instrument, side, price) = {
            let order = self.order_mut(id);
            order.displayed = 0;
            order.top = false;
            order.place = Place::Entering;
            (order.instrument, order.side, order.price)
        };
        let levels = &mut self.instrument_mut(instrument).levels[side.index()];
        let queue = levels.get_mut(&price).expect("a resting order has no level at its price");
        let place = queue
            .iter()
            .position(|each| *each == id)
            .expect("a resting order is not in the queue of its level");
        queue.remove(place);
        if queue.is_empty() {
            levels.remove(&price);
        }
        place
    }
}

/// What tests compare.
impl Model {
    /// The best price of a side and its displayed quantity.
    pub fn best(&self, instrument: InstrumentId, side: Side) -> Option<(Price, Qty)> {
        self.depth(instrument, side).first().map(|(price, qty, _)| (*price, *qty))
    }

    /// The levels of a side, best first: price, displayed quantity, number of orders. Empty for an
    /// instrument that does not exist.
    pub fn depth(&self, instrument: InstrumentId, side: Side) -> Vec<(Price, Qty, usize)> {
        if !self.instruments.contains_key(&instrument) {
            return Vec::new();
        }
        let levels = self.levels(instrument, side);
        self.prices_best_first(instrument, side)
            .into_iter()
            .map(|price| {
                let qty = self.level_qty(instrument, side, price);
                (Price::from_units(price), qty, levels[&price].len())
            })
            .collect()
    }

    /// The orders of a level in queue order: id, displayed and hidden quantity.
    pub fn queue(
        &self,
        instrument: InstrumentId,
        side: Side,
        price: Price,
    ) -> Vec<(OrderId, Qty, Qty)> {
        let queue = self.levels(instrument, side).get(&price.units());
        let show = |id: &OrderId| {
            let order = &self.orders[id];
            (*id, Qty::from_units(order.displayed), Qty::from_units(order.hidden()))
        };
        queue.into_iter().flatten().map(show).collect()
    }

    /// What an account has free and reserved of an asset.
    pub fn balance(&self, account: AccountId, asset: AssetId) -> (Money, Money) {
        let balance = self.balances.get(&(account, asset)).copied().unwrap_or_default();
        (Money::from_units(balance.free), Money::from_units(balance.reserved))
    }

    /// Every account that exists, the venue's own (full mode) included.
    pub fn accounts(&self) -> Vec<AccountId> {
        let venue = (self.mode == Mode::Full).then_some(AccountId::VENUE);
        venue.into_iter().chain(self.accounts.keys().copied()).collect()
    }

    /// Every asset that exists.
    pub fn assets(&self) -> Vec<AssetId> {
        self.assets.keys().copied().collect()
    }

    /// Every instrument that exists.
    pub fn instruments(&self) -> Vec<InstrumentId> {
        self.instruments.keys().copied().collect()
    }

    /// How many orders live.
    pub fn live_orders(&self) -> usize {
        self.orders.len()
    }

    /// The price of the instrument's last trade.
    pub fn last_price(&self, instrument: InstrumentId) -> Option<Price> {
        self.instrument(instrument).last_price.map(Price::from_units)
    }

    /// How many trades the instrument had.
    pub fn trade_count(&self, instrument: InstrumentId) -> u64 {
        self.instrument(instrument).trades
    }

    /// The instrument's last book update.
    pub fn update_id(&self, instrument: InstrumentId) -> u64 {
        self.instrument(instrument).update_id
    }
}
