//! A folder for a test, removed with it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use tiercel_bus::{Align, Options, Retention, Waiting, Writers};

pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir()
            .join(format!("tiercel-bus-{name}-{}-{number}", std::process::id()));
        // What a run with the same number left behind.
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, cycle: u32) -> PathBuf {
        self.0.join(format!("{cycle:010}.cycle"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A small bus: 128 KiB a cycle.
pub(crate) fn small() -> Options {
    Options { cycle_bytes: 128 << 10, prefault: false, ..Options::default() }
}

pub(crate) fn shared() -> Options {
    Options { writers: Writers::Shared, ..small() }
}

pub(crate) fn sleepy() -> Options {
    Options { waiting: Waiting::Sleep, ..small() }
}

pub(crate) fn packed() -> Options {
    Options { align: Align::Word, ..small() }
}

pub(crate) fn keeping(cycles: u32) -> Options {
    Options { retention: Retention { cycles, bytes: 0 }, ..small() }
}
