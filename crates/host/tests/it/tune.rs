//! `deploy/host/tune.sh` on made-up machines, judged by the check-up.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tiercel_host::checkup::{Mend, Root, Verdict, checkup};

use super::trees::{GOOD, Tree, UNFIT, UNTUNED, changed};

struct Ran {
    code: i32,
    text: String,
}

impl Ran {
    /// The results of a step: `ok`, `skipped`, `failed`, `would`.
    fn results(&self, step: &str) -> Vec<&str> {
        self.text
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                (words.next() == Some(step)).then(|| words.next().unwrap())
            })
            .collect()
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/host/tune.sh")
}

fn tune(tree: &Tree, arguments: &[&str]) -> Ran {
    let output = Command::new("bash")
        .arg(script())
        .args(arguments)
        .env("ROOT", tree.path())
        .output()
        .expect("bash runs");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    Ran { code: output.status.code().unwrap(), text: text.into_owned() }
}

fn verdicts(tree: &Tree) -> Vec<(&'static str, Verdict, String)> {
    let checks = checkup(&Root::new(tree.path()));
    checks.into_iter().map(|check| (check.id, check.verdict, check.found)).collect()
}

#[test]
fn everything_that_has_a_command_is_mended_and_can_be_taken_back() {
    let tree = changed(UNTUNED);
    let before = verdicts(&tree);
    let ran = tune(&tree, &["--smt-off"]);
    assert_eq!(ran.code, 0, "{}", ran.text);
    // The kernel would say so by itself.
    assert_eq!(tree.read("sys/devices/system/cpu/smt/control"), "off");
    tree.write("sys/devices/system/cpu/smt/active", "0");
    for check in checkup(&Root::new(tree.path())) {
        assert_eq!(check.verdict, Verdict::Good, "{check:?}\n{}", ran.text);
    }

    let again = tune(&tree, &["--smt-off"]);
    assert_eq!(again.code, 0);
    assert_eq!(tree.read("proc/irq/24/smp_affinity_list"), "0-1", "as the kernel shows it");
    assert!(!again.text.contains("->"), "a second run changes something: {}", again.text);

    let undone = tune(&tree, &["--undo"]);
    assert_eq!(undone.code, 0, "{}", undone.text);
    tree.write("sys/devices/system/cpu/smt/active", "1");
    assert_eq!(verdicts(&tree), before);
    assert_eq!(tree.read("sys/devices/system/cpu/smt/control"), "on");
    assert!(tune(&tree, &["--undo"]).text.contains("nothing to undo"));
}

#[test]
fn a_dry_run_changes_nothing_and_names_every_change() {
    let tree = changed(UNTUNED);
    let before = verdicts(&tree);
    let ran = tune(&tree, &["--dry-run"]);
    assert_eq!((ran.code, verdicts(&tree)), (0, before));
    assert!(!tree.path().join("var").exists());
    for check in checkup(&Root::new(tree.path())) {
        if matches!(check.mend, Some(Mend::Command(_))) && check.id != "smt" {
            assert!(ran.results(check.id).contains(&"would"), "{}: {}", check.id, ran.text);
        }
    }
}

#[test]
fn every_command_of_the_check_up_is_a_step() {
    let ran = tune(&Tree::new(GOOD), &[]);
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert!(!ran.text.contains("->"), "a good machine is changed: {}", ran.text);
    for tree in [changed(UNTUNED), changed(UNFIT)] {
        for check in checkup(&Root::new(tree.path())) {
            if matches!(check.mend, Some(Mend::Command(_))) {
                assert!(!ran.results(check.id).is_empty(), "no step {}", check.id);
            }
        }
    }
}

#[test]
fn what_fails_is_said_and_counted_and_the_rest_is_done() {
    let tree = changed(UNTUNED);
    // Cannot be read: there is nothing to tune.
    tree.remove("proc/sys/kernel/watchdog");
    // Reads as text, refuses to be written, whoever asks.
    tree.remove("proc/sys/net/core/busy_read");
    std::os::unix::fs::symlink(
        "/proc/sys/kernel/version",
        tree.path().join("proc/sys/net/core/busy_read"),
    )
    .unwrap();
    let ran = tune(&tree, &[]);
    assert_eq!(ran.code, 1, "{}", ran.text);
    assert_eq!(ran.results("watchdog"), ["skipped"], "{}", ran.text);
    assert_eq!(ran.results("busy_read"), ["failed"], "{}", ran.text);
    assert!(ran.text.ends_with("1 failed\n"), "{}", ran.text);
    assert_eq!(tree.read("proc/sys/net/core/busy_poll"), "50");
    // What was not changed is not put back either.
    let undone = tune(&tree, &["--undo"]);
    assert_eq!(undone.code, 0, "{}", undone.text);
    assert!(undone.results("busy_read").is_empty());
    assert_eq!(tree.read("proc/sys/net/core/busy_poll"), "0");
}

