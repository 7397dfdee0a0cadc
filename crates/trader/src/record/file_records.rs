//! Records into files, one of a venue at a time: `tiercel decode market` reads them.

use std::io;
use std::path::PathBuf;

use tiercel_types::Timestamp;
use tiercel_wire::market::RECORD_SIZE;

use super::files::{Files, Span};
use super::records::RecordSink;

/// What files of records end with.
pub(super) const EXTENSION: &str = "market";

/// Files of records.
pub struct RecordFiles {
    files: Files,
    folder: PathBuf,
    stem: String,
    span: Span,
}

impl RecordFiles {
    /// In a folder, called by `stem` and the time, each of so long.
    ///
    /// # Errors
    /// The system's, where no thread can be had.
    pub fn new(now: Timestamp, folder: PathBuf, stem: String, span_ns: u64) -> io::Result<Self> {
        let mut files = Self { files: Files::new(1)?, folder, stem, span: Span::new(span_ns) };
        files.begins(now);
        Ok(files)
    }

    fn begins(&mut self, now: Timestamp) -> bool {
        let is_due = self.span.is_due(now);
        if is_due {
            self.files.begin(0, now, &self.folder, &self.stem, EXTENSION);
        }
        is_due
    }

    fn checked<T>(&mut self, value: T) -> Result<T, String> {
        self.files.fault().map_or(Ok(value), |fault| Err(fault.to_owned()))
    }
}

impl RecordSink for RecordFiles {
    #[inline]
    fn put(&mut self, _: u8, fill: impl FnOnce(&mut [u8; RECORD_SIZE])) -> Result<(), String> {
        self.files.write(0, |buffer| {
            let start = buffer.len();
            buffer.resize(start + RECORD_SIZE, 0);
            if let Some(record) = buffer[start..].first_chunk_mut() {
                fill(record);
            }
        });
        Ok(())
    }

    fn is_to_begin(&mut self, now: Timestamp) -> Result<bool, String> {
        let begins = self.begins(now);
        self.files.hand_over_all();
        self.checked(begins)
    }

    fn end(&mut self) -> Result<(), String> {
        self.files.end();
        self.checked(())
    }
}
