//! What a version's messages are made of, and whether a message is made so.
//!
//! A [`Dictionary`] is [built in](Dictionary::fix44) for what the venue speaks, or is read from a
//! file in `QuickFIX`'s XML format ([`Dictionary::from_xml`]). It tells of a message the first thing
//! that is wrong, as the session-level reject that the standard has for it.
//!
//! What wins if several things are wrong: the order of sections, the message type, a required
//! field that is missing; then the fields as they stand.

mod builtin;
mod xml;

pub use xml::XmlError;

use super::message::{Field, Message};
use super::tag::Tag;
use super::value;

/// `SessionRejectReason` (373), for what a dictionary and a session refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectReason {
    /// The tag is in no dictionary.
    InvalidTagNumber,
    /// A required field is not there.
    RequiredTagMissing,
    /// The field does not belong to the message.
    TagNotDefinedForMessageType,
    /// The field is empty.
    TagWithoutValue,
    /// The value is none of those that the field has.
    ValueIncorrect,
    /// The value is not written as its data type demands.
    IncorrectDataFormat,
    /// Sender or target are others than those of the session.
    CompIdProblem,
    /// The sending time is too far from the clock, or before that of the original.
    SendingTimeAccuracyProblem,
    /// There is no such message.
    InvalidMessageType,
    /// A field stands twice outside of groups.
    TagAppearsMoreThanOnce,
    /// A field of the header behind the body, or of the body behind the trailer.
    TagOutOfOrder,
    /// A group has not as many entries as it says.
    IncorrectNumInGroup,
}

impl RejectReason {
    /// The code in field 373.
    pub const fn code(self) -> u64 {
        self.row().0
    }

    /// The text in field 58, by which other engines know it.
    pub const fn text(self) -> &'static str {
        self.row().1
    }

    const fn row(self) -> (u64, &'static str) {
        match self {
            Self::InvalidTagNumber => (0, "Invalid tag number"),
            Self::RequiredTagMissing => (1, "Required tag missing"),
            Self::TagNotDefinedForMessageType => (2, "Tag not defined for this message type"),
            Self::TagWithoutValue => (4, "Tag specified without a value"),
            Self::ValueIncorrect => (5, "Value is incorrect (out of range) for this tag"),
            Self::IncorrectDataFormat => (6, "Incorrect data format for value"),
            Self::CompIdProblem => (9, "CompID problem"),
            Self::SendingTimeAccuracyProblem => (10, "SendingTime accuracy problem"),
            Self::InvalidMessageType => (11, "Invalid MsgType"),
            Self::TagAppearsMoreThanOnce => (13, "Tag appears more than once"),
            Self::TagOutOfOrder => (14, "Tag specified out of required order"),
            Self::IncorrectNumInGroup => (16, "Incorrect NumInGroup count for repeating group"),
        }
    }
}

/// Why a message is refused, and for which field, if for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: RejectReason,
    /// The field.
    pub tag: Option<Tag>,
}

impl Refusal {
    pub(super) const fn of(reason: RejectReason, tag: Tag) -> Self {
        Self { reason, tag: Some(tag) }
    }

    /// Of the message as a whole.
    pub(super) const fn whole(reason: RejectReason) -> Self {
        Self { reason, tag: None }
    }
}

/// How the value of a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// Any text.
    Text,
    /// Texts with blanks between, each one of the field's values.
    MultipleValues,
    /// One character.
    Character,
    /// Y or N.
    Boolean,
    /// A whole number, perhaps negative.
    Integer,
    /// A whole number from 0: sequence numbers, lengths, counts.
    Unsigned,
    /// A decimal, perhaps negative.
    Decimal,
    /// A UTC time with its date.
    Timestamp,
    /// A UTC time of day.
    TimeOnly,
    /// A date.
    Date,
}

impl DataType {
    fn fits(self, text: &[u8]) -> bool {
        match self {
            Self::Text | Self::MultipleValues => true,
            Self::Character => text.len() == 1,
            Self::Boolean => value::boolean(text).is_some(),
            Self::Integer => value::integer(text).is_some(),
            Self::Unsigned => value::unsigned(text).is_some(),
            Self::Decimal => is_decimal(text),
            Self::Timestamp => value::is_utc_timestamp(text),
            Self::TimeOnly => value::is_utc_time(text),
            Self::Date => value::is_date(text),
        }
    }
}

