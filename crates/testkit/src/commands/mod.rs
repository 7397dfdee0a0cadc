//! A deterministic generator of interesting commands: a seed and a [`Profile`] give a sequence of
//! commands, whatever the engine, as long as it answers alike.
//!
//! The generator sees the events, so that it can name live orders and trades. Prices lie close to
//! a wandering middle, so that orders meet; some commands are spoilt in one field.
//!
//! ```text
//!   seed, profile -> Generator::next_step -> engine -> events
//!                         ^                              |
//!                         +------ observe ---------------+
//! ```

mod invalid;
mod lists;
mod operator;
mod orders;
mod profile;
mod sessions;
mod setup;
mod special;
mod waiting;

use std::collections::VecDeque;

use tiercel_types::command::{
    AdvanceTime, NewAdvancedOrder, SchedulePhase, SetInstrumentState, StageLeg,
};
use tiercel_types::event::OrderAccepted;
use tiercel_types::{
    AccountId, ClientOrderId, Command, Event, EventHeader, InstrumentId, InstrumentSpec,
    InstrumentState, OrderId, Price, Qty, Side, Timestamp, TradeId,
};

use crate::random::Random;

pub use profile::{Profile, Weights};

/// A command with its time; sequences count the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its time.
    pub time: Timestamp,
    /// The command.
    pub command: Command,
}

/// A live order, as the events told.
#[derive(Clone, Copy, Debug)]
struct Live {
    id: OrderId,
    instrument: InstrumentId,
    account: AccountId,
    side: Side,
    price: i64,
    qty: u64,
    display_qty: Qty,
    client_order_id: ClientOrderId,
}

/// An instrument, as the events told, and where it trades.
#[derive(Clone, Copy, Debug)]
struct Listed {
    /// As it was added: terms vary round these.
    home: InstrumentSpec,
    spec: InstrumentSpec,
    first_middle: i64,
    /// Prices lie round this.
    middle: i64,
}

/// One whole, in units.
const ONE: u64 = 100_000_000;

/// What is remembered of dead orders and done movements of funds.
const REMEMBERED: usize = 64;

/// No iceberg shows more slices than this.
const ICEBERG_SLICES_MAX: u64 = 300;

/// Draws a command of one kind.
type Draw = fn(&mut Generator) -> Command;

/// Makes commands.
#[derive(Clone, Debug)]
pub struct Generator {
    profile: Profile,
    random: Random,
    setup: VecDeque<Command>,
    time: u64,
    next_name: u64,
    instruments: Vec<Listed>,
    live: Vec<Live>,
    entering: Option<Live>,
    /// Orders of the newest list.
    list_orders: [OrderId; 3],
    /// What comes next: commands that go together.
    planned: VecDeque<Command>,
    /// Accounts that are not as they were set up.
    changed_accounts: VecDeque<AccountId>,
    /// Whose kill switch is on.
    killed: Vec<AccountId>,
    /// Phases that were to be scheduled.
    scheduled: VecDeque<SchedulePhase>,
    dead: VecDeque<OrderId>,
    trades: VecDeque<(InstrumentId, TradeId, Price, Qty)>,
    funding_ids: VecDeque<u64>,
    funding_id_max: u64,
}

impl Generator {
    /// A generator that first sets up the venue, and then trades.
    pub fn new(profile: Profile, seed: u64) -> Self {
        Self {
            profile,
            random: Random::new(seed),
            setup: setup::commands(&profile).into(),
            time: 1_000,
            next_name: 0,
            instruments: Vec::new(),
            live: Vec::new(),
            entering: None,
            list_orders: [OrderId::NONE; 3],
            planned: VecDeque::new(),
            changed_accounts: VecDeque::new(),
            killed: Vec::new(),
            scheduled: VecDeque::new(),
            dead: VecDeque::new(),
            trades: VecDeque::new(),
            funding_ids: VecDeque::new(),
            funding_id_max: 0,
        }
    }

    /// From now on the market is of another kind; its instruments and accounts stay.
    pub const fn change_profile(&mut self, profile: Profile) {
        self.profile = profile;
    }

