//! From messages to what a book applies.

use tiercel_types::market::{OrderAction, OrderOperation};

use super::{Message, Printable};

impl Message<'_> {
    /// What the message does to the book of its instrument, or trades beside it; `None` for a
    /// message that does neither.
    ///
    /// Prices are in 10^-4 and quantities in shares ([`FeedUnits::ITCH`]).
    ///
    /// [`FeedUnits::ITCH`]: tiercel_types::market::FeedUnits::ITCH
    // Inlined, so that decoder, translation and book share one dispatch on the type.
    #[inline(always)]
    pub fn operation(&self) -> Option<OrderOperation> {
        let head = self.head();
        let action = self.action()?;
        Some(OrderOperation {
            locate: head.stock_locate.get(),
            time_ns: head.timestamp.get(),
            action,
        })
    }

    #[inline(always)]
    fn action(&self) -> Option<OrderAction> {
        Some(match *self {
            Message::AddOrder(m) => OrderAction::Add {
                reference: m.order_reference_number.get(),
                side: m.buy_sell_indicator.get().side(),
                qty: m.shares.get(),
                price: m.price.get(),
            },
            Message::AddOrderMpid(m) => OrderAction::Add {
                reference: m.order_reference_number.get(),
                side: m.buy_sell_indicator.get().side(),
                qty: m.shares.get(),
                price: m.price.get(),
            },
            Message::OrderExecuted(m) => OrderAction::Execute {
                reference: m.order_reference_number.get(),
                qty: m.executed_shares.get(),
                match_number: m.match_number.get(),
            },
            Message::OrderExecutedWithPrice(m) => OrderAction::ExecuteAt {
                reference: m.order_reference_number.get(),
                qty: m.executed_shares.get(),
                match_number: m.match_number.get(),
                price: m.execution_price.get(),
                printable: m.printable.get() == Printable::Yes,
            },
            Message::OrderCancel(m) => OrderAction::Cancel {
                reference: m.order_reference_number.get(),
                qty: m.cancelled_shares.get(),
            },
            Message::OrderDelete(m) => {
                OrderAction::Delete { reference: m.order_reference_number.get() }
            }
            Message::OrderReplace(m) => OrderAction::Replace {
                reference: m.original_order_reference_number.get(),
                new_reference: m.new_order_reference_number.get(),
                qty: m.shares.get(),
                price: m.price.get(),
            },
            Message::Trade(m) => OrderAction::Trade {
                side: m.buy_sell_indicator.get().side(),
                qty: m.shares.get(),
                price: m.price.get(),
                match_number: m.match_number.get(),
            },
            Message::CrossTrade(m) => OrderAction::Cross {
                qty: m.shares.get(),
                price: m.cross_price.get(),
                match_number: m.match_number.get(),
            },
            Message::BrokenTrade(m) => OrderAction::Break { match_number: m.match_number.get() },
            _ => return None,
        })
    }
}