/// Whether it is a decimal, of whatever precision: what a field can hold is for its reader.
fn is_decimal(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, places) = match digits.iter().position(|byte| *byte == b'.') {
        Some(point) => (&digits[..point], &digits[point + 1..]),
        None => (digits, &[][..]),
    };
    let are_digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
    are_digits(whole) && are_digits(places) && !(whole.is_empty() && places.is_empty())
}

/// A field that a dictionary knows.
#[derive(Clone, Debug)]
struct FieldDefinition {
    tag: Tag,
    data_type: DataType,
    /// The values that it may have; none: any.
    values: Values,
}

/// Values of a field.
#[derive(Clone, Debug, Default)]
struct Values {
    /// Sorted.
    all: Vec<Box<[u8]>>,
    /// Those of one character, a bit for each: nearly all are.
    single: [u64; 4],
}

impl Values {
    fn of(mut all: Vec<Box<[u8]>>) -> Self {
        all.sort();
        let mut single = [0; 4];
        for value in &all {
            if let [one] = **value {
                single[usize::from(one) / 64] |= 1 << (one % 64);
            }
        }
        Self { all, single }
    }

    fn has(&self, text: &[u8]) -> bool {
        match text {
            [one] => self.single[usize::from(*one) / 64] >> (one % 64) & 1 == 1,
            _ => self.all.binary_search_by(|value| value.as_ref().cmp(text)).is_ok(),
        }
    }
}

/// Where tags stand in a sorted list: those of the standard are looked up, others searched.
#[derive(Clone, Debug, Default)]
struct Places(Vec<u32>);

impl Places {
    /// The tags below this are looked up.
    const LOOKED_UP: usize = 1_024;

    fn of(tags: impl Iterator<Item = Tag>) -> Self {
        let mut places = Vec::new();
        for (at, tag) in (1..).zip(tags) {
            let Some(low) = Self::low(tag) else { continue };
            places.resize(places.len().max(low + 1), 0);
            places[low] = at;
        }
        Self(places)
    }

    fn low(tag: Tag) -> Option<usize> {
        usize::try_from(tag.0).ok().filter(|tag| *tag < Self::LOOKED_UP)
    }

    #[inline]
    fn find(&self, tag: Tag, search: impl FnOnce() -> Option<usize>) -> Option<usize> {
        match Self::low(tag) {
            Some(low) => (*self.0.get(low)? as usize).checked_sub(1),
            None => search(),
        }
    }
}

/// A field of a message, a header, or an entry of a group.
#[derive(Clone, Debug)]
struct Member {
    tag: Tag,
    /// It has to be there.
    required: bool,
    /// The entries that it counts, if it counts some.
    group: Option<Group>,
}

/// The fields of a message, a header, or an entry of a group.
#[derive(Clone, Debug)]
struct Members {
    /// Sorted by tag.
    all: Vec<Member>,
    places: Places,
    required: Marks,
}

/// The entries of a group.
#[derive(Clone, Debug)]
struct Group {
    /// The field that each entry begins with.
    first: Tag,
    members: Members,
}

/// Members of a message, at most.
const MEMBERS_MAX: usize = 1_024;

impl Members {
    fn of(mut all: Vec<Member>) -> Self {
        all.sort_by_key(|member| member.tag);
        all.dedup_by_key(|member| member.tag);
        let mut required = Marks::default();
        for (at, _) in all.iter().enumerate().filter(|(_, member)| member.required) {
            required.mark(at);
        }
        let places = Places::of(all.iter().map(|member| member.tag));
        Self { all, places, required }
    }

    #[inline]
    fn position(&self, tag: Tag) -> Option<usize> {
        let search = || self.all.binary_search_by_key(&tag, |member| member.tag).ok();
        self.places.find(tag, search)
    }

    fn group(&self, at: usize) -> Option<&Group> {
        self.all[at].group.as_ref()
    }
}

