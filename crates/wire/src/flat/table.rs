//! Tables of the schema from records' bodies, and back.
//!
//! Both ways go field by field. Out of a table come bytes, into their places in a record, whether
//! they are allowed or not: the record's own checks say that, once, for both forms.

use core::mem::offset_of;

use flatbuffers::{FlatBufferBuilder, UnionWIPOffset, Vector, WIPOffset};
use tiercel_types::command::ConditionLeaf;
use tiercel_types::order::{
    AmendQtyMeaning, EndReason, ListKind, OrderKind, Peg, PendingRule, SelfTradePrevention, Side,
    SideScope, TimeInForce, Trigger, WaitState,
};
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, ListId, Money, OrderId, Price, Qty, Timestamp, TradeId,
};

use super::schema;
use crate::binary::{
    self, Body, Flag, HEADER_SIZE, IdRole, LoginRefusal, LogoutReason, Opaque, RECORD_SIZE,
    RejectSource, SignatureScheme, Text, TradeChange,
};
use crate::piece::padded;

type Builder = FlatBufferBuilder<'static>;

/// A record's field that a table has too.
trait ToTable {
    /// What the table's arguments take.
    type Value;
    /// The value; what lies outside of the table is written now.
    fn value(&self, builder: &mut Builder) -> Self::Value;
}

/// What a table gives for a field.
trait ToRecord {
    /// Puts it into the field's bytes, which are zeros. What is too long fills them with 0xFF, which
    /// no text and no program of a condition has.
    fn put(self, field: &mut [u8]);
}

macro_rules! numbers {
    ($($of_record:ty => $of_table:ty, |$field:ident| $value:expr;)+) => {
        $(impl ToTable for $of_record {
            type Value = $of_table;

            #[inline(always)]
            fn value(&self, _: &mut Builder) -> $of_table {
                let $field = *self;
                $value
            }
        })+
    };
}
numbers! {
    u8 => u8, |number| number;
    u16 => u16, |number| number;
    u32 => u32, |number| number;
    u64 => u64, |number| number;
    Price => i64, |price| price.units();
    Qty => u64, |qty| qty.units();
    Timestamp => u64, |time| time.0;
    OrderId => u64, |id| id.0;
    ListId => u64, |id| id.0;
    TradeId => u64, |id| id.0;
    AccountId => u32, |id| id.0;
    AssetId => u32, |id| id.0;
    Flag => bool, |flag| flag == Flag::Yes;
}

macro_rules! codes {
    ($($name:ident),+ $(,)?) => {
        $(impl ToTable for $name {
            type Value = schema::$name;

            #[inline(always)]
            fn value(&self, _: &mut Builder) -> schema::$name {
                schema::$name(*self as u8)
            }
        }

        impl ToRecord for schema::$name {
            #[inline(always)]
            fn put(self, field: &mut [u8]) {
                self.0.put(field);
            }
        })+
    };
}
codes!(
    AmendQtyMeaning,
    EndReason,
    IdRole,
    ListKind,
    LoginRefusal,
    LogoutReason,
    OrderKind,
    Peg,
    PendingRule,
    RejectSource,
    SelfTradePrevention,
    Side,
    SideScope,
    SignatureScheme,
    TimeInForce,
    TradeChange,
    Trigger,
    WaitState,
);

/// A text that is there, as the builder takes it. Records have printable ASCII alone.
#[inline(always)]
fn text(bytes: &[u8], builder: &mut Builder) -> Option<WIPOffset<&'static str>> {
    let text = core::str::from_utf8(bytes).unwrap_or_default();
    if text.is_empty() {
        return None;
    }
    Some(WIPOffset::new(builder.create_string(text).value()))
}

impl<const N: usize> ToTable for Text<N> {
    type Value = Option<WIPOffset<&'static str>>;

    #[inline(always)]
    fn value(&self, builder: &mut Builder) -> Self::Value {
        text(self.as_bytes(), builder)
    }
}

impl ToTable for ClientOrderId {
    type Value = Option<WIPOffset<&'static str>>;

    fn value(&self, builder: &mut Builder) -> Self::Value {
        text(self.as_bytes(), builder)
    }
}

impl<const N: usize> ToTable for Opaque<N> {
    type Value = Option<WIPOffset<Vector<'static, u8>>>;

    fn value(&self, builder: &mut Builder) -> Self::Value {
        Some(builder.create_vector(&self.0))
    }
}

impl ToTable for Money {
    type Value = Option<WIPOffset<schema::Money<'static>>>;

