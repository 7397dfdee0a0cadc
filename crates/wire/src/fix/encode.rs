//! Messages as bytes: constants and values, one behind the other, then what frames them.
//!
//! ```text
//!   |<- room for the head ->|  body                                     |
//!   |       8=FIX.4.4|9=178||35=8|34=..|49=..|52=..|56=..|37=..| ...     |10=163||
//!           ^ written last, backwards from the body
//! ```
//!
//! What does not change from message to message (tags, ids of the session) is laid down as one
//! piece; what does is written behind it. Nothing is padded: other engines compare lengths.

use tiercel_types::{Price, Qty};

use super::tag::Tag;
use super::value;
use super::{SOH, checksum};

/// Room for `8=..|9=..|` in front of a body.
const HEAD_ROOM: usize = 32;
/// The longest text of a number: a sign, twenty digits, a point.
const NUMBER_ROOM: usize = 24;
/// Decimal places of a price or a quantity.
const PLACES: usize = 8;

/// Writes one message after the other into one buffer, which grows to the largest and stays.
///
/// ```
/// use tiercel_wire::fix::{Encoder, tag};
/// let mut encoder = Encoder::new(b"FIX.4.4");
/// encoder.begin(b"0");
/// encoder.text(tag::TEST_REQ_ID, b"hello");
/// assert_eq!(encoder.finish(), b"8=FIX.4.4\x019=15\x0135=0\x01112=hello\x0110=186\x01");
/// ```
#[derive(Clone, Debug)]
pub struct Encoder {
    begin: Box<[u8]>,
    bytes: Vec<u8>,
}

impl Encoder {
    /// For messages of a version, such as `FIX.4.4`. A name of more than 16 bytes is cut.
    pub fn new(begin_string: &[u8]) -> Self {
        let name = &begin_string[..begin_string.len().min(16)];
        let begin = [b"8=", name, &[SOH], b"9="].concat().into_boxed_slice();
        Self { begin, bytes: Vec::with_capacity(1_024) }
    }

    /// Begins a message; one that was not finished is dropped.
    #[inline]
    pub fn begin(&mut self, message_type: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(&[0; HEAD_ROOM]);
        self.bytes.extend_from_slice(b"35=");
        self.bytes.extend_from_slice(message_type);
        self.bytes.push(SOH);
    }

    /// Whole fields, each with its end: a part that stays the same.
    #[inline]
    pub fn constant(&mut self, fields: &[u8]) {
        self.bytes.extend_from_slice(fields);
    }

    /// A field of text. The end of a field inside it would make two of it: it is cut there.
    #[inline]
    pub fn text(&mut self, tag: Tag, text: &[u8]) {
        self.tag(tag);
        let end = text.iter().position(|byte| *byte == SOH).unwrap_or(text.len());
        self.bytes.extend_from_slice(&text[..end]);
        self.bytes.push(SOH);
    }

    /// A field as it stood in another message.
    pub fn raw(&mut self, tag: Tag, value: &[u8]) {
        self.tag(tag);
        self.bytes.extend_from_slice(value);
        self.bytes.push(SOH);
    }

    /// A field of free bytes, behind the field of its length.
    pub fn data(&mut self, length: Tag, data: Tag, bytes: &[u8]) {
        self.unsigned(length, bytes.len() as u64);
        self.tag(data);
        self.bytes.extend_from_slice(bytes);
        self.bytes.push(SOH);
    }

    /// A field of one character.
    #[inline]
    pub fn character(&mut self, tag: Tag, character: u8) {
        self.tag(tag);
        self.bytes.extend_from_slice(&[character, SOH]);
    }

    /// A field of Y or N.
    #[inline]
    pub fn boolean(&mut self, tag: Tag, value: bool) {
        self.character(tag, if value { b'Y' } else { b'N' });
    }

    /// A field of a whole number.
    #[inline]
    pub fn unsigned(&mut self, tag: Tag, number: u64) {
        self.tag(tag);
        self.number(number);
        self.bytes.push(SOH);
    }

    /// A field of a whole number that may be negative.
    pub fn integer(&mut self, tag: Tag, number: i64) {
        self.tag(tag);
        if number < 0 {
            self.bytes.push(b'-');
        }
        self.number(number.unsigned_abs());
        self.bytes.push(SOH);
    }

    /// A price, exactly, with the fewest places.
    #[inline]
    pub fn price(&mut self, tag: Tag, price: Price) {
        self.tag(tag);
        if price.units() < 0 {
            self.bytes.push(b'-');
        }
        self.decimal(price.units().unsigned_abs());
        self.bytes.push(SOH);
    }

    /// A quantity, exactly, with the fewest places.
    #[inline]
    pub fn qty(&mut self, tag: Tag, qty: Qty) {
        self.tag(tag);
        self.decimal(qty.units());
        self.bytes.push(SOH);
    }

