//! Runs the binary.

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// What a run of the binary gave.
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The exit code; none when a signal ended it.
    pub(crate) code: Option<i32>,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("messages are UTF-8"),
            code: output.status.code(),
        }
    }
}

/// The binary, without anything of the environment that changes what it prints.
pub(crate) fn tiercel() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tiercel"));
    command.stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run(arguments: &[&str]) -> Ran {
    tiercel().args(arguments).output().expect("the binary runs").into()
}

/// Runs it with `input` on standard input, of which it may refuse the rest.
pub(crate) fn run_with(arguments: &[&str], input: &[u8]) -> Ran {
    let mut child = tiercel()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let written = child.stdin.take().expect("its input").write_all(input);
    if let Err(error) = written {
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error}");
    }
    child.wait_with_output().expect("it ends").into()
}

/// A file of this content, in a folder for the files of tests.
pub(crate) fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).expect("the file can be written");
    path
}

/// A path as an argument.
pub(crate) fn argument(path: &std::path::Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}
