//! The next segment, made ready ahead: a file whose blocks were all written, with zeros.
//!
//! ```text
//!   segment full --> index --> file made --> zeros, a piece at a time --> name durable --> ready
//!                                                                                            |
//!                              segment <-- head written <------------------------------------+
//! ```
//!
//! Blocks that were merely allocated have to be turned into written ones by the file system, which
//! doubles the time of a durable write. All of it goes on beside the entries, long before it is
//! needed, and each step is started without waiting for it where the system can. A file that was a
//! segment before is not taken again: recovery knows a sector that was never written by its zeros.

use std::io;

use zerocopy::IntoBytes;

use crate::buffer::Buffer;
use crate::header::{SEGMENT_HEADER_SIZE, SegmentHeader, index_name, segment_name};
use crate::index::{self, IndexEntry};
use crate::storage::{Completion, Directory, Purpose, Storage, Write};

/// Zeros written at once.
const PIECE: usize = 256 << 10;

/// The index of a full segment, on its way to its file.
#[derive(Debug)]
pub(crate) struct IndexFile {
    /// The file's name.
    pub(crate) name: String,
    /// Its bytes, in the front of the buffer.
    pub(crate) buffer: Buffer,
    /// How many; whole blocks.
    pub(crate) length: usize,
}

impl IndexFile {
    /// The index of the segment that `header` begins, padded to whole blocks.
    pub(crate) fn of(header: &SegmentHeader, entries: &[IndexEntry], block_size: u32) -> Self {
        let bytes = index::encode(entries, header.checksum);
        let length = bytes.len().next_multiple_of(block_size as usize);
        let mut buffer = Buffer::new(length);
        buffer.bytes_mut()[..bytes.len()].copy_from_slice(&bytes);
        Self { name: index_name(header.ordinal), buffer, length }
    }
}

#[derive(Debug)]
enum State<F> {
    /// Nothing was begun.
    None,
    /// The index's file is to be made, or is being made.
    MakingIndex {
        index: IndexFile,
        is_under_way: bool,
    },
    /// The index is being written.
    WritingIndex {
        length: usize,
    },
    /// The file is being made.
    Making {
        size: u64,
    },
    /// Zeros are written up to `done`; `under_way` more are being written.
    Zeroing {
        file: F,
        size: u64,
        done: u64,
        under_way: usize,
    },
    /// The file's name is being made durable.
    Naming {
        file: F,
    },
    Ready {
        file: F,
    },
    /// Its head is being written.
    Beginning {
        file: F,
    },
}

/// The next segment.
#[derive(Debug)]
pub(crate) struct Spare<F> {
    state: State<F>,
    zeros: Option<Buffer>,
}

impl<F: Clone> Spare<F> {
    pub(crate) fn none() -> Self {
        Self { state: State::None, zeros: Some(Buffer::new(PIECE)) }
    }

    /// Nothing is to be done for now.
    pub(crate) const fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready { .. } | State::Beginning { .. })
    }

    /// The index of the last full segment is on its way to its file.
    pub(crate) const fn is_indexing(&self) -> bool {
        matches!(self.state, State::MakingIndex { .. } | State::WritingIndex { .. })
    }

    /// Starts the next step, if none is under way and there is one. Returns whether it did.
    pub(crate) fn start<S>(&mut self, storage: &mut S, ordinal: u64, size: u64) -> bool
    where
        S: Storage<Directory: Directory<File = F>>,
    {
        match &mut self.state {
            State::None => {
                storage.create(&segment_name(ordinal), size);
                self.state = State::Making { size };
            }
            State::MakingIndex { index, is_under_way } if !*is_under_way => {
                storage.create(&index.name, index.length as u64);
                *is_under_way = true;
            }
            State::Zeroing { file, size, done, .. } if *done == *size => {
                storage.sync_names();
                self.state = State::Naming { file: file.clone() };
            }
            State::Zeroing { file, size, done, under_way } if *under_way == 0 => {
                let Some(buffer) = self.zeros.take() else { return false };
                let length = (*size - *done).min(PIECE as u64) as usize;
                *under_way = length;
                let (file, offset) = (file.clone(), *done);
                storage.submit(Write { purpose: Purpose::Zeros, file, offset, buffer, length });
            }
            _ => return false,
        }
        true
    }

    /// Takes note of the end of a step; may start the one that follows from it.
    pub(crate) fn finish<S>(&mut self, completion: Completion<F>, storage: &mut S) -> io::Result<()>
    where
        S: Storage<Directory: Directory<File = F>>,
    {
        let Completion { buffer, file, result, .. } = completion;
        let written = result?;
        self.state = match (std::mem::replace(&mut self.state, State::None), file) {
            (State::MakingIndex { index: IndexFile { buffer, length, .. }, .. }, Some(file)) => {
                let purpose = Purpose::Index;
                storage.submit(Write { purpose, file, offset: 0, buffer, length });
                State::WritingIndex { length }
            }
            (State::WritingIndex { length }, None) => {
                whole(written, length)?;
                State::None
            }
            (State::Making { size }, Some(file)) => {
                State::Zeroing { file, size, done: 0, under_way: 0 }
            }
            (State::Zeroing { file, size, done, under_way }, None) => {
                whole(written, under_way)?;
                self.zeros = buffer;
                State::Zeroing { file, size, done: done + under_way as u64, under_way: 0 }
            }
            (State::Naming { file }, None) => State::Ready { file },
            (other, _) => other,
        };
        Ok(())
    }

    /// The file, when it is ready: its head is written next.
    pub(crate) fn take_ready(&mut self) -> Option<F> {
        let State::Ready { file } = &self.state else { return None };
        let file = file.clone();
        self.state = State::Beginning { file: file.clone() };
        Some(file)
    }

    /// The head is durable: the file is a segment, and no longer the spare. `index` is that of the
    /// segment in front of it.
    pub(crate) fn begun(&mut self, index: IndexFile) -> Option<F> {
        match std::mem::replace(&mut self.state, State::None) {
            State::Beginning { file } => {
                self.state = State::MakingIndex { index, is_under_way: false };
                Some(file)
            }
            other => {
                self.state = other;
                None
            }
        }
    }
}

fn whole(written: usize, length: usize) -> io::Result<()> {
    if written == length { Ok(()) } else { Err(short(written)) }
}

/// The error for a write of which only `written` bytes were written.
pub(crate) fn short(written: usize) -> io::Error {
    io::Error::other(format!("only {written} bytes were written"))
}

/// The write of a segment's first block.
pub(crate) fn header_write<F>(file: F, header: &SegmentHeader, mut buffer: Buffer) -> Write<F> {
    let length = header.block_size as usize;
    let bytes = &mut buffer.bytes_mut()[..length];
    bytes.fill(0);
    bytes[..SEGMENT_HEADER_SIZE].copy_from_slice(header.as_bytes());
    Write { purpose: Purpose::Header, file, offset: 0, buffer, length }
}
