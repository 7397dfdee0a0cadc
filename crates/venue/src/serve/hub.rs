//! Who is told what: the subscriptions of all connections, and what each stream has yet to send.
//!
//! ```text
//!   events --> Hub: market streams, UserStreams --> Queues --> connections
//! ```
//!
//! A message is encoded once, however many are told of it.

mod market;

use std::collections::HashMap;

use tiercel_types::{Event, EventHeader, InstrumentId};

use crate::binance::stream::{self, Best, Cadence, Stream, StreamKind};
use crate::models::{DepthChanges, LevelChange, Models};

use super::queues::{ConnectionId, Message, Queues};
use super::user_streams::UserStreams;
use market::Told;

/// All subscriptions.
#[derive(Default)]
pub(super) struct Hub {
    pub(super) queues: Queues,
    pub(super) users: UserStreams,
    /// Which connections are told, under the name by which the stream is known.
    streams: HashMap<Stream, (String, Vec<ConnectionId>)>,
    /// What depth streams have yet to send.
    changes: HashMap<(InstrumentId, Cadence), DepthChanges>,
    /// What book tickers have sent last.
    best: HashMap<InstrumentId, Best>,
    /// Instruments whose book the present command has changed.
    touched: Vec<InstrumentId>,
    /// What streams that are told by the clock have told.
    told: Told,
}

/// All cadences.
const CADENCES: [Cadence; 2] = [Cadence::Fast, Cadence::Slow];

impl Hub {
    /// A connection that is gone.
    pub(super) fn disconnect(&mut self, connection: ConnectionId) {
        self.queues.disconnect(connection);
        self.users.disconnect(connection);
        self.streams.retain(|_, (_, told)| {
            told.retain(|one| *one != connection);
            !told.is_empty()
        });
    }

    /// Tells a connection of a stream from now on; again does nothing.
    pub(super) fn subscribe(&mut self, connection: ConnectionId, stream: Stream, name: &str) {
        let (_, told) = self.streams.entry(stream).or_insert_with(|| (name.to_owned(), Vec::new()));
        if !told.contains(&connection) {
            told.push(connection);
        }
    }

    /// No longer tells it.
    pub(super) fn unsubscribe(&mut self, connection: ConnectionId, stream: Stream) {
        if let Some((_, told)) = self.streams.get_mut(&stream) {
            told.retain(|one| *one != connection);
            if told.is_empty() {
                self.streams.remove(&stream);
            }
        }
    }

    /// How many were cut off since the last time.
    pub(super) fn take_cut_off(&mut self) -> usize {
        self.queues.take_cut_off()
    }

    /// Connections, and subscriptions of all of them.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.queues.len(), self.streams.values().map(|(_, told)| told.len()).sum())
    }

    /// Ends all connections.
    pub(super) fn close(&mut self, now_ms: u64) {
        self.queues.close(now_ms);
        self.streams.clear();
    }

    /// An event is about to be folded into `models`.
    pub(super) fn before(&mut self, models: &Models, header: &EventHeader, event: &Event) {
        self.users.before(models, header, event);
    }

    /// A level has changed.
    pub(super) fn changed(&mut self, instrument: InstrumentId, change: &LevelChange) {
        for cadence in CADENCES {
            self.changes.entry((instrument, cadence)).or_default().add(change);
        }
        if !self.touched.contains(&instrument) {
            self.touched.push(instrument);
        }
    }

    /// An event was folded into `models`.
    pub(super) fn tell(&mut self, models: &Models, header: &EventHeader, event: &Event) {
        self.users.after(models, header, event, &mut self.queues);
        if let Event::Trade(trade) = event {
            let stream = Stream { instrument: header.instrument, kind: StreamKind::Trade };
            self.send(stream, || {
                let spec = models.instruments().get(header.instrument)?;
                stream::trade(spec, trade, header.time_ns).ok()
            });
        }
        self.tell_aggregates(models, header, event);
        if header.is_last() {
            while let Some(instrument) = self.touched.pop() {
                self.tell_best(models, instrument);
            }
        }
    }

    fn tell_best(&mut self, models: &Models, instrument: InstrumentId) {
        let Some(book) = models.book(instrument) else { return };
        let best = stream::best(book);
        if self.best.insert(instrument, best) == Some(best) {
            return;
        }
        self.send(Stream { instrument, kind: StreamKind::BookTicker }, || {
            stream::book_ticker(models.instruments().get(instrument)?, book).ok()
        });
    }

    /// Sends what has changed of all books since the last time at this cadence.
    pub(super) fn tell_depths(&mut self, models: &Models, cadence: Cadence, now_ms: u64) {
        let all: Vec<_> = models.instruments().iter().map(|spec| spec.instrument).collect();
        for instrument in all {
            self.tell_depth(models, instrument, cadence, now_ms);
        }
    }

    /// Sends what has changed of one book: a snapshot that is taken now falls on the end of a diff.
    pub(super) fn align_depth(&mut self, models: &Models, instrument: InstrumentId, now_ms: u64) {
        for cadence in CADENCES {
            self.tell_depth(models, instrument, cadence, now_ms);
        }
    }

    fn tell_depth(
        &mut self,
        models: &Models,
        instrument: InstrumentId,
        cadence: Cadence,
        now_ms: u64,
    ) {
        let Some(mut changes) = self.changes.remove(&(instrument, cadence)) else { return };
        if !changes.is_empty() {
            self.send(Stream { instrument, kind: StreamKind::Depth(cadence) }, || {
                stream::depth(models.instruments().get(instrument)?, &changes, now_ms).ok()
            });
            changes.clear();
        }
        self.changes.insert((instrument, cadence), changes);
    }

    /// Encodes a message once, if anybody is told of it, and queues it for each.
    fn send(&mut self, stream: Stream, message: impl FnOnce() -> Option<String>) {
        let Some((name, told)) = self.streams.get(&stream) else { return };
        let Some(raw) = message() else { return };
        let wrapped = stream::wrapped(name, &raw);
        let message = Message::Stream { raw: raw.into(), wrapped: wrapped.into() };
        for connection in told {
            self.queues.push(*connection, message.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::error::TryRecvError;

    use super::super::queues::{QUEUE, Speaks};
    use super::*;

    #[test]
    fn a_queue_that_is_full_is_cut_off_and_others_hear_on() {
        let mut hub = Hub::default();
        let stream = Stream { instrument: InstrumentId(1), kind: StreamKind::Trade };
        let (deaf, mut unread) = hub.queues.connect(Speaks::Streams);
        let (reader, mut read) = hub.queues.connect(Speaks::Streams);
        hub.subscribe(deaf, stream, "a@trade");
        hub.subscribe(reader, stream, "a@trade");
        let mut encoded = 0;
        for _ in 0..=QUEUE {
            hub.send(stream, || {
                encoded += 1;
                Some("{}".to_owned())
            });
            let Message::Stream { wrapped, .. } = read.try_recv().unwrap() else { panic!() };
            assert_eq!(wrapped.as_str(), "{\"stream\":\"a@trade\",\"data\":{}}");
        }
        assert_eq!(encoded, QUEUE + 1, "once, however many are told");
        let waiting = std::iter::from_fn(|| unread.try_recv().ok()).count();
        assert_eq!(waiting, QUEUE);
        assert_eq!(unread.try_recv().unwrap_err(), TryRecvError::Disconnected);
        hub.disconnect(deaf);
        hub.disconnect(reader);
        hub.send(stream, || unreachable!("nobody is told"));
    }
}
