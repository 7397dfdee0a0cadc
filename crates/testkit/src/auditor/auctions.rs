//! Auctions: one price each, at which the most trades; better orders before worse ones; nothing
//! crossed is left.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use tiercel_types::auction::AuctionKind;
use tiercel_types::event::{
    AuctionEnded, AuctionIndication, InstrumentStateChanged, LevelChanged, Trade,
};
use tiercel_types::{
    EventHeader, InstrumentId, InstrumentState, OrderId, OrderKind, Qty, Side, TimeInForce, TradeId,
};

use super::book::Book;
use super::ladder::Ladder;
use super::orders::{Order, Stand};
use super::{Auditor, Verdict, ensure, same};

/// An auction that takes place.
#[derive(Clone, Debug)]
pub(super) struct Auction {
    instrument: InstrumentId,
    price: Option<i64>,
    /// Who takes part, as they were before it: buyers, sellers, each in the order in which they
    /// are filled.
    queues: [Vec<(OrderId, Order)>; 2],
    /// What each order has traded, in the order of their first trades.
    traded: Vec<(OrderId, u64)>,
    /// Levels that were told.
    told: Vec<(Side, i64)>,
    /// It is over: what is left of the orders for it ends.
    over: bool,
}

impl Auction {
    fn traded_by(&self, id: OrderId) -> u64 {
        self.traded.iter().find(|(each, _)| *each == id).map_or(0, |(_, qty)| *qty)
    }

    /// Who has a say in the price: all but orders for the imbalance only.
    fn ladder<'a>(&self, book: &'a Book) -> Ladder<'a> {
        let orders = self.queues.iter().flatten().map(|(_, order)| order);
        let orders = orders.filter(|order| !order.imbalance_only);
        let orders: Vec<_> =
            orders.map(|order| (order.side, order.auction_limit(), order.open)).collect();
        Ladder::new(book, &orders)
    }

    /// Each queue is filled from its front: in full, then one in part, then nobody.
    fn check_priority(&self, price: i64) -> Verdict {
        for queue in &self.queues {
            let mut behind_rest = None;
            for (id, order) in queue.iter().filter(|(_, order)| order.accepts(price)) {
                let traded = self.traded_by(*id);
                if let (Some(first), true) = (behind_rest, traded > 0) {
                    return Err(format!("order {id} trades before order {first}, which is first"));
                }
                if traded < order.open {
                    behind_rest = Some(*id);
                }
            }
        }
        Ok(())
    }
}

impl Order {
    /// Its limit in an auction; none: it takes any price.
    fn auction_limit(&self) -> Option<i64> {
        let without = self.kind == OrderKind::Market && self.price == 0;
        (!without).then_some(self.price)
    }

    fn accepts(&self, price: i64) -> bool {
        self.auction_limit().is_none_or(|limit| match self.side {
            Side::Buy => price <= limit,
            Side::Sell => price >= limit,
        })
    }

    fn is_for(&self, kind: AuctionKind) -> bool {
        match self.time_in_force {
            TimeInForce::AtOpen => kind == AuctionKind::Opening,
            TimeInForce::AtClose => kind == AuctionKind::Closing,
            time_in_force => time_in_force == TimeInForce::AtAuction,
        }
    }
}

impl Auditor {
    /// Who would take part in an auction now.
    fn auction(&self, instrument: InstrumentId) -> Result<Auction, String> {
        let book = self.books.get(&instrument).ok_or("no such instrument")?;
        let kind = book.call.ok_or("it is in no call")?;
        let queue = |side: Side| {
            let in_book = book.queue(side);
            let mut queue: Vec<(OrderId, Order)> = self
                .orders
                .iter()
                .filter(|(_, order)| order.instrument == instrument && order.side == side)
                .filter(|(id, order)| match order.stand {
                    Stand::Book => !self.gives_way(**id, order, &in_book),
                    Stand::Unseen => order.hidden,
                    Stand::Auction => order.is_for(kind),
                    _ => false,
                })
                .map(|(id, order)| (*id, order.clone()))
                .collect();
            queue.sort_by_key(|(id, order)| {
                let limit = order.auction_limit().map(i128::from);
                let limit = limit.map(|limit| if side == Side::Buy { -limit } else { limit });
                // At one limit: market orders, the book, limit orders, hidden ones.
                let kind = match (order.stand, order.kind) {
                    (Stand::Auction, OrderKind::Market) => 0,
                    (Stand::Auction, _) => 2,
                    (Stand::Unseen, _) => 3,
                    _ => 1,
                };
                let place = in_book.iter().position(|each| each == id);
                let joined = if kind == 3 { order.joined } else { order.came };
                (order.imbalance_only, limit, kind, place, joined)
            });
            queue
        };
        Ok(Auction {
            instrument,
            price: None,
            queues: [queue(Side::Buy), queue(Side::Sell)],
            traded: Vec::new(),
            told: Vec::new(),
            over: false,
        })
    }

