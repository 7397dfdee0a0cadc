//! What the machine is called.

use core::fmt;
use std::fs;

/// The machine in words, for the rows of benchmarks.
///
/// Displays as one line: `AMD EPYC 9B45, 2 cores, Linux 6.18.5, x86_64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The processor's name for itself.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// The system and its release.
    pub system: String,
    /// The instruction set.
    pub architecture: &'static str,
}

/// Reads the machine's names. What cannot be read is called unknown.
pub fn machine() -> Machine {
    let names = rustix::system::uname();
    let system =
        format!("{} {}", names.sysname().to_string_lossy(), names.release().to_string_lossy());
    Machine {
        cpu: cpu_name().unwrap_or_else(|| "unknown processor".to_owned()),
        cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        system,
        architecture: std::env::consts::ARCH,
    }
}

fn cpu_name() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = if self.cores == 1 { "core" } else { "cores" };
        write!(f, "{}, {} {cores}, {}, {}", self.cpu, self.cores, self.system, self.architecture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_names() {
        let machine = machine();
        assert!(machine.cores >= 1);
        assert!(!machine.cpu.is_empty() && machine.system.len() > 3, "{machine}");
        assert!(!machine.to_string().contains('\n'));
    }
}
