//! Answers about an account: balances and trades.

use tiercel_types::{ListId, Money, OrderId, Price, Qty, Timestamp, TradeId};

use super::super::elements::Elements;
use super::super::fields::fields;
use super::super::text::Text;
use super::super::value;
use super::{Cursor, Result};

fields! {
    /// An account.
    Account {
        /// Whether it may trade.
        can_trade: bool = b"canTrade" Cursor::boolean,
        /// When it last changed.
        update_time: Timestamp = b"updateTime" value::timestamp,
        /// What it has.
        balances: Elements<'m, AssetBalance<'m>> = b"balances" read_balances,
    }
}

fields! {
    /// What an account has of an asset.
    AssetBalance {
        /// The asset.
        asset: Text<'m> = b"asset" value::text,
        /// What it can use.
        free: Money = b"free" value::money,
        /// What its orders hold.
        locked: Money = b"locked" value::money,
    }
}

fn read_balances<'m>(cursor: &mut Cursor<'m>, ns: u64) -> Result<Elements<'m, AssetBalance<'m>>> {
    Elements::of(cursor, ns, AssetBalance::read)
}

fields! {
    /// A trade of one's own.
    OwnTrade {
        /// What was traded.
        symbol: Text<'m> = b"symbol" value::text,
        /// Its id.
        trade_id: Option<TradeId> = b"id" value::trade_id,
        /// The own order.
        order_id: OrderId = b"orderId" value::order_id,
        /// At what price.
        price: Price = b"price" value::price,
        /// How much.
        qty: Qty = b"qty" value::qty,
        /// What that came to in the quote asset.
        quote_qty: Money = b"quoteQty" value::money,
        /// What it cost.
        commission: Money = b"commission" value::money,
        /// In which asset.
        commission_asset: Text<'m> = b"commissionAsset" value::text,
        /// When.
        time: Timestamp = b"time" value::timestamp,
        /// Whether the own order bought.
        is_buyer: bool = b"isBuyer" Cursor::boolean,
        /// Whether it was in the book before.
        is_maker: bool = b"isMaker" Cursor::boolean,
        ?
        /// The list that the order is of.
        list_id: ListId = b"orderListId" value::list_id,
    }
}
