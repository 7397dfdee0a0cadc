//! What answers and messages say: orders, fills, lists, trades, books, balances, instruments.

use serde::Serialize;
use tiercel_types::event::Trade;
use tiercel_types::{
    AccountId, AssetCode, AssetId, ClientOrderId, DenialReason, EventHeader, InstrumentId, OrderId,
    Peg, Price, Qty, Symbol, Timestamp, Trigger,
};
use utoipa::ToSchema;

use super::scalar::{
    AssetText, ClientOrderIdText, EndReasonText, ListIdText, ListKindText, MoneyText, OrderIdText,
    OrderKindText, PegText, PendingRuleText, PriceText, QtyText, SelfTradePreventionText, SideText,
    SymbolText, TimeInForceText, TimeText, TriggerText,
};
use crate::models::{ListView, Models, OrderStage, OrderView, TradeView};

pub(super) fn price(price: Price) -> Option<PriceText> {
    (!price.is_zero()).then_some(PriceText(price))
}

pub(super) fn qty(qty: Qty) -> Option<QtyText> {
    (!qty.is_zero()).then_some(QtyText(qty))
}

pub(super) fn time(time: Timestamp) -> Option<TimeText> {
    (time.0 != 0).then_some(TimeText(time))
}

fn name(name: ClientOrderId) -> Option<ClientOrderIdText> {
    (!name.is_empty()).then_some(ClientOrderIdText(name))
}

/// The symbol of an instrument that something is about: it is there.
pub(super) fn symbol(models: &Models, instrument: InstrumentId) -> SymbolText {
    SymbolText(models.instruments().get(instrument).map_or(Symbol::EMPTY, |spec| spec.symbol))
}

/// The code of an asset that something is about: it is there.
pub(super) fn asset(models: &Models, asset: AssetId) -> AssetText {
    AssetText(models.instruments().asset(asset).unwrap_or_default())
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Its command is not complete.
    Entering,
    /// It waits for the working order of its list.
    Pending,
    /// It waits for its trigger.
    Waiting,
    /// It was triggered, and waits for its instrument to open.
    Held,
    /// It waits for its auction.
    Auction,
    /// It is in the book, displayed or not.
    Open,
    /// It is filled.
    Filled,
    /// It ended with quantity unfilled.
    Ended,
}

impl From<OrderStage> for OrderStatus {
    fn from(stage: OrderStage) -> Self {
        match stage {
            OrderStage::Entering => Self::Entering,
            OrderStage::Pending => Self::Pending,
            OrderStage::Waiting => Self::Waiting,
            OrderStage::Held => Self::Held,
            OrderStage::Auction => Self::Auction,
            OrderStage::Resting => Self::Open,
            OrderStage::Filled => Self::Filled,
            OrderStage::Ended => Self::Ended,
        }
    }
}

answer! {
    /// An order. Fields that say nothing of it are left out.
    Order {
        /// Its id.
        order_id: OrderIdText,
        /// What it trades.
        symbol: SymbolText,
        /// Buy or sell.
        side: SideText,
        /// How it meets the book.
        kind: OrderKindText,
        /// How long it lives.
        time_in_force: TimeInForceText,
        /// Its self-trade prevention.
        self_trade_prevention: SelfTradePreventionText,
        /// Where it stands.
        status: OrderStatus,
        /// Its quantity, what was filled and prevented included; zero by quote amount.
        qty: QtyText,
        /// What is open.
        open_qty: QtyText,
        /// What was filled.
        executed_qty: QtyText,
        /// What was paid or received for it, in the quote asset.
        executed_quote: MoneyText,
        /// It trades in full or not at all.
        all_or_none: bool,
        /// It is never displayed.
        hidden: bool,
        /// When it was taken.
        created_ns: TimeText,
        /// When it last changed.
        updated_ns: TimeText,
        /// The command that changed it last.
        sequence: u64,
        ;
        /// The client's name for it.
        client_order_id: ClientOrderIdText,
        /// Its list.
        list_id: ListIdText,
        /// Its limit, or what protects it.
        price: PriceText,
        /// By quote amount: how much.
        quote_qty: QtyText,
        /// Iceberg: its slice.
        display_qty: QtyText,
        /// What self-trade prevention took off it.
        prevented_qty: QtyText,
        /// Good till date: until when.
        expire_time: TimeText,
        /// What it waits or waited for.
        trigger: TriggerText,
        /// The trade price that triggers it. Of a trailing stop: the best trade since it tracks.
        trigger_price: PriceText,
        /// Trailing stop: how far behind.
        trailing_amount: PriceText,
        /// Trailing stop: how far behind, in basis points.
        trailing_bps: u32,
        /// Trailing stop: from which price on it tracks.
        activation_price: PriceText,
        /// What its price follows.
        peg: PegText,
        /// Since when it is in the book or trades.
        working_since_ns: TimeText,
        /// Why it ended, if it did with quantity unfilled.
        end_reason: EndReasonText,
        /// It ended because it could not be entered: the denial's code.
        denial: String,
    }
}

