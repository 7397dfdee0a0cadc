//! Files that are written by a thread of its own: a disk that takes its time holds nobody up, until much waits for it.
//!
//! At the bound who records waits: a recording has no holes, and what comes meanwhile waits in its sockets.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use tiercel_types::Timestamp;
use tiercel_wire::fix::value::TimeWriter;

/// Bytes that are handed over at once, at least.
const CHUNK: usize = 64 << 10;
/// What waits to be written, at most: so many times as much.
const WAITING_MAX: usize = 256;
/// Files of one second, at most.
const SAME_NAME_MAX: u32 = 100;

enum Order {
    /// The file of a place ends, and this one begins. Its name has a number behind it, if there is one already.
    Begin(usize, PathBuf, String),
    Write(usize, Vec<u8>),
}

/// Some files at a time.
pub(super) struct Files {
    orders: Option<SyncSender<Order>>,
    faults: Receiver<String>,
    fault: Option<String>,
    /// Buffers that were written.
    spare: Receiver<Vec<u8>>,
    /// What was not handed over yet, by place.
    buffers: Vec<Vec<u8>>,
    thread: Option<JoinHandle<()>>,
}

impl Files {
    /// So many, none of which has begun.
    ///
    /// # Errors
    /// The system's, where no thread can be had.
    pub(super) fn new(places: usize) -> io::Result<Self> {
        let (orders, ordered) = sync_channel(WAITING_MAX);
        let (told, faults) = channel();
        let (done, spare) = channel();
        let thread = std::thread::Builder::new().name("files".to_owned()).spawn(move || {
            if let Err(fault) = work(places, &ordered, &done) {
                // Nobody hears it at the end of the program alone.
                let _gone = told.send(fault);
            }
        })?;
        let buffers = (0..places).map(|_| Vec::with_capacity(2 * CHUNK)).collect();
        let (orders, thread) = (Some(orders), Some(thread));
        Ok(Self { orders, faults, fault: None, spare, buffers, thread })
    }

    /// The file of a place ends, and another begins: `STEM-TIME.EXTENSION`.
    pub(super) fn begin(
        &mut self,
        place: usize,
        now: Timestamp,
        folder: &Path,
        stem: &str,
        kind: &str,
    ) {
        self.hand_over(place);
        let mut time = TimeWriter::default();
        let second = &time.write(now)[..17];
        let digits = second.iter().filter(|byte| **byte != b':').map(|byte| char::from(*byte));
        let name = format!("{stem}-{}", digits.collect::<String>());
        self.order(Order::Begin(place, folder.join(name), kind.to_owned()));
    }

    /// Writes what `write` appends.
    #[inline]
    pub(super) fn write(&mut self, place: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let buffer = &mut self.buffers[place];
        write(buffer);
        if buffer.len() >= CHUNK {
            self.hand_over(place);
        }
    }

    /// What there is goes to the files now.
    pub(super) fn hand_over_all(&mut self) {
        for place in 0..self.buffers.len() {
            self.hand_over(place);
        }
    }

    fn hand_over(&mut self, place: usize) {
        if self.buffers[place].is_empty() {
            return;
        }
        let spare = self.spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(2 * CHUNK));
        let full = core::mem::replace(&mut self.buffers[place], spare);
        self.order(Order::Write(place, full));
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // Its thread is gone behind a fault, which is told.
            let _gone = orders.send(order);
        }
    }

    /// Why nothing is written any more, if so.
    pub(super) fn fault(&mut self) -> Option<&str> {
        if let Ok(fault) = self.faults.try_recv() {
            self.fault = Some(fault);
        }
        self.fault.as_deref()
    }

    /// Everything is written, and the files end.
    pub(super) fn end(&mut self) {
        self.hand_over_all();
        self.orders = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            self.fault.get_or_insert_with(|| "the thread of files has panicked".to_owned());
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.end();
    }
}

fn work(places: usize, ordered: &Receiver<Order>, done: &Sender<Vec<u8>>) -> Result<(), String> {
    let mut files: Vec<Option<(PathBuf, File)>> = (0..places).map(|_| None).collect();
    while let Ok(order) = ordered.recv() {
        match order {
            Order::Begin(place, path, kind) => files[place] = Some(begin(&path, &kind)?),
            Order::Write(place, mut bytes) => {
                if let Some((path, file)) = &mut files[place] {
                    let written = file.write_all(&bytes);
                    written.map_err(|error| format!("{}: {error}", path.display()))?;
                }
                bytes.clear();
                // Nobody needs it any more at the end.
                let _gone = done.send(bytes);
            }
        }
    }
    Ok(())
}

/// Makes a file that is not there.
fn begin(path: &Path, kind: &str) -> Result<(PathBuf, File), String> {
    let mut number = 1;
    loop {
        let end = if number == 1 { format!(".{kind}") } else { format!("-{number}.{kind}") };
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        let path = PathBuf::from(name);
        match File::create_new(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && number < SAME_NAME_MAX => {
                number += 1;
            }
            Err(error) => return Err(format!("{}: {error}", path.display())),
        }
    }
}

/// When another file is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// How long one lasts.
    length_ns: u64,
    next: Timestamp,
}

impl Span {
    /// The first is due at once.
    pub(super) const fn new(length_ns: u64) -> Self {
        Self { length_ns, next: Timestamp(0) }
    }

    /// Whether another is due.
    pub(super) const fn is_due(&mut self, now: Timestamp) -> bool {
        let is_due = now.0 >= self.next.0;
        if is_due {
            self.next = Timestamp(now.0.saturating_add(self.length_ns));
        }
        is_due
    }
}
