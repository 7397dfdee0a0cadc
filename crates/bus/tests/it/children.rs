//! Other processes: this test binary again, running one of its ignored tests.
//!
//! A child says how far it is by writing two numbers into a file. What it wrote stays when it is
//! killed, as what it stored into a mapping does.

use std::env;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const BUS: &str = "TIERCEL_BUS_TEST_BUS";
const NOTE: &str = "TIERCEL_BUS_TEST_NOTE";
const ROLE: &str = "TIERCEL_BUS_TEST_ROLE";

/// How long a child may take to do something.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a child was told, if this process is one.
pub(crate) struct Orders {
    pub(crate) bus: PathBuf,
    pub(crate) role: u8,
    note: File,
    /// What an earlier child of the same role noted; zeros when there was none.
    noted: (u64, u64),
}

/// The two numbers of the note at `path`; zeros where nothing was noted.
fn read_note(path: &Path) -> (u64, u64) {
    let bytes = std::fs::read(path).unwrap();
    let number = |at: usize| {
        bytes.get(at..at + 8).map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
    };
    (number(0), number(8))
}

impl Orders {
    /// `None` in a process that nobody started as a child.
    pub(crate) fn get() -> Option<Self> {
        let bus = PathBuf::from(env::var_os(BUS)?);
        let role = env::var(ROLE).unwrap().parse().unwrap();
        let path = PathBuf::from(env::var_os(NOTE).unwrap());
        let note = File::options().write(true).open(&path).unwrap();
        Some(Self { bus, role, note, noted: read_note(&path) })
    }

    pub(crate) const fn noted(&self) -> (u64, u64) {
        self.noted
    }

    pub(crate) fn note(&self, first: u64, second: u64) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&first.to_le_bytes());
        bytes[8..].copy_from_slice(&second.to_le_bytes());
        self.note.write_all_at(&bytes, 0).unwrap();
    }
}

/// A child and its note.
pub(crate) struct Process {
    child: Child,
    note: PathBuf,
}

impl Process {
    /// Starts the ignored test `name` on `bus`. Its note keeps what an earlier child wrote.
    pub(crate) fn start(name: &str, bus: &Path, role: u8) -> Self {
        let note = bus.join(format!("note-{name}-{role}").replace("::", "-"));
        File::options().create(true).append(true).open(&note).unwrap();
        let child = Command::new(env::current_exe().unwrap())
            .args([name, "--exact", "--ignored", "--nocapture"])
            .env(BUS, bus)
            .env(NOTE, &note)
            .env(ROLE, role.to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, note }
    }

    /// The two numbers it wrote last; zeros before that.
    pub(crate) fn noted(&self) -> (u64, u64) {
        read_note(&self.note)
    }

    /// Waits until its first number has passed `count`.
    pub(crate) fn wait_past(&mut self, count: u64) {
        let begin = Instant::now();
        while self.noted().0 <= count {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the child ended by itself: {status}");
            }
            assert!(begin.elapsed() < PATIENCE, "the child does nothing");
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Kills it with no chance to clean up, and fails if it had ended by itself. Returns its first
    /// number.
    pub(crate) fn kill(&mut self) -> u64 {
        assert!(self.is_running(), "the child ended by itself");
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.noted().0
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Left over only when the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
