//! The scenarios of testdata/match: what they print is what stands beside them.
//!
//! The expected files were checked by hand against docs/matching.md. To write one for a new
//! scenario: `tiercel match --echo NAME.csv > NAME.out`, and read it.

use std::fs;
use std::path::PathBuf;

use crate::command::{argument, run};

fn scenarios() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/match");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the folder of scenarios")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "csv"))
        .collect();
    files.sort();
    files
}

/// The options that a scenario asks for in a comment.
fn options(session: &str) -> Vec<&str> {
    let line = session.lines().find_map(|line| line.strip_prefix("# options: "));
    line.map_or_else(|| vec!["--echo"], |line| line.split_whitespace().collect())
}

#[test]
fn every_scenario_prints_what_stands_beside_it() {
    let scenarios = scenarios();
    assert!(scenarios.len() >= 25, "scenarios are missing: {}", scenarios.len());
    for path in scenarios {
        let session = fs::read_to_string(&path).expect("a scenario");
        let expected = fs::read_to_string(path.with_extension("out")).expect("what it prints");
        let mut arguments = vec!["match", argument(&path)];
        arguments.extend(options(&session));
        let ran = run(&arguments);
        assert_eq!(ran.stderr, "", "{}", path.display());
        assert_eq!(ran.code, Some(0), "{}", path.display());
        let differing = ran.stdout.lines().zip(expected.lines()).enumerate();
        for (at, (printed, wanted)) in differing {
            assert_eq!(printed, wanted, "{}, line {} of the output", path.display(), at + 1);
        }
        assert_eq!(ran.stdout.len(), expected.len(), "{}: the length", path.display());
    }
}

#[test]
fn every_scenario_is_also_valid_json_and_leaves_the_same_digest() {
    for path in scenarios() {
        let session = fs::read_to_string(&path).expect("a scenario");
        let bare = options(&session).contains(&"--bare");
        let mut arguments = vec!["match", argument(&path), "--digest", "--balances", "--book"];
        if bare {
            arguments.push("--bare");
        }
        let text = run(&arguments);
        arguments.push("--json");
        let json = run(&arguments);
        assert_eq!(json.code, Some(0));
        let rows: Vec<serde_json::Value> = json
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("each line is JSON"))
            .collect();
        for row in &rows {
            assert!(row["event"].is_string() != row["show"].is_string(), "{row}");
            if row["event"].is_string() {
                assert!(row["sequence"].is_u64() && row["last"].is_boolean(), "{row}");
            }
        }
        let digest = rows.last().expect("a digest")["digest"].as_str().expect("a text").to_owned();
        assert_eq!(text.stdout.lines().last(), Some(format!("digest {digest}").as_str()));
    }
}

#[test]
fn a_session_in_blanks_through_a_pipe_is_the_session_in_commas() {
    for path in scenarios() {
        let session = fs::read_to_string(&path).expect("a scenario");
        if options(&session) != ["--echo"] {
            continue;
        }
        let blanks = session.replace(',', "  ");
        let piped = crate::command::run_with(&["match", "-", "--digest"], blanks.as_bytes());
        let filed = run(&["match", argument(&path), "--digest"]);
        assert_eq!(piped.stdout, filed.stdout, "{}", path.display());
    }
}
