//! The auditor: sees the event stream and nothing else, rebuilds every balance, every live order
//! and the displayed book from it, and says where the stream contradicts itself or the rules.
//!
//! ```text
//!   events --> place in the stream --> order events --> book (levels, queues, update ids)
//!                                  \-> trades, fees, funds --> ledger (free, reserved, outside)
//! ```
//!
//! It shares no code with the model and none with the engine.

mod auctions;
mod book;
mod ends;
mod ladder;
mod ledger;
mod lists;
mod orders;
mod protections;
mod trading;
mod unseen;
mod waiting;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use thiserror::Error;
use tiercel_types::command::Allocation;
use tiercel_types::event::FLAG_LAST;
use tiercel_types::{
    AccountId, AssetId, Event, EventHeader, InstrumentId, InstrumentState, ListId, Money, OrderId,
    Price, Qty, Side, TimeInForce,
};

use crate::model::Mode;
use auctions::Auction;
use book::Book;
use ledger::Ledger;
use lists::{Due, List};
use orders::{Order, Stand};
use protections::Armed;
use unseen::Quote;

/// Where a stream of events is wrong, and how.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("event {sequence}.{index} ({kind}): {what}")]
pub struct AuditError {
    /// The command's sequence.
    pub sequence: u64,
    /// The event's place in its command.
    pub index: u32,
    /// Which event.
    pub kind: &'static str,
    /// What is wrong.
    pub what: String,
}

/// What one rule says of one event.
type Verdict = Result<(), String>;

/// Fails with a message unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($message:tt)+) => {
        if !$holds {
            return Err(format!($($message)+));
        }
    };
}
use ensure;

/// Fails unless what the event says is what the auditor found.
fn same<T: PartialEq + Copy + core::fmt::Debug>(what: &str, said: T, found: T) -> Verdict {
    ensure!(said == found, "{what} is said to be {said:?}, and is {found:?}");
    Ok(())
}

/// Rebuilds the venue from its events. See the module.
#[derive(Clone, Debug)]
pub struct Auditor {
    mode: Mode,
    /// The newest event's header, once there is one.
    newest: Option<EventHeader>,
    books: BTreeMap<InstrumentId, Book>,
    trade_groups: BTreeMap<AccountId, u32>,
    orders: BTreeMap<OrderId, Order>,
    ledger: Ledger,
    funding_ids: BTreeSet<u64>,
    last_order_id: OrderId,
    /// Every list of which an order lives.
    lists: BTreeMap<ListId, List>,
    last_list_id: ListId,
    /// The order that was taken by the event before.
    fresh: Option<OrderId>,
    /// The order that was asked for by the event before, if it does not rest.
    asked: Option<OrderId>,
    /// What lists make happen next, in this order.
    due: VecDeque<Due>,
    /// Lists of which orders ended because another is triggered, which is still to come.
    owing: BTreeSet<ListId>,
    /// The trades of the command.
    prints: Vec<(InstrumentId, i64)>,
    /// The order that was taken or amended and neither rests nor ended yet.
    entering: Option<OrderId>,
    /// The iceberg that shows its next slice with the next event.
    replenishing: Option<OrderId>,
    /// Orders that self-trade prevention ends within this command.
    ending: BTreeSet<OrderId>,
    /// Orders that ended because many do.
    mass_cancelled: u64,
    /// How many orders joined the unseen ones.
    joins: u64,
    /// The best displayed prices of the command, from its start on.
    quotes: BTreeMap<InstrumentId, Vec<Quote>>,
    /// The instruments that opened in this command.
    opened: BTreeSet<InstrumentId>,
    /// The instruments whose trading was interrupted in this command.
    interrupted: BTreeSet<InstrumentId>,
    /// The auction that takes place.
    auction: Option<Auction>,
    /// Whose kill switch is on; all accounts: the venue's.
    killed: BTreeSet<AccountId>,
    armed: Armed,
    /// The command was denied, and did nothing before.
    denied: bool,
    /// Counts orders that were taken.
    accepted: u64,
}

