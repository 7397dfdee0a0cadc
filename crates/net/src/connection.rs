//! One connection's bytes on their way in and out.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use socket2::SockRef;

use crate::reactor::{CloseReason, ConnectionId, Handler, Limits};

/// Receives without a send between them, from which on a connection counts as one that is only heard.
const ONE_WAY: u32 = 4;

/// A socket that does not block, and what waits on both sides of it.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    input: Box<[u8]>,
    /// Bytes of `input` that came and were not taken.
    filled: usize,
    pub(crate) output: Vec<u8>,
    /// Bytes of `output` that left.
    sent: usize,
    /// Receives since something was sent.
    heard: u32,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, limits: &Limits) -> Self {
        Self {
            stream,
            input: vec![0; limits.input_bytes].into(),
            filled: 0,
            output: Vec::with_capacity(4 << 10),
            sent: 0,
            heard: 0,
        }
    }

    /// Whether so much came since something was sent that no answer will carry the acknowledgement.
    #[inline]
    pub(crate) const fn is_one_way(&self) -> bool {
        self.heard >= ONE_WAY
    }

    /// Acknowledges what came, and goes on waiting with the next (`TCP_QUICKACK`, tcp(7)).
    pub(crate) fn acknowledge(&self) {
        let socket = SockRef::from(&self.stream);
        // What it refuses, it did itself or will do after a while.
        let _at_once = socket.set_tcp_quickack(true);
        let _later = socket.set_tcp_quickack(false);
    }

    pub(crate) const fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Reads once, and hands on what came; how many bytes that were.
    #[inline]
    pub(crate) fn receive(
        &mut self,
        id: ConnectionId,
        handler: &mut impl Handler,
    ) -> Result<usize, CloseReason> {
        let count = match self.stream.read(&mut self.input[self.filled..]) {
            Ok(0) => return Err(CloseReason::Peer),
            Ok(count) => count,
            Err(error) => return nothing_yet(&error),
        };
        self.filled += count;
        self.heard = self.heard.saturating_add(1);
        let taken = handler.received(id, &self.input[..self.filled], &mut self.output);
        let taken = taken.min(self.filled);
        if taken < self.filled {
            self.input.copy_within(taken..self.filled, 0);
        }
        self.filled -= taken;
        if self.filled == self.input.len() { Err(CloseReason::TooLong) } else { Ok(count) }
    }

    /// Sends what there is, as far as the peer takes it; how many bytes that were.
    #[inline]
    pub(crate) fn send(&mut self, limits: &Limits) -> Result<usize, CloseReason> {
        if self.output.is_empty() {
            return Ok(0);
        }
        let count = match self.stream.write(&self.output[self.sent..]) {
            Ok(count) => count,
            Err(error) => nothing_yet(&error)?,
        };
        (self.sent, self.heard) = (self.sent + count, 0);
        let waiting = self.output.len() - self.sent;
        if waiting == 0 {
            self.output.clear();
            self.sent = 0;
        } else if waiting > limits.output_bytes {
            return Err(CloseReason::SlowReader);
        } else if self.sent >= limits.output_bytes {
            self.output.drain(..self.sent);
            self.sent = 0;
        }
        Ok(count)
    }
}

/// Whether an error says that the socket is not ready: then no byte was moved.
fn nothing_yet(error: &std::io::Error) -> Result<usize, CloseReason> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(0),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Err(CloseReason::Peer),
        _ => Err(CloseReason::Failed(error.to_string())),
    }
}
