//! What the operator does: assets, instruments, accounts, funds.

use tiercel_types::command::{
    AddAsset, Deposit, SetAccount, SetAuctionRules, SetMatchingRules, SetProtections, Transfer,
    Withdraw,
};
use tiercel_types::event::{
    AccountChanged, AssetAdded, FundingRepeated, FundsMoved, FundsMovement, InstrumentAdded,
    InstrumentUpdated,
};
use tiercel_types::{
    AccountId, AssetId, DenialReason, InstrumentId, InstrumentSpec, InstrumentState, Money, Qty,
    Symbol,
};

use super::bands::LimitBands;
use super::entry::require;
use super::{
    AMOUNT_LIMIT, Account, Checked, FREE_LIMIT, FUNDING_IDS_REMEMBERED, Instrument, Levels, Mode,
    Model,
};

/// A movement of funds: from where (none: outside) to where (none: outside).
struct Movement {
    funding_id: u64,
    kind: FundsMovement,
    from: Option<AccountId>,
    to: Option<AccountId>,
    asset: AssetId,
    amount: Money,
}

impl Model {
    pub(super) fn add_asset(&mut self, add: &AddAsset) -> Checked {
        require(add.asset.0 < AssetId::LIMIT, DenialReason::IdOutOfRange)?;
        require(!self.assets.contains_key(&add.asset), DenialReason::DuplicateAsset)?;
        let taken = self.assets.values().any(|code| *code == add.code);
        require(!add.code.is_empty() && !taken, DenialReason::SymbolInvalid)?;
        self.assets.insert(add.asset, add.code);
        let added = AssetAdded { asset: add.asset, code: add.code };
        self.emit(InstrumentId(0), AccountId(0), added);
        Ok(())
    }

    pub(super) fn add_instrument(&mut self, spec: &InstrumentSpec) -> Checked {
        require(spec.reserved == [0; 6], DenialReason::ReservedFieldSet)?;
        let id = spec.instrument;
        require(id.0 < InstrumentId::LIMIT, DenialReason::IdOutOfRange)?;
        require(!self.instruments.contains_key(&id), DenialReason::DuplicateInstrument)?;
        self.check_symbol(id, &spec.symbol)?;
        if self.mode == Mode::Full {
            let known =
                self.assets.contains_key(&spec.base) && self.assets.contains_key(&spec.quote);
            require(known, DenialReason::UnknownAsset)?;
        }
        let by_itself = matches!(spec.state, InstrumentState::Call | InstrumentState::Paused);
        let valid = self.terms_are_valid(spec) && !by_itself;
        require(valid, DenialReason::TermsInvalid)?;
        let instrument = Instrument {
            spec: *spec,
            last_price: None,
            trades: 0,
            traded: Vec::new(),
            update_id: 0,
            levels: [Levels::new(), Levels::new()],
            rules: SetMatchingRules::fifo(id),
            auction_rules: SetAuctionRules::xetra(id),
            call: None,
            auction_price: None,
            protections: SetProtections::none(id),
            limits: LimitBands::default(),
            limit_state: None,
            paused_until: None,
        };
        self.instruments.insert(id, instrument);
        self.emit(id, AccountId(0), InstrumentAdded { spec: *spec });
        Ok(())
    }

    pub(super) fn update_instrument(&mut self, spec: &InstrumentSpec) -> Checked {
        require(spec.reserved == [0; 6], DenialReason::ReservedFieldSet)?;
        let id = spec.instrument;
        let found = self.instruments.get(&id).ok_or(DenialReason::UnknownInstrument)?;
        self.check_symbol(id, &spec.symbol)?;
        let old = &found.spec;
        let steps_change = old.tick != spec.tick
            || old.lot != spec.lot
            || (old.min_price.units() < 0) != (spec.min_price.units() < 0);
        let orders_live = self.orders.values().any(|order| order.instrument == id);
        let fixed =
            old.base != spec.base || old.quote != spec.quote || (steps_change && orders_live);
        require(!fixed, DenialReason::TermsFixed)?;
        let protected = found.protections != SetProtections::none(id);
        let valid = self.terms_are_valid(spec) && !(protected && spec.min_price.units() < 0);
        require(valid, DenialReason::TermsInvalid)?;
        let spec = InstrumentSpec { state: old.state, ..*spec };
        let found = self.instrument_mut(id);
        found.spec = spec;
        if spec.tracks_volume == 0 {
            found.traded.clear();
        }
        self.emit(id, AccountId(0), InstrumentUpdated { spec });
        Ok(())
    }

    fn check_symbol(&self, id: InstrumentId, symbol: &Symbol) -> Checked {
        let taken = self
            .instruments
            .values()
            .any(|other| other.spec.instrument != id && other.spec.symbol == *symbol);
        require(!symbol.is_empty() && !taken, DenialReason::SymbolInvalid)
    }

