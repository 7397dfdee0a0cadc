//! Events: what happened.
//!
//! The engine writes events into an [`EventBuffer`] as packed records: a 32-byte [`EventHeader`]
//! and a body, so that a reader can look at them where they lie ([`EventBuffer::refs`]).
//!
//! An event's id is (shard, command sequence, index); the shard is the log's. The last event of a
//! command carries [`FLAG_LAST`], and every command has at least one event.
//!
//! Level quantities: events that change the book carry the total displayed quantity of the level
//! they changed, after the change, and the instrument's `update_id`, which counts such changes
//! from 1 without gaps. A depth feed needs nothing else.

mod advanced;
mod auction;
mod operator;
mod order;
mod protections;

pub use advanced::*;
pub use auction::*;
pub use operator::*;
pub use order::*;
pub use protections::*;

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::ids::{AccountId, InstrumentId};
use crate::order::code;
use crate::record::{RECORD_SIZE_MAX, RecordError, read_body};

pub use crate::event_buffer::{BUFFER_RECORDS_MIN, EventBuffer, EventIter, EventRefs};

/// Marks the last event of a command, in [`EventHeader::flags`].
pub const FLAG_LAST: u8 = 1;

/// The head of an event: 32 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct EventHeader {
    /// Bytes of header and body.
    pub length: u16,
    /// Which event: a code of [`Kind`].
    pub kind: u8,
    /// [`FLAG_LAST`] or zero.
    pub flags: u8,
    /// Its place among the events of its command, from 0.
    pub index: u32,
    /// The command's sequence.
    pub sequence: u64,
    /// The command's time in nanoseconds since the Unix epoch.
    pub time_ns: u64,
    /// The instrument concerned, or zero.
    pub instrument: InstrumentId,
    /// The account concerned, or zero: the order's owner; of a trade, the taker.
    pub account: AccountId,
}

impl EventHeader {
    /// Whether this is the last event of its command.
    pub const fn is_last(&self) -> bool {
        self.flags & FLAG_LAST != 0
    }
}

/// Bytes of an [`EventHeader`].
pub const EVENT_HEADER_SIZE: usize = size_of::<EventHeader>();

mod sealed {
    pub trait Sealed {}
}

/// A body that an event record can hold. Sealed: the kinds are those of [`Event`].
pub trait EventBody: IntoBytes + Immutable + Copy + sealed::Sealed {
    /// Which event it is.
    const KIND: Kind;

    /// The body of `event`, if it is of this kind.
    fn of(event: &Event) -> Option<&Self>;
}

