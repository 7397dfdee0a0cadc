//! The messages of a day's session, on a disk: what is sent again, and where a restart goes on.
//!
//! ```text
//!   YYYYMMDDnn.itch    messages, each behind its length: a file as Nasdaq's are
//!   YYYYMMDDnn.index   head (64 bytes) | for each message: where it ends u64, which order u64
//!   head: "TITCH001" | session (10) | zero (6) | day u64 | messages u64 | command u64 | zero
//! ```
//!
//! A session is a day of UTC, and a number: the first is 01. Messages are handed to the system before
//! they are sent, and then the head says how many there are, up to which command: a process that is
//! killed has lost nothing that it told. After a loss of power the files may not be what the head says,
//! or not what the log says: then a session of the next number begins.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tiercel_types::{OrderId, Timestamp};
use tiercel_wire::itch::MESSAGE_SIZE_MAX;
use tiercel_wire::soup::SessionId;
use tiercel_wire::store::{MemoryStore, Store};

use super::day::Day;
use super::messages::Sink;
use super::told::Told;

const MAGIC: &[u8; 8] = b"TITCH001";
/// Bytes of an index's head.
pub(super) const HEAD: u64 = 64;
/// Where in it the position is.
const POSITION: u64 = 32;
/// Bytes of an index's entry.
pub(super) const ENTRY: u64 = 16;
/// Messages that are kept in memory.
const RECENT: usize = 1 << 14;
/// Bytes that wait for the system at most, but for those of one command.
const PENDING_BYTES: usize = 1 << 20;
/// Messages that are read from the files at once.
const BLOCK: u64 = 512;

/// Up to where a session's files are complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Messages.
    pub(super) messages: u64,
    /// The command whose messages are the last.
    pub(super) command: u64,
}

/// A session's messages.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    day: Day,
    data: File,
    index: File,
    /// Messages, and bytes of them, with what is pending.
    messages: u64,
    end: u64,
    /// Of those, what the files have.
    written: u64,
    written_end: u64,
    position: Position,
    told_position: Position,
    /// What the files do not have yet: bytes, and entries.
    pending: (Vec<u8>, Vec<u8>),
    recent: MemoryStore,
    block: Block,
}

/// Messages that were read from the files.
#[derive(Debug, Default)]
struct Block {
    /// The number of the first.
    first: u64,
    /// Where each ends, with where the first begins in front.
    ends: Vec<u64>,
    bytes: Vec<u8>,
}

