//! `/metrics`, read as a scraper reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tiercel_venue::serve::ServeOptions;

use super::admin::Office;
use super::http::{Client, Venue};

/// All samples by name and labels; panics where the text breaks a rule of the format.
pub(super) fn scrape(venue: &Venue) -> BTreeMap<String, f64> {
    let answer = Client::stranger(venue).raw("GET", "/metrics", "");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.body.as_str().unwrap();
    assert!(text.ends_with('\n'));
    let (mut helped, mut kinds) = (BTreeSet::new(), BTreeMap::new());
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty() && helped.insert(name.to_owned()), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(helped.contains(name), "{line} without a help");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}");
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix).filter(|it| kinds.contains_key(*it)))
                .unwrap_or(name);
            assert!(kinds.contains_key(family), "{line} without a type");
            let value: f64 = value.parse().unwrap();
            assert!(!value.is_nan(), "{line}");
            assert!(samples.insert(series.to_owned(), value).is_none(), "{line} twice");
        }
    }
    samples
}

#[test]
fn what_happened_is_counted_and_measured() {
    let (change, office) = Office::open();
    let venue = Venue::custom(ServeOptions::default(), change);
    venue.one.limit("SELL", "60000", "1").good();
    venue.one.limit("SELL", "60001", "1").good();
    venue.two.limit("BUY", "60000", "1").good();
    venue.two.limit("SELL", "60000", "149").refused(400, -2010);
    let samples = scrape(&venue);
    let value = |name: &str| *samples.get(name).unwrap_or_else(|| panic!("no {name}: {samples:?}"));
    for (name, expected) in [
        ("orders_accepted_total", 3.0),
        ("orders_filled_total", 2.0),
        ("trades_total", 1.0),
        ("commands_denied_total{reason=\"INSUFFICIENT_FUNDS\"}", 1.0),
        ("slow_consumers_cut_off_total{interface=\"binance\"}", 0.0),
        ("slow_consumers_cut_off_total{interface=\"native\"}", 0.0),
        ("connections_refused_total{door=\"public\"}", 0.0),
        ("connections_refused_total{door=\"admin\"}", 0.0),
        ("command_queue_depth", 0.0),
        ("outbox_depth", 0.0),
        ("venue_takes_orders", 1.0),
        ("snapshot_age_seconds", -1.0),
        ("trading_latency_microseconds_count{stage=\"decode\"}", 4.0),
        ("trading_latency_microseconds_count{stage=\"order\"}", 4.0),
        ("trading_latency_microseconds_count{stage=\"encode\"}", 4.0),
        ("build_info{version=\"0.1.0\"}", 1.0),
    ] {
        assert!((value(name) - expected).abs() < 1e-9, "{name} is {}", value(name));
    }
    for name in [
        "system_cpu_usage_percent",
        "system_memory_usage_bytes",
        "process_resident_memory_bytes",
        "trading_throughput_messages_per_second",
        "trading_latency_p99_microseconds",
        "stream_connections{interface=\"binance\"}",
        "stream_subscriptions{interface=\"binance\"}",
        "snapshot_sequence",
        "journal_lag_commands",
        "journal_lag_bytes",
        "connections{door=\"admin\"}",
    ] {
        assert!(value(name) >= 0.0, "{name}");
    }
    assert!(value("connections{door=\"public\"}") >= 1.0, "that of the scraper itself");
    assert!(value("command_sequence") >= 4.0);
    // Buckets grow, in microseconds, to the count.
    let bucket = |bound| {
        value(&format!("trading_latency_microseconds_bucket{{stage=\"order\",le=\"{bound}\"}}"))
    };
    assert!(bucket("100") <= bucket("1000000"));
    assert!((bucket("+Inf") - 4.0).abs() < 1e-9 && (bucket("10000000") - 4.0).abs() < 1e-9);
    assert!(value("trading_latency_microseconds_sum{stage=\"order\"}") > 1.0);
    // The throughput is that of the last second: it is told while there is some.
    let from = Instant::now();
    loop {
        venue.one.limit("BUY", "50000", "0.001").good();
        if scrape(&venue)["trading_throughput_messages_per_second"] > 0.0 {
            break;
        }
        assert!(from.elapsed() < Duration::from_secs(8), "no throughput");
        std::thread::sleep(Duration::from_millis(150));
    }
    let answer = office.ask("GET", "status", &serde_json::Value::Null);
    assert_eq!(answer.status, 200);
}

#[test]
fn the_public_address_shows_no_metrics_if_it_is_told_not_to() {
    let options = ServeOptions { metrics: false, ..ServeOptions::default() };
    let venue = Venue::with(options);
    assert_eq!(Client::stranger(&venue).raw("GET", "/metrics", "").status, 404);
    assert_eq!(Client::stranger(&venue).raw("GET", "/health/ready", "").status, 200);
}
