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

use tiercel_types::{Price, Qty, Timestamp};

use super::message::find_end;
use super::tag::Tag;
use super::value::TimeWriter;
use super::{SOH, checksum};
use crate::piece::{self, ONES, eight_digits, sum_of_16, zeros_in_front};

/// Room for `8=..|9=..|` in front of a body, and for what is written with it and does not count.
const HEAD_ROOM: usize = 40;
/// The longest version, as it is written: `8=`, sixteen characters, and `|9=`.
const BEGIN_SIZE_MAX: usize = 21;
/// What is kept free behind a message, whatever it has: twice the longest field of a number or a time,
/// so that a place in the first half has room for any piece.
const ROOM: usize = 128;
/// Zeros, and places of a decimal.
const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
const ONE: u64 = 100_000_000;

/// Writes one message after the other into one buffer, which grows to the largest and stays.
///
/// Pieces are written whole, in two to sixteen bytes, and count as far as they are used: what is
/// behind is written over by the next. So no piece costs a call or a loop over bytes. Each field asks
/// once whether there is room for it, and its bytes are added up from the registers that they are
/// written from: nothing is read again for the sum at the end. Methods are inlined, so that of a tag
/// or a text that is constant its bytes and their sum are constants too.
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
    /// `8=..|9=`, at the end of its room.
    begin: [u8; 24],
    begin_size: usize,
    /// The sum of `begin` and of the end of the length behind it.
    begin_sum: u64,
    /// The message so far ends at `end`, and its body adds up to `sum`, of which the lowest byte counts.
    bytes: Vec<u8>,
    end: usize,
    sum: u64,
    times: TimeWriter,
}

impl Encoder {
    /// For messages of a version, such as `FIX.4.4`. A name of more than 16 bytes is cut.
    pub fn new(begin_string: &[u8]) -> Self {
        let name = &begin_string[..begin_string.len().min(BEGIN_SIZE_MAX - 5)];
        let text = [b"8=", name, &[SOH], b"9="].concat();
        let mut begin = [0; 24];
        begin[24 - text.len()..].copy_from_slice(&text);
        Self {
            begin,
            begin_size: text.len(),
            begin_sum: u64::from(checksum(&begin)) + u64::from(SOH),
            bytes: vec![0; 1_024],
            end: HEAD_ROOM,
            sum: 0,
            times: TimeWriter::default(),
        }
    }

    /// Begins a message; one that was not finished is dropped.
    #[inline(always)]
    pub fn begin(&mut self, message_type: &[u8]) {
        (self.end, self.sum) = (HEAD_ROOM, 0);
        self.put_tag(super::tag::MSG_TYPE);
        self.copy(message_type);
        self.end_field();
    }

    /// Whole fields, each with its end: a part that stays the same.
    #[inline(always)]
    pub fn constant(&mut self, fields: &[u8]) {
        self.copy(fields);
    }

