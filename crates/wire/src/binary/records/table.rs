//! The table: every record, its code, its name and its fields.

use core::mem::offset_of;

use tiercel_types::command::ConditionLeaf;
use tiercel_types::order::{
    AmendQtyMeaning, EndReason, ListKind, OrderKind, Peg, PendingRule, SelfTradePrevention, Side,
    SideScope, TimeInForce, Trigger, WaitState,
};
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, ListId, Money, OrderId, Price, Qty, Timestamp, TradeId,
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::{BodyRecord, FieldInfo, Sealed};
use crate::binary::field::{
    ClientId, Field, FieldValue, Flag, IdRole, LoginRefusal, LogoutReason, Opaque, RejectSource,
    SignatureScheme, Text, TradeChange,
};
use crate::binary::{BODY_SIZE, Fault, HEADER_SIZE, Header, RECORD_SIZE};

records! {
    /// The first record of a client: which versions it speaks.
    0x01 Hello "hello" {
        /// The protocol's name: `TIERCELB`.
        protocol: Text<8>,
        /// The oldest version that the client speaks.
        version_min: u16,
        /// The newest.
        version_max: u16,
        /// Zero.
        reserved: [u8; 4],
        /// Drawn at random by the client, for this connection.
        nonce: Opaque<32>,
    }
    /// The answer to a hello: the version to speak, and what to sign.
    0x02 Challenge "challenge" {
        /// The newest version that both sides speak.
        version: u16,
        /// Zero.
        reserved: [u8; 6],
        /// The venue's time.
        time: Timestamp,
        /// Drawn at random by the venue, for this connection.
        nonce: Opaque<32>,
    }
    /// Who the client is. One or two `login_key` and one or two `login_signature` follow.
    0x03 Login "login" {
        /// The number of the answer to begin with: those from it on are sent again. Zero: none is.
        next_incoming: u64,
        /// How often the client wants to hear something, in milliseconds.
        heartbeat_ms: u32,
        /// How it is signed.
        scheme: SignatureScheme,
        /// Whether the session's orders are cancelled when its connection ends.
        cancel_on_disconnect: Flag,
        /// Zero.
        reserved: [u8; 34],
    }
    /// The client is logged on.
    0x04 LoginAccepted "login_accepted" {
        /// The number of the request that the venue waits for.
        next_incoming: u64,
        /// The number of the first answer that follows.
        next_outgoing: u64,
        /// The venue's time.
        time: Timestamp,
        /// The session's number among those of its account; orders carry it.
        session: u32,
        /// Whose orders they are.
        account: AccountId,
        /// How often either side says something, in milliseconds.
        heartbeat_ms: u32,
        /// The version that is spoken.
        version: u16,
        /// Whether the session's orders are cancelled when its connection ends.
        cancel_on_disconnect: Flag,
        /// Zero.
        reserved: [u8; 9],
    }
    /// The client is not logged on, and the connection ends.
    0x05 LoginRefused "login_refused" {
        /// Why.
        reason: LoginRefusal,
        /// Zero.
        reserved: [u8; 1],
        /// The oldest version that the venue speaks.
        version_min: u16,
        /// The newest.
        version_max: u16,
        /// Zero.
        reserved_too: [u8; 42],
    }
    /// A sign of life. Its header has the number of the next record to come.
    0x06 Heartbeat "heartbeat" {
        /// Zero.
        reserved: [u8; 48],
    }
    /// Asks for every record again from the number in its header on.
    0x07 Resend "resend" {
        /// Zero.
        reserved: [u8; 48],
    }
    /// Stands for records that are not sent again: from the number in its header up to `next`.
    0x08 GapFill "gap_fill" {
        /// The number of the record that follows.
        next: u64,
        /// Zero.
        reserved: [u8; 40],
    }
    /// Says goodbye. The other side answers with the same, and the connection ends.
    0x09 Logout "logout" {
        /// Why.
        reason: LogoutReason,
        /// Zero.
        reserved: [u8; 47],
    }

    /// Enters an order.
    0x10 NewOrder "new_order" {
        /// The client's name for it; empty: none, or in a `long_id`.
        client_id: ClientId,
        /// Limit price; of a market order the protection price, zero: none.
        price: Price,
        /// How much, in the base asset; or in the quote asset, if `by_quote`.
        qty: Qty,
        /// Iceberg: the size of a visible slice; zero: all is visible.
        display_qty: Qty,
        /// Buy or sell.
        side: Side,
        /// How it meets the book.
        kind: OrderKind,
        /// How long it lives.
        time_in_force: TimeInForce,
        /// What happens instead of trading with oneself.
        self_trade_prevention: SelfTradePrevention,
        /// Whether `qty` counts the quote asset.
        by_quote: Flag,
        /// Zero.
        reserved: [u8; 3],
    }
    /// Cancels an order.
    0x11 CancelOrder "cancel_order" {
        /// Which order, when `order_id` is zero.
        client_id: ClientId,
        /// Which order; zero: by client id.
        order_id: OrderId,
        /// Zero.
        reserved: [u8; 24],
    }
    /// Cancels an order and enters another in its stead, both or neither. A `target` follows.
    0x12 ReplaceOrder "replace_order" {
        /// The client's name for the new order; empty: none, or in a `long_id`.
        client_id: ClientId,
        /// Limit price; of a market order the protection price, zero: none.
        price: Price,
        /// How much, in the base asset; or in the quote asset, if `by_quote`.
        qty: Qty,
        /// Iceberg: the size of a visible slice; zero: all is visible.
        display_qty: Qty,
        /// Buy or sell.
        side: Side,
        /// How it meets the book.
        kind: OrderKind,
        /// How long it lives.
        time_in_force: TimeInForce,
        /// What happens instead of trading with oneself.
        self_trade_prevention: SelfTradePrevention,
        /// Whether `qty` counts the quote asset.
        by_quote: Flag,
        /// Zero.
        reserved: [u8; 3],
    }
    /// Changes an order, which keeps its id, and its place in the queue if it only gets smaller.
    0x13 AmendOrder "amend_order" {
        /// Which order, when `order_id` is zero.
        client_id: ClientId,
        /// Which order; zero: by client id.
        order_id: OrderId,
        /// New limit price; zero: unchanged (where prices may be negative: always meant).
        price: Price,
        /// New quantity; zero: unchanged.
        qty: Qty,
        /// What `qty` counts.
        qty_meaning: AmendQtyMeaning,
        /// Whether it goes to the back of its level whatever changes.
        lose_priority: Flag,
        /// Zero.
        reserved: [u8; 6],
    }
    /// Cancels all live orders of the account in the header's instrument (4294967295: in each).
    0x14 MassCancel "mass_cancel" {
        /// On which sides.
        sides: SideScope,
        /// Zero.
        reserved: [u8; 47],
    }
    /// Asks how an order stands.
    0x15 QueryOrder "query_order" {
        /// Which order, when `order_id` is zero.
        client_id: ClientId,
        /// Which order; zero: by client id.
        order_id: OrderId,
        /// Zero.
        reserved: [u8; 24],
    }
    /// Enters two or three orders that hang together. Their `new_order` follow, each with its own
    /// extensions; the working order of an OTO and OTOCO comes first.
    0x16 NewOrderList "new_order_list" {
        /// The client's name for the list; empty: none.
        client_id: ClientId,
        /// How its orders hang together.
        kind: ListKind,
        /// When pending orders are entered; an OCO has none: `full_fill`.
        pending_rule: PendingRule,
        /// Zero.
        reserved: [u8; 30],
    }
    /// Cancels the account's orders in the header's instrument (4294967295: in each) some time from
    /// now, unless it is renewed before.
    0x17 CountdownCancel "countdown_cancel" {
        /// How long from now, in nanoseconds; zero: not any more.
        after_ns: u64,
        /// Zero.
        reserved: [u8; 40],
    }

    /// An order was taken. What it trades, and where it rests, follows, unless the header's flag
    /// `RESTING` says that it rests as it is. All that follows names it by `order_id`.
    0x40 Accepted "accepted" {
        /// The client's name for it, or the beginning of a longer one.
        client_id: ClientId,
        /// Its id.
        order_id: OrderId,
        /// When.
        time: Timestamp,
        /// The number of the request.
        request: u64,
        /// Buy or sell.
        side: Side,
        /// How it meets the book.
        kind: OrderKind,
        /// How long it lives.
        time_in_force: TimeInForce,
        /// Zero.
        reserved: [u8; 5],
    }
    /// A request was refused; nothing changed.
    0x41 Rejected "rejected" {
        /// The client id that it gave or named, or the beginning of a longer one.
        client_id: ClientId,
        /// The order that it named by id; zero: none.
        order_id: OrderId,
        /// When.
        time: Timestamp,
        /// The number of the request.
        request: u64,
        /// Why: of the engine the number of a denial reason, of the gateway that of a fault.
        reason: u16,
        /// Who refused it.
        source: RejectSource,
        /// The kind of the record at fault.
        record_kind: u8,
        /// Where the field at fault begins in that record; zero: no one field.
        field: u8,
        /// Of a list: which of its orders, from 1; zero: none.
        leg: u8,
        /// Zero.
        reserved: [u8; 2],
    }
    /// An order was cancelled and another entered in its stead. What it trades, and where it rests,
    /// follows, unless the header's flag `RESTING` says that it rests as it is.
    0x42 Replaced "replaced" {
        /// The client's name for the new order, or the beginning of a longer one.
        client_id: ClientId,
        /// The new order's id.
        order_id: OrderId,
        /// The id of the order that is gone.
        target_order_id: OrderId,
        /// When.
        time: Timestamp,
        /// The number of the request.
        request: u64,
    }
    /// An order was amended. The header's flags say whether it kept its place (`PRIORITY_KEPT`) and
    /// whether it rests (`RESTING`), or what it trades and where it rests follows.
    0x43 Amended "amended" {
        /// Which order.
        order_id: OrderId,
        /// Its price now.
        price: Price,
        /// All that is open now.
        open_qty: Qty,
        /// When.
        time: Timestamp,
        /// The number of the request.
        request: u64,
        /// Its side.
        side: Side,
        /// Zero.
        reserved: [u8; 7],
    }
    /// An order traded. The header's flags say whether it rested (`MAKER`) and whether it was in an
    /// auction (`AUCTION`). A `fee` follows, unless it is zero.
    0x44 Executed "executed" {
        /// Which order.
        order_id: OrderId,
        /// The trade's id, counted for each instrument.
        trade_id: TradeId,
        /// At what price.
        price: Price,
        /// How much.
        qty: Qty,
        /// What the order has left; zero: it is filled and gone.
        open_qty: Qty,
        /// When.
        time: Timestamp,
    }
    /// An order ended because somebody ended it.
    0x45 Cancelled "cancelled" {
        /// Which order.
        order_id: OrderId,
        /// What it had left.
        unfilled_qty: Qty,
        /// When.
        time: Timestamp,
        /// The number of the request; zero: none of this session asked for it.
        request: u64,
        /// Why.
        reason: EndReason,
        /// Its side.
        side: Side,
        /// Reason `rejected`: the number of the denial reason; else zero.
        denial: u16,
        /// Zero.
        reserved: [u8; 12],
    }
    /// An order ended by its own terms.
    0x46 Expired "expired" {
        /// Which order.
        order_id: OrderId,
        /// What it had left.
        unfilled_qty: Qty,
        /// When.
        time: Timestamp,
        /// The number of the request that entered it, if it ended on entry; else zero.
        request: u64,
        /// Why.
        reason: EndReason,
        /// Its side.
        side: Side,
        /// Zero.
        reserved: [u8; 14],
    }
    /// The rest of an order rests.
    0x47 Rested "rested" {
        /// Which order.
        order_id: OrderId,
        /// At which price.
        price: Price,
        /// All that is open.
        open_qty: Qty,
        /// What of it is visible.
        displayed_qty: Qty,
        /// When.
        time: Timestamp,
        /// On which side.
        side: Side,
        /// Zero.
        reserved: [u8; 7],
    }
    /// An order is live and not in the book: it waits.
    0x48 Waiting "waiting" {
        /// Which order.
        order_id: OrderId,
        /// Of which list; zero: of none.
        list_id: ListId,
        /// The price that triggers it; of a trailing stop the best trade since it tracks.
        trigger_price: Price,
        /// When.
        time: Timestamp,
        /// What it waits for.
        trigger: Trigger,
        /// Where it stands.
        state: WaitState,
        /// Its side.
        side: Side,
        /// Zero.
        reserved: [u8; 13],
    }
    /// An order that waited is entered. What it trades, and where it rests, follows.
    0x49 Triggered "triggered" {
        /// Which order.
        order_id: OrderId,
        /// Of which list; zero: of none.
        list_id: ListId,
        /// Its limit or protection price; zero: none.
        price: Price,
        /// Its quantity.
        qty: Qty,
        /// When.
        time: Timestamp,
        /// What it waited for; `none`: the working order of its list.
        trigger: Trigger,
        /// Its side.
        side: Side,
        /// Zero.
        reserved: [u8; 6],
    }
    /// Two orders of one account or group met and did not trade. Ends of orders follow.
    0x4A Prevented "prevented" {
        /// The account's order.
        order_id: OrderId,
        /// The other order.
        other_order_id: OrderId,
        /// What would have traded.
        qty: Qty,
        /// What `order_id` has left.
        open_qty: Qty,
        /// When.
        time: Timestamp,
        /// What was done.
        action: SelfTradePrevention,
        /// The side of `order_id`.
        side: Side,
        /// Zero.
        reserved: [u8; 6],
    }
    /// A trade was undone, or has other terms now.
    0x4B TradeChanged "trade_changed" {
        /// Which trade, of the header's instrument.
        trade_id: TradeId,
        /// Its price now, or as it was.
        price: Price,
        /// Its quantity now, or as it was.
        qty: Qty,
        /// When.
        time: Timestamp,
        /// What happened to it.
        change: TradeChange,
        /// Zero.
        reserved: [u8; 15],
    }
    /// How an order stands. A `status_terms` follows.
    0x4C OrderStatus "order_status" {
        /// The client's name for it, or the beginning of a longer one.
        client_id: ClientId,
        /// Which order.
        order_id: OrderId,
        /// Its limit price.
        price: Price,
        /// Its quantity: what was filled and what is open.
        qty: Qty,
        /// What is open.
        open_qty: Qty,
    }
    /// A mass cancel is complete.
    0x4D MassCancelDone "mass_cancel_done" {
        /// How many orders ended.
        orders: u64,
        /// When.
        time: Timestamp,
        /// The number of the request.
        request: u64,
        /// Zero.
        reserved: [u8; 24],
    }
    /// A list was taken. Its orders follow, each as `accepted`.
    0x4E ListAccepted "list_accepted" {
        /// Its id.
        list_id: ListId,
        /// Its first order.
        order_id_1: OrderId,
        /// Its second order.
        order_id_2: OrderId,
        /// Its third order; zero: it has two.
        order_id_3: OrderId,
        /// When.
        time: Timestamp,
        /// The number of the request.
        request: u64,
    }
    /// The request was not taken, for the venue has too much to do. Nothing changed; it may be sent
    /// again.
    0x4F Busy "busy" {
        /// The client id that it gave or named, or the beginning of a longer one.
        client_id: ClientId,
        /// The number of the request.
        request: u64,
        /// When.
        time: Timestamp,
        /// How long to wait before it is sent again, in milliseconds; zero: not known.
        retry_after_ms: u32,
        /// The request's kind.
        record_kind: u8,
        /// Zero.
        reserved: [u8; 11],
    }
    /// A countdown is armed or disarmed.
    0x50 CountdownSet "countdown_set" {
        /// When it runs out; zero: it is disarmed.
        ends_at: Timestamp,
        /// When it was set.
        time: Timestamp,
        /// The number of the request.
        request: u64,
        /// Zero.
        reserved: [u8; 24],
    }

    /// Of a login: 48 characters of the key's id.
    0x80 LoginKey "login_key" {
        /// The characters; behind them zeros.
        text: Text<48>,
    }
    /// Of a login: 48 bytes of the signature.
    0x81 LoginSignature "login_signature" {
        /// The bytes; behind the signature zeros.
        bytes: Opaque<48>,
    }
    /// Of an order: what it says beyond price and quantity.
    0x82 OrderTerms "order_terms" {
        /// Good-till-date: when it expires; else zero.
        expire_time: Timestamp,
        /// At least so much of it trades on entry, or nothing; zero: no minimum.
        min_qty: Qty,
        /// Pegged: how far its price keeps to the passive side of what it follows.
        peg_offset: Price,
        /// What its price follows.
        peg: Peg,
        /// Whether it trades in full or not at all.
        all_or_none: Flag,
        /// Whether it is never displayed.
        hidden: Flag,
        /// Whether it takes part in auctions only, and never against the imbalance.
        imbalance_only: Flag,
        /// Zero.
        reserved: [u8; 20],
    }
    /// Of an order: what it waits for. With trigger `condition` a `condition` follows.
    0x83 OrderTrigger "order_trigger" {
        /// Stop, take profit: the trade price that triggers it.
        trigger_price: Price,
        /// Trailing stop: how far behind the best trade, as a difference of prices.
        trailing_amount: Price,
        /// Trailing stop: it tracks from the trade that meets this price; zero: from the next.
        activation_price: Price,
        /// Trailing stop: how far behind, in basis points of the best trade.
        trailing_bps: u32,
        /// What it waits for.
        trigger: Trigger,
        /// Zero.
        reserved: [u8; 19],
    }
    /// Of an order: a condition, its tree and its first two comparisons.
    0x84 Condition "condition" {
        /// The tree in postfix: a comparison by its number from 1, 0x41 for both and 0x42 for either
        /// of the two results before; zeros behind it.
        program: Opaque<16>,
        /// The first comparison.
        leaf_1: ConditionLeaf,
        /// The second; zeros: none.
        leaf_2: ConditionLeaf,
    }
    /// Of a condition: the next three comparisons. At most two of these follow one another.
    0x85 MoreLeaves "more_leaves" {
        /// The third, or the sixth.
        leaf_1: ConditionLeaf,
        /// The fourth, or the seventh; zeros: none.
        leaf_2: ConditionLeaf,
        /// The fifth, or the eighth; zeros: none.
        leaf_3: ConditionLeaf,
    }
    /// Of an order or a request: a client id of more than 16 characters. The one in the record
    /// itself is empty in a request, and the beginning of this one in an answer.
    0x86 LongId "long_id" {
        /// The whole id.
        text: ClientOrderId,
        /// Which of the client ids it is.
        role: IdRole,
        /// Zero.
        reserved: [u8; 11],
    }
    /// Of a replacement: the order that it replaces.
    0x87 Target "target" {
        /// Which order, when `order_id` is zero.
        client_id: ClientId,
        /// Which order; zero: by client id.
        order_id: OrderId,
        /// Zero.
        reserved: [u8; 24],
    }
    /// Of an execution: what it cost.
    0x88 Fee "fee" {
        /// The fee, in units of 10^-16; negative: a rebate.
        fee: Money,
        /// In which asset.
        asset: AssetId,
        /// Zero.
        reserved: [u8; 28],
    }
    /// Of an order's status: the rest of it.
    0x89 StatusTerms "status_terms" {
        /// The number of the request.
        request: u64,
        /// When.
        time: Timestamp,
        /// What of it is visible.
        displayed_qty: Qty,
        /// Iceberg: its slice; zero: all is visible.
        display_qty: Qty,
        /// Good-till-date: when it expires; else zero.
        expire_time: Timestamp,
        /// Buy or sell.
        side: Side,
        /// How it came.
        kind: OrderKind,
        /// How long it lives.
        time_in_force: TimeInForce,
        /// Its self-trade prevention.
        self_trade_prevention: SelfTradePrevention,
        /// What its price follows.
        peg: Peg,
        /// Whether it trades in full or not at all.
        all_or_none: Flag,
        /// Whether it is never displayed.
        hidden: Flag,
        /// Zero.
        reserved: [u8; 1],
    }
}
