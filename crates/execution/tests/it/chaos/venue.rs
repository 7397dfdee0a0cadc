//! A venue: the engine itself with accounts, other participants, what it keeps of the trader's orders, and a log of
//! which the end may be lost.

use std::collections::BTreeMap;

use tiercel_execution::oms::Adopted;
use tiercel_execution::order::{Found, Input, Progress};
use tiercel_execution::position::Fee;
use tiercel_execution::venue::{
    AdvancedTerms, ListPlace, OrderName, OrderTerms, VenueReport, VenueRequest,
};
use tiercel_matching::{Accounts, Engine, EngineConfig};
use tiercel_sim::market::{MAKERS, Market, MarketConfig, TRADERS};
use tiercel_types::command::{
    self, AccountState, AmendOrder, CancelOrder, Command, Deposit, NewAdvancedOrder, NewOrder,
    NewOrderList, SetAccount, StageLeg,
};
use tiercel_types::event::Trade;
use tiercel_types::money::MONEY_ONE;
use tiercel_types::order::{AmendQtyMeaning, ListKind, PendingRule, SelfTradePrevention, Trigger};
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, EndReason, Event, EventBuffer, InstrumentId, Money, OrderId,
    Price, Qty, Side, Timestamp,
};

/// The trader's account, behind those of the other participants.
const TRADER: AccountId = AccountId(MAKERS + TRADERS + 1);
/// In what everything is paid.
const QUOTE: AssetId = AssetId(1);
/// Instruments, numbered from 1.
pub(super) const INSTRUMENTS: u32 = 2;
/// In whole units, of each asset.
const FUNDS: i128 = 1_000_000_000;

const CONFIG: EngineConfig =
    EngineConfig { shard: 0, hash_seed: 7, orders: 256, window_ticks: 1_024 };

/// What the venue keeps of an order of the trader.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) terms: AdvancedTerms,
    /// Of a pair, of which list of the venue's.
    pub(super) pair: Option<u64>,
    pub(super) order_id: OrderId,
    pub(super) price: Price,
    pub(super) qty: Qty,
    pub(super) executed: u64,
    pub(super) fills: Vec<VenueReport>,
    pub(super) stands: Found,
}

impl Kept {
    /// As the venue lists it.
    pub(super) fn listed(&self) -> Adopted {
        let AdvancedTerms { order, trigger_price, list } = &self.terms;
        let is_advanced = list.is_some() || !trigger_price.is_zero();
        Adopted::listed(900 + self.order_id.0 % 1_000, order, is_advanced, self.order_id)
    }
}

/// Of the trader, in one instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Owned {
    /// In units of 10^-16 of the base asset.
    pub(super) base: i128,
    pub(super) fees: i128,
    pub(super) bought: u128,
    pub(super) sold: u128,
}

/// The venue.
pub(super) struct Venue {
    engine: Engine<Accounts>,
    buffer: EventBuffer,
    market: Market,
    setup: Vec<Command>,
    log: Vec<(Timestamp, Command)>,
    /// What is told as how much is left of an order; else as how much has traded.
    tells_open: bool,
    pub(super) orders: BTreeMap<ClientOrderId, Kept>,
    by_order_id: BTreeMap<OrderId, ClientOrderId>,
    pub(super) owned: [Owned; INSTRUMENTS as usize + 1],
    told: Vec<VenueReport>,
    denied: bool,
    /// The orders that the commands of a submission hand in.
    staged: Vec<AdvancedTerms>,
    lists: u64,
}

