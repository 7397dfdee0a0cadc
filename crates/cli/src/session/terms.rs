//! An instrument's terms as fields of a line.

use tiercel_types::{InstrumentId, InstrumentSpec, InstrumentState, Price, Qty, Symbol};

use super::names::Names;
use super::words::{LineError, Words};

/// Changes `spec` by the fields that a line gives.
pub(super) fn read_terms(
    words: &mut Words,
    names: &Names,
    spec: &mut InstrumentSpec,
) -> Result<(), LineError> {
    let price = |text: &str| text.parse::<Price>();
    let qty = |text: &str| text.parse::<Qty>();
    let ppm = |text: &str| text.parse::<u32>();
    let signed_ppm = |text: &str| text.parse::<i32>();
    set(&mut spec.tick, words.parsed("tick", price)?);
    set(&mut spec.lot, words.parsed("lot", qty)?);
    set(&mut spec.min_price, words.parsed("min_price", price)?);
    set(&mut spec.max_price, words.parsed("max_price", price)?);
    set(&mut spec.min_qty, words.parsed("min_qty", qty)?);
    set(&mut spec.max_qty, words.parsed("max_qty", qty)?);
    set(&mut spec.min_notional, words.parsed("min_notional", qty)?);
    set(&mut spec.max_notional, words.parsed("max_notional", qty)?);
    set(&mut spec.reference_price, words.parsed("reference_price", price)?);
    set(&mut spec.band_ppm, words.parsed("band_ppm", ppm)?);
    set(&mut spec.maker_fee_ppm, words.parsed("maker_fee_ppm", signed_ppm)?);
    set(&mut spec.taker_fee_ppm, words.parsed("taker_fee_ppm", signed_ppm)?);
    set(&mut spec.market_protection_ppm, words.parsed("market_protection_ppm", ppm)?);
    set(&mut spec.max_iceberg_parts, words.parsed("max_iceberg_parts", ppm)?);
    set(&mut spec.tracks_volume, words.parsed("tracks_volume", str::parse::<u8>)?);
    set(&mut spec.state, words.parsed("state", parse_state)?);
    set(&mut spec.symbol, words.parsed("symbol", str::parse::<Symbol>)?);
    if let Some(text) = words.value("base") {
        spec.base = names.asset(&text)?;
    }
    if let Some(text) = words.value("quote") {
        spec.quote = names.asset(&text)?;
    }
    Ok(())
}

/// The number of an instrument to be added.
pub(super) fn read_number(words: &mut Words, names: &Names) -> Result<InstrumentId, LineError> {
    let number = words.parsed("n", |text| text.parse().map(InstrumentId))?;
    Ok(number.unwrap_or_else(|| names.next_instrument()))
}

/// Reads a state's text.
pub(super) fn parse_state(text: &str) -> Result<InstrumentState, &'static str> {
    InstrumentState::from_text(text).ok_or("no such state")
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
