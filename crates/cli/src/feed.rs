//! `tiercel feed`: an outside client of a feed, which records what it hears.
//!
//! ```text
//!   SoupBinTCP  --> Client   --+
//!   GLIMPSE     --> Client   --+--> Record: messages behind their lengths, as files of ITCH are
//!   MoldUDP64   --> Receiver --+
//! ```
//!
//! Records of market data: [`feed_market`].

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use tiercel_net::Datagrams;
use tiercel_types::Timestamp;
use tiercel_wire::glimpse::Item;
use tiercel_wire::mold::{Delivery, Receiver};
use tiercel_wire::soup::{Client, Listener, SessionId};

use crate::exit::Exit;
use crate::feed_market::{self, MarketArgs};
use crate::stop::Stop;

/// How long a look at a quiet socket takes.
const LOOK: Duration = Duration::from_millis(5);
/// Between two tries to reach a venue that is gone.
const RETRY: Duration = Duration::from_millis(100);
/// The kernel's buffers of datagrams.
const BUFFER_BYTES: usize = 8 << 20;

/// Record a feed of market data
#[derive(Args, Debug)]
pub(crate) struct FeedArgs {
    #[command(subcommand)]
    kind: FeedKind,
}

#[derive(Subcommand, Debug)]
enum FeedKind {
    /// ITCH 5.0, as files that `tiercel replay` and `tiercel decode itch` read
    Itch(ItchArgs),
    /// Tiercel's own records, as `tiercel decode market` reads them
    Market(MarketArgs),
}

#[derive(Args, Debug)]
struct ItchArgs {
    /// Where it is served over `SoupBinTCP`
    #[arg(long, value_name = "ADDRESS", required_unless_present = "mold")]
    soup: Option<SocketAddr>,
    /// Where it comes by `MoldUDP64`: an address of this machine, or a group
    #[arg(long, value_name = "ADDRESS", conflicts_with = "soup", requires = "requests")]
    mold: Option<SocketAddr>,
    /// Where to ask for what was missed of it
    #[arg(long, value_name = "ADDRESS")]
    requests: Option<SocketAddr>,
    /// The interface by which a group comes
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    interface: Ipv4Addr,
    /// The message to begin with; 0: the next one
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    from: u64,
    /// Begin with a snapshot of how everything stands
    #[arg(long, conflicts_with_all = ["from", "mold"])]
    snapshot: bool,
    /// Where messages are written, each behind its length; `-`: standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// End after so many messages
    #[arg(long, value_name = "COUNT")]
    count: Option<u64>,
    /// End when nothing has come for so many seconds
    #[arg(long, value_name = "SECONDS")]
    idle: Option<u64>,
}

/// Records a feed until it ends, or is told to.
///
/// # Errors
/// When nothing can be written, or messages are lost for ever.
pub(crate) fn run(args: &FeedArgs) -> anyhow::Result<Exit> {
    let args = match &args.kind {
        FeedKind::Itch(args) => args,
        FeedKind::Market(args) => return feed_market::run(args),
    };
    let stop = Stop::listen()?;
    let mut record = Record::new(open(&args.output)?, args);
    match (args.mold, args.soup, args.requests) {
        (Some(mold), _, Some(requests)) => by_mold(args, mold, requests, &mut record, &stop)?,
        (_, Some(soup), _) => by_soup(args, soup, &mut record, &stop)?,
        // The arguments ask for one of both.
        _ => {}
    }
    record.finish()?;
    Ok(Exit::Ok)
}

