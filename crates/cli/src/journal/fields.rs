//! The fields of a command, by name, as a table or a program wants them.
//!
//! Each body is taken apart whole: a field that is appended to a command does not compile until it
//! has its place here.

use serde::{Serialize, Serializer};
use tiercel_types::command::{
    AddAsset, AddInstrument, AdvanceTime, AmendOrder, BustTrade, CONDITION_AND, CONDITION_END,
    CONDITION_OR, CancelOnDisconnect, CancelOrder, ConditionLeaf, CorrectTrade, CountdownCancel,
    Deposit, MarketMaker, MassCancel, NewAdvancedOrder, NewOrder, NewOrderList, OrderTerms,
    QueryOrder, ReplaceOrder, SchedulePhase, SetAccount, SetAuctionRules, SetInstrumentState,
    SetKillSwitch, SetMatchingRules, SetProtections, StageCondition, StageLeg, StartCall, Transfer,
    UpdateInstrument, Withdraw,
};
use tiercel_types::instrument::InstrumentSpec;
use tiercel_types::{
    AccountId, AssetId, Command, InstrumentId, OrderId, Price, Timestamp, TradeId,
};

/// What a field says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// An id, a count, a time in nanoseconds.
    Number(i128),
    /// A decimal, exactly as it is; a word; a name.
    Text(String),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => text.serialize(serializer),
        }
    }
}

/// A field's type: a number, or whatever displays itself.
trait Field {
    fn value(&self) -> Value;
}

macro_rules! numbers {
    ($($type:ty),+; $($id:ty),+) => {
        $(impl Field for $type {
            fn value(&self) -> Value {
                Value::Number(i128::from(*self))
            }
        })+
        $(impl Field for $id {
            fn value(&self) -> Value {
                Value::Number(i128::from(self.0))
            }
        })+
    };
}

macro_rules! texts {
    ($($type:ty),+ $(,)?) => {
        $(impl Field for $type {
            fn value(&self) -> Value {
                Value::Text(self.to_string())
            }
        })+
    };
}

numbers!(u8, u32, i32, u64; OrderId, TradeId, InstrumentId, AccountId, AssetId, Timestamp);
texts!(
    tiercel_types::Price,
    tiercel_types::Qty,
    tiercel_types::Money,
    tiercel_types::Side,
    tiercel_types::auction::AuctionKind,
    tiercel_types::auction::AuctionReference,
    tiercel_types::auction::Pressure,
    tiercel_types::auction::TieBreak,
    tiercel_types::command::AccountState,
    tiercel_types::command::Allocation,
    tiercel_types::command::ScheduleAction,
    tiercel_types::instrument::InstrumentState,
    tiercel_types::order::AmendQtyMeaning,
    tiercel_types::order::ListKind,
    tiercel_types::order::PendingRule,
    tiercel_types::order::Trigger,
    tiercel_types::order::Peg,
    tiercel_types::order::OrderKind,
    tiercel_types::order::SelfTradePrevention,
    tiercel_types::order::SideScope,
    tiercel_types::order::TimeInForce,
    tiercel_types::text::AssetCode,
    tiercel_types::text::ClientOrderId,
    tiercel_types::text::Symbol,
);

