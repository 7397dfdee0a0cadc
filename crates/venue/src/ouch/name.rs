//! What an order is called in the venue: whose it is, and by which number.

use tiercel_types::ClientOrderId;
use tiercel_wire::itch::Text;

/// The name of a session: one to six letters and digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct User([u8; 6]);

impl User {
    /// The user of this text; `None` if it is none.
    pub fn new(text: &[u8]) -> Option<Self> {
        let mut user = [b' '; 6];
        let is_good = !text.is_empty() && text.iter().all(u8::is_ascii_alphanumeric);
        user.get_mut(..text.len()).filter(|_| is_good)?.copy_from_slice(text);
        Some(Self(user))
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.trim_ascii_end()
    }

    /// All six characters, with the blanks behind the text.
    pub const fn padded(&self) -> &[u8; 6] {
        &self.0
    }

    /// The firm that it is: its first four characters.
    pub fn firm(&self) -> Text<4> {
        let text = self.as_bytes();
        Text::new(&text[..text.len().min(4)]).unwrap_or(Text::padding())
    }
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

/// An order's name: `USER/0000002AP/CLORDID`: the session, the client's number in eight hexadecimal
/// digits, the capacity, and the client's own name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// Whose order it is.
    pub user: User,
    /// The client's number for it.
    pub user_ref_num: u32,
    /// For whom it trades.
    pub capacity: u8,
    /// The client's name for it.
    pub cl_ord_id: Text<14>,
}

impl Name {
    /// The name as the venue keeps it; `None` if the client's part is not printable.
    pub fn id(&self) -> Option<ClientOrderId> {
        let mut text = Vec::with_capacity(ClientOrderId::LIMIT);
        text.extend_from_slice(self.user.as_bytes());
        text.extend_from_slice(format!("/{:08X}", self.user_ref_num).as_bytes());
        text.extend_from_slice(&[self.capacity, b'/']);
        text.extend_from_slice(self.cl_ord_id.trimmed());
        ClientOrderId::new(&text).ok()
    }

    /// The name that an order has; `None` of one that came another way.
    pub fn of(id: &ClientOrderId) -> Option<Self> {
        let text = id.as_bytes();
        let slash = text.iter().position(|byte| *byte == b'/')?;
        let user = User::new(&text[..slash])?;
        let (number, rest) = text[slash + 1..].split_first_chunk::<8>()?;
        let number = std::str::from_utf8(number).ok()?;
        let [capacity, b'/', cl_ord_id @ ..] = rest else { return None };
        let name = Self {
            user,
            user_ref_num: u32::from_str_radix(number, 16).ok()?,
            capacity: *capacity,
            cl_ord_id: Text::new(cl_ord_id)?,
        };
        // As it is written, and in no other way.
        (name.id() == Some(*id)).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_it_is_and_others_do_not() {
        let name = Name {
            user: User::new(b"DESK01").unwrap(),
            user_ref_num: u32::MAX,
            capacity: b'P',
            cl_ord_id: Text::new(b"fourteen chars").unwrap(),
        };
        let id = name.id().unwrap();
        assert_eq!(id.as_str(), "DESK01/FFFFFFFFP/fourteen chars");
        assert_eq!(Name::of(&id), Some(name));
        for other in
            ["", "x", "DESK01/FFFFFFFFP", "DESK01/+FFFFFFFP/x", "DESK01/ffffffffP/x", "/00000001P/"]
        {
            assert_eq!(Name::of(&other.parse().unwrap()), None, "{other}");
        }
        assert!(User::new(b"").is_none() && User::new(b"SEVENTH").is_none());
        assert!(User::new(b"a b").is_none());
        let odd = Name { cl_ord_id: Text::new(b"\x01").unwrap(), ..name };
        assert_eq!(odd.id(), None);
    }
}
