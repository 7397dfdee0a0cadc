//! OUCH over sockets: sessions of `SoupBinTCP`, and what stands behind them; as a stage.
//!
//! ```text
//!   connection --login--> Line (a session: what it was told, on a disk) --> Desk --> core
//!                           ^                                                 |
//!                           +------ answers, as events become durable --------+
//! ```
//!
//! | bound | what happens there |
//! |---|---|
//! | connections, a login's time | closed |
//! | a second connection of a session | its login is rejected |
//! | a full command ring | the request is rejected, and its number is used up |
//! | bytes that wait for a client | it is sent more as it reads, from its file |
//! | a client that takes nothing | it is cut off; what it missed is there when it is back |

mod line;
mod memory;

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use tiercel_journal::storage::Storage;
use tiercel_net::{Busy, CloseReason, ConnectionId, Limits, Tuning};
use tiercel_types::command::CancelOnDisconnect;
use tiercel_types::{Event, Timestamp};
use tiercel_wire::ouch::Inbound;
use tiercel_wire::soup::{self, Kind, Listener, Login, LoginReject, Packet};
use tracing::{error, info, warn};

use crate::accounts::Keys;
use crate::ouch::{Answer, Asked, Desk, Next, OuchOptions, SessionNumber, User};
use crate::pipeline::{Delivery, Handle, Submission, Submitter};
use crate::stage::{BuildStage, Context, Door, Sessions, Sockets};
use crate::store::{self, CatchUpError, Opened, StoreOptions};
use line::{Line, SESSION_BASE};
use memory::Memory;

/// Bytes that may come and be part of a message: the longest has all options.
const INPUT_BYTES_MAX: usize = 1 << 16;
/// What a connection's output is filled to.
const OUTPUT_BYTES: usize = 1 << 18;
/// How long a login may take.
const LOGIN_NS: u64 = 10_000_000_000;

/// All that stands behind OUCH's sockets.
pub struct OuchSessions {
    desk: Desk,
    lines: Vec<Line>,
    /// Connections that have not logged on, since when; and those that have, with their session.
    fresh: HashMap<ConnectionId, Timestamp>,
    linked: HashMap<ConnectionId, SessionNumber>,
    ending: Vec<ConnectionId>,
    asked: HashMap<u64, (SessionNumber, Asked)>,
    token: u64,
    keys: Keys,
    memory: Memory,
    /// Sessions whose orders are to be cancelled.
    parted: Vec<SessionNumber>,
    options: OuchOptions,
    now: Timestamp,
}

impl OuchSessions {
    /// The sessions as they were left, told what the log has and they were not told.
    ///
    /// # Errors
    /// [`CatchUpError`].
    pub fn open<S: Storage>(
        options: OuchOptions,
        keys: Keys,
        opened: &Opened<S>,
        stores: &StoreOptions,
        now: Timestamp,
    ) -> Result<Self, CatchUpError> {
        let folder = options.store.as_deref();
        folder.map(std::fs::create_dir_all).transpose()?;
        let open = |identity| Line::open(identity, folder, &keys, now);
        let mut lines = options.sessions.iter().map(open).collect::<io::Result<Vec<Line>>>()?;
        let mut memory = Memory::open(folder)?;
        let end = opened.engine.sequence();
        let at = memory.command().unwrap_or(end);
        let rewound = if at < end { store::rewind(&opened.journal, stores, at)? } else { None };
        let models = rewound.as_ref().map_or(&opened.models, |rewound| rewound.models());
        let sessions = lines.iter().map(|line| (line.user(), line.account(), line.next_number()));
        let mut desk = Desk::new(sessions, models);
        if let Some(mut rewound) = rewound {
            let mut known = memory.told_since(&mut lines);
            let commands = rewound.catch_up(|header, event| {
                // A modification that was told is known by that alone.
                let modified = match event {
                    Event::OrderAmended(amended) => desk.number_of(amended.order_id),
                    _ => None,
                };
                let modified = modified
                    .filter(|(session, number)| known.has_modified(*session, *number, header))
                    .map(|(session, _)| (session, &Asked::Modify));
                desk.apply(header, event, modified, &mut |session, answer| {
                    // What was told before the end, and not noted, is not told again.
                    if !known.take(session, answer.bytes()) {
                        lines[session].say(&answer);
                    }
                });
            })?;
            info!(commands, "OUCH sessions are told what the log has and they were not told");
        } else if at < end {
            warn!(told = at, log = end, "no snapshot leads to where OUCH sessions were");
        }
        memory.complete(end, &mut lines);
        let parts = |(_, line): &(usize, &Line)| line.cancels_on_disconnect();
        let parted = lines.iter().enumerate().filter(parts).map(|(session, _)| session).collect();
        Ok(Self {
            desk,
            lines,
            fresh: HashMap::new(),
            linked: HashMap::new(),
            ending: Vec::new(),
            asked: HashMap::new(),
            token: 0,
            keys,
            memory,
            parted,
            options,
            now,
        })
    }

