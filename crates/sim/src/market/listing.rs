//! What trades, and what it is thought to be worth.

use tiercel_types::command::{AccountState, AddAsset, AddInstrument, Command, Deposit, SetAccount};
use tiercel_types::money::MONEY_ONE;
use tiercel_types::{
    AccountId, AssetCode, AssetId, InstrumentId, InstrumentSpec, Money, Price, Qty, Side, Symbol,
};

use super::orders::Slot;
use super::{MAKERS, QUOTE, TRADERS};
use crate::rng::Rng;

/// Code of the base asset; price, tick and lot in units of 10^-8.
const KNOWN: [(&str, i64, i64, u64); 4] = [
    ("BTC", 6_000_000_000_000, 1_000_000, 1_000),
    ("ETH", 300_000_000_000, 1_000_000, 10_000),
    ("SOL", 15_000_000_000, 1_000_000, 100_000),
    ("XRP", 60_000_000, 10_000, 10_000_000),
];

/// What each account is given of each asset, in whole units.
const BASE_FUNDS: i128 = 10_000_000_000;
const QUOTE_FUNDS: i128 = 1_000_000_000_000;

/// An instrument and its fair value.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    spec: InstrumentSpec,
    code: AssetCode,
    /// Where the fair value began, in ticks.
    anchor: i64,
    /// The fair value, in ticks.
    fair: i64,
    /// The step in which it moves and quotes lie, in ticks: 10 ppm of the price.
    step: i64,
    /// The usual size of an order, in lots.
    lots: u64,
    last: Price,
    /// Buys less sells of late, bounded.
    pressure: i64,
}

impl Listing {
    pub(super) fn new(number: u32) -> Self {
        let (known, price, tick, lot) = KNOWN[(number as usize - 1) % KNOWN.len()];
        let name = if number as usize <= KNOWN.len() {
            known.to_owned()
        } else {
            format!("{known}{number}")
        };
        // Letters and digits, fewer than a code or a symbol may have.
        let code: AssetCode = name.parse().unwrap_or_default();
        let symbol: Symbol = format!("{name}USDT").parse().unwrap_or_default();
        let tick_price = Price::from_units(tick);
        let base = AssetId(number + 1);
        let instrument = InstrumentId(number);
        let mut spec =
            InstrumentSpec::new(instrument, base, QUOTE, tick_price, Qty::from_units(lot));
        spec.symbol = symbol;
        spec.maker_fee_ppm = -20;
        spec.taker_fee_ppm = 70;
        spec.band_ppm = 100_000;
        spec.reference_price = Price::from_units(price);
        spec.market_protection_ppm = 10_000;
        spec.max_iceberg_parts = 100;
        spec.min_notional = Qty::from_units(100_000_000);
        let anchor = price / tick;
        // About 300 of the quote asset.
        let lots = (300_i128 * 10_i128.pow(16) / (i128::from(price) * i128::from(lot))) as u64;
        Self {
            spec,
            code,
            anchor,
            fair: anchor,
            step: (anchor / 100_000).max(1),
            lots: lots.max(1),
            last: Price::ZERO,
            pressure: 0,
        }
    }

    pub(super) const fn instrument(&self) -> InstrumentId {
        self.spec.instrument
    }

    /// Lets the fair value move, once in a while.
    pub(super) fn drift(&mut self, rng: &mut Rng) {
        if rng.below(16) != 0 {
            return;
        }
        let reach = self.step as u64;
        let walk = rng.below(2 * reach + 1) as i64 - reach as i64;
        // Three percent off, it is pulled back half a step at a time.
        let off = self.fair - self.anchor;
        let pull = if off.abs() * 100 > self.anchor * 3 { -off.signum() * self.step } else { 0 };
        self.fair += walk + pull + self.pressure.signum() * (self.step / 4);
        self.pressure -= self.pressure.signum();
    }

    pub(super) fn traded(&mut self, price: Price, taker: Side) {
        self.last = price;
        let push = if taker == Side::Buy { 1 } else { -1 };
        self.pressure = (self.pressure + push).clamp(-64, 64);
    }

    /// Which way takers pushed of late: above zero up.
    pub(super) const fn last_move(&self) -> i64 {
        self.pressure
    }

