//! Market data as ITCH 5.0 over `MoldUDP64`: two lines that tell the same, and a server that tells again what both lost.
//!
//! ```text
//!   line A --datagrams--+--> Receiver, by number --messages--> Books --> Core: the best levels, trades
//!   line B --datagrams--+      |    ^
//!                              +--> requests, bounded; what nobody tells again: Books anew, by GLIMPSE or a replay
//! ```
//!
//! Of each message what comes first counts, the other drops out by its number. While something is missing for longer than
//! a moment the market is of the past; once it was told again, it is live. Must not happen here: a wait, a system call
//! but the sockets' own; snapshots are fetched by a thread of their own.

mod books;
mod glimpse;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tiercel_execution::venue::VenueId;
use tiercel_net::Datagrams;
use tiercel_types::{InstrumentId, Timestamp};
use tiercel_wire::mold::{Delivery, Receiver};
use tiercel_wire::soup::SessionId;

pub use self::books::{Books, Effect, Followed, ItchFault};
use self::glimpse::Loaded;
use crate::core::Core;
use crate::helper::Helper;
use crate::market::{MarketBook, MarketState};
use crate::timing::Stage;

/// The kernel's buffers of datagrams.
const BUFFER_BYTES: usize = 8 << 20;
/// A line that told nothing for so long is down: heartbeats come each second.
const LINE_SILENCE_NS: u64 = 3_000_000_000;
/// How long it is waited before a snapshot is asked for again.
const AGAIN_NS: u64 = 500_000_000;
/// What begins a datagram: the name of its session.
const SESSION_BYTES: usize = 10;

/// Where a feed is.
#[derive(Clone, Debug)]
pub struct ItchOptions {
    /// The lines: addresses of this machine, or groups.
    pub lines: Vec<SocketAddr>,
    /// The interface by which groups come.
    pub interface: Ipv4Addr,
    /// Who tells again what was lost.
    pub requests: SocketAddr,
    /// Who tells how everything stands; none: the session is replayed from its first message.
    pub glimpse: Option<SocketAddr>,
    /// How long something may be missing before the market is of the past.
    pub gap_max_ns: u64,
}

/// One of the lines that tell the same.
struct Line {
    socket: Datagrams,
    heard_at: Timestamp,
    is_up: bool,
}

/// What is known, and how far.
struct Following {
    books: Box<Books>,
    receiver: Receiver,
    /// That of the books; none: that of the first datagram.
    session: Option<SessionId>,
    /// When something of it was heard.
    heard_at: Timestamp,
    /// Since when something is missing; zero: nothing is.
    missing_since: Timestamp,
    /// The books are of the past: they are not told of.
    is_late: bool,
}

/// Makes books, and drops those that are done with.
type Loader = Helper<Option<Box<Books>>, Result<Loaded, String>>;

/// A feed of some instruments.
pub struct ItchFeed {
    venue: VenueId,
    lines: Vec<Line>,
    asking: Datagrams,
    requests: SocketAddr,
    gap_max_ns: u64,
    followed: Vec<Followed>,
    loader: Loader,
    /// When a snapshot is asked for again; zero: it is there, or on its way.
    loads_at: Timestamp,
    following: Option<Following>,
    /// Places whose books have changed since they were told.
    changed: Vec<bool>,
    learned: Vec<(InstrumentId, InstrumentId)>,
    /// Of which line something is to be told, and what.
    told: Vec<(usize, Result<(), String>)>,
    /// Datagrams that are none.
    refused: u64,
}

