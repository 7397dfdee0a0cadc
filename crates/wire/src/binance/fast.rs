//! The fast path: messages exactly as the venue writes them, in one forward pass.
//!
//! Budget: a trade in 40 ns, a depth update of 20 x 2 levels in 400 ns.
//!
//! What it expects is fixed: the order of fields, no blanks, no escapes, decimals with exactly
//! eight places. Anything else, right or wrong, makes it give up (`None`) and leaves the message
//! to the general path, so there is no error to name here. What it accepts it must read as the
//! general path does; tests and fuzzing hold the two together.
//!
//! What must not happen here: a branch that cannot be foreseen, and a long chain of steps that
//! wait for each other. Where a field begins depends on how long those before it were. Lengths
//! that hardly ever change (of times and prices) are guessed, so that the processor runs ahead of
//! the digits; those that do change are computed.

use tiercel_types::decimal::ONE;
use tiercel_types::market::{BestBidOffer, DepthDiff, DepthSnapshot, Level, MarketTrade};
use tiercel_types::{Price, Qty, Side, Timestamp, TradeId};

use super::buffer::{Buffers, LevelBuffer};
use super::digits;
use super::message::{AggregateTrade, BookTicker, Decoded, DepthUpdate, Message, Trade};

/// Decodes one message, or gives up. Levels are left in `buffers`, and none are in the message. They are read at once, or
/// one by one, or one by one where they cannot be read at once.
#[inline(always)]
pub(super) fn decode<'m, const AT_ONCE: bool, const ONE_BY_ONE: bool>(
    message: &'m [u8],
    buffers: &mut Buffers,
    ns_per_time_unit: u64,
) -> Option<Decoded<'m>> {
    let mut scanner = Scanner { rest: message };
    if scanner.take(br#"{"stream":""#).is_none() {
        let message = scanner.message::<AT_ONCE, ONE_BY_ONE>(buffers, ns_per_time_unit)?;
        return scanner.rest.is_empty().then_some(Decoded { stream: None, message });
    }
    let stream = scanner.text()?;
    scanner.take(br#","data":"#)?;
    let message = scanner.message::<AT_ONCE, ONE_BY_ONE>(buffers, ns_per_time_unit)?;
    (scanner.rest == b"}").then_some(Decoded { stream: Some(stream), message })
}

/// What is left of a message.
///
/// All that takes it by reference is inlined, so that it lives in registers: otherwise its place
/// would be written back to memory at each step that may give up.
struct Scanner<'m> {
    rest: &'m [u8],
}

