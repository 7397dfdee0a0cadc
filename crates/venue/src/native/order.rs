//! Orders as requests, and the commands that they become.

use serde::Deserialize;
use tiercel_types::command::{NewAdvancedOrder, NewOrder, OrderTerms, StageLeg};
use tiercel_types::order::Trigger;
use tiercel_types::{
    AccountId, ClientOrderId, Command, InstrumentId, InstrumentSpec, OrderKind, Peg, Price, Qty,
    SelfTradePrevention, TimeInForce, Timestamp,
};
use utoipa::ToSchema;

use super::condition::Condition;
use super::problem::{Code, Problem};
use super::scalar::{
    ClientOrderIdText, OrderKindText, PegText, PriceText, QtyText, SelfTradePreventionText,
    SideText, SymbolText, TimeInForceText, TimeText, TriggerText,
};
use crate::models::{Models, OrderView};

/// Defines a request with an order's fields and some more. `deny_unknown_fields` does not go with
/// flattened parts, so that they stand in each.
macro_rules! order_request {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
            /// Buy or sell.
            pub side: SideText,
            /// How it meets the book.
            pub kind: OrderKindText,
            /// `gtc` unless said, `ioc` for market orders.
            pub time_in_force: Option<TimeInForceText>,
            /// The limit. A market order's: it takes nothing beyond. A pegged order's: it stands at
            /// no worse price.
            pub price: Option<PriceText>,
            /// How much; not for market orders by `quote_qty`.
            pub qty: Option<QtyText>,
            /// Market orders: how much of the quote asset to spend or raise, instead of `qty`.
            pub quote_qty: Option<QtyText>,
            /// Iceberg: the size of a visible slice.
            pub display_qty: Option<QtyText>,
            /// Good till date: until when.
            pub expire_time: Option<TimeText>,
            /// The client's own name for it, unique among the account's orders. A request that is
            /// sent again with the same name is answered with the order that is there.
            pub client_order_id: Option<ClientOrderIdText>,
            /// What happens instead of a trade with oneself; `expire_maker` unless said.
            pub self_trade_prevention: Option<SelfTradePreventionText>,
            /// What it waits for; `condition` has a field of its own.
            pub trigger: Option<TriggerText>,
            /// Stop and take profit: the trade price that triggers it.
            pub trigger_price: Option<PriceText>,
            /// Trailing stop: how far behind the best trade, as a difference of prices.
            pub trailing_amount: Option<PriceText>,
            /// Trailing stop: the same in basis points, 1 to 9,999.
            #[schema(minimum = 0, maximum = 4_294_967_295_u64)]
            pub trailing_bps: Option<u32>,
            /// Trailing stop: it tracks from the trade that meets this price.
            pub activation_price: Option<PriceText>,
            /// At least so much of it trades on entry, or nothing.
            pub min_qty: Option<QtyText>,
            /// What its price follows.
            pub peg: Option<PegText>,
            /// Pegged: how far it keeps to the passive side of what it follows.
            pub peg_offset: Option<PriceText>,
            /// It trades in full or not at all.
            pub all_or_none: Option<bool>,
            /// It is never displayed.
            pub hidden: Option<bool>,
            /// It takes part in auctions only, and never against the imbalance.
            pub imbalance_only: Option<bool>,
        }

        impl $name {
            /// The order, as the engine takes it.
            pub fn draft(&self, instrument: InstrumentId, account: AccountId) -> Draft {
                let market = self.kind.0 == OrderKind::Market;
                let usual = if market { TimeInForce::Ioc } else { TimeInForce::Gtc };
                let price = |given: Option<PriceText>| given.map_or(Price::ZERO, |price| price.0);
                let qty = |given: Option<QtyText>| given.map_or(Qty::ZERO, |qty| qty.0);
                let flag = |given: Option<bool>| u8::from(given.unwrap_or(false));
                let side = self.side.0;
                let order = NewOrder {
                    price: price(self.price),
                    quote_qty: qty(self.quote_qty),
                    display_qty: qty(self.display_qty),
                    expire_time: self.expire_time.map_or(Timestamp(0), |time| time.0),
                    client_order_id: name(self.client_order_id),
                    kind: self.kind.0,
                    time_in_force: self.time_in_force.map_or(usual, |given| given.0),
                    self_trade_prevention: self
                        .self_trade_prevention
                        .map_or(SelfTradePrevention::ExpireMaker, |given| given.0),
                    ..NewOrder::limit(instrument, account, side, Price::ZERO, qty(self.qty))
                };
                let terms = OrderTerms {
                    trigger_price: price(self.trigger_price),
                    trailing_amount: price(self.trailing_amount),
                    activation_price: price(self.activation_price),
                    trailing_bps: self.trailing_bps.unwrap_or(0),
                    trigger: self.trigger.map_or(Trigger::None, |trigger| trigger.0),
                    min_qty: qty(self.min_qty),
                    peg_offset: price(self.peg_offset),
                    peg: self.peg.map_or(Peg::None, |peg| peg.0),
                    all_or_none: flag(self.all_or_none),
                    hidden: flag(self.hidden),
                    imbalance_only: flag(self.imbalance_only),
                    ..OrderTerms::NONE
                };
                Draft { order, terms }
            }
        }
    };
}

