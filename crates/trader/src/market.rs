//! What is known of one instrument's market.

use tiercel_book::l2::L2Book;
use tiercel_strategy::{BookTick, LEVELS, STALE, Terms};
use tiercel_types::market::{BestBidOffer, Level};
use tiercel_types::{InstrumentId, Price, Side, Timestamp};

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

/// The book of an instrument, and what surrounds it.
pub struct Market {
    /// Its steps and its number.
    pub terms: Terms,
    /// The book. Who changes it tells the core when the update is whole.
    pub book: L2Book,
    /// The last trade's price; zero: none was seen.
    pub last_price: Price,
    /// When something was heard of it last.
    pub heard_at: Timestamp,
    state: MarketState,
}

impl Market {
    /// A market of which nothing is known.
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            book: L2Book::new(BOOK_LEVELS),
            last_price: Price::ZERO,
            heard_at: Timestamp(0),
            state: MarketState::Stale,
        }
    }

    /// Whether its book is what the venue has.
    pub const fn state(&self) -> MarketState {
        self.state
    }

    pub(crate) const fn set_state(&mut self, state: MarketState) {
        self.state = state;
    }

    /// What a strategy is told of it.
    #[inline]
    pub(crate) fn tick(&self, now: Timestamp) -> BookTick {
        let mut tick = self.bare_tick(now, self.book.update_id());
        top(self.book.near(Side::Buy), &mut tick.bids);
        top(self.book.near(Side::Sell), &mut tick.asks);
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

/// The best levels of a slice that has them last.
#[inline]
fn top(near: &[Level], into: &mut [Level; LEVELS]) {
    if let Some(best) = near.last_chunk::<LEVELS>() {
        for (place, level) in into.iter_mut().zip(best.iter().rev()) {
            *place = *level;
        }
        return;
    }
    for (place, level) in into.iter_mut().zip(near.iter().rev()) {
        *place = *level;
    }
}
