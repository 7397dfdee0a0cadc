//! A `tiercel venue` of a test, and a client of it that signs and speaks HTTP by itself.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sha2::Sha256;
use tiercel_net::tls::{Channel, ClientTls};

use crate::command::{argument, tiercel};
use crate::trade::free_port;

/// How long anything may take that should come at once: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);
/// Limits that no test meets.
pub(crate) const NO_LIMITS: &str =
    "[limits]\nweight_1m = 100000000\norders_10s = 1000000\norders_1d = 100000000\n";

/// An API key and its secret.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) api_key: String,
    pub(crate) secret: String,
}

/// What HTTP is spoken on.
pub(crate) trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// TLS over TCP.
struct TlsStream {
    tcp: TcpStream,
    channel: Channel,
    read: Vec<u8>,
}

impl TlsStream {
    fn new(tcp: TcpStream, tls: &ClientTls) -> io::Result<Self> {
        let mut stream = Self { tcp, channel: Channel::client(Some(tls))?, read: Vec::new() };
        stream.send(&[])?;
        while !stream.channel.is_ready() {
            stream.fill()?;
        }
        Ok(stream)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut output = Vec::new();
        self.channel.seal(bytes, false, &mut output);
        self.tcp.write_all(&output)
    }

    fn fill(&mut self) -> io::Result<()> {
        let (mut bytes, mut output) = ([0; 16 * 1_024], Vec::new());
        let count = self.tcp.read(&mut bytes)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let plain = self.channel.open(&bytes[..count], &mut output)?;
        self.tcp.write_all(&output)?;
        self.read.extend(plain.unwrap_or_default());
        Ok(())
    }
}

impl Read for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read.is_empty() {
            self.fill()?;
        }
        let count = self.read.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.read[..count]);
        self.read.drain(..count);
        Ok(count)
    }
}

impl Write for TlsStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.send(buffer)?;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A venue that is killed when the test ends, however it ends.
pub(crate) struct Venue {
    child: Child,
    pub(crate) address: String,
    /// Whom who speaks TLS with it trusts.
    pub(crate) tls: Option<ClientTls>,
    /// Those that it printed: each account's.
    pub(crate) keys: Vec<Key>,
    output: BufReader<ChildStdout>,
}

impl Venue {
    /// Starts it, on a free port, with `keys` keys to be printed.
    pub(crate) fn start(store: &Path, config: &Path, arguments: &[&str], keys: usize) -> Self {
        Self::start_at(&format!("127.0.0.1:{}", free_port()), store, config, arguments, keys)
    }

    /// Starts it at an address.
    pub(crate) fn start_at(
        address: &str,
        store: &Path,
        config: &Path,
        arguments: &[&str],
        keys: usize,
    ) -> Self {
        let mut child = tiercel()
            .args(["venue", "--address", address])
            .args(["--config", argument(config), "--store", argument(store)])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        let (mut address, mut texts) = (String::new(), Vec::new());
        while texts.len() < 2 * keys || address.is_empty() {
            let mut line = String::new();
            assert!(output.read_line(&mut line).expect("UTF-8") > 0, "it did not start");
            if let Some(found) = ["venue at http://", "venue at https://"]
                .iter()
                .find_map(|name| line.strip_prefix(name))
            {
                found.trim().clone_into(&mut address);
            }
            let text =
                ["api_key ", "secret "].iter().find_map(|name| line.trim().strip_prefix(name));
            texts.extend(text.map(|text| text.trim().to_owned()));
        }
        let key = |two: &[String]| Key { api_key: two[0].clone(), secret: two[1].clone() };
        let keys = texts.chunks(2).map(key).collect();
        Self { child, address, tls: None, keys, output }
    }

    /// Where it speaks FIX, which it tells behind the rest.
    pub(crate) fn fix(&mut self) -> SocketAddr {
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).expect("UTF-8") > 0, "it speaks no FIX");
            if let Some(told) = line.strip_prefix("FIX 4.4 at ") {
                let (address, _) = told.split_once(',').expect("an address");
                return address.parse().expect("an address");
            }
        }
    }

    /// Where it speaks OUCH.
    pub(crate) fn ouch(&mut self) -> SocketAddr {
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).expect("UTF-8") > 0, "it speaks no OUCH");
            if let Some(told) = line.strip_prefix("OUCH at ") {
                return told.trim().parse().expect("an address");
            }
        }
    }

    /// Ends it without a word.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.child.id().cast_signed()).expect("a process");
        kill_process(id, signal).expect("it runs");
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(&self.address).expect("it listens")
    }

    /// The same, over TLS where it has that.
    pub(crate) fn speak(&self) -> Box<dyn Stream> {
        let stream = self.connect();
        match &self.tls {
            None => Box::new(stream),
            Some(tls) => Box::new(TlsStream::new(stream, tls).expect("it speaks TLS")),
        }
    }

    /// What it takes of memory, in KiB.
    pub(crate) fn memory_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A signed request on a connection that is kept alive: its status and its answer.
///
/// # Errors
/// The connection's end: the outcome is unknown.
pub(crate) fn ask(
    stream: &mut dyn Stream,
    key: &Key,
    method: &str,
    path: &str,
    query: &str,
) -> io::Result<(u16, Value)> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis();
    let query = format!("{query}&recvWindow=60000&timestamp={now}");
    let mut mac = Hmac::<Sha256>::new_from_slice(key.secret.as_bytes()).expect("any key");
    mac.update(query.as_bytes());
    let bytes = mac.finalize().into_bytes();
    let signature = bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let head = format!(
        "{method} /api/v3/{path}?{query}&signature={signature} HTTP/1.1\r\nHost: x\r\n\
         X-MBX-APIKEY: {}\r\nContent-Length: 0\r\n\r\n",
        key.api_key
    );
    stream.write_all(head.as_bytes())?;
    answer(stream)
}

/// A question that everybody may ask, on such a connection.
///
/// # Errors
/// As those of [`ask`].
pub(crate) fn look(stream: &mut TcpStream, path: &str) -> io::Result<(u16, Value)> {
    let head = format!("GET /api/v3/{path} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    answer(stream)
}

fn answer(stream: &mut dyn Stream) -> io::Result<(u16, Value)> {
    let (mut read, mut buffer) = (Vec::new(), [0; 16 * 1_024]);
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.expect("a length").parse().expect("a number");
            if read.len() >= end + 4 + length {
                let status = head[9..12].parse().expect("a status");
                let body = serde_json::from_slice(&read[end + 4..]).expect("JSON");
                return Ok((status, body));
            }
        }
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => read.extend(&buffer[..count]),
        }
    }
}

/// Waits until the account's open orders are so. REST looks on while other gateways trade: what it shows may
/// be a moment old.
pub(crate) fn until_open(venue: &Venue, key: &Key, is_so: impl Fn(&[Value]) -> bool) {
    let mut stream = venue.connect();
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let (status, body) =
            ask(&mut stream, key, "GET", "openOrders", "symbol=BTCUSDT").expect("an answer");
        assert_eq!(status, 200, "{body}");
        let orders = body.as_array().expect("orders");
        if is_so(orders) {
            return;
        }
        assert!(
            Instant::now() < until,
            "{} open orders are not those that were told",
            orders.len()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