    /// Whether the other order of its pair, which rests as well, takes part instead.
    fn gives_way(&self, id: OrderId, order: &Order, in_book: &[OrderId]) -> bool {
        let list = order.list.and_then(|list| self.lists.get(&list));
        let Some(list) = list.filter(|list| list.is_exit(id)) else { return false };
        let others = list.exits().iter().filter(|other| **other != id && in_book.contains(other));
        let others = others.filter_map(|other| self.orders.get(other).map(|order| (other, order)));
        others.into_iter().any(|(other, its)| match its.price.cmp(&order.price) {
            Ordering::Equal => list.exits().first() == Some(other),
            better => (better == Ordering::Greater) == (order.side == Side::Buy),
        })
    }

    fn running(&mut self, header: &EventHeader) -> Result<&mut Auction, String> {
        let running = self.auction.as_mut().filter(|it| it.instrument == header.instrument);
        running.filter(|auction| !auction.over).ok_or_else(|| "no auction takes place".into())
    }

    /// A trade of an auction: the buyer is told as the taker.
    pub(super) fn trade_in_auction(&mut self, header: &EventHeader, trade: &Trade) -> Verdict {
        ensure!(self.entering.is_none(), "an order is entering");
        if self.auction.is_none() {
            self.auction = Some(self.auction(header.instrument)?);
        }
        let (buyer_id, seller_id) = (trade.taker_order_id, trade.maker_order_id);
        let (price, qty) = (trade.price.units(), trade.qty.units());
        let auction = self.running(header)?;
        same("the price", price, *auction.price.get_or_insert(price))?;
        for (side, id) in [(Side::Buy, buyer_id), (Side::Sell, seller_id)] {
            let found = auction.queues[side.index()].iter().find(|(each, _)| *each == id);
            let (_, order) = found.ok_or_else(|| format!("order {id} takes no part"))?;
            ensure!(order.accepts(price), "beyond the limit of order {id}");
            match auction.traded.iter_mut().find(|(each, _)| *each == id) {
                Some((_, sum)) => *sum += qty,
                None => auction.traded.push((id, qty)),
            }
            ensure!(auction.traded_by(id) <= order.open, "order {id} trades too much");
        }
        let (mut buyer, mut seller) =
            (self.own_order(header, buyer_id)?, self.order(header, seller_id)?);
        same("the buyer's side", trade.taker_side, Side::Buy)?;
        same("the seller's account", trade.maker_account, seller.account)?;
        for (id, order) in [(buyer_id, &mut buyer), (seller_id, &mut seller)] {
            (order.open, order.filled) = (order.open - qty, order.filled + qty);
            order.displayed = order.displayed.min(order.open);
            order.touched = true;
            let order = order.clone();
            self.update(id, |auditor| {
                auditor.orders.insert(id, order);
            })?;
        }
        same("what the buyer has open", trade.taker_open_qty.units(), buyer.open)?;
        same("what the seller has open", trade.maker_open_qty.units(), seller.open)?;
        let told = (trade.level_qty, trade.update_id);
        same("level and update", told, (Qty::ZERO, 0))?;
        let book = self.book_mut(header.instrument)?;
        book.trades += 1;
        book.last = Some(price);
        same("the trade id", trade.trade_id, TradeId(book.trades))?;
        let mut spec = book.spec;
        // Nobody takes: both pay what a maker pays, and nobody is paid.
        spec.maker_fee_ppm = spec.maker_fee_ppm.max(0);
        spec.taker_fee_ppm = spec.maker_fee_ppm;
        self.prints.push((header.instrument, price));
        self.settle(trade, spec, &buyer, &seller)?;
        for (id, order) in [(buyer_id, buyer), (seller_id, seller)] {
            if order.open == 0 {
                if order.stand == Stand::Book {
                    self.book_mut(order.instrument)?.leave(id, order.side, order.price);
                }
                self.orders.remove(&id);
            }
        }
        Ok(())
    }

