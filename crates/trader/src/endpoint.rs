//! Where a connection goes, and how it is made: TCP, TLS on it, a WebSocket on that.
//!
//! All of this waits, and is done by the [dialer's](crate::dial) thread.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::{Duration, Instant};

use tiercel_net::tls::{Channel, ClientTls};
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;

/// How long a connection may take, its handshakes included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of the head of an answer to a handshake, at most.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Headers of it, at most.
const HEADERS_MAX: usize = 64;
/// What the address of bytes over TLS begins with.
pub(crate) const TLS: &str = "tls://";

/// Where a connection goes.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// Bytes over TCP: `host:port`.
    Tcp(String),
    /// Bytes over TLS.
    Tls(Box<TlsEndpoint>),
    /// A WebSocket.
    WebSocket(Box<WebSocketEndpoint>),
}

/// `host:port`, over TCP.
impl From<String> for Endpoint {
    fn from(address: String) -> Self {
        Self::Tcp(address)
    }
}

/// Where bytes go over TLS.
#[derive(Clone, Debug)]
pub struct TlsEndpoint {
    /// `host:port`.
    address: String,
    tls: ClientTls,
}

/// Where a WebSocket is.
#[derive(Clone, Debug)]
pub struct WebSocketEndpoint {
    /// `host:port`.
    address: String,
    /// What the header `Host` says.
    host: String,
    /// Path and query.
    path: String,
    tls: Option<ClientTls>,
}

/// A connection that was made.
pub struct Made {
    /// The socket.
    pub stream: TcpStream,
    /// Its TLS, if there is any.
    pub channel: Channel,
    /// Bytes that came behind the handshake, without TLS: TLS keeps its own.
    pub early: Vec<u8>,
}

/// TLS with who has that name; brackets round an address of version 6 are none of it.
fn client_tls(
    name: &str,
    authorities: Option<&Path>,
    wrong: impl FnOnce(&str) -> io::Error,
) -> io::Result<ClientTls> {
    let authorities =
        authorities.ok_or_else(|| wrong("TLS needs tls_roots, a file of authorities"))?;
    ClientTls::new(authorities, name.trim_start_matches('[').trim_end_matches(']'), None)
}

impl WebSocketEndpoint {
    /// The one at `url`, `ws://host[:port][/path]` or `wss://...`, with `path` behind it. Whom TLS trusts is in
    /// the file `authorities`, in PEM.
    ///
    /// # Errors
    /// What is wrong with the address or the file.
    pub fn new(url: &str, path: &str, authorities: Option<&Path>) -> io::Result<Self> {
        let wrong = |what: &str| io::Error::other(format!("{url}: {what}"));
        let (is_secure, rest) = if let Some(rest) = url.strip_prefix("ws://") {
            (false, rest)
        } else if let Some(rest) = url.strip_prefix("wss://") {
            (true, rest)
        } else {
            return Err(wrong("it begins neither with ws:// nor with wss://"));
        };
        let at = rest.find('/').unwrap_or(rest.len());
        let (host, base) = rest.split_at(at);
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, port),
            _ => (host, if is_secure { "443" } else { "80" }),
        };
        if name.is_empty() {
            return Err(wrong("it has no host"));
        }
        let tls = if is_secure { Some(client_tls(name, authorities, wrong)?) } else { None };
        Ok(Self {
            address: format!("{name}:{port}"),
            host: host.to_owned(),
            path: format!("{}{path}", base.trim_end_matches('/')),
            tls,
        })
    }
}

impl Endpoint {
    /// Where bytes go: `host:port`, or `tls://host:port`. Whom TLS trusts is in the file `authorities`, in PEM.
    ///
    /// # Errors
    /// What is wrong with the address or the file.
    pub fn of_bytes(address: &str, authorities: Option<&Path>) -> io::Result<Self> {
        let Some(address) = address.strip_prefix(TLS) else {
            return Ok(Self::Tcp(address.to_owned()));
        };
        let wrong = |what: &str| io::Error::other(format!("{TLS}{address}: {what}"));
        let (name, _) = address.rsplit_once(':').ok_or_else(|| wrong("it has no port"))?;
        let tls = client_tls(name, authorities, wrong)?;
        Ok(Self::Tls(Box::new(TlsEndpoint { address: address.to_owned(), tls })))
    }

