//! Sessions, kill switches, countdowns and schedules in a snapshot: each a part of its own, written
//! only if there is anything to tell.

use tiercel_types::command::{CountdownCancel, ScheduleAction, SchedulePhase};
use tiercel_types::{AccountId, ClientOrderId, OrderId};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::agenda::Coming;
use crate::engine::Engine;
use crate::ledger::Ledger;
use crate::snapshot::{Reader, Sink, SnapshotError, put_section};
use crate::table::Probe;

const SESSIONS: [u8; 8] = *b"SESSIONS";
const KILL_SWITCHES: [u8; 8] = *b"KILLSWCH";
const COUNTDOWNS: [u8; 8] = *b"COUNTDWN";
const SCHEDULE: [u8; 8] = *b"SCHEDULE";

/// An order's session.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, TryFromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
struct SessionImage {
    order: OrderId,
    account: AccountId,
    session: u32,
}

/// A switch that is on.
#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct KillSwitchImage {
    account: AccountId,
    reserved: u32,
}

/// A snapshot's parts of protections, to be read when orders and accounts are there.
pub(crate) struct ProtectionParts<'a> {
    sessions: Option<Reader<'a>>,
    kill_switches: Option<Reader<'a>>,
    countdowns: Option<Reader<'a>>,
    schedule: Option<Reader<'a>>,
}

impl<'a> ProtectionParts<'a> {
    /// Passes over those that come next.
    pub(crate) fn skip(reader: &mut Reader<'a>) -> Result<Self, SnapshotError> {
        Ok(Self {
            sessions: reader.skip_section(SESSIONS, size_of::<SessionImage>())?,
            kill_switches: reader.skip_section(KILL_SWITCHES, size_of::<KillSwitchImage>())?,
            countdowns: reader.skip_section(COUNTDOWNS, size_of::<CountdownCancel>())?,
            schedule: reader.skip_section(SCHEDULE, size_of::<SchedulePhase>())?,
        })
    }
}

impl<L: Ledger> Engine<L> {
    pub(crate) fn write_protections(&self, sink: &mut impl Sink) {
        let mut sessions: Vec<SessionImage> = self
            .orders
            .noted_sessions()
            .filter(|&(handle, order, _)| {
                matches!(self.probe_id(order), Probe::Found { handle: found, .. } if found == handle)
            })
            .map(|(handle, order, session)| {
                let account = self.orders.get(handle).account;
                SessionImage { order, account, session }
            })
            .collect();
        sessions.sort_unstable();
        put_section(sink, SESSIONS, &sessions);
        let accounts = self.ledger.accounts().map_or(&[][..], |accounts| &accounts.table);
        let switches = (0..).zip(accounts).filter(|(_, account)| account.killed);
        let switches = switches.map(|(number, _)| AccountId(number));
        let switches: Vec<KillSwitchImage> = switches
            .chain(self.killed.then_some(AccountId::ALL))
            .map(|account| KillSwitchImage { account, reserved: 0 })
            .collect();
        put_section(sink, KILL_SWITCHES, &switches);
        let countdowns = self.countdowns.iter().map(|(account, instrument, at)| CountdownCancel {
            account,
            instrument,
            after_ns: at.0,
        });
        put_section(sink, COUNTDOWNS, &countdowns.collect::<Vec<_>>());
        let phases = self.agenda.iter().filter_map(|due| match due.what {
            Coming::Phase(instrument, state, auction) => Some(SchedulePhase {
                at: due.at,
                instrument,
                state,
                action: ScheduleAction::Add,
                auction,
                reserved: 0,
            }),
            Coming::Countdown(..) | Coming::Call(_) => None,
        });
        put_section(sink, SCHEDULE, &phases.collect::<Vec<_>>());
    }

    /// Takes up what a snapshot tells of protections.
    pub(crate) fn read_protections(
        &mut self,
        parts: ProtectionParts<'_>,
    ) -> Result<(), SnapshotError> {
        const PART: &str = "protections";
        const WRONG: SnapshotError = SnapshotError::Contradiction { part: PART };
        for image in records::<SessionImage>(parts.sessions) {
            let image = image?;
            let found = self.find(image.account, image.order, &ClientOrderId::EMPTY);
            let handle = found.ok().filter(|_| L::ENABLED && image.session != 0);
            self.orders.set_session(handle.ok_or(WRONG)?, image.session);
        }
        for image in records::<KillSwitchImage>(parts.kill_switches) {
            let account = image?.account;
            if account == AccountId::ALL {
                self.killed = true;
                continue;
            }
            self.check_known(account).map_err(|_| WRONG)?;
            if let Some(accounts) = self.ledger.accounts_mut() {
                accounts.table[account.0 as usize].killed = true;
            }
        }
        for image in records::<CountdownCancel>(parts.countdowns) {
            let CountdownCancel { account, instrument, after_ns } = image?;
            self.restore_countdown(account, instrument, tiercel_types::Timestamp(after_ns))
                .ok_or(WRONG)?;
        }
        for image in records::<SchedulePhase>(parts.schedule) {
            let phase = image?;
            let checked = self.check_schedule(&phase);
            checked.and_then(|()| self.schedule(&phase)).map_err(|_| WRONG)?;
        }
        self.set_wake();
        Ok(())
    }
}

/// The records of a part, if it is there.
fn records<'a, T: TryFromBytes + 'a>(
    reader: Option<Reader<'a>>,
) -> impl Iterator<Item = Result<T, SnapshotError>> + 'a {
    let mut reader = reader.filter(|reader| !reader.is_at_end());
    core::iter::from_fn(move || {
        let open = reader.as_mut()?;
        let record = open.read("protections");
        if record.is_err() || open.is_at_end() {
            reader = None;
        }
        Some(record)
    })
}