    pub(super) fn level_changed(&mut self, header: &EventHeader, level: &LevelChanged) -> Verdict {
        let auction = self.running(header)?;
        let (side, price) = (level.side, level.price.units());
        let touched = auction.queues[side.index()].iter().any(|(id, order)| {
            order.stand == Stand::Book && order.price == price && auction.traded_by(*id) > 0
        });
        ensure!(touched, "no order of this level has traded");
        if let Some((last_side, last)) = auction.told.last().copied() {
            let worse = if side == Side::Buy { price < last } else { price > last };
            let follows = side.index() > last_side.index() || (side == last_side && worse);
            ensure!(follows, "levels are told out of order");
        }
        auction.told.push((side, price));
        let found = self.level_qty(header, side, price)?;
        same("the level's quantity", level.level_qty, found)?;
        self.book_mut(header.instrument)?.take_update(level.update_id)
    }

    pub(super) fn auction_ended(&mut self, header: &EventHeader, ended: &AuctionEnded) -> Verdict {
        if self.auction.is_none() {
            self.auction = Some(self.auction(header.instrument)?);
        }
        self.running(header)?.over = true;
        let auction = self.auction.clone().ok_or("no auction takes place")?;
        let (price, executed) = (ended.price.units(), ended.executed_qty.units());
        let book = self.book(header)?;
        same("which auction it was", Some(ended.auction), book.call)?;
        let by = |side: Side| -> u64 {
            let ids = auction.queues[side.index()].iter().map(|(id, _)| *id);
            ids.map(|id| auction.traded_by(id)).sum()
        };
        same("what was executed", (executed, executed), (by(Side::Buy), by(Side::Sell)))?;
        same("whether there is a price", ended.has_price == 1, executed > 0)?;
        if ended.has_price == 0 {
            let all = (price, executed, ended.surplus_qty, ended.surplus_side);
            same("price and quantities", all, (0, 0, Qty::ZERO, Side::Buy))?;
            return same("the price", None, auction.ladder(book).price());
        }
        same("the price at which they traded", auction.price, Some(price))?;
        let ladder = auction.ladder(book);
        same("the price", Some(price), ladder.price())?;
        auction.check_priority(price)?;
        let (buys, sells) = ladder.crossing(price);
        // Orders for the imbalance only take of the surplus.
        let surplus = buys.max(sells) - executed;
        same("what is left over", ended.surplus_qty.units(), surplus)?;
        let side = if surplus > 0 && sells > buys { Side::Sell } else { Side::Buy };
        same("whose it is", ended.surplus_side, side)?;
        ensure!(executed >= buys.min(sells), "more could have traded");
        let told: usize = auction.told.len();
        let touched: BTreeSet<(usize, i64)> = auction
            .queues
            .iter()
            .flatten()
            .filter(|(id, order)| order.stand == Stand::Book && auction.traded_by(*id) > 0)
            .map(|(_, order)| (order.side.index(), order.price))
            .collect();
        same("the number of levels told", told, touched.len())?;
        self.book_mut(header.instrument)?.auction_price = Some(price);
        self.lists_traded_in_auction(&auction)
    }

    /// What follows for lists, once for each order, in the order of their first trades.
    fn lists_traded_in_auction(&mut self, auction: &Auction) -> Verdict {
        for (id, qty) in &auction.traded {
            let orders = auction.queues.iter().flatten();
            let found = orders.into_iter().find(|(each, _)| each == id);
            let Some((_, order)) = found.filter(|(_, order)| order.list.is_some()) else {
                continue;
            };
            // One that is about to end with its list is followed by nothing.
            let ends = |due: &super::Due| matches!(due, super::Due::Ends(each, ..) if each == id);
            if !self.due.iter().any(ends) {
                self.list_order_traded(*id, order, *qty)?;
            }
        }
        Ok(())
    }

