//! `tiercel fix-client`: a FIX 4.4 session by hand, or by a script. The session itself (logon, numbers,
//! heartbeats, resends, reconnecting) is kept by the program.
//!
//! ```text
//!   standard input                        standard output
//!   35=D|11=a|55=BTCUSDT|...              # logged on, # logged out, # connected, # disconnected
//!   /drop   ends the connection           < 35=8|34=2|...|      what came, but for session messages
//!   /logout says goodbye, and ends        > 35=D|11=a|...|      what was sent
//! ```

use std::io::{self, BufRead, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use clap::Args;
use tiercel_net::fix::{Backoff, Initiator, Outbox, Responder};
use tiercel_net::session_store::{FileStore, SessionStore};
use tiercel_net::tls::ClientTls;
use tiercel_types::Timestamp;
use tiercel_venue::secret;
use tiercel_wire::fix::Message;
use tiercel_wire::fix::dictionary::Dictionary;
use tiercel_wire::fix::session::{
    Application, BusinessReject, MemoryStore, Role, SessionConfig, Store,
};
use tiercel_wire::fix::tag::{self, Tag};
use tiercel_wire::fix::value::TimeWriter;

use crate::exit::Exit;
use crate::stop::Stop;

/// Speak FIX 4.4 to a venue: a line in is a message out, a message in is a line out
#[derive(Args, Debug)]
pub(crate) struct FixClientArgs {
    /// Where the acceptor is: host and port
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// Who we are: `SenderCompID`
    #[arg(long, value_name = "ID")]
    sender: String,
    /// Who they are: `TargetCompID`
    #[arg(long, default_value = "TIERCEL", value_name = "ID")]
    target: String,
    /// `Username` (553) of the logon: of a venue's session, its API key
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// The file of `Password` (554) of the logon, the key's secret; without it, what
    /// `TIERCEL_FIX_PASSWORD` in the environment says
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Seconds of silence behind which both sides give a sign of life
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    heartbeat: u32,
    /// Both sides begin with number 1 at each logon
    #[arg(long)]
    reset: bool,
    /// Where numbers and messages are kept from one run to the next; without it each run begins with 1
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// A dictionary in `QuickFIX`'s XML, in place of the built-in one
    #[arg(long, value_name = "FILE")]
    dictionary: Option<PathBuf>,
    /// TLS 1.3, with an acceptor whose certificate one of this file's (PEM) has signed
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// The name that the acceptor's certificate is for; without it the address's host
    #[arg(long, value_name = "NAME", requires = "tls_ca")]
    tls_name: Option<String>,
    /// Our own certificate and those above it (PEM), for an acceptor that asks for one
    #[arg(long, value_name = "FILE", requires_all = ["tls_ca", "tls_key"])]
    tls_certificate: Option<PathBuf>,
    /// Its private key (PEM): a file that nobody but its owner may see
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
}

/// The longest sleep while lines may come.
const NAP: Duration = Duration::from_millis(2);
/// How soon a lost connection is followed by the next: a person waits.
const BACKOFF: Backoff =
    Backoff { shortest: Duration::from_millis(100), longest: Duration::from_secs(2) };

/// The time, by the system's clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Prints what comes.
#[derive(Default)]
struct Printer {
    /// What could not be printed ends the program.
    failure: Option<io::Error>,
}

impl Printer {
    fn print(&mut self, line: std::fmt::Arguments<'_>) {
        let mut out = io::stdout().lock();
        if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
            self.failure.get_or_insert(error);
        }
    }
}

impl Application for Printer {
    fn on_logon(&mut self) {
        self.print(format_args!("# logged on"));
    }

    fn on_message(&mut self, message: &Message<'_>) -> Result<(), BusinessReject> {
        let field = |(tag, value): (Tag, &[u8])| format!("{tag}={}|", value.escape_ascii());
        let text: String = message.iter().map(field).collect();
        self.print(format_args!("< {text}"));
        Ok(())
    }

    fn on_logout(&mut self) {
        self.print(format_args!("# logged out"));
    }
}

impl<S> Responder<S> for Printer {}

/// A message's type, and the fields of its body.
type Typed = (Vec<u8>, Vec<(Tag, String)>);

/// The message of a line.
fn parse(line: &str) -> anyhow::Result<Typed> {
    let mut fields = Vec::new();
    for field in line.split('|').filter(|field| !field.is_empty()) {
        let Some((tag, value)) = field.split_once('=') else { bail!("{field:?} is no TAG=VALUE") };
        let tag = Tag(tag.parse().with_context(|| format!("{tag:?} is no tag"))?);
        // The time, where a script cannot know it.
        let value = if value == "now" {
            String::from_utf8_lossy(TimeWriter::default().write(now())).into_owned()
        } else {
            value.to_owned()
        };
        fields.push((tag, value));
    }
    match fields.first() {
        Some((tag::MSG_TYPE, kind)) => Ok((kind.clone().into_bytes(), fields.split_off(1))),
        _ => bail!("a line begins with 35=TYPE"),
    }
}

