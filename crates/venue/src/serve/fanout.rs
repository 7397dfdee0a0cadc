//! Who is told of which topic. A message is encoded once, however many are told of it; what happens to
//! whom is too slow is the topic's [`Rule`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use super::queues::{ConnectionId, Inbox, Message, Queues, Rule, Speaks};

/// What connections are told of.
pub(super) trait Topic: Copy + Eq + Hash + Ord {
    /// What happens where a client does not read.
    fn rule(self) -> Rule;
}

/// The connections of an interface, and what they are told of.
pub(super) struct Fanout<T> {
    pub(super) queues: Queues,
    told: HashMap<T, Vec<ConnectionId>>,
    /// Topics of which connections have missed something.
    behind: BTreeMap<ConnectionId, BTreeSet<T>>,
}

impl<T> Default for Fanout<T> {
    fn default() -> Self {
        Self { queues: Queues::default(), told: HashMap::new(), behind: BTreeMap::new() }
    }
}

impl<T: Topic> Fanout<T> {
    /// A new connection, which is told of nothing.
    pub(super) fn connect(&mut self, speaks: Speaks) -> (ConnectionId, Inbox) {
        self.queues.connect(speaks)
    }

    /// A connection that is gone.
    pub(super) fn disconnect(&mut self, connection: ConnectionId) {
        self.queues.disconnect(connection);
        self.behind.remove(&connection);
        self.told.retain(|_, told| {
            told.retain(|one| *one != connection);
            !told.is_empty()
        });
    }

    /// Tells a connection of a topic from now on, after this message, which says how things stand;
    /// again does nothing.
    pub(super) fn subscribe(&mut self, connection: ConnectionId, topic: T, first: Option<Message>) {
        let told = self.told.entry(topic).or_default();
        if told.contains(&connection) {
            return;
        }
        told.push(connection);
        match first {
            Some(_) if self.queues.is_full(connection) => {
                self.behind.entry(connection).or_default().insert(topic);
            }
            Some(message) => self.queues.push(connection, message),
            None => {}
        }
    }

    /// No longer tells it.
    pub(super) fn unsubscribe(&mut self, connection: ConnectionId, topic: T) {
        if let Some(told) = self.told.get_mut(&topic) {
            told.retain(|one| *one != connection);
            if told.is_empty() {
                self.told.remove(&topic);
            }
        }
        if let Some(behind) = self.behind.get_mut(&connection) {
            behind.remove(&topic);
        }
    }

    /// Whether nobody is told of anything.
    pub(super) fn is_idle(&self) -> bool {
        self.told.is_empty()
    }

    /// Whether anybody is told of it.
    pub(super) fn is_told(&self, topic: T) -> bool {
        self.told.contains_key(&topic)
    }

    /// What anybody is told of.
    pub(super) fn topics(&self) -> impl Iterator<Item = T> {
        self.told.keys().copied()
    }

