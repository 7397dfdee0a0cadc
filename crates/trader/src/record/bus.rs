//! Records into a bus, in place; the next file of it is made ahead by a thread of its own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tiercel_bus::{Bus, One, Options, Preparer, Writer};
use tiercel_types::Timestamp;
use tiercel_wire::market::RECORD_SIZE;

use super::records::RecordSink;

/// How often it is looked whether another file is to be made.
const LOOK: Duration = Duration::from_millis(20);

/// The writer of a bus.
pub struct BusSink {
    writer: Writer<One>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl BusSink {
    /// Opens the bus at `path`, or makes one.
    ///
    /// # Errors
    /// The bus's, in words: above all that another writer has it.
    pub fn open(path: &Path, options: &Options) -> Result<Self, String> {
        let bus = Bus::open_or_create(path, options).map_err(|error| error.to_string())?;
        let writer = bus.writer().map_err(|error| error.to_string())?;
        let stop = Arc::new(AtomicBool::new(false));
        let prepare = |mut preparer: Preparer| {
            let stop = Arc::clone(&stop);
            std::thread::Builder::new().name("bus-files".to_owned()).spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // What fails here fails for the writer too, at the end of its file, and is told then.
                    if !matches!(preparer.poll(), Ok(true)) {
                        std::thread::park_timeout(LOOK);
                    }
                }
            })
        };
        let thread = writer.preparer().map(prepare).transpose();
        let thread = thread.map_err(|error| error.to_string())?;
        Ok(Self { writer, stop, thread })
    }
}

impl RecordSink for BusSink {
    #[inline]
    fn put(&mut self, kind: u8, fill: impl FnOnce(&mut [u8; RECORD_SIZE])) -> Result<(), String> {
        let mut slot =
            self.writer.claim_as::<[u8; RECORD_SIZE]>(kind).map_err(|error| error.to_string())?;
        fill(&mut slot);
        slot.commit();
        Ok(())
    }

    fn is_to_begin(&mut self, _: Timestamp) -> Result<bool, String> {
        Ok(false)
    }

    fn end(&mut self) -> Result<(), String> {
        Ok(())
    }
}

impl Drop for BusSink {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It does not panic.
            let _ended = thread.join();
        }
    }
}
