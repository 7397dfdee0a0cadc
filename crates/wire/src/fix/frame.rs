//! Where a message begins and ends in a stream.
//!
//! A message is `8=..|9=LENGTH|`, `LENGTH` bytes, `10=SUM|`. What is no message is passed over up
//! to the next place where one may begin, so that one bad message costs no other, but for one that its
//! length reaches into: its sequence number stays unused, and the next good message exposes the gap (volume 2, "garbled message").

use super::{SOH, checksum};

/// Bytes of the largest message. A body length that says more is no body length: nobody may make
/// the reader wait, or keep, for ever.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1_024;

/// Bytes of the longest `8=..|9=..|`.
const HEAD_BYTES_MAX: usize = 32;
/// What every message begins with, whatever its version.
const BEGIN: &[u8] = b"8=FIX";
/// The end of a message's last field, and the start of its checksum.
const CHECK_SUM: &[u8] = b"\x0110=";
/// Bytes of `10=ddd|`.
pub(super) const TRAILER_BYTES: usize = 7;

/// What stands at the start of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message of this many bytes, whose length and sum are right. Its body, from the message
    /// type on, begins at `body` and ends before the checksum.
    Whole {
        /// Bytes of the message.
        length: usize,
        /// Where its body begins.
        body: usize,
    },
    /// The start of a message, so far good. More bytes are needed.
    Partial,
    /// No message. The next may begin after this many bytes.
    Garbled {
        /// Bytes to pass over, at least one.
        skip: usize,
        /// What is wrong with them.
        why: Garble,
    },
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Garble {
    /// It does not begin with `8=FIX` and the end of that field.
    BeginString,
    /// `9=` and a number of at most [`MESSAGE_BYTES_MAX`] do not follow.
    BodyLength,
    /// `35=` is not the third field.
    MsgType,
    /// There is no `10=ddd|` where the body length says.
    Trailer,
    /// The checksum is another.
    CheckSum,
}

/// Judges what `bytes` begin with.
///
/// ```
/// use tiercel_wire::fix::{Frame, frame};
/// let heartbeat = b"8=FIX.4.4\x019=5\x0135=0\x0110=163\x01";
/// assert_eq!(frame(heartbeat), Frame::Whole { length: heartbeat.len(), body: 14 });
/// assert_eq!(frame(&heartbeat[..20]), Frame::Partial);
/// ```
#[inline]
pub fn frame(bytes: &[u8]) -> Frame {
    match judge(bytes) {
        Ok(frame) => frame,
        Err(why) => {
            let long = if why == Garble::Trailer { too_long(bytes) } else { None };
            long.unwrap_or_else(|| Frame::Garbled { skip: next_begin(bytes), why })
        }
    }
}

#[inline]
fn judge(bytes: &[u8]) -> Result<Frame, Garble> {
    let Some((body, length)) = head(bytes)? else { return Ok(Frame::Partial) };
    let end = body + length;
    // The third field can be judged before the rest is there.
    let start = bytes.get(body..).unwrap_or_default();
    if !b"35=".starts_with(&start[..start.len().min(3)]) {
        return Err(Garble::MsgType);
    }
    let Some(trailer) = bytes.get(end..).and_then(<[u8]>::first_chunk::<TRAILER_BYTES>) else {
        return Ok(Frame::Partial);
    };
    let [b'1', b'0', b'=', hundreds, tens, ones, SOH] = *trailer else {
        return Err(Garble::Trailer);
    };
    if bytes[end - 1] != SOH || ![hundreds, tens, ones].iter().all(u8::is_ascii_digit) {
        return Err(Garble::Trailer);
    }
    let digit = |byte: u8| u16::from(byte - b'0');
    let told = digit(hundreds) * 100 + digit(tens) * 10 + digit(ones);
    if told != u16::from(checksum(&bytes[..end])) {
        return Err(Garble::CheckSum);
    }
    Ok(Frame::Whole { length: end + TRAILER_BYTES, body })
}

/// A message whose length reaches into another one: the two cannot be told apart, and are passed over up
/// to the next checksum behind that length, as other engines do. `None` of any other message.
#[cold]
fn too_long(bytes: &[u8]) -> Option<Frame> {
    let (body, length) = head(bytes).ok()??;
    let end = body + length;
    let inside = bytes.get(body..end)?;
    inside.windows(BEGIN.len()).find(|part| *part == BEGIN)?;
    let behind = bytes.get(end - 1..)?;
    let sum = behind.windows(CHECK_SUM.len()).position(|part| part == CHECK_SUM);
    let stop = sum.and_then(|at| {
        let value = at + CHECK_SUM.len();
        behind[value..].iter().position(|byte| *byte == SOH).map(|stop| value + stop + 1)
    });
    match stop {
        Some(stop) => Some(Frame::Garbled { skip: end - 1 + stop, why: Garble::Trailer }),
        None if behind.len() < MESSAGE_BYTES_MAX => Some(Frame::Partial),
        None => None,
    }
}

