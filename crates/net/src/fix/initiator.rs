//! The side that connects.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, Socket, Type};
use tiercel_types::Timestamp;
use tiercel_wire::fix::session::{Application, SessionConfig, Store};

use super::link::{Link, Outbox, Responder};
use crate::tls::{Channel, ClientTls};
use crate::tuning::Tuning;

/// How long connecting may take.
const CONNECT_NS: u64 = 10_000_000_000;

/// How soon an end is followed by another try: each that logs nobody on doubles the pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub shortest: Duration,
    /// No pause is longer.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { shortest: Duration::from_millis(100), longest: Duration::from_secs(30) }
    }
}

/// Where its connection is.
enum State {
    /// There is none before that time.
    Down { until: Timestamp },
    /// The system connects.
    Connecting { socket: Socket, since: Timestamp },
    /// The link has it.
    Up,
    /// No other is wanted.
    Over,
}

/// A session that connects, logs on, and does so again after each end, until it has
/// [logged out](Initiator::log_out).
pub struct Initiator<S> {
    link: Link<S>,
    address: SocketAddr,
    backoff: Backoff,
    tls: Option<ClientTls>,
    pause: Duration,
    state: State,
    leaves: bool,
    /// Why there is no connection, if the system said so.
    failure: Option<io::Error>,
}

impl<S: Store> Initiator<S> {
    /// A session with the acceptor at `address`. `config` says that it is an initiator's.
    pub fn new(address: SocketAddr, config: SessionConfig, store: S, backoff: Backoff) -> Self {
        Self {
            link: Link::new(config, store),
            address,
            backoff,
            tls: None,
            pause: backoff.shortest,
            state: State::Down { until: Timestamp(0) },
            leaves: false,
            failure: None,
        }
    }

    /// The same over TLS; `None`: without.
    #[must_use]
    pub fn with_tls(self, tls: Option<ClientTls>) -> Self {
        Self { tls, ..self }
    }

    /// Whether messages flow.
    pub fn is_logged_on(&self) -> bool {
        self.link.session().is_logged_on()
    }

    /// Whether there is a connection, which may be of no use yet.
    pub const fn is_connected(&self) -> bool {
        matches!(self.state, State::Up)
    }

    /// Whether it has logged out, and the connection has ended.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// What it remembers.
    pub const fn store(&self) -> &S {
        self.link.store()
    }

    /// The same, of a session that is over.
    pub fn into_store(self) -> S {
        self.link.into_store()
    }

    /// What the system, or TLS, said last of a connection that could not be made. It is told once.
    pub const fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// Where to put what is sent; see [`Link::outbox`].
    pub const fn outbox(&mut self, now: Timestamp) -> Outbox<'_, S> {
        self.link.outbox(now)
    }

    /// Says goodbye, for good: the connection ends with the answer, and no other follows. A connection
    /// whose logon is not answered yet says it behind the answer, without the text.
    pub fn log_out(&mut self, now: Timestamp, text: &str) {
        self.leaves = true;
        if self.is_logged_on() {
            self.link.log_out(now, text);
        } else if !matches!(self.state, State::Up) {
            self.state = State::Over;
        }
    }

    /// Ends the connection without a word; the next follows at once.
    pub fn drop_connection(&mut self, now: Timestamp, app: &mut impl Application) {
        self.link.drop_connection(now, app);
        if matches!(self.state, State::Up) {
            self.state = State::Down { until: now };
        }
    }

    /// One turn: connects if it is time, takes what came, sends what there is. True if there was
    /// something to do.
    pub fn poll(&mut self, now: Timestamp, app: &mut impl Responder<S>) -> bool {
        match &self.state {
            State::Over => false,
            State::Down { until } if now < *until => self.link.poll(now, app),
            State::Down { .. } => {
                match connect(self.address) {
                    Ok(socket) => self.state = State::Connecting { socket, since: now },
                    Err(error) => self.fail(now, error),
                }
                true
            }
            State::Connecting { .. } => self.connecting(now),
            State::Up => {
                let worked = self.link.poll(now, app);
                if self.is_logged_on() {
                    self.pause = self.backoff.shortest;
                    if self.leaves {
                        self.link.log_out(now, "");
                    }
                }
                if self.link.stream().is_none() {
                    self.failure = self.link.take_failure();
                    self.ended(now);
                }
                worked
            }
        }
    }

    fn connecting(&mut self, now: Timestamp) -> bool {
        let State::Connecting { socket, since } = &self.state else { return false };
        let result = match socket.take_error() {
            Ok(None) => match socket.peer_addr() {
                Ok(_) => Ok(true),
                Err(_) if now.0.saturating_sub(since.0) >= CONNECT_NS => {
                    Err(io::ErrorKind::TimedOut.into())
                }
                Err(_) => Ok(false),
            },
            Ok(Some(error)) | Err(error) => Err(error),
        };
        let channel = match result {
            Ok(false) => return false,
            Ok(true) => Channel::client(self.tls.as_ref()),
            Err(error) => Err(error),
        };
        match channel {
            Ok(channel) => {
                if let State::Connecting { socket, .. } =
                    std::mem::replace(&mut self.state, State::Up)
                {
                    // A socket that refuses some of it still works.
                    let _refused = Tuning::default().apply(&socket);
                    self.link.attach(now, TcpStream::from(socket), channel);
                }
            }
            Err(error) => self.fail(now, error),
        }
        true
    }

    fn fail(&mut self, now: Timestamp, error: io::Error) {
        self.failure = Some(error);
        self.ended(now);
    }

    /// There is no connection: the next after a pause.
    fn ended(&mut self, now: Timestamp) {
        if self.leaves {
            self.state = State::Over;
            return;
        }
        let pause_ns = u64::try_from(self.pause.as_nanos()).unwrap_or(u64::MAX);
        self.state = State::Down { until: Timestamp(now.0.saturating_add(pause_ns)) };
        self.pause = (self.pause * 2).min(self.backoff.longest);
    }

    /// Sleeps until something comes, at most so long.
    ///
    /// # Errors
    /// The system's.
    pub fn wait(&self, longest: Duration) -> io::Result<()> {
        let mut sockets = Vec::with_capacity(1);
        if let State::Connecting { socket, .. } = &self.state {
            sockets.push(PollFd::new(socket, PollFlags::OUT));
        }
        let stream = self.link.stream();
        sockets.extend(stream.map(|stream| PollFd::new(stream, PollFlags::IN)));
        let timeout = Timespec {
            tv_sec: longest.as_secs().cast_signed(),
            tv_nsec: longest.subsec_nanos().into(),
        };
        match poll(&mut sockets, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// A socket that the system connects meanwhile.
fn connect(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address.into()) {
        Ok(()) => Ok(socket),
        Err(error)
            if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) =>
        {
            Ok(socket)
        }
        Err(error) => Err(error),
    }
}
