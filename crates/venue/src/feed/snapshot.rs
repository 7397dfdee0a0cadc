//! How everything stands, for those who come late.

use std::sync::Arc;

use tiercel_types::{OrderId, Timestamp};
use tiercel_wire::glimpse;
use tiercel_wire::soup::SessionId;
use tiercel_wire::store::Store;

use crate::itch::{Day, Feed, Sink};

/// A snapshot this old is as good as a new one: the feed has what came since.
const FRESH_NS: u64 = 100_000_000;

/// The messages of a snapshot, the end included.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    bytes: Vec<u8>,
    /// Where each message ends.
    ends: Vec<usize>,
}

impl Sink for Snapshot {
    fn begin(&mut self, _: Day) {}

    fn message(&mut self, bytes: &[u8], _: OrderId) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len());
    }
}

/// A snapshot as what a session sends.
#[derive(Clone, Debug)]
pub(super) struct Pages(pub(super) Arc<Snapshot>);

/// It is whole from the start: nothing in it can be set.
impl Store for Pages {
    fn next_incoming(&self) -> u64 {
        1
    }

    fn next_outgoing(&self) -> u64 {
        self.0.ends.len() as u64 + 1
    }

    fn created(&self) -> Timestamp {
        Timestamp(0)
    }

    fn set_next_incoming(&mut self, _: u64) {}

    fn set_next_outgoing(&mut self, _: u64) {}

    fn sent(&mut self, _: Option<&[u8]>) {}

    fn reset(&mut self, _: Timestamp) {}

    fn read(&mut self, number: u64, into: &mut Vec<u8>) -> bool {
        let Snapshot { bytes, ends } = &*self.0;
        let Some(at) = number.checked_sub(1).and_then(|at| usize::try_from(at).ok()) else {
            return false;
        };
        let start = at.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
        let Some(end) = ends.get(at) else { return false };
        into.extend_from_slice(&bytes[start..*end]);
        true
    }
}

/// The newest one, for all who come at about the same time.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    newest: Option<(SessionId, Timestamp, Pages)>,
}

impl Snapshots {
    /// How everything stands: the session's next message is that of number `next`.
    pub(super) fn get(
        &mut self,
        feed: &Feed,
        session: SessionId,
        next: u64,
        now: Timestamp,
    ) -> Pages {
        if let Some((of, made, pages)) = &self.newest
            && *of == session
            && now.0.saturating_sub(made.0) < FRESH_NS
        {
            return pages.clone();
        }
        let mut snapshot = Snapshot::default();
        feed.picture(now, &mut snapshot);
        snapshot.message(&glimpse::end(next), OrderId::NONE);
        let pages = Pages(Arc::new(snapshot));
        self.newest = Some((session, now, pages.clone()));
        pages
    }
}
