//! Connections are made here, by a thread that may wait, and handed to the one that may not.

use std::io;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::endpoint::{Endpoint, Made};
use crate::lines::LineId;

/// The wait before the second attempt; it doubles with each.
const WAIT_FIRST: Duration = Duration::from_millis(50);
/// The longest wait between two attempts.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// A connection that lasted so long begins with the first wait again.
const LASTING: Duration = Duration::from_secs(10);

/// A connection that was made.
pub struct Dialed {
    /// For which line.
    pub line: LineId,
    /// The connection, or what there was instead: another attempt is under way then.
    pub result: io::Result<Made>,
    /// Random bytes for it.
    pub nonce: [u8; 32],
}

/// Makes connections again and again, each line's after a wait that grows and varies.
pub struct Dialer {
    wanted: Sender<LineId>,
    made: Receiver<Dialed>,
    thread: Option<JoinHandle<()>>,
}

/// An attempt that is to be made.
struct Attempt {
    line: LineId,
    at: Instant,
}

/// What is known of one line's connections.
#[derive(Clone, Copy)]
struct History {
    wait: Duration,
    made_at: Option<Instant>,
}

impl Dialer {
    /// A dialer of these endpoints, by line.
    ///
    /// # Errors
    /// The system's, where no thread can be had.
    pub fn new(endpoints: Vec<impl Into<Endpoint>>) -> io::Result<Self> {
        let endpoints: Vec<Endpoint> = endpoints.into_iter().map(Into::into).collect();
        let (wanted, requests) = channel();
        let (results, made) = channel();
        let thread = std::thread::Builder::new()
            .name("dialer".to_owned())
            .spawn(move || run(&endpoints, &requests, &results))?;
        Ok(Self { wanted, made, thread: Some(thread) })
    }

    /// A line wants a connection.
    pub fn want(&self, line: LineId) {
        // Without its thread nothing is made: the program is at its end.
        let _gone = self.wanted.send(line);
    }

    /// What was made since it was asked last.
    pub fn take(&self) -> Option<Dialed> {
        self.made.try_recv().ok()
    }
}

impl Drop for Dialer {
    fn drop(&mut self) {
        // It ends when nobody can want anything any more.
        self.wanted = channel().0;
        if let Some(thread) = self.thread.take() {
            // It does not panic.
            let _ended = thread.join();
        }
    }
}

fn run(endpoints: &[Endpoint], requests: &Receiver<LineId>, results: &Sender<Dialed>) {
    let mut history = vec![History { wait: Duration::ZERO, made_at: None }; endpoints.len()];
    let mut attempts: Vec<Attempt> = Vec::new();
    loop {
        let next = attempts.iter().map(|attempt| attempt.at).min();
        let longest = next.map_or(WAIT_MAX, |at| at.saturating_duration_since(Instant::now()));
        let request = if longest.is_zero() {
            match requests.try_recv() {
                Ok(line) => Some(line),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return,
            }
        } else {
            match requests.recv_timeout(longest) {
                Ok(line) => Some(line),
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => None,
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return,
            }
        };
        if let Some(line) = request
            && let Some(history) = history.get_mut(line)
        {
            attempts.push(Attempt { line, at: Instant::now() + history.next_wait() });
        }
        let now = Instant::now();
        let Some(due) = attempts.iter().position(|attempt| attempt.at <= now) else { continue };
        let Attempt { line, .. } = attempts.swap_remove(due);
        let result = endpoints
            .get(line)
            .map_or_else(|| Err(io::ErrorKind::NotFound.into()), Endpoint::connect);
        match &result {
            Ok(_) => history[line].made_at = Some(Instant::now()),
            Err(_) => {
                attempts.push(Attempt { line, at: Instant::now() + history[line].next_wait() });
            }
        }
        let mut nonce = [0; 32];
        let result = getrandom::fill(&mut nonce).map_err(io::Error::other).and(result);
        if results.send(Dialed { line, result, nonce }).is_err() {
            return;
        }
    }
}

impl History {
    /// How long to wait now: between half of the wait and all of it.
    fn next_wait(&mut self) -> Duration {
        if self.made_at.take().is_some_and(|at| at.elapsed() >= LASTING) {
            self.wait = Duration::ZERO;
        }
        let wait = self.wait;
        self.wait = (wait * 2).clamp(WAIT_FIRST, WAIT_MAX);
        let mut random = [0; 1];
        // Without random numbers all wait the longest.
        let share = getrandom::fill(&mut random).map_or(255, |()| u32::from(random[0]));
        wait / 2 + wait / 2 * share / 255
    }
}
