//! Sockets by `io_uring`: receives that stay in the kernel and take their buffers themselves
//! (multishot), sends that are handed over, and one system call for all of a turn.
//!
//! ```text
//!   accept, receive (each armed once) --> completions --> Handler
//!   output --> sending --> send ---------> completion
//! ```
//!
//! A turn in which the kernel has nothing to tell is two loads from memory: it raises a flag when it
//! has (`IORING_SETUP_TASKRUN_FLAG`). With [`Polling::Kernel`] a thread of the kernel's does the
//! system calls; it wants a core of its own.
//!
//! What an operation uses (a socket, the bytes that are sent) stays in its connection's place until
//! the operation's completion has come: a place is free again when nothing of it is under way.

use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, FromRawFd};
use std::task::Waker;
use std::time::Duration;

use io_uring::{IoUring, cqueue, opcode, squeue, types};

use crate::buffers::{Buffers, GROUP};
use crate::places::Places;
use crate::reactor::{CloseReason, ConnectionId, Handler, Limits, Reactor};
use crate::tuning::{Refused, Tuning};
use crate::wake::WakeFile;

/// Places of the submission queue.
const ENTRIES: u32 = 1_024;
/// Buffers that the kernel takes for what comes, and their size.
const BUFFERS: u16 = 256;
const BUFFER_SIZE: usize = 16 << 10;
/// Completions taken in one turn.
const TURN: usize = 256;

/// Who asks the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Polling {
    /// The thread that polls the reactor, when there is something.
    #[default]
    Own,
    /// A thread of the kernel (`SQPOLL`), which sleeps after so long without work.
    Kernel {
        /// In milliseconds.
        idle_ms: u32,
    },
}

/// What an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Accept,
    Receive,
    Send,
    Wake,
}

impl Operation {
    /// Its number: operation, generation (24 bits), place.
    const fn number(self, index: u32, generation: u32) -> u64 {
        (self as u64) << 56 | ((generation & 0xff_ffff) as u64) << 32 | index as u64
    }

    const fn of(number: u64) -> (Self, u32) {
        let operation = match number >> 56 {
            0 => Self::Accept,
            1 => Self::Receive,
            2 => Self::Send,
            _ => Self::Wake,
        };
        (operation, number as u32)
    }
}

/// A connection, and what is under way of it.
struct Connection {
    stream: TcpStream,
    /// Bytes that came and were not taken.
    rest: Vec<u8>,
    output: Vec<u8>,
    /// What is being sent: the kernel reads it while `is_sending`.
    sending: Vec<u8>,
    sent: usize,
    is_sending: bool,
    is_receiving: bool,
    /// It has ended for its handler.
    is_over: bool,
}

/// A [`Reactor`] by `io_uring`. It belongs to the thread that polls it first.
pub struct Uring {
    /// Dropped by hand: before the buffers, and only when nothing is under way.
    ring: ManuallyDrop<IoUring>,
    buffers: ManuallyDrop<Buffers>,
    places: ManuallyDrop<Places<Connection>>,
    listener: Option<TcpListener>,
    is_enabled: bool,
    is_accepting: bool,
    wake: WakeFile,
    is_wakeable: bool,
    tuning: Tuning,
    limits: Limits,
    done: Vec<(u64, i32, u32)>,
    under_way: usize,
    refused: Vec<Refused>,
}

impl std::fmt::Debug for Uring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uring")
            .field("connections", &self.places.used())
            .field("under_way", &self.under_way)
            .finish_non_exhaustive()
    }
}

