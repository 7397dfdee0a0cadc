//! Real-time priority and memory that stays: what the system grants only to some.

use std::fmt;
use std::io;

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, getrlimit};
use thiserror::Error;

/// The priorities of `SCHED_FIFO`.
const PRIORITIES: core::ops::RangeInclusive<u8> = 1..=99;

/// Why a thread did not get real-time priority, or the process its memory locked.
#[derive(Debug, Error)]
pub enum RealtimeError {
    /// There is no such priority.
    #[error("real-time priorities go from 1 to 99, not {0}")]
    Priority(u8),
    /// The system refused the priority.
    #[error(
        "real-time priority {priority} was refused ({source}): it needs CAP_SYS_NICE, or a limit \
         of real-time priority (ulimit -r) of at least as much, which is {limit}"
    )]
    PriorityRefused {
        /// What was asked for.
        priority: u8,
        /// What the limit allows.
        limit: LimitValue,
        /// The system's answer.
        source: io::Error,
    },
    /// The system refused to lock memory.
    #[error(
        "locking memory was refused ({source}): it needs CAP_IPC_LOCK, or a limit of locked \
         memory (ulimit -l) above all that the process maps; it is {limit} bytes"
    )]
    LockRefused {
        /// What the limit allows.
        limit: LimitValue,
        /// The system's answer.
        source: io::Error,
    },
}

/// A limit of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitValue(Option<u64>);

impl LimitValue {
    fn of(resource: Resource) -> Self {
        Self(getrlimit(resource).current)
    }
}

impl fmt::Display for LimitValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("unlimited"),
        }
    }
}

/// Gives the current thread real-time priority (`SCHED_FIFO`): it runs until it waits or one of
/// higher priority comes.
///
/// A thread that spins under it is stopped for some 50 ms of every second while
/// `kernel.sched_rt_runtime_us` is not -1, and starves everything else of its core when it is.
///
/// # Errors
/// [`RealtimeError::Priority`] outside 1 to 99, [`RealtimeError::PriorityRefused`] by the system.
pub fn set_realtime_priority(priority: u8) -> Result<(), RealtimeError> {
    if !PRIORITIES.contains(&priority) {
        return Err(RealtimeError::Priority(priority));
    }
    set_scheduler(libc::SCHED_FIFO, priority).map_err(|source| RealtimeError::PriorityRefused {
        priority,
        limit: LimitValue::of(Resource::Rtprio),
        source,
    })
}

/// Gives the current thread back to the system's ordinary scheduling.
///
/// # Errors
/// The system's refusal; it has no reason for one.
pub fn set_ordinary_priority() -> io::Result<()> {
    set_scheduler(libc::SCHED_OTHER, 0)
}

fn set_scheduler(policy: i32, priority: u8) -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: i32::from(priority) };
    // The system call itself: C libraries other than glibc refuse it, or mean the process by 0.
    // SAFETY: 0 is the calling thread; the parameters are read during the call alone.
    let result =
        unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, policy, &raw const parameters) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Keeps all memory of the process in place, what it has and what it will map: no page is ever
/// read back from a disk, and new ones are there from the start.
///
/// # Errors
/// [`RealtimeError::LockRefused`] by the system.
pub fn lock_memory() -> Result<(), RealtimeError> {
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE).map_err(|error| {
        RealtimeError::LockRefused {
            limit: LimitValue::of(Resource::Memlock),
            source: error.into(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priority_is_given_or_refused_with_the_reason() {
        let outcome = std::thread::spawn(|| {
            let given = set_realtime_priority(1);
            set_ordinary_priority().unwrap();
            given
        });
        match outcome.join().unwrap() {
            Ok(()) => {}
            Err(error @ RealtimeError::PriorityRefused { .. }) => {
                assert!(error.to_string().contains("CAP_SYS_NICE"), "{error}");
            }
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn priorities_that_do_not_exist_are_refused() {
        for priority in [0, 100, 255] {
            let refused = set_realtime_priority(priority);
            assert!(matches!(refused, Err(RealtimeError::Priority(_))), "{refused:?}");
        }
    }
}
