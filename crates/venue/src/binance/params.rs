//! The parameters of a request: query string and form body, read strictly.

use std::borrow::Cow;
use std::cell::Cell;

use tiercel_types::decimal::{DecimalError, parse_units};
use tiercel_types::{ClientOrderId, Price, Qty};

use super::error::ApiError;
use crate::percent;

/// The most parameters of a request: each has a bit that says whether it was read.
pub const PARAMETERS_MAX: usize = u64::BITS as usize;

/// What decimals look like; the documented pattern, as its message quotes it.
const DECIMAL: &str = "^([0-9]{1,20})(\\.[0-9]{1,20})?$";
/// What whole numbers look like.
const INTEGER: &str = "^[0-9]{1,20}$";
/// What symbols look like.
const SYMBOL: &str = "^[A-Z0-9-_.]{1,20}$";
/// What client order ids look like.
const CLIENT_ORDER_ID: &str = "^[a-zA-Z0-9-_]{1,36}$";
/// The most digits of a whole number, and of a decimal on either side of its point.
const DIGITS_MAX: usize = 20;
/// Units of 10^-8 in a thousandth.
const UNITS_OF_THOUSANDTH: u64 = 100_000;
/// Times from here on count microseconds: in milliseconds they would lie beyond the year 5138.
const MICROSECONDS_FROM: u64 = 100_000_000_000_000;

/// A name and its value, decoded.
pub type Pair<'r> = (Cow<'r, str>, Cow<'r, str>);

/// One parameter, decoded.
#[derive(Clone, Debug)]
struct Param<'r> {
    name: Cow<'r, str>,
    value: Cow<'r, str>,
}

/// A request's parameters, each of which is read at most once and by name.
///
/// A parameter of the query string wins over one of the same name in the body; twice in one of
/// them is an error. Whoever has read all that a request may hold asks [`Params::finish`] whether
/// anything is left over.
#[derive(Clone, Debug)]
pub struct Params<'r> {
    params: Vec<Param<'r>>,
    read: Cell<u64>,
}

impl<'r> Params<'r> {
    /// Splits and decodes a query string and a form body.
    ///
    /// # Errors
    /// -1100 for text that is not percent-encoded UTF-8, -1101 for a parameter given twice or
    /// more than [`PARAMETERS_MAX`] of them.
    pub fn parse(query: &'r str, body: &'r str) -> Result<Self, ApiError> {
        let mut params = Self::of(pairs_of(query)?)?;
        for param in Self::of(pairs_of(body)?)?.params {
            if !params.params.iter().any(|known| known.name == param.name) {
                params.params.push(param);
            }
        }
        if params.params.len() > PARAMETERS_MAX {
            return Err(ApiError::too_many_parameters());
        }
        Ok(params)
    }

