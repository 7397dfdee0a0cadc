//! What sessions are told of markets: `MarketDataRequest` (V) and `SecurityStatusRequest` (e).
//!
//! | asked | told |
//! |---|---|
//! | `SubscriptionRequestType` 0 | W, a snapshot of each symbol |
//! | 1, `MarketDepth` 0 | W, then X at the end of each command that changed a level or traded |
//! | 1, `MarketDepth` above 0 | W, then W again whenever so many levels changed; X for trades |
//! | 2 | nothing more |
//!
//! A subscription ends with its connection. What is told is never sent again: a client that comes back
//! asks anew.

use std::collections::{BTreeMap, BTreeSet};

use tiercel_types::{
    Event, EventHeader, InstrumentId, InstrumentState, Price, Qty, Side, Symbol, Timestamp,
};
use tiercel_wire::fix::session::BusinessReject;
use tiercel_wire::fix::tag::{self, Tag};
use tiercel_wire::fix::value::TimeWriter;
use tiercel_wire::fix::{Encoder, Message, value};

use super::Outgoing;
use super::order;
use crate::models::{Book, LevelChange, Models};

/// Subscriptions of a session.
const SUBSCRIPTIONS_MAX: usize = 64;
/// Symbols of a request.
const SYMBOLS_MAX: usize = 64;
/// Levels of a side that a snapshot has at most.
const LEVELS_MAX: usize = 5_000;

/// `MDEntryType` (269).
const BID: u8 = b'0';
const OFFER: u8 = b'1';
const TRADE: u8 = b'2';

/// Why a request for market data is refused: `MDReqRejReason` (281), and words.
type Refusal = (u8, &'static str);

/// What is told of one symbol.
#[derive(Debug)]
struct Subscription {
    id: Box<[u8]>,
    instrument: InstrumentId,
    symbol: Symbol,
    /// Levels of each side; zero: all.
    depth: usize,
    has_bids: bool,
    has_offers: bool,
    has_trades: bool,
    /// All levels: those that the client knows of.
    shown: BTreeSet<(Side, Price)>,
    /// The first levels: as they were told.
    told: Vec<Entry>,
    /// Trades of the present command.
    trades: Vec<Entry>,
}

/// An entry of W or X.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// `MDUpdateAction` (279) in X: 0 new, 1 change, 2 delete.
    action: u8,
    kind: u8,
    price: Price,
    qty: Qty,
    /// Of a trade: when, and its id.
    trade: Option<(Timestamp, u64)>,
}

/// What a session is told of markets.
#[derive(Debug, Default)]
pub struct Feed {
    subscriptions: Vec<Subscription>,
    /// Status of instruments, by the request's id.
    statuses: Vec<(Box<[u8]>, InstrumentId)>,
    /// Levels that the present command has changed.
    changes: BTreeMap<(InstrumentId, Side, Price), Qty>,
}

impl Feed {
    /// It is told of nothing more.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// `MarketDataRequest`: snapshots, or a refusal.
    pub(super) fn request(&mut self, models: &Models, message: &Message<'_>) -> Vec<Outgoing> {
        let id = message.get(tag::MD_REQ_ID).unwrap_or_default();
        self.read(models, message, id).unwrap_or_else(|(reason, text)| {
            let id: Box<[u8]> = id.into();
            vec![Outgoing::of_the_moment(b"Y", move |encoder| {
                encoder.text(tag::TEXT, text.as_bytes());
                encoder.text(tag::MD_REQ_ID, &id);
                encoder.character(tag::MD_REQ_REJ_REASON, reason);
            })]
        })
    }

    fn read(
        &mut self,
        models: &Models,
        message: &Message<'_>,
        id: &[u8],
    ) -> Result<Vec<Outgoing>, Refusal> {
        let known = |subscription: &Subscription| *subscription.id == *id;
        let subscribes = match message.get(tag::SUBSCRIPTION_REQUEST_TYPE) {
            Some(b"0") => false,
            Some(b"1") => true,
            _ => {
                self.subscriptions.retain(|subscription| !known(subscription));
                return Ok(Vec::new());
            }
        };
        if self.subscriptions.iter().any(known) {
            return Err((b'1', "MDReqID (262) is that of another subscription"));
        }
        let asked = subscriptions(models, message, id)?;
        if subscribes && self.subscriptions.len() + asked.len() > SUBSCRIPTIONS_MAX {
            return Err((b'D', "the session is told of as much as it may be"));
        }
        let mut told = Vec::new();
        for mut subscription in asked {
            if let Some(book) = models.book(subscription.instrument) {
                subscription.see(book);
            }
            told.push(subscription.snapshot());
            if subscribes {
                self.subscriptions.push(subscription);
            }
        }
        Ok(told)
    }

