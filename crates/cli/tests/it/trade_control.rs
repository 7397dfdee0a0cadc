//! `tiercel trade` is halted and stopped, whoever reads what it prints, or nobody.

use std::fs;
use std::io::{ErrorKind, PipeReader, PipeWriter, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::Signal;
use serde_json::Value;

use crate::command::{argument, run};
use crate::trade::{Desk, Trader, hit, order, settle, until_quoting};
use crate::venue_process::until_open;

/// A pipe that nobody reads and that takes nothing more. It is one as long as its reader is there.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let flags = fcntl_getfl(&writer).expect("flags");
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).expect("it is ours");
    for bytes in [&[b'\n'; 4_096][..], b"\n"] {
        let error = loop {
            match writer.write(bytes) {
                Ok(count) => assert_ne!(count, 0),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
    fcntl_setfl(&writer, flags).expect("it is ours");
    (reader, writer)
}

/// The file that halts the traders of a configuration of tests.
fn kill_file(name: &str, config: &Path) -> PathBuf {
    let path = config.with_file_name(format!("{name}-token")).with_extension("kill");
    drop(fs::remove_file(&path));
    path
}

fn is_halted(state: &Value) -> bool {
    state["mode"] == "halted" && state["open_orders"] == 0
}

/// Waits until a state is so much later.
fn later(trader: &Trader, than: &Value, by_ns: u64) -> Value {
    let end = than["time_ns"].as_u64().expect("a time") + by_ns;
    trader.until("later", |state| state["time_ns"].as_u64() > Some(end))
}

#[test]
fn with_output_and_messages_that_nobody_reads_its_file_halts_it_for_as_long_as_it_is_there_and_a_signal_stops_it()
 {
    let (desk, venue, config) = Desk::opened("trade-unread");
    let file = kill_file("trade-unread", &config);
    let (_output, output) = full_pipe();
    let (_messages, messages) = full_pipe();
    let mut trader = Trader::start_to(&config, desk.ports[2], &[], output, messages);
    hit(&venue, &trader, &desk.keys[1], 1);
    // It has tried to print by now: it does once a second.
    let begun = trader.until("there", |_| true);
    later(&trader, &begun, 1_500_000_000);

    fs::write(&file, b"").expect("it is ours");
    trader.until("halted", is_halted);
    // Nobody enables it while the file is there.
    assert_eq!(trader.post("enable", "let-me"), 409);
    let still = trader.until("there", |_| true);
    assert!(is_halted(&later(&trader, &still, 200_000_000)));
    fs::remove_file(&file).expect("it is ours");
    assert_eq!(trader.post("enable", "let-me"), 202);
    trader.until("active", |state| state["mode"] == "active");
    trader.signal(Signal::USR1);
    trader.until("halted", is_halted);
    assert_eq!(trader.post("enable", "let-me"), 202);
    hit(&venue, &trader, &desk.keys[1], 1);
    until_quoting(&venue, &trader, &desk.keys[1]);

    trader.signal(Signal::TERM);
    assert_eq!(trader.exit_code(), Some(0));
    until_open(&venue, &desk.keys[0], <[Value]>::is_empty);
}

#[test]
fn with_its_file_there_from_the_start_nothing_leaves() {
    let (desk, venue, config) = Desk::opened("trade-killed-before");
    let file = kill_file("trade-killed-before", &config);
    fs::write(&file, b"").expect("it is ours");
    let trader = desk.trader(&config);
    let mut state = trader.until("halted", |state| state["acts"] == true && is_halted(state));
    for number in 0..40 {
        let price = format!("{}", 59_900 + number % 7);
        order(&venue, &desk.keys[1], "BUY", &price, "0.001", "GTC");
        state = later(&trader, &state, 5_000_000);
    }
    assert!(is_halted(&state) && state["counts"]["denied"] != 0, "{state}");
    assert_eq!(state["counts"]["requests"], 0, "{state}");
    fs::remove_file(&file).expect("it is ours");
    assert_eq!(trader.post("enable", "let-me"), 202);
    hit(&venue, &trader, &desk.keys[1], 1);
    assert_eq!(trader.post("stop", "let-me"), 202);
    assert_eq!(trader.end().1, Some(0));
}

#[test]
fn a_connection_that_goes_is_no_end_where_nobody_hears_of_it() {
    let (desk, mut venue, config) = Desk::opened("trade-unheard");
    let (reader, messages) = std::io::pipe().expect("a pipe");
    drop(reader);
    let trader = Trader::start_to(&config, desk.ports[2], &[], Stdio::piped(), messages);
    hit(&venue, &trader, &desk.keys[1], 1);
    assert_eq!(trader.post("halt", "let-me"), 202);
    trader.until("halted", is_halted);
    venue.kill();
    trader.until_alone();
    assert_eq!(trader.post("stop", "let-me"), 202);
    let (last, code) = trader.end();
    assert_eq!((code, &last["open_orders"]), (Some(0), &Value::from(0)), "{last}");
}

#[test]
fn a_start_that_fails_uses_nothing_up_of_what_the_strategy_knew() {
    let (desk, venue, config) = Desk::opened("trade-start");
    let trader = desk.trader(&config);
    hit(&venue, &trader, &desk.keys[1], 1);
    settle(trader, &venue, &desk.keys[0]);
    let store = config.with_file_name("trade-start-token").with_extension("store");
    let (state, last) = (store.join("strategy.state"), store.join("strategy.state.last"));
    let kept = fs::read(&state).expect("it was kept");

    let fails = |why: &str| {
        let ran = run(&["trade", "--json", "--config", argument(&config)]);
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
        assert_eq!((fs::read(&state).expect("it is there"), last.exists()), (kept.clone(), false));
    };
    let taken = TcpListener::bind(("127.0.0.1", desk.ports[2])).expect("the port is free");
    fails("trader.http: 127.0.0.1:");
    drop(taken);
    // This fails behind what the strategy is given.
    let secret = config.with_file_name("trade-start-secret");
    let hidden = secret.with_extension("hidden");
    fs::rename(&secret, &hidden).expect("it is ours");
    fails("trade-start-secret");
    fs::rename(&hidden, &secret).expect("it is ours");

    let trader = desk.trader(&config);
    hit(&venue, &trader, &desk.keys[1], 1);
    assert_eq!((fs::read(&last).expect("it is used up"), state.exists()), (kept, false));
    settle(trader, &venue, &desk.keys[0]);
}

#[test]
fn half_a_request_does_not_keep_it_from_its_end() {
    let (desk, _venue, config) = Desk::opened("trade-half");
    let mut trader = desk.trader(&config);
    trader.until("acting", |state| state["acts"] == true);
    let mut half = TcpStream::connect(("127.0.0.1", desk.ports[2])).expect("it listens");
    half.write_all(b"GET /he").expect("it is taken");
    assert_eq!(trader.post("stop", "let-me"), 202);
    assert_eq!(trader.exit_code(), Some(0));
}

#[test]
fn at_a_venue_that_does_not_answer_a_second_signal_ends_it_at_once_and_one_ends_it_in_time() {
    let (desk, venue, config) = Desk::opened("trade-mute");
    let alerts = config.with_extension("alerts");
    drop(fs::remove_file(&alerts));
    let mut text = fs::read_to_string(&config).expect("it was written");
    text.push_str("[alerts]\nfile = \"");
    text.push_str(argument(&alerts));
    text.push_str("\"\n");
    fs::write(&config, text).expect("it is ours");
    let quoting = || {
        let trader = desk.trader(&config);
        hit(&venue, &trader, &desk.keys[1], 1);
        until_quoting(&venue, &trader, &desk.keys[1]);
        venue.signal(Signal::STOP);
        trader
    };

    let mut trader = quoting();
    trader.signal(Signal::TERM);
    let stopping = trader.until("stopping", |state| state["acts"] == false);
    assert_ne!(stopping["open_orders"], 0, "{stopping}");
    let begun = Instant::now();
    trader.signal(Signal::TERM);
    assert_eq!(trader.exit_code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(!alerts.exists() || !fs::read_to_string(&alerts).expect("a text").contains("ended"));
    venue.signal(Signal::CONT);

    let trader = quoting();
    let begun = Instant::now();
    assert_eq!(trader.post("stop", "let-me"), 202);
    let (last, code) = trader.end();
    assert_eq!(code, Some(1));
    assert_ne!(last["open_orders"], 0, "{last}");
    assert!(begun.elapsed() >= Duration::from_secs(5), "{:?}", begun.elapsed());
    let alerts = fs::read_to_string(&alerts).expect("the file of alerts");
    let ended = alerts.lines().last().expect("an alert");
    let ended: Value = serde_json::from_str(ended).expect("JSON");
    assert_eq!((&ended["code"], &ended["severity"]), (&"ended".into(), &"critical".into()));
    assert!(ended["text"].as_str().expect("a text").contains("may be open still"), "{ended}");
    venue.signal(Signal::CONT);
}
