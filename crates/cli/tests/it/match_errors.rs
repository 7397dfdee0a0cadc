//! Sessions that make no sense, and the whole of what can be asked.

use crate::command::{run_with, tiercel};

/// The last line of the messages, for one line behind a preset.
fn error_of(line: &str) -> String {
    let ran =
        run_with(&["match", "-"], format!("preset stock\nnew alice buy 1@1\n{line}\n").as_bytes());
    assert_eq!(ran.code, Some(3), "{line:?} is taken: {}", ran.stdout);
    assert_eq!(ran.stdout.lines().count(), 1, "what came before is printed: {}", ran.stdout);
    ran.stderr.trim_end().to_owned()
}

#[test]
fn an_error_tells_file_line_field_and_what_is_wrong() {
    for (line, expected) in [
        ("sell 5", "-:3: verb: no such verb: `sell` (see `tiercel match --help`)"),
        ("new", "-:3: account: missing"),
        (
            "new zoe buy 5@1",
            "-:3: account: no account is called `zoe` (an `account` line names one)",
        ),
        ("new alice 5@1", "-:3: side: missing"),
        ("new alice buy 5@1 sell", "-:3: sell: not understood here, or given twice"),
        ("new alice buy 5@1.123456789", "-:3: price: more than 8 decimal places: `1.123456789`"),
        ("new alice buy five@1", "-:3: five@1: not understood here, or given twice"),
        ("new alice buy 5@1 stp=never", "-:3: stp: no such self-trade prevention: `never`"),
        ("new alice buy 5@1 size=3", "-:3: size: no such field here, or given twice: `3`"),
        ("new alice buy 5@1 instrument=x", "-:3: instrument: invalid digit found in string: `x`"),
        ("new alice buy 5@1 id=\"open", "-:3: quotes: a double quote is not closed"),
        ("cancel alice", "-:3: id: missing"),
        ("at noon", "-:3: time: not a time (HH:MM:SS[.fraction], or whole nanoseconds): `noon`"),
        ("deposit alice 1e3 USD", "-:3: amount: not an amount: `1e3`"),
        ("deposit alice 1 EUR", "-:3: asset: no asset has the code `EUR`"),
        ("state ajar", "-:3: state: missing"),
        ("preset stock", "-:3: preset: a preset comes first, and once"),
        ("account alice n=2", "-:3: n: `alice` is account 1, not 2"),
        ("correct t1 5", "-:3: price: missing"),
    ] {
        assert_eq!(error_of(line), expected, "{line:?}");
    }
}

#[test]
fn time_does_not_go_back() {
    let ran = run_with(&["match", "-"], b"at 10:00:00\nat 09:00:00\n");
    assert_eq!(
        (ran.code, ran.stderr.trim_end()),
        (Some(3), "-:2: time: earlier than the line before")
    );
}

#[test]
fn bytes_that_are_no_text_are_refused_and_endless_lines_too() {
    let ran = run_with(&["match", "-"], b"preset stock\n\xff\xfe\n");
    assert_eq!((ran.code, ran.stderr.trim_end()), (Some(3), "-:2: line: not UTF-8 text"));
    let ran = run_with(&["match", "-"], &vec![b'x'; 100_000]);
    assert_eq!((ran.code, ran.stderr.trim_end()), (Some(3), "-:1: line: longer than 64 KiB"));
}

#[test]
fn unknown_things_reach_the_engine_by_number() {
    let session = "preset stock\n\
        new 99 buy 1@1\n\
        new alice instrument=9 buy 1@1\n\
        bust t7\n\
        update instrument=9 tick=1\n\
        deposit alice 1 99\n\
        deposit alice -1 USD\n\
        withdraw venue 1 USD fund=0\n\
        transfer alice alice 1 USD\n\
        asset ABC\n\
        asset \"\" n=5000\n\
        instrument ABCUSD n=7 base=ABC quote=USD tick=1 lot=1\n\
        account x n=4294967295\n\
        amend alice #1:5 1\n\
        correct t1 1@-1\n";
    let ran = run_with(&["match", "-"], session.as_bytes());
    assert_eq!(ran.stderr, "");
    let reasons: Vec<&str> =
        ran.stdout.lines().map(|line| line.split(' ').nth(1).unwrap_or(line)).collect();
    assert_eq!(
        reasons,
        [
            "UNKNOWN_ACCOUNT",
            "UNKNOWN_INSTRUMENT",
            "UNKNOWN_TRADE",
            "UNKNOWN_INSTRUMENT",
            "UNKNOWN_ASSET",
            "AMOUNT_INVALID",
            "FUNDING_ID_INVALID",
            "TRANSFER_TO_SELF",
            "SYMBOL_INVALID",
            "ID_OUT_OF_RANGE",
            "SYMBOL_INVALID",
            "ID_OUT_OF_RANGE",
            "UNKNOWN_ORDER",
            "UNKNOWN_TRADE",
        ],
        "{}",
        ran.stdout
    );
}

#[test]
fn what_cannot_be_opened_is_a_failure() {
    let output = tiercel().args(["match", "/nonexistent.csv"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("cannot open /nonexistent.csv"), "{message}");
}
