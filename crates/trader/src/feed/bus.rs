//! Market data from a bus: records that another process has put into shared memory (`docs/market-data.md`).
//!
//! ```text
//!   tiercel record --bus: decodes once --> bus --> BusFeed, in place --> Core        any number of readers
//! ```
//!
//! It begins with what is written next, and is whole when each book was told once. It is opened by a thread of its own:
//! mapping files takes a while. On the way of a record there is no system call, but at the end of a cycle's file.

use std::io;
use std::path::{Path, PathBuf};

use tiercel_bus::{Bus, Reader, Start};
use tiercel_execution::venue::VenueId;
use tiercel_types::{InstrumentId, Symbol, Timestamp};
use tiercel_wire::market::RECORD_SIZE;

use super::records::Records;
use super::stream::RecordStream;
use crate::core::Core;
use crate::helper::Helper;

/// How long it is waited before a bus that is not there is looked for again.
const AGAIN_NS: u64 = 500_000_000;

/// Opens the bus, and drops a reader that is done with.
type Opener = Helper<Option<Reader>, Result<Reader, String>>;

/// A reader of a bus.
pub struct BusFeed {
    venue: VenueId,
    stream: RecordStream,
    opener: Opener,
    reader: Option<Reader>,
    /// When it is to be opened again; zero: it is open, or being opened.
    opens_at: Timestamp,
    heard_at: Timestamp,
    silence_max_ns: u64,
    is_up: bool,
    /// Why it is not there, if that was not told yet.
    why: Option<String>,
    /// The last reason that was told.
    told: String,
}

impl BusFeed {
    /// A feed of these instruments of a venue, by their symbols, from the bus at `path`. A writer that says nothing for
    /// `silence_max_ns` is gone.
    ///
    /// # Errors
    /// The system's, where no thread can be had.
    pub fn new(
        venue: VenueId,
        wanted: Vec<(Symbol, InstrumentId)>,
        path: PathBuf,
        silence_max_ns: u64,
    ) -> io::Result<Self> {
        let opener = Helper::new("bus", move |done: Option<Reader>| {
            drop(done);
            open(&path)
        })?;
        opener.ask(None);
        Ok(Self {
            venue,
            stream: RecordStream::new(wanted),
            opener,
            reader: None,
            opens_at: Timestamp(0),
            heard_at: Timestamp(0),
            silence_max_ns,
            is_up: false,
            why: None,
            told: String::new(),
        })
    }

    /// Which venue it is of.
    pub const fn venue(&self) -> VenueId {
        self.venue
    }

    /// What it knows of instruments.
    #[inline]
    pub const fn records(&mut self) -> &mut Records {
        self.stream.records()
    }

    /// Whether somebody writes.
    pub const fn is_up(&self) -> bool {
        self.is_up
    }

    /// Takes records, at most so many, and returns how many there were.
    #[inline]
    pub fn poll(&mut self, now: Timestamp, core: &mut Core, budget: usize) -> usize {
        let Some(reader) = &mut self.reader else { return 0 };
        let mut taken = 0;
        while taken < budget && !core.has_requests() {
            let fault = match reader.poll() {
                Ok(None) => break,
                Ok(Some(record)) => {
                    if taken == 0 {
                        core.timing.begin();
                    }
                    taken += 1;
                    match record.get::<[u8; RECORD_SIZE]>() {
                        Some(record) => match self.stream.take(now, record, core) {
                            Ok(()) => continue,
                            Err(fault) => fault.to_string(),
                        },
                        None => format!("{}: no record of market data", record.index),
                    }
                }
                Err(error) => error.to_string(),
            };
            self.lose(now, fault, core);
            return taken;
        }
        if taken > 0 {
            self.heard_at = now;
        }
        taken
    }

    /// What is known is of the past, and the bus is opened anew.
    #[cold]
    fn lose(&mut self, now: Timestamp, why: String, core: &mut Core) {
        self.stream.restart(now, core);
        self.is_up = false;
        self.why = Some(why);
        self.opener.ask(self.reader.take());
    }

    /// Time has passed. Tells when it is there (`Ok`), and why it is not.
    pub fn tick(
        &mut self,
        now: Timestamp,
        core: &mut Core,
        mut tell: impl FnMut(Result<(), String>),
    ) {
        if self.reader.is_none() {
            match self.opener.take() {
                Some(Ok(reader)) => {
                    (self.reader, self.heard_at) = (Some(reader), now);
                }
                Some(Err(why)) => {
                    (self.why, self.opens_at) = (Some(why), Timestamp(now.0 + AGAIN_NS));
                }
                None if self.opens_at.0 != 0 && now >= self.opens_at => {
                    self.opens_at = Timestamp(0);
                    self.opener.ask(None);
                }
                None => {}
            }
        } else if now.0.saturating_sub(self.heard_at.0) > self.silence_max_ns {
            // Its writer is gone, or writes elsewhere: the files may have been made anew.
            let silence_s = self.silence_max_ns / 1_000_000_000;
            self.lose(now, format!("nothing was written for {silence_s} s"), core);
        } else if !self.is_up && self.stream.has_heard() {
            self.is_up = true;
            self.told.clear();
            tell(Ok(()));
        }
        if let Some(why) = self.why.take()
            && why != self.told
        {
            self.told.clone_from(&why);
            tell(Err(why));
        }
    }
}

/// Opens a bus, to read what is written next.
fn open(path: &Path) -> Result<Reader, String> {
    let bus = Bus::open(path).map_err(|error| error.to_string())?;
    bus.reader(Start::End).map_err(|error| error.to_string())
}
