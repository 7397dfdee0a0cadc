//! How long commands take in each stage of the core: one is followed at a time.
//!
//! ```text
//!   handed in --ring--> taken --append--> in the log --match--> events written
//!                                             +--------release--------> acknowledged, readers may see
//! ```
//!
//! While one is under way, the others pass for the price of a branch. So where there is little to do
//! each command is measured, and under load about one of each group that the log writes together:
//! the first that a turn takes, which has waited longest.

use tiercel_host::Clock;
use tiercel_telemetry::{Recorder, Registry, RegistryError};

/// The histogram of all stages, by the label `stage`.
pub const LATENCY: &str = "trading_latency_microseconds";
/// Its help.
pub const LATENCY_HELP: &str = "Time of a request in each stage; stage order is all of the \
                                pipeline, from the hand-in to the last durable event.";

/// Times that cross the ring are in units of so many counter ticks, as a power of two, so that 32
/// bits hold a minute.
const UNIT_BITS: u32 = 6;

/// A moment, as it crosses the ring with its command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment(u32);

impl Moment {
    /// Now, by `clock`.
    #[inline]
    pub(crate) fn now(clock: &Clock) -> Self {
        Self((clock.ticks() >> UNIT_BITS) as u32)
    }

    /// How long ago it was, in nanoseconds: right up to a minute.
    #[inline]
    pub(crate) fn ns_ago(self, clock: &Clock) -> u64 {
        let units = Self::now(clock).0.wrapping_sub(self.0);
        clock.ns(u64::from(units) << UNIT_BITS)
    }
}

/// The command that is followed.
#[derive(Clone, Copy, Debug)]
struct Followed {
    sequence: u64,
    /// The counter when it was in the log.
    appended: u64,
    is_matched: bool,
}

/// Measures one command at a time on its way through the core.
#[derive(Debug)]
pub struct Probe {
    clock: Clock,
    ring: Recorder,
    append: Recorder,
    matching: Recorder,
    release: Recorder,
    followed: Option<Followed>,
}

impl Probe {
    /// A probe that records into `registry`.
    ///
    /// # Errors
    /// [`RegistryError`] when the name is taken.
    pub fn new(registry: &Registry, clock: Clock) -> Result<Self, RegistryError> {
        let stage = |stage| registry.histogram(LATENCY, LATENCY_HELP, &[("stage", stage)]);
        Ok(Self {
            clock,
            ring: stage("ring")?,
            append: stage("append")?,
            matching: stage("match")?,
            release: stage("release")?,
            followed: None,
        })
    }

    /// Whether the next command may be followed.
    #[inline]
    pub(crate) const fn is_free(&self) -> bool {
        self.followed.is_none()
    }

    /// A command was taken that was handed in at `moment`. Returns the counter.
    #[inline]
    pub(crate) fn taken(&self, moment: Moment) -> u64 {
        self.ring.record(moment.ns_ago(&self.clock));
        self.clock.ticks()
    }

    /// It is in the log, as `sequence`: until its events are released it is followed.
    #[inline]
    pub(crate) fn appended(&mut self, sequence: u64, taken: u64) {
        let appended = record(&self.append, &self.clock, taken);
        self.followed = Some(Followed { sequence, appended, is_matched: false });
    }

    /// The events of command `sequence` are written.
    #[inline]
    pub(crate) fn matched(&mut self, sequence: u64) {
        if let Some(followed) = &mut self.followed
            && followed.sequence == sequence
        {
            followed.is_matched = true;
            record(&self.matching, &self.clock, followed.appended);
        }
    }

    /// Everything up to `acknowledged` may be seen, as far as it is matched.
    #[inline]
    pub(crate) fn released(&mut self, acknowledged: u64) {
        if let Some(Followed { sequence, appended, is_matched: true }) = self.followed
            && sequence <= acknowledged
        {
            record(&self.release, &self.clock, appended);
            self.followed = None;
        }
    }
}

#[inline]
fn record(recorder: &Recorder, clock: &Clock, since: u64) -> u64 {
    let now = clock.ticks();
    recorder.record(clock.ns(now.saturating_sub(since)));
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_is_recorded_once_a_followed_command() {
        let registry = Registry::new();
        let mut probe = Probe::new(&registry, Clock::new()).unwrap();
        for sequence in [1, 2] {
            assert!(probe.is_free());
            let taken = probe.taken(Moment::now(&probe.clock));
            probe.appended(sequence, taken);
            probe.released(sequence);
            assert!(!probe.is_free(), "nobody sees events that are not written");
            probe.matched(sequence);
            probe.released(sequence - 1);
            assert!(!probe.is_free(), "what is not acknowledged is still under way");
            probe.released(sequence + 5);
        }
        let text = registry.text();
        for stage in ["ring", "append", "match", "release"] {
            let line = format!("{LATENCY}_count{{stage=\"{stage}\"}} 2\n");
            assert!(text.contains(&line), "{stage} in {text}");
        }
    }
}
