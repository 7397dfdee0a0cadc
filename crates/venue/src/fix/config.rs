//! Who may log on, and as whom.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tiercel_wire::fix::session::Schedule;

use crate::stage::StageThread;

/// The venue's `CompID`, unless it is told another.
pub const COMP_ID: &str = "TIERCEL";

/// How FIX is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixOptions {
    /// The venue's `CompID`.
    pub comp_id: String,
    /// Who may log on.
    pub sessions: Vec<Identity>,
    /// The folder of the sessions' files; `None`: their numbers end with the process.
    pub store: Option<PathBuf>,
    /// Connections at once, logged on or not.
    pub connections_max: usize,
    /// How long the first message of a connection may take, and a TLS handshake.
    pub logon_timeout: Duration,
    /// Bytes that may wait for a client; one that reads so slowly is cut off.
    pub unsent_bytes_max: usize,
    /// A dictionary in `QuickFIX`'s XML, in place of the one that is built in.
    pub dictionary: Option<PathBuf>,
}

impl Default for FixOptions {
    fn default() -> Self {
        Self {
            comp_id: COMP_ID.to_owned(),
            sessions: Vec::new(),
            store: None,
            connections_max: 256,
            logon_timeout: Duration::from_secs(5),
            unsent_bytes_max: 8 << 20,
            dictionary: None,
        }
    }
}

/// One who may log on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its `SenderCompID`.
    pub comp_id: String,
    /// The API key, which says whose account it is and what it may do. Its secret is the password.
    pub api_key: String,
    /// Both sides begin with 1 at each logon.
    pub reset_on_logon: bool,
    /// And after each logout.
    pub reset_on_logout: bool,
    /// And whenever the connection ends.
    pub reset_on_disconnect: bool,
    /// When the session is open; `None`: always.
    pub schedule: Option<Schedule>,
}

impl Identity {
    /// One whose numbers go on for ever.
    pub fn new(comp_id: &str, api_key: &str) -> Self {
        Self {
            comp_id: comp_id.to_owned(),
            api_key: api_key.to_owned(),
            reset_on_logon: false,
            reset_on_logout: false,
            reset_on_disconnect: false,
            schedule: None,
        }
    }
}

/// FIX in a venue's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixConfig {
    /// Where it is served.
    pub address: SocketAddr,
    /// How.
    pub options: FixOptions,
    /// On which thread.
    pub thread: StageThread,
}
