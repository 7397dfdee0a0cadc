//! Who is told about which account.

use std::collections::HashMap;
use std::sync::Arc;

use tiercel_types::{AccountId, Event, EventHeader};

use crate::accounts::Key;
use crate::binance::listen_keys::ListenKeys;
use crate::binance::stream::wrapped;
use crate::binance::user_data::{
    Told, UserData, event_stream_terminated, listen_key_expired, subscribed,
};
use crate::models::Models;

use super::queues::{ConnectionId, Message, Queues};

/// How a connection is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Under the number of a subscription.
    Subscription(u32),
    /// Under a listen key, as any stream.
    ListenKey(Arc<str>),
}

/// Who is told of an account.
struct Subscriber {
    connection: ConnectionId,
    form: Form,
    /// Told as long as it is good; `None`: as long as the listen key is.
    key: Option<Arc<Key>>,
}

/// All subscriptions to accounts, and what they have yet to be told.
#[derive(Default)]
pub(super) struct UserStreams {
    pub(super) listen_keys: ListenKeys,
    told: HashMap<AccountId, Vec<Subscriber>>,
    data: UserData,
    /// Messages of the present event; empty between two.
    messages: Vec<Told>,
}

impl UserStreams {
    /// Tells a connection of the account of `key`, from now on and as long as the key is good, under
    /// the number of a subscription.
    pub(super) fn subscribe(&mut self, key: &Arc<Key>, connection: ConnectionId, id: u32) {
        let (form, key) = (Form::Subscription(id), Arc::clone(key));
        self.add(key.account, Subscriber { connection, form, key: Some(key) });
    }

    /// Tells a connection of an account from now on, under a listen key.
    pub(super) fn listen(&mut self, account: AccountId, connection: ConnectionId, key: &Arc<str>) {
        let form = Form::ListenKey(Arc::clone(key));
        self.add(account, Subscriber { connection, form, key: None });
    }

    /// Again does nothing.
    fn add(&mut self, account: AccountId, new: Subscriber) {
        if self.told.is_empty() {
            // What was left amid a command when the last one went.
            self.data = UserData::default();
        }
        let told = self.told.entry(account).or_default();
        if !told.iter().any(|one| one.connection == new.connection && one.form == new.form) {
            told.push(new);
        }
    }

    /// No longer tells it.
    pub(super) fn unsubscribe(
        &mut self,
        account: AccountId,
        connection: ConnectionId,
        form: &Form,
    ) {
        if let Some(told) = self.told.get_mut(&account) {
            told.retain(|one| one.connection != connection || one.form != *form);
            if told.is_empty() {
                self.told.remove(&account);
            }
        }
    }

    /// Keeps the subscribers for which `keep` says so.
    fn retain(&mut self, mut keep: impl FnMut(&Subscriber) -> bool) {
        self.told.retain(|_, told| {
            told.retain(&mut keep);
            !told.is_empty()
        });
    }

    /// A connection that is gone.
    pub(super) fn disconnect(&mut self, connection: ConnectionId) {
        self.retain(|one| one.connection != connection);
    }

    /// An event is about to be folded.
    pub(super) fn before(&mut self, models: &Models, header: &EventHeader, event: &Event) {
        if !self.told.is_empty() {
            self.data.before(models, header, event);
        }
    }

    /// An event was folded.
    pub(super) fn after(
        &mut self,
        models: &Models,
        header: &EventHeader,
        event: &Event,
        queues: &mut Queues,
    ) {
        if self.told.is_empty() {
            return;
        }
        let Self { told, data, messages, .. } = self;
        data.after(models, header, event, |account| told.contains_key(&account), messages);
        for (account, message) in messages.drain(..) {
            for one in told.get(&account).into_iter().flatten() {
                queues.push(one.connection, one.form.message(&message));
            }
        }
    }

    /// Ends the listen keys whose hour is over, and tells their streams.
    pub(super) fn expire(&mut self, now_ms: u64, queues: &mut Queues) {
        for key in self.listen_keys.expire(now_ms) {
            self.end_key(&key, now_ms, queues);
        }
    }

    /// Ends what keys were good for that are taken back, and tells whom it was told to.
    pub(super) fn end_revoked(&mut self, now_ms: u64, queues: &mut Queues) {
        for key in self.listen_keys.end_revoked() {
            self.end_key(&key, now_ms, queues);
        }
        let over = |one: &Subscriber| one.key.as_ref().is_some_and(|key| key.is_revoked());
        self.end_where(over, &event_stream_terminated(now_ms), queues);
    }

    /// Tells the streams of a listen key that it is over.
    pub(super) fn end_key(&mut self, key: &str, now_ms: u64, queues: &mut Queues) {
        let over =
            |one: &Subscriber| matches!(&one.form, Form::ListenKey(known) if **known == *key);
        self.end_where(over, &listen_key_expired(key, now_ms), queues);
    }

    /// Ends these subscriptions: each hears that last.
    fn end_where(&mut self, over: impl Fn(&Subscriber) -> bool, last: &str, queues: &mut Queues) {
        self.retain(|one| {
            let over = over(one);
            if over {
                queues.push(one.connection, one.form.message(last));
            }
            !over
        });
    }
}

impl Form {
    /// An event, as a connection of this form is told.
    pub(super) fn message(&self, event: &str) -> Message {
        match self {
            Self::Subscription(id) => Message::Text(subscribed(*id, event).into()),
            Self::ListenKey(key) => {
                Message::Stream { raw: event.into(), wrapped: wrapped(key, event).into() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binance::listen_keys::VALIDITY_MS;
    use crate::binance::signature::Verifier;
    use crate::serve::queues::Speaks;

    #[test]
    fn a_listen_key_whose_hour_is_over_is_told_and_its_stream_hears_nothing_more() {
        let holder = Arc::new(Key::new(AccountId(1), Verifier::Hmac(Vec::new()), true, true));
        let (mut users, mut queues) = (UserStreams::default(), Queues::default());
        let (connection, mut messages) = queues.connect(Speaks::Streams);
        let key: Arc<str> = users.listen_keys.open(&holder, "key".to_owned(), 0).into();
        users.listen(AccountId(1), connection, &key);
        users.expire(VALIDITY_MS - 1, &mut queues);
        assert!(messages.try_next().is_none(), "its hour is not over");
        users.expire(VALIDITY_MS, &mut queues);
        let Some(Message::Stream { raw, .. }) = messages.try_next() else { panic!("nothing told") };
        assert_eq!(raw.as_str(), listen_key_expired("key", VALIDITY_MS));
        assert!(users.told.is_empty() && messages.try_next().is_none());
    }
}
