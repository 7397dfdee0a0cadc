//! Whose bytes they are: every connection of the trader, between the reactor and the core.
//!
//! ```text
//!   Busy --received(id, bytes)--> Lines --+--> BinaryFeed   --+--> Core
//!     ^                                   +--> BinaryOrders --+     |
//!     +------------ flush <-------------- Lines <-- requests -------+
//! ```

use std::net::SocketAddr;

use tiercel_net::{CloseReason, ConnectionId, Handler, Reactor};
use tiercel_types::Timestamp;

use crate::connector::BinaryOrders;
use crate::core::Core;
use crate::feed::BinaryFeed;
use crate::timing::Stage;

/// A connection's number among all that the trader wants.
pub type LineId = usize;

/// What a connection is for.
#[expect(clippy::large_enum_variant, reason = "there are few, and they lie where they are used")]
pub enum Line {
    /// Market data in records.
    BinaryFeed(BinaryFeed),
    /// Orders in records.
    BinaryOrders(BinaryOrders),
}

/// What happened to a connection, for who makes them and who tells of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineEvent {
    /// It is there.
    Up(LineId),
    /// It is gone, and another is wanted.
    Down(LineId, String),
}

/// A connection that is wanted, and where it is, if it is.
struct Wanted {
    line: Line,
    id: Option<ConnectionId>,
    /// What is wrong with it: it is to be ended.
    fault: Option<String>,
}

/// All connections, and the core behind them.
pub struct Lines {
    /// What decides.
    pub core: Core,
    wanted: Vec<Wanted>,
    /// By the reactor's place, the line.
    by_place: Vec<Option<LineId>>,
    /// The line that the reactor is taking in.
    expected: Option<LineId>,
    /// Which line has a venue's orders, by venue.
    orders: Vec<Option<LineId>>,
    events: Vec<LineEvent>,
    /// Random bytes of the connection that is taken in.
    nonce: [u8; 32],
}

impl Lines {
    /// No connection is there yet. `connections_max` is what the reactor was made for.
    pub fn new(core: Core, lines: Vec<Line>, connections_max: usize) -> Self {
        let mut orders: Vec<Option<LineId>> = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            if let Line::BinaryOrders(line) = line {
                let venue = line.venue().index();
                if orders.len() <= venue {
                    orders.resize(venue + 1, None);
                }
                orders[venue] = Some(at);
            }
        }
        let wanted = lines.into_iter().map(|line| Wanted { line, id: None, fault: None }).collect();
        Self {
            core,
            wanted,
            by_place: vec![None; connections_max],
            expected: None,
            orders,
            events: Vec::with_capacity(16),
            nonce: [0; 32],
        }
    }

    /// What has happened to connections since it was asked last.
    pub fn take_events(&mut self, mut take: impl FnMut(LineEvent)) {
        self.events.drain(..).for_each(&mut take);
    }

    /// The lines, by their number.
    pub fn lines(&self) -> impl Iterator<Item = (&Line, bool)> {
        self.wanted.iter().map(|wanted| (&wanted.line, wanted.id.is_some()))
    }

    /// The next connection that the reactor takes in is this line's. `nonce` is drawn at random for it.
    pub fn expect(&mut self, line: LineId, nonce: [u8; 32]) {
        (self.expected, self.nonce) = (Some(line), nonce);
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.core.timing.now_ns())
    }

    /// What lines have to say when the time passes.
    pub fn tick(&mut self, now: Timestamp) {
        self.core.tick(now);
        for wanted in &mut self.wanted {
            if let Line::BinaryOrders(orders) = &mut wanted.line {
                orders.tick(now);
            }
        }
    }

    /// Says goodbye on every line.
    pub fn log_out(&mut self, now: Timestamp) {
        for wanted in &mut self.wanted {
            if let Line::BinaryOrders(orders) = &mut wanted.line {
                orders.log_out(now);
            }
        }
    }

    /// Writes what the core wants asked, and sends what there is.
    #[inline]
    pub fn flush<R: Reactor>(&mut self, reactor: &mut R) {
        let now = self.now();
        let Self { core, wanted, orders, .. } = self;
        if core.has_requests() {
            core.take_requests(now, |venue, request| {
                let line = orders.get(venue.index()).copied().flatten();
                if let Some(line) = line.and_then(|line| wanted.get_mut(line))
                    && let Line::BinaryOrders(orders) = &mut line.line
                {
                    orders.request(now, request);
                }
            });
            core.timing.mark_if_trading(Stage::Encode);
        }
        for wanted in wanted.iter_mut() {
            let Some(id) = wanted.id else { continue };
            let bytes = match &mut wanted.line {
                Line::BinaryFeed(feed) => feed.output(),
                Line::BinaryOrders(orders) => orders.output(),
            };
            if !bytes.is_empty()
                && let Some(output) = reactor.output(id)
            {
                output.extend_from_slice(bytes);
                bytes.clear();
            }
        }
        reactor.flush(self);
        self.core.timing.sent();
        self.end_faulty(reactor);
    }

    /// Tells the line of a venue's orders what the venue calls instruments.
    #[cold]
    fn learn(&mut self, feed: LineId) {
        let mut learned = Vec::new();
        let Line::BinaryFeed(feed) = &mut self.wanted[feed].line else { return };
        feed.take_learned(|instrument, number| learned.push((instrument, number)));
        let orders = self.orders.get(feed.venue().index()).copied().flatten();
        if let Some(line) = orders.and_then(|line| self.wanted.get_mut(line))
            && let Line::BinaryOrders(orders) = &mut line.line
        {
            for (instrument, number) in learned {
                orders.set_instrument(instrument, number);
            }
        }
    }

    /// Ends connections on which nothing more can be said.
    fn end_faulty<R: Reactor>(&mut self, reactor: &mut R) {
        for at in 0..self.wanted.len() {
            let wanted = &self.wanted[at];
            let ends = match &wanted.line {
                Line::BinaryOrders(orders) => orders.wants_close(),
                Line::BinaryFeed(_) => false,
            };
            if let Some(id) = wanted.id
                && (ends || wanted.fault.is_some())
            {
                reactor.close(id, self);
            }
        }
    }
}

