//! What a connection's bytes go through: nothing, or TLS.

use std::io::{self, Read, Write};

use tokio_rustls::rustls::ServerConnection;

use super::super::tls::Tls;

/// Bytes that TLS is given at once: it keeps no more.
const RECORDS: usize = 16 << 10;

/// One connection's.
pub(super) enum Channel {
    /// Bytes are messages.
    Plain,
    /// Bytes are records of TLS.
    Secure(Box<Secure>),
}

/// TLS on one connection, without its socket.
pub(super) struct Secure {
    tls: ServerConnection,
    /// What came out of records, and is no whole message yet.
    plain: Vec<u8>,
    has_failed: bool,
}

impl Channel {
    pub(super) fn new(tls: Option<&Tls>) -> io::Result<Self> {
        let Some(tls) = tls else { return Ok(Self::Plain) };
        let tls = ServerConnection::new(tls.config()).map_err(io::Error::other)?;
        Ok(Self::Secure(Box::new(Secure { tls, plain: Vec::new(), has_failed: false })))
    }

    /// The messages in bytes that came, behind those that were [kept](Self::keep); `None`: they are the
    /// bytes. What the handshake answers goes behind `output`.
    pub(super) fn open(
        &mut self,
        bytes: &[u8],
        output: &mut Vec<u8>,
    ) -> io::Result<Option<Vec<u8>>> {
        let Self::Secure(secure) = self else { return Ok(None) };
        let Secure { tls, plain, has_failed } = &mut **secure;
        let mut rest = bytes;
        while !rest.is_empty() && !*has_failed {
            tls.read_tls(&mut rest)?;
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
    pub(super) fn keep(&mut self, rest: Vec<u8>) {
        if let Self::Secure(secure) = self {
            secure.plain = rest;
        }
    }

    /// Nothing more can be said on it.
    pub(super) fn fail(&mut self) {
        if let Self::Secure(secure) = self {
            secure.has_failed = true;
        }
    }

    pub(super) const fn has_failed(&self) -> bool {
        match self {
            Self::Plain => false,
            Self::Secure(secure) => secure.has_failed,
        }
    }

    /// Writes messages, and the connection's end if it ends behind them.
    pub(super) fn seal(&mut self, messages: &[u8], ends: bool, output: &mut Vec<u8>) {
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
