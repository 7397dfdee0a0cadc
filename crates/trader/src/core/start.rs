//! What venues say before the strategy begins: which orders are open there, what has traded of late, what the account
//! has. What differs from what the trader knew is told, and an order of its own is taken over.
//!
//! ```text
//!   nothing of this trader is open --> look(): List, Balances --> clerk --> Core::listed(), Core::balances()
//!        ^                                                          |                 |
//!        +------ it is cancelled, and what it traded counts <-- an order of ours      +--> nothing is: it begins
//! ```
//!
//! The account may have been somebody's before, and others may trade under it: what matters is not what it has, but by
//! how much that differs from what this trader's own trades made of it since the last start.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;
use tiercel_execution::oms::{Adopted, RunId};
use tiercel_execution::order::{Input, OwnOrder, Progress};
use tiercel_execution::venue::{OrderName, OrderTerms, VenueId, VenueReport};
use tiercel_types::{ClientOrderId, InstrumentId, Money, Qty, Timestamp, TradeId};

use super::Core;
use crate::clerk::{Balance, Errand, ListedOrder, Listing};

/// How long until something that did not come is asked for again.
const AGAIN_NS: u64 = 1_000_000_000;
/// So many answers behind each other have to say that trades are numbered anew.
const ANEW_ROUNDS: u8 = 3;
/// Less of an asset, in units of 10^-16, is how venues round.
const ROUNDING: u128 = 200_000_000;
/// Differences that wait to be told, at most.
const DIFFERENCES_MAX: usize = 64;

/// What a venue says and this trader did not know.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Difference {
    /// An order of this trader is open, and its journal does not have it.
    #[error("{} is open and was not known: it is cancelled, and what it traded counts", order.as_str())]
    Open {
        /// Which.
        order: ClientOrderId,
    },
    /// An order of this trader has traded, and its journal does not have it.
    #[error("{} has traded and was not known: it counts", order.as_str())]
    Traded {
        /// Which.
        order: ClientOrderId,
    },
    /// An order that had ended as far as is known is open.
    #[error("{} is open and was told to have ended: it is cancelled", order.as_str())]
    NotEnded {
        /// Which.
        order: ClientOrderId,
    },
    /// Orders of others under the same account.
    #[error("{} open there that this trader has not entered: left alone", plural(*.orders, "order is", "orders are"))]
    Others {
        /// How many.
        orders: usize,
    },
    /// Trades of others under the same account, or of orders whose names are no longer told.
    #[error("{} traded that this trader does not know by name: not counted", plural(*.orders, "order has", "orders have"))]
    OthersTraded {
        /// Of how many orders.
        orders: usize,
    },
    /// More has traded than is looked at.
    #[error("more has traded than is looked at: compare positions")]
    Cut,
    /// Trades have lower numbers than one that is known.
    #[error("trades are numbered anew: none was looked at, compare positions")]
    Anew,
    /// There is more to tell.
    #[error("more differs than is told: compare orders and positions")]
    More,
    /// The account has another amount of an asset than this trader's trades explain.
    #[error("{found} {asset} where {expected} was expected: {}", by(*.found, *.expected))]
    Balance {
        /// Of what.
        asset: Box<str>,
        /// What it should be.
        expected: Money,
        /// What it is.
        found: Money,
    },
}

fn plural(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// What may be the cause.
fn by(found: Money, expected: Money) -> String {
    let (sign, by) = match found.units().checked_sub(expected.units()) {
        Some(by) if by >= 0 => ("+", Money::from_units(by)),
        Some(by) => ("", Money::from_units(by)),
        None => return "by more than can be told".to_owned(),
    };
    format!("{sign}{by}, by deposits, withdrawals, fees, others, or trades that were not heard of")
}

/// Where a difference is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differs {
    /// The venue that says so.
    pub venue: VenueId,
    /// Of which instrument; of an account it is none.
    pub instrument: Option<InstrumentId>,
    /// What it says.
    pub difference: Difference,
}

/// What the account had of an asset beyond what this trader's trades made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remainder {
    /// Where.
    pub venue: VenueId,
    /// Of what.
    pub asset: Box<str>,
    /// How much.
    pub amount: Money,
}

