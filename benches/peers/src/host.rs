//! Clocks, counters and histograms that other programs use, shared between threads by nature.

use std::hint::black_box;

use hdrhistogram::Histogram;
use tiercel_cli::bench::Options;
use tiercel_cli::bench::contest::{Case, CaseSpec, Subject};
use tiercel_cli::bench::host::{latencies, subject};
use tiercel_telemetry::histogram::LATENCY_MAX_NS;

/// Adds the peers of the case.
pub fn add(spec: &CaseSpec, case: &mut Case, options: &Options) {
    match spec.name {
        "clock_read" => case.subjects.extend(clocks(options)),
        "counter_increment" => case.subjects.extend(counters(options)),
        "histogram_record" => case.subjects.extend(histograms(options)),
        _ => {}
    }
}

fn clocks(options: &Options) -> Vec<Box<dyn Subject>> {
    let quanta = quanta::Clock::new();
    vec![
        subject(options, "clock_gettime", |_| {
            black_box(std::time::SystemTime::now());
        }),
        subject(options, "quanta", move |_| {
            black_box(quanta.now());
        }),
    ]
}

fn counters(options: &Options) -> Vec<Box<dyn Subject>> {
    let client = prometheus_client::metrics::counter::Counter::<u64>::default();
    let mut subjects = vec![subject(options, "prometheus-client", move |_| {
        black_box(black_box(&client).inc());
    })];
    if let Ok(counter) = prometheus::IntCounter::new("bench_total", "bench") {
        subjects.push(subject(options, "prometheus", move |_| black_box(&counter).inc()));
    }
    subjects
}

fn histograms(options: &Options) -> Vec<Box<dyn Subject>> {
    let values = latencies(options);
    let at = move |turn: u64| values[turn as usize % values.len()];
    let mut subjects: Vec<Box<dyn Subject>> = Vec::new();
    if let Ok(mut histogram) = Histogram::<u64>::new_with_bounds(1, LATENCY_MAX_NS, 3) {
        subjects.push(subject(options, "hdrhistogram", move |turn| {
            black_box(&mut histogram).saturating_record(at(turn));
        }));
    }
    let bounds = prometheus::exponential_buckets(1e-7, 2.0, 25);
    let histogram = bounds.and_then(|bounds| {
        let options = prometheus::HistogramOpts::new("bench_seconds", "bench").buckets(bounds);
        prometheus::Histogram::with_opts(options)
    });
    if let Ok(histogram) = histogram {
        subjects.push(subject(options, "prometheus", move |turn| {
            black_box(&histogram).observe(at(turn) as f64 / 1e9);
        }));
    }
    subjects
}
