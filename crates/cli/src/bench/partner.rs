//! The other process of a bench between two: this binary again, in another role.
//!
//! ```text
//!   bench                    partner (its own process, on the second core)
//!     | -- "task words" -->  |  sets itself up
//!     | <-- "ready" -------  |
//!     |     ... what is measured ...
//!     | <-- "a number" ----  |  what it received
//! ```
//!
//! Between tasks the partner sleeps on its standard input, so that others can have its core. It ends
//! with that.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::BenchError;

/// Says that a process is a partner, and which.
const ROLE: &str = "TIERCEL_BENCH_PARTNER";
/// The core it runs on.
const CPU: &str = "TIERCEL_BENCH_PARTNER_CPU";
const READY: &str = "ready";

/// A partner, as the bench sees it.
#[derive(Debug)]
pub struct Partner {
    role: &'static str,
    process: Child,
    tasks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Partner {
    /// Starts this binary again as `role`, on core `cpu`.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn start(role: &'static str, cpu: usize) -> Result<Self, BenchError> {
        let mut process = Command::new(env::current_exe()?)
            .args(env::args_os().skip(1))
            .env(ROLE, role)
            .env(CPU, cpu.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(tasks), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
        };
        Ok(Self { role, process, tasks: Some(tasks), answers: BufReader::new(answers) })
    }

    /// Gives it a task, and waits until it is ready for it.
    ///
    /// # Errors
    /// [`BenchError::Wrong`] when it gave up.
    pub fn ask(&mut self, task: &str) -> Result<(), BenchError> {
        if let Some(tasks) = &mut self.tasks {
            writeln!(tasks, "{task}")?;
            tasks.flush()?;
        }
        match self.line()?.as_str() {
            READY => Ok(()),
            other => Err(self.wrong(format!("it answered {other:?}"))),
        }
    }

    /// What it found, at the end of its task.
    ///
    /// # Errors
    /// [`BenchError::Wrong`] when it gave up.
    pub fn answer(&mut self) -> Result<u64, BenchError> {
        let line = self.line()?;
        line.parse().map_err(|_| self.wrong(format!("it answered {line:?}")))
    }

    fn line(&mut self) -> Result<String, BenchError> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    fn wrong(&self, what: String) -> BenchError {
        BenchError::Wrong { subject: format!("the partner of {}", self.role), what }
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        // The end of its input is the end of the partner; one that hangs in a task is ended.
        self.tasks = None;
        let begin = std::time::Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) {
            if begin.elapsed() > super::pair::PATIENCE {
                // It may have ended by itself meanwhile.
                let _ = self.process.kill();
                let _ = self.process.wait();
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

/// The role that this process was started in, if it is a partner.
pub fn role() -> Option<String> {
    env::var(ROLE).ok()
}

/// Does tasks until there are no more. `work` gets a task's words, and says by its second argument
/// when it is ready; what it returns is the answer.
///
/// # Errors
/// The first error of `work`, and the system's refusals.
pub fn serve(
    mut work: impl FnMut(&[&str], &mut dyn FnMut() -> io::Result<()>) -> Result<u64, BenchError>,
) -> Result<(), BenchError> {
    if let Some(cpu) = env::var(CPU).ok().and_then(|cpu| cpu.parse().ok()) {
        tiercel_host::pin_current_thread(cpu)?;
    }
    let say = |line: &str| {
        let mut out = io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush())
    };
    for task in io::stdin().lock().lines() {
        let task = task?;
        let words: Vec<&str> = task.split(' ').collect();
        let answer = work(&words, &mut || say(READY))?;
        say(&answer.to_string())?;
    }
    Ok(())
}
