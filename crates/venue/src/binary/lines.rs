//! The sessions of all keys, whether somebody is connected or not.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sha2::{Digest, Sha256};
use tiercel_host::MappedFile;
use tiercel_types::command::{CancelOnDisconnect, Command};
use tiercel_types::{AccountId, Event, EventHeader, InstrumentId, Timestamp};
use tiercel_wire::binary::session::{Application, LoginRequest, Role, Session};
use tiercel_wire::binary::{
    Body, BodyRecord, Busy, Fault, Group, Kind, LoginRefusal, LogoutReason, Text,
};
use tiercel_wire::store::Store;

use super::config::BinaryOptions;
use super::desk::{Asked, Desk, LINES_MAX, refused};
use super::memory::{AnswerFile, KEY_MAX, Owner, RequestFile};
use super::recovery::Replaying;
use super::report::{Answers, Reports};
use crate::accounts::Key;
use crate::entry_limits::{EntryCounts, EntryLimits};
use crate::hashing::Counted;
use crate::models::Models;
use crate::pipeline::{Delivery, Submission, Submitter};

/// Numbers of this gateway's sessions begin above this: orders of other gateways' sessions are not theirs.
pub(super) const SESSIONS_ABOVE: u32 = 0x0200_0000;

/// Which session, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineId(pub u16);

/// One key's session.
pub struct Line {
    pub(super) session: Session,
    pub(super) answers: AnswerFile,
    pub(super) requests: RequestFile,
    /// The key that it is logged on with.
    key: Option<Arc<Key>>,
    /// It has something to send, or is to end.
    is_stirred: bool,
}

impl Line {
    pub(super) fn new(answers: AnswerFile, requests: RequestFile) -> Self {
        let mut answers = answers;
        answers.set_next_incoming(requests.next());
        let session = Session::new(Role::Acceptor);
        Self { session, answers, requests, key: None, is_stirred: false }
    }

    /// Its session: bytes to send, and whether its connection is to end.
    pub const fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Whose it is.
    pub const fn owner(&self) -> &Owner {
        self.answers.owner()
    }

    /// What is behind goes on, as far as there is room.
    pub fn resume(&mut self, now: Timestamp) {
        self.session.resume(now, &mut self.answers);
    }
}

/// All sessions.
pub struct Lines {
    pub(super) all: Vec<Line>,
    by_key: HashMap<(Box<str>, AccountId), LineId>,
    by_number: ByNumber,
    options: BinaryOptions,
    desk: Desk,
    pub(super) reports: Reports,
    /// Its first word: the last command that all sessions were told of.
    checkpoint: MappedFile,
    /// The last command that all of them were told of, and the end of its submission.
    told: u64,
    stirred: Vec<LineId>,
    /// Requests that the venue had no room for, of the bytes that are looked at.
    turned_down: Vec<TurnedDown>,
    /// Sessions whose orders are to be cancelled.
    cancels: Vec<LineId>,
    limits: Option<EntryLimits>,
    counts: EntryCounts,
}

/// Sessions by account and number.
type ByNumber = HashMap<u64, LineId, Counted>;

const fn numbered(account: AccountId, session: u32) -> u64 {
    (account.0 as u64) << 32 | session as u64
}

/// Bytes of the file of the checkpoint.
const CHECKPOINT_SIZE: usize = 4_096;

