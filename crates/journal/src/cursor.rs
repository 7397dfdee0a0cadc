//! Reads entries in order, through segments.

use std::sync::Arc;

use tiercel_types::Timestamp;
use tiercel_types::record::RECORD_SIZE_MAX;

use crate::error::{Damage, Followers, ReadError};
use crate::frame::{KIND_MARK, Parsed, parse};
use crate::header::{SEGMENT_HEADER_SIZE, SegmentHeader, segment_name};
use crate::index::{self, IndexEntry};
use crate::inspect::{Inspection, index_of};
use crate::log::{LogCursor, Record};
use crate::storage::{Directory, StorageFile};

/// Bytes that are read at once.
const CHUNK: usize = 256 << 10;

/// Where to start.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    Sequence(u64),
    Time(Timestamp),
}

/// Reads the entries of a folder up to a sequence that is known to be durable.
#[derive(Debug)]
pub struct Cursor<D: Directory> {
    directory: D,
    segments: Arc<[SegmentHeader]>,
    /// Which segment is read; its file is open once reading has begun.
    at: usize,
    file: Option<D::File>,
    /// What was read of it and not yet parsed: `chunk[from..to]`, which ends at `offset`.
    chunk: Vec<u8>,
    from: usize,
    to: usize,
    offset: u64,
    next_sequence: u64,
    last_sequence: u64,
    start: Start,
    /// Somebody writes it: what is behind the last entry is not worth reading.
    is_following: bool,
    failed: Option<Damage>,
}

impl<D: Directory> Cursor<D> {
    /// Reads what `inspection` found, from the first entry on. For tools: a journal that is being
    /// written has [`EventLog::read`](crate::EventLog::read).
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn new(directory: &D, inspection: &Inspection) -> Result<Self, ReadError> {
        Self::from_sequence(directory, inspection, inspection.first_sequence())
    }

    /// As [`Cursor::new`], from `sequence` on.
    ///
    /// # Errors
    /// [`ReadError`], above all when entries were removed.
    pub fn from_sequence(
        directory: &D,
        inspection: &Inspection,
        sequence: u64,
    ) -> Result<Self, ReadError> {
        let tail = inspection.last.as_ref().map_or(&[][..], |last| &last.index);
        let segments = inspection.segments.as_slice().into();
        let last = inspection.last_sequence();
        Self::seek(directory.clone(), segments, tail, last, Start::Sequence(sequence))
    }

