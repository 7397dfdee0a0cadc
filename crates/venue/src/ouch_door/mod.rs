//! OUCH over sockets: sessions of `SoupBinTCP`, and what stands behind them; as a stage.
//!
//! ```text
//!   connection --TLS, login--> Line (a session: what it was told, on a disk) --> Desk --> Requests
//!                                ^                                              (noted) --> core
//!                                +------ answers, as events become durable -------------------+
//! ```
//!
//! | bound | what happens there |
//! |---|---|
//! | connections, a login's time | closed |
//! | a second connection of a session | its login is rejected |
//! | unfilled or open orders of an account | the order is rejected, and its number is used up |
//! | a full command ring | the same |
//! | bytes that wait for a client | it is sent more as it reads, from its file |
//! | a client that takes nothing | it is cut off; what it missed is there when it is back |

mod connections;
mod line;
mod memory;
mod requests;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use tiercel_journal::storage::Storage;
use tiercel_net::{Busy, Limits, Tuning};
use tiercel_types::command::CancelOnDisconnect;
use tiercel_types::{Command, Event, EventHeader, Timestamp};
use tracing::{info, warn};

use crate::accounts::Keys;
use crate::models::Models;
use crate::ouch::{Desk, OuchOptions, SessionNumber, User};
use crate::pipeline::{Handle, Submission, Submitter};
use crate::replica::Replay;
use crate::serve::Shares;
use crate::stage::{Door, StagePlan, StageThread};
use crate::store::{self, CatchUpError, Opened, StoreOptions};
use connections::{Connections, OUTPUT_BYTES};
use line::{Line, SESSION_BASE};
use memory::{Known, Memory};
use requests::{Requests, Waiting};

/// Bytes that may come and be part of a message: the longest has all options.
const INPUT_BYTES_MAX: usize = 1 << 16;

/// All sessions, whether somebody is connected or not.
pub struct OuchSessions {
    desk: Desk,
    lines: Vec<Line>,
    keys: Keys,
    memory: Memory,
    requests: Requests,
    /// Sessions whose orders are to be cancelled.
    parted: Vec<SessionNumber>,
    options: OuchOptions,
}

/// Sessions that are told what the log has and they were not told.
struct Recovering<'a> {
    desk: &'a mut Desk,
    lines: &'a mut [Line],
    known: Known,
    waiting: Waiting,
}

impl Replay for Recovering<'_> {
    fn command(&mut self, sequence: u64, command: &Command) {
        self.waiting.command(sequence, command);
    }

    fn event(&mut self, header: &EventHeader, event: &Event) {
        let Self { desk, lines, known, waiting } = self;
        desk.apply(header, event, waiting.asked(header), &mut |session, answer| {
            // What was told before the end, and not noted, is not told again.
            if !known.take(session, answer.bytes()) {
                lines[session].say(&answer);
            }
        });
    }
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
        let mut requests = Requests::open(folder, now)?;
        let end = opened.engine.sequence();
        let at = memory.command().unwrap_or(end);
        let rewound = if at < end { store::rewind(&opened.journal, stores, at)? } else { None };
        let models = rewound.as_ref().map_or(&opened.models, |rewound| rewound.models());
        let sessions = lines.iter().map(|line| (line.user(), line.account(), line.next_number()));
        let mut desk = Desk::new(sessions, models);
        if let Some(mut rewound) = rewound {
            let users: Vec<User> = lines.iter().map(Line::user).collect();
            let known = memory.told_since(&mut lines);
            let waiting = requests.since(memory.request(), &users);
            let (desk, lines) = (&mut desk, &mut lines[..]);
            let mut recovering = Recovering { desk, lines, known, waiting };
            let commands = rewound.replay(&mut recovering)?;
            info!(commands, "OUCH sessions are told what the log has and they were not told");
        } else if at < end {
            warn!(told = at, log = end, "no snapshot leads to where OUCH sessions were");
        }
        memory.answered(requests.next());
        memory.complete(end, &mut lines);
        let parts = |(_, line): &(usize, &Line)| line.cancels_on_disconnect();
        let parted = lines.iter().enumerate().filter(parts).map(|(session, _)| session).collect();
        Ok(Self { desk, lines, keys, memory, requests, parted, options })
    }

    /// The stage that serves them on `listener`.
    pub fn plan(self, listener: TcpListener, thread: StageThread, shares: Shares) -> StagePlan {
        let build = move |handle: Handle, models: &Models| {
            let limits = Limits {
                connections: self.options.connections_max,
                input_bytes: INPUT_BYTES_MAX,
                output_bytes: 4 * OUTPUT_BYTES,
            };
            let address: SocketAddr = listener.local_addr()?;
            info!(%address, tls = shares.tls.is_some(), "OUCH is open");
            let connections = Connections::new(self, shares, models)?;
            let reactor = Busy::new(Some(listener), Tuning::default(), limits)?;
            Ok(Box::new(Door::new(reactor, connections, handle)) as _)
        };
        StagePlan { name: "tiercel-ouch", thread, build: Box::new(build) }
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

/// The name of a session's file.
fn file(folder: &Path, user: User) -> std::path::PathBuf {
    folder.join(format!("{user:?}.ouch"))
}