impl Venue {
    pub(super) fn new(seed: u64, tells_open: bool) -> Self {
        let mut market = Market::new(MarketConfig { seed, instruments: INSTRUMENTS });
        let mut setup = market.setup();
        for command in &mut setup {
            // A rebate in what is bought would make a position larger than what was asked for.
            if let Command::AddInstrument(add) = command {
                add.spec.maker_fee_ppm = 30;
                add.spec.taker_fee_ppm = 110;
            }
        }
        let account = SetAccount {
            account: TRADER,
            trade_group: 0,
            max_open_orders: 0,
            state: AccountState::Active,
            reserved: [0; 3],
        };
        setup.push(account.into());
        for asset in 1..=INSTRUMENTS + 1 {
            let amount = Money::from_units(FUNDS * MONEY_ONE);
            let funding_id = 1_000_000 + u64::from(asset);
            let asset = AssetId(asset);
            setup.push(Deposit { funding_id, account: TRADER, asset, amount }.into());
        }
        let mut venue = Self {
            engine: Engine::new(CONFIG),
            buffer: EventBuffer::with_capacity(256),
            market,
            setup,
            log: Vec::new(),
            tells_open,
            orders: BTreeMap::new(),
            by_order_id: BTreeMap::new(),
            owned: [Owned::default(); INSTRUMENTS as usize + 1],
            told: Vec::new(),
            denied: false,
            staged: Vec::new(),
            lists: 0,
        };
        venue.set_up();
        venue
    }

    fn set_up(&mut self) {
        for command in self.setup.clone() {
            self.run(Timestamp(0), &command, false);
            assert!(!self.denied, "{command:?}");
        }
    }

    /// Commands so far.
    pub(super) fn commands(&self) -> usize {
        self.log.len()
    }

    /// The venue comes again, with so many commands of its log.
    pub(super) fn restart(&mut self, commands: usize) {
        self.log.truncate(commands);
        self.engine = Engine::new(CONFIG);
        self.orders.clear();
        self.by_order_id.clear();
        self.owned = [Owned::default(); INSTRUMENTS as usize + 1];
        self.set_up();
        for (time, command) in self.log.clone() {
            self.run(time, &command, false);
        }
        self.told.clear();
    }

    fn command(&mut self, now: Timestamp, command: Command) {
        self.log.push((now, command));
        self.run(now, &command, true);
    }

    fn run(&mut self, now: Timestamp, command: &Command, is_new: bool) {
        let mut events = Vec::new();
        let sequence = self.engine.sequence() + 1;
        self.engine.apply_all(sequence, now, command, &mut self.buffer, |header, event| {
            events.push((header, event));
        });
        self.denied = false;
        self.stage(command);
        for (header, event) in events {
            if is_new {
                self.market.on_event(&header, &event);
            }
            self.denied |= matches!(event, Event::Denied(_));
            self.take(header.account, header.instrument, &event);
        }
        if matches!(command, Command::NewOrderList(_)) {
            self.staged.clear();
        }
    }

    /// Notes what a command hands in.
    fn stage(&mut self, command: &Command) {
        let (order, terms) = match command {
            Command::NewOrder(order) => (*order, command::OrderTerms::NONE),
            Command::NewAdvancedOrder(new) => (new.order, new.terms),
            Command::StageLeg(leg) => (leg.order, leg.terms),
            _ => return,
        };
        if order.account != TRADER {
            return;
        }
        if !matches!(command, Command::StageLeg(_)) {
            self.staged.clear();
        }
        let NewOrder { client_order_id, instrument, side, kind, .. } = order;
        let NewOrder { time_in_force, price, qty, .. } = order;
        let at = self.staged.len() as u8;
        let list = matches!(command, Command::StageLeg(_)).then_some(ListPlace {
            number: 1,
            kind: ListKind::Oco,
            at,
        });
        let order =
            OrderTerms { client_order_id, instrument, side, kind, time_in_force, price, qty };
        self.staged.push(AdvancedTerms { order, trigger_price: terms.trigger_price, list });
    }

    /// Somebody else does something. What the trader is told of it.
    pub(super) fn step(&mut self, now: Timestamp) -> Vec<VenueReport> {
        let (_, command) = self.market.next_command();
        self.command(now, command);
        std::mem::take(&mut self.told)
    }

