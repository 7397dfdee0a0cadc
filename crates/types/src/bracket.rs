//! Brackets: an entry, a stop loss and a take profit, put together so that none can be missing.
//!
//! ```
//! use tiercel_types::bracket::{Bracket, Exit};
//! use tiercel_types::command::NewOrder;
//! use tiercel_types::order::PendingRule;
//! use tiercel_types::{AccountId, InstrumentId, Side};
//!
//! let entry = NewOrder::limit(
//!     InstrumentId(1),
//!     AccountId(7),
//!     Side::Buy,
//!     "100".parse()?,
//!     "2".parse()?,
//! );
//! let commands = Bracket::entry(entry)
//!     .take_profit(Exit::limit("110".parse()?))
//!     .stop_loss(Exit::stop_market("95".parse()?))
//!     .exits(PendingRule::EachFill)
//!     .commands();
//! // Three orders handed in, and the list that enters them: adjacent in the log.
//! assert_eq!(commands.len(), 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Without a stop loss there are no commands:
//! ```compile_fail,E0599
//! # use tiercel_types::bracket::{Bracket, Exit};
//! # use tiercel_types::command::NewOrder;
//! # let price: tiercel_types::Price = "1".parse().unwrap();
//! Bracket::entry(NewOrder::NOTHING).take_profit(Exit::limit(price)).commands();
//! ```
//!
//! nor without a take profit:
//! ```compile_fail,E0599
//! # use tiercel_types::bracket::{Bracket, Exit};
//! # use tiercel_types::command::NewOrder;
//! # let price: tiercel_types::Price = "1".parse().unwrap();
//! Bracket::entry(NewOrder::NOTHING).stop_loss(Exit::stop_market(price)).commands();
//! ```
//!
//! and no exit is given twice:
//! ```compile_fail,E0599
//! # use tiercel_types::bracket::{Bracket, Exit};
//! # use tiercel_types::command::NewOrder;
//! # let price: tiercel_types::Price = "1".parse().unwrap();
//! let exit = Exit::stop_market(price);
//! Bracket::entry(NewOrder::NOTHING).stop_loss(exit).stop_loss(exit);
//! ```
//!
//! A stop loss that is a plain limit order does not compile either: it would trade at once.
//! ```compile_fail,E0308
//! # use tiercel_types::bracket::{Bracket, Exit};
//! # use tiercel_types::command::NewOrder;
//! # let price: tiercel_types::Price = "1".parse().unwrap();
//! Bracket::entry(NewOrder::NOTHING).stop_loss(Exit::limit(price));
//! ```

use core::marker::PhantomData;

use crate::command::{Command, NewOrder, NewOrderList, OrderTerms, StageLeg};
use crate::order::{ListKind, OrderKind, PendingRule, TimeInForce, Trigger};
use crate::text::ClientOrderId;
use crate::{Price, Qty};

/// An exit that may take the profit.
#[derive(Clone, Copy, Debug)]
pub struct Profit;

/// An exit that may stop the loss.
#[derive(Clone, Copy, Debug)]
pub struct Loss;

/// One of a bracket's two exits: on the other side of the entry, for its quantity.
#[derive(Clone, Copy, Debug)]
pub struct Exit<Role> {
    order: NewOrder,
    terms: OrderTerms,
    role: PhantomData<Role>,
}

impl<Role> Exit<Role> {
    const fn new(kind: OrderKind, price: Price, trigger: Trigger, trigger_price: Price) -> Self {
        let order = NewOrder { price, kind, ..NewOrder::NOTHING };
        let terms = OrderTerms { trigger_price, trigger, ..OrderTerms::NONE };
        Self { order, terms, role: PhantomData }
    }

    /// The client's name for it.
    #[must_use]
    pub const fn named(mut self, client_order_id: ClientOrderId) -> Self {
        self.order.client_order_id = client_order_id;
        self
    }
}

impl Exit<Profit> {
    /// A limit order.
    pub const fn limit(price: Price) -> Self {
        Self::new(OrderKind::Limit, price, Trigger::None, Price::ZERO)
    }

    /// A market order once a trade touches the price.
    pub const fn touched_market(trigger_price: Price) -> Self {
        Self::new(OrderKind::Market, Price::ZERO, Trigger::TakeProfit, trigger_price)
    }

