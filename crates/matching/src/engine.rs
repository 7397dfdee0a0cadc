//! The engine: its state, how a command runs, and what may be asked of it.

use tiercel_types::command::{Command, Kind, NewOrder};
use tiercel_types::event::{
    BUFFER_RECORDS_MIN, Denied, Event, EventBuffer, EventHeader, EventRef, TimeAdvanced,
};
use tiercel_types::{
    AccountId, AssetCode, AssetId, ClientOrderId, DenialReason, InstrumentId, InstrumentSpec,
    Money, OrderId, Price, Qty, Side, Timestamp,
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::accounts::Accounts;
use crate::allocation::Round;
use crate::auction::Auctions;
use crate::book::Book;
use crate::end::Ending;
use crate::ledger::Ledger;
use crate::orders::{NONE, Orders};
use crate::protections::Countdowns;
use crate::protections::agenda::Agenda;
use crate::table::{HandleTable, Probe, hash_word};
use crate::taker::Taker;
use crate::timers::Timers;
use crate::waiting::{Touched, Waiting};

/// How an engine is set up. None of it changes what happens, only `shard` shows, in order ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// Which shard this engine is.
    pub shard: u16,
    /// Seeds the hashes of ids that clients choose.
    pub hash_seed: u64,
    /// Live orders to make room for at the start; more are taken as they come.
    pub orders: usize,
    /// Ticks of the window round the touch in which levels are found by indexing: a power of two
    /// from 64 to 262,144. Each side of each instrument takes 32 bytes a tick.
    pub window_ticks: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { shard: 0, hash_seed: 0x5EED_7135_CE1A_11D5, orders: 4096, window_ticks: 8_192 }
    }
}

/// Whether a command is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a command that is not complete has to be resumed"]
pub enum Progress {
    /// It is.
    Done,
    /// The event buffer is full: drain it, clear it, and call [`Engine::resume`].
    More,
}

/// A price level as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Its price.
    pub price: Price,
    /// Its visible quantity.
    pub displayed: Qty,
    /// How many orders wait at it.
    pub orders: u32,
}

/// An order of the displayed book, as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisplayedOrder {
    /// Which order.
    pub order_id: OrderId,
    /// Its price.
    pub price: Price,
    /// What of it is visible.
    pub qty: Qty,
}

/// In the directory: no such instrument.
pub(crate) const NO_BOOK: u32 = u32::MAX;

/// What is left to do of a command that filled the event buffer.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::large_enum_variant, reason = "one of it, inside the engine")]
pub(crate) enum Pending {
    /// Nothing.
    Nothing,
    /// What was due is not all done; then the command runs.
    Due,
    /// An order is trading; if it is new, as it was asked for.
    Taking(Taker, Option<NewOrder>),
    /// Orders are ending.
    Ending(Ending),
    /// An auction takes place.
    Uncrossing,
    /// What it triggered has not all come to its turn.
    Reacting,
}

/// The matching engine: see the [crate's page](crate).
#[derive(Clone, Debug)]
pub struct Engine<L: Ledger> {
    pub(crate) config: EngineConfig,
    /// Where each instrument's book is, by instrument number, or [`NO_BOOK`].
    pub(crate) directory: Vec<u32>,
    pub(crate) books: Vec<Book>,
    pub(crate) orders: Orders,
    pub(crate) ids: HandleTable,
    pub(crate) client_ids: HandleTable,
    pub(crate) timers: Timers,
    pub(crate) ledger: L,
    /// Codes of the assets that are known, by asset number.
    pub(crate) assets: Vec<Option<AssetCode>>,
    pub(crate) time: Timestamp,
    pub(crate) sequence: u64,
    /// Order ids given so far.
    pub(crate) orders_entered: u64,
    pub(crate) pending: Pending,
    /// A command at or after this time finds something due, or orders that wait.
    pub(crate) wake: Timestamp,
    pub(crate) waiting: Waiting,
    /// What comes by itself.
    pub(crate) agenda: Agenda,
    /// The command that comes when all that was due is done.
    pub(crate) deferred: Option<Command>,
    pub(crate) countdowns: Countdowns,
    /// Whether the venue's kill switch is on.
    pub(crate) killed: bool,
    pub(crate) auctions: Auctions,
    /// Books with limit bands, by instrument number.
    pub(crate) limited: Vec<u32>,
    /// Which of them the present command may have changed.
    pub(crate) limits_touched: Touched,
    /// How the level that a taker is at is shared out.
    pub(crate) round: Round,
}

