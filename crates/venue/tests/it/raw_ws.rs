//! A `WebSocket` byte by byte: frames that no library would send.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Longer than anything here may take on a loaded machine.
pub(super) const LONG: Duration = Duration::from_secs(20);

pub(super) const CONTINUATION: u8 = 0x0;
pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
/// The bit of a message's last frame.
pub(super) const FIN: u8 = 0x80;

/// The head of a frame that says it has `length` bytes; masked with zeros, as a client may.
pub(super) fn head(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match length {
        0..126 => bytes.push(FIN | length as u8),
        126..65_536 => {
            bytes.push(0xfe);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0xff);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes
}

pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = head(first, payload.len() as u64);
    bytes.extend(payload);
    bytes
}

/// A connection whose bytes are the test's own.
pub(super) struct RawWs {
    pub(super) stream: TcpStream,
    read: Vec<u8>,
}

impl RawWs {
    #[track_caller]
    pub(super) fn open(address: SocketAddr, path: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut ws = Self { stream, read: Vec::new() };
        let end = loop {
            if let Some(at) = ws.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(ws.fill().unwrap() > 0, "{path}: closed before it was open");
        };
        let answer: Vec<u8> = ws.read.drain(..end).collect();
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
        ws
    }

    fn fill(&mut self) -> std::io::Result<usize> {
        let mut bytes = [0; 4_096];
        let count = self.stream.read(&mut bytes)?;
        self.read.extend(&bytes[..count]);
        Ok(count)
    }

    /// Sends what the venue may stop to take in the middle.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        let _cut_off = self.stream.write_all(bytes);
    }

    /// The next frame of the venue: its first byte and what it holds. `None`: the connection is over.
    #[track_caller]
    pub(super) fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let from = Instant::now();
        loop {
            if let [first, length, rest @ ..] = &self.read[..] {
                let (skip, length) = match length {
                    126 if rest.len() >= 2 => {
                        (4, usize::from(u16::from_be_bytes([rest[0], rest[1]])))
                    }
                    126 => (4, usize::MAX),
                    0..126 => (2, usize::from(*length)),
                    _ => panic!("a frame of {length}"),
                };
                if self.read.len() >= length.saturating_add(skip) {
                    let (first, end) = (*first, skip + length);
                    let frame = self.read.drain(..end).skip(skip).collect();
                    return Some((first, frame));
                }
            }
            match self.fill() {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    panic!("still open after {LONG:?}")
                }
                // It was reset.
                Err(_) => return None,
            }
            assert!(from.elapsed() < LONG, "still open after {LONG:?}");
        }
    }

    /// The next text.
    #[track_caller]
    pub(super) fn text(&mut self) -> String {
        loop {
            let (first, payload) = self.next().expect("the connection is over");
            if first == FIN | TEXT {
                return String::from_utf8(payload).unwrap();
            }
            assert_eq!(first, FIN | PING, "{payload:?}");
        }
    }

    /// Waits for the end of the connection, and answers a goodbye; the code that the venue closed it
    /// with.
    #[track_caller]
    pub(super) fn closed(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some((first, payload)) = self.next() {
            if let (true, [high, low, ..]) = (first == FIN | CLOSE, &payload[..]) {
                code = Some(u16::from_be_bytes([*high, *low]));
                self.send(&frame(FIN | CLOSE, &payload));
            }
        }
        code
    }
}
