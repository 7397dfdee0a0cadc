//! `tiercel decode`: a capture from a file, a line for each message.

use std::io::{self, BufWriter, Read as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use tiercel_cli::decode::{self, Protocol};

use crate::exit::Exit;

const DETAILS: &str = "\
A line is the byte at which the message begins, and what it says. What is no message is a line with
`error:` and the reason; reading goes on where the next message can be found. The file is read whole
before anything is printed.

itch reads messages behind their lengths (as Nasdaq's files have them), SoupBinTCP streams of a server and
MoldUDP64 packets one behind the other, and tells by the first bytes which it is. ouch reads SoupBinTCP
streams of either side, and messages behind their lengths.

Exit codes: 1 when FILE cannot be read, 3 when there was an error in it.

Examples:
  tiercel decode fix messages.log
  tcpdump ... | tiercel decode binary -";

/// The arguments of `tiercel decode`.
#[derive(Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct DecodeArgs {
    /// What is spoken
    protocol: Protocol,
    /// The capture; - for standard input
    #[arg(value_name = "FILE")]
    path: PathBuf,
}

/// Prints the capture.
///
/// # Errors
/// When it cannot be read, or nothing printed.
pub(crate) fn run(args: &DecodeArgs) -> anyhow::Result<Exit> {
    let mut bytes = Vec::new();
    if args.path.as_os_str() == "-" {
        io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
    } else {
        let name = args.path.display();
        bytes = std::fs::read(&args.path).with_context(|| format!("cannot read {name}"))?;
    }
    let errors = decode::print(args.protocol, &bytes, BufWriter::new(io::stdout().lock()))?;
    Ok(if errors == 0 { Exit::Ok } else { Exit::Damaged })
}
