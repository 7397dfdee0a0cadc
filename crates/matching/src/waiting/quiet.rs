//! What a watched book may do without firing anything: looked at after each command in place of
//! every queue.

use tiercel_types::Side;
use tiercel_types::order::ConditionField;

use crate::book::{Book, NOTED, UNSEEN};
use crate::engine::Engine;
use crate::ladder::Ladder;
use crate::ledger::Ledger;
use crate::orders::NONE;

use super::trailing::Trailing;
use super::watch::Watch;
use super::{NOBODY, Touched};

/// Values from the one to the other fire nothing; none does if they are the wrong way round.
#[derive(Clone, Copy, Debug)]
struct Between {
    low: i64,
    high: i64,
}

impl Between {
    /// No value does.
    const NOTHING: Self = Self { low: i64::MAX, high: i64::MIN };
    const ALL: Self = Self { low: i64::MIN, high: i64::MAX };

    #[inline(always)]
    fn holds(self, value: i64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Leaves out the values up to `low` and from `high` on.
    fn without(self, low: Option<i128>, high: Option<i128>) -> Self {
        let low = low.map_or(i128::MIN, |low| low.saturating_add(1));
        let high = high.map_or(i128::MAX, |high| high.saturating_sub(1));
        match (i64::try_from(low.max(self.low.into())), i64::try_from(high.min(self.high.into()))) {
            (Ok(low), Ok(high)) => Self { low, high },
            _ => Self::NOTHING,
        }
    }

    /// The same of values that are multiples of a tick, in ticks.
    fn in_ticks(self, units: i64) -> Self {
        let low = self.low.div_euclid(units) + i64::from(self.low.rem_euclid(units) != 0);
        Self { low, high: self.high.div_euclid(units) }
    }

    /// Leaves out what reaches the first level of either queue, whose prices are in such units.
    fn without_levels(self, [falling, rising]: &[Ladder; 2], units: i64) -> Self {
        let first =
            |ladder: &Ladder| Some(i128::from(ladder.key(ladder.best_key()?)) * i128::from(units));
        self.without(first(falling), first(rising))
    }

    /// Leaves out prints that fire a trailing stop, or better their best.
    fn without_trailing(self, trailing: &[Trailing; 2]) -> Self {
        trailing
            .iter()
            .filter_map(Trailing::quiet)
            .fold(self, |left, (low, high)| left.without(Some(low), Some(high)))
    }
}

/// The values at which nothing happens, by field. It may be too narrow: then the queues are looked
/// at in vain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quiet {
    /// In units.
    last: Between,
    /// In ticks, and so are the others.
    bid: Between,
    ask: Between,
    /// Of bid and ask added up.
    mid: Between,
    /// Whether nobody looks at the volume.
    no_volume: bool,
}

impl Quiet {
    /// Whatever comes, the queues have to be looked at.
    pub(crate) const NEVER: Self = Self {
        last: Between::NOTHING,
        bid: Between::NOTHING,
        ask: Between::NOTHING,
        mid: Between::NOTHING,
        no_volume: false,
    };

    /// Whether nothing happens with these best ticks, and a side that has none.
    #[inline(always)]
    fn holds_best(&self, bid: Option<i64>, ask: Option<i64>) -> bool {
        match (bid, ask) {
            (Some(bid), Some(ask)) => {
                self.bid.holds(bid)
                    && self.ask.holds(ask)
                    && bid.checked_add(ask).is_some_and(|sum| self.mid.holds(sum))
            }
            (Some(bid), None) => self.bid.holds(bid),
            (None, Some(ask)) => self.ask.holds(ask),
            (None, None) => true,
        }
    }
}

impl Watch {
    /// Finds out again when nothing happens.
    fn quieten(&mut self, tick_units: i64) {
        let field =
            |field: ConditionField| Between::ALL.without_levels(&self.fields[field as usize], 1);
        let mut last = field(ConditionField::Last)
            .without_levels(&self.triggers, tick_units)
            .without_levels(&self.dormant, tick_units)
            .without_trailing(&self.trailing);
        if self.fresh != NONE {
            last = Between::NOTHING;
        }
        let best = |of: ConditionField| field(of).in_ticks(tick_units);
        self.quiet = Quiet {
            last,
            bid: best(ConditionField::Bid),
            ask: best(ConditionField::Ask),
            mid: best(ConditionField::Mid),
            no_volume: self.fields[ConditionField::Volume24h as usize].iter().all(Ladder::is_empty),
        };
    }
}

impl Book {
    /// Whether what the present step did to the book fires nothing; then its prints are forgotten.
    #[inline(always)]
    fn stays_quiet(&mut self) -> bool {
        let noted = self.has(NOTED);
        let Some(watch) = &mut self.watch else { return true };
        if !noted {
            watch.first_print = None; // Who asked for it ended in this step.
            return true;
        }
        let best = |side: Side| {
            let ladder = &self.ladders[side.index()];
            Some(ladder.key(ladder.best_key()?))
        };
        if !watch.quiet.holds_best(best(Side::Buy), best(Side::Sell)) {
            return false;
        }
        // Without a print, the last price is what it was.
        let Some(first) = watch.first_print else { return true };
        let last = self.last_price.unwrap_or(first);
        let quiet = watch.quiet.no_volume
            && watch.quiet.last.holds(first.units())
            && watch.quiet.last.holds(last.units());
        if quiet {
            watch.first_print = None;
        }
        quiet
    }
}

impl<L: Ledger> Engine<L> {
    /// Whether nothing comes of a command that is complete and may have changed one book.
    #[inline(always)]
    pub(super) fn is_quiet(&mut self, touched: Touched) -> bool {
        let waiting = &self.waiting;
        let idle = waiting.queue.is_empty()
            && waiting.rest[0] == NOBODY
            && waiting.doubtful.is_empty()
            && waiting.touched == Touched::Nothing
            && !waiting.is_idle()
            && self.auctions.calls.is_empty()
            && self.limited.is_empty();
        idle && match touched {
            Touched::Nothing => true,
            Touched::Book(book) => {
                let book = &mut self.books[book as usize];
                !book.has(UNSEEN) && book.stays_quiet()
            }
            Touched::All => false,
        }
    }

    /// Every queue of a book has been looked at: it can tell when that has to be done again.
    pub(super) fn quieten(&mut self, book: u32) {
        let found = &mut self.books[book as usize];
        let tick_units = found.tick.units().cast_signed();
        if let Some(watch) = &mut found.watch {
            watch.quieten(tick_units);
        }
    }
}