    /// Makes a connection.
    ///
    /// # Errors
    /// The system's, TLS's, or what the venue says instead of a WebSocket.
    pub fn connect(&self) -> io::Result<Made> {
        match self {
            Self::Tcp(address) => {
                let stream = connect(address)?;
                Ok(Made { stream, channel: Channel::Plain, early: Vec::new() })
            }
            Self::Tls(endpoint) => Handshake::new(&endpoint.address, Some(&endpoint.tls))?.made(0),
            Self::WebSocket(endpoint) => {
                Handshake::new(&endpoint.address, endpoint.tls.as_ref())?.upgraded(endpoint)
            }
        }
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A connection that is not what it is to be yet: TLS, a WebSocket.
struct Handshake {
    stream: TcpStream,
    channel: Channel,
    /// What came, without TLS.
    plain: Vec<u8>,
    deadline: Instant,
}

impl Handshake {
    /// Connected, and through with TLS if there is any.
    fn new(address: &str, tls: Option<&ClientTls>) -> io::Result<Self> {
        let stream = connect(address)?;
        let channel = Channel::client(tls)?;
        let deadline = Instant::now() + CONNECT_TIMEOUT;
        let mut handshake = Self { stream, channel, plain: Vec::new(), deadline };
        handshake.send(&[])?;
        while !handshake.channel.is_ready() {
            handshake.read()?;
        }
        Ok(handshake)
    }

    /// It is made. Of what came, so many bytes were the handshake's.
    fn made(mut self, taken: usize) -> io::Result<Made> {
        self.stream.set_read_timeout(None)?;
        let mut early = self.plain.split_off(taken);
        if matches!(self.channel, Channel::Secure(_)) {
            self.channel.keep(std::mem::take(&mut early));
        }
        Ok(Made { stream: self.stream, channel: self.channel, early })
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut output = Vec::new();
        self.channel.seal(bytes, false, &mut output);
        self.stream.write_all(&output)
    }

    fn upgraded(mut self, endpoint: &WebSocketEndpoint) -> io::Result<Made> {
        let key = generate_key();
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n",
            endpoint.path, endpoint.host
        );
        self.send(request.as_bytes())?;
        let head = loop {
            match accepted(&self.plain, &key)? {
                Some(head) => break head,
                None if self.plain.len() > HEAD_BYTES_MAX => {
                    return Err(io::Error::other("an answer to the handshake without an end"));
                }
                None => self.read()?,
            }
        };
        self.made(head)
    }

    /// Waits for bytes.
    fn read(&mut self) -> io::Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut bytes = [0; 4 << 10];
        let count = match self.stream.read(&mut bytes) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            // Nothing came yet.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut output = Vec::new();
        let opened = self.channel.open(&bytes[..count], &mut output);
        // An alert, where it failed.
        self.stream.write_all(&output)?;
        match opened? {
            None => self.plain.extend_from_slice(&bytes[..count]),
            Some(plain) => self.plain.extend_from_slice(&plain),
        }
        Ok(())
    }
}

/// The length of the head, if it is whole and says yes.
fn accepted(bytes: &[u8], key: &str) -> io::Result<Option<usize>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut answer = httparse::Response::new(&mut headers);
    let length = match answer.parse(bytes).map_err(io::Error::other)? {
        httparse::Status::Partial => return Ok(None),
        httparse::Status::Complete(length) => length,
    };
    if answer.code != Some(101) {
        let (code, reason) = (answer.code.unwrap_or(0), answer.reason.unwrap_or(""));
        return Err(io::Error::other(format!("no WebSocket there: {code} {reason}")));
    }
    let expected = derive_accept_key(key.as_bytes());
    let found = answer.headers.iter().find(|header| {
        header.name.eq_ignore_ascii_case("sec-websocket-accept")
            && header.value == expected.as_bytes()
    });
    found
        .map(|_| Some(length))
        .ok_or_else(|| io::Error::other("the answer to the handshake is not for this connection"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn address(url: &str, path: &str) -> (String, String, String) {
        let endpoint = WebSocketEndpoint::new(url, path, None).unwrap();
        (endpoint.address, endpoint.host, endpoint.path)
    }

    #[test]
    fn addresses_have_their_scheme_s_port_unless_they_say_another() {
        let told = |text: [&str; 3]| (text[0].to_owned(), text[1].to_owned(), text[2].to_owned());
        assert_eq!(address("ws://a", "/ws"), told(["a:80", "a", "/ws"]));
        assert_eq!(
            address("ws://a:9443/base/", "/stream?streams=x"),
            told(["a:9443", "a:9443", "/base/stream?streams=x"])
        );
        assert_eq!(address("ws://[::1]:80", "/"), told(["[::1]:80", "[::1]:80", "/"]));
        for wrong in ["http://a", "ws://", "wss://a"] {
            assert!(WebSocketEndpoint::new(wrong, "/", None).is_err(), "{wrong}");
        }
        assert!(matches!(Endpoint::of_bytes("a:1", None), Ok(Endpoint::Tcp(_))));
        let told = Endpoint::of_bytes("tls://a:1", None).unwrap_err().to_string();
        assert_eq!(told, "tls://a:1: TLS needs tls_roots, a file of authorities");
    }

    /// Answers one handshake by what `answer` makes of its key.
    fn handshake(answer: impl FnOnce(&str) -> String + Send + 'static) -> io::Result<Made> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
            stream.write_all(answer(key.unwrap()).as_bytes()).unwrap();
        });
        let endpoint = WebSocketEndpoint::new(&url, "/ws", None).unwrap();
        let made = Endpoint::WebSocket(Box::new(endpoint)).connect();
        server.join().unwrap();
        made
    }

    fn yes(key: &str) -> String {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            derive_accept_key(key.as_bytes())
        )
    }

    #[test]
    fn what_came_with_the_handshake_s_answer_is_kept() {
        let made = handshake(|key| yes(key) + "\u{1}frame").unwrap();
        assert_eq!(made.early, b"\x01frame");
    }

    #[test]
    fn an_answer_to_another_s_key_or_a_refusal_makes_no_connection() {
        let told = |made: io::Result<Made>| made.map(|_| ()).unwrap_err().to_string();
        assert!(told(handshake(|_| yes("other"))).contains("not for this connection"));
        let refused = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n";
        assert!(told(handshake(|_| refused.to_owned())).contains("429"));
    }
}
