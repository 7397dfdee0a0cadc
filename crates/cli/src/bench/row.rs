//! A bench's result: one line of the table, one JSON object.

use std::collections::BTreeMap;

use serde::Serialize;

use super::contest::CaseSpec;

/// One case's result, as printed.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Which bench.
    pub bench: &'static str,
    /// Which case of it.
    pub case: &'static str,
    /// What `value` counts, and the peers' values.
    pub unit: &'static str,
    /// The headline figure: the median over the rounds of each round's mean (or rate).
    pub value: f64,
    /// Operations measured for `value`, over all rounds.
    pub n: u64,
    /// Percentiles of single operations in nanoseconds, where they were timed.
    pub p50: Option<f64>,
    /// See `p50`.
    pub p90: Option<f64>,
    /// See `p50`.
    pub p99: Option<f64>,
    /// See `p50`.
    pub p999: Option<f64>,
    /// See `p50`.
    pub max: Option<f64>,
    /// The peers' headline figures, same unit, same run.
    pub peers: BTreeMap<String, f64>,
    /// Ours divided by the peer's.
    pub ratio: BTreeMap<String, f64>,
    /// The machine.
    pub machine: String,
}

impl Row {
    /// A row with its figure; percentiles and peers are filled in later.
    pub fn new(spec: &CaseSpec, unit: &'static str, value: f64, n: u64, machine: &str) -> Self {
        Self {
            bench: spec.bench,
            case: spec.name,
            unit,
            value,
            n,
            p50: None,
            p90: None,
            p99: None,
            p999: None,
            max: None,
            peers: BTreeMap::new(),
            ratio: BTreeMap::new(),
            machine: machine.to_owned(),
        }
    }

    /// Fills in the percentiles from the times of single operations in nanoseconds, any order.
    pub fn set_percentiles(&mut self, times_ns: &mut [f32]) {
        times_ns.sort_unstable_by(f32::total_cmp);
        let at = |share: f64| {
            let rank = (times_ns.len() as f64 * share).ceil() as usize;
            times_ns.get(rank.saturating_sub(1)).map(|&time| f64::from(time))
        };
        self.p50 = at(0.5);
        self.p90 = at(0.9);
        self.p99 = at(0.99);
        self.p999 = at(0.999);
        self.max = at(1.0);
    }

    /// Rounds every figure to what the measurement can tell.
    pub fn round_figures(&mut self) {
        let significant = |value: &mut f64| {
            if *value != 0.0 && value.is_finite() {
                let scale = 10_f64.powi(3 - value.abs().log10().floor() as i32);
                *value = (*value * scale).round() / scale;
            }
        };
        significant(&mut self.value);
        for figure in [&mut self.p50, &mut self.p90, &mut self.p99, &mut self.p999, &mut self.max] {
            figure.iter_mut().for_each(significant);
        }
        self.peers.values_mut().chain(self.ratio.values_mut()).for_each(significant);
    }

    /// The heading of the plain table.
    pub fn heading() -> String {
        format!(
            "{:<28} {:>10} {:<6} {:>7} {:>7} {:>7} {:>8} {:>10}  peers (ours / theirs)",
            "case", "value", "unit", "p50", "p90", "p99", "p99.9", "n"
        )
    }

    /// The row of the plain table.
    pub fn line(&self) -> String {
        let cell = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), number);
        let peers: Vec<String> = self
            .peers
            .iter()
            .map(|(name, value)| match self.ratio.get(name) {
                Some(ratio) => format!("{name} {} ({ratio:.2})", number(*value)),
                None => format!("{name} {}", number(*value)),
            })
            .collect();
        format!(
            "{:<28} {:>10} {:<6} {:>7} {:>7} {:>7} {:>8} {:>10}  {}",
            self.case,
            number(self.value),
            self.unit,
            cell(self.p50),
            cell(self.p90),
            cell(self.p99),
            cell(self.p999),
            self.n,
            peers.join(", ")
        )
    }

    /// The heading of the table in BENCHMARKS.md.
    pub const fn markdown_heading() -> &'static str {
        "| bench | case | ours | p50 | p99 | p99.9 | peers (ours / theirs) |\n|---|---|---|---|---|---|---|"
    }

    /// The row of BENCHMARKS.md.
    pub fn markdown(&self) -> String {
        let cell = |figure: Option<f64>| figure.map_or_else(String::new, number);
        let peers: Vec<String> = self
            .peers
            .iter()
            .map(|(name, value)| {
                let ratio = self.ratio.get(name).copied().unwrap_or(f64::NAN);
                format!("{name} {} (**{ratio:.2}**)", number(*value))
            })
            .collect();
        format!(
            "| {} | {} | {} {} | {} | {} | {} | {} |",
            self.bench,
            self.case,
            number(self.value),
            self.unit,
            cell(self.p50),
            cell(self.p99),
            cell(self.p999),
            peers.join(", ")
        )
    }
}

/// A figure as people read it: one decimal where that says something, else none.
fn number(value: f64) -> String {
    if value >= 1e6 {
        format!("{:.2}M", value / 1e6)
    } else if value >= 1_000.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{BenchError, Options};

    fn row() -> Row {
        let build = |_: &Options| Err(BenchError::NotAvailable("made by hand"));
        Row::new(&CaseSpec { bench: "b", name: "c", build }, "ns/op", 0.0, 0, "")
    }

    #[test]
    fn percentiles_are_the_smallest_time_that_enough_operations_kept() {
        let mut row = row();
        let mut times: Vec<f32> = (1..=1_000).rev().map(|time| time as f32).collect();
        row.set_percentiles(&mut times);
        let seen = [row.p50, row.p90, row.p99, row.p999, row.max];
        assert_eq!(seen, [500.0, 900.0, 990.0, 999.0, 1_000.0].map(Some));
        row.set_percentiles(&mut []);
        assert_eq!((row.p50, row.max), (None, None));
    }

    #[test]
    fn figures_keep_four_digits() {
        let mut row = row();
        row.value = 123_456.789;
        row.p50 = Some(0.0);
        row.ratio.insert("peer".to_owned(), 0.123_456);
        row.round_figures();
        assert_eq!((row.value, row.p50, row.ratio["peer"]), (123_500.0, Some(0.0), 0.1235));
    }

    #[test]
    fn json_has_the_documented_fields_in_order() {
        let json = serde_json::to_string(&row()).unwrap();
        let fields = [
            "bench", "case", "unit", "value", "n", "p50", "p90", "p99", "p999", "max", "peers",
            "ratio", "machine",
        ];
        let places: Vec<_> =
            fields.iter().map(|field| json.find(&format!("\"{field}\":")).unwrap()).collect();
        assert!(places.is_sorted(), "{json}");
    }
}
