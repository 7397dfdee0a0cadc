//! The thread that does it all: sockets, books, strategy, orders, in one loop.
//!
//! ```text
//!   turn:  poll sockets, sources --> Lines --> flush
//!   each millisecond:  timers and sessions, what was asked of the trader, new connections
//! ```

use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use tiercel_net::{Busy, Limits, Reactor, Tuning};
use tiercel_types::Timestamp;

use crate::dial::{Dialed, Dialer};
use crate::endpoint::Made;
use crate::lines::{LineEvent, LineId, Lines};
use crate::websocket::Handover;

/// Between two looks at everything but sockets.
const TICK_NS: u64 = 1_000_000;
/// Turns without work before the thread sleeps, if it may.
const TURNS_BEFORE_SLEEP: u32 = 2_000;
/// How often the clock follows the system's.
const FOLLOW_NS: u64 = 1_000_000_000;
/// How long cancels and goodbyes may take at the end.
const GOODBYE_NS: u64 = 5_000_000_000;

/// What somebody wants of a running trader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// The strategy may act.
    Begin,
    /// Nothing but cancels leaves, and everything is cancelled, until somebody enables it.
    Halt,
    /// Orders may leave again; losses count from now.
    Enable,
    /// Everything is cancelled, and the loop ends once that is answered.
    Stop,
}

/// How the thread waits while there is nothing to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// It looks for some time, and then sleeps until a socket is ready.
    #[default]
    SpinThenSleep,
    /// It never stops looking.
    Spin,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Nothing is open any more.
    Clean,
    /// So many orders may be open still: their cancels were not answered in time.
    Open(usize),
}

/// The loop, before it runs.
pub struct Hot {
    lines: Lines,
    reactor: Busy,
    dialer: Dialer,
    control: Receiver<Control>,
    wait: Wait,
    next_tick: u64,
    next_follow: u64,
    /// Until when it waits for answers, once it was stopped.
    stops: Option<u64>,
}

impl Hot {
    /// A loop of these lines. All of them are dialled at once.
    ///
    /// # Errors
    /// The system's.
    pub fn new(
        lines: Lines,
        dialer: Dialer,
        control: Receiver<Control>,
        wait: Wait,
        limits: Limits,
    ) -> io::Result<Self> {
        // What a tick sets off leaves before the tick is acknowledged.
        let tuning = Tuning { quick_ack: false, ..Tuning::default() };
        let reactor = Busy::new(None, tuning, limits)?;
        for line in 0..lines.lines().count() {
            dialer.want(line);
        }
        Ok(Self {
            lines,
            reactor,
            dialer,
            control,
            wait,
            next_tick: 0,
            next_follow: 0,
            stops: None,
        })
    }

    /// Runs until it is stopped, or whoever controls it is gone. `tell` hears of connections and, each
    /// millisecond, of the time.
    ///
    /// # Errors
    /// The system's.
    pub fn run(
        mut self,
        mut tell: impl FnMut(Timestamp, &mut Lines, Option<LineEvent>),
    ) -> io::Result<(Ended, Lines)> {
        let mut idle = 0_u32;
        loop {
            let work = self.reactor.poll(&mut self.lines)? + self.lines.poll();
            self.lines.flush(&mut self.reactor);
            let now_ns = self.lines.core.timing.now_ns();
            if now_ns >= self.next_tick {
                self.next_tick = now_ns + TICK_NS;
                if let Some(ended) = self.look(Timestamp(now_ns), &mut tell) {
                    self.lines.core.finish(Timestamp(now_ns))?;
                    return Ok((ended, self.lines));
                }
            }
            idle = if work > 0 { 0 } else { idle.saturating_add(1) };
            if self.wait == Wait::SpinThenSleep && idle > TURNS_BEFORE_SLEEP {
                let longest = Duration::from_nanos(TICK_NS);
                self.reactor.wait(self.lines.nap().unwrap_or(longest))?;
            } else if idle > 0 {
                std::hint::spin_loop();
            }
        }
    }

    /// Everything but sockets. How it ended, if it did.
    #[cold]
    fn look(
        &mut self,
        now: Timestamp,
        tell: &mut impl FnMut(Timestamp, &mut Lines, Option<LineEvent>),
    ) -> Option<Ended> {
        self.lines.tick(now);
        while let Some(Dialed { line, result, nonce }) = self.dialer.take() {
            match result {
                Ok(Made { stream, channel, early }) => {
                    self.lines.expect(line, Handover { channel, early, nonce });
                    if let Err(error) = self.reactor.add(stream, &mut self.lines) {
                        tell(now, &mut self.lines, Some(LineEvent::Down(line, error.to_string())));
                        self.dialer.want(line);
                    }
                }
                Err(error) => {
                    tell(now, &mut self.lines, Some(LineEvent::Down(line, error.to_string())));
                }
            }
        }
        match self.control.try_recv() {
            Ok(Control::Stop) | Err(TryRecvError::Disconnected) => self.stop(now),
            Ok(control) => self.lines.core.control(now, control),
            Err(TryRecvError::Empty) => {}
        }
        self.lines.flush(&mut self.reactor);
        let mut gone: Vec<LineId> = Vec::new();
        let mut events: Vec<LineEvent> = Vec::new();
        self.lines.take_events(|event| events.push(event));
        for event in events {
            if let LineEvent::Down(line, _) = &event
                && self.lines.has_connection(*line)
            {
                gone.push(*line);
            }
            tell(now, &mut self.lines, Some(event));
        }
        for line in gone {
            self.dialer.want(line);
        }
        tell(now, &mut self.lines, None);
        if now.0 >= self.next_follow {
            self.next_follow = now.0 + FOLLOW_NS;
            self.lines.core.timing.follow();
        }
        self.ended(now)
    }

    fn stop(&mut self, now: Timestamp) {
        if self.stops.is_none() {
            self.stops = Some(now.0 + GOODBYE_NS);
            self.lines.core.control(now, Control::Stop);
        }
    }

    fn ended(&mut self, now: Timestamp) -> Option<Ended> {
        let until = self.stops?;
        let core = &self.lines.core;
        let open = core.oms().live_orders() + core.orders_not_taken_over();
        if open > 0 && now.0 < until {
            return None;
        }
        self.lines.log_out(now);
        self.lines.flush(&mut self.reactor);
        Some(if open == 0 { Ended::Clean } else { Ended::Open(open) })
    }
}
