//! Logging through `tracing` that never waits for a disk or a terminal.
//!
//! ```text
//!   tracing macros --> levels --> a line --> bounded queue --> writer thread --> file, stderr
//!                                            full: the line is counted and dropped
//! ```
//!
//! Who logs formats its line and puts it into the queue, without a system call: the writer looks
//! for lines by itself. What was dropped is written down by the writer where it happened, and
//! counted for metrics. Nothing of this belongs into the hot loop all the same: a line allocates.

use std::io::{self, Write};
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use thiserror::Error;
use tracing::Dispatch;
use tracing::dispatcher::set_global_default;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer, Registry as Spans, reload};

/// The writer looks for lines this often while some come, and rests longer and longer while none
/// do.
const REST_MIN: Duration = Duration::from_millis(1);
const REST_MAX: Duration = Duration::from_millis(32);

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged and how.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// Which levels: `info`, or `warn,tiercel_venue=debug`. Each is a level, or a target and its
    /// level: a word alone that is no level is refused.
    pub levels: String,
    /// How lines are written.
    pub format: LogFormat,
    /// Lines that wait to be written, at most; what comes while so many wait is dropped.
    pub queue_lines: usize,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { levels: "info".to_owned(), format: LogFormat::Text, queue_lines: 8_192 }
    }
}

