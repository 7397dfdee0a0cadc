//! Tiercel's benches with other people's code beside it: the same cases, rows and options as
//! `tiercel bench`, with `peers` and `ratio` filled in.
//!
//! Ours and theirs run in turn in one process, on one pinned core, behind one driver.

mod matching;

use clap::Parser;
use tiercel_cli::bench::contest::{Case, CaseSpec};
use tiercel_cli::bench::{self, Options};

/// Large tables on huge pages, as the product has them, for ours and the peers alike.
#[global_allocator]
static ALLOCATOR: tiercel_host::HugePages = tiercel_host::HugePages;

/// Measures Tiercel beside its peers.
#[derive(Parser)]
#[command(name = "tiercel-peers")]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

/// Adds the peers that can do the case's work.
fn add_peers(spec: &CaseSpec, case: &mut Case) {
    if spec.bench == "matching" {
        matching::add(spec, case);
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    bench::run_with(&arguments.options, &mut std::io::stdout().lock(), &mut add_peers)?;
    Ok(())
}
