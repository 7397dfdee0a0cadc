//! The general path: any order of fields, any blanks, unknown fields skipped.
//!
//! First the whole text is checked to be JSON, then its shape tells the kind of message, then
//! the fields are read. Slow beside [`super::fast`], and the judge of it.

use tiercel_types::market::{BestBidOffer, Level, MarketTrade};
use tiercel_types::{Price, Qty, Side, Timestamp, TradeId};

use super::buffer::{Buffers, LevelBuffer};
use super::error::{DecodeError, DecodeErrorKind as Kind};
use super::json::{Cursor, RawText};
use super::parts::{Body, Parts};
use super::value::{SCRATCH_LIMIT, Slot, price, qty, timestamp};

type Result<T> = core::result::Result<T, DecodeError>;

/// The longest key that is looked at; longer ones with escapes are unknown.
const KEY_LIMIT: usize = 16;

/// Decodes one message. Levels are left in `buffers`.
pub(super) fn decode<'m>(
    message: &'m [u8],
    buffers: &mut Buffers,
    ns_per_time_unit: u64,
) -> Result<Parts<'m>> {
    Cursor::document(message)?;
    let mut cursor = Cursor::new(message);
    cursor.blank();
    let outer = Shape::of(cursor)?;
    if !outer.has_stream {
        let body = body(cursor, &outer, buffers, ns_per_time_unit)?;
        return Ok(Parts { stream: None, body });
    }
    let mut stream = Slot::new("stream");
    let mut data = Slot::new("data");
    cursor.object(|key, cursor| {
        if key.is("stream") {
            stream.fill(cursor, Cursor::string)
        } else if key.is("data") {
            data.fill(cursor, |cursor| {
                let start = *cursor;
                cursor.skip_value()?;
                Ok(start)
            })
        } else {
            cursor.skip_value()
        }
    })?;
    let stream = Some(stream.take(&cursor)?);
    let inner = data.take(&cursor)?;
    let body = body(inner, &Shape::of(inner)?, buffers, ns_per_time_unit)?;
    Ok(Parts { stream, body })
}

/// What tells the kind of a message: which of some fields its object has.
#[derive(Default)]
struct Shape<'m> {
    event: Option<RawText<'m>>,
    has_stream: bool,
    has_last_update_id: bool,
    has_update_id: bool,
}

impl<'m> Shape<'m> {
    fn of(mut cursor: Cursor<'m>) -> Result<Self> {
        let mut shape = Self::default();
        let mut event = Slot::new("e");
        cursor.object(|key, cursor| {
            shape.has_stream |= key.is("stream");
            shape.has_last_update_id |= key.is("lastUpdateId");
            shape.has_update_id |= key.is("u");
            if key.is("e") { event.fill(cursor, Cursor::string) } else { cursor.skip_value() }
        })?;
        shape.event = event.value;
        Ok(shape)
    }
}

/// Decodes the message whose object starts at the cursor.
fn body<'m>(
    cursor: Cursor<'m>,
    shape: &Shape<'m>,
    buffers: &mut Buffers,
    ns_per_time_unit: u64,
) -> Result<Body<'m>> {
    let Some(event) = shape.event else {
        return if shape.has_last_update_id {
            snapshot(cursor, buffers)
        } else if shape.has_update_id {
            book_ticker(cursor)
        } else {
            cursor.refuse(Kind::UnknownMessage)
        };
    };
    let mut scratch = [0; SCRATCH_LIMIT];
    match event.resolve(&mut scratch) {
        Some(b"depthUpdate") => depth(cursor, buffers, ns_per_time_unit),
        Some(b"trade") => trade(cursor, ns_per_time_unit),
        Some(b"aggTrade") => aggregate_trade(cursor, ns_per_time_unit),
        _ => Err(DecodeError { offset: event.offset, field: "e", kind: Kind::UnknownEvent }),
    }
}

