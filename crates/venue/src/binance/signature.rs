//! Who sent a request, and whether it came in time: signatures and `recvWindow`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::error::ApiError;
use super::params::Params;

/// How long after its timestamp a request is good for, in milliseconds, if it does not say.
pub const RECV_WINDOW_DEFAULT_MS: u64 = 5_000;
/// The longest that it may say.
pub const RECV_WINDOW_MAX_MS: u64 = 60_000;
/// A timestamp lies less than this in the future.
const AHEAD_MAX_MS: u64 = 1_000;

/// What verifies the signatures of a key: its secret, or its public half.
#[derive(Clone)]
pub enum Verifier {
    /// The secret of HMAC-SHA256.
    Hmac(Vec<u8>),
    /// An Ed25519 public key.
    Ed25519(Box<VerifyingKey>),
}

/// Never shows a secret.
impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Hmac(_) => "Hmac(..)",
            Self::Ed25519(_) => "Ed25519(..)",
        })
    }
}

/// Bytes in front of the 32 of an Ed25519 public key in its DER form (RFC 8410).
const ED25519_DER_HEAD: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

impl Verifier {
    /// An Ed25519 public key: its 32 bytes or its DER form, in base64, with or without the lines
    /// that PEM puts round it. `None` if it is no such key.
    pub fn ed25519(text: &str) -> Option<Self> {
        let base64: String =
            text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
        let bytes = BASE64.decode(base64).ok()?;
        let key = bytes.strip_prefix(&ED25519_DER_HEAD).unwrap_or(&bytes);
        let key = VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
        Some(Self::Ed25519(Box::new(key)))
    }

    /// Whether `signature` is this key's for `payload`. HMAC signatures are hexadecimal in either
    /// case and compared in constant time; Ed25519 signatures are base64.
    pub fn verifies(&self, payload: &[&[u8]], signature: &str) -> bool {
        let bytes = match self {
            Self::Hmac(_) => from_hex(signature),
            Self::Ed25519(_) => BASE64.decode(signature).ok(),
        };
        bytes.is_some_and(|bytes| self.verifies_bytes(payload, &bytes))
    }

    /// The same of a signature that comes as its bytes: 32 of HMAC-SHA256, 64 of Ed25519.
    pub fn verifies_bytes(&self, payload: &[&[u8]], signature: &[u8]) -> bool {
        match self {
            Self::Hmac(secret) => {
                // Keys of any length are fine for HMAC: an error cannot come.
                let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return false };
                for part in payload {
                    mac.update(part);
                }
                mac.verify_slice(signature).is_ok()
            }
            Self::Ed25519(key) => {
                let Ok(given) = Signature::from_slice(signature) else { return false };
                key.verify_strict(&payload.concat(), &given).is_ok()
            }
        }
    }
}

/// The bytes that a hexadecimal text says.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some((digit(pair[0])? << 4 | digit(*pair.get(1)?)?) as u8)).collect()
}

/// A form without its signature, as it was signed: still encoded.
fn unsigned(form: &str) -> String {
    let is_signature = |pair: &&str| *pair == "signature" || pair.starts_with("signature=");
    let rest: Vec<&str> = form.split('&').filter(|pair| !is_signature(pair)).collect();
    rest.join("&")
}

/// Checks the signature of a request over HTTP: that of its raw query string and its raw body,
/// one behind the other, both without the signature itself.
///
/// # Errors
/// -1102 if there is no signature, -1022 if it is not this key's for these parameters.
pub fn check_signature(
    verifier: &Verifier,
    query: &str,
    body: &str,
    params: &Params<'_>,
) -> Result<(), ApiError> {
    let signature = params.mandatory("signature")?;
    let (query, body) = (unsigned(query), unsigned(body));
    if verifier.verifies(&[query.as_bytes(), body.as_bytes()], signature) {
        return Ok(());
    }
    Err(ApiError::signature())
}

/// Checks the signature of a request over the `WebSocket` interface: that of its parameters, sorted
/// by name.
///
/// # Errors
/// As [`check_signature`].
pub fn check_sorted_signature(verifier: &Verifier, params: &Params<'_>) -> Result<(), ApiError> {
    let signature = params.mandatory("signature")?;
    let mut pairs: Vec<(&str, &str)> = params.pairs().collect();
    if verifier.verifies(&[sorted_payload(&mut pairs).as_bytes()], signature) {
        return Ok(());
    }
    Err(ApiError::signature())
}

/// Until when a signed request may reach the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    timestamp_ms: u64,
    window_ms: u64,
}

impl Deadline {
    /// Reads `timestamp` and `recvWindow`. A window may have three places; the venue tells
    /// milliseconds apart, so that they change nothing.
    ///
    /// # Errors
    /// -1102 without a timestamp, -1100 for one that is no number, -1111 for a window of more places,
    /// -1131 for one beyond [`RECV_WINDOW_MAX_MS`].
    pub fn read(params: &Params<'_>) -> Result<Self, ApiError> {
        let window_us = params.thousandths("recvWindow")?.unwrap_or(RECV_WINDOW_DEFAULT_MS * 1_000);
        params.mandatory("timestamp")?;
        let timestamp_ms = params.time_ms("timestamp")?.unwrap_or_default();
        if window_us > RECV_WINDOW_MAX_MS * 1_000 {
            return Err(ApiError::new(-1131, "recvWindow must be less than 60000."));
        }
        Ok(Self { timestamp_ms, window_ms: window_us / 1_000 })
    }

