//! Parameters as they are written: members of a JSON object, or pairs of a query string.

use tiercel_types::decimal::ONE;

use crate::piece::{HIGH, ONES, eight_digits, tail, zeros_in_front};

/// Eight characters '0'.
pub(super) const ZEROS: u64 = b'0' as u64 * ONES;

/// More than any parameter's name, with its quotes and what stands behind it.
const NAME: usize = 32;

/// A parameter's name, in both forms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    /// The name and the quote that begins a text, then zeros.
    json: [u8; NAME],
    pub(super) json_len: usize,
    pub(super) pair: &'static [u8],
}

/// A text with zeros behind it.
const fn with_zeros(text: &str) -> [u8; NAME] {
    let mut bytes = [0; NAME];
    bytes.split_at_mut(text.len()).0.copy_from_slice(text.as_bytes());
    bytes
}

macro_rules! name {
    ($($part:literal),+) => {
        Name {
            json: with_zeros(concat!("\"", $($part,)+ "\":\"")),
            json_len: concat!("\"", $($part,)+ "\":\"").len(),
            pair: concat!($($part,)+ "=").as_bytes(),
        }
    };
}

macro_rules! names {
    ($($constant:ident = $name:literal),+ $(,)?) => {
        $(pub(super) const $constant: Name = name!($name);)+
    };
}

names! {
    API_KEY = "apiKey",
    CANCEL_ORDER_ID = "cancelOrderId",
    CANCEL_ORIG_CLIENT_ORDER_ID = "cancelOrigClientOrderId",
    CANCEL_REPLACE_MODE = "cancelReplaceMode",
    FROM_ID = "fromId",
    LIMIT = "limit",
    NEW_CLIENT_ORDER_ID = "newClientOrderId",
    NEW_ORDER_RESP_TYPE = "newOrderRespType",
    NEW_QTY = "newQty",
    OMIT_ZERO_BALANCES = "omitZeroBalances",
    ORDER_ID = "orderId",
    ORIG_CLIENT_ORDER_ID = "origClientOrderId",
    PRICE = "price",
    QUANTITY = "quantity",
    RECV_WINDOW = "recvWindow",
    SELF_TRADE_PREVENTION_MODE = "selfTradePreventionMode",
    SIDE = "side",
    SIGNATURE = "signature",
    STOP_PRICE = "stopPrice",
    SYMBOL = "symbol",
    TIME_IN_FORCE = "timeInForce",
    TIMESTAMP = "timestamp",
    TYPE = "type",
}

/// The parameters of an order of a list, whose names begin with its place; some are those of a pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct LegNames {
    pub(super) client_order_id: Name,
    pub(super) price: Name,
    pub(super) stop_price: Name,
    pub(super) time_in_force: Name,
    pub(super) order_type: Name,
    pub(super) side: Name,
    pub(super) qty: Name,
}

macro_rules! legs {
    ($($constant:ident = $prefix:literal, $side:literal, $qty:literal);+ $(;)?) => {
        $(pub(super) const $constant: LegNames = LegNames {
            client_order_id: name!($prefix, "ClientOrderId"),
            price: name!($prefix, "Price"),
            stop_price: name!($prefix, "StopPrice"),
            time_in_force: name!($prefix, "TimeInForce"),
            order_type: name!($prefix, "Type"),
            side: name!($side),
            qty: name!($qty),
        };)+
    };
}

legs! {
    ABOVE = "above", "side", "quantity";
    BELOW = "below", "side", "quantity";
    WORKING = "working", "workingSide", "workingQuantity";
    PENDING = "pending", "pendingSide", "pendingQuantity";
    PENDING_ABOVE = "pendingAbove", "pendingSide", "pendingQuantity";
    PENDING_BELOW = "pendingBelow", "pendingSide", "pendingQuantity";
}

/// What is said of a request itself, for who is to believe it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp<'a> {
    pub(super) api_key: Option<&'a str>,
    /// None where a request has no time.
    pub(super) time_ms: Option<u64>,
    pub(super) recv_window_ms: Option<u32>,
}

