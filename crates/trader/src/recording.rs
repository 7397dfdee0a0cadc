//! A file of what came in, in text: a line for each input, with the time at which it was there.
//!
//! ```text
//!   tiercel-inputs 1 START SECOND                       when it began, and the second that its orders are named by
//!   instrument NUMBER SYMBOL BASE QUOTE TICK LOT QTY_MIN NOTIONAL_MIN VENUE
//!   line NUMBER NAME
//!   TIME LINE up | down                                 a connection
//!   TIME LINE {...}                                     a message of the Binance interface
//!   TIME LINE #128 hex digits                           a record of a venue's own market data
//!   TIME snapshot INSTRUMENT {...}                      a book that was asked for
//!   TIME begin | halt | enable | stop | end             what somebody wanted
//! ```
//!
//! Times are nanoseconds since 1970; the smallest worth is in units of 10^-16.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;
use tiercel_strategy::Terms;
use tiercel_types::market::{DepthSnapshot, Level};
use tiercel_types::{InstrumentId, Money, Symbol, Timestamp};
use tiercel_wire::market::RECORD_SIZE;

use crate::hot::Control;
use crate::instruments::Instrument;
use crate::lines::LineId;

/// What a file begins with, and the version of what follows.
const MAGIC: &str = "tiercel-inputs 1";
/// Bytes that are written at once.
const BUFFER_BYTES: usize = 1 << 20;
/// How long an input may wait until it is in the file, at the next one.
const FLUSH_NS: u64 = 1_000_000_000;
/// More time than this never passes between two inputs: each millisecond of it is gone through.
const GAP_MAX_NS: u64 = 86_400_000_000_000;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Something that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// The line has a connection.
    Up,
    /// It has it no more.
    Down,
    /// A message of the Binance interface, of the line.
    Text(&'a [u8]),
    /// A record of a venue's own market data, of the line.
    Record(&'a [u8; RECORD_SIZE]),
    /// A book that was asked for.
    Snapshot(InstrumentId, &'a DepthSnapshot<'a>),
    /// What somebody wanted.
    Control(Control),
    /// Nothing more came.
    End,
}

/// What has to be known of a run to replay it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// When it began.
    pub start: Timestamp,
    /// The second that its orders are named by.
    pub second: u64,
    /// What it trades: venue, symbol and steps, by number.
    pub instruments: Vec<(String, Symbol, Instrument)>,
    /// What its lines are called, by number.
    pub lines: Vec<String>,
}

/// Why a recorded file is not replayed.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// It cannot be read.
    #[error("{}: {error}", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A line of it means nothing.
    #[error("{}, line {line}: {what}", .path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// It is of another configuration.
    #[error("{}: {what} is {was:?} there, and configured is {is:?}", .path.display())]
    Other {
        /// Which file.
        path: PathBuf,
        /// Of what.
        what: String,
        /// As recorded.
        was: String,
        /// As configured.
        is: String,
    },
}

/// Writes what comes in.
pub struct Recorder {
    out: BufWriter<File>,
    flush_due: Timestamp,
}