    /// Parameters that are split and decoded already, as the `WebSocket` interface has them.
    ///
    /// # Errors
    /// -1101 for a parameter given twice or more than [`PARAMETERS_MAX`] of them.
    pub fn of(pairs: Vec<Pair<'r>>) -> Result<Self, ApiError> {
        if pairs.len() > PARAMETERS_MAX {
            return Err(ApiError::too_many_parameters());
        }
        let mut params: Vec<Param<'r>> = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            if params.iter().any(|param| param.name == name) {
                return Err(ApiError::duplicate_parameter());
            }
            params.push(Param { name, value });
        }
        Ok(Self { params, read: Cell::new(0) })
    }

    /// All of them, by name and value, as they came. That does not mark them read.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.params.iter().map(|param| (&*param.name, &*param.value))
    }

    /// Whether it was sent, with or without a value; marks it read.
    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// The value of an optional parameter.
    ///
    /// # Errors
    /// -1105 if it was sent empty.
    pub fn text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        match self.raw(name) {
            Some("") => Err(ApiError::empty(name)),
            other => Ok(other),
        }
    }

    /// The value of a mandatory parameter.
    ///
    /// # Errors
    /// -1102 if it was not sent, or empty.
    pub fn mandatory(&self, name: &str) -> Result<&str, ApiError> {
        match self.raw(name) {
            None | Some("") => Err(ApiError::mandatory(name)),
            Some(value) => Ok(value),
        }
    }

    /// An optional decimal in units of 10^-8, exactly.
    ///
    /// # Errors
    /// -1100 for other characters than the documented pattern's, -1111 for more than eight
    /// places, -1108 for more than a quantity holds.
    pub fn qty(&self, name: &str) -> Result<Option<Qty>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        decimal_units(name, text).map(|units| Some(Qty::from_units(units)))
    }

    /// An optional price.
    ///
    /// # Errors
    /// As [`Params::qty`].
    pub fn price(&self, name: &str) -> Result<Option<Price>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let units = decimal_units(name, text)?;
        let units = i64::try_from(units).map_err(|_| ApiError::overflowed(name))?;
        Ok(Some(Price::from_units(units)))
    }

    /// An optional whole number.
    ///
    /// # Errors
    /// -1100 for anything but digits, -1108 for a number beyond 2^63 - 1.
    pub fn integer(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        if text.len() > DIGITS_MAX || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ApiError::illegal_characters(name, INTEGER));
        }
        let number: i64 = text.parse().map_err(|_| ApiError::overflowed(name))?;
        Ok(Some(number.unsigned_abs()))
    }

    /// An optional moment, which may count milliseconds or microseconds; in milliseconds.
    ///
    /// # Errors
    /// As [`Params::integer`].
    pub fn time_ms(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let in_ms = |time| if time >= MICROSECONDS_FROM { time / 1_000 } else { time };
        Ok(self.integer(name)?.map(in_ms))
    }

    /// An optional decimal of three places, in thousandths.
    ///
    /// # Errors
    /// As [`Params::qty`]; -1111 from the fourth place on.
    pub fn thousandths(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let units = decimal_units(name, text)?;
        if !units.is_multiple_of(UNITS_OF_THOUSANDTH) {
            return Err(ApiError::precision(name));
        }
        Ok(Some(units / UNITS_OF_THOUSANDTH))
    }

    /// An optional truth value: `true` or `false`, in any case.
    ///
    /// # Errors
    /// -1130 for anything else.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.text(name)? {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(ApiError::invalid(name)),
        }
    }

    /// The name of a symbol, well formed; whether there is one by that name is not known here.
    ///
    /// # Errors
    /// -1102 if it was not sent or empty, -1100 if no symbol looks so.
    pub fn symbol(&self) -> Result<&str, ApiError> {
        let text = self.mandatory("symbol")?;
        well_formed_symbol(text).map(|()| text)
    }

    /// An optional client order id.
    ///
    /// # Errors
    /// -1100 for characters or a length that client order ids do not have.
    pub fn client_order_id(&self, name: &str) -> Result<Option<ClientOrderId>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let illegal = || ApiError::illegal_characters(name, CLIENT_ORDER_ID);
        if !text.bytes().all(legal) {
            return Err(illegal());
        }
        text.parse().map(Some).map_err(|_| illegal())
    }

    /// Asks whether all parameters were read.
    ///
    /// # Errors
    /// -1104 with both counts if some were not.
    pub fn finish(&self) -> Result<(), ApiError> {
        let read = self.read.get().count_ones();
        if read as usize == self.params.len() {
            return Ok(());
        }
        Err(ApiError::unread(read, self.params.len()))
    }

    fn raw(&self, name: &str) -> Option<&str> {
        let at = self.params.iter().position(|param| param.name == name)?;
        self.read.set(self.read.get() | 1 << at);
        Some(&self.params[at].value)
    }
}

/// Whether a symbol could look so.
///
/// # Errors
/// -1100 if not.
pub fn well_formed_symbol(text: &str) -> Result<(), ApiError> {
    let legal = |byte: u8| {
        byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
    };
    if (1..=20).contains(&text.len()) && text.bytes().all(legal) {
        return Ok(());
    }
    Err(ApiError::illegal_characters("symbol", SYMBOL))
}

/// Reads a decimal by the documented pattern.
fn decimal_units(name: &str, text: &str) -> Result<u64, ApiError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| {
        (1..=DIGITS_MAX).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole) || !digits(fraction) {
        return Err(ApiError::illegal_characters(name, DECIMAL));
    }
    parse_units(text.as_bytes()).map_err(|error| match error {
        DecimalError::Precision => ApiError::precision(name),
        DecimalError::Range => ApiError::overflowed(name),
        DecimalError::Empty | DecimalError::Character { .. } => {
            ApiError::illegal_characters(name, DECIMAL)
        }
    })
}

