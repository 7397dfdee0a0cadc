//! What the owner of an account is told: reports of its orders and lists, and its balances.
//!
//! ```text
//!   before the models fold an event   --> UserData::before   what the event will change
//!   after they did                    --> UserData::after    messages, by account, in their order
//! ```
//!
//! Everything here derives from durable events and the models that those made. The order of an
//! account's messages is that of the events; its balances follow at the end of each command.
//!
//! | event | message |
//! |---|---|
//! | an order was taken | executionReport NEW, once it is known whether it waits |
//! | a list was taken, is over | listStatus |
//! | a trade | executionReport TRADE, for each side |
//! | an order that waited is entered | executionReport NEW |
//! | amended, ended, prevented | executionReport REPLACED, CANCELED, EXPIRED, ... |
//! | funds moved | balanceUpdate |
//! | the command's end | outboundAccountPosition |

use serde::Serialize;
use tiercel_types::event::{FundsMovement, SelfTradePrevented, Trade};
use tiercel_types::{
    AccountId, AssetId, EndReason, Event, EventHeader, ListId, Money, OrderId, Qty,
    SelfTradePrevention, TradeId,
};

use super::answer::{Decimal, NANOS_PER_MILLI, write};
use super::error::ApiError;
use super::execution_report::{
    Execution, ReportedPrevention, end_kind, execution_report, expiry_reason,
};
use super::list_view;
use super::words::{ExecutionType, OrderStatus};
use crate::models::{ListView, Models, OrderStage, OrderView, Orders, PreventedView};
use crate::reporting::{self, JustTaken};

/// A message, and whose it is.
pub type Told = (AccountId, String);

/// What has to be kept between the events of a command.
#[derive(Debug, Default)]
pub struct UserData {
    /// The order that the present event is about, as it was.
    was: Option<OrderView>,
    taken: JustTaken,
    /// Lists that were taken and not told yet.
    lists: Vec<(AccountId, ListId)>,
    /// A fill of an order by amount: what follows says whether it was its last.
    held: Option<(OrderView, Execution)>,
    /// The last prevented trade.
    prevented: Option<PreventedView>,
    /// What may have changed.
    touched: Vec<(AccountId, AssetId)>,
}

/// Whom it concerns, and where it goes.
struct Telling<'t> {
    models: &'t Models,
    header: &'t EventHeader,
    told: &'t mut Vec<Told>,
}

impl UserData {
    /// To be called before `models` fold the event.
    pub fn before(&mut self, models: &Models, header: &EventHeader, event: &Event) {
        self.was = reporting::order_before(models, header, event);
    }

    /// To be called when `models` have folded the event: adds to `told` what those accounts are
    /// told of it that are `wanted`.
    pub fn after(
        &mut self,
        models: &Models,
        header: &EventHeader,
        event: &Event,
        wanted: impl Fn(AccountId) -> bool,
        told: &mut Vec<Told>,
    ) {
        let mut telling = Telling { models, header, told };
        let ends_by_amount = matches!(event, Event::OrderEnded(ended)
            if ended.reason == EndReason::QuoteSpent
                && self.held.is_some_and(|(order, _)| order.order_id == ended.order_id));
        if let Some((order, mut execution)) = self.held.take() {
            if ends_by_amount {
                execution.status = Some(OrderStatus::Filled);
            }
            telling.report(&order, &execution);
        }
        if !self.taken.completes(models, header, event) {
            self.tell_taken(&mut telling);
        }
        let mine = wanted(header.account);
        match event {
            Event::Trade(trade) => self.traded(&mut telling, trade, &wanted),
            Event::SelfTradePrevented(event) => self.prevented(&mut telling, event, &wanted),
            Event::TradeBusted(busted) => self.corrected(&telling, busted.trade_id, &wanted),
            Event::TradeCorrected(fixed) => self.corrected(&telling, fixed.trade_id, &wanted),
            Event::FundsMoved(moved) => {
                let amount = moved.amount.units();
                let sides = match moved.movement {
                    FundsMovement::Deposit => [Some((header.account, amount)), None],
                    FundsMovement::Withdraw => [Some((header.account, -amount)), None],
                    FundsMovement::Transfer => {
                        [Some((header.account, -amount)), Some((moved.counterparty, amount))]
                    }
                };
                for (account, delta) in sides.into_iter().flatten() {
                    if wanted(account) {
                        telling.balance_update(account, moved.asset, delta);
                        self.touch_asset(account, moved.asset);
                    }
                }
            }
            _ if !mine => {}
            Event::OrderEnded(_) if ends_by_amount => self.touch(&telling, header.account),
            _ => self.own(&mut telling, event),
        }
        self.was = None;
        if header.is_last() {
            self.tell_taken(&mut telling);
            self.prevented = None;
            self.tell_balances(&mut telling);
        }
    }

