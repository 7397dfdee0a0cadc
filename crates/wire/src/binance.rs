//! Binance Spot in JSON: market data decoded to fixed point; in [`order`] what a client asks, in
//! [`answer`] and [`user_data`] what it is told.
//!
//! ```text
//!   bytes --> fast path: the venue's own field order, one forward pass --+--> Message
//!                |  on any surprise, from the start                      |
//!                +--> general path: any order, blanks, unknown fields ---+
//! ```
//!
//! Source: `web-socket-streams.md` and `rest-api.md` of the public repository
//! `binance/binance-spot-api-docs`. Messages: `depthUpdate`, `trade`, `aggTrade`, `bookTicker`,
//! partial depth and the answer of REST `depth`; each raw, or wrapped as
//! `{"stream":...,"data":...}`.
//!
//! Both paths give the same result for the same bytes: what the fast path does not take it
//! leaves to the general path, which alone refuses. Accepted is RFC 8259 JSON with each required
//! field once and well typed; decimals are strings with at most eight significant places and no
//! sign or exponent. Unknown fields are skipped, but must be JSON.
//!
//! Architecture Invariant: decoding allocates nothing; a [`Decoder`] allocates all it needs when
//! it is made. Levels beyond its limit are an error, never cut.

pub mod answer;
mod blocks;
mod buffer;
pub mod capture;
mod digits;
mod elements;
mod error;
mod fast;
mod fields;
mod general;
mod json;
mod message;
pub mod order;
mod parts;
mod text;
pub mod user_data;
mod value;
mod words;

use blocks::Blocks;
use buffer::{Buffers, LevelBuffer, TEXT_LIMIT};
pub use elements::Elements;
pub use error::{DecodeError, DecodeErrorKind};
pub use message::{AggregateTrade, BookTicker, Decoded, DepthUpdate, Message, TimeUnit, Trade};
pub use text::Text;
pub use words::{
    ExecutionType, OrderStatus, OrderType, ResponseType, TimeInForce, self_trade_prevention, side,
};

/// The most levels a side that the venue's REST `depth` gives: enough for any message seen.
pub const LEVELS_LIMIT_DEFAULT: usize = 5_000;

/// Decodes messages, one after the other, into its own reused buffers.
///
/// ```
/// use tiercel_wire::binance::{Decoder, Message};
///
/// let mut decoder = Decoder::default();
/// let text = br#"{"u":7,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000",
///                 "a":"61837.64000000","A":"1.54698000"}"#;
/// let Message::BookTicker(ticker) = decoder.decode(text)?.message else { unreachable!() };
/// assert_eq!(ticker.best.bid.price.units(), 6_183_763_000_000);
///
/// let error = decoder.decode(br#"{"u":07}"#).unwrap_err();
/// assert_eq!((error.field, error.offset, error.kind.code()), ("u", 6, "syntax"));
/// # Ok::<(), tiercel_wire::binance::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    buffers: Buffers,
    ns_per_time_unit: u64,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(LEVELS_LIMIT_DEFAULT, TimeUnit::default())
    }
}

impl Decoder {
    /// A decoder for messages of at most `levels_limit` levels a side, with times in `unit`.
    pub fn new(levels_limit: usize, unit: TimeUnit) -> Self {
        let buffers = Buffers {
            bids: LevelBuffer::new(levels_limit),
            asks: LevelBuffer::new(levels_limit),
            blocks: Box::new(Blocks::new()),
            stream: [0; TEXT_LIMIT],
            symbol: [0; TEXT_LIMIT],
        };
        Self { buffers, ns_per_time_unit: unit.nanoseconds() }
    }

    /// Decodes one message.
    ///
    /// # Errors
    /// [`DecodeError`]: the first thing found wrong, with its place and field.
    #[inline]
    pub fn decode<'a>(&'a mut self, message: &'a [u8]) -> Result<Decoded<'a>, DecodeError> {
        // Two steps, because a result that borrows the buffers would keep them from the other path.
        let unit = self.ns_per_time_unit;
        match fast::decode::<{ blocks::PAYS }, true>(message, &mut self.buffers, unit) {
            Some(decoded) => {
                Ok(decoded.with_levels(self.buffers.bids.levels(), self.buffers.asks.levels()))
            }
            None => self.decode_general(message),
        }
    }

    /// Decodes one message by the fast path alone; none where that leaves it to the general path.
    /// Tells whether a venue's messages are written as the fast path expects.
    pub fn decode_fast<'a>(&'a mut self, message: &'a [u8]) -> Option<Decoded<'a>> {
        self.decode_by::<{ blocks::PAYS }, true>(message)
    }

    /// The same by the way for processors with wide vectors alone, whatever this build is for: none where levels have to
    /// be read one by one. Tests judge each way by the others.
    pub fn decode_at_once<'a>(&'a mut self, message: &'a [u8]) -> Option<Decoded<'a>> {
        self.decode_by::<true, false>(message)
    }

    /// The same by the way for all other processors alone.
    pub fn decode_one_by_one<'a>(&'a mut self, message: &'a [u8]) -> Option<Decoded<'a>> {
        self.decode_by::<false, true>(message)
    }

    fn decode_by<'a, const AT_ONCE: bool, const ONE_BY_ONE: bool>(
        &'a mut self,
        message: &'a [u8],
    ) -> Option<Decoded<'a>> {
        let unit = self.ns_per_time_unit;
        let decoded = fast::decode::<AT_ONCE, ONE_BY_ONE>(message, &mut self.buffers, unit)?;
        Some(decoded.with_levels(self.buffers.bids.levels(), self.buffers.asks.levels()))
    }

    /// Decodes one message by the general path alone: the same result, later. Tests judge the
    /// fast path by it.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    #[inline(never)]
    pub fn decode_general<'a>(&'a mut self, message: &'a [u8]) -> Result<Decoded<'a>, DecodeError> {
        general::decode(message, &mut self.buffers, self.ns_per_time_unit)?
            .assemble(&mut self.buffers)
    }
}
