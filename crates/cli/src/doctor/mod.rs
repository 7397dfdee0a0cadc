//! `tiercel doctor`: what this machine offers and lacks for low latency.
//!
//! The checks are [`tiercel_host::checkup`]'s; here they are shown.

mod table;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use tiercel_host::checkup::{Check, Root, Verdict, checkup};

use crate::exit::Exit;
use table::Style;

/// What `tiercel doctor` is asked.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct DoctorArgs {
    /// One JSON object, for scripts
    #[arg(long)]
    json: bool,
    /// Say of the good, too, why it matters
    #[arg(long, short)]
    all: bool,
    /// Read proc and sys below this folder instead of /
    #[arg(long, default_value = "/", value_name = "FOLDER")]
    root: PathBuf,
}

const HELP: &str = "\
Nothing is changed. deploy/host/tune.sh applies what can be applied to a running machine.

Exit codes:
  0  nothing is bad
  1  something is bad, or the output cannot be written
  2  the arguments make no sense";

/// Looks at the machine and prints what it found.
///
/// # Errors
/// When the output cannot be written.
pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<Exit> {
    let checks = checkup(&Root::new(&args.root));
    let machine = if args.root == Path::new("/") {
        tiercel_host::machine().to_string()
    } else {
        format!("the machine of the files below {}", args.root.display())
    };
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", report(&machine, &checks))?;
    } else {
        table::print(&mut out, &machine, &checks, &Style::of_stdout(args.all))?;
    }
    Ok(if count(&checks, Verdict::Bad) == 0 { Exit::Ok } else { Exit::Failed })
}

/// How many checks have this verdict.
fn count(checks: &[Check], verdict: Verdict) -> usize {
    checks.iter().filter(|check| check.verdict == verdict).count()
}

fn report(machine: &str, checks: &[Check]) -> serde_json::Value {
    json!({
        "machine": machine,
        "good": count(checks, Verdict::Good),
        "bad": count(checks, Verdict::Bad),
        "unknown": count(checks, Verdict::Unknown),
        "checks": checks,
    })
}
