//! Lists, read element by element where they lie.

use super::error::{DecodeError, DecodeErrorKind as Kind};
use super::json::Cursor;

/// Reads the element that a cursor stands at.
type ReadElement<'m, T> = fn(&mut Cursor<'m>, u64) -> Result<T, DecodeError>;

/// The elements of a list, each read when it is asked for: a list of any length takes no room. It is
/// known to be JSON; an element that is not what it should be is an error, and the last.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'m, T> {
    /// Behind the last element; none at the end.
    cursor: Option<Cursor<'m>>,
    ns: u64,
    read: ReadElement<'m, T>,
}

impl<'m, T> Elements<'m, T> {
    /// Steps over the list that starts here.
    pub(super) fn of(
        cursor: &mut Cursor<'m>,
        ns: u64,
        read: ReadElement<'m, T>,
    ) -> Result<Self, DecodeError> {
        if cursor.peek() != Some(b'[') {
            return cursor.refuse(Kind::Mistyped("an array"));
        }
        let mut first = *cursor;
        first.at += 1;
        cursor.skip_value()?;
        Ok(Self { cursor: Some(first), ns, read })
    }
}

impl<T> Iterator for Elements<'_, T> {
    type Item = Result<T, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut cursor = self.cursor.take()?;
        cursor.blank();
        if cursor.peek() == Some(b',') {
            cursor.at += 1;
            cursor.blank();
        }
        if matches!(cursor.peek(), None | Some(b']')) {
            return None;
        }
        let element = (self.read)(&mut cursor, self.ns);
        if element.is_ok() {
            self.cursor = Some(cursor);
        }
        Some(element)
    }
}
