//! What a session remembers: its numbers, and what it sent.

use tiercel_types::Timestamp;

/// A session's memory. Whoever keeps it on a disk tells the numbers of before a restart, and so
/// does a session that goes on. Calls come in order; a store that fails keeps the failure, and its
/// owner ends the session.
pub trait Store {
    /// The number of the next message to come.
    fn next_incoming(&self) -> u64;
    /// The number of the next message to send.
    fn next_outgoing(&self) -> u64;
    /// Messages before that number need not be tried: they are not kept.
    fn oldest(&self) -> u64 {
        1
    }
    /// When the numbers began with 1.
    fn created(&self) -> Timestamp;
    /// The number of the next message to come is another.
    fn set_next_incoming(&mut self, number: u64);
    /// The number of the next message to send is another, a higher one. There are no messages of
    /// the numbers between.
    fn set_next_outgoing(&mut self, number: u64);
    /// A message was made with the next number to send, which goes up by one. Of messages of the
    /// session itself `bytes` is `None`: they are never sent again.
    fn sent(&mut self, bytes: Option<&[u8]>);
    /// Both numbers are 1 again, and all that was sent is forgotten.
    fn reset(&mut self, now: Timestamp);
    /// The bytes of a message that was sent, behind `into`; false if it was one of the session
    /// itself, or is no longer there.
    fn read(&mut self, number: u64, into: &mut Vec<u8>) -> bool;
}

/// Messages that a [`MemoryStore`] has room for, where no one says otherwise.
const MESSAGES: usize = 1 << 16;
/// And their bytes.
const BYTES: usize = 1 << 24;

/// A store in memory, which ends with its process. It remembers the newest messages, as many as it
/// has room for, and allocates once, with its first message.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    incoming: u64,
    outgoing: u64,
    created: Timestamp,
    messages: usize,
    bytes: usize,
    /// Where the messages lie, by number: a ring.
    places: Vec<Place>,
    /// What was sent, one behind the other: a ring.
    ring: Vec<u8>,
    /// Bytes that were ever laid into the ring.
    written: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    number: u64,
    /// In bytes that were ever laid into the ring.
    start: u64,
    length: usize,
}

impl MemoryStore {
    /// A store whose numbers begin now.
    pub const fn new(now: Timestamp) -> Self {
        Self::with_room(now, MESSAGES, BYTES)
    }

    /// The same, with room for so many messages of so many bytes in all.
    pub const fn with_room(now: Timestamp, messages: usize, bytes: usize) -> Self {
        Self {
            incoming: 1,
            outgoing: 1,
            created: now,
            messages,
            bytes,
            places: Vec::new(),
            ring: Vec::new(),
            written: 0,
        }
    }

    /// Whether a message is still there, and where.
    fn place(&self, number: u64) -> Option<Place> {
        let at = number.checked_rem(self.places.len() as u64)? as usize;
        let place = self.places.get(at)?;
        let is_there = place.number == number && number != 0;
        (is_there && self.written - place.start <= self.ring.len() as u64).then_some(*place)
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.places.is_empty() {
            self.places = vec![Place::default(); self.messages];
            self.ring = vec![0; self.bytes];
        }
        let number = self.outgoing;
        let at = number.checked_rem(self.places.len() as u64).unwrap_or(0) as usize;
        let Some(place) = self.places.get_mut(at) else { return };
        if bytes.len() > self.ring.len() {
            return;
        }
        *place = Place { number, start: self.written, length: bytes.len() };
        let start = (self.written % self.ring.len() as u64) as usize;
        let first = bytes.len().min(self.ring.len() - start);
        self.ring[start..start + first].copy_from_slice(&bytes[..first]);
        self.ring[..bytes.len() - first].copy_from_slice(&bytes[first..]);
        self.written += bytes.len() as u64;
    }
}

impl Store for MemoryStore {
    fn next_incoming(&self) -> u64 {
        self.incoming
    }

    fn next_outgoing(&self) -> u64 {
        self.outgoing
    }

    fn oldest(&self) -> u64 {
        self.outgoing.saturating_sub(self.messages as u64).max(1)
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn set_next_incoming(&mut self, number: u64) {
        self.incoming = number;
    }

    fn set_next_outgoing(&mut self, number: u64) {
        self.outgoing = number;
    }

    fn sent(&mut self, bytes: Option<&[u8]>) {
        if let Some(bytes) = bytes {
            self.keep(bytes);
        }
        self.outgoing += 1;
    }

    fn reset(&mut self, now: Timestamp) {
        (self.incoming, self.outgoing, self.created, self.written) = (1, 1, now, 0);
        self.places.fill(Place::default());
    }

    fn read(&mut self, number: u64, into: &mut Vec<u8>) -> bool {
        let Some(Place { start, length, .. }) = self.place(number) else { return false };
        let start = (start % self.ring.len() as u64) as usize;
        let first = length.min(self.ring.len() - start);
        into.extend_from_slice(&self.ring[start..start + first]);
        into.extend_from_slice(&self.ring[..length - first]);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_messages_are_there_whole_and_the_oldest_are_not() {
        let mut store = MemoryStore::with_room(Timestamp(0), 8, 64);
        let message = |number: u64| vec![number as u8; 5 + (number % 11) as usize];
        for number in 1..=200 {
            store.sent((number % 7 != 0).then(|| message(number)).as_deref());
            let mut bytes_behind = 0;
            for back in (1..=number).rev() {
                let mut found = Vec::new();
                let is_there = store.read(back, &mut found);
                let of_session = back % 7 == 0;
                bytes_behind += if of_session { 0 } else { message(back).len() };
                assert!(!is_there || (bytes_behind <= 64 && !of_session), "{back} of {number}");
                let fits = number - back < 8 && bytes_behind <= 64;
                assert!(is_there || !fits || of_session, "{back} of {number}");
                if is_there {
                    assert_eq!(found, message(back));
                }
            }
        }
        assert_eq!(store.next_outgoing(), 201);
        store.reset(Timestamp(1));
        assert!(!store.read(200, &mut Vec::new()) && !store.read(0, &mut Vec::new()));
    }
}
