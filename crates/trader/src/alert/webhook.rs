//! Alerts over HTTP, one after the other, on a thread that may wait.
//!
//! What waits is bounded: at the bound the oldest is dropped and counted. So is what was tried often enough. An alert
//! whose answer was lost is posted again: who takes them knows it by its number.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tiercel_host::secret;
use tiercel_telemetry::Counter;
use ureq::http::HeaderValue;

use crate::alert::{AlertError, Say};
use crate::config::WebhookTable;
use crate::rest;

/// How long what waits may take at the end.
const END: Duration = Duration::from_secs(5);
/// Between two attempts at the end.
const END_WAIT: Duration = Duration::from_millis(100);

/// What waits, and who is asked to end.
struct Waiting {
    bodies: VecDeque<String>,
    /// Until when what waits is posted, once it ends.
    until: Option<Instant>,
    dropped: Counter,
}

struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    waiting_max: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next one; none when it is over.
    fn next(&self) -> Option<String> {
        let idle = |waiting: &mut Waiting| waiting.bodies.is_empty() && waiting.until.is_none();
        let mut waiting =
            self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        if waiting.until.is_some_and(|until| Instant::now() >= until) {
            waiting.dropped.add(waiting.bodies.len() as u64);
            return None;
        }
        waiting.bodies.pop_front()
    }

    /// Waits before another attempt. Whether there is time for one.
    fn pause(&self, wait: Duration) -> bool {
        let goes_on = |waiting: &mut Waiting| waiting.until.is_none();
        let (waiting, _) = self
            .changed
            .wait_timeout_while(self.lock(), wait, goes_on)
            .unwrap_or_else(PoisonError::into_inner);
        let Some(until) = waiting.until else { return true };
        drop(waiting);
        let left = until.saturating_duration_since(Instant::now());
        std::thread::sleep(left.min(END_WAIT));
        left > END_WAIT
    }

    /// How long an answer may take now.
    fn timeout(&self, timeout: Duration) -> Duration {
        let until = self.lock().until;
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        left.map_or(timeout, |left| left.clamp(END_WAIT, timeout.max(END_WAIT)))
    }

    fn drop_one(&self) {
        self.lock().dropped.increment();
    }
}

/// A webhook. When it is dropped, what waits still has five seconds.
pub struct Webhook {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Webhook {
    /// The one of a configuration, which was checked. `dropped` counts what is not told there; `say` hears when it begins to
    /// fail, and when it works again.
    ///
    /// # Errors
    /// [`AlertError`]: a file that cannot be used, or the system's refusal.
    pub fn start(table: &WebhookTable, dropped: Counter, say: Say) -> Result<Self, AlertError> {
        let waiting = Waiting { bodies: VecDeque::new(), until: None, dropped };
        let shared = Arc::new(Shared {
            waiting: Mutex::new(waiting),
            changed: Condvar::new(),
            waiting_max: table.waiting_max,
        });
        let post = Post {
            agent: rest::agent(&table.url, table.tls_roots.as_deref())?,
            url: table.url.clone(),
            authorization: authorization(table)?,
            timeout: Duration::from_millis(table.timeout_ms),
        };
        let work = Work {
            shared: Arc::clone(&shared),
            post,
            wait_first: Duration::from_millis(table.retry_first_ms),
            wait_max: Duration::from_millis(table.retry_max_ms),
            attempts_max: table.attempts_max,
            say,
        };
        let thread = std::thread::Builder::new().name("webhook".to_owned());
        let thread = thread.spawn(move || work.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Posts this one behind those that wait. Never waits.
    pub fn tell(&self, body: String) {
        let mut waiting = self.shared.lock();
        if waiting.bodies.len() >= self.shared.waiting_max {
            waiting.bodies.pop_front();
            waiting.dropped.increment();
        }
        waiting.bodies.push_back(body);
        drop(waiting);
        self.shared.changed.notify_all();
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.shared.lock().until = Some(Instant::now() + END);
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // What it failed with is over too.
            let _ended = thread.join();
        }
    }
}

/// The header that shows the token, if there is one.
fn authorization(table: &WebhookTable) -> Result<Option<HeaderValue>, AlertError> {
    let Some(path) = &table.token_file else { return Ok(None) };
    let token = secret::read(path)?;
    let value = HeaderValue::from_str(&format!("Bearer {}", token.trim()));
    let mut value = value.map_err(|_| AlertError::Token(path.clone()))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// Where to, and with what.
struct Post {
    agent: ureq::Agent,
    url: String,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

impl Post {
    /// One attempt. Any status of success is one; a redirection is none: the token is for this address alone.
    fn post(&self, body: &str, timeout: Duration) -> io::Result<()> {
        let request = self.agent.post(self.url.as_str()).config();
        let request = request.timeout_global(Some(timeout)).max_redirects(0).build();
        let mut request = request.content_type("application/json");
        if let Some(value) = &self.authorization {
            request = request.header("authorization", value);
        }
        let status = request.send(body).map_err(io::Error::other)?.status();
        if status.is_success() {
            return Ok(());
        }
        Err(io::Error::other(format!("the answer is {}", status.as_u16())))
    }
}

/// The thread's work.
struct Work {
    shared: Arc<Shared>,
    post: Post,
    wait_first: Duration,
    wait_max: Duration,
    attempts_max: u32,
    say: Say,
}

impl Work {
    fn run(self) {
        // While it fails, the wait goes on from alert to alert.
        let (mut wait, mut fails) = (self.wait_first, false);
        while let Some(body) = self.shared.next() {
            for attempt in 1..=self.attempts_max {
                let timeout = self.shared.timeout(self.post.timeout);
                let Err(error) = self.post.post(&body, timeout) else {
                    if std::mem::take(&mut fails) {
                        (self.say)("alerts: the webhook takes them again");
                    }
                    wait = self.wait_first;
                    break;
                };
                if !std::mem::replace(&mut fails, true) {
                    (self.say)(&format!("alerts: the webhook fails, and is tried again: {error}"));
                }
                let has_time = self.shared.pause(wait);
                wait = (wait * 2).min(self.wait_max);
                if !has_time || attempt == self.attempts_max {
                    self.shared.drop_one();
                    break;
                }
            }
        }
    }
}
