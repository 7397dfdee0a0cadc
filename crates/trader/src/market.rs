//! What is known of one instrument's market.

use tiercel_book::l2::{L2Book, State, Synchroniser, SynchroniserLimits};
use tiercel_strategy::{BookTick, LEVELS, STALE, Terms};
use tiercel_types::market::{BestBidOffer, Level};
use tiercel_types::{InstrumentId, Price, Side, Timestamp, TradeId};

/// Levels of each side that a book has room for.
const BOOK_LEVELS: usize = 16_384;

/// Whether what is known is what is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketState {
    /// The book is the venue's.
    Live,
    /// It is that of the past: its feed is gone, silent, or has lost something.
    Stale,
}

/// A book, and how it is kept.
pub enum MarketBook {
    /// By a feed that has all of it from the beginning.
    Direct(L2Book),
    /// From snapshots and numbered diffs, by one feed or several of the same venue.
    Numbered(Numbered),
    /// Its best levels alone, by a feed that has the orders themselves.
    Top(TopOfBook),
}

/// The best levels of a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TopOfBook {
    /// The update as of which they hold.
    pub update_id: u64,
    /// The best bids, best first; zero: there are no more.
    pub bids: [Level; LEVELS],
    /// The best asks, best first.
    pub asks: [Level; LEVELS],
}

impl MarketBook {
    /// One that is kept directly.
    pub fn direct() -> Self {
        Self::Direct(L2Book::new(BOOK_LEVELS))
    }

    /// One that waits for its first snapshot.
    pub fn numbered() -> Self {
        let limits = SynchroniserLimits { levels: BOOK_LEVELS, ..SynchroniserLimits::default() };
        Self::Numbered(Numbered {
            synchroniser: Synchroniser::new(limits),
            feeds: 0,
            last_trade: TradeId(0),
            best_update_id: 0,
            snapshot_due: Timestamp(0),
            asked: SnapshotAsked::Not,
            snapshots_refused: 0,
        })
    }

    /// The same, of prices that are multiples of this step.
    fn with_price_step(self, price_step: Price) -> Self {
        match self {
            Self::Direct(book) => Self::Direct(book.with_price_step(price_step)),
            Self::Numbered(numbered) => {
                let synchroniser = numbered.synchroniser.with_price_step(price_step);
                Self::Numbered(Numbered { synchroniser, ..numbered })
            }
            Self::Top(_) => self,
        }
    }

    /// The book, if it is one of levels.
    #[inline]
    pub fn levels(&self) -> Option<&L2Book> {
        match self {
            Self::Direct(book) => Some(book),
            Self::Numbered(numbered) => numbered.synchroniser.book(),
            Self::Top(_) => None,
        }
    }
}

/// Whether a snapshot is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotAsked {
    /// None is.
    Not,
    /// It was asked for, and nothing came back.
    Waits,
    /// The same, but all feeds were gone since: what changed meanwhile it may lack.
    IsOutlived,
}

/// A book by update numbers, and what feeds of the same venue know together.
pub struct Numbered {
    /// The book.
    pub synchroniser: Synchroniser,
    /// How many feeds tell of it.
    pub feeds: u8,
    /// The newest trade that was told of: the other feed's is the same.
    pub last_trade: TradeId,
    /// The update of the newest best prices.
    pub best_update_id: u64,
    /// When a snapshot is to be asked for, if one is needed then.
    pub snapshot_due: Timestamp,
    /// Whether one is on its way.
    pub asked: SnapshotAsked,
    /// How many were of no use, or did not last, since the book was last followed.
    pub snapshots_refused: u32,
}

impl Numbered {
    /// Whether the book is the venue's.
    #[inline]
    pub fn is_synchronised(&self) -> bool {
        self.synchroniser.state() == State::Synchronised
    }

    /// A feed more; the first begins anew.
    pub fn feed_up(&mut self) {
        if self.feeds == 0 {
            self.synchroniser.restart();
            (self.last_trade, self.best_update_id) = (TradeId(0), 0);
            self.snapshot_due = Timestamp(0);
            self.snapshots_refused = 0;
            if self.asked == SnapshotAsked::Waits {
                self.asked = SnapshotAsked::IsOutlived;
            }
        }
        self.feeds = self.feeds.saturating_add(1);
    }

