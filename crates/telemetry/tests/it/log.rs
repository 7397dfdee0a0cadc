//! Logging: what is written, what is dropped, what changes while it runs.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use tiercel_telemetry::log::{LogError, check_levels};
use tiercel_telemetry::{Log, LogFormat, LogOptions};
use tracing::dispatcher::with_default;
use tracing::{debug, error, info};

/// A file in memory that can be made to block, and to fail.
#[derive(Clone, Default)]
struct Sink {
    text: Arc<Mutex<Vec<u8>>>,
    fails: bool,
    gate: Option<Arc<Mutex<Receiver<()>>>>,
}

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(gate) = &self.gate {
            // Open once the other end is gone.
            let _ = gate.lock().unwrap().recv();
        }
        if self.fails {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.text.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_are_written_in_order_before_the_log_ends() {
    let sink = Sink::default();
    let (dispatch, log) = Log::dispatch(sink.clone(), &LogOptions::default()).unwrap();
    with_default(&dispatch, || {
        for number in 0..1_000 {
            info!(number, "said");
        }
        debug!("not asked for");
    });
    assert_eq!((log.dropped(), log.failed()), (0, 0));
    drop(log);
    let text = sink.text();
    assert_eq!(text.lines().count(), 1_000);
    for (number, line) in text.lines().enumerate() {
        assert!(
            line.contains(" INFO ") && line.ends_with(&format!("said number={number}")),
            "{line}"
        );
    }
}

#[test]
fn levels_change_while_it_runs() {
    let sink = Sink::default();
    let (dispatch, log) = Log::dispatch(sink.clone(), &LogOptions::default()).unwrap();
    with_default(&dispatch, || {
        debug!("one");
        log.set_levels("warn,it::it::log=debug").unwrap();
        debug!("two");
        log.set_levels("error").unwrap();
        info!("three");
        assert!(matches!(log.set_levels("here=loud"), Err(LogError::Levels { .. })));
        error!("four");
    });
    drop(log);
    let said: Vec<_> =
        sink.text().lines().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect();
    assert_eq!(said, ["two", "four"]);
}

#[test]
fn what_does_not_fit_is_dropped_counted_and_told() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let (open, gate) = channel();
        let gate = Some(Arc::new(Mutex::new(gate)));
        let sink = Sink { gate, ..Sink::default() };
        let options = LogOptions { queue_lines: 10, format, ..LogOptions::default() };
        let (dispatch, log) = Log::dispatch(sink.clone(), &options).unwrap();
        let dropped = with_default(&dispatch, || {
            for number in 0..100 {
                info!(number, "said");
            }
            log.dropped()
        });
        // Ten wait, and one may be with the writer.
        assert!((89..=90).contains(&dropped), "{dropped}");
        drop(open);
        drop(log);
        let text = sink.text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len() as u64, 100 - dropped + 1, "{text}");
        let told = lines.last().unwrap();
        if format == LogFormat::Json {
            let told: serde_json::Value = serde_json::from_str(told).unwrap();
            assert_eq!(told["fields"]["missing"], dropped);
            let said: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
            assert_eq!((&said["level"], &said["fields"]["number"]), (&"INFO".into(), &0.into()));
            for (name, value) in said.as_object().unwrap() {
                assert_eq!(value.is_string(), told[name].is_string(), "{name}");
            }
        } else {
            assert!(told.ends_with(&format!("lines were dropped missing={dropped}")), "{told}");
        }
    }
}

#[test]
fn lines_that_cannot_be_written_are_counted() {
    let sink = Sink { fails: true, ..Sink::default() };
    let (dispatch, log) = Log::dispatch(sink, &LogOptions::default()).unwrap();
    with_default(&dispatch, || {
        for number in 0..5 {
            info!(number, "said");
        }
    });
    for _ in 0..1_000 {
        if log.failed() == 5 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    panic!("{} failed", log.failed());
}

#[test]
fn levels_that_make_no_sense_do_not_start() {
    for levels in
        ["a=b=c", "loud", "info,tiercel_venue", "info, a=debug", "", "info,", "a=", "=info"]
    {
        let options = LogOptions { levels: levels.to_owned(), ..LogOptions::default() };
        let started = Log::dispatch(io::sink(), &options);
        assert!(matches!(started, Err(LogError::Levels { .. })), "{levels:?}");
    }
    for levels in ["off", "INFO", "warn,tiercel_venue::serve=debug,it=off"] {
        assert!(check_levels(levels).is_ok(), "{levels:?}");
    }
}
