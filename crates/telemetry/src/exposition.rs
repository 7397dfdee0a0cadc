//! Prometheus' text format.
//!
//! The `prometheus` crate writes it (version 0.0.4, which every scraper and promtool read); its
//! own counters and histograms, which are shared between threads, are not used.

use prometheus::TextEncoder;
use prometheus::proto;

use crate::histogram::Histogram;
use crate::registry::{Collected, Kind, Labels, MICROSECONDS, NANOSECONDS, Sample};

/// Bounds of a histogram's buckets, in nanoseconds: three for each power of ten, 100 ns to 10 s.
pub(crate) const BOUNDS_NS: [u64; 25] = {
    let mut bounds = [0; 25];
    let mut power = 100;
    let mut at = 0;
    while at + 3 <= bounds.len() {
        bounds[at] = power;
        bounds[at + 1] = power * 5 / 2;
        bounds[at + 2] = power * 5;
        power *= 10;
        at += 3;
    }
    bounds[at] = power;
    bounds
};

/// The families as text. Those without series are left out.
pub(crate) fn text(families: &[Collected]) -> String {
    let families: Vec<_> =
        families.iter().filter(|family| !family.series.is_empty()).map(family).collect();
    let mut text = String::new();
    // The encoder refuses families without name or series, and there are none here.
    let written = TextEncoder::new().encode_utf8(&families, &mut text);
    debug_assert!(written.is_ok(), "{written:?}");
    text
}

fn family(collected: &Collected) -> proto::MetricFamily {
    let mut family = proto::MetricFamily::default();
    family.set_name(collected.name.clone());
    family.set_help(collected.help.clone());
    family.set_field_type(match collected.kind {
        Kind::Counter => proto::MetricType::COUNTER,
        Kind::Gauge => proto::MetricType::GAUGE,
        Kind::Histogram => proto::MetricType::HISTOGRAM,
    });
    let unit_ns = match collected.name.as_str() {
        name if name.ends_with(MICROSECONDS) => 1e3,
        name if name.ends_with(NANOSECONDS) => 1.0,
        _ => 1e9,
    };
    let series = collected.series.iter();
    family.set_metric(
        series.map(|(labels, sample)| metric(collected.kind, labels, sample, unit_ns)).collect(),
    );
    family
}

fn metric(kind: Kind, labels: &Labels, sample: &Sample, unit_ns: f64) -> proto::Metric {
    let pairs = labels.iter().map(|(name, value)| {
        let mut pair = proto::LabelPair::default();
        pair.set_name(name.clone());
        pair.set_value(value.clone());
        pair
    });
    let mut metric = proto::Metric::from_label(pairs.collect());
    match sample {
        Sample::Number(value) if kind == Kind::Counter => {
            let mut counter = proto::Counter::default();
            counter.set_value(*value);
            metric.set_counter(counter);
        }
        Sample::Number(value) => {
            let mut gauge = proto::Gauge::default();
            gauge.set_value(*value);
            metric.set_gauge(gauge);
        }
        Sample::Histogram(histogram) => metric.set_histogram(buckets(histogram, unit_ns)),
    }
    metric
}

/// A bucket's count is of what was no longer than its bound, to three digits.
fn buckets(histogram: &Histogram, unit_ns: f64) -> proto::Histogram {
    let counts = histogram.counts_up_to(&BOUNDS_NS);
    let buckets = BOUNDS_NS.iter().zip(counts).map(|(&bound_ns, count)| {
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(bound_ns as f64 / unit_ns);
        bucket.set_cumulative_count(count);
        bucket
    });
    let mut encoded = proto::Histogram::default();
    encoded.set_bucket(buckets.collect());
    encoded.set_sample_count(histogram.count());
    encoded.set_sample_sum(histogram.sum_ns() / unit_ns);
    encoded
}
