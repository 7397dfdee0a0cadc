//! Listen keys: names under which an account's stream is opened on `/ws` and `/stream`.
//!
//! The public interface retired them in February 2026, in favour of subscriptions over its
//! `WebSocket` interface. Clients that are older still need them.

use std::collections::HashMap;
use std::sync::Arc;

use tiercel_types::AccountId;

use super::error::ApiError;
use crate::accounts::Key;

/// How long a key is good for, from its last use.
pub const VALIDITY_MS: u64 = 60 * 60 * 1_000;

/// All keys: one of an account at most.
#[derive(Debug, Default)]
pub struct ListenKeys {
    keys: HashMap<String, Open>,
    of: HashMap<AccountId, String>,
}

#[derive(Debug)]
struct Open {
    account: AccountId,
    until_ms: u64,
    /// The API keys that it was given to: who holds one of them knows it.
    holders: Vec<Arc<Key>>,
}

impl ListenKeys {
    /// The key of the account of `holder`, good for an hour from now; `generated` if it has none.
    pub fn open(&mut self, holder: &Arc<Key>, generated: String, now_ms: u64) -> &str {
        let account = holder.account;
        let key = self.of.entry(account).or_insert(generated);
        let new = Open { account, until_ms: 0, holders: Vec::new() };
        let open = self.keys.entry(key.clone()).or_insert(new);
        open.until_ms = now_ms.saturating_add(VALIDITY_MS);
        if !open.holders.iter().any(|known| Arc::ptr_eq(known, holder)) {
            open.holders.push(Arc::clone(holder));
        }
        key
    }

    /// Whose key it is.
    pub fn account(&self, key: &str) -> Option<AccountId> {
        self.keys.get(key).map(|open| open.account)
    }

    /// Makes the account's key good for another hour.
    ///
    /// # Errors
    /// -1125 if it is not a key of that account.
    pub fn keep(&mut self, account: AccountId, key: &str, now_ms: u64) -> Result<(), ApiError> {
        let open = self.keys.get_mut(key).filter(|open| open.account == account);
        open.ok_or_else(ApiError::listen_key)?.until_ms = now_ms.saturating_add(VALIDITY_MS);
        Ok(())
    }

    /// Ends the account's key.
    ///
    /// # Errors
    /// As [`keep`](Self::keep).
    pub fn close(&mut self, account: AccountId, key: &str) -> Result<(), ApiError> {
        if self.account(key) != Some(account) {
            return Err(ApiError::listen_key());
        }
        self.keys.remove(key);
        self.of.remove(&account);
        Ok(())
    }

    /// Takes those out whose time is over.
    pub fn expire(&mut self, now_ms: u64) -> Vec<String> {
        self.take(|open| open.until_ms <= now_ms)
    }

    /// Takes those out that were given to an API key that is taken back since.
    pub fn end_revoked(&mut self) -> Vec<String> {
        self.take(|open| open.holders.iter().any(|holder| holder.is_revoked()))
    }

    fn take(&mut self, over: impl Fn(&Open) -> bool) -> Vec<String> {
        let Self { keys, of } = self;
        let taken = keys.extract_if(|_, open| over(open));
        taken.inspect(|(_, open)| drop(of.remove(&open.account))).map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binance::signature::Verifier;

    #[test]
    fn an_account_has_one_key_which_only_it_may_keep_and_close() {
        let (one, other) = (AccountId(1), AccountId(2));
        let key = |account| Arc::new(Key::new(account, Verifier::Hmac(Vec::new()), true, true));
        let (holder, second) = (key(one), key(one));
        let mut keys = ListenKeys::default();
        assert_eq!(keys.open(&holder, "a".to_owned(), 0), "a");
        assert_eq!(keys.open(&second, "b".to_owned(), 1), "a", "the one that there is");
        assert_eq!((keys.account("a"), keys.account("b")), (Some(one), None));
        assert_eq!(keys.keep(other, "a", 2).unwrap_err().code, -1125);
        assert_eq!(keys.close(other, "a").unwrap_err().code, -1125);
        assert!(keys.expire(VALIDITY_MS).is_empty());
        keys.keep(one, "a", 10).unwrap();
        assert!(keys.expire(VALIDITY_MS + 1).is_empty());
        assert_eq!(keys.expire(VALIDITY_MS + 10), ["a".to_owned()]);
        assert_eq!(keys.open(&holder, "c".to_owned(), 0), "c");
        keys.close(one, "c").unwrap();
        assert_eq!(keys.account("c"), None);
    }
}
