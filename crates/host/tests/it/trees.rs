//! Made-up machines: folders with the files of `/proc` and `/sys` that a check-up reads.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of files, gone when it is dropped.
pub(crate) struct Tree(PathBuf);

impl Tree {
    /// A tree of these files.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tree-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let tree = Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name));
        fs::create_dir_all(&tree.0).expect("files of tests can be written and read");
        for (path, text) in files {
            tree.write(path, text);
        }
        tree
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let file = self.0.join(path);
        fs::create_dir_all(file.parent().expect("a file has a folder"))
            .expect("files of tests can be written and read");
        fs::write(file, format!("{text}\n")).expect("files of tests can be written and read");
    }

    #[allow(dead_code, reason = "not every test binary does")]
    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.0.join(path)).expect("files of tests can be written and read");
    }

    #[allow(dead_code, reason = "not every test binary does")]
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path))
            .expect("files of tests can be written and read")
            .trim()
            .to_owned()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Four cores, two of them set aside, everything as it should be.
pub(crate) const GOOD: &[(&str, &str)] = &[
    ("proc/cmdline", "quiet isolcpus=managed_irq,2-3 nohz_full=2-3 rcu_nocbs=2-3"),
    (
        "proc/cpuinfo",
        "processor\t: 0\nmodel name\t: Made Up\nflags\t\t: fpu constant_tsc nonstop_tsc",
    ),
    ("proc/self/cgroup", "0::/system.slice/tiercel.service"),
    (
        "proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units\n\
         Max locked memory         unlimited            unlimited            bytes\n\
         Max realtime priority     99                   99",
    ),
    ("proc/self/status", "Name:\ttiercel\nCapEff:\t0000000000000000\nSeccomp:\t0"),
    ("proc/stat", "cpu  100000 0 5000 800000 0 0 0 10 0 0\ncpu0 1 2 3"),
    ("proc/swaps", "Filename\tType\tSize\tUsed\tPriority"),
    ("proc/1/comm", "systemd"),
    ("proc/irq/24/smp_affinity_list", "0-1"),
    ("proc/irq/25/smp_affinity_list", "0-3"),
    ("proc/irq/25/effective_affinity_list", "1"),
    ("proc/sys/kernel/osrelease", "6.12.1"),
    ("proc/sys/kernel/watchdog", "0"),
    ("proc/sys/kernel/sched_rt_runtime_us", "-1"),
    ("proc/sys/kernel/numa_balancing", "0"),
    ("proc/sys/kernel/io_uring_disabled", "0"),
    ("proc/sys/vm/stat_interval", "60"),
    ("proc/sys/vm/swappiness", "60"),
    ("proc/sys/net/core/busy_read", "50"),
    ("proc/sys/net/core/busy_poll", "50"),
    ("proc/sys/net/core/rmem_max", "16777216"),
    ("proc/sys/net/core/wmem_max", "16777216"),
    ("proc/sys/net/core/netdev_max_backlog", "10000"),
    ("proc/sys/net/ipv4/tcp_slow_start_after_idle", "0"),
    ("sys/fs/cgroup/cgroup.controllers", "cpu memory"),
    ("sys/fs/cgroup/system.slice/tiercel.service/cpu.max", "max 100000"),
    ("sys/devices/system/cpu/online", "0-3"),
    ("sys/devices/system/cpu/isolated", "2-3"),
    ("sys/devices/system/cpu/nohz_full", "2-3"),
    ("sys/devices/system/cpu/smt/active", "0"),
    ("sys/devices/system/cpu/intel_pstate/no_turbo", "0"),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance"),
    ("sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "performance"),
    ("sys/devices/system/cpu/cpu2/cpuidle/state0/name", "POLL"),
    ("sys/devices/system/cpu/cpu2/cpuidle/state0/latency", "0"),
    ("sys/devices/system/cpu/cpu2/cpuidle/state1/name", "C6"),
    ("sys/devices/system/cpu/cpu2/cpuidle/state1/latency", "133"),
    ("sys/devices/system/cpu/cpu2/cpuidle/state1/disable", "1"),
    ("sys/devices/system/node/node0/cpulist", "0-1"),
    ("sys/devices/system/node/node1/cpulist", "2-3"),
    ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc"),
    ("sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet acpi_pm"),
    ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never"),
    ("sys/kernel/mm/transparent_hugepage/defrag", "always defer [defer+madvise] madvise never"),
    ("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "1024"),
    ("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "1000"),
];

/// Four cores, two of them isolated, and everything else that a running machine could mend wrong.
pub(crate) const UNTUNED: &[(&str, &str)] = &[
    ("proc/irq/24/smp_affinity_list", "0-3"),
    ("proc/irq/25/smp_affinity_list", "3"),
    ("proc/irq/25/effective_affinity_list", ""),
    ("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 8388604 0 -2"),
    ("proc/sys/kernel/watchdog", "1"),
    ("proc/sys/kernel/sched_rt_runtime_us", "950000"),
    ("proc/sys/kernel/numa_balancing", "1"),
    ("proc/sys/kernel/io_uring_disabled", "2"),
    ("proc/sys/vm/stat_interval", "1"),
    ("proc/sys/net/core/busy_read", "0"),
    ("proc/sys/net/core/busy_poll", "0"),
    ("proc/sys/net/core/rmem_max", "212992"),
    ("proc/sys/net/core/wmem_max", "212992"),
    ("proc/sys/net/core/netdev_max_backlog", "1000"),
    ("proc/sys/net/ipv4/tcp_slow_start_after_idle", "1"),
    ("sys/devices/system/cpu/smt/active", "1"),
    ("sys/devices/system/cpu/smt/control", "on"),
    ("sys/devices/system/cpu/intel_pstate/no_turbo", "1"),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave"),
    ("sys/devices/system/cpu/cpu2/cpuidle/state1/disable", "0"),
    ("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet"),
    ("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never"),
    ("sys/kernel/mm/transparent_hugepage/defrag", "[always] defer defer+madvise madvise never"),
    ("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0"),
];

/// What only the kernel's command line, the service or another machine can mend.
#[allow(dead_code, reason = "not every test binary does")]
pub(crate) const UNFIT: &[(&str, &str)] = &[
    ("proc/cmdline", "quiet"),
    ("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu hypervisor constant_tsc"),
    ("proc/stat", "cpu  100000 0 5000 800000 0 0 0 9000 0 0"),
    ("proc/sys/kernel/osrelease", "4.18.0-553.el8"),
    (
        "proc/self/limits",
        "Max locked memory         8388608              8388608              bytes\n\
         Max realtime priority     0                    0",
    ),
    ("proc/77/comm", "irqbalance"),
    ("sys/class/dmi/id/sys_vendor", "Somebody's Cloud"),
    ("sys/fs/cgroup/system.slice/cpu.max", "50000 100000"),
    ("sys/devices/system/cpu/online", "0-1"),
    ("sys/devices/system/cpu/isolated", ""),
    ("sys/devices/system/cpu/nohz_full", "(null)"),
];

/// A good machine with these files in the place of its own.
pub(crate) fn changed(files: &[(&str, &str)]) -> Tree {
    let tree = Tree::new(GOOD);
    for (path, text) in files {
        tree.write(path, text);
    }
    tree
}
