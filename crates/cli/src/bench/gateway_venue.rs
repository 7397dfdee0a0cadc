//! `tiercel venue` as a process that a bench starts, finds and ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tiercel_types::{AccountId, Timestamp};
use tiercel_wire::binary::session::{Application, Credentials, Role, Session, Signature};
use tiercel_wire::binary::{Fault, Group, LoginAccepted, LoginRefusal, SignatureScheme};
use tiercel_wire::store::MemoryStore;

use super::BenchError;
use super::journal::{Place, wrong};

/// How the venue is started.
pub(super) enum Setting {
    /// Commands count as acknowledged in memory.
    Memory,
    /// Commands are on the disk before anything is told.
    Disk,
    /// As in memory, and it is FIX that runs on the core's thread.
    Fix,
}

/// A venue with the demo market, one of its gateways on its core's thread.
pub(super) struct Venue {
    child: Child,
    binary: SocketAddr,
    pub(super) fix: SocketAddr,
    /// The first account's.
    pub(super) key: String,
    pub(super) secret: String,
    _place: Place,
}

/// A connection that is logged on, and where both sides are.
pub(super) struct Login {
    pub(super) stream: TcpStream,
    pub(super) unread: Vec<u8>,
    pub(super) account: AccountId,
    pub(super) next_request: u64,
    pub(super) next_answer: u64,
}

/// The program that has `venue`: this one, or the one beside it.
fn program() -> Result<PathBuf, BenchError> {
    let this = std::env::current_exe()?;
    let beside = this.with_file_name("tiercel");
    if beside.exists() {
        return Ok(beside);
    }
    Err(BenchError::NotAvailable("there is no `tiercel` beside this program"))
}

impl Venue {
    pub(super) fn start(cpu: usize, name: &str, setting: &Setting) -> Result<Self, BenchError> {
        let place = Place::new(name)?;
        let path = place.emptied()?.to_owned();
        // A thread of the kernel's tells of a durable write's end: it gets the core when it wants it.
        let (durability, gateway, wait) = match setting {
            Setting::Memory => ("memory", "binary", "busy-spin"),
            Setting::Disk => ("disk", "binary", "spin-yield"),
            Setting::Fix => ("memory", "fix", "busy-spin"),
        };
        let config = path.join("venue.toml");
        let text = format!(
            "[store]\npath = \"{}\"\ndurability = \"{durability}\"\n[http]\naddress = \"127.0.0.1:0\"\n\
             [{gateway}]\naddress = \"127.0.0.1:0\"\nthread = \"core\"\n\
             [threads]\nwait = \"{wait}\"\ncore_cpu = {cpu}\npatience_us = 20000\n\
             [limits]\norders_10s = 1000000000\norders_1d = 1000000000\n[log]\nlevels = \"warn\"\n",
            path.join("store").display()
        );
        std::fs::write(&config, text)?;
        // Its own threads are not where this one is pinned to.
        let mut child = Command::new("taskset")
            .args(["--cpu-list", "0-4095"])
            .arg(program()?)
            .args(["venue", "--dev", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().ok_or_else(|| wrong(&"no output"))?;
        let mut venue = Self {
            child,
            binary: SocketAddr::from(([0; 4], 0)),
            fix: SocketAddr::from(([0; 4], 0)),
            key: String::new(),
            secret: String::new(),
            _place: place,
        };
        for line in BufReader::new(out).lines() {
            let line = line?;
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some("api_key"), Some(key)) if venue.key.is_empty() => {
                    key.clone_into(&mut venue.key);
                }
                (Some("secret"), Some(secret)) if venue.secret.is_empty() => {
                    secret.clone_into(&mut venue.secret);
                }
                (Some("FIX"), Some("4.4")) => {
                    let at = words.nth(1).ok_or_else(|| wrong(&line))?;
                    venue.fix = at.trim_end_matches(',').parse().map_err(|error| wrong(&error))?;
                    return Ok(venue);
                }
                (Some("binary"), Some("protocol")) => {
                    let at = words.nth(1).ok_or_else(|| wrong(&line))?;
                    venue.binary = at.parse().map_err(|error| wrong(&error))?;
                    return Ok(venue);
                }
                _ => {}
            }
        }
        Err(wrong(&"the venue did not say where it is"))
    }

    /// Bytes of memory that it uses.
    pub(super) fn resident_bytes(&self) -> Result<u64, BenchError> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        number.map(|kilobytes| kilobytes << 10).ok_or_else(|| wrong(&"no VmRSS"))
    }

    /// Ends it.
    pub(super) fn stop(mut self) -> Result<(), BenchError> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// A connection of the first account, logged on.
    pub(super) fn log_on(&self) -> Result<Login, BenchError> {
        let mut stream = TcpStream::connect(self.binary)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let credentials = Credentials {
            key: self.key.as_bytes().into(),
            scheme: SignatureScheme::HmacSha256,
            heartbeat_ms: 60_000,
            cancel_on_disconnect: false,
            resend_requests: false,
            from_now: true,
        };
        let mut session = Session::new(Role::Initiator(credentials));
        let mut store = MemoryStore::new(Timestamp(0));
        let mut knocking = Knocking { secret: &self.secret, accepted: None, refused: None };
        let now = now();
        session.connected(now, [7; 32]);
        let (mut unread, mut chunk) = (Vec::new(), [0; 4_096]);
        loop {
            stream.write_all(session.output())?;
            session.output().clear();
            if let Some(reason) = knocking.refused {
                return Err(wrong(&format!("the login was refused: {reason}")));
            }
            if let Some(accepted) = knocking.accepted {
                return Ok(Login {
                    stream,
                    unread,
                    account: accepted.account,
                    next_request: accepted.next_incoming,
                    next_answer: accepted.next_outgoing,
                });
            }
            let count = stream.read(&mut chunk)?;
            if count == 0 {
                return Err(wrong(&"the venue closed the connection"));
            }
            unread.extend_from_slice(&chunk[..count]);
            let taken = session.received(now, &unread, &mut store, &mut knocking);
            unread.drain(..taken);
        }
    }
}

/// The time, by the system's clock.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_nanos() as u64)
}

impl Drop for Venue {
    fn drop(&mut self) {
        // It may have been ended already.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Logs on, and hears nothing more.
struct Knocking<'s> {
    secret: &'s str,
    accepted: Option<LoginAccepted>,
    refused: Option<LoginRefusal>,
}

impl Application for Knocking<'_> {
    fn sign(&mut self, transcript: &[u8]) -> Signature {
        let mut signature = [0; 64];
        // Keys of any length are fine for HMAC: an error cannot come.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()) {
            mac.update(transcript);
            signature[..32].copy_from_slice(&mac.finalize().into_bytes());
        }
        signature
    }

    fn on_logon(&mut self, accepted: &LoginAccepted) {
        self.accepted = Some(*accepted);
    }

    fn on_refused(&mut self, reason: LoginRefusal) {
        self.refused = Some(reason);
    }

    fn on_message(&mut self, _: &Group<'_>) -> Result<(), Fault> {
        Ok(())
    }
}