    fn tell_taken(&mut self, telling: &mut Telling<'_>) {
        for (header, order) in self.taken.drain() {
            telling.report(&order, &Execution::new(ExecutionType::New, header));
        }
        for (account, list_id) in self.lists.drain(..) {
            telling.list_status(account, list_id, false);
        }
    }

    /// An event of one of the account's own orders or lists.
    fn own(&mut self, telling: &mut Telling<'_>, event: &Event) {
        let header = telling.header;
        let account = header.account;
        let order = |id: OrderId| telling.models.orders().get(account, id).copied();
        let execution = |kind| Execution::new(kind, *header);
        match event {
            Event::ListAccepted(list) => self.lists.push((account, list.list_id)),
            Event::ListEnded(list) => telling.list_status(account, list.list_id, true),
            Event::OrderAccepted(accepted) => {
                if let Some(order) = order(accepted.order_id) {
                    self.taken.push(*header, order);
                }
                self.touch(telling, account);
            }
            Event::OrderWaiting(_) => {
                self.touch(telling, account);
                let pending = self.was.is_some_and(|was| was.stage == OrderStage::Pending);
                if let Some(now) = self.was.and_then(|was| order(was.order_id))
                    && pending
                    && now.stage == OrderStage::Waiting
                {
                    telling.report(&now, &execution(ExecutionType::New));
                }
            }
            Event::OrderTriggered(triggered) => {
                self.touch(telling, account);
                if let Some(now) = order(triggered.order_id)
                    && !self.taken.holds(triggered.order_id)
                {
                    telling.report(&now, &execution(ExecutionType::New));
                }
            }
            Event::OrderRested(_) => self.touch(telling, account),
            Event::OrderAmended(amended) => {
                self.touch(telling, account);
                if let Some(now) = order(amended.order_id) {
                    let former_name = self.was.map(|was| was.client_order_id);
                    let execution = Execution { former_name, ..execution(ExecutionType::Replaced) };
                    telling.report(&now, &execution);
                }
            }
            Event::OrderEnded(ended) => {
                self.touch(telling, account);
                if let Some(now) = order(ended.order_id) {
                    let execution =
                        self.end_of(telling.models.orders(), &now, *header, ended.unfilled_qty);
                    telling.report(&now, &execution);
                }
            }
            _ => {}
        }
    }

    fn end_of(
        &self,
        orders: &Orders,
        order: &OrderView,
        header: EventHeader,
        unfilled_qty: Qty,
    ) -> Execution {
        let kind = end_kind(orders, order);
        let before = self.was.map_or(OrderStage::Resting, |was| was.stage);
        let prevention = self
            .prevented
            .filter(|_| kind == ExecutionType::TradePrevention)
            .and_then(|view| ReportedPrevention::of(&view, order.order_id, Some(unfilled_qty)));
        Execution {
            former_name: Some(order.client_order_id).filter(|_| kind == ExecutionType::Canceled),
            prevention,
            expiry_reason: expiry_reason(orders, order, before),
            ..Execution::new(kind, header)
        }
    }

