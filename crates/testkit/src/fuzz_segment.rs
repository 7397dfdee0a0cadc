//! What must hold for the segment decoder on any bytes. Bodies for fuzzers and for fixed seeds.

use tiercel_journal::header::{SEGMENT_HEADER_SIZE, SegmentHeader};
use tiercel_journal::scan::scan;

/// Any bytes as a segment: no panic; entries in order, inside the file, each once; and what is
/// good before the end does not depend on what stands behind it.
///
/// # Panics
/// When the decoder is wrong.
pub fn segment(bytes: &[u8]) {
    let Ok(Some(header)) = SegmentHeader::read(bytes) else { return };
    body(&header, bytes);
}

/// As [`segment`], behind a good header: what a fuzzer seldom finds by itself.
///
/// # Panics
/// When the decoder is wrong.
pub fn frames(bytes: &[u8]) {
    let header = SegmentHeader {
        magic: [0; 8],
        format_version: 0,
        schema_version: 0,
        rules_version: 0,
        shard: 0,
        epoch: 1,
        first_sequence: 1,
        previous_time_ns: 0,
        ordinal: 1,
        segment_size: 1 << 20,
        block_size: 512,
        checksum: 0,
    }
    .sealed();
    let mut whole = vec![0; 512];
    whole[..SEGMENT_HEADER_SIZE].copy_from_slice(zerocopy::IntoBytes::as_bytes(&header));
    whole.extend_from_slice(bytes);
    body(&header, &whole);
}

fn body(header: &SegmentHeader, bytes: &[u8]) {
    let mut next = header.first_sequence;
    let mut end = u64::from(header.block_size);
    let found = scan("fuzz", header, bytes, |offset, frame| {
        assert_eq!(frame.header.sequence, next, "a sequence out of order");
        assert!(offset >= end, "frames overlap");
        next += 1;
        end = offset + u64::from(frame.header.length);
        assert!(end <= bytes.len() as u64, "a frame leaves the file");
    });
    let Ok(found) = found else { return };
    assert_eq!(found.last_sequence + 1, next);
    assert!(found.end <= (bytes.len() as u64).max(u64::from(header.block_size)));
    // Cut where the last frame ends, it holds the same.
    let kept = (found.end as usize).min(bytes.len());
    let again = scan("fuzz", header, &bytes[..kept], |_, _| {});
    assert_eq!(again.map(|scan| scan.last_sequence), Ok(found.last_sequence));
}
