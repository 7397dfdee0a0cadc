//! `tiercel trade` that is halted by a signal, and who is told of it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tiercel_testkit::webhook::{Fate, Webhook};

use crate::command::argument;
use crate::trade::{Desk, hit};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// The next alert that the webhook took.
fn next(webhook: &Webhook) -> Value {
    loop {
        let posted = webhook.next(PATIENCE).expect("an alert");
        if posted.is_taken() {
            return posted.body;
        }
    }
}

/// What is told, of whom, and whether it is over.
fn short(alert: &Value) -> (&str, &str, bool) {
    let text = |field: &str| alert[field].as_str().expect("a text");
    (text("code"), text("source"), alert["resolved"] == true)
}

#[test]
fn a_signal_halts_it_and_a_webhook_that_fails_at_first_and_a_file_say_so_and_how_it_ended() {
    let (desk, venue, config) = Desk::opened("trade-alerts");
    let (file, webhook) = (
        config.with_extension("alerts"),
        Webhook::start(vec![Fate::Answered(503), Fate::Unanswered]),
    );
    drop(fs::remove_file(&file));
    let mut more = OpenOptions::new().append(true).open(&config).expect("it is ours");
    let alerts = format!(
        "[alerts]\nsource = \"desk-1\"\nfile = \"{}\"\n\
         market_stale_s = 600\nline_down_s = 600\norder_unknown_s = 600\n\
         [alerts.webhook]\nurl = \"{}\"\nretry_first_ms = 20\n",
        argument(&file),
        webhook.url
    );
    more.write_all(alerts.as_bytes()).expect("it can be written");
    let trader = desk.trader(&config);
    hit(&venue, &trader, &desk.keys[1], 1);

    trader.signal(Signal::USR1);
    let halted = next(&webhook);
    assert_eq!(short(&halted), ("mode", "desk-1", false), "{halted}");
    assert_eq!(halted["severity"], "critical");
    let text = "halted, nothing but cancels leaves: somebody halted it";
    assert_eq!(halted["text"], text);
    trader.until("halted", |state| state["mode"] == "halted" && state["open_orders"] == 0);

    assert_eq!(trader.post("enable", "let-me"), 202);
    let enabled = next(&webhook);
    assert_eq!(short(&enabled), ("mode", "desk-1", true), "{enabled}");
    // The signal halts as often as it comes.
    trader.signal(Signal::USR1);
    let again = next(&webhook);
    assert_eq!(short(&again), ("mode", "desk-1", false), "{again}");

    assert_eq!(trader.post("stop", "let-me"), 202);
    let (last, code) = trader.end();
    assert_eq!((code, &last["open_orders"]), (Some(0), &Value::from(0)), "{last}");
    let ended = next(&webhook);
    assert_eq!(short(&ended), ("ended", "desk-1", false), "{ended}");
    let lines = fs::read_to_string(&file).expect("the file of alerts");
    let lines = lines.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    assert_eq!(lines.collect::<Vec<Value>>(), [halted, enabled, again, ended]);
}