impl Uring {
    /// A reactor of the connections that `listener` gets, if there is one, tuned as they come.
    ///
    /// # Errors
    /// The system's, where there is no `io_uring`, it is forbidden, or too old (Linux 6.1).
    pub fn new(
        listener: Option<TcpListener>,
        tuning: Tuning,
        limits: Limits,
        polling: Polling,
    ) -> io::Result<Self> {
        let mut builder = IoUring::builder();
        builder.setup_cqsize(4 * ENTRIES).setup_submit_all();
        let ring = match polling {
            Polling::Own => {
                // Made on one thread, it may be polled by another: the first to do so.
                builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag();
                builder.setup_r_disabled();
                builder.build(ENTRIES)?
            }
            Polling::Kernel { idle_ms } => builder.setup_sqpoll(idle_ms).build(ENTRIES)?,
        };
        let buffers = Buffers::register(&ring.submitter(), BUFFERS, BUFFER_SIZE)?;
        if let Some(listener) = &listener {
            listener.set_nonblocking(true)?;
        }
        Ok(Self {
            ring: ManuallyDrop::new(ring),
            buffers: ManuallyDrop::new(buffers),
            places: ManuallyDrop::new(Places::new(limits.connections)),
            listener,
            is_enabled: polling != Polling::Own,
            is_accepting: false,
            wake: WakeFile::new()?,
            is_wakeable: false,
            tuning,
            limits,
            done: Vec::with_capacity(TURN),
            under_way: 0,
            refused: Vec::new(),
        })
    }