    fn traded(
        &mut self,
        telling: &mut Telling<'_>,
        trade: &Trade,
        wanted: &impl Fn(AccountId) -> bool,
    ) {
        let header = *telling.header;
        for side in reporting::sides(&header, trade).iter().filter(|side| wanted(side.account)) {
            self.touch(telling, side.account);
            let order = telling.models.orders().get(side.account, side.order_id);
            let Some(order) = order else { continue };
            let Some(fill) = side.fill(telling.models, trade, order) else { continue };
            let execution =
                Execution { fill: Some(fill), ..Execution::new(ExecutionType::Trade, header) };
            if order.is_by_amount() {
                self.held = Some((*order, execution));
            } else {
                telling.report(order, &execution);
            }
        }
        if header.is_last()
            && let Some((order, execution)) = self.held.take()
        {
            telling.report(&order, &execution);
        }
    }

    fn prevented(
        &mut self,
        telling: &mut Telling<'_>,
        event: &SelfTradePrevented,
        wanted: &impl Fn(AccountId) -> bool,
    ) {
        // The models have it by now.
        let told = telling.models.prevented_trades().of(telling.header.account).next_back();
        self.prevented = told.copied();
        let shrinks =
            matches!(event.action, SelfTradePrevention::Decrement | SelfTradePrevention::Transfer);
        let sides = [
            (telling.header.account, event.taker_order_id, event.taker_open_qty),
            (event.maker_account, event.maker_order_id, event.maker_open_qty),
        ];
        for (account, order_id, open_qty) in sides {
            if !wanted(account) {
                continue;
            }
            self.touch(telling, account);
            // One that ends is told with its end.
            if !shrinks || open_qty.is_zero() {
                continue;
            }
            if let Some(order) = telling.models.orders().get(account, order_id) {
                let execution = Execution {
                    prevention: told.and_then(|view| ReportedPrevention::of(view, order_id, None)),
                    ..Execution::new(ExecutionType::TradePrevention, *telling.header)
                };
                telling.report(order, &execution);
            }
        }
    }

    /// A trade was undone or changed: what its sides have did too.
    fn corrected(
        &mut self,
        telling: &Telling<'_>,
        trade_id: TradeId,
        wanted: &impl Fn(AccountId) -> bool,
    ) {
        let trades = telling.models.trades();
        let trade = trades.from(telling.header.instrument, trade_id).next();
        let Some(trade) = trade.filter(|trade| trade.trade_id == trade_id) else { return };
        for account in [trade.taker_account, trade.maker_account] {
            if wanted(account) {
                self.touch(telling, account);
            }
        }
    }

    fn touch(&mut self, telling: &Telling<'_>, account: AccountId) {
        if let Some(spec) = telling.models.instruments().get(telling.header.instrument) {
            self.touch_asset(account, spec.base);
            self.touch_asset(account, spec.quote);
        }
    }

    fn touch_asset(&mut self, account: AccountId, asset: AssetId) {
        if !self.touched.contains(&(account, asset)) {
            self.touched.push((account, asset));
        }
    }

    fn tell_balances(&mut self, telling: &mut Telling<'_>) {
        while let Some(&(account, _)) = self.touched.first() {
            let assets: Vec<AssetId> = self
                .touched
                .extract_if(.., |(owner, _)| *owner == account)
                .map(|(_, id)| id)
                .collect();
            telling.position(account, &assets);
        }
    }
}

impl Telling<'_> {
    fn put(&mut self, account: AccountId, message: Result<String, ApiError>) {
        // What cannot be written, which does not happen, is not told.
        self.told.extend(message.ok().map(|message| (account, message)));
    }

    fn report(&mut self, order: &OrderView, execution: &Execution) {
        if let Some(spec) = self.models.instruments().get(order.instrument) {
            self.put(order.account, execution_report(self.models.orders(), order, spec, execution));
        }
    }

    fn list_status(&mut self, account: AccountId, list_id: ListId, over: bool) {
        let Some(list) = self.models.orders().list(account, list_id) else { return };
        let Some(spec) = self.models.instruments().get(list.instrument) else { return };
        let symbol = spec.symbol.as_str();
        let message = ListStatus::of(self.models, list, symbol, self.header.time_ns, over);
        let message = write(&message);
        self.put(account, message);
    }

    fn balance_update(&mut self, account: AccountId, asset: AssetId, delta: i128) {
        let Some(code) = self.models.instruments().asset(asset) else { return };
        let time = self.header.time_ns / NANOS_PER_MILLI;
        let message = write(&BalanceUpdate {
            e: "balanceUpdate",
            event_time: time,
            a: code.as_str(),
            d: Decimal(Money::from_units(delta)),
            clear_time: time,
        });
        self.put(account, message);
    }

    fn position(&mut self, account: AccountId, assets: &[AssetId]) {
        let time = self.header.time_ns / NANOS_PER_MILLI;
        let held = self.models.balances(account);
        let codes: Vec<_> = held
            .iter()
            .filter(|balance| assets.contains(&balance.asset))
            .filter_map(|balance| Some((self.models.instruments().asset(balance.asset)?, balance)))
            .collect();
        let balances = codes.iter().map(|(code, balance)| Balance {
            a: code.as_str(),
            f: Decimal(balance.free),
            l: Decimal(balance.reserved),
        });
        let message = write(&Position {
            e: "outboundAccountPosition",
            event_time: time,
            u: time,
            balances: balances.collect(),
        });
        self.put(account, message);
    }
}

