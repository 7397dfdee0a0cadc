//! A disk in memory that loses power, and fails on demand: what stands under a journal in tests.
//!
//! ```text
//!   write --> volatile sectors --(sync, or the end of a durable write)--> durable sectors
//!                    |
//!              power loss: each sector by itself is kept or lost
//! ```

#![allow(clippy::missing_panics_doc, reason = "a test's helper fails by panicking")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use tiercel_journal::snapshot::Mapping;
use tiercel_journal::storage::{Completion, Directory, Storage, StorageFile, Write};

use crate::random::Random;

/// What the disk keeps or loses as a whole.
const SECTOR: usize = 512;

/// A failure on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Half of the bytes are written, to a sector's end or not, and that is what is told.
    ShortWrite,
    /// `EIO`; any part may have been written.
    Eio,
    /// `ENOSPC`; nothing was written.
    NoSpace,
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Self::NoSpace => io::Error::from_raw_os_error(28),
            Self::ShortWrite | Self::Eio => io::Error::from_raw_os_error(5),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct File {
    current: Vec<u8>,
    durable: Vec<u8>,
    volatile: BTreeSet<usize>,
}

impl File {
    fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        if self.current.len() < end {
            self.current.resize(end, 0);
        }
        self.current[offset..end].copy_from_slice(bytes);
        self.volatile.extend(offset / SECTOR..end.div_ceil(SECTOR));
    }

    fn keep(&mut self, sector: usize) {
        let end = ((sector + 1) * SECTOR).min(self.current.len());
        let start = (sector * SECTOR).min(end);
        if self.durable.len() < end {
            self.durable.resize(end, 0);
        }
        self.durable[start..end].copy_from_slice(&self.current[start..end]);
    }

    fn sync(&mut self, sectors: impl Iterator<Item = usize>) {
        for sector in sectors {
            self.keep(sector);
            self.volatile.remove(&sector);
        }
        if self.durable.len() < self.current.len() {
            self.durable.resize(self.current.len(), 0);
        }
    }
}

type Node = Arc<Mutex<File>>;

#[derive(Debug, Default)]
struct Names {
    current: BTreeMap<String, Node>,
    /// The names after each change since the last sync, oldest first.
    changes: Vec<BTreeMap<String, Node>>,
    durable: BTreeMap<String, Node>,
    is_locked: bool,
}

#[derive(Debug, Default)]
struct Faults {
    /// Writes and syncs until the fault comes.
    countdown: Option<(u64, Fault)>,
    operations: u64,
}

impl Faults {
    /// Counts an operation; the fault that it meets.
    fn next(&mut self) -> Option<Fault> {
        self.operations += 1;
        match &mut self.countdown {
            Some((0, fault)) => {
                let fault = *fault;
                self.countdown = None;
                Some(fault)
            }
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics with the disk in hand")
}

/// The folder of a [`SimulatedDisk`].
#[derive(Clone, Debug, Default)]
pub struct SimulatedFolder {
    names: Arc<Mutex<Names>>,
    faults: Arc<Mutex<Faults>>,
}

/// A file of a [`SimulatedFolder`].
#[derive(Clone, Debug)]
pub struct SimulatedFile {
    node: Node,
    faults: Arc<Mutex<Faults>>,
}

impl StorageFile for SimulatedFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let file = held(&self.node);
        let rest = file.current.get(offset as usize..).unwrap_or(&[]);
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let fault = held(&self.faults).next();
        let count = match fault {
            None => bytes.len(),
            Some(Fault::NoSpace) => 0,
            Some(_) => bytes.len() / 2,
        };
        held(&self.node).write(&bytes[..count], offset as usize);
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn sync(&self) -> io::Result<()> {
        if let Some(fault) = held(&self.faults).next() {
            return Err(fault.error());
        }
        let mut file = held(&self.node);
        let volatile: Vec<usize> = file.volatile.iter().copied().collect();
        file.sync(volatile.into_iter());
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(held(&self.node).current.len() as u64)
    }
}

/// Gives the lock back when it goes.
#[derive(Debug)]
pub struct SimulatedLock(Arc<Mutex<Names>>);

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        held(&self.0).is_locked = false;
    }
}

impl SimulatedFolder {
    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Node>)) {
        let mut names = held(&self.names);
        change(&mut names.current);
        let after = names.current.clone();
        names.changes.push(after);
    }

    fn node(&self, name: &str) -> io::Result<Node> {
        held(&self.names).current.get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// A file's bytes.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        held(&self.node(name).expect("the file is there")).current.clone()
    }

    /// Puts other bytes in a file's place, durably: flipped bits, a file cut short.
    pub fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let node = self.node(name).expect("the file is there");
        let File { current, durable, volatile } = &mut *held(&node);
        change(current);
        durable.clone_from(current);
        volatile.clear();
    }

    /// The next fault: after `operations` more writes and syncs have gone well.
    pub fn fail_after(&self, operations: u64, fault: Fault) {
        held(&self.faults).countdown = Some((operations, fault));
    }

    /// Writes and syncs so far.
    pub fn operations(&self) -> u64 {
        held(&self.faults).operations
    }

    /// What is there after a loss of power: of each file any of the sectors that were not synced,
    /// of the names any beginning of their changes.
    #[must_use]
    pub fn after_power_loss(&self, random: &mut Random) -> Self {
        let names = held(&self.names);
        let kept = random.below(names.changes.len() as u64 + 1) as usize;
        let left = if kept == 0 { &names.durable } else { &names.changes[kept - 1] };
        // All, none or some of the sectors: tears of every kind come up often.
        let mood = random.below(4);
        let files = left.iter().map(|(name, node)| {
            let mut file = held(node).clone();
            let volatile: Vec<usize> = file.volatile.iter().copied().collect();
            for sector in volatile {
                let keep = match mood {
                    0 => true,
                    1 => false,
                    _ => random.one_in(2),
                };
                if keep {
                    file.keep(sector);
                }
            }
            let bytes = file.durable;
            let file = File { current: bytes.clone(), durable: bytes, volatile: BTreeSet::new() };
            (name.clone(), Arc::new(Mutex::new(file)))
        });
        let files: BTreeMap<String, Node> = files.collect();
        let names = Names { current: files.clone(), durable: files, ..Names::default() };
        Self { names: Arc::new(Mutex::new(names)), faults: Arc::default() }
    }
}

