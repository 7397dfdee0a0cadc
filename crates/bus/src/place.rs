//! Where a bus lies: a directory of cycles, or one file.
//!
//! A cycle's file is made whole under another name, and then linked to its own: nobody ever sees
//! half of one, and of two processes that make the same cycle one wins.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, memfd_create};
use rustix::io::Errno;

use crate::error::BusError;
use crate::file::FirstPage;
use crate::mapping::Mapping;

const CYCLE_SUFFIX: &str = ".cycle";
const BLANK_SUFFIX: &str = ".tmp";
const LOCK_NAME: &str = "lock";

/// Where a bus lies.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A directory: one file a cycle, and the file of the writers' locks.
    Directory(PathBuf),
    /// One file, which is the only cycle and carries the locks itself.
    File {
        /// Its path; for one that has no name, that of its descriptor.
        path: PathBuf,
        /// Keeps a descriptor open whose path that is.
        kept: Option<Arc<File>>,
    },
}

impl Place {
    /// The directory or file at `path`.
    pub(crate) fn find(path: &Path) -> Result<Self, BusError> {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => Ok(Self::Directory(path.to_owned())),
            Ok(found) if found.is_file() => Ok(Self::File { path: path.to_owned(), kept: None }),
            Ok(_) => Err(BusError::NotABus(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(BusError::Missing(path.to_owned()))
            }
            Err(error) => Err(BusError::system("look at", path)(error)),
        }
    }

    /// The open file `file`, under the name of its descriptor. Each open of that name has locks of
    /// its own, which a copy of the descriptor would not have.
    pub(crate) fn of_file(file: File) -> Self {
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        Self::File { path, kept: Some(Arc::new(file)) }
    }