    fn terms_are_valid(&self, spec: &InstrumentSpec) -> bool {
        let (tick, lot) = (spec.tick.units(), spec.lot.units());
        if tick <= 0 || lot == 0 || spec.tracks_volume > 1 {
            return false;
        }
        let (min_price, max_price) = (spec.min_price.units(), spec.max_price.units());
        let below_zero_allowed = self.mode == Mode::Bare
            && spec.band_ppm == 0
            && spec.market_protection_ppm == 0
            && spec.min_notional.is_zero()
            && spec.max_notional.is_zero()
            && spec.reference_price.is_zero();
        let signs_fit = spec.reference_price.units() >= 0
            && (min_price >= 0 || below_zero_allowed)
            && (max_price >= 0 || min_price < 0);
        let steps_fit = min_price % tick == 0
            && max_price % tick == 0
            && spec.min_qty.units().is_multiple_of(lot)
            && spec.max_qty.units().is_multiple_of(lot);
        let ordered = |low: Qty, high: Qty| low.is_zero() || high.is_zero() || low <= high;
        let bounds_fit = (min_price == 0 || max_price == 0 || min_price <= max_price)
            && ordered(spec.min_qty, spec.max_qty)
            && ordered(spec.min_notional, spec.max_notional);
        let fees_fit = (0..=500_000).contains(&spec.taker_fee_ppm)
            && (-500_000..=500_000).contains(&spec.maker_fee_ppm)
            && spec.taker_fee_ppm + spec.maker_fee_ppm >= 0;
        let assets_fit = self.mode == Mode::Bare || spec.base != spec.quote;
        signs_fit && steps_fit && bounds_fit && fees_fit && assets_fit
    }

    pub(super) fn set_account(&mut self, set: &SetAccount) -> Checked {
        require(self.mode == Mode::Full, DenialReason::NoAccounts)?;
        require(set.reserved == [0; 3], DenialReason::ReservedFieldSet)?;
        let in_range = (1..AccountId::LIMIT).contains(&set.account.0);
        require(in_range, DenialReason::IdOutOfRange)?;
        let (trade_group, max_open_orders) = (set.trade_group, set.max_open_orders);
        let account = Account { trade_group, max_open_orders, state: set.state };
        self.accounts.insert(set.account, account);
        let state = set.state;
        let changed = AccountChanged { trade_group, max_open_orders, state, reserved: [0; 7] };
        self.emit(InstrumentId(0), set.account, changed);
        Ok(())
    }

    pub(super) fn account_exists(&self, account: AccountId) -> bool {
        account == AccountId::VENUE || self.accounts.contains_key(&account)
    }

    pub(super) fn deposit(&mut self, deposit: &Deposit) -> Checked {
        self.move_funds(&Movement {
            funding_id: deposit.funding_id,
            kind: FundsMovement::Deposit,
            from: None,
            to: Some(deposit.account),
            asset: deposit.asset,
            amount: deposit.amount,
        })
    }

    pub(super) fn withdraw(&mut self, withdraw: &Withdraw) -> Checked {
        self.move_funds(&Movement {
            funding_id: withdraw.funding_id,
            kind: FundsMovement::Withdraw,
            from: Some(withdraw.account),
            to: None,
            asset: withdraw.asset,
            amount: withdraw.amount,
        })
    }

    pub(super) fn transfer(&mut self, transfer: &Transfer) -> Checked {
        require(self.mode == Mode::Full, DenialReason::NoAccounts)?;
        require(transfer.reserved == 0, DenialReason::ReservedFieldSet)?;
        self.move_funds(&Movement {
            funding_id: transfer.funding_id,
            kind: FundsMovement::Transfer,
            from: Some(transfer.from),
            to: Some(transfer.to),
            asset: transfer.asset,
            amount: transfer.amount,
        })
    }

    fn move_funds(&mut self, movement: &Movement) -> Checked {
        require(self.mode == Mode::Full, DenialReason::NoAccounts)?;
        let (funding_id, asset) = (movement.funding_id, movement.asset);
        require(funding_id != 0, DenialReason::FundingIdInvalid)?;
        let named = movement
            .from
            .or(movement.to)
            .expect("a movement of funds names neither giver nor receiver");
        if self.funding_ids.contains(&funding_id) {
            self.emit(InstrumentId(0), named, FundingRepeated { funding_id });
            return Ok(());
        }
        require(funding_id > self.funding_id_forgotten, DenialReason::FundingIdTooOld)?;
        let amount = movement.amount.units();
        require((1..AMOUNT_LIMIT).contains(&amount), DenialReason::AmountInvalid)?;
        let ends = [movement.from, movement.to];
        let known = ends.iter().flatten().all(|account| self.account_exists(*account));
        require(known, DenialReason::UnknownAccount)?;
        require(self.assets.contains_key(&asset), DenialReason::UnknownAsset)?;
        require(movement.from != movement.to, DenialReason::TransferToSelf)?;
        if let Some(giver) = movement.from {
            require(self.free(giver, asset) >= amount, DenialReason::InsufficientFunds)?;
        }
        if let Some(receiver) = movement.to {
            let fits = self.free(receiver, asset) + amount <= FREE_LIMIT;
            require(fits, DenialReason::AmountInvalid)?;
        }
        if let Some(giver) = movement.from {
            self.post(&[(giver, asset, amount)], -1);
        }
        if let Some(receiver) = movement.to {
            self.post(&[(receiver, asset, amount)], 1);
        }
        self.funding_ids.insert(funding_id);
        if self.funding_ids.len() > FUNDING_IDS_REMEMBERED {
            self.funding_id_forgotten = self
                .funding_ids
                .pop_first()
                .expect("too many funding ids are remembered, and there are none");
        }
        let counterparty = match movement.kind {
            FundsMovement::Transfer => movement.to.expect("a transfer has no receiver"),
            FundsMovement::Deposit | FundsMovement::Withdraw => AccountId::ALL,
        };
        let moved = FundsMoved {
            funding_id,
            asset,
            counterparty,
            amount: movement.amount,
            free: self.balance(named, asset).0,
            movement: movement.kind,
            reserved: [0; 7],
        };
        self.emit(InstrumentId(0), named, moved);
        Ok(())
    }
}
