//! Books by order, for all instruments of a feed: who rests where, and in what place in the queue.
//!
//! ```text
//!   OrderOperation (locate, reference, ...)
//!        |
//!        +-- reference --> Table: 8-byte entries (tag, handle), linear probing
//!        |                   |
//!        |                 Orders: a slab of 32-byte orders, FIFO links within a level
//!        |
//!        +-- locate -----> Book: two Ladders of levels sorted by price, the best last
//! ```
//!
//! Budget: one cache miss for the table, one for the order and two for its neighbours in the
//! queue; the levels near the touch stay in the cache. The best level is the last of its ladder,
//! so that what comes and goes near the touch moves few bytes, and the top of a book is a slice.
//!
//! Must not happen here: a panic on any sequence of operations, or a contradiction passed over.
//! What contradicts the book is answered by an [`Anomaly`], counted by kind, and handled by a
//! fixed rule that each kind documents. Memory is reserved when the set is made; beyond that it
//! grows by doubling, which is the only allocation.

mod anomaly;
mod book;
mod ladder;
mod orders;
mod prefetch;
mod table;

pub use anomaly::{Anomaly, AnomalyCounts, AnomalyKind};
pub use book::{Book, Tape};
pub use ladder::Level;
pub use orders::{ORDERS_MAX, Order};
pub use prefetch::{ORDER_AHEAD, TABLE_AHEAD};

use tiercel_types::Side;
use tiercel_types::market::{OrderAction, OrderOperation};
use xxhash_rust::xxh3::Xxh3;

use orders::Orders;
use table::Table;

/// How much memory to reserve. Everything beyond still works, after an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Instruments with a book.
    pub instruments: usize,
    /// Orders alive at once, in all books.
    pub orders: usize,
    /// Price levels alive at once, on each side of each book.
    pub levels: usize,
}

/// What stands before an order in the queue of its level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ahead {
    /// Orders before it.
    pub orders: u32,
    /// Their open quantity.
    pub qty: u64,
}

/// Locates number instruments by two bytes.
const LOCATES: usize = 1 << 16;

/// No book yet for this locate.
const NO_BOOK: u32 = u32::MAX;

/// The books of a feed's day.
///
/// ```
/// use tiercel_book::l3::{BookSet, Capacity};
/// use tiercel_types::Side;
/// use tiercel_types::market::{OrderAction, OrderOperation};
///
/// let mut books = BookSet::new(Capacity { instruments: 1, orders: 100, levels: 10 });
/// let action = OrderAction::Add { reference: 7, side: Side::Buy, qty: 100, price: 123_400 };
/// books.apply(&OrderOperation { locate: 1, time_ns: 0, action })?;
/// let best = books.book(1).and_then(|book| book.best(Side::Buy)).unwrap();
/// assert_eq!((best.price(), best.qty(), best.orders()), (123_400, 100, 1));
/// # Ok::<(), tiercel_book::l3::Anomaly>(())
/// ```
#[derive(Debug)]
pub struct BookSet {
    /// From the locate to the place in `books`.
    index: Box<[u32]>,
    books: Vec<Book>,
    orders: Orders,
    table: Table,
    anomalies: AnomalyCounts,
    levels_reserved: usize,
}

impl BookSet {
    /// Empty books, with memory reserved.
    pub fn new(capacity: Capacity) -> Self {
        Self {
            index: vec![NO_BOOK; LOCATES].into_boxed_slice(),
            books: Vec::with_capacity(capacity.instruments),
            orders: Orders::with_capacity(capacity.orders),
            table: Table::with_capacity(capacity.orders),
            anomalies: AnomalyCounts::default(),
            levels_reserved: capacity.levels,
        }
    }

    /// Makes the book of an instrument, if there is none. Otherwise its first operation does;
    /// this is where a feed's directory keeps the allocation off the path of its orders.
    pub fn open(&mut self, locate: u16) {
        self.book_index(locate);
    }

    /// The book of an instrument; `None` before its first operation.
    #[inline]
    pub fn book(&self, locate: u16) -> Option<&Book> {
        self.books.get(self.index[usize::from(locate)] as usize)
    }

    /// All books, in the order of their making.
    pub fn books(&self) -> &[Book] {
        &self.books
    }

    /// A live order.
    pub fn order(&self, reference: u64) -> Option<&Order> {
        let found = self.table.find(reference, &self.orders)?;
        Some(self.orders.get(found.handle))
    }

    /// The number of live orders in all books.
    pub const fn live_orders(&self) -> usize {
        self.table.len()
    }

    /// How often each kind of anomaly was met.
    pub const fn anomalies(&self) -> &AnomalyCounts {
        &self.anomalies
    }

    /// The orders at a price, first in the queue first; none where there is no such level.
    pub fn queue(&self, locate: u16, side: Side, price: u32) -> impl Iterator<Item = &Order> {
        let level = self.book(locate).and_then(|book| book.level(side, price));
        self.orders.queue(level)
    }

