//! The binary protocol's connections in front of its sessions, as a stage.
//!
//! ```text
//!   accept --> Gate: hello, challenge, login --> verified --> Lines: a session for each key
//!                                                                ^
//!                                                                +-- durable events, also while
//!                                                                    nobody is connected
//! ```
//!
//! | bound | what happens there |
//! |---|---|
//! | connections | the next is closed as it comes |
//! | those of an address that are not logged on | the next is closed as it comes |
//! | logins of an address that were refused, in a second | its next connections are closed, until the next |
//! | a login that takes longer than `login_timeout` | refused |
//! | a second connection of a key | refused |
//! | bytes that wait for a client | the session keeps the rest, and goes on when it reads |
//! | a client that takes nothing of what waits | closed after `send_timeout`; it is sent what it missed later |
//! | command ring, requests without an answer | `busy`; cancels have room of their own |

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use tiercel_net::{Busy, CloseReason, ConnectionId, Limits, Tuning, Uring};
use tiercel_telemetry::Registry;
use tiercel_types::Timestamp;
use tiercel_wire::binary::LoginRefusal;
use tiercel_wire::binary::session::{Gate, LoginRequest};
use tracing::{debug, info};

use super::framings::Framed;
use super::metrics::EntryMetrics;
use super::shares::Shares;
use crate::accounts::Keys;
use crate::binance::rate_limit::network_of;
use crate::binary::{BinaryOptions, LineId, Lines, ReactorKind, login};
use crate::pipeline::Delivery;
use crate::stage::{Context, Door, Sessions, Sockets, Stage, StagePlan, StageThread};

/// Bytes of a connection's input: many requests, and more than the longest.
const INPUT_BYTES: usize = 64 << 10;
/// Bytes that are handed to a socket before it has taken what it has.
const OUTPUT_HIGH: usize = 512 << 10;
/// What a reactor holds beyond them before it gives a connection up: never reached.
const OUTPUT_MAX: usize = 8 << 20;
/// Logins of an address that may be refused in a second.
const REFUSALS_1S: u32 = 20;
const SECOND_NS: u64 = 1_000_000_000;

/// The binary protocol, as a venue speaks it.
pub struct Binary {
    /// Where it is spoken.
    pub listener: TcpListener,
    /// Its sessions, which were told all that the log has.
    pub lines: Lines,
    /// What it shares with the venue's other interfaces. There is no TLS in it.
    pub shares: Shares,
}

impl Binary {
    /// The stage that it is, on that thread.
    pub fn plan(self, thread: StageThread) -> StagePlan {
        let build = move |handle: crate::pipeline::Handle, models: &crate::models::Models| {
            let Self { listener, mut lines, shares } = self;
            lines.limit(shares.limits(models));
            lines.fold_models(models);
            let options = lines.options().clone();
            info!(address = %listener.local_addr()?, ?thread, "the binary protocol is open");
            let gateway = handle.submitter.gateway();
            let sessions = Connections::new(lines, shares.keys, &shares.registry, gateway)?;
            let sessions = Framed::new(sessions, options.connections_max);
            let limits = Limits {
                connections: options.connections_max,
                input_bytes: INPUT_BYTES,
                output_bytes: OUTPUT_MAX,
            };
            let tuning = Tuning::default();
            let stage: Box<dyn Stage> = match options.reactor {
                ReactorKind::Busy => {
                    let reactor = Busy::new(Some(listener), tuning, limits)?;
                    Box::new(Door::new(reactor, sessions, handle))
                }
                ReactorKind::IoUring => {
                    let polling = tiercel_net::Polling::Own;
                    let reactor = Uring::new(Some(listener), tuning, limits, polling)?;
                    Box::new(Door::new(reactor, sessions, handle))
                }
            };
            Ok(stage)
        };
        StagePlan { name: "tiercel-binary", thread, build: Box::new(build) }
    }
}

/// A connection.
enum Connection {
    /// It has not logged on.
    Gate { id: ConnectionId, gate: Box<Gate>, since: Timestamp, network: IpAddr },
    /// It is a session's.
    Line(LineId),
}

/// What an address has done.
#[derive(Default)]
struct Address {
    /// Connections that are not logged on.
    gates: usize,
    /// Logins that were refused in this second.
    refused: u32,
}

