//! Who is told of which channel: bounded queues, and what happens to whom is too slow.
//!
//! A message is encoded once, however many are told of it. Each connection has a queue of [`QUEUE`]
//! messages. On a channel that tells everything, a full queue cuts its connection off. On one that
//! tells how something stands, messages are left out once half the queue is full, and the connection is
//! told how things stand when it has caught up. A connection that does not read harms nobody else.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use tokio::sync::mpsc;

/// Messages that wait for a client, at most.
pub(super) const QUEUE: usize = 1_024;
/// Places that are kept for what must not be left out.
const KEPT: usize = QUEUE / 2;
/// So many places are free again in the queue of whom has caught up.
const CAUGHT_UP: usize = QUEUE - QUEUE / 8;

/// A connection: its queue, and the channels of which it has missed something.
struct Connection<C, M> {
    queue: mpsc::Sender<M>,
    behind: BTreeSet<C>,
}

/// All connections, and what they are told of.
pub(super) struct Fanout<C, M> {
    next_connection: u64,
    connections: HashMap<u64, Connection<C, M>>,
    channels: HashMap<C, Vec<u64>>,
    /// Connections that have missed something.
    behind: BTreeSet<u64>,
}

impl<C, M> Default for Fanout<C, M> {
    fn default() -> Self {
        Self {
            next_connection: 0,
            connections: HashMap::new(),
            channels: HashMap::new(),
            behind: BTreeSet::new(),
        }
    }
}

impl<C: Copy + Eq + Hash + Ord, M: Clone> Fanout<C, M> {
    /// A new connection: its number, and the other end of its queue.
    pub(super) fn connect(&mut self) -> (u64, mpsc::Receiver<M>) {
        let (queue, messages) = mpsc::channel(QUEUE);
        self.next_connection += 1;
        let connection = Connection { queue, behind: BTreeSet::new() };
        self.connections.insert(self.next_connection, connection);
        (self.next_connection, messages)
    }

    /// A connection that is gone.
    pub(super) fn disconnect(&mut self, connection: u64) {
        self.connections.remove(&connection);
        self.behind.remove(&connection);
        self.channels.retain(|_, told| {
            told.retain(|one| *one != connection);
            !told.is_empty()
        });
    }

    /// Tells a connection of a channel from now on, after this message; again does nothing.
    pub(super) fn subscribe(&mut self, connection: u64, channel: C, first: Option<M>) {
        let told = self.channels.entry(channel).or_default();
        if told.contains(&connection) {
            return;
        }
        told.push(connection);
        if let Some(message) = first {
            self.tell_one(connection, channel, message);
        }
    }

