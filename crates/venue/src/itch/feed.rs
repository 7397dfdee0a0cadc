//! From events to messages: the orders that are displayed, and what each event does to them.

use std::collections::BTreeMap;

use tiercel_matching::FullEngine;
use tiercel_types::event::{
    AuctionEnded, OrderAccepted, OrderAmended, OrderReplenished, SelfTradePrevented, Trade,
    TradeCorrected,
};
use tiercel_types::{
    Event, EventHeader, InstrumentId, InstrumentSpec, OrderId, Price, Qty, Side, Timestamp,
};
use tiercel_wire::itch::EventCode;

use super::day::Day;
use super::messages::{Says, Sink};
use super::shown::{Orders, Shown, cross_number, match_number, reference};
use super::told::{Told, ToldOrder};
use super::units::{Misfit, Units};

/// An instrument.
#[derive(Clone, Copy, Debug)]
struct Listed {
    /// The terms, with the state as it is.
    spec: InstrumentSpec,
    /// `Err`: nothing is told of it.
    units: Result<Units, Misfit>,
    /// Crosses of the day.
    crosses: u64,
}

/// What is to be known to tell of the next event.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    /// `None` before the first event.
    day: Option<Day>,
    listed: BTreeMap<InstrumentId, Listed>,
    orders: Orders,
}

impl Feed {
    /// A feed that begins with an engine as it stands: with the day's next event a session begins, with
    /// a picture of it. Its orders have numbers below those that come, in the order of their queues.
    pub fn of_engine(engine: &FullEngine) -> Self {
        let mut feed = Self::default();
        for spec in engine.instruments() {
            feed.list(*spec);
            let sides = [Side::Buy, Side::Sell].map(|side| {
                let orders = engine.displayed_orders(spec.instrument, side);
                orders.map(move |order| (side, order))
            });
            for (number, (side, order)) in (1..).zip(sides.into_iter().flatten()) {
                let shown = Shown {
                    reference: reference(spec.instrument, number),
                    instrument: spec.instrument,
                    side,
                    price: order.price,
                    qty: order.qty,
                };
                feed.orders.insert(order.order_id, shown);
            }
        }
        feed
    }

    /// Goes on where a session was, with the numbers that its orders were told by. False: those are
    /// not the orders that are displayed, so that it cannot.
    pub(super) fn resume(&mut self, told: &Told) -> bool {
        let mut displayed = self.orders.sorted(None);
        displayed.retain(|(_, shown)| self.units(shown.instrument).is_some());
        let of_told = |(reference, order): (&u64, &ToldOrder)| {
            let units = self.units(order.instrument)?;
            let shown = Shown {
                reference: *reference,
                instrument: order.instrument,
                side: order.side,
                price: Units::price_of(order.price.into())?,
                qty: units.qty_of(order.shares),
            };
            Some((order.id, shown))
        };
        let Some(mut of_told): Option<Vec<(OrderId, Shown)>> =
            told.orders.iter().map(of_told).collect()
        else {
            return false;
        };
        // Both in the order of their queues, each with numbers of its own.
        let place = |(_, shown): &(OrderId, Shown)| {
            (shown.instrument, shown.side, shown.price, shown.reference)
        };
        displayed.sort_unstable_by_key(place);
        of_told.sort_unstable_by_key(place);
        let same = |(one, other): (&(OrderId, Shown), &(OrderId, Shown))| {
            one.0 == other.0 && Shown { reference: other.1.reference, ..one.1 } == other.1
        };
        if displayed.len() != of_told.len() || !displayed.iter().zip(&of_told).all(same) {
            return false;
        }
        for (id, shown) in of_told {
            self.orders.insert(id, shown);
        }
        for (instrument, crosses) in &told.crosses {
            if let Some(listed) = self.listed.get_mut(instrument) {
                listed.crosses = *crosses;
            }
        }
        self.day = Some(told.day);
        true
    }

