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
//!
//! [`Keys`] can be changed while the venue runs, by whoever administers it. What is changed is in
//! the file before it is true, and true at once: the next request finds the key, or finds it gone.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;
use tiercel_types::AccountId;

use crate::binance::signature::Verifier;
use crate::secret::{self, SecretError, random_text};

/// The most characters of an API key.
const API_KEY_MAX: usize = 256;

/// The first line of a file that the venue has written.
const HEADING: &str = "# The API keys of `tiercel venue`, which rewrites this file.\n";

/// A key: whose it is, and what it may do.
#[derive(Debug)]
pub struct Key {
    /// Whose orders and funds it is about.
    pub account: AccountId,
    /// What verifies its signatures.
    pub verifier: Verifier,
    /// Whether it may ask about its account.
    pub may_read: bool,
    /// Whether it may enter and cancel orders.
    pub may_trade: bool,
    revoked: AtomicBool,
}

impl Key {
    /// A key that is good.
    pub const fn new(
        account: AccountId,
        verifier: Verifier,
        may_read: bool,
        may_trade: bool,
    ) -> Self {
        Self { account, verifier, may_read, may_trade, revoked: AtomicBool::new(false) }
    }

    /// Whether it was taken back: for a session that was opened with it, and goes on.
    pub fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Relaxed)
    }
}

/// All keys, by the text that clients send. Clones are the same keys.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    book: Arc<RwLock<Book>>,
}

#[derive(Debug, Default)]
struct Book {
    keys: HashMap<Box<str>, Arc<Key>>,
    /// Where they are kept; `None`: nowhere.
    file: Option<PathBuf>,
}

/// A key, as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyView {
    /// What clients send.
    pub api_key: String,
    /// Whose it is.
    pub account: AccountId,
    /// Whether it may ask about its account.
    pub may_read: bool,
    /// Whether it may enter and cancel orders.
    pub may_trade: bool,
    /// How it signs: `hmac` or `ed25519`.
    pub signs: &'static str,
}

/// A key that was just made: the one time that its secret can be seen.
pub struct NewKey {
    /// What clients send.
    pub api_key: String,
    /// What they sign with; `None`: they keep the private half themselves.
    pub secret: Option<String>,
    /// Whether it is in a file, and so survives a restart.
    pub stored: bool,
}

/// Why keys cannot be used.
#[derive(Debug, Error)]
pub enum KeysError {
    /// The file cannot be read or changed, or others may see it.
    #[error("the keys in {0}")]
    File(#[from] SecretError),
    /// The text is no such file.
    #[error("the keys in {path}: {message}")]
    Text {
        /// Which file.
        path: PathBuf,
        /// Where, and what; never a secret.
        message: String,
    },
    /// What was given makes no key.
    #[error("{0}")]
    Key(&'static str),
    /// The system has no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
}

/// The file, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    #[serde(default)]
    key: Vec<toml::Spanned<KeyEntry>>,
}

/// The file, as the venue writes it.
#[derive(Serialize)]
struct KeysWritten {
    key: Vec<KeyEntry>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    api_key: String,
    account: u32,
    permissions: Vec<Permission>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "secret_text")]
    secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_env: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ed25519_public_key: Option<String>,
}

/// A secret. What it is instead is not told: that may be a secret without its quotes.
fn secret_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match toml::Value::deserialize(deserializer) {
        Ok(toml::Value::String(secret)) => Ok(Some(secret)),
        _ => Err(D::Error::custom("`secret` is a text in quotes")),
    }
}

#[derive(Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Permission {
    Read,
    Trade,
}

