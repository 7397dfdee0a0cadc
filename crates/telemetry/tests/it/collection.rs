//! What is collected is what was recorded.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use proptest::prelude::*;
use tiercel_telemetry::{Histogram, Registry, RegistryError};

/// Values of every size alike.
fn latencies() -> impl Strategy<Value = Vec<u64>> {
    let any_size = (0_u32..64, any::<u64>()).prop_map(|(shift, bits)| bits >> shift);
    prop::collection::vec(any_size, 0..300)
}

proptest! {
    #[test]
    fn a_recorder_counts_as_the_plain_histogram_does(threads in prop::collection::vec(latencies(), 1..4)) {
        let registry = Registry::new();
        let mut plain = Histogram::new();
        for latencies in &threads {
            let recorder = registry.histogram("x_seconds", "", &[]).unwrap();
            for &latency_ns in latencies {
                recorder.record(latency_ns);
                plain.record(latency_ns);
            }
            // The first handles live on, the last is dropped before it is collected.
            if latencies.len().is_multiple_of(2) {
                std::mem::forget(recorder);
            }
        }
        let report = registry.report();
        let seen = report.rows.first().map(|row| row.latency).unwrap_or_default();
        prop_assert_eq!(seen, plain.distribution());
        prop_assert_eq!(&registry.report(), &report, "collecting twice counts once");
    }

    #[test]
    fn counters_add_up_over_handles_live_and_dropped(counts in prop::collection::vec(0_u64..1_000_000, 1..20)) {
        let registry = Registry::new();
        let mut handles = Vec::new();
        for (at, &count) in counts.iter().enumerate() {
            let counter = registry.counter("x_total", "", &[("a", "b")]).unwrap();
            counter.add(count);
            if at % 2 == 0 {
                handles.push(counter);
            }
            let sum: u64 = counts[..=at].iter().sum();
            let line = format!("x_total{{a=\"b\"}} {sum}\n");
            prop_assert!(registry.text().contains(&line), "{}", registry.text());
        }
    }
}

#[test]
fn collecting_beside_recording_never_goes_back_and_loses_nothing() {
    const ROUND: u64 = 100_000;
    let registry = &Registry::new();
    let (done, collected) = (AtomicBool::new(false), AtomicU64::new(0));
    let recorded = thread::scope(|scope| {
        let collector = scope.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Acquire) {
                let count = registry.report().rows.first().map_or(0, |row| row.latency.count);
                assert!(count >= last, "{count} after {last}");
                last = count;
                collected.fetch_add(1, Ordering::Relaxed);
            }
        });
        let collected = &collected;
        let record = move |thread: u64| {
            let mut rounds = 0;
            // Some seconds at most, for a collector that has to wait for a core.
            while rounds < 3 || (collected.load(Ordering::Relaxed) < 3 && rounds < 10_000) {
                let recorder = registry.histogram("x_seconds", "", &[]).unwrap();
                for at in 0..ROUND {
                    recorder.record((at * 7 + thread + rounds) % ROUND);
                }
                rounds += 1;
            }
            rounds * ROUND
        };
        let recorders = [0, 1].map(|thread| scope.spawn(move || record(thread)));
        let recorded: u64 = recorders.map(|recorder| recorder.join().unwrap()).into_iter().sum();
        done.store(true, Ordering::Release);
        collector.join().unwrap();
        recorded
    });
    assert!(collected.load(Ordering::Relaxed) >= 3);
    assert_eq!(registry.report().rows[0].latency.count, recorded);
}

#[test]
fn names_and_labels_that_prometheus_would_refuse_are_refused() {
    let registry = Registry::new();
    for name in ["", "1a_total", "a-b_total", "ä_total", "a b_total"] {
        let refused = registry.counter(name, "", &[]).unwrap_err();
        assert_eq!(refused, RegistryError::Name(name.to_owned()));
    }
    assert!(matches!(registry.counter("orders", "", &[]), Err(RegistryError::Suffix { .. })));
    assert!(matches!(registry.histogram("x_nanos", "", &[]), Err(RegistryError::Suffix { .. })));
    for label in ["", "le", "__x", "a:b", "1"] {
        assert!(registry.gauge("g", "", &[(label, "")]).is_err(), "{label}");
    }
    let twice = registry.gauge("g", "", &[("a", "1"), ("b", ""), ("a", "2")]);
    assert_eq!(twice.unwrap_err(), RegistryError::LabelTwice("a".to_owned()));
    registry.gauge("x_total", "", &[]).unwrap();
    let taken = registry.counter("x_total", "", &[]).unwrap_err();
    assert_eq!(taken, RegistryError::Taken("x_total".to_owned()));
    registry.observe("depth", "", &[], || 1.0).unwrap();
    assert!(registry.observe("depth", "", &[], || 2.0).is_err());
    assert!(registry.gauge("depth", "", &[]).is_err());
}

#[test]
fn a_report_is_a_table_and_json() {
    let registry = Registry::new();
    let name = "stage_seconds";
    let decode = registry.histogram(name, "", &[("stage", "decode")]).unwrap();
    let _silent = registry.histogram(name, "", &[("stage", "encode")]).unwrap();
    for latency_ns in 1..=1_000 {
        decode.record(latency_ns);
    }
    let report = registry.report();
    let table = report.to_string();
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 2, "{table}");
    assert_eq!(lines[0].len(), lines[1].len(), "{table}");
    let words: Vec<_> = lines[1].split_whitespace().collect();
    assert_eq!(words[..6], ["decode", "1000", "1", "ns", "501", "ns"], "{table}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["rows"][0]["labels"]["stage"], "decode");
    assert_eq!(json["rows"][0]["latency"]["p99_ns"], 990);
    assert_eq!(json["rows"][0]["latency"]["p9999_ns"], 1_000);
}
