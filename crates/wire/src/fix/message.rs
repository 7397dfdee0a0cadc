//! The fields of a message, found once and read where they lie.

use thiserror::Error;

use super::frame::TRAILER_BYTES;
use super::tag::{self, Tag};
use super::value;
use super::{Frame, SOH};
use crate::piece::places;

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
#[derive(Clone, Debug)]
pub struct Decoder {
    fields: Box<[Field]>,
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
        Self { fields: vec![Field::default(); fields].into_boxed_slice() }
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
        let end = bytes.len().saturating_sub(TRAILER_BYTES);
        let (mut at, mut count) = (body, 0);
        let mut ends = Ends::from(bytes, body);
        while at < end {
            let (tag, start) = read_tag(bytes, at)?;
            // A tag has no end of a field in it: the next is its value's.
            let stop = ends.next();
            if stop >= end {
                return Err(IndexError::Tag { at });
            }
            let limit = self.fields.len();
            let field = self.fields.get_mut(count).ok_or(IndexError::TooMany { limit })?;
            *field = Field { tag, start: start as u32, end: stop as u32 };
            count += 1;
            at = stop + 1;
            if has_data_behind(tag) {
                let length = value::unsigned(&bytes[start..stop]);
                at = self.data(bytes, at, end, (tag, length), &mut count)?;
                ends = Ends::from(bytes, at);
            }
        }
        Ok(Message { bytes, fields: &self.fields[..count] })
    }

    /// The field of free bytes behind its length, if it is there; returns what comes behind it.
    #[cold]
    fn data(
        &mut self,
        bytes: &[u8],
        at: usize,
        end: usize,
        (length_tag, length): (Tag, Option<u64>),
        count: &mut usize,
    ) -> Result<usize, IndexError> {
        let (Some(wanted), true) = (tag::data_behind(length_tag), at < end) else { return Ok(at) };
        let (tag, start) = read_tag(bytes, at)?;
        // A length that is no number, or alone, is for those to refuse who know the message.
        let (Some(length), true) = (length, tag == wanted) else { return Ok(at) };
        let stop = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
        let stop = stop.filter(|stop| *stop < end && bytes[*stop] == SOH);
        let stop = stop.ok_or(IndexError::Data { at })?;
        let limit = self.fields.len();
        let field = self.fields.get_mut(*count).ok_or(IndexError::TooMany { limit })?;
        *field = Field { tag, start: start as u32, end: stop as u32 };
        *count += 1;
        Ok(stop + 1)
    }
}

/// Whether [`tag::data_behind`] knows the tag, by a bit for each below 640.
#[inline]
const fn has_data_behind(tag: Tag) -> bool {
    const WORDS: usize = 10;
    const BITS: [u64; WORDS] = {
        let mut bits = [0; WORDS];
        let mut tag = 0;
        while tag < 64 * WORDS {
            if tag::data_behind(Tag(tag as i32)).is_some() {
                bits[tag / 64] |= 1 << (tag % 64);
            }
            tag += 1;
        }
        bits
    };
    let at = tag.0 as u32 as usize;
    at < 64 * WORDS && BITS[at / 64] >> (at % 64) & 1 == 1
}

/// The tag at `at`, and where its value begins.
#[inline(always)]
fn read_tag(bytes: &[u8], at: usize) -> Result<(Tag, usize), IndexError> {
    // Tags of one to three digits, as nearly all are.
    if let Some([a, b, c, d]) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let (x, y, z) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'), c.wrapping_sub(b'0'));
        if x < 10 && y < 10 {
            let two = i32::from(x) * 10 + i32::from(y);
            if *c == b'=' {
                return Ok((Tag(two), at + 3));
            }
            if z < 10 && *d == b'=' {
                return Ok((Tag(two * 10 + i32::from(z)), at + 4));
            }
        } else if x < 10 && *b == b'=' {
            return Ok((Tag(i32::from(x)), at + 2));
        }
    }
    read_long_tag(bytes, at)
}

#[cold]
fn read_long_tag(bytes: &[u8], at: usize) -> Result<(Tag, usize), IndexError> {
    let error = IndexError::Tag { at };
    let rest = bytes.get(at..).unwrap_or_default();
    let length = rest.iter().take(12).position(|byte| *byte == b'=').ok_or(error)?;
    let number = value::integer(&rest[..length]).and_then(|tag| i32::try_from(tag).ok());
    Ok((Tag(number.ok_or(error)?), at + length + 1))
}

/// The ends of fields from a place on, 64 bytes at a time.
struct Ends<'m> {
    bytes: &'m [u8],
    /// Where the 64 bytes begin, and which of their ends are not told yet.
    block: usize,
    left: u64,
}

impl<'m> Ends<'m> {
    #[inline(always)]
    fn from(bytes: &'m [u8], block: usize) -> Self {
        Self { bytes, block, left: Self::places(bytes, block) }
    }

    /// The ends among the 64 bytes that begin there, or among the last.
    #[inline(always)]
    fn places(bytes: &[u8], block: usize) -> u64 {
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

    /// The next one; the number of all bytes behind the last.
    #[inline(always)]
    fn next(&mut self) -> usize {
        while self.left == 0 {
            self.block += 64;
            if self.block >= self.bytes.len() {
                return self.bytes.len();
            }
            self.left = Self::places(self.bytes, self.block);
        }
        let at = self.block + self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        at
    }
}

/// Where the field whose value begins at `start` ends; the length of `bytes` if it does not.
#[inline(always)]
pub(super) fn find_end(bytes: &[u8], start: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
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
}
