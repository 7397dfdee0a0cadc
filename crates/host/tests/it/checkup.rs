//! What a check-up says of made-up machines.

use tiercel_host::checkup::{Check, Mend, Root, Verdict, checkup};

use super::trees::{GOOD, Tree, UNFIT, UNTUNED, changed};

fn check(tree: &Tree, id: &str) -> Check {
    checkup(&Root::new(tree.path())).into_iter().find(|check| check.id == id).unwrap()
}

fn ids(tree: &Tree, verdict: Verdict) -> Vec<&'static str> {
    let checks = checkup(&Root::new(tree.path()));
    checks.iter().filter(|check| check.verdict == verdict).map(|check| check.id).collect()
}

#[test]
fn of_a_good_machine_everything_is_good() {
    let tree = Tree::new(GOOD);
    for check in checkup(&Root::new(tree.path())) {
        assert_eq!((check.verdict, &check.mend), (Verdict::Good, &None), "{check:?}");
        assert!(!check.found.is_empty() && check.why.ends_with('.'), "{check:?}");
    }
}

#[test]
fn an_untuned_machine_is_told_a_command_for_each_thing_that_is_bad() {
    let tree = changed(UNTUNED);
    let bad = ids(&tree, Verdict::Bad);
    let expected = [
        "smt",
        "governor",
        "turbo",
        "idle_states",
        "irq_affinity",
        "watchdog",
        "vm_statistics",
        "rt_throttling",
        "transparent_huge_pages",
        "huge_page_defrag",
        "huge_pages",
        "numa",
        "swap",
        "clocksource",
        "busy_read",
        "busy_poll",
        "receive_buffer",
        "send_buffer",
        "device_backlog",
        "slow_start",
        "io_uring",
    ];
    assert_eq!(bad, expected);
    for id in bad {
        assert!(matches!(check(&tree, id).mend, Some(Mend::Command(_))), "{id}");
    }
}

#[test]
fn what_no_command_mends_is_told_as_boot_parameters_or_advice() {
    let tree = changed(UNFIT);
    let boot = |text: &str| Some(Mend::Boot(text.to_owned()));
    assert_eq!(check(&tree, "isolation").mend, boot("isolcpus=1"));
    assert_eq!(check(&tree, "tick").mend, boot("nohz_full=1"));
    assert_eq!(check(&tree, "rcu").mend, boot("rcu_nocbs=1"));
    for id in [
        "cores",
        "cpu_quota",
        "rt_priority",
        "virtualisation",
        "steal",
        "locked_memory",
        "invariant_tsc",
        "io_uring",
    ] {
        let check = check(&tree, id);
        assert_eq!(check.verdict, Verdict::Bad, "{check:?}");
        assert!(matches!(check.mend, Some(Mend::Advice(_))), "{check:?}");
    }
    assert_eq!(check(&tree, "irqbalance").verdict, Verdict::Bad);
    assert_eq!(check(&tree, "irq_affinity").verdict, Verdict::Unknown);
    assert!(check(&tree, "virtualisation").found.contains("Somebody's Cloud"));
    assert_eq!(check(&tree, "cpu_quota").found, "50000 100000 us");
}

#[test]
fn of_an_empty_container_nothing_is_claimed() {
    let tree = Tree::new(&[]);
    for check in checkup(&Root::new(tree.path())) {
        assert_eq!((check.verdict, &check.mend), (Verdict::Unknown, &None), "{check:?}");
    }
    let nowhere = Root::new(tree.path().join("not/there"));
    assert!(checkup(&nowhere).iter().all(|check| check.verdict == Verdict::Unknown));
}

#[test]
fn files_of_nonsense_are_not_believed() {
    let nonsense: Vec<_> =
        GOOD.iter().map(|(path, _)| (*path, "\u{fffd} [ ] - , 9-0 : x")).collect();
    let tree = Tree::new(&nonsense);
    let good = ids(&tree, Verdict::Good);
    assert!(good.iter().all(|id| ["cpu_quota", "irqbalance", "swap"].contains(id)), "{good:?}");
}

#[test]
fn a_capability_stands_for_a_limit() {
    let tree = changed(UNFIT);
    // Bits 14 and 23: CAP_IPC_LOCK and CAP_SYS_NICE.
    tree.write("proc/self/status", "CapEff:\t0000000000804000\nSeccomp:\t0");
    assert_eq!(check(&tree, "rt_priority").verdict, Verdict::Good);
    assert_eq!(check(&tree, "locked_memory").verdict, Verdict::Good);
}

#[test]
fn a_quota_of_the_older_hierarchy_counts() {
    let tree = changed(&[
        ("proc/self/cgroup", "3:cpuset:/\n2:cpu,cpuacct:/docker/77\n0::/"),
        ("sys/fs/cgroup/cpu/docker/77/cpu.cfs_quota_us", "150000"),
    ]);
    assert_eq!(check(&tree, "cpu_quota").verdict, Verdict::Bad);
    tree.write("sys/fs/cgroup/cpu/docker/77/cpu.cfs_quota_us", "-1");
    assert_eq!(check(&tree, "cpu_quota").verdict, Verdict::Good);
}

#[test]
fn isolated_cores_have_to_be_without_ticks_and_callbacks() {
    let tree = changed(&[
        ("sys/devices/system/cpu/nohz_full", "2"),
        ("proc/cmdline", "isolcpus=2-3 rcu_nocbs=2"),
    ]);
    assert_eq!(check(&tree, "tick").mend, Some(Mend::Boot("nohz_full=2-3".to_owned())));
    assert_eq!(check(&tree, "rcu").mend, Some(Mend::Boot("rcu_nocbs=2-3".to_owned())));
    // A core without ticks has its callbacks offloaded.
    tree.write("proc/cmdline", "isolcpus=2-3 nohz_full=2-3");
    assert_eq!(check(&tree, "rcu").verdict, Verdict::Good);
    tree.remove("sys/devices/system/cpu/nohz_full");
    assert!(matches!(check(&tree, "tick").mend, Some(Mend::Advice(_))));
}

#[test]
fn a_filter_on_system_calls_leaves_io_uring_open() {
    let tree = changed(&[("proc/self/status", "Seccomp:\t2")]);
    assert_eq!(check(&tree, "io_uring").verdict, Verdict::Unknown);
}

#[test]
fn a_clock_source_that_is_not_offered_needs_the_command_line() {
    let folder = "sys/devices/system/clocksource/clocksource0";
    let tree = changed(&[
        (&format!("{folder}/current_clocksource"), "hpet"),
        (&format!("{folder}/available_clocksource"), "hpet acpi_pm"),
    ]);
    assert!(matches!(check(&tree, "clocksource").mend, Some(Mend::Boot(_))));
}