fn depth<'m>(
    mut cursor: Cursor<'m>,
    buffers: &mut Buffers,
    ns_per_time_unit: u64,
) -> Result<Body<'m>> {
    let mut event_time = Slot::new("E");
    let mut symbol = Slot::new("s");
    let mut first_update_id = Slot::new("U");
    let mut last_update_id = Slot::new("u");
    let mut bids = Slot::new("b");
    let mut asks = Slot::new("a");
    let mut scratch = [0; KEY_LIMIT];
    cursor.object(|key, cursor| match key.resolve(&mut scratch) {
        Some(b"E") => event_time.fill(cursor, |cursor| timestamp(cursor, ns_per_time_unit)),
        Some(b"s") => symbol.fill(cursor, Cursor::string),
        Some(b"U") => first_update_id.fill(cursor, Cursor::unsigned),
        Some(b"u") => last_update_id.fill(cursor, Cursor::unsigned),
        Some(b"b") => bids.fill(cursor, |cursor| levels(cursor, &mut buffers.bids)),
        Some(b"a") => asks.fill(cursor, |cursor| levels(cursor, &mut buffers.asks)),
        _ => cursor.skip_value(),
    })?;
    bids.take(&cursor)?;
    asks.take(&cursor)?;
    Ok(Body::Depth {
        event_time: event_time.take(&cursor)?,
        symbol: symbol.take(&cursor)?,
        first_update_id: first_update_id.take(&cursor)?,
        last_update_id: last_update_id.take(&cursor)?,
    })
}

fn snapshot<'m>(mut cursor: Cursor<'m>, buffers: &mut Buffers) -> Result<Body<'m>> {
    let mut last_update_id = Slot::new("lastUpdateId");
    let mut bids = Slot::new("bids");
    let mut asks = Slot::new("asks");
    let mut scratch = [0; KEY_LIMIT];
    cursor.object(|key, cursor| match key.resolve(&mut scratch) {
        Some(b"lastUpdateId") => last_update_id.fill(cursor, Cursor::unsigned),
        Some(b"bids") => bids.fill(cursor, |cursor| levels(cursor, &mut buffers.bids)),
        Some(b"asks") => asks.fill(cursor, |cursor| levels(cursor, &mut buffers.asks)),
        _ => cursor.skip_value(),
    })?;
    bids.take(&cursor)?;
    asks.take(&cursor)?;
    Ok(Body::Snapshot { last_update_id: last_update_id.take(&cursor)? })
}

fn book_ticker(mut cursor: Cursor<'_>) -> Result<Body<'_>> {
    let mut update_id = Slot::new("u");
    let mut symbol = Slot::new("s");
    let mut bid_price = Slot::new("b");
    let mut bid_qty = Slot::new("B");
    let mut ask_price = Slot::new("a");
    let mut ask_qty = Slot::new("A");
    let mut scratch = [0; KEY_LIMIT];
    cursor.object(|key, cursor| match key.resolve(&mut scratch) {
        Some(b"u") => update_id.fill(cursor, Cursor::unsigned),
        Some(b"s") => symbol.fill(cursor, Cursor::string),
        Some(b"b") => bid_price.fill(cursor, price),
        Some(b"B") => bid_qty.fill(cursor, qty),
        Some(b"a") => ask_price.fill(cursor, price),
        Some(b"A") => ask_qty.fill(cursor, qty),
        _ => cursor.skip_value(),
    })?;
    let bid = Level { price: bid_price.take(&cursor)?, qty: bid_qty.take(&cursor)? };
    let ask = Level { price: ask_price.take(&cursor)?, qty: ask_qty.take(&cursor)? };
    let best = BestBidOffer { update_id: update_id.take(&cursor)?, bid, ask };
    Ok(Body::BookTicker { symbol: symbol.take(&cursor)?, best })
}

/// The fields that a trade and an aggregate trade share.
struct TradeFields<'m> {
    event_time: Slot<Timestamp>,
    symbol: Slot<RawText<'m>>,
    price: Slot<Price>,
    qty: Slot<Qty>,
    time: Slot<Timestamp>,
    buyer_is_maker: Slot<bool>,
    ignored: Slot<bool>,
}

impl<'m> TradeFields<'m> {
    const fn new() -> Self {
        Self {
            event_time: Slot::new("E"),
            symbol: Slot::new("s"),
            price: Slot::new("p"),
            qty: Slot::new("q"),
            time: Slot::new("T"),
            buyer_is_maker: Slot::new("m"),
            ignored: Slot::new("M"),
        }
    }

