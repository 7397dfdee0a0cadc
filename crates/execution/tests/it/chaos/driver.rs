//! A strategy that does everything: quotes, takes, changes, cancels. It believes what it is told, and nothing else.

use std::collections::BTreeMap;

use tiercel_execution::oms::{AdvancedOrder, NewOrder, Oms, Outputs, Update, UpdateKind};
use tiercel_testkit::random::Random;
use tiercel_types::order::ListKind;
use tiercel_types::{InstrumentId, OrderKind, Price, Qty, Side, TimeInForce, Timestamp};

use super::venue::{INSTRUMENTS, Venue};

/// Tags of each instrument: half of them buy.
const TAGS: u64 = 6;
/// Tags of each list.
const LIST_TAGS: u64 = 3;

/// What a strategy knows.
#[derive(Default)]
pub(super) struct Driver {
    /// Tags that are in use, with what is open.
    open: BTreeMap<u64, Qty>,
    /// What has traded, by instrument and side, in units of quantity.
    pub(super) traded: BTreeMap<(InstrumentId, bool), u64>,
    /// Updates by kind.
    pub(super) told: BTreeMap<&'static str, u64>,
}

const fn kind_name(kind: UpdateKind) -> &'static str {
    match kind {
        UpdateKind::Denied(_) => "denied",
        UpdateKind::Accepted => "accepted",
        UpdateKind::Rejected => "rejected",
        UpdateKind::Filled { .. } => "filled",
        UpdateKind::Cancelled => "cancelled",
        UpdateKind::Expired => "expired",
        UpdateKind::Replaced => "replaced",
        UpdateKind::CancelRejected => "cancel_rejected",
        UpdateKind::ReplaceRejected => "replace_rejected",
        UpdateKind::Unknown => "unknown",
        UpdateKind::Found => "found",
    }
}

impl Driver {
    /// Begins with the orders that are open.
    pub(super) fn adopt(&mut self, tag: u64, open_qty: Qty) {
        self.open.insert(tag, open_qty);
    }

    pub(super) fn told(&mut self, update: &Update) {
        let name = kind_name(update.kind);
        *self.told.entry(name).or_default() += 1;
        let is_known = self.open.contains_key(&update.tag);
        assert!(is_known, "an update of a tag that is free: {update:?}");
        if let UpdateKind::Filled { qty, .. } = update.kind {
            let key = (update.instrument, update.side == Side::Buy);
            *self.traded.entry(key).or_default() += qty.units();
        }
        if update.open_qty.is_zero() {
            self.open.remove(&update.tag);
        } else {
            self.open.insert(update.tag, update.open_qty);
        }
    }

    /// What it believes to be open.
    pub(super) fn open(&self) -> &BTreeMap<u64, Qty> {
        &self.open
    }