/// An instrument that a venue is asked about.
#[derive(Clone, Debug)]
pub struct Held {
    /// Which.
    pub instrument: InstrumentId,
    /// What is traded.
    pub base: Box<str>,
    /// What is paid with.
    pub quote: Box<str>,
    /// The newest trade that was known at the start.
    pub last_trade: Option<TradeId>,
    /// The newest that the venue tells of.
    newest_trade: Option<TradeId>,
    /// What is there of others was told.
    has_told: bool,
    /// Answers behind each other that say that trades are numbered anew.
    anew: u8,
}

impl Held {
    /// One of which nothing is asked yet.
    pub fn new(
        instrument: InstrumentId,
        (base, quote): (&str, &str),
        last_trade: Option<TradeId>,
    ) -> Self {
        let (base, quote) = (base.into(), quote.into());
        Self { instrument, base, quote, last_trade, newest_trade: None, has_told: false, anew: 0 }
    }
}

/// How far it is with a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It is to be asked, not before that time.
    Wanted(Timestamp),
    /// So many answers are missing.
    Asked(usize),
    /// All of them are there, and nothing of this trader is open.
    Clear,
}

/// A venue that is asked.
#[derive(Debug)]
struct Asked {
    held: Vec<Held>,
    stage: Stage,
    balances: Vec<Balance>,
    /// Of what is asked: answers of others are of before.
    round: u32,
}

impl Asked {
    /// Whether an answer is to what was asked last: one less is missing then.
    fn is_answered(&mut self, round: u32) -> bool {
        let Stage::Asked(missing) = self.stage else { return false };
        if round != self.round {
            return false;
        }
        self.stage = if missing > 1 { Stage::Asked(missing - 1) } else { Stage::Clear };
        true
    }
}

/// What venues are asked before the strategy begins.
#[derive(Debug, Default)]
pub struct Start {
    venues: Vec<Asked>,
    remainders: Vec<Remainder>,
    errands: Vec<(VenueId, Errand)>,
    /// Orders of the run before and those that were taken over: what has traded of them counts.
    known: BTreeMap<ClientOrderId, (VenueId, Adopted)>,
    /// Orders that were told of.
    told: BTreeSet<ClientOrderId>,
    /// Orders that nothing was known of when something was heard of them.
    strays: BTreeSet<ClientOrderId>,
    /// Orders that are open and could not be taken over, and of what: they are cancelled over HTTP.
    not_taken: BTreeMap<ClientOrderId, InstrumentId>,
}

impl Start {
    /// Of venues, by their number, with what is traded there, and what accounts had beyond that at the last start. `known`
    /// are orders of the run before: what has traded of them counts.
    pub fn new<'a>(
        venues: Vec<Vec<Held>>,
        remainders: Vec<Remainder>,
        known: impl Iterator<Item = (VenueId, &'a Adopted)>,
    ) -> Self {
        let asked = |held: Vec<Held>| {
            let stage = if held.is_empty() { Stage::Clear } else { Stage::Wanted(Timestamp(0)) };
            Asked { held, stage, balances: Vec::new(), round: 0 }
        };
        let venues = venues.into_iter().map(asked).collect();
        let known = known.map(|(venue, it)| (it.order.client_order_id, (venue, *it))).collect();
        Self { venues, remainders, known, ..Self::default() }
    }

    /// Asks what is to be asked, but not where orders are open: what is asked there is of before they have ended. Whether
    /// nothing is to be asked.
    fn look(&mut self, now: Timestamp, run: RunId, open: &[InstrumentId]) -> bool {
        for (venue, asked) in (0..).map(VenueId).zip(&mut self.venues) {
            if asked.held.iter().any(|held| open.contains(&held.instrument)) {
                asked.stage = Stage::Wanted(Timestamp(0));
                continue;
            }
            if !matches!(asked.stage, Stage::Wanted(not_before) if not_before <= now) {
                continue;
            }
            asked.round += 1;
            let round = asked.round;
            asked.stage = Stage::Asked(asked.held.len() + 1);
            let list = |held: &Held| {
                let (instrument, after) = (held.instrument, held.last_trade);
                (venue, Errand::List { instrument, after, run, round })
            };
            self.errands.extend(asked.held.iter().map(list));
            self.errands.push((venue, Errand::Balances { round }));
        }
        self.venues.iter().all(|asked| asked.stage == Stage::Clear)
    }

