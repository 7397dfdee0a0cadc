//! The text format, read by a strict reader of its own:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::collections::{BTreeMap, BTreeSet};

use tiercel_telemetry::Registry;

/// A sample: its name, labels and value.
type Sample = (String, BTreeMap<String, String>, f64);

#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    samples: Vec<Sample>,
}

/// Reads the text, and panics where it breaks a rule of the format.
fn read(text: &str) -> BTreeMap<String, Family> {
    assert!(text.is_empty() || text.ends_with('\n'), "the last line has no end");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    let mut series = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help text");
            name.clone_into(&mut current);
            let before = families.insert(current.clone(), Family::default());
            assert!(before.is_none(), "{name} comes twice");
            families.get_mut(&current).unwrap().help = unescape(help);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            name.clone_into(&mut current);
            let family = families.entry(current.clone()).or_default();
            assert!(family.kind.is_empty() && family.samples.is_empty(), "{line}");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            kind.clone_into(&mut family.kind);
        } else {
            let sample = sample(line);
            assert!(series.insert((sample.0.clone(), sample.1.clone())), "twice: {line}");
            let family = families.get_mut(&current).expect("a sample after its type");
            let suffixes: &[&str] =
                if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            let belongs = suffixes.iter().any(|suffix| sample.0 == format!("{current}{suffix}"));
            assert!(belongs, "{line} in {current}");
            family.samples.push(sample);
        }
    }
    families
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).expect("a value");
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"").expect("a label's value");
            let close = closing_quote(after);
            let before = labels.insert(label.to_owned(), unescape(&after[..close]));
            assert!(before.is_none(), "{line}");
            rest = after[close + 1..].trim_start_matches(',');
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').expect("a blank before the value");
    (name.to_owned(), labels, value.parse().unwrap_or_else(|_| panic!("no number: {line}")))
}

fn closing_quote(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if !escaped => return at,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    panic!("no closing quote: {text}");
}

fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        plain.push(match characters.next() {
            Some('n') => '\n',
            Some(other @ ('\\' | '"')) => other,
            other => panic!("no escape: {other:?} in {text}"),
        });
    }
    plain
}

#[test]
fn what_is_exposed_reads_back_whatever_is_in_labels_and_help() {
    let nasty = "a \"quoted\" \\ back\\slash,\n{new}=line ü";
    let registry = Registry::new();
    registry.counter("orders_total", nasty, &[("who", nasty), ("b", "")]).unwrap().add(3);
    registry.gauge("depth", "levels", &[]).unwrap().set(-2.5);
    registry.observe("lag", "seen", &[("of", "x")], || 7.0).unwrap();
    let families = read(&registry.text());
    let orders = &families["orders_total"];
    assert_eq!((orders.kind.as_str(), orders.help.as_str()), ("counter", nasty));
    let (_, labels, value) = &orders.samples[0];
    assert_eq!((labels["who"].as_str(), labels["b"].as_str()), (nasty, ""));
    assert!((value - 3.0).abs() < 1e-12);
    assert!((families["depth"].samples[0].2 + 2.5).abs() < 1e-12);
    assert!((families["lag"].samples[0].2 - 7.0).abs() < 1e-12);
    assert_eq!(Registry::new().text(), "");
}

#[test]
fn a_histogram_has_cumulative_buckets_in_seconds() {
    let registry = Registry::new();
    let recorder = registry.histogram("wait_seconds", "waiting", &[("stage", "x")]).unwrap();
    let latencies_ns = [1, 100, 101, 250, 999, 1_000_000, 20_000_000_000];
    for latency_ns in latencies_ns {
        recorder.record(latency_ns);
    }
    let family = &read(&registry.text())["wait_seconds"];
    assert_eq!(family.kind, "histogram");
    let mut last = (f64::NEG_INFINITY, 0.0);
    let mut buckets = 0;
    for (name, labels, value) in &family.samples {
        assert_eq!(labels["stage"], "x");
        match name.as_str() {
            "wait_seconds_bucket" => {
                let bound: f64 = labels["le"].parse().unwrap();
                assert!(bound > last.0 && *value >= last.1, "{labels:?} {value}");
                let below = latencies_ns.iter().filter(|&&ns| ns as f64 <= bound * 1e9).count();
                assert!((value - below as f64).abs() < 1e-12, "{labels:?} {value} {below}");
                last = (bound, *value);
                buckets += 1;
            }
            "wait_seconds_count" => assert!((value - 7.0).abs() < 1e-12),
            "wait_seconds_sum" => {
                let sum = latencies_ns.iter().sum::<u64>() as f64 / 1e9;
                assert!((value - sum).abs() < sum / 1_000.0, "{value} {sum}");
            }
            other => panic!("{other}"),
        }
    }
    assert!(buckets == 26 && last.0.is_infinite(), "{buckets}");
}
