//! The names that a session speaks by, and the numbers that the engine knows.

use std::collections::BTreeMap;

use tiercel_types::{
    AccountId, AssetCode, AssetId, Event, EventHeader, InstrumentId, InstrumentSpec,
};

use super::words::LineError;

/// What is called how. Assets and instruments are learned from the engine's events; names of
/// accounts are the session's own, and the engine never sees them.
#[derive(Debug, Default)]
pub(super) struct Names {
    accounts: BTreeMap<AccountId, String>,
    assets: BTreeMap<AssetId, AssetCode>,
    instruments: BTreeMap<InstrumentId, InstrumentSpec>,
}

impl Names {
    /// Learns from an event.
    pub(super) fn learn(&mut self, header: &EventHeader, event: &Event) {
        match event {
            Event::AssetAdded(added) => {
                self.assets.insert(added.asset, added.code);
            }
            Event::InstrumentAdded(added) => {
                self.instruments.insert(header.instrument, added.spec);
            }
            Event::InstrumentUpdated(updated) => {
                self.instruments.insert(header.instrument, updated.spec);
            }
            Event::InstrumentStateChanged(changed) => {
                if let Some(spec) = self.instruments.get_mut(&header.instrument) {
                    spec.state = changed.new;
                }
            }
            _ => {}
        }
    }

    /// Names an account: a number of its own choice, or that of the name, or the next.
    pub(super) fn name_account(
        &mut self,
        name: &str,
        number: Option<AccountId>,
    ) -> Result<AccountId, LineError> {
        let as_number = name.parse().ok().map(AccountId);
        let known = self.accounts.iter().find(|(_, known)| *known == name).map(|(&id, _)| id);
        let account = match (number, known.or(as_number)) {
            (Some(number), Some(other)) if number != other => {
                let message = format!("`{name}` is account {other}, not {number}");
                return Err(LineError::new("n", message));
            }
            (Some(number), _) => number,
            (None, Some(known)) => known,
            (None, None) => {
                AccountId(self.accounts.keys().last().map_or(1, |last| last.0.saturating_add(1)))
            }
        };
        if let Some(other) = self.accounts.get(&account).filter(|other| *other != name) {
            let message = format!("account {account} is called `{other}`");
            return Err(LineError::new("account", message));
        }
        self.accounts.insert(account, name.to_owned());
        Ok(account)
    }

    /// The account of a name or a number. `all` is none here.
    pub(super) fn account(&self, text: &str) -> Result<AccountId, LineError> {
        if text == "venue" {
            return Ok(AccountId::VENUE);
        }
        let named = self.accounts.iter().find(|(_, name)| *name == text).map(|(&id, _)| id);
        named.or_else(|| text.parse().ok().map(AccountId)).ok_or_else(|| {
            let message = format!("no account is called `{text}` (an `account` line names one)");
            LineError::new("account", message)
        })
    }

    /// All accounts with a name, the venue's first.
    pub(super) fn accounts(&self) -> impl Iterator<Item = AccountId> + '_ {
        core::iter::once(AccountId::VENUE).chain(self.accounts.keys().copied())
    }

    /// What an account is called.
    pub(super) fn account_name(&self, account: AccountId) -> String {
        match account {
            AccountId::VENUE => "venue".to_owned(),
            AccountId::ALL => "all".to_owned(),
            _ => self.accounts.get(&account).cloned().unwrap_or_else(|| account.to_string()),
        }
    }

    /// The asset of a code or a number.
    pub(super) fn asset(&self, text: &str) -> Result<AssetId, LineError> {
        let known = self.assets.iter().find(|(_, code)| code.as_str() == text).map(|(&id, _)| id);
        known
            .or_else(|| text.parse().ok().map(AssetId))
            .ok_or_else(|| LineError::new("asset", format!("no asset has the code `{text}`")))
    }

    /// All assets.
    pub(super) fn assets(&self) -> impl Iterator<Item = AssetId> + '_ {
        self.assets.keys().copied()
    }

    /// What an asset is called.
    pub(super) fn asset_name(&self, asset: AssetId) -> String {
        self.assets.get(&asset).map_or_else(|| asset.to_string(), ToString::to_string)
    }

    /// The number that the next asset gets.
    pub(super) fn next_asset(&self) -> AssetId {
        AssetId(self.assets.keys().last().map_or(1, |last| last.0.saturating_add(1)))
    }

    /// The instrument of a symbol.
    pub(super) fn instrument(&self, symbol: &str) -> Option<InstrumentId> {
        let mut all = self.instruments.values();
        all.find(|spec| spec.symbol.as_str() == symbol).map(|spec| spec.instrument)
    }

    /// The only instrument, if there is but one.
    pub(super) fn only_instrument(&self) -> Option<InstrumentId> {
        match self.instruments.len() {
            1 => self.instruments.keys().next().copied(),
            _ => None,
        }
    }

    /// All instruments.
    pub(super) fn instruments(&self) -> impl Iterator<Item = &InstrumentSpec> + '_ {
        self.instruments.values()
    }

    /// An instrument's terms.
    pub(super) fn spec(&self, instrument: InstrumentId) -> Option<&InstrumentSpec> {
        self.instruments.get(&instrument)
    }

    /// What an instrument is called.
    pub(super) fn symbol(&self, instrument: InstrumentId) -> String {
        if instrument == InstrumentId::ALL {
            return "all".to_owned();
        }
        let spec = self.instruments.get(&instrument);
        spec.map_or_else(|| instrument.to_string(), |spec| spec.symbol.to_string())
    }

    /// The number that the next instrument gets.
    pub(super) fn next_instrument(&self) -> InstrumentId {
        InstrumentId(self.instruments.keys().last().map_or(1, |last| last.0.saturating_add(1)))
    }
}