/// The parameters of a form, decoded: one more than a request may have at most.
fn pairs_of(form: &str) -> Result<Vec<Pair<'_>>, ApiError> {
    let pairs = form.split('&').filter(|pair| !pair.is_empty()).take(PARAMETERS_MAX + 1);
    let decoded = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name)?, decode(value)?))
    });
    decoded.collect()
}

/// Undoes percent-encoding; a plus sign is a blank, as forms write it.
fn decode(text: &str) -> Result<Cow<'_, str>, ApiError> {
    let illegal = || ApiError::new(-1100, "Illegal characters found in a parameter.");
    percent::decode(text, true).ok_or_else(illegal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code<T: std::fmt::Debug>(result: Result<T, ApiError>) -> i32 {
        result.unwrap_err().code
    }

    #[test]
    fn the_query_wins_over_the_body_and_twice_in_one_is_refused() {
        let params = Params::parse("a=1&b=2", "a=3&c=%34").unwrap();
        assert_eq!(params.text("a").unwrap(), Some("1"));
        assert_eq!(params.text("c").unwrap(), Some("4"));
        assert_eq!(code(Params::parse("a=1&a=1", "")), -1101);
        assert_eq!(code(Params::parse("", "a=1&a=2")), -1101);
        assert_eq!(code(Params::parse("a=1", "a=2&a=3")), -1101);
        let many: String = (0..65).fold(String::new(), |form, at| form + &format!("&p{at}=1"));
        assert_eq!(code(Params::parse(&many, "")), -1101);
        let (half, other) = many.split_at(many.len() / 2 - many.len() / 2 % 4);
        assert_eq!(code(Params::parse(half, other)), -1101, "both together");
    }

    #[test]
    fn what_was_not_read_is_counted() {
        let params = Params::parse("symbol=BTCUSDT&colour=red&limit=5", "").unwrap();
        assert_eq!(params.symbol().unwrap(), "BTCUSDT");
        assert_eq!(params.integer("limit").unwrap(), Some(5));
        let error = params.finish().unwrap_err();
        assert_eq!(
            error.to_json(),
            r#"{"code":-1104,"msg":"Not all sent parameters were read; read '2' parameter(s) but was sent '3'."}"#
        );
        assert!(params.has("colour"));
        params.finish().unwrap();
    }

    #[test]
    fn bad_values_are_refused_by_kind() {
        for (value, expected) in [
            ("", -1105),
            ("1e5", -1100),
            ("-1", -1100),
            ("NaN", -1100),
            (".5", -1100),
            ("1.", -1100),
            ("%2B1", -1100),
            ("1.000000001", -1111),
            ("999999999999999", -1108),
            ("123456789012345678901", -1100),
            ("٣", -1100),
        ] {
            let query = format!("quantity={value}");
            let params = Params::parse(&query, "").unwrap();
            assert_eq!(code(params.qty("quantity")), expected, "{value}");
        }
        let params = Params::parse("price=92233720368.54775808", "").unwrap();
        assert_eq!(code(params.price("price")), -1108, "fits a quantity, not a price");
        for (query, expected) in [("", -1102), ("symbol=", -1102), ("symbol=btcusdt", -1100)] {
            assert_eq!(code(Params::parse(query, "").unwrap().symbol()), expected, "{query}");
        }
        for text in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(code(Params::parse(text, "")), -1100, "{text}");
        }
    }

    proptest! {
        #[test]
        fn decimals_are_exact(units: u64) {
            let query = format!("quantity={:.8}", Qty::from_units(units));
            let params = Params::parse(&query, "").unwrap();
            prop_assert_eq!(params.qty("quantity"), Ok(Some(Qty::from_units(units))));
        }

        #[test]
        fn any_text_survives_encoding(text: String) {
            let escape = |form: String, byte| form + &format!("%{byte:02x}");
            let encoded = text.bytes().fold(String::new(), escape);
            let query = format!("name={encoded}");
            let params = Params::parse(&query, "").unwrap();
            prop_assert_eq!(params.raw("name"), Some(text.as_str()));
        }
    }
}
