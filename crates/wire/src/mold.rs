//! `MoldUDP64`: numbered messages in datagrams, and what a receiver does about those that are lost.
//!
//! ```text
//!   messages --> Packer --> datagrams -~ ~-> Receiver --> messages, in order, once each
//!                                    <~ ~--  Request  (what is missing)
//!              Store --> answer() -~ ~--->
//! ```
//!
//! Must not happen here: allocation per message, panics on any input. No socket, no clock: datagrams
//! and times come in, datagrams go out.
//!
//! Source: `MoldUDP64` protocol specification 1.00.

use thiserror::Error;
use tiercel_types::Timestamp;

use crate::store::Store;

/// Bytes of the header of every packet, and of a whole request.
pub const HEADER_SIZE: usize = 20;
/// Bytes before each message.
const PREFIX_SIZE: usize = 2;
/// The largest payload of a UDP datagram over IPv4 in an Ethernet frame of 1,500 bytes.
pub const MTU_DEFAULT: usize = 1_472;
/// The count that says that the session is over.
const END_OF_SESSION: u16 = 0xFFFF;

/// The name of a session: ten bytes.
pub type SessionId = [u8; 10];

/// Why a datagram is not a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PacketError {
    /// No header.
    #[error("a packet of {found} bytes has no header of {HEADER_SIZE}")]
    Header {
        /// The bytes that came.
        found: usize,
    },
    /// The messages are not those that the header tells of.
    #[error("message {index} of {count} does not end within the packet, at byte {offset}")]
    Torn {
        /// Which message, from 0.
        index: u16,
        /// How many the header tells of.
        count: u16,
        /// Where it begins.
        offset: usize,
    },
    /// Bytes behind the last message.
    #[error("{left} bytes behind the last message, at byte {offset}")]
    Left {
        /// How many.
        left: usize,
        /// Where they begin.
        offset: usize,
    },
    /// The numbers of its messages do not end before the largest there is.
    #[error("sequence {sequence} leaves no number for the next message")]
    Sequence {
        /// The first.
        sequence: u64,
    },
}

/// What a packet of the venue's side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketKind {
    /// It has messages.
    Data,
    /// It only tells the number of the next message.
    Heartbeat,
    /// There are no more messages; it tells the number that the next would have.
    EndOfSession,
}

/// A packet, where it lies: all of its messages are whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Of which session.
    pub session: SessionId,
    /// The number of its first message, or of the next one.
    pub sequence: u64,
    /// How many messages.
    pub count: u16,
    /// What it is.
    pub kind: PacketKind,
    blocks: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a datagram.
    ///
    /// # Errors
    /// [`PacketError`]: not one message of it is to be taken.
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Result<Self, PacketError> {
        let error = PacketError::Header { found: bytes.len() };
        let (session, sequence, count) = header(bytes).ok_or(error)?;
        let blocks = bytes.get(HEADER_SIZE..).unwrap_or_default();
        let (count, kind) = match count {
            0 => (0, PacketKind::Heartbeat),
            END_OF_SESSION => (0, PacketKind::EndOfSession),
            count => (count, PacketKind::Data),
        };
        let packet = Self { session, sequence, count, kind, blocks };
        let mut rest = blocks;
        for index in 0..count {
            let offset = bytes.len() - rest.len();
            let error = PacketError::Torn { index, count, offset };
            (_, rest) = split_block(rest).ok_or(error)?;
        }
        if !rest.is_empty() {
            let offset = bytes.len() - rest.len();
            return Err(PacketError::Left { left: rest.len(), offset });
        }
        if sequence.checked_add(u64::from(count)).is_none() {
            return Err(PacketError::Sequence { sequence });
        }
        Ok(packet)
    }

    /// The number of the message behind its last.
    #[inline]
    pub const fn next(&self) -> u64 {
        self.sequence.saturating_add(self.count as u64)
    }

    /// Its messages with their numbers.
    #[inline]
    pub fn messages(&self) -> impl Iterator<Item = (u64, &'a [u8])> + use<'a> {
        let mut rest = self.blocks;
        let first = self.sequence;
        (0..u64::from(self.count)).map_while(move |at| {
            let message;
            (message, rest) = split_block(rest)?;
            Some((first.wrapping_add(at), message))
        })
    }
}

