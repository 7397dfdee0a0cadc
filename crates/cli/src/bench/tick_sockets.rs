//! Sockets on the venue's side of a trader, and the echo that they are compared with.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread::JoinHandle;

use tiercel_net::Tuning;
use tiercel_net::tls::Channel;
use tiercel_trader::endpoint::{Endpoint, WebSocketEndpoint};
use tiercel_venue::serve::{Tls, TlsOptions};
use tungstenite::handshake::derive_accept_key;

use super::BenchError;
use super::clock::{self, Clock};
use super::contest::{Round, Subject, Timing};
use super::gateway::figure;
use super::journal::{Place, wrong};
use super::tick_to_trade::{TICKS, WARM_UP, Way};
use super::venue_sockets::{elsewhere, joined};

/// A connection that this thread polls.
pub(super) struct Polled {
    pub(super) stream: TcpStream,
    channel: Channel,
    /// What came, without TLS.
    pub(super) bytes: Vec<u8>,
    /// What was sealed last.
    pub(super) sealed: Vec<u8>,
}

impl Polled {
    pub(super) fn accept(listener: &TcpListener, tls: Option<&Tls>) -> Result<Self, BenchError> {
        let (stream, _) = listener.accept()?;
        Tuning::default().apply(&stream);
        stream.set_nonblocking(true)?;
        let channel = Channel::server(tls.map(Tls::config))?;
        Ok(Self { stream, channel, bytes: Vec::new(), sealed: Vec::new() })
    }

    /// Reads until something is there.
    pub(super) fn read(&mut self) -> Result<(), BenchError> {
        let mut chunk = [0; 4_096];
        let count = loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(wrong(&"the trader closed a connection")),
                Ok(count) => break count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
                Err(error) => return Err(error.into()),
            }
        };
        self.took(&chunk[..count])
    }

    /// The same, if something is there already.
    pub(super) fn read_some(&mut self) -> Result<bool, BenchError> {
        let mut chunk = [0; 4_096];
        match self.stream.read(&mut chunk) {
            Ok(0) => Err(wrong(&"the trader closed a connection")),
            Ok(count) => self.took(&chunk[..count]).map(|()| true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn took(&mut self, chunk: &[u8]) -> Result<(), BenchError> {
        self.sealed.clear();
        match self.channel.open(chunk, &mut self.sealed)? {
            None => self.bytes.extend_from_slice(chunk),
            Some(mut plain) => {
                self.bytes.append(&mut plain);
                self.channel.keep(plain);
            }
        }
        if self.sealed.is_empty() { Ok(()) } else { Ok(self.stream.write_all(&self.sealed)?) }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), BenchError> {
        self.seal(bytes);
        Ok(self.stream.write_all(&self.sealed)?)
    }

    pub(super) fn seal(&mut self, bytes: &[u8]) {
        self.sealed.clear();
        self.channel.seal(bytes, false, &mut self.sealed);
    }

    /// The socket, waiting where it has to.
    pub(super) fn blocking(&mut self) -> Result<&mut TcpStream, BenchError> {
        self.stream.set_nonblocking(false)?;
        Ok(&mut self.stream)
    }

    /// Becomes a WebSocket.
    pub(super) fn upgrade(&mut self) -> Result<(), BenchError> {
        let head = loop {
            if let Some(end) = self.bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break self.bytes.drain(..end + 4).collect::<Vec<u8>>();
            }
            self.read()?;
        };
        let head = String::from_utf8_lossy(&head);
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let key = key.ok_or_else(|| wrong(&"no key of a WebSocket"))?;
        let accept = derive_accept_key(key.as_bytes());
        self.write(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            )
            .as_bytes(),
        )
    }
}

/// Who TLS is, for the time of a run.
pub(super) struct Identity {
    pub(super) tls: Tls,
    roots: PathBuf,
    _place: Place,
}

impl Identity {
    pub(super) fn new() -> Result<Self, BenchError> {
        let place = Place::new("tick-to-trade-tls")?;
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
        let made = made.map_err(|error| wrong(&error))?;
        let folder = place.emptied()?;
        let (certificate, private_key) = (folder.join("venue.pem"), folder.join("venue.key"));
        std::fs::write(&certificate, made.cert.pem())?;
        std::fs::write(&private_key, made.signing_key.serialize_pem())?;
        std::fs::set_permissions(&private_key, PermissionsExt::from_mode(0o600))?;
        let roots = certificate.clone();
        let tls = Tls::load(&TlsOptions { certificate, private_key, client_ca: None })?;
        Ok(Self { tls, roots, _place: place })
    }
}

/// Where a trader finds a venue that speaks so.
pub(super) fn endpoint(
    way: Way,
    listener: &TcpListener,
    identity: Option<&Identity>,
) -> Result<Endpoint, BenchError> {
    let port = listener.local_addr()?.port();
    if way == Way::Binary {
        return Ok(Endpoint::Tcp(format!("127.0.0.1:{port}")));
    }
    let (scheme, roots) = match identity {
        None => ("ws", None),
        Some(identity) => ("wss", Some(identity.roots.as_path())),
    };
    let url = format!("{scheme}://localhost:{port}");
    Ok(Endpoint::WebSocket(Box::new(WebSocketEndpoint::new(&url, "/", roots)?)))
}

/// As many bytes there and back, and nothing else: from the first written to the first read.
pub(super) struct Mirror {
    pub(super) cpu: usize,
    pub(super) share: f64,
    pub(super) there: usize,
    pub(super) back: usize,
}

/// Reads so many bytes, from when the first is there; false: there are no more.
fn read_all(
    stream: &mut TcpStream,
    bytes: &mut [u8],
    mut first: impl FnMut(),
) -> Result<bool, BenchError> {
    let mut got = 0;
    while got < bytes.len() {
        match stream.read(&mut bytes[got..]) {
            Ok(0) => return Ok(false),
            Ok(count) => {
                if got == 0 {
                    first();
                }
                got += count;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

impl Subject for Mirror {
    fn name(&self) -> String {
        "echo".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (there, back) = (self.there, self.back);
        let server: JoinHandle<Result<(), BenchError>> = elsewhere(self.cpu, move || {
            let (mut stream, _) = listener.accept()?;
            // As the trader's own sockets are.
            Tuning { quick_ack: false, ..Tuning::default() }.apply(&stream);
            stream.set_nonblocking(true)?;
            let (mut input, output) = (vec![0; there], vec![0; back]);
            while read_all(&mut stream, &mut input, || {})? {
                stream.write_all(&output)?;
            }
            Ok(())
        });
        let mut stream = TcpStream::connect(address)?;
        Tuning::default().apply(&stream);
        stream.set_nonblocking(true)?;
        let (message, mut answer) = (vec![0; there], vec![0; back]);
        let mut times = Vec::with_capacity(TICKS);
        for number in 0..WARM_UP + TICKS {
            let from = clock::start();
            stream.write_all(&message)?;
            let mut to = from;
            if !read_all(&mut stream, &mut answer, || to = clock::stop())? {
                return Err(wrong(&"the echo is gone"));
            }
            if number >= WARM_UP {
                times.push(clock.between_ns(to - from) as f32);
            }
        }
        drop(stream);
        joined(server)?;
        Ok(figure(times, self.share, timing))
    }
}
