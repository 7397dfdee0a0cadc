//! Whatever an administrator sends is a command that a log holds, or a refusal of the documented form.

use proptest::prelude::*;
use proptest::sample::select;
use tiercel_matching::{EngineConfig, FullEngine};
use tiercel_types::record::RECORD_SIZE_MAX;
use tiercel_types::{Command, EventBuffer, Timestamp};
use tiercel_venue::admin::Act;
use tiercel_venue::demo;
use tiercel_venue::models::{ModelLimits, Models};

fn models() -> Models {
    let mut engine = FullEngine::new(EngineConfig::default());
    let (mut models, mut events) =
        (Models::new(ModelLimits::default()), EventBuffer::with_capacity(64));
    for (command, sequence) in demo::commands().iter().zip(1..) {
        engine.apply_all(sequence, Timestamp(1), command, &mut events, |header, event| {
            models.apply(&header, &event);
        });
    }
    models
}

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

fn check(method: &str, path: &str, body: &[u8], models: &Models) {
    match Act::read(method, path, body, models) {
        Ok(Act::Command(command, _)) => {
            let mut bytes = [0; RECORD_SIZE_MAX];
            let size = command.encode(1, Timestamp(1), &mut bytes).unwrap();
            assert_eq!(Command::decode(&bytes[..size]).unwrap().1, *command);
        }
        Ok(_) => {}
        Err(problem) => {
            assert!((400..=499).contains(&problem.status), "{problem:?}");
            let told: serde_json::Value = serde_json::from_str(&problem.to_json()).unwrap();
            assert_eq!(told["code"], problem.code);
        }
    }
}

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
        MODELS.with(|models| check(method, path, &body, models));
    }
}