    /// Makes their stage.
    ///
    /// # Errors
    /// The system's.
    pub fn stage(self, listener: TcpListener) -> io::Result<(BuildStage, SocketAddr)> {
        let address = listener.local_addr()?;
        let limits = Limits {
            connections: self.options.connections_max,
            input_bytes: INPUT_BYTES_MAX,
            output_bytes: 4 * OUTPUT_BYTES,
        };
        let build = move |handle: Handle, _: &_| {
            let reactor = Busy::new(Some(listener), Tuning::default(), limits)?;
            Ok(Box::new(Door::new(reactor, self, handle)) as _)
        };
        Ok((Box::new(build), address))
    }

    /// The session of a connection's first packet; else what its login is answered with.
    fn meet(&mut self, bytes: &[u8]) -> Result<SessionNumber, Option<LoginReject>> {
        let Ok(Some(Packet { kind: Kind::LoginRequest, payload })) = Packet::front(bytes) else {
            return Err(None);
        };
        let login = Login::decode(payload).ok_or(None)?;
        let refused = Some(LoginReject::NotAuthorized);
        let user = User::new(login.user).ok_or(refused)?;
        let session = self.lines.iter().position(|line| line.user() == user).ok_or(refused)?;
        if self.lines[session].is_linked() {
            return Err(Some(LoginReject::SessionNotAvailable));
        }
        Ok(session)
    }

    /// A connection of a session has ended.
    fn part(&mut self, session: SessionNumber) {
        let line = &mut self.lines[session];
        if line.part() && line.cancels_on_disconnect() {
            self.parted.push(session);
        }
    }

    /// Cancels what sessions without a connection have entered, as they wanted.
    fn cancel_parted(&mut self, submitter: &mut Submitter) {
        let Self { parted, lines, .. } = self;
        parted.retain(|session| {
            let account = lines[*session].account();
            let command =
                CancelOnDisconnect { account, session: SESSION_BASE + *session as u32 }.into();
            // If there is no room now, it is tried again with the next tick.
            submitter.submit(Submission { token: 0, commands: &[command] }).is_err()
        });
    }
}

/// What a session's packets do.
struct Hearing<'a, 'c> {
    session: SessionNumber,
    desk: &'a mut Desk,
    keys: &'a Keys,
    line: line::Rights<'a>,
    asked: &'a mut HashMap<u64, (SessionNumber, Asked)>,
    token: &'a mut u64,
    submitter: &'c mut Submitter,
    now: Timestamp,
    answers: Vec<Answer>,
}

impl Listener for Hearing<'_, '_> {
    fn may_log_on(&mut self, login: &Login<'_>) -> Result<(), LoginReject> {
        self.line.check(self.keys, login.password).ok_or(LoginReject::NotAuthorized)
    }

    fn on_message(&mut self, _: Option<u64>, message: &[u8]) {
        // What is no message is passed over: it names no number that could be answered.
        let Ok(decoded) = Inbound::decode(message) else { return };
        let rights = (self.line.may_trade(), self.line.session_id(self.session));
        let number = message.get(1..5).and_then(|bytes| bytes.first_chunk());
        let number = number.map_or(0, |bytes| u32::from_be_bytes(*bytes));
        match self.desk.hear(self.session, decoded, rights, self.now) {
            Next::Nothing => {}
            Next::Say(answer) => self.answers.push(answer),
            Next::Submit(command, asked) => {
                *self.token += 1;
                let submission = Submission { token: *self.token, commands: &[*command] };
                if self.submitter.submit(submission).is_ok() {
                    self.asked.insert(*self.token, (self.session, asked));
                } else {
                    self.answers.extend(self.desk.busy(&asked, number, self.now));
                }
            }
        }
    }
}

