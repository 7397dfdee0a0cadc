//! The sparse index of a segment: places where reading can start.
//!
//! It stands beside each full segment, and can always be made anew from it.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use tiercel_types::Timestamp;

/// The first eight bytes of an index.
const MAGIC: [u8; 8] = *b"TIERINDX";

/// Bytes in front of the entries, and of the checksum behind them.
const HEAD_SIZE: usize = 16;
const SUM_SIZE: usize = 8;

/// Bytes between entries, at least.
const INDEX_STRIDE: u64 = 64 << 10;

/// Most entries that room is made for ahead: those of four gibibytes.
const RESERVED_MAX: u64 = 1 << 16;

/// An empty index with room for that of a segment of `size` bytes.
pub(crate) fn with_room_for(size: u64) -> Vec<IndexEntry> {
    Vec::with_capacity((size / INDEX_STRIDE + 1).min(RESERVED_MAX) as usize)
}

/// A write that reading can start with.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct IndexEntry {
    /// Where the write's mark stands.
    pub offset: u64,
    /// The sequence of the first entry behind it.
    pub sequence: u64,
    /// The time of the entry before it.
    pub previous_time_ns: u64,
}

impl IndexEntry {
    /// Adds an entry, unless one stands close before it.
    pub(crate) fn add(index: &mut Vec<Self>, entry: Self) {
        if index.last().is_none_or(|last| entry.offset >= last.offset + INDEX_STRIDE) {
            index.push(entry);
        }
    }
}

/// Where to start reading for `sequence`; `None`: at the front.
pub(crate) fn seek_sequence(index: &[IndexEntry], sequence: u64) -> Option<IndexEntry> {
    let behind = index.partition_point(|entry| entry.sequence <= sequence);
    index.get(behind.checked_sub(1)?).copied()
}

/// Where to start reading for the first entry that is not before `time`; `None`: at the front.
pub(crate) fn seek_time(index: &[IndexEntry], time: Timestamp) -> Option<IndexEntry> {
    let behind = index.partition_point(|entry| entry.previous_time_ns < time.0);
    index.get(behind.checked_sub(1)?).copied()
}

/// An index as a file: magic, the segment's checksum, how many entries, the entries, CRC-32C of all
/// before. Zeros may follow, to whole blocks.
pub(crate) fn encode(index: &[IndexEntry], segment_checksum: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_SIZE + size_of_val(index) + SUM_SIZE);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&segment_checksum.to_le_bytes());
    bytes.extend_from_slice(&(index.len() as u32).to_le_bytes());
    bytes.extend_from_slice(index.as_bytes());
    let sum = u64::from(crc32c::crc32c(&bytes));
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// Reads [`encode`]'s bytes; `None` when they are not the good index of that segment.
pub(crate) fn decode(bytes: &[u8], segment_checksum: u32) -> Option<Vec<IndexEntry>> {
    let head = bytes.get(..HEAD_SIZE)?.strip_prefix(&MAGIC)?;
    let (segment, count) = head.split_first_chunk::<4>()?;
    let count = u32::from_le_bytes(count.try_into().ok()?) as usize;
    let end = HEAD_SIZE + count * size_of::<IndexEntry>();
    let (whole, rest) = (bytes.get(..end)?, bytes.get(end..)?);
    let (sum, _) = rest.split_first_chunk::<SUM_SIZE>()?;
    if u32::from_le_bytes(*segment) != segment_checksum
        || u64::from_le_bytes(*sum) != u64::from(crc32c::crc32c(whole))
    {
        return None;
    }
    let mut index = vec![IndexEntry::default(); count];
    index.as_mut_bytes().copy_from_slice(&whole[HEAD_SIZE..]);
    Some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<IndexEntry> {
        (0..4)
            .map(|n| IndexEntry {
                offset: n * 70_000,
                sequence: n * 10 + 1,
                previous_time_ns: n * 5,
            })
            .collect()
    }

    #[test]
    fn an_index_reads_back_and_damage_or_another_segment_is_refused() {
        let bytes = encode(&sample(), 7);
        assert_eq!(decode(&bytes, 7), Some(sample()));
        assert_eq!(decode(&bytes, 8), None);
        let padded = [bytes.as_slice(), &[0; 100]].concat();
        assert_eq!(decode(&padded, 7), Some(sample()));
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 4;
            assert_eq!(decode(&bad, 7), None, "byte {at}");
            assert_eq!(decode(&bytes[..at], 7), None);
        }
    }

    #[test]
    fn seeking_starts_at_the_last_entry_that_is_not_behind() {
        let index = sample();
        for (sequence, expected) in [(1, 0), (10, 0), (11, 70_000), (1_000, 210_000)] {
            assert_eq!(seek_sequence(&index, sequence).unwrap().offset, expected, "{sequence}");
        }
        assert_eq!(seek_sequence(&index, 0), None);
        for (time, expected) in [(1, 0), (5, 0), (6, 70_000), (99, 210_000)] {
            assert_eq!(seek_time(&index, Timestamp(time)).unwrap().offset, expected, "{time}");
        }
    }
}
