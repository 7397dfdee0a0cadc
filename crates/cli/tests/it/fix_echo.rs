//! `tiercel fix-echo` under `QuickFIX`'s acceptance definitions, by the runner that plays them over
//! sockets, where it is there. The session's own tests play the same ones in virtual time.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use tiercel_testkit::data;

use crate::command::tiercel;

/// Definitions that wait for heartbeats: half a minute in all.
const SLOW: [&str; 2] = ["4a_NoDataSentDuringHeartBtInt.def", "6_SendTestRequest.def"];

#[test]
fn the_published_definitions_pass_over_sockets() {
    let Some(folder) = data::path("fix_at") else { return };
    let runner = folder.join("../../tools/fix_at_run.py");
    let has_python = Command::new("python3").arg("-c").arg("").status().is_ok();
    if !runner.exists() || !has_python {
        eprintln!("skipped: there is no {} or no python3", runner.display());
        return;
    }
    let mut echo = tiercel()
        .args(["fix-echo", "--dictionary"])
        .arg(folder.join("FIX44.xml"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut line = String::new();
    BufReader::new(echo.stdout.as_mut().expect("its output")).read_line(&mut line).expect("a line");
    let port = line.trim().rsplit(':').next().expect("a port").to_owned();
    let mut definitions: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "def"))
        .filter(|path| !SLOW.iter().any(|slow| path.ends_with(slow)))
        .collect();
    definitions.sort();
    let played = Command::new("python3")
        .args(["-W", "ignore"])
        .arg(&runner)
        .args(["127.0.0.1", &port])
        .args(&definitions)
        .output();
    echo.kill().expect("it ends");
    echo.wait().expect("it has ended");
    let played = played.expect("python3 runs");
    let told = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success(), "{told}\n{}", String::from_utf8_lossy(&played.stderr));
    assert_eq!(told.matches("ok   ").count(), definitions.len(), "{told}");
}
