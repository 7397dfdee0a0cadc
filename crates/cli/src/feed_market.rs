//! `tiercel feed market`: an outside client of market data, which records what it hears.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use tiercel_types::{InstrumentId, Symbol};
use tiercel_wire::binary::Text;
use tiercel_wire::market::{self, Body, PROTOCOL, RECORD_SIZE, Subscribe, VERSION};

use crate::exit::Exit;
use crate::feed;
use crate::stop::Stop;

/// How long a look at a quiet socket takes.
const LOOK: Duration = Duration::from_millis(5);
/// Between two tries to reach a venue that is gone.
const RETRY: Duration = Duration::from_millis(100);
/// Bytes of a read.
const CHUNK: usize = 1 << 16;

/// What is recorded, and where.
#[derive(Args, Debug)]
pub(crate) struct MarketArgs {
    /// Where it is served
    #[arg(long, value_name = "ADDRESS")]
    address: SocketAddr,
    /// Only this instrument; can be given several times
    #[arg(long, value_name = "SYMBOL")]
    symbol: Vec<Symbol>,
    /// Where records are written; `-`: standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// End after so many records
    #[arg(long, value_name = "COUNT")]
    count: Option<u64>,
    /// End when nothing but heartbeats has come for so many seconds
    #[arg(long, value_name = "SECONDS")]
    idle: Option<u64>,
}

/// Records until it is told to stop, has enough, or is refused. A venue that is gone is waited for: each
/// connection begins with snapshots.
///
/// # Errors
/// When nothing can be written, or the venue refuses what is asked, or sends what is no record.
pub(crate) fn run(args: &MarketArgs) -> anyhow::Result<Exit> {
    let stop = Stop::listen()?;
    let mut out = feed::open(&args.output)?;
    let mut record = Record { args, stop: &stop, records: 0, last: Instant::now() };
    while !record.is_done() {
        let Ok(mut stream) = TcpStream::connect(args.address) else {
            std::thread::sleep(RETRY);
            continue;
        };
        stream.set_read_timeout(Some(LOOK))?;
        if stream.write_all(&wishes(&args.symbol)?).is_ok() {
            record.listen(&mut stream, &mut out)?;
        }
        out.flush()?;
        if !record.is_done() {
            std::thread::sleep(RETRY);
        }
    }
    Ok(Exit::Ok)
}

/// What is asked for: all, or some instruments.
fn wishes(symbols: &[Symbol]) -> anyhow::Result<Vec<u8>> {
    let protocol = Text::new(PROTOCOL).context("the protocol's name")?;
    let wish = |symbol: &Symbol| {
        let wish = Subscribe { protocol, symbol: *symbol, version: VERSION, reserved: [0; 22] };
        market::record(InstrumentId(0), 0, 0, &wish)
    };
    let all = [Symbol::EMPTY];
    let symbols = if symbols.is_empty() { &all[..] } else { symbols };
    Ok(symbols.iter().flat_map(wish).collect())
}

/// What was heard so far.
struct Record<'a> {
    args: &'a MarketArgs,
    stop: &'a Stop,
    records: u64,
    last: Instant,
}

impl Record<'_> {
    fn is_done(&self) -> bool {
        let has_enough = self.args.count.is_some_and(|count| self.records >= count);
        let idle = self.args.idle.map(Duration::from_secs);
        has_enough || self.stop.asked() || idle.is_some_and(|idle| self.last.elapsed() >= idle)
    }

    /// One connection, until it ends.
    fn listen(
        &mut self,
        stream: &mut TcpStream,
        out: &mut impl std::io::Write,
    ) -> anyhow::Result<()> {
        let (mut unread, mut chunk) = (Vec::new(), vec![0; CHUNK]);
        while !self.is_done() {
            match stream.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(count) => unread.extend_from_slice(&chunk[..count]),
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) =>
                {
                    out.flush()?;
                    continue;
                }
                // The next connection begins anew.
                Err(_) => return Ok(()),
            }
            let (records, rest) = unread.as_chunks::<RECORD_SIZE>();
            let left = rest.len();
            for record in records {
                self.take(record, out)?;
            }
            unread.drain(..unread.len() - left);
        }
        Ok(())
    }

    fn take(
        &mut self,
        record: &[u8; RECORD_SIZE],
        out: &mut impl std::io::Write,
    ) -> anyhow::Result<()> {
        if self.args.count.is_some_and(|count| self.records >= count) {
            return Ok(());
        }
        let (_, body) = market::decode(record).context("the venue sent no record")?;
        if let Body::Refused(refused) = &body {
            anyhow::bail!("the venue refuses: {}", refused.reason);
        }
        if !matches!(body, Body::Heartbeat(_)) {
            self.last = Instant::now();
        }
        out.write_all(record)?;
        self.records += 1;
        Ok(())
    }
}