impl Stamp<'_> {
    #[inline]
    pub(super) fn api_key(&self, params: &mut impl Params) {
        if let Some(key) = self.api_key {
            params.text(API_KEY, key.as_bytes());
        }
    }

    #[inline]
    pub(super) fn recv_window(&self, params: &mut impl Params) {
        if let (Some(window_ms), Some(_)) = (self.recv_window_ms, self.time_ms) {
            params.number(RECV_WINDOW, u64::from(window_ms));
        }
    }

    #[inline]
    pub(super) fn timestamp(&self, params: &mut impl Params) {
        if let Some(time_ms) = self.time_ms {
            params.number(TIMESTAMP, time_ms);
        }
    }
}

/// Where parameters are written to. Each leaves a separator behind it, which `finish` takes away.
pub(super) trait Params {
    /// A text from outside, in UTF-8.
    fn text(&mut self, name: Name, text: &[u8]);
    /// A word of the interface.
    fn word(&mut self, name: Name, word: &'static str);
    /// A whole number.
    fn number(&mut self, name: Name, number: u64);
    /// `units` of 10^-8, with so many places, or all eight if they are needed.
    fn decimal(&mut self, name: Name, units: u64, digits: u32);
    /// Takes the last separator away.
    fn finish(&mut self);
}

/// Where bytes are written to, one behind the other.
pub(super) trait Sink {
    /// The first `count` of these bytes, of which there may be more for a moment.
    fn piece<const N: usize>(&mut self, bytes: &[u8; N], count: usize);
    /// All of these.
    fn bytes(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    #[inline]
    fn piece<const N: usize>(&mut self, bytes: &[u8; N], count: usize) {
        let end = self.len() + count;
        self.extend_from_slice(bytes);
        self.truncate(end);
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A text in the making, in memory that is there already: a piece of it is one store.
#[derive(Clone, Debug)]
pub(super) struct Scratch {
    room: Vec<u8>,
    len: usize,
}

impl Scratch {
    pub(super) fn new(room: usize) -> Self {
        Self { room: vec![0; room], len: 0 }
    }

    pub(super) const fn clear(&mut self) {
        self.len = 0;
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.room.get(..self.len).unwrap_or_default()
    }

    #[cold]
    fn grow(&mut self) {
        self.room.resize(2 * self.room.len().max(NAME), 0);
    }
}

impl Sink for Scratch {
    #[inline]
    fn piece<const N: usize>(&mut self, bytes: &[u8; N], count: usize) {
        loop {
            let rest = self.room.get_mut(self.len..);
            if let Some(place) = rest.and_then(<[u8]>::first_chunk_mut::<N>) {
                *place = *bytes;
                self.len += count;
                return;
            }
            self.grow();
        }
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        let (chunks, rest) = bytes.as_chunks::<16>();
        for chunk in chunks {
            self.piece(chunk, chunk.len());
        }
        if !rest.is_empty() {
            self.piece(&tail(bytes), rest.len());
        }
    }
}

/// What a request of the `WebSocket` interface begins with.
pub(super) const ID: &[u8; 6] = b"{\"id\":";

/// Writes a request's id.
#[inline]
pub(super) fn put_id(out: &mut Scratch, id: u64) {
    out.piece(ID, ID.len());
    put_number(out, id);
}

/// Writes a request's method, and what its parameters begin with.
#[inline]
pub(super) fn put_method(out: &mut Scratch, method: &str) {
    out.piece(b",\"method\":\"", 11);
    out.bytes(method.as_bytes());
    out.piece(b"\",\"params\":{", 12);
}

/// Writes what stands behind a request's parameters.
#[inline]
pub(super) fn put_end(out: &mut Scratch) {
    out.piece(b"}}", 2);
}

/// Members of a JSON object.
pub(super) struct Json<'o>(pub(super) &'o mut Scratch);

impl Json<'_> {
    /// The name, and the quote behind it where a text follows.
    #[inline]
    fn name(&mut self, name: Name, is_text: bool) {
        self.0.piece(&name.json, name.json_len - usize::from(!is_text));
    }
}

impl Params for Json<'_> {
    #[inline]
    fn text(&mut self, name: Name, text: &[u8]) {
        self.name(name, true);
        put_text(self.0, text);
        self.0.piece(b"\",", 2);
    }