    /// Connections, and subscriptions of all of them.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.queues.len(), self.told.values().map(Vec::len).sum())
    }

    /// Ends all connections.
    pub(super) fn close(&mut self, now_ms: u64) {
        self.queues.close(now_ms);
        self.told.clear();
        self.behind.clear();
    }

    /// Tells everybody of the topic, if anybody is told of it.
    pub(super) fn tell(&mut self, topic: T, message: impl FnOnce() -> Option<Message>) {
        let Self { queues, told, behind } = self;
        let Some(told) = told.get(&topic) else { return };
        let Some(message) = message() else { return };
        for connection in told {
            let has_missed = || behind.get(connection).is_some_and(|of| of.contains(&topic));
            let left_out =
                topic.rule() == Rule::Conflate && (!queues.has_room(*connection) || has_missed());
            if left_out {
                behind.entry(*connection).or_default().insert(topic);
            } else {
                queues.push(*connection, message.clone());
            }
        }
    }

    /// Tells those that have caught up how things stand on the topics of which they missed something.
    pub(super) fn catch_up(&mut self, mut standing: impl FnMut(T) -> Option<Message>) {
        let Self { queues, behind, .. } = self;
        behind.retain(|connection, missed| {
            while queues.has_caught_up(*connection)
                && let Some(topic) = missed.pop_first()
            {
                if let Some(message) = standing(topic) {
                    queues.push(*connection, message);
                }
            }
            !missed.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::queues::{Ending, QUEUE};
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    enum Of {
        Books,
        Trades,
    }

    impl Topic for Of {
        fn rule(self) -> Rule {
            if self == Self::Books { Rule::Conflate } else { Rule::CutOff }
        }
    }

    fn number(number: usize) -> Message {
        Message::Text(number.to_string().into())
    }

    fn drain(inbox: &mut Inbox) -> Vec<usize> {
        let read = |message| match message {
            Message::Text(text) => text.as_str().parse().unwrap(),
            other => panic!("{other:?}"),
        };
        std::iter::from_fn(|| inbox.try_next()).map(read).collect()
    }

    #[tokio::test]
    async fn whom_there_is_no_room_for_is_cut_off_and_others_hear_on() {
        let mut fanout = Fanout::default();
        let (deaf, mut unread) = fanout.connect(Speaks::Streams);
        let (reader, mut read) = fanout.connect(Speaks::Streams);
        fanout.subscribe(deaf, Of::Trades, None);
        fanout.subscribe(reader, Of::Trades, None);
        let mut encoded = 0;
        for at in 0..=QUEUE {
            fanout.tell(Of::Trades, || {
                encoded += 1;
                Some(number(at))
            });
            assert_eq!(drain(&mut read), [at]);
        }
        assert_eq!(encoded, QUEUE + 1, "once, however many are told");
        assert_eq!((fanout.queues.len(), fanout.queues.take_cut_off()), (1, 1));
        assert_eq!(drain(&mut unread).len(), QUEUE);
        assert_eq!(unread.next().await.unwrap_err(), Ending::TooSlow);
        fanout.disconnect(deaf);
        fanout.disconnect(reader);
        fanout.tell(Of::Trades, || unreachable!("nobody is told"));
    }

    #[test]
    fn who_misses_steps_is_told_how_things_stand_once_it_has_caught_up() {
        let mut fanout = Fanout::default();
        let (slow, mut messages) = fanout.connect(Speaks::Native);
        fanout.subscribe(slow, Of::Books, Some(number(1_000_000)));
        fanout.subscribe(slow, Of::Trades, None);
        for at in 0..QUEUE {
            fanout.tell(Of::Books, || Some(number(at)));
        }
        let standing = |topic: Of| Some(number(if topic == Of::Books { 2_000_001 } else { 0 }));
        fanout.catch_up(standing);
        // The other half is for what must not be left out.
        fanout.tell(Of::Trades, || Some(number(7)));
        let heard = drain(&mut messages);
        assert_eq!((heard[0], heard.len()), (1_000_000, QUEUE / 2 + 1));
        assert_eq!(heard.last(), Some(&7));
        // What came meanwhile is in what it is told: nothing older follows.
        fanout.tell(Of::Books, || Some(number(8)));
        fanout.catch_up(standing);
        fanout.catch_up(standing);
        fanout.tell(Of::Books, || Some(number(9)));
        assert_eq!(drain(&mut messages), [2_000_001, 9]);
        for at in 0..QUEUE {
            fanout.tell(Of::Books, || Some(number(at)));
        }
        fanout.unsubscribe(slow, Of::Books);
        drain(&mut messages);
        fanout.catch_up(|_| unreachable!("it is not told any more"));
    }

    #[tokio::test]
    async fn of_a_key_that_was_taken_back_nothing_that_waits_is_told() {
        let mut fanout = Fanout::default();
        let (connection, mut inbox) = fanout.connect(Speaks::Native);
        fanout.subscribe(connection, Of::Trades, Some(number(1)));
        assert_eq!(inbox.check(), Ok(()));
        fanout.queues.end(connection, Ending::KeyRevoked);
        assert_eq!(inbox.check(), Err(Ending::KeyRevoked));
        fanout.tell(Of::Trades, || Some(number(2)));
        assert_eq!(drain(&mut inbox), [1]);
        assert_eq!(inbox.next().await.unwrap_err(), Ending::KeyRevoked);
    }
}
