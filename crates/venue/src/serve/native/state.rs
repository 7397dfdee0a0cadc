//! What the native interface keeps beside the gateway: signals, streams, and what makes retries
//! harmless.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tiercel_types::{AccountId, Event, EventHeader, InstrumentId};

use crate::accounts::Key;
use crate::models::{DepthChanges, LevelChange, Models, TradeView};
use crate::native::auth::Replays;
use crate::native::scalar::ChannelWord;
use crate::native::stream::{self, Channel};
use crate::native::{Name, Signals};
use crate::serve::fanout::{Fanout, Topic};
use crate::serve::queues::{ConnectionId, Ending, Message, Rule};

/// A name of an account.
type OwnName = (AccountId, Name);

/// See the [module's page](self).
pub(crate) struct State {
    pub(super) signals: Signals,
    pub(super) replays: Replays,
    pub(crate) fanout: Fanout<Channel>,
    /// Whose connections are, of those that have said so.
    signed: HashMap<ConnectionId, Arc<Key>>,
    /// Names of what is on its way to the engine, by their submissions: bounded by the command ring
    /// and the outbox.
    submitted: HashMap<u64, OwnName>,
    names: HashSet<OwnName>,
    /// What the present command has changed of books that somebody is told of.
    changes: HashMap<InstrumentId, DepthChanges>,
    /// Instruments whose books it has changed.
    touched: Vec<InstrumentId>,
    /// Instruments that have traded in it, and those of whose auction it has told something.
    traded: Vec<InstrumentId>,
    auctions: Vec<InstrumentId>,
}

impl Topic for Channel {
    fn rule(self) -> Rule {
        if self.is_state() { Rule::Conflate } else { Rule::CutOff }
    }
}

impl State {
    /// Beside these models.
    pub(crate) fn new(models: &Models) -> Self {
        Self {
            signals: Signals::new(models),
            replays: Replays::default(),
            fanout: Fanout::default(),
            signed: HashMap::new(),
            submitted: HashMap::new(),
            names: HashSet::new(),
            changes: HashMap::new(),
            touched: Vec::new(),
            traded: Vec::new(),
            auctions: Vec::new(),
        }
    }

    /// Whether something of that name is on its way to the engine.
    pub(super) fn is_on_its_way(&self, name: OwnName) -> bool {
        self.names.contains(&name)
    }

    /// Something of that name is.
    pub(super) fn begin(&mut self, token: u64, name: OwnName) {
        self.submitted.insert(token, name);
        self.names.insert(name);
    }

    /// A submission is answered.
    pub(crate) fn settle(&mut self, token: u64) {
        if let Some(name) = self.submitted.remove(&token) {
            self.names.remove(&name);
        }
    }

    /// A connection that is gone.
    pub(crate) fn disconnect(&mut self, connection: ConnectionId) {
        self.fanout.disconnect(connection);
        self.signed.remove(&connection);
    }

    /// The key that a connection was signed with.
    pub(super) fn key_of(&self, connection: ConnectionId) -> Option<&Arc<Key>> {
        self.signed.get(&connection)
    }

    /// A connection belongs to the owner of `key`, as long as the key is good.
    pub(super) fn sign(&mut self, connection: ConnectionId, key: Arc<Key>) {
        if key.is_revoked() {
            self.fanout.queues.end(connection, Ending::KeyRevoked);
        }
        self.signed.insert(connection, key);
    }

    /// Ends the connections whose keys are taken back.
    pub(crate) fn end_revoked(&mut self) {
        for (connection, _) in self.signed.iter().filter(|(_, key)| key.is_revoked()) {
            self.fanout.queues.end(*connection, Ending::KeyRevoked);
        }
    }

    /// A level has changed.
    pub(crate) fn changed(&mut self, instrument: InstrumentId, change: &LevelChange) {
        note(&mut self.touched, instrument);
        if self.fanout.is_told(Channel::Depth(instrument)) {
            self.changes.entry(instrument).or_default().add(change);
        }
    }

