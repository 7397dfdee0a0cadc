//! Wakes whoever sleeps on sockets.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::{Wake, Waker};

use rustix::event::{EventfdFlags, eventfd};

/// A file that becomes readable anew with each call. Nobody reads it: it is watched for edges.
#[derive(Clone, Debug)]
pub(crate) struct WakeFile(Arc<OwnedFd>);

impl WakeFile {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    pub(crate) fn waker(&self) -> Waker {
        Arc::new(self.clone()).into()
    }
}

impl AsFd for WakeFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Wake for WakeFile {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // It fails after 2^64 calls.
        let _written = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }
}
