//! All metrics of a program by name, and collecting them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tiercel_sync::layout::Apart;

use crate::counter::{Counter, CounterCell, Gauge};
use crate::histogram::Histogram;
use crate::recorder::{Cells, Recorder};
use crate::report::{Report, ReportRow};

/// Why a metric cannot be registered.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RegistryError {
    /// Not a name that Prometheus takes: `[a-zA-Z_:][a-zA-Z0-9_:]*`, for labels without colon and
    /// without two underscores ahead, and not `le`.
    #[error("not a valid name: {0:?}")]
    Name(String),
    /// Names tell units: counters end in `_total`, histograms, which are of time, in `_seconds`,
    /// `_microseconds` or `_ns`.
    #[error("the name of a {kind} ends in {suffix}, not so {name:?}")]
    Suffix {
        /// The name.
        name: String,
        /// What was to be registered.
        kind: &'static str,
        /// What it has to end in.
        suffix: &'static str,
    },
    /// A label is named twice.
    #[error("the label {0:?} is given twice")]
    LabelTwice(String),
    /// The name is taken by a metric of another kind or with another help text.
    #[error("{0:?} is registered as something else")]
    Taken(String),
}

/// What a family's series are made of.
pub(crate) enum Value {
    Counter { live: Vec<CounterCell>, retired: u64 },
    Gauge(Gauge),
    Observed(Box<dyn Fn() -> f64 + Send>),
    Histogram { live: Vec<Cells>, retired: Box<Histogram> },
}

impl Value {
    const fn kind(&self) -> Kind {
        match self {
            Self::Counter { .. } => Kind::Counter,
            Self::Gauge(_) | Self::Observed(_) => Kind::Gauge,
            Self::Histogram { .. } => Kind::Histogram,
        }
    }
}

/// What names of histograms end in that are told in microseconds.
pub(crate) const MICROSECONDS: &str = "_microseconds";
/// And those that are told in nanoseconds.
pub(crate) const NANOSECONDS: &str = "_ns";

/// The kind of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    /// Its name, and what names of it end in.
    const fn words(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Counter => ("counter", &["_total"]),
            Self::Gauge => ("gauge", &[""]),
            Self::Histogram => ("histogram", &["_seconds", MICROSECONDS, NANOSECONDS]),
        }
    }
}

/// Label names and values, in the order of the names.
pub(crate) type Labels = Vec<(String, String)>;

struct Series {
    labels: Labels,
    value: Value,
}

struct Family {
    name: String,
    help: String,
    kind: Kind,
    series: Vec<Series>,
}

/// A family as it was when it was collected.
pub(crate) struct Collected {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: Kind,
    pub(crate) series: Vec<(Labels, Sample)>,
}

/// The value of a series when it was collected.
pub(crate) enum Sample {
    Number(f64),
    Histogram(Box<Histogram>),
}

/// All metrics of a program. Clones are the same registry.
///
/// Handles are taken when a thread starts, which locks and allocates; using them does neither.
/// Handles of the same name and labels count together. What a dropped handle counted stays.
///
/// ```
/// use tiercel_telemetry::Registry;
///
/// let registry = Registry::new();
/// let orders = registry.counter("venue_orders_total", "Orders taken", &[("gateway", "fix")])?;
/// orders.increment();
/// assert!(registry.text().contains("venue_orders_total{gateway=\"fix\"} 1\n"));
/// # Ok::<(), tiercel_telemetry::RegistryError>(())
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    families: Arc<Mutex<Vec<Family>>>,
}

