//! Options: what a message says beyond its fixed part, each a length, a tag and a value.

use core::fmt;

use thiserror::Error;

use crate::itch::FieldValue;

macro_rules! options {
    ($($(#[$doc:meta])+ $number:literal $name:ident $size:literal $text:literal $form:ident,)+) => {
        /// Which option: its number on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum OptionTag {
            $($(#[$doc])+ $name = $number),+
        }

        impl OptionTag {
            /// Every option, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The option of this number.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// Bytes of its value.
            pub const fn size(self) -> usize {
                match self {
                    $(Self::$name => $size),+
                }
            }

            /// Its name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }

            const fn form(self) -> Form {
                match self {
                    $(Self::$name => Form::$form),+
                }
            }
        }
    };
}

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Number,
    Price,
    Signed,
    Text,
    Code,
}

options! {
    /// The order's reference number that follows the first.
    1 SecondaryOrderReferenceNumber 8 "secondary_order_reference_number" Number,
    /// The firm.
    2 Firm 4 "firm" Text,
    /// The smallest quantity that trades.
    3 MinQty 4 "min_qty" Number,
    /// Retail or not.
    4 CustomerType 1 "customer_type" Code,
    /// The size of a visible slice.
    5 MaxFloor 4 "max_floor" Number,
    /// Limit, or what the price follows.
    6 PriceType 1 "price_type" Code,
    /// How far the price is from what it follows; negative: less aggressive.
    7 PegOffset 4 "peg_offset" Signed,
    /// The price that is not shown.
    9 DiscretionPrice 8 "discretion_price" Price,
    /// What that price follows.
    10 DiscretionPriceType 1 "discretion_price_type" Code,
    /// And how far from it.
    11 DiscretionPegOffset 4 "discretion_peg_offset" Signed,
    /// Whether it only rests.
    12 PostOnly 1 "post_only" Code,
    /// By how much visible slices differ.
    13 RandomReserves 4 "random_reserves" Number,
    /// Where to route.
    14 Route 4 "route" Text,
    /// Seconds to live.
    15 ExpireTime 4 "expire_time" Number,
    /// Whether it trades with what would lock it.
    16 TradeNow 1 "trade_now" Code,
    /// How it is handled, such as imbalance only.
    17 HandleInst 1 "handle_inst" Code,
    /// How much of the best price it is.
    18 BboWeightIndicator 1 "bbo_weight_indicator" Code,
    /// What of it is visible now.
    22 DisplayQuantity 4 "display_quantity" Number,
    /// The price it is shown at now.
    23 DisplayPrice 8 "display_price" Price,
    /// A group of orders.
    24 GroupId 2 "group_id" Number,
    /// Whether shares to sell short were located.
    25 SharesLocated 1 "shares_located" Code,
    /// Who located them.
    26 LocateBroker 4 "locate_broker" Text,
    /// A side.
    27 Side 1 "side" Code,
    /// A channel with its own reference numbers.
    28 UserRefIdx 1 "user_ref_idx" Number,
    /// What happens instead of trading with oneself.
    29 AiqStrategy 1 "aiq_strategy" Code,
    /// Among which orders.
    30 AiqGroupId 2 "aiq_group_id" Text,
}

/// Why bytes are no options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OptionError {
    /// The length of all is cut, or is not that of what follows.
    #[error("options of {expected} bytes where {found} are")]
    Length {
        /// The bytes the length tells of.
        expected: usize,
        /// The bytes that are there.
        found: usize,
    },
    /// An option without a tag, or one that does not end within the options.
    #[error("torn option at byte {at} of the options")]
    Torn {
        /// Where it begins, behind the length of all.
        at: usize,
    },
    /// An option whose value has another size.
    #[error("option {} with a value of {found} bytes, must have {}", tag.as_str(), tag.size())]
    Size {
        /// Which option.
        tag: OptionTag,
        /// The bytes of its value.
        found: usize,
    },
    /// An option that comes twice.
    #[error("option {} comes twice", tag.as_str())]
    Doubled {
        /// Which option.
        tag: OptionTag,
    },
}

/// One option, where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionValue<'a> {
    /// Its number; see [`OptionTag`].
    pub number: u8,
    /// Its value.
    pub value: &'a [u8],
}