impl<L: Ledger> Engine<L> {
    /// An engine that knows no instrument, asset or account yet.
    ///
    /// # Panics
    /// When `window_ticks` is not a power of two from 64 to 262,144.
    pub fn new(config: EngineConfig) -> Self {
        let window = config.window_ticks;
        assert!(
            window.is_power_of_two() && (64..=crate::bitmap::SLOTS_MAX).contains(&window),
            "window_ticks is a power of two from 64 to 262,144"
        );
        Self {
            config,
            directory: Vec::new(),
            books: Vec::new(),
            orders: Orders::new(config.orders),
            ids: HandleTable::new(config.orders),
            client_ids: HandleTable::new(if L::ENABLED { config.orders } else { 0 }),
            timers: Timers::default(),
            ledger: L::default(),
            assets: Vec::new(),
            time: Timestamp(0),
            sequence: 0,
            orders_entered: 0,
            pending: Pending::Nothing,
            deferred: None,
            wake: Timestamp(u64::MAX),
            waiting: Waiting::default(),
            agenda: Agenda::default(),
            countdowns: Countdowns::default(),
            killed: false,
            auctions: Auctions::default(),
            limited: Vec::new(),
            limits_touched: Touched::Nothing,
            round: Round::default(),
        }
    }

    /// Runs one command: its events are appended to `out`.
    ///
    /// `time` below an earlier one counts as that one. On [`Progress::More`] the command is not
    /// complete, and [`resume`](Self::resume) has to be called until it is.
    ///
    /// # Panics
    /// When the last command is not complete, or `out` has no room for
    /// [`BUFFER_RECORDS_MIN`] records (a cleared buffer always has).
    #[inline(always)]
    pub fn apply(
        &mut self,
        sequence: u64,
        time: Timestamp,
        command: &Command,
        out: &mut EventBuffer,
    ) -> Progress {
        assert!(matches!(self.pending, Pending::Nothing), "the last command is not complete");
        assert!(out.has_room_for(BUFFER_RECORDS_MIN), "the event buffer was not cleared");
        self.sequence = sequence;
        if time > self.time {
            self.time = time;
        }
        out.begin(sequence, self.time);
        let progress = if self.wake <= self.time {
            self.apply_awake(command, out)
        } else {
            self.run(command, out)
        };
        if progress == Progress::More {
            out.expect_more();
        }
        progress
    }

