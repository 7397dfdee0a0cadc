//! Writes and new files through `io_uring`: the kernel works while the caller goes on.
//!
//! ```text
//!   write:       write with RWF_DSYNC ------------------------------------> completion
//!   create:      open --> room for the zeros --> open past the page cache --> completion
//!   sync_names:  fsync of the folder -------------------------------------> completion
//! ```
//!
//! What an operation needs (buffer, file, path) is kept in a place whose number is the operation's
//! `user_data`, until the kernel reports that very number. Nothing is freed or used again before.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;

use io_uring::{IoUring, opcode, squeue, types};
use rustix::fs::OFlags;

use crate::buffer::Buffer;
use crate::files::{Folder, PlainFile, allocated};
use crate::storage::{Completion, Directory, Purpose, Write};

/// Writes under way at once: one of each [`Purpose`], and room.
const WRITES: usize = 8;
/// The number of the file that is being made.
const MAKING: u64 = WRITES as u64;
/// The number of the folder's sync.
const NAMES: u64 = MAKING + 1;
/// Places of the queue: as many as there are numbers, and a power of two.
const ENTRIES: u32 = 16;
const _: () = assert!(NAMES < ENTRIES as u64);

/// `RWF_DSYNC` of `pwritev2(2)`: the write counts as done when it is durable.
const RWF_DSYNC: i32 = 0x2;

/// What a write owns while it is under way.
#[derive(Debug)]
struct Slot {
    purpose: Purpose,
    buffer: Buffer,
    /// Keeps the file open.
    _file: PlainFile,
}

/// A file that is being made, and how far it is.
#[derive(Debug)]
struct Making {
    folder: Folder,
    name: String,
    path: CString,
    size: u64,
    /// Once it is open.
    plain: Option<File>,
    /// Once it has room.
    has_room: bool,
}

/// A ring, and what its operations own.
pub(crate) struct Uring {
    ring: IoUring,
    slots: [Option<Slot>; WRITES],
    making: Option<Making>,
    /// The folder whose sync is under way.
    names: Option<File>,
    /// Ends that the ring did not tell: of what could not be handed over.
    refused: Option<Completion<PlainFile>>,
}

impl std::fmt::Debug for Uring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uring").field("slots", &self.slots).finish_non_exhaustive()
    }
}

impl Uring {
    /// # Errors
    /// The system's, where there is no `io_uring` or it is forbidden.
    pub(crate) fn new() -> io::Result<Self> {
        let ring = IoUring::new(ENTRIES)?;
        let slots = [const { None }; WRITES];
        Ok(Self { ring, slots, making: None, names: None, refused: None })
    }

    pub(crate) fn submit(&mut self, write: Write<PlainFile>) {
        let Write { purpose, file, offset, buffer, length } = write;
        debug_assert!(length <= buffer.bytes().len());
        let Some(number) = self.slots.iter().position(Option::is_none) else {
            let result = Err(io::ErrorKind::ResourceBusy.into());
            self.refused = Some(Completion::of_write(purpose, buffer, result));
            return;
        };
        let target = types::Fd(file.target().as_raw_fd());
        let entry = opcode::Write::new(target, buffer.bytes().as_ptr(), length as u32)
            .offset(offset)
            .rw_flags(RWF_DSYNC)
            .build()
            .user_data(number as u64);
        self.slots[number] = Some(Slot { purpose, buffer, _file: file });
        // SAFETY: the file and the buffer live in the slot until the completion with this number
        // is taken, and the buffer is not written to while it is there; `Drop` waits for it. A
        // buffer's bytes do not move with it.
        if let Err(error) = unsafe { self.hand_over(&entry) } {
            // The entry may still be in the queue: its slot keeps what it owns, for good.
            let result = Err(error);
            self.refused = Some(Completion { purpose, buffer: None, file: None, result });
        }
    }

    /// Starts making a file of `folder`.
    pub(crate) fn create(&mut self, folder: &Folder, name: &str, size: u64) {
        debug_assert!(self.making.is_none(), "one at a time");
        let Ok(path) = CString::new(folder.at(name).as_os_str().as_bytes()) else {
            let refusal = Err(io::ErrorKind::InvalidFilename.into());
            self.refused = Some(Completion::of_create(refusal));
            return;
        };
        let (folder, name) = (folder.clone(), name.to_owned());
        self.making = Some(Making { folder, name, path, size, plain: None, has_room: false });
        self.make_on();
    }

    /// Starts the next step of the file that is being made.
    fn make_on(&mut self) {
        let Some(making) = &self.making else { return };
        let entry = match &making.plain {
            None => making.open(OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC),
            Some(plain) if !making.has_room => {
                opcode::Fallocate::new(types::Fd(plain.as_raw_fd()), making.size).build()
            }
            Some(_) => making.open(OFlags::WRONLY | OFlags::DIRECT),
        };
        // SAFETY: path and file live in `making` until the completion with this number is taken;
        // `Drop` waits for it. A path's bytes do not move with it.
        if let Err(error) = unsafe { self.hand_over(&entry.user_data(MAKING)) } {
            // The entry may still be in the queue: what it points to is never freed.
            std::mem::forget(self.making.take());
            self.refused = Some(Completion::of_create(Err(error)));
        }
    }

