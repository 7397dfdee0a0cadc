//! Files that hold secrets: nobody but their owner may see them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Bits of a file's mode that let others than its owner see it.
#[cfg(unix)]
const OTHERS: u32 = 0o077;

/// Why a file of secrets cannot be used. Never what is in it.
#[derive(Debug, Error)]
pub enum SecretError {
    /// It cannot be read, or not be replaced.
    #[error("{path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Others than the owner may read it.
    #[error("{path}: mode {mode:o} lets others see it; `chmod 600 {path}`")]
    Mode {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

/// The text of a file, if nobody but its owner may see it.
///
/// # Errors
/// [`SecretError`].
pub fn read(path: &Path) -> Result<String, SecretError> {
    let io_error = |error| SecretError::Io { path: path.into(), error };
    let mut file = File::open(path).map_err(io_error)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().map_err(io_error)?.permissions().mode() & 0o7777;
        if mode & OTHERS != 0 {
            return Err(SecretError::Mode { path: path.into(), mode });
        }
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(io_error)?;
    Ok(text)
}
