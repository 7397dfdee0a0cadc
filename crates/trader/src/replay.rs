//! A recorded paper run once more: its inputs at their times, as fast as they can be read.

use tiercel_types::Timestamp;
use tiercel_wire::binance::{Decoder, Message};

use crate::feed::take_snapshot;
use crate::hot::{Control, Ended};
use crate::lines::{Line, LineId, Lines};
use crate::recording::{Input, Recorded, Recording, RecordingError};
use crate::websocket::Handover;

/// How long answers are waited for where the run was killed before its end.
const GOODBYE_NS: u64 = 5_000_000_000;

/// Replays all of a recording to the paper venue of these lines, whose core has one. When it ended, and how.
///
/// # Errors
/// [`RecordingError`].
pub fn run(
    lines: &mut Lines,
    recording: &mut Recording,
) -> Result<(Timestamp, Ended), RecordingError> {
    let mut decoder = Decoder::default();
    let (mut last, mut has_ended) = (recording.head().start, false);
    while let Some((time, input)) = recording.read()? {
        last = time;
        match input {
            Recorded::Connection(line, is_up) => connection(lines, time, line, is_up),
            Recorded::Text(line, text) => {
                lines.core.from_line(line);
                if let Some((Line::BinanceFeed(feed), core)) = lines.line_mut(line) {
                    // The connection ended with it, which is the next that is recorded.
                    let _fault = feed.message(time, text, core);
                }
            }
            Recorded::Record(line, record) => {
                lines.core.from_line(line);
                if let Some((Line::BinaryFeed(feed), core)) = lines.line_mut(line) {
                    core.timing.begin();
                    // The same.
                    let _fault = feed.received(time, &record, core);
                }
            }
            Recorded::Snapshot(instrument, json) => {
                if let Ok(decoded) = decoder.decode(json)
                    && let Message::Snapshot(snapshot) = decoded.message
                {
                    let input = Input::Snapshot(instrument, &snapshot);
                    let now = lines.core.arrives(time, &input);
                    take_snapshot(now, instrument, &snapshot, &mut lines.core);
                }
            }
            Recorded::Control(control) => lines.core.control(time, control),
            Recorded::End => {
                has_ended = true;
                lines.core.pass(time);
            }
        }
    }
    if !has_ended {
        lines.core.control(last, Control::Stop);
        last = Timestamp(last.0.saturating_add(GOODBYE_NS));
        lines.core.pass(last);
    }
    let open = lines.core.oms().live_orders();
    Ok((last, if open == 0 { Ended::Clean } else { Ended::Open(open) }))
}

fn connection(lines: &mut Lines, time: Timestamp, line: LineId, is_up: bool) {
    lines.core.from_line(line);
    let now = lines.core.arrives(time, if is_up { &Input::Up } else { &Input::Down });
    let Some((line, core)) = lines.line_mut(line) else { return };
    if is_up {
        // What was wrong with it at once ended it, which is the next that is recorded.
        let _fault = line.connected(now, Handover::from([0; 32]), core);
    } else {
        line.closed(now, core);
    }
}