impl<'m> Scanner<'m> {
    #[inline(always)]
    fn message<const AT_ONCE: bool, const ONE_BY_ONE: bool>(
        &mut self,
        buffers: &mut Buffers,
        ns_per_time_unit: u64,
    ) -> Option<Message<'m>> {
        // The first eight bytes tell the messages apart.
        match self.rest.first_chunk::<8>()? {
            br#"{"e":"de"# => self.depth::<AT_ONCE, ONE_BY_ONE>(buffers, ns_per_time_unit),
            br#"{"e":"tr"# => self.trade(ns_per_time_unit),
            br#"{"e":"ag"# => self.aggregate_trade(ns_per_time_unit),
            br#"{"lastUp"# => self.snapshot::<AT_ONCE, ONE_BY_ONE>(buffers),
            _ => self.book_ticker(),
        }
    }

    #[inline(always)]
    fn depth<const AT_ONCE: bool, const ONE_BY_ONE: bool>(
        &mut self,
        buffers: &mut Buffers,
        ns_per_time_unit: u64,
    ) -> Option<Message<'m>> {
        self.take(br#"{"e":"depthUpdate","E":"#)?;
        let event_time = self.time(ns_per_time_unit)?;
        self.take(br#","s":""#)?;
        let symbol = self.text()?;
        self.take(br#","U":"#)?;
        let first_update_id = self.unsigned()?;
        self.take(br#","u":"#)?;
        let last_update_id = self.unsigned()?;
        self.take(br#","b":"#)?;
        self.sides::<_, AT_ONCE, ONE_BY_ONE>(br#","a":"#, buffers)?;
        self.take(b"}")?;
        let diff = DepthDiff { first_update_id, last_update_id, bids: &[], asks: &[] };
        Some(Message::Depth(DepthUpdate { event_time, symbol, diff }))
    }

    #[inline(always)]
    fn snapshot<const AT_ONCE: bool, const ONE_BY_ONE: bool>(
        &mut self,
        buffers: &mut Buffers,
    ) -> Option<Message<'m>> {
        self.take(br#"{"lastUpdateId":"#)?;
        let last_update_id = self.unsigned()?;
        self.take(br#","bids":"#)?;
        self.sides::<_, AT_ONCE, ONE_BY_ONE>(br#","asks":"#, buffers)?;
        self.take(b"}")?;
        Some(Message::Snapshot(DepthSnapshot { last_update_id, bids: &[], asks: &[] }))
    }

    /// Reads the levels of both sides.
    #[inline(always)]
    fn sides<const N: usize, const AT_ONCE: bool, const ONE_BY_ONE: bool>(
        &mut self,
        between: &[u8; N],
        buffers: &mut Buffers,
    ) -> Option<()> {
        let Buffers { bids, asks, blocks, .. } = buffers;
        if AT_ONCE
            && (!ONE_BY_ONE || blocks.is_to_be_tried())
            && let Some(rest) = blocks.sides(self.rest, between, bids, asks)
        {
            self.rest = rest;
            return Some(());
        }
        if !ONE_BY_ONE {
            return None;
        }
        self.rest = levels(self.rest, bids)?;
        self.take(between)?;
        self.rest = levels(self.rest, asks)?;
        Some(())
    }

    #[inline(always)]
    fn book_ticker(&mut self) -> Option<Message<'m>> {
        self.take(br#"{"u":"#)?;
        let update_id = self.unsigned()?;
        self.take(br#","s":""#)?;
        let symbol = self.text()?;
        self.take(br#","b":""#)?;
        let bid_price = self.price()?;
        self.take(br#"","B":""#)?;
        let bid_qty = self.qty()?;
        self.take(br#"","a":""#)?;
        let ask_price = self.price()?;
        self.take(br#"","A":""#)?;
        let ask_qty = self.qty()?;
        self.take(br#""}"#)?;
        let bid = Level { price: bid_price, qty: bid_qty };
        let ask = Level { price: ask_price, qty: ask_qty };
        let best = BestBidOffer { update_id, bid, ask };
        Some(Message::BookTicker(BookTicker { symbol, best }))
    }

    #[inline(always)]
    fn trade(&mut self, ns_per_time_unit: u64) -> Option<Message<'m>> {
        self.take(br#"{"e":"trade","E":"#)?;
        let event_time = self.time(ns_per_time_unit)?;
        self.take(br#","s":""#)?;
        let symbol = self.text()?;
        self.take(br#","t":"#)?;
        let trade_id = TradeId(self.unsigned()?);
        self.take(br#","p":""#)?;
        let price = self.price()?;
        self.take(br#"","q":""#)?;
        let qty = self.qty()?;
        self.take(br#"","T":"#)?;
        let time = self.time(ns_per_time_unit)?;
        let aggressor = self.aggressor()?;
        let trade = MarketTrade { trade_id, price, qty, time, aggressor };
        Some(Message::Trade(Trade { event_time, symbol, trade }))
    }

    #[inline(always)]
    fn aggregate_trade(&mut self, ns_per_time_unit: u64) -> Option<Message<'m>> {
        self.take(br#"{"e":"aggTrade","E":"#)?;
        let event_time = self.time(ns_per_time_unit)?;
        self.take(br#","s":""#)?;
        let symbol = self.text()?;
        self.take(br#","a":"#)?;
        let trade_id = TradeId(self.unsigned()?);
        self.take(br#","p":""#)?;
        let price = self.price()?;
        self.take(br#"","q":""#)?;
        let qty = self.qty()?;
        self.take(br#"","f":"#)?;
        let first_trade_id = self.unsigned()?;
        self.take(br#","l":"#)?;
        let last_trade_id = self.unsigned()?;
        self.take(br#","T":"#)?;
        let time = self.time(ns_per_time_unit)?;
        let aggressor = self.aggressor()?;
        let trade = MarketTrade { trade_id, price, qty, time, aggressor };
        Some(Message::AggregateTrade(AggregateTrade {
            event_time,
            symbol,
            trade,
            first_trade_id,
            last_trade_id,
        }))
    }

    /// The end of both trades: `,"m":true,"M":true}`.
    #[inline(always)]
    fn aggressor(&mut self) -> Option<Side> {
        const TRUE: u64 = u64::from_le_bytes(*b"true\0\0\0\0");
        const FALSE: u64 = u64::from_le_bytes(*b"false\0\0\0");
        self.take(br#","m":"#)?;
        // Which it is cannot be foreseen, so nothing branches on it: the next place is computed.
        let word = self.word(0)?;
        let buyer_is_maker = word & 0xffff_ffff == TRUE;
        #[allow(clippy::needless_bitwise_bool, reason = "a lazy operator would branch")]
        let is_bool = buyer_is_maker | (word & 0xff_ffff_ffff == FALSE);
        if !is_bool {
            return None;
        }
        let aggressor = if buyer_is_maker { Side::Sell } else { Side::Buy };
        self.rest = self.rest.get(5 - usize::from(buyer_is_maker)..)?;
        if self.take(br#","M":true}"#).is_none() {
            self.take(br#","M":false}"#)?;
        }
        Some(aggressor)
    }

    /// Steps over `expected`, if that is what comes.
    #[inline(always)]
    fn take<const N: usize>(&mut self, expected: &[u8; N]) -> Option<()> {
        self.rest = skip(self.rest, expected)?;
        Some(())
    }

    /// The eight characters from `at` on.
    #[inline(always)]
    fn word(&self, at: usize) -> Option<u64> {
        self.rest.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// Reads a text of plain ASCII, and its closing quote.
    #[inline(always)]
    fn text(&mut self) -> Option<&'m str> {
        let mut length = 0;
        loop {
            let ordinary = digits::ordinary(self.word(length)?);
            length += ordinary;
            if ordinary < 8 {
                break;
            }
        }
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        self.take(b"\"")?;
        core::str::from_utf8(text).ok()
    }

    /// Reads a time. That milliseconds have thirteen digits (until the year 2286) is a guess that
    /// makes the next field's place known before the digits are read.
    #[inline(always)]
    fn time(&mut self, ns_per_time_unit: u64) -> Option<Timestamp> {
        let units = match self.rest.get(13) {
            Some(b',') => self.thirteen_digits()?,
            _ => self.unsigned()?,
        };
        units.checked_mul(ns_per_time_unit).map(Timestamp)
    }

    #[inline(always)]
    fn thirteen_digits(&mut self) -> Option<u64> {
        let high = digits::values(self.word(0)?);
        let last = digits::values(self.word(5)?);
        if (digits::not_digits(high) | digits::not_digits(last)) != 0 || high.to_le_bytes()[0] == 0
        {
            return None;
        }
        self.rest = self.rest.get(13..)?;
        // Of the last eight the first three are among the high ones.
        Some(digits::eight(high) * 100_000 + digits::eight(last & !0xff_ffff))
    }

    /// Reads an integer of at most sixteen digits.
    #[inline(always)]
    fn unsigned(&mut self) -> Option<u64> {
        let values = digits::values(self.word(0)?);
        let count = digits::count(values);
        if count == 0 || (values.trailing_zeros() >= 8 && count > 1) {
            return None;
        }
        let high = digits::eight(digits::leading(values, count));
        if count < 8 {
            self.rest = self.rest.get(count..)?;
            return Some(high);
        }
        let values = digits::values(self.word(8)?);
        let count = digits::count(values);
        self.rest = self.rest.get(8 + count..)?;
        if count == 0 {
            return Some(high);
        }
        // Below 10^16: no overflow. A seventeenth digit is refused by whatever is taken next.
        let low = digits::eight(digits::leading(values, count));
        Some(high * POWERS[count] + low)
    }

    #[inline(always)]
    fn price(&mut self) -> Option<Price> {
        i64::try_from(self.decimal()?).ok().map(Price::from_units)
    }

    #[inline(always)]
    fn qty(&mut self) -> Option<Qty> {
        self.decimal().map(Qty::from_units)
    }

    /// Reads a decimal with exactly eight places, in units of 10^-8, up to its closing quote.
    #[inline(always)]
    fn decimal(&mut self) -> Option<u64> {
        let whole = digits::values(self.word(0)?);
        let count = digits::count(whole);
        if count == 0 || count == 8 {
            let (units, count) = decimal_of_any_length(self.rest)?;
            self.rest = self.rest.get(count + 9..)?;
            return Some(units);
        }
        let fraction = digits::values(self.word(count + 1)?);
        if (whole >> (8 * count)) & 0xff != POINT
            || digits::not_digits(fraction) != 0
            || (whole.trailing_zeros() >= 8 && count > 1)
        {
            return None;
        }
        self.rest = self.rest.get(count + 9..)?;
        Some(digits::eight(digits::leading(whole, count)) * ONE + digits::eight(fraction))
    }
}

/// A decimal point, as [`digits::values`] shows it.
const POINT: u64 = (b'.' ^ b'0') as u64;

/// Powers of ten.
const POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// What follows after `expected`.
#[inline(always)]
fn skip<'m, const N: usize>(text: &'m [u8], expected: &[u8; N]) -> Option<&'m [u8]> {
    let (head, rest) = text.split_first_chunk::<N>()?;
    (head == expected).then_some(rest)
}

/// Reads a decimal with exactly eight places and up to eleven digits before the point; gives its
/// units of 10^-8 and how many digits are before the point.
#[inline(never)]
fn decimal_of_any_length(text: &[u8]) -> Option<(u64, usize)> {
    let word = |at: usize| {
        let bytes = text.get(at..)?.first_chunk::<8>()?;
        Some(digits::values(u64::from_le_bytes(*bytes)))
    };
    let first = word(0)?;
    let mut count = digits::count(first);
    if count == 0 || (count > 1 && first.to_le_bytes()[0] == 0) {
        return None;
    }
    let mut whole = digits::eight(digits::leading(first, count));
    if count == 8 {
        let second = word(8)?;
        let more = digits::count(second);
        if more > 3 {
            return None;
        }
        if more > 0 {
            whole = whole * POWERS[more] + digits::eight(digits::leading(second, more));
        }
        count += more;
    }
    let fraction = word(count + 1)?;
    if text[count] != b'.' || digits::not_digits(fraction) != 0 {
        return None;
    }
    // Eleven nines and eight places stay below 2^64.
    Some((whole * ONE + digits::eight(fraction), count))
}

/// Reads `[["price","quantity"],...]`; gives what follows.
#[inline(never)]
fn levels<'m>(text: &'m [u8], side: &mut LevelBuffer) -> Option<&'m [u8]> {
    side.clear();
    if let Some(rest) = skip(text, b"[]") {
        return Some(rest);
    }
    let mut rest = skip(text, br#"[[""#)?;
    // How many digits the last price had before the point: the next will have as many.
    let mut price_digits = 5;
    let mut writer = side.writer();
    loop {
        let usual = rest.first_chunk().and_then(|window| usual_level(window, price_digits));
        let (level, length) = if let Some(read) = usual {
            read
        } else {
            let (level, length, digits) = any_level(rest)?;
            price_digits = digits;
            (level, length)
        };
        writer.push(level)?;
        rest = rest.get(length..)?;
        match skip(rest, br#""],[""#) {
            Some(next) => rest = next,
            None => break,
        }
    }
    writer.finish();
    skip(rest, br#""]]"#)
}

/// The bytes that [`usual_level`] may look at.
const WINDOW: usize = 48;

/// Reads `61837.63000000","0.32332000`, if the price has so many digits before the point and the
/// quantity up to seven; gives its length too.
///
/// One branch for all that may be wrong. The price's length is a guess, because the lengths of
/// neighbouring prices are the same: nothing waits for it to be read. The quantity's length
/// cannot be foreseen, so it is computed, without a branch.
#[inline(always)]
fn usual_level(window: &[u8; WINDOW], price_digits: usize) -> Option<(Level, usize)> {
    const BETWEEN: u64 = u32::from_le_bytes(*b"\",\"\0") as u64;
    let word = |at: usize| {
        let bytes = window[at..].first_chunk::<8>();
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    };
    // Masked so that no load can be outside the window; what was above seven is refused below,
    // since a length of zero has no least number.
    let price = price_digits & 7;
    let price_whole = digits::values(word(0));
    let price_fraction = digits::values(word(price + 1));
    let between = word(price + 9) & 0xff_ffff;
    let qty_whole = digits::values(word(price + 12));
    let qty = digits::count(qty_whole) & 7;
    let qty_fraction = digits::values(word(price + qty + 13));

    let price_start = digits::leading(price_whole, price);
    let not_digits = digits::not_digits(price_start)
        | digits::not_digits(price_fraction)
        | digits::not_digits(qty_fraction);
    let not_points =
        (((price_whole >> (8 * price)) ^ POINT) | ((qty_whole >> (8 * qty)) ^ POINT)) & 0xff;
    let price_units = digits::eight(price_start);
    let qty_units = digits::eight(digits::leading(qty_whole, qty));
    if not_digits | not_points | (between ^ BETWEEN) != 0
        || price_units < LEAST[price]
        || qty_units < LEAST[qty]
    {
        return None;
    }
    let level = Level {
        price: Price::from_units((price_units * ONE + digits::eight(price_fraction)) as i64),
        qty: Qty::from_units(qty_units * ONE + digits::eight(qty_fraction)),
    };
    Some((level, price + qty + 21))
}

/// The least number of so many digits without a leading zero; of none, there is no number.
const LEAST: [u64; 8] = [u64::MAX, 0, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

/// Reads a level as [`usual_level`], of any lengths and in any room; gives its length, and how
/// many digits the price has before the point.
#[inline(never)]
fn any_level(text: &[u8]) -> Option<(Level, usize, usize)> {
    let (price_units, price) = decimal_of_any_length(text)?;
    let rest = skip(text.get(price + 9..)?, br#"",""#)?;
    let (qty_units, qty) = decimal_of_any_length(rest)?;
    let level = Level {
        price: Price::from_units(i64::try_from(price_units).ok()?),
        qty: Qty::from_units(qty_units),
    };
    Some((level, price + qty + 21, price))
}
