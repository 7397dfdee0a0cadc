//! Writes through `io_uring`: the kernel works while the caller goes on.
//!
//! A write owns its file and its buffer, in a slot whose number is the operation's `user_data`,
//! until the kernel reports that very number. Nothing is freed or used again before.

use std::io;
use std::os::fd::AsRawFd;

use io_uring::{IoUring, opcode, types};

use crate::buffer::Buffer;
use crate::files::PlainFile;
use crate::storage::{Completion, Purpose, Write};

/// Writes under way at once: one of each [`Purpose`], and room.
const ENTRIES: u32 = 8;

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

/// A ring, and what its operations own.
pub(crate) struct Uring {
    ring: IoUring,
    slots: [Option<Slot>; ENTRIES as usize],
    /// Ends that the ring did not tell: writes that could not be handed over.
    refused: Option<Completion>,
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
        Ok(Self { ring, slots: [const { None }; ENTRIES as usize], refused: None })
    }

    pub(crate) fn submit(&mut self, write: Write<PlainFile>) {
        let Write { purpose, file, offset, buffer, length } = write;
        debug_assert!(length <= buffer.bytes().len());
        let Some(number) = self.slots.iter().position(Option::is_none) else {
            let result = Err(io::ErrorKind::ResourceBusy.into());
            self.refused = Some(Completion { purpose, buffer: Some(buffer), result });
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
        let pushed = unsafe { self.ring.submission().push(&entry) };
        let refused = match pushed {
            // The queue has as many places as there are slots.
            Err(_) => Some(io::ErrorKind::ResourceBusy.into()),
            Ok(()) => self.hand_over().err(),
        };
        if let Some(error) = refused {
            // The entry may still be in the queue: its slot keeps what it owns, for good.
            self.refused = Some(Completion { purpose, buffer: None, result: Err(error) });
        }
    }

    fn hand_over(&self) -> io::Result<()> {
        loop {
            match self.ring.submit() {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.slots.iter().all(Option::is_none)
    }

    fn take(&mut self) -> Option<Completion> {
        let entry = self.ring.completion().next()?;
        let slot = self.slots.get_mut(entry.user_data() as usize)?.take()?;
        let result = match entry.result() {
            code if code < 0 => Err(io::Error::from_raw_os_error(-code)),
            written => Ok(written as usize),
        };
        Some(Completion { purpose: slot.purpose, buffer: Some(slot.buffer), result })
    }

    pub(crate) fn completion(&mut self, wait: bool) -> Option<Completion> {
        loop {
            if let Some(refused) = self.refused.take() {
                return Some(refused);
            }
            if let Some(completion) = self.take() {
                return Some(completion);
            }
            if !wait || self.is_idle() {
                return None;
            }
            match self.ring.submit_and_wait(1) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let purpose = self.slots.iter().flatten().next()?.purpose;
                    return Some(Completion { purpose, buffer: None, result: Err(error) });
                }
            }
        }
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        while !self.is_idle() {
            if self.take().is_some() {
                continue;
            }
            let waited = self.ring.submit_and_wait(1);
            if waited.is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
                // The kernel may still read the buffers: they are never freed.
                for slot in &mut self.slots {
                    std::mem::forget(slot.take());
                }
            }
        }
    }
}
