//! The feed of `tiercel venue`: its arguments, and its start.

use std::net::{SocketAddr, TcpListener};

use anyhow::Context as _;
use clap::Args;
use tiercel_journal::FileStorage;
use tiercel_telemetry::Registry;
use tiercel_venue::config::VenueConfig;
use tiercel_venue::feed::{self, Addresses, FeedConfig};
use tiercel_venue::itch;
use tiercel_venue::stage::StagePlan;
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
}

impl FeedArgs {
    /// What is said here instead of in the configuration. A venue for trying things on has a feed.
    pub(crate) fn apply(&self, config: &mut VenueConfig, dev: bool) {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
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

/// Brings the feed to where the log is, and opens its sockets.
///
/// # Errors
/// The system's, of files or sockets.
pub(crate) fn open(
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
pub(crate) fn told(addresses: &Addresses) -> String {
    let Addresses { soup, requests } = addresses;
    let requests = requests.map_or(String::new(), |at| format!(", requests at {at}"));
    format!(
        "ITCH at {soup}{requests}\n  tiercel feed itch --soup {soup} --snapshot | tiercel decode itch -\n"
    )
}