impl Recorder {
    /// Begins a file; one that is there already is not touched.
    ///
    /// # Errors
    /// The system's.
    pub fn create(path: &Path, head: &Head) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, File::create_new(path)?);
        writeln!(out, "{MAGIC} {} {}", head.start.0, head.second)?;
        for (number, (venue, symbol, instrument)) in head.instruments.iter().enumerate() {
            let Terms { tick, lot, qty_min, notional_min, .. } = instrument.terms;
            let Instrument { base_asset, quote_asset, .. } = instrument;
            writeln!(
                out,
                "instrument {number} {} {base_asset} {quote_asset} {tick} {lot} {qty_min} {} {venue}",
                symbol.as_str(),
                notional_min.units(),
            )?;
        }
        for (number, name) in head.lines.iter().enumerate() {
            writeln!(out, "line {number} {name}")?;
        }
        out.flush()?;
        Ok(Self { out, flush_due: Timestamp(0) })
    }

    /// Writes an input.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&mut self, now: Timestamp, line: LineId, input: &Input<'_>) -> io::Result<()> {
        if now >= self.flush_due {
            self.flush_due = Timestamp(now.0.saturating_add(FLUSH_NS));
            self.out.flush()?;
        }
        let (out, now) = (&mut self.out, now.0);
        match input {
            Input::Up => writeln!(out, "{now} {line} up"),
            Input::Down => writeln!(out, "{now} {line} down"),
            Input::Text(text) => {
                write!(out, "{now} {line} ")?;
                // JSON has line breaks between its words at most, where a blank means the same.
                for part in text.split_inclusive(|byte| *byte == b'\n') {
                    let (body, is_broken) =
                        part.strip_suffix(b"\n").map_or((part, false), |body| (body, true));
                    out.write_all(body)?;
                    out.write_all(if is_broken { b" " } else { b"" })?;
                }
                out.write_all(b"\n")
            }
            Input::Record(record) => {
                let mut digits = [0; 2 * RECORD_SIZE];
                for (pair, byte) in digits.chunks_exact_mut(2).zip(record.iter()) {
                    pair[0] = HEX[usize::from(byte >> 4)];
                    pair[1] = HEX[usize::from(byte & 15)];
                }
                write!(out, "{now} {line} #")?;
                out.write_all(&digits)?;
                out.write_all(b"\n")
            }
            Input::Snapshot(instrument, snapshot) => {
                let DepthSnapshot { last_update_id, bids, asks } = snapshot;
                write!(
                    out,
                    "{now} snapshot {} {{\"lastUpdateId\":{last_update_id},",
                    instrument.0
                )?;
                write_levels(out, "bids", bids)?;
                out.write_all(b",")?;
                write_levels(out, "asks", asks)?;
                out.write_all(b"}\n")
            }
            Input::Control(control) => writeln!(out, "{now} {}", name_of(*control)),
            Input::End => writeln!(out, "{now} end"),
        }
    }

    /// Everything is in the file.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn write_levels(out: &mut impl Write, name: &str, levels: &[Level]) -> io::Result<()> {
    write!(out, "\"{name}\":[")?;
    for (number, Level { price, qty }) in levels.iter().enumerate() {
        let comma = if number > 0 { "," } else { "" };
        write!(out, "{comma}[\"{price:.8}\",\"{qty:.8}\"]")?;
    }
    out.write_all(b"]")
}

const fn name_of(control: Control) -> &'static str {
    match control {
        Control::Begin => "begin",
        Control::Halt => "halt",
        Control::Enable => "enable",
        Control::Stop => "stop",
    }
}

/// An input as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded<'a> {
    /// A connection, or none any more.
    Connection(LineId, bool),
    /// A message of the Binance interface.
    Text(LineId, &'a [u8]),
    /// A record of a venue's own market data.
    Record(LineId, [u8; RECORD_SIZE]),
    /// A book that was asked for, as JSON.
    Snapshot(InstrumentId, &'a [u8]),
    /// What somebody wanted.
    Control(Control),
    /// Nothing more came.
    End,
}

/// Reads what came in.
pub struct Recording {
    path: PathBuf,
    lines: BufReader<File>,
    number: u64,
    text: Vec<u8>,
    head: Head,
    /// When the last input came.
    last: Timestamp,
}

impl Recording {
    /// Opens a file.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let io = |error| RecordingError::Io { path: path.to_owned(), error };
        let lines = BufReader::with_capacity(BUFFER_BYTES, File::open(path).map_err(io)?);
        let head =
            Head { start: Timestamp(0), second: 0, instruments: Vec::new(), lines: Vec::new() };
        let mut recording = Self {
            path: path.to_owned(),
            lines,
            number: 0,
            text: Vec::new(),
            head,
            last: Timestamp(0),
        };
        recording.read_head()?;
        Ok(recording)
    }

    /// What it says of its run.
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn wrong(&self, what: &'static str) -> RecordingError {
        RecordingError::Line { path: self.path.clone(), line: self.number, what }
    }

    /// Reads a line that is whole; whether there is one.
    fn next_line(&mut self) -> Result<bool, RecordingError> {
        self.text.clear();
        let io = |error| RecordingError::Io { path: self.path.clone(), error };
        self.lines.read_until(b'\n', &mut self.text).map_err(io)?;
        self.number += 1;
        // The last line of a run that was killed may be a part of one.
        Ok(self.text.pop() == Some(b'\n'))
    }

    fn read_head(&mut self) -> Result<(), RecordingError> {
        let is_there = self.next_line()?;
        let text = String::from_utf8_lossy(&self.text).into_owned();
        let times = text.strip_prefix(MAGIC).filter(|_| is_there);
        let mut times = times.unwrap_or_default().split_ascii_whitespace().map(str::parse::<u64>);
        let (Some(Ok(start)), Some(Ok(second))) = (times.next(), times.next()) else {
            return Err(self.wrong("this is no file of recorded inputs"));
        };
        if start > u64::MAX / 2 {
            return Err(self.wrong("it begins at no time"));
        }
        (self.head.start, self.head.second) = (Timestamp(start), second);
        self.last = self.head.start;
        // A head's lines begin with a letter, an input's with a digit.
        while self
            .lines
            .fill_buf()
            .is_ok_and(|bytes| bytes.first().is_some_and(u8::is_ascii_lowercase))
        {
            if !self.next_line()? {
                break;
            }
            let text = String::from_utf8_lossy(&self.text).into_owned();
            match text.split_once(' ') {
                Some(("instrument", rest)) => {
                    let number = self.head.instruments.len();
                    let read = read_instrument(rest, number);
                    let read = read.ok_or_else(|| self.wrong("this is no instrument"))?;
                    self.head.instruments.push(read);
                }
                Some(("line", rest)) => {
                    let name = rest.split_once(' ').map(|(_, name)| name.to_owned());
                    let name = name.ok_or_else(|| self.wrong("this is no line"))?;
                    self.head.lines.push(name);
                }
                _ => return Err(self.wrong("neither an instrument nor a line")),
            }
        }
        Ok(())
    }

    /// The next input; none behind the last.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn read(&mut self) -> Result<Option<(Timestamp, Recorded<'_>)>, RecordingError> {
        if !self.next_line()? {
            return Ok(None);
        }
        let Self { path, number: line, text, last, .. } = self;
        let wrong = |what| RecordingError::Line { path: path.clone(), line: *line, what };
        let (time, rest) = word(text).ok_or_else(|| wrong("there is no input"))?;
        let time = number(time).ok_or_else(|| wrong("this is no time"))?;
        if time.checked_sub(last.0).is_none_or(|gap_ns| gap_ns > GAP_MAX_NS) {
            return Err(wrong("its time is before that of the line above, or a day behind it"));
        }
        *last = Timestamp(time);
        read_input(rest).map(|input| Some((Timestamp(time), input))).map_err(wrong)
    }
}

