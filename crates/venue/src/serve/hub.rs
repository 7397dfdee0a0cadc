//! Who is told what: the subscriptions of all connections, and what each stream has yet to send.
//!
//! ```text
//!   events --> Hub: market streams --> Fanout --> Queues --> connections
//!                \-> UserStreams -----------------/
//! ```
//!
//! A message is encoded once, however many are told of it.

mod market;

use std::collections::HashMap;

use tiercel_types::{Event, EventHeader, InstrumentId};

use crate::binance::stream::{self, Best, Cadence, Stream, StreamKind};
use crate::binance::trades::trade_message;
use crate::models::{DepthChanges, LevelChange, Models};

use super::fanout::{Fanout, Topic};
use super::queues::{ConnectionId, Message, Queues, Rule};
use super::user_streams::UserStreams;
use market::Told;

/// All subscriptions.
#[derive(Default)]
pub(super) struct Hub {
    pub(super) fanout: Fanout<Stream>,
    pub(super) users: UserStreams,
    /// The names of the streams that are told.
    names: HashMap<Stream, String>,
    /// What depth streams that are told have yet to send.
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

/// The interface documents no stream that leaves steps out.
impl Topic for Stream {
    fn rule(self) -> Rule {
        Rule::CutOff
    }
}

impl Hub {
    /// A connection that is gone.
    pub(super) fn disconnect(&mut self, connection: ConnectionId) {
        self.fanout.disconnect(connection);
        self.users.disconnect(connection);
    }

    /// Tells a connection of a stream from now on; again does nothing.
    pub(super) fn subscribe(&mut self, connection: ConnectionId, stream: Stream, name: &str) {
        self.names.entry(stream).or_insert_with(|| name.to_owned());
        self.fanout.subscribe(connection, stream, None);
    }

    /// The queues of all its connections.
    pub(super) const fn queues(&mut self) -> &mut Queues {
        &mut self.fanout.queues
    }

    /// An event is about to be folded into `models`.
    pub(super) fn before(&mut self, models: &Models, header: &EventHeader, event: &Event) {
        self.users.before(models, header, event);
    }

    /// A level has changed.
    pub(super) fn changed(&mut self, instrument: InstrumentId, change: &LevelChange) {
        if self.fanout.is_idle() && self.changes.is_empty() {
            return;
        }
        for cadence in CADENCES {
            let of = (instrument, cadence);
            if self.fanout.is_told(Stream { instrument, kind: StreamKind::Depth(cadence) }) {
                self.changes.entry(of).or_default().add(change);
            } else {
                // A diff with a hole in it must never be sent to who comes next.
                self.changes.remove(&of);
            }
        }
        if !self.touched.contains(&instrument) {
            self.touched.push(instrument);
        }
    }

    /// An event was folded into `models`.
    pub(super) fn tell(&mut self, models: &Models, header: &EventHeader, event: &Event) {
        self.users.after(models, header, event, &mut self.fanout.queues);
        if let Event::Trade(trade) = event {
            let stream = Stream { instrument: header.instrument, kind: StreamKind::Trade };
            self.send(stream, || {
                let spec = models.instruments().get(header.instrument)?;
                trade_message(spec, trade, header.time_ns).ok()
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
        let topic = Stream { instrument, kind: StreamKind::BookTicker };
        let Some(book) = models.book(instrument).filter(|_| self.fanout.is_told(topic)) else {
            return;
        };
        let best = stream::best(book);
        if self.best.insert(instrument, best) == Some(best) {
            return;
        }
        self.send(topic, || stream::book_ticker(models.instruments().get(instrument)?, book).ok());
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

    /// Encodes a message, if anybody is told of it, and queues it for each.
    fn send(&mut self, stream: Stream, message: impl FnOnce() -> Option<String>) {
        let Some(name) = self.names.get(&stream) else { return };
        self.fanout.tell(stream, || {
            let raw = message()?;
            let wrapped = stream::wrapped(name, &raw);
            Some(Message::Stream { raw: raw.into(), wrapped: wrapped.into() })
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::queues::Speaks;
    use super::*;

    #[test]
    fn a_message_is_told_with_and_without_the_streams_name() {
        let mut hub = Hub::default();
        let stream = Stream { instrument: InstrumentId(1), kind: StreamKind::Trade };
        let (reader, mut inbox) = hub.fanout.connect(Speaks::Streams);
        hub.send(stream, || unreachable!("nobody is told"));
        hub.subscribe(reader, stream, "a@trade");
        hub.send(stream, || Some("{}".to_owned()));
        let Some(Message::Stream { raw, wrapped }) = inbox.try_next() else { panic!() };
        assert_eq!(raw.as_str(), "{}");
        assert_eq!(wrapped.as_str(), "{\"stream\":\"a@trade\",\"data\":{}}");
        hub.disconnect(reader);
        hub.send(stream, || unreachable!("nobody is told"));
    }
}
