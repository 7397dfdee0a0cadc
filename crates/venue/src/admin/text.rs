//! Values that JSON holds as texts.

use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use tiercel_types::auction::{AuctionKind, AuctionReference, Pressure, TieBreak};
use tiercel_types::command::AccountState;
use tiercel_types::{InstrumentState, Money};

/// A value by its text: decimals, symbols, codes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<T>(pub(super) T);

impl<'de, T: FromStr<Err: std::fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|error| D::Error::custom(format!("{text:?}: {error}")))
    }
}

/// A value by the engine's stable word for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<T>(pub(super) T);

/// What has stable words.
pub(super) trait Words: Sized {
    fn from_word(text: &str) -> Option<Self>;
    fn all() -> String;
}

macro_rules! words {
    ($($name:ident),+) => {
        $(impl Words for $name {
            fn from_word(text: &str) -> Option<Self> {
                Self::from_text(text)
            }

            fn all() -> String {
                Self::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", ")
            }
        })+
    };
}

words!(AccountState, AuctionKind, AuctionReference, InstrumentState, Pressure, TieBreak);

impl<'de, T: Words> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let word = T::from_word(&text);
        word.map(Self).ok_or_else(|| D::Error::custom(format!("{text:?} is none of {}", T::all())))
    }
}

/// An amount of funds: a decimal without a sign, of 16 places at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount(pub(super) Money);

/// Digits in front of the point and behind it.
const WHOLE: usize = 20;
const PLACES: usize = 16;

impl FromStr for Amount {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let ends = !text.ends_with('.') && !whole.is_empty();
        if !ends || !digits(whole) || !digits(fraction) {
            return Err("an amount is a decimal such as 12.5");
        }
        if whole.len() > WHOLE || fraction.len() > PLACES {
            return Err("an amount has at most 20 digits, and 16 behind the point");
        }
        let units: i128 =
            format!("{whole}{fraction:0<PLACES$}").parse().map_err(|_| "an amount is a number")?;
        Ok(Self(Money::from_units(units)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (text, shown) in [
            ("12.5", "12.5"),
            ("0.0000000000000001", "0.0000000000000001"),
            ("99999999999999999999.9999999999999999", "99999999999999999999.9999999999999999"),
            ("007", "7"),
        ] {
            assert_eq!(text.parse::<Amount>().unwrap().0.to_string(), shown);
        }
        for bad in ["", ".", "1.", ".5", "-1", "+1", "1e5", "1 ", "0.00000000000000001", "NaN"] {
            assert!(bad.parse::<Amount>().is_err(), "{bad}");
        }
        assert!("100000000000000000000".parse::<Amount>().is_err());
    }
}
