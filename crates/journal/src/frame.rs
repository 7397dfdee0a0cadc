//! Frames: the records of a segment, each with its checksum.
//!
//! A frame is a record of [`tiercel_types::record`], whose four reserved header bytes hold the
//! checksum, so that a command of 128 bytes takes 128 bytes in the log:
//!
//! ```text
//!  0        2      3         4          8          16        24
//!  | length | kind | version | checksum | sequence | time_ns | body ... |
//! ```
//!
//! Kind 0 is the journal's own: a mark, which opens every write. Numbers are little-endian.

use tiercel_types::record::{COMMAND_HEADER_SIZE, CommandHeader, RECORD_SIZE_MAX};
use zerocopy::{FromBytes, IntoBytes};

/// The kind of the journal's own frames; no entry may have it.
pub const KIND_MARK: u8 = 0;

/// Bytes of a mark: a header, and the durable sequence.
pub const MARK_SIZE: usize = COMMAND_HEADER_SIZE + 8;

/// Bytes of the largest body.
pub const BODY_SIZE_MAX: usize = RECORD_SIZE_MAX - COMMAND_HEADER_SIZE;

/// Frames start at multiples of this.
pub(crate) const FRAME_ALIGN: usize = 8;

/// The checksum of a whole frame: CRC-32C of everything behind the checksum, begun with the
/// segment's seed XOR the four bytes before it.
///
/// XOR into the register is what a CRC does with its first word, so those bytes are protected as
/// well as the others, in one pass and without a copy. The seed ties a frame to its segment.
#[inline]
fn checksum(seed: u32, head: u32, rest: &[u8]) -> u32 {
    crc32c::crc32c_append(seed ^ head, rest)
}

/// Writes a frame to the front of `out`, and returns its size. The caller has checked that the
/// body is a multiple of eight bytes, at most [`BODY_SIZE_MAX`], and that `out` has room.
#[inline]
pub(crate) fn write(out: &mut [u8], seed: u32, mut header: CommandHeader, body: &[u8]) -> usize {
    let size = COMMAND_HEADER_SIZE + body.len();
    let out = &mut out[..size];
    header.length = size as u16;
    header.reserved = 0;
    out[..COMMAND_HEADER_SIZE].copy_from_slice(header.as_bytes());
    out[COMMAND_HEADER_SIZE..].copy_from_slice(body);
    let head =
        header.length as u32 | u32::from(header.kind) << 16 | u32::from(header.version) << 24;
    let sum = checksum(seed, head, &out[8..]);
    out[4..8].copy_from_slice(&sum.to_le_bytes());
    size
}

/// Writes the mark that opens a write: `sequence` is that of the frame behind it, and everything
/// up to `durable_sequence` is known to be on the disk.
pub(crate) fn write_mark(
    out: &mut [u8],
    seed: u32,
    sequence: u64,
    time_ns: u64,
    durable_sequence: u64,
) -> usize {
    let header = CommandHeader { kind: KIND_MARK, sequence, time_ns, ..CommandHeader::default() };
    write(out, seed, header, &durable_sequence.to_le_bytes())
}

/// A frame that was read, with its checksum proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its header; `reserved` holds the checksum.
    pub header: CommandHeader,
    /// What follows the header.
    pub body: &'a [u8],
}

impl Frame<'_> {
    /// The sequence up to which all was durable when the mark was written; `None` for an entry.
    pub fn durable_sequence(&self) -> Option<u64> {
        (self.header.kind == KIND_MARK).then(|| self.body.try_into().map_or(0, u64::from_le_bytes))
    }
}

/// The header of a frame that was parsed before; zeros when `bytes` are too few.
#[inline]
pub(crate) fn header_of(bytes: &[u8]) -> CommandHeader {
    CommandHeader::read_from_prefix(bytes)
        .map_or_else(|_| CommandHeader::default(), |(header, _)| header)
}

/// What stands at the front of `bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// A frame.
    Frame(Frame<'a>),
    /// Nothing: a length of zero, as padding and unwritten blocks have.
    Nothing,
    /// Bytes that are no frame, or too few of them.
    Bad,
}

/// Reads what stands at the front of `bytes`.
#[inline]
pub fn parse(seed: u32, bytes: &[u8]) -> Parsed<'_> {
    let Ok((header, _)) = CommandHeader::read_from_prefix(bytes) else {
        return if bytes.iter().all(|&byte| byte == 0) { Parsed::Nothing } else { Parsed::Bad };
    };
    if header.length == 0 {
        return Parsed::Nothing;
    }
    let size = usize::from(header.length);
    let shape_is_right = if header.kind == KIND_MARK {
        size == MARK_SIZE
    } else {
        (COMMAND_HEADER_SIZE..=RECORD_SIZE_MAX).contains(&size)
    };
    if !shape_is_right || !size.is_multiple_of(FRAME_ALIGN) || size > bytes.len() {
        return Parsed::Bad;
    }
    let head =
        u32::from(header.length) | u32::from(header.kind) << 16 | u32::from(header.version) << 24;
    if checksum(seed, head, &bytes[8..size]) != header.reserved {
        return Parsed::Bad;
    }
    Parsed::Frame(Frame { header, body: &bytes[COMMAND_HEADER_SIZE..size] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut out = vec![0; 64];
        let header = CommandHeader {
            kind: 3,
            version: 1,
            sequence: 7,
            time_ns: 9,
            ..CommandHeader::default()
        };
        assert_eq!(write(&mut out, 0x1234, header, &[5; 16]), 40);
        out
    }

    #[test]
    fn every_flipped_bit_of_a_frame_is_noticed() {
        let good = sample();
        let Parsed::Frame(frame) = parse(0x1234, &good) else { panic!("a frame") };
        assert_eq!((frame.header.sequence, frame.body), (7, &[5_u8; 16][..]));
        for bit in 0..40 * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(parse(0x1234, &bad), Parsed::Frame(_)), "bit {bit}");
        }
        assert_eq!(parse(0x1235, &good), Parsed::Bad, "another segment's seed");
        assert_eq!(parse(0x1234, &good[..39]), Parsed::Bad);
    }

    #[test]
    fn nothing_is_told_from_damage() {
        assert_eq!(parse(1, &[0; 64]), Parsed::Nothing);
        assert_eq!(parse(1, &[0; 5]), Parsed::Nothing);
        assert_eq!(parse(1, &[0, 0, 1]), Parsed::Bad);
    }
}
