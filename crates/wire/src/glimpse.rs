//! A snapshot of an ITCH feed, GLIMPSE style: the messages that lead to the books as they are, then
//! the number of the feed's message to go on with.
//!
//! ```text
//!   add orders, states ... --> Item::Message      over SoupBinTCP, as sequenced data
//!   end of snapshot        --> Item::End(next)    then MoldUDP64 or SoupBinTCP from `next` on
//! ```
//!
//! Source: Nasdaq TotalView-ITCH 5.0 GLIMPSE specification: the end is a `G` and the number, in 20
//! characters.

use crate::itch::{DecodeError, Message};
use crate::soup::{number_of, number_text};

/// Bytes of the message that ends a snapshot.
pub const END_SIZE: usize = 21;

/// One message of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// What the books have.
    Message(Message<'a>),
    /// They are whole: the feed goes on with the message of this number.
    End(u64),
}

impl<'a> Item<'a> {
    /// Reads a message from exactly its bytes.
    ///
    /// # Errors
    /// [`DecodeError`] of what is neither an ITCH message nor the end. An end whose number is none
    /// is an unknown type.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        match bytes {
            [b'G', number @ ..] if bytes.len() == END_SIZE => {
                number_of(number).map(Self::End).ok_or(DecodeError::UnknownType { kind: b'G' })
            }
            _ => Message::decode(bytes).map(Self::Message),
        }
    }
}

/// The message that ends a snapshot.
pub fn end(next: u64) -> [u8; END_SIZE] {
    let mut bytes = [b'G'; END_SIZE];
    bytes[1..].copy_from_slice(&number_text(next));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_tells_the_number_to_go_on_with() {
        for next in [1, 42, u64::MAX] {
            assert_eq!(Item::decode(&end(next)), Ok(Item::End(next)));
        }
        assert_eq!(&end(42), b"G                  42");
        assert!(Item::decode(b"G                  4x").is_err());
        assert!(Item::decode(b"G                   ").is_err());
        assert!(Item::decode(&end(1)[..20]).is_err());
        let delete = [b'D', 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 7];
        assert!(matches!(Item::decode(&delete), Ok(Item::Message(Message::OrderDelete(_)))));
    }
}
