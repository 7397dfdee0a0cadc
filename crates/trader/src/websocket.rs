//! One WebSocket connection, from the side of its client: bytes to texts, and texts to bytes; and how long it lives.
//!
//! ```text
//!   socket --bytes--> TLS, if there is --> frames --> texts, where they lie
//!   socket <--bytes-- TLS <-- frames, masked <-- texts; pongs by themselves
//! ```
//!
//! The connection was made, its handshakes included, by [`dial`](crate::dial).

use sha2::{Digest, Sha256};
use thiserror::Error;
use tiercel_net::tls::Channel;
use tiercel_types::Timestamp;
use tiercel_wire::websocket::{
    self, Assembler, CloseCode, FrameError, Limits, Message, Opcode, Role,
};

/// Bytes of a message, at most: more than a diff of a book in turmoil.
const MESSAGE_BYTES_MAX: usize = 512 << 10;
/// Bytes of a mask.
const MASK_BYTES: usize = 4;

/// Why nothing more can be said on a connection.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LinkFault {
    /// The venue broke the protocol of frames.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// TLS failed.
    #[error("TLS: {0}")]
    Tls(String),
    /// The venue said goodbye.
    #[error("closed by the venue, with {code}: {reason}")]
    Closed {
        /// Its number; 1005 where it gave none (RFC 6455, section 7.4.1).
        code: u16,
        /// Its reason in words.
        reason: String,
    },
    /// Bytes came before the connection was handed over.
    #[error("bytes without a connection")]
    Absent,
    /// Nothing was heard.
    #[error("nothing was heard for {} s", .0 / 1_000_000_000)]
    Silent(u64),
    /// It is as old as it may become.
    #[error("replaced after {} s", .0 / 1_000_000_000)]
    Old(u64),
}

/// How long connections live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamOptions {
    /// Without a byte.
    pub silence_max_ns: u64,
    /// In all: less than the venue gives them.
    pub lifetime_ns: u64,
}

/// Masks that nobody can guess who does not know the seed (RFC 6455, section 5.3).
struct Masks {
    seed: [u8; 32],
    block: [u8; 32],
    count: u64,
    at: usize,
}

impl Masks {
    const fn new(seed: [u8; 32]) -> Self {
        Self { seed, block: [0; 32], count: 0, at: 32 }
    }

    fn next(&mut self) -> [u8; MASK_BYTES] {
        if self.at == self.block.len() {
            let mut hash = Sha256::new();
            hash.update(self.seed);
            hash.update(self.count.to_le_bytes());
            self.block = hash.finalize().into();
            (self.count, self.at) = (self.count + 1, 0);
        }
        let mut mask = [0; MASK_BYTES];
        mask.copy_from_slice(&self.block[self.at..self.at + MASK_BYTES]);
        self.at += MASK_BYTES;
        mask
    }
}

/// What a connection brings along.
pub struct Handover {
    /// Its TLS, whose handshake is over, if it has any.
    pub channel: Channel,
    /// Bytes that came behind the handshake's, without TLS.
    pub early: Vec<u8>,
    /// Drawn at random for it.
    pub nonce: [u8; 32],
}

/// Of a connection without any handshake, with this nonce.
impl From<[u8; 32]> for Handover {
    fn from(nonce: [u8; 32]) -> Self {
        Self { channel: Channel::Plain, early: Vec::new(), nonce }
    }
}

/// One connection after the other, of one line.
pub struct Link {
    options: StreamOptions,
    connected_at: Timestamp,
    heard_at: Timestamp,
    channel: Channel,
    assembler: Assembler,
    masks: Masks,
    /// Bytes without TLS that came before the reactor had the connection, and are no whole message.
    early: Vec<u8>,
    frames: Vec<u8>,
    output: Vec<u8>,
    is_open: bool,
}

