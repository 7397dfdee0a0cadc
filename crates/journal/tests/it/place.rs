//! Folders for tests, and small journals in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tiercel_journal::{Engine, FileStorage, IoOptions, Journal, Method, Options};

/// A folder of its own, on the disk that the build is on; removed when it goes.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new(name: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("journal-{name}-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("a folder can be made");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A test that fails otherwise says why; what stays behind is of no importance.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Segments so small that tests go through many.
pub(crate) const SMALL: Options = Options {
    shard: 0,
    epoch: None,
    segment_size: 64 << 10,
    block_size: 512,
    buffer_size: 8 << 10,
    buffers: 4,
    snapshots_kept: 2,
};

/// Every way to write.
pub(crate) const WAYS: [IoOptions; 4] = [
    IoOptions { engine: Engine::Uring, method: Some(Method::Direct) },
    IoOptions { engine: Engine::Uring, method: Some(Method::Buffered) },
    IoOptions { engine: Engine::Blocking, method: Some(Method::Direct) },
    IoOptions { engine: Engine::Blocking, method: Some(Method::Buffered) },
];

pub(crate) fn open(path: &Path, io: IoOptions, options: Options) -> Journal<FileStorage> {
    let storage = FileStorage::open(path, io).expect("the folder opens");
    Journal::open(storage, options).expect("the journal opens")
}
