//! What a hot thread records latencies into, and the scopes that measure them.

use core::cell::Cell;
use core::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tiercel_host::Clock;

use crate::buckets::{CELLS, cell_of, lowest_of};
use crate::histogram::Histogram;

/// The cells of a histogram, shared by the one thread that writes and those that read.
#[derive(Clone, Debug)]
pub(crate) struct Cells(Arc<[AtomicU64]>);

impl Cells {
    pub(crate) fn new() -> Self {
        Self((0..CELLS).map(|_| AtomicU64::new(0)).collect())
    }

    /// Adds all that was counted to `histogram`.
    pub(crate) fn add_to(&self, histogram: &mut Histogram) {
        for (at, cell) in self.0.iter().enumerate() {
            let count = cell.load(Ordering::Relaxed);
            if count > 0 {
                histogram.record_many(lowest_of(at), count);
            }
        }
    }

    /// Whether nobody can write them any more; what was written last is then visible here.
    pub(crate) fn is_abandoned(&mut self) -> bool {
        Arc::get_mut(&mut self.0).is_some()
    }
}

/// One thread's share of a histogram of latencies in nanoseconds, exact to three digits.
///
/// Recording is a leading-zero count, two shifts, and a load, add and store of a cell that this
/// thread alone writes; nothing is allocated, locked or waited for. The collector reads the cells
/// while they are written: they only grow, and each holds a count that was true at some moment, so
/// a collected histogram lacks at most what was recorded while it was read, and the difference of
/// two is what came between. No second buffer is needed.
#[derive(Debug)]
pub struct Recorder {
    cells: Cells,
    /// Owned by one thread at a time.
    _not_shared: PhantomData<Cell<()>>,
}

impl Recorder {
    pub(crate) fn of(cells: Cells) -> Self {
        Self { cells, _not_shared: PhantomData }
    }

    /// Records one latency. What is longer than a minute counts as one.
    #[inline]
    pub fn record(&self, latency_ns: u64) {
        let cells = &self.cells.0;
        let cell = match cells.get(cell_of(latency_ns)) {
            Some(cell) => cell,
            None => &cells[CELLS - 1],
        };
        // Relaxed: nobody else writes it, and nothing is published with it.
        cell.store(cell.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// All that this handle recorded.
    pub fn histogram(&self) -> Histogram {
        let mut histogram = Histogram::new();
        self.cells.add_to(&mut histogram);
        histogram
    }
}

/// A stage of a pipeline: its latencies, and the clock they are taken with.
///
/// ```
/// use tiercel_host::Clock;
/// use tiercel_telemetry::{Registry, Stage};
///
/// let registry = Registry::new();
/// let name = "venue_stage_seconds";
/// let recorder = registry.histogram(name, "Time in a stage", &[("stage", "decode")])?;
/// let decode = Stage::new(recorder, Clock::new());
/// {
///     let _scope = decode.measure();
///     // the work of the stage
/// }
/// println!("{}", registry.report());
/// # assert_eq!(registry.report().rows[0].latency.count, 1);
/// # Ok::<(), tiercel_telemetry::RegistryError>(())
/// ```
#[derive(Debug)]
pub struct Stage {
    recorder: Recorder,
    clock: Clock,
}

impl Stage {
    /// A stage that records into `recorder` what `clock` says.
    pub const fn new(recorder: Recorder, clock: Clock) -> Self {
        Self { recorder, clock }
    }

    /// Measures from now until what is returned is dropped: two reads of the counter, and a
    /// record.
    #[inline]
    #[must_use = "the time until it is dropped is measured"]
    pub fn measure(&self) -> Scope<'_> {
        Scope { stage: self, start: self.clock.ticks() }
    }

    /// The counter now, for a stage that begins in one function and ends in another.
    #[inline]
    pub fn start(&self) -> u64 {
        self.clock.ticks()
    }

    /// Records the time since [`start`](Self::start) gave `start`, and returns the counter now:
    /// the start of the next stage, so that n stages in a row cost n + 1 reads.
    #[inline]
    pub fn record_since(&self, start: u64) -> u64 {
        let now = self.clock.ticks();
        self.recorder.record(self.clock.ns(now.saturating_sub(start)));
        now
    }

    /// What its latencies are recorded into.
    pub const fn recorder(&self) -> &Recorder {
        &self.recorder
    }
}

/// A stage that runs: see [`Stage::measure`].
#[derive(Debug)]
pub struct Scope<'a> {
    stage: &'a Stage,
    start: u64,
}

impl Drop for Scope<'_> {
    #[inline]
    fn drop(&mut self) {
        self.stage.record_since(self.start);
    }
}