impl Order {
    /// An order as the read model has it.
    pub fn of(models: &Models, order: &OrderView) -> Self {
        let ended = order.stage == OrderStage::Ended;
        let denial = DenialReason::ALL.iter().find(|reason| **reason as u16 == order.denial);
        Self {
            order_id: OrderIdText(order.order_id),
            symbol: symbol(models, order.instrument),
            side: SideText(order.side),
            kind: OrderKindText(order.kind),
            time_in_force: TimeInForceText(order.time_in_force),
            self_trade_prevention: SelfTradePreventionText(order.self_trade_prevention),
            status: order.stage.into(),
            qty: QtyText(order.qty),
            open_qty: QtyText(order.open_qty),
            executed_qty: QtyText(order.executed_qty),
            executed_quote: MoneyText(order.executed_quote),
            all_or_none: order.all_or_none == 1,
            hidden: order.hidden == 1,
            created_ns: TimeText(order.created),
            updated_ns: TimeText(order.updated),
            sequence: order.sequence,
            client_order_id: name(order.client_order_id),
            list_id: (order.list_id.0 != 0).then_some(ListIdText(order.list_id)),
            price: price(order.price),
            quote_qty: qty(order.quote_qty),
            display_qty: qty(order.display_qty),
            prevented_qty: qty(order.prevented_qty),
            expire_time: time(order.expire_time),
            trigger: (order.trigger != Trigger::None).then_some(TriggerText(order.trigger)),
            trigger_price: price(order.trigger_price),
            trailing_amount: price(order.trailing_amount),
            trailing_bps: Some(order.trailing_bps).filter(|bps| *bps > 0),
            activation_price: price(order.activation_price),
            peg: (order.peg != Peg::None).then_some(PegText(order.peg)),
            working_since_ns: time(order.working_since),
            end_reason: ended.then_some(EndReasonText(order.end_reason)),
            denial: denial.filter(|_| ended).map(|reason| reason.as_str().to_owned()),
        }
    }
}

/// Which of the two an order was in a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It came; in an auction, it bought.
    Taker,
    /// It rested; in an auction, it sold.
    Maker,
}

answer! {
    /// One's own side of a trade.
    Fill {
        /// The trade's id, counted per instrument.
        trade_id: u64,
        /// What traded.
        symbol: SymbolText,
        /// The order.
        order_id: OrderIdText,
        /// The order's side.
        side: SideText,
        /// Whether the order came or rested.
        role: Role,
        /// At what price, as last corrected.
        price: PriceText,
        /// How much, as last corrected.
        qty: QtyText,
        /// What it cost in fees; below zero: a rebate.
        fee: MoneyText,
        /// In which asset the fee was.
        fee_asset: AssetText,
        /// It is a trade of an auction.
        auction: bool,
        /// It was undone.
        busted: bool,
        /// When.
        time_ns: TimeText,
    }
}

impl Fill {
    /// The account's sides of a trade: two if it traded with itself.
    pub fn of(
        models: &Models,
        trade: &TradeView,
        account: AccountId,
    ) -> impl Iterator<Item = Self> {
        let taker = (trade.taker_account == account).then_some(Role::Taker);
        let maker = (trade.maker_account == account).then_some(Role::Maker);
        [taker, maker].into_iter().flatten().map(|role| Self::side_of(models, trade, role))
    }

    /// All that are kept of an account's orders, oldest first.
    pub fn known(
        models: &Models,
        instrument: InstrumentId,
        account: AccountId,
        orders: &[OrderId],
    ) -> Vec<Self> {
        let trades = models.trades().of(instrument);
        let fills = trades.flat_map(|trade| Self::of(models, trade, account));
        fills.filter(|fill| orders.contains(&fill.order_id.0)).collect()
    }

