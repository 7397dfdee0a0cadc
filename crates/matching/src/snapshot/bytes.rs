//! A snapshot's bytes: their head, the sections that may be missing, writing and reading.

use tiercel_types::{RULES_VERSION, Timestamp};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::SnapshotError;

pub(super) const MAGIC: [u8; 8] = *b"TIERSNAP";

/// The version of the layout below.
pub(super) const SNAPSHOT_VERSION: u16 = 1;

#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct Header {
    pub(super) magic: [u8; 8],
    pub(super) layout: u16,
    pub(super) rules: u16,
    pub(super) shard: u16,
    pub(super) accounts_kept: u16,
    pub(super) time: Timestamp,
    pub(super) sequence: u64,
    pub(super) orders_entered: u64,
    pub(super) forgotten_funding: u64,
    pub(super) assets: u64,
    pub(super) instruments: u64,
    pub(super) orders: u64,
    pub(super) accounts: u64,
    pub(super) balances: u64,
    pub(super) trades: u64,
    pub(super) fundings: u64,
}

/// The head of a part that may be missing.
#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct SectionImage {
    pub(super) name: [u8; 8],
    pub(super) records: u64,
}

/// Writes a part that may be missing, if it has records.
pub(crate) fn put_section<T: IntoBytes + Immutable>(
    sink: &mut impl Sink,
    name: [u8; 8],
    records: &[T],
) {
    if !records.is_empty() {
        sink.put(SectionImage { name, records: records.len() as u64 }.as_bytes());
        sink.put(records.as_bytes());
    }
}

/// Where a snapshot's bytes go.
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl Sink for Xxh3 {
    fn put(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

/// Walks a snapshot's bytes.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Checks magic, checksum and versions.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, SnapshotError> {
        if bytes.get(..MAGIC.len()) != Some(&MAGIC[..]) {
            return Err(SnapshotError::Foreign);
        }
        let (body, checksum) = bytes.split_last_chunk::<8>().ok_or(SnapshotError::Checksum)?;
        if body.len() < size_of::<Header>() {
            return Err(SnapshotError::Checksum);
        }
        let word = |at: usize| u16::from_le_bytes([body[at], body[at + 1]]);
        let (layout, rules) = (word(8), word(10));
        if layout != SNAPSHOT_VERSION || rules != RULES_VERSION {
            return Err(SnapshotError::Version { layout, rules });
        }
        if xxh3_64(body) != u64::from_le_bytes(*checksum) {
            return Err(SnapshotError::Checksum);
        }
        Ok(Self { bytes: body })
    }

    pub(crate) fn read<T: TryFromBytes>(&mut self, part: &'static str) -> Result<T, SnapshotError> {
        let wrong = SnapshotError::Contradiction { part };
        let (head, rest) = self.bytes.split_at_checked(size_of::<T>()).ok_or(wrong)?;
        self.bytes = rest;
        T::try_read_from_bytes(head).map_err(|_| wrong)
    }

    pub(super) fn skip<T>(&mut self, count: u64, part: &'static str) -> Result<(), SnapshotError> {
        let size = usize::try_from(count).ok().and_then(|count| count.checked_mul(size_of::<T>()));
        let rest = size.and_then(|size| self.bytes.get(size..));
        self.bytes = rest.ok_or(SnapshotError::Contradiction { part })?;
        Ok(())
    }

    /// Passes over the part of this name, if it comes next; returns a reader of its records.
    pub(crate) fn skip_section(
        &mut self,
        name: [u8; 8],
        size: usize,
    ) -> Result<Option<Self>, SnapshotError> {
        const PART: &str = "sections";
        if !self.bytes.starts_with(&name) {
            return Ok(None);
        }
        let head: SectionImage = self.read(PART)?;
        let wrong = SnapshotError::Contradiction { part: PART };
        let size = usize::try_from(head.records).ok().and_then(|count| count.checked_mul(size));
        let (records, rest) =
            size.and_then(|size| self.bytes.split_at_checked(size)).ok_or(wrong)?;
        self.bytes = rest;
        Ok(Some(Self { bytes: records }))
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }
}