    fn value(&self, builder: &mut Builder) -> Self::Value {
        let units = self.units();
        let args = schema::MoneyArgs { low: units as u64, high: (units >> 64) as i64 };
        Some(schema::Money::create(builder, &args))
    }
}

impl ToTable for ConditionLeaf {
    type Value = Option<WIPOffset<schema::ConditionLeaf<'static>>>;

    fn value(&self, builder: &mut Builder) -> Self::Value {
        if *self == Self::NONE {
            return None;
        }
        let args = schema::ConditionLeafArgs {
            value: self.value,
            instrument: self.instrument.0,
            field: schema::ConditionField(self.field as u8),
            comparison: schema::Comparison(self.comparison as u8),
        };
        Some(schema::ConditionLeaf::create(builder, &args))
    }
}

macro_rules! little_endian {
    ($($number:ty),+) => {
        $(impl ToRecord for $number {
            #[inline(always)]
            fn put(self, field: &mut [u8]) {
                field.copy_from_slice(&self.to_le_bytes());
            }
        })+
    };
}
little_endian!(u8, u16, u32, u64, i64);

impl ToRecord for bool {
    #[inline(always)]
    fn put(self, field: &mut [u8]) {
        u8::from(self).put(field);
    }
}

impl ToRecord for &[u8] {
    #[inline(always)]
    fn put(self, field: &mut [u8]) {
        // The client id of nearly every message.
        if let (Ok(field), Some(padded)) = (<&mut [u8; 16]>::try_from(&mut *field), padded(self)) {
            *field = padded;
            return;
        }
        match field.get_mut(..self.len()) {
            Some(place) => place.copy_from_slice(self),
            None => field.fill(u8::MAX),
        }
    }
}

impl ToRecord for Option<&str> {
    #[inline(always)]
    fn put(self, field: &mut [u8]) {
        self.unwrap_or_default().as_bytes().put(field);
    }
}

impl ToRecord for Option<Vector<'_, u8>> {
    fn put(self, field: &mut [u8]) {
        self.map_or(&[][..], |bytes| bytes.bytes()).put(field);
    }
}

impl ToRecord for Option<schema::Money<'_>> {
    fn put(self, field: &mut [u8]) {
        if let (Some(money), Some((low, high))) = (self, field.split_at_mut_checked(8)) {
            money.low().put(low);
            money.high().put(high);
        }
    }
}

impl ToRecord for Option<schema::ConditionLeaf<'_>> {
    fn put(self, field: &mut [u8]) {
        if let Some(leaf) = self {
            field[..8].copy_from_slice(&leaf.value().to_le_bytes());
            field[8..12].copy_from_slice(&leaf.instrument().to_le_bytes());
            (field[12], field[13]) = (leaf.field().0, leaf.comparison().0);
        }
    }
}

#[inline(always)]
const fn size_of_field<R, F>(_: impl Fn(&R) -> &F + Copy) -> usize {
    size_of::<F>()
}

/// Every record: its table's arguments, how a holder of a body gives it, and the fields of both.
macro_rules! tables {
    ($($name:ident $args:ident $body_as:ident { $($field:ident),* $(,)? })+) => {
        /// Writes the table of a body.
        #[inline]
        pub(super) fn write(
            body: &Body,
            builder: &mut Builder,
        ) -> (schema::Body, WIPOffset<UnionWIPOffset>) {
            match body {
                $(Body::$name(_record) => {
                    let args = schema::$args { $($field: _record.$field.value(builder)),* };
                    (schema::Body::$name, schema::$name::create(builder, &args).as_union_value())
                })+
            }
        }

        tables!(@read read_message Message $($name $body_as { $($field),* })+);
        tables!(@read read_extension Extension $($name $body_as { $($field),* })+);
    };
    (@read $function:ident $holder:ident $($name:ident $body_as:ident { $($field:ident),* })+) => {
        /// Puts the body of a table into a record, which has its kind, and zeros as a body. Of a body
        /// that no record has, they stay.
        #[inline]
        pub(super) fn $function(holder: &schema::$holder<'_>, record: &mut [u8; RECORD_SIZE]) {
            match schema::Body(record[0]) {
                $(schema::Body::$name => {
                    let Some(_table) = holder.$body_as() else { return };
                    $({
                        let start = HEADER_SIZE + offset_of!(binary::$name, $field);
                        let size = size_of_field(|record: &binary::$name| &record.$field);
                        _table.$field().put(&mut record[start..start + size]);
                    })*
                })+
                _ => {}
            }
        }
    };
}