    /// A venue is to be asked again.
    fn again(&mut self, venue: VenueId, not_before: Timestamp) {
        if let Some(asked) = self.venues.get_mut(venue.index()).filter(|it| !it.held.is_empty()) {
            asked.stage = Stage::Wanted(not_before);
        }
    }

    /// Something was heard of an order that is not known. The first time, all venues are to be asked again, a little
    /// later: one of them lists it, unless it has ended without a trade.
    pub(super) fn is_heard_of(&mut self, order: ClientOrderId, now: Timestamp) {
        if !self.strays.insert(order) {
            return;
        }
        let not_before = Timestamp(now.0.saturating_add(AGAIN_NS));
        (0..).map(VenueId).take(self.venues.len()).for_each(|venue| self.again(venue, not_before));
    }

    /// Whether it is the first time that an order is told of.
    fn is_told_first(&mut self, order: ClientOrderId) -> bool {
        self.told.insert(order)
    }

    fn held(&mut self, venue: VenueId, instrument: InstrumentId) -> Option<&mut Held> {
        let asked = self.venues.get_mut(venue.index())?;
        asked.held.iter_mut().find(|held| held.instrument == instrument)
    }

    fn is_answered(&mut self, venue: VenueId, round: u32) -> bool {
        self.venues.get_mut(venue.index()).is_some_and(|asked| asked.is_answered(round))
    }
}

impl Core {
    /// Venues are asked before the strategy begins.
    pub fn set_start(&mut self, start: Start) {
        self.start = Some(Box::new(start));
    }

    /// What is to be asked of venues over HTTP.
    pub fn take_errands(&mut self, mut take: impl FnMut(VenueId, Errand)) {
        let errands = self.start.iter_mut().flat_map(|start| start.errands.drain(..));
        errands.for_each(|(venue, errand)| take(venue, errand));
    }

    /// Orders that a venue lists as open and that could not be taken over.
    pub fn orders_not_taken_over(&self) -> usize {
        self.start.as_ref().map_or(0, |start| start.not_taken.len())
    }

    /// What venues say and was not known, since it was asked last.
    pub fn take_differences(&mut self, take: impl FnMut(Differs)) {
        self.differences.drain(..).for_each(take);
    }

    /// What is open of an instrument, and what has traded of it. What this trader entered and did not know of is taken
    /// over.
    pub fn listed(&mut self, now: Timestamp, venue: VenueId, round: u32, listing: &Listing) {
        let Some(mut start) = self.start.take() else { return };
        if start.is_answered(venue, round) {
            self.compare(now, venue, listing, &mut start);
        }
        self.start = Some(start);
    }

    fn compare(&mut self, now: Timestamp, venue: VenueId, listing: &Listing, start: &mut Start) {
        let (mut others, mut others_traded) = (0, 0);
        let place = (venue, Some(listing.instrument));
        self.answer = 0;
        // What has traded of them by now: their places may be needed for others.
        for (name, (_, adopted)) in &mut start.known {
            if let Some(order) = self.oms.order(name) {
                adopted.order = *order;
            }
        }
        start.not_taken.retain(|_, of| *of != listing.instrument);
        for order in &listing.orders {
            let Some(name) = self.name_of(venue, order, start) else {
                *(if order.is_open { &mut others } else { &mut others_traded }) += 1;
                continue;
            };
            self.compare_order(now, place, (name, order), start);
        }
        let Some(held) = start.held(venue, listing.instrument) else { return };
        held.newest_trade = listing.last_trade;
        held.anew = if listing.is_anew { held.anew.saturating_add(1) } else { 0 };
        let anew = held.anew;
        if !std::mem::replace(&mut held.has_told, true) {
            let told = [
                (others > 0).then_some(Difference::Others { orders: others }),
                (others_traded > 0).then_some(Difference::OthersTraded { orders: others_traded }),
                listing.is_cut.then_some(Difference::Cut),
            ];
            told.into_iter().flatten().for_each(|told| self.differs(place, told));
        }
        match anew {
            0 => {}
            ANEW_ROUNDS => self.differs(place, Difference::Anew),
            // Who answered may be behind.
            1..ANEW_ROUNDS => start.again(venue, Timestamp(now.0.saturating_add(AGAIN_NS))),
            _ => {}
        }
    }

