//! Unseen orders: nothing of them is shown, they trade where they may, in their turn, and what is
//! all or none never in part.

use tiercel_types::{EventHeader, InstrumentId, InstrumentState, OrderId, Peg, Qty, Side};

use super::orders::{Order, Stand};
use super::{Auditor, Verdict, ensure, same};

/// The best displayed bid and ask.
pub(super) type Quote = (Option<i64>, Option<i64>);

/// Whether `price` is worse than another for orders of this side.
fn is_worse(side: Side, price: i64, other: i64) -> bool {
    match side {
        Side::Buy => price < other,
        Side::Sell => price > other,
    }
}

/// The price beyond which a pegged order of this side never stands, its offset left out.
fn reference(order: &Order, (bid, ask): Quote) -> Option<i64> {
    match (order.peg, order.side) {
        (Peg::None, _) => None,
        (Peg::Primary, Side::Buy) | (Peg::Market, Side::Sell) => bid,
        (Peg::Primary, Side::Sell) | (Peg::Market, Side::Buy) => ask,
        (Peg::Midpoint, _) => {
            let sum = i128::from(bid?) + i128::from(ask?);
            // The passive half.
            let half =
                if order.side == Side::Buy { sum.div_euclid(2) } else { (sum + 1).div_euclid(2) };
            i64::try_from(half).ok()
        }
    }
}

impl Order {
    /// Whether nothing of it is displayed when it rests.
    pub(super) fn is_unseen(&self) -> bool {
        self.peg != Peg::None || self.all_or_none || self.hidden
    }

    pub(super) fn rests(&self) -> bool {
        matches!(self.stand, Stand::Book | Stand::Unseen)
    }
}

impl Auditor {
    /// Remembers the best displayed prices, for the pegs of this command.
    pub(super) fn note_quote(&mut self, instrument: InstrumentId) {
        let Some(book) = self.books.get(&instrument) else { return };
        let quote = (book.best(Side::Buy), book.best(Side::Sell));
        let quotes = self.quotes.entry(instrument).or_default();
        if quotes.last() != Some(&quote) {
            quotes.push(quote);
        }
    }

    /// The next command begins with the prices that there are now.
    pub(super) fn forget_quotes(&mut self) {
        for quotes in self.quotes.values_mut() {
            quotes.drain(..quotes.len().saturating_sub(1));
        }
    }

    /// The unseen orders of a side, in no order.
    fn unseen(
        &self,
        instrument: InstrumentId,
        side: Side,
    ) -> impl Iterator<Item = (&OrderId, &Order)> {
        self.orders.iter().filter(move |(_, order)| {
            order.stand == Stand::Unseen && order.instrument == instrument && order.side == side
        })
    }

    /// Whether an order of this side may meet what is not displayed.
    pub(super) fn may_meet_unseen(&self, order: &Order) -> bool {
        self.unseen(order.instrument, order.side.opposite()).next().is_some()
    }

    /// Whether a taker may meet an order of this side at a price: the best that is displayed, or an
    /// unseen one before it.
    pub(super) fn may_be_met_at(&self, instrument: InstrumentId, side: Side, price: i64) -> bool {
        let best = self.books.get(&instrument).and_then(|book| book.best(side));
        let stands = |(id, order): (&OrderId, &Order)| {
            let fixed = order.peg == Peg::None;
            if fixed {
                order.price == price
            } else {
                self.check_price_of(*id, order, price).is_ok()
            }
        };
        let before_best = best.is_none_or(|best| is_worse(side, best, price));
        best == Some(price) || (before_best && self.unseen(instrument, side).any(stands))
    }

    /// Whether a taker may meet an unseen order of this side at such a price.
    pub(super) fn unseen_may_stand(
        &self,
        instrument: InstrumentId,
        side: Side,
        fits: impl Fn(i64) -> bool,
    ) -> bool {
        // Where a peg stands is not told.
        self.unseen(instrument, side).any(|(_, order)| order.peg != Peg::None || fits(order.price))
    }

    /// An order joins the unseen ones.
    pub(super) fn join_unseen(&mut self, id: OrderId, mut order: Order) -> Verdict {
        if order.hidden {
            let crosses = self.book_mut(order.instrument)?.crosses(order.side, order.limit);
            ensure!(!crosses, "hidden order {id} rests in a crossed book");
        }
        self.check_not_hidden_from(&order)?;
        self.joins += 1;
        (order.stand, order.displayed, order.joined) = (Stand::Unseen, 0, self.joins);
        self.update(id, |auditor| {
            auditor.orders.insert(id, order);
        })
    }

