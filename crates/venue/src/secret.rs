//! Files that hold secrets: nobody but their owner may see them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

pub use tiercel_host::secret::{SecretError, read};

/// Random bytes of a secret that the venue makes; twice as many characters.
const SECRET_BYTES: usize = 32;

/// Compares in a time that does not tell where they differ.
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differs = one.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other));
    one.len() == other.len() && differs == 0
}

/// Puts a new file in the place of the old one, whole or not at all, for its owner alone.
///
/// # Errors
/// [`SecretError::Io`]; the old file is what it was.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), SecretError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let put = || -> io::Result<()> {
        // Left behind by a venue that was killed here.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    put().map_err(|error| SecretError::Io { path: path.into(), error })
}

/// A secret, or a name that nobody guesses, by the system's random numbers.
///
/// # Errors
/// When the system has none.
pub(crate) fn random_text() -> Result<String, getrandom::Error> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
}
