//! A strict JSON cursor (RFC 8259) over one message, without allocation.
//!
//! [`Cursor::document`] checks a whole text; the typed readers below it are then used on a text
//! that is known to be JSON, but lean on that for no more than good error messages.
//!
//! Stricter than the RFC's grammar in three points, in which the usual libraries agree: the text
//! is UTF-8, surrogate escapes come in pairs, and a number is below 10^308.

use super::error::{DecodeError, DecodeErrorKind as Kind};

/// The most arrays and objects within each other. One bit of a word tells which each one is.
pub(super) const NESTING_LIMIT: u32 = u64::BITS;

/// The field named by errors about the message as a whole.
pub(super) const MESSAGE: &str = "$";
/// The field named by errors in what is only skipped.
const SKIPPED: &str = "*";

/// The fields of all messages: what syntax errors can name.
const FIELDS: [&str; 20] = [
    "stream",
    "data",
    "e",
    "E",
    "s",
    "U",
    "u",
    "b",
    "a",
    "t",
    "p",
    "q",
    "T",
    "m",
    "M",
    "f",
    "l",
    "lastUpdateId",
    "bids",
    "asks",
];

type Result<T> = core::result::Result<T, DecodeError>;

/// A string between its quotes, as it stands in the text: escapes are not yet resolved.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawText<'m> {
    pub(super) bytes: &'m [u8],
    pub(super) escaped: bool,
    pub(super) offset: usize,
}

/// A reading position in a message, and the field being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'m> {
    pub(super) bytes: &'m [u8],
    pub(super) at: usize,
    pub(super) field: &'static str,
}

impl<'m> Cursor<'m> {
    pub(super) const fn new(bytes: &'m [u8]) -> Self {
        Self { bytes, at: 0, field: MESSAGE }
    }

    /// Checks that the text is one JSON value with blanks around it at most.
    pub(super) fn document(bytes: &'m [u8]) -> Result<()> {
        let mut cursor = Self::checked(bytes)?;
        cursor.skip_value()?;
        cursor.finish()
    }

    /// A position at the beginning of a text, which is UTF-8.
    pub(super) fn checked(bytes: &'m [u8]) -> Result<Self> {
        match core::str::from_utf8(bytes) {
            Ok(_) => Ok(Self::new(bytes)),
            Err(error) => {
                let offset = error.valid_up_to();
                Err(DecodeError { offset, field: MESSAGE, kind: Kind::Utf8 })
            }
        }
    }

