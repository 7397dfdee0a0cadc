//! Books by order, from ITCH messages: which instrument is which, what they trade, and their best levels.

use tiercel_book::l3::{Anomaly, Book, BookSet, Capacity, Level as LevelOfOrders};
use tiercel_strategy::LEVELS;
use tiercel_types::market::{FeedUnits, Level, MarketTrade, OrderAction, OrderOperation};
use tiercel_types::{InstrumentId, Price, Qty, Side, Symbol, Timestamp, TradeId};
use tiercel_wire::itch::{DecodeError, Message};

use crate::market::TopOfBook;

/// Orders that there is room for at the start, in all books.
const ORDERS: usize = 1 << 16;
/// Levels that there is room for at the start, of each side of a book.
const LEVELS_HELD: usize = 1_024;
/// Units of a price in the last of a message's four decimals.
const PRICE_UNIT: u32 = 10_000;
/// One whole, in units of a quantity.
const ONE: u64 = 100_000_000;
/// Nanoseconds of a day: messages tell the time since midnight (UTC, at our venue).
const DAY_NS: u64 = 86_400_000_000_000;
/// The bits of a match number that are the trade's id (`docs/itch.md`).
const TRADE_BITS: u64 = (1 << 48) - 1;

/// Why messages are not to be trusted any more: books are made anew.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ItchFault {
    /// What came is no message.
    #[error("{0}")]
    Message(#[from] DecodeError),
    /// A message contradicts the books.
    #[error("{0}")]
    Book(#[from] Anomaly),
    /// An instrument's lots are not those that the configuration has.
    #[error("{} has other lots than configured", .0.as_str())]
    Lots(Symbol),
    /// Messages are missing that nobody sends again.
    #[error("messages {from} to {} are lost", next - 1)]
    Lost {
        /// The first.
        from: u64,
        /// The one behind the last.
        next: u64,
    },
    /// Another session has begun.
    #[error("another session has begun")]
    Session,
    /// A socket's.
    #[error("{0}")]
    Socket(String),
}

/// An instrument that is followed.
#[derive(Clone, Copy, Debug)]
pub struct Followed {
    /// Its symbol.
    pub symbol: Symbol,
    /// The trader's number.
    pub instrument: InstrumentId,
    /// Its smallest quantity.
    pub lot: Qty,
}

impl Followed {
    /// A share is one whole, where lots are multiples of that, and else a lot (`docs/itch.md`).
    const fn share(&self) -> u64 {
        if self.lot.units().is_multiple_of(ONE) { ONE } else { self.lot.units() }
    }

    const fn units(&self) -> FeedUnits {
        // It fits, or its lots are refused when they are told.
        FeedUnits { price: PRICE_UNIT, qty: self.share() as u32 }
    }
}

/// What one message did.
#[derive(Clone, Copy, Debug)]
pub enum Effect {
    /// Nothing that is followed.
    None,
    /// The venue's number of an instrument is known now.
    Learned(InstrumentId, InstrumentId),
    /// The book of this place has changed.
    Changed(usize),
    /// And somebody has traded.
    Traded(usize, MarketTrade),
}

/// The books of the instruments that are followed.
pub struct Books {
    set: BookSet,
    followed: Vec<Followed>,
    /// By locate, the place among those that are followed.
    places: Vec<Option<u16>>,
    /// By place, the locate.
    locates: Vec<Option<u16>>,
}

impl Books {
    /// Empty ones.
    pub fn new(followed: &[Followed]) -> Self {
        let instruments = followed.len();
        let capacity = Capacity { instruments, orders: ORDERS, levels: LEVELS_HELD };
        Self {
            set: BookSet::new(capacity),
            followed: followed.to_vec(),
            places: vec![None; 1 << 16],
            locates: vec![None; instruments],
        }
    }

    /// What is followed.
    pub fn followed(&self) -> &[Followed] {
        &self.followed
    }

    /// What the venue calls the instrument of this place, once it has said so.
    pub fn locate(&self, place: usize) -> Option<u16> {
        self.locates.get(place).copied().flatten()
    }

    /// Takes a message.
    ///
    /// # Errors
    /// [`ItchFault`]: the books are not the venue's.
    #[inline]
    pub fn take(&mut self, now: Timestamp, bytes: &[u8]) -> Result<Effect, ItchFault> {
        let message = Message::decode(bytes)?;
        let Some(operation) = message.operation() else { return self.learn(&message) };
        let Some(place) = self.places[usize::from(operation.locate)] else {
            return Ok(Effect::None);
        };
        let place = usize::from(place);
        let trade = self.trade(now, place, &operation);
        match self.set.apply(&operation) {
            // Orders meet while they are collected for an auction.
            Ok(()) | Err(Anomaly::Locked { .. } | Anomaly::Crossed { .. }) => {}
            Err(anomaly) => return Err(anomaly.into()),
        }
        Ok(trade.map_or(Effect::Changed(place), |trade| Effect::Traded(place, trade)))
    }

    #[cold]
    fn learn(&mut self, message: &Message<'_>) -> Result<Effect, ItchFault> {
        let Message::StockDirectory(directory) = message else { return Ok(Effect::None) };
        let name = directory.stock.trimmed();
        let is_it = |followed: &Followed| followed.symbol.as_str().as_bytes() == name;
        let Some(place) = self.followed.iter().position(is_it) else { return Ok(Effect::None) };
        let followed = self.followed[place];
        let lot = u64::from(directory.round_lot_size.get()).checked_mul(followed.share());
        // Beyond 32 bits no instrument fits ITCH.
        if lot != Some(followed.lot.units()) || u32::try_from(followed.share()).is_err() {
            return Err(ItchFault::Lots(followed.symbol));
        }
        let locate = directory.head.stock_locate.get();
        self.places[usize::from(locate)] = u16::try_from(place).ok();
        self.locates[place] = Some(locate);
        self.set.open(locate);
        Ok(Effect::Learned(followed.instrument, InstrumentId(locate.into())))
    }

    /// The trade that an operation tells of, before it is applied.
    #[inline]
    fn trade(
        &self,
        now: Timestamp,
        place: usize,
        operation: &OrderOperation,
    ) -> Option<MarketTrade> {
        let (price, qty, match_number, aggressor) = match operation.action {
            OrderAction::Execute { reference, qty, match_number } => {
                let order = self.set.order(reference)?;
                let qty = qty.min(order.qty());
                (order.price(), u64::from(qty), match_number, order.side().opposite())
            }
            OrderAction::ExecuteAt { reference, qty, match_number, price, printable: true } => {
                let order = self.set.order(reference)?;
                (price, u64::from(qty), match_number, order.side().opposite())
            }
            // Who took is not told: at or above the middle a buyer.
            OrderAction::Trade { qty, price, match_number, .. } => {
                let side = self.taker(operation.locate, price);
                (price, u64::from(qty), match_number, side)
            }
            OrderAction::Cross { qty, price, match_number } if qty > 0 => {
                (price, qty, match_number, Side::Buy)
            }
            _ => return None,
        };
        let units = self.followed[place].units();
        let midnight_ns = now.0 - now.0 % DAY_NS;
        Some(MarketTrade {
            trade_id: TradeId(match_number & TRADE_BITS),
            price: units.price(price),
            qty: units.qty(qty),
            time: Timestamp(midnight_ns.saturating_add(operation.time_ns)),
            aggressor,
        })
    }

    fn taker(&self, locate: u16, price: u32) -> Side {
        let best = |side: Side| self.set.book(locate)?.best(side).map(LevelOfOrders::price);
        match (best(Side::Buy), best(Side::Sell)) {
            (Some(bid), Some(ask)) if u64::from(price) * 2 < u64::from(bid) + u64::from(ask) => {
                Side::Sell
            }
            _ => Side::Buy,
        }
    }

    /// The best levels of the book of a place.
    pub fn top(&self, place: usize, update_id: u64) -> TopOfBook {
        let mut top = TopOfBook { update_id, ..TopOfBook::default() };
        let book = self.locate(place).and_then(|locate| self.set.book(locate));
        if let Some(book) = book {
            let units = self.followed[place].units();
            fill(book, Side::Buy, units, &mut top.bids);
            fill(book, Side::Sell, units, &mut top.asks);
        }
        top
    }

    /// Orders that rest in all books.
    pub const fn live_orders(&self) -> usize {
        self.set.live_orders()
    }
}

fn fill(book: &Book, side: Side, units: FeedUnits, into: &mut [Level; LEVELS]) {
    for (place, level) in into.iter_mut().zip(book.top(side, LEVELS).iter().rev()) {
        *place = Level { price: units.price(level.price()), qty: units.qty(level.qty()) };
    }
}

impl TopOfBook {
    /// Whether buyers and sellers meet, as while orders are collected for an auction.
    pub fn is_crossed(&self) -> bool {
        let (bid, ask) = (self.bids[0].price, self.asks[0].price);
        bid != Price::ZERO && ask != Price::ZERO && bid >= ask
    }
}
