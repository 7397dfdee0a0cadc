//! The connections in front of OUCH's sessions.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;

use tiercel_net::tls::Channel;
use tiercel_net::{CloseReason, ConnectionId};
use tiercel_types::{Command, Timestamp};
use tiercel_wire::ouch::Inbound;
use tiercel_wire::soup::{self, Kind, Listener, Login, LoginReject, Packet};
use tracing::{debug, error, info, warn};

use super::OuchSessions;
use super::line::Rights;
use super::requests::Requests;
use crate::accounts::Keys;
use crate::entry_limits::{EntryCounts, EntryLimits};
use crate::models::Models;
use crate::ouch::{Answer, Asked, Desk, Next, Refused, SessionNumber, User};
use crate::pipeline::{Delivery, Submission, Submitter};
use crate::serve::metrics::EntryMetrics;
use crate::serve::{Shares, Tls};
use crate::stage::{Context, Sessions, Sockets};

/// What a connection's output is filled to.
pub(super) const OUTPUT_BYTES: usize = 1 << 18;
/// How long a login may take.
const LOGIN_NS: u64 = 10_000_000_000;

/// How far a connection is.
enum State {
    /// It has not logged on, since then.
    Fresh(Timestamp),
    /// It is that session's.
    Linked(SessionNumber),
    /// It ends.
    Ending,
}

struct Connection {
    channel: Channel,
    state: State,
}

/// A request that the engine has.
struct Pending {
    session: SessionNumber,
    asked: Asked,
    /// The number of its note, if it has one.
    noted: Option<u64>,
}

/// The connections, and the sessions behind them.
pub(super) struct Connections {
    sessions: OuchSessions,
    all: HashMap<ConnectionId, Connection>,
    ending: Vec<ConnectionId>,
    asked: HashMap<u64, Pending>,
    token: u64,
    tls: Option<Tls>,
    limits: EntryLimits,
    counts: EntryCounts,
    metrics: EntryMetrics,
    /// What a session has to say, before it is sealed.
    plain: Vec<u8>,
    now: Timestamp,
}

impl Connections {
    pub(super) fn new(sessions: OuchSessions, shares: Shares, models: &Models) -> io::Result<Self> {
        let limits = shares.limits(models);
        Ok(Self {
            sessions,
            all: HashMap::new(),
            ending: Vec::new(),
            asked: HashMap::new(),
            token: 0,
            limits,
            counts: EntryCounts::default(),
            metrics: EntryMetrics::new(&shares.registry, "ouch", "OUCH")?,
            tls: shares.tls,
            plain: Vec::new(),
            now: Timestamp(0),
        })
    }

    /// The session of a connection's first packet; else what its login is answered with.
    fn meet(&mut self, bytes: &[u8]) -> Result<SessionNumber, Option<LoginReject>> {
        let Ok(Some(Packet { kind: Kind::LoginRequest, payload })) = Packet::front(bytes) else {
            return Err(None);
        };
        let login = Login::decode(payload).ok_or(None)?;
        let refused = Some(LoginReject::NotAuthorized);
        let user = User::new(login.user).ok_or(refused)?;
        let lines = &self.sessions.lines;
        let session = lines.iter().position(|line| line.user() == user).ok_or(refused)?;
        if lines[session].is_linked() {
            return Err(Some(LoginReject::SessionNotAvailable));
        }
        Ok(session)
    }

    /// Takes the packets that `bytes` begin with; how many bytes they are. What is said to who does not
    /// log on goes behind `goodbye`.
    fn hear(
        &mut self,
        (id, state): (ConnectionId, &mut State),
        bytes: &[u8],
        context: &mut Context<'_>,
        goodbye: &mut Vec<u8>,
    ) -> usize {
        if let State::Fresh(_) = state {
            if matches!(Packet::front(bytes), Ok(None)) {
                return 0;
            }
            *state = match self.meet(bytes) {
                Ok(session) => {
                    self.sessions.lines[session].link(id, context.now);
                    State::Linked(session)
                }
                Err(reject) => {
                    self.metrics.logins_refused.increment();
                    if let Some(reject) = reject {
                        soup::put(goodbye, Kind::LoginRejected, &[reject as u8]);
                    }
                    State::Ending
                }
            };
        }
        let State::Linked(session) = *state else { return bytes.len() };
        let Self { sessions, asked, token, limits, counts, metrics, now, .. } = self;
        let OuchSessions { desk, lines, keys, requests, .. } = sessions;
        let (line, mut is_refused) = (&mut lines[session], false);
        let user = line.user();
        let taken = line.received(*now, bytes, |line| Hearing {
            session,
            user,
            desk,
            keys,
            line,
            requests,
            asked,
            token,
            limits,
            counts,
            is_refused: &mut is_refused,
            submitter: context.submitter,
            now: *now,
            answers: Vec::new(),
        });
        if is_refused {
            metrics.logins_refused.increment();
        }
        taken
    }
}