    /// Room for a field, or a part of one, of at most 64 bytes.
    #[inline(always)]
    fn room(&mut self) -> Option<Room<'_>> {
        let stop = self.end + ROOM;
        if self.bytes.len() < stop {
            self.grow(stop);
        }
        let Self { bytes, end, sum, .. } = self;
        let bytes = bytes.get_mut(*end..stop)?.first_chunk_mut()?;
        Some(Room { bytes, start: *end, at: 0, total: *sum, end, sum })
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, size: usize) {
        self.bytes.resize((2 * self.bytes.len()).max(size), 0);
    }

    #[inline(always)]
    fn put_tag(&mut self, tag: Tag) {
        if let Some(mut room) = self.room() {
            room.tag(tag);
            room.done();
        }
    }

    /// Writes the end of a field.
    #[inline(always)]
    fn end_field(&mut self) {
        if let Some(mut room) = self.room() {
            room.end();
            room.done();
        }
    }

    /// Writes bytes as they are.
    #[inline(always)]
    fn copy(&mut self, bytes: &[u8]) {
        let (pieces, _) = bytes.as_chunks::<16>();
        for piece in pieces {
            self.copy_piece(*piece, 16);
        }
        if !bytes.len().is_multiple_of(16) {
            self.copy_piece(piece::tail(bytes), bytes.len() % 16);
        }
    }

    #[inline(always)]
    fn copy_piece(&mut self, piece: [u8; 16], used: usize) {
        if let Some(mut room) = self.room() {
            room.put_text(piece, used);
            room.done();
        }
    }

    /// A field of text. The end of a field inside it would make two of it: it is cut there.
    #[inline(always)]
    pub fn text(&mut self, tag: Tag, text: &[u8]) {
        match piece::padded(text).filter(|piece| !piece::has(SOH, *piece)) {
            Some(piece) => {
                if let Some(mut room) = self.room() {
                    room.tag(tag);
                    room.put_text(piece, text.len());
                    room.end();
                    room.done();
                }
            }
            None => self.long_text(tag, text),
        }
    }

    #[inline(never)]
    fn long_text(&mut self, tag: Tag, text: &[u8]) {
        self.raw(tag, &text[..find_end(text, 0)]);
    }

    /// A field as it stood in another message.
    pub fn raw(&mut self, tag: Tag, value: &[u8]) {
        self.put_tag(tag);
        self.copy(value);
        self.end_field();
    }

    /// A field of free bytes, behind the field of its length.
    pub fn data(&mut self, length: Tag, data: Tag, bytes: &[u8]) {
        self.unsigned(length, bytes.len() as u64);
        self.raw(data, bytes);
    }

    /// A field of one character.
    #[inline(always)]
    pub fn character(&mut self, tag: Tag, character: u8) {
        if let Some(mut room) = self.room() {
            room.tag(tag);
            room.put([character, SOH], 2, u64::from(character) + u64::from(SOH));
            room.done();
        }
    }

    /// A field of Y or N.
    #[inline]
    pub fn boolean(&mut self, tag: Tag, value: bool) {
        self.character(tag, if value { b'Y' } else { b'N' });
    }

    /// A field of a whole number.
    #[inline(always)]
    pub fn unsigned(&mut self, tag: Tag, number: u64) {
        if let Some(mut room) = self.room() {
            room.tag(tag);
            room.number(number);
            room.end();
            room.done();
        }
    }

    /// A field of a whole number that may be negative.
    pub fn integer(&mut self, tag: Tag, number: i64) {
        if let Some(mut room) = self.room() {
            room.tag(tag);
            room.sign(number);
            room.number(number.unsigned_abs());
            room.end();
            room.done();
        }
    }

    /// A price, exactly, with the fewest places.
    #[inline(always)]
    pub fn price(&mut self, tag: Tag, price: Price) {
        if let Some(mut room) = self.room() {
            room.tag(tag);
            room.sign(price.units());
            room.decimal(price.units().unsigned_abs());
            room.done();
        }
    }

    /// A quantity, exactly, with the fewest places.
    #[inline(always)]
    pub fn qty(&mut self, tag: Tag, qty: Qty) {
        if let Some(mut room) = self.room() {
            room.tag(tag);
            room.decimal(qty.units());
            room.done();
        }
    }

    /// A time, cut to the millisecond, as [`TimeWriter`] writes it. The minute of the one before is
    /// remembered.
    #[inline(always)]
    pub fn time(&mut self, tag: Tag, time: Timestamp) {
        let (minute, minute_sum, digits) = self.times.parts(time);
        if let Some(mut room) = self.room() {
            room.tag(tag);
            // The last byte of the piece is written over: the minute has fifteen.
            room.put(minute, 15, minute_sum);
            let text = TimeWriter::second_text(digits) | u64::from(SOH) << 48;
            let sum = sum_of_digits(digits, 5) + u64::from(b'.') + u64::from(SOH);
            room.put(text.to_le_bytes(), 7, sum);
            room.done();
        }
    }

    /// Ends the message: its length, its head and its sum. All of its bytes, until the next begins.
    #[inline]
    pub fn finish(&mut self) -> &[u8] {
        let length = (self.end - HEAD_ROOM) as u64;
        // Right before the body; in front of the digits there is room for what does not count.
        let digits = if length < ONE { eight_digits(length) } else { 0 };
        let count = 8 - zeros_in_front(digits);
        let from = HEAD_ROOM - 1 - count - self.begin_size;
        if let Some((room, _)) = self.bytes.split_first_chunk_mut::<HEAD_ROOM>() {
            room[HEAD_ROOM - 9..HEAD_ROOM - 1].copy_from_slice(&(digits | ZEROS).to_le_bytes());
            room[HEAD_ROOM - 1] = SOH;
            let name = HEAD_ROOM - 1 - count;
            room[name - 24..name].copy_from_slice(&self.begin);
        }
        let sum = (self.sum + self.begin_sum + sum_of_digits(digits, count)) as u8;
        if let Some(mut room) = self.room() {
            let [hundreds, tens, ones] =
                [sum / 100, sum / 10 % 10, sum % 10].map(|digit| digit + b'0');
            room.put([b'1', b'0', b'=', hundreds, tens, ones, SOH, 0], 7, 0);
            room.done();
        }
        &self.bytes[from..self.end]
    }
}