    fn take(&mut self, account: AccountId, instrument: InstrumentId, event: &Event) {
        match event {
            Event::ListAccepted(_) => self.lists += 1,
            Event::OrderAccepted(it) if account == TRADER => {
                let client_order_id = it.client_order_id;
                let is_it = |terms: &&AdvancedTerms| terms.order.client_order_id == client_order_id;
                let Some(terms) = self.staged.iter().find(is_it).copied() else {
                    panic!("an order that nobody entered")
                };
                // The last two of a list are a pair, but of two that are of different sides or do not wait.
                let pair = &self.staged[self.staged.len().saturating_sub(2)..];
                let is_pair = terms.list.is_some()
                    && pair.iter().any(is_this(client_order_id))
                    && pair.iter().all(|one| one.order.side == terms.order.side)
                    && pair.iter().any(|one| !one.trigger_price.is_zero());
                let kept = Kept {
                    terms,
                    pair: is_pair.then_some(self.lists),
                    order_id: it.order_id,
                    price: terms.order.price,
                    qty: terms.order.qty,
                    executed: 0,
                    fills: Vec::new(),
                    stands: Found::Working,
                };
                let before = self.orders.insert(client_order_id, kept);
                assert!(before.is_none(), "{} was entered twice", client_order_id.as_str());
                self.by_order_id.insert(it.order_id, client_order_id);
                self.tell(client_order_id, it.order_id, Input::Accepted(it.order_id), Fee::NONE);
            }
            Event::Trade(it) => self.traded(instrument, it),
            Event::SelfTradePrevented(it) => {
                // The gate looks at all but those that wait, or waited.
                let ids = [it.taker_order_id, it.maker_order_id];
                let is_plain = ids.map(|id| {
                    self.kept(id).is_some_and(|kept| {
                        kept.terms.list.is_none() && kept.terms.trigger_price.is_zero()
                    })
                });
                assert_ne!(is_plain, [true; 2], "the trader has met itself");
            }
            Event::OrderAmended(it) => {
                if let Some(kept) = self.kept(it.order_id) {
                    (kept.price, kept.qty) =
                        (it.price, Qty::from_units(kept.executed + it.open_qty.units()));
                    let input = Input::Replaced { price: it.price, open_qty: it.open_qty };
                    self.tell_of(it.order_id, input, Fee::NONE);
                }
            }
            Event::OrderEnded(it) => {
                let tells_open = self.tells_open;
                let Some(kept) = self.kept(it.order_id) else { return };
                let progress = if tells_open {
                    Progress::Open(it.unfilled_qty)
                } else {
                    Progress::Executed(Qty::from_units(kept.executed))
                };
                let (stands, input) = match it.reason {
                    EndReason::Cancelled | EndReason::SelfTrade => {
                        (Found::Cancelled, Input::Cancelled(progress))
                    }
                    // When its time came.
                    EndReason::Rejected => (Found::Rejected, Input::Rejected),
                    _ => (Found::Expired, Input::Expired(progress)),
                };
                kept.stands = stands;
                self.tell_of(it.order_id, input, Fee::NONE);
            }
            _ => {}
        }
    }

    fn traded(&mut self, instrument: InstrumentId, it: &Trade) {
        let sides = [
            (it.taker_order_id, it.taker_open_qty, it.taker_fee, it.taker_side),
            (it.maker_order_id, it.maker_open_qty, it.maker_fee, it.taker_side.opposite()),
        ];
        let both = sides.iter().all(|(order_id, ..)| self.by_order_id.contains_key(order_id));
        assert!(!both, "the trader has traded with itself");
        for (order_id, open_qty, fee, side) in sides {
            let tells_open = self.tells_open;
            let Some(kept) = self.kept(order_id) else { continue };
            kept.executed += it.qty.units();
            if open_qty.is_zero() {
                kept.stands = Found::Filled;
            }
            let after = if tells_open {
                Progress::Open(open_qty)
            } else {
                Progress::Executed(Qty::from_units(kept.executed))
            };
            let Trade { trade_id, price, qty, .. } = *it;
            let input = Input::Filled { trade_id, price, qty, after };
            let (fee, in_base) = match side {
                Side::Buy => (Fee::Base(fee), fee.units()),
                Side::Sell => (Fee::Quote(fee), 0),
            };
            let owned = &mut self.owned[instrument.0 as usize];
            let amount = Money::from_qty(qty).units();
            match side {
                Side::Buy => {
                    owned.base += amount - in_base;
                    owned.bought += amount.unsigned_abs();
                }
                Side::Sell => {
                    owned.base -= amount;
                    owned.sold += amount.unsigned_abs();
                    if let Fee::Quote(fee) = fee {
                        owned.fees += fee.units();
                    }
                }
            }
            self.tell_of(order_id, input, fee);
        }
    }

