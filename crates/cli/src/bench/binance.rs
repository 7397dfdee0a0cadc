//! Binance market data in JSON, to fixed point.
//!
//! ```text
//!   tiercel_sim::binance_flow --> 256 messages in memory, one after the other --> Decoder --> checksum
//! ```
//!
//! The messages differ, so that no branch predictor learns one by heart. Every field that is
//! decoded goes into a checksum that peers compute too, from their own result.

use std::sync::Arc;

use tiercel_sim::binance_flow::{BinanceFlow, SymbolShape};
use tiercel_types::Side;
use tiercel_types::market::{Level, MarketTrade};
use tiercel_wire::binance::{DecodeError, Decoder, Message};

use super::contest::{Case, CaseSpec, Figure, Input, Repeated};
use super::{BenchError, Options};

/// Messages that are decoded in turn: half a megabyte of depth updates.
const MESSAGES: usize = 256;
/// Changed levels on each side of a depth update.
const LEVELS: usize = 20;

/// The cases of `tiercel bench wire` that read Binance messages.
pub const CASES: &[CaseSpec] = &[
    spec("binance_depth", |options| Ok(depth(options, SymbolShape::BTCUSDT))),
    spec("binance_depth_lengths", |options| Ok(depth(options, SymbolShape::DOGEUSDT))),
    spec("binance_depth_general", |options| {
        let messages = depth_updates(options, SymbolShape::BTCUSDT);
        Ok(case(options, messages, decode_general))
    }),
    spec("binance_trade", |options| {
        let mut flow = BinanceFlow::new(SymbolShape::BTCUSDT, options.seed);
        Ok(case(options, (0..MESSAGES).map(|_| flow.trade()).collect(), decode))
    }),
];

const fn spec(name: &'static str, build: fn(&Options) -> Result<Case, BenchError>) -> CaseSpec {
    CaseSpec { bench: "wire", name, build }
}

#[inline]
fn decode<'a>(decoder: &'a mut Decoder, message: &'a [u8]) -> Result<Message<'a>, DecodeError> {
    Ok(decoder.decode(message)?.message)
}

fn decode_general<'a>(
    decoder: &'a mut Decoder,
    message: &'a [u8],
) -> Result<Message<'a>, DecodeError> {
    Ok(decoder.decode_general(message)?.message)
}

fn depth_updates(options: &Options, shape: SymbolShape) -> Vec<String> {
    let mut flow = BinanceFlow::new(shape, options.seed);
    (0..MESSAGES).map(|_| flow.depth_update(LEVELS)).collect()
}

fn depth(options: &Options, shape: SymbolShape) -> Case {
    case(options, depth_updates(options, shape), decode)
}

/// A case whose input is `messages`, a line each.
fn case<F>(options: &Options, messages: Vec<String>, decode: F) -> Case
where
    F: for<'a> Fn(&'a mut Decoder, &'a [u8]) -> Result<Message<'a>, DecodeError> + 'static,
{
    let input = Input::Bytes(messages.join("\n").into_bytes().into());
    let mut decoder = Decoder::default();
    let mut turn = Turn::new(messages.into_iter().map(String::into_bytes).collect());
    let mut sum = 0_u64;
    let work = move || {
        let message = decode(&mut decoder, turn.next()).map_err(|error| BenchError::Wrong {
            subject: "ours".to_owned(),
            what: error.to_string(),
        })?;
        sum = sum.rotate_left(1) ^ sum_of(&message);
        Ok(sum)
    };
    let ours = Repeated {
        name: "ours",
        figure: Figure::NsPerItem,
        items_per_call: 1,
        calls: options.operations,
        work,
    };
    Case { unit: "ns/msg", input, subjects: vec![Box::new(ours)] }
}

/// Messages, one after the other, round and round.
pub struct Turn {
    messages: Arc<[Vec<u8>]>,
    next: usize,
}

impl Turn {
    /// Starts with the first of `messages`.
    pub fn new(messages: Vec<Vec<u8>>) -> Self {
        Self { messages: messages.into(), next: 0 }
    }

    /// The next one.
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "it lends, and never ends")]
    pub fn next(&mut self) -> &[u8] {
        let at = self.next;
        self.next = if at + 1 == self.messages.len() { 0 } else { at + 1 };
        &self.messages[at]
    }
}

#[inline]
fn sum_of(message: &Message<'_>) -> u64 {
    match message {
        Message::Depth(update) => {
            let diff = update.diff;
            let numbers = [update.event_time.0, diff.first_update_id, diff.last_update_id];
            depth_sum(update.symbol, numbers, diff.bids, diff.asks)
        }
        Message::Trade(trade) => {
            let MarketTrade { trade_id, price, qty, time, aggressor } = trade.trade;
            let numbers = [trade.event_time.0, trade_id.0, time.0];
            trade_sum(trade.symbol, numbers, Level { price, qty }, aggressor)
        }
        _ => 0,
    }
}

/// The checksum of a depth update: its symbol's length, its time in nanoseconds, its first and
/// last update, and every level with its place.
#[inline]
pub fn depth_sum(symbol: &str, numbers: [u64; 3], bids: &[Level], asks: &[Level]) -> u64 {
    let side = |levels: &[Level]| {
        levels.iter().enumerate().fold(0_u64, |sum, (place, level)| {
            sum.wrapping_add(level_bits(*level).wrapping_mul(2 * place as u64 + 1))
        })
    };
    heads(symbol, numbers) ^ side(bids).rotate_left(1) ^ side(asks).rotate_left(2)
}

/// The checksum of a trade: its symbol's length, its time in nanoseconds, its id and matching
/// time, price and quantity, and who came.
#[inline]
pub fn trade_sum(symbol: &str, numbers: [u64; 3], level: Level, aggressor: Side) -> u64 {
    heads(symbol, numbers) ^ level_bits(level).rotate_left(aggressor.index() as u32)
}

#[inline]
fn heads(symbol: &str, [first, second, third]: [u64; 3]) -> u64 {
    symbol.len() as u64 ^ first ^ second.rotate_left(13) ^ third.rotate_left(29)
}

#[inline]
fn level_bits(level: Level) -> u64 {
    (level.price.units() as u64) ^ level.qty.units().rotate_left(31)
}
