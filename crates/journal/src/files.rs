//! Real files in a real folder.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Advice, FallocateFlags, FlockOperation, OFlags, fadvise, fallocate, flock};

use crate::snapshot::Mapping;
use crate::storage::{Completion, Directory, Storage, StorageFile, Write};

/// How a write becomes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Past the page cache, synced by the write itself: `O_DIRECT` and `RWF_DSYNC`.
    Direct,
    /// Through the page cache, then a sync of the file's data.
    Buffered,
}

/// The kernel's way to take writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// `io_uring` where the system has it, else plain system calls.
    #[default]
    Automatic,
    /// `io_uring`: the caller goes on while the device works.
    Uring,
    /// `pwritev2` and `fdatasync`: the caller waits inside `poll` and `append`, for each write and
    /// for each step of making the next segment.
    Blocking,
}

/// How files are written. The standard finds out at opening what the machine does best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IoOptions {
    /// The kernel's way to take writes.
    pub engine: Engine,
    /// How a write becomes durable; `None`: whichever a few tried writes show to be faster.
    pub method: Option<Method>,
}

/// A file, and the handle that bypasses the page cache.
#[derive(Debug)]
struct Handles {
    plain: File,
    direct: Option<File>,
}

/// A file of a [`Folder`].
#[derive(Clone, Debug)]
pub struct PlainFile(Arc<Handles>);

impl PlainFile {
    pub(crate) fn new(plain: File, direct: Option<File>) -> Self {
        Self(Arc::new(Handles { plain, direct }))
    }

    /// The handle that durable writes go to.
    pub(crate) fn target(&self) -> &File {
        self.0.direct.as_ref().unwrap_or(&self.0.plain)
    }
}

impl StorageFile for PlainFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < bytes.len() {
            match self.0.plain.read_at(&mut bytes[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.plain.write_all_at(bytes, offset)
    }

    fn without_read_ahead(&self) {
        // A hint: without it everything is as it was.
        let _refused = fadvise(&self.0.plain, 0, None, Advice::Random);
    }

    fn sync(&self) -> io::Result<()> {
        self.0.plain.sync_data()
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.plain.metadata()?.len())
    }
}

/// A folder of the system.
#[derive(Clone, Debug)]
pub struct Folder {
    path: Arc<Path>,
    direct: bool,
}

impl Folder {
    /// The folder at `path`, read through the page cache.
    pub fn new(path: &Path) -> Self {
        Self { path: path.into(), direct: false }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether durable writes bypass the page cache.
    pub(crate) const fn is_direct(&self) -> bool {
        self.direct
    }

    fn handles(&self, name: &str, plain: File) -> io::Result<PlainFile> {
        let direct = if self.direct {
            let flags = OFlags::DIRECT.bits() as i32;
            Some(OpenOptions::new().write(true).custom_flags(flags).open(self.at(name))?)
        } else {
            None
        };
        Ok(PlainFile::new(plain, direct))
    }
}

/// The lock of a [`Folder`], held until it is dropped or its process ends.
#[derive(Debug)]
pub struct FolderLock(File);

impl Drop for FolderLock {
    /// Gives the lock back by name. Closing alone would not do it while a child that another thread
    /// just forked still has a copy of the descriptor, until that child runs its program.
    fn drop(&mut self) {
        let given_back = flock(&self.0, FlockOperation::Unlock);
        debug_assert!(given_back.is_ok(), "a lock that is held can be given back");
    }
}

impl Directory for Folder {
    type File = PlainFile;
    type Lock = FolderLock;

    fn lock(&self) -> io::Result<Option<FolderLock>> {
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).open(self.at("lock"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(FolderLock(file))),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            // A name that is no UTF-8 is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<PlainFile> {
        let path = self.at(name);
        let plain = OpenOptions::new().read(true).write(true).open(&path);
        // A reader may lack the right to write.
        let plain = match plain {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !self.direct => {
                File::open(&path)?
            }
            other => other?,
        };
        self.handles(name, plain)
    }

    fn create(&self, name: &str, size: u64) -> io::Result<PlainFile> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let plain = options.open(self.at(name))?;
        allocated(&plain, size, fallocate(&plain, FallocateFlags::empty(), 0, size))?;
        self.handles(name, plain)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.at(from), self.at(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.at(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn map(&self, name: &str) -> io::Result<Mapping> {
        Mapping::of_file(&File::open(self.at(name))?)
    }
}

/// What came of `fallocate`. A file system without it gives the length alone: the zeros that follow
/// take the room.
pub(crate) fn allocated(file: &File, size: u64, result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Err(rustix::io::Errno::OPNOTSUPP) => file.set_len(size),
        result => Ok(result?),
    }
}

/// The system's ways to write.
#[derive(Debug)]
enum Way {
    #[cfg(target_os = "linux")]
    Uring(Box<crate::uring::Uring>),
    Blocking(Vec<Completion<PlainFile>>),
}

/// Files of a folder, written by `io_uring` or by plain calls.
#[derive(Debug)]
pub struct FileStorage {
    folder: Folder,
    method: Method,
    way: Way,
}

impl FileStorage {
    /// The folder at `path`, which is made if it is missing, as `options` say.
    ///
    /// # Errors
    /// The system's: above all `Unsupported` where `io_uring` was asked for and is missing.
    pub fn open(path: &Path, options: IoOptions) -> io::Result<Self> {
        if !path.is_dir() {
            std::fs::create_dir_all(path)?;
            if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                File::open(parent)?.sync_all()?;
            }
        }
        let way = way(options.engine)?;
        let method = match options.method {
            Some(method) => method,
            None => crate::probe::faster_method(path)?,
        };
        let folder = Folder { path: path.into(), direct: method == Method::Direct };
        Ok(Self { folder, method, way })
    }