    /// Goes on with a command that filled the event buffer.
    ///
    /// # Panics
    /// When `out` was not cleared.
    pub fn resume(&mut self, out: &mut EventBuffer) -> Progress {
        assert!(out.has_room_for(BUFFER_RECORDS_MIN), "the event buffer was not cleared");
        let progress = match core::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Nothing => return Progress::Done,
            Pending::Due => return self.resume_deferred(out),
            Pending::Taking(mut taker, entered) => self.take(&mut taker, entered.as_ref(), out),
            Pending::Ending(ending) => self.end_orders(ending, out),
            Pending::Uncrossing => self.go_on_uncrossing(out),
            Pending::Reacting => Progress::Done,
        };
        let progress = match progress {
            Progress::Done => self.react(out),
            Progress::More => Progress::More,
        };
        if progress == Progress::Done {
            return self.resume_deferred(out);
        }
        out.expect_more();
        progress
    }

    /// The command that something due came before, if there is one, goes on.
    fn resume_deferred(&mut self, out: &mut EventBuffer) -> Progress {
        let Some(command) = self.deferred.take() else { return Progress::Done };
        let progress = self.apply_awake(&command, out);
        if progress == Progress::More {
            out.expect_more();
        }
        progress
    }

    /// Runs one command to its end, handing each event to `sink`; `out` is left empty.
    #[inline]
    pub fn apply_all(
        &mut self,
        sequence: u64,
        time: Timestamp,
        command: &Command,
        out: &mut EventBuffer,
        mut sink: impl FnMut(EventHeader, Event),
    ) {
        self.apply_each(sequence, time, command, out, |header, event| {
            sink(*header, event.to_event());
        });
    }

    /// As [`apply_all`](Self::apply_all), with the events where they lie: for sinks that count
    /// nanoseconds.
    #[inline]
    pub fn apply_each(
        &mut self,
        sequence: u64,
        time: Timestamp,
        command: &Command,
        out: &mut EventBuffer,
        mut sink: impl FnMut(&EventHeader, EventRef<'_>),
    ) {
        let mut progress = self.apply(sequence, time, command, out);
        loop {
            for (header, event) in out.refs() {
                sink(header, event);
            }
            out.clear();
            if progress == Progress::Done {
                return;
            }
            progress = self.resume(out);
        }
    }

    #[inline(always)]
    pub(crate) fn run(&mut self, command: &Command, out: &mut EventBuffer) -> Progress {
        match command {
            Command::NewOrder(order) => self.new_order(order, out),
            Command::CancelOrder(cancel) => self.cancel_order(cancel, out),
            Command::AmendOrder(amend) => self.amend_order(amend, out),
            Command::ReplaceOrder(replace) => self.replace_order(replace, out),
            _ => self.run_rare(command, out),
        }
    }

    #[inline(never)]
    fn run_rare(&mut self, command: &Command, out: &mut EventBuffer) -> Progress {
        match command {
            Command::MassCancel(cancel) => return self.mass_cancel(cancel, out),
            Command::SetInstrumentState(change) => return self.set_instrument_state(*change, out),
            Command::QueryOrder(query) => self.query_order(query, out),
            Command::BustTrade(bust) => self.bust_trade(bust, out),
            Command::CorrectTrade(correct) => self.correct_trade(correct, out),
            Command::AddAsset(add) => self.add_asset(add, out),
            Command::AddInstrument(add) => self.add_instrument(&add.spec, out),
            Command::UpdateInstrument(update) => self.update_instrument(&update.spec, out),
            Command::SetMatchingRules(rules) => self.set_matching_rules(rules, out),
            Command::SetAuctionRules(rules) => return self.set_auction_rules(rules, out),
            Command::StartCall(start) => return self.start_call(start, out),
            Command::SetAccount(terms) => self.set_account(terms, out),
            Command::Deposit(deposit) => self.deposit(deposit, out),
            Command::Withdraw(withdraw) => self.withdraw(withdraw, out),
            Command::Transfer(transfer) => self.transfer(transfer, out),
            Command::AdvanceTime(_) => {
                out.push(InstrumentId(0), AccountId(0), TimeAdvanced::default());
            }
            Command::NewAdvancedOrder(new) => return self.new_advanced_order(new, out),
            Command::NewOrderList(list) => return self.new_order_list(list, out),
            Command::StageCondition(condition) => self.stage_condition(condition, out),
            Command::StageLeg(leg) => self.stage_leg(leg, out),
            Command::SetKillSwitch(set) => return self.set_kill_switch(*set, out),
            Command::CancelOnDisconnect(cancel) => return self.cancel_on_disconnect(*cancel, out),
            Command::CountdownCancel(set) => self.countdown_cancel(set, out),
            Command::SchedulePhase(phase) => self.schedule_phase(phase, out),
            Command::SetProtections(set) => return self.set_protections(set, out),
            Command::NewOrder(_)
            | Command::CancelOrder(_)
            | Command::AmendOrder(_)
            | Command::ReplaceOrder(_) => unreachable!("dispatched before"),
        }
        Progress::Done
    }

    #[inline(always)]
    pub(crate) fn hash_id(&self, id: OrderId) -> u32 {
        hash_word(id.0, self.config.hash_seed)
    }

    #[inline]
    pub(crate) fn hash_client_id(&self, account: AccountId, id: &ClientOrderId) -> u32 {
        let seed = self.config.hash_seed ^ u64::from(account.0);
        xxh3_64_with_seed(id.padded(), seed) as u32
    }

    /// The live order that a command names, if it is the account's.
    #[inline(always)]
    pub(crate) fn find(
        &self,
        account: AccountId,
        order_id: OrderId,
        client_order_id: &ClientOrderId,
    ) -> Result<u32, DenialReason> {
        if order_id.is_none() {
            let found = self.find_client_id(account, client_order_id);
            return found.ok_or(DenialReason::UnknownOrder);
        }
        match self.probe_id(order_id) {
            Probe::Found { handle, .. } if self.orders.get(handle).account == account => Ok(handle),
            _ => Err(DenialReason::UnknownOrder),
        }
    }

    /// Searches an order by its id.
    #[inline(always)]
    pub(crate) fn probe_id(&self, id: OrderId) -> Probe {
        self.probe_hashed(self.hash_id(id), id)
    }

    /// Searches an order by its id, whose hash is known.
    #[inline(always)]
    pub(crate) fn probe_hashed(&self, hash: u32, id: OrderId) -> Probe {
        self.ids.probe(hash, |handle| self.orders.get(handle).id == id)
    }

    /// The account's live order of this client order id.
    #[inline]
    pub(crate) fn find_client_id(&self, account: AccountId, id: &ClientOrderId) -> Option<u32> {
        if !L::ENABLED || id.is_empty() {
            return None;
        }
        self.client_ids.find(self.hash_client_id(account, id), |handle| {
            self.orders.get(handle).account == account
                && self.orders.extra(handle).client_order_id == *id
        })
    }

    /// The book of an instrument.
    #[inline(always)]
    pub(crate) fn book_of(&self, instrument: InstrumentId) -> Result<u32, DenialReason> {
        match self.directory.get(instrument.0 as usize) {
            Some(&book) if book != NO_BOOK => Ok(book),
            _ => Err(DenialReason::UnknownInstrument),
        }
    }

    #[inline(always)]
    pub(crate) fn book(&self, index: u32) -> &Book {
        &self.books[index as usize]
    }

    #[inline(always)]
    pub(crate) fn book_mut(&mut self, index: u32) -> &mut Book {
        &mut self.books[index as usize]
    }

    fn find_book(&self, instrument: InstrumentId) -> Option<&Book> {
        self.book_of(instrument).ok().map(|index| self.book(index))
    }

    /// The best level of a side.
    pub fn best(&self, instrument: InstrumentId, side: Side) -> Option<Level> {
        self.depth(instrument, side).next()
    }

    /// The levels of a side, best first.
    pub fn depth(&self, instrument: InstrumentId, side: Side) -> impl Iterator<Item = Level> + '_ {
        self.find_book(instrument).into_iter().flat_map(move |book| {
            let ladder = book.ladder(side);
            ladder.keys().filter_map(move |key| {
                let level = ladder.level(key)?;
                Some(Level {
                    price: book.price(ladder.key(key)),
                    displayed: book.qty(level.displayed),
                    orders: level.orders,
                })
            })
        })
    }

    /// The visible quantity at a price of a side; zero if there is none.
    pub fn displayed_at(&self, instrument: InstrumentId, side: Side, price: Price) -> Qty {
        let level = self.find_book(instrument).and_then(|book| {
            let ladder = book.ladder(side);
            let level = ladder.level(ladder.key(book.tick.divide_signed(price.units())?))?;
            Some(book.qty(level.displayed))
        });
        level.unwrap_or(Qty::ZERO)
    }

    /// The displayed orders of a side, best level first, each level in queue order.
    pub fn displayed_orders(
        &self,
        instrument: InstrumentId,
        side: Side,
    ) -> impl Iterator<Item = DisplayedOrder> + '_ {
        self.find_book(instrument).into_iter().flat_map(move |book| {
            let ladder = book.ladder(side);
            let head = |key| ladder.level(key).map(|level| (key, level.head));
            ladder.keys().filter_map(head).flat_map(move |(key, head)| {
                let there = |handle: u32| (handle != NONE).then_some(handle);
                let queue = std::iter::successors(there(head), move |&handle| {
                    there(self.orders.get(handle).next)
                });
                let price = book.price(ladder.key(key));
                queue.map(move |handle| {
                    let order = self.orders.get(handle);
                    DisplayedOrder { order_id: order.id, price, qty: book.qty(order.displayed) }
                })
            })
        })
    }

    /// How many orders are live.
    pub fn live_orders(&self) -> usize {
        self.orders.len()
    }

    /// An instrument's terms and present state.
    pub fn spec(&self, instrument: InstrumentId) -> Option<&InstrumentSpec> {
        self.find_book(instrument).map(|book| &book.spec)
    }

    /// All instruments, by number.
    pub fn instruments(&self) -> impl Iterator<Item = &InstrumentSpec> + '_ {
        self.directory
            .iter()
            .filter(|&&book| book != NO_BOOK)
            .map(|&book| &self.books[book as usize].spec)
    }

    /// All assets with their codes, by number.
    pub fn assets(&self) -> impl Iterator<Item = (AssetId, AssetCode)> + '_ {
        (0..).zip(&self.assets).filter_map(|(number, code)| Some((AssetId(number), (*code)?)))
    }

    /// The price of an instrument's last trade.
    pub fn last_price(&self, instrument: InstrumentId) -> Option<Price> {
        self.find_book(instrument).and_then(|book| book.last_price)
    }

    /// The sequence of the last command.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When something comes by itself: an expiry, a countdown, the end of a call or a pause, a
    /// scheduled phase. A command at that time or later finds it due.
    pub fn next_due(&self) -> Option<Timestamp> {
        let coming = self.agenda.next().map(|due| due.at);
        self.timers.next_time().into_iter().chain(coming).min()
    }

    /// The engine's time.
    pub fn time(&self) -> Timestamp {
        self.time
    }
}