    /// Does something.
    pub(super) fn act(
        &mut self,
        now: Timestamp,
        random: &mut Random,
        venue: &Venue,
        oms: &mut Oms,
        out: &mut Outputs,
    ) {
        let instrument = InstrumentId(1 + random.below(u64::from(INSTRUMENTS)) as u32);
        let (tick, lot) = venue.terms(instrument);
        let best = |side| venue.best(instrument, side);
        let (Some(bid), Some(ask)) = (best(Side::Buy), best(Side::Sell)) else { return };
        oms.gate_mut().touch(now, instrument, bid, ask);
        if random.one_in(300) {
            return oms.cancel_all(now, InstrumentId::ALL, out);
        }
        if random.one_in(6) {
            return self.list(now, random, (instrument, venue), oms, out);
        }
        let number = random.below(TAGS);
        let tag = u64::from(instrument.0) * 100 + number;
        let side = if number.is_multiple_of(2) { Side::Buy } else { Side::Sell };
        let (own, other) = if side == Side::Buy { (bid, ask) } else { (ask, bid) };
        let toward = if side == Side::Buy { 1 } else { -1 };
        // Some 200 of the quote asset: the market's orders are as large.
        let usual = 2_000_000_000_000_000_000 / i128::from(own.units()) / i128::from(lot.units());
        let lots = usual as u64 * (1 + random.below(20)) / 10;
        let qty = Qty::from_units(lots.max(1) * lot.units());
        let takes = random.one_in(4);
        let from = if takes { other } else { own };
        let away = random.below(6) as i64 - 2;
        let step = (from.units() / 100_000 / tick.units()).max(1) * tick.units();
        let price = Price::from_units(from.units() - toward * away * step);
        if self.open.contains_key(&tag) {
            match random.below(10) {
                0..4 => oms.replace(now, tag, price, qty, out),
                4..7 => oms.cancel(now, tag, out),
                _ => {}
            }
            return;
        }
        let (kind, time_in_force) = match (takes, random.below(3)) {
            (true, 0) => (OrderKind::Limit, TimeInForce::Ioc),
            (true, 1) => (OrderKind::Limit, TimeInForce::Fok),
            (false, 0..2) => (OrderKind::PostOnly, TimeInForce::Gtc),
            _ => (OrderKind::Limit, TimeInForce::Gtc),
        };
        self.open.insert(tag, qty);
        let order = NewOrder { tag, instrument, side, kind, time_in_force, price, qty };
        oms.submit(now, &order, out);
    }
    /// Enters a list, or an order that waits; or cancels one of its orders.
    fn list(
        &mut self,
        now: Timestamp,
        random: &mut Random,
        (instrument, venue): (InstrumentId, &Venue),
        oms: &mut Oms,
        out: &mut Outputs,
    ) {
        let first = u64::from(instrument.0) * 100 + 10 + LIST_TAGS * random.below(2);
        let tags: Vec<u64> = (first..first + LIST_TAGS).collect();
        if let Some(tag) = tags.iter().find(|tag| self.open.contains_key(*tag)) {
            if random.one_in(6) {
                oms.cancel(now, *tag, out);
            } else if random.one_in(9) {
                oms.replace(now, *tag, Price::from_units(1), Qty::from_units(1), out);
            }
            return;
        }
        let (tick, lot) = venue.terms(instrument);
        let best = |side| venue.best(instrument, side);
        let (Some(bid), Some(ask)) = (best(Side::Buy), best(Side::Sell)) else { return };
        let side = if random.one_in(2) { Side::Buy } else { Side::Sell };
        let usual = 2_000_000_000_000_000_000 / i128::from(bid.units()) / i128::from(lot.units());
        let lots = (usual as u64 * (1 + random.below(12)) / 10).max(1);
        let qty = Qty::from_units(lots * lot.units());
        let step = (bid.units() / 50_000 / tick.units()).max(1) * tick.units();
        let order = |tag, side, kind, units| {
            let (price, time_in_force) = (Price::from_units(units), TimeInForce::Gtc);
            NewOrder { tag, instrument, side, kind, time_in_force, price, qty }
        };
        // What sells stops below the market and takes its profit above it.
        let (up, near, far) = match side {
            Side::Sell => (1, bid.units(), ask.units()),
            Side::Buy => (-1, ask.units(), bid.units()),
        };
        let mut steps = |most: u64| up * step * (1 + random.below(most) as i64);
        let (profit, stop, slip) = (far + steps(4), near - steps(4), steps(3));
        let trigger_price = Price::from_units(stop);
        let limit = AdvancedOrder {
            order: order(tags[1], side, OrderKind::PostOnly, profit),
            trigger_price: Price::ZERO,
        };
        let stop = AdvancedOrder {
            order: order(tags[2], side, OrderKind::Limit, stop - slip),
            trigger_price,
        };
        let at = far + if random.one_in(3) { 0 } else { near - far };
        let entry = order(tags[0], side.opposite(), OrderKind::Limit, at);
        let entry = AdvancedOrder { order: entry, trigger_price: Price::ZERO };
        let (kind, orders) = match random.below(5) {
            0 => (None, vec![stop]),
            1 => (Some(ListKind::Oto), vec![entry, if random.one_in(2) { stop } else { limit }]),
            2 | 3 => (Some(ListKind::Oco), vec![stop, limit]),
            _ => (Some(ListKind::Otoco), vec![entry, limit, stop]),
        };
        for AdvancedOrder { order, .. } in &orders {
            self.open.insert(order.tag, order.qty);
        }
        *self.told.entry("lists").or_default() += 1;
        match kind {
            Some(kind) => oms.submit_list(now, kind, &orders, out),
            None => oms.submit_waiting(now, &orders[0], out),
        }
    }
}
