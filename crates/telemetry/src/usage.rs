//! What the machine and this process use, as Linux tells it under `/proc`.

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::registry::{Registry, RegistryError};

/// A share of processor time is told anew after so long; it would be too rough before.
const SHARE_OVER: Duration = Duration::from_millis(200);
/// Kernel ticks in a second, as `/proc` counts them on every machine.
const TICKS_A_SECOND: f64 = 100.0;

/// Registers what is used; where the system has no `/proc`, nothing.
///
/// | name | what |
/// |---|---|
/// | `system_cpu_usage_percent` | of all cores, since it was last asked for |
/// | `system_memory_usage_bytes` | of the machine, what is not available to a new program |
/// | `process_cpu_usage_percent` | of one core, since it was last asked for |
/// | `process_resident_memory_bytes` | of this process, in memory |
/// | `process_open_files` | its descriptors |
///
/// # Errors
/// [`RegistryError`] when a name is taken.
pub fn register(registry: &Registry) -> Result<(), RegistryError> {
    let gauge = |name, help, read: fn() -> Option<f64>| {
        if read().is_none() {
            return Ok(());
        }
        registry.observe(name, help, &[], move || read().unwrap_or(f64::NAN))
    };
    share(
        registry,
        "system_cpu_usage_percent",
        "Processor time of all cores that was used, since it was last asked for.",
        || cpu_ticks(&file("/proc/stat")?),
    )?;
    share(
        registry,
        "process_cpu_usage_percent",
        "Processor time of this process, in percent of one core, since it was last asked for.",
        || {
            let used = process_ticks(&file("/proc/self/stat")?)?;
            Some((used, wall_ticks()))
        },
    )?;
    gauge("system_memory_usage_bytes", "Memory of the machine that is in use.", || {
        let text = file("/proc/meminfo")?;
        Some(kilobytes(&text, "MemTotal:")? - kilobytes(&text, "MemAvailable:")?)
    })?;
    gauge("process_resident_memory_bytes", "Memory of this process.", || {
        kilobytes(&file("/proc/self/status")?, "VmRSS:")
    })?;
    gauge("process_open_files", "Descriptors that this process holds.", || {
        Some(fs::read_dir("/proc/self/fd").ok()?.count() as f64)
    })
}

/// Registers the growth of a number in percent of that of another, between two looks.
fn share(
    registry: &Registry,
    name: &str,
    help: &str,
    read: impl Fn() -> Option<(f64, f64)> + Send + 'static,
) -> Result<(), RegistryError> {
    let Some(first) = read() else { return Ok(()) };
    let last = Mutex::new((Instant::now(), first, 0.0));
    registry.observe(name, help, &[], move || {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let (when, before, _) = *last;
        if when.elapsed() >= SHARE_OVER
            && let Some(now) = read()
        {
            let (used, all) = (now.0 - before.0, now.1 - before.1);
            let percent = if all > 0.0 { (100.0 * used / all).max(0.0) } else { 0.0 };
            *last = (Instant::now(), now, percent);
        }
        last.2
    })
}

fn file(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn wall_ticks() -> f64 {
    let text = file("/proc/uptime").unwrap_or_default();
    let seconds = text.split(' ').next().and_then(|text| text.parse::<f64>().ok());
    seconds.unwrap_or(0.0) * TICKS_A_SECOND
}

/// Ticks that all cores worked, and all their ticks: the first line of `/proc/stat`.
fn cpu_ticks(text: &str) -> Option<(f64, f64)> {
    let numbers = text.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace();
    // user nice system idle iowait irq softirq steal; guests are in user already.
    let ticks: Vec<f64> = numbers.take(8).filter_map(|number| number.parse().ok()).collect();
    let idle = ticks.get(3)? + ticks.get(4)?;
    let all: f64 = ticks.iter().sum();
    Some((all - idle, all))
}

/// Ticks that the process worked: fields 14 and 15 of its `stat`, counted behind its name, which
/// may hold anything.
fn process_ticks(text: &str) -> Option<f64> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some(ticks()? + ticks()?)
}

/// A line of kilobytes, in bytes.
fn kilobytes(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number = line.split_ascii_whitespace().next()?.parse::<f64>().ok()?;
    Some(number * 1_024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_are_read_where_the_numbers_stand() {
        let stat = "cpu  10 1 5 80 4 0 0 0 9 9\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(cpu_ticks(stat), Some((16.0, 100.0)));
        assert_eq!(cpu_ticks("intr 1 2\n"), None);
        let mine = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 30 12 13 14\n";
        assert_eq!(process_ticks(mine), Some(42.0));
        let memory = "MemTotal:       2 kB\nMemAvailable:   1 kB\n";
        assert_eq!(kilobytes(memory, "MemAvailable:"), Some(1_024.0));
        assert_eq!(kilobytes(memory, "Swap:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_tells_all_of_them() {
        let registry = Registry::new();
        register(&registry).unwrap();
        let text = registry.text();
        for name in [
            "system_cpu_usage_percent",
            "system_memory_usage_bytes",
            "process_cpu_usage_percent",
            "process_resident_memory_bytes",
            "process_open_files",
        ] {
            let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
            let value: f64 = line.rsplit_once(' ').unwrap().1.parse().unwrap();
            assert!(value.is_finite() && value >= 0.0, "{line}");
        }
    }
}
