//! Which cores a thread may run on.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Keeps the current thread, and those that it will start, on core `cpu`.
///
/// # Errors
/// The system's refusal: above all a core that does not exist or is not ours to use.
pub fn pin_current_thread(cpu: usize) -> io::Result<()> {
    if cpu >= CpuSet::MAX_CPU {
        let message = format!("no such core: {cpu}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut set = CpuSet::new();
    set.set(cpu);
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
    fn a_pinned_thread_and_those_that_it_starts_may_run_on_one_core_alone() {
        let all = allowed_cpus().unwrap();
        let last = *all.last().unwrap();
        // In a thread of its own: the others stay free.
        let pinned = std::thread::spawn(move || {
            pin_current_thread(last).unwrap();
            let started = std::thread::spawn(|| allowed_cpus().unwrap());
            (allowed_cpus().unwrap(), started.join().unwrap())
        });
        assert_eq!(pinned.join().unwrap(), (vec![last], vec![last]));
        assert_eq!(allowed_cpus().unwrap(), all);
    }

    #[test]
    fn a_core_that_does_not_exist_is_refused() {
        assert!(pin_current_thread(1_000_000).is_err());
        assert!(pin_current_thread(CpuSet::MAX_CPU - 1).is_err());
    }
}
