//! Who may trade: API keys, what verifies their signatures, and what they may do.
//!
//! Secrets are here and nowhere else: no command, no log and no message carries them.
//!
//! ```toml
//! [[key]]
//! api_key = "the text that clients send as X-MBX-APIKEY"
//! account = 1
//! permissions = ["read", "trade"]
//! secret = "the secret of HMAC-SHA256"
//! # or: secret_env = "NAME"             the secret stands in that environment variable
//! # or: ed25519_public_key = "base64"   the client keeps the private half
//! ```

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;
use tiercel_types::AccountId;

use crate::binance::signature::Verifier;

/// The most characters of an API key.
const API_KEY_MAX: usize = 256;
/// Bits of a file's mode that let others than its owner see it.
const OTHERS: u32 = 0o077;

/// A key: whose it is, and what it may do.
#[derive(Clone, Debug)]
pub struct Key {
    /// Whose orders and funds it is about.
    pub account: AccountId,
    /// What verifies its signatures.
    pub verifier: Verifier,
    /// Whether it may ask about its account.
    pub may_read: bool,
    /// Whether it may enter and cancel orders.
    pub may_trade: bool,
}

/// All keys, by the text that clients send.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    keys: HashMap<Box<str>, Key>,
}

/// Why keys cannot be used.
#[derive(Debug, Error)]
pub enum KeysError {
    /// The file cannot be read.
    #[error("the keys in {path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Others than the owner may read the file.
    #[error("the keys in {path}: mode {mode:o} lets others see it; `chmod 600 {path}`")]
    Mode {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The text is no such file.
    #[error("the keys in {path}: {message}")]
    Text {
        /// Which file.
        path: PathBuf,
        /// Where, and what; never a secret.
        message: String,
    },
}

/// The file, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    #[serde(default)]
    key: Vec<toml::Spanned<KeyEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    api_key: String,
    account: u32,
    permissions: Vec<Permission>,
    secret: Option<String>,
    secret_env: Option<String>,
    ed25519_public_key: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Permission {
    Read,
    Trade,
}

impl Keys {
    /// Reads a file of keys, which nobody but its owner may see.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn open(path: &Path) -> Result<Self, KeysError> {
        let io_error = |error| KeysError::Io { path: path.into(), error };
        let mut file = File::open(path).map_err(io_error)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = file.metadata().map_err(io_error)?.permissions().mode() & 0o7777;
            if mode & OTHERS != 0 {
                return Err(KeysError::Mode { path: path.into(), mode });
            }
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(io_error)?;
        Self::parse(&text, |name| std::env::var(name).ok())
            .map_err(|message| KeysError::Text { path: path.into(), message })
    }

    /// Reads keys from a text; `environment` looks variables up.
    ///
    /// # Errors
    /// The line and the key of the first mistake. Never a secret: syntax errors of TOML are told
    /// without the line's text.
    pub fn parse(text: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let line_at = |at: usize| 1 + text[..at.min(text.len())].matches('\n').count();
        let file: KeysFile = toml::from_str(text).map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| line_at(span.start));
            format!("line {line}: {}", error.message())
        })?;
        let mut keys = Self::default();
        for entry in file.key {
            let line = line_at(entry.span().start);
            let refuse = |what: &str| format!("line {line}: {what}");
            let entry = entry.into_inner();
            let key = entry.verify(&environment).map_err(refuse)?;
            keys.add(&entry.api_key, key).map_err(refuse)?;
        }
        Ok(keys)
    }

    /// Adds a key.
    ///
    /// # Errors
    /// What is wrong with it: `api_key` is empty, too long, not printable, or there already.
    pub fn add(&mut self, api_key: &str, key: Key) -> Result<(), &'static str> {
        let printable = api_key.bytes().all(|byte| byte.is_ascii_graphic());
        if api_key.is_empty() || api_key.len() > API_KEY_MAX || !printable {
            return Err("`api_key` has 1 to 256 printable characters, none of them blank");
        }
        if self.keys.insert(api_key.into(), key).is_some() {
            return Err("`api_key` is that of another key");
        }
        Ok(())
    }

    /// The key of that text.
    pub fn get(&self, api_key: &str) -> Option<&Key> {
        self.keys.get(api_key)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl KeyEntry {
    fn verify(&self, environment: impl Fn(&str) -> Option<String>) -> Result<Key, &'static str> {
        let verifier = match (&self.secret, &self.secret_env, &self.ed25519_public_key) {
            (Some(secret), None, None) => Verifier::Hmac(secret.as_bytes().to_vec()),
            (None, Some(name), None) => {
                let secret = environment(name)
                    .ok_or("`secret_env` names a variable that the environment does not have")?;
                Verifier::Hmac(secret.into_bytes())
            }
            (None, None, Some(key)) => {
                Verifier::ed25519(key).ok_or("`ed25519_public_key` is no such key in base64")?
            }
            _ => return Err("a key has one of `secret`, `secret_env`, `ed25519_public_key`"),
        };
        if matches!(&verifier, Verifier::Hmac(secret) if secret.is_empty()) {
            return Err("the secret is empty");
        }
        if self.account == AccountId::VENUE.0 || self.account >= AccountId::LIMIT {
            return Err("`account` is 1 or more, and below 16777216");
        }
        Ok(Key {
            account: AccountId(self.account),
            verifier,
            may_read: self.permissions.contains(&Permission::Read),
            may_trade: self.permissions.contains(&Permission::Trade),
        })
    }
}