impl Link {
    /// One that has no connection.
    pub fn new(options: StreamOptions) -> Self {
        let limits = Limits {
            role: Role::Client,
            frame_bytes_max: MESSAGE_BYTES_MAX,
            message_bytes_max: MESSAGE_BYTES_MAX,
        };
        Self {
            options,
            connected_at: Timestamp(0),
            heard_at: Timestamp(0),
            channel: Channel::Plain,
            assembler: Assembler::new(limits),
            masks: Masks::new([0; 32]),
            early: Vec::new(),
            frames: Vec::with_capacity(4 << 10),
            output: Vec::with_capacity(4 << 10),
            is_open: false,
        }
    }

    /// There is a connection. What came of it already is read by [`received`](Self::received), of no bytes.
    pub fn connected(&mut self, now: Timestamp, handover: Handover) {
        let Handover { channel, early, nonce } = handover;
        (self.connected_at, self.heard_at) = (now, now);
        self.assembler.reset();
        (self.channel, self.early, self.masks) = (channel, early, Masks::new(nonce));
        self.frames.clear();
        self.output.clear();
        self.is_open = true;
    }

    /// The connection is gone.
    pub fn closed(&mut self) {
        (self.channel, self.is_open) = (Channel::Plain, false);
        self.early.clear();
        self.frames.clear();
        self.output.clear();
    }

    /// Whether texts can be sent.
    pub const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether it may go on.
    ///
    /// # Errors
    /// [`LinkFault::Silent`], [`LinkFault::Old`]: the connection is to be ended.
    pub fn check(&self, now: Timestamp) -> Result<(), LinkFault> {
        let StreamOptions { silence_max_ns, lifetime_ns } = self.options;
        if !self.is_open {
            return Ok(());
        }
        if now.0.saturating_sub(self.heard_at.0) > silence_max_ns {
            return Err(LinkFault::Silent(silence_max_ns));
        }
        if now.0.saturating_sub(self.connected_at.0) > lifetime_ns {
            return Err(LinkFault::Old(lifetime_ns));
        }
        Ok(())
    }