order_request! {
    /// A new order.
    PlaceRequest {
        /// What it trades.
        symbol: SymbolText,
    }
}

order_request! {
    /// A new order that waits until its condition is true.
    ConditionalRequest {
        /// What it trades.
        symbol: SymbolText,
        /// What it waits for, in place of `trigger`: a tree of at most 8 comparisons.
        condition: Condition,
    }
}

order_request! {
    /// An order of a list.
    LegRequest {
        /// What it waits for, in place of `trigger`: a tree of at most 8 comparisons.
        condition: Option<Condition>,
    }
}

order_request! {
    /// An order that says nothing beyond what every order does: no trigger, no peg, no minimum.
    ReplaceRequest {}
}

/// An order and its terms, as the engine takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The order.
    pub order: NewOrder,
    /// What it says beyond.
    pub terms: OrderTerms,
}

impl Draft {
    /// The command that enters it.
    pub fn command(&self) -> Command {
        if self.terms == OrderTerms::NONE {
            return self.order.into();
        }
        NewAdvancedOrder { order: self.order, terms: self.terms }.into()
    }

    /// The command that hands it in as an order of a list.
    pub fn leg(&self) -> Command {
        StageLeg { order: self.order, terms: self.terms }.into()
    }

    /// The same, to wait for a condition that stands at `place`.
    ///
    /// # Errors
    /// When it says another trigger.
    pub fn conditional(mut self, place: &str) -> Result<Self, Problem> {
        if !matches!(self.terms.trigger, Trigger::None | Trigger::Condition) {
            let detail = "an order waits for a condition or for another trigger, not for both";
            return Err(
                Problem::new(Code::InvalidField, detail).of_field(format!("{place}/trigger"))
            );
        }
        self.terms.trigger = Trigger::Condition;
        Ok(self)
    }

    /// The same, which says nothing beyond what every order does. It stands at `place`.
    ///
    /// # Errors
    /// When it does.
    pub fn plain(self, place: &str) -> Result<Self, Problem> {
        if self.terms == OrderTerms::NONE {
            return Ok(self);
        }
        let detail = "no trigger, peg, minimum or other term goes with this order";
        Err(Problem::new(Code::InvalidField, detail).of_field(place))
    }

    /// Whether `order`, which has the same client order id, is what this asks for. What the engine
    /// works out itself (the price of a market order) is not looked at.
    pub fn asked_for(&self, order: &OrderView) -> bool {
        let Self { order: asked, terms } = self;
        let priced = matches!(asked.kind, OrderKind::Limit | OrderKind::PostOnly);
        let fixed = [Trigger::Stop, Trigger::TakeProfit].contains(&terms.trigger);
        (asked.instrument, asked.side, asked.kind, asked.time_in_force)
            == (order.instrument, order.side, order.kind, order.time_in_force)
            && asked.self_trade_prevention == order.self_trade_prevention
            && (asked.qty, asked.quote_qty, asked.display_qty)
                == (order.qty, order.quote_qty, order.display_qty)
            && asked.expire_time == order.expire_time
            && (!priced || asked.price == order.price)
            && terms.trigger == order.trigger
            && (!fixed || terms.trigger_price == order.trigger_price)
            && (terms.trailing_amount, terms.trailing_bps, terms.activation_price)
                == (order.trailing_amount, order.trailing_bps, order.activation_price)
            && (terms.peg, terms.all_or_none, terms.hidden)
                == (order.peg, order.all_or_none, order.hidden)
    }
}

/// A client's name; empty: none was given.
pub fn name(given: Option<ClientOrderIdText>) -> ClientOrderId {
    given.map_or(ClientOrderId::EMPTY, |name| name.0)
}

/// The instrument of a symbol.
///
/// # Errors
/// When there is none; `field` is where the symbol stands.
pub fn instrument(
    models: &Models,
    symbol: SymbolText,
    field: &'static str,
) -> Result<InstrumentSpec, Problem> {
    let spec = models.instruments().by_symbol(&symbol.0);
    spec.copied().ok_or_else(|| Problem::unknown_symbol(field))
}
