//! What it takes until a write is on disk.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tiercel_telemetry::Histogram;
use tiercel_telemetry::histogram::Nanoseconds;

use super::{Outcome, Setting};

const BLOCK: usize = 4_096;
/// Blocks of the file, each written once before the measurement.
const BLOCKS: usize = 256;
/// Long enough for a slow disk to show itself.
const SPAN: Duration = Duration::from_secs(1);
/// `statfs(2)`: a file system that lies in memory.
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// A file that is gone when it is no longer measured.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nobody is told: the measurement is done.
        let _ = fs::remove_file(&self.0);
    }
}

pub(super) fn durable_write(setting: &Setting<'_>) -> io::Result<Outcome> {
    let kind = rustix::fs::statfs(setting.folder)?.f_type;
    if kind as u64 == TMPFS_MAGIC {
        let folder = setting.folder.display();
        let message = format!("{folder} lies in memory; --folder names one on a disk");
        return Err(io::Error::other(message));
    }
    let name = format!(".tiercel-doctor-{}", std::process::id());
    let scratch = Scratch(setting.folder.join(name));
    let file = File::create_new(&scratch.0)?;
    let block = [7; BLOCK];
    for at in 0..BLOCKS {
        file.write_all_at(&block, (at * BLOCK) as u64)?;
    }
    file.sync_all()?;
    let mut times = Histogram::new();
    let begin = Instant::now();
    for at in (0..BLOCKS).cycle() {
        if begin.elapsed() >= SPAN {
            break;
        }
        let start = setting.clock.ticks();
        file.write_all_at(&block, (at * BLOCK) as u64)?;
        file.sync_data()?;
        times.record(setting.clock.ns_since(start));
    }
    let latency = times.distribution();
    let found = format!(
        "{}, p99 {}, in {}",
        Nanoseconds(latency.p50_ns),
        Nanoseconds(latency.p99_ns),
        setting.folder.display()
    );
    Ok(Outcome { found, judged_ns: latency.p50_ns, latency })
}
