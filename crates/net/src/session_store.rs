//! What sessions remember, on a disk: their numbers, and what they sent.
//!
//! ```text
//!   file: "TFIX0001" | record | record | ... | zeros
//!   record: length u32 | CRC-32C u32 | kind u8 | number u64 | bytes     little-endian
//! ```
//!
//! A mapped file of records that are only appended, one for each session. Each is in it before what it
//! tells of is sent, so that a process that is killed loses nothing, and no system call is made for it;
//! after a loss of power the last half minute may be missing, and both sides find out by their numbers. A
//! torn end is cut off.
//!
//! A file grows with what is in it, and is bounded: beyond [`BYTES_MAX`] it is written again with its newest
//! half.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use tiercel_host::MappedFile;
use tiercel_types::Timestamp;
use tiercel_wire::fix::MESSAGE_BYTES_MAX;
use tiercel_wire::fix::session::{MemoryStore, Store};

/// Bytes of a file's records, but for the last.
pub const BYTES_MAX: u64 = 64 << 20;
/// Bytes that a file has from the start.
const FILE_BYTES: usize = 1 << 16;

const MAGIC: &[u8; 8] = b"TFIX0001";
/// Length, checksum, kind, number.
const HEAD: usize = 4 + 4 + 1 + 8;
/// The longest message, with room for the fields that a resend adds.
const RECORD_MAX: usize = 2 * MESSAGE_BYTES_MAX;

/// What a record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    /// Numbers began with 1 at this time.
    Reset = 1,
    /// The number of the next message to come.
    Incoming = 2,
    /// A message of the session itself was sent.
    SentOwn = 3,
    /// A message was sent: its bytes.
    Sent = 4,
}

impl Kind {
    const fn of(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Reset,
            2 => Self::Incoming,
            3 => Self::SentOwn,
            4 => Self::Sent,
            _ => return None,
        })
    }
}

/// A session's memory on a disk.
#[derive(Debug)]
pub struct FileStore {
    path: PathBuf,
    file: MappedFile,
    /// Bytes of the records.
    length: usize,
    most: usize,
    incoming: u64,
    outgoing: u64,
    created: Timestamp,
    /// Where the bytes of each message that was sent are, and how many.
    sent: BTreeMap<u64, (usize, u32)>,
    failure: Option<io::Error>,
}

impl FileStore {
    /// The store in the file at `path`, which is made if it is not there: then its numbers begin `now`.
    ///
    /// # Errors
    /// When the file cannot be mapped, another process has it, or it is none of a store's.
    pub fn open(path: &Path, now: Timestamp) -> io::Result<Self> {
        Self::bounded(path, now, BYTES_MAX)
    }

