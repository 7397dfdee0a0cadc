//! What keeps orders from a venue that does not do what it is asked.
//!
//! ```text
//!            failures in a window            a wait, doubled each time
//!   Closed ------------------------> Open --------------------------> HalfOpen: one order may leave
//!     ^                               ^                                  |     |
//!     |                               +------------- it failed ----------+     |
//!     +------------------------------- it was answered ------------------------+
//! ```
//!
//! A failure is an answer that did not come in time, a connection that ended, a refusal that is not about the order: the
//! venue has too much to do, or wants to be left alone. Cancels and questions do not come here: they always pass.
//!
//! Must not happen here: allocation, a clock.

use tiercel_types::Timestamp;

/// More failures than this are not remembered.
pub const FAILURES_MAX: u32 = 16;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerOptions {
    /// So many failures open it, at most [`FAILURES_MAX`]; zero: it never opens.
    pub failures_max: u32,
    /// In so long a time.
    pub window_ns: u64,
    /// How long it is open the first time.
    pub wait_first_ns: u64,
    /// How long at most.
    pub wait_max_ns: u64,
}

impl BreakerOptions {
    /// One that never opens.
    pub const NEVER: Self = Self { failures_max: 0, ..Self::DEFAULT };
    /// Five failures in ten seconds; a second, and a minute at most.
    pub const DEFAULT: Self = Self {
        failures_max: 5,
        window_ns: 10_000_000_000,
        wait_first_ns: 1_000_000_000,
        wait_max_ns: 60_000_000_000,
    };
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Orders leave.
    Closed {
        /// Failures that were in the window when the last of them came.
        failures: u32,
    },
    /// None leaves.
    Open {
        /// Before this time.
        until: Timestamp,
    },
    /// One leaves: what becomes of it decides.
    HalfOpen {
        /// It has not left yet; or it has, and nobody said what became of it for as long as a breaker is open.
        permit: bool,
    },
}

impl BreakerState {
    /// A stable name, for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half_open",
        }
    }
}

/// One venue's breaker. See the [module's page](self).
#[derive(Clone, Copy, Debug)]
pub struct Breaker {
    options: BreakerOptions,
    state: BreakerState,
    /// How long it is open the next time.
    wait_ns: u64,
    /// Without a verdict on the one that left another may leave then.
    permit_at: Timestamp,
    /// When the newest failures came: a ring.
    failed_at: [u64; FAILURES_MAX as usize],
    next: usize,
}

impl Breaker {
    /// A closed one.
    pub fn new(options: BreakerOptions) -> Self {
        let failures_max = options.failures_max.min(FAILURES_MAX);
        let wait_max_ns = options.wait_max_ns.max(options.wait_first_ns);
        Self {
            options: BreakerOptions { failures_max, wait_max_ns, ..options },
            state: BreakerState::Closed { failures: 0 },
            wait_ns: options.wait_first_ns,
            permit_at: Timestamp(0),
            failed_at: [0; FAILURES_MAX as usize],
            next: 0,
        }
    }

    /// Where it stands at a time.
    #[inline]
    pub const fn state(&self, now: Timestamp) -> BreakerState {
        match self.state {
            BreakerState::Open { until } if now.0 >= until.0 => {
                BreakerState::HalfOpen { permit: true }
            }
            BreakerState::HalfOpen { permit: false } if now.0 >= self.permit_at.0 => {
                BreakerState::HalfOpen { permit: true }
            }
            state => state,
        }
    }

    /// Whether an order may leave.
    #[inline]
    pub const fn allows(&self, now: Timestamp) -> bool {
        matches!(
            self.state(now),
            BreakerState::Closed { .. } | BreakerState::HalfOpen { permit: true }
        )
    }

    /// An order leaves that was allowed to: it takes the permit, if it needs one.
    #[inline]
    pub const fn leaves(&mut self, now: Timestamp) {
        if let BreakerState::HalfOpen { .. } = self.state(now) {
            self.state = BreakerState::HalfOpen { permit: false };
            self.permit_at = Timestamp(now.0.saturating_add(self.wait_ns));
        }
    }

    /// What left did not leave after all: another may.
    #[inline]
    pub const fn returns(&mut self) {
        if let BreakerState::HalfOpen { .. } = self.state {
            self.state = BreakerState::HalfOpen { permit: true };
        }
    }

    /// Something failed.
    pub fn failed(&mut self, now: Timestamp) {
        if self.options.failures_max == 0 {
            return;
        }
        match self.state(now) {
            // What fails now was asked before.
            BreakerState::Open { .. } => {}
            BreakerState::HalfOpen { .. } => self.open(now),
            BreakerState::Closed { .. } => {
                self.failed_at[self.next] = now.0.max(1);
                self.next = (self.next + 1) % self.failed_at.len();
                let since = now.0.saturating_sub(self.options.window_ns);
                let in_window = |at: &&u64| **at > 0 && **at >= since;
                let failures = self.failed_at.iter().filter(in_window).count() as u32;
                self.state = BreakerState::Closed { failures };
                if failures >= self.options.failures_max {
                    self.open(now);
                }
            }
        }
    }

    /// The venue did what an order asked, or refused the order for what it is.
    #[inline]
    pub const fn succeeded(&mut self) {
        if let BreakerState::HalfOpen { permit: false } = self.state {
            self.state = BreakerState::Closed { failures: 0 };
            self.wait_ns = self.options.wait_first_ns;
        }
    }

    #[cold]
    fn open(&mut self, now: Timestamp) {
        self.failed_at = [0; FAILURES_MAX as usize];
        let until = Timestamp(now.0.saturating_add(self.wait_ns));
        self.state = BreakerState::Open { until };
        self.wait_ns = self.wait_ns.saturating_mul(2).min(self.options.wait_max_ns);
    }
}