/// The first word of a line, and what follows it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == b' ')?;
    Some((&text[..at], &text[at + 1..]))
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn read_input(text: &[u8]) -> Result<Recorded<'_>, &'static str> {
    let control = match text {
        b"begin" => Control::Begin,
        b"halt" => Control::Halt,
        b"enable" => Control::Enable,
        b"stop" => Control::Stop,
        b"end" => return Ok(Recorded::End),
        _ => return read_of_line(text),
    };
    Ok(Recorded::Control(control))
}

fn read_of_line(text: &[u8]) -> Result<Recorded<'_>, &'static str> {
    let (first, rest) = word(text).ok_or("this is no input")?;
    if first == b"snapshot" {
        let (instrument, json) = word(rest).ok_or("the snapshot has no book")?;
        let instrument = number(instrument).and_then(|number| u32::try_from(number).ok());
        let instrument = instrument.ok_or("the snapshot has no instrument")?;
        return Ok(Recorded::Snapshot(InstrumentId(instrument), json));
    }
    let line = number(first).ok_or("this is no line")? as LineId;
    match rest {
        b"up" => Ok(Recorded::Connection(line, true)),
        b"down" => Ok(Recorded::Connection(line, false)),
        [b'#', digits @ ..] => {
            Ok(Recorded::Record(line, record(digits).ok_or("this is no record")?))
        }
        _ => Ok(Recorded::Text(line, rest)),
    }
}

fn record(digits: &[u8]) -> Option<[u8; RECORD_SIZE]> {
    let digit = |byte: u8| HEX.iter().position(|digit| *digit == byte);
    if digits.len() != 2 * RECORD_SIZE {
        return None;
    }
    let mut record = [0; RECORD_SIZE];
    for (byte, pair) in record.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(record)
}

