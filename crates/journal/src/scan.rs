//! Reads a whole segment, and tells a torn tail from damage.
//!
//! One write is under way at a time, so a crash can leave one write incomplete, and nothing behind
//! it. A bad frame is therefore
//!
//! - a **torn tail** when no good frame follows it, or when what follows belongs to the same write
//!   and a sector between is still as zero as the segment was made: the device keeps or loses
//!   whole sectors;
//! - **damage** when a later write follows it, which proves that the bad one was durable, or when
//!   its sectors were all written.

use crate::error::{Damage, Followers};
use crate::frame::{FRAME_ALIGN, Frame, KIND_MARK, Parsed, parse};
use crate::header::SegmentHeader;
use crate::index::IndexEntry;

/// What a device keeps or loses as a whole.
const SECTOR: usize = 512;

/// A tail that was cut off in the middle of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The segment's file.
    pub segment: String,
    /// Where the first incomplete frame starts.
    pub offset: u64,
    /// Bytes from there to the last one that was written.
    pub bytes: u64,
    /// Good frames among them, which belonged to the same incomplete write.
    pub good_frames: u64,
    /// Bytes that the file is shorter than it was made.
    pub missing: u64,
}

/// What a segment holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The sequence of the last entry; one less than the first's when there is none.
    pub last_sequence: u64,
    /// The time of the last entry, or of the one before the segment.
    pub last_time_ns: u64,
    /// Where the last good frame ends.
    pub end: u64,
    /// Where reading can start.
    pub index: Vec<IndexEntry>,
    /// A torn tail.
    pub torn: Option<TornTail>,
}

/// Walks the frames of a segment that is in memory.
struct Walk<'a, 'n> {
    name: &'n str,
    bytes: &'a [u8],
    block: usize,
    seed: u32,
    offset: usize,
    /// Where the padding before `offset` begins; `offset` itself when there is none.
    padding: usize,
    /// Behind a mark, and before the padding that ends its write.
    in_write: bool,
    next_sequence: u64,
    time_ns: u64,
}

/// A step of a [`Walk`].
enum Step<'a> {
    Mark {
        offset: usize,
        frame: Frame<'a>,
    },
    Entry(Frame<'a>),
    /// No further frame here.
    End,
}

impl<'a> Walk<'a, '_> {
    fn step(&mut self) -> Result<Step<'a>, Damage> {
        loop {
            let at_block = self.offset.is_multiple_of(self.block);
            let Some(rest) = self.bytes.get(self.offset..).filter(|rest| !rest.is_empty()) else {
                return Ok(Step::End);
            };
            match parse(self.seed, rest) {
                Parsed::Frame(frame) if frame.header.kind == KIND_MARK && at_block => {
                    self.expect(&frame)?;
                    let offset = self.offset;
                    self.go_on(self.offset + usize::from(frame.header.length));
                    self.in_write = true;
                    return Ok(Step::Mark { offset, frame });
                }
                Parsed::Frame(frame) if frame.header.kind != KIND_MARK && self.in_write => {
                    self.expect(&frame)?;
                    self.go_on(self.offset + usize::from(frame.header.length));
                    self.next_sequence += 1;
                    self.time_ns = frame.header.time_ns;
                    return Ok(Step::Entry(frame));
                }
                Parsed::Nothing if !at_block => {
                    let next = self.offset.next_multiple_of(self.block).min(self.bytes.len());
                    if self.bytes[self.offset..next].iter().any(|&byte| byte != 0) {
                        return Ok(Step::End);
                    }
                    self.offset = next;
                    self.in_write = false;
                }
                _ => return Ok(Step::End),
            }
        }
    }

    const fn go_on(&mut self, offset: usize) {
        (self.offset, self.padding) = (offset, offset);
    }

    fn expect(&self, frame: &Frame<'_>) -> Result<(), Damage> {
        let (segment, offset) = (self.name.to_owned(), self.offset as u64);
        if frame.header.sequence != self.next_sequence {
            let (found, expected) = (frame.header.sequence, self.next_sequence);
            return Err(Damage::Sequence { segment, offset, found, expected });
        }
        if frame.header.time_ns < self.time_ns {
            let (found_ns, previous_ns) = (frame.header.time_ns, self.time_ns);
            return Err(Damage::Time { segment, offset, found_ns, previous_ns });
        }
        Ok(())
    }
}

