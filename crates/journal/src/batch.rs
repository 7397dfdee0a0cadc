//! Batches: what one write takes, and where it goes.

use crate::buffer::Buffer;
use crate::error::AppendError;
use crate::frame::MARK_SIZE;
use crate::header::SegmentHeader;
use crate::journal::Journal;
use crate::log::EventLog;
use crate::storage::Storage;

/// A write that is being filled, waits, or is under way.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) buffer: Option<Buffer>,
    /// Bytes in the buffer; the mark's place is among them.
    pub(crate) used: usize,
    /// Most bytes there may be.
    pub(crate) limit: usize,
    pub(crate) seed: u32,
    pub(crate) offset: u64,
    pub(crate) first_sequence: u64,
    pub(crate) previous_time_ns: u64,
    pub(crate) last_sequence: u64,
    /// The first entry that asked for the disk.
    pub(crate) first_disk: Option<u64>,
    /// The segment that begins with this batch.
    pub(crate) begins: Option<SegmentHeader>,
}

impl Batch {
    /// Whether it holds more than its mark.
    pub(crate) const fn has_entries(&self) -> bool {
        self.last_sequence >= self.first_sequence
    }
}

impl<S: Storage> Journal<S> {
    /// Most bytes of entries that a batch may have.
    fn batch_limit(&self) -> usize {
        let room = self.planned.segment_size as usize - self.options.block_size as usize;
        self.options.buffer_size.min(room) - MARK_SIZE
    }

    /// Starts a batch with room for `needed` bytes of entries; false when no buffer is free.
    pub(crate) fn open_batch(&mut self, needed: usize) -> bool {
        let Some(buffer) = self.free.pop() else { return false };
        let block = u64::from(self.options.block_size);
        let needed = (MARK_SIZE + needed) as u64;
        let mut begins = None;
        if self.planned.segment_size - self.position < needed {
            self.planned = SegmentHeader {
                first_sequence: self.last_sequence + 1,
                previous_time_ns: self.last_time_ns,
                ordinal: self.planned.ordinal + 1,
                segment_size: self.options.segment_size,
                block_size: self.options.block_size,
                ..self.planned
            }
            .sealed();
            self.position = block;
            begins = Some(self.planned);
        }
        let room = (self.planned.segment_size - self.position) as usize;
        self.filling = Some(Batch {
            limit: self.options.buffer_size.min(room),
            buffer: Some(buffer),
            used: MARK_SIZE,
            seed: self.planned.checksum,
            offset: self.position,
            first_sequence: self.last_sequence + 1,
            previous_time_ns: self.last_time_ns,
            last_sequence: self.last_sequence,
            first_disk: None,
            begins,
        });
        true
    }

    /// Puts the batch that is being filled in the queue, padded with zeros to whole blocks.
    pub(crate) fn close_batch(&mut self) {
        let Some(mut batch) = self.filling.take() else { return };
        let padded = batch.used.next_multiple_of(self.options.block_size as usize);
        if let Some(buffer) = &mut batch.buffer {
            buffer.bytes_mut()[batch.used..padded].fill(0);
        }
        batch.used = padded;
        self.position += padded as u64;
        self.queue.push_back(batch);
    }

    /// Makes room for `needed` bytes of entries in the batch that is being filled.
    #[cold]
    pub(crate) fn make_room(&mut self, needed: usize) -> Result<(), AppendError> {
        let limit = self.batch_limit();
        if needed > limit {
            return Err(AppendError::Batch { bytes: needed, limit });
        }
        // Before the batch is closed: a refused append changes nothing.
        if self.free.is_empty() {
            self.poll()?;
        }
        if self.free.is_empty() {
            return Err(AppendError::Full);
        }
        if self.filling.is_some() {
            self.close_batch();
        }
        if !self.open_batch(needed) {
            return Err(AppendError::Full);
        }
        self.start()?;
        Ok(())
    }
}
