//! What a session remembers through the death of its process: two mapped files.
//!
//! ```text
//!   NAME.answers   head: whose | commit | commit | ring of records: what it was told
//!   NAME.requests  head        | commit | commit | ring of records: what it asked and has no answer yet
//! ```
//!
//! Records are written behind the ring's end; then a commit, which says where the end is, is written over
//! the older of two, and one word says that it holds. So a process may die between any two instructions,
//! and the files say how far it was. A store of a record costs what copying it does, and no system call.
//!
//! After a loss of power the last moments may be missing. Both sides find out by their numbers.
//!
//! Both rings are bounded: the oldest answers are gone, and a resend says so with a gap fill; a request for
//! which there is no room is told that the venue is busy.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::Ordering;

use tiercel_host::MappedFile;
use tiercel_types::{AccountId, Timestamp};
use tiercel_wire::binary::{Group, Part, RECORD_SIZE};
use tiercel_wire::store::Store;
use zerocopy::{FromZeros, IntoBytes};

const MAGIC_ANSWERS: u64 = u64::from_le_bytes(*b"TBINANS1");
const MAGIC_REQUESTS: u64 = u64::from_le_bytes(*b"TBINREQ1");
/// Where the head's fields are.
const SLOTS_AT: usize = 8;
const OWNER_AT: usize = 16;
const KEY_LENGTH_AT: usize = 24;
const SELECTED_AT: usize = 64;
const COMMITS_AT: usize = 128;
const KEY_AT: usize = 256;
/// The longest key there may be.
pub const KEY_MAX: usize = 256;
/// Where the ring begins: one page.
const RING_AT: usize = 4_096;
/// Words of a commit.
const WORDS: usize = 7;
const COMMIT_SIZE: usize = 64;
/// Records that have no answer yet, at most: more than the venue takes at once.
pub const REQUEST_SLOTS: usize = 1 << 14;

const _: () = assert!(KEY_AT >= COMMITS_AT + 2 * COMMIT_SIZE && KEY_AT + KEY_MAX <= RING_AT);

/// A file of a head and a ring of records.
#[derive(Debug)]
struct Ring {
    file: MappedFile,
    slots: usize,
    commits: u64,
}

impl Ring {
    /// The file at `path`, and what was committed last; a new one has `slots` records.
    fn open(path: &Path, magic: u64, slots: usize) -> io::Result<(Self, Option<[u64; WORDS]>)> {
        let known = known_slots(path)?;
        let slots = known.unwrap_or(slots);
        let mut file = MappedFile::open(path, RING_AT + slots * RECORD_SIZE)?;
        if known.is_none() {
            file.word(SLOTS_AT).store(slots as u64, Ordering::Release);
            file.word(0).store(magic, Ordering::Release);
        } else if file.word(0).load(Ordering::Acquire) != magic {
            let text = format!("{}: no memory of a binary session", path.display());
            return Err(io::Error::other(text));
        }
        let commits = file.word(SELECTED_AT).load(Ordering::Acquire);
        let mut words = <[u64; WORDS]>::new_zeroed();
        let at = COMMITS_AT + (commits % 2) as usize * COMMIT_SIZE;
        words.as_mut_bytes().copy_from_slice(&file[at..at + WORDS * 8]);
        Ok((Self { file, slots, commits }, (commits > 0).then_some(words)))
    }

    /// Makes it true, all of it or nothing.
    #[inline]
    fn commit(&mut self, words: &[u64; WORDS]) {
        self.commits += 1;
        let at = COMMITS_AT + (self.commits % 2) as usize * COMMIT_SIZE;
        self.file[at..at + WORDS * 8].copy_from_slice(words.as_bytes());
        self.file.word(SELECTED_AT).store(self.commits, Ordering::Release);
    }