/// Reads segment `name`, whose head is `header` and whose bytes, head included, are `bytes`; shows
/// each entry with its offset.
///
/// # Errors
/// The [`Damage`], where entries that were durable are not readable.
pub fn scan<'a>(
    name: &str,
    header: &SegmentHeader,
    bytes: &'a [u8],
    mut visit: impl FnMut(u64, Frame<'a>),
) -> Result<Scan, Damage> {
    let block = header.block_size as usize;
    let mut walk = Walk {
        name,
        bytes,
        block,
        seed: header.checksum,
        offset: block,
        padding: block,
        in_write: false,
        next_sequence: header.first_sequence,
        time_ns: header.previous_time_ns,
    };
    let mut index: Vec<IndexEntry> = Vec::new();
    let mut end = block;
    loop {
        match walk.step()? {
            Step::Mark { offset, frame } => {
                IndexEntry::add(
                    &mut index,
                    IndexEntry {
                        offset: offset as u64,
                        sequence: frame.header.sequence,
                        previous_time_ns: walk.time_ns,
                    },
                );
                end = walk.offset;
            }
            Step::Entry(frame) => {
                visit(end as u64, frame);
                end = walk.offset;
            }
            Step::End => break,
        }
    }
    let torn = torn_tail(&walk, header)?;
    Ok(Scan {
        last_sequence: walk.next_sequence - 1,
        last_time_ns: walk.time_ns,
        end: end as u64,
        index,
        torn,
    })
}

/// What stands behind the last good frame: nothing, a torn tail, or damage.
fn torn_tail(walk: &Walk<'_, '_>, header: &SegmentHeader) -> Result<Option<TornTail>, Damage> {
    let start = walk.offset.min(walk.bytes.len());
    let tail = &walk.bytes[start..];
    let missing = header.segment_size.saturating_sub(walk.bytes.len() as u64);
    let written = tail.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    if written == 0 && missing == 0 {
        return Ok(None);
    }
    let segment = || walk.name.to_owned();
    let offset = start as u64;
    let mut good_frames = 0;
    let mut first_good = None;
    let mut at = 0;
    while at < written {
        let Some(frame) = plausible(walk, &tail[at..written]) else {
            at += FRAME_ALIGN;
            continue;
        };
        let follower =
            Followers::Good { offset: (start + at) as u64, sequence: frame.header.sequence };
        first_good.get_or_insert((at, follower));
        // A mark is the beginning of a later write: this one was durable before.
        if frame.header.kind == KIND_MARK && frame.header.sequence > walk.next_sequence {
            let (expected, followers) = (walk.next_sequence, follower);
            return Err(Damage::Frame { segment: segment(), offset, expected, followers });
        }
        good_frames += 1;
        at += usize::from(frame.header.length);
    }
    if let Some((until, followers)) = first_good
        && !has_unwritten_sector(walk.bytes, hole_start(walk, &followers), start + until)
    {
        let expected = walk.next_sequence;
        return Err(Damage::Frame { segment: segment(), offset, expected, followers });
    }
    let bytes = written as u64;
    Ok(Some(TornTail { segment: segment(), offset, bytes, good_frames, missing }))
}

/// Where the hole in front of a good frame may begin. If entries are missing before that frame,
/// what looks like the padding of the write before may be the hole: its sectors were lost.
fn hole_start(walk: &Walk<'_, '_>, follower: &Followers) -> usize {
    match follower {
        Followers::Good { sequence, .. } if *sequence > walk.next_sequence => walk.padding,
        _ => walk.offset,
    }
}

/// A good frame of this segment at the front of `bytes`, behind the sequence that is due.
fn plausible<'a>(walk: &Walk<'_, '_>, bytes: &'a [u8]) -> Option<Frame<'a>> {
    match parse(walk.seed, bytes) {
        Parsed::Frame(frame) if frame.header.sequence >= walk.next_sequence => Some(frame),
        _ => None,
    }
}

/// Whether a sector that overlaps `from..to` is all zero.
fn has_unwritten_sector(bytes: &[u8], from: usize, to: usize) -> bool {
    let first = from / SECTOR * SECTOR;
    (first..to.max(from + 1)).step_by(SECTOR).any(|sector| {
        let end = (sector + SECTOR).min(bytes.len());
        bytes[sector..end].iter().all(|&byte| byte == 0)
    })
}
