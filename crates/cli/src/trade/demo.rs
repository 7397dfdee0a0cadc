//! A venue, participants and a trader on this machine.
//!
//! ```text
//!   tiercel venue --dev (a process of its own, its log on the disk)
//!     ^  |  account 1: a market maker, on the thread that the table is about
//!     |  v  account 2: a ladder of orders that follows a price      account 3: takes what is best
//! ```
//!
//! All three are traders as `tiercel trade` runs them, over loopback TCP.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tiercel_sim::crowd;
use tiercel_trader::config::TraderConfig;
use tiercel_trader::hot::Control;
use tiercel_trader::setup;

use super::running::Running;
use super::{Asked, TradeArgs, watch};
use crate::exit::Exit;
use crate::messages;

/// How long the venue may take to say where it is.
const START: Duration = Duration::from_secs(30);
/// How long it may take to end.
const END: Duration = Duration::from_secs(10);
/// Where the crowd's prices begin, its half-spread in ticks, and its orders' quantity.
const PRICE: &str = "60000";
const HALF_SPREAD: i64 = 40;
const QTY: &str = "0.01";
const SEED: u64 = 1;

/// A folder that goes with the demo.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("tiercel-demo-{}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// Writes a file that nobody but its owner may see.
    fn file(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        use std::io::Write as _;
        let path = self.0.join(name);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).open(&path)?.write_all(text.as_bytes())?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of it is in the system's folder for such files.
        let _removed = std::fs::remove_dir_all(&self.0);
    }
}

/// A venue that runs beside, and what it said of itself.
struct Venue {
    child: Child,
    rest: String,
    market: String,
    orders: String,
    /// Keys and secrets, by account from 1.
    keys: Vec<(String, String)>,
}

impl Venue {
    fn start(folder: &Folder) -> anyhow::Result<Self> {
        let store = folder.0.join("venue");
        let text = format!(
            "[store]\npath = \"{}\"\n[http]\naddress = \"127.0.0.1:0\"\n\
             [binary]\naddress = \"127.0.0.1:0\"\n[market]\naddress = \"127.0.0.1:0\"\n\
             [limits]\norders_10s = 1000000\norders_1d = 1000000000\n[log]\nlevels = \"warn\"\n",
            store.display()
        );
        let config = folder.file("venue.toml", &text)?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["venue", "--dev", "--accounts", "3", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().context("the venue has no output")?;
        let mut venue = Self {
            child,
            rest: String::new(),
            market: String::new(),
            orders: String::new(),
            keys: Vec::new(),
        };
        let (lines, heard) = channel();
        // It reads until the venue's end, so that the venue can always write.
        std::thread::Builder::new().name("venue-output".to_owned()).spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                // Nobody wants to hear more.
                let _told = lines.send(line);
            }
        })?;
        let end = Instant::now() + START;
        let mut key = String::new();
        while !venue.is_known() {
            let line = match heard.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => bail!("the venue does not say where it is"),
                Err(RecvTimeoutError::Disconnected) => bail!("the venue ended"),
            };
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["venue", "at", address] => address.clone_into(&mut venue.rest),
                ["api_key", text] => text.clone_into(&mut key),
                ["secret", text] => venue.keys.push((std::mem::take(&mut key), text.to_owned())),
                ["binary", "protocol", "at", address, ..] => address.clone_into(&mut venue.orders),
                ["Market", "data", "at", address, ..] => address.clone_into(&mut venue.market),
                _ => {}
            }
        }
        Ok(venue)
    }

    const fn is_known(&self) -> bool {
        !self.rest.is_empty()
            && !self.orders.is_empty()
            && !self.market.is_empty()
            && self.keys.len() >= 3
    }

    /// The configuration of a trader of account `account`, from 1.
    fn trader(
        &self,
        folder: &Folder,
        account: usize,
        strategy: &str,
        limits: &str,
    ) -> anyhow::Result<TraderConfig> {
        let (key, secret) =
            self.keys.get(account - 1).context("the venue has not as many accounts")?;
        let secret = folder.file(&format!("secret-{account}"), secret)?;
        let text = config(self, key, &secret, &folder.0, account, strategy, limits);
        Ok(text.parse()?)
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        // Asked first, so that its store is closed; then made to.
        let id = self.child.id().cast_signed();
        if let Some(id) = rustix::process::Pid::from_raw(id) {
            let _asked = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let end = Instant::now() + END;
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

fn config(
    venue: &Venue,
    key: &str,
    secret: &Path,
    folder: &Path,
    account: usize,
    strategy: &str,
    limits: &str,
) -> String {
    let Venue { rest, market, orders, .. } = venue;
    format!(
        "[trader]\nnumber = {account}\nstore = \"{}\"\n[strategy]\n{strategy}\n\
         [[venue]]\nname = \"desk\"\nkind = \"tiercel\"\nrest = \"{rest}\"\nmarket = \"{market}\"\n\
         orders = \"{orders}\"\nkey = \"{key}\"\nsecret_file = \"{}\"\n\
         [[instrument]]\nvenue = \"desk\"\nsymbol = \"BTCUSDT\"\nqty_max = \"1\"\n\
         notional_max = \"100000\"\nposition_max = \"5\"\nopen_orders_max = 32\n{limits}\n\
         [risk]\nrate_max = 5000\nloss_reducing = \"100000\"\nloss_halting = \"200000\"\n\
         drawdown_reducing = \"100000\"\ndrawdown_halting = \"200000\"\n",
        folder.join(format!("trader-{account}")).display(),
        secret.display(),
    )
}

/// The maker's parameters: it has seen enough of a market after some seconds.
const MAKER: &str = "name = \"market_maker\"\nqty = \"0.05\"\ninventory_max = \"1\"\n\
                     volatility_interval_ns = 100000000\nvolatility_samples = 100\n\
                     vpin_bucket_qty = \"2\"\nhysteresis_ticks = 1";
/// Who begins a market has no price to compare with, and runs away from no one.
const FREE: &str = "touch_collar_bps = 4294967295\ntrade_collar_bps = 10000";

/// Runs the demo.
pub(super) fn run(args: &TradeArgs, asked: &Asked) -> anyhow::Result<Exit> {
    let folder = Folder::new()?;
    messages::say("starting a venue, participants and a trader on this machine");
    let venue = Venue::start(&folder)?;
    let (price, qty) = (PRICE.parse()?, QTY.parse()?);
    let maker = venue.trader(&folder, 2, "name = \"crowd_maker\"", FREE)?;
    let mut maker = Running::start(
        &maker,
        |terms| Ok(Box::new(crowd::Maker::new(terms[0], SEED, price, HALF_SPREAD, qty))),
        &silent,
    )?;
    maker.begin()?;
    let taker = venue.trader(&folder, 3, "name = \"crowd_taker\"", FREE)?;
    let mut taker = Running::start(
        &taker,
        |terms| Ok(Box::new(crowd::Taker::new(terms[0], SEED + 1, qty))),
        &silent,
    )?;
    taker.begin()?;
    let config = venue.trader(&folder, 1, MAKER, "")?;
    let running = Running::start(&config, setup::strategy_of(&config), &silent)?;
    let exit = watch(args, asked, running)?;
    for crowd in [taker, maker] {
        crowd.control(Control::Stop);
        crowd.end()?;
    }
    Ok(exit)
}

/// The crowd's connections are nobody's business.
const fn silent(_: &str) {}