    fn kept(&mut self, order_id: OrderId) -> Option<&mut Kept> {
        let name = self.by_order_id.get(&order_id)?;
        self.orders.get_mut(name)
    }

    fn tell_of(&mut self, order_id: OrderId, input: Input, fee: Fee) {
        let Some(name) = self.by_order_id.get(&order_id).copied() else { return };
        self.tell(name, order_id, input, fee);
    }

    fn tell(&mut self, name: ClientOrderId, order_id: OrderId, input: Input, fee: Fee) {
        let report = VenueReport { fee, ..VenueReport::new(name, order_id, input) };
        if matches!(input, Input::Filled { .. })
            && let Some(kept) = self.orders.get_mut(&name)
        {
            kept.fills.push(report);
        }
        self.told.push(report);
    }

    /// Does what is asked: what is told of orders, and of the request itself where it was refused.
    pub(super) fn request(
        &mut self,
        now: Timestamp,
        request: &VenueRequest,
        together: &[AdvancedTerms],
    ) -> (Vec<VenueReport>, Vec<VenueReport>) {
        let mut refused = Vec::new();
        match request {
            VenueRequest::New(terms) => self.enter(now, terms, &mut refused),
            VenueRequest::NewAdvanced(_) => self.enter_together(now, together, &mut refused),
            VenueRequest::Cancel(name) => {
                self.cancel(now, name, &mut refused);
            }
            VenueRequest::CancelReplace { name, terms } => {
                if self.cancel(now, name, &mut refused) {
                    self.enter(now, terms, &mut refused);
                } else {
                    refused.push(report(terms.client_order_id, Input::Rejected));
                }
            }
            VenueRequest::Amend { name, price, qty, .. } => {
                let command = AmendOrder {
                    order_id: name.order_id,
                    price: *price,
                    qty: *qty,
                    account: TRADER,
                    client_order_id: name.client_order_id,
                    new_client_order_id: ClientOrderId::EMPTY,
                    qty_meaning: AmendQtyMeaning::Total,
                    lose_priority: 0,
                    reserved: [0; 2],
                };
                self.command(now, command.into());
                if self.denied {
                    refused.push(report(name.client_order_id, Input::ReplaceRejected));
                }
            }
            VenueRequest::Query { .. } => {}
        }
        (std::mem::take(&mut self.told), refused)
    }

    fn enter_together(
        &mut self,
        now: Timestamp,
        together: &[AdvancedTerms],
        refused: &mut Vec<VenueReport>,
    ) {
        let waits = |terms: &AdvancedTerms| command::OrderTerms {
            trigger_price: terms.trigger_price,
            trigger: if terms.trigger_price.is_zero() { Trigger::None } else { Trigger::Stop },
            ..command::OrderTerms::NONE
        };
        for one in together {
            let (order, terms) = (new_order(&one.order), waits(one));
            let command = match one.list {
                Some(_) => StageLeg { order, terms }.into(),
                None => NewAdvancedOrder { order, terms }.into(),
            };
            self.command(now, command);
        }
        if let Some(ListPlace { kind, .. }) = together[0].list {
            let list = NewOrderList {
                instrument: together[0].order.instrument,
                account: TRADER,
                list_client_order_id: ClientOrderId::EMPTY,
                kind,
                pending_rule: PendingRule::FullFill,
                reserved: [0; 2],
            };
            self.command(now, list.into());
        }
        if self.denied {
            for one in together {
                refused.push(report(one.order.client_order_id, Input::Rejected));
            }
        }
    }

