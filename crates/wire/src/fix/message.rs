//! The fields of a message, found once and read where they lie.

use thiserror::Error;

use super::frame::TRAILER_BYTES;
use super::tag::{self, Tag};
use super::value;
use super::{Frame, SOH};
use crate::piece::{HIGH, ONES, places};

/// A field: its tag, and where its value lies in the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// Its number.
    pub tag: Tag,
    start: u32,
    end: u32,
}

/// Why the bytes between header and checksum are no fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IndexError {
    /// A field does not begin with a number and an equals sign.
    #[error("no tag at byte {at}")]
    Tag {
        /// Where it begins, from the start of the message.
        at: usize,
    },
    /// A field of free bytes does not follow its length, or is not so long.
    #[error("data of another length than said, at byte {at}")]
    Data {
        /// Where it begins.
        at: usize,
    },
    /// More fields than the decoder has room for.
    #[error("more than {limit} fields")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
}

/// Finds the fields of messages, one after the other, in room that it allocates once.
///
/// A session sends much the same fields in much the same order: of each place among the fields the
/// decoder remembers what tag stood there last. Where it stands again one comparison finds it; else
/// it is read.
#[derive(Clone, Debug)]
pub struct Decoder {
    fields: Box<[Field]>,
    starts: Box<[Start]>,
    ends: Ends,
}

impl Default for Decoder {
    /// Room for 1,024 fields.
    fn default() -> Self {
        Self::with_limit(1_024)
    }
}

impl Decoder {
    /// Room for so many fields of a message.
    pub fn with_limit(fields: usize) -> Self {
        Self {
            fields: vec![Field::default(); fields].into_boxed_slice(),
            starts: vec![Start::NONE; fields].into_boxed_slice(),
            ends: Ends::default(),
        }
    }

    /// Finds the fields of a message that [`frame`](super::frame()) found whole: of its `bytes`,
    /// those of its body, from `body` to the checksum. The message type comes first.
    ///
    /// # Errors
    /// [`IndexError`]: the message is garbled.
    #[inline]
    pub fn index<'m>(
        &'m mut self,
        bytes: &'m [u8],
        body: usize,
    ) -> Result<Message<'m>, IndexError> {
        let Self { fields, starts, ends } = self;
        let limit = fields.len();
        let end = bytes.len().saturating_sub(TRAILER_BYTES);
        let (mut at, mut from, mut count) = (body, body, 0);
        while at < end {
            let found = ends.find(bytes, from, end);
            from += WINDOW;
            let room = fields[count..].iter_mut().zip(&mut starts[count..]);
            for (stop, (field, start)) in found.iter().zip(room) {
                let stop = *stop as usize;
                if !start.stands_at(bytes, at) {
                    *start = Start::read(bytes, at)?;
                }
                let value = at + start.size as usize;
                *field = Field { tag: start.tag, start: value as u32, end: stop as u32 };
                (at, count) = (stop + 1, count + 1);
                if start.is_length {
                    let length = value::unsigned(&bytes[value..stop]);
                    at = data(bytes, at, end, (start.tag, length), fields, &mut count)?;
                    // What looked like ends of fields may have been data.
                    from = at;
                    break;
                }
            }
            if at < end && (from >= end || count == limit) {
                // Too many fields, or one without an end; if it begins as one.
                Start::read(bytes, at)?;
                let has_end = bytes[at..end].contains(&SOH);
                return Err(if has_end {
                    IndexError::TooMany { limit }
                } else {
                    IndexError::Tag { at }
                });
            }
        }
        Ok(Message { bytes, fields: &fields[..count] })
    }
}

/// What a field begins with: its tag, as it is written.
#[derive(Clone, Copy, Debug)]
struct Start {
    /// The first eight bytes, of which those in `mask` are the tag's.
    text: u64,
    mask: u64,
    tag: Tag,
    size: u16,
    /// Whether it tells the length of data behind it.
    is_length: bool,
}

impl Start {
    /// Nothing begins so.
    const NONE: Self = Self { text: 1, mask: 0, tag: Tag(0), size: 0, is_length: false };

    #[inline(always)]
    fn stands_at(&self, bytes: &[u8], at: usize) -> bool {
        let word = bytes.get(at..).and_then(<[u8]>::first_chunk);
        word.is_some_and(|word| u64::from_le_bytes(*word) & self.mask == self.text)
    }