    fn fill(&mut self, key: RawText<'m>, cursor: &mut Cursor<'m>, ns: u64) -> Result<()> {
        match key.resolve(&mut [0; KEY_LIMIT]) {
            Some(b"E") => self.event_time.fill(cursor, |cursor| timestamp(cursor, ns)),
            Some(b"s") => self.symbol.fill(cursor, Cursor::string),
            Some(b"p") => self.price.fill(cursor, price),
            Some(b"q") => self.qty.fill(cursor, qty),
            Some(b"T") => self.time.fill(cursor, |cursor| timestamp(cursor, ns)),
            Some(b"m") => self.buyer_is_maker.fill(cursor, Cursor::boolean),
            // Documented as "ignore": checked when it is there.
            Some(b"M") => self.ignored.fill(cursor, Cursor::boolean),
            _ => cursor.skip_value(),
        }
    }

    fn take(self, trade_id: u64, cursor: &Cursor<'m>) -> Result<MarketTrade> {
        let buyer_is_maker = self.buyer_is_maker.take(cursor)?;
        Ok(MarketTrade {
            trade_id: TradeId(trade_id),
            price: self.price.take(cursor)?,
            qty: self.qty.take(cursor)?,
            time: self.time.take(cursor)?,
            aggressor: if buyer_is_maker { Side::Sell } else { Side::Buy },
        })
    }
}

fn trade(mut cursor: Cursor<'_>, ns_per_time_unit: u64) -> Result<Body<'_>> {
    let mut fields = TradeFields::new();
    let mut trade_id = Slot::new("t");
    cursor.object(|key, cursor| {
        if key.is("t") {
            trade_id.fill(cursor, Cursor::unsigned)
        } else {
            fields.fill(key, cursor, ns_per_time_unit)
        }
    })?;
    let event_time = fields.event_time.take(&cursor)?;
    let symbol = fields.symbol.take(&cursor)?;
    let trade = fields.take(trade_id.take(&cursor)?, &cursor)?;
    Ok(Body::Trade { event_time, symbol, trade })
}

fn aggregate_trade(mut cursor: Cursor<'_>, ns_per_time_unit: u64) -> Result<Body<'_>> {
    let mut fields = TradeFields::new();
    let mut trade_id = Slot::new("a");
    let mut first_trade_id = Slot::new("f");
    let mut last_trade_id = Slot::new("l");
    cursor.object(|key, cursor| {
        if key.is("a") {
            trade_id.fill(cursor, Cursor::unsigned)
        } else if key.is("f") {
            first_trade_id.fill(cursor, Cursor::unsigned)
        } else if key.is("l") {
            last_trade_id.fill(cursor, Cursor::unsigned)
        } else {
            fields.fill(key, cursor, ns_per_time_unit)
        }
    })?;
    let event_time = fields.event_time.take(&cursor)?;
    let symbol = fields.symbol.take(&cursor)?;
    let first_trade_id = first_trade_id.take(&cursor)?;
    let last_trade_id = last_trade_id.take(&cursor)?;
    let trade = fields.take(trade_id.take(&cursor)?, &cursor)?;
    Ok(Body::AggregateTrade { event_time, symbol, trade, first_trade_id, last_trade_id })
}

/// Reads `[["price","quantity"],...]`.
fn levels(cursor: &mut Cursor<'_>, side: &mut LevelBuffer) -> Result<()> {
    const PAIR: Kind = Kind::Mistyped("a pair of price and quantity");
    side.clear();
    cursor.array(|cursor| {
        let start = cursor.at;
        let mut level = Level::default();
        let mut count = 0;
        cursor.array(|cursor| {
            match count {
                0 => level.price = price(cursor)?,
                1 => level.qty = qty(cursor)?,
                _ => return Err(cursor.error_at(start, PAIR)),
            }
            count += 1;
            Ok(())
        })?;
        if count < 2 {
            return Err(cursor.error_at(start, PAIR));
        }
        let full = Kind::LevelLimit { limit: side.limit() };
        if side.push(level) { Ok(()) } else { Err(cursor.error_at(start, full)) }
    })
}

impl RawText<'_> {
    /// Whether a key is `name`.
    fn is(self, name: &str) -> bool {
        self.resolve(&mut [0; KEY_LIMIT]) == Some(name.as_bytes())
    }
}