    #[inline]
    fn word(&mut self, name: Name, word: &'static str) {
        self.name(name, true);
        self.0.bytes(word.as_bytes());
        self.0.piece(b"\",", 2);
    }

    #[inline]
    fn number(&mut self, name: Name, number: u64) {
        self.name(name, false);
        put_number(self.0, number);
        self.0.piece(b",", 1);
    }

    #[inline]
    fn decimal(&mut self, name: Name, units: u64, digits: u32) {
        self.name(name, true);
        put_decimal(self.0, units, digits);
        self.0.piece(b"\",", 2);
    }

    #[inline]
    fn finish(&mut self) {
        if self.0.as_bytes().last() == Some(&b',') {
            self.0.len -= 1;
        }
    }
}

/// Pairs of a query string, percent-encoded or as they are.
pub(super) struct Pairs<'o, const ENCODED: bool>(pub(super) &'o mut Vec<u8>);

impl<const ENCODED: bool> Params for Pairs<'_, ENCODED> {
    #[inline]
    fn text(&mut self, name: Name, text: &[u8]) {
        self.0.extend_from_slice(name.pair);
        if ENCODED {
            put_encoded(self.0, text);
        } else {
            self.0.extend_from_slice(text);
        }
        self.0.push(b'&');
    }

    #[inline]
    fn word(&mut self, name: Name, word: &'static str) {
        self.0.extend_from_slice(name.pair);
        self.0.extend_from_slice(word.as_bytes());
        self.0.push(b'&');
    }

    #[inline]
    fn number(&mut self, name: Name, number: u64) {
        self.0.extend_from_slice(name.pair);
        put_number(self.0, number);
        self.0.push(b'&');
    }

    #[inline]
    fn decimal(&mut self, name: Name, units: u64, digits: u32) {
        self.0.extend_from_slice(name.pair);
        put_decimal(self.0, units, digits);
        self.0.push(b'&');
    }

    #[inline]
    fn finish(&mut self) {
        self.0.pop_if(|last| *last == b'&');
    }
}

/// Whether JSON has the byte only as an escape.
const fn needs_escape(byte: u8) -> bool {
    matches!(byte, ..0x20 | b'"' | b'\\')
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Whether JSON has a byte of a text only as an escape: eight at a time.
#[inline]
pub(super) fn needs_escapes(text: &[u8]) -> bool {
    const QUOTES: u64 = ONES * b'"' as u64;
    const BACKSLASHES: u64 = ONES * b'\\' as u64;
    let (words, rest) = text.as_chunks::<8>();
    let found = words.iter().fold(0, |found, word| {
        let word = u64::from_le_bytes(*word);
        let is_zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        // A borrow may find one more, above the first that is there: never one where there is none.
        found | control | is_zero(word ^ QUOTES) | is_zero(word ^ BACKSLASHES)
    });
    found & HIGH != 0 || rest.iter().any(|byte| needs_escape(*byte))
}

/// Writes a text as JSON has it between its quotes.
#[inline]
pub(super) fn put_text(out: &mut impl Sink, text: &[u8]) {
    if needs_escapes(text) {
        put_escaped(out, text);
    } else {
        out.bytes(text);
    }
}

#[cold]
fn put_escaped(out: &mut impl Sink, text: &[u8]) {
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.piece(&[b'\\', byte], 2),
            ..0x20 => {
                out.piece(b"\\u00", 4);
                out.piece(&[byte >> 4, byte & 0xF].map(|half| HEX[usize::from(half)]), 2);
            }
            _ => out.piece(&[byte], 1),
        }
    }
}

/// Percent-encoding (RFC 3986, section 2): all but unreserved characters.
fn put_encoded(out: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(byte);
        } else {
            let [high, low] = [byte >> 4, byte & 0xF].map(|half| HEX[usize::from(half)]);
            out.extend_from_slice(&[b'%', high, low]);
        }
    }
}

/// Writes a whole number behind `out`.
#[inline]
pub(super) fn put_number(out: &mut impl Sink, number: u64) {
    if number < ONE {
        put_low(out, number);
    } else if number < ONE * ONE {
        put_low(out, number / ONE);
        put_eight(out, number % ONE);
    } else {
        put_low(out, number / ONE / ONE);
        put_eight(out, number / ONE % ONE);
        put_eight(out, number % ONE);
    }
}

