//! Help, and arguments that make no sense.

use crate::command::run;

#[test]
fn every_command_explains_itself() {
    for arguments in [
        &["--help"][..],
        &["demo", "--help"],
        &["match", "--help"],
        &["replay", "--help"],
        &["bus", "--help"],
        &["bench", "--help"],
        &["journal", "--help"],
        &["doctor", "--help"],
        &["venue", "--help"],
        &["record", "--help"],
    ] {
        let ran = run(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(ran.stdout.contains("Usage: tiercel"), "{arguments:?}");
    }
    assert!(run(&["--help"]).stdout.contains("Exit codes:"));
    assert!(run(&["match", "--help"]).stdout.contains("mass_cancel"), "the format is in the help");
}

#[test]
fn arguments_that_make_no_sense_end_with_2() {
    for arguments in [
        &["sell"][..],
        &["demo", "--rate", "0"],
        &["demo", "--instruments", "0"],
        &["demo", "--plain", "--json"],
        &["replay"],
        &["record"],
        &["record", "--bus", "x"],
        &["replay", "x", "--format", "csv"],
        &["match"],
        &["bench", "nonsense"],
        &["journal"],
        &["journal", "cat", "x", "--from", "1", "--since-ns", "1"],
        &["doctor", "--measure", "--root", "/tmp"],
        &["doctor", "--folder", "/tmp"],
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stderr.is_empty() && ran.stdout.is_empty(), "{arguments:?}");
    }
}
