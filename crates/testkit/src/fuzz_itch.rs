//! What must hold for the ITCH decoder on any bytes. Bodies for fuzzers and for fixed seeds.

use tiercel_wire::itch::{FRAME_SIZE_MAX, FrameError, FrameReader, Frames, Message};

/// Any bytes as one message: no panic, and what decodes encodes to the same bytes.
///
/// # Panics
/// When the decoder or the encoder is wrong.
pub fn decode_one(bytes: &[u8]) {
    let Ok(message) = Message::decode(bytes) else { return };
    let mut out = [0; FRAME_SIZE_MAX];
    let size = message.encode(&mut out).expect("a frame fits");
    assert_eq!(&out[..size], bytes, "encoding is not the inverse of decoding");
    assert_eq!(size, message.kind().size());
    let _ = message.operation();
    let mut fields = 0;
    message.fields(|_, _| fields += 1);
    assert!(fields > 0);
}

/// Any bytes as a stream: the same messages and errors whole and in chunks; the good frames and
/// the bad ones cover the stream without gap or overlap.
///
/// The chunk sizes come from the bytes themselves.
///
/// # Panics
/// When the framing is wrong.
pub fn frames(bytes: &[u8]) {
    let mut whole = Vec::new();
    let mut frames = Frames::new(bytes);
    let mut before = 0;
    while let Some(frame) = frames.next() {
        assert!(frames.offset() >= before);
        match &frame {
            Ok(message) => assert_eq!(frames.offset() - before, 2 + message.kind().size() as u64),
            Err(
                FrameError::ZeroLength { offset }
                | FrameError::TornTail { offset, .. }
                | FrameError::Message { offset, .. },
            ) => assert_eq!(*offset, before, "an error out of place"),
        }
        before = frames.offset();
        whole.push(show(&frame));
    }
    assert!(frames.next().is_none(), "the end is not final");

    let mut chunked = Vec::new();
    let mut reader = FrameReader::default();
    let mut rest = bytes;
    let mut turn = 0_usize;
    while !rest.is_empty() {
        let size = 1 + usize::from(bytes[turn % bytes.len()]) % 97;
        turn += 1;
        let (chunk, behind) = rest.split_at(size.min(rest.len()));
        reader.feed(chunk, |frame| chunked.push(show(&frame)));
        rest = behind;
    }
    if let Err(error) = reader.finish() {
        chunked.push(show(&Err(error)));
    }
    assert_eq!(whole, chunked, "a stream in chunks reads otherwise than whole");
}

/// A frame as a value that outlives the bytes.
fn show(frame: &Result<Message<'_>, FrameError>) -> Result<(Vec<u8>, u64), FrameError> {
    frame.map(|message| {
        let mut out = [0; FRAME_SIZE_MAX];
        let size = message.encode(&mut out).expect("a frame fits");
        (out[..size].to_vec(), message.digest())
    })
}
