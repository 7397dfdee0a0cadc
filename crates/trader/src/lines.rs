//! Whose bytes they are: every connection of the trader, between the reactor and the core.
//!
//! ```text
//!   Busy --received(id, bytes)--> Lines --+--> BinaryFeed   --+--> Core
//!     ^                                   +--> BinaryOrders --+     |
//!     +------------ flush <-------------- Lines <-- requests -------+
//! ```

use std::net::SocketAddr;
use std::time::Duration;

use tiercel_execution::venue::{VenueId, VenueRequest};
use tiercel_net::{CloseReason, ConnectionId, Handler, Reactor};
use tiercel_types::market::DepthSnapshot;
use tiercel_types::{InstrumentId, Timestamp};

use crate::clerk::{Clerk, Errand, Finding};
use crate::connector::{BinanceOrders, BinaryOrders, FixOrders};
use crate::core::{Core, Differs};
use crate::feed::{BinanceFeed, BinaryFeed, snapshot_answered, take_snapshot};
use crate::recording::Input;
use crate::source::Source;
use crate::timing::Stage;
use crate::websocket::Handover;

/// How long it may be until sources are looked at again.
const NAP: Duration = Duration::from_micros(50);

/// A connection's number among all that the trader wants.
pub type LineId = usize;

/// What a connection is for.
#[expect(clippy::large_enum_variant, reason = "there are few, and they lie where they are used")]
pub enum Line {
    /// Market data in records.
    BinaryFeed(BinaryFeed),
    /// Orders in records.
    BinaryOrders(BinaryOrders),
    /// Market data of the Binance interface.
    BinanceFeed(Box<BinanceFeed>),
    /// Orders over the Binance interface.
    BinanceOrders(Box<BinanceOrders>),
    /// Orders over FIX.
    FixOrders(Box<FixOrders>),
}

impl Line {
    /// The venue whose orders it has.
    const fn orders_of(&self) -> Option<VenueId> {
        match self {
            Self::BinaryOrders(orders) => Some(orders.venue()),
            Self::BinanceOrders(orders) => Some(orders.venue()),
            Self::FixOrders(orders) => Some(orders.venue()),
            Self::BinaryFeed(_) | Self::BinanceFeed(_) => None,
        }
    }

    /// Whether it does what it is for.
    pub fn is_up(&self) -> bool {
        match self {
            Self::BinaryFeed(feed) => feed.is_up(),
            Self::BinaryOrders(orders) => orders.is_up(),
            Self::BinanceFeed(feed) => feed.is_up(),
            Self::BinanceOrders(orders) => orders.is_up(),
            Self::FixOrders(orders) => orders.is_up(),
        }
    }

    /// Bytes to send.
    #[inline]
    fn output(&mut self) -> &mut Vec<u8> {
        match self {
            Self::BinaryFeed(feed) => feed.output(),
            Self::BinaryOrders(orders) => orders.output(),
            Self::BinanceFeed(feed) => feed.output(),
            Self::BinanceOrders(orders) => orders.output(),
            Self::FixOrders(orders) => orders.output(),
        }
    }

    #[inline]
    fn request(&mut self, now: Timestamp, request: &VenueRequest) {
        match self {
            Self::BinaryOrders(orders) => orders.request(now, request),
            Self::BinanceOrders(orders) => orders.request(now, request),
            Self::FixOrders(orders) => orders.request(now, request),
            Self::BinaryFeed(_) | Self::BinanceFeed(_) => {}
        }
    }

    /// What a clerk is to be asked, and of which venue.
    fn errands(&mut self) -> Option<(VenueId, &mut Vec<Errand>)> {
        match self {
            Self::BinanceFeed(feed) => Some((feed.venue(), feed.errands())),
            Self::BinanceOrders(orders) => Some((orders.venue(), orders.errands())),
            Self::FixOrders(orders) => Some((orders.venue(), orders.errands())),
            Self::BinaryFeed(_) | Self::BinaryOrders(_) => None,
        }
    }

    /// What it has to say when the time passes; why it is to be ended.
    fn tick(&mut self, now: Timestamp, core: &mut Core) -> Option<String> {
        match self {
            Self::BinaryFeed(feed) => feed.tick(now).err().map(|fault| fault.to_string()),
            Self::BinaryOrders(orders) => {
                orders.tick(now);
                None
            }
            Self::BinanceFeed(feed) => feed.tick(now, core).err().map(|fault| fault.to_string()),
            Self::BinanceOrders(orders) => orders.tick(now).err().map(|fault| fault.to_string()),
            Self::FixOrders(orders) => {
                orders.tick(now);
                None
            }
        }
    }

