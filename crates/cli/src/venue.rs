//! `tiercel venue`: opens a venue's store, and serves it until it is told to stop.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use tiercel_journal::{Durability, FileStorage, IoOptions, OpenError, ReadError};
use tiercel_telemetry::Registry;
use tiercel_venue::accounts::Keys;
use tiercel_venue::config::{TEMPLATE, VenueConfig};
use tiercel_venue::demo::{self, DemoKey};
use tiercel_venue::pipeline::{Health, PipelineOptions, SnapshotPolicy};
use tiercel_venue::run::{RunOptions, start};
use tiercel_venue::serve::serve;
use tiercel_venue::store::{self, Opened, StoreError, StoreOptions};

use crate::exit::Exit;
use crate::stop::Stop;

/// Run a venue on its store: what a restart finds, then REST and streams until Ctrl-C
#[derive(Args, Debug)]
pub(crate) struct VenueArgs {
    /// The configuration; without it all is as --print-config says
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the default configuration, with what each key means, and do nothing else
    #[arg(long)]
    print_config: bool,
    /// Two funded accounts with new keys, printed, and on an empty store the symbols BTCUSDT and ETHUSDT
    #[arg(long)]
    dev: bool,
    /// Where REST and streams are served, instead of the configuration's; port 0: any that is free
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
    /// The folder of the command log and the snapshots, instead of the configuration's; made if it is
    /// not there
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Only say what a start finds, and end
    #[arg(long)]
    check: bool,
    /// Acknowledge commands that are in memory alone; a kill loses the last of them
    #[arg(long)]
    memory: bool,
    /// Take a snapshot after so many commands
    #[arg(long, default_value_t = SnapshotPolicy::default().commands)]
    snapshot_commands: u64,
    /// Take no snapshots: one engine less in memory, and longer starts
    #[arg(long)]
    no_snapshots: bool,
}

/// What a start found.
#[derive(Serialize)]
struct Found<'a> {
    store: String,
    sequence: u64,
    digest: String,
    snapshot: u64,
    replayed: u64,
    torn: bool,
    passed_over: &'a [(String, String)],
}

/// What a stop left.
#[derive(Serialize)]
struct Left {
    sequence: u64,
    digest: String,
}

fn digest_text(digest: u128) -> String {
    format!("{digest:032x}")
}

/// How long the venue sleeps between two looks at the stop flag.
const NAP: Duration = Duration::from_millis(100);

/// Runs a venue until it is told to stop, or fails.
///
/// # Errors
/// When it cannot start, or ends otherwise than by being told to.
pub(crate) fn run(args: &VenueArgs) -> anyhow::Result<Exit> {
    if args.print_config {
        io::stdout().lock().write_all(TEMPLATE.as_bytes())?;
        return Ok(Exit::Ok);
    }
    let config = match configure(args) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("tiercel: {error:#}");
            return Ok(Exit::Usage);
        }
    };
    let policy =
        SnapshotPolicy { commands: args.snapshot_commands.max(1), ..SnapshotPolicy::default() };
    let options = StoreOptions {
        snapshots: (!args.no_snapshots && !args.check).then_some(policy),
        ..StoreOptions::default()
    };
    let opened = match store::open(&config.store_path, IoOptions::default(), &options) {
        Ok(opened) => opened,
        Err(error) if is_damage(&error) => {
            eprintln!("tiercel: {}: {error}", config.store_path.display());
            return Ok(Exit::Damaged);
        }
        Err(error) => return Err(error.into()),
    };
    tell_found(&config, &opened)?;
    if args.check {
        opened.journal.close()?;
        return Ok(Exit::Ok);
    }
    serve_until_stopped(args, config, opened)
}

/// Serves the opened store.
fn serve_until_stopped(
    args: &VenueArgs,
    config: VenueConfig,
    opened: Opened<FileStorage>,
) -> anyhow::Result<Exit> {
    let pipeline = PipelineOptions { durability: config.durability, ..PipelineOptions::default() };
    let mut keys = match &config.keys_file {
        Some(file) => Keys::open(file)?,
        None => Keys::default(),
    };
    let listener = TcpListener::bind(config.address).with_context(|| config.address.to_string())?;
    let address = listener.local_addr()?;
    let stop = Stop::listen()?;
    let (running, mut models, handles) = start(opened, &pipeline, RunOptions::default(), 1)?;
    let mut handle = handles.into_iter().next().context("the venue has one gateway")?;
    let mut demo_keys = Vec::new();
    if args.dev {
        demo_keys = demo::keys(&mut keys).map_err(io::Error::other).context("secrets")?;
        if models.checkpoint().sequence == 0 {
            demo::open(&mut handle, &mut models)?;
        }
    }
    tell_address(address, &demo_keys)?;

    let status = running.status().clone();
    let (serve_options, registry) = (config.serve, Registry::new());
    let shell = std::thread::Builder::new()
        .name("tiercel-serve".to_owned())
        .spawn(move || serve(listener, serve_options, keys, handle, models, &registry))?;
    while !stop.asked() && status.health() == Health::Running && !shell.is_finished() {
        std::thread::sleep(NAP);
    }
    let ended = running.stop();
    let served = shell.join().map_err(|_| anyhow::anyhow!("thread tiercel-serve panicked"))?;
    let ended = ended?;
    served?;
    let left = Left { sequence: ended.sequence, digest: digest_text(ended.digest) };
    println!("{}", serde_json::to_string(&left)?);
    Ok(Exit::Ok)
}

/// The configuration, with what the arguments say instead.
fn configure(args: &VenueArgs) -> anyhow::Result<VenueConfig> {
    let mut config = match &args.config {
        Some(file) => {
            let named = || format!("the configuration {}", file.display());
            let text = std::fs::read_to_string(file).with_context(named)?;
            VenueConfig::parse(&text).with_context(named)?
        }
        None => VenueConfig::default(),
    };
    if let Some(folder) = &args.store {
        config.store_path.clone_from(folder);
    }
    if args.memory {
        config.durability = Durability::Memory;
    }
    if let Some(address) = args.address {
        anyhow::ensure!(
            address.ip().is_loopback(),
            "--address {address} is one that other machines reach: set it in a configuration, with \
             http.allow_remote"
        );
        config.address = address;
    }
    Ok(config)
}

/// What the start found, as a line of JSON.
fn tell_found(config: &VenueConfig, opened: &Opened<FileStorage>) -> anyhow::Result<()> {
    let Opened { engine, report, .. } = opened;
    let found = Found {
        store: config.store_path.display().to_string(),
        sequence: engine.sequence(),
        digest: digest_text(engine.digest()),
        snapshot: report.snapshot,
        replayed: report.replayed,
        torn: report.log.torn.is_some(),
        passed_over: &report.passed_over,
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(&found)?)?;
    Ok(out.flush()?)
}

/// Where it is, and for whom.
fn tell_address(address: SocketAddr, keys: &[DemoKey]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "venue at http://{address}")?;
    writeln!(out, "  curl 'http://{address}/api/v3/exchangeInfo'")?;
    for key in keys {
        writeln!(out, "account {}", key.account)?;
        writeln!(out, "  api_key {}", key.api_key)?;
        writeln!(out, "  secret  {}", key.secret)?;
    }
    out.flush()
}

/// Whether the store itself is not as it was written.
fn is_damage(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Log(OpenError::Damage(_))
            | StoreError::Read(ReadError::Damage(_))
            | StoreError::Record { .. }
            | StoreError::NoSnapshot { .. }
    )
}
