//! A session's numbers, in a file that outlives the process.
//!
//! ```text
//!   file: "TFIXNUM1" | began u64 | next incoming u64 | next outgoing u64     in the machine's order of bytes
//! ```
//!
//! A number is in shared memory before the message that has it leaves, without a system call: a process that is killed
//! uses none twice. A machine that loses its power may; the venue says then which it waits for.

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;

use tiercel_host::MappedFile;
use tiercel_types::Timestamp;
use tiercel_wire::fix::session::{MemoryStore, Store};

const MAGIC: &[u8; 8] = b"TFIXNUM1";
const FILE_BYTES: usize = 4_096;
/// Where the numbers stand.
const BEGAN: usize = 8;
const INCOMING: usize = 16;
const OUTGOING: usize = 24;
/// Messages of a connection that can be sent again, and their bytes.
const KEPT: usize = 4_096;
const KEPT_BYTES: usize = 1 << 20;

/// What a session remembers: its numbers, and the messages of this connection. Of those before there is nothing: what
/// was lost with its connection must not be done later.
#[derive(Debug)]
pub struct Numbers {
    file: MappedFile,
    messages: MemoryStore,
    /// The first message of this connection.
    first: u64,
    is_new: bool,
}

impl Numbers {
    /// Those in the file at `path`; one that is not there is made, and its numbers begin.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::WouldBlock`] of a file that another process has.
    pub fn open(path: &Path, now: Timestamp) -> io::Result<Self> {
        let mut file = MappedFile::open(path, FILE_BYTES)?;
        let mut messages = MemoryStore::with_room(now, KEPT, KEPT_BYTES);
        // It takes its room with its first message.
        messages.sent(Some(b""));
        messages.reset(now);
        let is_new = file.iter().all(|byte| *byte == 0);
        if is_new {
            file[..MAGIC.len()].copy_from_slice(MAGIC);
        } else if file.starts_with(MAGIC) {
            let mut read = |at| file.word(at).load(Ordering::Acquire);
            let (began, incoming, outgoing) = (read(BEGAN), read(INCOMING), read(OUTGOING));
            messages.reset(Timestamp(began));
            messages.set_next_incoming(incoming.max(1));
            messages.set_next_outgoing(outgoing.max(1));
        } else {
            let text = format!("{}: no numbers of a FIX session", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let mut numbers = Self { file, messages, first: 1, is_new };
        numbers.write();
        numbers.begin();
        Ok(numbers)
    }

    /// Whether no session was there before.
    pub const fn is_new(&self) -> bool {
        self.is_new
    }

    /// A connection begins: nothing of those before is sent again.
    pub fn begin(&mut self) {
        self.first = self.messages.next_outgoing();
    }

    #[inline]
    fn write(&mut self) {
        let Self { file, messages, .. } = self;
        file.word(BEGAN).store(messages.created().0, Ordering::Release);
        file.word(INCOMING).store(messages.next_incoming(), Ordering::Release);
        file.word(OUTGOING).store(messages.next_outgoing(), Ordering::Release);
    }
}

impl Store for Numbers {
    fn next_incoming(&self) -> u64 {
        self.messages.next_incoming()
    }

    fn next_outgoing(&self) -> u64 {
        self.messages.next_outgoing()
    }

    fn oldest(&self) -> u64 {
        self.messages.oldest().max(self.first)
    }

    fn created(&self) -> Timestamp {
        self.messages.created()
    }

    fn set_next_incoming(&mut self, number: u64) {
        self.messages.set_next_incoming(number);
        self.write();
    }

    fn set_next_outgoing(&mut self, number: u64) {
        self.messages.set_next_outgoing(number);
        self.write();
    }

    fn sent(&mut self, bytes: Option<&[u8]>) {
        self.messages.sent(bytes);
        self.write();
    }

    fn reset(&mut self, now: Timestamp) {
        self.messages.reset(now);
        self.first = 1;
        self.write();
    }

    fn read(&mut self, number: u64, into: &mut Vec<u8>) -> bool {
        number >= self.first && self.messages.read(number, into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_and_messages_of_a_connection_before_are_gone() {
        let name = format!("tiercel-fix-numbers-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        drop(std::fs::remove_file(&path));
        let mut numbers = Numbers::open(&path, Timestamp(5)).unwrap();
        assert!(numbers.is_new());
        numbers.sent(None);
        numbers.sent(Some(b"an order"));
        numbers.set_next_incoming(7);
        let mut bytes = Vec::new();
        assert!(numbers.read(2, &mut bytes) && bytes == b"an order");
        numbers.begin();
        numbers.sent(Some(b"another"));
        assert!(!numbers.read(2, &mut bytes) && numbers.read(3, &mut bytes));
        assert!(Numbers::open(&path, Timestamp(5)).is_err(), "it is one process's");
        drop(numbers);
        let mut numbers = Numbers::open(&path, Timestamp(9)).unwrap();
        assert_eq!((numbers.next_incoming(), numbers.next_outgoing()), (7, 4));
        assert_eq!((numbers.is_new(), numbers.created()), (false, Timestamp(5)));
        assert!(!numbers.read(3, &mut bytes));
        drop(numbers);
        std::fs::write(&path, b"something else").unwrap();
        assert!(Numbers::open(&path, Timestamp(5)).is_err());
        std::fs::remove_file(&path).unwrap();
    }
}