    /// A session begins, with how everything stands.
    pub(super) fn begin(&mut self, time: Timestamp, sink: &mut impl Sink) {
        let day = Day::of(time);
        self.turn(day, time, &mut Says::new(sink, 0));
    }

    /// The day that messages are of; `None` before the first event.
    pub const fn day(&self) -> Option<Day> {
        self.day
    }

    /// Orders that are displayed, of instruments that are told of or not.
    pub fn orders(&self) -> usize {
        self.orders.len()
    }

    /// A displayed order.
    pub fn order(&self, id: OrderId) -> Option<&Shown> {
        self.orders.get(id)
    }

    /// The instruments that nothing is told of, and why.
    pub fn left_out(&self) -> impl Iterator<Item = (&InstrumentSpec, Misfit)> {
        self.listed.values().filter_map(|listed| Some((&listed.spec, listed.units.err()?)))
    }

    /// Tells of the next event.
    pub fn apply(&mut self, header: &EventHeader, event: &Event, sink: &mut impl Sink) {
        let time = Timestamp(header.time_ns);
        let day = Day::of(time);
        let mut says = Says::new(sink, day.since_midnight(time));
        if self.day != Some(day) {
            self.turn(day, time, &mut says);
        }
        self.tell(header, event, &mut says);
    }

    /// A day ends, if there was one, and another begins with how everything stands.
    fn turn(&mut self, day: Day, time: Timestamp, says: &mut Says<'_, impl Sink>) {
        if let Some(before) = self.day {
            says.at(before.since_midnight(time));
            for event in
                [EventCode::EndOfMarketHours, EventCode::EndOfSystemHours, EventCode::EndOfMessages]
            {
                says.system(event);
            }
        }
        self.day = Some(day);
        says.begin(day);
        says.at(day.since_midnight(time));
        for listed in self.listed.values_mut() {
            listed.crosses = 0;
        }
        self.show(says);
    }

    /// How everything stands: what a session begins with, and what a late joiner begins with.
    pub fn picture(&self, time: Timestamp, sink: &mut impl Sink) {
        let since = self.day.map_or(0, |day| day.since_midnight(time));
        self.show(&mut Says::new(sink, since));
    }

    fn show(&self, says: &mut Says<'_, impl Sink>) {
        for event in [
            EventCode::StartOfMessages,
            EventCode::StartOfSystemHours,
            EventCode::StartOfMarketHours,
        ] {
            says.system(event);
        }
        for listed in self.listed.values() {
            if let Ok(units) = &listed.units {
                says.directory(units);
                says.state(units, &listed.spec);
            }
        }
        self.add_all(None, says);
    }

    fn add_all(&self, of: Option<InstrumentId>, says: &mut Says<'_, impl Sink>) {
        for (id, shown) in self.orders.sorted(of) {
            if let Some(units) = self.units(shown.instrument) {
                says.add(&units, id, &shown);
            }
        }
    }

    fn list(&mut self, spec: InstrumentSpec) {
        let crosses = self.listed.get(&spec.instrument).map_or(0, |listed| listed.crosses);
        let listed = Listed { spec, units: Units::of(&spec), crosses };
        self.listed.insert(spec.instrument, listed);
    }

    #[inline]
    fn units(&self, instrument: InstrumentId) -> Option<Units> {
        self.listed.get(&instrument)?.units.ok()
    }