    /// No order that is displayed or hidden rests where it would have met a hidden one. In a call
    /// nobody meets anybody.
    pub(super) fn check_not_hidden_from(&self, order: &Order) -> Verdict {
        let state = self.books.get(&order.instrument).map(|book| book.spec.state);
        let in_call = state == Some(InstrumentState::Call);
        if order.peg != Peg::None || order.all_or_none || in_call {
            return Ok(());
        }
        let mut hidden = self
            .unseen(order.instrument, order.side.opposite())
            .filter(|(_, other)| other.hidden)
            .filter(|(_, other)| !is_worse(order.side, order.price, other.price));
        let met = hidden.next().map(|(id, _)| id);
        ensure!(met.is_none(), "the order rests, and hidden order {met:?} would meet it");
        Ok(())
    }

    /// What is told of the level and the book update: of an unseen order nothing.
    pub(super) fn check_told(
        &mut self,
        header: &EventHeader,
        order: &Order,
        (level_qty, update_id): (Qty, u64),
    ) -> Verdict {
        if order.stand == Stand::Unseen {
            return same("level and update", (level_qty, update_id), (Qty::ZERO, 0));
        }
        self.check_level(header, order, level_qty)?;
        self.book_mut(header.instrument)?.take_update(update_id)
    }

    /// The price at which an order trades that was taken or has its turn: not beyond its limit,
    /// and if it is pegged, not beyond what it follows.
    pub(super) fn check_price_of(&self, id: OrderId, order: &Order, price: i64) -> Verdict {
        let beyond = |limit: i64| match order.side {
            Side::Buy => price > limit,
            Side::Sell => price < limit,
        };
        ensure!(!order.limit.is_some_and(beyond), "order {id} trades beyond its limit");
        if order.peg == Peg::None {
            return Ok(());
        }
        let quotes = self.quotes.get(&order.instrument).into_iter().flatten();
        let mut references = quotes.filter_map(|quote| reference(order, *quote));
        ensure!(references.any(|limit| !beyond(limit)), "order {id} trades beyond what it follows");
        Ok(())
    }

    /// Resting orders cross: two hidden or pegged ones, of which the later takes, or one that is
    /// all or none.
    pub(super) fn begins_to_cross(&mut self, taker_id: OrderId, maker_id: OrderId) -> Verdict {
        ensure!(self.entering.is_none() && self.fresh.is_none(), "an order is entering");
        let (taker, maker) = (&self.orders[&taker_id], self.orders.get(&maker_id));
        if taker.all_or_none {
            // It trades until it is filled.
            self.entering = Some(taker_id);
            return Ok(());
        }
        let later = maker.is_some_and(|maker| {
            maker.stand == Stand::Unseen && !maker.all_or_none && maker.joined < taker.joined
        });
        ensure!(later, "order {taker_id} rests, and takes what is not earlier");
        Ok(())
    }

    /// Checks that a taker meets the right unseen maker, or rightly a displayed one: the better
    /// price first, at one price what is displayed, then the earlier; and what is all or none is
    /// passed over only if it is too large.
    pub(super) fn check_turn_of(
        &self,
        header: &EventHeader,
        (taker_id, taker): (OrderId, &Order),
        (maker_id, maker): (OrderId, &Order),
        price: i64,
    ) -> Verdict {
        let book = self.book(header)?;
        let (side, lot) = (maker.side, book.spec.lot);
        let unseen = maker.stand == Stand::Unseen;
        if unseen {
            let displayed = book.best(side);
            let first = displayed.is_some_and(|best| !is_worse(side, best, price));
            ensure!(!first, "order {maker_id} trades before what is displayed at {displayed:?}");
            if maker.peg == Peg::None {
                same("the price", price, maker.price)?;
            } else {
                self.check_price_of(maker_id, maker, price)?;
            }
        }
        let pair = self.entering != Some(taker_id);
        for (id, other) in self.unseen(header.instrument, side) {
            let earlier = unseen && other.price == price && other.joined < maker.joined;
            let ahead = is_worse(side, price, other.price) || earlier;
            // Where a peg stands is not told.
            if *id == maker_id || !ahead || other.peg != Peg::None {
                continue;
            }
            let too_large =
                other.all_or_none && (pair || other.open > taker.wants(other.price, lot));
            ensure!(too_large, "order {maker_id} trades before order {id}, which is unseen");
        }
        Ok(())
    }
}
