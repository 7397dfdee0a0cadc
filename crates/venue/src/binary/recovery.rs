//! After a restart: what the log has and sessions were not told.
//!
//! ```text
//!   snapshot ....... checkpoint ........ end of the log
//!      fold: whose     tell: answers, to those who were not told; and find the
//!      orders are      requests that wait: the log has them, in their order, or not at all
//! ```
//!
//! A request that waits and is in the log is told as it would have been. One that is not was never taken:
//! its number is due again, and the client sends it again. So none is lost, and none is done twice.
//!
//! Where the log can no longer be read from the checkpoint on (its front was removed, or the sessions were
//! left alone for very long), what is between is not told: requests that wait count as taken, and the
//! client asks for its orders.

use std::io;

use tiercel_journal::storage::Storage;
use tiercel_types::{Command, Event, EventHeader, Timestamp};
use tiercel_wire::binary::{Group, Kind};
use tiercel_wire::store::Store;

use super::desk::{Asked, Desk};
use super::lines::{Line, LineId, Lines};
use super::memory::ToldOf;
use crate::models::Models;
use crate::replica::Replay;
use crate::store::{CatchUpError, Opened, StoreOptions, rewind};

/// A request that waits for its commands to be found in the log.
struct Waiting {
    asked: Asked,
    commands: Vec<Command>,
}

/// One session's requests that wait.
struct Queue {
    line: LineId,
    /// Its commands come behind this one.
    done: u64,
    waiting: Vec<Waiting>,
    /// Of them, those that were found, and commands of the next that were.
    found: usize,
    parts: usize,
}

/// What sessions were told before, event by event.
#[derive(Default)]
pub(super) struct Replaying {
    /// Up to this command, they were told everything.
    after: u64,
    at: (u64, u32),
    /// By session: answers of the event so far.
    answers: Vec<u32>,
}

impl Replaying {
    /// Whether a session that was told so far knows the next answer of an event.
    pub(super) fn knows(&mut self, line: LineId, at: (u64, u32), told: ToldOf) -> bool {
        if at != self.at {
            self.at = at;
            self.answers.fill(0);
        }
        let Some(answers) = self.answers.get_mut(usize::from(line.0)) else { return false };
        *answers += 1;
        at.0 <= self.after
            || at < (told.sequence, told.index)
            || (at == (told.sequence, told.index) && *answers <= told.answers)
    }
}

/// Brings sessions to the end of an opened store's log.
///
/// # Errors
/// [`CatchUpError`]: the log cannot be read; or a session's file is damaged.
pub fn recover<S: Storage>(
    lines: Lines,
    opened: &Opened<S>,
    options: &StoreOptions,
    now: Timestamp,
) -> Result<Lines, CatchUpError> {
    /// Commands that a start applies once more, so that sessions are told of them.
    const APPLIED_AGAIN_MAX: u64 = 10_000_000;
    let last = opened.engine.sequence();
    let mut recovering = Recovering::new(lines, now)?;
    // A log that was lost is not behind: its sessions go on with what there is.
    let told = recovering.lines.told().min(last);
    let is_needed = told < last && !recovering.lines.all.is_empty();
    let rewound = if is_needed && last - told <= APPLIED_AGAIN_MAX {
        rewind(&opened.journal, options, told)?
    } else {
        None
    };
    match rewound {
        Some(mut rewound) => {
            recovering.begin(rewound.models(), told);
            rewound.replay(&mut recovering)?;
        }
        None => recovering.begin(&opened.models, last),
    }
    Ok(recovering.finish(last))
}

/// Sessions that are brought to the end of the log.
pub struct Recovering {
    lines: Lines,
    queues: Vec<Queue>,
    replaying: Replaying,
    now: Timestamp,
    /// The request that the present command belongs to.
    asked: Option<Asked>,
    /// It is its last.
    is_last_part: bool,
}