/// A session's connection.
#[derive(Clone, Copy)]
struct Link {
    id: ConnectionId,
    /// Since when it takes nothing of what waits for it.
    blocked: Option<Timestamp>,
}

/// All connections, and the sessions behind them.
struct Connections {
    lines: Lines,
    keys: Keys,
    gateway: u16,
    options: BinaryOptions,
    /// By the connection's place.
    all: Vec<Option<Connection>>,
    /// By session.
    links: Vec<Option<Link>>,
    addresses: HashMap<IpAddr, Address>,
    /// Connections that are to end.
    ending: Vec<ConnectionId>,
    now: Timestamp,
    next_second: Timestamp,
    metrics: EntryMetrics,
}

impl Connections {
    fn new(lines: Lines, keys: Keys, registry: &Registry, gateway: u16) -> io::Result<Self> {
        let options = lines.options().clone();
        Ok(Self {
            lines,
            keys,
            gateway,
            all: (0..options.connections_max).map(|_| None).collect(),
            options,
            links: Vec::new(),
            addresses: HashMap::new(),
            ending: Vec::new(),
            now: Timestamp(0),
            next_second: Timestamp(0),
            metrics: EntryMetrics::new(registry, "binary", "the binary protocol")?,
        })
    }

    /// Takes what came on a connection that has not logged on; how much, and its session if it has now.
    fn knock(
        &mut self,
        id: ConnectionId,
        bytes: &[u8],
        now: Timestamp,
        output: &mut Vec<u8>,
    ) -> (usize, Option<LineId>) {
        let Self { lines, keys, all, links, addresses, ending, metrics, .. } = self;
        let Some(Some(place)) = all.get_mut(id.index()) else { return (bytes.len(), None) };
        let Connection::Gate { gate, network, .. } = place else { return (0, None) };
        let (taken, login) = gate.received(now, bytes);
        let mut found = None;
        if let Some(login) = login {
            match log_on(lines, keys, &login, now) {
                Ok(line) => found = Some(line),
                Err(reason) => {
                    debug!(?reason, "a binary login is refused");
                    gate.refuse(reason);
                }
            }
        }
        output.append(gate.output());
        let network = *network;
        if gate.wants_close() {
            metrics.logins_refused.increment();
            addresses.entry(network).or_default().refused += 1;
            ending.push(id);
        }
        if let Some(line) = found {
            *place = Connection::Line(line);
            leave(addresses, network);
            if links.len() <= usize::from(line.0) {
                links.resize(usize::from(line.0) + 1, None);
            }
            links[usize::from(line.0)] = Some(Link { id, blocked: None });
        }
        (taken, found)
    }

    /// Refuses logins that take too long, and counts sessions.
    fn look_at_gates(&mut self, now: Timestamp) {
        let Self { all, ending, options, metrics, .. } = self;
        let late = options.login_timeout.as_nanos() as u64;
        for place in all.iter_mut().flatten() {
            if let Connection::Gate { id, gate, since, .. } = place
                && !gate.wants_close()
                && now.0.saturating_sub(since.0) >= late
            {
                gate.refuse(LoginRefusal::Timeout);
                metrics.logins_refused.increment();
                ending.push(*id);
            }
        }
    }

    /// Ends connections whose client takes nothing.
    fn look_at_links(&mut self, now: Timestamp) {
        let Self { links, ending, options, metrics, .. } = self;
        let late = options.send_timeout.as_nanos() as u64;
        for link in links.iter_mut().flatten() {
            if link.blocked.is_some_and(|since| now.0.saturating_sub(since.0) >= late) {
                link.blocked = None;
                metrics.cut_off.increment();
                ending.push(link.id);
            }
        }
    }

    /// Moves what a session has to say to its connection.
    #[inline]
    fn send(&mut self, line: LineId, sockets: &mut dyn Sockets) {
        let Some(Some(link)) = self.links.get_mut(usize::from(line.0)) else { return };
        let Some(output) = sockets.output(link.id) else { return };
        let of_line = self.lines.line(line);
        loop {
            if output.len() >= OUTPUT_HIGH {
                link.blocked.get_or_insert(self.now);
                return;
            }
            output.append(of_line.session().output());
            if !of_line.session().is_behind() {
                break;
            }
            of_line.resume(self.now);
            if of_line.session().output().is_empty() {
                break;
            }
        }
        link.blocked = None;
        if of_line.session().wants_close() {
            self.ending.push(link.id);
        }
    }
}

