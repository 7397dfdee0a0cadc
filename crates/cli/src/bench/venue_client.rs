//! A client of the venue's sockets that costs next to nothing: requests are made before they are
//! timed, answers are read to their end and looked at no further.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::BenchError;
use super::journal::wrong;

/// How long an answer may take before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Milliseconds since the epoch.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The signature of a payload, in hexadecimal.
pub(super) fn sign(secret: &str, payload: &str) -> Result<String, BenchError> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|error| wrong(&error))?;
    mac.update(payload.as_bytes());
    let bytes = mac.finalize().into_bytes();
    Ok(bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
}

/// A connection, kept alive.
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were read, and are not yet part of an answer.
    filled: usize,
}

impl Connection {
    /// Connects to a server.
    pub(super) fn open(address: SocketAddr) -> Result<Self, BenchError> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: vec![0; 16 * 1_024], filled: 0 })
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), BenchError> {
        Ok(self.stream.write_all(bytes)?)
    }

    fn fill(&mut self) -> Result<(), BenchError> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(2 * self.filled, 0);
        }
        match self.stream.read(&mut self.buffer[self.filled..])? {
            0 => Err(wrong(&"the connection was closed")),
            count => {
                self.filled += count;
                Ok(())
            }
        }
    }

    fn consume(&mut self, length: usize) {
        self.buffer.copy_within(length..self.filled, 0);
        self.filled -= length;
    }

    /// Sends a request and reads its answer: an error unless that has status `expected`.
    pub(super) fn ask(&mut self, request: &[u8], expected: &str) -> Result<(), BenchError> {
        self.send(request)?;
        self.answer(expected)
    }

    /// Reads an answer, with its body.
    pub(super) fn answer(&mut self, expected: &str) -> Result<(), BenchError> {
        let length = loop {
            let read = &self.buffer[..self.filled];
            if let Some(head) = head_length(read) {
                let length = head + content_length(&read[..head]);
                if length <= read.len() {
                    break length;
                }
            }
            self.fill()?;
        };
        let status = self.buffer.get(9..12).unwrap_or_default();
        if status != expected.as_bytes() {
            return Err(wrong(&String::from_utf8_lossy(&self.buffer[..length])));
        }
        self.consume(length);
        Ok(())
    }

    /// Makes it a `WebSocket`.
    pub(super) fn upgrade(&mut self, path: &str) -> Result<(), BenchError> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: venue\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        self.ask(request.as_bytes(), "101")
    }

    /// Reads until a frame of text has come, which must have `text` in it; what comes beside it
    /// (pings) is passed over.
    pub(super) fn frame(&mut self, text: &str) -> Result<(), BenchError> {
        loop {
            let read = &self.buffer[..self.filled];
            let Some(length) = frame_length(read).filter(|length| *length <= read.len()) else {
                self.fill()?;
                continue;
            };
            match read[0] & 0x0f {
                TEXT if !holds(&read[..length], text) => {
                    return Err(wrong(&String::from_utf8_lossy(&read[..length])));
                }
                CLOSE => return Err(wrong(&"the socket was closed")),
                kind => {
                    self.consume(length);
                    if kind == TEXT {
                        return Ok(());
                    }
                }
            }
        }
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Kinds of frames (RFC 6455, section 5.2).
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
/// The second byte of a client's frame says that it is masked, and its length, up to this one: then the
/// length is in the two bytes behind it.
const MASKED: u8 = 0x80;
const LONG: usize = 126;

/// The bytes of a head, with the empty line behind it.
fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// What a head says of its body's length; it has none if it does not say.
fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length: ";
    let Some(at) = head.windows(NAME.len()).position(|name| name == NAME) else { return 0 };
    let digits = head[at + NAME.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |length, digit| 10 * length + usize::from(digit - b'0'))
}

/// The bytes of the frame at the front, which a server sent: it is not masked.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let second = usize::from(*bytes.get(1)?);
    let number = |from: usize, to: usize| {
        let digits = bytes.get(from..to)?;
        Some(to + digits.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
    };
    match second & 0x7f {
        126 => number(2, 4),
        127 => number(2, 10),
        short => Some(2 + short),
    }
}

/// A frame of text of a client. Its mask is zero, which leaves the text as it is.
pub(super) fn text_frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x80 | TEXT];
    match text.len() {
        short @ 0..LONG => frame.push(MASKED | short as u8),
        long => {
            frame.push(MASKED | LONG as u8);
            frame.extend((long as u16).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_frames_are_measured() {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n";
        assert_eq!(head_length(head), Some(head.len()));
        assert_eq!(content_length(head), 12);
        assert_eq!(head_length(&head[..20]), None);
        assert_eq!(frame_length(&[0x81, 5, b'h']), Some(7));
        assert_eq!(frame_length(&[0x81, 126, 1, 0]), Some(4 + 256));
        assert_eq!(frame_length(&[0x81]), None);
        assert_eq!(text_frame("ab"), [0x81, 0x82, 0, 0, 0, 0, b'a', b'b']);
    }
}