/// The name of a session's file.
pub(super) fn path(folder: &Path, id: &SessionId, kind: &str) -> PathBuf {
    folder.join(format!("{}.{kind}", id.escape_ascii()))
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true).mode(0o644).open(path)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl Session {
    fn begin(folder: &Path, id: SessionId, day: Day, command: u64) -> io::Result<Self> {
        let position = Position { messages: 0, command };
        let (data, index) =
            (create(&path(folder, &id, "itch"))?, create(&path(folder, &id, "index"))?);
        let mut head = [0; HEAD as usize];
        head[..8].copy_from_slice(MAGIC);
        head[8..18].copy_from_slice(&id);
        head[24..32].copy_from_slice(&day.number().to_le_bytes());
        head[40..48].copy_from_slice(&command.to_le_bytes());
        index.write_all_at(&head, 0)?;
        Ok(Self::of((id, day), (data, index), position, 0))
    }

    fn of(
        (id, day): (SessionId, Day),
        (data, index): (File, File),
        at: Position,
        end: u64,
    ) -> Self {
        let mut recent = MemoryStore::with_room(Timestamp(0), RECENT, RECENT * MESSAGE_SIZE_MAX);
        if at.messages > 0 {
            recent.set_next_outgoing(at.messages + 1);
        }
        Self {
            id,
            day,
            data,
            index,
            messages: at.messages,
            end,
            written: at.messages,
            written_end: end,
            position: at,
            told_position: at,
            pending: (Vec::new(), Vec::new()),
            recent,
            block: Block::default(),
        }
    }

    /// The session of these files, cut to what its head says; `None`: they tell nothing.
    fn open(folder: &Path, id: SessionId) -> io::Result<Option<Self>> {
        let open = |kind| OpenOptions::new().read(true).write(true).open(path(folder, &id, kind));
        let (data, index) = (open("itch")?, open("index")?);
        let mut head = [0; HEAD as usize];
        if index.read_exact_at(&mut head, 0).is_err() || head[..8] != *MAGIC || head[8..18] != id {
            return Ok(None);
        }
        let number = |at| u64_at(&head, at).unwrap_or(0);
        let (day, messages, command) = (Day::from_number(number(24)), number(32), number(40));
        if messages == 0 {
            return Ok(None);
        }
        let mut entry = [0; ENTRY as usize];
        if index.read_exact_at(&mut entry, HEAD + (messages - 1) * ENTRY).is_err() {
            return Ok(None);
        }
        let end = u64_at(&entry, 0).unwrap_or(0);
        if data.metadata()?.len() < end {
            return Ok(None);
        }
        data.set_len(end)?;
        index.set_len(HEAD + messages * ENTRY)?;
        let position = Position { messages, command };
        Ok(Some(Self::of((id, day), (data, index), position, end)))
    }

    /// Its name.
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Its day.
    pub const fn day(&self) -> Day {
        self.day
    }

    /// The number of the message that comes next.
    pub const fn next(&self) -> u64 {
        self.messages + 1
    }

    /// The last command whose messages are all there.
    pub const fn command(&self) -> u64 {
        self.position.command
    }

    fn push(&mut self, bytes: &[u8], order: OrderId) {
        // No message is longer than MESSAGE_SIZE_MAX.
        self.pending.0.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
        self.pending.0.extend_from_slice(bytes);
        self.end += 2 + bytes.len() as u64;
        self.pending.1.extend_from_slice(&self.end.to_le_bytes());
        self.pending.1.extend_from_slice(&order.0.to_le_bytes());
        self.messages += 1;
        self.recent.sent(Some(bytes));
    }

    /// Hands what is pending to the system.
    fn flush(&mut self) -> io::Result<()> {
        if self.written < self.messages {
            self.data.write_all_at(&self.pending.0, self.written_end)?;
            self.index.write_all_at(&self.pending.1, HEAD + self.written * ENTRY)?;
            (self.written, self.written_end) = (self.messages, self.end);
            self.pending.0.clear();
            self.pending.1.clear();
        }
        if self.told_position != self.position {
            let Position { messages, command } = self.position;
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&messages.to_le_bytes());
            bytes[8..].copy_from_slice(&command.to_le_bytes());
            self.index.write_all_at(&bytes, POSITION)?;
            self.told_position = self.position;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        self.data.sync_data()?;
        self.index.sync_data()
    }

    /// Reads the messages from `number` on.
    fn load(&mut self, number: u64) -> io::Result<()> {
        let last = (number + BLOCK - 1).min(self.written);
        // With the entry in front, whose end is where the first begins.
        let from = number.saturating_sub(2);
        let mut entries = vec![0; ((last - from) * ENTRY) as usize];
        self.index.read_exact_at(&mut entries, HEAD + from * ENTRY)?;
        let block = &mut self.block;
        block.ends.clear();
        if number == 1 {
            block.ends.push(0);
        }
        block
            .ends
            .extend(entries.chunks_exact(ENTRY as usize).filter_map(|entry| u64_at(entry, 0)));
        let (Some(start), Some(end)) = (block.ends.first(), block.ends.last()) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let size = end.checked_sub(*start).ok_or(io::ErrorKind::InvalidData)?;
        block.bytes.resize(size as usize, 0);
        self.data.read_exact_at(&mut block.bytes, *start)?;
        block.first = number;
        Ok(())
    }
}

impl Block {
    fn message(&self, number: u64) -> Option<&[u8]> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let (start, end) = (self.ends.get(at)?, self.ends.get(at + 1)?);
        let base = self.ends.first()?;
        self.bytes.get((start - base) as usize + 2..(end - base) as usize)
    }
}

/// Readers see what the files have. Numbers are the feed's alone to give: it cannot be set, nor reset.
impl Store for Session {
    fn next_incoming(&self) -> u64 {
        1
    }

    fn next_outgoing(&self) -> u64 {
        self.written + 1
    }

    fn created(&self) -> Timestamp {
        Timestamp(0)
    }

    fn set_next_incoming(&mut self, _: u64) {}

    fn set_next_outgoing(&mut self, _: u64) {}

    fn sent(&mut self, bytes: Option<&[u8]>) {
        if let Some(bytes) = bytes {
            self.push(bytes, OrderId::NONE);
        }
    }

    fn reset(&mut self, _: Timestamp) {}

    fn read(&mut self, number: u64, into: &mut Vec<u8>) -> bool {
        if number == 0 || number > self.written {
            return false;
        }
        if self.recent.read(number, into) {
            return true;
        }
        if self.block.message(number).is_none() && self.load(number).is_err() {
            return false;
        }
        let message = self.block.message(number);
        message.is_some_and(|message| {
            into.extend_from_slice(message);
            true
        })
    }
}

