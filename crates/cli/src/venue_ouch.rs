//! OUCH of `tiercel venue`: its start.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use tiercel_journal::FileStorage;
use tiercel_types::Timestamp;
use tiercel_venue::config::VenueConfig;
use tiercel_venue::demo::DemoKey;
use tiercel_venue::ouch::{OuchConfig, OuchIdentity, OuchOptions, User};
use tiercel_venue::ouch_door::OuchSessions;
use tiercel_venue::serve::Shares;
use tiercel_venue::stage::{StagePlan, StageThread};
use tiercel_venue::store::{Opened, StoreOptions};

/// What is said by arguments instead of in the configuration. A venue for trying things on has OUCH.
pub(crate) fn apply(config: &mut VenueConfig, address: Option<SocketAddr>, dev: bool) {
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let asked = address.or_else(|| dev.then_some(free));
    if config.ouch.is_none() {
        let store = Some(config.store_path.join("ouch"));
        config.ouch = asked.map(|address| OuchConfig {
            address,
            thread: StageThread::Own { cpu: None, wait: tiercel_sync::wait::WaitKind::default() },
            options: OuchOptions { store, ..OuchOptions::default() },
        });
    }
    if let (Some(ouch), Some(address)) = (&mut config.ouch, address) {
        ouch.address = address;
    }
}

/// Brings sessions to where the log is, and opens their socket. Returns what is told of it too.
///
/// # Errors
/// The system's, of files or sockets.
pub(crate) fn open(
    config: &OuchConfig,
    shares: Shares,
    demo: &[DemoKey],
    opened: &Opened<FileStorage>,
    stores: &StoreOptions,
) -> anyhow::Result<(StagePlan, String)> {
    let OuchConfig { address, thread, mut options } = config.clone();
    let mut text = String::new();
    for key in demo {
        let name = format!("DEV{}", key.account);
        let Some(user) = User::new(name.as_bytes()) else { continue };
        let api_key = key.api_key.clone();
        options.sessions.push(OuchIdentity { user, api_key, cancel_on_disconnect: false });
        let password: String = key.secret.chars().take(10).collect();
        // A text takes what is written to it.
        let _written = writeln!(text, "  user {name}, password {password}");
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
    let keys = shares.keys.clone();
    let sessions = OuchSessions::open(options, keys, opened, stores, now).context("OUCH")?;
    let listener = TcpListener::bind(address).with_context(|| address.to_string())?;
    let address = listener.local_addr()?;
    let plan = sessions.plan(listener, thread, shares);
    Ok((plan, format!("OUCH at {address}\n{text}")))
}