/// A file's name without its end: of a key and its account, whatever characters it has.
fn name_of(key: &str, account: AccountId) -> String {
    let mut digest = Sha256::new();
    digest.update(key.as_bytes());
    digest.update(account.0.to_le_bytes());
    digest.finalize()[..16].iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

impl Lines {
    /// The sessions whose files are in the folder, which is made if it is not there.
    ///
    /// # Errors
    /// The system's, or what is wrong with a file.
    pub fn open(options: BinaryOptions, now: Timestamp) -> io::Result<Self> {
        std::fs::create_dir_all(&options.store)?;
        let mut checkpoint = MappedFile::open(&options.store.join("checkpoint"), CHECKPOINT_SIZE)?;
        let told = checkpoint.word(0).load(Ordering::Acquire);
        let mut lines = Self {
            all: Vec::new(),
            by_key: HashMap::new(),
            by_number: ByNumber::default(),
            desk: Desk::default(),
            reports: Reports::default(),
            checkpoint,
            told,
            stirred: Vec::with_capacity(64),
            turned_down: Vec::with_capacity(64),
            cancels: Vec::new(),
            limits: None,
            counts: EntryCounts::default(),
            options,
        };
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(&lines.options.store)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "answers") {
                files.push(path);
            }
        }
        files.sort();
        for path in files {
            match AnswerFile::open(&path, None, lines.options.answers_kept, now) {
                // It was made, and the process ended before anything was in it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    std::fs::remove_file(&path)?;
                }
                answers => lines.add(answers?, &path)?,
            }
        }
        Ok(lines)
    }

    fn add(&mut self, answers: AnswerFile, path: &std::path::Path) -> io::Result<()> {
        let requests = RequestFile::open(&path.with_extension("requests"))?;
        let owner = answers.owner().clone();
        let line = LineId(u16::try_from(self.all.len()).map_err(io::Error::other)?);
        if requests.owes_cancel() {
            self.cancels.push(line);
        }
        self.all.push(Line::new(answers, requests));
        self.by_number.insert(numbered(owner.account, owner.session), line);
        self.by_key.insert((owner.key, owner.account), line);
        Ok(())
    }

    /// The session of a key, which begins now if there was none.
    fn of_key(&mut self, key: &str, account: AccountId, now: Timestamp) -> io::Result<LineId> {
        if let Some(line) = self.by_key.get(&(key.into(), account)) {
            return Ok(*line);
        }
        if self.all.len() >= LINES_MAX || key.len() > KEY_MAX {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let of_account = self.all.iter().map(Line::owner).filter(|owner| owner.account == account);
        let last = of_account.map(|owner| owner.session).max().unwrap_or(SESSIONS_ABOVE);
        let owner = Owner { key: key.into(), account, session: last + 1 };
        let path = self.options.store.join(name_of(key, account)).with_extension("answers");
        let kept = self.options.answers_kept;
        self.add(AnswerFile::open(&path, Some(owner), kept, now)?, &path)?;
        Ok(LineId(self.all.len() as u16 - 1))
    }

    /// How they are served.
    pub const fn options(&self) -> &BinaryOptions {
        &self.options
    }

    /// What happened since the gateway began.
    pub const fn counts(&self) -> EntryCounts {
        self.counts
    }

    /// The limits that accounts' new orders are held to, with what is counted for them.
    pub fn limit(&mut self, limits: EntryLimits) {
        self.limits = Some(limits);
    }

    /// The last command that all sessions were told of, as the checkpoint has it.
    pub(super) const fn told(&self) -> u64 {
        self.told
    }

    pub(super) const fn set_told(&mut self, sequence: u64) {
        self.told = sequence;
    }

    /// One session.
    ///
    /// # Panics
    /// When it is none of these sessions'.
    pub fn line(&mut self, line: LineId) -> &mut Line {
        &mut self.all[usize::from(line.0)]
    }

    /// A login whose key and signature are good.
    ///
    /// # Errors
    /// [`LoginRefusal`].
    pub fn log_on(
        &mut self,
        now: Timestamp,
        login: &LoginRequest,
        (text, key): (&str, Arc<Key>),
    ) -> Result<LineId, LoginRefusal> {
        let id = self.of_key(text, key.account, now).map_err(|error| {
            if error.kind() == io::ErrorKind::QuotaExceeded {
                return LoginRefusal::TooMany;
            }
            tracing::error!(%error, "a binary session cannot begin");
            LoginRefusal::Closed
        })?;
        if self.cancels.contains(&id) {
            // Its former connection has not wholly ended.
            return Err(LoginRefusal::LoggedOn);
        }
        let line = &mut self.all[usize::from(id.0)];
        let Owner { account, session, .. } = *line.answers.owner();
        let Line { session: core, answers, .. } = line;
        core.accepted(now, login, session, account, answers, &mut Quiet::default())?;
        line.requests.owe_cancel(login.cancel_on_disconnect);
        line.key = Some(key);
        self.stir(id);
        Ok(id)
    }

    /// Bytes of a session's connection: returns how many were taken.
    #[inline]
    pub fn received(
        &mut self,
        id: LineId,
        now: Timestamp,
        bytes: &[u8],
        submitter: &mut Submitter,
    ) -> usize {
        let Self { all, desk, turned_down, limits, counts, .. } = self;
        let Line { session, answers, requests, .. } = &mut all[usize::from(id.0)];
        let Owner { account, session: number, .. } = *answers.owner();
        let mut asking = Asking {
            line: id,
            origin: (account, number),
            now,
            desk,
            requests,
            submitter,
            turned_down,
            limits: limits.as_mut(),
            counts,
        };
        let taken = session.received(now, bytes, answers, &mut asking);
        for down in turned_down.drain(..) {
            counts.answers += 1;
            match down {
                TurnedDown::Busy(instrument, busy) => {
                    session.send(now, answers, instrument, 0, &busy);
                }
                TurnedDown::Refused(instrument, rejected) => {
                    session.send(now, answers, instrument, 0, &rejected);
                }
            }
        }
        requests.note(answers.next_incoming());
        self.stir(id);
        taken
    }

    #[inline]
    fn stir(&mut self, id: LineId) {
        let line = &mut self.all[usize::from(id.0)];
        if !line.is_stirred {
            line.is_stirred = true;
            self.stirred.push(id);
        }
    }

    /// An event of the venue.
    #[inline]
    pub fn delivered(&mut self, delivery: &Delivery, now: Timestamp, gateway: u16) {
        let Delivery { origin, header, event } = delivery;
        let own = origin.gateway == gateway;
        let asked = if own { Asked::of_token(origin.token) } else { None };
        if let Some(limits) = &mut self.limits {
            limits.fold(header, event);
        }
        self.tell((header, event), asked, None, now);
        if delivery.is_end_of_submission() {
            self.told = header.sequence;
            if let Some(asked) = asked {
                self.answered(asked, header.sequence);
            }
        }
    }

    /// Tells an event. `replaying`: only to those who were not told before.
    #[inline]
    pub(super) fn tell(
        &mut self,
        (header, event): (&EventHeader, &Event),
        asked: Option<Asked>,
        replaying: Option<&mut Replaying>,
        now: Timestamp,
    ) {
        let Self { all, by_number, stirred, reports, counts, .. } = self;
        let at = (header.sequence, header.index);
        let mut sink = Sink { all, by_number, stirred, now, at, replaying, counts };
        reports.deliver(header, event, asked, &mut sink);
    }

    /// Whose the live orders are, as the models have them.
    pub fn fold_models(&mut self, models: &Models) {
        let Self { by_number, reports, .. } = self;
        *reports = Reports::new(models, |account, session| line_of(by_number, account, session));
    }

    /// All events of a submission were told.
    #[inline]
    pub(super) fn answered(&mut self, asked: Asked, sequence: u64) {
        if let Some(limits) = &mut self.limits {
            limits.arrived(asked.token());
        }
        let Some(line) = self.all.get_mut(usize::from(asked.line.0)) else { return };
        if asked.kind != Kind::Logout {
            line.requests.pop(sequence);
        } else if !line.session.is_logged_on() {
            line.requests.owe_cancel(false);
        }
    }

    /// The connection of a session is gone.
    pub fn closed(&mut self, id: LineId) {
        let line = &mut self.all[usize::from(id.0)];
        let mut quiet = Quiet::default();
        line.session.closed(&mut quiet);
        line.key = None;
        if quiet.cancels && !self.cancels.contains(&id) {
            self.cancels.push(id);
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Timestamp, submitter: &mut Submitter) {
        self.cancel_orders(submitter);
        for at in 0..self.all.len() {
            let line = &mut self.all[at];
            if !line.session.is_connected() {
                continue;
            }
            if line.key.as_ref().is_some_and(|key| key.is_revoked()) {
                line.key = None;
                line.session.log_out(now, LogoutReason::Revoked);
            }
            line.session.tick(now, &mut line.answers);
            self.stir(LineId(at as u16));
        }
    }

    /// Hands in that the orders of those who are gone are cancelled. What is not taken is tried again.
    pub fn cancel_orders(&mut self, submitter: &mut Submitter) {
        let Self { all, cancels, .. } = self;
        cancels.retain(|id| {
            let Owner { account, session, .. } = *all[usize::from(id.0)].answers.owner();
            let command = Command::from(CancelOnDisconnect { account, session });
            let token = Asked { line: *id, kind: Kind::Logout, number: 0 }.token();
            submitter.submit(Submission { token, commands: &[command] }).is_err()
        });
    }

    /// The venue stops: says goodbye. True when nobody is connected any more.
    pub fn stop(&mut self, now: Timestamp) -> bool {
        for at in 0..self.all.len() {
            self.all[at].session.log_out(now, LogoutReason::Stopping);
            if self.all[at].session.is_connected() {
                self.stir(LineId(at as u16));
            }
        }
        !self.all.iter().any(|line| line.session.is_connected())
    }

    /// Takes out a session that may have something to send, or whose connection is to end.
    #[inline]
    pub fn next_stirred(&mut self) -> Option<LineId> {
        let id = self.stirred.pop()?;
        self.all[usize::from(id.0)].is_stirred = false;
        Some(id)
    }

    /// Says where all of them are: what follows the checkpoint is told again after a restart, to those
    /// who were not told of it.
    #[inline]
    pub fn save_checkpoint(&mut self) {
        self.checkpoint.word(0).store(self.told, Ordering::Release);
    }
}

/// Hears nothing: of a session at its ends.
#[derive(Default)]
struct Quiet {
    cancels: bool,
}

impl Application for Quiet {
    fn on_message(&mut self, group: &Group<'_>) -> Result<(), Fault> {
        Err(Kind::from_code(group.header().kind)
            .map_or(Fault::UnknownKind { kind: group.header().kind }, |kind| Fault::Misplaced {
                kind,
            }))
    }

    fn on_logout(&mut self, cancel_orders: bool) {
        self.cancels = cancel_orders;
    }
}

/// A request that was answered without the engine, and how.
enum TurnedDown {
    Busy(InstrumentId, Busy),
    Refused(InstrumentId, tiercel_wire::binary::Rejected),
}

/// A session's requests, on their way to the engine.
struct Asking<'a> {
    line: LineId,
    /// The account and the session's number.
    origin: (AccountId, u32),
    now: Timestamp,
    desk: &'a mut Desk,
    requests: &'a mut RequestFile,
    submitter: &'a mut Submitter,
    turned_down: &'a mut Vec<TurnedDown>,
    limits: Option<&'a mut EntryLimits>,
    counts: &'a mut EntryCounts,
}

