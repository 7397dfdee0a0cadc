//! `tiercel venue`: opens a venue's store, and serves it until it is told to stop.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use tiercel_host::{Clock, pin_current_thread};
use tiercel_journal::{Durability, FileStorage, IoOptions, OpenError, ReadError};
use tiercel_sync::wait::WaitKind;
use tiercel_telemetry::{Log, LogOptions, Registry};
use tiercel_types::Timestamp;
use tiercel_venue::accounts::Keys;
use tiercel_venue::admin::Token;
use tiercel_venue::binary::{BinaryConfig, BinaryOptions, Lines, recovery};
use tiercel_venue::config::{AdminConfig, LogConfig, TEMPLATE, ThreadConfig, VenueConfig};
use tiercel_venue::demo::{self, DemoKey};
use tiercel_venue::fix::{FixConfig, FixOptions, Identity};
use tiercel_venue::pipeline::{Health, PipelineOptions, SnapshotPolicy};
use tiercel_venue::run::{RunOptions, start_with};
use tiercel_venue::serve::{Admin, Binary, Fix, Server, Shares, Tls};
use tiercel_venue::stage::{StagePlan, StageThread};
use tiercel_venue::store::{self, Opened, StoreError, StoreOptions};

use crate::exit::Exit;
use crate::stop::Stop;
use crate::venue_feed::{self, FeedArgs};
use crate::venue_hints;
use crate::venue_ouch;

/// Run a venue on its store: what a restart finds, then REST and streams until Ctrl-C
#[derive(Args, Debug)]
pub(crate) struct VenueArgs {
    /// The configuration; without it all is as --print-config says
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the default configuration, with what each key means, and do nothing else
    #[arg(long)]
    print_config: bool,
    /// Funded accounts with new keys, printed, and on an empty store the symbols BTCUSDT and ETHUSDT;
    /// without a configuration every gateway, each on a port that is free
    #[arg(long)]
    dev: bool,
    /// How many accounts --dev makes
    #[arg(long, value_name = "N", default_value_t = demo::ACCOUNTS, value_parser = clap::value_parser!(u32).range(1..=64))]
    accounts: u32,
    /// Where REST and streams are served, instead of the configuration's; port 0: any that is free
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
    /// Where FIX 4.4 is served, instead of the configuration's; port 0: any that is free
    #[arg(long, value_name = "ADDRESS")]
    fix: Option<SocketAddr>,
    /// Where the binary protocol is served, instead of the configuration's; port 0: any that is free
    #[arg(long, value_name = "ADDRESS")]
    binary: Option<SocketAddr>,
    /// A dictionary in `QuickFIX`'s XML that FIX messages are checked by, instead of the built-in one
    #[arg(long, value_name = "FILE")]
    fix_dictionary: Option<PathBuf>,
    #[command(flatten)]
    feed: FeedArgs,
    /// Where OUCH 5.0 is served, instead of the configuration's; port 0: any that is free
    #[arg(long, value_name = "ADDRESS")]
    ouch: Option<SocketAddr>,
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
    /// Take a snapshot after so many commands, instead of the configuration's
    #[arg(long, value_name = "COUNT")]
    snapshot_commands: Option<u64>,
    /// Take no snapshots: one engine less in memory, and longer starts
    #[arg(long)]
    no_snapshots: bool,
}

impl VenueArgs {
    /// Whether every gateway is opened, to try it: a configuration says itself which are.
    const fn tries_all(&self) -> bool {
        self.dev && self.config.is_none()
    }
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
    let snapshots = config.snapshots.filter(|_| !args.check);
    let options = StoreOptions { snapshots, ..StoreOptions::default() };
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
    serve_until_stopped(args, &config, opened, &options)
}

/// The keys that clients sign with. Where there is administration, which can make some, there may be none.
fn keys(config: &VenueConfig) -> anyhow::Result<Keys> {
    Ok(match &config.keys_file {
        Some(file) if config.admin.is_some() => Keys::open_or_make(file)?,
        Some(file) => Keys::open(file)?,
        None => Keys::default(),
    })
}

