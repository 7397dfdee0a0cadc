//! Parameters as they are written: members of a JSON object, or pairs of a query string.

use tiercel_types::decimal::ONE;

use crate::piece::{ONES, eight_digits, zeros_in_front};

/// Eight characters '0'.
const ZEROS: u64 = b'0' as u64 * ONES;

/// A parameter's name, in both forms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    json: &'static [u8],
    pair: &'static [u8],
}

macro_rules! names {
    ($($constant:ident = $name:literal),+ $(,)?) => {
        $(pub(super) const $constant: Name = Name {
            json: concat!("\"", $name, "\":").as_bytes(),
            pair: concat!($name, "=").as_bytes(),
        };)+
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
    SYMBOL = "symbol",
    TIME_IN_FORCE = "timeInForce",
    TIMESTAMP = "timestamp",
    TYPE = "type",
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

/// Members of a JSON object.
pub(super) struct Json<'o>(pub(super) &'o mut Vec<u8>);

impl Params for Json<'_> {
    #[inline]
    fn text(&mut self, name: Name, text: &[u8]) {
        self.0.extend_from_slice(name.json);
        self.0.push(b'"');
        if text.iter().any(|byte| needs_escape(*byte)) {
            put_escaped(self.0, text);
        } else {
            self.0.extend_from_slice(text);
        }
        self.0.extend_from_slice(b"\",");
    }

    #[inline]
    fn word(&mut self, name: Name, word: &'static str) {
        self.0.extend_from_slice(name.json);
        self.0.push(b'"');
        self.0.extend_from_slice(word.as_bytes());
        self.0.extend_from_slice(b"\",");
    }

    #[inline]
    fn number(&mut self, name: Name, number: u64) {
        self.0.extend_from_slice(name.json);
        put_number(self.0, number);
        self.0.push(b',');
    }

    #[inline]
    fn decimal(&mut self, name: Name, units: u64, digits: u32) {
        self.0.extend_from_slice(name.json);
        self.0.push(b'"');
        put_decimal(self.0, units, digits);
        self.0.extend_from_slice(b"\",");
    }

    #[inline]
    fn finish(&mut self) {
        self.0.pop_if(|last| *last == b',');
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

#[cold]
fn put_escaped(out: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            ..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[byte >> 4, byte & 0xF].map(|half| HEX[usize::from(half)]));
            }
            _ => out.push(byte),
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
pub(super) fn put_number(out: &mut Vec<u8>, number: u64) {
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
fn put_low(out: &mut Vec<u8>, number: u64) {
    let digits = eight_digits(number);
    let zeros = zeros_in_front(digits);
    let end = out.len() + 8 - zeros;
    out.extend_from_slice(&((digits | ZEROS) >> (8 * zeros)).to_le_bytes());
    out.truncate(end);
}

/// Writes all eight digits of a number below 10^8.
#[inline]
fn put_eight(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&(eight_digits(number) | ZEROS).to_le_bytes());
}

/// Writes `units` of 10^-8 behind `out`, with `digits` places: with all eight where fewer would
/// change the value.
#[inline]
fn put_decimal(out: &mut Vec<u8>, units: u64, digits: u32) {
    put_number(out, units / ONE);
    let places = eight_digits(units % ONE);
    // Zeros at the end are the high bytes.
    let needed = 8 - places.leading_zeros() / 8;
    let count = if needed > digits { 8 } else { digits.min(8) };
    if count > 0 {
        out.push(b'.');
        let end = out.len() + count as usize;
        out.extend_from_slice(&(places | ZEROS).to_le_bytes());
        out.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tiercel_types::Qty;

    use super::*;

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
