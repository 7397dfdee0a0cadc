//! The next cycle, made ahead: what a roll costs that nobody has to wait for.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::bus::{Bus, Cycle};
use crate::error::BusError;
use crate::place::{Blank, Place};

/// What a writer and its preparer hand each other, at rolls alone.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    state: Mutex<State>,
    attended: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    blank: Option<Blank>,
    /// Cycles that were left: unmapping them takes a while.
    left: Vec<Cycle>,
    /// The newest cycle, when old ones may have to go.
    newest: Option<u32>,
}

impl Spare {
    fn state(&self) -> MutexGuard<'_, State> {
        // A preparer that panicked holds nothing half done: each field is set in one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The blank that was made ahead, if there is one.
    pub(crate) fn take(&self) -> Option<Blank> {
        self.state().blank.take()
    }

    /// Leaves `cycle` for `newest`. What that brings is done here, unless a preparer does it.
    pub(crate) fn leave(&self, bus: &Bus, cycle: Cycle, newest: u32) -> Result<(), BusError> {
        if self.attended.load(Ordering::Relaxed) {
            let mut state = self.state();
            state.left.push(cycle);
            state.newest = Some(newest);
            return Ok(());
        }
        drop(cycle);
        expire(bus, newest)
    }
}

fn expire(bus: &Bus, newest: u32) -> Result<(), BusError> {
    let options = bus.options();
    bus.place().expire(newest, options.retention.cycles_kept(options.cycle_bytes))
}

/// Makes a writer's next cycle ahead and clears away the old ones, so that a roll is a matter of
/// microseconds for the writer. From [`Writer::preparer`](crate::Writer::preparer).
///
/// It owns no thread: call [`Preparer::poll`] from one that has time, as often as cycles roll, at
/// least. Without one the writer does the work itself, at the roll.
#[derive(Debug)]
pub struct Preparer {
    bus: Bus,
    directory: PathBuf,
    maker: String,
    spare: Arc<Spare>,
}

impl Preparer {
    /// For the writer whose blanks are called `maker`; `None` for a bus that cannot roll.
    pub(crate) fn new(bus: Bus, maker: String, spare: Arc<Spare>) -> Option<Self> {
        let Place::Directory(directory) = bus.place() else { return None };
        let directory = directory.clone();
        spare.attended.store(true, Ordering::Relaxed);
        Some(Self { bus, directory, maker, spare })
    }

    /// Does what there is to do, and returns whether there was anything.
    ///
    /// # Errors
    /// The system's refusals: above all no space for another cycle.
    pub fn poll(&mut self) -> Result<bool, BusError> {
        let (left, newest, needed) = {
            let mut state = self.spare.state();
            let needed = state.blank.is_none();
            (std::mem::take(&mut state.left), state.newest.take(), needed)
        };
        let mut worked = !left.is_empty();
        drop(left);
        if needed {
            let bytes = self.bus.options().cycle_bytes;
            let blank = Blank::make(&self.directory, &self.maker, bytes, self.bus.prefaults())?;
            // The writer may have made its own meanwhile; this one is for the roll after that.
            self.spare.state().blank = Some(blank);
            worked = true;
        }
        if let Some(newest) = newest {
            expire(&self.bus, newest)?;
            worked = true;
        }
        Ok(worked)
    }
}

impl Drop for Preparer {
    fn drop(&mut self) {
        self.spare.attended.store(false, Ordering::Relaxed);
    }
}
