//! The thread that looks at a trader's states, and tells what is new in them.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tiercel_execution::oms::Anomaly;
use tiercel_host::Clock;
use tiercel_sync::snapshot::Reader;
use tiercel_types::Timestamp;

use crate::alert::{Sinks, Watch};
use crate::hot::Ended;
use crate::lines::LineId;
use crate::state::TraderState;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(100);
/// Looks until the clock is compared with the system's.
const LOOKS_PER_ANCHOR: u32 = 10;
/// What was heard and not looked at yet, at most: what comes beyond is not heard.
const HEARD_MAX: usize = 256;

/// How a trader ended, or what it failed with.
pub type Outcome = Result<Ended, String>;

/// What states do not say.
#[derive(Clone, Debug)]
pub enum Heard {
    /// Why a line went.
    Down(LineId, String),
    /// What should not have happened.
    Anomaly(Anomaly),
    /// What a venue says and was not known.
    Differs(String),
    /// The trader has ended so.
    Ended(Outcome),
    /// Nobody is to be told any more.
    Left,
}

/// Who hears, for the hot thread: it never waits.
#[derive(Clone, Debug)]
pub struct Ear(SyncSender<Heard>);

impl Ear {
    /// Hears this, if there is room. Reasons alone are lost else.
    pub fn hear(&self, heard: Heard) {
        let _full = self.0.try_send(heard);
    }
}

/// The thread. When it is dropped, what was found still goes to its sinks.
pub struct Alarm {
    heard: SyncSender<Heard>,
    thread: Option<JoinHandle<()>>,
}

impl Alarm {
    /// Looks from now on.
    ///
    /// # Errors
    /// The system's, where no thread can be had.
    pub fn start(watch: Watch, state: Reader<TraderState>, sinks: Sinks) -> io::Result<Self> {
        let (sender, heard) = sync_channel(HEARD_MAX);
        let thread = std::thread::Builder::new().name("alarm".to_owned());
        let work =
            Work { watch, sinks, clock: Clock::new(), looks: 0, is_over: false, outcome: None };
        let thread = thread.spawn(move || work.run(state, &heard))?;
        Ok(Self { heard: sender, thread: Some(thread) })
    }

    /// Who hears what states do not say.
    pub fn ear(&self) -> Ear {
        Ear(self.heard.clone())
    }

    /// The trader has ended so: tells that last, and waits until it is told, or a webhook's time for it is over.
    pub fn end(mut self, outcome: Outcome) {
        self.finish(Heard::Ended(outcome));
    }

    fn finish(&mut self, last: Heard) {
        if let Some(thread) = self.thread.take() {
            // Without its thread there is nobody to tell.
            let _gone = self.heard.send(last);
            // What it failed with is over too.
            let _ended = thread.join();
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.finish(Heard::Left);
    }
}

/// The thread's work.
struct Work {
    watch: Watch,
    sinks: Sinks,
    clock: Clock,
    looks: u32,
    is_over: bool,
    outcome: Option<Outcome>,
}

impl Work {
    fn run(mut self, mut state: Reader<TraderState>, heard: &Receiver<Heard>) {
        let mut next = Instant::now() + LOOK;
        while !self.is_over {
            match heard.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(what) => self.take(what),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.is_over = true,
            }
            if Instant::now() < next && !self.is_over {
                continue;
            }
            next = Instant::now() + LOOK;
            // The reasons for what a state shows were heard before it.
            let state = state.read();
            for _ in 0..HEARD_MAX {
                let Ok(what) = heard.try_recv() else { break };
                self.take(what);
            }
            self.look(state);
        }
        if let Some(outcome) = self.outcome.take() {
            let alert = self.watch.ended(Timestamp(self.clock.now_ns()), &outcome);
            self.sinks.tell(&alert);
        }
    }

    fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Down(line, why) => self.watch.line_went(line, &why),
            Heard::Anomaly(anomaly) => self.watch.anomaly(&anomaly),
            Heard::Differs(what) => self.watch.differs(what),
            Heard::Ended(outcome) => (self.is_over, self.outcome) = (true, Some(outcome)),
            Heard::Left => self.is_over = true,
        }
    }

    fn look(&mut self, state: &TraderState) {
        self.looks += 1;
        if self.looks == LOOKS_PER_ANCHOR {
            self.looks = 0;
            self.clock.reanchor();
        }
        for alert in self.watch.look(Timestamp(self.clock.now_ns()), state) {
            self.sinks.tell(&alert);
        }
    }
}
