//! A strategy's state between two runs: in a file, from a stop at which nothing was open to the next start.
//!
//! ```text
//!   stop, all orders ended --> save() --> strategy.state --> take() --> the strategy as it was, its timers too
//!                                                              |
//!                                       the next run begins <--+--> done(): strategy.state.last
//! ```
//!
//! A run that is killed leaves none: what its strategy knew is of before, and it begins anew with what it owns.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use thiserror::Error;
use tiercel_strategy::StateError;

/// What a file begins with.
const MAGIC: &[u8] = b"tiercel-state 1 ";
/// Bytes of a digest.
const DIGEST_BYTES: usize = 32;
/// More than any strategy keeps.
const BYTES_MAX: u64 = 64 << 20;

/// Why a state is not there, or could not be kept.
#[derive(Debug, Error)]
pub enum SavedError {
    /// The system's refusal.
    #[error("{path}: {error}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Its bytes are not those that were written.
    #[error("{path}: the strategy's state is damaged; without the file it begins anew")]
    Damaged {
        /// Where.
        path: PathBuf,
    },
    /// It is not of this strategy with these instruments.
    #[error("{path}: the state is of {was}, and this is {is}; without the file it begins anew")]
    Other {
        /// Where.
        path: PathBuf,
        /// Whose it is.
        was: String,
        /// Who asks.
        is: String,
    },
    /// The strategy does not take it: it has other parameters now.
    #[error(
        "{path}: {error}: it is of other parameters; without the file the strategy begins anew"
    )]
    Refused {
        /// Where.
        path: PathBuf,
        /// Why.
        error: StateError,
    },
}

/// The file of a strategy's state.
#[derive(Clone, Debug)]
pub struct Saved {
    path: PathBuf,
    /// Whose it is: the strategy, and what it trades.
    owner: String,
}

impl Saved {
    /// The one in a folder, of a strategy with these instruments, by venue and symbol.
    pub fn new(store: &Path, strategy: &str, instruments: &[(String, String)]) -> Self {
        let named: Vec<String> =
            instruments.iter().map(|(venue, symbol)| format!("{venue}:{symbol}")).collect();
        let owner = format!("{strategy} {}", named.join(","));
        Self { path: store.join("strategy.state"), owner }
    }

    fn io(&self, error: io::Error) -> SavedError {
        SavedError::Io { path: self.path.clone(), error }
    }

    /// Keeps a state. It is there whole, or not at all.
    ///
    /// # Errors
    /// [`SavedError::Io`].
    pub fn save(&self, state: &[u8]) -> Result<(), SavedError> {
        let part = self.path.with_extension("part");
        let write = || {
            let mut file = File::create(&part)?;
            file.write_all(MAGIC)?;
            file.write_all(self.owner.as_bytes())?;
            file.write_all(b"\n")?;
            file.write_all(&Sha256::digest(state))?;
            file.write_all(state)?;
            file.sync_all()?;
            fs::rename(&part, &self.path)
        };
        write().map_err(|error| self.io(error))
    }

    /// What was kept; none: nothing was.
    ///
    /// # Errors
    /// [`SavedError`]: it is not as it was written, or somebody else's.
    pub fn take(&self) -> Result<Option<Vec<u8>>, SavedError> {
        let bytes = match fs::metadata(&self.path) {
            Ok(about) if about.len() > BYTES_MAX => return Err(self.damaged()),
            Ok(_) => fs::read(&self.path).map_err(|error| self.io(error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io(error)),
        };
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| self.damaged())?;
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(|| self.damaged())?;
        let (owner, rest) = (&rest[..end], &rest[end + 1..]);
        if owner != self.owner.as_bytes() {
            let was = String::from_utf8_lossy(owner).into_owned();
            return Err(SavedError::Other { path: self.path.clone(), was, is: self.owner.clone() });
        }
        let (digest, state) = rest.split_at_checked(DIGEST_BYTES).ok_or_else(|| self.damaged())?;
        if Sha256::digest(state).as_slice() != digest {
            return Err(self.damaged());
        }
        Ok(Some(state.to_vec()))
    }

    /// What was taken, if anything was, is in use: it counts no more.
    ///
    /// # Errors
    /// [`SavedError::Io`].
    pub fn done(&self) -> Result<(), SavedError> {
        match fs::rename(&self.path, self.path.with_extension("state.last")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            renamed => renamed.map_err(|error| self.io(error)),
        }
    }

    /// The strategy does not take it.
    pub fn refused(&self, error: StateError) -> SavedError {
        SavedError::Refused { path: self.path.clone(), error }
    }

    fn damaged(&self) -> SavedError {
        SavedError::Damaged { path: self.path.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("tiercel-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn a_state_is_there_once_and_only_for_who_wrote_it_and_only_as_it_was_written() {
        let place = Place::new("saved");
        let instruments = [("desk".to_owned(), "BTCUSDT".to_owned())];
        let saved = Saved::new(&place.0, "market_maker", &instruments);
        assert!(matches!(saved.take(), Ok(None)));
        saved.save(b"as it was").unwrap();
        assert_eq!(saved.take().unwrap().as_deref(), Some(&b"as it was"[..]));
        let other = Saved::new(&place.0, "golden_cross", &instruments);
        let told = other.take().unwrap_err().to_string();
        assert!(told.contains("of market_maker desk:BTCUSDT, and this is golden_cross"), "{told}");

        let path = place.0.join("strategy.state");
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(saved.take().is_err(), "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert!(saved.take().is_err(), "{at} bytes");
        }
        fs::write(&path, &whole).unwrap();
        saved.done().unwrap();
        assert!(matches!(saved.take(), Ok(None)));
        // Nothing was taken, and nothing is used up.
        saved.done().unwrap();
    }
}