impl Engine<Accounts> {
    /// An account's free and reserved funds in an asset.
    pub fn balance(&self, account: AccountId, asset: AssetId) -> Option<(Money, Money)> {
        if !self.ledger.knows_asset(asset) {
            return None;
        }
        let balance = self.ledger.balance(account, asset)?;
        Some((Money::from_units(balance.free), Money::from_units(balance.reserved)))
    }
}

/// Which command was denied, in the words of its [`Denied`] event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named {
    pub(crate) command: Kind,
    pub(crate) instrument: InstrumentId,
    pub(crate) account: AccountId,
    pub(crate) order_id: OrderId,
    pub(crate) client_order_id: ClientOrderId,
}

impl Named {
    /// A command that names no order.
    pub(crate) const fn plain(command: Kind, instrument: InstrumentId, account: AccountId) -> Self {
        Self {
            command,
            instrument,
            account,
            order_id: OrderId::NONE,
            client_order_id: ClientOrderId::EMPTY,
        }
    }

    /// A command that enters an order.
    pub(crate) const fn entering(command: Kind, order: &NewOrder) -> Self {
        Self {
            command,
            instrument: order.instrument,
            account: order.account,
            order_id: order.order_id,
            client_order_id: order.client_order_id,
        }
    }

    /// Tells that it was denied.
    #[cold]
    #[inline(never)]
    pub(crate) fn deny(self, reason: DenialReason, out: &mut EventBuffer) {
        self.deny_leg(reason, 0, out);
    }

    /// The same, for an order of the list.
    #[cold]
    pub(crate) fn deny_leg(self, reason: DenialReason, leg: u8, out: &mut EventBuffer) {
        out.push(
            self.instrument,
            self.account,
            Denied {
                reason,
                command: self.command,
                leg,
                reserved: [0; 4],
                order_id: self.order_id,
                client_order_id: self.client_order_id,
                reserved_too: [0; 4],
            },
        );
    }
}