    /// `SecurityStatusRequest`: the status, now and perhaps whenever it changes.
    ///
    /// # Errors
    /// No such symbol.
    pub(super) fn status_request(
        &mut self,
        models: &Models,
        message: &Message<'_>,
    ) -> Result<Vec<Outgoing>, BusinessReject> {
        let id = message.get(tag::SECURITY_STATUS_REQ_ID).unwrap_or_default();
        let spec = order::instrument(models, message)
            .map_err(|refused| BusinessReject { reason: 2, text: refused.text.into_owned() })?;
        let instrument = spec.instrument;
        let is_it = |entry: &(Box<[u8]>, InstrumentId)| *entry.0 == *id;
        match message.get(tag::SUBSCRIPTION_REQUEST_TYPE) {
            Some(b"1") if self.statuses.len() < SUBSCRIPTIONS_MAX => {
                self.statuses.retain(|entry| !is_it(entry));
                self.statuses.push((id.into(), instrument));
            }
            Some(b"1") => {
                let text = "the session is told of as much as it may be".to_owned();
                return Err(BusinessReject { reason: 0, text });
            }
            Some(b"2") => {
                self.statuses.retain(|entry| !is_it(entry));
                return Ok(Vec::new());
            }
            _ => {}
        }
        let state = spec.state;
        let now = models.checkpoint().time;
        Ok(vec![status(id.into(), spec.symbol, (state, now), false)])
    }

    /// A level has changed.
    pub fn changed(&mut self, instrument: InstrumentId, change: &LevelChange) {
        if self.subscriptions.iter().any(|known| known.instrument == instrument) {
            self.changes.insert((instrument, change.side, change.price), change.qty);
        }
    }

    /// An event was folded into `models`: what is told of it.
    pub fn tell(&mut self, models: &Models, header: &EventHeader, event: &Event) -> Vec<Outgoing> {
        let mut told = Vec::new();
        if let Event::InstrumentStateChanged(changed) = event
            && let Some(spec) = models.instruments().get(header.instrument)
        {
            let of_it = self.statuses.iter().filter(|(_, known)| *known == header.instrument);
            let state = (changed.new, Timestamp(header.time_ns));
            told.extend(of_it.map(|(id, _)| status(id.clone(), spec.symbol, state, true)));
        }
        if self.subscriptions.is_empty() {
            return told;
        }
        if let Event::Trade(trade) = event {
            let entry = Entry {
                action: b'0',
                kind: TRADE,
                price: trade.price,
                qty: trade.qty,
                trade: Some((Timestamp(header.time_ns), trade.trade_id.0)),
            };
            for known in &mut self.subscriptions {
                if known.instrument == header.instrument && known.has_trades {
                    known.trades.push(entry);
                }
            }
        }
        if header.is_last() {
            let changes = std::mem::take(&mut self.changes);
            for subscription in &mut self.subscriptions {
                subscription.tell(models, &changes, &mut told);
            }
        }
        told
    }
}

/// What a request asks for, by symbol.
fn subscriptions(
    models: &Models,
    message: &Message<'_>,
    id: &[u8],
) -> Result<Vec<Subscription>, Refusal> {
    let depth = message.get(tag::MARKET_DEPTH).and_then(value::unsigned);
    let depth = depth.and_then(|depth| usize::try_from(depth).ok());
    let depth = depth.filter(|depth| *depth <= LEVELS_MAX).ok_or((b'5', "MarketDepth (264)"))?;
    let full_refresh = message.get(tag::MD_UPDATE_TYPE) == Some(b"0");
    if depth == 0 && full_refresh && message.get(tag::SUBSCRIPTION_REQUEST_TYPE) == Some(b"1") {
        return Err((b'6', "the full book is told by MDUpdateType (265) 1"));
    }
    if depth > 0 && message.get(tag::MD_UPDATE_TYPE) == Some(b"1") {
        return Err((b'6', "so many levels are told by MDUpdateType (265) 0"));
    }
    let mut kinds = [false; 3];
    for entry in message.group(tag::NO_MD_ENTRY_TYPES, |tag| tag == tag::MD_ENTRY_TYPE) {
        match entry.get(tag::MD_ENTRY_TYPE) {
            Some([kind @ BID..=TRADE]) => kinds[usize::from(kind - BID)] = true,
            _ => return Err((b'8', "MDEntryType (269) is 0, 1 or 2")),
        }
    }
    let [has_bids, has_offers, has_trades] = kinds;
    let of_symbol = |tag: Tag| tag != tag::NO_MD_ENTRY_TYPES;
    let mut asked = Vec::new();
    for entry in message.group(tag::NO_RELATED_SYM, of_symbol) {
        let spec = order::instrument(models, &entry);
        let spec = spec.map_err(|_unknown| (b'0', "no instrument has this Symbol (55)"))?;
        if asked.len() == SYMBOLS_MAX {
            return Err((b'D', "too many symbols"));
        }
        asked.push(Subscription {
            id: id.into(),
            instrument: spec.instrument,
            symbol: spec.symbol,
            depth,
            has_bids,
            has_offers,
            has_trades,
            shown: BTreeSet::new(),
            told: Vec::new(),
            trades: Vec::new(),
        });
    }
    Ok(asked)
}

impl Subscription {
    const fn has(&self, side: Side) -> bool {
        match side {
            Side::Buy => self.has_bids,
            Side::Sell => self.has_offers,
        }
    }