/// Some fields of a message, or of an entry: a bit for each.
#[derive(Clone, Debug, Default)]
struct Marks([u64; MEMBERS_MAX / 64]);

impl Marks {
    /// Marks a field; true if it was marked before.
    fn mark(&mut self, at: usize) -> bool {
        let bit = 1 << (at % 64);
        let word = &mut self.0[at / 64 % (MEMBERS_MAX / 64)];
        let before = *word & bit != 0;
        *word |= bit;
        before
    }

    /// The first that is marked here and not there.
    fn first_beyond(&self, other: &Self) -> Option<usize> {
        let words = self.0.iter().zip(other.0).map(|(here, there)| here & !there);
        let (word, bits) = words.enumerate().find(|(_, bits)| *bits != 0)?;
        Some(word * 64 + bits.trailing_zeros() as usize)
    }
}

/// What a version's messages are made of.
#[derive(Clone, Debug)]
pub struct Dictionary {
    /// Sorted by tag.
    fields: Vec<FieldDefinition>,
    places: Places,
    header: Members,
    trailer: Members,
    /// Sorted by type.
    messages: Vec<(Box<[u8]>, Members)>,
}

impl Dictionary {
    /// The session, orders and market data of FIX 4.4, as far as the venue speaks it.
    pub fn fix44() -> Self {
        builtin::fix44()
    }

    /// A dictionary in `QuickFIX`'s XML format.
    ///
    /// # Errors
    /// [`XmlError`] names what is missing or twice, and the line.
    pub fn from_xml(text: &str) -> Result<Self, XmlError> {
        xml::read(text)
    }

    fn of(
        mut fields: Vec<FieldDefinition>,
        [header, trailer]: [Members; 2],
        mut messages: Vec<(Box<[u8]>, Members)>,
    ) -> Self {
        fields.sort_by_key(|field| field.tag);
        messages.sort_by(|one, other| one.0.cmp(&other.0));
        let places = Places::of(fields.iter().map(|field| field.tag));
        Self { fields, places, header, trailer, messages }
    }

    #[inline]
    fn field(&self, tag: Tag) -> Option<&FieldDefinition> {
        let search = || self.fields.binary_search_by_key(&tag, |field| field.tag).ok();
        self.fields.get(self.places.find(tag, search)?)
    }

    /// Whether it knows a message of that type.
    pub fn knows(&self, message_type: &[u8]) -> bool {
        self.message(message_type).is_some()
    }

    fn message(&self, message_type: &[u8]) -> Option<&Members> {
        let key = |(name, _): &(Box<[u8]>, Members)| name.as_ref().cmp(message_type);
        self.messages.binary_search_by(key).ok().map(|at| &self.messages[at].1)
    }