/// The sessions of a folder.
#[derive(Debug)]
pub struct Archive {
    folder: PathBuf,
    /// Sessions that are kept, with the one that is on.
    kept: usize,
    /// The last command that was told of.
    command: u64,
    session: Option<Session>,
    /// The one before, until it is let go.
    ended: Option<Session>,
    failure: Option<io::Error>,
}

impl Archive {
    /// The archive in `folder`, which is made if it is not there, with the session that was on last.
    ///
    /// # Errors
    /// The system's.
    pub fn open(folder: &Path, kept: usize) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let kept = kept.max(1);
        let (folder, ended) = (folder.to_owned(), None);
        let mut archive = Self { folder, kept, command: 0, session: None, ended, failure: None };
        for id in archive.sessions()?.into_iter().rev() {
            archive.session = Session::open(&archive.folder, id)?;
            if let Some(session) = &archive.session {
                archive.command = session.command();
                break;
            }
        }
        Ok(archive)
    }

    /// The sessions that there are files of, oldest first.
    fn sessions(&self) -> io::Result<Vec<SessionId>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let is_index = path.extension().is_some_and(|extension| extension == "index");
            let name = path.file_stem().and_then(|name| name.to_str());
            let id = name.and_then(|name| SessionId::try_from(name.as_bytes()).ok());
            found.extend(id.filter(|id| is_index && id.iter().all(u8::is_ascii_digit)));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// What the session that is on has told; `None` if there is none, or its files are not what they
    /// should be.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn told(&self) -> io::Result<Option<Told>> {
        let Some(session) = &self.session else { return Ok(None) };
        Told::read(&self.folder, session.id, session.day, session.position.messages)
    }

    /// The last command that was told of.
    pub const fn command(&self) -> u64 {
        self.command
    }

    /// The session that is on.
    pub const fn session(&mut self) -> Option<&mut Session> {
        self.session.as_mut()
    }

    /// The one before it, if it ended while this was open.
    pub const fn ended(&mut self) -> Option<&mut Session> {
        self.ended.as_mut()
    }

    /// The session before is needed no more.
    pub fn let_go(&mut self) {
        self.ended = None;
    }

    /// All messages of a command, and of those before it, are here.
    #[inline]
    pub fn end_of_command(&mut self, command: u64) {
        self.command = command;
        if let Some(session) = &mut self.session {
            session.position = Position { messages: session.messages, command };
            if session.pending.0.len() >= PENDING_BYTES
                && let Err(error) = session.flush()
            {
                self.failure.get_or_insert(error);
            }
        }
    }

    /// Hands what came to the system: from now on readers see it.
    ///
    /// # Errors
    /// The system's, once: the archive then keeps what it has.
    pub fn flush(&mut self) -> io::Result<()> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.session.as_mut().map_or(Ok(()), Session::flush)
    }

    /// The same, and waits for the disk.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&mut self) -> io::Result<()> {
        self.session.as_mut().map_or(Ok(()), Session::sync)
    }

    /// Begins a session, of the next number of its day that has told nothing.
    fn begin_session(&mut self, day: Day) -> io::Result<()> {
        if let Some(mut session) = self.session.take() {
            session.sync()?;
            self.ended = Some(session);
        }
        let mut sessions = self.sessions()?;
        let text = day.text();
        let mut number = 1;
        for id in sessions.iter().filter(|id| id[..8] == text) {
            if Session::open(&self.folder, *id)?.is_some() {
                number = 1 + u32::from(id[8] - b'0') * 10 + u32::from(id[9] - b'0');
            }
        }
        let id = format!("{}{number:02}", text.escape_ascii());
        let id = SessionId::try_from(id.as_bytes())
            .map_err(|_| io::Error::other(format!("{id}: no more than 99 sessions of a day")))?;
        self.session = Some(Session::begin(&self.folder, id, day, self.command)?);
        sessions.retain(|other| *other != id);
        sessions.truncate(sessions.len().saturating_sub(self.kept - 1));
        for old in sessions {
            for kind in ["index", "itch"] {
                std::fs::remove_file(path(&self.folder, &old, kind))?;
            }
        }
        Ok(())
    }
}

impl Sink for Archive {
    fn begin(&mut self, day: Day) {
        if let Err(error) = self.begin_session(day) {
            self.failure.get_or_insert(error);
        }
    }

    #[inline]
    fn message(&mut self, bytes: &[u8], order: OrderId) {
        if let Some(session) = &mut self.session {
            session.push(bytes, order);
        }
    }
}
