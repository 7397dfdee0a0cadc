//! Who gets a core, and for how long.

use super::root::CAP_SYS_NICE;
use super::{Finding, Item, Mend, Root, sysctl_equals};

/// The share of all processor time that a hypervisor may have given to others before it is felt:
/// one in a thousand.
const STEAL_MAX_PER_MILLE: u64 = 1;

pub(super) const ITEMS: &[Item] = &[
    Item {
        id: "rt_throttling",
        group: "scheduling",
        why: "While real-time throttling is on, a thread that spins under SCHED_FIFO is stopped \
              for the rest of every second: 50 ms by default.",
        look: |root| sysctl_equals(root, "kernel.sched_rt_runtime_us", -1),
    },
    Item {
        id: "rt_priority",
        group: "scheduling",
        why: "Without the right to real-time priority every other task of the core competes with \
              the hot thread.",
        look: priority,
    },
    Item {
        id: "virtualisation",
        group: "scheduling",
        why: "In a guest the hypervisor takes cores away and moves them without notice, and much \
              of this list is its decision.",
        look: virtualisation,
    },
    Item {
        id: "steal",
        group: "scheduling",
        why: "Time stolen by the hypervisor is time in which the hot thread did not run, though \
              it was ready.",
        look: steal,
    },
];

fn priority(root: &Root) -> Finding {
    if root.has_capability(CAP_SYS_NICE) {
        return Finding::good("allowed (CAP_SYS_NICE)");
    }
    match root.limit("Max realtime priority") {
        None => Finding::unknown("the limit of real-time priority cannot be read"),
        Some(limit) if limit.allows(1) => Finding::good("allowed by the limit of this process"),
        Some(_) => Finding::bad(
            "not allowed",
            Mend::Advice(
                "LimitRTPRIO=99 in the service, or '@trading - rtprio 99' in \
                 /etc/security/limits.d, or setcap cap_sys_nice+ep on the binary"
                    .to_owned(),
            ),
        ),
    }
}

fn virtualisation(root: &Root) -> Finding {
    let Some(flags) = root.cpu_info("flags") else {
        return Finding::unknown("the processor's flags cannot be read");
    };
    if !flags.split_whitespace().any(|flag| flag == "hypervisor") {
        return Finding::good("bare metal");
    }
    let name = root
        .read("sys/class/dmi/id/sys_vendor")
        .or_else(|| root.read("sys/hypervisor/type"))
        .filter(|name| !name.is_empty());
    let found = name.map_or_else(|| "a guest".to_owned(), |name| format!("a guest of {name}"));
    let advice = "bare metal, or a dedicated host with cores pinned one to one";
    Finding::bad(found, Mend::Advice(advice.to_owned()))
}

fn steal(root: &Root) -> Finding {
    // user nice system idle iowait irq softirq steal, since the start (proc_stat(5)).
    let times: Option<Vec<u64>> = root.read("proc/stat").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        line.split_whitespace().map(|word| word.parse().ok()).collect()
    });
    let Some(times) = times.filter(|times| times.len() >= 8) else {
        return Finding::unknown("processor times cannot be read");
    };
    let (stolen, all) = (times[7], times[..8].iter().fold(0_u64, |sum, &t| sum.saturating_add(t)));
    if all == 0 {
        return Finding::unknown("no processor time was counted yet");
    }
    let found = format!("{:.3}% since the start", 100.0 * stolen as f64 / all as f64);
    if u128::from(stolen) * 1_000 <= u128::from(all) * u128::from(STEAL_MAX_PER_MILLE) {
        return Finding::good(found);
    }
    let advice = "a host that does not sell its cores twice: dedicated or pinned instances";
    Finding::bad(found, Mend::Advice(advice.to_owned()))
}
