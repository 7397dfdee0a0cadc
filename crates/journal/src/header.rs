//! The head of a segment: its first block.

use tiercel_types::{RULES_VERSION, SCHEMA_VERSION};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::error::HeaderError;

/// The first eight bytes of every segment.
pub const MAGIC: [u8; 8] = *b"TIERJRNL";

/// The version of the journal's own layout: header, frames, marks.
pub const FORMAT_VERSION: u16 = 1;

/// The head of a segment: 64 bytes at the front of its first block; the rest of the block is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SegmentHeader {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`FORMAT_VERSION`].
    pub format_version: u16,
    /// The schema version of the records.
    pub schema_version: u16,
    /// The rules version under which the commands are applied.
    pub rules_version: u16,
    /// The shard whose log this is.
    pub shard: u16,
    /// The leadership epoch under which the entries were sequenced.
    pub epoch: u64,
    /// The sequence of the first entry.
    pub first_sequence: u64,
    /// The time of the entry before the first; zero if there is none.
    pub previous_time_ns: u64,
    /// The segment's number, from 1, as in its name.
    pub ordinal: u64,
    /// Bytes of the segment, this block included.
    pub segment_size: u64,
    /// Every write starts at a multiple of this.
    pub block_size: u32,
    /// CRC-32C of the 60 bytes before. It seeds the checksums of the segment's frames.
    pub checksum: u32,
}

/// Bytes of a [`SegmentHeader`].
pub const SEGMENT_HEADER_SIZE: usize = size_of::<SegmentHeader>();
const _: () = assert!(SEGMENT_HEADER_SIZE == 64);

/// The smallest block: a sector.
pub const BLOCK_SIZE_MIN: u32 = 512;
/// The largest block.
pub const BLOCK_SIZE_MAX: u32 = 65_536;

impl SegmentHeader {
    /// Fills in the versions of this build and the checksum.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.magic = MAGIC;
        self.format_version = FORMAT_VERSION;
        self.schema_version = SCHEMA_VERSION;
        self.rules_version = RULES_VERSION;
        self.checksum = crc32c::crc32c(&self.as_bytes()[..SEGMENT_HEADER_SIZE - 4]);
        self
    }

    /// Reads the head of a segment; `None` when its 64 bytes are zero: a segment that was made
    /// ready and not begun.
    ///
    /// # Errors
    /// [`HeaderError`] when the bytes are no header, a damaged one, or one that this build does
    /// not know.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, HeaderError> {
        let Ok((header, _)) = Self::read_from_prefix(bytes) else {
            // A file that is shorter than its header was never begun.
            return if bytes.iter().all(|&byte| byte == 0) {
                Ok(None)
            } else {
                Err(HeaderError::Damaged)
            };
        };
        if header.as_bytes().iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        if header.magic != MAGIC {
            return Err(HeaderError::Foreign);
        }
        if header.checksum != crc32c::crc32c(&header.as_bytes()[..SEGMENT_HEADER_SIZE - 4]) {
            return Err(HeaderError::Damaged);
        }
        if header.format_version != FORMAT_VERSION {
            let (found, known) = (header.format_version, FORMAT_VERSION);
            return Err(HeaderError::Format { found, known });
        }
        if header.schema_version > SCHEMA_VERSION {
            let (found, known) = (header.schema_version, SCHEMA_VERSION);
            return Err(HeaderError::Schema { found, known });
        }
        if header.rules_version != RULES_VERSION {
            let (found, known) = (header.rules_version, RULES_VERSION);
            return Err(HeaderError::Rules { found, known });
        }
        let block = header.block_size;
        let sizes_fit = block.is_power_of_two()
            && (BLOCK_SIZE_MIN..=BLOCK_SIZE_MAX).contains(&block)
            && header.segment_size.is_multiple_of(u64::from(block))
            && header.segment_size >= 2 * u64::from(block)
            && header.first_sequence > 0;
        if sizes_fit { Ok(Some(header)) } else { Err(HeaderError::Damaged) }
    }
}

/// The name of segment `ordinal`.
pub(crate) fn segment_name(ordinal: u64) -> String {
    format!("{ordinal:010}.segment")
}

/// The name of the index of segment `ordinal`.
pub(crate) fn index_name(ordinal: u64) -> String {
    format!("{ordinal:010}.index")
}

/// The ordinal that a segment's name gives; `None` when it is no segment's.
pub(crate) fn segment_ordinal(name: &str) -> Option<u64> {
    name.strip_suffix(".segment")?.parse().ok()
}
