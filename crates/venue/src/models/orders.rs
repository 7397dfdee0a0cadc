//! Orders as their events told them: all that live, and the newest of those that ended.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};

use tiercel_types::event::{
    OrderAccepted, OrderAmended, OrderEnded, OrderTriggered, OrderWaiting, SelfTradePrevented,
    Trade,
};
use tiercel_types::order::{ListKind, PendingRule, WaitState};
use tiercel_types::{
    AccountId, ClientOrderId, EndReason, Event, EventHeader, InstrumentId, ListId, Money, OrderId,
    OrderKind, Peg, Price, Qty, SelfTradePrevention, Side, TimeInForce, Timestamp, Trigger,
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::image::{self, ImageError, ImageReader};
use super::kept::{Forgotten, Kept};
use super::lists::ListView;
use crate::hashing::Chosen;

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(u8)]
pub enum OrderStage {
    /// It was taken, and the rest of its command says what becomes of it.
    Entering = 0,
    /// It waits for the working order of its list.
    Pending = 1,
    /// It waits for its trigger.
    Waiting = 2,
    /// It was triggered and waits for its instrument to open.
    Held = 3,
    /// It waits for its auction.
    Auction = 4,
    /// It rests in the book, displayed or not.
    Resting = 5,
    /// It is filled.
    Filled = 6,
    /// It ended with quantity unfilled: see [`OrderView::end_reason`].
    Ended = 7,
}

impl OrderStage {
    /// Whether the order lives.
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Filled | Self::Ended)
    }
}

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OrderView {
    /// Its id.
    pub order_id: OrderId,
    /// Its list; zero: none.
    pub list_id: ListId,
    /// Its limit or protection price; zero: none.
    pub price: Price,
    /// Its quantity, what was filled and what was prevented included; zero of a market order by
    /// quote amount.
    pub qty: Qty,
    /// Market orders: the quote amount; else zero.
    pub quote_qty: Qty,
    /// Iceberg: its slice; zero: all is visible.
    pub display_qty: Qty,
    /// Good-till-date: when it expires; else zero.
    pub expire_time: Timestamp,
    /// What is open; zero of an order that does not live, and of a market order by quote amount.
    pub open_qty: Qty,
    /// What was filled.
    pub executed_qty: Qty,
    /// What was paid or received for it.
    pub executed_quote: Money,
    /// What self-trade prevention took off it.
    pub prevented_qty: Qty,
    /// Its trigger price; zero: none. Of a trailing stop: the best trade since it tracks.
    pub trigger_price: Price,
    /// Trailing stop: how far behind, as a difference of prices.
    pub trailing_amount: Price,
    /// Trailing stop: the price from which it tracks.
    pub activation_price: Price,
    /// When it was taken.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// Since when it is in the book or trades; zero: it never was.
    pub working_since: Timestamp,
    /// The command that changed it last.
    pub sequence: u64,
    /// Trailing stop: how far behind, in basis points.
    pub trailing_bps: u32,
    /// What it trades.
    pub instrument: InstrumentId,
    /// Whose it is.
    pub account: AccountId,
    /// Which of its account's connections it belongs to; zero: none.
    pub session: u32,
    /// The client's name for it.
    pub client_order_id: ClientOrderId,
    /// Buy or sell.
    pub side: Side,
    /// How it meets the book.
    pub kind: OrderKind,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Its self-trade prevention.
    pub self_trade_prevention: SelfTradePrevention,
    /// Where it stands.
    pub stage: OrderStage,
    /// What it waits for, or waited.
    pub trigger: Trigger,
    /// [`OrderStage::Ended`]: why; else of no meaning.
    pub end_reason: EndReason,
    /// What its price follows.
    pub peg: Peg,
    /// One: it trades in full or not at all.
    pub all_or_none: u8,
    /// One: it is never displayed.
    pub hidden: u8,
    /// [`EndReason::Rejected`]: the number of the [`DenialReason`](tiercel_types::DenialReason).
    pub denial: u16,
}