    /// The same, with another bound.
    ///
    /// # Errors
    /// As [`FileStore::open`].
    pub fn bounded(path: &Path, now: Timestamp, most: u64) -> io::Result<Self> {
        let there = match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            other => other?.len() as usize,
        };
        let mut store = Self {
            path: path.into(),
            file: MappedFile::open(path, there.max(FILE_BYTES))?,
            length: 0,
            most: most as usize,
            incoming: 1,
            outgoing: 1,
            created: now,
            sent: BTreeMap::new(),
            failure: None,
        };
        if there < MAGIC.len() || store.file.iter().all(|byte| *byte == 0) {
            store.file[..MAGIC.len()].copy_from_slice(MAGIC);
        }
        store.recover()?;
        if store.length == MAGIC.len() {
            store.put(Kind::Reset, now.0, &[]);
        }
        store.failure.take().map_or(Ok(store), Err)
    }

    /// What went wrong with the disk, if something did: the session cannot go on.
    pub const fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    /// Reads what is there, and cuts off a torn end.
    fn recover(&mut self) -> io::Result<()> {
        if !self.file.starts_with(MAGIC) {
            let text = format!("{}: no store of a FIX session", self.path.display());
            return Err(io::Error::other(text));
        }
        self.sent.clear();
        let mut at = MAGIC.len();
        while let Some((kind, number, length)) = read_record(&self.file[at..]) {
            at += HEAD;
            self.know(kind, number, (at, length));
            at += length as usize;
        }
        self.length = at;
        // What is torn must not look like a record behind the next one.
        let torn = &mut self.file[at..];
        if torn.iter().any(|byte| *byte != 0) {
            torn.fill(0);
        }
        Ok(())
    }

    fn know(&mut self, kind: Kind, number: u64, place: (usize, u32)) {
        match kind {
            Kind::Reset => {
                (self.incoming, self.outgoing, self.created) = (1, 1, Timestamp(number));
                self.sent.clear();
            }
            Kind::Incoming => self.incoming = number,
            Kind::SentOwn => self.outgoing = number + 1,
            Kind::Sent => {
                self.sent.insert(number, place);
                self.outgoing = number + 1;
            }
        }
    }

    fn put(&mut self, kind: Kind, number: u64, bytes: &[u8]) {
        let end = self.length + HEAD + bytes.len();
        if let Err(error) = self.make_room(end) {
            self.failure.get_or_insert(error);
            return;
        }
        write_record(&mut self.file[self.length..end], kind, number, bytes);
        self.know(kind, number, (self.length + HEAD, bytes.len() as u32));
        self.length = end;
        if end > self.most
            && let Err(error) = self.compact()
        {
            self.failure.get_or_insert(error);
        }
    }

    /// Has the file so long at least.
    fn make_room(&mut self, end: usize) -> io::Result<()> {
        if end <= self.file.len() {
            return Ok(());
        }
        self.file.grow(end.next_power_of_two())
    }

    /// Writes the file again, with the newest messages that half of it holds.
    #[cold]
    fn compact(&mut self) -> io::Result<()> {
        let mut left = self.most / 2;
        let newest = self.sent.iter().rev().take_while(|(_, (_, length))| {
            let size = HEAD + *length as usize;
            let fits = size <= left;
            left = left.saturating_sub(size);
            fits
        });
        let mut kept: Vec<_> = newest.map(|(number, place)| (*number, *place)).collect();
        kept.reverse();
        let path = self.path.with_extension("new");
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
        let mut file = MappedFile::open(&path, FILE_BYTES.max(self.most))?;
        file[..MAGIC.len()].copy_from_slice(MAGIC);
        let mut end = MAGIC.len();
        let mut add = |kind, number, bytes: &[u8]| {
            let from = end;
            end += HEAD + bytes.len();
            write_record(&mut file[from..end], kind, number, bytes);
        };
        add(Kind::Reset, self.created.0, &[]);
        for (number, (at, length)) in kept {
            add(Kind::Sent, number, &self.file[at..at + length as usize]);
        }
        add(Kind::SentOwn, self.outgoing - 1, &[]);
        add(Kind::Incoming, self.incoming, &[]);
        std::fs::rename(&path, &self.path)?;
        self.file = file;
        self.recover()
    }
}

/// Fills `into`, which has a record's length.
#[inline]
fn write_record(into: &mut [u8], kind: Kind, number: u64, bytes: &[u8]) {
    into[HEAD..].copy_from_slice(bytes);
    into[9..HEAD].copy_from_slice(&number.to_le_bytes());
    into[8] = kind as u8;
    let sum = crc32c::crc32c(&into[8..]);
    into[4..8].copy_from_slice(&sum.to_le_bytes());
    into[..4].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
}

/// The record that `bytes` begin with: its kind, number and length. `None` if it is not whole.
fn read_record(bytes: &[u8]) -> Option<(Kind, u64, u32)> {
    let word = |at: usize| bytes.get(at..)?.first_chunk().map(|word| u32::from_le_bytes(*word));
    let length = word(0)?;
    let whole = bytes.get(8..HEAD + length as usize).filter(|_| length as usize <= RECORD_MAX)?;
    let number = u64::from_le_bytes(*whole.get(1..)?.first_chunk()?);
    (crc32c::crc32c(whole) == word(4)?).then_some((Kind::of(whole[0])?, number, length))
}

impl Store for FileStore {
    fn next_incoming(&self) -> u64 {
        self.incoming
    }

    fn next_outgoing(&self) -> u64 {
        self.outgoing
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn set_next_incoming(&mut self, number: u64) {
        self.put(Kind::Incoming, number, &[]);
    }

    fn set_next_outgoing(&mut self, number: u64) {
        // As if the one before had been of the session itself.
        self.put(Kind::SentOwn, number.saturating_sub(1), &[]);
    }

    fn sent(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.put(Kind::Sent, self.outgoing, bytes),
            None => self.put(Kind::SentOwn, self.outgoing, &[]),
        }
    }

    fn reset(&mut self, now: Timestamp) {
        self.put(Kind::Reset, now.0, &[]);
    }

    fn read(&mut self, number: u64, into: &mut Vec<u8>) -> bool {
        let Some((at, length)) = self.sent.get(&number).copied() else { return false };
        into.extend_from_slice(&self.file[at..at + length as usize]);
        true
    }
}

/// A session's memory, wherever it is.
#[derive(Debug)]
pub enum SessionStore {
    /// In memory: it ends with the process.
    Memory(MemoryStore),
    /// In a file.
    File(FileStore),
}

