//! A text of a message, where it lies.

use core::fmt::{self, Write as _};

use tiercel_types::{AssetCode, Symbol};

use super::json::{Cursor, RawText};

/// A text of a message, of any length: borrowed, with its escapes as they came. It shows, and
/// compares, without them.
#[derive(Clone, Copy)]
pub struct Text<'m>(RawText<'m>);

impl<'m> Text<'m> {
    pub(super) const fn new(raw: RawText<'m>) -> Self {
        Self(raw)
    }

    /// The text, if it came without escapes, as names of symbols and assets do.
    pub fn as_str(&self) -> Option<&'m str> {
        if self.0.escaped { None } else { core::str::from_utf8(self.0.bytes).ok() }
    }

    /// Whether it is this text.
    pub fn is(&self, text: &str) -> bool {
        if !self.0.escaped {
            return self.0.bytes == text.as_bytes();
        }
        let mut comparison = Comparison { rest: text };
        write!(comparison, "{self}").is_ok() && comparison.rest.is_empty()
    }

    /// The symbol; none where it is not of at most sixteen characters of ASCII.
    pub fn symbol(&self) -> Option<Symbol> {
        Symbol::new(self.0.resolve(&mut [0; Symbol::LIMIT])?).ok()
    }

    /// The asset; none where it is not of at most twelve characters of ASCII.
    pub fn asset(&self) -> Option<AssetCode> {
        AssetCode::new(self.0.resolve(&mut [0; AssetCode::LIMIT])?).ok()
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cursor = Cursor::new(self.0.bytes);
        loop {
            let rest = &cursor.bytes[cursor.at..];
            let plain = rest.iter().position(|byte| *byte == b'\\').unwrap_or(rest.len());
            f.write_str(core::str::from_utf8(&rest[..plain]).map_err(|_| fmt::Error)?)?;
            cursor.at += plain;
            if plain == rest.len() {
                return Ok(());
            }
            f.write_char(cursor.escape().map_err(|_| fmt::Error)?)?;
        }
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// What is left to be compared; an error ends the comparison.
struct Comparison<'a> {
    rest: &'a str,
}

impl fmt::Write for Comparison<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.rest = self.rest.strip_prefix(part).ok_or(fmt::Error)?;
        Ok(())
    }
}