fn address(text: &str) -> anyhow::Result<SocketAddr> {
    let mut found = text.to_socket_addrs().with_context(|| format!("the address {text}"))?;
    found.next().with_context(|| format!("the address {text} is nobody's"))
}

fn tls(args: &FixClientArgs) -> anyhow::Result<Option<ClientTls>> {
    let Some(authorities) = &args.tls_ca else { return Ok(None) };
    let host = || args.address.rsplit_once(':').map_or(&*args.address, |(host, _)| host);
    let name = args.tls_name.as_deref().unwrap_or_else(host);
    let key = args.tls_key.as_deref().map(secret::read).transpose()?;
    let identity = args.tls_certificate.as_deref().zip(key.as_deref());
    Ok(Some(ClientTls::new(authorities, name.trim_matches(['[', ']']), identity)?))
}

fn config(args: &FixClientArgs) -> anyhow::Result<SessionConfig> {
    let role = Role::Initiator { heartbeat_interval_s: args.heartbeat };
    let mut config = SessionConfig::new(args.sender.as_bytes(), args.target.as_bytes(), role);
    config.reset_on_logon = args.reset;
    let password = match &args.password_file {
        None => std::env::var("TIERCEL_FIX_PASSWORD").ok(),
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("the password's file {}", file.display()))?;
            Some(text.trim_end().to_owned())
        }
    };
    for (tag, value) in [(tag::USERNAME, &args.username), (tag::PASSWORD, &password)] {
        config.logon_fields.extend(value.iter().map(|value| (tag, value.as_bytes().into())));
    }
    if let Some(file) = &args.dictionary {
        let named = || format!("the dictionary {}", file.display());
        let text = std::fs::read_to_string(file).with_context(named)?;
        config.dictionary = Arc::new(Dictionary::from_xml(&text).with_context(named)?);
    }
    Ok(config)
}

/// Speaks until the input ends, `/logout`, or Ctrl-C: then it logs out.
///
/// # Errors
/// When the address, the dictionary or the store are none, or nobody reads what is printed.
pub(crate) fn run(args: &FixClientArgs) -> anyhow::Result<Exit> {
    let store = match &args.store {
        None => SessionStore::Memory(MemoryStore::new(now())),
        Some(path) => SessionStore::File(FileStore::open(path, now())?),
    };
    let client = Initiator::new(address(&args.address)?, config(args)?, store, BACKOFF)
        .with_tls(tls(args).context("TLS")?);
    let (lines, input) = channel();
    // It ends with the program: nothing wakes a thread that reads a terminal.
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    speak(client, &input, &Stop::listen()?)
}

fn speak(
    mut client: Initiator<SessionStore>,
    input: &Receiver<String>,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let mut printer = Printer::default();
    let mut leaves = false;
    while !client.is_over() {
        let mut worked = client.poll(now(), &mut printer);
        if let Some(failure) = printer.failure.take() {
            return Err(failure.into());
        }
        if let Some(failure) = client.take_failure() {
            printer.print(format_args!("# disconnected: {failure}"));
        }
        if let Some(failure) = client.store().failure() {
            bail!("the store: {failure}");
        }
        let line = match input.try_recv() {
            Ok(line) => Some(line),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some("/logout".to_owned()).filter(|_| !leaves),
        };
        if let Some(line) = line {
            worked = true;
            leaves |= line == "/logout";
            act(&mut client, &line, &mut printer);
        }
        if stop.asked() && !leaves {
            leaves = true;
            client.log_out(now(), "");
        }
        if !worked {
            client.wait(NAP)?;
        }
    }
    Ok(Exit::Ok)
}

fn act(client: &mut Initiator<SessionStore>, line: &str, printer: &mut Printer) {
    match line.trim() {
        "" => {}
        "/logout" => client.log_out(now(), ""),
        "/drop" => client.drop_connection(now(), printer),
        line => match parse(line) {
            Ok((message_type, fields)) => {
                send(&mut client.outbox(now()), &message_type, &fields);
                printer.print(format_args!("> {line}"));
            }
            Err(error) => printer.print(format_args!("# {error:#}")),
        },
    }
}

fn send<S: Store>(outbox: &mut Outbox<'_, S>, message_type: &[u8], fields: &[(Tag, String)]) {
    outbox.send(message_type, |encoder| {
        for (tag, value) in fields {
            encoder.raw(*tag, value.as_bytes());
        }
    });
}
