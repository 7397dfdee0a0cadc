//! Assets, instruments and accounts; trades busted and corrected.

use tiercel_types::command::{AddAsset, BustTrade, CorrectTrade, Kind, SetAccount};
use tiercel_types::event::{
    AccountChanged, AssetAdded, EventBuffer, InstrumentAdded, InstrumentUpdated, TradeBusted,
    TradeCorrected,
};
use tiercel_types::{
    AccountId, AssetId, DenialReason, InstrumentId, InstrumentSpec, InstrumentState, Money, Price,
    Qty,
};

use crate::accounts::{Accounts, TradeRecord};
use crate::book::Book;
use crate::engine::{Engine, NO_BOOK, Named};
use crate::filters::MONEY_LIMIT;
use crate::ledger::Ledger;

/// No fee is more than half of what is received.
const FEE_PPM_MAX: i32 = 500_000;

impl<L: Ledger> Engine<L> {
    pub(crate) fn add_asset(&mut self, add: &AddAsset, out: &mut EventBuffer) {
        if let Err(reason) = self.check_asset(add) {
            return Named::plain(Kind::AddAsset, InstrumentId(0), AccountId(0)).deny(reason, out);
        }
        let index = add.asset.0 as usize;
        if index >= self.assets.len() {
            self.assets.resize(index + 1, None);
        }
        self.assets[index] = Some(add.code);
        self.ledger.add_asset(add.asset);
        out.push(InstrumentId(0), AccountId(0), AssetAdded { asset: add.asset, code: add.code });
    }

    fn check_asset(&self, add: &AddAsset) -> Result<(), DenialReason> {
        if add.asset.0 >= AssetId::LIMIT {
            return Err(DenialReason::IdOutOfRange);
        }
        if self.knows_asset(add.asset) {
            return Err(DenialReason::DuplicateAsset);
        }
        if add.code.is_empty() || self.assets.contains(&Some(add.code)) {
            return Err(DenialReason::SymbolInvalid);
        }
        Ok(())
    }

    pub(crate) fn knows_asset(&self, asset: AssetId) -> bool {
        self.assets.get(asset.0 as usize).is_some_and(Option::is_some)
    }

    pub(crate) fn add_instrument(&mut self, spec: &InstrumentSpec, out: &mut EventBuffer) {
        if let Err(reason) = self.check_new_instrument(spec) {
            let named = Named::plain(Kind::AddInstrument, spec.instrument, AccountId(0));
            return named.deny(reason, out);
        }
        let index = spec.instrument.0 as usize;
        if index >= self.directory.len() {
            self.directory.resize(index + 1, NO_BOOK);
        }
        self.directory[index] = self.books.len() as u32;
        self.books.push(Book::new(*spec, self.config.window_ticks));
        out.push(spec.instrument, AccountId(0), InstrumentAdded { spec: *spec });
    }

    fn check_new_instrument(&self, spec: &InstrumentSpec) -> Result<(), DenialReason> {
        if spec.reserved != [0; 6] {
            return Err(DenialReason::ReservedFieldSet);
        }
        if spec.instrument.0 >= InstrumentId::LIMIT {
            return Err(DenialReason::IdOutOfRange);
        }
        if self.book_of(spec.instrument).is_ok() {
            return Err(DenialReason::DuplicateInstrument);
        }
        self.check_symbol(spec)?;
        if L::ENABLED && !(self.knows_asset(spec.base) && self.knows_asset(spec.quote)) {
            return Err(DenialReason::UnknownAsset);
        }
        if matches!(spec.state, InstrumentState::Call | InstrumentState::Paused) {
            return Err(DenialReason::TermsInvalid);
        }
        check_terms(spec, L::ENABLED)
    }

    fn check_symbol(&self, spec: &InstrumentSpec) -> Result<(), DenialReason> {
        let taken = self
            .books
            .iter()
            .any(|book| book.spec.symbol == spec.symbol && book.spec.instrument != spec.instrument);
        if spec.symbol.is_empty() || taken { Err(DenialReason::SymbolInvalid) } else { Ok(()) }
    }