impl Application for Asking<'_> {
    #[inline]
    fn on_message(&mut self, group: &Group<'_>) -> Result<(), Fault> {
        let header = group.header();
        self.counts.requests += 1;
        let commands = self.desk.hear(group, self.origin).inspect_err(|_| {
            self.counts.refused += 1;
        })?;
        // It was decoded: the code is a kind's.
        let kind = Kind::from_code(header.kind).unwrap_or(Kind::NewOrder);
        let asked = Asked { line: self.line, kind, number: header.sequence };
        let token = asked.token();
        if let Some(limits) = &mut self.limits
            && let Err(exceeded) = limits.check(self.origin.0, commands, token, self.now)
        {
            self.counts.refused += 1;
            let why = (kind, exceeded);
            let rejected = refused(client_id(group), header.sequence, why, self.now);
            self.turned_down.push(TurnedDown::Refused(header.instrument, rejected));
            return Ok(());
        }
        // Noted first: what the log has must never be asked again.
        let is_noted = self.requests.push(group, header.sequence);
        let is_taken = is_noted && self.submitter.submit(Submission { token, commands }).is_ok();
        if is_taken {
            return Ok(());
        }
        if is_noted {
            self.requests.take_back(group, header.sequence);
        }
        if let Some(limits) = &mut self.limits {
            limits.arrived(token);
        }
        self.counts.busy += 1;
        let busy = Busy {
            client_id: client_id(group),
            request: header.sequence,
            time: self.now,
            retry_after_ms: 0,
            record_kind: header.kind,
            reserved: [0; 11],
        };
        self.turned_down.push(TurnedDown::Busy(header.instrument, busy));
        Ok(())
    }
}

