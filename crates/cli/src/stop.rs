//! Signals as questions that loops ask: Ctrl-C and SIGTERM stop, SIGUSR1 halts.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};

use crate::exit::Exit;

/// Set once the program was asked to stop.
#[derive(Clone, Debug)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens from now on. The first signal asks for a stop, a second one ends the program.
    ///
    /// # Errors
    /// The system's refusal.
    pub(crate) fn listen() -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the shutdown looks at the flag before the same signal sets it.
            let code = Exit::Interrupted as i32;
            signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&asked))?;
            signal_hook::flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(Self(asked))
    }

    /// Whether to stop.
    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Set each time the program was asked to halt.
#[derive(Debug)]
pub(crate) struct Halt(Arc<AtomicBool>);

impl Halt {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system's refusal.
    pub(crate) fn listen() -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGUSR1, Arc::clone(&asked))?;
        Ok(Self(asked))
    }

    /// Whether to halt: once for all signals since it was asked last.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}