impl core::fmt::Debug for Registry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Registry").field("families", &self.lock().len()).finish()
    }
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// A handle of the counter of this name and these labels. Its name ends in `_total`.
    ///
    /// # Errors
    /// [`RegistryError`] when the name or labels are not valid, or the name is taken.
    pub fn counter(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
    ) -> Result<Counter, RegistryError> {
        let cell = Arc::new(Apart::new(AtomicU64::new(0)));
        let new = || Value::Counter { live: Vec::new(), retired: 0 };
        self.with(name, help, labels, new, |value| match value {
            Value::Counter { live, .. } => {
                live.push(Arc::clone(&cell));
                Some(Counter::of(cell))
            }
            _ => None,
        })
    }

    /// The gauge of this name and these labels.
    ///
    /// # Errors
    /// As [`counter`](Self::counter).
    pub fn gauge(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
    ) -> Result<Gauge, RegistryError> {
        self.with(
            name,
            help,
            labels,
            || Value::Gauge(Gauge::new()),
            |value| match value {
                Value::Gauge(gauge) => Some(gauge.clone()),
                _ => None,
            },
        )
    }

    /// A gauge that `observe` is asked for whenever metrics are collected: the depth of a queue,
    /// what a log dropped. It must not use this registry.
    ///
    /// # Errors
    /// As [`counter`](Self::counter); the name and labels may be observed once.
    pub fn observe(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        observe: impl Fn() -> f64 + Send + 'static,
    ) -> Result<(), RegistryError> {
        let mut observe = Some(observe);
        let unset = || Value::Observed(Box::new(|| f64::NAN));
        self.with(name, help, labels, unset, |value| match value {
            Value::Observed(place) if place().is_nan() => {
                observe.take().map(|observe| *place = Box::new(observe))
            }
            _ => None,
        })
    }

    /// A handle of the histogram of this name and these labels. It is of times: its handle records
    /// nanoseconds, and it is told in the unit that its name ends in, `_seconds`, `_microseconds` or `_ns`.
    ///
    /// # Errors
    /// As [`counter`](Self::counter).
    pub fn histogram(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
    ) -> Result<Recorder, RegistryError> {
        let cells = Cells::new();
        let new = || Value::Histogram { live: Vec::new(), retired: Box::default() };
        self.with(name, help, labels, new, |value| match value {
            Value::Histogram { live, .. } => {
                live.push(cells.clone());
                Some(Recorder::of(cells))
            }
            _ => None,
        })
    }

    /// All metrics in Prometheus' text format, version 0.0.4.
    pub fn text(&self) -> String {
        crate::exposition::text(&self.collect())
    }

    /// The distribution of every histogram that recorded something.
    pub fn report(&self) -> Report {
        let mut rows = Vec::new();
        for family in self.collect() {
            for (labels, sample) in family.series {
                if let Sample::Histogram(histogram) = sample
                    && histogram.count() > 0
                {
                    let latency = histogram.distribution();
                    rows.push(ReportRow { name: family.name.clone(), labels, latency });
                }
            }
        }
        Report { rows }
    }

    /// Everything as it is now, in the order of the names.
    pub(crate) fn collect(&self) -> Vec<Collected> {
        let mut families = self.lock();
        families.sort_by(|one, other| one.name.cmp(&other.name));
        let collected = families.iter_mut().map(|family| Collected {
            name: family.name.clone(),
            help: family.help.clone(),
            kind: family.kind,
            series: family
                .series
                .iter_mut()
                .map(|series| (series.labels.clone(), sample(&mut series.value)))
                .collect(),
        });
        collected.collect()
    }

    /// Finds or makes the series, and takes a handle of it by `take`.
    fn with<T>(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        new: impl FnOnce() -> Value,
        take: impl FnOnce(&mut Value) -> Option<T>,
    ) -> Result<T, RegistryError> {
        let labels = checked_labels(labels)?;
        let value = new();
        let kind = value.kind();
        check_name(name, kind)?;
        let taken = || RegistryError::Taken(name.to_owned());
        let mut families = self.lock();
        let at = if let Some(at) = families.iter().position(|family| family.name == name) {
            at
        } else {
            let (name, help) = (name.to_owned(), help.to_owned());
            families.push(Family { name, help, kind, series: Vec::new() });
            families.len() - 1
        };
        let family = &mut families[at];
        if family.kind != kind || family.help != help {
            return Err(taken());
        }
        let at = if let Some(at) = family.series.iter().position(|series| series.labels == labels) {
            at
        } else {
            family.series.push(Series { labels, value });
            family.series.len() - 1
        };
        take(&mut family.series[at].value).ok_or_else(taken)
    }

    /// Nothing here panics half way through a change, so that a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Vec<Family>> {
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value now. Cells whose handles are gone are folded into what is retired.
fn sample(value: &mut Value) -> Sample {
    match value {
        Value::Counter { live, retired } => {
            // `get_mut` synchronises with the drop of the last handle: its count is final.
            live.retain_mut(|cell| match Arc::get_mut(cell) {
                Some(cell) => {
                    *retired = retired.wrapping_add(cell.load(Ordering::Relaxed));
                    false
                }
                None => true,
            });
            let counts = live.iter().map(|cell| cell.load(Ordering::Relaxed));
            Sample::Number(counts.fold(*retired, u64::wrapping_add) as f64)
        }
        Value::Gauge(gauge) => Sample::Number(gauge.value()),
        Value::Observed(observe) => Sample::Number(observe()),
        Value::Histogram { live, retired } => {
            live.retain_mut(|cells| {
                let abandoned = cells.is_abandoned();
                if abandoned {
                    cells.add_to(retired);
                }
                !abandoned
            });
            let mut histogram = retired.clone();
            for cells in live {
                cells.add_to(&mut histogram);
            }
            Sample::Histogram(histogram)
        }
    }
}

/// Prometheus' data model: <https://prometheus.io/docs/concepts/data_model/>.
fn check_name(name: &str, kind: Kind) -> Result<(), RegistryError> {
    let mut bytes = name.bytes();
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte == b':';
    let valid =
        bytes.next().is_some_and(first) && bytes.all(|byte| first(byte) || byte.is_ascii_digit());
    if !valid {
        return Err(RegistryError::Name(name.to_owned()));
    }
    let (kind, suffixes) = kind.words();
    if suffixes.iter().any(|suffix| name.ends_with(suffix)) {
        return Ok(());
    }
    Err(RegistryError::Suffix { name: name.to_owned(), kind, suffix: suffixes[0] })
}

fn checked_labels(labels: &[(&str, &str)]) -> Result<Labels, RegistryError> {
    for (name, _) in labels {
        let mut bytes = name.bytes();
        let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        let valid = bytes.next().is_some_and(first)
            && bytes.all(|byte| first(byte) || byte.is_ascii_digit())
            && !name.starts_with("__")
            && *name != "le";
        if !valid {
            return Err(RegistryError::Name((*name).to_owned()));
        }
    }
    let mut labels: Labels =
        labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    labels.sort_unstable();
    match labels.array_windows().find(|[one, next]| one.0 == next.0) {
        Some([twice, _]) => Err(RegistryError::LabelTwice(twice.0.clone())),
        None => Ok(labels),
    }
}