impl SessionStore {
    /// What went wrong with the disk, if something did.
    pub const fn failure(&self) -> Option<&io::Error> {
        match self {
            Self::Memory(_) => None,
            Self::File(store) => store.failure(),
        }
    }
}

macro_rules! either {
    ($self:ident, $store:ident => $call:expr) => {
        match $self {
            SessionStore::Memory($store) => $call,
            SessionStore::File($store) => $call,
        }
    };
}

impl Store for SessionStore {
    fn next_incoming(&self) -> u64 {
        either!(self, store => store.next_incoming())
    }

    fn next_outgoing(&self) -> u64 {
        either!(self, store => store.next_outgoing())
    }

    fn created(&self) -> Timestamp {
        either!(self, store => store.created())
    }

    fn set_next_incoming(&mut self, number: u64) {
        either!(self, store => store.set_next_incoming(number));
    }

    fn set_next_outgoing(&mut self, number: u64) {
        either!(self, store => store.set_next_outgoing(number));
    }

    fn sent(&mut self, bytes: Option<&[u8]>) {
        either!(self, store => store.sent(bytes));
    }

    fn reset(&mut self, now: Timestamp) {
        either!(self, store => store.reset(now));
    }

    fn read(&mut self, number: u64, into: &mut Vec<u8>) -> bool {
        either!(self, store => store.read(number, into))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of its own, removed at the end.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let name = format!("tiercel-fix-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            drop(std::fs::remove_file(&path));
            Self(path)
        }

        fn open(&self) -> FileStore {
            FileStore::open(&self.0, Timestamp(5)).unwrap()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            drop(std::fs::remove_file(&self.0));
        }
    }

    fn read(store: &mut FileStore, number: u64) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        store.read(number, &mut bytes).then_some(bytes)
    }

    #[test]
    fn numbers_and_messages_are_there_after_a_restart() {
        let place = Place::new("restart");
        let mut store = place.open();
        store.sent(None);
        store.sent(Some(b"a report"));
        store.set_next_incoming(7);
        drop(store);
        let mut store = place.open();
        assert_eq!((store.next_incoming(), store.next_outgoing()), (7, 3));
        assert_eq!(store.created(), Timestamp(5));
        assert_eq!((read(&mut store, 1), read(&mut store, 2)), (None, Some(b"a report".to_vec())));
        store.reset(Timestamp(9));
        store.sent(Some(b"another"));
        assert!(FileStore::open(&place.0, Timestamp(5)).is_err(), "it is one process's");
        drop(store);
        let mut store = place.open();
        assert_eq!((store.next_incoming(), store.created()), (1, Timestamp(9)));
        assert_eq!((read(&mut store, 1), read(&mut store, 2)), (Some(b"another".to_vec()), None));
    }

    #[test]
    fn a_torn_end_is_cut_off_wherever_it_was_torn() {
        let place = Place::new("torn");
        let mut store = place.open();
        store.sent(Some(b"one"));
        let whole = store.length;
        store.sent(Some(b"two"));
        let end = store.length;
        drop(store);
        let mut bytes = std::fs::read(&place.0).unwrap();
        bytes.truncate(end);
        for length in whole..bytes.len() {
            std::fs::write(&place.0, &bytes[..length]).unwrap();
            let mut store = place.open();
            assert_eq!((store.next_outgoing(), read(&mut store, 2)), (2, None), "{length}");
            store.sent(Some(b"again"));
            drop(store);
            assert_eq!(read(&mut place.open(), 2), Some(b"again".to_vec()));
        }
        // A bit that turned over ends what is believed.
        let mut spoiled = bytes.clone();
        spoiled[whole + HEAD] ^= 1;
        std::fs::write(&place.0, &spoiled).unwrap();
        assert_eq!(place.open().next_outgoing(), 2);
        std::fs::write(&place.0, b"something else").unwrap();
        assert!(FileStore::open(&place.0, Timestamp(0)).is_err());
    }

    #[test]
    fn a_file_is_bounded_and_keeps_the_newest() {
        let place = Place::new("bounded");
        let mut store = FileStore::bounded(&place.0, Timestamp(5), 4_096).unwrap();
        store.set_next_incoming(40);
        for number in 1..=1_000_u64 {
            store.sent(Some(format!("message {number}").as_bytes()));
            assert!(store.length <= 4_096 + 64);
        }
        drop(store);
        assert_eq!(std::fs::metadata(&place.0).unwrap().len(), FILE_BYTES as u64);
        let mut store = place.open();
        assert_eq!((store.next_incoming(), store.next_outgoing()), (40, 1_001));
        assert_eq!(read(&mut store, 1_000), Some(b"message 1000".to_vec()));
        assert_eq!(read(&mut store, 1), None);
    }
}