impl Recovering {
    /// Of sessions as their files have them.
    ///
    /// # Errors
    /// A request among them that is none: the file is damaged.
    pub fn new(mut lines: Lines, now: Timestamp) -> io::Result<Self> {
        let mut queues = Vec::new();
        let mut desk = Desk::default();
        for (at, line) in lines.all.iter_mut().enumerate() {
            let owner = line.answers.owner().clone();
            let id = LineId(at as u16);
            let mut waiting = Vec::new();
            for (number, bytes) in line.requests.waiting() {
                let broken = || io::Error::other(format!("request {number} of {id:?} is damaged"));
                let group = Group::front(&bytes).ok().flatten().ok_or_else(broken)?;
                let kind = Kind::from_code(group.header().kind).ok_or_else(broken)?;
                let commands = desk.hear(&group, (owner.account, owner.session));
                let commands = commands.map_err(|_| broken())?.to_vec();
                waiting.push(Waiting { asked: Asked { line: id, kind, number }, commands });
            }
            let done = line.requests.done();
            queues.push(Queue { line: id, done, waiting, found: 0, parts: 0 });
        }
        let replaying =
            Replaying { after: lines.told(), at: (0, 0), answers: vec![0; lines.all.len()] };
        Ok(Self { lines, queues, replaying, now, asked: None, is_last_part: false })
    }

    /// Whose the orders are as they stand where looking begins: after command `sequence`. If that is
    /// behind the checkpoint, what is between is not told.
    pub fn begin(&mut self, models: &Models, sequence: u64) {
        self.lines.fold_models(models);
        if sequence <= self.lines.told() || self.queues.is_empty() {
            return;
        }
        let told = self.lines.told();
        tracing::warn!(told, sequence, "what is between is not told to binary sessions");
        self.replaying.after = sequence;
        for queue in &mut self.queues {
            let line = self.lines.line(queue.line);
            for _ in queue.waiting.drain(..) {
                line.requests.pop(sequence);
            }
        }
    }

    /// The sessions, after the log's last command, `last`.
    pub fn finish(self, last: u64) -> Lines {
        let Self { mut lines, queues, .. } = self;
        for queue in queues {
            // What was found is answered and taken off: the rest is not in the log.
            let Line { requests, answers, .. } = lines.line(queue.line);
            requests.forget_waiting();
            answers.set_next_incoming(requests.next());
        }
        lines.set_told(last);
        lines.save_checkpoint();
        lines
    }
}

impl Queue {
    /// Whether the log's next command is the next of these; then whose, and whether it is the last of its
    /// request.
    fn next(&mut self, sequence: u64, command: &Command) -> Option<(Asked, bool)> {
        let Waiting { asked, commands } = self.waiting.get(self.found)?;
        if sequence <= self.done || commands.get(self.parts) != Some(command) {
            // The parts of a request stand next to each other.
            self.parts = 0;
            return None;
        }
        self.parts += 1;
        let is_last = self.parts == commands.len();
        if is_last {
            (self.parts, self.found) = (0, self.found + 1);
        }
        Some((*asked, is_last))
    }
}

impl Replay for Recovering {
    fn command(&mut self, sequence: u64, command: &Command) {
        self.asked = None;
        if sequence <= self.replaying.after {
            return;
        }
        for queue in self.queues.iter_mut().filter(|queue| !queue.waiting.is_empty()) {
            if let Some((asked, is_last)) = queue.next(sequence, command) {
                (self.asked, self.is_last_part) = (Some(asked), is_last);
                return;
            }
        }
    }

    fn event(&mut self, header: &EventHeader, event: &Event) {
        let Self { lines, replaying, now, asked, is_last_part, .. } = self;
        lines.tell((header, event), *asked, Some(replaying), *now);
        if header.is_last()
            && *is_last_part
            && let Some(asked) = asked
        {
            lines.answered(*asked, header.sequence);
        }
    }
}
