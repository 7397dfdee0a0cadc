//! Market data from a file: what `tiercel record` wrote, or another capture, as if it came now.
//!
//! ```text
//!   file --its thread: unpacked, cut into whole events--> CaptureFeed, each at its time --> Core
//! ```
//!
//! The times between events are those of the recording, divided by the speed; at full speed there are none. The trader's
//! own clock is the present in either case.

mod reader;

use std::io;
use std::path::Path;

use tiercel_execution::venue::VenueId;
use tiercel_types::{InstrumentId, Symbol, Timestamp};
use tiercel_wire::binance::{Decoder, Message};
use tiercel_wire::market::{self, Body, RECORD_SIZE};

use self::reader::{Chunks, Contents};
use super::binance;
use super::records::Records;
use super::stream::RecordStream;
use crate::core::Core;

/// How fast a capture is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times as fast as it was.
    Times(f64),
    /// Each event as soon as the one before is done with.
    Full,
}

/// What a capture is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureKind {
    /// Messages of the Binance interface, each behind its time, of one instrument.
    Texts,
    /// Records of 64 bytes.
    Records,
}

/// What reads it.
enum Decoding {
    Texts { decoder: Box<Decoder>, wanted: Vec<(Symbol, InstrumentId)>, has_begun: bool },
    Records(RecordStream),
}

/// A capture that is played once.
pub struct CaptureFeed {
    venue: VenueId,
    decoding: Decoding,
    chunks: Chunks,
    chunk: Vec<u8>,
    /// Where the next event begins.
    at: usize,
    speed: Speed,
    /// The time of the first event, and when it was played.
    began: Option<(Timestamp, Timestamp)>,
    /// The time of the next event.
    next: Timestamp,
    is_up: bool,
    /// What is to be told: that it is there, or why not.
    told: Option<Result<(), String>>,
}

impl CaptureFeed {
    /// A feed of these instruments of a venue, by their symbols, from the file at `path`: plain, or packed with gzip.
    ///
    /// # Errors
    /// The system's: the file cannot be opened.
    pub fn new(
        venue: VenueId,
        wanted: Vec<(Symbol, InstrumentId)>,
        kind: CaptureKind,
        path: &Path,
        speed: Speed,
    ) -> io::Result<Self> {
        let contents = match kind {
            CaptureKind::Texts => Contents::Lines,
            CaptureKind::Records => Contents::Records,
        };
        let decoding = match kind {
            CaptureKind::Records => Decoding::Records(RecordStream::new(wanted)),
            CaptureKind::Texts => {
                Decoding::Texts { decoder: Box::default(), wanted, has_begun: false }
            }
        };
        Ok(Self {
            venue,
            decoding,
            chunks: Chunks::open(path, contents)?,
            chunk: Vec::new(),
            at: 0,
            speed,
            began: None,
            next: Timestamp(0),
            is_up: true,
            told: Some(Ok(())),
        })
    }

    /// Which venue it is of.
    pub const fn venue(&self) -> VenueId {
        self.venue
    }

    /// What it knows of instruments, where the capture says what the venue calls them.
    pub const fn records(&mut self) -> Option<&mut Records> {
        match &mut self.decoding {
            Decoding::Records(stream) => Some(stream.records()),
            Decoding::Texts { .. } => None,
        }
    }

    /// Whether it is not over.
    pub const fn is_up(&self) -> bool {
        self.is_up
    }

    /// Time has passed. Tells that it is there (`Ok`), and why it is not any more.
    pub fn tick(&mut self, mut tell: impl FnMut(Result<(), String>)) {
        if let Some(what) = self.told.take() {
            tell(what);
        }
    }

    /// Plays events whose time has come, at most so many, and returns how many there were.
    pub fn poll(&mut self, now: Timestamp, core: &mut Core, budget: usize) -> usize {
        let mut taken = 0;
        while self.is_up && taken < budget && !core.has_requests() {
            if self.at == self.chunk.len() {
                match self.chunks.next(&mut self.chunk) {
                    Ok(true) => self.at = 0,
                    Ok(false) => break,
                    Err(why) => {
                        self.end(now, why, core);
                        break;
                    }
                }
            }
            match self.play(now, core) {
                Ok(true) => taken += 1,
                Ok(false) => break,
                Err(why) => self.end(now, why, core),
            }
        }
        taken
    }