    /// There is a connection; why it is to be ended at once.
    pub(crate) fn connected(
        &mut self,
        now: Timestamp,
        handover: Handover,
        core: &mut Core,
    ) -> Option<String> {
        match self {
            Self::BinaryFeed(feed) => feed.connected(now),
            Self::BinaryOrders(orders) => orders.connected(now, handover.nonce),
            Self::BinanceFeed(feed) => {
                return feed.connected(now, handover, core).err().map(|fault| fault.to_string());
            }
            Self::BinanceOrders(orders) => {
                return orders.connected(now, handover, core).err().map(|fault| fault.to_string());
            }
            Self::FixOrders(orders) => {
                return orders.connected(now, handover, core).err().map(|fault| fault.to_string());
            }
        }
        None
    }

    /// Why its connection ended, if the line knows.
    fn fault(&self) -> Option<String> {
        match self {
            Self::BinaryOrders(orders) => orders.fault().map(|fault| fault.to_string()),
            Self::BinaryFeed(_)
            | Self::BinanceFeed(_)
            | Self::BinanceOrders(_)
            | Self::FixOrders(_) => None,
        }
    }

    fn log_out(&mut self, now: Timestamp) {
        match self {
            Self::BinaryFeed(_) => {}
            Self::BinaryOrders(orders) => orders.log_out(now),
            Self::BinanceFeed(feed) => feed.log_out(),
            Self::BinanceOrders(orders) => orders.log_out(),
            Self::FixOrders(orders) => orders.log_out(now),
        }
    }

    pub(crate) fn closed(&mut self, now: Timestamp, core: &mut Core) {
        match self {
            Self::BinaryFeed(feed) => feed.closed(now, core),
            Self::BinaryOrders(orders) => orders.closed(now, core),
            Self::BinanceFeed(feed) => feed.closed(now, core),
            Self::BinanceOrders(orders) => orders.closed(now, core),
            Self::FixOrders(orders) => orders.closed(now, core),
        }
    }
}

/// What happened to a connection, for who makes them and who tells of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineEvent {
    /// It is there.
    Up(LineId),
    /// It is gone, and another is wanted.
    Down(LineId, String),
    /// What was asked of a venue over HTTP did not come: it is asked again.
    Trouble(VenueId, String),
    /// A venue says something else at the start than was known.
    Differs(Differs),
}

/// A connection that is wanted, and where it is, if it is.
struct Wanted {
    line: Line,
    id: Option<ConnectionId>,
    /// What is wrong with it: it is to be ended.
    fault: Option<String>,
}

impl Wanted {
    /// How many bytes are done with: all of them, where the connection is to be ended.
    fn take(&mut self, taken: Result<usize, String>, bytes: &[u8]) -> usize {
        taken.unwrap_or_else(|fault| {
            self.fault.get_or_insert(fault);
            bytes.len()
        })
    }
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
    /// What the connection that is taken in brings along.
    handover: Option<Handover>,
    /// Who asks venues over HTTP, by venue.
    clerks: Vec<Option<Clerk>>,
    /// Market data without a connection. Their lines are numbered behind the others.
    sources: Vec<Source>,
}

impl Lines {
    /// No connection is there yet. `connections_max` is what the reactor was made for.
    pub fn new(core: Core, lines: Vec<Line>, connections_max: usize) -> Self {
        let mut orders: Vec<Option<LineId>> = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            if let Some(venue) = line.orders_of() {
                let venue = venue.index();
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
            handover: None,
            clerks: Vec::new(),
            sources: Vec::new(),
        }
    }

    /// Market data that come without a connection.
    #[must_use]
    pub fn with_sources(mut self, sources: Vec<Source>) -> Self {
        self.sources = sources;
        self
    }

    /// Who asks venues over HTTP, by venue.
    #[must_use]
    pub fn with_clerks(mut self, clerks: Vec<Option<Clerk>>) -> Self {
        self.clerks = clerks;
        self
    }

    /// What has happened to connections since it was asked last.
    pub fn take_events(&mut self, mut take: impl FnMut(LineEvent)) {
        self.events.drain(..).for_each(&mut take);
    }

    /// The lines, by their number.
    pub fn lines(&self) -> impl Iterator<Item = (&Line, bool)> {
        self.wanted.iter().map(|wanted| (&wanted.line, wanted.id.is_some()))
    }

    /// Whether that is a connection, and no source.
    pub const fn has_connection(&self, line: LineId) -> bool {
        line < self.wanted.len()
    }

    /// How long nobody may look where there is market data that no connection brings: nobody wakes who sleeps.
    pub const fn nap(&self) -> Option<Duration> {
        if self.sources.is_empty() { None } else { Some(NAP) }
    }

    /// Whether the lines of sources are there, by their number behind the others.
    pub fn sources(&self) -> impl Iterator<Item = bool> {
        self.sources.iter().flat_map(|source| (0..source.lines()).map(|line| source.is_up(line)))
    }