impl ItchFeed {
    /// A feed of these instruments of a venue.
    ///
    /// # Errors
    /// The system's: an address cannot be had.
    pub fn new(venue: VenueId, followed: Vec<Followed>, options: &ItchOptions) -> io::Result<Self> {
        let lines = options.lines.iter().map(|address| listen(*address, options.interface));
        let lines = lines.collect::<io::Result<Vec<Line>>>()?;
        let any = match options.requests {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, 0)),
        };
        let (of, glimpse) = (followed.clone(), options.glimpse);
        let loader = Helper::new("glimpse", move |done: Option<Box<Books>>| {
            drop(done);
            glimpse::load(&of, glimpse)
        })?;
        loader.ask(None);
        Ok(Self {
            venue,
            lines,
            asking: Datagrams::bind(any, BUFFER_BYTES)?,
            requests: options.requests,
            gap_max_ns: options.gap_max_ns,
            changed: vec![false; followed.len()],
            learned: Vec::with_capacity(followed.len()),
            followed,
            loader,
            loads_at: Timestamp(0),
            following: None,
            told: Vec::with_capacity(8),
            refused: 0,
        })
    }

    /// Which venue it is of.
    pub const fn venue(&self) -> VenueId {
        self.venue
    }

    /// How many lines tell the same.
    pub const fn lines(&self) -> usize {
        self.lines.len()
    }

    /// Whether it has books to go on with.
    pub const fn is_following(&self) -> bool {
        self.following.is_some()
    }

    /// Whether a line tells something.
    pub fn is_up(&self, line: usize) -> bool {
        self.lines.get(line).is_some_and(|line| line.is_up)
    }

    /// How many datagrams came that are none.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// What the venue calls instruments, since it was asked last: the trader's number, and the venue's.
    pub const fn learned(&mut self) -> &mut Vec<(InstrumentId, InstrumentId)> {
        &mut self.learned
    }

    /// Takes datagrams, at most so many of each line, and returns how many there were.
    pub fn poll(&mut self, now: Timestamp, core: &mut Core, budget: usize) -> usize {
        let Self { lines, asking, following, changed, learned, refused, told, .. } = self;
        let (mut taken, mut fault) = (0, None);
        let mut taker = Taker { now, core, changed, learned, refused };
        for (at, line) in lines.iter_mut().enumerate() {
            for _ in 0..budget {
                match line.socket.receive() {
                    Ok(Some((bytes, _))) => {
                        (taken, line.heard_at) = (taken + 1, now);
                        if !core::mem::replace(&mut line.is_up, true) {
                            told.push((at, Ok(())));
                        }
                        // Behind a fault the books are of no use.
                        if let Some(following) = following
                            && fault.is_none()
                        {
                            fault = following.received(bytes, &mut taker).err();
                        }
                    }
                    Ok(None) => break,
                    Err(error) => {
                        fault.get_or_insert(ItchFault::Socket(error.to_string()));
                        break;
                    }
                }
            }
        }
        for _ in 0..budget {
            match asking.receive() {
                Ok(Some((bytes, _))) => {
                    taken += 1;
                    if let Some(following) = following
                        && fault.is_none()
                    {
                        fault = following.received(bytes, &mut taker).err();
                    }
                }
                // Nobody answers at its address: that shows in what is missing.
                Ok(None) | Err(_) => break,
            }
        }
        if fault.is_none() {
            fault = self.ask(now, core).err();
        }
        if let Some(fault) = fault {
            self.lose(now, &fault, core);
        } else if taken > 0 {
            self.tell(now, core);
        }
        taken
    }

    /// Asks for what is missing, if it is time.
    fn ask(&mut self, now: Timestamp, core: &mut Core) -> Result<(), ItchFault> {
        let Some(following) = &mut self.following else { return Ok(()) };
        let mut lost = None;
        let Following { receiver, missing_since, is_late, .. } = following;
        let request = receiver.poll(now, |delivery| {
            if let Delivery::Lost { from, next } = delivery {
                lost = Some(ItchFault::Lost { from, next });
            }
        });
        if let Some(fault) = lost {
            return Err(fault);
        }
        if let Some(request) = request {
            // What is not sent, or lost, is asked for again.
            self.asking.send(&request.encode(), self.requests);
        }
        if !receiver.is_behind() {
            *missing_since = Timestamp(0);
        } else if missing_since.0 == 0 {
            *missing_since = now;
        } else if !*is_late && now.0.saturating_sub(missing_since.0) > self.gap_max_ns {
            *is_late = true;
            stale(now, &self.followed, core);
        }
        Ok(())
    }

    /// Tells the core of books that have changed, and that nothing is missing.
    fn tell(&mut self, now: Timestamp, core: &mut Core) {
        let Some(following) = &mut self.following else { return };
        let has_heard = following.heard_at == now;
        if !following.receiver.is_behind() && has_heard {
            following.is_late = false;
        }
        for (place, followed) in self.followed.iter().enumerate() {
            if following.is_late || following.books.locate(place).is_none() {
                continue;
            }
            let instrument = followed.instrument;
            let Some(market) = core.market_mut(instrument) else { continue };
            // Whatever it was of the past for is over.
            let is_new = market.state() == MarketState::Stale;
            if !core::mem::take(&mut self.changed[place]) && !is_new {
                core.heard(now, instrument);
                continue;
            }
            let top = following.books.top(place, following.receiver.next() - 1);
            market.book = MarketBook::Top(top);
            if top.is_crossed() {
                core.stale(now, instrument);
            } else {
                core.book_changed(now, instrument);
            }
        }
    }

    /// What is known is of the past, and books are made anew.
    #[cold]
    fn lose(&mut self, now: Timestamp, fault: &ItchFault, core: &mut Core) {
        stale(now, &self.followed, core);
        let why = fault.to_string();
        for at in 0..self.lines.len() {
            self.told.push((at, Err(why.clone())));
            self.lines[at].is_up = false;
        }
        if let Some(following) = self.following.take() {
            self.loader.ask(Some(following.books));
        }
    }

    /// Time has passed. Tells which line is there (`Ok`), and why not.
    pub fn tick(
        &mut self,
        now: Timestamp,
        core: &mut Core,
        mut tell: impl FnMut(usize, Result<(), String>),
    ) {
        if self.following.is_none() {
            match self.loader.take() {
                Some(Ok(loaded)) => self.follow(now, loaded),
                Some(Err(why)) => {
                    self.told.push((0, Err(why)));
                    self.loads_at = Timestamp(now.0.saturating_add(AGAIN_NS));
                }
                None if self.loads_at.0 != 0 && now >= self.loads_at => {
                    self.loads_at = Timestamp(0);
                    self.loader.ask(None);
                }
                None => {}
            }
        }
        if let Err(fault) = self.ask(now, core) {
            self.lose(now, &fault, core);
        }
        for (at, line) in self.lines.iter_mut().enumerate() {
            let is_silent = now.0.saturating_sub(line.heard_at.0) > LINE_SILENCE_NS;
            if line.is_up && is_silent {
                line.is_up = false;
                let silence_s = LINE_SILENCE_NS / 1_000_000_000;
                self.told.push((at, Err(format!("nothing was heard for {silence_s} s"))));
            }
        }
        for (at, what) in self.told.drain(..) {
            tell(at, what);
        }
    }

    /// Goes on from books that were made anew.
    fn follow(&mut self, now: Timestamp, loaded: Loaded) {
        let Loaded { books, session, next } = loaded;
        for (place, followed) in self.followed.iter().enumerate() {
            if let Some(locate) = books.locate(place) {
                self.learned.push((followed.instrument, InstrumentId(locate.into())));
            }
        }
        self.changed.fill(true);
        self.following = Some(Following {
            books,
            receiver: Receiver::new(session, next),
            session,
            heard_at: now,
            missing_since: Timestamp(0),
            is_late: true,
        });
    }
}