    /// What stands before an order in its queue; `None` for an order that is not live.
    ///
    /// Walks the queue: its cost is the number of orders ahead.
    pub fn ahead(&self, reference: u64) -> Option<Ahead> {
        let order = self.order(reference)?;
        let mut ahead = Ahead::default();
        for other in self.queue(order.locate(), order.side(), order.price()) {
            if other.reference() == reference {
                break;
            }
            ahead.orders += 1;
            ahead.qty += u64::from(other.qty());
        }
        Some(ahead)
    }

    /// Applies one operation.
    ///
    /// # Errors
    /// The [`Anomaly`] that the operation met. It was counted, and handled as its kind says.
    // Inlined, so that decoder, translation and book share one dispatch on the type.
    #[inline(always)]
    pub fn apply(&mut self, operation: &OrderOperation) -> Result<(), Anomaly> {
        let locate = operation.locate;
        match operation.action {
            OrderAction::Add { reference, side, qty, price } => {
                self.add(locate, reference, side, qty, price)
            }
            OrderAction::Execute { reference, qty, .. } => self.execute(locate, reference, qty),
            OrderAction::ExecuteAt { reference, qty, price, printable, .. } => {
                self.execute_at(locate, reference, qty, price, printable)
            }
            OrderAction::Cancel { reference, qty } => self.cancel(locate, reference, qty),
            OrderAction::Delete { reference } => self.delete(locate, reference),
            OrderAction::Replace { reference, new_reference, qty, price } => {
                self.replace(locate, reference, new_reference, qty, price)
            }
            OrderAction::Trade { qty, price, .. } => {
                self.tape(locate).trade(qty, price);
                Ok(())
            }
            OrderAction::Cross { qty, price, .. } => {
                self.tape(locate).cross(qty, price);
                Ok(())
            }
            OrderAction::Break { .. } => {
                self.tape(locate).broken += 1;
                Ok(())
            }
        }
    }

    /// A digest of all books: two sets of books with the same orders in the same queues have the
    /// same digest, in any process and whatever their history.
    ///
    /// XXH3-64 over little-endian integers. For each book with an order, by ascending locate: the
    /// locate (u16); then for the bids and after them the asks, the number of levels (u32) and for
    /// each level, best first: price (u32), orders (u32), quantity (u64), and for each order, first
    /// in the queue first: reference (u64), quantity (u32).
    pub fn digest(&self) -> u64 {
        let mut hash = Xxh3::new();
        for &place in &self.index {
            if let Some(book) = self.books.get(place as usize) {
                self.digest_book(book, &mut hash);
            }
        }
        hash.digest()
    }

    fn digest_book(&self, book: &Book, hash: &mut Xxh3) {
        if book.is_empty() {
            return;
        }
        hash.update(&book.locate().to_le_bytes());
        for side in [Side::Buy, Side::Sell] {
            let levels = book.levels(side);
            hash.update(&(levels.len() as u32).to_le_bytes());
            for level in levels.iter().rev() {
                hash.update(&level.price().to_le_bytes());
                hash.update(&level.orders().to_le_bytes());
                hash.update(&level.qty().to_le_bytes());
                for order in self.orders.queue(Some(level)) {
                    hash.update(&order.reference().to_le_bytes());
                    hash.update(&order.qty().to_le_bytes());
                }
            }
        }
    }

    #[inline]
    fn book_index(&mut self, locate: u16) -> usize {
        let place = self.index[usize::from(locate)];
        if place == NO_BOOK { self.make_book(locate) } else { place as usize }
    }

    #[cold]
    #[inline(never)]
    fn make_book(&mut self, locate: u16) -> usize {
        let place = self.books.len();
        self.books.push(Book::new(locate, self.levels_reserved));
        self.index[usize::from(locate)] = place as u32;
        place
    }

    #[inline]
    fn tape(&mut self, locate: u16) -> &mut Tape {
        let place = self.book_index(locate);
        self.books[place].tape_mut()
    }

    #[cold]
    #[inline(never)]
    fn note(&mut self, anomaly: Anomaly) -> Result<(), Anomaly> {
        self.anomalies.add(anomaly.kind());
        Err(anomaly)
    }

    #[inline]
    fn add(
        &mut self,
        locate: u16,
        reference: u64,
        side: Side,
        qty: u32,
        price: u32,
    ) -> Result<(), Anomaly> {
        if qty == 0 {
            return self.note(Anomaly::ZeroQuantity { locate, reference });
        }
        let place = self.book_index(locate);
        let Some(handle) = self.orders.next_handle() else {
            return self.note(Anomaly::Full { locate, reference });
        };
        if !self.table.insert(reference, handle, &self.orders) {
            return self.note(Anomaly::DuplicateReference { locate, reference });
        }
        let book = &mut self.books[place];
        let level = book.ladder_mut(side).level_at(price);
        self.orders.append(Order::new(reference, locate, side, qty, price), level);
        if book.ladder(side.opposite()).is_met_at(price) {
            return self.note_met(locate, reference, side, price);
        }
        Ok(())
    }