/// Why logging cannot start or change.
#[derive(Debug, Error)]
pub enum LogError {
    /// The levels are not written as they have to be.
    #[error("not a list of levels: {levels:?}: {reason}")]
    Levels {
        /// What was given.
        levels: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something logs already.
    #[error("logging was started before")]
    Started,
    /// The writer's thread could not be started.
    #[error("the log's writer cannot be started")]
    Thread(#[from] io::Error),
}

/// What happened to lines.
#[derive(Debug, Default)]
struct Counts {
    dropped: AtomicU64,
    failed: AtomicU64,
}

/// Logging, as long as it runs. Dropping it writes down what waits, and stops the writer.
#[derive(Debug)]
pub struct Log {
    levels: reload::Handle<Targets, Spans>,
    counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
    writer: Option<JoinHandle<()>>,
}

impl Log {
    /// Starts logging for the whole program, into `out`.
    ///
    /// # Errors
    /// [`LogError`] when levels make no sense, or something logs already.
    pub fn start(out: impl Write + Send + 'static, options: &LogOptions) -> Result<Self, LogError> {
        let (dispatch, log) = Self::dispatch(out, options)?;
        set_global_default(dispatch).map_err(|_| LogError::Started)?;
        Ok(log)
    }

    /// The same, for the caller to install where it likes.
    ///
    /// # Errors
    /// [`LogError`] when levels make no sense or the writer cannot be started.
    pub fn dispatch(
        out: impl Write + Send + 'static,
        options: &LogOptions,
    ) -> Result<(Dispatch, Self), LogError> {
        let (filter, levels) = reload::Layer::new(targets(&options.levels)?);
        let (sender, receiver) = sync_channel(options.queue_lines.max(1));
        let counts = Arc::new(Counts::default());
        let stop = Arc::new(AtomicBool::new(false));
        let work = Work {
            lines: receiver,
            out,
            format: options.format,
            counts: Arc::clone(&counts),
            stop: Arc::clone(&stop),
            dropped_told: 0,
        };
        let writer = thread::Builder::new().name("log".to_owned()).spawn(move || work.run())?;
        let queue = Queue { lines: sender, counts: Arc::clone(&counts) };
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(queue);
        let layer: Box<dyn Layer<_> + Send + Sync> = match options.format {
            LogFormat::Text => Box::new(layer),
            LogFormat::Json => Box::new(layer.json()),
        };
        let dispatch = Dispatch::new(Spans::default().with(filter).with(layer));
        Ok((dispatch, Self { levels, counts, stop, writer: Some(writer) }))
    }

    /// Changes what is logged from now on: as [`LogOptions::levels`].
    ///
    /// # Errors
    /// [`LogError::Levels`]; what was logged stays so.
    pub fn set_levels(&self, levels: &str) -> Result<(), LogError> {
        let wanted = targets(levels)?;
        self.levels.reload(wanted).map_err(|error| LogError::Levels {
            levels: levels.to_owned(),
            reason: error.to_string(),
        })
    }

    /// Lines that were dropped because too many waited.
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }

    /// Lines that could not be written: a full disk, a closed pipe.
    pub fn failed(&self) -> u64 {
        self.counts.failed.load(Ordering::Relaxed)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(writer) = self.writer.take() {
            writer.thread().unpark();
            // A writer that panicked has nothing left to say.
            let _ = writer.join();
        }
    }
}

/// Whether levels are written as they have to be: as [`LogOptions::levels`].
///
/// # Errors
/// [`LogError::Levels`].
pub fn check_levels(levels: &str) -> Result<(), LogError> {
    targets(levels).map(|_| ())
}

fn targets(levels: &str) -> Result<Targets, LogError> {
    let refuse = |reason: String| LogError::Levels { levels: levels.to_owned(), reason };
    // `Targets` takes a word that it does not know for a target of which everything is logged.
    if let Some(unknown) = levels.split(',').find(|one| !is_level_or_pair(one)) {
        let reason = format!("{unknown:?} is neither a level nor TARGET=LEVEL");
        return Err(refuse(reason));
    }
    Targets::from_str(levels).map_err(|error| refuse(error.to_string()))
}

/// Whether that is a level, or has the form of a target and a level.
fn is_level_or_pair(one: &str) -> bool {
    let is_target = |text: &str| {
        let of_path = |byte: u8| byte.is_ascii_alphanumeric() || b"_:-.".contains(&byte);
        !text.is_empty() && text.bytes().all(of_path)
    };
    match one.split_once('=') {
        Some((target, level)) => is_target(target) && !level.is_empty(),
        None => !one.is_empty() && LevelFilter::from_str(one).is_ok(),
    }
}

/// The end of the queue that lines are put into.
#[derive(Clone)]
struct Queue {
    lines: SyncSender<Box<[u8]>>,
    counts: Arc<Counts>,
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}

impl Write for &Queue {
    /// One call is one line: the formatter writes it whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lines.try_send(line.into()).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The writer's thread.
struct Work<W> {
    lines: Receiver<Box<[u8]>>,
    out: W,
    format: LogFormat,
    counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
    /// Dropped lines that the log itself tells of.
    dropped_told: u64,
}

impl<W: Write> Work<W> {
    fn run(mut self) {
        let mut rest = REST_MIN;
        loop {
            // Looked at before the queue: what was logged before the stop is written.
            let stopping = self.stop.load(Ordering::Acquire);
            match self.lines.try_recv() {
                Ok(line) => {
                    self.write(&line);
                    rest = REST_MIN;
                }
                Err(TryRecvError::Empty) if !stopping => {
                    self.tell_dropped();
                    self.flush();
                    thread::park_timeout(rest);
                    rest = (rest * 2).min(REST_MAX);
                }
                Err(_) => break,
            }
        }
        self.tell_dropped();
        self.flush();
    }

    fn write(&mut self, line: &[u8]) {
        if self.out.write_all(line).is_err() {
            self.counts.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&mut self) {
        if self.out.flush().is_err() {
            self.counts.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Says in the log how many lines are missing there.
    fn tell_dropped(&mut self) {
        let dropped = self.counts.dropped.load(Ordering::Relaxed);
        let missing = dropped - self.dropped_told;
        if missing == 0 {
            return;
        }
        self.dropped_told = dropped;
        let mut time = String::new();
        if SystemTime.format_time(&mut Writer::new(&mut time)).is_err() {
            time.clear();
        }
        let target = module_path!();
        let line = match self.format {
            LogFormat::Text => {
                format!("{time}  WARN {target}: lines were dropped missing={missing}\n")
            }
            LogFormat::Json => format!(
                "{{\"timestamp\":\"{time}\",\"level\":\"WARN\",\"fields\":{{\"message\":\"lines \
                 were dropped\",\"missing\":{missing}}},\"target\":\"{target}\"}}\n"
            ),
        };
        self.write(line.as_bytes());
    }
}
