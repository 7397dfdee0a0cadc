//! Several ladders of one side as one.

use crate::ladder::{Ladder, Level};

/// Most ladders of one side that an auction looks at: the book's, that of the hidden orders, and
/// market and limit orders of the two times in force that take part in it.
pub(super) const LADDERS_MAX: usize = 6;

/// Walks the levels of several ladders of one side, best first.
pub(super) struct Merge<'a> {
    ladders: [Option<(&'a Ladder, i64)>; LADDERS_MAX],
}

/// What lies at one price, by ladder.
pub(super) struct Merged<'a> {
    pub(super) key: i64,
    pub(super) levels: [Option<&'a Level>; LADDERS_MAX],
}

impl<'a> Merge<'a> {
    /// Of these ladders; `None` are left out.
    pub(super) fn new(ladders: [Option<&'a Ladder>; LADDERS_MAX]) -> Self {
        Self { ladders: ladders.map(|ladder| Some((ladder?, ladder?.best_key()?))) }
    }
}

impl<'a> Iterator for Merge<'a> {
    type Item = Merged<'a>;

    fn next(&mut self) -> Option<Merged<'a>> {
        let key = self.ladders.iter().flatten().map(|&(_, key)| key).min()?;
        let mut levels = [None; LADDERS_MAX];
        for (place, level) in self.ladders.iter_mut().zip(&mut levels) {
            if let Some((ladder, _)) = place.filter(|&(_, at)| at == key) {
                *level = ladder.level(key);
                *place = ladder.next_after(key).map(|next| (ladder, next));
            }
        }
        Some(Merged { key, levels })
    }
}