/// Where a list stands.
#[derive(Serialize)]
struct ListStatus<'a> {
    e: &'static str,
    #[serde(rename = "E")]
    event_time: u64,
    s: &'a str,
    g: u64,
    c: &'static str,
    l: &'static str,
    #[serde(rename = "L")]
    order_status: &'static str,
    r: &'static str,
    #[serde(rename = "C")]
    list_client_order_id: &'a str,
    #[serde(rename = "T")]
    transaction_time: u64,
    #[serde(rename = "O")]
    orders: Vec<ListedOrder<'a>>,
}

/// An order of a list.
#[derive(Serialize)]
struct ListedOrder<'a> {
    s: &'a str,
    i: u64,
    c: &'a str,
}

impl<'a> ListStatus<'a> {
    fn of(
        models: &'a Models,
        list: &'a ListView,
        symbol: &'a str,
        time_ns: u64,
        over: bool,
    ) -> Self {
        let orders = list_view::legs(models.orders(), list).map(|order| ListedOrder {
            s: symbol,
            i: order.order_id.0,
            c: order.client_order_id.as_str(),
        });
        Self {
            e: "listStatus",
            event_time: time_ns / NANOS_PER_MILLI,
            s: symbol,
            g: list.list_id.0,
            c: list_view::contingency(list.kind),
            l: if over { "ALL_DONE" } else { "EXEC_STARTED" },
            order_status: if over { "ALL_DONE" } else { "EXECUTING" },
            r: "NONE",
            list_client_order_id: list.list_client_order_id.as_str(),
            transaction_time: time_ns / NANOS_PER_MILLI,
            orders: orders.collect(),
        }
    }
}

/// Funds that moved.
#[derive(Serialize)]
struct BalanceUpdate<'a> {
    e: &'static str,
    #[serde(rename = "E")]
    event_time: u64,
    a: &'a str,
    d: Decimal<Money>,
    #[serde(rename = "T")]
    clear_time: u64,
}

/// What an account has of the assets that a command may have changed.
#[derive(Serialize)]
struct Position<'a> {
    e: &'static str,
    #[serde(rename = "E")]
    event_time: u64,
    u: u64,
    #[serde(rename = "B")]
    balances: Vec<Balance<'a>>,
}

#[derive(Serialize)]
struct Balance<'a> {
    a: &'a str,
    f: Decimal<Money>,
    l: Decimal<Money>,
}

/// An event of a subscription over the `WebSocket` interface.
pub fn subscribed(subscription: u32, event: &str) -> String {
    format!("{{\"subscriptionId\":{subscription},\"event\":{event}}}")
}

/// What a subscription hears last.
pub fn event_stream_terminated(now_ms: u64) -> String {
    format!("{{\"e\":\"eventStreamTerminated\",\"E\":{now_ms}}}")
}

/// What the stream of a listen key hears last. Keys have neither quotes nor backslashes.
pub fn listen_key_expired(key: &str, now_ms: u64) -> String {
    format!("{{\"e\":\"listenKeyExpired\",\"E\":{now_ms},\"listenKey\":\"{key}\"}}")
}
