//! Where the data for tests lie that are not part of the project.

use std::env;
use std::path::PathBuf;

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