/// Defines the event enum, its kinds and its byte form.
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $code:literal => $text:literal),+ $(,)?) => {
        code! {
            /// Which event a record holds.
            Kind {
                $($(#[$doc])* $name = $code => $text),+
            }
        }

        /// An event's body: what happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(clippy::large_enum_variant, reason = "plain records, never on the heap")]
        pub enum Event {
            $($(#[$doc])* $name($name)),+
        }

        $(
            impl sealed::Sealed for $name {}

            impl EventBody for $name {
                const KIND: Kind = Kind::$name;

                fn of(event: &Event) -> Option<&Self> {
                    match event {
                        Event::$name(body) => Some(body),
                        _ => None,
                    }
                }
            }

            impl From<$name> for Event {
                #[inline]
                fn from(body: $name) -> Self {
                    Self::$name(body)
                }
            }

            const _: () = assert!(EVENT_HEADER_SIZE + size_of::<$name>() <= RECORD_SIZE_MAX);
            const _: () = assert!(size_of::<$name>() % 8 == 0 && align_of::<$name>() <= 8);
        )+

        /// An event's body where it lies in a buffer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum EventRef<'a> {
            $($(#[$doc])* $name(&'a $name)),+
        }

        impl<'a> EventRef<'a> {
            /// The body as a value.
            pub const fn to_event(self) -> Event {
                match self {
                    $(Self::$name(body) => Event::$name(*body)),+
                }
            }

            /// The body that starts at `at`.
            ///
            /// # Safety
            /// `kind` is the code of an event whose body lies at `at`, valid and 8-byte aligned
            /// for `'a`.
            #[inline(always)]
            pub(crate) unsafe fn view(kind: u8, at: *const u64) -> Option<Self> {
                match kind {
                    // SAFETY: the caller's promise.
                    $($code => Some(Self::$name(unsafe { &*at.cast::<$name>() })),)+
                    _ => None,
                }
            }
        }

        impl Event {
            /// Which event it is.
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$name(_) => Kind::$name),+
                }
            }

            #[inline]
            fn read(kind: u8, body: &[u8]) -> Result<Self, RecordError> {
                match kind {
                    $($code => read_body::<$name>(kind, body).map(Self::$name),)+
                    _ => Err(RecordError::Kind { kind }),
                }
            }
        }
    };
}

events! {
    /// An order was taken.
    OrderAccepted = 1 => "order_accepted",
    /// A command was denied.
    Denied = 2 => "denied",
    /// Two orders traded.
    Trade = 3 => "trade",
    /// The rest of an order rests.
    OrderRested = 4 => "order_rested",
    /// An iceberg shows its next slice.
    OrderReplenished = 5 => "order_replenished",
    /// An order ended unfilled.
    OrderEnded = 6 => "order_ended",
    /// An order was amended.
    OrderAmended = 7 => "order_amended",
    /// A self-trade was prevented.
    SelfTradePrevented = 8 => "self_trade_prevented",
    /// The answer to a query.
    OrderStatus = 9 => "order_status",
    /// A mass cancel is complete.
    MassCancelDone = 10 => "mass_cancel_done",
    /// A trade was undone.
    TradeBusted = 11 => "trade_busted",
    /// A trade was corrected.
    TradeCorrected = 12 => "trade_corrected",
    /// An asset became known.
    AssetAdded = 13 => "asset_added",
    /// An instrument became known.
    InstrumentAdded = 14 => "instrument_added",
    /// An instrument's terms changed.
    InstrumentUpdated = 15 => "instrument_updated",
    /// An instrument entered another state.
    InstrumentStateChanged = 16 => "instrument_state_changed",
    /// An account became known, or changed.
    AccountChanged = 17 => "account_changed",
    /// Funds moved.
    FundsMoved = 18 => "funds_moved",
    /// A movement of funds had been done before.
    FundingRepeated = 19 => "funding_repeated",
    /// Time passed.
    TimeAdvanced = 20 => "time_advanced",
    /// An order waits.
    OrderWaiting = 21 => "order_waiting",
    /// An order that waited is entered.
    OrderTriggered = 22 => "order_triggered",
    /// A list was taken.
    ListAccepted = 23 => "list_accepted",
    /// A list is over.
    ListEnded = 24 => "list_ended",
    /// A part of a command was handed in.
    Staged = 25 => "staged",
    /// How an instrument's orders are filled was set.
    MatchingRulesSet = 26 => "matching_rules_set",
    /// What an auction would do now.
    AuctionIndication = 27 => "auction_indication",
    /// An auction is over.
    AuctionEnded = 28 => "auction_ended",
    /// How an instrument's auctions find their price was set.
    AuctionRulesSet = 29 => "auction_rules_set",
    /// An auction has changed a level.
    LevelChanged = 35 => "level_changed",
    /// A kill switch was set.
    KillSwitchSet = 30 => "kill_switch_set",
    /// A countdown was armed or disarmed.
    CountdownSet = 31 => "countdown_set",
    /// A phase was scheduled, or taken off the schedule.
    PhaseScheduled = 32 => "phase_scheduled",
    /// An instrument's price bands were set.
    ProtectionsSet = 33 => "protections_set",
    /// Trading stops for a call.
    InterruptionStarted = 34 => "interruption_started",
    /// The limit bands changed.
    BandsChanged = 36 => "bands_changed",
    /// A limit state began or ended.
    LimitStateChanged = 37 => "limit_state_changed",
}

impl Event {
    /// Reads the record at the front of `bytes`.
    ///
    /// # Errors
    /// [`RecordError`] when the bytes are not one whole, known, well-formed record.
    #[inline]
    pub fn decode(bytes: &[u8]) -> Result<(EventHeader, Self), RecordError> {
        let short = |needed| RecordError::Short { needed, available: bytes.len() };
        let head = bytes.get(..EVENT_HEADER_SIZE).ok_or(short(EVENT_HEADER_SIZE))?;
        let mut header = EventHeader::new_zeroed();
        header.as_mut_bytes().copy_from_slice(head);
        let length = usize::from(header.length);
        if !(EVENT_HEADER_SIZE..=RECORD_SIZE_MAX).contains(&length) || !length.is_multiple_of(8) {
            return Err(RecordError::Length { length });
        }
        let body = bytes.get(EVENT_HEADER_SIZE..length).ok_or(short(length))?;
        Ok((header, Self::read(header.kind, body)?))
    }
}
