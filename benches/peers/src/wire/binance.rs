//! JSON readers with typed, borrowing structs, and the same conversion to fixed point for all of
//! them. Vectors of levels are reused; simd-json, which overwrites its input, gets a copy in a
//! reused buffer, and its own reused buffers.

use serde::Deserialize;
use tiercel_cli::bench::BenchError;
use tiercel_cli::bench::binance::{Turn, depth_sum, trade_sum};
use tiercel_cli::bench::contest::{Figure, Repeated, Subject};
use tiercel_types::decimal::parse_units;
use tiercel_types::market::Level;
use tiercel_types::{Price, Qty, Side};

/// Nanoseconds in the venue's unit of time.
const MILLISECOND_NS: u64 = 1_000_000;

#[derive(Deserialize)]
struct DepthUpdate<'a> {
    #[serde(rename = "e")]
    kind: &'a str,
    #[serde(rename = "E")]
    event_time: u64,
    #[serde(rename = "s")]
    symbol: &'a str,
    #[serde(rename = "U")]
    first: u64,
    #[serde(rename = "u")]
    last: u64,
    #[serde(borrow, rename = "b")]
    bids: Vec<[&'a str; 2]>,
    #[serde(borrow, rename = "a")]
    asks: Vec<[&'a str; 2]>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    #[serde(rename = "e")]
    kind: &'a str,
    #[serde(rename = "E")]
    event_time: u64,
    #[serde(rename = "s")]
    symbol: &'a str,
    #[serde(rename = "t")]
    id: u64,
    #[serde(rename = "p")]
    price: &'a str,
    #[serde(rename = "q")]
    qty: &'a str,
    #[serde(rename = "T")]
    time: u64,
    #[serde(rename = "m")]
    buyer_is_maker: bool,
}

fn wrong(subject: &str, what: &dyn std::fmt::Display) -> BenchError {
    BenchError::Wrong { subject: subject.to_owned(), what: what.to_string() }
}

fn level([price, qty]: [&str; 2]) -> Result<Level, BenchError> {
    let units = |text: &str| parse_units(text.as_bytes()).map_err(|error| wrong("peer", &error));
    let (price, qty) = (units(price)?, units(qty)?);
    Ok(Level { price: Price::from_units(price.cast_signed()), qty: Qty::from_units(qty) })
}

/// Fixed-point levels of the last message.
#[derive(Default)]
struct Levels {
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl Levels {
    fn sum(&mut self, update: &DepthUpdate<'_>) -> Result<u64, BenchError> {
        if update.kind != "depthUpdate" {
            return Err(wrong("peer", &update.kind));
        }
        for (levels, texts) in [(&mut self.bids, &update.bids), (&mut self.asks, &update.asks)] {
            levels.clear();
            for &pair in texts {
                levels.push(level(pair)?);
            }
        }
        let numbers = [update.event_time * MILLISECOND_NS, update.first, update.last];
        Ok(depth_sum(update.symbol, numbers, &self.bids, &self.asks))
    }
}

fn sum_of_trade(trade: &Trade<'_>) -> Result<u64, BenchError> {
    if trade.kind != "trade" {
        return Err(wrong("peer", &trade.kind));
    }
    let times = [trade.event_time * MILLISECOND_NS, trade.id, trade.time * MILLISECOND_NS];
    // The buyer made: the seller came.
    let aggressor = if trade.buyer_is_maker { Side::Sell } else { Side::Buy };
    Ok(trade_sum(trade.symbol, times, level([trade.price, trade.qty])?, aggressor))
}

/// simd-json's reused memory.
#[derive(Default)]
struct Scratch {
    text: Vec<u8>,
    buffers: simd_json::Buffers,
}

impl Scratch {
    fn read<'a, T: Deserialize<'a>>(&'a mut self, message: &[u8]) -> Result<T, BenchError> {
        self.text.clear();
        self.text.extend_from_slice(message);
        simd_json::serde::from_slice_with_buffers(&mut self.text, &mut self.buffers)
            .map_err(|error| wrong("simd-json", &error))
    }
}

fn subject(
    name: &'static str,
    messages: &[Vec<u8>],
    calls: usize,
    mut read: impl FnMut(&[u8]) -> Result<u64, BenchError> + 'static,
) -> Box<dyn Subject> {
    let mut turn = Turn::new(messages.to_vec());
    let mut sum = 0_u64;
    let work = move || {
        sum = sum.rotate_left(1) ^ read(turn.next())?;
        Ok(sum)
    };
    Box::new(Repeated { name, figure: Figure::NsPerItem, items_per_call: 1, calls, work })
}

/// The readers of depth updates.
pub fn depth(messages: &[Vec<u8>], calls: usize) -> Vec<Box<dyn Subject>> {
    let (mut serde_levels, mut sonic_levels) = (Levels::default(), Levels::default());
    let (mut simd_levels, mut scratch) = (Levels::default(), Scratch::default());
    vec![
        subject("serde_json", messages, calls, move |message| {
            let update =
                serde_json::from_slice(message).map_err(|error| wrong("serde_json", &error))?;
            serde_levels.sum(&update)
        }),
        subject("simd-json", messages, calls, move |message| {
            simd_levels.sum(&scratch.read(message)?)
        }),
        subject("sonic-rs", messages, calls, move |message| {
            let update =
                sonic_rs::from_slice(message).map_err(|error| wrong("sonic-rs", &error))?;
            sonic_levels.sum(&update)
        }),
    ]
}

/// The readers of trades.
pub fn trade(messages: &[Vec<u8>], calls: usize) -> Vec<Box<dyn Subject>> {
    let mut scratch = Scratch::default();
    vec![
        subject("serde_json", messages, calls, |message| {
            let trade =
                serde_json::from_slice(message).map_err(|error| wrong("serde_json", &error))?;
            sum_of_trade(&trade)
        }),
        subject("simd-json", messages, calls, move |message| sum_of_trade(&scratch.read(message)?)),
        subject("sonic-rs", messages, calls, |message| {
            let trade = sonic_rs::from_slice(message).map_err(|error| wrong("sonic-rs", &error))?;
            sum_of_trade(&trade)
        }),
    ]
}
