//! What a thread of its own writes, so that who has something to say never waits for who reads it.
//!
//! ```text
//!   offer() --bounded queue--> writer's thread --> standard output, standard error
//!           full: counted and left out
//! ```
//!
//! A pipe that nobody reads, a terminal that is stopped or a reader that is gone hold nobody up but the writer.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two attempts to put something into a full queue.
const AGAIN: Duration = Duration::from_millis(5);

/// What is said, where it was not written, of so many pieces.
type TellLost = fn(u64) -> String;

/// Where pieces of text go.
pub(crate) struct Output {
    pieces: SyncSender<Vec<u8>>,
    /// How many went into the queue.
    taken: AtomicU64,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    written: Mutex<Written>,
    changed: Condvar,
    /// What was left out, or could not be written, and was not told of.
    lost: AtomicU64,
}

#[derive(Default)]
struct Written {
    /// How many left the queue.
    pieces: u64,
    /// Why the newest that could not be written could not.
    fault: Option<io::Error>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Output {
    /// Writes to `out` from now on, with at most `waiting_max` pieces that wait. What `tell_lost` says of those that were
    /// left out is written once there is room again.
    ///
    /// # Errors
    /// The system's, where no thread can be had.
    pub(crate) fn start(
        name: &str,
        out: impl Write + Send + 'static,
        waiting_max: usize,
        tell_lost: Option<TellLost>,
    ) -> io::Result<Self> {
        let (pieces, waiting) = sync_channel(waiting_max);
        let shared = Arc::<Shared>::default();
        let work = Arc::clone(&shared);
        // Nobody waits for it: it may be held up for ever.
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || write(out, &waiting, &work, tell_lost))?;
        Ok(Self { pieces, taken: AtomicU64::new(0), shared })
    }

    /// Has this written behind what waits. Never waits: what does not fit is left out.
    pub(crate) fn offer(&self, piece: impl Into<Vec<u8>>) {
        if self.try_offer(piece.into()).is_err() {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Gives the piece back where there is no room for it.
    fn try_offer(&self, piece: Vec<u8>) -> Result<(), Vec<u8>> {
        match self.pieces.try_send(piece) {
            Ok(()) => {
                self.taken.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(TrySendError::Full(piece) | TrySendError::Disconnected(piece)) => Err(piece),
        }
    }

    /// Has this written, too, and waits for that, but not longer than `within`. Whether it was written.
    pub(crate) fn put(&self, piece: impl Into<Vec<u8>>, within: Duration) -> bool {
        let end = Instant::now() + within;
        let mut piece = piece.into();
        while let Err(back) = self.try_offer(piece) {
            if Instant::now() >= end {
                return false;
            }
            piece = back;
            std::thread::sleep(AGAIN);
        }
        self.drain(end.saturating_duration_since(Instant::now()))
    }

    /// Waits until nothing waits any more, but not longer than `within`. Whether it is so.
    pub(crate) fn drain(&self, within: Duration) -> bool {
        let taken = self.taken.load(Ordering::Relaxed);
        let waits = |written: &mut Written| written.pieces < taken;
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), within, waits);
        let (written, _) = waited.unwrap_or_else(PoisonError::into_inner);
        written.pieces >= taken
    }

    /// Why something could not be written, once.
    pub(crate) fn take_fault(&self) -> Option<io::Error> {
        self.shared.lock().fault.take()
    }
}

/// The thread's work, until nobody has anything to say any more.
fn write(
    mut out: impl Write,
    waiting: &Receiver<Vec<u8>>,
    shared: &Shared,
    tell_lost: Option<TellLost>,
) {
    while let Ok(mut piece) = waiting.recv() {
        let lost = shared.lost.swap(0, Ordering::Relaxed);
        if let Some(tell) = tell_lost.filter(|_| lost > 0) {
            piece.extend_from_slice(tell(lost).as_bytes());
        }
        let result = out.write_all(&piece).and_then(|()| out.flush());
        let mut written = shared.lock();
        written.pieces += 1;
        if let Err(error) = result {
            shared.lost.fetch_add(lost + 1, Ordering::Relaxed);
            written.fault = Some(error);
        }
        drop(written);
        shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    /// Takes a piece as often as it is let.
    struct Gate {
        lets: Receiver<io::Result<()>>,
        taken: Sender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.lets.recv().map_err(io::Error::other)??;
            self.taken.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_speaks_never_waits_and_what_was_left_out_is_told_once_there_is_room() {
        let (lets, of_writer) = channel();
        let (taken, heard) = channel();
        let tell: TellLost = |lost| format!("and {lost}");
        let gate = Gate { lets: of_writer, taken };
        let output = Output::start("output", gate, 2, Some(tell)).unwrap();
        output.offer("a");
        // The writer may hold one; two wait; the rest are left out.
        while !output.put("b", Duration::ZERO) && output.taken.load(Ordering::Relaxed) < 3 {}
        for _ in 0..5 {
            output.offer("c");
        }
        assert!(!output.drain(Duration::from_millis(1)));
        for _ in 0..3 {
            lets.send(Ok(())).unwrap();
        }
        assert!(output.drain(LONG));
        let all: Vec<u8> = heard.try_iter().flatten().collect();
        let all = String::from_utf8(all).unwrap();
        assert!(all.contains("and 5") && !all.contains('c'), "{all}");
        lets.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        assert!(output.put("d", LONG));
        assert_eq!(output.take_fault().unwrap().kind(), io::ErrorKind::BrokenPipe);
        assert!(output.take_fault().is_none());
        lets.send(Ok(())).unwrap();
        assert!(output.put("e", LONG));
        assert_eq!(heard.try_recv().unwrap(), b"eand 1");
    }
}
