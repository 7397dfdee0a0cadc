//! `/api/v1/stream`: what clients ask of a connection, and the messages.
//!
//! A channel either tells everything that happens (trades, auctions, own orders and triggers), or how
//! something stands (depth, signals, candles). Whoever is too slow for the former is cut off; of the
//! latter it misses steps, and is told how things stand once it has caught up.

use serde::{Deserialize, Serialize};
use tiercel_types::{
    AccountId, Event, EventHeader, InstrumentId, InstrumentSpec, OrderId, Timestamp,
};

use super::auth::Credentials;
use super::call::write;
use super::json::read_body;
use super::market::{
    AuctionAnswer, CandleAnswer, Imbalance, Level, MicroPrice, OrderBook, PublicTrade, VpinAnswer,
    levels,
};
use super::problem::{Code, Problem};
use super::scalar::{
    CandleInterval, ChannelText, ChannelWord, IntervalText, OpText, RealText, SymbolText, TimeText,
};
use super::signals::Signals;
use super::view::{Fill, List, Order};
use crate::models::{Book, DepthChanges, Models, TradeView};

/// The most channels of a connection, unless the configuration says another number.
pub const CHANNELS_MAX: usize = 1_024;
/// What an `authenticate` request signs, beside its timestamp and window.
pub const TARGET: &str = "/api/v1/stream";
/// How many levels of each side a snapshot has.
const SNAPSHOT_LEVELS: usize = 5_000;

/// What is told, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// Each trade of an instrument.
    Trades(InstrumentId),
    /// An instrument's book: a snapshot, then what each command has changed.
    Depth(InstrumentId),
    /// An instrument's signals, whenever one of them changes.
    Signals(InstrumentId),
    /// An instrument's phases, indications and auctions.
    Auctions(InstrumentId),
    /// An instrument's present candle, whenever it trades.
    Candles(InstrumentId, CandleInterval),
    /// Everything that happens to an account's orders.
    Orders(AccountId),
    /// When an account's orders begin to wait, and are triggered.
    Triggers(AccountId),
}

impl Channel {
    /// Whether it tells how something stands: then steps may be left out.
    pub const fn is_state(self) -> bool {
        matches!(self, Self::Depth(_) | Self::Signals(_) | Self::Candles(..))
    }

    const fn word(self) -> ChannelWord {
        match self {
            Self::Trades(_) => ChannelWord::Trades,
            Self::Depth(_) => ChannelWord::Depth,
            Self::Signals(_) => ChannelWord::Signals,
            Self::Auctions(_) => ChannelWord::Auctions,
            Self::Candles(..) => ChannelWord::Candles,
            Self::Orders(_) => ChannelWord::Orders,
            Self::Triggers(_) => ChannelWord::Triggers,
        }
    }

    /// As requests name it.
    pub fn name(self, models: &Models) -> ChannelName {
        let (instrument, interval) = match self {
            Self::Trades(of) | Self::Depth(of) | Self::Signals(of) | Self::Auctions(of) => {
                (Some(of), None)
            }
            Self::Candles(of, interval) => (Some(of), Some(IntervalText(interval))),
            Self::Orders(_) | Self::Triggers(_) => (None, None),
        };
        let spec = instrument.and_then(|instrument| models.instruments().get(instrument));
        ChannelName {
            channel: ChannelText(self.word()),
            symbol: spec.map(|spec| SymbolText(spec.symbol)),
            interval,
        }
    }
}

/// A channel as requests name it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelName {
    /// Which.
    pub channel: ChannelText,
    /// Of which instrument; not of own orders and triggers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<SymbolText>,
    /// Candles: how long they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<IntervalText>,
}