impl OrderView {
    fn of(header: &EventHeader, order: &OrderAccepted) -> Self {
        let time = Timestamp(header.time_ns);
        let resting = order.resting == 1;
        Self {
            order_id: order.order_id,
            list_id: ListId(0),
            price: order.price,
            qty: order.qty,
            quote_qty: order.quote_qty,
            display_qty: order.display_qty,
            expire_time: order.expire_time,
            open_qty: order.qty,
            executed_qty: Qty::ZERO,
            executed_quote: Money::ZERO,
            prevented_qty: Qty::ZERO,
            trigger_price: Price::ZERO,
            trailing_amount: Price::ZERO,
            activation_price: Price::ZERO,
            created: time,
            updated: time,
            working_since: time,
            sequence: header.sequence,
            trailing_bps: 0,
            instrument: header.instrument,
            account: header.account,
            session: order.session,
            client_order_id: order.client_order_id,
            side: order.side,
            kind: order.kind,
            time_in_force: order.time_in_force,
            self_trade_prevention: order.self_trade_prevention,
            stage: if resting { OrderStage::Resting } else { OrderStage::Entering },
            trigger: Trigger::None,
            end_reason: EndReason::Cancelled,
            peg: order.peg,
            all_or_none: order.all_or_none,
            hidden: order.hidden,
            denial: 0,
        }
    }

    /// Whether it is sized by a quote amount.
    pub const fn is_by_amount(&self) -> bool {
        self.quote_qty.units() != 0
    }

    /// What it keeps reserved if it is alone, of the asset that it gives.
    fn reservation(&self, from_start: bool) -> Money {
        let base = Money::from_qty(self.open_qty);
        let of_limit = match self.side {
            Side::Buy => Money::of(self.price, self.open_qty),
            Side::Sell => base,
        };
        let of_waiting_market = match self.side {
            Side::Buy if self.is_by_amount() => Money::from_units(
                Money::from_qty(self.quote_qty).units() - self.executed_quote.units(),
            ),
            Side::Buy => Money::ZERO,
            Side::Sell => base,
        };
        let market = self.kind == OrderKind::Market;
        match self.stage {
            OrderStage::Pending | OrderStage::Filled | OrderStage::Ended => Money::ZERO,
            OrderStage::Entering if !from_start => Money::ZERO,
            OrderStage::Resting if market => Money::ZERO,
            OrderStage::Waiting | OrderStage::Held | OrderStage::Entering if market => {
                of_waiting_market
            }
            _ => of_limit,
        }
    }
}

/// A client order id of an image.
#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct NameImage {
    order_id: OrderId,
    account: AccountId,
    client_order_id: ClientOrderId,
}

impl NameImage {
    fn of(((account, id), order_id): (&(AccountId, ClientOrderId), &OrderId)) -> Self {
        Self { order_id: *order_id, account: *account, client_order_id: *id }
    }
}

/// All live orders and lists, and of each account the newest that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orders {
    kept: Kept,
    /// The order that was called so last, of those that are kept.
    client_ids: HashMap<(AccountId, ClientOrderId), OrderId, Chosen>,
    lists: BTreeMap<(AccountId, ListId), ListView>,
    ended_lists: BTreeMap<AccountId, VecDeque<ListId>>,
    /// The list whose orders are being accepted.
    announced: Option<ListView>,
    limit: usize,
}

