//! The file that halts a trader for as long as it is there.

use std::path::PathBuf;

use tiercel_execution::risk::Mode;

/// Where it is, and what was asked because of it.
pub(super) struct KillFile {
    path: PathBuf,
    /// The time of the state that was shown when the trader was asked to halt, in nanoseconds since 1970.
    asked_ns: Option<u64>,
}

impl KillFile {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, asked_ns: None }
    }

    /// Looks at it. Whether the trader is to halt, whose newest state is of `time_ns` and says `mode`.
    pub(super) fn look(&mut self, time_ns: u64, mode: Mode) -> bool {
        // One that cannot be looked at may be there.
        let is_there = self.path.try_exists().unwrap_or(true);
        self.halts(is_there, time_ns, mode)
    }

    /// Once when it appears, and again as often as a later state says that the trader is not halted.
    fn halts(&mut self, is_there: bool, time_ns: u64, mode: Mode) -> bool {
        if !is_there {
            self.asked_ns = None;
            return false;
        }
        let halts = self.asked_ns.is_none_or(|asked_ns| mode != Mode::Halted && time_ns > asked_ns);
        if halts {
            self.asked_ns = Some(time_ns);
        }
        halts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_halts_once_when_it_appears_and_again_while_a_later_state_is_not_halted() {
        let mut file = KillFile::new(PathBuf::new());
        assert!(!file.halts(false, 1, Mode::Active));
        assert!(file.halts(true, 1, Mode::Active));
        // The state is still the one of before it was asked.
        assert!(!file.halts(true, 1, Mode::Active));
        assert!(!file.halts(true, 2, Mode::Halted));
        // Somebody enabled it.
        assert!(file.halts(true, 3, Mode::Active));
        assert!(!file.halts(true, 4, Mode::Halted));
        assert!(file.halts(true, 5, Mode::Reducing));
        assert!(!file.halts(false, 6, Mode::Halted));
        // It is asked also when something else has halted it.
        assert!(file.halts(true, 7, Mode::Halted));
    }
}
