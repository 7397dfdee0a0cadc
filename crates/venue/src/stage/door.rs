//! A listener's connections, and the sessions behind them, as a stage.

use std::io;
use std::net::SocketAddr;
use std::task::Waker;
use std::time::Duration;

use tiercel_net::{CloseReason, ConnectionId, Handler, Reactor};
use tiercel_types::Timestamp;

use super::Stage;
use crate::pipeline::{Closed, Delivery, Handle, Submitter};

/// Between two ticks.
const TICK_NS: u64 = 5_000_000;
/// Events of one turn.
const TURN: usize = 1_024;
/// How long goodbyes may take.
const GOODBYE_NS: u64 = 2_000_000_000;

/// What sessions are lent while they are called.
pub struct Context<'a> {
    /// The time of this turn.
    pub now: Timestamp,
    /// Hands commands in.
    pub submitter: &'a mut Submitter,
}

/// The connections' ends that go to their peers.
pub trait Sockets {
    /// Where to write what a connection is to be sent, if it is there still.
    fn output(&mut self, id: ConnectionId) -> Option<&mut Vec<u8>>;

    /// Ends a connection, once what was written to it is sent, if that can be sent at once.
    fn close(&mut self, id: ConnectionId);
}

/// The sessions of one protocol: what stands behind the connections of one listener.
pub trait Sessions: Send {
    /// There is a connection. False: it is not wanted, and closed without another call.
    fn connected(&mut self, id: ConnectionId, peer: SocketAddr, now: Timestamp) -> bool;

    /// Bytes that came and were not taken before. Returns how many are taken: what remains, part of a
    /// message, comes again with what follows it. What is to be sent at once goes behind `output`.
    fn received(
        &mut self,
        id: ConnectionId,
        bytes: &[u8],
        context: &mut Context<'_>,
        output: &mut Vec<u8>,
    ) -> usize;

    /// The connection has ended.
    fn closed(&mut self, id: ConnectionId, reason: &CloseReason, context: &mut Context<'_>);

    /// An event of the venue, whoever made it happen. Each comes once, in order.
    fn delivered(&mut self, delivery: &Delivery, context: &mut Context<'_>);

    /// Time has passed: a few milliseconds, as long as the thread has its processor.
    fn tick(&mut self, context: &mut Context<'_>);

    /// No event will come any more: says goodbye. True when there is nobody left to wait for; until
    /// then it is asked again each turn, for two seconds at most.
    fn stop(&mut self, context: &mut Context<'_>) -> bool;

    /// Writes what is to be sent, and names the connections that are to end. Called after anything
    /// else was, once a turn.
    fn flush(&mut self, sockets: &mut dyn Sockets);
}

/// [`Sessions`] as what a reactor hands bytes to.
struct Desk<'a, S> {
    sessions: &'a mut S,
    context: Context<'a>,
}

impl<S: Sessions> Handler for Desk<'_, S> {
    fn connected(&mut self, id: ConnectionId, peer: SocketAddr) -> bool {
        self.sessions.connected(id, peer, self.context.now)
    }

    fn received(&mut self, id: ConnectionId, bytes: &[u8], output: &mut Vec<u8>) -> usize {
        self.sessions.received(id, bytes, &mut self.context, output)
    }

    fn closed(&mut self, id: ConnectionId, reason: &CloseReason) {
        self.sessions.closed(id, reason, &mut self.context);
    }
}

/// A reactor's connections as [`Sockets`].
struct Outputs<'a, R> {
    reactor: &'a mut R,
    ending: &'a mut Vec<ConnectionId>,
}

impl<R: Reactor> Sockets for Outputs<'_, R> {
    fn output(&mut self, id: ConnectionId) -> Option<&mut Vec<u8>> {
        self.reactor.output(id)
    }

    fn close(&mut self, id: ConnectionId) {
        self.ending.push(id);
    }
}

/// The connections of one listener as a [`Stage`].
pub struct Door<R, S> {
    reactor: R,
    sessions: S,
    handle: Handle,
    waker: Waker,
    next_tick: Timestamp,
    /// Sessions were called, and may have something to send.
    is_stirred: bool,
    ending: Vec<ConnectionId>,
    /// Until when goodbyes are said.
    goodbye: Option<Timestamp>,
}

impl<R: Reactor, S: Sessions> Door<R, S> {
    /// The stage of `reactor`'s connections: `sessions` stand behind them and read what `handle` tells.
    pub fn new(reactor: R, sessions: S, handle: Handle) -> Self {
        let waker = reactor.waker();
        Self {
            reactor,
            sessions,
            handle,
            waker,
            next_tick: Timestamp(0),
            is_stirred: true,
            ending: Vec::new(),
            goodbye: None,
        }
    }

    /// Sends what sessions have to send, and ends what they end.
    #[inline]
    fn flush(&mut self, now: Timestamp) {
        let Self { reactor, sessions, handle, ending, .. } = self;
        if std::mem::take(&mut self.is_stirred) {
            sessions.flush(&mut Outputs { reactor, ending });
        }
        let context = Context { now, submitter: &mut handle.submitter };
        let mut desk = Desk { sessions, context };
        for id in ending.drain(..) {
            reactor.close(id, &mut desk);
        }
        reactor.flush(&mut desk);
    }

    /// Says goodbye, from the first time on for as long as goodbyes take.
    #[cold]
    fn part(&mut self, now: Timestamp) -> Result<usize, Closed> {
        let until = *self.goodbye.get_or_insert(Timestamp(now.0 + GOODBYE_NS));
        let mut context = Context { now, submitter: &mut self.handle.submitter };
        let is_over = self.sessions.stop(&mut context) || now >= until;
        self.is_stirred = true;
        self.flush(now);
        if is_over { Err(Closed(())) } else { Ok(0) }
    }
}

impl<R: Reactor + Send, S: Sessions> Stage for Door<R, S> {
    #[inline]
    fn receive(&mut self, now: Timestamp) -> io::Result<usize> {
        let Self { reactor, sessions, handle, .. } = self;
        let context = Context { now, submitter: &mut handle.submitter };
        let work = reactor.poll(&mut Desk { sessions, context })?;
        self.is_stirred |= work > 0;
        Ok(work)
    }

    #[inline]
    fn deliver(&mut self, now: Timestamp) -> Result<usize, Closed> {
        let Self { sessions, handle: Handle { submitter, deliveries }, .. } = self;
        let mut context = Context { now, submitter };
        let read = deliveries.poll(TURN, |delivery| sessions.delivered(delivery, &mut context));
        let Ok(read) = read else { return self.part(now) };
        if now >= self.next_tick {
            self.next_tick = Timestamp(now.0 + TICK_NS);
            sessions.tick(&mut context);
            self.is_stirred = true;
        }
        self.is_stirred |= read > 0;
        self.flush(now);
        Ok(read)
    }

    fn wait(&mut self, longest: Duration) -> io::Result<()> {
        let context = std::task::Context::from_waker(&self.waker);
        if self.handle.deliveries.poll_ready(&context).is_ready() {
            return Ok(());
        }
        self.reactor.wait(longest.min(Duration::from_nanos(TICK_NS)))
    }
}