impl Sessions for OuchSessions {
    fn connected(&mut self, id: ConnectionId, _: SocketAddr, now: Timestamp) -> bool {
        self.fresh.insert(id, now);
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
        if self.fresh.contains_key(&id) {
            if matches!(Packet::front(bytes), Ok(None)) {
                return 0;
            }
            self.fresh.remove(&id);
            match self.meet(bytes) {
                Ok(session) => {
                    self.lines[session].link(id, context.now);
                    self.linked.insert(id, session);
                }
                Err(reject) => {
                    if let Some(reject) = reject {
                        soup::put(output, Kind::LoginRejected, &[reject as u8]);
                    }
                    self.ending.push(id);
                    return bytes.len();
                }
            }
        }
        let Some(session) = self.linked.get(&id).copied() else { return bytes.len() };
        let Self { desk, lines, asked, token, keys, now, .. } = self;
        let line = &mut lines[session];
        line.received(*now, bytes, |line| Hearing {
            session,
            desk,
            keys,
            line,
            asked,
            token,
            submitter: context.submitter,
            now: *now,
            answers: Vec::new(),
        })
    }

    fn closed(&mut self, id: ConnectionId, reason: &CloseReason, context: &mut Context<'_>) {
        self.now = context.now;
        self.fresh.remove(&id);
        if let Some(session) = self.linked.remove(&id) {
            info!(session = ?self.lines[session].user(), %reason, "an OUCH client is gone");
            self.part(session);
            self.cancel_parted(context.submitter);
        }
    }

    #[inline]
    fn delivered(&mut self, delivery: &Delivery, context: &mut Context<'_>) {
        self.now = context.now;
        let Delivery { origin, header, event } = delivery;
        let is_own = origin.gateway == context.submitter.gateway();
        let asked = if is_own { self.asked.get(&origin.token) } else { None };
        let asked = asked.map(|(session, asked)| (*session, asked));
        let Self { desk, lines, .. } = self;
        desk.apply(header, event, asked, &mut |session, answer| lines[session].say(&answer));
        if is_own && delivery.is_end_of_submission() {
            self.asked.remove(&origin.token);
        }
        if header.is_last() {
            self.memory.complete(header.sequence, &mut self.lines);
        }
    }

    fn tick(&mut self, context: &mut Context<'_>) {
        self.now = context.now;
        let now = context.now;
        self.ending.extend(
            self.fresh
                .iter()
                .filter(|(_, since)| now.0.saturating_sub(since.0) >= LOGIN_NS)
                .map(|(id, _)| *id),
        );
        for line in &mut self.lines {
            line.tick(now);
        }
        self.cancel_parted(context.submitter);
    }

    fn stop(&mut self, _: &mut Context<'_>) -> bool {
        // Sessions go on when the venue is back: connections end.
        self.ending.extend(self.fresh.keys().chain(self.linked.keys()));
        true
    }

    fn flush(&mut self, sockets: &mut dyn Sockets) {
        let Self { lines, desk, memory, options, now, ending, .. } = self;
        for (session, line) in lines.iter_mut().enumerate() {
            line.note_next(desk.settled_number(session));
            let Some(id) = line.connection() else { continue };
            let Some(output) = sockets.output(id) else { continue };
            let goes_on = line.fill(*now, output, OUTPUT_BYTES);
            let is_stuck = line.is_stuck(*now, options.send_timeout);
            if is_stuck {
                warn!(session = ?line.user(), "an OUCH client that does not read is cut off");
            }
            if !goes_on || is_stuck {
                ending.push(id);
            }
        }
        if let Err(error) = memory.write() {
            error!(%error, "how far OUCH sessions were told is not noted");
        }
        for id in ending.drain(..) {
            sockets.close(id);
        }
    }
}

/// The name of a session's file.
fn file(folder: &Path, user: User) -> std::path::PathBuf {
    folder.join(format!("{user:?}.ouch"))
}