    /// What the field there begins with.
    #[inline(never)]
    fn read(bytes: &[u8], at: usize) -> Result<Self, IndexError> {
        let (tag, value) = read_tag(bytes, at)?;
        let size = value - at;
        let is_length = tag::data_behind(tag).is_some();
        let start = Self { tag, size: size as u16, is_length, ..Self::NONE };
        let Some(text) = bytes.get(at..).and_then(<[u8]>::first_chunk) else { return Ok(start) };
        // A longer one is not remembered.
        Ok(match size {
            ..=8 => {
                let mask = u64::MAX >> (64 - 8 * size);
                Self { text: u64::from_le_bytes(*text) & mask, mask, ..start }
            }
            _ => start,
        })
    }
}

/// The field of free bytes behind its length, if it is there; returns what comes behind it.
#[cold]
fn data(
    bytes: &[u8],
    at: usize,
    end: usize,
    (length_tag, length): (Tag, Option<u64>),
    fields: &mut [Field],
    count: &mut usize,
) -> Result<usize, IndexError> {
    let (Some(wanted), true) = (tag::data_behind(length_tag), at < end) else { return Ok(at) };
    let (tag, start) = read_tag(bytes, at)?;
    // A length that is no number, or alone, is for those to refuse who know the message.
    let (Some(length), true) = (length, tag == wanted) else { return Ok(at) };
    let stop = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
    let stop = stop.filter(|stop| *stop < end && bytes[*stop] == SOH);
    let stop = stop.ok_or(IndexError::Data { at })?;
    let limit = fields.len();
    let field = fields.get_mut(*count).ok_or(IndexError::TooMany { limit })?;
    *field = Field { tag, start: start as u32, end: stop as u32 };
    *count += 1;
    Ok(stop + 1)
}

/// The tag at `at`, and where its value begins: one of at most seven digits by a word.
#[inline]
fn read_tag(bytes: &[u8], at: usize) -> Result<(Tag, usize), IndexError> {
    let rest = bytes.get(at..).unwrap_or_default();
    if let Some(word) = rest.first_chunk().map(|chunk| u64::from_le_bytes(*chunk)) {
        let equals = word ^ (ONES * b'=' as u64);
        let found = equals.wrapping_sub(ONES) & !equals & HIGH;
        let count = found.trailing_zeros() / 8;
        if let 1..8 = count {
            // The digits at the end of a word, zeros before them.
            let digits = (word ^ (ONES * b'0' as u64)) << (64 - 8 * count);
            if (digits.wrapping_add(0x76 * ONES) | digits) & HIGH == 0 {
                return Ok((Tag(number_of_eight(digits)), at + count as usize + 1));
            }
        }
    }
    let error = IndexError::Tag { at };
    let length = rest.iter().take(12).position(|byte| *byte == b'=').ok_or(error)?;
    let number = value::integer(&rest[..length]).and_then(|tag| i32::try_from(tag).ok());
    Ok((Tag(number.ok_or(error)?), at + length + 1))
}

