//! Compares an engine's events with the model's.

use std::fmt::Write as _;

use tiercel_types::{Event, EventHeader};

/// Compares the events of one command. The headers' `length` is ignored: an engine leaves out
/// tails of zeros, and the model does not encode at all.
///
/// # Errors
/// The first difference, and both lists from there on, as text.
pub fn same_events(
    engine: &[(EventHeader, Event)],
    model: &[(EventHeader, Event)],
) -> Result<(), String> {
    let same = |one: &(EventHeader, Event), other: &(EventHeader, Event)| {
        EventHeader { length: 0, ..one.0 } == EventHeader { length: 0, ..other.0 }
            && one.1 == other.1
    };
    let shared = engine.iter().zip(model).take_while(|(one, other)| same(one, other)).count();
    if shared == engine.len() && shared == model.len() {
        return Ok(());
    }
    let (of_engine, of_model) = (engine.len(), model.len());
    let mut text =
        format!("event {shared} differs ({of_engine} of the engine, {of_model} of the model)");
    for (whose, events) in [("engine", engine), ("model ", model)] {
        for (header, event) in events.iter().skip(shared).take(4) {
            let EventHeader { index, sequence, time_ns, instrument, account, .. } = header;
            let last = if header.is_last() { " last" } else { "" };
            let _ = write!(
                text,
                "\n  {whose} {sequence}.{index}{last} t={time_ns} instrument={instrument} \
                 account={account} {event:?}"
            );
        }
        if events.len() <= shared {
            let _ = write!(text, "\n  {whose} (no more events)");
        }
    }
    Err(text)
}