/// Where a field is written: behind the message so far.
struct Room<'a> {
    bytes: &'a mut [u8; ROOM],
    start: usize,
    at: usize,
    total: u64,
    /// The message's own, which are told when the field is done: until then all is in registers.
    end: &'a mut usize,
    sum: &'a mut u64,
}

impl Room<'_> {
    /// Writes a piece, of which so many bytes count, and adds their sum.
    #[inline(always)]
    fn put<const N: usize>(&mut self, piece: [u8; N], used: usize, sum: u64) {
        debug_assert!(N <= 16 && self.at < ROOM / 2, "no field is longer");
        if let Some(place) = self.bytes[self.at % (ROOM / 2)..].first_chunk_mut() {
            *place = piece;
        }
        self.at += used;
        self.total = self.total.wrapping_add(sum);
    }

    /// Writes a part of a text, with zeros behind it.
    #[inline(always)]
    fn put_text(&mut self, piece: [u8; 16], used: usize) {
        self.put(piece, used, sum_of_16(piece));
    }

    /// What was written belongs to the message.
    #[inline(always)]
    fn done(self) {
        *self.end = self.start + self.at;
        *self.sum = self.total;
    }

    /// The end of the field.
    #[inline(always)]
    fn end(&mut self) {
        self.put([SOH], 1, u64::from(SOH));
    }

    /// A tag and what follows it: of a constant tag one store.
    #[inline(always)]
    fn tag(&mut self, tag: Tag) {
        let number = tag.0.unsigned_abs();
        let digit = |place: u32| b'0' + (number / place % 10) as u8;
        let (piece, used) = match number {
            ..10 => ([digit(1), b'=', 0, 0], 2),
            10..100 => ([digit(10), digit(1), b'=', 0], 3),
            100..1_000 => ([digit(100), digit(10), digit(1), b'='], 4),
            _ => {
                self.number(u64::from(number));
                ([b'=', 0, 0, 0], 1)
            }
        };
        self.put(piece, used, piece.iter().map(|byte| u64::from(*byte)).sum());
    }

    /// The sign of a number, if it is negative.
    #[inline(always)]
    fn sign(&mut self, number: i64) {
        let is_negative = u64::from(number < 0);
        self.put([b'-'], is_negative as usize, is_negative * u64::from(b'-'));
    }

    #[inline(always)]
    fn number(&mut self, number: u64) {
        // What is before the point of a quantity, as a rule.
        if number < 10 {
            self.put([b'0' + number as u8], 1, u64::from(b'0') + number);
        } else if number < ONE {
            self.low_number(number);
        } else if number < ONE * ONE {
            self.low_number(number / ONE);
            self.all_digits(number % ONE);
        } else {
            self.low_number(number / ONE / ONE);
            self.all_digits(number / ONE % ONE);
            self.all_digits(number % ONE);
        }
    }

    /// A number of at most eight digits.
    #[inline(always)]
    fn low_number(&mut self, number: u64) {
        let digits = eight_digits(number);
        let zeros = zeros_in_front(digits);
        let piece = (digits | ZEROS) >> (8 * zeros);
        self.put(piece.to_le_bytes(), 8 - zeros, sum_of_digits(digits, 8 - zeros));
    }

    /// The last eight digits of a longer number.
    #[inline(always)]
    fn all_digits(&mut self, number: u64) {
        let digits = eight_digits(number);
        self.put((digits | ZEROS).to_le_bytes(), 8, sum_of_digits(digits, 8));
    }

    /// `units` of 10^-8, and the field's end.
    #[inline(always)]
    fn decimal(&mut self, units: u64) {
        self.number(units / ONE);
        // Zeros at the end are the high bytes.
        let places = eight_digits(units % ONE);
        let count = 8 - (places.leading_zeros() / 8) as usize;
        let has_places = u64::from(count > 0);
        self.put([b'.'], has_places as usize, has_places * u64::from(b'.'));
        self.put((places | ZEROS).to_le_bytes(), count, sum_of_digits(places, count));
        self.end();
    }
}

