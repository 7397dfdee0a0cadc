//! Requests whose answers do not follow from their events alone, on a disk before they are handed in:
//! modifications, mass cancels, switches. After a kill, their commands are found in the log
//! again, in the same order, and answered as they would have been.
//!
//! ```text
//!   a note: user 6 | kind u8 | UserRefNum u32 | firm 4 | symbol 8 | command
//!           or nothing: the venue had no room for the one before
//! ```

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use tiercel_net::session_store::{FileStore, SessionStore};
use tiercel_types::record::RECORD_SIZE_MAX;
use tiercel_types::{Command, EventHeader, Timestamp};
use tiercel_wire::itch::Text;
use tiercel_wire::store::{MemoryStore, Store};

use crate::ouch::{Asked, SessionNumber, User};

/// Bytes of a note in front of its command.
const HEAD: usize = 6 + 1 + 4 + 4 + 8;

/// The notes.
pub(super) struct Requests(SessionStore);

/// A request that was noted, and may be in the log.
struct Noted {
    session: SessionNumber,
    asked: Asked,
    command: Command,
}

/// Requests that are looked for in the log.
pub(super) struct Waiting {
    noted: VecDeque<Noted>,
    /// The one that the present command is, and its last event.
    present: Option<(Noted, u64)>,
}

impl Requests {
    /// The notes in a folder; `None`: they end with the process.
    pub(super) fn open(folder: Option<&Path>, now: Timestamp) -> io::Result<Self> {
        Ok(Self(match folder {
            None => SessionStore::Memory(MemoryStore::new(now)),
            Some(folder) => SessionStore::File(FileStore::open(&folder.join("requests"), now)?),
        }))
    }

    /// Notes a request that is about to be handed in, if its answer needs that; its number.
    pub(super) fn note(&mut self, user: User, asked: &Asked, command: &Command) -> Option<u64> {
        let mut bytes = [0; HEAD + RECORD_SIZE_MAX];
        let size = HEAD + {
            let (head, body) = bytes.split_at_mut(HEAD);
            head.copy_from_slice(&head_of(user, asked)?);
            command.encode(0, Timestamp(0), body)?
        };
        let number = self.0.next_outgoing();
        self.0.sent(Some(&bytes[..size]));
        Some(number)
    }

    /// The last one was not taken.
    pub(super) fn take_back(&mut self) {
        self.0.sent(Some(&[]));
    }

    /// What is wrong with the disk, if something is.
    pub(super) fn failure(&self) -> Option<&io::Error> {
        self.0.failure()
    }

    /// The number of the next one.
    pub(super) fn next(&self) -> u64 {
        self.0.next_outgoing()
    }

    /// Those from `first` on, of users who may log on still.
    pub(super) fn since(&mut self, first: u64, users: &[User]) -> Waiting {
        let mut noted: VecDeque<Option<Noted>> = VecDeque::new();
        for number in first.max(1)..self.0.next_outgoing() {
            let mut bytes = Vec::new();
            if !self.0.read(number, &mut bytes) {
                continue;
            }
            if bytes.is_empty() {
                noted.pop_back();
            } else {
                noted.push_back(decode(&bytes, users));
            }
        }
        Waiting { noted: noted.into_iter().flatten().collect(), present: None }
    }
}

impl Waiting {
    /// The log's next command.
    pub(super) fn command(&mut self, sequence: u64, command: &Command) {
        self.present = None;
        // The log has them in their order: those in front of one that it has are not in it.
        if let Some(at) = self.noted.iter().position(|noted| noted.command == *command) {
            self.present = self.noted.drain(..=at).next_back().map(|noted| (noted, sequence));
        }
    }

    /// The request that an event is of, if it is one of these.
    pub(super) fn asked(&self, header: &EventHeader) -> Option<(SessionNumber, &Asked)> {
        let (noted, sequence) = self.present.as_ref()?;
        (*sequence == header.sequence).then_some((noted.session, &noted.asked))
    }
}

/// What stands in front of a request's command; `None`: its answer follows from its events.
fn head_of(user: User, asked: &Asked) -> Option<[u8; HEAD]> {
    let (kind, number, firm, symbol) = match asked {
        Asked::Enter | Asked::Replace(_) | Asked::Cancel => return None,
        Asked::Modify => (b'M', 0, Text::padding(), Text::padding()),
        Asked::MassCancel { user_ref_num, firm, symbol } => (b'C', *user_ref_num, *firm, *symbol),
        Asked::Switch { user_ref_num, firm, off } => {
            (if *off { b'D' } else { b'E' }, *user_ref_num, *firm, Text::padding())
        }
    };
    let mut head = [0; HEAD];
    let mut rest = &mut head[..];
    let parts: [&[u8]; 5] =
        [user.padded(), &[kind], &number.to_le_bytes(), firm.padded(), symbol.padded()];
    for part in parts {
        let (place, behind) = rest.split_at_mut(part.len());
        place.copy_from_slice(part);
        rest = behind;
    }
    Some(head)
}

fn decode(bytes: &[u8], users: &[User]) -> Option<Noted> {
    let (head, body) = bytes.split_first_chunk::<HEAD>()?;
    let (user, rest) = head.split_first_chunk::<6>()?;
    let (kind, rest) = rest.split_first()?;
    let (user_ref_num, rest) = rest.split_first_chunk::<4>()?;
    let (firm, symbol) = rest.split_first_chunk::<4>()?;
    let session = users.iter().position(|known| known.padded() == user)?;
    let user_ref_num = u32::from_le_bytes(*user_ref_num);
    let (firm, symbol) = (Text::new(firm)?, Text::new(symbol)?);
    let asked = match kind {
        b'M' => Asked::Modify,
        b'C' => Asked::MassCancel { user_ref_num, firm, symbol },
        b'D' | b'E' => Asked::Switch { user_ref_num, firm, off: *kind == b'D' },
        _ => return None,
    };
    let (_, command) = Command::decode(body).ok()?;
    Some(Noted { session, asked, command })
}
