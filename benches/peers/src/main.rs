//! Tiercel's benches with other people's code beside it: the same cases, rows and options as
//! `tiercel bench`, with `peers` and `ratio` filled in.
//!
//! Ours and theirs run in turn in one process, on one pinned core, behind one driver.

mod bus;
mod host;
mod matching;
mod sync;
mod sync_cells;
mod wire;

use std::alloc::System;
use std::process::ExitCode;

use clap::Parser;
use tiercel_cli::bench::contest::{Case, CaseSpec};
use tiercel_cli::bench::{self, BenchError, Options, partner};
use tiercel_host::HugePages;

/// Large tables on huge pages, as the product has them, for ours and the peers alike.
#[global_allocator]
static ALLOCATOR: HugePages = HugePages(System);

/// Measures Tiercel beside its peers.
#[derive(Parser)]
#[command(name = "tiercel-peers")]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

/// Adds the peers that can do the case's work.
fn add_peers(spec: &CaseSpec, case: &mut Case, options: &Options) {
    match spec.bench {
        "matching" => matching::add(spec, case),
        "sync" => {
            sync::add(spec, case, options);
            sync_cells::add(spec, case, options);
        }
        "host" => host::add(spec, case, options),
        "wire" => wire::add(spec, case, options),
        "bus" => bus::add(spec, case, options),
        _ => {}
    }
}

fn run(options: &Options) -> Result<(), BenchError> {
    if let Some(role) = partner::role()
        && bus::serve(&role)?
    {
        return Ok(());
    }
    // Before the cases pin this thread.
    let options = &options.with_cpus()?;
    let mut add = |spec: &CaseSpec, case: &mut Case| add_peers(spec, case, options);
    bench::run_with(options, &mut std::io::stdout().lock(), &mut add)
}

fn main() -> ExitCode {
    let Arguments { options } = Arguments::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tiercel-peers: {error}");
            ExitCode::FAILURE
        }
    }
}