#[inline]
fn header(bytes: &[u8]) -> Option<(SessionId, u64, u16)> {
    let (session, rest) = bytes.split_first_chunk::<10>()?;
    let (sequence, rest) = rest.split_first_chunk::<8>()?;
    let count = rest.first_chunk::<2>()?;
    Some((*session, u64::from_be_bytes(*sequence), u16::from_be_bytes(*count)))
}

#[inline]
fn split_block(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<PREFIX_SIZE>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn put_header(session: SessionId, sequence: u64, count: u16) -> [u8; HEADER_SIZE] {
    let mut bytes = [0; HEADER_SIZE];
    bytes[..10].copy_from_slice(&session);
    bytes[10..18].copy_from_slice(&sequence.to_be_bytes());
    bytes[18..].copy_from_slice(&count.to_be_bytes());
    bytes
}

/// Asks for messages again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Of which session.
    pub session: SessionId,
    /// From which number on.
    pub sequence: u64,
    /// How many.
    pub count: u16,
}

impl Request {
    /// Its datagram.
    pub fn encode(&self) -> [u8; HEADER_SIZE] {
        put_header(self.session, self.sequence, self.count)
    }

    /// Reads a datagram; `None` of one that is no request.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (session, sequence, count) = header(bytes)?;
        (bytes.len() == HEADER_SIZE).then_some(Self { session, sequence, count })
    }
}

/// Puts messages into datagrams of at most so many bytes.
#[derive(Clone, Debug)]
pub struct Packer {
    session: SessionId,
    mtu: usize,
    /// The number of the next message.
    next: u64,
    count: u16,
    packet: Vec<u8>,
}

/// A message that no datagram has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a message of {size} bytes; a packet has room for {room}")]
pub struct TooLong {
    /// Its bytes.
    pub size: usize,
    /// The bytes there are.
    pub room: usize,
}

impl Packer {
    /// For messages from number `next` on, in datagrams of at most `mtu` bytes.
    pub fn new(session: SessionId, next: u64, mtu: usize) -> Self {
        let mtu = mtu.max(HEADER_SIZE + PREFIX_SIZE);
        Self { session, mtu, next, count: 0, packet: Vec::with_capacity(mtu) }
    }

    /// The number of the next message.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Adds a message, and returns its number. If there is no room for it, what is there is sent
    /// first.
    ///
    /// # Errors
    /// [`TooLong`]: it is not sent, and has no number.
    #[inline]
    pub fn push(&mut self, message: &[u8], send: impl FnMut(&[u8])) -> Result<u64, TooLong> {
        let size = message.len();
        let room = (self.mtu - HEADER_SIZE - PREFIX_SIZE).min(usize::from(u16::MAX));
        if size > room {
            return Err(TooLong { size, room });
        }
        let is_full = self.packet.len() + PREFIX_SIZE + size > self.mtu;
        if is_full || self.count == END_OF_SESSION - 1 {
            self.flush(send);
        }
        if self.count == 0 {
            self.packet.clear();
            self.packet.extend_from_slice(&put_header(self.session, self.next, 0));
        }
        self.packet.extend_from_slice(&(size as u16).to_be_bytes());
        self.packet.extend_from_slice(message);
        self.count += 1;
        self.next += 1;
        Ok(self.next - 1)
    }

    /// Sends what is there, if anything is.
    #[inline]
    pub fn flush(&mut self, mut send: impl FnMut(&[u8])) {
        if self.count == 0 {
            return;
        }
        self.packet[18..HEADER_SIZE].copy_from_slice(&self.count.to_be_bytes());
        send(&self.packet);
        self.count = 0;
        self.packet.clear();
    }