    fn enter(&mut self, now: Timestamp, terms: &OrderTerms, refused: &mut Vec<VenueReport>) {
        self.command(now, new_order(terms).into());
        if self.denied {
            refused.push(report(terms.client_order_id, Input::Rejected));
        }
    }

    fn cancel(&mut self, now: Timestamp, name: &OrderName, refused: &mut Vec<VenueReport>) -> bool {
        let command = CancelOrder {
            order_id: name.order_id,
            account: TRADER,
            client_order_id: if name.order_id.is_none() {
                name.client_order_id
            } else {
                ClientOrderId::EMPTY
            },
        };
        self.command(now, command.into());
        if self.denied {
            refused.push(report(name.client_order_id, Input::CancelRejected));
        }
        !self.denied
    }

    /// The fills of an order behind so much of it.
    pub(super) fn fills(&self, name: &ClientOrderId, known: Qty) -> Vec<VenueReport> {
        let Some(kept) = self.orders.get(name) else { return Vec::new() };
        let mut executed = 0;
        let mut fills = Vec::new();
        for fill in &kept.fills {
            let Input::Filled { trade_id, price, qty, .. } = fill.input else { continue };
            executed += qty.units();
            if executed > known.units() {
                let after = Progress::Executed(Qty::from_units(executed));
                let input = Input::Filled { trade_id, price, qty, after };
                fills.push(VenueReport { input, ..*fill });
            }
        }
        fills
    }

    /// Where an order stands.
    pub(super) fn status(&self, name: &ClientOrderId, question: u64) -> VenueReport {
        let Some(kept) = self.orders.get(name) else {
            let (price, qty, executed_qty) = (Price::ZERO, Qty::ZERO, Qty::ZERO);
            let input = Input::Status { found: Found::Nothing, executed_qty, price, qty };
            return VenueReport::answer(*name, OrderId::NONE, question, input);
        };
        let executed_qty = Qty::from_units(kept.executed);
        let Kept { price, qty, stands, .. } = *kept;
        let input = Input::Status { found: stands, executed_qty, price, qty };
        VenueReport::answer(*name, kept.order_id, question, input)
    }

    /// The trader's orders that may trade.
    pub(super) fn live(&self) -> impl Iterator<Item = &Kept> {
        self.orders.values().filter(|kept| kept.stands == Found::Working)
    }

    pub(super) fn best(&self, instrument: InstrumentId, side: Side) -> Option<Price> {
        self.engine.best(instrument, side).map(|level| level.price)
    }

    pub(super) fn terms(&self, instrument: InstrumentId) -> (Price, Qty) {
        self.engine.spec(instrument).map(|spec| (spec.tick, spec.lot)).unwrap()
    }

    /// By how much the trader's funds have changed: of the quote asset, and of each base asset.
    pub(super) fn funds(&self) -> (i128, Vec<i128>) {
        let of = |asset| {
            let (free, reserved) = self.engine.balance(TRADER, asset).unwrap();
            free.units() + reserved.units() - FUNDS * MONEY_ONE
        };
        (of(QUOTE), (1..=INSTRUMENTS).map(|number| of(AssetId(number + 1))).collect())
    }
}

fn is_this(name: ClientOrderId) -> impl Fn(&AdvancedTerms) -> bool {
    move |terms| terms.order.client_order_id == name
}

fn new_order(terms: &OrderTerms) -> NewOrder {
    NewOrder {
        kind: terms.kind,
        time_in_force: terms.time_in_force,
        client_order_id: terms.client_order_id,
        self_trade_prevention: SelfTradePrevention::ExpireTaker,
        ..NewOrder::limit(terms.instrument, TRADER, terms.side, terms.price, terms.qty)
    }
}

fn report(name: ClientOrderId, input: Input) -> VenueReport {
    VenueReport::new(name, OrderId::NONE, input)
}
