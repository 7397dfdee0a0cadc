//! The fast path: messages exactly as the venue writes them, in one forward pass.
//!
//! Budget: a trade in 40 ns, a depth update of 20 x 2 levels in 400 ns.
//!
//! What it expects is fixed: the order of fields, no blanks, no escapes, decimals with exactly
//! eight places. Anything else, right or wrong, makes it give up (`None`) and leaves the message
//! to the general path, so there is no error to name here. What it accepts it must read as the
//! general path does; tests and fuzzing hold the two together.
//!
//! What must not happen here: a branch that depends on the values, as far as it can be helped. A
//! level's place in the message depends on how long the numbers before it were; guessing that the
//! next is as long as the last lets the processor run ahead of the digits.

use tiercel_types::market::{BestBidOffer, Level, MarketTrade};
use tiercel_types::{Price, Qty, Side, Timestamp, TradeId};

use super::buffer::{Buffers, LevelBuffer};
use super::digits;
use super::json::RawText;
use super::parts::{Body, Parts};

/// Decodes one message, or gives up. Levels are left in `buffers`.
#[inline]
pub(super) fn decode<'m>(
    message: &'m [u8],
    buffers: &mut Buffers,
    ns_per_time_unit: u64,
) -> Option<Parts<'m>> {
    let mut scanner = Scanner { message, rest: message };
    let stream = if scanner.take(br#"{"stream":""#).is_some() {
        let stream = scanner.text()?;
        scanner.take(br#","data":"#)?;
        Some(stream)
    } else {
        None
    };
    let body = scanner.body(buffers, ns_per_time_unit)?;
    if stream.is_some() {
        scanner.take(b"}")?;
    }
    scanner.rest.is_empty().then_some(Parts { stream, body })
}

/// What is left of a message.
struct Scanner<'m> {
    message: &'m [u8],
    rest: &'m [u8],
}

/// How many digits the last decimal had before its point: 1 to 7.
#[derive(Clone, Copy)]
struct Guess(usize);