/// The client id that a request gave or named.
#[cold]
fn client_id(group: &Group<'_>) -> Text<16> {
    match group.decode().map(|(_, body)| body) {
        Ok(Body::NewOrder(body)) => body.client_id,
        Ok(Body::CancelOrder(body)) => body.client_id,
        Ok(Body::ReplaceOrder(body)) => body.client_id,
        Ok(Body::AmendOrder(body)) => body.client_id,
        Ok(Body::QueryOrder(body)) => body.client_id,
        Ok(Body::NewOrderList(body)) => body.client_id,
        _ => Text::EMPTY,
    }
}

/// Where answers go: to their sessions.
struct Sink<'a> {
    all: &'a mut Vec<Line>,
    by_number: &'a ByNumber,
    stirred: &'a mut Vec<LineId>,
    now: Timestamp,
    /// The event: its command, and its place in it.
    at: (u64, u32),
    /// After a restart: what sessions were told before.
    replaying: Option<&'a mut Replaying>,
    counts: &'a mut EntryCounts,
}

impl Sink<'_> {
    /// The session, if it does not know of the event already.
    #[inline]
    fn line(&mut self, id: LineId) -> Option<&mut Line> {
        let line = self.all.get_mut(usize::from(id.0))?;
        if let Some(replaying) = &mut self.replaying
            && replaying.knows(id, self.at, line.answers.told())
        {
            return None;
        }
        line.answers.tells(self.at.0, self.at.1);
        self.counts.answers += 1;
        if !line.is_stirred {
            line.is_stirred = true;
            self.stirred.push(id);
        }
        Some(line)
    }
}

impl Answers for Sink<'_> {
    #[inline]
    fn line_of(&self, account: AccountId, session: u32) -> Option<LineId> {
        line_of(self.by_number, account, session)
    }

    #[inline]
    fn tell<B: BodyRecord>(&mut self, line: LineId, instrument: InstrumentId, flags: u8, body: &B) {
        let now = self.now;
        if let Some(Line { session, answers, .. }) = self.line(line) {
            session.send(now, answers, instrument, flags, body);
        }
    }

    fn tell_group(&mut self, line: LineId, instrument: InstrumentId, flags: u8, bodies: &[Body]) {
        let now = self.now;
        if let Some(Line { session, answers, .. }) = self.line(line) {
            session.send_group(now, answers, instrument, flags, bodies);
        }
    }
}

/// The session of that number and account.
#[inline]
fn line_of(by_number: &ByNumber, account: AccountId, session: u32) -> Option<LineId> {
    if session <= SESSIONS_ABOVE {
        return None;
    }
    by_number.get(&numbered(account, session)).copied()
}
