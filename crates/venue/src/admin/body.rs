//! Bodies of requests: what each call takes, read strictly.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tiercel_types::auction::{AuctionKind, AuctionReference, Pressure, TieBreak};
use tiercel_types::command::AccountState;
use tiercel_types::{AssetCode, InstrumentState, Price, Qty, Symbol};

use super::text::{Amount, Text, Word};
use super::{Problem, problem};

/// Reads a body.
pub(super) fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| problem::body(error.to_string()))
}

/// Defines what calls take. What a call does not have is refused.
macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty,)+ })+) => {
        $($(#[$doc])*
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $(pub(super) $field: $type),+
        })+
    };
}

bodies! {
    /// A new asset.
    NewAsset {
        code: Text<AssetCode>,
    }

    /// Terms of an instrument: all that may be left out stays as it is.
    Terms {
        symbol: Option<Text<Symbol>>,
        base: Option<Text<AssetCode>>,
        quote: Option<Text<AssetCode>>,
        state: Option<Word<InstrumentState>>,
        tick: Option<Text<Price>>,
        lot: Option<Text<Qty>>,
        min_price: Option<Text<Price>>,
        max_price: Option<Text<Price>>,
        min_qty: Option<Text<Qty>>,
        max_qty: Option<Text<Qty>>,
        min_notional: Option<Text<Qty>>,
        max_notional: Option<Text<Qty>>,
        reference_price: Option<Text<Price>>,
        band_ppm: Option<u32>,
        maker_fee_ppm: Option<i32>,
        taker_fee_ppm: Option<i32>,
        market_protection_ppm: Option<u32>,
        max_iceberg_parts: Option<u32>,
        tracks_volume: Option<bool>,
    }

    /// The state that an instrument enters.
    ToState {
        state: Word<InstrumentState>,
    }

    /// A call that begins.
    Call {
        auction: Word<AuctionKind>,
        then: Option<Word<InstrumentState>>,
        ends_at_ms: Option<u64>,
    }

    /// A phase that is planned.
    Phase {
        at_ms: u64,
        state: Word<InstrumentState>,
        auction: Option<Word<AuctionKind>>,
    }

    /// How an instrument's auctions find their price; what is left out is as on Xetra.
    AuctionRules {
        minimum_surplus: Option<bool>,
        pressure: Option<Word<Pressure>>,
        tie_break: Option<Word<TieBreak>>,
        reference: Option<Word<AuctionReference>>,
        bound: Option<Text<Price>>,
        bound_ppm: Option<u32>,
        indication_interval_ms: Option<u64>,
    }

    /// Terms of an account: what is left out stays as it is, or is zero of a new one.
    AccountTerms {
        account: Option<u32>,
        trade_group: Option<u32>,
        max_open_orders: Option<u32>,
        state: Option<Word<AccountState>>,
    }

    /// Funds that come or go; the same `funding_id` moves them once.
    Movement {
        funding_id: u64,
        asset: Text<AssetCode>,
        amount: Text<Amount>,
    }

    /// A kill switch.
    Switch {
        on: bool,
    }

    /// A new API key.
    NewKey {
        account: u32,
        permissions: Vec<Permission>,
        ed25519_public_key: Option<String>,
    }

    /// What is logged.
    Levels {
        levels: String,
    }
}

/// What guards an instrument against sudden prices; what is left out is zero: off.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Protections {
    pub(super) dynamic_ppm: u32,
    pub(super) static_ppm: u32,
    pub(super) limit_ppm: u32,
    pub(super) call_ms: u64,
    pub(super) window_ms: u64,
    pub(super) limit_state_ms: u64,
    pub(super) pause_ms: u64,
}

/// What a key may do.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Permission {
    Read,
    Trade,
}
