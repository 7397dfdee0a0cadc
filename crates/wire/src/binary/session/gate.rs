//! The way in: a connection that has not logged on, on the acceptor's side.

use tiercel_types::{InstrumentId, Timestamp};

use super::{ANSWER_TIMEOUT_NS, KEY_SIZE_MAX, Signature};
use crate::binary::records::{Body, Challenge, Hello, LoginRefused};
use crate::binary::{
    Flag, Group, LoginRefusal, Opaque, PROTOCOL, RECORD_SIZE, SignatureScheme, VERSION,
};

/// A login that came, to be verified and then [accepted](super::Session::accepted).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRequest {
    /// The key's id, not empty.
    pub key: Box<[u8]>,
    /// How it is signed.
    pub scheme: SignatureScheme,
    /// The signature.
    pub signature: Signature,
    /// What is signed: the hello, the challenge, the login and its key, as they went over the wire.
    pub transcript: Box<[u8]>,
    /// The number of the answer to begin with; zero: the next one.
    pub next_incoming: u64,
    /// How often the client wants to hear something, in milliseconds.
    pub heartbeat_ms: u32,
    /// Whether the session's orders are cancelled when its connection ends.
    pub cancel_on_disconnect: bool,
}

/// One connection until its login has come.
pub struct Gate {
    opened: Timestamp,
    nonce: [u8; 32],
    /// The hello and the challenge, once they were said.
    said: Vec<u8>,
    output: Vec<u8>,
    wants_close: bool,
}

impl Gate {
    /// A connection that came now. `nonce` is drawn at random for it.
    pub const fn new(now: Timestamp, nonce: [u8; 32]) -> Self {
        Self { opened: now, nonce, said: Vec::new(), output: Vec::new(), wants_close: false }
    }

    /// Bytes to send, in order. The caller takes them away.
    pub const fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Whether the connection is to be ended, once the output is sent.
    pub const fn wants_close(&self) -> bool {
        self.wants_close
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Timestamp) {
        if !self.wants_close && now.0.saturating_sub(self.opened.0) >= ANSWER_TIMEOUT_NS {
            self.refuse(LoginRefusal::Timeout);
        }
    }

    /// Tells why the login is refused; the connection ends.
    pub fn refuse(&mut self, reason: LoginRefusal) {
        let refused = LoginRefused {
            reason,
            reserved: [0; 1],
            version_min: VERSION,
            version_max: VERSION,
            reserved_too: [0; 42],
        };
        self.output.extend_from_slice(&crate::binary::record(InstrumentId(0), 0, 0, &refused));
        self.wants_close = true;
    }

    /// Bytes have come: returns how many were taken, and the login once it is whole. What is behind
    /// it belongs to the session.
    pub fn received(&mut self, now: Timestamp, bytes: &[u8]) -> (usize, Option<LoginRequest>) {
        let mut taken = 0;
        while !self.wants_close {
            let Ok(group) = Group::front(&bytes[taken..]) else {
                self.refuse(LoginRefusal::Malformed);
                break;
            };
            let Some(group) = group else { break };
            taken += group.bytes().len();
            match group.decode() {
                Ok((_, Body::Hello(hello))) if self.said.is_empty() => {
                    self.challenge(now, group.first(), &hello);
                }
                Ok((_, Body::Login(_))) if !self.said.is_empty() => {
                    let login = self.login(&group);
                    if login.is_none() {
                        self.refuse(LoginRefusal::Malformed);
                    }
                    return (taken, login);
                }
                _ => self.refuse(LoginRefusal::Malformed),
            }
        }
        (taken, None)
    }

    fn challenge(&mut self, now: Timestamp, record: &[u8; RECORD_SIZE], hello: &Hello) {
        if hello.protocol.padded() != PROTOCOL {
            self.refuse(LoginRefusal::Malformed);
            return;
        }
        if !(hello.version_min..=hello.version_max).contains(&VERSION) {
            self.refuse(LoginRefusal::Version);
            return;
        }
        let challenge =
            Challenge { version: VERSION, reserved: [0; 6], time: now, nonce: Opaque(self.nonce) };
        let challenge = crate::binary::record(InstrumentId(0), 0, 0, &challenge);
        self.said.extend_from_slice(record);
        self.said.extend_from_slice(&challenge);
        self.output.extend_from_slice(&challenge);
    }

    /// The login of a group, if its key and its signature are there, whole and in order.
    fn login(&self, group: &Group<'_>) -> Option<LoginRequest> {
        let Ok((_, Body::Login(body))) = group.decode() else { return None };
        let mut key = Vec::with_capacity(KEY_SIZE_MAX);
        let mut signature = Vec::with_capacity(2 * 48);
        let mut signed = RECORD_SIZE;
        for extension in group.extensions() {
            match extension.ok()? {
                // A part that has more behind it is full.
                Body::LoginKey(part) if signature.is_empty() && key.len().is_multiple_of(48) => {
                    key.extend_from_slice(part.text.as_bytes());
                    signed += RECORD_SIZE;
                }
                Body::LoginSignature(part) => signature.extend_from_slice(&part.bytes.0),
                _ => return None,
            }
        }
        let used = match body.scheme {
            SignatureScheme::HmacSha256 => 32,
            SignatureScheme::Ed25519 => 64,
        };
        let (whole, padding) = signature.split_at_checked(used)?;
        let is_padded = padding.len() < 48 && padding.iter().all(|byte| *byte == 0);
        if key.is_empty() || key.len() > KEY_SIZE_MAX || !is_padded {
            return None;
        }
        let mut signature = [0; 64];
        signature[..used].copy_from_slice(whole);
        let transcript = [&self.said, group.bytes().get(..signed)?].concat();
        Some(LoginRequest {
            key: key.into(),
            scheme: body.scheme,
            signature,
            transcript: transcript.into(),
            next_incoming: body.next_incoming,
            heartbeat_ms: body.heartbeat_ms,
            cancel_on_disconnect: body.cancel_on_disconnect == Flag::Yes,
        })
    }
}
