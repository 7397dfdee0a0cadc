//! What the live feed says, as orders of the market in the paper book.

use tiercel_book::l2::L2Book;
use tiercel_types::command::{AmendOrder, CancelOrder};
use tiercel_types::market::{BestBidOffer, Level};
use tiercel_types::order::AmendQtyMeaning;
use tiercel_types::{
    ClientOrderId, InstrumentId, OrderId, Price, Qty, Side, TimeInForce, Timestamp,
};

use super::{DEPTH, MARKET, PaperVenue, market_order};

/// What is said of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// Nothing.
    Nothing,
    /// So much waits there.
    Qty(u64),
    /// It is too far away to be kept, but for our orders: so much waits there.
    Far(u64),
}

const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

impl PaperVenue {
    /// The live book is whole after an update.
    pub fn book(&mut self, now: Timestamp, instrument: InstrumentId, book: &L2Book) {
        let at = instrument.0 as usize;
        if at >= self.markets.len() {
            return;
        }
        self.now = self.now.max(now);
        // First what is less, of both sides: then what is more meets our orders alone.
        for side in SIDES {
            let near = nearest(book, side);
            let worst = near.levels().first().map(|level| level.price);
            self.follow(at, side, |paper, price| {
                let qty = book.qty_at(side, price).units();
                let is_near = worst.is_some_and(|worst| paper.rank(price) >= paper.rank(worst));
                if is_near { Said::Qty(qty) } else { Said::Far(qty) }
            });
            for level in near.levels() {
                self.want_new(at, side, level);
            }
        }
        self.join(at);
    }

    /// The best prices are these, and no more is known.
    pub fn best(&mut self, now: Timestamp, instrument: InstrumentId, best: &BestBidOffer) {
        let at = instrument.0 as usize;
        if at >= self.markets.len() {
            return;
        }
        self.now = self.now.max(now);
        for (side, level) in [(Side::Buy, &best.bid), (Side::Sell, &best.ask)] {
            let (is_empty, qty) = (level.qty.is_zero(), level.qty.units());
            self.follow(at, side, |paper, price| {
                if is_empty || paper.rank(price) > paper.rank(level.price) {
                    Said::Qty(0)
                } else if price == level.price {
                    Said::Qty(qty)
                } else {
                    Said::Nothing
                }
            });
            self.want_new(at, side, level);
        }
        self.join(at);
    }

    /// Somebody has traded: an order of the market takes at that price, from the front.
    pub fn trade(
        &mut self,
        now: Timestamp,
        instrument: InstrumentId,
        price: Price,
        qty: Qty,
        aggressor: Side,
    ) {
        let at = instrument.0 as usize;
        let Some(market) = self.markets.get_mut(at) else { return };
        self.now = self.now.max(now);
        if !market.has_price(price) {
            self.refused += 1;
            return;
        }
        let (lot, qty) = (market.terms.lot.units(), market.lots(qty));
        // What it sets off comes behind it; what it fills an entry of looks at this trade, not at the one before.
        let sets_off = self.own.are_set_off(instrument, price);
        if !sets_off {
            self.print(at, price);
        }
        let market = &mut self.markets[at];
        let makers = aggressor.opposite();
        let (mut before, mut told, mut ahead) = (0, 0, 0);
        if let Some(level) = market.sides[makers.index()].find_mut(price) {
            before = level.market_qty();
            (told, ahead) = level.explain(now, qty, lot);
        }
        self.lift(at, makers, price);
        if qty > ahead {
            let order_id = self.new_id();
            let mut taker = market_order(at, order_id, aggressor, price, qty - ahead);
            taker.time_in_force = TimeInForce::Ioc;
            self.run_market(at, taker.into());
        }
        let mut lifted = std::mem::take(&mut self.lifted);
        for (price, qty) in lifted.drain(..) {
            self.add(at, makers, price, qty);
        }
        self.lifted = lifted;
        // What the live book told before is not taken from the market twice.
        let left = before.saturating_sub(qty - told);
        let is = self.market_qty(instrument, makers, price).units();
        if is < left {
            self.add(at, makers, price, left - is);
        }
        if sets_off {
            self.print(at, price);
        }
        self.tidy(at);
    }

    /// What of the market waits at better prices than one that has traded gives way, to come again behind us: it was gone
    /// when that price was reached, or came later.
    fn lift(&mut self, at: usize, side: Side, price: Price) {
        self.lifted.clear();
        let paper = &self.markets[at].sides[side.index()];
        let rank = paper.rank(price);
        let better = paper.levels().iter().rev().take_while(|level| paper.rank(level.price) > rank);
        for level in better {
            let qty = level.market_qty();
            if qty > 0 {
                self.lifted.push((level.price, qty));
            }
        }
        let lifted = std::mem::take(&mut self.lifted);
        for (price, qty) in &lifted {
            self.take_away(at, side, *price, *qty);
        }
        self.lifted = lifted;
    }

