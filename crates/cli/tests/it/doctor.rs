//! The doctor, on made-up machines and on this one.

use serde_json::Value;

use crate::command::{argument, run};
use crate::trees::{GOOD, Tree, UNTUNED, changed};

#[test]
fn the_exit_code_says_whether_something_is_bad() {
    for (tree, code) in [(Tree::new(GOOD), 0), (Tree::new(&[]), 0), (changed(UNTUNED), 1)] {
        for arguments in [&["doctor", "--root"][..], &["doctor", "--json", "--root"]] {
            let ran = run(&[arguments, &[argument(tree.path())]].concat());
            assert_eq!((ran.code, ran.stderr.as_str()), (Some(code), ""), "{}", ran.stdout);
        }
    }
}

#[test]
fn a_pipe_gets_plain_text_with_what_is_bad_and_how_to_mend_it() {
    let tree = changed(UNTUNED);
    let ran = run(&["doctor", "--root", argument(tree.path())]);
    assert!(!ran.stdout.contains('\u{1b}'), "{}", ran.stdout);
    assert!(ran.stdout.contains("    bad      watchdog "), "{}", ran.stdout);
    assert!(ran.stdout.contains("# sysctl -w kernel.watchdog=0\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("\n  11 good, 21 bad, 0 unknown\n"), "{}", ran.stdout);
    // Commands stand in one line, and a folder's name is not broken, however long it is.
    let whole = |line: &str| line.contains("# ") || line.contains(argument(tree.path()));
    for line in ran.stdout.lines() {
        assert!(line.len() <= 100 || whole(line), "{line}");
    }
}

#[test]
fn json_is_one_object_with_every_check() {
    let ran = run(&["doctor", "--json"]);
    assert!(matches!(ran.code, Some(0 | 1)), "{:?}", ran.code);
    assert_eq!(ran.stdout.lines().count(), 1);
    let report: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    let allocator = report["allocator"].as_str().expect("an allocator");
    assert!(["system", "mimalloc", "jemalloc"].contains(&allocator), "{allocator}");
    let checks = report["checks"].as_array().expect("checks");
    let number = |name: &str| report[name].as_u64().expect("a count");
    assert_eq!(checks.len() as u64, number("good") + number("bad") + number("unknown"));
    assert_eq!(ran.code == Some(1), number("bad") > 0);
    for check in checks {
        for field in ["id", "group", "verdict", "found", "why"] {
            assert!(check[field].as_str().is_some_and(|text| !text.is_empty()), "{check}");
        }
        assert_eq!(check["mend"].is_null(), check["verdict"] != "bad", "{check}");
    }
}
