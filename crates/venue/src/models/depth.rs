//! The displayed book of each instrument, and what of it has changed.
//!
//! Levels change when their command is complete, all at once: a book that is read never lies inside
//! a command, and its update id is the last one of a command. Until then changes are kept aside; a
//! command has as many as it changes levels.

use std::collections::BTreeMap;

use tiercel_book::l2::Ladder;
use tiercel_types::event::OrderAmended;
use tiercel_types::market::Level;
use tiercel_types::{Event, EventHeader, InstrumentId, Price, Qty, Side};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::image::{self, ImageError, ImageReader};

/// A level that has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelChange {
    /// Which side.
    pub side: Side,
    /// At which price.
    pub price: Price,
    /// What it displays now; zero: it is gone.
    pub qty: Qty,
    /// The book update that changed it.
    pub update_id: u64,
}

/// The levels that an event changes, at most two, in the order of their telling.
pub fn level_changes(event: &Event) -> impl Iterator<Item = LevelChange> {
    let mut changes = [None; 2];
    let mut rooms = changes.iter_mut();
    each_level_change(event, |change| {
        if let Some(room) = rooms.next() {
            *room = Some(change);
        }
    });
    changes.into_iter().flatten()
}

/// The same, one by one.
#[inline]
fn each_level_change(event: &Event, mut each: impl FnMut(LevelChange)) {
    let (side, price, qty, update_id) = match event {
        Event::OrderAccepted(event) if event.resting == 1 => {
            (event.side, event.price, event.level_qty, event.update_id)
        }
        Event::OrderRested(event) => (event.side, event.price, event.level_qty, event.update_id),
        Event::OrderReplenished(event) => {
            (event.side, event.price, event.level_qty, event.update_id)
        }
        Event::OrderEnded(event) => (event.side, event.price, event.level_qty, event.update_id),
        Event::LevelChanged(event) => (event.side, event.price, event.level_qty, event.update_id),
        Event::Trade(event) => {
            (event.taker_side.opposite(), event.price, event.level_qty, event.update_id)
        }
        Event::SelfTradePrevented(event) => {
            (event.taker_side.opposite(), event.price, event.level_qty, event.update_id)
        }
        Event::OrderAmended(event) => {
            let OrderAmended { side, old_price: price, old_level_qty: qty, update_id, .. } = *event;
            let is_resting = event.resting == 1;
            let stays = event.price == price && is_resting;
            if update_id != 0 && !stays {
                each(LevelChange { side, price, qty, update_id });
            }
            if !is_resting {
                return;
            }
            (side, event.price, event.level_qty, update_id)
        }
        _ => return,
    };
    if update_id != 0 {
        each(LevelChange { side, price, qty, update_id });
    }
}

/// An instrument's displayed book at the end of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    bids: Ladder<true>,
    asks: Ladder<false>,
    update_id: u64,
}

impl Book {
    /// The last book update in it. It is the last one of its command.
    pub fn update_id(&self) -> u64 {
        self.update_id
    }

    /// Bids, best first.
    pub fn bids(&self) -> impl Iterator<Item = (Price, Qty)> {
        self.bids.iter().map(|level| (level.price, level.qty))
    }

    /// Asks, best first.
    pub fn asks(&self) -> impl Iterator<Item = (Price, Qty)> {
        self.asks.iter().map(|level| (level.price, level.qty))
    }

    fn set(&mut self, change: &LevelChange) {
        let level = Level { price: change.price, qty: change.qty };
        let set = match change.side {
            Side::Buy => self.bids.set(level),
            Side::Sell => self.asks.set(level),
        };
        debug_assert_eq!(set, Ok(()), "its sides have no limit");
        self.update_id = change.update_id;
    }
}

/// The books of all instruments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    books: BTreeMap<InstrumentId, Book>,
    /// Of the command that is not complete.
    pending: Vec<(InstrumentId, LevelChange)>,
}

/// What a stream sends: the levels that have changed since it last did. Of a level that changed
/// several times, the last state; so that it is never larger than the book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DepthChanges {
    first_update_id: u64,
    last_update_id: u64,
    bids: BTreeMap<Price, Qty>,
    asks: BTreeMap<Price, Qty>,
}