    /// Takes what sources have, and returns how much that was.
    #[inline]
    pub fn poll(&mut self) -> usize {
        let mut work = 0;
        for at in 0..self.sources.len() {
            let now = self.now();
            self.core.pass_on_paper(now);
            let source = &mut self.sources[at];
            work += source.poll(now, &mut self.core);
            if source.has_learned() {
                let mut learned = Vec::new();
                let venue = source.venue();
                source.take_learned(|instrument, number| learned.push((instrument, number)));
                self.name(venue, &learned);
            }
        }
        work
    }

    /// A line, and the core that it tells.
    pub(crate) fn line_mut(&mut self, line: LineId) -> Option<(&mut Line, &mut Core)> {
        self.wanted.get_mut(line).map(|wanted| (&mut wanted.line, &mut self.core))
    }

    /// The next connection that the reactor takes in is this line's.
    pub fn expect(&mut self, line: LineId, handover: impl Into<Handover>) {
        (self.expected, self.handover) = (Some(line), Some(handover.into()));
    }

    fn now(&self) -> Timestamp {
        self.core.time_of(Timestamp(self.core.timing.now_ns()))
    }

    /// Something has come: the time, from which on what follows from it is measured.
    #[inline]
    fn begin(&mut self) -> Timestamp {
        let now = self.core.timing.begin();
        self.core.time_of(Timestamp(now))
    }

    /// What lines have to say when the time passes, and what clerks found.
    pub fn tick(&mut self, now: Timestamp) {
        self.core.pass(now);
        let Self { core, wanted, clerks, .. } = self;
        for wanted in wanted.iter_mut() {
            if let Some(fault) = wanted.line.tick(now, core)
                && wanted.id.is_some()
            {
                wanted.fault = Some(fault);
            }
            if let Some((venue, errands)) = wanted.line.errands() {
                let clerk = clerks.get(venue.index()).and_then(Option::as_ref);
                for errand in errands.drain(..) {
                    if let Some(clerk) = clerk {
                        clerk.ask(errand);
                    }
                }
            }
        }
        core.take_errands(|venue, errand| {
            if let Some(clerk) = clerks.get(venue.index()).and_then(Option::as_ref) {
                clerk.ask(errand);
            }
        });
        let mut first = wanted.len();
        for source in &mut self.sources {
            source.tick(now, core, |line, what| {
                self.events.push(match what {
                    Ok(()) => LineEvent::Up(first + line),
                    Err(why) => LineEvent::Down(first + line, why),
                });
            });
            first += source.lines();
        }
        for venue in 0..self.clerks.len() {
            while let Some(finding) = self.clerks[venue].as_ref().and_then(Clerk::take) {
                self.found(now, VenueId(venue as u8), finding);
            }
        }
        let Self { core, events, .. } = self;
        core.take_differences(|differs| events.push(LineEvent::Differs(differs)));
    }

    /// A clerk has found something.
    fn found(&mut self, now: Timestamp, venue: VenueId, finding: Finding) {
        match finding {
            Finding::Snapshot { instrument, last_update_id, bids, asks } => {
                if !snapshot_answered(instrument, &mut self.core) {
                    return;
                }
                let snapshot = DepthSnapshot { last_update_id, bids: &bids, asks: &asks };
                let now = self.core.arrives(now, &Input::Snapshot(instrument, &snapshot));
                self.core.timing.begin();
                take_snapshot(now, instrument, &snapshot, &mut self.core);
            }
            Finding::NoSnapshot(instrument) => {
                // It is asked for again in its time.
                snapshot_answered(instrument, &mut self.core);
            }
            Finding::Report(report) => {
                self.core.answer = 0;
                self.core.report(now, venue, &report);
            }
            Finding::Unsent(report) => self.core.unsent(now, venue, &report),
            Finding::ClockOffset(offset_ns) => {
                let line = self.orders.get(venue.index()).copied().flatten();
                if let Some(wanted) = line.and_then(|line| self.wanted.get_mut(line))
                    && let Line::BinanceOrders(orders) = &mut wanted.line
                {
                    orders.set_clock_offset(offset_ns);
                }
            }
            Finding::Listing(round, listing) => self.core.listed(now, venue, round, &listing),
            Finding::Balances(round, balances) => self.core.balances(venue, round, balances),
            Finding::NotListed(round) => self.core.not_listed(now, venue, round),
            Finding::Failed => self.core.venue_failed(now, venue),
            Finding::Trouble(what) => self.events.push(LineEvent::Trouble(venue, what)),
        }
    }

    /// Says goodbye on every line.
    pub fn log_out(&mut self, now: Timestamp) {
        for wanted in &mut self.wanted {
            wanted.line.log_out(now);
        }
    }

