//! Calls and auctions, as lines.

use tiercel_types::auction::{AuctionKind, AuctionReference, Pressure, TieBreak};
use tiercel_types::command::{SetAuctionRules, StartCall};
use tiercel_types::event::{InstrumentStateChanged, LevelChanged};
use tiercel_types::{InstrumentState, Price, Qty, Side};

use super::print::Printer;
use super::statement::{Reader, required};
use super::terms::parse_state;
use super::time::{Clock, parse_time};
use super::words::{LineError, Words};

impl Reader {
    /// `auction [SYMBOL] [FLAVOUR] [minimum_surplus=0|1] [pressure=] [tie_break=] [reference=]
    /// [bound=PRICE] [bound_ppm=PPM] [interval=TIME]`
    pub(super) fn auction(&self, words: &mut Words) -> Result<SetAuctionRules, LineError> {
        let flavour = words.bare_that(Flavour::from_text).map(|(_, flavour)| flavour);
        let pressure = words.parsed("pressure", |text| {
            Pressure::from_text(text).ok_or("neither ignored nor side nor narrow")
        })?;
        let tie_break = words.parsed("tie_break", |text| {
            TieBreak::from_text(text).ok_or("neither clamp nor nearest")
        })?;
        let reference = words.parsed("reference", |text| {
            AuctionReference::from_text(text).ok_or("neither last nor terms nor midpoint")
        })?;
        let minimum_surplus = words.parsed("minimum_surplus", str::parse)?;
        let bound = words.parsed("bound", str::parse)?;
        let bound_ppm = words.parsed("bound_ppm", str::parse)?;
        let interval = words.parsed("interval", parse_time)?;
        let mut rules = SetAuctionRules::xetra(self.one_instrument(words)?);
        if let Some(flavour) = flavour {
            flavour.apply(&mut rules);
        }
        rules.minimum_surplus = minimum_surplus.unwrap_or(rules.minimum_surplus);
        rules.pressure = pressure.unwrap_or(rules.pressure);
        rules.tie_break = tie_break.unwrap_or(rules.tie_break);
        rules.reference = reference.unwrap_or(rules.reference);
        rules.bound = bound.unwrap_or(rules.bound);
        rules.bound_ppm = bound_ppm.unwrap_or(rules.bound_ppm);
        rules.indication_interval_ns = interval.unwrap_or_default().0;
        Ok(rules)
    }

    /// `call [SYMBOL] KIND [then=STATE] [until=TIME]`
    pub(super) fn call(&self, words: &mut Words) -> Result<StartCall, LineError> {
        let auction = required(words.bare_that(AuctionKind::from_text), "auction")?.1;
        let then = words.parsed("then", parse_state)?;
        let ends_at = words.parsed("until", parse_time)?.unwrap_or_default();
        let implied = match auction {
            AuctionKind::Closing => InstrumentState::Closed,
            _ => InstrumentState::Open,
        };
        Ok(StartCall {
            instrument: self.one_instrument(words)?,
            auction,
            then: then.unwrap_or(implied),
            reserved: [0; 2],
            ends_at,
        })
    }
}

/// A market whose steps have a name.
#[derive(Clone, Copy)]
enum Flavour {
    Xetra,
    Euronext,
    Asx,
    Nasdaq,
}

impl Flavour {
    fn from_text(text: &str) -> Option<Self> {
        Some(match text {
            "xetra" => Self::Xetra,
            "euronext" => Self::Euronext,
            "asx" => Self::Asx,
            "nasdaq" => Self::Nasdaq,
            _ => return None,
        })
    }

    fn apply(self, rules: &mut SetAuctionRules) {
        match self {
            Self::Xetra => {}
            Self::Euronext => rules.tie_break = TieBreak::Nearest,
            Self::Asx => rules.pressure = Pressure::Narrow,
            Self::Nasdaq => {
                rules.pressure = Pressure::Ignored;
                rules.tie_break = TieBreak::Nearest;
                rules.reference = AuctionReference::Midpoint;
                // The larger of 0.50 and 10%.
                rules.bound = Price::from_units(50_000_000);
                rules.bound_ppm = 100_000;
            }
        }
    }
}

impl Printer<'_> {
    pub(super) fn state_changed(&mut self, it: &InstrumentStateChanged) {
        self.symbol().line.pair("old", it.old).pair("new", it.new);
        if it.auction != AuctionKind::None {
            self.line.pair("auction", it.auction).pair("then", it.then);
        }
        if it.ends_at.0 != 0 {
            self.line.named("until", "ends_at", Clock(it.ends_at));
        }
    }

    pub(super) fn auction_rules(&mut self, it: &SetAuctionRules) {
        self.symbol().line.number("minimum_surplus", it.minimum_surplus);
        self.line.pair("pressure", it.pressure).pair("tie_break", it.tie_break);
        self.line.pair("reference", it.reference);
        self.optional_price("bound", "bound", it.bound);
        self.optional_number("bound_ppm", "bound_ppm", u64::from(it.bound_ppm));
        self.optional_number("interval_ns", "indication_interval_ns", it.indication_interval_ns);
    }

    /// What an auction would do, or did: without a price it does nothing.
    pub(super) fn auction(
        &mut self,
        auction: AuctionKind,
        price: Option<Price>,
        (executed, surplus, side): (Qty, Qty, Side),
    ) {
        self.symbol().line.word("auction", auction);
        self.line.value("has_price", price.is_some());
        let Some(price) = price else {
            self.line.show("no_price");
            return;
        };
        self.size(executed, price).qty("surplus", "surplus_qty", surplus);
        if !surplus.is_zero() {
            self.line.word("surplus_side", side);
        }
    }

    pub(super) fn level_changed(&mut self, it: &LevelChanged) {
        self.symbol().line.word("side", it.side);
        self.size(Qty::ZERO, it.price).level(it.level_qty, it.update_id);
    }
}