impl ChannelName {
    /// The channel, for whoever is `account`.
    ///
    /// # Errors
    /// A [`Problem`] with the field at fault, which stands at `place`.
    pub fn resolve(
        &self,
        models: &Models,
        account: Option<AccountId>,
        place: &str,
    ) -> Result<Channel, Problem> {
        let at = |problem: Problem, field: &str| problem.of_field(format!("{place}/{field}"));
        let spare = |given: bool, field: &str| {
            let problem = Problem::new(Code::InvalidField, "the channel does not have this field");
            if given { Err(at(problem, field)) } else { Ok(()) }
        };
        let word = self.channel.0;
        if word != ChannelWord::Candles {
            spare(self.interval.is_some(), "interval")?;
        }
        if matches!(word, ChannelWord::Orders | ChannelWord::Triggers) {
            spare(self.symbol.is_some(), "symbol")?;
            let account = account.ok_or_else(|| {
                let detail = "authenticate first: the channel is of the account's own orders";
                at(Problem::new(Code::SignatureRequired, detail), "channel")
            })?;
            let orders = word == ChannelWord::Orders;
            return Ok(if orders { Channel::Orders(account) } else { Channel::Triggers(account) });
        }
        let missing = |field| at(Problem::new(Code::MissingField, "the channel needs it"), field);
        let symbol = self.symbol.ok_or_else(|| missing("symbol"))?;
        let spec = models.instruments().by_symbol(&symbol.0);
        let spec = spec.ok_or_else(|| at(Problem::unknown_symbol(""), "symbol"))?;
        let of = spec.instrument;
        Ok(match word {
            ChannelWord::Trades => Channel::Trades(of),
            ChannelWord::Depth => Channel::Depth(of),
            ChannelWord::Signals => Channel::Signals(of),
            ChannelWord::Auctions => Channel::Auctions(of),
            _ => Channel::Candles(of, self.interval.ok_or_else(|| missing("interval"))?.0),
        })
    }
}

/// What a client asks of its connection.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamRequest {
    /// What.
    pub op: OpText,
    /// The client's own number for it, which the answer repeats.
    pub id: Option<u64>,
    /// Subscribe, unsubscribe: which channels.
    channels: Option<Vec<ChannelName>>,
    key: Option<String>,
    timestamp: Option<String>,
    window: Option<String>,
    signature: Option<String>,
}

impl StreamRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// A [`Problem`] with the field at fault.
    pub fn read(text: &str) -> Result<Self, Problem> {
        read_body(text.as_bytes())
    }

    /// The channels that it names.
    ///
    /// # Errors
    /// When it names none.
    pub fn channels(&self) -> Result<&[ChannelName], Problem> {
        let channels = self.channels.as_deref().filter(|channels| !channels.is_empty());
        channels.ok_or_else(|| {
            Problem::new(Code::MissingField, "at least one channel is expected")
                .of_field("/channels")
        })
    }

    /// What it shows who it is by.
    pub fn credentials(&self) -> Credentials<'_> {
        Credentials {
            key: self.key.as_deref(),
            timestamp: self.timestamp.as_deref(),
            window: self.window.as_deref(),
            signature: self.signature.as_deref(),
        }
    }
}

/// An answer to a request.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    op: Option<OpText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<Vec<ChannelName>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a Problem>,
}

/// The answer to a request that was done: all channels that the connection is told of now.
pub fn done(request: &StreamRequest, channels: Vec<ChannelName>) -> String {
    let (id, op) = (request.id, Some(request.op));
    text(&Answer { id, op, channels: Some(channels), problem: None })
}

/// The answer to a request that was refused: nothing of it was done.
pub fn refused(id: Option<u64>, problem: &Problem) -> String {
    text(&Answer { id, op: None, channels: None, problem: Some(problem) })
}

/// What is made of texts and numbers can always be written.
fn text(message: &impl Serialize) -> String {
    write(message).unwrap_or_default()
}

/// What a message begins with.
#[derive(Clone, Copy, Debug, Serialize)]
struct Head {
    channel: ChannelText,
    #[serde(skip_serializing_if = "Option::is_none")]
    symbol: Option<SymbolText>,
    sequence: u64,
    time_ns: TimeText,
}

impl Head {
    fn of_market(word: ChannelWord, spec: &InstrumentSpec, models: &Models) -> Self {
        let checkpoint = models.checkpoint();
        Self {
            channel: ChannelText(word),
            symbol: Some(SymbolText(spec.symbol)),
            sequence: checkpoint.sequence,
            time_ns: TimeText(checkpoint.time),
        }
    }

    fn of_event(word: ChannelWord, symbol: Option<SymbolText>, header: &EventHeader) -> Self {
        Self {
            channel: ChannelText(word),
            symbol,
            sequence: header.sequence,
            time_ns: TimeText(Timestamp(header.time_ns)),
        }
    }
}

