//! The bytes of a capture, read and unpacked by a thread of their own, in chunks of whole events.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel, sync_channel};
use std::thread::JoinHandle;

use flate2::read::MultiGzDecoder;
use tiercel_wire::market::RECORD_SIZE;

/// Bytes of a chunk, about.
const CHUNK: usize = 256 << 10;
/// Chunks that are read ahead.
const AHEAD: usize = 4;
/// The longest line: a book of 5,000 levels a side has some 300 kB.
const LINE_BYTES_MAX: u64 = 4 << 20;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// How events lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contents {
    /// One a line.
    Lines,
    /// One each 64 bytes.
    Records,
}

/// What was read.
type Chunk = Result<Vec<u8>, String>;

/// Chunks of a file.
pub(super) struct Chunks {
    read: Option<Receiver<Chunk>>,
    done: Sender<Vec<u8>>,
    thread: Option<JoinHandle<()>>,
}

impl Chunks {
    /// Opens a file, plain or packed.
    pub(super) fn open(path: &Path, contents: Contents) -> io::Result<Self> {
        let failed =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let mut file = BufReader::with_capacity(CHUNK, File::open(path).map_err(failed)?);
        let is_packed = file.fill_buf().map_err(failed)?.starts_with(&GZIP_MAGIC);
        let mut reader: Box<dyn BufRead + Send> = if is_packed {
            Box::new(BufReader::with_capacity(CHUNK, MultiGzDecoder::new(file)))
        } else {
            Box::new(file)
        };
        let (told, chunks) = sync_channel(AHEAD);
        let (done, spare) = channel::<Vec<u8>>();
        let name = path.display().to_string();
        let thread = std::thread::Builder::new().name("capture".to_owned()).spawn(move || {
            loop {
                let mut chunk = spare.try_recv().unwrap_or_default();
                chunk.clear();
                let read = fill(&mut *reader, contents, &mut chunk);
                let chunk = match read {
                    Ok(()) if chunk.is_empty() => return,
                    Ok(()) => Ok(chunk),
                    Err(error) => Err(format!("{name}: {error}")),
                };
                let is_last = chunk.is_err();
                if told.send(chunk).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok(Self { read: Some(chunks), done, thread: Some(thread) })
    }

    /// Puts the next chunk in the place of one that is done with; false: it is not read yet. Why there is none, at the
    /// end.
    pub(super) fn next(&self, chunk: &mut Vec<u8>) -> Result<bool, String> {
        let Some(chunks) = &self.read else { return Ok(false) };
        match chunks.try_recv() {
            Ok(next) => {
                let before = core::mem::replace(chunk, next?);
                // Its thread is gone when all was read.
                let _gone = self.done.send(before);
                Ok(true)
            }
            Err(TryRecvError::Empty) => Ok(false),
            Err(TryRecvError::Disconnected) => Err("the capture is over".to_owned()),
        }
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        // It ends when nobody takes what it reads.
        self.read = None;
        if let Some(thread) = self.thread.take() {
            // It does not panic.
            let _ended = thread.join();
        }
    }
}

/// Reads about a chunk of whole events; nothing at the end.
fn fill(reader: &mut dyn BufRead, contents: Contents, chunk: &mut Vec<u8>) -> io::Result<()> {
    match contents {
        Contents::Records => {
            let bytes = (CHUNK - CHUNK % RECORD_SIZE) as u64;
            reader.take(bytes).read_to_end(chunk)?;
        }
        Contents::Lines => {
            while chunk.len() < CHUNK {
                let start = chunk.len();
                let count = reader.take(LINE_BYTES_MAX).read_until(b'\n', chunk)?;
                if count == 0 {
                    return Ok(());
                }
                if count as u64 == LINE_BYTES_MAX {
                    return Err(io::Error::other("a line that is too long"));
                }
                if chunk[start..].trim_ascii().is_empty() {
                    chunk.truncate(start);
                }
            }
        }
    }
    Ok(())
}
