//! `tiercel journal` on a journal of commands, whole and damaged.

use std::fs;
use std::path::{Path, PathBuf};

use tiercel_journal::{Durability, Entry, EventLog, FileStorage, IoOptions, Journal, Options};
use tiercel_types::command::{AdvanceTime, NewOrder};
use tiercel_types::{AccountId, Command, InstrumentId, Price, Qty, Side, Timestamp};

use crate::command::{argument, run};

/// A journal of 30 commands in writes of three, with a snapshot.
pub(crate) fn made(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if path.exists() {
        fs::remove_dir_all(&path).expect("the old one goes");
    }
    let storage = FileStorage::open(&path, IoOptions::default()).expect("the folder opens");
    let options = Options { segment_size: 64 << 10, ..Options::default() };
    let mut journal = Journal::open(storage, options).expect("the journal opens");
    let (price, qty) = (Price::from_units(1_234), Qty::from_units(5));
    let order = NewOrder::limit(InstrumentId(1), AccountId(7), Side::Buy, price, qty);
    let commands: [Command; 3] =
        [order.into(), AdvanceTime::default().into(), AdvanceTime::default().into()];
    for write in 0..10 {
        let time = Timestamp(1_000 + write);
        let entries = commands.each_ref().map(|command| Entry::command(time, command));
        journal.append(journal.position(), &entries, Durability::Disk).expect("there is room");
        journal.wait_durable(u64::MAX).expect("the disk works");
    }
    journal.put_snapshot(12, b"state").expect("published");
    journal.close().expect("the disk works");
    path
}

#[test]
fn a_journal_is_listed_printed_checked_and_exported() {
    let path = made("journal-shown");
    let dir = argument(&path);
    let listed = run(&["journal", "ls", dir]);
    assert_eq!((listed.code, listed.stderr.as_str()), (Some(0), ""));
    assert!(listed.stdout.contains("snapshot after 12\n"), "{}", listed.stdout);

    let printed = run(&["journal", "cat", dir, "--from", "28", "-n", "2"]);
    let lines: Vec<&str> = printed.stdout.lines().collect();
    assert_eq!(
        lines[0],
        "28 1009 new_order price=0.00001234 qty=0.00000005 instrument=1 account=7 side=buy kind=limit \
         time_in_force=gtc self_trade_prevention=none"
    );
    assert_eq!(lines[1], "29 1009 advance_time");
    assert_eq!(lines.len(), 2);

    let since = run(&["journal", "cat", dir, "--since-ns", "1008"]);
    assert_eq!(since.stdout.lines().count(), 6);

    let checked = run(&["journal", "verify", dir]);
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""));
    assert!(checked.stdout.contains("commands 1 to 30, newest good snapshot after 12"));

    let exported = run(&["journal", "export", dir]);
    let rows: Vec<serde_json::Value> = exported
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object"))
        .collect();
    assert_eq!(rows.len(), 30);
    assert_eq!((&rows[0]["sequence"], &rows[0]["command"]), (&1.into(), &"new_order".into()));
    let fields = &rows[0]["fields"];
    assert_eq!((&fields["price"], &fields["account"]), (&"0.00001234".into(), &7.into()));
    assert_eq!(rows[1]["fields"], serde_json::json!({}));

    let csv = run(&["journal", "export", dir, "--format", "csv"]);
    let cells: Vec<Vec<&str>> = csv.stdout.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(cells[0][..5], ["sequence", "time_ns", "version", "command", "order_id"]);
    assert!(cells.iter().all(|line| line.len() == cells[0].len()), "as many cells in each line");
    let cell = |line: usize, name: &str| {
        cells[line][cells[0].iter().position(|column| *column == name).expect("a column")]
    };
    assert_eq!(
        (cell(1, "command"), cell(1, "price"), cell(1, "side")),
        ("new_order", "0.00001234", "buy")
    );
    assert_eq!((cell(2, "command"), cell(2, "price")), ("advance_time", ""));
    assert_eq!(csv.stdout.lines().count(), 31);
}

#[test]
fn damage_ends_with_3_and_the_offset() {
    let path = made("journal-damaged");
    let segment = path.join("0000000001.segment");
    let mut bytes = fs::read(&segment).expect("it is there");
    // The first command stands behind the header's block and a mark of 32 bytes.
    bytes[4096 + 32 + 50] ^= 1;
    fs::write(&segment, &bytes).expect("it can be written");
    for what in ["verify", "cat", "ls", "export"] {
        let ran = run(&["journal", what, argument(&path)]);
        assert_eq!(ran.code, Some(3), "{what}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("0000000001.segment: bad frame at byte 4128"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn a_damaged_snapshot_is_named() {
    let path = made("journal-snapshot");
    let snapshot = path.join("00000000000000000012.snapshot");
    fs::write(snapshot, b"rubbish").expect("it can be written");
    let ran = run(&["journal", "verify", argument(&path)]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("00000000000000000012.snapshot: it is cut off or foreign"));
}