impl Keys {
    /// Reads a file of keys, which nobody but its owner may see. Keys that are made later are kept
    /// there.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn open(path: &Path) -> Result<Self, KeysError> {
        let keys = Self::parse(&secret::read(path)?, from_environment)
            .map_err(|message| KeysError::Text { path: path.into(), message })?;
        keys.write().file = Some(path.into());
        Ok(keys)
    }

    /// The same; a file that is not there is made, without a key in it.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn open_or_make(path: &Path) -> Result<Self, KeysError> {
        if !path.exists() {
            replace(path, &[])?;
        }
        Self::open(path)
    }

    /// Reads keys from a text; `environment` looks variables up.
    ///
    /// # Errors
    /// The line and the key of the first mistake. Never a secret: syntax errors of TOML are told
    /// without the line's text.
    pub fn parse(text: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let keys = Self::default();
        for (line, entry) in entries(text)? {
            let refuse = |what: &str| format!("line {line}: {what}");
            let key = entry.verify(&environment).map_err(refuse)?;
            keys.add(&entry.api_key, key).map_err(refuse)?;
        }
        Ok(keys)
    }

    /// Adds a key, which is in no file.
    ///
    /// # Errors
    /// What is wrong with it: `api_key` is empty, too long, not printable, or there already.
    pub fn add(&self, api_key: &str, key: Key) -> Result<(), &'static str> {
        let printable = api_key.bytes().all(|byte| byte.is_ascii_graphic());
        if api_key.is_empty() || api_key.len() > API_KEY_MAX || !printable {
            return Err("`api_key` has 1 to 256 printable characters, none of them blank");
        }
        let mut book = self.write();
        if book.keys.contains_key(api_key) {
            return Err("`api_key` is that of another key");
        }
        book.keys.insert(api_key.into(), Arc::new(key));
        Ok(())
    }

    /// Makes a key of an account: with a public key of Ed25519 in base64 or PEM, else with a secret
    /// of HMAC-SHA256. It is in the file, if there is one, before it is good.
    ///
    /// # Errors
    /// [`KeysError`]; there is no new key then.
    pub fn create(
        &self,
        account: AccountId,
        (may_read, may_trade): (bool, bool),
        ed25519_public_key: Option<String>,
    ) -> Result<NewKey, KeysError> {
        let secret = match &ed25519_public_key {
            Some(_) => None,
            None => Some(random_text().map_err(KeysError::Random)?),
        };
        let api_key = random_text().map_err(KeysError::Random)?;
        let permissions = [(may_read, Permission::Read), (may_trade, Permission::Trade)];
        let entry = KeyEntry {
            api_key: api_key.clone(),
            account: account.0,
            permissions: permissions.iter().filter(|(may, _)| *may).map(|(_, it)| *it).collect(),
            secret: secret.clone(),
            secret_env: None,
            ed25519_public_key,
        };
        let key = entry.verify(from_environment).map_err(KeysError::Key)?;
        let mut book = self.write();
        if let Some(file) = &book.file {
            change(file, |entries| entries.push(entry))?;
        }
        book.keys.insert(api_key.as_str().into(), Arc::new(key));
        Ok(NewKey { api_key, secret, stored: book.file.is_some() })
    }

    /// Takes a key back. Returns whether there was such a key.
    ///
    /// # Errors
    /// [`KeysError`]: the file could not be changed. The key is good then, as it was.
    pub fn revoke(&self, api_key: &str) -> Result<bool, KeysError> {
        let mut book = self.write();
        if !book.keys.contains_key(api_key) {
            return Ok(false);
        }
        if let Some(file) = &book.file {
            change(file, |entries| entries.retain(|entry| entry.api_key != api_key))?;
        }
        if let Some(key) = book.keys.remove(api_key) {
            key.revoked.store(true, Ordering::Relaxed);
        }
        Ok(true)
    }

    /// The key of that text.
    pub fn get(&self, api_key: &str) -> Option<Arc<Key>> {
        self.read().keys.get(api_key).cloned()
    }

    /// All of them, without their secrets, by account.
    pub fn list(&self) -> Vec<KeyView> {
        let book = self.read();
        let views = book.keys.iter().map(|(api_key, key)| KeyView {
            api_key: api_key.to_string(),
            account: key.account,
            may_read: key.may_read,
            may_trade: key.may_trade,
            signs: match key.verifier {
                Verifier::Hmac(_) => "hmac",
                Verifier::Ed25519(_) => "ed25519",
            },
        });
        let mut all: Vec<_> = views.collect();
        all.sort_by(|one, other| (one.account, &one.api_key).cmp(&(other.account, &other.api_key)));
        all
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.read().keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.read().keys.is_empty()
    }

    fn read(&self) -> RwLockReadGuard<'_, Book> {
        self.book.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Book> {
        self.book.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn from_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The entries of a file's text, with their lines.
fn entries(text: &str) -> Result<Vec<(usize, KeyEntry)>, String> {
    let line_at = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
    let file: KeysFile = toml::from_str(text).map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| line_at(span.start));
        format!("line {line}: {}", error.message())
    })?;
    let entry = |entry: toml::Spanned<KeyEntry>| (line_at(entry.span().start), entry.into_inner());
    Ok(file.key.into_iter().map(entry).collect())
}

