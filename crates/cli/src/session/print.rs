//! Events as lines.

use core::fmt::{self, Display};

use tiercel_types::command::SetMatchingRules;
use tiercel_types::event::{
    Denied, FundsMoved, ListAccepted, OrderAccepted, OrderAmended, OrderEnded, OrderReplenished,
    OrderRested, OrderStatus, OrderTriggered, OrderWaiting, SelfTradePrevented, Trade, TradeBusted,
    TradeCorrected,
};
use tiercel_types::order::ListKind;
use tiercel_types::{
    AccountId, DenialReason, Event, EventHeader, InstrumentId, InstrumentSpec, ListId, Money,
    OrderId, Peg, Price, Qty, Timestamp, TradeId,
};

use super::decimal::places;
use super::line::Line;
use super::names::Names;
use super::time::Clock;

/// An order id as a session writes it: `#7`, or `#2:7` of shard 2.
struct Order(OrderId);

impl Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shard, counter) = (self.0.0 >> 48, self.0.0 & ((1 << 48) - 1));
        if shard == 0 { write!(f, "#{counter}") } else { write!(f, "#{shard}:{counter}") }
    }
}

/// An order list's id as a session writes it: `list1`, or `list2:1` of shard 2.
struct List(ListId);

impl Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shard, counter) = (self.0.0 >> 48, self.0.0 & ((1 << 48) - 1));
        if shard == 0 { write!(f, "list{counter}") } else { write!(f, "list{shard}:{counter}") }
    }
}

/// How an instrument's prices and quantities are shown: with the places of its tick and lot.
#[derive(Clone, Copy)]
pub(super) struct Digits {
    price: usize,
    qty: usize,
}

impl Digits {
    /// Those of an instrument; the fewest that suffice when it is not known.
    pub(super) fn of(spec: Option<&InstrumentSpec>) -> Option<Self> {
        let spec = spec?;
        Some(Self {
            price: places(spec.tick.units().unsigned_abs()),
            qty: places(spec.lot.units()),
        })
    }
}

/// Shows a price with an instrument's places, or more if it needs them.
pub(super) fn price(price: Price, digits: Option<Digits>) -> String {
    let needed = places(price.units().unsigned_abs());
    format!("{price:.*}", digits.map_or(needed, |digits| digits.price.max(needed)))
}

/// Shows a quantity with an instrument's places, or more if it needs them.
pub(super) fn qty(qty: Qty, digits: Option<Digits>) -> String {
    let needed = places(qty.units());
    format!("{qty:.*}", digits.map_or(needed, |digits| digits.qty.max(needed)))
}

/// The line of an event.
pub(super) fn event_line(header: &EventHeader, event: &Event, names: &Names) -> Line {
    let digits = Digits::of(names.spec(header.instrument));
    let mut printer = Printer {
        line: Line::new("event", event.kind().as_str()),
        names,
        digits,
        instrument: header.instrument,
        account: header.account,
    };
    printer.body(event);
    let mut line = printer.line;
    line.value("sequence", header.sequence)
        .value("index", header.index)
        .value("last", header.is_last())
        .value("time", Clock(Timestamp(header.time_ns)).to_string());
    line
}

pub(super) struct Printer<'a> {
    pub(super) line: Line,
    names: &'a Names,
    digits: Option<Digits>,
    instrument: InstrumentId,
    pub(super) account: AccountId,
}

