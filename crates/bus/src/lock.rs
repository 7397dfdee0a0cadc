//! Who writes: locks that the system gives back when their holder dies.
//!
//! Locks on single bytes of a file, of the open file description (`F_OFD_SETLK`): two handles in
//! one process exclude each other as two processes do, and closing another handle of the same
//! file releases nothing. Nobody waits for one, and no time-out ever takes one away from a writer
//! that is alive.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Writers that a shared bus may have at a time.
pub const SHARED_WRITERS_MAX: u32 = 64;

/// A writer's slot, held until it is dropped or its process ends.
#[derive(Debug)]
pub(crate) struct SlotLock {
    file: File,
    slot: u32,
}

impl SlotLock {
    /// Takes `slot`; `None` when a living writer has it. `file` must be a fresh open of the lock
    /// file, writable, that nothing else shares.
    pub(crate) fn take(file: File, slot: u32) -> io::Result<Result<Self, File>> {
        match set(&file, libc::F_WRLCK as _, slot) {
            Ok(()) => Ok(Ok(Self { file, slot })),
            Err(error) if is_held(&error) => Ok(Err(file)),
            Err(error) => Err(error),
        }
    }

    /// Which slot.
    pub(crate) const fn slot(&self) -> u32 {
        self.slot
    }

    /// Runs `action` while it holds `slot` too, or already; `None` when a living writer has that one.
    pub(crate) fn with_slot<R>(
        &self,
        slot: u32,
        action: impl FnOnce() -> R,
    ) -> io::Result<Option<R>> {
        if slot == self.slot {
            return Ok(Some(action()));
        }
        match set(&self.file, libc::F_WRLCK as _, slot) {
            Ok(()) => {
                let result = action();
                set(&self.file, libc::F_UNLCK as _, slot)?;
                Ok(Some(result))
            }
            Err(error) if is_held(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for SlotLock {
    /// Gives the slot back by name. Closing alone would not do it while a child that another thread
    /// just forked still has a copy of the descriptor, until that child runs its program.
    fn drop(&mut self) {
        let given_back = set(&self.file, libc::F_UNLCK as _, self.slot);
        debug_assert!(given_back.is_ok(), "a lock that is held can be given back");
    }
}

/// Whether a living writer holds `slot`.
pub(crate) fn is_taken(file: &File, slot: u32) -> io::Result<bool> {
    let mut lock = byte(libc::F_WRLCK as _, slot);
    // SAFETY: an open file and a lock description that outlives the call.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(i32::from(lock.l_type) != libc::F_UNLCK)
}

fn is_held(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES))
}

fn byte(kind: libc::c_short, slot: u32) -> libc::flock {
    // SAFETY: zeros are a valid description; F_OFD commands ask for l_pid to be zero.
    let mut lock: libc::flock = unsafe { core::mem::zeroed() };
    lock.l_type = kind;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = libc::off_t::from(slot);
    lock.l_len = 1;
    lock
}

fn set(file: &File, kind: libc::c_short, slot: u32) -> io::Result<()> {
    let lock = byte(kind, slot);
    // SAFETY: an open file and a lock description that outlives the call.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_given_back_though_a_forked_child_has_a_copy_of_the_descriptor() {
        let path = std::env::temp_dir().join(format!("tiercel-bus-lock-{}", std::process::id()));
        let open =
            || File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let lock = SlotLock::take(open().unwrap(), 3).unwrap().unwrap();
        // What a fork does: one open file description, two descriptors.
        let copy = lock.file.try_clone().unwrap();
        assert!(SlotLock::take(open().unwrap(), 3).unwrap().is_err());
        drop(lock);
        assert!(SlotLock::take(open().unwrap(), 3).unwrap().is_ok());
        drop(copy);
        std::fs::remove_file(&path).unwrap();
    }
}
