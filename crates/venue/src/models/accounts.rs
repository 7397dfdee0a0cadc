//! Accounts as the operator set them, kill switches, and the phases that are scheduled.

use std::collections::{BTreeMap, BTreeSet};

use tiercel_types::auction::AuctionKind;
use tiercel_types::command::{AccountState, ScheduleAction};
use tiercel_types::event::{AccountChanged, PhaseScheduled};
use tiercel_types::{AccountId, Event, EventHeader, InstrumentId, InstrumentState, Timestamp};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::image::{self, ImageError, ImageReader};

/// An account, or with [`AccountId::ALL`] the venue's kill switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AccountView {
    /// Its number.
    pub account: AccountId,
    /// Its trade group; zero: none.
    pub trade_group: u32,
    /// Most live orders it may have; zero: no limit.
    pub max_open_orders: u32,
    /// Whether it may enter orders.
    pub state: AccountState,
    /// One: its kill switch is on.
    pub kill_switch: u8,
    /// Zero.
    pub reserved: [u8; 2],
}

/// A phase that is scheduled.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    TryFromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
#[repr(C)]
pub struct PhaseView {
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// The state to enter.
    pub state: InstrumentState,
    /// If that is a call: for which auction; else none.
    pub auction: AuctionKind,
    /// Zero.
    pub reserved: [u8; 2],
    /// When.
    pub at: Timestamp,
}

/// What the operator has set. Bounded by accounts, and by the phases that the engine takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    accounts: BTreeMap<AccountId, AccountView>,
    phases: BTreeSet<PhaseView>,
}

impl Accounts {
    pub(super) fn apply(&mut self, header: &EventHeader, event: &Event) {
        match event {
            Event::AccountChanged(changed) => {
                let AccountChanged { trade_group, max_open_orders, state, .. } = *changed;
                let view = self.view(header.account);
                *view = AccountView { trade_group, max_open_orders, state, ..*view };
            }
            Event::KillSwitchSet(set) => self.view(header.account).kill_switch = set.on,
            Event::PhaseScheduled(scheduled) => self.scheduled(header, scheduled),
            Event::InstrumentStateChanged(_) => self.forget(header.time_ns),
            _ => {}
        }
    }

    fn view(&mut self, account: AccountId) -> &mut AccountView {
        self.accounts.entry(account).or_insert(AccountView {
            account,
            trade_group: 0,
            max_open_orders: 0,
            state: AccountState::Active,
            kill_switch: 0,
            reserved: [0; 2],
        })
    }

    fn scheduled(&mut self, header: &EventHeader, scheduled: &PhaseScheduled) {
        self.forget(header.time_ns);
        let PhaseScheduled { at, state, auction, .. } = *scheduled;
        let phase =
            PhaseView { instrument: header.instrument, state, auction, reserved: [0; 2], at };
        match scheduled.action {
            ScheduleAction::Add => {
                self.phases.insert(phase);
            }
            // There is one at a time.
            ScheduleAction::Remove => {
                self.phases.retain(|phase| (phase.instrument, phase.at) != (header.instrument, at));
            }
        }
    }

    /// What was due has happened.
    fn forget(&mut self, time_ns: u64) {
        self.phases.retain(|phase| phase.at.0 > time_ns);
    }

    /// An account that the operator has made.
    pub fn get(&self, account: AccountId) -> Option<&AccountView> {
        self.accounts.get(&account).filter(|view| view.account != AccountId::ALL)
    }

    /// All of them, by number.
    pub fn iter(&self) -> impl Iterator<Item = &AccountView> {
        self.accounts.values().filter(|view| view.account != AccountId::ALL)
    }

    /// Whether the venue's kill switch is on.
    pub fn kill_switch(&self) -> bool {
        self.accounts.get(&AccountId::ALL).is_some_and(|view| view.kill_switch == 1)
    }

    /// The phases of an instrument that lie behind `now`, in their order.
    pub fn phases(
        &self,
        instrument: InstrumentId,
        now: Timestamp,
    ) -> impl Iterator<Item = &PhaseView> {
        let of = move |phase: &&PhaseView| phase.instrument == instrument && phase.at > now;
        let mut phases: Vec<_> = self.phases.iter().filter(of).collect();
        phases.sort_by_key(|phase| phase.at);
        phases.into_iter()
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        image::put(out, self.accounts.values());
        let phases: Vec<_> = self.phases.iter().copied().collect();
        image::put(out, phases.iter());
    }

    pub(super) fn load(reader: &mut ImageReader<'_>) -> Result<Self, ImageError> {
        let mut loaded = Self::default();
        reader.take("accounts", |view: AccountView| {
            loaded.accounts.insert(view.account, view);
        })?;
        reader.take("phases", |phase| {
            loaded.phases.insert(phase);
        })?;
        Ok(loaded)
    }
}
