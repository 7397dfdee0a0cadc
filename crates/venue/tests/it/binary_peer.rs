//! A client of the binary protocol: our session as an initiator, without a socket, and all that it heard.

use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tiercel_types::{Command, InstrumentId, Timestamp};
use tiercel_wire::binary::session::{Application, Credentials, Role, Session, Signature};
use tiercel_wire::binary::{
    Body, Fault, Group, LoginAccepted, LoginRefusal, Request, SignatureScheme,
};
use tiercel_wire::store::{MemoryStore, Store};

/// What a client signs with.
#[derive(Clone)]
pub(crate) enum Secret {
    Hmac(Vec<u8>),
    Ed25519(Box<SigningKey>),
}

/// An answer that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) number: u64,
    pub(crate) flags: u8,
    pub(crate) body: Body,
    pub(crate) more: Vec<Body>,
}

impl Heard {
    /// Its name, the fields that are asked for, and those of what belongs to it: `accepted order_id=7`.
    pub(crate) fn say(&self, fields: &[&str]) -> String {
        let mut text = self.body.kind().as_str().to_owned();
        for body in std::iter::once(&self.body).chain(&self.more) {
            body.show(|name, value| {
                if fields.contains(&name) {
                    text.push(' ');
                    text += &value.to_string();
                }
            });
        }
        text
    }

    /// A field's value as a listing shows it; empty: there is none.
    pub(crate) fn get(&self, field: &str) -> String {
        let mut found = String::new();
        self.body.show(|name, value| {
            if name == field {
                found = value.to_string();
            }
        });
        found
    }

    pub(crate) fn number_of(&self, field: &str) -> u64 {
        self.get(field).parse().unwrap_or(0)
    }
}

/// What the application of a client is told.
pub(crate) struct Ear {
    secret: Secret,
    pub(crate) heard: Vec<Heard>,
    pub(crate) gaps: Vec<(u64, u64)>,
    pub(crate) refused: Option<LoginRefusal>,
    pub(crate) accepted: Option<LoginAccepted>,
}

impl Application for Ear {
    fn sign(&mut self, transcript: &[u8]) -> Signature {
        let mut signature = [0; 64];
        match &self.secret {
            Secret::Hmac(secret) => {
                let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
                mac.update(transcript);
                signature[..32].copy_from_slice(&mac.finalize().into_bytes());
            }
            Secret::Ed25519(key) => signature = key.sign(transcript).to_bytes(),
        }
        signature
    }

    fn on_logon(&mut self, accepted: &LoginAccepted) {
        self.accepted = Some(*accepted);
    }

    fn on_refused(&mut self, reason: LoginRefusal) {
        self.refused = Some(reason);
    }

    fn on_message(&mut self, group: &Group<'_>) -> Result<(), Fault> {
        let (header, body) = group.decode()?;
        let more = group.extensions().collect::<Result<_, _>>()?;
        self.heard.push(Heard { number: header.sequence, flags: header.flags, body, more });
        Ok(())
    }

    fn on_gap(&mut self, from: u64, next: u64) {
        self.gaps.push((from, next));
    }

    fn on_lost(&mut self, from: u64, next: u64) {
        self.gaps.push((from, next));
    }
}

/// A client: its session, its numbers, and what it heard.
pub(crate) struct Peer {
    pub(crate) session: Session,
    pub(crate) store: MemoryStore,
    pub(crate) ear: Ear,
    unread: Vec<u8>,
    nonces: u8,
}

impl Peer {
    pub(crate) fn new(key: &str, secret: Secret, cancel_on_disconnect: bool) -> Self {
        let scheme = match &secret {
            Secret::Hmac(_) => SignatureScheme::HmacSha256,
            Secret::Ed25519(_) => SignatureScheme::Ed25519,
        };
        let credentials = Credentials {
            key: key.as_bytes().into(),
            scheme,
            heartbeat_ms: 1_000,
            cancel_on_disconnect,
            resend_requests: true,
            from_now: false,
        };
        Self {
            session: Session::new(Role::Initiator(credentials)),
            store: MemoryStore::new(Timestamp(0)),
            ear: Ear { secret, heard: Vec::new(), gaps: Vec::new(), refused: None, accepted: None },
            unread: Vec::new(),
            nonces: 0,
        }
    }

    pub(crate) fn connected(&mut self, now: Timestamp) {
        self.unread.clear();
        self.nonces = self.nonces.wrapping_add(1);
        self.session.connected(now, [self.nonces; 32]);
    }

    pub(crate) fn closed(&mut self) {
        self.session.closed(&mut self.ear);
    }

    pub(crate) fn hear(&mut self, now: Timestamp, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        let Self { session, store, ear, unread, .. } = self;
        let taken = session.received(now, unread, store, ear);
        unread.drain(..taken);
    }

    /// What it has to send.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.session.output())
    }

    /// Sends the request that comes to this command; its number.
    pub(crate) fn ask(&mut self, now: Timestamp, command: &Command) -> u64 {
        let request = Request::of(command).expect("a client's command");
        self.session.send_request(now, &mut self.store, &request)
    }

    /// Sends a request of these records; its number.
    pub(crate) fn ask_group(
        &mut self,
        now: Timestamp,
        instrument: InstrumentId,
        bodies: &[Body],
    ) -> u64 {
        self.session.send_group(now, &mut self.store, instrument, 0, bodies)
    }

    /// Takes out what was heard since the last time.
    pub(crate) fn news(&mut self) -> Vec<Heard> {
        std::mem::take(&mut self.ear.heard)
    }

    /// How many requests it has sent.
    pub(crate) fn asked(&self) -> u64 {
        self.store.next_outgoing() - 1
    }
}