    fn side_of(models: &Models, trade: &TradeView, role: Role) -> Self {
        let (side, order_id, fee) = match role {
            Role::Taker => (trade.taker_side, trade.taker_order_id, trade.taker_fee),
            Role::Maker => (trade.taker_side.opposite(), trade.maker_order_id, trade.maker_fee),
        };
        let spec = models.instruments().get(trade.instrument);
        let received = spec.map(|spec| spec.asset_given(side.opposite()));
        Self {
            trade_id: trade.trade_id.0,
            symbol: symbol(models, trade.instrument),
            order_id: OrderIdText(order_id),
            side: SideText(side),
            role,
            price: PriceText(trade.price),
            qty: QtyText(trade.qty),
            fee: MoneyText(fee),
            fee_asset: received.map_or(AssetText(AssetCode::EMPTY), |of| asset(models, of)),
            auction: trade.auction == 1,
            busted: trade.busted == 1,
            time_ns: TimeText(trade.time),
        }
    }

    /// An order's side of a trade that an event tells; `None` if the order has none.
    pub fn of_event(
        models: &Models,
        header: &EventHeader,
        trade: &Trade,
        order_id: OrderId,
    ) -> Option<Self> {
        let role = if trade.taker_order_id == order_id {
            Role::Taker
        } else if trade.maker_order_id == order_id {
            Role::Maker
        } else {
            return None;
        };
        Some(Self::side_of(models, &TradeView::of(header, trade), role))
    }
}

answer! {
    /// A new order: as it stands after its own command, and what it has traded in it.
    Placed {
        /// The order.
        order: Order,
        /// Its fills in the command that placed it; of a repeated request, all that are kept.
        fills: Vec<Fill>,
        /// The order was there already: this is the answer to a request that was sent again.
        repeated: bool,
    }
}

answer! {
    /// An order that has taken another's place: as it stands after its own command.
    Replaced {
        /// The new order.
        order: Order,
        /// Its fills in the command that placed it; of a repeated request, all that are kept.
        fills: Vec<Fill>,
        /// The new order was there already: this is the answer to a request that was sent again.
        repeated: bool,
        ;
        /// The order whose place it took.
        replaced: OrderIdText,
    }
}

answer! {
    /// An order that was changed.
    Amended {
        /// The order as it is now.
        order: Order,
        /// What it has traded in the command that changed it.
        fills: Vec<Fill>,
    }
}

answer! {
    /// A list of orders.
    List {
        /// Its id.
        list_id: ListIdText,
        /// What its orders trade.
        symbol: SymbolText,
        /// How its orders hang together.
        kind: ListKindText,
        /// When pending orders are entered.
        pending_rule: PendingRuleText,
        /// Its orders, as they were handed in. Those that have ended and are forgotten are left out.
        orders: Vec<Order>,
        /// When it was taken.
        created_ns: TimeText,
        ;
        /// The client's name for it.
        list_client_order_id: ClientOrderIdText,
        /// When its last order was gone.
        ended_ns: TimeText,
    }
}

impl List {
    /// A list, with its orders as `find` has them.
    pub fn of<'o>(
        models: &Models,
        list: &ListView,
        find: impl Fn(OrderId) -> Option<&'o OrderView>,
    ) -> Self {
        let orders = list.order_ids.iter().filter(|id| !id.is_none());
        Self {
            list_id: ListIdText(list.list_id),
            symbol: symbol(models, list.instrument),
            kind: ListKindText(list.kind),
            pending_rule: PendingRuleText(list.pending_rule),
            orders: orders
                .filter_map(|id| find(*id))
                .map(|order| Order::of(models, order))
                .collect(),
            created_ns: TimeText(list.created),
            list_client_order_id: name(list.list_client_order_id),
            ended_ns: time(list.ended),
        }
    }
}

answer! {
    /// A new list, and what its orders have traded in the command that placed it.
    PlacedList {
        /// The list.
        list: List,
        /// Fills of its orders.
        fills: Vec<Fill>,
        /// The list was there already: this is the answer to a request that was sent again.
        repeated: bool,
    }
}

answer! {
    /// Orders that were cancelled.
    Cancelled {
        /// How many.
        count: u64,
        /// Which, in the order in which they ended.
        order_ids: Vec<OrderIdText>,
    }
}

answer! {
    /// When the account's orders will be cancelled.
    Countdown {
        ;
        /// When, if it is not renewed before; left out: not any more.
        at_ns: TimeText,
    }
}