/// What a session's packets do.
pub(super) struct Hearing<'a, 'c> {
    session: SessionNumber,
    user: User,
    desk: &'a mut Desk,
    keys: &'a Keys,
    line: Rights<'a>,
    requests: &'a mut Requests,
    asked: &'a mut HashMap<u64, Pending>,
    token: &'a mut u64,
    limits: &'a mut EntryLimits,
    counts: &'a mut EntryCounts,
    is_refused: &'c mut bool,
    submitter: &'c mut Submitter,
    now: Timestamp,
    pub(super) answers: Vec<Answer>,
}

impl Hearing<'_, '_> {
    /// Hands a command in, noted first if its answer needs that.
    ///
    /// # Errors
    /// Why it is not taken.
    fn submit(&mut self, command: Command, asked: Asked) -> Result<(), Refused> {
        *self.token += 1;
        let (token, commands) = (*self.token, &[command]);
        self.limits.check(self.line.account(), commands, token, self.now)?;
        let noted = self.requests.note(self.user, &asked, &command);
        if self.submitter.submit(Submission { token, commands }).is_err() {
            self.limits.arrived(token);
            if noted.is_some() {
                self.requests.take_back();
            }
            return Err(Refused::Busy);
        }
        self.asked.insert(token, Pending { session: self.session, asked, noted });
        Ok(())
    }
}

impl Listener for Hearing<'_, '_> {
    fn may_log_on(&mut self, login: &Login<'_>) -> Result<(), LoginReject> {
        let verdict = self.line.check(self.keys, login.password);
        *self.is_refused = verdict.is_none();
        verdict.ok_or(LoginReject::NotAuthorized)
    }

    fn on_message(&mut self, _: Option<u64>, message: &[u8]) {
        // What is no message is passed over: it names no number that could be answered.
        let Ok(decoded) = Inbound::decode(message) else { return };
        self.counts.requests += 1;
        let rights = (self.line.may_trade(), self.line.session_id(self.session));
        match self.desk.hear(self.session, decoded, rights, self.now) {
            Next::Nothing => {}
            Next::Say(answer) => {
                self.counts.refused += u64::from(answer.is_reject());
                self.answers.push(answer);
            }
            Next::Submit(command, asked) => {
                let Err(refused) = self.submit(*command, asked) else { return };
                match refused {
                    Refused::Busy => self.counts.busy += 1,
                    _ => self.counts.refused += 1,
                }
                self.answers.extend(self.desk.turned_down(&asked, &command, refused, self.now));
            }
        }
    }
}

impl Sessions for Connections {
    fn connected(&mut self, id: ConnectionId, peer: SocketAddr, now: Timestamp) -> bool {
        let channel = match Channel::server(self.tls.as_ref().map(Tls::config)) {
            Ok(channel) => channel,
            Err(error) => {
                warn!(%peer, %error, "no TLS for an OUCH connection");
                return false;
            }
        };
        self.metrics.door.opened();
        self.all.insert(id, Connection { channel, state: State::Fresh(now) });
        true
    }

    fn received(
        &mut self,
        id: ConnectionId,
        bytes: &[u8],
        context: &mut Context<'_>,
        output: &mut Vec<u8>,
    ) -> usize {
        self.now = context.now;
        let Some(mut connection) = self.all.remove(&id) else { return bytes.len() };
        let Connection { channel, state } = &mut connection;
        let mut goodbye = Vec::new();
        let taken = match channel.open(bytes, output) {
            Ok(None) => self.hear((id, state), bytes, context, &mut goodbye),
            Ok(Some(mut plain)) => {
                let taken = self.hear((id, state), &plain, context, &mut goodbye);
                plain.drain(..taken);
                channel.keep(plain);
                bytes.len()
            }
            Err(error) => {
                debug!(%error, "an OUCH connection speaks no TLS");
                channel.fail();
                self.ending.push(id);
                bytes.len()
            }
        };
        if matches!(state, State::Ending) {
            channel.seal(&goodbye, true, output);
            self.ending.push(id);
        }
        self.all.insert(id, connection);
        taken
    }

