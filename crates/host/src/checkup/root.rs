//! The folder that stands for `/`, and what is read below it.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder below which `proc` and `sys` lie: `/` for this machine.
///
/// What is not there, not readable or not text reads as `None`.
#[derive(Clone, Debug)]
pub struct Root(PathBuf);

/// Capabilities as the kernel counts them (`include/uapi/linux/capability.h`).
pub(super) const CAP_IPC_LOCK: u32 = 14;
pub(super) const CAP_SYS_NICE: u32 = 23;

impl Root {
    /// The files below `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The text of a file, without blanks around it.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        Some(fs::read_to_string(self.0.join(path)).ok()?.trim().to_owned())
    }

    /// A kernel parameter below `proc/sys` by its `sysctl` name.
    pub(super) fn sysctl(&self, name: &str) -> Option<String> {
        self.read(&format!("proc/sys/{}", name.replace('.', "/")))
    }

    /// The word that a file of the kind `always [madvise] never` has chosen, or its only word.
    pub(super) fn chosen(&self, path: &str) -> Option<String> {
        let text = self.read(path)?;
        let marked = text.split_whitespace().find_map(|word| {
            word.strip_prefix('[').and_then(|word| word.strip_suffix(']')).map(str::to_owned)
        });
        let mut words = text.split_whitespace();
        marked.or_else(|| words.next().filter(|_| words.next().is_none()).map(str::to_owned))
    }

    /// A list of cores, as `0-2,5`; `None` when there is no such file.
    pub(crate) fn cpus(&self, path: &str) -> Option<CpuList> {
        Some(CpuList::parse(&self.read(path)?))
    }

    /// The names in a folder, sorted; nothing when it is not there.
    pub(super) fn names(&self, path: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.0.join(path)) else { return Vec::new() };
        let mut names: Vec<_> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }

    /// The names in a folder that are `prefix` and a number, by that number: `cpu0`, `node1`.
    pub(crate) fn numbered(&self, path: &str, prefix: &str) -> Vec<usize> {
        let number = |name: &String| name.strip_prefix(prefix)?.parse().ok();
        let mut numbers: Vec<usize> = self.names(path).iter().filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The values that the kernel's command line gives a parameter, joined by commas; `None` when
    /// it does not name it.
    pub(super) fn boot_parameter(&self, name: &str) -> Option<String> {
        let line = self.read("proc/cmdline")?;
        let values: Vec<_> = line
            .split_whitespace()
            .filter_map(|word| word.strip_prefix(name)?.strip_prefix('='))
            .collect();
        (!values.is_empty()).then(|| values.join(","))
    }

    /// A line of `proc/cpuinfo`'s first processor: `flags`, `model name`.
    pub(super) fn cpu_info(&self, name: &str) -> Option<String> {
        let text = self.read("proc/cpuinfo")?;
        text.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == name).then(|| value.trim().to_owned())
        })
    }

    /// The soft limit of this process by its name in `proc/self/limits`.
    pub(super) fn limit(&self, name: &str) -> Option<Limit> {
        let text = self.read("proc/self/limits")?;
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        match line.split_whitespace().next()? {
            "unlimited" => Some(Limit::Unlimited),
            number => Some(Limit::At(number.parse().ok()?)),
        }
    }

    /// Whether this process has a capability, so that a limit does not bind it.
    pub(super) fn has_capability(&self, capability: u32) -> bool {
        let effective = self.status("CapEff").and_then(|text| u64::from_str_radix(&text, 16).ok());
        effective.is_some_and(|bits| bits >> capability & 1 == 1)
    }

    /// A line of `proc/self/status`.
    pub(super) fn status(&self, name: &str) -> Option<String> {
        let text = self.read("proc/self/status")?;
        text.lines()
            .find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
    }
}

/// A limit of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Unlimited,
    At(u64),
}

impl Limit {
    pub(super) const fn allows(self, wanted: u64) -> bool {
        match self {
            Self::Unlimited => true,
            Self::At(most) => most >= wanted,
        }
    }
}

/// Numbers of cores, lowest first, read from and shown in the kernel's notation: `0-2,5`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuList(Vec<usize>);

/// More cores than the kernel can be built for: what is beyond is no list of cores.
const CPUS_MAX: usize = 8_192;

impl CpuList {
    /// Reads the notation. What is not a number or a range of them (flags such as `domain`, the
    /// `(null)` of an unset list) is left out.
    ///
    /// ```
    /// use tiercel_host::checkup::CpuList;
    ///
    /// assert_eq!(CpuList::parse("managed_irq,4-6,1").iter().collect::<Vec<_>>(), [1, 4, 5, 6]);
    /// assert!(CpuList::parse("(null)").is_empty());
    /// ```
    pub fn parse(text: &str) -> Self {
        let mut cpus = Vec::new();
        for part in text.split(',').map(str::trim) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            if let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) {
                cpus.extend(first..=last.min(CPUS_MAX - 1));
            }
        }
        cpus.sort_unstable();
        cpus.dedup();
        Self(cpus)
    }

    /// The cores.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().copied()
    }

    /// How many.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `cpu` is one of them.
    pub fn contains(&self, cpu: usize) -> bool {
        self.0.binary_search(&cpu).is_ok()
    }

    /// Those of them that `other` has not.
    pub(super) fn without(&self, other: &Self) -> Self {
        Self(self.iter().filter(|&cpu| !other.contains(cpu)).collect())
    }
}

impl core::fmt::Display for CpuList {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let runs = self.0.chunk_by(|one, next| one + 1 == *next);
        for (at, run) in runs.enumerate() {
            let gap = if at == 0 { "" } else { "," };
            match run {
                [first, .., last] => write!(f, "{gap}{first}-{last}")?,
                [only] => write!(f, "{gap}{only}")?,
                [] => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cores_reads_and_shows_the_kernels_notation() {
        for (text, shown) in [
            ("0-3", "0-3"),
            ("5,0-2,1", "0-2,5"),
            ("7", "7"),
            ("", ""),
            ("(null)", ""),
            ("domain,managed_irq,2-3", "2-3"),
            ("3-1", ""),
        ] {
            assert_eq!(CpuList::parse(text).to_string(), shown, "{text}");
        }
        assert_eq!(CpuList::parse("0-99999999999").len(), CPUS_MAX);
        assert_eq!(CpuList::parse("0-5").without(&CpuList::parse("1,3")).to_string(), "0,2,4-5");
    }
}