    /// No longer tells it.
    pub(super) fn unsubscribe(&mut self, connection: u64, channel: C) {
        if let Some(told) = self.channels.get_mut(&channel) {
            told.retain(|one| *one != connection);
            if told.is_empty() {
                self.channels.remove(&channel);
            }
        }
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.behind.remove(&channel);
        }
    }

    /// Whether anybody is told of it.
    pub(super) fn is_told(&self, channel: C) -> bool {
        self.channels.contains_key(&channel)
    }

    /// Ends all connections.
    pub(super) fn close(&mut self) {
        self.connections.clear();
        self.channels.clear();
        self.behind.clear();
    }

    /// Tells everybody of the channel; who has no room for it is cut off.
    pub(super) fn tell(&mut self, channel: C, message: impl FnOnce() -> Option<M>) {
        let Some(told) = self.channels.get(&channel) else { return };
        let Some(message) = message() else { return };
        let mut slow = Vec::new();
        for number in told {
            let connection = self.connections.get(number);
            if connection.is_none_or(|to| to.queue.try_send(message.clone()).is_err()) {
                slow.push(*number);
            }
        }
        for connection in slow {
            self.disconnect(connection);
        }
    }

    /// Tells everybody of the channel how things stand; whose queue is half full is told later.
    pub(super) fn tell_state(&mut self, channel: C, message: impl FnOnce() -> Option<M>) {
        let Some(told) = self.channels.get(&channel) else { return };
        let Some(message) = message() else { return };
        for number in told {
            let Some(connection) = self.connections.get_mut(number) else { continue };
            let behind = connection.behind.contains(&channel);
            if behind || connection.queue.capacity() <= KEPT {
                connection.behind.insert(channel);
                self.behind.insert(*number);
            } else {
                // There is room: it is taken, or the connection is gone, which it tells itself.
                let _gone = connection.queue.try_send(message.clone());
            }
        }
    }

    fn tell_one(&mut self, number: u64, channel: C, message: M) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        if connection.queue.try_send(message).is_err() {
            connection.behind.insert(channel);
            self.behind.insert(number);
        }
    }

    /// Tells those that have caught up how things stand on the channels of which they missed something.
    pub(super) fn catch_up(&mut self, mut standing: impl FnMut(C) -> Option<M>) {
        for number in std::mem::take(&mut self.behind) {
            let Some(connection) = self.connections.get_mut(&number) else { continue };
            while connection.queue.capacity() >= CAUGHT_UP
                && let Some(channel) = connection.behind.pop_first()
            {
                if let Some(message) = standing(channel) {
                    let _gone = connection.queue.try_send(message);
                }
            }
            if !connection.behind.is_empty() {
                self.behind.insert(number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told = Fanout<u8, usize>;

    fn drain(messages: &mut mpsc::Receiver<usize>) -> Vec<usize> {
        std::iter::from_fn(|| messages.try_recv().ok()).collect()
    }

    #[test]
    fn whom_there_is_no_room_for_is_cut_off_and_others_hear_on() {
        let mut fanout = Told::default();
        let (deaf, mut unread) = fanout.connect();
        let (reader, mut read) = fanout.connect();
        fanout.subscribe(deaf, 1, None);
        fanout.subscribe(reader, 1, None);
        let mut encoded = 0;
        for number in 0..=QUEUE {
            fanout.tell(1, || {
                encoded += 1;
                Some(number)
            });
            assert_eq!(drain(&mut read), [number]);
        }
        assert_eq!(encoded, QUEUE + 1, "once, however many are told");
        assert_eq!(drain(&mut unread).len(), QUEUE);
        assert_eq!(unread.try_recv().unwrap_err(), mpsc::error::TryRecvError::Disconnected);
        fanout.disconnect(reader);
        fanout.tell(1, || unreachable!("nobody is told"));
    }

    #[test]
    fn who_misses_steps_is_told_how_things_stand_once_it_has_caught_up() {
        let mut fanout = Told::default();
        let (slow, mut messages) = fanout.connect();
        fanout.subscribe(slow, 1, Some(1_000_000));
        fanout.subscribe(slow, 2, None);
        for number in 0..QUEUE {
            fanout.tell_state(1, || Some(number));
        }
        let standing = |channel: u8| Some(2_000_000 + usize::from(channel));
        fanout.catch_up(standing);
        // The other half is for what must not be left out.
        fanout.tell(2, || Some(7));
        let heard = drain(&mut messages);
        assert_eq!((heard[0], heard.len()), (1_000_000, QUEUE - KEPT + 1));
        assert_eq!(heard.last(), Some(&7));
        // What came meanwhile is in what it is told: nothing older follows.
        fanout.tell_state(1, || Some(8));
        fanout.catch_up(standing);
        fanout.catch_up(standing);
        fanout.tell_state(1, || Some(9));
        assert_eq!(drain(&mut messages), [2_000_001, 9]);
        for number in 0..QUEUE {
            fanout.tell_state(1, || Some(number));
        }
        fanout.unsubscribe(slow, 1);
        drain(&mut messages);
        fanout.catch_up(|_| unreachable!("it is not told any more"));
    }
}