    /// Checks that nothing but blanks is left.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.blank();
        self.field = MESSAGE;
        if self.at < self.bytes.len() { self.refuse(Kind::Trailing) } else { Ok(()) }
    }

    pub(super) fn error_at(&self, offset: usize, kind: Kind) -> DecodeError {
        DecodeError { offset, field: self.field, kind }
    }

    pub(super) fn refuse<T>(&self, kind: Kind) -> Result<T> {
        Err(self.error_at(self.at, kind))
    }

    /// Refuses what is here, or the end of the message.
    fn unexpected<T>(&self, expected: &'static str) -> Result<T> {
        let cut = self.at >= self.bytes.len();
        self.refuse(if cut { Kind::Truncated } else { Kind::Expected(expected) })
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Steps over blanks.
    pub(super) fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    pub(super) fn expect(&mut self, byte: u8, name: &'static str) -> Result<()> {
        if self.peek() != Some(byte) {
            return self.unexpected(name);
        }
        self.at += 1;
        Ok(())
    }

    /// Reads a key, its colon, and the blanks round them.
    pub(super) fn key(&mut self) -> Result<RawText<'m>> {
        let key = self.key_text()?;
        self.colon()?;
        Ok(key)
    }

    fn key_text(&mut self) -> Result<RawText<'m>> {
        if self.peek() == Some(b'"') { self.string() } else { self.unexpected("a key") }
    }

    fn colon(&mut self) -> Result<()> {
        self.blank();
        self.expect(b':', "':'")?;
        self.blank();
        Ok(())
    }

    /// Reads a key that errors from here on shall name, if it is a field of some message.
    fn named_key(&mut self) -> Result<()> {
        let key = self.key_text()?;
        let known = FIELDS.iter().find(|field| field.as_bytes() == key.bytes);
        self.field = known.copied().unwrap_or(SKIPPED);
        self.colon()
    }

    /// Steps over one value of any type.
    pub(super) fn skip_value(&mut self) -> Result<()> {
        let mut depth = 0_u32;
        let mut objects = 0_u64;
        loop {
            self.blank();
            match self.peek() {
                Some(open @ (b'{' | b'[')) => {
                    if depth == NESTING_LIMIT {
                        return self.refuse(Kind::Nesting { limit: NESTING_LIMIT });
                    }
                    self.at += 1;
                    depth += 1;
                    objects = objects << 1 | u64::from(open == b'{');
                    self.blank();
                    match (self.peek(), open) {
                        // An empty one: closed below.
                        (Some(b'}'), b'{') | (Some(b']'), b'[') => {}
                        (_, b'{') => {
                            self.named_key()?;
                            continue;
                        }
                        _ => continue,
                    }
                }
                Some(b'"') => {
                    self.string()?;
                }
                Some(b'-' | b'0'..=b'9') => self.skip_number()?,
                Some(b't') => self.literal(b"true")?,
                Some(b'f') => self.literal(b"false")?,
                Some(b'n') => self.literal(b"null")?,
                _ => return self.unexpected("a value"),
            }
            loop {
                if depth == 0 {
                    return Ok(());
                }
                self.blank();
                let in_object = objects & 1 == 1;
                match (self.peek(), in_object) {
                    (Some(b','), true) => {
                        self.at += 1;
                        self.blank();
                        self.named_key()?;
                        break;
                    }
                    (Some(b','), false) => {
                        self.at += 1;
                        break;
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        self.at += 1;
                        depth -= 1;
                        objects >>= 1;
                    }
                    (_, true) => return self.unexpected("',' or '}'"),
                    (_, false) => return self.unexpected("',' or ']'"),
                }
            }
        }
    }

    fn literal(&mut self, word: &'static [u8]) -> Result<()> {
        for &byte in word {
            self.expect(byte, "true, false or null")?;
        }
        Ok(())
    }

    /// Counts and steps over digits.
    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn skip_number(&mut self) -> Result<()> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        // The power of ten of the first digit that is not zero, if there is one.
        let mut magnitude = None;
        if self.peek() == Some(b'0') {
            self.at += 1;
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return self.refuse(Kind::Expected("no digit after a leading zero"));
            }
        } else {
            let count = self.digits();
            if count == 0 {
                return self.unexpected("a digit");
            }
            magnitude = Some(count as i64 - 1);
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            let first = self.at;
            if self.digits() == 0 {
                return self.unexpected("a digit");
            }
            let fraction = &self.bytes[first..self.at];
            let zeros = fraction.iter().position(|&digit| digit != b'0');
            magnitude = magnitude.or(zeros.map(|zeros| -(zeros as i64) - 1));
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            let exponent = self.exponent()?;
            magnitude = magnitude.map(|power| power.saturating_add(exponent));
        }
        if magnitude.is_some_and(|power| power >= 308) {
            return Err(self.error_at(start, Kind::NumberRange));
        }
        Ok(())
    }

    /// Reads an exponent, limited to the range of `i64`.
    fn exponent(&mut self) -> Result<i64> {
        self.at += 1;
        let negative = self.peek() == Some(b'-');
        if matches!(self.peek(), Some(b'+' | b'-')) {
            self.at += 1;
        }
        let first = self.at;
        if self.digits() == 0 {
            return self.unexpected("a digit");
        }
        let size = self.bytes[first..self.at].iter().fold(0_i64, |size, &digit| {
            size.saturating_mul(10).saturating_add(i64::from(digit - b'0'))
        });
        Ok(if negative { -size } else { size })
    }

    /// Reads a string that starts here, quotes included.
    pub(super) fn string(&mut self) -> Result<RawText<'m>> {
        if self.peek() != Some(b'"') {
            return self.refuse(Kind::Mistyped("a string"));
        }
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            match self.peek() {
                None => return self.refuse(Kind::Truncated),
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(..0x20) => return self.refuse(Kind::Control),
                Some(_) => self.at += 1,
            }
        }
        let text = RawText { bytes: &self.bytes[start..self.at], escaped, offset: start };
        self.at += 1;
        Ok(text)
    }

    /// Reads one escape, or the two of a surrogate pair, and returns the character.
    pub(super) fn escape(&mut self) -> Result<char> {
        let start = self.at;
        let bad = self.error_at(start, Kind::Escape);
        let letter = self.bytes.get(start + 1);
        self.at = start + 2;
        Ok(match letter {
            None => return Err(self.error_at(self.bytes.len(), Kind::Truncated)),
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let unit = self.hex4().ok_or(bad)?;
                if !(0xd800..0xe000).contains(&unit) {
                    return char::from_u32(unit).ok_or(bad);
                }
                let pair = self.bytes.get(self.at..self.at + 2) == Some(b"\\u");
                self.at += 2;
                let low = if pair { self.hex4() } else { None };
                match low {
                    Some(low @ 0xdc00..=0xdfff) if unit < 0xdc00 => {
                        let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                        return char::from_u32(code).ok_or(bad);
                    }
                    _ => return Err(bad),
                }
            }
            Some(_) => return Err(bad),
        })
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | (digit as char).to_digit(16)?))
    }

    /// Reads an unsigned integer: digits alone, without a leading zero.
    pub(super) fn unsigned(&mut self) -> Result<u64> {
        let start = self.at;
        if self.digits() == 0 {
            return self.refuse(Kind::Mistyped("an unsigned integer"));
        }
        if matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return Err(self.error_at(start, Kind::Mistyped("an unsigned integer")));
        }
        let digits = &self.bytes[start..self.at];
        if digits.len() > 1 && digits[0] == b'0' {
            return Err(self.error_at(start, Kind::Expected("no digit after a leading zero")));
        }
        digits
            .iter()
            .try_fold(0_u64, |value, &digit| {
                value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
            })
            .ok_or_else(|| self.error_at(start, Kind::Range))
    }

    /// Reads `true` or `false`.
    pub(super) fn boolean(&mut self) -> Result<bool> {
        match self.peek() {
            Some(b't') => self.literal(b"true").map(|()| true),
            Some(b'f') => self.literal(b"false").map(|()| false),
            _ => self.refuse(Kind::Mistyped("true or false")),
        }
    }

    /// Reads an object that starts here: `member` is called with each key, and must read or skip
    /// the value.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(RawText<'m>, &mut Self) -> Result<()>,
    ) -> Result<()> {
        if self.peek() != Some(b'{') {
            return self.refuse(Kind::Mistyped("an object"));
        }
        self.at += 1;
        self.blank();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        let field = self.field;
        loop {
            let key = self.key()?;
            self.field = SKIPPED;
            member(key, self)?;
            self.field = field;
            self.blank();
            if self.peek() != Some(b',') {
                return self.expect(b'}', "',' or '}'");
            }
            self.at += 1;
            self.blank();
        }
    }

    /// Reads an array that starts here: `element` reads each value.
    pub(super) fn array(&mut self, mut element: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        if self.peek() != Some(b'[') {
            return self.refuse(Kind::Mistyped("an array"));
        }
        self.at += 1;
        self.blank();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            element(self)?;
            self.blank();
            if self.peek() != Some(b',') {
                return self.expect(b']', "',' or ']'");
            }
            self.at += 1;
            self.blank();
        }
    }
}

impl<'m> RawText<'m> {
    /// The text, with its escapes resolved into `scratch` where it has any. None: they do not
    /// fit.
    pub(super) fn resolve<'a>(self, scratch: &'a mut [u8]) -> Option<&'a [u8]>
    where
        'm: 'a,
    {
        if !self.escaped {
            return Some(self.bytes);
        }
        let mut cursor = Cursor::new(self.bytes);
        let mut used = 0;
        while let Some(byte) = cursor.peek() {
            if byte == b'\\' {
                // The text was checked when it was read, so this does not fail.
                let letter = cursor.escape().ok()?;
                let end = used + letter.len_utf8();
                letter.encode_utf8(scratch.get_mut(used..end)?);
                used = end;
            } else {
                *scratch.get_mut(used)? = byte;
                used += 1;
                cursor.at += 1;
            }
        }
        scratch.get(..used)
    }
}