    /// The next command and its time. Its events are to be [`observe`](Self::observe)d before the
    /// next.
    pub fn next_step(&mut self) -> Step {
        if let Some(command) = self.setup.pop_front() {
            return Step { time: Timestamp(self.time), command };
        }
        self.time += match self.random.below(200) {
            0 => 5_000,
            // Volumes go by minutes and days.
            199 if self.profile.weights.advanced > 0 && self.random.one_in(2) => {
                60_000_000_000 * (1 + self.random.below(1_000))
            }
            1..=9 => 200,
            _ => self.random.below(3),
        };
        let mut command = self.planned.pop_front().unwrap_or_else(|| self.draw());
        if self.chance(self.profile.invalid) {
            self.spoil(&mut command);
        }
        if !self.slices_are_bounded(&command) {
            command = AdvanceTime::default().into();
        }
        // The engine's time never goes back, whatever a command says.
        let back = if self.random.one_in(1_000) { self.random.below(500) } else { 0 };
        Step { time: Timestamp(self.time - back), command }
    }

    /// A huge iceberg with tiny slices trades for ever: no command makes one.
    fn slices_are_bounded(&self, command: &Command) -> bool {
        let bounded = |qty: Qty, slice: Qty| {
            slice.is_zero() || qty.units() / slice.units() <= ICEBERG_SLICES_MAX
        };
        match command {
            Command::NewOrder(order)
            | Command::NewAdvancedOrder(NewAdvancedOrder { order, .. })
            | Command::StageLeg(StageLeg { order, .. }) => bounded(order.qty, order.display_qty),
            Command::ReplaceOrder(replace) => bounded(replace.order.qty, replace.order.display_qty),
            Command::AmendOrder(amend) => {
                let named = |order: &&Live| {
                    let id = &order.client_order_id;
                    order.id == amend.order_id || (!id.is_empty() && *id == amend.client_order_id)
                };
                self.live.iter().filter(named).all(|order| bounded(amend.qty, order.display_qty))
            }
            _ => true,
        }
    }

    /// True so many times in a thousand.
    fn chance(&mut self, per_thousand: u64) -> bool {
        self.random.below(1_000) < per_thousand
    }

    fn draw(&mut self) -> Command {
        if let Some(command) = self.repair() {
            return command;
        }
        let w = self.profile.weights;
        // A crowded book is thinned out.
        let cancel =
            if self.live.len() > self.profile.live_orders { w.new_order } else { w.cancel };
        let table: [(u64, Draw); 24] = [
            (w.new_order, |g| g.new_order().into()),
            (cancel, |g| g.cancel_order().into()),
            (w.replace, |g| g.replace_order().into()),
            (w.amend, |g| g.amend_order().into()),
            (w.mass_cancel, |g| g.mass_cancel().into()),
            (w.query, |g| g.query_order().into()),
            (w.bust, |g| g.bust_trade().into()),
            (w.correct, |g| g.correct_trade().into()),
            (w.list, Self::list),
            (w.update, |g| g.update_instrument().into()),
            (w.state, |g| g.set_state().into()),
            (w.account, |g| g.set_account().into()),
            (w.funds, Self::move_funds),
            (w.time, |_| AdvanceTime::default().into()),
            (w.advanced, Self::advanced_order),
            (w.order_list, Self::order_list),
            (w.rules, |g| g.set_matching_rules().into()),
            (w.special, Self::special_order),
            (w.call, Self::call),
            (w.auction_order, Self::auction_order),
            (w.auction_rules, |g| g.set_auction_rules().into()),
            (w.switch, Self::switch),
            (w.schedule, |g| g.schedule().into()),
            (w.protections, |g| g.set_protections().into()),
        ];
        let mut drawn = self.random.below(table.iter().map(|(weight, _)| weight).sum());
        for (weight, make) in table {
            if drawn < weight {
                return make(self);
            }
            drawn -= weight;
        }
        AdvanceTime::default().into()
    }

    /// An instrument that does not trade soon does again, and so does an account that may not.
    fn repair(&mut self) -> Option<Command> {
        if let Some(off) = self.switch_off() {
            return Some(off);
        }
        if !self.random.one_in(40) {
            return None;
        }
        let shut = self.instruments.iter().find(|each| each.spec.state != InstrumentState::Open);
        if let Some(Listed { spec, .. }) = shut {
            let (instrument, state) = (spec.instrument, InstrumentState::Open);
            return Some(SetInstrumentState { instrument, state, reserved: [0; 3] }.into());
        }
        let account = self.changed_accounts.pop_front()?;
        Some(setup::account(account.0).into())
    }

    fn instrument(&mut self) -> Listed {
        *self.random.pick(&self.instruments)
    }

    fn account(&mut self) -> AccountId {
        AccountId(1 + self.random.below(u64::from(setup::ACCOUNTS)) as u32)
    }

