//! Memory: how large its pages are, whether it is near, whether it stays.

use super::root::{CAP_IPC_LOCK, Limit};
use super::{Finding, Item, Mend, Root, set_sysctl};

const THP: &str = "sys/kernel/mm/transparent_hugepage";
const EXPLICIT: &str = "sys/kernel/mm/hugepages/hugepages-2048kB";

/// Books, rings and journals of a small venue fit.
const LOCKED_WANTED: u64 = 1 << 30;

/// 512 MiB.
const HUGE_PAGES_SET: u64 = 256;

pub(super) const ITEMS: &[Item] = &[
    Item {
        id: "transparent_huge_pages",
        group: "memory",
        why: "With small pages random access to large tables pays a page walk each time; with \
              'always' the kernel makes huge pages, and stalls for it, where nobody asked.",
        look: transparent,
    },
    Item {
        id: "huge_page_defrag",
        group: "memory",
        why: "With 'always' any page fault may wait for memory to be compacted.",
        look: defrag,
    },
    Item {
        id: "huge_pages",
        group: "memory",
        why: "Only reserved huge pages are sure to be there when a table is made; transparent \
              ones depend on how fragmented memory is.",
        look: explicit,
    },
    Item {
        id: "numa",
        group: "memory",
        why: "Memory of another node is half again as far, and automatic balancing unmaps pages \
              to see who touches them.",
        look: numa,
    },
    Item {
        id: "swap",
        group: "memory",
        why: "A page that was swapped out costs a disk's read when it is touched again.",
        look: swap,
    },
    Item {
        id: "locked_memory",
        group: "memory",
        why: "Only memory that may be locked stays: everything else can fault at any time.",
        look: locked,
    },
];

fn transparent(root: &Root) -> Finding {
    choice(root, "enabled", &["madvise"], "transparent huge pages cannot be read")
}

fn defrag(root: &Root) -> Finding {
    let good = ["madvise", "defer+madvise", "defer", "never"];
    choice(root, "defrag", &good, "compaction for huge pages cannot be read")
}

/// A choice of transparent huge pages; the first good one is what the command sets.
fn choice(root: &Root, file: &str, good: &[&str], unread: &str) -> Finding {
    match root.chosen(&format!("{THP}/{file}")) {
        None => Finding::unknown(unread),
        Some(word) if good.contains(&word.as_str()) => Finding::good(word),
        Some(word) => {
            Finding::bad(word, Mend::Command(format!("echo {} > /{THP}/{file}", good[0])))
        }
    }
}

fn explicit(root: &Root) -> Finding {
    let number = |file| root.read(&format!("{EXPLICIT}/{file}"))?.parse::<u64>().ok();
    match (number("nr_hugepages"), number("free_hugepages")) {
        (None, _) => Finding::unknown("reserved huge pages cannot be read"),
        (Some(0), _) => Finding::bad(
            "none of 2 MiB is reserved",
            Mend::Command(format!("echo {HUGE_PAGES_SET} > /{EXPLICIT}/nr_hugepages")),
        ),
        (Some(all), free) => {
            let free = free.map_or_else(String::new, |free| format!(", {free} free"));
            Finding::good(format!("{all} of 2 MiB reserved{free}"))
        }
    }
}

fn numa(root: &Root) -> Finding {
    let nodes = root.numbered("sys/devices/system/node", "node").len();
    match (nodes, root.sysctl("kernel.numa_balancing").as_deref()) {
        (0, _) => Finding::unknown("nodes cannot be read"),
        (1, _) => Finding::good("one node"),
        (_, None | Some("0")) => {
            Finding::good(format!("{nodes} nodes, no balancing: bind each thread's memory"))
        }
        (_, Some(_)) => Finding::bad(
            format!("{nodes} nodes with automatic balancing"),
            set_sysctl("kernel.numa_balancing", 0),
        ),
    }
}

fn swap(root: &Root) -> Finding {
    let Some(swaps) = root.read("proc/swaps") else {
        return Finding::unknown("swap areas cannot be read");
    };
    // The first line is a heading.
    let areas = swaps.lines().skip(1).count();
    if areas == 0 {
        return Finding::good("none");
    }
    let swappiness = root.sysctl("vm.swappiness").and_then(|text| text.parse::<u64>().ok());
    match swappiness {
        Some(value @ 0..=1) => {
            Finding::good(format!("{areas} in use as a last resort (swappiness {value})"))
        }
        Some(value) => {
            Finding::bad(format!("{areas}, swappiness {value}"), set_sysctl("vm.swappiness", 1))
        }
        None => Finding::unknown(format!("{areas}, swappiness cannot be read")),
    }
}

fn locked(root: &Root) -> Finding {
    if root.has_capability(CAP_IPC_LOCK) {
        return Finding::good("without limit (CAP_IPC_LOCK)");
    }
    match root.limit("Max locked memory") {
        None => Finding::unknown("the limit of locked memory cannot be read"),
        Some(Limit::Unlimited) => Finding::good("without limit"),
        Some(limit @ Limit::At(bytes)) if limit.allows(LOCKED_WANTED) => {
            Finding::good(format!("{} MiB", bytes >> 20))
        }
        Some(Limit::At(bytes)) => Finding::bad(
            format!("{} KiB", bytes >> 10),
            Mend::Advice(
                "LimitMEMLOCK=infinity in the service, or '@trading - memlock unlimited' in \
                 /etc/security/limits.d"
                    .to_owned(),
            ),
        ),
    }
}
