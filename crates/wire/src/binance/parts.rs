//! What the general path reads, before its texts are unescaped and its levels joined to it.

use tiercel_types::Timestamp;
use tiercel_types::market::{BestBidOffer, DepthDiff, DepthSnapshot, MarketTrade};

use super::buffer::{Buffers, TEXT_LIMIT};
use super::error::{DecodeError, DecodeErrorKind as Kind};
use super::json::RawText;
use super::message::{AggregateTrade, BookTicker, Decoded, DepthUpdate, Message, Trade};

/// A message, raw or wrapped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'m> {
    pub(super) stream: Option<RawText<'m>>,
    pub(super) body: Body<'m>,
}

/// A message without its levels.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body<'m> {
    Depth {
        event_time: Timestamp,
        symbol: RawText<'m>,
        first_update_id: u64,
        last_update_id: u64,
    },
    Trade {
        event_time: Timestamp,
        symbol: RawText<'m>,
        trade: MarketTrade,
    },
    AggregateTrade {
        event_time: Timestamp,
        symbol: RawText<'m>,
        trade: MarketTrade,
        first_trade_id: u64,
        last_trade_id: u64,
    },
    BookTicker {
        symbol: RawText<'m>,
        best: BestBidOffer,
    },
    Snapshot {
        last_update_id: u64,
    },
}

impl<'m> Parts<'m> {
    /// Joins the message and the levels left in the buffers.
    pub(super) fn assemble<'a>(self, buffers: &'a mut Buffers) -> Result<Decoded<'a>, DecodeError>
    where
        'm: 'a,
    {
        let Buffers { bids, asks, stream, symbol, .. } = buffers;
        let (bids, asks) = (bids.levels(), asks.levels());
        let stream = match self.stream {
            Some(raw) => Some(text(raw, stream, "stream")?),
            None => None,
        };
        let message = match self.body {
            Body::Depth { event_time, symbol: raw, first_update_id, last_update_id } => {
                let symbol = text(raw, symbol, "s")?;
                let diff = DepthDiff { first_update_id, last_update_id, bids, asks };
                Message::Depth(DepthUpdate { event_time, symbol, diff })
            }
            Body::Trade { event_time, symbol: raw, trade } => {
                Message::Trade(Trade { event_time, symbol: text(raw, symbol, "s")?, trade })
            }
            Body::AggregateTrade {
                event_time,
                symbol: raw,
                trade,
                first_trade_id,
                last_trade_id,
            } => {
                let symbol = text(raw, symbol, "s")?;
                Message::AggregateTrade(AggregateTrade {
                    event_time,
                    symbol,
                    trade,
                    first_trade_id,
                    last_trade_id,
                })
            }
            Body::BookTicker { symbol: raw, best } => {
                Message::BookTicker(BookTicker { symbol: text(raw, symbol, "s")?, best })
            }
            Body::Snapshot { last_update_id } => {
                Message::Snapshot(DepthSnapshot { last_update_id, bids, asks })
            }
        };
        Ok(Decoded { stream, message })
    }
}

/// The text of a stream's name or a symbol.
fn text<'a, 'm: 'a>(
    raw: RawText<'m>,
    scratch: &'a mut [u8; TEXT_LIMIT],
    field: &'static str,
) -> Result<&'a str, DecodeError> {
    let error = |kind| DecodeError { offset: raw.offset, field, kind };
    let bytes = raw.resolve(scratch).ok_or(error(Kind::TextLength { limit: TEXT_LIMIT }))?;
    core::str::from_utf8(bytes).map_err(|_| error(Kind::Utf8))
}
