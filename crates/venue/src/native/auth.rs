//! Who sent a request: headers, what they sign, and how long that is good for.
//!
//! ```text
//!   Tiercel-Key: the API key                 signature of
//!   Tiercel-Timestamp: milliseconds            timestamp LF window LF METHOD LF target LF body
//!   Tiercel-Window: milliseconds, if said    by HMAC-SHA256, in hexadecimal, or by Ed25519, in
//!   Tiercel-Signature: the signature         base64; the target is the path and the query as sent
//! ```
//!
//! The window is signed too: nobody who has seen a request can make it good for longer. What changes
//! something is taken once: the same signed bytes are refused until their window has passed.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::problem::{Code, Problem};
use crate::accounts::{Key, Keys};

/// How long after its timestamp a request is good for, in milliseconds, if it does not say.
pub const WINDOW_DEFAULT_MS: u64 = 5_000;
/// The longest that it may say.
pub const WINDOW_MAX_MS: u64 = 60_000;
/// A timestamp lies at most this far in the future.
const AHEAD_MAX_MS: u64 = 1_000;
/// The most signed requests that are remembered. One more is refused until the oldest has passed.
const REPLAYS_MAX: usize = 262_144;

/// The header that names the key.
pub const KEY: &str = "tiercel-key";
/// The header that says when.
pub const TIMESTAMP: &str = "tiercel-timestamp";
/// The header that says for how long.
pub const WINDOW: &str = "tiercel-window";
/// The header that signs.
pub const SIGNATURE: &str = "tiercel-signature";

/// What a client gave to show who it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'h> {
    /// The API key.
    pub key: Option<&'h str>,
    /// Milliseconds since the epoch.
    pub timestamp: Option<&'h str>,
    /// Milliseconds that the request is good for.
    pub window: Option<&'h str>,
    /// The signature.
    pub signature: Option<&'h str>,
}

/// What is signed beside the credentials.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'r> {
    /// GET, POST, PATCH or DELETE.
    pub method: &'r str,
    /// Path and query, as sent.
    pub target: &'r str,
    /// The body, as sent.
    pub body: &'r [u8],
}

/// Who signed, and what has to be remembered of it.
#[derive(Debug)]
pub struct Signer {
    /// The key.
    pub key: Arc<Key>,
    /// Until when the request is good, in milliseconds.
    pub until_ms: u64,
    /// What tells this request from every other.
    pub digest: [u8; 32],
}

impl<'h> Credentials<'h> {
    /// Whose request it is.
    ///
    /// # Errors
    /// A [`Problem`] of 401, with the header at fault. Which of key and signature is wrong is not told.
    pub fn check(&self, keys: &Keys, signed: Signed<'_>, now_ms: u64) -> Result<Signer, Problem> {
        let there = |value: Option<&'h str>, header: &'static str| {
            let missing = || Problem::new(Code::SignatureRequired, "the header is missing");
            value.filter(|value| !value.is_empty()).ok_or_else(|| missing().of_field(header))
        };
        let key = there(self.key, KEY)?;
        let timestamp = there(self.timestamp, TIMESTAMP)?;
        let signature = there(self.signature, SIGNATURE)?;
        let window = self.window.unwrap_or_default();
        let until_ms = until(timestamp, window, now_ms)?;
        let invalid = || {
            let detail = "no such key, or the signature is not this key's for this request";
            Problem::new(Code::SignatureInvalid, detail).of_field(SIGNATURE)
        };
        let owner = keys.get(key).ok_or_else(invalid)?;
        let parts: [&[u8]; 9] = [
            timestamp.as_bytes(),
            b"\n",
            window.as_bytes(),
            b"\n",
            signed.method.as_bytes(),
            b"\n",
            signed.target.as_bytes(),
            b"\n",
            signed.body,
        ];
        if !owner.verifier.verifies(&parts, signature) {
            return Err(invalid());
        }
        let mut digest = Sha256::new();
        digest.update(key.as_bytes());
        for part in [&b"\n"[..]].into_iter().chain(parts) {
            digest.update(part);
        }
        Ok(Signer { key: owner, until_ms, digest: digest.finalize().into() })
    }
}

/// Until when a request is good.
fn until(timestamp: &str, window: &str, now_ms: u64) -> Result<u64, Problem> {
    let number = |text: &str| {
        let digits = text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits { text.parse::<u64>().ok() } else { None }
    };
    let refuse = |detail: &'static str, header| {
        Err(Problem::new(Code::TimestampInvalid, detail).of_field(header))
    };
    let Some(timestamp_ms) = number(timestamp) else {
        return refuse("milliseconds since the epoch are expected", TIMESTAMP);
    };
    let window_ms = if window.is_empty() { Some(WINDOW_DEFAULT_MS) } else { number(window) };
    let Some(window_ms) = window_ms.filter(|window_ms| (1..=WINDOW_MAX_MS).contains(window_ms))
    else {
        return refuse("1 to 60000 milliseconds are expected", WINDOW);
    };
    if timestamp_ms > now_ms.saturating_add(AHEAD_MAX_MS) {
        return refuse(
            "the timestamp is ahead of the venue's clock: see GET /api/v1/time",
            TIMESTAMP,
        );
    }
    let until_ms = timestamp_ms.saturating_add(window_ms);
    if now_ms > until_ms {
        return refuse("the request is older than its window", TIMESTAMP);
    }
    Ok(until_ms)
}

