//! Sessions, kill switches, countdowns and schedules in a snapshot: each a part of its own, written
//! only if there is anything to tell.

use tiercel_types::command::{CountdownCancel, ScheduleAction, SchedulePhase, SetProtections};
use tiercel_types::event::BandsChanged;
use tiercel_types::{
    AccountId, ClientOrderId, InstrumentId, Money, OrderId, Price, Side, Timestamp,
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::agenda::Coming;
use super::bands::Guard;
use super::limits::{BUCKETS, Bands, Bucket, LimitState};
use crate::engine::{Engine, NO_BOOK};
use crate::ledger::Ledger;
use crate::snapshot::{Reader, Sink, SnapshotError, put_section};
use crate::table::Probe;

const SESSIONS: [u8; 8] = *b"SESSIONS";
const KILL_SWITCHES: [u8; 8] = *b"KILLSWCH";
const COUNTDOWNS: [u8; 8] = *b"COUNTDWN";
const SCHEDULE: [u8; 8] = *b"SCHEDULE";
const AUCTION_PRICES: [u8; 8] = *b"AUCPRICE";
const GUARDS: [u8; 8] = *b"GUARDS\0\0";

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

/// The price of an instrument's last auction.
#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct AuctionPriceImage {
    price: Price,
    instrument: InstrumentId,
    reserved: u32,
}

/// Trades of one stretch of time.
#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct BucketImage {
    number: u64,
    trades: u64,
    sum: Money,
}

/// What guards an instrument's prices. Zero times and prices are none.
#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct GuardImage {
    set: SetProtections,
    buckets: [BucketImage; BUCKETS],
    bands: BandsChanged,
    limit_state_until: Timestamp,
    pause_until: Timestamp,
    limit_state_side: Side,
    has_bands: u8,
    in_limit_state: u8,
    pauses: u8,
    /// One: in the call of an interruption; two: it was prolonged.
    interruption: u8,
    reserved: [u8; 3],
}

/// A snapshot's parts of protections, to be read when orders and accounts are there.
pub(crate) struct ProtectionParts<'a> {
    sessions: Option<Reader<'a>>,
    kill_switches: Option<Reader<'a>>,
    countdowns: Option<Reader<'a>>,
    schedule: Option<Reader<'a>>,
    auction_prices: Option<Reader<'a>>,
    guards: Option<Reader<'a>>,
}

impl<'a> ProtectionParts<'a> {
    /// Passes over those that come next.
    pub(crate) fn skip(reader: &mut Reader<'a>) -> Result<Self, SnapshotError> {
        Ok(Self {
            sessions: reader.skip_section(SESSIONS, size_of::<SessionImage>())?,
            kill_switches: reader.skip_section(KILL_SWITCHES, size_of::<KillSwitchImage>())?,
            countdowns: reader.skip_section(COUNTDOWNS, size_of::<CountdownCancel>())?,
            schedule: reader.skip_section(SCHEDULE, size_of::<SchedulePhase>())?,
            auction_prices: reader.skip_section(AUCTION_PRICES, size_of::<AuctionPriceImage>())?,
            guards: reader.skip_section(GUARDS, size_of::<GuardImage>())?,
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
            _ => None,
        });
        put_section(sink, SCHEDULE, &phases.collect::<Vec<_>>());
        self.write_guards(sink);
    }

    fn write_guards(&self, sink: &mut impl Sink) {
        let books = || self.directory.iter().filter(|&&index| index != NO_BOOK);
        let prices = books().filter_map(|&index| {
            let book = self.book(index);
            let instrument = book.spec.instrument;
            Some(AuctionPriceImage { price: book.auction_price?, instrument, reserved: 0 })
        });
        put_section(sink, AUCTION_PRICES, &prices.collect::<Vec<_>>());
        let guards = books().filter_map(|&index| self.book(index).guard.as_deref());
        let guards = guards.filter(|guard| !guard.is_idle()).map(guard_image);
        put_section(sink, GUARDS, &guards.collect::<Vec<_>>());
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
            self.restore_countdown(account, instrument, Timestamp(after_ns)).ok_or(WRONG)?;
        }
        for image in records::<SchedulePhase>(parts.schedule) {
            let phase = image?;
            let checked = self.check_schedule(&phase);
            checked.and_then(|()| self.schedule(&phase)).map_err(|_| WRONG)?;
        }
        for image in records::<AuctionPriceImage>(parts.auction_prices) {
            let AuctionPriceImage { price, instrument, reserved: _ } = image?;
            let index = self.book_of(instrument).map_err(|_| WRONG)?;
            self.book_mut(index).auction_price = Some(price);
        }
        for image in records::<GuardImage>(parts.guards) {
            self.read_guard(&image?).ok_or(WRONG)?;
        }
        self.set_wake();
        Ok(())
    }

    /// Guards an instrument as it was; `None` if it cannot have been so.
    fn read_guard(&mut self, image: &GuardImage) -> Option<()> {
        let instrument = image.set.instrument;
        let index = self.check_protections(&image.set).ok()?;
        self.protect(index, &image.set);
        let guard = self.book_mut(index).guard_mut();
        let BandsChanged { reference, lower, upper } = image.bands;
        guard.limits.bands = (image.has_bands == 1).then_some(Bands { reference, lower, upper });
        for (bucket, kept) in guard.limits.buckets.iter_mut().zip(&image.buckets) {
            let BucketImage { number, trades, sum } = *kept;
            *bucket = Bucket { number, trades, sum: sum.units() };
        }
        guard.prolonged = match image.interruption {
            0 => None,
            1 => Some(false),
            2 => Some(true),
            _ => return None,
        };
        if image.in_limit_state == 1 {
            let (side, until) = (image.limit_state_side, image.limit_state_until);
            guard.limits.state = Some(LimitState { side, until });
            self.agenda.insert(until, Coming::LimitState(instrument));
        }
        if image.pauses == 1 {
            let until = image.pause_until;
            self.book_mut(index).guard_mut().pause_until = Some(until);
            self.agenda.insert(until, Coming::PauseEnd(instrument));
        }
        Some(())
    }
}

fn guard_image(guard: &Guard) -> GuardImage {
    let limits = &guard.limits;
    let nowhere = Bands { reference: Price::ZERO, lower: Price::ZERO, upper: Price::ZERO };
    let Bands { reference, lower, upper } = limits.bands.unwrap_or(nowhere);
    let never = Timestamp(0);
    let image = |bucket: Bucket| BucketImage {
        number: bucket.number,
        trades: bucket.trades,
        sum: Money::from_units(bucket.sum),
    };
    GuardImage {
        set: guard.set,
        buckets: limits.buckets.map(image),
        bands: BandsChanged { reference, lower, upper },
        limit_state_until: limits.state.map_or(never, |state| state.until),
        pause_until: guard.pause_until.unwrap_or(never),
        limit_state_side: limits.state.map_or(Side::Buy, |state| state.side),
        has_bands: u8::from(limits.bands.is_some()),
        in_limit_state: u8::from(limits.state.is_some()),
        pauses: u8::from(guard.pause_until.is_some()),
        interruption: guard.prolonged.map_or(0, |prolonged| 1 + u8::from(prolonged)),
        reserved: [0; 3],
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