/// The number of eight digits, the first in the lowest byte.
#[inline(always)]
const fn number_of_eight(digits: u64) -> i32 {
    // Pairs, then fours, then all: no sum is larger than its place.
    let pairs = (digits * 10 + (digits >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    ((fours * 10_000 + (fours >> 32)) & 0xFFFF_FFFF) as i32
}

/// Bytes whose ends of fields are found at once: most messages are shorter.
const WINDOW: usize = 512;
/// Ends that are written at once, whether there are so many or not.
const GROUP: usize = 8;

/// The ends of fields in a window of a message.
#[derive(Clone, Debug)]
struct Ends {
    places: Box<[u32; WINDOW + GROUP]>,
}

impl Default for Ends {
    fn default() -> Self {
        Self { places: Box::new([0; WINDOW + GROUP]) }
    }
}

impl Ends {
    /// Finds those from `from` up to `end`, and up to the end of the window that begins there.
    #[inline(always)]
    fn find(&mut self, bytes: &[u8], from: usize, end: usize) -> &[u32] {
        let (mut count, mut block) = (0, from);
        let stop = end.min(from + WINDOW);
        while block < stop {
            let mut left = Self::in_block(bytes, block);
            if stop - block < 64 {
                left &= (1 << (stop - block)) - 1;
            }
            let next = count + left.count_ones() as usize;
            // In groups, so that it takes no guess how many there are.
            while let Some(group) = self.places.get_mut(count..).and_then(<[u32]>::first_chunk_mut)
            {
                let group: &mut [u32; GROUP] = group;
                for place in group {
                    *place = block as u32 + left.trailing_zeros();
                    left &= left.wrapping_sub(1);
                }
                count += GROUP;
                if count >= next {
                    break;
                }
            }
            count = next;
            block += 64;
        }
        self.places.get(..count).unwrap_or_default()
    }

    /// Those among the 64 bytes that begin there, or among the last.
    #[inline(always)]
    fn in_block(bytes: &[u8], block: usize) -> u64 {
        let rest = bytes.get(block..).unwrap_or_default();
        match (rest.first_chunk(), bytes.last_chunk()) {
            (Some(whole), _) => places(SOH, whole),
            (None, Some(last)) if !rest.is_empty() => places(SOH, last) >> (64 - rest.len()),
            _ => {
                let mut few = [0; 64];
                few[..rest.len()].copy_from_slice(rest);
                places(SOH, &few)
            }
        }
    }
}

/// Where the field whose value begins at `start` ends; the length of `bytes` if it does not.
#[inline(always)]
pub(super) fn find_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        // The lowest set bit is exact: borrows only go upwards.
        let word = u64::from_le_bytes(*chunk) ^ (ONES * SOH as u64);
        let found = word.wrapping_sub(ONES) & !word & HIGH;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|byte| *byte == SOH).map_or(bytes.len(), |found| at + found)
}

/// A message: its bytes, and where its fields lie. The first is the message type.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    bytes: &'m [u8],
    fields: &'m [Field],
}

impl<'m> Message<'m> {
    /// All of its bytes.
    pub const fn bytes(&self) -> &'m [u8] {
        self.bytes
    }

    /// The fields from the message type to the last before the checksum.
    pub const fn fields(&self) -> &'m [Field] {
        self.fields
    }

    /// A field's value.
    #[inline]
    pub fn value(&self, field: &Field) -> &'m [u8] {
        self.bytes.get(field.start as usize..field.end as usize).unwrap_or_default()
    }

    /// Tags and values, in order.
    #[inline]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Tag, &'m [u8])> + Clone + use<'m> {
        let message = *self;
        message.fields.iter().map(move |field| (field.tag, message.value(field)))
    }

    /// The value of the first field of that tag.
    #[inline]
    pub fn get(&self, tag: Tag) -> Option<&'m [u8]> {
        self.fields.iter().find(|field| field.tag == tag).map(|field| self.value(field))
    }

    /// What the message says it is: `35=`.
    #[inline]
    pub fn message_type(&self) -> &'m [u8] {
        self.fields.first().map_or(&[], |field| self.value(field))
    }

    /// The version it is written in: `8=`.
    pub fn begin_string(&self) -> &'m [u8] {
        let rest = self.bytes.get(2..).unwrap_or_default();
        rest.split(|byte| *byte == SOH).next().unwrap_or_default()
    }

    /// The entries of a repeating group: each begins with a field of the tag `first`, the one that
    /// stands behind the count, and holds what follows up to the next such field. The last entry
    /// holds all that follows it, up to the first field that `belongs` refuses.
    pub fn group(&self, count: Tag, belongs: impl Fn(Tag) -> bool) -> impl Iterator<Item = Self> {
        let at = self.fields.iter().position(|field| field.tag == count);
        let rest = at.map_or(&[][..], |at| &self.fields[at + 1..]);
        let length = rest.iter().position(|field| !belongs(field.tag)).unwrap_or(rest.len());
        let mut rest = &rest[..length];
        let first = rest.first().map(|field| field.tag);
        core::iter::from_fn(move || {
            let first = first.filter(|_| !rest.is_empty())?;
            let next = rest.iter().skip(1).position(|field| field.tag == first);
            let (entry, behind) = rest.split_at(next.map_or(rest.len(), |at| at + 1));
            rest = behind;
            Some(Message { bytes: self.bytes, fields: entry })
        })
    }
}

