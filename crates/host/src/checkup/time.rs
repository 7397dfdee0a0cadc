//! The clock: what reading it costs, and whether it runs evenly.

use super::{Finding, Item, Mend, Root};

const SOURCE: &str = "sys/devices/system/clocksource/clocksource0";

pub(super) const ITEMS: &[Item] = &[
    Item {
        id: "clocksource",
        group: "time",
        why: "With the time-stamp counter a clock is read in some 20 ns without entering the \
              kernel; with other sources in up to a microsecond.",
        look: source,
    },
    Item {
        id: "invariant_tsc",
        group: "time",
        why: "Only a counter that runs at one rate in every state of the processor measures time.",
        look: invariant,
    },
];

fn source(root: &Root) -> Finding {
    let Some(current) = root.read(&format!("{SOURCE}/current_clocksource")) else {
        return Finding::unknown("the clock source cannot be read");
    };
    if matches!(current.as_str(), "tsc" | "arch_sys_counter") {
        return Finding::good(current);
    }
    let available = root.read(&format!("{SOURCE}/available_clocksource")).unwrap_or_default();
    let mend = if available.split_whitespace().any(|name| name == "tsc") {
        Mend::Command(format!("echo tsc > /{SOURCE}/current_clocksource"))
    } else {
        Mend::Boot("tsc=reliable clocksource=tsc".to_owned())
    };
    Finding::bad(current, mend)
}

fn invariant(root: &Root) -> Finding {
    let Some(flags) = root.cpu_info("flags") else {
        return Finding::unknown("the processor's flags cannot be read");
    };
    let missing: Vec<_> = ["constant_tsc", "nonstop_tsc"]
        .into_iter()
        .filter(|wanted| !flags.split_whitespace().any(|flag| flag == *wanted))
        .collect();
    if missing.is_empty() {
        return Finding::good("runs at one rate and never stops");
    }
    Finding::bad(
        format!("no {}", missing.join(", no ")),
        Mend::Advice("another processor, or a hypervisor that passes the flag on".to_owned()),
    )
}
