//! Who logs on: the key, and its signature over what went over the wire.

use std::sync::Arc;

use tiercel_wire::binary::session::LoginRequest;
use tiercel_wire::binary::{LoginRefusal, SignatureScheme};

use crate::accounts::{Key, Keys};
use crate::binance::signature::Verifier;

/// Bytes of a signature of HMAC-SHA256.
const HMAC_SIZE: usize = 32;

/// The key that a login is signed with.
///
/// # Errors
/// [`LoginRefusal::Credentials`]: there is no such key, it may not trade, or the signature is not its.
pub fn verify(keys: &Keys, login: &LoginRequest) -> Result<(Box<str>, Arc<Key>), LoginRefusal> {
    let refused = LoginRefusal::Credentials;
    let text = std::str::from_utf8(&login.key).map_err(|_| refused)?;
    let key = keys.get(text).filter(|key| key.may_trade).ok_or(refused)?;
    let signature = match (&key.verifier, login.scheme) {
        (Verifier::Hmac(_), SignatureScheme::HmacSha256) => &login.signature[..HMAC_SIZE],
        (Verifier::Ed25519(_), SignatureScheme::Ed25519) => &login.signature[..],
        _ => return Err(refused),
    };
    if !key.verifier.verifies_bytes(&[&login.transcript], signature) {
        return Err(refused);
    }
    Ok((text.into(), key))
}