impl<'a> OptionValue<'a> {
    /// An option to write; `None` if its value has not the size of the option.
    pub fn new(tag: OptionTag, value: &'a [u8]) -> Option<Self> {
        (value.len() == tag.size()).then_some(Self { number: tag as u8, value })
    }

    /// Its value as a number, if it has one of at most eight bytes.
    pub fn unsigned(&self) -> Option<u64> {
        let mut bytes = [0; 8];
        let from = 8_usize.checked_sub(self.value.len())?;
        bytes[from..].copy_from_slice(self.value);
        Some(u64::from_be_bytes(bytes))
    }
}

impl fmt::Display for OptionValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(tag) = OptionTag::from_number(self.number) else {
            return write!(f, "option_{}=\"{}\"", self.number, self.value.escape_ascii());
        };
        write!(f, "{}=", tag.as_str())?;
        let number = self.unsigned().unwrap_or(0);
        match tag.form() {
            Form::Number => number.fmt(f),
            Form::Price => FieldValue::Price { raw: number, decimals: 4 }.fmt(f),
            Form::Signed => {
                let raw = number as u32 as i32;
                let sign = if raw < 0 { "-" } else { "" };
                let raw = u64::from(raw.unsigned_abs());
                write!(f, "{sign}{}", FieldValue::Price { raw, decimals: 4 })
            }
            Form::Text => FieldValue::Text(self.value).fmt(f),
            Form::Code => self.value.escape_ascii().fmt(f),
        }
    }
}

/// The options of a message, where they lie: all are whole, of the right size, and come once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options<'a> {
    bytes: &'a [u8],
    /// Whether their length is there, though it may be zero.
    is_present: bool,
}

impl<'a> Options<'a> {
    /// Reads what is behind a fixed part: nothing, or the options' length and the options.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, OptionError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let cut = OptionError::Length { expected: 2, found: bytes.len() };
        let (length, bytes) = bytes.split_first_chunk::<2>().ok_or(cut)?;
        let expected = usize::from(u16::from_be_bytes(*length));
        if expected != bytes.len() {
            return Err(OptionError::Length { expected, found: bytes.len() });
        }
        let mut seen = 0_u64;
        let mut rest = bytes;
        while !rest.is_empty() {
            let at = bytes.len() - rest.len();
            let (option, behind) = split(rest).ok_or(OptionError::Torn { at })?;
            rest = behind;
            let Some(tag) = OptionTag::from_number(option.number) else { continue };
            if option.value.len() != tag.size() {
                return Err(OptionError::Size { tag, found: option.value.len() });
            }
            if seen & 1 << tag as u8 != 0 {
                return Err(OptionError::Doubled { tag });
            }
            seen |= 1 << tag as u8;
        }
        Ok(Self { bytes, is_present: true })
    }

    /// Whether their length is there.
    pub const fn is_present(&self) -> bool {
        self.is_present
    }

    /// Their bytes, without their length.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Each, in order.
    pub fn iter(&self) -> impl Iterator<Item = OptionValue<'a>> + use<'a> {
        let mut rest = self.bytes;
        core::iter::from_fn(move || {
            let option;
            (option, rest) = split(rest)?;
            Some(option)
        })
    }

    /// The value of one, if it is there.
    pub fn get(&self, tag: OptionTag) -> Option<OptionValue<'a>> {
        self.iter().find(|option| option.number == tag as u8)
    }
}

fn split(bytes: &[u8]) -> Option<(OptionValue<'_>, &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    let (option, behind) = rest.split_at_checked(usize::from(length))?;
    let (&number, value) = option.split_first()?;
    Some((OptionValue { number, value }, behind))
}

/// Writes options behind a fixed part, with their length; returns the bytes written, or `None` when
/// `out` is too short or an option is longer than a byte can tell.
pub(super) fn write(options: &[OptionValue<'_>], out: &mut [u8]) -> Option<usize> {
    let mut at = 2;
    for option in options {
        let place = out.get_mut(at..at + 2 + option.value.len())?;
        place[0] = u8::try_from(option.value.len() + 1).ok()?;
        place[1] = option.number;
        place[2..].copy_from_slice(option.value);
        at += place.len();
    }
    let length = u16::try_from(at - 2).ok()?;
    out.get_mut(..2)?.copy_from_slice(&length.to_be_bytes());
    Some(at)
}