/// Serves the opened store.
fn serve_until_stopped(
    args: &VenueArgs,
    config: &VenueConfig,
    opened: Opened<FileStorage>,
    stores: &StoreOptions,
) -> anyhow::Result<Exit> {
    let pipeline = PipelineOptions {
        durability: config.durability,
        patience: config.threads.patience,
        ..PipelineOptions::default()
    };
    let keys = keys(config)?;
    let tls = config.tls.as_ref().map(Tls::load).transpose().context("TLS")?;
    let registry = Registry::new();
    let log = log(config, &registry)?;
    let listener = TcpListener::bind(config.address).with_context(|| config.address.to_string())?;
    let address = listener.local_addr()?;
    let admin = config.admin.as_ref().map(|admin| administration(admin, config, &log));
    let admin = admin.transpose()?;
    let stop = Stop::listen()?;
    let ThreadConfig { core_cpu, serve_cpu, follower_cpu, wait, .. } = config.threads;
    let run = RunOptions { core_cpu, follower_cpu, wait, registry: Some(registry.clone()) };
    let mut demo_keys = Vec::new();
    if args.dev {
        demo_keys =
            demo::keys_for(&keys, args.accounts).map_err(io::Error::other).context("secrets")?;
    }
    let (mut stages, mut told) = venue_feed::open(config, &opened, stores, &registry)?;
    let with_tls = tls.is_some();
    let server =
        Server::new(listener, config.serve.clone(), keys, registry).with_tls(tls).with_admin(admin);
    if let Some(ouch) = &config.ouch {
        let (ouch, text) = venue_ouch::open(ouch, server.shares(), &demo_keys, &opened, stores)?;
        stages.push(ouch);
        told.push(text);
    }
    let (fix, fix_hints) = fix(args, config, &demo_keys, server.shares())?.unzip();
    let (binary, binary_hint) = binary(args, config, &opened, server.shares())?.unzip();
    stages.extend(fix.into_iter().chain(binary));
    let (running, mut models, handles) = start_with(opened, &pipeline, run, 1, stages)?;
    let mut handle = handles.into_iter().next().context("the venue has one gateway")?;
    if args.dev && models.checkpoint().sequence == 0 {
        demo::open_for(&mut handle, &mut models, args.accounts)?;
    }
    tell(&venue_hints::told(address, with_tls, &demo_keys))?;
    for text in told {
        tell(&text)?;
    }
    tell(&fix_hints.unwrap_or_default())?;
    tell(&binary_hint.map_or(String::new(), |at| venue_hints::binary(at, &demo_keys)))?;

    let status = running.status().clone();
    let shell = std::thread::Builder::new().name("tiercel-serve".to_owned()).spawn(move || {
        if let Some(cpu) = serve_cpu {
            pin_current_thread(cpu)?;
        }
        server.run(handle, models)
    })?;
    while !stop.asked() && status.health() == Health::Running && !shell.is_finished() {
        std::thread::sleep(NAP);
    }
    let ended = running.stop();
    let served = shell.join().map_err(|_| anyhow::anyhow!("thread tiercel-serve panicked"))?;
    let ended = ended?;
    served?;
    let left = Left { sequence: ended.sequence, digest: digest_text(ended.digest) };
    tell(&format!("{}\n", serde_json::to_string(&left)?))?;
    Ok(Exit::Ok)
}

/// FIX, if it is configured or the venue is one to try things on, and what is told of it.
fn fix(
    args: &VenueArgs,
    config: &VenueConfig,
    demo: &[DemoKey],
    shares: Shares,
) -> anyhow::Result<Option<(StagePlan, String)>> {
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let store = Some(config.store_path.join("fix"));
    let options = FixOptions { store, ..FixOptions::default() };
    let thread = StageThread::Own { cpu: None, wait: WaitKind::SpinPark };
    let trial = || FixConfig { address: free, options, thread };
    let asked = args.tries_all() || args.fix.is_some();
    let Some(mut fix) = config.fix.clone().or_else(|| asked.then(trial)) else { return Ok(None) };
    fix.address = args.fix.unwrap_or(fix.address);
    let sessions = &mut fix.options.sessions;
    for key in demo {
        let identity = Identity::new(&format!("DEV{}", key.account), &key.api_key);
        sessions.push(Identity { reset_on_logon: true, ..identity });
    }
    if args.fix_dictionary.is_some() {
        fix.options.dictionary.clone_from(&args.fix_dictionary);
    }
    let comp_id = fix.options.comp_id.clone();
    let listener = TcpListener::bind(fix.address).with_context(|| fix.address.to_string())?;
    let hints = venue_hints::fix(listener.local_addr()?, &comp_id, demo);
    let plan = Fix::new(fix.options)?.plan(listener, fix.thread, shares);
    Ok(Some((plan, hints)))
}