impl DepthChanges {
    /// Adds a command's change.
    pub fn add(&mut self, change: &LevelChange) {
        let levels = match change.side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        levels.insert(change.price, change.qty);
        if self.first_update_id == 0 {
            self.first_update_id = change.update_id;
        }
        self.last_update_id = change.update_id;
    }

    /// Nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.first_update_id == 0
    }

    /// The first book update since the last [`clear`](Self::clear): Binance's `U`. One more than the
    /// last one of the diff before.
    pub fn first_update_id(&self) -> u64 {
        self.first_update_id
    }

    /// The last one: Binance's `u`.
    pub fn last_update_id(&self) -> u64 {
        self.last_update_id
    }

    /// Bids that changed, best first; zero: gone.
    pub fn bids(&self) -> impl Iterator<Item = (Price, Qty)> {
        self.bids.iter().rev().map(|(price, qty)| (*price, *qty))
    }

    /// Asks that changed, best first; zero: gone.
    pub fn asks(&self) -> impl Iterator<Item = (Price, Qty)> {
        self.asks.iter().map(|(price, qty)| (*price, *qty))
    }

    /// It was sent.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
        (self.first_update_id, self.last_update_id) = (0, 0);
    }
}

/// A level of an image.
#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct LevelImage {
    price: Price,
    qty: Qty,
    instrument: InstrumentId,
    side: Side,
    reserved: [u8; 3],
}

/// A book of an image.
#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct BookImage {
    update_id: u64,
    instrument: InstrumentId,
    reserved: u32,
}

impl Depth {
    /// Folds an event in; at the end of a command, each change of the command goes to `told` and
    /// into the books.
    pub(crate) fn apply(
        &mut self,
        header: &EventHeader,
        event: &Event,
        mut told: impl FnMut(InstrumentId, &LevelChange),
    ) {
        if let Event::InstrumentAdded(_) = event {
            self.books.entry(header.instrument).or_default();
        }
        let Self { books, pending } = self;
        if !header.is_last() {
            each_level_change(event, |change| pending.push((header.instrument, change)));
            return;
        }
        let mut set = |instrument, change: &LevelChange| {
            books.entry(instrument).or_default().set(change);
            told(instrument, change);
        };
        for (instrument, change) in pending.drain(..) {
            set(instrument, &change);
        }
        each_level_change(event, |change| set(header.instrument, &change));
    }

    /// An instrument's book.
    pub fn book(&self, instrument: InstrumentId) -> Option<&Book> {
        self.books.get(&instrument)
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        let books: Vec<BookImage> = self.books.iter().map(BookImage::of).collect();
        image::put(out, books.iter());
        let levels: Vec<LevelImage> = self.books.iter().flat_map(LevelImage::of_book).collect();
        image::put(out, levels.iter());
    }

    pub(super) fn load(reader: &mut ImageReader<'_>) -> Result<Self, ImageError> {
        let mut loaded = Self::default();
        reader.take("books", |image: BookImage| {
            let book = Book { update_id: image.update_id, ..Book::default() };
            loaded.books.insert(image.instrument, book);
        })?;
        reader.take("levels", |image: LevelImage| {
            let book = loaded.books.entry(image.instrument).or_default();
            let LevelImage { side, price, qty, .. } = image;
            book.set(&LevelChange { side, price, qty, update_id: book.update_id });
        })?;
        Ok(loaded)
    }
}

impl BookImage {
    fn of((instrument, book): (&InstrumentId, &Book)) -> Self {
        Self { update_id: book.update_id, instrument: *instrument, reserved: 0 }
    }
}

impl LevelImage {
    fn of_book((instrument, book): (&InstrumentId, &Book)) -> impl Iterator<Item = Self> {
        let image =
            |side, price, qty| Self { price, qty, instrument: *instrument, side, reserved: [0; 3] };
        let bids = book.bids().map(move |(price, qty)| image(Side::Buy, price, qty));
        bids.chain(book.asks().map(move |(price, qty)| image(Side::Sell, price, qty)))
    }
}