/// One less that has not logged on.
fn leave(addresses: &mut HashMap<IpAddr, Address>, network: IpAddr) {
    if let Some(address) = addresses.get_mut(&network) {
        address.gates = address.gates.saturating_sub(1);
    }
}

/// The session of a login whose key and signature are good.
fn log_on(
    lines: &mut Lines,
    keys: &Keys,
    login: &LoginRequest,
    now: Timestamp,
) -> Result<LineId, LoginRefusal> {
    let (text, key) = login::verify(keys, login)?;
    lines.log_on(now, login, (&text, key))
}

impl Sessions for Connections {
    fn connected(&mut self, id: ConnectionId, peer: SocketAddr, now: Timestamp) -> bool {
        let network = network_of(peer.ip());
        let address = self.addresses.entry(network).or_default();
        let mut nonce = [0; 32];
        let may_try =
            address.gates < self.options.logins_per_address && address.refused < REFUSALS_1S;
        if !may_try || getrandom::fill(&mut nonce).is_err() {
            self.metrics.door.turned_away();
            return false;
        }
        address.gates += 1;
        self.metrics.door.opened();
        let gate = Box::new(Gate::new(now, nonce));
        if let Some(place) = self.all.get_mut(id.index()) {
            *place = Some(Connection::Gate { id, gate, since: now, network });
        }
        true
    }

    #[inline]
    fn received(
        &mut self,
        id: ConnectionId,
        bytes: &[u8],
        context: &mut Context<'_>,
        output: &mut Vec<u8>,
    ) -> usize {
        self.now = context.now;
        if let Some(Some(Connection::Line(line))) = self.all.get(id.index()) {
            return self.lines.received(*line, context.now, bytes, context.submitter);
        }
        let (taken, line) = self.knock(id, bytes, context.now, output);
        match line.zip(bytes.get(taken..)) {
            // What is behind the login is the session's.
            Some((line, rest)) => {
                taken + self.lines.received(line, context.now, rest, context.submitter)
            }
            None => taken,
        }
    }

    fn closed(&mut self, id: ConnectionId, reason: &CloseReason, context: &mut Context<'_>) {
        let Some(connection) = self.all.get_mut(id.index()).and_then(Option::take) else { return };
        self.metrics.door.closed();
        match connection {
            Connection::Gate { network, .. } => leave(&mut self.addresses, network),
            Connection::Line(line) => {
                debug!(%reason, ?line, "a binary connection ended");
                self.links[usize::from(line.0)] = None;
                self.lines.closed(line);
                self.lines.cancel_orders(context.submitter);
            }
        }
    }

    #[inline]
    fn delivered(&mut self, delivery: &Delivery, context: &mut Context<'_>) {
        self.lines.delivered(delivery, context.now, self.gateway);
    }

    fn tick(&mut self, context: &mut Context<'_>) {
        self.now = context.now;
        self.lines.tick(context.now, context.submitter);
        if context.now >= self.next_second {
            self.next_second = Timestamp(context.now.0 + SECOND_NS);
            self.look_at_gates(context.now);
            self.look_at_links(context.now);
            self.addresses.retain(|_, address| {
                address.refused = 0;
                address.gates > 0
            });
            self.metrics.show(self.lines.counts(), self.links.iter().flatten().count());
        }
    }

    fn stop(&mut self, context: &mut Context<'_>) -> bool {
        self.now = context.now;
        for place in self.all.iter_mut().flatten() {
            if let Connection::Gate { id, gate, .. } = place
                && !gate.wants_close()
            {
                gate.refuse(LoginRefusal::Closed);
                self.ending.push(*id);
            }
        }
        self.lines.stop(context.now)
    }

    #[inline]
    fn flush(&mut self, sockets: &mut dyn Sockets) {
        while let Some(line) = self.lines.next_stirred() {
            self.send(line, sockets);
        }
        while let Some(id) = self.ending.pop() {
            if let Some(Some(Connection::Gate { gate, .. })) = self.all.get_mut(id.index())
                && let Some(output) = sockets.output(id)
            {
                output.append(gate.output());
            }
            sockets.close(id);
        }
        self.lines.save_checkpoint();
    }
}