impl Orders {
    /// Keeps `limit` ended orders and lists of each account.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            kept: Kept::new(limit),
            client_ids: HashMap::default(),
            lists: BTreeMap::new(),
            ended_lists: BTreeMap::new(),
            announced: None,
            limit,
        }
    }

    /// An order of an account.
    pub fn get(&self, account: AccountId, order_id: OrderId) -> Option<&OrderView> {
        self.kept.get(account, order_id)
    }

    /// The order that was called so last.
    pub fn by_client_id(&self, account: AccountId, id: &ClientOrderId) -> Option<&OrderView> {
        self.get(account, *self.client_ids.get(&(account, *id))?)
    }

    /// The account's live orders, by id.
    pub fn live(&self, account: AccountId) -> impl Iterator<Item = &OrderView> {
        self.kept.live(account)
    }

    /// All orders of an account that are kept, from `order_id` on, by id.
    pub fn of(
        &self,
        account: AccountId,
        order_id: OrderId,
    ) -> impl DoubleEndedIterator<Item = &OrderView> {
        self.kept.of(account, order_id)
    }

    /// A list of an account.
    pub fn list(&self, account: AccountId, list_id: ListId) -> Option<&ListView> {
        self.lists.get(&(account, list_id))
    }

    /// All lists of an account that are kept, by id.
    pub fn lists(&self, account: AccountId) -> impl DoubleEndedIterator<Item = &ListView> {
        let range = (account, ListId(0))..=(account, ListId(u64::MAX));
        self.lists.range(range).map(|(_, list)| list)
    }

    /// What each live order of the account, or pair of which one cancels the other, keeps reserved:
    /// instrument, side, and how much of what that side gives.
    pub(super) fn reservations(
        &self,
        account: AccountId,
    ) -> impl Iterator<Item = (InstrumentId, Side, Money)> {
        self.live(account).filter_map(move |order| {
            let list = self.list(account, order.list_id);
            let from_start = list.is_some_and(|list| list.kind == ListKind::Oco);
            let own = order.reservation(from_start);
            let exits = list.map_or(&[][..], ListView::exits);
            if !exits.contains(&order.order_id) {
                return Some((order.instrument, order.side, own));
            }
            // The larger of two, told by the first of them that lives.
            let mut live = exits
                .iter()
                .filter_map(|id| self.get(account, *id))
                .filter(|order| order.stage.is_live());
            let first = live.next()?;
            if first.order_id != order.order_id {
                return None;
            }
            let other = live.next().map_or(Money::ZERO, |other| other.reservation(from_start));
            Some((order.instrument, order.side, own.max(other)))
        })
    }

    pub(crate) fn apply(&mut self, header: &EventHeader, event: &Event) {
        match event {
            Event::OrderAccepted(order) => self.accepted(header, order),
            Event::Trade(trade) => self.traded(header, trade),
            Event::OrderRested(rested) => self.change(header, rested.order_id, |order| {
                order.stage = OrderStage::Resting;
                order.price = rested.price;
                order.open_qty = rested.open_qty;
            }),
            Event::OrderEnded(ended) => self.order_ended(header, ended),
            Event::OrderAmended(amended) => self.amended(header, amended),
            Event::OrderWaiting(waiting) => self.waiting(header, waiting),
            Event::OrderTriggered(triggered) => self.triggered(header, triggered),
            Event::SelfTradePrevented(prevented) => self.prevented(header, prevented),
            Event::ListAccepted(list) => {
                let view = ListView::of(header, list);
                self.announced = Some(view);
                self.insert_list(view);
            }
            Event::ListEnded(ended) => self.list_ended(header, ended.list_id),
            _ => {}
        }
        if header.is_last() {
            self.announced = None;
        }
    }

    fn accepted(&mut self, header: &EventHeader, order: &OrderAccepted) {
        let mut view = OrderView::of(header, order);
        if let Some(list) = &self.announced
            && list.account == header.account
            && list.order_ids.contains(&order.order_id)
        {
            view.list_id = list.list_id;
        }
        self.insert(view);
        self.name(view.account, view.client_order_id, view.order_id);
    }

    fn name(&mut self, account: AccountId, id: ClientOrderId, order_id: OrderId) {
        if !id.is_empty() {
            self.client_ids.insert((account, id), order_id);
        }
    }

    /// The order is not called so any more.
    fn unname(&mut self, account: AccountId, id: ClientOrderId, order_id: OrderId) {
        if let Entry::Occupied(named) = self.client_ids.entry((account, id))
            && *named.get() == order_id
        {
            named.remove();
        }
    }

    fn insert(&mut self, view: OrderView) {
        if let Some(forgotten) = self.kept.insert(view) {
            self.forget(&forgotten);
        }
    }

    /// Nobody asks by an order's name any more that is not kept.
    fn forget(&mut self, order: &Forgotten) {
        self.unname(order.account, order.client_order_id, order.order_id);
    }

    fn change(
        &mut self,
        header: &EventHeader,
        order_id: OrderId,
        change: impl FnOnce(&mut OrderView),
    ) {
        self.change_of(header, (header.account, order_id), change);
    }

    fn change_of(
        &mut self,
        header: &EventHeader,
        (account, order_id): (AccountId, OrderId),
        change: impl FnOnce(&mut OrderView),
    ) {
        let forgotten = self.kept.change(account, order_id, |order| {
            change(order);
            order.updated = Timestamp(header.time_ns);
            order.sequence = header.sequence;
        });
        if let Some(forgotten) = forgotten {
            self.forget(&forgotten);
        }
    }

    fn traded(&mut self, header: &EventHeader, trade: &Trade) {
        let value = Money::of(trade.price, trade.qty).units();
        let sides = [
            (header.account, trade.taker_order_id, trade.taker_open_qty),
            (trade.maker_account, trade.maker_order_id, trade.maker_open_qty),
        ];
        for (account, order_id, open_qty) in sides {
            self.change_of(header, (account, order_id), |order| {
                let executed = order.executed_qty.units().saturating_add(trade.qty.units());
                order.executed_qty = Qty::from_units(executed);
                order.executed_quote = Money::from_units(order.executed_quote.units() + value);
                order.open_qty = open_qty;
                if order.open_qty.is_zero() && !order.is_by_amount() {
                    order.stage = OrderStage::Filled;
                }
            });
        }
    }

    fn prevented(&mut self, header: &EventHeader, event: &SelfTradePrevented) {
        let takes =
            matches!(event.action, SelfTradePrevention::Decrement | SelfTradePrevention::Transfer);
        if !takes {
            return;
        }
        let sides = [
            (header.account, event.taker_order_id, event.taker_open_qty),
            (event.maker_account, event.maker_order_id, event.maker_open_qty),
        ];
        for (account, order_id, open_qty) in sides {
            self.change_of(header, (account, order_id), |order| {
                let prevented = order.prevented_qty.units().saturating_add(event.qty.units());
                order.prevented_qty = Qty::from_units(prevented);
                order.open_qty = open_qty;
            });
        }
    }

    fn order_ended(&mut self, header: &EventHeader, ended: &OrderEnded) {
        self.change(header, ended.order_id, |order| {
            if order.stage != OrderStage::Resting && order.stage != OrderStage::Entering {
                order.working_since = Timestamp(0);
            }
            order.stage = OrderStage::Ended;
            order.end_reason = ended.reason;
            order.denial = ended.denial;
            order.open_qty = Qty::ZERO;
        });
    }

    fn amended(&mut self, header: &EventHeader, amended: &OrderAmended) {
        let mut old_name = ClientOrderId::EMPTY;
        self.change(header, amended.order_id, |order| {
            old_name = order.client_order_id;
            order.client_order_id = amended.client_order_id;
            order.price = amended.price;
            order.open_qty = amended.open_qty;
            let parts = [order.executed_qty, order.prevented_qty, amended.open_qty];
            order.qty = Qty::from_units(parts.iter().map(|qty| qty.units()).sum());
            order.stage =
                if amended.resting == 1 { OrderStage::Resting } else { OrderStage::Entering };
        });
        if old_name != amended.client_order_id {
            self.unname(header.account, old_name, amended.order_id);
            self.name(header.account, amended.client_order_id, amended.order_id);
        }
    }

    /// What an order that waits is entered for: if it is to grow with each fill of its list's working
    /// order, what of that is filled.
    fn grown(&self, account: AccountId, waiting: &OrderWaiting) -> Option<Qty> {
        let list = self.list(account, waiting.list_id)?;
        let grows = list.kind != ListKind::Oco
            && list.pending_rule == PendingRule::EachFill
            && list.exits().contains(&waiting.order_id)
            && waiting.state != WaitState::Pending;
        let filled = self.get(account, list.order_ids[0])?.executed_qty;
        (grows && !filled.is_zero()).then_some(filled)
    }

    fn waiting(&mut self, header: &EventHeader, waiting: &OrderWaiting) {
        let grown = self.grown(header.account, waiting);
        self.change(header, waiting.order_id, |order| {
            order.open_qty = grown.map_or(order.open_qty, |filled| filled.min(order.qty));
            order.stage = match waiting.state {
                WaitState::Waiting => OrderStage::Waiting,
                WaitState::Pending => OrderStage::Pending,
                WaitState::Held => OrderStage::Held,
                WaitState::Auction => OrderStage::Auction,
            };
            order.working_since = Timestamp(0);
            order.trigger = waiting.trigger;
            order.trigger_price = waiting.trigger_price;
            order.trailing_amount = waiting.trailing_amount;
            order.activation_price = waiting.activation_price;
            order.trailing_bps = waiting.trailing_bps;
        });
    }

    fn triggered(&mut self, header: &EventHeader, triggered: &OrderTriggered) {
        self.change(header, triggered.order_id, |order| {
            order.stage = OrderStage::Entering;
            order.working_since = Timestamp(header.time_ns);
            order.price = triggered.price;
            order.qty = triggered.qty;
            order.open_qty = triggered.qty;
        });
    }

    fn insert_list(&mut self, view: ListView) {
        self.lists.insert((view.account, view.list_id), view);
    }

    fn list_ended(&mut self, header: &EventHeader, list_id: ListId) {
        if let Some(list) = self.lists.get_mut(&(header.account, list_id)) {
            list.ended = Timestamp(header.time_ns);
            self.keep_ended_list(header.account, list_id);
        }
    }

    fn keep_ended_list(&mut self, account: AccountId, list_id: ListId) {
        let ended = self.ended_lists.entry(account).or_default();
        ended.push_back(list_id);
        if ended.len() > self.limit
            && let Some(oldest) = ended.pop_front()
        {
            self.lists.remove(&(account, oldest));
        }
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        let orders: Vec<&OrderView> = self.kept.all().collect();
        image::put(out, orders.into_iter());
        let mut names: Vec<NameImage> = self.client_ids.iter().map(NameImage::of).collect();
        names.sort_unstable_by_key(|name| (name.account, name.client_order_id));
        image::put(out, names.iter());
        let ended = self.ended_lists.iter();
        let ended = ended.flat_map(|(account, ids)| ids.iter().map(|id| (*account, *id)));
        let live = self.lists.values().filter(|list| list.ended.0 == 0);
        let lists: Vec<&ListView> =
            ended.filter_map(|name| self.lists.get(&name)).chain(live).collect();
        image::put(out, lists.into_iter());
    }

    pub(super) fn load(reader: &mut ImageReader<'_>, limit: usize) -> Result<Self, ImageError> {
        let mut loaded = Self::new(limit);
        reader.take("orders", |view| loaded.insert(view))?;
        reader.take("client order ids", |image: NameImage| {
            loaded.name(image.account, image.client_order_id, image.order_id);
        })?;
        reader.take("lists", |view: ListView| {
            loaded.insert_list(view);
            if view.ended.0 != 0 {
                loaded.keep_ended_list(view.account, view.list_id);
            }
        })?;
        Ok(loaded)
    }
}
