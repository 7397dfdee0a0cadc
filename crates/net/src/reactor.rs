//! What moves the bytes of many connections, whichever way it does.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::task::Waker;
use std::time::Duration;

/// A connection of a [`Reactor`]. The number of one that has ended is not used again before all of
/// 2^32 generations are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConnectionId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl ConnectionId {
    /// The connection of a place, for reactors of others' making.
    pub const fn new(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    /// Its place: below the most connections that there may be. A place is used again.
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer closed it, or the network did.
    Peer,
    /// [`Reactor::close`] did.
    Ours,
    /// The peer does not read: [`Limits::output_bytes`] waited for it.
    SlowReader,
    /// The handler found no end of a message in [`Limits::input_bytes`].
    TooLong,
    /// The system's error.
    Failed(String),
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer => f.write_str("closed by the peer"),
            Self::Ours => f.write_str("closed by us"),
            Self::SlowReader => f.write_str("the peer does not read"),
            Self::TooLong => f.write_str("a message without end"),
            Self::Failed(error) => f.write_str(error),
        }
    }
}

/// What stands behind a [`Reactor`]'s connections. Calls of one connection come in order:
/// connected, received as often as it takes, closed once.
pub trait Handler {
    /// There is a connection. False: it is not wanted, and closed without another call.
    fn connected(&mut self, id: ConnectionId, peer: SocketAddr) -> bool;

    /// Bytes that came and were not taken before. Returns how many are taken: what remains, part of
    /// a message, comes again with what follows it. Answers go behind `output`.
    fn received(&mut self, id: ConnectionId, bytes: &[u8], output: &mut Vec<u8>) -> usize;

    /// The connection has ended.
    fn closed(&mut self, id: ConnectionId, reason: &CloseReason);

    /// Whether something has to leave before anything else is read: [`Busy`](crate::Busy) ends its turn then, and
    /// begins the next one with the connection that would have been next. Others have read everything before.
    #[inline]
    fn is_urgent(&self) -> bool {
        false
    }
}

/// What a reactor keeps at most. All of it is there from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections. Those beyond are closed as they come.
    pub connections: usize,
    /// Bytes of a connection that its handler has not taken. More than its longest message.
    pub input_bytes: usize,
    /// Bytes that a peer has not read, beyond what the system keeps: then it is cut off.
    pub output_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 256, input_bytes: 64 << 10, output_bytes: 1 << 20 }
    }
}

/// Moves bytes between sockets and a [`Handler`]. A stage like others: it owns no thread.
pub trait Reactor {
    /// One look at everything: new connections, bytes that came, bytes that can go on. Returns how
    /// much there was; zero means nothing.
    ///
    /// # Errors
    /// The system's, where the reactor itself fails; a connection's failure ends that connection.
    fn poll(&mut self, handler: &mut impl Handler) -> io::Result<usize>;

    /// Where to write what a connection is to be sent, if it is there still. It leaves with the next
    /// [`flush`](Self::flush).
    fn output(&mut self, id: ConnectionId) -> Option<&mut Vec<u8>>;

    /// Sends what was written: of each connection in one piece.
    fn flush(&mut self, handler: &mut impl Handler);

    /// Ends a connection, once what was written to it is sent, if that can be sent at once.
    fn close(&mut self, id: ConnectionId, handler: &mut impl Handler);

    /// Takes a connection in that was made elsewhere.
    ///
    /// # Errors
    /// The system's, or [`io::ErrorKind::QuotaExceeded`] when there are as many as there may be.
    fn add(&mut self, stream: TcpStream, handler: &mut impl Handler) -> io::Result<ConnectionId>;

    /// Sleeps until something is ready or its [`waker`](Self::waker) was used, at most so long.
    ///
    /// # Errors
    /// The system's.
    fn wait(&mut self, longest: Duration) -> io::Result<()>;

    /// Ends a [`wait`](Self::wait) from any thread: the one that there is, or else the next.
    fn waker(&self) -> Waker;

    /// Connections now.
    fn connections(&self) -> usize;
}