    /// The record that was the `slot`-th ever.
    #[inline]
    fn record(&self, slot: u64) -> &[u8; RECORD_SIZE] {
        let at = RING_AT + (slot % self.slots as u64) as usize * RECORD_SIZE;
        // Always whole: the file is a head and whole records.
        self.file[at..].first_chunk().unwrap_or(&[0; RECORD_SIZE])
    }

    /// Writes whole records from the `slot`-th on.
    #[inline]
    fn write(&mut self, slot: u64, bytes: &[u8]) {
        for (slot, record) in (slot..).zip(bytes.chunks_exact(RECORD_SIZE)) {
            let at = RING_AT + (slot % self.slots as u64) as usize * RECORD_SIZE;
            self.file[at..at + RECORD_SIZE].copy_from_slice(record);
        }
    }
}

/// How many records a file has room for, if it is there.
fn known_slots(path: &Path) -> io::Result<Option<usize>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut word = [0; 8];
    // One that was made and not begun has nothing in it.
    match file.read_exact_at(&mut word, SLOTS_AT as u64) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let slots = u64::from_le_bytes(word);
    let length = file.metadata()?.len();
    match slots {
        0 => Ok(None),
        _ if length == RING_AT as u64 + slots.saturating_mul(RECORD_SIZE as u64) => {
            Ok(Some(slots as usize))
        }
        _ => Err(io::Error::other(format!("{}: a file of another length", path.display()))),
    }
}

/// Whose a session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The API key.
    pub key: Box<str>,
    /// Its account.
    pub account: AccountId,
    /// The session's number among those of its account; not zero.
    pub session: u32,
}

/// An event, as far as a session was told of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ToldOf {
    /// Its command.
    pub sequence: u64,
    /// Its place in it.
    pub index: u32,
    /// Answers that were told of it.
    pub answers: u32,
}

/// What a session was told: a [`Store`] whose numbers to send, and records, outlive the process. The number
/// of the next to come is `Requests`'s to keep.
#[derive(Debug)]
pub struct AnswerFile {
    ring: Ring,
    owner: Owner,
    incoming: u64,
    outgoing: u64,
    /// Records ever written.
    end: u64,
    created: Timestamp,
    told: ToldOf,
    /// By number, modulo its length: where its record is.
    places: Box<[u64]>,
}

impl AnswerFile {
    /// The file at `path`, that of a session that `owner` begins if it is not there, with room for `slots`
    /// records.
    ///
    /// # Errors
    /// The system's, or when the file is something else.
    pub fn open(
        path: &Path,
        owner: Option<Owner>,
        slots: usize,
        now: Timestamp,
    ) -> io::Result<Self> {
        let (mut ring, words) = Ring::open(path, MAGIC_ANSWERS, slots)?;
        let places = vec![0; ring.slots].into();
        let other = || {
            let text = format!("{}: of no session", path.display());
            io::Error::new(io::ErrorKind::NotFound, text)
        };
        let Some([outgoing, end, sequence, index, answers, created, _]) = words else {
            let owner = owner.ok_or_else(other)?;
            let key = owner.key.as_bytes();
            let room = ring.file.get_mut(KEY_AT..KEY_AT + key.len()).ok_or_else(other)?;
            room.copy_from_slice(key);
            ring.file.word(KEY_LENGTH_AT).store(key.len() as u64, Ordering::Release);
            let id = u64::from(owner.account.0) << 32 | u64::from(owner.session);
            ring.file.word(OWNER_AT).store(id, Ordering::Release);
            let told = ToldOf::default();
            let mut file =
                Self { ring, owner, incoming: 1, outgoing: 1, end: 0, created: now, told, places };
            file.commit();
            return Ok(file);
        };
        let length = ring.file.word(KEY_LENGTH_AT).load(Ordering::Acquire) as usize;
        let key = ring.file.get(KEY_AT..KEY_AT + length.min(KEY_MAX)).ok_or_else(other)?;
        let key = std::str::from_utf8(key).map_err(io::Error::other)?.into();
        let id = ring.file.word(OWNER_AT).load(Ordering::Acquire);
        let owner = Owner { key, account: AccountId((id >> 32) as u32), session: id as u32 };
        let told = ToldOf { sequence, index: index as u32, answers: answers as u32 };
        let created = Timestamp(created);
        let mut file = Self { ring, owner, incoming: 1, outgoing, end, created, told, places };
        file.find();
        Ok(file)
    }