/// Where messages go.
struct Taker<'a> {
    now: Timestamp,
    core: &'a mut Core,
    changed: &'a mut [bool],
    learned: &'a mut Vec<(InstrumentId, InstrumentId)>,
    refused: &'a mut u64,
}

impl Following {
    /// A datagram has come, of whichever line.
    #[inline]
    fn received(&mut self, bytes: &[u8], taker: &mut Taker<'_>) -> Result<(), ItchFault> {
        let Self { books, receiver, session, heard_at, is_late, .. } = self;
        let Some(name) = bytes.first_chunk::<SESSION_BYTES>() else { return Ok(()) };
        if session.is_some_and(|session| session != *name) {
            let silence_ns = taker.now.0.saturating_sub(heard_at.0);
            let is_over = receiver.is_over() || silence_ns > LINE_SILENCE_NS;
            return if is_over { Err(ItchFault::Session) } else { Ok(()) };
        }
        taker.core.timing.begin();
        let (mut fault, mut is_first) = (None, true);
        let received = receiver.received(bytes, |delivery| {
            if fault.is_some() {
                return;
            }
            match delivery {
                Delivery::Lost { from, next } => fault = Some(ItchFault::Lost { from, next }),
                Delivery::Message { bytes, .. } => match books.take(taker.now, bytes) {
                    Err(error) => fault = Some(error),
                    Ok(effect) => {
                        if core::mem::take(&mut is_first) {
                            taker.core.timing.mark(Stage::Parse);
                        }
                        taker.take(books.followed(), &effect, *is_late);
                    }
                },
            }
        });
        if received.is_ok() {
            session.get_or_insert(*name);
            *heard_at = taker.now;
        } else {
            // As good as lost: it is asked for.
            *taker.refused += 1;
        }
        fault.map_or(Ok(()), Err)
    }
}

impl Taker<'_> {
    #[inline]
    fn take(&mut self, followed: &[Followed], effect: &Effect, is_late: bool) {
        match *effect {
            Effect::None => {}
            Effect::Learned(instrument, number) => self.learned.push((instrument, number)),
            Effect::Changed(place) => self.changed[place] = true,
            Effect::Traded(place, trade) => {
                self.changed[place] = true;
                // What traded before is no news.
                if !is_late {
                    self.core.traded(self.now, followed[place].instrument, &trade);
                }
            }
        }
    }
}

fn stale(now: Timestamp, followed: &[Followed], core: &mut Core) {
    for followed in followed {
        core.stale(now, followed.instrument);
    }
}

/// A line at an address of this machine, or of a group.
fn listen(address: SocketAddr, interface: Ipv4Addr) -> io::Result<Line> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
    let socket = Datagrams::bind(address, BUFFER_BYTES).map_err(named)?;
    if let IpAddr::V4(group) = address.ip()
        && group.is_multicast()
    {
        socket.join(group, interface).map_err(named)?;
    }
    Ok(Line { socket, heard_at: Timestamp(0), is_up: false })
}
