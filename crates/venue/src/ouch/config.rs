//! Who may log on, and how OUCH is served.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::name::User;
use crate::stage::StageThread;

/// One who may log on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OuchIdentity {
    /// Its name, as its login says it.
    pub user: User,
    /// The API key, which says whose account it is and what it may do. The first ten characters of its
    /// secret are the password.
    pub api_key: String,
    /// What it entered ends with its connection.
    pub cancel_on_disconnect: bool,
}

/// How OUCH is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OuchOptions {
    /// Who may log on.
    pub sessions: Vec<OuchIdentity>,
    /// The folder of the sessions' files; `None`: what they were told ends with the process.
    pub store: Option<PathBuf>,
    /// Connections at once, logged on or not.
    pub connections_max: usize,
    /// How long a client may take nothing of what it is told.
    pub send_timeout: Duration,
}

impl Default for OuchOptions {
    fn default() -> Self {
        Self {
            sessions: Vec::new(),
            store: None,
            connections_max: 64,
            send_timeout: Duration::from_secs(10),
        }
    }
}

/// OUCH in a venue's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OuchConfig {
    /// Where it is served.
    pub address: SocketAddr,
    /// Where the stage runs.
    pub thread: StageThread,
    /// How.
    pub options: OuchOptions,
}