    /// Asks whether the request is in time at `now_ms`; to be asked once more right before it is
    /// handed to the engine.
    ///
    /// # Errors
    /// -1021 if it lies ahead of the venue's time, or behind its window.
    pub fn check(&self, now_ms: u64) -> Result<(), ApiError> {
        if self.timestamp_ms >= now_ms.saturating_add(AHEAD_MAX_MS) {
            return Err(ApiError::ahead_of_time());
        }
        if now_ms.saturating_sub(self.timestamp_ms) > self.window_ms {
            return Err(ApiError::outside_of_window());
        }
        Ok(())
    }
}

/// The payload that signs a request over the WebSocket interface: its parameters but the
/// signature, sorted by name, not encoded.
pub fn sorted_payload(pairs: &mut [(&str, &str)]) -> String {
    pairs.sort_unstable();
    let mut payload = String::new();
    for (name, value) in pairs.iter().filter(|(name, _)| *name != "signature") {
        if !payload.is_empty() {
            payload.push('&');
        }
        payload.extend([name, "=", value]);
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};

    fn deadline(query: &str) -> Result<Deadline, ApiError> {
        Deadline::read(&Params::parse(query, "").unwrap())
    }

    #[test]
    fn a_request_is_good_from_its_timestamp_less_a_second_to_the_end_of_its_window() {
        let at = deadline("timestamp=100000&recvWindow=200").unwrap();
        for (now, in_time) in
            [(99_000, false), (99_001, true), (100_000, true), (100_200, true), (100_201, false)]
        {
            assert_eq!(at.check(now).is_ok(), in_time, "at {now}");
        }
        assert_eq!(at.check(99_000).unwrap_err(), ApiError::ahead_of_time());
        assert_eq!(at.check(100_201).unwrap_err(), ApiError::outside_of_window());
        assert!(deadline("timestamp=100000").unwrap().check(105_000).is_ok());
        assert!(deadline("timestamp=100000").unwrap().check(105_001).is_err());
        let micros = deadline("timestamp=1700000000000000").unwrap();
        assert!(micros.check(1_700_000_000_000).is_ok());
        assert!(micros.check(u64::MAX).is_err());
        let fraction = deadline("timestamp=100000&recvWindow=200.346").unwrap();
        assert!(fraction.check(100_200).is_ok() && fraction.check(100_201).is_err());
        assert_eq!(deadline("timestamp=1&recvWindow=60000.0").map(|_| ()), Ok(()));
        for (window, code) in
            [("60001", -1131), ("60000.001", -1131), ("5.0001", -1111), ("-1", -1100)]
        {
            let query = format!("timestamp=1&recvWindow={window}");
            assert_eq!(deadline(&query).unwrap_err().code, code, "{window}");
        }
        assert_eq!(deadline("recvWindow=5").unwrap_err().code, -1102);
        assert_eq!(deadline("timestamp=now").unwrap_err().code, -1100);
    }

    #[test]
    fn the_signature_is_taken_out_wherever_it_stands_and_nothing_else() {
        assert_eq!(unsigned("a=1&signature=x&b=2"), "a=1&b=2");
        assert_eq!(unsigned("signature=x"), "");
        assert_eq!(unsigned("a=%2B&signatures=1"), "a=%2B&signatures=1");
    }

    #[test]
    fn an_ed25519_key_verifies_its_own_signatures_alone() {
        let signing = SigningKey::from_bytes(&[7; 32]);
        let public = signing.verifying_key().to_bytes();
        let der = [&ED25519_DER_HEAD[..], &public].concat();
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            BASE64.encode(der)
        );
        let signature = BASE64.encode(signing.sign(b"symbol=BTCUSDT&timestamp=1").to_bytes());
        for text in [pem, BASE64.encode(public)] {
            let key = Verifier::ed25519(&text).unwrap();
            assert!(key.verifies(&[b"symbol=BTCUSDT", b"&timestamp=1"], &signature));
            assert!(!key.verifies(&[b"symbol=BTCUSDT&timestamp=2"], &signature));
            assert!(!key.verifies(&[b"symbol=BTCUSDT&timestamp=1"], "AAAA"));
        }
        assert!(Verifier::ed25519("not a key").is_none());
    }

    #[test]
    fn hmac_signatures_are_hexadecimal_in_either_case() {
        let key = Verifier::Hmac(b"key".to_vec());
        // RFC 4231 has no such short text; this is what `openssl dgst -sha256 -hmac key` prints.
        let text = b"The quick brown fox jumps over the lazy dog";
        let hex = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
        assert!(key.verifies(&[text], hex));
        assert!(key.verifies(&[text], &hex.to_uppercase()));
        assert!(!key.verifies(&[text], &hex[1..]));
        assert!(!key.verifies(&[text], "zz"));
        assert!(!key.verifies(&[text], ""));
        assert_eq!(format!("{key:?}"), "Hmac(..)");
    }

    #[test]
    fn the_websocket_payload_is_sorted_and_leaves_the_signature_out() {
        let mut pairs = [("b", "2"), ("signature", "x"), ("a", "１")];
        assert_eq!(sorted_payload(&mut pairs), "a=１&b=2");
    }
}