    /// What the user knows it as.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Directory(path) | Self::File { path, .. } => path,
        }
    }

    /// Whether there can be another cycle.
    pub(crate) const fn rolls(&self) -> bool {
        matches!(self, Self::Directory(_))
    }

    /// The file of `cycle`.
    pub(crate) fn cycle_path(&self, cycle: u32) -> PathBuf {
        match self {
            Self::Directory(path) => path.join(format!("{cycle:010}{CYCLE_SUFFIX}")),
            Self::File { path, .. } => path.clone(),
        }
    }

    /// The cycles that are there, in order. For one file, which may be any, `only`.
    pub(crate) fn cycles(&self, only: u32) -> Result<Vec<u32>, BusError> {
        let Self::Directory(path) = self else { return Ok(vec![only]) };
        let failed = || BusError::system("list", path);
        let mut cycles = Vec::new();
        for entry in fs::read_dir(path).map_err(failed())? {
            let name = entry.map_err(failed())?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(CYCLE_SUFFIX));
            cycles.extend(number.and_then(|number| number.parse::<u32>().ok()));
        }
        cycles.sort_unstable();
        Ok(cycles)
    }

    /// A fresh open of the file that carries the writers' locks.
    pub(crate) fn open_lock_file(&self, writable: bool) -> Result<File, BusError> {
        let path = match self {
            Self::Directory(path) => path.join(LOCK_NAME),
            Self::File { path, .. } => path.clone(),
        };
        let mut options = OpenOptions::new();
        options.read(true).write(writable);
        options.open(&path).map_err(BusError::system("open", path))
    }

    /// Makes the directory of a new bus and the file of its locks; both may be there already.
    pub(crate) fn make_directory(path: &Path) -> Result<Self, BusError> {
        fs::create_dir_all(path).map_err(BusError::system("make", path))?;
        let lock = path.join(LOCK_NAME);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        options.open(&lock).map_err(BusError::system("make", lock))?;
        Ok(Self::Directory(path.to_owned()))
    }

    /// Removes the blanks that `maker` left behind when it died.
    pub(crate) fn clear_blanks(&self, maker: &str) -> Result<(), BusError> {
        let Self::Directory(path) = self else { return Ok(()) };
        let failed = || BusError::system("list", path);
        for entry in fs::read_dir(path).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let ours = entry.file_name().to_str().is_some_and(|name| {
                name.ends_with(BLANK_SUFFIX) && name.starts_with(&format!("{maker}-"))
            });
            if ours {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes the oldest cycles, so that `kept` stay, `newest` being the newest.
    pub(crate) fn expire(&self, newest: u32, kept: u64) -> Result<(), BusError> {
        if kept == u64::MAX {
            return Ok(());
        }
        for cycle in self.cycles(newest)? {
            if u64::from(newest) >= u64::from(cycle) + kept {
                remove(&self.cycle_path(cycle))?;
            }
        }
        Ok(())
    }
}

/// Removes a file that may be gone already.
pub(crate) fn remove(path: &Path) -> Result<(), BusError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(BusError::system("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// A cycle's file that has its length and its pages, but no name and no first page yet.
#[derive(Debug)]
pub(crate) struct Blank {
    path: PathBuf,
    mapping: Option<Mapping>,
}

impl Blank {
    /// Makes one in `directory`. `maker` tells whose it is.
    pub(crate) fn make(
        directory: &Path,
        maker: &str,
        bytes: u64,
        prefault: bool,
    ) -> Result<Self, BusError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let (path, file) = loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("{maker}-{}-{number}{BLANK_SUFFIX}", std::process::id());
            let path = directory.join(name);
            match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => break (path, file),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(BusError::system("make", path)(error)),
            }
        };
        let mut blank = Self { path, mapping: None };
        let failed = |what| BusError::system(what, &blank.path);
        allocate(&file, bytes).map_err(failed("take space for"))?;
        let mapping = Mapping::new(&file, bytes as usize, true).map_err(failed("map"))?;
        if prefault {
            mapping.prefault();
        }
        blank.mapping = Some(mapping);
        Ok(blank)
    }

    /// Gives it its first page and its name. `None` when there is a file of that name already.
    pub(crate) fn publish(
        mut self,
        page: &FirstPage,
        reach: u64,
        path: &Path,
    ) -> Result<Option<Mapping>, BusError> {
        let Some(mapping) = self.mapping.take() else { return Ok(None) };
        fill_first_page(&mapping, page, reach);
        match fs::hard_link(&self.path, path) {
            Ok(()) => Ok(Some(mapping)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(BusError::system("name", path)(error)),
        }
    }
}

impl Drop for Blank {
    fn drop(&mut self) {
        // A blank that stays is removed by the next writer with its slot.
        let _ = fs::remove_file(&self.path);
    }
}

fn fill_first_page(mapping: &Mapping, page: &FirstPage, reach: u64) {
    let fixed = page.encode();
    // SAFETY: nobody else knows the file yet.
    unsafe { mapping.bytes_mut(0, fixed.len()) }.copy_from_slice(&fixed);
    mapping.reach().store(reach, Ordering::Relaxed);
}

/// Gives `file` its length, and really has the space: a page that a full disk could not give
/// would end the process that touches it.
fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
            const CHUNK: usize = 1 << 16;
            let mut out = file;
            let zeros = vec![0; CHUNK];
            let mut left = bytes;
            while left > 0 {
                let chunk = left.min(CHUNK as u64);
                out.write_all(&zeros[..chunk as usize])?;
                left -= chunk;
            }
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// A bus's only cycle in memory that no file system holds. Its length is sealed.
pub(crate) fn make_in_memory(
    page: &FirstPage,
    reach: u64,
    prefault: bool,
) -> Result<File, BusError> {
    let name = "tiercel-bus";
    let failed = |what| move |error: Errno| BusError::system(what, name)(error.into());
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = File::from(memfd_create(name, flags).map_err(failed("make"))?);
    let bytes = page.options.cycle_bytes;
    allocate(&file, bytes).map_err(BusError::system("take space for", name))?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    fcntl_add_seals(&file, seals).map_err(failed("seal"))?;
    let mapping =
        Mapping::new(&file, bytes as usize, true).map_err(BusError::system("map", name))?;
    if prefault {
        mapping.prefault();
    }
    fill_first_page(&mapping, page, reach);
    Ok(file)
}