    /// How writes become durable.
    pub const fn method(&self) -> Method {
        self.method
    }

    /// Whether writes go through `io_uring`.
    pub const fn is_uring(&self) -> bool {
        !matches!(self.way, Way::Blocking(_))
    }
}

#[cfg(target_os = "linux")]
fn way(engine: Engine) -> io::Result<Way> {
    let blocking = Way::Blocking(Vec::with_capacity(4));
    if engine == Engine::Blocking {
        return Ok(blocking);
    }
    match crate::uring::Uring::new() {
        Ok(ring) => Ok(Way::Uring(Box::new(ring))),
        Err(_) if engine == Engine::Automatic => Ok(blocking),
        Err(error) => Err(io::Error::new(io::ErrorKind::Unsupported, error)),
    }
}

#[cfg(not(target_os = "linux"))]
fn way(engine: Engine) -> io::Result<Way> {
    match engine {
        Engine::Uring => Err(io::ErrorKind::Unsupported.into()),
        Engine::Automatic | Engine::Blocking => Ok(Way::Blocking(Vec::with_capacity(4))),
    }
}

/// Writes durably and waits.
pub(crate) fn write_durably(
    file: &File,
    method: Method,
    offset: u64,
    bytes: &[u8],
) -> io::Result<usize> {
    match method {
        #[cfg(target_os = "linux")]
        Method::Direct => loop {
            let slices = [io::IoSlice::new(bytes)];
            let flags = rustix::io::ReadWriteFlags::DSYNC;
            match rustix::io::pwritev2(file, &slices, offset, flags) {
                Err(rustix::io::Errno::INTR) => {}
                result => return Ok(result?),
            }
        },
        #[cfg(not(target_os = "linux"))]
        Method::Direct => Err(io::ErrorKind::Unsupported.into()),
        Method::Buffered => {
            let written = loop {
                match file.write_at(bytes, offset) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => break result?,
                }
            };
            file.sync_data()?;
            Ok(written)
        }
    }
}

impl Storage for FileStorage {
    type Directory = Folder;

    fn directory(&self) -> &Folder {
        &self.folder
    }

    fn submit(&mut self, write: Write<PlainFile>) {
        match &mut self.way {
            #[cfg(target_os = "linux")]
            Way::Uring(ring) => ring.submit(write),
            Way::Blocking(done) => {
                let Write { purpose, file, offset, buffer, length } = write;
                let bytes = &buffer.bytes()[..length];
                let result = write_durably(file.target(), self.method, offset, bytes);
                done.push(Completion::of_write(purpose, buffer, result));
            }
        }
    }

    fn create(&mut self, name: &str, size: u64) {
        match &mut self.way {
            #[cfg(target_os = "linux")]
            Way::Uring(ring) => ring.create(&self.folder, name, size),
            Way::Blocking(done) => {
                done.push(Completion::of_create(self.folder.create(name, size)));
            }
        }
    }

    fn sync_names(&mut self) {
        match &mut self.way {
            #[cfg(target_os = "linux")]
            Way::Uring(ring) => ring.sync_names(&self.folder),
            Way::Blocking(done) => done.push(Completion::of_names(self.folder.sync_names())),
        }
    }

    #[inline]
    fn completion(&mut self, wait: bool) -> Option<Completion<PlainFile>> {
        match &mut self.way {
            #[cfg(target_os = "linux")]
            Way::Uring(ring) => ring.completion(wait),
            Way::Blocking(done) => done.pop(),
        }
    }
}

/// Whether the folder at `path` lies in memory, where nothing is durable: tmpfs or ramfs.
///
/// # Errors
/// The system's.
#[cfg(target_os = "linux")]
pub fn is_in_memory(path: &Path) -> io::Result<bool> {
    /// `TMPFS_MAGIC` and `RAMFS_MAGIC` of `linux/magic.h`.
    const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
    let kind = rustix::fs::statfs(path)?.f_type as u64 & 0xffff_ffff;
    Ok(IN_MEMORY.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_given_back_though_a_forked_child_has_a_copy_of_the_descriptor() {
        let path = std::env::temp_dir().join(format!("tiercel-lock-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let folder = Folder::new(&path);
        let lock = folder.lock().unwrap().unwrap();
        // What a fork does: one open file description, two descriptors.
        let copy = lock.0.try_clone().unwrap();
        assert!(folder.lock().unwrap().is_none());
        drop(lock);
        assert!(folder.lock().unwrap().is_some());
        drop(copy);
        std::fs::remove_dir_all(&path).unwrap();
    }
}