    /// A limit order once a trade touches the trigger price.
    pub const fn touched_limit(trigger_price: Price, price: Price) -> Self {
        Self::new(OrderKind::Limit, price, Trigger::TakeProfit, trigger_price)
    }
}

impl Exit<Loss> {
    /// A market order once a trade reaches the trigger price.
    pub const fn stop_market(trigger_price: Price) -> Self {
        Self::new(OrderKind::Market, Price::ZERO, Trigger::Stop, trigger_price)
    }

    /// A limit order once a trade reaches the trigger price.
    pub const fn stop_limit(trigger_price: Price, price: Price) -> Self {
        Self::new(OrderKind::Limit, price, Trigger::Stop, trigger_price)
    }

    /// A market order once a trade falls that far behind the best one.
    pub const fn trailing_amount(amount: Price) -> Self {
        let mut exit =
            Self::new(OrderKind::Market, Price::ZERO, Trigger::TrailingStop, Price::ZERO);
        exit.terms.trailing_amount = amount;
        exit
    }

    /// The same, in basis points of the best trade.
    pub const fn trailing_bps(bps: u32) -> Self {
        let mut exit =
            Self::new(OrderKind::Market, Price::ZERO, Trigger::TrailingStop, Price::ZERO);
        exit.terms.trailing_bps = bps;
        exit
    }
}

/// In a bracket: not given yet.
#[derive(Clone, Copy, Debug)]
pub struct Missing;

/// A bracket in the making: what it has shows in its type.
#[derive(Clone, Copy, Debug)]
pub struct Bracket<TakeProfit, StopLoss> {
    entry: NewOrder,
    take_profit: TakeProfit,
    stop_loss: StopLoss,
    rule: PendingRule,
    name: ClientOrderId,
}

impl Bracket<Missing, Missing> {
    /// Begins with the order that enters the position.
    pub const fn entry(entry: NewOrder) -> Self {
        Self {
            entry,
            take_profit: Missing,
            stop_loss: Missing,
            rule: PendingRule::FullFill,
            name: ClientOrderId::EMPTY,
        }
    }
}

impl<StopLoss> Bracket<Missing, StopLoss> {
    /// The exit in profit.
    pub fn take_profit(self, exit: Exit<Profit>) -> Bracket<Exit<Profit>, StopLoss> {
        let Self { entry, stop_loss, rule, name, .. } = self;
        Bracket { entry, take_profit: exit, stop_loss, rule, name }
    }
}

impl<TakeProfit> Bracket<TakeProfit, Missing> {
    /// The exit at a loss.
    pub fn stop_loss(self, exit: Exit<Loss>) -> Bracket<TakeProfit, Exit<Loss>> {
        let Self { entry, take_profit, rule, name, .. } = self;
        Bracket { entry, take_profit, stop_loss: exit, rule, name }
    }
}

impl<TakeProfit, StopLoss> Bracket<TakeProfit, StopLoss> {
    /// Whether the exits wait for the full fill (so it is unless said), or follow each fill.
    #[must_use]
    pub fn exits(mut self, rule: PendingRule) -> Self {
        self.rule = rule;
        self
    }

    /// The client's name for the list.
    #[must_use]
    pub fn named(mut self, list_client_order_id: ClientOrderId) -> Self {
        self.name = list_client_order_id;
        self
    }
}

impl Bracket<Exit<Profit>, Exit<Loss>> {
    /// The commands that enter it; nothing else may come between them.
    pub fn commands(&self) -> [Command; 4] {
        let NewOrder { instrument, account, .. } = self.entry;
        let exit = |order: NewOrder, terms: OrderTerms| {
            let order = NewOrder {
                instrument,
                account,
                side: self.entry.side.opposite(),
                qty: self.entry.qty,
                quote_qty: Qty::ZERO,
                time_in_force: TimeInForce::Gtc,
                self_trade_prevention: self.entry.self_trade_prevention,
                ..order
            };
            Command::from(StageLeg { order, terms })
        };
        [
            StageLeg { order: self.entry, terms: OrderTerms::NONE }.into(),
            exit(self.take_profit.order, self.take_profit.terms),
            exit(self.stop_loss.order, self.stop_loss.terms),
            NewOrderList {
                instrument,
                account,
                list_client_order_id: self.name,
                kind: ListKind::Otoco,
                pending_rule: self.rule,
                reserved: [0; 2],
            }
            .into(),
        ]
    }
}