impl Auditor {
    /// An auditor of a stream from its first event on.
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            newest: None,
            books: BTreeMap::new(),
            trade_groups: BTreeMap::new(),
            orders: BTreeMap::new(),
            ledger: Ledger::default(),
            funding_ids: BTreeSet::new(),
            last_order_id: OrderId::NONE,
            lists: BTreeMap::new(),
            last_list_id: ListId(0),
            fresh: None,
            asked: None,
            due: VecDeque::new(),
            owing: BTreeSet::new(),
            prints: Vec::new(),
            entering: None,
            replenishing: None,
            ending: BTreeSet::new(),
            mass_cancelled: 0,
            joins: 0,
            quotes: BTreeMap::new(),
            opened: BTreeSet::new(),
            interrupted: BTreeSet::new(),
            auction: None,
            killed: BTreeSet::new(),
            armed: Armed::default(),
            denied: false,
            accepted: 0,
        }
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// [`AuditError`] when the event cannot follow what came before. The auditor is of no use
    /// after that.
    pub fn observe(&mut self, header: &EventHeader, event: &Event) -> Result<(), AuditError> {
        let verdict = self
            .check_place(header, event)
            .and_then(|()| self.take(header, event))
            .map(|()| self.note_quote(header.instrument))
            .and_then(|()| if header.is_last() { self.end_command() } else { Ok(()) });
        self.newest = Some(*header);
        verdict.map_err(|what| AuditError {
            sequence: header.sequence,
            index: header.index,
            kind: event.kind().as_str(),
            what,
        })
    }

    /// Sequences run on, indices count within a command, time never decreases.
    fn check_place(&self, header: &EventHeader, event: &Event) -> Verdict {
        same("the kind", header.kind, event.kind() as u8)?;
        ensure!(header.flags & !FLAG_LAST == 0, "unknown flags {:#x}", header.flags);
        let Some(newest) = &self.newest else {
            return same("the first index", header.index, 0);
        };
        ensure!(header.time_ns >= newest.time_ns, "time goes back from {} ns", newest.time_ns);
        if newest.is_last() {
            same("the sequence", header.sequence, newest.sequence + 1)?;
            return same("the index", header.index, 0);
        }
        same("the sequence", header.sequence, newest.sequence)?;
        same("the time", header.time_ns, newest.time_ns)?;
        same("the index", header.index, newest.index + 1)
    }

    #[allow(clippy::too_many_lines, reason = "one line an event")]
    fn take(&mut self, header: &EventHeader, event: &Event) -> Verdict {
        self.fresh_enters(event)?;
        // Bands are told right after an auction, before what it does to lists.
        let after_auction = matches!(event, Event::BandsChanged(_)) && self.auction.is_some();
        if !self.due.is_empty() && !after_auction {
            return self.take_due(header, event);
        }
        if let Some(id) = self.replenishing {
            let shows = matches!(event, Event::OrderReplenished(shown) if shown.order_id == id);
            ensure!(shows, "order {id} has to show its next slice first");
        }
        let may_follow = matches!(event, Event::AuctionIndication(_));
        ensure!(may_follow || !self.denied, "a denial is all that a command yields");
        match event {
            Event::OrderAccepted(accepted) => self.order_accepted(header, accepted),
            Event::Trade(trade) if trade.auction == 1 => self.trade_in_auction(header, trade),
            Event::Trade(trade) => self.trade(header, trade),
            Event::OrderRested(rested) => self.order_rested(header, rested),
            Event::OrderReplenished(shown) => self.order_replenished(header, shown),
            Event::OrderEnded(ended) => self.order_ended(header, ended),
            Event::OrderAmended(amended) => self.order_amended(header, amended),
            Event::SelfTradePrevented(prevented) => self.self_trade_prevented(header, prevented),
            Event::OrderStatus(status) => self.order_status(header, status),
            Event::MassCancelDone(done) => {
                same("the number of orders", done.orders, self.mass_cancelled)?;
                self.mass_cancelled = 0;
                self.countdown_done(header);
                Ok(())
            }
            Event::KillSwitchSet(set) => {
                self.kill_switch_set(header, set)?;
                self.mass_cancelled = 0;
                Ok(())
            }
            Event::TradeBusted(busted) => self.ledger.bust(header, busted),
            Event::TradeCorrected(corrected) => self.ledger.correct(header, corrected),
            Event::AccountChanged(changed) => {
                self.trade_groups.insert(header.account, changed.trade_group);
                Ok(())
            }
            Event::FundsMoved(moved) => {
                ensure!(self.funding_ids.insert(moved.funding_id), "the movement was done before");
                self.ledger.move_funds(header, moved)
            }
            Event::FundingRepeated(repeated) => {
                let known = self.funding_ids.contains(&repeated.funding_id);
                ensure!(known, "no movement had the id {}", repeated.funding_id);
                Ok(())
            }
            Event::Denied(_) => {
                // Only what expired before it can set something off, or volumes of a day ago.
                const MINUTE_NS: u64 = 60_000_000_000;
                let before = self.newest.map_or(0, |newest| newest.time_ns / MINUTE_NS);
                let new_minute = header.time_ns / MINUTE_NS != before;
                self.denied = header.index == 0 && !new_minute;
                Ok(())
            }
            Event::OrderWaiting(waiting) => self.order_waiting(header, waiting),
            Event::OrderTriggered(triggered) => self.order_triggered(header, triggered),
            Event::ListAccepted(accepted) => self.list_accepted(header, accepted),
            Event::ListEnded(ended) => Err(format!("list {} is not over", ended.list_id)),
            Event::MatchingRulesSet(set) => {
                self.book_mut(header.instrument)?.shares = set.rules.allocation != Allocation::Fifo;
                Ok(())
            }
            Event::AuctionRulesSet(set) => {
                self.book_mut(header.instrument)?.auction_rules = set.rules;
                Ok(())
            }
            Event::LevelChanged(level) => self.level_changed(header, level),
            Event::AuctionEnded(ended) => self.auction_ended(header, ended),
            Event::AuctionIndication(event) => self.auction_indication(header, event),
            Event::CountdownSet(set) => self.countdown_set(header, *set),
            Event::PhaseScheduled(scheduled) => self.phase_scheduled(header, scheduled),
            Event::ProtectionsSet(set) => self.protections_set(&set.protections),
            Event::InterruptionStarted(event) => self.interruption_started(header, event),
            Event::BandsChanged(changed) => self.bands_changed(header, changed),
            Event::LimitStateChanged(changed) => self.limit_state_changed(header, changed),
            Event::AssetAdded(_) | Event::Staged(_) | Event::TimeAdvanced(_) => Ok(()),
            Event::InstrumentAdded(_)
            | Event::InstrumentUpdated(_)
            | Event::InstrumentStateChanged(_) => self.instrument_event(header, event),
        }
    }

    fn instrument_event(&mut self, header: &EventHeader, event: &Event) -> Verdict {
        let id = header.instrument;
        match event {
            Event::InstrumentAdded(added) => {
                same("the instrument", added.spec.instrument, id)?;
                let steps_fit = added.spec.tick > Price::ZERO && added.spec.lot > Qty::ZERO;
                ensure!(steps_fit, "tick or lot is not above zero");
                let known = self.books.insert(id, Book::new(added.spec)).is_some();
                ensure!(!known, "the instrument exists");
            }
            Event::InstrumentUpdated(updated) => {
                let lives = self.orders.values().any(|order| order.instrument == id);
                let book = self.book_mut(id)?;
                same("the state", updated.spec.state, book.spec.state)?;
                same("the base asset", updated.spec.base, book.spec.base)?;
                same("the quote asset", updated.spec.quote, book.spec.quote)?;
                let steps = (updated.spec.tick, updated.spec.lot);
                let fixed = lives && steps != (book.spec.tick, book.spec.lot);
                ensure!(!fixed, "tick and lot change while orders live");
                book.spec = updated.spec;
            }
            Event::InstrumentStateChanged(changed) => {
                let book = self.book_mut(id)?;
                same("the old state", changed.old, book.spec.state)?;
                let stays = changed.old == changed.new;
                ensure!(!stays || changed.new == InstrumentState::Call, "the state stays");
                book.spec.state = changed.new;
                if changed.new == InstrumentState::Open {
                    self.opened.insert(id);
                }
                self.check_call(header, changed)?;
                self.check_phase(header, changed)?;
                let closes = changed.new == InstrumentState::Closed;
                let day = self.orders.iter().find(|(_, order)| {
                    let today =
                        matches!(order.time_in_force, TimeInForce::Day | TimeInForce::AtClose);
                    order.instrument == id && today
                });
                if let (true, Some((id, _))) = (closes, day) {
                    return Err(format!("order {id} outlives its day"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn book_mut(&mut self, instrument: InstrumentId) -> Result<&mut Book, String> {
        self.books.get_mut(&instrument).ok_or_else(|| format!("no instrument {instrument}"))
    }

    /// Nothing is left half done.
    fn end_command(&mut self) -> Verdict {
        if let Some(id) = self.entering.or(self.replenishing) {
            return Err(format!("the command ends with order {id} neither in the book nor ended"));
        }
        if let Some(id) = self.ending.first() {
            return Err(format!("order {id} had to end by self-trade prevention"));
        }
        (self.mass_cancelled, self.denied) = (0, false);
        ensure!(self.auction.is_none(), "an auction takes place, and the call goes on");
        self.check_protections(self.newest.map_or(0, |newest| newest.time_ns))?;
        self.check_waiting()?;
        self.check_lists()?;
        self.prints.clear();
        self.opened.clear();
        self.interrupted.clear();
        self.forget_quotes();
        self.ledger.check_conservation()
    }

    /// Looks at everything at once: each reservation is what its orders need, no order outlives
    /// its expire time, the levels hold the resting orders and no other. Slower than
    /// [`observe`](Self::observe): for every so many commands.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn verify(&self) -> Result<(), String> {
        let mut reserved: BTreeMap<(AccountId, AssetId), i128> = BTreeMap::new();
        let mut counted: BTreeSet<OrderId> = BTreeSet::new();
        for (id, order) in &self.orders {
            let book = self.books.get(&order.instrument).ok_or("an order without instrument")?;
            same("whether it is in its level", book.holds(*id, order), order.stand == Stand::Book)?;
            let now = self.newest.map_or(0, |newest| newest.time_ns);
            let due = order.time_in_force == TimeInForce::Gtd && order.expire_time <= now;
            ensure!(!due, "order {id} outlives its expire time {}", order.expire_time);
            if self.mode == Mode::Full && !counted.contains(id) {
                let together = self.reserving_together(*id, order);
                let (asset, amount) = self.reserved_by(&together);
                *reserved.entry((order.account, asset)).or_default() += amount;
                counted.extend(together);
            }
        }
        let in_levels: usize = self.books.values().map(Book::orders).sum();
        let resting = self.orders.values().filter(|order| order.stand == Stand::Book).count();
        same("the number of orders in the levels", in_levels, resting)?;
        self.ledger.check_reservations(&reserved)
    }
}

/// What the auditor arrived at.
impl Auditor {
    /// What an account has free and reserved of an asset.
    pub fn balance(&self, account: AccountId, asset: AssetId) -> (Money, Money) {
        let (free, reserved) = self.ledger.balance(account, asset);
        (Money::from_units(free), Money::from_units(reserved))
    }

    /// What came to the venue of an asset from outside, less what left.
    pub fn net_deposits(&self, asset: AssetId) -> Money {
        Money::from_units(self.ledger.net_deposits(asset))
    }

    /// Every account and asset that ever had funds.
    pub fn funded(&self) -> Vec<(AccountId, AssetId)> {
        self.ledger.funded()
    }

    /// The levels of a side, best first: price, displayed quantity, number of orders. Empty for an
    /// instrument that does not exist.
    pub fn depth(&self, instrument: InstrumentId, side: Side) -> Vec<(Price, Qty, usize)> {
        let book = self.books.get(&instrument);
        book.map_or_else(Vec::new, |book| book.depth(side, &self.orders))
    }

    /// What a live order has open, hidden part included.
    pub fn open_qty(&self, order: OrderId) -> Option<Qty> {
        self.orders.get(&order).map(|order| Qty::from_units(order.open))
    }

    /// How many orders live.
    pub fn live_orders(&self) -> usize {
        self.orders.len()
    }
}