    fn side(&mut self) -> Side {
        *self.random.pick(Side::ALL)
    }
}

/// What the generator learns from events.
impl Generator {
    /// Takes note of an event.
    #[allow(clippy::too_many_lines, reason = "a few lines an event")]
    pub fn observe(&mut self, header: &EventHeader, event: &Event) {
        match event {
            Event::OrderAccepted(accepted) => {
                let order = live_order(header, accepted);
                if accepted.resting == 1 || self.list_orders.contains(&order.id) {
                    self.live.push(order);
                } else {
                    self.entering = Some(order);
                }
            }
            Event::OrderRested(rested) => {
                if let Some(order) = self.entering.take_if(|order| order.id == rested.order_id) {
                    self.live.push(order);
                }
            }
            Event::OrderWaiting(waiting) => {
                if let Some(order) = self.entering.take_if(|order| order.id == waiting.order_id) {
                    self.live.push(order);
                }
            }
            Event::ListAccepted(accepted) => self.list_orders = accepted.order_ids,
            Event::OrderAmended(amended) => {
                let Some(mut order) = self.remove(amended.order_id) else { return };
                order.price = amended.price.units();
                order.qty = order.qty.max(amended.open_qty.units());
                order.client_order_id = amended.client_order_id;
                if amended.resting == 1 {
                    self.live.push(order);
                } else {
                    self.entering = Some(order);
                }
            }
            Event::Trade(trade) => {
                // One that waited, or of a list: others are not among the live ones yet.
                if trade.taker_open_qty.is_zero() {
                    self.remove(trade.taker_order_id);
                }
                if trade.maker_open_qty.is_zero() {
                    self.bury(trade.maker_order_id);
                }
                remember(
                    &mut self.trades,
                    (header.instrument, trade.trade_id, trade.price, trade.qty),
                );
            }
            Event::OrderEnded(ended) => self.bury(ended.order_id),
            // A few stay named, to be busted again.
            Event::TradeBusted(busted) if !busted.trade_id.0.is_multiple_of(4) => {
                let busted = (header.instrument, busted.trade_id);
                self.trades.retain(|(instrument, id, ..)| (*instrument, *id) != busted);
            }
            Event::KillSwitchSet(set) => {
                self.killed.retain(|account| *account != header.account);
                if set.on == 1 {
                    self.killed.push(header.account);
                }
            }
            Event::AccountChanged(_) => remember(&mut self.changed_accounts, header.account),
            Event::FundsMoved(moved) => {
                self.funding_id_max = self.funding_id_max.max(moved.funding_id);
                remember(&mut self.funding_ids, moved.funding_id);
            }
            Event::InstrumentAdded(added) => {
                let first = setup::instruments(&self.profile);
                let same = |(spec, _): &&(InstrumentSpec, i64)| spec.tick == added.spec.tick;
                let middle = first.iter().find(same).map_or(first[0].1, |(_, middle)| *middle);
                let (home, spec) = (added.spec, added.spec);
                self.instruments.push(Listed { home, spec, first_middle: middle, middle });
            }
            Event::InstrumentUpdated(updated) => {
                self.listed(header.instrument, |listed| listed.spec = updated.spec);
            }
            Event::InstrumentStateChanged(changed) => {
                self.listed(header.instrument, |listed| listed.spec.state = changed.new);
            }
            _ => {}
        }
    }

    fn listed(&mut self, instrument: InstrumentId, change: impl FnOnce(&mut Listed)) {
        let found = self.instruments.iter_mut().find(|each| each.spec.instrument == instrument);
        if let Some(listed) = found {
            change(listed);
        }
    }

    fn remove(&mut self, id: OrderId) -> Option<Live> {
        let at = self.live.iter().position(|order| order.id == id)?;
        Some(self.live.swap_remove(at))
    }

    fn bury(&mut self, id: OrderId) {
        self.remove(id);
        remember(&mut self.dead, id);
    }
}

/// Keeps the newest few.
fn remember<T>(items: &mut VecDeque<T>, item: T) {
    items.push_back(item);
    if items.len() > REMEMBERED {
        items.pop_front();
    }
}

fn live_order(header: &EventHeader, accepted: &OrderAccepted) -> Live {
    Live {
        id: accepted.order_id,
        instrument: header.instrument,
        account: header.account,
        side: accepted.side,
        price: accepted.price.units(),
        qty: accepted.qty.units(),
        display_qty: accepted.display_qty,
        client_order_id: accepted.client_order_id,
    }
}