    /// The name by which this trader entered an order; `None`: it is not known that it did.
    fn name_of(&self, venue: VenueId, order: &ListedOrder, start: &Start) -> Option<ClientOrderId> {
        // By its number too: one that was cancelled may have its cancel's name.
        let is_it = |known: &OwnOrder| {
            known.order_id() == order.order_id && known.instrument == order.terms.instrument
        };
        let live = || self.oms.order_numbered(venue, order.order_id).filter(|known| is_it(known));
        let mut known = start.known.values().filter(|(of, _)| *of == venue);
        let mut known = || known.find(|(_, adopted)| is_it(&adopted.order)).map(|it| &it.1.order);
        let own = self.oms.run().own(&order.terms.client_order_id);
        own.or_else(|| live().or_else(&mut known).map(|known| known.client_order_id))
    }

    fn compare_order(
        &mut self,
        now: Timestamp,
        (venue, instrument): (VenueId, Option<InstrumentId>),
        (name, order): (ClientOrderId, &ListedOrder),
        start: &mut Start,
    ) {
        let ListedOrder { terms, is_advanced, order_id, is_open, reports } = order;
        let place = (venue, instrument);
        let is_live = self.oms.live().any(|(_, order)| order.client_order_id == name);
        let mut is_there = self.oms.order(&name).is_some();
        let before = start.known.get(&name).map(|(_, adopted)| *adopted);
        let mut difference = if is_there || before.is_some() {
            let is_open_again = *is_open && !is_live;
            is_open_again.then_some(Difference::NotEnded { order: name })
        } else if *is_open {
            Some(Difference::Open { order: name })
        } else {
            Some(Difference::Traded { order: name })
        };
        let known = before.map_or(Qty::ZERO, |adopted| adopted.order.executed_qty());
        let has_more = reports.iter().any(|report| {
            matches!(
                report.input,
                Input::Filled { after: Progress::Executed(qty), .. }
                | Input::Cancelled(Progress::Executed(qty))
                | Input::Expired(Progress::Executed(qty)) if qty > known
            )
        });
        if !is_there && (*is_open || has_more || before.is_none()) {
            start.again(venue, now);
            // What had traded of one that ended counts already.
            let entered = OrderTerms { client_order_id: name, ..*terms };
            let adopted = before.map_or_else(
                || Adopted::listed(0, &entered, *is_advanced, *order_id),
                |before| before.open_again(),
            );
            is_there = self.take_over(now, venue, &adopted);
            if is_there {
                start.known.insert(name, (venue, adopted));
            }
            difference = difference.or(Some(Difference::Traded { order: name }));
        }
        if let Some(difference) = difference.filter(|_| start.is_told_first(name)) {
            self.differs(place, difference);
        }
        if is_there {
            for report in reports {
                self.report(now, venue, &VenueReport { client_order_id: name, ..*report });
            }
            if let (Some(order), Some((_, known))) =
                (self.oms.order(&name), start.known.get_mut(&name))
            {
                known.order = *order;
            }
        }
        let is_live = self.oms.live().any(|(_, order)| order.client_order_id == name);
        if *is_open && !is_live {
            let (order_id, instrument, side) = (*order_id, terms.instrument, terms.side);
            let name = OrderName { client_order_id: name, order_id, instrument, side };
            start.not_taken.insert(name.client_order_id, instrument);
            start.errands.push((venue, Errand::Cancel(name)));
            start.again(venue, Timestamp(now.0.saturating_add(AGAIN_NS)));
        }
    }

    /// Something differs: so many are told, and then that there are more.
    fn differs(
        &mut self,
        (venue, instrument): (VenueId, Option<InstrumentId>),
        difference: Difference,
    ) {
        let difference = match self.differences.len() {
            0..DIFFERENCES_MAX => difference,
            DIFFERENCES_MAX => Difference::More,
            _ => return,
        };
        self.differences.push(Differs { venue, instrument, difference });
    }

