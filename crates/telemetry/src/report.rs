//! Latencies as a table and as JSON.

use core::fmt;

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use crate::histogram::{Distribution, Nanoseconds};

/// One histogram's distribution.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReportRow {
    /// The metric's name.
    pub name: String,
    /// Its labels, in the order of their names.
    #[serde(serialize_with = "as_map")]
    pub labels: Vec<(String, String)>,
    /// The distribution, in nanoseconds.
    pub latency: Distribution,
}

impl ReportRow {
    /// Its labels' values, or its name when it has none: `decode`.
    fn title(&self) -> String {
        if self.labels.is_empty() {
            return self.name.clone();
        }
        let values: Vec<_> = self.labels.iter().map(|(_, value)| value.as_str()).collect();
        values.join(" ")
    }
}

fn as_map<S: Serializer>(labels: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(labels.len()))?;
    for (name, value) in labels {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

/// The latencies of a program by stage: displays as a table, serialises as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// A row for each histogram that recorded something, by name.
    pub rows: Vec<ReportRow>,
}

/// Widths of the table's columns.
const NUMBER: usize = 9;
const COUNT: usize = 13;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles: Vec<_> = self.rows.iter().map(ReportRow::title).collect();
        let title = titles.iter().map(|title| title.chars().count()).max().unwrap_or(0).max(5);
        write!(f, "{:title$} {:>COUNT$}", "stage", "count")?;
        for name in ["min", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"] {
            write!(f, " {name:>NUMBER$}")?;
        }
        for (name, ReportRow { latency, .. }) in titles.iter().zip(&self.rows) {
            write!(f, "\n{name:title$} {:>COUNT$}", latency.count)?;
            let mean_ns = latency.mean_ns.round() as u64;
            let columns = latency.columns().map(|(_, value_ns)| value_ns);
            for value_ns in [latency.min_ns, mean_ns].into_iter().chain(columns) {
                write!(f, " {:>NUMBER$}", Nanoseconds(value_ns))?;
            }
        }
        Ok(())
    }
}