    pub(super) fn auction_indication(
        &mut self,
        header: &EventHeader,
        event: &AuctionIndication,
    ) -> Verdict {
        let auction = self.auction(header.instrument)?;
        let book = self.book(header)?;
        same("for which auction", Some(event.auction), book.call)?;
        let (ladder, price) = (auction.ladder(book), event.price.units());
        same("the price", (event.has_price == 1).then_some(price), ladder.price())?;
        if event.has_price == 0 {
            let all = (price, event.executed_qty, event.surplus_qty, event.surplus_side);
            return same("price and quantities", all, (0, Qty::ZERO, Qty::ZERO, Side::Buy));
        }
        let (buys, sells) = ladder.crossing(price);
        same("what would execute", event.executed_qty.units(), buys.min(sells))?;
        same("what would be left over", event.surplus_qty.units(), buys.abs_diff(sells))?;
        let side = if sells > buys { Side::Sell } else { Side::Buy };
        same("whose it would be", event.surplus_side, side)
    }

    /// Whether an order can end because its auction is over.
    pub(super) fn ends_with_auction(&self, order: &Order) -> bool {
        let running = self.auction.as_ref().filter(|it| it.instrument == order.instrument);
        let kind = self.books.get(&order.instrument).and_then(|book| book.call);
        order.stand == Stand::Auction
            && running.is_some_and(|auction| auction.over)
            && kind.is_some_and(|kind| order.is_for(kind))
    }

    /// An instrument leaves a state, or a call goes on without an end.
    pub(super) fn check_call(
        &mut self,
        header: &EventHeader,
        changed: &InstrumentStateChanged,
    ) -> Verdict {
        let id = header.instrument;
        let auction = self.auction.take_if(|auction| auction.instrument == id);
        let in_call = changed.new == InstrumentState::Call;
        same("whether it is for an auction", changed.auction != AuctionKind::None, in_call)?;
        let then_fits = matches!(changed.then, InstrumentState::Open | InstrumentState::Closed);
        ensure!(then_fits || !in_call, "a call leads to open or closed");
        let ends = in_call && changed.ends_at.0 != 0;
        ensure!(in_call || changed.ends_at.0 == 0, "only a call ends by itself");
        ensure!(!ends || changed.ends_at.0 >= header.time_ns, "a call ends before it begins");
        let to_auction = matches!(changed.new, InstrumentState::Open | InstrumentState::Closed);
        let takes_place = changed.old == InstrumentState::Call && to_auction;
        same("whether an auction took place", auction.is_some(), takes_place)?;
        let left = self.orders.iter().find(|(_, order)| {
            order.instrument == id
                && order.stand == Stand::Auction
                && self.books[&id].call.is_some_and(|kind| order.is_for(kind))
        });
        if let (true, Some((id, _))) = (takes_place, left) {
            return Err(format!("order {id} outlives its auction"));
        }
        let book = self.book_mut(id)?;
        if book.call.is_none() {
            book.call_reference = book.auction_reference();
        }
        book.call = in_call.then_some(changed.auction);
        let matches = takes_place || changed.new == InstrumentState::Open;
        ensure!(!matches || !self.is_crossed(id), "the book is crossed");
        Ok(())
    }

    /// Whether the best bid reaches the best ask, hidden orders counted.
    fn is_crossed(&self, instrument: InstrumentId) -> bool {
        let limits = |side: Side| {
            let rests = self.orders.values().filter(move |order| {
                (order.instrument, order.side) == (instrument, side)
                    && (order.stand == Stand::Book
                        || (order.stand == Stand::Unseen && order.hidden))
            });
            rests.map(|order| order.price)
        };
        let best = limits(Side::Buy).max().zip(limits(Side::Sell).min());
        best.is_some_and(|(bid, ask)| bid >= ask)
    }
}