    fn tell(&mut self, header: &EventHeader, event: &Event, says: &mut Says<'_, impl Sink>) {
        let instrument = header.instrument;
        match event {
            Event::OrderAccepted(taken) if taken.resting == 1 && taken.update_id != 0 => {
                let qty = displayed_of(taken);
                let place = (taken.side, taken.price, qty);
                self.add(instrument, taken.order_id, place, taken.update_id, says);
            }
            Event::OrderRested(rested) if rested.update_id != 0 => {
                let place = (rested.side, rested.price, rested.displayed_qty);
                self.add(instrument, rested.order_id, place, rested.update_id, says);
            }
            Event::OrderReplenished(shown) => self.replenished(instrument, shown, says),
            Event::Trade(trade) if trade.auction == 1 => self.crossed(instrument, trade, says),
            Event::Trade(trade) => self.traded(instrument, trade, says),
            Event::SelfTradePrevented(prevented) => self.prevented(prevented, says),
            Event::OrderEnded(ended) => self.gone(ended.order_id, says),
            Event::OrderAmended(amended) => self.amended(instrument, amended, says),
            Event::AuctionIndication(told) => {
                if let Some(units) = self.units(instrument) {
                    says.indication(&units, told);
                }
            }
            Event::AuctionEnded(ended) => self.auction_ended(instrument, ended, says),
            Event::TradeBusted(busted) => {
                if let Some(units) = self.units(instrument) {
                    says.broken(&units, match_number(instrument, busted.trade_id));
                }
            }
            Event::TradeCorrected(corrected) => self.corrected(instrument, corrected, says),
            Event::InstrumentAdded(added) => self.added(added.spec, says),
            Event::InstrumentUpdated(updated) => self.updated(updated.spec, says),
            Event::InstrumentStateChanged(changed) => {
                if let Some(listed) = self.listed.get_mut(&instrument) {
                    listed.spec.state = changed.new;
                    if let Ok(units) = &listed.units {
                        says.state(units, &listed.spec);
                    }
                }
            }
            _ => {}
        }
    }

    fn add(
        &mut self,
        instrument: InstrumentId,
        id: OrderId,
        (side, price, qty): (Side, Price, Qty),
        update_id: u64,
        says: &mut Says<'_, impl Sink>,
    ) {
        let reference = reference(instrument, update_id);
        let shown = Shown { reference, instrument, side, price, qty };
        self.orders.insert(id, shown);
        if let Some(units) = self.units(instrument) {
            says.add(&units, id, &shown);
        }
    }

    /// The order is displayed no more, if it was.
    fn gone(&mut self, id: OrderId, says: &mut Says<'_, impl Sink>) {
        let Some(shown) = self.orders.remove(id) else { return };
        if let Some(units) = self.units(shown.instrument) {
            says.deleted(&units, shown.reference);
        }
    }

    /// A slice is another order to those who see slices alone.
    fn replenished(
        &mut self,
        instrument: InstrumentId,
        shown: &OrderReplenished,
        says: &mut Says<'_, impl Sink>,
    ) {
        self.gone(shown.order_id, says);
        let place = (shown.side, shown.price, shown.displayed_qty);
        self.add(instrument, shown.order_id, place, shown.update_id, says);
    }

    fn traded(&mut self, instrument: InstrumentId, trade: &Trade, says: &mut Says<'_, impl Sink>) {
        let Some(units) = self.units(instrument) else {
            self.orders.reduce(trade.maker_order_id, trade.qty);
            return;
        };
        let number = match_number(instrument, trade.trade_id);
        match self.orders.reduce(trade.maker_order_id, trade.qty) {
            Some((lost, _)) => says.executed(&units, &lost, number),
            None => _ = says.traded(&units, (trade.price, trade.qty), number),
        }
    }

    /// A trade of an auction: each side loses what is hidden first.
    fn crossed(&mut self, instrument: InstrumentId, trade: &Trade, says: &mut Says<'_, impl Sink>) {
        let sides = [
            (trade.taker_order_id, trade.taker_open_qty),
            (trade.maker_order_id, trade.maker_open_qty),
        ];
        for (id, open) in sides {
            let Some(shown) = self.orders.get(id) else { continue };
            let lost = Qty::from_units(shown.qty.units().saturating_sub(open.units()));
            let Some((lost, _)) = self.orders.reduce(id, lost) else { continue };
            if let Some(units) = self.units(instrument) {
                let number = match_number(instrument, trade.trade_id);
                says.crossed(&units, &lost, trade.price, number);
            }
        }
    }