/// Names with values, in the order of the record.
pub(super) type Fields = Vec<(&'static str, Value)>;

/// Takes a body apart: all of its fields but what stands behind the semicolon.
macro_rules! parts {
    ($out:ident, $body:expr, $type:ident { $($name:ident),* $(; $($unshown:ident),+)? }) => {{
        let $type { $($name,)* $($($unshown: _),+)? } = $body;
        $($out.push((stringify!($name), $name.value()));)*
    }};
}

/// The fields of `command`; padding is left out.
pub(super) fn fields(command: &Command) -> Fields {
    let mut out = Vec::new();
    match command {
        Command::NewOrder(body) => order(&mut out, body),
        Command::CancelOrder(body) => {
            parts!(out, body, CancelOrder { order_id, account, client_order_id });
        }
        Command::ReplaceOrder(ReplaceOrder {
            target_order_id,
            target_client_order_id,
            reserved: _,
            order: body,
        }) => {
            out.push(("target_order_id", target_order_id.value()));
            out.push(("target_client_order_id", target_client_order_id.value()));
            order(&mut out, body);
        }
        Command::AmendOrder(body) => parts!(out, body, AmendOrder {
            order_id, price, qty, account, client_order_id, new_client_order_id, qty_meaning,
            lose_priority; reserved
        }),
        Command::MassCancel(body) => {
            parts!(out, body, MassCancel { account, instrument, sides; reserved });
        }
        Command::QueryOrder(body) => {
            parts!(out, body, QueryOrder { order_id, account, client_order_id });
        }
        Command::BustTrade(body) => {
            parts!(out, body, BustTrade { trade_id, instrument; reserved });
        }
        Command::CorrectTrade(body) => {
            parts!(out, body, CorrectTrade { trade_id, price, qty, instrument; reserved });
        }
        Command::AddAsset(body) => parts!(out, body, AddAsset { asset, code }),
        Command::AddInstrument(AddInstrument { spec })
        | Command::UpdateInstrument(UpdateInstrument { spec }) => terms(&mut out, spec),
        Command::SetInstrumentState(body) => {
            parts!(out, body, SetInstrumentState { instrument, state; reserved });
        }
        Command::SetAccount(body) => {
            parts!(out, body, SetAccount { account, trade_group, max_open_orders, state; reserved });
        }
        Command::Deposit(_) | Command::Withdraw(_) | Command::Transfer(_) => {
            funds(&mut out, command);
        }
        Command::AdvanceTime(AdvanceTime { reserved: _ }) => {}
        Command::NewAdvancedOrder(NewAdvancedOrder { order: body, terms })
        | Command::StageLeg(StageLeg { order: body, terms }) => {
            order(&mut out, body);
            order_terms(&mut out, terms);
        }
        Command::StageCondition(StageCondition { leaves, program, account, reserved: _ }) => {
            out.push(("account", account.value()));
            out.push(("condition", Value::Text(condition(leaves, program))));
        }
        Command::SetMatchingRules(body) => rules(&mut out, body),
        Command::SetAuctionRules(body) => auction_rules(&mut out, body),
        Command::StartCall(_)
        | Command::SetKillSwitch(_)
        | Command::CancelOnDisconnect(_)
        | Command::CountdownCancel(_)
        | Command::SchedulePhase(_)
        | Command::SetProtections(_) => phases(&mut out, command),
        Command::NewOrderList(body) => parts!(out, body, NewOrderList {
            instrument, account, list_client_order_id, kind, pending_rule; reserved
        }),
    }
    out
}

fn funds(out: &mut Fields, command: &Command) {
    match command {
        Command::Deposit(body) => {
            parts!(out, body, Deposit { funding_id, account, asset, amount });
        }
        Command::Withdraw(body) => {
            parts!(out, body, Withdraw { funding_id, account, asset, amount });
        }
        Command::Transfer(body) => {
            parts!(out, body, Transfer { funding_id, from, to, asset, amount; reserved });
        }
        _ => {}
    }
}

fn phases(out: &mut Fields, command: &Command) {
    match command {
        Command::StartCall(body) => {
            parts!(out, body, StartCall { instrument, auction, then, ends_at; reserved });
        }
        Command::SetKillSwitch(body) => {
            parts!(out, body, SetKillSwitch { account, on; reserved });
        }
        Command::CancelOnDisconnect(body) => {
            parts!(out, body, CancelOnDisconnect { account, session });
        }
        Command::CountdownCancel(body) => {
            parts!(out, body, CountdownCancel { account, instrument, after_ns });
        }
        Command::SchedulePhase(body) => {
            parts!(out, body, SchedulePhase { at, instrument, state, action, auction; reserved });
        }
        Command::SetProtections(body) => parts!(
            out,
            body,
            SetProtections {
                instrument,
                dynamic_ppm,
                static_ppm,
                limit_ppm,
                call_ns,
                window_ns,
                limit_state_ns,
                pause_ns
            }
        ),
        _ => {}
    }
}

fn rules(out: &mut Fields, body: &SetMatchingRules) {
    parts!(out, body, SetMatchingRules {
        instrument, allocation, top, fifo_ppm, minimum_allocation, top_min_qty, top_max_qty;
        reserved, reserved_too, market_makers
    });
    let named = body.market_makers.iter().filter(|maker| **maker != MarketMaker::default());
    let shares = named.map(|maker| format!("{}:{}", maker.account, maker.share_ppm));
    let makers: Vec<String> = shares.collect();
    out.push(("market_makers", Value::Text(makers.join(" "))));
}

fn order_terms(out: &mut Fields, terms: &OrderTerms) {
    parts!(out, terms, OrderTerms {
        trigger, trigger_price, trailing_amount, trailing_bps, activation_price, min_qty, peg,
        peg_offset, all_or_none, hidden, imbalance_only; reserved, reserved_too
    });
}

fn auction_rules(out: &mut Fields, body: &SetAuctionRules) {
    parts!(out, body, SetAuctionRules {
        instrument, minimum_surplus, pressure, tie_break, reference, bound, bound_ppm,
        indication_interval_ns; reserved
    });
}

/// A condition's tree in postfix, as it lies in the record: `last(1)>=100 bid(2)<3 and`.
fn condition(leaves: &[ConditionLeaf], program: &[u8]) -> String {
    let codes = program.iter().take_while(|&&code| code != CONDITION_END);
    let words = codes.map(|&code| match code {
        CONDITION_AND => "and".to_owned(),
        CONDITION_OR => "or".to_owned(),
        leaf => match leaves.get(usize::from(leaf).wrapping_sub(1)) {
            Some(ConditionLeaf { value, instrument, field, comparison, reserved: _ }) => {
                format!("{field}({instrument}){comparison}{}", Price::from_units(*value))
            }
            None => format!("?{code}"),
        },
    });
    words.collect::<Vec<_>>().join(" ")
}

fn order(out: &mut Fields, body: &NewOrder) {
    parts!(out, body, NewOrder {
        order_id, price, qty, quote_qty, display_qty, expire_time, instrument, account,
        client_order_id, side, kind, time_in_force, self_trade_prevention, session; reserved
    });
}

fn terms(out: &mut Fields, spec: &InstrumentSpec) {
    parts!(out, spec, InstrumentSpec {
        instrument, base, quote, band_ppm, tick, lot, min_price, max_price, min_qty, max_qty,
        min_notional, max_notional, reference_price, maker_fee_ppm, taker_fee_ppm,
        market_protection_ppm, max_iceberg_parts, symbol, state, tracks_volume; reserved
    });
}

/// The columns of a table of all commands: every field's name once.
pub(super) const COLUMNS: &[&str] = &[
    "order_id",
    "client_order_id",
    "target_order_id",
    "target_client_order_id",
    "new_client_order_id",
    "account",
    "instrument",
    "side",
    "sides",
    "kind",
    "price",
    "qty",
    "quote_qty",
    "display_qty",
    "qty_meaning",
    "lose_priority",
    "time_in_force",
    "expire_time",
    "self_trade_prevention",
    "trade_id",
    "funding_id",
    "from",
    "to",
    "asset",
    "amount",
    "code",
    "state",
    "trade_group",
    "max_open_orders",
    "symbol",
    "base",
    "quote",
    "tick",
    "lot",
    "min_price",
    "max_price",
    "min_qty",
    "max_qty",
    "min_notional",
    "max_notional",
    "reference_price",
    "band_ppm",
    "market_protection_ppm",
    "maker_fee_ppm",
    "taker_fee_ppm",
    "max_iceberg_parts",
    "tracks_volume",
    "trigger",
    "trigger_price",
    "trailing_amount",
    "trailing_bps",
    "activation_price",
    "peg",
    "peg_offset",
    "all_or_none",
    "hidden",
    "imbalance_only",
    "condition",
    "list_client_order_id",
    "pending_rule",
    "allocation",
    "top",
    "fifo_ppm",
    "minimum_allocation",
    "top_min_qty",
    "top_max_qty",
    "market_makers",
    "minimum_surplus",
    "pressure",
    "tie_break",
    "reference",
    "bound",
    "bound_ppm",
    "indication_interval_ns",
    "auction",
    "then",
    "ends_at",
    "session",
    "on",
    "after_ns",
    "at",
    "action",
    "dynamic_ppm",
    "static_ppm",
    "limit_ppm",
    "call_ns",
    "window_ns",
    "limit_state_ns",
    "pause_ns",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tiercel_types::command::Kind;
    use tiercel_types::record::{COMMAND_HEADER_SIZE, CommandHeader, RECORD_SIZE_MAX};
    use zerocopy::IntoBytes;

    use super::*;

    /// A command of each kind, all of whose bytes are zero.
    fn one_of_each() -> Vec<Command> {
        let of = |kind: &Kind| {
            let size = (COMMAND_HEADER_SIZE..=RECORD_SIZE_MAX).step_by(8).find_map(|size| {
                let header = CommandHeader {
                    length: size as u16,
                    kind: *kind as u8,
                    version: 1,
                    ..CommandHeader::default()
                };
                let mut bytes = vec![0; size];
                bytes[..COMMAND_HEADER_SIZE].copy_from_slice(header.as_bytes());
                Command::decode(&bytes).ok()
            });
            size.unwrap().1
        };
        Kind::ALL.iter().map(of).collect()
    }

    #[test]
    fn every_field_of_every_command_has_a_column_and_every_column_a_field() {
        let commands = one_of_each();
        assert_eq!(commands.len(), Kind::ALL.len());
        let shown: BTreeSet<&str> =
            commands.iter().flat_map(fields).map(|(name, _)| name).collect();
        assert_eq!(shown, COLUMNS.iter().copied().collect());
        assert_eq!(shown.len(), COLUMNS.len(), "no column twice");
    }
}
