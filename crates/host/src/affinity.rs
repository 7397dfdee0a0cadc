//! Which cores a thread may run on.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Keeps the current thread on core `cpu`.
///
/// # Errors
/// The system's refusal: above all a core that does not exist or is not ours to use.
pub fn pin_current_thread(cpu: usize) -> io::Result<()> {
    allow_current_thread(&[cpu])
}

/// Lets the current thread, and those that it will start, run on these cores alone: what a pinned
/// thread calls in a thread that it has started, to set it free again.
///
/// # Errors
/// The system's refusal: above all of a core that does not exist or is not ours to use.
pub fn allow_current_thread(cpus: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for &cpu in cpus {
        if cpu >= CpuSet::MAX_CPU {
            let message = format!("no such core: {cpu}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        set.set(cpu);
    }
    Ok(sched_setaffinity(None, &set)?)
}

/// The cores that the current thread may run on, lowest first.
///
/// # Errors
/// The system's refusal.
pub fn allowed_cpus() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_may_run_on_one_core_alone_until_it_is_set_free() {
        // In a thread of its own: the others stay free.
        let pinned = std::thread::spawn(|| {
            let all = allowed_cpus().unwrap();
            let last = *all.last().unwrap();
            pin_current_thread(last).unwrap();
            let pinned = allowed_cpus().unwrap();
            allow_current_thread(&all).unwrap();
            (pinned, last, allowed_cpus().unwrap(), all)
        });
        let (pinned, last, freed, all) = pinned.join().unwrap();
        assert_eq!(pinned, [last]);
        assert_eq!(freed, all);
    }

    #[test]
    fn a_core_that_does_not_exist_is_refused() {
        assert!(pin_current_thread(1_000_000).is_err());
        assert!(pin_current_thread(CpuSet::MAX_CPU - 1).is_err());
    }
}