/// The binary protocol, if it is configured or the venue is one to try things on: its sessions, brought to
/// the end of the log, and where it is.
fn binary(
    args: &VenueArgs,
    config: &VenueConfig,
    opened: &Opened<FileStorage>,
    shares: Shares,
) -> anyhow::Result<Option<(StagePlan, SocketAddr)>> {
    let trial = || BinaryConfig {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        options: BinaryOptions::new(config.store_path.join("binary")),
        thread: StageThread::Own { cpu: None, wait: WaitKind::SpinPark },
    };
    let asked = args.tries_all() || args.binary.is_some();
    let configured = config.binary.clone().or_else(|| asked.then(trial));
    let Some(BinaryConfig { address, options, thread }) = configured else { return Ok(None) };
    let address = args.binary.unwrap_or(address);
    let listener = TcpListener::bind(address).with_context(|| address.to_string())?;
    let now = Timestamp(Clock::new().now_ns());
    let lines = Lines::open(options, now).context("the sessions of the binary protocol")?;
    let lines = recovery::recover(lines, opened, &StoreOptions::default(), now)
        .context("the sessions of the binary protocol")?;
    let address = listener.local_addr()?;
    Ok(Some((Binary { listener, lines, shares }.plan(thread), address)))
}

/// Starts to log to standard error.
fn log(config: &VenueConfig, registry: &Registry) -> anyhow::Result<Arc<Log>> {
    let LogConfig { levels, format } = config.log.clone();
    let log = Log::start(io::stderr(), &LogOptions { levels, format, ..LogOptions::default() });
    let log = Arc::new(log?);
    let dropped = Arc::downgrade(&log);
    let help = "Lines of the log that were dropped because too many waited.";
    registry.observe("log_lines_dropped", help, &[], move || {
        dropped.upgrade().map_or(0.0, |log| log.dropped() as f64)
    })?;
    Ok(log)
}

/// The admin address, with the token that it asks for.
fn administration(
    admin: &AdminConfig,
    config: &VenueConfig,
    log: &Arc<Log>,
) -> anyhow::Result<Admin> {
    let token = Token::read(&admin.token)?;
    let listener = TcpListener::bind(admin.address).with_context(|| admin.address.to_string())?;
    let log = Arc::clone(log);
    let set = move |levels: &str| log.set_levels(levels).map_err(|error| error.to_string());
    Ok(Admin::new(listener, token).with_log(config.log.levels.clone(), set))
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
        config.move_store(folder);
    }
    if args.memory {
        config.durability = Durability::Memory;
    }
    if let Some(commands) = args.snapshot_commands {
        let policy = config.snapshots.unwrap_or_default();
        config.snapshots = Some(SnapshotPolicy { commands: commands.max(1), ..policy });
    }
    if args.no_snapshots {
        config.snapshots = None;
    }
    args.feed.apply(&mut config, args.tries_all());
    venue_ouch::apply(&mut config, args.ouch, args.tries_all());
    let addresses = [
        ("address", "http", args.address),
        ("fix", "fix", args.fix),
        ("binary", "binary", args.binary),
        ("ouch", "ouch", args.ouch),
        ("itch", "itch", args.feed.itch),
        ("itch-requests", "itch", args.feed.itch_requests),
        ("market", "market", args.feed.market),
    ];
    for (name, table, address) in addresses {
        anyhow::ensure!(
            address.is_none_or(|address| address.ip().is_loopback()),
            "--{name} {} is one that other machines reach: set it in a configuration, with \
             {table}.allow_remote",
            address.map_or(String::new(), |address| address.to_string())
        );
    }
    config.address = args.address.unwrap_or(config.address);
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
    Ok(tell(&format!("{}\n", serde_json::to_string(&found)?))?)
}

/// Prints a text. A reader that is gone, as `head` is, has read what it wanted: the venue goes on.
fn tell(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        told => told,
    }
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
