//! Sockets that are looked at again and again.
//!
//! With few connections each is read in every turn: a read that finds nothing is the cheapest
//! question there is. With more of them the kernel is asked which are ready.

use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::task::Waker;
use std::time::Duration;

use rustix::event::{Timespec, epoll};

use crate::connection::Connection;
use crate::places::Places;
use crate::reactor::{CloseReason, ConnectionId, Handler, Limits, Reactor};
use crate::tuning::{Refused, Tuning};
use crate::wake::WakeFile;

/// Connections that are read without asking whether they are ready.
const DIRECT: usize = 2;
/// Turns between two questions for new connections, while all others are read directly.
const TURNS_A_LOOK: u32 = 64;
/// Answers taken from one question.
const READY: usize = 64;
/// New connections of one turn.
const ACCEPTS: usize = 16;
/// The listener's number among the connections'.
const LISTENER: u64 = u64::MAX;
/// The waker's.
const WAKER: u64 = u64::MAX - 1;

/// A [`Reactor`] that never sleeps in [`poll`](Reactor::poll).
pub struct Busy {
    epoll: OwnedFd,
    wake: WakeFile,
    listener: Option<TcpListener>,
    tuning: Tuning,
    limits: Limits,
    places: Places<Connection>,
    /// Places in use.
    used: Vec<u32>,
    /// Which of them is read next.
    next: usize,
    /// Places whose bytes are not acknowledged.
    unacknowledged: Vec<u32>,
    turns: u32,
    /// What the kernel refused of the first connection's tuning.
    refused: Vec<Refused>,
}

impl std::fmt::Debug for Busy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Busy").field("places", &self.places).finish_non_exhaustive()
    }
}

impl Busy {
    /// A reactor of the connections that `listener` gets, if there is one, tuned as they come.
    ///
    /// # Errors
    /// The system's.
    pub fn new(listener: Option<TcpListener>, tuning: Tuning, limits: Limits) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let wake = WakeFile::new()?;
        let edges = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, &wake, epoll::EventData::new_u64(WAKER), edges)?;
        if let Some(listener) = &listener {
            listener.set_nonblocking(true)?;
            let data = epoll::EventData::new_u64(LISTENER);
            epoll::add(&epoll, listener, data, epoll::EventFlags::IN)?;
        }
        Ok(Self {
            epoll,
            wake,
            listener,
            tuning,
            limits,
            places: Places::new(limits.connections),
            used: Vec::with_capacity(limits.connections),
            next: 0,
            unacknowledged: Vec::with_capacity(limits.connections),
            turns: 0,
            refused: Vec::new(),
        })
    }

    /// What the kernel refused of the newest connection's [`Tuning`].
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Takes new connections in.
    fn accept(&mut self, handler: &mut impl Handler) -> usize {
        for count in 0..ACCEPTS {
            let Some(listener) = &self.listener else { return count };
            match listener.accept() {
                // Dropping it closes it; a failure is that connection's own.
                Ok((stream, peer)) => drop(self.take_in(stream, peer, handler)),
                // None is there; or the one that was to come is gone; or there are no more files to be
                // had, and it waits until there are.
                Err(_) => return count,
            }
        }
        ACCEPTS
    }

    fn take_in(
        &mut self,
        stream: TcpStream,
        peer: SocketAddr,
        handler: &mut impl Handler,
    ) -> io::Result<ConnectionId> {
        let id = self.places.next_id().ok_or(io::ErrorKind::QuotaExceeded)?;
        stream.set_nonblocking(true)?;
        self.refused = self.tuning.apply(&stream);
        let data = epoll::EventData::new_u64(u64::from(id.index));
        epoll::add(&self.epoll, &stream, data, epoll::EventFlags::IN)?;
        if !handler.connected(id, peer) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        self.used.push(id.index);
        self.places.put(Connection::new(stream, &self.limits));
        Ok(id)
    }

    /// Reads from one place.
    #[inline]
    fn receive(&mut self, index: u32, handler: &mut impl Handler) -> usize {
        let id = self.places.id(index);
        let Some(connection) = self.places.at(index) else { return 0 };
        match connection.receive(id, handler) {
            Ok(count) => {
                let (has_output, is_one_way) = (connection.has_output(), connection.is_one_way());
                if has_output {
                    self.places.mark(index);
                }
                if count > 0
                    && is_one_way
                    && !self.tuning.quick_ack
                    && !self.unacknowledged.contains(&index)
                {
                    self.unacknowledged.push(index);
                }
                usize::from(count > 0)
            }
            Err(reason) => {
                self.end(index, &reason, handler);
                1
            }
        }
    }

    /// Ends what is at a place; what it was to be sent goes as far as it goes at once.
    fn end(&mut self, index: u32, reason: &CloseReason, handler: &mut impl Handler) {
        let id = self.places.id(index);
        let Some(mut connection) = self.places.free(index) else { return };
        self.places.retire(index);
        if !matches!(reason, CloseReason::SlowReader) {
            // It ends in any case.
            let _rest = connection.send(&self.limits);
        }
        self.used.retain(|used| *used != index);
        self.unacknowledged.retain(|place| *place != index);
        // Closing it takes it out of the kernel's list too.
        drop(connection);
        handler.closed(id, reason);
    }

    /// Asks which are ready, for as long as `timeout` at most, and serves them.
    fn ask(&mut self, timeout: Duration, handler: &mut impl Handler) -> io::Result<usize> {
        let mut ready = [const { MaybeUninit::uninit() }; READY];
        let mut work = 0;
        for event in self.look(timeout, &mut ready)? {
            work += match event.data.u64() {
                LISTENER => self.accept(handler),
                WAKER => 0,
                index => self.receive(index as u32, handler),
            };
            if handler.is_urgent() {
                // The rest is ready still when it is asked again.
                break;
            }
        }
        Ok(work)
    }

    /// Reads every connection, unless something has to leave first.
    #[inline]
    fn read_all(&mut self, handler: &mut impl Handler) -> usize {
        let mut work = 0;
        for _ in 0..self.used.len() {
            if self.next >= self.used.len() {
                self.next = 0;
            }
            let Some(index) = self.used.get(self.next).copied() else { break };
            work += self.receive(index, handler);
            // Unless it ended, and another took its turn.
            self.next += usize::from(self.used.get(self.next) == Some(&index));
            if handler.is_urgent() {
                break;
            }
        }
        work
    }

    /// Acknowledges all that came since it was done last.
    #[cold]
    fn acknowledge(&mut self) {
        for index in self.unacknowledged.drain(..) {
            if let Some(connection) = self.places.at(index) {
                connection.acknowledge();
            }
        }
    }

    fn look<'a>(
        &self,
        timeout: Duration,
        ready: &'a mut [MaybeUninit<epoll::Event>; READY],
    ) -> io::Result<&'a [epoll::Event]> {
        let timeout = Timespec {
            tv_sec: timeout.as_secs() as i64,
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        match epoll::wait(&self.epoll, ready, Some(&timeout)) {
            Ok((ready, _)) => Ok(ready),
            Err(rustix::io::Errno::INTR) => Ok(&[]),
            Err(error) => Err(error.into()),
        }
    }
}