    /// An event was folded into `models`.
    pub(crate) fn tell(&mut self, models: &Models, header: &EventHeader, event: &Event) {
        let instrument = header.instrument;
        match event {
            Event::Trade(trade) => {
                self.signals.traded(instrument, trade);
                note(&mut self.traded, instrument);
                self.fanout.tell(Channel::Trades(instrument), || {
                    let spec = models.instruments().get(instrument)?;
                    Some(message(stream::trade(spec, header, &TradeView::of(header, trade))))
                });
            }
            Event::InstrumentStateChanged(_)
            | Event::AuctionIndication(_)
            | Event::AuctionEnded(_) => note(&mut self.auctions, instrument),
            _ => {}
        }
        self.tell_own(models, header, event);
        if header.is_last() {
            self.tell_markets(models);
        }
    }

    fn tell_own(&mut self, models: &Models, header: &EventHeader, event: &Event) {
        let waits = matches!(event, Event::OrderWaiting(_) | Event::OrderTriggered(_));
        for (account, order_id) in stream::concerned(header, event).into_iter().flatten() {
            let whose = (account, order_id);
            let own = |word| stream::own_order(models, word, whose, header, event).map(message);
            self.fanout.tell(Channel::Orders(account), || own(ChannelWord::Orders));
            if waits {
                self.fanout.tell(Channel::Triggers(account), || own(ChannelWord::Triggers));
            }
        }
        if matches!(event, Event::ListAccepted(_) | Event::ListEnded(_)) {
            self.fanout.tell(Channel::Orders(header.account), || {
                stream::own_list(models, header, event).map(message)
            });
        }
    }

    /// At the end of a command: what it has changed of markets.
    fn tell_markets(&mut self, models: &Models) {
        let Self { signals, fanout, changes, touched, traded, auctions, .. } = self;
        for instrument in touched.drain(..) {
            if let Some(changes) = changes.get_mut(&instrument) {
                fanout.tell(Channel::Depth(instrument), || {
                    let spec = models.instruments().get(instrument)?;
                    Some(message(stream::diff(models, spec, changes)))
                });
                changes.clear();
            }
            if !traded.contains(&instrument) {
                tell_signals(fanout, models, signals, instrument);
            }
        }
        for instrument in traded.drain(..) {
            tell_signals(fanout, models, signals, instrument);
            for channel in candle_channels(instrument) {
                fanout.tell(channel, || standing(models, signals, channel, false));
            }
        }
        for instrument in auctions.drain(..) {
            let channel = Channel::Auctions(instrument);
            fanout.tell(channel, || standing(models, signals, channel, false));
        }
    }

    /// Tells a connection of a channel: how it stands, and all that follows.
    pub(super) fn subscribe(
        &mut self,
        models: &Models,
        connection: ConnectionId,
        channel: Channel,
    ) {
        let first = standing(models, &self.signals, channel, false);
        self.fanout.subscribe(connection, channel, first);
    }

    /// From time to time: tells those that have caught up how things stand.
    pub(crate) fn beat(&mut self, models: &Models) {
        let Self { fanout, signals, .. } = self;
        fanout.catch_up(|channel| standing(models, signals, channel, true));
    }
}

fn standing(
    models: &Models,
    signals: &Signals,
    channel: Channel,
    conflated: bool,
) -> Option<Message> {
    stream::standing(models, signals, channel, conflated).map(message)
}

fn message(text: String) -> Message {
    Message::Text(text.into())
}

fn tell_signals(
    fanout: &mut Fanout<Channel>,
    models: &Models,
    signals: &Signals,
    instrument: InstrumentId,
) {
    let channel = Channel::Signals(instrument);
    fanout.tell(channel, || standing(models, signals, channel, false));
}

fn candle_channels(instrument: InstrumentId) -> impl Iterator<Item = Channel> {
    use crate::native::scalar::CandleInterval;
    CandleInterval::ALL.iter().map(move |interval| Channel::Candles(instrument, *interval))
}

fn note(instruments: &mut Vec<InstrumentId>, instrument: InstrumentId) {
    if !instruments.contains(&instrument) {
        instruments.push(instrument);
    }
}
