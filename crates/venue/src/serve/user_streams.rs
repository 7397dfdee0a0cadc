//! Who is told about which account.

use std::collections::HashMap;
use std::sync::Arc;

use tiercel_types::{AccountId, Event, EventHeader};

use crate::binance::listen_keys::ListenKeys;
use crate::binance::stream::wrapped;
use crate::binance::user_data::{Told, UserData, listen_key_expired, subscribed};
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

/// All subscriptions to accounts, and what they have yet to be told.
#[derive(Default)]
pub(super) struct UserStreams {
    pub(super) listen_keys: ListenKeys,
    told: HashMap<AccountId, Vec<(ConnectionId, Form)>>,
    data: UserData,
    /// Messages of the present event; empty between two.
    messages: Vec<Told>,
}

impl UserStreams {
    /// Tells a connection of an account from now on; again does nothing.
    pub(super) fn subscribe(&mut self, account: AccountId, connection: ConnectionId, form: Form) {
        if self.told.is_empty() {
            // What was left amid a command when the last one went.
            self.data = UserData::default();
        }
        let told = self.told.entry(account).or_default();
        if !told.iter().any(|(one, known)| *one == connection && *known == form) {
            told.push((connection, form));
        }
    }

    /// No longer tells it.
    pub(super) fn unsubscribe(
        &mut self,
        account: AccountId,
        connection: ConnectionId,
        form: &Form,
    ) {
        self.retain(account, |one, known| one != connection || known != form);
    }

    fn retain(&mut self, account: AccountId, keep: impl Fn(ConnectionId, &Form) -> bool) {
        if let Some(told) = self.told.get_mut(&account) {
            told.retain(|(one, form)| keep(*one, form));
            if told.is_empty() {
                self.told.remove(&account);
            }
        }
    }

    /// A connection that is gone.
    pub(super) fn disconnect(&mut self, connection: ConnectionId) {
        self.told.retain(|_, told| {
            told.retain(|(one, _)| *one != connection);
            !told.is_empty()
        });
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
            for (connection, form) in told.get(&account).into_iter().flatten() {
                queues.push(*connection, form.message(&message));
            }
        }
    }

    /// Ends the listen keys whose hour is over, and tells their streams.
    pub(super) fn expire(&mut self, now_ms: u64, queues: &mut Queues) {
        for (account, key) in self.listen_keys.expire(now_ms) {
            self.end_key(account, &key, now_ms, queues);
        }
    }

    /// Tells the streams of a listen key that it is over.
    pub(super) fn end_key(
        &mut self,
        account: AccountId,
        key: &str,
        now_ms: u64,
        queues: &mut Queues,
    ) {
        let is_its = |form: &Form| matches!(form, Form::ListenKey(one) if **one == *key);
        for (connection, form) in self.told.get(&account).into_iter().flatten() {
            if is_its(form) {
                queues.push(*connection, form.message(&listen_key_expired(key, now_ms)));
            }
        }
        self.retain(account, |_, form| !is_its(form));
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