/// Never shows a secret.
impl fmt::Debug for KeyEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyEntry").field("account", &self.account).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Keys, String> {
        Keys::parse(text, |name| (name == "SECRET").then(|| "from outside".to_owned()))
    }

    const GOOD: &str = "\n[[key]]\napi_key = \"one\"\naccount = 1\npermissions = [\"read\"]\n";

    #[test]
    fn keys_are_read_with_what_they_may_do() {
        let keys = parse(&format!("{GOOD}secret = \"hidden\"")).unwrap();
        let key = keys.get("one").unwrap();
        assert_eq!((key.account, key.may_read, key.may_trade), (AccountId(1), true, false));
        assert!(keys.get("other").is_none());
        let keys = parse(&format!("{GOOD}secret_env = \"SECRET\"")).unwrap();
        assert!(matches!(&keys.get("one").unwrap().verifier,
            Verifier::Hmac(secret) if secret == b"from outside"));
    }

    #[test]
    fn each_mistake_is_told_with_its_line_and_without_a_secret() {
        for (rest, expected) in [
            ("", "line 2: a key has one of"),
            ("secret = \"hidden\"\nsecret_env = \"SECRET\"", "line 2: a key has one of"),
            ("secret_env = \"NOWHERE\"", "line 2: `secret_env` names"),
            ("ed25519_public_key = \"hidden\"", "line 2: `ed25519_public_key`"),
            ("secret = \"\"", "line 2: the secret is empty"),
            ("secret = \"hidden\"\ncolour = 1", "colour"),
            ("secret = \"hidden", "line 6"),
        ] {
            let message = parse(&format!("{GOOD}{rest}")).unwrap_err();
            assert!(message.contains(expected), "{message}");
            assert!(!message.contains("hidden"), "{message}");
        }
        let twice = format!("{GOOD}secret = \"a\"{GOOD}secret = \"b\"");
        assert!(parse(&twice).unwrap_err().contains("that of another key"));
    }

    #[test]
    fn debug_shows_no_secret() {
        let keys = parse(&format!("{GOOD}secret = \"hidden\"")).unwrap();
        let text = format!("{keys:?}");
        assert!(text.contains("Hmac(..)") && !text.contains("hidden"), "{text}");
        assert!(!text.contains(&format!("{:?}", b"hidden")), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("tiercel-keys-{}", std::process::id()));
        std::fs::write(&path, format!("{GOOD}secret = \"hidden\"")).unwrap();
        let set = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        for mode in [0o644, 0o640, 0o604, 0o610] {
            set(mode);
            let error = Keys::open(&path).unwrap_err();
            assert!(matches!(error, KeysError::Mode { .. }), "{error}");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        set(0o600);
        assert_eq!(Keys::open(&path).unwrap().len(), 1);
        std::fs::remove_file(&path).unwrap();
    }
}