impl Reactor for Busy {
    #[inline]
    fn poll(&mut self, handler: &mut impl Handler) -> io::Result<usize> {
        self.turns = self.turns.wrapping_add(1);
        let work = if self.used.len() > DIRECT || self.used.is_empty() {
            self.ask(Duration::ZERO, handler)?
        } else if self.turns.is_multiple_of(TURNS_A_LOOK) {
            let work = self.read_all(handler);
            if handler.is_urgent() { work } else { work + self.ask(Duration::ZERO, handler)? }
        } else {
            self.read_all(handler)
        };
        if work == 0 && !self.unacknowledged.is_empty() {
            self.acknowledge();
        }
        Ok(work)
    }

    fn output(&mut self, id: ConnectionId) -> Option<&mut Vec<u8>> {
        if !self.places.is_current(id) {
            return None;
        }
        self.places.mark(id.index);
        self.places.at(id.index).map(|connection| &mut connection.output)
    }

    #[inline]
    fn flush(&mut self, handler: &mut impl Handler) {
        let mut at = 0;
        while let Some(index) = self.places.dirty.get(at).copied() {
            let result = match self.places.at(index) {
                Some(connection) => connection.send(&self.limits).map(|_| connection.has_output()),
                None => Ok(false),
            };
            if result == Ok(true) {
                at += 1;
                continue;
            }
            self.places.clean(at);
            if let Err(reason) = result {
                self.end(index, &reason, handler);
            }
        }
    }

    fn close(&mut self, id: ConnectionId, handler: &mut impl Handler) {
        if self.places.is_current(id) {
            self.end(id.index, &CloseReason::Ours, handler);
        }
    }

    fn add(&mut self, stream: TcpStream, handler: &mut impl Handler) -> io::Result<ConnectionId> {
        let peer = stream.peer_addr()?;
        self.take_in(stream, peer, handler)
    }

    fn wait(&mut self, longest: Duration) -> io::Result<()> {
        // With output left, its peer has to read first, and tells nobody here when it does.
        let longest = if self.places.dirty.is_empty() {
            longest
        } else {
            longest.min(Duration::from_millis(1))
        };
        self.look(longest, &mut [const { MaybeUninit::uninit() }; READY])?;
        Ok(())
    }

    fn waker(&self) -> Waker {
        self.wake.waker()
    }

    fn connections(&self) -> usize {
        self.used.len()
    }
}
