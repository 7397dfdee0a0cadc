//! The newest records of each account.

use std::collections::{BTreeMap, VecDeque};

use tiercel_types::AccountId;

/// Of each account the newest records, oldest first: as many as are kept of one. One more, and the
/// oldest is forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Newest<T> {
    of: BTreeMap<AccountId, VecDeque<T>>,
    limit: usize,
}

impl<T> Newest<T> {
    /// Keeps `limit` records of each account.
    pub(super) const fn new(limit: usize) -> Self {
        Self { of: BTreeMap::new(), limit }
    }

    pub(super) fn push(&mut self, account: AccountId, record: T) {
        let kept = self.of.entry(account).or_default();
        kept.push_back(record);
        if kept.len() > self.limit {
            kept.pop_front();
        }
    }

    /// Those of an account, oldest first.
    pub(super) fn of(&self, account: AccountId) -> impl DoubleEndedIterator<Item = &T> {
        self.of.get(&account).into_iter().flatten()
    }

    /// All of them, by account: pushed in this order they are kept as they were.
    pub(super) fn all(&self) -> impl Iterator<Item = (AccountId, &T)> {
        self.of.iter().flat_map(|(account, kept)| kept.iter().map(|record| (*account, record)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_an_account_is_forgotten_first_and_others_are_left_alone() {
        let (one, two) = (AccountId(1), AccountId(2));
        let mut newest = Newest::new(2);
        for record in 1..=3 {
            newest.push(one, record);
        }
        newest.push(two, 9);
        assert!(newest.of(one).eq(&[2, 3]) && newest.of(two).eq(&[9]));
        let mut again = Newest::new(2);
        for (account, record) in newest.all() {
            again.push(account, *record);
        }
        assert_eq!(again, newest);
    }
}
