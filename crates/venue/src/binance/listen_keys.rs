//! Listen keys: names under which an account's stream is opened on `/ws` and `/stream`.
//!
//! The public interface retired them in February 2026, in favour of subscriptions over its
//! `WebSocket` interface. Clients that are older still need them.

use std::collections::HashMap;

use tiercel_types::AccountId;

use super::error::ApiError;

/// How long a key is good for, from its last use.
pub const VALIDITY_MS: u64 = 60 * 60 * 1_000;

/// All keys: one of an account at most.
#[derive(Debug, Default)]
pub struct ListenKeys {
    keys: HashMap<String, Open>,
    of: HashMap<AccountId, String>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    account: AccountId,
    until_ms: u64,
}

impl ListenKeys {
    /// The account's key, good for an hour from now; `generated` if it has none.
    pub fn open(&mut self, account: AccountId, generated: String, now_ms: u64) -> &str {
        let key = self.of.entry(account).or_insert(generated);
        let until_ms = now_ms.saturating_add(VALIDITY_MS);
        self.keys.insert(key.clone(), Open { account, until_ms });
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

    /// Takes those out that are no longer good, with their accounts.
    pub fn expire(&mut self, now_ms: u64) -> Vec<(AccountId, String)> {
        let expired = self.keys.extract_if(|_, open| open.until_ms <= now_ms);
        let expired: Vec<_> = expired.map(|(key, open)| (open.account, key)).collect();
        for (account, _) in &expired {
            self.of.remove(account);
        }
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_one_key_which_only_it_may_keep_and_close() {
        let (one, other) = (AccountId(1), AccountId(2));
        let mut keys = ListenKeys::default();
        assert_eq!(keys.open(one, "a".to_owned(), 0), "a");
        assert_eq!(keys.open(one, "b".to_owned(), 1), "a", "the one that there is");
        assert_eq!((keys.account("a"), keys.account("b")), (Some(one), None));
        assert_eq!(keys.keep(other, "a", 2).unwrap_err().code, -1125);
        assert_eq!(keys.close(other, "a").unwrap_err().code, -1125);
        assert_eq!(keys.expire(VALIDITY_MS), []);
        keys.keep(one, "a", 10).unwrap();
        assert_eq!(keys.expire(VALIDITY_MS + 1), []);
        assert_eq!(keys.expire(VALIDITY_MS + 10), [(one, "a".to_owned())]);
        assert_eq!(keys.open(one, "c".to_owned(), 0), "c");
        keys.close(one, "c").unwrap();
        assert_eq!(keys.account("c"), None);
    }
}
