//! How far sessions were told, on a disk: up to which command, and with which message.
//!
//! ```text
//!   "position": "TOUCH002" | command u64 | the first request that was not answered u64
//!               | for each session: its next message's number u64
//! ```
//!
//! Written after the messages themselves. A process that is killed between has told more than is noted:
//! what the commands behind it are told as again is found among those messages, and not repeated.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::line::Line;
use crate::ouch::SessionNumber;

const MAGIC: &[u8; 8] = b"TOUCH002";

/// The note.
#[derive(Debug)]
pub(super) struct Memory {
    file: Option<File>,
    command: Option<u64>,
    /// The first request that waits for its answer.
    request: u64,
    /// Each session's next number, in their order.
    next: Vec<u64>,
    is_noted: bool,
}

/// Messages that were told and not noted, by session.
#[derive(Debug, Default)]
pub(super) struct Known(Vec<Vec<Vec<u8>>>);

impl Known {
    /// Whether a message is among them; it counts once.
    pub(super) fn take(&mut self, session: SessionNumber, message: &[u8]) -> bool {
        let Some(known) = self.0.get_mut(session) else { return false };
        let found = known.iter().position(|told| told == message);
        found.map(|at| known.remove(at)).is_some()
    }
}

impl Memory {
    /// The note in a folder; `None`: nothing is kept.
    pub(super) fn open(folder: Option<&Path>) -> io::Result<Self> {
        let mut memory =
            Self { file: None, command: None, request: 1, next: Vec::new(), is_noted: true };
        let Some(folder) = folder else { return Ok(memory) };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(folder.join("position"))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        if let Some(numbers) = bytes.strip_prefix(MAGIC) {
            let (numbers, _) = numbers.as_chunks::<8>();
            let mut numbers = numbers.iter().map(|number| u64::from_le_bytes(*number));
            memory.command = numbers.next();
            memory.request = numbers.next().unwrap_or(1);
            memory.next = numbers.collect();
        }
        memory.file = Some(file);
        Ok(memory)
    }

    /// The last command that all were told of; `None`: nobody was told anything.
    pub(super) const fn command(&self) -> Option<u64> {
        self.command
    }

    /// The first request that was not answered by then.
    pub(super) const fn request(&self) -> u64 {
        self.request
    }

    /// All requests in front of this one are answered, with the next command that is complete.
    pub(super) const fn answered(&mut self, next: u64) {
        self.request = next;
    }

    /// What was told and not noted.
    pub(super) fn told_since(&self, lines: &mut [Line]) -> Known {
        let from = |(line, next): (&mut Line, Option<&u64>)| {
            line.messages_from(next.copied().unwrap_or(1))
        };
        let next = (0..lines.len()).map(|session| self.next.get(session));
        Known(lines.iter_mut().zip(next).map(from).collect())
    }

    /// All were told of this command, and of those before.
    #[inline]
    pub(super) fn complete(&mut self, command: u64, lines: &mut [Line]) {
        self.command = Some(command);
        self.is_noted = false;
        self.next.resize(lines.len(), 1);
        for (line, next) in lines.iter_mut().zip(&mut self.next) {
            if let Some(number) = line.complete() {
                *next = number;
            }
        }
    }

    /// Hands the note to the system.
    pub(super) fn write(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.is_noted, true) {
            return Ok(());
        }
        let (Some(file), Some(command)) = (&self.file, self.command) else { return Ok(()) };
        let mut bytes = Vec::with_capacity(24 + 8 * self.next.len());
        bytes.extend_from_slice(MAGIC);
        for number in [command, self.request].iter().chain(&self.next) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        file.write_all_at(&bytes, 0)
    }
}