    /// As [`Cursor::new`], from the first entry that is not before `time`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_time(
        directory: &D,
        inspection: &Inspection,
        time: Timestamp,
    ) -> Result<Self, ReadError> {
        let tail = inspection.last.as_ref().map_or(&[][..], |last| &last.index);
        let segments = inspection.segments.as_slice().into();
        let last = inspection.last_sequence();
        Self::seek(directory.clone(), segments, tail, last, Start::Time(time))
    }

    /// Goes on to `last_sequence`, which is durable now: for whoever follows a log while it is
    /// written. A smaller one than before changes nothing.
    ///
    /// # Errors
    /// [`ReadError`] when the head of a segment that was begun meanwhile cannot be read.
    pub fn extend(&mut self, last_sequence: u64) -> Result<(), ReadError> {
        if last_sequence <= self.last_sequence {
            return Ok(());
        }
        self.last_sequence = last_sequence;
        if !self.is_following {
            self.is_following = true;
            self.file.iter().for_each(D::File::without_read_ahead);
        }
        // What was read ahead may have been written since.
        self.offset -= (self.to - self.from) as u64;
        (self.from, self.to) = (0, 0);
        while let Some(begun) = self.begun_since()? {
            self.segments = self.segments.iter().copied().chain([begun]).collect();
        }
        Ok(())
    }

    /// The segment behind the last one that is known, if it was begun.
    fn begun_since(&self) -> Result<Option<SegmentHeader>, ReadError> {
        let Some(last) = self.segments.last() else { return Ok(None) };
        let name = segment_name(last.ordinal + 1);
        let file = match self.directory.open(&name) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ReadError::system(format!("open {name}"))(error)),
        };
        let mut bytes = [0; SEGMENT_HEADER_SIZE];
        let count =
            file.read_at(&mut bytes, 0).map_err(ReadError::system(format!("read {name}")))?;
        let damaged = |error| Damage::Header { segment: name, error };
        Ok(SegmentHeader::read(&bytes[..count]).map_err(damaged)?)
    }

    /// Starts where the indexes say; `tail` is the index of the last segment.
    pub(crate) fn seek(
        directory: D,
        segments: Arc<[SegmentHeader]>,
        tail: &[IndexEntry],
        last_sequence: u64,
        start: Start,
    ) -> Result<Self, ReadError> {
        let first = segments.first().map_or(1, |header| header.first_sequence);
        if let Start::Sequence(asked) = start
            && asked < first
            && asked > 0
        {
            return Err(ReadError::Removed { asked, first });
        }
        let behind = segments.partition_point(|header| match start {
            Start::Sequence(sequence) => header.first_sequence <= sequence,
            Start::Time(time) => header.previous_time_ns < time.0,
        });
        let at = behind.saturating_sub(1);
        let mut cursor = Self {
            directory,
            segments,
            at,
            file: None,
            chunk: vec![0; CHUNK],
            from: 0,
            to: 0,
            offset: 0,
            next_sequence: last_sequence + 1,
            last_sequence,
            start,
            is_following: false,
            failed: None,
        };
        if let Some(header) = cursor.segments.get(at).copied() {
            let entry = cursor.find(&header, tail)?;
            cursor.open(&header, entry)?;
        }
        Ok(cursor)
    }

    fn find(
        &self,
        header: &SegmentHeader,
        tail: &[IndexEntry],
    ) -> Result<Option<IndexEntry>, ReadError> {
        let seek = |index: &[IndexEntry]| match self.start {
            Start::Sequence(sequence) => index::seek_sequence(index, sequence),
            Start::Time(time) => index::seek_time(index, time),
        };
        // Reading from the front needs no index.
        if matches!(self.start, Start::Sequence(sequence) if sequence <= header.first_sequence) {
            return Ok(None);
        }
        if self.at + 1 == self.segments.len() {
            return Ok(seek(tail));
        }
        Ok(seek(&index_of(&self.directory, header)?.0))
    }

    fn open(&mut self, header: &SegmentHeader, entry: Option<IndexEntry>) -> Result<(), ReadError> {
        let name = segment_name(header.ordinal);
        let file = self.directory.open(&name).map_err(ReadError::system(format!("open {name}")))?;
        if self.is_following {
            file.without_read_ahead();
        }
        self.file = Some(file);
        (self.from, self.to) = (0, 0);
        self.offset = entry.map_or(u64::from(header.block_size), |entry| entry.offset);
        self.next_sequence = entry.map_or(header.first_sequence, |entry| entry.sequence);
        Ok(())
    }

    /// Reads on behind what is not parsed yet; false at the end of the file.
    fn fill(&mut self, ordinal: u64) -> Result<bool, ReadError> {
        let Some(file) = &self.file else { return Ok(false) };
        self.chunk.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        let count = file
            .read_at(&mut self.chunk[self.to..], self.offset)
            .map_err(ReadError::system(format!("read segment {ordinal}")))?;
        self.to += count;
        self.offset += count as u64;
        Ok(count > 0)
    }

    /// Moves to the frame of the next entry: its place in the chunk.
    fn advance(&mut self) -> Result<Option<(usize, usize)>, ReadError> {
        while self.next_sequence <= self.last_sequence {
            let Some(header) = self.segments.get(self.at) else { return Ok(None) };
            // The next segment may begin here.
            if let Some(next) = self.segments.get(self.at + 1)
                && next.first_sequence == self.next_sequence
            {
                let next = *next;
                self.at += 1;
                self.open(&next, None)?;
                continue;
            }
            let (seed, ordinal) = (header.checksum, header.ordinal);
            if self.to - self.from < RECORD_SIZE_MAX {
                self.fill(ordinal)?;
            }
            let (length, is_entry) = match parse(seed, &self.chunk[self.from..self.to]) {
                Parsed::Frame(frame) if frame.header.sequence == self.next_sequence => {
                    (usize::from(frame.header.length), frame.header.kind != KIND_MARK)
                }
                Parsed::Nothing => (0, false),
                _ => return Err(self.damage().into()),
            };
            if length == 0 {
                if !self.skip_padding() {
                    return Err(self.damage().into());
                }
                continue;
            }
            let from = self.from;
            self.from += length;
            if is_entry {
                self.next_sequence += 1;
                return Ok(Some((from, from + length)));
            }
        }
        Ok(None)
    }

    /// From the end of a write to the next block; false when there is none.
    fn skip_padding(&mut self) -> bool {
        let Some(header) = self.segments.get(self.at) else { return false };
        let here = self.offset - (self.to - self.from) as u64;
        let gap = here.next_multiple_of(u64::from(header.block_size)) - here;
        if gap == 0 || self.from + gap as usize > self.to {
            // A block may end behind the chunk.
            if gap == 0 {
                return false;
            }
            self.offset = here + gap;
            (self.from, self.to) = (0, 0);
        } else {
            self.from += gap as usize;
        }
        true
    }

    fn damage(&self) -> Damage {
        let ordinal = self.segments.get(self.at).map_or(0, |header| header.ordinal);
        Damage::Frame {
            segment: segment_name(ordinal),
            offset: self.offset - (self.to - self.from) as u64,
            expected: self.next_sequence,
            followers: Followers::Unknown,
        }
    }
}

impl<D: Directory> LogCursor for Cursor<D> {
    fn next_record(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        if let Some(damage) = &self.failed {
            return Err(damage.clone().into());
        }
        loop {
            let place = self.advance().inspect_err(|error| {
                if let ReadError::Damage(damage) = error {
                    self.failed = Some(damage.clone());
                }
            });
            let Some((from, to)) = place? else { return Ok(None) };
            let header = crate::frame::header_of(&self.chunk[from..to]);
            let wanted = match self.start {
                Start::Sequence(sequence) => header.sequence >= sequence,
                Start::Time(time) => header.time_ns >= time.0,
            };
            if wanted {
                let body = &self.chunk[from + tiercel_types::record::COMMAND_HEADER_SIZE..to];
                return Ok(Some(Record { header, body }));
            }
        }
    }
}