    /// What the kernel refused of the newest connection's [`Tuning`].
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Hands an operation over with the next system call.
    ///
    /// # Safety
    /// What it points to must stay until its completion has come.
    unsafe fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        // SAFETY: the caller's.
        if unsafe { self.ring.submission().push(entry) }.is_err() {
            match self.ring.submit() {
                Err(error) if !is_passing(&error) => return Err(error),
                // What it could not take all of has room now, or has not: then there is none.
                _ => {}
            }
            // SAFETY: the caller's.
            unsafe { self.ring.submission().push(entry) }.map_err(io::Error::other)?;
        }
        self.under_way += 1;
        Ok(())
    }

    /// What is always under way, from the first turn on.
    fn arm(&mut self) -> io::Result<()> {
        if !self.is_enabled {
            self.ring.submitter().register_enable_rings()?;
            self.is_enabled = true;
        }
        self.arm_accept()?;
        self.arm_wake()
    }

    fn arm_accept(&mut self) -> io::Result<()> {
        let Some(listener) = self.listener.as_ref().filter(|_| !self.is_accepting) else {
            return Ok(());
        };
        let flags = (rustix::net::SocketFlags::CLOEXEC | rustix::net::SocketFlags::NONBLOCK).bits();
        let entry = opcode::AcceptMulti::new(types::Fd(listener.as_raw_fd()))
            .flags(flags as i32)
            .build()
            .user_data(Operation::Accept.number(0, 0));
        // SAFETY: it points to nothing, and the listener stays until nothing is under way.
        unsafe { self.push(&entry)? };
        self.is_accepting = true;
        Ok(())
    }

    fn arm_wake(&mut self) -> io::Result<()> {
        if self.is_wakeable {
            return Ok(());
        }
        let readable = u32::from(rustix::event::PollFlags::IN.bits());
        let entry = opcode::PollAdd::new(types::Fd(self.wake.as_fd().as_raw_fd()), readable)
            .multi(true)
            .build()
            .user_data(Operation::Wake.number(0, 0));
        // SAFETY: it points to nothing, and the file stays until nothing is under way.
        unsafe { self.push(&entry)? };
        self.is_wakeable = true;
        Ok(())
    }

    fn arm_receive(&mut self, index: u32) -> io::Result<()> {
        let generation = self.places.id(index).generation;
        let Some(connection) = self.places.at(index) else { return Ok(()) };
        connection.is_receiving = true;
        let entry = opcode::RecvMulti::new(types::Fd(connection.stream.as_raw_fd()), GROUP)
            .build()
            .user_data(Operation::Receive.number(index, generation));
        // SAFETY: it takes registered buffers, which outlive the ring; the socket stays until its
        // completion has come.
        unsafe { self.push(&entry) }
    }

    /// Starts sending what there is, unless something is being sent.
    fn start_send(&mut self, index: u32) -> Result<(), CloseReason> {
        let generation = self.places.id(index).generation;
        let Some(connection) = self.places.at(index) else { return Ok(()) };
        if connection.output.len() > self.limits.output_bytes {
            return Err(CloseReason::SlowReader);
        }
        if connection.is_sending || connection.is_over {
            return Ok(());
        }
        if connection.sent == connection.sending.len() {
            if connection.output.is_empty() {
                return Ok(());
            }
            connection.sending.clear();
            connection.sent = 0;
            std::mem::swap(&mut connection.sending, &mut connection.output);
        }
        let bytes = &connection.sending[connection.sent..];
        let fd = types::Fd(connection.stream.as_raw_fd());
        let flags = rustix::net::SendFlags::NOSIGNAL.bits() as i32;
        let entry = opcode::Send::new(fd, bytes.as_ptr(), bytes.len() as u32)
            .flags(flags)
            .build()
            .user_data(Operation::Send.number(index, generation));
        connection.is_sending = true;
        // SAFETY: `sending` is neither changed nor dropped while `is_sending`, and the place stays
        // until then.
        unsafe { self.push(&entry) }.map_err(|error| {
            if let Some(connection) = self.places.at(index) {
                connection.is_sending = false;
            }
            CloseReason::Failed(error.to_string())
        })
    }

    fn take_in(
        &mut self,
        stream: TcpStream,
        peer: SocketAddr,
        handler: &mut impl Handler,
    ) -> io::Result<ConnectionId> {
        let id = self.places.next_id().ok_or(io::ErrorKind::QuotaExceeded)?;
        self.refused = self.tuning.apply(&stream);
        if !handler.connected(id, peer) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        self.places.put(Connection {
            stream,
            rest: Vec::with_capacity(4 << 10),
            output: Vec::with_capacity(4 << 10),
            sending: Vec::with_capacity(4 << 10),
            sent: 0,
            is_sending: false,
            is_receiving: false,
            is_over: false,
        });
        if let Err(error) = self.arm_receive(id.index) {
            self.end(id.index, &CloseReason::Failed(error.to_string()), handler);
            return Err(error);
        }
        Ok(id)
    }

    /// A connection has ended for its handler. Its place is free again when nothing of it is under
    /// way.
    fn end(&mut self, index: u32, reason: &CloseReason, handler: &mut impl Handler) {
        let id = self.places.id(index);
        let Some(connection) = self.places.at(index).filter(|connection| !connection.is_over)
        else {
            return;
        };
        connection.is_over = true;
        if *reason != CloseReason::SlowReader && !connection.is_sending {
            let Connection { stream, sending, sent, output, .. } = connection;
            let rest = [&sending[*sent..], output].concat();
            // As far as it goes at once: it ends in any case.
            let _sent = stream.write(&rest);
        }
        // What is under way ends with it. It fails on a connection that is gone already.
        let _gone = connection.stream.shutdown(Shutdown::Both);
        self.places.retire(index);
        self.free_place(index);
        handler.closed(id, reason);
    }

    fn free_place(&mut self, index: u32) {
        let is_idle = |connection: &mut Connection| {
            connection.is_over && !connection.is_sending && !connection.is_receiving
        };
        if self.places.at(index).is_some_and(is_idle) {
            drop(self.places.free(index));
        }
    }

    /// Hands over what is new, and takes what has ended, without waiting.
    fn collect(&mut self) -> io::Result<()> {
        let (is_new, is_told) = {
            let queue = self.ring.submission();
            (!queue.is_empty(), queue.taskrun() || queue.cq_overflow())
        };
        if is_new || is_told {
            match self.ring.submit() {
                Ok(_) => {}
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let done = &mut self.done;
        let entry = |entry: cqueue::Entry| (entry.user_data(), entry.result(), entry.flags());
        done.extend(self.ring.completion().take(TURN - done.len()).map(entry));
        Ok(())
    }

    fn accepted(&mut self, result: i32, flags: u32, handler: &mut impl Handler) -> io::Result<()> {
        if result >= 0 {
            // SAFETY: the kernel has just opened it for us, and nobody else knows it.
            let stream = unsafe { TcpStream::from_raw_fd(result) };
            // A failure is that connection's own: dropping it closes it.
            let _kept = stream.peer_addr().and_then(|peer| self.take_in(stream, peer, handler));
        }
        if !cqueue::more(flags) {
            self.under_way -= 1;
            self.is_accepting = false;
            if result >= 0 {
                self.arm_accept()?;
            }
        }
        Ok(())
    }

    fn received(
        &mut self,
        index: u32,
        result: i32,
        flags: u32,
        handler: &mut impl Handler,
    ) -> io::Result<()> {
        let id = self.places.id(index);
        let mut end = None;
        if let (Some(connection), false) = (self.places.at(index), result <= 0) {
            let buffer = cqueue::buffer_select(flags);
            if let (Some(number), false) = (buffer, connection.is_over) {
                let bytes = self.buffers.bytes(number, result as usize);
                end = hand_on(connection, id, bytes, &self.limits, handler).err();
            }
        }
        if let Some(number) = cqueue::buffer_select(flags) {
            self.buffers.give(number);
            self.buffers.publish();
        }
        if self.places.at(index).is_some_and(|connection| !connection.output.is_empty()) {
            self.places.mark(index);
        }
        let more = cqueue::more(flags);
        if !more {
            self.under_way -= 1;
            if let Some(connection) = self.places.at(index) {
                connection.is_receiving = false;
            }
        }
        if result == 0 {
            end = Some(CloseReason::Peer);
        } else if result < 0 && -result != rustix::io::Errno::NOBUFS.raw_os_error() {
            end = Some(reason(-result));
        }
        match end {
            Some(reason) => self.end(index, &reason, handler),
            None if !more && self.places.at(index).is_some_and(|now| !now.is_over) => {
                self.arm_receive(index)?;
            }
            None => {}
        }
        self.free_place(index);
        Ok(())
    }

    fn sent(&mut self, index: u32, result: i32, handler: &mut impl Handler) {
        self.under_way -= 1;
        let Some(connection) = self.places.at(index) else { return };
        connection.is_sending = false;
        if result < 0 {
            self.end(index, &reason(-result), handler);
        } else {
            connection.sent += result as usize;
            if connection.is_over {
                // It was ended meanwhile: the rest goes nowhere.
            } else if let Err(reason) = self.start_send(index) {
                self.end(index, &reason, handler);
            }
        }
        self.free_place(index);
    }
}

/// Hands bytes on, behind those that were left.
#[inline]
fn hand_on(
    connection: &mut Connection,
    id: ConnectionId,
    bytes: &[u8],
    limits: &Limits,
    handler: &mut impl Handler,
) -> Result<(), CloseReason> {
    let Connection { rest, output, .. } = connection;
    if rest.is_empty() {
        let taken = handler.received(id, bytes, output).min(bytes.len());
        rest.extend_from_slice(&bytes[taken..]);
    } else {
        rest.extend_from_slice(bytes);
        let taken = handler.received(id, rest, output).min(rest.len());
        rest.drain(..taken);
    }
    if rest.len() >= limits.input_bytes { Err(CloseReason::TooLong) } else { Ok(()) }
}

/// Whether an error of the queue passes with the next turn: a signal came, completions have to be taken first, or the
/// kernel has no memory at the moment.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, ResourceBusy, WouldBlock};
    matches!(error.kind(), Interrupted | ResourceBusy | WouldBlock)
}