/// A trade.
pub fn trade(spec: &InstrumentSpec, header: &EventHeader, trade: &TradeView) -> String {
    #[derive(Serialize)]
    struct Message {
        #[serde(flatten)]
        head: Head,
        trade: PublicTrade,
    }
    let head = Head::of_event(ChannelWord::Trades, Some(SymbolText(spec.symbol)), header);
    text(&Message { head, trade: PublicTrade::of(trade) })
}

/// A book, or what has changed of it.
#[derive(Serialize)]
struct DepthMessage {
    #[serde(flatten)]
    head: Head,
    /// `snapshot` or `diff`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Steps were left out, because the client was too slow.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    conflated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_update_id: Option<u64>,
    update_id: u64,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

/// A whole book.
pub fn snapshot(models: &Models, spec: &InstrumentSpec, book: &Book, conflated: bool) -> String {
    let OrderBook { update_id, bids, asks, .. } =
        OrderBook::of(models, spec, book, SNAPSHOT_LEVELS);
    let head = Head::of_market(ChannelWord::Depth, spec, models);
    let kind = "snapshot";
    text(&DepthMessage { head, kind, conflated, first_update_id: None, update_id, bids, asks })
}

/// What a command has changed of a book.
pub fn diff(models: &Models, spec: &InstrumentSpec, changes: &DepthChanges) -> String {
    text(&DepthMessage {
        head: Head::of_market(ChannelWord::Depth, spec, models),
        kind: "diff",
        conflated: false,
        first_update_id: Some(changes.first_update_id()),
        update_id: changes.last_update_id(),
        bids: levels(changes.bids()),
        asks: levels(changes.asks()),
    })
}

/// How the signals stand; what cannot be told now is left out.
pub fn signals(
    models: &Models,
    signals: &Signals,
    spec: &InstrumentSpec,
    conflated: bool,
) -> String {
    #[derive(Serialize)]
    struct Message {
        #[serde(flatten)]
        head: Head,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        conflated: bool,
        #[serde(flatten)]
        values: Values,
    }
    #[derive(Serialize)]
    struct Values {
        #[serde(skip_serializing_if = "Option::is_none")]
        microprice: Option<RealText>,
        #[serde(skip_serializing_if = "Option::is_none")]
        mid: Option<RealText>,
        #[serde(skip_serializing_if = "Option::is_none")]
        spread: Option<RealText>,
        #[serde(skip_serializing_if = "Option::is_none")]
        predicted_move: Option<RealText>,
        #[serde(skip_serializing_if = "Option::is_none")]
        imbalance: Option<RealText>,
        #[serde(skip_serializing_if = "Option::is_none")]
        vpin: Option<RealText>,
        #[serde(skip_serializing_if = "Option::is_none")]
        toxicity: Option<&'static str>,
    }
    let MicroPrice { microprice, mid, spread, predicted_move, .. } = MicroPrice::of(models, spec);
    let VpinAnswer { vpin, toxicity, .. } = VpinAnswer::of(models, signals, spec);
    let imbalance = Imbalance::of(models, spec, 1).imbalance;
    let values = Values { microprice, mid, spread, predicted_move, imbalance, vpin, toxicity };
    let head = Head::of_market(ChannelWord::Signals, spec, models);
    text(&Message { head, conflated, values })
}

/// How an instrument's auction stands after a command that has changed something of it.
pub fn auction(models: &Models, spec: &InstrumentSpec) -> String {
    #[derive(Serialize)]
    struct Message {
        #[serde(flatten)]
        head: Head,
        auction: AuctionAnswer,
    }
    let head = Head::of_market(ChannelWord::Auctions, spec, models);
    text(&Message { head, auction: AuctionAnswer::of(models, spec) })
}

/// The present candle, if there is one.
pub fn candle(
    models: &Models,
    spec: &InstrumentSpec,
    interval: CandleInterval,
    conflated: bool,
) -> Option<String> {
    #[derive(Serialize)]
    struct Message {
        #[serde(flatten)]
        head: Head,
        interval: IntervalText,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        conflated: bool,
        candle: CandleAnswer,
    }
    let head = Head::of_market(ChannelWord::Candles, spec, models);
    let start = interval.interval().start(models.checkpoint().time);
    let candles =
        models.candles().get(spec.instrument, interval.interval(), start, Timestamp(u64::MAX));
    let candle = CandleAnswer::of(candles.last()?);
    Some(text(&Message { head, interval: IntervalText(interval), conflated, candle }))
}

/// What happened to an order or a list of the account.
#[derive(Serialize)]
struct OwnMessage {
    #[serde(flatten)]
    head: Head,
    /// The event's place in its command.
    index: u32,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<Order>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fill: Option<Fill>,
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<List>,
}

/// Whom an event of orders is for, and which order it is about: at most two.
pub fn concerned(header: &EventHeader, event: &Event) -> [Option<(AccountId, OrderId)>; 2] {
    let own = |order_id| [Some((header.account, order_id)), None];
    match event {
        Event::OrderAccepted(event) => own(event.order_id),
        Event::OrderRested(event) => own(event.order_id),
        Event::OrderReplenished(event) => own(event.order_id),
        Event::OrderEnded(event) => own(event.order_id),
        Event::OrderAmended(event) => own(event.order_id),
        Event::OrderWaiting(event) => own(event.order_id),
        Event::OrderTriggered(event) => own(event.order_id),
        Event::Trade(event) => [
            Some((header.account, event.taker_order_id)),
            Some((event.maker_account, event.maker_order_id)),
        ],
        Event::SelfTradePrevented(event) => [
            Some((header.account, event.taker_order_id)),
            Some((event.maker_account, event.maker_order_id)),
        ],
        _ => [None, None],
    }
}

/// An event of one's own order, and the order as it stands after it. `None`: it is not kept.
pub fn own_order(
    models: &Models,
    word: ChannelWord,
    (account, order_id): (AccountId, OrderId),
    header: &EventHeader,
    event: &Event,
) -> Option<String> {
    let order = Order::of(models, models.orders().get(account, order_id)?);
    let fill = match event {
        Event::Trade(trade) => Fill::of_event(models, header, trade, order_id),
        _ => None,
    };
    let head = Head::of_event(word, Some(order.symbol), header);
    let (index, event) = (header.index, event.kind().as_str());
    Some(text(&OwnMessage { head, index, event, order: Some(order), fill, list: None }))
}

/// An event of one's own list.
pub fn own_list(models: &Models, header: &EventHeader, event: &Event) -> Option<String> {
    let list_id = match event {
        Event::ListAccepted(event) => event.list_id,
        Event::ListEnded(event) => event.list_id,
        _ => return None,
    };
    let orders = models.orders();
    let list = orders.list(header.account, list_id)?;
    let list = List::of(models, list, |id| orders.get(header.account, id));
    let head = Head::of_event(ChannelWord::Orders, Some(list.symbol), header);
    let (index, event) = (header.index, event.kind().as_str());
    Some(text(&OwnMessage { head, index, event, order: None, fill: None, list: Some(list) }))
}

/// All live orders of an account, for a connection that begins to be told of them.
pub fn own_snapshot(models: &Models, account: AccountId) -> String {
    #[derive(Serialize)]
    struct Message {
        #[serde(flatten)]
        head: Head,
        event: &'static str,
        orders: Vec<Order>,
    }
    let checkpoint = models.checkpoint();
    let head = Head {
        channel: ChannelText(ChannelWord::Orders),
        symbol: None,
        sequence: checkpoint.sequence,
        time_ns: TimeText(checkpoint.time),
    };
    let orders = models.orders().live(account).map(|order| Order::of(models, order)).collect();
    text(&Message { head, event: "snapshot", orders })
}

/// How things stand of a channel, for a connection that begins to be told of it, or has missed steps.
pub fn standing(
    models: &Models,
    of_signals: &Signals,
    channel: Channel,
    conflated: bool,
) -> Option<String> {
    let spec = |instrument| models.instruments().get(instrument);
    match channel {
        Channel::Depth(of) => Some(snapshot(models, spec(of)?, models.book(of)?, conflated)),
        Channel::Signals(of) => Some(signals(models, of_signals, spec(of)?, conflated)),
        Channel::Candles(of, interval) => candle(models, spec(of)?, interval, conflated),
        Channel::Auctions(of) => Some(auction(models, spec(of)?)),
        Channel::Orders(account) => Some(own_snapshot(models, account)),
        Channel::Trades(_) | Channel::Triggers(_) => None,
    }
}
