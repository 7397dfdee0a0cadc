//! The cores: how many, how alone, how awake.

use super::root::CpuList;
use super::{Finding, Item, Mend, Root};

const CPU: &str = "sys/devices/system/cpu";

/// Gateway, sequencer, engine and egress on a core each.
const CORES_WANTED: usize = 4;

/// An idle state that takes longer to leave is felt: a message costs some microseconds in all.
const IDLE_EXIT_MAX_US: u64 = 5;

pub(super) const ITEMS: &[Item] = &[
    Item {
        id: "cores",
        group: "cores",
        why: "Each stage of a pipeline wants a core of its own; what shares one waits in turn.",
        look: cores,
    },
    Item {
        id: "cpu_quota",
        group: "cores",
        why: "A quota stops every thread of the group for the rest of its period once it is used \
              up: tens of milliseconds at a time, and busy-polling uses it up.",
        look: quota,
    },
    Item {
        id: "isolation",
        group: "cores",
        why: "On a core that is not isolated the scheduler may place any other task, for \
              milliseconds.",
        look: isolation,
    },
    Item {
        id: "tick",
        group: "cores",
        why: "The scheduler's tick interrupts a busy core 100 to 1,000 times a second, for some \
              microseconds each.",
        look: tick,
    },
    Item {
        id: "rcu",
        group: "cores",
        why: "Callbacks of the kernel's read-copy-update run on the core that queued them unless \
              they are offloaded.",
        look: rcu,
    },
    Item {
        id: "smt",
        group: "cores",
        why: "Two hardware threads share one core's caches and execution units: a busy sibling \
              takes up to half of it.",
        look: smt,
    },
    Item {
        id: "governor",
        group: "cores",
        why: "Other governors lower the clock of a core that looks idle, and take milliseconds to \
              raise it.",
        look: governor,
    },
    Item {
        id: "turbo",
        group: "cores",
        why: "Without boost a few busy cores stay at the base clock, often a third below what \
              they could do.",
        look: turbo,
    },
    Item {
        id: "idle_states",
        group: "cores",
        why: "A core that sleeps deeply needs its state's exit time, up to hundreds of \
              microseconds, before it handles the next message.",
        look: idle_states,
    },
];

fn cores(root: &Root) -> Finding {
    let Some(online) = root.cpus(&format!("{CPU}/online")).filter(|list| !list.is_empty()) else {
        return Finding::unknown("the list of cores cannot be read");
    };
    let found = format!("{} online ({online})", online.len());
    if online.len() >= CORES_WANTED {
        return Finding::good(found);
    }
    let advice = "run the stages fused on one thread, or take a machine with four cores or more";
    Finding::bad(found, Mend::Advice(advice.to_owned()))
}

fn quota(root: &Root) -> Finding {
    let Some(groups) = root.read("proc/self/cgroup") else {
        return Finding::unknown("the control group cannot be read");
    };
    let mut seen = false;
    for (path, file) in groups.lines().filter_map(quota_file) {
        // A bound on any group above binds, too.
        let ancestors = std::path::Path::new(path).ancestors();
        for folder in ancestors.filter_map(std::path::Path::to_str) {
            let Some(text) = root.read(&file.replace("PATH", folder.trim_start_matches('/')))
            else {
                continue;
            };
            seen = true;
            if !text.starts_with("max") && !text.starts_with('-') {
                let advice = "lift it: docker run without --cpus; no cpu limit in the pod, or \
                              whole cores with the static CPU manager; CPUQuota= in the service";
                return Finding::bad(format!("{text} us"), Mend::Advice(advice.to_owned()));
            }
        }
    }
    // The group at the top of a hierarchy has no such file.
    let hierarchies = ["cgroup.controllers", "cpu", "unified"];
    let names = root.names("sys/fs/cgroup");
    if seen || names.iter().any(|name| hierarchies.contains(&name.as_str())) {
        Finding::good("none")
    } else {
        Finding::unknown("control groups are not visible")
    }
}

/// The group's path in a line of `proc/self/cgroup` (`id:controllers:path`), and the file that
/// holds its quota: `cpu.max` of the unified hierarchy, `cpu.cfs_quota_us` of the older one.
fn quota_file(line: &str) -> Option<(&str, &'static str)> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    match controllers {
        "" => Some((path, "sys/fs/cgroup/PATH/cpu.max")),
        _ if controllers.split(',').any(|name| name == "cpu") => {
            Some((path, "sys/fs/cgroup/cpu/PATH/cpu.cfs_quota_us"))
        }
        _ => None,
    }
}

/// The cores that are isolated; none when that is not known.
pub(super) fn isolated(root: &Root) -> CpuList {
    root.cpus(&format!("{CPU}/isolated")).unwrap_or_default()
}

/// The cores that a mending command line would isolate: those that are, or all but the first.
fn to_isolate(root: &Root) -> Option<String> {
    let isolated = isolated(root);
    if !isolated.is_empty() {
        return Some(isolated.to_string());
    }
    let online = root.cpus(&format!("{CPU}/online"))?;
    let rest = online.without(&CpuList::parse("0"));
    (!rest.is_empty()).then(|| rest.to_string())
}

/// A finding that a boot parameter mends, where there is a core to name in it.
fn bad_until_boot(root: &Root, found: &str, parameter: &str) -> Finding {
    match to_isolate(root) {
        None => Finding::bad(
            found,
            Mend::Advice("one core cannot be set aside: take a machine with more".to_owned()),
        ),
        Some(cpus) => Finding::bad(found, Mend::Boot(format!("{parameter}={cpus}"))),
    }
}

