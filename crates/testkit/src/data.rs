//! Where the data for tests lie that are not part of the project.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

/// The folder named by the environment variable `TIERCEL_DATA`.
///
/// Where it is not set, says that the test is skipped and gives `None`; a path that is there is
/// returned with `below` appended.
///
/// # Panics
/// When `CI=true` and the variable is unset, or when it is set and the path does not exist: a
/// test that should have run must not pass.
pub fn path(below: &str) -> Option<PathBuf> {
    let Some(folder) = env::var_os("TIERCEL_DATA").filter(|folder| !folder.is_empty()) else {
        assert!(
            env::var("CI").as_deref() != Ok("true"),
            "TIERCEL_DATA is not set, and this is CI: the data tests must run"
        );
        eprintln!("skipped: TIERCEL_DATA is not set ({below})");
        return None;
    };
    let path = PathBuf::from(folder).join(below);
    assert!(path.exists(), "{} does not exist", path.display());
    Some(path)
}

/// A file that is a list in JSON.
///
/// # Panics
/// When it is not, or cannot be read.
#[must_use]
pub fn json(path: &Path) -> Vec<Value> {
    let said = |error: &dyn core::fmt::Display| -> ! { panic!("{}: {error}", path.display()) };
    let text = fs::read_to_string(path).unwrap_or_else(|error| said(&error));
    serde_json::from_str(&text).unwrap_or_else(|error| said(&error))
}
