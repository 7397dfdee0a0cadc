//! A session: what it was told, and the connection that it has.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tiercel_net::ConnectionId;
use tiercel_net::session_store::{FileStore, SessionStore};
use tiercel_types::{AccountId, Timestamp};
use tiercel_wire::soup::{Server, SessionId};
use tiercel_wire::store::{MemoryStore, Store};
use tracing::error;

use super::connections::Hearing;
use crate::accounts::{Key, Keys};
use crate::binance::signature::Verifier;
use crate::ouch::{Answer, OuchIdentity, SessionNumber, User};
use crate::secret::is_same;

/// What sessions are to the engine: their numbers begin here, apart from other gateways'.
pub(super) const SESSION_BASE: u32 = 0x4F55_0001;
/// Characters of a secret that are the password.
const PASSWORD: usize = 10;

/// A session.
pub(super) struct Line {
    identity: OuchIdentity,
    id: SessionId,
    account: AccountId,
    store: SessionStore,
    link: Option<(ConnectionId, Server)>,
    key: Option<Arc<Key>>,
    had_room: Timestamp,
    /// The number of the next message, when the last command was complete.
    complete: u64,
    has_said: bool,
}

/// What a connection may do.
pub(super) struct Rights<'a> {
    identity: &'a OuchIdentity,
    account: AccountId,
    key: &'a mut Option<Arc<Key>>,
}

impl Rights<'_> {
    /// Whether this is the password; the key that it is of is the connection's from then on.
    pub(super) fn check(&mut self, keys: &Keys, password: &[u8]) -> Option<()> {
        let key = keys.get(&self.identity.api_key).filter(|key| key.may_read)?;
        let Verifier::Hmac(secret) = &key.verifier else { return None };
        let secret = &secret[..secret.len().min(PASSWORD)];
        if secret.is_empty() || !is_same(secret, password) {
            return None;
        }
        *self.key = Some(key);
        Some(())
    }

    /// Whose it is.
    pub(super) const fn account(&self) -> AccountId {
        self.account
    }

    pub(super) fn may_trade(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.may_trade && !key.is_revoked())
    }

    /// What the session's orders belong to in the engine; zero: nothing.
    pub(super) const fn session_id(&self, session: SessionNumber) -> u32 {
        if self.identity.cancel_on_disconnect { SESSION_BASE + session as u32 } else { 0 }
    }
}

impl Line {
    pub(super) fn open(
        identity: &OuchIdentity,
        folder: Option<&Path>,
        keys: &Keys,
        now: Timestamp,
    ) -> io::Result<Self> {
        let store = match folder {
            None => SessionStore::Memory(MemoryStore::new(now)),
            Some(folder) => {
                SessionStore::File(FileStore::open(&super::file(folder, identity.user), now)?)
            }
        };
        let mut id = [b' '; 10];
        let user = identity.user.as_bytes();
        id[..user.len()].copy_from_slice(user);
        let account = keys.get(&identity.api_key).map_or(AccountId::ALL, |key| key.account);
        let mut line = Self {
            identity: identity.clone(),
            id,
            account,
            store,
            link: None,
            key: None,
            had_room: now,
            complete: 0,
            has_said: false,
        };
        if line.store.next_outgoing() == 1 {
            line.say(&Answer::start_of_day(crate::itch::Day::of(now).since_midnight(now)));
        }
        Ok(line)
    }

    pub(super) const fn user(&self) -> User {
        self.identity.user
    }

    pub(super) const fn account(&self) -> AccountId {
        self.account
    }

    pub(super) const fn cancels_on_disconnect(&self) -> bool {
        self.identity.cancel_on_disconnect
    }

    /// The number behind the last request that was answered, as its file says: its next has that at least.
    pub(super) fn next_number(&self) -> u32 {
        u32::try_from(self.store.next_incoming()).unwrap_or(u32::MAX)
    }

    /// Notes that number, if it is another.
    pub(super) fn note_next(&mut self, next: u32) {
        if u64::from(next) != self.store.next_incoming() {
            self.store.set_next_incoming(next.into());
        }
    }

    /// The session's next message.
    pub(super) fn say(&mut self, answer: &Answer) {
        self.store.sent(Some(answer.bytes()));
        self.has_said = true;
    }

    /// Its next number, if that was another when the last command was complete.
    pub(super) fn complete(&mut self) -> Option<u64> {
        if !std::mem::take(&mut self.has_said) {
            return None;
        }
        self.complete = self.store.next_outgoing();
        Some(self.complete)
    }

    /// The messages from this number on.
    pub(super) fn messages_from(&mut self, from: u64) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        for number in from..self.store.next_outgoing() {
            let mut message = Vec::new();
            if self.store.read(number, &mut message) {
                messages.push(message);
            }
        }
        messages
    }

    pub(super) const fn is_linked(&self) -> bool {
        self.link.is_some()
    }

    pub(super) fn connection(&self) -> Option<ConnectionId> {
        self.link.as_ref().map(|(id, _)| *id)
    }

    pub(super) fn link(&mut self, id: ConnectionId, now: Timestamp) {
        let mut server = Server::new(self.id);
        server.connected(now);
        self.had_room = now;
        self.link = Some((id, server));
    }

    /// The connection is gone; true if it was logged on.
    pub(super) fn part(&mut self) -> bool {
        self.key = None;
        self.link.take().is_some_and(|(_, server)| server.is_logged_on())
    }

    /// Bytes came; returns how many were taken.
    pub(super) fn received<'a, 'c>(
        &'a mut self,
        now: Timestamp,
        bytes: &[u8],
        hearing: impl FnOnce(Rights<'a>) -> Hearing<'a, 'c>,
    ) -> usize {
        let Self { identity, account, store, link, key, has_said, .. } = self;
        let Some((_, server)) = link else { return bytes.len() };
        let mut hearing = hearing(Rights { identity, account: *account, key });
        let taken = server.received(now, bytes, store, &mut hearing);
        for answer in hearing.answers {
            store.sent(Some(answer.bytes()));
            *has_said = true;
        }
        taken
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, now: Timestamp) {
        if let Some((_, server)) = &mut self.link {
            server.tick(now, &mut self.store);
        }
    }

    /// Moves what is to be sent into `output`, which has room for so many bytes. False: the connection is to
    /// end.
    pub(super) fn fill(&mut self, now: Timestamp, output: &mut Vec<u8>, room: usize) -> bool {
        if room > 0 {
            self.had_room = now;
        }
        if let Some(error) = self.store.failure() {
            error!(session = ?self.identity.user, %error, "an OUCH session cannot go on");
            return false;
        }
        let is_revoked = self.key.as_ref().is_some_and(|key| key.is_revoked());
        let Self { link: Some((_, server)), store, .. } = self else { return true };
        while output.len() < room {
            server.resume(now, store);
            if server.output().is_empty() {
                break;
            }
            output.append(server.output());
        }
        let is_done = server.wants_close() && server.output().is_empty();
        !(is_done || is_revoked)
    }

    /// Whether it has taken nothing for so long.
    pub(super) fn is_stuck(&self, now: Timestamp, timeout: Duration) -> bool {
        u128::from(now.0.saturating_sub(self.had_room.0)) >= timeout.as_nanos()
    }
}
