//! What a client has used of its limits.

use super::super::fields::KEY_LIMIT;
use super::super::value::{self, Slot};
use super::super::words::words;
use super::{Cursor, Result};

words! {
    /// What is counted.
    LimitKind {
        /// The weight of an address's requests.
        RequestWeight => "REQUEST_WEIGHT",
        /// The orders of an account, until they first fill.
        Orders => "ORDERS",
        /// An address's requests.
        RawRequests => "RAW_REQUESTS",
        /// An address's connections.
        Connections => "CONNECTIONS",
    }
}

words! {
    /// In which unit of time.
    Interval {
        /// A second.
        Second => "SECOND",
        /// A minute.
        Minute => "MINUTE",
        /// An hour.
        Hour => "HOUR",
        /// A day.
        Day => "DAY",
    }
}

/// A limit, and what is used of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// What is counted.
    pub kind: LimitKind,
    /// In which unit of time.
    pub interval: Interval,
    /// In how many of them.
    pub interval_count: u64,
    /// How much is allowed.
    pub limit: u64,
    /// How much is used.
    pub count: u64,
}

impl RateLimit {
    pub(super) fn read(cursor: &mut Cursor<'_>, _ns: u64) -> Result<Self> {
        let mut kind = Slot::new("rateLimitType");
        let mut interval = Slot::new("interval");
        let mut interval_count = Slot::new("intervalNum");
        let mut limit = Slot::new("limit");
        let mut count = Slot::new("count");
        cursor.object(|key, cursor| match key.resolve(&mut [0; KEY_LIMIT]) {
            Some(b"rateLimitType") => {
                kind.fill(cursor, |cursor| value::word(cursor, LimitKind::from_text))
            }
            Some(b"interval") => {
                interval.fill(cursor, |cursor| value::word(cursor, Interval::from_text))
            }
            Some(b"intervalNum") => interval_count.fill(cursor, Cursor::unsigned),
            Some(b"limit") => limit.fill(cursor, Cursor::unsigned),
            Some(b"count") => count.fill(cursor, Cursor::unsigned),
            _ => cursor.skip_value(),
        })?;
        Ok(Self {
            kind: kind.take(cursor)?,
            interval: interval.take(cursor)?,
            interval_count: interval_count.take(cursor)?,
            limit: limit.take(cursor)?,
            count: count.take(cursor)?,
        })
    }
}
