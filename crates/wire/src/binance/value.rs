//! Values of fields, read where they stand: numbers to fixed point, words, names.

use tiercel_types::decimal::{ONE, parse_units};
use tiercel_types::{
    ClientOrderId, DecimalError, ListId, Money, OrderId, Price, Qty, SelfTradePrevention, Side,
    Timestamp, TradeId,
};

use super::error::{DecodeError, DecodeErrorKind as Kind};
use super::json::Cursor;
use super::text::Text;
use super::words::{self, ExecutionType, OrderStatus, OrderType, TimeInForce};

type Result<T> = core::result::Result<T, DecodeError>;

/// The most bytes of a decimal or a word that came with escapes.
pub(super) const SCRATCH_LIMIT: usize = 64;

pub(super) fn timestamp(cursor: &mut Cursor<'_>, ns_per_time_unit: u64) -> Result<Timestamp> {
    let start = cursor.at;
    let time = cursor.unsigned()?.checked_mul(ns_per_time_unit);
    time.map(Timestamp).ok_or_else(|| cursor.error_at(start, Kind::Range))
}

pub(super) fn price(cursor: &mut Cursor<'_>) -> Result<Price> {
    let start = cursor.at;
    let units = i64::try_from(decimal(cursor)?);
    units
        .map(Price::from_units)
        .map_err(|_| cursor.error_at(start, Kind::Decimal(DecimalError::Range)))
}

pub(super) fn qty(cursor: &mut Cursor<'_>) -> Result<Qty> {
    decimal(cursor).map(Qty::from_units)
}

/// Reads a string that holds a decimal, in units of 10^-8.
fn decimal(cursor: &mut Cursor<'_>) -> Result<u64> {
    let start = cursor.at;
    let mut scratch = [0; SCRATCH_LIMIT];
    let Some(text) = cursor.string()?.resolve(&mut scratch) else {
        return Err(cursor.error_at(start, Kind::TextLength { limit: SCRATCH_LIMIT }));
    };
    parse_decimal(text).map_err(|error| cursor.error_at(start, Kind::Decimal(error)))
}

/// A decimal as JSON writes numbers: without a leading zero before another digit, with digits on
/// both sides of a point.
fn parse_decimal(text: &[u8]) -> core::result::Result<u64, DecimalError> {
    match text {
        [b'.', ..] | [b'0', b'0'..=b'9', ..] => Err(DecimalError::Character { at: 0 }),
        [.., b'.'] => Err(DecimalError::Character { at: text.len() - 1 }),
        _ => parse_units(text),
    }
}

/// An amount of an asset, which may be more than a quantity can be.
pub(super) fn money(cursor: &mut Cursor<'_>) -> Result<Money> {
    amount(cursor, |text| (text, false))
}

/// An amount that may be negative.
pub(super) fn signed_money(cursor: &mut Cursor<'_>) -> Result<Money> {
    amount(cursor, |text| match text {
        [b'-', magnitude @ ..] => (magnitude, true),
        _ => (text, false),
    })
}

fn amount(cursor: &mut Cursor<'_>, split: impl Fn(&[u8]) -> (&[u8], bool)) -> Result<Money> {
    let start = cursor.at;
    let mut scratch = [0; SCRATCH_LIMIT];
    let text = resolved(cursor, &mut scratch)?;
    let (magnitude, is_negative) = split(text);
    match parse_amount(magnitude) {
        Ok(units) => Ok(Money::from_units(if is_negative { -units } else { units })),
        Err(error) => Err(cursor.error_at(start, Kind::Decimal(error))),
    }
}

/// A decimal in units of 10^-16, at most eight of whose places count.
fn parse_amount(text: &[u8]) -> core::result::Result<i128, DecimalError> {
    const ONE_MONEY: i128 = ONE as i128 * ONE as i128;
    match parse_decimal(text) {
        Err(DecimalError::Range) => {}
        units => return units.map(|units| i128::from(units) * i128::from(ONE)),
    }
    let point = text.iter().position(|byte| *byte == b'.').unwrap_or(text.len());
    let (whole, places) = text.split_at(point);
    let places = if places.is_empty() { 0 } else { parse_units(places)? };
    let whole = whole.iter().enumerate().try_fold(0_i128, |whole, (at, byte)| {
        if !byte.is_ascii_digit() {
            return Err(DecimalError::Character { at });
        }
        let tens = whole.checked_mul(10).ok_or(DecimalError::Range)?;
        tens.checked_add(i128::from(byte - b'0')).ok_or(DecimalError::Range)
    })?;
    let whole = whole.checked_mul(ONE_MONEY).ok_or(DecimalError::Range)?;
    whole.checked_add(i128::from(places) * i128::from(ONE)).ok_or(DecimalError::Range)
}

/// A string's text, its escapes resolved.
fn resolved<'a, 'm: 'a>(
    cursor: &mut Cursor<'m>,
    scratch: &'a mut [u8; SCRATCH_LIMIT],
) -> Result<&'a [u8]> {
    let start = cursor.at;
    cursor
        .string()?
        .resolve(scratch)
        .ok_or_else(|| cursor.error_at(start, Kind::TextLength { limit: SCRATCH_LIMIT }))
}

/// Any text.
pub(super) fn text<'m>(cursor: &mut Cursor<'m>) -> Result<Text<'m>> {
    cursor.string().map(Text::new)
}