    /// Whether a message is made as it should be.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn check(&self, message: &Message<'_>) -> Result<(), Refusal> {
        let fields = message.fields();
        let head = leading(fields, &self.header);
        let body = fields[head..]
            .iter()
            .position(|field| self.trailer.position(field.tag).is_some())
            .map_or(fields.len(), |at| head + at);
        self.check_sections(&fields[head..body], &fields[body..])?;
        let members = self.message(message.message_type());
        let members = members.ok_or(Refusal::whole(RejectReason::InvalidMessageType))?;
        let header = self.check_members(message, &self.header, &fields[..head]);
        let inside = self.check_members(message, members, &fields[head..body]);
        let trailer = self.check_members(message, &self.trailer, &fields[body..]);
        let all = [header, inside, trailer];
        let refusals = || all.iter().filter_map(|result| result.err());
        let is_missing = |refusal: &Refusal| refusal.reason == RejectReason::RequiredTagMissing;
        refusals().find(is_missing).or_else(|| refusals().next()).map_or(Ok(()), Err)
    }

    /// No field of the header behind it, nothing but the trailer behind the trailer.
    fn check_sections(&self, body: &[Field], trailer: &[Field]) -> Result<(), Refusal> {
        let misplaced = body.iter().find(|field| self.header.position(field.tag).is_some());
        let behind = trailer.iter().find(|field| self.trailer.position(field.tag).is_none());
        match misplaced.or(behind) {
            Some(field) => Err(Refusal::of(RejectReason::TagOutOfOrder, field.tag)),
            None => Ok(()),
        }
    }

    /// The fields of a section, or of an entry of a group, with the groups inside it.
    fn check_members(
        &self,
        message: &Message<'_>,
        members: &Members,
        fields: &[Field],
    ) -> Result<(), Refusal> {
        let mut seen = Marks::default();
        let mut first = Ok(());
        let mut rest = fields;
        while let [field, behind @ ..] = rest {
            rest = behind;
            let mut result = self.check_field(message, field);
            match members.position(field.tag) {
                Some(at) if seen.mark(at) => {
                    let twice = Refusal::of(RejectReason::TagAppearsMoreThanOnce, field.tag);
                    result = result.and(Err(twice));
                }
                Some(at) => {
                    if let Some(group) = members.group(at) {
                        let length = extent(group, rest);
                        let (entries, behind) = rest.split_at(length);
                        rest = behind;
                        result =
                            result.and_then(|()| self.check_group(message, group, field, entries));
                    }
                }
                None => {
                    let known = self.field(field.tag).is_some();
                    let reason = if known {
                        RejectReason::TagNotDefinedForMessageType
                    } else {
                        RejectReason::InvalidTagNumber
                    };
                    result = result.and(Err(Refusal::of(reason, field.tag)));
                }
            }
            first = first.and(result);
        }
        match members.required.first_beyond(&seen).and_then(|at| members.all.get(at)) {
            Some(member) => Err(Refusal::of(RejectReason::RequiredTagMissing, member.tag)),
            None => first,
        }
    }

    /// A field by itself: its value is there, written right, and one of those that it may have.
    fn check_field(&self, message: &Message<'_>, field: &Field) -> Result<(), Refusal> {
        let text = message.value(field);
        if text.is_empty() {
            return Err(Refusal::of(RejectReason::TagWithoutValue, field.tag));
        }
        let Some(definition) = self.field(field.tag) else { return Ok(()) };
        if !definition.data_type.fits(text) {
            return Err(Refusal::of(RejectReason::IncorrectDataFormat, field.tag));
        }
        let values = &definition.values;
        let fits = values.all.is_empty()
            || match definition.data_type {
                DataType::MultipleValues => {
                    text.split(|byte| *byte == b' ').all(|one| values.has(one))
                }
                _ => values.has(text),
            };
        if fits { Ok(()) } else { Err(Refusal::of(RejectReason::ValueIncorrect, field.tag)) }
    }

    /// The entries of a group: as many as were said, each made as it should be.
    fn check_group(
        &self,
        message: &Message<'_>,
        group: &Group,
        count: &Field,
        fields: &[Field],
    ) -> Result<(), Refusal> {
        let told = value::unsigned(message.value(count));
        let mut rest = fields;
        let mut entries = 0;
        while !rest.is_empty() {
            let (entry, behind) = rest.split_at(entry_length(group, rest));
            self.check_members(message, &group.members, entry)?;
            entries += 1;
            rest = behind;
        }
        if told == Some(entries) {
            Ok(())
        } else {
            Err(Refusal::of(RejectReason::IncorrectNumInGroup, count.tag))
        }
    }
}

/// How many of the first fields are members, the entries of their groups included.
fn leading(fields: &[Field], members: &Members) -> usize {
    let mut at = 0;
    while let Some(field) = fields.get(at) {
        let Some(found) = members.position(field.tag) else { break };
        at += 1;
        if let Some(group) = members.group(found) {
            at += extent(group, &fields[at..]);
        }
    }
    at
}

/// How many of the first fields are entries of the group.
fn extent(group: &Group, fields: &[Field]) -> usize {
    leading(fields, &group.members)
}

