//! The messages of both directions: two tables of their fields, and what is made from them.

use zerocopy::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::DecodeError;
use super::field::{
    Capacity, CrossType, Display, EventCode, Field, Intermarket, OrderState, OuchSide, Price,
    TimeInForce,
};
use super::option::{self, OptionValue, Options};
use crate::itch::{Code, Coded, FieldValue, Text};

macro_rules! messages {
    (
        $(#[$edoc:meta])* $direction:ident {$(
            $(#[$doc:meta])*
            $kind:literal $name:ident $size:literal $needs:literal {
                $($(#[$fdoc:meta])* $field:ident: $type:ty,)*
            }
        )+}
    ) => {
        $($(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq,
            FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
        )]
        #[repr(C)]
        pub struct $name {
            $($(#[$fdoc])* pub $field: $type,)*
        }

        const _: () = assert!(1 + size_of::<$name>() == $size);

        impl $name {
            /// Bytes of the type and the fixed part, without options and their length.
            pub const SIZE: usize = $size;
            /// Whether the length of its options is always there.
            pub const NEEDS_OPTIONS: bool = $needs;

            #[inline(always)]
            fn read(bytes: &[u8]) -> Result<(&Self, Options<'_>), DecodeError> {
                let kind = stringify!($name);
                let size = DecodeError::InvalidSize {
                    kind,
                    expected: $size + if $needs { 2 } else { 0 },
                    found: bytes.len(),
                };
                let (fixed, rest) = bytes.split_at_checked($size).ok_or(size)?;
                if $needs && rest.is_empty() {
                    return Err(size);
                }
                let Ok(message) = Self::ref_from_bytes(&fixed[1..]) else { return Err(size) };
                $(if !message.$field.is_valid() {
                    let code = message.$field.as_bytes().first().copied().unwrap_or(0);
                    return Err(DecodeError::InvalidCode { kind, field: stringify!($field), code });
                })*
                let options =
                    Options::read(rest).map_err(|error| DecodeError::Options { kind, error })?;
                Ok((message, options))
            }

            /// Writes the message and its options to the front of `out`. Without options their
            /// length is written where it has to be.
            ///
            /// Returns the bytes written; `None` when `out` is too short.
            #[inline]
            pub fn encode(&self, options: &[OptionValue<'_>], out: &mut [u8]) -> Option<usize> {
                let (kind, rest) = out.split_first_mut()?;
                let (fixed, rest) = rest.split_at_mut_checked($size - 1)?;
                *kind = $kind;
                fixed.copy_from_slice(self.as_bytes());
                if options.is_empty() && !$needs {
                    return Some($size);
                }
                Some($size + option::write(options, rest)?)
            }
        })+

        $(#[$edoc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $direction<'a> {
            $($(#[$doc])* $name(&'a $name),)+
        }

        impl<'a> $direction<'a> {
            /// The types there are: first byte, name, bytes without options, and whether the length
            /// of options is always there.
            pub const TYPES: &'static [(u8, &'static str, usize, bool)] =
                &[$(($kind, stringify!($name), $size, $needs)),+];

            /// Reads a message from exactly its bytes.
            ///
            /// # Errors
            /// [`DecodeError`] says what is wrong with them.
            #[inline]
            pub fn decode(bytes: &'a [u8]) -> Result<(Self, Options<'a>), DecodeError> {
                match bytes.first() {
                    $(Some(&$kind) => {
                        let (message, options) = $name::read(bytes)?;
                        Ok((Self::$name(message), options))
                    })+
                    Some(&kind) => Err(DecodeError::UnknownType { kind }),
                    None => Err(DecodeError::Empty),
                }
            }

            /// Its name.
            pub const fn as_str(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)+
                }
            }

            /// Writes the message and its options, as [`decode`](Self::decode) reads them.
            pub fn encode(&self, options: &[OptionValue<'_>], out: &mut [u8]) -> Option<usize> {
                match self {
                    $(Self::$name(message) => message.encode(options, out),)+
                }
            }

            /// Shows each field, in the order of the wire, with its name.
            pub fn fields(&self, mut show: impl FnMut(&'static str, FieldValue<'a>)) {
                match self {
                    $(Self::$name(message) => {
                        let _ = message;
                        $(show(stringify!($field), message.$field.show());)*
                        let _ = &mut show;
                    })+
                }
            }
        }
    };
}

messages! {
    /// A message to the venue.
    Inbound {
        /// Enters an order.
        b'O' EnterOrder 45 true {
            /// The client's number for it, which only grows.
            user_ref_num: U32,
            /// Its side.
            side: Coded<OuchSide>,
            /// How many shares.
            quantity: U32,
            /// What to trade.
            symbol: Text<8>,
            /// At what price.
            price: Price,
            /// How long it lives.
            time_in_force: Coded<TimeInForce>,
            /// Who sees it.
            display: Coded<Display>,
            /// For whom.
            capacity: Coded<Capacity>,
            /// Whether it is one of an intermarket sweep.
            inter_market_sweep_eligibility: Coded<Intermarket>,
            /// For which cross.
            cross_type: Coded<CrossType>,
            /// The client's name for it.
            cl_ord_id: Text<14>,
        }
        /// Cancels an order and enters another in its stead, with a time of its own.
        b'U' ReplaceOrder 38 true {
            /// The order that goes.
            orig_user_ref_num: U32,
            /// The number of the new one.
            user_ref_num: U32,
            /// How many shares, those included that the old one traded.
            quantity: U32,
            /// At what price.
            price: Price,
            /// How long it lives.
            time_in_force: Coded<TimeInForce>,
            /// Who sees it.
            display: Coded<Display>,
            /// Whether it is one of an intermarket sweep.
            inter_market_sweep_eligibility: Coded<Intermarket>,
            /// The client's name for it.
            cl_ord_id: Text<14>,
        }
        /// Cancels an order, or a part of it.
        b'X' CancelOrder 9 false {
            /// Which order.
            user_ref_num: U32,
            /// How many shares are to be left; zero: none.
            quantity: U32,
        }
        /// Changes an order in place, which keeps its priority.
        b'M' ModifyOrder 10 false {
            /// Which order.
            user_ref_num: U32,
            /// Its side from now on.
            side: Coded<OuchSide>,
            /// How many shares are to be left.
            quantity: U32,
        }
        /// Cancels many orders.
        b'C' MassCancel 17 false {
            /// The request's number, which only grows.
            user_ref_num: U32,
            /// Of which firm.
            firm: Text<4>,
            /// Of which symbol; spaces: of each.
            symbol: Text<8>,
        }
        /// No more orders of a firm are taken.
        b'D' DisableOrderEntry 9 false {
            /// The request's number, which only grows.
            user_ref_num: U32,
            /// Of which firm.
            firm: Text<4>,
        }
        /// Orders of a firm are taken again.
        b'E' EnableOrderEntry 9 false {
            /// The request's number, which only grows.
            user_ref_num: U32,
            /// Of which firm.
            firm: Text<4>,
        }
        /// Asks for the next number.
        b'Q' AccountQuery 1 false {}
    }
}

messages! {
    /// A message from the venue.
    Outbound {
        /// Where the day stands.
        b'S' SystemEvent 10 false {
            /// Nanoseconds since midnight.
            timestamp: U64,
            /// What happened.
            event_code: Coded<EventCode>,
        }
        /// An order was taken.
        b'A' OrderAccepted 62 true {
            /// Nanoseconds since midnight.
            timestamp: U64,
            /// The client's number for it.
            user_ref_num: U32,
            /// Its side.
            side: Coded<OuchSide>,
            /// How many shares.
            quantity: U32,
            /// What it trades.
            symbol: Text<8>,
            /// At what price.
            price: Price,
            /// How long it lives.
            time_in_force: Coded<TimeInForce>,
            /// Who sees it.
            display: Coded<Display>,
            /// The venue's number for it.
            order_reference_number: U64,
            /// For whom.
            capacity: Coded<Capacity>,
            /// Whether it is one of an intermarket sweep.
            inter_market_sweep_eligibility: Coded<Intermarket>,
            /// For which cross.
            cross_type: Coded<CrossType>,
            /// Whether it lives.
            order_state: Coded<OrderState>,
            /// The client's name for it.
            cl_ord_id: Text<14>,
        }
        /// An order was replaced.
        b'U' OrderReplaced 66 true {
            /// Nanoseconds since midnight.
            timestamp: U64,
            /// The order that is gone.
            orig_user_ref_num: U32,
            /// The client's number for the new one.
            user_ref_num: U32,
            /// Its side.
            side: Coded<OuchSide>,
            /// How many shares.
            quantity: U32,
            /// What it trades.
            symbol: Text<8>,
            /// At what price.
            price: Price,
            /// How long it lives.
            time_in_force: Coded<TimeInForce>,
            /// Who sees it.
            display: Coded<Display>,
            /// The venue's number for it.
            order_reference_number: U64,
            /// For whom.
            capacity: Coded<Capacity>,
            /// Whether it is one of an intermarket sweep.
            inter_market_sweep_eligibility: Coded<Intermarket>,
            /// For which cross.
            cross_type: Coded<CrossType>,
            /// Whether it lives.
            order_state: Coded<OrderState>,
            /// The client's name for it.
            cl_ord_id: Text<14>,
        }
        /// An order ended, or lost a part.
        b'C' OrderCancelled 18 false {
            /// Nanoseconds since midnight.
            timestamp: U64,
            /// Which order.
            user_ref_num: U32,
            /// How many shares it lost.
            quantity: U32,
            /// Why.
            reason: Code,
        }
        /// An order lost shares that would have traded with another of the same owner.
        b'D' AiqCancelled 32 false {
            /// Nanoseconds since midnight.
            timestamp: U64,
            /// Which order.
            user_ref_num: U32,
            /// How many shares it lost.
            decrement_shares: U32,
            /// Why: `Q`.
            reason: Code,
            /// How many shares did not trade.
            quantity_prevented_from_trading: U32,
            /// At what price they would have.
            execution_price: Price,
            /// Whether it would have added or removed liquidity.
            liquidity_flag: Code,
            /// What was done.
            aiq_strategy: Code,
        }
        /// An order traded.
        b'E' OrderExecuted 34 true {
            /// Nanoseconds since midnight.
            timestamp: U64,
            /// Which order.
            user_ref_num: U32,
            /// How many shares.
            quantity: U32,
            /// At what price.
            price: Price,
            /// Whether it added or removed liquidity.
            liquidity_flag: Code,
            /// The trade.
            match_number: U64,
        }
        /// A trade is void.
        b'B' BrokenTrade 36 false {
            /// Nanoseconds since midnight.
            timestamp: U64,
            /// Of which order.
            user_ref_num: U32,
            /// The trade.
            match_number: U64,
            /// Why.
            reason: Code,
            /// The client's name for the order.
            cl_ord_id: Text<14>,
        }
        /// A request was refused.
        b'J' Rejected 29 false {
            /// Nanoseconds since midnight.
            timestamp: U64,
            /// Which request.
            user_ref_num: U32,
            /// Why.
            reason: U16,
            /// The client's name for the order.
            cl_ord_id: Text<14>,
        }
        /// An order will be cancelled, once a cross has let it go.
        b'P' CancelPending 13 false {
            /// Nanoseconds since midnight.
            timestamp: U64,
            /// Which order.
            user_ref_num: U32,
        }
        /// An order cannot be cancelled now.
        b'I' CancelReject 13 false {
            /// Nanoseconds since midnight.
            timestamp: U64,
            /// Which order.
            user_ref_num: U32,
        }
        /// An order has another place in the queue.
        b'T' OrderPriorityUpdate 30 false {
            /// Nanoseconds since midnight.
            timestamp: U64,
            /// Which order.
            user_ref_num: U32,
            /// Its price now.
            price: Price,
            /// Who sees it now.
            display: Coded<Display>,
            /// The venue's number for it now.
            order_reference_number: U64,
        }
        /// An order was changed in place.
        b'M' OrderModified 18 false {
            /// Nanoseconds since midnight.
            timestamp: U64,
            /// Which order.
            user_ref_num: U32,
            /// Its side now.
            side: Coded<OuchSide>,
            /// How many shares are left.
            quantity: U32,
        }
        /// An order changed without a request: the options say what.
        b'R' OrderRestated 14 true {
            /// Nanoseconds since midnight.
            timestamp: U64,
            /// Which order.
            user_ref_num: U32,
            /// Why.
            reason: Code,
        }
        /// A mass cancel was taken.
        b'X' MassCancelResponse 25 true {
            /// Nanoseconds since midnight.
            timestamp: U64,
            /// Which request.
            user_ref_num: U32,
            /// Of which firm.
            firm: Text<4>,
            /// Of which symbol.
            symbol: Text<8>,
        }
        /// No more orders of a firm are taken.
        b'G' DisableOrderEntryResponse 17 true {
            /// Nanoseconds since midnight.
            timestamp: U64,
            /// Which request.
            user_ref_num: U32,
            /// Of which firm.
            firm: Text<4>,
        }
        /// Orders of a firm are taken again.
        b'K' EnableOrderEntryResponse 17 true {
            /// Nanoseconds since midnight.
            timestamp: U64,
            /// Which request.
            user_ref_num: U32,
            /// Of which firm.
            firm: Text<4>,
        }
        /// The next number.
        b'Q' AccountQueryResponse 13 false {
            /// Nanoseconds since midnight.
            timestamp: U64,
            /// The number that the next request may have.
            next_user_ref_num: U32,
        }
    }
}
