//! TLS 1.3: who the venue is, and whose clients it lets in.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tiercel_net::tls::{certificates, refused, roots};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ServerConfig, version};

use crate::secret;

/// The one protocol that is spoken inside.
const ALPN: &[u8] = b"http/1.1";

/// Where the files of TLS are. They are read once, at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    /// The venue's certificate and those above it, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM: a file that nobody but its owner may see.
    pub private_key: PathBuf,
    /// Certificates in PEM, one of which has signed the certificate that each client has to show;
    /// `None`: clients show none.
    pub client_ca: Option<PathBuf>,
}

/// TLS as a server speaks it.
#[derive(Clone)]
pub struct Tls {
    pub(super) acceptor: TlsAcceptor,
}

impl Tls {
    /// What each connection begins with.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(self.acceptor.config())
    }

    /// Reads the files.
    ///
    /// # Errors
    /// What is wrong with which file; never what is in a private key.
    pub fn load(options: &TlsOptions) -> io::Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&version::TLS13])
            .map_err(io::Error::other)?;
        let builder = match &options.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let roots = Arc::new(roots(path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(
                    verifier.build().map_err(|error| refused(path, &error))?,
                )
            }
        };
        let key = secret::read(&options.private_key).map_err(io::Error::other)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|_| refused(&options.private_key, &"there is no private key in it"))?;
        let mut config = builder
            .with_single_cert(certificates(&options.certificate)?, key)
            .map_err(|error| refused(&options.certificate, &error))?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}
