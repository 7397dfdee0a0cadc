//! What is watched in one book.

use tiercel_types::{Price, Side, Timestamp};

use crate::book::{Book, GUARDED, NOTED};
use crate::engine::Engine;
use crate::ladder::Ladder;
use crate::ledger::Ledger;
use crate::orders::NONE;
use crate::volume::minute_of;

use super::NOBODY;
use super::quiet::Quiet;
use super::trailing::Trailing;

/// Fields that conditions look at, by their codes.
const FIELDS: usize = 5;

/// Ticks of the window of the triggers' ladders, at most.
const TRIGGER_WINDOW: usize = 1024;
/// Of all other queues by price.
const FIELD_WINDOW: usize = 64;

/// What waits for prints of a book, for its best prices, or for its instrument to open.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    /// Stop and take-profit orders by trigger tick: `[downwards, upwards]`, so that the side of
    /// the ladder says which come first.
    pub(crate) triggers: [Ladder; 2],
    /// Trailing stops that wait for a print at their activation tick, likewise.
    pub(crate) dormant: [Ladder; 2],
    /// Trailing stops that track from the next print on: a list through the orders' links.
    pub(crate) fresh: u32,
    /// Trailing stops that track, by side.
    pub(crate) trailing: [Trailing; 2],
    /// Leaves of conditions by field, then by whether it has to fall or to rise.
    pub(crate) fields: [[Ladder; 2]; FIELDS],
    /// How many leaves are watched.
    pub(crate) lookers: usize,
    /// How many orders wait for prints.
    pub(crate) readers: usize,
    /// When none of this has to be looked at: nobody has joined since it was found out.
    pub(crate) quiet: Quiet,
    /// The first print of the present step.
    pub(crate) first_print: Option<Price>,
    /// Orders of this instrument that are not in the book, oldest first.
    pub(crate) aside_first: u32,
    pub(crate) aside_last: u32,
}

impl Watch {
    fn new(window_ticks: usize) -> Self {
        let pair = |ticks| [Ladder::new(Side::Buy, ticks), Ladder::new(Side::Sell, ticks)];
        let fields = || pair(FIELD_WINDOW);
        Self {
            triggers: pair(window_ticks.min(TRIGGER_WINDOW)),
            dormant: pair(FIELD_WINDOW),
            fresh: NONE,
            trailing: [Trailing::new(Side::Buy), Trailing::new(Side::Sell)],
            fields: [fields(), fields(), fields(), fields(), fields()],
            lookers: 0,
            readers: 0,
            quiet: Quiet::NEVER,
            first_print: None,
            aside_first: NOBODY,
            aside_last: NOBODY,
        }
    }

    /// Whether anybody asks for prices.
    fn is_asked(&self) -> bool {
        self.lookers + self.readers != 0
    }
}

impl Book {
    pub(crate) fn watch(&self) -> Option<&Watch> {
        self.watch.as_deref()
    }

    /// What is watched in a book that is.
    pub(crate) fn watch_mut(&mut self) -> &mut Watch {
        match &mut self.watch {
            Some(watch) => watch,
            None => unreachable!("whoever waits has made the watch"),
        }
    }

    /// The first order of the instrument that is not in the book, or [`NOBODY`].
    pub(crate) fn first_aside(&self) -> u32 {
        self.watch().map_or(NOBODY, |watch| watch.aside_first)
    }

    /// Notes trades, the first of them at this price, so much in all.
    #[inline(always)]
    pub(crate) fn note_trades(&mut self, price: Price, lots: u64, time: Timestamp) {
        if !self.has(NOTED) {
            return;
        }
        let qty = self.qty(lots);
        if let Some(watch) = self.watch.as_mut().filter(|watch| watch.is_asked()) {
            watch.first_print.get_or_insert(price);
        }
        if let Some(volume) = &mut self.volume {
            volume.add(qty, minute_of(time));
        }
    }

    /// Keeps the mark by which trading knows that it has to be noted.
    pub(crate) fn mark_noted(&mut self) {
        let asked = self.watch().is_some_and(Watch::is_asked);
        self.mark(NOTED, asked || self.volume.is_some());
    }

    /// Tells limit bands that there was a trade.
    #[inline(always)]
    pub(crate) fn note_trade(&mut self, price: Price) {
        if self.has(GUARDED)
            && let Some(guard) = &mut self.guard
        {
            guard.note_trade(price);
        }
    }
}

impl<L: Ledger> Engine<L> {
    /// What is watched in a book; made if it is the first time.
    pub(crate) fn watch_mut(&mut self, index: u32) -> &mut Watch {
        let book = &mut self.books[index as usize];
        if book.watch.is_none() {
            book.watch = Some(Box::new(Watch::new(self.config.window_ticks)));
            self.waiting.watched.push(index);
        }
        self.books[index as usize].watch_mut()
    }

    /// Somebody waits for a book's prices from now on.
    pub(crate) fn disquiet(&mut self, index: u32) {
        self.books[index as usize].watch_mut().quiet = Quiet::NEVER;
        self.note_book(index);
    }

    /// Keeps the mark by which trading knows that its prints are asked for.
    pub(crate) fn note_book(&mut self, index: u32) {
        self.books[index as usize].mark_noted();
    }
}
