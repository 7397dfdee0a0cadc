//! What interrupts a core that wants to be alone.

use super::root::CpuList;
use super::{Finding, Item, Mend, Root, cores, sysctl_at_least, sysctl_equals};

pub(super) const ITEMS: &[Item] = &[
    Item {
        id: "irq_affinity",
        group: "interrupts",
        why: "An interrupt that may be served by an isolated core takes some microseconds of it, \
              and its caches.",
        look: affinity,
    },
    Item {
        id: "irqbalance",
        group: "interrupts",
        why: "The daemon moves interrupts back onto cores that were cleared of them.",
        look: irqbalance,
    },
    Item {
        id: "watchdog",
        group: "interrupts",
        why: "The lock-up detectors wake a thread on every core each few seconds, and hold a \
              performance counter.",
        look: |root| sysctl_equals(root, "kernel.watchdog", 0),
    },
    Item {
        id: "vm_statistics",
        group: "interrupts",
        why: "Each core's memory statistics are folded by a task on that core, once a second if \
              nothing is changed.",
        look: |root| sysctl_at_least(root, "vm.stat_interval", 10, 60),
    },
];

fn affinity(root: &Root) -> Finding {
    let isolated = cores::isolated(root);
    if isolated.is_empty() {
        return Finding::unknown("no isolated core to keep interrupts from");
    }
    let numbers = root.numbered("proc/irq", "");
    if numbers.is_empty() {
        return Finding::unknown("the list of interrupts cannot be read");
    }
    // Interrupts that the kernel manages refuse to be moved; where they are really served counts.
    let lands = |number: &usize| {
        let folder = format!("proc/irq/{number}");
        let served = root
            .cpus(&format!("{folder}/effective_affinity_list"))
            .filter(|list| !list.is_empty())
            .or_else(|| root.cpus(&format!("{folder}/smp_affinity_list")));
        served.is_some_and(|list| list.iter().any(|cpu| isolated.contains(cpu)))
    };
    let landing = numbers.iter().filter(|number| lands(number)).count();
    if landing == 0 {
        return Finding::good(format!("none of {} on isolated cores", numbers.len()));
    }
    let others = housekeeping(root, &isolated);
    Finding::bad(
        format!("{landing} of {} may land on isolated cores", numbers.len()),
        Mend::Command(format!(
            "for i in /proc/irq/*/smp_affinity_list; do echo {others} > $i; done"
        )),
    )
}

/// The cores that are left for everything else.
fn housekeeping(root: &Root, isolated: &CpuList) -> CpuList {
    let online = root.cpus("sys/devices/system/cpu/online").unwrap_or_default();
    online.without(isolated)
}

fn irqbalance(root: &Root) -> Finding {
    let processes = root.numbered("proc", "");
    if processes.is_empty() {
        return Finding::unknown("the list of processes cannot be read");
    }
    let runs = processes
        .iter()
        .any(|id| root.read(&format!("proc/{id}/comm")).as_deref() == Some("irqbalance"));
    if runs {
        let command = "systemctl disable --now irqbalance";
        return Finding::bad("runs", Mend::Command(command.to_owned()));
    }
    Finding::good("does not run")
}