/// The sum of so many characters: digits, the others of eight being zeros.
#[inline(always)]
const fn sum_of_digits(digits: u64, count: usize) -> u64 {
    (digits.wrapping_mul(ONES) >> 56) + count as u64 * b'0' as u64
}

#[cfg(test)]
mod tests {
    use core::fmt::Write as _;

    use proptest::prelude::*;

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

    /// What the encoder does, without its pieces.
    #[derive(Default)]
    struct Plain(String);

    impl Plain {
        fn field(&mut self, tag: Tag, value: impl core::fmt::Display) {
            write!(self.0, "{tag}={value}\x01").unwrap();
        }

        fn finish(&self) -> Vec<u8> {
            let text = format!("8=FIX.4.4\x019={}\x01{}", self.0.len(), self.0);
            let sum = text.bytes().fold(0_u8, u8::wrapping_add);
            format!("{text}10={sum:03}\x01").into_bytes()
        }
    }

    fn decimal(units: u64) -> String {
        let text = format!("{}.{:08}", units / ONE, units % ONE);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        #[test]
        fn pieces_make_what_fields_say(
            fields in proptest::collection::vec(
                (0..8_u8, 1..20_000_i32, any::<u64>(), 0..64_u32, "[ -~]{0,70}"),
                0..40,
            ),
        ) {
            let mut encoder = Encoder::new(b"FIX.4.4");
            // What was written before does not show.
            encoder.begin(b"8");
            encoder.text(tag::TEXT, &[b'~'; 700]);
            encoder.begin(b"8");
            let mut plain = Plain::default();
            plain.field(tag::MSG_TYPE, "8");
            for (sort, tag, word, shift, text) in fields {
                let (tag, number) = (Tag(tag), word >> shift);
                match sort {
                    0 => (encoder.unsigned(tag, number), plain.field(tag, number)).1,
                    1 => (encoder.integer(tag, number as i64), plain.field(tag, number as i64)).1,
                    2 => {
                        let units = number as i64;
                        encoder.price(tag, Price::from_units(units));
                        let sign = if units < 0 { "-" } else { "" };
                        plain.field(tag, format!("{sign}{}", decimal(units.unsigned_abs())));
                    }
                    3 => {
                        encoder.qty(tag, Qty::from_units(number));
                        plain.field(tag, decimal(number));
                    }
                    4 => (encoder.character(tag, b'x'), plain.field(tag, 'x')).1,
                    5 => {
                        let text = format!("58={text}\x01");
                        encoder.constant(text.as_bytes());
                        plain.0 += &text;
                    }
                    6 if word % 3 == 0 => {
                        encoder.time(tag, Timestamp(number));
                        plain.field(tag, TimeWriter::default().write(Timestamp(number)).escape_ascii());
                    }
                    6 => (encoder.boolean(tag, word % 2 == 0), {
                        plain.field(tag, if word % 2 == 0 { 'Y' } else { 'N' });
                    }).1,
                    _ => (encoder.text(tag, text.as_bytes()), plain.field(tag, text)).1,
                }
            }
            let expected = plain.finish();
            prop_assert_eq!(
                encoder.finish().escape_ascii().to_string(),
                expected.escape_ascii().to_string()
            );
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
