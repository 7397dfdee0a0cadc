//! How far a long replay is, on standard error where that is a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::text::{grouped, rate};

/// Nothing is shown of a replay that is shorter than this.
const QUIET: Duration = Duration::from_millis(500);
const EVERY: Duration = Duration::from_millis(200);
const BAR_WIDTH: usize = 30;

/// A line that is written over again and again.
pub(super) struct Progress {
    shown: bool,
    start: Instant,
    next: Instant,
    /// Bytes of the file; zero where it has no size.
    size: u64,
}

impl Progress {
    /// Begins.
    pub(super) fn new(size: u64) -> Self {
        let start = Instant::now();
        Self { shown: false, start, next: start + QUIET, size }
    }

    /// Shows where it stands, if it is time to: bytes of the file read, messages taken.
    pub(super) fn tick(&mut self, bytes: u64, messages: u64) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + EVERY;
        let mut out = io::stderr();
        if !out.is_terminal() {
            return;
        }
        self.shown = true;
        let per_second = messages as f64 / now.duration_since(self.start).as_secs_f64();
        let done = if self.size == 0 { 0.0 } else { bytes as f64 / self.size as f64 };
        let full = ((done * BAR_WIDTH as f64) as usize).min(BAR_WIDTH);
        let bar = format!("{}{}", "#".repeat(full), ".".repeat(BAR_WIDTH - full));
        // A progress bar that cannot be drawn is no reason to stop.
        let _ = write!(
            out,
            "\r[{bar}] {:3.0}%  {} messages  {}/s \x1b[K",
            done * 100.0,
            grouped(messages),
            rate(per_second)
        );
        let _ = out.flush();
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if self.shown {
            let mut out = io::stderr();
            let _ = write!(out, "\r\x1b[K");
            let _ = out.flush();
        }
    }
}
