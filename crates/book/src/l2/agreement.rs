//! Checks of a rebuilt book, and of a trade stream, against what else the venue says.

use std::collections::VecDeque;

use tiercel_types::TradeId;
use tiercel_types::market::BestBidOffer;

/// Tickers, and book states, that are remembered for a comparison. At ten book states a second
/// this is minutes; beyond it the oldest is dropped, and a book state that would have needed it
/// counts as not compared.
const REMEMBERED: usize = 4_096;

/// Compares the best bid and offer of a rebuilt book with the venue's own ticker.
///
/// A book state as of update `u` is compared with the latest ticker of an update at or before
/// `u`, whichever of the two comes first: the streams are not in step. It is settled once a ticker
/// of a later update has come.
///
/// The two may differ for a good reason: the ticker does not report every state, so a state that
/// lasted for one update, and in which a depth diff happens to end, may have no ticker. This is
/// for counting, not for deciding.
#[derive(Clone, Debug)]
pub struct TickerAgreement {
    tickers: VecDeque<BestBidOffer>,
    waiting: VecDeque<BestBidOffer>,
    compared: u64,
    agreed: u64,
    not_compared: u64,
    last_disagreement: Option<Disagreement>,
}

/// A book state and a ticker that should have been the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The rebuilt book's best bid and offer.
    pub book: BestBidOffer,
    /// The latest ticker as of its update.
    pub ticker: BestBidOffer,
}

impl Default for TickerAgreement {
    fn default() -> Self {
        Self {
            tickers: VecDeque::with_capacity(REMEMBERED),
            waiting: VecDeque::with_capacity(REMEMBERED),
            compared: 0,
            agreed: 0,
            not_compared: 0,
            last_disagreement: None,
        }
    }
}

impl TickerAgreement {
    /// Book states that were compared.
    pub const fn compared(&self) -> u64 {
        self.compared
    }

    /// Of these, the ones in which both prices and both quantities were the ticker's.
    pub const fn agreed(&self) -> u64 {
        self.agreed
    }

    /// Book states for which there was no ticker to compare with.
    pub const fn not_compared(&self) -> u64 {
        self.not_compared
    }

    /// The latest comparison that failed.
    pub const fn last_disagreement(&self) -> Option<Disagreement> {
        self.last_disagreement
    }

    /// Takes a ticker. One that is older than the latest is ignored.
    pub fn on_ticker(&mut self, ticker: &BestBidOffer) {
        if self.tickers.back().is_some_and(|latest| latest.update_id >= ticker.update_id) {
            return;
        }
        while let Some(book) = self.waiting.front().copied()
            && book.update_id < ticker.update_id
        {
            self.waiting.pop_front();
            self.settle(&book);
        }
        if self.tickers.len() == REMEMBERED {
            self.tickers.pop_front();
        }
        self.tickers.push_back(*ticker);
    }

    /// Takes the book's best bid and offer after a diff; update ids never decrease.
    pub fn on_book(&mut self, book: &BestBidOffer) {
        if self.tickers.back().is_some_and(|latest| latest.update_id > book.update_id) {
            self.settle(book);
            return;
        }
        if self.waiting.len() == REMEMBERED {
            self.waiting.pop_front();
            self.not_compared += 1;
        }
        self.waiting.push_back(*book);
    }

    /// Settles what still waits, at the end of the data.
    pub fn finish(&mut self) {
        while let Some(book) = self.waiting.pop_front() {
            self.settle(&book);
        }
    }

    /// Compares with the latest ticker at or before the book's update; forgets older ones.
    fn settle(&mut self, book: &BestBidOffer) {
        while self.tickers.get(1).is_some_and(|next| next.update_id <= book.update_id) {
            self.tickers.pop_front();
        }
        match self.tickers.front().filter(|ticker| ticker.update_id <= book.update_id) {
            None => self.not_compared += 1,
            Some(ticker) => {
                self.compared += 1;
                if (ticker.bid, ticker.ask) == (book.bid, book.ask) {
                    self.agreed += 1;
                } else {
                    self.last_disagreement = Some(Disagreement { book: *book, ticker: *ticker });
                }
            }
        }
    }
}

/// Checks that trade ids follow one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TradeContinuity {
    last: Option<TradeId>,
    trades: u64,
    gaps: u64,
    missing: u64,
    repeated: u64,
}

impl TradeContinuity {
    /// Takes the next trade's id; gives how many ids are missing before it.
    pub fn on_trade(&mut self, id: TradeId) -> u64 {
        self.trades += 1;
        let Some(last) = self.last else {
            self.last = Some(id);
            return 0;
        };
        if id <= last {
            self.repeated += 1;
            return 0;
        }
        self.last = Some(id);
        let missing = id.0 - last.0 - 1;
        self.gaps += u64::from(missing > 0);
        self.missing += missing;
        missing
    }

    /// Trades seen.
    pub const fn trades(&self) -> u64 {
        self.trades
    }

    /// Places where ids are missing.
    pub const fn gaps(&self) -> u64 {
        self.gaps
    }

    /// Ids missing in all.
    pub const fn missing(&self) -> u64 {
        self.missing
    }

    /// Trades with an id at or before the latest.
    pub const fn repeated(&self) -> u64 {
        self.repeated
    }
}