    /// Notes the book as it stands.
    fn see(&mut self, book: &Book) {
        let most = if self.depth == 0 { LEVELS_MAX } else { self.depth };
        let level =
            |kind| move |(price, qty)| Entry { action: b'0', kind, price, qty, trade: None };
        let bids = book.bids().take(most).filter(|_| self.has_bids).map(level(BID));
        let offers = book.asks().take(most).filter(|_| self.has_offers).map(level(OFFER));
        self.told = bids.chain(offers).collect();
        if self.depth == 0 {
            let side = |entry: &Entry| if entry.kind == BID { Side::Buy } else { Side::Sell };
            self.shown = self.told.iter().map(|entry| (side(entry), entry.price)).collect();
        }
    }

    /// W: the book as it was seen last.
    fn snapshot(&self) -> Outgoing {
        let (id, symbol, entries) = (self.id.clone(), self.symbol, self.told.clone());
        Outgoing::of_the_moment(b"W", move |encoder| {
            encoder.text(tag::SYMBOL, symbol.as_bytes());
            encoder.text(tag::MD_REQ_ID, &id);
            encoder.unsigned(tag::NO_MD_ENTRIES, entries.len() as u64);
            for entry in &entries {
                encoder.character(tag::MD_ENTRY_TYPE, entry.kind);
                entry.write(encoder);
            }
        })
    }

    /// The end of a command: what it has changed.
    fn tell(
        &mut self,
        models: &Models,
        changes: &BTreeMap<(InstrumentId, Side, Price), Qty>,
        told: &mut Vec<Outgoing>,
    ) {
        let mut entries = std::mem::take(&mut self.trades);
        let mine: Vec<_> = changes
            .iter()
            .filter(|((instrument, side, _), _)| *instrument == self.instrument && self.has(*side))
            .map(|((_, side, price), qty)| (*side, *price, *qty))
            .collect();
        if self.depth == 0 {
            entries.extend(mine.into_iter().filter_map(|change| self.change(change)));
        } else if !mine.is_empty()
            && let Some(book) = models.book(self.instrument)
        {
            let before = std::mem::take(&mut self.told);
            self.see(book);
            if self.told != before {
                told.push(self.snapshot());
            }
        }
        if !entries.is_empty() {
            told.push(self.increment(entries));
        }
    }

    fn change(&mut self, (side, price, qty): (Side, Price, Qty)) -> Option<Entry> {
        let known = self.shown.contains(&(side, price));
        let action = match (known, qty.is_zero()) {
            (false, true) => return None,
            (false, false) => b'0',
            (true, false) => b'1',
            (true, true) => b'2',
        };
        if qty.is_zero() {
            self.shown.remove(&(side, price));
        } else {
            self.shown.insert((side, price));
        }
        let kind = if side == Side::Buy { BID } else { OFFER };
        Some(Entry { action, kind, price, qty, trade: None })
    }

    /// X.
    fn increment(&self, entries: Vec<Entry>) -> Outgoing {
        let (id, symbol) = (self.id.clone(), self.symbol);
        Outgoing::of_the_moment(b"X", move |encoder| {
            encoder.text(tag::MD_REQ_ID, &id);
            encoder.unsigned(tag::NO_MD_ENTRIES, entries.len() as u64);
            for entry in &entries {
                encoder.character(tag::MD_UPDATE_ACTION, entry.action);
                encoder.character(tag::MD_ENTRY_TYPE, entry.kind);
                if let Some((_, trade_id)) = entry.trade {
                    encoder.unsigned(tag::MD_ENTRY_ID, trade_id);
                }
                encoder.text(tag::SYMBOL, symbol.as_bytes());
                entry.write(encoder);
            }
        })
    }
}

impl Entry {
    fn write(&self, encoder: &mut Encoder) {
        encoder.price(tag::MD_ENTRY_PX, self.price);
        if self.action != b'2' {
            encoder.qty(tag::MD_ENTRY_SIZE, self.qty);
        }
        if let Some((time, _)) = self.trade {
            let mut writer = TimeWriter::default();
            let text = writer.write(time);
            encoder.text(tag::MD_ENTRY_DATE, &text[..8]);
            encoder.text(tag::MD_ENTRY_TIME, &text[9..]);
        }
    }
}

/// `SecurityStatus` (f).
fn status(
    id: Box<[u8]>,
    symbol: Symbol,
    (state, time): (InstrumentState, Timestamp),
    unsolicited: bool,
) -> Outgoing {
    // `SecurityTradingStatus`: halted, ready to trade, not available, pre-open.
    let code = match state {
        InstrumentState::Halted | InstrumentState::Paused => 2,
        InstrumentState::Open => 17,
        InstrumentState::Closed => 18,
        InstrumentState::PreOpen | InstrumentState::Call => 21,
    };
    Outgoing::of_the_moment(b"f", move |encoder| {
        encoder.text(tag::SYMBOL, symbol.as_bytes());
        super::report::write_time(encoder, tag::TRANSACT_TIME, time);
        encoder.text(tag::SECURITY_STATUS_REQ_ID, &id);
        encoder.boolean(tag::UNSOLICITED_INDICATOR, unsolicited);
        encoder.unsigned(tag::SECURITY_TRADING_STATUS, code);
    })
}
