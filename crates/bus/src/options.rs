//! What a bus is made with.

use core::time::Duration;

use crate::error::BusError;
use crate::file::{FIRST_PAGE, LINE};

/// How many writers a bus may have at a time. A bus is made for one or the other, for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writers {
    /// One. It pays for no atomic read-modify-write.
    #[default]
    One,
    /// Up to [`SHARED_WRITERS_MAX`](crate::SHARED_WRITERS_MAX). Each claims by compare-and-swap.
    Shared,
}

/// How readers may wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Waiting {
    /// They look again and again. Writers pay nothing.
    #[default]
    Spin,
    /// They may also sleep. Writers look at a flag after each record, and wake who sleeps.
    Sleep,
}

/// Where records may begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    /// On cache lines: a record of up to 56 bytes crosses between cores in one transfer, and no
    /// two records share a line.
    #[default]
    CacheLine,
    /// On words of eight bytes: for many short records.
    Word,
}

impl Align {
    /// In bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::CacheLine => LINE,
            Self::Word => 8,
        }
    }
}

/// When old cycles are removed. A bound of zero is none.
///
/// A reader that has a cycle open reads it to its end, removed or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// So many cycles stay, the one being written included; at least two.
    pub cycles: u32,
    /// Cycles stay while they have at most so many bytes together; two stay whatever they have.
    pub bytes: u64,
}

impl Retention {
    /// How many cycles of `cycle_bytes` stay.
    pub(crate) fn cycles_kept(self, cycle_bytes: u64) -> u64 {
        let by_count = if self.cycles == 0 { u64::MAX } else { u64::from(self.cycles) };
        let by_bytes = if self.bytes == 0 { u64::MAX } else { self.bytes / cycle_bytes };
        by_count.min(by_bytes).max(2)
    }
}

/// What a bus is made with. Kept in each of its files, save for `prefault`.
///
/// ```
/// use tiercel_bus::{Options, Retention, Waiting};
///
/// let options = Options {
///     waiting: Waiting::Sleep,
///     retention: Retention { cycles: 8, bytes: 0 },
///     ..Options::default()
/// };
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many writers.
    pub writers: Writers,
    /// How readers may wait.
    pub waiting: Waiting,
    /// Where records begin.
    pub align: Align,
    /// Bytes of a cycle's file: a multiple of 4096, from 8192 to 8 GiB. 64 MiB unless told.
    pub cycle_bytes: u64,
    /// How long a cycle is written before [`Writer::roll_if_due`](crate::Writer::roll_if_due)
    /// begins the next; zero for as long as there is room.
    pub cycle_span: Duration,
    /// When old cycles are removed.
    pub retention: Retention,
    /// Whether to take all pages of a cycle when it is made or opened, so that none is taken on
    /// the way of a record. Of this handle alone.
    pub prefault: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            writers: Writers::One,
            waiting: Waiting::Spin,
            align: Align::CacheLine,
            cycle_bytes: 64 << 20,
            cycle_span: Duration::ZERO,
            retention: Retention::default(),
            prefault: true,
        }
    }
}

/// A cycle's file is at most this long: positions then fit in 34 bits, and even the shortest
/// records leave sequence numbers below 2^32.
pub(crate) const CYCLE_BYTES_MAX: u64 = 8 << 30;

impl Options {
    pub(crate) fn check(&self) -> Result<(), BusError> {
        let page = FIRST_PAGE as u64;
        if self.cycle_bytes < 2 * page || self.cycle_bytes > CYCLE_BYTES_MAX {
            return Err(BusError::Options("a cycle has 8 KiB to 8 GiB"));
        }
        if !self.cycle_bytes.is_multiple_of(page) {
            return Err(BusError::Options("a cycle is a multiple of 4096 bytes"));
        }
        if self.retention.cycles == 1 {
            return Err(BusError::Options("at least two cycles stay: one ends, the next begins"));
        }
        if u64::try_from(self.cycle_span.as_nanos()).is_err() {
            return Err(BusError::Options("a cycle's span is at most 584 years"));
        }
        Ok(())
    }
}