fn reason(errno: i32) -> CloseReason {
    let error = io::Error::from_raw_os_error(errno);
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => CloseReason::Peer,
        _ => CloseReason::Failed(error.to_string()),
    }
}

impl Reactor for Uring {
    fn poll(&mut self, handler: &mut impl Handler) -> io::Result<usize> {
        self.arm()?;
        self.collect()?;
        let mut at = 0;
        while let Some((number, result, flags)) = self.done.get(at).copied() {
            at += 1;
            match Operation::of(number) {
                (Operation::Accept, _) => self.accepted(result, flags, handler)?,
                (Operation::Receive, index) => self.received(index, result, flags, handler)?,
                (Operation::Send, index) => self.sent(index, result, handler),
                (Operation::Wake, _) if cqueue::more(flags) => {}
                (Operation::Wake, _) => {
                    self.under_way -= 1;
                    self.is_wakeable = false;
                }
            }
        }
        self.done.clear();
        Ok(at)
    }

    fn output(&mut self, id: ConnectionId) -> Option<&mut Vec<u8>> {
        if !self.places.is_current(id) {
            return None;
        }
        self.places.mark(id.index);
        self.places.at(id.index).map(|connection| &mut connection.output)
    }

    fn flush(&mut self, handler: &mut impl Handler) {
        while let Some(index) = self.places.dirty.first().copied() {
            self.places.clean(0);
            if let Err(reason) = self.start_send(index) {
                self.end(index, &reason, handler);
            }
        }
        if !self.ring.submission().is_empty() {
            // What could not be handed over stays in the queue: the next turn tries again, and tells.
            let _handed_over = self.ring.submit();
        }
    }