/// Changes the entries of a file as they are there now: what was written by hand since the start
/// stays, but for its comments.
fn change(path: &Path, change: impl FnOnce(&mut Vec<KeyEntry>)) -> Result<(), KeysError> {
    let entries = entries(&secret::read(path)?)
        .map_err(|message| KeysError::Text { path: path.into(), message })?;
    let mut entries = entries.into_iter().map(|(_, entry)| entry).collect();
    change(&mut entries);
    replace(path, &entries)
}

/// Puts these entries in the place of the file's.
fn replace(path: &Path, entries: &[KeyEntry]) -> Result<(), KeysError> {
    let written = toml::to_string(&KeysWritten { key: entries.to_vec() });
    let text = written
        .map_err(|error| KeysError::Text { path: path.into(), message: error.to_string() })?;
    secret::replace(path, &format!("{HEADING}{text}"))?;
    Ok(())
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
        let may = |permission| self.permissions.contains(&permission);
        let account = AccountId(self.account);
        Ok(Key::new(account, verifier, may(Permission::Read), may(Permission::Trade)))
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
            ("secret = 5417", "line 6: `secret` is a text in quotes"),
            ("secret = [\"hidden\"]", "line 6: `secret` is a text in quotes"),
            ("secret = 2026-11-21", "line 6: `secret` is a text in quotes"),
        ] {
            let message = parse(&format!("{GOOD}{rest}")).unwrap_err();
            assert!(message.contains(expected), "{message}");
            let told = ["hidden", "5417", "2026"].into_iter().find(|it| message.contains(it));
            assert_eq!(told, None, "{message}");
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
            assert!(matches!(error, KeysError::File(SecretError::Mode { .. })), "{error}");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        set(0o600);
        assert_eq!(Keys::open(&path).unwrap().len(), 1);
        std::fs::remove_file(&path).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn keys_are_in_the_file_while_they_are_good_and_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("tiercel-made-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("keys.toml");
        let keys = Keys::open_or_make(&path).unwrap();
        let made = keys.create(AccountId(7), (true, false), None).unwrap();
        let other = keys.create(AccountId(8), (true, true), None).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        // Written by hand while the venue runs.
        let by_hand = format!("{}{GOOD}secret_env = \"PATH\"\n", secret::read(&path).unwrap());
        std::fs::write(&path, by_hand).unwrap();
        let session = keys.get(&other.api_key).unwrap();
        assert!(keys.revoke(&other.api_key).unwrap() && session.is_revoked());
        assert!(!keys.revoke(&other.api_key).unwrap());
        let again = Keys::open(&path).unwrap();
        let accounts: Vec<_> = again.list().into_iter().map(|key| key.account.0).collect();
        assert_eq!((accounts, made.stored), (vec![1, 7], true));
        let secret = made.secret.unwrap();
        assert!(matches!(&again.get(&made.api_key).unwrap().verifier,
            Verifier::Hmac(known) if *known == secret.as_bytes()));
        assert!(!format!("{again:?}{:?}", again.list()).contains(&secret));
        // A file that cannot be changed: the key stays what it was.
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(keys.revoke(&made.api_key).is_err() && keys.get(&made.api_key).is_some());
        assert!(keys.create(AccountId(7), (true, false), None).is_err());
        assert!(matches!(
            Keys::default().create(AccountId::VENUE, (true, true), None),
            Err(KeysError::Key(_))
        ));
    }
}