    /// Finds where each record is that is there.
    fn find(&mut self) {
        let slots = self.ring.slots as u64;
        for slot in self.end.saturating_sub(slots)..self.end {
            let record = self.ring.record(slot);
            let is_answer = tiercel_wire::binary::Kind::from_code(record[0])
                .is_some_and(|kind| kind.part() == Part::Answer);
            if is_answer {
                let number = sequence_of(record);
                self.places[(number % slots) as usize] = slot;
            }
        }
    }

    #[inline]
    fn commit(&mut self) {
        let ToldOf { sequence, index, answers } = self.told;
        self.ring.commit(&[
            self.outgoing,
            self.end,
            sequence,
            u64::from(index),
            u64::from(answers),
            self.created.0,
            0,
        ]);
    }

    /// Whose it is.
    pub const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The last event that it was told of.
    pub const fn told(&self) -> ToldOf {
        self.told
    }

    /// The next answer is told of this event.
    #[inline]
    pub fn tells(&mut self, sequence: u64, index: u32) {
        if (self.told.sequence, self.told.index) == (sequence, index) {
            self.told.answers += 1;
        } else {
            self.told = ToldOf { sequence, index, answers: 1 };
        }
    }
}

/// The number in a record's header.
fn sequence_of(record: &[u8; RECORD_SIZE]) -> u64 {
    record[8..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

impl Store for AnswerFile {
    #[inline]
    fn next_incoming(&self) -> u64 {
        self.incoming
    }

    #[inline]
    fn next_outgoing(&self) -> u64 {
        self.outgoing
    }

    fn oldest(&self) -> u64 {
        self.outgoing.saturating_sub(self.ring.slots as u64).max(1)
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    #[inline]
    fn set_next_incoming(&mut self, number: u64) {
        self.incoming = number;
    }

    fn set_next_outgoing(&mut self, number: u64) {
        self.outgoing = number;
        self.commit();
    }

    #[inline]
    fn sent(&mut self, bytes: Option<&[u8]>) {
        if let Some(bytes) = bytes {
            let slots = self.ring.slots as u64;
            self.ring.write(self.end, bytes);
            self.places[(self.outgoing % slots) as usize] = self.end;
            self.end += (bytes.len() / RECORD_SIZE) as u64;
        }
        self.outgoing += 1;
        self.commit();
    }

    fn reset(&mut self, now: Timestamp) {
        (self.incoming, self.outgoing, self.created) = (1, 1, now);
        self.commit();
    }

    fn read(&mut self, number: u64, into: &mut Vec<u8>) -> bool {
        let slots = self.ring.slots as u64;
        let first = self.places[(number % slots) as usize];
        let record = self.ring.record(first);
        let is_there = number < self.outgoing
            && self.end.saturating_sub(first) <= slots
            && sequence_of(record) == number;
        if is_there {
            let records = 1 + u64::from(record[1]);
            for slot in first..first + records {
                into.extend_from_slice(self.ring.record(slot));
            }
        }
        is_there
    }
}

/// What a session asked and has no answer yet, in order; and the number of the request that is due.
#[derive(Debug)]
pub struct RequestFile {
    ring: Ring,
    /// Records ever taken off, and ever written.
    head: u64,
    end: u64,
    /// The number of the next request.
    next: u64,
    /// The command after which the newest answered request was done.
    done: u64,
    /// Whether its orders are to be cancelled when its connection ends: then this is what is owed when the
    /// venue ends before the connection does.
    owes_cancel: bool,
}

impl RequestFile {
    /// The file at `path`; a new one if it is not there.
    ///
    /// # Errors
    /// The system's, or when the file is something else.
    pub fn open(path: &Path) -> io::Result<Self> {
        let (ring, words) = Ring::open(path, MAGIC_REQUESTS, REQUEST_SLOTS)?;
        let [head, end, next, done, owes, ..] = words.unwrap_or([0, 0, 1, 0, 0, 0, 0]);
        Ok(Self { ring, head, end, next, done, owes_cancel: owes == 1 })
    }

    #[inline]
    fn commit(&mut self) {
        let owes = u64::from(self.owes_cancel);
        self.ring.commit(&[self.head, self.end, self.next, self.done, owes, 0, 0]);
    }

    /// The number of the request that is due.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// The command after which the newest request that was answered was done.
    pub const fn done(&self) -> u64 {
        self.done
    }

    /// Whether nothing waits for an answer.
    pub const fn is_empty(&self) -> bool {
        self.head == self.end
    }

    /// Notes a request, before its commands are handed in; false if there is no room.
    #[inline]
    pub fn push(&mut self, group: &Group<'_>, number: u64) -> bool {
        let records = (group.bytes().len() / RECORD_SIZE) as u64;
        if self.end + records - self.head > self.ring.slots as u64 {
            return false;
        }
        self.ring.write(self.end, group.bytes());
        self.end += records;
        self.next = number + 1;
        self.commit();
        true
    }

    /// The newest was not handed in after all.
    pub fn take_back(&mut self, group: &Group<'_>, number: u64) {
        self.end -= (group.bytes().len() / RECORD_SIZE) as u64;
        self.next = number;
        self.commit();
    }

    /// All requests below this number were answered at once, or stand above.
    #[inline]
    pub fn note(&mut self, next: u64) {
        if next != self.next {
            self.next = next;
            self.commit();
        }
    }

    /// The oldest is answered: command `sequence` was its last.
    #[inline]
    pub fn pop(&mut self, sequence: u64) {
        if self.head < self.end {
            self.head += 1 + u64::from(self.ring.record(self.head)[1]);
            self.done = sequence;
            self.commit();
        }
    }

    /// Whether the session's orders are to be cancelled, once its connection is gone.
    pub const fn owes_cancel(&self) -> bool {
        self.owes_cancel
    }

    /// Says so.
    pub fn owe_cancel(&mut self, owes: bool) {
        if owes != self.owes_cancel {
            self.owes_cancel = owes;
            self.commit();
        }
    }

    /// The bytes of each that waits, oldest first, with its number.
    pub fn waiting(&self) -> impl Iterator<Item = (u64, Vec<u8>)> {
        let mut at = self.head;
        std::iter::from_fn(move || {
            if at >= self.end {
                return None;
            }
            let first = self.ring.record(at);
            let number = sequence_of(first);
            let records = 1 + u64::from(first[1]);
            let bytes = (at..at + records).flat_map(|slot| *self.ring.record(slot)).collect();
            at += records;
            Some((number, bytes))
        })
    }

    /// Forgets what waits: the log does not have it. The first of them is due again.
    pub fn forget_waiting(&mut self) {
        if self.head < self.end {
            self.next = sequence_of(self.ring.record(self.head));
            self.end = self.head;
            self.commit();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tiercel_types::{InstrumentId, OrderId};
    use tiercel_wire::binary::{CancelOrder, ClientId, Header, Heartbeat, Kind, record};

    use super::*;

    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let name = format!("tiercel-binary-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            drop(std::fs::remove_file(&path));
            Self(path)
        }

        fn answers(&self) -> AnswerFile {
            let owner = Owner { key: "a key".into(), account: AccountId(3), session: 9 };
            AnswerFile::open(&self.0, Some(owner), 16, Timestamp(5)).unwrap()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            drop(std::fs::remove_file(&self.0));
        }
    }

    /// An answer of so many records.
    fn answer(number: u64, records: u8) -> Vec<u8> {
        let header = |kind, extensions| {
            let header = Header::new(kind, InstrumentId(1));
            Header { extensions, sequence: number, ..header }
        };
        let mut bytes = Vec::new();
        for at in 0..records {
            let kind = if at == 0 { Kind::Cancelled } else { Kind::Fee };
            bytes.extend_from_slice(header(kind, if at == 0 { records - 1 } else { 0 }).as_bytes());
            bytes.extend_from_slice(&[number as u8; 48]);
        }
        bytes
    }

    #[test]
    fn the_newest_answers_are_there_whole_after_any_restart() {
        let place = Place::new("answers");
        let size = |number: u64| 1 + (number % 3) as u8;
        let mut file = place.answers();
        for number in 1..=40 {
            file.tells(number, 0);
            file.sent(Some(&answer(number, size(number))));
            drop(file);
            file = AnswerFile::open(&place.0, None, 999, Timestamp(0)).unwrap();
            assert_eq!(&*file.owner().key, "a key");
            assert_eq!((file.owner().account, file.owner().session), (AccountId(3), 9));
            assert_eq!(file.next_outgoing(), number + 1);
            assert_eq!(file.told(), ToldOf { sequence: number, index: 0, answers: 1 });
            let mut slots = 0;
            for back in (1..=number).rev() {
                slots += usize::from(size(back));
                let mut bytes = Vec::new();
                assert_eq!(file.read(back, &mut bytes), slots <= 16, "{back} of {number}");
                assert!(slots > 16 || bytes == answer(back, size(back)));
            }
            assert!(!file.read(number + 1, &mut Vec::new()) && !file.read(0, &mut Vec::new()));
        }
    }

    #[test]
    fn a_commit_that_was_not_selected_is_none() {
        let place = Place::new("torn");
        let mut file = place.answers();
        file.sent(Some(&answer(1, 1)));
        // The process died behind the records and the words, in front of the one that makes them true.
        file.ring.write(1, &answer(2, 1));
        let at = COMMITS_AT + ((file.ring.commits + 1) % 2) as usize * COMMIT_SIZE;
        file.ring.file[at..at + 8].copy_from_slice(&99_u64.to_le_bytes());
        drop(file);
        let mut file = place.answers();
        assert_eq!(file.next_outgoing(), 2);
        let mut bytes = Vec::new();
        assert!(file.read(1, &mut bytes) && !file.read(2, &mut bytes));
    }

    #[test]
    fn requests_wait_in_order_until_they_are_answered() {
        let place = Place::new("requests");
        let request = |number| {
            let order_id = OrderId(number);
            let body = CancelOrder { client_id: ClientId::EMPTY, order_id, reserved: [0; 24] };
            record(InstrumentId(1), number, 0, &body)
        };
        let mut file = RequestFile::open(&place.0).unwrap();
        for number in 1..=5 {
            assert!(file.push(&Group::front(&request(number)).unwrap().unwrap(), number));
        }
        file.pop(100);
        file.owe_cancel(true);
        drop(file);
        let mut file = RequestFile::open(&place.0).unwrap();
        assert_eq!((file.next(), file.done(), file.owes_cancel()), (6, 100, true));
        let numbers = |file: &RequestFile| file.waiting().map(|(at, _)| at).collect::<Vec<_>>();
        assert_eq!(numbers(&file), [2, 3, 4, 5]);
        assert!(file.waiting().all(|(number, bytes)| bytes == request(number)));
        file.forget_waiting();
        assert_eq!((numbers(&file), file.next()), (vec![], 2));
        for number in 2..2 + REQUEST_SLOTS as u64 {
            assert!(file.push(&Group::front(&request(number)).unwrap().unwrap(), number));
        }
        let one = request(1);
        assert!(!file.push(&Group::front(&one).unwrap().unwrap(), 1));
        let other = record(InstrumentId(0), 0, 0, &Heartbeat { reserved: [0; 48] });
        std::fs::write(&place.0, other).unwrap();
        assert!(RequestFile::open(&place.0).is_err());
    }
}
