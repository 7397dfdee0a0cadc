//! What requests are signed with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;
use tiercel_wire::binance::order::Signer;

/// What an Ed25519 key in PEM begins with, before its 32 bytes: PKCS#8 without a public half (RFC 8410, section 7).
const ED25519_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
const HEX: &[u8; 16] = b"0123456789abcdef";

/// What is in a file of a secret is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the secret begins as a key in PEM, and is no private Ed25519 key in PKCS#8")]
pub struct KeyError;

/// A secret.
#[derive(Clone)]
pub enum SecretKey {
    /// Of HMAC-SHA256.
    Hmac(Box<Hmac<Sha256>>),
    /// Of Ed25519, with which a connection can log on.
    Ed25519(Box<SigningKey>),
}

/// Never shows a secret.
impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Hmac(_) => "Hmac(..)",
            Self::Ed25519(_) => "Ed25519(..)",
        })
    }
}

impl SecretKey {
    /// The key that a file holds: in PEM it is one of Ed25519, anything else is a secret of HMAC-SHA256.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn of_file(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if !text.starts_with("-----BEGIN") {
            let mac = Hmac::new_from_slice(text.as_bytes()).map_err(|_| KeyError)?;
            return Ok(Self::Hmac(Box::new(mac)));
        }
        let base64: String =
            text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
        let bytes = BASE64.decode(base64).map_err(|_| KeyError)?;
        let key = bytes.strip_prefix(&ED25519_HEAD).ok_or(KeyError)?;
        let key: [u8; 32] = key.try_into().map_err(|_| KeyError)?;
        Ok(Self::Ed25519(Box::new(SigningKey::from_bytes(&key))))
    }

    /// Whether a connection can log on with it, and sign nothing more.
    pub const fn logs_on(&self) -> bool {
        matches!(self, Self::Ed25519(_))
    }
}

impl Signer for SecretKey {
    fn sign(&mut self, payload: &[u8], signature: &mut Vec<u8>) {
        match self {
            Self::Hmac(mac) => {
                let mut mac = mac.clone();
                mac.update(payload);
                for byte in mac.finalize().into_bytes() {
                    signature.push(HEX[usize::from(byte >> 4)]);
                    signature.push(HEX[usize::from(byte & 15)]);
                }
            }
            Self::Ed25519(key) => {
                let bytes = key.sign(payload).to_bytes();
                // Four characters for each three bytes, as far as they go.
                let mut text = [0; 88];
                let length = BASE64.encode_slice(bytes, &mut text).unwrap_or(0);
                signature.extend_from_slice(&text[..length]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_signs_as_documented() {
        // The example of rest-api.md of the public repository binance/binance-spot-api-docs.
        let secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
        let payload = b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1\
                        &recvWindow=5000&timestamp=1499827319559";
        let mut signature = Vec::new();
        SecretKey::of_file(&format!("{secret}\n")).unwrap().sign(payload, &mut signature);
        assert_eq!(signature, b"c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71");
    }

    #[test]
    fn a_key_in_pem_signs_by_ed25519_and_what_only_begins_so_is_refused() {
        let key = SigningKey::from_bytes(&[5; 32]);
        let der = [&ED25519_HEAD[..], &[5; 32]].concat();
        let pem = |der: &[u8]| {
            format!(
                "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
                BASE64.encode(der)
            )
        };
        let mut read = SecretKey::of_file(&pem(&der)).unwrap();
        assert!(read.logs_on());
        let mut signature = Vec::new();
        read.sign(b"payload", &mut signature);
        assert_eq!(BASE64.decode(signature).unwrap(), key.sign(b"payload").to_bytes());
        assert!(matches!(SecretKey::of_file(&pem(&der[1..])), Err(KeyError)));
    }
}