impl Directory for SimulatedFolder {
    type File = SimulatedFile;
    type Lock = SimulatedLock;

    fn lock(&self) -> io::Result<Option<SimulatedLock>> {
        let mut names = held(&self.names);
        if names.is_locked {
            return Ok(None);
        }
        names.is_locked = true;
        Ok(Some(SimulatedLock(Arc::clone(&self.names))))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(held(&self.names).current.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<SimulatedFile> {
        Ok(SimulatedFile { node: self.node(name)?, faults: Arc::clone(&self.faults) })
    }

    fn create(&self, name: &str, size: u64) -> io::Result<SimulatedFile> {
        let file = File { current: vec![0; size as usize], ..File::default() };
        let node = Arc::new(Mutex::new(file));
        self.change(|names| {
            names.insert(name.to_owned(), Arc::clone(&node));
        });
        Ok(SimulatedFile { node, faults: Arc::clone(&self.faults) })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let node = self.node(from)?;
        self.change(|names| {
            names.remove(from);
            names.insert(to.to_owned(), node);
        });
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.node(name)?;
        self.change(|names| {
            names.remove(name);
        });
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let Names { current, changes, durable, .. } = &mut *held(&self.names);
        durable.clone_from(current);
        changes.clear();
        Ok(())
    }

    fn map(&self, name: &str) -> io::Result<Mapping> {
        Ok(Mapping::Owned(self.bytes(name)))
    }
}

/// What was asked of a [`SimulatedDisk`] and has not ended.
#[derive(Debug)]
enum Task {
    Write(Write<SimulatedFile>),
    Create(String, u64),
    Names,
}

/// A [`Storage`] on a [`SimulatedFolder`]. What is asked of it ends when it pleases: sometimes at
/// once, sometimes only when somebody waits.
#[derive(Debug)]
pub struct SimulatedDisk {
    folder: SimulatedFolder,
    under_way: VecDeque<(Task, Option<Fault>)>,
    random: Random,
}

impl SimulatedDisk {
    /// Writes to `folder`; `seed` decides when they end.
    pub fn new(folder: &SimulatedFolder, seed: u64) -> Self {
        let (folder, under_way) = (folder.clone(), VecDeque::new());
        Self { folder, under_way, random: Random::new(seed) }
    }
}

impl Storage for SimulatedDisk {
    type Directory = SimulatedFolder;

    fn directory(&self) -> &SimulatedFolder {
        &self.folder
    }

    fn submit(&mut self, write: Write<SimulatedFile>) {
        let fault = held(&self.folder.faults).next();
        let count = match fault {
            None => write.length,
            Some(Fault::NoSpace) => 0,
            Some(Fault::ShortWrite) => write.length / 2 - 100,
            Some(Fault::Eio) => {
                self.random.below((write.length / SECTOR) as u64 + 1) as usize * SECTOR
            }
        };
        held(&write.file.node).write(&write.buffer.bytes()[..count], write.offset as usize);
        self.under_way.push_back((Task::Write(write), fault));
    }

    fn create(&mut self, name: &str, size: u64) {
        let fault = held(&self.folder.faults).next();
        self.under_way.push_back((Task::Create(name.to_owned(), size), fault));
    }

    fn sync_names(&mut self) {
        let fault = held(&self.folder.faults).next();
        self.under_way.push_back((Task::Names, fault));
    }

    fn completion(&mut self, wait: bool) -> Option<Completion<SimulatedFile>> {
        if !wait && self.random.one_in(2) {
            return None;
        }
        let (task, fault) = self.under_way.pop_front()?;
        let refused = |fault: Fault| Err(fault.error());
        let write = match task {
            Task::Write(write) => write,
            Task::Create(name, size) => {
                let make = || self.folder.create(&name, size);
                return Some(Completion::of_create(fault.map_or_else(make, |fault| {
                    // It may be there all the same.
                    let _ = self.random.one_in(2).then(|| self.folder.create(&name, 0));
                    Err(fault.error())
                })));
            }
            Task::Names => {
                let sync = || self.folder.sync_names();
                return Some(Completion::of_names(fault.map_or_else(sync, refused)));
            }
        };
        let result = match fault {
            None => {
                let (start, end) = (write.offset as usize, write.offset as usize + write.length);
                held(&write.file.node).sync(start / SECTOR..end.div_ceil(SECTOR));
                Ok(write.length)
            }
            Some(Fault::ShortWrite) => Ok(write.length / 2 - 100),
            Some(fault) => Err(fault.error()),
        };
        Some(Completion::of_write(write.purpose, write.buffer, result))
    }
}
