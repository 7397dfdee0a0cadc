//! Sockets and files.

use super::{Finding, Item, Mend, Root, sysctl_at_least, sysctl_equals};

/// Room for a burst of market data while its reader is busy: 8 MiB.
const SOCKET_BUFFER: u64 = 8 << 20;

pub(super) const NETWORK: &[Item] = &[
    Item {
        id: "busy_read",
        group: "network",
        why: "Without busy polling a blocking read waits for an interrupt and for being woken: \
              tens of microseconds.",
        look: |root| sysctl_at_least(root, "net.core.busy_read", 1, 50),
    },
    Item {
        id: "busy_poll",
        group: "network",
        why: "The same for poll and epoll.",
        look: |root| sysctl_at_least(root, "net.core.busy_poll", 1, 50),
    },
    Item {
        id: "receive_buffer",
        group: "network",
        why: "A burst that does not fit into the socket's buffer is lost (UDP) or throttled (TCP).",
        look: |root| sysctl_at_least(root, "net.core.rmem_max", SOCKET_BUFFER, SOCKET_BUFFER),
    },
    Item {
        id: "send_buffer",
        group: "network",
        why: "A send that does not fit into the socket's buffer waits or is refused.",
        look: |root| sysctl_at_least(root, "net.core.wmem_max", SOCKET_BUFFER, SOCKET_BUFFER),
    },
    Item {
        id: "device_backlog",
        group: "network",
        why: "Packets that come faster than the kernel hands them on are dropped at this bound.",
        look: |root| sysctl_at_least(root, "net.core.netdev_max_backlog", 5_000, 10_000),
    },
    Item {
        id: "slow_start",
        group: "network",
        why: "A TCP connection that was quiet for a while starts again with a small window: the \
              first burst after it takes more round trips.",
        look: |root| sysctl_equals(root, "net.ipv4.tcp_slow_start_after_idle", 0),
    },
];

pub(super) const STORAGE: &[Item] = &[Item {
    id: "io_uring",
    group: "storage",
    why: "The journal writes through io_uring; without it each durable write costs the calling \
          thread more system calls.",
    look: io_uring,
}];

fn io_uring(root: &Root) -> Finding {
    let release = root.sysctl("kernel.osrelease");
    let new_enough = release.as_deref().and_then(version).is_some_and(|version| version >= (5, 10));
    // Since 6.6; before that it cannot be switched off.
    match root.sysctl("kernel.io_uring_disabled").as_deref() {
        Some("1" | "2") => Finding::bad(
            "switched off",
            Mend::Command("sysctl -w kernel.io_uring_disabled=0".to_owned()),
        ),
        _ if release.is_none() => Finding::unknown("the kernel's release cannot be read"),
        _ if !new_enough => Finding::bad(
            format!("Linux {} is too old for it", release.unwrap_or_default()),
            Mend::Advice("boot Linux 5.10 or newer".to_owned()),
        ),
        // Containers come with filters, and many of those refuse it; the filter cannot be read.
        _ if root.status("Seccomp").as_deref() == Some("2") => {
            Finding::unknown("allowed by the kernel; this process has a filter that may refuse it")
        }
        _ => Finding::good("available"),
    }
}

/// Major and minor number of a release: `6.18.4-arch1` is 6 and 18.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