/// A text or null.
pub(super) fn nullable_text<'m>(cursor: &mut Cursor<'m>) -> Result<Option<Text<'m>>> {
    if cursor.peek() == Some(b'n') {
        cursor.skip_value().map(|()| None)
    } else {
        text(cursor).map(Some)
    }
}

/// The name of an order, as its client gave it.
pub(super) fn client_order_id(cursor: &mut Cursor<'_>) -> Result<ClientOrderId> {
    let start = cursor.at;
    let mut scratch = [0; SCRATCH_LIMIT];
    let name = ClientOrderId::new(resolved(cursor, &mut scratch)?);
    name.map_err(|error| cursor.error_at(start, Kind::Text(error)))
}

pub(super) fn unsigned(cursor: &mut Cursor<'_>) -> Result<u64> {
    cursor.unsigned()
}

pub(super) fn order_id(cursor: &mut Cursor<'_>) -> Result<OrderId> {
    cursor.unsigned().map(OrderId)
}

/// A number, or -1 for none.
pub(super) fn unless_negative(cursor: &mut Cursor<'_>) -> Result<Option<u64>> {
    if cursor.peek() != Some(b'-') {
        return cursor.unsigned().map(Some);
    }
    let start = cursor.at;
    cursor.at += 1;
    match cursor.unsigned()? {
        1 => Ok(None),
        _ => Err(cursor.error_at(start, Kind::Range)),
    }
}

pub(super) fn list_id(cursor: &mut Cursor<'_>) -> Result<Option<ListId>> {
    unless_negative(cursor).map(|id| id.map(ListId))
}

pub(super) fn trade_id(cursor: &mut Cursor<'_>) -> Result<Option<TradeId>> {
    unless_negative(cursor).map(|id| id.map(TradeId))
}

/// A whole number of 32 bits, with its sign.
pub(super) fn integer(cursor: &mut Cursor<'_>) -> Result<i32> {
    let start = cursor.at;
    let is_negative = cursor.peek() == Some(b'-');
    cursor.at += usize::from(is_negative);
    let magnitude = i64::try_from(cursor.unsigned()?).unwrap_or(i64::MAX);
    let number = i32::try_from(if is_negative { -magnitude } else { magnitude });
    number.map_err(|_| cursor.error_at(start, Kind::Range))
}

/// A word, which `find` knows or does not.
fn word_or_none<T>(cursor: &mut Cursor<'_>, find: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
    let mut scratch = [0; SCRATCH_LIMIT];
    // One that is too long is none of ours.
    let text = cursor.string()?.resolve(&mut scratch).map(core::str::from_utf8);
    Ok(text.and_then(core::result::Result::ok).and_then(find))
}

/// A word that means nothing else than what it did.
pub(super) fn word<T>(cursor: &mut Cursor<'_>, find: impl Fn(&str) -> Option<T>) -> Result<T> {
    let start = cursor.at;
    word_or_none(cursor, find)?.ok_or_else(|| cursor.error_at(start, Kind::UnknownWord))
}

pub(super) fn side(cursor: &mut Cursor<'_>) -> Result<Side> {
    word(cursor, |text| Side::ALL.iter().copied().find(|side| words::side(*side) == text))
}

pub(super) fn status(cursor: &mut Cursor<'_>) -> Result<OrderStatus> {
    word(cursor, OrderStatus::from_text)
}

pub(super) fn execution_type(cursor: &mut Cursor<'_>) -> Result<ExecutionType> {
    word(cursor, ExecutionType::from_text)
}

/// None of a type that is not known: an order of another client, then.
pub(super) fn order_type(cursor: &mut Cursor<'_>) -> Result<Option<OrderType>> {
    word_or_none(cursor, OrderType::from_text)
}

pub(super) fn time_in_force(cursor: &mut Cursor<'_>) -> Result<Option<TimeInForce>> {
    word_or_none(cursor, TimeInForce::from_text)
}

pub(super) fn self_trade_prevention(
    cursor: &mut Cursor<'_>,
) -> Result<Option<SelfTradePrevention>> {
    let all = SelfTradePrevention::ALL.iter().copied();
    word_or_none(cursor, |text| {
        all.clone().find(|mode| words::self_trade_prevention(*mode) == text)
    })
}

/// A field that is read at most once.
#[derive(Clone, Copy)]
pub(super) struct Slot<T> {
    field: &'static str,
    pub(super) value: Option<T>,
}

impl<T> Slot<T> {
    pub(super) const fn new(field: &'static str) -> Self {
        Self { field, value: None }
    }

    /// Reads the value, unless there is one already.
    pub(super) fn fill<'m>(
        &mut self,
        cursor: &mut Cursor<'m>,
        read: impl FnOnce(&mut Cursor<'m>) -> Result<T>,
    ) -> Result<()> {
        cursor.field = self.field;
        if self.value.is_some() {
            return cursor.refuse(Kind::Duplicate);
        }
        self.value = Some(read(cursor)?);
        Ok(())
    }

    /// The value; `cursor` stands at the end of the object that should have it.
    pub(super) fn take(self, cursor: &Cursor<'_>) -> Result<T> {
        let missing = DecodeError { offset: cursor.at, field: self.field, kind: Kind::Missing };
        self.value.ok_or(missing)
    }
}

impl<T> Slot<Option<T>> {
    /// As if a value that is none were not there.
    pub(super) fn flatten(self) -> Slot<T> {
        Slot { field: self.field, value: self.value.flatten() }
    }
}
