//! Commands: what is asked of the engine.
//!
//! The sequenced log of commands is the engine's only input. Each is a plain record; see
//! [`crate::record`] for how it is laid out in bytes.

mod advanced;
mod auction;
mod operator;
mod order;
mod protections;
mod rules;

pub use advanced::*;
pub use auction::*;
pub use operator::*;
pub use order::*;
pub use protections::*;
pub use rules::*;

use zerocopy::{FromZeros, Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::SCHEMA_VERSION;
use crate::ids::Timestamp;
use crate::order::code;
use crate::record::{COMMAND_HEADER_SIZE, CommandHeader, RECORD_SIZE_MAX, RecordError, read_body};

/// The schema version from which on an order names its session.
const SESSIONS_SINCE: u8 = 3;

/// Defines the command enum, its kinds and its byte form.
macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident = $code:literal => $text:literal),+ $(,)?) => {
        code! {
            /// Which command a record holds.
            Kind {
                $($(#[$doc])* $name = $code => $text),+
            }
        }

        /// A command: what is asked of the engine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(clippy::large_enum_variant, reason = "plain records, never on the heap")]
        pub enum Command {
            $($(#[$doc])* $name($name)),+
        }

        $(
            impl From<$name> for Command {
                #[inline]
                fn from(body: $name) -> Self {
                    Self::$name(body)
                }
            }

            const _: () = assert!(COMMAND_HEADER_SIZE + size_of::<$name>() <= RECORD_SIZE_MAX);
            const _: () = assert!(size_of::<$name>() % 8 == 0 && align_of::<$name>() <= 8);
        )+

        impl Command {
            /// Which command it is.
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$name(_) => Kind::$name),+
                }
            }

            /// The body's bytes.
            pub fn body_bytes(&self) -> &[u8] {
                match self {
                    $(Self::$name(body) => body.as_bytes()),+
                }
            }

            fn read(kind: u8, body: &[u8]) -> Result<Self, RecordError> {
                match kind {
                    $($code => read_body::<$name>(kind, body).map(Self::$name),)+
                    _ => Err(RecordError::Kind { kind }),
                }
            }
        }
    };
}

commands! {
    /// Enters an order.
    NewOrder = 1 => "new_order",
    /// Cancels an order.
    CancelOrder = 2 => "cancel_order",
    /// Cancels an order and enters another.
    ReplaceOrder = 3 => "replace_order",
    /// Changes an order.
    AmendOrder = 4 => "amend_order",
    /// Cancels many orders.
    MassCancel = 5 => "mass_cancel",
    /// Asks for an order's state.
    QueryOrder = 6 => "query_order",
    /// Undoes a trade.
    BustTrade = 7 => "bust_trade",
    /// Corrects a trade.
    CorrectTrade = 8 => "correct_trade",
    /// Makes an asset known.
    AddAsset = 9 => "add_asset",
    /// Makes an instrument known.
    AddInstrument = 10 => "add_instrument",
    /// Changes an instrument's terms.
    UpdateInstrument = 11 => "update_instrument",
    /// Moves an instrument to another state.
    SetInstrumentState = 12 => "set_instrument_state",
    /// Makes an account known, or changes it.
    SetAccount = 13 => "set_account",
    /// Brings funds in.
    Deposit = 14 => "deposit",
    /// Takes funds out.
    Withdraw = 15 => "withdraw",
    /// Moves funds between accounts.
    Transfer = 16 => "transfer",
    /// Lets time pass.
    AdvanceTime = 17 => "advance_time",
    /// Enters an order with terms.
    NewAdvancedOrder = 18 => "new_advanced_order",
    /// Hands in a condition.
    StageCondition = 19 => "stage_condition",
    /// Hands in an order of a list.
    StageLeg = 20 => "stage_leg",
    /// Enters a list.
    NewOrderList = 21 => "new_order_list",
    /// Sets how an instrument's orders are filled.
    SetMatchingRules = 22 => "set_matching_rules",
    /// Sets how an instrument's auctions find their price.
    SetAuctionRules = 23 => "set_auction_rules",
    /// Starts collecting orders for an auction.
    StartCall = 24 => "start_call",
    /// Blocks entry and ends what is live, for an account or for all.
    SetKillSwitch = 25 => "set_kill_switch",
    /// Cancels the orders of a session.
    CancelOnDisconnect = 26 => "cancel_on_disconnect",
    /// Cancels orders later, unless it is renewed.
    CountdownCancel = 27 => "countdown_cancel",
    /// Sets when an instrument moves to another state.
    SchedulePhase = 28 => "schedule_phase",
    /// Sets an instrument's price bands.
    SetProtections = 29 => "set_protections",
}

impl Command {
    /// Bytes of the whole record.
    pub fn encoded_size(&self) -> usize {
        COMMAND_HEADER_SIZE + self.body_bytes().len()
    }

    /// Writes the whole record to the front of `out`; returns its size, or `None` when `out` is
    /// too small ([`RECORD_SIZE_MAX`] always suffices).
    pub fn encode(&self, sequence: u64, time: Timestamp, out: &mut [u8]) -> Option<usize> {
        let body = self.body_bytes();
        let size = COMMAND_HEADER_SIZE + body.len();
        let out = out.get_mut(..size)?;
        let header = CommandHeader {
            length: size as u16,
            kind: self.kind() as u8,
            version: SCHEMA_VERSION as u8,
            reserved: 0,
            sequence,
            time_ns: time.0,
        };
        out[..COMMAND_HEADER_SIZE].copy_from_slice(header.as_bytes());
        out[COMMAND_HEADER_SIZE..].copy_from_slice(body);
        Some(size)
    }

