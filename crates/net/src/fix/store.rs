//! What sessions remember, on a disk: their numbers, and what they sent.
//!
//! ```text
//!   file: "TFIX0001" | record | record | ...
//!   record: length u32 | CRC-32C u32 | kind u8 | number u64 | bytes     little-endian
//! ```
//!
//! A file of records that are only appended, one for each session. Each is handed to the system before
//! what it tells of is sent, so that a process that is killed loses nothing; after a loss of power the
//! last moments may be missing, and both sides find out by their numbers. A torn end is cut off.
//!
//! A file is bounded: it begins anew with the numbers, and beyond [`BYTES_MAX`] it is written again
//! with its newest half.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tiercel_types::Timestamp;
use tiercel_wire::fix::MESSAGE_BYTES_MAX;
use tiercel_wire::fix::session::{MemoryStore, Store};

/// Bytes of a file, but for its last record.
pub const BYTES_MAX: u64 = 64 << 20;

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
    file: File,
    length: u64,
    most: u64,
    incoming: u64,
    outgoing: u64,
    created: Timestamp,
    /// Where the bytes of each message that was sent are, and how many.
    sent: BTreeMap<u64, (u64, u32)>,
    record: Vec<u8>,
    failure: Option<io::Error>,
}

impl FileStore {
    /// The store in the file at `path`, which is made if it is not there: then its numbers begin `now`.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is none of a store's.
    pub fn open(path: &Path, now: Timestamp) -> io::Result<Self> {
        Self::bounded(path, now, BYTES_MAX)
    }

    /// The same, with another bound.
    ///
    /// # Errors
    /// As [`FileStore::open`].
    pub fn bounded(path: &Path, now: Timestamp, most: u64) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut store = Self {
            path: path.into(),
            file,
            length: 0,
            most,
            incoming: 1,
            outgoing: 1,
            created: now,
            sent: BTreeMap::new(),
            record: Vec::new(),
            failure: None,
        };
        if bytes.len() < MAGIC.len() {
            store.begin(now);
        } else {
            store.recover(&bytes)?;
        }
        store.failure.take().map_or(Ok(store), Err)
    }

    /// What went wrong with the disk, if something did: the session cannot go on.
    pub const fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    /// Reads what is there, and cuts off a torn end.
    fn recover(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !bytes.starts_with(MAGIC) {
            let text = format!("{}: no store of a FIX session", self.path.display());
            return Err(io::Error::other(text));
        }
        let mut at = MAGIC.len();
        while let Some((kind, number, length)) = read_record(&bytes[at..]) {
            at += HEAD;
            self.know(kind, number, (at as u64, length));
            at += length as usize;
        }
        self.length = at as u64;
        self.file.set_len(self.length)
    }

    fn know(&mut self, kind: Kind, number: u64, place: (u64, u32)) {
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

    /// An empty file.
    fn begin(&mut self, now: Timestamp) {
        let written = self.file.set_len(0).and_then(|()| self.file.write_all_at(MAGIC, 0));
        self.note(written);
        self.length = MAGIC.len() as u64;
        self.put(Kind::Reset, now.0, &[]);
    }

    fn put(&mut self, kind: Kind, number: u64, bytes: &[u8]) {
        let mut record = std::mem::take(&mut self.record);
        record.clear();
        append(&mut record, kind, number, bytes);
        let written = self.file.write_all_at(&record, self.length);
        self.note(written);
        let place = (self.length + HEAD as u64, bytes.len() as u32);
        self.length += record.len() as u64;
        self.record = record;
        self.know(kind, number, place);
        if self.length > self.most && self.failure.is_none() {
            let written = self.compact();
            self.note(written);
        }
    }

    /// Writes the file again, with the newest messages that half of it holds.
    fn compact(&mut self) -> io::Result<()> {
        let mut left = self.most / 2;
        let newest = self.sent.iter().rev().take_while(|(_, (_, length))| {
            let size = HEAD as u64 + u64::from(*length);
            let fits = size <= left;
            left = left.saturating_sub(size);
            fits
        });
        let kept: Vec<u64> = newest.map(|(number, _)| *number).collect();
        let mut bytes = MAGIC.to_vec();
        append(&mut bytes, Kind::Reset, self.created.0, &[]);
        let mut message = Vec::new();
        for number in kept.into_iter().rev() {
            message.clear();
            if self.read(number, &mut message) {
                append(&mut bytes, Kind::Sent, number, &message);
            }
        }
        append(&mut bytes, Kind::SentOwn, self.outgoing - 1, &[]);
        append(&mut bytes, Kind::Incoming, self.incoming, &[]);
        let new = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        self.file = file;
        self.recover(&bytes)
    }

    /// Keeps the first failure.
    fn note(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.failure.get_or_insert(error);
        }
    }
}

fn append(into: &mut Vec<u8>, kind: Kind, number: u64, bytes: &[u8]) {
    let at = into.len();
    into.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    into.extend_from_slice(&[0; 4]);
    into.push(kind as u8);
    into.extend_from_slice(&number.to_le_bytes());
    into.extend_from_slice(bytes);
    let sum = crc32c::crc32c(&into[at + 8..]).to_le_bytes();
    into[at + 4..at + 8].copy_from_slice(&sum);
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
        self.begin(now);
    }

    fn read(&mut self, number: u64, into: &mut Vec<u8>) -> bool {
        let Some((at, length)) = self.sent.get(&number).copied() else { return false };
        let start = into.len();
        into.resize(start + length as usize, 0);
        let read = self.file.read_exact_at(&mut into[start..], at);
        let is_read = read.is_ok();
        self.note(read);
        if !is_read {
            into.truncate(start);
        }
        is_read
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
        let mut store = place.open();
        assert_eq!((store.next_incoming(), store.created()), (1, Timestamp(9)));
        assert_eq!((read(&mut store, 1), read(&mut store, 2)), (Some(b"another".to_vec()), None));
    }

    #[test]
    fn a_torn_end_is_cut_off_wherever_it_was_torn() {
        let place = Place::new("torn");
        let mut store = place.open();
        store.sent(Some(b"one"));
        let whole = store.length as usize;
        store.sent(Some(b"two"));
        drop(store);
        let bytes = std::fs::read(&place.0).unwrap();
        for length in whole..bytes.len() {
            std::fs::write(&place.0, &bytes[..length]).unwrap();
            let mut store = place.open();
            assert_eq!((store.next_outgoing(), read(&mut store, 2)), (2, None), "{length}");
            store.sent(Some(b"again"));
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
            assert!(std::fs::metadata(&place.0).unwrap().len() <= 4_096 + 64);
        }
        let mut store = place.open();
        assert_eq!((store.next_incoming(), store.next_outgoing()), (40, 1_001));
        assert_eq!(read(&mut store, 1_000), Some(b"message 1000".to_vec()));
        assert_eq!(read(&mut store, 1), None);
    }
}