    /// Tells the number of the next message: what there was is sent first. To be called each second
    /// in which nothing was sent.
    pub fn heartbeat(&mut self, mut send: impl FnMut(&[u8])) {
        self.flush(&mut send);
        send(&put_header(self.session, self.next, 0));
    }

    /// Tells that there are no more messages: what there was is sent first. To be repeated, as any
    /// datagram may be lost.
    pub fn end(&mut self, mut send: impl FnMut(&[u8])) {
        self.flush(&mut send);
        send(&put_header(self.session, self.next, END_OF_SESSION));
    }
}

/// Sends again what a request asks for: one datagram, from the first message on, as many as it has
/// room for. Nothing of another session, and of messages that are not there. `scratch` is reused.
pub fn answer(
    request: &Request,
    session: SessionId,
    mtu: usize,
    store: &mut impl Store,
    scratch: &mut Vec<u8>,
    mut send: impl FnMut(&[u8]),
) {
    if request.session != session || request.sequence < store.oldest() {
        return;
    }
    let end = store.next_outgoing().min(request.sequence.saturating_add(request.count.into()));
    scratch.clear();
    scratch.extend_from_slice(&put_header(session, request.sequence, 0));
    let mut count = 0;
    for number in request.sequence..end {
        let start = scratch.len();
        scratch.extend_from_slice(&[0; PREFIX_SIZE]);
        let is_there = store.read(number, scratch);
        let size = scratch.len() - start - PREFIX_SIZE;
        if !is_there || scratch.len() > mtu || count == END_OF_SESSION - 1 {
            scratch.truncate(start);
            break;
        }
        scratch[start..start + PREFIX_SIZE].copy_from_slice(&(size as u16).to_be_bytes());
        count += 1;
    }
    if count > 0 {
        scratch[18..HEADER_SIZE].copy_from_slice(&count.to_be_bytes());
        send(scratch);
    }
}

/// Packets that came early, at most; those beyond are asked for again.
const EARLY_PACKETS_MAX: usize = 1_024;
/// How long after a request the same is asked for again, at first; twice as long each time.
const RETRY_NS: u64 = 10_000_000;
/// Requests of the same message before it is given up.
const TRIES_MAX: u32 = 8;

/// What a receiver has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery<'a> {
    /// The next message.
    Message {
        /// Its number.
        sequence: u64,
        /// The message.
        bytes: &'a [u8],
    },
    /// Messages that nobody sends again, from number `from` up to `next`: a book on them needs a
    /// snapshot.
    Lost {
        /// The first.
        from: u64,
        /// The one behind the last.
        next: u64,
    },
}

/// Puts packets in order, finds what is missing and asks for it.
#[derive(Clone, Debug)]
pub struct Receiver {
    session: Option<SessionId>,
    /// The number of the message that is waited for; zero: that of the first packet that comes.
    next: u64,
    /// The highest number that was heard of, and one.
    heard: u64,
    has_ended: bool,
    early: Vec<Early>,
    tries: u32,
    asked_at: Timestamp,
    /// The number that was asked for.
    asked: u64,
}

/// A packet that came before its turn; its room is used again.
#[derive(Clone, Debug, Default)]
struct Early {
    /// The number of its first message; zero: no packet.
    sequence: u64,
    bytes: Vec<u8>,
}

impl Receiver {
    /// Begins with message `next`; zero: with whatever comes first. The session is that of the first
    /// packet, if none is given.
    pub const fn new(session: Option<SessionId>, next: u64) -> Self {
        Self {
            session,
            next,
            heard: next,
            has_ended: false,
            early: Vec::new(),
            tries: 0,
            asked_at: Timestamp(0),
            asked: 0,
        }
    }

    /// The number of the message that is waited for.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Whether messages are missing that were heard of.
    #[inline]
    pub const fn is_behind(&self) -> bool {
        self.next != 0 && self.next < self.heard
    }