    /// Plays the next event, if its time has come.
    fn play(&mut self, now: Timestamp, core: &mut Core) -> Result<bool, String> {
        let rest = &self.chunk[self.at..];
        let event = match &self.decoding {
            Decoding::Texts { .. } => line(rest)?,
            Decoding::Records(_) => record(rest)?,
        };
        // Some have no time of their own.
        self.next = self.next.max(event.time);
        if !is_due(self.speed, now, self.next, &mut self.began) {
            return Ok(false);
        }
        self.at += event.length;
        core.timing.begin();
        match &mut self.decoding {
            Decoding::Records(stream) => {
                let record = event.bytes.first_chunk().unwrap_or(&[0; RECORD_SIZE]);
                stream.take(now, record, core).map_err(|fault| fault.to_string())?;
            }
            Decoding::Texts { decoder, wanted, has_begun } => {
                if !core::mem::replace(has_begun, true) {
                    binance::up(wanted, core);
                }
                take_text(now, event.bytes, wanted, decoder, core)?;
            }
        }
        Ok(true)
    }

    /// It is over, and what is known is of the past.
    #[cold]
    fn end(&mut self, now: Timestamp, why: String, core: &mut Core) {
        self.is_up = false;
        self.told = Some(Err(why));
        match &mut self.decoding {
            Decoding::Records(stream) => stream.restart(now, core),
            Decoding::Texts { wanted, .. } => binance::down(now, wanted, core),
        }
    }
}

/// Whether an event of this time is to be played now. The first is.
fn is_due(
    speed: Speed,
    now: Timestamp,
    time: Timestamp,
    began: &mut Option<(Timestamp, Timestamp)>,
) -> bool {
    let Speed::Times(speed) = speed else { return true };
    // Before any time is known there is nothing to wait for.
    if time.0 == 0 {
        return true;
    }
    let (first, first_at) = *began.get_or_insert((time, now));
    let (recorded_ns, passed_ns) =
        (time.0.saturating_sub(first.0), now.0.saturating_sub(first_at.0));
    passed_ns as f64 * speed >= recorded_ns as f64
}

/// One event of a capture.
struct Event<'a> {
    time: Timestamp,
    bytes: &'a [u8],
    /// The bytes of all of it.
    length: usize,
}

/// The first of whole lines: `<time> <message>`.
fn line(bytes: &[u8]) -> Result<Event<'_>, String> {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let length = bytes.len().min(end + 1);
    let text = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
    let blank = text.iter().position(|byte| *byte == b' ');
    let time = blank.and_then(|blank| std::str::from_utf8(&text[..blank]).ok()?.parse().ok());
    match (time, blank) {
        (Some(time), Some(blank)) => {
            Ok(Event { time: Timestamp(time), bytes: &text[blank + 1..], length })
        }
        _ => Err("a line that does not begin with a time in nanoseconds".to_owned()),
    }
}

/// The first of whole records.
fn record(bytes: &[u8]) -> Result<Event<'_>, String> {
    let record = bytes.first_chunk().ok_or("the last record is cut off")?;
    let (_, body) = market::decode(record).map_err(|fault| fault.to_string())?;
    let time = match body {
        Body::Depth(depth) => depth.time,
        Body::Trade(trade) => trade.time,
        Body::Best(best) => best.time,
        Body::Heartbeat(heartbeat) => heartbeat.time,
        Body::Interrupted(interrupted) => interrupted.time,
        _ => Timestamp(0),
    };
    Ok(Event { time, bytes: record, length: RECORD_SIZE })
}

/// A message, or the answer to `depth`, which does not say its symbol: it is that of the only instrument.
fn take_text(
    now: Timestamp,
    text: &[u8],
    wanted: &[(Symbol, InstrumentId)],
    decoder: &mut Decoder,
    core: &mut Core,
) -> Result<(), String> {
    if text.starts_with(b"{\"lastUpdateId\"") {
        let decoded = decoder.decode(text).map_err(|error| error.to_string())?;
        if let (Message::Snapshot(snapshot), [(_, instrument)]) = (decoded.message, wanted) {
            binance::take_snapshot(now, *instrument, &snapshot, core);
        }
        return Ok(());
    }
    binance::take(now, text, wanted, decoder, core).map_err(|fault| fault.to_string())
}
