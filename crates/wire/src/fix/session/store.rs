//! What a session remembers: its numbers, and what it sent.

use std::collections::BTreeMap;

use tiercel_types::Timestamp;

/// A session's memory. Whoever keeps it on a disk tells the numbers of before a restart, and so
/// does a session that goes on. Calls come in order; a store that fails keeps the failure, and its
/// owner ends the session.
pub trait Store {
    /// The number of the next message to come.
    fn next_incoming(&self) -> u64;
    /// The number of the next message to send.
    fn next_outgoing(&self) -> u64;
    /// When the numbers began with 1.
    fn created(&self) -> Timestamp;
    /// The number of the next message to come is another.
    fn set_next_incoming(&mut self, number: u64);
    /// A message was made with the next number to send, which goes up by one. Of messages of the
    /// session itself `bytes` is `None`: they are never sent again.
    fn sent(&mut self, bytes: Option<&[u8]>);
    /// Both numbers are 1 again, and all that was sent is forgotten.
    fn reset(&mut self, now: Timestamp);
    /// The bytes of a message that was sent, behind `into`; false if it was one of the session
    /// itself, or is no longer there.
    fn read(&mut self, number: u64, into: &mut Vec<u8>) -> bool;
}

/// A store in memory, which ends with its process.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    incoming: u64,
    outgoing: u64,
    created: Timestamp,
    sent: BTreeMap<u64, Box<[u8]>>,
}

impl MemoryStore {
    /// A store whose numbers begin now.
    pub const fn new(now: Timestamp) -> Self {
        Self { incoming: 1, outgoing: 1, created: now, sent: BTreeMap::new() }
    }
}

impl Store for MemoryStore {
    fn next_incoming(&self) -> u64 {
        self.incoming
    }

    fn next_outgoing(&self) -> u64 {
        self.outgoing
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn set_next_incoming(&mut self, number: u64) {
        self.incoming = number;
    }

    fn sent(&mut self, bytes: Option<&[u8]>) {
        if let Some(bytes) = bytes {
            self.sent.insert(self.outgoing, bytes.into());
        }
        self.outgoing += 1;
    }

    fn reset(&mut self, now: Timestamp) {
        *self = Self::new(now);
    }

    fn read(&mut self, number: u64, into: &mut Vec<u8>) -> bool {
        let found = self.sent.get(&number);
        into.extend_from_slice(found.map_or(&[][..], |bytes| bytes));
        found.is_some()
    }
}
