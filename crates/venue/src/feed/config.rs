//! How the feed is served.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tiercel_wire::mold::MTU_DEFAULT;

use crate::stage::StageThread;

/// How the feed is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedOptions {
    /// Where datagrams go: single receivers, and groups.
    pub targets: Vec<SocketAddr>,
    /// The interface by which they go to groups.
    pub interface: Ipv4Addr,
    /// Networks that they cross at most; 0: they stay on this machine.
    pub hops: u32,
    /// Where what is missing is asked for; `None`: nowhere.
    pub requests: Option<SocketAddr>,
    /// Bytes of a datagram at most.
    pub mtu: usize,
    /// Connections of `SoupBinTCP` at once.
    pub connections_max: usize,
    /// How long a reader may take nothing.
    pub send_timeout: Duration,
}

impl Default for FeedOptions {
    fn default() -> Self {
        Self {
            targets: Vec::new(),
            interface: Ipv4Addr::LOCALHOST,
            hops: 0,
            requests: None,
            mtu: MTU_DEFAULT,
            connections_max: 256,
            send_timeout: Duration::from_secs(10),
        }
    }
}

/// The feed in a venue's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedConfig {
    /// Where `SoupBinTCP` is served.
    pub address: SocketAddr,
    /// The archive's folder.
    pub store: PathBuf,
    /// Sessions that are kept, with the one that is on.
    pub sessions_kept: usize,
    /// Where the stage runs.
    pub thread: StageThread,
    /// How it is served.
    pub options: FeedOptions,
}