    /// Reads the record at the front of `bytes`; returns its header and itself.
    ///
    /// # Errors
    /// [`RecordError`] when the bytes are not one whole, known, well-formed record.
    pub fn decode(bytes: &[u8]) -> Result<(CommandHeader, Self), RecordError> {
        let short = |needed| RecordError::Short { needed, available: bytes.len() };
        let head = bytes.get(..COMMAND_HEADER_SIZE).ok_or(short(COMMAND_HEADER_SIZE))?;
        let mut header = CommandHeader::new_zeroed();
        header.as_mut_bytes().copy_from_slice(head);
        let length = usize::from(header.length);
        if !(COMMAND_HEADER_SIZE..=RECORD_SIZE_MAX).contains(&length) || !length.is_multiple_of(8) {
            return Err(RecordError::Length { length });
        }
        if u16::from(header.version) > SCHEMA_VERSION {
            return Err(RecordError::Version { version: header.version });
        }
        let body = bytes.get(COMMAND_HEADER_SIZE..length).ok_or(short(length))?;
        let mut command = Self::read(header.kind, body)?;
        if header.version < SESSIONS_SINCE
            && let Some(order) = command.order_mut()
        {
            order.refuse_session();
        }
        if command.texts_are_well_formed() {
            Ok((header, command))
        } else {
            Err(RecordError::Field { kind: header.kind })
        }
    }

    /// The order that it hands in, if it does.
    fn order_mut(&mut self) -> Option<&mut NewOrder> {
        match self {
            Self::NewOrder(order)
            | Self::ReplaceOrder(ReplaceOrder { order, .. })
            | Self::NewAdvancedOrder(NewAdvancedOrder { order, .. })
            | Self::StageLeg(StageLeg { order, .. }) => Some(order),
            _ => None,
        }
    }

    /// Whether every text in it is printable ASCII padded with zeros.
    fn texts_are_well_formed(&self) -> bool {
        match self {
            Self::NewOrder(order)
            | Self::NewAdvancedOrder(NewAdvancedOrder { order, .. })
            | Self::StageLeg(StageLeg { order, .. }) => order.client_order_id.is_well_formed(),
            Self::NewOrderList(list) => list.list_client_order_id.is_well_formed(),
            Self::CancelOrder(cancel) => cancel.client_order_id.is_well_formed(),
            Self::QueryOrder(query) => query.client_order_id.is_well_formed(),
            Self::ReplaceOrder(replace) => {
                replace.target_client_order_id.is_well_formed()
                    && replace.order.client_order_id.is_well_formed()
            }
            Self::AmendOrder(amend) => {
                amend.client_order_id.is_well_formed() && amend.new_client_order_id.is_well_formed()
            }
            Self::AddAsset(add) => add.code.is_well_formed(),
            Self::AddInstrument(AddInstrument { spec })
            | Self::UpdateInstrument(UpdateInstrument { spec }) => spec.symbol.is_well_formed(),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{AccountId, InstrumentId};
    use crate::order::Side;
    use crate::{Price, Qty};

    fn sample() -> Command {
        let mut order = NewOrder::limit(
            InstrumentId(3),
            AccountId(7),
            Side::Sell,
            Price::from_units(5),
            Qty::from_units(9),
        );
        order.client_order_id = "abc-1".parse().unwrap();
        order.into()
    }

    #[test]
    fn a_record_reads_back_as_written() {
        let mut bytes = [0; RECORD_SIZE_MAX];
        let size = sample().encode(11, Timestamp(22), &mut bytes).unwrap();
        assert_eq!(size, 128, "a new order fills two cache lines");
        let (header, command) = Command::decode(&bytes[..size]).unwrap();
        assert_eq!((header.sequence, header.time_ns), (11, 22));
        assert_eq!(command, sample());
    }

    #[test]
    fn damage_is_refused_by_kind() {
        let mut good = [0; RECORD_SIZE_MAX];
        let size = sample().encode(1, Timestamp(1), &mut good).unwrap();
        assert!(matches!(Command::decode(&good[..10]), Err(RecordError::Short { .. })));
        assert!(matches!(Command::decode(&good[..size - 1]), Err(RecordError::Short { .. })));
        let damaged = |at: usize, byte: u8| {
            let mut bytes = good;
            bytes[at] = byte;
            Command::decode(&bytes).unwrap_err()
        };
        assert!(matches!(damaged(0, 3), RecordError::Length { .. }));
        assert!(matches!(damaged(2, 200), RecordError::Kind { kind: 200 }));
        assert!(matches!(damaged(3, 9), RecordError::Version { version: 9 }));
        let side_at = COMMAND_HEADER_SIZE + core::mem::offset_of!(NewOrder, side);
        assert!(matches!(damaged(side_at, 2), RecordError::Field { kind: 1 }));
        let id_at = COMMAND_HEADER_SIZE + core::mem::offset_of!(NewOrder, client_order_id);
        assert!(matches!(damaged(id_at, 7), RecordError::Field { kind: 1 }));
    }

    #[test]
    fn an_older_shorter_record_is_filled_with_zeros() {
        let Command::NewOrder(order) = sample() else { unreachable!() };
        let mut bytes = [0; RECORD_SIZE_MAX];
        let size = sample().encode(1, Timestamp(1), &mut bytes).unwrap();
        let shorter = size - 8; // without `reserved`, as if it had been appended later
        bytes[0] = shorter as u8;
        assert_eq!(Command::decode(&bytes[..shorter]).unwrap().1, Command::NewOrder(order));
    }
}
