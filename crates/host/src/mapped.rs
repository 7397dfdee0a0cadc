//! A file in memory: what a program remembers through its own death, at the price of a store.

use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};
use core::slice;
use core::sync::atomic::AtomicU64;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// A file's bytes in memory. What is written there is in the file as soon as it is written: a process
/// that is killed loses nothing of it. A machine that loses its power may lose the last half minute.
///
/// The file belongs to one process: it is locked while it is mapped, and its owner alone may read or
/// write it. Who changes or truncates it behind the lock breaks this program, as with every mapped file.
///
/// ```
/// use tiercel_host::MappedFile;
///
/// let path = std::env::temp_dir().join(format!("tiercel-mapped-doc-{}", std::process::id()));
/// let mut file = MappedFile::open(&path, 4_096)?;
/// file[100] = 7;
/// drop(file);
/// assert_eq!(MappedFile::open(&path, 4_096)?[100], 7);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct MappedFile {
    start: NonNull<u8>,
    length: usize,
    /// Keeps the lock.
    file: File,
}

// SAFETY: the mapping belongs to no thread, and is reached through `&` and `&mut` to its owner.
unsafe impl Send for MappedFile {}
// SAFETY: as above: shared access only reads, or goes through atomics.
unsafe impl Sync for MappedFile {}

impl MappedFile {
    /// The file at `path`, which is made of zeros if it is not there, and has `length` bytes from now on.
    /// All of them have their place on the disk: none is wanting later.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::WouldBlock`] of a file that another process has mapped;
    /// [`io::ErrorKind::InvalidData`] of one that is longer.
    pub fn open(path: &Path, length: usize) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::from(io::ErrorKind::WouldBlock),
            TryLockError::Error(error) => error,
        })?;
        let start = map(&file, length)?;
        Ok(Self { start, length, file })
    }

    /// Has `length` bytes from now on: those that are there, and zeros behind them.
    ///
    /// # Errors
    /// As [`open`](Self::open); then nothing has changed.
    pub fn grow(&mut self, length: usize) -> io::Result<()> {
        let start = map(&self.file, length)?;
        self.unmap();
        (self.start, self.length) = (start, length);
        Ok(())
    }

    fn unmap(&mut self) {
        // SAFETY: exactly what was mapped, and nobody borrows it any more.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
        debug_assert!(unmapped.is_ok(), "a range that was mapped unmaps");
    }

    /// The eight bytes at `at`, as a word that is stored whole, and behind what was written before it.
    ///
    /// # Panics
    /// When they are not inside the file, or `at` is no multiple of eight.
    #[inline]
    pub fn word(&mut self, at: usize) -> &AtomicU64 {
        assert!(at.is_multiple_of(8) && at + 8 <= self.length);
        // SAFETY: inside the mapping, aligned since that begins with a page, and borrowed from it as
        // the one who may write.
        unsafe { AtomicU64::from_ptr(self.start.as_ptr().add(at).cast()) }
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: mapped, so long, and changed by nobody else: the file is locked.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl DerefMut for MappedFile {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed by one alone.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl Drop for MappedFile {
    /// Gives the lock back by name. Closing alone would not do it while a child that another thread
    /// just forked still has a copy of the descriptor, until that child runs its program.
    fn drop(&mut self) {
        let given_back = self.file.unlock();
        debug_assert!(given_back.is_ok(), "a lock that is held can be given back");
        self.unmap();
    }
}

/// Makes a file so long, and maps it.
fn map(file: &File, length: usize) -> io::Result<NonNull<u8>> {
    if file.metadata()?.len() > length as u64 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    match fallocate(file, FallocateFlags::empty(), 0, length as u64) {
        // A file system that cannot promise: the pages come as they are written.
        Err(rustix::io::Errno::OPNOTSUPP) => file.set_len(length as u64)?,
        other => other?,
    }
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice touches no other.
    let start = unsafe { mmap(ptr::null_mut(), length, protection, MapFlags::SHARED, file, 0)? };
    NonNull::new(start.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn a_file_keeps_what_was_written_and_belongs_to_one() {
        let name = format!("tiercel-mapped-test-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut file = MappedFile::open(&path, 8_192).unwrap();
        assert!(file.iter().all(|byte| *byte == 0));
        file[4_000..4_100].fill(9);
        file.word(8).store(77, Ordering::Release);
        let second = MappedFile::open(&path, 8_192).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::WouldBlock);
        drop(file);
        // A longer one keeps its front; a shorter one would lose something.
        let mut file = MappedFile::open(&path, 16_384).unwrap();
        assert_eq!((file[4_099], file[4_100], file.len()), (9, 0, 16_384));
        assert_eq!(file.word(8).load(Ordering::Acquire), 77);
        drop(file);
        let mut file = MappedFile::open(&path, 16_384).unwrap();
        file.grow(1 << 20).unwrap();
        assert_eq!((file[4_099], file[20_000], file.len()), (9, 0, 1 << 20));
        file[20_000] = 5;
        assert_eq!(file.grow(4_096).unwrap_err().kind(), io::ErrorKind::InvalidData);
        drop(file);
        assert_eq!(std::fs::read(&path).unwrap()[20_000], 5);
        let shorter = MappedFile::open(&path, 8_192).unwrap_err();
        assert_eq!(shorter.kind(), io::ErrorKind::InvalidData);
        std::fs::remove_file(&path).unwrap();
    }
}