fn isolation(root: &Root) -> Finding {
    match root.cpus(&format!("{CPU}/isolated")) {
        None => Finding::unknown("the list of isolated cores cannot be read"),
        Some(list) if list.is_empty() => bad_until_boot(root, "no core is isolated", "isolcpus"),
        Some(list) => Finding::good(format!("cores {list}")),
    }
}

fn tick(root: &Root) -> Finding {
    let isolated = isolated(root);
    match root.cpus(&format!("{CPU}/nohz_full")) {
        None if root.cpus(&format!("{CPU}/online")).is_none() => {
            Finding::unknown("whether a core runs without ticks cannot be read")
        }
        // The file is there only where the kernel was built for it.
        None => Finding::bad(
            "this kernel cannot stop the tick of a busy core",
            Mend::Advice("boot a kernel that was built with CONFIG_NO_HZ_FULL".to_owned()),
        ),
        Some(list) if list.is_empty() => {
            bad_until_boot(root, "every busy core is ticked", "nohz_full")
        }
        Some(list) => {
            let ticked = isolated.without(&list);
            if ticked.is_empty() {
                return Finding::good(format!("cores {list} run without ticks"));
            }
            let found = format!("isolated cores {ticked} are ticked");
            bad_until_boot(root, &found, "nohz_full")
        }
    }
}

fn rcu(root: &Root) -> Finding {
    if root.read("proc/cmdline").is_none() {
        return Finding::unknown("the kernel's command line cannot be read");
    }
    // A core without ticks has its callbacks offloaded, too.
    let named = [root.boot_parameter("rcu_nocbs"), root.boot_parameter("nohz_full")];
    if named.iter().flatten().any(|value| value == "all") {
        return Finding::good("offloaded from every core");
    }
    let offloaded = CpuList::parse(&named.into_iter().flatten().collect::<Vec<_>>().join(","));
    if offloaded.is_empty() {
        return bad_until_boot(root, "callbacks run on every core", "rcu_nocbs");
    }
    let rest = isolated(root).without(&offloaded);
    if rest.is_empty() {
        Finding::good(format!("offloaded from cores {offloaded}"))
    } else {
        let found = format!("callbacks run on isolated cores {rest}");
        bad_until_boot(root, &found, "rcu_nocbs")
    }
}

fn smt(root: &Root) -> Finding {
    match root.read(&format!("{CPU}/smt/active")).as_deref() {
        Some("0") => Finding::good("one hardware thread a core, as far as is visible"),
        Some("1") => Finding::bad(
            "cores share their hardware with siblings",
            Mend::Command("echo off > /sys/devices/system/cpu/smt/control".to_owned()),
        ),
        _ => Finding::unknown("whether cores have siblings cannot be read"),
    }
}

fn governor(root: &Root) -> Finding {
    let mut others = Vec::new();
    let mut seen = 0;
    for cpu in root.numbered(CPU, "cpu") {
        let Some(name) = root.read(&format!("{CPU}/cpu{cpu}/cpufreq/scaling_governor")) else {
            continue;
        };
        seen += 1;
        if name != "performance" && !others.contains(&name) {
            others.push(name);
        }
    }
    if seen == 0 {
        return Finding::unknown("no frequency control here: firmware or hypervisor decides");
    }
    if others.is_empty() {
        return Finding::good("performance, on every core");
    }
    let command =
        "echo performance | tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor >/dev/null";
    Finding::bad(others.join(", "), Mend::Command(command.to_owned()))
}

fn turbo(root: &Root) -> Finding {
    let intel = root.read(&format!("{CPU}/intel_pstate/no_turbo"));
    let generic = root.read(&format!("{CPU}/cpufreq/boost"));
    let (on, command) = match (intel.as_deref(), generic.as_deref()) {
        (Some(text), _) => (text == "0", "echo 0 > /sys/devices/system/cpu/intel_pstate/no_turbo"),
        (None, Some(text)) => (text == "1", "echo 1 > /sys/devices/system/cpu/cpufreq/boost"),
        (None, None) => return Finding::unknown("boost cannot be read"),
    };
    if on { Finding::good("on") } else { Finding::bad("off", Mend::Command(command.to_owned())) }
}

fn idle_states(root: &Root) -> Finding {
    let mut deepest: Option<(u64, String)> = None;
    let mut seen = false;
    for cpu in root.numbered(CPU, "cpu") {
        let folder = format!("{CPU}/cpu{cpu}/cpuidle");
        for state in root.numbered(&folder, "state") {
            let read = |name| root.read(&format!("{folder}/state{state}/{name}"));
            let Some(exit_us) = read("latency").and_then(|text| text.parse().ok()) else {
                continue;
            };
            seen = true;
            let enabled = read("disable").is_none_or(|text| text == "0");
            if enabled && deepest.as_ref().is_none_or(|(deepest_us, _)| exit_us > *deepest_us) {
                deepest = Some((exit_us, read("name").unwrap_or_else(|| format!("state{state}"))));
            }
        }
    }
    match deepest {
        _ if !seen => Finding::unknown("no idle states here: firmware or hypervisor decides"),
        None => Finding::good("none is enabled"),
        Some((exit_us, name)) if exit_us <= IDLE_EXIT_MAX_US => {
            Finding::good(format!("deepest is {name}, left in {exit_us} us"))
        }
        Some((exit_us, name)) => Finding::bad(
            format!("deepest is {name}, left in {exit_us} us"),
            Mend::Command(format!(
                "for s in /sys/devices/system/cpu/cpu*/cpuidle/state*; do \
                 [ \"$(cat $s/latency)\" -le {IDLE_EXIT_MAX_US} ] || echo 1 > $s/disable; done"
            )),
        ),
    }
}