    /// Writes what the core wants asked, and sends what there is.
    #[inline]
    pub fn flush<R: Reactor>(&mut self, reactor: &mut R) {
        // The counter was just read if a tick set something off.
        let now = self.core.time_of(Timestamp(self.core.timing.last_ns()));
        let Self { core, wanted, orders, .. } = self;
        if core.submit_on_paper() {
            core.timing.mark_if_trading(Stage::Encode);
        } else if core.has_requests() {
            core.take_requests(now, |venue, request| {
                let line = orders.get(venue.index()).copied().flatten();
                if let Some(line) = line.and_then(|line| wanted.get_mut(line)) {
                    line.line.request(now, request);
                }
            });
            for wanted in wanted.iter_mut() {
                if let Line::BinanceOrders(orders) = &mut wanted.line {
                    orders.take_unsent(now, core);
                }
            }
            core.timing.mark_if_trading(Stage::Encode);
        }
        for wanted in wanted.iter_mut() {
            let Some(id) = wanted.id else { continue };
            let bytes = wanted.line.output();
            if !bytes.is_empty()
                && let Some(output) = reactor.output(id)
            {
                if output.is_empty() {
                    std::mem::swap(output, bytes);
                } else {
                    output.append(bytes);
                }
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
        feed.records().take_learned(|instrument, number| learned.push((instrument, number)));
        let venue = feed.venue();
        self.name(venue, &learned);
    }

    /// Instruments of a venue are called so by it.
    #[cold]
    fn name(&mut self, venue: VenueId, learned: &[(InstrumentId, InstrumentId)]) {
        let orders = self.orders.get(venue.index()).copied().flatten();
        if let Some(line) = orders.and_then(|line| self.wanted.get_mut(line))
            && let Line::BinaryOrders(orders) = &mut line.line
        {
            for (instrument, number) in learned {
                orders.set_instrument(*instrument, *number);
            }
        }
    }

    /// Ends connections on which nothing more can be said.
    fn end_faulty<R: Reactor>(&mut self, reactor: &mut R) {
        for at in 0..self.wanted.len() {
            let wanted = &self.wanted[at];
            let ends = match &wanted.line {
                Line::BinaryOrders(orders) => orders.wants_close(),
                Line::FixOrders(orders) => orders.wants_close(),
                Line::BinaryFeed(_) | Line::BinanceFeed(_) | Line::BinanceOrders(_) => false,
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
        let now = self.begin();
        let (Some(handover), Some(wanted), Some(place)) =
            (self.handover.take(), self.wanted.get_mut(at), self.by_place.get_mut(id.index()))
        else {
            return false;
        };
        (wanted.id, *place) = (Some(id), Some(at));
        self.core.from_line(at);
        self.core.arrives(now, &Input::Up);
        wanted.fault = wanted.line.connected(now, handover, &mut self.core);
        self.events.push(LineEvent::Up(at));
        true
    }

    #[inline]
    fn received(&mut self, id: ConnectionId, bytes: &[u8], _: &mut Vec<u8>) -> usize {
        let now = self.begin();
        let Some(at) = self.by_place.get(id.index()).copied().flatten() else { return bytes.len() };
        let Self { core, wanted, .. } = self;
        core.from_line(at);
        let wanted = &mut wanted[at];
        match &mut wanted.line {
            Line::BinaryFeed(feed) => match feed.received(now, bytes, core) {
                Ok(taken) if !feed.records().has_learned() => taken,
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
            Line::FixOrders(orders) => {
                let taken = orders.received(now, bytes, core).map_err(|fault| fault.to_string());
                wanted.take(taken, bytes)
            }
            Line::BinanceFeed(feed) => {
                let taken = feed.received(now, bytes, core).map_err(|fault| fault.to_string());
                wanted.take(taken, bytes)
            }
            Line::BinanceOrders(orders) => {
                let taken = orders.received(now, bytes, core).map_err(|fault| fault.to_string());
                wanted.take(taken, bytes)
            }
        }
    }

    #[inline]
    fn is_urgent(&self) -> bool {
        self.core.has_requests()
    }

    fn closed(&mut self, id: ConnectionId, reason: &CloseReason) {
        let now = self.begin();
        let Some(at) = self.by_place.get_mut(id.index()).and_then(Option::take) else { return };
        let Self { core, wanted, events, .. } = self;
        let wanted = &mut wanted[at];
        wanted.id = None;
        let why = wanted.fault.take().or_else(|| wanted.line.fault());
        let why = why.unwrap_or_else(|| reason.to_string());
        core.from_line(at);
        core.arrives(now, &Input::Down);
        wanted.line.closed(now, core);
        events.push(LineEvent::Down(at, why));
    }
}