/// How many of the first fields are one entry: up to the field that entries begin with, or to one
/// that the entry has already.
fn entry_length(group: &Group, fields: &[Field]) -> usize {
    let mut seen = Marks::default();
    let mut at = 0;
    while let Some(field) = fields.get(at) {
        let Some(found) = group.members.position(field.tag) else { break };
        if seen.mark(found) || (at > 0 && field.tag == group.first) {
            break;
        }
        at += 1;
        if let Some(inner) = group.members.group(found) {
            at += extent(inner, &fields[at..]);
        }
    }
    // Every field here is a member; one at least is taken.
    at.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::message::decode;
    use crate::fix::{Decoder, Encoder};

    const HEAD: &str = "34=2|49=A|52=20260719-10:00:01.234|56=B|";

    fn check_by(
        dictionary: &Dictionary,
        message_type: &str,
        body: &str,
    ) -> Option<(u64, Option<i32>)> {
        let mut encoder = Encoder::new(b"FIX.4.4");
        encoder.begin(message_type.as_bytes());
        encoder.constant(body.replace('|', "\x01").as_bytes());
        let bytes = encoder.finish();
        let mut decoder = Decoder::default();
        let message = decode(&mut decoder, bytes).expect("fields").expect("whole");
        let refusal = dictionary.check(&message).err()?;
        Some((refusal.reason.code(), refusal.tag.map(|tag| tag.0)))
    }

    fn check(message_type: &str, body: &str) -> Option<(u64, Option<i32>)> {
        check_by(&Dictionary::fix44(), message_type, &format!("{HEAD}{body}"))
    }

    const ORDER: &str = "11=a|54=1|55=BTCUSDT|60=20260719-10:00:01|38=1.5|40=2|44=61837.63|";

    #[test]
    fn good_messages_pass() {
        for (message_type, body) in [
            ("0", ""),
            ("1", "112=x|"),
            ("A", "98=0|108=30|141=Y|"),
            ("D", ORDER),
            ("V", "262=r|263=1|264=0|265=1|267=2|269=0|269=1|146=2|55=BTCUSDT|55=ETHUSDT|"),
        ] {
            assert_eq!(check(message_type, body), None, "{message_type} {body}");
        }
    }

    #[test]
    fn each_fault_has_its_reason_and_its_field() {
        let order = |more: &str| format!("{ORDER}{more}");
        for (message_type, body, code, tag) in [
            ("0", "999=x|".to_owned(), 0, Some(999)),
            ("0", "0=x|".to_owned(), 0, Some(0)),
            ("0", "-1=x|".to_owned(), 0, Some(-1)),
            ("0", "5000=x|".to_owned(), 0, Some(5000)),
            ("0", "55=x|".to_owned(), 2, Some(55)),
            ("0", "112=|".to_owned(), 4, Some(112)),
            ("*", String::new(), 11, None),
            ("1", String::new(), 1, Some(112)),
            ("D", order("59=Z|"), 5, Some(59)),
            ("D", order("111=x|"), 6, Some(111)),
            ("D", order("111=1.2.3|"), 6, Some(111)),
            ("D", order("126=yesterday|"), 6, Some(126)),
            ("D", order("55=BTCUSDT|"), 13, Some(55)),
            ("D", order("50=sub|"), 14, Some(50)),
            ("D", format!("93=1|89=x|{ORDER}"), 14, Some(11)),
            ("A", "98=0|108=x|".to_owned(), 6, Some(108)),
            ("V", "262=r|263=1|264=0|267=3|269=0|269=1|146=1|55=a|".to_owned(), 16, Some(267)),
            ("V", "262=r|263=1|264=0|267=1|269=0|269=1|146=1|55=a|".to_owned(), 16, Some(267)),
            ("V", "262=r|263=1|264=0|267=1|269=?|146=1|55=a|".to_owned(), 5, Some(269)),
            ("V", "262=r|263=1|264=0|267=0|146=1|55=a|58=x|".to_owned(), 2, Some(58)),
        ] {
            assert_eq!(check(message_type, &body), Some((code, tag)), "{message_type} {body}");
        }
        let missing = check_by(&Dictionary::fix44(), "0", "49=A|52=20260719-10:00:01|56=B|");
        assert_eq!(missing, Some((1, Some(34))));
    }

    #[test]
    fn execution_instructions_are_several_values() {
        let with = |inst: &str| check("D", &format!("{ORDER}18={inst}|"));
        assert_eq!(with("6"), None);
        assert_eq!(with("6 M"), None);
        assert_eq!(with("6 ~"), Some((5, Some(18))));
        assert_eq!(with("6  M"), Some((5, Some(18))));
    }
}