    /// Takes away at each price what is less than it was, and remembers where it is more. Prices that nothing is said
    /// of stay.
    fn follow(
        &mut self,
        at: usize,
        side: Side,
        said: impl Fn(&super::side::PaperSide, Price) -> Said,
    ) {
        let mut place = 0;
        while let Some(level) = self.markets[at].sides[side.index()].levels().get(place) {
            place += 1;
            let price = level.price;
            let qty = match said(&self.markets[at].sides[side.index()], price) {
                Said::Nothing => continue,
                Said::Far(_) if !level.has_own() => 0,
                Said::Qty(qty) | Said::Far(qty) => qty,
            };
            let qty = self.markets[at].lots(Qty::from_units(qty));
            let lag_ns = self.options.trade_lag_ns;
            let (model, now) = (self.options.queue, self.now);
            let lot = self.markets[at].terms.lot.units();
            let level = self.markets[at].sides[side.index()].level_mut(place - 1);
            if level.live == qty {
                continue;
            }
            level.live = qty;
            let is = level.market_qty();
            if is < qty {
                self.wanted.push((side, price, qty));
            } else if is > qty {
                level.share_out(is - qty, lot, model, &mut self.taken);
                level.remember(now, lag_ns, &self.taken);
                self.reduce(at, side, price);
            }
        }
        self.markets[at].sides[side.index()].tidy();
    }

    /// A level of the live book that the paper book may not have.
    fn want_new(&mut self, at: usize, side: Side, level: &Level) {
        let market = &mut self.markets[at];
        let qty = market.lots(level.qty);
        if qty == 0 {
            return;
        }
        if !market.has_price(level.price) {
            self.refused += 1;
            return;
        }
        let (paper, is_new) = market.sides[side.index()].enter(level.price);
        if is_new {
            paper.live = qty;
            self.wanted.push((side, level.price, qty));
        }
    }

    /// What is more joins behind.
    fn join(&mut self, at: usize) {
        let mut wanted = std::mem::take(&mut self.wanted);
        for (side, price, qty) in wanted.drain(..) {
            let level = self.markets[at].sides[side.index()].find(price);
            let is = level.map_or(0, super::level::PaperLevel::market_qty);
            if is < qty {
                self.add(at, side, price, qty - is);
            }
        }
        self.wanted = wanted;
        self.tidy(at);
    }

    /// What the live book has at a price that is not kept, before one of our orders goes there.
    pub(super) fn seed(&mut self, at: usize, side: Side, price: Price, book: Option<&L2Book>) {
        let Some(book) = book else { return };
        let market = &mut self.markets[at];
        let near = nearest(book, side);
        let paper = &market.sides[side.index()];
        // Near the touch the paper book has all there is; the best prices may be newer than the live book there.
        let is_near =
            near.levels().first().is_some_and(|worst| paper.rank(price) >= paper.rank(worst.price));
        if is_near || !market.has_price(price) || paper.find(price).is_some() {
            return;
        }
        let qty = market.lots(book.qty_at(side, price));
        if qty > 0 {
            market.sides[side.index()].enter(price).0.live = qty;
            self.add(at, side, price, qty);
        }
    }

    /// So much more of the market waits at a price, behind all that is there; or meets our orders of the other side.
    fn add(&mut self, at: usize, side: Side, price: Price, qty: u64) {
        let level = self.markets[at].sides[side.index()].find(price);
        let last = level.and_then(|level| level.queue.last()).filter(|last| !last.is_own);
        if let Some(last) = last.copied() {
            self.change(at, last.order_id, last.qty + qty);
            return;
        }
        let order_id = self.new_id();
        let order = market_order(at, order_id, side, price, qty);
        self.run_market(at, order.into());
    }

    /// So much of the market leaves a price, as the model says.
    fn take_away(&mut self, at: usize, side: Side, price: Price, qty: u64) {
        let (lot, model) = (self.markets[at].terms.lot.units(), self.options.queue);
        let Some(level) = self.markets[at].sides[side.index()].find(price) else { return };
        level.share_out(qty, lot, model, &mut self.taken);
        self.reduce(at, side, price);
    }

    /// Takes what was shared out.
    fn reduce(&mut self, at: usize, side: Side, price: Price) {
        let mut taken = std::mem::take(&mut self.taken);
        for (order_id, takes) in taken.drain(..) {
            let level = self.markets[at].sides[side.index()].find(price);
            let found = level.and_then(|level| {
                level.queue.iter().find(|entry| entry.order_id == order_id).map(|entry| entry.qty)
            });
            let Some(qty) = found else { continue };
            if takes < qty {
                self.change(at, order_id, qty - takes);
            } else {
                let client_order_id = ClientOrderId::EMPTY;
                let cancel = CancelOrder { order_id, account: MARKET, client_order_id };
                self.run_market(at, cancel.into());
            }
        }
        self.taken = taken;
    }

    /// An order of the market has so much open from now on: less in its place, more at the back.
    fn change(&mut self, at: usize, order_id: OrderId, open: u64) {
        let amend = AmendOrder {
            order_id,
            price: Price::ZERO,
            qty: Qty::from_units(open),
            account: MARKET,
            client_order_id: ClientOrderId::EMPTY,
            new_client_order_id: ClientOrderId::EMPTY,
            qty_meaning: AmendQtyMeaning::Open,
            lose_priority: 0,
            reserved: [0; 2],
        };
        self.run_market(at, amend.into());
    }

    /// Does something of the market.
    fn run_market(&mut self, at: usize, command: tiercel_types::Command) {
        self.run(at, command);
        self.refused += u64::from(self.was_denied);
    }
}

/// The best levels of a side that are kept, the best last.
fn nearest(book: &L2Book, side: Side) -> Nearest {
    let mut levels = [Level::default(); DEPTH];
    let count = book.top(side, &mut levels);
    levels[..count].reverse();
    Nearest { levels, count }
}

/// See [`nearest`].
struct Nearest {
    levels: [Level; DEPTH],
    count: usize,
}

impl Nearest {
    fn levels(&self) -> &[Level] {
        &self.levels[..self.count]
    }
}
