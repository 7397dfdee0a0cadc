//! A small venue for scenarios: commands in a few words, events in a few words.

use tiercel_testkit::model::{Mode, Model};
use tiercel_types::command::{
    AccountState, AddAsset, AddInstrument, AmendOrder, CancelOrder, Deposit, NewAdvancedOrder,
    NewOrder, NewOrderList, OrderTerms, QueryOrder, SetAccount, SetInstrumentState, StageLeg,
};
use tiercel_types::order::{AmendQtyMeaning, ListKind, PendingRule};
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, Command, DenialReason, Event, InstrumentId, InstrumentSpec,
    InstrumentState, Money, OrderId, OrderKind, Price, Qty, Side, Timestamp, Trigger,
};

pub(crate) const BTC: AssetId = AssetId(1);
pub(crate) const USD: AssetId = AssetId(2);
pub(crate) const BTCUSD: InstrumentId = InstrumentId(7);

pub(crate) fn price(text: &str) -> Price {
    text.parse().unwrap()
}

pub(crate) fn qty(text: &str) -> Qty {
    text.parse().unwrap()
}

/// A venue with BTC/USD, tick and lot 1, and accounts 1 to 5 with 1,000 BTC and 100,000 USD each;
/// accounts 4 and 5 share a trade group.
pub(crate) struct Desk {
    pub(crate) model: Model,
    pub(crate) sequence: u64,
    pub(crate) time: u64,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut InstrumentSpec)) -> Self {
        let mut desk = Self { model: Model::new(0, Mode::Full), sequence: 0, time: 0 };
        for (asset, code) in [(BTC, "BTC"), (USD, "USD")] {
            desk.run(AddAsset { asset, code: code.parse().unwrap() });
        }
        let mut spec = InstrumentSpec::new(BTCUSD, BTC, USD, price("1"), qty("1"));
        spec.symbol = "BTCUSD".parse().unwrap();
        change(&mut spec);
        desk.run(AddInstrument { spec });
        for account in 1..=5 {
            let trade_group = if account >= 4 { 9 } else { 0 };
            desk.run(SetAccount {
                account: AccountId(account),
                trade_group,
                max_open_orders: 0,
                state: AccountState::Active,
                reserved: [0; 3],
            });
            for (asset, whole) in [(BTC, 1_000), (USD, 100_000)] {
                let events = desk.run(Deposit {
                    funding_id: u64::from(account) * 10 + u64::from(asset.0),
                    account: AccountId(account),
                    asset,
                    amount: Money::from_qty(Qty::from_units(whole * 100_000_000)),
                });
                assert!(events[0].starts_with("funds"), "{events:?}");
            }
        }
        desk
    }

    /// Runs a command; its events in short.
    pub(crate) fn run(&mut self, command: impl Into<Command>) -> Vec<String> {
        self.sequence += 1;
        let events = self.model.apply(self.sequence, Timestamp(self.time), &command.into());
        events.iter().map(|(_, event)| short(event)).collect()
    }

    /// Enters a limit order, changed as the caller likes.
    pub(crate) fn order(
        &mut self,
        account: u32,
        side: Side,
        at: &str,
        quantity: &str,
        change: impl FnOnce(&mut NewOrder),
    ) -> Vec<String> {
        let mut order = NewOrder::limit(BTCUSD, AccountId(account), side, price(at), qty(quantity));
        change(&mut order);
        self.run(order)
    }

    pub(crate) fn buy(&mut self, account: u32, quantity: &str, at: &str) -> Vec<String> {
        self.order(account, Side::Buy, at, quantity, |_| {})
    }

    pub(crate) fn sell(&mut self, account: u32, quantity: &str, at: &str) -> Vec<String> {
        self.order(account, Side::Sell, at, quantity, |_| {})
    }

    pub(crate) fn iceberg(
        &mut self,
        account: u32,
        side: Side,
        quantity: &str,
        slice: &str,
        at: &str,
    ) {
        self.order(account, side, at, quantity, |order| order.display_qty = qty(slice));
    }

    pub(crate) fn amend(
        &mut self,
        account: u32,
        id: u64,
        change: impl FnOnce(&mut AmendOrder),
    ) -> Vec<String> {
        let mut amend = AmendOrder {
            order_id: OrderId(id),
            price: Price::ZERO,
            qty: Qty::ZERO,
            account: AccountId(account),
            client_order_id: ClientOrderId::EMPTY,
            new_client_order_id: ClientOrderId::EMPTY,
            qty_meaning: AmendQtyMeaning::Total,
            lose_priority: 0,
            reserved: [0; 2],
        };
        change(&mut amend);
        self.run(amend)
    }

    /// Enters an order with terms.
    pub(crate) fn advanced(&mut self, order: NewOrder, terms: OrderTerms) -> Vec<String> {
        self.run(NewAdvancedOrder { order, terms })
    }

    /// Stages the orders and enters them as a list of account 1.
    pub(crate) fn list(
        &mut self,
        kind: ListKind,
        pending_rule: PendingRule,
        legs: &[(NewOrder, OrderTerms)],
    ) -> Vec<String> {
        for (order, terms) in legs {
            self.run(StageLeg { order: *order, terms: *terms });
        }
        self.run(new_list(kind, pending_rule))
    }

    /// One unit trades at a price, between accounts 2 and 3: the events after the trade.
    pub(crate) fn print(&mut self, at: &str) -> Vec<String> {
        self.sell(2, "1", at);
        let events = self.buy(3, "1", at);
        assert!(events[1].contains(&format!("of 1 at {at}")), "{events:?}");
        events[2..].to_vec()
    }

    pub(crate) fn cancel(&mut self, account: u32, id: u64) -> Vec<String> {
        let (order_id, account) = (OrderId(id), AccountId(account));
        self.run(CancelOrder { order_id, account, client_order_id: ClientOrderId::EMPTY })
    }

    pub(crate) fn query(&mut self, account: u32, id: u64) -> Vec<String> {
        let (order_id, account) = (OrderId(id), AccountId(account));
        self.run(QueryOrder { order_id, account, client_order_id: ClientOrderId::EMPTY })
    }

    pub(crate) fn state(&mut self, state: InstrumentState) -> Vec<String> {
        self.run(SetInstrumentState { instrument: BTCUSD, state, reserved: [0; 3] })
    }

    /// Ids, displayed and hidden quantities of a level, in queue order.
    pub(crate) fn queue(&self, side: Side, at: &str) -> String {
        let queue = self.model.queue(BTCUSD, side, price(at));
        let orders =
            queue.iter().map(|(id, displayed, hidden)| format!("{id}:{displayed}+{hidden}"));
        orders.collect::<Vec<_>>().join(" ")
    }

    /// Free and reserved funds.
    pub(crate) fn balance(&self, account: u32, asset: AssetId) -> String {
        let (free, reserved) = self.model.balance(AccountId(account), asset);
        format!("{free} + {reserved}")
    }
}

