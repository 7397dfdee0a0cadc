//! TLS 1.3 beside a socket, not on it: bytes go in and come out, so that it serves whatever moves them.
//!
//! ```text
//!   socket --bytes--> Channel::open --messages--> session
//!   socket <--bytes-- Channel::seal <--messages-- session
//! ```

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection,
    version,
};

/// Bytes that TLS is given at once: it keeps no more.
const RECORDS: usize = 16 << 10;

/// What a client knows of TLS: whom it trusts, whom it wants, who it is.
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl ClientTls {
    /// A client that trusts those whose certificate one of `authorities` has signed (a file in PEM), if it
    /// is for `name`, a host's name or address. With an `identity`, the file of its certificate and those
    /// above it and the text of its private key, both in PEM, it shows that to who asks.
    ///
    /// # Errors
    /// What is wrong with which file; never what is in a private key.
    pub fn new(
        authorities: &Path,
        name: &str,
        identity: Option<(&Path, &str)>,
    ) -> io::Result<Self> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&version::TLS13])
            .map_err(io::Error::other)?
            .with_root_certificates(roots(authorities)?);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some((path, key)) => {
                let certificates = certificates(path)?;
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| {
                    refused(path, &"what is given as its private key is none in PEM")
                })?;
                builder
                    .with_client_auth_cert(certificates, key)
                    .map_err(|error| refused(path, &error))?
            }
        };
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| io::Error::other(format!("{name:?} is no host's name or address")))?;
        Ok(Self { config: Arc::new(config), name })
    }
}

/// The certificates of a file in PEM, one at least.
///
/// # Errors
/// What is wrong with the file.
pub fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_file_iter(path).map_err(|error| refused(path, &error))?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(|error| refused(path, &error))?;
    if found.is_empty() {
        return Err(refused(path, &"there is no certificate in it"));
    }
    Ok(found)
}

/// The certificates of a file in PEM, as those that are trusted.
///
/// # Errors
/// What is wrong with the file.
pub fn roots(path: &Path) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| refused(path, &error))?;
    }
    Ok(roots)
}

/// An error that names the file.
pub fn refused(path: &Path, why: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {why}", path.display()))
}

/// What one connection's bytes go through: nothing, or TLS.
pub enum Channel {
    /// Bytes are messages.
    Plain,
    /// Bytes are records of TLS.
    Secure(Box<Secure>),
}

/// TLS on one connection, without its socket.
pub struct Secure {
    tls: Connection,
    /// What came out of records, and is no whole message yet.
    plain: Vec<u8>,
    has_failed: bool,
}

impl Channel {
    /// Of a connection that was accepted. `None`: without TLS.
    ///
    /// # Errors
    /// When the system has no random numbers, or the configuration is none that a server can use.
    pub fn server(config: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        let Some(config) = config else { return Ok(Self::Plain) };
        Ok(Self::secure(ServerConnection::new(config).map_err(io::Error::other)?.into()))
    }

    /// Of a connection that was made. `None`: without TLS. The first bytes are [`seal`](Self::seal)'s.
    ///
    /// # Errors
    /// When the system has no random numbers, or the configuration is none that a client can use.
    pub fn client(tls: Option<&ClientTls>) -> io::Result<Self> {
        let Some(ClientTls { config, name }) = tls else { return Ok(Self::Plain) };
        let tls = ClientConnection::new(Arc::clone(config), name.clone());
        Ok(Self::secure(tls.map_err(io::Error::other)?.into()))
    }

    fn secure(tls: Connection) -> Self {
        Self::Secure(Box::new(Secure { tls, plain: Vec::new(), has_failed: false }))
    }

    /// Whether messages can be sealed. Before, TLS keeps some of them until its handshake is over, and
    /// refuses more.
    pub fn is_ready(&self) -> bool {
        match self {
            Self::Plain => true,
            Self::Secure(secure) => !secure.tls.is_handshaking(),
        }
    }

    /// The messages in bytes that came, behind those that were [kept](Self::keep); `None`: they are the
    /// bytes. What the handshake answers goes behind `output`.
    ///
    /// # Errors
    /// When the bytes are no TLS, or the peer is nobody to talk to. An alert for it is in `output`.
    pub fn open(&mut self, bytes: &[u8], output: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
        let Self::Secure(secure) = self else { return Ok(None) };
        let Secure { tls, plain, has_failed } = &mut **secure;
        let mut rest = bytes;
        while !rest.is_empty() && !*has_failed {
            // Behind the peer's goodbye nothing is taken.
            if tls.read_tls(&mut rest)? == 0 {
                break;
            }
            let state = tls.process_new_packets();
            // An alert, if it is one.
            while tls.wants_write() {
                tls.write_tls(output)?;
            }
            let length = state.map_err(io::Error::other)?.plaintext_bytes_to_read();
            let start = plain.len();
            plain.resize(start + length, 0);
            tls.reader().read_exact(&mut plain[start..])?;
        }
        Ok(Some(std::mem::take(plain)))
    }

    /// Keeps what was no whole message.
    pub fn keep(&mut self, rest: Vec<u8>) {
        if let Self::Secure(secure) = self {
            secure.plain = rest;
        }
    }

    /// Nothing more can be said on it.
    pub fn fail(&mut self) {
        if let Self::Secure(secure) = self {
            secure.has_failed = true;
        }
    }

    /// Whether nothing more can be said on it.
    pub const fn has_failed(&self) -> bool {
        match self {
            Self::Plain => false,
            Self::Secure(secure) => secure.has_failed,
        }
    }

    /// Writes messages behind `output`, and the connection's end if it ends behind them; of a handshake what
    /// there is to say, also without messages.
    pub fn seal(&mut self, messages: &[u8], ends: bool, output: &mut Vec<u8>) {
        match self {
            Self::Plain => output.extend_from_slice(messages),
            Self::Secure(secure) if secure.has_failed => {}
            Self::Secure(secure) => {
                // Memory takes what is written to it.
                secure.has_failed = secure.seal(messages, ends, output).is_err();
            }
        }
    }
}

impl Secure {
    fn seal(&mut self, messages: &[u8], ends: bool, output: &mut Vec<u8>) -> io::Result<()> {
        for part in messages.chunks(RECORDS) {
            self.tls.writer().write_all(part)?;
            while self.tls.wants_write() {
                self.tls.write_tls(output)?;
            }
        }
        if ends {
            self.tls.send_close_notify();
        }
        while self.tls.wants_write() {
            self.tls.write_tls(output)?;
        }
        Ok(())
    }
}
