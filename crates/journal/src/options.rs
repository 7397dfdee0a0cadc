//! How a journal is laid out.

use crate::error::OpenError;
use crate::frame::MARK_SIZE;
use crate::header::{BLOCK_SIZE_MAX, BLOCK_SIZE_MIN};
use tiercel_types::record::RECORD_SIZE_MAX;

/// How a journal is laid out and bounded. Of a journal that is there already, the block and
/// segment size go for segments that are begun from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The shard whose log it is.
    pub shard: u16,
    /// The leadership epoch to write under; `None`: that of the journal, 1 for a new one.
    pub epoch: Option<u64>,
    /// Bytes of a segment; a multiple of the block.
    pub segment_size: u64,
    /// Every write is padded to a multiple of this: a power of two from 512 to 65,536. The
    /// device's physical block is fastest; 512 takes less room where commands come singly.
    pub block_size: u32,
    /// Bytes that one write can take; a multiple of the block.
    pub buffer_size: usize,
    /// Buffers, two at least: with all of them in use `append` refuses.
    pub buffers: usize,
    /// Snapshots that are kept, one at least.
    pub snapshots_kept: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shard: 0,
            epoch: None,
            segment_size: 64 << 20,
            block_size: 4096,
            buffer_size: 256 << 10,
            buffers: 8,
            snapshots_kept: 3,
        }
    }
}

impl Options {
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let block = u64::from(self.block_size);
        let complaint = if !self.block_size.is_power_of_two()
            || !(BLOCK_SIZE_MIN..=BLOCK_SIZE_MAX).contains(&self.block_size)
        {
            "block_size is a power of two from 512 to 65,536"
        } else if !self.segment_size.is_multiple_of(block) || self.segment_size < 4 * block {
            "segment_size is a multiple of block_size, four at least"
        } else if self.segment_size > 1 << 40 {
            "segment_size is at most a tebibyte"
        } else if !(self.buffer_size as u64).is_multiple_of(block)
            || self.buffer_size < RECORD_SIZE_MAX + MARK_SIZE
        {
            "buffer_size is a multiple of block_size that holds a record"
        } else if self.buffer_size > 1 << 30 {
            "buffer_size is at most a gibibyte"
        } else if self.buffers < 2 {
            "two buffers at least"
        } else if self.snapshots_kept == 0 {
            "one snapshot at least is kept"
        } else {
            return Ok(());
        };
        Err(OpenError::Options(complaint))
    }
}