    pub(crate) fn update_instrument(&mut self, spec: &InstrumentSpec, out: &mut EventBuffer) {
        let index = match self.check_update(spec) {
            Ok(index) => index,
            Err(reason) => {
                let named = Named::plain(Kind::UpdateInstrument, spec.instrument, AccountId(0));
                return named.deny(reason, out);
            }
        };
        let book = self.book_mut(index);
        book.set_terms(*spec);
        book.note_auction_change();
        out.push(spec.instrument, AccountId(0), InstrumentUpdated { spec: book.spec });
    }

    fn check_update(&self, spec: &InstrumentSpec) -> Result<u32, DenialReason> {
        if spec.reserved != [0; 6] {
            return Err(DenialReason::ReservedFieldSet);
        }
        let index = self.book_of(spec.instrument)?;
        self.check_symbol(spec)?;
        let book = self.book(index);
        let old = &book.spec;
        let negative = |spec: &InstrumentSpec| spec.min_price.units() < 0;
        let steps_change =
            spec.tick != old.tick || spec.lot != old.lot || negative(spec) != negative(old);
        if spec.base != old.base || spec.quote != old.quote || (steps_change && !book.is_empty()) {
            return Err(DenialReason::TermsFixed);
        }
        check_terms(spec, L::ENABLED)?;
        let guarded = book.guard.as_ref().is_some_and(|guard| guard.set.call_ns != 0);
        if guarded && negative(spec) {
            return Err(DenialReason::TermsInvalid);
        }
        Ok(index)
    }

    pub(crate) fn set_account(&mut self, terms: &SetAccount, out: &mut EventBuffer) {
        if let Err(reason) = check_account_terms::<L>(terms) {
            return Named::plain(Kind::SetAccount, InstrumentId(0), terms.account)
                .deny(reason, out);
        }
        self.ledger.set_account(terms);
        let changed = AccountChanged {
            trade_group: terms.trade_group,
            max_open_orders: terms.max_open_orders,
            state: terms.state,
            reserved: [0; 7],
        };
        out.push(InstrumentId(0), terms.account, changed);
    }

    pub(crate) fn bust_trade(&mut self, bust: &BustTrade, out: &mut EventBuffer) {
        match self.find_trade(bust.instrument, bust.trade_id.0, bust.reserved) {
            Ok(at) => self.ledger.bust(at, out),
            Err(reason) => {
                Named::plain(Kind::BustTrade, bust.instrument, AccountId(0)).deny(reason, out);
            }
        }
    }

    pub(crate) fn correct_trade(&mut self, correct: &CorrectTrade, out: &mut EventBuffer) {
        let checked = self
            .find_trade(correct.instrument, correct.trade_id.0, correct.reserved)
            .and_then(|at| self.check_correction(at, correct).map(|()| at));
        match checked {
            Ok(at) => self.ledger.correct(at, correct.price, correct.qty, out),
            Err(reason) => {
                let named = Named::plain(Kind::CorrectTrade, correct.instrument, AccountId(0));
                named.deny(reason, out);
            }
        }
    }

    /// Where the trade lies in the ledger's history.
    fn find_trade(
        &self,
        instrument: InstrumentId,
        number: u64,
        reserved: u32,
    ) -> Result<usize, DenialReason> {
        if !L::ENABLED {
            return Err(DenialReason::NoAccounts);
        }
        if reserved != 0 {
            return Err(DenialReason::ReservedFieldSet);
        }
        self.book_of(instrument)?;
        self.ledger.trade_at(instrument, number)
    }

