//! Frames of our own. A client passes a mask that nobody can guess (section 5.3), a server none.

use super::frame::mask as apply;
use super::{CONTROL_PAYLOAD_BYTES_MAX, CloseCode, HEADER_BYTES_MAX, Opcode};

/// The last bit of a message's last frame.
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
/// Masked, and of a length that two bytes tell: 126.
const MASKED_TWO_BYTES: u8 = MASKED | 0x7E;

/// A frame's header, and how many bytes of it count.
#[inline]
fn header(opcode: Opcode, length: usize, mask: Option<[u8; 4]>) -> ([u8; HEADER_BYTES_MAX], usize) {
    let mut bytes = [0; HEADER_BYTES_MAX];
    bytes[0] = FINAL | opcode as u8;
    let mut size = match length {
        0..=125 => {
            bytes[1] = length as u8;
            2
        }
        126..=0xFFFF => {
            bytes[1] = 126;
            bytes[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            4
        }
        _ => {
            bytes[1] = 127;
            bytes[2..10].copy_from_slice(&(length as u64).to_be_bytes());
            10
        }
    };
    if let Some(key) = mask {
        bytes[1] |= MASKED;
        bytes[size..size + 4].copy_from_slice(&key);
        size += 4;
    }
    (bytes, size)
}

/// Writes a message of one frame behind `out`. A ping, pong or close of more than
/// [`CONTROL_PAYLOAD_BYTES_MAX`] bytes is not written, and false is returned.
#[inline]
pub fn put(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>) -> bool {
    if opcode.is_control() && payload.len() > CONTROL_PAYLOAD_BYTES_MAX {
        return false;
    }
    let (bytes, size) = header(opcode, payload.len(), mask);
    out.extend_from_slice(&bytes[..size]);
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = mask {
        apply(&mut out[start..], key);
    }
    true
}

/// Writes a text whose length is not yet known behind `out`: `write` appends it, and takes nothing
/// away. From 126 to 65,535 bytes it is written where it stays; a shorter or a longer one is moved
/// once. Returns what `write` does.
#[inline]
pub fn put_text_with<T>(
    out: &mut Vec<u8>,
    mask: Option<[u8; 4]>,
    write: impl FnOnce(&mut Vec<u8>) -> T,
) -> T {
    put_as_written(out, mask, |out| {
        let start = out.len();
        let result = write(out);
        if let Some(key) = mask
            && let Some(text) = out.get_mut(start..)
        {
            apply(text, key);
        }
        result
    })
}

/// The same of a text that `write` masks itself, from its first byte on.
#[inline]
pub fn put_masked_text<T>(
    out: &mut Vec<u8>,
    mask: [u8; 4],
    write: impl FnOnce(&mut Vec<u8>) -> T,
) -> T {
    put_as_written(out, Some(mask), write)
}

#[inline(always)]
fn put_as_written<T>(
    out: &mut Vec<u8>,
    mask: Option<[u8; 4]>,
    write: impl FnOnce(&mut Vec<u8>) -> T,
) -> T {
    let start = out.len();
    // Room for the header of a length of two bytes, which most texts have.
    let (_, room) = header(Opcode::Text, 126, mask);
    out.extend_from_slice(&[0; HEADER_BYTES_MAX][..room]);
    let result = write(out);
    let begin = (start + room).min(out.len());
    let length = out.len() - begin;
    if let (126..=0xFFFF, Some(key)) = (length, mask)
        && let Some(place) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut)
    {
        // The same in one word, because a copy of what was just written in parts waits.
        let [high, low] = (length as u16).to_be_bytes();
        let [first, second, third, fourth] = key;
        let opcode = FINAL | Opcode::Text as u8;
        *place = [opcode, MASKED_TWO_BYTES, high, low, first, second, third, fourth];
        return result;
    }
    let (bytes, size) = header(Opcode::Text, out.len() - begin, mask);
    if size == room {
        out[start..begin].copy_from_slice(&bytes[..size]);
    } else {
        out.splice(start..begin, bytes[..size].iter().copied());
    }
    result
}

/// Writes a close behind `out`, with as much of the reason, in whole characters, as its frame holds.
pub fn put_close(out: &mut Vec<u8>, code: CloseCode, reason: &str, mask: Option<[u8; 4]>) {
    let mut payload = [0; CONTROL_PAYLOAD_BYTES_MAX];
    payload[..2].copy_from_slice(&code.0.to_be_bytes());
    let end = reason.floor_char_boundary(CONTROL_PAYLOAD_BYTES_MAX - 2);
    payload[2..2 + end].copy_from_slice(&reason.as_bytes()[..end]);
    put(out, Opcode::Close, &payload[..2 + end], mask);
}
