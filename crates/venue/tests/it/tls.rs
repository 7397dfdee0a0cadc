//! TLS 1.3 over real sockets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tiercel_venue::serve::{ServeOptions, Tls, TlsOptions};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned,
};

use super::http::{Venue, exchange};
use super::place::Place;

/// An authority, and what it signs.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its private key, in PEM.
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// The authority's own certificate, in PEM.
    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(super) fn sign(&self) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

pub(super) fn private(place: &Place, name: &str, text: &str) -> PathBuf {
    let path = place.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    path
}

/// The files of a venue that `authority` has signed, and that lets clients of `client_ca` in.
pub(super) fn files(
    place: &Place,
    authority: &Authority,
    client_ca: Option<&Authority>,
) -> TlsOptions {
    let own = authority.sign();
    TlsOptions {
        certificate: private(place, "venue.pem", &own.certificate),
        private_key: private(place, "venue.key", &own.key),
        client_ca: client_ca.map(|ca| private(place, "clients.pem", &ca.pem())),
    }
}

fn venue(options: &TlsOptions, header_timeout: Duration) -> Venue {
    let tls = Tls::load(options).unwrap();
    let options = ServeOptions { header_timeout, ..ServeOptions::default() };
    Venue::custom(options, |server| server.with_tls(Some(tls)))
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

fn connect(venue: &Venue, trusted: &Authority, identity: Option<&Identity>) -> Stream {
    over(venue.one.connect(), trusted, identity)
}

/// TLS over a connection, of a client that trusts that authority.
pub(super) fn over(stream: TcpStream, trusted: &Authority, identity: Option<&Identity>) -> Stream {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.0.der().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(Identity { certificate, key }) => {
            let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(connection, stream)
}

const TIME: &[u8] = b"GET /api/v3/time HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// What comes back, or why nothing does.
fn ask(stream: &mut Stream) -> std::io::Result<String> {
    stream.write_all(TIME)?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // A connection that ends without the goodbye of TLS has still told this.
        Err(error) if answer.is_empty() => Err(error),
        _ => Ok(String::from_utf8(answer).unwrap()),
    }
}

#[test]
fn requests_and_streams_go_over_tls_1_3_alone() {
    let (place, authority) = (Place::new("tls"), Authority::new());
    let venue = venue(&files(&place, &authority, None), Duration::from_secs(30));
    let mut stream = connect(&venue, &authority, None);
    let answer = ask(&mut stream).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("serverTime"), "{answer}");
    assert_eq!(stream.conn.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    // A client that does not know the authority does not go on.
    assert!(ask(&mut connect(&venue, &Authority::new(), None)).is_err());
    // Streams too.
    let stream = connect(&venue, &authority, None);
    let (mut socket, _) = tungstenite::client("ws://localhost/ws", stream).unwrap();
    let subscribe = r#"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}"#;
    socket.send(tungstenite::Message::text(subscribe)).unwrap();
    loop {
        match socket.read().unwrap() {
            tungstenite::Message::Text(text) => {
                assert!(text.contains("\"id\":1"), "{text}");
                break;
            }
            tungstenite::Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn plain_http_is_refused_in_words_and_harms_nobody() {
    let (place, authority) = (Place::new("plain"), Authority::new());
    let venue = venue(&files(&place, &authority, None), Duration::from_secs(30));
    let answer = exchange(venue.one.connect(), TIME);
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.ends_with("This address speaks TLS 1.3."), "{answer}");
    assert!(!answer.contains("serverTime"));
    // Neither is anything else that is no handshake.
    for noise in [&b"\0\0\0\0"[..], b"\x16\x03\x01\xff\xff", &[0xff; 300]] {
        let answer = exchange(venue.one.connect(), noise);
        assert!(!answer.contains("HTTP/1.1 200"), "{answer}");
    }
    assert!(ask(&mut connect(&venue, &authority, None)).unwrap().contains("200"));
}

#[test]
fn clients_show_the_certificate_that_is_asked_for() {
    let (place, authority, clients) = (Place::new("client-ca"), Authority::new(), Authority::new());
    let venue = venue(&files(&place, &authority, Some(&clients)), Duration::from_secs(30));
    let (known, unknown) = (clients.sign(), Authority::new().sign());
    let answer = ask(&mut connect(&venue, &authority, Some(&known))).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for identity in [None, Some(&unknown)] {
        let refused = ask(&mut connect(&venue, &authority, identity));
        assert!(refused.is_err(), "{refused:?}");
    }
}

#[test]
fn a_handshake_that_goes_nowhere_is_ended() {
    let (place, authority) = (Place::new("handshake"), Authority::new());
    let venue = venue(&files(&place, &authority, None), Duration::from_millis(300));
    for begun in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut stream = venue.one.connect();
        stream.write_all(begun).unwrap();
        let from = Instant::now();
        let mut rest = Vec::new();
        // The end or a reset.
        let _ended = stream.read_to_end(&mut rest);
        assert!(from.elapsed() < Duration::from_secs(8), "still open");
    }
    assert!(ask(&mut connect(&venue, &authority, None)).is_ok());
}

#[test]
fn files_that_cannot_be_are_refused_by_name() {
    let (place, authority) = (Place::new("tls-files"), Authority::new());
    let good = files(&place, &authority, Some(&authority));
    assert!(Tls::load(&good).is_ok());
    let other = private(&place, "other.key", &authority.sign().key);
    let empty = private(&place, "empty.pem", "");
    for (options, named) in [
        (TlsOptions { private_key: other, ..good.clone() }, "venue.pem"),
        (TlsOptions { private_key: empty.clone(), ..good.clone() }, "empty.pem"),
        (TlsOptions { certificate: empty.clone(), ..good.clone() }, "empty.pem"),
        (TlsOptions { client_ca: Some(empty), ..good.clone() }, "empty.pem"),
        (TlsOptions { certificate: "nowhere".into(), ..good.clone() }, "nowhere"),
    ] {
        let error = Tls::load(&options).err().unwrap().to_string();
        assert!(error.contains(named), "{error}");
    }
    std::fs::set_permissions(&good.private_key, PermissionsExt::from_mode(0o644)).unwrap();
    let error = Tls::load(&good).err().unwrap().to_string();
    assert!(error.contains("chmod 600"), "{error}");
}