    /// Takes the end of a step of making; the completion, when it was the last.
    fn made(&mut self, result: io::Result<u32>) -> Option<Completion<PlainFile>> {
        let mut making = self.making.take()?;
        // SAFETY: the kernel has just opened it, for this ring alone.
        let opened = |number: u32| unsafe { File::from_raw_fd(number as i32) };
        let end = match (result, making.plain.take()) {
            // A kernel whose rings cannot do this (before 5.6): the caller waits, once a segment.
            (Err(error), _) if error.raw_os_error() == Some(EINVAL) => {
                making.folder.create(&making.name, making.size)
            }
            (Ok(number), None) => {
                making.plain = Some(opened(number));
                self.making = Some(making);
                self.make_on();
                return None;
            }
            (result, Some(plain)) if !making.has_room => {
                let result = result.map(drop).map_err(|error| errno(&error));
                match allocated(&plain, making.size, result) {
                    Ok(()) if making.folder.is_direct() => {
                        (making.plain, making.has_room) = (Some(plain), true);
                        self.making = Some(making);
                        self.make_on();
                        return None;
                    }
                    Ok(()) => Ok(PlainFile::new(plain, None)),
                    Err(error) => Err(error),
                }
            }
            (Ok(number), Some(plain)) => Ok(PlainFile::new(plain, Some(opened(number)))),
            (Err(error), _) => Err(error),
        };
        Some(Completion::of_create(end))
    }

    /// Starts making the names of `folder` durable.
    pub(crate) fn sync_names(&mut self, folder: &Folder) {
        debug_assert!(self.names.is_none(), "one at a time");
        let file = match File::open(folder.path()) {
            Ok(file) => self.names.insert(file),
            Err(error) => {
                self.refused = Some(Completion::of_names(Err(error)));
                return;
            }
        };
        let entry = opcode::Fsync::new(types::Fd(file.as_raw_fd())).build().user_data(NAMES);
        // SAFETY: the operation needs no memory, and the file stays open until it has ended.
        if let Err(error) = unsafe { self.hand_over(&entry) } {
            std::mem::forget(self.names.take());
            self.refused = Some(Completion::of_names(Err(error)));
        }
    }

    /// Gives an operation to the kernel.
    ///
    /// # Safety
    /// What it points to stays where it is until its completion is taken.
    unsafe fn hand_over(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        // SAFETY: by the caller's promise.
        let pushed = unsafe { self.ring.submission().push(entry) };
        // The queue has a place for each number.
        pushed.map_err(|_| io::ErrorKind::ResourceBusy)?;
        loop {
            match self.ring.submit() {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.slots.iter().all(Option::is_none) && self.making.is_none() && self.names.is_none()
    }

    /// Takes what the ring has to tell, up to the next end.
    fn take(&mut self) -> Option<Completion<PlainFile>> {
        loop {
            let entry = self.ring.completion().next()?;
            let result = match entry.result() {
                code if code < 0 => Err(io::Error::from_raw_os_error(-code)),
                done => Ok(done as u32),
            };
            match entry.user_data() {
                MAKING => {
                    if let Some(end) = self.made(result) {
                        return Some(end);
                    }
                }
                NAMES => {
                    self.names = None;
                    return Some(Completion::of_names(result.map(drop)));
                }
                number => {
                    let slot = self.slots.get_mut(number as usize)?.take()?;
                    let result = result.map(|written| written as usize);
                    return Some(Completion::of_write(slot.purpose, slot.buffer, result));
                }
            }
        }
    }

    pub(crate) fn completion(&mut self, wait: bool) -> Option<Completion<PlainFile>> {
        loop {
            // What is taken may be followed by a step that is refused.
            if let Some(end) = self.refused.take().or_else(|| self.take()) {
                return Some(end);
            }
            if self.refused.is_some() {
                continue;
            }
            if !wait || self.is_idle() {
                return None;
            }
            match self.ring.submit_and_wait(1) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Some(self.lost(error)),
            }
        }
    }

    /// The kernel does not tell any more: the end of whatever is under way.
    fn lost(&self, error: io::Error) -> Completion<PlainFile> {
        let write = self.slots.iter().flatten().next().map(|slot| slot.purpose);
        let other = if self.making.is_some() { Purpose::Create } else { Purpose::Names };
        let purpose = write.unwrap_or(other);
        Completion { purpose, buffer: None, file: None, result: Err(error) }
    }
}

impl Making {
    fn open(&self, flags: OFlags) -> squeue::Entry {
        let flags = (flags | OFlags::CLOEXEC).bits() as i32;
        let here = types::Fd(rustix::fs::CWD.as_raw_fd());
        // The mode of `File::options`, which the process's mask narrows.
        opcode::OpenAt::new(here, self.path.as_ptr()).flags(flags).mode(0o666).build()
    }
}

/// What a kernel says of an operation that it does not know.
const EINVAL: i32 = rustix::io::Errno::INVAL.raw_os_error();

fn errno(error: &io::Error) -> rustix::io::Errno {
    rustix::io::Errno::from_io_error(error).unwrap_or(rustix::io::Errno::IO)
}

impl Drop for Uring {
    fn drop(&mut self) {
        while !self.is_idle() {
            if self.take().is_some() {
                continue;
            }
            let waited = self.ring.submit_and_wait(1);
            if waited.is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
                // The kernel may still read what they own: it is never freed.
                for slot in &mut self.slots {
                    std::mem::forget(slot.take());
                }
                std::mem::forget((self.making.take(), self.names.take()));
            }
        }
    }
}