    /// Where a maker's quote belongs, and how far off it may lie, in units of price.
    pub(super) fn quote_price(&self, slot: Slot, rng: &mut Rng) -> (Price, i64) {
        // Makers differ in how wide they quote; each level lies farther out than the one before.
        let width = i64::from(slot.account.0) * self.step / 2 + self.step;
        let level = i64::from(slot.level);
        let out = width + level * self.step + level * level * self.step / 4;
        let jitter = rng.below(self.step as u64 / 2 + 1) as i64;
        let ticks = match slot.side {
            Side::Buy => self.fair - out - jitter,
            Side::Sell => self.fair + out + jitter,
        };
        let tick = self.spec.tick.units();
        (Price::from_units(ticks.max(1) * tick), (self.step * 2 + level * self.step / 2) * tick)
    }

    /// A price near the fair value, for an order of a trader that is to wait; now and then one
    /// that trades at once.
    pub(super) fn near(&self, rng: &mut Rng, side: Side) -> Price {
        let away = rng.below(self.step as u64 * 24) as i64 - self.step * 2;
        let ticks = if side == Side::Buy { self.fair - away } else { self.fair + away };
        Price::from_units(ticks.max(1) * self.spec.tick.units())
    }

    /// A limit for an order that is to trade at once: this many steps beyond the fair value.
    pub(super) fn beyond(&self, steps: i64, side: Side) -> Price {
        let ticks = match side {
            Side::Buy => self.fair + self.step * steps,
            Side::Sell => self.fair - self.step * steps,
        };
        Price::from_units(ticks.max(1) * self.spec.tick.units())
    }

    /// A size: small mostly, up to `most` times the usual one.
    pub(super) fn qty(&self, rng: &mut Rng, most: u64) -> Qty {
        let bound = 1 + rng.below(most * 10);
        let lots = (self.lots * (1 + rng.below(bound)) / 10).max(1);
        // Worth at least the smallest order, whatever the price has become.
        self.of_lots(lots.max(self.lots.div_ceil(100)))
    }

    /// Half a quantity, in whole lots.
    pub(super) const fn half(&self, qty: Qty) -> Qty {
        let lots = qty.units() / self.spec.lot.units() / 2;
        // Below a hundredth of the usual size it would be worth too little.
        if lots < self.lots.div_ceil(50) { Qty::ZERO } else { self.of_lots(lots) }
    }

    /// An iceberg's slice of `qty`.
    pub(super) fn slice(&self, qty: Qty) -> Qty {
        self.of_lots((qty.units() / self.spec.lot.units()).div_ceil(8))
    }

    const fn of_lots(&self, lots: u64) -> Qty {
        Qty::from_units(lots * self.spec.lot.units())
    }
}

/// The commands that make everything known and give everybody funds.
pub(super) fn setup(listings: &[Listing]) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let quote: AssetCode = "USDT".parse().unwrap_or_default();
    commands.push(AddAsset { asset: QUOTE, code: quote }.into());
    for listing in listings {
        commands.push(AddAsset { asset: listing.spec.base, code: listing.code }.into());
        commands.push(AddInstrument { spec: listing.spec }.into());
    }
    for account in accounts() {
        let terms = SetAccount {
            account,
            // Neighbours belong together: their orders do not trade with each other.
            trade_group: account.0.div_ceil(2),
            max_open_orders: 0,
            state: AccountState::Active,
            reserved: [0; 3],
        };
        commands.push(terms.into());
    }
    let mut funding_id = 0;
    for (asset, each) in funds(listings) {
        for account in accounts() {
            funding_id += 1;
            commands.push(Deposit { funding_id, account, asset, amount: each }.into());
        }
    }
    commands
}

/// What was deposited of each asset in all.
pub(super) fn deposits(listings: &[Listing]) -> impl Iterator<Item = (AssetId, Money)> + '_ {
    let count = i128::from(MAKERS + TRADERS);
    funds(listings).map(move |(asset, each)| (asset, Money::from_units(each.units() * count)))
}

fn accounts() -> impl Iterator<Item = AccountId> {
    (1..=MAKERS + TRADERS).map(AccountId)
}

/// What each account is given of each asset.
fn funds(listings: &[Listing]) -> impl Iterator<Item = (AssetId, Money)> + '_ {
    let whole = |asset, units: i128| (asset, Money::from_units(units * MONEY_ONE));
    let bases = listings.iter().map(move |listing| whole(listing.spec.base, BASE_FUNDS));
    core::iter::once(whole(QUOTE, QUOTE_FUNDS)).chain(bases)
}