fn read_instrument(text: &str, number: usize) -> Option<(String, Symbol, Instrument)> {
    let words: Vec<&str> = text.splitn(9, ' ').collect();
    let [at, symbol, base, quote, tick, lot, qty_min, notional_min, venue] = words[..] else {
        return None;
    };
    if at.parse() != Ok(number) {
        return None;
    }
    let terms = Terms {
        instrument: InstrumentId(u32::try_from(number).ok()?),
        tick: tick.parse().ok()?,
        lot: lot.parse().ok()?,
        qty_min: qty_min.parse().ok()?,
        notional_min: Money::from_units(notional_min.parse().ok()?),
    };
    if terms.tick.units() <= 0 || terms.lot.is_zero() {
        return None;
    }
    let (base_asset, quote_asset) = (base.to_owned(), quote.to_owned());
    Some((venue.to_owned(), symbol.parse().ok()?, Instrument { terms, base_asset, quote_asset }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        let terms = Terms {
            instrument: InstrumentId(0),
            tick: "0.01".parse().unwrap(),
            lot: "0.00001".parse().unwrap(),
            qty_min: "0.0001".parse().unwrap(),
            notional_min: Money::from_units(50_000_000_000_000_000),
        };
        let (base_asset, quote_asset) = ("BTC".to_owned(), "USDT".to_owned());
        let instrument = Instrument { terms, base_asset, quote_asset };
        Head {
            start: Timestamp(1_000),
            second: 7,
            instruments: vec![("the desk".to_owned(), "BTCUSDT".parse().unwrap(), instrument)],
            lines: vec!["the desk market data A".to_owned()],
        }
    }

    fn path(name: &str) -> PathBuf {
        let name = format!("tiercel-recording-{}-{name}", std::process::id());
        std::env::temp_dir().join(name)
    }

    #[test]
    fn what_was_written_is_read_and_half_a_line_is_not() {
        let path = path("whole");
        let mut recorder = Recorder::create(&path, &head()).unwrap();
        let levels = [Level { price: "61837.63".parse().unwrap(), qty: "0.5".parse().unwrap() }; 2];
        let snapshot = DepthSnapshot { last_update_id: 9, bids: &levels, asks: &levels[..1] };
        let mut bytes = [0; RECORD_SIZE];
        (bytes[0], bytes[63]) = (0xAB, 0x07);
        let inputs = [
            Input::Up,
            Input::Text(b"{\"a\":\n1}"),
            Input::Record(&bytes),
            Input::Snapshot(InstrumentId(3), &snapshot),
            Input::Control(Control::Begin),
            Input::Down,
            Input::End,
        ];
        for (input, time) in inputs.iter().zip(1_011..) {
            recorder.write(Timestamp(time), 2, input).unwrap();
        }
        recorder.finish().unwrap();
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"1018 2 u").unwrap();
        assert!(Recorder::create(&path, &head()).is_err());
        let mut recording = Recording::open(&path).unwrap();
        assert_eq!(*recording.head(), head());
        let json = b"{\"lastUpdateId\":9,\"bids\":[[\"61837.63000000\",\"0.50000000\"],\
            [\"61837.63000000\",\"0.50000000\"]],\"asks\":[[\"61837.63000000\",\"0.50000000\"]]}";
        let expected = [
            Recorded::Connection(2, true),
            Recorded::Text(2, b"{\"a\": 1}"),
            Recorded::Record(2, bytes),
            Recorded::Snapshot(InstrumentId(3), json),
            Recorded::Control(Control::Begin),
            Recorded::Connection(2, false),
            Recorded::End,
        ];
        for (input, time) in expected.into_iter().zip(1_011..) {
            assert_eq!(recording.read().unwrap(), Some((Timestamp(time), input)));
        }
        assert_eq!(recording.read().unwrap(), None);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn of_a_run_that_is_killed_what_came_more_than_a_second_before_its_last_input_is_there() {
        let path = path("killed");
        let mut recorder = Recorder::create(&path, &head()).unwrap();
        for time in [2_000, 3_000, 2_000 + FLUSH_NS] {
            recorder.write(Timestamp(time), 0, &Input::Up).unwrap();
        }
        // As it is when nobody ends it.
        std::mem::forget(recorder);
        let mut recording = Recording::open(&path).unwrap();
        for time in [2_000, 3_000] {
            let input = Recorded::Connection(0, true);
            assert_eq!(recording.read().unwrap(), Some((Timestamp(time), input)));
        }
        assert_eq!(recording.read().unwrap(), None);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_line_that_means_nothing_is_told_by_its_number() {
        let path = path("odd");
        for (text, line) in [
            ("something\n", 1),
            ("tiercel-inputs 1 5 6\ninstrument 1 A B C 1 1 1 0 desk\n", 2),
            ("tiercel-inputs 1 5 6\nline 0 a\n7 0 up\n8 0 #12\n", 4),
            ("tiercel-inputs 1 5 6\n7 later\n", 2),
            ("tiercel-inputs 1 5 6\nline 0 a\n7 0 up\n6 0 up\n", 4),
            ("tiercel-inputs 1 5 6\nline 0 a\n86400000000006 0 up\n", 3),
            ("tiercel-inputs 1 18446744073709551615 6\n", 1),
        ] {
            std::fs::write(&path, text).unwrap();
            let read = || {
                let mut recording = Recording::open(&path)?;
                while recording.read()?.is_some() {}
                Ok::<_, RecordingError>(())
            };
            let told = read().unwrap_err().to_string();
            assert!(told.contains(&format!("line {line}:")), "{told}");
        }
        std::fs::remove_file(&path).unwrap();
    }
}
