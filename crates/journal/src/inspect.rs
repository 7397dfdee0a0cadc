//! What a folder holds, without changing it.

use std::io;

use crate::error::{Damage, ReadError};
use crate::frame::Frame;
use crate::header::{
    SEGMENT_HEADER_SIZE, SegmentHeader, index_name, segment_name, segment_ordinal,
};
use crate::index::{self, IndexEntry};
use crate::scan::{Scan, scan};
use crate::storage::{Directory, StorageFile};

/// The segments of a folder.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The segments that were begun, oldest first.
    pub segments: Vec<SegmentHeader>,
    /// The last one's content; `None` when there is no segment.
    pub last: Option<Scan>,
    /// Segments that were made ready and not begun.
    pub spares: Vec<u64>,
}

impl Inspection {
    /// The first sequence that is there, or will be.
    pub fn first_sequence(&self) -> u64 {
        self.segments.first().map_or(1, |header| header.first_sequence)
    }

    /// The last sequence; 0 when there is none.
    pub fn last_sequence(&self) -> u64 {
        self.last.as_ref().map_or(0, |last| last.last_sequence)
    }
}

/// Reads the heads of all segments, and the whole of the last.
///
/// # Errors
/// [`ReadError`], above all [`Damage`].
pub fn inspect(directory: &impl Directory) -> Result<Inspection, ReadError> {
    let names = directory.names().map_err(ReadError::system("list the folder"))?;
    let mut ordinals: Vec<u64> = names.iter().filter_map(|name| segment_ordinal(name)).collect();
    ordinals.sort_unstable();
    let (mut segments, mut spares) = (Vec::<SegmentHeader>::new(), Vec::new());
    for ordinal in ordinals {
        let name = segment_name(ordinal);
        let mut bytes = [0; SEGMENT_HEADER_SIZE];
        let file = directory.open(&name).map_err(ReadError::system(format!("open {name}")))?;
        let count =
            file.read_at(&mut bytes, 0).map_err(ReadError::system(format!("read {name}")))?;
        let damaged = |error| Damage::Header { segment: name.clone(), error };
        match SegmentHeader::read(&bytes[..count]).map_err(damaged)? {
            None => spares.push(ordinal),
            Some(header) => {
                check_order(segments.last(), &header, &name)?;
                // A segment is made ready before the one in front of it is full: an empty one
                // between two that were begun has lost its head.
                if let Some(&ordinal) = spares.first() {
                    return Err(Damage::Missing { ordinal }.into());
                }
                segments.push(header);
            }
        }
    }
    let last = match segments.last() {
        None => None,
        Some(header) => Some(scan_segment(directory, header, |_, _| {})?),
    };
    Ok(Inspection { segments, last, spares })
}

fn check_order(
    before: Option<&SegmentHeader>,
    header: &SegmentHeader,
    name: &str,
) -> Result<(), Damage> {
    if segment_name(header.ordinal) != name {
        let error = crate::error::HeaderError::Damaged;
        return Err(Damage::Header { segment: name.to_owned(), error });
    }
    let Some(before) = before else { return Ok(()) };
    if header.ordinal != before.ordinal + 1 {
        return Err(Damage::Missing { ordinal: before.ordinal + 1 });
    }
    if header.first_sequence < before.first_sequence {
        return Err(Damage::Sequence {
            segment: name.to_owned(),
            offset: 0,
            found: header.first_sequence,
            expected: before.first_sequence,
        });
    }
    Ok(())
}

/// Reads a whole segment, and shows each entry with its offset.
///
/// # Errors
/// [`ReadError`], above all [`Damage`].
pub fn scan_segment(
    directory: &impl Directory,
    header: &SegmentHeader,
    visit: impl FnMut(u64, Frame<'_>),
) -> Result<Scan, ReadError> {
    let name = segment_name(header.ordinal);
    let bytes = whole(directory, &name).map_err(ReadError::system(format!("read {name}")))?;
    Ok(scan(&name, header, &bytes, visit)?)
}

/// Reads every segment from the first to the last entry: what `journal verify` does. Shows each
/// entry with its segment and offset.
///
/// # Errors
/// [`ReadError`], at the first damage.
pub fn verify(
    directory: &impl Directory,
    mut visit: impl FnMut(&SegmentHeader, u64, Frame<'_>),
) -> Result<Inspection, ReadError> {
    let inspection = inspect(directory)?;
    for (at, header) in inspection.segments.iter().enumerate() {
        let found = scan_segment(directory, header, |offset, frame| visit(header, offset, frame))?;
        if let Some(next) = inspection.segments.get(at + 1) {
            check_full(header, &found, next)?;
        }
    }
    Ok(inspection)
}

/// A segment with another behind it is whole, and ends where that begins.
fn check_full(header: &SegmentHeader, found: &Scan, next: &SegmentHeader) -> Result<(), Damage> {
    if found.last_sequence + 1 == next.first_sequence && found.torn.is_none() {
        return Ok(());
    }
    Err(Damage::Gap {
        segment: segment_name(header.ordinal),
        offset: found.end,
        last: found.last_sequence,
        next: next.first_sequence,
    })
}

/// All bytes of a file.
pub(crate) fn whole(directory: &impl Directory, name: &str) -> io::Result<Vec<u8>> {
    let file = directory.open(name)?;
    let mut bytes = vec![0; file.size()? as usize];
    let count = file.read_at(&mut bytes, 0)?;
    bytes.truncate(count);
    Ok(bytes)
}

/// The index of a full segment, from its file if that is good, else from the segment. The flag
/// says that it came from the segment.
pub(crate) fn index_of(
    directory: &impl Directory,
    header: &SegmentHeader,
) -> Result<(Vec<IndexEntry>, bool), ReadError> {
    // What cannot be read is made anew, so that the reason is of no interest.
    let kept = whole(directory, &index_name(header.ordinal)).ok();
    match kept.and_then(|bytes| index::decode(&bytes, header.checksum)) {
        Some(entries) => Ok((entries, false)),
        None => Ok((scan_segment(directory, header, |_, _| {})?.index, true)),
    }
}

/// Writes the index of a full segment.
pub(crate) fn write_index(
    directory: &impl Directory,
    header: &SegmentHeader,
    entries: &[IndexEntry],
) -> io::Result<()> {
    let bytes = index::encode(entries, header.checksum);
    directory.create(&index_name(header.ordinal), bytes.len() as u64)?.write_at(&bytes, 0)
}
