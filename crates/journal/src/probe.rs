//! Finds out which durable write the machine does best.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use crate::buffer::Buffer;
use crate::files::{Method, write_durably};

/// Bytes of the tried writes: a block, as a single command needs, and what group commit gathers.
const WRITE_SIZES: [usize; 2] = [4096, 64 << 10];
/// Writes of each method and size; the median counts.
const WRITES: usize = 7;

/// The method that is faster over both sizes: the product of the ratios of their median times.
/// Buffered where direct writing is not possible. Takes some four milliseconds on a fast disk.
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
    buffered.write_all_at(&vec![0; WRITE_SIZES[1] * WRITES], 0)?;
    buffered.sync_all()?;
    let flags = OFlags::DIRECT.bits() as i32;
    let Ok(direct) = OpenOptions::new().write(true).custom_flags(flags).open(path) else {
        return Ok(Method::Buffered);
    };
    let buffer = Buffer::new(WRITE_SIZES[1]);
    let mut ratio = 1.0;
    for size in WRITE_SIZES {
        let mut times = [Vec::new(), Vec::new()];
        for at in 0..WRITES {
            let bytes = &buffer.bytes()[..size];
            // In turn, so that a noisy spell hits both.
            let Ok(time) = timed(&direct, Method::Direct, at, bytes) else {
                return Ok(Method::Buffered);
            };
            times[0].push(time);
            times[1].push(timed(&buffered, Method::Buffered, at, bytes)?);
        }
        let [direct, buffered] = times.map(|mut times| {
            times.sort_unstable();
            times[WRITES / 2].as_secs_f64()
        });
        ratio *= direct / buffered;
    }
    Ok(if ratio <= 1.0 { Method::Direct } else { Method::Buffered })
}

fn timed(file: &File, method: Method, at: usize, bytes: &[u8]) -> io::Result<Duration> {
    let start = Instant::now();
    write_durably(file, method, (at * bytes.len()) as u64, bytes)?;
    Ok(start.elapsed())
}