    /// Takes over an order. Whether there is room for it.
    fn take_over(&mut self, now: Timestamp, venue: VenueId, adopted: &Adopted) -> bool {
        if self.adopt(now, adopted).is_err() {
            return false;
        }
        if let Some(journal) = &mut self.journal {
            self.has_journal_failed |= journal.adopted(now, venue, adopted).is_err();
        }
        true
    }

    /// What the account has.
    pub fn balances(&mut self, venue: VenueId, round: u32, balances: Vec<Balance>) {
        let Some(start) = &mut self.start else { return };
        if start.is_answered(venue, round)
            && let Some(asked) = start.venues.get_mut(venue.index())
        {
            asked.balances = balances;
        }
    }

    /// What is open, or what the account has, was asked for and does not come: all of it is asked for again.
    pub fn not_listed(&mut self, now: Timestamp, venue: VenueId, round: u32) {
        if let Some(start) = &mut self.start
            && start.is_answered(venue, round)
        {
            start.again(venue, Timestamp(now.0.saturating_add(AGAIN_NS)));
        }
    }

    /// Whether venues have said all that they are asked at a start, and nothing of this trader is open. Asks what is to be
    /// asked: of venues where nothing is open as far as is known.
    pub(super) fn is_listed(&mut self, now: Timestamp) -> bool {
        let Some(mut start) = self.start.take() else { return true };
        let open: Vec<InstrumentId> = self.oms.live().map(|(_, order)| order.instrument).collect();
        let is_listed = start.look(now, self.oms.run(), &open);
        if is_listed {
            self.conclude(&start);
        } else {
            self.start = Some(start);
        }
        is_listed
    }

    /// Compares what accounts have with what this trader's trades made of what they had, and writes it down for the next
    /// start.
    fn conclude(&mut self, start: &Start) {
        for (venue, asked) in (0..).map(VenueId).zip(&start.venues) {
            let mut assets: Vec<&str> =
                asked.held.iter().flat_map(|held| [&*held.base, &*held.quote]).collect();
            assets.sort_unstable();
            assets.dedup();
            for asset in assets {
                self.compare_balance(venue, asset, asked, &start.remainders);
            }
            for Held { instrument, newest_trade, .. } in &asked.held {
                if let Some(journal) = &mut self.journal {
                    // None at all yet: the next one is the first.
                    let trade = newest_trade.unwrap_or_default();
                    self.has_journal_failed |= journal.last_trade(*instrument, trade).is_err();
                }
            }
        }
    }

    fn compare_balance(
        &mut self,
        venue: VenueId,
        asset: &str,
        asked: &Asked,
        before: &[Remainder],
    ) {
        let found = asked.balances.iter().find(|balance| *balance.asset == *asset);
        let found = found.map_or(Money::ZERO, |balance| balance.total);
        let position =
            |held: &Held| self.oms.position(held.instrument).copied().unwrap_or_default();
        let made = |held: &Held| {
            let owned = (*held.base == *asset).then(|| position(held).owned());
            let cash = (*held.quote == *asset).then(|| position(held).cash()).flatten();
            [owned, cash].into_iter().flatten().map(Money::units).sum::<i128>()
        };
        let made: i128 = asked.held.iter().map(made).sum();
        let Some(amount) = found.units().checked_sub(made).map(Money::from_units) else { return };
        let is_it = |it: &&Remainder| it.venue == venue && *it.asset == *asset;
        let before = before.iter().find(is_it).map(|before| before.amount);
        // Venues tell eight places.
        let is_same = |before: &Money| before.units().abs_diff(amount.units()) < ROUNDING;
        let amount = before.filter(is_same).unwrap_or(amount);
        if let Some(before) = before
            && before != amount
        {
            let expected = Money::from_units(before.units().saturating_add(made));
            let difference = Difference::Balance { asset: asset.into(), expected, found };
            self.differs((venue, None), difference);
        }
        if let Some(journal) = &mut self.journal {
            let remainder = Remainder { venue, asset: asset.into(), amount };
            self.has_journal_failed |= journal.remainder(&remainder).is_err();
        }
    }
}