    /// An order was added that locks or crosses its book.
    #[cold]
    #[inline(never)]
    fn note_met(
        &mut self,
        locate: u16,
        reference: u64,
        side: Side,
        price: u32,
    ) -> Result<(), Anomaly> {
        let best = self.book(locate).and_then(|book| book.best(side.opposite()));
        match best.map_or(price, Level::price) {
            against if against == price => self.note(Anomaly::Locked { locate, reference, price }),
            against => self.note(Anomaly::Crossed { locate, reference, price, against }),
        }
    }

    /// Finds the live order that an operation names.
    #[inline]
    fn find(&self, locate: u16, reference: u64) -> Result<table::Found, Anomaly> {
        let Some(found) = self.table.find(reference, &self.orders) else {
            return Err(Anomaly::UnknownReference { locate, reference });
        };
        let owner = self.orders.get(found.handle).locate();
        if owner != locate {
            return Err(Anomaly::OtherInstrument { locate, reference, owner });
        }
        Ok(found)
    }

    /// Takes `qty` off an order; returns what was taken and the order's price.
    #[inline]
    fn reduce(
        &mut self,
        locate: u16,
        reference: u64,
        qty: u32,
    ) -> Result<(u32, u32, Option<Anomaly>), Anomaly> {
        if qty == 0 {
            return Err(Anomaly::ZeroQuantity { locate, reference });
        }
        let found = self.find(locate, reference)?;
        let order = self.orders.get(found.handle);
        let (open, price) = (order.qty(), order.price());
        if qty < open {
            let side = order.side();
            self.orders.get_mut(found.handle).reduce(qty);
            let place = self.index[usize::from(locate)] as usize;
            if let Some(level) = self.books[place].ladder_mut(side).find_mut(price) {
                level.qty -= u64::from(qty);
            }
            return Ok((qty, price, None));
        }
        self.remove(found);
        let excess = Anomaly::ExcessQuantity { locate, reference, open, asked: qty };
        Ok((open, price, (qty > open).then_some(excess)))
    }

    /// Takes an order out of table, queue and, when it was the last, its level off the ladder.
    #[inline]
    fn remove(&mut self, found: table::Found) {
        self.table.remove(found);
        let order = *self.orders.get(found.handle);
        let place = self.index[usize::from(order.locate())] as usize;
        let ladder = self.books[place].ladder_mut(order.side());
        // The ladder holds a level for each live order's price.
        if let Some(at) = ladder.position(order.price())
            && self.orders.unlink(found.handle, ladder.at_mut(at))
        {
            ladder.remove(at);
        }
    }

    #[inline]
    fn execute(&mut self, locate: u16, reference: u64, qty: u32) -> Result<(), Anomaly> {
        match self.reduce(locate, reference, qty) {
            Ok((taken, price, excess)) => {
                self.tape(locate).execute(taken, price, true);
                excess.map_or(Ok(()), |excess| self.note(excess))
            }
            Err(anomaly) => self.note(anomaly),
        }
    }

    #[inline]
    fn execute_at(
        &mut self,
        locate: u16,
        reference: u64,
        qty: u32,
        price: u32,
        printable: bool,
    ) -> Result<(), Anomaly> {
        match self.reduce(locate, reference, qty) {
            Ok((taken, _, excess)) => {
                self.tape(locate).execute(taken, price, printable);
                excess.map_or(Ok(()), |excess| self.note(excess))
            }
            Err(anomaly) => self.note(anomaly),
        }
    }

    #[inline]
    fn cancel(&mut self, locate: u16, reference: u64, qty: u32) -> Result<(), Anomaly> {
        match self.reduce(locate, reference, qty) {
            Ok((_, _, None)) => Ok(()),
            Ok((_, _, Some(anomaly))) | Err(anomaly) => self.note(anomaly),
        }
    }

    #[inline]
    fn delete(&mut self, locate: u16, reference: u64) -> Result<(), Anomaly> {
        match self.find(locate, reference) {
            Ok(found) => {
                self.remove(found);
                Ok(())
            }
            Err(anomaly) => self.note(anomaly),
        }
    }

    #[inline]
    fn replace(
        &mut self,
        locate: u16,
        reference: u64,
        new_reference: u64,
        qty: u32,
        price: u32,
    ) -> Result<(), Anomaly> {
        match self.find(locate, reference) {
            Ok(found) => {
                let side = self.orders.get(found.handle).side();
                self.remove(found);
                self.add(locate, new_reference, side, qty, price)
            }
            Err(anomaly) => self.note(anomaly),
        }
    }
}