/// Frames, checks and indexes the message that `bytes` begin with: what a reader of whole messages
/// calls.
///
/// # Errors
/// [`IndexError`]; `Ok(None)` when [`frame`](super::frame()) finds no whole message.
#[inline]
pub fn decode<'m>(
    decoder: &'m mut Decoder,
    bytes: &'m [u8],
) -> Result<Option<Message<'m>>, IndexError> {
    match super::frame(bytes) {
        Frame::Whole { length, body } => decoder.index(&bytes[..length], body).map(Some),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fix::whole;

    fn listed(body: &str) -> Result<Vec<(i32, String)>, IndexError> {
        let bytes = whole("FIX.4.4", body);
        let mut decoder = Decoder::with_limit(8);
        let message = decode(&mut decoder, &bytes)?.expect("a whole message");
        let text = |value: &[u8]| String::from_utf8_lossy(value).replace('\x01', "|");
        Ok(message.iter().map(|(tag, value)| (tag.0, text(value))).collect())
    }

    fn fields(pairs: &[(i32, &str)]) -> Vec<(i32, String)> {
        pairs.iter().map(|(tag, value)| (*tag, (*value).to_owned())).collect()
    }

    #[test]
    fn fields_are_found_whatever_their_length() {
        assert_eq!(
            listed("35=D|1=|11=a|150=F|5001=x=y|58=eight ch|58=a text of more than eight|"),
            Ok(fields(&[
                (35, "D"),
                (1, ""),
                (11, "a"),
                (150, "F"),
                (5001, "x=y"),
                (58, "eight ch"),
                (58, "a text of more than eight"),
            ]))
        );
    }

    #[test]
    fn tags_that_no_dictionary_knows_are_kept_as_they_are() {
        assert_eq!(listed("35=0|0=a|-1=b|"), Ok(fields(&[(35, "0"), (0, "a"), (-1, "b")])));
        let at = |at| Err(IndexError::Tag { at });
        assert_eq!(listed("35=0|x=a|"), at(19));
        assert_eq!(listed("35=0|=a|"), at(19));
        assert_eq!(listed("35=0|12|"), at(19));
        assert_eq!(listed("35=0|99999999999=a|"), at(20));
    }

    #[test]
    fn data_may_hold_anything_as_long_as_its_length_is_right() {
        assert_eq!(
            listed("35=A|95=5|96=a|b=c|98=0|"),
            Ok(fields(&[(35, "A"), (95, "5"), (96, "a|b=c"), (98, "0")]))
        );
        assert_eq!(listed("35=A|95=4|96=a|b=c|98=0|"), Err(IndexError::Data { at: 25 }));
        assert_eq!(listed("35=A|95=400|96=a|"), Err(IndexError::Data { at: 27 }));
        assert_eq!(listed("35=A|95=18446744073709551615|96=a|").map_err(|_| ()), Err(()));
        // Without its data, or not a number: for others to refuse.
        assert_eq!(listed("35=A|95=5|98=0|"), Ok(fields(&[(35, "A"), (95, "5"), (98, "0")])));
        assert_eq!(listed("35=A|95=|96=x|"), Ok(fields(&[(35, "A"), (95, ""), (96, "x")])));
        assert_eq!(listed("35=A|95=5|"), Ok(fields(&[(35, "A"), (95, "5")])));
    }

    #[test]
    fn room_for_fields_is_bounded() {
        let body = |fields: usize| format!("35=0|{}", "58=x|".repeat(fields - 1));
        assert_eq!(listed(&body(8)).map(|fields| fields.len()), Ok(8));
        assert_eq!(listed(&body(9)), Err(IndexError::TooMany { limit: 8 }));
    }

    #[test]
    fn groups_are_cut_at_their_first_field() {
        let bytes = whole("FIX.4.4", "35=W|268=2|269=0|270=5|269=1|270=6|271=7|58=end|");
        let mut decoder = Decoder::default();
        let message = decode(&mut decoder, &bytes).unwrap().unwrap();
        let of_group = |tag: Tag| (269..=271).contains(&tag.0);
        let sizes: Vec<_> = message
            .group(tag::NO_MD_ENTRIES, of_group)
            .map(|entry| (entry.get(tag::MD_ENTRY_PX).unwrap(), entry.fields().len()))
            .collect();
        assert_eq!(sizes, [(&b"5"[..], 2), (b"6", 3)]);
        assert_eq!(message.group(tag::NO_ORDERS, |_| true).count(), 0);
        assert_eq!(message.begin_string(), b"FIX.4.4");
        assert_eq!(message.message_type(), b"W");
        assert_eq!(message.get(tag::TEXT), Some(&b"end"[..]));
    }

    /// What the decoder does, one byte after the other.
    fn plain(bytes: &[u8], body: usize, limit: usize) -> Result<Vec<(i32, Vec<u8>)>, IndexError> {
        let read_tag = |at: usize| {
            let rest = &bytes[at..];
            let error = IndexError::Tag { at };
            let length = rest.iter().take(12).position(|byte| *byte == b'=').ok_or(error)?;
            let number = str::from_utf8(&rest[..length]).ok().filter(|text| !text.starts_with('+'));
            let number = number.and_then(|text| text.parse::<i32>().ok()).ok_or(error)?;
            Ok((number, at + length + 1))
        };
        let end = bytes.len().saturating_sub(TRAILER_BYTES);
        let (mut at, mut fields) = (body, Vec::new());
        while at < end {
            let (number, start) = read_tag(at)?;
            let stop = (start..end).find(|stop| bytes[*stop] == SOH);
            let stop = stop.ok_or(IndexError::Tag { at })?;
            let mut take = |number: i32, from: usize, to: usize| {
                fields.push((number, bytes[from..to].to_vec()));
                if fields.len() > limit { Err(IndexError::TooMany { limit }) } else { Ok(to + 1) }
            };
            at = take(number, start, stop)?;
            let wanted = tag::data_behind(Tag(number)).filter(|_| at < end);
            let length = value::unsigned(&bytes[start..stop]);
            if let Some(wanted) = wanted {
                let (number, start) = read_tag(at)?;
                if let (Some(length), true) = (length, number == wanted.0) {
                    let stop = (start as u64).checked_add(length).filter(|stop| *stop < end as u64);
                    let stop = stop.map(|stop| stop as usize).filter(|stop| bytes[*stop] == SOH);
                    at = take(number, start, stop.ok_or(IndexError::Data { at })?)?;
                }
            }
        }
        Ok(fields)
    }

    fn judge(decoder: &mut Decoder, body: &[u8]) -> Result<(), TestCaseError> {
        let bytes = [&b"8=FIX.4.4\x019=1\x01"[..], body, b"10=000\x01"].concat();
        let found = decoder.index(&bytes, 14).map(|message| {
            message.iter().map(|(tag, value)| (tag.0, value.to_vec())).collect::<Vec<_>>()
        });
        prop_assert_eq!(found, plain(&bytes, 14, 200));
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        #[test]
        fn fields_are_where_they_are_byte_by_byte(
            fields in proptest::collection::vec(
                (0..8_u8, 0..24_u32, any::<i32>(), "[ -~]{0,90}", proptest::collection::vec(0..5_u8, 0..90)),
                0..60,
            ),
            cut in 0..4_000_usize,
        ) {
            let mut body = Vec::new();
            for (sort, shift, number, text, data) in fields {
                match sort {
                    0 => {
                        body.extend_from_slice(format!("95={}\x0196=", data.len()).as_bytes());
                        body.extend_from_slice(&data);
                    }
                    _ => body.extend_from_slice(format!("{}={text}", number >> shift).as_bytes()),
                }
                body.push(SOH);
            }
            let mut decoder = Decoder::with_limit(200);
            judge(&mut decoder, &body)?;
            // The same, with one byte changed, by a decoder that remembers it.
            if let Some(byte) = body.get_mut(cut) {
                *byte = if cut % 2 == 0 { SOH } else { b'=' };
            }
            judge(&mut decoder, &body)?;
        }

        #[test]
        fn what_is_no_field_is_refused_as_byte_by_byte(
            words in proptest::collection::vec(0..14_u8, 0..900),
        ) {
            let body: Vec<u8> =
                words.into_iter().map(|word| b"95=6\x01=\x0135=-1+="[usize::from(word)]).collect();
            let mut decoder = Decoder::with_limit(200);
            judge(&mut decoder, &body)?;
            judge(&mut decoder, &body)?;
        }
    }
}