    fn check_correction(&self, at: usize, correct: &CorrectTrade) -> Result<(), DenialReason> {
        let book = self.book(self.book_of(correct.instrument)?);
        if correct.price <= Price::ZERO {
            return Err(DenialReason::PriceRequired);
        }
        if book.tick.divide_signed(correct.price.units()).is_none() {
            return Err(DenialReason::PriceNotOnTick);
        }
        if correct.qty.is_zero() {
            return Err(DenialReason::QtyRequired);
        }
        if book.lot.divide(correct.qty.units()).is_none() {
            return Err(DenialReason::QtyNotOnLot);
        }
        if correct.qty > self.ledger.traded_qty(at) {
            return Err(DenialReason::CorrectionInvalid);
        }
        if Money::of(correct.price, correct.qty).units() >= MONEY_LIMIT {
            return Err(DenialReason::NotionalTooLarge);
        }
        Ok(())
    }
}

impl Accounts {
    /// Reverses a trade and tells so.
    pub(crate) fn bust_at(&mut self, at: usize, out: &mut EventBuffer) {
        let trade = self.trades[at];
        self.book_trade(&trade, -1);
        self.trades[at].busted = true;
        let busted = TradeBusted {
            trade_id: tiercel_types::TradeId(trade.number),
            price: trade.price,
            qty: trade.qty,
        };
        out.push(trade.instrument, trade.taker, busted);
    }

    /// Reverses a trade, books it at other terms, and tells so.
    pub(crate) fn correct_at(&mut self, at: usize, price: Price, qty: Qty, out: &mut EventBuffer) {
        let old = self.trades[at];
        self.book_trade(&old, -1);
        let (taker_fee, maker_fee) = Self::fees(old.taker_side, price, qty, old.fees_ppm);
        let new = TradeRecord { price, qty, taker_fee, maker_fee, ..old };
        self.book_trade(&new, 1);
        self.trades[at] = new;
        let trade_id = tiercel_types::TradeId(old.number);
        let corrected = TradeCorrected { trade_id, price, qty, taker_fee, maker_fee };
        out.push(old.instrument, old.taker, corrected);
    }
}

fn check_account_terms<L: Ledger>(terms: &SetAccount) -> Result<(), DenialReason> {
    if !L::ENABLED {
        return Err(DenialReason::NoAccounts);
    }
    if terms.reserved != [0; 3] {
        return Err(DenialReason::ReservedFieldSet);
    }
    if terms.account == AccountId::VENUE || terms.account.0 >= AccountId::LIMIT {
        return Err(DenialReason::IdOutOfRange);
    }
    Ok(())
}

/// Whether an instrument's terms make sense together.
fn check_terms(spec: &InstrumentSpec, with_accounts: bool) -> Result<(), DenialReason> {
    let steps = spec.tick > Price::ZERO && !spec.lot.is_zero() && spec.tracks_volume <= 1;
    let negative = spec.min_price.units() < 0;
    let signs = if negative {
        !with_accounts
            && spec.band_ppm == 0
            && spec.market_protection_ppm == 0
            && spec.min_notional.is_zero()
            && spec.max_notional.is_zero()
            && spec.reference_price.is_zero()
    } else {
        spec.max_price.units() >= 0 && spec.reference_price.units() >= 0
    };
    if !steps || !signs {
        return Err(DenialReason::TermsInvalid);
    }
    let tick = spec.tick.units();
    let on_steps = spec.min_price.units() % tick == 0
        && spec.max_price.units() % tick == 0
        && spec.min_qty.units().is_multiple_of(spec.lot.units())
        && spec.max_qty.units().is_multiple_of(spec.lot.units());
    let bounded = |low: u64, high: u64| low == 0 || high == 0 || low <= high;
    let ordered =
        (spec.min_price.is_zero() || spec.max_price.is_zero() || spec.min_price <= spec.max_price)
            && bounded(spec.min_qty.units(), spec.max_qty.units())
            && bounded(spec.min_notional.units(), spec.max_notional.units());
    let (maker, taker) = (spec.maker_fee_ppm, spec.taker_fee_ppm);
    let fees = (0..=FEE_PPM_MAX).contains(&taker)
        && (-FEE_PPM_MAX..=FEE_PPM_MAX).contains(&maker)
        && maker + taker >= 0;
    let assets = !with_accounts || spec.base != spec.quote;
    if on_steps && ordered && fees && assets { Ok(()) } else { Err(DenialReason::TermsInvalid) }
}
