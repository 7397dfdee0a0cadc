//! Books anew, by a thread that may wait: from a GLIMPSE snapshot, or empty, for a replay from the first message.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tiercel_types::Timestamp;
use tiercel_wire::glimpse::Item;
use tiercel_wire::soup::{Client, Listener, SessionId};

use super::books::{Books, Followed};

/// How long a snapshot may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a connection may take, and a look at a quiet one.
const CONNECT: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);
/// The session that a login asks for: the last but the number of its fields.
const SNAPSHOT_SESSION: &[u8; 10] = b"GLIMPSE   ";
/// Bytes from its beginning to the end of a login.
const SESSION_FROM_END: usize = 30;

/// Books, and the message to go on with.
pub(super) struct Loaded {
    /// The books.
    pub(super) books: Box<Books>,
    /// The session; none: that of the first datagram.
    pub(super) session: Option<SessionId>,
    /// The number of the next message.
    pub(super) next: u64,
}

/// Makes books anew: by GLIMPSE, or for a replay.
///
/// # Errors
/// Why there is no snapshot, in words.
pub(super) fn load(followed: &[Followed], glimpse: Option<SocketAddr>) -> Result<Loaded, String> {
    let books = Box::new(Books::new(followed));
    let Some(address) = glimpse else { return Ok(Loaded { books, session: None, next: 1 }) };
    let mut picture = Picture { books, session: None, next: None, fault: None };
    converse(address, &mut picture).map_err(|error| format!("GLIMPSE at {address}: {error}"))?;
    let Picture { books, session, next, fault } = picture;
    match (fault, next) {
        (None, Some(next)) => Ok(Loaded { books, session, next }),
        (Some(fault), _) => Err(format!("GLIMPSE at {address}: {fault}")),
        (None, None) => Err(format!("GLIMPSE at {address}: the snapshot has no end")),
    }
}

/// What was heard of a snapshot.
struct Picture {
    books: Box<Books>,
    session: Option<SessionId>,
    next: Option<u64>,
    fault: Option<String>,
}

impl Picture {
    const fn is_done(&self) -> bool {
        self.next.is_some() || self.fault.is_some()
    }
}

impl Listener for Picture {
    fn on_logon(&mut self, session: SessionId, _: u64) {
        self.session = Some(session);
    }

    fn on_rejected(&mut self, reason: u8) {
        self.fault = Some(format!("the login is rejected: {}", reason.escape_ascii()));
    }

    fn on_message(&mut self, _: Option<u64>, message: &[u8]) {
        let taken = match Item::decode(message) {
            Ok(Item::End(next)) => {
                self.next = Some(next);
                return;
            }
            Ok(Item::Message(_)) => self.books.take(now(), message).map_err(|it| it.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(fault) = taken {
            self.fault.get_or_insert(fault);
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// One connection, until the snapshot is whole.
fn converse(address: SocketAddr, picture: &mut Picture) -> std::io::Result<()> {
    let end = Instant::now() + PATIENCE;
    let mut stream = TcpStream::connect_timeout(&address, CONNECT)?;
    stream.set_read_timeout(Some(LOOK))?;
    let mut client = Client::new(b"trader", b"", 1);
    client.connected(now());
    let output = client.output();
    if let Some(at) = output.len().checked_sub(SESSION_FROM_END) {
        output[at..at + SNAPSHOT_SESSION.len()].copy_from_slice(SNAPSHOT_SESSION);
    }
    let (mut unread, mut chunk) = (Vec::new(), vec![0; 1 << 16]);
    while !picture.is_done() && !client.wants_close() {
        if Instant::now() >= end {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.write_all(client.output())?;
        client.output().clear();
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => unread.extend_from_slice(&chunk[..count]),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(error),
        }
        let taken = client.received(now(), &unread, picture);
        unread.drain(..taken);
        client.tick(now());
    }
    client.closed(picture);
    Ok(())
}