    /// Whether the session is over and every message of it came.
    pub const fn is_over(&self) -> bool {
        self.has_ended && self.next >= self.heard
    }

    /// A datagram has come: hands over all that is in its turn now.
    ///
    /// # Errors
    /// [`PacketError`]: it is none, and nothing of it was taken.
    pub fn received(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(Delivery<'_>),
    ) -> Result<(), PacketError> {
        let packet = Packet::decode(bytes)?;
        if *self.session.get_or_insert(packet.session) != packet.session {
            return Ok(());
        }
        if self.next == 0 {
            self.next = packet.sequence.max(1);
        }
        self.heard = self.heard.max(packet.next());
        self.has_ended |= packet.kind == PacketKind::EndOfSession;
        if packet.count == 0 {
            return Ok(());
        }
        if packet.sequence > self.next {
            self.keep(&packet, bytes);
            return Ok(());
        }
        self.deliver(&packet, &mut take);
        self.take_early(&mut take);
        Ok(())
    }

    /// What to ask for now, if anything is missing and it is time; and what is given up. To be
    /// called after datagrams came, and every few milliseconds.
    pub fn poll(&mut self, now: Timestamp, mut take: impl FnMut(Delivery<'_>)) -> Option<Request> {
        let (session, next) = (self.session?, self.next);
        if next == 0 || next >= self.heard {
            return None;
        }
        if self.asked == next {
            let wait_ns = RETRY_NS << self.tries.saturating_sub(1).min(16);
            if now.0.saturating_sub(self.asked_at.0) < wait_ns {
                return None;
            }
        } else {
            (self.asked, self.tries) = (next, 0);
        }
        let gap_end = self.gap_end();
        if self.tries >= TRIES_MAX {
            self.next = gap_end;
            take(Delivery::Lost { from: next, next: gap_end });
            self.take_early(&mut take);
            return None;
        }
        (self.asked_at, self.tries) = (now, self.tries + 1);
        let count = (gap_end - next).min(u64::from(END_OF_SESSION - 1)) as u16;
        Some(Request { session, sequence: next, count })
    }

    /// Where what is missing ends: at the first packet that came early, or with all there is.
    fn gap_end(&self) -> u64 {
        let early = self.early.iter().map(|early| early.sequence);
        early.filter(|sequence| *sequence > self.next).min().unwrap_or(self.heard)
    }

    fn deliver(&mut self, packet: &Packet<'_>, take: &mut impl FnMut(Delivery<'_>)) {
        for (sequence, bytes) in packet.messages() {
            if sequence == self.next {
                self.next += 1;
                take(Delivery::Message { sequence, bytes });
            }
        }
    }

    fn keep(&mut self, packet: &Packet<'_>, bytes: &[u8]) {
        if self.early.iter().any(|early| early.sequence == packet.sequence) {
            return;
        }
        let free = self.early.iter().position(|early| early.sequence == 0);
        let at = free.unwrap_or(self.early.len());
        if at == self.early.len() {
            if at == EARLY_PACKETS_MAX {
                return;
            }
            self.early.push(Early::default());
        }
        let place = &mut self.early[at];
        place.sequence = packet.sequence;
        place.bytes.clear();
        place.bytes.extend_from_slice(bytes);
    }

    /// Packets that came early, as long as one of them is in its turn.
    fn take_early(&mut self, take: &mut impl FnMut(Delivery<'_>)) {
        loop {
            let next = self.next;
            let due = |early: &Early| early.sequence != 0 && early.sequence <= next;
            let Some(at) = self.early.iter().position(due) else { return };
            let bytes = core::mem::take(&mut self.early[at].bytes);
            if let Ok(packet) = Packet::decode(&bytes) {
                self.deliver(&packet, take);
            }
            self.early[at] = Early { sequence: 0, bytes };
        }
    }
}
