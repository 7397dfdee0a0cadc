//! Finds out which durable write the machine does best.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use crate::buffer::Buffer;
use crate::files::{Method, write_durably};

/// Bytes of a tried write: a block, as a single command needs.
const WRITE_SIZE: usize = 4096;
/// Writes of each method; the median counts.
const WRITES: u64 = 9;

/// The method whose median of a few durable writes of one block to `folder` is shorter; buffered
/// where direct writing is not possible. Takes some two milliseconds on a fast disk.
///
/// # Errors
/// The system's, when not even buffered writing works.
pub(crate) fn faster_method(folder: &Path) -> io::Result<Method> {
    let path = folder.join(format!("probe-{}.tmp", std::process::id()));
    let result = compare(&path);
    std::fs::remove_file(&path)?;
    result
}

fn compare(path: &Path) -> io::Result<Method> {
    let buffered = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    buffered.write_all_at(&vec![0; WRITE_SIZE * WRITES as usize], 0)?;
    buffered.sync_all()?;
    let flags = OFlags::DIRECT.bits() as i32;
    let Ok(direct) = OpenOptions::new().write(true).custom_flags(flags).open(path) else {
        return Ok(Method::Buffered);
    };
    let buffer = Buffer::new(WRITE_SIZE);
    let mut times = [Vec::new(), Vec::new()];
    for at in 0..WRITES {
        // In turn, so that a noisy spell hits both.
        let Ok(time) = timed(&direct, Method::Direct, at, &buffer) else {
            return Ok(Method::Buffered);
        };
        times[0].push(time);
        times[1].push(timed(&buffered, Method::Buffered, at, &buffer)?);
    }
    let [direct, buffered] = times.map(|mut times| {
        times.sort_unstable();
        times[WRITES as usize / 2]
    });
    Ok(if direct <= buffered { Method::Direct } else { Method::Buffered })
}

fn timed(file: &File, method: Method, at: u64, buffer: &Buffer) -> io::Result<Duration> {
    let start = Instant::now();
    write_durably(file, method, at * WRITE_SIZE as u64, &buffer.bytes()[..WRITE_SIZE])?;
    Ok(start.elapsed())
}
