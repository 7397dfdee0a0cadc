//! `tiercel doctor`: what this machine offers and lacks for low latency.
//!
//! The checks are [`tiercel_host::checkup`]'s; here they are shown, and on request [measured](measure).

mod measure;
mod table;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use tiercel_host::checkup::{Check, Root, Verdict, checkup};

use crate::allocator;
use crate::exit::Exit;
use measure::Measured;
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
    /// Measure, too, for some seconds: gaps, cores, clock, system calls, loopback, disk
    #[arg(long, conflicts_with = "root")]
    measure: bool,
    /// Where durable writes are measured: on the disk that the journal will be on
    #[arg(long, default_value = ".", value_name = "FOLDER", requires = "measure")]
    folder: PathBuf,
}

const HELP: &str = "\
Nothing is changed. deploy/host/tune.sh applies what can be applied to a running machine.

Exit codes:
  0  nothing is bad
  1  something is bad, or it cannot be looked at or told
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
    let measured = if args.measure {
        measure::measure(&args.folder).context("this machine cannot be measured")?
    } else {
        Vec::new()
    };
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", report(&machine, &checks, &measured))?;
    } else {
        let style = Style::of_stdout(args.all);
        let heading = format!("{machine}; allocator of this build: {}", allocator::NAME);
        table::print(&mut out, &heading, &checks, &measured, &style)?;
    }
    let measured_bad = measured.iter().any(|measured| measured.verdict == Verdict::Bad);
    let bad = measured_bad || count(&checks, Verdict::Bad) > 0;
    Ok(if bad { Exit::Failed } else { Exit::Ok })
}

/// How many checks have this verdict.
fn count(checks: &[Check], verdict: Verdict) -> usize {
    checks.iter().filter(|check| check.verdict == verdict).count()
}

fn report(machine: &str, checks: &[Check], measured: &[Measured]) -> serde_json::Value {
    json!({
        "machine": machine,
        "allocator": allocator::NAME,
        "good": count(checks, Verdict::Good),
        "bad": count(checks, Verdict::Bad),
        "unknown": count(checks, Verdict::Unknown),
        "checks": checks,
        "measured": measured,
    })
}
