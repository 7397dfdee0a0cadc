//! What a program that runs for long says on standard error: never at the cost of what it does.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Duration;

use crate::output::Output;

/// Messages that wait, at most: beyond, they are counted and left out.
const WAITING_MAX: usize = 256;
/// How long those that wait may take at the end of the program.
const END: Duration = Duration::from_secs(1);

static MESSAGES: OnceLock<Output> = OnceLock::new();

/// Messages are written by a thread of its own from now on.
///
/// # Errors
/// The system's, where no thread can be had.
pub(crate) fn open() -> io::Result<()> {
    if MESSAGES.get().is_none() {
        let lost = |lost| format!("tiercel: {lost} messages were left out: nobody took them\n");
        let output = Output::start("messages", io::stderr(), WAITING_MAX, Some(lost))?;
        // Whoever was quicker has opened it as well.
        let _opened = MESSAGES.set(output);
    }
    Ok(())
}

/// Says a line.
pub(crate) fn say(text: &str) {
    write(format!("{text}\n"));
}

/// Writes this as it is.
pub(crate) fn write(text: String) {
    match MESSAGES.get() {
        Some(messages) => messages.offer(text),
        None => {
            // Where it would be told, nobody takes anything.
            let _written = io::stderr().write_all(text.as_bytes());
        }
    }
}

/// Waits for what was said, at the end of the program, for a second at most.
pub(crate) fn drain() {
    if let Some(messages) = MESSAGES.get() {
        // What nobody takes by then, nobody takes.
        let _all = messages.drain(END);
    }
}
