//! Questions over HTTP, one after the other, on a connection that is kept.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tiercel_net::tls;
use tiercel_types::Timestamp;
use tiercel_wire::binance::answer::{Body, Refusal};
use tiercel_wire::binance::order::Verb;
use tiercel_wire::binance::{DecodeError, TimeUnit};
use ureq::http::Request;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait where the venue wants to be left alone and does not say how long.
pub(crate) const RETRY_DEFAULT: Duration = Duration::from_secs(1);

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum RestError {
    /// The connection, or HTTP.
    #[error("{0}")]
    Http(#[from] Box<ureq::Error>),
    /// What was answered cannot be read.
    #[error("an answer that cannot be read: {0}")]
    Decode(#[from] DecodeError),
    /// A refusal.
    #[error("refused with {status}, {code}: {message}")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// The interface's own number.
        code: i32,
        /// In words.
        message: String,
    },
    /// It would be too much, or the venue said so: not before this time.
    #[error("not before {}", .0.0)]
    Wait(Timestamp),
    /// The interface has no such thing.
    #[error("an answer to something else")]
    NotThere,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status of HTTP.
    pub status: u16,
    /// The body.
    pub text: Vec<u8>,
    /// What the address has used of its weight in this minute, if the venue says.
    pub used_weight: Option<u64>,
    /// How long the venue wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl Answer {
    /// The body.
    ///
    /// # Errors
    /// [`RestError::Decode`].
    pub fn body(&self) -> Result<Body<'_>, RestError> {
        Ok(Body::decode(&self.text, TimeUnit::Millisecond)?)
    }

    /// The number of the refusal, if it is one.
    ///
    /// # Errors
    /// [`RestError::Decode`].
    pub fn refusal(&self) -> Result<Option<i32>, RestError> {
        if self.status == 200 {
            return Ok(None);
        }
        Ok(Some(Refusal::decode(&self.text, TimeUnit::Millisecond)?.code))
    }

    /// The same answer, if it is no refusal.
    ///
    /// # Errors
    /// [`RestError::Refused`], [`RestError::Decode`].
    pub fn done(self) -> Result<Self, RestError> {
        if self.status == 200 {
            return Ok(self);
        }
        let refusal = Refusal::decode(&self.text, TimeUnit::Millisecond)?;
        Err(RestError::Refused {
            status: self.status,
            code: refusal.code,
            message: refusal.message.to_string(),
        })
    }
}

/// Who asks at an address, `http://...` or `https://...`: an answer of any status is an answer, and takes
/// [`TIMEOUT`] at most. Whom TLS trusts is in the file `authorities`, in PEM.
///
/// # Errors
/// What is wrong with the file, or that there is none.
pub(crate) fn agent(address: &str, authorities: Option<&Path>) -> io::Result<ureq::Agent> {
    let mut config =
        ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false);
    if address.starts_with("https://") {
        let path = authorities.ok_or_else(|| {
            io::Error::other(format!("{address}: TLS needs tls_roots, a file of authorities"))
        })?;
        let found = tls::certificates(path)?;
        let roots: Vec<Certificate<'static>> =
            found.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(provider)
            .build();
        config = config.tls_config(tls);
    }
    Ok(config.build().into())
}

/// A venue over HTTP.
#[derive(Clone, Debug)]
pub struct Rest {
    agent: ureq::Agent,
    base: Box<str>,
    key: Box<str>,
}

impl Rest {
    /// The one at `base`, `http://host[:port]` or `https://...`, asked with an API key, which may be empty. Whom TLS
    /// trusts is in the file `authorities`, in PEM.
    ///
    /// # Errors
    /// What is wrong with the address or the file.
    pub fn new(base: &str, key: &str, authorities: Option<&Path>) -> io::Result<Self> {
        let agent = agent(base, authorities)?;
        let base = base.trim_end_matches('/');
        Ok(Self { agent, base: base.into(), key: key.into() })
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Asks.
    ///
    /// # Errors
    /// As [`Rest::send`].
    pub fn get(&self, path: &str, query: &str) -> Result<Answer, RestError> {
        self.send(Verb::Get, path, query)
    }

    /// Asks for something, or to do something. All that is said of it is in the query.
    ///
    /// # Errors
    /// [`RestError::Http`]. A refusal is an answer.
    pub fn send(&self, verb: Verb, path: &str, query: &str) -> Result<Answer, RestError> {
        let mark = if query.is_empty() { "" } else { "?" };
        let mut request = Request::builder()
            .method(verb.as_str())
            .uri(format!("{}{path}{mark}{query}", self.base));
        if !self.key.is_empty() {
            request = request.header("X-MBX-APIKEY", &*self.key);
        }
        let wrong = |error| Box::new(ureq::Error::Http(error));
        let answer = match verb {
            Verb::Get | Verb::Delete => self.agent.run(request.body(()).map_err(wrong)?),
            // A body of no bytes, which is said: without one it would come in parts.
            Verb::Post | Verb::Put => self.agent.run(request.body("").map_err(wrong)?),
        };
        let mut answer = answer.map_err(Box::new)?;
        let header = |name: &str| {
            let text = answer.headers().get(name)?.to_str().ok()?;
            text.parse::<u64>().ok()
        };
        let status = answer.status().as_u16();
        let used_weight = header("x-mbx-used-weight-1m");
        let is_told_to_wait = matches!(status, 418 | 429);
        let retry_after = is_told_to_wait
            .then(|| header("retry-after").map_or(RETRY_DEFAULT, Duration::from_secs));
        let text = answer.body_mut().read_to_vec().map_err(Box::new)?;
        Ok(Answer { status, text, used_weight, retry_after })
    }
}
