//! What a signal was over time, in a bounded number of columns.

use super::kind::Kind;

/// When there are so many columns, each two become one.
const COLUMNS_MAX: usize = 1_024;
/// How much time a column covers at first.
const STEP_NS: u64 = 10_000_000;

/// The values of one signal in some stretch of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) last: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    sum: f64,
    pub(crate) count: u64,
}

impl Cell {
    pub(super) const EMPTY: Self =
        Self { last: f64::NAN, min: f64::INFINITY, max: f64::NEG_INFINITY, sum: 0.0, count: 0 };

    pub(super) const fn add(&mut self, value: f64) {
        self.last = value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += value;
        self.count += 1;
    }

    /// Adds a value that came so many times; the last one stays.
    pub(super) const fn add_many(&mut self, value: f64, count: u64) {
        if count > 0 {
            self.min = self.min.min(value);
            self.max = self.max.max(value);
            self.sum += value * count as f64;
            self.count += count;
        }
    }

    /// Takes in what came right behind it.
    const fn append(&mut self, later: &Self) {
        if later.count > 0 {
            self.last = later.last;
            self.min = self.min.min(later.min);
            self.max = self.max.max(later.max);
            self.sum += later.sum;
            self.count += later.count;
        }
    }

    /// The mean over the events; none of no event.
    pub(crate) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

/// What happened in some stretch of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    cells: [Cell; Kind::ALL.len()],
    /// The last state of the micro-price.
    pub(crate) state: Option<usize>,
    /// Whether the last top of the book was a quote; none where there was no top.
    pub(crate) quoted: Option<bool>,
    /// What was traded, of the base asset.
    pub(crate) bought: f64,
    pub(crate) sold: f64,
}

impl Column {
    const EMPTY: Self = Self {
        cells: [Cell::EMPTY; Kind::ALL.len()],
        state: None,
        quoted: None,
        bought: 0.0,
        sold: 0.0,
    };

    pub(crate) const fn cell(&self, kind: Kind) -> &Cell {
        &self.cells[kind as usize]
    }

    pub(super) const fn cell_mut(&mut self, kind: Kind) -> &mut Cell {
        &mut self.cells[kind as usize]
    }

    fn append(&mut self, later: &Self) {
        for (cell, later) in self.cells.iter_mut().zip(&later.cells) {
            cell.append(later);
        }
        self.state = later.state.or(self.state);
        self.quoted = later.quoted.or(self.quoted);
        self.bought += later.bought;
        self.sold += later.sold;
    }
}

/// Columns of equal length, from the first event on. They grow longer as time goes on, so that
/// memory does not grow with it.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) begin_ns: u64,
    pub(crate) step_ns: u64,
    pub(crate) columns: Vec<Column>,
}

impl Series {
    pub(super) const fn new() -> Self {
        Self { begin_ns: 0, step_ns: STEP_NS, columns: Vec::new() }
    }

    /// The column of a time: the newest one, if the time goes back.
    pub(super) fn at(&mut self, time_ns: u64) -> &mut Column {
        if self.columns.is_empty() {
            self.begin_ns = time_ns;
        }
        let place = |series: &Self| (time_ns.saturating_sub(series.begin_ns)) / series.step_ns;
        while place(self) >= COLUMNS_MAX as u64 {
            self.halve();
        }
        let place = (place(self) as usize).max(self.columns.len().saturating_sub(1));
        self.columns.resize(self.columns.len().max(place + 1), Column::EMPTY);
        &mut self.columns[place]
    }

    fn halve(&mut self) {
        self.step_ns = self.step_ns.saturating_mul(2);
        let pairs = self.columns.chunks(2);
        self.columns = pairs
            .map(|pair| {
                let mut column = pair[0];
                pair[1..].iter().for_each(|later| column.append(later));
                column
            })
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stay_few_and_lose_nothing() {
        let mut series = Series::new();
        for second in 0..100_000_u64 {
            series.at(7 + second * 1_000_000_000).cell_mut(Kind::Mid).add(second as f64);
        }
        assert!(series.columns.len() <= COLUMNS_MAX && series.columns.len() > COLUMNS_MAX / 4);
        let cells = || series.columns.iter().map(|column| column.cell(Kind::Mid));
        assert_eq!(cells().map(|cell| cell.count).sum::<u64>(), 100_000);
        assert!(
            cells().map(|cell| cell.min).is_sorted() && cells().all(|cell| cell.min <= cell.max)
        );
        assert!((cells().map(|cell| cell.sum).sum::<f64>() - 4_999_950_000.0).abs() < 1.0);
    }

    #[test]
    fn a_time_that_goes_back_or_leaps_is_no_trouble() {
        let mut series = Series::new();
        series.at(1_000_000_000).bought = 1.0;
        series.at(2_000_000_000).bought = 2.0;
        series.at(0).bought += 3.0;
        series.at(u64::MAX).sold = 1.0;
        assert!(series.columns.len() <= COLUMNS_MAX);
        let bought: f64 = series.columns.iter().map(|column| column.bought).sum();
        assert!((bought - 6.0).abs() < 1e-9);
    }
}
