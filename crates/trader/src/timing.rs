//! How long a tick takes in each stage, from the socket to the socket.

use tiercel_host::Clock;
use tiercel_telemetry::{Recorder, Registry, RegistryError};

/// The histogram of all stages, by the label `stage`.
pub const LATENCY: &str = "stage_ns";
const LATENCY_HELP: &str = "Time of a tick in each stage of the trader.";
/// The histogram from a tick's bytes to those of the order that follows from it.
pub const TICK_TO_TRADE: &str = "tick_to_trade_ns";
const TICK_TO_TRADE_HELP: &str = "From the bytes of a tick to the order that follows from it: encoded, and handed to the system.";
/// The histogram from a tick's bytes to the book that has them.
pub const TICK_TO_UPDATE: &str = "tick_to_update_ns";
const TICK_TO_UPDATE_HELP: &str = "From the bytes of a tick to the book that has it.";

/// A stage of the way of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Bytes to levels.
    Parse,
    /// Levels to the book.
    Book,
    /// The strategy.
    Strategy,
    /// The gate, and the order's own record.
    Risk,
    /// Orders to bytes.
    Encode,
    /// Bytes to the system.
    Send,
}

impl Stage {
    /// All, in their order.
    pub const ALL: [Self; 6] =
        [Self::Parse, Self::Book, Self::Strategy, Self::Risk, Self::Encode, Self::Send];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Book => "book",
            Self::Strategy => "strategy",
            Self::Risk => "risk",
            Self::Encode => "encode",
            Self::Send => "send",
        }
    }
}

/// Follows the tick that is under way. A mark is a read of the cycle counter, and a record.
pub struct Timing {
    clock: Clock,
    stages: [Recorder; 6],
    to_update: Recorder,
    to_trade: Recorder,
    began: u64,
    last: u64,
    /// When the first of the orders began that are not sent yet; zero: there is none.
    traded: u64,
}

impl Timing {
    /// Records into `registry`.
    ///
    /// # Errors
    /// [`RegistryError`]: the names are taken.
    pub fn new(registry: &Registry, clock: Clock) -> Result<Self, RegistryError> {
        let stage =
            |stage: Stage| registry.histogram(LATENCY, LATENCY_HELP, &[("stage", stage.name())]);
        Ok(Self {
            clock,
            stages: [
                stage(Stage::Parse)?,
                stage(Stage::Book)?,
                stage(Stage::Strategy)?,
                stage(Stage::Risk)?,
                stage(Stage::Encode)?,
                stage(Stage::Send)?,
            ],
            to_update: registry.histogram(TICK_TO_UPDATE, TICK_TO_UPDATE_HELP, &[])?,
            to_trade: registry.histogram(TICK_TO_TRADE, TICK_TO_TRADE_HELP, &[])?,
            began: 0,
            last: 0,
            traded: 0,
        })
    }

    /// The time, in nanoseconds since 1970.
    #[inline]
    pub fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    /// Bytes are here, maybe a tick's. The time, in nanoseconds since 1970.
    #[inline]
    pub fn begin(&mut self) -> u64 {
        self.began = self.clock.ticks();
        self.last = self.began;
        self.clock.at_ns(self.began)
    }

    /// The time when the last stage was over, if something is to be sent, and else of now.
    #[inline]
    pub fn last_ns(&self) -> u64 {
        if self.traded == 0 { self.now_ns() } else { self.clock.at_ns(self.last) }
    }

    /// A stage is over, and the next begins.
    #[inline]
    pub fn mark(&mut self, stage: Stage) {
        let now = self.clock.ticks();
        self.stages[stage as usize].record(self.clock.ns(now.saturating_sub(self.last)));
        if stage as usize == Stage::Book as usize {
            self.to_update.record(self.clock.ns(now.saturating_sub(self.began)));
        }
        self.last = now;
    }

    /// The same, if something is to be sent.
    #[inline]
    pub fn mark_if_trading(&mut self, stage: Stage) {
        if self.traded != 0 {
            self.mark(stage);
        }
    }

    /// What follows from the tick is to be sent.
    #[inline]
    pub const fn trades(&mut self) {
        if self.traded == 0 {
            self.traded = self.began;
        }
    }

    /// Everything was handed to the system.
    #[inline]
    pub fn sent(&mut self) {
        if self.traded != 0 {
            self.mark(Stage::Send);
            self.to_trade.record(self.clock.ns(self.last.saturating_sub(self.traded)));
            self.traded = 0;
        }
    }

    /// The clock follows the system's.
    pub fn follow(&mut self) {
        self.clock.reanchor();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_the_last_stage_is_that_of_what_a_tick_sets_off_and_of_nothing_else() {
        let mut timing = Timing::new(&Registry::new(), Clock::new()).unwrap();
        let began_ns = timing.begin();
        // Long ago, as far as a clock can tell.
        while timing.now_ns() < began_ns + 1_000_000 {}
        assert!(timing.last_ns() >= began_ns + 1_000_000);
        timing.trades();
        assert_eq!(timing.last_ns(), began_ns);
        timing.mark(Stage::Risk);
        let marked_ns = timing.last_ns();
        assert!((began_ns + 1_000_000..=timing.now_ns()).contains(&marked_ns));
        timing.sent();
        assert!(timing.last_ns() > marked_ns);
    }
}