/// Writes a number below 10^8: eight bytes, of which the last are taken back.
#[inline]
fn put_low(out: &mut impl Sink, number: u64) {
    let digits = eight_digits(number);
    let zeros = zeros_in_front(digits);
    out.piece(&((digits | ZEROS) >> (8 * zeros)).to_le_bytes(), 8 - zeros);
}

/// Writes all eight digits of a number below 10^8.
#[inline]
fn put_eight(out: &mut impl Sink, number: u64) {
    out.piece(&(eight_digits(number) | ZEROS).to_le_bytes(), 8);
}

/// Writes `units` of 10^-8 behind `out`, with `digits` places: with all eight where fewer would
/// change the value.
#[inline]
pub(super) fn put_decimal(out: &mut impl Sink, units: u64, digits: u32) {
    put_number(out, units / ONE);
    let places = eight_digits(units % ONE);
    let count = places_shown(places, digits);
    if count > 0 {
        out.piece(b".", 1);
        out.piece(&(places | ZEROS).to_le_bytes(), count);
    }
}

/// How many of eight places are written where `digits` usually are: all where fewer would change the value.
#[inline]
pub(super) fn places_shown(places: u64, digits: u32) -> usize {
    // Zeros at the end are the high bytes.
    let needed = 8 - places.leading_zeros() / 8;
    let count = if needed > digits { 8 } else { digits.min(8) };
    count as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tiercel_types::Qty;

    use super::*;

    proptest! {
        #[test]
        fn what_needs_escapes_is_found(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            let ordinary: Vec<u8> = text.iter().map(|byte| byte.clamp(&b'#', &b'[')).copied().collect();
            prop_assert!(!needs_escapes(&ordinary));
            prop_assert_eq!(needs_escapes(&text), text.iter().any(|byte| needs_escape(*byte)));
        }

        #[test]
        fn a_scratch_holds_what_was_written(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..20),
            room in 0..100_usize,
        ) {
            let (mut scratch, mut expected) = (Scratch::new(room), Vec::new());
            for part in &parts {
                scratch.bytes(part);
                Sink::bytes(&mut expected, part);
                for sink in [&mut scratch as &mut dyn FnMutSink, &mut expected] {
                    sink.three(part.len() as u8);
                }
            }
            prop_assert_eq!(scratch.as_bytes(), &expected);
        }
    }

    /// Three of five bytes.
    trait FnMutSink {
        fn three(&mut self, byte: u8);
    }

    impl<S: Sink> FnMutSink for S {
        fn three(&mut self, byte: u8) {
            self.piece(&[byte, 1, 2, 3, 4], 3);
        }
    }

    fn decimal(units: u64, digits: u32) -> String {
        let mut out = b"x".to_vec();
        put_decimal(&mut out, units, digits);
        String::from_utf8(out.split_off(1)).unwrap()
    }

    #[test]
    fn decimals_have_their_digits_and_never_lose_any() {
        for (units, digits, expected) in [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (1, 2, "0.00000001"),
            (150_000_000, 0, "1.50000000"),
            (150_000_000, 2, "1.50"),
            (100_000_000, 0, "1"),
            (6_183_763_000_000, 2, "61837.63"),
            (u64::MAX, 8, "184467440737.09551615"),
            (7, 99, "0.00000007"),
        ] {
            assert_eq!(decimal(units, digits), expected);
        }
    }

    proptest! {
        #[test]
        fn decimals_are_exact(units: u64, shift in 0..64_u32, digits in 0..12_u32) {
            let units = units >> shift;
            let text = decimal(units, digits);
            prop_assert_eq!(text.parse::<Qty>(), Ok(Qty::from_units(units)));
            let places = text.split_once('.').map_or(0, |(_, places)| places.len() as u32);
            prop_assert!(places == digits.min(8) || places == 8);
        }

        #[test]
        fn numbers_are_whole(number: u64, shift in 0..64_u32) {
            let mut out = Vec::new();
            put_number(&mut out, number >> shift);
            prop_assert_eq!(String::from_utf8(out).unwrap(), (number >> shift).to_string());
        }
    }
}