impl<'m> Scanner<'m> {
    #[inline]
    fn body(&mut self, buffers: &mut Buffers, ns_per_time_unit: u64) -> Option<Body<'m>> {
        // The first eight bytes tell the messages apart.
        match self.rest.first_chunk::<8>()? {
            br#"{"e":"de"# => self.depth(buffers, ns_per_time_unit),
            br#"{"e":"tr"# => self.trade(ns_per_time_unit),
            br#"{"e":"ag"# => self.aggregate_trade(ns_per_time_unit),
            br#"{"lastUp"# => self.snapshot(buffers),
            _ => self.book_ticker(),
        }
    }

    #[inline]
    fn depth(&mut self, buffers: &mut Buffers, ns_per_time_unit: u64) -> Option<Body<'m>> {
        self.take(br#"{"e":"depthUpdate","E":"#)?;
        let event_time = self.time(ns_per_time_unit)?;
        self.take(br#","s":""#)?;
        let symbol = self.text()?;
        self.take(br#","U":"#)?;
        let first_update_id = self.unsigned()?;
        self.take(br#","u":"#)?;
        let last_update_id = self.unsigned()?;
        self.take(br#","b":"#)?;
        self.levels(&mut buffers.bids)?;
        self.take(br#","a":"#)?;
        self.levels(&mut buffers.asks)?;
        self.take(b"}")?;
        Some(Body::Depth { event_time, symbol, first_update_id, last_update_id })
    }

    #[inline]
    fn snapshot(&mut self, buffers: &mut Buffers) -> Option<Body<'m>> {
        self.take(br#"{"lastUpdateId":"#)?;
        let last_update_id = self.unsigned()?;
        self.take(br#","bids":"#)?;
        self.levels(&mut buffers.bids)?;
        self.take(br#","asks":"#)?;
        self.levels(&mut buffers.asks)?;
        self.take(b"}")?;
        Some(Body::Snapshot { last_update_id })
    }

    #[inline]
    fn book_ticker(&mut self) -> Option<Body<'m>> {
        let (mut price, mut qty) = (Guess(5), Guess(1));
        self.take(br#"{"u":"#)?;
        let update_id = self.unsigned()?;
        self.take(br#","s":""#)?;
        let symbol = self.text()?;
        self.take(br#","b":""#)?;
        let bid_price = self.price(&mut price)?;
        self.take(br#"","B":""#)?;
        let bid_qty = self.qty(&mut qty)?;
        self.take(br#"","a":""#)?;
        let ask_price = self.price(&mut price)?;
        self.take(br#"","A":""#)?;
        let ask_qty = self.qty(&mut qty)?;
        self.take(br#""}"#)?;
        let bid = Level { price: bid_price, qty: bid_qty };
        let ask = Level { price: ask_price, qty: ask_qty };
        Some(Body::BookTicker { symbol, best: BestBidOffer { update_id, bid, ask } })
    }

    #[inline]
    fn trade(&mut self, ns_per_time_unit: u64) -> Option<Body<'m>> {
        self.take(br#"{"e":"trade","E":"#)?;
        let event_time = self.time(ns_per_time_unit)?;
        self.take(br#","s":""#)?;
        let symbol = self.text()?;
        self.take(br#","t":"#)?;
        let trade_id = TradeId(self.unsigned()?);
        self.take(br#","p":""#)?;
        let price = self.price(&mut Guess(5))?;
        self.take(br#"","q":""#)?;
        let qty = self.qty(&mut Guess(1))?;
        self.take(br#"","T":"#)?;
        let time = self.time(ns_per_time_unit)?;
        let aggressor = self.aggressor()?;
        let trade = MarketTrade { trade_id, price, qty, time, aggressor };
        Some(Body::Trade { event_time, symbol, trade })
    }

    #[inline]
    fn aggregate_trade(&mut self, ns_per_time_unit: u64) -> Option<Body<'m>> {
        self.take(br#"{"e":"aggTrade","E":"#)?;
        let event_time = self.time(ns_per_time_unit)?;
        self.take(br#","s":""#)?;
        let symbol = self.text()?;
        self.take(br#","a":"#)?;
        let trade_id = TradeId(self.unsigned()?);
        self.take(br#","p":""#)?;
        let price = self.price(&mut Guess(5))?;
        self.take(br#"","q":""#)?;
        let qty = self.qty(&mut Guess(1))?;
        self.take(br#"","f":"#)?;
        let first_trade_id = self.unsigned()?;
        self.take(br#","l":"#)?;
        let last_trade_id = self.unsigned()?;
        self.take(br#","T":"#)?;
        let time = self.time(ns_per_time_unit)?;
        let aggressor = self.aggressor()?;
        let trade = MarketTrade { trade_id, price, qty, time, aggressor };
        Some(Body::AggregateTrade { event_time, symbol, trade, first_trade_id, last_trade_id })
    }

    /// The end of both trades: `,"m":true,"M":true}`.
    #[inline]
    fn aggressor(&mut self) -> Option<Side> {
        self.take(br#","m":"#)?;
        let aggressor = if self.take(b"true").is_some() {
            Side::Sell
        } else {
            self.take(b"false")?;
            Side::Buy
        };
        if self.take(br#","M":true}"#).is_none() {
            self.take(br#","M":false}"#)?;
        }
        Some(aggressor)
    }

    /// Reads `[["price","quantity"],...]`.
    #[inline]
    fn levels(&mut self, side: &mut LevelBuffer) -> Option<()> {
        let (mut price, mut qty) = (Guess(5), Guess(1));
        side.clear();
        if self.take(b"[]").is_some() {
            return Some(());
        }
        self.take(br#"[[""#)?;
        loop {
            let price = self.price(&mut price)?;
            self.take(br#"",""#)?;
            let qty = self.qty(&mut qty)?;
            if !side.push(Level { price, qty }) {
                return None;
            }
            if self.take(br#""],[""#).is_none() {
                return self.take(br#""]]"#);
            }
        }
    }

    /// Steps over `expected`, if that is what comes.
    #[inline(always)]
    fn take<const N: usize>(&mut self, expected: &[u8; N]) -> Option<()> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        if head != expected {
            return None;
        }
        self.rest = rest;
        Some(())
    }

    /// The eight characters from `at` on.
    #[inline(always)]
    fn word(&self, at: usize) -> Option<u64> {
        self.rest.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// Reads a text of plain ASCII, and its closing quote.
    #[inline]
    fn text(&mut self) -> Option<RawText<'m>> {
        let mut length = 0;
        loop {
            let ordinary = digits::ordinary(self.word(length)?);
            length += ordinary;
            if ordinary < 8 {
                break;
            }
        }
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        let offset = self.message.len() - self.rest.len();
        self.rest = rest;
        self.take(b"\"")?;
        Some(RawText { bytes, escaped: false, offset })
    }

    #[inline]
    fn time(&mut self, ns_per_time_unit: u64) -> Option<Timestamp> {
        self.unsigned()?.checked_mul(ns_per_time_unit).map(Timestamp)
    }

    /// Reads an integer of at most sixteen digits.
    #[inline]
    fn unsigned(&mut self) -> Option<u64> {
        let values = digits::values(self.word(0)?);
        let count = (digits::not_digits(values).trailing_zeros() / 8) as usize;
        if count == 0 || (values & 0xff == 0 && count > 1) {
            return None;
        }
        let high = digits::eight(digits::leading(values, count));
        if count < 8 {
            self.rest = self.rest.get(count..)?;
            return Some(high);
        }
        let values = digits::values(self.word(8)?);
        let count = (digits::not_digits(values).trailing_zeros() / 8) as usize;
        self.rest = self.rest.get(8 + count..)?;
        if count == 0 {
            return Some(high);
        }
        // Below 10^16: no overflow. A seventeenth digit is refused by whatever is taken next.
        let low = digits::eight(digits::leading(values, count));
        Some(high * POWERS[count] + low)
    }

    #[inline]
    fn price(&mut self, guess: &mut Guess) -> Option<Price> {
        i64::try_from(self.decimal(guess)?).ok().map(Price::from_units)
    }

    #[inline]
    fn qty(&mut self, guess: &mut Guess) -> Option<Qty> {
        self.decimal(guess).map(Qty::from_units)
    }

    /// Reads a decimal with exactly eight places, in units of 10^-8, up to its closing quote.
    #[inline(always)]
    fn decimal(&mut self, guess: &mut Guess) -> Option<u64> {
        const POINT: u64 = (b'.' ^ b'0') as u64;
        let count = guess.0 & 7;
        let whole = digits::values(self.word(0)?);
        if (whole >> (8 * count)) & 0xff != POINT || count == 0 {
            return self.decimal_of_other_length(guess);
        }
        let whole_part = digits::leading(whole, count);
        let fraction = digits::values(self.word(count + 1)?);
        let bad = digits::not_digits(whole_part) | digits::not_digits(fraction);
        if bad != 0 || (whole & 0xff == 0 && count > 1) {
            return None;
        }
        self.rest = self.rest.get(count + 9..)?;
        Some(digits::eight(whole_part) * 100_000_000 + digits::eight(fraction))
    }

    /// Reads a decimal without a guess, up to eleven digits before the point, and corrects the
    /// guess. Not inlined, so that the guess stays a branch that the processor predicts.
    #[cold]
    #[inline(never)]
    fn decimal_of_other_length(&mut self, guess: &mut Guess) -> Option<u64> {
        let digits = self.rest.iter().take(12).position(|&byte| byte == b'.')?;
        let (head, rest) = self.rest.split_at_checked(digits)?;
        if head.is_empty() || (head[0] == b'0' && digits > 1) {
            return None;
        }
        let mut whole = 0_u64;
        for &byte in head {
            if !byte.is_ascii_digit() {
                return None;
            }
            whole = whole * 10 + u64::from(byte - b'0');
        }
        let fraction = digits::values(u64::from_le_bytes(*rest.get(1..)?.first_chunk::<8>()?));
        if digits::not_digits(fraction) != 0 {
            return None;
        }
        self.rest = rest.get(9..)?;
        if digits < 8 {
            guess.0 = digits;
        }
        // Eleven nines and eight places stay below 2^64.
        Some(whole * 100_000_000 + digits::eight(fraction))
    }
}

/// Powers of ten.
const POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