/// A limit order for a list or with terms.
pub(crate) fn limit(account: u32, side: Side, quantity: &str, at: &str) -> NewOrder {
    NewOrder::limit(BTCUSD, AccountId(account), side, price(at), qty(quantity))
}

/// A market order, good till cancelled while it waits.
pub(crate) fn market(account: u32, side: Side, quantity: &str) -> NewOrder {
    NewOrder { kind: OrderKind::Market, ..limit(account, side, quantity, "0") }
}

pub(crate) fn stop(at: &str) -> OrderTerms {
    OrderTerms { trigger: Trigger::Stop, trigger_price: price(at), ..OrderTerms::NONE }
}

pub(crate) fn take_profit(at: &str) -> OrderTerms {
    OrderTerms { trigger: Trigger::TakeProfit, trigger_price: price(at), ..OrderTerms::NONE }
}

/// A trailing stop behind by an amount.
pub(crate) fn trailing(amount: &str) -> OrderTerms {
    OrderTerms {
        trigger: Trigger::TrailingStop,
        trailing_amount: price(amount),
        ..OrderTerms::NONE
    }
}

/// A list of account 1.
pub(crate) fn new_list(kind: ListKind, pending_rule: PendingRule) -> NewOrderList {
    NewOrderList {
        instrument: BTCUSD,
        account: AccountId(1),
        list_client_order_id: ClientOrderId::EMPTY,
        kind,
        pending_rule,
        reserved: [0; 2],
    }
}

/// An event in a few words. Open quantities of a trade are taker's / maker's.
pub(crate) fn short(event: &Event) -> String {
    let rests = |flag: u8| if flag == 1 { " rests" } else { "" };
    match event {
        Event::OrderAccepted(e) => format!("accepted {}{}", e.order_id, rests(e.resting)),
        Event::Denied(e) if e.leg > 0 => format!("denied {} of order {}", e.reason, e.leg),
        Event::Denied(e) => format!("denied {}", e.reason),
        Event::Trade(e) => format!(
            "trade {} of {} at {}, {} takes {}, open {}/{}, level {}, fees {}/{}",
            e.trade_id,
            e.qty,
            e.price,
            e.taker_order_id,
            e.maker_order_id,
            e.taker_open_qty,
            e.maker_open_qty,
            e.level_qty,
            e.taker_fee,
            e.maker_fee
        ),
        Event::OrderRested(e) => {
            format!("rested {} {} shows {} at {}", e.order_id, e.open_qty, e.displayed_qty, e.price)
        }
        Event::OrderReplenished(e) => {
            format!("replenished {} shows {} hides {}", e.order_id, e.displayed_qty, e.hidden_qty)
        }
        Event::OrderEnded(e) if e.denial > 0 => {
            let reasons = DenialReason::ALL.iter();
            let reason = reasons.copied().find(|reason| *reason as u16 == e.denial).unwrap();
            format!("ended {} {} left {}: {reason}", e.order_id, e.reason, e.unfilled_qty)
        }
        Event::OrderEnded(e) => {
            format!("ended {} {} left {}", e.order_id, e.reason, e.unfilled_qty)
        }
        Event::OrderAmended(e) => format!(
            "amended {} {} at {}{}{}",
            e.order_id,
            e.open_qty,
            e.price,
            if e.priority_kept == 1 { " in place" } else { "" },
            rests(e.resting)
        ),
        Event::SelfTradePrevented(e) => format!(
            "prevented {} of {} meets {}: {}, open {}/{}",
            e.qty, e.taker_order_id, e.maker_order_id, e.action, e.taker_open_qty, e.maker_open_qty
        ),
        Event::OrderWaiting(e) => match e.trigger {
            Trigger::TrailingStop => format!("{} {} best {}", e.state, e.order_id, e.trigger_price),
            _ => format!("{} {}", e.state, e.order_id),
        },
        Event::OrderTriggered(e) => format!("triggered {} {} by {}", e.order_id, e.qty, e.trigger),
        Event::ListAccepted(e) => format!("list {}", e.list_id),
        Event::ListEnded(e) => format!("list {} ended", e.list_id),
        Event::Staged(e) if e.condition == 1 => format!("staged {} and a condition", e.legs),
        Event::Staged(e) => format!("staged {}", e.legs),
        Event::OrderStatus(e) => {
            format!("status {} {} of {} shows {}", e.order_id, e.open_qty, e.qty, e.displayed_qty)
        }
        Event::FundsMoved(e) => format!("funds {} free {}", e.amount, e.free),
        other => other.kind().to_string(),
    }
}