/// Where what is heard is written.
pub(crate) fn open(output: &Path) -> anyhow::Result<BufWriter<Box<dyn Write>>> {
    let out: Box<dyn Write> = if output.as_os_str() == "-" {
        Box::new(io::stdout().lock())
    } else {
        Box::new(File::create(output).with_context(|| output.display().to_string())?)
    };
    Ok(BufWriter::new(out))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// What was heard, on its way to the file.
struct Record<W: Write> {
    out: W,
    messages: u64,
    count: u64,
    idle: Option<Duration>,
    last: Instant,
    is_on: bool,
    is_over: bool,
    /// The end of a snapshot: the message to go on with.
    goes_on: Option<u64>,
    rejected: Option<u8>,
    lost: Option<(u64, u64)>,
    failure: Option<io::Error>,
}

impl<W: Write> Record<W> {
    fn new(out: W, args: &ItchArgs) -> Self {
        Self {
            out,
            messages: 0,
            count: args.count.unwrap_or(u64::MAX),
            idle: args.idle.map(Duration::from_secs),
            last: Instant::now(),
            is_on: false,
            is_over: false,
            goes_on: None,
            rejected: None,
            lost: None,
            failure: None,
        }
    }

    fn take(&mut self, message: &[u8]) {
        if self.messages >= self.count {
            return;
        }
        // A message has a length of two bytes where it comes from.
        let length = (message.len() as u16).to_be_bytes();
        let written = self.out.write_all(&length).and_then(|()| self.out.write_all(message));
        if let Err(error) = written {
            self.failure.get_or_insert(error);
        }
        self.messages += 1;
        self.last = Instant::now();
    }

    /// Whether there is nothing more to do.
    fn is_done(&mut self, stop: &Stop) -> anyhow::Result<bool> {
        if let Some(error) = self.failure.take() {
            return Err(error.into());
        }
        if let Some((from, next)) = self.lost {
            anyhow::bail!("messages {from} to {} are not sent again", next - 1);
        }
        let is_idle = self.idle.is_some_and(|idle| self.last.elapsed() >= idle);
        Ok(stop.asked() || self.is_over || is_idle || self.messages >= self.count)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Write> Listener for Record<W> {
    fn on_logon(&mut self, session: SessionId, next: u64) {
        self.is_on = true;
        eprintln!("session {}, from message {next}", session.escape_ascii());
    }

    fn on_rejected(&mut self, reason: u8) {
        self.rejected = Some(reason);
    }

    fn on_message(&mut self, _: Option<u64>, message: &[u8]) {
        match Item::decode(message) {
            Ok(Item::End(next)) => self.goes_on = Some(next),
            _ => self.take(message),
        }
    }

    fn on_end_of_session(&mut self) {
        // That of a snapshot is where the feed begins.
        self.is_over = self.goes_on.is_none();
    }
}

/// Records over TCP; a venue that is gone is waited for.
fn by_soup<W: Write>(
    args: &ItchArgs,
    address: SocketAddr,
    record: &mut Record<W>,
    stop: &Stop,
) -> anyhow::Result<()> {
    let mut client = Client::new(b"feed", b"", args.from);
    let mut wants_snapshot = args.snapshot;
    while !record.is_done(stop)? {
        let Ok(stream) = TcpStream::connect(address) else {
            std::thread::sleep(RETRY);
            continue;
        };
        record.is_on = false;
        client.connected(now());
        if wants_snapshot {
            // The session is the last but the number of a login's fields.
            let output = client.output();
            let at = output.len() - 30;
            output[at..at + 10].copy_from_slice(b"GLIMPSE   ");
        }
        // Whatever ends a connection, the next one goes on where it was.
        let _ended = converse(&mut client, stream, record, stop);
        record.finish()?;
        if let Some(next) = record.goes_on.take() {
            wants_snapshot = false;
            client = Client::new(b"feed", b"", next);
        } else if let Some(reason) = record.rejected {
            anyhow::bail!("the login is rejected: {}", reason.escape_ascii());
        } else if !record.is_done(stop)? {
            std::thread::sleep(RETRY);
        }
    }
    Ok(())
}

/// One connection, until it ends.
fn converse<W: Write>(
    client: &mut Client,
    mut stream: TcpStream,
    record: &mut Record<W>,
    stop: &Stop,
) -> anyhow::Result<()> {
    stream.set_read_timeout(Some(LOOK))?;
    let (mut unread, mut chunk) = (Vec::new(), vec![0; 1 << 16]);
    while !client.wants_close() && !record.is_done(stop)? {
        stream.write_all(client.output())?;
        client.output().clear();
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => unread.extend_from_slice(&chunk[..count]),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                record.finish()?;
            }
            Err(error) => return Err(error.into()),
        }
        let taken = client.received(now(), &unread, record);
        unread.drain(..taken);
        client.tick(now());
    }
    client.closed(record);
    Ok(())
}

/// Records datagrams, and asks for what is missing.
fn by_mold<W: Write>(
    args: &ItchArgs,
    address: SocketAddr,
    requests: SocketAddr,
    record: &mut Record<W>,
    stop: &Stop,
) -> anyhow::Result<()> {
    let named = || address.to_string();
    let mut data = Datagrams::bind(address, BUFFER_BYTES).with_context(named)?;
    if let IpAddr::V4(group) = address.ip()
        && group.is_multicast()
    {
        data.join(group, args.interface).with_context(named)?;
    }
    let mut asking = Datagrams::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), BUFFER_BYTES)?;
    let mut receiver = Receiver::new(None, args.from);
    while !record.is_done(stop)? && !receiver.is_over() {
        let mut came = false;
        let mut take = |delivery: Delivery<'_>| match delivery {
            Delivery::Message { bytes, .. } => record.take(bytes),
            Delivery::Lost { from, next } => record.lost = Some((from, next)),
        };
        for socket in [&mut data, &mut asking] {
            while let Some((bytes, _)) = socket.receive()? {
                came = true;
                if let Err(error) = receiver.received(bytes, &mut take) {
                    eprintln!("a datagram that is none: {error}");
                }
            }
        }
        if let Some(request) = receiver.poll(now(), &mut take) {
            asking.send(&request.encode(), requests);
        }
        if !came {
            record.finish()?;
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(())
}
