//! Decimals of a session: amounts of money, and how many places an instrument shows.

use tiercel_types::Money;
use tiercel_types::decimal::{DECIMALS, ONE};

/// Decimal places of [`Money`].
const MONEY_DECIMALS: usize = 16;

/// Reads an amount with at most 16 decimal places; it may be negative.
pub(super) fn parse_money(text: &str) -> Result<Money, &'static str> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return Err("not an amount");
    }
    if fraction.len() > MONEY_DECIMALS {
        return Err("more than 16 decimal places");
    }
    let units: i128 =
        format!("{whole}{fraction:0<MONEY_DECIMALS$}").parse().map_err(|_| "out of range")?;
    Ok(Money::from_units(if negative { -units } else { units }))
}

/// The decimal places that a multiple of `step` units needs: those of a tick or a lot.
pub(super) const fn places(step_units: u64) -> usize {
    let mut fraction = step_units % ONE;
    if fraction == 0 {
        return 0;
    }
    let mut places = DECIMALS as usize;
    while fraction.is_multiple_of(10) {
        fraction /= 10;
        places -= 1;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_exactly() {
        for text in ["0", "1", "-1.5", "0.0000000000000001", "12345678901234567890.5"] {
            assert_eq!(parse_money(text).unwrap().to_string(), text);
        }
        assert_eq!(parse_money(".5").unwrap().to_string(), "0.5");
        for text in ["", "-", ".", "1e3", "1.2.3", "0.00000000000000001", "--1", "+1"] {
            assert!(parse_money(text).is_err(), "{text:?}");
        }
        assert!(parse_money(&"9".repeat(30)).is_err());
    }

    #[test]
    fn steps_say_how_many_places_to_show() {
        assert_eq!(places(ONE), 0);
        assert_eq!(places(5 * ONE / 100), 2);
        assert_eq!(places(1), 8);
    }
}
