//! The next segment, made ready ahead: a file whose blocks were all written, with zeros.
//!
//! Blocks that were merely allocated have to be turned into written ones by the file system, which
//! doubles the time of a durable write. The zeros are written a piece at a time, beside the
//! entries, and long before they are needed.

use std::io;

use zerocopy::IntoBytes;

use crate::buffer::Buffer;
use crate::header::{SEGMENT_HEADER_SIZE, SegmentHeader, segment_name};
use crate::storage::{Directory, Purpose, Write};

/// Zeros written at once.
const PIECE: usize = 256 << 10;

#[derive(Debug)]
enum State<F> {
    None,
    /// Zeros are written up to `done`; `under_way` more are being written.
    Preparing {
        file: F,
        size: u64,
        done: u64,
        under_way: usize,
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

    /// The next write, if one can be started.
    pub(crate) fn step<D: Directory<File = F>>(
        &mut self,
        directory: &D,
        ordinal: u64,
        size: u64,
    ) -> io::Result<Option<Write<F>>> {
        if matches!(self.state, State::None) {
            let file = directory.create(&segment_name(ordinal), size)?;
            self.state = State::Preparing { file, size, done: 0, under_way: 0 };
        }
        let State::Preparing { file, size, done, under_way } = &mut self.state else {
            return Ok(None);
        };
        if *done == *size {
            // The file's blocks are durable; now its name.
            directory.sync_names()?;
            self.state = State::Ready { file: file.clone() };
            return Ok(None);
        }
        if *under_way > 0 {
            return Ok(None);
        }
        let Some(buffer) = self.zeros.take() else { return Ok(None) };
        let length = (*size - *done).min(PIECE as u64) as usize;
        *under_way = length;
        let (file, offset) = (file.clone(), *done);
        Ok(Some(Write { purpose: Purpose::Zeros, file, offset, buffer, length }))
    }

    /// Bytes of zeros that are being written.
    pub(crate) const fn under_way(&self) -> usize {
        match self.state {
            State::Preparing { under_way, .. } => under_way,
            _ => 0,
        }
    }

    /// The zeros that were being written are durable.
    pub(crate) fn zeroed(&mut self, buffer: Option<Buffer>) {
        self.zeros = buffer;
        if let State::Preparing { done, under_way, .. } = &mut self.state {
            *done += *under_way as u64;
            *under_way = 0;
        }
    }

    /// The file, when it is ready: its head is written next.
    pub(crate) fn take_ready(&mut self) -> Option<F> {
        let State::Ready { file } = &self.state else { return None };
        let file = file.clone();
        self.state = State::Beginning { file: file.clone() };
        Some(file)
    }

    /// The head is durable: the file is a segment, and no longer the spare.
    pub(crate) fn begun(&mut self) -> Option<F> {
        match std::mem::replace(&mut self.state, State::None) {
            State::Beginning { file } => Some(file),
            other => {
                self.state = other;
                None
            }
        }
    }
}

/// The write of a segment's first block.
pub(crate) fn header_write<F>(file: F, header: &SegmentHeader, mut buffer: Buffer) -> Write<F> {
    let length = header.block_size as usize;
    let bytes = &mut buffer.bytes_mut()[..length];
    bytes.fill(0);
    bytes[..SEGMENT_HEADER_SIZE].copy_from_slice(header.as_bytes());
    Write { purpose: Purpose::Header, file, offset: 0, buffer, length }
}
