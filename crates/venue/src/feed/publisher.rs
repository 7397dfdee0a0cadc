//! `MoldUDP64`: what is told goes to everybody, what is missed to who asks.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tiercel_net::Datagrams;
use tiercel_types::Timestamp;
use tiercel_wire::mold::{self, Packer, Request};
use tiercel_wire::soup::SessionId;
use tiercel_wire::store::Store;
use tracing::warn;

use super::FeedOptions;
use crate::itch::{Archive, Session};

/// Messages of a turn: some two hundred datagrams.
const MESSAGES_A_TURN: u64 = 8_192;
/// Requests of a turn.
const REQUESTS_A_TURN: usize = 256;
/// Silence after which receivers are told the number of the next message.
const HEARTBEAT_NS: u64 = 1_000_000_000;
/// How long receivers are told that a session is over.
const END_NS: u64 = 30_000_000_000;
/// Buffers of sockets.
const BUFFER_BYTES: usize = 4 << 20;

/// A session that is over.
#[derive(Debug)]
struct Over {
    packer: Packer,
    since: Timestamp,
}

/// The sockets, and how far everything was told.
#[derive(Debug)]
pub(super) struct Publisher {
    out: Option<Datagrams>,
    targets: Vec<SocketAddr>,
    requests: Option<Datagrams>,
    mtu: usize,
    /// The session that is told, from its packer's next message on.
    session: Option<(SessionId, Packer)>,
    over: Option<Over>,
    last_sent: Timestamp,
    asked: u64,
    message: Vec<u8>,
    answer: Vec<u8>,
}

/// Sends to all of `targets`.
fn to_all<'a>(out: &'a mut Datagrams, targets: &'a [SocketAddr]) -> impl FnMut(&[u8]) + use<'a> {
    move |bytes| {
        for target in targets {
            out.send(bytes, *target);
        }
    }
}

impl Publisher {
    pub(super) fn open(options: &FeedOptions) -> io::Result<Self> {
        let named = |what: &str, error: &io::Error| io::Error::other(format!("{what}: {error}"));
        let bind = |address: SocketAddr| {
            Datagrams::bind(address, BUFFER_BYTES)
                .map_err(|error| named(&address.to_string(), &error))
        };
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let out = (!options.targets.is_empty()).then(|| bind(any)).transpose()?;
        if let Some(out) = &out {
            let set = out.set_multicast(options.interface, options.hops);
            set.map_err(|error| named(&options.interface.to_string(), &error))?;
        }
        Ok(Self {
            out,
            targets: options.targets.clone(),
            requests: options.requests.map(bind).transpose()?,
            mtu: options.mtu,
            session: None,
            over: None,
            last_sent: Timestamp(0),
            asked: 0,
            message: Vec::new(),
            answer: Vec::new(),
        })
    }

    pub(super) fn requests_address(&self) -> io::Result<Option<SocketAddr>> {
        self.requests.as_ref().map(Datagrams::local_addr).transpose()
    }

    /// Datagrams that were sent, and dropped.
    pub(super) fn datagrams(&self) -> (u64, u64) {
        let sockets = self.out.iter().chain(&self.requests);
        sockets.fold((0, 0), |(sent, dropped), socket| {
            (sent + socket.sent(), dropped + socket.dropped())
        })
    }

    /// Requests that came.
    pub(super) const fn requests(&self) -> u64 {
        self.asked
    }

    /// Tells what the archive has and was not told, so much as a turn may; answers requests.
    #[inline]
    pub(super) fn publish(&mut self, archive: &mut Archive, now: Timestamp) {
        self.answer(archive);
        if self.out.is_none() {
            return;
        }
        self.follow(archive, now);
        let Self { out, targets, session, message, last_sent, .. } = self;
        let (Some(out), Some((id, packer))) = (out, session) else { return };
        let Some(store) = archive.session().filter(|session| session.id() == *id) else { return };
        if tell(packer, store, MESSAGES_A_TURN, message, to_all(out, targets)) {
            *last_sent = now;
        }
    }

    /// Turns to the session that is on: the one before is told to its end first.
    fn follow(&mut self, archive: &mut Archive, now: Timestamp) {
        let Some(session) = archive.session() else { return };
        let (id, next) = (session.id(), session.next_outgoing());
        if self.session.as_ref().is_some_and(|(told, _)| *told == id) {
            return;
        }
        let Self { out, targets, message, mtu, .. } = self;
        let before = self.session.take();
        // Of a session of before this start, receivers learn by its number what they miss.
        let from = if before.is_some() { 1 } else { next };
        if let (Some((told, mut packer)), Some(out)) = (before, out.as_mut()) {
            let mut send = to_all(out, targets);
            if let Some(store) = archive.ended().filter(|session| session.id() == told) {
                tell(&mut packer, store, u64::MAX, message, &mut send);
            }
            packer.end(&mut send);
            self.over = Some(Over { packer, since: now });
        }
        self.session = Some((id, Packer::new(id, from, *mtu)));
        self.last_sent = Timestamp(0);
    }

    /// Tells who is there that nothing is missing, when nothing else was told.
    pub(super) fn tick(&mut self, archive: &mut Archive, now: Timestamp) {
        self.publish(archive, now);
        if now.0.saturating_sub(self.last_sent.0) < HEARTBEAT_NS {
            return;
        }
        let Self { out, targets, session, over, .. } = self;
        let Some(out) = out else { return };
        self.last_sent = now;
        let mut send = to_all(out, targets);
        if let Some(ended) = over {
            ended.packer.end(&mut send);
            if now.0.saturating_sub(ended.since.0) >= END_NS {
                *over = None;
            }
        }
        if let Some((_, packer)) = session {
            packer.heartbeat(&mut send);
        }
    }

    /// Sends again what is asked for.
    fn answer(&mut self, archive: &mut Archive) {
        let Self { requests: Some(socket), mtu, asked, answer, .. } = self else { return };
        for _ in 0..REQUESTS_A_TURN {
            let (request, from) = match socket.receive() {
                Ok(Some((bytes, from))) => (Request::decode(bytes), from),
                Ok(None) => return,
                Err(error) => {
                    warn!(%error, "requests for messages of the feed");
                    return;
                }
            };
            let Some(request) = request else { continue };
            *asked += 1;
            let is_on = archive.session().is_some_and(|session| session.id() == request.session);
            let store = if is_on { archive.session() } else { archive.ended() };
            let Some(store) = store else { continue };
            let id = store.id();
            mold::answer(&request, id, *mtu, store, answer, |bytes| _ = socket.send(bytes, from));
        }
    }
}

/// Tells at most so many messages that `store` has; true if there were any.
fn tell(
    packer: &mut Packer,
    store: &mut Session,
    most: u64,
    message: &mut Vec<u8>,
    mut send: impl FnMut(&[u8]),
) -> bool {
    let from = packer.next();
    let end = store.next_outgoing().min(from.saturating_add(most));
    while packer.next() < end {
        message.clear();
        // The longest message fits the smallest datagram.
        if !store.read(packer.next(), message) || packer.push(message, &mut send).is_err() {
            break;
        }
    }
    packer.flush(&mut send);
    packer.next() > from
}