impl Handler for Lines {
    fn connected(&mut self, id: ConnectionId, _: SocketAddr) -> bool {
        let Some(at) = self.expected.take() else { return false };
        let now = self.now();
        let nonce = self.nonce;
        let (Some(wanted), Some(place)) =
            (self.wanted.get_mut(at), self.by_place.get_mut(id.index()))
        else {
            return false;
        };
        (wanted.id, wanted.fault, *place) = (Some(id), None, Some(at));
        match &mut wanted.line {
            Line::BinaryFeed(feed) => feed.connected(),
            Line::BinaryOrders(orders) => orders.connected(now, nonce),
        }
        self.events.push(LineEvent::Up(at));
        true
    }

    #[inline]
    fn received(&mut self, id: ConnectionId, bytes: &[u8], _: &mut Vec<u8>) -> usize {
        let now = self.now();
        let Some(at) = self.by_place.get(id.index()).copied().flatten() else { return bytes.len() };
        let Self { core, wanted, .. } = self;
        let wanted = &mut wanted[at];
        match &mut wanted.line {
            Line::BinaryFeed(feed) => match feed.received(now, bytes, core) {
                Ok(taken) if !feed.has_learned() => taken,
                Ok(taken) => {
                    self.learn(at);
                    taken
                }
                Err(fault) => {
                    wanted.fault = Some(fault.to_string());
                    bytes.len()
                }
            },
            Line::BinaryOrders(orders) => orders.received(now, bytes, core),
        }
    }

    fn closed(&mut self, id: ConnectionId, reason: &CloseReason) {
        let now = self.now();
        let Some(at) = self.by_place.get_mut(id.index()).and_then(Option::take) else { return };
        let Self { core, wanted, events, .. } = self;
        let wanted = &mut wanted[at];
        wanted.id = None;
        let why = wanted.fault.take().unwrap_or_else(|| reason.to_string());
        match &mut wanted.line {
            Line::BinaryFeed(feed) => feed.closed(now, core),
            Line::BinaryOrders(orders) => orders.closed(now, core),
        }
        events.push(LineEvent::Down(at, why));
    }
}