/// Where the body begins, and how long it is; `None` while that is not there.
#[inline]
fn head(bytes: &[u8]) -> Result<Option<(usize, usize)>, Garble> {
    // What nearly all messages begin with.
    if let Some((b"8=FIX.4.4\x019=", rest)) = bytes.split_first_chunk::<12>() {
        return length(rest).map(|found| found.map(|(digits, length)| (12 + digits, length)));
    }
    let head = &bytes[..bytes.len().min(HEAD_BYTES_MAX)];
    if !BEGIN.starts_with(&head[..head.len().min(BEGIN.len())]) {
        return Err(Garble::BeginString);
    }
    let Some(end) = head.iter().position(|byte| *byte == SOH) else {
        let is_long = head.len() == HEAD_BYTES_MAX;
        return if is_long { Err(Garble::BeginString) } else { Ok(None) };
    };
    let rest = &bytes[end + 1..];
    if !b"9=".starts_with(&rest[..rest.len().min(2)]) {
        return Err(Garble::BodyLength);
    }
    let Some(rest) = rest.get(2..) else { return Ok(None) };
    length(rest).map(|found| found.map(|(digits, length)| (end + 3 + digits, length)))
}

/// The body length at the start of `bytes`: the bytes it takes with its end, and its value.
#[inline]
fn length(bytes: &[u8]) -> Result<Option<(usize, usize)>, Garble> {
    let mut length = 0_usize;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => length = length * 10 + usize::from(byte - b'0'),
            &SOH if at > 0 && length > 0 => return Ok(Some((at + 1, length))),
            _ => return Err(Garble::BodyLength),
        }
        if length > MESSAGE_BYTES_MAX {
            return Err(Garble::BodyLength);
        }
    }
    Ok(None)
}

/// Bytes up to the next place where a message begins, or the last bytes that may become such a
/// place; else all.
#[cold]
fn next_begin(bytes: &[u8]) -> usize {
    let found = bytes.windows(BEGIN.len()).skip(1).position(|window| window == BEGIN);
    let kept = || {
        (1..BEGIN.len()).rev().find(|kept| bytes.len() > *kept && bytes.ends_with(&BEGIN[..*kept]))
    };
    found.map_or_else(|| bytes.len() - kept().unwrap_or(0), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::whole;

    fn garbled(bytes: &[u8]) -> Option<(usize, Garble)> {
        match frame(bytes) {
            Frame::Garbled { skip, why } => Some((skip, why)),
            _ => None,
        }
    }

    #[test]
    fn every_prefix_of_a_message_is_partial_and_the_whole_is_found() {
        for begin in ["FIX.4.4", "FIX.4.1", "FIXT.1.1"] {
            let message = whole(begin, "35=D|34=2|58=8=FIX|");
            for end in 0..message.len() {
                assert_eq!(frame(&message[..end]), Frame::Partial, "{end} bytes of {begin}");
            }
            let two = [message.clone(), message.clone()].concat();
            let body = 2 + begin.len() + 1 + 5;
            assert_eq!(frame(&two), Frame::Whole { length: message.len(), body });
        }
    }

    #[test]
    fn each_fault_is_named_and_the_next_message_is_found() {
        let good = whole("FIX.4.4", "35=0|");
        let behind = |bad: &[u8]| [bad, &good].concat();
        for (bad, why) in [
            (&b"35=0\x01"[..], Garble::BeginString),
            (b"x", Garble::BeginString),
            (b"8=ABC\x019=5\x0135=0\x0110=000\x01", Garble::BeginString),
            (b"8=FIX.4.4-and-a-lot-of-text-that-never-ends", Garble::BeginString),
            (b"8=FIX.4.4\x0134=2\x01", Garble::BodyLength),
            (b"8=FIX.4.4\x019=\x0135=0\x01", Garble::BodyLength),
            (b"8=FIX.4.4\x019=-5\x0135=0\x01", Garble::BodyLength),
            (b"8=FIX.4.4\x019=0\x0110=000\x01", Garble::BodyLength),
            (b"8=FIX.4.4\x019=99999999999999999999\x0135=0\x01", Garble::BodyLength),
            (b"8=FIX.4.4\x019=5\x0134=2\x01", Garble::MsgType),
            (b"8=FIX.4.4\x019=5\x0135=0\x0110=164\x01", Garble::CheckSum),
            (b"8=FIX.4.4\x019=5\x0135=0\x0110=1634", Garble::Trailer),
            (b"8=FIX.4.4\x019=6\x0135=0\x0110=163\x01", Garble::Trailer),
            (b"8=FIX.4.4\x019=4\x0135=0\x0110=163\x01", Garble::Trailer),
        ] {
            let stream = behind(bad);
            assert_eq!(garbled(&stream).map(|(_, why)| why), Some(why), "{bad:?}");
            let mut rest = &stream[..];
            while let Some((skip, _)) = garbled(rest) {
                rest = &rest[skip..];
            }
            assert_eq!(rest, good, "behind {bad:?}");
        }
    }

    #[test]
    fn a_length_that_reaches_into_the_next_message_costs_that_one_and_no_other() {
        let good = whole("FIX.4.4", "35=0|34=7|");
        let bad = &b"8=FIX.4.4\x019=20\x0135=0\x0110=163\x01"[..];
        let stream = [bad, &good, &good].concat();
        let (skip, why) = garbled(&stream).unwrap();
        assert_eq!((&stream[skip..], why), (&good[..], Garble::Trailer));
        // Until it is whole, nobody knows where it ends.
        assert_eq!(frame(&stream[..skip - 1]), Frame::Partial);
    }

    #[test]
    fn what_may_become_a_beginning_is_kept() {
        for (bytes, kept) in [(&b"35=0\x01"[..], 0), (b"zz8", 1), (b"8=8=F", 3), (b"zz", 0)] {
            let (skip, _) = garbled(bytes).unwrap();
            assert_eq!(bytes.len() - skip, kept, "{bytes:?}");
        }
    }
}