    /// Bytes have come: hands over each text that is whole, and returns how many bytes are done with. Pings are
    /// answered.
    ///
    /// # Errors
    /// [`LinkFault`], or what `take` says: the connection is to be ended.
    #[inline]
    pub fn received<E: From<LinkFault>>(
        &mut self,
        now: Timestamp,
        bytes: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<usize, E> {
        self.heard_at = now;
        let Self { channel, assembler, masks, early, frames, output, is_open, .. } = self;
        if !*is_open {
            return Err(LinkFault::Absent.into());
        }
        let mut read = |bytes: &[u8]| messages(assembler, masks, frames, bytes, &mut take);
        if let Channel::Secure(_) = channel {
            let opened = channel.open(bytes, output);
            let opened = opened.map_err(|error| LinkFault::Tls(error.to_string()))?;
            let mut plain = opened.unwrap_or_default();
            let taken = read(&plain)?;
            plain.drain(..taken);
            channel.keep(plain);
            return Ok(bytes.len());
        }
        if early.is_empty() {
            return read(bytes);
        }
        early.extend_from_slice(bytes);
        let taken = read(early)?;
        early.drain(..taken);
        Ok(bytes.len())
    }

    /// Sends the text that `write` appends, with that mask on it.
    #[inline]
    pub fn send(&mut self, write: impl FnOnce(&mut Vec<u8>, [u8; MASK_BYTES])) {
        let mask = self.masks.next();
        websocket::put_masked_text(&mut self.frames, mask, |out| write(out, mask));
    }

    /// Says goodbye.
    pub fn close(&mut self) {
        if self.is_open {
            let mask = self.masks.next();
            websocket::put_close(&mut self.frames, CloseCode::NORMAL, "", Some(mask));
        }
    }

    /// Bytes to send. The caller takes them away.
    #[inline]
    pub fn output(&mut self) -> &mut Vec<u8> {
        if matches!(self.channel, Channel::Plain) && self.output.is_empty() {
            std::mem::swap(&mut self.frames, &mut self.output);
        } else if !self.frames.is_empty() {
            self.channel.seal(&self.frames, false, &mut self.output);
            self.frames.clear();
        }
        &mut self.output
    }
}

/// Reads all whole messages, and returns how many bytes they were.
#[inline]
fn messages<E: From<LinkFault>>(
    assembler: &mut Assembler,
    masks: &mut Masks,
    frames: &mut Vec<u8>,
    bytes: &[u8],
    take: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<usize, E> {
    let mut taken = 0;
    loop {
        let step = assembler.next_unmasked(&bytes[taken..]).map_err(LinkFault::from)?;
        taken += step.taken;
        match step.message {
            None => return Ok(taken),
            Some(Message::Text(text)) => take(text)?,
            Some(Message::Ping(payload)) => {
                // Its payload is that of a control frame: short enough.
                websocket::put(frames, Opcode::Pong, payload, Some(masks.next()));
            }
            Some(Message::Close(reason)) => {
                let (code, reason) =
                    reason.map_or((1005, ""), |reason| (reason.code.0, reason.text));
                return Err(LinkFault::Closed { code, reason: reason.to_owned() }.into());
            }
            Some(Message::Binary(_) | Message::Pong(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1);

    fn open(early: &[u8]) -> Link {
        let mut link = Link::new(StreamOptions { silence_max_ns: 30, lifetime_ns: 100 });
        let channel = Channel::Plain;
        link.connected(NOW, Handover { channel, early: early.to_vec(), nonce: [7; 32] });
        link
    }

    fn texts(link: &mut Link, bytes: &[u8]) -> (Result<usize, LinkFault>, Vec<String>) {
        let mut texts = Vec::new();
        let taken = link.received(NOW, bytes, |text| {
            texts.push(String::from_utf8_lossy(text).into_owned());
            Ok(())
        });
        (taken, texts)
    }

    #[test]
    fn what_came_with_the_handshake_is_read_before_what_comes_later() {
        let mut link = open(b"\x81\x02{}\x81\x03[");
        assert_eq!(texts(&mut link, b""), (Ok(0), vec!["{}".to_owned()]));
        assert_eq!(texts(&mut link, b"1]\x81\x01"), (Ok(4), vec!["[1]".to_owned()]));
        assert_eq!(texts(&mut link, b"7"), (Ok(1), vec!["7".to_owned()]));
        // From then on bytes lie where they came.
        assert_eq!(texts(&mut link, b"\x81\x01"), (Ok(0), vec![]));
        assert_eq!(texts(&mut link, b"\x81\x018"), (Ok(3), vec!["8".to_owned()]));
    }

    #[test]
    fn a_ping_is_answered_masked_and_a_goodbye_ends_it() {
        let mut link = open(b"");
        assert_eq!(texts(&mut link, b"\x89\x02hi"), (Ok(4), vec![]));
        let sent = std::mem::take(link.output());
        assert_eq!(&sent[..2], b"\x8a\x82");
        let unmasked: Vec<u8> = sent[6..].iter().zip(&sent[2..6]).map(|(a, b)| a ^ b).collect();
        assert_eq!((unmasked.as_slice(), sent[2..6] == [0; 4]), (&b"hi"[..], false));
        let told = LinkFault::Closed { code: 1008, reason: "slow".to_owned() };
        assert_eq!(texts(&mut link, b"\x88\x06\x03\xf0slow").0, Err(told));
        link.closed();
        assert_eq!(texts(&mut link, b"\x81\x018").0, Err(LinkFault::Absent));
    }

    #[test]
    fn no_two_masks_are_the_same() {
        let mut masks = Masks::new([1; 32]);
        let mut seen: Vec<[u8; 4]> = (0..100).map(|_| masks.next()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 100);
    }
}