#[test]
fn a_value_that_cannot_be_put_back_stays_in_the_state() {
    let tree = changed(UNTUNED);
    assert_eq!(tune(&tree, &[]).code, 0);
    tree.remove("proc/sys/kernel/watchdog");
    std::fs::create_dir(tree.path().join("proc/sys/kernel/watchdog")).unwrap();
    let ran = tune(&tree, &["--undo"]);
    assert_eq!((ran.code, ran.results("watchdog")), (1, vec!["failed"]), "{}", ran.text);
    let state = tree.read("var/lib/tiercel/tune.state");
    assert_eq!(state, "watchdog\t/proc/sys/kernel/watchdog\t1");
}

/// Every setting of the machine, by its path below the tree.
fn texts(tree: &Tree) -> Vec<(PathBuf, String)> {
    let mut folders = vec![tree.path().join("proc"), tree.path().join("sys")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = std::fs::read_to_string(&path).unwrap();
                // Of a choice the chosen one: the kernel would go on showing the others.
                let chosen = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
                let text = chosen.map_or(text.trim(), |(chosen, _)| chosen).to_owned();
                files.push((path.strip_prefix(tree.path()).unwrap().to_owned(), text));
            }
        }
    }
    files.sort();
    files
}

/// Starts the script and kills it after so long.
fn killed(tree: &Tree, arguments: &[&str], after: Duration) {
    let mut child = Command::new("bash")
        .arg(script())
        .args(arguments)
        .env("ROOT", tree.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("bash runs");
    std::thread::sleep(after);
    // It may have ended by itself.
    let _ = child.kill();
    child.wait().expect("it ends");
}

#[test]
fn a_run_that_was_killed_half_way_can_be_undone_and_repeated_and_an_undo_too() {
    let (before, after) = {
        let tree = changed(UNTUNED);
        let before = texts(&tree);
        assert_eq!(tune(&tree, &[]).code, 0);
        (before, texts(&tree))
    };
    let mut half_way = 0;
    for step in 0..12 {
        let tree = changed(UNTUNED);
        let wait = Duration::from_millis(2 + step * 9);
        killed(&tree, &[], wait);
        let now = texts(&tree);
        half_way += u32::from(now != before && now != after);
        if step % 2 == 0 {
            // Once more, to the end: as if nothing had happened.
            assert_eq!(tune(&tree, &[]).code, 0);
            assert_eq!(texts(&tree), after, "after {wait:?}");
        }
        killed(&tree, &["--undo"], wait / 4);
        assert_eq!(tune(&tree, &["--undo"]).code, 0);
        assert_eq!(texts(&tree), before, "after {wait:?}");
    }
    assert!(half_way > 0, "no run was killed half way");
}

#[test]
fn a_file_that_a_kill_left_empty_is_written_again() {
    let whole = changed(UNTUNED);
    assert_eq!(tune(&whole, &[]).code, 0);
    let tree = changed(UNTUNED);
    assert_eq!(tune(&tree, &[]).code, 0);
    tree.write("proc/irq/25/smp_affinity_list", "");
    assert_eq!(tune(&tree, &[]).code, 0);
    assert_eq!(texts(&tree), texts(&whole));
}

#[test]
fn the_first_values_are_kept_over_many_runs() {
    let tree = changed(UNTUNED);
    assert_eq!(tune(&tree, &[]).code, 0);
    // Somebody else changes it, and we once more.
    tree.write("proc/sys/kernel/sched_rt_runtime_us", "500000");
    assert_eq!(tune(&tree, &[]).code, 0);
    assert_eq!(tree.read("proc/sys/kernel/sched_rt_runtime_us"), "-1");
    assert_eq!(tune(&tree, &["--undo"]).code, 0);
    assert_eq!(tree.read("proc/sys/kernel/sched_rt_runtime_us"), "950000");
}

#[test]
fn arguments_that_make_no_sense_change_nothing() {
    let tree = changed(UNTUNED);
    for arguments in [&["--unod"][..], &["--huge-pages"], &["--huge-pages", "many"], &["--state"]] {
        assert_eq!(tune(&tree, arguments).code, 101, "{arguments:?}");
    }
    assert_eq!(tree.read("proc/sys/kernel/watchdog"), "1");
    let help = tune(&tree, &["--help"]);
    assert!(help.code == 0 && help.text.contains("--undo"), "{}", help.text);
    let cannot_keep = tune(&tree, &["--state", "/proc/no/such/state"]);
    assert_eq!(cannot_keep.code, 102);
    assert_eq!(tree.read("proc/sys/kernel/watchdog"), "1");
}
