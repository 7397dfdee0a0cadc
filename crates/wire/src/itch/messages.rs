//! The 23 messages: one table of their fields, and what is made from it.

use zerocopy::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::field::{
    BreachedLevel, BuySell, Code, Coded, Counted, EventCode, Field, FieldValue, HaltAction, Price4,
    Price8, Printable, ReleaseQualifier, Reserved, ShortSaleAction, Text, Time, TradingState,
};
use super::{DecodeError, MESSAGE_SIZE_MAX};

/// What every message begins with, behind its type.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Head {
    /// The instrument's number for the day; 0 where a message concerns none.
    pub stock_locate: U16,
    /// Nasdaq's own number.
    pub tracking_number: U16,
    /// Nanoseconds since midnight, New York time.
    pub timestamp: Time,
}

macro_rules! messages {
    ($(
        $(#[$doc:meta])*
        $kind:literal $name:ident $size:literal {
            $($(#[$fdoc:meta])* $field:ident: $type:ty,)+
        }
    )+) => {
        /// The type of a message: its first byte.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $name = $kind,)+
        }

        impl Kind {
            /// Every type, in the order of the specification.
            pub const ALL: [Self; 23] = [$(Self::$name),+];

            /// The type that this byte names.
            #[inline]
            pub const fn from_byte(byte: u8) -> Option<Self> {
                match byte {
                    $($kind => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// Bytes of a message of this type, the type byte included.
            #[inline]
            pub const fn size(self) -> usize {
                match self {
                    $(Self::$name => $size,)+
                }
            }
        }

        $($(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq,
            FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
        )]
        #[repr(C)]
        pub struct $name {
            /// Instrument, tracking number and time.
            pub head: Head,
            $($(#[$fdoc])* pub $field: $type,)+
        }

        const _: () = assert!(1 + size_of::<$name>() == $size && $size <= MESSAGE_SIZE_MAX);

        impl $name {
            /// The message in these bytes behind the type byte; `None` when it is not good.
            #[inline(always)]
            fn read(body: &[u8]) -> Option<&Self> {
                let message = Self::ref_from_bytes(body).ok()?;
                (true $(& message.$field.is_valid())+).then_some(message)
            }

            /// The first field, by its order, that holds a code its type does not know.
            fn invalid_code(body: &[u8]) -> Option<(&'static str, u8)> {
                let message = Self::ref_from_bytes(body).ok()?;
                $(if !message.$field.is_valid() {
                    return Some((stringify!($field), message.$field.bits() as u8));
                })+
                None
            }
        })+

        /// A message, as a view of the bytes it came in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Message<'a> {
            $($(#[$doc])* $name(&'a $name),)+
        }

        impl<'a> Message<'a> {
            /// Reads a message from exactly its bytes, without a length prefix.
            ///
            /// # Errors
            /// [`DecodeError`] says what is wrong with them.
            // Inlined, so that the consumer's own match on the type merges with this one.
            #[inline(always)]
            pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
                let Some((&kind, body)) = bytes.split_first() else {
                    return Err(DecodeError::Empty);
                };
                match kind {
                    $($kind => match $name::read(body) {
                        Some(message) => Ok(Self::$name(message)),
                        None => Err(refusal(Kind::$name, bytes)),
                    },)+
                    _ => Err(DecodeError::UnknownType { kind }),
                }
            }

            /// Its type.
            #[inline]
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$name(_) => Kind::$name,)+
                }
            }

            /// What every message begins with.
            #[inline]
            pub const fn head(&self) -> &'a Head {
                match self {
                    $(Self::$name(message) => &message.head,)+
                }
            }

            /// The bytes behind the type byte.
            #[inline]
            pub(super) fn body(&self) -> &'a [u8] {
                match self {
                    $(Self::$name(message) => message.as_bytes(),)+
                }
            }

            /// The digest of all its fields, as [`Checksum`](super::Checksum) defines it.
            #[inline(always)]
            pub fn digest(&self) -> u64 {
                match self {
                    $(Self::$name(message) => {
                        let mut sum = $kind as u64;
                        let mut turn = 0;
                        let mut take = |bits: u64| {
                            turn += 7;
                            sum = sum.wrapping_add(bits.rotate_left(turn));
                        };
                        take(u64::from(message.head.stock_locate.get()));
                        take(u64::from(message.head.tracking_number.get()));
                        take(message.head.timestamp.get());
                        $(take(message.$field.bits());)+
                        sum
                    })+
                }
            }

            /// Shows each field of the body, in the order of the wire, with its name.
            pub fn fields(&self, mut show: impl FnMut(&'static str, FieldValue<'a>)) {
                match self {
                    $(Self::$name(message) => {
                        $(show(stringify!($field), message.$field.show());)+
                    })+
                }
            }
        }

        $(impl<'a> From<&'a $name> for Message<'a> {
            fn from(message: &'a $name) -> Self {
                Self::$name(message)
            }
        })+

        /// Says why the bytes of a message of a known type were refused.
        #[cold]
        #[inline(never)]
        fn refusal(kind: Kind, bytes: &[u8]) -> DecodeError {
            if bytes.len() != kind.size() {
                return DecodeError::InvalidSize {
                    kind,
                    expected: kind.size(),
                    found: bytes.len(),
                };
            }
            let invalid = match kind {
                $(Kind::$name => $name::invalid_code(&bytes[1..]),)+
            };
            // The size fits, and only a code can be invalid in a body of the right size.
            let (field, code) = invalid.unwrap_or(("", 0));
            DecodeError::InvalidCode { kind, field, code }
        }
    };
}