    fn closed(&mut self, id: ConnectionId, reason: &CloseReason, context: &mut Context<'_>) {
        self.now = context.now;
        let Some(connection) = self.all.remove(&id) else { return };
        self.metrics.door.closed();
        if let State::Linked(session) = connection.state {
            let user = self.sessions.lines[session].user();
            info!(session = ?user, %reason, "an OUCH client is gone");
            self.sessions.part(session);
            self.sessions.cancel_parted(context.submitter);
        }
    }

    #[inline]
    fn delivered(&mut self, delivery: &Delivery, context: &mut Context<'_>) {
        self.now = context.now;
        let Delivery { origin, header, event } = delivery;
        self.limits.fold(header, event);
        let is_own = origin.gateway == context.submitter.gateway();
        let pending = if is_own { self.asked.get(&origin.token) } else { None };
        let asked = pending.map(|pending| (pending.session, &pending.asked));
        let Self { sessions: OuchSessions { desk, lines, memory, .. }, counts, .. } = self;
        desk.apply(header, event, asked, &mut |session, answer| {
            counts.answers += 1;
            lines[session].say(&answer);
        });
        if is_own && delivery.is_end_of_submission() {
            self.limits.arrived(origin.token);
            let pending = self.asked.remove(&origin.token);
            if let Some(number) = pending.and_then(|pending| pending.noted) {
                memory.answered(number + 1);
            }
        }
        if header.is_last() {
            memory.complete(header.sequence, lines);
        }
    }

    fn tick(&mut self, context: &mut Context<'_>) {
        self.now = context.now;
        let now = context.now;
        let is_late = |connection: &Connection| match connection.state {
            State::Fresh(since) => now.0.saturating_sub(since.0) >= LOGIN_NS,
            _ => false,
        };
        let late = self.all.iter().filter(|(_, connection)| is_late(connection));
        self.ending.extend(late.map(|(id, _)| *id));
        for line in &mut self.sessions.lines {
            line.tick(now);
        }
        self.sessions.cancel_parted(context.submitter);
        let linked = self.sessions.lines.iter().filter(|line| line.is_linked()).count();
        self.metrics.show(self.counts, linked);
    }

    fn stop(&mut self, _: &mut Context<'_>) -> bool {
        // Sessions go on when the venue is back: connections end.
        self.ending.extend(self.all.keys());
        true
    }

    fn flush(&mut self, sockets: &mut dyn Sockets) {
        let Self { sessions, all, plain, metrics, now, ending, .. } = self;
        let OuchSessions { lines, desk, memory, requests, options, .. } = sessions;
        for (session, line) in lines.iter_mut().enumerate() {
            line.note_next(desk.settled_number(session));
            let Some(id) = line.connection() else { continue };
            let Some(Connection { channel, .. }) = all.get_mut(&id) else { continue };
            let Some(output) = sockets.output(id) else { continue };
            let room = OUTPUT_BYTES.saturating_sub(output.len());
            plain.clear();
            let goes_on = line.fill(*now, plain, room);
            if !plain.is_empty() || !goes_on {
                channel.seal(plain, !goes_on, output);
            }
            let is_stuck = line.is_stuck(*now, options.send_timeout);
            if is_stuck {
                metrics.cut_off.increment();
                warn!(session = ?line.user(), "an OUCH client that does not read is cut off");
            }
            if !goes_on || is_stuck || channel.has_failed() {
                ending.push(id);
            }
        }
        if let Some(error) = requests.failure() {
            error!(%error, "OUCH requests cannot be noted");
            ending.extend(all.keys());
        }
        if let Err(error) = memory.write() {
            error!(%error, "how far OUCH sessions were told is not noted");
        }
        for id in ending.drain(..) {
            sockets.close(id);
        }
    }
}
