//! Strategies by name: parameters read, checked and listed.

use core::fmt::Write;

use tiercel_strategy::{BuildError, Parameter, ParameterError, STRATEGIES, build};

use super::support::{made, terms};

/// What has to be set, with values that are allowed.
fn required(name: &str) -> &'static str {
    match name {
        "arbitrage" => {
            "qty_max = '1'\nunhedged_max = '1'\nposition_max = '5'\nfirst_fee_ppm = 1000\nsecond_fee_ppm = 500\n"
        }
        "market_maker" => "qty = '0.5'\ninventory_max = '2'\n",
        _ => "qty = '0.5'\n",
    }
}

fn refusal(name: &str, parameters: &str) -> BuildError {
    let both = [terms(1), terms(2)];
    let terms = if name == "arbitrage" { &both[..] } else { &both[..1] };
    build(name, &parameters.parse().unwrap(), terms).err().unwrap()
}

#[test]
fn what_is_listed_is_what_can_be_set() {
    for listing in STRATEGIES {
        let strategy = made(listing.name, required(listing.name));
        assert_eq!(strategy.name(), listing.name);
        // Each default, said explicitly, is taken.
        let mut all = required(listing.name).to_owned();
        for parameter in listing.parameters {
            match parameter.default {
                Some(default) => writeln!(all, "{} = {default}", parameter.name).unwrap(),
                None => assert!(required(listing.name).contains(parameter.name)),
            }
            assert!(!parameter.meaning.is_empty() && !parameter.bounds.is_empty());
        }
        made(listing.name, &all);
        // And none is required that is not listed so.
        for line in required(listing.name).lines() {
            let parameter = line.split(' ').next().unwrap();
            let rest = required(listing.name).replace(&format!("{line}\n"), "");
            let reason = refusal(listing.name, &rest).to_string();
            assert!(reason.contains(&format!("missing field `{parameter}`")), "{reason}");
        }
    }
}

#[test]
fn unknown_names_are_refused() {
    let error = refusal("moon", "");
    assert_eq!(error.code(), "unknown_strategy");
    assert!(error.to_string().ends_with("arbitrage, golden_cross, market_maker, mean_reversion"));
    let error = refusal("golden_cross", "qty = '1'\nfats_bars = 3");
    assert_eq!(error.code(), "unreadable_parameters");
    assert!(error.to_string().contains("unknown field `fats_bars`"), "{error}");
    let error = build("arbitrage", &required("arbitrage").parse().unwrap(), &[terms(1)]);
    let expected = BuildError::Instruments { strategy: "arbitrage", expected: 2, found: 1 };
    assert_eq!(error.err(), Some(expected));
    let two = build("golden_cross", &required("golden_cross").parse().unwrap(), &[terms(1); 2]);
    assert_eq!(two.err().unwrap().code(), "instruments");
}

#[test]
fn quantities_are_exact_decimals_in_strings() {
    for (qty, reason) in [
        ("0.5", "invalid type: floating point"),
        ("'0.5x'", "`0.5x`: not a decimal number"),
        ("'0.000000001'", "`0.000000001`: more than 8 decimal places"),
    ] {
        let error = refusal("golden_cross", &format!("qty = {qty}")).to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn values_out_of_bounds_are_refused_by_name() {
    let cases = [
        ("golden_cross", "qty = '0.0005'", "qty"),
        ("golden_cross", "qty = '0.0015'", "qty"),
        ("golden_cross", "qty = '0'", "qty"),
        ("golden_cross", "qty = '99999999999.999'", "qty"),
        ("golden_cross", "bar = { trades = 0 }", "bar"),
        ("golden_cross", "slow_bars = 8193", "slow_bars"),
        ("golden_cross", "fast_bars = 30", "fast_bars"),
        ("golden_cross", "slippage_ppm = 1_000_000", "slippage_ppm"),
        ("golden_cross", "retry_ns = 0", "retry_ns"),
        ("market_maker", "inventory_max = '0'", "inventory_max"),
        ("market_maker", "gamma = 0", "gamma"),
        ("market_maker", "gamma = nan", "gamma"),
        ("market_maker", "k = inf", "k"),
        ("market_maker", "horizon_ns = 0", "horizon_ns"),
        ("market_maker", "half_spread_min_ticks = 0.4", "half_spread_min_ticks"),
        ("market_maker", "spread_max_ticks = 0", "spread_max_ticks"),
        ("market_maker", "volatility_interval_ns = 0", "volatility_interval_ns"),
        ("market_maker", "volatility_samples = 1", "volatility_samples"),
        ("market_maker", "warm_up_samples = 301", "warm_up_samples"),
        ("market_maker", "vpin_bucket_qty = '1'\nvpin_buckets = 0", "vpin_buckets"),
        ("market_maker", "vpin_widening = -1", "vpin_widening"),
        ("market_maker", "micro_price_model = 'x'", "micro_price_model"),
        ("market_maker", "fair_price = 'micro_price'", "micro_price_model"),
        ("market_maker", "refill_below_ppm = 1_000_001", "refill_below_ppm"),
        ("market_maker", "backoff_ns = 0", "backoff_ns"),
        ("mean_reversion", "interval_ns = 0", "interval_ns"),
        ("mean_reversion", "samples = 1", "samples"),
        ("mean_reversion", "exit = 2.0", "exit"),
        ("mean_reversion", "entry = nan", "exit"),
        ("mean_reversion", "stop = 2.0", "stop"),
        ("mean_reversion", "stop = inf", "stop"),
        ("arbitrage", "qty_max = '0.0001'", "qty_max"),
        ("arbitrage", "unhedged_max = '0'", "unhedged_max"),
        ("arbitrage", "position_max = '184467440737'", "position_max"),
        ("arbitrage", "net_target = '10.00000001'", "net_target"),
        ("arbitrage", "first_fee_ppm = 100_001", "first_fee_ppm"),
        ("arbitrage", "age_max_ns = 0", "age_max_ns"),
    ];
    for (strategy, line, expected) in cases {
        let name = line.split(' ').next().unwrap();
        let others =
            required(strategy).lines().filter(|line| !line.starts_with(&format!("{name} =")));
        let parameters = others.chain([line]).collect::<Vec<_>>().join("\n");
        match refusal(strategy, &parameters) {
            BuildError::Parameter { error: ParameterError { name, .. }, .. } => {
                assert_eq!(name, expected, "{line}");
            }
            other => panic!("{line}: {other}"),
        }
    }
}

#[test]
fn an_arbitrage_wants_two_instruments_that_are_not_one() {
    let parameters = required("arbitrage").parse().unwrap();
    let error = build("arbitrage", &parameters, &[terms(1), terms(1)]).err().unwrap();
    assert_eq!(error.to_string(), "parameters of arbitrage: instruments has to be two");
}

#[test]
fn the_page_lists_every_parameter() {
    let page = include_str!("../../../../docs/strategies.md");
    for listing in STRATEGIES {
        let begin = format!("<!-- parameters of {} -->\n", listing.name);
        let mut expected =
            begin.clone() + "| parameter | unit | default | bounds | |\n|---|---|---|---|---|\n";
        for parameter in listing.parameters {
            let default =
                parameter.default.map_or("has to be set".to_owned(), |text| format!("`{text}`"));
            let Parameter { name, unit, bounds, meaning, .. } = parameter;
            writeln!(expected, "| `{name}` | {unit} | {default} | {bounds} | {meaning} |").unwrap();
        }
        expected += "<!-- end -->";
        assert!(page.contains(&expected), "docs/strategies.md should have:\n{expected}");
    }
}