messages! {
    /// Where the day stands.
    b'S' SystemEvent 12 {
        /// What happened.
        event_code: Coded<EventCode>,
    }
    /// An instrument and what is known of it, once a day before it trades.
    b'R' StockDirectory 39 {
        /// The symbol.
        stock: Text<8>,
        /// The listing market and tier.
        market_category: Code,
        /// The state of an issuer that Nasdaq lists.
        financial_status_indicator: Code,
        /// Shares in a round lot.
        round_lot_size: U32,
        /// Whether only round lots are taken: `Y` or `N`.
        round_lots_only: Code,
        /// The class of security.
        issue_classification: Code,
        /// The kind within the class.
        issue_sub_type: Text<2>,
        /// Live (`P`) or for tests (`T`).
        authenticity: Code,
        /// Whether short sales are restricted for failures to deliver (Regulation SHO).
        short_sale_threshold_indicator: Code,
        /// Whether the instrument is new to the market today.
        ipo_flag: Code,
        /// The tier of the limit-up limit-down plan: `1`, `2` or blank.
        luld_reference_price_tier: Code,
        /// Whether it is an exchange-traded product.
        etp_flag: Code,
        /// The leverage of an exchange-traded product.
        etp_leverage_factor: U32,
        /// Whether an exchange-traded product moves against its index.
        inverse_indicator: Code,
    }
    /// An instrument halts, pauses or trades again.
    b'H' StockTradingAction 25 {
        /// The symbol.
        stock: Text<8>,
        /// The state from now on.
        trading_state: Coded<TradingState>,
        /// Nothing.
        reserved: Reserved,
        /// Why.
        reason: Text<4>,
    }
    /// The restriction of short sales begins or ends.
    b'Y' RegShoRestriction 20 {
        /// The symbol.
        stock: Text<8>,
        /// The restriction from now on.
        reg_sho_action: Coded<ShortSaleAction>,
    }
    /// A market participant's standing in an instrument.
    b'L' MarketParticipantPosition 26 {
        /// The participant.
        mpid: Text<4>,
        /// The symbol.
        stock: Text<8>,
        /// Whether it is a primary market maker: `Y` or `N`.
        primary_market_maker: Code,
        /// How it makes the market.
        market_maker_mode: Code,
        /// Its registration.
        market_participant_state: Code,
    }
    /// The decline levels of the market-wide circuit breaker for the day.
    b'V' MwcbDeclineLevel 35 {
        /// Level 1.
        level_1: Price8,
        /// Level 2.
        level_2: Price8,
        /// Level 3.
        level_3: Price8,
    }
    /// The market-wide circuit breaker was breached.
    b'W' MwcbStatus 12 {
        /// Which level.
        breached_level: Coded<BreachedLevel>,
    }
    /// When an instrument new to the market can be quoted.
    b'K' IpoQuotingPeriodUpdate 28 {
        /// The symbol.
        stock: Text<8>,
        /// The time of release, in seconds since midnight.
        ipo_quotation_release_time: U32,
        /// Whether the release is still to come.
        ipo_quotation_release_qualifier: Coded<ReleaseQualifier>,
        /// The price of the offering.
        ipo_price: Price4,
    }
    /// The bounds of the auction that reopens a paused instrument.
    b'J' LuldAuctionCollar 35 {
        /// The symbol.
        stock: Text<8>,
        /// The price the bounds are set from.
        auction_collar_reference_price: Price4,
        /// The upper bound.
        upper_auction_collar_price: Price4,
        /// The lower bound.
        lower_auction_collar_price: Price4,
        /// How often the auction was extended.
        auction_collar_extension: U32,
    }
    /// One market halts an instrument for reasons of operation, or resumes.
    b'h' OperationalHalt 21 {
        /// The symbol.
        stock: Text<8>,
        /// Which market: `Q` Nasdaq, `B` BX, `X` PSX.
        market_code: Code,
        /// Halt or resumption.
        operational_halt_action: Coded<HaltAction>,
    }
    /// A new displayed order, without attribution.
    b'A' AddOrder 36 {
        /// The order's number, unique within the day.
        order_reference_number: U64,
        /// Its side.
        buy_sell_indicator: Coded<BuySell>,
        /// Its quantity.
        shares: U32,
        /// The symbol.
        stock: Text<8>,
        /// Its price.
        price: Price4,
    }
    /// A new displayed order with the participant who entered it.
    b'F' AddOrderMpid 40 {
        /// The order's number, unique within the day.
        order_reference_number: U64,
        /// Its side.
        buy_sell_indicator: Coded<BuySell>,
        /// Its quantity.
        shares: U32,
        /// The symbol.
        stock: Text<8>,
        /// Its price.
        price: Price4,
        /// The participant.
        attribution: Text<4>,
    }
    /// A displayed order traded at its price.
    b'E' OrderExecuted 31 {
        /// The order.
        order_reference_number: U64,
        /// How much traded.
        executed_shares: U32,
        /// The trade.
        match_number: U64,
    }
    /// A displayed order traded at another price than its own.
    b'C' OrderExecutedWithPrice 36 {
        /// The order.
        order_reference_number: U64,
        /// How much traded.
        executed_shares: U32,
        /// The trade.
        match_number: U64,
        /// Whether it counts in the volume.
        printable: Coded<Printable>,
        /// At what price.
        execution_price: Price4,
    }
    /// A displayed order lost a part of its quantity.
    b'X' OrderCancel 23 {
        /// The order.
        order_reference_number: U64,
        /// How much was taken off.
        cancelled_shares: U32,
    }
    /// A displayed order is gone.
    b'D' OrderDelete 19 {
        /// The order.
        order_reference_number: U64,
    }
    /// A displayed order gave way to a new one; side, symbol and attribution stay.
    b'U' OrderReplace 35 {
        /// The order that is gone.
        original_order_reference_number: U64,
        /// The order in its stead.
        new_order_reference_number: U64,
        /// The new order's quantity.
        shares: U32,
        /// The new order's price.
        price: Price4,
    }
    /// A trade with an order that was not displayed.
    b'P' Trade 44 {
        /// 0 since 2010: orders that are not displayed have no public number.
        order_reference_number: U64,
        /// The side of the order that was not displayed; `B` since 2014, whichever it was.
        buy_sell_indicator: Coded<BuySell>,
        /// How much traded.
        shares: U32,
        /// The symbol.
        stock: Text<8>,
        /// At what price.
        price: Price4,
        /// The trade.
        match_number: U64,
    }
    /// The result of a cross.
    b'Q' CrossTrade 40 {
        /// How much traded.
        shares: U64,
        /// The symbol.
        stock: Text<8>,
        /// At what price.
        cross_price: Price4,
        /// The trade.
        match_number: U64,
        /// Which cross.
        cross_type: Code,
    }
    /// A trade reported before is void.
    b'B' BrokenTrade 19 {
        /// The trade.
        match_number: U64,
    }
    /// What the next cross would trade, and at what prices.
    b'I' NetOrderImbalanceIndicator 50 {
        /// Shares that pair off at the reference price.
        paired_shares: U64,
        /// Shares left over at it.
        imbalance_shares: U64,
        /// On which side they are left over.
        imbalance_direction: Code,
        /// The symbol.
        stock: Text<8>,
        /// Where the orders for the cross alone would clear.
        far_price: Price4,
        /// Where they and the continuous orders would clear.
        near_price: Price4,
        /// The price the imbalance is counted at.
        current_reference_price: Price4,
        /// Which cross.
        cross_type: Code,
        /// How far the near price lies from the reference price, in classes.
        price_variation_indicator: Code,
    }
    /// Retail interest inside the spread.
    b'N' RetailPriceImprovementIndicator 20 {
        /// The symbol.
        stock: Text<8>,
        /// On which sides.
        interest_flag: Code,
    }
    /// A direct listing that raises capital: where it stands.
    b'O' DirectListingWithCapitalRaise 48 {
        /// The symbol.
        stock: Text<8>,
        /// Whether it may open: `Y` or `N`.
        open_eligibility_status: Code,
        /// The lowest price of the opening.
        minimum_allowable_price: Price4,
        /// The highest price of the opening.
        maximum_allowable_price: Price4,
        /// Where the cross would clear now.
        near_execution_price: Price4,
        /// Since when, in nanoseconds since midnight.
        near_execution_time: U64,
        /// The lower collar.
        lower_price_range_collar: Price4,
        /// The upper collar.
        upper_price_range_collar: Price4,
    }
}

impl Message<'_> {
    /// Writes the message as it came, without a length prefix, to the front of `out`.
    ///
    /// Returns the bytes written; `None` when `out` is too short, and `out` is untouched.
    #[inline]
    pub fn encode(&self, out: &mut [u8]) -> Option<usize> {
        let size = self.kind().size();
        let (kind, body) = out.get_mut(..size)?.split_first_mut()?;
        *kind = self.kind() as u8;
        body.copy_from_slice(self.body());
        Some(size)
    }

    /// Writes the message behind its length in two big-endian bytes, as files frame it.
    ///
    /// Returns the bytes written; `None` when `out` is too short, and `out` is untouched.
    #[inline]
    pub fn encode_framed(&self, out: &mut [u8]) -> Option<usize> {
        let size = self.kind().size();
        let (length, message) = out.get_mut(..2 + size)?.split_at_mut(2);
        length.copy_from_slice(&(size as u16).to_be_bytes());
        self.encode(message)?;
        Some(2 + size)
    }
}
