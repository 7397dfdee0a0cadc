//! Market data of `tiercel venue`, as ITCH and as records: arguments, and starts.

use std::net::{SocketAddr, TcpListener};

use anyhow::Context as _;
use clap::Args;
use tiercel_journal::FileStorage;
use tiercel_sync::wait::WaitKind;
use tiercel_telemetry::Registry;
use tiercel_venue::config::VenueConfig;
use tiercel_venue::feed::{self, Addresses, FeedConfig};
use tiercel_venue::itch;
use tiercel_venue::market::{self, MarketConfig, MarketOptions};
use tiercel_venue::stage::{StagePlan, StageThread};
use tiercel_venue::store::{Opened, StoreOptions};

/// Where market data goes.
#[derive(Args, Debug)]
pub(crate) struct FeedArgs {
    /// Where ITCH 5.0 is served over `SoupBinTCP`, instead of the configuration's; port 0: any that is free
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) itch: Option<SocketAddr>,
    /// Where ITCH goes by `MoldUDP64` too: a receiver or a group; can be given several times
    #[arg(long, value_name = "ADDRESS", requires = "itch")]
    itch_mold: Vec<SocketAddr>,
    /// Where receivers of it ask for what they missed; port 0: any that is free
    #[arg(long, value_name = "ADDRESS", requires = "itch")]
    pub(crate) itch_requests: Option<SocketAddr>,
    /// Where books and trades are served as records of 64 bytes, instead of the configuration's; port 0: any
    /// that is free
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) market: Option<SocketAddr>,
}

impl FeedArgs {
    /// What is said here instead of in the configuration. A venue for trying things on has both.
    pub(crate) fn apply(&self, config: &mut VenueConfig, dev: bool) {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        if let Some(market) = &mut config.market {
            market.address = self.market.unwrap_or(market.address);
        } else if let Some(address) = self.market.or_else(|| dev.then_some(free)) {
            let thread = StageThread::Own { cpu: None, wait: WaitKind::default() };
            let options = MarketOptions::default();
            config.market = Some(MarketConfig { address, thread, options });
        }
        let address = self.itch.or_else(|| dev.then_some(free));
        let store = config.store_path.clone();
        if config.itch.is_none() {
            config.itch = address.map(|address| FeedConfig::new(address, &store));
        }
        let Some(feed) = &mut config.itch else { return };
        feed.address = self.itch.unwrap_or(feed.address);
        feed.options.targets.extend(&self.itch_mold);
        feed.options.requests = self.itch_requests.or(feed.options.requests);
    }
}

/// Opens what is configured. Returns what is told of it too.
///
/// # Errors
/// The system's, of files or sockets.
pub(crate) fn open(
    config: &VenueConfig,
    opened: &Opened<FileStorage>,
    stores: &StoreOptions,
    registry: &Registry,
) -> anyhow::Result<(Vec<StagePlan>, Vec<String>)> {
    let itch = config.itch.as_ref().map(|feed| {
        let (plan, addresses) = open_itch(feed, opened, stores, registry)?;
        anyhow::Ok((plan, told(&addresses)))
    });
    let market = config.market.as_ref().map(|market| open_market(market, registry));
    itch.into_iter().chain(market).collect()
}

/// Brings the feed to where the log is, and opens its sockets.
fn open_itch(
    config: &FeedConfig,
    opened: &Opened<FileStorage>,
    stores: &StoreOptions,
    registry: &Registry,
) -> anyhow::Result<(StagePlan, Addresses)> {
    let FeedConfig { address, store, sessions_kept, thread, options } = config.clone();
    let feed = itch::open(&store, sessions_kept, opened, stores)
        .with_context(|| format!("ITCH: {}", store.display()))?;
    let listener = TcpListener::bind(address).with_context(|| address.to_string())?;
    let (build, addresses) = feed::stage(feed, listener, options, registry).context("ITCH")?;
    Ok((StagePlan { name: "tiercel-itch", thread, build }, addresses))
}

/// Where the feed is.
fn told(addresses: &Addresses) -> String {
    let Addresses { soup, requests } = addresses;
    let requests = requests.map_or(String::new(), |at| format!(", requests at {at}"));
    format!(
        "ITCH at {soup}{requests}\n  tiercel feed itch --soup {soup} --snapshot | tiercel decode itch -\n"
    )
}

/// Opens the socket of market data as records.
fn open_market(config: &MarketConfig, registry: &Registry) -> anyhow::Result<(StagePlan, String)> {
    let MarketConfig { address, thread, options } = *config;
    let listener = TcpListener::bind(address).with_context(|| address.to_string())?;
    let (build, address) = market::stage(listener, options, registry).context("market data")?;
    let plan = StagePlan { name: "tiercel-market", thread, build };
    let told = format!(
        "Market data at {address}\n  tiercel feed market --address {address} | tiercel decode market -\n"
    );
    Ok((plan, told))
}
