//! Which rows of a long answer: from an id on, of a span of time, and how many.

use tiercel_types::Timestamp;

use super::answer::NANOS_PER_MILLI;
use super::error::ApiError;
use super::params::Params;

/// The most orders or trades of an answer.
pub(super) const ROWS_MAX: usize = 1_000;
/// How many where none are asked for.
pub(super) const ROWS_DEFAULT: usize = 500;

/// How many rows: more than the most is the most.
pub(super) fn limit(params: &Params<'_>, default: usize, most: usize) -> Result<usize, ApiError> {
    match params.integer("limit")? {
        None => Ok(default),
        Some(0) => Err(ApiError::invalid("limit")),
        Some(limit) => Ok(usize::try_from(limit).unwrap_or(most).min(most)),
    }
}

/// A span of time, both ends included.
pub(super) struct Span {
    /// `None`: from the first on, of which the newest are wanted where there are too many.
    pub(super) from_ms: Option<u64>,
    pub(super) to_ms: u64,
}

impl Span {
    pub(super) fn read(params: &Params<'_>) -> Result<Self, ApiError> {
        let from_ms = params.time_ms("startTime")?;
        let to_ms = params.time_ms("endTime")?.unwrap_or(u64::MAX);
        Ok(Self { from_ms, to_ms })
    }

    pub(super) fn holds(&self, time: Timestamp) -> bool {
        (self.from_ms.unwrap_or(0)..=self.to_ms).contains(&(time.0 / NANOS_PER_MILLI))
    }

    pub(super) fn is_open(&self) -> bool {
        self.from_ms.is_none() && self.to_ms == u64::MAX
    }
}

/// A part of rows that are in the order of their ids.
pub(super) struct Page {
    /// The id of the first.
    pub(super) from: Option<u64>,
    pub(super) span: Span,
    pub(super) limit: usize,
}

impl Page {
    /// Reads it; `from` is what the request calls the first row's id.
    pub(super) fn read(params: &Params<'_>, from: &str) -> Result<Self, ApiError> {
        Ok(Self {
            from: params.integer(from)?,
            span: Span::read(params)?,
            limit: limit(params, ROWS_DEFAULT, ROWS_MAX)?,
        })
    }

    /// # Errors
    /// -1128 if it has both a first id and a span.
    pub(super) fn check_either(&self) -> Result<(), ApiError> {
        if self.from.is_some() && !self.span.is_open() {
            return Err(ApiError::combination());
        }
        Ok(())
    }

    /// Those of the rows that are on it: with a first id or a start the oldest, else the newest; oldest
    /// first.
    pub(super) fn of<T>(&self, rows: impl DoubleEndedIterator<Item = T>) -> Vec<T> {
        if self.from.is_some() || self.span.from_ms.is_some() {
            return rows.take(self.limit).collect();
        }
        let mut newest: Vec<T> = rows.rev().take(self.limit).collect();
        newest.reverse();
        newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_milliseconds_or_microseconds() {
        let query = "startTime=1700000000000123&endTime=1700000000005";
        let span = Span::read(&Params::parse(query, "").unwrap()).unwrap();
        assert_eq!((span.from_ms, span.to_ms), (Some(1_700_000_000_000), 1_700_000_000_005));
    }

    #[test]
    fn the_oldest_are_on_it_from_a_start_on_and_else_the_newest() {
        let of = |query: &str| {
            let page = Page::read(&Params::parse(query, "").unwrap(), "fromId").unwrap();
            (page.of([1, 2, 3].into_iter()), page.check_either().is_ok())
        };
        assert_eq!(of("limit=2"), (vec![2, 3], true));
        assert_eq!(of("limit=2&fromId=0"), (vec![1, 2], true));
        assert_eq!(of("limit=2&startTime=1"), (vec![1, 2], true));
        assert_eq!(of("limit=2&startTime=0"), (vec![1, 2], true));
        assert_eq!(of("limit=2&endTime=1"), (vec![2, 3], true));
        assert_eq!(of("fromId=1&endTime=9"), (vec![1, 2, 3], false));
    }
}