    /// A feed less. Whether it was the last.
    pub const fn feed_down(&mut self) -> bool {
        self.feeds = self.feeds.saturating_sub(1);
        self.feeds == 0
    }
}

/// The book of an instrument, and what surrounds it.
pub struct Market {
    /// Its steps and its number.
    pub terms: Terms,
    /// The book. Who changes it tells the core when the update is whole.
    pub book: MarketBook,
    /// The last trade's price; zero: none was seen.
    pub last_price: Price,
    /// When something was heard of it last.
    pub heard_at: Timestamp,
    /// The update of the newest best prices that came beside a [direct](MarketBook::Direct) book.
    pub best_update_id: u64,
    /// A [direct](MarketBook::Direct) book shows nothing yet: an update is not whole, or has left it crossed.
    pub is_open: bool,
    state: MarketState,
    /// It is of the past because nothing was heard, and of nothing else.
    is_silent: bool,
}

impl Market {
    /// A market of which nothing is known, and whose feed has all of its book.
    pub fn new(terms: Terms) -> Self {
        Self::with_book(terms, MarketBook::direct())
    }

    /// A market of which nothing is known.
    pub fn with_book(terms: Terms, book: MarketBook) -> Self {
        Self {
            terms,
            book: book.with_price_step(terms.tick),
            last_price: Price::ZERO,
            heard_at: Timestamp(0),
            best_update_id: 0,
            is_open: false,
            state: MarketState::Stale,
            is_silent: false,
        }
    }

    /// The book by update numbers, if that is how it is kept.
    #[inline]
    pub const fn numbered_mut(&mut self) -> Option<&mut Numbered> {
        match &mut self.book {
            MarketBook::Direct(_) | MarketBook::Top(_) => None,
            MarketBook::Numbered(numbered) => Some(numbered),
        }
    }

    /// Whether its book is what the venue has.
    pub const fn state(&self) -> MarketState {
        self.state
    }

    pub(crate) const fn set_state(&mut self, state: MarketState) {
        (self.state, self.is_silent) = (state, false);
    }

    /// Nothing was heard of it for too long, after it was made stale for that.
    pub(crate) const fn set_silent(&mut self) {
        self.is_silent = true;
    }

    /// Whether it is live as soon as something is heard of it: nothing but silence was wrong, and no best prices were
    /// told that are newer than the book.
    #[inline]
    pub(crate) fn is_only_silent(&self) -> bool {
        let (held, best) = match &self.book {
            _ if !self.is_silent || self.is_open => return false,
            MarketBook::Direct(book) => (book.update_id(), self.best_update_id),
            MarketBook::Numbered(numbered) => match numbered.synchroniser.book() {
                Some(book) => (book.update_id(), numbered.best_update_id),
                None => return false,
            },
            // Who has the orders themselves looks after that.
            MarketBook::Top(_) => return false,
        };
        best <= held
    }

    /// What a strategy is told of it.
    #[inline]
    pub(crate) fn tick(&self, now: Timestamp) -> BookTick {
        let Some(book) = self.book.levels() else {
            let MarketBook::Top(top) = &self.book else { return self.bare_tick(now, 0) };
            let mut tick = self.bare_tick(now, top.update_id);
            (tick.bids, tick.asks) = (top.bids, top.asks);
            return tick;
        };
        let mut tick = self.bare_tick(now, book.update_id());
        book.top(Side::Buy, &mut tick.bids);
        book.top(Side::Sell, &mut tick.asks);
        tick
    }

    /// The same from the best prices alone.
    #[inline]
    pub(crate) fn tick_of(&self, now: Timestamp, best: &BestBidOffer) -> BookTick {
        let mut tick = self.bare_tick(now, best.update_id);
        (tick.bids[0], tick.asks[0]) = (best.bid, best.ask);
        tick
    }

    #[inline]
    const fn bare_tick(&self, now: Timestamp, update_id: u64) -> BookTick {
        let flags = match self.state {
            MarketState::Live => 0,
            MarketState::Stale => STALE,
        };
        BookTick {
            time: now,
            update_id,
            instrument: self.terms.instrument,
            flags,
            bids: [NONE; LEVELS],
            asks: [NONE; LEVELS],
            last_price: self.last_price,
        }
    }

    /// Which instrument it is.
    pub const fn instrument(&self) -> InstrumentId {
        self.terms.instrument
    }
}

const NONE: Level = Level { price: Price::ZERO, qty: tiercel_types::Qty::ZERO };
