//! How the binary protocol is served.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::stage::StageThread;

/// What moves a gateway's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReactorKind {
    /// Sockets that are looked at again and again ([`tiercel_net::Busy`]).
    #[default]
    Busy,
    /// Receives that stay in the kernel ([`tiercel_net::Uring`]).
    IoUring,
}

/// How the binary protocol is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BinaryOptions {
    /// The folder of the sessions' files.
    pub store: PathBuf,
    /// Records of answers that a session keeps to send again.
    pub answers_kept: usize,
    /// Connections at once, logged on or not.
    pub connections_max: usize,
    /// Of them, those of one address that are not logged on.
    pub logins_per_address: usize,
    /// How long a login may take.
    pub login_timeout: Duration,
    /// How long a client may take nothing of what waits for it.
    pub send_timeout: Duration,
    /// What moves its bytes.
    pub reactor: ReactorKind,
}

impl BinaryOptions {
    /// With its files in `store`.
    pub fn new(store: PathBuf) -> Self {
        Self {
            store,
            answers_kept: 65_536,
            connections_max: 256,
            logins_per_address: 32,
            login_timeout: Duration::from_secs(5),
            send_timeout: Duration::from_secs(10),
            reactor: ReactorKind::Busy,
        }
    }
}

/// The binary protocol in a venue's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BinaryConfig {
    /// Where it is served.
    pub address: SocketAddr,
    /// How.
    pub options: BinaryOptions,
    /// Where it runs.
    pub thread: StageThread,
}