/// Signed requests that were taken and could still be sent again.
#[derive(Debug, Default)]
pub struct Replays {
    known: HashSet<[u8; 32]>,
    by_end: BTreeSet<(u64, [u8; 32])>,
}

impl Replays {
    /// Takes a request once.
    ///
    /// # Errors
    /// [`Code::RequestReplayed`] the second time, [`Code::Busy`] while as many are remembered as may
    /// be.
    pub fn take(&mut self, signer: &Signer, now_ms: u64) -> Result<(), Problem> {
        while let Some(&(until_ms, digest)) = self.by_end.first()
            && until_ms < now_ms
        {
            self.by_end.remove(&(until_ms, digest));
            self.known.remove(&digest);
        }
        if self.known.contains(&signer.digest) {
            let detail = "the same signed request came before: sign anew, with another timestamp";
            return Err(Problem::new(Code::RequestReplayed, detail).of_field(SIGNATURE));
        }
        if self.known.len() >= REPLAYS_MAX {
            return Err(Problem::new(Code::Busy, "too many signed requests at once").after(1));
        }
        self.known.insert(signer.digest);
        self.by_end.insert((signer.until_ms, signer.digest));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binance::signature::Verifier;
    use hmac::{Hmac, KeyInit, Mac};
    use tiercel_types::AccountId;

    fn keys() -> Keys {
        let keys = Keys::default();
        let verifier = Verifier::Hmac(b"secret".to_vec());
        let key = Key::new(AccountId(7), verifier, true, true);
        keys.add("key", key).unwrap();
        keys
    }

    fn sign(text: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
        mac.update(text.as_bytes());
        let bytes = mac.finalize().into_bytes();
        bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    fn check(
        (timestamp, window, signature): (&str, Option<&str>, &str),
        now_ms: u64,
    ) -> Result<u64, (String, Option<String>)> {
        let signed = Signed { method: "GET", target: "/api/v1/account?a=1", body: b"{}" };
        let credentials = Credentials {
            key: Some("key"),
            timestamp: Some(timestamp),
            window,
            signature: Some(signature),
        };
        let checked = credentials.check(&keys(), signed, now_ms).map(|signer| signer.until_ms);
        checked.map_err(|problem| (problem.code.to_owned(), problem.field))
    }

    #[test]
    fn a_request_is_good_from_a_second_before_its_timestamp_to_the_end_of_its_window() {
        let signature = sign("100000\n200\nGET\n/api/v1/account?a=1\n{}");
        let good = ("100000", Some("200"), signature.as_str());
        for (now, in_time) in [(98_999, false), (99_000, true), (100_200, true), (100_201, false)] {
            assert_eq!(check(good, now).is_ok(), in_time, "at {now}");
        }
        // Nobody else can make it good for longer.
        let longer = ("100000", Some("60000"), signature.as_str());
        assert_eq!(check(longer, 100_000).unwrap_err().0, "SIGNATURE_INVALID");
        let usual = sign("100000\n\nGET\n/api/v1/account?a=1\n{}");
        assert_eq!(check(("100000", None, &usual), 105_000), Ok(105_000));
        assert!(check(("100000", None, &usual), 105_001).is_err());
    }

    #[test]
    fn each_mistake_names_its_header() {
        let refused = |timestamp, window, signature| {
            let (code, field) = check((timestamp, window, signature), 1_000).unwrap_err();
            (code, field.unwrap())
        };
        let of = |code: &str, field: &str| (code.to_owned(), field.to_owned());
        assert_eq!(refused("", None, "x"), of("SIGNATURE_REQUIRED", TIMESTAMP));
        assert_eq!(refused("1000", None, ""), of("SIGNATURE_REQUIRED", SIGNATURE));
        for timestamp in ["now", "-1", "+1", "1e3", "NaN", "99999999999999999999", "１"] {
            assert_eq!(refused(timestamp, None, "x"), of("TIMESTAMP_INVALID", TIMESTAMP));
        }
        for window in ["0", "60001", "x"] {
            assert_eq!(refused("1000", Some(window), "x"), of("TIMESTAMP_INVALID", WINDOW));
        }
        assert_eq!(refused("1000", None, "00"), of("SIGNATURE_INVALID", SIGNATURE));
    }

    #[test]
    fn a_request_is_taken_once_until_its_window_has_passed() {
        let keys = keys();
        let signer = |until_ms, digest| Signer { key: keys.get("key").unwrap(), until_ms, digest };
        let mut replays = Replays::default();
        assert!(replays.take(&signer(100, [1; 32]), 50).is_ok());
        assert!(replays.take(&signer(100, [2; 32]), 50).is_ok());
        assert_eq!(replays.take(&signer(100, [1; 32]), 100).unwrap_err().code, "REQUEST_REPLAYED");
        // It would be refused as too old from here on: it need not be remembered.
        assert!(replays.take(&signer(200, [3; 32]), 101).is_ok());
        assert_eq!((replays.known.len(), replays.by_end.len()), (1, 1));
    }
}