    fn auction_ended(
        &mut self,
        instrument: InstrumentId,
        ended: &AuctionEnded,
        says: &mut Says<'_, impl Sink>,
    ) {
        let Some(listed) = self.listed.get_mut(&instrument) else { return };
        listed.crosses += 1;
        if let Ok(units) = &listed.units {
            says.cross(units, ended, cross_number(instrument, listed.crosses));
        }
    }

    fn prevented(&mut self, prevented: &SelfTradePrevented, says: &mut Says<'_, impl Sink>) {
        // Without an update nothing that is displayed has changed: what ends says so itself.
        if prevented.update_id == 0 {
            return;
        }
        self.cancelled(prevented.maker_order_id, prevented.qty, says);
    }

    fn cancelled(&mut self, id: OrderId, qty: Qty, says: &mut Says<'_, impl Sink>) {
        let Some((lost, left)) = self.orders.reduce(id, qty) else { return };
        if let Some(units) = self.units(lost.instrument) {
            says.cancelled(&units, &lost, left);
        }
    }

    fn amended(
        &mut self,
        instrument: InstrumentId,
        amended: &OrderAmended,
        says: &mut Says<'_, impl Sink>,
    ) {
        let id = amended.order_id;
        let Some(old) = self.orders.get(id).copied() else { return };
        if amended.resting == 0 {
            return self.gone(id, says);
        }
        if amended.priority_kept == 1 {
            let lost = old.qty.units().saturating_sub(amended.displayed_qty.units());
            return self.cancelled(id, Qty::from_units(lost), says);
        }
        let new = Shown {
            reference: reference(instrument, amended.update_id),
            price: amended.price,
            qty: amended.displayed_qty,
            ..old
        };
        self.orders.insert(id, new);
        if let Some(units) = self.units(instrument) {
            says.replaced(&units, id, old.reference, &new);
        }
    }

    /// There is no message for it: the trade is broken, and another is told under its number.
    fn corrected(
        &mut self,
        instrument: InstrumentId,
        corrected: &TradeCorrected,
        says: &mut Says<'_, impl Sink>,
    ) {
        let Some(units) = self.units(instrument) else { return };
        let number = match_number(instrument, corrected.trade_id);
        says.broken(&units, number);
        says.traded(&units, (corrected.price, corrected.qty), number);
    }

    fn added(&mut self, spec: InstrumentSpec, says: &mut Says<'_, impl Sink>) {
        self.list(spec);
        if let Some(units) = self.units(spec.instrument) {
            says.directory(&units);
            says.state(&units, &spec);
        }
    }

    /// Terms by which an instrument fits no more take it off the feed; those by which it does put it
    /// there, with its orders.
    fn updated(&mut self, spec: InstrumentSpec, says: &mut Says<'_, impl Sink>) {
        let instrument = spec.instrument;
        let before = self.units(instrument);
        self.list(spec);
        let now = self.units(instrument).filter(|units| {
            let fits = |shown: &Shown| {
                units.price(shown.price).is_some() && units.shares(shown.qty).is_some()
            };
            before.is_some() || self.orders.sorted(Some(instrument)).iter().all(|(_, it)| fits(it))
        });
        if now.is_none()
            && let Some(listed) = self.listed.get_mut(&instrument)
            && listed.units.is_ok()
        {
            listed.units = Err(Misfit::Orders);
        }
        match (before, now) {
            (Some(before), None) => {
                for (_, shown) in self.orders.sorted(Some(instrument)) {
                    says.deleted(&before, shown.reference);
                }
                says.leaves(&before);
            }
            (None, Some(units)) => {
                says.directory(&units);
                says.state(&units, &spec);
                self.add_all(Some(instrument), says);
            }
            (Some(before), Some(units)) if before != units => says.directory(&units),
            _ => {}
        }
    }
}

/// What of an order that rests as it came is visible.
fn displayed_of(taken: &OrderAccepted) -> Qty {
    match taken.display_qty {
        Qty::ZERO => taken.qty,
        slice => slice.min(taken.qty),
    }
}
