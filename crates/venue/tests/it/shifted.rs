//! A gateway whose clock can be set forward, so that what takes long is soon over.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tiercel_types::Timestamp;
use tiercel_venue::pipeline::Closed;
use tiercel_venue::stage::{Stage, StagePlan};

/// By how much a gateway's clock is ahead.
#[derive(Clone, Default)]
pub(crate) struct Shift {
    ahead: Arc<AtomicU64>,
    /// Where it stands still; zero: it goes on.
    stands_at: Arc<AtomicU64>,
}

impl Shift {
    /// So many seconds are over at once.
    pub(crate) fn let_pass(&self, seconds: u64) {
        self.ahead.fetch_add(seconds * 1_000_000_000, Ordering::SeqCst);
    }

    /// It stands still, but for what is let pass.
    pub(crate) fn stand_still(&self) {
        self.stands_at.store(super::http::now_ms() * 1_000_000, Ordering::SeqCst);
    }

    /// The same gateway, by this clock.
    pub(crate) fn of(&self, plan: StagePlan) -> StagePlan {
        let (shift, build) = (self.clone(), plan.build);
        let build = Box::new(move |handle, models: &_| {
            let stage = build(handle, models)?;
            Ok(Box::new(Shifted { stage, shift }) as _)
        });
        StagePlan { build, ..plan }
    }

    fn from(&self, now: Timestamp) -> Timestamp {
        let now = match self.stands_at.load(Ordering::SeqCst) {
            0 => now.0,
            stands_at => stands_at,
        };
        Timestamp(now + self.ahead.load(Ordering::SeqCst))
    }
}

struct Shifted {
    stage: Box<dyn Stage>,
    shift: Shift,
}

impl Stage for Shifted {
    fn receive(&mut self, now: Timestamp) -> io::Result<usize> {
        self.stage.receive(self.shift.from(now))
    }

    fn deliver(&mut self, now: Timestamp) -> Result<usize, Closed> {
        self.stage.deliver(self.shift.from(now))
    }

    fn wait(&mut self, longest: Duration) -> io::Result<()> {
        self.stage.wait(longest)
    }
}
