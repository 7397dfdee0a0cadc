//! How the program ends.

use std::process::ExitCode;

/// The exit codes. They are documented in `tiercel --help`, and scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All was done.
    Ok = 0,
    /// A failure at run time.
    Failed = 1,
    /// The arguments make no sense. (The argument parser uses the same code.)
    Usage = 2,
    /// The input is damaged, cut off or foreign; what was good of it was printed.
    Damaged = 3,
    /// Interrupted before the work was done.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