tables! {
    Hello HelloArgs body_as_hello { protocol, version_min, version_max, nonce }
    Challenge ChallengeArgs body_as_challenge { version, time, nonce }
    Login LoginArgs body_as_login { next_incoming, heartbeat_ms, scheme, cancel_on_disconnect }
    LoginAccepted LoginAcceptedArgs body_as_login_accepted {
        next_incoming, next_outgoing, time, session, account, heartbeat_ms, version,
        cancel_on_disconnect,
    }
    LoginRefused LoginRefusedArgs body_as_login_refused { reason, version_min, version_max }
    Heartbeat HeartbeatArgs body_as_heartbeat {}
    Resend ResendArgs body_as_resend {}
    GapFill GapFillArgs body_as_gap_fill { next }
    Logout LogoutArgs body_as_logout { reason }
    NewOrder NewOrderArgs body_as_new_order {
        client_id, price, qty, display_qty, side, kind, time_in_force, self_trade_prevention,
        by_quote,
    }
    CancelOrder CancelOrderArgs body_as_cancel_order { client_id, order_id }
    ReplaceOrder ReplaceOrderArgs body_as_replace_order {
        client_id, price, qty, display_qty, side, kind, time_in_force, self_trade_prevention,
        by_quote,
    }
    AmendOrder AmendOrderArgs body_as_amend_order {
        client_id, order_id, price, qty, qty_meaning, lose_priority,
    }
    MassCancel MassCancelArgs body_as_mass_cancel { sides }
    QueryOrder QueryOrderArgs body_as_query_order { client_id, order_id }
    NewOrderList NewOrderListArgs body_as_new_order_list { client_id, kind, pending_rule }
    CountdownCancel CountdownCancelArgs body_as_countdown_cancel { after_ns }
    Accepted AcceptedArgs body_as_accepted {
        client_id, order_id, time, request, side, kind, time_in_force,
    }
    Rejected RejectedArgs body_as_rejected {
        client_id, order_id, time, request, reason, source, record_kind, field, leg,
    }
    Replaced ReplacedArgs body_as_replaced { client_id, order_id, target_order_id, time, request }
    Amended AmendedArgs body_as_amended { order_id, price, open_qty, time, request, side }
    Executed ExecutedArgs body_as_executed { order_id, trade_id, price, qty, open_qty, time }
    Cancelled CancelledArgs body_as_cancelled {
        order_id, unfilled_qty, time, request, reason, side, denial,
    }
    Expired ExpiredArgs body_as_expired { order_id, unfilled_qty, time, request, reason, side }
    Rested RestedArgs body_as_rested { order_id, price, open_qty, displayed_qty, time, side }
    Waiting WaitingArgs body_as_waiting {
        order_id, list_id, trigger_price, time, trigger, state, side,
    }
    Triggered TriggeredArgs body_as_triggered { order_id, list_id, price, qty, time, trigger, side }
    Prevented PreventedArgs body_as_prevented {
        order_id, other_order_id, qty, open_qty, time, action, side,
    }
    TradeChanged TradeChangedArgs body_as_trade_changed { trade_id, price, qty, time, change }
    OrderStatus OrderStatusArgs body_as_order_status { client_id, order_id, price, qty, open_qty }
    MassCancelDone MassCancelDoneArgs body_as_mass_cancel_done { orders, time, request }
    ListAccepted ListAcceptedArgs body_as_list_accepted {
        list_id, order_id_1, order_id_2, order_id_3, time, request,
    }
    Busy BusyArgs body_as_busy { client_id, request, time, retry_after_ms, record_kind }
    CountdownSet CountdownSetArgs body_as_countdown_set { ends_at, time, request }
    LoginKey LoginKeyArgs body_as_login_key { text }
    LoginSignature LoginSignatureArgs body_as_login_signature { bytes }
    OrderTerms OrderTermsArgs body_as_order_terms {
        expire_time, min_qty, peg_offset, peg, all_or_none, hidden, imbalance_only,
    }
    OrderTrigger OrderTriggerArgs body_as_order_trigger {
        trigger_price, trailing_amount, activation_price, trailing_bps, trigger,
    }
    Condition ConditionArgs body_as_condition { program, leaf_1, leaf_2 }
    MoreLeaves MoreLeavesArgs body_as_more_leaves { leaf_1, leaf_2, leaf_3 }
    LongId LongIdArgs body_as_long_id { text, role }
    Target TargetArgs body_as_target { client_id, order_id }
    Fee FeeArgs body_as_fee { fee, asset }
    StatusTerms StatusTermsArgs body_as_status_terms {
        request, time, displayed_qty, display_qty, expire_time, side, kind, time_in_force,
        self_trade_prevention, peg, all_or_none, hidden,
    }
}