    /// Ends the message: its length, its head and its sum. All of its bytes, until the next begins.
    #[inline]
    pub fn finish(&mut self) -> &[u8] {
        let length = self.bytes.len().saturating_sub(HEAD_ROOM);
        let mut digits = [0; NUMBER_ROOM];
        let digits = digits_of(&mut digits, length as u64);
        let head = self.begin.len() + digits.len() + 1;
        // The head has room: 2 + 16 + 3 bytes, at most ten digits of a length that fits in memory.
        let from = HEAD_ROOM.saturating_sub(head);
        let (name, number) = self.bytes[from..HEAD_ROOM].split_at_mut(self.begin.len());
        name.copy_from_slice(&self.begin);
        number[..digits.len()].copy_from_slice(digits);
        number[digits.len()] = SOH;
        let sum = checksum(&self.bytes[from..]);
        let mut trailer = *b"10=000\x01";
        value::put_digits(&mut trailer[3..6], u64::from(sum));
        self.bytes.extend_from_slice(&trailer);
        &self.bytes[from..]
    }

    #[inline]
    fn tag(&mut self, tag: Tag) {
        self.number(u64::from(tag.0.unsigned_abs()));
        self.bytes.push(b'=');
    }

    #[inline]
    fn number(&mut self, number: u64) {
        let mut digits = [0; NUMBER_ROOM];
        self.bytes.extend_from_slice(digits_of(&mut digits, number));
    }

    /// `units` of 10^-8.
    #[inline]
    fn decimal(&mut self, units: u64) {
        const ONE: u64 = 100_000_000;
        self.number(units / ONE);
        let fraction = units % ONE;
        if fraction != 0 {
            let mut places = [b'.'; PLACES + 1];
            value::put_digits(&mut places[1..], fraction);
            let length = places.iter().rposition(|byte| *byte != b'0').unwrap_or(0) + 1;
            self.bytes.extend_from_slice(&places[..length]);
        }
    }
}

/// The decimal digits of a number, at the end of `room`.
#[inline]
fn digits_of(room: &mut [u8; NUMBER_ROOM], number: u64) -> &[u8] {
    let (mut at, mut rest) = (NUMBER_ROOM, number);
    loop {
        at -= 1;
        room[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 || at == 0 {
            return &room[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::message::decode;
    use crate::fix::{Decoder, tag};

    #[test]
    fn what_is_written_is_read() {
        let mut encoder = Encoder::new(b"FIX.4.4");
        let mut decoder = Decoder::default();
        for round in 0..3 {
            encoder.begin(b"8");
            encoder.constant(b"49=A\x0156=B\x01");
            encoder.unsigned(tag::MSG_SEQ_NUM, u64::MAX);
            encoder.integer(tag::REF_TAG_ID, i64::MIN);
            encoder.price(tag::LAST_PX, Price::from_units(-150_000_000));
            encoder.price(tag::PRICE, Price::from_units(6_183_763_000_000));
            encoder.qty(tag::LAST_QTY, Qty::from_units(1));
            encoder.qty(tag::LEAVES_QTY, Qty::from_units(300_000_000));
            encoder.boolean(tag::POSS_DUP_FLAG, true);
            encoder.data(tag::RAW_DATA_LENGTH, tag::RAW_DATA, b"a\x01b");
            encoder.text(tag::TEXT, &b"x".repeat(100 * round));
            let bytes = encoder.finish().to_vec();
            let message = decode(&mut decoder, &bytes).unwrap().unwrap();
            assert_eq!(message.bytes().len(), bytes.len());
            for (tag, value) in [
                (tag::SENDER_COMP_ID, &b"A"[..]),
                (tag::MSG_SEQ_NUM, b"18446744073709551615"),
                (tag::REF_TAG_ID, b"-9223372036854775808"),
                (tag::LAST_PX, b"-1.5"),
                (tag::PRICE, b"61837.63"),
                (tag::LAST_QTY, b"0.00000001"),
                (tag::LEAVES_QTY, b"3"),
                (tag::POSS_DUP_FLAG, b"Y"),
                (tag::RAW_DATA, b"a\x01b"),
            ] {
                assert_eq!(message.get(tag), Some(value), "{tag}");
            }
            assert_eq!(message.get(tag::TEXT).map(<[u8]>::len), Some(100 * round));
        }
    }

    #[test]
    fn a_text_cannot_add_fields() {
        let mut encoder = Encoder::new(b"FIX.4.4");
        encoder.begin(b"j");
        encoder.text(tag::TEXT, b"a\x0150=evil");
        assert_eq!(encoder.finish(), b"8=FIX.4.4\x019=10\x0135=j\x0158=a\x0110=021\x01");
    }
}