    fn close(&mut self, id: ConnectionId, handler: &mut impl Handler) {
        if self.places.is_current(id) {
            self.end(id.index, &CloseReason::Ours, handler);
        }
    }

    fn add(&mut self, stream: TcpStream, handler: &mut impl Handler) -> io::Result<ConnectionId> {
        stream.set_nonblocking(true)?;
        let peer = stream.peer_addr()?;
        self.take_in(stream, peer, handler)
    }

    fn wait(&mut self, longest: Duration) -> io::Result<()> {
        self.arm()?;
        if !self.ring.completion().is_empty() {
            return Ok(());
        }
        let time = types::Timespec::from(longest);
        let arguments = types::SubmitArgs::new().timespec(&time);
        match self.ring.submitter().submit_with_args(1, &arguments) {
            Ok(_) => Ok(()),
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::TIME.raw_os_error()) => {
                Ok(())
            }
            Err(error) if is_passing(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn waker(&self) -> Waker {
        self.wake.waker()
    }

    fn connections(&self) -> usize {
        self.places.used()
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        for connection in self.places.connections() {
            // It ends what is under way.
            let _gone = connection.stream.shutdown(Shutdown::Both);
        }
        // Closing the ring ends what is under way, but not at once; cancelling does.
        let everything = types::CancelBuilder::any();
        let cancelled = self.ring.submitter().register_sync_cancel(None, everything);
        for _ in 0..1_000 {
            if self.under_way == 0 {
                break;
            }
            // Whatever it says: the number of what is under way decides.
            let _waited = self.wait(Duration::from_millis(10));
            let completions = self.ring.completion();
            let ended = |entry: &cqueue::Entry| {
                Operation::of(entry.user_data()).0 == Operation::Send
                    || !cqueue::more(entry.flags())
            };
            self.under_way -= completions.filter(ended).count().min(self.under_way);
        }
        if self.under_way > 0 || cancelled.is_err_and(|error| !is_not_found(&error)) {
            // The kernel may still read and write there: it is never freed.
            return;
        }
        // SAFETY: nothing is under way, and none of them is used again. The ring goes before what is
        // registered with it.
        unsafe {
            ManuallyDrop::drop(&mut self.ring);
            ManuallyDrop::drop(&mut self.buffers);
            ManuallyDrop::drop(&mut self.places);
        }
    }
}

/// There was nothing to cancel.
fn is_not_found(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}
