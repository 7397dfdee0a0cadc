//! Whatever an administrator sends is a command that a log holds, or a refusal of the documented form.

use proptest::prelude::*;
use proptest::sample::select;
use tiercel_venue::models::Models;

use super::interface_check::{admin, models};

const FIELDS: &[&str] = &[
    "code",
    "symbol",
    "base",
    "quote",
    "tick",
    "lot",
    "max_price",
    "min_notional",
    "band_ppm",
    "maker_fee_ppm",
    "tracks_volume",
    "state",
    "auction",
    "then",
    "ends_at_ms",
    "at_ms",
    "pressure",
    "bound",
    "bound_ppm",
    "call_ms",
    "dynamic_ppm",
    "account",
    "trade_group",
    "funding_id",
    "asset",
    "amount",
    "on",
    "permissions",
    "ed25519_public_key",
    "levels",
];
const VALUES: &[&str] = &[
    "\"BTC\"",
    "\"EUR\"",
    "\"BTCEUR\"",
    "\"0.01\"",
    "\"-1\"",
    "\"1e400\"",
    "\"184467440737.1\"",
    "\"99999999999999999999.9\"",
    "0",
    "1",
    "-1",
    "18446744073709551615",
    "1e300",
    "true",
    "null",
    "\"open\"",
    "\"call\"",
    "\"halted\"",
    "\"closing\"",
    "\"none\"",
    "\"narrow\"",
    "[]",
    "[\"read\"]",
    "{}",
    "\"\\u0000\"",
    "\"blocked\"",
    "\"5\"",
];
const PATHS: &[&str] = &[
    "status",
    "assets",
    "instruments",
    "instruments/BTCUSDT",
    "instruments/BTCUSDT/state",
    "instruments/BTCUSDT/call",
    "instruments/BTCUSDT/phases",
    "instruments/BTCUSDT/phases/7",
    "instruments/BTCUSDT/phases/99999999999999999999",
    "instruments/ETHUSDT/auction-rules",
    "instruments/ETHUSDT/protections",
    "instruments/BTCUSDT/orders",
    "instruments/%42TCUSDT",
    "accounts",
    "accounts/1",
    "accounts/1/deposits",
    "accounts/2/withdrawals",
    "accounts/1/kill-switch",
    "accounts/4294967296",
    "kill-switch",
    "keys",
    "keys/a%2Fb",
    "log-levels",
    "snapshot",
    "digest",
    "",
    "%",
    "%zz",
    "a/b/c/d",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn every_request_is_read_or_refused(
        method in select(&["GET", "POST", "PUT", "PATCH", "DELETE"][..]),
        path in select(PATHS),
        fields in prop::collection::vec((select(FIELDS), select(VALUES)), 0..7),
        noise in prop::collection::vec(any::<u8>(), 0..24),
        noisy in prop::bool::weighted(0.1),
    ) {
        thread_local!(static MODELS: Models = models());
        let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let body = if noisy { noise } else { format!("{{{}}}", pairs.join(",")).into_bytes() };
        MODELS.with(|models| admin(method, path, &body, models));
    }
}