impl Printer<'_> {
    fn body(&mut self, event: &Event) {
        match event {
            Event::OrderAccepted(it) => self.order_accepted(it),
            Event::Denied(it) => self.denied(it),
            Event::Trade(it) => self.trade(it),
            Event::OrderRested(it) => self.order_rested(it),
            Event::OrderReplenished(it) => self.order_replenished(it),
            Event::OrderEnded(it) => self.order_ended(it),
            Event::OrderAmended(it) => self.order_amended(it),
            Event::SelfTradePrevented(it) => self.self_trade_prevented(it),
            Event::OrderStatus(it) => self.order_status(it),
            Event::MassCancelDone(it) => {
                self.account().symbol().line.number("orders", it.orders);
            }
            Event::TradeBusted(it) => self.trade_busted(it),
            Event::TradeCorrected(it) => self.trade_corrected(it),
            Event::AssetAdded(it) => {
                self.line.word("asset", it.code).number("n", it.asset.0);
            }
            Event::InstrumentAdded(it) => self.terms(&it.spec),
            Event::InstrumentUpdated(it) => self.terms(&it.spec),
            Event::InstrumentStateChanged(it) => {
                self.state_changed(it);
            }
            Event::AccountChanged(it) => {
                let account = self.account;
                self.account().line.word("state", it.state).number("n", account.0);
                self.optional_number("group", "trade_group", u64::from(it.trade_group));
                self.optional_number(
                    "max_open_orders",
                    "max_open_orders",
                    u64::from(it.max_open_orders),
                );
            }
            Event::FundsMoved(it) => self.funds_moved(it),
            Event::FundingRepeated(it) => {
                self.account().line.named_number("fund", "funding_id", it.funding_id);
            }
            Event::KillSwitchSet(it) => self.kill_switch_set(it),
            Event::CountdownSet(it) => self.countdown_set(*it),
            Event::PhaseScheduled(it) => self.phase_scheduled(it),
            Event::ProtectionsSet(it) => self.protections_set(&it.protections),
            Event::InterruptionStarted(it) => self.interruption_started(it),
            Event::BandsChanged(it) => self.bands_changed(it),
            Event::LimitStateChanged(it) => self.limit_state_changed(it),
            Event::MatchingRulesSet(it) => self.matching_rules(&it.rules),
            Event::AuctionRulesSet(it) => self.auction_rules(&it.rules),
            Event::AuctionIndication(it) => {
                let would = (it.executed_qty, it.surplus_qty, it.surplus_side);
                self.auction(it.auction, (it.has_price != 0).then_some(it.price), would);
            }
            Event::AuctionEnded(it) => {
                let did = (it.executed_qty, it.surplus_qty, it.surplus_side);
                self.auction(it.auction, (it.has_price != 0).then_some(it.price), did);
            }
            Event::LevelChanged(it) => self.level_changed(it),
            Event::TimeAdvanced(_) => {}
            Event::OrderWaiting(it) => self.order_waiting(it),
            Event::OrderTriggered(it) => self.order_triggered(it),
            Event::ListAccepted(it) => self.list_accepted(it),
            Event::ListEnded(it) => {
                self.list(it.list_id).account().symbol();
            }
            Event::Staged(it) => {
                self.account();
                self.line.number("legs", it.legs);
                self.optional_number("condition", "condition", u64::from(it.condition));
            }
        }
    }

    fn matching_rules(&mut self, it: &SetMatchingRules) {
        self.symbol().line.word("allocation", it.allocation);
        self.optional_qty("minimum", "minimum_allocation", it.minimum_allocation);
        self.optional_number("fifo_ppm", "fifo_ppm", u64::from(it.fifo_ppm));
        self.optional_number("top", "top", u64::from(it.top));
        self.optional_qty("top_min", "top_min_qty", it.top_min_qty);
        self.optional_qty("top_max", "top_max_qty", it.top_max_qty);
        let makers: Vec<String> = it
            .market_makers
            .iter()
            .filter(|maker| maker.share_ppm != 0)
            .map(|maker| format!("{}:{}", self.names.account_name(maker.account), maker.share_ppm))
            .collect();
        for maker in &makers {
            self.line.show(&format!("maker={maker}"));
        }
        if !makers.is_empty() {
            self.line.value("market_makers", makers);
        }
    }

    fn order_accepted(&mut self, it: &OrderAccepted) {
        self.order(it.order_id).account().symbol();
        self.line.word("side", it.side).word("kind", it.kind);
        self.size(it.qty, it.price);
        self.line.word("time_in_force", it.time_in_force);
        self.optional_qty("quote", "quote_qty", it.quote_qty);
        self.optional_qty("show", "display_qty", it.display_qty);
        if it.expire_time.0 != 0 {
            self.line.named("until", "expire_time", Clock(it.expire_time));
        }
        if it.self_trade_prevention != tiercel_types::SelfTradePrevention::None {
            self.line.named("stp", "self_trade_prevention", it.self_trade_prevention);
        }
        self.client_id(it.client_order_id.as_str());
        self.optional_number("session", "session", u64::from(it.session));
        self.special(it.peg, it.all_or_none, it.hidden);
        self.line.value("resting", it.resting != 0);
        self.level(it.level_qty, it.update_id);
    }

    fn order_waiting(&mut self, it: &OrderWaiting) {
        self.order(it.order_id).account().symbol();
        self.line.word("side", it.side).word("state", it.state).word("trigger", it.trigger);
        self.optional_price("at", "trigger_price", it.trigger_price);
        self.optional_price("trail", "trailing_amount", it.trailing_amount);
        if it.trailing_bps != 0 {
            self.line.show(&format!("trail={}bps", it.trailing_bps));
            self.line.value("trailing_bps", it.trailing_bps);
        }
        self.optional_price("from", "activation_price", it.activation_price);
        self.optional_list(it.list_id);
    }

    fn order_triggered(&mut self, it: &OrderTriggered) {
        self.order(it.order_id).account().symbol();
        self.line.word("side", it.side).word("trigger", it.trigger);
        self.size(it.qty, it.price);
        self.optional_list(it.list_id);
    }

    fn list_accepted(&mut self, it: &ListAccepted) {
        self.list(it.list_id).account().symbol();
        self.line.word("kind", it.kind);
        if it.kind != ListKind::Oco {
            self.line.word("pending_rule", it.pending_rule);
        }
        for id in it.order_ids.into_iter().filter(|id| !id.is_none()) {
            self.line.show(&Order(id).to_string());
        }
        self.line.value("orders", it.order_ids.map(|id| Order(id).to_string()).to_vec());
        let name = it.list_client_order_id;
        if !name.is_empty() {
            self.line.named("id", "list_client_order_id", name.as_str());
        }
    }

    fn list(&mut self, id: ListId) -> &mut Self {
        self.line.word("list", List(id));
        self
    }

    fn optional_list(&mut self, id: ListId) {
        if id != ListId(0) {
            self.line.named("list", "list", List(id));
        }
    }

    pub(super) fn optional_price(&mut self, shown: &str, key: &str, value: Price) {
        if !value.is_zero() {
            self.line.named(shown, key, price(value, self.digits));
        }
    }

    pub(super) fn price(&mut self, key: &str, value: Price) {
        self.line.pair(key, price(value, self.digits));
    }

    fn denied(&mut self, it: &Denied) {
        self.line.word("reason", it.reason).word("command", it.command);
        if self.account != AccountId(0) {
            self.account();
        }
        if self.instrument != InstrumentId(0) {
            self.symbol();
        }
        if !it.order_id.is_none() {
            self.order(it.order_id);
        }
        self.client_id(it.client_order_id.as_str());
        if !it.reason.field().is_empty() {
            self.line.pair("field", it.reason.field());
        }
        self.optional_number("leg", "leg", u64::from(it.leg));
    }

    fn trade(&mut self, it: &Trade) {
        self.trade_id(it.trade_id).symbol().size(it.qty, it.price);
        if it.auction != 0 {
            self.line.show("auction");
        }
        self.line.value("auction", it.auction != 0);
        self.line.named("taker", "taker_order", Order(it.taker_order_id));
        self.line.named("by", "taker_account", self.names.account_name(self.account));
        self.line.word("taker_side", it.taker_side);
        self.qty("open", "taker_open_qty", it.taker_open_qty);
        self.line.named("maker", "maker_order", Order(it.maker_order_id));
        self.line.named("by", "maker_account", self.names.account_name(it.maker_account));
        self.qty("open", "maker_open_qty", it.maker_open_qty);
        self.fees(it.taker_fee, it.maker_fee);
        self.level(it.level_qty, it.update_id);
    }

    fn order_rested(&mut self, it: &OrderRested) {
        self.order(it.order_id).account().symbol();
        self.line.word("side", it.side);
        self.size(it.open_qty, it.price);
        if it.displayed_qty != it.open_qty {
            self.qty("shown", "displayed_qty", it.displayed_qty);
        }
        self.level(it.level_qty, it.update_id);
    }

    fn order_replenished(&mut self, it: &OrderReplenished) {
        self.order(it.order_id).account().symbol();
        self.line.word("side", it.side);
        self.size(it.displayed_qty, it.price);
        self.qty("hidden", "hidden_qty", it.hidden_qty);
        self.level(it.level_qty, it.update_id);
    }

    fn order_ended(&mut self, it: &OrderEnded) {
        self.order(it.order_id).account().symbol();
        self.line.word("side", it.side).word("reason", it.reason);
        let denial = DenialReason::ALL.iter().find(|&&reason| reason as u16 == it.denial);
        if let Some(denial) = denial {
            self.line.pair("denial", denial);
        }
        self.qty("unfilled", "unfilled_qty", it.unfilled_qty);
        self.line.value("price", price(it.price, self.digits));
        self.line.value("was_resting", it.was_resting != 0);
        self.level(it.level_qty, it.update_id);
    }

    fn order_amended(&mut self, it: &OrderAmended) {
        self.order(it.order_id).account().symbol();
        self.line.word("side", it.side);
        self.size(it.open_qty, it.price);
        if it.resting != 0 && it.displayed_qty != it.open_qty {
            self.qty("shown", "displayed_qty", it.displayed_qty);
        }
        self.line.pair("priority", if it.priority_kept != 0 { "kept" } else { "lost" });
        self.client_id(it.client_order_id.as_str());
        self.line.value("resting", it.resting != 0);
        if it.old_price != it.price {
            let old_price = price(it.old_price, self.digits);
            self.line.pair("old_price", old_price);
        }
        // At the same price the former level is the level, unless the order left to trade.
        if it.old_price != it.price || it.resting == 0 {
            self.qty("old_level", "old_level_qty", it.old_level_qty);
        }
        if it.resting != 0 {
            self.level(it.level_qty, it.update_id);
        } else {
            self.line.named_number("update", "update_id", it.update_id);
        }
    }

    fn self_trade_prevented(&mut self, it: &SelfTradePrevented) {
        self.line.word("action", it.action);
        self.symbol().size(it.qty, it.price);
        self.line.named("taker", "taker_order", Order(it.taker_order_id));
        self.line.named("by", "taker_account", self.names.account_name(self.account));
        self.line.word("taker_side", it.taker_side);
        self.qty("open", "taker_open_qty", it.taker_open_qty);
        self.line.named("maker", "maker_order", Order(it.maker_order_id));
        self.line.named("by", "maker_account", self.names.account_name(it.maker_account));
        self.qty("open", "maker_open_qty", it.maker_open_qty);
        self.level(it.level_qty, it.update_id);
    }

    fn order_status(&mut self, it: &OrderStatus) {
        self.order(it.order_id).account().symbol();
        self.line.word("side", it.side).word("kind", it.kind);
        self.size(it.qty, it.price);
        self.line.word("time_in_force", it.time_in_force);
        self.qty("open", "open_qty", it.open_qty).qty("shown", "displayed_qty", it.displayed_qty);
        self.optional_qty("show", "display_qty", it.display_qty);
        if it.expire_time.0 != 0 {
            self.line.named("until", "expire_time", Clock(it.expire_time));
        }
        if it.self_trade_prevention != tiercel_types::SelfTradePrevention::None {
            self.line.named("stp", "self_trade_prevention", it.self_trade_prevention);
        }
        self.client_id(it.client_order_id.as_str());
        self.special(it.peg, it.all_or_none, it.hidden);
        self.optional_price("offset", "peg_offset", it.peg_offset);
    }

    fn trade_busted(&mut self, it: &TradeBusted) {
        self.trade_id(it.trade_id).symbol().size(it.qty, it.price);
    }

    fn trade_corrected(&mut self, it: &TradeCorrected) {
        self.trade_id(it.trade_id).symbol().size(it.qty, it.price);
        self.fees(it.taker_fee, it.maker_fee);
    }

    fn funds_moved(&mut self, it: &FundsMoved) {
        self.line.word("movement", it.movement);
        self.account();
        self.line.word("amount", it.amount).word("asset", self.names.asset_name(it.asset));
        if it.counterparty != AccountId::ALL {
            self.line.named("to", "counterparty", self.names.account_name(it.counterparty));
        }
        self.line.pair("free", it.free).named_number("fund", "funding_id", it.funding_id);
    }

    /// An instrument's terms: those that are not zero.
    fn terms(&mut self, spec: &InstrumentSpec) {
        self.line.word("instrument", spec.symbol).word("state", spec.state);
        self.line.number("n", spec.instrument.0);
        self.line.pair("base", self.names.asset_name(spec.base));
        self.line.pair("quote", self.names.asset_name(spec.quote));
        self.line.pair("tick", spec.tick).pair("lot", spec.lot);
        for (key, price) in [
            ("min_price", spec.min_price),
            ("max_price", spec.max_price),
            ("reference_price", spec.reference_price),
        ] {
            if !price.is_zero() {
                self.line.pair(key, price);
            }
        }
        for (key, qty) in [
            ("min_qty", spec.min_qty),
            ("max_qty", spec.max_qty),
            ("min_notional", spec.min_notional),
            ("max_notional", spec.max_notional),
        ] {
            if !qty.is_zero() {
                self.line.pair(key, qty);
            }
        }
        for (key, number) in [
            ("band_ppm", i64::from(spec.band_ppm)),
            ("maker_fee_ppm", i64::from(spec.maker_fee_ppm)),
            ("taker_fee_ppm", i64::from(spec.taker_fee_ppm)),
            ("market_protection_ppm", i64::from(spec.market_protection_ppm)),
            ("max_iceberg_parts", i64::from(spec.max_iceberg_parts)),
            ("tracks_volume", i64::from(spec.tracks_volume)),
        ] {
            if number != 0 {
                self.line.number(key, number);
            }
        }
    }

    fn order(&mut self, id: OrderId) -> &mut Self {
        self.line.word("order", Order(id));
        self
    }

    fn trade_id(&mut self, id: TradeId) -> &mut Self {
        self.line.show(&format!("t{id}")).value("trade", id.0);
        self
    }

    pub(super) fn account(&mut self) -> &mut Self {
        self.line.word("account", self.names.account_name(self.account));
        self
    }

    pub(super) fn symbol(&mut self) -> &mut Self {
        self.line.word("instrument", self.names.symbol(self.instrument));
        self
    }

    /// `QTY@PRICE`, without what is zero (but for a quantity that has no price either).
    pub(super) fn size(&mut self, quantity: Qty, at: Price) -> &mut Self {
        let (qty, price) = (qty(quantity, self.digits), price(at, self.digits));
        match (quantity.is_zero(), at.is_zero()) {
            (false, false) => self.line.show(&format!("{qty}@{price}")),
            (true, false) => self.line.show(&format!("@{price}")),
            (false, true) => self.line.show(&qty),
            (true, true) => &mut self.line,
        };
        self.line.value("qty", qty).value("price", price);
        self
    }

    pub(super) fn qty(&mut self, shown: &str, key: &str, value: Qty) -> &mut Self {
        let value = qty(value, self.digits);
        self.line.show(&format!("{shown}={value}")).value(key, value);
        self
    }

    fn optional_qty(&mut self, shown: &str, key: &str, value: Qty) {
        if !value.is_zero() {
            self.qty(shown, key, value);
        }
    }

    pub(super) fn optional_number(&mut self, shown: &str, key: &str, value: u64) {
        if value != 0 {
            self.line.named_number(shown, key, value);
        }
    }

    fn client_id(&mut self, id: &str) {
        if !id.is_empty() {
            self.line.named("id", "client_order_id", id);
        }
    }

    fn fees(&mut self, taker: Money, maker: Money) {
        for (key, fee) in [("taker_fee", taker), ("maker_fee", maker)] {
            if fee != Money::ZERO {
                self.line.pair(key, fee);
            }
        }
    }

    /// How an order trades, if not as most do.
    fn special(&mut self, peg: Peg, all_or_none: u8, hidden: u8) {
        if peg != Peg::None {
            self.line.named("peg", "peg", peg);
        }
        for (name, is) in [("all_or_none", all_or_none), ("hidden", hidden)] {
            if is != 0 {
                self.line.show(name);
                self.line.value(name, true);
            }
        }
    }

    /// What a change of the book left at its level.
    pub(super) fn level(&mut self, level_qty: Qty, update_id: u64) {
        if update_id != 0 {
            self.qty("level", "level_qty", level_qty);
            self.line.named_number("update", "update_id", update_id);
        }
    }
}
